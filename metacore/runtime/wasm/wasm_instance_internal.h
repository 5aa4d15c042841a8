/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_INSTANCE_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_INSTANCE_INTERNAL_H

/*
 * Instances of compiled modules, in the process that runs them: a sandboxed child, or a test.
 *
 * A store holds what instances share: the identity of types, the limits, and the way out of a
 * trap. Memory lies in a reservation of 8 GiB and a bit, so that no address that generated code
 * can form leaves it; a fault in there, or in the guard of the stack, is a trap. Anything else is
 * a fault of ours, and ends the process.
 *
 * Threads: one thread, one store at a time in a process: signal handlers are the process's.
 */

#include "metacore/runtime/wasm/wasm_abi_internal.h"
#include "metacore/runtime/wasm/wasm_internal.h"

#define MC__WASM_STACK_BYTES ((size_t)4 << 20)
#define MC__WASM_STACK_GUARD_BYTES ((size_t)1 << 20)
#define MC__WASM_STACK_FOR_HOST ((size_t)128 << 10) /* that a host function must find left */
#define MC__WASM_TABLE_ENTRIES_MAX 100000

typedef struct mc__wasm_store mc__wasm_store;

typedef struct mc__wasm_memory {
    mcw_memory abi;
    uint32_t max_pages; /* that it may grow to */
    mc__wasm_limits declared;
    struct mc__wasm_memory *next; /* of the store, for the signal handler */
} mc__wasm_memory;

typedef struct mc__wasm_table_object {
    mcw_table abi;
    mc__wasm_type type;
    mc__wasm_limits declared;
    uint32_t max;
} mc__wasm_table_object;

typedef struct mc__wasm_global_object {
    mcw_value *value;
    mc__wasm_type type;
    bool is_mutable;
} mc__wasm_global_object;

/* What an import is bound to; the member that its kind says. */
typedef union mc__wasm_extern {
    mcw_func *function;
    mc__wasm_table_object *table;
    mc__wasm_memory *memory;
    mc__wasm_global_object global;
} mc__wasm_extern;

typedef struct mc__wasm_instance {
    mcw_instance abi; /* first: generated code knows only this */
    mc__wasm_store *store;
    const mc_wasm_module *m;
    const mcw_code_table *code;
    mc__wasm_memory *memory;     /* NULL: none */
    mc__wasm_memory *own_memory; /* the same, unless it is imported */
    mc__wasm_table_object **tables;
    mc__wasm_table_object *own_tables;
    uint8_t *is_data_dropped; /* a byte each */
    uint8_t *is_element_dropped;
    void *user; /* whoever made it; host functions find it here */
} mc__wasm_instance;

/* ---- store ---- */

/* max_pages, max_table_entries: no memory or table grows beyond, and a larger one is refused. */
mc_code mc__wasm_store_new(uint32_t max_pages, uint32_t max_table_entries, mc__wasm_store **out,
                           mc_err *err);
void mc__wasm_store_free(mc__wasm_store *store);
/* Equal for equal types; 0 without memory. */
uint32_t mc__wasm_store_type(mc__wasm_store *store, const mc__wasm_functype *type);
/* Runs fn(arg) on the store's own, guarded stack; traps can only be caught in there. */
void mc__wasm_store_run(mc__wasm_store *store, void (*fn)(void *arg), void *arg);
/* Whether a host function finds enough stack; it should trap otherwise. */
bool mc__wasm_store_has_stack(const mc__wasm_store *store);
/* Gives the stack's pages back that a deep call used. */
void mc__wasm_store_trim_stack(mc__wasm_store *store);
/* Leaves the running call; for host functions, too. */
void mc__wasm_trap(mcw_instance *instance, uint32_t code) __attribute__((noreturn));
const char *mc__wasm_trap_name(mcw_trap trap);

/* ---- memories and tables, also such that no instance defines ---- */

mc_code mc__wasm_memory_new(mc__wasm_store *store, mc__wasm_limits limits, mc__wasm_memory **out,
                            mc_err *err);
void mc__wasm_memory_free(mc__wasm_store *store, mc__wasm_memory *memory);
/* The former number of pages, or UINT32_MAX. */
uint32_t mc__wasm_memory_grow(mc__wasm_memory *memory, uint32_t pages);
mc_code mc__wasm_table_init(mc__wasm_store *store, const mc__wasm_table *type,
                            mc__wasm_table_object *out, mc_err *err);
void mc__wasm_table_deinit(mc__wasm_table_object *table);

/* ---- instances ---- */

/*
 * Binds and fills an instance, but starts nothing. imports are one per import of the module.
 *
 * out_trap  when a segment does not fit: the instance exists all the same, because what was
 *           written before stays written, and others may hold its functions
 * Errors    REJECTED: an import of another type (code runs only with what it was compiled for).
 *           TOO_LARGE: over the store's limits. NO_MEMORY.
 */
mc_code mc__wasm_instance_new(mc__wasm_store *store, const mc_wasm_module *m,
                              const mcw_code_table *code, const mc__wasm_extern *imports,
                              void *user, mc__wasm_instance **out, mcw_trap *out_trap, mc_err *err);
void mc__wasm_instance_free(mc__wasm_instance *instance);
/* The function of that index, imported or not. */
mcw_func *mc__wasm_instance_function(mc__wasm_instance *instance, uint32_t index);
mc__wasm_global_object mc__wasm_instance_global(mc__wasm_instance *instance, uint32_t index);
/* Calls with values as arguments and room for results; the code must have an entry for type, a
 * canonical index of its module. Inside of mc__wasm_store_run. */
mcw_trap mc__wasm_call(mc__wasm_instance *instance, uint32_t function, mcw_value *values);
/* A function without parameters and results; needs no entry. */
mcw_trap mc__wasm_call_plain(mc__wasm_instance *instance, uint32_t function);

/* ---- code ---- */

typedef struct mc__wasm_code {
    void *handle;
    int fd; /* kept: while it is open, no other code gets its name, by which the loader goes */
    const mcw_code_table *table;
} mc__wasm_code;

/* Loads a shared object from a descriptor and holds it against the module. */
mc_code mc__wasm_code_load(int fd, const mc_wasm_module *m, mc__wasm_code *out, mc_err *err);
void mc__wasm_code_unload(mc__wasm_code *code);

#endif
