/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/navigation/navigation.h"

#include "mc_test.h"

static bool has_addon(void *user, mc_ctx *ctx, mc_str key)
{
    (void)user;
    (void)ctx;
    return !mc_str_eq(key, MC_STR("absent"));
}

static bool may_use(void *user, mc_ctx *ctx, mc_str permission, mc_str model)
{
    (void)user;
    (void)ctx;
    return !mc_str_eq(permission, MC_STR("no.way")) && !mc_str_eq(model, MC_STR("hidden"));
}

static const struct {
    const char *name, *core;
    const char *parts[6]; /* key, groups, … */
    const char *merged;
} cases[] = {
    {"nothing is an empty list", "", {NULL}, "[]"},
    {"the host's own stands as it is",
     "[{\"title\":\"Home\",\"icon\":\"H\",\"target\":\"home\",\"items\":[{\"title\":\"A\",\"url\":"
     "\"/a\"}]}]",
     {NULL},
     "[{\"title\":\"Home\",\"icon\":\"H\",\"target\":\"home\",\"items\":[{\"title\":\"A\",\"url\":"
     "\"/a\"}]}]"},
    {"a target of the host's takes the items, and the title is lost",
     "[{\"title\":\"Home\",\"target\":\"home\",\"items\":[{\"title\":\"A\"}]}]",
     {"pens", "[{\"title\":\"Lost\",\"target\":\"home\",\"items\":[{\"title\":\"B\"}]}]"},
     "[{\"title\":\"Home\",\"target\":\"home\",\"items\":[{\"title\":\"A\"},{\"title\":\"B\","
     "\"owner\":\"addon:pens\"}]}]"},
    {"a target that the host has not is dropped, and addons come by key",
     "",
     {"b", "[{\"title\":\"B\",\"target\":\"x\",\"items\":[{\"title\":\"b\"}]}]", "a",
      "[{\"title\":\"A\",\"target\":\"x\",\"icon\":\"I\",\"items\":[{\"title\":\"a\"}]}]"},
     "[{\"title\":\"A\",\"icon\":\"I\",\"items\":[{\"title\":\"a\",\"owner\":\"addon:a\"}]},"
     "{\"title\":\"B\",\"items\":[{\"title\":\"b\",\"owner\":\"addon:b\"}]}]"},
    {"items without a title above them go last, owners all the way down",
     "",
     {"a", "[{\"title\":\" \",\"items\":[{\"title\":\"x\",\"items\":[{\"title\":\"y\"}]}]}]", "b",
      "[{\"title\":\"B\",\"items\":[{\"title\":\"b\"}]},{\"items\":[{\"title\":\"z\"}]}]"},
     "[{\"title\":\"B\",\"items\":[{\"title\":\"b\",\"owner\":\"addon:b\"}]},{\"title\":"
     "\"sidebar.addons\",\"icon\":\"Puzzle\",\"items\":[{\"title\":\"x\",\"owner\":\"addon:a\","
     "\"items\":[{\"title\":\"y\",\"owner\":\"addon:a\"}]},{\"title\":\"z\",\"owner\":\"addon:b\"}]"
     "}]"},
    {"an addon that the organization has not adds nothing",
     "",
     {"absent", "[{\"title\":\"B\",\"items\":[{\"title\":\"b\"}]}]"},
     "[]"},
    {"what may not be used is not there, nor what only led to it",
     "[{\"title\":\"Home\",\"items\":[{\"title\":\"A\",\"permission\":\"no.way\"}]}]",
     {"a", "[{\"title\":\"A\",\"items\":[{\"title\":\"up\",\"items\":[{\"title\":\"h\",\"model\":"
           "\"hidden\"}]},{\"title\":\"ok\",\"model\":\"seen\",\"permission\":\"yes.way\"}]}]"},
     "[{\"title\":\"A\",\"items\":[{\"title\":\"ok\",\"model\":\"seen\",\"permission\":\"yes.way\","
     "\"owner\":\"addon:a\"}]}]"},
    {"what an addon adds later replaces what it added",
     "",
     {"a", "[{\"title\":\"A\",\"items\":[{\"title\":\"a\"}]}]", "a",
      "[{\"title\":\"A2\",\"items\":[{\"title\":\"a2\"}]}]"},
     "[{\"title\":\"A2\",\"items\":[{\"title\":\"a2\",\"owner\":\"addon:a\"}]}]"},
};

static void run(size_t at)
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_navigation *nav = NULL;
    mc_buf out;
    mc_err err;

    mc_buf_init(&out, 0);
    MC_EXPECT_OK(mc_navigation_new(
                     &(mc_navigation_config){MC_NAVIGATION_CONFIG, .core = mc_z(cases[at].core),
                                             .has_addon = has_addon, .may_use = may_use},
                     &nav, &err),
                 &err);
    for (size_t i = 0; nav && i + 1 < MC_LEN(cases[at].parts) && cases[at].parts[i]; i += 2) {
        const mc_json *groups = NULL;

        MC_EXPECT_OK(mc_json_parse(ctx.arena, mc_z(cases[at].parts[i + 1]), NULL, &groups, &err),
                     &err);
        MC_EXPECT_OK(mc_navigation_put(nav, mc_z(cases[at].parts[i]), groups, &err), &err);
    }
    if (nav)
        MC_EXPECT_OK(mc_navigation_write(nav, &ctx, &out, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&out), cases[at].merged);
    mc_navigation_free(nav);
    mc_buf_deinit(&out);
    mc_arena_free(ctx.arena);
}

MC_TEST("menus are merged as the contract says, for what somebody may use")
{
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        run(i);
    }
}

MC_TEST("a menu of the host's that is none is refused")
{
    static const char *const bad[] = {"{}", "[1]", "[", "null"};
    mc_navigation *nav = NULL;
    mc_err err;

    for (size_t i = 0; i < MC_LEN(bad); i++) {
        MC_CASE(bad[i]);
        MC_EXPECT_EQ(
            mc_navigation_new(&(mc_navigation_config){MC_NAVIGATION_CONFIG, .core = mc_z(bad[i]),
                                                      .has_addon = has_addon, .may_use = may_use},
                              &nav, &err),
            MC_INVALID);
    }
}
