/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/db.h"

#include "metacore/db/db_conformance.h"

#include "mc_postgres.h"
#include "mc_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* A database of the test's own on the test's own server; NULL: the test has failed. */
static mc_db *open_new(const mc_db_config *more)
{
    mc_db_config config = more ? *more : (mc_db_config){MC_DB_CONFIG};
    mc_db *db = NULL;
    mc_err err;

    config.url = mc_postgres_database();
    config.module_path = mc_postgres_module();
    MC_EXPECT_OK(mc_db_open(&config, &db, &err), &err);
    return db;
}

#define NEED_POSTGRES()                                                                            \
    do {                                                                                           \
        const char *why = mc_postgres_missing();                                                   \
        if (why)                                                                                   \
            MC_SKIP(why);                                                                          \
    } while (0)

MC_TEST("PostgreSQL keeps values, transactions, errors and cursors as SQLite does")
{
    mc_db *db;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_db_dialect_of(db), MC_DB_POSTGRES);
    mc__db_conformance_values(db);
    mc__db_conformance_transactions(db);
    mc__db_conformance_errors(db);
    mc__db_conformance_cursors(db);
    mc__db_conformance_alone(db);
    mc_db_close(db);
}

MC_TEST("an address that leads nowhere is told from one that is no address")
{
    static const struct {
        const char *url;
        mc_code rc;
    } cases[] = {
        {"postgres://x?no_such_option=1", MC_INVALID},
        {"postgres://u:secret@[::1", MC_INVALID},
        {"postgres://u@/x?host=/no/such/folder", MC_UNAVAILABLE},
    };

    NEED_POSTGRES();
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_db_config config = {MC_DB_CONFIG, .url = mc_z(cases[i].url),
                               .module_path = mc_postgres_module()};
        mc_db *db = NULL;
        mc_err err;

        MC_CASE(cases[i].url);
        MC_EXPECT_EQ(mc_db_open(&config, &db, &err), cases[i].rc);
        MC_EXPECT_EQ(mc_str_find(mc_z(err.msg), MC_STR("secret")), mc_z(err.msg).len);
        MC_EXPECT(db == NULL);
    }
}

/* ---- helpers ---- */

typedef struct work {
    const char *script; /* a script, or */
    const char *sql;    /* one statement, of which */
    const mc_db_value *args;
    size_t arg_count;
    char text[128]; /* the first column of the first row is kept */
} work;

static mc_code do_work(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work *w = user;
    mc_db_rows rows;
    mc_code rc;

    (void)ctx;
    if (w->script)
        return mc_db_exec_script(conn, mc_z(w->script), err);
    rc = mc_db_query(conn, mc_z(w->sql), w->args, w->arg_count, &rows, err);
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        (void)snprintf(w->text, sizeof(w->text), "%.*s", MC_FMT(mc_db_col_text(&rows, 0)));
    return mc_db_rows_finish(&rows, err);
}

static mc_code script(mc_db *db, const char *sql, mc_err *err)
{
    mc_ctx ctx = {0};
    work w = {.script = sql};

    return mc_db_write(db, &ctx, do_work, &w, err);
}

/* The result's first value, valid until the next call; empty when there is none. */
static mc_str scalar(mc_db *db, const char *sql)
{
    static work w;
    mc_ctx ctx = {0};
    mc_err err;

    w = (work){.sql = sql};
    MC_EXPECT_OK(mc_db_write(db, &ctx, do_work, &w, &err), &err);
    return mc_z(w.text);
}

/* ---- errors ---- */

