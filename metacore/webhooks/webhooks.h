/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_WEBHOOKS_WEBHOOKS_H
#define METACORE_WEBHOOKS_WEBHOOKS_H

/**
 * webhooks: an organization's events, delivered to the addresses it names, signed and retried.
 *
 *   GET POST       /webhooks                    also below /org-webhooks, all of it
 *   GET            /webhooks/stats
 *   GET PUT DELETE /webhooks/:id
 *   POST           /webhooks/:id/test           one attempt, now; never retried
 *   POST           /webhooks/:id/rotate-secret  {"grace_sec"}: the old one signs too, so long
 *   GET DELETE     /webhooks/:id/logs           ?page=&per_page=&event=&status=&from=&to=
 *   POST           /webhooks/:id/replay         {"ids"} or {"event","status","from","to"}
 *   POST           /webhooks/logs/:log/replay   also /webhooks/:id/logs/:log/replay
 * Reading wants webhooks.read, all else webhooks.manage; another organization's id is a 404.
 *
 * A delivery is a row, written in the transaction of what it tells: none is lost that was
 * acknowledged, and none is told of what was rolled back. It is made at least once; its id, sent
 * with every attempt, tells a receiver which it has had. Unless a webhook says "ordered": false,
 * what happened to one record arrives in its order: a delivery that fails holds back the later ones
 * of its record, until it arrives or is given up, and no others.
 *
 * Signed, with the secret that is shown once, when it is made (64 hexadecimal digits):
 *   X-Metacore-Signature     hex HMAC-SHA256(secret as text, "<timestamp>.<body>")
 *   X-Metacore-Signature-V2  the same over "<delivery>.<timestamp>.<event>.<body>"
 *   webhook-signature        "v1,<base64>" over "<delivery>.<timestamp>.<body>" as Standard
 *                            Webhooks has it; its key is "whsec_" + base64(secret as text), which
 *                            is the same bytes
 * The trace of the request that made the change goes on with every attempt, as traceparent.
 * While a rotation lasts webhook-signature holds two, and X-Metacore-Signature-Previous is the old
 * secret's X-Metacore-Signature.
 *
 * Attempts: the n-th failure waits 4^n seconds (at most an hour, up to a tenth more), or as long as
 * Retry-After asks; 410 switches the webhook off. An endpoint that failed
 * MC_WEBHOOKS_CIRCUIT_FAILURES times in a row is left alone for a while, then tried with one
 * delivery; one that did nothing but fail for three days is switched off, and says so. What is
 * pending for a webhook that is off waits until it is on again.
 *
 * Tables:   webhooks, webhook_deliveries. Secrets are sealed when config.box is there, else stored
 *           as they are.
 * Not here: what an event means, other channels (notifications, push).
 * Threads:  thread-safe once created.
 * Standard: RFC 2104; the Standard Webhooks specification 1.0.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/log/log.h"
#include "metacore/security/secretbox.h"

MC_BEGIN_DECLS

#define MC_WEBHOOKS_NAME_MAX 255   /* bytes */
#define MC_WEBHOOKS_URL_MAX 1024   /* bytes */
#define MC_WEBHOOKS_EVENT_MAX 255  /* bytes, as of a pattern */
#define MC_WEBHOOKS_EVENTS_MAX 100 /* patterns of one webhook */
#define MC_WEBHOOKS_PER_ORG 100
#define MC_WEBHOOKS_RETRY_MAX 20   /* attempts in all; more asked is so many */
#define MC_WEBHOOKS_TIMEOUT_MAX 60 /* seconds; likewise */
#define MC_WEBHOOKS_PAYLOAD_MAX ((size_t)256 << 10)
#define MC_WEBHOOKS_RESPONSE_MAX ((size_t)8 << 10) /* of an answer that is read and kept */
#define MC_WEBHOOKS_REPLAY_MAX 1000                /* of one bulk replay */
#define MC_WEBHOOKS_CIRCUIT_FAILURES 20
#define MC_WEBHOOKS_GRACE_S 86400      /* of a rotation */
#define MC_WEBHOOKS_GRACE_MAX_S 604800 /* likewise, at most */

typedef struct mc_webhooks mc_webhooks;

/** Zero is "the default" in every field. */
typedef struct mc_webhooks_config {
    uint32_t struct_size;
    mc_db *db; /* required; borrowed, as all below */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
    const mc_secretbox *box; /* NULL: secrets are stored as they are */
    bool allow_private;      /* plain http and private addresses too */
    unsigned workers;        /* attempts at a time; 0: 32 */
    unsigned per_host;       /* of them to one host, at most; 0: half */
    int64_t retry_base_ms;   /* instead of a second in 4^n seconds; 0: 1000 */
    int64_t retention_s;     /* of deliveries that are over; 0: 30 days */
    mc_log *log;             /* NULL: silent */
    mc_clock clock;
    bool is_alone; /* at the start all leases are of one that is gone; SQLite: always */
} mc_webhooks_config;
#define MC_WEBHOOKS_CONFIG .struct_size = sizeof(mc_webhooks_config)

MC_API MC_MUST_USE mc_code mc_webhooks_new(const mc_webhooks_config *config, mc_webhooks **out,
                                           mc_err *err);
/** Begins to deliver: also what was under way when the last process ended. */
MC_API MC_MUST_USE mc_code mc_webhooks_start(mc_webhooks *self, mc_err *err);
/** Waits for the attempts that are under way, and records them. Before the database is closed. */
MC_API void mc_webhooks_stop(mc_webhooks *self);
MC_API void mc_webhooks_free(mc_webhooks *self);

/** Whether pattern stands for event: equal, "*", or "x.*" for "x.y" and "x.y.z" but not "x". */
MC_API bool mc_webhooks_matches(mc_str pattern, mc_str event);

/** Whether any of ctx's organization's webhooks wants event; on ctx->conn. */
MC_API MC_MUST_USE mc_code mc_webhooks_wants(mc_webhooks *self, mc_ctx *ctx, mc_str event,
                                             bool *out, mc_err *err);

/**
 * Queues payload, a JSON text, for every active webhook of ctx's organization that wants event, in
 * ctx->conn's transaction.
 *
 * record  what the event is about, for its order; nil: no order
 * Errors  INVALID: event is empty or too long. TOO_LARGE: payload. The store's.
 */
MC_API MC_MUST_USE mc_code mc_webhooks_publish(mc_webhooks *self, mc_ctx *ctx, mc_str event,
                                               mc_uuid record, mc_str payload, mc_err *err);

/** Attempts since the start, and those under way. */
typedef struct mc_webhooks_counts {
    uint64_t succeeded;
    uint64_t failed;
    unsigned running;
} mc_webhooks_counts;
MC_API mc_webhooks_counts mc_webhooks_count(const mc_webhooks *self);

/** Under /api; borrowed, for self's life. */
MC_API const mc_http_route *mc_webhooks_routes(mc_webhooks *self, size_t *out_count);

MC_END_DECLS
#endif
