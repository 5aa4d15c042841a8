/* SPDX-License-Identifier: Apache-2.0 */
/* Entries as they come: once for a key, with the job that delivers them. */
#include "metacore/notifications/notify_internal.h"
#include "metacore/notifications/template.h"

#include "metacore/base/encode.h"
#include "metacore/base/utf8.h"
#include "metacore/security/digest.h"

#define KEY_BYTES 16 /* of the digest */
#define KEY_MAX 64
#define SPARE_ATTEMPTS 10 /* of the job: the entry counts its own */

mc_code mc_notify_dedup_key(mc_str event, mc_str channel, mc_str target, mc_str message,
                            char out[32], mc_err *err)
{
    char hex[MC_SHA256_HEX];
    mc_sha256 digest;
    mc_buf text;
    mc_code rc;

    mc_buf_init(&text, 0);
    mc_buf_printf(&text, "%.*s|%.*s|%.*s|", MC_FMT(event), MC_FMT(channel), MC_FMT(target));
    mc_buf_str(&text, message);
    rc = mc_buf_check(&text, "notify", err);
    if (rc == MC_OK)
        rc = mc_sha256_of(mc_buf_get(&text), &digest, err);
    mc_buf_deinit(&text);
    if (rc == MC_OK) {
        mc_sha256_hex(&digest, hex);
        memcpy(out, hex, (size_t)KEY_BYTES * 2);
    }
    return rc;
}

static mc_code check_texts(const mc_notify_raw *in, mc_err *err)
{
    const struct {
        const char *name;
        mc_str text;
        size_t max;
    } texts[] = {{"event", in->event, MC_NOTIFY_EVENT_MAX},
                 {"channel", in->channel, MC_NOTIFY_CHANNEL_MAX},
                 {"target", in->target, MC_NOTIFY_TARGET_MAX},
                 {"source_type", in->source_type, 64},
                 {"source_name", in->source_name, 255},
                 {"context_ref", in->context_ref, 128},
                 {"handler_hint", in->handler_hint, 128},
                 {"dedup_key", in->dedup_key, KEY_MAX},
                 {"message", in->message, MC_TEMPLATE_BYTES_MAX * 2},
                 {"html", in->html, MC_TEMPLATE_BYTES_MAX * 2}};

    for (size_t i = 0; i < MC_LEN(texts); i++) {
        if (texts[i].text.len > texts[i].max)
            return mc_fail(err, MC_INVALID, "notifications: %s has at most %zu bytes",
                           texts[i].name, texts[i].max);
        if (!mc_utf8_is_valid(texts[i].text))
            return mc_fail(err, MC_INVALID, "notifications: %s is no UTF-8", texts[i].name);
    }
    return MC_OK;
}

static mc_code check_input(mc_ctx *ctx, const mc_notify_raw *in, mc_err *err)
{
    const mc_json *data = NULL;
    mc_code rc = check_texts(in, err);

    if (rc != MC_OK)
        return rc;
    if (in->channel.len == 0)
        return mc_fail(err, MC_INVALID, "notifications: channel is required");
    if (in->message.len == 0)
        return mc_fail(err, MC_INVALID, "notifications: message is required");
    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_INVALID, "notifications: an organization is required");
    if (in->max_attempts < 0 || in->max_attempts > MC_OUTBOX_ATTEMPTS_MAX - SPARE_ATTEMPTS)
        return mc_fail(err, MC_INVALID, "notifications: max_attempts: want 1 to %d",
                       MC_OUTBOX_ATTEMPTS_MAX - SPARE_ATTEMPTS);
    if (in->dedup_window_s < 0 || in->dedup_window_s > MC_NOTIFY_DEDUP_WINDOW_MAX_S)
        return mc_fail(err, MC_INVALID, "notifications: dedup_window_s: want 1 to %d",
                       MC_NOTIFY_DEDUP_WINDOW_MAX_S);
    if (in->data.len && (mc_json_parse(ctx->arena, in->data, NULL, &data, err) != MC_OK ||
                         data->kind != MC_JSON_OBJECT))
        return mc_fail(err, MC_INVALID, "notifications: data: want an object");
    return MC_OK;
}

/* ---- keys ---- */

