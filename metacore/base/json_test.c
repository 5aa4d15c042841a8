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
    {"a control character behind eight plain ones", "\"abcdefgh\x01\"", NULL},
    {"invalid UTF-8 behind eight plain bytes", "\"abcdefghi\xff\"", NULL},
    {"invalid UTF-8 behind a backslash", "\"\\\xff\"", NULL},
    {"invalid UTF-8 and eight plain bytes behind it",
     "\"\xff"
     "bcdefghijklmnop\"",
     NULL},
    {"half a character, then an escape", "\"\xc3\\n\"", NULL},
    {"a pair cut by the end", "\"\\ud83d\\u\"", NULL},
    {"DEL is text", "\"\x7f\"", "\"\x7f\""},
    {"text around escapes", "\"0123456789\\n0123456789\\t\xc3\xb1\"",
     "\"0123456789\\n0123456789\\t\xc3\xb1\""},
    {"work in every place of a word", "\"a<bc>def&gh\xc3\xb1ij\\\"klm\"",
     "\"a\\u003cbc\\u003edef\\u0026gh\xc3\xb1ij\\\"klm\""},
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

/* {"<long>0":0,"<long>1":0, … }: keys that agree in length, first, middle and last byte. */
static size_t write_alike(char *text, size_t size, int count)
{
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, size - len, "%s\"k%05dmiddle%05dk\":0", i ? "," : "{",
                                i, count - i);
    text[len++] = '}';
    return len;
}

MC_TEST("keys that look alike are different keys, a few of them and many")
{
    static char text[200000];
    static const int counts[] = {2, 63, 64, 65, 5000};

    for (size_t i = 0; i < MC_LEN(counts); i++) {
        mc_arena *arena = mc_arena_new(0);
        size_t len = write_alike(text, sizeof(text), counts[i]);
        const mc_json *value;
        mc_err err;

        MC_CASE("different");
        MC_EXPECT_OK(mc_json_parse(arena, mc_str_of(text, len), NULL, &value, &err), &err);
        MC_EXPECT_EQ(value->as.object.count, counts[i]);
        MC_CASE("the first one again at the end");
        memcpy(text + len - 1, ",", 1);
        memcpy(text + len, text + 1, 22);
        memcpy(text + len + 22, "}", 1);
        MC_EXPECT_EQ(mc_json_parse(arena, mc_str_of(text, len + 23), NULL, &value, &err),
                     MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), "the key \"k00000middle");
        mc_arena_free(arena);
    }
}

MC_TEST("more elements than the parser keeps at hand, in arrays within arrays")
{
    static char text[20000];
    mc_arena *arena = mc_arena_new(0);
    const mc_json *value;
    size_t len = 0;
    mc_err err;

    for (int i = 0; i < 500; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s[%d,[%d]]", i ? "," : "[", i, i);
    text[len++] = ']';
    MC_REQUIRE_OK(mc_json_parse(arena, mc_str_of(text, len), NULL, &value, &err), &err);
    MC_EXPECT_EQ(value->as.array.count, 500);
    MC_EXPECT_Z(value->as.array.items[499]->as.array.items[1]->as.array.items[0]->as.number, "499");
    mc_arena_free(arena);
}

MC_TEST("integers are read exactly or not at all")
{
    static const struct {
        const char *text;
        int64_t min, max, value;
        bool is_read;
    } rows[] = {
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true},
        {"-9223372036854775808.0", INT64_MIN, INT64_MAX, INT64_MIN, true},
        {"9223372036854775808.0", INT64_MIN, INT64_MAX, 0, false},
        {"9007199254740993.00", INT64_MIN, INT64_MAX, 9007199254740993, true},
        {"1e18", INT64_MIN, INT64_MAX, INT64_C(1000000000000000000), true},
        {"1e19", INT64_MIN, INT64_MAX, 0, false},
        {"1e999999999999", INT64_MIN, INT64_MAX, 0, false},
        {"120e-1", 0, 12, 12, true},
        {"-1.20E+2", -120, 0, -120, true},
        {"0e5", 0, 0, 0, true},
        {"-0", 0, 0, 0, true},
        {"1.5", 0, 9, 0, false},
        {"1e-1", 0, 9, 0, false},
        {"11", 0, 10, 0, false},
    };

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        mc_json number = {.kind = MC_JSON_NUMBER, .as.number = mc_z(rows[i].text)};
        int64_t read = 77;

        MC_CASE(rows[i].text);
        MC_EXPECT_EQ(mc_json_get_i64(&number, rows[i].min, rows[i].max, &read), rows[i].is_read);
        MC_EXPECT_EQ(read, rows[i].is_read ? rows[i].value : 77);
    }
}

