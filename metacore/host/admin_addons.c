/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's commands on addons. */
#include "metacore/host/admin_internal.h"
#include "metacore/host/guests_internal.h"
#include "metacore/host/hooks_internal.h"

typedef struct addon_call {
    mc_app *app;
    mc_installer *installer;
    mc_install_target target;
    bool drop;
    const mc_json *settings;
    mc_installation out;
    mc_code (*run)(struct addon_call *call, mc_ctx *ctx, mc_err *err);
} addon_call;

static bool is_set(const mc_json *in, const char *key)
{
    bool flag = false;

    return mc_json_get_bool(mc_json_find(in, mc_z(key)), &flag) && flag;
}

/* ---- what is run ---- */

static mc_code enable(addon_call *call, mc_ctx *ctx, mc_err *err)
{
    return mc_installer_enable(call->installer, ctx, &call->target, &call->out, err);
}

static mc_code disable(addon_call *call, mc_ctx *ctx, mc_err *err)
{
    return mc_installer_disable(call->installer, ctx, &call->target, &call->out, err);
}

static mc_code uninstall(addon_call *call, mc_ctx *ctx, mc_err *err)
{
    return mc_installer_uninstall(call->installer, ctx, &call->target, call->drop, &call->out, err);
}

static mc_code rotate(addon_call *call, mc_ctx *ctx, mc_err *err)
{
    return mc_installer_rotate(call->installer, ctx, call->target.addon_key, call->target.org_id,
                               &call->out, err);
}

static mc_code settings(addon_call *call, mc_ctx *ctx, mc_err *err)
{
    return call->settings
               ? mc_installer_set_settings(call->installer, ctx, call->target.addon_key,
                                           call->target.org_id, call->settings, &call->out, err)
               : mc_installer_find(call->installer, ctx, call->target.addon_key,
                                   call->target.org_id, &call->out, err);
}

typedef struct addon_change {
    const char *name;
    mc_code (*run)(addon_call *call, mc_ctx *ctx, mc_err *err);
    bool has_hooks;
    mc_hook_event event;
} addon_change;

static const addon_change changes[] = {
    {"addon.enable", enable, true, MC_HOOK_ENABLE},
    {"addon.disable", disable, true, MC_HOOK_DISABLE},
    {"addon.uninstall", uninstall, true, MC_HOOK_UNINSTALL},
    {"addon.rotate", rotate, false, 0},
    {"addon.settings", settings, false, 0},
};

static mc_code run_call(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    addon_call *call = user;

    (void)conn; /* in ctx */
    return call->run(call, ctx, err);
}

/* The installation, with its secret and what was ignored, when there is either. */
static void write_result(mc_arena *arena, mc_buf *out, const mc_installation *installation)
{
    mc_buf row;

    mc_buf_init_arena(&row, arena, 0);
    mc_installation_write(&row, installation);
    mc_buf_char(out, '{');
    if (installation->secret.len) {
        mc_buf_lit(out, "\"install_secret\":");
        mc_json_write_str(out, installation->secret);
        mc_buf_char(out, ',');
    }
    if (installation->warning.len) {
        mc_buf_lit(out, "\"warning\":");
        mc_json_write_str(out, installation->warning);
        mc_buf_char(out, ',');
    }
    mc_buf_str(out, mc_str_slice(mc_buf_get(&row), 1, row.len));
    out->failed |= mc_buf_failed(&row);
}

static mc_code run_change(const addon_change *change, addon_call *call, mc_ctx *ctx,
                          const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_auth_org org;
    mc_code rc = mc__admin_required(in, "key", &call->target.addon_key, err);

    if (rc == MC_OK)
        rc = mc__admin_find_org(call->app, ctx, in, &org, err);
    if (rc != MC_OK)
        return rc;
    call->target.org_id = org.id;
    call->target.ignore_requires = is_set(in, "ignore_requires");
    call->target.is_forced = is_set(in, "force");
    call->drop = is_set(in, "drop");
    call->settings = mc_json_find(in, MC_STR("settings"));
    if (call->settings && call->settings->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "settings: want a JSON object");
    rc = change->has_hooks
             ? mc__host_change(call->app, ctx, change->event, &call->target, run_call, call, err)
             : mc_db_write(call->app->db, ctx, run_call, call, err);
    rc = mc__admin_explain(ctx, rc, err);
    if (rc == MC_OK)
        write_result(ctx->arena, out, &call->out);
    return rc;
}

static mc_code install(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_host_install_options options = {.ignore_requires = is_set(in, "ignore_requires")};
    mc_installation installation;
    mc_auth_org org;
    mc_str path, report = MC_STR("");
    mc_code rc = mc__admin_required(in, "path", &path, err);

    if (rc == MC_OK)
        rc = mc__admin_find_org(app, ctx, in, &org, err);
    if (rc != MC_OK)
        return rc;
    options.org_id = org.id;
    options.sees_everybody = true;
    options.out_report = is_set(in, "dry_run") ? &report : NULL;
    rc = mc_host_install_path(app->host, ctx, path, &options, &installation, err);
    if (rc == MC_OK && options.out_report)
        mc_buf_str(out, report);
    else if (rc == MC_OK)
        write_result(ctx->arena, out, &installation);
    return rc;
}

static mc_code list(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_auth_org org = {.id = {{0}}};
    mc_installation *items;
    size_t count;
    mc_code rc =
        mc__admin_optional(in, "org").len ? mc__admin_find_org(app, ctx, in, &org, err) : MC_OK;

    if (rc == MC_OK)
        rc = mc_installer_list(mc_host_installer(app->host), ctx, org.id, &items, &count, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc__host_write_installation(app, ctx->arena, out, &items[i]);
    }
    mc_buf_char(out, ']');
    return MC_OK;
}

static mc_code compiling(mc_app *app, mc_buf *out)
{
    mc__guests_write_work(app->guests, (mc_uuid){{0}}, out);
    return MC_OK;
}

mc_code mc__admin_addon(mc_app *app, mc_ctx *ctx, mc_str name, const mc_json *in, mc_buf *out,
                        mc_err *err)
{
    addon_call call = {.app = app, .installer = mc_host_installer(app->host)};

    if (mc_str_eq(name, MC_STR("addon.install")))
        return install(app, ctx, in, out, err);
    if (mc_str_eq(name, MC_STR("addon.list")))
        return list(app, ctx, in, out, err);
    if (mc_str_eq(name, MC_STR("addon.compiling")))
        return compiling(app, out);
    for (size_t i = 0; i < MC_LEN(changes); i++) {
        if (!mc_str_eq(name, mc_z(changes[i].name)))
            continue;
        call.run = changes[i].run;
        return run_change(&changes[i], &call, ctx, in, out, err);
    }
    return mc_fail(err, MC_INVALID, "unknown command \"%.*s\"", MC_FMT(name));
}
