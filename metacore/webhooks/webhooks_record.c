/* SPDX-License-Identifier: Apache-2.0 */
/* What came of an attempt: the delivery's next one, and how its endpoint is doing. */
#include "metacore/base/random.h"
#include "metacore/webhooks/webhooks_internal.h"

#define RETRY_CAP_MS 3600000
#define PAUSE_FIRST_US (2 * MC_TIME_US_PER_S)
#define PAUSE_MAX_US (300 * MC_TIME_US_PER_S)
#define GIVE_UP_AFTER_US (3 * MC_TIME_US_PER_DAY)
#define GONE 410

/* Up to a tenth more, so that those that failed together do not come together. */
static int64_t with_jitter(int64_t ms)
{
    uint16_t random = 0;

    MC_IGNORE(mc_random_bytes(&random, sizeof(random), NULL)); /* without it: none */
    return ms + ms * random / (10 * 65536);
}

static int64_t wait_ms(const mc_webhooks *self, const mc__attempt *a)
{
    int64_t ms = self->config.retry_base_ms;

    for (int64_t i = 0; i < a->number && ms < RETRY_CAP_MS; i++)
        ms *= 4;
    if (ms > RETRY_CAP_MS)
        ms = RETRY_CAP_MS;
    ms = with_jitter(ms);
    return a->retry_after_s * 1000 > ms ? a->retry_after_s * 1000 : ms;
}

static bool is_test(const mc__attempt *a)
{
    return mc_str_eq(a->event, MC_STR(MC__TEST_EVENT));
}

/* ---- the delivery ---- */

static bool is_over(const mc__attempt *a)
{
    return a->is_success || is_test(a) || a->number >= a->retry_max;
}

static mc_code record_delivery(mc_webhooks *self, mc_ctx *ctx, const mc__attempt *a, bool *out_ours,
                               mc_err *err)
{
    mc_time now = mc_clock_now(self->config.clock);
    int64_t changed = 0;
    mc_db_value args[] = {
        mc_db_uuid(a->id),
        mc_db_uuid(self->lease_id),
        mc_db_time(now),
        mc_db_int(a->number),
        mc_db_bool(a->is_success),
        mc_db_int(a->status),
        mc_db_text(a->body),
        mc_db_text(a->error),
        a->is_success ? mc_db_time(a->ended) : mc_db_null(),
        is_over(a) ? mc_db_null() : mc_db_time(now + wait_ms(self, a) * 1000),
        mc_db_int(a->ended > a->began ? (a->ended - a->began) / 1000 : 0),
    };
    mc_code rc = mc_db_exec(
        ctx->conn,
        MC_STR("UPDATE webhook_deliveries SET updated_at = $3, attempt_count = $4, succeeded = $5, "
               "response_status = $6, response_body = $7, error_message = $8, delivered_at = $9, "
               "next_attempt_at = $10, duration_ms = $11, lease_id = NULL WHERE id = $1 AND "
               "lease_id = $2"),
        args, MC_LEN(args), &changed, err);

    if (rc == MC_OK)
        *out_ours = changed > 0;
    return rc;
}

/* The next of its record, if that waits for nothing else. */
static mc_code release_next(mc_ctx *ctx, const mc__attempt *a, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->webhook_id), mc_db_uuid(a->record), mc_db_time(a->ended),
                          mc_db_time(MC__WAITING)};

    if (mc_uuid_is_nil(a->record))
        return MC_OK;
    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE webhook_deliveries SET next_attempt_at = $3 WHERE id = "
                             "(SELECT id FROM webhook_deliveries WHERE webhook_id = $1 AND "
                             "record_id = $2 AND next_attempt_at IS NOT NULL ORDER BY ordinal "
                             "LIMIT 1) AND next_attempt_at = $4"),
                      args, MC_LEN(args), NULL, err);
}

/* ---- its endpoint ---- */

