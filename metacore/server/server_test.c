/* SPDX-License-Identifier: Apache-2.0 */
/* The server over real sockets: what it answers, and what it does not put up with. */
#include "metacore/server/server.h"

#include "mc_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static mc_server *server;
static char got[1 << 20];

/* ---- a handler: /async answers from another thread, all else echoes at once ---- */

static void *answer_later(void *user)
{
    mc_exchange *x = user;
    struct timespec pause = {.tv_nsec = 20000000};
    mc_answer answer = {.status = 200, .body = MC_STR_INIT("later")};

    (void)nanosleep(&pause, NULL); /* an early end only answers sooner */
    mc_exchange_answer(x, &answer);
    return NULL;
}

static void on_request(void *user, mc_exchange *x)
{
    const mc_message *m = mc_exchange_message(x);
    mc_answer answer = {.status = 200};
    pthread_t thread;

    (void)user;
    if (mc_str_eq(m->path, MC_STR("/async"))) {
        MC_EXPECT(pthread_create(&thread, NULL, answer_later, x) == 0);
        (void)pthread_detach(thread);
        return;
    }
    answer.body = mc_str_printf(mc_exchange_arena(x), "%.*s %.*s [%.*s] %s %.*s", MC_FMT(m->method),
                                MC_FMT(m->path), MC_FMT(m->body),
                                mc_exchange_is_local(x) ? "local" : "remote", MC_FMT(m->peer));
    mc_exchange_answer(x, &answer);
}

static void on_refusal(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out)
{
    (void)user;
    out->body = mc_str_printf(arena, "refused %d: %.*s", status, MC_FMT(message));
}

static void on_head(void *user, mc_exchange *x, mc_admission *admission)
{
    (void)user;
    if (mc_str_eq(mc_exchange_message(x)->path, MC_STR("/small")))
        admission->max_body_bytes = 4;
}

static void start(const mc_server_config *more)
{
    mc_server_config config = *more;
    mc_err err;

    config.struct_size = sizeof(config);
    config.listen = MC_STR("127.0.0.1:0");
    config.loops = config.loops ? config.loops : 1;
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
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)mc_server_port(server));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    MC_EXPECT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* Everything until the other side closes. */
static mc_str read_all(int fd)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(fd, got + len, sizeof(got) - len, 0);

        if (n <= 0)
            return mc_str_of(got, len);
        len += (size_t)n;
    }
}

static mc_str ask(const char *bytes, size_t len)
{
    int fd = dial();
    mc_str answer;

    MC_EXPECT(send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
    (void)shutdown(fd, SHUT_WR);
    answer = read_all(fd);
    (void)close(fd);
    return answer;
}

static mc_str ask_z(const char *text)
{
    return ask(text, strlen(text));
}

static size_t count_of(mc_str text, const char *what)
{
    size_t count = 0;

    for (;;) {
        size_t at = mc_str_find(text, mc_z(what));

        if (at == text.len)
            return count;
        count++;
        text = mc_str_slice(text, at + 1, text.len);
    }
}

#define HOST "Host: x\r\n"

MC_TEST("requests are answered: plain, with bodies, in chunks, pipelined, by HEAD, in HTTP/1.0")
{
    static const struct {
        const char *name, *in, *out;
    } cases[] = {
        {"GET", "GET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a [] remote 127.0.0.1"},
        {"an empty line first", "\r\nGET /a HTTP/1.1\r\n" HOST "\r\n", "GET /a []"},
        {"POST", "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "POST /a [abc]"},
        {"chunked",
         "POST /a HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         "POST /a [abc]"},
        {"a continuation is invited",
         "POST /a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
         "HTTP/1.1 100 Continue\r\n\r\n"},
        {"from another thread", "GET /async HTTP/1.1\r\n" HOST "\r\n", "later"},
        {"close is honoured", "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
         "Connection: close"},
        {"HTTP/1.0 closes", "GET /a HTTP/1.0\r\n\r\n", "Connection: close"},
        {"HTTP/1.0 that stays", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "Connection: keep-alive"},
        {"bodies for one route are smaller",
         "POST /small HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde", "refused 413"},
        {"in chunks too",
         "POST /small HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
         "refused 413"},
        {"and fit exactly", "POST /small HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd",
         "[abcd]"},
    };
    static char pipelined[4096];

    start(&(mc_server_config){0});
    MC_REQUIRE(server != NULL);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_HAS(ask_z(cases[i].in), cases[i].out);
    }
    MC_CASE("HEAD has no body");
    MC_EXPECT(mc_str_ends_with(ask_z("HEAD /a HTTP/1.1\r\n" HOST "\r\n"), MC_STR("\r\n\r\n")));
    MC_CASE("ten at once, in order, one of them slow");
    for (int i = 0; i < 10; i++)
        (void)snprintf(pipelined + strlen(pipelined), sizeof(pipelined) - strlen(pipelined),
                       "GET /%s%d HTTP/1.1\r\n" HOST "\r\n", i == 4 ? "async?" : "n", i);
    MC_EXPECT_EQ(count_of(ask_z(pipelined), "HTTP/1.1 200 OK"), 10);
    MC_EXPECT(mc_str_find(mc_z(got), MC_STR("/n3")) < mc_str_find(mc_z(got), MC_STR("later")));
    MC_EXPECT(mc_str_find(mc_z(got), MC_STR("later")) < mc_str_find(mc_z(got), MC_STR("/n5")));
    stop();
}

MC_TEST("what could be read in two ways is refused, and only once")
{
    static const struct {
        const char *name, *in, *status;
    } cases[] = {
        {"length and chunked",
         "POST / HTTP/1.1\r\n" HOST
         "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n" HOST
         "\r\n",
         "HTTP/1.1 400"},
        {"two lengths",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
         "HTTP/1.1 400"},
        {"an unknown coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
         "HTTP/1.1 501"},
        {"a chunk size with a prefix",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n",
         "HTTP/1.1 400"},
        {"a bare line feed", "GET / HTTP/1.1\n" HOST "\n", "HTTP/1.1 400"},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"nonsense", "\x16\x03\x01\x02nonsense\r\n\r\n", "HTTP/1.1 400"},
        {"a version of tomorrow", "GET / HTTP/3.0\r\n" HOST "\r\n", "HTTP/1.1 505"},
        {"a body beyond the limit", "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999\r\n\r\n",
         "HTTP/1.1 413"},
    };

    start(&(mc_server_config){0});
    MC_REQUIRE(server != NULL);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str answer = ask_z(cases[i].in);

        MC_CASE(cases[i].name);
        MC_EXPECT(mc_str_starts_with(answer, mc_z(cases[i].status)));
        MC_EXPECT_HAS(answer, "refused ");
        MC_EXPECT_HAS(answer, "Connection: close");
        MC_EXPECT_EQ(count_of(answer, "HTTP/1.1 "), 1);
    }
    stop();
}

