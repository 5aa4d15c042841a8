/* SPDX-License-Identifier: Apache-2.0 */
/* Two organizations share an addon, and its guest's SQL keeps them apart. */
#include "addon_kit.h"
#include "mc_test.h"
#include "metacore/base/encode.h"
#include "metacore/bundle/bundle.h"
#include "workshop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const dev[] = {"--dev", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client mine, theirs;
static char my_item[40], their_item[40];

#define COLUMNS                                                                                    \
    KIT_NAME ",{\"name\":\"qty\",\"type\":\"integer\"},{\"name\":\"price\",\"type\":\"decimal\"}," \
             "{\"name\":\"active\",\"type\":\"boolean\"},{\"name\":\"meta\",\"type\":\"json\"},"   \
             "{\"name\":\"day\",\"type\":\"date\"},{\"name\":\"at\",\"type\":\"timestamp\"},"      \
             "{\"name\":\"parent\",\"type\":\"uuid\",\"ref\":\"relay_items\"}"
#define ACTION(key, export, more)                                                                  \
    "{\"key\":\"" key "\",\"label\":\"L\"," more                                                   \
    "\"trigger\":{\"type\":\"wasm\",\"export\":\"" export
#define MEMBERS(isolation)                                                                         \
    isolation ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/backend.wasm\","             \
              "\"exports\":[\"relay\",\"undo\"]},\"actions\":{\"relay_items\":[" ACTION(           \
                  "relay", "relay",                                                                \
                  "\"placement\":\"table\",") "\"}}," ACTION("keep", "relay",                      \
                                                             "") "\",\"run_in_tx\":true}}"         \
                                                                 "," ACTION("undo", "undo",        \
                                                                            "") "\",\"run_in_"     \
                                                                                "tx\":true}}]},"   \
                                                                                "\"capabilities\"" \
                                                                                ":[{\"kind\":"     \
                                                                                "\"db:read\","     \
                                                                                "\"target\":"      \
                                                                                "\"users\"},"      \
                                                                                "{\"kind\":"       \
                                                                                "\"connector:"     \
                                                                                "read\","          \
                                                                                "\"target\":"      \
                                                                                "\"shop.*\"},{"    \
                                                                                "\"kind\":\"ctx:"  \
                                                                                "user\","          \
                                                                                "\"target\":\"*"   \
                                                                                "\"},{\"kind\":"   \
                                                                                "\"ctx:org_"       \
                                                                                "config\","        \
                                                                                "\"target\":\"*"   \
                                                                                "\"}]"
#define MIGRATION                                                                                  \
    "CREATE TABLE loose (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT " \
    "NULL, what text, n integer DEFAULT 4);\n"                                                     \
    "CREATE TABLE nobodys (what text);\n"

static mc_str read_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    char *bytes = mc_arena_alloc(arena, 1 << 20);
    size_t got = 0;

    if (file && bytes)
        got = fread(bytes, 1, 1 << 20, file);
    if (file)
        (void)fclose(file); /* read only */
    return mc_str_of(bytes, got);
}

static int install(mc_client *client, const char *members)
{
    mc_str manifest =
        mc_z(kit_manifest(arena, "relay", "1.0.0", KIT_MODEL("relay_items", COLUMNS), members));
    mc_bundle_file files[] = {
        {.name = MC_STR("manifest.json"), .data = manifest},
        {.name = MC_STR("migrations/0001_loose.sql"), .data = MC_STR(MIGRATION)},
        {.name = MC_STR("backend/backend.wasm"), .data = read_file(MC_TEST_GUEST)}};
    mc_bundle bundle = {.files = files, .file_count = MC_LEN(files), .manifest = manifest};
    mc_buf out;
    mc_err err;

    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_bundle_pack(&bundle, &out, &err), &err);
    return kit_upload(client, "relay", "", mc_buf_get(&out), MC_STR(""));
}

static const char *hex(const char *text)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_hex_write(&out, mc_z(text));
    return mc_str_z(arena, mc_buf_get(&out));
}

/* What the host answered the guest, within the action's answer. */
static int relay(mc_client *client, const char *import, const char *a, const char *b)
{
    return mc_client_call(
        client, "POST", "/api/dynamic/relay_items/action/relay",
        text_of("{\"import\":\"%s\",\"a\":\"%s\",\"b\":\"%s\"}", import, hex(a), hex(b)));
}

