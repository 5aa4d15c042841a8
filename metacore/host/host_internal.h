/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_HOST_INTERNAL_H
#define METACORE_HOST_HOST_INTERNAL_H

#include "metacore/host/app_internal.h"

#define ADDONS_MAX 64

struct mc_host {
    mc_app *app;
    mc_installer *installer;
    mc_arena *text; /* archives of the bundles below; NULL: none */
    /* What every organization gets, in order. */
    mc_bundle *bundles[ADDONS_MAX];
    mc_install_plan *plans[ADDONS_MAX];
    size_t plan_count;
};

/* host_install.c: a folder, or an archive with the signature that may lie beside it as PATH.sig; in
 * arena, but *out_bundle, which source borrows. */
mc_code mc__host_read(mc_arena *arena, mc_str path, mc_install_source *out, mc_bundle **out_bundle,
                      mc_err *err);
/* host_lifecycle.c: tells the addon's own code, within the transaction; user is the app. */
mc_code mc__host_on_change(void *user, mc_ctx *ctx, const mc_addon_change *change, mc_err *err);
/* Its modules, before it is gone; user is the app. */
mc_code mc__host_before_uninstall(void *user, mc_ctx *ctx, const mc_addon_change *change,
                                  mc_err *err);
/* host_events.c: tells an organization's browsers; user is the app. */
void mc__host_after_change(void *user, const mc_addon_change *change);

/* host_addons.c: whether who asks may manage his organization's addons. */
mc_code mc__host_may_manage(mc_app *app, mc_http_req *req, mc_err *err);
mc_code mc__host_check(mc_app *app, mc_ctx *ctx, bool to_manage, mc_err *err);
bool mc__host_is_addon_key(mc_str key);
/* As mc_installation_write, and how far its guest is. */
void mc__host_write_installation(mc_app *app, mc_arena *arena, mc_buf *out,
                                 const mc_installation *installation);
/* The path's :key, held against what keys look like. */
mc_code mc__host_addon_key(mc_http_req *req, mc_str *out, mc_err *err);

/* What an installation refuses is understood, and against the rules. */
mc_code mc__host_refused(mc_code rc, mc_err *err);

/* host_frontend.c: a handler; user is the app. */
mc_code mc__host_frontend(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);

#endif
