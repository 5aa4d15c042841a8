/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/notifications/notifications_internal.h"

#include "metacore/base/utf8.h"

#define PER_PAGE 20
#define PAGE_MAX 1000

/* ---- the list ---- */

typedef struct wanted {
    uint32_t page, per_page;
    bool is_ascending;
    const char *and_read; /* a condition, or "" */
} wanted;

static mc_code read_number(mc_http_req *req, const char *name, uint32_t max, uint32_t *out,
                           mc_err *err)
{
    mc_str text = mc_http_query(req, mc_z(name));

    if (text.len > 0 && !mc_str_u32(text, 1, max, out))
        return mc_fail(err, MC_INVALID, "%s: want 1 to %u", name, max);
    return MC_OK;
}

static mc_code read_order(mc_http_req *req, wanted *out, mc_err *err)
{
    mc_str by = mc_http_query(req, MC_STR("orderBy")), way = mc_http_query(req, MC_STR("orderDir"));

    if (by.len > 0 && !mc_str_eq(by, MC_STR("created_at")))
        return mc_fail(err, MC_INVALID, "orderBy: want created_at");
    out->is_ascending = mc_str_eq_nocase(way, MC_STR("asc"));
    if (way.len > 0 && !out->is_ascending && !mc_str_eq_nocase(way, MC_STR("desc")))
        return mc_fail(err, MC_INVALID, "orderDir: want asc or desc");
    return MC_OK;
}

static mc_code read_wanted(mc_http_req *req, wanted *out, mc_err *err)
{
    mc_code rc = mc_http_query_parse(req, err);
    mc_str is_read;

    *out = (wanted){.page = 1, .per_page = PER_PAGE, .and_read = ""};
    if (rc == MC_OK)
        rc = read_number(req, "page", PAGE_MAX, &out->page, err);
    if (rc == MC_OK)
        rc = read_number(req, "per_page", MC_NOTIFICATIONS_PER_PAGE_MAX, &out->per_page, err);
    if (rc == MC_OK)
        rc = read_order(req, out, err);
    if (rc != MC_OK)
        return rc;
    is_read = mc_http_query(req, MC_STR("is_read"));
    if (mc_str_eq(is_read, MC_STR("true")))
        out->and_read = " AND is_read";
    else if (mc_str_eq(is_read, MC_STR("false")))
        out->and_read = " AND NOT is_read";
    else if (is_read.len > 0)
        return mc_fail(err, MC_INVALID, "is_read: want true or false");
    return MC_OK;
}

/* All that match, and of all how many are unread; at most MC_NOTIFICATIONS_KEPT rows are read. */
static mc_code count(mc_ctx *ctx, const wanted *w, int64_t *out_total, int64_t *out_unread,
                     mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_uuid(ctx->who.user_id)};
    mc_str sql = mc_str_printf(
        ctx->arena,
        "SELECT (SELECT count(*) FROM notifications WHERE organization_id = $1 AND user_id = "
        "$2%s), (SELECT count(*) FROM notifications WHERE organization_id = $1 AND user_id = $2 "
        "AND NOT is_read)",
        w->and_read);
    mc_db_rows rows;
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "notifications");
    rc = mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows)) {
        *out_total = mc_db_col_int(&rows, 0);
        *out_unread = mc_db_col_int(&rows, 1);
    }
    return mc_db_rows_finish(&rows, err);
}

static mc_code write_page(mc_ctx *ctx, const wanted *w, mc_buf *out, mc_err *err)
{
    const char *way = w->is_ascending ? "ASC" : "DESC";
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_uuid(ctx->who.user_id),
                          mc_db_int(w->per_page), mc_db_int((int64_t)(w->page - 1) * w->per_page)};
    mc_str sql = mc_str_printf(ctx->arena,
                               "SELECT " MC__NOTIFICATION_COLUMNS
                               " FROM notifications WHERE organization_id = $1 AND user_id = $2%s "
                               "ORDER BY created_at %s, id %s LIMIT $3 OFFSET $4",
                               w->and_read, way, way);
    bool is_first = true;
    mc_db_rows rows;
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "notifications");
    rc = mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        mc__notification_write(&rows, out);
    }
    mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}

