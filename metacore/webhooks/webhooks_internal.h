/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_WEBHOOKS_WEBHOOKS_INTERNAL_H
#define METACORE_WEBHOOKS_WEBHOOKS_INTERNAL_H

#include "metacore/base/json.h"
#include "metacore/base/sync.h"
#include "metacore/security/http_client.h"
#include "metacore/webhooks/webhooks.h"

#include <stdatomic.h>

#define MC__WEBHOOKS_ROUTES_MAX 40
#define MC__WORKERS_MAX 256
#define MC__SECRET_HEX 64
#define MC__TEST_EVENT "webhook.test"
/* An attempt is its process's for so long; longer than any attempt takes. */
#define MC__LEASE_US ((MC_WEBHOOKS_TIMEOUT_MAX + 60) * MC_TIME_US_PER_S)

/* When a delivery is due that waits for an earlier one of its record: whoever ends that one says
 * so. The year 9999. */
#define MC__WAITING (INT64_C(253370764800) * MC_TIME_US_PER_S)

/* What one attempt needs, and what came of it. Lives in its own arena. */
typedef struct mc__attempt {
    struct mc__attempt *next;
    mc_arena *arena;
    mc_uuid id, webhook_id, org_id, record; /* record: nil: none */
    mc_str event, payload, url, host;
    mc_trace trace;
    mc_str secret, previous; /* opened; previous empty: none */
    int64_t number;          /* of this attempt, from 1 */
    int64_t retry_max, timeout_s;
    mc_code secret_code; /* MC_OK, or why there is no secret to sign with */
    /* the outcome */
    int status; /* 0: there was no answer */
    bool is_success;
    bool is_cut_short; /* by our own stop: it is made again, and was never made */
    mc_str body, error;
    int64_t retry_after_s; /* -1: not said */
    mc_time began, ended;
} mc__attempt;

struct mc_webhooks {
    mc_webhooks_config config;
    mc_db_dialect dialect;
    mc_http_client *client;
    mc_http_route routes[MC__WEBHOOKS_ROUTES_MAX];
    size_t route_count;
    mc_uuid lease_id; /* of this process: what others lease is not ours to record */
    pthread_t dispatcher, *workers;
    unsigned worker_count; /* started */
    bool is_dispatching;
    atomic_ullong succeeded, failed;
    atomic_uint running;
    /* the dispatcher's own */
    mc__attempt *claimed[MC__WORKERS_MAX]; /* not recorded yet */
    unsigned claimed_count;
    uint64_t turn;
    mc_time purged_at;
    mc_mutex mu;
    mc_cond wake, work;
    mc__attempt *queue, **queue_end; /* guarded by mu, as all below */
    mc__attempt *done;
    bool is_woken;
    bool is_stopping; /* the dispatcher's word */
    int64_t stopping_since_us;
    bool is_over; /* the workers' */
};

/* ---- webhooks_sign.c ---- */

/* The headers of an attempt that say what it is and prove it; in a's arena. */
#define MC__ATTEMPT_HEADERS_MAX 12
mc_code mc__attempt_headers(const mc__attempt *a, mc_time now, mc_http_pair *out, size_t *out_count,
                            mc_err *err);

/* ---- webhooks_secret.c ---- */

/* A new secret, as text and as it is stored; both in ctx's arena. */
mc_code mc__webhook_secret_new(mc_webhooks *self, mc_arena *arena, mc_str *out_plain,
                               mc_str *out_stored, mc_err *err);
mc_code mc__webhook_secret_open(const mc_webhooks *self, mc_arena *arena, mc_str stored,
                                mc_str *out, mc_err *err);
/* "secret" and "signing_secret", the same for libraries of Standard Webhooks. */
void mc__webhook_secret_write(mc_arena *arena, mc_str plain, mc_buf *out);

/* ---- webhooks_input.c ---- */

typedef struct mc__webhook_input {
    mc_str name, url, events; /* events: a JSON array's text */
    bool active, is_ordered;
    int64_t retry_max, timeout_s;
    bool
        is_flipped; /* active and status disagree: one of them is as it was, the other the change */
    bool has_name, has_url, has_events, has_active, has_ordered, has_retry, has_timeout;
} mc__webhook_input;
mc_code mc__webhook_read(mc_webhooks *self, mc_http_req *req, bool is_create,
                         mc__webhook_input *out, mc_err *err);

/* ---- webhooks_rows.c ---- */

