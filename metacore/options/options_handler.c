/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/options/options_internal.h"

static uint32_t number_of(mc_http_req *req, const char *name, uint32_t max)
{
    uint64_t value;

    if (!mc_str_u64(mc_http_query(req, mc_z(name)), 1, UINT64_MAX, &value))
        return 0;
    return value > max ? max : (uint32_t)value;
}

/* Pickers send q, fields of type search send search: either is read. */
static void read_request(mc_http_req *req, mc_options_request *out)
{
    mc_str text = mc_http_query(req, MC_STR("q"));

    *out = (mc_options_request){
        .field = mc_str_trim(mc_http_query(req, MC_STR("field"))),
        .text = text.len ? text : mc_http_query(req, MC_STR("search")),
        .filter_value = mc_str_trim(mc_http_query(req, MC_STR("filter_value"))),
        .limit = number_of(req, "limit", MC_OPTIONS_LIMIT_MAX),
        .offset = number_of(req, "offset", MC_OPTIONS_OFFSET_MAX),
    };
}

/* A manifest that makes no sense is named to who can mend it; nothing of ours is told. */
static mc_code fail(mc_http_res *res, mc_code rc, const mc_err *err)
{
    if (rc != MC_INTERNAL || !mc_str_starts_with(mc_z(err->msg), MC_STR("invalid input: ")))
        return rc;
    mc_http_error_status(res, 500, mc_z(err->msg));
    return MC_OK;
}

/* GET /options/:model */
static mc_code options(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_options_request request;
    mc_options_result result;
    mc_str meta;
    mc_code rc = mc_ctx_is_anonymous(mc_http_ctx(req))
                     ? mc_fail(err, MC_UNAUTHENTICATED, "not authenticated")
                     : mc_http_query_parse(req, err);

    if (rc != MC_OK)
        return rc;
    read_request(req, &request);
    rc = mc_options_load(user, mc_http_ctx(req), mc_http_param(req, MC_STR("model")), &request,
                         mc_http_ok_begin(res, 200), &result, err);
    if (rc != MC_OK)
        return fail(res, rc, err);
    meta = mc_str_printf(mc_http_ctx(req)->arena, "{\"count\":%zu,\"type\":\"%s\"}", result.count,
                         result.is_static ? "static" : "dynamic");
    return meta.ptr ? mc_http_ok_end(res, meta, err) : mc_fail(err, MC_NO_MEMORY, "options");
}

/* GET /search/:model */
static mc_code search(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_options_request request;
    mc_options_result result;
    mc_code rc = mc_ctx_is_anonymous(mc_http_ctx(req))
                     ? mc_fail(err, MC_UNAUTHENTICATED, "not authenticated")
                     : mc_http_query_parse(req, err);

    if (rc != MC_OK)
        return rc;
    read_request(req, &request);
    rc = mc_options_search(user, mc_http_ctx(req), mc_http_param(req, MC_STR("model")), &request,
                           mc_http_ok_begin(res, 200), &result, err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

void mc__options_add_routes(mc_options *self)
{
    self->routes[0] = (mc_http_route){.method = "GET",
                                      .pattern = "/options/:model",
                                      .run = MC_HTTP_READ,
                                      .handle = options,
                                      .user = self};
    self->routes[1] = (mc_http_route){.method = "GET",
                                      .pattern = "/search/:model",
                                      .run = MC_HTTP_READ,
                                      .handle = search,
                                      .user = self};
}

const mc_http_route *mc_options_routes(mc_options *self, size_t *out_count)
{
    *out_count = MC__OPTIONS_ROUTES;
    return self->routes;
}
