/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/db.h"

#include "metacore/base/sync.h"
#include "metacore/db/db_conformance.h"

#include "mc_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char url[300];

static mc_db *open_new(const mc_db_config *more)
{
    mc_db_config config = more ? *more : (mc_db_config){MC_DB_CONFIG};
    mc_db *db = NULL;
    mc_err err;

    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    config.url = mc_z(url);
    MC_EXPECT_OK(mc_db_open(&config, &db, &err), &err);
    return db;
}

MC_TEST("SQLite keeps every kind of value, transactions, errors and cursors as the interface says")
{
    mc_db *db = open_new(NULL);

    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_db_dialect_of(db), MC_DB_SQLITE);
    mc__db_conformance_values(db);
    mc__db_conformance_transactions(db);
    mc__db_conformance_errors(db);
    mc__db_conformance_cursors(db);
    mc__db_conformance_alone(db);
    mc_db_close(db);
}

MC_TEST("urls that name no database are refused")
{
    static const struct {
        const char *url;
        mc_code rc;
    } cases[] = {
        {"", MC_INVALID},
        {"sqlite:", MC_INVALID},
        {"mysql://x", MC_INVALID},
        {"postgres://x", MC_NOT_PROVIDED}, /* its module is not beside this program */
        {"sqlite:/no/such/folder/x.db", MC_UNAVAILABLE},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_db *db = NULL;
        mc_err err;

        MC_CASE(cases[i].url);
        MC_EXPECT_EQ(
            mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(cases[i].url)}, &db, &err),
            cases[i].rc);
        MC_EXPECT(db == NULL);
    }
    mc_db_close(NULL);
}

/* ---- groups ---- */

static mc_code make_table(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec_script(conn, MC_STR("CREATE TABLE t (n INTEGER UNIQUE)"), err);
}

MC_TEST("a new database, its WAL and its index are readable by their owner only")
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    mode_t mask = umask(0022);
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db *db = open_new(NULL);
    struct stat found;
    char path[320];
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_db_write(db, &ctx, make_table, NULL, &err), &err);
    for (size_t i = 0; i < MC_LEN(suffixes); i++) {
        MC_CASE(suffixes[i]);
        (void)snprintf(path, sizeof(path), "%s%s", url + sizeof("sqlite:") - 1, suffixes[i]);
        MC_EXPECT(stat(path, &found) == 0);
        MC_EXPECT_EQ(found.st_mode & 0777, 0600);
    }
    mc_db_close(db);
    mc_arena_free(ctx.arena);
    (void)umask(mask);
}

static mc_code insert_n(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value n = mc_db_int(*(int64_t *)user);

    (void)ctx;
    return mc_db_exec(conn, MC_STR("INSERT INTO t (n) VALUES ($1)"), &n, 1, NULL, err);
}

static mc_code count_all(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, MC_STR("SELECT count(*) FROM t"), NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *(int64_t *)user = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

#define WRITERS 8
#define WRITES 50

static mc_db *shared;

/* Each writer inserts its own numbers and, every third time, one that is taken: only those fail. */
static void *write_some(void *user)
{
    int64_t base = *(int *)user * 1000;
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_err err;

    for (int64_t i = 0; i < WRITES; i++) {
        int64_t n = base + i, taken = -1, seen = 0;

        MC_EXPECT_OK(mc_db_write(shared, &ctx, insert_n, &n, &err), &err);
        if (i % 3 == 0)
            MC_EXPECT_EQ(mc_db_write(shared, &ctx, insert_n, &taken, &err), MC_CONFLICT);
        /* What was answered is there for every reader. */
        MC_EXPECT_OK(mc_db_read(shared, &ctx, count_all, &seen, &err), &err);
        MC_EXPECT(seen >= i + 2);
    }
    mc_arena_free(ctx.arena);
    return NULL;
}

MC_TEST("writers that come together share commits, and one's failure is its own")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    pthread_t threads[WRITERS];
    int numbers[WRITERS];
    int64_t taken = -1, n = 0;
    mc_err err;

    shared = open_new(NULL);
    MC_REQUIRE(shared != NULL);
    MC_EXPECT_OK(mc_db_write(shared, &ctx, make_table, NULL, &err), &err);
    MC_EXPECT_OK(mc_db_write(shared, &ctx, insert_n, &taken, &err), &err);
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        MC_EXPECT(pthread_create(&threads[i], NULL, write_some, &numbers[i]) == 0);
    }
    for (int i = 0; i < WRITERS; i++)
        (void)pthread_join(threads[i], NULL);
    MC_EXPECT_OK(mc_db_read(shared, &ctx, count_all, &n, &err), &err);
    MC_EXPECT_EQ(n, WRITERS * WRITES + 1);
    mc_db_close(shared);

    MC_CASE("and all of it after a restart");
    shared = NULL;
    MC_REQUIRE_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &shared, &err), &err);
    n = 0;
    MC_EXPECT_OK(mc_db_read(shared, &ctx, count_all, &n, &err), &err);
    MC_EXPECT_EQ(n, WRITERS * WRITES + 1);
    mc_db_close(shared);
    mc_arena_free(ctx.arena);
}

