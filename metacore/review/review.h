/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_REVIEW_REVIEW_H
#define METACORE_REVIEW_REVIEW_H

/**
 * review: everything that is wrong with an addon at once, and what it would be allowed to do.
 *
 * A finding names the file, the place in it (a manifest's JSON path, a migration's line), what is
 * wrong and what to do about it. Errors are what an installation refuses; warnings are what works
 * and is hardly meant: a capability that allows nothing, a text that nobody translated.
 *
 * A summary says, as JSON, what an administrator agrees to by installing: models and their columns,
 * tables, capabilities in words, routes, settings, tools and where they call, code and files.
 *
 * Not here: running any of it (installer), who signed it (security).
 * Threads:  functions.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/bundle/bundle.h"

MC_BEGIN_DECLS

#define MC_REVIEW_FINDINGS_MAX 500

typedef struct mc_finding {
    bool is_warning;
    mc_str file;   /* "manifest.json", "migrations/0001_init.sql" */
    unsigned line; /* of a migration; 0: none */
    mc_str path;   /* in the manifest, "manifest.capabilities[0].target"; empty: none */
    mc_str message;
    mc_str hint; /* what to do; empty where the message says it */
} mc_finding;

typedef struct mc_review {
    const mc_finding *items; /* manifest, migrations, code; each in its own order */
    size_t count;
    size_t error_count;
    bool is_cut; /* there is more than MC_REVIEW_FINDINGS_MAX */
} mc_review;

/**
 * Reviews bundle against kernel_version, as "2.0.0".
 *
 * out     in arena
 * Errors  NO_MEMORY. What is wrong with the bundle is no error, but a finding.
 */
MC_API MC_MUST_USE mc_code mc_review_bundle(const mc_bundle *bundle, mc_str kernel_version,
                                            mc_arena *arena, mc_review *out, mc_err *err);

/**
 * Appends the summary, one JSON object. Names and texts are the author's: whoever prints them
 * guards against control characters.
 * Errors  INVALID: the manifest cannot be read. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_review_summary(const mc_bundle *bundle, mc_arena *arena, mc_buf *out,
                                             mc_err *err);

MC_END_DECLS
#endif
