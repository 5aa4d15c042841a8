/* SPDX-License-Identifier: Apache-2.0 */
/* Every row that is written becomes an event for who subscribed to it, in the row's transaction. */
#include "metacore/host/app_internal.h"

static mc_code check(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

/* The contract knows three actions: a row that is restored appears, as one that is created does. */
static mc_str event_of(mc_ctx *ctx, const mc_model *model, mc_dynamic_action action)
{
    mc_str addon = model->addon_key.len ? model->addon_key : MC_STR("kernel");

    if (action == MC_DYNAMIC_RESTORED)
        action = MC_DYNAMIC_CREATED;
    return mc_str_printf(ctx->arena, "%.*s.%.*s.%s", MC_FMT(addon), MC_FMT(model->key),
                         mc_dynamic_action_name(action));
}

static void write_payload(const mc_dynamic_change *change, bool has_before, bool has_after,
                          mc_buf *out)
{
    mc_buf_clear(out);
    mc_buf_lit(out, "{\"id\":\"");
    mc_uuid_write(out, change->id);
    mc_buf_char(out, '"');
    if (has_before && change->before.len) {
        mc_buf_lit(out, ",\"before\":");
        mc_buf_str(out, change->before);
    }
    if (has_after && change->after.len) {
        mc_buf_lit(out, ",\"after\":");
        mc_buf_str(out, change->after);
    }
    if ((!has_before && change->before.len) || (!has_after && change->after.len))
        mc_buf_lit(out, ",\"truncated\":true");
    mc_buf_char(out, '}');
}

/* A row too large for a payload is told without it; its write does not fail for that. */
static mc_code publish(mc_app *app, mc_ctx *ctx, mc_str event, const mc_dynamic_change *change,
                       mc_err *err)
{
    mc_code rc;
    mc_buf payload;

    mc_buf_init(&payload, 0);
    write_payload(change, true, true, &payload);
    if (payload.len > MC_WEBHOOKS_PAYLOAD_MAX)
        write_payload(change, false, true, &payload);
    if (payload.len > MC_WEBHOOKS_PAYLOAD_MAX)
        write_payload(change, false, false, &payload);
    rc = mc_buf_check(&payload, "event", err);
    if (rc == MC_OK)
        rc = mc_webhooks_publish(app->webhooks, ctx, event, change->id, mc_buf_get(&payload), err);
    mc_buf_deinit(&payload);
    return rc;
}

mc_code mc__app_webhooks_publish(mc_app *app, mc_ctx *ctx, const mc_dynamic_change *change,
                                 mc_err *err)
{
    mc_str event = event_of(ctx, change->model, change->action);
    bool is_wanted = false;
    mc_code rc;

    if (!event.ptr)
        return mc_fail(err, MC_NO_MEMORY, "event");
    rc = mc_webhooks_wants(app->webhooks, ctx, event, &is_wanted, err);
    return rc == MC_OK && is_wanted ? publish(app, ctx, event, change, err) : rc;
}

mc_code mc__app_webhooks_new(mc_app *app, mc_err *err)
{
    return mc_webhooks_new(
        &(mc_webhooks_config){MC_WEBHOOKS_CONFIG, .db = app->db, .is_alone = true, .check = check,
                              .check_user = app->permission, .box = app->has_box ? &app->box : NULL,
                              .allow_private = app->config.allow_private_egress,
                              .retry_base_ms = app->config.webhook_retry_ms,
                              .retention_s = (int64_t)app->config.delivery_days * 86400,
                              .log = app->config.log, .clock = app->config.clock},
        &app->webhooks, err);
}
