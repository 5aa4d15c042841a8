/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/sqlite_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MMAP_BYTES "67108864"

static int64_t monotonic_us(void)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

/* Whether the statement is to be interrupted: called by SQLite every MC__SQLITE_PROGRESS_OPS steps.
 */
int mc__sqlite_over_budget(void *user)
{
    const mc__sqlite_conn *conn = user;

    return conn->budget_end_us != 0 && monotonic_us() > conn->budget_end_us;
}

void mc__sqlite_set_budget(mc_db_conn *base, int64_t budget_us)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;

    conn->budget_us = budget_us;
    conn->budget_end_us = budget_us > 0 ? monotonic_us() + budget_us : 0;
}

/* ---- errors ---- */

static mc_code code_of(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return MC_CONFLICT;
    default:
        break;
    }
    switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return MC_INVALID;
    case SQLITE_INTERRUPT:
        return MC_INTERRUPTED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_FULL: /* space comes back: a caller may try again */
        return MC_UNAVAILABLE;
    case SQLITE_NOMEM:
        return MC_NO_MEMORY;
    case SQLITE_AUTH:
        return MC_FORBIDDEN;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return MC_IO;
    default:
        return MC_INTERNAL;
    }
}

/* A quota or a size limit that is reached: to its writer no other than a full disk. SQLite knows
 * only ENOSPC as one; the number is that of the call which has just failed. */
static bool is_no_space(int extended)
{
    bool is_writing = extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_FSYNC ||
                      extended == SQLITE_IOERR_TRUNCATE || extended == SQLITE_IOERR_SHMSIZE;

    return is_writing && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG);
}

mc_code mc__sqlite_fail(const mc__sqlite_conn *conn, int rc, mc_err *err)
{
    int extended = conn->db ? sqlite3_extended_errcode(conn->db) : rc;
    mc_code code = code_of((extended & 0xff) == (rc & 0xff) ? extended : rc);

    if ((rc & 0xff) == SQLITE_IOERR && is_no_space(extended))
        code = MC_UNAVAILABLE;
    return mc_fail(err, code, "db: %s", conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(rc));
}

/* ---- opening ---- */

static void configure_library(void)
{
    /* Statistics take a global lock at each allocation; nobody reads them. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused after first use: harmless */
}

static mc_code apply_pragmas(mc__sqlite_conn *conn, bool is_writer, bool is_normal, mc_err *err)
{
    /* Checkpoints are the writer's own business (sqlite_writer.c): none happens by itself. */
    mc_code rc = mc__sqlite_simple(conn,
                                   "PRAGMA foreign_keys=ON;"
                                   "PRAGMA trusted_schema=OFF;"
                                   "PRAGMA temp_store=MEMORY;"
                                   "PRAGMA mmap_size=" MMAP_BYTES ";"
                                   "PRAGMA wal_autocheckpoint=0;",
                                   err);

    if (rc == MC_OK && is_writer)
        rc = mc__sqlite_simple(conn,
                               is_normal ? "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                                         : "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
                               err);
    if (rc == MC_OK)
        rc = mc__sqlite_simple(conn,
                               is_writer ? "PRAGMA cache_size=-4096;"
                                         : "PRAGMA cache_size=-1024;PRAGMA query_only=ON;",
                               err);
    return rc;
}

