/* SPDX-License-Identifier: Apache-2.0 */
/* Making an instance: its imports bound, its globals set, its segments written. */
#include "metacore/runtime/wasm/wasm_store_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

mcw_func *mc__wasm_instance_function(mc__wasm_instance *self, uint32_t index)
{
    uint32_t imported = self->m->function_import_count;

    return index < imported ? self->abi.imports[index] : &self->abi.functions[index - imported];
}

mc__wasm_global_object mc__wasm_instance_global(mc__wasm_instance *self, uint32_t index)
{
    uint32_t imported = self->m->global_import_count;
    const mc__wasm_global *global = &self->m->globals[index];

    return (mc__wasm_global_object){index < imported ? self->abi.imported_globals[index]
                                                     : &self->abi.globals[index - imported],
                                    global->type, global->is_mutable};
}

/* ---- imports ---- */

static bool limits_fit(uint32_t size, mc__wasm_limits given, mc__wasm_limits wanted)
{
    return size >= wanted.min && (!wanted.has_max || (given.has_max && given.max <= wanted.max));
}

static bool bind(mc__wasm_instance *self, const mc__wasm_import *import,
                 const mc__wasm_extern *given)
{
    const mc_wasm_module *m = self->m;
    uint32_t i = import->index;

    switch (import->kind) {
    case MC__WASM_KIND_FUNCTION:
        self->abi.imports[i] = given->function;
        return given->function->type == self->abi.types[m->functions[i].type];
    case MC__WASM_KIND_TABLE:
        self->tables[i] = given->table;
        self->abi.tables[i] = &given->table->abi;
        return given->table->type == m->tables[i].type &&
               limits_fit(given->table->abi.size, given->table->declared, m->tables[i].limits);
    case MC__WASM_KIND_MEMORY:
        self->memory = given->memory;
        return limits_fit((uint32_t)(given->memory->abi.bytes / MC__WASM_PAGE),
                          given->memory->declared, m->memory);
    default:
        self->abi.imported_globals[i] = given->global.value;
        return given->global.type == m->globals[i].type &&
               given->global.is_mutable == m->globals[i].is_mutable;
    }
}

static mc_code bind_all(mc__wasm_instance *self, const mc__wasm_extern *imports, mc_err *err)
{
    for (uint32_t i = 0; i < self->m->import_count; i++) {
        const mc__wasm_import *import = &self->m->imports[i];

        if (!bind(self, import, &imports[i]))
            return mc_fail(err, MC_REJECTED, "wasm: import %.*s.%.*s is of another type",
                           MC_FMT(import->module), MC_FMT(import->name));
    }
    return MC_OK;
}

/* ---- what the module defines ---- */

static mcw_value value_of(mc__wasm_instance *self, mc__wasm_const init)
{
    mcw_value value = {0};

    switch (init.kind) {
    case MC__WASM_CONST_FUNC:
        value.ref = mc__wasm_instance_function(self, init.index);
        break;
    case MC__WASM_CONST_GLOBAL:
        value = *self->abi.imported_globals[init.index];
        break;
    case MC__WASM_CONST_V128:
        memcpy(&value.v128, self->m->bytes.ptr + init.index, sizeof(value.v128));
        break;
    default:
        value.i64 = init.bits;
    }
    return value;
}

/* NOLINTBEGIN(bugprone-sizeof-expression): these are arrays of pointers. */
static mc_code allocate(mc__wasm_instance *self, mc_err *err)
{
    const mc_wasm_module *m = self->m;
    size_t own = m->function_count - m->function_import_count;
    uint32_t *types = calloc(m->type_count + (size_t)1, sizeof(*types));

    self->abi.types = types;
    self->abi.rt = &self->store->runtime;
    self->abi.functions = calloc(own + 1, sizeof(mcw_func));
    self->abi.imports = calloc(m->function_import_count + (size_t)1, sizeof(*self->abi.imports));
    self->abi.globals = calloc(m->global_count + (size_t)1, sizeof(mcw_value));
    self->abi.imported_globals =
        calloc(m->global_import_count + (size_t)1, sizeof(*self->abi.imported_globals));
    self->abi.tables = calloc(m->table_count + (size_t)1, sizeof(*self->abi.tables));
    self->tables = calloc(m->table_count + (size_t)1, sizeof(*self->tables));
    self->own_tables = calloc(m->table_count + (size_t)1, sizeof(*self->own_tables));
    self->is_data_dropped = calloc(m->data_count + (size_t)1, 1);
    self->is_element_dropped = calloc(m->element_count + (size_t)1, 1);
    if (!types || !self->abi.functions || !self->abi.imports || !self->abi.globals ||
        !self->abi.imported_globals || !self->abi.tables || !self->tables || !self->own_tables ||
        !self->is_data_dropped || !self->is_element_dropped)
        return mc_fail(err, MC_NO_MEMORY, "wasm: instance");
    for (uint32_t i = 0; i < m->type_count; i++) {
        types[i] = mc__wasm_store_type(self->store, &m->types[i]);
        if (types[i] == 0)
            return mc_fail(err, MC_NO_MEMORY, "wasm: types of an instance");
    }
    for (size_t i = 0; i < own; i++)
        self->abi.functions[i] = (mcw_func){self->code->functions[i], &self->abi,
                                            types[m->functions[m->function_import_count + i].type]};
    return MC_OK;
}
/* NOLINTEND(bugprone-sizeof-expression) */

