/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/manifest/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_manifest *m = NULL;
    mc_manifest_problem *problems;
    size_t count;
    mc_err err;

    if (arena && mc_manifest_parse(mc_str_of((const char *)data, size), &m, &err) == MC_OK) {
        MC_IGNORE(mc_manifest_validate(m, MC_STR("2.0.0"), &err));
        MC_IGNORE(mc_manifest_check(m, MC_STR("2.0.0"), arena, &problems, &count, &err));
    }
    if (arena)
        MC_IGNORE(mc_manifest_check_shape(mc_str_of((const char *)data, size), arena, &problems,
                                          &count, &err));
    mc_manifest_free(m);
    mc_arena_free(arena);
    return 0;
}