static bool open_server(const char *members)
{
    arena = mc_arena_new((size_t)128 << 20);
    if (!mc_process_start(&process, mc_test_dir(), dev))
        return false;
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    return mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200 &&
           mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password") == 201 &&
           install(&mine, members) == 200 && install(&theirs, members) == 200 &&
           workshop_make(
               &mine, "relay_items",
               "{\"name\":\"Ada\",\"qty\":3,\"price\":9.50,\"active\":true,\"meta\":{\"a\":"
               "[1]},\"day\":\"2026-01-31\",\"at\":\"2026-01-31T10:00:00Z\"}",
               my_item) &&
           workshop_make(&theirs, "relay_items",
                         "{\"name\":\"SECRET\",\"qty\":777,\"price\":777,\"meta\":{\"s\":"
                         "\"SECRET\"}}",
                         their_item);
}

static void stop_server(void)
{
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *import, *sql, *args;
    const char *has[4];
} statements[] = {
    {"values in the contract's JSON",
     "db_query",
     "SELECT name, qty, price, active, meta, day, at, parent FROM relay_items",
     "",
     {"{\"success\":true,\"data\":{\"rows\":[{\"active\":true,\"at\":\"2026-01-31T10:00:00."
      "000000Z\","
      "\"day\":\"2026-01-31\",\"meta\":{\"a\":[1]},\"name\":\"Ada\",\"parent\":null,\"price\":9.5,"
      "\"qty\":3}],\"rowCount\":1,",
      "\"columns\":[{\"name\":\"name\",\"type\":\"varchar\"},{\"name\":\"qty\",\"type\":\"int4\"},"
      "{\"name\":\"price\",\"type\":\"numeric\"}",
      "\"schema\":\"addon_relay\",\"durationMs\":", "\"truncated\":false"}},
    {"arguments of every kind",
     "db_query",
     "SELECT count(*) AS n FROM relay_items WHERE qty = $1 AND price = $2 AND active = $3 AND name "
     "= "
     "$4 AND id <> $5 AND at < $6 AND parent IS NOT DISTINCT FROM $7",
     "[3, 9.500, true, \"Ada\", {\"$uuid\":\"00000000-0000-4000-8000-00000000BEEF\"}, {\"$ts\":"
     "\"2027-01-01T00:00:00+02:00\"}, null]",
     {"\"rows\":[{\"n\":1}]"}},
    {"exact money",
     "db_query",
     "SELECT sum(price * 3) AS total, avg(price) FROM relay_items",
     "[]",
     {"\"rows\":[{\"avg\":9.5,\"total\":28.5}]"}},
    {"whole numbers beyond all measure",
     "db_query",
     "WITH RECURSIVE r(n, m) AS (SELECT 1, 9223372036854775807 UNION ALL SELECT n + 1, m * m FROM "
     "r "
     "WHERE n < 8) SELECT m FROM r ORDER BY n DESC LIMIT 1",
     "",
     {"\"rows\":[{\"m\":null}]"}},
    {"of one name the last", "db_query", "SELECT 1 AS a, 2 AS a", "", {"\"rows\":[{\"a\":2}]"}},
    {"people of one's own, by a capability",
     "db_query",
     "SELECT email FROM users ORDER BY email",
     "",
     {"{\"email\":\"owner@example.com\"}"}},
    {"an array is no argument",
     "db_query",
     "SELECT $1",
     "[[1]]",
     {"\"code\":\"arg_decode\",\"message\":\"unsupported arg type array\""}},
    {"an object that is none",
     "db_query",
     "SELECT $1",
     "[{\"a\":1}]",
     {"unsupported object arg (need one of $uuid, $ts, $bytes)"}},
    {"arguments that are none",
     "db_query",
     "SELECT 1",
     "{}",
     {"\"code\":\"arg_decode\",\"message\":\"args is not a JSON array: "}},
    {"too few", "db_query", "SELECT $1::int + $2", "[1]", {"expected 2 arguments, got 1"}},
    {"one that does not fit",
     "db_query",
     "SELECT 1 FROM relay_items WHERE id = $1",
     "[\"x\"]",
     {"\"code\":\"db_error\",\"message\":\"argument $1: string does not fit type uuid\""}},
    {"nothing", "db_query", " ", "", {"\"code\":\"invalid_sql\",\"message\":\"empty statement\""}},
    {"two", "db_query", "SELECT 1; SELECT 2", "", {"multiple statements not allowed"}},
    {"a change that is read",
     "db_query",
     "DELETE FROM relay_items",
     "",
     {"only SELECT / WITH … SELECT allowed (got \\\"DELETE\\\")"}},
    {"a read that changes",
     "db_exec",
     "SELECT 1",
     "",
     {"only INSERT/UPDATE/DELETE/MERGE allowed (got \\\"SELECT\\\")"}},
    {"introspection",
     "db_query",
     "SELECT * FROM pg_class",
     "",
     {"introspection schemas are disabled"}},
    {"the kernel's own",
     "db_query",
     "SELECT * FROM metacore_installations",
     "",
     {"\"code\":\"forbidden\",\"message\":\"addon \\\"relay\\\" lacks db:read "
      "\\\"metacore_installations\\\""}},
    {"another addon's",
     "db_query",
     "SELECT * FROM addon_tickets.tickets",
     "",
     {"\"code\":\"forbidden\",\"message\":\"addon \\\"relay\\\" lacks db:read "
      "\\\"addon_tickets.tickets\\\""}},
    {"what is not there",
     "db_query",
     "SELECT * FROM addon_relay.nothing",
     "",
     {"\"code\":\"db_error\",\"message\":\"relation \\\"nothing\\\" does not exist\""}},
    {"people cannot be changed",
     "db_exec",
     "UPDATE users SET name = 'x'",
     "",
     {"\"code\":\"forbidden\""}},
    {"a secret of people",
     "db_query",
     "SELECT password_hash FROM users",
     "",
     {"column \\\"password_hash\\\" does not exist"}},
    {"too many rows",
     "db_query",
     "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 20000) SELECT n "
     "FROM r",
     "",
     {"\"code\":\"row_limit_exceeded\",\"message\":\"result exceeded 10000 rows\""}},
    {"too many bytes",
     "db_query",
     "WITH RECURSIVE r(n, s) AS (SELECT 1, 'x' UNION ALL SELECT n + 1, s || s FROM r WHERE n < 24) "
     "SELECT s FROM r",
     "",
     {"\"code\":\"row_limit_exceeded\",\"message\":\"response exceeds size cap\""}},
    {"a row, stamped",
     "db_exec",
     "INSERT INTO relay_items (name, qty, price) VALUES ($1, $2, $3) RETURNING name, price",
     "[\"new\", 7, \"1.25\"]",
     {"{\"success\":true,\"data\":{\"rowsAffected\":1,\"rows\":[{\"name\":\"new\",\"price\":1.25}],"
      "\"rowCount\":1,\"columns\":[{\"name\":\"name\",\"type\":\"varchar\"}"}},
    {"a change of all that are one's own",
     "db_exec",
     "UPDATE relay_items SET qty = qty + 1",
     "",
     {"{\"success\":true,\"data\":{\"rowsAffected\":2}"}},
    {"a table without a model",
     "db_exec",
     "INSERT INTO loose (what) VALUES ('mine')",
     "",
     {"\"rowsAffected\":1"}},
    {"and its rows",
     "db_query",
     "SELECT what, n FROM loose",
     "",
     {"\"rows\":[{\"n\":4,\"what\":\"mine\"}]"}},
    {"a removal",
     "db_exec",
     "DELETE FROM relay_items WHERE name = 'new'",
     "",
     {"\"rowsAffected\":1"}},
};

