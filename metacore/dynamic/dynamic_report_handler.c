/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers about rows over HTTP; on the pool, for they may read a whole table. */
#include "metacore/dynamic/dynamic_internal.h"

typedef mc_code (*report_fn)(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                             const mc_header *pairs, size_t pair_count, mc_buf *out, mc_err *err);

static mc_code answer(mc_http_req *req, mc_http_res *res, mc_dynamic *self, report_fn report,
                      mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const mc_model *model;
    mc_code rc = mc_dynamic_open(self, ctx, mc_http_param(req, MC_STR("model")), MC_STR("read"),
                                 &model, err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        rc = report(self, ctx, model, req->query_pairs, req->query_count,
                    mc_http_ok_begin(res, 200), err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* GET /dynamic/:model/facets */
static mc_code facets(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return answer(req, res, user, mc_dynamic_facets, err);
}

/* GET /dynamic/:model/aggregate */
static mc_code aggregate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return answer(req, res, user, mc_dynamic_aggregate, err);
}

#define REPORTS(base)                                                                              \
    {.method = "GET", .pattern = base "/facets", .run = MC_HTTP_POOL, .handle = facets},           \
    {                                                                                              \
        .method = "GET", .pattern = base "/aggregate", .run = MC_HTTP_POOL, .handle = aggregate    \
    }

const mc_http_route *mc__report_routes(size_t *out_count)
{
    static const mc_http_route routes[] = {
        REPORTS("/dynamic/:model"),
        REPORTS("/data/:model"),
        REPORTS("/data/:model/me"),
    };

    *out_count = MC_LEN(routes);
    return routes;
}
