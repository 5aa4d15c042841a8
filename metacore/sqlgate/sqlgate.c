/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate.h"

#include "metacore/base/utf8.h"
#include "metacore/modelbase/modelbase.h"
#include "metacore/sqlgate/sqlgate_internal.h"

#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Behind a comment that begins at p; comments may hold comments. NULL: it does not end. */
static const char *skip_comment(const char *p)
{
    int depth = 0;

    do {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (p[0] == '*' && p[1] == '/') {
            depth--;
            p += 2;
        } else if (*p++ == '\0') {
            return NULL;
        }
    } while (depth > 0);
    return p;
}

/* Of the statement's first word: what the parser calls its place begins after the last ';'. */
static unsigned line_of(const mc__gate *g)
{
    const char *p = g->text + g->at;
    unsigned line = 1;

    for (;;) {
        if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
            p++;
        else if (p[0] == '-' && p[1] == '-')
            p += strcspn(p, "\n");
        else if (p[0] == '/' && p[1] == '*' && skip_comment(p))
            p = skip_comment(p);
        else
            break;
    }
    for (const char *c = g->text; c < p; c++)
        line += *c == '\n';
    return line;
}

mc_code mc__gate_refuse(mc__gate *g, const char *fmt, ...)
{
    char what[128];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args); /* cut when it is longer */
    va_end(args);
    if (g->is_guest)
        return mc_fail(g->err, MC_REJECTED, "%s", what);
    return mc_fail(g->err, MC_FORBIDDEN, "migration: line %u: %s", line_of(g), what);
}

void mc__gate_tell_unowned(const mc__gate *g)
{
    mc_err what;

    if (!g->config->on_unowned)
        return;
    MC_IGNORE(mc_fail(&what, MC_INVALID,
                      "migration: line %u: rows of %.*s without organization_id, which nobody sees",
                      line_of(g), MC_FMT(g->table))); /* it is no failure here */
    g->config->on_unowned(g->config->on_unowned_user, &what);
}

mc_code mc__gate_emit(mc__gate *g, mc_buf *sql)
{
    mc_code rc = mc_buf_check(sql, "migration", g->err);

    if (rc != MC_OK)
        return rc;
    if (g->statement_count == MC_SQLGATE_STATEMENTS_MAX)
        return mc_fail(g->err, MC_TOO_LARGE, "migration: more than %d statements",
                       MC_SQLGATE_STATEMENTS_MAX);
    g->statements[g->statement_count++] = mc_buf_get(sql);
    return MC_OK;
}

/* ---- small statements ---- */

static mc_code drop_one(mc__gate *g, const PgQuery__Node *node, bool is_index, bool missing_ok)
{
    mc_str schema = MC_STR(""), name;
    const PgQuery__List *names;
    mc_buf sql;
    mc_code rc;

    if (node->node_case != PG_QUERY__NODE__NODE_LIST || node->list->n_items < 1 ||
        node->list->n_items > 2)
        return mc__gate_refuse(g, "DROP of a name with a catalog");
    names = node->list;
    if (names->n_items == 2)
        schema = mc_z(names->items[0]->string->sval);
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_str(&sql, is_index ? MC_STR("DROP INDEX ") : MC_STR("DROP TABLE "));
    if (missing_ok || is_index) /* an index that the store has no use for was never made */
        mc_buf_lit(&sql, "IF EXISTS ");
    rc = mc__gate_own_name(g, schema, is_index ? "index" : "table",
                           names->items[names->n_items - 1]->string->sval, &sql, &name);
    if (rc == MC_OK && !is_index)
        rc = mc__gate_note_table(g, name, true);
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}

static mc_code drop(mc__gate *g, const PgQuery__DropStmt *stmt)
{
    bool is_index = stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_INDEX;
    bool is_type = stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_TYPE;
    mc_code rc = MC_OK;

    /* None of ours was ever made. */
    if (stmt->missing_ok && (stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_POLICY ||
                             stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER))
        return MC_OK;
    if (!is_index && !is_type && stmt->remove_type != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
        return mc__gate_refuse(g, "DROP of anything but tables, indexes and types");
    if (stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE)
        return mc__gate_refuse(g, "DROP … CASCADE");
    for (size_t i = 0; i < stmt->n_objects && rc == MC_OK; i++)
        rc = is_type ? mc__gate_drop_enum(g, stmt->objects[i], stmt->missing_ok)
                     : drop_one(g, stmt->objects[i], is_index, stmt->missing_ok);
    return rc;
}

/* ---- the file ---- */

/* The parser's own name of a statement: "copy_stmt". */
static const char *kind_of(const PgQuery__Node *node)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
        &pg_query__node__descriptor, (unsigned)node->node_case);

    return field ? field->name : "this";
}

