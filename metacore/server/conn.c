/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life: bytes to requests, answers to bytes. All on its loop's thread. */
#include "metacore/server/server_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_FREE_BYTES 65536 /* under the absolute deadline alone */
#define BODY_RATE_BYTES_S 16384
#define LINGER_MS 2000

static void process_input(mc__conn *conn);
static void refuse(mc__conn *conn, int status, const char *why);

static const mc_server_config *config_of(const mc__conn *conn)
{
    return &conn->loop->server->config;
}

/* ---- birth and death ---- */

mc__conn *mc__conn_new(mc__loop *loop, int fd, bool is_local)
{
    mc__conn *conn = calloc(1, sizeof(*conn));
    int on = 1;

    if (!conn)
        return NULL;
    conn->source = (mc__source){MC__SOURCE_CONN, fd};
    conn->loop = loop;
    conn->is_local = is_local;
    conn->timer = -1;
    conn->state = MC__CONN_IDLE;
    if (!is_local)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!is_local && atomic_load(&loop->server->tls)) {
        if (mc__tls_attach(loop->server, conn) != MC_OK) {
            free(conn);
            return NULL;
        }
        conn->state = MC__CONN_HANDSHAKE;
    }
    conn->next = loop->conns;
    if (loop->conns)
        loop->conns->prev = conn;
    loop->conns = conn;
    return conn;
}

void mc__conn_close(mc__conn *conn)
{
    mc__loop *loop = conn->loop;

    if (conn->state == MC__CONN_CLOSED)
        return;
    mc__timer_clear(conn);
    if (conn->exchange && conn->state == MC__CONN_HANDLING)
        conn->exchange->conn = NULL; /* its handler still has it; answered, it is recycled */
    else if (conn->exchange && conn->state == MC__CONN_STREAMING)
        mc__stream_cut(conn->exchange);
    else if (conn->exchange)
        mc__exchange_recycle(conn->exchange);
    conn->exchange = NULL;
    conn->state = MC__CONN_CLOSED;
    if (conn->socket)
        mc__socket_gone(conn->socket);
    conn->socket = NULL;
    if (conn->ssl) {
        (void)SSL_shutdown(conn->ssl); /* one try: the other side may be gone */
        SSL_free(conn->ssl);
    }
    mc__loop_forget(loop, &conn->source);
    (void)close(conn->source.fd);
    free(conn->in);
    conn->in = NULL;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        loop->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    /* Events of this batch may still name it. */
    conn->next = loop->closed;
    loop->closed = conn;
    atomic_fetch_sub_explicit(&loop->server->connections, 1, memory_order_relaxed);
}

/* ---- bytes that wait ---- */

static bool keep_input(mc__conn *conn, const char *bytes, size_t len)
{
    if (len > conn->in_cap - conn->in_len) {
        size_t cap = conn->in_len + len;
        char *grown;

        cap = cap < 1024 ? 1024 : cap;
        grown = realloc(conn->in, cap);
        if (!grown)
            return false;
        conn->in = grown;
        conn->in_cap = cap;
    }
    memcpy(conn->in + conn->in_len, bytes, len);
    conn->in_len += len;
    return true;
}

static void drop_input(mc__conn *conn, size_t len)
{
    conn->in_len -= len;
    conn->in_scanned = 0;
    if (conn->in_len == 0) {
        free(conn->in); /* an idle connection holds no buffer */
        conn->in = NULL;
        conn->in_cap = 0;
    } else {
        memmove(conn->in, conn->in + len, conn->in_len);
    }
}

/* ---- the answer ---- */

void mc__conn_linger(mc__conn *conn)
{
    conn->state = MC__CONN_LINGER;
    if (conn->ssl)
        (void)SSL_shutdown(conn->ssl); /* says that no more comes; the answer is not waited for */
    (void)shutdown(conn->source.fd, SHUT_WR);
    mc__timer_set(conn, MC__TIMER_LINGER, LINGER_MS);
    mc__conn_set_interest(conn, true, false);
}

