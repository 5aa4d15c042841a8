/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_DIFFER_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_DIFFER_INTERNAL_H

/* Random modules for two validators to agree about. The same seed gives the same module. */

#include "metacore/base/buf.h"
#include "metacore/runtime/wasm/wasm_ops_internal.h"

typedef struct differ_random {
    uint64_t state; /* never 0 */
} differ_random;

/* Below limit; 0 when that is 0. */
uint32_t differ_below(differ_random *r, uint32_t limit);

#define DIFFER_TYPES 6
#define DIFFER_FUNCTIONS 12
#define DIFFER_FEW 4 /* tables, globals, segments */
#define DIFFER_ARITY 4

typedef struct differ_type {
    mc__wasm_type params[DIFFER_ARITY], results[DIFFER_ARITY];
    uint32_t param_count, result_count;
} differ_type;

typedef struct differ_global {
    mc__wasm_type type;
    bool is_mutable;
} differ_global;

/* What a module has, so that most of what its functions say of it is right. */
typedef struct differ_module {
    differ_random random;
    uint32_t wrong; /* in a thousand: how often an index, type or operand is not what it must be */
    differ_type types[DIFFER_TYPES];
    uint32_t type_count;
    uint32_t functions[DIFFER_FUNCTIONS]; /* their types; imported ones first */
    uint32_t function_count, import_count;
    mc__wasm_type tables[DIFFER_FEW];
    uint32_t table_count;
    differ_global globals[DIFFER_FEW];
    uint32_t global_count, global_import_count;
    mc__wasm_type elements[DIFFER_FEW];
    uint32_t element_count;
    uint32_t data_count;
    bool has_memory, has_data_count;
} differ_module;

bool differ_is_wrong(differ_module *m);
/* An index below count, or (seldom) none. */
uint32_t differ_index(differ_module *m, uint32_t count);
mc__wasm_type differ_value_type(differ_module *m);
void differ_put(mc_buf *out, uint64_t value);       /* LEB128 */
void differ_put_signed(mc_buf *out, int64_t value); /* likewise */
void differ_put_const(differ_module *m, mc_buf *out, mc__wasm_type type);

/* wasm_differ_body.c: a function's locals and code, with its size. */
void differ_put_body(differ_module *m, mc_buf *out, uint32_t function);

/* wasm_differ_module.c: a whole module. */
void differ_put_module(uint64_t seed, uint32_t wrong, mc_buf *out);

#endif
