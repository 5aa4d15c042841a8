/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that go, and come back when their model keeps them. */
#include "metacore/dynamic/dynamic_internal.h"

static void write_delete(mc__statement *s, mc_ctx *ctx, const mc_model *model, mc_uuid id)
{
    if (model->soft_delete) {
        mc_buf_lit(&s->sql, "UPDATE ");
        mc_buf_str(&s->sql, model->physical);
        mc_buf_lit(&s->sql, " SET \"deleted_at\" = ");
        mc__statement_arg(s, mc_db_time(ctx->now));
    } else {
        mc_buf_lit(&s->sql, "DELETE FROM ");
        mc_buf_str(&s->sql, model->physical);
    }
    mc__statement_where_row(s, ctx, model, id, false);
}

mc_code mc_dynamic_delete(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                          mc_code (*if_version)(void *user, mc_time version, mc_err *err),
                          void *if_version_user, mc_err *err)
{
    mc_dynamic_change change = {
        .model = model, .id = id, .action = MC_DYNAMIC_DELETED, .at = ctx->now};
    mc__current current = {0};
    mc__statement s;
    mc_code rc =
        mc__current_load(self, ctx, &(mc_dynamic_write){.model = model}, id, false, &current, err);

    if (rc == MC_OK && if_version)
        rc = if_version(if_version_user, current.version, err);
    if (rc == MC_OK)
        rc = mc__dynamic_decide(self, ctx, model, MC_BEFORE_DELETE, id, NULL, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, model, MC_BEFORE_DELETE, id, NULL, MC_STR(""), err);
    if (rc == MC_OK)
        rc = mc__dynamic_before(self, ctx, model, id, MC_DYNAMIC_DELETED, &change.before, err);
    if (rc == MC_OK)
        rc = mc__statement_init(&s, ctx, 3, err);
    if (rc != MC_OK)
        return rc;
    write_delete(&s, ctx, model, id);
    rc = mc_buf_check(&s.sql, "delete", err);
    if (rc == MC_OK)
        rc = mc_db_exec(ctx->conn, mc_buf_get(&s.sql), s.args, s.count, NULL, err);
    if (rc == MC_INVALID) /* nothing was given that could be wrong: somebody needs the row */
        return mc_fail(err, MC_CONFLICT, "other records refer to this one");
    if (rc == MC_OK)
        rc = mc__dynamic_changed(self, ctx, &change, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, model, MC_AFTER_DELETE, id, NULL, MC_STR(""), err);
    return rc == MC_INVALID ? mc__write_failure(self, ctx, model, rc, err) : rc;
}

/* ---- restore ---- */

/* The deleted row; CONFLICT when it is there already. */
static mc_code load_deleted(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                            mc__current *out, mc_err *err)
{
    mc_dynamic_write nothing = {.model = model};
    mc__current live;
    mc_code rc = MC_NOT_FOUND;

    if (model->soft_delete)
        rc = mc__current_load(self, ctx, &nothing, id, true, out, err);
    if (rc != MC_NOT_FOUND)
        return rc;
    rc = mc__current_load(self, ctx, &nothing, id, false, &live, err);
    return rc == MC_OK ? mc_fail(err, MC_CONFLICT, "the record is not deleted") : rc;
}

static void write_restore(mc__statement *s, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                          mc_time version, const mc__row_layout *layout)
{
    mc_buf_lit(&s->sql, "UPDATE ");
    mc_buf_str(&s->sql, model->physical);
    mc_buf_lit(&s->sql, " SET \"deleted_at\" = NULL, \"updated_at\" = ");
    mc__statement_arg(s, mc_db_time(version));
    mc__statement_where_row(s, ctx, model, id, true);
    mc_buf_lit(&s->sql, " RETURNING ");
    mc_buf_str(&s->sql, mc__row_layout_columns(layout));
}

mc_code mc_dynamic_restore(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                           mc_buf *out, mc_time *out_version, mc_err *err)
{
    mc_dynamic_change change = {.model = model, .id = id, .action = MC_DYNAMIC_RESTORED};
    size_t start = out->len;
    mc__row_layout *layout;
    mc__current current = {0};
    bool is_found = false;
    mc__statement s;
    mc_code rc = load_deleted(self, ctx, model, id, &current, err);

    if (rc == MC_OK)
        rc = mc__dynamic_decide(self, ctx, model, MC_BEFORE_RESTORE, id, NULL, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, model, MC_BEFORE_RESTORE, id, NULL, MC_STR(""), err);
    if (rc == MC_OK)
        rc = mc__row_layout_new(self, ctx, model, &layout, err);
    if (rc == MC_OK)
        rc = mc__statement_init(&s, ctx, 3, err);
    if (rc != MC_OK)
        return rc;
    change.at = mc__next_version(ctx->now, current.version);
    write_restore(&s, ctx, model, id, change.at, layout);
    rc = mc__statement_one(ctx, &s, layout, out, out_version, &is_found, err);
    if (rc != MC_OK)
        return mc__write_failure(self, ctx, model, rc, err);
    if (!is_found)
        return mc_fail(err, MC_NOT_FOUND, "record not found");
    change.after = mc_str_slice(mc_buf_get(out), start, out->len);
    rc = mc__dynamic_changed(self, ctx, &change, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, model, MC_AFTER_RESTORE, id, NULL,
                           mc_str_slice(mc_buf_get(out), start, out->len), err);
    return rc;
}
