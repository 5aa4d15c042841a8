/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/utf8.h"
#include "metacore/server/ws_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 300

/* A digest of the events, so that two ways to cut the same bytes can be compared. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t step)
{
    mc__ws_parser parser = {.max = MAX};
    char *copy = malloc(size ? size : 1);
    uint64_t digest = 1469598103934665603u;
    size_t pos = 0;
    bool is_broken = false;

    if (!copy)
        return 0;
    memcpy(copy, data, size);
    while (pos < size && !is_broken) {
        char *at = copy + pos, *end = copy + (size - pos < step ? size : pos + step);
        mc__ws_event event;

        pos = (size_t)(end - copy);
        while (!is_broken && (event = mc__ws_read(&parser, &at, end)).kind != MC__WS_MORE) {
            is_broken = event.kind == MC__WS_BROKEN;
            if (event.payload.len > MAX)
                abort(); /* over the limit */
            if (event.kind == MC__WS_TEXT && !mc_utf8_is_valid(event.payload))
                abort();
            if (event.kind == MC__WS_CLOSE && event.code != MC_CLOSE_NO_CODE &&
                !mc__ws_is_close_code(event.code))
                abort();
            digest = digest * 1099511628211u ^ (uint64_t)event.kind ^ (uint64_t)event.code << 8;
            for (size_t i = 0; i < event.payload.len; i++)
                digest = digest * 1099511628211u ^ (unsigned char)event.payload.ptr[i];
        }
    }
    mc__ws_parser_deinit(&parser);
    free(copy);
    return digest;
}

/* Whole, byte by byte and in sevens: always the same events. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = read_all(data, size, size ? size : 1);

    if (read_all(data, size, 1) != whole || read_all(data, size, 7) != whole)
        abort();
    return 0;
}
