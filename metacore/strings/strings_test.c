/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/strings/strings.h"

#include "mc_test.h"

static const struct {
    const char *name, *text, *title;
} cases[] = {
    {"nothing stays nothing", "", ""},
    {"one word", "hello", "Hello"},
    {"capitals inside a word are lowered", "hELLO wORLD", "Hello World"},
    {"an underscore starts a word and stays", "user_profile", "User_Profile"},
    {"letters beyond ASCII",
     "\xc3\xa1lvaro \xc3\x91"
     "ANDU",
     "\xc3\x81lvaro \xc3\x91"
     "andu"},
    {"a digit does not start a word", "3rd", "3rd"},
    {"an apostrophe does", "o'neil", "O'Neil"},
};

MC_TEST("title case raises the first letter of each word and lowers the rest")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str out = MC_STR("untouched");
        mc_err err;

        MC_CASE(cases[i].name);
        MC_EXPECT_OK(mc_strings_title_case(arena, mc_z(cases[i].text), &out, &err), &err);
        MC_EXPECT_Z(out, cases[i].title);
    }
    mc_arena_free(arena);
}

MC_TEST("a label is a name with spaces, in title case")
{
    mc_arena *arena = mc_arena_new(0);
    mc_str out;
    mc_err err;

    MC_EXPECT_OK(mc_strings_label(arena, MC_STR("created_by_id"), &out, &err), &err);
    MC_EXPECT_Z(out, "Created By Id");
    mc_arena_free(arena);
}

MC_TEST("text that is not UTF-8 is refused and the output stays")
{
    mc_arena *arena = mc_arena_new(0);
    mc_str out = MC_STR("untouched");
    mc_err err;

    MC_EXPECT_EQ(mc_strings_title_case(arena, MC_STR("a\xff"), &out, &err), MC_INVALID);
    MC_EXPECT_Z(out, "untouched");
    mc_arena_free(arena);
}

static mc_code title(mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    mc_str out;
    mc_code rc = arena ? mc_strings_title_case(arena, MC_STR("some words"), &out, err)
                       : mc_fail(err, MC_NO_MEMORY, "arena");

    mc_arena_free(arena);
    return rc;
}

MC_TEST("title case without memory is an ordinary error")
{
    MC_TEST_OOM(title);
}
