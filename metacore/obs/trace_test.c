/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/obs/trace.h"

#include "mc_test.h"

#include <stdio.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static const struct {
    const char *name, *text;
    bool is_good;
    int flags;
} parents[] = {
    {"sampled", "00-" TRACE "-" SPAN "-01", true, 1},
    {"not sampled", "00-" TRACE "-" SPAN "-00", true, 0},
    {"flags that mean nothing yet are dropped", "00-" TRACE "-" SPAN "-ff", true, 1},
    {"a later version", "01-" TRACE "-" SPAN "-01", true, 1},
    {"a later version that says more", "cc-" TRACE "-" SPAN "-01-what-the-future", true, 1},
    {"a later version with more and no dash", "cc-" TRACE "-" SPAN "-01.what", false, 0},
    {"this version with more", "00-" TRACE "-" SPAN "-01-more", false, 0},
    {"this version with a dash at its end", "00-" TRACE "-" SPAN "-01-", false, 0},
    {"version ff", "ff-" TRACE "-" SPAN "-01", false, 0},
    {"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, 0},
    {"upper case flags", "00-" TRACE "-" SPAN "-0A", false, 0},
    {"a trace of zeros", "00-00000000000000000000000000000000-" SPAN "-01", false, 0},
    {"a span of zeros", "00-" TRACE "-0000000000000000-01", false, 0},
    {"no hexadecimal", "00-4bf92f3577b34da6a3ce929d0e0e473g-" SPAN "-01", false, 0},
    {"a version that is no number", "0x-" TRACE "-" SPAN "-01", false, 0},
    {"underscores", "00_" TRACE "_" SPAN "_01", false, 0},
    {"too short", "00-" TRACE "-" SPAN "-0", false, 0},
    {"a space before", " 00-" TRACE "-" SPAN "-01", false, 0},
    {"nothing", "", false, 0},
};

MC_TEST("a traceparent is read as the standard has it, or not at all")
{
    for (size_t i = 0; i < MC_LEN(parents); i++) {
        mc_trace trace = {.flags = 77};
        char hex[33] = "";

        MC_CASE(parents[i].name);
        MC_EXPECT_EQ(mc_trace_parse(mc_z(parents[i].text), &trace), parents[i].is_good);
        if (!parents[i].is_good) {
            MC_EXPECT_EQ(trace.flags, 77);
            continue;
        }
        MC_EXPECT_EQ(trace.flags, parents[i].flags);
        mc_trace_hex(trace.trace_id, 16, hex);
        MC_EXPECT_Z(mc_z(hex), TRACE);
        mc_trace_hex(trace.parent_id, 8, hex);
        MC_EXPECT_Z(mc_str_of(hex, 16), SPAN);
    }
}

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A256 A64 A64 A64 A64
#define M8(n) n "1=1," n "2=1," n "3=1," n "4=1," n "5=1," n "6=1," n "7=1," n "8=1"

static const struct {
    const char *name, *first, *second; /* headers */
    const char *state;                 /* NULL: refused */
} states[] = {
    {"one member", "congo=t61rcWkgMzE", NULL, "congo=t61rcWkgMzE"},
    {"several, with spaces between", "rojo=00f0 , congo=t6 \t,\ta=b", NULL,
     "rojo=00f0,congo=t6,a=b"},
    {"two headers are one list", "a=1", "b=2,c=3", "a=1,b=2,c=3"},
    {"empty members count for nothing", "a=1,, ,b=2,", NULL, "a=1,b=2"},
    {"nothing", "", NULL, ""},
    {"a tenant's key", "fw529a3039@dt=FfK3Vj", NULL, "fw529a3039@dt=FfK3Vj"},
    {"a tenant may start with a digit", "0t@s=1", NULL, "0t@s=1"},
    {"a simple key may not", "0t=1", NULL, NULL},
    {"all that a key may have", "a_-*/9=1", NULL, "a_-*/9=1"},
    {"upper case keys", "A=1", NULL, NULL},
    {"a space in a key", "a b=1", NULL, NULL},
    {"a space before the equals sign", "a =1", NULL, NULL},
    {"two at signs", "a@b@c=1", NULL, NULL},
    {"no system", "a@=1", NULL, NULL},
    {"no tenant", "@a=1", NULL, NULL},
    {"a system of 15", "a@bbbbbbbbbbbbbbb=1", NULL, NULL},
    {"no equals sign", "abc", NULL, NULL},
    {"no value", "a=", NULL, NULL},
    {"no key", "=1", NULL, NULL},
    {"an equals sign in a value", "a=1=2", NULL, NULL},
    {"spaces inside and before a value stay", "a= 1 2", NULL, "a= 1 2"},
    {"a control byte", "a=1\x01", NULL, NULL},
    {"beyond ASCII", "a=\xc3\xa9", NULL, NULL},
    {"the same key twice", "a=1,b=2,a=3", NULL, NULL},
    {"the same key in two headers", "a=1", "a=2", NULL},
    {"a key of 256", A256 "=1", NULL, A256 "=1"},
    {"a key of 257", A256 "a=1", NULL, NULL},
    {"a value of 256", "a=" A256, NULL, "a=" A256},
    {"a value of 257", "a=" A256 "a", NULL, NULL},
    {"32 members", M8("a") "," M8("b") "," M8("c") "," M8("d"), NULL,
     M8("a") "," M8("b") "," M8("c") "," M8("d")},
    {"33 members", M8("a") "," M8("b") "," M8("c") "," M8("d"), "e=1", NULL},
};

MC_TEST("a tracestate is passed on whole and in order, or dropped")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(states); i++) {
        mc_str values[] = {mc_z(states[i].first), mc_z(states[i].second)};
        mc_str out = MC_STR("untouched");

        MC_CASE(states[i].name);
        MC_EXPECT_EQ(mc_trace_state_parse(arena, values, states[i].second ? 2 : 1, &out),
                     states[i].state != NULL);
        MC_EXPECT_Z(out, states[i].state ? states[i].state : "untouched");
    }
    mc_arena_free(arena);
}

MC_TEST("a span of ours goes on in its caller's trace, or begins one")
{
    mc_trace first = {0}, second = {0}, called;
    char text[MC_TRACE_PARENT_LEN];

    MC_EXPECT(!mc_trace_is_set(&first));
    MC_REQUIRE(mc_trace_enter(&first) && mc_trace_enter(&second));
    MC_EXPECT(mc_trace_is_set(&first));
    MC_EXPECT_EQ(first.flags, 0);
    MC_EXPECT(memcmp(first.trace_id, second.trace_id, 16) != 0);
    MC_EXPECT(memcmp(first.span_id, second.span_id, 8) != 0);

    MC_REQUIRE(mc_trace_parse(MC_STR("00-" TRACE "-" SPAN "-01"), &first));
    MC_REQUIRE(mc_trace_enter(&first));
    mc_trace_format(&first, text);
    MC_EXPECT_HAS(mc_str_of(text, sizeof(text)), "00-" TRACE "-");
    MC_REQUIRE(mc_trace_parse(mc_str_of(text, sizeof(text)), &called));
    MC_EXPECT(memcmp(called.parent_id, first.span_id, 8) == 0);
    MC_EXPECT(memcmp(called.parent_id, first.parent_id, 8) != 0);
    MC_EXPECT_EQ(called.flags, 1);
}
