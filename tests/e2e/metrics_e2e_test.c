/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator sees: /metrics and who may read it, readiness, the access log. */
#include "mc_client.h"
#include "mc_test.h"
#include "mc_ws_client.h"

#include "metacore/base/arena.h"
#include "metacore/base/json.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define TOKEN "0123456789abcdef-metrics"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"

static const char *const watched[] = {
    "--dev", "--metrics-listen", "127.0.0.1:0", "--metrics-token", TOKEN, NULL};

/* The server's own log so far. */
static mc_str log_of(const mc_process *process)
{
    static char text[1 << 20];
    FILE *file = fopen(process->log, "rbe");
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    text[got] = '\0';
    return mc_str_of(text, got);
}

static unsigned metrics_port(const mc_process *process)
{
    static const char mark[] = "metrics at http://127.0.0.1:";
    const char *at = NULL;

    for (int i = 0; i < 500 && !at; i++) {
        const struct timespec pause = {.tv_nsec = 10000000};

        at = strstr(log_of(process).ptr, mark);
        if (!at)
            (void)nanosleep(&pause, NULL); /* the line follows the one that was waited for */
    }
    return at ? (unsigned)strtoul(at + sizeof(mark) - 1, NULL, 10) : 0;
}

static bool start(mc_process *process, mc_client *client, const char *const *args)
{
    if (!mc_process_start(process, mc_test_dir(), args))
        return false;
    mc_client_init(client, process->port);
    return true;
}

static void stop(mc_process *process, mc_client *client)
{
    mc_client_deinit(client);
    MC_EXPECT_EQ(mc_process_stop(process, SIGTERM), 0);
}

static int get_with(mc_client *client, const char *path, const char *header)
{
    return mc_client_call_type(client, "GET", path, NULL, MC_STR(""), header);
}

/* The number behind "name{labels} "; -1: no such line. */
static double value_of(const mc_client *client, const char *series)
{
    char line[256];
    size_t at;

    (void)snprintf(line, sizeof(line), "\n%s ", series);
    at = mc_str_find(client->body, mc_z(line));
    return at < client->body.len ? strtod(client->body.ptr + at + strlen(line), NULL) : -1;
}

static int scrape(mc_client *client)
{
    return get_with(client, "/metrics", BEARER);
}

MC_TEST("W31: /metrics is nobody's without a token, and does not exist where none is set")
{
    static const struct {
        const char *name, *header;
        int status;
    } cases[] = {
        {"nothing", "", 401},
        {"another token", "Authorization: Bearer 0123456789abcdef-metricz\r\n", 401},
        {"a part of it", "Authorization: Bearer 0123456789abcdef\r\n", 401},
        {"another scheme", "Authorization: Basic " TOKEN "\r\n", 401},
        {"the token", BEARER, 200},
        {"the token, the scheme in lower case", "authorization: bearer " TOKEN "\r\n", 200},
    };
    mc_process process;
    mc_client client, own;

    MC_REQUIRE(start(&process, &client, watched));
    mc_client_init(&own, metrics_port(&process));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(get_with(&client, "/metrics", cases[i].header), cases[i].status);
        MC_EXPECT_EQ(get_with(&own, "/metrics", cases[i].header), cases[i].status);
    }
    MC_CASE(NULL);
    MC_EXPECT_HAS(client.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    MC_EXPECT_HAS(own.head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    /* Nobody's ordinary token opens it. */
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/metrics", NULL), 401);
    mc_client_deinit(&own);
    stop(&process, &client);

    MC_REQUIRE(start(&process, &client, (const char *const[]){"--dev", NULL}));
    MC_EXPECT_EQ(get_with(&client, "/metrics", ""), 404);
    MC_EXPECT_EQ(get_with(&client, "/metrics", BEARER), 404);
    MC_EXPECT_EQ(get_with(&client, "/metrics", "Authorization: Bearer \r\n"), 404);
    stop(&process, &client);
}

MC_TEST("/metrics is packed for who asks for it, and says the same")
{
    static const struct {
        const char *accept;
        bool is_packed;
    } cases[] = {{"", false},
                 {"Accept-Encoding: gzip\r\n", true},
                 {"Accept-Encoding: br, GZIP;q=0.5\r\n", true},
                 {"Accept-Encoding: gzip;q=0.000, identity\r\n", false},
                 {"Accept-Encoding: *\r\n", false}};
    static unsigned char plain[1 << 20];
    mc_process process;
    mc_client client;

    MC_REQUIRE(start(&process, &client, watched));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        char header[200];

        MC_CASE(cases[i].accept);
        (void)snprintf(header, sizeof(header), "%s%s", BEARER, cases[i].accept);
        MC_EXPECT_EQ(get_with(&client, "/metrics", header), 200);
        MC_EXPECT_HAS(client.head, "Vary: Accept-Encoding");
        MC_EXPECT_EQ(mc_str_find(client.head, MC_STR("Content-Encoding: gzip")) < client.head.len,
                     cases[i].is_packed);
        if (cases[i].is_packed) {
            z_stream stream = {.next_in = (Bytef *)(uintptr_t)client.body.ptr,
                               .avail_in = (uInt)client.body.len,
                               .next_out = plain,
                               .avail_out = sizeof(plain)};

            MC_REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
            MC_EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
            MC_EXPECT_HAS(mc_str_of((char *)plain, stream.total_out), "\nws_connections 0\n");
            (void)inflateEnd(&stream);
        }
    }
    stop(&process, &client);
}