static void answer_is_out(mc__conn *conn)
{
    if (conn->exchange->answer.upgrade && conn->exchange->answer.status == 101) {
        mc__upgrade_take(conn);
        return;
    }
    mc__exchange_recycle(conn->exchange);
    if (!conn->keep_alive || atomic_load(&conn->loop->server->is_stopping)) {
        if (conn->wants_eof || conn->ssl)
            mc__conn_close(conn);
        else
            mc__conn_linger(conn);
        return;
    }
    conn->state = conn->in_len ? MC__CONN_HEAD : MC__CONN_IDLE;
    if (conn->state == MC__CONN_HEAD)
        mc__timer_set(conn, MC__TIMER_HEAD, config_of(conn)->head_timeout_ms);
    else
        mc__timer_set(conn, MC__TIMER_IDLE, config_of(conn)->idle_timeout_ms);
    mc__conn_set_interest(conn, true, false);
}

void mc__conn_answer_done(mc__conn *conn)
{
    answer_is_out(conn);
    if (conn->state == MC__CONN_HEAD)
        process_input(conn);
}

void mc__conn_advance(mc__conn *conn, size_t n)
{
    for (int i = 0; i < 2; i++) {
        size_t part = n < conn->out[i].iov_len ? n : conn->out[i].iov_len;

        conn->out[i].iov_base = (char *)conn->out[i].iov_base + part;
        conn->out[i].iov_len -= part;
        n -= part;
    }
}

static void flush(mc__conn *conn)
{
    while (conn->out[0].iov_len + conn->out[1].iov_len > 0) {
        ssize_t n = mc__conn_write(conn, conn->out, 2);

        if (n == 0) {
            mc__conn_close(conn);
            return;
        }
        if (n < 0) {
            conn->state = MC__CONN_WRITING;
            mc__timer_set(conn, MC__TIMER_WRITE, config_of(conn)->write_timeout_ms);
            mc__conn_set_interest(conn, false, true);
            return;
        }
        mc__conn_advance(conn, (size_t)n);
    }
    answer_is_out(conn);
}

static void send_answer(mc__conn *conn, mc_exchange *x)
{
    mc_buf head;

    if (atomic_load(&conn->loop->server->is_stopping))
        conn->keep_alive = false;
    if (x->answer.upgrade && x->answer.status == 101)
        mc__upgrade_head(conn, x);
    mc_buf_init_arena(&head, x->arena, 0);
    mc__http1_write_head(&head, &x->answer, mc__loop_date(conn->loop), config_of(conn)->server_name,
                         conn->keep_alive, conn->is_1_0);
    if (mc_buf_failed(&head)) {
        mc__conn_close(conn);
        return;
    }
    conn->out[0] = (struct iovec){head.ptr, head.len};
    conn->out[1] = (struct iovec){(void *)x->answer.body.ptr, x->answer.body.len};
    if (x->message.is_head || mc__http1_is_bodyless(x->answer.status))
        conn->out[1].iov_len = 0;
    flush(conn);
}

void mc__conn_answered(mc_exchange *x)
{
    mc__conn *conn = x->conn;

    x->loop->open_exchanges--;
    if (!conn) {
        mc__exchange_recycle(x);
        return;
    }
    if (conn->state != MC__CONN_HANDLING)
        return;
    if (!x->is_answered && mc__current_loop() == x->loop && conn->is_dispatching) {
        x->is_answered = true; /* dispatch sends it when the handler has returned */
        return;
    }
    send_answer(conn, x);
    if (conn->state == MC__CONN_HEAD)
        process_input(conn);
}

/* ---- requests ---- */

