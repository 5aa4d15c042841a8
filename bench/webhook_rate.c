/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_rate DIR COUNT: deliveries a second to a receiver in this process that answers at once,
 * and the microseconds from a commit to the end of the first attempt of an idle server. */
#include "metacore/migrations/migrations.h"
#include "metacore/webhooks/webhooks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 8192
#define BATCH 500

/* ---- the receiver: a thread for each connection; requests come whole or nearly so ---- */

static void *answer(void *user)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    int fd = (int)(intptr_t)user, on = 1;
    char request[REQUEST_MAX + 1];
    size_t len = 0;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower without */
    for (;;) {
        ssize_t got = recv(fd, request + len, REQUEST_MAX - len, 0);

        if (got <= 0)
            break;
        len += (size_t)got;
        request[len] = '\0';
        if (len < 2 || request[len - 1] != '}' || !strstr(request, "\r\n\r\n"))
            continue; /* the body is an object, and ends with it */
        len = 0;
        if (send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL) < 0)
            break;
    }
    (void)close(fd);
    return NULL;
}

static void *accept_all(void *user)
{
    int listener = (int)(intptr_t)user, fd;
    pthread_t thread;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd) == 0)
            (void)pthread_detach(thread);
    }
    return NULL;
}

static unsigned listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)fd) != 0)
        return 0;
    (void)pthread_detach(thread);
    return ntohs(address.sin_port);
}

/* ---- what is delivered ---- */

typedef struct load {
    mc_webhooks *hooks;
    unsigned port;
    int count;
} load;

static mc_code allow(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)capability;
    (void)err;
    return MC_OK;
}

static mc_code make_hook(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const load *l = user;
    mc_str url = mc_str_printf(ctx->arena, "http://127.0.0.1:%u/", l->port);
    mc_db_value args[] = {mc_db_uuid(ctx->who.user_id), mc_db_uuid(ctx->who.org_id),
                          mc_db_text(url)};

    return mc_db_exec(conn,
                      MC_STR("INSERT INTO webhooks (id, organization_id, url, events, secret, "
                             "owner_id) VALUES ($1, $2, $3, '[\"*\"]', 'secret', $2)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code publish(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const char payload[] = "{\"id\":\"0193a2b4-0000-7000-8000-000000000001\",\"after\":{"
                                  "\"subject\":\"a row of an ordinary size\",\"status\":\"open\","
                                  "\"hours\":12.5,\"urgent\":false}}";
    const load *l = user;
    mc_code rc = MC_OK;

    (void)conn;
    for (int i = 0; i < l->count && rc == MC_OK; i++) {
        mc_uuid record;

        rc = mc_uuid_v7(&record, err);
        if (rc == MC_OK)
            rc = mc_webhooks_publish(l->hooks, ctx, MC_STR("bench.rows.created"), record,
                                     mc_str_of(payload, sizeof(payload) - 1), err);
    }
    return rc;
}

static int64_t wait_until(const mc_webhooks *hooks, uint64_t count)
{
    struct timespec pause = {.tv_nsec = 100000};

    while (mc_webhooks_count(hooks).succeeded < count)
        (void)nanosleep(&pause, NULL); /* shorter is fine */
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

static mc_code measure(mc_db *db, mc_ctx *ctx, load *l, int count, mc_err *err)
{
    int64_t began, ended;
    mc_code rc = mc_webhooks_start(l->hooks, err);

    l->count = 1;
    (void)usleep(100000); /* so that it is idle */
    if (rc == MC_OK)
        rc = mc_db_write(db, ctx, publish, l, err);
    began = mc_clock_monotonic_us((mc_clock){NULL, NULL});
    if (rc != MC_OK)
        return rc;
    printf("webhook_first_us %lld\n", (long long)(wait_until(l->hooks, 1) - began));
    began = mc_clock_monotonic_us((mc_clock){NULL, NULL});
    l->count = BATCH;
    for (int i = 0; i < count && rc == MC_OK; i += BATCH) {
        mc_arena_reset(ctx->arena);
        rc = mc_db_write(db, ctx, publish, l, err);
    }
    if (rc != MC_OK)
        return rc;
    count = (count + BATCH - 1) / BATCH * BATCH;
    ended = wait_until(l->hooks, (uint64_t)count + 1);
    printf("webhook_deliveries %lld\n", count * 1000000LL / (ended - began + 1));
    return MC_OK;
}

int main(int argc, char **argv)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now((mc_clock){NULL, NULL})};
    load l = {.port = listen_somewhere()};
    mc_db *db = NULL;
    mc_err err = {0};
    char url[512];
    mc_code rc;

    if (argc != 3 || !ctx.arena || !l.port) {
        fprintf(stderr, "usage: webhook_rate DIR COUNT\n");
        return 2;
    }
    (void)snprintf(url, sizeof(url), "sqlite:%s/webhooks.db", argv[1]);
    rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, &err);
    if (rc == MC_OK)
        rc = mc_migrations_up(db, &ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err);
    if (rc == MC_OK)
        rc = mc_webhooks_new(&(mc_webhooks_config){MC_WEBHOOKS_CONFIG, .db = db, .check = allow,
                                                   .allow_private = true},
                             &l.hooks, &err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&ctx.who.org_id, &err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&ctx.who.user_id, &err);
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, make_hook, &l, &err);
    if (rc == MC_OK)
        rc = measure(db, &ctx, &l, (int)strtol(argv[2], NULL, 10), &err);
    if (rc != MC_OK)
        fprintf(stderr, "webhook_rate: %s\n", err.msg);
    mc_webhooks_stop(l.hooks);
    mc_db_close(db);
    mc_webhooks_free(l.hooks);
    mc_arena_free(ctx.arena);
    return rc == MC_OK ? 0 : 1;
}