MC_TEST("guests' statements answer as the contract says")
{
    MC_REQUIRE(open_server(MEMBERS("")));
    for (size_t i = 0; i < MC_LEN(statements); i++) {
        MC_CASE(statements[i].name);
        MC_EXPECT_EQ(relay(&mine, statements[i].import, statements[i].sql, statements[i].args),
                     200);
        for (size_t k = 0; k < MC_LEN(statements[i].has) && statements[i].has[k]; k++)
            MC_EXPECT_HAS(mine.body, statements[i].has[k]);
        MC_EXPECT_EQ(mc_str_find(mine.body, MC_STR("SECRET")), mine.body.len);
    }
    MC_CASE("a table whose rows are nobody's");
    MC_EXPECT_EQ(relay(&mine, "db_query", "SELECT * FROM nobodys", ""), 200);
    MC_EXPECT_HAS(mine.body, "\"code\":\"forbidden\"");
    MC_CASE("what it changed was told");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/relay_items", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"qty\":4");
    MC_EXPECT_HAS(mine.body, "\"total\":1");
    stop_server();
}

static const char *const attempts[] = {
    "SELECT * FROM relay_items", "SELECT * FROM relay_items WHERE id = '%s'",
    "SELECT * FROM relay_items a JOIN relay_items b ON true", "SELECT * FROM loose",
    "SELECT max(name) FROM relay_items WHERE true OR true",
    "WITH x AS (SELECT * FROM relay_items) SELECT * FROM x",
    "SELECT * FROM relay_items UNION ALL SELECT * FROM relay_items",
    "SELECT (SELECT max(name) FROM relay_items WHERE id = '%s')", "SELECT * FROM users",
    "!UPDATE relay_items SET name = 'mine' WHERE id = '%s'",
    "!UPDATE relay_items SET name = 'mine'", "!UPDATE relay_items SET name = 'mine' RETURNING *",
    "!DELETE FROM relay_items WHERE id = '%s'", "!DELETE FROM relay_items", "!DELETE FROM loose",
    "!UPDATE loose SET what = 'mine'",
    "!INSERT INTO relay_items (name, parent) VALUES ('child', '%s')",
    "!UPDATE relay_items SET parent = '%s'",
    "!INSERT INTO relay_items (name, parent) SELECT 'child', '%s'::uuid",
    /* With a schema for each, an id of theirs is free to be mine. */
    "!INSERT INTO relay_items (id, name) VALUES ('%s', 'mine') ON CONFLICT (id) DO UPDATE SET name "
    "= "
    "'mine' RETURNING *"};

