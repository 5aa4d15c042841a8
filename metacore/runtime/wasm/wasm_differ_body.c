/* SPDX-License-Identifier: Apache-2.0 */
/* Code that is mostly well typed: what an instruction takes is put before it. */
#include "metacore/runtime/wasm/wasm_differ_internal.h"

#define STACK 64
#define FRAMES 8
#define STEPS 40
#define LOCALS 8

typedef struct frame {
    uint32_t height; /* below its parameters */
    differ_type type;
    bool is_loop, is_if;
} frame;

typedef struct body {
    differ_module *m;
    mc_buf *out;
    mc__wasm_type locals[LOCALS + DIFFER_ARITY];
    uint32_t local_count;
    mc__wasm_type stack[STACK];
    uint32_t height;
    frame frames[FRAMES];
    uint32_t depth;
} body;

static uint32_t below(body *b, uint32_t limit)
{
    return differ_below(&b->m->random, limit);
}

static void op(body *b, uint8_t opcode)
{
    mc_buf_char(b->out, (char)opcode);
}

/* ---- operands ---- */

static void push(body *b, mc__wasm_type type)
{
    if (b->height < STACK)
        b->stack[b->height++] = type;
}

static void pop(body *b, uint32_t count)
{
    b->height = b->height > count ? b->height - count : 0;
}

/* A value of the type: a constant, a local, a global, a function. */
static void give(body *b, mc__wasm_type type)
{
    uint32_t local = below(b, b->local_count), global = below(b, b->m->global_count);

    if (differ_is_wrong(b->m))
        type = differ_value_type(b->m);
    if (b->local_count && b->locals[local] == type && below(b, 2)) {
        op(b, 0x20);
        differ_put(b->out, local);
    } else if (b->m->global_count && b->m->globals[global].type == type && below(b, 2)) {
        op(b, 0x23);
        differ_put(b->out, global);
    } else if (type == MC__WASM_FUNCREF && below(b, 2)) {
        op(b, 0xd2);
        differ_put(b->out, differ_index(b->m, b->m->function_count));
    } else {
        differ_put_const(b->m, b->out, type);
    }
    push(b, type);
}

static void give_all(body *b, const mc__wasm_type *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        give(b, types[i]);
    if (count && differ_is_wrong(b->m))
        op(b, 0x1a);
}

static void take_all(body *b, const mc__wasm_type *results, uint32_t param_count,
                     uint32_t result_count)
{
    pop(b, param_count);
    for (uint32_t i = 0; i < result_count; i++)
        push(b, results[i]);
}

/* The height becomes what the frame wants, and its results are there. */
static void settle(body *b, uint32_t height, const mc__wasm_type *types, uint32_t count)
{
    while (b->height > height) {
        op(b, 0x1a);
        b->height--;
    }
    give_all(b, types, count);
}

/* ---- instructions ---- */

static void put_memarg(body *b, uint8_t access)
{
    differ_put(b->out, differ_is_wrong(b->m) ? access : below(b, access));
    differ_put(b->out, below(b, 1000));
}

static void put_letters(body *b, const char *letters)
{
    for (; *letters; letters++)
        give(b, mc__wasm_type_of_letter(*letters));
}

static void finish(body *b, const mc__wasm_op *o)
{
    pop(b, (uint32_t)strlen(o->params));
    if (o->result)
        push(b, mc__wasm_type_of_letter(o->result));
}

static void plain(body *b)
{
    uint32_t opcode = below(b, MC__WASM_OP_COUNT);
    const mc__wasm_op *o = mc__wasm_op_find(opcode);

    if (!o || (o->access && !b->m->has_memory && !differ_is_wrong(b->m)))
        return;
    put_letters(b, o->params);
    if (opcode >= 0x100) {
        op(b, 0xfc);
        differ_put(b->out, opcode - 0x100);
    } else {
        op(b, (uint8_t)opcode);
    }
    if (o->access)
        put_memarg(b, o->access);
    finish(b, o);
}

