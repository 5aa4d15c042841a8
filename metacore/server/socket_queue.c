/* SPDX-License-Identifier: Apache-2.0 */
/* What a socket is to be sent: a ring of shared frames, written together once per turn. */
#include "metacore/server/server_internal.h"

#include <stdlib.h>

#define IOV_MAX_FRAMES 64

/* ---- the dirty list ---- */

static void mark_dirty(mc_socket *socket)
{
    mc__loop *loop = socket->conn->loop;

    if (socket->is_dirty)
        return;
    socket->is_dirty = true;
    socket->dirty_next = NULL;
    socket->dirty_prev = loop->dirty_last;
    *(loop->dirty_last ? &loop->dirty_last->dirty_next : &loop->dirty) = socket;
    loop->dirty_last = socket;
}

void mc__socket_undirty(mc_socket *socket)
{
    mc__loop *loop = socket->conn->loop;

    if (!socket->is_dirty)
        return;
    socket->is_dirty = false;
    *(socket->dirty_prev ? &socket->dirty_prev->dirty_next : &loop->dirty) = socket->dirty_next;
    *(socket->dirty_next ? &socket->dirty_next->dirty_prev : &loop->dirty_last) =
        socket->dirty_prev;
}

void mc__sockets_flush(mc__loop *loop)
{
    for (int i = 0; i < MC__SOCKET_SLICE && loop->dirty; i++) {
        mc_socket *socket = loop->dirty;

        mc__socket_undirty(socket);
        mc__socket_flush(socket);
    }
}

/* ---- the ring ---- */

static mc_frame **slot(mc_socket *socket, uint32_t i)
{
    return &socket->queue[(socket->queue_first + i) % socket->queue_cap];
}

static bool make_room(mc_socket *socket)
{
    uint32_t cap = socket->queue_cap * 2;
    mc_frame **grown;

    if (socket->queue_count < socket->queue_cap)
        return true;
    grown = calloc(cap, sizeof(mc_frame *));
    if (!grown)
        return false;
    for (uint32_t i = 0; i < socket->queue_count; i++)
        grown[i] = *slot(socket, i);
    if (socket->queue != socket->own)
        free(socket->queue);
    socket->queue = grown;
    socket->queue_cap = cap;
    socket->queue_first = 0;
    return true;
}

/* An idle socket holds no buffer. */
static void shrink_empty(mc_socket *socket)
{
    socket->queue_first = 0;
    if (socket->queue == socket->own)
        return;
    free(socket->queue);
    socket->queue = socket->own;
    socket->queue_cap = MC__SOCKET_QUEUE_INLINE;
}

void mc__socket_queue(mc_socket *socket, mc_frame *frame)
{
    if (socket->is_closing || !frame || !make_room(socket)) {
        mc_frame_unref(frame);
        if (!socket->is_closing) { /* no memory: the stream would have a hole */
            socket->code = socket->code ? socket->code : MC_CLOSE_INTERNAL;
            socket->is_closing = true;
            mark_dirty(socket);
        }
        return;
    }
    *slot(socket, socket->queue_count) = frame;
    socket->queue_count++;
    socket->backlog += frame->len;
    if (!socket->is_blocked)
        mark_dirty(socket);
}

void mc_socket_send(mc_socket *socket, mc_frame *frame)
{
    size_t max = socket->conn->loop->server->config.socket_backlog_bytes;

    if (socket->is_closing)
        return;
    if (socket->backlog + frame->len > max) {
        mc__socket_drop_queue(socket);
        mc_socket_close(socket, MC_CLOSE_TRY_LATER, MC_STR("too slow"));
        return;
    }
    mc__socket_queue(socket, mc_frame_ref(frame));
}

/* How many of the first frames have begun. TLS may have made a record of as much as fits one, and
 * must be given the same bytes again. */
static uint32_t begun(mc_socket *socket)
{
    size_t reach = socket->conn->ssl && socket->is_blocked ? MC__TLS_JOIN_BYTES : 0;
    size_t bytes = 0;
    uint32_t count = 0;

    if (socket->sent > 0 || reach > 0) {
        while (count < socket->queue_count && (count == 0 || bytes < reach)) {
            bytes += (*slot(socket, count))->len - (count == 0 ? socket->sent : 0);
            count++;
        }
    }
    return count;
}

void mc__socket_drop_queue(mc_socket *socket)
{
    uint32_t kept = begun(socket);

    while (socket->queue_count > kept) {
        mc_frame *frame = *slot(socket, --socket->queue_count);

        socket->backlog -= frame->len;
        mc_frame_unref(frame);
    }
}

void mc__socket_queue_deinit(mc_socket *socket)
{
    socket->sent = 0;
    socket->is_blocked = false;
    mc__socket_drop_queue(socket);
    shrink_empty(socket);
}

/* ---- writing ---- */

static int gather(mc_socket *socket, struct iovec iov[IOV_MAX_FRAMES])
{
    int count = 0;

    for (uint32_t i = 0; i < socket->queue_count && count < IOV_MAX_FRAMES; i++) {
        mc_frame *frame = *slot(socket, i);
        uint32_t skip = i == 0 ? socket->sent : 0;

        iov[count++] = (struct iovec){frame->bytes + skip, frame->len - skip};
    }
    return count;
}

static void advance(mc_socket *socket, size_t n)
{
    socket->backlog -= n;
    while (n > 0) {
        mc_frame *frame = *slot(socket, 0);
        size_t left = frame->len - socket->sent;

        if (n < left) {
            socket->sent += (uint32_t)n;
            return;
        }
        n -= left;
        socket->sent = 0;
        socket->queue_first = (socket->queue_first + 1) % socket->queue_cap;
        socket->queue_count--;
        mc_frame_unref(frame);
    }
}

static void all_is_out(mc_socket *socket)
{
    mc__conn *conn = socket->conn;
    bool was_blocked = socket->is_blocked;

    shrink_empty(socket);
    socket->is_blocked = false;
    if (socket->is_closing) {
        mc__conn_linger(conn);
        return;
    }
    if (!was_blocked)
        return;
    mc__conn_set_interest(conn, true, false);
    mc__timer_set(conn, MC__TIMER_PING, conn->loop->server->config.socket_ping_ms);
    if (socket->handler->on_drained)
        socket->handler->on_drained(socket->user, socket);
}

void mc__socket_flush(mc_socket *socket)
{
    mc__conn *conn = socket->conn;
    struct iovec iov[IOV_MAX_FRAMES];
    bool has_moved = false;

    while (socket->queue_count > 0) {
        ssize_t n = mc__conn_write(conn, iov, gather(socket, iov));

        if (n == 0) {
            mc__conn_close(conn);
            return;
        }
        if (n < 0) {
            if (has_moved || !socket->is_blocked)
                mc__timer_set(conn, MC__TIMER_SOCKET_WRITE,
                              conn->loop->server->config.socket_write_timeout_ms);
            socket->is_blocked = true;
            mc__conn_set_interest(conn, true, true);
            return;
        }
        has_moved = true;
        advance(socket, (size_t)n);
    }
    all_is_out(socket);
}