static void attempt_all(void)
{
    for (size_t i = 0; i < MC_LEN(attempts); i++) {
        bool is_exec = attempts[i][0] == '!';
        const char *sql = text_of(attempts[i] + is_exec, their_item); /* NOLINT: of the table */
        char kept[512];

        (void)snprintf(kept, sizeof(kept), "%s", sql);
        MC_CASE(attempts[i]);
        MC_EXPECT_EQ(relay(&mine, is_exec ? "db_exec" : "db_query", kept, ""), 200);
        MC_EXPECT_EQ(mc_str_find(mine.body, MC_STR("SECRET")), mine.body.len);
        MC_EXPECT_EQ(mc_str_find(mine.body, MC_STR("theirs@example.com")), mine.body.len);
        MC_EXPECT_EQ(relay(&theirs, "db_query",
                           "SELECT name, qty, (SELECT count(*) FROM loose) AS l FROM relay_items",
                           ""),
                     200);
        MC_EXPECT_HAS(theirs.body, "\"rows\":[{\"l\":1,\"name\":\"SECRET\",\"qty\":777}]");
        MC_EXPECT_EQ(relay(&mine, "db_query",
                           "SELECT count(*) AS n FROM relay_items WHERE parent IS NOT NULL", ""),
                     200);
        MC_EXPECT_HAS(mine.body, "\"rows\":[{\"n\":0}]");
    }
}

static const char *const isolations[] = {MEMBERS(""),
                                         MEMBERS(",\"tenant_isolation\":\"schema-per-tenant\"")};

MC_TEST("no statement of one organization's guest reaches the other's rows")
{
    for (size_t i = 0; i < MC_LEN(isolations); i++) {
        MC_REQUIRE(open_server(isolations[i]));
        MC_EXPECT_EQ(relay(&theirs, "db_exec", "INSERT INTO loose (what) VALUES ('SECRET')", ""),
                     200);
        MC_EXPECT_HAS(theirs.body, "\"rowsAffected\":1");
        attempt_all();
        stop_server();
    }
}

