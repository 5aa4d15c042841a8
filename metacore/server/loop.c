/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define ACCEPTS_MAX 64   /* per event, so that requests are served in between */
#define TICK_MS_MAX 1000 /* how long a stop can go unnoticed without a wake */
#define STOP_TURN_MS 10
#define GOODBYES_MIN 20   /* sockets told of a stop in one turn, at least */
#define GOODBYE_TURNS 200 /* in about how many turns all are told */

static int64_t monotonic_us(void)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

mc_str mc__loop_date(mc__loop *loop)
{
    mc_time now = mc_clock_now(loop->server->config.clock);
    int64_t second = now / MC_TIME_US_PER_S;

    if (second != loop->date_s) {
        mc_time_http_format(now, loop->date);
        loop->date_s = second;
    }
    return mc_str_of(loop->date, sizeof(loop->date));
}

/* ---- epoll ---- */

void mc__conn_set_interest(mc__conn *conn, bool is_reading, bool is_flushing)
{
    struct epoll_event event = {.data.ptr = &conn->source};

    if (conn->is_reading == is_reading && conn->is_flushing == is_flushing)
        return;
    conn->is_reading = is_reading;
    conn->is_flushing = is_flushing;
    event.events = (is_reading ? EPOLLIN : 0u) | (is_flushing ? EPOLLOUT : 0u);
    (void)epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_MOD, conn->source.fd, &event); /* it is there */
}

static bool add_source(mc__loop *loop, mc__source *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0;
}

void mc__loop_forget(mc__loop *loop, const mc__source *source)
{
    /* It may never have been added. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

/* ---- new connections ---- */

static void adopt(mc__loop *loop, int fd, bool is_local)
{
    static const char busy[] =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    mc_server *server = loop->server;
    mc__conn *conn;

    if (atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed) >=
        server->config.max_connections) {
        if (!atomic_load(&server->tls) && send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL) < 0)
            errno = 0; /* it is closed anyway */
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
        (void)close(fd);
        return;
    }
    conn = mc__conn_new(loop, fd, is_local);
    if (!conn) {
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
        (void)close(fd);
        return;
    }
    atomic_fetch_add_explicit(&server->connections_total, 1, memory_order_relaxed);
    conn->is_reading = true;
    /* The first byte has as long as a head: a connection that says nothing is no idle one yet. */
    mc__timer_set(conn, MC__TIMER_HEAD, server->config.head_timeout_ms);
    if (!add_source(loop, &conn->source))
        mc__conn_close(conn);
}

/* Out of descriptors: the spare one is given up so that the waiting client can be turned away
 * instead of keeping the listener ready for ever. */
