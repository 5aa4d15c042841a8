/* SPDX-License-Identifier: Apache-2.0 */
/* What an installation leaves: all of it or nothing, also when it is only rehearsed, refused, or
 * the server is killed in the middle. */
#include "addon_kit.h"
#include "mc_test.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BASE "/api/metacore/installations"
#define KILLS 14

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client owner;
static char out[65536];

static bool start(const char *data)
{
    if (!mc_process_start(&process, data, dev))
        return false;
    mc_client_init(&owner, process.port);
    return mc_client_sign_in(&owner, "owner@example.com", "metacore-demo") == 200;
}

static int stop(int with)
{
    mc_client_deinit(&owner);
    return mc_process_stop(&process, with);
}

/* ---- what is in the database ---- */

static sqlite3 *open_database(void)
{
    sqlite3 *db = NULL;
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/metacore.db", process.data);
    MC_EXPECT_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

static void write_cells(sqlite3_stmt *stmt, mc_buf *text)
{
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const unsigned char *cell = sqlite3_column_text(stmt, i);

        mc_buf_str(text, mc_z((const char *)cell));
        mc_buf_char(text, '|');
    }
    mc_buf_char(text, '\n');
}

static void write_rows(sqlite3 *db, const char *sql, mc_buf *text)
{
    sqlite3_stmt *stmt = NULL;

    MC_EXPECT_EQ(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        write_cells(stmt, text);
    (void)sqlite3_finalize(stmt);
}

/* Every definition and every row of what an installation could touch, as one text in arena. */
static mc_str whole_database(void)
{
    sqlite3 *db = open_database();
    sqlite3_stmt *stmt = NULL;
    mc_buf text;

    mc_buf_init_arena(&text, arena, 0);
    write_rows(db, "SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2", &text);
    (void)sqlite3_prepare_v2(db,
                             "SELECT 'SELECT * FROM \"' || name || '\" ORDER BY 1, 2' FROM "
                             "sqlite_master WHERE type = 'table' AND (name LIKE 'addon%' OR name "
                             "LIKE 'metacore%') ORDER BY name",
                             -1, &stmt, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        write_rows(db, (const char *)sqlite3_column_text(stmt, 0), &text);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return mc_buf_get(&text);
}

/* ---- addons ---- */

/* count models and as many migrations; from version 2 on each migration's table gets more. */
static mc_str big_addon(const char *version, int count, bool is_second)
{
    kit_file files[60] = {{NULL, NULL}};
    int used = 0;
    mc_buf models;

    mc_buf_init_arena(&models, arena, 0);
    for (int i = 0; i < count; i++) {
        mc_buf_printf(&models, "%s" KIT_MODEL("big_%02d", KIT_NAME "%s"), i ? "," : "", i, i, i,
                      is_second ? ",{\"name\":\"more\",\"type\":\"text\",\"index\":true}" : "");
        files[used++] = (kit_file){
            mc_str_printf(arena, "migrations/%04d_m.sql", i).ptr,
            mc_str_printf(arena,
                          "CREATE TABLE side_%02d (id uuid PRIMARY KEY, organization_id uuid, "
                          "name text);"
                          "INSERT INTO side_%02d (id, name) VALUES (gen_random_uuid(), 'a'), "
                          "(gen_random_uuid(), 'b');",
                          i, i)
                .ptr};
    }
    if (is_second)
        files[used++] = (kit_file){"migrations/1000_more.sql",
                                   "UPDATE side_00 SET name = 'c';"
                                   "DELETE FROM side_01 WHERE name = 'a';"
                                   "CREATE TABLE fresh (id uuid PRIMARY KEY, name text);"};
    mc_buf_char(&models, '\0');
    return kit_pack(arena,
                    kit_manifest(arena, "big", version, models.ptr,
                                 is_second ? ",\"capabilities\":[{\"kind\":\"event:emit\","
                                             "\"target\":\"big.done\"}]"
                                           : ",\"capabilities\":[{\"kind\":\"http:fetch\","
                                             "\"target\":\"api.example.com\"}]"),
                    files);
}

static int upload(const char *key, const char *query, mc_str packed)
{
    return kit_upload(&owner, key, query, packed, MC_STR(""));
}

MC_TEST("a rehearsal says what would change, and nothing stays of it")
{
    mc_str before, first, second;

    arena = mc_arena_new((size_t)256 << 20);
    MC_REQUIRE(start(mc_test_dir()));
    first = big_addon("1.0.0", 3, false);
    second = big_addon("1.1.0", 3, true);

    MC_CASE("of a first installation");
    before = whole_database();
    MC_EXPECT_EQ(upload("big", "?dry_run=1", first), 200);
    MC_EXPECT_HAS(owner.body, "\"from\":null,\"to\":{\"version\":\"1.0.0\"");
    MC_EXPECT_HAS(owner.body, "\"tables\":{\"added\":[\"big_00\",\"big_01\",\"big_02\",\"side_00\","
                              "\"side_01\",\"side_02\"],\"removed\":[]");
    MC_EXPECT_HAS(owner.body, "\"capabilities\":{\"added\":[\"http:fetch api.example.com\"]");
    MC_EXPECT_HAS(owner.body, "\"routes\":{\"added\":[\"/api/dynamic/big_00\"");
    MC_EXPECT_HAS(owner.body,
                  "{\"table\":\"side_00\",\"rows_before\":0,\"rows_after\":2,\"rows_changed\":2}");
    MC_EXPECT_HAS(owner.body, "\"dry_run\":true");
    MC_EXPECT_STR(whole_database(), before);
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/dynamic/big_00", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", BASE "/big", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", BASE "/big", NULL), 404);

    MC_CASE("of an upgrade");
    MC_EXPECT_EQ(upload("big", "", first), 200);
    before = whole_database();
    MC_EXPECT_EQ(upload("big", "?dry_run=1", second), 200);
    MC_EXPECT_HAS(owner.body, "\"from\":{\"version\":\"1.0.0\"");
    MC_EXPECT_HAS(owner.body, "\"tables\":{\"added\":[\"fresh\"],\"removed\":[],\"changed\":[]}");
    MC_EXPECT_HAS(owner.body, "\"big_00.more\"");
    MC_EXPECT_HAS(owner.body, "\"addon_big.idx_big_00_org_more\"");
    MC_EXPECT_HAS(owner.body,
                  "{\"table\":\"side_00\",\"rows_before\":2,\"rows_after\":2,\"rows_changed\":2}");
    MC_EXPECT_HAS(owner.body,
                  "{\"table\":\"side_01\",\"rows_before\":2,\"rows_after\":1,\"rows_changed\":1}");
    MC_EXPECT_HAS(owner.body, "\"capabilities\":{\"added\":[\"event:emit big.done\"],\"removed\":["
                              "\"http:fetch api.example.com\"]");
    MC_EXPECT_STR(whole_database(), before);
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", BASE "/big", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"version\":\"1.0.0\"");

    MC_CASE("of what is refused");
    MC_EXPECT_EQ(upload("big", "?dry_run=1", big_addon("0.9.0", 3, false)), 422);
    MC_EXPECT_STR(whole_database(), before);
    MC_CASE("and in earnest it is as it was said");
    MC_EXPECT_EQ(upload("big", "", second), 200);
    MC_EXPECT_EQ(
        mc_client_call(&owner, "POST", "/api/dynamic/big_00", "{\"name\":\"x\",\"more\":\"y\"}"),
        201);
    MC_EXPECT_EQ(stop(SIGTERM), 0);
    mc_arena_free(arena);
}

MC_TEST("what is refused at its last step leaves nothing of the steps before")
{
    static const kit_file broken[] = {
        {"migrations/0001_a.sql", "CREATE TABLE fine (id uuid PRIMARY KEY, name text);"},
        {"migrations/0002_b.sql", "INSERT INTO fine (id, nope) VALUES (gen_random_uuid(), 'x');"},
        {NULL, NULL}};
    static const kit_file forbidden[] = {
        {"migrations/0001_a.sql", "CREATE TABLE fine (id uuid PRIMARY KEY, name text);"},
        {"migrations/0002_b.sql", "DROP TABLE public.users;"},
        {NULL, NULL}};
    mc_str before;

    arena = mc_arena_new((size_t)256 << 20);
    MC_REQUIRE(start(mc_test_dir()));
    MC_EXPECT_EQ(upload("big", "", big_addon("1.0.0", 2, false)), 200);
    before = whole_database();
    MC_CASE("a migration that fails");
    MC_EXPECT_EQ(
        upload("ends", "",
               kit_pack(arena,
                        kit_manifest(arena, "ends", "1.0.0", KIT_MODEL("ends", KIT_NAME), ""),
                        broken)),
        422);
    MC_EXPECT_HAS(owner.body, "apply ends@0002_b");
    MC_EXPECT_STR(whole_database(), before);
    MC_CASE("one that may not be");
    MC_EXPECT_EQ(
        upload("ends", "",
               kit_pack(arena,
                        kit_manifest(arena, "ends", "1.0.0", KIT_MODEL("ends", KIT_NAME), ""),
                        forbidden)),
        422);
    MC_EXPECT_STR(whole_database(), before);
    MC_CASE("a model that is another's");
    MC_EXPECT_EQ(
        upload("ends", "",
               kit_pack(arena,
                        kit_manifest(arena, "ends", "1.0.0",
                                     KIT_MODEL("ends", KIT_NAME) "," KIT_MODEL("big_00", KIT_NAME),
                                     ""),
                        NULL)),
        422);
    MC_EXPECT_STR(whole_database(), before);
    MC_EXPECT_EQ(stop(SIGTERM), 0);
    mc_arena_free(arena);
}

/* ---- at rest ---- */

MC_TEST("secrets are sealed at rest, and a kept bundle that was touched is not installed again")
{
    static const char settings[] =
        ",\"settings\":[{\"key\":\"api_key\",\"label\":\"K\",\"type\":\"string\",\"secret\":"
        "true}]";
    mc_client other;
    sqlite3 *db;
    char path[300], secret[65];

    arena = mc_arena_new((size_t)256 << 20);
    MC_REQUIRE(start(mc_test_dir()));
    mc_client_init(&other, process.port);
    MC_REQUIRE(mc_client_register(&other, "Other", "o@example.com", "long-enough") == 201);
    MC_EXPECT_EQ(
        upload("pens", "",
               kit_pack(arena,
                        kit_manifest(arena, "pens", "1.0.0", KIT_MODEL("pens", KIT_NAME), settings),
                        NULL)),
        200);
    (void)snprintf(secret, sizeof(secret), "%.*s",
                   MC_FMT(mc_client_field(&owner, "install_secret")));
    MC_EXPECT_EQ(
        mc_client_call(&owner, "POST", BASE "/pens/settings", "{\"api_key\":\"very-s3cr3t\"}"),
        200);
    {
        mc_str all = whole_database();

        MC_EXPECT(mc_str_find(all, MC_STR("very-s3cr3t")) == all.len);
        MC_EXPECT(mc_str_find(all, mc_z(secret)) == all.len);
        MC_EXPECT_HAS(all, "\"api_key\":{\"$sealed\":\"");
        MC_EXPECT_HAS(all, "sha256:");
    }
    (void)snprintf(path, sizeof(path), "%s/metacore.db", process.data);
    MC_EXPECT_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    MC_EXPECT_EQ(sqlite3_exec(db,
                              "UPDATE metacore_bundles SET archive = archive || x'00' WHERE "
                              "addon_key = 'pens'",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    (void)sqlite3_close(db);
    MC_EXPECT_EQ(mc_client_call(&other, "POST", BASE "/pens", NULL), 500);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", BASE "/pens", NULL), 404);
    mc_client_deinit(&other);
    MC_EXPECT_EQ(stop(SIGTERM), 0);
    mc_arena_free(arena);
}

/* ---- kill -9 ---- */

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_us(int64_t us)
{
    struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    (void)nanosleep(&pause, NULL); /* an early end only kills sooner */
}

/* Starts an upload in a process of its own, and kills the server after delay. */
static void kill_during(const char *key, mc_str packed, int64_t delay_us)
{
    pid_t child = fork();

    if (child == 0) {
        (void)kit_upload(&owner, key, "", packed, MC_STR(""));
        _exit(0);
    }
    sleep_us(delay_us);
    MC_EXPECT_EQ(stop(SIGKILL), 128 + SIGKILL);
    (void)waitpid(child, NULL, 0); /* however it ended */
}

static bool is_whole(sqlite3 *db, const char *version, int64_t tables)
{
    char sql[200];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT COUNT(*) FROM metacore_installations WHERE deleted_at IS NULL AND "
                   "addon_key = 'big' AND "
                   "version = '%s'",
                   version);
    return ask(db, sql) == 1 &&
           ask(db, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name LIKE "
                   "'addon_big.%'") == tables &&
           ask(db, "SELECT COUNT(*) FROM metacore_addons a JOIN metacore_bundles b ON b.digest = "
                   "a.digest WHERE a.addon_key = 'big'") == 1;
}

static bool is_absent(sqlite3 *db)
{
    return ask(db, "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE '%big%'") == 0 &&
           ask(db, "SELECT (SELECT COUNT(*) FROM metacore_installations WHERE deleted_at IS NULL "
                   "AND addon_key = 'big') + "
                   "(SELECT COUNT(*) FROM metacore_addons WHERE addon_key = 'big') + (SELECT "
                   "COUNT(*) FROM metacore_bundles WHERE addon_key = 'big') + (SELECT COUNT(*) "
                   "FROM metacore_addon_migrations WHERE addon_key = 'big') + (SELECT COUNT(*) "
                   "FROM metacore_addon_models WHERE addon_key = 'big')") == 0;
}

MC_TEST("an installation or upgrade that is killed is there as a whole or not at all")
{
    const char *data = mc_test_dir();
    mc_str first, second;
    int64_t took;
    int seen[3] = {0, 0, 0};

    arena = mc_arena_new((size_t)256 << 20);
    MC_REQUIRE(start(data));
    first = big_addon("1.0.0", 20, false);
    second = big_addon("1.1.0", 20, true);
    took = now_us();
    MC_REQUIRE(upload("big", "", first) == 200);
    took = now_us() - took;
    MC_REQUIRE(mc_client_call(&owner, "DELETE", BASE "/big?drop=1", NULL) == 200);
    for (int i = 0; i < KILLS; i++) {
        bool is_there = false;
        sqlite3 *db;

        (void)snprintf(out, sizeof(out), "kill %d", i);
        MC_CASE(out);
        if (i > 0)
            MC_REQUIRE(start(data));
        MC_REQUIRE(mc_client_call(&owner, "GET", BASE "/big", NULL) != 0);
        is_there = owner.status == 200;
        kill_during("big", is_there ? second : first, took * i / (KILLS - 4));
        MC_REQUIRE(start(data)); /* what the log holds is taken in */
        db = open_database();
        if (is_whole(db, "1.1.0", 41))
            seen[2]++;
        else if (is_whole(db, "1.0.0", 40))
            seen[1]++;
        else
            MC_EXPECT(!is_there && is_absent(db) && ++seen[0]);
        (void)sqlite3_close(db);
        if (seen[2] > 0 && mc_client_call(&owner, "GET", BASE "/big", NULL) == 200 &&
            mc_str_find(owner.body, MC_STR("1.1.0")) < owner.body.len)
            MC_EXPECT_EQ(mc_client_call(&owner, "DELETE", BASE "/big?drop=1", NULL), 200);
        MC_EXPECT_EQ(stop(SIGTERM), 0);
    }
    MC_EXPECT(seen[0] > 0); /* else no kill came early enough to say anything */
    mc_arena_free(arena);
}
