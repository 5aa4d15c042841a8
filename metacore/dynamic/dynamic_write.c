/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are made and changed: SQL alone, in the caller's transaction. */
#include "metacore/dynamic/dynamic_internal.h"

static void write_insert(mc__statement *s, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         const mc__row_layout *layout)
{
    mc_db_value now = mc_db_time(ctx->now);

    mc_buf_lit(&s->sql, "INSERT INTO ");
    mc_buf_str(&s->sql, write->model->physical);
    mc_buf_lit(&s->sql,
               " (\"id\", \"organization_id\", \"created_by_id\", \"created_at\", \"updated_at\"");
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(&s->sql, ", ");
        mc_buf_sql_ident(&s->sql, write->items[i].column->name);
    }
    mc_buf_lit(&s->sql, ") VALUES (");
    mc__statement_arg(s, mc_db_uuid(id));
    mc_buf_lit(&s->sql, ", ");
    mc__statement_arg(s, mc_db_uuid(ctx->who.org_id));
    mc_buf_lit(&s->sql, ", ");
    mc__statement_arg(s, mc_db_uuid(ctx->who.user_id));
    mc_buf_lit(&s->sql, ", ");
    mc__statement_arg(s, now);
    mc_buf_lit(&s->sql, ", ");
    mc__statement_arg(s, now);
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(&s->sql, ", ");
        mc__statement_arg(s, write->items[i].value);
    }
    mc_buf_lit(&s->sql, ") RETURNING ");
    mc_buf_str(&s->sql, mc__row_layout_columns(layout));
}

mc_code mc_dynamic_create(mc_dynamic *self, mc_ctx *ctx, mc_dynamic_write *write, mc_buf *out,
                          mc_time *out_version, mc_err *err)
{
    size_t start = out->len;
    mc__row_layout *layout;
    mc__statement s;
    bool is_found;
    mc_uuid id = write->id;
    mc_code rc = mc__dynamic_check_refs(self, ctx, write, err);

    if (rc == MC_OK)
        rc = mc__dynamic_decide_create(self, ctx, write, &id, err);
    if (rc == MC_OK && mc_uuid_is_nil(id))
        rc = mc_uuid_v7(&id, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_BEFORE_CREATE, id, write->input, MC_STR(""),
                           err);
    if (rc == MC_OK)
        rc = mc__row_layout_new(self, ctx, write->model, &layout, err);
    if (rc == MC_OK)
        rc = mc__statement_init(&s, ctx, write->count + 5, err);
    if (rc != MC_OK)
        return rc;
    write_insert(&s, ctx, write, id, layout);
    rc = mc__statement_one(ctx, &s, layout, out, out_version, &is_found, err);
    if (rc != MC_OK)
        return mc__write_failure(self, ctx, write->model, rc, err);
    rc = mc__dynamic_changed(
        self, ctx,
        &(mc_dynamic_change){.model = write->model,
                             .id = id,
                             .action = MC_DYNAMIC_CREATED,
                             .at = ctx->now,
                             .after = mc_str_slice(mc_buf_get(out), start, out->len)},
        err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_AFTER_CREATE, id, write->input,
                           mc_str_slice(mc_buf_get(out), start, out->len), err);
    return rc;
}

static void write_update(mc__statement *s, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         mc_time version, const mc__row_layout *layout)
{
    mc_buf_lit(&s->sql, "UPDATE ");
    mc_buf_str(&s->sql, write->model->physical);
    mc_buf_lit(&s->sql, " SET \"updated_at\" = ");
    mc__statement_arg(s, mc_db_time(version));
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(&s->sql, ", ");
        mc_buf_sql_ident(&s->sql, write->items[i].column->name);
        mc_buf_lit(&s->sql, " = ");
        mc__statement_arg(s, write->items[i].value);
    }
    mc__statement_where_row(s, ctx, write->model, id, false);
    mc_buf_lit(&s->sql, " RETURNING ");
    mc_buf_str(&s->sql, mc__row_layout_columns(layout));
}

mc_code mc_dynamic_update(mc_dynamic *self, mc_ctx *ctx, mc_dynamic_write *write, mc_uuid id,
                          mc_code (*if_version)(void *user, mc_time version, mc_err *err),
                          void *if_version_user, mc_buf *out, mc_time *out_version, mc_err *err)
{
    size_t start = out->len;
    mc__row_layout *layout;
    mc__current current;
    bool is_found = false;
    mc__statement s;
    mc_time version;
    mc_str before;
    mc_code rc = mc__current_load(self, ctx, write, id, false, &current, err);

    if (rc == MC_OK && if_version)
        rc = if_version(if_version_user, current.version, err);
    if (rc == MC_OK && write->is_versioned &&
        mc__is_stale(write->stated_version, current.version, current.created_at))
        rc = mc_fail(err, MC_CONFLICT, "the record was changed meanwhile");
    if (rc == MC_OK && write->count == 0) /* nothing that may be written was given */
        return mc_dynamic_get(self, ctx, write->model, id, out, out_version, err);
    if (rc == MC_OK)
        rc = mc__dynamic_check_refs(self, ctx, write, err);
    if (rc == MC_OK)
        rc = mc__dynamic_decide(self, ctx, write->model, MC_BEFORE_UPDATE, id, write->input, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_BEFORE_UPDATE, id, write->input, MC_STR(""),
                           err);
    if (rc == MC_OK)
        rc = mc__dynamic_before(self, ctx, write->model, id, MC_DYNAMIC_UPDATED, &before, err);
    if (rc == MC_OK)
        rc = mc__row_layout_new(self, ctx, write->model, &layout, err);
    if (rc == MC_OK)
        rc = mc__statement_init(&s, ctx, write->count + 3, err);
    if (rc != MC_OK)
        return rc;
    version = mc__next_version(ctx->now, current.version);
    write_update(&s, ctx, write, id, version, layout);
    rc = mc__statement_one(ctx, &s, layout, out, out_version, &is_found, err);
    if (rc != MC_OK)
        return mc__write_failure(self, ctx, write->model, rc, err);
    if (!is_found)
        return mc_fail(err, MC_NOT_FOUND, "record not found");
    rc = mc__dynamic_changed(
        self, ctx,
        &(mc_dynamic_change){.model = write->model,
                             .id = id,
                             .action = MC_DYNAMIC_UPDATED,
                             .at = version,
                             .fields = current.changed,
                             .field_count = current.changed_count,
                             .before = before,
                             .after = mc_str_slice(mc_buf_get(out), start, out->len)},
        err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_AFTER_UPDATE, id, write->input,
                           mc_str_slice(mc_buf_get(out), start, out->len), err);
    return rc;
}
