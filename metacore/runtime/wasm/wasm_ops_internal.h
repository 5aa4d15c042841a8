/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_OPS_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_OPS_INTERNAL_H

/*
 * The table of plain instructions, which validator and emitter share.
 *
 * Opcodes of one byte are that byte; those behind prefix 0xfc are 0x100 + n.
 */

#include "metacore/runtime/wasm/wasm_internal.h"

#define MC__WASM_OP_COUNT 0x112

typedef struct mc__wasm_op {
    const char *name;
    const char *params; /* a letter per operand: i l f d for i32 i64 f32 f64 */
    char result;        /* 0: none */
    uint8_t access;     /* 0: not a memory access; else 1 + log2 of its width in bytes */
    const char *c;      /* the expression, or of an access the C type in memory */
} mc__wasm_op;

/* NULL when the opcode is not a plain instruction. */
const mc__wasm_op *mc__wasm_op_find(uint32_t opcode);
mc__wasm_type mc__wasm_type_of_letter(char letter);

#endif