MC_TEST("each kind of failure has its code, and the connection serves on")
{
    static const struct {
        const char *name, *sql;
        mc_code rc;
    } cases[] = {
        {"a foreign key that points nowhere", "INSERT INTO b (a_id) VALUES (99)", MC_INVALID},
        {"a check that does not hold", "INSERT INTO a (id, n) VALUES (2, -1)", MC_INVALID},
        {"a missing value", "INSERT INTO a (id, n) VALUES (2, NULL)", MC_INVALID},
        {"a taken key", "INSERT INTO a (id, n) VALUES (1, 1)", MC_CONFLICT},
        {"an overlapping range", "INSERT INTO c (r) VALUES ('[2,3]')", MC_CONFLICT},
        {"a text that is no uuid", "SELECT 'x'::uuid", MC_INVALID},
        {"a number out of range", "SELECT 99999999999::integer", MC_INVALID},
        {"a date that does not exist", "SELECT '2026-02-30'::date", MC_INVALID},
        {"a table that does not exist", "SELECT * FROM nowhere", MC_INTERNAL},
        {"nothing at all", "", MC_INTERNAL},
        {"another protocol", "COPY a FROM STDIN", MC_INTERNAL},
    };
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db,
                         "CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL CHECK (n >= 0));"
                         "CREATE TABLE b (a_id int REFERENCES a (id));"
                         "CREATE TABLE c (r int4range, EXCLUDE USING gist (r WITH &&));"
                         "INSERT INTO a VALUES (1, 1); INSERT INTO c VALUES ('[1,5]');",
                         &err),
                  &err);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        work w = {.sql = cases[i].sql};

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, do_work, &w, &err), cases[i].rc);
        MC_EXPECT_EQ(err.code, cases[i].rc);
        MC_EXPECT_Z(scalar(db, "SELECT 'fine'"), "fine");
    }
    mc_db_close(db);
}

MC_TEST("bytes that PostgreSQL cannot keep as text are refused, as bytes they are kept")
{
    static const struct {
        const char *name;
        mc_db_value value;
        mc_code rc;
    } cases[] = {
        {"a NUL", {MC_DB_TEXT, {.text = MC_STR_INIT("a\0b")}}, MC_INVALID},
        {"broken UTF-8", {MC_DB_TEXT, {.text = MC_STR_INIT("a\xff")}}, MC_INVALID},
        {"broken JSON", {MC_DB_JSON, {.text = MC_STR_INIT("{\"a\":")}}, MC_INVALID},
        {"the empty text", {MC_DB_TEXT, {.text = {NULL, 0}}}, MC_OK},
        {"a quote and a backslash", {MC_DB_TEXT, {.text = MC_STR_INIT("'; \\ --")}}, MC_OK},
    };
    mc_db_value bytes = {MC_DB_BYTES, {.text = MC_STR_INIT("\x00\xff'\\")}};
    work raw = {.sql = "SELECT encode($1::bytea, 'hex')", .args = &bytes, .arg_count = 1};
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        work w = {.sql = cases[i].value.kind == MC_DB_JSON ? "SELECT $1::jsonb" : "SELECT $1::text",
                  .args = &cases[i].value,
                  .arg_count = 1};

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, do_work, &w, &err), cases[i].rc);
        if (cases[i].rc == MC_OK)
            MC_EXPECT_STR(mc_z(w.text), cases[i].value.as.text);
    }
    MC_CASE(NULL);
    MC_EXPECT_OK(mc_db_write(db, &ctx, do_work, &raw, &err), &err);
    MC_EXPECT_Z(mc_z(raw.text), "00ff275c");
    mc_db_close(db);
}

static mc_code read_columns(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn,
        MC_STR("SELECT '\\x00ff27'::bytea, '2026-11-24 10:00:00.5+02'::timestamptz, "
               "'2026-11-24 10:00:00'::timestamp, 'infinity'::timestamptz, false, 12.9::numeric, "
               "'2026-11-24'::date, NULL::bytea"),
        NULL, 0, &rows, err);

    (void)ctx;
    (void)user;
    if (rc != MC_OK)
        return rc;
    MC_EXPECT(mc_db_rows_next(&rows));
    MC_EXPECT_STR(mc_db_col_text(&rows, 0), MC_STR("\x00\xff'"));
    MC_EXPECT_STR(mc_db_col_text(&rows, 0), MC_STR("\x00\xff'")); /* asked twice, the same */
    MC_EXPECT_EQ(mc_db_col_time(&rows, 1), INT64_C(1795507200500000));
    MC_EXPECT_EQ(mc_db_col_time(&rows, 2), INT64_C(1795514400000000));
    MC_EXPECT_EQ(mc_db_col_time(&rows, 3), 0);
    MC_EXPECT(!mc_db_col_bool(&rows, 4));
    MC_EXPECT_EQ(mc_db_col_int(&rows, 5), 12);
    MC_EXPECT_EQ(mc_db_col_time(&rows, 6), INT64_C(1795478400000000));
    MC_EXPECT(mc_db_col_is_null(&rows, 7));
    MC_EXPECT_EQ(mc_db_col_text(&rows, 7).len, 0);
    return mc_db_rows_finish(&rows, err);
}

