/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_NONCE_H
#define METACORE_SECURITY_NONCE_H

/**
 * nonce: each signed request counts once: who has seen a nonce before refuses it.
 *
 * In the database, by installation: several processes share it, a restart forgets nothing. The
 * primary key decides between two that come together. Used nonces are swept once their time is
 * over: at least twice the skew that signatures allow, so that nothing expires while it could be
 * replayed.
 *
 * Not here: signatures (request_signature.h).
 * Threads:  functions; thread-safe.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/uuid.h"
#include "metacore/db/db.h"

MC_BEGIN_DECLS

#define MC_NONCE_BYTES_MAX 128
#define MC_NONCE_SWEEP_MAX 500 /* expired ones removed by one use */

/**
 * Marks nonce as used by installation until ttl_s from ctx->now; on ctx->conn's transaction.
 * Errors  UNAUTHENTICATED: "replay: missing nonce", "replay: nonce already used". INVALID: longer
 *         than MC_NONCE_BYTES_MAX. The database's.
 */
MC_API MC_MUST_USE mc_code mc_nonces_use(mc_ctx *ctx, mc_uuid installation_id, mc_str nonce,
                                         int64_t ttl_s, mc_err *err);

MC_END_DECLS
#endif
