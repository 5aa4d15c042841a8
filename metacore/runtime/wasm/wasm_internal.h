/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_INTERNAL_H

/*
 * What a module is after reading: counts, indices and places in its bytes, which are borrowed.
 *
 * Indices in here have been checked against their space; types of function bodies, which is most
 * of validation, are checked by wasm_body.c while it walks the code section.
 */

#include "metacore/base/arena.h"
#include "metacore/runtime/wasm/wasm.h"

/* Of all the sources that the text of compiled code comes from (made by the build): what it was
 * compiled from. The id is the digest's first 32 bits, which the code itself carries. */
extern const char mc__wasm_emitter[65];
extern const uint32_t mc__wasm_emitter_id;

/* Value types, by their byte in the binary format. UNKNOWN stands for "any" in dead code. */
typedef uint8_t mc__wasm_type;
enum {
    MC__WASM_UNKNOWN = 0x00,
    MC__WASM_EXTERNREF = 0x6f,
    MC__WASM_FUNCREF = 0x70,
    MC__WASM_V128 = 0x7b,
    MC__WASM_F64 = 0x7c,
    MC__WASM_F32 = 0x7d,
    MC__WASM_I64 = 0x7e,
    MC__WASM_I32 = 0x7f,
};

/* Kinds of imports and exports, by their byte. */
enum {
    MC__WASM_KIND_FUNCTION = 0,
    MC__WASM_KIND_TABLE = 1,
    MC__WASM_KIND_MEMORY = 2,
    MC__WASM_KIND_GLOBAL = 3,
};

#define MC__WASM_NONE UINT32_MAX
#define MC__WASM_PAGE ((uint64_t)65536)

/* One byte per value type, straight in the module's bytes. */
typedef struct mc__wasm_functype {
    const mc__wasm_type *params;
    const mc__wasm_type *results;
    uint32_t param_count;
    uint32_t result_count;
    uint32_t canonical; /* index of the first type that is equal to this one */
} mc__wasm_functype;

typedef struct mc__wasm_limits {
    uint32_t min;
    uint32_t max; /* UINT32_MAX when none is stated */
    bool has_max;
} mc__wasm_limits;

typedef struct mc__wasm_import {
    mc_str module;
    mc_str name;
    uint8_t kind;
    uint32_t index; /* in the space of its kind */
} mc__wasm_import;

typedef struct mc__wasm_export {
    mc_str name;
    uint8_t kind;
    uint32_t index;
} mc__wasm_export;

typedef struct mc__wasm_function {
    uint32_t type;
    uint32_t body_at; /* offset of its locals in the bytes; 0: imported */
    uint32_t body_end;
} mc__wasm_function;

typedef struct mc__wasm_table {
    mc__wasm_type type;
    mc__wasm_limits limits;
} mc__wasm_table;

/* A constant expression: one instruction. */
typedef struct mc__wasm_const {
    enum {
        MC__WASM_CONST_BITS,   /* a number, or a null reference (0) */
        MC__WASM_CONST_FUNC,   /* ref.func index */
        MC__WASM_CONST_GLOBAL, /* global.get index, of an imported one */
        MC__WASM_CONST_V128
    } kind;
    uint32_t index; /* of V128: offset of its 16 bytes */
    uint64_t bits;
} mc__wasm_const;

typedef struct mc__wasm_global {
    mc__wasm_type type;
    bool is_mutable;
    mc__wasm_const init; /* not of imported ones */
} mc__wasm_global;

typedef enum mc__wasm_segment_mode {
    MC__WASM_ACTIVE,
    MC__WASM_PASSIVE,
    MC__WASM_DECLARATIVE
} mc__wasm_segment_mode;

/* The entries stay in the bytes; mc__wasm_element_next walks them again. */
typedef struct mc__wasm_element {
    mc__wasm_segment_mode mode;
    mc__wasm_type type;
    bool has_expressions; /* else function indices */
    uint32_t table;
    uint32_t entries_at;
    uint32_t count;
    mc__wasm_const offset;
} mc__wasm_element;

typedef struct mc__wasm_data {
    mc__wasm_segment_mode mode;
    uint32_t at;
    uint32_t size;
    mc__wasm_const offset;
} mc__wasm_data;

