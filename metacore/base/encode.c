/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/encode.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void mc_hex_write(mc_buf *out, mc_str bytes)
{
    char *room = bytes.len <= SIZE_MAX / 2 ? mc_buf_reserve(out, bytes.len * 2) : NULL;

    if (!room)
        return;
    for (size_t i = 0; i < bytes.len; i++) {
        *room++ = hex_digits[(unsigned char)bytes.ptr[i] >> 4];
        *room++ = hex_digits[(unsigned char)bytes.ptr[i] & 15];
    }
    mc_buf_commit(out, bytes.len * 2);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool mc_hex_parse(mc_arena *arena, mc_str text, mc_str *out_bytes)
{
    char *bytes = text.len % 2 == 0 ? mc_arena_alloc(arena, text.len / 2) : NULL;

    if (!bytes)
        return false;
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_value(text.ptr[2 * i]), low = hex_value(text.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (char)(high << 4 | low);
    }
    *out_bytes = mc_str_of(bytes, text.len / 2);
    return true;
}

static void write_base64(mc_buf *out, mc_str bytes, const char *digits, bool is_padded)
{
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;

    for (; left > 0; in += 3) {
        size_t take = left < 3 ? left : 3;
        uint32_t group = (uint32_t)in[0] << 16 | (take > 1 ? (uint32_t)in[1] << 8 : 0) |
                         (take > 2 ? (uint32_t)in[2] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], '=', '='};

        if (take > 1)
            four[2] = digits[group >> 6 & 63];
        if (take > 2)
            four[3] = digits[group & 63];
        mc_buf_bytes(out, four, is_padded ? 4 : take + 1);
        left -= take;
    }
}

/* A digit's value with IS_DIGIT set; 0 for every other byte. */
#define IS_DIGIT 0x40u
#define LETTERS_AND_DIGITS                                                                         \
    ['A'] = 0x40, ['B'] = 0x41, ['C'] = 0x42, ['D'] = 0x43, ['E'] = 0x44, ['F'] = 0x45,            \
    ['G'] = 0x46, ['H'] = 0x47, ['I'] = 0x48, ['J'] = 0x49, ['K'] = 0x4a, ['L'] = 0x4b,            \
    ['M'] = 0x4c, ['N'] = 0x4d, ['O'] = 0x4e, ['P'] = 0x4f, ['Q'] = 0x50, ['R'] = 0x51,            \
    ['S'] = 0x52, ['T'] = 0x53, ['U'] = 0x54, ['V'] = 0x55, ['W'] = 0x56, ['X'] = 0x57,            \
    ['Y'] = 0x58, ['Z'] = 0x59, ['a'] = 0x5a, ['b'] = 0x5b, ['c'] = 0x5c, ['d'] = 0x5d,            \
    ['e'] = 0x5e, ['f'] = 0x5f, ['g'] = 0x60, ['h'] = 0x61, ['i'] = 0x62, ['j'] = 0x63,            \
    ['k'] = 0x64, ['l'] = 0x65, ['m'] = 0x66, ['n'] = 0x67, ['o'] = 0x68, ['p'] = 0x69,            \
    ['q'] = 0x6a, ['r'] = 0x6b, ['s'] = 0x6c, ['t'] = 0x6d, ['u'] = 0x6e, ['v'] = 0x6f,            \
    ['w'] = 0x70, ['x'] = 0x71, ['y'] = 0x72, ['z'] = 0x73, ['0'] = 0x74, ['1'] = 0x75,            \
    ['2'] = 0x76, ['3'] = 0x77, ['4'] = 0x78, ['5'] = 0x79, ['6'] = 0x7a, ['7'] = 0x7b,            \
    ['8'] = 0x7c, ['9'] = 0x7d

typedef uint8_t base64_table[256];

static const base64_table base64_values = {LETTERS_AND_DIGITS, ['+'] = 0x7e, ['/'] = 0x7f};
static const base64_table base64url_values = {LETTERS_AND_DIGITS, ['-'] = 0x7e, ['_'] = 0x7f};

/* Up to four digits as 24 bits, the first on top; false when there is another byte among them. */
static bool base64_group(const unsigned char *in, size_t count, const base64_table table,
                         uint32_t *out)
{
    uint32_t bits = 0, all = IS_DIGIT;

    for (size_t i = 0; i < 4; i++) {
        uint32_t value = i < count ? table[in[i]] : IS_DIGIT;

        all &= value;
        bits = bits << 6 | (value & 63);
    }
    *out = bits;
    return all != 0;
}

/* text without padding; bits that do not fill a byte must be zero, so that one value has one text.
 */
static bool parse_base64(mc_arena *arena, mc_str text, const base64_table table, mc_str *out)
{
    const unsigned char *in = (const unsigned char *)text.ptr;
    size_t rest = text.len % 4, whole = text.len / 4;
    size_t size = whole * 3 + (rest ? rest - 1 : 0);
    unsigned char *bytes = rest == 1 ? NULL : mc_arena_alloc(arena, size);
    uint32_t bits = 0;

    if (!bytes)
        return false;
    for (size_t i = 0; i < whole; i++) {
        if (!base64_group(in + 4 * i, 4, table, &bits))
            return false;
        bytes[3 * i] = (unsigned char)(bits >> 16);
        bytes[3 * i + 1] = (unsigned char)(bits >> 8);
        bytes[3 * i + 2] = (unsigned char)bits;
    }
    if (rest) {
        if (!base64_group(in + 4 * whole, rest, table, &bits) ||
            (bits & (rest == 2 ? 0xffffu : 0xffu)) != 0)
            return false;
        bytes[3 * whole] = (unsigned char)(bits >> 16);
        if (rest == 3)
            bytes[3 * whole + 1] = (unsigned char)(bits >> 8);
    }
    *out = mc_str_of((const char *)bytes, size);
    return true;
}

void mc_base64_write(mc_buf *out, mc_str bytes)
{
    write_base64(out, bytes, base64_digits, true);
}

bool mc_base64_parse(mc_arena *arena, mc_str text, mc_str *out_bytes)
{
    size_t padding = 0;

    if (text.len % 4 != 0)
        return false;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    return parse_base64(arena, mc_str_slice(text, 0, text.len - padding), base64_values, out_bytes);
}

void mc_base64url_write(mc_buf *out, mc_str bytes)
{
    write_base64(out, bytes, base64url_digits, false);
}

bool mc_base64url_parse(mc_arena *arena, mc_str text, mc_str *out_bytes)
{
    return parse_base64(arena, text, base64url_values, out_bytes);
}

bool mc_percent_parse(mc_arena *arena, mc_str text, bool plus_is_space, mc_str *out)
{
    char *bytes = mc_arena_alloc(arena, text.len);
    size_t at = 0;

    if (!bytes)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            bool is_whole = text.len - i > 2;
            int high = is_whole ? hex_value(text.ptr[i + 1]) : -1;
            int low = is_whole ? hex_value(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        bytes[at++] = c;
    }
    *out = mc_str_of(bytes, at);
    return true;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void mc_percent_write(mc_buf *out, mc_str text)
{
    static const char digits[] = "0123456789ABCDEF"; /* RFC 3986 section 2.1 wants upper case */

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};

        if (is_unreserved(text.ptr[i]))
            mc_buf_char(out, text.ptr[i]);
        else
            mc_buf_bytes(out, escaped, sizeof(escaped));
    }
}
