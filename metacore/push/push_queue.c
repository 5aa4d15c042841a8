/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way out: each worker leases one, sends it, and records what came of it with the
 * next lease, in one transaction. */
#include "metacore/push/push_internal.h"

#include <stdlib.h>

#define IDLE_US 1000000 /* how late a retry may be */
#define LEASE_US (60 * MC_TIME_US_PER_S)
#define RETRY_AFTER_MAX_S 3600
#define LOOK_AT 32         /* messages, for one whose host is not busy */
#define ENDED_KEPT_DAYS 30 /* of subscriptions; their messages live a day */

/* ---- waking ---- */

static void wake(mc_push *self)
{
    mc_mutex_lock(&self->mu);
    self->wakes++;
    mc_cond_broadcast(&self->wake);
    mc_mutex_unlock(&self->mu);
}

typedef struct waking {
    mc_db_hook hook;
    mc_push *self;
} waking;

static void wake_up(mc_db_hook *hook)
{
    wake(mc_container_of(hook, waking, hook)->self);
}

mc_code mc__push_wake_later(mc_push *self, mc_ctx *ctx, mc_err *err)
{
    waking *w = mc_arena_object(ctx->arena, waking);

    if (!w)
        return mc_fail(err, MC_NO_MEMORY, "push");
    *w = (waking){.hook.run = wake_up, .self = self};
    mc_db_after_commit(ctx->conn, &w->hook);
    return MC_OK;
}

/* ---- one message ---- */

typedef enum fate { SENT, AGAIN, GIVEN_UP, ENDED } fate; /* ENDED: the subscription with it */

typedef struct message {
    mc_push *self;
    mc_arena *arena;
    bool is_there;
    mc_uuid id, subscription_id;
    mc_str payload, endpoint, p256dh, auth;
    int64_t attempts;
    mc_time expires_at;
    fate fate;
    int64_t wait_s;
    int status;
    bool has_outcome;
    bool holds_host; /* mc__push_host_take(endpoint) */
} message;

/* Another attempt may go better; what is refused for its content or its sender does not. */
static fate fate_of(int status)
{
    if (status >= 200 && status <= 299)
        return SENT;
    if (status == 404 || status == 410)
        return ENDED;
    return status == 408 || status == 429 || status >= 500 || status == 0 ? AGAIN : GIVEN_UP;
}

static mc_code encrypt(const message *m, mc_buf *out, mc_err *err)
{
    mc_str point, auth;

    if (!mc__push_base64(m->arena, m->p256dh, &point) || point.len != MC_PUSH_POINT_BYTES ||
        !mc__push_base64(m->arena, m->auth, &auth) || auth.len != MC_PUSH_AUTH_BYTES)
        return mc_fail(err, MC_INVALID, "push: the subscription's keys are none");
    return mc_push_encrypt_new(m->payload, (const unsigned char *)point.ptr,
                               (const unsigned char *)auth.ptr, out, err);
}

static mc_code call(const message *m, mc_http_reply *reply, mc_err *err)
{
    mc_time now = mc_clock_now(m->self->config.clock);
    long long ttl = (m->expires_at - now) / MC_TIME_US_PER_S;
    mc_http_pair headers[] = {
        {MC_STR("Content-Type"), MC_STR("application/octet-stream")},
        {MC_STR("Content-Encoding"), MC_STR("aes128gcm")},
        {MC_STR("TTL"), mc_str_printf(m->arena, "%lld", ttl > 0 ? ttl : 0)},
        {MC_STR("Urgency"), MC_STR("high")},
        {MC_STR("Authorization"), MC_STR("")},
    };
    mc_buf body;
    mc_code rc;

    mc_buf_init_arena(&body, m->arena, 0);
    rc = encrypt(m, &body, err);
    if (rc == MC_OK)
        rc = mc_push_vapid(&m->self->keys, m->endpoint, m->self->subject, now, m->arena,
                           &headers[MC_LEN(headers) - 1].value, err);
    if (rc != MC_OK)
        return rc;
    return mc_http_client_call(m->self->client, m->arena,
                               &(mc_http_call){.method = MC_STR("POST"),
                                               .url = m->endpoint,
                                               .headers = headers,
                                               .header_count = MC_LEN(headers),
                                               .body = mc_buf_get(&body)},
                               reply, err);
}

