/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/marketplace/marketplace_internal.h"

#include "metacore/bundle/bundle.h"
#include "metacore/manifest/manifest.h"
#include "metacore/security/url.h"

#include <stdlib.h>

#define FETCH_TIMEOUT_MS 30000
#define SIGNATURE_BYTES_MAX 1024
#define ERROR_BYTES_MAX 1024
#define ANSWER_BYTES_SHOWN 512

/* "scheme://host[:port]" of a URL, in lower case, a port that says nothing left out; empty when it
 * is none. */
static mc_str origin_of(mc_arena *arena, mc_str text, mc_url *out_url)
{
    mc_str origin;
    mc_err ignored;

    if (mc_url_parse(text, out_url, &ignored) != MC_OK)
        return MC_STR("");
    origin = mc_str_printf(arena, "%s://%s%.*s%s", out_url->is_https ? "https" : "http",
                           out_url->is_ipv6 ? "[" : "", MC_FMT(out_url->host),
                           out_url->is_ipv6 ? "]" : "");
    if (!out_url->is_default_port)
        origin = mc_str_printf(arena, "%.*s:%.*s", MC_FMT(origin), MC_FMT(out_url->port));
    return mc_str_lower(arena, origin);
}

mc_code mc_marketplace_new(const mc_marketplace_config *config, mc_marketplace **out, mc_err *err)
{
    mc_marketplace *self;
    mc_str *hubs;
    mc_url url;
    mc_code rc = MC_OK;

    if (!config->db || !config->client || !config->check || !config->install)
        return mc_fail(err, MC_INVALID, "marketplace: db, client, check and install are required");
    if (config->hubs.count > MC_MARKETPLACE_HUBS_MAX)
        return mc_fail(err, MC_LIMIT, "marketplace: more than %d hubs", MC_MARKETPLACE_HUBS_MAX);
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "marketplace");
    self->config = *config;
    self->text = mc_arena_new(0);
    hubs = self->text ? mc_arena_array(self->text, mc_str, config->hubs.count + 1) : NULL;
    if (!hubs)
        rc = mc_fail(err, MC_NO_MEMORY, "marketplace");
    for (size_t i = 0; rc == MC_OK && i < config->hubs.count; i++) {
        hubs[i] = origin_of(self->text, config->hubs.items[i], &url);
        if (hubs[i].len == 0 || url.target.len > 1)
            rc = mc_fail(err, MC_INVALID,
                         "marketplace: hub \"%.*s\" is no origin like https://hub.example.com",
                         MC_FMT(config->hubs.items[i]));
    }
    if (rc != MC_OK) {
        mc_marketplace_free(self);
        return rc;
    }
    self->config.hubs.items = hubs;
    mc__marketplace_add_routes(self);
    *out = self;
    return MC_OK;
}

void mc_marketplace_free(mc_marketplace *self)
{
    if (!self)
        return;
    mc_arena_free(self->text);
    free(self);
}

/* ---- a request ---- */

static mc_code check_hub(const mc_marketplace *self, mc_ctx *ctx, mc_str url, mc_err *err)
{
    mc_url parsed;
    mc_str origin = origin_of(ctx->arena, url, &parsed);

    if (origin.len == 0)
        return mc_fail(err, MC_INVALID, "bundleURL is no http or https URL");
    for (size_t i = 0; i < self->config.hubs.count; i++) {
        if (mc_str_eq(self->config.hubs.items[i], origin))
            return MC_OK;
    }
    return mc_fail(err, MC_FORBIDDEN, "bundles may not come from %.*s: it is not a trusted hub",
                   MC_FMT(origin));
}

static mc_code check_request(const mc_marketplace *self, mc_ctx *ctx,
                             const mc_marketplace_request *r, mc_err *err)
{
    const struct {
        const char *name;
        mc_str text;
        size_t max;
    } fields[] = {{"addonKey", r->addon_key, 120},
                  {"name", r->name, 200},
                  {"category", r->category, 60},
                  {"version", r->version, 40},
                  {"bundleURL", r->bundle_url, 512}};

    if (r->addon_key.len == 0)
        return mc_fail(err, MC_INVALID, "addonKey is required");
    for (size_t i = 0; i < MC_LEN(fields); i++) {
        if (fields[i].text.len > fields[i].max)
            return mc_fail(err, MC_INVALID, "%s is longer than %zu bytes", fields[i].name,
                           fields[i].max);
    }
    return r->bundle_url.len ? check_hub(self, ctx, r->bundle_url, err) : MC_OK;
}

/* ---- from the hub ---- */

static mc_code fetch(mc_marketplace *self, mc_arena *arena, mc_str url, size_t max,
                     mc_http_reply *out, mc_err *err)
{
    return mc_http_client_call(
        self->config.client, arena,
        &(mc_http_call){.url = url, .timeout_ms = FETCH_TIMEOUT_MS, .max_body_bytes = max}, out,
        err);
}

