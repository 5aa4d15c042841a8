/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_SANDBOX_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_SANDBOX_INTERNAL_H

/*
 * Processes with less: filters of system calls, limits, another user. What is called between fork
 * and exec here touches no lock and no heap.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

#include <sys/types.h>

/* For the compiler: everything but networks, other processes' insides and the system's state. */
bool mc__wasm_forbid_network(void);

typedef struct mc__wasm_program {
    const char *const *argv; /* argv[0] is a path */
    int dir;                 /* an open folder: where it runs, TMPDIR, and the file "log" */
    uid_t uid;               /* to become, when we are root; 0: stay */
    int64_t timeout_ms;
    uint64_t cpu_seconds;
    uint64_t memory_bytes;                /* of address space */
    uint64_t file_bytes;                  /* of each file written */
    int nice;                             /* 0: as we are */
    bool (*is_stopped)(const void *user); /* asked often: true ends it; NULL: never */
    const void *user;
} mc__wasm_program;

/* Runs it to its end, sandboxed. MC_TIMEOUT over time or CPU; MC_IO when it fails, with the first
 * line of its log; MC_INTERRUPTED when it was stopped. */
mc_code mc__wasm_run(const mc__wasm_program *program, const char *what, mc_err *err);

#endif
