/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/utf8.h"

#include "mc_test.h"

MC_TEST("only well-formed UTF-8 is valid")
{
    static const struct {
        const char *name, *text;
        bool is_valid;
    } cases[] = {
        {"nothing", "", true},
        {"ASCII", "plain text longer than eight bytes", true},
        {"two, three and four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true},
        {"the last code point", "\xf4\x8f\xbf\xbf", true},
        {"beyond it", "\xf4\x90\x80\x80", false},
        {"an overlong slash", "\xc0\xaf", false},
        {"an overlong three", "\xe0\x80\xaf", false},
        {"an overlong four", "\xf0\x80\x80\xaf", false},
        {"a surrogate", "\xed\xa0\x80", false},
        {"a lone continuation", "a\x80", false},
        {"a cut character", "abcdefgh\xe2\x82", false},
        {"a byte that never stands", "\xff", false},
        {"five bytes", "\xf8\x88\x80\x80\x80", false},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_utf8_is_valid(mc_z(cases[i].text)), cases[i].is_valid);
    }
}

MC_TEST("truncation never splits a character")
{
    mc_str s = MC_STR("a\xc3\xa9\xe2\x82\xac");

    MC_EXPECT_EQ(mc_utf8_truncate(s, 0).len, 0);
    MC_EXPECT_EQ(mc_utf8_truncate(s, 1).len, 1);
    MC_EXPECT_EQ(mc_utf8_truncate(s, 2).len, 1);
    MC_EXPECT_EQ(mc_utf8_truncate(s, 3).len, 3);
    MC_EXPECT_EQ(mc_utf8_truncate(s, 5).len, 3);
    MC_EXPECT_EQ(mc_utf8_truncate(s, 6).len, 6);
    MC_EXPECT_EQ(mc_utf8_truncate(s, 99).len, 6);
    MC_EXPECT_EQ(mc_utf8_count(s), 3);
}

MC_TEST("what is put is what is read again")
{
    static const uint32_t runes[] = {1,      0x7f,   0x80,   0x7ff,   0x800,
                                     0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};

    for (size_t i = 0; i < MC_LEN(runes); i++) {
        char bytes[4];
        size_t len = mc_utf8_put(bytes, runes[i]), pos = 0;
        uint32_t rune = 0;

        MC_EXPECT(mc_utf8_next(mc_str_of(bytes, len), &pos, &rune));
        MC_EXPECT_EQ(rune, runes[i]);
        MC_EXPECT_EQ(pos, len);
    }
}
