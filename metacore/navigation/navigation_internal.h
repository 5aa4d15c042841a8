/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NAVIGATION_NAVIGATION_INTERNAL_H
#define METACORE_NAVIGATION_NAVIGATION_INTERNAL_H

#include "metacore/navigation/navigation.h"

/* What one addon adds. Immutable. */
typedef struct mc__nav_part {
    struct mc__nav_part *next; /* all there ever were */
    mc_arena *arena;
    mc_str key;
    const mc_json *groups; /* an array; NULL: nothing any more */
} mc__nav_part;

/* navigation_merge.c: core, then parts in order. */
mc_code mc__navigation_merge(const mc_navigation_config *config, mc_ctx *ctx, const mc_json *core,
                             const mc__nav_part *const *parts, size_t count, mc_buf *out,
                             mc_err *err);

#endif
