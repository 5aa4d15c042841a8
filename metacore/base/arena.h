/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_ARENA_H
#define METACORE_BASE_ARENA_H

/**
 * arena: memory that is given out piece by piece and taken back at once.
 *
 * Every arena has a budget from birth: past it an allocation returns NULL, which is an ordinary
 * MC_NO_MEMORY for one request and not the machine's end. Pieces are aligned for any type and not
 * zeroed, except where said. Results of a request live here until the request ends.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

#include <stdarg.h>

MC_BEGIN_DECLS

#define MC_ARENA_BUDGET_DEFAULT ((size_t)16 << 20)

typedef struct mc_arena mc_arena;

/** budget_bytes 0: MC_ARENA_BUDGET_DEFAULT. NULL when memory is gone. Allocates lazily. */
MC_API mc_arena *mc_arena_new(size_t budget_bytes);
MC_API void mc_arena_free(mc_arena *arena);
/** Forgets every piece; keeps one block for reuse and returns the others to the system. */
MC_API void mc_arena_reset(mc_arena *arena);
/** Bytes given out since birth or reset, alignment included. */
MC_API size_t mc_arena_used(const mc_arena *arena);

/** NULL when the budget or memory is gone. size 0 gives a valid, unique pointer. */
MC_API void *mc_arena_alloc(mc_arena *arena, size_t size);
MC_API void *mc_arena_zalloc(mc_arena *arena, size_t size);
/** count * size with the overflow checked; zeroed. */
MC_API void *mc_arena_calloc(mc_arena *arena, size_t count, size_t size);
/** Grows the arena's latest piece in place where it can, else copies. old may be NULL. */
MC_API void *mc_arena_realloc(mc_arena *arena, void *old, size_t old_size, size_t new_size);

#define mc_arena_array(arena, type, count) ((type *)mc_arena_calloc((arena), (count), sizeof(type)))
#define mc_arena_object(arena, type) ((type *)mc_arena_zalloc((arena), sizeof(type)))

/** A copy of s; {NULL, 0} when memory is gone and s was not empty. */
MC_API mc_str mc_str_copy(mc_arena *arena, mc_str s);
/** A NUL-terminated copy, for APIs that want a C string; NULL when memory is gone. */
MC_API char *mc_str_z(mc_arena *arena, mc_str s);
/** ASCII upper case made lower. */
MC_API mc_str mc_str_lower(mc_arena *arena, mc_str s);
/** printf into the arena; {NULL, 0} when memory is gone. */
MC_API mc_str mc_str_printf(mc_arena *arena, const char *fmt, ...) MC_PRINTF(2, 3);

MC_END_DECLS
#endif
