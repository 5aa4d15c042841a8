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

static const char *const dev[] = {"--dev", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client mine;

static const char *members(const char *more)
{
    return text_of(",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/"
                   "backend.wasm\",\"timeout_ms\":700,\"memory_limit_mb\":16,"
                   "\"exports\":[\"judge\",\"note\",\"work\"]}%s",
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
    {"a trap is no", "wild", 500, "\"code\":\"runtime_error\""},
    {"so is no answer in time", "slow", 504, "\"code\":\"timeout\""},
    {"and what nobody understands", "mumble", 500, "\"code\":\"invalid_output\""},
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
    MC_CASE("the next version decides otherwise");
    MC_EXPECT_EQ(install("1.1.0", ""), 200);
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
