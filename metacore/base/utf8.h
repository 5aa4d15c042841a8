/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_UTF8_H
#define METACORE_BASE_UTF8_H

/**
 * utf8: text for people, checked.
 *
 * Threads:  functions only.
 * Standard: RFC 3629: no surrogates, no overlong forms, at most U+10FFFF.
 */

#include "metacore/base/str.h"

MC_BEGIN_DECLS

MC_API bool mc_utf8_is_valid(mc_str s);
/** Code points in valid UTF-8. */
MC_API size_t mc_utf8_count(mc_str s);
/** The longest prefix of at most max_bytes that does not split a character. */
MC_API mc_str mc_utf8_truncate(mc_str s, size_t max_bytes);
/** Decodes one code point at *pos and advances; false at the end or on a malformed byte. */
MC_API bool mc_utf8_next(mc_str s, size_t *pos, uint32_t *out_rune);
/** Writes one code point, which is no surrogate, to out, which has room for four bytes: how many it
 *  took. */
MC_API size_t mc_utf8_put(char *out, uint32_t rune);

MC_END_DECLS
#endif
