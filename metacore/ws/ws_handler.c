/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/ws/ws_internal.h"

/* ---- origins ---- */

static mc_str without_default_port(mc_str authority, bool is_secure)
{
    mc_str port = is_secure ? MC_STR(":443") : MC_STR(":80");

    return mc_str_ends_with(authority, port) ? mc_str_slice(authority, 0, authority.len - port.len)
                                             : authority;
}

/* Whether origin is a page of the host that it connects to. The scheme is not compared: behind a
 * proxy that ends TLS we do not know our own. */
static bool is_same(mc_str origin, mc_str host)
{
    bool is_secure = mc_str_starts_with(origin, MC_STR("https://"));
    mc_str authority;

    if (!is_secure && !mc_str_starts_with(origin, MC_STR("http://")))
        return false;
    authority = mc_str_slice(origin, is_secure ? 8 : 7, origin.len);
    return authority.len > 0 && host.len > 0 &&
           mc_str_eq_nocase(without_default_port(authority, is_secure),
                            without_default_port(host, is_secure));
}

bool mc__ws_origin_is_allowed(mc_str origin, mc_str host, mc_strs origins)
{
    if (is_same(origin, host))
        return true;
    for (size_t i = 0; i < origins.count; i++) {
        if (mc_str_eq(origins.items[i], MC_STR("*")) || mc_str_eq(origins.items[i], origin))
            return true;
    }
    return false;
}

static mc_code check_origin(const mc_ws *self, const mc_http_req *req, mc_err *err)
{
    size_t count;
    mc_str origin = mc_message_header(req->message, MC_STR("origin"), &count);

    /* No browser leaves it out, so whoever does is no page that abuses somebody's browser. */
    if (count == 0 ||
        (count == 1 && mc__ws_origin_is_allowed(origin, mc_http_header(req, MC_STR("host")),
                                                self->config.origins)))
        return MC_OK;
    return mc_fail(err, MC_FORBIDDEN, "pages of this origin may not connect");
}

/* ---- GET /ws ---- */

static mc_code expired(mc_err *err)
{
    return mc_fail(err, MC_UNAUTHENTICATED, "Invalid or expired token");
}

/* By ticket when there is no token: *out_ticket is the one to be taken at the end. */
static mc_code identify(mc_ws *self, mc_http_req *req, mc_str *out_ticket, mc_err *err)
{
    const mc_ws_config *config = &self->config;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_str ticket;
    mc_code rc = mc_http_query_parse(req, err);

    if (rc != MC_OK)
        return rc;
    ticket = mc_http_query(req, MC_STR("ticket"));
    if (ticket.len == 0 || mc_http_header(req, MC_STR("authorization")).len ||
        mc_http_query(req, MC_STR("token")).len)
        return config->authenticate(config->auth_user, req, err);
    if (!mc__ws_ticket_look(self->tickets, ctx->arena, ticket, mc_clock_now(config->clock),
                            &ctx->who))
        return expired(err);
    *out_ticket = ticket;
    rc = config->reload(config->auth_user, ctx, err);
    if (rc != MC_OK)
        ctx->who = (mc_principal){0};
    return rc;
}

/* 426 as the reference's router gives it, with what RFC 9110 and RFC 6455 want beside. */
static mc_code refuse(mc_http_res *res, int status, mc_err *err)
{
    if (status != 426)
        return MC_INVALID;
    res->status = status;
    mc_http_content_type(res, MC_STR("text/plain; charset=utf-8"));
    mc_http_res_header(res, MC_STR("Upgrade"), MC_STR("websocket"));
    mc_http_res_header(res, MC_STR("Connection"), MC_STR("Upgrade"));
    mc_http_res_header(res, MC_STR("Sec-WebSocket-Version"), MC_STR("13"));
    mc_buf_lit(&res->body, "Upgrade Required");
    (void)err;
    return MC_OK;
}