MC_TEST("without a token the own listener is open, and has nothing but the operator's pages")
{
    mc_process process;
    mc_client client, own;

    MC_REQUIRE(start(&process, &client,
                     (const char *const[]){"--dev", "--metrics-listen", "127.0.0.1:0", NULL}));
    mc_client_init(&own, metrics_port(&process));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/metrics", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&own, "GET", "/metrics", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&own, "GET", "/healthz", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&own, "GET", "/readyz", NULL), 200);
    MC_EXPECT_Z(own.body, "{\"checks\":{\"database\":\"ok\",\"disk\":\"ok\",\"migrations\":\"ok\","
                          "\"serving\":\"ok\",\"writer\":\"ok\"},\"status\":\"ready\"}");
    MC_EXPECT_EQ(mc_client_call(&own, "GET", "/api/metadata/all", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&own, "POST", "/metrics", "{}"), 405);
    mc_client_deinit(&own);
    stop(&process, &client);
}

MC_TEST("a token that is too short keeps the server from starting")
{
    char out[4096];
    const char *dir = mc_test_dir();

    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"serve", "--dev", "--data", dir, "--listen",
                                             "127.0.0.1:0", "--metrics-token", "short", NULL},
                       NULL, out, sizeof(out)),
        1);
    MC_EXPECT_HAS(mc_z(out), "METACORE_METRICS_TOKEN");
}

MC_TEST("infra 15: paths are counted by their routes, and those without one are one series")
{
    mc_process process;
    mc_client client;
    char path[128];

    MC_REQUIRE(start(&process, &client, watched));
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    for (int i = 0; i < 60; i++) {
        (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/00000000-0000-7000-8000-%012d", i);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 404);
        (void)snprintf(path, sizeof(path), "/random-%d", i);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 404);
    }
    MC_EXPECT_EQ(mc_client_call(&client, "BREW", "/random", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&client, "TRACE", "/random", NULL), 404);
    client.token[0] = '\0';
    MC_EXPECT_EQ(scrape(&client), 200);
    MC_EXPECT_EQ(value_of(&client, "http_requests_total{method=\"GET\",path=\"/api/dynamic/:model/"
                                   ":id\",status=\"404\"}"),
                 60);
    MC_EXPECT_EQ(value_of(&client, "http_request_duration_seconds_count{method=\"GET\",path=\"/api/"
                                   "dynamic/:model/:id\"}"),
                 60);
    MC_EXPECT_EQ(
        value_of(&client, "http_requests_total{method=\"GET\",path=\"other\",status=\"404\"}"), 60);
    MC_EXPECT_EQ(
        value_of(&client, "http_requests_total{method=\"other\",path=\"other\",status=\"404\"}"),
        2);
    MC_EXPECT(mc_str_find(client.body, MC_STR("random")) == client.body.len);
    stop(&process, &client);
}

