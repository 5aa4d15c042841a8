/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/migrations/migrations.h"

#include "mc_postgres.h"
#include "mc_test.h"

#include <pthread.h>

#include <stdio.h>

/* ---- the file format ---- */

MC_TEST("a file is taken apart into statements, or refused for what is wrong with it")
{
    static const struct {
        const char *name, *sql;
        int up, down; /* statements; up -1: refused */
        const char *says;
    } cases[] = {
        {"two up, one down", "-- +goose Up\nA;\nB\nC;\n-- +goose Down\nD;\n", 2, 1, NULL},
        {"any case, comments and blank lines", "-- why\n\n--  +GOOSE up\n-- x\n\nA; -- y\n", 1, 0,
         NULL},
        {"a block keeps its semicolons",
         "-- +goose Up\n-- +goose StatementBegin\nA;\nB;\n-- +goose StatementEnd\nC;\n", 2, 0,
         NULL},
        {"no annotation at all", "A;\n", -1, 0, "before"},
        {"only comments", "-- A\n", -1, 0, "no \"-- +goose Up\""},
        {"Up twice", "-- +goose Up\n-- +goose Up\n", -1, 0, "twice"},
        {"Down first", "-- +goose Down\nA;\n", -1, 0, "before Up"},
        {"an unknown annotation", "-- +goose Sideways\n", -1, 0, "Sideways"},
        {"an unfinished statement", "-- +goose Up\nA\n", -1, 0, "does not end"},
        {"unfinished before Down", "-- +goose Up\nA\n-- +goose Down\nB;\n", -1, 0, "does not end"},
        {"an unclosed block", "-- +goose Up\n-- +goose StatementBegin\nA;\n", -1, 0,
         "StatementEnd"},
        {"a block's end alone", "-- +goose Up\n-- +goose StatementEnd\n", -1, 0, "without"},
        {"environment variables", "-- +goose ENVSUB ON\n-- +goose Up\n", -1, 0, "ENVSUB"},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_migration_script script;
        mc_err err;
        mc_code rc = mc_migration_parse(arena, mc_z(cases[i].sql), &script, &err);

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(rc, cases[i].up < 0 ? MC_INVALID : MC_OK);
        if (rc != MC_OK) {
            MC_EXPECT_HAS(mc_z(err.msg), cases[i].says);
            continue;
        }
        MC_EXPECT_EQ(script.up.count, cases[i].up);
        MC_EXPECT_EQ(script.down.count, cases[i].down);
    }
    mc_arena_free(arena);
}

MC_TEST("a name carries its version before the first underscore")
{
    int64_t version = 0;

    MC_EXPECT(mc_migration_version(MC_STR("0012_add_x.sql"), &version));
    MC_EXPECT_EQ(version, 12);
    MC_EXPECT(!mc_migration_version(MC_STR("0_zero.sql"), &version));
    MC_EXPECT(!mc_migration_version(MC_STR("12.sql"), &version));
    MC_EXPECT(!mc_migration_version(MC_STR("x_1.sql"), &version));
    MC_EXPECT(!mc_migration_version(MC_STR("12_x.txt"), &version));
}

/* ---- runs ---- */

static mc_ctx ctx;

static mc_db *open_at(mc_str url)
{
    mc_db_config config = {MC_DB_CONFIG, .url = url, .module_path = mc_postgres_module()};
    mc_db *db = NULL;
    mc_err err;

    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    MC_EXPECT_OK(mc_db_open(&config, &db, &err), &err);
    return db;
}

static mc_db *open_new(void)
{
    static char url[300];

    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    return open_at(mc_z(url));
}

