/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read and written again reads as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_str cells[16], again[16];
    size_t count, again_count;
    mc__csv csv, second;
    mc_code rc;
    mc_err err;
    mc_buf out;

    mc__csv_init(&csv, mc_str_of((const char *)data, size));
    while (arena && mc__csv_next(&csv, arena, cells, MC_LEN(cells), &count, &err, &rc)) {
        mc_buf_init_arena(&out, arena, 0);
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                mc_buf_char(&out, ',');
            mc__csv_write(&out, cells[i]);
        }
        second = (mc__csv){mc_buf_get(&out), 0, ','};
        if (!mc_buf_failed(&out) && count > 0 && out.len > 0 &&
            mc__csv_next(&second, arena, again, MC_LEN(again), &again_count, &err, &rc) &&
            (again_count != count || !mc_str_eq(again[0], cells[0])))
            __builtin_trap();
    }
    mc_arena_free(arena);
    return 0;
}
