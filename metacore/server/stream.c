/* SPDX-License-Identifier: Apache-2.0 */
/* Answers written piece by piece. The writer fills `pending`; the loop swaps it for `sending`,
 * which is its own, and wakes the writer: neither waits for the other's work, only for room. */
#include "metacore/server/stream.h"

#include "metacore/server/server_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CHUNK_HEAD_BYTES 10 /* eight hex digits and CRLF, in front of a buffer's data */
#define CHUNK_TAIL_BYTES 2
#define UNSENT_BYTES                                                                               \
    131072 /* in the kernel: what a slow client costs, and how fine its progress                   \
            */

struct mc_stream {
    mc_exchange *x;
    mc_stream_config config;
    char heartbeat[MC_STREAM_HEARTBEAT_MAX];
    size_t cap;
    uint64_t written; /* the writer's */
    mc_mutex mu;
    mc_cond room;
    char *pending;      /* guarded by mu, as all below */
    size_t pending_len; /* of data, behind room for the chunk's head */
    bool is_gone;
    /* The loop's. */
    mc_buf head;
    char *sending;
    uint64_t window_bytes; /* sent since the write timer was set */
    mc__framing framing;
    bool is_begun;
    bool is_last_taken; /* the last chunk is in conn->out */
    mc__stream_end end;
};

/* ---- the writer's side ---- */

static void copy_head(mc_exchange *x, const mc_answer *head, bool *failed)
{
    mc_header *headers = mc_arena_array(x->arena, mc_header, head->header_count);

    x->answer = *head;
    x->answer.body = MC_STR("");
    x->answer.headers = headers;
    *failed = !headers;
    for (size_t i = 0; i < head->header_count && !*failed; i++) {
        headers[i].name = mc_str_copy(x->arena, head->headers[i].name);
        headers[i].value = mc_str_copy(x->arena, head->headers[i].value);
        *failed = !headers[i].name.ptr || (head->headers[i].value.len && !headers[i].value.ptr);
    }
}

mc_code mc_exchange_stream(mc_exchange *x, const mc_answer *head, const mc_stream_config *config,
                           mc_stream **out, mc_err *err)
{
    mc_stream *self = calloc(1, sizeof(*self));
    bool failed = false;

    if (self)
        copy_head(x, head, &failed);
    if (!self || failed) {
        free(self);
        return mc_fail(err, MC_NO_MEMORY, "stream");
    }
    self->x = x;
    self->config = *config;
    self->cap = config->buffer_bytes ? config->buffer_bytes : MC_STREAM_BUFFER_BYTES;
    if (self->config.heartbeat.len > sizeof(self->heartbeat))
        self->config.heartbeat.len = 0;
    memcpy(self->heartbeat, config->heartbeat.ptr ? config->heartbeat.ptr : "",
           self->config.heartbeat.len);
    self->config.heartbeat.ptr = self->heartbeat;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->room);
    mc_buf_init(&self->head, 0); /* not the arena's, which is the writer's thread's */
    atomic_fetch_add_explicit(&x->loop->server->streams_open, 1, memory_order_relaxed);
    x->stream = self;
    *out = self;
    mc__loop_post_stream(x, MC__STREAM_OPEN);
    return MC_OK;
}

void mc__stream_free(mc_stream *self)
{
    if (!self)
        return;
    atomic_fetch_sub_explicit(&self->x->loop->server->streams_open, 1, memory_order_relaxed);
    mc_mutex_deinit(&self->mu);
    mc_cond_deinit(&self->room);
    mc_buf_deinit(&self->head);
    free(self->pending);
    free(self->sending);
    free(self);
}

static char *buffer_new(const mc_stream *self)
{
    return malloc(CHUNK_HEAD_BYTES + self->cap + CHUNK_TAIL_BYTES);
}

/* As much as there is room for; MC_LIMIT when there is none for anything. */
static mc_code append_locked(mc_stream *self, mc_str *bytes) MC_REQUIRES(self->mu)
{
    size_t room = self->cap - self->pending_len;
    size_t n = bytes->len < room ? bytes->len : room;

    if (self->is_gone)
        return MC_UNAVAILABLE;
    if (!self->pending)
        self->pending = buffer_new(self);
    if (!self->pending)
        return MC_NO_MEMORY;
    if (n == 0 && bytes->len > 0)
        return MC_LIMIT;
    memcpy(self->pending + CHUNK_HEAD_BYTES + self->pending_len, bytes->ptr, n);
    self->pending_len += n;
    *bytes = mc_str_slice(*bytes, n, bytes->len);
    return MC_OK;
}

static mc_code failed(mc_code rc, mc_err *err)
{
    switch (rc) {
    case MC_UNAVAILABLE:
        return mc_fail(err, rc, "stream: the client is gone");
    case MC_LIMIT:
        return mc_fail(err, rc, "stream: the client is too slow");
    case MC_NO_MEMORY:
        return mc_fail(err, rc, "stream: buffer");
    default:
        return rc;
    }
}

