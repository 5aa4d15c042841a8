/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that are exports of their addon's module. */
#include "addon_kit.h"
#include "mc_test.h"
#include "workshop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ITEMS "/api/dynamic/judges_items"
#define ADDON "/api/metacore/installations/judges"

#define METRICS_TOKEN "0123456789abcdef-metrics"
static const char *const dev[] = {"--dev", "--metrics-token", METRICS_TOKEN, NULL};
static mc_arena *arena;
static mc_process process;
static mc_client mine;

static const char *members(const char *more)
{
    return text_of(",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/"
                   "backend.wasm\",\"timeout_ms\":700,\"memory_limit_mb\":16,"
                   "\"exports\":[\"judge\",\"note\",\"work\",\"born\",\"gone\",\"toggle\"]}%s",
                   more);
}

static const char *hook(const char *function)
{
    return text_of("[{\"target\":{\"type\":\"wasm\",\"function\":\"%s\"}}]", function);
}

static int install(const char *version, const char *more)
{
    return kit_upload(
        &mine, "judges", "",
        kit_pack_module(arena,
                        kit_manifest(arena, "judges", version, KIT_MODEL("judges_items", KIT_NAME),
                                     members(more)),
                        MC_TEST_GUEST),
        MC_STR(""));
}

static bool open_all(void)
{
    arena = mc_arena_new((size_t)64 << 20);
    if (!mc_process_start(&process, mc_test_dir(), dev))
        return false;
    mc_client_init(&mine, process.port);
    return mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200;
}

static void close_all(void)
{
    mc_client_deinit(&mine);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_arena_free(arena);
}

static int create(const char *name)
{
    return mc_client_call(&mine, "POST", ITEMS, text_of("{\"name\":\"%s\"}", name));
}

/* Whether there are so many rows of name, by and by. */
static bool come(const char *name, int count)
{
    static const struct timespec pause = {.tv_nsec = 50000000};

    for (int i = 0; i < 400; i++) {
        if (mc_client_call(&mine, "GET", text_of(ITEMS "?count=exact&f_name=%s", name), NULL) !=
            200)
            return false;
        if (mc_str_eq(mc_client_field(&mine, "total"), mc_z(text_of("%d", count))))
            return true;
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
    }
    return false;
}

static const struct {
    const char *what, *name;
    int status;
    const char *has;
} verdicts[] = {
    {"yes", "good", 201, "\"name\":\"good\""},
    {"nothing is yes", "quiet", 201, "\"name\":\"quiet\""},
    {"no, in its words", "bad", 422, "{\"code\":\"bad_name\",\"message\":\"no bad names\"}"},
    {"a trap is no", "wild", 500, "\"code\":\"runtime_error\",\"message\":\"wasm: "},
    {"so is no answer in time", "slow", 504, "\"code\":\"timeout\""},
    {"and what nobody understands", "mumble", 500, "its answer is no JSON"},
};

MC_TEST("an export decides whether a row is written")
{
    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(
        install("1.0.0", text_of(",\"lifecycle_hooks\":{\"before_create\":%s}", hook("judge"))),
        200);
    for (size_t i = 0; i < MC_LEN(verdicts); i++) {
        MC_CASE(verdicts[i].what);
        MC_EXPECT_EQ(create(verdicts[i].name), verdicts[i].status);
        MC_EXPECT_HAS(mine.body, verdicts[i].has);
    }
    MC_EXPECT(come("bad", 0) && come("wild", 0) && come("slow", 0) && come("good", 1));
    MC_CASE("how often is counted");
    MC_EXPECT_EQ(mc_client_call_type(&mine, "GET", "/metrics", "text/plain", MC_STR(""),
                                     "Authorization: Bearer " METRICS_TOKEN "\r\n"),
                 200);
    MC_EXPECT_HAS(mine.body, "metacore_hooks_total{event=\"before_create\",outcome=\"failed\"} 3");
    MC_EXPECT_HAS(mine.body, "metacore_hooks_total{event=\"before_create\",outcome=\"no\"} 1");
    MC_EXPECT_HAS(mine.body, "metacore_hooks_total{event=\"before_create\",outcome=\"yes\"} 2");
    MC_CASE("the next version decides otherwise, and names an export in the oldest way");
    MC_EXPECT_EQ(install("1.1.0", ",\"hooks\":{\"judges_items::judge\":\"judge\"},\"actions\":{"
                                  "\"judges_items\":[{\"key\":\"judge\",\"label\":\"L\"}]}"),
                 200);
    MC_EXPECT_EQ(create("quiet"), 201);
    MC_EXPECT_EQ(
        mc_client_call(&mine, "POST",
                       text_of(ITEMS "/%.*s/action/judge", MC_FMT(mc_client_field(&mine, "id"))),
                       "{}"),
        200);
    MC_EXPECT_EQ(create("bad"), 201);
    close_all();
}

