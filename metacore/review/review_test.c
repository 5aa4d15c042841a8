/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/review/review.h"

#include "mc_test.h"
#include "metacore/base/json.h"

#include <stdio.h>
#include <string.h>

#define KERNEL MC_STR("2.0.0")
#define FILES_MAX 4
#define HEAD "\"key\":\"demo\",\"name\":\"Demo\",\"version\":\"1.0.0\""
#define MODEL                                                                                      \
    "\"model_definitions\":[{\"table_name\":\"items\",\"model_key\":\"demo_items\",\"label\":"     \
    "\"Items\",\"columns\":[{\"name\":\"title\",\"type\":\"string\"}]}]"

typedef struct given {
    const char *name, *data;
} given;

/* A bundle of its own arena, in memory. */
static void make(mc_bundle *bundle, mc_arena *arena, const char *manifest, const given *files)
{
    mc_bundle_file *list = mc_arena_array(arena, mc_bundle_file, FILES_MAX + 1);

    *bundle = (mc_bundle){.arena = arena, .files = list, .manifest = mc_z(manifest)};
    list[bundle->file_count++] =
        (mc_bundle_file){.name = MC_STR("manifest.json"), .data = mc_z(manifest)};
    for (size_t i = 0; i < FILES_MAX && files[i].name; i++)
        list[bundle->file_count++] =
            (mc_bundle_file){.name = mc_z(files[i].name), .data = mc_z(files[i].data)};
}

/* One line a finding: "error file:line path: message | hint". */
static mc_str told(mc_arena *arena, const char *manifest, const given *files)
{
    mc_bundle bundle;
    mc_review review;
    mc_buf out;
    mc_err err;

    make(&bundle, arena, manifest, files);
    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_review_bundle(&bundle, KERNEL, arena, &review, &err), &err);
    for (size_t i = 0; i < review.count; i++)
        mc_buf_printf(&out, "%s %.*s:%u %.*s: %.*s | %.*s\n",
                      review.items[i].is_warning ? "warning" : "error",
                      MC_FMT(review.items[i].file), review.items[i].line,
                      MC_FMT(review.items[i].path), MC_FMT(review.items[i].message),
                      MC_FMT(review.items[i].hint));
    return mc_buf_get(&out);
}

MC_TEST("an addon in order has nothing to be told")
{
    mc_arena *arena = mc_arena_new(0);
    const given files[FILES_MAX] = {{"migrations/0001.sql", "CREATE INDEX i ON items (title);"}};

    MC_EXPECT_Z(told(arena, "{" HEAD "," MODEL "}", files), "");
    MC_EXPECT_Z(told(arena, "{" HEAD ",\"frontend\":{\"entry\":\"a.js\",\"format\":\"script\"}}",
                     (const given[FILES_MAX]){{"frontend/a.js", "x"}}),
                "");
    mc_arena_free(arena);
}

