/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_store: the database doing what requests ask of it, without HTTP, permission or models: the
 * ceilings for get, list and durable create.
 *
 *   bare_store FOLDER SECONDS DATABASE
 * works in FOLDER on a table like the tickets of DATABASE, and prints "name figure unit", one a
 * line; rates are per second of one core.
 */
#include "metacore/base/json.h"
#include "metacore/base/sync.h"
#include "metacore/db/db.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROWS 100000
#define CHUNK 5000
/* As long as a ticket's change is in the log. */
#define EVENT                                                                                      \
    "{\"after\":{\"assignee_id\":null,\"body\":\"Smoke.\",\"created_at\":\"2026-11-25T12:00:00."   \
    "0000"                                                                                         \
    "00Z\",\"created_by_id\":\"01a212c1-880d-7a80-a101-d566c74cad76\",\"due_at\":null,\"hours\":"  \
    "1."                                                                                           \
    "25,\"id\":\"01a212c1-8ace-7b9c-9f88-6597f99e8b43\",\"organization_id\":\"01a212c1-880d-79de-" \
    "b"                                                                                            \
    "27d-215a5b87157a\",\"priority\":\"high\",\"status\":\"open\",\"subject\":\"The printer is "   \
    "on fir"                                                                                       \
    "e\",\"updated_at\":\"2026-11-25T12:00:00.000000Z\",\"urgent\":true},\"id\":\"01a212c1-8ace-"  \
    "7b9"                                                                                          \
    "c-9f88-6597f99e8b43\"}"
#define WAITING 64 /* writes in flight, as from 64 clients */

static mc_db *db;
static mc_uuid *ids;

/* What the process has used of one core, in microseconds: as the server beside it is measured, so
 * that neither who else runs nor the wait for the disk counts. */
static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* this clock always exists */
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The table and the indexes are those of a server's tickets, and so are the rows: the ceiling is
 * what the store takes for the same bytes. */
#define TABLE "\"addon_tickets.tickets\""
#define COLUMNS                                                                                    \
    "id, organization_id, created_by_id, created_at, updated_at, subject, status, priority, "      \
    "body, due_at, hours, urgent, assignee_id"
#define INSERT                                                                                     \
    "INSERT INTO " TABLE " (" COLUMNS                                                              \
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"

static mc_code insert(mc_db_conn *conn, mc_uuid id, int64_t n, mc_err *err)
{
    static const char *const statuses[] = {"open", "closed", "resolved", "in_progress", "waiting"};
    mc_uuid org = {{1}}, user = {{2}};
    mc_db_value now = mc_db_time(INT64_C(1700000000000000) + n);
    mc_db_value args[] = {mc_db_uuid(id),
                          mc_db_uuid(org),
                          mc_db_uuid(user),
                          now,
                          now,
                          mc_db_text(MC_STR("The printer is on fire")),
                          mc_db_text(mc_z(statuses[n % 5])),
                          mc_db_text(MC_STR("high")),
                          mc_db_text(MC_STR("Smoke.")),
                          mc_db_null(),
                          mc_db_text(MC_STR("1.25")),
                          mc_db_bool(n % 2),
                          mc_db_null()};

    return mc_db_exec(conn, MC_STR(INSERT), args, MC_LEN(args), NULL, err);
}

/* What a server's create writes beside the row: its line in the event log, under the next number.
 */
