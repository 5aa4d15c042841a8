/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_PUSH_PUSH_H
#define METACORE_PUSH_PUSH_H

/**
 * push: messages to people's browsers, by the push services of their vendors.
 *
 *   GET    /push/public-key         without signing in: {"publicKey", "data":{"public_key"}}
 *   POST   /push/subscribe          {endpoint, p256dh, auth, device_type?, user_agent?}, or keys
 *                                   nested: {endpoint, "keys":{p256dh, auth}}
 *   POST   /push/unsubscribe        {endpoint}
 *   GET    /push/subscriptions      one's own
 *   DELETE /push/subscriptions/:id
 *   POST   /push/test               to all of one's own, queued
 * Without keys all of them are 404: this server does not push.
 *
 * Everybody has their own subscriptions, and nobody else's: an endpoint that is another person's is
 * a 409. A message is a row for each subscription, written in the caller's transaction, and sent
 * when that is committed, at least once, until its time to live is over: again after 429, 5xx and
 * silence (4^n seconds, or as Retry-After says), never after another refusal; 404 and 410 end the
 * subscription. What is sent is always encrypted.
 *
 * Tables:   push_subscriptions, push_messages.
 * Not here: what people are told (notifications).
 * Threads:  thread-safe once created.
 * Standard: RFC 8030, 8188, 8291 and 8292.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/log/log.h"

MC_BEGIN_DECLS

#define MC_PUSH_POINT_BYTES 65 /* a public key: an uncompressed point of P-256 */
#define MC_PUSH_SCALAR_BYTES 32
#define MC_PUSH_AUTH_BYTES 16
#define MC_PUSH_SALT_BYTES 16
#define MC_PUSH_PLAIN_MAX 3993    /* bytes: one record of 4096 */
#define MC_PUSH_ENDPOINT_MAX 2048 /* bytes */
#define MC_PUSH_PER_USER 20       /* subscriptions; the one used longest ago makes room */
#define MC_PUSH_TTL_S 86400
#define MC_PUSH_ATTEMPTS_MAX 8

typedef struct mc_push mc_push;

/* ---- keys and messages, without a server ---- */

typedef struct mc_push_keys {
    unsigned char public_key[MC_PUSH_POINT_BYTES];
    unsigned char private_key[MC_PUSH_SCALAR_BYTES];
} mc_push_keys;

/** A new pair. */
MC_API MC_MUST_USE mc_code mc_push_keys_new(mc_push_keys *out, mc_err *err);
/** Of base64url, without padding. Errors: INVALID: no such keys, or not of one pair. */
MC_API MC_MUST_USE mc_code mc_push_keys_parse(mc_str public_key, mc_str private_key,
                                              mc_push_keys *out, mc_err *err);

/**
 * The body of a push message: plain for the holder of ua_public's private key and auth.
 *
 * as_keys, salt  new for every message (mc_push_encrypt_new makes them); given for tests
 * Errors         TOO_LARGE: more than MC_PUSH_PLAIN_MAX. INVALID: ua_public is no point of P-256.
 */
MC_API MC_MUST_USE mc_code mc_push_encrypt(mc_str plain,
                                           const unsigned char ua_public[MC_PUSH_POINT_BYTES],
                                           const unsigned char auth[MC_PUSH_AUTH_BYTES],
                                           const mc_push_keys *as_keys,
                                           const unsigned char salt[MC_PUSH_SALT_BYTES],
                                           mc_buf *out, mc_err *err);
MC_API MC_MUST_USE mc_code mc_push_encrypt_new(mc_str plain,
                                               const unsigned char ua_public[MC_PUSH_POINT_BYTES],
                                               const unsigned char auth[MC_PUSH_AUTH_BYTES],
                                               mc_buf *out, mc_err *err);

/** The value of an Authorization header for endpoint's origin: "vapid t=…, k=…". */
MC_API MC_MUST_USE mc_code mc_push_vapid(const mc_push_keys *keys, mc_str endpoint, mc_str subject,
                                         mc_time now, mc_arena *arena, mc_str *out, mc_err *err);

/* ---- the service ---- */

/** Zero is "the default" in every field. */
typedef struct mc_push_config {
    uint32_t struct_size;
    mc_db *db;          /* required; borrowed */
    mc_str public_key;  /* both, as mc_push_keys_parse; neither: push is off */
    mc_str private_key; /* copied */
    mc_str subject;     /* mailto: or https:, for the push services; copied; empty:
                           mailto:admin@example.com */
    bool allow_private; /* plain http and private addresses too */
    unsigned workers;   /* 0: 8; one host gets half of them at most */
    mc_log *log;        /* NULL: silent */
    mc_clock clock;
    bool is_alone; /* no other process serves from this database: leases that are there at the
                      start are of one that is gone; of SQLite always */
} mc_push_config;
#define MC_PUSH_CONFIG .struct_size = sizeof(mc_push_config)

/** Errors: INVALID: keys that are none, not of one pair, or only one of them; subject. */
MC_API MC_MUST_USE mc_code mc_push_new(const mc_push_config *config, mc_push **out, mc_err *err);
MC_API MC_MUST_USE mc_code mc_push_start(mc_push *self, mc_err *err);
/** Before the database is closed. */
MC_API void mc_push_stop(mc_push *self);
MC_API void mc_push_free(mc_push *self);
MC_API bool mc_push_is_on(const mc_push *self);

/**
 * Queues payload, JSON as the page's service worker reads it, to every subscription of a user of
 * ctx's organization, in ctx->conn's transaction.
 *
 * out_queued  to how many; may be NULL
 * Errors      TOO_LARGE: payload. NOT_PROVIDED: push is off.
 */
MC_API MC_MUST_USE mc_code mc_push_send(mc_push *self, mc_ctx *ctx, mc_uuid user_id, mc_str payload,
                                        int64_t *out_queued, mc_err *err);

/** Since the start. */
MC_API void mc_push_count(const mc_push *self, uint64_t *out_succeeded, uint64_t *out_failed);

/** Under /api; borrowed, for self's life. */
MC_API const mc_http_route *mc_push_routes(mc_push *self, size_t *out_count);

MC_END_DECLS
#endif
