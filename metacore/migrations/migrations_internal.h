/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MIGRATIONS_MIGRATIONS_INTERNAL_H
#define METACORE_MIGRATIONS_MIGRATIONS_INTERNAL_H

#include "metacore/migrations/migrations.h"

#define MC__MIGRATIONS_FILES_MAX 10000
#define MC__MIGRATIONS_LOCK_ID INT64_C(0x6d657461636f7265) /* "metacore", for advisory locks */

/* A file with its place in the order and what it holds. */
typedef struct mc__migration_step {
    int64_t version;
    const mc_migration *file;
    mc_migration_script script;
    mc_str checksum; /* SHA-256 of the text, hexadecimal */
} mc__migration_step;

/* What the database says. */
typedef struct mc__migrations_state {
    int64_t *applied; /* sorted */
    size_t count;
    int64_t max; /* 0: nothing but the table */
} mc__migrations_state;

/* migrations_state.c: the version table */

/* Within a transaction, whose lock it is on PostgreSQL. */
mc_code mc__migrations_lock_and_create(mc_db_conn *conn, mc_err *err);
mc_code mc__migrations_state_load(mc__migrations_state *s, mc_arena *arena, mc_db_conn *conn,
                                  mc_err *err);
bool mc__migrations_is_applied(const mc__migrations_state *s, int64_t version);
mc_code mc__migrations_record(mc_db_conn *conn, const mc__migration_step *s, mc_err *err);
mc_code mc__migrations_unrecord(mc_db_conn *conn, const mc__migration_step *s, mc_err *err);

#endif