static void vector(body *b)
{
    uint32_t opcode = below(b, MC__WASM_SIMD_COUNT);
    const mc__wasm_op *o = mc__wasm_simd_find(opcode);

    if (!o || opcode == 0x0c || (o->access && !b->m->has_memory && !differ_is_wrong(b->m)))
        return;
    put_letters(b, o->params);
    op(b, 0xfd);
    differ_put(b->out, opcode);
    if (o->access)
        put_memarg(b, o->access);
    if (opcode == 0x0d) {
        for (int i = 0; i < 16; i++)
            op(b, (uint8_t)differ_index(b->m, 32));
    } else if (o->lanes) {
        op(b, (uint8_t)differ_index(b->m, o->lanes));
    }
    finish(b, o);
}

static void variable(body *b)
{
    uint32_t kind = below(b, 3), index;

    if (kind < 2 && b->local_count) {
        index = differ_index(b->m, b->local_count);
        give(b, index < b->local_count ? b->locals[index] : MC__WASM_I32);
        op(b, kind ? 0x22 : 0x21); /* tee, set */
        differ_put(b->out, index);
        if (!kind)
            pop(b, 1);
    } else if (b->m->global_count) {
        index = below(b, b->m->global_count);
        if (!b->m->globals[index].is_mutable && !differ_is_wrong(b->m))
            return;
        give(b, b->m->globals[index].type);
        op(b, 0x24);
        differ_put(b->out, index);
        pop(b, 1);
    }
}

static void call(body *b)
{
    static const mc__wasm_type selector = MC__WASM_I32;
    uint32_t function = differ_index(b->m, b->m->function_count);
    uint32_t type = function < b->m->function_count ? b->m->functions[function] : b->m->type_count;
    const differ_type *t;
    bool is_indirect = b->m->table_count && below(b, 2);

    if (type >= b->m->type_count)
        return;
    t = &b->m->types[type];
    give_all(b, t->params, t->param_count);
    if (is_indirect) {
        uint32_t table = differ_index(b->m, b->m->table_count);

        if (table < b->m->table_count && b->m->tables[table] != MC__WASM_FUNCREF &&
            !differ_is_wrong(b->m)) {
            pop(b, t->param_count);
            for (uint32_t i = 0; i < t->param_count; i++)
                op(b, 0x1a);
            return;
        }
        give_all(b, &selector, 1);
        op(b, 0x11);
        differ_put(b->out, type);
        differ_put(b->out, table);
        pop(b, 1);
    } else {
        op(b, 0x10);
        differ_put(b->out, function);
    }
    take_all(b, t->results, t->param_count, t->result_count);
}

static void table(body *b)
{
    static const mc__wasm_type three[] = {MC__WASM_I32, MC__WASM_I32, MC__WASM_I32};
    uint32_t kind = below(b, 8), index, other = below(b, b->m->table_count);
    mc__wasm_type type;

    if (b->m->table_count == 0)
        return;
    index = differ_index(b->m, b->m->table_count);
    type = index < b->m->table_count ? b->m->tables[index] : MC__WASM_FUNCREF;
    switch (kind) {
    case 0: /* get */
        give(b, MC__WASM_I32);
        op(b, 0x25);
        differ_put(b->out, index);
        take_all(b, &type, 1, 1);
        return;
    case 1: /* set */
        give(b, MC__WASM_I32);
        give(b, type);
        op(b, 0x26);
        differ_put(b->out, index);
        pop(b, 2);
        return;
    case 2: /* grow */
        give(b, type);
        give(b, MC__WASM_I32);
        mc_buf_bytes(b->out, "\xfc\x0f", 2);
        differ_put(b->out, index);
        take_all(b, three, 2, 1);
        return;
    case 3: /* size */
        mc_buf_bytes(b->out, "\xfc\x10", 2);
        differ_put(b->out, index);
        push(b, MC__WASM_I32);
        return;
    case 4: /* fill */
        give(b, MC__WASM_I32);
        give(b, type);
        give(b, MC__WASM_I32);
        mc_buf_bytes(b->out, "\xfc\x11", 2);
        differ_put(b->out, index);
        pop(b, 3);
        return;
    case 5: /* copy */
        if (b->m->tables[other] != type && !differ_is_wrong(b->m))
            return;
        give_all(b, three, 3);
        mc_buf_bytes(b->out, "\xfc\x0e", 2);
        differ_put(b->out, index);
        differ_put(b->out, other);
        pop(b, 3);
        return;
    case 6: /* init */
        other = differ_index(b->m, b->m->element_count);
        if (other < b->m->element_count && b->m->elements[other] != type && !differ_is_wrong(b->m))
            return;
        give_all(b, three, 3);
        mc_buf_bytes(b->out, "\xfc\x0c", 2);
        differ_put(b->out, other);
        differ_put(b->out, index);
        pop(b, 3);
        return;
    default: /* elem.drop */
        mc_buf_bytes(b->out, "\xfc\x0d", 2);
        differ_put(b->out, differ_index(b->m, b->m->element_count));
        return;
    }
}

