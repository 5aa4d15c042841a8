/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/decimal.h"

#define EXPONENT_MAX 4096

/* A number taken apart: digits with the point after the first `whole` of them. */
typedef struct parts {
    bool is_negative;
    mc_str whole;    /* before the point, leading zeros stripped */
    mc_str fraction; /* after it, trailing zeros stripped */
} parts;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(mc_str s, size_t from)
{
    size_t n = 0;

    while (from + n < s.len && is_digit(s.ptr[from + n]))
        n++;
    return n;
}

static mc_str strip_leading(mc_str s)
{
    while (s.len && s.ptr[0] == '0')
        s = mc_str_slice(s, 1, s.len);
    return s;
}

static mc_str strip_trailing(mc_str s)
{
    while (s.len && s.ptr[s.len - 1] == '0')
        s.len--;
    return s;
}

/* -?digits[.digits] without an exponent; what is no number reads as zero. */
static parts split(mc_str s)
{
    parts p = {.is_negative = s.len && s.ptr[0] == '-'};
    mc_str body = mc_str_slice(s, p.is_negative, s.len);
    size_t whole = count_digits(body, 0);

    p.whole = strip_leading(mc_str_slice(body, 0, whole));
    if (whole < body.len && body.ptr[whole] == '.')
        p.fraction = strip_trailing(
            mc_str_slice(body, whole + 1, whole + 1 + count_digits(body, whole + 1)));
    if (p.whole.len == 0 && p.fraction.len == 0)
        p.is_negative = false; /* -0 is 0 */
    return p;
}

static int cmp_magnitude(const parts *a, const parts *b)
{
    if (a->whole.len != b->whole.len)
        return a->whole.len < b->whole.len ? -1 : 1;
    return mc_str_eq(a->whole, b->whole) ? mc_str_cmp(a->fraction, b->fraction)
                                         : mc_str_cmp(a->whole, b->whole);
}

int mc_decimal_cmp(mc_str a, mc_str b)
{
    parts left = split(a), right = split(b);
    int order;

    if (left.is_negative != right.is_negative)
        return left.is_negative ? -1 : 1;
    order = cmp_magnitude(&left, &right);
    order = (order > 0) - (order < 0);
    return left.is_negative ? -order : order;
}

/* ---- reading ---- */

/* JSON's number grammar: the mantissa's digits, where its point stands, and the exponent. */
typedef struct scanned {
    bool is_negative;
    char digits[MC_DECIMAL_DIGITS_MAX];
    size_t count;     /* significant digits, leading zeros dropped */
    int64_t point;    /* digits before the point; may be negative or beyond count */
    bool is_too_long; /* more significant digits than fit */
} scanned;

static void take_digits(scanned *out, mc_str s, size_t from, size_t count, bool is_fraction)
{
    for (size_t i = from; i < from + count; i++) {
        if (s.ptr[i] == '0' && out->count == 0) {
            out->point -= is_fraction;
            continue;
        }
        if (out->count < sizeof(out->digits))
            out->digits[out->count++] = s.ptr[i];
        else if (s.ptr[i] != '0')
            out->is_too_long = true;
        out->point += !is_fraction;
    }
}

static bool scan_exponent(mc_str s, size_t *at, int64_t *out)
{
    bool is_negative;
    size_t count;

    (*at)++;
    is_negative = *at < s.len && s.ptr[*at] == '-';
    if (*at < s.len && (s.ptr[*at] == '-' || s.ptr[*at] == '+'))
        (*at)++;
    count = count_digits(s, *at);
    if (count == 0)
        return false;
    *out = 0;
    for (size_t i = 0; i < count && *out <= EXPONENT_MAX; i++)
        *out = *out * 10 + (s.ptr[*at + i] - '0');
    *out = is_negative ? -*out : *out;
    *at += count;
    return true;
}

