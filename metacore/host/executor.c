/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/executor_internal.h"

#include "metacore/host/language.h"
#include "metacore/obs/trace.h"

#include <stdlib.h>
#include <unistd.h>

#define WORKER_QUEUE_MAX 1024
#define RETRY_AFTER_S 1
#define BATCH_US 500 /* a write waits for no more than this and one request */

typedef mc__batch batch;
typedef mc__work work;

/* A pool thread's own read-only connection; made by its first job, closed with the thread. */
static _Thread_local mc_db_conn *worker_conn;

/* ---- the end of a request ---- */

void mc__work_seal(mc__work *w)
{
    if (w->self->config.cors)
        mc_http_cors_apply(w->self->config.cors, &w->req, &w->res);
    mc_http_res_seal(&w->res, &w->req);
}

static void answer(work *w)
{
    mc_answer out;

    mc__work_seal(w);
    out = mc_http_res_answer(&w->res);
    w->sent_bytes = w->req.message->is_head ? 0 : out.body.len;
    mc__work_record(w);
    mc_exchange_answer(w->x, &out);
}

/* The envelope, in the reader's language where there is a text for it. */
static void write_error(mc__work *w)
{
    mc_str vary = mc_http_res_get_header(&w->res, MC_STR("Vary"));
    mc_str message = mc_http_error_message(&w->req.ctx, &w->err);
    bool is_translated = mc__say_error(w->self->config.i18n, &w->req.ctx, &message);

    mc_http_error_as(&w->res, &w->req.ctx, &w->err, message);
    if (!is_translated)
        return;
    mc_http_res_header(&w->res, MC_STR("Content-Language"), w->req.ctx.lang);
    if (mc_str_find(vary, MC_STR("Accept-Language")) == vary.len)
        mc_http_res_header(
            &w->res, MC_STR("Vary"),
            vary.len ? mc_str_printf(w->req.ctx.arena, "%.*s, Accept-Language", MC_FMT(vary))
                     : MC_STR("Accept-Language"));
}

void mc__work_finish(mc__work *w, mc_code rc)
{
    w->req.ctx.conn = NULL;
    if (rc == MC_OK && w->res.stream)
        rc = mc_fail(&w->err, MC_INTERNAL, "only a route that is MC_HTTP_LONG may stream");
    if (rc == MC_OK)
        rc = mc_http_res_finish(&w->res, &w->err);
    if (w->res.push && mc__work_push(w, &rc))
        return;
    if (rc != MC_OK) {
        w->err.code = rc;
        write_error(w);
    }
    answer(w);
}

/* ---- the parts of a request ---- */

/* Whether a token was sent at all, wherever the route takes one from. */
static bool has_token(mc_http_req *req)
{
    mc_err ignored;

    if (mc_http_header(req, MC_STR("authorization")).len > 0)
        return true;
    return mc_auth_query_token(req->match.route).len > 0 &&
           mc_http_query_parse(req, &ignored) == MC_OK &&
           mc_http_query(req, mc_auth_query_token(req->match.route)).len > 0;
}

/* Who asks and in which language; needs ctx.conn for what no cache holds. */
static mc_code identify(work *w)
{
    const mc_http_route *route = w->req.match.route;

    w->req.ctx.lang =
        mc_i18n_negotiate(w->self->config.i18n, mc_http_header(&w->req, MC_STR("accept-language")));
    if (route && (route->flags & (MC_HTTP_PUBLIC | MC_HTTP_LOCAL)))
        return MC_OK;
    if (route && (route->flags & MC_HTTP_OPTIONAL) && !has_token(&w->req))
        return MC_OK;
    return mc_auth_authenticate(w->self->config.auth, &w->req, &w->err);
}

mc_code mc__work_prepare(mc__work *w)
{
    const mc_http_route *route = w->req.match.route;
    mc_code rc;

    if (w->is_identified)
        return MC_OK;
    rc = identify(w);
    mc_db_conn_set_org(w->req.ctx.conn, w->req.ctx.who.org_id);
    if (rc == MC_OK && route->prepare)
        rc = route->prepare(&w->req, &w->res, route->user, &w->err);
    if (rc == MC_OK && !(route->flags & MC_HTTP_BODY_FILE))
        rc = mc__work_claim(w);
    w->is_identified = rc == MC_OK;
    return rc;
}