static mc_code define(mc__wasm_instance *self, mc_err *err)
{
    const mc_wasm_module *m = self->m;

    for (uint32_t i = m->global_import_count; i < m->global_count; i++)
        self->abi.globals[i - m->global_import_count] = value_of(self, m->globals[i].init);
    for (uint32_t i = m->table_import_count; i < m->table_count; i++) {
        mc__wasm_table_object *table = &self->own_tables[i];
        mc_code rc = mc__wasm_table_init(self->store, &m->tables[i], table, err);

        if (rc != MC_OK)
            return rc;
        self->tables[i] = table;
        self->abi.tables[i] = &table->abi;
    }
    if (m->memory_count > m->memory_import_count) {
        mc_code rc = mc__wasm_memory_new(self->store, m->memory, &self->memory, err);

        if (rc != MC_OK)
            return rc;
        self->own_memory = self->memory;
    }
    if (self->memory) {
        self->abi.memory = &self->memory->abi;
        self->abi.base = self->memory->abi.base;
    }
    return MC_OK;
}

/* In their order; the first that does not fit ends it, and what was written stays. */
static mcw_trap write_segments(mc__wasm_instance *self)
{
    const mc_wasm_module *m = self->m;
    const mcw_runtime *rt = self->abi.rt;

    for (uint32_t i = 0; i < m->element_count; i++) {
        const mc__wasm_element *e = &m->elements[i];

        if (e->mode == MC__WASM_ACTIVE) {
            uint32_t at = value_of(self, e->offset).i32;

            if ((uint64_t)at + e->count > self->abi.tables[e->table]->size)
                return MCW_TRAP_TABLE;
            rt->table_init(&self->abi, e->table, i, at, 0, e->count);
        }
        if (e->mode != MC__WASM_PASSIVE)
            rt->elem_drop(&self->abi, i);
    }
    for (uint32_t i = 0; i < m->data_count; i++) {
        const mc__wasm_data *d = &m->data[i];
        uint32_t at;

        if (d->mode != MC__WASM_ACTIVE || !self->memory) /* validation saw to the memory */
            continue;
        at = value_of(self, d->offset).i32;
        if ((uint64_t)at + d->size > self->memory->abi.bytes)
            return MCW_TRAP_MEMORY;
        rt->memory_init(&self->abi, i, at, 0, d->size);
        rt->data_drop(&self->abi, i);
    }
    return MCW_TRAP_NONE;
}

mc_code mc__wasm_instance_new(mc__wasm_store *store, const mc_wasm_module *m,
                              const mcw_code_table *code, const mc__wasm_extern *imports,
                              void *user, mc__wasm_instance **out, mcw_trap *out_trap, mc_err *err)
{
    mc__wasm_instance *self = calloc(1, sizeof(*self));
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "wasm: instance");
    self->store = store;
    self->m = m;
    self->code = code;
    self->user = user;
    rc = allocate(self, err);
    if (rc == MC_OK)
        rc = bind_all(self, imports, err);
    if (rc == MC_OK)
        rc = define(self, err);
    if (rc != MC_OK) {
        mc__wasm_instance_free(self);
        return rc;
    }
    *out_trap = write_segments(self);
    *out = self;
    return MC_OK;
}

void mc__wasm_instance_free(mc__wasm_instance *self)
{
    if (!self)
        return;
    mc__wasm_memory_free(self->store, self->own_memory);
    for (uint32_t i = 0; self->own_tables && i < self->m->table_count; i++)
        mc__wasm_table_deinit(&self->own_tables[i]);
    free((void *)self->abi.types);
    free(self->abi.functions);
    free(self->abi.imports);
    free(self->abi.globals);
    free(self->abi.imported_globals);
    free(self->abi.tables);
    free(self->tables);
    free(self->own_tables);
    free(self->is_data_dropped);
    free(self->is_element_dropped);
    free(self);
}

/* ---- code ---- */

mc_code mc__wasm_code_load(int fd, const mc_wasm_module *m, mc__wasm_code *out, mc_err *err)
{
    mc__wasm_code code = {.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
    char path[32];

    if (code.fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: compiled code");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", code.fd);
    code.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!code.handle) {
        mc__wasm_code_unload(&code);
        return mc_fail(err, MC_IO, "wasm: compiled code cannot be loaded");
    }
    code.table = dlsym(code.handle, "mcw_code");
    if (!code.table || code.table->abi != mc__wasm_emitter_id ||
        code.table->function_count != m->function_count - m->function_import_count ||
        code.table->type_count != m->type_count) {
        mc__wasm_code_unload(&code);
        return mc_fail(err, MC_INVALID, "wasm: compiled code of another module");
    }
    *out = code;
    return MC_OK;
}

void mc__wasm_code_unload(mc__wasm_code *code)
{
    if (code->handle)
        (void)dlclose(code->handle); /* nothing of it is in use */
    if (code->fd > 0)
        (void)close(code->fd); /* read only */
    *code = (mc__wasm_code){.fd = -1};
}
