/* SPDX-License-Identifier: Apache-2.0 */
/* What is over is forgotten after its time; what nobody works on any more is said to have failed.
 */
#include "metacore/notifications/notify_internal.h"

#define ROWS_MAX 500 /* of one transaction */

typedef struct pruning {
    mc_notify *self;
    int64_t changed; /* at the last step */
    int step;
} pruning;

/* An entry whose job is dead, or was deleted. */
static mc_code fail_abandoned(mc_ctx *ctx, int64_t *out_changed, mc_err *err)
{
    mc_db_value args[] = {mc_db_time(ctx->now), mc_db_int(ROWS_MAX)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE notification_queue_entries SET status = 'failed', holds_key = "
                             "false, next_retry = NULL, updated_at = $1, error = CASE WHEN error = "
                             "'' THEN 'its job is over' ELSE error END WHERE id IN (SELECT e.id "
                             "FROM notification_queue_entries e LEFT JOIN outbox_jobs j ON j.id = "
                             "e.job_id WHERE e.status IN ('pending', 'processing') AND (j.id IS "
                             "NULL OR j.status IN ('dead', 'done')) LIMIT $2)"),
                      args, MC_LEN(args), out_changed, err);
}

static mc_code forget(mc_ctx *ctx, mc_str sql, int64_t kept_s, int64_t *out_changed, mc_err *err)
{
    mc_db_value args[] = {mc_db_time(ctx->now - kept_s * MC_TIME_US_PER_S), mc_db_int(ROWS_MAX)};

    return mc_db_exec(ctx->conn, sql, args, MC_LEN(args), out_changed, err);
}

static mc_code prune_some(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    pruning *p = user;
    const mc_notify_config *config = &p->self->config;

    (void)conn; /* in ctx */
    if (p->step == 0)
        return fail_abandoned(ctx, &p->changed, err);
    if (p->step == 1)
        return forget(ctx,
                      MC_STR("DELETE FROM notification_queue_entries WHERE id IN (SELECT id FROM "
                             "notification_queue_entries WHERE updated_at < $1 AND status NOT IN "
                             "('pending', 'processing') LIMIT $2)"),
                      config->retention_s, &p->changed, err);
    return forget(ctx,
                  MC_STR("DELETE FROM notifications WHERE id IN (SELECT id FROM notifications "
                         "WHERE created_at < $1 LIMIT $2)"),
                  config->inbox_retention_s, &p->changed, err);
}

/* Many small transactions: nobody's write waits for a large one. */
mc_code mc__notify_prune(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    pruning p = {.self = user};
    mc_code rc = MC_OK;

    (void)job;
    ctx->now = mc_clock_now(p.self->config.clock);
    while (rc == MC_OK && p.step < 3) {
        if (mc_outbox_is_stopping(p.self->config.outbox))
            return mc_fail(err, MC_UNAVAILABLE, "the server is stopping");
        rc = mc_db_write(p.self->config.db, ctx, prune_some, &p, err);
        if (p.changed < ROWS_MAX)
            p.step++;
    }
    return rc;
}
