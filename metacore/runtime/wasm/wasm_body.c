/* SPDX-License-Identifier: Apache-2.0 */
/* The code section: locals, the walk over instructions, and the operand stack. */
#include "metacore/runtime/wasm/wasm_body_internal.h"

#include <stdlib.h>

/* ---- the operand stack ---- */

void mc__wasm_push(mc__wasm_body *b, mc__wasm_type type)
{
    if (mc__wasm_failed(b->r))
        return;
    if (b->height + b->local_count >= MC_WASM_SLOTS_MAX) {
        mc__wasm_refuse(b->r, MC_TOO_LARGE, b->at,
                        "function %u has more than %d locals and operands", b->function,
                        MC_WASM_SLOTS_MAX);
        return;
    }
    b->stack[b->height++] = type;
}

void mc__wasm_push_all(mc__wasm_body *b, const mc__wasm_type *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mc__wasm_push(b, types[i]);
}

mc__wasm_type mc__wasm_pop(mc__wasm_body *b, mc__wasm_type expected)
{
    const mc__wasm_frame *frame = mc__wasm_top(b);
    mc__wasm_type found;

    if (mc__wasm_failed(b->r))
        return MC__WASM_UNKNOWN;
    if (b->height == frame->height) {
        if (!frame->is_dead)
            mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: nothing where %s is wanted",
                            mc__wasm_type_name(expected));
        return MC__WASM_UNKNOWN;
    }
    found = b->stack[--b->height];
    if (found != expected && found != MC__WASM_UNKNOWN && expected != MC__WASM_UNKNOWN)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: %s where %s is wanted",
                        mc__wasm_type_name(found), mc__wasm_type_name(expected));
    return found;
}

void mc__wasm_pop_all(mc__wasm_body *b, const mc__wasm_type *types, uint32_t count)
{
    while (count-- > 0)
        (void)mc__wasm_pop(b, types[count]); /* only the check is wanted */
}

void mc__wasm_set_dead(mc__wasm_body *b)
{
    mc__wasm_frame *frame = mc__wasm_top(b);

    if (mc__wasm_failed(b->r))
        return;
    b->height = frame->height;
    frame->is_dead = true;
}

bool mc__wasm_open(mc__wasm_body *b, uint8_t opcode, const mc__wasm_frame *types)
{
    mc__wasm_frame *frame;

    if (mc__wasm_failed(b->r))
        return false;
    if (b->frame_count == b->frame_capacity) {
        uint32_t capacity = b->frame_capacity ? b->frame_capacity * 2 : 64;
        mc__wasm_frame *grown;

        if (b->frame_count >= MC_WASM_NESTING_MAX) {
            mc__wasm_refuse(b->r, MC_TOO_LARGE, b->at, "more than %d nested blocks",
                            MC_WASM_NESTING_MAX);
            return false;
        }
        grown = realloc(b->frames, capacity * sizeof(*grown));
        if (!grown) {
            mc__wasm_refuse(b->r, MC_NO_MEMORY, b->at, "no memory for nested blocks");
            return false;
        }
        b->frames = grown;
        b->frame_capacity = capacity;
    }
    frame = &b->frames[b->frame_count++];
    *frame = *types;
    frame->opcode = opcode;
    frame->is_dead = false;
    frame->height = b->height;
    frame->is_silent = b->frame_count > 1 && (frame[-1].is_dead || frame[-1].is_silent);
    return true;
}

uint32_t mc__wasm_read_index(mc__wasm_body *b, uint32_t count, const char *what)
{
    uint32_t index = mc__wasm_read_u32(b->r);

    if (mc__wasm_failed(b->r))
        return 0;
    if (index >= count) {
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "unknown %s %u", what, index);
        return 0;
    }
    return index;
}

/* ---- plain instructions ---- */

