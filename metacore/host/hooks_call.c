/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/utf8.h"
#include "metacore/host/backend.h"
#include "metacore/host/guests_internal.h"
#include "metacore/host/hooks_internal.h"

#define SCRATCH_BYTES ((size_t)64 << 20)

/* {"success":false,"error":{"code","message"}}, {"ok":false,"error":"…"}: a no. */
static mc_code read_verdict(mc_ctx *ctx, const mc_json *answer, mc_err *err)
{
    const mc_json *error = mc_json_find(answer, MC_STR("error"));
    mc_str message = MC_STR("");
    bool is_yes = true;

    if (!mc_json_get_bool(mc_json_find(answer, MC_STR("success")), &is_yes))
        (void)mc_json_get_bool(mc_json_find(answer, MC_STR("ok")), &is_yes); /* else yes */
    if (is_yes)
        return MC_OK;
    if (!mc_json_get_str(error, &message)) {
        (void)mc_json_get_str(mc_json_find(error, MC_STR("message")), &message);
        (void)mc_json_get_str(mc_json_find(error, MC_STR("code")), &ctx->failure_code);
    }
    if (ctx->failure_code.len == 0)
        ctx->failure_code = MC_STR("declined");
    if (message.len == 0)
        (void)mc_json_get_str(mc_json_find(answer, MC_STR("message")), &message);
    return mc_fail(err, MC_REJECTED, "%.*s",
                   MC_FMT(message.len ? message : MC_STR("refused by a hook")));
}

/* ---- a module ---- */

static mc_code find_installation(mc_app *app, mc_ctx *ctx, mc_str addon_key, mc_installation *out,
                                 bool *is_there, mc_err *err)
{
    mc_code rc =
        mc_installer_find(mc_host_installer(app->host), ctx, addon_key, ctx->who.org_id, out, err);

    *is_there = rc == MC_OK && mc_str_eq(out->status, MC_STR("enabled"));
    return rc == MC_NOT_FOUND ? MC_OK : rc;
}

static mc_code run_export(mc_app *app, mc_ctx *ctx, const mc__hook_call *call, mc_err *err)
{
    mc_installation found;
    mc__guest_call guest = {.addon_key = call->addon_key,
                            .installation = call->installation,
                            .is_member = call->installation != NULL,
                            .own = call->own,
                            .own_count = call->own_count,
                            .function = call->hook->function,
                            .input = call->payload};
    const mc_json *json;
    mc_str answer = MC_STR("");
    bool is_there = true;
    mc_err why;
    mc_code rc = MC_OK;

    if (!guest.installation) {
        rc = find_installation(app, ctx, call->addon_key, &found, &is_there, err);
        guest.installation = &found;
    }
    if (rc != MC_OK || !is_there)
        return rc;
    rc = mc__guests_call(app->guests, ctx, &guest, &answer, err);
    answer = mc_str_trim(answer);
    if (rc != MC_OK || answer.len == 0)
        return rc;
    if (mc_json_parse(ctx->arena, answer, NULL, &json, &why) != MC_OK) {
        ctx->failure_code = MC_STR("invalid_output");
        ctx->failure_is_told = true;
        return mc_fail(err, MC_INTERNAL, "addon %.*s: hook %.*s: its answer is no JSON: %s",
                       MC_FMT(call->addon_key), MC_FMT(call->event), why.msg);
    }
    return read_verdict(ctx, json, err);
}

/* ---- a server ---- */