static const struct {
    const char *name, *import, *request; /* %s: my row */
    const char *has[3];
} calls[] = {
    {"a number",
     "sequence_next",
     "{\"model\":\"relay_items\",\"key\":\"invoice\"}",
     {"\"data\":{\"model\":\"relay_items\",\"key\":\"invoice\",\"value\":1}",
      "\"envelopeVersion\":1"}},
    {"the next",
     "sequence_next",
     "{\"model\":\"relay_items\",\"key\":\"invoice\"}",
     {"\"value\":2}"}},
    {"another key's",
     "sequence_next",
     "{\"model\":\"relay_items\",\"key\":\"order\"}",
     {"\"value\":1}"}},
    {"of another addon's model",
     "sequence_next",
     "{\"model\":\"tickets\",\"key\":\"a\"}",
     {"\"code\":\"forbidden\""}},
    {"of no key", "sequence_next", "{\"model\":\"relay_items\"}", {"\"code\":\"invalid_request\""}},
    {"who it is",
     "ctx_get",
     "",
     {"\"data\":{\"org_id\":\"", "\"user_email\":\"owner@example.com\"",
      "\"org\":{\"currency_code\":"}},
    {"a scope", "ctx_get", "{\"scopes\":[\"user\"]}", {"\"user_email\":\"owner@example.com\"}"}},
    {"a scope that is not held",
     "ctx_get",
     "{\"scopes\":[\"roles\"]}",
     {"\"code\":\"forbidden\",\"message\":\"addon \\\"relay\\\" lacks ctx:roles\""}},
    {"a scope that is none",
     "ctx_get",
     "{\"scopes\":[\"secrets\"]}",
     {"\"code\":\"invalid_request\""}},
    {"credentials",
     "connector_get",
     "shop.main",
     {"\"data\":{\"key\":\"shop.main\",\"credentials\":{\"token\":\"t0ken\",\"user\":\"me\"}}"}},
    {"credentials that are not declared",
     "connector_get",
     "bank",
     {"lacks connector:read \\\"bank\\\""}},
    {"credentials that nobody entered", "connector_get", "shop.other", {"\"code\":\"not_found\""}},
    {"increments are exact",
     "data_mutate",
     "{\"op\":\"update\",\"table\":\"relay_items\",\"id\":\"%s\",\"inc\":{\"price\":0.1,\"qty\":-1}"
     ","
     "\"returning\":[\"price\",\"qty\"]}",
     {"\"data\":{\"row\":{\"price\":9.6,\"qty\":2}}"}},
    {"and are written beside the rest",
     "data_mutate",
     "{\"op\":\"update\",\"table\":\"relay_items\",\"id\":\"%s\",\"data\":{\"name\":\"Bea\"},"
     "\"inc\":{"
     "\"price\":0.2},\"returning\":[\"name\",\"price\"]}",
     {"\"data\":{\"row\":{\"name\":\"Bea\",\"price\":9.8}}"}},
    {"not twice",
     "data_mutate",
     "{\"op\":\"update\",\"table\":\"relay_items\",\"id\":\"%s\",\"data\":{\"qty\":1},\"inc\":{"
     "\"qty\":1}}",
     {"\"code\":\"invalid_request\",\"message\":\"qty is in data and in inc\""}},
    {"of no row",
     "data_mutate",
     "{\"op\":\"update\",\"table\":\"relay_items\",\"id\":\"00000000-0000-4000-8000-000000000001\","
     "\"inc\":{"
     "\"qty\":1}}",
     {"\"code\":\"not_found\""}},
    {"what is returned is a column",
     "data_mutate",
     "{\"op\":\"update\",\"table\":\"relay_items\",\"id\":\"%s\",\"data\":{},\"returning\":["
     "\"secret\"]}",
     {"returning: no column \\\"secret\\\""}},
    {"a number that no column holds",
     "data_mutate",
     "{\"op\":\"update\",\"table\":\"relay_items\",\"id\":\"%s\",\"inc\":{\"qty\":9999999999}}",
     {"\"code\":\"invalid_request\""}},
    {"a removal shows what was",
     "data_mutate",
     "{\"op\":\"delete\",\"table\":\"relay_items\",\"id\":\"%s\",\"returning\":[\"name\"]}",
     {"\"row\":{\"name\":\"Bea\"}}"}},
};

