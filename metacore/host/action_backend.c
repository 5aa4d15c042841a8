/* SPDX-License-Identifier: Apache-2.0 */
/* Actions whose trigger is their addon's own server: hooks of the manifest, "model::action": URL.
 */
#include "metacore/base/utf8.h"
#include "metacore/host/backend.h"
#include "metacore/host/guests_internal.h"

#define HOOK_TIMEOUT_MS 15000

typedef struct hook_call {
    mc_app *app;
    const mc_action_call *action;
    mc_str name; /* "model::action" */
    mc_str url;
    bool is_module; /* what it names is an export called like the action */
} hook_call;

static mc_code find_url(hook_call *hook, mc_ctx *ctx, mc_err *err)
{
    const mc_action_call *action = hook->action;
    mc_manifest *manifest = NULL;
    mc_str text, digest, url = MC_STR("");
    mc_code rc;

    hook->name =
        mc_str_printf(ctx->arena, "%.*s::%.*s", MC_FMT(action->model->key), MC_FMT(action->key));
    if (!hook->name.ptr)
        return mc_fail(err, MC_NO_MEMORY, "action");
    if (action->model->addon_key.len == 0)
        return MC_OK;
    rc = mc_installer_load_manifest(mc_host_installer(hook->app->host), ctx,
                                    action->model->addon_key, &text, &digest, err);
    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &manifest, err);
    if (rc != MC_OK)
        return rc;
    (void)mc_json_get_str(
        mc_json_find(mc_json_find_nocase(manifest->root, MC_STR("hooks")), hook->name), &url);
    hook->url = mc_str_copy(ctx->arena, mc_str_trim(url));
    hook->is_module = mc__guest_is_declared(manifest) &&
                      !mc_str_starts_with(hook->url, MC_STR("http://")) &&
                      !mc_str_starts_with(hook->url, MC_STR("https://"));
    mc_manifest_free(manifest);
    return hook->url.ptr || url.len == 0 ? MC_OK : mc_fail(err, MC_NO_MEMORY, "action");
}

static mc_code write_body(const hook_call *hook, mc_ctx *ctx, mc_str *out, mc_err *err)
{
    mc_buf body;

    mc_buf_init_arena(&body, ctx->arena, 0);
    mc_buf_lit(&body, "{\"record_id\":");
    if (mc_uuid_is_nil(hook->action->record_id)) {
        mc_buf_lit(&body, "null");
    } else {
        mc_buf_char(&body, '"');
        mc_uuid_write(&body, hook->action->record_id);
        mc_buf_char(&body, '"');
    }
    mc_buf_lit(&body, ",\"payload\":");
    mc_json_write(&body, hook->action->payload);
    mc_buf_lit(&body, ",\"hook\":");
    mc_json_write_str(&body, hook->name);
    mc_buf_lit(&body, ",\"org_id\":\"");
    mc_uuid_write(&body, ctx->who.org_id);
    mc_buf_lit(&body, "\"}");
    *out = mc_buf_get(&body);
    return mc_buf_check(&body, "action", err);
}

static mc_code refused(const hook_call *hook, const mc_http_reply *reply, mc_err *err)
{
    *hook->action->out_decline_code = MC_STR("webhook_error");
    return mc_fail(err, MC_REJECTED, "addon %.*s webhook returned %d: %.*s",
                   MC_FMT(hook->action->model->addon_key), reply->status,
                   MC_FMT(mc_utf8_truncate(mc_str_trim(reply->body), MC__BACKEND_SHOWN_MAX)));
}

/* JSON says what an export's would; anything else is the answer as it is. */
static mc_code read_reply(const hook_call *hook, mc_ctx *ctx, mc_str body, mc_buf *out, mc_err *err)
{
    const mc_json *json;
    mc_err no_json;

    body = mc_str_trim(body);
    if (body.len && mc_json_parse(ctx->arena, body, NULL, &json, &no_json) != MC_OK) {
        mc_json_write_str(out, body);
        return MC_OK;
    }
    return mc__guest_read_output(ctx, hook->action, body, out, err);
}

static mc_code call_url(const hook_call *hook, mc_ctx *ctx, mc_buf *out, mc_err *err)
{
    char user[MC_UUID_TEXT_LEN];
    mc_http_pair headers[] = {{MC_STR("X-Metacore-Invocation"), MC_STR("action")},
                              {MC_STR("X-Metacore-User-ID"), mc_str_of(user, sizeof(user))}};
    mc__backend_call call = {.addon_key = hook->action->model->addon_key,
                             .url = hook->url,
                             .event = hook->name,
                             .timeout_ms = HOOK_TIMEOUT_MS,
                             .headers = headers,
                             .header_count = MC_LEN(headers)};
    mc_http_reply reply;
    mc_code rc = write_body(hook, ctx, &call.body, err);

    mc_uuid_format(ctx->who.user_id, user);
    if (rc == MC_OK)
        rc = mc__backend_call_run(hook->app, ctx, &call, &reply, err);
    if (rc == MC_UNAVAILABLE || rc == MC_TIMEOUT)
        ctx->failure_code = MC_STR("webhook_unreachable");
    if (rc != MC_OK)
        return rc;
    return reply.status >= 400 ? refused(hook, &reply, err)
                               : read_reply(hook, ctx, reply.body, out, err);
}

static mc_code dispatch_hook(mc_app *app, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                             mc_err *err)
{
    hook_call hook = {.app = app, .action = call};
    mc_code rc = find_url(&hook, ctx, err);

    if (rc == MC_OK && hook.url.len == 0)
        return mc_fail(err, MC_NOT_PROVIDED, "unsupported trigger type: \"webhook\"");
    if (rc == MC_OK && hook.is_module)
        return mc__guests_dispatch_export(app->guests, ctx, call, call->key, out, err);
    return rc == MC_OK ? call_url(&hook, ctx, out, err) : rc;
}

mc_code mc__app_dispatch(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                         mc_err *err)
{
    mc_app *app = user;

    return mc_str_eq(call->trigger_type, MC_STR("webhook"))
               ? dispatch_hook(app, ctx, call, out, err)
               : mc__guests_dispatch(app->guests, ctx, call, out, err);
}

mc_code mc__app_ready(void *user, mc_ctx *ctx, const mc_action_call *call, mc_err *err)
{
    return mc__guests_ready(((mc_app *)user)->guests, ctx, call, err);
}
