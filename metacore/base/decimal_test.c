/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/decimal.h"

#include "mc_test.h"

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
