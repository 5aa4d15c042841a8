/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is the Content-Type, the rest the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str input = mc_str_of((const char *)data, size);
    size_t line = mc_str_find_char(input, 0, '\n');
    mc_str body = mc_str_slice(input, line + 1, size);
    mc_arena *arena = mc_arena_new(0);
    const mc_http_part *parts;
    size_t count, total = 0;
    mc_err err;

    if (!arena)
        return 0;
    if (mc_http_multipart_parse(arena, mc_str_slice(input, 0, line), body, &parts, &count, &err) ==
        MC_OK) {
        for (size_t i = 0; i < count; i++)
            total += parts[i].data.len + parts[i].content_type.len;
        if (total > body.len || count > MC_HTTP_PARTS_MAX)
            __builtin_trap(); /* parts overlap */
    }
    mc_arena_free(arena);
    return 0;
}
