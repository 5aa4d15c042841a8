/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators see and do: each of their own organization. */
#include "metacore/outbox/outbox_internal.h"

#define LIST_LIMIT 50
#define LIST_LIMIT_MAX 200

#define JOB_COLUMNS                                                                                \
    "id, kind, status, payload, dedupe_key, attempts, max_attempts, due_at, created_at, "          \
    "updated_at, last_error"

static mc_code check(mc_outbox *self, mc_http_req *req, mc_err *err)
{
    return self->config.check(self->config.check_user, mc_http_ctx(req), MC_STR("outbox.manage"),
                              err);
}

/* ---- rows as JSON ---- */

typedef struct shape {
    const char *key;
    enum { TEXT, NUMBER, TIME, JSON } type;
} shape;

static void write_value(mc_buf *out, mc_db_rows *rows, size_t at, const shape *s)
{
    if (mc_db_col_is_null(rows, at)) {
        mc_buf_lit(out, "null");
    } else if (s->type == NUMBER) {
        mc_buf_i64(out, mc_db_col_int(rows, at));
    } else if (s->type == TIME) {
        mc_buf_char(out, '"');
        mc_time_write(out, mc_db_col_time(rows, at));
        mc_buf_char(out, '"');
    } else if (s->type == JSON) {
        mc_buf_str(out, mc_db_col_text(rows, at));
    } else {
        mc_json_write_str(out, mc_db_col_text(rows, at));
    }
}

static void write_row(mc_buf *out, mc_db_rows *rows, const shape *shapes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mc_buf_printf(out, "%c\"%s\":", i ? ',' : '{', shapes[i].key);
        write_value(out, rows, i, &shapes[i]);
    }
    mc_buf_char(out, '}');
}

static const shape job_shape[] = {
    {"id", TEXT},         {"kind", TEXT},       {"status", TEXT},         {"payload", JSON},
    {"dedupe_key", TEXT}, {"attempts", NUMBER}, {"max_attempts", NUMBER}, {"due_at", TIME},
    {"created_at", TIME}, {"updated_at", TIME}, {"last_error", TEXT}};
static const shape schedule_shape[] = {
    {"id", TEXT},      {"name", TEXT},        {"cron", TEXT},      {"kind", TEXT},
    {"payload", JSON}, {"next_run_at", TIME}, {"created_at", TIME}};
static const shape consumer_shape[] = {
    {"name", TEXT},       {"sequence", NUMBER},  {"last_sequence", NUMBER},
    {"failures", NUMBER}, {"next_try_at", TIME}, {"last_error", TEXT}};

static mc_code write_rows(mc_ctx *ctx, mc_str sql, const mc_db_value *args, size_t arg_count,
                          const shape *shapes, size_t shape_count, mc_buf *out, mc_err *err)
{
    bool is_first = true;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, sql, args, arg_count, &rows, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        write_row(out, &rows, shapes, shape_count);
    }
    mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}

/* ---- jobs ---- */

typedef struct wanted {
    mc_db_value args[5];
    size_t count;
    mc_buf sql;
} wanted;

static void and_equal(wanted *w, const char *column, mc_str value)
{
    if (value.len == 0)
        return;
    w->args[w->count++] = mc_db_text(value);
    mc_buf_printf(&w->sql, " AND %s = $%zu", column, w->count);
}

static mc_code read_wanted(mc_http_req *req, wanted *w, mc_err *err)
{
    mc_str before = mc_http_query(req, MC_STR("before"));
    mc_str limit = mc_http_query(req, MC_STR("limit"));
    uint32_t count = LIST_LIMIT;
    mc_uuid id;

    mc_buf_init_arena(&w->sql, mc_http_ctx(req)->arena, 0);
    mc_buf_lit(&w->sql, "SELECT " JOB_COLUMNS " FROM outbox_jobs WHERE organization_id = $1");
    w->args[0] = mc_db_uuid(mc_http_ctx(req)->who.org_id);
    w->count = 1;
    and_equal(w, "status", mc_http_query(req, MC_STR("status")));
    and_equal(w, "kind", mc_http_query(req, MC_STR("kind")));
    if (before.len > 0) {
        if (!mc_uuid_parse(before, &id))
            return mc_fail(err, MC_INVALID, "before: want a job's id");
        w->args[w->count++] = mc_db_uuid(id);
        mc_buf_printf(&w->sql, " AND id < $%zu", w->count);
    }
    if (limit.len > 0 && !mc_str_u32(limit, 1, LIST_LIMIT_MAX, &count))
        return mc_fail(err, MC_INVALID, "limit: want 1 to %d", LIST_LIMIT_MAX);
    w->args[w->count++] = mc_db_int(count);
    mc_buf_printf(&w->sql, " ORDER BY id DESC LIMIT $%zu", w->count);
    return mc_buf_check(&w->sql, "outbox", err);
}

