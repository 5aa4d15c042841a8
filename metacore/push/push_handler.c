/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions over HTTP: everybody's own. */
#include "metacore/push/push_internal.h"
#include "metacore/security/url.h"

#define DEVICE_MAX 20
#define AGENT_MAX 500

static mc_code check_on(const mc_push *self, mc_err *err)
{
    return self->is_on ? MC_OK : mc_fail(err, MC_NOT_FOUND, "push is not configured");
}

/* GET /push/public-key: pages ask before anybody signed in, and sign out at a 401; 404 means that
 * this server pushes nothing. In both spellings: the published client reads publicKey. */
static mc_code public_key(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_push *self = user;
    mc_code rc = check_on(self, err);

    (void)req;
    if (rc != MC_OK)
        return rc;
    res->status = 200;
    mc_http_content_type(res, MC_STR("application/json; charset=utf-8"));
    mc_buf_printf(&res->body,
                  "{\"data\":{\"publicKey\":\"%.*s\",\"public_key\":\"%.*s\"},\"publicKey\":"
                  "\"%.*s\",\"success\":true}",
                  MC_FMT(self->public_text), MC_FMT(self->public_text), MC_FMT(self->public_text));
    return mc_buf_check(&res->body, "push", err);
}

/* ---- subscribing ---- */

typedef struct subscription {
    mc_uuid id;
    mc_str endpoint, p256dh, auth, device, agent;
} subscription;

static mc_str text_of(const mc_json *body, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(body, mc_z(key)), &text); /* else empty, and refused */
    return mc_str_trim(text);
}

static mc_code check_subscription(const mc_push *self, mc_ctx *ctx, const subscription *s,
                                  mc_err *err)
{
    mc_str point, auth;
    mc_url url;

    if (s->endpoint.len == 0)
        return mc_fail(err, MC_INVALID, "push: endpoint required");
    if (s->endpoint.len > MC_PUSH_ENDPOINT_MAX || mc_url_parse(s->endpoint, &url, NULL) != MC_OK ||
        (!url.is_https && !self->config.allow_private))
        return mc_fail(err, MC_INVALID, "push: endpoint: want an https address");
    if (!mc__push_base64(ctx->arena, s->p256dh, &point) || point.len != MC_PUSH_POINT_BYTES ||
        !mc__push_is_point((const unsigned char *)point.ptr))
        return mc_fail(err, MC_INVALID, "push: p256dh: want a public key of P-256 in base64url");
    if (!mc__push_base64(ctx->arena, s->auth, &auth) || auth.len != MC_PUSH_AUTH_BYTES)
        return mc_fail(err, MC_INVALID, "push: auth: want %d bytes in base64url",
                       MC_PUSH_AUTH_BYTES);
    return MC_OK;
}

static mc_code prepare_subscribe(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    subscription *s = mc_arena_object(ctx->arena, subscription);
    const mc_json *body, *keys;
    mc_code rc = check_on(user, err);

    (void)res;
    if (rc == MC_OK && !s)
        rc = mc_fail(err, MC_NO_MEMORY, "push");
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc != MC_OK)
        return rc;
    keys = mc_json_find(body, MC_STR("keys"));
    s->endpoint = text_of(body, "endpoint");
    s->p256dh = text_of(body, "p256dh");
    if (s->p256dh.len == 0)
        s->p256dh = text_of(keys, "p256dh");
    s->auth = text_of(body, "auth");
    if (s->auth.len == 0)
        s->auth = text_of(keys, "auth");
    s->device = mc_str_slice(text_of(body, "device_type"), 0, DEVICE_MAX);
    s->agent = text_of(body, "user_agent");
    if (s->agent.len == 0)
        s->agent = mc_http_header(req, MC_STR("user-agent"));
    s->agent = mc_str_slice(s->agent, 0, AGENT_MAX);
    req->state = s;
    rc = check_subscription(user, ctx, s, err);
    return rc == MC_OK ? mc_uuid_v7(&s->id, err) : rc;
}

