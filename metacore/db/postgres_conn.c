/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/postgres_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES ((size_t)64 << 20)
#define STATEMENT_TIMEOUT_MS 60000
#define IDLE_IN_TRANSACTION_MS                                                                     \
    60000 /* a thread of ours that hangs must not hold locks for good                              \
           */

/* ---- sessions ---- */

static void ignore_notice(void *user, const char *message)
{
    (void)user; /* "table exists, skipping": libpq would print them */
    (void)message;
}

/*
 * What stands before the address can be changed there, what stands behind it cannot. A peer that
 * went away without a word is found by the keepalives, not by waiting for ever.
 */
static PGconn *connect_to(const char *url)
{
    static const char *const names[] = {
        "connect_timeout",  "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "application_name",
        "dbname",           "client_encoding",  NULL};
    const char *values[] = {"5", "30", "10", "3", "20000", "metacore", url, "UTF8", NULL};

    return PQconnectdbParams(names, values, 1);
}

/* Text that is read back is in one form whatever the server's configuration says. */
static mc_code set_up(mc__pg_conn *conn, mc_err *err)
{
    char sql[512];

    (void)snprintf(sql, sizeof(sql),
                   "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET bytea_output = 'hex';"
                   "SET standard_conforming_strings = on; SET statement_timeout = %d;"
                   "SET idle_in_transaction_session_timeout = %d; SET lock_timeout = %lld;"
                   "SET default_transaction_read_only = %s",
                   STATEMENT_TIMEOUT_MS, IDLE_IN_TRANSACTION_MS,
                   (long long)conn->driver->config.wait_timeout_ms,
                   conn->is_reader ? "on" : "off"); /* sized for it */
    conn->timeout_ms = STATEMENT_TIMEOUT_MS;
    return mc__pg_command(conn, sql, err);
}

static mc_code start_session(mc__pg_conn *conn, mc_err *err)
{
    conn->generation = mc__pg_pool_generation(conn->driver);
    conn->pg = connect_to(conn->driver->url);
    if (!conn->pg)
        return mc_fail(err, MC_NO_MEMORY, "db: connection");
    (void)PQsetNoticeProcessor(conn->pg, ignore_notice, NULL); /* returns the old one */
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        conn->is_broken = true;
        return mc__pg_fail(conn, NULL, err);
    }
    conn->is_broken = false;
    conn->session_org = (mc_uuid){{0}};
    return set_up(conn, err);
}

static void end_session(mc__pg_conn *conn)
{
    mc__pg_stmt_free_all(conn);
    PQfinish(conn->pg);
    conn->pg = NULL;
}

mc_code mc__pg_conn_open(mc__pg *driver, bool is_reader, mc__pg_conn **out, mc_err *err)
{
    mc__pg_conn *conn = calloc(1, sizeof(*conn));
    mc_code rc;

    if (!conn)
        return mc_fail(err, MC_NO_MEMORY, "db: connection");
    conn->base.vt = &metacore_db_postgres;
    conn->driver = driver;
    conn->is_reader = conn->is_snapshot = is_reader;
    conn->scratch = mc_arena_new(SCRATCH_BYTES);
    if (!conn->scratch) {
        rc = mc_fail(err, MC_NO_MEMORY, "db: connection");
        goto fail;
    }
    rc = start_session(conn, err);
    if (rc != MC_OK)
        goto fail;
    *out = conn;
    return MC_OK;

fail:
    mc__pg_conn_close(conn);
    return rc;
}

void mc__pg_conn_close(mc__pg_conn *conn)
{
    if (!conn)
        return;
    end_session(conn);
    mc_arena_free(conn->scratch);
    free(conn);
}

/*
 * Between statements the server has nothing to say but farewell: what is readable is that, or a
 * parameter that changed. No round trip, so it is asked each time a connection is lent.
 */
bool mc__pg_conn_is_alive(mc__pg_conn *conn)
{
    struct pollfd socket = {.fd = PQsocket(conn->pg), .events = POLLIN};

    if (conn->is_broken || PQstatus(conn->pg) != CONNECTION_OK || socket.fd < 0)
        return false;
    if (poll(&socket, 1, 0) <= 0)
        return true;
    return PQconsumeInput(conn->pg) == 1 && PQstatus(conn->pg) == CONNECTION_OK &&
           (socket.revents & (POLLHUP | POLLERR)) == 0;
}