static void dispatch(mc__conn *conn)
{
    mc_exchange *x = conn->exchange;
    mc_server *server = conn->loop->server;

    x->message.body = mc_buf_get(&x->body);
    x->message.is_body_in_file = x->spool_fd >= 0;
    x->message.body_fd = x->spool_fd;
    x->message.body_size = x->body_got;
    if (x->spool_fd >= 0)
        mc__spool_rewind(x);
    conn->state = MC__CONN_HANDLING;
    mc__timer_clear(conn);
    conn->loop->open_exchanges++;
    atomic_fetch_add_explicit(&server->requests_total, 1, memory_order_relaxed);
    conn->is_dispatching = true;
    server->config.handler.on_request(server->config.handler.user, x);
    /* x may have been answered and recycled by now only through is_answered: see above. */
    conn->is_dispatching = false;
    if (x->is_answered)
        send_answer(conn, x);
}

static void refuse_with(mc__conn *conn, const mc_answer *answer)
{
    mc_exchange *x = conn->exchange;

    atomic_fetch_add_explicit(&conn->loop->server->refused_total, 1, memory_order_relaxed);
    conn->keep_alive = false;
    conn->state = MC__CONN_HANDLING;
    mc__timer_clear(conn);
    x->answer = *answer;
    send_answer(conn, x);
}

static void refuse(mc__conn *conn, int status, const char *why)
{
    mc_server *server = conn->loop->server;
    mc_exchange *x = conn->exchange ? conn->exchange : mc__exchange_new(conn);
    mc_answer answer = {0};

    if (!x) {
        mc__conn_close(conn);
        return;
    }
    x->message.is_head = false;
    server->config.handler.on_refusal(server->config.handler.user, x->arena, status, mc_z(why),
                                      &answer);
    answer.status = status;
    refuse_with(conn, &answer);
}

static bool admit(mc__conn *conn, const mc__http1_head *head)
{
    mc_server *server = conn->loop->server;
    mc_exchange *x = conn->exchange;
    mc_admission admission = {.max_body_bytes = server->config.max_body_bytes};

    if (server->config.handler.on_head)
        server->config.handler.on_head(server->config.handler.user, x, &admission);
    if (admission.refuse.status) {
        refuse_with(conn, &admission.refuse);
        return false;
    }
    if (head->has_length && head->length > admission.max_body_bytes) {
        refuse(conn, 413, "the body is too large");
        return false;
    }
    x->chunked.room = admission.max_body_bytes;
    if (admission.to_file && (head->is_chunked || head->length > 0) && !mc__spool_open(x)) {
        refuse(conn, 507, "there is no room for the body now");
        return false;
    }
    return true;
}

static void start_body(mc__conn *conn, const mc__http1_head *head)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec line[2] = {{(void *)go_on, sizeof(go_on) - 1}, {NULL, 0}};
    mc_exchange *x = conn->exchange;

    x->is_chunked = head->is_chunked;
    x->body_left = head->length;
    conn->body_started_us = conn->loop->now_us;
    conn->state = MC__CONN_BODY;
    mc__timer_set(conn, MC__TIMER_BODY, config_of(conn)->body_timeout_ms);
    /* 25 bytes into an empty socket buffer; if even that fails the client times out by itself. */
    if (head->expects_continue && conn->in_len == 0 && mc__conn_write(conn, line, 2) == 0)
        mc__conn_close(conn);
}

/* The first len bytes of conn->in are a whole head. */
static void take_head(mc__conn *conn, size_t len)
{
    mc_exchange *x = mc__exchange_new(conn);
    char *text = x ? mc_arena_alloc(x->arena, len) : NULL;
    mc__http1_refusal r;
    mc__http1_head head;

    if (!text) {
        refuse(conn, 503, "out of memory");
        return;
    }
    memcpy(text, conn->in, len);
    drop_input(conn, len);
    r = mc__http1_parse(text, len, x->headers, &head);
    x->message = head.message;
    x->message.is_1_0 = head.is_1_0;
    mc__exchange_set_peer(x, conn);
    conn->is_1_0 = head.is_1_0;
    conn->keep_alive = head.keep_alive;
    if (r.status) {
        refuse(conn, r.status, r.why);
        return;
    }
    if (!admit(conn, &head))
        return;
    if (head.is_chunked || head.length > 0)
        start_body(conn, &head);
    else
        dispatch(conn);
}

