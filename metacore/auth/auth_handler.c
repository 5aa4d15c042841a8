/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define BODY_MAX ((size_t)64 << 10)

/* ---- requests ---- */

/* "email" and "EMAIL" in one body: two readers could mean two people. */
static bool is_ambiguous(const mc_json *body, mc_str name)
{
    size_t found = 0;

    for (size_t i = 0; i < body->as.object.count; i++)
        found += mc_str_eq_nocase(body->as.object.members[i].key, name);
    return found > 1;
}

/* A string member in any case; absent or null is empty. False for another kind, or two of them. */
static bool read_text(const mc_json *body, const char *name, mc_str *out)
{
    const mc_json *value = mc_json_find_nocase(body, mc_z(name));

    *out = MC_STR("");
    if (is_ambiguous(body, mc_z(name)))
        return false;
    return !value || value->kind == MC_JSON_NULL || mc_json_get_str(value, out);
}

static bool is_object_or_absent(const mc_json *body, const char *name)
{
    const mc_json *value = mc_json_find_nocase(body, mc_z(name));

    return !value || value->kind == MC_JSON_NULL || value->kind == MC_JSON_OBJECT;
}

static mc_code bad_format(mc_err *err)
{
    return mc_fail(err, MC_INVALID, MC__MSG_FORMAT);
}

/* role and extra are checked for their kind, as ever, and then left alone: the creator of an
 * organization is its owner, whatever a stranger would like to be. */
static mc_code read_signup(const mc_json *body, mc_auth_signup *out, mc_err *err)
{
    mc_str ignored;

    if (!read_text(body, "name", &out->name) || !read_text(body, "email", &out->email) ||
        !read_text(body, "password", &out->password) ||
        !read_text(body, "organization_name", &out->organization_name) ||
        !read_text(body, "role", &ignored) || !is_object_or_absent(body, "extra"))
        return bad_format(err);
    return MC_OK;
}

/* What limits count: an IPv4 address, or the /64 that an IPv6 host may choose from freely. */
static mc_str ip_of(mc_auth *self, mc_http_req *req)
{
    mc_str ip = self->config.client_ip ? self->config.client_ip(self->config.client_ip_user, req)
                                       : req->message->peer;
    unsigned char *address = mc_arena_zalloc(req->ctx.arena, sizeof(struct in6_addr));
    char *text = mc_str_z(req->ctx.arena, ip);

    if (!address || !text || inet_pton(AF_INET6, text, address) != 1)
        return ip;
    if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)address))
        return mc_str_of((const char *)address + 12, 4);
    return mc_str_of((const char *)address, 8);
}

/* ---- responses ---- */

static mc_code write_grant(mc_http_res *res, int status, const mc_auth_grant *grant, mc_err *err)
{
    mc_buf *out = mc_http_ok_begin(res, status);

    mc_buf_lit(out, "{\"user\":");
    mc_auth_user_write(out, &grant->user);
    mc_buf_lit(out, ",\"token\":\"");
    mc_buf_str(out, grant->token);
    mc_buf_lit(out, "\",\"refresh_token\":\"");
    mc_buf_str(out, grant->refresh_token);
    mc_buf_lit(out, "\",\"expires_at\":\"");
    mc_time_write(out, grant->expires_at);
    mc_buf_char(out, '"');
    if (!mc_uuid_is_nil(grant->organization.id)) {
        mc_buf_lit(out, ",\"organization\":");
        mc_auth_org_write(out, &grant->organization);
    }
    mc_buf_char(out, '}');
    mc_http_res_header(res, MC_STR("Cache-Control"), MC_STR("no-store"));
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* ---- routes ---- */

/* POST /auth/login */
static mc_code login(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_str email, password;
    mc_auth_grant grant;
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, MC__MSG_FORMAT, &body, err);

    if (rc != MC_OK)
        return rc;
    if (!read_text(body, "email", &email) || !read_text(body, "password", &password))
        return bad_format(err);
    rc = mc_auth_login(user, mc_http_ctx(req), email, password, ip_of(user, req), &grant, err);
    return rc == MC_OK ? write_grant(res, 200, &grant, err) : rc;
}

