/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/postgres_internal.h"

#include <stdlib.h>

#define BYTEA_OID 17 /* catalog/pg_type_d.h: fixed for all servers */
#define JSONB_OID 3802
#define DECODED_BYTES ((size_t)256 << 20)

mc_code mc__pg_rows_open(PGresult *result, mc_db_rows *out, mc_err *err)
{
    mc__pg_rows *rows = calloc(1, sizeof(*rows));

    if (!rows) {
        PQclear(result);
        return mc_fail(err, MC_NO_MEMORY, "db: rows");
    }
    rows->result = result;
    rows->count = PQntuples(result);
    out->stmt = rows;
    out->row = -1;
    return MC_OK;
}

static const mc__pg_rows *rows_of(const mc_db_rows *rows)
{
    return rows->stmt;
}

bool mc__pg_next(mc_db_rows *rows)
{
    const mc__pg_rows *held = rows_of(rows);

    if (held->decoded)
        mc_arena_reset(held->decoded);
    if (rows->row + 1 >= held->count) {
        rows->done = true;
        return false;
    }
    rows->row++;
    return true;
}

mc_code mc__pg_finish(mc_db_rows *rows, mc_err *err)
{
    mc__pg_rows *held = rows->stmt;

    rows->done = true;
    rows->stmt = NULL;
    if (held) {
        PQclear(held->result);
        mc_arena_free(held->decoded);
        free(held);
    }
    if (rows->rc != MC_OK && err)
        *err = rows->err;
    return rows->rc;
}

int64_t mc__pg_changed(mc_db_rows *rows)
{
    PGresult *result = rows_of(rows)->result;
    int64_t count = 0;

    if (mc_str_starts_with(mc_z(PQcmdStatus(result)), MC_STR("SELECT")))
        return 0;                                                      /* its tag counts rows too */
    (void)mc_str_i64(mc_z(PQcmdTuples(result)), 0, INT64_MAX, &count); /* empty for DDL: 0 */
    return count;
}

/* ---- columns ---- */

size_t mc__pg_col_count(const mc_db_rows *rows)
{
    return (size_t)PQnfields(rows_of(rows)->result);
}

mc_str mc__pg_col_name(mc_db_rows *rows, size_t col)
{
    return mc_z(PQfname(rows_of(rows)->result, (int)col));
}

bool mc__pg_col_is_null(mc_db_rows *rows, size_t col)
{
    return PQgetisnull(rows_of(rows)->result, (int)rows->row, (int)col) != 0;
}

/* As the server wrote it; empty for null. */
static mc_str raw_text(const mc_db_rows *rows, size_t col)
{
    const PGresult *result = rows_of(rows)->result;

    return mc_str_of(PQgetvalue(result, (int)rows->row, (int)col),
                     (size_t)PQgetlength(result, (int)rows->row, (int)col));
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10; /* the server writes lower case */
}

/* Room for the current row's texts that are not as the server sent them. */
static char *decoded_room(mc_db_rows *rows, size_t size)
{
    mc__pg_rows *held = rows->stmt;
    char *room;

    if (!held->decoded)
        held->decoded = mc_arena_new(DECODED_BYTES);
    room = held->decoded ? mc_arena_alloc(held->decoded, size) : NULL;
    if (!room)
        rows->rc = mc_fail(&rows->err, MC_NO_MEMORY, "db: a value of %zu bytes", size);
    return room;
}

/* "\x00ff" as bytes, in memory that lives as long as the row. */
static mc_str decode_bytes(mc_db_rows *rows, mc_str hex)
{
    size_t size = hex.len >= 2 ? (hex.len - 2) / 2 : 0;
    char *bytes = decoded_room(rows, size);

    if (!bytes)
        return mc_str_of(NULL, 0);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(hex_value(hex.ptr[2 + 2 * i]) << 4 | hex_value(hex.ptr[3 + 2 * i]));
    return mc_str_of(bytes, size);
}

/* The server lays jsonb out with a space after each ':' and ','; what it is read into has none. */
static mc_str compact_json(mc_db_rows *rows, mc_str text)
{
    bool is_quoted = false;
    size_t len = 0;
    char *room;

    if (text.len == 0 || (text.ptr[0] != '{' && text.ptr[0] != '['))
        return text;
    room = decoded_room(rows, text.len);
    for (size_t i = 0; room && i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '"')
            is_quoted = !is_quoted;
        if (c == ' ' && !is_quoted)
            continue;
        room[len++] = c;
        if (c == '\\' && i + 1 < text.len)
            room[len++] = text.ptr[++i];
    }
    return mc_str_of(room, len);
}

mc_str mc__pg_col_text(mc_db_rows *rows, size_t col)
{
    mc_str text = raw_text(rows, col);
    Oid type = PQftype(rows_of(rows)->result, (int)col);

    if (type == BYTEA_OID && text.len)
        return decode_bytes(rows, text);
    return type == JSONB_OID ? compact_json(rows, text) : text;
}

bool mc__pg_col_cell(mc_db_rows *rows, size_t col, mc_str *out)
{
    if (mc__pg_col_is_null(rows, col))
        return false;
    *out = mc__pg_col_text(rows, col);
    return true;
}

int64_t mc__pg_col_int(mc_db_rows *rows, size_t col)
{
    mc_str text = raw_text(rows, col);
    int64_t v = 0;

    if (mc_str_eq(text, MC_STR("t")))
        return 1;
    /* A numeric's fraction is cut, as SQLite does; nonsense reads as zero. */
    (void)mc_str_i64(mc_str_slice(text, 0, mc_str_find_char(text, 0, '.')), INT64_MIN, INT64_MAX,
                     &v);
    return v;
}

bool mc__pg_col_bool(mc_db_rows *rows, size_t col)
{
    return mc__pg_col_int(rows, col) != 0;
}

/* "2026-11-24 10:00:00.5+00" (a timestamptz in UTC), the same without "+00", or a date. */
mc_time mc__pg_col_time(mc_db_rows *rows, size_t col)
{
    mc_str text = raw_text(rows, col);
    char zulu[40];
    mc_time t = 0;

    if (mc_date_parse(text, &t) || text.len >= sizeof(zulu) || text.len == 0)
        return t;
    if (mc_str_ends_with(text, MC_STR("+00")))
        text.len -= 3;
    memcpy(zulu, text.ptr, text.len);
    zulu[text.len] = 'Z';
    (void)mc_time_parse(mc_str_of(zulu, text.len + 1), &t); /* null, infinity: zero */
    return t;
}
