/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries over HTTP: listed, sent again in bulk, forgotten. */
#include "metacore/webhooks/webhooks_internal.h"

#define PER_PAGE 50
#define PER_PAGE_MAX 200
#define PAGE_MAX 1000000
#define ARGS_MAX 12

/* What a list or a replay is of: a condition and its arguments; $1 is the webhook, $2 the
 * organization. */
typedef struct filter {
    mc_buf where;
    mc_db_value args[ARGS_MAX];
    size_t count;
} filter;

static void filter_init(filter *f, mc_ctx *ctx, mc_uuid webhook_id)
{
    mc_buf_init_arena(&f->where, ctx->arena, 0);
    mc_buf_lit(&f->where, " WHERE webhook_id = $1 AND organization_id = $2 AND deleted_at IS NULL");
    f->args[0] = mc_db_uuid(webhook_id);
    f->args[1] = mc_db_uuid(ctx->who.org_id);
    f->count = 2;
}

static void filter_by(filter *f, const char *condition, mc_db_value value)
{
    f->args[f->count++] = value;
    mc_buf_printf(&f->where, " AND %s $%zu", condition, f->count); /* one of ours */
}

static mc_code filter_status(filter *f, mc_str status, mc_err *err)
{
    static const struct {
        const char *name, *condition;
    } all[] = {
        {"succeeded", " AND succeeded"},
        {"success", " AND succeeded"},
        {"failed", " AND NOT succeeded AND next_attempt_at IS NULL"},
        {"pending", " AND next_attempt_at IS NOT NULL AND attempt_count = 0"},
        {"retrying", " AND next_attempt_at IS NOT NULL AND attempt_count > 0"},
    };

    if (status.len == 0)
        return MC_OK;
    for (size_t i = 0; i < MC_LEN(all); i++) {
        if (mc_str_eq_nocase(status, mc_z(all[i].name))) {
            mc_buf_str(&f->where, mc_z(all[i].condition));
            return MC_OK;
        }
    }
    return mc_fail(err, MC_INVALID, "status: want succeeded, failed, pending or retrying");
}

static mc_code filter_time(filter *f, const char *name, const char *condition, mc_str text,
                           mc_err *err)
{
    mc_time time;

    if (text.len == 0)
        return MC_OK;
    if (!mc_time_parse(text, &time) && !mc_date_parse(text, &time))
        return mc_fail(err, MC_INVALID, "%s: want a time like 2026-11-24T10:00:00Z", name);
    filter_by(f, condition, mc_db_time(time));
    return MC_OK;
}

typedef struct wanted {
    mc_str event, status, succeeded, from, to;
} wanted;

static mc_code filter_wanted(filter *f, const wanted *w, mc_err *err)
{
    mc_str status = w->status;
    mc_code rc;

    if (status.len == 0 && mc_str_eq(w->succeeded, MC_STR("true")))
        status = MC_STR("succeeded");
    if (w->event.len)
        filter_by(f, "event =", mc_db_text(w->event));
    if (status.len == 0 && mc_str_eq(w->succeeded, MC_STR("false")))
        mc_buf_lit(&f->where, " AND NOT succeeded");
    rc = filter_status(f, status, err);
    if (rc == MC_OK)
        rc = filter_time(f, "from", "created_at >=", w->from, err);
    if (rc == MC_OK)
        rc = filter_time(f, "to", "created_at <=", w->to, err);
    return rc == MC_OK ? mc_buf_check(&f->where, "deliveries", err) : rc;
}

/* ---- GET /webhooks/:id/logs ---- */

/* As the contract has it, what is no number of the range is the default. */
static uint32_t number(mc_http_req *req, const char *name, uint32_t fallback, uint32_t max)
{
    uint32_t value;

    return mc_str_u32(mc_http_query(req, mc_z(name)), 1, max, &value) ? value : fallback;
}

static mc_code count_rows(mc_ctx *ctx, const filter *f, int64_t *out, mc_err *err)
{
    mc_str sql = mc_str_printf(ctx->arena, "SELECT count(*) FROM webhook_deliveries%.*s",
                               MC_FMT(mc_buf_get(&f->where)));
    mc_db_rows rows;
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "deliveries");
    rc = mc_db_query(ctx->conn, sql, f->args, f->count, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        *out = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static mc_code write_page(mc_ctx *ctx, filter *f, uint32_t page, uint32_t per_page, mc_buf *out,
                          mc_err *err)
{
    size_t count = 0;
    mc_db_rows rows;
    mc_str sql;
    mc_code rc;

    f->args[f->count] = mc_db_int(per_page);
    f->args[f->count + 1] = mc_db_int((int64_t)(page - 1) * per_page);
    sql = mc_str_printf(ctx->arena,
                        "SELECT " MC__DELIVERY_COLUMNS
                        " FROM webhook_deliveries%.*s ORDER BY created_at DESC, id DESC LIMIT $%zu "
                        "OFFSET $%zu",
                        MC_FMT(mc_buf_get(&f->where)), f->count + 1, f->count + 2);
    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "deliveries");
    rc = mc_db_query(ctx->conn, sql, f->args, f->count + 2, &rows, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (count++)
            mc_buf_char(out, ',');
        mc__delivery_write(&rows, out);
    }
    mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}