mc_code mc__pg_conn_heal(mc__pg_conn *conn, mc_err *err)
{
    uint64_t generation = mc__pg_pool_generation(conn->driver);

    if (!conn->is_reader || conn->base.depth > 0)
        return MC_OK;
    if (!mc__pg_conn_is_alive(conn)) {
        end_session(conn);
        return start_session(conn, err);
    }
    if (conn->generation == generation)
        return MC_OK;
    conn->generation = generation;
    mc__pg_stmt_free_all(conn);
    return mc__pg_command(conn, "DEALLOCATE ALL", err);
}

mc_code mc__pg_command(mc__pg_conn *conn, const char *sql, mc_err *err)
{
    PGresult *result = PQexec(conn->pg, sql);
    ExecStatusType status = PQresultStatus(result);
    mc_code rc = MC_OK;

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        rc = mc__pg_fail(conn, result, err);
    PQclear(result);
    return rc;
}

/* ---- how long a statement may take ---- */

void mc__pg_set_budget(mc_db_conn *base, int64_t budget_us)
{
    ((mc__pg_conn *)base)->budget_us = budget_us > 0 ? budget_us : 0;
}

int64_t mc__pg_timeout_wanted(const mc__pg_conn *conn)
{
    if (conn->budget_us)
        return conn->budget_us / 1000 + (conn->budget_us % 1000 != 0);
    /* A transaction with a deadline has said so itself, when it began. */
    return conn->base.depth > 0 && conn->transaction_ms ? conn->transaction_ms
                                                        : STATEMENT_TIMEOUT_MS;
}

mc_code mc__pg_set_timeout(mc__pg_conn *conn, int64_t timeout_ms, mc_err *err)
{
    char sql[64];
    mc_code rc;

    if (timeout_ms == conn->timeout_ms)
        return MC_OK;
    (void)snprintf(sql, sizeof(sql), "SET statement_timeout = %lld", (long long)timeout_ms);
    rc = mc__pg_command(conn, sql, err);
    if (rc == MC_OK)
        conn->timeout_ms = timeout_ms;
    return rc;
}

/* ---- whose rows ---- */

void mc__pg_set_org(mc_db_conn *base, mc_uuid org_id)
{
    ((mc__pg_conn *)base)->org_id = org_id;
}

mc_code mc__pg_enter_org(mc__pg_conn *conn, mc_err *err)
{
    char sql[128], id[MC_UUID_TEXT_LEN];
    mc_code rc;

    if ((!conn->is_reader && !conn->is_alone) || conn->base.depth > 0 ||
        mc_uuid_eq(conn->session_org, conn->org_id))
        return MC_OK;
    mc_uuid_format(conn->org_id, id);
    (void)snprintf(sql, sizeof(sql), "SELECT set_config('app.current_org', '%.*s', false)",
                   mc_uuid_is_nil(conn->org_id) ? 0 : MC_UUID_TEXT_LEN, id); /* sized for it */
    rc = mc__pg_command(conn, sql, err);
    if (rc == MC_OK)
        conn->session_org = conn->org_id;
    return rc;
}

/* ---- transactions ---- */

#define WRITES_LOCK INT64_C(0x6d657461636f7265) /* "metacore"; of all writes */

/* What one organization's writes wait for each other by. */
static long long org_lock(mc_uuid org_id)
{
    uint64_t high, low;

    memcpy(&high, org_id.bytes, sizeof(high));
    memcpy(&low, org_id.bytes + sizeof(high), sizeof(low));
    return (long long)(high ^ low);
}

/*
 * Services look before they write, and what they saw has to stay true until they commit. One
 * organization's writes follow each other. Those of nobody's, which are the kernel's own work on
 * all of them, are alone; they wait as long as it takes.
 */
static int write_locks(const mc__pg_conn *conn, char *sql, size_t size)
{
    if (!conn->takes_turns)
        return 0;
    if (mc_uuid_is_nil(conn->org_id))
        return snprintf(sql, size,
                        "; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(%lld); SET "
                        "LOCAL lock_timeout = %lld",
                        (long long)WRITES_LOCK, (long long)conn->driver->config.wait_timeout_ms);
    return snprintf(sql, size,
                    "; SELECT pg_advisory_xact_lock_shared(%lld), pg_advisory_xact_lock(%lld)",
                    (long long)WRITES_LOCK, org_lock(conn->org_id));
}

