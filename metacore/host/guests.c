/* SPDX-License-Identifier: Apache-2.0 */
/* Which guests there are, and calling one for an action. */
#include "metacore/host/guests_internal.h"

#include <stdlib.h>

#define HTTP_TIMEOUT_MS 30000

static void on_refused(void *user, const char *why)
{
    mc__guests *self = user;

    mc_log_warn(self->app->config.log, "guest.code_refused", MC_KV_STR("error", mc_z(why)));
}

static mc_code build_compiler(mc__guests *self, mc_err *err)
{
    mc_app *app = self->app;
    mc_str cache = mc_str_printf(app->text, "%s/wasm-cache", app->dir.path);
    mc_str beside = mc_str_printf(app->text, "%s/compiled", app->dir.path);
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG, .cache_dir = cache.ptr,
                                      .on_refused = on_refused, .on_refused_user = self};
    uint8_t keys[MC_WASM_ARTEFACT_KEYS_MAX][32];

    if (!cache.ptr || !beside.ptr)
        return mc_fail(err, MC_NO_MEMORY, "guests");
    if (app->config.compiled_dir.len)
        config.artefact_dir = mc_str_z(app->text, app->config.compiled_dir);
    else if (app->compiled_keys.count)
        config.artefact_dir = beside.ptr;
    for (size_t i = 0; i < app->compiled_keys.count && i < MC_LEN(keys); i++)
        memcpy(keys[i], app->compiled_keys.items[i].bytes, sizeof(keys[i]));
    config.artefact_keys = (const uint8_t(*)[32])keys;
    config.artefact_key_count = app->compiled_keys.count;
    return mc_wasm_compiler_new(&config, &self->compiler, err);
}

static mc_code build(mc__guests *self, mc_err *err)
{
    mc_app *app = self->app;
    mc_code rc = build_compiler(self, err);

    if (rc == MC_OK)
        rc = mc_wasm_new(&(mc_wasm_config){MC_WASM_CONFIG, .zygote = app->config.zygote,
                                           .compiler = self->compiler, .imports = mc__guest_imports,
                                           .import_count = MC_LEN(mc__guest_imports)},
                         &self->runtime, err);
    if (rc == MC_OK)
        rc = mc_metrics_collect(app->numbers.registry, mc__guests_collect, self, err);
    return rc == MC_OK
               ? mc_http_client_new(
                     &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG,
                                              .allow_private = app->config.allow_private_egress,
                                              .timeout_ms = HTTP_TIMEOUT_MS},
                     &self->client, err)
               : rc;
}

mc_code mc__guests_new(mc_app *app, mc__guests **out, mc_err *err)
{
    mc__guests *self = calloc(1, sizeof(*self));
    mc_code rc = MC_OK;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "guests");
    self->app = app;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->changed);
    if (app->config.zygote)
        rc = build(self, err);
    if (rc != MC_OK) {
        mc__guests_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc__guests_free(mc__guests *self)
{
    size_t pos = 0;
    mc_str key;
    void *guest;

    if (!self)
        return;
    mc__guests_stop(self);
    mc__guests_sweep(self);
    while (mc_map_next(&self->loads, &pos, &key, &guest))
        free(guest);
    mc_map_deinit(&self->loads);
    pos = 0;
    while (mc_map_next(&self->loaded, &pos, &key, &guest))
        mc__guest_free(guest);
    mc_map_deinit(&self->loaded);
    mc_wasm_free(self->runtime);
    mc_wasm_compiler_free(self->compiler);
    mc_http_client_free(self->client);
    mc_cond_deinit(&self->changed);
    mc_mutex_deinit(&self->mu);
    free(self);
}

/* ---- who is loaded ---- */

void mc__guests_unref(mc__guests *self, mc__guest *guest)
{
    bool is_last;

    if (!guest)
        return;
    mc_mutex_lock(&self->mu);
    is_last = --guest->refs == 0;
    mc_mutex_unlock(&self->mu);
    if (is_last)
        mc__guest_free(guest);
}

void mc__guests_sweep(mc__guests *self)
{
    mc__guest *gone, *next;

    mc_mutex_lock(&self->mu);
    gone = self->gone;
    self->gone = NULL;
    mc_mutex_unlock(&self->mu);
    for (; gone; gone = next) {
        next = gone->next_gone;
        mc__guests_unref(self, gone);
    }
}

mc__guest *mc__guests_find(mc__guests *self, mc_str digest)
{
    mc__guest *guest;

    mc_mutex_lock(&self->mu);
    guest = mc_map_find(&self->loaded, digest);
    if (guest)
        guest->refs++;
    mc_mutex_unlock(&self->mu);
    return guest;
}

/* Two may have loaded the same: the first stays. */
mc_code mc__guests_keep(mc__guests *self, mc__guest *guest, mc_err *err)
{
    mc_str digest = mc_z(guest->digest);
    mc_code rc = MC_OK;

    mc_mutex_lock(&self->mu);
    if (!mc_map_find(&self->loaded, digest)) {
        rc = mc_map_put(&self->loaded, digest, guest, err);
        guest->refs += rc == MC_OK;
    }
    mc_mutex_unlock(&self->mu);
    return rc;
}

void mc__guests_drop(mc__guests *self, mc_str digest)
{
    mc__guest *guest;

    mc_mutex_lock(&self->mu);
    guest = mc_map_remove(&self->loaded, digest);
    if (guest) {
        guest->next_gone = self->gone;
        self->gone = guest;
    }
    mc_mutex_unlock(&self->mu);
    mc__guests_forget_load(self, digest);
}

void mc__guests_after_change(mc__guests *self, const mc_addon_change *change)
{
    if (change->old_digest.len && !mc_str_eq(change->old_digest, change->digest))
        mc__guests_drop(self, change->old_digest);
}

/* ---- loading ---- */

mc_code mc__guests_prepare(mc__guests *self, const mc_bundle *bundle, const mc_install_plan *plan,
                           mc_uuid org_id, mc__guest **out, mc_err *err)
{
    mc__guest_load *load = NULL;
    mc_code rc;

    mc__guests_sweep(self);
    rc = mc__guests_begin(self, mc_install_plan_digest(plan), mc_install_plan_manifest(plan)->key,
                          org_id, &load, out, err);
    if (rc != MC_OK || !load)
        return rc;
    rc = mc__guest_load_bundle(self, bundle, load, out, err);
    mc__guests_end(self, load, rc, err);
    return rc;
}

/* What is installed was checked when it was: that it cannot be loaded now is not the caller's. */
static mc_code not_loaded(mc_ctx *ctx, mc_err *err)
{
    ctx->failure_code = MC_STR("guest_not_loaded");
    if (err->code == MC_INVALID || err->code == MC_REJECTED || err->code == MC_TOO_LARGE)
        err->code = MC_INTERNAL;
    if (err->code == MC_FORBIDDEN) /* to this machine, not to who asks: its code is not trusted */
        err->code = MC_NOT_PROVIDED;
    return err->code;
}

mc_code mc__guests_take(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc__guest **out,
                        mc_err *err)
{
    mc_str manifest, digest;
    mc_code rc = mc_installer_load_manifest(mc_host_installer(self->app->host), ctx, addon_key,
                                            &manifest, &digest, err);

    if (rc != MC_OK)
        return rc;
    *out = mc__guests_find(self, digest);
    if (*out)
        return MC_OK;
    rc = mc__guests_await(self, ctx, digest, addon_key, out, err);
    return rc == MC_OK || rc == MC_UNAVAILABLE ? rc : not_loaded(ctx, err);
}

/* ---- in the background ---- */

static mc_code scan(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc__guests *self = user;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn, MC_STR("SELECT addon_key, digest, manifest FROM metacore_addons ORDER BY addon_key"),
        NULL, 0, &rows, err);

    (void)ctx; /* in conn */
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        if (mc__guest_is_declared_in(mc_db_col_text(&rows, 2)))
            mc__guests_enqueue(self, mc_db_col_text(&rows, 1), mc_db_col_text(&rows, 0));
    }
    return mc_db_rows_finish(&rows, err);
}

