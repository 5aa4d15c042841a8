/* SPDX-License-Identifier: Apache-2.0 */
/* Actions reach the WebAssembly of the addon that declares them, for whoever has it. */
#include "addon_kit.h"
#include "mc_receiver.h"
#include "mc_test.h"
#include "metacore/bundle/bundle.h"
#include "workshop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKEND(entry, exports)                                                                    \
    ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"" entry "\",\"exports\":[" exports "],"        \
    "\"timeout_ms\":700,\"memory_limit_mb\":16}"
#define RIGHTS                                                                                     \
    "\"capabilities\":[{\"kind\":\"event:emit\",\"target\":\"guests.*\"},"                         \
    "{\"kind\":\"http:fetch\",\"target\":\"127.0.0.1:9\"},"                                        \
    "{\"kind\":\"http:fetch\",\"target\":\"127.0.0.1:%u\"}],"                                      \
    "\"settings\":[{\"key\":\"api_key\",\"label\":\"K\",\"type\":\"password\",\"secret\":true},"   \
    "{\"key\":\"limit\",\"label\":\"L\",\"type\":\"integer\",\"default_value\":5},"                \
    "{\"key\":\"url\",\"label\":\"U\",\"type\":\"string\"}]"

static const char *const exports[] = {
    "echo", "packed",   "decline", "not_ok", "nothing", "garbage", "trap",  "outside",
    "spin", "settings", "emit",    "fetch",  "rows",    "mutate",  "batch", "request"};
#define METRICS_TOKEN "0123456789abcdef-metrics"
static const char *const dev[] = {"--dev", "--metrics-token", METRICS_TOKEN, NULL};
static const char *const within[] = {"--dev", "--allow-private-egress", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client mine, theirs;
static mc_receiver receiver; /* port 0 unless a test started it */

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

static mc_str pack(const char *version, const char *more, const char *name, mc_str module)
{
    mc_str manifest =
        mc_z(kit_manifest(arena, "guests", version, KIT_MODEL("guests_items", KIT_NAME), more));
    mc_bundle_file files[] = {{.name = MC_STR("manifest.json"), .data = manifest},
                              {.name = mc_z(name), .data = module}};
    mc_bundle bundle = {.files = files, .file_count = 2, .manifest = manifest};
    mc_buf out;
    mc_err err;

    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_bundle_pack(&bundle, &out, &err), &err);
    return mc_buf_get(&out);
}

static int install(mc_client *client, const char *version, const char *more, const char *name,
                   mc_str module)
{
    return kit_upload(client, "guests", "", pack(version, more, name, module), MC_STR(""));
}

/* Its module's exports, each an action of its own name, and two actions more. */
static const char *good_members(void)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_lit(&out, ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/backend.wasm\","
                     "\"timeout_ms\":700,\"memory_limit_mb\":16,\"exports\":[");
    for (size_t i = 0; i < MC_LEN(exports); i++)
        mc_buf_printf(&out, "%s\"%s\"", i ? "," : "", exports[i]);
    mc_buf_lit(&out, "]},\"actions\":{\"guests_items\":[");
    for (size_t i = 0; i < MC_LEN(exports); i++)
        mc_buf_printf(&out,
                      "{\"key\":\"%s\",\"label\":\"L\",\"trigger\":{\"type\":\"wasm\","
                      "\"export\":\"%s\"}},",
                      exports[i], exports[i]);
    mc_buf_lit(&out,
               "{\"key\":\"in_tx\",\"label\":\"L\",\"trigger\":{\"type\":\"wasm\","
               "\"export\":\"echo\",\"run_in_tx\":true}},"
               "{\"key\":\"all\",\"label\":\"L\",\"placement\":\"table\",\"trigger\":"
               "{\"type\":\"wasm\",\"export\":\"echo\"}}]},"
               "\"tools\":[{\"id\":\"echo\",\"endpoint\":\"wasm://echo\",\"input_schema\":"
               "[{\"name\":\"n\",\"type\":\"number\"}]},{\"id\":\"decline\",\"endpoint\":"
               "\"wasm://decline\"},{\"id\":\"trap\",\"endpoint\":\"wasm://trap\"},"
               "{\"id\":\"lost\",\"handler\":{\"type\":\"wasm\",\"function\":\"no_such\"}}],");
    mc_buf_printf(&out, RIGHTS, receiver.port);
    return mc_str_z(arena, mc_buf_get(&out));
}

