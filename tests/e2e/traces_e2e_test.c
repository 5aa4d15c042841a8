/* SPDX-License-Identifier: Apache-2.0 */
/* Trace context from a caller to the log and to a collector of our own. */
#include "mc_client.h"
#include "mc_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

/* Answers each request with status and keeps all that it got, heads and bodies. */
typedef struct collector {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t mu;
    char text[1 << 20]; /* guarded by mu, as all below */
    size_t len;
    int status;
    int requests;
} collector;

static collector to;

static void keep(const char *bytes, size_t len)
{
    (void)pthread_mutex_lock(&to.mu);
    if (len < sizeof(to.text) - to.len) {
        memcpy(to.text + to.len, bytes, len);
        to.len += len;
    }
    (void)pthread_mutex_unlock(&to.mu);
}

/* One request off fd; false at its end. */
static bool read_request(int fd)
{
    static char bytes[1 << 19];
    size_t got = 0;

    for (;;) {
        ssize_t n = read(fd, bytes + got, sizeof(bytes) - 1 - got);
        const char *end, *length;

        if (n <= 0)
            return false;
        got += (size_t)n;
        bytes[got] = '\0';
        end = strstr(bytes, "\r\n\r\n");
        length = strstr(bytes, "Content-Length: ");
        if (end && length &&
            got >=
                (size_t)(end + 4 - bytes) + strtoul(length + strlen("Content-Length: "), NULL, 10))
            break;
    }
    keep(bytes, got);
    return true;
}

static void *collect(void *user)
{
    char answer[128];
    int client, len;

    (void)user;
    while ((client = accept(to.fd, NULL, NULL)) >= 0) {
        while (read_request(client)) {
            (void)pthread_mutex_lock(&to.mu);
            to.requests++;
            len = snprintf(answer, sizeof(answer),
                           "HTTP/1.1 %d X\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}",
                           to.status);
            (void)pthread_mutex_unlock(&to.mu);
            if (write(client, answer, (size_t)len) != len)
                break;
        }
        (void)close(client);
    }
    return NULL;
}

