/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on vectors in C: calls of functions that are named as the instructions are. */
#include "metacore/runtime/wasm/wasm_emitter_internal.h"

/* Only chunks with vectors pay for reading what they need. */
static void include_operations(mc__wasm_emit *e)
{
    if (e->vector_chunk == e->chunk_number)
        return;
    e->vector_chunk = e->chunk_number;
    mc_buf_lit(&e->declarations, "#include \"wasm_guest_v128_internal.h\"\n");
}

static void put_name(mc__wasm_emit *e, const char *name)
{
    mc_buf_lit(&e->code, "x_");
    for (; *name; name++) {
        if (*name == '.')
            mc_buf_char(&e->code, '_');
        else
            mc_buf_char(&e->code, *name);
    }
}

/* Behind an operation's name and what opens its arguments. */
static void put_operands(mc__wasm_emit *e, const mc__wasm_op *op,
                         const mc__wasm_vector_immediates *immediates, uint32_t height)
{
    const char *separator = "";

    for (uint32_t i = 0; op->params[i]; i++) {
        mc__wasm_type type = mc__wasm_type_of_letter(op->params[i]);

        mc__wasm_put(e, separator);
        if (i == 0 && op->access)
            mc__wasm_put(e, "M + (u64)%S + %uu", MC__WASM_I32, height, immediates->offset);
        else
            mc__wasm_put(e, type == MC__WASM_V128 ? "V(%S)" : "%S", type, height + i);
        separator = ", ";
    }
    if (op->lanes)
        mc__wasm_put(e, ", %u", (uint32_t)immediates->lane);
}

static uint64_t half(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* A constant goes as two halves; a shuffle's lanes one by one, for compilers that must see them. */
static void put_bytes(mc__wasm_emit *e, const mc__wasm_op *op, const uint8_t *bytes)
{
    if (!*op->params) {
        mc__wasm_put(e, "%x, %x", half(bytes), half(bytes + 8));
        return;
    }
    for (size_t i = 0; i < 16; i++)
        mc__wasm_put(e, ", %u", (uint32_t)bytes[i]);
}

/* ---- shuffles: those of wider lanes, and those that are no single step ---- */

static bool has_lanes(const uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < 16; i++) {
        if (bytes[i] % size != i % size || bytes[i] / size != bytes[i - i % size] / size)
            return false;
    }
    return true;
}

/* Every step-th byte. */
static bool is_series(const uint8_t *bytes, unsigned start, unsigned step)
{
    for (unsigned i = 0; i < 16; i++) {
        if (bytes[i] != start + i * step)
            return false;
    }
    return true;
}

/* The bytes of two halves in turns. */
static bool is_zip(const uint8_t *bytes)
{
    for (unsigned i = 2; i < 16; i++) {
        if (bytes[i] != bytes[i - 2] + 1)
            return false;
    }
    return bytes[0] % 16 == bytes[1] % 16 && bytes[0] % 8 == 0;
}

static const char *shuffle_name(const uint8_t *bytes)
{
    if (has_lanes(bytes, 8))
        return "shuffle64";
    if (has_lanes(bytes, 4))
        return "shuffle32";
    if (has_lanes(bytes, 2))
        return "shuffle16";
    return is_zip(bytes) || is_series(bytes, 0, 2) || is_series(bytes, 1, 2) ||
                   is_series(bytes, bytes[0], 0)
               ? "i8x16_shuffle"
               : "shuffle_any";
}

void mc__wasm_emit_vector(mc__wasm_emit *e, const mc__wasm_op *op,
                          const mc__wasm_vector_immediates *immediates, uint32_t height)
{
    mc__wasm_type result = mc__wasm_type_of_letter(op->result);
    bool gives_vector = op->result && result == MC__WASM_V128;

    include_operations(e);
    if (gives_vector)
        mc__wasm_put(e, "V_SET(%S, ", result, height);
    else if (op->result)
        mc__wasm_put(e, "%S = ", result, height);
    put_name(e, *op->params && immediates->bytes ? shuffle_name(immediates->bytes) : op->name);
    mc__wasm_put(e, gives_vector ? ", " : "(");
    put_operands(e, op, immediates, height);
    if (immediates->bytes)
        put_bytes(e, op, immediates->bytes);
    mc__wasm_put(e, ");\n");
}
