/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/decimal.h"

#include "mc_test.h"

#include <stdio.h>

MC_TEST("numbers become canonical or are refused for what they are")
{
    static const struct {
        const char *text;
        uint32_t precision, scale;
        mc_decimal_result result;
        const char *canonical;
    } cases[] = {
        {"0", 18, 4, MC_DECIMAL_OK, "0"},
        {"-0.000", 18, 4, MC_DECIMAL_OK, "0"},
        {"1.50", 18, 4, MC_DECIMAL_OK, "1.5"},
        {"12345678901234.5678", 18, 4, MC_DECIMAL_OK, "12345678901234.5678"},
        {"-99999999999999.9999", 18, 4, MC_DECIMAL_OK, "-99999999999999.9999"},
        {"1e3", 18, 4, MC_DECIMAL_OK, "1000"},
        {"1.5E-3", 18, 4, MC_DECIMAL_OK, "0.0015"},
        {"0.00010", 18, 4, MC_DECIMAL_OK, "0.0001"},
        {"100e-2", 18, 4, MC_DECIMAL_OK, "1"},
        {"123456789012345", 18, 4, MC_DECIMAL_OUT_OF_RANGE, NULL},
        {"1e15", 18, 4, MC_DECIMAL_OUT_OF_RANGE, NULL},
        {"1e999999999999999999999", 18, 4, MC_DECIMAL_OUT_OF_RANGE, NULL},
        {"0e999999", 18, 4, MC_DECIMAL_OK, "0"},
        {"0.00001", 18, 4, MC_DECIMAL_TOO_PRECISE, NULL},
        {"1e-99999999", 18, 4, MC_DECIMAL_TOO_PRECISE, NULL},
        {"9007199254740993", 0, 0, MC_DECIMAL_OK, "9007199254740993"},
        {"1000e-3", 18, 4, MC_DECIMAL_OK, "1"},
        {"0.0000000000123e12", 18, 4, MC_DECIMAL_OK, "12.3"},
        {"9999e-3", 4, 3, MC_DECIMAL_OK, "9.999"},
        {"9999e-2", 4, 3, MC_DECIMAL_OUT_OF_RANGE, NULL},
        {"0.5", 3, 3, MC_DECIMAL_OK, "0.5"},
        {"1", 3, 3, MC_DECIMAL_OUT_OF_RANGE, NULL},
        {"-1e63", 0, 0, MC_DECIMAL_OK,
         "-1000000000000000000000000000000000000000000000000000000000000000"},
        {"1e64", 0, 0, MC_DECIMAL_OUT_OF_RANGE, NULL},
        {"1e-65", 0, 0, MC_DECIMAL_TOO_PRECISE, NULL},
        {"1.0000000000000000000000000000000000000000000000000000000000000001", 0, 0,
         MC_DECIMAL_TOO_PRECISE, NULL},
        {"1e-", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"1.e3", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"--1", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"+1", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"1,5", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"-", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {".5", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"5.", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"01", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"1e", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"1 ", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"0x10", 18, 4, MC_DECIMAL_MALFORMED, NULL},
        {"NaN", 18, 4, MC_DECIMAL_MALFORMED, NULL},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str out = MC_STR("untouched");

        MC_CASE(cases[i].text);
        MC_EXPECT_EQ(
            mc_decimal_parse(arena, mc_z(cases[i].text), cases[i].precision, cases[i].scale, &out),
            cases[i].result);
        MC_EXPECT_Z(out, cases[i].canonical ? cases[i].canonical : "untouched");
    }
    mc_arena_free(arena);
}

MC_TEST("decimals compare and add as numbers")
{
    static const struct {
        const char *a, *b, *sum;
        int order;
    } cases[] = {
        {"1", "2", "3", -1},           {"10", "9", "19", 1},
        {"1.50", "1.5", "3", 0},       {"-1", "1", "0", -1},
        {"-2", "-1", "-3", -1},        {"0.1", "0.2", "0.3", -1},
        {"-0", "0", "0", 0},           {"99999999999999.9999", "0.0001", "100000000000000", 1},
        {"1", "-0.0001", "0.9999", 1}, {"5", "-7.25", "-2.25", 1},
        {"-5", "7.25", "2.25", -1},    {"007", "7", "14", 0},
        {"1e3", "999", "1999", 1},     {"100e-2", "1.00", "2", 0},
        {"-1e3", "-999", "-1999", -1}, {"0e9", "-0.0", "0", 0},
        {"0.01", "0.001", "0.011", 1}, {"-0.5", "0", "-0.5", -1},
        {"12", "123", "135", -1},      {"1e-3", "-1e-3", "0", 1},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str a = mc_z(cases[i].a), b = mc_z(cases[i].b);
        mc_buf out;

        MC_CASE(cases[i].sum);
        MC_EXPECT_EQ(mc_decimal_cmp(a, b), cases[i].order);
        MC_EXPECT_EQ(mc_decimal_cmp(b, a), -cases[i].order);
        mc_buf_init(&out, 0);
        mc_decimal_add(&out, a, b);
        MC_EXPECT_Z(mc_buf_get(&out), cases[i].sum);
        mc_buf_deinit(&out);
    }
}

MC_TEST("an exponent is not cut, however many zeros make up for it")
{
    static char text[8000];
    mc_arena *arena = mc_arena_new(0);
    mc_str out;
    int len = snprintf(text, sizeof(text), "0.%05000d1e50000", 0);

    MC_EXPECT_EQ(mc_decimal_parse(arena, mc_str_of(text, (size_t)len), 18, 4, &out),
                 MC_DECIMAL_OUT_OF_RANGE);
    len = snprintf(text, sizeof(text), "0.%05000d1e99999999999999999999", 0);
    MC_EXPECT_EQ(mc_decimal_parse(arena, mc_str_of(text, (size_t)len), 18, 4, &out),
                 MC_DECIMAL_OUT_OF_RANGE);
    len = snprintf(text, sizeof(text), "0.%05000d1e5001", 0);
    MC_EXPECT_EQ(mc_decimal_parse(arena, mc_str_of(text, (size_t)len), 18, 4, &out), MC_DECIMAL_OK);
    MC_EXPECT_Z(out, "1");
    mc_arena_free(arena);
}

MC_TEST("a sum that cannot be written, or of what is no number, fails its buffer")
{
    static const struct {
        const char *name, *a, *b;
        bool is_sum;
    } cases[] = {
        {"just fits", "1e1000", "1e-20", true},
        {"too many digits", "1e1000", "1e-30", false},
        {"a huge exponent", "1", "1e999999999999999999999", false},
        {"a tiny one", "1e-999999999999999999999", "1", false},
        {"zero with a huge exponent", "0e999999999", "1", true},
        {"text", "1", "one", false},
        {"nothing", "", "1", false},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_buf out;

        MC_CASE(cases[i].name);
        mc_buf_init(&out, 0);
        mc_decimal_add(&out, mc_z(cases[i].a), mc_z(cases[i].b));
        MC_EXPECT_EQ(mc_buf_failed(&out), !cases[i].is_sum);
        mc_buf_deinit(&out);
    }
}

MC_TEST("a decimal without memory says so")
{
    mc_arena *arena = mc_arena_new(1);
    mc_str out = MC_STR("untouched");

    MC_EXPECT_EQ(mc_decimal_parse(arena, MC_STR("1.5"), 18, 4, &out), MC_DECIMAL_NO_MEMORY);
    MC_EXPECT_Z(out, "untouched");
    mc_arena_free(arena);
}

MC_TEST("a quotient is rounded once, half away from zero")
{
    static const struct {
        const char *a;
        uint64_t n;
        uint32_t scale;
        const char *wanted; /* NULL: refused */
    } cases[] = {
        {"10", 4, 6, "2.5"},
        {"1", 3, 6, "0.333333"},
        {"2", 3, 6, "0.666667"},
        {"-2", 3, 6, "-0.666667"},
        {"1", 2, 0, "1"},
        {"-1", 2, 0, "-1"},
        {"0.49999999", 1, 0, "0"},
        {"0.5", 1, 0, "1"},
        {"1.0000005", 1, 6, "1.000001"},
        {"1.0000004999", 1, 6, "1"},
        {"-0.0000005", 1, 6, "-0.000001"},
        {"-0.0000004", 1, 6, "0"},
        {"0", 7, 6, "0"},
        {"99999999999999999999999999.9999", 10000, 6, "10000000000000000000000"},
        {"999999.9999995", 1, 6, "1000000"},
        {"18014398509481984.0001", 3, 6, "6004799503160661.333367"},
        {"1152921504606846976", UINT64_C(1) << 60, 6, "1"},
        {"1", 0, 6, NULL},
        {"1", UINT64_MAX, 6, NULL},
        {"one", 1, 6, NULL},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_buf out;

        MC_CASE(cases[i].a);
        mc_buf_init(&out, 0);
        mc_decimal_div_u64(&out, mc_z(cases[i].a), cases[i].n, cases[i].scale);
        MC_EXPECT_EQ(mc_buf_failed(&out), cases[i].wanted == NULL);
        if (cases[i].wanted)
            MC_EXPECT_Z(mc_buf_get(&out), cases[i].wanted);
        mc_buf_deinit(&out);
    }
}

MC_TEST("products and quotients are exact, or rounded once")
{
    static const struct {
        char operator;
        const char *a, *b, *wanted; /* NULL: refused */
    } cases[] = {
        {'*', "1.5", "1.5", "2.25"},
        {'*', "-0.1", "0.2", "-0.02"},
        {'*', "0", "-5", "0"},
        {'*', "99999999999999999999", "99999999999999999999",
         "9999999999999999999800000000000000000001"},
        {'*', "1e-20", "3", "0.00000000000000000003"},
        {'*', "x", "1", NULL},
        {'/', "10", "4", "2.5"},
        {'/', "1", "3", "0.3333333333333333"},
        {'/', "2", "3", "0.6666666666666667"},
        {'/', "-2", "3", "-0.6666666666666667"},
        {'/', "1", "0.00000000000000000001", "100000000000000000000"},
        {'/', "0", "7", "0"},
        {'/', "123456789012345678901234567890.5", "0.5", "246913578024691357802469135781"},
        {'/', "1", "123456789012345678901234567890", "0"},
        {'/', "1", "0", NULL},
        {'/', "1", "-0.0", NULL},
        {'%', "7", "3", "1"},
        {'%', "-7", "3", "-1"},
        {'%', "7.5", "0.2", "0.1"},
        {'%', "9", "3", "0"},
        {'%', "0.3", "12345", "0.3"},
        {'%', "7", "0", NULL},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_buf out;

        MC_CASE(cases[i].a);
        mc_buf_init(&out, 0);
        if (cases[i].operator== '*')
            mc_decimal_mul(&out, mc_z(cases[i].a), mc_z(cases[i].b));
        else if (cases[i].operator== '/')
            mc_decimal_div(&out, mc_z(cases[i].a), mc_z(cases[i].b), 16);
        else
            mc_decimal_mod(&out, mc_z(cases[i].a), mc_z(cases[i].b));
        MC_EXPECT_EQ(mc_buf_failed(&out), cases[i].wanted == NULL);
        if (cases[i].wanted)
            MC_EXPECT_Z(mc_buf_get(&out), cases[i].wanted);
        mc_buf_deinit(&out);
    }
}
