/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_SECRET_H
#define METACORE_BASE_SECRET_H

/**
 * secret: bytes that must not linger: wiped on free, never formatted.
 *
 * Threads: one thread at a time; reading is free for all.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

typedef struct mc_secret {
    unsigned char *ptr;
    size_t len;
} mc_secret;

MC_API MC_MUST_USE mc_code mc_secret_init(mc_secret *self, mc_str bytes, mc_err *err);
MC_API void mc_secret_deinit(mc_secret *self);
/** Borrowed; do not log. */
MC_API mc_str mc_secret_get(const mc_secret *self);
/** Overwrites memory in a way the compiler may not remove. */
MC_API void mc_wipe(void *ptr, size_t len);

MC_END_DECLS
#endif
