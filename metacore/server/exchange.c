/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/server_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

#define FREE_EXCHANGES_MAX 64
#define KEPT_BODY_BYTES 65536

static _Thread_local mc__loop *current_loop;

/* What this thread will wake at release. Each loop is in it once: it counts as woken from then. */
static _Thread_local struct {
    bool is_held;
    unsigned count;
    mc__loop *loops[MC__LOOPS_MAX];
} held;

void mc_answers_hold(void)
{
    held.is_held = true;
}

void mc_answers_release(void)
{
    held.is_held = false;
    while (held.count > 0)
        mc__loop_wake(held.loops[--held.count]);
}

void mc__loop_wake_once(mc__loop *loop)
{
    if (held.is_held && held.count < MC__LOOPS_MAX) /* of several servers: as many as fit */
        held.loops[held.count++] = loop;
    else
        mc__loop_wake(loop);
}

mc__loop *mc__current_loop(void)
{
    return current_loop;
}

void mc__set_current_loop(mc__loop *loop)
{
    current_loop = loop;
}

mc_exchange *mc__exchange_new(mc__conn *conn)
{
    mc__loop *loop = conn->loop;
    mc_exchange *x = loop->free_exchanges;

    if (x) {
        loop->free_exchanges = x->next;
        loop->free_exchange_count--;
    } else {
        x = calloc(1, sizeof(*x));
        if (!x)
            return NULL;
        x->arena = mc_arena_new(loop->server->config.arena_budget_bytes);
        if (!x->arena) {
            free(x);
            return NULL;
        }
        x->loop = loop;
        x->spool_fd = -1;
        mc_buf_init(&x->body, 0); /* the head's admission limits it */
    }
    x->next = NULL;
    x->conn = conn;
    x->is_local = conn->is_local;
    conn->exchange = x;
    return x;
}

void mc__exchange_set_peer(mc_exchange *x, const mc__conn *conn)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    const void *address;

    x->peer[0] = '\0';
    if (!conn->is_local && getpeername(conn->source.fd, (struct sockaddr *)&peer, &len) == 0) {
        address = peer.ss_family == AF_INET6
                      ? (const void *)&((struct sockaddr_in6 *)&peer)->sin6_addr
                      : (const void *)&((struct sockaddr_in *)&peer)->sin_addr;
        if (!inet_ntop(peer.ss_family, address, x->peer, sizeof(x->peer)))
            x->peer[0] = '\0';
    }
    x->message.peer = mc_z(x->peer);
    x->message.is_tls = conn->ssl != NULL;
}

/* Answered with an upgrade that nobody was there for any more. */
static void abandon_upgrade(mc_exchange *x)
{
    const mc_upgrade *upgrade = x->answer.upgrade;

    x->answer = (mc_answer){0};
    if (upgrade)
        upgrade->handler->on_close(upgrade->user, NULL, MC_CLOSE_ABNORMAL);
}

static void exchange_free(mc_exchange *x)
{
    mc__stream_free(x->stream);
    mc__spool_close(x);
    abandon_upgrade(x);
    mc_buf_deinit(&x->body);
    mc_arena_free(x->arena);
    free(x);
}

void mc__exchanges_free(mc_exchange *list)
{
    while (list) {
        mc_exchange *x = list;

        list = x->next;
        exchange_free(x);
    }
}

void mc__exchange_recycle(mc_exchange *x)
{
    mc__loop *loop = x->loop;

    if (x->conn)
        x->conn->exchange = NULL;
    mc__stream_free(x->stream);
    x->stream = NULL;
    mc__spool_close(x);
    abandon_upgrade(x);
    if (loop->free_exchange_count >= FREE_EXCHANGES_MAX) {
        exchange_free(x);
        return;
    }
    mc_arena_reset(x->arena);
    mc_buf_clear(&x->body);
    if (x->body.cap > KEPT_BODY_BYTES)
        mc_buf_deinit(&x->body);
    x->conn = NULL;
    x->user = NULL;
    x->is_chunked = x->is_answered = false;
    x->chunked = (mc__chunked){0};
    x->body_left = x->body_got = 0;
    x->stream_end = MC__STREAM_OPEN;
    x->next = loop->free_exchanges;
    loop->free_exchanges = x;
    loop->free_exchange_count++;
}

const mc_message *mc_exchange_message(const mc_exchange *x)
{
    return &x->message;
}

mc_arena *mc_exchange_arena(mc_exchange *x)
{
    return x->arena;
}

void *mc_exchange_user(const mc_exchange *x)
{
    return x->user;
}

void mc_exchange_set_user(mc_exchange *x, void *user)
{
    x->user = user;
}

unsigned mc_exchange_loop(const mc_exchange *x)
{
    return x->loop->number;
}

bool mc_exchange_is_local(const mc_exchange *x)
{
    return x->is_local;
}

void mc_exchange_answer(mc_exchange *x, const mc_answer *answer)
{
    x->answer = *answer;
    if (current_loop == x->loop)
        mc__conn_answered(x);
    else
        mc__loop_post(x);
}
