/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, variables, references, and whole memories and tables. */
#include "metacore/runtime/wasm/wasm_body_internal.h"

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

/* Takes i32 where the letter is i, else a reference of the table's type; gives an i32 or nothing.
 */
static void apply(mc__wasm_body *b, uint32_t opcode, uint32_t first, uint32_t second,
                  const char *params, mc__wasm_type ref, mc__wasm_type result)
{
    for (size_t n = strlen(params); n-- > 0;)
        (void)mc__wasm_pop(b, params[n] == 'i' ? MC__WASM_I32 : ref); /* only the check */
    if (mc__wasm_emitting(b))
        mc__wasm_emit_bulk(b->emit, opcode, first, second, b->height);
    if (result != MC__WASM_UNKNOWN)
        mc__wasm_push(b, result);
}

/* ---- constants ---- */

static void constant(mc__wasm_body *b, mc__wasm_type type, uint64_t bits)
{
    if (mc__wasm_emitting(b))
        mc__wasm_emit_const(b->emit, type, bits, b->height);
    mc__wasm_push(b, type);
}

static bool step_const(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_I32_CONST:
        constant(b, MC__WASM_I32, (uint32_t)mc__wasm_read_s32(b->r));
        return true;
    case OP_I64_CONST:
        constant(b, MC__WASM_I64, (uint64_t)mc__wasm_read_s64(b->r));
        return true;
    case OP_F32_CONST:
        constant(b, MC__WASM_F32, mc__wasm_read_fixed32(b->r));
        return true;
    case OP_F64_CONST:
        constant(b, MC__WASM_F64, mc__wasm_read_fixed64(b->r));
        return true;
    case OP_REF_NULL:
        constant(b, mc__wasm_read_ref_type(b->r), 0);
        return true;
    default:
        return false;
    }
}

/* ---- variables ---- */

static void step_local(mc__wasm_body *b, uint32_t opcode)
{
    uint32_t index = mc__wasm_read_index(b, b->local_count, "local");
    mc__wasm_type type;

    if (mc__wasm_failed(b->r))
        return;
    type = b->locals[index];
    if (opcode != OP_LOCAL_GET)
        (void)mc__wasm_pop(b, type); /* only the check */
    if (mc__wasm_emitting(b))
        mc__wasm_emit_local(b->emit, opcode == OP_LOCAL_GET, type, index, b->height);
    if (opcode != OP_LOCAL_SET) /* tee: the value is where it was */
        mc__wasm_push(b, type);
}

static void step_global(mc__wasm_body *b, uint32_t opcode)
{
    uint32_t index = mc__wasm_read_index(b, b->m->global_count, "global");
    mc__wasm_type type;

    if (mc__wasm_failed(b->r))
        return;
    type = b->m->globals[index].type;
    if (opcode == OP_GLOBAL_SET && !b->m->globals[index].is_mutable)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "global %u is immutable", index);
    if (opcode == OP_GLOBAL_SET)
        (void)mc__wasm_pop(b, type); /* only the check */
    if (mc__wasm_emitting(b))
        mc__wasm_emit_global(b->emit, opcode == OP_GLOBAL_GET, index, b->height);
    if (opcode == OP_GLOBAL_GET)
        mc__wasm_push(b, type);
}

/* ---- references ---- */

