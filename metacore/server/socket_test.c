/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets over real connections: a server that echoes text, and can be told to do more. */
#include "metacore/server/socket.h"

#include "metacore/base/sync.h"

#include "mc_certificate.h"
#include "mc_test.h"
#include "mc_ws_client.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000

static mc_server *server;
static mc_mutex mu;
static mc_socket *sockets[64]; /* guarded by mu; touched on their loop only */
static atomic_int opened, closed, last_code, drained, refused;

/* ---- a handler: echoes; "close 4001" closes; "flood N" queues N kilobytes ---- */

static void on_open(void *user, mc_socket *socket)
{
    (void)user;
    mc_mutex_lock(&mu);
    for (size_t i = 0; i < MC_LEN(sockets); i++) {
        if (!sockets[i]) {
            sockets[i] = socket;
            break;
        }
    }
    mc_mutex_unlock(&mu);
    atomic_fetch_add(&opened, 1);
}

static void send_text(mc_socket *socket, mc_str text)
{
    mc_frame *frame = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_frame_new(text, &frame, &err), &err);
    if (frame)
        mc_socket_send(socket, frame);
    mc_frame_unref(frame);
}

static void flood(mc_socket *socket, uint32_t kilobytes)
{
    static char chunk[1024];

    memset(chunk, 'f', sizeof(chunk));
    for (uint32_t i = 0; i < kilobytes; i++)
        send_text(socket, mc_str_of(chunk, sizeof(chunk)));
    if (mc_socket_is_closing(socket))
        atomic_fetch_add(&refused, 1);
}

static void on_text(void *user, mc_socket *socket, mc_str text)
{
    uint32_t number;

    (void)user;
    if (mc_str_starts_with(text, MC_STR("close ")) &&
        mc_str_u32(mc_str_slice(text, 6, text.len), 1000, 4999, &number))
        mc_socket_close(socket, (int)number, MC_STR("as asked"));
    else if (mc_str_starts_with(text, MC_STR("flood ")) &&
             mc_str_u32(mc_str_slice(text, 6, text.len), 1, 100000, &number))
        flood(socket, number);
    else
        send_text(socket, text);
}

static void on_drained(void *user, mc_socket *socket)
{
    (void)user;
    MC_EXPECT_EQ(mc_socket_backlog(socket), 0);
    atomic_fetch_add(&drained, 1);
}

static void on_close(void *user, mc_socket *socket, int code)
{
    (void)user;
    mc_mutex_lock(&mu);
    for (size_t i = 0; i < MC_LEN(sockets); i++) {
        if (sockets[i] == socket)
            sockets[i] = NULL;
    }
    mc_mutex_unlock(&mu);
    atomic_store(&last_code, code);
    atomic_fetch_add(&closed, 1);
}

static const mc_socket_handler handler = {.struct_size = sizeof(handler),
                                          .on_open = on_open,
                                          .on_text = on_text,
                                          .on_drained = on_drained,
                                          .on_close = on_close};

static void on_request(void *user, mc_exchange *x)
{
    mc_upgrade *upgrade = mc_arena_object(mc_exchange_arena(x), mc_upgrade);
    mc_answer answer = {.status = 101, .upgrade = upgrade};
    mc_err err;

    (void)user;
    upgrade->handler = &handler;
    if (mc_upgrade_check(mc_exchange_message(x), &answer.status, &err) != MC_OK) {
        answer.upgrade = NULL;
        answer.body = mc_str_printf(mc_exchange_arena(x), "%s", err.msg);
    } else {
        answer.status = 101;
    }
    mc_exchange_answer(x, &answer);
}

static void on_refusal(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out)
{
    (void)user;
    out->body = mc_str_printf(arena, "refused %d: %.*s", status, MC_FMT(message));
}

