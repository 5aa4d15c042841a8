/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: takes what is due, does it, and says how it ended; between jobs it makes those of
 * schedules and forgets old ones. */
#include "metacore/outbox/outbox_internal.h"

#define FORGET_US INT64_C(600000000)

typedef struct turn {
    mc_outbox *self;
    const mc_outbox_kind *kind;
    mc_outbox_job job;
    bool is_found;
    mc_time next; /* when the next job or schedule is due */
    mc_err why;
} turn;

static mc_code make_and_claim(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;
    mc_code rc = mc__schedules_run(t->self, ctx, err);

    (void)conn; /* in ctx */
    return rc == MC_OK ? mc__job_claim(t->self, ctx, &t->job, &t->is_found, err) : rc;
}

static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;
    mc_time of_schedules = INT64_MAX;
    mc_code rc = mc__job_next_due(ctx, &t->next, err);

    (void)conn;
    if (rc == MC_OK)
        rc = mc__schedules_next(ctx, &of_schedules, err);
    if (rc == MC_OK && of_schedules < t->next)
        t->next = of_schedules;
    return rc;
}

/* ---- one job ---- */

static mc_code run_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;
    mc_code rc = t->kind->run(t->kind->user, ctx, &t->job, err);

    (void)conn;
    return rc == MC_OK ? mc__job_done(t->self, ctx, &t->job, err) : rc;
}

static mc_code done_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;

    (void)conn;
    return mc__job_done(t->self, ctx, &t->job, err);
}

static mc_code failed_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;

    (void)conn;
    return mc__job_failed(t->self, ctx, &t->job, &t->why, err);
}

static void run_job(turn *t, mc_ctx *ctx)
{
    mc_outbox *self = t->self;
    mc_db *db = self->config.db;
    mc_err err;
    mc_code rc;

    t->kind = mc__outbox_kind_of(self, t->job.kind);
    ctx->conn = NULL;
    ctx->who = (mc_principal){.org_id = t->job.org_id, .user_id = t->job.actor_id};
    if (t->kind->in_transaction) {
        rc = mc_db_write(db, ctx, run_in, t, &t->why);
    } else {
        rc = t->kind->run(t->kind->user, ctx, &t->job, &t->why);
        ctx->now = mc_clock_now(self->config.clock);
        if (rc == MC_OK)
            rc = mc_db_write(db, ctx, done_in, t, &t->why);
    }
    atomic_fetch_add(rc == MC_OK ? &self->done : &self->failed, 1);
    if (rc == MC_OK)
        return;
    t->why.code = rc;
    mc_log_warn(self->config.log, "outbox.job", MC_KV_UUID("id", t->job.id),
                MC_KV_STR("kind", t->job.kind), MC_KV_I64("attempt", t->job.attempt),
                MC_KV_ERR("error", &t->why));
    ctx->now = mc_clock_now(self->config.clock);
    if (mc_db_write(db, ctx, failed_in, t, &err) != MC_OK) /* its lease ends by itself */
        mc_log_error(self->config.log, "outbox.job", MC_KV_UUID("id", t->job.id),
                     MC_KV_ERR("error", &err));
}

/* True when something was done, and there may be more. */
static bool take_turn(mc_outbox *self, mc_time *out_next)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now(self->config.clock)};
    turn t = {.self = self, .next = INT64_MAX};
    mc_err err;
    mc_code rc = ctx.arena ? mc_db_read(self->config.db, &ctx, look, &t, &err)
                           : mc_fail(&err, MC_NO_MEMORY, "outbox: worker");

    if (rc == MC_OK && t.next <= ctx.now)
        rc = mc_db_write(self->config.db, &ctx, make_and_claim, &t, &err);
    if (rc != MC_OK)
        mc_log_error(self->config.log, "outbox.worker", MC_KV_ERR("error", &err));
    if (rc == MC_OK && t.is_found)
        run_job(&t, &ctx);
    if (t.is_found) /* also when what claimed it was not committed */
        mc__job_released(self, t.job.kind);
    mc_arena_free(ctx.arena);
    *out_next = t.next;
    return rc == MC_OK && t.is_found;
}

/* ---- the thread ---- */

static mc_code forget_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    return mc__jobs_forget(user, ctx, err);
}

static void forget(mc_outbox *self)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now(self->config.clock)};
    mc_err err;

    if (ctx.arena && mc_db_write(self->config.db, &ctx, forget_in, self, &err) != MC_OK)
        mc_log_error(self->config.log, "outbox.worker", MC_KV_ERR("error", &err));
    mc_arena_free(ctx.arena);
}

/* Until something is due, is enqueued, or a poll's time is over. */
static void wait_for_work(mc_outbox *self, uint64_t *seen, mc_time next)
{
    mc_time now = mc_clock_now(self->config.clock);
    int64_t poll_us = self->config.poll_ms * INT64_C(1000), pause_us = poll_us;

    if (next != INT64_MAX && next - now < pause_us)
        pause_us = next > now ? next - now : poll_us / 10 + 1; /* nobody here runs what is due */
    mc_mutex_lock(&self->mu);
    while (!self->is_stopping && *seen == self->job_signals) {
        if (!mc_cond_wait_for(&self->jobs, &self->mu, pause_us))
            break;
    }
    *seen = self->job_signals;
    mc_mutex_unlock(&self->mu);
}

void *mc__worker_main(void *user)
{
    mc_outbox *self = user;
    int64_t forgot_us = mc_clock_monotonic_us(self->config.clock);
    uint64_t seen = 0;

    (void)pthread_setname_np(pthread_self(), "mc-jobs"); /* only a convenience */
    while (!mc_outbox_is_stopping(self)) {
        int64_t now_us = mc_clock_monotonic_us(self->config.clock);
        mc_time next;

        if (now_us - forgot_us > FORGET_US) {
            forget(self);
            forgot_us = now_us;
        }
        if (!take_turn(self, &next))
            wait_for_work(self, &seen, next);
    }
    return NULL;
}