static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    int64_t total = 0;
    uint32_t page, per_page;
    long long pages;
    wanted w;
    mc_uuid id;
    mc_str meta;
    filter f;
    mc_code rc = mc__webhooks_check_read(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    if (rc == MC_OK)
        rc = mc__webhooks_check_id(ctx, id, err);
    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc != MC_OK)
        return rc;
    page = number(req, "page", 1, PAGE_MAX);
    per_page = number(req, "per_page", PER_PAGE, PER_PAGE_MAX);
    w = (wanted){mc_http_query(req, MC_STR("event")), mc_http_query(req, MC_STR("status")),
                 mc_http_query(req, MC_STR("succeeded")), mc_http_query(req, MC_STR("from")),
                 mc_http_query(req, MC_STR("to"))};
    filter_init(&f, ctx, id);
    rc = filter_wanted(&f, &w, err);
    if (rc == MC_OK)
        rc = count_rows(ctx, &f, &total, err);
    if (rc == MC_OK)
        rc = write_page(ctx, &f, page, per_page, mc_http_ok_begin(res, 200), err);
    if (rc != MC_OK)
        return rc;
    pages = (total + per_page - 1) / per_page;
    meta = mc_str_printf(
        ctx->arena,
        "{\"page\":%u,\"per_page\":%u,\"total\":%lld,\"pages\":%lld,\"last_page\":%lld}", page,
        per_page, (long long)total, pages, pages);
    return meta.ptr ? mc_http_ok_end(res, meta, err) : mc_fail(err, MC_NO_MEMORY, "deliveries");
}

/* ---- POST /webhooks/:id/replay ---- */

typedef struct bulk {
    mc_uuid id;
    mc_uuid *ids;
    size_t id_count;
    wanted w;
} bulk;

static mc_code read_ids(const mc_json *list, mc_ctx *ctx, bulk *out, mc_err *err)
{
    mc_str text;

    if (list->kind != MC_JSON_ARRAY || list->as.array.count > MC_WEBHOOKS_REPLAY_MAX)
        return mc_fail(err, MC_INVALID, "ids: want at most %d ids", MC_WEBHOOKS_REPLAY_MAX);
    out->ids = mc_arena_array(ctx->arena, mc_uuid, list->as.array.count + 1);
    if (!out->ids)
        return mc_fail(err, MC_NO_MEMORY, "replay");
    for (size_t i = 0; i < list->as.array.count; i++) {
        if (!mc_json_get_str(list->as.array.items[i], &text) ||
            !mc_uuid_parse(text, &out->ids[out->id_count++]))
            return mc_fail(err, MC_INVALID, "ids: invalid id");
    }
    return MC_OK;
}

static mc_code prepare_id(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    bulk *b = mc_arena_object(mc_http_ctx(req)->arena, bulk);
    mc_code rc = mc__webhooks_check_manage(user, req, err);

    (void)res;
    if (rc == MC_OK && !b)
        rc = mc_fail(err, MC_NO_MEMORY, "deliveries");
    req->state = b;
    return rc == MC_OK ? mc_http_param_uuid(req, MC_STR("id"), &b->id, err) : rc;
}

static mc_code prepare_replay(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_json *body, *ids;
    mc_code rc = prepare_id(req, res, user, err);
    bulk *b = req->state;

    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc != MC_OK)
        return rc;
    (void)mc_json_get_str(mc_json_find(body, MC_STR("event")), &b->w.event); /* absent: all */
    (void)mc_json_get_str(mc_json_find(body, MC_STR("status")), &b->w.status);
    (void)mc_json_get_str(mc_json_find(body, MC_STR("from")), &b->w.from);
    (void)mc_json_get_str(mc_json_find(body, MC_STR("to")), &b->w.to);
    ids = mc_json_find(body, MC_STR("ids"));
    return ids ? read_ids(ids, mc_http_ctx(req), b, err) : MC_OK;
}

/* The filter's rows, oldest first, read before any is written. */
typedef struct copied {
    mc_uuid id;
    mc_str event, payload;
} copied;

