/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_internal.h"

/* Quoted microseconds of the row's last change: strong, for the row's JSON is a function of it. */
static mc_str etag_of(mc_arena *arena, mc_time version)
{
    return mc_str_printf(arena, "\"%llx\"", (unsigned long long)version);
}

static void set_etag(mc_http_req *req, mc_http_res *res, mc_time version)
{
    mc_http_res_header(res, MC_STR("ETag"), etag_of(mc_http_ctx(req)->arena, version));
}

static mc_code open_model(mc_http_req *req, mc_dynamic *self, mc_str action, const mc_model **out,
                          mc_err *err)
{
    return mc_dynamic_open(self, mc_http_ctx(req), mc_http_param(req, MC_STR("model")), action, out,
                           err);
}

/* Nobody is told first, whatever else is wrong with the request. */
static mc_code check_somebody(mc_http_req *req, mc_err *err)
{
    return mc_ctx_is_anonymous(mc_http_ctx(req))
               ? mc_fail(err, MC_UNAUTHENTICATED, "not authenticated")
               : MC_OK;
}

/* ---- reading ---- */

/* GET /dynamic/:model */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_model *model;
    mc_dynamic_page page;
    mc_buf *out, meta;
    mc_code rc = open_model(req, user, MC_STR("read"), &model, err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    rc = mc_dynamic_list(user, mc_http_ctx(req), model, req->query_pairs, req->query_count, out,
                         &page, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&meta, mc_http_ctx(req)->arena, 0);
    mc_dynamic_page_write(&page, &meta);
    rc = mc_buf_check(&meta, "list", err);
    return rc == MC_OK ? mc_http_ok_end(res, mc_buf_get(&meta), err) : rc;
}

/* GET /dynamic/:model/:id */
static mc_code get(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_model *model;
    mc_time version = 0;
    mc_uuid id;
    mc_code rc = check_somebody(req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    if (rc == MC_OK)
        rc = open_model(req, user, MC_STR("read"), &model, err);
    if (rc == MC_OK)
        rc = mc_dynamic_get(user, mc_http_ctx(req), model, id, mc_http_ok_begin(res, 200), &version,
                            err);
    if (rc == MC_OK)
        rc = mc_http_ok_end(res, MC_STR(""), err);
    if (rc == MC_OK)
        (void)mc_http_not_modified(req, res, etag_of(mc_http_ctx(req)->arena, version));
    return rc;
}

/* ---- writing: prepared on the loop, run on the writer ---- */

typedef struct pending {
    const mc_model *model;
    mc_uuid id;
    mc_dynamic_write *write;
} pending;

static mc_code prepare_write(mc_http_req *req, mc_dynamic *self, mc_str action, bool has_id,
                             bool has_body, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    pending *p = mc_arena_object(ctx->arena, pending);
    const mc_json *input = NULL;
    mc_code rc = p ? check_somebody(req, err) : mc_fail(err, MC_NO_MEMORY, "write");

    if (rc == MC_OK && has_id)
        rc = mc_http_param_uuid(req, MC_STR("id"), &p->id, err);
    if (rc == MC_OK && has_body)
        rc = mc_http_body_object(req, "invalid body", &input, err);
    if (rc == MC_OK)
        rc = open_model(req, self, action, &p->model, err);
    if (rc == MC_OK && has_body)
        rc = mc_dynamic_prepare(self, ctx, p->model, input, !has_id, &p->write, err);
    req->state = p;
    return rc;
}

static mc_code prepare_create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return prepare_write(req, user, MC_STR("create"), false, true, err);
}

/* POST /dynamic/:model */
static mc_code create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = req->state;
    mc_time version = 0;
    mc_code rc = mc_dynamic_create(user, mc_http_ctx(req), p->write, mc_http_ok_begin(res, 201),
                                   &version, err);

    if (rc != MC_OK)
        return rc;
    set_etag(req, res, version);
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code prepare_update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return prepare_write(req, user, MC_STR("update"), true, true, err);
}

static mc_code check_if_match(void *user, mc_time version, mc_err *err)
{
    mc_http_req *req = user;

    return mc_http_check_if_match(req, etag_of(mc_http_ctx(req)->arena, version), err);
}