/* ---- a full disk ---- */

static mc_code insert_large(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec(conn, MC_STR("INSERT INTO t (n) VALUES (zeroblob(20000) || random())"), NULL,
                      0, NULL, err);
}

static void on_group(void *user, const mc_db_group *group)
{
    mc_db_group *sum = user;

    sum->jobs += group->jobs;
    sum->failed += group->failed;
    MC_EXPECT(group->run_us >= 0 && group->commit_us >= 0);
}

static mc_code fail(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    (void)ctx;
    (void)user;
    return mc_fail(err, MC_INVALID, "no");
}

static mc_code select_many(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_code rc = MC_OK;

    (void)ctx;
    (void)user;
    for (int i = 0; i < 100 && rc == MC_OK; i++)
        rc = mc_db_exec(conn, MC_STR("SELECT 42"), NULL, 0, NULL, err);
    return rc;
}

MC_TEST("groups, statements, connections and the log's pages are told and counted")
{
    mc_db_group sum = {0};
    mc_db *db =
        open_new(&(mc_db_config){MC_DB_CONFIG, .on_group = on_group, .on_group_user = &sum});
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db_stats before, stats;
    mc_err err;

    MC_REQUIRE(db != NULL && mc_db_get_stats(db, &before));
    MC_EXPECT_EQ(before.queue_max, 4096);
    MC_EXPECT_OK(mc_db_write(db, &ctx, make_table, NULL, &err), &err);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, fail, NULL, &err), MC_INVALID);
    MC_EXPECT_EQ(sum.jobs, 2);
    MC_EXPECT_EQ(sum.failed, 1);
    MC_EXPECT_OK(mc_db_read(db, &ctx, select_many, NULL, &err), &err);
    MC_EXPECT(mc_db_get_stats(db, &stats));
    MC_EXPECT(stats.statements_made > before.statements_made);
    MC_EXPECT(stats.statements_found >= before.statements_found + 64);
    MC_EXPECT_EQ(stats.readers, before.readers + 1);
    MC_EXPECT(stats.wal_pages > 0);
    MC_EXPECT_EQ(stats.queued, 0);
    mc_arena_free(ctx.arena);
    mc_db_close(db);
}

MC_TEST("a file that may not grow fails the write with its reason, and keeps what was acknowledged")
{
    struct rlimit old, low = {.rlim_cur = 500000};
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    int64_t acknowledged = 0, n = 0;
    mc_code rc = MC_OK;
    mc_err err;

    shared = open_new(NULL);
    MC_REQUIRE(shared != NULL);
    MC_EXPECT_OK(mc_db_write(shared, &ctx, make_table, NULL, &err), &err);
    (void)signal(SIGXFSZ, SIG_IGN);
    MC_REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
    low.rlim_max = old.rlim_max;
    MC_REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
    for (int i = 0; i < 1000 && rc == MC_OK; i++) {
        rc = mc_db_write(shared, &ctx, insert_large, NULL, &err);
        acknowledged += rc == MC_OK;
    }
    MC_EXPECT_EQ(rc, MC_UNAVAILABLE); /* as a full disk, which is got over */
    MC_EXPECT_HAS(mc_z(err.msg), "disk");
    MC_EXPECT(acknowledged > 0);
    MC_EXPECT_OK(mc_db_read(shared, &ctx, count_all, &n, &err), &err);
    MC_EXPECT_EQ(n, acknowledged);

    MC_CASE("with room again the next write is kept");
    MC_REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
    MC_EXPECT_OK(mc_db_write(shared, &ctx, insert_large, NULL, &err), &err);
    mc_db_close(shared);
    shared = NULL;
    MC_REQUIRE_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &shared, &err), &err);
    MC_EXPECT_OK(mc_db_read(shared, &ctx, count_all, &n, &err), &err);
    MC_EXPECT_EQ(n, acknowledged + 1);
    mc_db_close(shared);
    mc_arena_free(ctx.arena);
}

