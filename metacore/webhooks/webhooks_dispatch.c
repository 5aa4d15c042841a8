/* SPDX-License-Identifier: Apache-2.0 */
/* Who delivers: one dispatcher, which alone talks to the database, in one transaction a turn for
 * all that came back and all that goes out; and workers, which alone talk to the network. */
#include "metacore/webhooks/webhooks_internal.h"

#include <stdlib.h>

#define IDLE_US 500000 /* how late a retry may be */
#define FAILED_US 500000
#define STOP_GRACE_US (5 * MC_TIME_US_PER_S) /* for attempts under way when we are told to stop */
#define PURGE_EVERY_US (600 * MC_TIME_US_PER_S)

/* ---- workers ---- */

static void *work(void *user)
{
    mc_webhooks *self = user;

    mc_mutex_lock(&self->mu);
    for (;;) {
        mc__attempt *a;

        while (!self->queue && !self->is_over)
            mc_cond_wait(&self->work, &self->mu);
        a = self->queue;
        if (!a)
            break;
        self->queue = a->next;
        if (!self->queue)
            self->queue_end = &self->queue;
        mc_mutex_unlock(&self->mu);
        mc__attempt_run(self, a);
        mc_mutex_lock(&self->mu);
        a->next = self->done;
        self->done = a;
        mc_cond_signal(&self->wake);
    }
    mc_mutex_unlock(&self->mu);
    return NULL;
}

/* ---- the dispatcher ---- */

typedef struct turn {
    mc_webhooks *self;
    mc__attempt *done;
    bool is_claiming;
    bool is_purging;
    unsigned first_new; /* claimed[] from here on was claimed in this turn */
} turn;

static mc_code write_turn(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;
    mc_code rc = MC_OK;

    (void)conn;
    for (mc__attempt *a = t->done; a && rc == MC_OK; a = a->next)
        rc = mc__attempt_record(t->self, ctx, a, err);
    if (rc == MC_OK && t->is_purging)
        rc = mc__webhooks_purge(t->self, ctx, err);
    if (rc == MC_OK && t->is_claiming)
        rc =
            mc__webhooks_claim(t->self, ctx, t->self->config.workers - t->self->claimed_count, err);
    return rc;
}

static void forget(mc_webhooks *self, const mc__attempt *a)
{
    for (unsigned i = 0; i < self->claimed_count; i++) {
        if (self->claimed[i] == a) {
            self->claimed[i] = self->claimed[--self->claimed_count];
            return;
        }
    }
}

/* What was claimed in a turn whose commit failed is not leased: it is taken again. */
static void unclaim(turn *t)
{
    while (t->self->claimed_count > t->first_new)
        mc__attempt_free(t->self->claimed[--t->self->claimed_count]);
}

static void hand_out(turn *t)
{
    mc_webhooks *self = t->self;

    mc_mutex_lock(&self->mu);
    for (unsigned i = t->first_new; i < self->claimed_count; i++) {
        mc__attempt *a = self->claimed[i];

        a->next = NULL;
        *self->queue_end = a;
        self->queue_end = &a->next;
    }
    if (self->claimed_count > t->first_new)
        mc_cond_broadcast(&self->work);
    mc_mutex_unlock(&self->mu);
}

/* One transaction; false when it failed, and t->done is to be recorded again. */
static bool run_turn(turn *t, mc_ctx *ctx)
{
    mc_webhooks *self = t->self;
    mc__attempt *next;
    mc_err err;

    for (mc__attempt *a = t->done; a; a = a->next)
        forget(self, a); /* its place is free */
    t->first_new = self->claimed_count;
    ctx->now = mc_clock_now(self->config.clock);
    if (mc_db_write(self->config.db, ctx, write_turn, t, &err) != MC_OK) {
        unclaim(t);
        mc_log_error(self->config.log, "webhooks.turn_failed", MC_KV_ERR("error", &err));
        return false;
    }
    hand_out(t);
    for (mc__attempt *a = t->done; a; a = next) {
        next = a->next;
        mc__attempt_free(a);
    }
    t->done = NULL;
    return true;
}

static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    turn *t = user;

    (void)conn;
    return mc__webhooks_due(t->self, ctx, &t->is_claiming, err);
}

/* Without anything to do, no transaction: an idle server writes nothing. */
static bool has_work(turn *t, mc_ctx *ctx, bool is_woken)
{
    mc_webhooks *self = t->self;
    mc_time now = mc_clock_now(self->config.clock);
    mc_err err;

    t->is_claiming = self->claimed_count < self->config.workers && is_woken;
    t->is_purging = now - self->purged_at > PURGE_EVERY_US || now < self->purged_at;
    if (t->is_purging)
        self->purged_at = now;
    if (!t->done && !t->is_claiming && self->claimed_count < self->config.workers &&
        mc_db_read(self->config.db, ctx, look, t, &err) != MC_OK)
        mc_log_error(self->config.log, "webhooks.look_failed", MC_KV_ERR("error", &err));
    if (t->done)
        t->is_claiming = true;
    return t->done || t->is_claiming || t->is_purging;
}

