/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/marketplace/marketplace_internal.h"

#define BODY_BYTES_MAX 16384

static mc_code read_request(mc_http_req *req, mc_marketplace_request *out, mc_err *err)
{
    const struct {
        const char *key;
        mc_str *to;
    } fields[] = {{"addonKey", &out->addon_key},
                  {"version", &out->version},
                  {"bundleURL", &out->bundle_url},
                  {"name", &out->name},
                  {"category", &out->category}};
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, "invalid body: want a JSON object", &body, err);

    for (size_t i = 0; rc == MC_OK && i < MC_LEN(fields); i++) {
        const mc_json *value = mc_json_find_nocase(body, mc_z(fields[i].key));

        *fields[i].to = MC_STR("");
        if (value && value->kind != MC_JSON_NULL && !mc_json_get_str(value, fields[i].to))
            rc = mc_fail(err, MC_INVALID, "invalid body: %s is no text", fields[i].key);
    }
    if (rc == MC_OK) {
        const mc_json *insists = mc_json_find_nocase(body, MC_STR("ignoreRequires"));

        out->ignore_requires = false;
        if (insists && insists->kind != MC_JSON_NULL &&
            !mc_json_get_bool(insists, &out->ignore_requires))
            rc = mc_fail(err, MC_INVALID, "invalid body: ignoreRequires is neither true nor false");
    }
    return rc;
}

static void begin(mc_http_res *res, int status)
{
    res->status = status;
    mc_http_content_type(res, MC_STR("application/json"));
}

/* POST /marketplace/install */
static mc_code install(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_marketplace_request request = {0};
    mc_buf installed;
    mc_code rc;

    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "authenticated organization required");
    mc_buf_init_arena(&installed, ctx->arena, 0);
    rc = read_request(req, &request, err);
    if (rc == MC_OK)
        rc = mc_marketplace_install(user, ctx, &request, &installed, err);
    if (rc != MC_OK && (rc != MC_REJECTED || request.status.len == 0))
        return rc;
    begin(res, rc == MC_OK ? 201 : 422);
    mc_buf_lit(&res->body, "{\"data\":");
    mc_marketplace_request_write(&res->body, &request);
    if (rc == MC_OK && installed.len) {
        mc_buf_char(&res->body, ',');
        mc_buf_str(&res->body, mc_buf_get(&installed));
    }
    if (rc != MC_OK) {
        mc_buf_lit(&res->body, ",\"message\":");
        mc_json_write_str(&res->body, mc_z(err->msg));
    }
    mc_buf_str(&res->body,
               rc == MC_OK ? MC_STR(",\"success\":true}") : MC_STR(",\"success\":false}"));
    return MC_OK;
}

/* GET /marketplace/installs */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_marketplace_request *items;
    size_t count;
    mc_buf *out;
    mc_code rc;

    if (mc_ctx_is_anonymous(mc_http_ctx(req)))
        return mc_fail(err, MC_UNAUTHENTICATED, "authenticated organization required");
    rc = mc_marketplace_list(user, mc_http_ctx(req), &items, &count, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc_marketplace_request_write(out, &items[i]);
    }
    mc_buf_char(out, ']');
    return mc_http_ok_end(res, MC_STR(""), err);
}

void mc__marketplace_add_routes(mc_marketplace *self)
{
    self->routes[0] = (mc_http_route){.method = "POST",
                                      .pattern = "/marketplace/install",
                                      .run = MC_HTTP_LONG,
                                      .flags = MC_HTTP_NO_STORE,
                                      .handle = install,
                                      .user = self,
                                      .max_body_bytes = BODY_BYTES_MAX};
    self->routes[1] = (mc_http_route){.method = "GET",
                                      .pattern = "/marketplace/installs",
                                      .run = MC_HTTP_READ,
                                      .handle = list,
                                      .user = self};
}

const mc_http_route *mc_marketplace_routes(mc_marketplace *self, size_t *out_count)
{
    *out_count = MC__MARKETPLACE_ROUTES;
    return self->routes;
}
