/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks over HTTP: list, create, show, change, delete, rotate, stats. */
#include "metacore/webhooks/webhooks_internal.h"

/* ---- who may ---- */

mc_code mc__webhooks_check_manage(mc_webhooks *self, mc_http_req *req, mc_err *err)
{
    return self->config.check(self->config.check_user, mc_http_ctx(req), MC_STR("webhooks.manage"),
                              err);
}

/* Whoever may change them may see them. */
mc_code mc__webhooks_check_read(mc_webhooks *self, mc_http_req *req, mc_err *err)
{
    mc_code rc =
        self->config.check(self->config.check_user, mc_http_ctx(req), MC_STR("webhooks.read"), err);

    if (rc == MC_FORBIDDEN && mc__webhooks_check_manage(self, req, NULL) == MC_OK)
        return MC_OK;
    return rc;
}

mc_code mc__webhooks_check_id(mc_ctx *ctx, mc_uuid id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    bool is_there = false;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM webhooks WHERE id = $1 AND organization_id = "
                                    "$2 AND deleted_at IS NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        is_there = true;
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !is_there ? mc_fail(err, MC_NOT_FOUND, "webhook not found") : rc;
}

/* ---- reading ---- */

/* GET /webhooks */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    size_t count = 0;
    mc_db_rows rows;
    mc_str meta;
    mc_buf *out;
    mc_code rc = mc__webhooks_check_read(user, req, err);

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT " MC__WEBHOOK_COLUMNS
                                " FROM webhooks WHERE organization_id = $1 AND deleted_at IS NULL "
                                "ORDER BY created_at DESC, id DESC"),
                         &org, 1, &rows, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (count++)
            mc_buf_char(out, ',');
        mc__webhook_write(&rows, ctx->now, MC_STR(""), out);
    }
    mc_buf_char(out, ']');
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    meta = mc_str_printf(ctx->arena, "{\"total\":%zu,\"page\":1,\"pages\":1}", count);
    return meta.ptr ? mc_http_ok_end(res, meta, err) : mc_fail(err, MC_NO_MEMORY, "webhooks");
}