#define MC__WEBHOOK_COLUMNS                                                                        \
    "id, organization_id, created_by_id, created_at, updated_at, name, url, events, active, "      \
    "retry_max, timeout_sec, owner_type, owner_id, last_triggered_at, failure_count, "             \
    "success_count, ordered, consecutive_failures, paused_until, disabled_reason, secret, "        \
    "secret_previous_until"
/* extra: members more, with their leading comma, or empty. */
void mc__webhook_write(mc_db_rows *rows, mc_time now, mc_str extra, mc_buf *out);

#define MC__DELIVERY_COLUMNS                                                                       \
    "id, organization_id, created_by_id, created_at, updated_at, webhook_id, event, payload, "     \
    "response_status, response_body, attempt_count, succeeded, error_message, delivered_at, "      \
    "next_attempt_at, lease_id, duration_ms, replay_of"
void mc__delivery_write(mc_db_rows *rows, mc_buf *out);

/* One row of sql as JSON onto out; NOT_FOUND what. */
mc_code mc__webhook_one(mc_ctx *ctx, mc_str sql, const mc_db_value *args, size_t count,
                        mc_str extra, mc_buf *out, mc_err *err);
mc_code mc__delivery_one(mc_ctx *ctx, mc_str sql, const mc_db_value *args, size_t count,
                         mc_buf *out, mc_err *err);

/* ---- webhooks_publish.c ---- */

typedef struct mc__delivery_input {
    mc_uuid webhook_id, org_id, by_id, record, replay_of; /* by_id, record, replay_of: nil: none */
    mc_str event, payload;
    bool is_ordered; /* behind what is pending of its record */
    bool is_leased;  /* by this process, to be attempted at once */
} mc__delivery_input;
mc_code mc__delivery_insert(mc_webhooks *self, mc_ctx *ctx, const mc__delivery_input *in,
                            mc_uuid *out_id, mc_err *err);
/* Tells the dispatcher after the commit. */
mc_code mc__webhooks_wake_later(mc_webhooks *self, mc_ctx *ctx, mc_err *err);
void mc__webhooks_wake(mc_webhooks *self);

/* ---- webhooks_attempt.c ---- */

/* The network's part: fills the outcome. Blocks. */
void mc__attempt_run(mc_webhooks *self, mc__attempt *a);
void mc__attempt_free(mc__attempt *a);
/* Loads one leased delivery with its webhook; NOT_FOUND. */
#define MC__ATTEMPT_COLUMNS                                                                        \
    "d.id, d.webhook_id, d.organization_id, d.event, d.payload, d.attempt_count, w.url, "          \
    "w.secret, w.secret_previous, w.secret_previous_until, w.retry_max, w.timeout_sec, "           \
    "d.record_id, d.request_headers"
mc_code mc__attempt_read(mc_webhooks *self, mc_db_rows *rows, mc_time now, mc__attempt **out,
                         mc_err *err);

/* ---- webhooks_record.c ---- */

/* What came of an attempt, in ctx->conn's transaction; of one that is no longer ours: nothing. */
mc_code mc__attempt_record(mc_webhooks *self, mc_ctx *ctx, const mc__attempt *a, mc_err *err);

/* ---- webhooks_claim.c ---- */

/* Takes up to room deliveries that are due, from all who have some in turn. */
mc_code mc__webhooks_claim(mc_webhooks *self, mc_ctx *ctx, unsigned room, mc_err *err);
/* At the start: what the process before us had under way is due. */
mc_code mc__webhooks_release(mc_webhooks *self, mc_ctx *ctx, mc_err *err);
mc_code mc__webhooks_due(mc_webhooks *self, mc_ctx *ctx, bool *out, mc_err *err);
mc_code mc__webhooks_purge(mc_webhooks *self, mc_ctx *ctx, mc_err *err);

/* ---- handlers ---- */

mc_code mc__webhooks_check_read(mc_webhooks *self, mc_http_req *req, mc_err *err);
mc_code mc__webhooks_check_manage(mc_webhooks *self, mc_http_req *req, mc_err *err);
/* NOT_FOUND unless ctx's organization has it. */
mc_code mc__webhooks_check_id(mc_ctx *ctx, mc_uuid id, mc_err *err);
const mc_http_route *mc__webhooks_own_routes(size_t *out_count);
const mc_http_route *mc__webhooks_log_routes(size_t *out_count);
const mc_http_route *mc__webhooks_try_routes(size_t *out_count);

#endif
