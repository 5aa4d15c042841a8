/* SPDX-License-Identifier: Apache-2.0 */
/* env.abort: how AssemblyScript ends, with a message and where. */
#include "metacore/base/utf8.h"
#include "metacore/runtime/wasm/wasm_wasi_internal.h"

#include <stdio.h>

#define MESSAGE_UNITS_MAX 512
#define FILE_UNITS_MAX 80

static uint32_t unit_at(const uint8_t *text, uint32_t i)
{
    return (uint32_t)text[2 * (size_t)i] | (uint32_t)text[2 * (size_t)i + 1] << 8;
}

/*
 * A string of AssemblyScript: UTF-16 at the address, its length in bytes in the word before. What
 * lies outside of the memory is not there; halves of a pair are U+FFFD, and what is no character
 * of a line a '?'. to has room for three bytes a unit and an end.
 */
static void put_string(const mc__wasm_wasi *wasi, uint32_t at, uint32_t units_max, char *to)
{
    const uint8_t *head = at >= 4 ? mc__wasi_bytes(wasi, at - 4, 4) : NULL;
    uint32_t units = head ? mc__wasi_get32(head) / 2 : 0;
    const uint8_t *text;

    units = units < units_max ? units : units_max;
    text = units ? mc__wasi_bytes(wasi, at, (uint64_t)units * 2) : NULL;
    for (uint32_t i = 0; text && i < units; i++) {
        uint32_t c = unit_at(text, i);

        if (c >= 0xd800 && c < 0xdc00 && i + 1 < units && unit_at(text, i + 1) >= 0xdc00 &&
            unit_at(text, i + 1) < 0xe000)
            c = 0x10000 + ((c - 0xd800) << 10) + (unit_at(text, ++i) - 0xdc00);
        else if (c >= 0xd800 && c < 0xe000)
            c = 0xfffd;
        to += mc_utf8_put(to, c < 0x20 || c == 0x7f ? '?' : c);
    }
    *to = '\0';
}

void mc__wasm_abort(mc__wasm_wasi *wasi, uint32_t message, uint32_t file, uint32_t line,
                    uint32_t column)
{
    char text[MESSAGE_UNITS_MAX * 3 + 1], name[FILE_UNITS_MAX * 3 + 1];
    char whole[sizeof(text) + sizeof(name) + 64];
    int len;

    put_string(wasi, message, MESSAGE_UNITS_MAX, text);
    put_string(wasi, file, FILE_UNITS_MAX, name);
    /* The place first: an error's line is short, and what is cut off it is the message's end. */
    len = snprintf(whole, sizeof(whole), "abort at %s:%u:%u%s%s", name[0] ? name : "?", line,
                   column, text[0] ? ": " : "", text);
    (void)snprintf(wasi->call.why, sizeof(wasi->call.why), "%.*s", MC__WASM_WHY_MAX - 1, whole);
    whole[len] = '\n';
    mc__wasi_write(wasi, (const uint8_t *)whole, (size_t)len + 1);
    mc__wasi_trap(wasi);
}
