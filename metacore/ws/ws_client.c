/* SPDX-License-Identifier: Apache-2.0 */
/* One socket's side of the hub: who it is, what it has subscribed to, what it may know. All on its
 * loop's thread, from on_open to on_close. */
#include "metacore/ws/ws_internal.h"

#include <stdlib.h>

/* ---- who it is ---- */

static bool set_role(mc__ws_client *client, mc_str role)
{
    if (role.len > sizeof(client->role))
        return false;
    if (role.len)
        memmove(client->role, role.ptr, role.len); /* it may be its own */
    client->role_len = (uint8_t)role.len;
    return true;
}

mc_code mc__ws_client_new(mc_ws *self, const mc_ctx *ctx, mc__ws_client **out, mc_err *err)
{
    mc__ws_client *client = calloc(1, sizeof(*client));

    if (!client)
        return mc_fail(err, MC_NO_MEMORY, "ws: client");
    client->hub = self;
    client->user_id = ctx->who.user_id;
    client->org_id = ctx->who.org_id;
    client->session_id = ctx->who.session_id;
    client->expires_at = ctx->who.token_expires_at;
    client->reloaded_us = mc_clock_monotonic_us(self->config.clock);
    if (!set_role(client, ctx->who.role)) {
        free(client);
        return mc_fail(err, MC_INVALID, "ws: a role of more than %d bytes", MC__WS_ROLE_MAX);
    }
    *out = client;
    return MC_OK;
}

void mc__ws_client_free(mc__ws_client *client)
{
    if (!client)
        return;
    free(client->subs);
    free(client);
}

mc_ctx mc__ws_client_ctx(const mc__ws_client *client)
{
    const mc_ws_config *config = &client->hub->config;
    mc_ctx ctx = {.arena = client->loop->arena, .now = mc_clock_now(config->clock)};

    ctx.who = (mc_principal){.user_id = client->user_id,
                             .org_id = client->org_id,
                             .session_id = client->session_id,
                             .role = {client->role, client->role_len},
                             .token_expires_at = client->expires_at};
    if (config->loop_conn)
        ctx.conn = config->loop_conn(config->loop_conn_user, client->loop->number);
    return ctx;
}

bool mc__ws_client_reload(mc__ws_client *client)
{
    const mc_ws_config *config = &client->hub->config;
    mc_ctx ctx = mc__ws_client_ctx(client);
    mc_err err;
    mc_code rc = config->reload(config->auth_user, &ctx, &err);

    if (rc == MC_UNAUTHENTICATED) {
        mc_socket_close(client->socket, MC_CLOSE_POLICY, MC_STR("the session is over"));
        return false;
    }
    if (rc != MC_OK || !set_role(client, ctx.who.role))
        return false; /* not known: told nothing that asks for it, and asked again */
    client->reloaded_us = mc_clock_monotonic_us(config->clock);
    return true;
}

bool mc__ws_client_may_read(mc__ws_client *client, mc__ws_sub *sub, int64_t now_us)
{
    const mc_ws_config *config = &client->hub->config;
    uint64_t stamp = (config->version ? config->version(config->version_user) : 0) + 1;
    int64_t ttl_us = config->answer_ttl_ms * 1000;
    bool may_read = false;
    mc_ctx ctx;
    mc_err err;

    if (sub->stamp == stamp && now_us - sub->asked_us < ttl_us)
        return sub->may_read;
    mc_arena_reset(client->loop->arena);
    if (now_us - client->reloaded_us >= ttl_us && !mc__ws_client_reload(client))
        return false;
    ctx = mc__ws_client_ctx(client);
    if (config->can_read(config->can_read_user, &ctx, sub->model, &may_read, &err) != MC_OK)
        return false; /* nor is that remembered */
    sub->may_read = may_read;
    sub->stamp = stamp;
    sub->asked_us = now_us;
    return may_read;
}

/* ---- subscriptions ---- */

mc__ws_sub *mc__ws_client_find_sub(mc__ws_client *client, const mc_model *model)
{
    for (size_t i = 0; i < client->sub_count; i++) {
        mc__ws_sub *sub = &client->subs[i];

        /* An addon that was installed anew has another model of that key. */
        if (sub->model == model || mc_str_eq(sub->model->key, model->key))
            return sub;
    }
    return NULL;
}

