/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/postgres_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 1000

/* A statement that the session has prepared under name. */
typedef struct mc__pg_stmt {
    uint64_t last_use;
    char name[24];
    size_t sql_len;
    char sql[]; /* terminated */
} mc__pg_stmt;

/* ---- preparing, keeping ---- */

void mc__pg_stmt_free_all(mc__pg_conn *conn)
{
    size_t pos = 0;
    mc_str sql;
    void *stmt;

    while (mc_map_next(&conn->cache, &pos, &sql, &stmt))
        free(stmt);
    mc_map_deinit(&conn->cache);
}

static void forget(mc__pg_conn *conn, mc__pg_stmt *stmt)
{
    char sql[64];

    (void)mc_map_remove(&conn->cache, mc_str_of(stmt->sql, stmt->sql_len)); /* it is there */
    (void)snprintf(sql, sizeof(sql), "DEALLOCATE %s", stmt->name);
    free(stmt);
    if (mc__pg_command(conn, sql, NULL) != MC_OK)
        conn->is_broken = true; /* the session remembers more and more: replace it */
}

/* Makes room for one more: the statement that was used longest ago goes. */
static void evict(mc__pg_conn *conn)
{
    mc__pg_stmt *oldest = NULL;
    size_t pos = 0;
    mc_str sql;
    void *value;

    if (conn->cache.count < conn->driver->config.statements_max)
        return;
    while (mc_map_next(&conn->cache, &pos, &sql, &value)) {
        mc__pg_stmt *stmt = value;

        if (!oldest || stmt->last_use < oldest->last_use)
            oldest = stmt;
    }
    if (oldest)
        forget(conn, oldest);
}

/* The server infers the parameters' types from where they stand, so one text is one statement. */
static mc_code prepare(mc__pg_conn *conn, mc_str sql, mc__pg_stmt **out, mc_err *err)
{
    mc__pg_stmt *stmt;
    PGresult *result;
    mc_code rc;

    if (mc_str_find_char(sql, 0, '\0') < sql.len)
        return mc_fail(err, MC_INTERNAL, "db: a NUL byte in a statement");
    stmt = malloc(sizeof(*stmt) + sql.len + 1);
    if (!stmt)
        return mc_fail(err, MC_NO_MEMORY, "db: statement");
    memcpy(stmt->sql, sql.ptr, sql.len);
    stmt->sql[sql.len] = '\0';
    stmt->sql_len = sql.len;
    (void)snprintf(stmt->name, sizeof(stmt->name), "mc%llu", (unsigned long long)conn->uses);

    result = PQprepare(conn->pg, stmt->name, stmt->sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        rc = mc__pg_fail(conn, result, err);
        goto fail;
    }
    rc = mc_map_put(&conn->cache, mc_str_of(stmt->sql, stmt->sql_len), stmt, err);
    if (rc != MC_OK) {
        conn->is_broken = true; /* prepared, and not known to be */
        goto fail;
    }
    PQclear(result);
    *out = stmt;
    return MC_OK;

fail:
    PQclear(result);
    free(stmt);
    return rc;
}

static mc_code find_or_prepare(mc__pg_conn *conn, mc_str sql, mc__pg_stmt **out, mc_err *err)
{
    mc__pg_stmt *stmt = mc_map_find(&conn->cache, sql);
    mc_code rc = MC_OK;

    conn->uses++;
    if (!stmt) {
        /* In a failed transaction nothing can be prepared, nor forgotten. */
        if (PQtransactionStatus(conn->pg) != PQTRANS_INERROR)
            evict(conn);
        rc = prepare(conn, sql, &stmt, err);
    }
    if (!stmt)
        return rc;
    stmt->last_use = conn->uses;
    *out = stmt;
    return MC_OK;
}

/* ---- parameters ---- */

typedef struct params {
    const char **values;
    int *lengths;
    int *formats; /* 0: text, 1: binary */
} params;

static mc_code write_text(mc_arena *arena, mc_str text, const char **out, mc_err *err)
{
    if (mc_str_find_char(text, 0, '\0') < text.len)
        return mc_fail(err, MC_INVALID, "db: a NUL byte in a text");
    *out = mc_str_z(arena, text);
    return *out ? MC_OK : mc_fail(err, MC_NO_MEMORY, "db: parameters");
}