static void start(const mc_server_config *more)
{
    mc_server_config config = *more;
    mc_err err;

    config.struct_size = sizeof(config);
    config.listen = MC_STR("127.0.0.1:0");
    config.loops = config.loops ? config.loops : 1;
    config.handler = (mc_server_handler){.on_request = on_request, .on_refusal = on_refusal};
    mc_mutex_init(&mu);
    atomic_store(&opened, 0);
    atomic_store(&closed, 0);
    atomic_store(&drained, 0);
    atomic_store(&refused, 0);
    server = NULL;
    MC_EXPECT_OK(mc_server_new(&config, &server, &err), &err);
    if (server)
        MC_EXPECT_OK(mc_server_start(server, &err), &err);
}

static void stop(void)
{
    mc_server_stop(server, 5000);
    mc_server_free(server);
    MC_EXPECT_EQ(atomic_load(&opened), atomic_load(&closed)); /* each on_open had its on_close */
    mc_mutex_deinit(&mu);
}

static int dial(mc_ws_client *client)
{
    return mc_ws_open(client, mc_server_port(server), "/", NULL);
}

/* Until the server has told its handler. */
static void wait_for(atomic_int *counter, int wanted)
{
    for (int i = 0; i < 2000 && atomic_load(counter) < wanted; i++)
        (void)usleep(5000); /* an early end only looks sooner */
    MC_EXPECT(atomic_load(counter) >= wanted);
}

/* Until the server writes no more, for nobody reads. */
static void wait_until_stuck(void)
{
    uint64_t before = 0;

    for (int i = 0; i < 400; i++) {
        mc_server_stats stats;

        (void)usleep(50000); /* an early end only looks sooner */
        mc_server_get_stats(server, &stats);
        if (before > 65536 && stats.bytes_out == before)
            return;
        before = stats.bytes_out;
    }
}

/* ---- the handshake ---- */

MC_TEST("a handshake is answered by 101 and its accept value, extensions and protocols by silence")
{
    mc_ws_client client;

    start(&(mc_server_config){0});
    MC_EXPECT_EQ(mc_ws_open(&client, mc_server_port(server), "/",
                            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
                            "\r\nSec-WebSocket-Protocol: chat, superchat\r\n"),
                 101);
    MC_EXPECT_HAS(mc_z(client.head), "Upgrade: websocket");
    MC_EXPECT_HAS(mc_z(client.head), "Connection: Upgrade");
    MC_EXPECT_HAS(mc_z(client.head), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    MC_EXPECT(!strstr(client.head, "Sec-WebSocket-Extensions"));
    MC_EXPECT(!strstr(client.head, "Sec-WebSocket-Protocol"));
    MC_EXPECT(!strstr(client.head, "Content-Length"));
    MC_EXPECT(mc_ws_send_text(&client, "Hello"));
    MC_EXPECT_Z(mc_ws_next_text(&client, WAIT_MS), "Hello");
    mc_ws_deinit(&client);
    stop();
}

MC_TEST("frames that come in one piece with the handshake are not lost")
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                                  "\x81\x82\0\0\0\0hi\x89\x80\0\0\0\0";
    mc_ws_client client;

    start(&(mc_server_config){0});
    MC_REQUIRE(mc_ws_connect(&client, mc_server_port(server)));
    MC_EXPECT_EQ(mc_ws_handshake(&client, mc_str_of(request, sizeof(request) - 1)), 101);
    MC_EXPECT_EQ(mc_ws_next(&client, WAIT_MS), 1);
    MC_EXPECT_Z(client.payload, "hi");
    MC_EXPECT_EQ(mc_ws_next(&client, WAIT_MS), 10);
    mc_ws_deinit(&client);
    stop();
}

