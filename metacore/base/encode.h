/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_ENCODE_H
#define METACORE_BASE_ENCODE_H

/**
 * encode: bytes as text and back: hexadecimal, base64, percent-encoding.
 *
 * Decoders are strict: the whole input, canonical padding, no white space. They return false and
 * leave *out as it was when the input is malformed or the arena is empty.
 *
 * Threads:  functions only.
 * Standard: RFC 4648 sections 4, 5 and 8; RFC 3986 section 2.1; the WHATWG form rules for '+'.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

/** Lower case. */
MC_API void mc_hex_write(mc_buf *out, mc_str bytes);
/** Either case. */
MC_API bool mc_hex_parse(mc_arena *arena, mc_str text, mc_str *out_bytes);

MC_API void mc_base64_write(mc_buf *out, mc_str bytes);
MC_API bool mc_base64_parse(mc_arena *arena, mc_str text, mc_str *out_bytes);
/** The URL-safe alphabet without padding, as JWT uses it. */
MC_API void mc_base64url_write(mc_buf *out, mc_str bytes);
MC_API bool mc_base64url_parse(mc_arena *arena, mc_str text, mc_str *out_bytes);

/** Percent-decodes; a query or form component also turns '+' into a space. */
MC_API bool mc_percent_parse(mc_arena *arena, mc_str text, bool plus_is_space, mc_str *out);
/** Encodes all but RFC 3986's unreserved characters. */
MC_API void mc_percent_write(mc_buf *out, mc_str text);

MC_END_DECLS
#endif
