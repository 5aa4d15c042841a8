/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_NUMBER_INTERNAL_H
#define METACORE_BASE_NUMBER_INTERNAL_H

/* A decimal number's text taken apart, for decimal.c and json.c. Nothing is copied or rounded. */

#include "metacore/base/buf.h"
#include "metacore/base/str.h"

/** 0.d1 d2 … dn times 10^point, where d1 and dn are not '0'; count 0 is zero. */
typedef struct mc__number {
    bool is_negative; /* never of zero */
    bool is_padded;   /* written with a leading zero too many: no JSON number */
    mc_str whole;     /* the digits as they stand before the point */
    mc_str fraction;  /* and after it */
    size_t skip;      /* leading zeros of both in a row */
    size_t count;     /* significant digits */
    int64_t point;
} mc__number;

/** -?digits[.digits][(e|E)[+|-]digits], the whole text; else false and *out zero. */
bool mc__number_scan(mc_str text, mc__number *out);

/** Canonical; the caller has seen that neither side of the point is long. */
void mc__number_write(mc_buf *out, const mc__number *n);

/** The digit i of count, '0' … '9'. */
static inline char mc__number_digit(const mc__number *n, size_t i)
{
    i += n->skip;
    return i < n->whole.len ? n->whole.ptr[i] : n->fraction.ptr[i - n->whole.len];
}

#endif
