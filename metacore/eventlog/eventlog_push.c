/* SPDX-License-Identifier: Apache-2.0 */
/* The pusher: one thread that has all streams, wakes when something was committed, and ends those
 * whose client, token or right is gone. */
#include "metacore/eventlog/eventlog_internal.h"

#define POLL_US 5000000     /* for what other processes wrote, and for tokens that expire */
#define BLOCKED_US 20000    /* until a client that had no room is tried again */
#define RECHECK_US 30000000 /* rights that ended elsewhere */

static int64_t monotonic_us(const mc_eventlog *self)
{
    return mc_clock_monotonic_us(self->config.clock);
}

void mc__eventlog_wake(mc_eventlog *self, mc_uuid org_id)
{
    if (atomic_load(&self->open_count) == 0) /* whoever comes now reads what is committed */
        return;
    mc_mutex_lock(&self->mu);
    for (size_t i = 0; i < self->dirty_count; i++) {
        if (mc_uuid_eq(self->dirty[i], org_id)) {
            mc_mutex_unlock(&self->mu);
            return;
        }
    }
    if (self->dirty_count < MC__DIRTY_MAX)
        self->dirty[self->dirty_count++] = org_id;
    else
        self->is_all_dirty = true;
    self->is_signalled = true;
    mc_cond_signal(&self->work);
    mc_mutex_unlock(&self->mu);
}

/* ---- what there is to do ---- */

typedef struct round {
    mc__subscriber *first;
    mc_uuid dirty[MC__DIRTY_MAX];
    size_t dirty_count;
    bool is_all;
    bool is_recheck;
    bool is_over;
} round;

static void wait_for_work(mc_eventlog *self, int64_t timeout_us, round *out)
{
    bool is_woken = true;

    mc_mutex_lock(&self->mu);
    while (!self->is_signalled && !self->is_stopping && is_woken && timeout_us > 0)
        is_woken = mc_cond_wait_for(&self->work, &self->mu, timeout_us);
    *out = (round){.first = self->subscribers,
                   .dirty_count = self->dirty_count,
                   .is_all = self->is_all_dirty,
                   .is_recheck = self->is_recheck,
                   .is_over = self->is_stopping};
    memcpy(out->dirty, self->dirty, sizeof(self->dirty[0]) * self->dirty_count);
    self->dirty_count = 0;
    self->is_all_dirty = self->is_recheck = self->is_signalled = false;
    mc_mutex_unlock(&self->mu);
    /* Nobody tells us of other processes' commits: a poll looks at all. */
    out->is_all |= !is_woken && timeout_us == POLL_US && self->dialect == MC_DB_POSTGRES;
}

static bool is_dirty(const round *r, mc_uuid org_id)
{
    for (size_t i = 0; i < r->dirty_count; i++) {
        if (mc_uuid_eq(r->dirty[i], org_id))
            return true;
    }
    return r->is_all;
}

/* ---- those who go ---- */

static void unlink_subscriber(mc_eventlog *self, mc__subscriber *s)
{
    mc__subscriber **at;

    mc_mutex_lock(&self->mu);
    at = &self->subscribers;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    mc_mutex_unlock(&self->mu);
}

static bool is_allowed(mc_eventlog *self, mc_db_conn *conn, const mc__subscriber *s)
{
    const mc_eventlog_config *config = &self->config;
    mc_ctx ctx = {.arena = mc_arena_new(0), .conn = conn, .now = mc_clock_now(config->clock)};
    mc_code rc = MC_OK;

    if (!ctx.arena)
        return true; /* asked again soon */
    ctx.who =
        (mc_principal){.user_id = s->user_id, .org_id = s->org_id, .session_id = s->session_id};
    if (config->reload)
        rc = config->reload(config->reload_user, &ctx, NULL);
    if (rc == MC_OK)
        rc = config->check(config->check_user, &ctx, MC_STR("eventlog.read"), NULL);
    mc_arena_free(ctx.arena);
    return rc != MC_UNAUTHENTICATED && rc != MC_FORBIDDEN;
}

/* A client that comes back is asked for its token again, and misses nothing. */
static void see_off(mc_eventlog *self, mc_db_conn *conn, const round *r)
{
    mc_time now = mc_clock_now(self->config.clock);
    mc__subscriber *next;

    for (mc__subscriber *s = r->first; s; s = next) {
        bool is_over = r->is_over || atomic_load(&s->is_gone) ||
                       (s->expires_at && s->expires_at <= now) ||
                       (conn && r->is_recheck && !is_allowed(self, conn, s));

        next = s->next;
        if (is_over) {
            unlink_subscriber(self, s);
            if (s->blocked_since_us) /* it would keep what it does not take, and its connection */
                mc_stream_abort(s->stream);
            else
                mc_stream_finish(s->stream);
        } else if (is_dirty(r, s->org_id)) {
            s->is_behind = true;
        }
    }
}

/* ---- the thread ---- */

static mc__subscriber *first_of(mc_eventlog *self)
{
    mc__subscriber *first;

    mc_mutex_lock(&self->mu);
    first = self->subscribers;
    mc_mutex_unlock(&self->mu);
    return first;
}

static void *pusher_main(void *user)
{
    static const int64_t pauses_us[] = {
        [MC__AT_REST] = POLL_US, [MC__BLOCKED] = BLOCKED_US, [MC__AT_ONCE] = 0};
    mc_eventlog *self = user;
    int64_t rechecked_us = monotonic_us(self);
    mc_db_conn *conn = NULL;
    mc__pace pace = MC__AT_REST;
    round r = {.is_over = false};
    mc_err err;

    (void)pthread_setname_np(pthread_self(), "mc-eventlog"); /* only a convenience */
    while (!r.is_over) {
        int64_t now_us;

        wait_for_work(self, pauses_us[pace], &r);
        if (!conn && mc_db_reader_open(self->config.db, &conn, &err) != MC_OK)
            mc_log_error(self->config.log, "eventlog.stream", MC_KV_ERR("error", &err));
        now_us = monotonic_us(self);
        if (now_us - rechecked_us > RECHECK_US)
            r.is_recheck = true;
        if (r.is_recheck)
            rechecked_us = now_us;
        see_off(self, conn, &r);
        pace = MC__BLOCKED;
        if (conn && !r.is_over)
            pace = mc__eventlog_deliver(self, conn, first_of(self), now_us);
    }
    if (conn)
        mc_db_reader_close(conn);
    return NULL;
}

mc_code mc__eventlog_pusher_start(mc_eventlog *self, mc_err *err)
{
    bool has_memory;
    int why = 0;

    mc_mutex_lock(&self->mu);
    if (!self->batch)
        self->batch = mc__event_batch_new();
    has_memory = self->batch != NULL;
    if (has_memory && !self->is_pusher_started && !self->is_stopping) {
        why = pthread_create(&self->pusher, NULL, pusher_main, self);
        self->is_pusher_started = why == 0;
    }
    mc_mutex_unlock(&self->mu);
    if (!has_memory)
        return mc_fail(err, MC_NO_MEMORY, "eventlog");
    return why ? mc_fail_errno(err, MC_LIMIT, why, "eventlog: thread") : MC_OK;
}
