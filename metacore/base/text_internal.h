/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_TEXT_INTERNAL_H
#define METACORE_BASE_TEXT_INTERNAL_H

/*
 * Eight bytes of text at a time. Each test returns a word whose lowest set bit lies in the first
 * byte that fits; higher bits may be set wrongly, by the borrow from that byte.
 * Source: Anderson, "Bit Twiddling Hacks", "Determine if a word has a byte less than n".
 */

#include "metacore/base/base.h"

#include <endian.h>
#include <string.h>

#define MC__ONES UINT64_C(0x0101010101010101)
#define MC__HIGHS UINT64_C(0x8080808080808080)

/** Any eight bytes; the first becomes the lowest. */
static inline uint64_t mc__load8(const char *ptr)
{
    uint64_t word;

    memcpy(&word, ptr, sizeof(word));
    return le64toh(word);
}

/** n at most 128. */
static inline uint64_t mc__bytes_below(uint64_t word, unsigned char n)
{
    return (word - MC__ONES * n) & ~word & MC__HIGHS;
}

static inline uint64_t mc__bytes_equal(uint64_t word, char c)
{
    return mc__bytes_below(word ^ (MC__ONES * (unsigned char)c), 1);
}

/** The place of the first byte found; found is not 0. */
static inline size_t mc__first_byte(uint64_t found)
{
    return (size_t)__builtin_ctzll(found) / 8;
}

#endif