static mc_code refused(mc_ctx *ctx, const mc__hook_call *call, const mc_http_reply *reply,
                       const mc_json *json, mc_err *err)
{
    mc_str message = MC_STR("");
    const mc_json *error = mc_json_find(json, MC_STR("error"));

    ctx->failure_code = MC_STR("webhook_error");
    if (!mc_json_get_str(error, &message) &&
        !mc_json_get_str(mc_json_find(error, MC_STR("message")), &message))
        (void)mc_json_get_str(mc_json_find(json, MC_STR("message")), &message);
    if (message.len)
        return mc_fail(err, MC_REJECTED, "%.*s", MC_FMT(message));
    return mc_fail(err, MC_REJECTED, "addon %.*s webhook returned %d: %.*s",
                   MC_FMT(call->addon_key), reply->status,
                   MC_FMT(mc_utf8_truncate(mc_str_trim(reply->body), MC__BACKEND_SHOWN_MAX)));
}

static mc_code run_url(mc_app *app, mc_ctx *ctx, const mc__hook_call *call, mc_err *err)
{
    mc_http_pair header = {MC_STR("X-Metacore-Delivery"), call->delivery};
    mc__backend_call backend = {.addon_key = call->addon_key,
                                .url = call->hook->url,
                                .event = call->event,
                                .body = call->payload,
                                .secrets = call->secrets,
                                .headers = &header,
                                .header_count = call->delivery.len ? 1 : 0,
                                .timeout_ms = MC__HOOK_TIMEOUT_MS};
    const mc_json *json = NULL;
    mc_http_reply reply;
    mc_err no_json;
    mc_code rc = mc__backend_call_run(app, ctx, &backend, &reply, err);

    if (rc == MC_NOT_FOUND)
        return MC_OK; /* it is no longer enabled */
    if (rc == MC_UNAVAILABLE || rc == MC_TIMEOUT)
        ctx->failure_code = MC_STR("webhook_unreachable");
    if (rc != MC_OK)
        return rc;
    if (mc_json_parse(ctx->arena, mc_str_trim(reply.body), NULL, &json, &no_json) != MC_OK)
        json = NULL; /* whatever it says, its status is the answer */
    return reply.status < 200 || reply.status > 299 ? refused(ctx, call, &reply, json, err)
                                                    : read_verdict(ctx, json, err);
}

/* ---- both ---- */

static void count(mc_app *app, mc_str event, mc_code rc)
{
    mc_str values[] = {event, rc == MC_OK         ? MC_STR("yes")
                              : rc == MC_REJECTED ? MC_STR("no")
                                                  : MC_STR("failed")};

    mc_series_add(mc_metric_series(app->numbers.hooks, values), 1);
}

mc_code mc__hook_run(mc_app *app, mc_ctx *ctx, const mc__hook_call *call, mc_err *err)
{
    mc_ctx own = *ctx; /* what it leaves behind is not the request's */
    mc_db_conn *opened = NULL;
    mc_arena *scratch = NULL;
    mc_code rc = MC_OK;

    own.questions = NULL;
    own.field_errors = NULL;
    own.field_error_count = 0;
    own.failure_code = own.failure_meta = MC_STR("");
    own.failure_is_told = false;
    own.depth++;
    if (own.depth > MC__HOOK_DEPTH_MAX)
        return mc_fail(err, MC_REJECTED, "hooks of addons call each other more than %d deep",
                       MC__HOOK_DEPTH_MAX);
    if (!ctx->is_alone) { /* else what it writes is told from there, after the commit */
        own.arena = scratch = mc_arena_new(SCRATCH_BYTES);
        if (!scratch)
            return mc_fail(err, MC_NO_MEMORY, "hook");
    }
    if (!own.conn) {
        rc = mc_db_reader_open(app->db, &opened, err);
        own.conn = opened;
        if (rc == MC_OK)
            mc_db_conn_set_org(opened, own.who.org_id);
    }
    if (rc == MC_OK)
        rc = call->hook->url.len ? run_url(app, &own, call, err) : run_export(app, &own, call, err);
    mc_db_reader_close(opened);
    count(app, call->event, rc);
    if (rc != MC_OK) {
        ctx->failure_code = mc_str_copy(ctx->arena, own.failure_code);
        ctx->failure_is_told = own.failure_is_told;
    }
    mc_arena_free(scratch);
    return rc;
}
