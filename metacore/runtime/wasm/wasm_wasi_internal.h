/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_WASI_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_WASI_INTERNAL_H

/*
 * What the process of a guest answers itself, without asking the server: a subset of WASI preview 1
 * and AssemblyScript's abort.
 *
 * Nothing of it reaches a file or a process. Of the three standard streams, what is written becomes
 * lines for the server (the channel's output), and there is nothing to read. Arguments, environment
 * and preopened folders: none. Random bytes are a stream from a seed that comes with each call.
 *
 * Addresses are the guest's word: each is looked at before it is used, and one that lies outside of
 * the memory is FAULT, for the guest to handle.
 *
 * Standard: WASI snapshot preview 1 (wasi_snapshot_preview1).
 */

#include "metacore/runtime/wasm/wasm_channel_internal.h"
#include "metacore/runtime/wasm/wasm_instance_internal.h"

#define MC__WASM_STREAMS 3 /* standard input, output, error */
#define MC__WASM_WHY_MAX 160

/* Of an instance; back to zero before each call. */
typedef struct mc__wasm_wasi_call {
    uint64_t draws; /* of random bytes: no two are the same part of the stream */
    uint16_t flags[MC__WASM_STREAMS];
    bool is_closed[MC__WASM_STREAMS];
    bool is_used; /* it saw or did what the next call has to see or do anew */
    bool has_exited;
    uint32_t exit_code;
    char why[MC__WASM_WHY_MAX]; /* of a trap by an imported function; empty: nothing to add */
} mc__wasm_wasi_call;

typedef struct mc__wasm_wasi {
    mc__wasm_instance *instance;
    mc__wasm_channel *channel;
    bool is_bound; /* the module imports something of this */
    mc__wasm_wasi_call call;
} mc__wasm_wasi;

enum {
    MC__WASI_SUCCESS = 0,
    MC__WASI_BADF = 8,
    MC__WASI_FAULT = 21,
    MC__WASI_INVAL = 28,
    MC__WASI_SPIPE = 70,
};

/* One function: what code really is, an import's C type with mc__wasm_wasi * in front, is what
 * signature says. */
typedef struct mc__wasm_builtin {
    const char *module;
    const char *name;
    const char *signature; /* as mc_wasm_name has it */
    void (*code)(void);
} mc__wasm_builtin;

/* NULL: there is none. */
const mc__wasm_builtin *mc__wasm_builtin_find(mc_str module, mc_str name);

/* len bytes of the guest's memory, of which none need be there when it is 0; NULL: outside. */
uint8_t *mc__wasi_bytes(const mc__wasm_wasi *wasi, uint32_t at, uint64_t len);
/* In the byte order of WebAssembly, at any address; at lies inside. */
uint32_t mc__wasi_get32(const uint8_t *at);
uint64_t mc__wasi_get64(const uint8_t *at);
void mc__wasi_put32(uint8_t *at, uint32_t value);
void mc__wasi_put64(uint8_t *at, uint64_t value);
/* Nanoseconds; false: no clock of that number for guests. */
bool mc__wasi_now(uint32_t clock, uint64_t *out_ns);
/* A stream that exists and was not closed. */
bool mc__wasi_is_stream(const mc__wasm_wasi *wasi, uint32_t fd);
/* For the lines of the call; what is beyond MC__WASM_OUTPUT_MAX is counted as lost. */
void mc__wasi_write(mc__wasm_wasi *wasi, const uint8_t *bytes, size_t len);
/* Ends the call as the trap of an imported function. */
_Noreturn void mc__wasi_trap(mc__wasm_wasi *wasi);

/* ---- wasm_wasi_fd.c ---- */

uint32_t mc__wasi_fd_close(mc__wasm_wasi *wasi, uint32_t fd);
uint32_t mc__wasi_fd_fdstat_get(mc__wasm_wasi *wasi, uint32_t fd, uint32_t out);
uint32_t mc__wasi_fd_fdstat_set_flags(mc__wasm_wasi *wasi, uint32_t fd, uint32_t flags);
uint32_t mc__wasi_fd_prestat_get(mc__wasm_wasi *wasi, uint32_t fd, uint32_t out);
uint32_t mc__wasi_fd_prestat_dir_name(mc__wasm_wasi *wasi, uint32_t fd, uint32_t at, uint32_t len);
uint32_t mc__wasi_fd_read(mc__wasm_wasi *wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                          uint32_t out);
uint32_t mc__wasi_fd_seek(mc__wasm_wasi *wasi, uint32_t fd, uint64_t offset, uint32_t whence,
                          uint32_t out);
uint32_t mc__wasi_fd_write(mc__wasm_wasi *wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                           uint32_t out);

/* ---- wasm_wasi_poll.c ---- */

uint32_t mc__wasi_poll_oneoff(mc__wasm_wasi *wasi, uint32_t in, uint32_t out, uint32_t count,
                              uint32_t out_count);

/* ---- wasm_abort.c ---- */

_Noreturn void mc__wasm_abort(mc__wasm_wasi *wasi, uint32_t message, uint32_t file, uint32_t line,
                              uint32_t column);

#endif
