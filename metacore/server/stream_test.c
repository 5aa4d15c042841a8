/* SPDX-License-Identifier: Apache-2.0 */
/* Answers written piece by piece, and bodies in files, over real sockets. */
#include "metacore/server/stream.h"

#include "mc_test.h"
#include "metacore/base/sync.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BIG_BYTES ((size_t)8 << 20)

static mc_server *server;
static mc_mutex mu;
static mc_cond changed;
static int gone_count, over_count, refused_count; /* guarded by mu */
static mc_stream *open_stream;                    /* guarded by mu: of /events */
static char *got;

static void count(int *what)
{
    mc_mutex_lock(&mu);
    (*what)++;
    mc_cond_broadcast(&changed);
    mc_mutex_unlock(&mu);
}

/* Waits, for at most 20 s, which only a failure needs. */
static bool wait_for(const int *what, int wanted)
{
    bool is_there = true;

    mc_mutex_lock(&mu);
    while (*what < wanted && is_there)
        is_there = mc_cond_wait_for(&changed, &mu, 20000000);
    is_there = *what >= wanted;
    mc_mutex_unlock(&mu);
    return is_there;
}

static void on_gone(void *user)
{
    (void)user;
    count(&gone_count);
}

static void on_over(void *user)
{
    (void)user;
    count(&over_count);
}

static void *produce(void *user)
{
    mc_exchange *x = user;
    mc_str path = mc_exchange_message(x)->path;
    bool is_known = mc_str_eq(path, MC_STR("/known")) || mc_str_eq(path, MC_STR("/short"));
    mc_stream_config config = {MC_STREAM_CONFIG, .has_length = is_known, .length = 10,
                               .on_gone = on_gone, .on_over = on_over};
    mc_answer head = {.status = 200};
    mc_stream *stream;
    char piece[1000];
    mc_code rc = MC_OK;
    mc_err err;

    if (mc_exchange_stream(x, &head, &config, &stream, &err) != MC_OK)
        return NULL;
    if (is_known) {
        rc = mc_stream_write(stream, MC_STR("01234"), &err);
        if (rc == MC_OK && mc_str_eq(path, MC_STR("/known")))
            rc = mc_stream_write(stream, MC_STR("56789"), &err);
    } else if (mc_str_eq(path, MC_STR("/torn"))) {
        rc = mc_stream_write(stream, MC_STR("half"), &err);
        mc_stream_abort(stream);
        return NULL;
    } else if (mc_str_eq(path, MC_STR("/big"))) {
        memset(piece, 'x', sizeof(piece));
        for (size_t sent = 0; sent < BIG_BYTES && rc == MC_OK; sent += sizeof(piece))
            rc = mc_stream_write(stream, mc_str_of(piece, sizeof(piece)), &err);
    } else {
        rc = mc_stream_write(stream, MC_STR("one,"), &err);
        if (rc == MC_OK)
            rc = mc_stream_write(stream, MC_STR("two"), &err);
    }
    if (rc != MC_OK)
        count(&refused_count);
    mc_stream_finish(stream);
    return NULL;
}

static void answer_body_file(mc_exchange *x)
{
    const mc_message *m = mc_exchange_message(x);
    mc_answer answer = {.status = 200};
    uint64_t sum = 0, size = 0;
    char piece[4096];
    ssize_t n;

    while (m->is_body_in_file && (n = read(m->body_fd, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < n; i++)
            sum += (unsigned char)piece[i];
        size += (uint64_t)n;
    }
    answer.body =
        mc_str_printf(mc_exchange_arena(x), "%s %llu %llu %llu in memory %zu",
                      m->is_body_in_file ? "file" : "memory", (unsigned long long)size,
                      (unsigned long long)sum, (unsigned long long)m->body_size, m->body.len);
    mc_exchange_answer(x, &answer);
}

static void open_events(mc_exchange *x)
{
    mc_stream_config config = {
        MC_STREAM_CONFIG,   .is_endless = true, .heartbeat = MC_STR_INIT(":beat\n"),
        .on_gone = on_gone, .on_over = on_over, .buffer_bytes = 16};
    mc_answer head = {.status = 200};
    mc_stream *stream = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_exchange_stream(x, &head, &config, &stream, &err), &err);
    mc_mutex_lock(&mu);
    open_stream = stream;
    mc_cond_broadcast(&changed);
    mc_mutex_unlock(&mu);
}

static void on_request(void *user, mc_exchange *x)
{
    mc_str path = mc_exchange_message(x)->path;
    pthread_t thread;

    (void)user;
    if (mc_str_starts_with(path, MC_STR("/file"))) {
        answer_body_file(x);
    } else if (mc_str_eq(path, MC_STR("/events"))) {
        open_events(x);
    } else {
        MC_EXPECT(pthread_create(&thread, NULL, produce, x) == 0);
        (void)pthread_detach(thread);
    }
}