static int install_good(mc_client *client)
{
    return install(client, "1.0.0", good_members(), "backend/backend.wasm",
                   read_file(MC_TEST_GUEST));
}

static bool start_server(const char *data)
{
    if (!mc_process_start(&process, data, receiver.port ? within : dev))
        return false;
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    return mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200;
}

static bool open_server(void)
{
    arena = mc_arena_new((size_t)64 << 20);
    return start_server(mc_test_dir()) &&
           mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password") == 201;
}

static void stop_server(void)
{
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

static int act(mc_client *client, const char *id, const char *action, const char *body)
{
    return mc_client_call(client, "POST",
                          text_of("/api/dynamic/guests_items/%s/action/%s", id, action), body);
}

static const struct {
    const char *name, *action;
    int status;
    const char *has[6];
} calls[] = {
    {"what was asked reaches it in every addon's words",
     "echo",
     200,
     {"\"calls\":1", "\"record_id\":\"", "\"invocation\":\"action\"", "\"args\":{\"n\":1}",
      "\"payload\":{\"n\":1}", "\"row\":{"}},
    {"fields of the row at the top, and who asks",
     "echo",
     200,
     {"\"name\":\"Ada\"", "\"ctx\":{\"model\":\"guests_items\",\"action\":\"echo\"",
      "\"principal\":{\"user_id\":\"", "\"success\":true", "\"installation_id\":\"",
      "\"request_id\":\""}},
    {"its meta stands beside ours, which it cannot change",
     "echo",
     200,
     {"\"by\":\"guest\"", "\"model\":\"guests_items\"", "\"trigger_type\":\"wasm\""}},
    {"the other dialect", "packed", 200, {"\"calls\":1", "\"record_id\":\"", "\"by\":\"guest\""}},
    {"it declines",
     "decline",
     422,
     {"\"error\":{\"code\":\"sold_out\",\"message\":\"nothing left\"}", "\"left\":0",
      "\"success\":false", "\"action\":\"decline\""}},
    {"it declines in older words", "not_ok", 422, {"no such thing", "\"success\":false"}},
    {"it says nothing", "nothing", 200, {"{\"data\":null,\"meta\":{\"action\":\"nothing\""}},
    {"it says what is no JSON",
     "garbage",
     500,
     {"\"error\":{\"code\":\"invalid_output\"", "the guest's answer is no JSON"}},
    {"it traps", "trap", 500, {"\"error\":{\"code\":\"runtime_error\"", "call trap: unreachable"}},
    {"its answer lies outside",
     "outside",
     500,
     {"\"error\":{\"code\":\"runtime_error\"", "returned invalid ptr/len"}},
    {"it never ends", "spin", 504, {"\"error\":{\"code\":\"timeout\""}},
    {"and is itself again", "echo", 200, {"\"calls\":1"}},
    {"in a transaction", "in_tx", 200, {"\"calls\":1", "\"rolled_back\":false"}},
    {"settings with their defaults",
     "settings",
     200,
     {"{\"key\":\"\",\"limit\":5,\"absent\":null}"}},
    {"events by their name and right",
     "emit",
     200,
     {"\"data\":[{\"success\":true,\"data\":{\"event\":\"guests.done\"",
      "\"error\":{\"code\":\"forbidden\",\"message\":\"addon \\\"guests\\\" lacks event:emit "
      "\\\"others.done\\\"\"}",
      "\"code\":\"invalid_event\"", "\"code\":\"invalid_payload\"", "\"envelopeVersion\":1",
      "\"emittedAt\":\""}},
    {"rows by their right, of one organization",
     "rows",
     200,
     {"\"data\":[{\"success\":true,\"data\":{\"row\":{", "{\"success\":true,\"data\":{\"rows\":[{",
      "lacks db:read \\\"addon_tickets.", "table must be [a-z_]", "\"envelopeVersion\":1"}},
    {"hosts by their right, and never ours",
     "fetch",
     200,
     {"\"error\":\"forbidden\",\"message\":\"addon \\\"guests\\\" lacks http:fetch", "SSRF guard",
      "\"error\":\"bad_request\""}},
};

static void make_item(mc_client *client, char id[40])
{
    MC_EXPECT(workshop_make(client, "guests_items", "{\"name\":\"Ada\"}", id));
}

static void expect_calls(const char *id)
{
    for (size_t i = 0; i < MC_LEN(calls); i++) {
        MC_CASE(calls[i].name);
        MC_EXPECT_EQ(act(&mine, id, calls[i].action, "{\"n\":1}"), calls[i].status);
        for (size_t j = 0; j < MC_LEN(calls[i].has) && calls[i].has[j]; j++)
            MC_EXPECT_HAS(mine.body, calls[i].has[j]);
    }
    MC_CASE("of the whole model");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/guests_items/action/all", "{}"), 200);
    MC_EXPECT_HAS(mine.body, "\"record_id\":null,\"row\":null");
}

static void expect_counted(void)
{
    mc_client operator;

    MC_CASE("all of it was counted");
    mc_client_init(&operator, process.port);
    (void)snprintf(operator.token, sizeof(operator.token), "%s", METRICS_TOKEN);
    MC_EXPECT_EQ(mc_client_call(&operator, "GET", "/metrics", NULL), 200);
    MC_EXPECT_HAS(operator.body, "\nmetacore_wasm_timeouts_total 1\n");
    MC_EXPECT_HAS(operator.body, "\nmetacore_wasm_guests 1\n");
    mc_client_deinit(&operator);
}

/* Until gcc has made what tcc made at once. */
static void expect_best_code(void)
{
    MC_CASE("what it runs on can be seen");
    for (int ms = 0; ms < 60000; ms += 50) {
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/metacore/installations/guests", NULL), 200);
        MC_EXPECT_HAS(mine.body, "\"guest\":{\"state\":\"ready\",\"tier\":\"");
        if (mc_str_find(mine.body, MC_STR("\"compiling\"")) == mine.body.len)
            break;
        usleep(50000); /* for the compiler */
    }
    MC_EXPECT_HAS(mine.body, "\"tier\":\"gcc -O2\",\"generation\":");
    MC_EXPECT_HAS(mine.body, "\"seconds\":");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/metacore/installations", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"guest\":{\"state\":\"ready\",\"tier\":\"gcc -O2\"");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/metacore/compilations", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"data\":[]");
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/metacore/installations", NULL), 200);
}