/* ---- the queue ---- */

typedef struct held {
    mc_db_job job;
    mc_ctx ctx;
} held;

static mc_mutex gate;
static atomic_int done_count;

static mc_code wait_at_gate(mc_db_conn *conn, mc_ctx *ctx, void *user,
                            mc_err *err) MC_NO_THREAD_ANALYSIS
{
    (void)conn;
    (void)ctx;
    (void)user;
    (void)err;
    mc_mutex_lock(&gate);
    mc_mutex_unlock(&gate);
    return MC_OK;
}

static void count_done(mc_db_job *job, mc_code rc)
{
    (void)job;
    atomic_fetch_add(&done_count, rc == MC_OK);
}

MC_TEST("a full queue refuses, and closing finishes what it took")
{
    held jobs[12];
    mc_db *db = open_new(&(mc_db_config){MC_DB_CONFIG, .queue_max = 4, .group_max = 1});
    int taken = 0;
    mc_err err;

    MC_REQUIRE(db != NULL);
    mc_mutex_init(&gate);
    mc_mutex_lock(&gate);
    for (size_t i = 0; i < MC_LEN(jobs); i++) {
        jobs[i].ctx = (mc_ctx){0};
        jobs[i].job = (mc_db_job){.ctx = &jobs[i].ctx, .fn = wait_at_gate, .done = count_done};
        taken += mc_db_submit(db, &jobs[i].job, &err) == MC_OK;
    }
    MC_EXPECT(taken >= 4 && taken <= 5); /* one may be running */
    MC_EXPECT_EQ(err.code, MC_LIMIT);
    mc_mutex_unlock(&gate);
    mc_db_close(db);
    MC_EXPECT_EQ(atomic_load(&done_count), taken);
    mc_mutex_deinit(&gate);
}

/* ---- foreign keys that are looked at late ---- */

static mc_code run_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_db_exec_script(conn, *(const mc_str *)user, err);
}

static void keep_code(mc_db_job *job, mc_code rc)
{
    atomic_store((atomic_int *)job->user, (int)rc);
}

typedef struct late_job {
    mc_db_job job;
    mc_ctx ctx;
    mc_str sql;
    atomic_int rc;
} late_job;

static mc_code run_late(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    return run_script(conn, ctx, &mc_container_of(user, late_job, rc)->sql, err);
}

MC_TEST("a reference that is still open at a job's end fails that job, and none of its group")
{
    static const struct {
        const char *sql;
        mc_code rc;
    } rows[] = {
        {"INSERT INTO p VALUES (1)", MC_OK},
        {"INSERT INTO late VALUES (7)", MC_INVALID},
        {"INSERT INTO p VALUES (2); INSERT INTO late VALUES (2)", MC_OK},
        {"INSERT INTO late VALUES (3); INSERT INTO p VALUES (3)", MC_OK},
        {"PRAGMA defer_foreign_keys = ON; INSERT INTO soon VALUES (8)", MC_INVALID},
        {"INSERT INTO soon VALUES (9)", MC_INVALID},
        {"DELETE FROM p WHERE id = 3", MC_INVALID},
        {"INSERT INTO soon VALUES (1)", MC_OK},
    };
    mc_str made = MC_STR("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE late (p INTEGER "
                         "REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED); CREATE TABLE soon (p "
                         "INTEGER REFERENCES p (id)); CREATE VIEW t AS SELECT p FROM late UNION "
                         "ALL SELECT p FROM soon");
    mc_str nothing = MC_STR("SELECT 1");
    late_job jobs[MC_LEN(rows)];
    mc_db *db = open_new(NULL);
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    int64_t n = 0;
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_db_write(db, &ctx, run_script, &made, &err), &err);
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        jobs[i] = (late_job){.sql = mc_z(rows[i].sql)};
        jobs[i].job = (mc_db_job){.ctx = &jobs[i].ctx,
                                  .fn = run_late,
                                  .user = &jobs[i].rc,
                                  .done = keep_code,
                                  .next = i + 1 < MC_LEN(rows) ? &jobs[i + 1].job : NULL};
    }
    mc_db_submit_all(db, &jobs[0].job);
    MC_EXPECT_OK(mc_db_write(db, &ctx, run_script, &nothing, &err), &err); /* after them */
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].sql);
        MC_EXPECT_EQ(atomic_load(&jobs[i].rc), rows[i].rc);
    }
    MC_EXPECT_OK(mc_db_read(db, &ctx, count_all, &n, &err), &err);
    MC_EXPECT_EQ(n, 3);
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

