/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_store: the database doing what requests ask of it, without HTTP, permission or models: the
 * ceilings for get, list and durable create.
 *
 *   bare_store FOLDER [SECONDS]    prints "name figure unit", one a line
 */
#include "metacore/base/json.h"
#include "metacore/base/sync.h"
#include "metacore/db/db.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS 100000
#define CHUNK 5000
#define WAITING 64 /* writes in flight, as from 64 clients */

static mc_uuid *ids;

static const char schema[] =
    "CREATE TABLE t (id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, created_at TEXT NOT NULL, "
    "subject TEXT, status TEXT, body TEXT, hours TEXT, urgent INTEGER);"
    "CREATE INDEX t_list ON t (organization_id, status, created_at, id);";

#define INSERT                                                                                     \
    "INSERT INTO t (id, organization_id, created_at, subject, status, body, hours, urgent) "       \
    "VALUES "                                                                                      \
    "($1, $2, $3, $4, $5, $6, $7, $8)"

static mc_code insert(mc_db_conn *conn, mc_uuid id, int64_t n, mc_err *err)
{
    static const char *const statuses[] = {"open", "closed", "resolved", "in_progress", "waiting"};
    mc_uuid org = {{1}};
    mc_db_value args[] = {mc_db_uuid(id),
                          mc_db_uuid(org),
                          mc_db_time(INT64_C(1700000000000000) + n),
                          mc_db_text(MC_STR("The printer on the second floor is on fire again")),
                          mc_db_text(mc_z(statuses[n % 5])),
                          mc_db_text(MC_STR("It began with smoke. Then there was more of it.")),
                          mc_db_text(MC_STR("12.25")),
                          mc_db_bool(n % 2)};

    return mc_db_exec(conn, MC_STR(INSERT), args, MC_LEN(args), NULL, err);
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

static mc_code create(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec_script(conn, mc_z(schema), err);
}

/* ---- reading ---- */

static void write_row(mc_db_rows *rows, mc_buf *out)
{
    static const char *const keys[] = {"{\"id\":",      ",\"organization_id\":", ",\"created_at\":",
                                       ",\"subject\":", ",\"status\":",          ",\"body\":",
                                       ",\"hours\":"};

    for (size_t i = 0; i < MC_LEN(keys); i++) {
        mc_buf_str(out, mc_z(keys[i]));
        mc_json_write_str(out, mc_db_col_text(rows, i));
    }
    mc_buf_str(out, mc_db_col_bool(rows, 7) ? MC_STR(",\"urgent\":true}")
                                            : MC_STR(",\"urgent\":false}"));
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

#define COLUMNS "id, organization_id, created_at, subject, status, body, hours, urgent"

static bool get_one(mc_db_conn *conn, uint64_t i, mc_buf *out)
{
    mc_db_value id = mc_db_uuid(ids[i * UINT64_C(2654435761) % ROWS]);

    return read_rows(conn, MC_STR("SELECT " COLUMNS " FROM t WHERE id = $1"), &id, 1, out);
}

static bool list_twenty(mc_db_conn *conn, uint64_t i, mc_buf *out)
{
    mc_uuid org = {{1}};
    mc_db_value args[] = {mc_db_uuid(org), mc_db_text(i % 2 ? MC_STR("open") : MC_STR("closed"))};

    return read_rows(conn,
                     MC_STR("SELECT " COLUMNS " FROM t WHERE organization_id = $1 AND status = $2 "
                            "ORDER BY created_at DESC, id DESC LIMIT 20"),
                     args, 2, out);
}

static void measure(const char *name, mc_db_conn *conn, double seconds,
                    bool (*run)(mc_db_conn *conn, uint64_t i, mc_buf *out))
{
    int64_t start = mc_clock_monotonic_us((mc_clock){NULL, NULL}), now = start;
    uint64_t i = 0;
    mc_buf out;

    mc_buf_init(&out, 0);
    while ((double)(now - start) < seconds * 1e6) {
        for (int k = 0; k < 100; k++, i++) {
            if (!run(conn, i, &out)) {
                fprintf(stderr, "%s failed\n", name);
                break;
            }
        }
        now = mc_clock_monotonic_us((mc_clock){NULL, NULL});
    }
    printf("%s %.0f per_second\n", name, (double)i * 1e6 / (double)(now - start));
    mc_buf_deinit(&out);
}

/* ---- durable writes: as one ends, the next is queued ---- */

typedef struct writer {
    mc_db_job job;
    mc_ctx ctx;
} writer;

static mc_db *db;
static atomic_ullong written;
static atomic_int in_flight;
static atomic_bool is_over;

static mc_code insert_next(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    (void)ctx;
    (void)user;
    return rc == MC_OK ? insert(conn, id, ROWS + (int64_t)atomic_load(&written), err) : rc;
}

static void again(mc_db_job *job, mc_code rc)
{
    if (rc == MC_OK)
        atomic_fetch_add(&written, 1);
    if (atomic_load(&is_over) || mc_db_submit(db, job, &job->err) != MC_OK)
        atomic_fetch_sub(&in_flight, 1);
}

static void measure_writes(double seconds)
{
    static writer writers[WAITING];
    int64_t start = mc_clock_monotonic_us((mc_clock){NULL, NULL}), us;
    mc_mutex mu;
    mc_cond never;
    mc_err err;

    mc_mutex_init(&mu);
    mc_cond_init(&never);
    for (int i = 0; i < WAITING; i++) {
        writers[i].job = (mc_db_job){.ctx = &writers[i].ctx, .fn = insert_next, .done = again};
        atomic_fetch_add(&in_flight, 1);
        if (mc_db_submit(db, &writers[i].job, &err) != MC_OK)
            atomic_fetch_sub(&in_flight, 1);
    }
    mc_mutex_lock(&mu);
    (void)mc_cond_wait_for(&never, &mu, (int64_t)(seconds * 1e6)); /* nobody signals: a pause */
    us = mc_clock_monotonic_us((mc_clock){NULL, NULL}) - start;
    printf("store_create %.0f per_second\n", (double)atomic_load(&written) * 1e6 / (double)us);
    atomic_store(&is_over, true);
    while (atomic_load(&in_flight) > 0)
        (void)mc_cond_wait_for(&never, &mu, 1000);
    mc_mutex_unlock(&mu);
    mc_cond_deinit(&never);
    mc_mutex_deinit(&mu);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 3;
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db_conn *conn = NULL;
    char url[4096];
    mc_err err = {MC_OK, ""};

    (void)snprintf(url, sizeof(url), "sqlite:%s/bare_store.db", argc > 1 ? argv[1] : ".");
    ids = calloc(ROWS, sizeof(*ids));
    if (!ids || !ctx.arena ||
        mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, &err) != MC_OK ||
        mc_db_write(db, &ctx, create, NULL, &err) != MC_OK) {
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
    measure_writes(seconds);
    mc_db_close(db);
    mc_arena_free(ctx.arena);
    free(ids);
    return 0;
}
