/* SPDX-License-Identifier: Apache-2.0 */
/* A loop's inbox, emptied on its thread: message by message, in slices, so that requests are served
 * in between. */
#include "metacore/ws/ws_internal.h"

#define SLICE 500 /* clients looked at, or messages, before the loop looks at its sockets */

/* ---- one client ---- */

static bool holds(const mc__ws_message *message, const mc__ws_client *client)
{
    mc_ws_member member = {.user_id = client->user_id,
                           .org_id = client->org_id,
                           .session_id = client->session_id,
                           .role = {client->role, client->role_len}};

    return message->condition.holds && message->condition.holds(message->condition.user, &member);
}

static void recheck(mc__ws_client *client, const mc__ws_message *message)
{
    if (!mc_uuid_is_nil(message->session_id) &&
        !mc_uuid_eq(message->session_id, client->session_id))
        return;
    for (size_t i = 0; i < client->sub_count; i++)
        client->subs[i].stamp = 0;
    client->reloaded_us = 0;
    mc_arena_reset(client->loop->arena);
    (void)mc__ws_client_reload(client); /* closes it by itself */
}

static void deliver_data(mc__ws_client *client, const mc__ws_message *message, int64_t now_us)
{
    mc__ws_sub *sub = mc__ws_client_find_sub(client, message->model);

    if (!sub || !mc__ws_client_may_read(client, sub, now_us))
        return;
    if (client->dropped)
        mc__ws_client_tell_dropped(client);
    if (client->dropped || mc_socket_backlog(client->socket) >= MC__WS_DATA_BACKLOG)
        mc__ws_client_drop(client, sub, 1);
    else
        mc_socket_send(client->socket, message->frame);
}

static void deliver(mc__ws_client *client, const mc__ws_message *message, int64_t now_us)
{
    mc_frame *frame = message->frame;

    if (mc_socket_is_closing(client->socket))
        return;
    switch (message->kind) {
    case MC__WS_DATA:
        deliver_data(client, message, now_us);
        return;
    case MC__WS_RECHECK:
        recheck(client, message);
        return;
    case MC__WS_IF:
        frame = holds(message, client) ? message->frame : message->fallback;
        break;
    case MC__WS_TO_USERS:
    case MC__WS_TO_ORG:
        break;
    }
    if (frame)
        mc_socket_send(client->socket, frame);
}

/* ---- one message ---- */

static bool is_visible(mc__ws_loop *loop, const mc__ws_message *message)
{
    const mc_ws_config *config = &loop->hub->config;
    mc_ctx ctx = {.arena = loop->arena, .now = mc_clock_now(config->clock)};
    bool is = false;
    mc_err err;

    if (!config->is_visible)
        return true;
    mc_arena_reset(loop->arena);
    ctx.who.org_id = message->org_id;
    if (config->loop_conn)
        ctx.conn = config->loop_conn(config->loop_conn_user, loop->number);
    return config->is_visible(config->is_visible_user, &ctx, message->model, &is, &err) == MC_OK &&
           is;
}

static const mc_uuid *users_of(const mc__ws_message *message)
{
    return message->users ? message->users : &message->user;
}

static void recheck_any_user(mc__ws_client *client, void *user)
{
    recheck(client, user);
}

/* Puts the cursor on the first client that message is for. */
static void begin(mc__ws_loop *loop, mc__ws_message *message)
{
    loop->current = message;
    loop->user_at = 0;
    loop->cursor = NULL;
    if (message->kind == MC__WS_TO_ORG ||
        (message->kind == MC__WS_DATA && is_visible(loop, message)))
        loop->cursor = mc__ws_first(loop, MC__WS_BY_ORG, message->org_id);
    else if (message->kind == MC__WS_RECHECK && mc_uuid_is_nil(message->user))
        mc__ws_each(loop, recheck_any_user, message); /* rare: a session whose user is not known */
}

static int link_of(const mc__ws_message *message)
{
    return message->kind == MC__WS_TO_ORG || message->kind == MC__WS_DATA ? MC__WS_BY_ORG
                                                                          : MC__WS_BY_USER;
}