static mc_code write_param(mc_arena *arena, const mc_db_value *value, params *p, size_t at,
                           mc_err *err)
{
    char *room = mc_arena_alloc(arena, MC_UUID_TEXT_LEN + 1); /* the longest of the short ones */

    if (!room)
        return mc_fail(err, MC_NO_MEMORY, "db: parameters");
    p->values[at] = room;
    switch (value->kind) {
    case MC_DB_NULL:
        p->values[at] = NULL;
        return MC_OK;
    case MC_DB_BOOL: /* good for boolean and integer columns alike */
        memcpy(room, value->as.boolean ? "1" : "0", 2);
        return MC_OK;
    case MC_DB_INT:
        (void)snprintf(room, MC_UUID_TEXT_LEN, "%lld", (long long)value->as.integer);
        return MC_OK;
    case MC_DB_UUID:
        mc_uuid_format(value->as.uuid, room);
        room[MC_UUID_TEXT_LEN] = '\0';
        return MC_OK;
    case MC_DB_TIME:
        mc_time_format(value->as.time, room);
        room[MC_TIME_TEXT_LEN] = '\0';
        return MC_OK;
    case MC_DB_DATE:
        mc_date_format(value->as.time, room);
        room[MC_DATE_TEXT_LEN] = '\0';
        return MC_OK;
    case MC_DB_TEXT:
    case MC_DB_DECIMAL:
    case MC_DB_JSON:
        return write_text(arena, value->as.text, &p->values[at], err);
    case MC_DB_BYTES:
        if (value->as.text.len > INT32_MAX)
            return mc_fail(err, MC_TOO_LARGE, "db: a value of %zu bytes", value->as.text.len);
        p->values[at] = value->as.text.ptr ? value->as.text.ptr : "";
        p->lengths[at] = (int)value->as.text.len;
        p->formats[at] = 1;
        return MC_OK;
    }
    return mc_fail(err, MC_INTERNAL, "db: a value of unknown kind");
}

static mc_code write_params(mc_arena *arena, const mc_db_value *args, size_t count, params *out,
                            mc_err *err)
{
    mc_code rc = MC_OK;

    if (count > PARAMS_MAX)
        return mc_fail(err, MC_INTERNAL, "db: more than %d parameters", PARAMS_MAX);
    out->values = mc_arena_array(arena, const char *, count);
    out->lengths = mc_arena_array(arena, int, count);
    out->formats = mc_arena_array(arena, int, count);
    if (!out->values || !out->lengths || !out->formats)
        return mc_fail(err, MC_NO_MEMORY, "db: parameters");
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = write_param(arena, &args[i], out, i, err);
    return rc;
}

/* ---- running ---- */

/* COPY talks another protocol from here on, which nobody of ours speaks. */
static bool is_copy(ExecStatusType status)
{
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static mc_code check_result(mc__pg_conn *conn, const PGresult *result, mc_err *err)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return MC_OK;
    if (status == PGRES_EMPTY_QUERY)
        return mc_fail(err, MC_INTERNAL, "db: an empty statement");
    if (is_copy(status)) {
        conn->is_broken = true;
        return mc_fail(err, MC_INTERNAL, "db: COPY is not supported");
    }
    return mc__pg_fail(conn, result, err);
}

/* The table's columns are no longer those of the prepared statement. */
static bool is_outdated(const PGresult *result)
{
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

    return mc__pg_has_state(result, "0A000") &&
           mc_str_eq(mc_z(function), MC_STR("RevalidateCachedQuery"));
}

