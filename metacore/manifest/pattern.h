/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MANIFEST_PATTERN_H
#define METACORE_MANIFEST_PATTERN_H

/**
 * pattern: a manifest's regular expressions, searched in text as RE2 does, under limits.
 *
 * Threads:  a function; thread-safe.
 * Source:   PCRE2, narrowed to RE2's dialect.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

/**
 * Whether pattern is found anywhere in text, which is valid UTF-8. One whose search takes too long
 * is not found.
 * Errors  INVALID: what RE2 would not compile, in a few words. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_pattern_search(mc_str pattern, mc_str text, bool *out, mc_err *err);

MC_END_DECLS
#endif
