/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, variables, references, and whole memories and tables. */
#include "metacore/runtime/wasm/wasm_body.h"

enum {
    OP_LOCAL_GET = 0x20,
    OP_LOCAL_SET = 0x21,
    OP_LOCAL_TEE = 0x22,
    OP_GLOBAL_GET = 0x23,
    OP_GLOBAL_SET = 0x24,
    OP_TABLE_GET = 0x25,
    OP_TABLE_SET = 0x26,
    OP_MEMORY_SIZE = 0x3f,
    OP_MEMORY_GROW = 0x40,
    OP_I32_CONST = 0x41,
    OP_I64_CONST = 0x42,
    OP_F32_CONST = 0x43,
    OP_F64_CONST = 0x44,
    OP_REF_NULL = 0xd0,
    OP_REF_IS_NULL = 0xd1,
    OP_REF_FUNC = 0xd2,
    OP_MEMORY_INIT = 0x108,
    OP_DATA_DROP = 0x109,
    OP_MEMORY_COPY = 0x10a,
    OP_MEMORY_FILL = 0x10b,
    OP_TABLE_INIT = 0x10c,
    OP_ELEM_DROP = 0x10d,
    OP_TABLE_COPY = 0x10e,
    OP_TABLE_GROW = 0x10f,
    OP_TABLE_SIZE = 0x110,
    OP_TABLE_FILL = 0x111,
};

/* Takes what letters name, the last on top, and gives what the other letter names. */
static void apply(mc__wasm_body *b, const char *params, char result)
{
    for (size_t n = strlen(params); n-- > 0;)
        (void)mc__wasm_pop(b, mc__wasm_type_of_letter(params[n])); /* only the check */
    if (result)
        mc__wasm_push(b, mc__wasm_type_of_letter(result));
}

/* ---- constants ---- */

static bool step_const(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_I32_CONST:
        (void)mc__wasm_read_s32(b->r);
        mc__wasm_push(b, MC__WASM_I32);
        return true;
    case OP_I64_CONST:
        (void)mc__wasm_read_s64(b->r);
        mc__wasm_push(b, MC__WASM_I64);
        return true;
    case OP_F32_CONST:
        (void)mc__wasm_read_fixed32(b->r);
        mc__wasm_push(b, MC__WASM_F32);
        return true;
    case OP_F64_CONST:
        (void)mc__wasm_read_fixed64(b->r);
        mc__wasm_push(b, MC__WASM_F64);
        return true;
    default:
        return false;
    }
}

/* ---- variables ---- */

static void step_local(mc__wasm_body *b, uint32_t opcode)
{
    uint32_t index = mc__wasm_read_index(b, b->local_count, "local");

    if (mc__wasm_failed(b->r))
        return;
    if (opcode != OP_LOCAL_GET)
        (void)mc__wasm_pop(b, b->locals[index]); /* only the check */
    if (opcode != OP_LOCAL_SET)
        mc__wasm_push(b, b->locals[index]);
}

static void step_global(mc__wasm_body *b, uint32_t opcode)
{
    uint32_t index = mc__wasm_read_index(b, b->m->global_count, "global");

    if (mc__wasm_failed(b->r))
        return;
    if (opcode == OP_GLOBAL_GET) {
        mc__wasm_push(b, b->m->globals[index].type);
        return;
    }
    if (!b->m->globals[index].is_mutable)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "global %u is immutable", index);
    (void)mc__wasm_pop(b, b->m->globals[index].type); /* only the check */
}

/* ---- references ---- */

static bool step_reference(mc__wasm_body *b, uint32_t opcode)
{
    mc__wasm_type type;
    uint32_t function;

    switch (opcode) {
    case OP_REF_NULL:
        mc__wasm_push(b, mc__wasm_read_ref_type(b->r));
        return true;
    case OP_REF_IS_NULL:
        type = mc__wasm_pop(b, MC__WASM_UNKNOWN);
        if (!mc__wasm_failed(b->r) && type != MC__WASM_UNKNOWN && !mc__wasm_is_ref(type))
            mc__wasm_refuse(b->r, MC_INVALID, b->at,
                            "type mismatch: %s where a reference is wanted",
                            mc__wasm_type_name(type));
        mc__wasm_push(b, MC__WASM_I32);
        return true;
    case OP_REF_FUNC:
        function = mc__wasm_read_index(b, b->m->function_count, "function");
        if (!mc__wasm_failed(b->r) && !mc__wasm_is_declared(b->m, function))
            mc__wasm_refuse(b->r, MC_INVALID, b->at, "undeclared function reference %u", function);
        mc__wasm_push(b, MC__WASM_FUNCREF);
        return true;
    default:
        return false;
    }
}

