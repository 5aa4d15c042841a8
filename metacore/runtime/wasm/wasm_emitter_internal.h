/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_EMITTER_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_EMITTER_INTERNAL_H

/* The emitter's state, and its one way to write. */

#include "metacore/runtime/wasm/wasm_emit_internal.h"

struct mc__wasm_emit {
    const mc_wasm_module *m;
    mc__wasm_text_fn take;
    void *user;

    mc_buf declarations; /* of the chunk: what its functions use */
    mc_buf chunk;        /* its finished functions */
    mc_buf code;         /* of the current function, behind its variables */
    uint32_t chunk_number;
    uint32_t chunk_functions;
    size_t total_bytes;
    /* The chunk (counted from 1) in which each was declared last. */
    uint32_t *function_chunk;
    uint32_t *global_chunk;
    uint32_t *type_chunk;
    uint32_t vector_chunk; /* the last that has vectors */

    uint32_t function;
    uint32_t next_label;
    const mc__wasm_type *locals;
    uint32_t local_count;
    uint32_t slot_count;              /* heights used so far */
    uint8_t slots[MC_WASM_SLOTS_MAX]; /* per height a bit for each letter used there */
};

/*
 * Formats into the current function's code:
 *   %u number   %s text of ours   %x 64 bits in hexadecimal
 *   %S slot (type, height)   %W function   %G global   %T type: declared in the chunk when new
 */
void mc__wasm_put(mc__wasm_emit *e, const char *fmt, ...);
/* The name of a type in C, and the member of mcw_value that holds it. */
const char *mc__wasm_c_type(mc__wasm_type type);
const char *mc__wasm_c_member(mc__wasm_type type);
/* Leaves the function with the values at height. */
void mc__wasm_put_return(mc__wasm_emit *e, uint32_t height);

#endif