static mc_code handle(work *w)
{
    const mc_http_route *route = w->req.match.route;

    if (w->claim && route->run == MC_HTTP_WRITE)
        return mc__work_handle_once(w, route->handle);
    if (w->claim)
        return mc__work_run_once(w, route->handle);
    return route->handle(&w->req, &w->res, route->user, &w->err);
}

static mc_code handle_in_transaction(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work *w = user;
    mc_code rc;

    (void)conn;
    (void)ctx; /* both are in w->req.ctx */
    rc = mc_dynamic_end(&w->req.ctx, handle(w), &w->err);
    if (rc != MC_OK)
        *err = w->err;
    return rc;
}

/* ---- the writer ---- */

static void written(mc_db_job *job, mc_code rc)
{
    work *w = mc_container_of(job, work, job.writer);

    if (rc != MC_OK)
        w->err = job->err;
    if (rc == MC_INTERRUPTED && mc_dynamic_is_asking(&w->req.ctx))
        mc__ask_submit(w);
    else
        mc__work_finish(w, rc);
}

static void submit_batch(mc_executor *self, unsigned loop)
{
    batch *writes = &self->batches[loop];
    mc_db_job *first = writes->first;

    writes->first = NULL;
    writes->last = &writes->first;
    if (first)
        mc_db_submit_all(self->config.db, first);
}

/* Not at once: the first write would wake the writer and be committed without the others. */
static void submit_write(work *w)
{
    batch *writes = &w->self->batches[mc_exchange_loop(w->x)];

    w->job.writer =
        (mc_db_job){.ctx = &w->req.ctx, .fn = handle_in_transaction, .user = w, .done = written};
    w->req.ctx.conn = NULL; /* the writer brings its own */
    if (!writes->first)
        writes->since_us = w->started_us;
    *writes->last = &w->job.writer;
    writes->last = &w->job.writer.next;
}

static void on_batch(void *user, unsigned loop)
{
    submit_batch(user, loop);
}

/* Reads that take their time must not keep the writes before them from the disk. */
static void submit_overdue(mc_executor *self, unsigned loop, int64_t now_us)
{
    const batch *writes = &self->batches[loop];

    if (writes->first && now_us - writes->since_us > BATCH_US)
        submit_batch(self, loop);
}

/* ---- the pool ---- */

void mc__worker_stop(void *user)
{
    (void)user;
    if (worker_conn)
        mc_db_reader_close(worker_conn);
    worker_conn = NULL;
}

static mc_code bind_worker(mc__work *w)
{
    const mc_http_route *route = w->req.match.route;
    mc_code rc = MC_OK;

    if (!worker_conn) {
        rc = mc_db_reader_open(w->self->config.db, &worker_conn, &w->err);
        if (rc == MC_OK && route && route->run == MC_HTTP_LONG)
            mc_db_conn_set_scanning(worker_conn); /* a thread of the long pool runs nothing else */
    }
    if (rc != MC_OK)
        return rc;
    w->req.ctx.conn = worker_conn;
    mc_db_conn_set_org(worker_conn, (mc_uuid){{0}}); /* not the request's before it */
    return MC_OK;
}

mc_code mc__work_run(mc__work *w)
{
    mc_code rc = bind_worker(w);

    if (rc == MC_OK)
        rc = mc__work_prepare(w);
    if (rc == MC_OK)
        rc = mc__work_claim(w); /* of a body in a file: only here there is time to read it */
    if (rc != MC_OK)
        return rc;
    return w->req.match.route->run == MC_HTTP_WRITE ? mc__work_write(w, handle_in_transaction)
                                                    : handle(w);
}

static void worker_job(mc_job *job)
{
    work *w = mc_container_of(job, work, job.pool);

    mc__work_finish(w, mc__work_run(w));
}

