/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_METADATA_METADATA_H
#define METACORE_METADATA_METADATA_H

/**
 * metadata: what a browser must know of a model to show its table and its form.
 *
 * A document is what the model declares, completed from its columns; a model that declares
 * nothing gets a whole one. It is made for one language, kept as finished bytes and thrown away
 * when the model or a text changes. Definitions are only read: each document is written anew.
 *
 * Answers carry a strong ETag of their content, the same in every process, and 304 when the
 * browser has them already.
 *
 * Not here: models (modelbase), texts (i18n), who may read (the host plugs that in).
 * Threads:  thread-safe once created; a document is immutable and counted.
 * Standard: RFC 9110 sections 8.8.3 and 13.1.2.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/httpx/httpx.h"
#include "metacore/i18n/i18n.h"
#include "metacore/modelbase/modelbase.h"

MC_BEGIN_DECLS

#define MC_PER_PAGE_MAX_OFFERED 200 /* what lists clamp to */

typedef struct mc_metadata mc_metadata;

/** Zero is "the default" in every field. The pointers are borrowed and outlive the service. */
typedef struct mc_metadata_config {
    uint32_t struct_size;
    mc_models *models; /* required */
    mc_i18n *i18n;     /* NULL: texts as declared */

    /** Whether ctx's organization has model at all (its addon is installed); NULL: every one. */
    mc_code (*is_visible)(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);
    void *is_visible_user;
    /** Whether ctx's user may read it; NULL: everybody. */
    mc_code (*can_read)(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);
    void *can_read_user;
    /**
     * What "$org.<name>" stands for in ctx's organization; key is the whole of it. *out is
     * borrowed until the call after next, or in ctx's arena. False or empty: left as it is.
     */
    bool (*org_validator)(void *user, mc_ctx *ctx, mc_str key, mc_str *out);
    void *org_validator_user;

    size_t cache_max_bytes; /* of all documents kept; 0: 16 MiB */
} mc_metadata_config;
#define MC_METADATA_CONFIG .struct_size = sizeof(mc_metadata_config)

MC_API MC_MUST_USE mc_code mc_metadata_new(const mc_metadata_config *config, mc_metadata **out,
                                           mc_err *err);
/** Documents still held stay good. */
MC_API void mc_metadata_free(mc_metadata *self);

/** Forgets all that is kept. Models and texts are watched; this is for an organization's
 * validators. */
MC_API void mc_metadata_invalidate(mc_metadata *self);

#define MC_METADATA_ETAG_LEN 34 /* with its quotes */

typedef struct mc_metadata_doc {
    mc_str json; /* the value of "data" */
    mc_str lang; /* lives as long as i18n; empty without one */
    char etag[MC_METADATA_ETAG_LEN];
} mc_metadata_doc;
MC_API void mc_metadata_doc_unref(const mc_metadata_doc *doc);

/**
 * The documents of a model in ctx->lang (empty: i18n's default).
 *
 * Errors  NOT_FOUND "metadata: model not found: <key>": also when the organization lacks it.
 *         FORBIDDEN: may not read it (modal; the table of such a model is one without columns,
 *         so that a browser asks for the rows and shows that they are refused).
 */
MC_API MC_MUST_USE mc_code mc_metadata_load_table(mc_metadata *self, mc_ctx *ctx, mc_str model_key,
                                                  const mc_metadata_doc **out, mc_err *err);
MC_API MC_MUST_USE mc_code mc_metadata_load_modal(mc_metadata *self, mc_ctx *ctx, mc_str model_key,
                                                  const mc_metadata_doc **out, mc_err *err);
/**
 * {"version","tables","modals"} of every model that ctx may see. The version follows the content:
 * it is the same in every process and after a restart, and changes when anything in it does.
 */
MC_API MC_MUST_USE mc_code mc_metadata_load_all(mc_metadata *self, mc_ctx *ctx,
                                                const mc_metadata_doc **out, mc_err *err);

/** GET /metadata/table/:model, /metadata/modal/:model and /metadata/all; lives as long as self. */
MC_API const mc_http_route *mc_metadata_routes(mc_metadata *self, size_t *out_count);

MC_END_DECLS
#endif