static bool collector_start(int status)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    to.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.len = 0;
    to.requests = 0;
    to.status = status;
    if (bind(to.fd, (struct sockaddr *)&address, size) != 0 || listen(to.fd, 8) != 0 ||
        getsockname(to.fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    to.port = ntohs(address.sin_port);
    (void)pthread_mutex_init(&to.mu, NULL);
    return pthread_create(&to.thread, NULL, collect, NULL) == 0;
}

static void collector_stop(void)
{
    (void)shutdown(to.fd, SHUT_RDWR);
    (void)pthread_join(to.thread, NULL);
    (void)close(to.fd);
    (void)pthread_mutex_destroy(&to.mu);
}

static mc_str collected(void)
{
    mc_str text;

    (void)pthread_mutex_lock(&to.mu);
    text = mc_str_of(to.text, to.len); /* grows only behind that */
    (void)pthread_mutex_unlock(&to.mu);
    return text;
}

static bool has_come(const char *text)
{
    const struct timespec pause = {.tv_nsec = 10000000};

    for (int i = 0; i < 2000; i++) {
        mc_str got = collected();

        if (mc_str_find(got, mc_z(text)) < got.len)
            return true;
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
    }
    return false;
}

static bool start(mc_process *process, mc_client *client, const char *ratio)
{
    char endpoint[64];

    (void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u/", to.port);
    if (!mc_process_start(process, mc_test_dir(),
                          (const char *const[]){"--dev", "--otlp-endpoint", endpoint,
                                                "--otlp-headers", "api-key=a%20b, x-more=1",
                                                "--service-name", "shop", "--trace-ratio", ratio,
                                                "--metrics-token", "0123456789abcdef", NULL}))
        return false;
    mc_client_init(client, process->port);
    return true;
}

static int get_with(mc_client *client, const char *path, const char *headers)
{
    return mc_client_call_type(client, "GET", path, NULL, MC_STR(""), headers);
}

MC_TEST("a caller's trace goes on: into the log and to the collector, with his span as the parent")
{
    static char log[1 << 18];
    mc_process process;
    mc_client client;
    FILE *file;

    MC_REQUIRE(collector_start(200));
    MC_REQUIRE(start(&process, &client, "0"));
    MC_EXPECT_EQ(get_with(&client, "/healthz",
                          "traceparent: 00-" TRACE "-" PARENT "-01\r\nX-Request-ID: told\r\n"),
                 200);
    /* Not sampled by its caller, malformed, or begun here with a ratio of 0: not told. */
    MC_EXPECT_EQ(get_with(&client, "/readyz", "traceparent: 00-" TRACE "-" PARENT "-00\r\n"), 200);
    MC_EXPECT_EQ(get_with(&client, "/readyz", "traceparent: 00-" TRACE "-" PARENT "-0g\r\n"), 200);
    MC_EXPECT_EQ(get_with(&client, "/readyz", ""), 200);
    MC_EXPECT_EQ(get_with(&client, "/nowhere",
                          "traceparent: 00-" TRACE "-" PARENT "-01\r\ntracestate: a=1\r\n"),
                 404);
    MC_EXPECT(has_come("\"url.path\",\"value\":{\"stringValue\":\"/nowhere\"}"));
    MC_EXPECT(has_come("POST /v1/traces HTTP/1.1\r\n"));
    MC_EXPECT(has_come("\r\napi-key: a b\r\n"));
    MC_EXPECT(has_come("\r\nx-more: 1\r\n"));
    MC_EXPECT(has_come("{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}"));
    MC_EXPECT(has_come("\"traceId\":\"" TRACE "\",\"spanId\":\""));
    MC_EXPECT(has_come("\"parentSpanId\":\"" PARENT "\",\"name\":\"GET /healthz\",\"kind\":2"));
    MC_EXPECT(has_come("\"metacore.request_id\",\"value\":{\"stringValue\":\"told\"}"));
    MC_EXPECT(mc_str_find(collected(), MC_STR("readyz")) == collected().len);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    file = fopen(process.log, "rbe");
    MC_REQUIRE(file != NULL);
    log[fread(log, 1, sizeof(log) - 1, file)] = '\0';
    (void)fclose(file); /* read only */
    MC_EXPECT_HAS(mc_z(log), "\"request_id\":\"told\",\"trace_id\":\"" TRACE "\"");
    collector_stop();
}

MC_TEST("traces begin here too, and what waits when the server stops is still told")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(collector_start(200));
    MC_REQUIRE(start(&process, &client, "1"));
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 200);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    MC_EXPECT(has_come("\"name\":\"POST /api/auth/login\""));
    MC_EXPECT(has_come("\"name\":\"GET /api/dynamic/:model\""));
    MC_EXPECT(has_come("{\"key\":\"user.id\",\"value\":{\"stringValue\":\""));
    MC_EXPECT(mc_str_find(collected(), MC_STR("parentSpanId")) == collected().len);
    collector_stop();
}

MC_TEST("a collector that refuses, or is not there, costs spans and no request")
{
    static const int statuses[] = {503, 400, 0};

    for (size_t i = 0; i < MC_LEN(statuses); i++) {
        mc_process process;
        mc_client client;
        char name[32];

        (void)snprintf(name, sizeof(name), "status %d", statuses[i]);
        MC_CASE(name);
        MC_REQUIRE(collector_start(statuses[i]));
        if (statuses[i] == 0)
            collector_stop();
        MC_REQUIRE(start(&process, &client, "1"));
        for (int k = 0; k < 50; k++)
            MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
        MC_EXPECT_EQ(get_with(&client, "/metrics", "Authorization: Bearer 0123456789abcdef\r\n"),
                     200);
        MC_EXPECT_HAS(client.body, "\nmetacore_spans_dropped_total ");
        mc_client_deinit(&client);
        MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
        if (statuses[i] != 0)
            collector_stop();
    }
}

MC_TEST("settings that make no sense keep the server from starting")
{
    static const struct {
        const char *name, *flag, *value;
    } cases[] = {
        {"a ratio over 1", "--trace-ratio", "1.5"},
        {"a ratio that is no number", "--trace-ratio", "all"},
        {"no ratio", "--trace-ratio", ""},
        {"an address that is none", "--otlp-endpoint", "collector:4318"},
        {"headers without values", "--otlp-headers", "just-a-word"},
    };
    char out[4096];

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        const char *const args[] = {"serve",
                                    "--dev",
                                    "--data",
                                    mc_test_dir(),
                                    "--listen",
                                    "127.0.0.1:0",
                                    "--otlp-endpoint",
                                    "http://127.0.0.1:1",
                                    cases[i].flag,
                                    cases[i].value,
                                    NULL};

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_process_run(args, NULL, out, sizeof(out)), 1);
    }
}
