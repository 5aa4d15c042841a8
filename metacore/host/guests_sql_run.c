/* SPDX-License-Identifier: Apache-2.0 */
/* A translated statement, run behind its guard, and its rows as JSON. */
#include "metacore/base/utf8.h"
#include "metacore/host/guests_sql_internal.h"

#define ROWS_BYTES_MAX (MC_WASM_MESSAGE_MAX - 4096) /* the rest of the answer is small */
#define VALUE_BYTES_MAX ((size_t)16 << 20)

/* ---- rows ---- */

static bool is_number(mc_str text)
{
    size_t at = text.len && text.ptr[0] == '-', points = 0;

    if (at == text.len || text.ptr[at] == '.' || text.ptr[text.len - 1] == '.')
        return false;
    for (; at < text.len; at++) {
        points += text.ptr[at] == '.';
        if ((text.ptr[at] < '0' || text.ptr[at] > '9') && (text.ptr[at] != '.' || points > 1))
            return false;
    }
    return true;
}

static void write_text(mc_sql_kind kind, mc_str text, mc_buf *out)
{
    if (kind == MC_SQL_JSON || (kind == MC_SQL_DECIMAL && is_number(text)))
        mc_buf_str(out, text);
    else
        mc_json_write_str(out, text);
}

/* What whole numbers become that are too large for such: JSON has no infinity. */
static void write_float(mc_str text, mc_buf *out)
{
    char last = text.len ? text.ptr[text.len - 1] : 'f';

    mc_buf_str(out, last >= '0' && last <= '9' ? text : MC_STR("null"));
}

static void write_cell(mc_db_rows *rows, size_t at, mc_sql_kind kind, mc_buf *out)
{
    mc_db_kind held = mc_db_col_kind(rows, at);

    if (held == MC_DB_NULL)
        mc_buf_lit(out, "null");
    else if (kind == MC_SQL_BOOL)
        mc_buf_str(out, mc_db_col_int(rows, at) ? MC_STR("true") : MC_STR("false"));
    else if (held == MC_DB_INT)
        mc_buf_i64(out, mc_db_col_int(rows, at));
    else if (held == MC_DB_DECIMAL)
        write_float(mc_db_col_text(rows, at), out);
    else
        write_text(kind, mc_db_col_text(rows, at), out);
}

/* Keys in order, as the contract's maps have them; of several of one name the last. */
static mc_code order_columns(const mc__guest_sql *s, size_t **out, size_t *out_count, mc_err *err)
{
    const mc_sqlguest_column *columns = s->statement.columns;
    size_t *order = mc_arena_array(s->ctx->arena, size_t, s->statement.column_count + 1);
    size_t count = 0;

    if (!order)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    for (size_t i = 0; i < s->statement.column_count; i++) {
        size_t at = count;

        while (at > 0 && mc_str_cmp(columns[order[at - 1]].name, columns[i].name) > 0)
            at--;
        if (at > 0 && mc_str_eq(columns[order[at - 1]].name, columns[i].name)) {
            order[at - 1] = i;
            continue;
        }
        memmove(&order[at + 1], &order[at], (count - at) * sizeof(*order));
        order[at] = i;
        count++;
    }
    *out = order;
    *out_count = count;
    return MC_OK;
}

static void write_row(mc__guest_sql *s, mc_db_rows *rows, const size_t *order, size_t count)
{
    mc_buf *out = &s->rows;

    mc_buf_str(out, out->len ? MC_STR(",{") : MC_STR("{"));
    for (size_t i = 0; i < count; i++) {
        const mc_sqlguest_column *column = &s->statement.columns[order[i]];

        mc_buf_str(out, i ? MC_STR(",") : MC_STR(""));
        mc_json_write_str(out, column->name);
        mc_buf_char(out, ':');
        write_cell(rows, order[i], column->kind, out);
    }
    mc_buf_char(out, '}');
}

