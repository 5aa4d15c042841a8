/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_METADATA_TEST_INTERNAL_H
#define METACORE_METADATA_TEST_INTERNAL_H

/* An addon's models behind a metadata service, for the tests of this folder. */

#include "metacore/manifest/manifest.h"
#include "metacore/metadata/metadata.h"

#include "mc_test.h"

#include <stdio.h>

typedef struct desk {
    mc_arena *arena;
    mc_models *models;
    mc_i18n *i18n;
    mc_metadata *metadata;
    mc_ctx ctx;
    mc_err err;
} desk;

static inline mc_code desk_install(desk *d, const char *manifest_json)
{
    mc_manifest *manifest = NULL;
    mc_code rc = mc_manifest_parse(mc_z(manifest_json), &manifest, &d->err);

    for (size_t i = 0; rc == MC_OK && i < manifest->model_count; i++) {
        mc_model *model;

        rc = mc_model_new(&manifest->models[i], MC_DB_SQLITE, &model, &d->err);
        if (rc == MC_OK)
            rc = mc_models_put(d->models, model, &d->err);
    }
    if (rc == MC_OK)
        rc = mc_i18n_put(d->i18n, manifest->key, manifest->i18n, &d->err);
    mc_manifest_free(manifest);
    return rc;
}

/** config's models and i18n are filled in; NULL: nothing but those. */
static inline mc_code desk_open(desk *d, const mc_metadata_config *config)
{
    mc_metadata_config own = config ? *config : (mc_metadata_config){MC_METADATA_CONFIG};
    mc_code rc;

    memset(d, 0, sizeof(*d));
    d->arena = mc_arena_new(0);
    d->ctx.arena = d->arena;
    if (!d->arena)
        return MC_NO_MEMORY;
    rc = mc_models_new(&d->models, &d->err);
    if (rc == MC_OK)
        rc = mc_i18n_new(NULL, &d->i18n, &d->err);
    own.models = d->models;
    own.i18n = d->i18n;
    return rc == MC_OK ? mc_metadata_new(&own, &d->metadata, &d->err) : rc;
}

static inline void desk_close(desk *d)
{
    mc_metadata_free(d->metadata);
    mc_i18n_free(d->i18n);
    mc_models_free(d->models);
    mc_arena_free(d->arena);
}

/** The document's text in d's arena; empty when it could not be had. */
static inline mc_str desk_doc(desk *d, char kind, const char *key)
{
    const mc_metadata_doc *doc = NULL;
    mc_str text = MC_STR("");
    mc_code rc =
        kind == 't'   ? mc_metadata_load_table(d->metadata, &d->ctx, mc_z(key), &doc, &d->err)
        : kind == 'm' ? mc_metadata_load_modal(d->metadata, &d->ctx, mc_z(key), &doc, &d->err)
                      : mc_metadata_load_all(d->metadata, &d->ctx, &doc, &d->err);

    if (rc == MC_OK)
        text = mc_str_copy(d->arena, doc->json);
    mc_metadata_doc_unref(doc);
    return text;
}

/** The JSON at a path: "columns.0.label", or "columns.status.label" by key; "" when absent. */
static inline mc_str desk_at(desk *d, mc_str json, const char *path)
{
    mc_str rest = mc_z(path), step, found;
    const mc_json *at = NULL;
    mc_buf out;

    if (mc_json_parse(d->arena, json, NULL, &at, &d->err) != MC_OK)
        return MC_STR("no JSON");
    while (at && mc_str_split(&rest, '.', &step)) {
        const mc_json *next = mc_json_find(at, step);
        uint32_t index;

        for (size_t i = 0; !next && at->kind == MC_JSON_ARRAY && i < at->as.array.count; i++) {
            if ((mc_str_u32(step, 0, 1000, &index) && index == i) ||
                (mc_json_get_str(mc_json_find(at->as.array.items[i], MC_STR("key")), &found) &&
                 mc_str_eq(found, step)))
                next = at->as.array.items[i];
        }
        at = next;
    }
    if (!at)
        return MC_STR("");
    mc_buf_init_arena(&out, d->arena, 0);
    mc_json_write(&out, at);
    return mc_buf_get(&out);
}

#endif