static bool make_room(mc__ws_client *client)
{
    size_t cap = client->sub_cap ? 2 * (size_t)client->sub_cap : 4;
    mc__ws_sub *grown;

    if (client->sub_count >= MC_WS_MODELS_MAX)
        return false;
    if (client->sub_count < client->sub_cap)
        return true;
    grown = realloc(client->subs, cap * sizeof(*grown));
    if (!grown)
        return false;
    client->subs = grown;
    client->sub_cap = (uint16_t)cap;
    return true;
}

static bool is_visible(mc__ws_client *client, const mc_model *model)
{
    const mc_ws_config *config = &client->hub->config;
    mc_ctx ctx = mc__ws_client_ctx(client);
    bool is = false;
    mc_err err;

    if (!config->is_visible)
        return true;
    return config->is_visible(config->is_visible_user, &ctx, model, &is, &err) == MC_OK && is;
}

/* Nothing happens for a model that is not there for the client: the answer tells what it has. */
static void subscribe(mc__ws_client *client, const mc_model *model)
{
    mc__ws_sub sub = {.model = model};

    if (mc__ws_client_find_sub(client, model) || !is_visible(client, model) ||
        !mc__ws_client_may_read(client, &sub, mc_clock_monotonic_us(client->hub->config.clock)) ||
        !make_room(client) || !mc__ws_topic_add(client->hub, client->org_id, model))
        return;
    client->subs[client->sub_count++] = sub;
}

static void forget_dropped(mc__ws_client *client, mc__ws_sub *sub)
{
    if (sub->dropped == 0)
        return;
    client->dropped -= sub->dropped;
    if (client->dropped == 0)
        client->loop->behind--;
}

static void unsubscribe(mc__ws_client *client, const mc_model *model)
{
    mc__ws_sub *sub = mc__ws_client_find_sub(client, model);

    if (!sub)
        return;
    forget_dropped(client, sub);
    mc__ws_topic_remove(client->hub, client->org_id, sub->model);
    *sub = client->subs[--client->sub_count];
}

/* Names are compared without case, as the client does. */
static const mc_model *find_model(const mc__ws_client *client, mc_arena *arena, mc_str name)
{
    mc_models *models = client->hub->config.models;
    const mc_model *model = mc_models_find(models, name);
    const mc_model *const *all;
    size_t count;
    mc_err err;

    if (model || mc_models_list(models, arena, &all, &count, &err) != MC_OK)
        return model;
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq_nocase(all[i]->key, name))
            return all[i];
    }
    return NULL;
}

static void send_frame(mc__ws_client *client, mc_str type, const mc_buf *payload)
{
    mc_frame *frame = NULL;
    mc_err err;

    /* Without memory the socket is better closed than left believing something. */
    if (mc_buf_failed(payload) || mc__ws_frame(type, mc_buf_get(payload), &frame, &err) != MC_OK) {
        mc_socket_close(client->socket, MC_CLOSE_INTERNAL, MC_STR("out of memory"));
        return;
    }
    mc_socket_send(client->socket, frame);
    mc_frame_unref(frame);
}

static void write_models(mc_buf *out, const mc__ws_client *client, bool only_dropped)
{
    bool is_first = true;

    mc_buf_char(out, '[');
    for (size_t i = 0; i < client->sub_count; i++) {
        if (only_dropped && client->subs[i].dropped == 0)
            continue;
        if (!is_first)
            mc_buf_char(out, ',');
        mc_json_write_str(out, client->subs[i].model->key);
        is_first = false;
    }
    mc_buf_char(out, ']');
}

/* All that it has, not only what it asked for now: the client replaces its list by it. */
static void acknowledge(mc__ws_client *client, mc_arena *arena)
{
    mc_buf payload;

    mc_buf_init_arena(&payload, arena, 0);
    mc_buf_lit(&payload, "{\"models\":");
    write_models(&payload, client, false);
    mc_buf_char(&payload, '}');
    send_frame(client, MC_STR("DATA_SUBSCRIBED"), &payload);
}

/* ---- what is dropped ---- */

