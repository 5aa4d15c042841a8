/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/encode.h"

#include "mc_test.h"

MC_TEST("base64 is RFC 4648's, both alphabets, and back")
{
    static const struct {
        const char *bytes, *padded, *url;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"\xfb\xff", "+/8=", "-_8"},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str bytes = MC_STR("untouched");
        mc_buf buf;

        MC_CASE(cases[i].padded);
        mc_buf_init_arena(&buf, arena, 0);
        mc_base64_write(&buf, mc_z(cases[i].bytes));
        MC_EXPECT_Z(mc_buf_get(&buf), cases[i].padded);
        MC_EXPECT(mc_base64_parse(arena, mc_z(cases[i].padded), &bytes));
        MC_EXPECT_Z(bytes, cases[i].bytes);
        mc_buf_init_arena(&buf, arena, 0);
        mc_base64url_write(&buf, mc_z(cases[i].bytes));
        MC_EXPECT_Z(mc_buf_get(&buf), cases[i].url);
        MC_EXPECT(mc_base64url_parse(arena, mc_z(cases[i].url), &bytes));
        MC_EXPECT_Z(bytes, cases[i].bytes);
    }
    mc_arena_free(arena);
}

MC_TEST("what is not canonical is not decoded")
{
    static const char *const base64[] = {
        "Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zm 9v", "Zm9v\n", "-_8="};
    static const char *const url[] = {"Zg==", "Z", "Zh", "+/8", "Zm9.v"};
    static const char *const hex[] = {"0", "0g", "0x", " 00"};
    static const char *const percent[] = {"%", "%4", "%zz", "a%"};
    mc_arena *arena = mc_arena_new(0);
    mc_str out = MC_STR("untouched");

    for (size_t i = 0; i < MC_LEN(base64); i++)
        MC_EXPECT(!mc_base64_parse(arena, mc_z(base64[i]), &out));
    for (size_t i = 0; i < MC_LEN(url); i++)
        MC_EXPECT(!mc_base64url_parse(arena, mc_z(url[i]), &out));
    for (size_t i = 0; i < MC_LEN(hex); i++)
        MC_EXPECT(!mc_hex_parse(arena, mc_z(hex[i]), &out));
    for (size_t i = 0; i < MC_LEN(percent); i++)
        MC_EXPECT(!mc_percent_parse(arena, mc_z(percent[i]), true, &out));
    MC_EXPECT_Z(out, "untouched");
    mc_arena_free(arena);
}

MC_TEST("hexadecimal and percent-encoding go there and back")
{
    mc_arena *arena = mc_arena_new(0);
    mc_str out;
    mc_buf buf;

    mc_buf_init_arena(&buf, arena, 0);
    mc_hex_write(&buf, MC_STR("\x00\x7f\xff"));
    MC_EXPECT_Z(mc_buf_get(&buf), "007fff");
    MC_EXPECT(mc_hex_parse(arena, MC_STR("007FFf"), &out));
    MC_EXPECT_STR(out, MC_STR("\x00\x7f\xff"));
    mc_buf_init_arena(&buf, arena, 0);
    mc_percent_write(&buf, MC_STR("a b/\xc3\xa9~"));
    MC_EXPECT_Z(mc_buf_get(&buf), "a%20b%2F%C3%A9~");
    MC_EXPECT(mc_percent_parse(arena, MC_STR("a+b%2f%C3%A9"), true, &out));
    MC_EXPECT_Z(out, "a b/\xc3\xa9");
    MC_EXPECT(mc_percent_parse(arena, MC_STR("a+b"), false, &out));
    MC_EXPECT_Z(out, "a+b");
    mc_arena_free(arena);
}