MC_TEST("columns of PostgreSQL's own types read as ours")
{
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_db_read(db, &ctx, read_columns, NULL, &err), &err);
    mc_db_close(db);
}

/* ---- transactions ---- */

static mc_code swallow_failure(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work insert = {.sql = "INSERT INTO a (id) VALUES (1)"};

    (void)user;
    MC_EXPECT_OK(do_work(conn, ctx, &insert, err), err);
    MC_EXPECT_EQ(do_work(conn, ctx, &insert, err), MC_CONFLICT);
    return MC_OK; /* as if it did not matter */
}

static mc_code recover_by_savepoint(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work insert = {.sql = "INSERT INTO a (id) VALUES (2)"};
    mc_code rc;

    (void)user;
    MC_EXPECT_OK(do_work(conn, ctx, &insert, err), err);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    rc = do_work(conn, ctx, &insert, err);
    mc_db_rollback(conn);
    MC_EXPECT_EQ(rc, MC_CONFLICT);
    return MC_OK;
}

static mc_code violate_at_commit(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work insert = {.sql = "INSERT INTO later (a_id) VALUES (77)"};

    (void)user;
    return do_work(conn, ctx, &insert, err);
}

static int hook_runs;

static void count_hook(mc_db_hook *hook)
{
    (void)hook;
    hook_runs++;
}

static mc_code hook_and_violate(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_after_commit(conn, user);
    return violate_at_commit(conn, ctx, NULL, err);
}

MC_TEST("a commit that did not happen is never reported as one")
{
    mc_db_hook hook = {.run = count_hook};
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db,
                         "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE later (a_id int "
                         "REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)",
                         &err),
                  &err);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, swallow_failure, NULL, &err), MC_INTERNAL);
    MC_EXPECT_Z(scalar(db, "SELECT count(*) FROM a"), "0");
    MC_EXPECT_EQ(mc_db_write(db, &ctx, violate_at_commit, NULL, &err), MC_INVALID);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, hook_and_violate, &hook, &err), MC_INVALID);
    MC_EXPECT_EQ(hook_runs, 0);
    MC_EXPECT_Z(scalar(db, "SELECT count(*) FROM later"), "0");
    MC_EXPECT_OK(mc_db_write(db, &ctx, recover_by_savepoint, NULL, &err), &err);
    MC_EXPECT_Z(scalar(db, "SELECT count(*) FROM a"), "1");
    mc_db_close(db);
}

static mc_code end_by_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec_script(conn, MC_STR("SELECT 1; COMMIT"), err);
}

MC_TEST("a script that ends its transaction is an error, and its connection is not used again")
{
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, end_by_script, NULL, &err), MC_INTERNAL);
    MC_EXPECT_Z(scalar(db, "SELECT 'fine'"), "fine");
    MC_EXPECT(script(db, "CREATE TABLE x (n int); CREATE TABLE x (n int)", &err) != MC_OK);
    MC_EXPECT_HAS(mc_z(err.msg), "already exists");
    MC_EXPECT_Z(scalar(db, "SELECT coalesce(to_regclass('x')::text, 'none')"), "none");
    mc_db_close(db);
}

static mc_code read_twice(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work count = {.sql = "SELECT count(*) FROM a"};
    mc_code rc = do_work(conn, ctx, &count, err);

    MC_EXPECT_Z(mc_z(count.text), "0");
    MC_EXPECT_OK(script(user, "INSERT INTO a VALUES (1)", err), err);
    if (rc == MC_OK)
        rc = do_work(conn, ctx, &count, err);
    MC_EXPECT_Z(mc_z(count.text), "0");
    return rc;
}

