/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/host.h"

#include "metacore/base/embedded.h"
#include "metacore/host/host_internal.h"

#include <stdlib.h>

MC_EMBEDDED(mc__example_manifests);

static mc_code on_loaded(void *user, const mc_manifest *manifest, mc_err *err)
{
    mc_app *app = user;
    mc_code rc = mc_i18n_put(app->i18n, manifest->key, manifest->i18n, err);

    if (rc == MC_OK)
        rc = mc_navigation_put(app->navigation, manifest->key,
                               mc_json_find_nocase(manifest->root, MC_STR("navigation")), err);
    return rc == MC_OK
               ? mc_hooks_put(app->hooks, manifest->key,
                              mc_json_find_nocase(manifest->root, MC_STR("lifecycle_hooks")), err)
               : rc;
}

mc_code mc__host_new(mc_app *app, mc_host **out, mc_err *err)
{
    mc_host *self = calloc(1, sizeof(*self));
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "host");
    self->app = app;
    rc = mc_lifecycle_new(&app->lifecycle, err);
    if (rc == MC_OK)
        rc = mc_hooks_new(&app->hooks, err);
    if (rc == MC_OK)
        rc = mc_installer_new(
            &(mc_installer_config){
                MC_INSTALLER_CONFIG, .db = app->db, .models = app->models, .log = app->config.log,
                .kernel_version = MC_STR(MC_KERNEL_VERSION),
                .allow_unsigned = app->config.allow_unsigned, .on_loaded = on_loaded,
                .on_loaded_user = app, .keys = &app->keys, .box = app->has_box ? &app->box : NULL,
                .on_change = mc__host_on_change, .before_uninstall = mc__host_before_uninstall,
                .after_change = mc__host_after_change, .change_user = app},
            &self->installer, err);
    if (rc != MC_OK) {
        mc__host_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc__host_free(mc_host *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < ADDONS_MAX; i++) {
        mc_install_plan_free(self->plans[i]);
        mc_bundle_free(self->bundles[i]);
    }
    mc_arena_free(self->text);
    mc_installer_free(self->installer);
    mc_hooks_free(self->app->hooks);
    mc_lifecycle_free(self->app->lifecycle);
    free(self);
}

mc_installer *mc_host_installer(mc_host *self)
{
    return self->installer;
}

/* ---- what every organization gets ---- */

/* Takes bundle. */
static mc_code add_plan(mc_host *self, mc_bundle *bundle, mc_install_source source, mc_err *err)
{
    size_t at = self->plan_count;
    mc_code rc;

    if (at == ADDONS_MAX) {
        mc_bundle_free(bundle);
        return mc_fail(err, MC_LIMIT, "host: more than %d addons for every organization",
                       ADDONS_MAX);
    }
    self->bundles[at] = bundle;
    source.bundle = bundle;
    rc = mc_installer_plan(self->installer, &source, &self->plans[at], err);
    if (rc == MC_OK) {
        self->plan_count++;
        rc = mc__guests_check(bundle, err);
    }
    return rc;
}

/* The operator's own copy of an example is the one that counts. */
static void drop_if_planned(mc_host *self)
{
    size_t last = self->plan_count - 1;
    mc_str key = mc_install_plan_manifest(self->plans[last])->key;

    for (size_t i = 0; i < last; i++) {
        if (!mc_str_eq(mc_install_plan_manifest(self->plans[i])->key, key))
            continue;
        mc_install_plan_free(self->plans[last]);
        mc_bundle_free(self->bundles[last]);
        self->plans[last] = NULL;
        self->bundles[last] = NULL;
        self->plan_count--;
        return;
    }
}

static mc_code read_examples(mc_host *self, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < mc__example_manifests_count && rc == MC_OK; i++) {
        mc_bundle *bundle = NULL;

        rc = mc_bundle_of_manifest(
            mc_str_of((const char *)mc__example_manifests[i].bytes, mc__example_manifests[i].size),
            &bundle, err);
        if (rc == MC_OK)
            rc = add_plan(self, bundle, (mc_install_source){.is_trusted = true}, err);
        if (rc == MC_OK)
            drop_if_planned(self);
    }
    return rc;
}

