/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_EMIT_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_EMIT_INTERNAL_H

/*
 * C text for function bodies, written while they are validated.
 *
 * The text is made of our words and of numbers; no string of the module reaches it. Operands live
 * in variables named by type and height: si3 is an i32 at height 3 (sl i64, sf f32, sd f64, sr a
 * reference, sv a vector), so that blocks and branches become labels, moves and gotos. Locals are
 * aN, functions wN, globals gN, types tN, labels LN and EN (an else). I is the instance, M its
 * memory.
 *
 * Heights in what follows are those of the first operand or result.
 */

#include "metacore/base/buf.h"
#include "metacore/runtime/wasm/wasm_ops_internal.h"

#define MC__WASM_CHUNK_FUNCTIONS 300
#define MC__WASM_CHUNK_BYTES ((size_t)1 << 20) /* a chunk ends with the function that passes it */
#define MC__WASM_TEXT_MAX ((size_t)256 << 20)  /* of all chunks */
#define MC__WASM_FUNCTION_TEXT_MAX ((size_t)64 << 20)

/* Takes one file of the text; name is a plain file name of ours, text is borrowed. */
typedef mc_code (*mc__wasm_text_fn)(void *user, const char *name, mc_str text, mc_err *err);

typedef struct mc__wasm_emit mc__wasm_emit;

mc__wasm_emit *mc__wasm_emit_new(mc__wasm_text_fn take, void *user);
void mc__wasm_emit_free(mc__wasm_emit *e);
/* Validates bytes as mc_wasm_module_read does and gives out their text file by file. */
mc_code mc__wasm_translate(mc_str bytes, mc__wasm_text_fn take, void *user, mc_wasm_module **out,
                           mc_err *err);

/* ---- called by the validator, in the order of the code; errors stick until end_function ---- */

/* False without memory. */
bool mc__wasm_emit_begin(mc__wasm_emit *e, const mc_wasm_module *m);
void mc__wasm_emit_begin_function(mc__wasm_emit *e, uint32_t function, const mc__wasm_type *locals,
                                  uint32_t local_count);
mc_code mc__wasm_emit_end_function(mc__wasm_emit *e, mc_err *err);
mc_code mc__wasm_emit_finish(mc__wasm_emit *e, mc_err *err);

/* A branch: where its values are, and what it goes to. */
typedef struct mc__wasm_target {
    uint32_t label;
    bool is_function; /* then it returns */
    uint32_t height;  /* where the target wants the values */
    const mc__wasm_type *types;
    uint32_t count;
} mc__wasm_target;

uint32_t mc__wasm_emit_label(mc__wasm_emit *e);                        /* a new one */
void mc__wasm_emit_place(mc__wasm_emit *e, char kind, uint32_t label); /* 'L' or 'E' */
void mc__wasm_emit_goto(mc__wasm_emit *e, uint32_t label);
void mc__wasm_emit_if(mc__wasm_emit *e, uint32_t condition, uint32_t label);
void mc__wasm_emit_branch(mc__wasm_emit *e, uint32_t height, const mc__wasm_target *to);
void mc__wasm_emit_branch_if(mc__wasm_emit *e, uint32_t condition, uint32_t height,
                             const mc__wasm_target *to);
void mc__wasm_emit_switch(mc__wasm_emit *e, uint32_t selector);
/* i UINT32_MAX: the default, which ends the switch. */
void mc__wasm_emit_case(mc__wasm_emit *e, uint32_t i, uint32_t height, const mc__wasm_target *to);
void mc__wasm_emit_unreachable(mc__wasm_emit *e);
void mc__wasm_emit_call(mc__wasm_emit *e, uint32_t function, uint32_t height);
void mc__wasm_emit_call_indirect(mc__wasm_emit *e, uint32_t type, uint32_t table, uint32_t selector,
                                 uint32_t height);

void mc__wasm_emit_plain(mc__wasm_emit *e, const mc__wasm_op *op, uint32_t offset, uint32_t height);
/* What an instruction of vectors says beside its operands, where it says it. */
typedef struct mc__wasm_vector_immediates {
    uint32_t offset;
    uint8_t lane;
    const uint8_t *bytes; /* 16 */
} mc__wasm_vector_immediates;

void mc__wasm_emit_vector(mc__wasm_emit *e, const mc__wasm_op *op,
                          const mc__wasm_vector_immediates *immediates, uint32_t height);
void mc__wasm_emit_const(mc__wasm_emit *e, mc__wasm_type type, uint64_t bits, uint32_t height);
void mc__wasm_emit_select(mc__wasm_emit *e, mc__wasm_type type, uint32_t height);
/* is_get: to the operand at height; else from it. */
void mc__wasm_emit_local(mc__wasm_emit *e, bool is_get, mc__wasm_type type, uint32_t index,
                         uint32_t height);
void mc__wasm_emit_global(mc__wasm_emit *e, bool is_get, uint32_t index, uint32_t height);
void mc__wasm_emit_ref_is_null(mc__wasm_emit *e, uint32_t height);
void mc__wasm_emit_ref_func(mc__wasm_emit *e, uint32_t function, uint32_t height);
/* Bulk operations by opcode; a and b are their indices in the order of the binary format. */
void mc__wasm_emit_bulk(mc__wasm_emit *e, uint32_t opcode, uint32_t a, uint32_t b, uint32_t height);

#endif
