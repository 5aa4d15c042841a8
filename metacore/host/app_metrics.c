/* SPDX-License-Identifier: Apache-2.0 */
/* The families of /metrics, and who may read them. */
#include "metacore/host/app_internal.h"

#include "metacore/host/gzip.h"

#define US 1000000 /* ticks of a second */

/* ---- what the host counts itself ---- */

static const int64_t http_bounds[] = {5000,   10000,   25000,   50000,   100000,  250000,
                                      500000, 1000000, 2500000, 5000000, 10000000};
static const int64_t commit_bounds[] = {100,   250,   500,    1000,   2500,   5000,
                                        10000, 25000, 100000, 500000, 2500000};
static const int64_t group_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

static mc_code add_http(mc__app_numbers *n, mc_err *err)
{
    mc_code rc =
        mc_metrics_add(n->registry,
                       &(mc_metric_def){MC_METRIC_DEF, .name = "http_requests_total",
                                        .help = "Requests by method, route and status as sent.",
                                        .kind = MC_METRIC_COUNTER,
                                        .labels = {"method", "path", "status"}, .series_max = 2000},
                       &n->requests, err);

    if (rc == MC_OK)
        rc = mc_metrics_add(
            n->registry,
            &(mc_metric_def){MC_METRIC_DEF, .name = "notification_deliveries_total",
                             .help = "Attempts of notifications by channel and outcome.",
                             .kind = MC_METRIC_COUNTER, .labels = {"channel", "status"}},
            &n->notifications, err);
    if (rc == MC_OK)
        rc = mc_metrics_add(n->registry,
                            &(mc_metric_def){MC_METRIC_DEF, .name = "metacore_hooks_total",
                                             .help = "Calls of addons' hooks by event and outcome.",
                                             .kind = MC_METRIC_COUNTER,
                                             .labels = {"event", "outcome"}},
                            &n->hooks, err);
    if (rc != MC_OK)
        return rc;
    return mc_metrics_add(
        n->registry,
        &(mc_metric_def){MC_METRIC_DEF, .name = "http_request_duration_seconds",
                         .help = "From a whole request to its answer, by method and route.",
                         .kind = MC_METRIC_HISTOGRAM, .labels = {"method", "path"}, .scale = US,
                         .bounds = http_bounds, .bound_count = MC_LEN(http_bounds)},
        &n->durations, err);
}

static mc_code add_plain(mc__app_numbers *n, const mc_metric_def *def, mc_series **out, mc_err *err)
{
    mc_metric *metric = NULL;
    mc_code rc = mc_metrics_add(n->registry, def, &metric, err);

    if (rc == MC_OK)
        *out = mc_metric_series(metric, NULL);
    return rc;
}

static mc_code add_database(mc__app_numbers *n, mc_err *err)
{
    const struct {
        mc_metric_def def;
        mc_series **out;
    } families[] = {
        {{MC_METRIC_DEF, .name = "metacore_db_group_jobs", .help = "Writes of one commit.",
          .kind = MC_METRIC_HISTOGRAM, .bounds = group_bounds, .bound_count = MC_LEN(group_bounds)},
         &n->group_jobs},
        {{MC_METRIC_DEF, .name = "metacore_db_group_seconds",
          .help = "What the writes of one commit took before it.", .kind = MC_METRIC_HISTOGRAM,
          .scale = US, .bounds = commit_bounds, .bound_count = MC_LEN(commit_bounds)},
         &n->group_run},
        {{MC_METRIC_DEF, .name = "metacore_db_commit_seconds",
          .help = "What it took to make a group of writes durable.", .kind = MC_METRIC_HISTOGRAM,
          .scale = US, .bounds = commit_bounds, .bound_count = MC_LEN(commit_bounds)},
         &n->group_commit},
        {{MC_METRIC_DEF, .name = "metacore_db_jobs_failed_total",
          .help = "Writes that were rolled back.", .kind = MC_METRIC_COUNTER},
         &n->jobs_failed},
        {{MC_METRIC_DEF, .name = "metacore_db_commits_failed_total",
          .help = "Commits that failed, with all their writes.", .kind = MC_METRIC_COUNTER},
         &n->commits_failed},
    };
    mc_code rc = MC_OK;

    for (size_t i = 0; i < MC_LEN(families) && rc == MC_OK; i++)
        rc = add_plain(n, &families[i].def, families[i].out, err);
    return rc;
}

void mc__app_on_group(void *user, const mc_db_group *group)
{
    mc__app_numbers *n = &((mc_app *)user)->numbers;

    mc_series_observe(n->group_jobs, group->jobs);
    mc_series_observe(n->group_run, group->run_us);
    mc_series_observe(n->group_commit, group->commit_us);
    mc_series_add(n->jobs_failed, group->failed);
    mc_series_add(n->commits_failed, group->rc != MC_OK);
}