static mc_code write_one(mc_ctx *ctx, mc_uuid id, mc_str extra, mc_http_res *res, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_code rc = mc__webhook_one(ctx,
                                 MC_STR("SELECT " MC__WEBHOOK_COLUMNS
                                        " FROM webhooks WHERE id = $1 AND organization_id = $2 "
                                        "AND deleted_at IS NULL"),
                                 args, MC_LEN(args), extra, mc_http_ok_begin(res, 200), err);

    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* GET /webhooks/:id */
static mc_code show(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_uuid id;
    mc_code rc = mc__webhooks_check_read(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    return rc == MC_OK ? write_one(mc_http_ctx(req), id, MC_STR(""), res, err) : rc;
}

/* GET /webhooks/stats: of attempts what their webhooks counted, of deliveries what is pending. */
static mc_code stats(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_bool(true)};
    mc_db_rows rows;
    mc_buf *out;
    mc_code rc = mc__webhooks_check_read(user, req, err);

    if (rc == MC_OK)
        rc = mc_db_query(
            ctx->conn,
            MC_STR("SELECT count(*), coalesce(sum(CASE WHEN active = $2 THEN 1 ELSE 0 END), 0), "
                   "coalesce(sum(success_count), 0), coalesce(sum(failure_count), 0), "
                   "coalesce(sum((SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = "
                   "webhooks.id AND d.next_attempt_at IS NOT NULL)), 0) FROM webhooks WHERE "
                   "organization_id = $1 AND deleted_at IS NULL"),
            args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    while (mc_db_rows_next(&rows)) {
        long long total = mc_db_col_int(&rows, 0), active = mc_db_col_int(&rows, 1);
        long long good = mc_db_col_int(&rows, 2), bad = mc_db_col_int(&rows, 3);

        mc_buf_printf(out,
                      "{\"total\":%lld,\"active\":%lld,\"inactive\":%lld,\"success_count\":%lld,"
                      "\"failure_count\":%lld,\"total_deliveries\":%lld,\"pending\":%lld,"
                      "\"success_rate\":%.4f}",
                      total, active, total - active, good, bad, good + bad,
                      (long long)mc_db_col_int(&rows, 4),
                      good + bad ? (double)good / (double)(good + bad) : 0.0);
    }
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* ---- changing ---- */

typedef struct change {
    mc_uuid id;
    mc__webhook_input in;
    mc_str secret, stored;
    int64_t grace_s;
} change;

static mc_code begin_change(mc_http_req *req, void *user, change **out, mc_err *err)
{
    mc_code rc = mc__webhooks_check_manage(user, req, err);

    *out = mc_arena_object(mc_http_ctx(req)->arena, change);
    if (rc == MC_OK && !*out)
        rc = mc_fail(err, MC_NO_MEMORY, "webhook");
    req->state = *out;
    return rc;
}

static mc_code prepare_create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    change *c;
    mc_code rc = begin_change(req, user, &c, err);

    (void)res;
    if (rc == MC_OK)
        rc = mc__webhook_read(user, req, true, &c->in, err);
    if (rc == MC_OK)
        rc = mc__webhook_secret_new(user, mc_http_ctx(req)->arena, &c->secret, &c->stored, err);
    return rc == MC_OK ? mc_uuid_v7(&c->id, err) : rc;
}

static mc_code check_room(mc_ctx *ctx, mc_err *err)
{
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    int64_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT count(*) FROM webhooks WHERE organization_id = $1 AND "
                                    "deleted_at IS NULL"),
                             &org, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        count = mc_db_col_int(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && count >= MC_WEBHOOKS_PER_ORG)
        rc = mc_fail(err, MC_REJECTED, "an organization has at most %d webhooks",
                     MC_WEBHOOKS_PER_ORG);
    return rc;
}

/* The secret, this once, beside the row. */
static mc_code answer_with_secret(mc_http_req *req, const change *c, mc_http_res *res, mc_err *err)
{
    mc_buf extra;
    mc_code rc;

    mc_buf_init_arena(&extra, mc_http_ctx(req)->arena, 0);
    mc__webhook_secret_write(mc_http_ctx(req)->arena, c->secret, &extra);
    rc = mc_buf_check(&extra, "webhook", err);
    return rc == MC_OK ? write_one(mc_http_ctx(req), c->id, mc_buf_get(&extra), res, err) : rc;
}

/* POST /webhooks */
static mc_code create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const change *c = req->state;
    mc_db_value args[] = {
        mc_db_uuid(c->id),          mc_db_uuid(ctx->who.org_id), mc_db_uuid(ctx->who.user_id),
        mc_db_time(ctx->now),       mc_db_text(c->in.name),      mc_db_text(c->in.url),
        mc_db_text(c->in.events),   mc_db_text(c->stored),       mc_db_bool(c->in.active),
        mc_db_int(c->in.retry_max), mc_db_int(c->in.timeout_s),  mc_db_bool(c->in.is_ordered)};
    mc_code rc = check_room(ctx, err);

    (void)user;
    if (rc == MC_OK)
        rc = mc_db_exec(
            ctx->conn,
            MC_STR("INSERT INTO webhooks (id, organization_id, created_by_id, created_at, "
                   "updated_at, name, url, events, secret, active, retry_max, timeout_sec, "
                   "ordered, owner_type, owner_id) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, "
                   "$9, $10, $11, $12, 'organization', $2)"),
            args, MC_LEN(args), NULL, err);
    return rc == MC_OK ? answer_with_secret(req, c, res, err) : rc;
}

static mc_code prepare_update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    change *c;
    mc_code rc = begin_change(req, user, &c, err);

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &c->id, err);
    return rc == MC_OK ? mc__webhook_read(user, req, false, &c->in, err) : rc;
}

