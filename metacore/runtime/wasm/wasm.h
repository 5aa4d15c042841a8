/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_H
#define METACORE_RUNTIME_WASM_WASM_H

/**
 * wasm: WebAssembly modules of strangers: read, validated, described.
 *
 * Supported: WebAssembly 1.0 with sign extension, saturating conversions, bulk memory, multiple
 * values, reference types with multiple tables, mutable globals, and fixed-width SIMD. A module
 * that needs more is refused with the feature's name and the offset of its first use.
 *
 * Not here: which imports a guest may have, and what they do (host/).
 * Threads:  a module is immutable once read.
 * Standard: WebAssembly Core Specification 2.0, chapters 3 and 5, appendix.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

/* What a module may have; more is MC_TOO_LARGE. Web browsers know limits of the same order. */
#define MC_WASM_FILE_BYTES_MAX ((size_t)64 << 20)       /* as uploaded, custom sections included */
#define MC_WASM_MODULE_BYTES_MAX ((size_t)8 << 20)      /* what custom sections leave */
#define MC_WASM_MEMORY_OF_MODULE_MAX ((size_t)96 << 20) /* that describing one may take */
#define MC_WASM_TYPES_MAX 100000
#define MC_WASM_IMPORTS_MAX 100000
#define MC_WASM_FUNCTIONS_MAX 1000000
#define MC_WASM_TABLES_MAX 100
#define MC_WASM_GLOBALS_MAX 100000
#define MC_WASM_EXPORTS_MAX 100000
#define MC_WASM_ELEMENTS_MAX 100000
#define MC_WASM_DATA_MAX 200000
#define MC_WASM_PARAMS_MAX 1000
#define MC_WASM_RESULTS_MAX 1000
#define MC_WASM_SLOTS_MAX 8000     /* locals and operands of one function: what a frame may hold */
#define MC_WASM_NESTING_MAX 50000  /* blocks within blocks */
#define MC_WASM_BRANCHES_MAX 65520 /* targets of one br_table */
#define MC_WASM_PAGES_MAX 65536    /* 64 KiB each; what the format can address */

typedef struct mc_wasm_module mc_wasm_module;

/**
 * Reads and validates a whole module.
 *
 * bytes   borrowed until the module is freed
 * out     untouched on error
 * Errors  INVALID: malformed, or against the typing rules. NOT_PROVIDED: needs a feature that is
 *         not supported. TOO_LARGE: over a limit above. Each names the offset. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_wasm_module_read(mc_str bytes, mc_wasm_module **out, mc_err *err);
MC_API void mc_wasm_module_free(mc_wasm_module *module);

typedef enum mc_wasm_kind {
    MC_WASM_FUNCTION,
    MC_WASM_TABLE,
    MC_WASM_MEMORY,
    MC_WASM_GLOBAL
} mc_wasm_kind;

/** An import or export. Strings point into the module's bytes. */
typedef struct mc_wasm_name {
    mc_str module; /* empty for an export */
    mc_str name;
    mc_wasm_kind kind;
    uint32_t index;      /* in the index space of its kind */
    char signature[128]; /* of a function: "(i32,i32)->(i64)", cut when longer; else "" */
} mc_wasm_name;

MC_API size_t mc_wasm_module_import_count(const mc_wasm_module *module);
MC_API size_t mc_wasm_module_export_count(const mc_wasm_module *module);
/** i must be below the count. */
MC_API void mc_wasm_module_get_import(const mc_wasm_module *module, size_t i, mc_wasm_name *out);
MC_API void mc_wasm_module_get_export(const mc_wasm_module *module, size_t i, mc_wasm_name *out);
/** False when there is no export of that name. */
MC_API bool mc_wasm_module_find_export(const mc_wasm_module *module, mc_str name,
                                       mc_wasm_name *out);

MC_END_DECLS
#endif
