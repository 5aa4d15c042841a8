/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DB_POSTGRES_INTERNAL_H
#define METACORE_DB_POSTGRES_INTERNAL_H

/*
 * The PostgreSQL driver: a module of its own, so that only those who use it need libpq. Within the
 * driver a connection belongs to one thread at a time; only the pool is shared.
 */

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/db/db_internal.h"

#include <libpq-fe.h>

typedef struct mc__pg mc__pg;

typedef struct mc__pg_conn {
    mc_db_conn base;
    struct mc__pg_conn *next; /* in the pool's idle list */
    mc__pg *driver;
    PGconn *pg;
    mc_map cache;           /* sql to mc__pg_stmt */
    uint64_t uses;          /* counts statements, for their last use and their names */
    mc_arena *scratch;      /* parameters of the statement that is being sent */
    uint64_t generation;    /* the driver's when this was opened */
    int64_t timeout_ms;     /* statement_timeout as the session has it; negative: not known */
    int64_t budget_us;      /* 0: none */
    mc_uuid org_id;         /* of who runs the next transaction; nil: nobody's */
    mc_uuid session_org;    /* as the session itself has it; see mc__pg_enter_org */
    int64_t transaction_ms; /* the next transaction's statement_timeout; 0: the session's */
    bool is_reader;
    bool is_alone;    /* for work without a transaction around it; the session ends with it */
    bool is_snapshot; /* the next transaction only reads, all at one instant */
    bool takes_turns; /* the next transaction writes: see write_locks */
    bool is_broken;   /* lost, or in a state of which too little is known */
} mc__pg_conn;

struct mc__pg {
    char *url;
    mc_db_config config; /* defaults filled in; text in it is not to be used after open */

    mc_mutex mu;
    mc_cond freed;       /* signalled when a connection comes back or a place becomes free */
    mc__pg_conn *idle;   /* guarded by mu, as all below; the last one used is first */
    uint32_t open_count; /* idle or lent */
    uint64_t generation; /* counts scripts: they may have changed what connections remember */
};

/* A cursor's rows, all of them: other statements may run on the connection meanwhile. */
typedef struct mc__pg_rows {
    PGresult *result;
    int count;
    mc_arena *decoded; /* bytes columns of the current row; NULL until there is one */
} mc__pg_rows;

extern const mc__db_driver_vt metacore_db_postgres;

/* postgres_error.c */
mc_code mc__pg_fail(mc__pg_conn *conn, const PGresult *result, mc_err *err);
bool mc__pg_has_state(const PGresult *result, const char *sqlstate);

/* postgres_conn.c */
mc_code mc__pg_conn_open(mc__pg *driver, bool is_reader, mc__pg_conn **out, mc_err *err);
void mc__pg_conn_close(mc__pg_conn *conn);
bool mc__pg_conn_is_alive(mc__pg_conn *conn);
/* A reader that was lost gets a new session, and one that remembers what a script may have changed
 * forgets it; unless it is in a transaction. */
mc_code mc__pg_conn_heal(mc__pg_conn *conn, mc_err *err);
/* Runs text of our own making, without rows. */
mc_code mc__pg_command(mc__pg_conn *conn, const char *sql, mc_err *err);
mc_code mc__pg_set_timeout(mc__pg_conn *conn, int64_t timeout_ms, mc_err *err);
int64_t mc__pg_timeout_wanted(const mc__pg_conn *conn);
void mc__pg_set_budget(mc_db_conn *conn, int64_t budget_us);
void mc__pg_set_org(mc_db_conn *conn, mc_uuid org_id);
/* The session of a reader, or of work alone, becomes its organization's outside of transactions. */
mc_code mc__pg_enter_org(mc__pg_conn *conn, mc_err *err);
mc_code mc__pg_begin(mc_db_conn *conn, unsigned depth, mc_err *err);
mc_code mc__pg_commit(mc_db_conn *conn, unsigned depth, mc_err *err);
void mc__pg_rollback(mc_db_conn *conn, unsigned depth);

/* postgres_pool.c */
mc_code mc__pg_pool_take(mc__pg *self, const mc_ctx *ctx, mc__pg_conn **out, mc_err *err);
void mc__pg_pool_give(mc__pg *self, mc__pg_conn *conn);
void mc__pg_pool_close_idle(mc__pg *self);
void mc__pg_pool_outdate(mc__pg *self);
uint64_t mc__pg_pool_generation(mc__pg *self);

/* postgres_stmt.c */
void mc__pg_stmt_free_all(mc__pg_conn *conn);
mc_code mc__pg_query(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t arg_count,
                     mc_db_rows *out, mc_err *err);
mc_code mc__pg_exec_script(mc_db_conn *conn, mc_str sql, mc_err *err);

/* postgres_rows.c */
mc_code mc__pg_rows_open(PGresult *result, mc_db_rows *out, mc_err *err); /* takes result */
bool mc__pg_next(mc_db_rows *rows);
mc_code mc__pg_finish(mc_db_rows *rows, mc_err *err);
int64_t mc__pg_changed(mc_db_rows *rows);
size_t mc__pg_col_count(const mc_db_rows *rows);
mc_str mc__pg_col_name(mc_db_rows *rows, size_t col);
bool mc__pg_col_is_null(mc_db_rows *rows, size_t col);
bool mc__pg_col_bool(mc_db_rows *rows, size_t col);
int64_t mc__pg_col_int(mc_db_rows *rows, size_t col);
mc_str mc__pg_col_text(mc_db_rows *rows, size_t col);
bool mc__pg_col_cell(mc_db_rows *rows, size_t col, mc_str *out);
mc_time mc__pg_col_time(mc_db_rows *rows, size_t col);

#endif
