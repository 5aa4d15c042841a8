/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/migrations/migrations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new(0);
    mc_migration_script script;
    mc_err err;

    if (arena)
        MC_IGNORE(mc_migration_parse(arena, mc_str_of((const char *)data, size), &script, &err));
    mc_arena_free(arena);
    return 0;
}
