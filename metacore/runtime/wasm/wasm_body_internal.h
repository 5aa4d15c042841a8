/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_BODY_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_BODY_INTERNAL_H

/*
 * One function body being validated: the operand stack of types and the stack of open blocks, as
 * the standard's appendix "Validation Algorithm" has them.
 *
 * wasm_body.c walks; wasm_body_control.c knows blocks and branches; wasm_body_state.c variables,
 * memories, tables and references; wasm_body_simd.c vectors.
 */

#include "metacore/runtime/wasm/wasm_emit_internal.h"

typedef struct mc__wasm_frame {
    uint8_t opcode; /* of the instruction that opened it; 0: the function itself */
    bool is_dead;   /* behind an unconditional branch: operands are of any type */
    bool is_silent; /* opened in dead code: nothing of it is emitted */
    uint32_t label;
    uint32_t height;
    const mc__wasm_type *params;
    const mc__wasm_type *results;
    uint32_t param_count;
    uint32_t result_count;
} mc__wasm_frame;

typedef struct mc__wasm_body {
    mc_wasm_module *m;
    mc__wasm_reader *r;
    mc__wasm_emit *emit; /* NULL: validate only */
    uint32_t function;
    size_t at; /* offset of the current instruction */
    uint32_t local_count;
    uint32_t height;
    mc__wasm_type locals[MC_WASM_SLOTS_MAX];
    mc__wasm_type stack[MC_WASM_SLOTS_MAX];
    mc__wasm_frame *frames; /* heap; grows to MC_WASM_NESTING_MAX */
    uint32_t frame_count;
    uint32_t frame_capacity;
} mc__wasm_body;

/* ---- wasm_body.c ---- */

void mc__wasm_push(mc__wasm_body *b, mc__wasm_type type);
void mc__wasm_push_all(mc__wasm_body *b, const mc__wasm_type *types, uint32_t count);
/* The popped type; UNKNOWN for expected takes any. */
mc__wasm_type mc__wasm_pop(mc__wasm_body *b, mc__wasm_type expected);
void mc__wasm_pop_all(mc__wasm_body *b, const mc__wasm_type *types, uint32_t count);
bool mc__wasm_open(mc__wasm_body *b, uint8_t opcode, const mc__wasm_frame *types);
static inline mc__wasm_frame *mc__wasm_top(mc__wasm_body *b)
{
    return &b->frames[b->frame_count - 1];
}
/* Where to emit the current instruction, or NULL: nowhere. */
static inline mc__wasm_emit *mc__wasm_emitting(mc__wasm_body *b)
{
    const mc__wasm_frame *top = mc__wasm_top(b);

    return mc__wasm_failed(b->r) || top->is_dead || top->is_silent ? NULL : b->emit;
}
/* What follows cannot be reached. */
void mc__wasm_set_dead(mc__wasm_body *b);
/* The alignment and offset of an access; the alignment is checked, the offset may be any. */
uint32_t mc__wasm_read_access(mc__wasm_body *b, const mc__wasm_op *op);
/* An index that must be below count; 0 when it is not (then failed). */
uint32_t mc__wasm_read_index(mc__wasm_body *b, uint32_t count, const char *what);

/* ---- one instruction each; false: the opcode is none of theirs ---- */

bool mc__wasm_step_control(mc__wasm_body *b, uint32_t opcode);
bool mc__wasm_step_state(mc__wasm_body *b, uint32_t opcode);
/* What is behind prefix 0xfd, whatever it is. */
void mc__wasm_step_simd(mc__wasm_body *b);

#endif
