/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_internal.h"

#include <assert.h>

static mc_code open_model(mc_http_req *req, mc_dynamic *self, mc_str action, const mc_model **out,
                          mc_err *err)
{
    return mc_dynamic_open(self, mc_http_ctx(req), mc_http_param(req, MC_STR("model")), action, out,
                           err);
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

mc_code mc__send_row(mc_http_req *req, mc_http_res *res, mc_dynamic *self, const mc_model *model,
                     mc_uuid id, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_buf *out = mc_http_ok_begin(res, 200);
    size_t start = out->len;
    mc_time version = 0;
    mc_str expand, etag;
    mc_code rc = mc_http_query_parse(req, err);

    expand = rc == MC_OK ? mc_http_query(req, MC_STR("expand")) : MC_STR("");
    if (rc == MC_OK)
        rc = mc_dynamic_get_expanded(self, ctx, model, id, expand, out, &version, err);
    if (rc != MC_OK)
        return rc;
    etag = mc__etag(ctx->arena, version, mc_str_slice(mc_buf_get(out), start, out->len));
    rc = mc_http_ok_end(res, MC_STR(""), err);
    /* A tag is for If-Match too, which knows the row as it is without expansions. */
    if (rc == MC_OK && expand.len == 0)
        (void)mc_http_not_modified(req, res, etag);
    return rc;
}

/* GET /dynamic/:model/:id */
static mc_code get(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_model *model;
    mc_uuid id;
    mc_code rc = mc__check_somebody(req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &id, err);
    if (rc == MC_OK)
        rc = open_model(req, user, MC_STR("read"), &model, err);
    return rc == MC_OK ? mc__send_row(req, res, user, model, id, err) : rc;
}

/* ---- routes: the same under both families, as the published client calls them ---- */

#define FAMILY(base)                                                                               \
    {.method = "GET", .pattern = base "/:model", .run = MC_HTTP_READ, .handle = list},             \
        {.method = "GET",                                                                          \
         .pattern = base "/:model/export",                                                         \
         .flags = MC_HTTP_QUERY_TOKEN, /* a link cannot send a header */                           \
         .run = MC_HTTP_LONG,                                                                      \
         .handle = mc__export_handler},                                                            \
        {.method = "GET",                                                                          \
         .pattern = base "/:model/export/template",                                                \
         .flags = MC_HTTP_QUERY_TOKEN, /* a link cannot send a header */                           \
         .run = MC_HTTP_LONG,                                                                      \
         .handle = mc__export_template},                                                           \
        {.method = "POST",                                                                         \
         .pattern = base "/:model/import",                                                         \
         .run = MC_HTTP_LONG,                                                                      \
         .flags = MC_HTTP_BODY_FILE,                                                               \
         .handle = mc__import_handler,                                                             \
         .max_body_bytes = MC_DYNAMIC_IMPORT_BYTES_MAX},                                           \
        {.method = "POST",                                                                         \
         .pattern = base "/:model/import/validate",                                                \
         .run = MC_HTTP_LONG,                                                                      \
         .flags = MC_HTTP_BODY_FILE,                                                               \
         .handle = mc__import_validate,                                                            \
         .max_body_bytes = MC_DYNAMIC_IMPORT_BYTES_MAX},                                           \
    {                                                                                              \
        .method = "GET", .pattern = base "/:model/:id", .run = MC_HTTP_READ, .handle = get         \
    }

static const mc_http_route table[] = {
    FAMILY("/dynamic"),
    FAMILY("/data"),
    {.method = "GET", .pattern = "/data/:model/me", .run = MC_HTTP_READ, .handle = list},
    {.method = "GET", .pattern = "/data/:model/me/:id", .run = MC_HTTP_READ, .handle = get},
};

static void add_routes(mc_dynamic *self, const mc_http_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mc_http_route *route = &self->routes[self->route_count++];

        assert(self->route_count <= MC__ROUTES_MAX);
        *route = routes[i];
        route->user = self;
    }
}

void mc__dynamic_add_routes(mc_dynamic *self)
{
    static const mc_http_route *(*const tables[])(size_t * out_count) = {
        mc__write_routes, mc__batch_routes, mc__action_routes, mc__relation_routes,
        mc__report_routes};

    add_routes(self, table, MC_LEN(table));
    for (size_t i = 0; i < MC_LEN(tables); i++) {
        size_t count;
        const mc_http_route *routes = tables[i](&count);

        add_routes(self, routes, count);
    }
}

const mc_http_route *mc_dynamic_routes(mc_dynamic *self, size_t *out_count)
{
    *out_count = self->route_count;
    return self->routes;
}
