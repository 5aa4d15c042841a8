/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_I18N_I18N_H
#define METACORE_I18N_I18N_H

/**
 * i18n: texts by language and key, and the choice of a language for a request.
 *
 * A source gives a catalog {locale: {key: text}}: an addon's manifest, the host (the empty
 * source), or the kernel itself, which brings English and Spanish for its own keys
 * ("metacore.column.created_at", "metacore.error.required"). A text is looked for language by
 * language ("es-MX", "es", then the default), and in each language in the host's catalog, in that
 * of the addon which asks, in the kernel's. So the host can replace any text, and no addon can
 * change another's.
 *
 * Not here: what is translated (metadata, dynamic), numbers and dates (the browser).
 * Threads:  thread-safe; readers see one unchanging snapshot at a time.
 * Standard: RFC 9110 section 12.5.4 (Accept-Language), RFC 4647 section 3.4 (lookup).
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_I18N_LANGS_MAX 64   /* languages in all catalogs together, ever */
#define MC_I18N_KEYS_MAX 20000 /* texts in one catalog, all its languages */
#define MC_I18N_RANGES_MAX 32  /* of an Accept-Language header; the rest is ignored */

typedef struct mc_i18n mc_i18n;

/** Zero is "the default" in every field. */
typedef struct mc_i18n_config {
    uint32_t struct_size;
    mc_str default_lang; /* a language tag; empty: "en"; copied */
} mc_i18n_config;
#define MC_I18N_CONFIG .struct_size = sizeof(mc_i18n_config)

/** config NULL: the defaults. Errors: INVALID: default_lang is no language tag. */
MC_API MC_MUST_USE mc_code mc_i18n_new(const mc_i18n_config *config, mc_i18n **out, mc_err *err);
MC_API void mc_i18n_free(mc_i18n *i18n);

/**
 * Replaces the catalog of source (an addon's key; empty: the host's) by {locale: {key: text}}.
 *
 * catalog  copied; NULL or JSON null forgets the source. "es_MX" is read as "es-MX".
 * Errors   INVALID: not that shape, or no language tag. LIMIT: too many languages or texts.
 */
MC_API MC_MUST_USE mc_code mc_i18n_put(mc_i18n *i18n, mc_str source, const mc_json *catalog,
                                       mc_err *err);
/** Forgets source; no harm when it is not there. Errors: NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_i18n_remove(mc_i18n *i18n, mc_str source, mc_err *err);

/** Grows with each put and remove: caches compare it. */
MC_API uint64_t mc_i18n_generation(const mc_i18n *i18n);

/** Lives as long as i18n, like every language that is returned here. */
MC_API mc_str mc_i18n_default_lang(const mc_i18n *i18n);

/** The languages there are texts in now, sorted; in arena. */
MC_API MC_MUST_USE mc_code mc_i18n_langs(mc_i18n *i18n, mc_arena *arena, mc_strs *out, mc_err *err);

/**
 * The best language for an Accept-Language header: ranges by weight, then by order; "es-MX" is
 * content with "es"; "q=0" excludes; "*" and no match are the default. Malformed ranges are
 * skipped. Never empty: one of a bounded number of strings, so fit for cache keys.
 */
MC_API mc_str mc_i18n_negotiate(mc_i18n *i18n, mc_str accept_language);

/* ---- texts ---- */

/** One state of all catalogs. Immutable, counted. */
typedef struct mc_i18n_texts mc_i18n_texts;

/** Never NULL. Texts found in it live until the matching unref. */
MC_API const mc_i18n_texts *mc_i18n_texts_ref(mc_i18n *i18n);
MC_API void mc_i18n_texts_unref(const mc_i18n_texts *texts);
/** The generation that this is the state of. */
MC_API uint64_t mc_i18n_texts_generation(const mc_i18n_texts *texts);
/** The text of key for source (an addon's key, or empty); false when there is none. */
MC_API bool mc_i18n_find(const mc_i18n_texts *texts, mc_str lang, mc_str source, mc_str key,
                         mc_str *out);

/** One text, copied to arena; key itself when there is none (or no memory). */
MC_API mc_str mc_i18n_translate(mc_i18n *i18n, mc_arena *arena, mc_str lang, mc_str source,
                                mc_str key);

/**
 * A sentence of the kernel's ("metacore.message.*") in lang: english is what the code says, to the
 * letter, with values where the English text has a "{name}"; a "{why}" may be such a sentence too.
 *
 * out     in arena, or a text of the code's.
 * Returns false: no such sentence (or no memory): english is what there is.
 */
MC_API bool mc_i18n_say(mc_i18n *i18n, mc_arena *arena, mc_str lang, mc_str english, mc_str *out);

typedef struct mc_i18n_arg {
    mc_str name;
    mc_str value;
} mc_i18n_arg;

/**
 * Writes text with each "{name}" replaced by the value of that argument; an unknown name stays.
 *   mc_i18n_format(out, "{label} is required", &(mc_i18n_arg){MC_STR("label"), label}, 1)
 */
MC_API void mc_i18n_format(mc_buf *out, mc_str text, const mc_i18n_arg *args, size_t arg_count);

MC_END_DECLS
#endif