/* An access beyond the memory is valid, and traps. */
uint32_t mc__wasm_read_access(mc__wasm_body *b, const mc__wasm_op *op)
{
    size_t start = b->r->at;
    uint32_t align = mc__wasm_read_u32(b->r);
    uint32_t offset = mc__wasm_read_u32(b->r);

    if (mc__wasm_failed(b->r))
        return 0;
    if (align & 0x40)
        mc__wasm_refuse(b->r, MC_NOT_PROVIDED, start, "multiple memories are not supported");
    else if (align >= 32)
        mc__wasm_refuse(b->r, MC_INVALID, start, "malformed memop flags 0x%x", align);
    else if (b->m->memory_count == 0)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "unknown memory 0");
    else if (align > (uint32_t)op->access - 1)
        mc__wasm_refuse(b->r, MC_INVALID, start, "alignment must not be larger than natural");
    return offset;
}

static bool step_plain(mc__wasm_body *b, uint32_t opcode)
{
    const mc__wasm_op *op = mc__wasm_op_find(opcode);
    uint32_t offset = 0;

    if (!op)
        return false;
    if (op->access)
        offset = mc__wasm_read_access(b, op);
    for (size_t n = strlen(op->params); n-- > 0;)
        (void)mc__wasm_pop(b, mc__wasm_type_of_letter(op->params[n])); /* only the check */
    if (mc__wasm_emitting(b))
        mc__wasm_emit_plain(b->emit, op, offset, b->height);
    if (op->result)
        mc__wasm_push(b, mc__wasm_type_of_letter(op->result));
    return true;
}

/* ---- the walk ---- */

/* The feature that an opcode outside of ours belongs to, or NULL. */
static const char *feature_of(uint32_t opcode)
{
    if ((opcode >= 0x06 && opcode <= 0x0a) || opcode == 0x18 || opcode == 0x19 || opcode == 0x1f)
        return "exception handling";
    if (opcode == 0x12 || opcode == 0x13)
        return "tail calls";
    if (opcode == 0x14 || opcode == 0x15 || (opcode >= 0xd4 && opcode <= 0xd6))
        return "typed function references";
    if (opcode == 0xd3 || opcode == 0xfb)
        return "garbage collection";
    if (opcode >= 0xe0 && opcode <= 0xe6)
        return "stack switching";
    if (opcode == 0xfe)
        return "threads";
    if (opcode >= 0x113 && opcode <= 0x116)
        return "wide arithmetic";
    return NULL;
}

static void refuse_opcode(mc__wasm_body *b, uint32_t opcode)
{
    const char *feature = feature_of(opcode);

    if (feature && opcode >= 0x100)
        mc__wasm_refuse(b->r, MC_NOT_PROVIDED, b->at, "not supported: %s, opcode 0xfc %u", feature,
                        opcode - 0x100);
    else if (feature)
        mc__wasm_refuse(b->r, MC_NOT_PROVIDED, b->at, "not supported: %s, opcode 0x%02x", feature,
                        opcode);
    else if (opcode >= 0x100 && opcode < 0x200)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "illegal opcode 0xfc %u", opcode - 0x100);
    else
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "illegal opcode 0x%02x", opcode);
}

static void step(mc__wasm_body *b)
{
    uint32_t opcode;

    b->at = b->r->at;
    opcode = mc__wasm_read_byte(b->r);
    if (opcode == 0xfd) {
        mc__wasm_step_simd(b);
        return;
    }
    if (opcode == 0xfc) {
        uint32_t sub = mc__wasm_read_u32(b->r);

        opcode = 0x100 + (sub < 0xff ? sub : 0xff);
    }
    if (mc__wasm_failed(b->r))
        return;
    if (!step_plain(b, opcode) && !mc__wasm_step_state(b, opcode) &&
        !mc__wasm_step_control(b, opcode))
        refuse_opcode(b, opcode);
}

