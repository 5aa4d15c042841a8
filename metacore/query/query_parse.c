/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/query/query_internal.h"

#include "metacore/base/utf8.h"

/* ---- parameters ---- */

/* The first value of name that is not empty. */
static mc_str find(const mc_header *pairs, size_t count, mc_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].value.len && mc_str_eq(pairs[i].name, name))
            return pairs[i].value;
    }
    return MC_STR("");
}

static uint32_t positive(mc_str text, uint32_t fallback, uint32_t max)
{
    uint64_t value;

    if (!mc_str_u64(text, 1, UINT64_MAX, &value))
        return fallback;
    return value > max ? max : (uint32_t)value;
}

static mc_code read_page(mc__query_builder *b, const mc_header *pairs, size_t count, mc_err *err)
{
    uint64_t offset;

    b->out.page = positive(find(pairs, count, MC_STR("page")), 1, UINT32_MAX);
    b->out.per_page =
        positive(find(pairs, count, MC_STR("per_page")), MC_QUERY_PER_PAGE, MC_QUERY_PER_PAGE_MAX);
    offset = (uint64_t)(b->out.page - 1) * b->out.per_page;
    if (offset > MC_QUERY_OFFSET_MAX)
        return mc_fail(err, MC_INVALID, "page: beyond row %d; go on with cursor=<meta.next_cursor>",
                       MC_QUERY_OFFSET_MAX);
    return MC_OK;
}

/* ---- columns ---- */

static const mc_column *find_column(const mc_model *model, mc_str name)
{
    const mc_column *column = mc_model_find_column(model, name);

    return column && !column->is_hidden ? column : NULL;
}

/* sortBy and order; a list of notifications is asked for with orderBy and orderDir. */
static mc_code read_order(mc__query_builder *b, const mc_header *pairs, size_t count, mc_err *err)
{
    mc_str param = MC_STR("sortBy");
    mc_str name = mc_str_trim(find(pairs, count, param));
    mc_str direction = find(pairs, count, MC_STR("order"));
    mc_buf order;

    if (name.len == 0) {
        param = MC_STR("orderBy");
        name = mc_str_trim(find(pairs, count, param));
    }
    if (direction.len == 0)
        direction = find(pairs, count, MC_STR("orderDir"));
    b->out.sort = name.len ? find_column(b->out.model, name)
                           : mc_model_find_column(b->out.model, MC_STR("created_at"));
    if (!b->out.sort || !b->out.sort->is_sortable)
        return mc_fail(err, MC_INVALID, "%.*s: cannot sort by \"%.*s\"", MC_FMT(param),
                       MC_FMT(mc_utf8_truncate(name, 64)));
    b->out.is_ascending = name.len && mc_str_eq_nocase(mc_str_trim(direction), MC_STR("asc"));
    mc_buf_init_arena(&order, b->ctx->arena, 0);
    mc__query_write_order(&b->out, &order);
    b->out.order = mc_buf_get(&order);
    return mc_buf_check(&order, "list", err);
}

/* ---- search ---- */

static bool is_text(const mc_column *column)
{
    return column->type == MC_COL_STRING || column->type == MC_COL_TEXT;
}

static bool is_wanted(mc_str list, mc_str name)
{
    mc_str item;

    if (list.len == 0)
        return true;
    while (mc_str_split(&list, ',', &item)) {
        if (mc_str_eq(mc_str_trim(item), name))
            return true;
    }
    return false;
}

static mc_code check_search_columns(const mc_model *model, mc_str list, mc_err *err)
{
    mc_str item;

    while (mc_str_split(&list, ',', &item)) {
        item = mc_str_trim(item);
        if (item.len && !find_column(model, item))
            return mc_fail(err, MC_INVALID, "search_columns: unknown column \"%.*s\"",
                           MC_FMT(mc_utf8_truncate(item, 64)));
    }
    return MC_OK;
}

static mc_code read_search(mc__query_builder *b, const mc_header *pairs, size_t count, mc_err *err)
{
    mc_str list = find(pairs, count, MC_STR("search_columns"));
    mc_str text = mc_utf8_truncate(mc_str_trim(find(pairs, count, MC_STR("search"))),
                                   MC_QUERY_SEARCH_BYTES_MAX);
    size_t found = 0;
    mc_code rc = check_search_columns(b->out.model, list, err);

    if (rc != MC_OK || text.len == 0)
        return rc;
    for (size_t i = 0; i < b->out.model->column_count && rc == MC_OK; i++) {
        const mc_column *column = &b->out.model->columns[i];

        if (!column->is_searchable || column->is_hidden || !is_text(column) ||
            !is_wanted(list, column->name))
            continue;
        mc_buf_str(&b->where, found++ ? MC_STR(" OR ") : MC_STR(" AND ("));
        rc = mc__query_contains(b, column, text, err);
    }
    /* In no column at all it stands nowhere: that is no row, not every row. */
    mc_buf_str(&b->where, found ? MC_STR(")") : MC_STR(" AND 1 = 0"));
    b->out.is_plain = false;
    return rc;
}