static void scan_installed(mc__guests *self)
{
    mc_ctx ctx;
    mc_err err;
    mc_code rc = mc__app_ctx_init(self->app, &ctx, &err);

    if (rc == MC_OK)
        rc = mc_db_read(self->app->db, &ctx, scan, self, &err);
    if (rc != MC_OK) /* calls ask for their guests all the same */
        mc_log_error(self->app->config.log, "guests.not_scanned", MC_KV_ERR("error", &err));
    mc__app_ctx_deinit(&ctx);
}

static void load_one(mc__guests *self, mc__guest_load *load)
{
    mc__guest *guest = NULL;
    mc_ctx ctx = {.arena = NULL};
    mc_err err;
    mc_code rc = mc__app_ctx_init(self->app, &ctx, &err);

    if (rc != MC_OK)
        mc__guests_end(self, load, rc, &err);
    else if (mc__guests_load_installed(self, &ctx, load, &guest, &err) == MC_OK)
        mc__guests_unref(self, guest);
    mc__app_ctx_deinit(&ctx);
}

static void *load_all(void *user)
{
    mc__guests *self = user;
    bool is_scanner;

    mc_mutex_lock(&self->mu);
    is_scanner = !self->is_scanned;
    self->is_scanned = true;
    if (is_scanner) {
        mc_mutex_unlock(&self->mu);
        scan_installed(self);
        mc_mutex_lock(&self->mu);
    }
    while (!self->is_ending) {
        mc__guest_load *load = self->queue;

        if (!load) {
            mc_cond_wait(&self->changed, &self->mu);
            continue;
        }
        self->queue = load->next;
        load->state = MC__GUEST_AT_WORK;
        mc_mutex_unlock(&self->mu);
        load_one(self, load);
        mc_mutex_lock(&self->mu);
    }
    mc_mutex_unlock(&self->mu);
    return NULL;
}

mc_code mc__guests_start(mc__guests *self, mc_err *err)
{
    if (!self->runtime)
        return MC_OK;
    while (self->loader_count < MC__GUEST_LOADERS) {
        if (pthread_create(&self->loaders[self->loader_count], NULL, load_all, self) != 0)
            return mc_fail(err, MC_NO_MEMORY, "guests: thread");
        self->loader_count++;
    }
    return MC_OK;
}

void mc__guests_stop(mc__guests *self)
{
    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_ending = true;
    mc_cond_broadcast(&self->changed);
    mc_mutex_unlock(&self->mu);
    if (self->compiler)
        mc_wasm_compiler_stop(self->compiler);
    for (unsigned i = 0; i < self->loader_count; i++)
        (void)pthread_join(self->loaders[i], NULL); /* ours, and joined once */
    self->loader_count = 0;
}
