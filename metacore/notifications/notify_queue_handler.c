/* SPDX-License-Identifier: Apache-2.0 */
/* The queue as administrators see it: each of their own organization. */
#include "metacore/notifications/notify_internal.h"

#define LIST_LIMIT 50
#define LIST_LIMIT_MAX 200

#define COLUMNS                                                                                    \
    "id, organization_id, created_by_id, created_at, updated_at, source_type, source_id, "         \
    "source_name, event, channel, target, user_id, subject, message, context_ref, handler_hint, "  \
    "status, attempts, max_retries, error, sent_at, next_retry, dedup_key"

typedef enum shape_type { TEXT, NUMBER, TIME, JSON } shape_type;
typedef struct shape {
    const char *key;
    shape_type type;
    bool is_omitted; /* when empty, as the contract has it */
} shape;

static const shape shapes[] = {{"id", TEXT, false},
                               {"organization_id", TEXT, false},
                               {"created_by_id", TEXT, true},
                               {"created_at", TIME, false},
                               {"updated_at", TIME, false},
                               {"source_type", TEXT, true},
                               {"source_id", TEXT, true},
                               {"source_name", TEXT, true},
                               {"event", TEXT, false},
                               {"channel", TEXT, false},
                               {"target", TEXT, false},
                               {"user_id", TEXT, true},
                               {"subject", TEXT, true},
                               {"message", TEXT, false},
                               {"context_ref", TEXT, true},
                               {"handler_hint", TEXT, true},
                               {"status", TEXT, false},
                               {"attempts", NUMBER, false},
                               {"max_retries", NUMBER, false},
                               {"error", TEXT, true},
                               {"sent_at", TIME, true},
                               {"next_retry", TIME, true},
                               {"dedup_key", TEXT, true},
                               {"html", TEXT, true},
                               {"data", JSON, false}};

static bool is_empty(mc_db_rows *rows, size_t at, const shape *s)
{
    return mc_db_col_is_null(rows, at) || (s->type == TEXT && mc_db_col_text(rows, at).len == 0);
}

static void write_value(mc_buf *out, mc_db_rows *rows, size_t at, const shape *s)
{
    if (mc_db_col_is_null(rows, at)) {
        mc_buf_lit(out, "null");
    } else if (s->type == NUMBER) {
        mc_buf_i64(out, mc_db_col_int(rows, at));
    } else if (s->type == JSON) {
        mc_buf_str(out, mc_db_col_text(rows, at));
    } else if (s->type == TIME) {
        mc_buf_char(out, '"');
        mc_time_write(out, mc_db_col_time(rows, at));
        mc_buf_char(out, '"');
    } else {
        mc_json_write_str(out, mc_db_col_text(rows, at));
    }
}

static void write_row(mc_buf *out, mc_db_rows *rows)
{
    size_t count = mc_db_col_count(rows);

    for (size_t i = 0; i < count && i < MC_LEN(shapes); i++) {
        if (shapes[i].is_omitted && is_empty(rows, i, &shapes[i]))
            continue;
        mc_buf_printf(out, "%c\"%s\":", i ? ',' : '{', shapes[i].key);
        write_value(out, rows, i, &shapes[i]);
    }
    mc_buf_char(out, '}');
}

/* ---- the list ---- */

typedef struct wanted {
    mc_db_value args[6];
    size_t count;
    mc_buf sql;
    uint32_t limit;
} wanted;

static void and_equal(wanted *w, const char *column, mc_str value)
{
    if (value.len == 0)
        return;
    w->args[w->count++] = mc_db_text(value);
    mc_buf_printf(&w->sql, " AND %s = $%zu", column, w->count); /* one of ours */
}

static mc_code read_wanted(mc_http_req *req, wanted *w, mc_err *err)
{
    mc_str before = mc_http_query(req, MC_STR("before"));
    mc_str limit = mc_http_query(req, MC_STR("limit"));
    mc_uuid id;

    mc_buf_init_arena(&w->sql, mc_http_ctx(req)->arena, 0);
    mc_buf_lit(&w->sql,
               "SELECT " COLUMNS " FROM notification_queue_entries WHERE organization_id = $1");
    w->args[0] = mc_db_uuid(mc_http_ctx(req)->who.org_id);
    w->count = 1;
    w->limit = LIST_LIMIT;
    and_equal(w, "status", mc_http_query(req, MC_STR("status")));
    and_equal(w, "channel", mc_http_query(req, MC_STR("channel")));
    and_equal(w, "event", mc_http_query(req, MC_STR("event")));
    if (before.len > 0) {
        if (!mc_uuid_parse(before, &id))
            return mc_fail(err, MC_INVALID, "before: want an entry's id");
        w->args[w->count++] = mc_db_uuid(id);
        mc_buf_printf(&w->sql, " AND id < $%zu", w->count);
    }
    if (limit.len > 0 && !mc_str_u32(limit, 1, LIST_LIMIT_MAX, &w->limit))
        return mc_fail(err, MC_INVALID, "limit: want 1 to %d", LIST_LIMIT_MAX);
    w->args[w->count++] = mc_db_int((int64_t)w->limit + 1);
    mc_buf_printf(&w->sql, " ORDER BY id DESC LIMIT $%zu", w->count);
    return mc_buf_check(&w->sql, "notify", err);
}

static mc_code write_list(mc_ctx *ctx, const wanted *w, mc_buf *out, bool *out_more, mc_err *err)
{
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, mc_buf_get(&w->sql), w->args, w->count, &rows, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (count++ == w->limit)
            continue; /* only that there is one more */
        if (count > 1)
            mc_buf_char(out, ',');
        write_row(out, &rows);
    }
    mc_buf_char(out, ']');
    *out_more = count > w->limit;
    return mc_db_rows_finish(&rows, err);
}