MC_TEST("an export is told what was written, and what it writes is told no deeper than four hooks")
{
    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(
        install("1.0.0", text_of(",\"lifecycle_hooks\":{\"after_create\":%s}", hook("note"))), 200);
    MC_EXPECT_EQ(create("tell"), 201);
    MC_EXPECT(come("told", 1));
    MC_EXPECT_EQ(create("chain"), 201);
    MC_EXPECT(come("chain", 5));
    MC_EXPECT_EQ(create("tell"), 201);
    MC_EXPECT(come("told", 2));
    MC_EXPECT(come("chain", 5));
    close_all();
}

#define WORK                                                                                       \
    ",\"capabilities\":[{\"kind\":\"event:emit\",\"target\":\"judges.*\"}],\"actions\":{"          \
    "\"judges_items\":[{\"key\":\"work\",\"label\":\"L\",\"trigger\":{\"type\":\"wasm\","          \
    "\"export\":\"work\",\"run_in_tx\":true}}]}"

static int work(const char *id, const char *end)
{
    return mc_client_call(&mine, "POST", text_of(ITEMS "/%s/action/work", id),
                          text_of("{\"end\":\"%s\"}", end));
}

static const struct {
    const char *what, *end;
    int status;
    const char *has[2];
} failures[] = {
    {"it declines", "decline", 422, {"\"message\":\"enough for today\"", "\"rolled_back\":true"}},
    {"it traps", "trap", 500, {"\"code\":\"runtime_error\"", "\"rolled_back\":true"}},
    {"it takes too long", "spin", 504, {"\"code\":\"timeout\"", "\"rolled_back\":true"}},
};

MC_TEST("what an action does in its transaction stays when it succeeds, and only then")
{
    const char *id;

    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(install("1.0.0", WORK), 200);
    MC_EXPECT_EQ(create("row"), 201);
    id = mc_str_z(arena, mc_client_field(&mine, "id"));
    for (size_t i = 0; i < MC_LEN(failures); i++) {
        MC_CASE(failures[i].what);
        MC_EXPECT_EQ(work(id, failures[i].end), failures[i].status);
        MC_EXPECT_HAS(mine.body, failures[i].has[0]);
        MC_EXPECT_HAS(mine.body, failures[i].has[1]);
        MC_EXPECT(come("inner", 0));
    }
    MC_CASE("nothing of it is in the log either");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/eventlog?types=judges.worked", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"data\":[]");
    MC_CASE("it succeeds, and saw what it wrote");
    MC_EXPECT_EQ(work(id, "well"), 200);
    MC_EXPECT_HAS(mine.body, "\"rolled_back\":false");
    MC_EXPECT_HAS(mine.body, "\"seen\":{\"success\":true,\"data\":{\"rows\":[{");
    MC_EXPECT(come("inner", 1) && come("bad%20one", 1));
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/eventlog?types=judges.worked", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"event_type\":\"judges.worked\"");
    MC_CASE("nobody waits for a stranger's server with it");
    MC_EXPECT_EQ(work(id, "fetch"), 200);
    MC_EXPECT_HAS(mine.body,
                  "\"other\":{\"error\":\"forbidden\",\"message\":\"http_fetch is not for "
                  "calls in a transaction\"}");
    MC_CASE("a row that is not there");
    MC_EXPECT_EQ(work("00000000-0000-4000-8000-000000000001", "well"), 404);
    MC_CASE("other writes go on beside it");
    MC_EXPECT_EQ(create("after"), 201);
    close_all();
}

MC_TEST("hooks are asked about what an action writes in its transaction, too")
{
    const char *id;

    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(install("1.0.0", text_of("%s,\"lifecycle_hooks\":{\"before_create\":%s}", WORK,
                                          hook("judge"))),
                 200);
    MC_EXPECT_EQ(create("row"), 201);
    id = mc_str_z(arena, mc_client_field(&mine, "id"));
    MC_EXPECT_EQ(work(id, "well"), 200);
    MC_EXPECT_HAS(mine.body, "\"other\":{\"success\":false,\"error\":{\"code\":\"invalid_request\","
                             "\"message\":\"no bad names\"}");
    MC_EXPECT_HAS(mine.body, "\"made\":{\"success\":true");
    MC_EXPECT(come("inner", 1) && come("bad%20one", 0));
    close_all();
}

