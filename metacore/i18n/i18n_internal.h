/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_I18N_INTERNAL_H
#define METACORE_I18N_INTERNAL_H

/* What the files of i18n share. */

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/i18n/i18n.h"

#include <stdatomic.h>

#define MC__TAG_MAX 35 /* RFC 5646 section 4.4.1: what a protocol should be able to hold */

/** A language tag in canonical case: "es-MX", "zh-Hant". */
typedef struct mc__tag {
    char text[MC__TAG_MAX];
    uint8_t len;
} mc__tag;

static inline mc_str mc__tag_str(const mc__tag *tag)
{
    return mc_str_of(tag->text, tag->len);
}

/** False when text is no language tag; '_' is read as '-'. */
bool mc__tag_parse(mc_str text, mc__tag *out);
/** Cuts the last subtag off, and a single letter before it (RFC 4647, 3.4); false: none left. */
bool mc__tag_shorten(mc_str *tag);

/** The texts of one source. Immutable once it stands in a snapshot; counted. */
typedef struct mc__catalog {
    atomic_uint refs;
    mc_str source;
    mc_arena *arena;
    size_t lang_count;
    struct {
        mc_str lang;  /* interned */
        mc_map texts; /* to mc_str in arena */
    } langs[MC_I18N_LANGS_MAX];
} mc__catalog;

/** One text of the kernel's own. */
typedef struct mc__kernel_text {
    const char *key;
    const char *en;
    const char *es;
} mc__kernel_text;
extern const mc__kernel_text mc__kernel_texts[];
extern const size_t mc__kernel_text_count;

struct mc_i18n_texts {
    atomic_uint refs;
    uint64_t generation;
    mc_str default_lang;
    mc__catalog *host; /* may be NULL */
    mc__catalog *kernel;
    mc_str langs[MC_I18N_LANGS_MAX]; /* sorted */
    size_t lang_count;
    size_t addon_count;
    mc__catalog *addons[]; /* sorted by source */
};

struct mc_i18n {
    mc__tag tags[MC_I18N_LANGS_MAX]; /* only grows, so that its texts stay where they are */
    size_t tag_count;                /* guarded by mu */
    mc_str default_lang;
    _Atomic(uint64_t) generation;
    mc_mutex mu;
    mc_i18n_texts *now; /* guarded by mu; one reference */
};

/* ---- i18n_catalog.c ---- */

/** A catalog of source from JSON; languages are interned in i18n, whose mu is held. */
mc_code mc__catalog_parse(mc_i18n *i18n, mc_str source, const mc_json *json, mc__catalog **out,
                          mc_err *err);
mc_code mc__catalog_kernel(mc_i18n *i18n, mc__catalog **out, mc_err *err);
void mc__catalog_unref(mc__catalog *catalog);
/** NULL when there is no text. */
const mc_str *mc__catalog_find(const mc__catalog *catalog, mc_str lang, mc_str key);
/** tag as a string of i18n's life. Errors: LIMIT. */
mc_code mc__intern(mc_i18n *i18n, const mc__tag *tag, mc_str *out, mc_err *err);

#endif
