/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/review/review.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A manifest, and behind a NUL a migration, and behind another one a module. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mc_str names[] = {MC_STR_INIT("backend/backend.wasm"),
                                   MC_STR_INIT("migrations/0001.sql")};
    mc_str rest = mc_str_of((const char *)data, size);
    mc_str manifest = mc_str_slice(rest, 0, mc_str_find_char(rest, 0, '\0'));
    mc_str sql, module;
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_bundle_file files[2];
    mc_bundle bundle = {.files = files, .file_count = 2, .manifest = manifest};
    mc_review review;
    mc_buf out;
    mc_err err;

    rest = mc_str_slice(rest, manifest.len + 1, rest.len);
    sql = mc_str_slice(rest, 0, mc_str_find_char(rest, 0, '\0'));
    module = mc_str_slice(rest, sql.len + 1, rest.len);
    files[0] = (mc_bundle_file){.name = names[0], .data = module};
    files[1] = (mc_bundle_file){.name = names[1], .data = sql};
    if (arena) {
        mc_buf_init_arena(&out, arena, 0);
        MC_IGNORE(mc_review_bundle(&bundle, MC_STR("2.0.0"), arena, &review, &err));
        MC_IGNORE(mc_review_summary(&bundle, arena, &out, &err));
    }
    mc_arena_free(arena);
    return 0;
}