static void send_message(message *m)
{
    mc_push *self = m->self;
    mc_http_reply reply = {0};
    mc_err err;
    mc_code rc = call(m, &reply, &err);

    m->has_outcome = true;
    m->status = rc == MC_OK ? reply.status : 0;
    m->fate = fate_of(m->status);
    if (rc == MC_INVALID || rc == MC_FORBIDDEN || rc == MC_TOO_LARGE)
        m->fate = GIVEN_UP; /* our own refusal is the same next time */
    m->wait_s = (int64_t)1 << (2 * (m->attempts < 6 ? m->attempts : 6));
    if (m->fate == AGAIN && reply.retry_after.len) {
        int64_t asked = 0;

        if (mc_str_i64(mc_str_trim(reply.retry_after), 0, INT64_MAX, &asked) && asked > m->wait_s)
            m->wait_s = asked < RETRY_AFTER_MAX_S ? asked : RETRY_AFTER_MAX_S;
    }
    if (m->fate == AGAIN && m->attempts >= MC_PUSH_ATTEMPTS_MAX)
        m->fate = GIVEN_UP;
    atomic_fetch_add(m->fate == SENT ? &self->succeeded : &self->failed, 1);
    if (m->fate == GIVEN_UP)
        mc_log_warn(
            self->config.log, "push.given_up", MC_KV_UUID("subscription_id", m->subscription_id),
            MC_KV_I64("status", m->status), MC_KV_Z("error", rc == MC_OK ? "refused" : err.msg));
}

/* ---- its row ---- */

static mc_code exec_ids(mc_ctx *ctx, mc_str sql, mc_uuid id, mc_time now, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_time(now)};

    return mc_db_exec(ctx->conn, sql, args, MC_LEN(args), NULL, err);
}

static mc_code put_back(const message *m, mc_ctx *ctx, mc_time now, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(m->id), mc_db_uuid(m->self->lease_id), mc_db_int(m->attempts),
                          mc_db_time(now + m->wait_s * MC_TIME_US_PER_S)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE push_messages SET attempt_count = $3, next_attempt_at = $4, "
                             "lease_id = NULL WHERE id = $1 AND lease_id = $2"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code record(const message *m, mc_ctx *ctx, mc_time now, mc_err *err)
{
    mc_db_value id = mc_db_uuid(m->id);
    mc_db_value subscription = mc_db_uuid(m->subscription_id);
    mc_code rc;

    if (m->fate == AGAIN)
        return put_back(m, ctx, now, err);
    rc =
        mc_db_exec(ctx->conn, MC_STR("DELETE FROM push_messages WHERE id = $1"), &id, 1, NULL, err);
    if (rc == MC_OK && m->fate == SENT)
        rc = exec_ids(ctx, MC_STR("UPDATE push_subscriptions SET last_used_at = $2 WHERE id = $1"),
                      m->subscription_id, now, err);
    if (rc == MC_OK && m->fate == ENDED)
        rc = exec_ids(ctx,
                      MC_STR("UPDATE push_subscriptions SET deleted_at = $2, p256_dh = '', auth = "
                             "'' WHERE id = $1 AND deleted_at IS NULL"),
                      m->subscription_id, now, err);
    if (rc == MC_OK && m->fate == ENDED)
        rc = mc_db_exec(ctx->conn, MC_STR("DELETE FROM push_messages WHERE subscription_id = $1"),
                        &subscription, 1, NULL, err);
    return rc;
}

static mc_code forget_expired(mc_ctx *ctx, mc_time now, mc_err *err)
{
    mc_db_value at = mc_db_time(now);

    mc_db_value ended = mc_db_time(now - ENDED_KEPT_DAYS * MC_TIME_US_PER_DAY);
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM push_messages WHERE id IN (SELECT id FROM "
                                   "push_messages WHERE expires_at < $1 LIMIT 100)"),
                            &at, 1, NULL, err);

    if (rc != MC_OK)
        return rc;
    return mc_db_exec(
        ctx->conn,
        MC_STR("DELETE FROM push_subscriptions WHERE id IN (SELECT id FROM "
               "push_subscriptions s WHERE deleted_at < $1 AND NOT EXISTS (SELECT 1 FROM "
               "push_messages m WHERE m.subscription_id = s.id) LIMIT 100)"),
        &ended, 1, NULL, err);
}

