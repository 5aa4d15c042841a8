/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_internal.h"

mc_code mc_dynamic_get(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                       mc_buf *out, mc_time *out_version, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc__row_layout *layout;
    mc_db_rows rows;
    bool is_found;
    mc_buf sql;
    mc_code rc = mc__row_layout_new(self, ctx, model, &layout, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&sql, ctx->arena, 0);
    mc_buf_lit(&sql, "SELECT ");
    mc_buf_str(&sql, mc__row_layout_columns(layout));
    mc_buf_lit(&sql, " FROM ");
    mc_buf_str(&sql, model->physical);
    mc_buf_lit(&sql, " WHERE \"id\" = $1 AND \"organization_id\" = $2");
    if (model->soft_delete)
        mc_buf_lit(&sql, " AND \"deleted_at\" IS NULL");
    rc = mc_buf_check(&sql, "get", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&sql), args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    is_found = mc_db_rows_next(&rows);
    if (is_found) {
        mc__row_write(layout, &rows, out);
        if (out_version)
            *out_version = mc__row_version(layout, &rows);
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        return mc_fail(err, MC_NOT_FOUND, "record not found");
    return rc;
}

static mc_code write_page(mc_dynamic *self, mc_ctx *ctx, const mc_query *query, mc_buf *out,
                          mc_err *err)
{
    mc_db_value *args = (mc_db_value *)query->args; /* room for two more, by the plan's promise */
    mc__row_layout *layout;
    mc_db_rows rows;
    bool is_first = true;
    mc_buf sql;
    mc_code rc = mc__row_layout_new(self, ctx, query->model, &layout, err);

    if (rc != MC_OK)
        return rc;
    args[query->arg_count] = mc_db_int(query->per_page);
    args[query->arg_count + 1] = mc_db_int((int64_t)(query->page - 1) * query->per_page);
    mc_buf_init_arena(&sql, ctx->arena, 0);
    mc_query_write_select(query, mc__row_layout_columns(layout), &sql);
    rc = mc_buf_check(&sql, "list", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&sql), args, query->arg_count + 2, &rows, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (!is_first)
            mc_buf_char(out, ',');
        mc__row_write(layout, &rows, out);
        is_first = false;
    }
    mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}

static mc_code count_rows(mc_dynamic *self, mc_ctx *ctx, const mc_query *query, uint64_t generation,
                          int64_t *out, mc_err *err)
{
    mc_db_rows rows;
    uint64_t key;
    mc_buf sql;
    mc_code rc;

    if (mc__count_find(self, query, generation, &key, out))
        return MC_OK;
    mc_buf_init_arena(&sql, ctx->arena, 0);
    mc_query_write_count(query, &sql);
    rc = mc_buf_check(&sql, "list", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&sql), query->args, query->arg_count, &rows, err);
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *out = mc_db_col_int(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK)
        mc__count_put(self, key, generation, *out);
    return rc;
}

mc_code mc_dynamic_list(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                        const mc_header *pairs, size_t pair_count, mc_buf *out,
                        mc_dynamic_page *out_page, mc_err *err)
{
    uint64_t generation = mc__generation(self, ctx->who.org_id, model);
    int64_t total = 0;
    mc_query query;
    mc_code rc = mc_query_parse(ctx, model, self->dialect, pairs, pair_count, &query, err);

    if (rc == MC_OK)
        rc = mc_db_begin(ctx->conn, err); /* one snapshot for the rows and their number */
    if (rc != MC_OK)
        return rc;
    rc = write_page(self, ctx, &query, out, err);
    if (rc == MC_OK)
        rc = count_rows(self, ctx, &query, generation, &total, err);
    mc_db_rollback(ctx->conn); /* nothing was written */
    if (rc != MC_OK)
        return rc;
    *out_page = (mc_dynamic_page){
        .total = total,
        .page = query.page,
        .per_page = query.per_page,
        .last_page = total > 0 ? (total + query.per_page - 1) / query.per_page : 1,
    };
    return MC_OK;
}