static const char *lifecycle(void)
{
    return text_of(",\"lifecycle_hooks\":{\"install\":%s,\"uninstall\":%s,\"enable\":%s,"
                   "\"disable\":%s}",
                   hook("born"), hook("gone"), hook("toggle"), hook("toggle"));
}

static const struct {
    const char *what, *version;
    int status;
    const char *has;
} births[] = {
    {"it declines", "0.0.1", 422, "{\"code\":\"not_yet\",\"message\":\"not before its time\"}"},
    {"it traps", "0.0.2", 422, "install hook born: "},
    {"it takes too long", "0.0.3", 504, "\"code\":\"timeout\""},
};

MC_TEST("an addon's own code has a word in its installation, and its rows are there with it")
{
    MC_REQUIRE(open_all());
    for (size_t i = 0; i < MC_LEN(births); i++) {
        MC_CASE(births[i].what);
        MC_EXPECT_EQ(install(births[i].version, lifecycle()), births[i].status);
        MC_EXPECT_HAS(mine.body, births[i].has);
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", ADDON, NULL), 404);
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", ITEMS, NULL), 404);
    }
    MC_CASE("it agrees: once");
    MC_EXPECT_EQ(install("1.0.0", lifecycle()), 200);
    MC_EXPECT(come("seed", 1) && come("enabled", 0));
    MC_CASE("an upgrade is no installation");
    MC_EXPECT_EQ(install("1.1.0", lifecycle()), 200);
    MC_EXPECT(come("seed", 1));
    MC_CASE("disabled and enabled, each in the change's transaction");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", ADDON "/disable", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", ADDON "/disable", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", ADDON "/enable", NULL), 200);
    MC_EXPECT(come("disabled", 1) && come("enabled", 1));
    MC_CASE("a no keeps it as it is");
    MC_EXPECT_EQ(install("2.0.0", lifecycle()), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", ADDON "/disable", NULL), 422);
    MC_EXPECT_HAS(mine.body, "{\"code\":\"stuck\",\"message\":\"it is stuck\"}");
    MC_EXPECT(come("disabled", 1));
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", ADDON, NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"status\":\"enabled\"");
    MC_CASE("nor is it uninstalled while it says no");
    MC_EXPECT_EQ(create("precious"), 201);
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", ADDON "?drop=1", NULL), 422);
    MC_EXPECT_HAS(mine.body, "something precious is left");
    MC_EXPECT(come("precious", 1));
    MC_CASE("unless somebody insists, who may have to get rid of it");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", ADDON "/disable?force=1", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", ADDON "/enable?force=1", NULL), 200);
    MC_EXPECT(come("disabled", 1) && come("enabled", 1));
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(ITEMS "?f_name=precious"), NULL), 200);
    {
        mc_str id = mc_str_copy(arena, mc_client_field(&mine, "id"));

        MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", text_of(ITEMS "/%.*s", MC_FMT(id)), NULL),
                     200);
    }
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", ADDON "?drop=1", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", ITEMS, NULL), 404);
    MC_CASE("and installed anew it begins anew");
    MC_EXPECT_EQ(install("1.0.0", lifecycle()), 200);
    MC_EXPECT(come("seed", 1) && come("enabled", 0));
    close_all();
}

MC_TEST("a rehearsed installation asks the addon's code, and nothing of that stays")
{
    mc_str packed;

    MC_REQUIRE(open_all());
    packed =
        kit_pack_module(arena,
                        kit_manifest(arena, "judges", "1.0.0", KIT_MODEL("judges_items", KIT_NAME),
                                     members(lifecycle())),
                        MC_TEST_GUEST);
    MC_EXPECT_EQ(kit_upload(&mine, "judges", "?dry_run=1", packed, MC_STR("")), 200);
    MC_EXPECT_HAS(mine.body, "\"dry_run\":true");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", ADDON, NULL), 404);
    MC_EXPECT_EQ(kit_upload(&mine, "judges", "", packed, MC_STR("")), 200);
    MC_EXPECT(come("seed", 1));
    close_all();
}