static bool step_reference(mc__wasm_body *b, uint32_t opcode)
{
    mc__wasm_type type;
    uint32_t function;

    switch (opcode) {
    case OP_REF_IS_NULL:
        type = mc__wasm_pop(b, MC__WASM_UNKNOWN);
        if (!mc__wasm_failed(b->r) && type != MC__WASM_UNKNOWN && !mc__wasm_is_ref(type))
            mc__wasm_refuse(b->r, MC_INVALID, b->at,
                            "type mismatch: %s where a reference is wanted",
                            mc__wasm_type_name(type));
        if (mc__wasm_emitting(b))
            mc__wasm_emit_ref_is_null(b->emit, b->height);
        mc__wasm_push(b, MC__WASM_I32);
        return true;
    case OP_REF_FUNC:
        function = mc__wasm_read_index(b, b->m->function_count, "function");
        if (!mc__wasm_failed(b->r) && !mc__wasm_is_declared(b->m, function))
            mc__wasm_refuse(b->r, MC_INVALID, b->at, "undeclared function reference %u", function);
        if (mc__wasm_emitting(b))
            mc__wasm_emit_ref_func(b->emit, function, b->height);
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
static uint32_t read_data_index(mc__wasm_body *b)
{
    if (!b->m->has_data_count) {
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "data count section required");
        return 0;
    }
    return mc__wasm_read_index(b, b->m->data_count, "data segment");
}

static bool step_memory(mc__wasm_body *b, uint32_t opcode)
{
    const char *params = "iii";
    mc__wasm_type result = MC__WASM_UNKNOWN;
    uint32_t segment = 0;

    if (opcode == OP_MEMORY_INIT || opcode == OP_DATA_DROP)
        segment = read_data_index(b);
    switch (opcode) {
    case OP_MEMORY_SIZE:
        params = "";
        result = MC__WASM_I32;
        break;
    case OP_MEMORY_GROW:
        params = "i";
        result = MC__WASM_I32;
        break;
    case OP_MEMORY_COPY:
        read_memory_index(b); /* the one it copies to; the other is read below */
        break;
    case OP_MEMORY_INIT:
    case OP_MEMORY_FILL:
        break;
    case OP_DATA_DROP:
        params = "";
        break;
    default:
        return false;
    }
    if (opcode != OP_DATA_DROP)
        read_memory_index(b);
    apply(b, opcode, segment, 0, params, MC__WASM_UNKNOWN, result);
    return true;
}

/* ---- tables ---- */

static void expect_types(mc__wasm_body *b, mc__wasm_type from, mc__wasm_type to)
{
    if (from != to)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: %s into a table of %s",
                        mc__wasm_type_name(from), mc__wasm_type_name(to));
}

static void step_table_init(mc__wasm_body *b)
{
    uint32_t element = mc__wasm_read_index(b, b->m->element_count, "element segment");
    uint32_t table = mc__wasm_read_index(b, b->m->table_count, "table");

    if (mc__wasm_failed(b->r))
        return;
    expect_types(b, b->m->elements[element].type, b->m->tables[table].type);
    apply(b, OP_TABLE_INIT, element, table, "iii", MC__WASM_UNKNOWN, MC__WASM_UNKNOWN);
}

static void step_table_copy(mc__wasm_body *b)
{
    uint32_t to = mc__wasm_read_index(b, b->m->table_count, "table");
    uint32_t from = mc__wasm_read_index(b, b->m->table_count, "table");

    if (mc__wasm_failed(b->r))
        return;
    expect_types(b, b->m->tables[from].type, b->m->tables[to].type);
    apply(b, OP_TABLE_COPY, to, from, "iii", MC__WASM_UNKNOWN, MC__WASM_UNKNOWN);
}

/* table.get, set, grow, size, fill: one table each. */
static void step_one_table(mc__wasm_body *b, uint32_t opcode, const char *params,
                           bool gives_reference, mc__wasm_type result)
{
    uint32_t index = mc__wasm_read_index(b, b->m->table_count, "table");
    mc__wasm_type type;

    if (mc__wasm_failed(b->r))
        return;
    type = b->m->tables[index].type;
    apply(b, opcode, index, 0, params, type, gives_reference ? type : result);
}

static bool step_table(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_TABLE_INIT:
        step_table_init(b);
        return true;
    case OP_ELEM_DROP: {
        uint32_t element = mc__wasm_read_index(b, b->m->element_count, "element segment");

        apply(b, opcode, element, 0, "", MC__WASM_UNKNOWN, MC__WASM_UNKNOWN);
        return true;
    }
    case OP_TABLE_COPY:
        step_table_copy(b);
        return true;
    case OP_TABLE_GET:
        step_one_table(b, opcode, "i", true, MC__WASM_UNKNOWN);
        return true;
    case OP_TABLE_SET:
        step_one_table(b, opcode, "ir", false, MC__WASM_UNKNOWN);
        return true;
    case OP_TABLE_GROW:
        step_one_table(b, opcode, "ri", false, MC__WASM_I32);
        return true;
    case OP_TABLE_SIZE:
        step_one_table(b, opcode, "", false, MC__WASM_I32);
        return true;
    case OP_TABLE_FILL:
        step_one_table(b, opcode, "iri", false, MC__WASM_UNKNOWN);
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
