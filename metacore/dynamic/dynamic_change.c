/* SPDX-License-Identifier: Apache-2.0 */
/* What was written: told in its transaction to who keeps it (on_write), and once it is durable to
 * who only wants to know (on_change). Every write of a row passes here. */
#include "metacore/dynamic/dynamic_internal.h"

const char *mc_dynamic_action_name(mc_dynamic_action action)
{
    static const char *const names[] = {[MC_DYNAMIC_CREATED] = "created",
                                        [MC_DYNAMIC_UPDATED] = "updated",
                                        [MC_DYNAMIC_DELETED] = "deleted",
                                        [MC_DYNAMIC_RESTORED] = "restored"};

    return names[action];
}

typedef struct pending_change {
    mc_db_hook hook;
    mc_dynamic *self;
    mc_dynamic_change change;
} pending_change;

static void tell(mc_db_hook *hook)
{
    const pending_change *pending = mc_container_of(hook, pending_change, hook);
    const mc_dynamic_config *config = &pending->self->config;

    /* First the totals: whoever is told now and asks again is not given an old one. */
    mc__generation_raise(pending->self, pending->change.org_id, pending->change.model);
    if (config->on_change && !pending->change.model->is_internal)
        config->on_change(config->on_change_user, &pending->change);
}

mc_code mc__dynamic_before(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                           mc_dynamic_action action, mc_str *out, mc_err *err)
{
    const mc_dynamic_config *config = &self->config;
    bool is_wanted = false;
    mc_code rc = MC_OK;
    mc_buf row;

    *out = MC_STR("");
    if (config->on_write && config->wants_before && !model->is_internal)
        rc = config->wants_before(config->on_write_user, ctx, model, action, &is_wanted, err);
    if (rc != MC_OK || !is_wanted)
        return rc;
    mc_buf_init_arena(&row, ctx->arena, 0);
    rc = mc_dynamic_get(self, ctx, model, id, &row, NULL, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&row, "write", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&row);
    return rc;
}

static mc_code tell_now(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_change *change, mc_err *err)
{
    const mc_dynamic_config *config = &self->config;

    if (!config->on_write || change->model->is_internal)
        return MC_OK;
    return config->on_write(config->on_write_user, ctx, change, err);
}

mc_code mc__dynamic_changed(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_change *change,
                            mc_err *err)
{
    pending_change *pending = mc_arena_object(ctx->arena, pending_change);
    mc_code rc;

    if (!pending)
        return mc_fail(err, MC_NO_MEMORY, "write");
    *pending = (pending_change){.hook.run = tell, .self = self, .change = *change};
    pending->change.org_id = ctx->who.org_id;
    pending->change.actor_id = ctx->who.user_id;
    mc_db_after_commit(ctx->conn, &pending->hook);
    rc = tell_now(self, ctx, &pending->change, err);
    pending->change.before = pending->change.after = MC_STR(""); /* the caller's, and gone soon */
    return rc;
}

mc_code mc_dynamic_tell(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                        mc_dynamic_action action, const mc_str *fields, size_t field_count,
                        mc_err *err)
{
    mc_dynamic_change change = {
        .model = model, .id = id, .action = action, .at = ctx->now, .field_count = 0};
    mc_buf row;
    mc_code rc = MC_OK;

    mc_buf_init_arena(&row, ctx->arena, 0);
    if (action != MC_DYNAMIC_DELETED)
        rc = mc_dynamic_get(self, ctx, model, id, &row, NULL, err);
    if (rc == MC_NOT_FOUND)
        change.action = MC_DYNAMIC_DELETED;
    else if (rc == MC_OK)
        rc = mc_buf_check(&row, "write", err);
    if (rc != MC_OK && rc != MC_NOT_FOUND)
        return rc;
    if (change.action == MC_DYNAMIC_UPDATED) {
        change.fields = fields;
        change.field_count = field_count;
    }
    if (change.action != MC_DYNAMIC_DELETED)
        change.after = mc_buf_get(&row);
    return mc__dynamic_changed(self, ctx, &change, err);
}
