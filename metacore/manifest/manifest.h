/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MANIFEST_MANIFEST_H
#define METACORE_MANIFEST_MANIFEST_H

/**
 * manifest: what an addon says of itself, read from JSON and held against the contract's rules.
 *
 * Parsing checks shapes: every known key has its type, or the error names its path. Keys match
 * without case, unknown ones are ignored, of equal ones the last counts. Validation checks
 * meaning: mc_manifest_validate stops at the first broken rule, in the contract's order and words;
 * mc_manifest_check lists all of them, and what else would break an installation.
 *
 * Not here: archives (bundle), tables (modelbase), installing (installer).
 * Threads:  a manifest is immutable once parsed.
 * Standard: the addon manifest, version 2.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"
#include "metacore/modelbase/modelbase.h"

MC_BEGIN_DECLS

#define MC_MANIFEST_BYTES_MAX ((size_t)4 << 20)
#define MC_MANIFEST_KEY_MAX 40 /* longer ones cannot be installed: names of schemas are bounded */
#define MC_MANIFEST_VERSION_MAX 40 /* bytes: what an installation keeps of it */
#define MC_MANIFEST_PROBLEMS_MAX 200

typedef struct mc_manifest {
    mc_arena *arena; /* owns everything below */
    const mc_json *root;
    mc_str key;
    mc_str name;
    mc_str version;
    mc_str kernel; /* a range, or empty */
    mc_str tenant_isolation;
    const mc_model_def *models;
    size_t model_count;
    const mc_json *i18n;     /* {locale: {key: text}}, or NULL */
    const mc_json *settings; /* array, or NULL */
    const mc_json *requires; /* array of {key,label}, or NULL */
    const mc_json *actions;  /* {model: [action]}, or NULL */
} mc_manifest;

/**
 * Reads json, which is copied.
 * Errors  INVALID: no JSON, a wrong type with its path, a manifest of version 3. TOO_LARGE.
 */
MC_API MC_MUST_USE mc_code mc_manifest_parse(mc_str json, mc_manifest **out, mc_err *err);
MC_API void mc_manifest_free(mc_manifest *manifest);

/** The first broken rule. kernel_version: the contract's, as "2.0.0". Errors: INVALID. */
MC_API MC_MUST_USE mc_code mc_manifest_validate(const mc_manifest *manifest, mc_str kernel_version,
                                                mc_err *err);

typedef struct mc_manifest_problem {
    mc_str path; /* "manifest.model_definitions[0].columns[2]", or "manifest" */
    mc_str message;
    bool is_unknown_key; /* harmless, and hardly meant: of mc_manifest_check_shape only */
} mc_manifest_problem;

/**
 * Every key whose value has a wrong type, which mc_manifest_parse stops at, and every key that
 * nobody knows, which it ignores. out is in arena; json outlives it.
 * Errors  INVALID: no JSON. TOO_LARGE. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_manifest_check_shape(mc_str json, mc_arena *arena,
                                                   mc_manifest_problem **out, size_t *out_count,
                                                   mc_err *err);

/** Every broken rule, in order; also what would break an installation: unknown column types,
 * repeated tables and columns, keys and versions that are too long, models of the kernel's own,
 * texts that no catalog takes. out is in arena. */
MC_API MC_MUST_USE mc_code mc_manifest_check(const mc_manifest *manifest, mc_str kernel_version,
                                             mc_arena *arena, mc_manifest_problem **out,
                                             size_t *out_count, mc_err *err);

/**
 * A column's default as SQL: strings that the contract allows verbatim, booleans and numbers
 * printed, nothing for null and "".
 * False: not allowed.
 */
MC_API bool mc_manifest_default(mc_arena *arena, const mc_json *value, mc_str *out);

MC_END_DECLS
#endif
