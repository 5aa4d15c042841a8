/* SPDX-License-Identifier: Apache-2.0 */
/* The module "spectest" that the official tests import from. */
#include "metacore/runtime/wasm/wasm_spec_test_internal.h"

/* Printing is not what is tested. */
static void take(mcw_instance *instance)
{
    (void)instance;
}

static const struct {
    const char *name;
    mc__wasm_type params[2];
    uint32_t count;
} prints[] = {
    {"print", {0}, 0},
    {"print_i32", {MC__WASM_I32}, 1},
    {"print_i64", {MC__WASM_I64}, 1},
    {"print_f32", {MC__WASM_F32}, 1},
    {"print_f64", {MC__WASM_F64}, 1},
    {"print_i32_f32", {MC__WASM_I32, MC__WASM_F32}, 2},
    {"print_f64_f64", {MC__WASM_F64, MC__WASM_F64}, 2},
};

static const struct {
    const char *name;
    mc__wasm_type type;
    mcw_value value;
} constants[] = {
    {"global_i32", MC__WASM_I32, {.i32 = 666}},
    {"global_i64", MC__WASM_I64, {.i64 = 666}},
    {"global_f32", MC__WASM_F32, {.f32 = 666.6F}},
    {"global_f64", MC__WASM_F64, {.f64 = 666.6}},
};

struct spec_host {
    mc__wasm_store *store;
    mcw_func functions[MC_LEN(prints)];
    mcw_value globals[MC_LEN(constants)];
    mc__wasm_table_object table;
    mc__wasm_memory *memory;
};

mc_code mc_spec_host_new(mc_arena *arena, mc__wasm_store *store, spec_host **out, mc_err *err)
{
    static const mc__wasm_table ten = {MC__WASM_FUNCREF, {10, 20, true}};
    spec_host *self = mc_arena_object(arena, spec_host);
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "spectest");
    self->store = store;
    for (size_t i = 0; i < MC_LEN(prints); i++) {
        mc__wasm_functype type = {.params = prints[i].params,
                                  .results = prints[i].params,
                                  .param_count = prints[i].count};

        /* Arguments that nobody reads stay in their registers: one function serves all types. */
        self->functions[i] =
            (mcw_func){(void (*)(void))take, NULL, mc__wasm_store_type(store, &type)};
    }
    for (size_t i = 0; i < MC_LEN(constants); i++)
        self->globals[i] = constants[i].value;
    rc = mc__wasm_table_init(store, &ten, &self->table, err);
    if (rc == MC_OK)
        rc = mc__wasm_memory_new(store, (mc__wasm_limits){1, 2, true}, &self->memory, err);
    if (rc == MC_OK)
        *out = self;
    return rc;
}

void mc_spec_host_deinit(spec_host *self)
{
    mc__wasm_table_deinit(&self->table);
    mc__wasm_memory_free(self->store, self->memory);
}

bool mc_spec_host_find(spec_host *self, mc_str name, uint8_t kind, mc__wasm_extern *out)
{
    for (size_t i = 0; kind == MC__WASM_KIND_FUNCTION && i < MC_LEN(prints); i++) {
        if (mc_str_eq(name, mc_z(prints[i].name))) {
            out->function = &self->functions[i];
            return true;
        }
    }
    for (size_t i = 0; kind == MC__WASM_KIND_GLOBAL && i < MC_LEN(constants); i++) {
        if (mc_str_eq(name, mc_z(constants[i].name))) {
            out->global = (mc__wasm_global_object){&self->globals[i], constants[i].type, false};
            return true;
        }
    }
    if (kind == MC__WASM_KIND_TABLE && mc_str_eq(name, MC_STR("table"))) {
        out->table = &self->table;
        return true;
    }
    if (kind == MC__WASM_KIND_MEMORY && mc_str_eq(name, MC_STR("memory"))) {
        out->memory = self->memory;
        return true;
    }
    return false;
}