static void memory(body *b)
{
    static const mc__wasm_type three[] = {MC__WASM_I32, MC__WASM_I32, MC__WASM_I32};
    bool has_data = b->m->data_count && (b->m->has_data_count || differ_is_wrong(b->m));
    uint32_t kind = below(b, 6);

    if (!b->m->has_memory && !differ_is_wrong(b->m))
        return;
    if (kind == 0) {
        mc_buf_bytes(b->out, "\x3f\0", 2);
        push(b, MC__WASM_I32);
    } else if (kind == 1) {
        give(b, MC__WASM_I32);
        mc_buf_bytes(b->out, "\x40\0", 2);
        take_all(b, three, 1, 1);
    } else if (kind == 2 || kind == 3) {
        give_all(b, three, 3);
        mc_buf_bytes(b->out, kind == 2 ? "\xfc\x0a\0\0" : "\xfc\x0b\0", kind == 2 ? 4 : 3);
        pop(b, 3);
    } else if (kind == 4 && has_data) {
        give_all(b, three, 3);
        mc_buf_bytes(b->out, "\xfc\x08", 2);
        differ_put(b->out, differ_index(b->m, b->m->data_count));
        op(b, 0);
        pop(b, 3);
    } else if (has_data) {
        mc_buf_bytes(b->out, "\xfc\x09", 2);
        differ_put(b->out, differ_index(b->m, b->m->data_count));
    }
}

static void parametric(body *b)
{
    mc__wasm_type type = differ_value_type(b->m);
    bool is_reference = type == MC__WASM_FUNCREF || type == MC__WASM_EXTERNREF;

    switch (below(b, 5)) {
    case 0:
        op(b, 0x01);
        return;
    case 1:
        if (b->height > b->frames[b->depth - 1].height) {
            op(b, 0x1a);
            b->height--;
        }
        return;
    case 2:
        give(b, is_reference ? type : MC__WASM_FUNCREF);
        op(b, 0xd1);
        b->stack[b->height - 1] = MC__WASM_I32;
        return;
    default:
        give(b, type);
        give(b, type);
        give(b, MC__WASM_I32);
        if (is_reference || below(b, 2)) {
            mc_buf_bytes(b->out, "\x1c\1", 2);
            op(b, type);
        } else {
            op(b, 0x1b);
        }
        take_all(b, &type, 3, 1);
    }
}

/* ---- blocks ---- */

static void open_block(body *b)
{
    frame *f = &b->frames[b->depth];
    uint32_t kind = below(b, 3), how = below(b, 3), type = below(b, b->m->type_count);

    if (b->depth == FRAMES || b->height + 2 * DIFFER_ARITY > STACK)
        return;
    *f = (frame){.is_loop = kind == 1, .is_if = kind == 2};
    if (how == 1) {
        f->type.result_count = 1;
        f->type.results[0] = differ_value_type(b->m);
    } else if (how == 2) {
        f->type = b->m->types[type];
    }
    f->height = b->height;
    give_all(b, f->type.params, f->type.param_count);
    if (f->is_if)
        give(b, MC__WASM_I32);
    op(b, (uint8_t)(0x02 + kind));
    if (how == 2)
        differ_put_signed(b->out, type);
    else
        op(b, how ? f->type.results[0] : 0x40);
    if (f->is_if)
        pop(b, 1);
    b->depth++;
}

