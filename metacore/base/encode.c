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

static int base64_value(char c, const char *digits)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == digits[62])
        return 62;
    return c == digits[63] ? 63 : -1;
}

/* text without padding; bits that do not fill a byte must be zero, so that one value has one text.
 */
static bool parse_base64(mc_arena *arena, mc_str text, const char *digits, mc_str *out)
{
    size_t rest = text.len % 4;
    size_t size = text.len / 4 * 3 + (rest ? rest - 1 : 0);
    unsigned char *bytes = rest == 1 ? NULL : mc_arena_alloc(arena, size);
    uint32_t bits = 0;
    unsigned held = 0;
    size_t at = 0;

    if (!bytes)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i], digits);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[at++] = (unsigned char)(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    if (bits != 0)
        return false;
    *out = mc_str_of((const char *)bytes, at);
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
    return parse_base64(arena, mc_str_slice(text, 0, text.len - padding), base64_digits, out_bytes);
}

void mc_base64url_write(mc_buf *out, mc_str bytes)
{
    write_base64(out, bytes, base64url_digits, false);
}

bool mc_base64url_parse(mc_arena *arena, mc_str text, mc_str *out_bytes)
{
    return parse_base64(arena, text, base64url_digits, out_bytes);
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