/* ---- filters ---- */

static mc_code read_filters(mc__query_builder *b, const mc_header *pairs, size_t count, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        mc_str name = pairs[i].name;
        const mc_column *column;

        if (!mc_str_starts_with(name, MC_STR("f_")) || mc_str_trim(pairs[i].value).len == 0 ||
            find(pairs, i, name).len)
            continue; /* no filter, an empty one, or its second value */
        column = find_column(b->out.model, mc_str_slice(name, 2, name.len));
        if (!column || !column->is_filterable)
            return mc_fail(err, MC_INVALID, "%.*s: no such filter",
                           MC_FMT(mc_utf8_truncate(name, 80)));
        rc = mc__query_filter(b, column, mc_str_trim(pairs[i].value), err);
        b->out.is_plain = false;
    }
    return rc;
}

/* ---- the plan ---- */

static mc_code write_scope(mc__query_builder *b, const mc_query_scope *scope, mc_err *err)
{
    static const char *const conditions[] = {[MC_QUERY_LIVE] = " AND \"deleted_at\" IS NULL",
                                             [MC_QUERY_WITH_DELETED] = "",
                                             [MC_QUERY_ONLY_DELETED] =
                                                 " AND \"deleted_at\" IS NOT NULL"};
    mc_db_value org = mc_db_uuid(b->ctx->who.org_id);
    mc_code rc;

    mc_buf_lit(&b->where, "\"organization_id\" = ");
    rc = mc__query_arg(b, org, err);
    if (b->out.model->soft_delete)
        mc_buf_str(&b->where, mc_z(conditions[scope->deleted]));
    else if (scope->deleted == MC_QUERY_ONLY_DELETED)
        mc_buf_lit(&b->where, " AND 1 = 0"); /* it keeps none */
    if (rc != MC_OK || scope->before.len == 0)
        return rc;
    mc_buf_lit(&b->where, " AND ");
    mc_buf_str(&b->where, scope->before);
    rc = mc__query_arg(b, scope->value, err);
    mc_buf_str(&b->where, scope->after);
    return rc;
}

mc_code mc_query_parse(mc_ctx *ctx, const mc_model *model, mc_db_dialect dialect,
                       const mc_header *pairs, size_t pair_count, mc_query *out, mc_err *err)
{
    mc_query_scope live = {.deleted = MC_QUERY_LIVE};

    return mc_query_parse_within(ctx, model, dialect, &live, pairs, pair_count, out, err);
}

mc_code mc_query_parse_within(mc_ctx *ctx, const mc_model *model, mc_db_dialect dialect,
                              const mc_query_scope *scope, const mc_header *pairs,
                              size_t pair_count, mc_query *out, mc_err *err)
{
    mc__query_builder b = {.ctx = ctx,
                           .dialect = dialect,
                           .out = {.model = model, .is_plain = true, .dialect = dialect}};
    mc_code rc;

    b.args = mc_arena_array(ctx->arena, mc_db_value, MC_QUERY_ARGS_MAX + 2);
    if (!b.args)
        return mc_fail(err, MC_NO_MEMORY, "list");
    mc_buf_init_arena(&b.where, ctx->arena, 0);
    rc = read_page(&b, pairs, pair_count, err);
    if (rc == MC_OK)
        rc = write_scope(&b, scope, err);
    if (rc == MC_OK)
        rc = read_filters(&b, pairs, pair_count, err);
    if (rc == MC_OK)
        rc = read_search(&b, pairs, pair_count, err);
    if (rc == MC_OK)
        rc = read_order(&b, pairs, pair_count, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&b.where, "list", err);
    if (rc != MC_OK)
        return rc;
    b.out.where = mc_buf_get(&b.where);
    b.out.args = b.args;
    *out = b.out;
    return MC_OK;
}

void mc_query_write_select(const mc_query *query, mc_str columns, mc_buf *out)
{
    mc_buf_lit(out, "SELECT ");
    mc_buf_str(out, columns);
    mc_buf_lit(out, " FROM ");
    mc_buf_str(out, query->model->physical);
    mc_buf_lit(out, " WHERE ");
    mc_buf_str(out, query->where);
    mc_buf_lit(out, " ORDER BY ");
    mc_buf_str(out, query->order);
    mc_buf_printf(out, " LIMIT $%zu OFFSET $%zu", query->arg_count + 1, query->arg_count + 2);
}

void mc_query_write_count(const mc_query *query, mc_buf *out)
{
    mc_buf_lit(out, "SELECT count(*) FROM ");
    mc_buf_str(out, query->model->physical);
    mc_buf_lit(out, " WHERE ");
    mc_buf_str(out, query->where);
}
