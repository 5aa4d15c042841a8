/* SPDX-License-Identifier: Apache-2.0 */
/* Products and quotients of decimals, by hand, digit by digit. */
#include "metacore/base/decimal.h"

#include "metacore/base/number_internal.h"

/* digits times 10^exponent, canonical. */
static void write_scaled(mc_buf *out, bool is_negative, const char *digits, size_t count,
                         int64_t exponent)
{
    char text[MC_DECIMAL_SUM_DIGITS_MAX + 64];
    mc__number number;
    mc_buf buf;

    mc_buf_init_borrowed(&buf, text, sizeof(text), sizeof(text));
    if (is_negative)
        mc_buf_char(&buf, '-');
    mc_buf_bytes(&buf, digits, count);
    mc_buf_printf(&buf, "e%lld", (long long)exponent);
    if (mc_buf_failed(&buf) || !mc__number_scan(mc_buf_get(&buf), &number) ||
        number.point > MC_DECIMAL_SUM_DIGITS_MAX ||
        (int64_t)number.count - number.point > MC_DECIMAL_SUM_DIGITS_MAX)
        out->failed = true;
    else
        mc__number_write(out, &number);
}

/* The power of ten of n's last digit. */
static int64_t exponent_of(const mc__number *n)
{
    return n->point - (int64_t)n->count;
}

void mc_decimal_mul(mc_buf *out, mc_str a, mc_str b)
{
    char digits[MC_DECIMAL_SUM_DIGITS_MAX + 1];
    mc__number l, r;
    size_t count;

    if (!mc__number_scan(a, &l) || !mc__number_scan(b, &r) ||
        l.count + r.count > MC_DECIMAL_SUM_DIGITS_MAX) {
        out->failed = true;
        return;
    }
    count = l.count + r.count;
    if (l.count == 0 || r.count == 0) {
        mc_buf_char(out, '0');
        return;
    }
    memset(digits, '0', count);
    for (size_t i = l.count; i > 0; i--) {
        int carry = 0;

        for (size_t k = r.count; k > 0; k--) {
            int v = digits[i + k - 1] - '0' + carry +
                    (mc__number_digit(&l, i - 1) - '0') * (mc__number_digit(&r, k - 1) - '0');

            digits[i + k - 1] = (char)('0' + v % 10);
            carry = v / 10;
        }
        digits[i - 1] = (char)(digits[i - 1] + carry);
    }
    write_scaled(out, l.is_negative != r.is_negative, digits, count,
                 exponent_of(&l) + exponent_of(&r));
}

/* ---- division ---- */

#define DIGITS_MAX MC_DECIMAL_QUOTIENT_MAX

typedef struct division {
    char divisor[DIGITS_MAX], rest[DIGITS_MAX + 2], quotient[2 * DIGITS_MAX];
    size_t divisor_len, rest_len, quotient_len; /* rest is without leading zeros */
    int64_t unit;                               /* power of ten of rest's last digit */
    bool is_negative, is_a_negative;
} division;

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len != b_len ? (a_len > b_len ? 1 : -1) : memcmp(a, b, a_len);
}

static void subtract(division *d)
{
    int borrow = 0;
    size_t zeros = 0;

    for (size_t i = 0; i < d->rest_len; i++) {
        char *at = &d->rest[d->rest_len - 1 - i];
        int v = *at - '0' - borrow -
                (i < d->divisor_len ? d->divisor[d->divisor_len - 1 - i] - '0' : 0);

        borrow = v < 0;
        *at = (char)('0' + v + 10 * borrow);
    }
    while (zeros < d->rest_len && d->rest[zeros] == '0')
        zeros++;
    d->rest_len -= zeros;
    memmove(d->rest, d->rest + zeros, d->rest_len);
}

/* One digit further. */
static void bring_down(division *d, char digit)
{
    char times = '0';

    if (d->rest_len || digit != '0')
        d->rest[d->rest_len++] = digit;
    while (compare(d->rest, d->rest_len, d->divisor, d->divisor_len) >= 0) {
        subtract(d);
        times++;
    }
    d->quotient[d->quotient_len++] = times;
}

/* The whole quotient of a times 10^scale and b, and what it leaves. */
static bool divide(division *d, mc_str a, mc_str b, uint32_t scale)
{
    mc__number l, r;
    int64_t shift;
    size_t zeros;

    if (!mc__number_scan(a, &l) || !mc__number_scan(b, &r) || r.count == 0 ||
        l.count > DIGITS_MAX || r.count > DIGITS_MAX)
        return false;
    shift = exponent_of(&l) - exponent_of(&r) + (int64_t)scale;
    zeros = shift < 0 ? 0 : (size_t)shift;
    if (shift > DIGITS_MAX || l.count + zeros > (size_t)DIGITS_MAX ||
        -shift > DIGITS_MAX - (int64_t)r.count)
        return l.count == 0;
    for (size_t i = 0; i < r.count; i++)
        d->divisor[d->divisor_len++] = mc__number_digit(&r, i);
    for (int64_t i = shift; i < 0; i++)
        d->divisor[d->divisor_len++] = '0';
    for (size_t i = 0; i < l.count; i++)
        bring_down(d, mc__number_digit(&l, i));
    for (size_t i = 0; i < zeros; i++)
        bring_down(d, '0');
    d->unit = shift < 0 ? exponent_of(&l) : exponent_of(&r) - (int64_t)scale;
    d->is_negative = l.is_negative != r.is_negative;
    d->is_a_negative = l.is_negative;
    return true;
}

/* Twice what is left is the divisor, or more: half a unit. */
static void double_rest(division *d)
{
    int carry = 0;

    for (size_t i = d->rest_len; i > 0; i--) {
        int v = 2 * (d->rest[i - 1] - '0') + carry;

        d->rest[i - 1] = (char)('0' + v % 10);
        carry = v / 10;
    }
    if (!carry)
        return;
    memmove(d->rest + 1, d->rest, d->rest_len);
    d->rest[0] = '1';
    d->rest_len++;
}

void mc_decimal_div(mc_buf *out, mc_str a, mc_str b, uint32_t scale)
{
    division d = {.quotient_len = 0};
    char whole[MC_DECIMAL_SUM_DIGITS_MAX], unit[32];
    mc_buf exact, one;

    if (!divide(&d, a, b, scale)) {
        out->failed = true;
        return;
    }
    mc_buf_init_borrowed(&exact, whole, sizeof(whole), sizeof(whole));
    mc_buf_init_borrowed(&one, unit, sizeof(unit), sizeof(unit));
    if (d.quotient_len == 0)
        d.quotient[d.quotient_len++] = '0';
    write_scaled(&exact, d.is_negative, d.quotient, d.quotient_len, -(int64_t)scale);
    mc_buf_printf(&one, "%s1e-%u", d.is_negative ? "-" : "", scale);
    if (mc_buf_failed(&exact) || mc_buf_failed(&one)) {
        out->failed = true;
        return;
    }
    double_rest(&d);
    if (d.rest_len && compare(d.rest, d.rest_len, d.divisor, d.divisor_len) >= 0)
        mc_decimal_add(out, mc_buf_get(&exact), mc_buf_get(&one));
    else
        mc_buf_str(out, mc_buf_get(&exact));
}

void mc_decimal_mod(mc_buf *out, mc_str a, mc_str b)
{
    division d = {.quotient_len = 0};

    if (!divide(&d, a, b, 0))
        out->failed = true;
    else if (d.rest_len == 0)
        mc_buf_char(out, '0');
    else
        write_scaled(out, d.is_a_negative, d.rest, d.rest_len, d.unit);
}
