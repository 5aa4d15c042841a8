/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

#include "metacore/base/text_internal.h"
#include "metacore/base/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- strings ---- */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* The first byte from at that cannot be copied unseen. */
static size_t skip_plain(mc_str s, size_t at)
{
    while (s.len - at >= sizeof(uint64_t)) {
        uint64_t word = mc__load8(s.ptr + at);
        /* '<' and '>' differ in one bit, as do '"' and '&'. */
        uint64_t angle = mc__bytes_equal(word & ~(MC__ONES * 0x02), '<');
        uint64_t quote = mc__bytes_equal(word & ~(MC__ONES * 0x04), '"');
        uint64_t stop = mc__bytes_below(word, 0x20) | mc__bytes_equal(word, '\\') | angle | quote |
                        (word & MC__HIGHS);

        if (stop)
            return at + mc__first_byte(stop);
        at += sizeof(word);
    }
    while (at < s.len && is_plain((unsigned char)s.ptr[at]))
        at++;
    return at;
}

static void write_escape(mc_buf *out, uint32_t c)
{
    static const char digits[] = "0123456789abcdef";
    char text[6] = {
        '\\', 'u', digits[c >> 12 & 15], digits[c >> 8 & 15], digits[c >> 4 & 15], digits[c & 15]};

    switch (c) {
    case '"':
        mc_buf_lit(out, "\\\"");
        break;
    case '\\':
        mc_buf_lit(out, "\\\\");
        break;
    case '\n':
        mc_buf_lit(out, "\\n");
        break;
    case '\r':
        mc_buf_lit(out, "\\r");
        break;
    case '\t':
        mc_buf_lit(out, "\\t");
        break;
    default:
        mc_buf_bytes(out, text, sizeof(text));
    }
}

/* The character at *at, which is not plain ASCII text; advances. */
static void write_odd(mc_buf *out, mc_str s, size_t *at)
{
    size_t from = *at;
    uint32_t rune;

    if (!mc_utf8_next(s, at, &rune)) {
        mc_buf_lit(out, "\xef\xbf\xbd"); /* U+FFFD */
        (*at)++;
    } else if (rune < 0x80 || rune == 0x2028 || rune == 0x2029) {
        write_escape(out, rune);
    } else {
        mc_buf_bytes(out, s.ptr + from, *at - from);
    }
}

void mc_json_write_str(mc_buf *out, mc_str s)
{
    size_t from = 0, at = skip_plain(s, 0);
    char *room;

    if (at == s.len) { /* the usual text: one copy */
        room = mc_buf_reserve(out, s.len + 2);
        if (!room)
            return;
        room[0] = '"';
        if (s.len > 0)
            memcpy(room + 1, s.ptr, s.len);
        room[s.len + 1] = '"';
        mc_buf_commit(out, s.len + 2);
        return;
    }
    mc_buf_char(out, '"');
    while (at < s.len) {
        mc_buf_bytes(out, s.ptr + from, at - from);
        write_odd(out, s, &at);
        from = at;
        at = skip_plain(s, at);
    }
    mc_buf_bytes(out, s.ptr + from, at - from);
    mc_buf_char(out, '"');
}

/* ---- numbers ---- */

/* 0.d1 d2 … dn times 10^point. */
typedef struct shortest {
    char digits[20];
    int count;
    int point;
} shortest;

static void strip_zeros(shortest *s)
{
    while (s->count > 1 && s->digits[s->count - 1] == '0')
        s->count--;
}

/*
 * The usual numbers: m / 10^k with few digits, both of them exact doubles. Their quotient is
 * rounded once, so that an equal one proves that m e-k reads back as v; and as no two decimals of
 * 15 digits read as the same double, it is the shortest and nearest.
 */
static bool shorten_simple(double v, shortest *out)
{
    double power = 1;

    for (int k = 0; k <= 22 && v * power < 1e15; k++) {
        double m = (double)(int64_t)(v * power + 0.5);

        if (m / power != v) {
            power *= 10;
            continue;
        }
        out->count = snprintf(out->digits, sizeof(out->digits), "%lld", (long long)m);
        out->point = out->count - k;
        strip_zeros(out);
        return true;
    }
    return false;
}