void mc__guest_sql_write_columns(const mc__guest_sql *s, mc_buf *out)
{
    mc_buf_lit(out, "\"columns\":[");
    for (size_t i = 0; i < s->statement.column_count; i++) {
        const mc_sqlguest_column *column = &s->statement.columns[i];
        const char *type = column->type ? column->type : mc_sql_kind_name(column->kind);

        mc_buf_str(out, i ? MC_STR(",{\"name\":") : MC_STR("{\"name\":"));
        mc_json_write_str(out, column->name);
        if (type)
            mc_buf_printf(out, ",\"type\":\"%s\"", type);
        mc_buf_char(out, '}');
    }
    mc_buf_char(out, ']');
}

static mc_code too_much(mc__guest_sql *s, const char *what, mc_err *err)
{
    s->code = "row_limit_exceeded";
    return mc_fail(err, MC_TOO_LARGE, "%s", what);
}

static mc_code read_rows(mc__guest_sql *s, mc_db_rows *rows, mc_err *err)
{
    size_t *order = NULL, count = 0;
    mc_code rc = order_columns(s, &order, &count, err);

    while (rc == MC_OK && mc_db_rows_next(rows)) {
        if (++s->row_count > MC__GUEST_SQL_ROWS_MAX)
            return too_much(s, "result exceeded 10000 rows", err);
        if (s->statement.has_id)
            s->ids[s->id_count++] = mc_db_col_uuid(rows, s->statement.column_count);
        if (count)
            write_row(s, rows, order, count);
        if (mc_buf_failed(&s->rows))
            rc = s->rows.is_over ? too_much(s, "response exceeds size cap", err)
                                 : mc_fail(err, MC_NO_MEMORY, "guest");
    }
    return rc;
}

/* ---- running ---- */

static mc_code reset(mc__guest_sql *s, mc_err *err)
{
    mc_buf_init_arena(&s->rows, s->ctx->arena, ROWS_BYTES_MAX);
    s->row_count = s->id_count = 0;
    if (s->statement.has_id && !s->ids)
        s->ids = mc_arena_array(s->ctx->arena, mc_uuid, MC__GUEST_SQL_ROWS_MAX);
    return !s->statement.has_id || s->ids ? MC_OK : mc_fail(err, MC_NO_MEMORY, "guest");
}

static mc_code explain(mc__guest_sql *s, mc_code rc, mc_err *err)
{
    if (rc == MC_INTERRUPTED)
        return mc_fail(err, MC_TIMEOUT, "statement took longer than %lld ms",
                       (long long)(s->budget_us / 1000));
    if (rc == MC_FORBIDDEN)
        mc_log_error(s->call->guests->app->config.log, "guest.sql_denied",
                     MC_KV_STR("addon", s->call->guest->manifest->key),
                     MC_KV_UUID("org", s->ctx->who.org_id), MC_KV_ERR("error", err));
    return rc;
}

mc_code mc__guest_sql_run(mc__guest_sql *s, mc_db_conn *conn, mc_err *err)
{
    const mc_sqlguest_statement *statement = &s->statement;
    mc_str schema = mc_str_slice(statement->target.stored, 0,
                                 mc_str_find_char(statement->target.stored, 0, '.') + 1);
    mc_db_guard guard = {MC_DB_GUARD,
                         .reads = statement->reads,
                         .changes = s->is_exec ? statement->target.stored : MC_STR(""),
                         .keys = schema,
                         .is_function = mc_sqlguest_is_function,
                         .budget_us = s->budget_us,
                         .value_bytes_max = VALUE_BYTES_MAX};
    mc_db_rows rows;
    mc_err ended;
    mc_code rc = reset(s, err);

    if (rc == MC_OK)
        rc = mc_db_query_guarded(conn, &guard, statement->sql, s->args, statement->arg_count, &rows,
                                 err);
    if (rc != MC_OK)
        return explain(s, rc, err);
    rc = read_rows(s, &rows, err);
    if (rc == MC_OK)
        s->changed = mc_db_rows_changed(&rows);
    if (mc_db_rows_finish(&rows, rc == MC_OK ? err : &ended) != MC_OK && rc == MC_OK)
        rc = explain(s, err->code, err);
    return rc;
}