static mc_code vacuum(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    /* VACUUM works only where nothing is open. */
    return mc_db_exec_script(conn, MC_STR("VACUUM"), err);
}

MC_TEST("jobs that want to be alone wait for a group's end, and nobody is forgotten")
{
    held jobs[9];
    mc_db *db = open_new(&(mc_db_config){MC_DB_CONFIG, .group_max_us = 1000000});
    mc_err err;

    MC_REQUIRE(db != NULL);
    mc_mutex_init(&gate);
    mc_mutex_lock(&gate);
    atomic_store(&done_count, 0);
    for (size_t i = 0; i < MC_LEN(jobs); i++) {
        bool is_alone = i % 3 == 2;

        jobs[i].ctx = (mc_ctx){0};
        jobs[i].job = (mc_db_job){.ctx = &jobs[i].ctx,
                                  .fn = is_alone ? vacuum : wait_at_gate,
                                  .done = count_done,
                                  .is_alone = is_alone};
        MC_EXPECT_OK(mc_db_submit(db, &jobs[i].job, &err), &err);
    }
    mc_mutex_unlock(&gate);
    mc_db_close(db);
    MC_EXPECT_EQ(atomic_load(&done_count), MC_LEN(jobs));
    mc_mutex_deinit(&gate);
}

/* ---- budgets, decimals, search ---- */

MC_TEST("a statement over its budget is interrupted, and the next one runs")
{
    mc_db *db = open_new(NULL);
    mc_db_conn *conn = NULL;
    mc_db_rows rows;
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    mc_db_conn_set_budget(conn, 1000);
    MC_REQUIRE_OK(
        mc_db_query(conn,
                    MC_STR("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
                           "WHERE n < 100000000) SELECT max(n) FROM c"),
                    NULL, 0, &rows, &err),
        &err);
    MC_EXPECT(!mc_db_rows_next(&rows));
    MC_EXPECT_EQ(mc_db_rows_finish(&rows, &err), MC_INTERRUPTED);
    mc_db_conn_set_budget(conn, 0);
    MC_EXPECT_OK(mc_db_exec(conn, MC_STR("SELECT 1"), NULL, 0, NULL, &err), &err);
    mc_db_reader_close(conn);
    mc_db_close(db);
}

static mc_str scalar(mc_db_conn *conn, const char *sql, char out[64])
{
    mc_db_rows rows;
    mc_str text = MC_STR("");
    mc_err err;

    MC_EXPECT_OK(mc_db_query(conn, mc_z(sql), NULL, 0, &rows, &err), &err);
    if (mc_db_rows_next(&rows))
        text = mc_db_col_text(&rows, 0);
    (void)snprintf(out, 64, "%.*s", MC_FMT(text));
    MC_EXPECT_OK(mc_db_rows_finish(&rows, &err), &err);
    return mc_z(out);
}

/* A sum over text that is no number, with numbers behind it. */
static mc_code sum_text(mc_db_conn *conn, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT mc_decimal_sum(column1) FROM (VALUES ('1'), ('one'), "
                                    "('2'))"),
                             NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    MC_EXPECT(!mc_db_rows_next(&rows));
    return mc_db_rows_finish(&rows, err);
}

