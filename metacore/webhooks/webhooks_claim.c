/* SPDX-License-Identifier: Apache-2.0 */
/* Who is next: each webhook that has something due gets its turn, within what its host and its
 * organization may have under way, so that nobody's slow receiver holds up the others. */
#include "metacore/webhooks/webhooks_internal.h"

#define CANDIDATES_MAX 1024 /* webhooks that are looked at in one turn */
#define PURGE_BATCH 1000

typedef struct candidate {
    mc_uuid webhook_id, org_id;
    bool is_probing; /* it failed so often that one at a time is tried */
} candidate;

/* ---- webhooks with something due ---- */

/* Steps over the index of what is pending, from webhook to webhook: its cost is their number, not
 * that of the deliveries. */
#define PENDING                                                                                    \
    "WITH RECURSIVE pending (id) AS (SELECT (SELECT webhook_id FROM webhook_deliveries WHERE "     \
    "next_attempt_at IS NOT NULL ORDER BY webhook_id LIMIT 1) UNION ALL SELECT (SELECT "           \
    "d.webhook_id FROM webhook_deliveries d WHERE d.next_attempt_at IS NOT NULL AND "              \
    "d.webhook_id > pending.id ORDER BY d.webhook_id LIMIT 1) FROM pending WHERE pending.id IS "   \
    "NOT NULL) "
#define READY                                                                                      \
    "FROM pending JOIN webhooks w ON w.id = pending.id WHERE w.active = $2 AND w.deleted_at IS "   \
    "NULL AND (w.paused_until IS NULL OR w.paused_until <= $1) AND EXISTS (SELECT 1 FROM "         \
    "webhook_deliveries d WHERE d.webhook_id = w.id AND d.next_attempt_at <= $1) "

mc_code mc__webhooks_due(mc_webhooks *self, mc_ctx *ctx, bool *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_time(mc_clock_now(self->config.clock)), mc_db_bool(true)};
    bool is_any = false;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, MC_STR(PENDING "SELECT 1 " READY "LIMIT 1"), args,
                             MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        is_any = true;
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK)
        *out = is_any;
    return rc;
}

static mc_code find_candidates(mc_ctx *ctx, mc_time now, candidate *out, size_t *out_count,
                               mc_err *err)
{
    mc_db_value args[] = {mc_db_time(now), mc_db_bool(true)};
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR(PENDING "SELECT w.id, w.organization_id, "
                                            "w.consecutive_failures " READY),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (count < CANDIDATES_MAX && mc_db_rows_next(&rows))
        out[count++] = (candidate){mc_db_col_uuid(&rows, 0), mc_db_col_uuid(&rows, 1),
                                   mc_db_col_int(&rows, 2) >= MC_WEBHOOKS_CIRCUIT_FAILURES};
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK)
        *out_count = count;
    return rc;
}

/* ---- how many it may have ---- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The most that webhook may begin now; its host is not known before a row of it is read. */
static unsigned room_for(const mc_webhooks *self, const candidate *c, unsigned room)
{
    unsigned of_webhook = 0, of_org = 0;
    unsigned most_of_org = (self->config.workers * 3 + 3) / 4;

    for (unsigned i = 0; i < self->claimed_count; i++) {
        of_webhook += mc_uuid_eq(self->claimed[i]->webhook_id, c->webhook_id);
        of_org += mc_uuid_eq(self->claimed[i]->org_id, c->org_id);
    }
    if (c->is_probing)
        return of_webhook ? 0 : least(room, 1);
    if (of_org >= most_of_org || of_webhook >= self->config.per_host)
        return 0;
    return least(room, least(most_of_org - of_org, self->config.per_host - of_webhook));
}

static bool is_host_full(const mc_webhooks *self, mc_str host)
{
    unsigned count = 0;

    for (unsigned i = 0; i < self->claimed_count; i++)
        count += mc_str_eq_nocase(self->claimed[i]->host, host);
    return count >= self->config.per_host;
}

/* ---- taking them ---- */

/* Rows are read first and leased after: a cursor over an index that is being changed may see a row
 * twice. */
