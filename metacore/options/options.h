/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OPTIONS_OPTIONS_H
#define METACORE_OPTIONS_OPTIONS_H

/**
 * options: what a field offers to choose from, and rows found by a few letters.
 *
 *   GET /options/:model?field=&q=|search=&filter_value=&limit=&offset=
 *   GET /search/:model?q=|search=&limit=
 *
 * What a field offers, the first that applies:
 *   optionsConfig  in the field of the manifest's form or the column of its table:
 *                  {type static|dynamic, source, filter_by, value, label, description, image,
 *                  orderBy, orderDir, options[]}
 *   options        declared with the column or the field
 *   a reference    rows of the model that the column points to
 *   id             rows of the model itself, by their key; so also a column that is unique
 * Rows are offered by id and by what people call them unless the configuration says otherwise.
 *
 * What a search looks through: searchConfig in the manifest's table, {searchIn[], value, label,
 * description, image, icon, orderBy, orderDir}, where "customer.name" is the name of the row that
 * customer_id points to; else the model's searchable columns.
 *
 * Who may read a model may choose from it; options of another model need that model's permission
 * too. "users" are those of one's own organization. Columns that a list hides are never offered,
 * whatever a manifest says.
 *
 * Not here: checking that a written value was one of the options (dynamic).
 * Threads:  thread-safe once created.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/dynamic/dynamic.h"
#include "metacore/httpx/httpx.h"
#include "metacore/i18n/i18n.h"
#include "metacore/modelbase/modelbase.h"

MC_BEGIN_DECLS

#define MC_OPTIONS_LIMIT 50
#define MC_OPTIONS_LIMIT_MAX 200
#define MC_OPTIONS_OFFSET_MAX 100000
#define MC_OPTIONS_TEXT_MAX 100 /* bytes of a search that count */

typedef struct mc_options mc_options;

/** Borrowed, and outliving the service. */
typedef struct mc_options_config {
    uint32_t struct_size;
    mc_dynamic *dynamic; /* required: finds models, says who may */
    mc_models *models;   /* required */
    mc_i18n *i18n;       /* NULL: labels as declared */
    mc_db_dialect dialect;
} mc_options_config;
#define MC_OPTIONS_CONFIG .struct_size = sizeof(mc_options_config)

MC_API MC_MUST_USE mc_code mc_options_new(const mc_options_config *config, mc_options **out,
                                          mc_err *err);
MC_API void mc_options_free(mc_options *self);

typedef struct mc_options_request {
    mc_str field;        /* required by options, unused by search */
    mc_str text;         /* contained in the label or the description, without regard to case */
    mc_str filter_value; /* of the configuration's filter_by; without one it means nothing */
    uint32_t limit;      /* 0: MC_OPTIONS_LIMIT; at most MC_OPTIONS_LIMIT_MAX */
    uint32_t offset;
} mc_options_request;

typedef struct mc_options_result {
    size_t count; /* written */
    bool is_static;
} mc_options_result;

/**
 * An array of {id, value, label, name[, description, image, color, icon]} onto out. Static options
 * are written all, whatever the request's text and limit.
 *
 * Errors  UNAUTHENTICATED; INVALID "field is required"; NOT_FOUND "model not found in registry",
 *         "field not configured for options", "dynamic options source model not found"; FORBIDDEN;
 *         INTERNAL: the manifest's configuration makes no sense.
 */
MC_API MC_MUST_USE mc_code mc_options_load(mc_options *self, mc_ctx *ctx, mc_str model_key,
                                           const mc_options_request *request, mc_buf *out,
                                           mc_options_result *out_result, mc_err *err);

/** The same for rows of the model whose text contains request's; without text the first ones. */
MC_API MC_MUST_USE mc_code mc_options_search(mc_options *self, mc_ctx *ctx, mc_str model_key,
                                             const mc_options_request *request, mc_buf *out,
                                             mc_options_result *out_result, mc_err *err);

/** Borrowed, for self's life. */
MC_API const mc_http_route *mc_options_routes(mc_options *self, size_t *out_count);

MC_END_DECLS
#endif