static void find_head(mc__conn *conn)
{
    size_t limit = config_of(conn)->max_head_bytes;

    /* One empty line before a request is forgiven (RFC 9112 section 2.2). */
    if (conn->in_scanned == 0 && conn->in_len >= 2 && memcmp(conn->in, "\r\n", 2) == 0) {
        drop_input(conn, 2);
        if (conn->in_len == 0)
            return;
    }
    switch (mc__http1_find_end(mc_str_of(conn->in, conn->in_len), &conn->in_scanned)) {
    case MC__HTTP1_BAD:
        refuse(conn, 400, "a line of the head does not end in CRLF");
        break;
    case MC__HTTP1_WHOLE:
        if (conn->in_scanned > limit)
            refuse(conn, 431, "the head is too large");
        else
            take_head(conn, conn->in_scanned);
        break;
    case MC__HTTP1_MORE:
        if (conn->in_len > limit)
            refuse(conn, 431, "the head is too large");
        break;
    }
}

static void take_body(mc__conn *conn)
{
    mc_exchange *x = conn->exchange;
    mc_str in = mc_str_of(conn->in, conn->in_len);
    mc__http1_refusal r = {0, NULL};
    bool is_over;

    x->body_got -= x->body.len;
    if (x->is_chunked) {
        r = mc__chunked_read(&x->chunked, &in, &x->body, &is_over);
    } else {
        size_t n = x->body_left < in.len ? (size_t)x->body_left : in.len;

        mc_buf_bytes(&x->body, in.ptr, n);
        x->body_left -= n;
        in = mc_str_slice(in, n, in.len);
        is_over = x->body_left == 0;
        if (mc_buf_failed(&x->body))
            r = (mc__http1_refusal){503, "out of memory"};
    }
    x->body_got += x->body.len;
    if (x->spool_fd >= 0 && !mc__spool_write(x) && r.status == 0)
        r = (mc__http1_refusal){507, "there is no room for the body now"};
    drop_input(conn, conn->in_len - in.len);
    if (r.status)
        refuse(conn, r.status, r.why);
    else if (is_over)
        dispatch(conn);
}

/* Works through what has come, request by request, until more is needed or one is with a handler.
 */
static void process_input(mc__conn *conn)
{
    if (conn->is_processing)
        return; /* an answer given inside comes back here by itself */
    conn->is_processing = true;
    while (conn->in_len > 0) {
        size_t before = conn->in_len;
        mc__conn_state state = conn->state;

        if (state == MC__CONN_IDLE) {
            conn->state = MC__CONN_HEAD;
            mc__timer_set(conn, MC__TIMER_HEAD, config_of(conn)->head_timeout_ms);
        } else if (state == MC__CONN_HEAD) {
            find_head(conn);
        } else if (state == MC__CONN_BODY) {
            take_body(conn);
        } else {
            break;
        }
        if (conn->state == state && conn->in_len == before)
            break;
    }
    if (conn->state != MC__CONN_CLOSED)
        conn->is_processing = false;
    if (conn->state == MC__CONN_HANDLING && conn->in_len > 0)
        mc__conn_set_interest(conn, false, false); /* the rest waits for the answer */
}

/* ---- events ---- */

static void swallow(mc__conn *conn)
{
    ssize_t n;

    do {
        n = mc__conn_read(conn, conn->loop->read_buf, MC__READ_BYTES);
    } while (n > 0);
    if (n == 0)
        mc__conn_close(conn);
}

static bool is_answering(const mc__conn *conn)
{
    return conn->state == MC__CONN_HANDLING || conn->state == MC__CONN_WRITING ||
           conn->state == MC__CONN_STREAMING;
}

