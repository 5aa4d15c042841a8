/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

#include "mc_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *text, *written; /* written NULL: refused */
} cases[] = {
    {"an object, spaced", " { \"a\" : [ 1 , true , null ] } ", "{\"a\":[1,true,null]}"},
    {"empty containers", "[{},[]]", "[{},[]]"},
    {"numbers as they were sent", "[9007199254740993,12345678901234.5678,-0,1e400,1.50]",
     "[9007199254740993,12345678901234.5678,-0,1e400,1.50]"},
    {"every escape", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
     "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\tA\""},
    {"a surrogate pair", "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    {"what HTML must not see", "\"<a>&\\u2028\"", "\"\\u003ca\\u003e\\u0026\\u2028\""},
    {"nothing", "", NULL},
    {"only space", "  ", NULL},
    {"text after the value", "{} x", NULL},
    {"a key twice", "{\"a\":1,\"b\":2,\"a\":3}", NULL},
    {"a key twice, once escaped", "{\"a\":1,\"\\u0061\":3}", NULL},
    {"a trailing comma", "[1,]", NULL},
    {"a missing comma", "[1 2]", NULL},
    {"a key without quotes", "{a:1}", NULL},
    {"a missing value", "{\"a\":}", NULL},
    {"a leading zero", "01", NULL},
    {"a leading plus", "+1", NULL},
    {"a lone point", "1.", NULL},
    {"a lone exponent", "1e", NULL},
    {"a lone minus", "-", NULL},
    {"NaN", "NaN", NULL},
    {"a word cut short", "tru", NULL},
    {"a string without end", "\"abc", NULL},
    {"a string that ends in a backslash", "\"abc\\", NULL},
    {"an unknown escape", "\"\\x41\"", NULL},
    {"a control character", "\"a\nb\"", NULL},
    {"an escaped NUL", "\"\\u0000\"", NULL},
    {"a lone high surrogate", "\"\\ud83d\"", NULL},
    {"a lone low surrogate", "\"\\ude00\"", NULL},
    {"a high surrogate twice", "\"\\ud83d\\ud83d\"", NULL},
    {"invalid UTF-8", "\"\xff\"", NULL},
    {"invalid UTF-8 in a key", "{\"\xc0\xaf\":1}", NULL},
    {"a byte order mark", "\xef\xbb\xbf{}", NULL},
    {"a comment", "[1/**/]", NULL},
    {"single quotes", "['a']", NULL},
};

MC_TEST("JSON is read as RFC 8259 says, or refused whole")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        const mc_json *value = NULL;
        mc_err err = {MC_OK, ""};
        mc_buf out;
        mc_code rc = mc_json_parse(arena, mc_z(cases[i].text), NULL, &value, &err);

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(rc, cases[i].written ? MC_OK : MC_INVALID);
        MC_EXPECT_EQ(value != NULL, cases[i].written != NULL);
        if (rc != MC_OK)
            MC_EXPECT_HAS(mc_z(err.msg), "invalid JSON at byte ");
        if (!value)
            continue;
        mc_buf_init_arena(&out, arena, 0);
        mc_json_write(&out, value);
        MC_EXPECT_Z(mc_buf_get(&out), cases[i].written);
    }
    mc_arena_free(arena);
}

MC_TEST("depth has a limit and duplicates are found among many keys too")
{
    static char text[65536];
    mc_arena *arena = mc_arena_new(0);
    const mc_json *value;
    size_t len = 0;
    mc_err err;

    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    MC_EXPECT_EQ(mc_json_parse(arena, mc_str_of(text, 130), NULL, &value, &err), MC_INVALID);
    MC_EXPECT_OK(mc_json_parse(arena, mc_str_of(text + 1, 128), NULL, &value, &err), &err);

    text[len++] = '{';
    for (int i = 0; i < 2000; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\"k%d\":%d", i ? "," : "",
                                i == 1999 ? 7 : i, i);
    text[len++] = '}';
    MC_EXPECT_EQ(mc_json_parse(arena, mc_str_of(text, len), NULL, &value, &err), MC_INVALID);
    MC_EXPECT_OK(mc_json_parse(arena, mc_str_of(text, len),
                               &(mc_json_options){.last_duplicate_wins = true}, &value, &err),
                 &err);
    MC_EXPECT_EQ(value->as.object.count, 1999);
    MC_EXPECT_Z(mc_json_find(value, MC_STR("k7"))->as.number, "1999");
    mc_arena_free(arena);
}

