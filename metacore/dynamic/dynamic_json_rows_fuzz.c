/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_import_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is JSON as a whole has the same rows one by one, and what is no list of rows has none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_str text = mc_str_of((const char *)data, size);
    const mc_json *row, *whole;
    mc__json_rows rows;
    size_t count = 0;
    mc_code rc;
    mc_err err;

    if (!arena)
        return 0;
    mc__json_rows_init(&rows, text);
    text = mc_str_slice(text, rows.at, text.len);
    while (mc__json_rows_next(&rows, arena, &row, &err, &rc))
        count++;
    if (mc_json_parse(arena, text, NULL, &whole, &err) == MC_OK) {
        const mc_json *list =
            whole->kind == MC_JSON_ARRAY ? whole : mc_json_find(whole, MC_STR("data"));
        bool is_list = list && list->kind == MC_JSON_ARRAY;

        if (is_list != (rc == MC_OK) || (is_list && list->as.array.count != count))
            __builtin_trap();
    }
    mc_arena_free(arena);
    return 0;
}