/* GET /notifications/queue */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    bool has_more = false;
    wanted w;
    mc_code rc = mc__notify_manages(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        rc = read_wanted(req, &w, err);
    if (rc == MC_OK)
        rc = write_list(mc_http_ctx(req), &w, mc_http_ok_begin(res, 200), &has_more, err);
    if (rc != MC_OK)
        return rc;
    return mc_http_ok_end(
        res, has_more ? MC_STR("{\"has_more\":true}") : MC_STR("{\"has_more\":false}"), err);
}

/* GET /notifications/queue/stats */
static mc_code stats(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    size_t count = 0;
    mc_db_rows rows;
    mc_buf *out;
    mc_code rc = mc__notify_manages(user, req, err);

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT channel, status, count(*) FROM notification_queue_entries "
                                "WHERE organization_id = $1 GROUP BY channel, status ORDER BY "
                                "channel, status"),
                         &org, 1, &rows, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        mc_buf_str(out, count++ ? MC_STR(",{\"channel\":") : MC_STR("{\"channel\":"));
        mc_json_write_str(out, mc_db_col_text(&rows, 0));
        mc_buf_lit(out, ",\"status\":");
        mc_json_write_str(out, mc_db_col_text(&rows, 1));
        mc_buf_printf(out, ",\"count\":%lld}", (long long)mc_db_col_int(&rows, 2));
    }
    mc_buf_char(out, ']');
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* ---- one of them ---- */

static mc_code write_entry(mc_ctx *ctx, mc_uuid id, mc_http_res *res, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_buf *out = mc_http_ok_begin(res, 200);
    bool is_found;
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(ctx->conn,
                    MC_STR("SELECT " COLUMNS ", html, data FROM notification_queue_entries "
                           "WHERE id = $1 AND organization_id = $2"),
                    args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    is_found = mc_db_rows_next(&rows);
    if (is_found)
        write_row(out, &rows);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "notification not found");
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* GET /notifications/queue/:id */
static mc_code get(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_uuid id;
    mc_code rc = mc__notify_manages(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    return rc == MC_OK ? write_entry(mc_http_ctx(req), id, res, err) : rc;
}

static mc_code prepare_id(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_uuid *id = mc_arena_object(mc_http_ctx(req)->arena, mc_uuid);
    mc_code rc = id ? mc__notify_manages(user, req, err) : mc_fail(err, MC_NO_MEMORY, "notify");

    (void)res;
    req->state = id;
    return rc == MC_OK ? mc_http_param_uuid(req, MC_STR("id"), id, err) : rc;
}

/* Changes it when it is as it has to be: 404 when it is not there, 409 else. */
static mc_code change(mc_ctx *ctx, mc_uuid id, mc_str sql, const char *why, mc_http_res *res,
                      mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id), mc_db_time(ctx->now)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn, sql, args, MC_LEN(args), &changed, err);

    if (rc != MC_OK || changed > 0)
        return rc;
    rc = write_entry(ctx, id, res, err);
    return rc == MC_OK ? mc_fail(err, MC_CONFLICT, "%s", why) : rc;
}

/* POST /notifications/queue/:id/cancel */
static mc_code cancel(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_uuid id = *(const mc_uuid *)req->state;
    mc_code rc = change(ctx, id,
                        MC_STR("UPDATE notification_queue_entries SET status = 'cancelled', "
                               "updated_at = $3, next_retry = NULL, holds_key = false WHERE id = "
                               "$1 AND organization_id = $2 AND status = 'pending'"),
                        "only one that waits is cancelled", res, err);

    (void)user;
    return rc == MC_OK ? write_entry(ctx, id, res, err) : rc;
}

/* Its channel and how often it may be tried. */
static mc_code read_requeued(mc_ctx *ctx, mc_uuid id, mc_str *out_channel, int64_t *out_max,
                             mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT channel, max_retries FROM notification_queue_entries "
                                    "WHERE id = $1 AND organization_id = $2"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows)) {
        *out_channel = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        *out_max = mc_db_col_int(&rows, 1);
    }
    return mc_db_rows_finish(&rows, err);
}

/* POST /notifications/queue/:id/requeue */
static mc_code requeue(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_uuid id = *(const mc_uuid *)req->state;
    mc_str channel = MC_STR("");
    int64_t max = MC_NOTIFY_ATTEMPTS;
    mc_code rc = change(ctx, id,
                        MC_STR("UPDATE notification_queue_entries SET status = 'pending', attempts "
                               "= 0, updated_at = $3, next_retry = $3 WHERE id = $1 AND "
                               "organization_id = $2 AND status IN ('failed', 'cancelled')"),
                        "only one that failed or was cancelled is requeued", res, err);

    if (rc == MC_OK)
        rc = read_requeued(ctx, id, &channel, &max, err);
    if (rc == MC_OK)
        rc = mc__notify_add_job(user, ctx, id, channel, max, err);
    return rc == MC_OK ? write_entry(ctx, id, res, err) : rc;
}

#define ONE "/notifications/queue/:id"

const mc_http_route mc__notify_queue_routes[] = {
    {.method = "GET", .pattern = "/notifications/queue", .run = MC_HTTP_READ, .handle = list},
    {.method = "GET",
     .pattern = "/notifications/queue/stats",
     .run = MC_HTTP_POOL,
     .handle = stats},
    {.method = "GET", .pattern = ONE, .run = MC_HTTP_READ, .handle = get},
    {.method = "POST",
     .pattern = ONE "/cancel",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_id,
     .handle = cancel},
    {.method = "POST",
     .pattern = ONE "/requeue",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_id,
     .handle = requeue},
};
const size_t mc__notify_queue_route_count = MC_LEN(mc__notify_queue_routes);