#define DUE                                                                                        \
    "SELECT m.id, m.subscription_id, m.payload, m.attempt_count, m.expires_at, s.endpoint, "       \
    "s.p256_dh, s.auth FROM push_messages m JOIN push_subscriptions s ON s.id = "                  \
    "m.subscription_id AND s.deleted_at IS NULL WHERE m.next_attempt_at <= $1 ORDER BY "           \
    "m.next_attempt_at LIMIT $2"
/* Of several workers in transactions of their own each sees what no other has. */
#define DUE_POSTGRES DUE " FOR UPDATE OF m SKIP LOCKED"

static void read_message(message *m, mc_db_rows *rows)
{
    m->id = mc_db_col_uuid(rows, 0);
    m->subscription_id = mc_db_col_uuid(rows, 1);
    m->payload = mc_str_copy(m->arena, mc_db_col_text(rows, 2));
    m->attempts = mc_db_col_int(rows, 3) + 1;
    m->expires_at = mc_db_col_time(rows, 4);
    m->endpoint = mc_str_copy(m->arena, mc_db_col_text(rows, 5));
    m->p256dh = mc_str_copy(m->arena, mc_db_col_text(rows, 6));
    m->auth = mc_str_copy(m->arena, mc_db_col_text(rows, 7));
    m->is_there = m->payload.ptr && m->endpoint.ptr && m->p256dh.ptr && m->auth.ptr;
    m->holds_host = m->is_there;
    if (!m->is_there)
        mc__push_host_give_back(m->self, mc_db_col_text(rows, 5));
}

static void give_back_host(message *m)
{
    if (m->holds_host)
        mc__push_host_give_back(m->self, m->endpoint);
    m->holds_host = false;
}

/* A message whose host has its workers already makes room for those behind it. */
static mc_code put_off(mc_ctx *ctx, const mc_uuid *ids, size_t count, mc_time now, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = exec_ids(ctx, MC_STR("UPDATE push_messages SET next_attempt_at = $2 WHERE id = $1"),
                      ids[i], now + IDLE_US, err);
    return rc;
}

/* The one that is due longest of a host that has a worker left. */
static mc_code choose(message *m, mc_ctx *ctx, mc_time now, mc_err *err)
{
    mc_db_value args[] = {mc_db_time(now), mc_db_int(LOOK_AT)};
    mc_uuid passed[LOOK_AT];
    size_t count = 0;
    bool is_postgres = mc_db_conn_dialect(ctx->conn) == MC_DB_POSTGRES;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, is_postgres ? MC_STR(DUE_POSTGRES) : MC_STR(DUE), args,
                             MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        if (m->is_there || count == LOOK_AT)
            continue; /* to the end, where the store reports what it checks last */
        if (mc__push_host_take(m->self, mc_db_col_text(&rows, 5)))
            read_message(m, &rows);
        else
            passed[count++] = mc_db_col_uuid(&rows, 0);
    }
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && count == LOOK_AT ? put_off(ctx, passed, count, now, err) : rc;
}

static mc_code lease_next(message *m, mc_ctx *ctx, mc_time now, mc_err *err)
{
    mc_code rc;

    m->is_there = m->has_outcome = false;
    rc = choose(m, ctx, now, err);
    if (rc == MC_OK && m->is_there) {
        mc_db_value args[] = {mc_db_uuid(m->id), mc_db_uuid(m->self->lease_id),
                              mc_db_time(now + LEASE_US)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("UPDATE push_messages SET lease_id = $2, next_attempt_at = $3 WHERE "
                               "id = $1"),
                        args, MC_LEN(args), NULL, err);
    }
    return rc;
}

