/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live_load: thousands of WebSockets or event streams (SSE) on a running server: what an idle one
 * costs it, and how long one write takes to reach all. The ceiling is the same fan-out by a process
 * that does nothing else: one write(2) per connection.
 *
 *   live_load ws|sse PORT TOKEN PID [CONNECTIONS [ROUNDS]]
 *
 * prints  idle_bytes N / subscribed_bytes N / broadcast_us N / bare_us N / delivered N
 */
#include "metacore/base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 60000
#define ROUNDS_MAX 100

typedef struct load {
    bool is_sse;
    unsigned port;
    const char *token;
    int pid;
    uint32_t count, rounds;
    int epoll;
    int *fds;
    uint32_t *got; /* bytes of this round, by socket */
} load;

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* it is always there */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- connections ---- */

static int dial(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            die("send");
        bytes += n;
        len -= (size_t)n;
    }
}

/* A head's status; what follows it is left. */
static int read_status(int fd)
{
    char head[4096];
    size_t len = 0;

    while (len < sizeof(head) - 1) {
        if (recv(fd, head + len, 1, 0) != 1)
            return 0;
        head[++len] = '\0';
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
            return (int)strtol(head + 9, NULL, 10);
    }
    return 0;
}

static int write_request(const load *l, char *out, size_t size)
{
    if (l->is_sse)
        return snprintf(
            out, size,
            "GET /api/eventlog/stream?access_token=%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            l->token);
    return snprintf(out, size,
                    "GET /api/ws?token=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                    l->token);
}

static void open_connections(load *l)
{
    char request[4096];
    int len = write_request(l, request, sizeof(request));

    for (uint32_t i = 0; i < l->count; i++) {
        int status;

        l->fds[i] = dial(l->port);
        send_all(l->fds[i], request, (size_t)len);
        status = read_status(l->fds[i]);
        if (status != (l->is_sse ? 200 : 101)) {
            (void)fprintf(stderr, "live_load: connection %u is answered %d\n", i, status);
            exit(1);
        }
    }
}

static void watch(load *l)
{
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t i = 0; i < l->count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

        if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->fds[i], &event) != 0)
            die("epoll");
    }
}

/* ---- one round ---- */

/* The size of the frame that begins at bytes, of a server's text. */
static uint32_t frame_size(const unsigned char *bytes)
{
    return bytes[1] < 126 ? 2u + bytes[1] : 4u + ((uint32_t)bytes[2] << 8 | bytes[3]);
}

/* An event's chunk ends with its empty line. */
static bool is_event_end(const unsigned char *bytes, size_t len)
{
    return len >= 4 && memcmp(bytes + len - 4, "\n\n\r\n", 4) == 0;
}

/* Waits until each connection has a whole frame (all of a round are equally long), or event. */
static int64_t receive_all(load *l)
{
    struct epoll_event events[512];
    unsigned char bytes[4096];
    uint32_t done = 0, size = 0;

    memset(l->got, 0, l->count * sizeof(*l->got));
    while (done < l->count) {
        int count = epoll_wait(l->epoll, events, 512, 30000);

        if (count <= 0)
            die("waiting for frames");
        for (int i = 0; i < count; i++) {
            uint32_t at = events[i].data.u32, before = l->got[at];
            ssize_t n = recv(l->fds[at], bytes, sizeof(bytes), 0);

            if (n <= 0)
                die("recv");
            if (l->is_sse) {
                done += is_event_end(bytes, (size_t)n);
                continue;
            }
            if (size == 0 && n >= 4)
                size = frame_size(bytes);
            l->got[at] += (uint32_t)n;
            done += before < size && l->got[at] >= size;
        }
    }
    return now_us();
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static int64_t median(int64_t *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

/* ---- the server ---- */

static long resident_kb(int pid)
{
    char path[64], line[256];
    long kb = -1;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid); /* fits */
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    }
    if (file)
        (void)fclose(file); /* only read */
    return kb;
}

static void subscribe_all(load *l)
{
    static const char text[] = "{\"type\":\"SUBSCRIBE\",\"models\":[\"tickets\"]}";
    char frame[6 + sizeof(text)] = {(char)0x81, (char)(0x80 | (sizeof(text) - 1))};

    memcpy(frame + 6, text, sizeof(text) - 1); /* masked with zeros */
    for (uint32_t i = 0; i < l->count; i++)
        send_all(l->fds[i], frame, 6 + sizeof(text) - 1);
    (void)receive_all(l);
}

