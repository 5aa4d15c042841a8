/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/ws/ws_test_internal.h"

#include <stdio.h>

mc_uuid hub_org(char org)
{
    return (mc_uuid){{(uint8_t)org}};
}

mc_uuid hub_user(char org, char number)
{
    return (mc_uuid){{(uint8_t)org, (uint8_t)number}};
}

/* ---- what other packages would answer ---- */

static mc_time now(void *self)
{
    return mc_clock_now((mc_clock){NULL, NULL}) + atomic_load(&((hub *)self)->clock_us);
}

static int64_t monotonic_us(void *self)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL}) + atomic_load(&((hub *)self)->clock_us);
}

static const mc_clock_vt clock_vt = {
    .struct_size = sizeof(clock_vt), .now = now, .monotonic_us = monotonic_us};

static mc_code authenticate(void *user, mc_http_req *req, mc_err *err)
{
    hub *h = user;
    mc_code rc = mc_http_query_parse(req, err);
    mc_str token;

    if (rc != MC_OK)
        return rc;
    token = mc_http_query(req, MC_STR("token"));
    if (token.len != 2)
        return mc_fail(err, MC_UNAUTHENTICATED, "Invalid or expired token");
    req->ctx.who = (mc_principal){.user_id = hub_user(token.ptr[0], token.ptr[1]),
                                  .org_id = hub_org(token.ptr[0]),
                                  .session_id = hub_user(token.ptr[0], token.ptr[1]),
                                  .role = MC_STR("agent")};
    if (atomic_load(&h->token_ttl_us))
        req->ctx.who.token_expires_at = now(h) + atomic_load(&h->token_ttl_us);
    if (atomic_load(&h->ends_in_handshake)) {
        atomic_store(&h->is_over, true);
        mc_ws_recheck(h->ws, req->ctx.who.user_id, (mc_uuid){{0}});
    }
    return MC_OK;
}

static mc_code reload(void *user, mc_ctx *ctx, mc_err *err)
{
    (void)ctx;
    if (atomic_load(&((hub *)user)->is_over))
        return mc_fail(err, MC_UNAUTHENTICATED, "Invalid or expired token");
    return MC_OK;
}

static mc_code can_read(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    hub *h = user;

    (void)ctx;
    atomic_fetch_add(&h->asked, 1);
    if (atomic_load(&h->is_store_broken))
        return mc_fail(err, MC_UNAVAILABLE, "no store");
    *out = atomic_load(&h->may_read) && !mc_str_eq(model->key, MC_STR("secrets"));
    return MC_OK;
}

static mc_code is_visible(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    (void)ctx;
    (void)model;
    (void)err;
    *out = !atomic_load(&((hub *)user)->is_hidden);
    return MC_OK;
}

static uint64_t version(void *user)
{
    return atomic_load(&((hub *)user)->version);
}

/* ---- a server with two routes ---- */

static void on_request(void *user, mc_exchange *x)
{
    hub *h = user;
    const mc_message *message = mc_exchange_message(x);
    mc_arena *arena = mc_exchange_arena(x);
    mc_http_req req;
    mc_http_res res;
    mc_answer answer;
    mc_err err;
    mc_code rc;

    mc_http_req_init(&req, message, arena);
    mc_http_res_init(&res, arena);
    mc_http_router_find(h->router, message->method, message->path, arena, &req.match);
    if (!req.match.route) {
        mc_http_no_route(&res, &req);
    } else {
        rc = req.match.route->flags & MC_HTTP_PUBLIC ? MC_OK : authenticate(h, &req, &err);
        if (rc == MC_OK)
            rc = req.match.route->handle(&req, &res, req.match.route->user, &err);
        if (rc != MC_OK)
            mc_http_error(&res, &req.ctx, &err);
    }
    answer = mc_http_res_answer(&res);
    mc_exchange_answer(x, &answer);
}

static void on_refusal(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out)
{
    (void)user;
    (void)status;
    (void)message;
    out->body = mc_str_printf(arena, "refused");
}

static void on_tick(void *user, unsigned loop)
{
    mc_ws_tick(((hub *)user)->ws, loop);
}

