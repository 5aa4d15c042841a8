/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/sqlite_internal.h"

#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 1000
#define FOUND_STEP 64 /* a shared counter is touched so seldom, for loops run beside each other */

/* ---- preparing, keeping ---- */

void mc__sqlite_stmt_free(mc__sqlite_stmt *stmt)
{
    if (!stmt)
        return;
    (void)sqlite3_finalize(stmt->stmt); /* repeats the last step's error, which was reported */
    free(stmt->texts);
    free(stmt->numbers);
    free(stmt);
}

/* "$12" is 12; anything else 0. */
static uint32_t param_number(const char *name)
{
    uint32_t number = 0;

    if (name && name[0] == '$' && mc_str_u32(mc_z(name + 1), 1, PARAMS_MAX, &number))
        return number;
    return 0;
}

static mc_code read_params(mc__sqlite_stmt *stmt, mc_err *err)
{
    int count = sqlite3_bind_parameter_count(stmt->stmt);

    stmt->param_count = (uint32_t)count;
    if (count == 0)
        return MC_OK;
    stmt->texts = malloc((size_t)count * sizeof(*stmt->texts));
    stmt->numbers = malloc((size_t)count * sizeof(*stmt->numbers));
    if (!stmt->texts || !stmt->numbers)
        return mc_fail(err, MC_NO_MEMORY, "db: statement");
    for (int i = 1; i <= count; i++) {
        uint32_t number = param_number(sqlite3_bind_parameter_name(stmt->stmt, i));

        if (number == 0)
            return mc_fail(err, MC_INTERNAL, "db: parameters are $1, $2 …");
        stmt->numbers[i - 1] = number;
        stmt->arg_count = number > stmt->arg_count ? number : stmt->arg_count;
    }
    return MC_OK;
}

static mc_code prepare(mc__sqlite_conn *conn, mc_str sql, mc__sqlite_stmt **out, mc_err *err)
{
    mc__sqlite_stmt *stmt = calloc(1, sizeof(*stmt));
    int prepared;
    mc_code rc;

    if (!stmt)
        return mc_fail(err, MC_NO_MEMORY, "db: statement");
    if (sql.len > INT32_MAX) {
        free(stmt);
        return mc_fail(err, MC_INVALID, "db: the statement is too long");
    }
    prepared = sqlite3_prepare_v3(conn->db, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                  &stmt->stmt, NULL);
    if (prepared != SQLITE_OK) {
        rc = mc__sqlite_fail(conn, prepared, err);
        goto fail;
    }
    if (!stmt->stmt) {
        rc = mc_fail(err, MC_INTERNAL, "db: an empty statement");
        goto fail;
    }
    stmt->sql = mc_z(sqlite3_sql(stmt->stmt));
    rc = read_params(stmt, err);
    if (rc != MC_OK)
        goto fail;
    *out = stmt;
    return MC_OK;

fail:
    mc__sqlite_stmt_free(stmt);
    return rc;
}

/* Makes room for one more: the statement that was used longest ago goes. */
static void evict(mc__sqlite_conn *conn)
{
    mc__sqlite_stmt *oldest = NULL;
    size_t pos = 0;
    mc_str sql;
    void *value;

    if (conn->cache.count < conn->cache_max)
        return;
    while (mc_map_next(&conn->cache, &pos, &sql, &value)) {
        mc__sqlite_stmt *stmt = value;

        if (!stmt->is_in_use && (!oldest || stmt->last_use < oldest->last_use))
            oldest = stmt;
    }
    if (oldest) {
        (void)mc_map_remove(&conn->cache, oldest->sql); /* it is there */
        mc__sqlite_stmt_free(oldest);
    }
}

static void count_use(mc__sqlite_conn *conn, bool is_found)
{
    conn->found += is_found;
    if (!is_found)
        atomic_fetch_add_explicit(&conn->counters->statements_made, 1, memory_order_relaxed);
    if (conn->found < FOUND_STEP && is_found)
        return;
    atomic_fetch_add_explicit(&conn->counters->statements_found, conn->found, memory_order_relaxed);
    conn->found = 0;
}

