/* SPDX-License-Identifier: Apache-2.0 */
/* Addons whose code is the program's own, around what happens to them and to their rows. */
#include "metacore/host/hooks_internal.h"

mc_lifecycle *mc_host_lifecycle(mc_host *self)
{
    return self->app->lifecycle;
}

/* ---- what happens to them ---- */

static mc_code tell(const mc_app *app, mc_ctx *ctx, const mc_addon_change *change,
                    mc_lifecycle_event event, mc_err *err)
{
    return mc_lifecycle_tell(app->lifecycle, ctx, event, change->addon_key, change->org_id, err);
}

/* The words that come with it, for the organization it happens in. */
static mc_code keep_words(mc_app *app, mc_ctx *ctx, const mc_addon_change *change, mc_err *err)
{
    mc_uuid org_id = ctx->who.org_id;
    mc_str text, digest;
    const mc_json *manifest = NULL;
    mc_code rc = MC_OK;

    if (change->event == MC_ADDON_ENABLED || change->event == MC_ADDON_DISABLED)
        return MC_OK;
    if (change->event != MC_ADDON_UNINSTALLED) {
        rc = mc_installer_load_manifest(mc_host_installer(app->host), ctx, change->addon_key, &text,
                                        &digest, err);
        if (rc == MC_OK)
            rc = mc_json_parse(ctx->arena, text, &(mc_json_options){.last_duplicate_wins = true},
                               &manifest, err);
    }
    ctx->who.org_id = change->org_id;
    if (rc == MC_OK)
        rc = mc__app_notify_addon(app, ctx, change->addon_key, manifest, err);
    ctx->who.org_id = org_id;
    return rc;
}

static mc_code tell_program(const mc_app *app, mc_ctx *ctx, const mc_addon_change *change,
                            mc_err *err)
{
    mc_code rc;

    switch (change->event) {
    case MC_ADDON_INSTALLED:
        rc = tell(app, ctx, change, MC_ON_INSTALL, err);
        return rc == MC_OK ? tell(app, ctx, change, MC_ON_ENABLE, err) : rc;
    case MC_ADDON_UPGRADED:
        rc = tell(app, ctx, change, MC_ON_UPGRADE, err);
        return rc == MC_OK && change->is_enabled && !change->was_enabled
                   ? tell(app, ctx, change, MC_ON_ENABLE, err)
                   : rc;
    case MC_ADDON_ENABLED:
        return tell(app, ctx, change, MC_ON_ENABLE, err);
    case MC_ADDON_DISABLED:
        return tell(app, ctx, change, MC_ON_DISABLE, err);
    default:
        rc = change->was_enabled ? tell(app, ctx, change, MC_ON_DISABLE, err) : MC_OK;
        return rc == MC_OK ? tell(app, ctx, change, MC_ON_UNINSTALL, err) : rc;
    }
}

mc_code mc__host_on_change(void *user, mc_ctx *ctx, const mc_addon_change *change, mc_err *err)
{
    mc_code rc = keep_words(user, ctx, change, err);

    if (rc == MC_OK)
        rc = tell_program(user, ctx, change, err);
    return rc == MC_OK && change->event != MC_ADDON_UNINSTALLED && !change->is_forced
               ? mc__hooks_within_change(user, ctx, change, err)
               : rc;
}

mc_code mc__host_before_uninstall(void *user, mc_ctx *ctx, const mc_addon_change *change,
                                  mc_err *err)
{
    return mc__hooks_within_change(user, ctx, change, err);
}

mc_code mc_host_install_compiled(mc_host *self, mc_ctx *ctx, mc_str addon_key,
                                 const mc_host_install_options *options, mc_installation *out,
                                 mc_err *err)
{
    mc_str manifest = mc_lifecycle_find_manifest(self->app->lifecycle, addon_key);
    mc_bundle *bundle = NULL;
    mc_code rc;

    if (manifest.len == 0)
        return mc_fail(err, MC_NOT_FOUND, "no addon %.*s is registered", MC_FMT(addon_key));
    rc = mc_bundle_of_manifest(manifest, &bundle, err);
    if (rc == MC_OK)
        rc = mc_host_install(
            self, ctx,
            &(mc_install_source){.bundle = bundle, .is_trusted = true, .is_compiled = true},
            options, out, err);
    mc_bundle_free(bundle);
    return rc;
}

/* ---- actions that they answer ---- */

typedef struct installed_call {
    mc_installer *installer;
    mc_str addon_key;
    mc_installation installation;
    mc_str settings;
} installed_call;

static mc_code load_installed(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    installed_call *call = user;
    mc_code rc = mc_installer_find(call->installer, ctx, call->addon_key, ctx->who.org_id,
                                   &call->installation, err);

    (void)conn; /* in ctx */
    return rc == MC_OK ? mc_installer_open_settings(call->installer, ctx, &call->installation,
                                                    &call->settings, err)
                       : rc;
}

mc_code mc__host_intercept(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                           bool *is_handled, mc_err *err)
{
    mc_app *app = user;
    installed_call installed = {.installer = mc_host_installer(app->host)};
    mc_intercept_fn fn = NULL;
    void *fn_user = NULL;
    mc_code rc;

    installed.addon_key =
        mc_lifecycle_find_interceptor(app->lifecycle, call->model->key, call->key, &fn, &fn_user);
    if (installed.addon_key.len == 0 ||
        !mc_installer_is_enabled(installed.installer, ctx->who.org_id, installed.addon_key))
        return MC_OK;
    rc = mc_db_read(app->db, ctx, load_installed, &installed, err);
    if (rc != MC_OK)
        return rc;
    return fn(fn_user, ctx,
              &(mc_intercept){.model = call->model->key,
                              .action = call->key,
                              .record_id = call->record_id,
                              .payload = call->payload,
                              .row = call->row,
                              .addon_key = installed.addon_key,
                              .version = installed.installation.version,
                              .settings = installed.settings},
              out, is_handled, err);
}
