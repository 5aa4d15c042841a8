/* SPDX-License-Identifier: Apache-2.0 */
/* A socket's life after its handshake: frames in, liveness, closing. All on its loop's thread. */
#include "metacore/server/server_internal.h"

#include <stdlib.h>
#include <sys/epoll.h>

static const mc_server_config *config_of(const mc_socket *socket)
{
    return &socket->conn->loop->server->config;
}

/* ---- birth and death ---- */

bool mc__socket_open(mc__conn *conn, const mc_upgrade *upgrade)
{
    mc_socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return false;
    socket->conn = conn;
    socket->handler = upgrade->handler;
    socket->user = upgrade->user;
    socket->queue = socket->own;
    socket->queue_cap = MC__SOCKET_QUEUE_INLINE;
    conn->socket = socket;
    conn->state = MC__CONN_SOCKET;
    socket->parser.max = (uint32_t)config_of(socket)->socket_message_bytes;
    mc__timer_set(conn, MC__TIMER_PING, config_of(socket)->socket_ping_ms);
    conn->loop->socket_count++;
    atomic_fetch_add_explicit(&conn->loop->server->sockets_open, 1, memory_order_relaxed);
    return true;
}

void mc__socket_gone(mc_socket *socket)
{
    mc__loop *loop = socket->conn->loop;

    mc__socket_undirty(socket);
    loop->socket_count--;
    atomic_fetch_sub_explicit(&loop->server->sockets_open, 1, memory_order_relaxed);
    socket->is_closing = true;
    socket->handler->on_close(socket->user, socket,
                              socket->code ? socket->code : MC_CLOSE_ABNORMAL);
    mc__socket_queue_deinit(socket);
    mc__ws_parser_deinit(&socket->parser);
    free(socket);
}

/* ---- frames in ---- */

/* The other side broke the protocol, or said goodbye: what was queued is of no use any more. */
static void answer_close(mc_socket *socket, int code, int answer, mc_str reason)
{
    if (socket->code == 0)
        socket->code = (uint16_t)code;
    mc__socket_drop_queue(socket);
    mc_socket_close(socket, answer, reason);
}

/* Under the backlog's limit: who asks without end and does not read is too slow as well. */
static void answer_ping(mc_socket *socket, mc_str payload)
{
    mc_frame *pong = mc__frame_make(MC__WS_OP_PONG, payload);

    if (pong)
        mc_socket_send(socket, pong);
    mc_frame_unref(pong);
}

static void take_event(mc_socket *socket, const mc__ws_event *event)
{
    switch (event->kind) {
    case MC__WS_TEXT:
        if (socket->handler->on_text)
            socket->handler->on_text(socket->user, socket, event->payload);
        break;
    case MC__WS_BINARY:
        answer_close(socket, MC_CLOSE_UNSUPPORTED, MC_CLOSE_UNSUPPORTED,
                     MC_STR("only text is understood"));
        break;
    case MC__WS_PING:
        answer_ping(socket, event->payload);
        break;
    case MC__WS_CLOSE:
        answer_close(socket, event->code, event->code, MC_STR(""));
        break;
    case MC__WS_BROKEN:
        answer_close(socket, event->code, event->code, mc_z(event->why));
        break;
    case MC__WS_PONG: /* a sign of life, as everything is */
    case MC__WS_MORE:
        break;
    }
}

void mc__socket_feed(mc__conn *conn, char *bytes, size_t len)
{
    mc_socket *socket = conn->socket;
    char *at = bytes, *end = bytes + len;
    mc__ws_event event;

    if (conn->timer == MC__TIMER_SILENCE)
        mc__timer_set(conn, MC__TIMER_PING, config_of(socket)->socket_ping_ms);
    do {
        if (socket->is_closing)
            return; /* nothing is taken after our close frame */
        event = mc__ws_read(&socket->parser, &at, end);
        take_event(socket, &event);
    } while (event.kind != MC__WS_MORE);
}

static void read_some(mc__conn *conn)
{
    ssize_t n;

    do {
        n = mc__conn_read(conn, conn->loop->read_buf, MC__READ_BYTES);
        if (n == 0)
            mc__conn_close(conn);
        else if (n > 0)
            mc__socket_feed(conn, conn->loop->read_buf, (size_t)n);
        /* TLS may hold decrypted bytes that no event will announce. */
    } while (n > 0 && conn->ssl && SSL_pending(conn->ssl) > 0);
}

void mc__socket_event(mc__conn *conn, uint32_t events)
{
    if (events & EPOLLOUT)
        mc__socket_flush(conn->socket);
    if ((events & EPOLLIN) && conn->state == MC__CONN_SOCKET)
        read_some(conn);
}

void mc__socket_timeout(mc__conn *conn)
{
    mc_socket *socket = conn->socket;

    if (conn->timer == MC__TIMER_PING) {
        mc__timer_set(conn, MC__TIMER_SILENCE,
                      config_of(socket)->socket_silence_ms - config_of(socket)->socket_ping_ms);
        mc__socket_queue(socket, mc__frame_make(MC__WS_OP_PING, MC_STR("")));
    } else if (conn->timer == MC__TIMER_SOCKET_WRITE && !socket->is_closing) {
        /* Whether it still hears why is its affair: it has as long again. */
        mc__socket_drop_queue(socket);
        mc_socket_close(socket, MC_CLOSE_TRY_LATER, MC_STR("too slow"));
        mc__timer_set(conn, MC__TIMER_SOCKET_WRITE, config_of(socket)->socket_write_timeout_ms);
    } else {
        mc__conn_close(conn);
    }
}

/* ---- for its owner ---- */

void mc_socket_close(mc_socket *socket, int code, mc_str reason)
{
    mc_frame *frame;

    if (socket->is_closing)
        return;
    if (socket->code == 0)
        socket->code = (uint16_t)code;
    frame = mc__frame_close(code, reason);
    mc__socket_queue(socket, frame);
    socket->is_closing = true;
}

bool mc_socket_is_closing(const mc_socket *socket)
{
    return socket->is_closing;
}

size_t mc_socket_backlog(const mc_socket *socket)
{
    return socket->backlog;
}

unsigned mc_socket_loop(const mc_socket *socket)
{
    return socket->conn->loop->number;
}

void *mc_socket_user(const mc_socket *socket)
{
    return socket->user;
}