MC_TEST("doubles are read as the nearest one, whatever the locale and the length")
{
    static char many[1000];
    static const char *const texts[] = {
        "0",
        "-1.5",
        "0.1",
        "123456789012345e-22",
        "9007199254740993",
        "1e23",
        "1e22",
        "8.5e-5",
        "4.9e-324",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "1e-400",
        "-0.0",
        "798208725940731865e-5",
        "996090584972894040e-5", /* two roundings would miss these */
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649"
        "e222",
        many,
    };
    mc_json number = {.kind = MC_JSON_NUMBER};
    double read = 7;

    /* Half way between two doubles but for its last digit: 2^53 + 1 and a bit. */
    (void)snprintf(many, sizeof(many), "9007199254740993.%0900d1", 0);
    for (size_t i = 0; i < MC_LEN(texts); i++) {
        MC_CASE(texts[i]);
        number.as.number = mc_z(texts[i]);
        MC_EXPECT(mc_json_get_double(&number, &read) && read == strtod(texts[i], NULL));
    }
    read = 7;
    number.as.number = MC_STR("-1e309");
    MC_EXPECT(!mc_json_get_double(&number, &read) && read == 7);
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
        {12.5, "12.5"},
        {99999.99, "99999.99"},
        {-0.001, "-0.001"},
        {0.0000012345, "0.0000012345"},
        {1e15, "1000000000000000"},
        {123456789012345680, "123456789012345680"},
        {9007199254740992, "9007199254740992"},
        {999999999999999900000.0, "999999999999999900000"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {9.5e-7, "9.5e-7"},
        {4.35, "4.35"},
        {5e22, "5e+22"},
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

MC_TEST("any double reads back from its text, and no shorter text would do")
{
    uint64_t bits = UINT64_C(0x9e3779b97f4a7c15);

    for (int i = 0; i < 20000; i++) {
        char text[64], other[64];
        size_t digits = 0;
        double v;
        mc_buf out;

        bits ^= bits << 13; /* xorshift: the same numbers every time */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&v, &bits, sizeof(v));
        if (i % 2)
            v = (double)(int64_t)(bits >> 24) / (i % 4 == 1 ? 100.0 : 1e9);
        if (v != v || v - v != 0)
            continue;
        mc_buf_init_borrowed(&out, text, sizeof(text) - 1, 0);
        mc_json_write_double(&out, v);
        text[out.len] = '\0';
        MC_CASE(text);
        MC_REQUIRE(strtod(text, NULL) == v);
        for (const char *c = text; *c && *c != 'e'; c++)
            digits += *c >= '0' && *c <= '9' && (digits > 0 || *c != '0');
        if (digits < 2 || !strpbrk(text, ".e"))
            continue; /* zeros that stand for places are no digits to save */
        (void)snprintf(other, sizeof(other), "%.*e", (int)digits - 2, v);
        MC_REQUIRE(strtod(other, NULL) != v);
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
    mc_buf_init_arena(&out, arena, 0);
    mc_json_write_str(&out, MC_STR("0123\xff"
                                   "456789 0\xe2\x80\xa8"
                                   "123456789"));
    MC_EXPECT_Z(mc_buf_get(&out), "\"0123\xef\xbf\xbd"
                                  "456789 0\\u2028123456789\"");
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
