/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_MAP_H
#define METACORE_BASE_MAP_H

/**
 * map: strings to pointers, open addressing, hashed with SipHash-1-3 under a per-process key, so
 * that names chosen by strangers cannot be made to collide.
 *
 * Keys are borrowed: they must outlive their entry. Values are the caller's.
 *
 * Threads: one thread at a time, or any number of readers.
 * Source:  Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012).
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

typedef struct mc_map_entry {
    mc_str key;
    void *value;
    uint64_t hash; /* 0: free */
} mc_map_entry;

typedef struct mc_map {
    mc_map_entry *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
} mc_map;

/** An all-zero mc_map is an empty map. */
MC_API void mc_map_deinit(mc_map *map);
/** NULL when absent. */
MC_API void *mc_map_find(const mc_map *map, mc_str key);
/** Replaces the value (and keeps the old key) when present. MC_NO_MEMORY leaves the map as it was.
 */
MC_API MC_MUST_USE mc_code mc_map_put(mc_map *map, mc_str key, void *value, mc_err *err);
/** The removed value, or NULL. */
MC_API void *mc_map_remove(mc_map *map, mc_str key);
/** Walks in no order: start with *pos = 0; false at the end. No put or remove meanwhile. */
MC_API bool mc_map_next(const mc_map *map, size_t *pos, mc_str *out_key, void **out_value);

/** The hash used above, for tables of one's own. */
MC_API uint64_t mc_hash(const void *ptr, size_t len);

MC_END_DECLS
#endif
