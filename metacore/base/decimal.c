/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/decimal.h"

#include "metacore/base/number_internal.h"

/* ---- reading ---- */

void mc__number_write(mc_buf *out, const mc__number *n)
{
    int64_t count = (int64_t)n->count;

    if (n->is_negative)
        mc_buf_char(out, '-');
    if (n->point <= 0)
        mc_buf_char(out, '0');
    if (n->point < 0)
        mc_buf_char(out, '.');
    for (int64_t i = n->point; i < 0; i++)
        mc_buf_char(out, '0');
    for (int64_t i = 0; i < count; i++) {
        if (i == n->point)
            mc_buf_char(out, '.');
        mc_buf_char(out, mc__number_digit(n, (size_t)i));
    }
    for (int64_t i = count; i < n->point; i++)
        mc_buf_char(out, '0');
}

mc_decimal_result mc_decimal_parse(mc_arena *arena, mc_str text, uint32_t precision, uint32_t scale,
                                   mc_str *out)
{
    int64_t whole_max = precision ? (int64_t)precision - (int64_t)scale : MC_DECIMAL_DIGITS_MAX;
    int64_t fraction_max = precision ? (int64_t)scale : MC_DECIMAL_DIGITS_MAX;
    mc__number n;
    mc_buf buf;

    if (!mc__number_scan(text, &n) || n.is_padded)
        return MC_DECIMAL_MALFORMED;
    if (n.count > 0 && n.point > whole_max)
        return MC_DECIMAL_OUT_OF_RANGE;
    if (n.count > MC_DECIMAL_DIGITS_MAX ||
        (n.count > 0 && (int64_t)n.count - n.point > fraction_max))
        return MC_DECIMAL_TOO_PRECISE;
    mc_buf_init_arena(&buf, arena, 0);
    mc__number_write(&buf, &n);
    if (mc_buf_failed(&buf))
        return MC_DECIMAL_NO_MEMORY;
    *out = mc_buf_get(&buf);
    return MC_DECIMAL_OK;
}

/* ---- order ---- */

static int cmp_magnitude(const mc__number *a, const mc__number *b)
{
    size_t common = a->count < b->count ? a->count : b->count;

    if (a->count == 0 || b->count == 0)
        return (a->count > 0) - (b->count > 0);
    if (a->point != b->point)
        return a->point < b->point ? -1 : 1;
    for (size_t i = 0; i < common; i++) {
        char left = mc__number_digit(a, i), right = mc__number_digit(b, i);

        if (left != right)
            return left < right ? -1 : 1;
    }
    return (a->count > b->count) - (a->count < b->count); /* neither ends in zeros */
}

int mc_decimal_cmp(mc_str a, mc_str b)
{
    mc__number left, right;

    /* What is no number reads as zero: an order must not fail. */
    (void)mc__number_scan(a, &left);
    (void)mc__number_scan(b, &right);
    if (left.is_negative != right.is_negative)
        return left.is_negative ? -1 : 1;
    return left.is_negative ? cmp_magnitude(&right, &left) : cmp_magnitude(&left, &right);
}

/* ---- sums ---- */

/* The digit of 10^place. */
static int digit_at(const mc__number *n, int64_t place)
{
    int64_t at = n->point - 1 - place;

    return at >= 0 && at < (int64_t)n->count ? mc__number_digit(n, (size_t)at) - '0' : 0;
}

/* The places that n's digits take, around the point: 10^low … 10^(high - 1). */
static void widen(const mc__number *n, int64_t *low, int64_t *high)
{
    if (n->count == 0)
        return;
    if (n->point - (int64_t)n->count < *low)
        *low = n->point - (int64_t)n->count;
    if (n->point > *high)
        *high = n->point;
}

