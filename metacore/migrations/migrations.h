/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MIGRATIONS_MIGRATIONS_H
#define METACORE_MIGRATIONS_MIGRATIONS_H

/**
 * migrations: versioned changes of a schema, in goose's file format and its version table.
 *
 * Each file runs in one transaction together with its version row, unless it says NO TRANSACTION.
 * All pending files are parsed before the first one runs. Beyond goose: the checksum of each
 * applied file is kept, and a file that changed after it was applied is refused; runs exclude each
 * other (SQLite: the single writer; PostgreSQL: an advisory lock).
 *
 * Not here: addons' migrations (installer).
 * Threads:  functions; a run is one thread at a time.
 * Standard: the goose file format: "-- +goose Up", "Down", "StatementBegin", "StatementEnd",
 *           "NO TRANSACTION"; table goose_db_version.
 */

#include "metacore/base/arena.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/db/db.h"

MC_BEGIN_DECLS

#define MC_MIGRATION_LINE_MAX ((size_t)4 << 20)

/** A file: its name ("0001_init_users.sql") carries the version. */
typedef struct mc_migration {
    mc_str name;
    mc_str sql;
} mc_migration;

/** Files in any order; a run sorts them. */
typedef struct mc_migrations {
    const mc_migration *items;
    size_t count;
} mc_migrations;

/** The kernel's own, for a dialect. */
MC_API mc_migrations mc_migrations_kernel(mc_db_dialect dialect);

/** One file taken apart; strings point into its text. */
typedef struct mc_migration_script {
    mc_strs up;
    mc_strs down;
    bool no_transaction;
} mc_migration_script;

/**
 * Takes a file apart into statements.
 * Errors  INVALID: unknown annotation, no Up, unclosed StatementBegin, unfinished statement, a line
 *         longer than MC_MIGRATION_LINE_MAX.
 */
MC_API MC_MUST_USE mc_code mc_migration_parse(mc_arena *arena, mc_str sql, mc_migration_script *out,
                                              mc_err *err);

/** Digits before the first '_' of a name that ends in .sql, from 1; false for other names. */
MC_API bool mc_migration_version(mc_str name, int64_t *out);

/**
 * Runs what is pending, in order; out_applied (may be NULL) counts it.
 * Errors  CONFLICT: a missing file below the database's version, a changed applied file, a version
 *         twice. INVALID: a file. The statement's own, after "partial migration error
 *         (type:sql,version:N): "; earlier files stay.
 */
MC_API MC_MUST_USE mc_code mc_migrations_up(mc_db *db, mc_ctx *ctx, mc_migrations files,
                                            size_t *out_applied, mc_err *err);
/** The same up to and including version. INVALID: version below 1 with files pending. */
MC_API MC_MUST_USE mc_code mc_migrations_up_to(mc_db *db, mc_ctx *ctx, mc_migrations files,
                                               int64_t version, size_t *out_applied, mc_err *err);
/** Takes back the last steps files; 0: all. NOT_FOUND: nothing is left to take back. */
MC_API MC_MUST_USE mc_code mc_migrations_down(mc_db *db, mc_ctx *ctx, mc_migrations files,
                                              size_t steps, mc_err *err);

typedef struct mc_migration_status {
    int64_t version;
    mc_str name;
    bool is_applied;
} mc_migration_status;

/** One row a file, by version; in ctx's arena. A database that was never migrated has none applied.
 */
MC_API MC_MUST_USE mc_code mc_migrations_status(mc_db *db, mc_ctx *ctx, mc_migrations files,
                                                mc_migration_status **out, size_t *out_count,
                                                mc_err *err);

MC_END_DECLS
#endif