static void close_it(mc_db *db)
{
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

#define FILE_OF(v, up, down)                                                                       \
    {                                                                                              \
        MC_STR_INIT(v), MC_STR_INIT("-- +goose Up\n" up "\n-- +goose Down\n" down "\n")            \
    }

static const mc_migration one = FILE_OF("1_a.sql", "CREATE TABLE a (n int);", "DROP TABLE a;");
static const mc_migration two = FILE_OF("2_b.sql", "CREATE TABLE b (n int);", "DROP TABLE b;");
static const mc_migration three = FILE_OF("3_c.sql", "CREATE TABLE c (n int);", "DROP TABLE c;");
static const mc_migration changed =
    FILE_OF("1_a.sql", "CREATE TABLE a (n int, m int);", "DROP TABLE a;");
static const mc_migration broken =
    FILE_OF("3_c.sql", "CREATE TABLE c (n int);\nCREATE TABLE a (n int);", "DROP TABLE c;");

static mc_code up(mc_db *db, const mc_migration *files, size_t count, size_t *applied, mc_err *err)
{
    return mc_migrations_up(db, &ctx, (mc_migrations){files, count}, applied, err);
}

static void run_and_take_back(mc_db *db)
{
    const mc_migration files[] = {two, one};
    mc_migrations set = {files, MC_LEN(files)};
    mc_migration_status *rows;
    size_t applied = 9, count;
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(mc_migrations_status(db, &ctx, set, &rows, &count, &err), &err);
    MC_EXPECT(count == 2 && rows[0].version == 1 && !rows[0].is_applied);
    MC_EXPECT_EQ(mc_migrations_up_to(db, &ctx, set, 0, &applied, &err), MC_INVALID);
    MC_EXPECT_OK(mc_migrations_up_to(db, &ctx, set, 1, &applied, &err), &err);
    MC_EXPECT_EQ(applied, 1);
    MC_EXPECT_OK(up(db, files, 2, &applied, &err), &err);
    MC_EXPECT_EQ(applied, 1);
    MC_EXPECT_OK(up(db, files, 2, &applied, &err), &err);
    MC_EXPECT_EQ(applied, 0);
    MC_EXPECT_OK(mc_migrations_down(db, &ctx, set, 1, &err), &err);
    MC_EXPECT_OK(mc_migrations_status(db, &ctx, set, &rows, &count, &err), &err);
    MC_EXPECT(rows[0].is_applied && !rows[1].is_applied);
    MC_EXPECT_OK(mc_migrations_down(db, &ctx, set, 0, &err), &err);
    MC_EXPECT_EQ(mc_migrations_down(db, &ctx, set, 1, &err), MC_NOT_FOUND);
    MC_EXPECT_HAS(mc_z(err.msg), "no next version found");
    MC_EXPECT_OK(up(db, files, 2, &applied, &err), &err);
    MC_EXPECT_EQ(applied, 2);
}

MC_TEST("what is pending runs once, in order, and can be taken back")
{
    mc_db *db = open_new();

    MC_REQUIRE(db != NULL);
    run_and_take_back(db);
    close_it(db);
}

MC_TEST("a file that came late, or changed after it ran, or stands twice, is refused")
{
    mc_db *db = open_new();
    size_t applied;
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(up(db, (mc_migration[]){one, three}, 2, &applied, &err), &err);
    MC_EXPECT_EQ(up(db, (mc_migration[]){one, two, three}, 3, &applied, &err), MC_CONFLICT);
    MC_EXPECT_HAS(mc_z(err.msg), "detected 1 missing (out-of-order) migration lower than database "
                                 "version (3): version 2");
    MC_EXPECT_EQ(up(db, (mc_migration[]){changed, three}, 2, &applied, &err), MC_CONFLICT);
    MC_EXPECT_HAS(mc_z(err.msg), "1_a.sql changed");
    MC_EXPECT_EQ(up(db, (mc_migration[]){one, one}, 2, &applied, &err), MC_CONFLICT);
    close_it(db);
}

static void fail_and_repair(mc_db *db)
{
    size_t applied;
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT(up(db, (mc_migration[]){one, two, broken}, 3, &applied, &err) != MC_OK);
    MC_EXPECT_HAS(mc_z(err.msg), "migrations: up: partial migration error (type:sql,version:3): ");
    MC_EXPECT_OK(up(db, (mc_migration[]){one, two, three}, 3, &applied, &err), &err);
    MC_EXPECT_EQ(applied, 1);
}

MC_TEST("a failing file leaves nothing of itself, and the earlier ones stay")
{
    mc_db *db = open_new();

    MC_REQUIRE(db != NULL);
    fail_and_repair(db);
    close_it(db);
}

static void kernel_up_and_down(mc_db *db)
{
    mc_migrations files = mc_migrations_kernel(mc_db_dialect_of(db));
    size_t applied;
    mc_err err;

    MC_EXPECT(files.count >= 8);
    MC_EXPECT_OK(mc_migrations_up(db, &ctx, files, &applied, &err), &err);
    MC_EXPECT_EQ(applied, files.count);
    MC_EXPECT_OK(mc_migrations_down(db, &ctx, files, 0, &err), &err);
    MC_EXPECT_OK(mc_migrations_up(db, &ctx, files, &applied, &err), &err);
    MC_EXPECT_EQ(applied, files.count);
}

static mc_code in_transaction_no_more(mc_db *db, mc_err *err)
{
    static const mc_migration alone = {
        MC_STR_INIT("2_alone.sql"),
        MC_STR_INIT("-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE b (n int);\nVACUUM;\n"
                    "-- +goose Down\nDROP TABLE b;\nVACUUM;\n")};
    const mc_migration files[] = {one, alone, three};
    size_t applied = 0;
    mc_code rc = up(db, files, 3, &applied, err);

    MC_EXPECT_EQ(applied, 3);
    if (rc == MC_OK)
        rc = mc_migrations_down(db, &ctx, (mc_migrations){files, 3}, 2, err);
    if (rc == MC_OK)
        rc = up(db, files, 3, &applied, err);
    MC_EXPECT_EQ(applied, 2);
    return rc;
}

MC_TEST("a file that wants no transaction has none, up and down")
{
    mc_db *db = open_new();
    mc_err err;

    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(in_transaction_no_more(db, &err), &err);
    close_it(db);
    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    db = open_at(mc_postgres_database());
    MC_REQUIRE(db != NULL);
    MC_EXPECT_OK(in_transaction_no_more(db, &err), &err);
    close_it(db);
}

MC_TEST("the kernel's own tables come up, go down and come up again")
{
    mc_db *db = open_new();

    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_migrations_kernel(MC_DB_SQLITE).count,
                 mc_migrations_kernel(MC_DB_POSTGRES).count);
    kernel_up_and_down(db);
    close_it(db);
}

