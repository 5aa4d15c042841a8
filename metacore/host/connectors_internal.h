/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_CONNECTORS_INTERNAL_H
#define METACORE_HOST_CONNECTORS_INTERNAL_H

/**
 * connectors: credentials that an organization keeps for its addons' code: a JSON object by a key,
 * sealed where it is kept, masked where it is shown, opened for who holds connector:read of it.
 *
 * GET /api/metacore/connectors, PUT and DELETE /api/metacore/connectors/:key, for who may manage
 * addons.
 * Threads:  functions on a ctx's connection.
 */

#include "metacore/host/app_internal.h"

#define MC__CONNECTOR_KEY_MAX 100

bool mc__connector_is_key(mc_str key);
/* The credentials of ctx's organization, in ctx's arena: wipe them. On ctx->conn. Errors
 * NOT_FOUND. NOT_PROVIDED: this process has no master key. */
mc_code mc__connector_open(mc_app *app, mc_ctx *ctx, mc_str key, mc_str *out, mc_err *err);
mc_code mc__app_mount_connectors(mc_app *app, mc_err *err);

#endif
