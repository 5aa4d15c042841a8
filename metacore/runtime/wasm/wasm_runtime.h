/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_RUNTIME_H
#define METACORE_RUNTIME_WASM_WASM_RUNTIME_H

/**
 * wasm_runtime: guests: modules loaded, and their functions called, each time in a fresh instance,
 * in a sandboxed process that serves one guest only.
 *
 * A zygote, forked before any thread or secret exists, loads compiled code and forks the children
 * that run it: no capabilities, no files, no network, a handful of system calls. Should it die,
 * calls under way fail and the next ones meet another: a keeper, forked with it, does nothing but
 * that. A child is called over shared memory on the caller's own CPU. What a call left in its
 * instance is undone before the next; a call over its deadline is ended by killing the child.
 *
 * Functions that need nothing of the server are here: a subset of WASI preview 1 (streams that are
 * written to become lines, nothing to read, no files, no arguments, clocks, random bytes, exit) and
 * env.abort of AssemblyScript.
 *
 * Not here: what other imports do (the host callback of a call), where modules come from.
 * Threads:  thread-safe once created, save that the zygote is started by a process of one thread.
 * Standard: guest ABI v1: exports memory, alloc(i32)->i32, functions (ptr,len)->ptr<<32|len, also
 *           as one packed i64, or ()->(). Vectors do not cross it. An empty input is (0,0), without
 *           a call of alloc; free is not called: the whole instance is forgotten. First its start,
 *           and _initialize, or _start where there is none; after that once for all calls, unless
 *           it saw the time or chance or wrote a line: then before each.
 */

#include "metacore/base/buf.h"
#include "metacore/runtime/wasm/wasm_compile.h"

MC_BEGIN_DECLS

#define MC_WASM_MESSAGE_MAX ((size_t)8 << 20) /* input, output, and each side of a host call */
#define MC_WASM_TIMEOUT_MS_DEFAULT 10000
#define MC_WASM_TIMEOUT_MS_MAX 60000
#define MC_WASM_WAIT_MS_MAX 60000
#define MC_WASM_MEMORY_MB_DEFAULT 64
#define MC_WASM_MEMORY_MB_MAX 256
#define MC_WASM_HOST_ARGS_MAX 4
#define MC_WASM_IMPORTS_OF_HOST_MAX 64
#define MC_WASM_GUESTS_MAX 1024
#define MC_WASM_CHILDREN_MAX 256

/* ---- zygote ---- */

typedef struct mc_wasm_zygote mc_wasm_zygote;

/**
 * Forks the zygote. Call it first thing in main: before threads (it refuses otherwise), and before
 * secrets are read, which children would inherit. It ends with its parent.
 */
MC_API MC_MUST_USE mc_code mc_wasm_zygote_start(mc_wasm_zygote **out, mc_err *err);
MC_API void mc_wasm_zygote_stop(mc_wasm_zygote *zygote);

/* ---- runtime ---- */

/**
 * A function that guests may import: pairs of (pointer, length) as i32, up to
 * MC_WASM_HOST_ARGS_MAX; the result is a packed i64, made with the guest's alloc, or none.
 */
typedef struct mc_wasm_host_import {
    const char *module;
    const char *name;
    uint8_t pairs;
    bool has_result;
    bool waits; /* for others: that time is not the guest's, up to MC_WASM_WAIT_MS_MAX of a call */
} mc_wasm_host_import;

/** Zero is "the default" in every field. */
typedef struct mc_wasm_config {
    uint32_t struct_size;
    mc_wasm_zygote *zygote;             /* required; borrowed, outlives the runtime */
    mc_wasm_compiler *compiler;         /* required; borrowed, outlives the runtime */
    const mc_wasm_host_import *imports; /* borrowed; their index is what the callback is told */
    size_t import_count;
    uint32_t children_max;   /* 0: four per CPU */
    uint32_t calls_max;      /* of a child before it is replaced; 0: 100000 */
    int64_t init_timeout_ms; /* of a guest's initialization; 0: 10000 */
} mc_wasm_config;
#define MC_WASM_CONFIG .struct_size = sizeof(mc_wasm_config)

typedef struct mc_wasm mc_wasm;

MC_API MC_MUST_USE mc_code mc_wasm_new(const mc_wasm_config *config, mc_wasm **out, mc_err *err);
/** Every guest has been freed before, and no call runs. */
MC_API void mc_wasm_free(mc_wasm *self);

/* ---- guests ---- */

typedef struct mc_wasm_guest mc_wasm_guest;

typedef struct mc_wasm_guest_options {
    uint32_t struct_size;
    uint32_t memory_mb; /* 0: MC_WASM_MEMORY_MB_DEFAULT; at most MC_WASM_MEMORY_MB_MAX */
} mc_wasm_guest_options;
#define MC_WASM_GUEST_OPTIONS .struct_size = sizeof(mc_wasm_guest_options)

/**
 * Validates a module and keeps it. It has no code yet: calls are UNAVAILABLE until it is started.
 *
 * bytes    copied
 * options  NULL: the defaults
 * Errors   those of mc_wasm_module_read. TOO_LARGE: more memory at first than it may have. LIMIT.
 */