static void on_head(void *user, mc_exchange *x, mc_admission *admission)
{
    (void)user;
    admission->to_file = mc_str_starts_with(mc_exchange_message(x)->path, MC_STR("/file"));
    if (admission->to_file)
        admission->max_body_bytes = 1 << 20;
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

    mc_mutex_init(&mu);
    mc_cond_init(&changed);
    gone_count = over_count = refused_count = 0;
    open_stream = NULL;
    got = malloc(2 * BIG_BYTES);
    config.struct_size = sizeof(config);
    config.listen = MC_STR("127.0.0.1:0");
    config.loops = 1;
    config.handler =
        (mc_server_handler){.on_head = on_head, .on_request = on_request, .on_refusal = on_refusal};
    server = NULL;
    MC_EXPECT_OK(mc_server_new(&config, &server, &err), &err);
    if (server)
        MC_EXPECT_OK(mc_server_start(server, &err), &err);
}

static void stop(void)
{
    mc_server_stop(server, 2000);
    mc_server_free(server);
    free(got);
}

static int dial(int receive_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)mc_server_port(server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (receive_bytes)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    MC_EXPECT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    MC_EXPECT(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static mc_str read_all(int fd)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(fd, got + len, 2 * BIG_BYTES - len, 0);

        if (n <= 0)
            return mc_str_of(got, len);
        len += (size_t)n;
    }
}

static mc_str ask(const char *text)
{
    int fd = dial(0);
    mc_str answer;

    say(fd, text);
    answer = read_all(fd);
    (void)close(fd);
    return answer;
}

MC_TEST("a stream is framed by its length, by chunks, or by the connection's end")
{
    static const struct {
        const char *name, *request, *has, *ends;
    } cases[] = {
        {"HTTP/1.1 without a length gets chunks and their last one",
         "GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
         "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"},
        {"a known length is told, and no chunk is seen",
         "GET /known HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Content-Length: 10\r\n",
         "\r\n\r\n0123456789"},
        {"HTTP/1.0 gets bytes up to the end, also when it wanted to stay",
         "GET /two HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: close\r\n",
         "\r\n\r\none,two"},
        {"HEAD gets the same head and no byte more",
         "HEAD /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
         "Transfer-Encoding: chunked\r\n", "\r\n\r\n"},
        {"HEAD of a known length names it",
         "HEAD /known HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "Content-Length: 10\r\n",
         "\r\n\r\n"},
    };

    start(&(mc_server_config){.loops = 1});
    MC_REQUIRE(server);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str answer;

        MC_CASE(cases[i].name);
        answer = ask(cases[i].request);
        MC_EXPECT_HAS(answer, cases[i].has);
        MC_EXPECT(mc_str_ends_with(answer, mc_z(cases[i].ends)));
    }
    MC_CASE("a connection is used again after a stream");
    {
        mc_str answer = ask("GET /two HTTP/1.1\r\nHost: x\r\n\r\n"
                            "GET /known HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

        MC_EXPECT_HAS(answer, "0\r\n\r\nHTTP/1.1 200 OK");
        MC_EXPECT(mc_str_ends_with(answer, MC_STR("0123456789")));
    }
    MC_EXPECT(wait_for(&over_count, 7));
    MC_EXPECT_EQ(refused_count, 0);
    stop();
}

MC_TEST("what is missing of a stream is seen by the client")
{
    static const struct {
        const char *name, *request;
    } cases[] = {
        {"an aborted stream has no last chunk", "GET /torn HTTP/1.1\r\nHost: x\r\n\r\n"},
        {"less than the length is an abort, not an end", "GET /short HTTP/1.1\r\nHost: x\r\n\r\n"},
    };
    mc_str answer;
    int fd;

    start(&(mc_server_config){.loops = 1});
    MC_REQUIRE(server);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        answer = ask(cases[i].request);
        MC_EXPECT_HAS(answer, "HTTP/1.1 200 OK");
        MC_EXPECT(!mc_str_ends_with(answer, MC_STR("\r\n0\r\n\r\n")));
        MC_EXPECT(mc_str_find(answer, MC_STR("56789")) == answer.len);
    }
    MC_CASE("with HTTP/1.0 the connection is reset");
    fd = dial(0);
    say(fd, "GET /torn HTTP/1.0\r\n\r\n");
    for (;;) {
        ssize_t n = recv(fd, got, 1000, 0);

        if (n > 0)
            continue;
        MC_EXPECT(n < 0);
        break;
    }
    (void)close(fd);
    stop();
}

