/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/str.h"

#define IDENTIFIER_MAX 63 /* PostgreSQL's NAMEDATALEN - 1 */
#define SHORT_NEEDLE 4

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int mc_str_cmp(mc_str a, mc_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool mc_str_eq_nocase(mc_str a, mc_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool mc_str_starts_with(mc_str s, mc_str prefix)
{
    return s.len >= prefix.len && mc_str_eq(mc_str_of(s.ptr, prefix.len), prefix);
}

bool mc_str_ends_with(mc_str s, mc_str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

size_t mc_str_find_char(mc_str s, size_t from, char c)
{
    const char *at = from < s.len ? memchr(s.ptr + from, c, s.len - from) : NULL;

    return at ? (size_t)(at - s.ptr) : s.len;
}

/* Line ends and the like: memchr looks at many bytes at a time, memmem at one. At most
 * SHORT_NEEDLE looks at a byte, whatever the text is. */
static const char *find_short(mc_str s, mc_str needle)
{
    const char *at = s.ptr, *last = s.ptr + (s.len - needle.len);

    while (at <= last && (at = memchr(at, needle.ptr[0], (size_t)(last - at) + 1)) != NULL) {
        if (memcmp(at, needle.ptr, needle.len) == 0)
            return at;
        at++;
    }
    return NULL;
}

size_t mc_str_find(mc_str s, mc_str needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return s.len;
    at = needle.len <= SHORT_NEEDLE ? find_short(s, needle)
                                    : memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at ? (size_t)(at - s.ptr) : s.len;
}

mc_str mc_str_slice(mc_str s, size_t from, size_t to)
{
    to = to < s.len ? to : s.len;
    from = from < to ? from : to;
    return mc_str_of(s.ptr ? s.ptr + from : NULL, to - from);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

mc_str mc_str_trim(mc_str s)
{
    while (s.len && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool mc_str_split(mc_str *rest, char sep, mc_str *out_part)
{
    size_t at;

    if (rest->len == 0)
        return false;
    at = mc_str_find_char(*rest, 0, sep);
    *out_part = mc_str_slice(*rest, 0, at);
    *rest = mc_str_slice(*rest, at + 1, rest->len);
    return true;
}

bool mc_str_u64(mc_str s, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool mc_str_u32(mc_str s, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t value;

    if (!mc_str_u64(s, min, max, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool mc_str_i64(mc_str s, int64_t min, int64_t max, int64_t *out)
{
    bool is_negative = s.len && s.ptr[0] == '-';
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t magnitude;
    int64_t value;

    if (!mc_str_u64(is_negative ? mc_str_slice(s, 1, s.len) : s, 0, limit, &magnitude))
        return false;
    value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool mc_str_is_identifier(mc_str s)
{
    if (s.len == 0 || s.len > IDENTIFIER_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = lower(s.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && c != '_' && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

bool mc_str_eq_secret(mc_str a, mc_str b)
{
    uint64_t difference = 0, left, right;
    size_t i = 0;

    if (a.len != b.len) /* lengths are no secret */
        return false;
    /* Every byte is looked at, whatever the others are. */
    for (; a.len - i >= sizeof(left); i += sizeof(left)) {
        memcpy(&left, a.ptr + i, sizeof(left));
        memcpy(&right, b.ptr + i, sizeof(right));
        difference |= left ^ right;
    }
    for (; i < a.len; i++)
        difference |= (unsigned char)((unsigned char)a.ptr[i] ^ (unsigned char)b.ptr[i]);
    return difference == 0;
}
