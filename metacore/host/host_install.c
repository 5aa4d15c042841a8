/* SPDX-License-Identifier: Apache-2.0 */
/* An addon from where it is, a file or an upload, to an organization. */
#include "metacore/host/guests_internal.h"
#include "metacore/host/hooks_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SIGNATURE_BYTES_MAX 1024

/* ---- files ---- */

static mc_code read_signature(mc_arena *arena, mc_str path, mc_str *out, mc_err *err)
{
    mc_str beside = mc_str_printf(arena, "%.*s.sig", MC_FMT(path));
    char *room = mc_arena_alloc(arena, SIGNATURE_BYTES_MAX);
    ssize_t got;
    int fd;

    if (!beside.ptr || !room)
        return mc_fail(err, MC_NO_MEMORY, "signature");
    *out = MC_STR("");
    fd = open(beside.ptr, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? MC_OK
                               : mc_fail_errno(err, MC_IO, errno, "signature: %s", beside.ptr);
    got = read(fd, room, SIGNATURE_BYTES_MAX);
    (void)close(fd); /* read only */
    if (got < 0)
        return mc_fail_errno(err, MC_IO, errno, "signature: %s", beside.ptr);
    *out = mc_str_trim(mc_str_of(room, (size_t)got));
    return MC_OK;
}

mc_code mc__host_read(mc_arena *arena, mc_str path, mc_install_source *out, mc_bundle **out_bundle,
                      mc_err *err)
{
    mc_install_source source = {0};
    mc_code rc = mc_bundle_load(arena, path, &source.packed, out_bundle, err);

    if (rc != MC_OK)
        return rc;
    if (source.packed.len)
        rc = read_signature(arena, path, &source.signature, err);
    if (rc != MC_OK) {
        mc_bundle_free(*out_bundle);
        *out_bundle = NULL;
        return rc;
    }
    source.bundle = *out_bundle;
    *out = source;
    return MC_OK;
}

/* ---- installing ---- */

/* An installation with hooks of its own around it. */
typedef struct hooked {
    mc_host *host;
    const mc_install_plan *plan;
    const mc_host_install_options *options;
    mc_install_run run;
    mc_install_identity identity;
    mc_hook_set *set; /* the new manifest's */
    mc_addon_change change;
    mc_hook_event event; /* with is_told */
    bool is_told;
    bool has_secrets;
    mc_install_secrets secrets;
    mc_installation *out;
} hooked;

/* What it will be: a new one, one that is enabled again, or a mere upgrade, which has no hooks. */
static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    hooked *h = user;
    mc_installer *installer = h->host->installer;
    const mc_manifest *manifest = mc_install_plan_manifest(h->plan);
    mc_installation row;
    mc_err why;
    mc_code rc = mc_installer_find(installer, ctx, manifest->key, h->options->org_id, &row, &why);

    (void)conn; /* in ctx */
    if (rc != MC_OK && rc != MC_NOT_FOUND) {
        *err = why;
        return rc;
    }
    h->event = rc == MC_NOT_FOUND ? MC_HOOK_INSTALL : MC_HOOK_ENABLE;
    h->is_told = rc == MC_NOT_FOUND || !mc_str_eq(row.status, MC_STR("enabled"));
    h->change = (mc_addon_change){
        .org_id = h->options->org_id, .addon_key = manifest->key, .version = manifest->version};
    if (rc == MC_OK)
        h->has_secrets = mc_installer_find_secrets(installer, ctx, manifest->key,
                                                   h->options->org_id, &h->secrets, &why) == MC_OK;
    return MC_OK;
}

/* A new installation's secret is made now, so that what it signs can be verified with it later. */
static mc_code ask_servers(hooked *h, mc_ctx *ctx, mc_err *err)
{
    mc_app *app = h->host->app;
    mc_ctx reading = *ctx; /* the read binds a connection of its own */
    mc_code rc = mc_db_read(app->db, &reading, look, h, err);

    if (rc == MC_OK && h->event == MC_HOOK_INSTALL)
        rc = mc_install_identity_new(ctx->arena, &h->identity, err);
    if (rc != MC_OK)
        return rc;
    if (h->event == MC_HOOK_INSTALL) {
        h->run.identity = &h->identity;
        h->secrets = (mc_install_secrets){
            .installation_id = h->identity.id, .items = {h->identity.secret}, .count = 1};
        h->has_secrets = true;
    }
    return h->is_told && !h->options->out_report
               ? mc__hooks_ask_change(app, ctx, h->set, h->event, &h->change,
                                      h->has_secrets ? &h->secrets : NULL, err)
               : MC_OK;
}