/* ---- what its parts count ---- */

static void put(mc_metrics_sink *sink, const char *name, mc_metric_kind kind, const char *help,
                uint64_t value)
{
    mc_metrics_family(sink, name, kind, 1, help);
    mc_metrics_sample(sink, NULL, MC_STR(""), (int64_t)value);
}

static void gauge(mc_metrics_sink *sink, const char *name, const char *help, uint64_t value)
{
    put(sink, name, MC_METRIC_GAUGE, help, value);
}

static void counter(mc_metrics_sink *sink, const char *name, const char *help, uint64_t value)
{
    put(sink, name, MC_METRIC_COUNTER, help, value);
}

static void collect_database(mc_metrics_sink *sink, void *user)
{
    mc_app *app = user;
    mc_db_stats stats;

    if (!mc_db_get_stats(app->db, &stats))
        return;
    gauge(sink, "metacore_db_queue_depth", "Writes that wait for the writer.", stats.queued);
    gauge(sink, "metacore_db_queue_max", "Writes that may wait.", stats.queue_max);
    counter(sink, "metacore_db_refused_total", "Writes that found the queue full.",
            stats.refused_total);
    mc_metrics_family(sink, "metacore_db_statements_total", MC_METRIC_COUNTER, 1,
                      "Statements by whether the connection had them prepared.");
    mc_metrics_sample(sink, "cache", MC_STR("hit"), (int64_t)stats.statements_found);
    mc_metrics_sample(sink, "cache", MC_STR("miss"), (int64_t)stats.statements_made);
    counter(sink, "metacore_db_checkpoints_total", "Checkpoints of the write-ahead log.",
            stats.checkpoints_total);
    gauge(sink, "metacore_db_wal_pages", "Pages in the write-ahead log.", stats.wal_pages);
    gauge(sink, "metacore_db_readers", "Connections for reading.", stats.readers);
    mc_metrics_family(sink, "metacore_db_writer_busy_seconds", MC_METRIC_GAUGE, US,
                      "How long the writer has been at what it does now; 0: it waits.");
    mc_metrics_sample(sink, NULL, MC_STR(""),
                      stats.busy_since_us > 0
                          ? mc_clock_monotonic_us((mc_clock){NULL, NULL}) - stats.busy_since_us
                          : 0);
}

static void collect_pools(mc_metrics_sink *sink, void *user)
{
    static const mc_str names[] = {MC_STR_INIT("workers"), MC_STR_INIT("long")};
    mc_app *app = user;
    mc_pool_stats stats[2];

    if (!app->executor)
        return;
    mc_executor_get_stats(app->executor, &stats[0], &stats[1]);
    mc_metrics_family(sink, "metacore_pool_threads", MC_METRIC_GAUGE, 1, "Threads of a pool.");
    for (size_t i = 0; i < MC_LEN(stats); i++)
        mc_metrics_sample(sink, "pool", names[i], stats[i].threads);
    mc_metrics_family(sink, "metacore_pool_running", MC_METRIC_GAUGE, 1, "Jobs that run.");
    for (size_t i = 0; i < MC_LEN(stats); i++)
        mc_metrics_sample(sink, "pool", names[i], stats[i].running);
    mc_metrics_family(sink, "metacore_pool_queued", MC_METRIC_GAUGE, 1, "Jobs that wait.");
    for (size_t i = 0; i < MC_LEN(stats); i++)
        mc_metrics_sample(sink, "pool", names[i], stats[i].queued);
    mc_metrics_family(sink, "metacore_pool_queue_max", MC_METRIC_GAUGE, 1, "Jobs that may wait.");
    for (size_t i = 0; i < MC_LEN(stats); i++)
        mc_metrics_sample(sink, "pool", names[i], stats[i].queue_max);
    mc_metrics_family(sink, "metacore_pool_done_total", MC_METRIC_COUNTER, 1, "Jobs that ran.");
    for (size_t i = 0; i < MC_LEN(stats); i++)
        mc_metrics_sample(sink, "pool", names[i], (int64_t)stats[i].done_total);
    mc_metrics_family(sink, "metacore_pool_refused_total", MC_METRIC_COUNTER, 1,
                      "Jobs that found the queue full.");
    for (size_t i = 0; i < MC_LEN(stats); i++)
        mc_metrics_sample(sink, "pool", names[i], (int64_t)stats[i].refused_total);
}

