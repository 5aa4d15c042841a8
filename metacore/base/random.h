/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_RANDOM_H
#define METACORE_BASE_RANDOM_H

/**
 * random: the kernel's random bytes, good for keys and tokens.
 *
 * Threads: thread-safe.
 */

#include "metacore/base/err.h"

MC_BEGIN_DECLS

/** Fills out with n bytes of getrandom(2). MC_IO if the system has none. */
MC_API MC_MUST_USE mc_code mc_random_bytes(void *out, size_t n, mc_err *err);

MC_END_DECLS
#endif