static mc_code read_due(mc_webhooks *self, mc_ctx *ctx, const candidate *c, mc_time now,
                        unsigned limit, mc__attempt **out, unsigned *out_count, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(c->webhook_id), mc_db_time(now), mc_db_int(limit)};
    unsigned count = 0;
    mc_db_rows rows;
    mc_code why = MC_OK;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("SELECT " MC__ATTEMPT_COLUMNS
               " FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE "
               "d.webhook_id = $1 AND d.next_attempt_at <= $2 ORDER BY d.next_attempt_at, "
               "d.ordinal LIMIT $3"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (why == MC_OK && count < limit && mc_db_rows_next(&rows)) {
        why = mc__attempt_read(self, &rows, now, &out[count], err);
        count += why == MC_OK;
    }
    rc = mc_db_rows_finish(&rows, why == MC_OK ? err : NULL);
    *out_count = count; /* also on failure: they are the caller's to free */
    return why == MC_OK ? rc : why;
}

static mc_code lease(mc_webhooks *self, mc_ctx *ctx, const mc__attempt *a, mc_time now, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->id), mc_db_uuid(self->lease_id),
                          mc_db_time(now + MC__LEASE_US)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE webhook_deliveries SET lease_id = $2, next_attempt_at = $3 "
                             "WHERE id = $1"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code take_from(mc_webhooks *self, mc_ctx *ctx, const candidate *c, mc_time now,
                         unsigned limit, mc_err *err)
{
    mc__attempt *due[MC__WORKERS_MAX];
    unsigned count = 0;
    mc_code rc = read_due(self, ctx, c, now, limit, due, &count, err);

    for (unsigned i = 0; i < count; i++) {
        if (rc == MC_OK && !is_host_full(self, due[i]->host))
            rc = lease(self, ctx, due[i], now, err);
        else
            due[i]->number = 0; /* not taken */
        if (rc == MC_OK && due[i]->number)
            self->claimed[self->claimed_count++] = due[i];
        else
            mc__attempt_free(due[i]);
    }
    return rc;
}

mc_code mc__webhooks_claim(mc_webhooks *self, mc_ctx *ctx, unsigned room, mc_err *err)
{
    mc_time now = mc_clock_now(self->config.clock);
    candidate *all = mc_arena_array(ctx->arena, candidate, CANDIDATES_MAX);
    size_t count = 0, first;
    mc_code rc;

    if (!all)
        return mc_fail(err, MC_NO_MEMORY, "webhooks");
    rc = find_candidates(ctx, now, all, &count, err);
    first = count ? (size_t)(self->turn++ % count) : 0;
    for (size_t i = 0; i < count && room > 0 && rc == MC_OK; i++) {
        const candidate *c = &all[(first + i) % count];
        unsigned before = self->claimed_count;
        unsigned limit = room_for(self, c, room);

        if (limit > 0)
            rc = take_from(self, ctx, c, now, limit, err);
        room -= self->claimed_count - before;
    }
    return rc;
}

/* ---- the start, and the end of what is old ---- */

mc_code mc__webhooks_release(mc_webhooks *self, mc_ctx *ctx, mc_err *err)
{
    mc_db_value now = mc_db_time(mc_clock_now(self->config.clock));

    /* Of the only process all leases are of one that is gone. Elsewhere they end. */
    if (self->dialect != MC_DB_SQLITE && !self->config.is_alone)
        return MC_OK;
    return mc_db_exec(ctx->conn,
                      /* The column that is never taken says of what type the parameter is. */
                      MC_STR("UPDATE webhook_deliveries SET lease_id = NULL, next_attempt_at = "
                             "CASE WHEN event = '" MC__TEST_EVENT "' THEN NULL WHEN false THEN "
                             "next_attempt_at ELSE $1 END WHERE lease_id IS NOT NULL"),
                      &now, 1, NULL, err);
}

mc_code mc__webhooks_purge(mc_webhooks *self, mc_ctx *ctx, mc_err *err)
{
    mc_time before = mc_clock_now(self->config.clock) - self->config.retention_s * MC_TIME_US_PER_S;
    mc_db_value args[] = {mc_db_time(before), mc_db_int(PURGE_BATCH)};

    return mc_db_exec(ctx->conn,
                      MC_STR("DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM "
                             "webhook_deliveries WHERE next_attempt_at IS NULL AND updated_at < "
                             "$1 ORDER BY updated_at LIMIT $2)"),
                      args, MC_LEN(args), NULL, err);
}
