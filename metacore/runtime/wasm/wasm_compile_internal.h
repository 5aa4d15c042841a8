/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_COMPILE_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_COMPILE_INTERNAL_H

#include "metacore/base/sync.h"
#include "metacore/runtime/wasm/wasm_compile.h"

#include <stdatomic.h>

#define MC__WASM_PATH_MAX 512
#define MC__WASM_DIGEST 32

typedef struct mc__wasm_tool {
    char path[MC__WASM_PATH_MAX]; /* "": not there */
    char version[128];
} mc__wasm_tool;

struct mc_wasm_compiler {
    mc_wasm_compiler_config config;
    char cache_dir[MC__WASM_PATH_MAX];
    char optimize[16];
    int cache; /* the folder, open */
    uint8_t key[MC__WASM_DIGEST];
    mc__wasm_tool tools[2]; /* by tier */
    mc_mutex mu;
    mc_cond turn;
    bool is_busy; /* guarded by mu */
};

/* ---- wasm_cache.c ---- */

/* Opens the folder, makes or reads its key. */
mc_code mc__wasm_cache_open(mc_wasm_compiler *self, mc_err *err);
/* The name of what these bytes become under a tool. */
void mc__wasm_cache_name(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                         char out[80]);
/* A sealed memfd, or -1: absent or not authentic. */
int mc__wasm_cache_load(const mc_wasm_compiler *self, const char *name);
/* Keeps the object that fd holds. */
mc_code mc__wasm_cache_store(const mc_wasm_compiler *self, const char *name, int fd, mc_err *err);
/* A sealed memfd with what the file from holds. */
mc_code mc__wasm_seal(int from, int *out, mc_err *err);

/* ---- wasm_compile.c ---- */

/* As mc_wasm_compile; MC_INTERRUPTED between two parts once *stop is true. stop NULL: never. */
mc_code mc__wasm_compile_until(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                               const _Atomic bool *stop, mc_wasm_object *out, mc_err *err);

/* Whether the cache has it; it is not read for that. */
bool mc__wasm_compile_is_cached(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier);

/* ---- wasm_build.c ---- */

/* The flags of a tier in one line: part of the cache's name. */
const char *mc__wasm_build_flags(mc_wasm_tier tier);
/* Translates and compiles in a folder of its own; *out is a sealed memfd. */
mc_code mc__wasm_build(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                       const _Atomic bool *stop, int *out, mc_err *err);

#endif
