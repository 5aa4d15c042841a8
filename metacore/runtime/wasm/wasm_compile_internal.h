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
    mc__wasm_tool tools[MC_WASM_TIERS];
    mc_mutex mu;
    mc_cond turn;
    bool is_busy[2]; /* guarded by mu: for somebody who waits; in the background */
    _Atomic bool is_stopping;
    char artefact_dir[MC__WASM_PATH_MAX]; /* "": none */
    uint8_t artefact_keys[MC_WASM_ARTEFACT_KEYS_MAX][32];
    size_t artefact_key_count;
};

/* A compilation as whoever asked for it sees it. */
typedef struct mc__wasm_job {
    bool is_background;
    const _Atomic bool *stop; /* once it is true, the compilation ends soon; NULL: never */
    /* Of every step; part of parts when it has any. Called without locks; NULL: nobody watches. */
    void (*on_stage)(void *user, mc_wasm_stage stage, uint32_t part, uint32_t parts);
    void *user;
} mc__wasm_job;

/* ---- wasm_cache.c ---- */

/* Opens the folder, makes or reads its key. */
mc_code mc__wasm_cache_open(mc_wasm_compiler *self, mc_err *err);
/* The name of what these bytes become under a tool. */
void mc__wasm_cache_name(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                         char out[80]);
/* Code that was not used for longest goes until the rest fits into the cache; kept stays. */
void mc__wasm_cache_prune(const mc_wasm_compiler *self, const char *kept);
/* What compilations that were killed left goes, once it is old. */
void mc__wasm_cache_clean(const mc_wasm_compiler *self);
/* A sealed memfd, or -1: absent or not authentic. */
int mc__wasm_cache_load(const mc_wasm_compiler *self, const char *name);
/* Keeps the object that fd holds. */
mc_code mc__wasm_cache_store(const mc_wasm_compiler *self, const char *name, int fd, mc_err *err);
/* A sealed memfd with what the file holds from offset on. */
mc_code mc__wasm_seal(int file, size_t offset, int *out, mc_err *err);
extern const char mc__wasm_arch[];

/* ---- wasm_artefact.c ---- */

/* The lines before the object; all in the text. False: they are not such lines. */
typedef struct mc__wasm_artefact_head {
    mc_str signed_text; /* the first two lines */
    mc_str about;       /* the second, JSON */
    mc_str signature;   /* the third, hexadecimal */
    size_t object_at;
} mc__wasm_artefact_head;
bool mc__wasm_artefact_split(mc_str text, mc__wasm_artefact_head *out);

/* NOT_FOUND: there is none. FORBIDDEN: there is one, and why it is refused. *out is sealed. */
mc_code mc__wasm_artefact_find(const mc_wasm_compiler *self, mc_str bytes, int *out, mc_err *err);

/* ---- wasm_compile.c ---- */

/* As mc_wasm_compile; MC_INTERRUPTED when it was stopped. */
mc_code mc__wasm_compile_job(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                             const mc__wasm_job *job, mc_wasm_object *out, mc_err *err);
void mc__wasm_job_tell(const mc__wasm_job *job, mc_wasm_stage stage, uint32_t part, uint32_t parts);
bool mc__wasm_job_is_stopped(const mc_wasm_compiler *self, const mc__wasm_job *job);

/* What was compiled before, here or (the full tier) elsewhere. NOT_FOUND: nothing, or it is not
 * authentic. FORBIDDEN: only an artefact, and why it is refused. */
mc_code mc__wasm_compile_find(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                              mc_wasm_object *out, mc_err *err);

/* ---- wasm_build.c ---- */

/* The flags of a tier in one line: part of the cache's name. False: they do not fit. */
bool mc__wasm_build_flags(const mc_wasm_compiler *self, mc_wasm_tier tier, char out[512]);
/* Translates and compiles in a folder of its own; *out is a sealed memfd. */
mc_code mc__wasm_build(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                       const mc__wasm_job *job, int *out, mc_err *err);

#endif
