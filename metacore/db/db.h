/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DB_DB_H
#define METACORE_DB_DB_H

/**
 * db: one interface to SQL, two drivers: SQLite in the process, PostgreSQL beside it.
 *
 * SQL is the driver's own dialect with $1, $2 … as parameters in both; where the two dialects
 * differ the caller asks mc_db_dialect_of. Values travel as mc_db_value; the driver knows how its
 * store keeps each kind:
 *
 *   kind     SQLite column                      PostgreSQL column
 *   BOOL     INTEGER 0/1                        boolean
 *   INT      INTEGER                            bigint, integer
 *   TEXT     TEXT                               text, varchar
 *   UUID     TEXT, 36 lower-case bytes          uuid
 *   TIME     TEXT, as mc_time_format            timestamptz
 *   DATE     TEXT, YYYY-MM-DD                   date
 *   DECIMAL  TEXT COLLATE mc_decimal, canonical numeric
 *   JSON     TEXT                               jsonb
 *   BYTES    BLOB                               bytea
 *
 * Writes: on SQLite one writer thread owns the only read-write connection. It takes all that
 * waits, opens one transaction, runs each job in its own savepoint, commits once with fsync and
 * only then completes them: one bad job never fails its neighbours, and nothing is acknowledged
 * before it is durable. That thread is also the only checkpointer (two of them can corrupt a WAL
 * before SQLite 3.51.3). On PostgreSQL a job runs in a transaction of its own on the caller's
 * thread; of one organization (the ctx's) there is one at a time, and one of nobody's is alone, in
 * whatever process: what a job has looked at stays true until its commit there, too.
 *
 * Not here: schemas (modelbase, migrations), who may do what (services).
 * Threads:  mc_db is thread-safe; an mc_db_conn is one thread at a time.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"

MC_BEGIN_DECLS

typedef struct mc_db mc_db;
typedef struct mc_db_conn mc_db_conn;

typedef enum mc_db_dialect { MC_DB_SQLITE = 1, MC_DB_POSTGRES } mc_db_dialect;

typedef enum mc_db_kind {
    MC_DB_NULL,
    MC_DB_BOOL,
    MC_DB_INT,
    MC_DB_TEXT,
    MC_DB_UUID,
    MC_DB_TIME,
    MC_DB_DATE,    /* .time, midnight UTC */
    MC_DB_DECIMAL, /* .text, canonical (decimal.h) */
    MC_DB_JSON,    /* .text */
    MC_DB_BYTES    /* .text */
} mc_db_kind;

/** One parameter. Text and bytes are borrowed until the statement has finished. */
typedef struct mc_db_value {
    mc_db_kind kind;
    union {
        bool boolean;
        int64_t integer;
        mc_str text;
        mc_uuid uuid;
        mc_time time;
    } as;
} mc_db_value;

static inline mc_db_value mc_db_null(void)
{
    mc_db_value v = {MC_DB_NULL, {0}};
    return v;
}
static inline mc_db_value mc_db_bool(bool b)
{
    mc_db_value v = {MC_DB_BOOL, {0}};
    v.as.boolean = b;
    return v;
}
static inline mc_db_value mc_db_int(int64_t i)
{
    mc_db_value v = {MC_DB_INT, {0}};
    v.as.integer = i;
    return v;
}
static inline mc_db_value mc_db_text(mc_str s)
{
    mc_db_value v = {MC_DB_TEXT, {0}};
    v.as.text = s;
    return v;
}
static inline mc_db_value mc_db_uuid(mc_uuid id)
{
    mc_db_value v = {MC_DB_UUID, {0}};
    v.as.uuid = id;
    return v;
}
static inline mc_db_value mc_db_time(mc_time t)
{
    mc_db_value v = {MC_DB_TIME, {0}};
    v.as.time = t;
    return v;
}

/** One commit of the writer. */
typedef struct mc_db_group {
    uint32_t jobs;
    uint32_t failed;   /* of them, by themselves or with the commit */
    int64_t run_us;    /* from its begin to the end of its last job */
    int64_t commit_us; /* until it was durable, or had failed */
    mc_code rc;        /* of the commit */
} mc_db_group;

