/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_internal.h"

#define MAX_AGE_S_DEFAULT 600

static bool is_any(const mc_http_cors *cors)
{
    for (size_t i = 0; i < cors->origins.count; i++) {
        if (mc_str_eq(cors->origins.items[i], MC_STR("*")))
            return true;
    }
    return false;
}

static bool is_allowed(const mc_http_cors *cors, mc_str origin)
{
    for (size_t i = 0; i < cors->origins.count; i++) {
        if (mc_str_eq(cors->origins.items[i], origin))
            return true;
    }
    return false;
}

/* A cache must not give one origin's answer to another. */
static void add_vary(mc_http_res *res)
{
    mc_str vary = mc_http_res_get_header(res, MC_STR("Vary"));

    if (vary.len == 0)
        mc__http_res_set(res, MC_STR("Vary"), MC_STR("Origin"));
    else if (mc_str_find(vary, MC_STR("Origin")) == vary.len)
        mc_http_res_header(res, MC_STR("Vary"),
                           mc_str_printf(res->body.arena, "%.*s, Origin", MC_FMT(vary)));
}

/* True when the page that asks may read the answer. */
static bool allow_origin(const mc_http_cors *cors, const mc_http_req *req, mc_http_res *res)
{
    mc_str origin = mc_http_header(req, MC_STR("origin"));

    if (cors->origins.count == 0)
        return false;
    if (is_any(cors)) {
        mc__http_res_set(res, MC_STR("Access-Control-Allow-Origin"), MC_STR("*"));
        return origin.len > 0;
    }
    add_vary(res);
    if (origin.len == 0 || !is_allowed(cors, origin))
        return false;
    mc__http_res_set(res, MC_STR("Access-Control-Allow-Origin"), origin);
    return true;
}

bool mc_http_cors_preflight(const mc_http_cors *cors, const mc_http_req *req, mc_http_res *res)
{
    int64_t max_age_s = cors->max_age_s > 0 ? cors->max_age_s : MAX_AGE_S_DEFAULT;

    if (cors->origins.count == 0 || !mc_str_eq(req->message->method, MC_STR("OPTIONS")) ||
        mc_http_header(req, MC_STR("origin")).len == 0 ||
        mc_http_header(req, MC_STR("access-control-request-method")).len == 0)
        return false;
    res->status = 204;
    mc_buf_clear(&res->body);
    if (!allow_origin(cors, req, res))
        return true; /* without the headers the browser refuses */
    mc__http_res_set(res, MC_STR("Access-Control-Allow-Methods"),
                     MC_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    mc__http_res_set(res, MC_STR("Access-Control-Allow-Headers"),
                     MC_STR("authorization, content-type, accept-language, x-branch-id, "
                            "idempotency-key, if-match, if-none-match, x-request-id"));
    mc_http_res_header(res, MC_STR("Access-Control-Max-Age"),
                       mc_str_printf(res->body.arena, "%lld", (long long)max_age_s));
    return true;
}

void mc_http_cors_apply(const mc_http_cors *cors, const mc_http_req *req, mc_http_res *res)
{
    if (allow_origin(cors, req, res))
        mc__http_res_set(res, MC_STR("Access-Control-Expose-Headers"),
                         MC_STR("content-disposition, etag, idempotent-replay, location, "
                                "retry-after, x-request-id"));
}