static const struct {
    const char *name, *manifest;
    given files[FILES_MAX];
    const char *has[3];
} cases[] = {
    {"all broken rules at once, each with its path and what to do",
     "{\"key\":\"D\",\"name\":\" \",\"version\":\"x\",\"capabilities\":[{\"kind\":\"db:read\","
     "\"target\":\"*\",\"reason\":\"r\"}]}",
     {{0}},
     {"invalid key \"D\" | 2 to 64", "name required | ", "manifest.capabilities[0]"}},
    {"a column type that is unknown",
     "{" HEAD ",\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"t\",\"columns\":[{"
     "\"name\":\"a\",\"type\":\"money\"}]}]}",
     {{0}},
     {"error manifest.json:0 manifest.model_definitions[0].columns[0]: ", "\"money\" | one of"}},
    {"the kernel's columns and models",
     "{" HEAD ",\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"roles\",\"columns\":[{"
     "\"name\":\"created_at\",\"type\":\"date\"}]}]}",
     {{0}},
     {"warning manifest.json:0 manifest.model_definitions[0].columns[0]: ", "ignored",
      "\"roles\" is a name of the kernel's own"}},
    {"a reference that is no key",
     "{" HEAD ",\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"t\",\"columns\":[{"
     "\"name\":\"a\",\"type\":\"int\",\"ref\":\"users\"}]}]}",
     {{0}},
     {"of type \"int\" | make its type uuid"}},
    {"a relation over a column that is not there",
     "{" HEAD ",\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"t\",\"columns\":[{"
     "\"name\":\"a\",\"type\":\"int\"}],\"relations\":[{\"name\":\"r\",\"kind\":\"belongs_to\","
     "\"through\":\"users\",\"foreign_key\":\"user_id\"}]}]}",
     {{0}},
     {"manifest.model_definitions[0].relations[0]: ", "\"user_id\" is no column"}},
    {"capabilities that allow nothing, or everything",
     "{" HEAD ",\"capabilities\":[{\"kind\":\"fs:read\",\"target\":\"/\",\"reason\":\"r\"},{"
     "\"kind\":\"http:fetch\",\"target\":\"https://a.example.com/*\",\"reason\":\"r\"},{\"kind\":"
     "\"event:emit\",\"target\":\"*\"}]}",
     {{0}},
     {"\"fs:read\" is unknown and allows nothing", "is no host and matches no call",
      "capabilities[2].reason: "}},
    {"hosts without a top level",
     "{" HEAD
     ",\"capabilities\":[{\"kind\":\"http:fetch\",\"target\":\"*.com\",\"reason\":\"r\"}]}",
     {{0}},
     {"error manifest.json:0 manifest.capabilities[0]", "too broad", "name the hosts"}},
    {"texts that a language lacks",
     "{" HEAD
     ",\"navigation\":[{\"title\":\"demo.menu.all\",\"icon\":\"x\",\"items\":[]}],\"i18n\":"
     "{\"en\":{\"demo.menu.all\":\"All\"},\"es\":{}}}",
     {{0}},
     {"warning manifest.json:0 manifest.navigation[0].title: ", "\"demo.menu.all\" in es"}},
    {"texts without any language",
     "{" HEAD ",\"navigation\":[{\"title\":\"demo.menu.all\",\"icon\":\"x\",\"items\":[]}]}",
     {{0}},
     {"1 texts are catalog keys, and there is no catalog"}},
    {"every statement that is refused, in every file, by its line",
     "{" HEAD "," MODEL "}",
     {{"migrations/0001_a.sql", "CREATE TABLE a (id uuid);\n\nGRANT ALL ON a TO x;\nSET ROLE y;\n"},
      {"migrations/0002_b.sql", "COPY a FROM PROGRAM 'id'"}},
     {"error migrations/0001_a.sql:3 ", "error migrations/0001_a.sql:4 ",
      "error migrations/0002_b.sql:1 "}},
    {"rows that nobody would see",
     "{" HEAD "," MODEL "}",
     {{"migrations/0001_a.sql", "CREATE TABLE a (id uuid, organization_id uuid);\nINSERT INTO a "
                                "(id) VALUES (gen_random_uuid());"}},
     {"warning migrations/0001_a.sql:2 : rows of a without organization_id, which nobody sees | a "
      "migration of a shared schema runs once"}},
    {"a file that does not parse, and what is wrong in the others",
     "{" HEAD "," MODEL "}",
     {{"migrations/0001_a.sql", "CREATE TABLE a (id uuid);\nCREATE TABEL b ();"},
      {"migrations/0002_b.sql", "\n\nGRANT ALL ON a TO x"}},
     {"error migrations/0001_a.sql:2 : syntax error", "error migrations/0002_b.sql:3 "}},
    {"a table that nobody makes",
     "{" HEAD "," MODEL "}",
     {{"migrations/0001_a.sql",
       "INSERT INTO items (title) VALUES ('x');\nINSERT INTO nowhere (a) VALUES (1);"}},
     {"error migrations/0001_a.sql:2 : table nowhere: no migration before makes it",
      "CREATE TABLE it first"}},
    {"the same version in two folders",
     "{" HEAD "," MODEL "}",
     {{"migrations/a/0001.sql", ""}, {"migrations/b/0001.sql", ""}},
     {"error migrations/b/0001.sql:0 ", "stands twice"}},
    {"a page that is not there",
     "{" HEAD ",\"frontend\":{\"entry\":\"remoteEntry.js\",\"format\":\"federation\"}}",
     {{"frontend/other.js", "x"}},
     {"warning manifest.json:0 manifest.frontend.entry: ", "\"frontend/remoteEntry.js\""}},
    {"code that is not there",
     "{" HEAD ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/x.wasm\"}}",
     {{0}},
     {"error manifest.json:0 manifest.backend.entry: ", "\"backend/x.wasm\""}},
    {"code that is none",
     "{" HEAD ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/x.wasm\"}}",
     {{"backend/x.wasm", "MZ"}},
     {"error backend/x.wasm:0 : "}},
    {"actions of no model, and modals that nobody finds",
     "{" HEAD "," MODEL ",\"actions\":{\"demo_items\":[{\"key\":\"close\",\"name\":\"C\",\"label\":"
     "\"C\",\"modal\":\"close\"}],\"nothing\":[{\"key\":\"a\",\"name\":\"A\",\"label\":\"A\"}]}}",
     {{0}},
     {"\"close\" should be \"demo.close\"", "there is no model \"nothing\" here"}},
    {"wrong types, all of them, and keys that nobody knows",
     "{\"key\":7,\"name\":\"D\",\"events\":{},\"modls\":[]}",
     {{0}},
     {"error manifest.json:0 manifest.key: manifest.key: want text",
      "error manifest.json:0 manifest.events: ",
      "warning manifest.json:0 manifest: manifest: the key \"modls\" is unknown"}},
    {"no JSON", "{\"key\":", {{0}}, {"error manifest.json:0 manifest: ", "invalid JSON", "UTF-8"}},
};

