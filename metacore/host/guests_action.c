/* SPDX-License-Identifier: Apache-2.0 */
/* An action whose trigger is an export of its addon's module. */
#include "metacore/host/guests_internal.h"

/* A guest that failed is no fault of who asked: a word for programs says how it failed. */
static mc_code failed(mc_ctx *ctx, mc_code rc, mc_err *err)
{
    switch (rc) {
    case MC_TIMEOUT:
        ctx->failure_code = MC_STR("timeout");
        return rc;
    case MC_NO_MEMORY:
    case MC_LIMIT:
        return rc;
    case MC_UNAVAILABLE:
        ctx->failure_code = MC_STR("guest_unavailable");
        return rc;
    default:
        ctx->failure_code = MC_STR("runtime_error");
        err->code = MC_INTERNAL;
        return MC_INTERNAL;
    }
}

static mc_code run(mc__invocation *invocation, const mc_action_call *call, mc_buf *answer,
                   mc_err *err)
{
    mc_ctx *ctx = invocation->ctx;
    mc_wasm_call wasm = {MC_WASM_CALL, .timeout_ms = invocation->guest->timeout_ms,
                         .host = mc__guest_host, .host_user = invocation,
                         .on_line = mc__guest_line};
    mc_buf input;
    mc_code rc;

    (void)mc_json_get_str(mc_json_find_nocase(call->trigger, MC_STR("export")), &wasm.function);
    mc_buf_init(&input, MC_WASM_MESSAGE_MAX);
    mc__guest_write_input(&input, ctx, call, invocation->installation);
    rc = mc_buf_check(&input, "action", err);
    wasm.input = mc_buf_get(&input);
    if (rc == MC_OK) {
        rc = mc_wasm_invoke(invocation->guest->wasm, &wasm, answer, err);
        if (rc != MC_OK)
            rc = failed(ctx, rc, err);
    }
    mc_buf_deinit(&input);
    return rc;
}

static mc_code call_guest(mc__guests *self, mc_ctx *ctx, const mc_action_call *call,
                          const mc_installation *installation, mc_buf *out, mc_err *err)
{
    mc__invocation invocation = {.guests = self, .ctx = ctx, .installation = installation};
    mc__guest *guest = NULL;
    mc_buf answer;
    mc_code rc = mc__guests_take(self, ctx, call->model->addon_key, &guest, err);

    if (rc != MC_OK)
        return rc;
    if (!guest || !guest->wasm) {
        mc__guests_unref(self, guest);
        return mc_fail(err, MC_NOT_PROVIDED, "addon %.*s: its backend is no wasm module",
                       MC_FMT(call->model->addon_key));
    }
    invocation.guest = guest;
    mc_buf_init(&answer, MC_WASM_MESSAGE_MAX);
    rc = run(&invocation, call, &answer, err);
    mc__guests_unref(self, guest);
    if (rc == MC_OK) {
        mc_str text = mc_str_copy(ctx->arena, mc_buf_get(&answer));

        rc = text.len == mc_buf_get(&answer).len ? mc__guest_read_output(ctx, call, text, out, err)
                                                 : mc_fail(err, MC_NO_MEMORY, "action");
    }
    mc_buf_deinit(&answer);
    return rc;
}

mc_code mc__guests_dispatch(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                            mc_err *err)
{
    mc__guests *self = user;
    mc_str addon_key = call->model->addon_key;
    mc_installation installation = {0};
    bool in_transaction = false;
    mc_code rc;

    if (!mc_str_eq(call->trigger_type, MC_STR("wasm")))
        return mc_fail(err, MC_NOT_PROVIDED, "unsupported trigger type: \"%.*s\"",
                       MC_FMT(call->trigger_type));
    if (!self->runtime)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "this process runs no guests: it was started without a zygote");
    (void)mc_json_get_bool(mc_json_find(call->trigger, MC_STR("run_in_tx")),
                           &in_transaction); /* absent: not */
    if (in_transaction)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "action %.*s: run_in_tx is not provided: guests cannot write in the "
                       "action's transaction",
                       MC_FMT(call->key));
    rc = mc_installer_find(mc_host_installer(self->app->host), ctx, addon_key, ctx->who.org_id,
                           &installation, err);
    if (rc == MC_OK && !mc_str_eq(installation.status, MC_STR("enabled")))
        rc = mc_fail(err, MC_NOT_FOUND, "addon %.*s is not enabled", MC_FMT(addon_key));
    if (rc == MC_OK)
        rc = call_guest(self, ctx, call, &installation, out, err);
    mc__guests_sweep(self);
    return rc;
}