#define COLUMNS                                                                                    \
    "id, organization_id, created_by_id, created_at, updated_at, user_id, endpoint, p256_dh, "     \
    "device_type, user_agent, last_used_at"

static void write_time(mc_buf *out, const char *key, mc_db_rows *rows, size_t at)
{
    if (mc_db_col_is_null(rows, at))
        return;
    mc_buf_printf(out, ",\"%s\":\"", key);
    mc_time_write(out, mc_db_col_time(rows, at));
    mc_buf_char(out, '"');
}

/* auth is a secret between the browser and us, and is not said back. */
static void write_row(mc_db_rows *rows, mc_buf *out)
{
    static const struct {
        const char *key;
        size_t at;
    } texts[] = {{"organization_id", 1}, {"created_by_id", 2}, {"user_id", 5},   {"endpoint", 6},
                 {"p256dh", 7},          {"device_type", 8},   {"user_agent", 9}};

    mc_buf_lit(out, "{\"id\":");
    mc_json_write_str(out, mc_db_col_text(rows, 0));
    for (size_t i = 0; i < MC_LEN(texts); i++) {
        mc_buf_printf(out, ",\"%s\":", texts[i].key);
        mc_json_write_str(out, mc_db_col_text(rows, texts[i].at));
    }
    write_time(out, "created_at", rows, 3);
    write_time(out, "updated_at", rows, 4);
    write_time(out, "last_used_at", rows, 10);
    mc_buf_char(out, '}');
}

/* Makes room: the one used longest ago goes. */
static mc_code forget_oldest(mc_ctx *ctx, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.user_id), mc_db_uuid(ctx->who.org_id),
                          mc_db_time(ctx->now), mc_db_int(MC_PUSH_PER_USER)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE push_subscriptions SET deleted_at = $3, p256_dh = '', auth = "
                             "'' WHERE id IN (SELECT id FROM push_subscriptions WHERE user_id = "
                             "$1 AND organization_id = $2 AND deleted_at IS NULL ORDER BY "
                             "last_used_at DESC, id DESC LIMIT 1000 OFFSET $4)"),
                      args, MC_LEN(args), NULL, err);
}

/* POST /push/subscribe */
static mc_code subscribe(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const subscription *s = req->state;
    mc_db_value args[] = {
        mc_db_uuid(s->id),    mc_db_uuid(ctx->who.org_id), mc_db_uuid(ctx->who.user_id),
        mc_db_time(ctx->now), mc_db_text(s->endpoint),     mc_db_text(s->p256dh),
        mc_db_text(s->auth),  mc_db_text(s->device),       mc_db_text(s->agent)};
    bool is_mine = false;
    mc_db_rows rows;
    mc_buf *out = mc_http_ok_begin(res, 200);
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("INSERT INTO push_subscriptions (id, organization_id, created_by_id, created_at, "
               "updated_at, user_id, endpoint, p256_dh, auth, device_type, user_agent, "
               "last_used_at) VALUES ($1, $2, $3, $4, $4, $3, $5, $6, $7, $8, $9, $4) ON CONFLICT "
               "(endpoint) WHERE deleted_at IS NULL DO UPDATE SET p256_dh = excluded.p256_dh, auth "
               "= excluded.auth, device_type = excluded.device_type, user_agent = "
               "excluded.user_agent, last_used_at = excluded.last_used_at, updated_at = "
               "excluded.updated_at WHERE push_subscriptions.user_id = excluded.user_id AND "
               "push_subscriptions.organization_id = excluded.organization_id RETURNING " COLUMNS),
        args, MC_LEN(args), &rows, err);

    (void)user;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        is_mine = true;
        write_row(&rows, out);
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_mine)
        rc = mc_fail(err, MC_CONFLICT, "push: this endpoint is somebody else's");
    if (rc == MC_OK)
        rc = forget_oldest(ctx, err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* ---- one's own ---- */

/* GET /push/subscriptions */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.user_id), mc_db_uuid(ctx->who.org_id)};
    size_t count = 0;
    mc_db_rows rows;
    mc_buf *out;
    mc_code rc = check_on(user, err);

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT " COLUMNS " FROM push_subscriptions WHERE user_id = $1 AND "
                                "organization_id = $2 AND deleted_at IS NULL ORDER BY id"),
                         args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (count++)
            mc_buf_char(out, ',');
        write_row(&rows, out);
    }
    mc_buf_char(out, ']');
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

