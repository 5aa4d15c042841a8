/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an addon's module, whoever it is for: an action, a tool, a hook. */
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
        ctx->failure_is_told = rc == MC_REJECTED; /* its own end: a trap, an exit, an abort */
        err->code = MC_INTERNAL;
        return MC_INTERNAL;
    }
}

static mc_code invoke(mc__guests *self, mc_ctx *ctx, const mc__guest_call *call,
                      const mc__guest *guest, mc_buf *answer, mc_err *err)
{
    mc__invocation invocation = {.guests = self,
                                 .ctx = ctx,
                                 .guest = guest,
                                 .installation = call->installation,
                                 .in_transaction = ctx->is_alone,
                                 .is_member = call->is_member,
                                 .own = call->own,
                                 .own_count = call->own_count};
    mc_wasm_call wasm = {MC_WASM_CALL,
                         .function = call->function,
                         .input = call->input,
                         .timeout_ms = guest->timeout_ms,
                         .host = mc__guest_host,
                         .host_user = &invocation,
                         .on_line = mc__guest_line};
    mc_code rc;

    if (call->timeout_ms && call->timeout_ms < wasm.timeout_ms)
        wasm.timeout_ms = call->timeout_ms;
    wasm.is_urgent = ctx->is_alone;
    if (ctx->is_alone && wasm.timeout_ms > MC__GUEST_TX_TIMEOUT_MS)
        wasm.timeout_ms = MC__GUEST_TX_TIMEOUT_MS;
    rc = mc_wasm_invoke(guest->wasm, &wasm, answer, err);
    return rc == MC_OK ? rc : failed(ctx, rc, err);
}

mc_code mc__guests_fetch(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc_err *err)
{
    mc_ctx reading = *ctx;
    mc_db_conn *opened = NULL;
    mc__guest *guest = NULL;
    mc_code rc = MC_OK;

    if (!self->runtime)
        return MC_OK;
    if (!reading.conn) {
        rc = mc_db_reader_open(self->app->db, &opened, err);
        reading.conn = opened;
    }
    if (rc == MC_OK)
        rc = mc__guests_take(self, &reading, addon_key, &guest, err);
    ctx->failure_code = reading.failure_code;
    mc__guests_unref(self, guest); /* it stays loaded */
    mc_db_reader_close(opened);
    return rc;
}

/* In a transaction nobody waits for a guest to be loaded: it was fetched before. */
static mc_code take(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc__guest **out, mc_err *err)
{
    mc_str manifest, digest;
    mc_code rc;

    if (!ctx->is_alone)
        return mc__guests_take(self, ctx, addon_key, out, err);
    rc = mc_installer_load_manifest(mc_host_installer(self->app->host), ctx, addon_key, &manifest,
                                    &digest, err);
    if (rc != MC_OK)
        return rc;
    *out = mc__guests_find(self, digest);
    if (*out)
        return MC_OK;
    ctx->failure_code = MC_STR("guest_not_loaded");
    return mc_fail(err, MC_UNAVAILABLE, "addon %.*s: its module is not loaded yet",
                   MC_FMT(addon_key));
}

mc_code mc__guests_call(mc__guests *self, mc_ctx *ctx, const mc__guest_call *call, mc_str *out,
                        mc_err *err)
{
    mc__guest *guest = NULL;
    mc_buf answer;
    mc_code rc;

    if (!self->runtime)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "this process runs no guests: it was started without a zygote");
    rc = take(self, ctx, call->addon_key, &guest, err);
    mc_buf_init(&answer, MC_WASM_MESSAGE_MAX);
    if (rc == MC_OK && guest && guest->wasm)
        rc = invoke(self, ctx, call, guest, &answer, err);
    else if (rc == MC_OK)
        rc = mc_fail(err, MC_NOT_PROVIDED, "addon %.*s: its backend is no wasm module",
                     MC_FMT(call->addon_key));
    mc__guests_unref(self, guest);
    if (rc == MC_OK) {
        mc_str text = mc_str_copy(ctx->arena, mc_buf_get(&answer));

        if (text.len == mc_buf_get(&answer).len)
            *out = text;
        else
            rc = mc_fail(err, MC_NO_MEMORY, "guest");
    }
    mc_buf_deinit(&answer);
    if (!ctx->is_alone) /* it waits for processes */
        mc__guests_sweep(self);
    return rc;
}
