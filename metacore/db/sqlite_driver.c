/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/sqlite_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP_MAX 256
#define GROUP_MAX_US 5000
#define QUEUE_MAX 4096
#define STATEMENTS_MAX 256
#define WAIT_TIMEOUT_MS 5000
#define IDLE_READERS_MAX 8

static void close_driver(void *driver);

/* A new database is its owner's only, and so are its WAL and index, which take its mode. O_EXCL,
 * for closing a file that SQLite has open elsewhere in this process would drop SQLite's locks. */
static void create_private(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)close(fd); /* empty; whatever failed, SQLite says it */
}

static mc_code open_driver(const mc_db_config *config, mc_str path, void **out, mc_err *err)
{
    mc__sqlite *self = calloc(1, sizeof(*self));
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "db");
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->work);
    self->last = &self->first;
    self->config = *config;
    self->config.group_max = config->group_max ? config->group_max : GROUP_MAX;
    self->config.group_max_us = config->group_max_us ? config->group_max_us : GROUP_MAX_US;
    self->config.queue_max = config->queue_max ? config->queue_max : QUEUE_MAX;
    self->config.statements_max = config->statements_max ? config->statements_max : STATEMENTS_MAX;
    self->config.wait_timeout_ms =
        config->wait_timeout_ms ? config->wait_timeout_ms : WAIT_TIMEOUT_MS;
    self->path = malloc(path.len + 1);
    if (!self->path) {
        rc = mc_fail(err, MC_NO_MEMORY, "db");
        goto fail;
    }
    memcpy(self->path, path.ptr, path.len);
    self->path[path.len] = '\0';
    create_private(self->path);
    rc = mc__sqlite_conn_open(self, true, &self->writer, err);
    if (rc != MC_OK)
        goto fail;
    rc = mc__sqlite_writer_start(self, err);
    if (rc != MC_OK)
        goto fail;
    *out = self;
    return MC_OK;

fail:
    close_driver(self);
    return rc;
}

static void close_driver(void *driver)
{
    mc__sqlite *self = driver;

    while (self->idle_readers) {
        mc__sqlite_reader *gone = self->idle_readers;

        self->idle_readers = gone->next;
        mc__sqlite_conn_close(&gone->conn->base);
        free(gone);
    }
    mc__sqlite_writer_stop(self);
    mc__sqlite_conn_close(self->writer ? &self->writer->base : NULL);
    mc_cond_deinit(&self->work);
    mc_mutex_deinit(&self->mu);
    free(self->path);
    free(self);
}

static bool get_stats(void *driver, mc_db_stats *out)
{
    mc__sqlite *self = driver;
    mc__sqlite_counters *counters = &self->counters;

    *out = (mc_db_stats){
        .queue_max = self->config.queue_max,
        .refused_total = atomic_load_explicit(&counters->refused, memory_order_relaxed),
        .busy_since_us = atomic_load_explicit(&counters->busy_since_us, memory_order_relaxed),
        .statements_found = atomic_load_explicit(&counters->statements_found, memory_order_relaxed),
        .statements_made = atomic_load_explicit(&counters->statements_made, memory_order_relaxed),
        .checkpoints_total = atomic_load_explicit(&counters->checkpoints, memory_order_relaxed),
        .wal_pages = atomic_load_explicit(&counters->wal_pages, memory_order_relaxed),
        .readers = atomic_load_explicit(&counters->readers, memory_order_relaxed),
    };
    mc_mutex_lock(&self->mu);
    out->queued = self->queued;
    mc_mutex_unlock(&self->mu);
    return true;
}

static mc_code reader_open(void *driver, mc_db_conn **out, mc_err *err)
{
    mc__sqlite_conn *conn = NULL;
    mc_code rc = mc__sqlite_conn_open(driver, false, &conn, err);

    if (rc == MC_OK)
        *out = &conn->base;
    return rc;
}

/* ---- readers for whoever has none of their own ---- */

static mc_code take_reader(mc__sqlite *self, mc__sqlite_reader **out, mc_err *err)
{
    mc__sqlite_reader *reader = NULL;
    mc_code rc;

    mc_mutex_lock(&self->mu);
    reader = self->idle_readers;
    if (reader) {
        self->idle_readers = reader->next;
        self->idle_reader_count--;
    }
    mc_mutex_unlock(&self->mu);
    if (!reader) {
        reader = calloc(1, sizeof(*reader));
        if (!reader)
            return mc_fail(err, MC_NO_MEMORY, "db: reader");
        rc = mc__sqlite_conn_open(self, false, &reader->conn, err);
        if (rc != MC_OK) {
            free(reader);
            return rc;
        }
    }
    *out = reader;
    return MC_OK;
}