/** Zero is "the default" in every field. */
typedef struct mc_db_config {
    uint32_t struct_size;
    mc_str url;              /* required: "sqlite:PATH" or "postgres://…"; copied */
    bool synchronous_normal; /* SQLite: a power cut may lose the last commits; default: FULL */
    uint32_t group_max;      /* jobs in one commit; 0: 256 */
    int64_t group_max_us;    /* a group stops growing after this; 0: 5000 */
    uint32_t queue_max;      /* jobs waiting for the writer; 0: 4096 */
    uint32_t statements_max; /* cached per connection; 0: 256 */
    uint32_t pool_max;       /* PostgreSQL connections; 0: 8 */
    int64_t wait_timeout_ms; /* for a pooled connection, or a lock; 0: 5000 */
    mc_str module_path;      /* PostgreSQL's loadable module; empty: beside the binary, then the
                                library folder */
    /** On the writer, before the first and after the last `done` of a group: for callers whose
     *  answers are cheaper together. NULL: nobody. SQLite only, for only there are groups. */
    void (*around_done)(void *user, bool is_over);
    void *around_done_user;
    /** On the writer, when a group is over and before its jobs are done. NULL: nobody. As above. */
    void (*on_group)(void *user, const mc_db_group *group);
    void *on_group_user;
} mc_db_config;
#define MC_DB_CONFIG .struct_size = sizeof(mc_db_config)

/**
 * Opens (and for SQLite creates) the database. One process per SQLite file: the caller holds the
 * data directory's lock.
 * Errors  INVALID: url. UNAVAILABLE: cannot be reached or opened. NOT_PROVIDED: driver missing.
 */
MC_API MC_MUST_USE mc_code mc_db_open(const mc_db_config *config, mc_db **out, mc_err *err);

/** Finishes queued writes, checkpoints, closes. Every reader must have been closed before. */
MC_API void mc_db_close(mc_db *db);

MC_API mc_db_dialect mc_db_dialect_of(const mc_db *db);
MC_API mc_db_dialect mc_db_conn_dialect(const mc_db_conn *conn);

/** What is going on and what was done since the open; each number is right by itself. */
typedef struct mc_db_stats {
    uint32_t queued; /* jobs that wait for the writer */
    uint32_t queue_max;
    uint64_t refused_total;     /* jobs that found the queue full */
    int64_t busy_since_us;      /* monotonic: when the writer began what it does; 0: it waits */
    uint64_t statements_found;  /* in a connection's cache; a connection tells in steps of 64 */
    uint64_t statements_made;   /* prepared, because it was not there */
    uint64_t checkpoints_total; /* of the WAL, whole or in part */
    uint64_t wal_pages;         /* in the WAL and not yet in the database */
    uint32_t readers;           /* read-only connections that are open */
} mc_db_stats;
/** False, and *out untouched, where the driver has no writer of its own (PostgreSQL). */
MC_API bool mc_db_get_stats(mc_db *db, mc_db_stats *out);

/* ---- running work ---- */

/** Work on a connection; ctx->conn is conn. What it returns decides commit or rollback. */
typedef mc_code (*mc_db_fn)(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err);

/**
 * Runs fn on the writer and returns when its transaction is durable, or with fn's error and
 * nothing changed. Blocks; not to be called from the writer itself or from an event loop.
 * Errors  fn's. LIMIT: queue full. IO: the commit failed (nothing was kept). UNAVAILABLE.
 */
MC_API MC_MUST_USE mc_code mc_db_write(mc_db *db, mc_ctx *ctx, mc_db_fn fn, void *user,
                                       mc_err *err);

/**
 * The same without a transaction around fn, and without neighbours: each statement is its own,
 * unless fn begins something. For what a database refuses inside of one (CREATE INDEX CONCURRENTLY,
 * VACUUM); what fn did stays when it fails.
 */
MC_API MC_MUST_USE mc_code mc_db_write_alone(mc_db *db, mc_ctx *ctx, mc_db_fn fn, void *user,
                                             mc_err *err);