MC_TEST("what is no handshake is answered as HTTP, in HTTP/1.0 too")
{
    static const struct {
        const char *name, *request;
        int status;
    } cases[] = {
        {"a plain request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426},
        {"HTTP/1.0",
         "GET / HTTP/1.0\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         400},
        {"a body",
         "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Content-Length: 2\r\n\r\nab",
         400},
        {"two keys",
         "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         400},
    };

    start(&(mc_server_config){0});
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_ws_client client;

        MC_CASE(cases[i].name);
        MC_REQUIRE(mc_ws_connect(&client, mc_server_port(server)));
        MC_EXPECT_EQ(mc_ws_handshake(&client, mc_z(cases[i].request)), cases[i].status);
        mc_ws_deinit(&client);
    }
    stop();
}

/* ---- messages ---- */

MC_TEST("text is echoed in order, fragments as one, pings at once")
{
    mc_ws_client client;

    start(&(mc_server_config){0});
    MC_REQUIRE(dial(&client) == 101);
    MC_EXPECT(mc_ws_send(&client, 0x01, MC_STR("frag")));
    MC_EXPECT(mc_ws_send(&client, 0x89, MC_STR("mid")));
    MC_EXPECT(mc_ws_send(&client, 0x00, MC_STR("men")));
    MC_EXPECT(mc_ws_send(&client, 0x80, MC_STR("ted")));
    MC_EXPECT_EQ(mc_ws_next(&client, WAIT_MS), 10);
    MC_EXPECT_Z(client.payload, "mid");
    MC_EXPECT_Z(mc_ws_next_text(&client, WAIT_MS), "fragmented");
    for (int i = 0; i < 500; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "message %d", i);
        MC_EXPECT(mc_ws_send_text(&client, text));
    }
    for (int i = 0; i < 500; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "message %d", i);
        MC_EXPECT_Z(mc_ws_next_text(&client, WAIT_MS), text);
    }
    mc_ws_deinit(&client);
    stop();
}

MC_TEST("a fault is answered by its close code, and only the faulty socket goes")
{
    static char big[5000];
    const struct {
        const char *name;
        unsigned first;
        mc_str payload;
        int code;
    } cases[] = {
        {"reserved bits", 0xc1, MC_STR("x"), 1002},
        {"no such opcode", 0x83, MC_STR("x"), 1002},
        {"binary", 0x82, MC_STR("x"), 1003},
        {"not UTF-8", 0x81, MC_STR("\xff"), 1007},
        {"too big", 0x81, mc_str_of(big, sizeof(big)), 1009},
        {"a close code that may not be sent", 0x88, MC_STR("\x03\xed"), 1002},
        {"a close", 0x88, MC_STR("\x03\xe8"), 1000},
        {"a close without code", 0x88, MC_STR(""), 1005},
        {"a close with a code of its own", 0x88, MC_STR("\x0f\xa1"), 4001},
    };
    mc_ws_client other;

    memset(big, 'x', sizeof(big));
    start(&(mc_server_config){0});
    MC_REQUIRE(dial(&other) == 101);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_ws_client client;

        MC_CASE(cases[i].name);
        MC_REQUIRE(dial(&client) == 101);
        MC_EXPECT(mc_ws_send(&client, cases[i].first, cases[i].payload));
        (void)mc_ws_send_text(&client, "after the end"); /* may find the connection closed */
        MC_EXPECT_EQ(mc_ws_wait_close(&client, WAIT_MS), cases[i].code);
        MC_EXPECT_EQ(mc_ws_next(&client, WAIT_MS), MC_WS_EOF);
        mc_ws_deinit(&client);
        wait_for(&closed, (int)i + 1);
        MC_EXPECT_EQ(atomic_load(&last_code), cases[i].code);
        MC_EXPECT(mc_ws_send_text(&other, "still here"));
        MC_EXPECT_Z(mc_ws_next_text(&other, WAIT_MS), "still here");
    }
    mc_ws_deinit(&other);
    stop();
}