/* ---- the same on PostgreSQL ---- */

MC_TEST("PostgreSQL is migrated, failed, repaired and taken back like SQLite")
{
    static void (*const bodies[])(mc_db *) = {run_and_take_back, fail_and_repair,
                                              kernel_up_and_down};

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    for (size_t i = 0; i < MC_LEN(bodies); i++) {
        mc_db *db = open_at(mc_postgres_database());

        MC_REQUIRE(db != NULL);
        bodies[i](db);
        close_it(db);
    }
}

typedef struct starter {
    pthread_t thread;
    mc_str url;
    size_t applied;
    mc_code rc;
    mc_err err;
} starter;

/* As a process of its own would. */
static void *start_up(void *user)
{
    starter *s = user;
    mc_ctx own = {.arena = mc_arena_new(0)};
    mc_db *db = NULL;

    s->rc = mc_db_open(
        &(mc_db_config){MC_DB_CONFIG, .url = s->url, .module_path = mc_postgres_module()}, &db,
        &s->err);
    if (s->rc == MC_OK)
        s->rc =
            mc_migrations_up(db, &own, mc_migrations_kernel(MC_DB_POSTGRES), &s->applied, &s->err);
    mc_db_close(db);
    mc_arena_free(own.arena);
    return NULL;
}

MC_TEST("processes that start together migrate once")
{
    starter starters[4];
    size_t applied = 0;
    mc_str url;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    url = mc_postgres_database();
    for (size_t i = 0; i < MC_LEN(starters); i++) {
        starters[i] = (starter){.url = url};
        MC_REQUIRE(pthread_create(&starters[i].thread, NULL, start_up, &starters[i]) == 0);
    }
    for (size_t i = 0; i < MC_LEN(starters); i++) {
        (void)pthread_join(starters[i].thread, NULL);
        MC_EXPECT_OK(starters[i].rc, &starters[i].err);
        applied += starters[i].applied;
    }
    MC_EXPECT_EQ(applied, mc_migrations_kernel(MC_DB_POSTGRES).count);
}
