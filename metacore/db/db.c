/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/db.h"

#include "metacore/db/db_internal.h"

#include <stdlib.h>

struct mc_db {
    const mc__db_driver_vt *vt;
    void *driver;
};

static mc_code choose(const mc_db_config *config, const mc__db_driver_vt **out_vt, mc_str *out_rest,
                      mc_err *err)
{
    static const mc_str sqlite = MC_STR_INIT("sqlite:");

    if (mc_str_starts_with(config->url, sqlite)) {
        *out_rest = mc_str_slice(config->url, sqlite.len, config->url.len);
        if (mc_str_is_empty(*out_rest))
            return mc_fail(err, MC_INVALID, "db: the url names no file");
        *out_vt = &mc__db_sqlite;
        return MC_OK;
    }
    if (mc_str_starts_with(config->url, MC_STR("postgres://")) ||
        mc_str_starts_with(config->url, MC_STR("postgresql://"))) {
        *out_rest = config->url;
        return mc__db_module_load(config->module_path, out_vt, err);
    }
    return mc_fail(err, MC_INVALID, "db: the url is neither sqlite:PATH nor postgres://…");
}

mc_code mc_db_open(const mc_db_config *config, mc_db **out, mc_err *err)
{
    const mc__db_driver_vt *vt = NULL;
    mc_str rest = {NULL, 0};
    mc_db *db;
    mc_code rc = choose(config, &vt, &rest, err);

    if (rc != MC_OK)
        return rc;
    db = calloc(1, sizeof(*db));
    if (!db)
        return mc_fail(err, MC_NO_MEMORY, "db");
    db->vt = vt;
    rc = vt->open(config, rest, &db->driver, err);
    if (rc != MC_OK) {
        free(db);
        return rc;
    }
    *out = db;
    return MC_OK;
}

void mc_db_close(mc_db *db)
{
    if (!db)
        return;
    db->vt->close(db->driver);
    free(db);
}

mc_db_dialect mc_db_dialect_of(const mc_db *db)
{
    return db->vt->dialect;
}

mc_db_dialect mc_db_conn_dialect(const mc_db_conn *conn)
{
    return conn->vt->dialect;
}

bool mc_db_get_stats(mc_db *db, mc_db_stats *out)
{
    return db->vt->get_stats && db->vt->get_stats(db->driver, out);
}

/* ---- running work ---- */

mc_code mc_db_write(mc_db *db, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return db->vt->write(db->driver, ctx, fn, user, err);
}

mc_code mc_db_read(mc_db *db, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return db->vt->read(db->driver, ctx, fn, user, err);
}

mc_code mc_db_write_alone(mc_db *db, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return db->vt->write_alone(db->driver, ctx, fn, user, err);
}

mc_code mc_db_submit(mc_db *db, mc_db_job *job, mc_err *err)
{
    if (!db->vt->submit)
        return mc_fail(err, MC_NOT_PROVIDED, "db: this driver has no queue of writes");
    return db->vt->submit(db->driver, job, err);
}

void mc_db_submit_all(mc_db *db, mc_db_job *jobs)
{
    mc_err err;
    mc_code rc;

    if (db->vt->submit_all) {
        db->vt->submit_all(db->driver, jobs);
        return;
    }
    rc = mc_fail(&err, MC_NOT_PROVIDED, "db: this driver has no writer of its own");
    while (jobs) {
        mc_db_job *job = jobs;

        jobs = job->next;
        job->err = err;
        job->done(job, rc);
    }
}

mc_code mc_db_reader_open(mc_db *db, mc_db_conn **out, mc_err *err)
{
    return db->vt->reader_open(db->driver, out, err);
}

void mc_db_reader_close(mc_db_conn *conn)
{
    if (conn)
        conn->vt->conn_close(conn);
}

void mc_db_conn_set_budget(mc_db_conn *conn, int64_t budget_us)
{
    conn->vt->set_budget(conn, budget_us);
}

