/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BUNDLE_BUNDLE_H
#define METACORE_BUNDLE_BUNDLE_H

/**
 * bundle: an addon as a file (.tar.gz) or a folder, read whole and checked entry by entry.
 *
 *   manifest.json, migrations/<version>.sql, frontend/…, backend/…, README.md; other files are
 *   hashed and otherwise ignored.
 *
 * What is not a plain file with a plain, relative, single name is refused: links, devices, absolute
 * and climbing paths, backslashes, NULs, the same name twice in whatever case, a file below a file;
 * so are bytes after the archive, a wrong checksum, and whatever is larger than the limits,
 * compressed or not.
 *
 * Not here: signatures (security), the manifest's meaning (manifest).
 * Threads:  functions; a bundle is immutable once read.
 * Standard: RFC 1952 (gzip), POSIX.1-1988 ustar, pax headers for long names.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_BUNDLE_PACKED_MAX ((size_t)64 << 20)
#define MC_BUNDLE_BYTES_MAX ((size_t)64 << 20) /* of all entries */
#define MC_BUNDLE_ENTRIES_MAX 4096
#define MC_BUNDLE_NAME_MAX 255

typedef struct mc_bundle_file {
    mc_str name; /* "migrations/0001_init.sql" */
    mc_str data;
    char sha256[65]; /* hexadecimal */
} mc_bundle_file;

typedef struct mc_bundle {
    mc_arena *arena;             /* owns everything below */
    const mc_bundle_file *files; /* every entry, sorted bytewise by name */
    size_t file_count;
    mc_str manifest; /* manifest.json's text */
    mc_str readme;
    char digest[65]; /* SHA-256 of the archive as it came; of a folder: of its names and digests */
} mc_bundle;

/** packed is the whole .tar.gz. Errors: INVALID, naming the entry; TOO_LARGE; NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_bundle_read(mc_str packed, mc_bundle **out, mc_err *err);
/** A folder of the same layout. Links in it are refused too. Errors: as above; IO. */
MC_API MC_MUST_USE mc_code mc_bundle_read_folder(mc_str path, mc_bundle **out, mc_err *err);
/** Either, by what path is. Errors: INVALID: nothing is there. */
MC_API MC_MUST_USE mc_code mc_bundle_open(mc_str path, mc_bundle **out, mc_err *err);
/** The same, and the archive's bytes in arena: empty of a folder. */
MC_API MC_MUST_USE mc_code mc_bundle_load(mc_arena *arena, mc_str path, mc_str *out_packed,
                                          mc_bundle **out, mc_err *err);
/** One made of a manifest alone, which is copied. */
MC_API MC_MUST_USE mc_code mc_bundle_of_manifest(mc_str manifest, mc_bundle **out, mc_err *err);
/**
 * What an author's folder becomes: manifest.json, migrations/…sql, frontend/dist/… as frontend/…,
 * wasm_entry when that is not empty and there, README.md. Its digest is empty until it is packed.
 */
MC_API MC_MUST_USE mc_code mc_bundle_read_author(mc_str path, mc_str wasm_entry, mc_bundle **out,
                                                 mc_err *err);
MC_API void mc_bundle_free(mc_bundle *bundle);

/**
 * Appends bundle as a .tar.gz: manifest, migrations, frontend, backend, README, in this order;
 * other files are left out. No times, owners or names: the same files give the same bytes.
 * Errors  INVALID: a name that no archive holds. TOO_LARGE. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_bundle_pack(const mc_bundle *bundle, mc_buf *out, mc_err *err);

/** The version of a migration, its base name without .sql; false for any other file. */
MC_API bool mc_bundle_is_migration(const mc_bundle_file *file, mc_str *out_version);

MC_END_DECLS
#endif
