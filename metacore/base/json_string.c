/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json_internal.h"

#include "metacore/base/text_internal.h"
#include "metacore/base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex4(const mc__json_parser *p, size_t at, uint32_t *out)
{
    uint32_t unit = 0;

    if (p->text.len - at < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(p->text.ptr[at + i]);

        if (digit < 0)
            return false;
        unit = unit << 4 | (uint32_t)digit;
    }
    *out = unit;
    return true;
}

/* After "\u": one UTF-16 unit, or two that are a pair. p->at stands behind the 'u'. */
static mc_code read_unicode(mc__json_parser *p, uint32_t *out)
{
    uint32_t high, low;

    if (!read_hex4(p, p->at, &high))
        return mc__json_fail(p, "\\u wants four hexadecimal digits");
    p->at += 4;
    if (high == 0)
        return mc__json_fail(p, "NUL in a string");
    if (high < 0xd800 || high > 0xdfff) {
        *out = high;
        return MC_OK;
    }
    if (high > 0xdbff || p->text.len - p->at < 6 || p->text.ptr[p->at] != '\\' ||
        p->text.ptr[p->at + 1] != 'u' || !read_hex4(p, p->at + 2, &low) || low < 0xdc00 ||
        low > 0xdfff)
        return mc__json_fail(p, "a surrogate without its pair");
    p->at += 6;
    *out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return MC_OK;
}

static mc_code read_escape(mc__json_parser *p, char *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = ++p->at < p->text.len ? p->text.ptr[p->at] : '\0';
    const char *found = c ? strchr(from, c) : NULL;
    uint32_t rune = 0;
    mc_code rc;

    if (found) {
        p->at++;
        out[(*len)++] = to[found - from];
        return MC_OK;
    }
    if (c != 'u')
        return mc__json_fail(p, "unknown escape");
    p->at++;
    rc = read_unicode(p, &rune);
    if (rc == MC_OK)
        *len += mc_utf8_put(out + *len, rune);
    return rc;
}

/* Where a string stops being plain. */
typedef struct plain_end {
    size_t at;
    bool has_high; /* bytes above ASCII before it */
} plain_end;

/* The first quote, backslash or control character from at, or the text's end. */
static plain_end skip_plain(mc_str text, size_t at)
{
    uint64_t high = 0;

    while (text.len - at >= sizeof(uint64_t)) {
        uint64_t word = mc__load8(text.ptr + at);
        uint64_t stop =
            mc__bytes_below(word, 0x20) | mc__bytes_equal(word, '"') | mc__bytes_equal(word, '\\');

        if (stop) {
            size_t n = mc__first_byte(stop);

            high |= word & ((UINT64_C(1) << (8 * n)) - 1);
            return (plain_end){at + n, (high & MC__HIGHS) != 0};
        }
        high |= word;
        at += sizeof(word);
    }
    for (; at < text.len; at++) {
        unsigned char c = (unsigned char)text.ptr[at];

        if (c < 0x20 || c == '"' || c == '\\')
            break;
        high |= c;
    }
    return (plain_end){at, (high & MC__HIGHS) != 0};
}

/* The closing quote from p->at, whether an escape stands before it, and other than ASCII. */
static mc_code find_end(mc__json_parser *p, plain_end *out, bool *out_has_escape)
{
    plain_end end = {p->at, false};

    *out_has_escape = false;
    for (;;) {
        plain_end next = skip_plain(p->text, end.at);

        end.at = next.at;
        end.has_high |= next.has_high;
        if (end.at >= p->text.len)
            break;
        if (p->text.ptr[end.at] == '"') {
            *out = end;
            return MC_OK;
        }
        if (p->text.ptr[end.at] != '\\') {
            p->at = end.at;
            return mc__json_fail(p, "a control character in a string");
        }
        *out_has_escape = true;
        end.at += 2;
        if (end.at > p->text.len)
            break;
    }
    p->at = p->text.len;
    return mc__json_fail(p, "a string without end");
}

static mc_code decode(mc__json_parser *p, size_t end, mc_str *out)
{
    char *copy = mc_arena_alloc(p->arena, end - p->at); /* an escape is longer than its text */
    size_t len = 0;

    if (!copy)
        return mc__json_no_memory(p);
    while (p->at < end) {
        size_t plain = skip_plain(mc_str_of(p->text.ptr, end), p->at).at;
        mc_code rc;

        memcpy(copy + len, p->text.ptr + p->at, plain - p->at);
        len += plain - p->at;
        p->at = plain;
        if (p->at == end)
            break;
        rc = read_escape(p, copy, &len);
        if (rc != MC_OK)
            return rc;
    }
    *out = mc_str_of(copy, len);
    return MC_OK;
}

mc_code mc__json_string(mc__json_parser *p, mc_str *out)
{
    bool has_escape = false;
    plain_end end = {0, false};
    mc_code rc;

    p->at++;
    rc = find_end(p, &end, &has_escape);
    if (rc != MC_OK)
        return rc;
    if (end.has_high && !mc_utf8_is_valid(mc_str_slice(p->text, p->at, end.at)))
        return mc__json_fail(p, "a string that is not UTF-8");
    if (!has_escape)
        *out = mc_str_slice(p->text, p->at, end.at);
    else
        rc = decode(p, end.at, out);
    if (rc == MC_OK)
        p->at = end.at + 1;
    return rc;
}