/* POST /auth/register */
static mc_code register_(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_auth_signup in;
    mc_auth_grant grant;
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, MC__MSG_FORMAT, &body, err);

    if (rc == MC_OK)
        rc = read_signup(body, &in, err);
    if (rc == MC_OK)
        rc = mc_auth_register(user, mc_http_ctx(req), &in, ip_of(user, req), &grant, err);
    return rc == MC_OK ? write_grant(res, 201, &grant, err) : rc;
}

/* POST /auth/setup */
static mc_code setup(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_auth_signup in;
    mc_auth_grant grant;
    mc_str token;
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, MC__MSG_FORMAT, &body, err);

    if (rc == MC_OK)
        rc = read_signup(body, &in, err);
    if (rc == MC_OK && !read_text(body, "token", &token))
        rc = bad_format(err);
    if (rc == MC_OK)
        rc = mc_auth_setup(user, mc_http_ctx(req), token, &in, ip_of(user, req), &grant, err);
    return rc == MC_OK ? write_grant(res, 201, &grant, err) : rc;
}

/* POST /auth/refresh */
static mc_code refresh(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_str token;
    mc_auth_grant grant;
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, MC__MSG_FORMAT, &body, err);

    if (rc != MC_OK)
        return rc;
    if (!read_text(body, "refresh_token", &token))
        return bad_format(err);
    if (!token.len)
        return mc_fail(err, MC_INVALID, MC__MSG_REQUIRED);
    rc = mc_auth_refresh(user, mc_http_ctx(req), token, ip_of(user, req), &grant, err);
    return rc == MC_OK ? write_grant(res, 200, &grant, err) : rc;
}

/* POST /auth/logout */
static mc_code logout(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_code rc = mc_auth_logout(user, mc_http_ctx(req), err);

    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR("Logged out successfully"), err) : rc;
}

/* GET /auth/me */
static mc_code me(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_auth_user account;
    mc_buf *out;
    mc_code rc = mc_auth_load_me(user, mc_http_ctx(req), &account, err);

    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_lit(out, "{\"user\":");
    mc_auth_user_write(out, &account);
    mc_buf_char(out, '}');
    return mc_http_ok_end(res, MC_STR(""), err);
}

mc_code mc__auth_routes_new(mc_auth *self, mc_err *err)
{
    static const mc_http_route routes[] = {
        {.method = "POST",
         .pattern = "/auth/login",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_PUBLIC | MC_HTTP_NO_STORE,
         .handle = login},
        {.method = "POST",
         .pattern = "/auth/register",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_PUBLIC | MC_HTTP_NO_STORE,
         .handle = register_},
        {.method = "POST",
         .pattern = "/auth/refresh",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_PUBLIC | MC_HTTP_NO_STORE,
         .handle = refresh},
        {.method = "POST",
         .pattern = "/auth/setup",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_PUBLIC | MC_HTTP_NO_STORE,
         .handle = setup},
        {.method = "POST",
         .pattern = "/auth/logout",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_NO_ORG,
         .handle = logout},
        {.method = "GET",
         .pattern = "/auth/me",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_NO_ORG,
         .handle = me},
    };

    self->routes = malloc(sizeof(routes));
    if (!self->routes)
        return mc_fail(err, MC_NO_MEMORY, "auth: routes");
    memcpy(self->routes, routes, sizeof(routes));
    self->route_count = MC_LEN(routes);
    for (size_t i = 0; i < self->route_count; i++) {
        self->routes[i].user = self;
        self->routes[i].max_body_bytes = BODY_MAX;
    }
    return MC_OK;
}

const mc_http_route *mc_auth_routes(mc_auth *self, size_t *out_count)
{
    *out_count = self->route_count;
    return self->routes;
}