static mc_code record_success(mc_ctx *ctx, const mc__attempt *a, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->webhook_id), mc_db_uuid(a->org_id), mc_db_time(a->ended)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE webhooks SET success_count = success_count + 1, "
                             "last_triggered_at = $3, consecutive_failures = 0, failing_since = "
                             "NULL, paused_until = NULL WHERE id = $1 AND organization_id = $2"),
                      args, MC_LEN(args), NULL, err);
}

typedef struct health {
    int64_t failures; /* in a row, this one counted */
    mc_time since;
} health;

static mc_code count_failure(mc_ctx *ctx, const mc__attempt *a, health *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->webhook_id), mc_db_uuid(a->org_id), mc_db_time(a->ended)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("UPDATE webhooks SET failure_count = failure_count + 1, "
                                    "consecutive_failures = consecutive_failures + 1, "
                                    "failing_since = coalesce(failing_since, $3) WHERE id = $1 "
                                    "AND organization_id = $2 RETURNING consecutive_failures, "
                                    "failing_since"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        *out = (health){mc_db_col_int(&rows, 0), mc_db_col_time(&rows, 1)};
    return mc_db_rows_finish(&rows, err);
}

static mc_code pause_endpoint(mc_ctx *ctx, const mc__attempt *a, mc_time until, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->webhook_id), mc_db_uuid(a->org_id), mc_db_time(until)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE webhooks SET paused_until = $3 WHERE id = $1 AND "
                             "organization_id = $2"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code switch_off(mc_webhooks *self, mc_ctx *ctx, const mc__attempt *a, const char *why,
                          mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->webhook_id), mc_db_uuid(a->org_id), mc_db_bool(false),
                          mc_db_text(mc_z(why)), mc_db_time(a->ended)};

    mc_log_warn(self->config.log, "webhook.disabled", MC_KV_UUID("webhook_id", a->webhook_id),
                MC_KV_UUID("org_id", a->org_id), MC_KV_Z("reason", why));
    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE webhooks SET active = $3, disabled_reason = $4, updated_at = "
                             "$5 WHERE id = $1 AND organization_id = $2"),
                      args, MC_LEN(args), NULL, err);
}

/* Doubled with every so many failures more: those that were under way together count as one. */
static mc_time pause_us(int64_t failures)
{
    mc_time pause = PAUSE_FIRST_US;

    for (int64_t i = INT64_C(2) * MC_WEBHOOKS_CIRCUIT_FAILURES;
         i <= failures && pause < PAUSE_MAX_US; i += MC_WEBHOOKS_CIRCUIT_FAILURES)
        pause *= 2;
    return pause < PAUSE_MAX_US ? pause : PAUSE_MAX_US;
}

static mc_code record_failure(mc_webhooks *self, mc_ctx *ctx, const mc__attempt *a, mc_err *err)
{
    health h = {0};
    mc_code rc = count_failure(ctx, a, &h, err);

    if (rc != MC_OK)
        return rc;
    if (a->status == GONE)
        return switch_off(self, ctx, a, "the endpoint answered 410 Gone", err);
    if (h.failures < MC_WEBHOOKS_CIRCUIT_FAILURES)
        return MC_OK;
    if (a->ended - h.since > GIVE_UP_AFTER_US)
        return switch_off(self, ctx, a, "nothing but failures for three days", err);
    return pause_endpoint(ctx, a, a->ended + pause_us(h.failures), err);
}

mc_code mc__attempt_record(mc_webhooks *self, mc_ctx *ctx, const mc__attempt *a, mc_err *err)
{
    bool is_ours = false;
    mc_code rc;

    if (a->is_cut_short)
        return MC_OK; /* the next start finds it leased by nobody who lives */
    rc = record_delivery(self, ctx, a, &is_ours, err);
    if (rc != MC_OK || !is_ours)
        return rc;
    if (is_over(a))
        rc = release_next(ctx, a, err);
    if (rc != MC_OK)
        return rc;
    if (a->is_success)
        return record_success(ctx, a, err);
    /* A test is somebody trying an address: it says nothing of what is delivered. */
    return is_test(a) ? MC_OK : record_failure(self, ctx, a, err);
}
