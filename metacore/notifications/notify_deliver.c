/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of one entry: taken, delivered, written down. An attempt has a number, and only the
 * latest one is written down, so that one that outlived its lease says nothing. */
#include "metacore/notifications/notify_internal.h"

#include "metacore/base/random.h"
#include "metacore/base/utf8.h"

typedef struct attempt {
    const mc__notify_channel *channel;
    mc_notify_entry entry;
    int64_t max_attempts;
    bool is_there; /* to be delivered: not sent, not cancelled */
    mc_code rc;    /* of the delivery */
    mc_err why;    /* when that failed */
    int64_t pause_ms;
} attempt;

/* ---- taking ---- */

static mc_str kept(mc_ctx *ctx, mc_db_rows *rows, size_t at)
{
    return mc_str_copy(ctx->arena, mc_db_col_text(rows, at));
}

static mc_uuid id_at(mc_db_rows *rows, size_t at)
{
    return mc_db_col_is_null(rows, at) ? (mc_uuid){{0}} : mc_db_col_uuid(rows, at);
}

static void read_entry(mc_ctx *ctx, mc_db_rows *rows, attempt *a)
{
    a->entry = (mc_notify_entry){.id = a->entry.id,
                                 .user_id = id_at(rows, 0),
                                 .event = kept(ctx, rows, 1),
                                 .channel = kept(ctx, rows, 2),
                                 .target = kept(ctx, rows, 3),
                                 .subject = kept(ctx, rows, 4),
                                 .message = kept(ctx, rows, 5),
                                 .html = kept(ctx, rows, 6),
                                 .data = kept(ctx, rows, 7),
                                 .source_type = kept(ctx, rows, 8),
                                 .source_name = kept(ctx, rows, 9),
                                 .context_ref = kept(ctx, rows, 10),
                                 .handler_hint = kept(ctx, rows, 11),
                                 .source_id = id_at(rows, 12),
                                 .attempt = mc_db_col_int(rows, 13),
                                 .created_at = mc_db_col_time(rows, 15)};
    a->max_attempts = mc_db_col_int(rows, 14);
    a->is_there = true;
}

static mc_code take(mc_ctx *ctx, attempt *a, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->entry.id), mc_db_uuid(ctx->who.org_id),
                          mc_db_time(ctx->now)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("UPDATE notification_queue_entries SET status = 'processing', attempts = CASE WHEN "
               "status = 'failed' THEN 1 ELSE attempts + 1 END, updated_at = $3, next_retry = NULL "
               "WHERE id = $1 AND organization_id = $2 AND "
               "status NOT IN ('sent', 'cancelled') RETURNING user_id, event, channel, target, "
               "subject, message, html, data, source_type, source_name, context_ref, handler_hint, "
               "source_id, attempts, max_retries, created_at"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        read_entry(ctx, &rows, a);
    return mc_db_rows_finish(&rows, err);
}

/* Somebody who left since is told nothing more. */
static mc_code check_receiver(mc_ctx *ctx, attempt *a, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(a->entry.user_id), mc_db_uuid(ctx->who.org_id)};
    bool is_there;
    mc_db_rows rows;
    mc_code rc;

    if (mc_uuid_is_nil(a->entry.user_id))
        return MC_OK;
    rc = mc_db_query(ctx->conn,
                     MC_STR("SELECT 1 FROM users WHERE id = $1 AND organization_id = $2 AND "
                            "deleted_at IS NULL AND disabled_at IS NULL"),
                     args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_there)
        a->rc = mc_fail(&a->why, MC_REJECTED, "the receiver is no longer there");
    return rc;
}

/* What is wrong before anything is tried is in a->rc. */
static mc_code begin(mc_ctx *ctx, attempt *a, mc_err *err)
{
    mc_code rc = take(ctx, a, err);

    if (rc != MC_OK || !a->is_there)
        return rc;
    if (!a->channel->own.vt)
        a->rc = mc_fail(&a->why, MC_REJECTED, "no handler registered for channel \"%.*s\"",
                        MC_FMT(a->entry.channel));
    else if (a->entry.attempt > a->max_attempts)
        a->rc = mc_fail(&a->why, MC_REJECTED, "its process ended before it did, too often");
    return a->rc == MC_OK ? check_receiver(ctx, a, err) : MC_OK;
}

/* ---- writing down ---- */

/* Doubled each time; half of it is chance, so that what failed together does not come together. */
static int64_t pause_of(const mc_notify *self, int64_t failed, int64_t asked_s)
{
    int64_t pause_ms = self->config.retry_base_ms;
    uint32_t chance = 0;

    for (int64_t i = 1; i < failed && pause_ms < self->config.retry_max_ms; i++)
        pause_ms *= 2;
    if (pause_ms > self->config.retry_max_ms)
        pause_ms = self->config.retry_max_ms;
    if (mc_random_bytes(&chance, sizeof(chance), NULL) != MC_OK)
        chance = UINT32_MAX; /* the longer pause */
    pause_ms = pause_ms / 2 + (int64_t)((double)pause_ms / 2 * ((double)chance / UINT32_MAX));
    return asked_s * 1000 > pause_ms ? asked_s * 1000 : pause_ms;
}