static mc_db_value given(bool is_given, mc_db_value value)
{
    return is_given ? value : mc_db_null();
}

/* What waited for an earlier one waits no more. */
static mc_code release_waiting(mc_ctx *ctx, mc_uuid id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_time(ctx->now), mc_db_time(MC__WAITING)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE webhook_deliveries SET next_attempt_at = $2 WHERE webhook_id "
                             "= $1 AND next_attempt_at = $3"),
                      args, MC_LEN(args), NULL, err);
}

/* PUT /webhooks/:id: what is absent stays. Switching it on, or another address, begins anew. */
static mc_code update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const change *c = req->state;
    const mc__webhook_input *in = &c->in;
    bool is_anew = in->has_url || in->is_flipped || (in->has_active && in->active);
    mc_db_value args[] = {mc_db_uuid(c->id),
                          mc_db_uuid(ctx->who.org_id),
                          mc_db_time(ctx->now),
                          given(in->has_name, mc_db_text(in->name)),
                          given(in->has_url, mc_db_text(in->url)),
                          given(in->has_events, mc_db_text(in->events)),
                          given(in->has_active, mc_db_bool(in->active)),
                          given(in->has_retry, mc_db_int(in->retry_max)),
                          given(in->has_timeout, mc_db_int(in->timeout_s)),
                          given(in->has_ordered, mc_db_bool(in->is_ordered)),
                          mc_db_bool(is_anew),
                          mc_db_bool(in->is_flipped)};
    mc_code rc = mc__webhooks_check_id(ctx, c->id, err);

    if (rc == MC_OK)
        rc = mc_db_exec(
            ctx->conn,
            MC_STR("UPDATE webhooks SET updated_at = $3, name = coalesce($4, name), url = "
                   "coalesce($5, url), events = coalesce($6, events), active = CASE WHEN $12 "
                   "THEN NOT active ELSE coalesce($7, active) END, retry_max = coalesce($8, "
                   "retry_max), timeout_sec = coalesce($9, "
                   "timeout_sec), ordered = coalesce($10, ordered), consecutive_failures = CASE "
                   "WHEN $11 THEN 0 ELSE consecutive_failures END, failing_since = CASE WHEN $11 "
                   "THEN NULL ELSE failing_since END, paused_until = CASE WHEN $11 THEN NULL ELSE "
                   "paused_until END, disabled_reason = CASE WHEN $11 THEN '' ELSE "
                   "disabled_reason END WHERE id = $1 AND organization_id = $2"),
            args, MC_LEN(args), NULL, err);
    if (rc == MC_OK && in->has_ordered && !in->is_ordered)
        rc = release_waiting(ctx, c->id, err);
    if (rc == MC_OK)
        rc = mc__webhooks_wake_later(user, ctx, err);
    return rc == MC_OK ? write_one(ctx, c->id, MC_STR(""), res, err) : rc;
}

static mc_code prepare_id(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    change *c;
    mc_code rc = begin_change(req, user, &c, err);

    (void)res;
    return rc == MC_OK ? mc_http_param_uuid(req, MC_STR("id"), &c->id, err) : rc;
}

