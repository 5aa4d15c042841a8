/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_test_internal.h"

#include "metacore/migrations/migrations.h"

#include <stdio.h>
#include <string.h>

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("title"), .type = MC_STR_INIT("string"), .required = true},
    {.name = MC_STR_INIT("code"), .type = MC_STR_INIT("string"), .unique = true},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal")},
    {.name = MC_STR_INIT("count"), .type = MC_STR_INIT("bigint")},
    {.name = MC_STR_INIT("urgent"), .type = MC_STR_INIT("bool")},
    {.name = MC_STR_INIT("due"), .type = MC_STR_INIT("date")},
    {.name = MC_STR_INIT("seen_at"), .type = MC_STR_INIT("timestamp")},
    {.name = MC_STR_INIT("extra"), .type = MC_STR_INIT("json")},
    {.name = MC_STR_INIT("other_id"), .type = MC_STR_INIT("uuid")},
};

static const char actions[] =
    "[{\"key\":\"run\",\"trigger\":{\"type\":\"wasm\",\"export\":\"run\",\"run_in_tx\":true}},"
    "{\"key\":\"ask\",\"trigger\":{\"type\":\"wasm\",\"export\":\"ask\"}},"
    "{\"key\":\"fill\",\"trigger\":{\"type\":\"noop\"},\"fields\":["
    "{\"key\":\"number\",\"type\":\"text\",\"required\":true},"
    "{\"name\":\"amount\",\"type\":\"number\"}]}]";

static const mc_model_def notes = {
    .key = MC_STR_INIT("notes"),
    .table = MC_STR_INIT("notes"),
    .org_scoped = true,
    .soft_delete = true,
    .columns = columns,
    .column_count = MC_LEN(columns),
};

static mc_code allow(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)capability;
    (void)err;
    return MC_OK;
}

static void told(void *user, const mc_dynamic_change *change)
{
    dynamic_fixture *f = user;
    size_t at = strlen(f->told);

    MC_EXPECT(mc_uuid_eq(change->org_id, f->ctx.who.org_id));
    MC_EXPECT(mc_uuid_eq(change->actor_id, f->ctx.who.user_id));
    MC_EXPECT(change->model == f->notes);
    MC_EXPECT(!mc_uuid_is_nil(change->id));
    (void)snprintf(f->told + at, sizeof(f->told) - at, "%s",
                   mc_dynamic_action_name(change->action));
    for (size_t i = 0; i < change->field_count; i++) {
        at = strlen(f->told);
        (void)snprintf(f->told + at, sizeof(f->told) - at, "%c%.*s", i ? ',' : ' ',
                       MC_FMT(change->fields[i]));
    }
    at = strlen(f->told);
    (void)snprintf(f->told + at, sizeof(f->told) - at, "\n");
}

static mc_code make_table(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_model_ensure_table(user, conn, err);
}

static mc_code open_model(dynamic_fixture *f, mc_model **out)
{
    mc_model_def def = notes;
    mc_code rc = mc_json_parse(f->ctx.arena, mc_z(actions), NULL, &def.actions, &f->err);

    return rc == MC_OK ? mc_model_new(&def, MC_DB_SQLITE, out, &f->err) : rc;
}

static mc_code open_all(dynamic_fixture *f, mc_str url, const mc_dynamic_config *config)
{
    mc_db_config db = {MC_DB_CONFIG, .url = url, .synchronous_normal = true};
    mc_model *model = NULL;
    mc_code rc = mc_db_open(&db, &f->db, &f->err);

    if (rc == MC_OK)
        rc = mc_migrations_up(f->db, &f->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &f->err);
    if (rc == MC_OK)
        rc = mc_models_new(&f->models, &f->err);
    if (rc == MC_OK)
        rc = open_model(f, &model);
    if (rc == MC_OK)
        rc = mc_db_write(f->db, &f->ctx, make_table, model, &f->err);
    if (rc == MC_OK)
        rc = mc_models_put(f->models, model, &f->err);
    f->notes = model;
    if (rc != MC_OK)
        return rc;
    return mc_dynamic_new(
        &(mc_dynamic_config){MC_DYNAMIC_CONFIG, .db = f->db, .models = f->models, .check = allow,
                             .on_change = told, .on_change_user = f, .dispatch = config->dispatch,
                             .dispatch_user = config->dispatch_user, .on_write = config->on_write,
                             .wants_before = config->wants_before, .on_write_user = f,
                             .ask = config->ask, .is_asked = config->is_asked, .ask_user = f},
        &f->dynamic, &f->err);
}

bool dynamic_setup_with(dynamic_fixture *f, const mc_dynamic_config *config)
{
    char url[512];

    *f = (dynamic_fixture){.ctx = {.arena = mc_arena_new(0), .now = TEST_NOW}};
    if (!f->ctx.arena || mc_uuid_v7(&f->ctx.who.user_id, &f->err) != MC_OK ||
        mc_uuid_v7(&f->ctx.who.org_id, &f->err) != MC_OK)
        return false;
    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    return open_all(f, mc_z(url), config) == MC_OK;
}

