/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate.h"

#include "metacore/modelbase/modelbase.h"
#include "metacore/sqlgate/sqlgate_internal.h"

#include <pg_query.h>
#include <stdarg.h>
#include <stdio.h>

#define TABLES_MAX 500

mc_code mc__gate_refuse(mc__gate *g, const char *fmt, ...)
{
    char what[128];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args); /* cut when it is longer */
    va_end(args);
    return mc_fail(g->err, MC_FORBIDDEN, "migration: at byte %d: %s", (int)g->at, what);
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

/* ---- names ---- */

static bool is_name(mc_str s)
{
    return mc_str_is_identifier(s) && !mc_str_starts_with(s, MC_STR("sqlite_"));
}

mc_code mc__gate_column_name(mc__gate *g, const char *name, mc_str *out)
{
    *out = mc_z(name);
    return is_name(*out) ? MC_OK
                         : mc__gate_refuse(g, "\"%.40s\" is no column name", name ? name : "");
}

mc_code mc__gate_relation(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *out,
                          mc_str *out_name)
{
    mc_str schema = mc_z(relation ? relation->schemaname : NULL);
    mc_str name = mc_z(relation ? relation->relname : NULL);

    if (!relation || mc_z(relation->catalogname).len ||
        (schema.len && !mc_str_eq(schema, g->schema)))
        return mc__gate_refuse(g, "relation %.40s.%.40s is not the addon's",
                               schema.ptr ? schema.ptr : "", name.ptr ? name.ptr : "");
    if (!is_name(name))
        return mc__gate_refuse(g, "\"%.40s\" is no table name", name.ptr ? name.ptr : "");
    if (mc_z(relation->relpersistence).len && relation->relpersistence[0] != 'p')
        return mc__gate_refuse(g, "temporary and unlogged tables");
    mc_buf_str(out, mc_physical_name(g->arena, MC_DB_SQLITE, g->config->addon_key, name));
    if (out_name)
        *out_name = name;
    return MC_OK;
}

bool mc__gate_table_has(mc__gate *g, mc_str table, mc_str column)
{
    bool is_org = mc_str_eq(column, MC_STR("organization_id"));

    for (size_t i = 0; i < g->table_count; i++) {
        if (mc_str_eq(g->tables[i].name, table))
            return is_org ? g->tables[i].has_org : g->tables[i].has_deleted;
    }
    return g->config->has_column &&
           g->config->has_column(g->config->has_column_user, table, column);
}

/* ---- small statements ---- */

static mc_code drop(mc__gate *g, const PgQuery__DropStmt *stmt)
{
    bool is_index = stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_INDEX;

    if (!is_index && stmt->remove_type != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
        return mc__gate_refuse(g, "DROP of anything but tables and indexes");
    if (stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE)
        return mc__gate_refuse(g, "DROP … CASCADE");
    for (size_t i = 0; i < stmt->n_objects; i++) {
        const PgQuery__Node *node = stmt->objects[i];
        mc_str name, schema = MC_STR("");
        mc_buf sql;
        mc_code rc;

        if (node->node_case != PG_QUERY__NODE__NODE_LIST || node->list->n_items < 1 ||
            node->list->n_items > 2)
            return mc__gate_refuse(g, "DROP of a name with a catalog");
        name = mc_z(node->list->items[node->list->n_items - 1]->string->sval);
        if (node->list->n_items == 2)
            schema = mc_z(node->list->items[0]->string->sval);
        if ((schema.len && !mc_str_eq(schema, g->schema)) || !is_name(name))
            return mc__gate_refuse(g, "DROP of what is not the addon's");
        mc_buf_init_arena(&sql, g->arena, 0);
        mc_buf_str(&sql, is_index ? MC_STR("DROP INDEX ") : MC_STR("DROP TABLE "));
        if (stmt->missing_ok)
            mc_buf_lit(&sql, "IF EXISTS ");
        mc_buf_str(&sql, mc_physical_name(g->arena, MC_DB_SQLITE, g->config->addon_key, name));
        rc = mc__gate_emit(g, &sql);
        if (rc != MC_OK)
            return rc;
    }
    return MC_OK;
}

static mc_code insert_row(mc__gate *g, const PgQuery__Node *row, mc_buf *sql)
{
    mc_code rc = MC_OK;

    if (row->node_case != PG_QUERY__NODE__NODE_LIST)
        return mc__gate_refuse(g, "INSERT of anything but VALUES");
    mc_buf_char(sql, '(');
    for (size_t i = 0; i < row->list->n_items && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_lit(sql, ", ");
        rc = mc__gate_expr(g, row->list->items[i], MC__GATE_PLAIN, sql);
    }
    mc_buf_char(sql, ')');
    return rc;
}

static mc_code insert(mc__gate *g, const PgQuery__InsertStmt *stmt)
{
    const PgQuery__SelectStmt *select;
    mc_buf sql;
    mc_code rc;

    if (stmt->on_conflict_clause || stmt->n_returning_list || stmt->with_clause ||
        !stmt->select_stmt || stmt->select_stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT ||
        stmt->select_stmt->select_stmt->n_values_lists == 0)
        return mc__gate_refuse(g, "INSERT of anything but VALUES");
    select = stmt->select_stmt->select_stmt;
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "INSERT INTO ");
    rc = mc__gate_relation(g, stmt->relation, &sql, NULL);
    for (size_t i = 0; i < stmt->n_cols && rc == MC_OK; i++) {
        mc_str name;

        if (stmt->cols[i]->node_case != PG_QUERY__NODE__NODE_RES_TARGET)
            return mc__gate_refuse(g, "INSERT into anything but columns");
        rc = mc__gate_column_name(g, stmt->cols[i]->res_target->name, &name);
        mc_buf_str(&sql, i == 0 ? MC_STR(" (") : MC_STR(", "));
        mc_buf_sql_ident(&sql, name);
    }
    mc_buf_str(&sql, stmt->n_cols ? MC_STR(") VALUES ") : MC_STR(" VALUES "));
    for (size_t i = 0; i < select->n_values_lists && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_lit(&sql, ", ");
        rc = insert_row(g, select->values_lists[i], &sql);
    }
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}