static void give_reader(mc__sqlite *self, mc__sqlite_reader *reader)
{
    bool is_kept;

    mc_mutex_lock(&self->mu);
    is_kept = self->idle_reader_count < IDLE_READERS_MAX && !reader->conn->is_broken;
    if (is_kept) {
        reader->next = self->idle_readers;
        self->idle_readers = reader;
        self->idle_reader_count++;
    }
    mc_mutex_unlock(&self->mu);
    if (!is_kept) {
        mc__sqlite_conn_close(&reader->conn->base);
        free(reader);
    }
}

static mc_code read_driver(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    mc__sqlite_reader *reader = NULL;
    mc_code rc = take_reader(driver, &reader, err);

    if (rc != MC_OK)
        return rc;
    rc = mc__db_run(&reader->conn->base, ctx, fn, user, err);
    give_reader(driver, reader);
    return rc;
}

/* ---- columns ---- */

static sqlite3_stmt *stmt_of(const mc_db_rows *rows)
{
    return ((mc__sqlite_stmt *)rows->stmt)->stmt;
}

static size_t col_count(const mc_db_rows *rows)
{
    return (size_t)sqlite3_column_count(stmt_of(rows));
}

static mc_str col_name(mc_db_rows *rows, size_t col)
{
    return mc_z(sqlite3_column_name(stmt_of(rows), (int)col));
}

static bool col_is_null(mc_db_rows *rows, size_t col)
{
    return sqlite3_column_type(stmt_of(rows), (int)col) == SQLITE_NULL;
}

static int64_t col_int(mc_db_rows *rows, size_t col)
{
    return sqlite3_column_int64(stmt_of(rows), (int)col);
}

static bool col_bool(mc_db_rows *rows, size_t col)
{
    return col_int(rows, col) != 0;
}

static mc_str col_text(mc_db_rows *rows, size_t col)
{
    const char *text = (const char *)sqlite3_column_text(stmt_of(rows), (int)col);

    return mc_str_of(text, text ? (size_t)sqlite3_column_bytes(stmt_of(rows), (int)col) : 0);
}

/* By sqlite3_value: each sqlite3_column_* call looks the column up and checks for errors again. */
static bool col_cell(mc_db_rows *rows, size_t col, mc_str *out)
{
    sqlite3_value *value = sqlite3_column_value(stmt_of(rows), (int)col);
    const char *text;

    if (sqlite3_value_type(value) == SQLITE_NULL)
        return false;
    text = (const char *)sqlite3_value_text(value);
    *out = mc_str_of(text, text ? (size_t)sqlite3_value_bytes(value) : 0);
    return true;
}

static mc_time col_time(mc_db_rows *rows, size_t col)
{
    mc_str text = col_text(rows, col);
    mc_time t = 0;

    if (!mc_time_parse(text, &t))
        (void)mc_date_parse(text, &t); /* null and nonsense read as zero */
    return t;
}

static mc_db_kind col_kind(mc_db_rows *rows, size_t col)
{
    static const mc_db_kind kinds[] = {[SQLITE_INTEGER] = MC_DB_INT,
                                       [SQLITE_FLOAT] = MC_DB_DECIMAL,
                                       [SQLITE_TEXT] = MC_DB_TEXT,
                                       [SQLITE_BLOB] = MC_DB_BYTES,
                                       [SQLITE_NULL] = MC_DB_NULL};
    const mc__sqlite_stmt *stmt = rows->stmt;

    return kinds[sqlite3_column_type(stmt->stmt, (int)col)];
}

const mc__db_driver_vt mc__db_sqlite = {
    .struct_size = sizeof(mc__db_sqlite),
    .dialect = MC_DB_SQLITE,
    .open = open_driver,
    .close = close_driver,
    .write = mc__sqlite_write,
    .write_alone = mc__sqlite_write_alone,
    .submit = mc__sqlite_submit,
    .submit_all = mc__sqlite_submit_all,
    .read = read_driver,
    .get_stats = get_stats,
    .reader_open = reader_open,
    .conn_close = mc__sqlite_conn_close,
    .set_budget = mc__sqlite_set_budget,
    .begin = mc__sqlite_begin,
    .commit = mc__sqlite_commit,
    .rollback = mc__sqlite_rollback,
    .query = mc__sqlite_query,
    .next = mc__sqlite_next,
    .finish = mc__sqlite_finish,
    .changed = mc__sqlite_changed,
    .exec_script = mc__sqlite_exec_script,
    .col_count = col_count,
    .col_name = col_name,
    .col_is_null = col_is_null,
    .col_bool = col_bool,
    .col_int = col_int,
    .col_text = col_text,
    .col_cell = col_cell,
    .col_time = col_time,
    .query_guarded = mc__sqlite_query_guarded,
    .col_kind = col_kind,
};
