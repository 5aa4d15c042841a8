/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_SECCOMP_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_SECCOMP_INTERNAL_H

/*
 * Filters of system calls, one list each. Both set no_new_privs and hold for all that follows,
 * also across exec. They touch no heap, so they may be used between fork and exec.
 */

#include "metacore/base/base.h"

#define MC__WASM_CALLS_MAX 48

/* The listed calls fail with EPERM, as do all of another architecture; the rest is allowed. */
bool mc__wasm_seccomp_deny(const uint16_t *calls, size_t count);

/*
 * Only the listed calls are allowed; mmap and mprotect besides, as long as they make nothing
 * executable. Anything else kills the process.
 */
bool mc__wasm_seccomp_allow(const uint16_t *calls, size_t count);

#endif