static mc_code run_prepared(mc__pg_conn *conn, mc_str sql, const params *p, size_t count,
                            PGresult **out, mc_err *err)
{
    bool is_again = false, is_retry = false;
    mc__pg_stmt *stmt = NULL;
    mc_code rc;

    do {
        PGresult *result;

        is_again = false;
        rc = find_or_prepare(conn, sql, &stmt, err);
        if (rc != MC_OK)
            return rc;
        result =
            PQexecPrepared(conn->pg, stmt->name, (int)count, p->values, p->lengths, p->formats, 0);
        rc = check_result(conn, result, err);
        if (rc == MC_OK) {
            *out = result;
            return MC_OK;
        }
        if (is_outdated(result) && !is_retry) {
            /* Within a transaction it is too late: that one has failed, the next will do. */
            is_again = is_retry = PQtransactionStatus(conn->pg) == PQTRANS_IDLE;
            conn->is_broken = !is_again;
            rc = mc_fail(err, MC_UNAVAILABLE, "db: a table was changed meanwhile");
            if (is_again)
                forget(conn, stmt);
        }
        PQclear(result);
    } while (is_again && !conn->is_broken);
    return rc;
}

static mc_code try_query(mc__pg_conn *conn, mc_str sql, const params *p, size_t count,
                         PGresult **out, mc_err *err)
{
    mc_code rc = mc__pg_conn_heal(conn, err);

    if (rc != MC_OK)
        return rc;
    if (conn->is_broken)
        return mc_fail(err, MC_UNAVAILABLE, "db: the connection was lost");
    rc = mc__pg_enter_org(conn, err);
    if (rc == MC_OK)
        rc = mc__pg_set_timeout(conn, mc__pg_timeout_wanted(conn), err);
    return rc == MC_OK ? run_prepared(conn, sql, p, count, out, err) : rc;
}

mc_code mc__pg_query(mc_db_conn *base, mc_str sql, const mc_db_value *args, size_t arg_count,
                     mc_db_rows *out, mc_err *err)
{
    mc__pg_conn *conn = (mc__pg_conn *)base;
    PGresult *result = NULL;
    params p = {NULL, NULL, NULL};
    mc_code rc = write_params(conn->scratch, args, arg_count, &p, err);

    if (rc == MC_OK) {
        rc = try_query(conn, sql, &p, arg_count, &result, err);
        /* A reader outside a transaction was lost as it was asked: it changes nothing, ask again.
         */
        if (rc != MC_OK && conn->is_broken && conn->is_reader && base->depth == 0)
            rc = try_query(conn, sql, &p, arg_count, &result, err);
    }
    mc_arena_reset(conn->scratch);
    return rc == MC_OK ? mc__pg_rows_open(result, out, err) : rc;
}

/* ---- scripts ---- */

static mc_code check_still_in(mc__pg_conn *conn, mc_err *err)
{
    PGTransactionStatusType wanted = conn->base.depth > 0 ? PQTRANS_INTRANS : PQTRANS_IDLE;

    if (PQtransactionStatus(conn->pg) == wanted)
        return MC_OK;
    conn->is_broken = true;
    return mc_fail(err, MC_INTERNAL, "db: the script began or ended a transaction");
}

/* Several statements need the simple protocol, which has no parameters: nothing is pasted in. */
mc_code mc__pg_exec_script(mc_db_conn *base, mc_str sql, mc_err *err)
{
    mc__pg_conn *conn = (mc__pg_conn *)base;
    PGresult *result;
    char *text;
    mc_code rc = mc__pg_conn_heal(conn, err);

    if (rc != MC_OK)
        return rc;
    if (conn->is_broken)
        return mc_fail(err, MC_UNAVAILABLE, "db: the connection was lost");
    if (mc_str_find_char(sql, 0, '\0') < sql.len)
        return mc_fail(err, MC_INVALID, "db: a NUL byte in a script");
    text = strndup(sql.ptr ? sql.ptr : "", sql.len);
    if (!text)
        return mc_fail(err, MC_NO_MEMORY, "db: script");
    /* An index over a large table takes its time, unless somebody has said how much there is. */
    rc = mc__pg_set_timeout(conn, conn->budget_us ? mc__pg_timeout_wanted(conn) : 0, err);
    if (rc == MC_OK) {
        result = PQexec(conn->pg, text);
        if (PQresultStatus(result) != PGRES_EMPTY_QUERY)
            rc = check_result(conn, result, err);
        PQclear(result);
    }
    if (rc == MC_OK)
        rc = check_still_in(conn, err);
    mc__pg_pool_outdate(conn->driver); /* this connection's statements as well: see its return */
    free(text);
    return rc;
}