/* One that is old, failed or was cancelled holds its key no longer. */
static mc_code release_key(mc_ctx *ctx, mc_str key, int64_t window_s, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key),
                          mc_db_time(ctx->now - window_s * MC_TIME_US_PER_S)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE notification_queue_entries SET holds_key = false WHERE "
                             "organization_id = $1 AND dedup_key = $2 AND holds_key AND "
                             "(created_at <= $3 OR status IN ('failed', 'cancelled'))"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code find_holder(mc_ctx *ctx, mc_str key, mc_uuid *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT id FROM notification_queue_entries WHERE "
                                    "organization_id = $1 AND dedup_key = $2 AND holds_key"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *out = mc_db_col_uuid(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

/* ---- rows ---- */

static mc_code insert(mc_ctx *ctx, const mc_notify_raw *in, mc_uuid id, mc_str key,
                      int64_t max_attempts, bool *out_is_new, mc_err *err)
{
    mc_db_value data = mc_db_text(in->data.len ? in->data : MC_STR("{}"));
    int64_t changed = 0;
    mc_code rc;

    data.kind = MC_DB_JSON;
    {
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(ctx->who.org_id),
                              mc__notify_id(ctx->who.user_id),
                              mc_db_time(ctx->now),
                              mc_db_text(in->source_type),
                              mc__notify_id(in->source_id),
                              mc_db_text(in->source_name),
                              mc_db_text(in->event),
                              mc_db_text(in->channel),
                              mc_db_text(in->target),
                              mc__notify_id(in->user_id),
                              mc_db_text(mc_utf8_truncate(in->subject, MC_TEMPLATE_BYTES_MAX)),
                              mc_db_text(in->message),
                              mc_db_text(in->html),
                              data,
                              mc_db_text(in->context_ref),
                              mc_db_text(in->handler_hint),
                              mc_db_int(max_attempts),
                              mc_db_text(key)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO notification_queue_entries (id, organization_id, "
                               "created_by_id, created_at, updated_at, source_type, source_id, "
                               "source_name, event, channel, target, user_id, subject, message, "
                               "html, data, context_ref, handler_hint, max_retries, dedup_key, "
                               "holds_key) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, "
                               "$11, $12, $13, $14, $15, $16, $17, $18, $19, true) ON CONFLICT DO "
                               "NOTHING"),
                        args, MC_LEN(args), &changed, err);
    }
    *out_is_new = changed > 0;
    return rc;
}

mc_code mc__notify_add_job(mc_notify *self, mc_ctx *ctx, mc_uuid entry_id, mc_str channel,
                           int64_t max_attempts, mc_err *err)
{
    const mc__notify_channel *known = mc__notify_channel_of(self, channel);
    char text[MC_UUID_TEXT_LEN];
    mc_outbox_job_input job = {.kind = known ? mc_z(known->kind) : MC_STR(MC__NOTIFY_KIND_UNKNOWN),
                               .max_attempts = max_attempts + SPARE_ATTEMPTS};
    mc_uuid job_id;
    mc_code rc;

    mc_uuid_format(entry_id, text);
    job.payload = mc_str_printf(ctx->arena, "{\"entry\":\"%.*s\"}", MC_UUID_TEXT_LEN, text);
    if (!job.payload.ptr)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    if (job.max_attempts > MC_OUTBOX_ATTEMPTS_MAX)
        job.max_attempts = MC_OUTBOX_ATTEMPTS_MAX;
    rc = mc_outbox_enqueue(self->config.outbox, ctx, &job, &job_id, err);
    if (rc == MC_OK) {
        mc_db_value args[] = {mc_db_uuid(entry_id), mc_db_uuid(ctx->who.org_id),
                              mc_db_uuid(job_id)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("UPDATE notification_queue_entries SET job_id = $3 WHERE id = $1 "
                               "AND organization_id = $2"),
                        args, MC_LEN(args), NULL, err);
    }
    return rc;
}

mc_code mc__notify_check_room(mc_notify *self, mc_ctx *ctx, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_int(MC_NOTIFY_OPEN_MAX)};
    bool is_full;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM notification_queue_entries WHERE "
                                    "organization_id = $1 AND status IN ('pending', 'processing') "
                                    "LIMIT 1 OFFSET $2"),
                             args, MC_LEN(args), &rows, err);

    (void)self; /* the table is the database's */
    if (rc != MC_OK)
        return rc;
    is_full = mc_db_rows_next(&rows);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && is_full) {
        ctx->retry_after_s = 60;
        rc = mc_fail(err, MC_TOO_MANY, "notifications: %d of this organization wait already",
                     MC_NOTIFY_OPEN_MAX);
    }
    return rc;
}

/* Two that differ in their subject or link are two, though they say the same. */
static mc_code key_of(mc_ctx *ctx, const mc_notify_raw *in, char room[32], mc_str *out, mc_err *err)
{
    mc_str said = in->message;

    *out = in->dedup_key;
    if (in->dedup_key.len)
        return MC_OK;
    if (in->subject.len || in->data.len)
        said = mc_str_printf(ctx->arena, "%.*s\n%.*s\n%.*s", MC_FMT(in->message),
                             MC_FMT(in->subject), MC_FMT(in->data));
    if (!said.ptr)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    *out = mc_str_of(room, 32);
    return mc_notify_dedup_key(in->event, in->channel, in->target, said, room, err);
}

mc_code mc_notify_enqueue(mc_notify *self, mc_ctx *ctx, const mc_notify_raw *in, mc_uuid *out_id,
                          bool *out_deduplicated, mc_err *err)
{
    int64_t max = in->max_attempts ? in->max_attempts : self->config.max_attempts;
    mc_notify_raw full = *in;
    bool is_new = false;
    char room[32];
    mc_uuid id;
    mc_str key;
    mc_code rc;

    if (full.event.len == 0)
        full.event = MC_STR(MC_NOTIFY_MESSAGE);
    rc = check_input(ctx, &full, err);
    if (rc == MC_OK)
        rc = key_of(ctx, &full, room, &key, err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err);
    if (rc == MC_OK)
        rc = release_key(ctx, key,
                         in->dedup_window_s ? in->dedup_window_s : MC_NOTIFY_DEDUP_WINDOW_S, err);
    if (rc == MC_OK)
        rc = insert(ctx, &full, id, key, max, &is_new, err);
    if (rc == MC_OK)
        rc = is_new ? mc__notify_add_job(self, ctx, id, full.channel, max, err)
                    : find_holder(ctx, key, &id, err);
    if (rc == MC_OK && out_id)
        *out_id = id;
    if (rc == MC_OK && out_deduplicated)
        *out_deduplicated = !is_new;
    return rc;
}

mc_code mc_notify_depth(mc_notify *self, mc_ctx *ctx, int64_t *out_open, mc_time *out_oldest,
                        mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT count(*), min(created_at) FROM "
                                    "notification_queue_entries WHERE status IN ('pending', "
                                    "'processing')"),
                             NULL, 0, &rows, err);

    (void)self; /* likewise */
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows)) {
        *out_open = mc_db_col_int(&rows, 0);
        *out_oldest = mc_db_col_is_null(&rows, 1) ? 0 : mc_db_col_time(&rows, 1);
    }
    return mc_db_rows_finish(&rows, err);
}