static mc_code remove_where(mc_ctx *ctx, const char *column, mc_db_value value, int64_t *out_count,
                            mc_err *err)
{
    mc_db_value args[] = {value, mc_db_uuid(ctx->who.user_id), mc_db_uuid(ctx->who.org_id),
                          mc_db_time(ctx->now)};
    mc_str sql = mc_str_printf(ctx->arena,
                               "UPDATE push_subscriptions SET deleted_at = $4, p256_dh = '', auth "
                               "= '' WHERE %s = $1 AND user_id = $2 AND organization_id = $3 AND "
                               "deleted_at IS NULL",
                               column); /* one of ours */

    return sql.ptr ? mc_db_exec(ctx->conn, sql, args, MC_LEN(args), out_count, err)
                   : mc_fail(err, MC_NO_MEMORY, "push");
}

static mc_code prepare_unsubscribe(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    subscription *s = mc_arena_object(mc_http_ctx(req)->arena, subscription);
    const mc_json *body;
    mc_code rc = check_on(user, err);

    (void)res;
    if (rc == MC_OK && !s)
        rc = mc_fail(err, MC_NO_MEMORY, "push");
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc == MC_OK)
        s->endpoint = text_of(body, "endpoint");
    req->state = s;
    return rc;
}

/* POST /push/unsubscribe: the same answer whether there was one. */
static mc_code unsubscribe(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const subscription *s = req->state;
    mc_code rc = remove_where(mc_http_ctx(req), "endpoint", mc_db_text(s->endpoint), NULL, err);

    (void)user;
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* DELETE /push/subscriptions/:id */
static mc_code delete_one(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    int64_t count = 0;
    mc_uuid id;
    mc_code rc = check_on(user, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    if (rc == MC_OK)
        rc = remove_where(mc_http_ctx(req), "id", mc_db_uuid(id), &count, err);
    if (rc == MC_OK && count == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "push subscription not found");
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* POST /push/test */
static mc_code test(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    int64_t queued = 0;
    mc_code rc = check_on(user, err);

    if (rc == MC_OK)
        rc = mc_push_send(user, ctx, ctx->who.user_id,
                          MC_STR("{\"title\":\"Test notification\",\"body\":\"If you can read "
                                 "this, push is working.\",\"url\":\"/\"}"),
                          &queued, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "{\"queued\":%lld}", (long long)queued);
    return mc_http_ok_end(res, MC_STR(""), err);
}

static const mc_http_route table[] = {
    {.method = "GET",
     .pattern = "/push/public-key",
     .run = MC_HTTP_READ,
     .flags = MC_HTTP_PUBLIC,
     .handle = public_key},
    {.method = "POST",
     .pattern = "/push/subscribe",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_subscribe,
     .handle = subscribe},
    {.method = "POST",
     .pattern = "/push/unsubscribe",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_unsubscribe,
     .handle = unsubscribe},
    {.method = "GET", .pattern = "/push/subscriptions", .run = MC_HTTP_READ, .handle = list},
    {.method = "DELETE",
     .pattern = "/push/subscriptions/:id",
     .run = MC_HTTP_WRITE,
     .handle = delete_one},
    {.method = "POST", .pattern = "/push/test", .run = MC_HTTP_WRITE, .handle = test},
};

void mc__push_add_routes(mc_push *self)
{
    _Static_assert(MC_LEN(table) == MC__PUSH_ROUTES, "room for every route");
    for (size_t i = 0; i < MC_LEN(table); i++) {
        self->routes[i] = table[i];
        self->routes[i].user = self;
    }
}
