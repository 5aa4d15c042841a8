/* SPDX-License-Identifier: Apache-2.0 */
/* From the answer that a handler gave to the socket that the connection becomes. */
#include "metacore/server/server_internal.h"

#include <stdlib.h>

void mc__upgrade_head(mc__conn *conn, mc_exchange *x)
{
    mc_str key = mc_message_header(&x->message, MC_STR("sec-websocket-key"), NULL);
    size_t count = x->answer.header_count + 3;
    mc_header *all = mc_arena_array(x->arena, mc_header, count);
    char *accept = mc_arena_alloc(x->arena, MC__WS_ACCEPT_LEN);

    if (!all || !accept || !mc__ws_accept(key, accept)) {
        /* Without memory, or by a handler that did not check: no upgrade. */
        conn->keep_alive = false;
        x->answer.status = 500;
        return;
    }
    all[0] = (mc_header){MC_STR("Upgrade"), MC_STR("websocket")};
    all[1] = (mc_header){MC_STR("Connection"), MC_STR("Upgrade")};
    all[2] = (mc_header){MC_STR("Sec-WebSocket-Accept"), mc_str_of(accept, MC__WS_ACCEPT_LEN)};
    for (size_t i = 3; i < count; i++)
        all[i] = x->answer.headers[i - 3];
    x->answer.headers = all;
    x->answer.header_count = count;
    conn->keep_alive = true; /* also while stopping: the socket is told so by its close frame */
}

void mc__upgrade_take(mc__conn *conn)
{
    mc_exchange *x = conn->exchange;
    char *in = conn->in;
    size_t in_len = conn->in_len;

    if (!mc__socket_open(conn, x->answer.upgrade)) {
        mc__conn_close(conn);
        return;
    }
    x->answer.upgrade = NULL; /* the socket's now */
    mc__exchange_recycle(x);
    conn->in = NULL;
    conn->in_len = conn->in_cap = conn->in_scanned = 0;
    mc__conn_set_interest(conn, true, false);
    if (conn->socket->handler->on_open)
        conn->socket->handler->on_open(conn->socket->user, conn->socket);
    if (in_len) /* what came behind the handshake are frames */
        mc__socket_feed(conn, in, in_len);
    free(in);
}
