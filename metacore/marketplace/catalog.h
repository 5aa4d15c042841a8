/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MARKETPLACE_CATALOG_H
#define METACORE_MARKETPLACE_CATALOG_H

/**
 * catalog: the addons that an operator offers to his organizations: a folder of .tar.gz files.
 *
 * A file is read once and remembered by what it is (name, size, time, inode): looking again costs
 * one stat for each. Texts given out are good until free. Of several versions of one addon the
 * highest is offered; what is no bundle is left out. A folder that is not there is an empty
 * catalog.
 *
 * Not here: installing (host), what others sell (marketplace.h).
 * Threads:  thread-safe; calls block on files.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_CATALOG_FILES_MAX 1000

typedef struct mc_catalog mc_catalog;

/** Zero is "the default" in every field. */
typedef struct mc_catalog_config {
    uint32_t struct_size;
    mc_str dir; /* empty: nothing is offered; copied */
    /** Optional. MC_OK when the archive at path could be installed here. */
    mc_code (*check)(void *user, mc_str path, mc_err *err);
    void *user;
} mc_catalog_config;
#define MC_CATALOG_CONFIG .struct_size = sizeof(mc_catalog_config)

typedef struct mc_catalog_item {
    mc_str addon_key;
    mc_str version;
    mc_str manifest; /* JSON */
    mc_str path;
    mc_str why_not; /* empty: it can be installed */
} mc_catalog_item;

MC_API MC_MUST_USE mc_code mc_catalog_new(const mc_catalog_config *config, mc_catalog **out,
                                          mc_err *err);
MC_API void mc_catalog_free(mc_catalog *self);

/** All that is offered now, by key; in arena. Errors: NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_catalog_list(mc_catalog *self, mc_arena *arena, mc_catalog_item **out,
                                           size_t *out_count, mc_err *err);
/** Errors: NOT_FOUND. NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_catalog_find(mc_catalog *self, mc_arena *arena, mc_str addon_key,
                                           mc_catalog_item *out, mc_err *err);

MC_END_DECLS
#endif
