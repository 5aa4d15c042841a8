/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_METADATA_INTERNAL_H
#define METACORE_METADATA_INTERNAL_H

/* What the files of metadata share. */

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/metadata/metadata.h"

#include <stdatomic.h>

/* ---- metadata_write.c: one document's text ---- */

/** Where a document is written, and what its texts are looked up in. */
typedef struct mc__writer {
    mc_buf *out;
    mc_arena *scratch;
    const mc_model *model;
    const mc_i18n_texts *texts; /* NULL: texts as declared */
    mc_str lang;
    mc_ctx *ctx;
    const mc_metadata_config *config;
    bool is_org_own; /* an organization's validator was asked for: this text is its alone */
} mc__writer;

/* A comma goes before what is neither first nor the value of a member. */
void mc__w_open(mc__writer *w, char bracket);
void mc__w_close(mc__writer *w, char bracket);
void mc__w_key(mc__writer *w, mc_str key);
/** A string, or a number, in an array or after its key. */
void mc__w_item(mc__writer *w, mc_str text);
void mc__w_number(mc__writer *w, int64_t n);
void mc__w_str(mc__writer *w, mc_str key, mc_str value);
/** A text for people: translated when the catalogs have it; a catalog key that they lack is said in
 *  words. */
void mc__w_text(mc__writer *w, mc_str key, mc_str value);
/** The same, but a key that they lack stays one: for labels that a page translates itself. */
void mc__w_text_or_key(mc__writer *w, mc_str key, mc_str value);
/** The kernel's own text of that catalog key, or fallback without catalogs. */
void mc__w_kernel_text(mc__writer *w, mc_str key, const char *catalog_key, mc_str fallback);
void mc__w_bool(mc__writer *w, mc_str key, bool value);
/** A declared value as it is, but for the texts and the organization's validators in it. */
void mc__w_value(mc__writer *w, mc_str key, const mc_json *value);
/** Members of object that are not named in handled (ends with NULL) and not in also. */
void mc__w_rest(mc__writer *w, const mc_json *object, const char *const *handled,
                const mc_json *also);
/** A declared validation, or one from the column's rules; nothing when there are none. */
void mc__w_validation(mc__writer *w, const mc_json *declared, const mc_column *column,
                      bool with_size);
/**
 * A list of options, declared as objects or bare values; label defaults to the value.
 * with_text  values become strings, which is what a table compares with
 */
void mc__w_options(mc__writer *w, mc_str key, const mc_json *declared, bool with_text);

/* Reading what is declared. */
mc_str mc__decl_str(const mc_json *object, const char *key);
bool mc__decl_bool(const mc_json *object, const char *key, bool fallback);
/** The array at key, or NULL when it is absent, no array, or empty. */
const mc_json *mc__decl_list(const mc_json *object, const char *key);
/** The object in the array at list whose "key" is key; NULL when none. */
const mc_json *mc__decl_keyed(const mc_json *meta, const char *list, mc_str key);
/** "key", or "name" as manifests spell it in places; empty when neither. */
mc_str mc__decl_key(const mc_json *object);
/** The name made a label: "due_at" is "Due At"; the name itself when that fails. */
mc_str mc__label_of(mc__writer *w, mc_str name);
/** What a document of the model is called where nothing is declared. */
mc_str mc__title_of(mc__writer *w);
/** The model's own columns as declared, then the system's; count is model->column_count. */
const mc_column **mc__columns_in_order(mc__writer *w);
/** A declared default as a form shows it: 'x' is "x"; nothing for now() and its like. */
void mc__w_default(mc__writer *w, mc_str key, mc_str literal);

/* ---- metadata_table.c, metadata_modal.c, metadata_action.c ---- */

void mc__write_table(mc__writer *w);
void mc__write_modal(mc__writer *w);
/** Table's own actions, the manifest's, the trio; false when the list came out empty. */
bool mc__write_actions(mc__writer *w, bool with_trio);
void mc__write_action_list(mc__writer *w, mc_str key, const mc_json *list);
/** One field of a form; column is NULL when it is none of the model's. */
void mc__write_field(mc__writer *w, const mc_json *declared, const mc_column *column);

/* ---- metadata_cache.c: finished documents, by key ---- */

/** A document and what it was made from. Counted; immutable once it is in the cache. */
typedef struct mc__doc {
    mc_metadata_doc pub; /* first: pointers to it are pointers to this */
    atomic_uint refs;
    size_t size;
    char bytes[];
} mc__doc;

#define MC__DOCS_KEY_MAX ((size_t)160)

typedef struct mc__stamp {
    const mc_model *model; /* immutable, so its address is its version; NULL: of all */
    uint64_t texts;        /* i18n's generation */
    uint64_t epoch;        /* of mc_metadata_invalidate */
} mc__stamp;

typedef struct mc__entry mc__entry;

typedef struct mc__docs {
    mc_mutex mu;
    mc_map entries;   /* guarded by mu, as all below */
    mc__entry *first; /* the latest used */
    mc__entry *last;
    size_t bytes;
    size_t bytes_max;
} mc__docs;

void mc__docs_init(mc__docs *cache, size_t bytes_max);
void mc__docs_deinit(mc__docs *cache);
/** A reference, or NULL; *out_is_marker: the key stands for one document per organization. */
const mc_metadata_doc *mc__docs_find(mc__docs *cache, mc_str key, const mc__stamp *stamp,
                                     bool *out_is_marker);
/** doc NULL: a marker. What does not fit, or finds no memory, is not kept: no error. */
void mc__docs_put(mc__docs *cache, mc_str key, const mc__stamp *stamp, const mc_metadata_doc *doc);
/** A document of these bytes, with its tag (NULL: that of the bytes); one reference. */
mc_code mc__doc_new(mc_str json, mc_str lang, const char *etag, const mc_metadata_doc **out,
                    mc_err *err);
/** The strong tag of some bytes. */
void mc__etag_of(mc_str bytes, char out[MC_METADATA_ETAG_LEN]);

struct mc_metadata {
    mc_metadata_config config;
    mc__docs cache;
    atomic_uint_fast64_t epoch;
    mc_http_route routes[3];
};

#endif
