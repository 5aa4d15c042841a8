/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_EMBEDDED_H
#define METACORE_BASE_EMBEDDED_H

/**
 * embedded: files of the source tree that are part of the program (cmake/mc_embed.cmake).
 *
 * Threads: immutable.
 */

#include "metacore/base/base.h"

MC_BEGIN_DECLS

typedef struct mc_embedded {
    const char *name; /* relative to the folder that was named */
    const unsigned char *bytes;
    size_t size;
} mc_embedded;

/* Each table is declared where it is used: extern const mc_embedded NAME[]; and NAME_count. */
#define MC_EMBEDDED(name)                                                                          \
    extern const mc_embedded name[];                                                               \
    extern const size_t name##_count

MC_END_DECLS
#endif