MC_TEST("heads beyond the limit are 431, by size and by number")
{
    static char large[600000];

    start(&(mc_server_config){0});
    MC_REQUIRE(server != NULL);
    for (size_t size = 20000; size <= 500000; size += 480000) {
        size_t len = (size_t)snprintf(large, sizeof(large), "GET / HTTP/1.1\r\n" HOST "X: ");

        memset(large + len, 'a', size);
        memcpy(large + len + size, "\r\n\r\n", 5);
        MC_EXPECT(mc_str_starts_with(ask(large, len + size + 4), MC_STR("HTTP/1.1 431")));
    }
    stop();
}

/* Sends a byte now and then until the server has had enough; how long that took. */
static int64_t drip(const char *first, mc_str *answer)
{
    int64_t started = mc_clock_monotonic_us((mc_clock){NULL, NULL});
    struct timespec pause = {.tv_nsec = 20000000};
    int fd = dial();

    MC_EXPECT(send(fd, first, strlen(first), MSG_NOSIGNAL) > 0);
    for (int i = 0; i < 500; i++) {
        if (send(fd, "a", 1, MSG_NOSIGNAL) < 0 || recv(fd, got, 1, MSG_DONTWAIT | MSG_PEEK) >= 0)
            break;
        (void)nanosleep(&pause, NULL); /* an early end only drips faster */
    }
    *answer = read_all(fd);
    (void)close(fd);
    return mc_clock_monotonic_us((mc_clock){NULL, NULL}) - started;
}

MC_TEST("a client that drips is cut off at an absolute deadline, in its head and in its body")
{
    mc_str answer;

    start(&(mc_server_config){
        .head_timeout_ms = 300, .body_timeout_ms = 300, .idle_timeout_ms = 300});
    MC_REQUIRE(server != NULL);
    MC_EXPECT(drip("GET / HTTP/1.1\r\n" HOST "X: ", &answer) < 5000000);
    MC_EXPECT_HAS(answer, "HTTP/1.1 408");
    MC_EXPECT(drip("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", &answer) < 5000000);
    MC_EXPECT_HAS(answer, "HTTP/1.1 408");
    MC_CASE("an idle connection ends in silence");
    MC_EXPECT_EQ(count_of(ask_z("GET / HTTP/1.1\r\n" HOST "\r\n"), "HTTP/1.1"), 1);
    stop();
}

MC_TEST("thousands of clients that reset in the middle leave nothing behind")
{
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    mc_server_stats stats;

    start(&(mc_server_config){0});
    MC_REQUIRE(server != NULL);
    for (int i = 0; i < 3000; i++) {
        static const char *const parts[] = {
            "GET /async HTTP/1.1\r\n" HOST "\r\n",
            "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab", "GET / HT"};
        const char *part = parts[i % 3 == 0 && i % 30 ? 2 : i % 3];
        int fd = dial();

        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
        MC_EXPECT(send(fd, part, strlen(part), MSG_NOSIGNAL) > 0);
        (void)close(fd);
    }
    MC_EXPECT_HAS(ask_z("GET /alive HTTP/1.1\r\n" HOST "\r\n"), "GET /alive");
    for (int i = 0; i < 100; i++) {
        struct timespec pause = {.tv_nsec = 20000000};

        mc_server_get_stats(server, &stats);
        if (stats.connections_open <= 1)
            break;
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
    }
    MC_EXPECT(stats.connections_open <= 1);
    stop();
}