/* One durable write over HTTP, until the last socket has heard of it. */
static int64_t broadcast(load *l)
{
    static const char body[] = "{\"subject\":\"broadcast\"}";
    char request[4096], answer[8192];
    int64_t start, end;
    int fd = dial(l->port);
    int len = snprintf(request, sizeof(request),
                       "POST /api/dynamic/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       l->token, sizeof(body) - 1, body);

    start = now_us();
    send_all(fd, request, (size_t)len);
    end = receive_all(l);
    if (recv(fd, answer, sizeof(answer), 0) <= 0 || memcmp(answer + 9, "201", 3) != 0) {
        (void)fprintf(stderr, "live_load: the ticket was not created\n");
        exit(1);
    }
    (void)close(fd);
    return end - start;
}

static void measure_server(load *l)
{
    int64_t times[ROUNDS_MAX];
    long before = resident_kb(l->pid), idle, subscribed;

    open_connections(l);
    idle = resident_kb(l->pid);
    watch(l);
    if (l->is_sse)
        (void)receive_all(l); /* what a stream begins with */
    else
        subscribe_all(l);
    subscribed = resident_kb(l->pid);
    for (uint32_t i = 0; i < l->rounds; i++)
        times[i] = broadcast(l);
    (void)printf("idle_bytes %ld\nsubscribed_bytes %ld\nbroadcast_us %lld\n",
                 (idle - before) * 1024 / (long)l->count,
                 (subscribed - before) * 1024 / (long)l->count,
                 (long long)median(times, l->rounds));
    for (uint32_t i = 0; i < l->count; i++)
        (void)close(l->fds[i]);
    (void)close(l->epoll);
}

/* ---- the ceiling ---- */

/* Accepts count connections, then writes one frame to each for every byte on control. */
static void bare_server(int listener, int control, uint32_t count)
{
    static unsigned char frame[4 + 320] = {0x81, 126, 320 >> 8, 320 & 0xff};
    int *fds = calloc(count, sizeof(*fds));
    char byte;

    for (uint32_t i = 0; fds && i < count; i++)
        fds[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fds && read(control, &byte, 1) == 1) {
        for (uint32_t i = 0; i < count; i++) {
            if (write(fds[i], frame, sizeof(frame)) < 0)
                _exit(1);
        }
    }
    _exit(0);
}

static void measure_bare(load *l)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int64_t times[ROUNDS_MAX];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), control[2];
    pid_t child;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 4096) != 0 || pipe(control) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        die("bare server");
    child = fork();
    if (child == 0) {
        (void)close(control[1]);
        bare_server(listener, control[0], l->count);
    }
    for (uint32_t i = 0; i < l->count; i++)
        l->fds[i] = dial(ntohs(address.sin_port));
    watch(l);
    for (uint32_t i = 0; i < l->rounds; i++) {
        int64_t start = now_us();

        if (write(control[1], "x", 1) != 1)
            die("bare server");
        times[i] = receive_all(l) - start;
    }
    (void)printf("bare_us %lld\n", (long long)median(times, l->rounds));
    (void)close(control[1]);
    if (waitpid(child, NULL, 0) < 0)
        die("bare server");
    for (uint32_t i = 0; i < l->count; i++)
        (void)close(l->fds[i]);
}

int main(int argc, char **argv)
{
    load l = {.count = 10000, .rounds = 11};
    uint32_t port, pid;
    struct rlimit limit;

    if (argc < 5 || !mc_str_u32(mc_z(argv[2]), 1, 65535, &port) ||
        !mc_str_u32(mc_z(argv[4]), 1, INT32_MAX, &pid) ||
        (argc > 5 && !mc_str_u32(mc_z(argv[5]), 1, CONNECTIONS_MAX, &l.count)) ||
        (argc > 6 && !mc_str_u32(mc_z(argv[6]), 1, ROUNDS_MAX, &l.rounds))) {
        (void)fprintf(stderr, "usage: live_load ws|sse PORT TOKEN PID [CONNECTIONS [ROUNDS]]\n");
        return 2;
    }
    l.port = port;
    l.pid = (int)pid;
    l.token = argv[3];
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* refused, connecting fails and says so */
    }
    l.fds = calloc(l.count, sizeof(*l.fds));
    l.got = calloc(l.count, sizeof(*l.got));
    if (!l.fds || !l.got)
        die("memory");
    measure_bare(&l);
    l.is_sse = strcmp(argv[1], "sse") == 0;
    measure_server(&l);
    (void)printf("delivered %u\n", l.count * l.rounds);
    return 0;
}