MC_TEST("infra 4: a path that is not UTF-8 and a body of another type are answered and counted")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(start(&process, &client, watched));
    (void)mc_client_raw(&client, MC_STR("GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"));
    MC_EXPECT(client.status >= 400 && client.status < 500);
    MC_EXPECT_EQ(mc_client_call_type(&client, "POST", "/api/auth/login", "application/cbor",
                                     MC_STR("\xa1\x61"), NULL),
                 415);
    MC_EXPECT_EQ(mc_client_call_type(&client, "POST", "/api/auth/login", "application/vnd.msgpack",
                                     MC_STR("\x81"), NULL),
                 415);
    (void)mc_client_raw(&client, MC_STR("GET / HTTP/1.1\r\n folded: x\r\n\r\n"));
    MC_EXPECT_EQ(client.status, 400);
    MC_EXPECT_EQ(scrape(&client), 200);
    MC_EXPECT_EQ(
        value_of(&client,
                 "http_requests_total{method=\"POST\",path=\"/api/auth/login\",status=\"415\"}"),
        2);
    MC_EXPECT(value_of(&client,
                       "http_requests_total{method=\"other\",path=\"other\",status=\"400\"}") >= 1);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    stop(&process, &client);
}

MC_TEST("infra 17: statuses are logged and counted as sent, once, with one request id")
{
    mc_process process;
    mc_client client;
    mc_str log;
    size_t at;

    MC_REQUIRE(start(&process, &client, watched));
    MC_EXPECT_EQ(get_with(&client, "/api/dynamic/tickets", "X-Request-ID: the-one.1_2\r\n"), 401);
    MC_EXPECT_HAS(client.head, "X-Request-ID: the-one.1_2\r\n");
    MC_EXPECT_EQ(get_with(&client, "/healthz", "X-Request-ID: no spaces\r\n"), 200);
    MC_EXPECT(mc_str_find(client.head, MC_STR("no spaces")) == client.head.len);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(get_with(&client, "/api/dynamic/tickets?q=secret", "X-Request-ID: second\r\n"),
                 200);
    log = log_of(&process);
    MC_EXPECT_HAS(log, "\"msg\":\"request\",\"method\":\"GET\",\"path\":\"/api/dynamic/tickets\","
                       "\"route\":\"/api/dynamic/:model\",\"status\":401,\"bytes\":");
    at = mc_str_find(log, MC_STR("the-one.1_2"));
    MC_EXPECT(at < log.len);
    MC_EXPECT(mc_str_find(mc_str_slice(log, at + 1, log.len), MC_STR("the-one.1_2")) ==
              log.len - at - 1);
    MC_EXPECT_HAS(log, "\"request_id\":\"second\"");
    MC_EXPECT_HAS(log, "\"user_id\":\"");
    MC_EXPECT_HAS(log, "\"org_id\":\"");
    MC_EXPECT(mc_str_find(log, MC_STR("secret")) == log.len);
    client.token[0] = '\0';
    MC_EXPECT_EQ(scrape(&client), 200);
    MC_EXPECT_EQ(value_of(&client, "http_requests_total{method=\"GET\",path=\"/api/dynamic/"
                                   ":model\",status=\"401\"}"),
                 1);
    stop(&process, &client);
}

