/* SPDX-License-Identifier: Apache-2.0 */
/* An addon from where it is, a file or an upload, to an organization. */
#include "metacore/host/host_internal.h"

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

mc_code mc_host_install(mc_host *self, mc_ctx *ctx, const mc_install_source *source,
                        const mc_host_install_options *options, mc_installation *out, mc_err *err)
{
    mc__guests *guests = self->app->guests;
    mc_install_plan *plan = NULL;
    mc__guest *guest = NULL;
    mc_code rc = mc_installer_plan(self->installer, source, &plan, err);

    if (rc == MC_OK)
        rc = mc__guests_prepare(guests, source->bundle, plan, options->org_id, &guest, err);
    if (rc == MC_OK)
        rc = mc_installer_install(self->installer, ctx,
                                  &(mc_install_run){.plan = plan,
                                                    .org_id = options->org_id,
                                                    .ignore_requires = options->ignore_requires,
                                                    .sees_everybody = options->sees_everybody},
                                  out, options->out_report, err);
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
