/* SPDX-License-Identifier: Apache-2.0 */
/* Constant expressions: a constant, ref.func, ref.null or an imported immutable global. */
#include "metacore/runtime/wasm/wasm_internal.h"

void mc__wasm_declare(mc_wasm_module *m, uint32_t function)
{
    if (m->is_declared)
        m->is_declared[function / 8] |= (uint8_t)(1u << (function % 8));
}

bool mc__wasm_is_declared(const mc_wasm_module *m, uint32_t function)
{
    return m->is_declared && (m->is_declared[function / 8] >> (function % 8)) & 1;
}

static mc__wasm_type read_global(const mc_wasm_module *m, mc__wasm_reader *r, size_t start,
                                 mc__wasm_const *out)
{
    out->kind = MC__WASM_CONST_GLOBAL;
    out->index = mc__wasm_read_u32(r);
    if (mc__wasm_failed(r))
        return MC__WASM_UNKNOWN;
    if (out->index >= m->global_count) {
        mc__wasm_refuse(r, MC_INVALID, start, "unknown global %u", out->index);
        return MC__WASM_UNKNOWN;
    }
    if (out->index >= m->global_import_count) {
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start,
                        "extended constant expressions are not supported: global.get %u",
                        out->index);
        return MC__WASM_UNKNOWN;
    }
    if (m->globals[out->index].is_mutable)
        mc__wasm_refuse(r, MC_INVALID, start, "constant expression required: mutable global %u",
                        out->index);
    return m->globals[out->index].type;
}

static mc__wasm_type read_func(mc_wasm_module *m, mc__wasm_reader *r, size_t start,
                               mc__wasm_const *out)
{
    out->kind = MC__WASM_CONST_FUNC;
    out->index = mc__wasm_read_u32(r);
    if (mc__wasm_failed(r))
        return MC__WASM_UNKNOWN;
    if (out->index >= m->function_count)
        mc__wasm_refuse(r, MC_INVALID, start, "unknown function %u", out->index);
    else
        mc__wasm_declare(m, out->index);
    return MC__WASM_FUNCREF;
}

static mc__wasm_type read_vector(mc__wasm_reader *r, size_t start, mc__wasm_const *out)
{
    uint32_t opcode = mc__wasm_read_u32(r);

    if (!mc__wasm_failed(r) && opcode != 0x0c)
        mc__wasm_refuse(r, MC_INVALID, start, "constant expression required");
    out->kind = MC__WASM_CONST_V128;
    out->index = (uint32_t)r->at;
    (void)mc__wasm_read_bytes(r, 16); /* checked only: they stay where they are */
    return MC__WASM_V128;
}

/* The one instruction; its type. */
static mc__wasm_type read_instruction(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_const *out)
{
    size_t start = r->at;
    uint8_t opcode = mc__wasm_read_byte(r);

    switch (opcode) {
    case 0x23:
        return read_global(m, r, start, out);
    case 0x41:
        out->bits = (uint32_t)mc__wasm_read_s32(r);
        return MC__WASM_I32;
    case 0x42:
        out->bits = (uint64_t)mc__wasm_read_s64(r);
        return MC__WASM_I64;
    case 0x43:
        out->bits = mc__wasm_read_fixed32(r);
        return MC__WASM_F32;
    case 0x44:
        out->bits = mc__wasm_read_fixed64(r);
        return MC__WASM_F64;
    case 0xd0:
        return mc__wasm_read_ref_type(r);
    case 0xd2:
        return read_func(m, r, start, out);
    case 0xfb:
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start, "garbage collection is not supported");
        break;
    case 0xfd:
        return read_vector(r, start, out);
    default:
        mc__wasm_refuse(r, MC_INVALID, start, "constant expression required");
    }
    return MC__WASM_UNKNOWN;
}

mc__wasm_const mc__wasm_read_const(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_type type)
{
    size_t start = r->at;
    mc__wasm_const out = {0};
    mc__wasm_type found = read_instruction(m, r, &out);
    uint8_t next = mc__wasm_read_byte(r);

    if (mc__wasm_failed(r))
        return out;
    if ((next >= 0x6a && next <= 0x7e) || next == 0x41 || next == 0x42 || next == 0x23)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, r->at - 1,
                        "extended constant expressions are not supported");
    else if (next != 0x0b)
        mc__wasm_refuse(r, MC_INVALID, r->at - 1, "constant expression required");
    else if (found != type)
        mc__wasm_refuse(r, MC_INVALID, start, "type mismatch: %s constant where %s is wanted",
                        mc__wasm_type_name(found), mc__wasm_type_name(type));
    return out;
}