MC_TEST("an action runs its addon's WebAssembly, and so it does after a restart")
{
    char id[40], data[sizeof(process.data)];

    MC_REQUIRE(open_server());
    (void)snprintf(data, sizeof(data), "%s", process.data);
    MC_REQUIRE(install_good(&mine) == 200);
    make_item(&mine, id);
    expect_calls(id);
    MC_CASE("what it emitted is in the log, once for each call");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/eventlog?types=guests.done", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"event_type\":\"guests.done\"");
    expect_counted();
    expect_best_code();
    stop_server();

    MC_CASE("restarted");
    MC_REQUIRE(start_server(data));
    expect_calls(id);
    stop_server();
    mc_arena_free(arena);
}

static const struct {
    const char *name, *id;
    int status;
    const char *has[2];
} tools[] = {
    {"its input and its answer",
     "echo",
     200,
     {"{\"success\":true,\"data\":{\"input\":{\"addon_key\":\"guests\",\"tool_id\":\"echo\"",
      "\"invocation\":\"tool\""}},
    {"what was checked", "echo", 200, {"\"parameters\":{\"n\":7}", "\"args\":{\"n\":7}"}},
    {"it declines", "decline", 200, {"{\"success\":false,\"error\":\"nothing left\"}", "}"}},
    {"it traps", "trap", 502, {"{\"success\":false,\"error\":\"", "}"}},
    {"no such export", "lost", 502, {"{\"success\":false,\"error\":\"", "}"}},
};