bool dynamic_setup(dynamic_fixture *f)
{
    return dynamic_setup_with(f, &(mc_dynamic_config){MC_DYNAMIC_CONFIG});
}

void dynamic_teardown(dynamic_fixture *f)
{
    mc_dynamic_free(f->dynamic);
    mc_models_free(f->models);
    mc_db_close(f->db);
    mc_arena_free(f->ctx.arena);
}

static mc_code prepare(dynamic_fixture *f, const char *input, bool is_create,
                       mc_dynamic_write **out)
{
    const mc_json *json;
    mc_code rc = mc_json_parse(f->ctx.arena, mc_z(input), NULL, &json, &f->err);

    f->ctx.field_error_count = 0;
    return rc == MC_OK
               ? mc_dynamic_prepare(f->dynamic, &f->ctx, f->notes, json, is_create, out, &f->err)
               : rc;
}

mc_code dynamic_create(dynamic_fixture *f, const char *input, mc_uuid *out_id)
{
    mc_dynamic_write *write;
    const mc_json *row;
    mc_time version;
    mc_str id;
    mc_buf out;
    mc_code rc = prepare(f, input, true, &write);

    mc_buf_init_arena(&out, f->ctx.arena, 0);
    if (rc == MC_OK)
        rc = mc_dynamic_create(f->dynamic, &f->ctx, write, &out, &version, &f->err);
    if (rc == MC_OK)
        rc = mc_json_parse(f->ctx.arena, mc_buf_get(&out), NULL, &row, &f->err);
    if (rc == MC_OK && mc_json_get_str(mc_json_find(row, MC_STR("id")), &id))
        (void)mc_uuid_parse(id, out_id); /* our own spelling */
    return rc;
}

mc_code dynamic_update(dynamic_fixture *f, mc_uuid id, const char *input, mc_time *out_version)
{
    mc_dynamic_write *write;
    mc_buf out;
    mc_code rc = prepare(f, input, false, &write);

    mc_buf_init_arena(&out, f->ctx.arena, 0);
    return rc == MC_OK ? mc_dynamic_update(f->dynamic, &f->ctx, write, id, NULL, NULL, &out,
                                           out_version, &f->err)
                       : rc;
}

typedef struct call {
    dynamic_fixture *f;
    mc_code (*fn)(dynamic_fixture *f, mc_err *err);
} call;

static mc_code run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    call *c = user;

    (void)conn;
    (void)ctx; /* both are in the fixture */
    return c->fn(c->f, err);
}

mc_code dynamic_run(dynamic_fixture *f, mc_code (*fn)(dynamic_fixture *f, mc_err *err))
{
    call c = {f, fn};

    return mc_db_write(f->db, &f->ctx, run, &c, &f->err);
}

/* ---- requests ---- */

typedef struct exchange {
    mc_http_req req;
    mc_http_res res;
} exchange;

static mc_code handle(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    exchange *x = user;
    const mc_http_route *route = x->req.match.route;

    (void)conn;
    (void)ctx; /* both are in the request */
    return route->handle(&x->req, &x->res, route->user, err);
}

static mc_code answer(dynamic_fixture *f, exchange *x)
{
    const mc_http_route *route = x->req.match.route;
    mc_code rc = MC_OK;

    if (route->prepare)
        rc = route->prepare(&x->req, &x->res, route->user, &f->err);
    if (rc != MC_OK)
        return rc;
    return route->run == MC_HTTP_WRITE ? mc_db_write(f->db, &x->req.ctx, handle, x, &f->err)
                                       : mc_db_read(f->db, &x->req.ctx, handle, x, &f->err);
}

int dynamic_call(dynamic_fixture *f, const char *method, const char *path, const char *body)
{
    mc_header type = {MC_STR("content-type"), MC_STR("application/json")};
    mc_message message = {.method = mc_z(method),
                          .target = mc_z(path),
                          .path = mc_z(path),
                          .headers = &type,
                          .header_count = 1,
                          .body = body ? mc_z(body) : MC_STR("")};
    mc_http_router *router = NULL;
    const mc_http_route *routes;
    exchange x;
    size_t count;
    mc_code rc = mc_http_router_new(&router, &f->err);

    routes = mc_dynamic_routes(f->dynamic, &count);
    if (rc == MC_OK)
        rc = mc_http_router_add_all(router, MC_STR(""), routes, count, &f->err);
    mc_http_req_init(&x.req, &message, f->ctx.arena);
    mc_http_res_init(&x.res, f->ctx.arena);
    x.req.ctx = f->ctx;
    if (rc == MC_OK)
        mc_http_router_find(router, message.method, message.path, f->ctx.arena, &x.req.match);
    if (rc == MC_OK)
        rc = answer(f, &x);
    f->err.code = rc;
    if (rc != MC_OK)
        mc_http_error(&x.res, &x.req.ctx, &f->err);
    mc_http_router_free(router);
    f->body = mc_buf_get(&x.res.body);
    return x.res.status;
}