MC_TEST("a guest counts, knows for whom it is called, and gets what is kept for it")
{
    MC_REQUIRE(open_server(MEMBERS("")));
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", "/api/metacore/connectors/shop.main",
                                "{\"credentials\":{\"token\":\"t0ken\",\"user\":\"you\"}}"),
                 200);
    MC_EXPECT_HAS(mine.body, "\"credentials\":{\"token\":\"********\",\"user\":\"********\"}");
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", "/api/metacore/connectors/shop.main",
                                "{\"credentials\":{\"token\":\"********\",\"user\":\"me\"}}"),
                 200);
    for (size_t i = 0; i < MC_LEN(calls); i++) {
        char request[512];

        MC_CASE(calls[i].name);
        (void)snprintf(request, sizeof(request), "%s",
                       text_of(calls[i].request, my_item)); /* NOLINT: of the table */
        MC_EXPECT_EQ(relay(&mine, calls[i].import, request, ""), 200);
        for (size_t k = 0; k < MC_LEN(calls[i].has) && calls[i].has[k]; k++)
            MC_EXPECT_HAS(mine.body, calls[i].has[k]);
    }
    MC_CASE("all of it is one organization's");
    MC_EXPECT_EQ(
        relay(&theirs, "sequence_next", "{\"model\":\"relay_items\",\"key\":\"invoice\"}", ""),
        200);
    MC_EXPECT_HAS(theirs.body, "\"value\":1}");
    MC_EXPECT_EQ(relay(&theirs, "connector_get", "shop.main", ""), 200);
    MC_EXPECT_HAS(theirs.body, "\"code\":\"not_found\"");
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/metacore/connectors", NULL), 200);
    MC_EXPECT_HAS(theirs.body, "\"data\":[]");
    MC_EXPECT_EQ(mc_client_call(&theirs, "DELETE", "/api/metacore/connectors/shop.main", NULL),
                 404);
    MC_CASE("it is shown masked, and can be taken away");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/metacore/connectors", NULL), 200);
    MC_EXPECT_HAS(mine.body,
                  "\"data\":[{\"key\":\"shop.main\",\"credentials\":{\"token\":\"********\"");
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", "/api/metacore/connectors/No%20Key",
                                "{\"credentials\":{\"a\":\"b\"}}"),
                 400);
    MC_EXPECT_EQ(
        mc_client_call(&mine, "PUT", "/api/metacore/connectors/a", "{\"credentials\":{\"a\":1}}"),
        400);
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", "/api/metacore/connectors/shop.main", NULL), 200);
    MC_EXPECT_EQ(relay(&mine, "connector_get", "shop.main", ""), 200);
    MC_EXPECT_HAS(mine.body, "\"code\":\"not_found\"");
    stop_server();
}

/* As relay, in a transaction that "keep" commits and "undo" does not. */
static int relay_in(const char *action, const char *import, const char *a)
{
    return mc_client_call(&mine, "POST",
                          text_of("/api/dynamic/relay_items/%s/action/%s", my_item, action),
                          text_of("{\"import\":\"%s\",\"a\":\"%s\",\"b\":\"\"}", import, hex(a)));
}

MC_TEST("what a guest writes in its action's transaction stays or goes with that")
{
    static const char insert[] = "INSERT INTO relay_items (name) VALUES ('in') RETURNING name";
    static const char look[] = "SELECT count(*) AS n FROM relay_items WHERE name = 'in'";
    static const char next[] = "{\"model\":\"relay_items\",\"key\":\"n\"}";

    MC_REQUIRE(open_server(MEMBERS("")));
    MC_EXPECT_EQ(relay_in("undo", "db_exec", insert), 422);
    MC_EXPECT_HAS(mine.body, "\"rowsAffected\":1");
    MC_EXPECT_EQ(relay(&mine, "db_query", look, ""), 200);
    MC_EXPECT_HAS(mine.body, "\"rows\":[{\"n\":0}]");
    MC_EXPECT_EQ(relay_in("keep", "db_exec", insert), 200);
    MC_EXPECT_EQ(relay_in("keep", "db_query", look), 200);
    MC_EXPECT_HAS(mine.body, "\"rows\":[{\"n\":1}]");
    MC_CASE("a statement that fails takes only itself back");
    MC_EXPECT_EQ(relay_in("keep", "db_exec", "INSERT INTO relay_items (qty) VALUES (1)"), 200);
    MC_EXPECT_HAS(mine.body, "\"code\":\"db_error\"");
    MC_EXPECT_EQ(relay_in("keep", "db_query", look), 200);
    MC_EXPECT_HAS(mine.body, "\"rows\":[{\"n\":1}]");
    MC_CASE("numbers are given back: there are no gaps");
    MC_EXPECT_EQ(relay_in("undo", "sequence_next", next), 422);
    MC_EXPECT_HAS(mine.body, "\"value\":1}");
    MC_EXPECT_EQ(relay_in("keep", "sequence_next", next), 200);
    MC_EXPECT_HAS(mine.body, "\"value\":1}");
    MC_EXPECT_EQ(relay(&mine, "sequence_next", next, ""), 200);
    MC_EXPECT_HAS(mine.body, "\"value\":2}");
    MC_CASE("what the transaction has changed was told once it was over");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/relay_items?f_name=in", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"total\":1");
    stop_server();
}
