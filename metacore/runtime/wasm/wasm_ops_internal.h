/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_OPS_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_OPS_INTERNAL_H

/*
 * The table of plain instructions, which validator and emitter share.
 *
 * Opcodes of one byte are that byte; those behind prefix 0xfc are 0x100 + n. Those of vectors,
 * behind 0xfd, have a table of their own.
 */

#include "metacore/runtime/wasm/wasm_internal.h"

#define MC__WASM_OP_COUNT 0x112
#define MC__WASM_SIMD_COUNT 0x100

typedef struct mc__wasm_op {
    const char *name;
    const char *params; /* a letter per operand: i l f d v for i32 i64 f32 f64 v128 */
    char result;        /* 0: none */
    uint8_t access;     /* 0: not a memory access; else 1 + log2 of its width in bytes */
    const char *c;      /* the expression, or of an access the C type in memory; NULL: of vectors */
    uint8_t lanes;      /* of vectors: how many there are to name one of; 0: names none */
} mc__wasm_op;

/* NULL when the opcode is not a plain instruction. */
const mc__wasm_op *mc__wasm_op_find(uint32_t opcode);
/* By what follows prefix 0xfd; NULL when it is no instruction of fixed-width SIMD. */
const mc__wasm_op *mc__wasm_simd_find(uint32_t opcode);
mc__wasm_type mc__wasm_type_of_letter(char letter);

#endif
