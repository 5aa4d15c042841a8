/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_ABI_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_ABI_INTERNAL_H

/*
 * What generated code and the runtime share. Compiled code is cached by mc__wasm_emitter, the
 * digest of this file and of all others that the text comes from: none outlives a change of any of
 * them.
 */

#include <stdint.h>

typedef enum mcw_trap {
    MCW_TRAP_NONE,
    MCW_TRAP_UNREACHABLE,
    MCW_TRAP_MEMORY,     /* access out of bounds */
    MCW_TRAP_TABLE,      /* access out of bounds */
    MCW_TRAP_UNDEFINED,  /* call of an index beyond the table */
    MCW_TRAP_NULL,       /* call of an entry that is null */
    MCW_TRAP_TYPE,       /* call of a function of another type */
    MCW_TRAP_DIVIDE,     /* by zero */
    MCW_TRAP_OVERFLOW,   /* of an integer */
    MCW_TRAP_CONVERSION, /* of what is no number to an integer */
    MCW_TRAP_STACK,      /* exhausted */
    MCW_TRAP_HOST,       /* by an imported function */
    MCW_TRAP_COUNT
} mcw_trap;

/* tcc has no vectors. Elsewhere one is aligned like its neighbours, so that values stay as small.
 */
#ifdef __TINYC__
typedef struct mcw_v128 {
    uint64_t lanes[2];
} mcw_v128;
#else
typedef uint64_t mcw_v128 __attribute__((vector_size(16), aligned(8)));
#endif

typedef union mcw_value {
    uint32_t i32;
    uint64_t i64;
    float f32;
    double f64;
    void *ref; /* funcref: an mcw_func; null: NULL */
    mcw_v128 v128;
} mcw_value;

typedef struct mcw_instance mcw_instance;

/* A function of some instance; tables and funcrefs hold its address. */
typedef struct mcw_func {
    void (*code)(void); /* really R (*)(mcw_instance *, params…) of its type */
    mcw_instance *instance;
    uint32_t type; /* equal for equal types, in the whole process */
} mcw_func;

typedef struct mcw_memory {
    uint8_t *base; /* of 8 GiB and a bit that are reserved: never moves */
    uint64_t bytes;
} mcw_memory;

typedef struct mcw_table {
    void **items;
    uint32_t size;
} mcw_table;

typedef struct mcw_runtime {
    void (*trap)(mcw_instance *, uint32_t code) __attribute__((noreturn));
    uint32_t (*memory_grow)(mcw_instance *, uint32_t pages);
    void (*memory_init)(mcw_instance *, uint32_t segment, uint32_t to, uint32_t from, uint32_t n);
    void (*data_drop)(mcw_instance *, uint32_t segment);
    uint32_t (*table_grow)(mcw_instance *, uint32_t table, void *ref, uint32_t n);
    void (*table_init)(mcw_instance *, uint32_t table, uint32_t segment, uint32_t to, uint32_t from,
                       uint32_t n);
    void (*elem_drop)(mcw_instance *, uint32_t segment);
    mcw_value *results; /* of functions with several; read before the next call */
} mcw_runtime;

/* The runtime's own fields follow behind. */
struct mcw_instance {
    uint8_t *base; /* of its memory */
    mcw_memory *memory;
    const mcw_runtime *rt;
    mcw_value *globals; /* defined here; imported ones behind their addresses */
    mcw_value **imported_globals;
    mcw_table **tables;
    mcw_func **imports;
    mcw_func *functions; /* defined here */
    const uint32_t *types;
};

/* The one symbol that compiled code exports: mcw_code. */
typedef struct mcw_code_table {
    uint32_t abi;            /* mc__wasm_emitter_id of who wrote it */
    uint32_t function_count; /* defined here */
    uint32_t type_count;
    void (*const *functions)(void);
    /* Per type, of exported functions only: takes arguments from values, leaves results there. */
    void (*const *entries)(const mcw_func *, mcw_value *values);
} mcw_code_table;

#endif