MC_TEST("of what goes well one in so many is logged, of what does not all")
{
    mc_process process;
    mc_client client;
    mc_str log;
    size_t lines = 0, failures = 0, at;

    MC_REQUIRE(
        start(&process, &client,
              (const char *const[]){"--dev", "--loops", "1", "--access-sample", "10", NULL}));
    for (int i = 0; i < 40; i++)
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    for (int i = 0; i < 5; i++)
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/nothing", NULL), 404);
    log = log_of(&process);
    for (mc_str rest = log; (at = mc_str_find(rest, MC_STR("\"msg\":\"request\""))) < rest.len;
         rest = mc_str_slice(rest, at + 1, rest.len))
        lines++;
    for (mc_str rest = log; (at = mc_str_find(rest, MC_STR("\"status\":404"))) < rest.len;
         rest = mc_str_slice(rest, at + 1, rest.len))
        failures++;
    MC_EXPECT_EQ(failures, 5);
    MC_EXPECT_EQ(lines, 9);
    stop(&process, &client);
}

/* Some are counted just after the answer: looks until series is at least so much. */
static bool follow_up(mc_client *client, const char *series, double least)
{
    const struct timespec pause = {.tv_nsec = 10000000};

    for (int i = 0; i < 1000; i++) {
        if (scrape(client) == 200 && value_of(client, series) >= least)
            return true;
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
    }
    return false;
}

MC_TEST("what the database, the pools and the server do moves their numbers")
{
    static const char *const moving[] = {"metacore_db_group_jobs_count",
                                         "metacore_db_commit_seconds_count",
                                         "metacore_db_group_seconds_count",
                                         "metacore_db_statements_total{cache=\"hit\"}",
                                         "metacore_db_statements_total{cache=\"miss\"}",
                                         "metacore_connections_total",
                                         "metacore_server_requests_total",
                                         "metacore_received_bytes_total",
                                         "metacore_eventlog_events_total",
                                         "metacore_outbox_jobs_total{status=\"success\"}",
                                         "metacore_sent_bytes_total",
                                         "metacore_pool_done_total{pool=\"workers\"}",
                                         "metacore_pool_done_total{pool=\"long\"}"};
    static const char *const there[] = {"ws_connections",
                                        "metacore_eventlog_streams",
                                        "metacore_outbox_running",
                                        "metacore_outbox_late_seconds",
                                        "metacore_ws_messages_total",
                                        "metacore_db_queue_depth",
                                        "metacore_db_queue_max",
                                        "metacore_db_wal_pages",
                                        "metacore_streams_open",
                                        "metacore_connections_open",
                                        "metacore_build_info{version=\"0.1.0\"}",
                                        "process_cpu_seconds_total",
                                        "process_open_fds"};
    double before[MC_LEN(moving)];
    mc_process process;
    mc_client client, more;
    mc_ws_client socket;
    char path[2200];

    MC_REQUIRE(start(&process, &client, watched));
    mc_client_init(&more, process.port);
    MC_EXPECT_EQ(scrape(&client), 200);
    for (size_t i = 0; i < MC_LEN(moving); i++)
        before[i] = value_of(&client, moving[i]);
    for (size_t i = 0; i < MC_LEN(there); i++) {
        MC_CASE(there[i]);
        MC_EXPECT(value_of(&client, there[i]) >= 0);
    }
    MC_CASE(NULL);
    MC_REQUIRE(mc_client_sign_in(&more, "owner@example.com", "metacore-demo") == 200);
    (void)snprintf(path, sizeof(path), "/api/ws?token=%s", more.token);
    MC_EXPECT_EQ(mc_ws_open(&socket, process.port, path, NULL), 101);
    for (int i = 0; i < 70; i++)
        MC_EXPECT_EQ(mc_client_call(&more, "GET", "/api/dynamic/tickets?page=1", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&more, "POST", "/api/dynamic/tickets", "{\"subject\":\"x\"}"), 201);
    MC_EXPECT_EQ(mc_client_call(&more, "GET", "/api/dynamic/tickets/export?format=csv", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&more, "POST", "/api/outbox/jobs",
                                "{\"kind\":\"eventlog.emit\",\"payload\":{\"type\":\"x\"}}"),
                 201);
    MC_EXPECT(follow_up(&client, "ws_connections", 1));
    for (size_t i = 0; i < MC_LEN(moving); i++) {
        MC_CASE(moving[i]);
        MC_EXPECT(before[i] >= 0);
        MC_EXPECT(follow_up(&client, moving[i], before[i] + 1e-9));
    }
    mc_ws_deinit(&socket);
    mc_client_deinit(&more);
    stop(&process, &client);
}

