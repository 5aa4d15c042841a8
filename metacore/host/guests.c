/* SPDX-License-Identifier: Apache-2.0 */
/* Which guests there are, and calling one for an action. */
#include "metacore/host/guests_internal.h"

#include <stdlib.h>

#define HTTP_TIMEOUT_MS 30000

static mc_code build(mc__guests *self, mc_err *err)
{
    mc_app *app = self->app;
    mc_str cache = mc_str_printf(app->text, "%s/wasm-cache", app->dir.path);
    mc_code rc;

    if (!cache.ptr)
        return mc_fail(err, MC_NO_MEMORY, "guests");
    rc = mc_wasm_compiler_new(
        &(mc_wasm_compiler_config){MC_WASM_COMPILER_CONFIG, .cache_dir = cache.ptr},
        &self->compiler, err);
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
    mc__guests_sweep(self);
    while (mc_map_next(&self->loaded, &pos, &key, &guest))
        mc__guest_free(guest);
    mc_map_deinit(&self->loaded);
    mc_wasm_free(self->runtime);
    mc_wasm_compiler_free(self->compiler);
    mc_http_client_free(self->client);
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

static mc__guest *find(mc__guests *self, mc_str digest)
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

void mc__guests_after_change(mc__guests *self, const mc_addon_change *change)
{
    mc__guest *guest;

    if (change->old_digest.len == 0 || mc_str_eq(change->old_digest, change->digest))
        return;
    mc_mutex_lock(&self->mu);
    guest = mc_map_remove(&self->loaded, change->old_digest);
    if (guest) {
        guest->next_gone = self->gone;
        self->gone = guest;
    }
    mc_mutex_unlock(&self->mu);
}

/* ---- loading ---- */

mc_code mc__guests_prepare(mc__guests *self, const mc_bundle *bundle, mc_str digest,
                           mc__guest **out, mc_err *err)
{
    mc__guest *known;

    mc__guests_sweep(self);
    known = find(self, digest);
    if (!known)
        return mc__guest_load(self, bundle, digest, out, err);
    *out = known;
    return MC_OK;
}

typedef struct kept {
    mc_installer *installer;
    mc_str addon_key;
    mc_install_source source;
    mc_bundle *bundle;
} kept;

static mc_code load_kept(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    kept *k = user;

    (void)conn; /* in ctx */
    return mc_installer_load_bundle(k->installer, ctx, k->addon_key, &k->source, &k->bundle, err);
}

/* What is installed was checked when it was: that it cannot be loaded now is not the caller's. */
static mc_code not_loaded(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc_err *err)
{
    mc_log_error(self->app->config.log, "guest.not_loaded", MC_KV_STR("addon", addon_key),
                 MC_KV_ERR("error", err));
    ctx->failure_code = MC_STR("guest_not_loaded");
    if (err->code == MC_INVALID || err->code == MC_REJECTED || err->code == MC_TOO_LARGE)
        err->code = MC_INTERNAL;
    return err->code;
}

static mc_code load_installed(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc_str digest,
                              mc__guest **out, mc_err *err)
{
    kept k = {.installer = mc_host_installer(self->app->host), .addon_key = addon_key};
    mc_ctx reading = *ctx; /* with an arena of its own: a request's holds less */
    mc__guest *guest = NULL;
    mc_code rc;

    reading.arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536);
    if (!reading.arena)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    rc = mc_db_read(self->app->db, &reading, load_kept, &k, err);
    if (rc == MC_OK)
        rc = mc__guest_load(self, k.bundle, digest, &guest, err);
    if (rc == MC_OK && guest)
        rc = mc__guests_keep(self, guest, err);
    mc_bundle_free(k.bundle);
    mc_arena_free(reading.arena);
    if (rc != MC_OK) {
        mc__guests_unref(self, guest);
        return not_loaded(self, ctx, addon_key, err);
    }
    *out = guest;
    return MC_OK;
}

mc_code mc__guests_take(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc__guest **out,
                        mc_err *err)
{
    mc_str manifest, digest;
    mc_code rc = mc_installer_load_manifest(mc_host_installer(self->app->host), ctx, addon_key,
                                            &manifest, &digest, err);

    if (rc != MC_OK)
        return rc;
    *out = find(self, digest);
    return *out ? MC_OK : load_installed(self, ctx, addon_key, digest, out, err);
}

/* ---- at start ---- */

typedef struct installed {
    mc_str addon_key, digest;
    struct installed *next;
} installed;

static bool is_guest(mc_str manifest)
{
    mc_manifest *parsed = NULL;
    mc_err unreadable; /* told when its models were not served either */
    bool is =
        mc_manifest_parse(manifest, &parsed, &unreadable) == MC_OK && mc__guest_is_declared(parsed);

    mc_manifest_free(parsed);
    return is;
}

static mc_code read_installed(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    installed **out = user;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT addon_key, digest, manifest FROM metacore_addons ORDER "
                                    "BY addon_key"),
                             NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        installed *one;

        if (!is_guest(mc_db_col_text(&rows, 2)))
            continue;
        one = mc_arena_object(ctx->arena, installed);
        if (!one) {
            MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
            return mc_fail(err, MC_NO_MEMORY, "guests");
        }
        one->addon_key = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        one->digest = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
        one->next = *out;
        *out = one;
    }
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__guests_start(mc__guests *self, mc_ctx *ctx, mc_err *err)
{
    installed *all = NULL;
    mc_code rc = self->runtime ? mc_db_read(self->app->db, ctx, read_installed, &all, err) : MC_OK;

    for (; all && rc == MC_OK; all = all->next) {
        mc__guest *guest = find(self, all->digest);
        mc_err logged; /* one addon that fails keeps no server from starting */

        if (guest ||
            load_installed(self, ctx, all->addon_key, all->digest, &guest, &logged) == MC_OK)
            mc__guests_unref(self, guest);
    }
    return rc;
}
