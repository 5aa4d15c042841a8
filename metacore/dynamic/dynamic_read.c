/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_internal.h"

mc_code mc_dynamic_get(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                       mc_buf *out, mc_time *out_version, mc_err *err)
{
    return mc_dynamic_get_expanded(self, ctx, model, id, MC_STR(""), out, out_version, err);
}

mc_code mc_dynamic_get_expanded(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                                mc_str expand, mc_buf *out, mc_time *out_version, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc__row_layout *layout;
    mc_db_rows rows;
    bool is_found;
    mc_buf sql;
    mc_code rc =
        mc__row_layout_shape(self, ctx, model, &(mc__row_shape){.expand = expand}, &layout, err);

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