MC_TEST("what is wrong is told by file and place, with a way out")
{
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_str text;

        MC_CASE(cases[i].name);
        text = told(arena, cases[i].manifest, cases[i].files);
        MC_EXPECT(mc_str_find(text, MC_STR("| \n")) == text.len); /* each has a way out */
        for (size_t k = 0; k < MC_LEN(cases[i].has) && cases[i].has[k]; k++)
            MC_EXPECT_HAS(text, cases[i].has[k]);
        mc_arena_free(arena);
    }
}

MC_TEST("a later migration may build on what an earlier one made")
{
    mc_arena *arena = mc_arena_new(0);
    const given files[FILES_MAX] = {
        {"migrations/0001.sql", "CREATE TABLE a (id uuid, organization_id uuid, n int)"},
        {"migrations/0002.sql", "ALTER TABLE a ADD COLUMN m int -- no end"},
        {"migrations/0003.sql", "CREATE UNIQUE INDEX u ON a (m);"}};

    MC_EXPECT_Z(told(arena, "{" HEAD "}", files), "");
    mc_arena_free(arena);
}

/* ---- code ---- */

#define WASM "\0asm\1\0\0\0"

/* (i32,i32)->(i64), (i32)->(i32), (i32)->(i64); imports "env"."f" when asked; memory, alloc, run.
 */
static const char guest[] = WASM "\1\x11\3\x60\2\x7f\x7f\1\x7e\x60\1\x7f\1\x7f\x60\1\x7f\1\x7e"
                                 "\3\4\3\1\0\2"
                                 "\5\3\1\0\1"
                                 "\7\x1f\4\6memory\2\0\5alloc\0\0\3run\0\1\4oops\0\2"
                                 "\x0a\x10\3\4\0\x41\0\x0b\4\0\x42\0\x0b\4\0\x42\0\x0b";

