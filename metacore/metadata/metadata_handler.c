/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

/* The host has negotiated a language already, or the request says what it wants. */
static void set_lang(const mc_metadata *self, mc_http_req *req)
{
    mc_ctx *ctx = mc_http_ctx(req);

    if (ctx->lang.len == 0 && self->config.i18n)
        ctx->lang =
            mc_i18n_negotiate(self->config.i18n, mc_http_header(req, MC_STR("accept-language")));
}

/* Takes doc. */
static mc_code answer(mc_http_req *req, mc_http_res *res, const mc_metadata_doc *doc, mc_err *err)
{
    mc_code rc = MC_OK;

    if (doc->lang.len)
        mc_http_res_header(res, MC_STR("Content-Language"), doc->lang);
    mc_http_res_header(res, MC_STR("Vary"), MC_STR("Accept-Language, Authorization"));
    if (!mc_http_not_modified(req, res, mc_str_of(doc->etag, MC_METADATA_ETAG_LEN))) {
        mc_buf_str(mc_http_ok_begin(res, 200), doc->json);
        rc = mc_http_ok_end(res, MC_STR(""), err);
    }
    mc_metadata_doc_unref(doc);
    return rc;
}

static mc_code get_table(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_metadata_doc *doc;
    mc_code rc;

    set_lang(user, req);
    rc = mc_metadata_load_table(user, mc_http_ctx(req), mc_http_param(req, MC_STR("model")), &doc,
                                err);
    return rc == MC_OK ? answer(req, res, doc, err) : rc;
}

static mc_code get_modal(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_metadata_doc *doc;
    mc_code rc;

    set_lang(user, req);
    rc = mc_metadata_load_modal(user, mc_http_ctx(req), mc_http_param(req, MC_STR("model")), &doc,
                                err);
    return rc == MC_OK ? answer(req, res, doc, err) : rc;
}

static mc_code get_all(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_metadata_doc *doc;
    mc_code rc;

    set_lang(user, req);
    rc = mc_metadata_load_all(user, mc_http_ctx(req), &doc, err);
    return rc == MC_OK ? answer(req, res, doc, err) : rc;
}

const mc_http_route *mc_metadata_routes(mc_metadata *self, size_t *out_count)
{
    static const struct {
        const char *pattern;
        mc_http_fn handle;
    } routes[] = {
        {"/metadata/table/:model", get_table},
        {"/metadata/modal/:model", get_modal},
        {"/metadata/all", get_all},
    };

    for (size_t i = 0; i < MC_LEN(routes); i++)
        self->routes[i] = (mc_http_route){.method = "GET",
                                          .pattern = routes[i].pattern,
                                          .run = MC_HTTP_READ,
                                          .handle = routes[i].handle,
                                          .user = self};
    *out_count = MC_LEN(routes);
    return self->routes;
}
