/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_IDEMPOTENCY_IDEMPOTENCY_H
#define METACORE_IDEMPOTENCY_IDEMPOTENCY_H

/**
 * idempotency: a request that is sent again, because its answer was lost, is not done again.
 *
 * The client chooses a key. The first request claims it by inserting its row; what it answered is
 * stored with it. Claim, work and stored answer belong into one transaction: then an answered
 * request replays after any crash, and one that was not answered left nothing. Where the work
 * cannot be in the transaction the claim is committed first and blocks others meanwhile.
 *
 * A key is its user's, for one method and path, for MC_IDEMPOTENCY_TTL_S. The same key with another
 * body or query is refused. Expired rows go a few at a time with each claim.
 *
 * Table:    idempotency_keys.
 * Not here: reading requests and writing answers (host).
 * Threads:  functions; thread-safe.
 */

#include "metacore/base/ctx.h"
#include "metacore/db/db.h"

MC_BEGIN_DECLS

#define MC_IDEMPOTENCY_KEY_MAX 255 /* bytes the client chooses */
#define MC_IDEMPOTENCY_HEX 64      /* of a digest */
#define MC_IDEMPOTENCY_TTL_S 86400
#define MC_IDEMPOTENCY_LOCK_S 900                   /* in progress no longer than that */
#define MC_IDEMPOTENCY_BODY_MAX ((size_t)256 << 10) /* of an answer that is kept */

/** What makes two requests the same. */
typedef struct mc_idempotency_request {
    mc_str owner; /* the user's id; who else has a namespace says so */
    mc_str method;
    mc_str path;  /* without query */
    mc_str key;   /* as sent */
    mc_str query; /* these two are compared, not part of the key */
    mc_str body;
} mc_idempotency_request;

/** Lower-case hexadecimal SHA-256, not terminated. */
typedef struct mc_idempotency_claim {
    char key[MC_IDEMPOTENCY_HEX];         /* of owner, method, path and key, NUL between them */
    char fingerprint[MC_IDEMPOTENCY_HEX]; /* of query and body */
} mc_idempotency_claim;

/** Errors: INVALID: a key that is empty, too long, or not printable ASCII. INTERNAL. */
MC_API MC_MUST_USE mc_code mc_idempotency_claim_of(mc_arena *arena,
                                                   const mc_idempotency_request *request,
                                                   mc_idempotency_claim *out, mc_err *err);

typedef struct mc_idempotency_answer {
    int status; /* 0: there is none yet */
    mc_str content_type;
    mc_str etag;
    mc_str location;
    mc_str body;
} mc_idempotency_answer;

/**
 * Claims a request of ctx's organization in ctx->conn's transaction.
 *
 * out     status 0: it is the caller's to do, and then to store or release; else the answer that it
 *         had, in ctx's arena
 * Errors  CONFLICT: it is being done; or it was, and its answer was too large to keep. REJECTED:
 * the key was used for another body. Both with ctx's failure_code "idempotency_conflict" and
 *         failure_meta {"in_flight":bool}.
 */
MC_API MC_MUST_USE mc_code mc_idempotency_begin(mc_ctx *ctx, const mc_idempotency_claim *claim,
                                                mc_idempotency_answer *out, mc_err *err);
/** Keeps the answer of a claimed request, in ctx->conn's transaction. */
MC_API MC_MUST_USE mc_code mc_idempotency_store(mc_ctx *ctx, const mc_idempotency_claim *claim,
                                                const mc_idempotency_answer *answer, mc_err *err);
/** Gives a claim back: the request failed, and may be tried again. */
MC_API MC_MUST_USE mc_code mc_idempotency_release(mc_ctx *ctx, const mc_idempotency_claim *claim,
                                                  mc_err *err);
/** Gives all claims back whose answer was not stored; for the one process of a database, when it
 *  starts: nobody is doing anything yet. */
MC_API MC_MUST_USE mc_code mc_idempotency_recover(mc_ctx *ctx, mc_err *err);

MC_END_DECLS
#endif