/* PUT and PATCH /dynamic/:model/:id: both change what is given and nothing else */
static mc_code update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    bool is_conditional = mc_http_header(req, MC_STR("if-match")).len > 0;
    pending *p = req->state;
    mc_time version = 0;
    mc_code rc = mc_dynamic_update(user, mc_http_ctx(req), p->write, p->id,
                                   is_conditional ? check_if_match : NULL, req,
                                   mc_http_ok_begin(res, 200), &version, err);

    if (rc != MC_OK)
        return rc;
    set_etag(req, res, version);
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code prepare_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return prepare_write(req, user, MC_STR("delete"), true, false, err);
}

/* DELETE /dynamic/:model/:id */
static mc_code delete (mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = req->state;
    mc_code rc = mc_dynamic_delete(user, mc_http_ctx(req), p->model, p->id, err);

    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* ---- routes: the same under both families, as the published client calls them ---- */

#define FAMILY(base)                                                                               \
    {.method = "GET", .pattern = base "/:model", .run = MC_HTTP_READ, .handle = list},             \
        {.method = "POST",                                                                         \
         .pattern = base "/:model",                                                                \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_create,                                                                \
         .handle = create},                                                                        \
        {.method = "GET",                                                                          \
         .pattern = base "/:model/export",                                                         \
         .run = MC_HTTP_POOL,                                                                      \
         .handle = mc__export},                                                                    \
        {.method = "GET",                                                                          \
         .pattern = base "/:model/export/template",                                                \
         .run = MC_HTTP_READ,                                                                      \
         .handle = mc__export_template},                                                           \
        {.method = "POST",                                                                         \
         .pattern = base "/:model/import",                                                         \
         .run = MC_HTTP_POOL,                                                                      \
         .handle = mc__import,                                                                     \
         .max_body_bytes = MC_DYNAMIC_IMPORT_BYTES_MAX},                                           \
        {.method = "POST",                                                                         \
         .pattern = base "/:model/import/validate",                                                \
         .run = MC_HTTP_POOL,                                                                      \
         .handle = mc__import_validate,                                                            \
         .max_body_bytes = MC_DYNAMIC_IMPORT_BYTES_MAX},                                           \
        {.method = "GET", .pattern = base "/:model/:id", .run = MC_HTTP_READ, .handle = get},      \
        {.method = "PUT",                                                                          \
         .pattern = base "/:model/:id",                                                            \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_update,                                                                \
         .handle = update},                                                                        \
        {.method = "PATCH",                                                                        \
         .pattern = base "/:model/:id",                                                            \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_update,                                                                \
         .handle = update},                                                                        \
        {.method = "DELETE",                                                                       \
         .pattern = base "/:model/:id",                                                            \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = prepare_delete,                                                                \
         .handle = delete},                                                                        \
    {                                                                                              \
        .method = "POST", .pattern = base "/:model/:id/action/:key", .run = MC_HTTP_POOL,          \
        .handle = mc__action                                                                       \
    }

static const mc_http_route table[] = {
    FAMILY("/dynamic"),
    FAMILY("/data"),
    {.method = "GET", .pattern = "/data/:model/me", .run = MC_HTTP_READ, .handle = list},
    {.method = "GET", .pattern = "/data/:model/me/:id", .run = MC_HTTP_READ, .handle = get},
    {.method = "POST",
     .pattern = "/data/:model/me/:id/action/:key",
     .run = MC_HTTP_POOL,
     .handle = mc__action},
};

void mc__dynamic_add_routes(mc_dynamic *self)
{
    _Static_assert(MC_LEN(table) <= MC__ROUTES_MAX, "room for every route");
    for (size_t i = 0; i < MC_LEN(table); i++) {
        self->routes[i] = table[i];
        self->routes[i].user = self;
    }
    self->route_count = MC_LEN(table);
}

const mc_http_route *mc_dynamic_routes(mc_dynamic *self, size_t *out_count)
{
    *out_count = self->route_count;
    return self->routes;
}
