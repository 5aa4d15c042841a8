/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/lifecycle/hooks.h"

#include "mc_test.h"
#include "metacore/base/arena.h"

static const mc_json *parse(mc_arena *arena, const char *text)
{
    const mc_json *value = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_json_parse(arena, mc_z(text), NULL, &value, &err), &err);
    return value;
}

#define WASM(name, more) "{\"target\":{\"type\":\"wasm\",\"function\":\"" name "\"}" more "}"

static const struct {
    const char *name, *list;
    const char *order; /* the functions or URLs, by commas */
} orders[] = {
    {"as they stand", WASM("a", "") "," WASM("b", ""), "a,b"},
    {"by priority, lowest first",
     WASM("a", ",\"priority\":2") "," WASM("b", ",\"priority\":-1") "," WASM("c", ""), "b,c,a"},
    {"of equal priority as they stand",
     WASM("a", ",\"priority\":1") "," WASM("b", "") "," WASM("c", ",\"priority\":1") "," WASM("d",
                                                                                              ""),
     "b,d,a,c"},
    {"servers beside modules",
     "{\"target\":{\"type\":\"webhook\",\"url\":\"https://a.b/\"}}," WASM("c", ""),
     "https://a.b/,c"},
    {"what means nothing is left out",
     "{\"target\":{\"type\":\"prompt\",\"prompt\":\"x\"}},7,{}," WASM("c", ""), "c"},
};

MC_TEST("hooks run by priority, else as they stand")
{
    mc_arena *arena = mc_arena_new(0);

    MC_REQUIRE(arena);
    for (size_t i = 0; i < MC_LEN(orders); i++) {
        mc_hook_set *set = NULL;
        const mc_hook *hooks;
        size_t count;
        mc_buf out;
        mc_err err;

        MC_CASE(orders[i].name);
        MC_REQUIRE_OK(
            mc_hook_set_new(
                parse(arena, mc_str_printf(arena, "{\"install\":[%s]}", orders[i].list).ptr), &set,
                &err),
            &err);
        hooks = mc_hook_set_get(set, MC_HOOK_INSTALL, &count);
        mc_buf_init_arena(&out, arena, 0);
        for (size_t k = 0; k < count; k++) {
            mc_buf_str(&out, k ? MC_STR(",") : MC_STR(""));
            mc_buf_str(&out, hooks[k].function.len ? hooks[k].function : hooks[k].url);
        }
        MC_EXPECT_Z(mc_buf_get(&out), orders[i].order);
        (void)mc_hook_set_get(set, MC_HOOK_ENABLE, &count);
        MC_EXPECT_EQ(count, (size_t)0);
        mc_hook_set_unref(set);
    }
    mc_arena_free(arena);
}

MC_TEST("the latest manifest's hooks count, and those that are being run stay until they are done")
{
    mc_arena *arena = mc_arena_new(0);
    mc_hook_set *old;
    mc_hooks *hooks = NULL;
    size_t count;
    mc_err err;

    MC_REQUIRE(arena);
    MC_REQUIRE_OK(mc_hooks_new(&hooks, &err), &err);
    MC_EXPECT(!mc_hooks_has(hooks, MC_STR("pens"), MC_HOOK_BEFORE_CREATE));
    MC_EXPECT_OK(mc_hooks_put(hooks, MC_STR("pens"),
                              parse(arena, "{\"before_create\":[" WASM("a", "") "]}"), &err),
                 &err);
    MC_EXPECT(mc_hooks_has(hooks, MC_STR("pens"), MC_HOOK_BEFORE_CREATE));
    MC_EXPECT(!mc_hooks_has(hooks, MC_STR("pens"), MC_HOOK_AFTER_CREATE));
    MC_EXPECT(!mc_hooks_has(hooks, MC_STR("ink"), MC_HOOK_BEFORE_CREATE));
    old = mc_hooks_take(hooks, MC_STR("pens"));
    MC_EXPECT_OK(mc_hooks_put(hooks, MC_STR("pens"),
                              parse(arena, "{\"after_create\":[" WASM("b", "") "]}"), &err),
                 &err);
    MC_EXPECT(!mc_hooks_has(hooks, MC_STR("pens"), MC_HOOK_BEFORE_CREATE));
    MC_EXPECT_Z(mc_hook_set_get(old, MC_HOOK_BEFORE_CREATE, &count)[0].function, "a");
    mc_hook_set_unref(old);
    MC_EXPECT_OK(mc_hooks_put(hooks, MC_STR("pens"), NULL, &err), &err);
    MC_EXPECT(mc_hooks_take(hooks, MC_STR("pens")) == NULL);
    mc_hooks_free(hooks);
    mc_arena_free(arena);
}

MC_TEST("each event has its name, and no other")
{
    mc_hook_event event;

    for (int i = 0; i < MC_HOOK_EVENT_COUNT; i++) {
        MC_EXPECT(mc_hook_event_parse(mc_hook_event_name((mc_hook_event)i), &event));
        MC_EXPECT_EQ((int)event, i);
    }
    MC_EXPECT(!mc_hook_event_parse(MC_STR("before_save"), &event));
    MC_EXPECT(!mc_hook_event_parse(MC_STR("Install"), &event));
}

static mc_code put_hooks(mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    const mc_json *declared = NULL;
    mc_hooks *hooks = NULL;
    mc_code rc = arena ? mc_hooks_new(&hooks, err) : mc_fail(err, MC_NO_MEMORY, "test");

    if (rc == MC_OK)
        rc = mc_json_parse(arena, MC_STR("{\"before_create\":[" WASM("a", "") "]}"), NULL,
                           &declared, err);
    for (int i = 0; i < 2 && rc == MC_OK; i++)
        rc = mc_hooks_put(hooks, MC_STR("pens"), declared, err);
    mc_hooks_free(hooks);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("without memory hooks are refused, and nothing is left behind")
{
    MC_TEST_OOM(put_hooks);
}
