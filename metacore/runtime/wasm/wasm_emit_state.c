/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic, constants, variables, references and bulk operations in C. */
#include "metacore/runtime/wasm/wasm_emitter_internal.h"

/* The expression of the table, with the operands in place of $0 and $1. */
static void put_expression(mc__wasm_emit *e, const mc__wasm_op *op, uint32_t height)
{
    const char *at = op->c, *stop;

    for (; (stop = strchr(at, '$')); at = stop + 2) {
        unsigned n = (unsigned)(stop[1] - '0');

        mc_buf_bytes(&e->code, at, (size_t)(stop - at));
        mc__wasm_put(e, "%S", mc__wasm_type_of_letter(op->params[n]), height + n);
    }
    mc_buf_str(&e->code, mc_z(at));
}

void mc__wasm_emit_plain(mc__wasm_emit *e, const mc__wasm_op *op, uint32_t offset, uint32_t height)
{
    mc__wasm_type result = mc__wasm_type_of_letter(op->result);

    if (!op->access) {
        mc__wasm_put(e, "%S = ", result, height);
        put_expression(e, op, height);
        mc__wasm_put(e, ";\n");
    } else if (op->result) {
        bool is_float = result == MC__WASM_F32 || result == MC__WASM_F64;

        mc__wasm_put(e, is_float ? "X_LOADF(%S, %s, %S, %uu);\n" : "X_LOAD(%S, %s, %S, %uu);\n",
                     result, height, op->c, MC__WASM_I32, height, offset);
    } else {
        mc__wasm_put(e, "X_STORE(%s, %S, %uu, %S);\n", op->c, MC__WASM_I32, height, offset,
                     mc__wasm_type_of_letter(op->params[1]), height + 1);
    }
}

void mc__wasm_emit_const(mc__wasm_emit *e, mc__wasm_type type, uint64_t bits, uint32_t height)
{
    switch (type) {
    case MC__WASM_F32:
        mc__wasm_put(e, "%S = x_f32(%x);\n", type, height, bits);
        break;
    case MC__WASM_F64:
        mc__wasm_put(e, "%S = x_f64(%x);\n", type, height, bits);
        break;
    case MC__WASM_I32:
        mc__wasm_put(e, "%S = %uu;\n", type, height, (uint32_t)bits);
        break;
    case MC__WASM_I64:
        mc__wasm_put(e, "%S = %x;\n", type, height, bits);
        break;
    default: /* a null reference */
        mc__wasm_put(e, "%S = 0;\n", type, height);
    }
}

void mc__wasm_emit_select(mc__wasm_emit *e, mc__wasm_type type, uint32_t height)
{
    if (type == MC__WASM_V128) /* a structure to tcc, which picks none by an expression */
        mc__wasm_put(e, "if (!%S) %S = %S;\n", MC__WASM_I32, height + 2, type, height, type,
                     height + 1);
    else
        mc__wasm_put(e, "%S = %S ? %S : %S;\n", type, height, MC__WASM_I32, height + 2, type,
                     height, type, height + 1);
}

void mc__wasm_emit_local(mc__wasm_emit *e, bool is_get, mc__wasm_type type, uint32_t index,
                         uint32_t height)
{
    if (is_get)
        mc__wasm_put(e, "%S = a%u;\n", type, height, index);
    else
        mc__wasm_put(e, "a%u = %S;\n", index, type, height);
}

void mc__wasm_emit_global(mc__wasm_emit *e, bool is_get, uint32_t index, uint32_t height)
{
    mc__wasm_type type = e->m->globals[index].type;

    if (is_get)
        mc__wasm_put(e, "%S = %G;\n", type, height, index);
    else
        mc__wasm_put(e, "%G = %S;\n", index, type, height);
}

void mc__wasm_emit_ref_is_null(mc__wasm_emit *e, uint32_t height)
{
    mc__wasm_put(e, "%S = %S == 0;\n", MC__WASM_I32, height, MC__WASM_FUNCREF, height);
}

void mc__wasm_emit_ref_func(mc__wasm_emit *e, uint32_t function, uint32_t height)
{
    if (function < e->m->function_import_count)
        mc__wasm_put(e, "%S = (ref)I->imports[%u];\n", MC__WASM_FUNCREF, height, function);
    else
        mc__wasm_put(e, "%S = (ref)&I->functions[%u];\n", MC__WASM_FUNCREF, height,
                     function - e->m->function_import_count);
}

/*
 * How each bulk operation reads, by opcode: # the first operand's slot, as the letter behind it
 * says, and so on upwards; @ and & the first and second index of the instruction.
 */
static const struct {
    uint16_t opcode;
    const char *c;
} bulk[] = {
    {0x25, "#r = x_table_get(I, I->tables[@], 0i);\n"},
    {0x26, "x_table_set(I, I->tables[@], 0i, 1r);\n"},
    {0x3f, "#i = (u32)(I->memory->bytes >> 16);\n"},
    {0x40, "#i = I->rt->memory_grow(I, 0i);\n"},
    {0x108, "I->rt->memory_init(I, @, 0i, 1i, 2i);\n"},
    {0x109, "I->rt->data_drop(I, @);\n"},
    {0x10a, "x_memory_copy(I, 0i, 1i, 2i);\n"},
    {0x10b, "x_memory_fill(I, 0i, 1i, 2i);\n"},
    {0x10c, "I->rt->table_init(I, &, @, 0i, 1i, 2i);\n"},
    {0x10d, "I->rt->elem_drop(I, @);\n"},
    {0x10e, "x_table_copy(I, I->tables[@], I->tables[&], 0i, 1i, 2i);\n"},
    {0x10f, "#i = I->rt->table_grow(I, @, 0r, 1i);\n"},
    {0x110, "#i = I->tables[@]->size;\n"},
    {0x111, "x_table_fill(I, I->tables[@], 0i, 1r, 2i);\n"},
};

/* A template's slot: 'i' or 'r' behind a digit. */
static mc__wasm_type slot_type(char letter)
{
    return letter == 'r' ? MC__WASM_FUNCREF : MC__WASM_I32;
}

void mc__wasm_emit_bulk(mc__wasm_emit *e, uint32_t opcode, uint32_t a, uint32_t b, uint32_t height)
{
    const char *c = "";

    for (size_t i = 0; i < MC_LEN(bulk); i++) {
        if (bulk[i].opcode == opcode)
            c = bulk[i].c;
    }
    for (; *c; c++) {
        if (*c == '@')
            mc__wasm_put(e, "%u", a);
        else if (*c == '&')
            mc__wasm_put(e, "%u", b);
        else if (*c == '#') {
            mc__wasm_put(e, "%S", slot_type(c[1]), height);
            c++;
        } else if (*c >= '0' && *c <= '2' && (c[1] == 'i' || c[1] == 'r')) {
            mc__wasm_put(e, "%S", slot_type(c[1]), height + (uint32_t)(*c - '0'));
            c++;
        } else
            mc_buf_char(&e->code, *c);
    }
}