static mc_code check_functions(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const struct {
        const char *sql, *result;
    } cases[] = {
        {"SELECT group_concat(v, ' ') FROM (SELECT v FROM d ORDER BY v)", "-3 0.5 9 10.25"},
        {"SELECT count(*) FROM d WHERE v > '9'", "1"},
        {"SELECT count(*) FROM d WHERE v = '10.250'", "1"},
        {"SELECT mc_decimal_sum(v) FROM d", "16.75"},
        {"SELECT coalesce(mc_decimal_sum(v), 'none') FROM d WHERE v > '100'", "none"},
        {"SELECT mc_contains('Stra\xc3\x9f"
         "e 5', 'STRASSE')",
         "1"},
        {"SELECT mc_contains('\xc3\x9c"
         "bung', '\xc3\xbc"
         "B')",
         "1"},
        {"SELECT mc_contains('plain Text', 'N TE')", "1"},
        {"SELECT mc_contains('plain', 'plane')", "0"},
        {"SELECT mc_contains('50% off', '%')", "1"},
        {"SELECT mc_contains('x', '')", "1"},
        {"SELECT mc_contains(NULL, 'x') IS NULL", "1"},
        {"SELECT length(now()) || length(gen_random_uuid())", "2736"},
        {"SELECT length(at) FROM d LIMIT 1", "27"},
    };
    char out[64];
    mc_code rc;

    (void)ctx;
    (void)user;
    rc = mc_db_exec_script(
        conn,
        MC_STR("CREATE TABLE d (v TEXT COLLATE mc_decimal, at TEXT DEFAULT (now()));"
               "INSERT INTO d (v) VALUES ('10.25'), ('9'), ('-3'), ('0.5');"),
        err);
    for (size_t i = 0; i < MC_LEN(cases) && rc == MC_OK; i++) {
        MC_CASE(cases[i].sql);
        MC_EXPECT_Z(scalar(conn, cases[i].sql, out), cases[i].result);
    }
    MC_CASE("a sum of what is no number is an error, not the sum of the rest");
    MC_EXPECT(rc != MC_OK || sum_text(conn, err) != MC_OK);
    return rc;
}

MC_TEST("decimals order and add exactly, search folds case, defaults are our times and keys")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db *db = open_new(NULL);
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_db_write(db, &ctx, check_functions, NULL, &err), &err);
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

#define HOOKS 5

static mc_db_hook *hooks; /* of the job that runs now */
static char hook_runs[HOOKS + 1];

static void note_run(mc_db_hook *hook)
{
    hook_runs[strlen(hook_runs)] = (char)('a' + (hook - hooks));
}

static mc_code add_hooks(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    hooks = mc_arena_array(ctx->arena, mc_db_hook, HOOKS);
    for (int i = 0; i < HOOKS; i++)
        hooks[i].run = note_run;
    mc_db_after_commit(conn, &hooks[0]);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    mc_db_after_commit(conn, &hooks[1]);
    mc_db_rollback(conn);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    mc_db_after_commit(conn, &hooks[2]);
    MC_EXPECT_OK(mc_db_commit(conn, err), err);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    mc_db_after_commit(conn, &hooks[3]);
    MC_EXPECT_OK(mc_db_commit(conn, err), err);
    mc_db_rollback(conn);
    mc_db_after_commit(conn, &hooks[4]);
    MC_EXPECT_Z(mc_z(hook_runs), "");
    return *(bool *)user ? MC_OK : mc_fail(err, MC_REJECTED, "no");
}

MC_TEST("what waits for the commit runs after it, in order, and not what was rolled back")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db *db = open_new(NULL);
    bool keep = false;
    mc_err err;

    MC_REQUIRE(db != NULL);
    memset(hook_runs, 0, sizeof(hook_runs));
    MC_EXPECT_EQ(mc_db_write(db, &ctx, add_hooks, &keep, &err), MC_REJECTED);
    MC_EXPECT_Z(mc_z(hook_runs), "");
    keep = true;
    MC_EXPECT_OK(mc_db_write(db, &ctx, add_hooks, &keep, &err), &err);
    MC_EXPECT_Z(mc_z(hook_runs), "ace");
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

static mc_code fail_in_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec_script(conn, MC_STR("CREATE TABLE a (n);\n-- fine\nCREATE TABLE a (n);"),
                             err);
}

MC_TEST("a script names the place of its failure and leaves nothing behind")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_db *db = open_new(NULL);
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT(mc_db_write(db, &ctx, fail_in_script, NULL, &err) != MC_OK);
    MC_EXPECT_HAS(mc_z(err.msg), "db: at byte ");
    MC_EXPECT(mc_db_write(db, &ctx, fail_in_script, NULL, &err) != MC_OK);
    MC_EXPECT_HAS(mc_z(err.msg), "already exists");
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

MC_TEST("more statements than are kept still run")
{
    mc_db *db = open_new(&(mc_db_config){MC_DB_CONFIG, .statements_max = 3});
    mc_db_conn *conn = NULL;
    char sql[32], out[64], wanted[16];
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_reader_open(db, &conn, &err), &err);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(sql, sizeof(sql), "SELECT %d", i % 7);
        (void)snprintf(wanted, sizeof(wanted), "%d", i % 7);
        MC_EXPECT_Z(scalar(conn, sql, out), wanted);
    }
    mc_db_reader_close(conn);
    mc_db_close(db);
}