MC_TEST("a read sees one instant, whatever is written meanwhile")
{
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db, "CREATE TABLE a (id int)", &err), &err);
    MC_EXPECT_OK(mc_db_read(db, &ctx, read_twice, db, &err), &err);
    MC_EXPECT_Z(scalar(db, "SELECT count(*) FROM a"), "1");
    mc_db_close(db);
}

MC_TEST("a transaction knows its organization, and the next one does not inherit it")
{
    mc_uuid org = {{0x01, 0x8f, 0x3c, 0x5e, 0x7b, 0x2a, 0x7a, 0xbc, 0x8d, 0xef, 1}};
    work w = {.sql = "SELECT coalesce(current_setting('app.current_org', true), '')"};
    mc_ctx ctx = {.who = {.org_id = org}}, nobody = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_db_read(db, &ctx, do_work, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), "018f3c5e-7b2a-7abc-8def-010000000000");
    w.text[0] = '\0';
    MC_EXPECT_OK(mc_db_read(db, &nobody, do_work, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), "");
    mc_db_close(db);
}

static mc_code ask_twice(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work *both = user;
    mc_code rc = do_work(conn, ctx, &both[0], err);

    if (rc == MC_OK)
        rc = mc_db_begin(conn, err);
    if (rc != MC_OK)
        return rc;
    rc = do_work(conn, ctx, &both[1], err);
    mc_db_rollback(conn);
    return rc;
}

MC_TEST("work without a transaction around it is its organization's, and so is one that it begins")
{
    mc_uuid org = {{0x01, 0x8f, 0x3c, 0x5e, 0x7b, 0x2a, 0x7a, 0xbc, 0x8d, 0xef, 1}};
    work both[2] = {{.sql = "SELECT coalesce(current_setting('app.current_org', true), '')"},
                    {.sql = "SELECT current_setting('app.current_org') || (SELECT count(*) FROM "
                            "pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"}};
    mc_ctx ctx = {.who = {.org_id = org}};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_db_write_alone(db, &ctx, ask_twice, both, &err), &err);
    MC_EXPECT_Z(mc_z(both[0].text), "018f3c5e-7b2a-7abc-8def-010000000000");
    MC_EXPECT_Z(mc_z(both[1].text), "018f3c5e-7b2a-7abc-8def-0100000000002");
    MC_EXPECT_Z(scalar(db, "SELECT coalesce(current_setting('app.current_org', true), '')"), "");
    mc_db_close(db);
}

MC_TEST("a reader's statements are of the organization it was last given, in transactions too")
{
    mc_uuid org = {{0x01, 0x8f, 0x3c, 0x5e, 0x7b, 0x2a, 0x7a, 0xbc, 0x8d, 0xef, 1}};
    work w = {.sql = "SELECT coalesce(current_setting('app.current_org', true), '')"};
    const char *wanted = "018f3c5e-7b2a-7abc-8def-010000000000";
    mc_db_conn *conn = NULL;
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    mc_db_conn_set_org(conn, org);
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), wanted);
    MC_EXPECT_OK(mc_db_begin(conn, &err), &err);
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), wanted);
    mc_db_rollback(conn);
    mc_db_conn_set_org(conn, (mc_uuid){{0}});
    MC_EXPECT_OK(mc_db_begin(conn, &err), &err);
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), "");
    mc_db_rollback(conn);
    mc_db_reader_close(conn);
    mc_db_close(db);
}

MC_TEST("a reader's first statement in a transaction knows a table that was changed")
{
    work w = {.sql = "SELECT * FROM a"};
    mc_db_conn *conn = NULL;
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db, "CREATE TABLE a (n int)", &err), &err);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_REQUIRE_OK(script(db, "ALTER TABLE a ADD COLUMN m int", &err), &err);
    MC_EXPECT_OK(mc_db_begin(conn, &err), &err);
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    mc_db_rollback(conn);
    mc_db_reader_close(conn);
    mc_db_close(db);
}