void mc_db_conn_set_org(mc_db_conn *conn, mc_uuid org_id)
{
    if (conn->vt->set_org)
        conn->vt->set_org(conn, org_id);
}

void mc_db_conn_set_scanning(mc_db_conn *conn)
{
    mc_err ignored;

    if (mc_db_conn_dialect(conn) == MC_DB_SQLITE) /* refused, it only costs memory */
        MC_IGNORE(mc_db_exec_script(conn, MC_STR("PRAGMA mmap_size = 0; PRAGMA temp_store = FILE;"),
                                    &ignored));
}

/* ---- statements ---- */

mc_code mc_db_query(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t arg_count,
                    mc_db_rows *out, mc_err *err)
{
    *out = (mc_db_rows){.conn = conn};
    return conn->vt->query(conn, sql, args, arg_count, out, err);
}

mc_code mc_db_query_guarded(mc_db_conn *conn, const mc_db_guard *guard, mc_str sql,
                            const mc_db_value *args, size_t arg_count, mc_db_rows *out, mc_err *err)
{
    *out = (mc_db_rows){.conn = conn};
    if (!conn->vt->query_guarded)
        return mc_fail(err, MC_NOT_PROVIDED, "db: this driver has no guarded statements");
    return conn->vt->query_guarded(conn, guard, sql, args, arg_count, out, err);
}

int64_t mc_db_rows_changed(mc_db_rows *rows)
{
    return rows->conn->vt->changed(rows);
}

bool mc_db_rows_next(mc_db_rows *rows)
{
    return !rows->done && rows->conn->vt->next(rows);
}

mc_code mc_db_rows_finish(mc_db_rows *rows, mc_err *err)
{
    return rows->conn->vt->finish(rows, err);
}

mc_code mc_db_exec(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t arg_count,
                   int64_t *out_changed, mc_err *err)
{
    mc_db_rows rows;
    int64_t changed;
    mc_code rc = mc_db_query(conn, sql, args, arg_count, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        ;
    changed = conn->vt->changed(&rows);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && out_changed)
        *out_changed = changed;
    return rc;
}

mc_code mc_db_exec_script(mc_db_conn *conn, mc_str sql, mc_err *err)
{
    return conn->vt->exec_script(conn, sql, err);
}

/* ---- columns ---- */

size_t mc_db_col_count(const mc_db_rows *rows)
{
    return rows->conn->vt->col_count(rows);
}

mc_db_kind mc_db_col_kind(mc_db_rows *rows, size_t col)
{
    if (rows->conn->vt->col_kind)
        return rows->conn->vt->col_kind(rows, col);
    return rows->conn->vt->col_is_null(rows, col) ? MC_DB_NULL : MC_DB_TEXT;
}

mc_str mc_db_col_name(mc_db_rows *rows, size_t col)
{
    return rows->conn->vt->col_name(rows, col);
}

bool mc_db_col_is_null(mc_db_rows *rows, size_t col)
{
    return rows->conn->vt->col_is_null(rows, col);
}

bool mc_db_col_bool(mc_db_rows *rows, size_t col)
{
    return rows->conn->vt->col_bool(rows, col);
}

int64_t mc_db_col_int(mc_db_rows *rows, size_t col)
{
    return rows->conn->vt->col_int(rows, col);
}

bool mc_db_col_cell(mc_db_rows *rows, size_t col, mc_str *out)
{
    return rows->conn->vt->col_cell(rows, col, out);
}

mc_str mc_db_col_text(mc_db_rows *rows, size_t col)
{
    return rows->conn->vt->col_text(rows, col);
}

mc_uuid mc_db_col_uuid(mc_db_rows *rows, size_t col)
{
    mc_uuid id = {{0}};

    (void)mc_uuid_parse(mc_db_col_text(rows, col), &id); /* null and nonsense read as nil */
    return id;
}

mc_time mc_db_col_time(mc_db_rows *rows, size_t col)
{
    return rows->conn->vt->col_time(rows, col);
}