mc_code mc__sqlite_conn_open(mc__sqlite *self, bool is_writer, mc__sqlite_conn **out, mc_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (is_writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    mc__sqlite_conn *conn = calloc(1, sizeof(*conn));
    int opened;
    mc_code rc;

    if (!conn)
        return mc_fail(err, MC_NO_MEMORY, "db: connection");
    (void)pthread_once(&once, configure_library); /* cannot fail with a static control */
    conn->base.vt = &mc__db_sqlite;
    conn->cache_max = self->config.statements_max;
    conn->counters = &self->counters;
    conn->is_reader = !is_writer;
    if (conn->is_reader)
        atomic_fetch_add_explicit(&self->counters.readers, 1, memory_order_relaxed);
    opened = sqlite3_open_v2(self->path, &conn->db, flags, NULL);
    if (opened != SQLITE_OK) {
        mc_err why;

        rc = mc__sqlite_fail(conn, opened, &why);
        rc = mc_fail(err, rc, "%s: %s", why.msg, self->path);
        goto fail;
    }
    (void)sqlite3_busy_timeout(conn->db, (int)self->config.wait_timeout_ms);
    (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    rc = mc__sqlite_add_functions(conn, err);
    if (rc == MC_OK)
        rc = apply_pragmas(conn, is_writer, self->config.synchronous_normal, err);
    if (rc != MC_OK)
        goto fail;
    /* Once: setting it again would have every statement that is kept prepared anew. */
    (void)sqlite3_set_authorizer(conn->db, mc__sqlite_authorize, conn);
    if (!is_writer)
        sqlite3_progress_handler(conn->db, MC__SQLITE_PROGRESS_OPS, mc__sqlite_over_budget, conn);
    *out = conn;
    return MC_OK;

fail:
    mc__sqlite_conn_close(&conn->base);
    return rc;
}

void mc__sqlite_conn_close(mc_db_conn *base)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    size_t pos = 0;
    mc_str sql;
    void *stmt;

    if (!conn)
        return;
    while (mc_map_next(&conn->cache, &pos, &sql, &stmt))
        mc__sqlite_stmt_free(stmt);
    mc_map_deinit(&conn->cache);
    if (conn->is_reader)
        atomic_fetch_sub_explicit(&conn->counters->readers, 1, memory_order_relaxed);
    (void)sqlite3_close_v2(conn->db); /* waits for cursors that are still open: none is */
    free(conn);
}

/* ---- transactions ---- */

static mc_code run_level(mc__sqlite_conn *conn, const char *outer, const char *verb, unsigned depth,
                         mc_err *err)
{
    char sql[32];
    mc_db_rows rows = {.conn = &conn->base};
    mc_code rc;

    (void)snprintf(sql, sizeof(sql), "%s s%u", verb, depth); /* verbs are ours and short */
    rc = mc__sqlite_query(&conn->base, mc_z(depth == 0 ? outer : sql), NULL, 0, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (!rows.done && mc__sqlite_next(&rows))
        ;
    return mc__sqlite_finish(&rows, err);
}

mc_code mc__sqlite_begin(mc_db_conn *base, unsigned depth, mc_err *err)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    bool is_reader = sqlite3_db_readonly(conn->db, "main") == 1;

    if (conn->is_broken)
        return mc_fail(err, MC_UNAVAILABLE, "db: the connection could not be rolled back");
    return run_level(conn, is_reader ? "BEGIN" : "BEGIN IMMEDIATE", "SAVEPOINT", depth, err);
}

/* Keys that are looked at late, by their table's word or the pragma's. */
static bool has_open_references(mc__sqlite_conn *conn)
{
    int open = 0, ignored = 0;

    return sqlite3_db_status(conn->db, SQLITE_DBSTATUS_DEFERRED_FKS, &open, &ignored, 0) ==
               SQLITE_OK &&
           open != 0;
}

mc_code mc__sqlite_commit(mc_db_conn *base, unsigned depth, mc_err *err)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    mc_err why;
    mc_code rc;

    /* SQLite would look at the group's commit, and refuse that: the end of a job is its commit. */
    if (depth == 1 && conn->is_grouped && has_open_references(conn))
        return mc_fail(err, MC_INVALID, "db: FOREIGN KEY constraint failed");
    rc = run_level(conn, "COMMIT", "RELEASE", depth, &why);
    if (rc == MC_OK)
        return MC_OK;
    if (depth > 0 || rc == MC_INTERRUPTED || rc == MC_UNAVAILABLE)
        return mc_fail(err, rc, "%s", why.msg);
    /* Whatever the reason, nothing of it was kept; whoever reads the log wants to know it. */
    return mc_fail(err, MC_IO, "db: commit: %s", why.msg);
}

void mc__sqlite_rollback(mc_db_conn *base, unsigned depth)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    mc_err err;

    if (sqlite3_get_autocommit(conn->db))
        return; /* SQLite rolled back by itself: full disk, no memory */
    if (depth > 0 && run_level(conn, "", "ROLLBACK TO", depth, &err) == MC_OK &&
        run_level(conn, "", "RELEASE", depth, &err) == MC_OK)
        return;
    if (depth == 0 && run_level(conn, "ROLLBACK", "", 0, &err) == MC_OK)
        return;
    conn->is_broken = !sqlite3_get_autocommit(conn->db);
}
