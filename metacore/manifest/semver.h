/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MANIFEST_SEMVER_H
#define METACORE_MANIFEST_SEMVER_H

/**
 * semver: versions and ranges of versions, as manifests write them.
 *
 * Versions are read loosely: a leading "v", and missing minor and patch are allowed. Ranges:
 * comma or space for and, "||" for or; = != > < >= <= ~ ^, x and * as wildcards, "1.2 - 2.3".
 * A prerelease satisfies a range only when the range names one.
 *
 * Threads:  functions only.
 * Standard: Semantic Versioning 2.0.0.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

typedef struct mc_semver {
    uint64_t major, minor, patch;
    mc_str prerelease; /* points into the text; empty: none */
    uint32_t parts;    /* how many numbers were written: 1 … 3 */
} mc_semver;

/** Errors: INVALID, in one line without the version itself. */
MC_API MC_MUST_USE mc_code mc_semver_parse(mc_str text, mc_semver *out, mc_err *err);
/** Precedence: <0, 0, >0; build metadata counts for nothing. */
MC_API int mc_semver_cmp(const mc_semver *a, const mc_semver *b);
/** Whether version satisfies range. Errors: INVALID: the range is malformed. */
MC_API MC_MUST_USE mc_code mc_semver_satisfies(const mc_semver *version, mc_str range, bool *out,
                                               mc_err *err);

MC_END_DECLS
#endif