static mc_code insert_event(mc_db_conn *conn, mc_uuid id, int64_t n, mc_err *err)
{
    mc_uuid org = {{1}}, user = {{2}};
    mc_db_value counter = mc_db_uuid(org);
    mc_db_value args[] = {mc_db_uuid(id),
                          mc_db_uuid(org),
                          mc_db_uuid(user),
                          mc_db_time(INT64_C(1700000000000000) + n),
                          mc_db_int(n),
                          mc_db_text(MC_STR("tickets.tickets.created")),
                          mc_db_text(MC_STR(EVENT))};
    mc_code rc = mc_db_exec(conn,
                            MC_STR("UPDATE eventlog_counters SET last_sequence = last_sequence + 1 "
                                   "WHERE organization_id = $1"),
                            &counter, 1, NULL, err);

    if (rc != MC_OK)
        return rc;
    return mc_db_exec(conn,
                      MC_STR("INSERT INTO eventlog_events (id, organization_id, created_by_id, "
                             "created_at, sequence_num, event_type, data) VALUES ($1, $2, $3, $4, "
                             "$5, $6, $7)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code fill(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    int64_t from = *(int64_t *)user;
    mc_code rc = MC_OK;

    (void)ctx;
    for (int64_t n = from; n < from + CHUNK && rc == MC_OK; n++) {
        rc = mc_uuid_v7(&ids[n], err);
        if (rc == MC_OK)
            rc = insert(conn, ids[n], n, err);
    }
    return rc;
}

/* ---- the schema ---- */

static mc_code create(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_db_exec_script(conn, mc_buf_get(user), err);
}

/* The statements that made the server's table, onto user, a mc_buf. */
static mc_code read_schema(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_buf *out = user;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn,
        MC_STR("SELECT sql FROM sqlite_master WHERE tbl_name IN ('addon_tickets.tickets', "
               "'eventlog_events', 'eventlog_counters') AND sql IS NOT NULL ORDER BY type DESC"),
        NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        mc_buf_str(out, mc_db_col_text(&rows, 0));
        mc_buf_lit(out, ";\n");
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && out->len == 0)
        return mc_fail(err, MC_NOT_FOUND, "the database has no tickets");
    mc_buf_lit(out, "INSERT INTO eventlog_counters (organization_id, last_sequence) VALUES "
                    "('01000000-0000-0000-0000-000000000000', 0);");
    return rc;
}

static mc_code open_like(mc_str path, mc_str folder, mc_ctx *ctx, mc_err *err)
{
    mc_str from = mc_str_printf(ctx->arena, "sqlite:%.*s", MC_FMT(path));
    mc_str to = mc_str_printf(ctx->arena, "sqlite:%.*s/bare_store.db", MC_FMT(folder));
    mc_db *model = NULL;
    mc_buf schema;
    mc_code rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = from}, &model, err);

    mc_buf_init(&schema, 0);
    if (rc == MC_OK)
        rc = mc_db_read(model, ctx, read_schema, &schema, err);
    mc_db_close(model);
    if (rc == MC_OK)
        rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = to}, &db, err);
    if (rc == MC_OK)
        rc = mc_db_write(db, ctx, create, &schema, err);
    mc_buf_deinit(&schema);
    return rc;
}

/* ---- reading ---- */

static void write_row(mc_db_rows *rows, mc_buf *out)
{
    static const char *const keys[] = {
        "{\"id\":",         ",\"organization_id\":", ",\"created_by_id\":", ",\"created_at\":",
        ",\"updated_at\":", ",\"subject\":",         ",\"status\":",        ",\"priority\":",
        ",\"body\":",       ",\"due_at\":",          ",\"hours\":"};

    for (size_t i = 0; i < MC_LEN(keys); i++) {
        mc_buf_str(out, mc_z(keys[i]));
        if (mc_db_col_is_null(rows, i))
            mc_buf_lit(out, "null");
        else
            mc_json_write_str(out, mc_db_col_text(rows, i));
    }
    mc_buf_str(out,
               mc_db_col_bool(rows, 11) ? MC_STR(",\"urgent\":true") : MC_STR(",\"urgent\":false"));
    mc_buf_str(out, mc_db_col_is_null(rows, 12) ? MC_STR(",\"assignee_id\":null}") : MC_STR("}"));
}

static bool read_rows(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t count,
                      mc_buf *out)
{
    mc_db_rows rows;
    mc_err err;

    mc_buf_clear(out);
    if (mc_db_query(conn, sql, args, count, &rows, &err) != MC_OK)
        return false;
    while (mc_db_rows_next(&rows))
        write_row(&rows, out);
    return mc_db_rows_finish(&rows, &err) == MC_OK;
}

static bool get_one(mc_db_conn *conn, uint64_t i, mc_buf *out)
{
    mc_db_value id = mc_db_uuid(ids[i * UINT64_C(2654435761) % ROWS]);

    return read_rows(
        conn, MC_STR("SELECT " COLUMNS " FROM " TABLE " WHERE id = $1 AND deleted_at IS NULL"), &id,
        1, out);
}

static bool list_twenty(mc_db_conn *conn, uint64_t i, mc_buf *out)
{
    mc_uuid org = {{1}};
    mc_db_value args[] = {mc_db_uuid(org), mc_db_text(i % 2 ? MC_STR("open") : MC_STR("closed"))};

    return read_rows(conn,
                     MC_STR("SELECT " COLUMNS " FROM " TABLE
                            " WHERE organization_id = $1 AND status = $2 "
                            "AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 20"),
                     args, 2, out);
}