void mc_decimal_add(mc_buf *out, mc_str a, mc_str b)
{
    mc__number left, right, sum;
    char digits[MC_DECIMAL_SUM_DIGITS_MAX + 3]; /* with sign, point and carry */
    size_t at = sizeof(digits);
    int64_t low = 0, high = 1;
    bool is_difference;
    int carry = 0;

    if (!mc__number_scan(a, &left) || !mc__number_scan(b, &right)) {
        out->failed = true;
        return;
    }
    is_difference = left.is_negative != right.is_negative;
    if (is_difference && cmp_magnitude(&left, &right) < 0) {
        mc__number swap = left;

        left = right;
        right = swap;
    }
    widen(&left, &low, &high);
    widen(&right, &low, &high);
    if (high - low >= MC_DECIMAL_SUM_DIGITS_MAX) {
        out->failed = true;
        return;
    }
    for (int64_t place = low; place <= high; place++) {
        int r = digit_at(&right, place);
        int v = digit_at(&left, place) + (is_difference ? -r : r) + carry;

        carry = v < 0 ? -1 : v > 9 ? 1 : 0;
        if (place == 0 && low < 0)
            digits[--at] = '.';
        digits[--at] = (char)('0' + v - 10 * carry);
    }
    if (left.is_negative)
        digits[--at] = '-';
    if (mc__number_scan(mc_str_of(digits + at, sizeof(digits) - at), &sum))
        mc__number_write(out, &sum);
}

/* ---- averages ---- */

#define DIVISOR_MAX (UINT64_C(1) << 60) /* so that ten remainders and a digit fit 64 bits */

/* One unit of 10^-scale. */
static void write_unit(mc_buf *out, uint32_t scale, bool is_negative)
{
    if (is_negative)
        mc_buf_char(out, '-');
    if (scale > 0)
        mc_buf_lit(out, "0.");
    for (uint32_t i = 1; i < scale; i++)
        mc_buf_char(out, '0');
    mc_buf_char(out, '1');
}

/* By hand, from the highest place down; at_end is what is left over. */
static void write_quotient(mc_buf *out, const mc__number *a, uint64_t n, uint32_t scale,
                           uint64_t *at_end)
{
    uint64_t rest = 0;
    int64_t high = a->point > 1 ? a->point - 1 : 0;

    if (a->is_negative)
        mc_buf_char(out, '-');
    for (int64_t place = high; place >= -(int64_t)scale; place--) {
        if (place == -1)
            mc_buf_char(out, '.');
        rest = 10 * rest + (uint64_t)digit_at(a, place);
        mc_buf_char(out, (char)('0' + rest / n));
        rest %= n;
    }
    *at_end = rest;
}

/* Whether what follows the last place makes up for half a unit: digits beyond scale are rest's
 * fraction, and only matter when rest is just below a half. */
static bool rounds_up(const mc__number *a, uint64_t rest, uint64_t n, uint32_t scale)
{
    uint64_t digit = (uint64_t)digit_at(a, -(int64_t)scale - 1);
    uint64_t tenfold = 10 * rest + digit;

    /* In tenths of a unit: tenfold / n of them; a half is five. Digits still further down cannot
     * lift a smaller whole number to 5 n. */
    return tenfold >= 5 * n;
}

void mc_decimal_div_u64(mc_buf *out, mc_str a, uint64_t n, uint32_t scale)
{
    char storage[MC_DECIMAL_SUM_DIGITS_MAX + 72], unit_storage[72];
    mc__number number, exact;
    uint64_t rest;
    mc_buf quotient, unit;

    if (!mc__number_scan(a, &number) || n == 0 || n > DIVISOR_MAX ||
        scale > MC_DECIMAL_DIGITS_MAX || number.point > MC_DECIMAL_SUM_DIGITS_MAX) {
        out->failed = true;
        return;
    }
    mc_buf_init_borrowed(&quotient, storage, sizeof(storage), sizeof(storage));
    mc_buf_init_borrowed(&unit, unit_storage, sizeof(unit_storage), sizeof(unit_storage));
    write_quotient(&quotient, &number, n, scale, &rest);
    if (rounds_up(&number, rest, n, scale)) {
        write_unit(&unit, scale, number.is_negative);
        mc_decimal_add(out, mc_buf_get(&quotient), mc_buf_get(&unit));
    } else if (mc__number_scan(mc_buf_get(&quotient), &exact)) {
        mc__number_write(out, &exact);
    }
}