static mc_code statement(mc__gate *g, const PgQuery__Node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_CREATE_STMT:
        return mc__gate_create_table(g, node->create_stmt);
    case PG_QUERY__NODE__NODE_INDEX_STMT:
        return mc__gate_create_index(g, node->index_stmt);
    case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
        return mc__gate_alter_table(g, node->alter_table_stmt);
    case PG_QUERY__NODE__NODE_DROP_STMT:
        return drop(g, node->drop_stmt);
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        return mc__gate_insert(g, node->insert_stmt);
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        return mc__gate_update(g, node->update_stmt);
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        return mc__gate_delete(g, node->delete_stmt);
    case PG_QUERY__NODE__NODE_RENAME_STMT:
        return mc__gate_rename(g, node->rename_stmt);
    case PG_QUERY__NODE__NODE_COMMENT_STMT:
        return MC_OK;
    case PG_QUERY__NODE__NODE_CREATE_EXTENSION_STMT:
        return mc__gate_extension(g, node->create_extension_stmt);
    case PG_QUERY__NODE__NODE_CREATE_ENUM_STMT:
        return mc__gate_create_enum(g, node->create_enum_stmt);
    case PG_QUERY__NODE__NODE_ALTER_ENUM_STMT:
        return mc__gate_alter_enum(g, node->alter_enum_stmt);
    case PG_QUERY__NODE__NODE_CREATE_POLICY_STMT:
        return mc__gate_policy(g, node->create_policy_stmt);
    case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
        return mc__gate_function(g, node->create_function_stmt);
    case PG_QUERY__NODE__NODE_CREATE_TRIG_STMT:
        return mc__gate_trigger(g, node->create_trig_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
        return mc__gate_set(g, node->variable_set_stmt);
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
        return mc__gate_transaction(g, node->transaction_stmt);
    case PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT:
        return mc__gate_schema(g, node->create_schema_stmt);
    default:
        return mc__gate_refuse(g, "%s may not stand in a migration", kind_of(node));
    }
}

static mc_code translate(mc__gate *g, const PgQuery__ParseResult *tree)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < tree->n_stmts && rc == MC_OK; i++) {
        g->at = tree->stmts[i]->stmt_location;
        g->table = MC_STR("");
        rc = statement(g, tree->stmts[i]->stmt);
        if (g->config->on_refused && (rc == MC_FORBIDDEN || rc == MC_INVALID)) {
            g->config->on_refused(g->config->on_refused_user, g->err);
            rc = MC_OK;
        }
    }
    return rc;
}

mc_code mc_sqlgate_migration(const mc_sqlgate_config *config, mc_arena *arena, mc_str sql,
                             mc_strs *out, mc_err *err)
{
    mc__gate g = {.config = config,
                  .arena = arena,
                  .dialect = config->dialect ? config->dialect : MC_DB_SQLITE,
                  .err = err};
    PgQuery__ParseResult *tree = NULL;
    char *text;
    mc_code rc;

    if (sql.len > MC_SQLGATE_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "migration: larger than 1 MiB");
    if (sql.len && memchr(sql.ptr, '\0', sql.len))
        return mc_fail(err, MC_INVALID, "migration: a NUL in the text");
    if (!mc_utf8_is_valid(sql))
        return mc_fail(err, MC_INVALID, "migration: the text is not UTF-8");
    text = mc_str_z(arena, sql);
    g.own_name = mc_schema_name(arena, config->addon_key);
    g.schema = config->schema.len ? config->schema : g.own_name;
    g.text = text;
    g.touches = mc_arena_array(arena, mc_str, MC__GATE_TABLES_MAX);
    g.statements = mc_arena_array(arena, mc_str, MC_SQLGATE_STATEMENTS_MAX);
    g.tables = mc_arena_array(arena, mc__gate_table, MC__GATE_TABLES_MAX);
    if (!text || !g.schema.ptr || !g.statements || !g.tables || !g.touches)
        return mc_fail(err, MC_NO_MEMORY, "migration");
    rc = mc__gate_parse(text, false, &tree, err);
    if (rc != MC_OK)
        return rc;
    rc = translate(&g, tree);
    pg_query__parse_result__free_unpacked(tree, NULL);
    if (rc != MC_OK)
        return rc;
    *out = (mc_strs){g.statements, g.statement_count};
    return MC_OK;
}
