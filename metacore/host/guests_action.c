/* SPDX-License-Identifier: Apache-2.0 */
/* An action whose trigger is an export of its addon's module. */
#include "metacore/host/guests_internal.h"

static mc_code call_guest(mc__guests *self, mc_ctx *ctx, const mc_action_call *call,
                          mc_str function, const mc_installation *installation, mc_buf *out,
                          mc_err *err)
{
    mc__guest_call guest = {
        .addon_key = call->model->addon_key, .installation = installation, .function = function};
    mc_str answer;
    mc_buf input;
    mc_code rc;

    mc_buf_init(&input, MC_WASM_MESSAGE_MAX);
    mc__guest_write_input(&input, ctx, call, installation);
    rc = mc_buf_check(&input, "action", err);
    guest.input = mc_buf_get(&input);
    if (rc == MC_OK)
        rc = mc__guests_call(self, ctx, &guest, &answer, err);
    mc_buf_deinit(&input);
    return rc == MC_OK ? mc__guest_read_output(ctx, call, answer, out, err) : rc;
}

mc_code mc__guests_dispatch_export(mc__guests *self, mc_ctx *ctx, const mc_action_call *call,
                                   mc_str function, mc_buf *out, mc_err *err)
{
    mc_str addon_key = call->model->addon_key;
    mc_installation installation = {0};
    mc_code rc = mc_installer_find(mc_host_installer(self->app->host), ctx, addon_key,
                                   ctx->who.org_id, &installation, err);

    if (rc == MC_OK && !mc_str_eq(installation.status, MC_STR("enabled")))
        rc = mc_fail(err, MC_NOT_FOUND, "addon %.*s is not enabled", MC_FMT(addon_key));
    return rc == MC_OK ? call_guest(self, ctx, call, function, &installation, out, err) : rc;
}

mc_code mc__guests_dispatch(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                            mc_err *err)
{
    mc_str function = MC_STR("");

    if (!mc_str_eq(call->trigger_type, MC_STR("wasm")))
        return mc_fail(err, MC_NOT_PROVIDED, "unsupported trigger type: \"%.*s\"",
                       MC_FMT(call->trigger_type));
    (void)mc_json_get_str(mc_json_find_nocase(call->trigger, MC_STR("export")), &function);
    return mc__guests_dispatch_export(user, ctx, call, function, out, err);
}

mc_code mc__guests_ready(mc__guests *self, mc_ctx *ctx, const mc_action_call *call, mc_err *err)
{
    return mc__guests_fetch(self, ctx, call->model->addon_key, err);
}
