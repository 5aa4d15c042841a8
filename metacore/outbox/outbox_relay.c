/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer's thread: organizations in which something happened, and its place in each log. */
#include "metacore/outbox/outbox_internal.h"

#define ORGS_MAX 500 /* at a time */

/* One organization that the consumer has not read to the end. */
typedef struct place {
    mc_uuid org_id;
    int64_t cursor;
    int64_t failures;
    mc_time next_try_at; /* 0: now */
} place;

typedef struct places {
    place items[ORGS_MAX];
    size_t count;
} places;

/* ---- signals ---- */

static void mark_locked(mc__consumer *consumer, mc_uuid org_id) MC_REQUIRES(consumer->self->mu)
{
    for (size_t i = 0; i < consumer->dirty_count; i++) {
        if (mc_uuid_eq(consumer->dirty[i], org_id))
            return;
    }
    if (consumer->dirty_count < MC__DIRTY_MAX)
        consumer->dirty[consumer->dirty_count++] = org_id;
    else
        consumer->is_all_dirty = true;
    mc_cond_signal(&consumer->work);
}

void mc__outbox_on_event(void *user, mc_uuid org_id)
{
    mc_outbox *self = user;

    if (self->consumer_count == 0) /* settled before the first event */
        return;
    mc_mutex_lock(&self->mu);
    for (size_t i = 0; i < self->consumer_count; i++)
        mark_locked(&self->consumers[i], org_id);
    mc_mutex_unlock(&self->mu);
}

typedef struct signals {
    mc_uuid dirty[MC__DIRTY_MAX];
    size_t count;
    bool is_all;
    bool is_over;
} signals;

/* A poll looks at all: what failed is due some time, and other processes write too. */
static void wait_for_work(mc__consumer *consumer, signals *out)
{
    mc_outbox *self = consumer->self;
    bool is_woken = true;

    mc_mutex_lock(&self->mu);
    while (!self->is_stopping && !consumer->is_all_dirty && consumer->dirty_count == 0 && is_woken)
        is_woken =
            mc_cond_wait_for(&consumer->work, &self->mu, self->config.poll_ms * INT64_C(1000));
    *out = (signals){.count = consumer->dirty_count,
                     .is_all = consumer->is_all_dirty || !is_woken,
                     .is_over = self->is_stopping};
    memcpy(out->dirty, consumer->dirty, sizeof(consumer->dirty[0]) * consumer->dirty_count);
    consumer->dirty_count = 0;
    consumer->is_all_dirty = false;
    mc_mutex_unlock(&self->mu);
}

/* ---- places ---- */

typedef struct lookup {
    const mc__consumer *consumer;
    const mc_uuid *org_id; /* NULL: all */
    mc_uuid after;         /* of all: those behind it */
    places *out;
} lookup;

static mc_code load_places(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const lookup *l = user;
    mc_db_value args[] = {mc_db_text(mc_z(l->consumer->name)),
                          mc_db_uuid(l->org_id ? *l->org_id : l->after), mc_db_int(ORGS_MAX)};
    mc_str sql = mc_str_printf(
        ctx->arena,
        "SELECT c.organization_id, COALESCE(k.sequence, 0), COALESCE(k.failures, 0), k.next_try_at "
        "FROM eventlog_counters c LEFT JOIN outbox_cursors k ON k.consumer = $1 AND "
        "k.organization_id = c.organization_id WHERE c.organization_id %s $2 AND c.last_sequence > "
        "COALESCE(k.sequence, 0) ORDER BY c.organization_id LIMIT $3",
        l->org_id ? "=" : ">");
    mc_db_rows rows;
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "outbox");
    rc = mc_db_query(conn, sql, args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows) && l->out->count < ORGS_MAX)
        l->out->items[l->out->count++] =
            (place){.org_id = mc_db_col_uuid(&rows, 0),
                    .cursor = mc_db_col_int(&rows, 1),
                    .failures = mc_db_col_int(&rows, 2),
                    .next_try_at = mc_db_col_is_null(&rows, 3) ? 0 : mc_db_col_time(&rows, 3)};
    return mc_db_rows_finish(&rows, err);
}

typedef struct move {
    const mc__consumer *consumer;
    const place *from;
    int64_t to;
    int64_t failures; /* 0: it goes on */
    mc_time next_try_at;
    mc_str error;
    bool is_lost; /* out: another process was faster */
} move;

