/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_MODULE_H
#define METACORE_TESTS_SUPPORT_MC_MODULE_H

/**
 * mc_module: WebAssembly modules as bytes: large ones, and such with names that no text has.
 *
 * Threads: any; each buffer one at a time.
 */

#include "metacore/base/buf.h"

typedef struct mc_module_spec {
    uint32_t functions;    /* empty ones behind the first two, (i32,i32)->i64 and alloc; */
    size_t data_bytes;     /* of the memory's */
    size_t custom_bytes;   /* of a section that means nothing */
    size_t code_bytes;     /* of one function more, which is never called; about as many */
    const mc_str *exports; /* names of the first function besides "f" */
    size_t export_count;
    mc_str import_module, import_name; /* of a function ()->(); empty: none */
    bool starts_for_ever;
} mc_module_spec;

/** Appends the module: it exports "f", which gives nothing, alloc and memory. */
void mc_module_write(mc_buf *out, const mc_module_spec *spec);

#endif