static mc_code read_configured(mc_host *self, mc_err *err)
{
    mc_code rc = MC_OK;

    self->text = mc_arena_new(ADDONS_MAX * MC_BUNDLE_PACKED_MAX);
    if (!self->text)
        return mc_fail(err, MC_NO_MEMORY, "host");
    for (size_t i = 0; i < self->app->config.addon_count && rc == MC_OK; i++) {
        mc_install_source source;
        mc_bundle *bundle = NULL;

        rc = mc__host_read(self->text, self->app->config.addons[i], &source, &bundle, err);
        if (rc == MC_OK)
            rc = add_plan(self, bundle, source, err);
    }
    return rc;
}

static mc_code install_one(mc_host *self, mc_ctx *ctx, const mc_install_plan *plan, mc_uuid org_id,
                           mc_err *err)
{
    mc_installation ignored;
    mc_code rc = mc_db_begin(ctx->conn, err);

    if (rc != MC_OK)
        return rc;
    /* The operator's choice and order: what they require is his affair, too. */
    rc = mc_installer_run(
        self->installer, ctx,
        &(mc_install_run){
            .plan = plan, .org_id = org_id, .ignore_requires = true, .only_missing = true},
        &ignored, err);
    if (rc == MC_OK)
        return mc_db_commit(ctx->conn, err);
    mc_db_rollback(ctx->conn);
    return rc;
}

/* An addon that somebody upgraded since, or replaced by one of its own, stays as it is: that must
 * keep nobody from signing up, nor the server from starting. */
static mc_code install_all(mc_host *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < self->plan_count && rc == MC_OK; i++) {
        rc = install_one(self, ctx, self->plans[i], org_id, err);
        if (rc == MC_CONFLICT) {
            mc_log_warn(self->app->config.log, "addon.left_out",
                        MC_KV_STR("addon", mc_install_plan_manifest(self->plans[i])->key),
                        MC_KV_UUID("organization_id", org_id), MC_KV_ERR("error", err));
            rc = MC_OK;
        }
    }
    return rc;
}

mc_code mc__host_on_org_created(void *user, mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id,
                                mc_err *err)
{
    (void)conn; /* in ctx */
    return install_all(user, ctx, org_id, err);
}

static mc_code for_each_org(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_uuid *orgs = NULL;
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn, MC_STR("SELECT id FROM organizations WHERE deleted_at IS NULL ORDER BY id"), NULL, 0,
        &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        mc_uuid *grown =
            mc_arena_realloc(ctx->arena, orgs, count * sizeof(*orgs), (count + 1) * sizeof(*orgs));

        if (!grown) {
            MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
            return mc_fail(err, MC_NO_MEMORY, "host");
        }
        orgs = grown;
        orgs[count++] = mc_db_col_uuid(&rows, 0);
    }
    rc = mc_db_rows_finish(&rows, err);
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = install_all(user, ctx, orgs[i], err);
    return rc;
}

mc_code mc__host_start(mc_host *self, mc_err *err)
{
    mc_ctx ctx;
    mc_code rc = mc__app_ctx_init(self->app, &ctx, err);

    if (rc == MC_OK)
        rc = mc_installer_load(self->installer, &ctx, err);
    if (rc == MC_OK)
        rc = mc_marketplace_recover(self->app->marketplace, &ctx, err);
    if (rc == MC_OK)
        rc = read_configured(self, err);
    if (rc == MC_OK && self->app->config.dev)
        rc = read_examples(self, err);
    if (rc == MC_OK && self->plan_count > 0)
        rc = mc_db_write(self->app->db, &ctx, for_each_org, self, err);
    mc__app_ctx_deinit(&ctx);
    return rc;
}

/* ---- asked with every request ---- */

mc_code mc__host_is_visible(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    mc_host *self = user;

    (void)err;
    *out = !model->is_internal &&
           mc_installer_is_enabled(self->installer, ctx->who.org_id, model->addon_key);
    return MC_OK;
}
