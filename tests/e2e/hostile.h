/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_E2E_HOSTILE_H
#define METACORE_TESTS_E2E_HOSTILE_H

/**
 * hostile: a server that is offered bundles which nobody should install, and what is left of each.
 *
 * Every one goes in twice, by HTTP and by path, and has to be refused with one line that says why.
 * Before and after, the store's schema and all its rows, the data directory and the served models
 * are the same.
 *
 * Threads: one test at a time.
 */

#include "addon_kit.h"

#define HOSTILE_KEY "evil"
/** A manifest that is in order. */
#define HOSTILE_MANIFEST "{\"key\":\"" HOSTILE_KEY "\",\"name\":\"Evil\",\"version\":\"1.0.0\"}"

typedef struct hostile {
    mc_process process;
    mc_client owner;
    mc_arena *arena;
} hostile;

/** Starts a server for development; key (NULL: none) is whose signature it wants. */
bool hostile_open(hostile *self, const char *key);
void hostile_close(hostile *self);

/** Offers packed as addon key both ways, and expects it to be refused with message, for nothing. */
void hostile_refused(hostile *self, const char *key, mc_str packed, mc_str signature,
                     const char *message);

/* ---- archives, byte by byte ---- */

/** Appends a header with a right checksum. */
void hostile_header(mc_buf *tar, mc_str name, char type, size_t size);
/** Makes the checksum of the header at byte `at` right again. */
void hostile_seal(mc_buf *tar, size_t at);
void hostile_entry(mc_buf *tar, mc_str name, char type, mc_str data);
/** A good manifest first, the two empty blocks last. */
void hostile_begin(mc_buf *tar);
void hostile_end(mc_buf *tar);
/** Appends bytes compressed, as one member. */
void hostile_gzip(mc_str bytes, mc_buf *out);

#endif