/* As many digits as it takes: 15 are always right for a normal number that has no more. */
static void shorten(double v, shortest *out)
{
    int digits = v < DBL_MIN ? 1 : DBL_DIG;
    char text[40];

    do {
        (void)snprintf(text, sizeof(text), "%.*e", digits - 1, v); /* at most 24 bytes */
    } while (strtod(text, NULL) != v && ++digits <= 17);
    out->count = 0;
    for (const char *c = text; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9') /* all but the locale's point */
            out->digits[out->count++] = *c;
    }
    out->point = 1 + (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    strip_zeros(out);
}

static void write_digits(mc_buf *out, const shortest *s)
{
    for (int i = s->point; i <= 0; i++)
        mc_buf_str(out, i == s->point ? MC_STR("0.") : MC_STR("0"));
    for (int i = 0; i < s->count; i++) {
        if (i > 0 && i == s->point)
            mc_buf_char(out, '.');
        mc_buf_char(out, s->digits[i]);
    }
    for (int i = s->count; i < s->point; i++)
        mc_buf_char(out, '0');
}

static void write_scientific(mc_buf *out, const shortest *s)
{
    int exponent = s->point - 1;

    mc_buf_char(out, s->digits[0]);
    if (s->count > 1) {
        mc_buf_char(out, '.');
        mc_buf_bytes(out, s->digits + 1, (size_t)s->count - 1);
    }
    mc_buf_str(out, exponent < 0 ? MC_STR("e-") : MC_STR("e+"));
    mc_buf_i64(out, exponent < 0 ? -exponent : exponent);
}

void mc_json_write_double(mc_buf *out, double v)
{
    double magnitude = fabs(v);
    shortest s = {.count = 0};

    if (!isfinite(v)) {
        mc_buf_lit(out, "null");
        return;
    }
    if (magnitude < 1e15 && (double)(int64_t)v == v) {
        mc_buf_i64(out, (int64_t)v); /* also -0 as 0 */
        return;
    }
    if (!shorten_simple(magnitude, &s))
        shorten(magnitude, &s);
    if (v < 0)
        mc_buf_char(out, '-');
    if (magnitude < 1e-6 || magnitude >= 1e21)
        write_scientific(out, &s);
    else
        write_digits(out, &s);
}

/* ---- values ---- */

static void write_members(mc_buf *out, const mc_json_member *members, size_t count,
                          mc_arena *scratch, bool is_sorted);

static void write_value(mc_buf *out, const mc_json *value, mc_arena *scratch, bool is_sorted)
{
    if (!value) {
        mc_buf_lit(out, "null");
        return;
    }
    switch (value->kind) {
    case MC_JSON_NULL:
        mc_buf_lit(out, "null");
        break;
    case MC_JSON_BOOL:
        mc_buf_str(out, value->as.boolean ? MC_STR("true") : MC_STR("false"));
        break;
    case MC_JSON_NUMBER:
        mc_buf_str(out, value->as.number);
        break;
    case MC_JSON_STRING:
        mc_json_write_str(out, value->as.string);
        break;
    case MC_JSON_ARRAY:
        mc_buf_char(out, '[');
        for (size_t i = 0; i < value->as.array.count; i++) {
            if (i > 0)
                mc_buf_char(out, ',');
            write_value(out, value->as.array.items[i], scratch, is_sorted);
        }
        mc_buf_char(out, ']');
        break;
    case MC_JSON_OBJECT:
        write_members(out, value->as.object.members, value->as.object.count, scratch, is_sorted);
        break;
    }
}

static int by_key(const void *a, const void *b)
{
    const mc_json_member *left = a, *right = b;

    return mc_str_cmp(left->key, right->key);
}

static void write_members(mc_buf *out, const mc_json_member *members, size_t count,
                          mc_arena *scratch, bool is_sorted)
{
    if (is_sorted && count > 1) {
        mc_json_member *copy = mc_arena_array(scratch, mc_json_member, count);

        if (!copy) {
            out->failed = true;
            return;
        }
        memcpy(copy, members, count * sizeof(*copy));
        qsort(copy, count, sizeof(*copy), by_key);
        members = copy;
    }
    mc_buf_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc_json_write_str(out, members[i].key);
        mc_buf_char(out, ':');
        write_value(out, members[i].value, scratch, is_sorted);
    }
    mc_buf_char(out, '}');
}

void mc_json_write(mc_buf *out, const mc_json *value)
{
    write_value(out, value, NULL, false);
}

void mc_json_write_sorted(mc_buf *out, const mc_json *value, mc_arena *scratch)
{
    write_value(out, value, scratch, true);
}
