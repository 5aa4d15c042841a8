/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metacore/addons/:key/frontend/…: the assets of an addon's page, for those who have it.
 *
 * …/@<digest>/main.js is of one bundle, and good for ever; …/main.js is of the one installed now,
 * and asked for anew; so is …/main.js?v=<first digits of the digest>, which is good for ever as
 * long as the digits are right. */
#include "metacore/host/host_internal.h"

#include "metacore/base/encode.h"

#define VERSION_DIGITS_MIN 8

typedef struct wanted {
    mc_str digest; /* empty: the current one's */
    mc_str path;
} wanted;

static mc_code say(mc_http_res *res, int status, const char *text)
{
    res->status = status;
    mc_http_content_type(res, MC_STR("text/plain; charset=utf-8"));
    mc_http_res_header(res, MC_STR("Cache-Control"), MC_STR("no-store"));
    mc_buf_str(&res->body, mc_z(text));
    return MC_OK;
}

/* Paths are looked up, never opened; what could only be meant to climb is not even looked up. */
static bool is_path(mc_str path)
{
    mc_str rest = path, part;

    if (path.len == 0 || path.len > MC_BUNDLE_NAME_MAX || memchr(path.ptr, '\\', path.len) ||
        memchr(path.ptr, '\0', path.len) || path.ptr[path.len - 1] == '/')
        return false;
    while (mc_str_split(&rest, '/', &part)) {
        if (part.len == 0 || mc_str_eq(part, MC_STR(".")) || mc_str_eq(part, MC_STR("..")))
            return false;
    }
    return true;
}

static bool read_wanted(mc_http_req *req, wanted *out)
{
    mc_str path;
    size_t slash;

    if (!mc_percent_parse(mc_http_ctx(req)->arena, mc_http_param(req, MC_STR("*")), false, &path) ||
        !is_path(path))
        return false;
    *out = (wanted){.digest = MC_STR(""), .path = path};
    if (path.ptr[0] != '@')
        return true;
    slash = mc_str_find_char(path, 0, '/');
    out->digest = mc_str_slice(path, 1, slash);
    out->path = mc_str_slice(path, slash + 1, path.len);
    return out->digest.len == MC_SHA256_HEX && out->path.len > 0;
}

static mc_str type_of(mc_str path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".js", "application/javascript"},
        {".mjs", "application/javascript"},
        {".css", "text/css"},
        {".map", "application/json"},
        {".json", "application/json"},
        {".html", "text/html; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".woff", "font/woff"},
        {".woff2", "font/woff2"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".webp", "image/webp"},
        {".gif", "image/gif"},
        {".ico", "image/x-icon"},
        {".wasm", "application/wasm"},
    };

    for (size_t i = 0; i < MC_LEN(types); i++) {
        if (mc_str_ends_with(path, mc_z(types[i].ending)))
            return mc_z(types[i].type);
    }
    return MC_STR("application/octet-stream");
}

/* A document of an addon's is opened in an origin of its own: our token is not its to read. */
static void write_headers(mc_http_req *req, mc_http_res *res, const wanted *w,
                          const mc_install_asset *asset)
{
    mc_str version = mc_http_query(req, MC_STR("v"));
    bool is_pinned = w->digest.len || (version.len >= VERSION_DIGITS_MIN &&
                                       mc_str_starts_with(asset->digest, version));

    res->status = 200;
    mc_http_content_type(res, type_of(w->path));
    mc_http_res_header(res, MC_STR("Cache-Control"),
                       is_pinned ? MC_STR("private, max-age=31536000, immutable")
                                 : MC_STR("private, no-cache"));
    mc_http_res_header(res, MC_STR("Content-Security-Policy"),
                       MC_STR("default-src 'none'; script-src 'self'; style-src 'self' "
                              "'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src "
                              "'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
                              "'self'; sandbox allow-scripts"));
    mc_http_res_header(res, MC_STR("X-Content-Type-Options"), MC_STR("nosniff"));
    mc_http_res_header(res, MC_STR("Referrer-Policy"), MC_STR("no-referrer"));
}

static mc_code send_asset(mc_app *app, mc_http_req *req, mc_http_res *res, const wanted *w,
                          const mc_install_asset *asset, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);

    write_headers(req, res, w, asset);
    if (mc_http_not_modified(req, res, mc_str_printf(ctx->arena, "\"%.32s\"", asset->sha256.ptr)))
        return MC_OK;
    if (!mc_buf_reserve(&res->body, asset->size + 1))
        return mc_fail(err, MC_NO_MEMORY, "asset");
    return mc_installer_read_asset(mc_host_installer(app->host), ctx, asset, w->path, 0,
                                   asset->size, &res->body, err);
}

mc_code mc__host_frontend(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installer *installer = mc_host_installer(app->host);
    mc_install_asset asset;
    mc_str key;
    wanted w;
    mc_code rc;

    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    if (mc__host_addon_key(req, &key, err) != MC_OK || !mc_http_param(req, MC_STR("*")).len)
        return say(res, 400, "key and path required");
    if (!mc_installer_is_enabled(installer, ctx->who.org_id, key))
        return say(res, 404, "addon not installed for organization");
    if (!read_wanted(req, &w))
        return say(res, 400, "invalid path");
    rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        rc = mc_installer_find_asset(installer, ctx, key, w.digest, w.path, &asset, err);
    if (rc == MC_NOT_FOUND)
        return say(res, 404, "file not found");
    return rc == MC_OK ? send_asset(app, req, res, &w, &asset, err) : rc;
}