/* ---- limits ---- */

static mc_code read_inside(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work w = {.sql = "SELECT 1"};
    mc_ctx own = {0};

    (void)conn;
    (void)ctx;
    return mc_db_read(user, &own, do_work, &w, err);
}

MC_TEST("waiting for a connection has an end")
{
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1, .wait_timeout_ms = 50});
    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, read_inside, db, &err), MC_LIMIT);
    MC_EXPECT_Z(scalar(db, "SELECT 'fine'"), "fine");
    mc_db_close(db);
}

MC_TEST("a budget interrupts a statement, a deadline times it out, and the next one runs")
{
    mc_db_conn *conn = NULL;
    mc_ctx ctx = {0};
    work slow = {.sql = "SELECT pg_sleep(30)"}, fine = {.sql = "SELECT 'fine'"};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    mc_db_conn_set_budget(conn, 20000);
    MC_EXPECT_EQ(do_work(conn, &ctx, &slow, &err), MC_INTERRUPTED);
    mc_db_conn_set_budget(conn, 0);
    MC_EXPECT_OK(do_work(conn, &ctx, &fine, &err), &err);
    MC_EXPECT_Z(mc_z(fine.text), "fine");
    mc_db_reader_close(conn);

    ctx.deadline_us = mc_clock_monotonic_us((mc_clock){NULL, NULL}) + 100000;
    MC_EXPECT_EQ(mc_db_write(db, &ctx, do_work, &slow, &err), MC_TIMEOUT);
    MC_EXPECT_Z(scalar(db, "SELECT current_setting('statement_timeout')"), "1min");
    mc_db_close(db);
}

MC_TEST("a reader of one's own cannot write")
{
    work w = {.sql = "CREATE TABLE from_a_reader (n int)"};
    mc_db_conn *conn = NULL;
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    MC_EXPECT_EQ(do_work(conn, &ctx, &w, &err), MC_INTERNAL);
    MC_EXPECT_EQ(mc_db_begin(conn, &err), MC_OK);
    MC_EXPECT_EQ(do_work(conn, &ctx, &w, &err), MC_INTERNAL);
    mc_db_rollback(conn);
    mc_db_reader_close(conn);
    MC_EXPECT_EQ(mc_db_submit(db, &(mc_db_job){0}, &err), MC_NOT_PROVIDED);
    mc_db_close(db);
}

/* ---- prepared statements ---- */

MC_TEST("more statements than are kept still run, and the session forgets the others")
{
    char sql[32], wanted[16];
    mc_db *db;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .statements_max = 3, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT %d", i % 7);
        (void)snprintf(wanted, sizeof(wanted), "%d", i % 7);
        MC_EXPECT_Z(scalar(db, sql), wanted);
    }
    MC_EXPECT_Z(scalar(db, "SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql"), "3");
    mc_db_close(db);
}

MC_TEST("a statement outlives a change of its table")
{
    work w = {.sql = "SELECT * FROM a"};
    mc_db_conn *conn = NULL;
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 2});
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db, "CREATE TABLE a (id int); INSERT INTO a VALUES (1)", &err), &err);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_EXPECT_Z(scalar(db, "SELECT * FROM a"), "1");
    MC_EXPECT_OK(script(db, "ALTER TABLE a ALTER id TYPE text USING 'now ' || id", &err), &err);
    MC_EXPECT_Z(scalar(db, "SELECT * FROM a"), "now 1");
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), "now 1");
    mc_db_reader_close(conn);
    mc_db_close(db);
}

/* ---- lost connections ---- */

#define KILL_OTHERS                                                                                \
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "         \
    "current_database() AND pid <> pg_backend_pid()"

static mc_code lose_connection(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work one = {.sql = "SELECT 1"}, die = {.sql = "SELECT pg_terminate_backend(pg_backend_pid())"};
    mc_code rc = do_work(conn, ctx, &die, err);

    (*(int *)user)++;
    MC_EXPECT_EQ(rc, MC_UNAVAILABLE);
    MC_EXPECT_EQ(do_work(conn, ctx, &one, err), MC_UNAVAILABLE);
    return rc;
}