/* GET /notifications */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    int64_t total = 0, unread = 0;
    wanted w;
    mc_str meta;
    mc_code rc = read_wanted(req, &w, err);

    (void)user;
    if (rc == MC_OK)
        rc = mc_db_begin(ctx->conn, err); /* one snapshot for the rows and their number */
    if (rc != MC_OK)
        return rc;
    rc = write_page(ctx, &w, mc_http_ok_begin(res, 200), err);
    if (rc == MC_OK)
        rc = count(ctx, &w, &total, &unread, err);
    mc_db_rollback(ctx->conn); /* nothing was written */
    if (rc != MC_OK)
        return rc;
    meta = mc_str_printf(
        ctx->arena,
        "{\"total\":%lld,\"page\":%u,\"per_page\":%u,\"last_page\":%lld,\"unread\":%lld}",
        (long long)total, w.page, w.per_page,
        (long long)(total > 0 ? (total + w.per_page - 1) / w.per_page : 1), (long long)unread);
    return mc_http_ok_end(res, meta, err);
}

/* ---- creating ---- */

static bool read_text(const mc_json *body, const char *name, mc_str *out)
{
    const mc_json *value = mc_json_find(body, mc_z(name));

    return !value || value->kind == MC_JSON_NULL || mc_json_get_str(value, out);
}

static mc_code read_input(mc_http_req *req, const mc_json *body, mc_notification *in, mc_err *err)
{
    static const char *const names[] = {"title", "message", "type", "link", "icon", "image"};
    mc_str *const texts[] = {&in->title, &in->message, &in->type, &in->link, &in->icon, &in->image};
    const mc_json *metadata = mc_json_find(body, MC_STR("metadata"));
    mc_str user_id = MC_STR("");
    mc_buf text;

    for (size_t i = 0; i < MC_LEN(names); i++) {
        if (!read_text(body, names[i], texts[i]))
            return mc_fail(err, MC_INVALID, "%s: want text", names[i]);
    }
    if (!read_text(body, "user_id", &user_id) ||
        (user_id.len > 0 && !mc_uuid_parse(user_id, &in->user_id)))
        return mc_fail(err, MC_INVALID, "user_id: want a UUID");
    if (!metadata || metadata->kind == MC_JSON_NULL)
        return MC_OK;
    if (metadata->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "metadata: want an object");
    mc_buf_init_arena(&text, mc_http_ctx(req)->arena, 0);
    mc_json_write(&text, metadata);
    in->metadata = mc_buf_get(&text);
    return mc_buf_check(&text, "notification", err);
}

static mc_code prepare_create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_notifications *self = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_notification *in = mc_arena_object(ctx->arena, mc_notification);
    const mc_json *body;
    mc_code rc =
        in ? self->config.check(self->config.check_user, ctx, MC_STR("notifications.create"), err)
           : mc_fail(err, MC_NO_MEMORY, "notification");

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc == MC_OK)
        rc = read_input(req, body, in, err);
    req->state = in;
    return rc;
}

/* POST /notifications */
static mc_code create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_code rc = mc_notifications_create(user, mc_http_ctx(req), req->state,
                                         mc_http_ok_begin(res, 201), err);

    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* ---- reading and forgetting one's own ---- */

typedef struct change {
    mc_uuid id;
    bool is_read;
} change;

