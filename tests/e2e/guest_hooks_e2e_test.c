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
                   "\"exports\":[\"judge\",\"note\"]}%s",
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