MC_TEST("a connection lost at work fails that work, once, and is replaced")
{
    mc_ctx ctx = {0};
    int runs = 0;
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 1});
    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, lose_connection, &runs, &err), MC_UNAVAILABLE);
    MC_EXPECT_EQ(runs, 1);
    MC_EXPECT_Z(scalar(db, "SELECT 'fine'"), "fine");
    mc_db_close(db);
}

MC_TEST("a server that restarts is noticed by nobody who was idle")
{
    work w = {.sql = "SELECT 'fine'"};
    mc_db_conn *conn = NULL;
    mc_ctx ctx = {0};
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(NULL);
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    MC_EXPECT_Z(scalar(db, KILL_OTHERS), "1");
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    MC_EXPECT_Z(mc_z(w.text), "fine");
    MC_REQUIRE(mc_postgres_restart());
    MC_EXPECT_Z(scalar(db, "SELECT 'fine'"), "fine");
    MC_EXPECT_OK(do_work(conn, &ctx, &w, &err), &err);
    mc_db_reader_close(conn);
    mc_db_close(db);
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS 50

static atomic_int failed;

static void *add_many(void *user)
{
    mc_ctx ctx = {0};
    work w = {.sql = "UPDATE a SET n = n + 1"};
    mc_err err;

    for (int i = 0; i < ROUNDS; i++)
        atomic_fetch_add(&failed, mc_db_write(user, &ctx, do_work, &w, &err) != MC_OK);
    return NULL;
}

/* Looks first and writes what follows from it, as a service does. */
static mc_code look_and_add(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    work look = {.sql = "SELECT n FROM a"}, *w = user;
    mc_db_value next;
    int64_t n = 0;
    mc_code rc = do_work(conn, ctx, &look, err);

    if (rc != MC_OK || !mc_str_i64(mc_z(look.text), 0, INT64_MAX, &n))
        return rc;
    next = mc_db_int(n + 1);
    *w = (work){.sql = "UPDATE a SET n = $1", .args = &next, .arg_count = 1};
    return do_work(conn, ctx, w, err);
}

static void *look_and_add_many(void *user)
{
    mc_ctx ctx = {.who = {.org_id = {{1}}}};
    work w;
    mc_err err;

    for (int i = 0; i < ROUNDS; i++)
        atomic_fetch_add(&failed, mc_db_write(user, &ctx, look_and_add, &w, &err) != MC_OK);
    return NULL;
}

MC_TEST("one organization's transactions follow each other: what they saw is true to their end")
{
    pthread_t threads[THREADS];
    char wanted[16];
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    atomic_store(&failed, 0);
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = THREADS});
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db, "CREATE TABLE a (n int); INSERT INTO a VALUES (0)", &err), &err);
    for (int i = 0; i < THREADS; i++)
        MC_REQUIRE(pthread_create(&threads[i], NULL, look_and_add_many, db) == 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    MC_EXPECT_EQ(atomic_load(&failed), 0);
    (void)snprintf(wanted, sizeof(wanted), "%d", THREADS * ROUNDS);
    MC_EXPECT_Z(scalar(db, "SELECT n FROM a"), wanted);
    mc_db_close(db);
}

MC_TEST("more threads than connections share them, and no write is lost")
{
    pthread_t threads[THREADS];
    char wanted[16];
    mc_db *db;
    mc_err err;

    NEED_POSTGRES();
    db = open_new(&(mc_db_config){MC_DB_CONFIG, .pool_max = 3});
    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(script(db, "CREATE TABLE a (n int); INSERT INTO a VALUES (0)", &err), &err);
    for (int i = 0; i < THREADS; i++)
        MC_REQUIRE(pthread_create(&threads[i], NULL, add_many, db) == 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    MC_EXPECT_EQ(atomic_load(&failed), 0);
    (void)snprintf(wanted, sizeof(wanted), "%d", THREADS * ROUNDS);
    MC_EXPECT_Z(scalar(db, "SELECT n FROM a"), wanted);
    mc_db_close(db);
}
