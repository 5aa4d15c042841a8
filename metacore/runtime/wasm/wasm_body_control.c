/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks, branches, calls, and what leaves an operand or picks one. */
#include "metacore/runtime/wasm/wasm_body_internal.h"

enum {
    OP_UNREACHABLE = 0x00,
    OP_NOP = 0x01,
    OP_BLOCK = 0x02,
    OP_LOOP = 0x03,
    OP_IF = 0x04,
    OP_ELSE = 0x05,
    OP_END = 0x0b,
    OP_BR = 0x0c,
    OP_BR_IF = 0x0d,
    OP_BR_TABLE = 0x0e,
    OP_RETURN = 0x0f,
    OP_CALL = 0x10,
    OP_CALL_INDIRECT = 0x11,
    OP_DROP = 0x1a,
    OP_SELECT = 0x1b,
    OP_SELECT_TYPED = 0x1c,
};

/* ---- blocks ---- */

/* Nothing, one value type (its byte lies in the module), or the index of a function type. */
static mc__wasm_frame read_block_type(mc__wasm_body *b)
{
    mc__wasm_reader *r = b->r;
    mc__wasm_frame out = {0};
    uint8_t byte = r->at < r->end ? r->base[r->at] : 0;
    int64_t index;

    if (byte == 0x40) {
        r->at++;
        return out;
    }
    if ((byte & 0xc0) == 0x40) { /* negative in one byte: a value type */
        out.results = r->base + r->at;
        out.result_count = 1;
        (void)mc__wasm_read_value_type(r); /* checked; it stays where it is */
        return out;
    }
    index = mc__wasm_read_s33(r);
    if (mc__wasm_failed(r))
        return out;
    if (index < 0 || index >= b->m->type_count) {
        mc__wasm_refuse(r, MC_INVALID, b->at, "unknown type %lld of a block", (long long)index);
        return out;
    }
    out.params = b->m->types[index].params;
    out.param_count = b->m->types[index].param_count;
    out.results = b->m->types[index].results;
    out.result_count = b->m->types[index].result_count;
    return out;
}

static void step_block(mc__wasm_body *b, uint8_t opcode)
{
    mc__wasm_frame types = read_block_type(b);

    if (opcode == OP_IF)
        (void)mc__wasm_pop(b, MC__WASM_I32); /* the condition: only the check */
    mc__wasm_pop_all(b, types.params, types.param_count);
    if (mc__wasm_emitting(b)) {
        types.label = mc__wasm_emit_label(b->emit);
        if (opcode == OP_LOOP)
            mc__wasm_emit_place(b->emit, 'L', types.label);
        else if (opcode == OP_IF)
            mc__wasm_emit_if(b->emit, b->height + types.param_count, types.label);
    }
    if (mc__wasm_open(b, opcode, &types))
        mc__wasm_push_all(b, types.params, types.param_count);
}

/* The block's results are on the stack, and nothing else of it. */
static mc__wasm_frame close_block(mc__wasm_body *b)
{
    mc__wasm_frame frame = *mc__wasm_top(b);

    mc__wasm_pop_all(b, frame.results, frame.result_count);
    if (!mc__wasm_failed(b->r) && b->height != frame.height)
        mc__wasm_refuse(b->r, MC_INVALID, b->at,
                        "type mismatch: %u values left at the end of a block",
                        b->height - frame.height);
    if (!mc__wasm_failed(b->r))
        b->frame_count--;
    return frame;
}

static void step_else(mc__wasm_body *b)
{
    mc__wasm_frame frame;

    if (mc__wasm_top(b)->opcode != OP_IF) {
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "else without if");
        return;
    }
    frame = close_block(b);
    if (mc__wasm_failed(b->r))
        return;
    if (b->emit && !frame.is_silent) {
        if (!frame.is_dead)
            mc__wasm_emit_goto(b->emit, frame.label);
        mc__wasm_emit_place(b->emit, 'E', frame.label);
    }
    if (mc__wasm_open(b, OP_ELSE, &frame))
        mc__wasm_push_all(b, frame.params, frame.param_count);
}

static void emit_end(mc__wasm_body *b, const mc__wasm_frame *frame)
{
    mc__wasm_target out = {.is_function = true};

    if (frame->opcode == OP_IF)
        mc__wasm_emit_place(b->emit, 'E', frame->label);
    if (frame->opcode == 0 && !frame->is_dead)
        mc__wasm_emit_branch(b->emit, 0, &out);
    else if (frame->opcode != 0 && frame->opcode != OP_LOOP)
        mc__wasm_emit_place(b->emit, 'L', frame->label);
}

