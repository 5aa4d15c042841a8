/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_CMD_CONTROL_H
#define METACORE_CMD_CONTROL_H

/**
 * control: asks the server that holds a data directory, over its unix socket.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

/**
 * Posts an admin command and waits for its result.
 *
 * out     the result's JSON text, in arena
 * Errors  NOT_FOUND: no server listens there. What the server answered. IO.
 */
mc_code control_call(mc_arena *arena, const char *socket_path, mc_str request, mc_str *out,
                     mc_err *err);

#endif
