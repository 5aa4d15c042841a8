/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SQLGATE_SQLGATE_H
#define METACORE_SQLGATE_SQLGATE_H

/**
 * sqlgate: what addons may say in SQL, decided by PostgreSQL's own parser and nothing else.
 *
 * A migration is parsed whole; each statement's tree is either one that is understood, and then
 * written anew for the store with physical names, or refused with its kind and place. Nothing of
 * the author's text reaches the store, so quoting, comments and tricks of spelling mean nothing.
 * What is understood, and what is refused, is the same for every store; and so is how a value is
 * kept, as db.h has it: an array as JSON, a time of day as text.
 *
 * On a schema that organizations share, a unique index or constraint on a table with an
 * organization_id holds within each organization, among rows that are not deleted: else one
 * organization could find out, and block, what another has.
 *
 * Understood: CREATE TABLE, CREATE [UNIQUE] INDEX, CREATE TYPE … AS ENUM, ALTER TABLE ADD/DROP
 * COLUMN and CONSTRAINT and RENAME, DROP TABLE/INDEX/TYPE, INSERT … VALUES, UPDATE and DELETE of
 * one table. Without effect, because the store needs none of it or the kernel does it anyway:
 * COMMENT, well-known extensions, indexes by gin, gist and brin, row level security and policies
 * that are about the organization alone, triggers that set updated_at, BEGIN and COMMIT, harmless
 * SETs, CREATE SCHEMA of the addon's own. All relations are the addon's own, but that a key may
 * point to organizations and users; expressions are of constants, columns and a list of
 * functions, and the kernel's columns stay.
 *
 * Where authors say org_id, and not organization_id, that is what the kernel's column is called.
 *
 * Not here: running it (installer); queries of guests, which come later through the same parser.
 * Threads:  functions; safe in several threads. Parsing runs on a short-lived thread with a stack
 * of its own, because the parser's tree may be as deep as a statement is long. Standard: PostgreSQL
 * 15's grammar, by libpg_query.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/db/db.h"

MC_BEGIN_DECLS

#define MC_SQLGATE_BYTES_MAX ((size_t)1 << 20)
#define MC_SQLGATE_STATEMENTS_MAX 2000 /* of 20000 words each */

typedef struct mc_sqlgate_config {
    uint32_t struct_size;
    mc_str addon_key; /* required */
    mc_str schema;    /* where the tables are; empty: the addon's shared schema */
    /** Whether a table that an earlier migration made has a column; NULL: none has. */
    bool (*has_column)(void *user, mc_str table, mc_str column);
    void *has_column_user;
    /** Optional. Makes a table that a statement names and no migration has made, if it can.
     *  NOT_FOUND refuses the statement, by its line. */
    mc_code (*make_table)(void *user, mc_str table, mc_err *err);
    void *make_table_user;
    /**
     * Optional. Told of every statement that is refused, which is then left out instead of ending
     * the translation: for checking a migration, never for running it.
     */
    void (*on_refused)(void *user, const mc_err *why);
    void *on_refused_user;
    mc_db_dialect dialect; /* whom the statements are for; 0: SQLite */
    /** The organization of rows that are inserted into a table with an organization_id, and name
     *  none; empty: they are nobody's, and on_unowned (optional) is told of each such INSERT. */
    mc_str owner;
    void (*on_unowned)(void *user, const mc_err *what);
    void *on_unowned_user;
    bool *out_needs_citext; /* NULL, or told that the extension has to be there (PostgreSQL) */
} mc_sqlgate_config;
#define MC_SQLGATE_CONFIG .struct_size = sizeof(mc_sqlgate_config)

/**
 * Translates a migration for config's store, one statement a text, in order; in arena.
 * Errors  INVALID: does not parse. FORBIDDEN: a statement, relation, type or function that may not
 *         stand in a migration; both as "migration: line N: …". TOO_LARGE. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_sqlgate_migration(const mc_sqlgate_config *config, mc_arena *arena,
                                                mc_str sql, mc_strs *out, mc_err *err);

MC_END_DECLS
#endif
