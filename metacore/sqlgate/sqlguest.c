/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest's text to a statement of ours. */
#include "metacore/sqlgate/sqlguest.h"

#include "metacore/base/utf8.h"
#include "metacore/sqlgate/sqlguest_internal.h"

#include <stdarg.h>
#include <stdio.h>

const char *mc_sql_kind_name(mc_sql_kind kind)
{
    static const char *const names[] = {
        [MC_SQL_ANY] = NULL,           [MC_SQL_BOOL] = "bool", [MC_SQL_INT] = "int8",
        [MC_SQL_DECIMAL] = "numeric",  [MC_SQL_TEXT] = "text", [MC_SQL_UUID] = "uuid",
        [MC_SQL_TIME] = "timestamptz", [MC_SQL_DATE] = "date", [MC_SQL_JSON] = "jsonb",
        [MC_SQL_BYTES] = "bytea"};

    return names[kind];
}

mc_code mc__sql_refuse(mc__sql *q, mc_code code, const char *fmt, ...)
{
    char what[160];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args); /* cut when it is longer */
    va_end(args);
    return mc_fail(q->err, code, "%s", what);
}

mc_code mc__sql_unknown(mc__sql *q, const char *what)
{
    return mc_fail(q->err, MC_INVALID, "%s is not provided", what);
}

mc_str mc__sql_keep(mc__sql *q, mc_str text)
{
    q->is_out_of_memory |= text.ptr == NULL;
    return text;
}

unsigned mc__sql_own_param(mc__sql *q, unsigned number)
{
    if (number > q->out->arg_count)
        q->out->arg_count = number;
    return number;
}

mc_str mc__sql_new_name(mc__sql *q)
{
    return mc__sql_text(q, "\"$%u\"", ++q->names);
}

/* ---- the text ---- */

/* Its first word, as the author sees it, in capitals. */
static void first_word(mc_str sql, char out[16])
{
    size_t at = 0, len = 0;

    while (at < sql.len) {
        char c = sql.ptr[at];

        if (c == '-' && at + 1 < sql.len && sql.ptr[at + 1] == '-') {
            at = mc_str_find_char(sql, at, '\n');
        } else if (c == '/' && at + 1 < sql.len && sql.ptr[at + 1] == '*') {
            mc_str rest = mc_str_slice(sql, at + 2, sql.len);

            at += 4 + mc_str_find(rest, MC_STR("*/")); /* one within another: a word too early */
        } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            break;
        } else {
            at++;
        }
    }
    for (; at < sql.len && len < 15; at++) {
        char c = sql.ptr[at];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c < 'A' || c > 'Z')
            break;
        out[len++] = c;
    }
    out[len] = '\0';
}

static mc_code check_text(mc_str sql, mc_err *err)
{
    if (sql.len > MC_SQLGUEST_BYTES_MAX)
        return mc_fail(err, MC_INVALID, "sql exceeds %zu byte cap", MC_SQLGUEST_BYTES_MAX);
    if (mc_str_trim(sql).len == 0)
        return mc_fail(err, MC_INVALID, "empty statement");
    if (memchr(sql.ptr, '\0', sql.len) || !mc_utf8_is_valid(sql))
        return mc_fail(err, MC_INVALID, "sql is not UTF-8 text");
    return MC_OK;
}

/* ---- the statement ---- */

static mc_code select_statement(mc__sql *q, const PgQuery__SelectStmt *stmt)
{
    mc__sql_scope nothing = {0};
    mc__sql_result result;
    mc_code rc = mc__sql_select(q, stmt, &nothing, NULL, 0, &result);
    mc_sqlguest_column *columns;

    if (rc != MC_OK)
        return rc;
    columns = mc_arena_array(q->arena, mc_sqlguest_column, result.count);
    if (!columns)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    for (size_t i = 0; i < result.count; i++)
        columns[i] = (mc_sqlguest_column){result.columns[i].name, result.columns[i].kind,
                                          result.columns[i].type};
    q->out->sql = result.sql;
    q->out->columns = columns;
    q->out->column_count = result.count;
    return MC_OK;
}

static mc_code write_statement(mc__sql *q, const PgQuery__Node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        return mc__sql_insert(q, node->insert_stmt);
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        return mc__sql_update(q, node->update_stmt);
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        return mc__sql_delete(q, node->delete_stmt);
    default:
        return mc__sql_unknown(q, "MERGE");
    }
}

static mc_code translate(mc__sql *q, const PgQuery__ParseResult *tree, mc_str sql)
{
    const PgQuery__Node *node;
    char word[16];

    if (tree->n_stmts == 0)
        return mc_fail(q->err, MC_INVALID, "empty statement");
    if (tree->n_stmts > 1)
        return mc_fail(q->err, MC_INVALID, "multiple statements not allowed");
    node = tree->stmts[0]->stmt;
    first_word(sql, word);
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        if (!q->config->is_exec)
            return select_statement(q, node->select_stmt);
        break;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT:
    case PG_QUERY__NODE__NODE_MERGE_STMT:
        if (q->config->is_exec)
            return write_statement(q, node);
        break;
    default:
        break;
    }
    return mc_fail(q->err, MC_INVALID,
                   q->config->is_exec ? "only INSERT/UPDATE/DELETE/MERGE allowed (got \"%s\")"
                                      : "only SELECT / WITH … SELECT allowed (got \"%s\")",
                   word);
}

static mc_code finish(mc__sql *q, mc_sqlguest_statement *statement, mc_sqlguest_statement *out)
{
    mc_str *reads = mc_arena_array(q->arena, mc_str, MC__SQL_READS_MAX);

    if (q->is_out_of_memory || !reads || !statement->sql.ptr)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    if (statement->reads.count)
        memcpy(reads, q->reads, statement->reads.count * sizeof(*reads));
    statement->reads.items = reads;
    if (statement->arg_count < statement->param_count)
        statement->arg_count = statement->param_count;
    *out = *statement;
    return MC_OK;
}

mc_code mc_sqlguest_translate(const mc_sqlguest_config *config, mc_arena *arena, mc_str sql,
                              mc_sqlguest_statement *out, mc_err *err)
{
    mc_sqlguest_statement *statement = mc_arena_object(arena, mc_sqlguest_statement);
    mc__sql *q = mc_arena_object(arena, mc__sql);
    PgQuery__ParseResult *tree = NULL;
    char *text;
    mc_code rc = check_text(sql, err);

    if (rc != MC_OK)
        return rc;
    text = mc_str_z(arena, sql);
    if (!statement || !q || !text)
        return mc_fail(err, MC_NO_MEMORY, "statement");
    *q = (mc__sql){.config = config, .arena = arena, .err = err, .out = statement};
    q->gate = (mc__gate){.arena = arena, .is_guest = true, .text = text, .err = err};
    rc = mc__gate_parse(text, true, &tree, err);
    if (rc != MC_OK)
        return rc;
    rc = translate(q, tree, sql);
    pg_query__parse_result__free_unpacked(tree, NULL);
    return rc == MC_OK ? finish(q, statement, out) : rc;
}