MC_TEST("beyond the last connection a client is told to come back")
{
    int fds[4];
    char answer[256];
    ssize_t n;

    start(&(mc_server_config){.max_connections = 3});
    MC_REQUIRE(server != NULL);
    for (int i = 0; i < 4; i++)
        fds[i] = dial();
    n = recv(fds[3], answer, sizeof(answer), 0);
    MC_EXPECT_HAS(mc_str_of(answer, n > 0 ? (size_t)n : 0), "503");
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
    stop();
}

MC_TEST("the unix socket is its owner's, and requests from it are local")
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const char request[] = "GET /a HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    int fd;

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s.sock", mc_test_dir());
    start(&(mc_server_config){.unix_path = mc_z(address.sun_path)});
    MC_REQUIRE(server != NULL);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MC_EXPECT(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    MC_EXPECT(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    MC_EXPECT_HAS(read_all(fd), "GET /a [] local");
    (void)close(fd);
    stop();
    MC_EXPECT(access(address.sun_path, F_OK) != 0);
}

MC_TEST("stopping waits for what is being answered, and two loops share a port")
{
    int fd;

    start(&(mc_server_config){.loops = 2});
    MC_REQUIRE(server != NULL);
    for (int i = 0; i < 20; i++)
        MC_EXPECT_HAS(ask_z("GET /a HTTP/1.1\r\n" HOST "\r\n"), "GET /a");
    fd = dial();
    MC_EXPECT(send(fd, "GET /async HTTP/1.1\r\n" HOST "\r\n", 32, MSG_NOSIGNAL) > 0);
    {
        struct timespec pause = {.tv_nsec = 10000000};

        (void)nanosleep(&pause, NULL); /* so that the request has arrived */
    }
    mc_server_stop(server, 5000);
    MC_EXPECT_HAS(read_all(fd), "later");
    (void)close(fd);
    mc_server_free(server);
}

/* Until a process that was just forked is another program, it has all our descriptors. */
MC_TEST("a connection that ends while a forked process still has it leaves no event behind")
{
    static const char request[] = "GET /a HTTP/1.1\r\n" HOST "\r\n";
    pid_t child;
    int fd;

    start(&(mc_server_config){0});
    MC_REQUIRE(server != NULL);
    fd = dial();
    MC_EXPECT(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    MC_EXPECT(recv(fd, got, sizeof(got), 0) > 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* refused, it stays a little longer */
        for (;;)
            (void)pause();
    }
    MC_EXPECT(child > 0);
    (void)shutdown(fd, SHUT_RDWR);
    for (int i = 0; i < 20; i++)
        MC_EXPECT_HAS(ask_z("GET /b HTTP/1.1\r\n" HOST "\r\n"), "GET /b");
    (void)kill(child, SIGKILL);
    MC_EXPECT(waitpid(child, NULL, 0) == child);
    (void)close(fd);
    stop();
}

MC_TEST("a taken port and a nonsense address are refused")
{
    static const char *const wrong[] = {"nonsense", "127.0.0.1", "localhost:80", "127.0.0.1:99999",
                                        ":80"};
    mc_server *other = NULL;
    char taken[32];
    mc_server_config config = {MC_SERVER_CONFIG, .loops = 1,
                               .handler = {.on_request = on_request, .on_refusal = on_refusal}};
    mc_err err;

    start(&(mc_server_config){0});
    MC_REQUIRE(server != NULL);
    (void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", mc_server_port(server));
    config.listen = mc_z(taken);
    MC_EXPECT_EQ(mc_server_new(&config, &other, &err), MC_UNAVAILABLE);
    for (size_t i = 0; i < MC_LEN(wrong); i++) {
        MC_CASE(wrong[i]);
        config.listen = mc_z(wrong[i]);
        MC_EXPECT_EQ(mc_server_new(&config, &other, &err), MC_INVALID);
    }
    MC_EXPECT(other == NULL);
    stop();
}

static mc_code make_and_free(mc_err *err)
{
    mc_server *made = NULL;
    mc_code rc = mc_server_new(
        &(mc_server_config){MC_SERVER_CONFIG, .listen = MC_STR("127.0.0.1:0"), .loops = 2,
                            .handler = {.on_request = on_request, .on_refusal = on_refusal}},
        &made, err);

    mc_server_free(made);
    return rc;
}

MC_TEST("a server without memory is an ordinary error")
{
    MC_TEST_OOM(make_and_free);
}