/* The next client of the message, or NULL when it is done. */
static mc__ws_client *next_client(mc__ws_loop *loop)
{
    mc__ws_message *message = loop->current;
    int by = link_of(message);
    mc__ws_client *client;

    while (!loop->cursor && by == MC__WS_BY_USER && loop->user_at < message->user_count)
        loop->cursor = mc__ws_first(loop, by, users_of(message)[loop->user_at++]);
    client = loop->cursor;
    if (client)
        loop->cursor = client->links[by].next;
    return client;
}

void mc__ws_skip(mc__ws_client *client)
{
    mc__ws_loop *loop = client->loop;

    if (loop->cursor == client)
        loop->cursor = client->links[link_of(loop->current)].next;
}

/* ---- what did not fit ---- */

static void drop_for(mc__ws_client *client, void *user)
{
    const mc__ws_overflow *lost = user;

    for (size_t i = 0; i < client->sub_count; i++) {
        mc__ws_sub *sub = &client->subs[i];

        if (!lost->model || (mc_uuid_eq(client->org_id, lost->org_id) &&
                             mc_str_eq(sub->model->key, lost->model->key)))
            mc__ws_client_drop(client, sub, lost->count);
    }
    mc__ws_client_tell_dropped(client);
}

/* ---- the inbox ---- */

typedef enum taken { TAKEN_NOTHING, TAKEN_MESSAGE, TAKEN_OVERFLOW } taken;

/* The next message; what did not fit, after all that did; or nothing, and then the task is
 * nobody's: who queues next posts it again. */
static taken take(mc__ws_loop *loop, mc__ws_message **out, mc__ws_overflow *out_lost)
{
    mc__ws_node *node;
    taken what = TAKEN_NOTHING;

    mc_mutex_lock(&loop->mu);
    node = loop->first;
    if (node) {
        loop->first = node->next;
        if (!loop->first)
            loop->last = NULL;
        loop->count--;
        *out = node->message;
        what = TAKEN_MESSAGE;
    } else if (loop->overflow_count > 0) {
        *out_lost = loop->overflows[--loop->overflow_count];
        what = TAKEN_OVERFLOW;
    } else {
        loop->is_posted = false;
    }
    mc_mutex_unlock(&loop->mu);
    return what;
}

static void work_on_current(mc__ws_loop *loop, int64_t now_us)
{
    mc__ws_client *client = next_client(loop);

    if (client) {
        deliver(client, loop->current, now_us);
        return;
    }
    mc__ws_message_unref(loop->current);
    loop->current = NULL;
}

bool mc__ws_run(mc_task *task, unsigned number)
{
    mc__ws_loop *loop = mc_container_of(task, mc__ws_loop, task);
    int64_t now_us = mc_clock_monotonic_us(loop->hub->config.clock);

    (void)number; /* the loop's own */
    for (int i = 0; i < SLICE; i++) {
        mc__ws_message *message = NULL;
        mc__ws_overflow lost;

        if (loop->current) {
            work_on_current(loop, now_us);
            continue;
        }
        switch (take(loop, &message, &lost)) {
        case TAKEN_NOTHING:
            return false;
        case TAKEN_MESSAGE:
            begin(loop, message);
            break;
        case TAKEN_OVERFLOW:
            mc__ws_each(loop, drop_for, &lost);
            break;
        }
    }
    return true;
}

/* ---- once a second ---- */

typedef struct sweep {
    mc_time now;
    mc_time next_end;
} sweep;

static void look_at(mc__ws_client *client, void *user)
{
    sweep *s = user;

    mc__ws_client_tell_dropped(client);
    if (client->expires_at == 0 || mc_socket_is_closing(client->socket))
        return;
    if (client->expires_at <= s->now)
        mc_socket_close(client->socket, MC_CLOSE_POLICY, MC_STR("the token has expired"));
    else if (s->next_end == 0 || client->expires_at < s->next_end)
        s->next_end = client->expires_at;
}

void mc_ws_tick(mc_ws *self, unsigned number)
{
    mc__ws_loop *loop = &self->loops[number];
    sweep s = {.now = mc_clock_now(self->config.clock)};

    if (loop->behind == 0 && (loop->next_end == 0 || loop->next_end > s.now))
        return;
    mc__ws_each(loop, look_at, &s);
    loop->next_end = s.next_end;
}