static mc_code add_model(hub *h, const char *key, mc_err *err)
{
    static const mc_column_def columns[] = {
        {.name = MC_STR_INIT("title"), .type = MC_STR_INIT("string")}};
    mc_model_def def = {.key = mc_z(key),
                        .table = mc_z(key),
                        .columns = columns,
                        .column_count = 1,
                        .org_scoped = true};
    mc_model *model = NULL;
    mc_code rc = mc_model_new(&def, MC_DB_SQLITE, &model, err);

    return rc == MC_OK ? mc_models_put(h->models, model, err) : rc;
}

static mc_code build(hub *h, unsigned loops, const mc_ws_config *more, mc_err *err)
{
    mc_ws_config config = more ? *more : (mc_ws_config){0};
    mc_server_config server = {
        MC_SERVER_CONFIG,
        .listen = MC_STR("127.0.0.1:0"),
        .loops = loops,
        .handler = {.on_request = on_request, .on_refusal = on_refusal, .user = h},
        .on_tick = on_tick,
        .on_tick_user = h};
    char many[16];
    size_t count;
    mc_code rc = mc_models_new(&h->models, err);

    for (int i = 0; i < 120 && rc == MC_OK; i++) {
        (void)snprintf(many, sizeof(many), "m%d", i);
        rc = add_model(h, many, err);
    }
    if (rc == MC_OK)
        rc = add_model(h, "tickets", err);
    if (rc == MC_OK)
        rc = add_model(h, "secrets", err);
    config.struct_size = sizeof(config);
    config.models = h->models;
    config.authenticate = authenticate;
    config.reload = reload;
    config.auth_user = config.can_read_user = config.is_visible_user = config.version_user = h;
    config.can_read = can_read;
    config.is_visible = is_visible;
    config.version = version;
    config.clock = (mc_clock){&clock_vt, h};
    if (rc == MC_OK)
        rc = mc_ws_new(&config, &h->ws, err);
    if (rc == MC_OK)
        rc = mc_http_router_new(&h->router, err);
    if (rc == MC_OK) {
        const mc_http_route *routes = mc_ws_routes(h->ws, &count);

        rc = mc_http_router_add_all(h->router, MC_STR(""), routes, count, err);
    }
    if (rc == MC_OK)
        rc = mc_server_new(&server, &h->server, err);
    if (rc == MC_OK)
        rc = mc_ws_bind(h->ws, h->server, err);
    return rc == MC_OK ? mc_server_start(h->server, err) : rc;
}

bool hub_start(hub *h, unsigned loops, const mc_ws_config *more)
{
    mc_err err;
    mc_code rc;

    *h = (hub){0};
    atomic_store(&h->may_read, true);
    rc = build(h, loops, more, &err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

void hub_stop(hub *h)
{
    mc_ws_stats stats;

    mc_server_stop(h->server, 5000);
    mc_server_free(h->server);
    mc_ws_get_stats(h->ws, &stats);
    MC_EXPECT_EQ(stats.sockets, 0);
    MC_EXPECT_EQ(h->ws->counts.count, 0); /* every place was given back */
    mc_ws_free(h->ws);
    mc_http_router_free(h->router);
    mc_models_free(h->models);
}

int hub_dial(const hub *h, mc_ws_client *socket, const char *token, const char *more)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "/ws?token=%s%s", token, more ? more : "");
    return mc_ws_open(socket, mc_server_port(h->server), path, NULL);
}

bool hub_follow(const hub *h, mc_ws_client *socket, const char *token, const char *models)
{
    char text[256];

    if (hub_dial(h, socket, token, NULL) != 101)
        return false;
    (void)snprintf(text, sizeof(text), "{\"type\":\"SUBSCRIBE\",\"models\":[%s]}", models);
    return mc_ws_send_text(socket, text) && mc_ws_next_text(socket, WAIT_MS).len > 0;
}

void hub_publish(hub *h, char org, const char *model, const char *action)
{
    static const mc_str fields[] = {MC_STR_INIT("title")};

    mc_ws_publish(h->ws, &(mc_ws_change){.org_id = hub_org(org),
                                         .model = mc_models_find(h->models, mc_z(model)),
                                         .id = hub_user(org, 'r'),
                                         .action = mc_z(action),
                                         .actor_id = hub_user(org, '1'),
                                         .fields = fields,
                                         .field_count = 1});
}
