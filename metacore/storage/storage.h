/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_STORAGE_STORAGE_H
#define METACORE_STORAGE_STORAGE_H

/**
 * storage: where the bytes of uploaded files are; a folder by default, an object store behind the
 * same interface.
 *
 * Keys are made by us, never by a client: segments of [a-z0-9._-] that do not begin with a dot,
 * parted by '/', at most MC_STORAGE_KEY_MAX bytes. An object is written once and never changed.
 *
 * Not here: who may, names, types (files.h).
 * Threads:  thread-safe; every call may block.
 */

#include "metacore/base/err.h"
#include "metacore/base/sink.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_STORAGE_KEY_MAX 200

typedef struct mc_storage_vt {
    uint32_t struct_size;
    /** Required. All of bytes or nothing; durable when it returns. CONFLICT: the key is taken. */
    mc_code (*put)(void *self, mc_str key, mc_str bytes, mc_err *err);
    /** Required. length bytes from offset into out. NOT_FOUND; IO: shorter; the sink's own. */
    mc_code (*read)(void *self, mc_str key, uint64_t offset, uint64_t length, mc_sink out,
                    mc_err *err);
    /** Required. NOT_FOUND. */
    mc_code (*stat)(void *self, mc_str key, uint64_t *out_size, mc_err *err);
    /** Required. What is not there is removed. */
    mc_code (*remove)(void *self, mc_str key, mc_err *err);
    void (*free)(void *self); /* optional */
} mc_storage_vt;

typedef struct mc_storage { /* by value */
    const mc_storage_vt *vt;
    void *self;
} mc_storage;

/** Whether key has the form above. */
MC_API bool mc_storage_is_key(mc_str key);

/** In folder, made when it is missing (mode 0700). Errors: IO, NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_storage_folder_new(mc_str folder, mc_storage *out, mc_err *err);
MC_API void mc_storage_free(mc_storage storage);

MC_END_DECLS
#endif