/* GET /outbox/jobs */
static mc_code list_jobs(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    wanted w;
    mc_code rc = check(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        rc = read_wanted(req, &w, err);
    if (rc == MC_OK)
        rc = write_rows(mc_http_ctx(req), mc_buf_get(&w.sql), w.args, w.count, job_shape,
                        MC_LEN(job_shape), mc_http_ok_begin(res, 200), err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

static mc_code write_job(mc_ctx *ctx, mc_uuid id, mc_http_res *res, int status, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_buf *out = mc_http_ok_begin(res, status);
    bool is_found;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("SELECT " JOB_COLUMNS " FROM outbox_jobs WHERE id = $1 AND organization_id = $2"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    is_found = mc_db_rows_next(&rows);
    if (is_found)
        write_row(out, &rows, job_shape, MC_LEN(job_shape));
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "job not found");
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* GET /outbox/jobs/:id */
static mc_code get_job(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_uuid id;
    mc_code rc = check(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    return rc == MC_OK ? write_job(mc_http_ctx(req), id, res, 200, err) : rc;
}

/* What a body of POST /outbox/jobs and /outbox/schedules says. */
typedef struct input {
    mc_outbox_job_input job;
    mc_str name, cron, status;
    mc_uuid id;
} input;

static mc_code read_text(const mc_json *body, const char *key, mc_str *out, mc_err *err)
{
    const mc_json *value = mc_json_find(body, mc_z(key));

    if (value && value->kind != MC_JSON_NULL && !mc_json_get_str(value, out))
        return mc_fail(err, MC_INVALID, "%s: want text", key);
    return MC_OK;
}

static mc_code read_numbers(const mc_json *body, input *in, mc_str run_at, mc_err *err)
{
    const mc_json *attempts = mc_json_find(body, MC_STR("max_attempts"));

    if (attempts && attempts->kind != MC_JSON_NULL &&
        !mc_json_get_i64(attempts, 1, MC_OUTBOX_ATTEMPTS_MAX, &in->job.max_attempts))
        return mc_fail(err, MC_INVALID, "max_attempts: want 1 to %d", MC_OUTBOX_ATTEMPTS_MAX);
    if (run_at.len > 0 && !mc_time_parse(run_at, &in->job.run_at))
        return mc_fail(err, MC_INVALID, "run_at: want a time, 2026-11-24T10:00:00Z");
    return MC_OK;
}

static mc_code read_payload(mc_arena *arena, const mc_json *body, mc_str *out, mc_err *err)
{
    const mc_json *payload = mc_json_find(body, MC_STR("payload"));
    mc_buf text;

    if (!payload || payload->kind == MC_JSON_NULL)
        return MC_OK;
    mc_buf_init_arena(&text, arena, 0);
    mc_json_write(&text, payload);
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "payload", err);
}

/* Somebody who may, a kind that administrators may, and everything that is read without a database.
 */
static mc_code prepare_input(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_outbox *self = user;
    input *in = mc_arena_object(mc_http_ctx(req)->arena, input);
    const mc_outbox_kind *kind;
    mc_str run_at = MC_STR("");
    const mc_json *body = NULL;
    mc_code rc = in ? check(self, req, err) : mc_fail(err, MC_NO_MEMORY, "outbox");

    (void)res;
    req->state = in;
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc == MC_OK)
        rc = read_text(body, "kind", &in->job.kind, err);
    if (rc == MC_OK)
        rc = read_text(body, "dedupe_key", &in->job.dedupe_key, err);
    if (rc == MC_OK)
        rc = read_text(body, "run_at", &run_at, err);
    if (rc == MC_OK)
        rc = read_text(body, "name", &in->name, err);
    if (rc == MC_OK)
        rc = read_text(body, "cron", &in->cron, err);
    if (rc == MC_OK)
        rc = read_numbers(body, in, run_at, err);
    if (rc == MC_OK)
        rc = read_payload(mc_http_ctx(req)->arena, body, &in->job.payload, err);
    kind = rc == MC_OK ? mc__outbox_kind_of(self, in->job.kind) : NULL;
    if (rc == MC_OK && (!kind || !kind->is_public))
        rc = mc_fail(err, MC_INVALID, "kind: there is none of that name to ask for");
    return rc;
}

/* POST /outbox/jobs */
static mc_code create_job(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const input *in = req->state;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_uuid id;
    mc_code rc = mc_outbox_enqueue(user, ctx, &in->job, &id, err);

    return rc == MC_OK ? write_job(ctx, id, res, 201, err) : rc;
}

static mc_code prepare_id(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    input *in = mc_arena_object(mc_http_ctx(req)->arena, input);
    mc_code rc = in ? check(user, req, err) : mc_fail(err, MC_NO_MEMORY, "outbox");

    (void)res;
    req->state = in;
    return rc == MC_OK ? mc_http_param_uuid(req, MC_STR("id"), &in->id, err) : rc;
}

/* Whether the job is there decides between 404 and 409. */
static mc_code refuse_job(mc_http_req *req, mc_http_res *res, mc_uuid id, const char *why,
                          mc_err *err)
{
    mc_code rc = write_job(mc_http_ctx(req), id, res, 200, err);

    return rc == MC_OK ? mc_fail(err, MC_CONFLICT, "%s", why) : rc;
}

/* POST /outbox/jobs/:id/retry */
static mc_code retry_job(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_uuid id = ((const input *)req->state)->id;
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id), mc_db_time(ctx->now)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("UPDATE outbox_jobs SET status = 'pending', due_at = $3, "
                                   "updated_at = $3, attempts = 0 WHERE id = $1 AND "
                                   "organization_id = $2 AND status = 'dead'"),
                            args, MC_LEN(args), &changed, err);

    if (rc == MC_CONFLICT)
        return mc_fail(err, MC_CONFLICT, "another job with its dedupe_key waits or runs");
    if (rc == MC_OK && changed == 0)
        return refuse_job(req, res, id, "only a dead job is retried", err);
    if (rc == MC_OK)
        mc__outbox_wake_workers(user); /* who comes too early polls */
    return rc == MC_OK ? write_job(ctx, id, res, 200, err) : rc;
}

/* DELETE /outbox/jobs/:id */
static mc_code delete_job(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_uuid id = ((const input *)req->state)->id;
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM outbox_jobs WHERE id = $1 AND organization_id = $2 "
                                   "AND status <> 'running'"),
                            args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc == MC_OK && changed == 0)
        return refuse_job(req, res, id, "the job is running", err);
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