static mc_code prepare_change(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    change *c = mc_arena_object(mc_http_ctx(req)->arena, change);
    bool is_patch = mc_str_eq(req->message->method, MC_STR("PATCH"));
    const mc_json *body = NULL;
    mc_code rc = c ? mc_http_param_uuid(req, MC_STR("id"), &c->id, err)
                   : mc_fail(err, MC_NO_MEMORY, "notification");

    (void)res;
    (void)user;
    if (rc == MC_OK && is_patch)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc == MC_OK && is_patch &&
        !mc_json_get_bool(mc_json_find(body, MC_STR("is_read")), &c->is_read))
        rc = mc_fail(err, MC_INVALID, "is_read: want true or false");
    req->state = c;
    return rc;
}

/* PATCH /notifications/:id */
static mc_code update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const change *c = req->state;
    mc_db_value args[] = {mc_db_uuid(c->id), mc_db_uuid(ctx->who.org_id),
                          mc_db_uuid(ctx->who.user_id), mc_db_bool(c->is_read),
                          c->is_read ? mc_db_time(ctx->now) : mc_db_null()};
    mc_buf *out = mc_http_ok_begin(res, 200);
    bool is_found;
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(ctx->conn,
                    MC_STR("UPDATE notifications SET is_read = $4, read_at = $5 WHERE id = $1 AND "
                           "organization_id = $2 AND user_id = $3 "
                           "RETURNING " MC__NOTIFICATION_COLUMNS),
                    args, MC_LEN(args), &rows, err);

    (void)user;
    if (rc != MC_OK)
        return rc;
    is_found = mc_db_rows_next(&rows);
    if (is_found)
        mc__notification_write(&rows, out);
    while (mc_db_rows_next(&rows))
        ; /* to its end, where the store reports what it checks last */
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "notification not found");
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* POST /notifications/read-all */
static mc_code read_all(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_uuid(ctx->who.user_id),
                          mc_db_bool(true), mc_db_time(ctx->now)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("UPDATE notifications SET is_read = $3, read_at = $4 WHERE "
                                   "organization_id = $1 AND user_id = $2 AND NOT is_read"),
                            args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "{\"updated\":%lld}", (long long)changed);
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* DELETE /notifications/:id */
static mc_code delete_one(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const change *c = req->state;
    mc_db_value args[] = {mc_db_uuid(c->id), mc_db_uuid(ctx->who.org_id),
                          mc_db_uuid(ctx->who.user_id)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM notifications WHERE id = $1 AND organization_id = "
                                   "$2 AND user_id = $3"),
                            args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc == MC_OK && changed == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "notification not found");
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* ---- routes ---- */

#define FAMILY(base)                                                                               \
    {.method = "GET", .pattern = base, .run = MC_HTTP_READ, .handle = list},                       \
        {.method = "POST",                                                                         \
         .pattern = base,                                                                          \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_create,                                                                \
         .handle = create},                                                                        \
        {.method = "POST", .pattern = base "/read-all", .run = MC_HTTP_WRITE, .handle = read_all}, \
        {.method = "PATCH",                                                                        \
         .pattern = base "/:id",                                                                   \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_change,                                                                \
         .handle = update},                                                                        \
    {                                                                                              \
        .method = "DELETE", .pattern = base "/:id", .run = MC_HTTP_WRITE,                          \
        .prepare = prepare_change, .handle = delete_one                                            \
    }

/* The published bell is mounted on any of them; the last two are what its hosts commonly name. */
static const mc_http_route table[] = {
    FAMILY("/notifications"),
    FAMILY("/data/notifications/me"),
    FAMILY("/dynamic/notifications/me"),
};

void mc__notifications_add_routes(mc_notifications *self)
{
    _Static_assert(MC_LEN(table) == MC__NOTIFICATIONS_ROUTES, "room for every route");
    for (size_t i = 0; i < MC_LEN(table); i++) {
        self->routes[i] = table[i];
        self->routes[i].user = self;
    }
}

const mc_http_route *mc_notifications_routes(mc_notifications *self, size_t *out_count)
{
    *out_count = MC__NOTIFICATIONS_ROUTES;
    return self->routes;
}