MC_TEST("readers give values of their kind and leave the rest alone")
{
    mc_arena *arena = mc_arena_new(0);
    const mc_json *v;
    int64_t i = 42;
    mc_str s = MC_STR("untouched");
    bool b = true;
    double d;
    mc_err err;

    MC_REQUIRE_OK(mc_json_parse(arena,
                                MC_STR("{\"Name\":\"x\",\"n\":5.0,\"e\":1e3,\"f\":1.5,\"b\":false,"
                                       "\"big\":9223372036854775808}"),
                                NULL, &v, &err),
                  &err);
    MC_EXPECT(mc_json_find(v, MC_STR("name")) == NULL);
    MC_EXPECT(mc_json_get_str(mc_json_find_nocase(v, MC_STR("name")), &s));
    MC_EXPECT_Z(s, "x");
    MC_EXPECT(mc_json_get_i64(mc_json_find(v, MC_STR("n")), 0, 10, &i));
    MC_EXPECT_EQ(i, 5);
    MC_EXPECT(mc_json_get_i64(mc_json_find(v, MC_STR("e")), 0, 1000, &i));
    MC_EXPECT_EQ(i, 1000);
    MC_EXPECT(!mc_json_get_i64(mc_json_find(v, MC_STR("f")), 0, 10, &i));
    MC_EXPECT(!mc_json_get_i64(mc_json_find(v, MC_STR("big")), INT64_MIN, INT64_MAX, &i));
    MC_EXPECT(!mc_json_get_i64(NULL, 0, 1, &i));
    MC_EXPECT_EQ(i, 1000);
    MC_EXPECT(mc_json_get_bool(mc_json_find(v, MC_STR("b")), &b) && !b);
    MC_EXPECT(mc_json_get_double(mc_json_find(v, MC_STR("f")), &d) && d == 1.5);
    MC_EXPECT(!mc_json_get_str(mc_json_find(v, MC_STR("n")), &s));
    mc_arena_free(arena);
}

MC_TEST("doubles are written in the shortest digits that read back")
{
    static const struct {
        double value;
        const char *text;
    } doubles[] = {
        {0, "0"},
        {-0.0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {123456.789, "123456.789"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0.30000000000000004, "0.30000000000000004"},
    };

    for (size_t i = 0; i < MC_LEN(doubles); i++) {
        mc_buf out;

        MC_CASE(doubles[i].text);
        mc_buf_init(&out, 0);
        mc_json_write_double(&out, doubles[i].value);
        MC_EXPECT_Z(mc_buf_get(&out), doubles[i].text);
        mc_buf_deinit(&out);
    }
}

MC_TEST("sorted writing orders the members of every object, and bad bytes become U+FFFD")
{
    mc_arena *arena = mc_arena_new(0);
    const mc_json *v;
    mc_buf out;
    mc_err err;

    MC_REQUIRE_OK(
        mc_json_parse(arena, MC_STR("{\"b\":{\"z\":1,\"a\":2},\"B\":3,\"a\":4}"), NULL, &v, &err),
        &err);
    mc_buf_init_arena(&out, arena, 0);
    mc_json_write_sorted(&out, v, arena);
    MC_EXPECT_Z(mc_buf_get(&out), "{\"B\":3,\"a\":4,\"b\":{\"a\":2,\"z\":1}}");
    mc_buf_init_arena(&out, arena, 0);
    mc_json_write_str(&out, MC_STR("a\xff"
                                   "b\x7f"));
    MC_EXPECT_Z(mc_buf_get(&out), "\"a\xef\xbf\xbd"
                                  "b\x7f\"");
    mc_arena_free(arena);
}

static mc_code parse(mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    const mc_json *v;
    mc_code rc = arena
                     ? mc_json_parse(arena, MC_STR("{\"a\":[1,2,\"\\n\"],\"b\":{}}"), NULL, &v, err)
                     : mc_fail(err, MC_NO_MEMORY, "arena");

    mc_arena_free(arena);
    return rc;
}

MC_TEST("parsing without memory is an ordinary error")
{
    MC_TEST_OOM(parse);
}
