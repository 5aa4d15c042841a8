/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DB_DB_INTERNAL_H
#define METACORE_DB_DB_INTERNAL_H

/*
 * What a driver is. db.c keeps what both have in common: the depth of transactions, jobs' ctx,
 * checks of arguments; a driver knows one store.
 */

#include "metacore/db/db.h"

typedef struct mc__db_driver_vt {
    uint32_t struct_size;
    mc_db_dialect dialect;

    mc_code (*open)(const mc_db_config *config, mc_str path_or_url, void **out, mc_err *err);
    void (*close)(void *driver);

    /* Runs fn in a transaction that is durable when it returns MC_OK; calls mc__db_run for it. */
    mc_code (*write)(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);
    mc_code (*write_alone)(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);
    mc_code (*submit)(void *driver, mc_db_job *job, mc_err *err); /* NULL: not provided */
    void (*submit_all)(void *driver, mc_db_job *jobs);            /* as submit */
    mc_code (*read)(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

    bool (*get_stats)(void *driver, mc_db_stats *out); /* NULL: none */
    mc_code (*reader_open)(void *driver, mc_db_conn **out, mc_err *err);
    void (*conn_close)(mc_db_conn *conn);
    void (*set_budget)(mc_db_conn *conn, int64_t budget_us);
    void (*set_org)(mc_db_conn *conn, mc_uuid org_id); /* NULL: it makes no difference */

    /* depth 0 is the transaction itself, above: savepoints. */
    mc_code (*begin)(mc_db_conn *conn, unsigned depth, mc_err *err);
    mc_code (*commit)(mc_db_conn *conn, unsigned depth, mc_err *err);
    void (*rollback)(mc_db_conn *conn, unsigned depth);

    mc_code (*query)(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t arg_count,
                     mc_db_rows *out, mc_err *err);
    bool (*next)(mc_db_rows *rows);
    mc_code (*finish)(mc_db_rows *rows, mc_err *err);
    int64_t (*changed)(mc_db_rows *rows); /* after the last next, before finish */
    mc_code (*exec_script)(mc_db_conn *conn, mc_str sql, mc_err *err);

    size_t (*col_count)(const mc_db_rows *rows);
    mc_str (*col_name)(mc_db_rows *rows, size_t col);
    bool (*col_is_null)(mc_db_rows *rows, size_t col);
    bool (*col_bool)(mc_db_rows *rows, size_t col);
    int64_t (*col_int)(mc_db_rows *rows, size_t col);
    mc_str (*col_text)(mc_db_rows *rows, size_t col);
    bool (*col_cell)(mc_db_rows *rows, size_t col, mc_str *out);
    mc_time (*col_time)(mc_db_rows *rows, size_t col);

    mc_code (*query_guarded)(mc_db_conn *conn, const mc_db_guard *guard, mc_str sql,
                             const mc_db_value *args, size_t arg_count, mc_db_rows *out,
                             mc_err *err);                /* NULL: not provided */
    mc_db_kind (*col_kind)(mc_db_rows *rows, size_t col); /* NULL: TEXT */
} mc__db_driver_vt;

/* A driver's connection begins with this. */
struct mc_db_conn {
    const mc__db_driver_vt *vt;
    unsigned depth;    /* of open transactions and savepoints */
    mc_db_hook *hooks; /* newest first */
};

/* Opens and closes fn's own level around it; ctx->conn is conn meanwhile. */
mc_code mc__db_run(mc_db_conn *conn, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

/* The same without a level of its own: fn's transactions are over when it returns. */
mc_code mc__db_run_alone(mc_db_conn *conn, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

extern const mc__db_driver_vt mc__db_sqlite;

/* Loads metacore-postgres.so, whose symbol metacore_db_postgres is the driver's vt. */
mc_code mc__db_module_load(mc_str module_path, const mc__db_driver_vt **out, mc_err *err);
#define MC__DB_MODULE_FILE "metacore-postgres.so"
#define MC__DB_MODULE_SYMBOL "metacore_db_postgres"

#endif