static void turn_away(mc__loop *loop, int listener)
{
    int fd;

    if (loop->spare_fd < 0)
        return;
    (void)close(loop->spare_fd);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_some(mc__loop *loop, const mc__source *listener)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            adopt(loop, fd, listener != &loop->listeners[0]);
        else if (errno == EMFILE || errno == ENFILE)
            turn_away(loop, listener->fd);
        else if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* ---- the inbox ---- */

void mc__loop_wake(mc__loop *loop)
{
    uint64_t one = 1;

    if (write(loop->wake.fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: the loop is awake */
}

void mc__loop_post(mc_exchange *x)
{
    mc__loop *loop = x->loop;
    bool must_wake;

    mc_mutex_lock(&loop->mu);
    x->next = loop->inbox;
    loop->inbox = x;
    must_wake = !loop->is_woken;
    loop->is_woken = true;
    mc_mutex_unlock(&loop->mu);
    if (must_wake)
        mc__loop_wake_once(loop);
}

void mc__loop_post_stream(mc_exchange *x, mc__stream_end end)
{
    mc__loop *loop = x->loop;
    bool must_wake;

    mc_mutex_lock(&loop->mu);
    if (end != MC__STREAM_OPEN)
        x->stream_end = end; /* seen by the loop from its list alone: then nobody else has x */
    if (!x->is_stream_posted) {
        x->is_stream_posted = true;
        x->next_stream = loop->streams;
        loop->streams = x;
    }
    must_wake = !loop->is_woken;
    loop->is_woken = true;
    mc_mutex_unlock(&loop->mu);
    if (must_wake)
        mc__loop_wake(loop);
}

static mc_exchange *take_stream(mc__loop *loop, mc__stream_end *out_end)
{
    mc_exchange *x;

    mc_mutex_lock(&loop->mu);
    x = loop->streams;
    if (x) {
        loop->streams = x->next_stream;
        x->is_stream_posted = false;
        *out_end = x->stream_end;
    }
    mc_mutex_unlock(&loop->mu);
    return x;
}

static void empty_streams(mc__loop *loop)
{
    mc__stream_end end = MC__STREAM_OPEN;
    mc_exchange *x = take_stream(loop, &end);

    for (; x; x = take_stream(loop, &end))
        mc__stream_event(x, end);
}

void mc_server_post(mc_server *server, unsigned number, mc_task *task)
{
    mc__loop *loop = &server->loops[number];
    bool must_wake;

    mc_mutex_lock(&loop->mu);
    task->next = NULL;
    *(loop->posted_last ? &loop->posted_last->next : &loop->posted) = task;
    loop->posted_last = task;
    must_wake = !loop->is_woken;
    loop->is_woken = true;
    mc_mutex_unlock(&loop->mu);
    if (must_wake)
        mc__loop_wake(loop);
}

static void append_tasks(mc__loop *loop, mc_task *first, mc_task *last)
{
    if (!first)
        return;
    *(loop->tasks_last ? &loop->tasks_last->next : &loop->tasks) = first;
    loop->tasks_last = last;
}

/* Each task that is there now, once. */
static void run_tasks(mc__loop *loop)
{
    mc_task *task = loop->tasks;

    loop->tasks = loop->tasks_last = NULL;
    while (task) {
        mc_task *next = task->next; /* after run the task may be posted again, by anybody */

        task->next = NULL;
        if (task->run(task, loop->number))
            append_tasks(loop, task, task);
        task = next;
    }
}

static void empty_inbox(mc__loop *loop)
{
    mc_exchange *newest, *oldest = NULL;
    uint64_t count;

    if (read(loop->wake.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        return;
    mc_mutex_lock(&loop->mu);
    newest = loop->inbox;
    loop->inbox = NULL;
    append_tasks(loop, loop->posted, loop->posted_last);
    loop->posted = loop->posted_last = NULL;
    loop->is_woken = false;
    mc_mutex_unlock(&loop->mu);
    while (newest) { /* in the order in which they were answered */
        mc_exchange *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        mc_exchange *x = oldest;

        oldest = x->next;
        x->next = NULL;
        mc__conn_answered(x);
    }
    empty_streams(loop);
}

/* ---- the loop ---- */

static void run_timers(mc__loop *loop)
{
    for (int i = 0; i < MC__TIMER_COUNT; i++) {
        /* Bodies are put back with other deadlines, so all of them are looked at. */
        mc__conn *conn = loop->timers[i].first;

        while (conn) {
            mc__conn *next = conn->timer_next;

            if (conn->deadline_us <= loop->now_us)
                mc__conn_timeout(conn);
            else if (i != MC__TIMER_BODY)
                break;
            conn = next;
        }
    }
}

static void free_closed(mc__loop *loop)
{
    while (loop->closed) {
        mc__conn *conn = loop->closed;

        loop->closed = conn->next;
        free(conn);
    }
}

static void close_listeners(mc__loop *loop)
{
    for (unsigned i = 0; i < loop->listener_count; i++) {
        mc__loop_forget(loop, &loop->listeners[i]);
        (void)close(loop->listeners[i].fd);
    }
    loop->listener_count = 0;
}

/* Sockets are told in turns, so that their clients do not all come back in one moment. */
static unsigned goodbyes_now(mc__loop *loop)
{
    if (loop->now_us - loop->goodbye_us < STOP_TURN_MS * INT64_C(1000))
        return 0;
    loop->goodbye_us = loop->now_us;
    return loop->socket_count / GOODBYE_TURNS + GOODBYES_MIN;
}

/* Connections that wait for nothing go at once; true when all is done or time is up. */
static bool wind_down(mc__loop *loop)
{
    mc__conn *conn = loop->conns;
    unsigned goodbyes = goodbyes_now(loop);
    bool is_late = loop->now_us >= atomic_load(&loop->server->stop_deadline_us);

    close_listeners(loop);
    while (conn) {
        mc__conn *next = conn->next;

        if (is_late || conn->state == MC__CONN_IDLE || conn->state == MC__CONN_HANDSHAKE ||
            (conn->state == MC__CONN_STREAMING && mc__stream_is_endless(conn->exchange->stream)))
            mc__conn_close(conn);
        else if (conn->state == MC__CONN_SOCKET && !mc_socket_is_closing(conn->socket) &&
                 goodbyes > 0) {
            mc_socket_close(conn->socket, MC_CLOSE_GOING_AWAY, MC_STR("the server stops"));
            goodbyes--;
        }
        conn = next;
    }
    return (loop->conns == NULL && loop->open_exchanges == 0) || is_late;
}

static int timeout_ms(const mc__loop *loop, bool is_stopping)
{
    int64_t next = mc__timers_next_us(loop);
    int64_t wait_ms = next == INT64_MAX ? TICK_MS_MAX : (next - loop->now_us) / 1000 + 1;

    if (loop->dirty || loop->tasks)
        return 0;
    if (is_stopping)
        return STOP_TURN_MS;
    return wait_ms < 0 ? 0 : wait_ms > TICK_MS_MAX ? TICK_MS_MAX : (int)wait_ms;
}

static void handle_event(mc__loop *loop, const struct epoll_event *event)
{
    mc__source *source = event->data.ptr;

    switch (source->kind) {
    case MC__SOURCE_LISTENER:
        accept_some(loop, source);
        break;
    case MC__SOURCE_WAKE:
        empty_inbox(loop);
        break;
    case MC__SOURCE_CONN:
        mc__conn_event(mc_container_of(source, mc__conn, source), event->events);
        break;
    }
}

static void tick(mc__loop *loop)
{
    const mc_server_config *config = &loop->server->config;

    if (!config->on_tick || loop->now_us - loop->ticked_us < TICK_MS_MAX * INT64_C(1000))
        return;
    loop->ticked_us = loop->now_us;
    config->on_tick(config->on_tick_user, loop->number);
}

void *mc__loop_main(void *user)
{
    mc__loop *loop = user;
    mc_server *server = loop->server;
    struct epoll_event events[EVENTS_MAX];
    char name[16];
    bool is_over = false;

    (void)snprintf(name, sizeof(name), "mc-loop-%u", loop->number);
    (void)pthread_setname_np(pthread_self(), name); /* only a convenience */
    mc__set_current_loop(loop);
    loop->now_us = monotonic_us();
    while (!is_over) {
        bool is_stopping = atomic_load(&server->is_stopping);
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, timeout_ms(loop, is_stopping));

        loop->now_us = monotonic_us();
        for (int i = 0; i < count; i++)
            handle_event(loop, &events[i]);
        if (server->config.handler.on_batch)
            server->config.handler.on_batch(server->config.handler.user, loop->number);
        run_tasks(loop);
        run_timers(loop);
        tick(loop);
        if (is_stopping)
            is_over = wind_down(loop);
        mc__sockets_flush(loop);
        free_closed(loop);
    }
    if (server->config.handler.loop_stop)
        server->config.handler.loop_stop(server->config.handler.user, loop->number);
    return NULL;
}

mc_code mc__loop_init(mc__loop *loop, mc_server *server, unsigned number, mc_err *err)
{
    *loop = (mc__loop){.server = server, .number = number, .epoll_fd = -1};
    loop->wake = (mc__source){MC__SOURCE_WAKE, -1};
    mc_mutex_init(&loop->mu);
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    loop->read_buf = malloc(MC__READ_BYTES);
    if (!loop->read_buf)
        return mc_fail(err, MC_NO_MEMORY, "server: loop");
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->epoll_fd < 0 || loop->wake.fd < 0 || !add_source(loop, &loop->wake))
        return mc_fail_errno(err, MC_LIMIT, errno, "server: loop");
    return MC_OK;
}

void mc__loop_deinit(mc__loop *loop)
{
    close_listeners(loop);
    while (loop->conns)
        mc__conn_close(loop->conns);
    free_closed(loop);
    empty_streams(loop);             /* ended after the loop's end */
    mc__exchanges_free(loop->inbox); /* answered after it */
    mc__exchanges_free(loop->free_exchanges);
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake.fd >= 0)
        (void)close(loop->wake.fd);
    if (loop->spare_fd >= 0)
        (void)close(loop->spare_fd);
    free(loop->read_buf);
    mc_mutex_deinit(&loop->mu);
}