static mc_code read_copies(mc_ctx *ctx, const filter *f, copied *out, size_t max, size_t *out_count,
                           mc_err *err)
{
    mc_str sql = mc_str_printf(ctx->arena,
                               "SELECT id, event, payload FROM webhook_deliveries%.*s AND event <> "
                               "'" MC__TEST_EVENT "' ORDER BY ordinal LIMIT %d",
                               MC_FMT(mc_buf_get(&f->where)), MC_WEBHOOKS_REPLAY_MAX);
    bool has_memory = true;
    mc_db_rows rows;
    mc_code rc;

    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "replay");
    rc = mc_db_query(ctx->conn, sql, f->args, f->count, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (*out_count < max && has_memory && mc_db_rows_next(&rows)) {
        copied *c = &out[(*out_count)++];

        c->id = mc_db_col_uuid(&rows, 0);
        c->event = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
        c->payload = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 2));
        has_memory = c->event.ptr && c->payload.ptr;
    }
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !has_memory ? mc_fail(err, MC_NO_MEMORY, "replay") : rc;
}

static mc_code read_all(mc_ctx *ctx, const bulk *b, copied *out, size_t *out_count, mc_err *err)
{
    mc_code rc = MC_OK;
    filter f;

    if (!b->ids) {
        filter_init(&f, ctx, b->id);
        rc = filter_wanted(&f, &b->w, err);
        return rc == MC_OK ? read_copies(ctx, &f, out, MC_WEBHOOKS_REPLAY_MAX, out_count, err) : rc;
    }
    for (size_t i = 0; i < b->id_count && rc == MC_OK; i++) {
        size_t before = *out_count;

        filter_init(&f, ctx, b->id);
        filter_by(&f, "id =", mc_db_uuid(b->ids[i]));
        rc = mc_buf_check(&f.where, "replay", err);
        if (rc == MC_OK)
            rc = read_copies(ctx, &f, out, MC_WEBHOOKS_REPLAY_MAX, out_count, err);
        if (rc == MC_OK && *out_count == before)
            rc = mc_fail(err, MC_NOT_FOUND, "delivery not found");
    }
    return rc;
}

static mc_code replay(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const bulk *b = req->state;
    copied *all = mc_arena_array(ctx->arena, copied, MC_WEBHOOKS_REPLAY_MAX);
    size_t count = 0;
    mc_code rc =
        all ? mc__webhooks_check_id(ctx, b->id, err) : mc_fail(err, MC_NO_MEMORY, "replay");

    if (rc == MC_OK)
        rc = read_all(ctx, b, all, &count, err);
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = mc__delivery_insert(user, ctx,
                                 &(mc__delivery_input){.webhook_id = b->id,
                                                       .org_id = ctx->who.org_id,
                                                       .by_id = ctx->who.user_id,
                                                       .replay_of = all[i].id,
                                                       .event = all[i].event,
                                                       .payload = all[i].payload},
                                 NULL, err);
    if (rc == MC_OK)
        rc = mc__webhooks_wake_later(user, ctx, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "{\"queued\":%zu}", count);
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* ---- DELETE /webhooks/:id/logs: of deliveries that are over ---- */

static mc_code purge(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const bulk *b = req->state;
    int64_t deleted = 0;
    filter f;
    mc_str sql;
    mc_code rc = mc_http_query_parse(req, err);

    (void)user;
    if (rc == MC_OK)
        rc = mc__webhooks_check_id(ctx, b->id, err);
    if (rc != MC_OK)
        return rc;
    filter_init(&f, ctx, b->id);
    mc_buf_lit(&f.where, " AND next_attempt_at IS NULL");
    rc = filter_time(&f, "before", "created_at <", mc_http_query(req, MC_STR("before")), err);
    if (rc != MC_OK)
        return rc;
    sql = mc_str_printf(ctx->arena, "DELETE FROM webhook_deliveries%.*s",
                        MC_FMT(mc_buf_get(&f.where)));
    if (!sql.ptr || mc_buf_failed(&f.where))
        return mc_fail(err, MC_NO_MEMORY, "deliveries");
    rc = mc_db_exec(ctx->conn, sql, f.args, f.count, &deleted, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "{\"deleted\":%lld}", (long long)deleted);
    return mc_http_ok_end(res, MC_STR(""), err);
}

#define FAMILY(base)                                                                               \
    {.method = "GET", .pattern = base "/:id/logs", .run = MC_HTTP_READ, .handle = list},           \
        {.method = "DELETE",                                                                       \
         .pattern = base "/:id/logs",                                                              \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_id,                                                                    \
         .handle = purge},                                                                         \
    {                                                                                              \
        .method = "POST", .pattern = base "/:id/replay", .run = MC_HTTP_WRITE,                     \
        .prepare = prepare_replay, .handle = replay                                                \
    }

const mc_http_route *mc__webhooks_log_routes(size_t *out_count)
{
    static const mc_http_route table[] = {FAMILY("/webhooks"), FAMILY("/org-webhooks")};

    *out_count = MC_LEN(table);
    return table;
}
