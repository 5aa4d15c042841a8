/* SPDX-License-Identifier: Apache-2.0 */
/* A page of rows, and what is known about the others. */
#include "metacore/dynamic/dynamic_internal.h"

#include "metacore/base/utf8.h"

#include <string.h>

mc_str mc__pair_find(const mc_header *pairs, size_t count, mc_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].value.len && mc_str_eq(pairs[i].name, name))
            return pairs[i].value;
    }
    return MC_STR("");
}

/* One list being read. */
typedef struct reading {
    mc_dynamic *self;
    mc_ctx *ctx;
    mc_query_scope scope;
    mc_query query;
    mc_query_plan plan;
    mc__row_layout *layout;
    bool is_counted;
    bool is_exact;
    uint64_t generation;
    size_t row_count;
    mc_buf *out;
    mc_dynamic_page page;
} reading;

static mc_code read_count(reading *r, mc_str text, mc_err *err)
{
    r->is_counted = !mc_str_eq(text, MC_STR("none"));
    r->is_exact = mc_str_eq(text, MC_STR("exact"));
    if (text.len == 0 || !r->is_counted || r->is_exact)
        return MC_OK;
    return mc_fail(err, MC_INVALID, "count: \"%.*s\" is neither exact nor none",
                   MC_FMT(mc_utf8_truncate(text, 32)));
}

/* "deleted=with" or "only": for those who may delete, and so bring rows back. */
static mc_code read_deleted(reading *r, const mc_model *model, mc_str text, mc_err *err)
{
    if (text.len == 0)
        return MC_OK;
    if (mc_str_eq(text, MC_STR("with")))
        r->scope.deleted = MC_QUERY_WITH_DELETED;
    else if (mc_str_eq(text, MC_STR("only")))
        r->scope.deleted = MC_QUERY_ONLY_DELETED;
    else
        return mc_fail(err, MC_INVALID, "deleted: \"%.*s\" is neither with nor only",
                       MC_FMT(mc_utf8_truncate(text, 32)));
    return mc_dynamic_check(r->self, r->ctx, model->key, MC_STR("delete"), err);
}

static mc_code prepare(reading *r, const mc_model *model, const mc_header *pairs, size_t count,
                       mc_err *err)
{
    mc_code rc = read_deleted(r, model, mc__pair_find(pairs, count, MC_STR("deleted")), err);

    if (rc == MC_OK)
        rc = mc_query_parse_within(r->ctx, model, r->self->dialect, &r->scope, pairs, count,
                                   &r->query, err);
    if (rc == MC_OK)
        rc = read_count(r, mc__pair_find(pairs, count, MC_STR("count")), err);
    if (rc == MC_OK)
        rc = mc__row_layout_shape(
            r->self, r->ctx, model,
            &(mc__row_shape){.fields = mc__pair_find(pairs, count, MC_STR("fields")),
                             .expand = mc__pair_find(pairs, count, MC_STR("expand"))},
            &r->layout, err);
    if (rc == MC_OK && r->scope.deleted != MC_QUERY_LIVE && model->soft_delete)
        rc = mc__row_layout_show_deleted(r->layout, r->ctx->arena, err);
    return rc == MC_OK
               ? mc_query_plan_page(r->ctx, &r->query,
                                    mc__pair_find(pairs, count, MC_STR("cursor")), &r->plan, err)
               : rc;
}

/* ---- rows ---- */

/* The cursor stands after the page's last row, and is worth its bytes only when rows follow. */
static void take_rows(reading *r, mc_db_rows *rows, mc_buf *cursor)
{
    size_t first_key = mc__row_layout_column_count(r->layout);

    while (mc_db_rows_next(rows)) {
        if (r->row_count == r->query.per_page) {
            r->page.has_more = true;
            return;
        }
        if (r->row_count++)
            mc_buf_char(r->out, ',');
        mc__row_write(r->layout, rows, r->out);
        if (r->row_count == r->query.per_page)
            mc_query_write_cursor(&r->query, &r->plan, rows, first_key, cursor);
    }
}

static mc_code read_part(reading *r, size_t part, mc_buf *cursor, mc_err *err)
{
    mc_query_part *p = &r->plan.parts[part];
    mc_db_rows rows;
    mc_buf sql;
    mc_code rc;

    p->args[p->arg_count] = mc_db_int((int64_t)(r->query.per_page - r->row_count) + 1);
    p->args[p->arg_count + 1] =
        mc_db_int(r->plan.has_cursor ? 0 : (int64_t)(r->query.page - 1) * r->query.per_page);
    mc_buf_init_arena(&sql, r->ctx->arena, 0);
    mc_query_write_part(&r->query, &r->plan, part, mc__row_layout_columns(r->layout), &sql);
    rc = mc_buf_check(&sql, "list", err);
    if (rc == MC_OK)
        rc = mc_db_query(r->ctx->conn, mc_buf_get(&sql), p->args, p->arg_count + 2, &rows, err);
    if (rc != MC_OK)
        return rc;
    take_rows(r, &rows, cursor);
    return mc_db_rows_finish(&rows, err);
}

