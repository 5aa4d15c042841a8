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

MC_BEGIN_DECLS

/**
 * Installs the addon in path (a folder with a manifest.json, or a .tar.gz) for an organization.
 * Blocks on files and on the writer: not for an event loop.
 * out is in ctx's arena. Errors: INVALID: no such file, no bundle. What installing refuses.
 */
MC_API MC_MUST_USE mc_code mc_host_install_path(mc_host *self, mc_ctx *ctx, mc_str path,
                                                mc_uuid org_id, mc_installation *out, mc_err *err);

MC_API mc_installer *mc_host_installer(mc_host *self);

MC_END_DECLS
#endif