MC_TEST("garbage instead of frames ends that connection and nothing else")
{
    mc_ws_client client, other;
    char noise[8192];

    start(&(mc_server_config){0});
    MC_REQUIRE(dial(&other) == 101);
    for (unsigned seed = 1; seed <= 50; seed++) {
        unsigned state = seed * 2654435761u;

        for (size_t i = 0; i < sizeof(noise); i++) {
            state = state * 1664525u + 1013904223u;
            noise[i] = (char)(state >> 24);
        }
        MC_REQUIRE(dial(&client) == 101);
        (void)mc_ws_send_bytes(&client, mc_str_of(noise, sizeof(noise))); /* may be cut off */
        (void)shutdown(client.fd, SHUT_WR);
        while (mc_ws_next(&client, WAIT_MS) >= 0)
            ;
        mc_ws_deinit(&client);
    }
    MC_EXPECT(mc_ws_send_text(&other, "still here"));
    MC_EXPECT_Z(mc_ws_next_text(&other, WAIT_MS), "still here");
    mc_ws_deinit(&other);
    stop();
}

MC_TEST("a handler closes with its code after what it sent before")
{
    mc_ws_client client;

    start(&(mc_server_config){0});
    MC_REQUIRE(dial(&client) == 101);
    MC_EXPECT(mc_ws_send_text(&client, "first"));
    MC_EXPECT(mc_ws_send_text(&client, "close 4321"));
    MC_EXPECT_Z(mc_ws_next_text(&client, WAIT_MS), "first");
    MC_EXPECT_EQ(mc_ws_next(&client, WAIT_MS), 8);
    MC_EXPECT_EQ(client.code, 4321);
    MC_EXPECT_Z(mc_str_slice(client.payload, 2, client.payload.len), "as asked");
    mc_ws_deinit(&client);
    wait_for(&closed, 1);
    MC_EXPECT_EQ(atomic_load(&last_code), 4321);
    stop();
}

/* ---- slow and silent clients ---- */

MC_TEST("a client that does not read is dropped with 1013, and the others do not notice")
{
    mc_ws_client slow, quick;
    int small = 4096;

    start(&(mc_server_config){.socket_write_timeout_ms = 20000});
    MC_REQUIRE(dial(&quick) == 101);
    MC_REQUIRE(dial(&slow) == 101);
    (void)setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 40; i++) { /* 10 MB: more than any kernel buffers here */
        MC_EXPECT(mc_ws_send_text(&slow, "flood 250"));
        MC_EXPECT(mc_ws_send_text(&quick, "tick"));
        MC_EXPECT_Z(mc_ws_next_text(&quick, WAIT_MS), "tick");
    }
    MC_EXPECT_EQ(mc_ws_wait_close(&slow, WAIT_MS), 1013); /* it reads now, and hears why */
    mc_ws_deinit(&slow);
    wait_for(&closed, 1);
    MC_EXPECT_EQ(atomic_load(&last_code), 1013);
    mc_ws_deinit(&quick);
    stop();
}

MC_TEST("a client that never reads is gone when the write timeout has passed twice")
{
    mc_ws_client slow;

    start(&(mc_server_config){.socket_write_timeout_ms = 100,
                              .socket_backlog_bytes = (size_t)64 << 20});
    MC_REQUIRE(dial(&slow) == 101);
    MC_EXPECT(mc_ws_send_text(&slow, "flood 20000"));
    wait_for(&closed, 1);
    MC_EXPECT_EQ(atomic_load(&last_code), 1013);
    mc_ws_deinit(&slow);
    stop();
}

MC_TEST("a backlog that a client takes at last is whole and told to the handler")
{
    mc_ws_client slow;
    size_t got = 0;

    start(&(mc_server_config){.socket_backlog_bytes = (size_t)64 << 20});
    MC_REQUIRE(dial(&slow) == 101);
    MC_EXPECT(mc_ws_send_text(&slow, "flood 16000"));
    wait_until_stuck();
    while (got < 16000 && mc_ws_next_text(&slow, WAIT_MS).len == 1024)
        got++;
    MC_EXPECT_EQ(got, 16000);
    wait_for(&drained, 1);
    MC_EXPECT(mc_ws_send_text(&slow, "and on"));
    MC_EXPECT_Z(mc_ws_next_text(&slow, WAIT_MS), "and on");
    mc_ws_deinit(&slow);
    stop();
}

