/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_CMD_REMOTE_H
#define METACORE_CMD_REMOTE_H

/**
 * remote: a server somewhere else, over its HTTP API, as whoever a token says.
 *
 *   --server URL       https, or http to this machine (elsewhere with a warning: the token could be
 *                      read on the way)
 *   --token-file FILE  else METACORE_TOKEN_FILE, else METACORE_TOKEN; never an argument, which
 *                      everybody on the machine could read
 *   --ca-file FILE     PEM of who signed the server's certificate; else the system's
 *
 * Certificates are always verified and redirects never followed. The organization is the token's.
 *
 * Threads: one.
 */

#include "command.h"

#include "metacore/base/json.h"
#include "metacore/security/http_client.h"

#define REMOTE_OPTIONS "server", "token-file", "ca-file"

typedef struct remote {
    const command *command;
    mc_str base; /* without a '/' at its end */
    mc_str authorization;
    mc_http_client *client;
} remote;

/** Errors: INVALID: the URL, no token. After an error nothing is to be closed. */
mc_code remote_open(const command *self, remote *out, mc_err *err);
void remote_close(remote *self);

/**
 * Calls base + path; an answer of 2xx as JSON in the command's arena.
 *
 * type    of body; NULL: JSON
 * Errors  what the server said, with its fields. UNAVAILABLE, TIMEOUT: it says nothing. INVALID:
 *         what answers is no metacore.
 */
mc_code remote_call(const remote *self, const char *method, mc_str path, const char *type,
                    mc_str body, const mc_json **out, mc_err *err);

#endif
