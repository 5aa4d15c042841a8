/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_STORAGE_FILES_H
#define METACORE_STORAGE_FILES_H

/**
 * files: what people upload: kept for their organization, checked on the way in, harmless on the
 * way out.
 *
 *   POST   /upload             multipart "file" (and "folder", a label): files.create
 *   GET    /files/:id[/:name]  with a token of the file's organization and files.read, or with the
 *                              signature that its url carries, which an <img> can send
 *   DELETE /files/:id          files.delete
 *
 * A type is taken when both the name's ending and the content say it, from a closed list: nothing
 * that a browser would run. A file is sent as an attachment, but for images, with nosniff and a
 * sandbox. The url of an upload is a capability: it works, for whoever has it and sends no token,
 * until the file is deleted; a token of another organization is refused with it too.
 *
 * Table:    metacore_files.
 * Not here: the bytes (storage.h).
 * Threads:  thread-safe once created.
 * Standard: RFC 9110 section 14 (ranges), RFC 6266 (names).
 */

#include "metacore/base/ctx.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/storage/storage.h"

MC_BEGIN_DECLS

#define MC_FILES_BYTES_MAX ((size_t)32 << 20)
#define MC_FILES_NAME_MAX 120   /* bytes */
#define MC_FILES_FOLDER_MAX 120 /* bytes */

typedef struct mc_files mc_files;

typedef struct mc_file {
    mc_uuid id;
    mc_uuid organization_id;
    mc_str name;
    mc_str folder;
    mc_str type;
    mc_str storage_key;
    mc_str sha256; /* hexadecimal */
    uint64_t size;
} mc_file;

/** Zero is "the default" in every field. */
typedef struct mc_files_config {
    uint32_t struct_size;
    mc_db *db;          /* required; borrowed, as all below */
    mc_storage storage; /* required */
    mc_str secret;      /* required: signs urls; copied, wiped */
    size_t max_bytes;   /* of one file; 0: MC_FILES_BYTES_MAX, which is also the most */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
} mc_files_config;
#define MC_FILES_CONFIG .struct_size = sizeof(mc_files_config)

MC_API MC_MUST_USE mc_code mc_files_new(const mc_files_config *config, mc_files **out, mc_err *err);
MC_API void mc_files_free(mc_files *self);

/**
 * Keeps bytes for ctx's organization. Blocks.
 *
 * name    as the client has it; only its last segment, and what is harmless of that, is kept
 * out     text in ctx's arena
 * Errors  INVALID: empty. TOO_LARGE. UNSUPPORTED: not on the list, or not what its name says.
 *         FORBIDDEN. The storage's and the database's.
 */
MC_API MC_MUST_USE mc_code mc_files_store(mc_files *self, mc_ctx *ctx, mc_str name, mc_str folder,
                                          mc_str bytes, mc_file *out, mc_err *err);
/** On ctx->conn. NOT_FOUND. */
MC_API MC_MUST_USE mc_code mc_files_load(mc_files *self, mc_ctx *ctx, mc_uuid id, mc_file *out,
                                         mc_err *err);
/** The row, then the bytes. Blocks. NOT_FOUND; FORBIDDEN. */
MC_API MC_MUST_USE mc_code mc_files_remove(mc_files *self, mc_ctx *ctx, mc_uuid id, mc_err *err);

/** "/api/files/<id>/<name>?sig=…", in ctx's arena; empty without memory. */
MC_API mc_str mc_files_url(mc_files *self, mc_ctx *ctx, const mc_file *file);

/** Borrowed; for self's life. */
MC_API const mc_http_route *mc_files_routes(mc_files *self, size_t *out_count);

MC_END_DECLS
#endif