static bool is_final(const attempt *a)
{
    return a->rc == MC_REJECTED || a->entry.attempt >= a->max_attempts;
}

static mc_code write_down(mc_ctx *ctx, const attempt *a, mc_err *err)
{
    bool is_sent = a->rc == MC_OK, is_over = is_sent || is_final(a);
    mc_str status = is_sent ? MC_STR("sent") : is_over ? MC_STR("failed") : MC_STR("pending");
    mc_str why = is_sent ? MC_STR("") : mc_utf8_truncate(mc_z(a->why.msg), MC_NOTIFY_ERROR_MAX);
    mc_db_value args[] = {mc_db_uuid(a->entry.id),
                          mc_db_uuid(ctx->who.org_id),
                          mc_db_int(a->entry.attempt),
                          mc_db_text(status),
                          mc_db_time(ctx->now),
                          mc_db_text(why),
                          is_sent ? mc_db_time(ctx->now) : mc_db_null(),
                          is_over ? mc_db_null() : mc_db_time(ctx->now + a->pause_ms * 1000),
                          mc_db_bool(is_over && !is_sent)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE notification_queue_entries SET status = $4, updated_at = $5, "
                             "error = $6, sent_at = $7, next_retry = $8, holds_key = CASE WHEN $9 "
                             "THEN false ELSE holds_key END WHERE id = $1 AND organization_id = $2 "
                             "AND status = 'processing' AND attempts = $3"),
                      args, MC_LEN(args), NULL, err);
}

/* ---- the two ways ---- */

static void deliver(mc_ctx *ctx, attempt *a)
{
    const mc_notify_channel *channel = &a->channel->own;

    ctx->field_error_count = 0;
    ctx->retry_after_s = 0;
    a->rc = channel->vt->deliver(channel->self, ctx, &a->entry, &a->why);
    a->pause_ms = pause_of(a->channel->self, a->entry.attempt, ctx->retry_after_s);
}

/* Delivered and written down in one transaction; what a failed delivery wrote is undone alone. */
static mc_code whole_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    attempt *a = user;
    mc_code rc = begin(ctx, a, err);

    if (rc != MC_OK || !a->is_there)
        return rc;
    if (a->rc == MC_OK) {
        rc = mc_db_begin(conn, err);
        if (rc != MC_OK)
            return rc;
        deliver(ctx, a);
        if (a->rc == MC_OK)
            rc = mc_db_commit(conn, err);
        else
            mc_db_rollback(conn);
    }
    return rc == MC_OK ? write_down(ctx, a, err) : rc;
}

static mc_code begin_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    return begin(ctx, user, err);
}

static mc_code write_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    return write_down(ctx, user, err);
}

static mc_code run_outside(attempt *a, mc_ctx *ctx, mc_err *err)
{
    mc_db *db = a->channel->self->config.db;
    mc_code rc = mc_db_write(db, ctx, begin_in, a, err);

    if (rc != MC_OK || !a->is_there)
        return rc;
    ctx->conn = NULL;
    if (a->rc == MC_OK)
        deliver(ctx, a);
    ctx->now = mc_clock_now(a->channel->self->config.clock);
    return mc_db_write(db, ctx, write_in, a, err);
}

static mc_code read_payload(mc_ctx *ctx, const mc_outbox_job *job, mc_uuid *out, mc_err *err)
{
    const mc_json *payload = NULL;
    mc_str id = MC_STR("");

    if (mc_json_parse(ctx->arena, job->payload, NULL, &payload, err) != MC_OK ||
        !mc_json_get_str(mc_json_find(payload, MC_STR("entry")), &id) || !mc_uuid_parse(id, out))
        return mc_fail(err, MC_REJECTED, "notifications: the job names no entry");
    return MC_OK;
}

mc_code mc__notify_run(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    mc__notify_channel *channel = user;
    mc_notify *self = channel->self;
    attempt a = {.channel = channel};
    mc_code rc = read_payload(ctx, job, &a.entry.id, err);

    if (rc != MC_OK)
        return rc;
    rc = channel->own.in_transaction ? mc_db_write(self->config.db, ctx, whole_in, &a, err)
                                     : run_outside(&a, ctx, err);
    ctx->retry_after_s = 0;
    if (rc != MC_OK || !a.is_there)
        return rc; /* not written down: the job comes again, and the entry is what it was */
    if (self->config.on_attempt)
        self->config.on_attempt(self->config.on_attempt_user, a.entry.channel, a.rc == MC_OK);
    if (a.rc == MC_OK)
        return MC_OK;
    ctx->retry_after_s = (a.pause_ms + 999) / 1000;
    return mc_fail(err, is_final(&a) ? MC_REJECTED : MC_UNAVAILABLE, "%s", a.why.msg);
}