static void step_end(mc__wasm_body *b)
{
    mc__wasm_frame frame = close_block(b);

    if (mc__wasm_failed(b->r))
        return;
    if (frame.opcode == OP_IF &&
        (frame.param_count != frame.result_count ||
         (frame.param_count && memcmp(frame.params, frame.results, frame.param_count) != 0))) {
        mc__wasm_refuse(b->r, MC_INVALID, b->at,
                        "type mismatch: if without else gives other values than it takes");
        return;
    }
    if (b->emit && !frame.is_silent)
        emit_end(b, &frame);
    if (b->frame_count > 0)
        mc__wasm_push_all(b, frame.results, frame.result_count);
}

/* ---- branches ---- */

/* What a branch to the depth-th block from inside carries: to a loop, what the loop takes. */
static mc__wasm_target target_of(const mc__wasm_body *b, uint32_t depth)
{
    const mc__wasm_frame *frame = &b->frames[b->frame_count - 1 - depth];
    mc__wasm_target out = {frame->label, frame->opcode == 0, frame->height, frame->results,
                           frame->result_count};

    if (frame->opcode == OP_LOOP) {
        out.types = frame->params;
        out.count = frame->param_count;
    }
    return out;
}

static void step_branch(mc__wasm_body *b, uint8_t opcode)
{
    uint32_t depth = mc__wasm_read_index(b, b->frame_count, "label");
    mc__wasm_target to;

    if (mc__wasm_failed(b->r))
        return;
    to = target_of(b, depth);
    if (opcode == OP_BR_IF)
        (void)mc__wasm_pop(b, MC__WASM_I32); /* the condition: only the check */
    mc__wasm_pop_all(b, to.types, to.count);
    if (mc__wasm_emitting(b) && opcode == OP_BR_IF)
        mc__wasm_emit_branch_if(b->emit, b->height + to.count, b->height, &to);
    else if (mc__wasm_emitting(b))
        mc__wasm_emit_branch(b->emit, b->height, &to);
    if (opcode == OP_BR_IF)
        mc__wasm_push_all(b, to.types, to.count);
    else
        mc__wasm_set_dead(b);
}

/* The values on top fit the label; they stay, with the types that they have. */
static void check_carried(mc__wasm_body *b, mc__wasm_target to)
{
    const mc__wasm_frame *frame = mc__wasm_top(b);

    for (uint32_t i = 0; i < to.count && !mc__wasm_failed(b->r); i++) {
        mc__wasm_type wanted = to.types[to.count - 1 - i], found;

        if (b->height - frame->height <= i) {
            if (!frame->is_dead)
                mc__wasm_refuse(b->r, MC_INVALID, b->at,
                                "type mismatch: nothing where %s is wanted",
                                mc__wasm_type_name(wanted));
            return;
        }
        found = b->stack[b->height - 1 - i];
        if (found != wanted && found != MC__WASM_UNKNOWN)
            mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: %s where %s is wanted",
                            mc__wasm_type_name(found), mc__wasm_type_name(wanted));
    }
}

static void step_branch_table(mc__wasm_body *b)
{
    uint32_t count = mc__wasm_read_count(b->r, MC_WASM_BRANCHES_MAX, 1, "branch targets");
    uint32_t arity = 0;

    (void)mc__wasm_pop(b, MC__WASM_I32); /* the selector: only the check */
    if (mc__wasm_emitting(b))
        mc__wasm_emit_switch(b->emit, b->height);
    for (uint32_t i = 0; i <= count && !mc__wasm_failed(b->r); i++) {
        uint32_t depth = mc__wasm_read_index(b, b->frame_count, "label");
        mc__wasm_target to;

        if (mc__wasm_failed(b->r))
            return;
        to = target_of(b, depth);
        if (i == 0)
            arity = to.count;
        else if (to.count != arity)
            mc__wasm_refuse(b->r, MC_INVALID, b->at,
                            "type mismatch: branch targets take different numbers of values");
        check_carried(b, to);
        if (mc__wasm_emitting(b))
            mc__wasm_emit_case(b->emit, i == count ? UINT32_MAX : i, b->height - to.count, &to);
    }
    mc__wasm_set_dead(b);
}

static void step_return(mc__wasm_body *b)
{
    mc__wasm_target out = {.is_function = true};

    mc__wasm_pop_all(b, b->frames[0].results, b->frames[0].result_count);
    if (mc__wasm_emitting(b))
        mc__wasm_emit_branch(b->emit, b->height, &out);
    mc__wasm_set_dead(b);
}

