/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_ADMIN_H
#define METACORE_HOST_ADMIN_H

/**
 * admin: the operator's commands on an app, as JSON in and JSON out.
 *
 * The command line runs them in its own process when no server holds the data directory, and
 * posts them to the server's control socket otherwise: one implementation, whose effects are served
 * at once. The socket is the operator's by its file mode; no token is asked for there.
 *
 *   {"command":"user.create","email":…,"password":…,"name":…,"org":…,"role":…}
 *   {"command":"user.list"} {"command":"user.passwd","email":…,"password":…}
 *   {"command":"user.disable","email":…} {"command":"user.enable","email":…}
 *   {"command":"grant.add","org":…,"role":… or "email":…,"capability":…} grant.remove, grant.list
 *   {"command":"addon.install","path":…,"org":…,"ignore_requires":…,"dry_run":…}
 *   {"command":"addon.list","org":… or all} and, with "key" and "org": addon.enable, addon.disable,
 *   addon.rotate, addon.uninstall ("drop"), addon.settings (those in "settings" are changed)
 *   Enabling, disabling and uninstalling know "ignore_requires", too.
 *
 * Threads: thread-safe; commands block on hashing, files and the writer.
 */

#include "metacore/base/buf.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/host/app.h"

MC_BEGIN_DECLS

#define MC_CONTROL_SOCKET "control.sock" /* in the data directory */
#define MC_ADMIN_PATH "/local/admin"     /* POST, on the control socket only */

/**
 * Runs command and writes its result, one JSON value, onto out.
 * Errors  INVALID: unknown command, missing or malformed field. The services' own.
 */
MC_API MC_MUST_USE mc_code mc_admin_run(mc_app *app, mc_ctx *ctx, const mc_json *command,
                                        mc_buf *out, mc_err *err);

/** The route that serves it: MC_HTTP_LOCAL, in the pool. */
MC_API mc_http_route mc_admin_route(mc_app *app);

MC_END_DECLS
#endif