static mc_str told_of_guest(mc_arena *arena, const char *exports, mc_str module)
{
    mc_bundle bundle;
    mc_bundle_file files[2];
    char manifest[400];
    mc_review review;
    mc_buf out;
    mc_err err;

    (void)snprintf(manifest, sizeof(manifest),
                   "{" HEAD ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/g.wasm\","
                   "\"exports\":[%s]}}",
                   exports);
    files[0] = (mc_bundle_file){.name = MC_STR("backend/g.wasm"), .data = module};
    files[1] = (mc_bundle_file){.name = MC_STR("manifest.json"), .data = mc_z(manifest)};
    bundle =
        (mc_bundle){.arena = arena, .files = files, .file_count = 2, .manifest = files[1].data};
    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_review_bundle(&bundle, KERNEL, arena, &review, &err), &err);
    for (size_t i = 0; i < review.count; i++)
        mc_buf_printf(&out, "%.*s\n", MC_FMT(review.items[i].message));
    return mc_buf_get(&out);
}

MC_TEST("a module has what the manifest says and the kernel needs")
{
    static const struct {
        const char *name, *exports, *has;
    } rows[] = {
        {"all that is declared", "\"run\"", NULL},
        {"an export that is missing", "\"run\",\"stop\"", "does not export \"stop\""},
        {"an export of another shape", "\"oops\"", "export \"oops\" is (i32)->(i64)"},
        {"an export that is no function", "\"memory\"", "export \"memory\" is no function"},
    };
    mc_str module = mc_str_of(guest, sizeof(guest) - 1);

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_str text = told_of_guest(arena, rows[i].exports, module);

        MC_CASE(rows[i].name);
        if (rows[i].has)
            MC_EXPECT_HAS(text, rows[i].has);
        else
            MC_EXPECT_Z(text, "");
        mc_arena_free(arena);
    }
}

MC_TEST("a module imports what the kernel provides, and no more than is declared")
{
    static const char strange[] = WASM "\1\4\1\x60\0\0\2\x09\1\3env\1f\0\0";
    static const char odd[] = WASM "\1\4\1\x60\0\0\2\x0d\1\3env\5abort\0\0";
    static const char fetching[] = WASM "\1\4\1\x60\0\0\2\x1c\1\x0dmetacore_host\x0ahttp_fetch\0\0";
    mc_arena *arena = mc_arena_new(0);

    MC_EXPECT_HAS(told_of_guest(arena, "", mc_str_of(strange, sizeof(strange) - 1)),
                  "imports \"env\".\"f\", which no kernel provides");
    MC_EXPECT_HAS(told_of_guest(arena, "", mc_str_of(odd, sizeof(odd) - 1)),
                  "imports \"env\".\"abort\" as ()->(), which is (i32,i32,i32,i32)->()");
    MC_EXPECT_HAS(told_of_guest(arena, "", mc_str_of(fetching, sizeof(fetching) - 1)),
                  "imports http_fetch, and no capability http:fetch is declared");
    mc_arena_free(arena);
}

/* ---- summaries ---- */