MC_TEST("a writer waits for a slow client, and is told when it gives up on it")
{
    int fd;
    mc_str answer;

    start(&(mc_server_config){.write_timeout_ms = 300});
    MC_REQUIRE(server);
    MC_CASE("a client that reads gets all of it");
    answer = ask("GET /big HTTP/1.0\r\n\r\n");
    MC_EXPECT(answer.len > BIG_BYTES);
    MC_EXPECT(wait_for(&over_count, 1));

    MC_CASE("a client that never reads is dropped");
    fd = dial(4096);
    say(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    MC_EXPECT(wait_for(&refused_count, 1));
    MC_EXPECT(wait_for(&over_count, 2));
    (void)close(fd);

    MC_CASE("a client that leaves is noticed");
    fd = dial(4096);
    say(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    MC_EXPECT(recv(fd, got, 100, 0) > 0);
    (void)close(fd);
    MC_EXPECT(wait_for(&refused_count, 2));
    MC_EXPECT(wait_for(&over_count, 3));
    MC_EXPECT_EQ(gone_count, 2);
    stop();
}

static mc_stream *wait_for_events(void)
{
    mc_stream *stream;
    bool is_there = true;

    mc_mutex_lock(&mu);
    while (!open_stream && is_there)
        is_there = mc_cond_wait_for(&changed, &mu, 20000000);
    stream = open_stream;
    open_stream = NULL;
    mc_mutex_unlock(&mu);
    return stream;
}

/* Reads until what was read has wanted. */
static bool read_until(int fd, const char *wanted)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(fd, got + len, 1000, 0);

        if (n <= 0)
            return false;
        len += (size_t)n;
        if (mc_str_find(mc_str_of(got, len), mc_z(wanted)) < len)
            return true;
    }
}

MC_TEST("events are pushed from any thread, with a heartbeat in silence, until somebody leaves")
{
    mc_stream *stream;
    mc_err err;
    int fd;

    start(&(mc_server_config){.heartbeat_ms = 50});
    MC_REQUIRE(server);
    fd = dial(0);
    say(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    stream = wait_for_events();
    MC_REQUIRE(stream);
    MC_EXPECT_OK(mc_stream_offer(stream, MC_STR("data: 1\n\n"), &err), &err);
    MC_EXPECT(read_until(fd, "data: 1\n\n"));
    MC_CASE("silence is filled");
    MC_EXPECT(read_until(fd, ":beat\n"));
    MC_CASE("what does not fit is refused whole");
    MC_EXPECT_EQ(mc_stream_offer(stream, MC_STR("seventeen bytes.."), &err), MC_LIMIT);
    MC_EXPECT_OK(mc_stream_offer(stream, MC_STR("data: 2\n\n"), &err), &err);
    MC_EXPECT(read_until(fd, "data: 2\n\n"));

    MC_CASE("a client that closes its half has left");
    (void)shutdown(fd, SHUT_WR);
    MC_EXPECT(wait_for(&gone_count, 1));
    MC_EXPECT(mc_stream_is_gone(stream));
    MC_EXPECT_EQ(mc_stream_offer(stream, MC_STR("x"), &err), MC_UNAVAILABLE);
    mc_stream_finish(stream);
    MC_EXPECT(wait_for(&over_count, 1));
    (void)close(fd);

    MC_CASE("a stop ends what would have no end");
    fd = dial(0);
    say(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    stream = wait_for_events();
    MC_REQUIRE(stream);
    mc_server_stop(server, 1000);
    MC_EXPECT(mc_stream_is_gone(stream));
    mc_stream_finish(stream);
    (void)close(fd);
    stop();
    MC_EXPECT_EQ(over_count, 2);
}

static mc_str post(const char *path, size_t size, bool is_chunked)
{
    char *text = malloc(size + 300);
    int len = is_chunked ? snprintf(text, 300,
                                    "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                                    path, size)
                         : snprintf(text, 300,
                                    "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                    "Content-Length: %zu\r\n\r\n",
                                    path, size);
    int fd = dial(0);
    mc_str answer;

    memset(text + len, 1, size);
    memcpy(text + (size_t)len + size, "\r\n0\r\n\r\n", 8);
    (void)send(fd, text, (size_t)len + size + (is_chunked ? 7 : 0), MSG_NOSIGNAL);
    answer = read_all(fd);
    (void)close(fd);
    free(text);
    return answer;
}

MC_TEST("a body is in a file when its route says so, and capped there too")
{
    start(&(mc_server_config){.spool_dir = mc_z(mc_test_dir()), .spool_max_bytes = 900000});
    MC_REQUIRE(server);
    MC_CASE("with a length");
    MC_EXPECT_HAS(post("/file", 300000, false), "file 300000 300000 300000 in memory 0");
    MC_CASE("in chunks");
    MC_EXPECT_HAS(post("/file", 300000, true), "file 300000 300000 300000 in memory 0");
    MC_CASE("no body, no file");
    MC_EXPECT_HAS(post("/file", 0, false), "memory 0 0 0");
    MC_CASE("over the route's limit");
    MC_EXPECT_HAS(post("/file", (1 << 20) + 1, false), "HTTP/1.1 413 ");
    MC_EXPECT_HAS(post("/file", (1 << 20) + 1, true), "HTTP/1.1 413 ");
    MC_CASE("over what all bodies may take");
    MC_EXPECT_HAS(post("/file", 950000, false), "HTTP/1.1 507 Insufficient Storage");
    MC_CASE("which frees it");
    MC_EXPECT_HAS(post("/file", 800000, true), "file 800000 ");
    stop();
}