/* ---- guards ---- */

static bool is_upper(mc_str name)
{
    return mc_str_eq(name, MC_STR("upper"));
}

static const struct {
    const char *sql;
    mc_code rc;
} guarded[] = {
    {"SELECT v FROM seen", MC_OK},
    {"SELECT upper(v) FROM seen", MC_OK},
    {"SELECT lower(v) FROM seen", MC_FORBIDDEN},
    {"SELECT v FROM hidden", MC_FORBIDDEN},
    {"SELECT count(*) FROM hidden", MC_FORBIDDEN},
    {"SELECT v FROM seen WHERE EXISTS (SELECT 1 FROM hidden)", MC_FORBIDDEN},
    {"SELECT name FROM sqlite_master", MC_FORBIDDEN},
    {"SELECT * FROM pragma_table_info('seen')", MC_FORBIDDEN},
    {"INSERT INTO hidden VALUES ('x')", MC_FORBIDDEN},
    {"INSERT INTO seen VALUES ('x')", MC_FORBIDDEN},
    {"UPDATE seen SET v = 'x'", MC_FORBIDDEN},
    {"DELETE FROM seen", MC_FORBIDDEN},
    {"UPDATE changed SET v = 'x'", MC_OK},
    {"UPDATE changed SET v = (SELECT v FROM hidden)", MC_FORBIDDEN},
    {"DELETE FROM changed", MC_OK},
    {"INSERT INTO changed SELECT v FROM seen", MC_OK},
    {"CREATE TABLE t (x)", MC_FORBIDDEN},
    {"CREATE TEMP TABLE t (x)", MC_FORBIDDEN},
    {"DROP TABLE changed", MC_FORBIDDEN},
    {"ALTER TABLE changed RENAME TO x", MC_FORBIDDEN},
    {"PRAGMA user_version", MC_FORBIDDEN},
    {"ATTACH ':memory:' AS x", MC_FORBIDDEN},
    {"COMMIT", MC_FORBIDDEN},
    {"SAVEPOINT s", MC_FORBIDDEN},
    {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
     MC_FORBIDDEN},
    {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n, 1) FROM r "
     "WHERE n < 0",
     MC_FORBIDDEN},
    {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT upper(n) FROM r WHERE "
     "n < 0",
     MC_INTERRUPTED},
    {"WITH RECURSIVE r(s) AS (SELECT 'xx' UNION ALL SELECT s || s FROM r) SELECT s FROM r",
     MC_INVALID},
};

static mc_code run_guarded(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_str seen = MC_STR("seen");
    mc_db_guard guard = {MC_DB_GUARD,
                         .reads = {&seen, 1},
                         .changes = MC_STR("changed"),
                         .is_function = is_upper,
                         .budget_us = 20000,
                         .value_bytes_max = 1 << 20};
    mc_db_rows rows;
    mc_code rc = mc_db_query_guarded(conn, &guard, mc_z(user), NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        ;
    return mc_db_rows_finish(&rows, err);
}

static mc_code run_free(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_db_exec_script(conn, mc_z(user), err);
}

MC_TEST("a guarded statement does what its guard says, and the next one is free again")
{
    static char make[] = "CREATE TABLE seen (v); CREATE TABLE hidden (v); CREATE TABLE changed (v);"
                         "INSERT INTO seen VALUES ('a'); INSERT INTO hidden VALUES ('b');";
    static char look[] = "INSERT INTO hidden SELECT lower(v) FROM hidden";
    mc_db *db = open_new(NULL);
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_REQUIRE_OK(mc_db_write(db, &ctx, run_free, make, &err), &err);
    for (size_t i = 0; i < MC_LEN(guarded); i++) {
        char sql[256];

        MC_CASE(guarded[i].sql);
        (void)snprintf(sql, sizeof(sql), "%s", guarded[i].sql);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, run_guarded, sql, &err), guarded[i].rc);
        MC_EXPECT_OK(mc_db_write(db, &ctx, run_free, look, &err), &err);
    }
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

static mc_code open_and_close(mc_err *err)
{
    mc_db *db = NULL;
    mc_code rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, err);

    mc_db_close(db);
    return rc;
}

MC_TEST("opening without memory is an ordinary error")
{
    mc_db_close(open_new(NULL));
    MC_TEST_OOM(open_and_close);
}
