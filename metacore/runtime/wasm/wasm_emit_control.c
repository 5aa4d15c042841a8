/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, branches, returns and calls in C. */
#include "metacore/runtime/wasm/wasm_emitter_internal.h"

uint32_t mc__wasm_emit_label(mc__wasm_emit *e)
{
    return e->next_label++;
}

void mc__wasm_emit_place(mc__wasm_emit *e, char kind, uint32_t label)
{
    mc__wasm_put(e, kind == 'L' ? "L%u:;\n" : "E%u:;\n", label);
}

void mc__wasm_emit_goto(mc__wasm_emit *e, uint32_t label)
{
    mc__wasm_put(e, "goto L%u;\n", label);
}

void mc__wasm_emit_if(mc__wasm_emit *e, uint32_t condition, uint32_t label)
{
    mc__wasm_put(e, "if (!%S) goto E%u;\n", MC__WASM_I32, condition, label);
}

void mc__wasm_put_return(mc__wasm_emit *e, uint32_t height)
{
    const mc__wasm_functype *type = mc__wasm_function_type(e->m, e->function);

    if (type->result_count == 1) {
        mc__wasm_put(e, type->results[0] == MC__WASM_V128 ? "V_RETURN(%S);\n" : "return %S;\n",
                     type->results[0], height);
        return;
    }
    for (uint32_t i = 0; i < type->result_count; i++)
        mc__wasm_put(e, "I->rt->results[%u].%s = %S;\n", i, mc__wasm_c_member(type->results[i]),
                     type->results[i], height + i);
    mc__wasm_put(e, "return;\n");
}

/* Upwards: a value only ever moves to its own height or below, never over one still to be moved. */
static void put_moves(mc__wasm_emit *e, uint32_t height, const mc__wasm_target *to)
{
    if (height == to->height)
        return;
    for (uint32_t i = 0; i < to->count; i++)
        mc__wasm_put(e, "%S = %S;\n", to->types[i], to->height + i, to->types[i], height + i);
}

void mc__wasm_emit_branch(mc__wasm_emit *e, uint32_t height, const mc__wasm_target *to)
{
    if (to->is_function) {
        mc__wasm_put_return(e, height);
        return;
    }
    put_moves(e, height, to);
    mc__wasm_emit_goto(e, to->label);
}

void mc__wasm_emit_branch_if(mc__wasm_emit *e, uint32_t condition, uint32_t height,
                             const mc__wasm_target *to)
{
    mc__wasm_put(e, "if (%S) {\n", MC__WASM_I32, condition);
    mc__wasm_emit_branch(e, height, to);
    mc__wasm_put(e, "}\n");
}

void mc__wasm_emit_switch(mc__wasm_emit *e, uint32_t selector)
{
    mc__wasm_put(e, "switch (%S) {\n", MC__WASM_I32, selector);
}

void mc__wasm_emit_case(mc__wasm_emit *e, uint32_t i, uint32_t height, const mc__wasm_target *to)
{
    if (i == UINT32_MAX)
        mc__wasm_put(e, "default:;\n");
    else
        mc__wasm_put(e, "case %u:;\n", i);
    mc__wasm_emit_branch(e, height, to);
    if (i == UINT32_MAX)
        mc__wasm_put(e, "}\n");
}

void mc__wasm_emit_unreachable(mc__wasm_emit *e)
{
    mc__wasm_put(e, "TRAP(MCW_TRAP_UNREACHABLE);\n");
}

static bool gives_vector(const mc__wasm_functype *type)
{
    return type->result_count == 1 && type->results[0] == MC__WASM_V128;
}

static void put_arguments(mc__wasm_emit *e, const mc__wasm_functype *type, uint32_t height)
{
    for (uint32_t i = 0; i < type->param_count; i++)
        mc__wasm_put(e, type->params[i] == MC__WASM_V128 ? ", V(%S)" : ", %S", type->params[i],
                     height + i);
    mc__wasm_put(e, gives_vector(type) ? "));\n" : ");\n");
}

static void put_result(mc__wasm_emit *e, const mc__wasm_functype *type, uint32_t height)
{
    if (type->result_count == 1)
        mc__wasm_put(e, gives_vector(type) ? "V_CALL(%S, " : "%S = ", type->results[0], height);
}

static void put_results(mc__wasm_emit *e, const mc__wasm_functype *type, uint32_t height)
{
    for (uint32_t i = 0; type->result_count > 1 && i < type->result_count; i++)
        mc__wasm_put(e, "%S = I->rt->results[%u].%s;\n", type->results[i], height + i, i,
                     mc__wasm_c_member(type->results[i]));
}

void mc__wasm_emit_call(mc__wasm_emit *e, uint32_t function, uint32_t height)
{
    const mc__wasm_functype *type = mc__wasm_function_type(e->m, function);

    put_result(e, type, height);
    if (function < e->m->function_import_count)
        mc__wasm_put(e, "((%T)I->imports[%u]->code)(I->imports[%u]->instance",
                     e->m->functions[function].type, function, function);
    else
        mc__wasm_put(e, "%W(I", function);
    put_arguments(e, type, height);
    put_results(e, type, height);
}

void mc__wasm_emit_call_indirect(mc__wasm_emit *e, uint32_t type, uint32_t table, uint32_t selector,
                                 uint32_t height)
{
    const mc__wasm_functype *t = &e->m->types[type];

    mc__wasm_put(e, "{\nconst mcw_func *f = x_indirect(I, I->tables[%u], %S, I->types[%u]);\n",
                 table, MC__WASM_I32, selector, t->canonical);
    put_result(e, t, height);
    mc__wasm_put(e, "((%T)f->code)(f->instance", type);
    put_arguments(e, t, height);
    mc__wasm_put(e, "}\n");
    put_results(e, t, height);
}