static mc_code turn(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    message *m = user;
    mc_time now = mc_clock_now(m->self->config.clock);
    mc_code rc = m->has_outcome ? record(m, ctx, now, err) : forget_expired(ctx, now, err);

    (void)conn;
    return rc == MC_OK ? lease_next(m, ctx, now, err) : rc;
}

static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    message *m = user;
    mc_db_value now = mc_db_time(mc_clock_now(m->self->config.clock));
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM push_messages WHERE next_attempt_at <= $1 OR "
                                    "expires_at < $1 LIMIT 1"),
                             &now, 1, &rows, err);

    (void)conn;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        m->is_there = true;
    return mc_db_rows_finish(&rows, err);
}

/* ---- workers ---- */

/* False when it is time to go. */
static bool wait_for_wake(mc_push *self, uint64_t *seen)
{
    bool goes_on;

    mc_mutex_lock(&self->mu);
    if (!self->is_stopping && self->wakes == *seen)
        (void)mc_cond_wait_for(&self->wake, &self->mu, IDLE_US); /* in vain is fine too */
    *seen = self->wakes;
    goes_on = !self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return goes_on;
}

static bool is_stopping(mc_push *self)
{
    bool is;

    mc_mutex_lock(&self->mu);
    is = self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return is;
}

/* All that is due; the last outcome is recorded also when it is time to go. */
static void drain(mc_push *self, message *m, mc_ctx *ctx)
{
    mc_err err;

    *m = (message){.self = self, .arena = ctx->arena};
    if (mc_db_read(self->config.db, ctx, look, m, &err) != MC_OK || !m->is_there)
        return;
    do {
        mc_arena_reset(ctx->arena); /* of what was sent only its ids are still needed */
        if (mc_db_write(self->config.db, ctx, turn, m, &err) != MC_OK) {
            give_back_host(m);
            mc_log_error(self->config.log, "push.turn_failed", MC_KV_ERR("error", &err));
            return; /* its lease ends, and it is sent again */
        }
        if (m->is_there && !is_stopping(self))
            send_message(m);
        give_back_host(m);
    } while (m->is_there && m->has_outcome);
}

static void *work(void *user)
{
    mc_push *self = user;
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    uint64_t seen = 0;
    message m;

    while (ctx.arena && !is_stopping(self)) {
        drain(self, &m, &ctx);
        mc_arena_reset(ctx.arena);
        if (!wait_for_wake(self, &seen))
            break;
    }
    mc_arena_free(ctx.arena);
    return NULL;
}

static mc_code release(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value now = mc_db_time(mc_clock_now(((mc_push *)user)->config.clock));

    (void)conn;
    /* One process has the database: all leases are of one that is gone. */
    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE push_messages SET lease_id = NULL, next_attempt_at = $1 WHERE "
                             "lease_id IS NOT NULL"),
                      &now, 1, NULL, err);
}

mc_code mc_push_start(mc_push *self, mc_err *err)
{
    mc_ctx ctx = {.arena = NULL};
    mc_code rc = MC_OK;

    if (!self->is_on)
        return MC_OK;
    if (self->config.is_alone || mc_db_dialect_of(self->config.db) == MC_DB_SQLITE) {
        ctx.arena = mc_arena_new(0);
        rc = ctx.arena ? mc_db_write(self->config.db, &ctx, release, self, err)
                       : mc_fail(err, MC_NO_MEMORY, "push");
        mc_arena_free(ctx.arena);
    }
    self->is_stopping = false;
    while (rc == MC_OK && self->worker_count < self->config.workers) {
        if (pthread_create(&self->workers[self->worker_count], NULL, work, self) != 0)
            rc = mc_fail(err, MC_LIMIT, "push: no more threads");
        else
            self->worker_count++;
    }
    if (rc != MC_OK)
        mc_push_stop(self);
    return rc;
}

void mc_push_stop(mc_push *self)
{
    if (!self || !self->worker_count)
        return;
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_cond_broadcast(&self->wake);
    mc_mutex_unlock(&self->mu);
    mc_http_client_stop(self->client); /* what is cut short is sent by the next start */
    while (self->worker_count)
        (void)pthread_join(self->workers[--self->worker_count], NULL);
}