void mc__ws_client_drop(mc__ws_client *client, mc__ws_sub *sub, uint32_t count)
{
    if (client->dropped == 0)
        client->loop->behind++;
    sub->dropped += count;
    client->dropped += count;
}

void mc__ws_client_tell_dropped(mc__ws_client *client)
{
    mc_buf payload;

    if (client->dropped == 0 || mc_socket_is_closing(client->socket) ||
        mc_socket_backlog(client->socket) > MC__WS_DATA_BACKLOG / 2)
        return;
    mc_arena_reset(client->loop->arena);
    mc_buf_init_arena(&payload, client->loop->arena, 0);
    mc_buf_printf(&payload, "{\"dropped\":%u,\"models\":", client->dropped);
    write_models(&payload, client, true);
    mc_buf_char(&payload, '}');
    for (size_t i = 0; i < client->sub_count; i++)
        client->subs[i].dropped = 0;
    client->dropped = 0;
    client->loop->behind--;
    send_frame(client, MC_STR("DATA_EVENTS_DROPPED"), &payload);
}

/* ---- the socket's callbacks ---- */

static void on_open(void *user, mc_socket *socket)
{
    mc__ws_client *client = user;
    mc__ws_loop *loop = &client->hub->loops[mc_socket_loop(socket)];

    client->socket = socket;
    atomic_fetch_add_explicit(&client->hub->sockets, 1, memory_order_relaxed);
    client->loop = loop;
    if (!mc__ws_join(loop, client)) {
        mc_socket_close(socket, MC_CLOSE_INTERNAL, MC_STR("out of memory"));
        return;
    }
    if (client->expires_at && (loop->next_end == 0 || client->expires_at < loop->next_end))
        loop->next_end = client->expires_at;
    if (client->is_elsewhere)
        mc_socket_close(socket, MC_CLOSE_POLICY, MC_STR("not your organization's channel"));
    /* Somebody's session may have ended between its handshake and now, when it was in no list. */
    else if (atomic_load(&client->hub->rechecks) != client->rechecks) {
        mc_arena_reset(loop->arena);
        (void)mc__ws_client_reload(client); /* closes it by itself */
    }
}

static void on_text(void *user, mc_socket *socket, mc_str text)
{
    mc__ws_client *client = user;
    mc_arena *arena = client->loop->text;
    const mc_json *message, *models;
    bool is_subscribe;
    mc_str type;
    mc_err err;

    mc_arena_reset(arena);
    if (mc_socket_is_closing(socket) || mc_json_parse(arena, text, NULL, &message, &err) != MC_OK ||
        !mc_json_get_str(mc_json_find(message, MC_STR("type")), &type))
        return;
    is_subscribe = mc_str_eq(type, MC_STR("SUBSCRIBE"));
    models = mc_json_find(message, MC_STR("models"));
    if ((!is_subscribe && !mc_str_eq(type, MC_STR("UNSUBSCRIBE"))) || !models ||
        models->kind != MC_JSON_ARRAY)
        return;
    for (size_t i = 0; i < models->as.array.count; i++) {
        const mc_model *model = NULL;
        mc_str name;

        if (mc_json_get_str(models->as.array.items[i], &name))
            model = find_model(client, arena, mc_str_trim(name));
        if (model && is_subscribe)
            subscribe(client, model);
        else if (model)
            unsubscribe(client, model);
    }
    acknowledge(client, arena);
}

static void on_drained(void *user, mc_socket *socket)
{
    (void)socket;
    mc__ws_client_tell_dropped(user);
}

static void on_close(void *user, mc_socket *socket, int code)
{
    mc__ws_client *client = user;
    mc_ws *hub = client->hub;

    (void)code;
    if (client->loop) {
        while (client->sub_count > 0)
            unsubscribe(client, client->subs[0].model);
        mc__ws_part(client);
    }
    if (socket)
        atomic_fetch_sub_explicit(&hub->sockets, 1, memory_order_relaxed);
    mc__ws_leave(hub, client->user_id, client->org_id);
    mc__ws_client_free(client);
}

const mc_socket_handler mc__ws_socket_handler = {.struct_size = sizeof(mc__ws_socket_handler),
                                                 .on_open = on_open,
                                                 .on_text = on_text,
                                                 .on_drained = on_drained,
                                                 .on_close = on_close};