static void measure(const char *name, mc_db_conn *conn, double seconds,
                    bool (*run)(mc_db_conn *conn, uint64_t i, mc_buf *out))
{
    double start = cpu_us(), now = start;
    uint64_t i = 0;
    mc_buf out;

    mc_buf_init(&out, 0);
    while (now - start < seconds * 1e6) {
        for (int k = 0; k < 100; k++, i++) {
            if (!run(conn, i, &out)) {
                fprintf(stderr, "%s failed\n", name);
                break;
            }
        }
        now = cpu_us();
    }
    printf("%s %.0f per_cpu_second\n", name, (double)i * 1e6 / (now - start));
    mc_buf_deinit(&out);
}

/* ---- durable writes: as one ends, the next is queued ---- */

typedef struct writer {
    mc_db_job job;
    mc_ctx ctx;
} writer;

static atomic_ullong written, numbers;
static atomic_int in_flight;
static atomic_bool is_over;

static mc_code insert_next(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    int64_t n = ROWS + (int64_t)atomic_fetch_add(&numbers, 1);
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    (void)ctx;
    if (rc == MC_OK)
        rc = insert(conn, id, n, err);
    return rc == MC_OK && user ? insert_event(conn, id, n, err) : rc;
}

static void again(mc_db_job *job, mc_code rc)
{
    if (rc == MC_OK)
        atomic_fetch_add(&written, 1);
    if (atomic_load(&is_over) || mc_db_submit(db, job, &job->err) != MC_OK)
        atomic_fetch_sub(&in_flight, 1);
}

static void measure_writes(const char *name, bool has_event, double seconds)
{
    static writer writers[WAITING];
    double start = cpu_us();
    mc_mutex mu;
    mc_cond never;
    mc_err err;

    atomic_store(&written, 0);
    atomic_store(&is_over, false);
    mc_mutex_init(&mu);
    mc_cond_init(&never);
    for (int i = 0; i < WAITING; i++) {
        writers[i].job = (mc_db_job){.ctx = &writers[i].ctx,
                                     .fn = insert_next,
                                     .user = has_event ? &writers[i] : NULL,
                                     .done = again};
        atomic_fetch_add(&in_flight, 1);
        if (mc_db_submit(db, &writers[i].job, &err) != MC_OK)
            atomic_fetch_sub(&in_flight, 1);
    }
    mc_mutex_lock(&mu);
    (void)mc_cond_wait_for(&never, &mu, (int64_t)(seconds * 1e6)); /* nobody signals: a pause */
    printf("%s %.0f per_cpu_second\n", name,
           (double)atomic_load(&written) * 1e6 / (cpu_us() - start));
    atomic_store(&is_over, true);
    while (atomic_load(&in_flight) > 0)
        (void)mc_cond_wait_for(&never, &mu, 1000);
    mc_mutex_unlock(&mu);
    mc_cond_deinit(&never);
    mc_mutex_deinit(&mu);
}

int main(int argc, char **argv)
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db_conn *conn = NULL;
    mc_err err = {MC_OK, ""};
    double seconds;

    if (argc != 4) {
        fprintf(stderr, "usage: bare_store FOLDER SECONDS DATABASE\n");
        return 2;
    }
    seconds = strtod(argv[2], NULL);
    ids = calloc(ROWS, sizeof(*ids));
    if (!ids || !ctx.arena || open_like(mc_z(argv[3]), mc_z(argv[1]), &ctx, &err) != MC_OK) {
        fprintf(stderr, "bare_store: %s\n", err.msg);
        return 1;
    }
    for (int64_t from = 0; from < ROWS; from += CHUNK) {
        if (mc_db_write(db, &ctx, fill, &from, &err) != MC_OK)
            fprintf(stderr, "bare_store: %s\n", err.msg);
    }
    if (mc_db_reader_open(db, &conn, &err) == MC_OK) {
        measure("store_get", conn, seconds, get_one);
        measure("store_list", conn, seconds, list_twenty);
        mc_db_reader_close(conn);
    }
    measure_writes("store_create", false, seconds);
    measure_writes("store_create_logged", true, seconds);
    mc_db_close(db);
    mc_arena_free(ctx.arena);
    free(ids);
    return 0;
}
