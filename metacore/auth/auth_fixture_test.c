/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_test_internal.h"

#include "metacore/base/json.h"
#include "metacore/migrations/migrations.h"

#include <stdatomic.h>
#include <stdio.h>

/* ---- clock ---- */

static _Atomic int64_t clock_us; /* any order: tests that move it have one thread */

static mc_time clock_now(void *self)
{
    (void)self;
    return clock_us;
}

void auth_clock_set(int64_t now_us)
{
    clock_us = now_us;
}

void auth_clock_advance(int64_t by_us)
{
    clock_us += by_us;
}

mc_clock auth_clock(void)
{
    static const mc_clock_vt vt = {
        .struct_size = sizeof(vt), .now = clock_now, .monotonic_us = clock_now};

    return (mc_clock){.vt = &vt};
}

/* ---- life cycle ---- */

mc_auth_config auth_config(void)
{
    return (mc_auth_config){
        MC_AUTH_CONFIG,
        .jwt_secret = MC_STR(TEST_SECRET),
        .registration_open = true,
        .argon2_passes = 1,
        .argon2_memory_bytes = 8192,
        .limits = {.login_failures_per_minute = -1,
                   .login_failures_per_minute_ip = -1,
                   .login_failures_per_hour = -1,
                   .lock_after_failures = -1,
                   .registers_per_hour = -1,
                   .refreshes_per_minute = -1},
        .clock = auth_clock(),
    };
}

bool auth_setup_with(auth_fixture *f, mc_auth_config config)
{
    char url[512];
    mc_db_config db = {MC_DB_CONFIG, .synchronous_normal = true};

    *f = (auth_fixture){.arena = mc_arena_new(0)};
    f->ctx.arena = f->arena;
    auth_clock_set(TEST_NOW);
    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    db.url = mc_z(url);
    if (!f->arena || mc_db_open(&db, &f->db, &f->err) != MC_OK ||
        mc_migrations_up(f->db, &f->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &f->err) !=
            MC_OK)
        return false;
    config.db = f->db;
    return mc_auth_new(&config, &f->auth, &f->err) == MC_OK;
}

bool auth_setup(auth_fixture *f)
{
    return auth_setup_with(f, auth_config());
}

void auth_teardown(auth_fixture *f)
{
    mc_auth_free(f->auth);
    mc_db_close(f->db);
    mc_arena_free(f->arena);
}

static mc_code run_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_db_exec_script(conn, *(mc_str *)user, err);
}

mc_code auth_sql(auth_fixture *f, const char *script)
{
    mc_str sql = mc_z(script);

    return mc_db_write(f->db, &f->ctx, run_script, &sql, &f->err);
}

/* ---- requests ---- */

static const mc_http_route *route_of(mc_auth *auth, const char *method, mc_str path)
{
    size_t count;
    const mc_http_route *routes = mc_auth_routes(auth, &count);

    for (size_t i = 0; i < count; i++)
        if (mc_str_eq(mc_z(routes[i].method), mc_z(method)) &&
            mc_str_eq(mc_z(routes[i].pattern), path))
            return &routes[i];
    return NULL;
}

static mc_code handle(auth_fixture *f, mc_http_req *req, mc_http_res *res)
{
    const mc_http_route *route = req->match.route;
    mc_code rc =
        route->flags & MC_HTTP_PUBLIC ? MC_OK : mc_auth_authenticate(f->auth, req, &f->err);

    return rc == MC_OK ? route->handle(req, res, route->user, &f->err) : rc;
}

int auth_call_as(auth_fixture *f, const char *method, const char *path, const char *token,
                 const char *type, const char *peer, const char *json)
{
    mc_str target = mc_z(path);
    size_t question = mc_str_find_char(target, 0, '?');
    mc_header headers[2];
    mc_message message = {.method = mc_z(method),
                          .target = target,
                          .path = mc_str_slice(target, 0, question),
                          .query = mc_str_slice(target, question + 1, target.len),
                          .headers = headers,
                          .body = mc_z(json),
                          .peer = mc_z(peer)};
    mc_http_req req;
    mc_http_res res;
    mc_code rc;

    if (type)
        headers[message.header_count++] = (mc_header){MC_STR("content-type"), mc_z(type)};
    if (token)
        headers[message.header_count++] =
            (mc_header){MC_STR("authorization"), mc_str_printf(f->arena, "Bearer %s", token)};
    mc_http_req_init(&req, &message, f->arena);
    mc_http_res_init(&res, f->arena);
    req.match.route = route_of(f->auth, method, message.path);
    if (!req.match.route)
        return 404;
    f->err = (mc_err){0};
    rc = handle(f, &req, &res);
    if (rc != MC_OK)
        mc_http_error(&res, &req.ctx, &f->err);
    f->body = mc_buf_get(&res.body);
    f->retry_after = mc_http_res_get_header(&res, MC_STR("Retry-After"));
    f->cache_control = mc_http_res_get_header(&res, MC_STR("Cache-Control"));
    return res.status;
}

int auth_call(auth_fixture *f, const char *method, const char *path, const char *token,
              const char *json)
{
    return auth_call_as(f, method, path, token, "application/json", "192.0.2.1", json);
}

static const mc_json *find_deep(const mc_json *value, mc_str name)
{
    const mc_json *found = mc_json_find(value, name);

    if (found || !value || value->kind != MC_JSON_OBJECT)
        return found;
    for (size_t i = 0; i < value->as.object.count && !found; i++)
        found = find_deep(value->as.object.members[i].value, name);
    return found;
}

const char *auth_field(auth_fixture *f, const char *name)
{
    const mc_json *body;
    mc_str text = MC_STR("");

    if (mc_json_parse(f->arena, f->body, NULL, &body, &f->err) != MC_OK)
        return "";
    (void)mc_json_get_str(find_deep(body, mc_z(name)), &text);
    return mc_str_z(f->arena, text);
}

mc_auth_grant auth_person(auth_fixture *f, const char *name, const char *email)
{
    mc_auth_signup in = {
        .name = mc_z(name), .email = mc_z(email), .password = MC_STR("long-enough")};
    mc_auth_grant grant = {0};

    MC_EXPECT_OK(mc_auth_register(f->auth, &f->ctx, &in, MC_STR(""), &grant, &f->err), &f->err);
    return grant;
}
