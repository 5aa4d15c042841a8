/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of 128 bits: the instructions behind prefix 0xfd. */
#include "metacore/runtime/wasm/wasm_body_internal.h"

enum {
    OP_CONST = 0x0c,
    OP_SHUFFLE = 0x0d,
    OP_RELAXED = 0x100, /* the first of another feature's */
};

static void refuse(mc__wasm_body *b, uint32_t opcode)
{
    if (opcode >= OP_RELAXED && opcode < 2 * OP_RELAXED)
        mc__wasm_refuse(b->r, MC_NOT_PROVIDED, b->at, "not supported: relaxed SIMD, opcode 0xfd %u",
                        opcode);
    else
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "illegal opcode 0xfd %u", opcode);
}

/* 16 bytes, or NULL: a constant, or the lanes that a shuffle takes from two vectors. */
static const uint8_t *read_bytes(mc__wasm_body *b, uint32_t opcode)
{
    const uint8_t *bytes = mc__wasm_read_bytes(b->r, 16);

    for (size_t i = 0; bytes && opcode == OP_SHUFFLE && i < 16; i++) {
        if (bytes[i] >= 32)
            mc__wasm_refuse(b->r, MC_INVALID, b->at, "invalid lane index %u of a shuffle",
                            bytes[i]);
    }
    return bytes;
}

static uint8_t read_lane(mc__wasm_body *b, const mc__wasm_op *op)
{
    uint8_t lane = mc__wasm_read_byte(b->r);

    if (!mc__wasm_failed(b->r) && lane >= op->lanes)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "invalid lane index %u of %s", lane, op->name);
    return lane;
}

void mc__wasm_step_simd(mc__wasm_body *b)
{
    uint32_t opcode = mc__wasm_read_u32(b->r);
    const mc__wasm_op *op = mc__wasm_simd_find(opcode);
    mc__wasm_vector_immediates immediates = {0};

    if (mc__wasm_failed(b->r))
        return;
    if (!op) {
        refuse(b, opcode);
        return;
    }
    if (op->access)
        immediates.offset = mc__wasm_read_access(b, op);
    if (op->lanes)
        immediates.lane = read_lane(b, op);
    if (opcode == OP_CONST || opcode == OP_SHUFFLE)
        immediates.bytes = read_bytes(b, opcode);
    for (size_t n = strlen(op->params); n-- > 0;)
        (void)mc__wasm_pop(b, mc__wasm_type_of_letter(op->params[n])); /* only the check */
    if (mc__wasm_emitting(b))
        mc__wasm_emit_vector(b->emit, op, &immediates, b->height);
    if (op->result)
        mc__wasm_push(b, mc__wasm_type_of_letter(op->result));
}