MC_API MC_MUST_USE mc_code mc_wasm_guest_open(mc_wasm *self, mc_str bytes,
                                              const mc_wasm_guest_options *options,
                                              mc_wasm_guest **out, mc_err *err);
/**
 * Compiles an opened module as fast as it can be (with tcc when it is there; else a large one with
 * gcc -O1), loads it and runs its initialization once, whose result every call starts from. Better
 * code follows in the background and takes its place. Once; blocks, and may be long: another thread
 * may look at it meanwhile.
 *
 * Errors   those of mc_wasm_compile. REJECTED: an import that is not offered or of another type, or
 *          an initialization that traps or takes too long. UNAVAILABLE: the zygote is gone.
 */
MC_API MC_MUST_USE mc_code mc_wasm_guest_start(mc_wasm_guest *guest, mc_err *err);
/** Opens and starts. */
MC_API MC_MUST_USE mc_code mc_wasm_guest_load(mc_wasm *self, mc_str bytes,
                                              const mc_wasm_guest_options *options,
                                              mc_wasm_guest **out, mc_err *err);
/** No call of it runs; its children end. */
MC_API void mc_wasm_guest_free(mc_wasm_guest *guest);
/** The tier that calls run on now; of a guest that was started. */
MC_API mc_wasm_tier mc_wasm_guest_tier(mc_wasm_guest *guest);

typedef struct mc_wasm_guest_state {
    uint32_t struct_size;
    uint32_t generation; /* 1: its first code; one more for each that took its place; 0: none yet */
    mc_wasm_tier tier;   /* of that generation */
    bool is_compiling;   /* code is made, or waits for its turn: */
    mc_wasm_tier making; /* which, or was tried last */
    mc_wasm_stage stage; /* what it is at, or was at last */
    uint32_t part, parts; /* of the stage; parts 0: their number is not known yet */
    int64_t elapsed_ms;   /* since that began; when nothing is made: what it took */
    char failure[184];    /* why the code that was tried last is not there; "": it is */
} mc_wasm_guest_state;
#define MC_WASM_GUEST_STATE .struct_size = sizeof(mc_wasm_guest_state)

/** out->struct_size is the caller's. */
MC_API void mc_wasm_guest_get_state(mc_wasm_guest *guest, mc_wasm_guest_state *out);
/** Waits until the background compilation has ended, well or not. */
MC_API void mc_wasm_guest_settle(mc_wasm_guest *guest);

/**
 * The type of an imported function that is provided here, as mc_wasm_name has signatures; NULL:
 * there is none of that name, and only config.imports may have it.
 */
MC_API const char *mc_wasm_builtin_signature(mc_str module, mc_str name);

/**
 * What an imported function does. args are borrowed for the call; what is written to out goes to
 * the guest (nothing: it gets 0). Called on the thread of mc_wasm_invoke, without locks.
 * A code other than MC_OK ends the guest's call with it.
 */
typedef mc_code (*mc_wasm_host_fn)(void *user, uint32_t import, const mc_str *args, size_t count,
                                   int64_t deadline_us, mc_buf *out, mc_err *err);

typedef struct mc_wasm_call {
    uint32_t struct_size;
    mc_str function;
    mc_str input;
    int64_t timeout_ms;   /* 0: MC_WASM_TIMEOUT_MS_DEFAULT; at most MC_WASM_TIMEOUT_MS_MAX */
    mc_wasm_host_fn host; /* NULL: imported functions give 0 */
    void *host_user;
    /* A line that it wrote to a stream, without its end; some of a call that failed, too. At most
     * 64 KiB of a call are kept. NULL: nobody reads it. user: host_user. */
    void (*on_line)(void *user, mc_str line);
    bool is_urgent; /* others wait for the caller, who may not wait for their calls' end: there may
                       be a process more than children_max for it */
} mc_wasm_call;
#define MC_WASM_CALL .struct_size = sizeof(mc_wasm_call)

/**
 * Calls an exported function in a fresh instance.
 *
 * out     appended to; as it was on error
 * Errors  NOT_FOUND: no such export. TOO_LARGE: input or output over MC_WASM_MESSAGE_MAX.
 *         REJECTED: the guest trapped, or its result lies outside of its memory. TIMEOUT: the
 *         deadline passed, waiting included. UNAVAILABLE: its process died. Any code of the host
 *         callback.
 */
MC_API MC_MUST_USE mc_code mc_wasm_invoke(mc_wasm_guest *guest, const mc_wasm_call *call,
                                          mc_buf *out, mc_err *err);

/* ---- metrics ---- */

typedef struct mc_wasm_stats {
    uint64_t calls;
    uint64_t traps;
    uint64_t timeouts;
    uint64_t deaths; /* children that ended without being told to */
    uint64_t host_calls;
    uint64_t spawned;
    uint64_t recycled; /* replaced after many calls, for newer code, or for another guest */
    uint64_t compiled;
    uint64_t from_cache;
    uint32_t children; /* now */
    uint32_t busy;     /* now */
    uint32_t guests;   /* now */
    uint64_t zygotes;  /* made in place of one that died */
} mc_wasm_stats;

MC_API void mc_wasm_get_stats(mc_wasm *self, mc_wasm_stats *out);

MC_END_DECLS
#endif