static mc_code read_rows(reading *r, mc_err *err)
{
    mc_buf cursor;
    mc_code rc = MC_OK;

    mc_buf_init_arena(&cursor, r->ctx->arena, 0);
    mc_buf_char(r->out, '[');
    for (size_t i = 0; i < r->plan.part_count && rc == MC_OK && !r->page.has_more; i++)
        rc = read_part(r, i, &cursor, err);
    mc_buf_char(r->out, ']');
    if (rc == MC_OK)
        rc = mc_buf_check(&cursor, "list", err);
    if (rc == MC_OK && r->page.has_more)
        r->page.next_cursor = mc_buf_get(&cursor);
    return rc;
}

/* ---- how many ---- */

static mc_code count_anew(reading *r, mc_str sql, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(r->ctx->conn, sql, r->query.args, r->query.arg_count, &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        r->page.total = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static mc_code count_rows(reading *r, mc_err *err)
{
    mc__kept_query kept = {.generation = r->generation, .is_exact = r->is_exact};
    int64_t started_us = mc_clock_monotonic_us(r->self->config.clock);
    mc_str text;
    mc_buf sql;
    mc_code rc;

    mc_buf_init_arena(&sql, r->ctx->arena, 0);
    mc_query_write_count(&r->query, &sql);
    rc = mc_buf_check(&sql, "list", err);
    if (rc != MC_OK)
        return rc;
    kept.key = mc__kept_key(MC_STR("total"), mc_buf_get(&sql), r->query.args, r->query.arg_count);
    if (mc__kept_find(r->self, r->ctx, &kept, &text, &r->page.is_total_exact)) {
        memcpy(&r->page.total, text.ptr, sizeof(r->page.total));
        return MC_OK;
    }
    rc = count_anew(r, mc_buf_get(&sql), err);
    if (rc == MC_OK)
        mc__kept_put(r->self, &kept, started_us,
                     mc_str_of((const char *)&r->page.total, sizeof(r->page.total)));
    return rc;
}

/* An older total must not deny the rows that are shown. */
static void raise_total(reading *r)
{
    int64_t before = r->plan.has_cursor ? 0 : (int64_t)(r->query.page - 1) * r->query.per_page;
    int64_t seen = before + (int64_t)r->row_count + r->page.has_more;

    if (!r->page.is_total_exact && r->row_count > 0 && r->page.total < seen)
        r->page.total = seen;
}

/* A page that holds the end of the list tells the total by itself. */
static bool is_total_known(const reading *r, int64_t *out)
{
    int64_t before = (int64_t)(r->query.page - 1) * r->query.per_page;

    if (r->plan.has_cursor || r->page.has_more || (r->row_count == 0 && before > 0))
        return false;
    *out = before + (int64_t)r->row_count;
    return true;
}

static mc_code read_total(reading *r, mc_err *err)
{
    mc_code rc = MC_OK;

    r->page.page = r->query.page;
    r->page.per_page = r->query.per_page;
    r->page.has_total = r->is_counted;
    r->page.is_total_exact = true;
    if (!r->is_counted)
        return MC_OK;
    if (!is_total_known(r, &r->page.total))
        rc = count_rows(r, err);
    raise_total(r);
    r->page.last_page =
        r->page.total > 0 ? (r->page.total + r->page.per_page - 1) / r->page.per_page : 1;
    return rc;
}

mc_code mc_dynamic_list(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                        const mc_header *pairs, size_t pair_count, mc_buf *out,
                        mc_dynamic_page *out_page, mc_err *err)
{
    mc_query_scope all = {.deleted = MC_QUERY_LIVE};

    return mc__dynamic_list_within(self, ctx, model, &all, pairs, pair_count, out, out_page, err);
}

mc_code mc__dynamic_list_within(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                const mc_query_scope *scope, const mc_header *pairs,
                                size_t pair_count, mc_buf *out, mc_dynamic_page *out_page,
                                mc_err *err)
{
    reading r = {.self = self, .ctx = ctx, .scope = *scope, .out = out};
    mc_code rc;

    r.generation = mc__generation(self, ctx->who.org_id, model);
    rc = prepare(&r, model, pairs, pair_count, err);
    if (rc == MC_OK)
        rc = mc_db_begin(ctx->conn, err); /* one snapshot for the rows and their number */
    if (rc != MC_OK)
        return rc;
    rc = read_rows(&r, err);
    if (rc == MC_OK)
        rc = read_total(&r, err);
    mc_db_rollback(ctx->conn); /* nothing was written */
    if (rc == MC_OK)
        *out_page = r.page;
    return rc;
}

void mc_dynamic_page_write(const mc_dynamic_page *page, mc_buf *out)
{
    mc_buf_char(out, '{');
    if (page->has_total)
        mc_buf_printf(out, "\"total\":%lld,", (long long)page->total);
    mc_buf_printf(out, "\"page\":%u,\"per_page\":%u,", page->page, page->per_page);
    if (page->has_total)
        mc_buf_printf(out, "\"last_page\":%lld,", (long long)page->last_page);
    if (page->has_total && !page->is_total_exact)
        mc_buf_lit(out, "\"total_exact\":false,");
    mc_buf_str(out, page->has_more ? MC_STR("\"has_more\":true,") : MC_STR("\"has_more\":false,"));
    mc_buf_lit(out, "\"next_cursor\":");
    if (page->next_cursor.len)
        mc_json_write_str(out, page->next_cursor);
    else
        mc_buf_lit(out, "null");
    mc_buf_char(out, '}');
}