MC_TEST("a tool may be an export of its addon's module")
{
    MC_REQUIRE(open_server());
    MC_EXPECT_EQ(install_good(&mine), 200);
    for (size_t i = 0; i < MC_LEN(tools); i++) {
        MC_CASE(tools[i].name);
        MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/metacore/tools/execute",
                                    text_of("{\"addon_key\":\"guests\",\"tool_id\":\"%s\","
                                            "\"parameters\":{\"n\":\"7.0\"}}",
                                            tools[i].id)),
                     tools[i].status);
        for (size_t j = 0; j < MC_LEN(tools[i].has); j++)
            MC_EXPECT_HAS(mine.body, tools[i].has[j]);
    }
    stop_server();
    mc_arena_free(arena);
}

MC_TEST("a guest serves who has its addon, with his settings and rows, and nobody else")
{
    char id[40], other[40];

    MC_REQUIRE(open_server());
    MC_REQUIRE(install_good(&mine) == 200);
    make_item(&mine, id);
    MC_EXPECT_EQ(act(&theirs, id, "echo", "{}"), 404);
    MC_REQUIRE(install_good(&theirs) == 200);
    make_item(&theirs, other);
    MC_EXPECT_EQ(act(&theirs, id, "echo", "{}"), 404);
    MC_EXPECT_EQ(act(&theirs, other, "echo", "{}"), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", "/api/metacore/installations/guests/settings",
                                "{\"api_key\":\"mine only\",\"limit\":7}"),
                 200);
    MC_EXPECT_EQ(act(&mine, id, "settings", "{}"), 200);
    MC_EXPECT_HAS(mine.body, "{\"key\":\"mine only\",\"limit\":7,\"absent\":null}");
    MC_EXPECT_EQ(act(&theirs, other, "settings", "{}"), 200);
    MC_EXPECT_HAS(theirs.body, "{\"key\":\"\",\"limit\":5,\"absent\":null}");
    MC_CASE("events are the caller's organization's");
    MC_EXPECT_EQ(act(&mine, id, "emit", "{}"), 200);
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/eventlog?types=guests.done", NULL), 200);
    MC_EXPECT_HAS(theirs.body, "\"data\":[]");
    MC_CASE("disabled");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/metacore/installations/guests/disable", "{}"),
                 200);
    MC_EXPECT_EQ(act(&mine, id, "echo", "{}"), 404);
    MC_EXPECT_EQ(act(&theirs, other, "echo", "{}"), 200);
    MC_CASE("uninstalled by all, and back again");
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", "/api/metacore/installations/guests", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&theirs, "DELETE", "/api/metacore/installations/guests", NULL),
                 200);
    MC_EXPECT_EQ(act(&theirs, other, "echo", "{}"), 404);
    MC_EXPECT_EQ(install_good(&theirs), 200);
    MC_EXPECT_EQ(act(&theirs, other, "echo", "{}"), 200);
    stop_server();
    mc_arena_free(arena);
}

static const struct {
    const char *name, *request; /* %s: a row of mine */
    const char *mine, *theirs;  /* what each one's guest is told */
} writes[] = {
    {"an update",
     "{\"op\":\"update\",\"table\":\"guests_items\",\"id\":\"%s\",\"data\":{\"name\":\"B\"}}",
     "{\"success\":true,\"data\":{\"row\":{", "\"error\":{\"code\":\"not_found\""},
    {"nothing for a required field",
     "{\"op\":\"update\",\"table\":\"guests_items\",\"id\":\"%s\",\"data\":{\"name\":null}}",
     "\"error\":{\"code\":\"invalid_request\"", "\"error\":{\"code\":\"invalid_request\""},
    {"what nobody knows", "{\"op\":\"drop\",\"table\":\"guests_items\",\"id\":\"%s\"}",
     "op must be create, update or delete", "op must be create, update or delete"},
    {"an increment of what is no number",
     "{\"op\":\"update\",\"table\":\"guests_items\",\"id\":\"%s\",\"inc\":{\"name\":1}}",
     "inc.name is no column of numbers", "inc.name is no column of numbers"},
    {"no row", "{\"op\":\"delete\",\"table\":\"guests_items\",\"id\":\"7\"}",
     "id must be a row's id", "id must be a row's id"},
    {"another addon's model", "{\"op\":\"delete\",\"model\":\"tickets\",\"id\":\"%s\"}",
     "\"error\":{\"code\":\"forbidden\"", "\"error\":{\"code\":\"forbidden\""},
    {"the kernel's own", "{\"op\":\"delete\",\"model\":\"users\",\"id\":\"%s\"}",
     "\"error\":{\"code\":\"forbidden\"", "\"error\":{\"code\":\"forbidden\""},
    {"a removal", "{\"op\":\"delete\",\"table\":\"guests_items\",\"id\":\"%s\"}",
     "{\"success\":true,\"data\":{\"id\":\"", "\"error\":{\"code\":\"not_found\""},
};