static mc_code check_length(mc_stream *self, mc_str bytes, mc_err *err)
{
    if (self->config.has_length && bytes.len > self->config.length - self->written)
        return mc_fail(err, MC_INTERNAL, "stream: more than its length");
    return MC_OK;
}

mc_code mc_stream_write(mc_stream *self, mc_str bytes, mc_err *err)
{
    size_t len = bytes.len;
    mc_code rc = check_length(self, bytes, err);

    if (rc != MC_OK || len == 0)
        return rc;
    if (self->x->message.is_head)
        return mc_stream_is_gone(self) ? failed(MC_UNAVAILABLE, err) : MC_OK;
    while (rc == MC_OK && bytes.len > 0) {
        mc_mutex_lock(&self->mu);
        /* The loop's write timer ends every wait: a client too slow is a client gone. */
        while (!self->is_gone && self->pending_len == self->cap)
            mc_cond_wait(&self->room, &self->mu);
        rc = append_locked(self, &bytes);
        mc_mutex_unlock(&self->mu);
        if (rc == MC_OK)
            mc__loop_post_stream(self->x, MC__STREAM_OPEN);
    }
    self->written += len;
    return failed(rc, err);
}

mc_code mc_stream_offer(mc_stream *self, mc_str bytes, mc_err *err)
{
    size_t len = bytes.len;
    mc_code rc = check_length(self, bytes, err);

    if (rc != MC_OK || len == 0)
        return rc;
    if (self->x->message.is_head)
        return mc_stream_is_gone(self) ? failed(MC_UNAVAILABLE, err) : MC_OK;
    mc_mutex_lock(&self->mu);
    if (!self->is_gone && len > self->cap - self->pending_len)
        rc = MC_LIMIT;
    else
        rc = append_locked(self, &bytes);
    mc_mutex_unlock(&self->mu);
    if (rc == MC_OK) {
        self->written += len;
        mc__loop_post_stream(self->x, MC__STREAM_OPEN);
    }
    return failed(rc, err);
}

bool mc_stream_is_gone(mc_stream *self)
{
    bool is_gone;

    mc_mutex_lock(&self->mu);
    is_gone = self->is_gone;
    mc_mutex_unlock(&self->mu);
    return is_gone;
}

void mc_stream_finish(mc_stream *self)
{
    bool is_short =
        self->config.has_length && self->written < self->config.length && !self->x->message.is_head;

    mc__loop_post_stream(self->x, is_short ? MC__STREAM_ABORTED : MC__STREAM_FINISHED);
}

void mc_stream_abort(mc_stream *self)
{
    mc__loop_post_stream(self->x, MC__STREAM_ABORTED);
}

/* ---- the loop's side ---- */

static void tell_gone(mc_stream *self)
{
    bool is_news;

    mc_mutex_lock(&self->mu);
    is_news = !self->is_gone;
    self->is_gone = true;
    mc_cond_broadcast(&self->room);
    mc_mutex_unlock(&self->mu);
    if (is_news && self->config.on_gone)
        self->config.on_gone(self->config.user);
}

bool mc__stream_is_endless(const mc_stream *self)
{
    return self->config.is_endless;
}

/* Takes what is pending as one piece of the wire; false when there is nothing. */
static bool take_pending(mc_stream *self, struct iovec *out)
{
    char *full, head[CHUNK_HEAD_BYTES + 1];
    size_t len;

    mc_mutex_lock(&self->mu);
    full = self->pending;
    len = self->pending_len;
    if (len > 0) {
        self->pending = self->sending; /* NULL at first: the writer makes a second one */
        self->sending = full;
        self->pending_len = 0;
        mc_cond_broadcast(&self->room);
    }
    mc_mutex_unlock(&self->mu);
    if (len == 0)
        return false;
    if (self->framing != MC__FRAMING_CHUNKED) {
        *out = (struct iovec){full + CHUNK_HEAD_BYTES, len};
        return true;
    }
    mc__http1_chunk_head(head, len);
    memcpy(full, head, CHUNK_HEAD_BYTES);
    memcpy(full + CHUNK_HEAD_BYTES + len, "\r\n", CHUNK_TAIL_BYTES);
    *out = (struct iovec){full, CHUNK_HEAD_BYTES + len + CHUNK_TAIL_BYTES};
    return true;
}

/* What comes after everything that was written; false: nothing. */
static bool take_last(mc_stream *self, struct iovec *out)
{
    if (self->is_last_taken || self->framing != MC__FRAMING_CHUNKED || self->x->message.is_head)
        return false;
    self->is_last_taken = true;
    *out = (struct iovec){(void *)"0\r\n\r\n", 5};
    return true;
}