MC_TEST("a summary says what an administrator agrees to")
{
    static const char *const has[] = {
        "\"key\":\"demo\"",
        "\"tables\":[\"addon_demo.items\",\"addon_demo.notes\"]",
        "\"means\":\"sends requests to example.com and all its subdomains\"",
        "\"reason\":\"rates\"",
        "\"routes\":[\"/api/dynamic/demo_items\",\"/api/metacore/tools/execute\"]",
        "{\"key\":\"token\",\"label\":\"Token\",\"type\":\"string\",\"secret\":true}",
        "\"events\":[\"demo.done\"]",
        "\"endpoint\":\"https://example.com/x\"",
        "{\"on\":\"demo_items::create\",\"calls\":\"https://example.com/h\"}",
        "\"version\":\"0001\"",
        "\"lifecycle\":[{\"on\":\"install\",\"type\":\"webhook\",\"calls\":"
        "\"https://life.example.org/i\"},{\"on\":\"before_create\",\"type\":\"wasm\",\"calls\":"
        "\"look\"}]",
        "\"hosts\":[\"*.example.com\",\"example.com\",\"life.example.org\"]",
    };
    static const char manifest[] =
        "{" HEAD "," MODEL
        ",\"capabilities\":[{\"kind\":\"http:fetch\",\"target\":\"*.example.com\",\"reason\":"
        "\"rates\"}],\"settings\":[{\"key\":\"token\",\"label\":\"Token\",\"type\":\"string\","
        "\"secret\":true,\"default_value\":\"hush\"}],\"events\":[\"demo.done\"],\"tools\":[{"
        "\"id\":"
        "\"t\",\"name\":\"T\",\"description\":\"d\",\"endpoint\":\"https://example.com/x\"}],"
        "\"hooks\":{\"demo_items::create\":\"https://example.com/h\"},\"lifecycle_hooks\":{"
        "\"install\":[{\"target\":{\"type\":\"webhook\",\"url\":\"https://life.example.org/i\"}}],"
        "\"before_create\":[{\"event\":\"before_create\",\"target\":{\"type\":\"wasm\","
        "\"function\":\"look\"}}]}}";
    const given files[FILES_MAX] = {
        {"migrations/0001.sql", "CREATE TABLE notes (id uuid); CREATE TABLE IF NOT EXISTS items "
                                "(id uuid);"}};
    mc_arena *arena = mc_arena_new(0);
    const mc_json *parsed;
    mc_bundle bundle;
    mc_buf out;
    mc_err err;

    make(&bundle, arena, manifest, files);
    mc_buf_init_arena(&out, arena, 0);
    MC_REQUIRE_OK(mc_review_summary(&bundle, arena, &out, &err), &err);
    MC_EXPECT_OK(mc_json_parse(arena, mc_buf_get(&out), NULL, &parsed, &err), &err);
    for (size_t i = 0; i < MC_LEN(has); i++)
        MC_EXPECT_HAS(mc_buf_get(&out), has[i]);
    MC_EXPECT(mc_str_find(mc_buf_get(&out), MC_STR("hush")) == mc_buf_get(&out).len);
    mc_arena_free(arena);
}

/* ---- real ones, and no memory ---- */

MC_TEST("the published bundles have no errors")
{
    static const char *const names[] = {
        "assets",           "github", "jira",   "notion",  "orders",  "projects",
        "schedules_native", "slack",  "stripe", "tickets", "weather", "wms"};

    if (!mc_test_shared())
        MC_SKIP("the published bundles are not here");
    for (size_t i = 0; i < MC_LEN(names); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_bundle *bundle = NULL;
        mc_review review = {0};
        char path[4200];
        mc_err err;

        MC_CASE(names[i]);
        (void)snprintf(path, sizeof(path), "%s/testdata/bundles/%s-1.0.0.tar.gz", mc_test_shared(),
                       names[i]);
        MC_REQUIRE_OK(mc_bundle_open(mc_z(path), &bundle, &err), &err);
        MC_EXPECT_OK(mc_review_bundle(bundle, KERNEL, arena, &review, &err), &err);
        MC_EXPECT_EQ(review.error_count, 0);
        for (size_t k = 0; k < review.count; k++) {
            if (!review.items[k].is_warning)
                MC_EXPECT_Z(review.items[k].message, "");
        }
        mc_bundle_free(bundle);
        mc_arena_free(arena);
    }
}

static mc_code review_some(mc_err *err)
{
    mc_bundle bundle = {.manifest = MC_STR("{" HEAD "," MODEL "}")};
    mc_arena *arena = mc_arena_new(0);
    mc_review review;
    mc_buf out;
    mc_code rc;

    if (!arena)
        return mc_fail(err, MC_NO_MEMORY, "test");
    mc_buf_init(&out, 0);
    rc = mc_review_bundle(&bundle, KERNEL, arena, &review, err);
    if (rc == MC_OK)
        rc = mc_review_summary(&bundle, arena, &out, err);
    mc_buf_deinit(&out);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("a review without memory is an error and leaves nothing behind")
{
    MC_TEST_OOM(review_some);
}