/* ---- memory ---- */

static void read_memory_index(mc__wasm_body *b)
{
    size_t start = b->r->at;
    uint8_t index = mc__wasm_read_byte(b->r);

    if (mc__wasm_failed(b->r))
        return;
    if (b->m->memory_count == 0)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "unknown memory %u", index);
    else if (index != 0)
        mc__wasm_refuse(b->r, MC_INVALID, start, "zero byte expected: there is one memory");
}

/* memory.init and data.drop come before the data: only the announced count can be checked. */
static void read_data_index(mc__wasm_body *b)
{
    if (!b->m->has_data_count) {
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "data count section required");
        return;
    }
    (void)mc__wasm_read_index(b, b->m->data_count, "data segment");
}

static bool step_memory(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_MEMORY_SIZE:
        read_memory_index(b);
        apply(b, "", 'i');
        return true;
    case OP_MEMORY_GROW:
        read_memory_index(b);
        apply(b, "i", 'i');
        return true;
    case OP_MEMORY_INIT:
        read_data_index(b);
        read_memory_index(b);
        apply(b, "iii", 0);
        return true;
    case OP_DATA_DROP:
        read_data_index(b);
        return true;
    case OP_MEMORY_COPY:
        read_memory_index(b);
        read_memory_index(b);
        apply(b, "iii", 0);
        return true;
    case OP_MEMORY_FILL:
        read_memory_index(b);
        apply(b, "iii", 0);
        return true;
    default:
        return false;
    }
}

/* ---- tables ---- */

static const mc__wasm_table *read_table_index(mc__wasm_body *b)
{
    uint32_t index = mc__wasm_read_index(b, b->m->table_count, "table");

    return mc__wasm_failed(b->r) ? NULL : &b->m->tables[index];
}

static void expect_types(mc__wasm_body *b, mc__wasm_type from, mc__wasm_type to)
{
    if (from != to)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: %s into a table of %s",
                        mc__wasm_type_name(from), mc__wasm_type_name(to));
}

static void step_table_init(mc__wasm_body *b)
{
    uint32_t element = mc__wasm_read_index(b, b->m->element_count, "element segment");
    const mc__wasm_table *table = read_table_index(b);

    if (!table)
        return;
    expect_types(b, b->m->elements[element].type, table->type);
    apply(b, "iii", 0);
}

static void step_table_copy(mc__wasm_body *b)
{
    const mc__wasm_table *to = read_table_index(b);
    const mc__wasm_table *from = to ? read_table_index(b) : NULL;

    if (!from)
        return;
    expect_types(b, from->type, to->type);
    apply(b, "iii", 0);
}

/* table.get, set, grow, size, fill: one table each. */
static void step_one_table(mc__wasm_body *b, uint32_t opcode)
{
    const mc__wasm_table *table = read_table_index(b);

    if (!table)
        return;
    switch (opcode) {
    case OP_TABLE_GET:
        apply(b, "i", 0);
        mc__wasm_push(b, table->type);
        break;
    case OP_TABLE_SET:
        (void)mc__wasm_pop(b, table->type); /* only the check, here and below */
        apply(b, "i", 0);
        break;
    case OP_TABLE_GROW:
        apply(b, "i", 0);
        (void)mc__wasm_pop(b, table->type);
        apply(b, "", 'i');
        break;
    case OP_TABLE_SIZE:
        apply(b, "", 'i');
        break;
    default:
        apply(b, "i", 0);
        (void)mc__wasm_pop(b, table->type);
        apply(b, "i", 0);
    }
}

static bool step_table(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_TABLE_INIT:
        step_table_init(b);
        return true;
    case OP_ELEM_DROP:
        (void)mc__wasm_read_index(b, b->m->element_count, "element segment");
        return true;
    case OP_TABLE_COPY:
        step_table_copy(b);
        return true;
    case OP_TABLE_GET:
    case OP_TABLE_SET:
    case OP_TABLE_GROW:
    case OP_TABLE_SIZE:
    case OP_TABLE_FILL:
        step_one_table(b, opcode);
        return true;
    default:
        return false;
    }
}

bool mc__wasm_step_state(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_LOCAL_GET:
    case OP_LOCAL_SET:
    case OP_LOCAL_TEE:
        step_local(b, opcode);
        return true;
    case OP_GLOBAL_GET:
    case OP_GLOBAL_SET:
        step_global(b, opcode);
        return true;
    default:
        return step_const(b, opcode) || step_reference(b, opcode) || step_memory(b, opcode) ||
               step_table(b, opcode);
    }
}