static void collect_server(mc_metrics_sink *sink, void *user)
{
    mc_app *app = user;
    mc_server_stats stats;

    if (!app->server)
        return;
    mc_server_get_stats(app->server, &stats);
    gauge(sink, "metacore_connections_open", "Connections.", stats.connections_open);
    counter(sink, "metacore_connections_total", "Connections that were accepted.",
            stats.connections_total);
    counter(sink, "metacore_server_requests_total", "Whole requests.", stats.requests_total);
    counter(sink, "metacore_server_refused_total", "Requests that were refused unread.",
            stats.refused_total);
    counter(sink, "metacore_received_bytes_total", "Bytes received, TLS not included.",
            stats.bytes_in);
    counter(sink, "metacore_sent_bytes_total", "Bytes sent, TLS not included.", stats.bytes_out);
    gauge(sink, "metacore_sockets_open", "WebSockets, as the server counts them.",
          stats.sockets_open);
    gauge(sink, "metacore_streams_open", "Answers that are being written piece by piece.",
          stats.streams_open);
}

static void collect_ws(mc_metrics_sink *sink, void *user)
{
    mc_app *app = user;
    mc_ws_stats stats;

    if (!app->ws)
        return;
    mc_ws_get_stats(app->ws, &stats);
    gauge(sink, "ws_connections", "WebSockets that follow something or may.", stats.sockets);
    counter(sink, "metacore_ws_messages_total", "Messages that were sent or published.",
            stats.messages);
    counter(sink, "metacore_ws_lost_total", "Messages that found no room, by loop.", stats.lost);
}

static void collect_spans(mc_metrics_sink *sink, void *user)
{
    mc_app *app = user;
    mc_span_stats stats;

    if (!mc__app_spans(app))
        return;
    mc_span_exporter_get_stats(mc__app_spans(app), &stats);
    gauge(sink, "metacore_spans_queued", "Spans that wait for the collector.", stats.queued);
    counter(sink, "metacore_spans_exported_total", "Spans that the collector took.",
            stats.exported_total);
    counter(sink, "metacore_spans_dropped_total", "Spans that found no room or no collector.",
            stats.dropped_total);
}

static void outcomes(mc_metrics_sink *sink, const char *name, const char *help, uint64_t succeeded,
                     uint64_t failed)
{
    mc_metrics_family(sink, name, MC_METRIC_COUNTER, 1, help);
    mc_metrics_sample(sink, "status", MC_STR("success"), (int64_t)succeeded);
    mc_metrics_sample(sink, "status", MC_STR("failure"), (int64_t)failed);
}

static void collect_deliveries(mc_metrics_sink *sink, void *user)
{
    mc_app *app = user;
    mc_webhooks_counts webhooks = {0};
    uint64_t sent = 0, unsent = 0;

    if (!app->webhooks || !app->push)
        return;
    webhooks = mc_webhooks_count(app->webhooks);
    outcomes(sink, "webhook_deliveries_total", "Attempts of webhooks' deliveries.",
             webhooks.succeeded, webhooks.failed);
    gauge(sink, "metacore_webhook_attempts_running", "Attempts that are under way.",
          webhooks.running);
    mc_push_count(app->push, &sent, &unsent);
    outcomes(sink, "push_sends_total", "Messages to push services.", sent, unsent);
}

static void collect_log_and_jobs(mc_metrics_sink *sink, void *user)
{
    mc_app *app = user;
    mc_eventlog_counts log;
    mc_outbox_counts jobs;

    if (!app->eventlog || !app->outbox)
        return;
    log = mc_eventlog_count(app->eventlog);
    jobs = mc_outbox_count(app->outbox);
    counter(sink, "metacore_eventlog_events_total", "Events that were committed.", log.events);
    gauge(sink, "metacore_eventlog_streams", "Event streams that are open.", log.streams);
    outcomes(sink, "metacore_outbox_jobs_total", "Attempts of durable jobs.", jobs.done,
             jobs.failed);
    gauge(sink, "metacore_outbox_running", "Durable jobs that run.", jobs.running);
}

/* ---- what waits in the database ---- */

typedef struct waiting {
    mc_app *app;
    int64_t notifications, jobs, dead;
    mc_time oldest_notification, oldest_job, now;
} waiting;

static mc_code count_waiting(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    waiting *w = user;
    mc_code rc =
        mc_notify_depth(w->app->notify, ctx, &w->notifications, &w->oldest_notification, err);

    (void)conn; /* in ctx */
    if (rc == MC_OK)
        rc = mc_outbox_depth(w->app->outbox, ctx, &w->jobs, &w->oldest_job, &w->dead, err);
    return rc;
}

static void write_age(mc_metrics_sink *sink, const char *name, const char *help, mc_time since,
                      mc_time now)
{
    mc_metrics_family(sink, name, MC_METRIC_GAUGE, US, help);
    mc_metrics_sample(sink, NULL, MC_STR(""), since > 0 && since < now ? now - since : 0);
}

