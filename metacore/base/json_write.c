/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

#include "metacore/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* 1: the byte cannot stand as it is; 2: it may begin U+2028 or U+2029; 4: it begins more UTF-8. */
static const unsigned char special[256] = {
    [0] = 1,   [1] = 1,    [2] = 1,   [3] = 1,   [4] = 1,   [5] = 1,  [6] = 1,  [7] = 1,
    [8] = 1,   [9] = 1,    [10] = 1,  [11] = 1,  [12] = 1,  [13] = 1, [14] = 1, [15] = 1,
    [16] = 1,  [17] = 1,   [18] = 1,  [19] = 1,  [20] = 1,  [21] = 1, [22] = 1, [23] = 1,
    [24] = 1,  [25] = 1,   [26] = 1,  [27] = 1,  [28] = 1,  [29] = 1, [30] = 1, [31] = 1,
    ['"'] = 1, ['\\'] = 1, ['<'] = 1, ['>'] = 1, ['&'] = 1,
};

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
    size_t from = 0, at = 0;

    mc_buf_char(out, '"');
    while (at < s.len) {
        unsigned char c = (unsigned char)s.ptr[at];

        if (c < 0x80 && !special[c]) {
            at++;
            continue;
        }
        mc_buf_bytes(out, s.ptr + from, at - from);
        write_odd(out, s, &at);
        from = at;
    }
    mc_buf_bytes(out, s.ptr + from, at - from);
    mc_buf_char(out, '"');
}

/* "1.5e+21" as JavaScript and the wire contract write it: no padding zeros in the exponent. */
static void write_exponent(mc_buf *out, const char *text)
{
    const char *e = strchr(text, 'e');
    const char *digits = e + 2;

    while (*digits == '0')
        digits++;
    mc_buf_bytes(out, text, (size_t)(e - text) + 2);
    mc_buf_str(out, mc_z(digits));
}

void mc_json_write_double(mc_buf *out, double v)
{
    double magnitude = fabs(v);
    char text[64];
    int precision = 0;

    if (!isfinite(v)) {
        mc_buf_lit(out, "null");
        return;
    }
    if (v == 0) {
        mc_buf_char(out, '0');
        return;
    }
    do {
        (void)snprintf(text, sizeof(text), "%.*e", precision, v); /* at most 25 bytes */
    } while (strtod(text, NULL) != v && ++precision < 17);
    if (magnitude < 1e-6 || magnitude >= 1e21) {
        write_exponent(out, text);
        return;
    }
    /* The same digits without the exponent. */
    precision -= (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    (void)snprintf(text, sizeof(text), "%.*f", precision > 0 ? precision : 0, v);
    mc_buf_str(out, mc_z(text));
}

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
