/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/str.h"

#include "metacore/base/err.h"
#include "metacore/base/secret.h"

#include "mc_test.h"

#include <errno.h>

MC_TEST("numbers are read whole, within their range, or not at all")
{
    static const struct {
        const char *text;
        int64_t min, max;
        bool is_read;
        int64_t value;
    } cases[] = {
        {"0", 0, 10, true, 0},
        {"-7", -10, 10, true, -7},
        {"007", 0, 10, true, 7},
        {"11", 0, 10, false, 0},
        {"-11", -10, 10, false, 0},
        {"", 0, 10, false, 0},
        {"-", -10, 10, false, 0},
        {"+1", 0, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1x", 0, 10, false, 0},
        {"9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX},
        {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN},
        {"99999999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        int64_t value = 42;

        MC_CASE(cases[i].text);
        MC_EXPECT_EQ(mc_str_i64(mc_z(cases[i].text), cases[i].min, cases[i].max, &value),
                     cases[i].is_read);
        MC_EXPECT_EQ(value, cases[i].is_read ? cases[i].value : 42);
    }
}

MC_TEST("splitting yields the parts between separators and ends")
{
    mc_str rest = MC_STR("a,,b"), part;

    MC_EXPECT(mc_str_split(&rest, ',', &part));
    MC_EXPECT_Z(part, "a");
    MC_EXPECT(mc_str_split(&rest, ',', &part));
    MC_EXPECT_Z(part, "");
    MC_EXPECT(mc_str_split(&rest, ',', &part));
    MC_EXPECT_Z(part, "b");
    MC_EXPECT(!mc_str_split(&rest, ',', &part));
    rest = MC_STR("");
    MC_EXPECT(!mc_str_split(&rest, ',', &part));
}

MC_TEST("searching, slicing and trimming stay within the text")
{
    mc_str s = MC_STR(" key: value \r\n");

    MC_EXPECT_EQ(mc_str_find(s, MC_STR("value")), 6);
    MC_EXPECT_EQ(mc_str_find(s, MC_STR("absent")), s.len);
    MC_EXPECT_EQ(mc_str_find(s, MC_STR("")), 0);
    MC_EXPECT_EQ(mc_str_find_char(s, 5, ':'), s.len);
    MC_EXPECT_EQ(mc_str_find_char(s, 500, ':'), s.len);
    MC_EXPECT_Z(mc_str_trim(s), "key: value");
    MC_EXPECT_Z(mc_str_slice(s, 1, 4), "key");
    MC_EXPECT_Z(mc_str_slice(s, 9, 4), "");
    MC_EXPECT_Z(mc_str_slice(MC_STR(""), 3, 9), "");
    MC_EXPECT(mc_str_eq_nocase(MC_STR("Content-TYPE"), MC_STR("content-type")));
    MC_EXPECT(mc_str_ends_with(s, MC_STR("\r\n")));
    MC_EXPECT(mc_str_cmp(MC_STR("a"), MC_STR("ab")) < 0);
    MC_EXPECT(mc_str_cmp(MC_STR("b"), MC_STR("ab")) > 0);
}

static const struct {
    const char *name, *text, *needle;
    size_t at;
} found[] = {
    {"at the beginning", "abc", "ab", 0},
    {"at the end", "abcd", "cd", 2},
    {"the whole", "ab", "ab", 0},
    {"longer than the text", "a", "ab", 1},
    {"after its own beginning", "\r\r\n", "\r\n", 1},
    {"only its beginning, at the end", "ab\r", "\r\n", 3},
    {"one byte", "abc", "c", 2},
    {"four, after three of them", "\r\n\r\r\n\r\n", "\r\n\r\n", 3},
    {"five", "aaaabaaaaab", "aaaab", 0},
    {"nowhere", "aaaaaaaa", "ab", 8},
    {"in nothing", "", "a", 0},
};

MC_TEST("a needle is found where it first stands, or not at all")
{
    for (size_t i = 0; i < MC_LEN(found); i++) {
        MC_CASE(found[i].name);
        MC_EXPECT_EQ(mc_str_find(mc_z(found[i].text), mc_z(found[i].needle)), found[i].at);
    }
}

MC_TEST("secrets are equal when every byte is, whatever their length")
{
    char a[40], b[40];

    memset(a, 'x', sizeof(a));
    memset(b, 'x', sizeof(b));
    for (size_t len = 0; len <= sizeof(a); len++) {
        MC_EXPECT(mc_str_eq_secret(mc_str_of(a, len), mc_str_of(b, len)));
        for (size_t i = 0; i < len; i++) {
            b[i] = 'y';
            MC_EXPECT(!mc_str_eq_secret(mc_str_of(a, len), mc_str_of(b, len)));
            b[i] = 'x';
        }
    }
}

MC_TEST("identifiers are letters, digits and underscores, at most 63 of them")
{
    MC_EXPECT(mc_str_is_identifier(MC_STR("due_at")));
    MC_EXPECT(mc_str_is_identifier(MC_STR("_x9")));
    MC_EXPECT(!mc_str_is_identifier(MC_STR("9x")));
    MC_EXPECT(!mc_str_is_identifier(MC_STR("")));
    MC_EXPECT(!mc_str_is_identifier(MC_STR("a\"b")));
    MC_EXPECT(!mc_str_is_identifier(
        MC_STR("a23456789012345678901234567890123456789012345678901234567890123x")));
}

MC_TEST("secrets are equal only when all of them is")
{
    MC_EXPECT(mc_str_eq_secret(MC_STR("secret"), MC_STR("secret")));
    MC_EXPECT(!mc_str_eq_secret(MC_STR("secret"), MC_STR("secreT")));
    MC_EXPECT(!mc_str_eq_secret(MC_STR("secretsecret"), MC_STR("secret")));
    MC_EXPECT(!mc_str_eq_secret(MC_STR("secret"), MC_STR("")));
    MC_EXPECT(mc_str_eq_secret(MC_STR(""), MC_STR("")));
}

MC_TEST("an error keeps its code and a whole-character message")
{
    char longest[400];
    mc_err err;

    MC_EXPECT_EQ(mc_fail(&err, MC_LIMIT, "queue of %d", 7), MC_LIMIT);
    MC_EXPECT_EQ(err.code, MC_LIMIT);
    MC_EXPECT_Z(mc_z(err.msg), "queue of 7");
    MC_EXPECT_EQ(mc_fail_errno(&err, MC_IO, ENOENT, "open %s", "x"), MC_IO);
    MC_EXPECT_Z(mc_z(err.msg), "open x: No such file or directory");
    MC_EXPECT_EQ(mc_fail(NULL, MC_IO, "nobody listens"), MC_IO);
    for (size_t i = 0; i + 2 < sizeof(longest); i += 2)
        memcpy(longest + i, "\xc3\xa9", 3);
    (void)mc_fail(&err, MC_IO, "x%s", longest); /* the code is not what this looks at */
    MC_EXPECT_EQ(strlen(err.msg) % 2, 1);       /* x and whole two-byte characters */
    MC_EXPECT_Z(mc_z(mc_code_name(MC_NOT_FOUND)), "not_found");
    MC_EXPECT_Z(mc_z(mc_code_name((mc_code)999)), "unknown");
}

MC_TEST("a secret is its own copy")
{
    char text[] = "hush";
    mc_secret secret = {0};
    mc_err err;

    MC_REQUIRE_OK(mc_secret_init(&secret, mc_z(text), &err), &err);
    mc_wipe(text, sizeof(text));
    MC_EXPECT_EQ(text[0], 0);
    MC_EXPECT_Z(mc_secret_get(&secret), "hush");
    mc_secret_deinit(&secret);
    mc_secret_deinit(&secret);
}