/** Runs fn on a pooled read-only connection in one snapshot. Blocks; may be called anywhere. */
MC_API MC_MUST_USE mc_code mc_db_read(mc_db *db, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

/** A write that tells its end by a call instead of blocking; embedded in the caller's object. */
typedef struct mc_db_job {
    struct mc_db_job *next; /* the queue's */
    mc_ctx *ctx;            /* lent to the writer from submit until done */
    mc_db_fn fn;
    void *user;
    /** After the commit (rc OK) or with the failure; on the writer thread: be brief. */
    void (*done)(struct mc_db_job *job, mc_code rc);
    mc_err err;    /* filled when rc is not MC_OK */
    bool is_alone; /* as mc_db_write_alone */
} mc_db_job;

/**
 * Queues job for the writer. SQLite only (NOT_PROVIDED on PostgreSQL: use mc_db_write in a pool).
 * Errors  LIMIT: queue full; done is not called then.
 */
MC_API MC_MUST_USE mc_code mc_db_submit(mc_db *db, mc_db_job *job, mc_err *err);
/**
 * The same for many, linked by next: they join one group, where one by one the first would wake
 * the writer and be committed alone. Those that find no room are done with LIMIT, on this thread.
 */
MC_API void mc_db_submit_all(mc_db *db, mc_db_job *jobs);

/** A read-only connection of one's own, for an event loop or a pool thread. */
MC_API MC_MUST_USE mc_code mc_db_reader_open(mc_db *db, mc_db_conn **out, mc_err *err);
MC_API void mc_db_reader_close(mc_db_conn *conn);

/** Statements begun from now on fail with MC_INTERRUPTED after budget_us (0: no budget). */
MC_API void mc_db_conn_set_budget(mc_db_conn *conn, int64_t budget_us);

/**
 * Whose rows a reader's statements are about from now on; nil: nobody's. PostgreSQL's policies hold
 * them to it; on SQLite nothing. (mc_db_write and mc_db_read take it from their ctx.)
 */
MC_API void mc_db_conn_set_org(mc_db_conn *conn, mc_uuid org_id);

/**
 * conn is for reading whole tables: what it reads is not mapped, and what it sorts goes to files,
 * so that neither counts as the process's memory. SQLite's; on PostgreSQL nothing.
 */
MC_API void mc_db_conn_set_scanning(mc_db_conn *conn);

/* ---- transactions on a connection ---- */

/** BEGIN, or a SAVEPOINT when one is open already; ends with exactly one commit or rollback. */
MC_API MC_MUST_USE mc_code mc_db_begin(mc_db_conn *conn, mc_err *err);
MC_API MC_MUST_USE mc_code mc_db_commit(mc_db_conn *conn, mc_err *err);
/** Undoes to the matching begin. Failure here is final for the connection, which is replaced. */
MC_API void mc_db_rollback(mc_db_conn *conn);

/** Something to do once what was written is durable; embedded in memory that lives until then. */
typedef struct mc_db_hook {
    struct mc_db_hook *next;              /* the connection's */
    unsigned depth;                       /* the connection's */
    void (*run)(struct mc_db_hook *hook); /* brief, no database: it is on the writer's thread */
} mc_db_hook;

/**
 * Runs hook after the outermost commit, before anybody is answered, in the order added; forgotten
 * when the transaction or savepoint it was added in is rolled back. conn is in a transaction.
 */
MC_API void mc_db_after_commit(mc_db_conn *conn, mc_db_hook *hook);

/* ---- statements ---- */

/** A cursor. Its end and its failure differ: finish tells which. */
typedef struct mc_db_rows {
    mc_db_conn *conn;
    void *stmt; /* the driver's */
    mc_code rc;
    bool done;
    int64_t row; /* the driver's */
    mc_err err;
} mc_db_rows;

/**
 * Starts sql with args. The statement is prepared once per connection and kept. Parameters take the
 * type of the place they stand in; where there is none ("$1 IS NULL") a cast has to say it.
 * After a failure PostgreSQL refuses all but the rollback to the nearest begin: what may fail and
 * be survived stands in a begin of its own.
 * A cursor that was started is always finished, also after a failure of next.
 * Errors  CONFLICT: unique. INVALID: foreign key, not null, check, bad value. INTERRUPTED: budget.
 *         UNAVAILABLE, IO, INTERNAL (a message for logs; never shown to strangers).
 */
MC_API MC_MUST_USE mc_code mc_db_query(mc_db_conn *conn, mc_str sql, const mc_db_value *args,
                                       size_t arg_count, mc_db_rows *out, mc_err *err);
MC_API bool mc_db_rows_next(mc_db_rows *rows);
/** MC_OK when all rows were read or reading stopped early; releases the statement. */
MC_API MC_MUST_USE mc_code mc_db_rows_finish(mc_db_rows *rows, mc_err *err);

/** What one statement may do, whoever wrote it: a second wall behind whoever checked it. */
typedef struct mc_db_guard {
    uint32_t struct_size;
    mc_strs reads;  /* tables, as the store calls them */
    mc_str changes; /* the one whose rows it may change; empty: none */
    mc_str keys;    /* with changes: tables that begin with this follow by their foreign keys */
    bool (*is_function)(mc_str name); /* that it may call */
    int64_t budget_us;                /* as mc_db_conn_set_budget; 0: the connection's */
    size_t value_bytes_max;           /* of one text or blob on its way; 0: the store's own limit */
} mc_db_guard;
#define MC_DB_GUARD .struct_size = sizeof(mc_db_guard)

/**
 * As mc_db_query, of a statement that is not kept and cannot do more than guard says, which is
 * borrowed until the cursor is finished. Nothing else runs on conn meanwhile.
 * Errors  FORBIDDEN: more than that. NOT_PROVIDED: a driver without guards.
 */
MC_API MC_MUST_USE mc_code mc_db_query_guarded(mc_db_conn *conn, const mc_db_guard *guard,
                                               mc_str sql, const mc_db_value *args,
                                               size_t arg_count, mc_db_rows *out, mc_err *err);
/** Rows touched by what was queried, once next has said that there is no more. */
MC_API int64_t mc_db_rows_changed(mc_db_rows *rows);

/** Runs sql to its end; out_changed (may be NULL) is the number of rows touched. */
MC_API MC_MUST_USE mc_code mc_db_exec(mc_db_conn *conn, mc_str sql, const mc_db_value *args,
                                      size_t arg_count, int64_t *out_changed, mc_err *err);

/** Several statements without parameters, each to its end: migrations and DDL. Not cached. */
MC_API MC_MUST_USE mc_code mc_db_exec_script(mc_db_conn *conn, mc_str sql, mc_err *err);

/* Columns of the current row, from 0. Text is borrowed until the next call of next or finish.
 * A column of another kind is converted as the table at the top says; null reads as zero. */
MC_API size_t mc_db_col_count(const mc_db_rows *rows);
MC_API mc_str mc_db_col_name(mc_db_rows *rows, size_t col);
MC_API bool mc_db_col_is_null(mc_db_rows *rows, size_t col);
/** What the cell holds: NULL, INT, TEXT, BYTES, or DECIMAL of any other number; a driver whose
 *  columns have types says TEXT of all that is there. */
MC_API mc_db_kind mc_db_col_kind(mc_db_rows *rows, size_t col);
MC_API bool mc_db_col_bool(mc_db_rows *rows, size_t col);
MC_API int64_t mc_db_col_int(mc_db_rows *rows, size_t col);
/** The store's text: SQLite's column, PostgreSQL's text format; of BYTES the bytes themselves. */
MC_API mc_str mc_db_col_text(mc_db_rows *rows, size_t col);
/** is_null and text in one look, for whoever writes many cells: false when null, *out untouched. */
MC_API bool mc_db_col_cell(mc_db_rows *rows, size_t col, mc_str *out);
MC_API mc_uuid mc_db_col_uuid(mc_db_rows *rows, size_t col);
MC_API mc_time mc_db_col_time(mc_db_rows *rows, size_t col);

MC_END_DECLS
#endif