static mc__attempt *append(mc__attempt *first, mc__attempt *rest)
{
    mc__attempt **end = &first;

    while (*end)
        end = &(*end)->next;
    *end = rest;
    return first;
}

/* Waits for something to do; false when it is time to go and nothing is under way. */
static bool wait_for_work(turn *t, int64_t at_most_us, bool *out_woken)
{
    mc_webhooks *self = t->self;
    bool goes_on;

    mc_mutex_lock(&self->mu);
    if (!self->done && !self->is_woken && !(self->is_stopping && self->claimed_count == 0))
        (void)mc_cond_wait_for(&self->wake, &self->mu, at_most_us); /* in vain is fine too */
    t->done = append(t->done, self->done);
    self->done = NULL;
    *out_woken = self->is_woken;
    self->is_woken = false;
    goes_on = !self->is_stopping || self->claimed_count > 0 || t->done;
    mc_mutex_unlock(&self->mu);
    return goes_on;
}

static bool is_stopping(mc_webhooks *self)
{
    int64_t now_us = mc_clock_monotonic_us((mc_clock){NULL, NULL}), since;
    bool is;

    mc_mutex_lock(&self->mu);
    is = self->is_stopping;
    since = self->stopping_since_us;
    mc_mutex_unlock(&self->mu);
    if (is && now_us - since > STOP_GRACE_US)
        mc_http_client_stop(self->client); /* who hangs does not keep us */
    return is;
}

static void *dispatch(void *user)
{
    mc_webhooks *self = user;
    turn t = {.self = self};
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    bool is_woken = true, failed = false;

    while (ctx.arena && wait_for_work(&t, failed ? FAILED_US : IDLE_US, &is_woken)) {
        bool is_last = is_stopping(self), has = has_work(&t, &ctx, is_woken || failed);

        t.is_claiming = t.is_claiming && !is_last;
        if (has)
            failed = !run_turn(&t, &ctx);
        mc_arena_reset(ctx.arena);
        if (failed && is_last)
            break; /* their leases are released by the next start: they are made again */
    }
    while (t.done) {
        mc__attempt *next = t.done->next;

        mc__attempt_free(t.done);
        t.done = next;
    }
    mc_arena_free(ctx.arena);
    return NULL;
}

/* ---- life cycle ---- */

static mc_code release(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    return mc__webhooks_release(user, ctx, err);
}

static mc_code release_leases(mc_webhooks *self, mc_err *err)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now(self->config.clock)};
    mc_code rc = ctx.arena ? mc_db_write(self->config.db, &ctx, release, self, err)
                           : mc_fail(err, MC_NO_MEMORY, "webhooks");

    mc_arena_free(ctx.arena);
    return rc;
}

mc_code mc_webhooks_start(mc_webhooks *self, mc_err *err)
{
    mc_code rc = release_leases(self, err);

    if (rc != MC_OK)
        return rc;
    self->is_over = self->is_stopping = false;
    self->is_woken = true;
    self->workers = calloc(self->config.workers, sizeof(*self->workers));
    if (!self->workers)
        return mc_fail(err, MC_NO_MEMORY, "webhooks");
    while (self->worker_count < self->config.workers) {
        if (pthread_create(&self->workers[self->worker_count], NULL, work, self) != 0)
            break;
        self->worker_count++;
    }
    if (self->worker_count == self->config.workers)
        self->is_dispatching = pthread_create(&self->dispatcher, NULL, dispatch, self) == 0;
    if (!self->is_dispatching) {
        mc_webhooks_stop(self);
        return mc_fail(err, MC_LIMIT, "webhooks: no more threads");
    }
    return MC_OK;
}

void mc_webhooks_stop(mc_webhooks *self)
{
    if (!self || !self->workers)
        return;
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    self->stopping_since_us = mc_clock_monotonic_us((mc_clock){NULL, NULL});
    mc_cond_signal(&self->wake);
    mc_mutex_unlock(&self->mu);
    if (self->is_dispatching)
        (void)pthread_join(self->dispatcher, NULL); /* it is ours and runs */
    self->is_dispatching = false;
    mc_mutex_lock(&self->mu);
    self->is_over = true;
    mc_cond_broadcast(&self->work);
    mc_mutex_unlock(&self->mu);
    while (self->worker_count)
        (void)pthread_join(self->workers[--self->worker_count], NULL);
    free(self->workers);
    self->workers = NULL;
}