/* BEGIN and what holds for the transaction, in one round trip; all of it is ours, no quoting. */
static mc_code begin_transaction(mc__pg_conn *conn, mc_err *err)
{
    char sql[512], id[MC_UUID_TEXT_LEN]; /* sized for all of it */
    int len = snprintf(sql, sizeof(sql), "BEGIN%s",
                       conn->is_snapshot ? " ISOLATION LEVEL REPEATABLE READ READ ONLY" : "");
    mc_code rc;

    if (!mc_uuid_is_nil(conn->org_id)) {
        mc_uuid_format(conn->org_id, id);
        len +=
            snprintf(sql + len, sizeof(sql) - (size_t)len,
                     "; SELECT set_config('app.current_org', '%.*s', true)", MC_UUID_TEXT_LEN, id);
    }
    if (conn->transaction_ms)
        len += snprintf(sql + len, sizeof(sql) - (size_t)len,
                        "; SET LOCAL statement_timeout = %lld", (long long)conn->transaction_ms);
    (void)write_locks(conn, sql + len, sizeof(sql) - (size_t)len);
    rc = mc__pg_command(conn, sql, err);
    if (rc == MC_OK && conn->transaction_ms)
        conn->timeout_ms = conn->transaction_ms;
    return rc;
}

mc_code mc__pg_begin(mc_db_conn *base, unsigned depth, mc_err *err)
{
    mc__pg_conn *conn = (mc__pg_conn *)base;
    char sql[64];
    mc_code rc;

    if (depth == 0) {
        rc = mc__pg_conn_heal(conn, err);
        if (rc == MC_OK)
            rc = mc__pg_enter_org(conn, err);
        return rc == MC_OK ? begin_transaction(conn, err) : rc;
    }
    (void)snprintf(sql, sizeof(sql), "SAVEPOINT mc%u", depth);
    return mc__pg_command(conn, sql, err);
}

/*
 * COMMIT of a transaction in which a statement has failed is no error to the server: it rolls back
 * and says so only in its command tag.
 */
static mc_code commit_transaction(mc__pg_conn *conn, mc_err *err)
{
    PGresult *result = PQexec(conn->pg, "COMMIT");
    mc_code rc = MC_OK;

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        rc = mc__pg_fail(conn, result, err);
        if (conn->is_broken)
            rc =
                mc_fail(err, rc, "db: the connection was lost in the commit; it may have happened");
    } else if (!mc_str_eq(mc_z(PQcmdStatus(result)), MC_STR("COMMIT"))) {
        rc = mc_fail(err, MC_INTERNAL, "db: a failed statement had already ended the transaction");
    }
    PQclear(result);
    return rc;
}

mc_code mc__pg_commit(mc_db_conn *base, unsigned depth, mc_err *err)
{
    mc__pg_conn *conn = (mc__pg_conn *)base;
    char sql[64];

    if (depth == 0) {
        if (conn->transaction_ms)
            conn->timeout_ms = -1; /* SET LOCAL ends here */
        return commit_transaction(conn, err);
    }
    (void)snprintf(sql, sizeof(sql), "RELEASE SAVEPOINT mc%u", depth);
    return mc__pg_command(conn, sql, err);
}

void mc__pg_rollback(mc_db_conn *base, unsigned depth)
{
    mc__pg_conn *conn = (mc__pg_conn *)base;
    char sql[96];
    mc_code rc;

    conn->timeout_ms = -1; /* what was SET meanwhile is undone too */
    if (conn->is_broken)
        return;
    if (depth == 0 && PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        return; /* a commit that failed has ended it */
    if (depth == 0)
        (void)snprintf(sql, sizeof(sql), "ROLLBACK");
    else
        (void)snprintf(sql, sizeof(sql), "ROLLBACK TO SAVEPOINT mc%u; RELEASE SAVEPOINT mc%u",
                       depth, depth);
    rc = mc__pg_command(conn, sql, NULL);
    if (rc != MC_OK)
        conn->is_broken = true; /* replaced when it comes back */
}