/* 1: all is out, 0: the client has to catch up, -1: the connection is closed. */
static int send_out(mc__conn *conn, mc_stream *self)
{
    while (conn->out[0].iov_len + conn->out[1].iov_len > 0) {
        ssize_t n = mc__conn_write(conn, conn->out, 2);

        if (n == 0) {
            mc__conn_close(conn);
            return -1;
        }
        if (n < 0) {
            if (conn->timer != MC__TIMER_WRITE) {
                self->window_bytes = 0;
                mc__timer_set(conn, MC__TIMER_WRITE, conn->loop->server->config.write_timeout_ms);
            }
            mc__conn_set_interest(conn, conn->is_reading, true);
            return 0;
        }
        self->window_bytes += (uint64_t)n;
        mc__conn_advance(conn, (size_t)n);
    }
    return 1;
}

/* A connection whose end is the body's end must not end in peace when something is missing. */
static void close_torn(mc__conn *conn, const mc_stream *self)
{
    struct linger hard = {.l_onoff = 1};

    if (self->framing == MC__FRAMING_CLOSE && !conn->ssl)
        (void)setsockopt(conn->source.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    mc__conn_close(conn);
}

static void rest(mc__conn *conn, mc_stream *self)
{
    mc__conn_set_interest(conn, conn->is_reading, false);
    if (self->config.heartbeat.len > 0)
        mc__timer_set(conn, MC__TIMER_STREAM, conn->loop->server->config.heartbeat_ms);
    else
        mc__timer_clear(conn);
}

void mc__stream_flush(mc__conn *conn)
{
    mc_stream *self = conn->exchange->stream;

    for (;;) {
        int sent = send_out(conn, self);

        if (sent <= 0)
            return;
        if (self->end == MC__STREAM_ABORTED)
            break; /* what is still pending would only be more of a torn body */
        conn->out[1].iov_len = 0;
        if (take_pending(self, &conn->out[0]))
            continue;
        if (self->end == MC__STREAM_OPEN) {
            rest(conn, self);
            return;
        }
        if (!take_last(self, &conn->out[0]))
            break;
    }
    if (self->end == MC__STREAM_ABORTED)
        close_torn(conn, self);
    else
        mc__conn_answer_done(conn);
}

static void begin(mc__conn *conn, mc_stream *self)
{
    const mc_server_config *config = &conn->loop->server->config;
    int unsent = UNSENT_BYTES;

    self->is_begun = true;
    self->framing = self->config.has_length ? MC__FRAMING_LENGTH
                    : conn->is_1_0          ? MC__FRAMING_CLOSE
                                            : MC__FRAMING_CHUNKED;
    if (self->framing == MC__FRAMING_CLOSE || atomic_load(&conn->loop->server->is_stopping))
        conn->keep_alive = false;
    if (!conn->is_local) /* only finer progress: without it the stream is still right */
        (void)setsockopt(conn->source.fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    conn->state = MC__CONN_STREAMING;
    mc__http1_write_stream_head(&self->head, &self->x->answer, self->framing, self->config.length,
                                mc__loop_date(conn->loop), config->server_name, conn->keep_alive,
                                conn->is_1_0);
    if (mc_buf_failed(&self->head)) {
        mc__conn_close(conn);
        return;
    }
    conn->out[0] = (struct iovec){self->head.ptr, self->head.len};
    conn->out[1].iov_len = 0;
}

static void over(mc_exchange *x)
{
    mc_stream *self = x->stream;

    x->loop->open_exchanges--;
    if (self->config.on_over)
        self->config.on_over(self->config.user);
}

/* Its connection is gone: recycled when the writer has ended it, else the writer is told. */
void mc__stream_cut(mc_exchange *x)
{
    x->conn = NULL;
    if (x->stream->end == MC__STREAM_OPEN)
        tell_gone(x->stream);
    else
        mc__exchange_recycle(x);
}

void mc__stream_event(mc_exchange *x, mc__stream_end end)
{
    mc_stream *self = x->stream;
    mc__conn *conn = x->conn;

    self->end = end;
    if (end != MC__STREAM_OPEN)
        over(x);
    if (!conn) {
        mc__stream_cut(x);
        return;
    }
    if (!self->is_begun)
        begin(conn, self);
    if (conn->state == MC__CONN_STREAMING)
        mc__stream_flush(conn);
}

void mc__stream_timeout(mc__conn *conn)
{
    const mc_server_config *config = &conn->loop->server->config;
    mc_stream *self = conn->exchange->stream;

    if (conn->timer == MC__TIMER_STREAM) {
        mc_str beat = self->config.heartbeat;

        mc__timer_clear(conn);
        mc_mutex_lock(&self->mu);
        (void)append_locked(self, &beat); /* full: then something else is on its way */
        mc_mutex_unlock(&self->mu);
        mc__stream_flush(conn);
        return;
    }
    if (self->window_bytes * 1000 < config->write_rate_min * (uint64_t)(config->write_timeout_ms)) {
        close_torn(conn, self);
        return;
    }
    self->window_bytes = 0;
    mc__timer_set(conn, MC__TIMER_WRITE, config->write_timeout_ms);
}
