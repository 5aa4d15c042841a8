/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_http: the server answering one fixed text, with nothing behind it. What a whole request
 * costs above this figure is the application's; the other benches print themselves against it.
 *
 *   bare_http [ADDRESS:PORT [LOOPS [CERT KEY]]]    then: wrk -t1 -c64 -d5 http://ADDRESS:PORT/
 */
#include "metacore/server/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* 200 bytes of JSON, about what one small record takes. */
static const char record[] =
    "{\"success\":true,\"data\":{\"id\":\"01928f5e-7c1a-7b3e-9d42-5a6f7e8c9b0a\",\"name\":\"Ada\","
    "\"email\":\"ada@example.com\",\"status\":\"active\",\"version\":7,"
    "\"created_at\":\"2025-01-01T00:00:00.000000Z\",\"tags\":[\"kernels\"]}}";
_Static_assert(sizeof(record) - 1 == 200, "the ceiling is measured with 200 bytes");

static void on_request(void *user, mc_exchange *x)
{
    static mc_header headers[] = {
        {MC_STR_INIT("Content-Type"), MC_STR_INIT("application/json; charset=utf-8")}};

    (void)user;
    mc_exchange_answer(x, &(mc_answer){.status = 200,
                                       .headers = headers,
                                       .header_count = MC_LEN(headers),
                                       .body = {record, sizeof(record) - 1}});
}

static void on_refusal(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out)
{
    (void)user;
    out->body = mc_str_printf(arena, "%d %.*s\n", status, MC_FMT(message));
}

static void print_cost(const mc_server *server)
{
    struct rusage used;
    mc_server_stats stats;
    double cpu_us;

    mc_server_get_stats(server, &stats);
    if (getrusage(RUSAGE_SELF, &used) != 0 || stats.requests_total == 0)
        return;
    cpu_us = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    (void)printf("%llu requests, %.2f us CPU each\n", (unsigned long long)stats.requests_total,
                 cpu_us / (double)stats.requests_total);
}

int main(int argc, char **argv)
{
    mc_server_config config = {
        MC_SERVER_CONFIG,
        .listen = argc > 1 ? mc_z(argv[1]) : MC_STR("127.0.0.1:8090"),
        .loops = 1,
        .handler = {.on_request = on_request, .on_refusal = on_refusal},
    };
    mc_server *server = NULL;
    sigset_t ends;
    mc_code rc;
    mc_err err;
    int which;

    if (argc > 2 && !mc_str_u32(mc_z(argv[2]), 1, 64, &config.loops))
        return 2;
    if (argc > 4) {
        config.tls_cert_file = mc_z(argv[3]);
        config.tls_key_file = mc_z(argv[4]);
    }
    (void)sigemptyset(&ends); /* these three cannot fail with valid signals */
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    if (pthread_sigmask(SIG_BLOCK, &ends, NULL) != 0)
        return 1;
    rc = mc_server_new(&config, &server, &err);
    if (rc == MC_OK)
        rc = mc_server_start(server, &err);
    if (rc == MC_OK) {
        (void)printf("listening on port %u\n", mc_server_port(server));
        (void)fflush(stdout); /* only a convenience */
        (void)sigwait(&ends, &which);
        mc_server_stop(server, 1000);
        print_cost(server);
    } else {
        (void)fprintf(stderr, "bare_http: %s\n", err.msg);
    }
    mc_server_free(server);
    return rc == MC_OK ? 0 : 1;
}
