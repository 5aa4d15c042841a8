/* SPDX-License-Identifier: Apache-2.0 */
/* Which values a column has among the rows of a list, and how often. */
#include "metacore/dynamic/dynamic_internal.h"

#include "metacore/base/utf8.h"

typedef struct facets {
    mc_dynamic *self;
    mc_ctx *ctx;
    mc_query query;
    const mc_column *column;
    bool is_labelled;
    mc__hop hop; /* with is_labelled: where the column points to */
    uint32_t limit;
    mc_db_value *args;
    size_t arg_count;
    mc_buf sql;
} facets;

static mc_code read_request(facets *f, const mc_model *model, const mc_header *pairs, size_t count,
                            mc_err *err)
{
    mc_str name = mc_str_trim(mc__pair_find(pairs, count, MC_STR("field")));
    mc_str limit = mc__pair_find(pairs, count, MC_STR("limit"));
    mc_code rc = mc_query_parse(f->ctx, model, f->self->dialect, pairs, count, &f->query, err);

    if (rc != MC_OK)
        return rc;
    if (name.len == 0)
        return mc_fail(err, MC_INVALID, "field is required");
    f->column = mc_model_find_column(model, name);
    if (!f->column || f->column->is_hidden || !f->column->is_filterable)
        return mc_fail(err, MC_INVALID, "field: no facets of \"%.*s\"",
                       MC_FMT(mc_utf8_truncate(name, 64)));
    f->limit = MC_FACETS_LIMIT;
    if (limit.len && !mc_str_u32(limit, 1, UINT32_MAX, &f->limit))
        return mc_fail(err, MC_INVALID, "limit: \"%.*s\" is no number of values",
                       MC_FMT(mc_utf8_truncate(limit, 32)));
    if (f->limit > MC_FACETS_LIMIT_MAX)
        f->limit = MC_FACETS_LIMIT_MAX;
    f->is_labelled =
        f->column->type == MC_COL_UUID && mc__hop_open(f->self, f->ctx, f->column, &f->hop);
    f->args = (mc_db_value *)f->query.args; /* room for two more, by the plan's promise */
    f->arg_count = f->query.arg_count;
    return MC_OK;
}

static void write_label(facets *f, mc_buf *out)
{
    mc__hops_write(f->query.model, &f->hop, 1, MC_STR("$1"), f->hop.label, out);
}

/* People look for what they see: the label, where there is one. */
static mc_code write_contains(facets *f, mc_str text, mc_err *err)
{
    mc_buf expression;

    text = mc_utf8_truncate(mc_str_trim(text), MC_QUERY_SEARCH_BYTES_MAX);
    if (text.len == 0)
        return MC_OK;
    mc_buf_init_arena(&expression, f->ctx->arena, 0);
    if (f->is_labelled)
        write_label(f, &expression);
    else
        mc_buf_sql_ident(&expression, f->column->name);
    if (mc_buf_failed(&expression))
        return mc_fail(err, MC_NO_MEMORY, "facets");
    mc_buf_lit(&f->sql, " AND ");
    f->arg_count++;
    return mc_query_contains(f->ctx->arena, f->self->dialect, mc_buf_get(&expression), text,
                             f->arg_count, &f->sql, &f->args[f->arg_count - 1], err);
}

static mc_code write_statement(facets *f, mc_str text, mc_err *err)
{
    bool is_text = f->column->type == MC_COL_STRING || f->column->type == MC_COL_TEXT;
    mc_code rc;

    mc_buf_init_arena(&f->sql, f->ctx->arena, 0);
    mc_buf_lit(&f->sql, "SELECT ");
    mc_buf_sql_ident(&f->sql, f->column->name);
    mc_buf_lit(&f->sql, ", count(*)");
    if (f->is_labelled) {
        mc_buf_lit(&f->sql, ", ");
        write_label(f, &f->sql);
    }
    mc_buf_lit(&f->sql, " FROM ");
    mc_buf_str(&f->sql, f->query.model->physical);
    mc_buf_lit(&f->sql, " WHERE ");
    mc_buf_str(&f->sql, f->query.where);
    mc_buf_lit(&f->sql, " AND ");
    mc_buf_sql_ident(&f->sql, f->column->name);
    mc_buf_lit(&f->sql, " IS NOT NULL");
    if (is_text) {
        mc_buf_lit(&f->sql, " AND ");
        mc_buf_sql_ident(&f->sql, f->column->name);
        mc_buf_lit(&f->sql, " <> ''");
    }
    rc = write_contains(f, text, err);
    mc_buf_printf(&f->sql, " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %u", f->limit);
    return rc == MC_OK ? mc_buf_check(&f->sql, "facets", err) : rc;
}

static void write_row(const facets *f, mc_db_rows *rows, mc_buf *out)
{
    mc_buf_lit(out, "{\"value\":");
    mc__value_write(f->self->dialect, f->column, rows, 0, out);
    if (f->is_labelled && !mc_db_col_is_null(rows, 2)) {
        mc_buf_lit(out, ",\"label\":");
        mc_json_write_str(out, mc_db_col_text(rows, 2));
    }
    mc_buf_lit(out, ",\"count\":");
    mc_buf_i64(out, mc_db_col_int(rows, 1));
    mc_buf_char(out, '}');
}

static mc_code run(void *user, mc_buf *out, mc_err *err)
{
    facets *f = user;
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(f->ctx->conn, mc_buf_get(&f->sql), f->args, f->arg_count, &rows, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (count++)
            mc_buf_char(out, ',');
        write_row(f, &rows, out);
    }
    mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_dynamic_facets(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                          const mc_header *pairs, size_t pair_count, mc_buf *out, mc_err *err)
{
    mc__kept_query kept = {.generation = mc__generation(self, ctx->who.org_id, model)};
    facets f = {.self = self, .ctx = ctx};
    mc_code rc = read_request(&f, model, pairs, pair_count, err);

    if (rc == MC_OK)
        rc = write_statement(&f, mc__pair_find(pairs, pair_count, MC_STR("q")), err);
    if (rc != MC_OK)
        return rc;
    if (f.is_labelled)
        return run(&f, out, err); /* a label changes without the model being written */
    kept.key = mc__kept_key(MC_STR("facets"), mc_buf_get(&f.sql), f.args, f.arg_count);
    return mc__kept_or_run(self, ctx, &kept, mc__pair_find(pairs, pair_count, MC_STR("count")), run,
                           &f, out, err);
}