MC_TEST("a guest reads and writes its organization's rows, and nobody else's")
{
    char id[40], other[40], item[40];

    MC_REQUIRE(open_server());
    MC_REQUIRE(install_good(&mine) == 200 && install_good(&theirs) == 200);
    make_item(&mine, id);
    make_item(&mine, item);
    make_item(&theirs, other);
    MC_EXPECT_EQ(act(&theirs, other, "rows", "{}"), 200);
    for (size_t i = 0; i < MC_LEN(writes); i++) {
        const char *body;

        MC_CASE(writes[i].name);
        body = text_of(writes[i].request, item); /* NOLINT: of the table above */
        MC_EXPECT_EQ(act(&theirs, other, "mutate", body), 200);
        MC_EXPECT_HAS(theirs.body, writes[i].theirs);
        MC_EXPECT_EQ(act(&mine, id, "mutate", body), 200);
        MC_EXPECT_HAS(mine.body, writes[i].mine);
    }
    MC_CASE("what theirs has made is not mine's to see");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/guests_items?f_name=made", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"data\":[]");
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/guests_items?f_name=made", NULL),
                 200);
    MC_EXPECT_HAS(theirs.body, "\"total\":1");
    stop_server();
    mc_arena_free(arena);
}

static const struct {
    const char *name, *body, *says; /* %s: a row of mine */
} batches[] = {
    {"all of it",
     "{\"mutations\":[{\"op\":\"create\",\"table\":\"guests_items\",\"data\":{\"name\":\"one\"}},"
     "{\"op\":\"update\",\"table\":\"guests_items\",\"id\":\"%s\",\"data\":{\"name\":\"two\"}}]}",
     "{\"success\":true,\"data\":{\"results\":[{\"row\":{"},
    {"none of it",
     "{\"mutations\":[{\"op\":\"create\",\"table\":\"guests_items\",\"data\":{\"name\":\"never\"}},"
     "{\"op\":\"delete\",\"table\":\"guests_items\",\"id\":\"00000000-0000-4000-8000-"
     "000000000001\"}]"
     ",\"of\":\"%s\"}",
     "\"error\":{\"code\":\"not_found\",\"message\":\"mutations[1]: record not found\"}"},
    {"nothing", "{\"mutations\":[],\"of\":\"%s\"}", "mutations must be an array of 1..100"},
};

MC_TEST("a guest's batch is written whole or not at all")
{
    char id[40];

    MC_REQUIRE(open_server());
    MC_REQUIRE(install_good(&mine) == 200);
    make_item(&mine, id);
    for (size_t i = 0; i < MC_LEN(batches); i++) {
        MC_CASE(batches[i].name);
        MC_EXPECT_EQ(act(&mine, id, "batch", text_of(batches[i].body, id)), 200);
        MC_EXPECT_HAS(mine.body, batches[i].says);
    }
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/guests_items?sortBy=name", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"total\":2");
    MC_EXPECT_HAS(mine.body, "\"name\":\"one\"");
    MC_EXPECT_HAS(mine.body, "\"name\":\"two\"");
    stop_server();
    mc_arena_free(arena);
}