static void submit_pool_job(work *w, void (*run)(mc_job *job))
{
    mc_code rc;

    w->job.pool = (mc_job){.run = run};
    w->req.ctx.conn = NULL;
    rc = mc_pool_submit(w->self->pool, &w->job.pool, &w->err);
    if (rc != MC_OK)
        mc__work_finish(w, rc);
}

static void submit_pool(work *w)
{
    submit_pool_job(w, worker_job);
}

/* Whatever the abandoned run wrote is forgotten; its arena memory waits for the request's end. */
static void start_over_in_pool(work *w)
{
    w->is_identified = false;
    w->claim = NULL;
    w->req.state = NULL;
    w->req.ctx.field_error_count = 0;
    w->req.ctx.failure_code = w->req.ctx.failure_meta = MC_STR("");
    w->req.ctx.failure_is_told = false;
    mc_http_res_init(&w->res, w->req.ctx.arena);
    submit_pool(w);
}

/* ---- the loop ---- */

/* Who it is decides whether it may wait in line at all. */
static void submit_long(work *w)
{
    mc_db_conn *conn = w->self->loop_conns[mc_exchange_loop(w->x)];
    mc_code rc = MC_OK;

    if (w->self->dialect == MC_DB_SQLITE) {
        w->req.ctx.conn = conn;
        mc_db_conn_set_budget(conn, MC_READ_BUDGET_US);
        rc = mc__work_prepare(w);
        mc_db_conn_set_budget(conn, 0);
    }
    if (rc == MC_OK || rc == MC_INTERRUPTED)
        mc__long_submit(w);
    else
        mc__work_finish(w, rc);
}

static void run_on_loop(work *w)
{
    mc_http_run run = w->req.match.route->run;
    mc_db_conn *conn = w->self->loop_conns[mc_exchange_loop(w->x)];
    mc_code rc;

    if (run == MC_HTTP_LONG) {
        submit_long(w);
        return;
    }
    if (run == MC_HTTP_POOL || w->self->dialect != MC_DB_SQLITE) {
        submit_pool(w);
        return;
    }
    w->req.ctx.conn = conn;
    mc_db_conn_set_budget(conn, MC_READ_BUDGET_US);
    rc = mc__work_prepare(w);
    if (rc == MC_OK && run == MC_HTTP_READ)
        rc = handle(w);
    mc_db_conn_set_budget(conn, 0);
    if (rc == MC_INTERRUPTED)
        start_over_in_pool(w);
    else if (rc == MC_OK && run == MC_HTTP_WRITE)
        submit_write(w);
    else
        mc__work_finish(w, rc);
}