static void close_block(body *b)
{
    frame f = b->frames[b->depth - 1];

    settle(b, f.height, f.type.results, f.type.result_count);
    if (f.is_if) { /* without the other half only what is as it was can come out */
        op(b, 0x05);
        b->height = f.height;
        for (uint32_t i = 0; i < f.type.param_count; i++)
            push(b, f.type.params[i]);
        settle(b, f.height, f.type.results, f.type.result_count);
    }
    op(b, 0x0b);
    b->depth--;
}

static const mc__wasm_type *label_of(const body *b, uint32_t label, uint32_t *out_count)
{
    const frame *f = &b->frames[label < b->depth ? b->depth - 1 - label : 0];

    *out_count = f->is_loop ? f->type.param_count : f->type.result_count;
    return f->is_loop ? f->type.params : f->type.results;
}

/* What follows is never reached; the stack is that of the block's beginning. */
static void end_here(body *b)
{
    b->height = b->frames[b->depth - 1].height;
}

static void branch(body *b)
{
    uint32_t kind = below(b, 5), label = differ_index(b->m, b->depth), count;
    const mc__wasm_type *types = label_of(b, label, &count);

    if (b->height + DIFFER_ARITY + 2 > STACK)
        return;
    if (kind == 0) { /* br_if */
        give_all(b, types, count);
        give(b, MC__WASM_I32);
        op(b, 0x0d);
        differ_put(b->out, label);
        pop(b, 1);
    } else if (kind == 1) { /* br */
        give_all(b, types, count);
        op(b, 0x0c);
        differ_put(b->out, label);
        end_here(b);
    } else if (kind == 2) { /* br_table */
        give_all(b, types, count);
        give(b, MC__WASM_I32);
        mc_buf_bytes(b->out, "\x0e\2", 2);
        for (int i = 0; i < 3; i++)
            differ_put(b->out, i < 2 || !differ_is_wrong(b->m) ? label : below(b, b->depth));
        end_here(b);
    } else if (kind == 3) { /* return */
        give_all(b, b->frames[0].type.results, b->frames[0].type.result_count);
        op(b, 0x0f);
        end_here(b);
    } else {
        op(b, 0x00);
        end_here(b);
    }
}

static void step(body *b)
{
    static void (*const steps[])(body *) = {plain,      plain, plain,      vector, vector,
                                            variable,   call,  table,      memory, parametric,
                                            open_block, call,  open_block, branch};

    if (b->height + 12 > STACK)
        settle(b, b->frames[b->depth - 1].height, NULL, 0);
    if (differ_is_wrong(b->m) && below(b, 4) == 0)
        op(b, (uint8_t)below(b, 256));
    if (b->depth > 1 && below(b, 6) == 0)
        close_block(b);
    else
        steps[below(b, MC_LEN(steps))](b);
}

static void put_locals(body *b, const differ_type *type)
{
    uint32_t groups = below(b, 4);

    for (uint32_t i = 0; i < type->param_count; i++)
        b->locals[b->local_count++] = type->params[i];
    differ_put(b->out, groups);
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t count = 1 + below(b, 2);
        mc__wasm_type local = differ_value_type(b->m);

        differ_put(b->out, count);
        op(b, local);
        while (count-- > 0)
            b->locals[b->local_count++] = local;
    }
}

void differ_put_body(differ_module *m, mc_buf *out, uint32_t function)
{
    static const differ_type none = {{0}, {0}, 0, 0};
    const differ_type *type =
        m->functions[function] < m->type_count ? &m->types[m->functions[function]] : &none;
    mc_buf code;
    body b = {.m = m, .out = &code, .depth = 1};

    mc_buf_init(&code, 0);
    b.frames[0].type = *type;
    put_locals(&b, type);
    for (uint32_t i = below(&b, STEPS); i > 0; i--)
        step(&b);
    while (b.depth > 1)
        close_block(&b);
    settle(&b, 0, type->results, type->result_count);
    op(&b, 0x0b);
    differ_put(out, code.len);
    mc_buf_str(out, mc_buf_get(&code));
    out->failed |= code.failed;
    mc_buf_deinit(&code);
}