static void read_some(mc__conn *conn)
{
    char *buf = conn->loop->read_buf;
    ssize_t n = mc__conn_read(conn, buf, MC__READ_BYTES);

    if (n < 0)
        return;
    if (n == 0) {
        /* With a request out, its answer may still be wanted: the client closed its half only. */
        if (conn->state == MC__CONN_STREAMING && mc__stream_is_endless(conn->exchange->stream)) {
            mc__conn_close(conn);
        } else if (is_answering(conn)) {
            conn->wants_eof = true;
            conn->keep_alive = false;
            mc__conn_set_interest(conn, false, conn->is_flushing);
        } else {
            mc__conn_close(conn);
        }
        return;
    }
    if (!keep_input(conn, buf, (size_t)n)) {
        mc__conn_close(conn);
        return;
    }
    if (is_answering(conn))
        mc__conn_set_interest(conn, false, conn->is_flushing);
    else
        process_input(conn);
    /* TLS may hold decrypted bytes that no event will announce. */
    if (conn->state != MC__CONN_CLOSED && conn->ssl && conn->is_reading &&
        SSL_pending(conn->ssl) > 0)
        read_some(conn);
}

static void shake_hands(mc__conn *conn)
{
    int rc = mc__conn_handshake(conn);

    if (rc < 0) {
        mc__conn_close(conn);
    } else if (rc > 0) {
        conn->state = MC__CONN_IDLE;
        mc__timer_set(conn, MC__TIMER_HEAD, config_of(conn)->head_timeout_ms);
        mc__conn_set_interest(conn, true, false);
        read_some(conn);
    }
}

void mc__conn_event(mc__conn *conn, uint32_t events)
{
    if (conn->state == MC__CONN_CLOSED)
        return;
    if (events & EPOLLERR || ((events & EPOLLHUP) && !(events & EPOLLIN))) {
        mc__conn_close(conn);
        return;
    }
    if (conn->state == MC__CONN_HANDSHAKE) {
        shake_hands(conn);
        return;
    }
    if (conn->state == MC__CONN_LINGER) {
        swallow(conn);
        return;
    }
    if (conn->state == MC__CONN_SOCKET) {
        mc__socket_event(conn, events);
        return;
    }
    if ((events & EPOLLOUT) && conn->state == MC__CONN_WRITING) {
        flush(conn);
        if (conn->state == MC__CONN_HEAD)
            process_input(conn);
    }
    if ((events & EPOLLOUT) && conn->state == MC__CONN_STREAMING)
        mc__stream_flush(conn);
    if ((events & EPOLLIN) && conn->state != MC__CONN_CLOSED && conn->is_reading)
        read_some(conn);
}

/* A body may take longer than its deadline while it comes at the least rate. */
static bool is_body_in_time(mc__conn *conn)
{
    uint64_t got = conn->exchange ? conn->exchange->body_got : 0;
    int64_t extra_us, end_us;

    if (got <= BODY_FREE_BYTES)
        return false;
    extra_us = (int64_t)(got - BODY_FREE_BYTES) * 1000000 / BODY_RATE_BYTES_S;
    end_us = conn->body_started_us + config_of(conn)->body_timeout_ms * 1000 + extra_us;
    if (end_us <= conn->loop->now_us)
        return false;
    mc__timer_set(conn, MC__TIMER_BODY, 1000);
    return true;
}

void mc__conn_timeout(mc__conn *conn)
{
    switch (conn->state) {
    case MC__CONN_BODY:
        if (!is_body_in_time(conn))
            refuse(conn, 408, "the body did not come in time");
        break;
    case MC__CONN_HEAD:
        refuse(conn, 408, "the request did not come in time");
        break;
    case MC__CONN_STREAMING:
        mc__stream_timeout(conn);
        break;
    case MC__CONN_SOCKET:
        mc__socket_timeout(conn);
        break;
    default:
        mc__conn_close(conn);
    }
}
