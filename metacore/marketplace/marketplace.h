/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MARKETPLACE_MARKETPLACE_H
#define METACORE_MARKETPLACE_MARKETPLACE_H

/**
 * marketplace: addons that an organization asks a hub for.
 *
 *   POST /marketplace/install   {addonKey, version, bundleURL, name, category, ignoreRequires}
 *   GET  /marketplace/installs  the organization's requests, newest first
 *
 * A request without an address is noted and no more. With one, the bundle is fetched, by the one
 * guarded way out and from the origins that the operator trusts only, with its signature from
 * "<bundleURL>.sig" when there is one, and installed as an upload would be.
 *
 * Table:    marketplace_installations.
 * Not here: installing (host), the operator's own folder (catalog.h).
 * Threads:  thread-safe once created; requests block on the network.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/security/http_client.h"

MC_BEGIN_DECLS

#define MC_MARKETPLACE_LIST_MAX 200
#define MC_MARKETPLACE_HUBS_MAX 64

typedef struct mc_marketplace mc_marketplace;

typedef struct mc_marketplace_request {
    mc_uuid id;
    mc_uuid organization_id;
    mc_str addon_key, name, category, version, bundle_url;
    mc_str status; /* requested, downloading, installing, installed, failed */
    mc_str error_message;
    mc_uuid requested_by_id;
    mc_time requested_at;
    mc_time completed_at; /* 0: it is not */
    bool ignore_requires; /* as whoever asks insists; not kept */
} mc_marketplace_request;

/** Zero is "the default" in every field that is not required. */
typedef struct mc_marketplace_config {
    uint32_t struct_size;
    mc_db *db;              /* required; borrowed, as all below */
    mc_http_client *client; /* required */
    mc_strs hubs;           /* origins that bundles may come from: "https://hub.example.com" */
    /** Required. MC_OK when ctx's principal may install addons, or only look. */
    mc_code (*check)(void *user, mc_ctx *ctx, bool to_install, mc_err *err);
    /** Required. Installs packed for ctx's organization, as request says; what was installed as
     *  JSON members onto out: "installation":{…} and more. */
    mc_code (*install)(void *user, mc_ctx *ctx, const mc_marketplace_request *request,
                       mc_str packed, mc_str signature, mc_buf *out, mc_err *err);
    void *user;
} mc_marketplace_config;
#define MC_MARKETPLACE_CONFIG .struct_size = sizeof(mc_marketplace_config)

/** Errors: INVALID: a hub that is no origin. */
MC_API MC_MUST_USE mc_code mc_marketplace_new(const mc_marketplace_config *config,
                                              mc_marketplace **out, mc_err *err);
MC_API void mc_marketplace_free(mc_marketplace *self);

/**
 * Notes request and, when it has an address, fetches and installs. Blocks.
 *
 * request  addon_key is required; the rest of what a client may say is taken, the rest is filled in
 * out      what was installed, as install wrote it
 * Errors   INVALID: no key, a field that is too long. FORBIDDEN: not allowed, or not that origin;
 *          nothing is noted. REJECTED: it was noted and failed; request says so.
 */
MC_API MC_MUST_USE mc_code mc_marketplace_install(mc_marketplace *self, mc_ctx *ctx,
                                                  mc_marketplace_request *request, mc_buf *out,
                                                  mc_err *err);
/** At start: requests that a process left half-way, for it was killed, have failed. Where several
 *  processes share the store only those count that nobody can be at any more. Blocks. */
MC_API MC_MUST_USE mc_code mc_marketplace_recover(mc_marketplace *self, mc_ctx *ctx, mc_err *err);
/** On ctx->conn; in ctx's arena. */
MC_API MC_MUST_USE mc_code mc_marketplace_list(mc_marketplace *self, mc_ctx *ctx,
                                               mc_marketplace_request **out, size_t *out_count,
                                               mc_err *err);
MC_API void mc_marketplace_request_write(mc_buf *out, const mc_marketplace_request *request);

/** Borrowed; for self's life. */
MC_API const mc_http_route *mc_marketplace_routes(mc_marketplace *self, size_t *out_count);

MC_END_DECLS
#endif