/* Compared with where it was: of two processes with one consumer each, one moves it. */
static mc_code store_place(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    move *m = user;
    mc_db_value args[] = {mc_db_text(mc_z(m->consumer->name)),
                          mc_db_uuid(m->from->org_id),
                          mc_db_int(m->to),
                          mc_db_int(m->failures),
                          m->failures ? mc_db_time(m->next_try_at) : mc_db_null(),
                          mc_db_text(m->error),
                          mc_db_int(m->from->cursor)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(
        conn,
        MC_STR("INSERT INTO outbox_cursors (consumer, organization_id, sequence, failures, "
               "next_try_at, last_error) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (consumer, "
               "organization_id) DO UPDATE SET sequence = $3, failures = $4, next_try_at = $5, "
               "last_error = $6 WHERE outbox_cursors.sequence = $7"),
        args, MC_LEN(args), &changed, err);

    (void)ctx;
    m->is_lost = rc == MC_OK && changed == 0;
    return rc;
}

/* ---- a batch ---- */

typedef struct batch {
    mc_arena *arena;
    mc_event events[MC_OUTBOX_BATCH_MAX];
    size_t count;
} batch;

static mc_code keep_event(void *user, const mc_event *event, mc_err *err)
{
    batch *b = user;
    mc_event *copy = &b->events[b->count];

    *copy = *event;
    copy->type = mc_str_copy(b->arena, event->type);
    copy->tags = mc_str_copy(b->arena, event->tags);
    copy->data = mc_str_copy(b->arena, event->data);
    if (copy->type.len != event->type.len || copy->tags.len != event->tags.len ||
        copy->data.len != event->data.len)
        return mc_fail(err, MC_NO_MEMORY, "outbox: batch");
    b->count++;
    return MC_OK;
}

typedef struct reading {
    mc_eventlog *eventlog;
    const place *from;
    batch *out;
    mc_eventlog_cursor cursor;
} reading;

static mc_code read_batch(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    reading *r = user;

    (void)conn; /* in ctx */
    return mc_eventlog_query(r->eventlog, ctx, r->from->org_id, r->from->cursor, NULL,
                             MC_OUTBOX_BATCH_MAX, keep_event, r->out, &r->cursor, err);
}

/* One batch of one organization; *out_again when there is more of it now. */
static mc_code run_batch(mc__consumer *consumer, place *at, bool *out_again, mc_err *err)
{
    mc_outbox *self = consumer->self;
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now(self->config.clock)};
    batch b = {.arena = ctx.arena};
    reading r = {.eventlog = self->config.eventlog, .from = at, .out = &b};
    move m = {.consumer = consumer, .from = at, .error = MC_STR("")};
    size_t done = 0;
    mc_err why;
    mc_code rc, taken;

    if (!ctx.arena)
        return mc_fail(err, MC_NO_MEMORY, "outbox: batch");
    rc = mc_db_read(self->config.db, &ctx, read_batch, &r, err);
    if (rc == MC_OK) {
        ctx.conn = NULL;
        ctx.who.org_id = at->org_id;
        taken =
            b.count ? consumer->take(consumer->user, &ctx, b.events, b.count, &done, &why) : MC_OK;
        if (taken == MC_OK)
            done = b.count;
        m.to = done ? b.events[done - 1].sequence : at->cursor;
        if (taken != MC_OK) {
            m.failures = done ? 1 : at->failures + 1; /* another event fails now */
            m.next_try_at = ctx.now + mc__outbox_backoff_us(self, m.failures);
            m.error = mc__outbox_error(&why);
            mc_log_warn(self->config.log, "outbox.consumer", MC_KV_Z("consumer", consumer->name),
                        MC_KV_UUID("org_id", at->org_id), MC_KV_I64("after", m.to),
                        MC_KV_I64("failures", m.failures), MC_KV_ERR("error", &why));
        }
        rc = mc_db_write(self->config.db, &ctx, store_place, &m, err);
    }
    *out_again = rc == MC_OK && m.failures == 0 && !m.is_lost && r.cursor.has_more;
    at->cursor = m.to;
    at->failures = m.failures;
    mc_arena_free(ctx.arena);
    return rc;
}

/* A batch of each in turn, so that a long log does not keep the others waiting. */
static void run_places(mc__consumer *consumer, places *p)
{
    mc_time now = mc_clock_now(consumer->self->config.clock);
    bool is_again = true;
    mc_err err;

    for (size_t i = 0; i < p->count; i++) { /* those whose pause is not over are left out */
        if (p->items[i].next_try_at > now)
            p->items[i--] = p->items[--p->count];
    }
    while (is_again && !mc_outbox_is_stopping(consumer->self)) {
        is_again = false;
        for (size_t i = 0; i < p->count && !mc_outbox_is_stopping(consumer->self); i++) {
            bool has_more = false;

            if (run_batch(consumer, &p->items[i], &has_more, &err) != MC_OK)
                mc_log_error(consumer->self->config.log, "outbox.consumer",
                             MC_KV_Z("consumer", consumer->name), MC_KV_ERR("error", &err));
            if (!has_more)
                p->items[i--] = p->items[--p->count];
            is_again |= has_more;
        }
    }
}

static void run_lookup(mc__consumer *consumer, lookup *l)
{
    mc_outbox *self = consumer->self;
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    size_t count;
    mc_err err;
    mc_code rc;

    do {
        l->out->count = 0;
        rc = ctx.arena ? mc_db_read(self->config.db, &ctx, load_places, l, &err)
                       : mc_fail(&err, MC_NO_MEMORY, "outbox");
        count = l->out->count;
        if (count > 0)
            l->after = l->out->items[count - 1].org_id;
        if (rc == MC_OK)
            run_places(consumer, l->out);
        else
            mc_log_error(self->config.log, "outbox.consumer", MC_KV_Z("consumer", consumer->name),
                         MC_KV_ERR("error", &err));
    } while (rc == MC_OK && !l->org_id && count == ORGS_MAX && !mc_outbox_is_stopping(self));
    mc_arena_free(ctx.arena);
}

void *mc__consumer_main(void *user)
{
    mc__consumer *consumer = user;
    signals s = {.is_over = false};
    places found;

    (void)pthread_setname_np(pthread_self(), "mc-consumer"); /* only a convenience */
    while (!s.is_over) {
        wait_for_work(consumer, &s);
        if (s.is_all)
            run_lookup(consumer, &(lookup){.consumer = consumer, .out = &found});
        for (size_t i = 0; i < s.count && !s.is_all; i++)
            run_lookup(consumer,
                       &(lookup){.consumer = consumer, .org_id = &s.dirty[i], .out = &found});
    }
    return NULL;
}