static void read_locals(mc__wasm_body *b, const mc__wasm_functype *type)
{
    uint32_t groups;
    uint64_t total = type->param_count;

    b->at = b->r->at;
    b->local_count = type->param_count;
    memcpy(b->locals, type->params, type->param_count);
    groups = mc__wasm_read_count(b->r, UINT32_MAX, 2, "groups of locals");
    for (uint32_t i = 0; i < groups && !mc__wasm_failed(b->r); i++) {
        size_t start = b->r->at;
        uint32_t count = mc__wasm_read_u32(b->r);
        mc__wasm_type local = mc__wasm_read_value_type(b->r);

        total += count;
        if (mc__wasm_failed(b->r))
            return;
        if (total - type->param_count > UINT32_MAX)
            mc__wasm_refuse(b->r, MC_INVALID, start, "too many locals");
        if (total > MC_WASM_SLOTS_MAX)
            continue; /* told below: a malformed group behind it comes first */
        memset(b->locals + b->local_count, local, count);
        b->local_count += count;
    }
    if (!mc__wasm_failed(b->r) && total > MC_WASM_SLOTS_MAX)
        mc__wasm_refuse(b->r, MC_TOO_LARGE, b->at,
                        "function %u has more than %d locals and operands", b->function,
                        MC_WASM_SLOTS_MAX);
}

static void read_body(mc__wasm_body *b)
{
    const mc__wasm_functype *type = mc__wasm_function_type(b->m, b->function);
    mc__wasm_frame frame = {.results = type->results, .result_count = type->result_count};

    b->height = 0;
    b->frame_count = 0;
    read_locals(b, type);
    if (!mc__wasm_open(b, 0, &frame))
        return;
    if (b->emit)
        mc__wasm_emit_begin_function(b->emit, b->function, b->locals, b->local_count);
    while (b->frame_count > 0 && !mc__wasm_failed(b->r))
        step(b);
    if (!mc__wasm_failed(b->r) && b->r->at != b->r->end)
        mc__wasm_refuse(b->r, MC_INVALID, b->r->at, "code after the end of function %u",
                        b->function);
    if (!mc__wasm_failed(b->r) && b->emit)
        b->r->code = mc__wasm_emit_end_function(b->emit, b->r->err);
}

static void read_function(mc__wasm_body *b, bool with_bodies)
{
    mc__wasm_function *function = &b->m->functions[b->function];
    size_t start = b->r->at, end = b->r->end;
    uint32_t size = mc__wasm_read_u32(b->r);

    if (mc__wasm_failed(b->r))
        return;
    if (size > end - b->r->at) {
        mc__wasm_refuse(b->r, MC_INVALID, start, "unexpected end: function body of %u bytes", size);
        return;
    }
    function->body_at = (uint32_t)b->r->at;
    function->body_end = (uint32_t)(b->r->at + size);
    b->r->end = function->body_end;
    if (with_bodies)
        read_body(b);
    else
        b->r->at = b->r->end;
    b->r->end = end;
}

void mc__wasm_read_code(mc_wasm_module *m, mc__wasm_reader *r, bool with_bodies,
                        struct mc__wasm_emit *emit)
{
    size_t start = r->at;
    uint32_t count = mc__wasm_read_count(r, MC_WASM_FUNCTIONS_MAX, 1, "function bodies");
    mc__wasm_body *b;

    if (mc__wasm_failed(r))
        return;
    if (count != m->function_count - m->function_import_count) {
        mc__wasm_refuse(r, MC_INVALID, start,
                        "function and code section have inconsistent lengths");
        return;
    }
    b = calloc(1, sizeof(*b));
    if (!b) {
        mc__wasm_refuse(r, MC_NO_MEMORY, start, "no memory for code");
        return;
    }
    b->m = m;
    b->r = r;
    b->emit = emit;
    if (emit && !mc__wasm_emit_begin(emit, m))
        mc__wasm_refuse(r, MC_NO_MEMORY, start, "no memory for text");
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++) {
        b->function = m->function_import_count + i;
        read_function(b, with_bodies);
    }
    free(b->frames);
    free(b);
}
