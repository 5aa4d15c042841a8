/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_STR_H
#define METACORE_BASE_STR_H

/**
 * str: text as {ptr, len}, passed by value; not NUL-terminated, may hold NULs, usually borrowed.
 *
 * Comparison and case are ASCII and bytewise: protocols, keys and identifiers. Text for people is
 * utf8.h's.
 *
 * Threads: plain data.
 */

#include "metacore/base/base.h"

#include <string.h>

MC_BEGIN_DECLS

typedef struct mc_str {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
} mc_str;

/** Strings in a row: {items, count}. */
typedef struct mc_strs {
    const mc_str *items;
    size_t count;
} mc_strs;

#ifdef __cplusplus
#define MC_STR(literal) (mc_str{"" literal, sizeof(literal) - 1})
#else
#define MC_STR(literal) ((mc_str){"" literal, sizeof(literal) - 1})
#endif
/** For a static initializer. */
#define MC_STR_INIT(literal)                                                                       \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
/** For printf: "%.*s". */
#define MC_FMT(s) (int)((s).len), ((s).ptr ? (s).ptr : "")

static inline mc_str mc_str_of(const char *ptr, size_t len)
{
    mc_str s = {ptr, len};
    return s;
}

/** A NUL-terminated string as mc_str; NULL is the empty one. */
static inline mc_str mc_z(const char *z)
{
    return mc_str_of(z, z ? strlen(z) : 0);
}

static inline bool mc_str_is_empty(mc_str s)
{
    return s.len == 0;
}

static inline bool mc_str_eq(mc_str a, mc_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/** Bytewise order, as memcmp, the shorter first: <0, 0, >0. */
MC_API int mc_str_cmp(mc_str a, mc_str b);
/** Equal but for ASCII case. */
MC_API bool mc_str_eq_nocase(mc_str a, mc_str b);
MC_API bool mc_str_starts_with(mc_str s, mc_str prefix);
MC_API bool mc_str_ends_with(mc_str s, mc_str suffix);
/** The position of the first c at or after from, or s.len. */
MC_API size_t mc_str_find_char(mc_str s, size_t from, char c);
/** The position of the first needle, or s.len (also for an empty needle: 0). */
MC_API size_t mc_str_find(mc_str s, mc_str needle);
/** Bytes [from, to), both clamped to s. */
MC_API mc_str mc_str_slice(mc_str s, size_t from, size_t to);
/** Without ASCII space, tab, CR, LF, VT and FF at both ends. */
MC_API mc_str mc_str_trim(mc_str s);

/**
 * Takes the text before the next sep off *rest.
 * Returns false when *rest is exhausted; "a,,b" yields "a", "", "b", and "" yields nothing.
 */
MC_API bool mc_str_split(mc_str *rest, char sep, mc_str *out_part);

/** Decimal digits only (a sign for i64), whole string, within [min, max]; else false, *out as is.
 */
MC_API bool mc_str_u32(mc_str s, uint32_t min, uint32_t max, uint32_t *out);
MC_API bool mc_str_u64(mc_str s, uint64_t min, uint64_t max, uint64_t *out);
MC_API bool mc_str_i64(mc_str s, int64_t min, int64_t max, int64_t *out);

/** ^[A-Za-z_][A-Za-z0-9_]*$ and at most 63 bytes: fit for a quoted SQL identifier. */
MC_API bool mc_str_is_identifier(mc_str s);

/** Compares secrets: time depends on the lengths only. */
MC_API bool mc_str_eq_secret(mc_str a, mc_str b);

MC_END_DECLS
#endif