MC_TEST("a silent client is asked, stays while it answers, and goes when it does not")
{
    mc_ws_client dead, alive;

    start(&(mc_server_config){.socket_ping_ms = 100, .socket_silence_ms = 1100});
    MC_REQUIRE(dial(&dead) == 101);
    MC_REQUIRE(dial(&alive) == 101);
    for (int i = 0; i < 15; i++) {
        MC_EXPECT_EQ(mc_ws_next(&alive, WAIT_MS), 9);
        MC_EXPECT(mc_ws_send(&alive, 0x8a, alive.payload));
    }
    MC_EXPECT_EQ(mc_ws_next(&dead, WAIT_MS), 9);
    MC_EXPECT_EQ(mc_ws_next(&dead, WAIT_MS), MC_WS_EOF);
    MC_EXPECT_EQ(atomic_load(&closed), 1);
    MC_EXPECT_EQ(atomic_load(&last_code), 1006);
    mc_ws_deinit(&dead);
    mc_ws_deinit(&alive);
    stop();
}

MC_TEST("a client that pings without end and never reads is dropped as well")
{
    mc_ws_client client;
    char payload[125];
    bool is_open = true;
    struct timeval limit = {.tv_usec = 200000};

    memset(payload, 'p', sizeof(payload));
    start(&(mc_server_config){.socket_write_timeout_ms = 500});
    MC_REQUIRE(dial(&client) == 101);
    (void)setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    for (int i = 0; i < 200000 && is_open && atomic_load(&closed) == 0; i++)
        is_open = mc_ws_send(&client, 0x89, mc_str_of(payload, sizeof(payload)));
    wait_for(&closed, 1);
    MC_EXPECT_EQ(atomic_load(&last_code), 1013);
    mc_ws_deinit(&client);
    stop();
}

/* ---- tasks and stopping ---- */

typedef struct fan_out {
    mc_task task;
    mc_frame *frame;
    int turns;
    atomic_int done;
} fan_out;

static bool run_fan_out(mc_task *task, unsigned loop)
{
    fan_out *self = (fan_out *)task; /* its first member */

    if (++self->turns < 3)
        return true;
    mc_mutex_lock(&mu);
    for (size_t i = 0; i < MC_LEN(sockets); i++) {
        if (sockets[i] && mc_socket_loop(sockets[i]) == loop)
            mc_socket_send(sockets[i], self->frame);
    }
    mc_mutex_unlock(&mu);
    atomic_store(&self->done, 1);
    return false;
}

MC_TEST("one frame goes to the sockets of every loop, by tasks that come back until they are done")
{
    mc_ws_client clients[12];
    fan_out tasks[3] = {0};
    mc_frame *frame = NULL;
    mc_err err;

    start(&(mc_server_config){.loops = 3});
    MC_EXPECT_EQ(mc_server_loops(server), 3);
    for (size_t i = 0; i < MC_LEN(clients); i++)
        MC_EXPECT_EQ(dial(&clients[i]), 101);
    wait_for(&opened, (int)MC_LEN(clients));
    MC_REQUIRE_OK(mc_frame_new(MC_STR("to all"), &frame, &err), &err);
    for (unsigned i = 0; i < 3; i++) {
        tasks[i] = (fan_out){.task = {.run = run_fan_out}, .frame = frame};
        mc_server_post(server, i, &tasks[i].task);
    }
    for (size_t i = 0; i < MC_LEN(clients); i++)
        MC_EXPECT_Z(mc_ws_next_text(&clients[i], WAIT_MS), "to all");
    for (unsigned i = 0; i < 3; i++)
        wait_for(&tasks[i].done, 1);
    MC_EXPECT_EQ(tasks[0].turns, 3);
    for (size_t i = 0; i < MC_LEN(clients); i++)
        mc_ws_deinit(&clients[i]);
    stop();
    mc_frame_unref(frame);
}