/* "org:<id>" of one's own, or none. The published client does not come back after a 1008, but for
 * ever after a refused handshake: so the socket is opened and closed with that. */
static bool is_elsewhere(const mc_http_req *req)
{
    mc_str channel = mc_http_query(req, MC_STR("channel"));
    mc_uuid org_id;

    if (channel.len == 0)
        return false;
    return !mc_str_starts_with(channel, MC_STR("org:")) ||
           !mc_uuid_parse(mc_str_slice(channel, 4, channel.len), &org_id) ||
           !mc_uuid_eq(org_id, req->ctx.who.org_id);
}

/* Nothing after this may fail: from here on the socket's on_close gives the place back. */
static mc_code answer_upgrade(mc_ws *self, mc_http_req *req, uint64_t rechecks, mc_http_res *res,
                              mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_upgrade *upgrade = mc_arena_object(ctx->arena, mc_upgrade);
    mc__ws_client *client = NULL;
    mc_code rc;

    if (!upgrade)
        return mc_fail(err, MC_NO_MEMORY, "ws");
    rc = mc__ws_client_new(self, ctx, &client, err);
    if (rc == MC_OK)
        rc = mc__ws_enter(self, ctx->who.user_id, ctx->who.org_id, err);
    if (rc != MC_OK) {
        mc__ws_client_free(client);
        return rc;
    }
    client->is_elsewhere = is_elsewhere(req);
    client->rechecks = rechecks;
    upgrade->handler = &mc__ws_socket_handler;
    upgrade->user = client;
    res->status = 101;
    res->upgrade = upgrade;
    return MC_OK;
}

static mc_code open_socket(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ws *self = user;
    mc_str ticket = MC_STR("");
    mc_ctx *ctx = mc_http_ctx(req);
    int status;
    /* Before it is asked who this is: what ends after that is noticed when the socket opens. */
    uint64_t rechecks = atomic_load(&self->rechecks);
    mc_code rc = identify(self, req, &ticket, err);

    if (rc == MC_OK && mc_upgrade_check(req->message, &status, err) != MC_OK)
        return refuse(res, status, err);
    if (rc == MC_OK)
        rc = check_origin(self, req, err);
    if (rc == MC_OK && ticket.len &&
        !mc__ws_ticket_take(self->tickets, ctx->arena, ticket, mc_clock_now(self->config.clock)))
        rc = expired(err);
    return rc == MC_OK ? answer_upgrade(self, req, rechecks, res, err) : rc;
}

/* ---- POST /ws/ticket ---- */

static mc_code make_ticket(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ws *self = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_time ends_at;
    mc_str ticket;
    mc_buf *out;
    mc_code rc = mc__ws_ticket_make(self->tickets, ctx->arena, &ctx->who,
                                    mc_clock_now(self->config.clock), &ticket, &ends_at, err);

    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 201);
    mc_buf_lit(out, "{\"ticket\":\"");
    mc_buf_str(out, ticket);
    mc_buf_lit(out, "\",\"expires_at\":\"");
    mc_time_write(out, ends_at);
    mc_buf_lit(out, "\"}");
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* ---- routes ---- */

void mc__ws_routes_init(mc_ws *self)
{
    /* It finds out by itself who asks: a ticket is no token. */
    self->routes[0] = (mc_http_route){.method = "GET",
                                      .pattern = "/ws",
                                      .run = MC_HTTP_READ,
                                      .flags = MC_HTTP_PUBLIC | MC_HTTP_QUERY_TOKEN,
                                      .handle = open_socket,
                                      .user = self};
    self->routes[1] = (mc_http_route){.method = "POST",
                                      .pattern = "/ws/ticket",
                                      .run = MC_HTTP_READ,
                                      .flags = MC_HTTP_NO_STORE,
                                      .handle = make_ticket,
                                      .user = self};
}

const mc_http_route *mc_ws_routes(mc_ws *self, size_t *out_count)
{
    *out_count = MC_LEN(self->routes);
    return self->routes;
}