/* DELETE /webhooks/:id: nothing that is pending goes out any more. */
static mc_code delete_one(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const change *c = req->state;
    mc_db_value args[] = {mc_db_uuid(c->id), mc_db_uuid(ctx->who.org_id), mc_db_time(ctx->now)};
    mc_code rc = mc__webhooks_check_id(ctx, c->id, err);

    (void)user;
    if (rc == MC_OK)
        rc = mc_db_exec(ctx->conn,
                        MC_STR("UPDATE webhooks SET deleted_at = $3, updated_at = $3, secret = "
                               "'', secret_previous = '' WHERE id = $1 AND organization_id = $2"),
                        args, MC_LEN(args), NULL, err);
    if (rc == MC_OK)
        rc = mc_db_exec(ctx->conn,
                        MC_STR("UPDATE webhook_deliveries SET next_attempt_at = NULL, lease_id = "
                               "NULL, updated_at = $3, error_message = 'the webhook was deleted' "
                               "WHERE webhook_id = $1 AND organization_id = $2 AND "
                               "next_attempt_at IS NOT NULL"),
                        args, MC_LEN(args), NULL, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(mc_http_ok_begin(res, 200), "null");
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code prepare_rotate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const mc_json *body = NULL, *grace;
    change *c;
    mc_code rc = prepare_id(req, res, user, err);

    if (rc == MC_OK && req->message->body.len)
        rc = mc_http_body_json(req, true, "invalid body", &body, err);
    if (rc != MC_OK)
        return rc;
    c = req->state;
    c->grace_s = MC_WEBHOOKS_GRACE_S;
    grace = mc_json_find(body, MC_STR("grace_sec"));
    if (grace && !mc_json_get_i64(grace, 0, MC_WEBHOOKS_GRACE_MAX_S, &c->grace_s))
        return mc_fail(err, MC_INVALID, "grace_sec: want 0 to %d", MC_WEBHOOKS_GRACE_MAX_S);
    return mc__webhook_secret_new(user, ctx->arena, &c->secret, &c->stored, err);
}

/* POST /webhooks/:id/rotate-secret */
static mc_code rotate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const change *c = req->state;
    mc_db_value args[] = {mc_db_uuid(c->id), mc_db_uuid(ctx->who.org_id), mc_db_time(ctx->now),
                          mc_db_text(c->stored),
                          mc_db_time(ctx->now + c->grace_s * MC_TIME_US_PER_S)};
    mc_code rc = mc__webhooks_check_id(ctx, c->id, err);

    (void)user;
    if (rc == MC_OK)
        rc = mc_db_exec(ctx->conn,
                        MC_STR("UPDATE webhooks SET secret_previous = secret, "
                               "secret_previous_until = $5, secret = $4, updated_at = $3 WHERE id "
                               "= $1 AND organization_id = $2"),
                        args, MC_LEN(args), NULL, err);
    return rc == MC_OK ? answer_with_secret(req, c, res, err) : rc;
}

#define FAMILY(base)                                                                               \
    {.method = "GET", .pattern = base, .run = MC_HTTP_READ, .handle = list},                       \
        {.method = "POST",                                                                         \
         .pattern = base,                                                                          \
         .run = MC_HTTP_WRITE,                                                                     \
         .flags = MC_HTTP_NO_STORE,                                                                \
         .prepare = prepare_create,                                                                \
         .handle = create},                                                                        \
        {.method = "GET", .pattern = base "/stats", .run = MC_HTTP_READ, .handle = stats},         \
        {.method = "GET", .pattern = base "/:id", .run = MC_HTTP_READ, .handle = show},            \
        {.method = "PUT",                                                                          \
         .pattern = base "/:id",                                                                   \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_update,                                                                \
         .handle = update},                                                                        \
        {.method = "PATCH",                                                                        \
         .pattern = base "/:id",                                                                   \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_update,                                                                \
         .handle = update},                                                                        \
        {.method = "DELETE",                                                                       \
         .pattern = base "/:id",                                                                   \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_id,                                                                    \
         .handle = delete_one},                                                                    \
    {                                                                                              \
        .method = "POST", .pattern = base "/:id/rotate-secret", .run = MC_HTTP_WRITE,              \
        .flags = MC_HTTP_NO_STORE, .prepare = prepare_rotate, .handle = rotate                     \
    }

const mc_http_route *mc__webhooks_own_routes(size_t *out_count)
{
    static const mc_http_route table[] = {FAMILY("/webhooks"), FAMILY("/org-webhooks")};

    *out_count = MC_LEN(table);
    return table;
}
