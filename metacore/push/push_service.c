/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/encode.h"
#include "metacore/push/push_internal.h"

#include <stdlib.h>

#define WORKERS 8
#define SUBJECT_DEFAULT "mailto:admin@example.com"
#define ANSWER_MAX ((size_t)4 << 10)
#define TIMEOUT_MS 15000

static mc_code read_config(mc_push *self, const mc_push_config *config, mc_err *err)
{
    mc_str subject = config->subject.len ? config->subject : MC_STR(SUBJECT_DEFAULT);
    mc_buf text;
    mc_code rc;

    if (!config->public_key.len && !config->private_key.len)
        return MC_OK; /* off */
    if (!config->public_key.len || !config->private_key.len)
        return mc_fail(err, MC_INVALID, "VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY go together");
    if (!mc_str_starts_with(subject, MC_STR("mailto:")) &&
        !mc_str_starts_with(subject, MC_STR("https://")))
        return mc_fail(err, MC_INVALID, "VAPID_SUBJECT: want mailto:… or https://…");
    rc = mc_push_keys_parse(config->public_key, config->private_key, &self->keys, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, self->text, 0);
    mc_base64url_write(&text, mc_str_of((const char *)self->keys.public_key, MC_PUSH_POINT_BYTES));
    rc = mc_buf_check(&text, "push", err);
    self->public_text = mc_buf_get(&text);
    self->subject = mc_str_copy(self->text, subject);
    self->is_on = rc == MC_OK && self->subject.ptr;
    return rc == MC_OK && !self->subject.ptr ? mc_fail(err, MC_NO_MEMORY, "push") : rc;
}

mc_code mc_push_new(const mc_push_config *config, mc_push **out, mc_err *err)
{
    mc_push *self;
    mc_code rc;

    if (!config->db)
        return mc_fail(err, MC_INVALID, "push: db is required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "push");
    self->config = *config;
    self->config.private_key = self->config.public_key = MC_STR("");
    if (!self->config.workers)
        self->config.workers = WORKERS;
    if (self->config.workers > MC__PUSH_WORKERS_MAX)
        self->config.workers = MC__PUSH_WORKERS_MAX;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->wake);
    mc__push_add_routes(self);
    self->text = mc_arena_new(0);
    rc = self->text ? read_config(self, config, err) : mc_fail(err, MC_NO_MEMORY, "push");
    if (rc == MC_OK)
        rc = mc_uuid_v4(&self->lease_id, err);
    if (rc == MC_OK && self->is_on)
        rc = mc_http_client_new(
            &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG, .allow_private = config->allow_private,
                                     .max_idle = self->config.workers,
                                     .user_agent = MC_STR("metacore-push/1.0"),
                                     .timeout_ms = TIMEOUT_MS, .max_body_bytes = ANSWER_MAX},
            &self->client, err);
    if (rc != MC_OK) {
        mc_push_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_push_free(mc_push *self)
{
    if (!self)
        return;
    mc_push_stop(self);
    mc_http_client_free(self->client);
    mc_wipe(&self->keys, sizeof(self->keys));
    mc_arena_free(self->text);
    mc_cond_deinit(&self->wake);
    mc_mutex_deinit(&self->mu);
    free(self);
}

bool mc_push_is_on(const mc_push *self)
{
    return self->is_on;
}

void mc_push_count(const mc_push *self, uint64_t *out_succeeded, uint64_t *out_failed)
{
    *out_succeeded = atomic_load(&self->succeeded);
    *out_failed = atomic_load(&self->failed);
}

const mc_http_route *mc_push_routes(mc_push *self, size_t *out_count)
{
    *out_count = MC__PUSH_ROUTES;
    return self->routes;
}

/* ---- queueing ---- */

mc_code mc_push_send(mc_push *self, mc_ctx *ctx, mc_uuid user_id, mc_str payload,
                     int64_t *out_queued, mc_err *err)
{
    mc_uuid subscriptions[MC_PUSH_PER_USER];
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_uuid(ctx->who.org_id)};
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc;

    if (!self->is_on)
        return mc_fail(err, MC_NOT_PROVIDED, "push is not configured");
    if (payload.len > MC_PUSH_PLAIN_MAX)
        return mc_fail(err, MC_TOO_LARGE, "push: a message has at most %d bytes",
                       MC_PUSH_PLAIN_MAX);
    rc = mc_db_query(ctx->conn,
                     MC_STR("SELECT id FROM push_subscriptions WHERE user_id = $1 AND "
                            "organization_id = $2 AND deleted_at IS NULL"),
                     args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    while (count < MC_LEN(subscriptions) && mc_db_rows_next(&rows))
        subscriptions[count++] = mc_db_col_uuid(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        mc_uuid id;

        rc = mc_uuid_v7(&id, err);
        if (rc == MC_OK) {
            mc_db_value row[] = {mc_db_uuid(id),
                                 mc_db_uuid(ctx->who.org_id),
                                 mc_db_uuid(subscriptions[i]),
                                 mc_db_text(payload),
                                 mc_db_time(ctx->now),
                                 mc_db_time(ctx->now + (mc_time)MC_PUSH_TTL_S * MC_TIME_US_PER_S)};

            rc = mc_db_exec(ctx->conn,
                            MC_STR("INSERT INTO push_messages (id, organization_id, "
                                   "subscription_id, payload, created_at, next_attempt_at, "
                                   "expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)"),
                            row, MC_LEN(row), NULL, err);
        }
    }
    if (rc == MC_OK && count)
        rc = mc__push_wake_later(self, ctx, err);
    if (rc == MC_OK && out_queued)
        *out_queued = (int64_t)count;
    return rc;
}
