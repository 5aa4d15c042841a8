/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_DECIMAL_H
#define METACORE_BASE_DECIMAL_H

/**
 * decimal: exact decimal numbers as canonical text; never a binary float.
 *
 * Canonical: an optional '-', digits without a leading zero, and, if any, a fraction without a
 * trailing zero: "0", "-1.5", "12345678901234.5678". "-0" is "0".
 *
 * Threads: functions only.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_DECIMAL_DIGITS_MAX 64 /* digits accepted before rounding, exponent applied */
#define MC_DECIMAL_SUM_DIGITS_MAX 1024

typedef enum mc_decimal_result {
    MC_DECIMAL_OK,
    MC_DECIMAL_MALFORMED,    /* not a number */
    MC_DECIMAL_OUT_OF_RANGE, /* too many digits before the point */
    MC_DECIMAL_TOO_PRECISE,  /* non-zero digits beyond scale: refused, not rounded */
    MC_DECIMAL_NO_MEMORY     /* the arena is full */
} mc_decimal_result;

/**
 * Reads JSON's number grammar (exponents too) and makes it canonical.
 *
 * precision  digits in all, as in numeric(precision, scale); 0: MC_DECIMAL_DIGITS_MAX
 * scale      digits after the point; ignored when precision is 0
 * out        in arena; untouched unless MC_DECIMAL_OK
 */
MC_API mc_decimal_result mc_decimal_parse(mc_arena *arena, mc_str text, uint32_t precision,
                                          uint32_t scale, mc_str *out);

/** Numeric order of two well-formed decimals, canonical or not: <0, 0, >0. No allocation. */
MC_API int mc_decimal_cmp(mc_str a, mc_str b);

/** a + b of two well-formed decimals, canonical. Fails out when the sum needs more than
 *  MC_DECIMAL_SUM_DIGITS_MAX digits, or when a or b is no number. */
MC_API void mc_decimal_add(mc_buf *out, mc_str a, mc_str b);

/** a / n, rounded half away from zero to scale digits after the point, canonical. Fails out when a
 *  is no number of at most MC_DECIMAL_SUM_DIGITS_MAX digits, or n is 0 or beyond 2^60. */
MC_API void mc_decimal_div_u64(mc_buf *out, mc_str a, uint64_t n, uint32_t scale);

/** a * b, canonical. Fails out when a or b is no number, or both have more than
 *  MC_DECIMAL_SUM_DIGITS_MAX digits together. */
MC_API void mc_decimal_mul(mc_buf *out, mc_str a, mc_str b);

/** a / b, rounded half away from zero to scale digits after the point, canonical. Fails out when a
 *  or b is no number, b is zero, or the quotient or b is longer than MC_DECIMAL_QUOTIENT_MAX. */
#define MC_DECIMAL_QUOTIENT_MAX 256
MC_API void mc_decimal_div(mc_buf *out, mc_str a, mc_str b, uint32_t scale);

/** What the division to a whole quotient leaves, with a's sign. Fails out as mc_decimal_div. */
MC_API void mc_decimal_mod(mc_buf *out, mc_str a, mc_str b);

MC_END_DECLS
#endif
