/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that point to rows of other models, or to users. */
#include "metacore/dynamic/dynamic_internal.h"

/* What ctx's organization does not have is to it as if nobody had it. */
const mc_model *mc__ref_model(mc_dynamic *self, mc_ctx *ctx, mc_str ref)
{
    const mc_model *model = ref.len ? mc_models_find(self->config.models, ref) : NULL;
    bool is_visible = true;
    mc_err err;

    if (model && self->config.is_visible &&
        self->config.is_visible(self->config.is_visible_user, ctx, model, &is_visible, &err) !=
            MC_OK)
        return NULL;
    if (!model || !is_visible ||
        mc_models_for_org(self->config.models, model, ctx->who.org_id, &model, &err) != MC_OK)
        return NULL;
    return model;
}

bool mc__ref_target(mc_dynamic *self, mc_ctx *ctx, mc_str ref, mc_str *out_table, mc_str *out_label,
                    bool *out_soft_delete)
{
    const mc_model *model;

    if (mc_str_eq(ref, MC_STR("users"))) {
        *out_table = MC_STR("\"users\"");
        *out_label = MC_STR("name");
        *out_soft_delete = true;
        return true;
    }
    model = mc__ref_model(self, ctx, ref);
    if (!model)
        return false;
    *out_table = model->physical;
    *out_label = mc_model_label_column(model)->name;
    *out_soft_delete = model->soft_delete;
    return true;
}

static mc_code exists(mc_ctx *ctx, mc_str table, bool soft_delete, mc_uuid id, bool *out,
                      mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    mc_str sql = mc_str_printf(
        ctx->arena, "SELECT 1 FROM %.*s WHERE \"id\" = $1 AND \"organization_id\" = $2%s",
        MC_FMT(table), soft_delete ? " AND \"deleted_at\" IS NULL" : "");
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "write");
    rc = mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__dynamic_check_refs(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write,
                               mc_err *err)
{
    size_t before = ctx->field_error_count;

    for (size_t i = 0; i < write->count; i++) {
        const mc__assignment *item = &write->items[i];
        mc_str table, label;
        bool soft_delete, is_there = false;
        mc_code rc;

        if (item->value.kind != MC_DB_UUID ||
            !mc__ref_target(self, ctx, item->column->ref, &table, &label, &soft_delete))
            continue;
        rc = exists(ctx, table, soft_delete, item->value.as.uuid, &is_there, err);
        if (rc != MC_OK)
            return rc;
        if (!is_there)
            mc_ctx_field_error(ctx, item->column->name, MC_STR("not_found"), MC_STR(""),
                               "%.*s does not exist", MC_FMT(item->column->label));
    }
    return ctx->field_error_count > before ? mc__dynamic_field_failure(ctx, MC_REJECTED, err)
                                           : MC_OK;
}