/* One GET on the control socket; the answer into out. */
static bool ask_local(const mc_process *process, const char *target, char *out, size_t size)
{
    char path[256];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[256];
    size_t got = 0;
    ssize_t n;
    int len = snprintf(request, sizeof(request),
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);

    (void)snprintf(path, sizeof(path), "%s/control.sock", process->data);
    if (strlen(path) < sizeof(address.sun_path))
        memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        write(fd, request, (size_t)len) == len) {
        while (got < size - 1 && (n = read(fd, out + got, size - 1 - got)) > 0)
            got += (size_t)n;
    }
    (void)close(fd);
    out[got] = '\0';
    return got > 0;
}

MC_TEST("the control socket shows the operator everything, without a token")
{
    static char out[1 << 18];
    mc_process process;
    mc_client client;

    MC_REQUIRE(start(&process, &client, (const char *const[]){"--dev", NULL}));
    MC_EXPECT(ask_local(&process, "/metrics", out, sizeof(out)));
    MC_EXPECT_HAS(mc_z(out), "\nmetacore_build_info{version=");
    MC_EXPECT(ask_local(&process, "/readyz", out, sizeof(out)));
    MC_EXPECT_HAS(mc_z(out), "\"migrations\":\"ok\"");
    stop(&process, &client);
}

MC_TEST("a server that lacks something is not ready; only the operator learns what")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(start(&process, &client,
                     (const char *const[]){"--dev", "--disk-min-mb", "1000000000",
                                           "--metrics-token", TOKEN, NULL}));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/readyz", NULL), 503);
    MC_EXPECT_HAS(client.body, "Service unavailable (request ");
    MC_EXPECT(mc_str_find(client.body, MC_STR("disk")) == client.body.len);
    MC_EXPECT_EQ(get_with(&client, "/readyz", BEARER), 503);
    MC_EXPECT_HAS(client.body, "\"disk\":\"nearly full\"");
    MC_EXPECT_HAS(client.body, "\"status\":\"not ready\"");
    stop(&process, &client);
}

MC_TEST("while it drains a server is not ready and serves on; a second signal ends the wait")
{
    mc_process process;
    mc_client client;
    int status = 200;

    MC_REQUIRE(
        start(&process, &client, (const char *const[]){"--dev", "--drain-seconds", "600", NULL}));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/readyz", NULL), 200);
    MC_REQUIRE(kill(process.pid, SIGTERM) == 0);
    for (int i = 0; i < 1000 && status == 200; i++) {
        const struct timespec pause = {.tv_nsec = 10000000};

        (void)nanosleep(&pause, NULL);
        status = mc_client_call(&client, "GET", "/readyz", NULL);
    }
    MC_EXPECT_EQ(status, 503);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    stop(&process, &client);
}

/* ---- what others make of it ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

/* Past what is between a bracket at at and its end. */
static size_t skip(mc_str expr, size_t at, char end)
{
    return mc_str_find_char(expr, at, end) + 1;
}

/* Whether the scrape has a family of that name; of histograms, what is written of them. */
static bool has_family(const mc_client *client, mc_str name)
{
    static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};

    for (size_t i = 0; i < MC_LEN(suffixes); i++) {
        mc_str base = mc_str_slice(name, 0, name.len - strlen(suffixes[i]));
        char line[256];

        if (!mc_str_ends_with(name, mc_z(suffixes[i])))
            continue;
        (void)snprintf(line, sizeof(line), "# TYPE %.*s %s", MC_FMT(base), i ? "histogram" : "");
        if (mc_str_find(client->body, mc_z(line)) < client->body.len)
            return true;
    }
    return false;
}