static mc_code extension(mc__gate *g, const PgQuery__CreateExtensionStmt *stmt)
{
    mc_str name = mc_z(stmt->extname);

    if (mc_str_eq(name, MC_STR("pgcrypto")) || mc_str_eq(name, MC_STR("uuid-ossp")))
        return MC_OK; /* what they bring is there already */
    return mc__gate_refuse(g, "CREATE EXTENSION %.40s", stmt->extname ? stmt->extname : "");
}

/* ---- the file ---- */

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
        return insert(g, node->insert_stmt);
    case PG_QUERY__NODE__NODE_COMMENT_STMT:
        return MC_OK;
    case PG_QUERY__NODE__NODE_CREATE_EXTENSION_STMT:
        return extension(g, node->create_extension_stmt);
    default:
        return mc__gate_refuse(g, "a statement that may not stand in a migration");
    }
}

static mc_code translate(mc__gate *g, const PgQueryProtobuf *tree)
{
    PgQuery__ParseResult *result =
        pg_query__parse_result__unpack(NULL, tree->len, (const uint8_t *)tree->data);
    mc_code rc = MC_OK;

    if (!result)
        return mc_fail(g->err, MC_NO_MEMORY, "migration");
    for (size_t i = 0; i < result->n_stmts && rc == MC_OK; i++) {
        g->at = result->stmts[i]->stmt_location;
        rc = statement(g, result->stmts[i]->stmt);
    }
    pg_query__parse_result__free_unpacked(result, NULL);
    return rc;
}

mc_code mc_sqlgate_migration(const mc_sqlgate_config *config, mc_arena *arena, mc_str sql,
                             mc_strs *out, mc_err *err)
{
    mc__gate g = {.config = config, .arena = arena, .err = err};
    PgQueryProtobufParseResult parsed;
    char *text;
    mc_code rc;

    if (sql.len > MC_SQLGATE_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "migration: larger than 1 MiB");
    if (sql.len && memchr(sql.ptr, '\0', sql.len))
        return mc_fail(err, MC_INVALID, "migration: a NUL in the text");
    text = mc_str_z(arena, sql);
    g.schema = mc_schema_name(arena, config->addon_key);
    g.statements = mc_arena_array(arena, mc_str, MC_SQLGATE_STATEMENTS_MAX);
    g.tables = mc_arena_array(arena, mc__gate_table, TABLES_MAX);
    if (!text || !g.schema.ptr || !g.statements || !g.tables)
        return mc_fail(err, MC_NO_MEMORY, "migration");
    parsed = pg_query_parse_protobuf(text);
    if (parsed.error)
        rc = mc_fail(err, MC_INVALID, "migration: at byte %d: %.120s", parsed.error->cursorpos,
                     parsed.error->message);
    else
        rc = translate(&g, &parsed.parse_tree);
    pg_query_free_protobuf_parse_result(parsed);
    if (rc != MC_OK)
        return rc;
    *out = (mc_strs){g.statements, g.statement_count};
    return MC_OK;
}