/* Longer than a guest may take (its addon's manifest). */
static mc_reaction answer_late(void *user, const mc_received *got)
{
    (void)user;
    return (mc_reaction){.status = 200, .delay_ms = strcmp(got->path, "/late") == 0 ? 1500 : 0};
}

MC_TEST("a guest's request goes out with its headers, and none that are ours")
{
    const mc_received *got;
    char id[40];

    receiver.decide = answer_late;
    MC_REQUIRE(mc_receiver_start(&receiver));
    MC_REQUIRE(open_server());
    MC_REQUIRE(install_good(&mine) == 200);
    make_item(&mine, id);
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", "/api/metacore/installations/guests/settings",
                                text_of("{\"url\":\"http://127.0.0.1:%u/in\"}", receiver.port)),
                 200);
    MC_EXPECT_EQ(act(&mine, id, "request", "{\"X-Mine\":\"yes\"}"), 200);
    MC_EXPECT_HAS(mine.body, "{\"success\":true,\"data\":{\"status\":200,");
    MC_EXPECT_HAS(mine.body, "\"body\":\"ok\"");
    got = mc_receiver_get(&receiver, "/in", 0);
    MC_REQUIRE(got != NULL);
    MC_EXPECT_Z(mc_received_header(got, "X-Mine"), "yes");
    MC_EXPECT(strcmp(got->body, "hello") == 0);
    MC_EXPECT_EQ(act(&mine, id, "request", "{\"Host\":\"elsewhere\"}"), 200);
    MC_EXPECT_HAS(mine.body, "\"error\":{\"code\":\"bad_request\"");
    MC_EXPECT_EQ(act(&mine, id, "request", "{\"A\":\"b\\r\\nC: d\"}"), 200);
    MC_EXPECT_HAS(mine.body, "\"error\":{\"code\":\"bad_request\"");
    MC_EXPECT_EQ(mc_receiver_count(&receiver), 1);
    MC_CASE("time that it waits for others is not its own");
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", "/api/metacore/installations/guests/settings",
                                text_of("{\"url\":\"http://127.0.0.1:%u/late\"}", receiver.port)),
                 200);
    MC_EXPECT_EQ(act(&mine, id, "request", "{\"X-Mine\":\"yes\"}"), 200);
    MC_EXPECT_HAS(mine.body, "\"body\":\"ok\"");
    stop_server();
    mc_receiver_stop(&receiver);
    receiver.port = 0;
    mc_arena_free(arena);
}

#define WASM_HEAD "\0asm\1\0\0\0"
/* A type ()->(), the import env.f of it, no code. */
#define WASM_IMPORT WASM_HEAD "\1\4\1\x60\0\0\2\x9\1\3env\1f\0\0"

static const struct {
    const char *name, *more, *file;
    mc_str module;
    int status;
    const char *says;
} refusals[] = {
    {"no such file", BACKEND("backend/other.wasm", ""), "backend/backend.wasm",
     MC_STR_INIT(WASM_HEAD), 422, "bundle missing \\\"backend/other.wasm\\\" for addon"},
    {"no module", BACKEND("backend/backend.wasm", ""), "backend/backend.wasm",
     MC_STR_INIT("\177ELF"), 422, "wasm: compile guests: "},
    {"an export that is not there", BACKEND("backend/backend.wasm", "\"run\""),
     "backend/backend.wasm", MC_STR_INIT(WASM_HEAD), 422, "export \\\"run\\\" missing from module"},
    {"an import that nobody provides", BACKEND("backend/backend.wasm", ""), "backend/backend.wasm",
     MC_STR_INIT(WASM_IMPORT), 422, "import env.f is not provided"},
};

MC_TEST("an addon whose module is refused is not installed, and says why")
{
    MC_REQUIRE(open_server());
    for (size_t i = 0; i < MC_LEN(refusals); i++) {
        MC_CASE(refusals[i].name);
        MC_EXPECT_EQ(
            install(&mine, "1.0.0", refusals[i].more, refusals[i].file, refusals[i].module),
            refusals[i].status);
        MC_EXPECT_HAS(mine.body, refusals[i].says);
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/guests_items", NULL), 404);
    }
    stop_server();
    mc_arena_free(arena);
}
