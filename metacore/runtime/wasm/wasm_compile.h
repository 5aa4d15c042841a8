/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_COMPILE_H
#define METACORE_RUNTIME_WASM_WASM_COMPILE_H

/**
 * wasm_compile: modules to machine code, by the system's C compiler in a sandbox, kept in a cache.
 *
 * Three tiers: instant (tcc, when it is installed: usable in a fraction of a second, slower code),
 * quick (gcc -O1: half the wait for a large module) and full (gcc -O2). What comes out is a shared
 * object in a sealed memfd. The cache is a folder of ours; what is in it is authenticated with a
 * key when it is read.
 *
 * Not here: loading or running code (wasm_instance_internal.h, wasm_pool_internal.h).
 * Threads:  thread-safe once created. Of those that somebody waits for one compiles at a time, and
 *           beside it one that nobody waits for; callers wait their turn.
 */

#include "metacore/runtime/wasm/wasm.h"

MC_BEGIN_DECLS

#define MC_WASM_ARTEFACT_KEYS_MAX 16
#define MC_WASM_OBJECT_BYTES_MAX ((size_t)256 << 20)

typedef enum mc_wasm_tier {
    MC_WASM_TIER_INSTANT, /* tcc */
    MC_WASM_TIER_FULL,    /* gcc -O2 */
    MC_WASM_TIER_QUICK    /* gcc -O1 */
} mc_wasm_tier;
#define MC_WASM_TIERS 3

/** What a compilation is at, in this order. */
typedef enum mc_wasm_stage {
    MC_WASM_STAGE_WAITING,     /* for others' compilations */
    MC_WASM_STAGE_TRANSLATING, /* validated, and written as C, part after part */
    MC_WASM_STAGE_COMPILING,   /* part after part */
    MC_WASM_STAGE_LINKING,
    MC_WASM_STAGE_STARTING /* loaded; its initialization runs */
} mc_wasm_stage;

/** Zero is "the default" in every field. */
typedef struct mc_wasm_compiler_config {
    uint32_t struct_size;
    const char *cache_dir; /* required; made with mode 0700 when it is not there */
    const char *gcc;       /* NULL: gcc, then cc, where PATH says; "": none */
    const char *tcc;       /* NULL: tcc, likewise; "": none */
    const char *optimize;  /* of gcc in the full tier; NULL: "-O2" */
    uint32_t uid;          /* to compile as when we are root; 0: 65534 */
    int64_t timeout_ms;    /* of a whole module; 0: 600000 */
    uint32_t cpu_seconds;  /* of one chunk of about 300 functions; 0: 120 */
    uint64_t memory_bytes; /* of a compiler's process; 0: 1.5 GiB */
    uint8_t cache_key[32]; /* authenticates the cache; all zero: one kept in the cache's folder */
    uint64_t cache_bytes;  /* of code that is kept, the latest used; 0: 1 GiB */
    const char *artefact_dir;           /* of wasm_artefact.h; NULL: none */
    const uint8_t (*artefact_keys)[32]; /* whose signatures count; copied */
    size_t artefact_key_count;          /* at most MC_WASM_ARTEFACT_KEYS_MAX */
    /* Of a guest that is started: an artefact that is there and of no use, and why, when it is
     * compiled here instead; NULL: nobody hears. */
    void (*on_refused)(void *user, const char *why);
    void *on_refused_user;
    /* After each part; the first call has done 0. Called without locks; NULL: nobody watches. */
    void (*on_progress)(void *user, uint32_t done, uint32_t total);
    void *on_progress_user;
} mc_wasm_compiler_config;
#define MC_WASM_COMPILER_CONFIG .struct_size = sizeof(mc_wasm_compiler_config)

typedef struct mc_wasm_compiler mc_wasm_compiler;

/** Errors: INVALID: no cache_dir, too many keys. IO: the folder cannot be made or written. */
MC_API MC_MUST_USE mc_code mc_wasm_compiler_new(const mc_wasm_compiler_config *config,
                                                mc_wasm_compiler **out, mc_err *err);
MC_API void mc_wasm_compiler_free(mc_wasm_compiler *self);
/** From now on, and soon, every compilation ends with INTERRUPTED. What is cached is still found.
 */
MC_API void mc_wasm_compiler_stop(mc_wasm_compiler *self);
/** Whether a compiler for the tier was found. */
MC_API bool mc_wasm_compiler_has(const mc_wasm_compiler *self, mc_wasm_tier tier);
/** For people and programs: "tcc", "gcc -O1", "gcc -O2"; "waiting", "translating", … */
MC_API const char *mc_wasm_tier_name(mc_wasm_tier tier);
MC_API const char *mc_wasm_stage_name(mc_wasm_stage stage);

typedef struct mc_wasm_object {
    int fd; /* sealed memfd of a shared object; the caller closes it */
    bool was_cached;
    mc_wasm_tier tier;
} mc_wasm_object;

/**
 * Validates and compiles a module, or takes it from the cache.
 *
 * Errors  those of mc_wasm_module_read. NOT_PROVIDED: no compiler for the tier and nothing in the
 *         cache, nor compiled elsewhere. FORBIDDEN: the same, and what was compiled elsewhere is
 *         refused. TOO_LARGE: too much text or code. TIMEOUT: over time or CPU. IO: the compiler
 *         failed, or the disk said no. INTERRUPTED: stopped.
 */
MC_API MC_MUST_USE mc_code mc_wasm_compile(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                                           mc_wasm_object *out, mc_err *err);

MC_END_DECLS
#endif
