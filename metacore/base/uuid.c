/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/uuid.h"

#include "metacore/base/random.h"

#include <time.h>

#define ENTROPY_BATCH 512 /* bytes of one getrandom(2) */

static const char digits[] = "0123456789abcdef";

/* Random bytes per thread, fetched in batches: a system call for each key would cost more than
 * the row's insert. */
static _Thread_local unsigned char entropy[ENTROPY_BATCH];
static _Thread_local size_t entropy_left;
static _Thread_local uint64_t last_tick; /* of this thread: milliseconds << 12 | counter */

static mc_code take_entropy(unsigned char *out, size_t n, mc_err *err)
{
    if (entropy_left < n) {
        mc_code rc = mc_random_bytes(entropy, sizeof(entropy), err);

        if (rc != MC_OK)
            return rc;
        entropy_left = sizeof(entropy);
    }
    entropy_left -= n;
    memcpy(out, entropy + entropy_left, n);
    memset(entropy + entropy_left, 0, n); /* never given twice, also not after a fork */
    return MC_OK;
}

bool mc_uuid_is_nil(mc_uuid id)
{
    static const mc_uuid nil;

    return mc_uuid_eq(id, nil);
}

/* RFC 9562 section 6.2, method 3: the twelve bits of rand_a carry the clock's fraction of a
 * millisecond, and step by one where the clock has not moved. */
mc_code mc_uuid_v7(mc_uuid *out, mc_err *err)
{
    struct timespec now = {0};
    uint64_t tick;
    mc_uuid id;
    mc_code rc = take_entropy(id.bytes + 8, 8, err);

    if (rc != MC_OK)
        return rc;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    tick = ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000) << 12 |
           (uint64_t)now.tv_nsec % 1000000 * 4096 / 1000000;
    if (tick <= last_tick)
        tick = last_tick + 1;
    last_tick = tick;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(tick >> (12 + 8 * (5 - i)));
    id.bytes[6] = (uint8_t)(0x70 | (tick >> 8 & 0x0f));
    id.bytes[7] = (uint8_t)tick;
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    *out = id;
    return MC_OK;
}

mc_code mc_uuid_v4(mc_uuid *out, mc_err *err)
{
    mc_uuid id;
    mc_code rc = take_entropy(id.bytes, sizeof(id.bytes), err);

    if (rc != MC_OK)
        return rc;
    id.bytes[6] = (uint8_t)(0x40 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    *out = id;
    return MC_OK;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_hyphen_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

/* text without its dress: 36 characters with hyphens in their places, or 32 digits. */
static bool parse_plain(mc_str text, mc_uuid *out)
{
    bool is_hyphenated = text.len == MC_UUID_TEXT_LEN;
    mc_uuid id;
    size_t nibbles = 0;

    if (!is_hyphenated && text.len != 32)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i]);

        if (is_hyphenated && is_hyphen_place(i)) {
            if (text.ptr[i] != '-')
                return false;
            continue;
        }
        if (value < 0)
            return false;
        if (nibbles % 2 == 0)
            id.bytes[nibbles / 2] = (uint8_t)(value << 4);
        else
            id.bytes[nibbles / 2] |= (uint8_t)value;
        nibbles++;
    }
    *out = id;
    return true;
}

bool mc_uuid_parse(mc_str text, mc_uuid *out)
{
    static const mc_str urn = MC_STR_INIT("urn:uuid:");

    if (text.len == 38 && text.ptr[0] == '{' && text.ptr[37] == '}')
        return parse_plain(mc_str_slice(text, 1, 37), out);
    if (text.len == urn.len + MC_UUID_TEXT_LEN &&
        mc_str_eq_nocase(mc_str_slice(text, 0, urn.len), urn))
        return parse_plain(mc_str_slice(text, urn.len, text.len), out);
    return parse_plain(text, out);
}

void mc_uuid_format(mc_uuid id, char out[MC_UUID_TEXT_LEN])
{
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[id.bytes[i] >> 4];
        *out++ = digits[id.bytes[i] & 15];
    }
}

void mc_uuid_write(mc_buf *out, mc_uuid id)
{
    char *room = mc_buf_reserve(out, MC_UUID_TEXT_LEN);

    if (!room)
        return;
    mc_uuid_format(id, room);
    mc_buf_commit(out, MC_UUID_TEXT_LEN);
}
