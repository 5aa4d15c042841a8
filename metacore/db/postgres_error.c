/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/postgres_internal.h"

/* A SQLSTATE, or the first letters of a class of them; the first row that fits counts. */
static const struct {
    const char *state;
    mc_code code;
    bool is_lost; /* the session is gone, or about to be */
} states[] = {
    {"23505", MC_CONFLICT, false},    /* unique_violation */
    {"23P01", MC_CONFLICT, false},    /* exclusion_violation */
    {"23", MC_INVALID, false},        /* foreign key, not null, check */
    {"22", MC_INVALID, false},        /* data exception: bad text, out of range */
    {"54", MC_INVALID, false},        /* program limit: a value too large for an index */
    {"08P01", MC_INTERNAL, false},    /* protocol_violation: so many arguments were not asked for */
    {"08", MC_UNAVAILABLE, true},     /* connection exception */
    {"57014", MC_TIMEOUT, false},     /* query_canceled: statement_timeout */
    {"57", MC_UNAVAILABLE, true},     /* operator intervention: shut down, terminated */
    {"25P03", MC_UNAVAILABLE, true},  /* idle_in_transaction_session_timeout */
    {"40", MC_UNAVAILABLE, false},    /* serialization failure, deadlock: worth another try */
    {"55P03", MC_UNAVAILABLE, false}, /* lock_not_available: lock_timeout */
    {"53100", MC_IO, false},          /* disk_full */
    {"53200", MC_NO_MEMORY, false},   /* out_of_memory */
    {"53", MC_UNAVAILABLE, false},    /* too many connections, and the like */
    {"28", MC_UNAVAILABLE, false},    /* invalid authorization */
    {"58", MC_IO, false},             /* system error */
    {"XX00", MC_IO, false},           /* data_corrupted, index_corrupted, internal_error */
};

bool mc__pg_has_state(const PGresult *result, const char *sqlstate)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state && mc_str_starts_with(mc_z(state), mc_z(sqlstate));
}

/* libpq ends its messages with a newline, and some have more lines: the first says it. */
static mc_str first_line(const char *text)
{
    mc_str all = mc_z(text);

    return mc_str_trim(mc_str_slice(all, 0, mc_str_find_char(all, 0, '\n')));
}

/* What row broke which rule, in SQLite's words: the server's own are in the language it was set up
 * in. Its detail would hold the row's values. */
static bool name_rule(const PGresult *result, mc_code code, mc_err *err)
{
    const char *table = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

    if (mc__pg_has_state(result, "23505") && constraint)
        MC_IGNORE(mc_fail(err, code, "db: UNIQUE constraint failed: index %s", constraint));
    else if (mc__pg_has_state(result, "23502") && table && column)
        MC_IGNORE(mc_fail(err, code, "db: NOT NULL constraint failed: %s.%s", table, column));
    else if (mc__pg_has_state(result, "23503") && constraint)
        MC_IGNORE(mc_fail(err, code, "db: FOREIGN KEY constraint failed: %s", constraint));
    else if (mc__pg_has_state(result, "23514") && constraint)
        MC_IGNORE(mc_fail(err, code, "db: CHECK constraint failed: %s", constraint));
    else
        return false;
    return true;
}

mc_code mc__pg_fail(mc__pg_conn *conn, const PGresult *result, mc_err *err)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *place = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    mc_str message = first_line(primary ? primary : PQerrorMessage(conn->pg));
    mc_code code = MC_INTERNAL;
    bool is_lost = PQstatus(conn->pg) != CONNECTION_OK;

    for (size_t i = 0; i < MC_LEN(states); i++) {
        if (mc__pg_has_state(result, states[i].state)) {
            code = states[i].code;
            is_lost = is_lost || states[i].is_lost;
            break;
        }
    }
    conn->is_broken = conn->is_broken || is_lost;
    if (is_lost && code != MC_CONFLICT && code != MC_INVALID)
        code = MC_UNAVAILABLE;
    if (code == MC_TIMEOUT && conn->budget_us)
        code = MC_INTERRUPTED;
    if (!result && !is_lost)
        return mc_fail(err, MC_NO_MEMORY, "db: %.*s", MC_FMT(message)); /* libpq had none */
    if (name_rule(result, code, err))
        return code;
    if (place)
        return mc_fail(err, code, "db: at character %s: %.*s", place, MC_FMT(message));
    return mc_fail(err, code, "db: %.*s", MC_FMT(message));
}