struct mc_wasm_module {
    mc_arena *arena;
    mc_str bytes; /* borrowed */
    mc__wasm_functype *types;
    uint32_t type_count;
    mc__wasm_import *imports;
    uint32_t import_count;
    mc__wasm_function *functions; /* imported ones first, as in every space below */
    uint32_t function_count;
    uint32_t function_import_count;
    mc__wasm_table *tables;
    uint32_t table_count;
    uint32_t table_import_count;
    mc__wasm_limits memory; /* at most one */
    uint32_t memory_count;
    uint32_t memory_import_count;
    mc__wasm_global *globals;
    uint32_t global_count;
    uint32_t global_import_count;
    mc__wasm_export *exports;
    uint32_t export_count;
    uint32_t start; /* MC__WASM_NONE: no start function */
    mc__wasm_element *elements;
    uint32_t element_count;
    mc__wasm_data *data;
    uint32_t data_count;
    bool has_data_count;  /* the section that announces it */
    uint8_t *is_declared; /* a bit per function that ref.func may name */
};

/* ---- wasm_reader.c: bytes to numbers; sticks on the first failure ---- */

typedef struct mc__wasm_reader {
    const uint8_t *base;
    size_t at;
    size_t end;
    mc_code code;
    mc_err *err;
} mc__wasm_reader;

/* Fails r once (later failures keep the first) with "wasm: … at offset N". Returns r->code. */
mc_code mc__wasm_refuse(mc__wasm_reader *r, mc_code code, size_t offset, const char *fmt, ...)
    MC_PRINTF(4, 5);
static inline bool mc__wasm_failed(const mc__wasm_reader *r)
{
    return r->code != MC_OK;
}
uint8_t mc__wasm_read_byte(mc__wasm_reader *r);
uint32_t mc__wasm_read_u32(mc__wasm_reader *r);
int32_t mc__wasm_read_s32(mc__wasm_reader *r);
int64_t mc__wasm_read_s33(mc__wasm_reader *r);
int64_t mc__wasm_read_s64(mc__wasm_reader *r);
uint32_t mc__wasm_read_fixed32(mc__wasm_reader *r);
uint64_t mc__wasm_read_fixed64(mc__wasm_reader *r);
/* n bytes where they lie, or NULL. */
const uint8_t *mc__wasm_read_bytes(mc__wasm_reader *r, size_t n);
/* A vector of bytes that is UTF-8. */
mc_str mc__wasm_read_name(mc__wasm_reader *r);
/* The count of a vector: at most max, and no more than min_size bytes each could fill what is left.
 */
uint32_t mc__wasm_read_count(mc__wasm_reader *r, uint32_t max, size_t min_size, const char *what);
mc__wasm_type mc__wasm_read_value_type(mc__wasm_reader *r);
mc__wasm_type mc__wasm_read_ref_type(mc__wasm_reader *r);
const char *mc__wasm_type_name(mc__wasm_type type);
static inline bool mc__wasm_is_ref(mc__wasm_type type)
{
    return type == MC__WASM_FUNCREF || type == MC__WASM_EXTERNREF;
}

/* ---- wasm_sections.c, wasm_segments.c, wasm_const.c: one function per section ---- */

void mc__wasm_read_types(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_imports(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_functions(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_tables(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_memories(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_globals(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_exports(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_start(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_elements(mc_wasm_module *m, mc__wasm_reader *r);
void mc__wasm_read_data(mc_wasm_module *m, mc__wasm_reader *r);
/* A constant expression of the given type; notes functions that it names as declared. */
mc__wasm_const mc__wasm_read_const(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_type type);
void mc__wasm_declare(mc_wasm_module *m, uint32_t function);
bool mc__wasm_is_declared(const mc_wasm_module *m, uint32_t function);

/* Walks the entries of a segment that was read before: start with *at = entries_at, count times. */
mc__wasm_const mc__wasm_element_next(const mc_wasm_module *m, const mc__wasm_element *e,
                                     size_t *at);

/* ---- wasm_module.c ---- */

/*
 * Reads a module as mc_wasm_module_read does; with_bodies false leaves out the code section's
 * contents, for bytes that have been validated before. emit (or NULL) is told each instruction.
 */
struct mc__wasm_emit;
mc_code mc__wasm_module_read(mc_str bytes, bool with_bodies, struct mc__wasm_emit *emit,
                             mc_wasm_module **out, mc_err *err);

/* Such a function is not called from outside, and calls nobody there. */
static inline bool mc__wasm_has_vectors(const mc__wasm_functype *type)
{
    return memchr(type->params, MC__WASM_V128, type->param_count) ||
           memchr(type->results, MC__WASM_V128, type->result_count);
}

/* ---- wasm_body.c: the code section ---- */

void mc__wasm_read_code(mc_wasm_module *m, mc__wasm_reader *r, bool with_bodies,
                        struct mc__wasm_emit *emit);

static inline const mc__wasm_functype *mc__wasm_function_type(const mc_wasm_module *m,
                                                              uint32_t function)
{
    return &m->types[m->functions[function].type];
}

#endif
