/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_STORE_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_STORE_INTERNAL_H

#include "metacore/base/map.h"
#include "metacore/runtime/wasm/wasm_instance_internal.h"

#include <signal.h>

/* A base, an address of 32 bits, an offset of 32 bits, and the width of an access. */
#define MC__WASM_RESERVED_BYTES (((size_t)8 << 30) + 65536)

typedef struct mc__wasm_way_out {
    void *buf[5]; /* of __builtin_setjmp: no system call, and no library in between */
    struct mc__wasm_way_out *outer;
} mc__wasm_way_out;

struct mc__wasm_store {
    uint32_t max_pages;
    uint32_t max_table_entries;
    mcw_runtime runtime;
    mcw_value *results;
    mc_arena *arena; /* keys of types */
    mc_map types;
    mc__wasm_memory *memories;
    mc__wasm_way_out *out; /* of the innermost call; NULL: no guest runs */
    uint32_t trap;
    uint8_t *stack; /* guard first, then what is usable */
    uint8_t *signal_stack;
    stack_t old_signal_stack;
    struct sigaction old_segv, old_bus;
    bool is_catching;
};

/* wasm_bulk.c: fills store->runtime. */
void mc__wasm_runtime_init(mc__wasm_store *store);

#endif