static mc_code take(mc__sqlite_conn *conn, mc_str sql, mc__sqlite_stmt **out, mc_err *err)
{
    mc__sqlite_stmt *stmt = mc_map_find(&conn->cache, sql);
    bool is_busy = stmt && stmt->is_in_use;
    mc_code rc;

    count_use(conn, stmt && !is_busy);
    if (!stmt || is_busy) {
        rc = prepare(conn, sql, &stmt, err);
        if (rc != MC_OK)
            return rc;
        if (!is_busy) {
            evict(conn);
            stmt->is_cached = mc_map_put(&conn->cache, stmt->sql, stmt, NULL) == MC_OK;
        }
    }
    stmt->is_in_use = true;
    stmt->last_use = ++conn->uses;
    *out = stmt;
    return MC_OK;
}

static void give_back(mc__sqlite_conn *conn, mc__sqlite_stmt *stmt)
{
    (void)sqlite3_reset(stmt->stmt); /* repeats the last step's error, which was reported */
    (void)sqlite3_clear_bindings(stmt->stmt);
    if (stmt->is_guarded)
        mc__sqlite_unguard(conn);
    stmt->is_in_use = false;
    if (!stmt->is_cached)
        mc__sqlite_stmt_free(stmt);
}

/* ---- binding ---- */

static int bind_text(sqlite3_stmt *stmt, int at, mc_str text)
{
    return sqlite3_bind_text64(stmt, at, text.ptr ? text.ptr : "", text.len, SQLITE_STATIC,
                               SQLITE_UTF8);
}

static int bind_one(mc__sqlite_stmt *stmt, int at, const mc_db_value *value)
{
    char *text = stmt->texts[at - 1];

    switch (value->kind) {
    case MC_DB_NULL:
        return sqlite3_bind_null(stmt->stmt, at);
    case MC_DB_BOOL:
        return sqlite3_bind_int(stmt->stmt, at, value->as.boolean);
    case MC_DB_INT:
        return sqlite3_bind_int64(stmt->stmt, at, value->as.integer);
    case MC_DB_TEXT:
    case MC_DB_DECIMAL:
    case MC_DB_JSON:
        return bind_text(stmt->stmt, at, value->as.text);
    case MC_DB_BYTES:
        return sqlite3_bind_blob64(stmt->stmt, at, value->as.text.ptr ? value->as.text.ptr : "",
                                   value->as.text.len, SQLITE_STATIC);
    case MC_DB_UUID:
        mc_uuid_format(value->as.uuid, text);
        return bind_text(stmt->stmt, at, mc_str_of(text, MC_UUID_TEXT_LEN));
    case MC_DB_TIME:
        mc_time_format(value->as.time, text);
        return bind_text(stmt->stmt, at, mc_str_of(text, MC_TIME_TEXT_LEN));
    case MC_DB_DATE:
        mc_date_format(value->as.time, text);
        return bind_text(stmt->stmt, at, mc_str_of(text, MC_DATE_TEXT_LEN));
    }
    return SQLITE_MISUSE;
}

static mc_code bind_all(mc__sqlite_conn *conn, mc__sqlite_stmt *stmt, const mc_db_value *args,
                        size_t arg_count, mc_err *err)
{
    if (arg_count != stmt->arg_count)
        return mc_fail(err, MC_INTERNAL, "db: %zu arguments for %u parameters", arg_count,
                       stmt->arg_count);
    for (int i = 1; i <= (int)stmt->param_count; i++) {
        int bound = bind_one(stmt, i, &args[stmt->numbers[i - 1] - 1]);

        if (bound != SQLITE_OK)
            return mc__sqlite_fail(conn, bound, err);
    }
    return MC_OK;
}

/* ---- cursors ---- */