static mc_code prepare_purge(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    input *in = mc_arena_object(mc_http_ctx(req)->arena, input);
    const mc_json *body;
    mc_code rc = in ? check(user, req, err) : mc_fail(err, MC_NO_MEMORY, "outbox");

    (void)res;
    req->state = in;
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc == MC_OK)
        rc = read_text(body, "status", &in->status, err);
    if (rc == MC_OK && !mc_str_eq(in->status, MC_STR("dead")) &&
        !mc_str_eq(in->status, MC_STR("done")))
        rc = mc_fail(err, MC_INVALID, "status: want dead or done");
    return rc;
}

/* POST /outbox/jobs/purge */
static mc_code purge_jobs(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id),
                          mc_db_text(((const input *)req->state)->status)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(
        ctx->conn, MC_STR("DELETE FROM outbox_jobs WHERE organization_id = $1 AND status = $2"),
        args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "{\"deleted\":%lld}", (long long)changed);
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* ---- schedules ---- */

/* GET /outbox/schedules */
static mc_code list_schedules(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_db_value org = mc_db_uuid(mc_http_ctx(req)->who.org_id);
    mc_code rc = check(user, req, err);

    if (rc == MC_OK)
        rc = write_rows(mc_http_ctx(req),
                        MC_STR("SELECT id, name, cron, kind, payload, next_run_at, created_at FROM "
                               "outbox_schedules WHERE organization_id = $1 ORDER BY name"),
                        &org, 1, schedule_shape, MC_LEN(schedule_shape), mc_http_ok_begin(res, 200),
                        err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* POST /outbox/schedules */
static mc_code create_schedule(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const input *in = req->state;
    mc_buf *out;
    mc_uuid id;
    mc_code rc = mc_outbox_schedule(user, mc_http_ctx(req), in->name, in->cron, in->job.kind,
                                    in->job.payload, &id, err);

    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 201);
    mc_buf_lit(out, "{\"id\":\"");
    mc_uuid_write(out, id);
    mc_buf_lit(out, "\"}");
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* DELETE /outbox/schedules/:id */
static mc_code delete_schedule(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(((const input *)req->state)->id), mc_db_uuid(ctx->who.org_id)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(
        ctx->conn, MC_STR("DELETE FROM outbox_schedules WHERE id = $1 AND organization_id = $2"),
        args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc == MC_OK && changed == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "schedule not found");
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* ---- consumers ---- */

/* GET /outbox/consumers */
static mc_code list_consumers(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_db_value org = mc_db_uuid(mc_http_ctx(req)->who.org_id);
    mc_code rc = check(user, req, err);

    if (rc == MC_OK)
        rc = write_rows(
            mc_http_ctx(req),
            MC_STR("SELECT k.consumer, k.sequence, c.last_sequence, k.failures, k.next_try_at, "
                   "k.last_error FROM outbox_cursors k JOIN eventlog_counters c ON "
                   "c.organization_id = k.organization_id WHERE k.organization_id = $1 ORDER BY "
                   "k.consumer"),
            &org, 1, consumer_shape, MC_LEN(consumer_shape), mc_http_ok_begin(res, 200), err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

static mc_code prepare_skip(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return check(user, req, err);
}

/* POST /outbox/consumers/:name/skip */
static mc_code skip_event(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id),
                          mc_db_text(mc_http_param(req, MC_STR("name")))};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("UPDATE outbox_cursors SET sequence = sequence + 1, failures = "
                                   "0, next_try_at = NULL, last_error = '' WHERE organization_id = "
                                   "$1 AND consumer = $2 AND failures > 0"),
                            args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc == MC_OK && changed == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "no such consumer fails");
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* ---- routes ---- */

static const mc_http_route table[MC__OUTBOX_ROUTES] = {
    {.method = "GET", .pattern = "/outbox/jobs", .run = MC_HTTP_READ, .handle = list_jobs},
    {.method = "POST",
     .pattern = "/outbox/jobs",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_input,
     .handle = create_job},
    {.method = "GET", .pattern = "/outbox/jobs/:id", .run = MC_HTTP_READ, .handle = get_job},
    {.method = "DELETE",
     .pattern = "/outbox/jobs/:id",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_id,
     .handle = delete_job},
    {.method = "POST",
     .pattern = "/outbox/jobs/:id/retry",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_id,
     .handle = retry_job},
    {.method = "POST",
     .pattern = "/outbox/jobs/purge",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_purge,
     .handle = purge_jobs},
    {.method = "GET",
     .pattern = "/outbox/schedules",
     .run = MC_HTTP_READ,
     .handle = list_schedules},
    {.method = "POST",
     .pattern = "/outbox/schedules",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_input,
     .handle = create_schedule},
    {.method = "DELETE",
     .pattern = "/outbox/schedules/:id",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_id,
     .handle = delete_schedule},
    {.method = "GET",
     .pattern = "/outbox/consumers",
     .run = MC_HTTP_READ,
     .handle = list_consumers},
    {.method = "POST",
     .pattern = "/outbox/consumers/:name/skip",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_skip,
     .handle = skip_event},
};

void mc__outbox_add_routes(mc_outbox *self)
{
    for (size_t i = 0; i < MC__OUTBOX_ROUTES; i++) {
        self->routes[i] = table[i];
        self->routes[i].user = self;
    }
}

const mc_http_route *mc_outbox_routes(mc_outbox *self, size_t *out_count)
{
    *out_count = MC__OUTBOX_ROUTES;
    return self->routes;
}