/* ---- calls ---- */

static void step_call(mc__wasm_body *b)
{
    uint32_t function = mc__wasm_read_index(b, b->m->function_count, "function");
    const mc__wasm_functype *type;

    if (mc__wasm_failed(b->r))
        return;
    type = mc__wasm_function_type(b->m, function);
    mc__wasm_pop_all(b, type->params, type->param_count);
    if (mc__wasm_emitting(b))
        mc__wasm_emit_call(b->emit, function, b->height);
    mc__wasm_push_all(b, type->results, type->result_count);
}

static void step_call_indirect(mc__wasm_body *b)
{
    uint32_t type = mc__wasm_read_index(b, b->m->type_count, "type");
    uint32_t table = mc__wasm_read_index(b, b->m->table_count, "table");
    const mc__wasm_functype *t;

    if (mc__wasm_failed(b->r))
        return;
    if (b->m->tables[table].type != MC__WASM_FUNCREF)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: call through a table of %s",
                        mc__wasm_type_name(b->m->tables[table].type));
    (void)mc__wasm_pop(b, MC__WASM_I32); /* the entry's index: only the check */
    t = &b->m->types[type];
    mc__wasm_pop_all(b, t->params, t->param_count);
    if (mc__wasm_emitting(b))
        mc__wasm_emit_call_indirect(b->emit, type, table, b->height + t->param_count, b->height);
    mc__wasm_push_all(b, t->results, t->result_count);
}

/* ---- drop and select ---- */

static void step_select(mc__wasm_body *b)
{
    mc__wasm_type first, second;

    (void)mc__wasm_pop(b, MC__WASM_I32); /* the condition: only the check */
    second = mc__wasm_pop(b, MC__WASM_UNKNOWN);
    first = mc__wasm_pop(b, MC__WASM_UNKNOWN);
    if (mc__wasm_failed(b->r))
        return;
    if (mc__wasm_is_ref(first) || mc__wasm_is_ref(second))
        mc__wasm_refuse(b->r, MC_INVALID, b->at,
                        "type mismatch: select of references needs a type");
    else if (first != second && first != MC__WASM_UNKNOWN && second != MC__WASM_UNKNOWN)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "type mismatch: select between %s and %s",
                        mc__wasm_type_name(first), mc__wasm_type_name(second));
    if (mc__wasm_emitting(b))
        mc__wasm_emit_select(b->emit, first, b->height);
    mc__wasm_push(b, first == MC__WASM_UNKNOWN ? second : first);
}

static void step_select_typed(mc__wasm_body *b)
{
    uint32_t count = mc__wasm_read_count(b->r, UINT32_MAX, 1, "types of select");
    mc__wasm_type type;

    if (!mc__wasm_failed(b->r) && count != 1)
        mc__wasm_refuse(b->r, MC_INVALID, b->at, "invalid result arity of select");
    type = mc__wasm_read_value_type(b->r);
    (void)mc__wasm_pop(b, MC__WASM_I32); /* the condition: only the check */
    (void)mc__wasm_pop(b, type);
    (void)mc__wasm_pop(b, type);
    if (mc__wasm_emitting(b))
        mc__wasm_emit_select(b->emit, type, b->height);
    mc__wasm_push(b, type);
}

bool mc__wasm_step_control(mc__wasm_body *b, uint32_t opcode)
{
    switch (opcode) {
    case OP_UNREACHABLE:
        if (mc__wasm_emitting(b))
            mc__wasm_emit_unreachable(b->emit);
        mc__wasm_set_dead(b);
        return true;
    case OP_NOP:
        return true;
    case OP_BLOCK:
    case OP_LOOP:
    case OP_IF:
        step_block(b, (uint8_t)opcode);
        return true;
    case OP_ELSE:
        step_else(b);
        return true;
    case OP_END:
        step_end(b);
        return true;
    case OP_BR:
    case OP_BR_IF:
        step_branch(b, (uint8_t)opcode);
        return true;
    case OP_BR_TABLE:
        step_branch_table(b);
        return true;
    case OP_RETURN:
        step_return(b);
        return true;
    case OP_CALL:
        step_call(b);
        return true;
    case OP_CALL_INDIRECT:
        step_call_indirect(b);
        return true;
    case OP_DROP:
        (void)mc__wasm_pop(b, MC__WASM_UNKNOWN); /* of any type */
        return true;
    case OP_SELECT:
        step_select(b);
        return true;
    case OP_SELECT_TYPED:
        step_select_typed(b);
        return true;
    default:
        return false;
    }
}