static mc_code fetch_bundle(mc_marketplace *self, mc_arena *arena, mc_str url, mc_str *out,
                            mc_err *err)
{
    mc_http_reply reply;
    mc_code rc = fetch(self, arena, url, MC_BUNDLE_PACKED_MAX, &reply, err);

    if (rc != MC_OK)
        return rc;
    if (reply.status != 200)
        return mc_fail(err, MC_INVALID, "bundle URL returned %d: %.*s", reply.status,
                       MC_FMT(mc_str_slice(reply.body, 0, ANSWER_BYTES_SHOWN)));
    if (reply.is_truncated)
        return mc_fail(err, MC_TOO_LARGE, "the bundle is larger than %zu bytes",
                       MC_BUNDLE_PACKED_MAX);
    *out = reply.body;
    return MC_OK;
}

/* Beside the bundle, or not at all: whether it is needed the gate knows. */
static mc_code fetch_signature(mc_marketplace *self, mc_arena *arena, mc_str url, mc_str *out,
                               mc_err *err)
{
    mc_str beside = mc_str_printf(arena, "%.*s.sig", MC_FMT(url));
    mc_http_reply reply;
    mc_code rc = beside.ptr ? fetch(self, arena, beside, SIGNATURE_BYTES_MAX, &reply, err)
                            : mc_fail(err, MC_NO_MEMORY, "marketplace");

    if (rc != MC_OK)
        return rc;
    *out = reply.status == 200 && !reply.is_truncated ? mc_str_trim(reply.body) : MC_STR("");
    return MC_OK;
}

static mc_code check_key(mc_str packed, mc_str addon_key, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_bundle *bundle = NULL;
    mc_err why;
    mc_code rc = mc_bundle_read(packed, &bundle, &why);

    if (rc == MC_OK)
        rc = mc_manifest_parse(bundle->manifest, &manifest, &why);
    if (rc == MC_OK && manifest->key.len == 0)
        rc = mc_fail(&why, MC_INVALID, "bundle: manifest.json missing or empty");
    if (rc != MC_OK)
        rc = mc_fail(err, rc, "parse bundle: %s", why.msg);
    else if (!mc_str_eq(manifest->key, addon_key))
        rc = mc_fail(err, MC_INVALID, "bundle key \"%.*s\" does not match request \"%.*s\"",
                     MC_FMT(manifest->key), MC_FMT(addon_key));
    mc_manifest_free(manifest);
    mc_bundle_free(bundle);
    return rc;
}

static mc_code set_status(mc_marketplace *self, mc_ctx *ctx, mc_marketplace_request *r,
                          const char *status, mc_err *err)
{
    r->status = mc_z(status);
    return mc__request_update(self, ctx, r, err);
}

static mc_code bring(mc_marketplace *self, mc_ctx *ctx, mc_arena *arena, mc_marketplace_request *r,
                     mc_buf *out, mc_err *err)
{
    mc_str packed, signature;
    mc_code rc = set_status(self, ctx, r, "downloading", err);

    if (rc == MC_OK)
        rc = fetch_bundle(self, arena, r->bundle_url, &packed, err);
    if (rc == MC_OK)
        rc = check_key(packed, r->addon_key, err);
    if (rc == MC_OK)
        rc = fetch_signature(self, arena, r->bundle_url, &signature, err);
    if (rc == MC_OK)
        rc = set_status(self, ctx, r, "installing", err);
    return rc == MC_OK
               ? self->config.install(self->config.user, ctx, r, packed, signature, out, err)
               : rc;
}

/* What went wrong belongs to the row, too; the answer is a refusal, whoever is to blame. */
static mc_code finish(mc_marketplace *self, mc_ctx *ctx, mc_marketplace_request *r, mc_code rc,
                      mc_err *err)
{
    mc_err why = rc == MC_OK ? (mc_err){.msg = ""} : *err;
    mc_code noted;

    r->completed_at = mc_clock_now((mc_clock){NULL, NULL});
    r->error_message = mc_str_copy(ctx->arena, mc_str_slice(mc_z(why.msg), 0, ERROR_BYTES_MAX));
    noted = set_status(self, ctx, r, rc == MC_OK ? "installed" : "failed", err);
    if (rc == MC_OK)
        return noted;
    return mc_fail(err, MC_REJECTED, "%s", why.msg);
}

mc_code mc_marketplace_install(mc_marketplace *self, mc_ctx *ctx, mc_marketplace_request *request,
                               mc_buf *out, mc_err *err)
{
    mc_arena *arena;
    mc_code rc = self->config.check(self->config.user, ctx, true, err);

    if (rc == MC_OK)
        rc = check_request(self, ctx, request, err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&request->id, err);
    if (rc != MC_OK)
        return rc;
    request->organization_id = ctx->who.org_id;
    request->requested_by_id = ctx->who.user_id;
    request->requested_at = ctx->now;
    request->status = MC_STR("requested");
    if (request->version.len == 0)
        request->version = MC_STR("latest");
    rc = mc__request_insert(self, ctx, request, err);
    if (rc != MC_OK || request->bundle_url.len == 0)
        return rc;
    arena = mc_arena_new(2 * MC_BUNDLE_PACKED_MAX + 65536); /* a bundle, growing */
    rc = arena ? bring(self, ctx, arena, request, out, err)
               : mc_fail(err, MC_NO_MEMORY, "marketplace");
    rc = finish(self, ctx, request, rc, err);
    mc_arena_free(arena);
    return rc;
}