static void *stop_in_thread(void *user)
{
    mc_server_stop(user, 10000);
    return NULL;
}

MC_TEST("stopping says 1001 to every socket")
{
    mc_ws_client clients[50];
    pthread_t thread;

    start(&(mc_server_config){.loops = 2});
    for (size_t i = 0; i < MC_LEN(clients); i++)
        MC_EXPECT_EQ(dial(&clients[i]), 101);
    wait_for(&opened, (int)MC_LEN(clients));
    MC_REQUIRE(pthread_create(&thread, NULL, stop_in_thread, server) == 0);
    for (size_t i = 0; i < MC_LEN(clients); i++) {
        MC_EXPECT_EQ(mc_ws_wait_close(&clients[i], WAIT_MS), 1001);
        MC_EXPECT(mc_ws_send(&clients[i], 0x88, MC_STR("\x03\xe9")));
        MC_EXPECT_EQ(mc_ws_next(&clients[i], WAIT_MS), MC_WS_EOF);
        mc_ws_deinit(&clients[i]);
    }
    (void)pthread_join(thread, NULL);
    MC_EXPECT_EQ(atomic_load(&last_code), 1001);
    stop();
}

/* ---- TLS ---- */

static ssize_t tls_read(void *io, char *out, size_t size)
{
    return SSL_read(io, out, size < 65536 ? (int)size : 65536);
}

static ssize_t tls_write(void *io, const char *bytes, size_t len)
{
    return SSL_write(io, bytes, (int)len);
}

static int dial_tls(mc_ws_client *client, SSL_CTX *ctx)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    SSL *ssl;

    if (!mc_ws_connect(client, mc_server_port(server)))
        return 0;
    ssl = SSL_new(ctx);
    (void)SSL_set_fd(ssl, client->fd);
    if (SSL_connect(ssl) != 1)
        return 0;
    client->io = ssl;
    client->io_read = tls_read;
    client->io_write = tls_write;
    return mc_ws_handshake(client, mc_z(request));
}

MC_TEST("over TLS: messages, a backlog that is taken late, one that is not, and a goodbye")
{
    char cert[256], key[256];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    mc_ws_client client, slow;
    size_t got = 0;

    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", mc_test_dir());
    (void)snprintf(key, sizeof(key), "%s/key.pem", mc_test_dir());
    MC_REQUIRE(mc_certificate_write(cert, key));
    start(&(mc_server_config){.tls_cert_file = mc_z(cert),
                              .tls_key_file = mc_z(key),
                              .socket_backlog_bytes = (size_t)20 << 20});
    MC_REQUIRE(dial_tls(&client, ctx) == 101);
    MC_EXPECT(mc_ws_send_text(&client, "secret"));
    MC_EXPECT_EQ(mc_ws_next(&client, WAIT_MS), 1);
    MC_EXPECT_Z(client.payload, "secret");

    MC_EXPECT(mc_ws_send_text(&client, "flood 16000"));
    while (got < 16000 && mc_ws_next(&client, WAIT_MS) == 1 && client.payload.len == 1024)
        got++;
    MC_EXPECT_EQ(got, 16000);

    /* Dropped in the middle of a record: what was begun is finished, then comes the reason. */
    MC_REQUIRE(dial_tls(&slow, ctx) == 101);
    MC_EXPECT(mc_ws_send_text(&slow, "flood 19000"));
    wait_until_stuck();
    MC_EXPECT(mc_ws_send_text(&slow, "flood 19000"));
    wait_for(&refused, 1);
    MC_EXPECT_EQ(mc_ws_wait_close(&slow, WAIT_MS), 1013);

    MC_EXPECT(mc_ws_send_text(&client, "close 4000"));
    MC_EXPECT_EQ(mc_ws_wait_close(&client, WAIT_MS), 4000);
    SSL_free(client.io);
    SSL_free(slow.io);
    mc_ws_deinit(&client);
    mc_ws_deinit(&slow);
    SSL_CTX_free(ctx);
    stop();
}