mc_code mc__sqlite_query(mc_db_conn *base, mc_str sql, const mc_db_value *args, size_t arg_count,
                         mc_db_rows *out, mc_err *err)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    mc__sqlite_stmt *stmt;
    mc_code rc = take(conn, sql, &stmt, err);

    if (rc != MC_OK)
        return rc;
    rc = bind_all(conn, stmt, args, arg_count, err);
    if (rc != MC_OK) {
        give_back(conn, stmt);
        return rc;
    }
    if (conn->budget_us > 0)
        mc__sqlite_set_budget(base, conn->budget_us);
    out->stmt = stmt;
    return MC_OK;
}

mc_code mc__sqlite_query_guarded(mc_db_conn *base, const mc_db_guard *guard, mc_str sql,
                                 const mc_db_value *args, size_t arg_count, mc_db_rows *out,
                                 mc_err *err)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    mc__sqlite_stmt *stmt;
    mc_code rc;

    if (conn->guard)
        return mc_fail(err, MC_INTERNAL, "db: a guarded statement within another");
    mc__sqlite_guard(conn, guard);
    rc = prepare(conn, sql, &stmt, err);
    if (rc != MC_OK) {
        mc__sqlite_unguard(conn);
        if (conn->is_denied && err) /* of a function the store only says that something is wrong */
            rc = err->code = MC_FORBIDDEN;
        return rc;
    }
    stmt->is_guarded = true;
    stmt->is_in_use = true;
    rc = bind_all(conn, stmt, args, arg_count, err);
    if (rc != MC_OK) {
        give_back(conn, stmt);
        return rc;
    }
    out->stmt = stmt;
    return MC_OK;
}

bool mc__sqlite_next(mc_db_rows *rows)
{
    mc__sqlite_stmt *stmt = rows->stmt;
    int rc = sqlite3_step(stmt->stmt);

    if (rc == SQLITE_ROW)
        return true;
    rows->done = true;
    if (rc != SQLITE_DONE)
        rows->rc = mc__sqlite_fail((mc__sqlite_conn *)rows->conn, rc, &rows->err);
    return false;
}

mc_code mc__sqlite_finish(mc_db_rows *rows, mc_err *err)
{
    if (rows->stmt)
        give_back((mc__sqlite_conn *)rows->conn, rows->stmt);
    rows->stmt = NULL;
    rows->done = true;
    if (rows->rc != MC_OK && err)
        *err = rows->err;
    return rows->rc;
}

int64_t mc__sqlite_changed(mc_db_rows *rows)
{
    return sqlite3_changes64(((mc__sqlite_conn *)rows->conn)->db);
}

mc_code mc__sqlite_exec_script(mc_db_conn *base, mc_str sql, mc_err *err)
{
    mc__sqlite_conn *conn = (mc__sqlite_conn *)base;
    const char *at = sql.ptr, *end = sql.ptr + sql.len;

    while (at < end) {
        sqlite3_stmt *stmt = NULL;
        const char *next = at;
        int rc;

        if (end - at > INT32_MAX)
            return mc_fail(err, MC_INVALID, "db: the script is too long");
        rc = sqlite3_prepare_v2(conn->db, at, (int)(end - at), &stmt, &next);
        while (rc == SQLITE_OK || rc == SQLITE_ROW) {
            if (!stmt)
                break; /* white space or a comment */
            rc = sqlite3_step(stmt);
        }
        if (rc != SQLITE_OK && rc != SQLITE_DONE) {
            mc_code code = mc__sqlite_fail(conn, rc, NULL);

            (void)mc_fail(err, code, "db: at byte %zu: %s", (size_t)(at - sql.ptr),
                          sqlite3_errmsg(conn->db));
            (void)sqlite3_finalize(stmt); /* repeats the error */
            return code;
        }
        (void)sqlite3_finalize(stmt); /* it was stepped to its end */
        at = next > at ? next : end;
    }
    return MC_OK;
}

mc_code mc__sqlite_simple(mc__sqlite_conn *conn, const char *sql, mc_err *err)
{
    return mc__sqlite_exec_script(&conn->base, mc_z(sql), err);
}