static mc_code run_hooked(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    hooked *h = user;

    (void)conn; /* in ctx */
    return h->options->out_report ? mc_installer_rehearse(h->host->installer, ctx, &h->run,
                                                          h->options->out_report, err)
                                  : mc_installer_run(h->host->installer, ctx, &h->run, h->out, err);
}

/* In a transaction that is nobody else's when there is code to be called in it. */
static mc_code run_install(hooked *h, mc_ctx *ctx, mc__guest *guest, mc_err *err)
{
    mc_app *app = h->host->app;
    mc_str digest = mc_install_plan_digest(h->plan);
    mc__guest *known = guest ? mc__guests_find(app->guests, digest) : NULL;
    mc_code rc = mc_hook_set_new(
        mc_json_find_nocase(mc_install_plan_manifest(h->plan)->root, MC_STR("lifecycle_hooks")),
        &h->set, err);

    mc__guests_unref(app->guests, known); /* whether it was there is all */
    if (rc == MC_OK && !mc__hooks_of_change(h->set, MC_HOOK_INSTALL) &&
        !mc__hooks_of_change(h->set, MC_HOOK_ENABLE))
        return mc_installer_install(h->host->installer, ctx, &h->run, h->out,
                                    h->options->out_report, err);
    if (rc == MC_OK)
        rc = ask_servers(h, ctx, err);
    if (rc == MC_OK && guest)
        rc = mc__guests_keep(app->guests, guest, err); /* for its hooks */
    if (rc == MC_OK)
        rc = mc_dynamic_transact(app->dynamic, ctx, true, run_hooked, h, err);
    if ((rc != MC_OK || h->options->out_report) && guest && !known)
        mc__guests_drop(app->guests, digest);
    return rc;
}

mc_code mc_host_install(mc_host *self, mc_ctx *ctx, const mc_install_source *source,
                        const mc_host_install_options *options, mc_installation *out, mc_err *err)
{
    mc__guests *guests = self->app->guests;
    mc_install_plan *plan = NULL;
    mc__guest *guest = NULL;
    hooked h = {.host = self, .options = options, .out = out};
    mc_code rc = mc_installer_plan(self->installer, source, &plan, err);

    if (rc == MC_OK)
        rc = mc__guests_prepare(guests, source->bundle, plan, options->org_id, &guest, err);
    h.plan = plan;
    h.run = (mc_install_run){.plan = plan,
                             .org_id = options->org_id,
                             .ignore_requires = options->ignore_requires,
                             .sees_everybody = options->sees_everybody};
    if (rc == MC_OK)
        rc = run_install(&h, ctx, guest, err);
    mc_hook_set_unref(h.set);
    if (rc == MC_OK && guest && !options->out_report) {
        mc_err later; /* it is installed: its first call loads it again */

        MC_IGNORE(mc__guests_keep(guests, guest, &later));
    }
    mc__guests_unref(guests, guest);
    mc_install_plan_free(plan);
    return rc;
}

mc_code mc_host_install_path(mc_host *self, mc_ctx *ctx, mc_str path,
                             const mc_host_install_options *options, mc_installation *out,
                             mc_err *err)
{
    mc_arena *arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536);
    mc_install_source source;
    mc_bundle *bundle = NULL;
    mc_code rc = arena ? mc__host_read(arena, path, &source, &bundle, err)
                       : mc_fail(err, MC_NO_MEMORY, "host");

    if (rc == MC_OK)
        rc = mc_host_install(self, ctx, &source, options, out, err);
    mc_bundle_free(bundle);
    mc_arena_free(arena);
    return rc;
}

typedef struct kept_call {
    mc_host *host;
    mc_str addon_key;
    mc_install_source source;
    mc_bundle *bundle;
} kept_call;

static mc_code load_kept(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    kept_call *call = user;

    (void)conn; /* in ctx */
    return mc_installer_load_bundle(call->host->installer, ctx, call->addon_key, &call->source,
                                    &call->bundle, err);
}

/* The archive gets an arena of its own: a request's holds less. */
mc_code mc_host_install_kept(mc_host *self, mc_ctx *ctx, mc_str addon_key,
                             const mc_host_install_options *options, mc_installation *out,
                             mc_err *err)
{
    kept_call call = {.host = self, .addon_key = addon_key};
    mc_ctx reading = *ctx;
    mc_code rc;

    reading.arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536);
    if (!reading.arena)
        return mc_fail(err, MC_NO_MEMORY, "host");
    rc = mc_db_read(self->app->db, &reading, load_kept, &call, err);
    if (rc == MC_OK)
        rc = mc_host_install(self, ctx, &call.source, options, out, err);
    mc_bundle_free(call.bundle);
    mc_arena_free(reading.arena);
    return rc;
}
