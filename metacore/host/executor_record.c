/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a request that was answered: its numbers and its line in the log. */
#include "metacore/host/executor_internal.h"

#include "metacore/obs/trace.h"

#define KVS_MAX 12

/* Words of our own, for a method is what the client likes to write. */
static mc_str method_label(mc_str method)
{
    static const mc_str known[] = {
        MC_STR_INIT("GET"),    MC_STR_INIT("POST"), MC_STR_INIT("PUT"),    MC_STR_INIT("PATCH"),
        MC_STR_INIT("DELETE"), MC_STR_INIT("HEAD"), MC_STR_INIT("OPTIONS")};

    for (size_t i = 0; i < MC_LEN(known); i++) {
        if (mc_str_eq(method, known[i]))
            return known[i];
    }
    return MC_STR("other");
}

/* The series of what this thread answered lately. Methods and patterns are told apart by where they
 * lie, for each has one place for as long as the executor lives, and so have its threads. */
typedef struct recent {
    const mc_executor *self;
    const char *method, *path;
    int status;
    mc_series *requests, *durations;
} recent;

#define RECENT_MAX 64 /* a power of two */

static recent *find_recent(const mc_executor *self, mc_str method, mc_str path, int status)
{
    static _Thread_local recent kept[RECENT_MAX];
    uintptr_t place = (uintptr_t)path.ptr / 8 + (uintptr_t)method.ptr + (uintptr_t)status;
    recent *r = &kept[(place ^ place >> 6) % RECENT_MAX];

    if (r->self != self || r->path != path.ptr || r->method != method.ptr || r->status != status)
        *r = (recent){
            .self = self, .method = method.ptr, .path = path.ptr, .status = status}; /* forgotten */
    return r;
}

/* duration_us negative: there is none. */
static void count(const mc_executor *self, mc_str method, mc_str path, int status,
                  int64_t duration_us)
{
    recent *r = find_recent(self, method, path, status);
    char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10)};
    mc_str values[] = {method, path, mc_str_of(digits, sizeof(digits))};

    if (!r->requests && self->config.requests)
        r->requests = mc_metric_series(self->config.requests, values);
    if (!r->durations && self->config.durations && duration_us >= 0)
        r->durations = mc_metric_series(self->config.durations, values);
    mc_series_add(r->requests, 1);
    if (duration_us >= 0)
        mc_series_observe(r->durations, duration_us);
}

/* Paths that no route has are one series, whatever a stranger asks for. */
static mc_str path_label(const mc__work *w)
{
    return w->req.match.route ? w->req.match.pattern : MC_STR("other");
}

/* A request in so many, each thread for itself: cheap, and even enough. */
static bool is_sampled(int one_in)
{
    static _Thread_local unsigned seen;

    return one_in == 0 || (one_in > 0 && seen++ % (unsigned)one_in == 0);
}

static void log_access(const mc__work *w, int64_t duration_us)
{
    const mc_message *message = w->req.message;
    const mc_ctx *ctx = &w->req.ctx;
    char trace_id[32];
    mc_kv kvs[KVS_MAX];
    size_t n = 0;

    kvs[n++] = MC_KV_STR("method", message->method);
    kvs[n++] = MC_KV_STR("path", message->path);
    kvs[n++] = MC_KV_STR("route", path_label(w));
    kvs[n++] = MC_KV_I64("status", w->res.status);
    kvs[n++] = MC_KV_I64("bytes", w->sent_bytes);
    kvs[n++] = MC_KV_I64("duration", duration_us * 1000); /* nanoseconds, as ever */
    kvs[n++] = MC_KV_STR("request_id", ctx->request_id);
    if (mc_trace_is_set(&ctx->trace)) {
        mc_trace_hex(ctx->trace.trace_id, sizeof(ctx->trace.trace_id), trace_id);
        kvs[n++] = MC_KV_STR("trace_id", mc_str_of(trace_id, sizeof(trace_id)));
    }
    if (!mc_uuid_is_nil(ctx->who.user_id))
        kvs[n++] = MC_KV_UUID("user_id", ctx->who.user_id);
    if (!mc_uuid_is_nil(ctx->who.org_id))
        kvs[n++] = MC_KV_UUID("org_id", ctx->who.org_id);
    mc_log_write(w->self->config.log, MC_LOG_INFO, "request", kvs, n);
}

static void tell(const mc__work *w, int64_t duration_us)
{
    const mc_ctx *ctx = &w->req.ctx;
    const mc_message *message = w->req.message;
    mc_str method = method_label(message->method);

    mc_span_exporter_add(
        w->self->config.spans,
        &(mc_span){.trace = &ctx->trace,
                   .started_at = ctx->now,
                   .duration_us = duration_us,
                   .method = mc_str_eq(method, message->method) ? method : MC_STR(""),
                   .route = w->req.match.pattern,
                   .path = message->path,
                   .scheme = message->is_tls ? MC_STR("https") : MC_STR("http"),
                   .status = w->res.status,
                   .request_id = ctx->request_id,
                   .user_id = ctx->who.user_id,
                   .org_id = ctx->who.org_id});
}

void mc__work_record(const mc__work *w)
{
    mc_executor *self = w->self;
    mc_log *log = self->config.log;
    int64_t duration_us = mc_clock_monotonic_us(self->config.clock) - w->started_us;

    count(self, method_label(w->req.message->method), path_label(w), w->res.status, duration_us);
    if (mc_log_is_on(log, MC_LOG_INFO) &&
        (w->res.status >= 400 || is_sampled(self->config.access_sample)))
        log_access(w, duration_us);
    if (self->config.spans && (w->req.ctx.trace.flags & MC_TRACE_SAMPLED))
        tell(w, duration_us);
    if (w->res.stream && w->err.code != MC_OK) /* the client saw it break off */
        mc_log_warn(log, "request.torn", MC_KV_STR("request_id", w->req.ctx.request_id),
                    MC_KV_ERR("error", &w->err));
    if (w->res.status >= 500)
        mc_log_error(log, "request.failed", MC_KV_STR("request_id", w->req.ctx.request_id),
                     MC_KV_ERR("error", &w->err));
}

void mc__record_refusal(mc_executor *self, int status)
{
    count(self, MC_STR("other"), MC_STR("other"), status, -1);
}
