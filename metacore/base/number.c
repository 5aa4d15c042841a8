/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/number_internal.h"

/* Larger than any text is long, so that no row of zeros can make up for a cut exponent. */
#define EXPONENT_MAX (INT64_MAX / 16)

static mc_str take_digits(mc_str text, size_t *at)
{
    size_t from = *at;

    while (*at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9')
        (*at)++;
    return mc_str_slice(text, from, *at);
}

static bool take_exponent(mc_str text, size_t *at, int64_t *out)
{
    bool is_negative = *at < text.len && text.ptr[*at] == '-';
    int64_t value = 0;
    mc_str digits;

    if (*at < text.len && (text.ptr[*at] == '-' || text.ptr[*at] == '+'))
        (*at)++;
    digits = take_digits(text, at);
    for (size_t i = 0; i < digits.len; i++)
        value = value > EXPONENT_MAX / 10 ? EXPONENT_MAX : value * 10 + (digits.ptr[i] - '0');
    *out = is_negative ? -value : value;
    return digits.len > 0;
}

/* Drops the zeros at both ends: from here on only significant digits are counted. */
static void trim(mc__number *n)
{
    size_t all = n->whole.len + n->fraction.len;

    n->skip = 0;
    n->count = all;
    while (n->count > 0 && mc__number_digit(n, n->count - 1) == '0')
        n->count--;
    while (n->skip < n->count && mc__number_digit(n, 0) == '0')
        n->skip++;
    n->count -= n->skip;
}

bool mc__number_scan(mc_str text, mc__number *out)
{
    mc__number n = {.is_negative = text.len > 0 && text.ptr[0] == '-'};
    size_t at = n.is_negative;
    int64_t exponent = 0;

    *out = (mc__number){.count = 0};
    n.whole = take_digits(text, &at);
    if (n.whole.len == 0)
        return false;
    n.is_padded = n.whole.len > 1 && n.whole.ptr[0] == '0';
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        n.fraction = take_digits(text, &at);
        if (n.fraction.len == 0)
            return false;
    }
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        if (!take_exponent(text, &at, &exponent))
            return false;
    }
    if (at < text.len)
        return false;
    trim(&n);
    n.point = (int64_t)n.whole.len - (int64_t)n.skip + exponent;
    if (n.count == 0) {
        n.is_negative = false; /* -0 is 0, and 0e9 too */
        n.point = 0;
    }
    *out = n;
    return true;
}