static bool scan(mc_str s, scanned *out)
{
    int64_t exponent = 0;
    size_t at = 0, count;

    *out = (scanned){.is_negative = s.len && s.ptr[0] == '-'};
    at = out->is_negative;
    count = count_digits(s, at);
    if (count == 0 || (count > 1 && s.ptr[at] == '0'))
        return false;
    take_digits(out, s, at, count, false);
    at += count;
    if (at < s.len && s.ptr[at] == '.') {
        count = count_digits(s, ++at);
        if (count == 0)
            return false;
        take_digits(out, s, at, count, true);
        at += count;
    }
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E') && !scan_exponent(s, &at, &exponent))
        return false;
    out->point += exponent;
    while (out->count && out->digits[out->count - 1] == '0')
        out->count--;
    return at == s.len;
}

static void write_scanned(mc_buf *out, const scanned *n)
{
    int64_t count = (int64_t)n->count;

    if (count == 0) {
        mc_buf_char(out, '0');
        return;
    }
    if (n->is_negative)
        mc_buf_char(out, '-');
    if (n->point <= 0)
        mc_buf_lit(out, "0.");
    for (int64_t i = n->point; i < 0; i++)
        mc_buf_char(out, '0');
    for (int64_t i = 0; i < count; i++) {
        if (i == n->point && i > 0)
            mc_buf_char(out, '.');
        mc_buf_char(out, n->digits[i]);
    }
    for (int64_t i = count; i < n->point; i++)
        mc_buf_char(out, '0');
}

mc_decimal_result mc_decimal_parse(mc_arena *arena, mc_str text, uint32_t precision, uint32_t scale,
                                   mc_str *out)
{
    int64_t whole_max = precision ? (int64_t)precision - (int64_t)scale : MC_DECIMAL_DIGITS_MAX;
    int64_t fraction_max = precision ? (int64_t)scale : MC_DECIMAL_DIGITS_MAX;
    scanned n;
    mc_buf buf;

    if (!scan(text, &n))
        return MC_DECIMAL_MALFORMED;
    if (n.count > 0 && n.point > whole_max)
        return MC_DECIMAL_OUT_OF_RANGE;
    if (n.is_too_long || (n.count > 0 && (int64_t)n.count - n.point > fraction_max))
        return MC_DECIMAL_TOO_PRECISE;
    mc_buf_init_arena(&buf, arena, 0);
    write_scanned(&buf, &n);
    if (mc_buf_failed(&buf))
        return MC_DECIMAL_NO_MEMORY;
    *out = mc_buf_get(&buf);
    return MC_DECIMAL_OK;
}

/* ---- sums ---- */

/* The digit of 10^place; whole numbers count from 0 up, the fraction from -1 down. */
static int digit_at(const parts *p, int64_t place)
{
    int64_t at = place >= 0 ? (int64_t)p->whole.len - 1 - place : -1 - place;
    const mc_str *s = place >= 0 ? &p->whole : &p->fraction;

    return at >= 0 && at < (int64_t)s->len ? s->ptr[at] - '0' : 0;
}

void mc_decimal_add(mc_buf *out, mc_str a, mc_str b)
{
    parts left = split(a), right = split(b);
    bool is_difference = left.is_negative != right.is_negative;
    bool is_negative = left.is_negative;
    int64_t low, high;
    char digits[MC_DECIMAL_SUM_DIGITS_MAX + 2];
    int carry = 0;
    size_t at = sizeof(digits);
    parts sum;

    if (is_difference && cmp_magnitude(&left, &right) < 0) {
        parts swap = left;

        left = right;
        right = swap;
        is_negative = left.is_negative;
    }
    low =
        -(int64_t)(left.fraction.len > right.fraction.len ? left.fraction.len : right.fraction.len);
    high = (int64_t)(left.whole.len > right.whole.len ? left.whole.len : right.whole.len);
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
    sum = split(mc_str_of(digits + at, sizeof(digits) - at));
    if (is_negative && (sum.whole.len || sum.fraction.len))
        mc_buf_char(out, '-');
    mc_buf_str(out, sum.whole.len ? sum.whole : MC_STR("0"));
    if (sum.fraction.len) {
        mc_buf_char(out, '.');
        mc_buf_str(out, sum.fraction);
    }
}
