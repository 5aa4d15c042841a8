/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = MC_STR("fuzz")};
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_strs statements;
    mc_err err;

    if (arena)
        MC_IGNORE(mc_sqlgate_migration(&config, arena, mc_str_of((const char *)data, size),
                                       &statements, &err));
    mc_arena_free(arena);
    return 0;
}
