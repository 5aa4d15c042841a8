/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_HOST_H
#define METACORE_HOST_HOST_H

/**
 * host: the addon plane of an app: which addons there are, and for whom.
 *
 * What an addon installs is served at once and again after a restart. Addons that every
 * organization gets (mc_app_config.addons, and the examples in development) are installed for the
 * organizations that exist at start, and for a new one in the transaction that makes it.
 *
 * Not here: reading archives (bundle), the steps of an installation (installer).
 * Threads:  thread-safe.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/host/app.h"
#include "metacore/installer/installer.h"
#include "metacore/lifecycle/lifecycle.h"

MC_BEGIN_DECLS

/** How an addon is installed. */
typedef struct mc_host_install_options {
    mc_uuid org_id;
    bool ignore_requires; /* what it requires need not be there */
    bool sees_everybody;  /* the operator's: a rehearsal tells of other organizations' rows, too */
    mc_str *out_report;   /* not NULL: only rehearsed (mc_installer_rehearse); out stays as it is */
} mc_host_install_options;

/*
 * Each installs or upgrades an addon for an organization, in one transaction. They block on files
 * and on the writer: not for an event loop. out is in ctx's arena.
 */

/** Errors: what planning and running refuse (installer.h). */
MC_API MC_MUST_USE mc_code mc_host_install(mc_host *self, mc_ctx *ctx,
                                           const mc_install_source *source,
                                           const mc_host_install_options *options,
                                           mc_installation *out, mc_err *err);
/** The one in path: a folder with a manifest.json, or a .tar.gz with its signature beside it in
 *  path.sig. Errors: INVALID: no such file, no bundle; as above. */
MC_API MC_MUST_USE mc_code mc_host_install_path(mc_host *self, mc_ctx *ctx, mc_str path,
                                                const mc_host_install_options *options,
                                                mc_installation *out, mc_err *err);
/** One that somebody has installed before. Errors: NOT_FOUND: nobody has; as above. */
MC_API MC_MUST_USE mc_code mc_host_install_kept(mc_host *self, mc_ctx *ctx, mc_str addon_key,
                                                const mc_host_install_options *options,
                                                mc_installation *out, mc_err *err);

/** One whose code is this program's own (lifecycle.h), from its registered manifest. Errors:
 *  NOT_FOUND: none of that key is registered; as above. */
MC_API MC_MUST_USE mc_code mc_host_install_compiled(mc_host *self, mc_ctx *ctx, mc_str addon_key,
                                                    const mc_host_install_options *options,
                                                    mc_installation *out, mc_err *err);

MC_API mc_installer *mc_host_installer(mc_host *self);
/** Where the program registers addons and interceptors of its own; before the app starts. */
MC_API mc_lifecycle *mc_host_lifecycle(mc_host *self);

MC_END_DECLS
#endif
