/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was parsed is written, and what was written must parse. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    const mc_json *value, *again;
    mc_buf text;
    mc_err err;

    if (arena &&
        mc_json_parse(arena, mc_str_of((const char *)data, size), NULL, &value, &err) == MC_OK) {
        mc_buf_init_arena(&text, arena, 0);
        mc_json_write_sorted(&text, value, arena);
        if (!mc_buf_failed(&text) &&
            mc_json_parse(arena, mc_buf_get(&text), NULL, &again, &err) == MC_INVALID)
            __builtin_trap();
    }
    mc_arena_free(arena);
    return 0;
}
