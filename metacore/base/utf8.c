/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/utf8.h"

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

bool mc_utf8_next(mc_str s, size_t *pos, uint32_t *out_rune)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)s.ptr + *pos;
    size_t left = s.len - *pos;
    uint32_t rune;
    size_t size;

    if (*pos >= s.len)
        return false;
    if (at[0] < 0x80) {
        *out_rune = at[0];
        (*pos)++;
        return true;
    }
    size = at[0] >= 0xf0 && at[0] < 0xf8 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] >= 0xf5 || left < size)
        return false;
    rune = at[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (!is_continuation(at[i]))
            return false;
        rune = rune << 6 | (at[i] & 0x3f);
    }
    /* Overlong forms, surrogates, and beyond Unicode: RFC 3629 section 3. */
    if (rune < smallest[size] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        return false;
    *out_rune = rune;
    *pos += size;
    return true;
}

bool mc_utf8_is_valid(mc_str s)
{
    size_t pos = 0;
    uint32_t rune;

    while (pos < s.len) {
        uint64_t eight;

        /* Most text is ASCII: eight bytes at a time while no high bit is set. */
        if (s.len - pos >= sizeof(eight)) {
            memcpy(&eight, s.ptr + pos, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                pos += sizeof(eight);
                continue;
            }
        }
        if (!mc_utf8_next(s, &pos, &rune))
            return false;
    }
    return true;
}

size_t mc_utf8_count(mc_str s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; i++)
        count += !is_continuation((unsigned char)s.ptr[i]);
    return count;
}

mc_str mc_utf8_truncate(mc_str s, size_t max_bytes)
{
    size_t end = s.len, start, pos;
    uint32_t rune;

    if (s.len > max_bytes)
        end = max_bytes;
    /* Step back to the last character's first byte and see whether it is whole. */
    for (start = end; start > 0 && end - start < 4;) {
        start--;
        if (!is_continuation((unsigned char)s.ptr[start]))
            break;
    }
    pos = start;
    if (end > 0 && !mc_utf8_next(mc_str_of(s.ptr, end), &pos, &rune))
        end = start;
    return mc_str_slice(s, 0, end);
}

size_t mc_utf8_put(char *out, uint32_t rune)
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (char)(0xc0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xe0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3f));
        out[2] = (char)(0x80 | (rune & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3f));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3f));
    out[3] = (char)(0x80 | (rune & 0x3f));
    return 4;
}
