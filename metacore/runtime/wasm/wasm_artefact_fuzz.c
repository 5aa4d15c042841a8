/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of compiled code that was brought from elsewhere, before anything of it is believed. */
#include "metacore/base/arena.h"
#include "metacore/base/encode.h"
#include "metacore/base/json.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new((size_t)256 << 10);
    mc__wasm_artefact_head head;
    const mc_json *about;
    mc_str signature, text;
    mc_err err;

    if (arena && mc__wasm_artefact_split(mc_str_of((const char *)data, size), &head)) {
        if (head.object_at > size)
            __builtin_trap(); /* what follows would be read from there */
        (void)mc_hex_parse(arena, head.signature, &signature);
        if (mc_json_parse(arena, head.about, NULL, &about, &err) == MC_OK)
            (void)mc_json_get_str(mc_json_find(about, MC_STR("module")), &text);
    }
    mc_arena_free(arena);
    return 0;
}