static void collect_waiting(mc_metrics_sink *sink, void *user)
{
    waiting w = {.app = user};
    mc_ctx ctx;
    mc_err err;

    if (!w.app->notify || mc__app_ctx_init(w.app, &ctx, &err) != MC_OK)
        return;
    w.now = ctx.now;
    if (mc_db_read(w.app->db, &ctx, count_waiting, &w, &err) == MC_OK) {
        gauge(sink, "metacore_notifications_open", "Notifications that are not delivered yet.",
              (uint64_t)w.notifications);
        write_age(sink, "metacore_notifications_oldest_seconds",
                  "Age of the oldest of them; 0: there is none.", w.oldest_notification, w.now);
        mc_metrics_family(sink, "metacore_outbox_jobs", MC_METRIC_GAUGE, 1,
                          "Jobs that wait or run, and those that failed for good.");
        mc_metrics_sample(sink, "status", MC_STR("open"), w.jobs);
        mc_metrics_sample(sink, "status", MC_STR("dead"), w.dead);
        write_age(sink, "metacore_outbox_late_seconds",
                  "How long the job that is due longest has been; 0: none is.", w.oldest_job,
                  w.now);
    }
    mc__app_ctx_deinit(&ctx);
}

static void collect_build(mc_metrics_sink *sink, void *user)
{
    (void)user;
    mc_metrics_family(sink, "metacore_build_info", MC_METRIC_GAUGE, 1, "Always 1.");
    mc_metrics_sample(sink, "version", MC_STR(MC_VERSION), 1);
}

mc_code mc__app_metrics_new(mc_app *app, mc_err *err)
{
    static const mc_metrics_fn collectors[] = {
        collect_database, collect_pools,      collect_server,       collect_ws,
        collect_spans,    collect_deliveries, collect_log_and_jobs, collect_waiting,
        collect_build,    mc_metrics_process};
    mc__app_numbers *n = &app->numbers;
    mc_code rc = mc_metrics_new(&n->registry, err);

    if (rc == MC_OK)
        rc = add_http(n, err);
    if (rc == MC_OK)
        rc = add_database(n, err);
    for (size_t i = 0; i < MC_LEN(collectors) && rc == MC_OK; i++)
        rc = mc_metrics_collect(n->registry, collectors[i], app, err);
    return rc;
}

/* ---- GET /metrics ---- */

/* A weight (RFC 9110, section 12.4.2) of nothing but zeros. */
static bool is_zero_weight(mc_str params)
{
    size_t at = mc_str_find(params, MC_STR("q="));

    if (at == params.len)
        return false;
    for (size_t i = at + 2; i < params.len; i++) {
        if (params.ptr[i] >= '1' && params.ptr[i] <= '9')
            return false;
    }
    return true;
}

/* "gzip" by name; "*" alone is no wish. */
static bool takes_gzip(mc_str accept)
{
    mc_str item, name;

    while (mc_str_split(&accept, ',', &item)) {
        if (mc_str_split(&item, ';', &name) && mc_str_eq_nocase(mc_str_trim(name), MC_STR("gzip")))
            return !is_zero_weight(item);
    }
    return false;
}

static mc_code compress_body(mc_http_res *res, mc_err *err)
{
    mc_str plain = mc_buf_get(&res->body), packed;
    mc_code rc = mc__gzip(res->body.arena, plain, &packed, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_clear(&res->body);
    mc_buf_str(&res->body, packed);
    mc_http_res_header(res, MC_STR("Content-Encoding"), MC_STR("gzip"));
    return mc_buf_check(&res->body, "metrics", err);
}

static mc_code show(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_code rc;

    if (!req->is_local && !mc__app_has_token(app, mc_http_header(req, MC_STR("authorization"))))
        return mc_fail(err, MC_UNAUTHENTICATED, "the metrics token is wanted");
    res->status = 200;
    mc_http_content_type(res, MC_STR(MC_METRICS_CONTENT_TYPE));
    mc_http_res_header(res, MC_STR("Cache-Control"), MC_STR("no-store"));
    mc_http_res_header(res, MC_STR("Vary"), MC_STR("Accept-Encoding"));
    rc = mc_metrics_write(app->numbers.registry, &res->body, err);
    return rc == MC_OK && takes_gzip(mc_http_header(req, MC_STR("accept-encoding")))
               ? compress_body(res, err)
               : rc;
}

/* Without a token to ask for, the main listener has no such route. */
mc_http_route mc__app_metrics_route(mc_app *app)
{
    bool is_served = mc_secret_get(&app->metrics_token).len > 0;

    return (mc_http_route){.method = "GET",
                           .pattern = "/metrics",
                           .run = MC_HTTP_POOL,
                           .flags = is_served ? MC_HTTP_PUBLIC : MC_HTTP_LOCAL,
                           .handle = show,
                           .user = app};
}
