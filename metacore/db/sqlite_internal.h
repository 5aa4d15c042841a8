/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DB_SQLITE_INTERNAL_H
#define METACORE_DB_SQLITE_INTERNAL_H

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/db/db_internal.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* For mc_db_stats; relaxed, for each is right by itself. */
typedef struct mc__sqlite_counters {
    atomic_ullong statements_found, statements_made, checkpoints, refused;
    atomic_llong busy_since_us;
    atomic_uint wal_pages, readers;
} mc__sqlite_counters;

/* A prepared statement, kept by its connection. */
typedef struct mc__sqlite_stmt {
    sqlite3_stmt *stmt;
    mc_str sql; /* sqlite3_sql's text: lives with stmt */
    uint64_t last_use;
    bool is_in_use;
    bool is_guarded; /* and the connection with it, until it is given back */
    bool is_cached;  /* else finalised by its cursor */
    uint32_t param_count;
    uint32_t arg_count; /* the highest N of $N */
    char (*texts)[40];  /* where UUIDs and times are written while bound; [param_count] */
    uint32_t *numbers;  /* of "$n", by position; [param_count] */
} mc__sqlite_stmt;

typedef struct mc__sqlite_conn {
    mc_db_conn base;
    sqlite3 *db;
    mc_map cache; /* sql to mc__sqlite_stmt */
    uint32_t cache_max;
    uint64_t uses;
    int64_t budget_us;
    int64_t budget_end_us;         /* monotonic; 0: no budget */
    bool is_grouped;               /* what is released at depth 1 is a job among others */
    bool is_broken;                /* a rollback failed: not to be used again */
    bool is_reader;                /* and counted as one */
    mc__sqlite_counters *counters; /* the driver's */
    const mc_db_guard *guard;      /* of the statement that runs; NULL: ours */
    bool is_denied;                /* the guard refused something */
    int64_t unguarded_budget_us;   /* what the budget is again behind the guard */
    int unguarded_length;          /* and SQLITE_LIMIT_LENGTH */
    uint32_t found;                /* statements, not yet told to counters */
} mc__sqlite_conn;

typedef struct mc__sqlite_reader {
    struct mc__sqlite_reader *next;
    mc__sqlite_conn *conn;
} mc__sqlite_reader;

typedef struct mc__sqlite {
    char *path;
    mc_db_config config; /* defaults filled in */
    mc__sqlite_conn *writer;

    pthread_t thread;
    bool is_thread_started;
    mc_mutex mu;
    mc_cond work;
    mc_db_job *first; /* guarded by mu, as all below */
    mc_db_job **last;
    uint32_t queued;
    bool is_stopping;
    mc__sqlite_reader *idle_readers;
    uint32_t idle_reader_count;

    mc__sqlite_counters counters;
    int wal_pages; /* the writer thread's: frames in the WAL after its last commit */
} mc__sqlite;

/* sqlite_conn.c */
mc_code mc__sqlite_conn_open(mc__sqlite *self, bool is_writer, mc__sqlite_conn **out, mc_err *err);
void mc__sqlite_conn_close(mc_db_conn *conn);
int mc__sqlite_over_budget(void *conn);
#define MC__SQLITE_PROGRESS_OPS 1000 /* virtual machine steps between looks at the clock */
void mc__sqlite_set_budget(mc_db_conn *conn, int64_t budget_us);
mc_code mc__sqlite_begin(mc_db_conn *conn, unsigned depth, mc_err *err);
mc_code mc__sqlite_commit(mc_db_conn *conn, unsigned depth, mc_err *err);
void mc__sqlite_rollback(mc_db_conn *conn, unsigned depth);
mc_code mc__sqlite_fail(const mc__sqlite_conn *conn, int rc, mc_err *err);

/* sqlite_stmt.c */
mc_code mc__sqlite_query(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t arg_count,
                         mc_db_rows *out, mc_err *err);
mc_code mc__sqlite_query_guarded(mc_db_conn *conn, const mc_db_guard *guard, mc_str sql,
                                 const mc_db_value *args, size_t arg_count, mc_db_rows *out,
                                 mc_err *err);
bool mc__sqlite_next(mc_db_rows *rows);
mc_code mc__sqlite_finish(mc_db_rows *rows, mc_err *err);
int64_t mc__sqlite_changed(mc_db_rows *rows);
mc_code mc__sqlite_exec_script(mc_db_conn *conn, mc_str sql, mc_err *err);
void mc__sqlite_stmt_free(mc__sqlite_stmt *stmt);
mc_code mc__sqlite_simple(mc__sqlite_conn *conn, const char *sql, mc_err *err);

/* sqlite_guard.c */
int mc__sqlite_authorize(void *conn, int action, const char *a, const char *b, const char *database,
                         const char *trigger);
void mc__sqlite_guard(mc__sqlite_conn *conn, const mc_db_guard *guard);
void mc__sqlite_unguard(mc__sqlite_conn *conn);

/* sqlite_guest_functions.c */
int mc__sqlite_add_guest_functions(sqlite3 *db);

/* sqlite_functions.c */
mc_code mc__sqlite_add_functions(mc__sqlite_conn *conn, mc_err *err);

/* sqlite_writer.c */
mc_code mc__sqlite_writer_start(mc__sqlite *self, mc_err *err);
void mc__sqlite_writer_stop(mc__sqlite *self);
mc_code mc__sqlite_submit(void *driver, mc_db_job *job, mc_err *err);
void mc__sqlite_submit_all(void *driver, mc_db_job *jobs);
mc_code mc__sqlite_write(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);
mc_code mc__sqlite_write_alone(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

#endif
