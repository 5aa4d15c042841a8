/* SPDX-License-Identifier: Apache-2.0 */
/* An action on one row: found in the manifest, checked, handed to its dispatcher. */
#include "metacore/dynamic/dynamic_internal.h"

static const mc_json *find_action(const mc_model *model, mc_str key)
{
    if (!model->actions || model->actions->kind != MC_JSON_ARRAY)
        return NULL;
    for (size_t i = 0; i < model->actions->as.array.count; i++) {
        const mc_json *action = model->actions->as.array.items[i];
        mc_str own;

        if (mc_json_get_str(mc_json_find_nocase(action, MC_STR("key")), &own) &&
            mc_str_eq(own, key))
            return action;
    }
    return NULL;
}

static mc_code check_row(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                         mc_err *err)
{
    const mc_model *readable;
    mc_buf row;
    mc_code rc = mc_dynamic_open(self, ctx, model->key, MC_STR("read"), &readable, err);

    mc_buf_init_arena(&row, ctx->arena, 0);
    return rc == MC_OK ? mc_dynamic_get(self, ctx, model, id, &row, NULL, err) : rc;
}

static mc_code read_call(mc_http_req *req, mc_dynamic *self, mc_action_call *call, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_code rc = mc_http_param_uuid(req, MC_STR("id"), &call->record_id, err);

    if (rc == MC_OK)
        rc = mc_http_body_json(req, true, "invalid body", &call->payload, err);
    if (rc == MC_OK && call->payload && call->payload->kind != MC_JSON_OBJECT)
        rc = mc_fail(err, MC_INVALID, "invalid body");
    if (rc == MC_OK)
        rc = mc_dynamic_open(self, ctx, mc_http_param(req, MC_STR("model")), MC_STR("update"),
                             &call->model, err);
    if (rc != MC_OK)
        return rc;
    call->key = mc_http_param(req, MC_STR("key"));
    call->action = find_action(call->model, call->key);
    if (!call->action)
        return mc_fail(err, MC_NOT_FOUND, "action not found");
    call->trigger_type = MC_STR("webhook");
    (void)mc_json_get_str(
        mc_json_find_nocase(mc_json_find_nocase(call->action, MC_STR("trigger")), MC_STR("type")),
        &call->trigger_type); /* absent: a webhook, as the contract has it */
    return check_row(self, ctx, call->model, call->record_id, err);
}

/* POST /dynamic/:model/:id/action/:key */
mc_code mc__action(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_dynamic *self = user;
    mc_action_call call = {0};
    bool is_noop;
    mc_buf *out, meta;
    mc_code rc = mc_ctx_is_anonymous(mc_http_ctx(req))
                     ? mc_fail(err, MC_UNAUTHENTICATED, "not authenticated")
                     : read_call(req, self, &call, err);

    if (rc != MC_OK)
        return rc;
    is_noop = mc_str_eq(call.trigger_type, MC_STR("noop"));
    if (!is_noop && !self->config.dispatch)
        return mc_fail(err, MC_NOT_PROVIDED, "action resolver not configured");
    out = mc_http_ok_begin(res, 200);
    if (is_noop)
        mc_buf_lit(out, "null");
    else
        rc = self->config.dispatch(self->config.dispatch_user, mc_http_ctx(req), &call, out, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&meta, mc_http_ctx(req)->arena, 0);
    mc_buf_lit(&meta, "{\"action\":");
    mc_json_write_str(&meta, call.key);
    mc_buf_lit(&meta, ",\"model\":");
    mc_json_write_str(&meta, call.model->key);
    mc_buf_str(&meta, is_noop ? MC_STR(",\"no_op\":true") : MC_STR(""));
    mc_buf_lit(&meta, ",\"trigger_type\":");
    mc_json_write_str(&meta, call.trigger_type);
    mc_buf_char(&meta, '}');
    rc = mc_buf_check(&meta, "action", err);
    return rc == MC_OK ? mc_http_ok_end(res, mc_buf_get(&meta), err) : rc;
}