/* "/api" itself and what is below, written in any case, as the router reads paths. */
static bool is_api_path(mc_str path)
{
    mc_str prefix = MC_STR("/api");

    return mc_str_eq_nocase(mc_str_slice(path, 0, prefix.len), prefix) &&
           (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

static void answer_no_route(work *w)
{
    w->req.ctx.conn = NULL;
    mc_http_no_route(&w->res, &w->req);
    answer(w);
}

static void no_route_job(mc_job *job)
{
    work *w = mc_container_of(job, work, job.pool);
    mc_code rc = bind_worker(w);

    if (rc == MC_OK)
        rc = identify(w);
    if (rc == MC_OK)
        answer_no_route(w);
    else
        mc__work_finish(w, rc);
}

/* No such route: a stranger learns nothing about which paths exist below /api. */
static void refuse_path(work *w)
{
    bool is_api = is_api_path(w->req.message->path);
    mc_db_conn *conn = w->self->loop_conns[mc_exchange_loop(w->x)];
    mc_code rc = MC_OK;

    if (is_api && w->self->dialect != MC_DB_SQLITE) { /* who asks is known beyond a socket */
        submit_pool_job(w, no_route_job);
        return;
    }
    w->req.ctx.conn = conn;
    mc_db_conn_set_budget(conn, MC_READ_BUDGET_US);
    if (is_api)
        rc = identify(w);
    mc_db_conn_set_budget(conn, 0);
    if (rc != MC_OK && rc != MC_INTERRUPTED)
        mc__work_finish(w, rc);
    else
        answer_no_route(w);
}

/* By its own traces' ids, so that all who ask decide alike. */
static bool is_told(const mc_executor *self, const mc_trace *trace)
{
    uint32_t chance;

    memcpy(&chance, trace->trace_id + sizeof(trace->trace_id) - sizeof(chance), sizeof(chance));
    return (double)chance >= self->config.trace_untold * ((double)UINT32_MAX + 1);
}

/* The request's id and its place in a trace. Whether a trace is kept is decided where it begins. */
static void name_request(work *w)
{
    mc_trace *trace = &w->req.ctx.trace;

    (void)mc_http_request_id(&w->req); /* also kept in the ctx */
    mc_http_trace(&w->req);
    if (w->self->config.spans && !mc_trace_has_parent(trace) && is_told(w->self, trace))
        trace->flags |= MC_TRACE_SAMPLED;
}

static void on_request(void *user, mc_exchange *x)
{
    mc_executor *self = user;
    const mc_message *message = mc_exchange_message(x);
    mc_arena *arena = mc_exchange_arena(x);
    work *w = mc_arena_object(arena, work);
    bool is_hidden;

    if (!w) {
        mc_answer out = {.status = 503};

        mc__record_refusal(self, out.status);
        mc_exchange_answer(x, &out);
        return;
    }
    w->self = self;
    w->x = x;
    w->started_us = mc_clock_monotonic_us(self->config.clock);
    submit_overdue(self, mc_exchange_loop(x), w->started_us);
    mc_http_req_init(&w->req, message, arena);
    mc_http_res_init(&w->res, arena);
    w->req.is_local = mc_exchange_is_local(x);
    w->req.ctx.now = mc_clock_now(self->config.clock);
    name_request(w);

    if (self->config.cors && mc_http_cors_preflight(self->config.cors, &w->req, &w->res)) {
        answer(w);
        return;
    }
    mc_http_router_find(self->config.router, message->method, message->path, arena, &w->req.match);
    is_hidden =
        w->req.match.route && (w->req.match.route->flags & MC_HTTP_LOCAL) && !w->req.is_local;
    if (is_hidden)
        w->req.match = (mc_http_match){0};
    if (w->req.match.route)
        run_on_loop(w);
    else
        refuse_path(w);
}

/* Before a large body is read its sender must be somebody. */
static void refuse_stranger(mc_executor *self, mc_exchange *x, const mc_http_match *match,
                            mc_admission *admission)
{
    work *w = mc_arena_object(mc_exchange_arena(x), work);
    mc_db_conn *conn = self->loop_conns[mc_exchange_loop(x)];
    mc_code rc;

    if (!w || (match->route->flags & (MC_HTTP_PUBLIC | MC_HTTP_LOCAL)))
        return;
    w->self = self;
    w->started_us = mc_clock_monotonic_us(self->config.clock);
    mc_http_req_init(&w->req, mc_exchange_message(x), mc_exchange_arena(x));
    mc_http_res_init(&w->res, mc_exchange_arena(x));
    w->req.match = *match;
    w->req.ctx.now = mc_clock_now(self->config.clock);
    w->req.ctx.conn = conn;
    name_request(w);
    mc_db_conn_set_budget(conn, MC_READ_BUDGET_US);
    rc = identify(w);
    mc_db_conn_set_budget(conn, 0);
    if (rc == MC_OK || rc == MC_INTERRUPTED)
        return;
    write_error(w);
    mc__work_seal(w);
    admission->refuse = mc_http_res_answer(&w->res);
    w->sent_bytes = admission->refuse.body.len;
    mc__work_record(w);
}

static void on_head(void *user, mc_exchange *x, mc_admission *admission)
{
    mc_executor *self = user;
    const mc_message *message = mc_exchange_message(x);
    mc_http_match match;

    mc_http_router_find(self->config.router, message->method, message->path, mc_exchange_arena(x),
                        &match);
    if (match.route && match.route->max_body_bytes)
        admission->max_body_bytes = match.route->max_body_bytes;
    if (match.route && (match.route->flags & MC_HTTP_BODY_FILE)) {
        admission->to_file = true;
        refuse_stranger(self, x, &match, admission);
    }
}

static void on_refusal(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out)
{
    static mc_header headers[] = {
        {MC_STR_INIT("Content-Type"), MC_STR_INIT("application/json; charset=utf-8")},
        {MC_STR_INIT("X-Content-Type-Options"), MC_STR_INIT("nosniff")},
    };
    mc_buf body;

    mc__record_refusal(user, status);
    mc_buf_init_arena(&body, arena, 0);
    mc_buf_lit(&body, "{\"message\":");
    mc_json_write_str(&body, message);
    mc_buf_lit(&body, ",\"success\":false}");
    out->headers = headers;
    out->header_count = MC_LEN(headers);
    if (!mc_buf_failed(&body))
        out->body = mc_buf_get(&body);
}

static mc_code loop_start(void *user, unsigned loop, mc_err *err)
{
    mc_executor *self = user;

    return mc_db_reader_open(self->config.db, &self->loop_conns[loop], err);
}

static void loop_stop(void *user, unsigned loop)
{
    mc_executor *self = user;

    if (self->loop_conns[loop])
        mc_db_reader_close(self->loop_conns[loop]);
    self->loop_conns[loop] = NULL;
}

/* ---- life cycle ---- */

mc_code mc_executor_new(const mc_executor_config *config, mc_executor **out, mc_err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    mc_pool_config pool = {MC_POOL_CONFIG, .queue_max = WORKER_QUEUE_MAX, .name = "mc-worker",
                           .thread_stop = mc__worker_stop};
    mc_executor *self = calloc(1, sizeof(*self));
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "executor");
    self->config = *config;
    self->dialect = mc_db_dialect_of(config->db);
    self->loop_count = config->loops;
    mc_mutex_init(&self->mu);
    self->loop_conns = calloc(self->loop_count ? self->loop_count : 1, sizeof(mc_db_conn *));
    self->batches = calloc(self->loop_count ? self->loop_count : 1, sizeof(batch));
    if (!self->loop_conns || !self->batches) {
        rc = mc_fail(err, MC_NO_MEMORY, "executor: %u loops", self->loop_count);
        goto fail;
    }
    for (unsigned i = 0; i < self->loop_count; i++)
        self->batches[i].last = &self->batches[i].first;
    pool.threads = config->workers ? config->workers : (cores > 0 ? 2 * (unsigned)cores : 2);
    rc = mc_pool_new(&pool, &self->pool, err);
    if (rc == MC_OK)
        rc = mc__long_new(self, err);
    if (rc == MC_OK)
        rc = mc__ask_new(self, err);
    if (rc != MC_OK)
        goto fail;
    *out = self;
    return MC_OK;

fail:
    mc_executor_free(self);
    return rc;
}

void mc_executor_free(mc_executor *self)
{
    if (!self)
        return;
    mc__long_free(self);
    mc_pool_free(self->pool);
    mc_pool_free(self->ask_pool);
    mc_mutex_deinit(&self->mu);
    free(self->loop_conns);
    free(self->batches);
    free(self);
}

mc_db_conn *mc_executor_loop_conn(mc_executor *self, unsigned loop)
{
    return self->loop_conns[loop];
}

void mc_executor_get_stats(mc_executor *self, mc_pool_stats *out_pool, mc_pool_stats *out_long)
{
    mc_pool_get_stats(self->pool, out_pool);
    mc_pool_get_stats(self->long_pool, out_long);
}

mc_server_handler mc_executor_handler(mc_executor *self)
{
    return (mc_server_handler){.on_head = on_head,
                               .on_request = on_request,
                               .on_refusal = on_refusal,
                               .on_batch = on_batch,
                               .loop_start = loop_start,
                               .loop_stop = loop_stop,
                               .user = self};
}