/* Each word of expr that is neither a function nor a label is a metric that exists; how many. */
static int check_expr(const mc_client *client, mc_str expr)
{
    int found = 0;

    for (size_t at = 0; at < expr.len;) {
        size_t from = at;
        mc_str word;

        if (expr.ptr[at] == '{' || expr.ptr[at] == '[') {
            at = skip(expr, at, expr.ptr[at] == '{' ? '}' : ']');
            continue;
        }
        while (at < expr.len && is_name_char(expr.ptr[at]))
            at++;
        word = mc_str_slice(expr, from, at);
        if (word.len == 0) {
            at++;
        } else if (mc_str_eq(word, MC_STR("by"))) {
            at = skip(expr, at, ')');
        } else if (!(word.ptr[0] >= '0' && word.ptr[0] <= '9') &&
                   !(at < expr.len &&
                     (expr.ptr[at] == '(' ||
                      mc_str_starts_with(mc_str_slice(expr, at, expr.len), MC_STR(" by"))))) {
            MC_CASE(expr.ptr);
            MC_EXPECT(has_family(client, word));
            found++;
        }
    }
    return found;
}

static int check_targets(const mc_client *client, const mc_json *panel, mc_arena *arena)
{
    const mc_json *targets = mc_json_find(panel, MC_STR("targets"));
    int found = 0;

    for (size_t i = 0; targets && i < targets->as.array.count; i++) {
        const mc_json *expr = mc_json_find(targets->as.array.items[i], MC_STR("expr"));

        MC_EXPECT(expr && expr->kind == MC_JSON_STRING);
        if (expr && expr->kind == MC_JSON_STRING)
            found += check_expr(client, mc_z(mc_str_z(arena, expr->as.string)));
    }
    return found;
}

MC_TEST("the dashboard shows only what there is")
{
    static char text[1 << 18];
    mc_arena *arena = mc_arena_new(0);
    FILE *file = fopen(MC_TEST_DASHBOARD, "rbe");
    const mc_json *root = NULL, *panels;
    mc_process process;
    mc_client client;
    int found = 0;
    mc_err err;

    MC_REQUIRE(file != NULL);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    (void)fclose(file); /* read only */
    MC_REQUIRE_OK(mc_json_parse(arena, mc_z(text), NULL, &root, &err), &err);
    MC_REQUIRE(start(&process, &client,
                     (const char *const[]){"--dev", "--metrics-token", TOKEN, "--otlp-endpoint",
                                           "http://127.0.0.1:1", NULL}));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT_EQ(scrape(&client), 200);
    MC_EXPECT(!has_family(&client, MC_STR("http_requests")));
    panels = mc_json_find(root, MC_STR("panels"));
    MC_REQUIRE(panels != NULL);
    for (size_t i = 0; i < panels->as.array.count; i++)
        found += check_targets(&client, panels->as.array.items[i], arena);
    MC_CASE(NULL);
    MC_EXPECT(found >= 40);
    stop(&process, &client);
    mc_arena_free(arena);
}

/* The exit status of promtool with path as its input; 127: there is none. */
static int promtool(const char *path)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int in = open(path, O_RDONLY | O_CLOEXEC);

        (void)dup2(in, 0);
        execlp("promtool", "promtool", "check", "metrics", (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

MC_TEST("Prometheus's own parser has nothing to say about /metrics")
{
    mc_process process;
    mc_client client;
    char path[256];
    FILE *file;
    int status;

    MC_REQUIRE(start(&process, &client, watched));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT_EQ(scrape(&client), 200);
    (void)snprintf(path, sizeof(path), "%s/scrape.txt", mc_test_dir());
    file = fopen(path, "wbe");
    MC_REQUIRE(file != NULL);
    MC_EXPECT_EQ(fwrite(client.body.ptr, 1, client.body.len, file), client.body.len);
    MC_EXPECT_EQ(fclose(file), 0);
    status = promtool(path);
    stop(&process, &client);
    if (status == 127)
        MC_SKIP("promtool (Debian's prometheus) is not installed");
    MC_EXPECT_EQ(status, 0);
}
