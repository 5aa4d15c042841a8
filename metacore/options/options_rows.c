/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as options: the query, and each row as JSON. */
#include "metacore/options/options_internal.h"

#include "metacore/base/utf8.h"
#include "metacore/query/query.h"

#define ARGS_MAX (MC__SEARCH_IN_MAX + 4)

typedef struct statement {
    mc_options *self;
    mc_ctx *ctx;
    const mc__source *source;
    mc_buf sql;
    mc_db_value args[ARGS_MAX];
    size_t arg_count;
} statement;

/* ---- the query ---- */

static void write_columns(statement *s)
{
    const mc__source *from = s->source;
    const mc_column *const columns[] = {from->value, from->label, from->description,
                                        from->image, from->color, from->icon};

    for (size_t i = 0; i < MC_LEN(columns); i++) {
        if (i > 0)
            mc_buf_lit(&s->sql, ", ");
        if (columns[i])
            mc_buf_sql_ident(&s->sql, columns[i]->name);
        else
            mc_buf_lit(&s->sql, "NULL");
    }
}

static mc_code write_filter(statement *s, mc_str value, mc_err *err)
{
    const mc_column *column = s->source->filter_by;

    if (!column || value.len == 0)
        return MC_OK;
    if (!mc_query_value(s->ctx->arena, column, value, &s->args[s->arg_count]))
        return mc_fail(err, MC_INVALID, "filter_value: \"%.*s\" does not fit %.*s",
                       MC_FMT(mc_utf8_truncate(value, 64)), MC_FMT(column->name));
    mc_buf_lit(&s->sql, " AND ");
    mc_buf_sql_ident(&s->sql, column->name);
    mc_buf_printf(&s->sql, " = $%zu", ++s->arg_count);
    return MC_OK;
}

static mc_code write_contains(statement *s, mc_str expression, mc_str text, size_t *written,
                              mc_err *err)
{
    mc_buf_str(&s->sql, *written ? MC_STR(" OR ") : MC_STR(" AND ("));
    (*written)++;
    s->arg_count++;
    return mc_query_contains(s->ctx->arena, s->self->config.dialect, expression, text, s->arg_count,
                             &s->sql, &s->args[s->arg_count - 1], err);
}

/* A path that leads nowhere, or where ctx may not look, finds nothing. */
static mc_code write_search(statement *s, mc_str text, mc_err *err)
{
    size_t written = 0;
    mc_code rc = MC_OK;

    text = mc_utf8_truncate(mc_str_trim(text), MC_OPTIONS_TEXT_MAX);
    if (text.len == 0)
        return MC_OK;
    for (size_t i = 0; i < s->source->search_count && rc == MC_OK; i++) {
        mc_buf expression;

        mc_buf_init_arena(&expression, s->ctx->arena, 0);
        rc = mc__options_path(s->self, s->ctx, s->source->model, s->source->search_in[i],
                              &expression, err);
        if (rc == MC_OK)
            rc = mc_buf_check(&expression, "options", err);
        if (rc == MC_OK)
            rc = write_contains(s, mc_buf_get(&expression), text, &written, err);
        else if (rc == MC_NOT_FOUND || rc == MC_FORBIDDEN)
            rc = MC_OK;
    }
    mc_buf_str(&s->sql, written ? MC_STR(")") : MC_STR(" AND 1 = 0"));
    return rc;
}

static void write_order(statement *s, const mc_options_request *request)
{
    const mc__source *from = s->source;

    mc_buf_lit(&s->sql, " ORDER BY ");
    mc_buf_sql_ident(&s->sql, from->order->name);
    mc_buf_str(&s->sql, from->is_descending ? MC_STR(" DESC, \"id\" DESC") : MC_STR(", \"id\""));
    s->args[s->arg_count++] = mc_db_int(request->limit);
    s->args[s->arg_count++] = mc_db_int(request->offset);
    mc_buf_printf(&s->sql, " LIMIT $%zu OFFSET $%zu", s->arg_count - 1, s->arg_count);
}

static mc_code write_select(statement *s, const mc_options_request *request, mc_err *err)
{
    const mc_model *model = s->source->model;
    mc_code rc;

    mc_buf_lit(&s->sql, "SELECT ");
    write_columns(s);
    mc_buf_lit(&s->sql, " FROM ");
    mc_buf_str(&s->sql, model->physical);
    mc_buf_lit(&s->sql, " WHERE ");
    mc_buf_str(&s->sql, model->physical);
    mc_buf_lit(&s->sql, ".\"organization_id\" = $1");
    s->args[s->arg_count++] = mc_db_uuid(s->ctx->who.org_id);
    if (model->soft_delete)
        mc_buf_lit(&s->sql, " AND \"deleted_at\" IS NULL");
    if (model == s->self->users)
        mc_buf_lit(&s->sql, " AND \"disabled_at\" IS NULL");
    rc = write_filter(s, request->filter_value, err);
    if (rc == MC_OK)
        rc = write_search(s, request->text, err);
    write_order(s, request);
    return rc == MC_OK ? mc_buf_check(&s->sql, "options", err) : rc;
}

/* ---- rows ---- */

static void write_value(const mc_column *column, mc_db_rows *rows, size_t at, mc_buf *out)
{
    if (mc_db_col_is_null(rows, at))
        mc_buf_lit(out, "null");
    else if (column->type == MC_COL_INT || column->type == MC_COL_BIGINT)
        mc_buf_i64(out, mc_db_col_int(rows, at));
    else if (column->type == MC_COL_BOOL)
        mc_buf_str(out, mc_db_col_bool(rows, at) ? MC_STR("true") : MC_STR("false"));
    else
        mc_json_write_str(out, mc_db_col_text(rows, at));
}

static void write_if_any(const char *key, mc_str text, mc_buf *out)
{
    if (text.len == 0)
        return;
    mc_buf_printf(out, ",\"%s\":", key);
    mc_json_write_str(out, text);
}

static void write_row(const mc__source *source, mc_db_rows *rows, mc_buf *out)
{
    mc_buf_lit(out, "{\"id\":");
    write_value(source->value, rows, 0, out);
    mc_buf_lit(out, ",\"value\":");
    write_value(source->value, rows, 0, out);
    mc_buf_lit(out, ",\"label\":");
    write_value(source->label, rows, 1, out);
    mc_buf_lit(out, ",\"name\":");
    write_value(source->label, rows, 1, out);
    write_if_any("description", mc_db_col_text(rows, 2), out);
    write_if_any("image", mc_db_col_text(rows, 3), out);
    write_if_any("color", mc_db_col_text(rows, 4), out);
    write_if_any("icon", source->icon_text.len ? source->icon_text : mc_db_col_text(rows, 5), out);
    mc_buf_char(out, '}');
}

mc_code mc__options_write_rows(mc_options *self, mc_ctx *ctx, const mc__source *source,
                               const mc_options_request *request, mc_buf *out, size_t *out_count,
                               mc_err *err)
{
    statement s = {.self = self, .ctx = ctx, .source = source};
    mc_db_rows rows;
    mc_code rc;

    mc_buf_init_arena(&s.sql, ctx->arena, 0);
    rc = write_select(&s, request, err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&s.sql), s.args, s.arg_count, &rows, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    for (*out_count = 0; mc_db_rows_next(&rows); (*out_count)++) {
        if (*out_count)
            mc_buf_char(out, ',');
        write_row(source, &rows, out);
    }
    mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}
