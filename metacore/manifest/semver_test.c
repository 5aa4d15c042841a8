/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/manifest/semver.h"

#include "mc_test.h"

MC_TEST("versions are read loosely, and what is none is refused")
{
    static const struct {
        const char *text;
        bool is_version;
        uint64_t major, minor, patch;
        const char *prerelease;
    } cases[] = {
        {"1.2.3", true, 1, 2, 3, ""},
        {"v1.2.3", true, 1, 2, 3, ""},
        {"1.2", true, 1, 2, 0, ""},
        {"1", true, 1, 0, 0, ""},
        {"v2", true, 2, 0, 0, ""},
        {"1.2.3-beta.1", true, 1, 2, 3, "beta.1"},
        {"1.2.3-beta.1+build.5", true, 1, 2, 3, "beta.1"},
        {"1.2.3+20260101", true, 1, 2, 3, ""},
        {"1.2-rc1", true, 1, 2, 0, "rc1"},
        {"18446744073709551615.0.0", true, UINT64_MAX, 0, 0, ""},
        {"", false, 0, 0, 0, ""},
        {"v", false, 0, 0, 0, ""},
        {"abc", false, 0, 0, 0, ""},
        {"1.", false, 0, 0, 0, ""},
        {".1", false, 0, 0, 0, ""},
        {"1..2", false, 0, 0, 0, ""},
        {"1.2.3.4", false, 0, 0, 0, ""},
        {"1.2.x", false, 0, 0, 0, ""},
        {"-1.0.0", false, 0, 0, 0, ""},
        {"1.2.3-", false, 0, 0, 0, ""},
        {"1.2.3-a..b", false, 0, 0, 0, ""},
        {"1.2.3-a_b", false, 0, 0, 0, ""},
        {"1.2.3+", false, 0, 0, 0, ""},
        {" 1.2.3", false, 0, 0, 0, ""},
        {"18446744073709551616.0.0", false, 0, 0, 0, ""},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_semver v = {0};
        mc_err err;

        MC_CASE(cases[i].text);
        MC_EXPECT_EQ(mc_semver_parse(mc_z(cases[i].text), &v, &err),
                     cases[i].is_version ? MC_OK : MC_INVALID);
        MC_EXPECT_EQ(v.major, cases[i].major);
        MC_EXPECT_EQ(v.minor, cases[i].minor);
        MC_EXPECT_EQ(v.patch, cases[i].patch);
        MC_EXPECT_Z(v.prerelease, cases[i].prerelease);
    }
}

MC_TEST("precedence is that of Semantic Versioning, section 11")
{
    static const char *const rising[] = {
        "0.9.9",      "1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta",
        "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0",      "1.0.1",        "1.2.0",         "1.10.0",
        "2.0.0"};

    for (size_t i = 0; i < MC_LEN(rising); i++) {
        for (size_t k = 0; k < MC_LEN(rising); k++) {
            mc_semver a, b;
            mc_err err;
            int order;

            MC_CASE(rising[i]);
            MC_REQUIRE_OK(mc_semver_parse(mc_z(rising[i]), &a, &err), &err);
            MC_REQUIRE_OK(mc_semver_parse(mc_z(rising[k]), &b, &err), &err);
            order = mc_semver_cmp(&a, &b);
            MC_EXPECT_EQ((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}

static const struct {
    const char *range, *version;
    bool holds;
} ranges[] = {
    /* equality */
    {"1.2.3", "1.2.3", true},
    {"1.2.3", "1.2.4", false},
    {"=1.2.3", "1.2.3", true},
    {"= 1.2.3", "1.2.3", true},
    {"v1.2.3", "1.2.3", true},
    {"1.2", "1.2.9", true},
    {"1.2", "1.3.0", false},
    {"1", "1.9.9", true},
    {"!=1.2.3", "1.2.3", false},
    {"!=1.2.3", "1.2.4", true},
    {"!=1.2", "1.2.7", false},
    {"!=1.2", "1.3.0", true},
    /* order */
    {">1.2.3", "1.2.3", false},
    {">1.2.3", "1.2.4", true},
    {">1.2", "1.2.9", false},
    {">1.2", "1.3.0", true},
    {">1", "1.9.9", false},
    {">=1.2", "1.2.0", true},
    {"=>1.2", "1.1.9", false},
    {"<1.2", "1.1.9", true},
    {"<1.2", "1.2.0", false},
    {"<=1.2", "1.2.9", true},
    {"<=1.2", "1.3.0", false},
    {"=<1.2.3", "1.2.3", true},
    /* wildcards */
    {"*", "7.0.1", true},
    {"x", "0.0.0", true},
    {"1.x", "1.7.0", true},
    {"1.X", "2.0.0", false},
    {"1.2.*", "1.2.8", true},
    {"1.2.*", "1.3.0", false},
    {">=1.x", "1.0.0", true},
    {">=1.x", "0.9.0", false},
    /* tilde: the last number written may grow */
    {"~1.2.3", "1.2.9", true},
    {"~1.2.3", "1.2.2", false},
    {"~1.2.3", "1.3.0", false},
    {"~>1.2", "1.2.5", true},
    {"~1.2", "1.3.0", false},
    {"~1", "1.9.0", true},
    {"~1", "2.0.0", false},
    {"~1.x", "1.9.0", true},
    /* caret: all that keeps the first number that is not zero */
    {"^1.2.3", "1.9.0", true},
    {"^1.2.3", "1.2.2", false},
    {"^1.2.3", "2.0.0", false},
    {"^1.x", "1.4.0", true},
    {"^0.2.3", "0.2.9", true},
    {"^0.2.3", "0.3.0", false},
    {"^0.2", "0.2.9", true},
    {"^0.0.3", "0.0.3", true},
    {"^0.0.3", "0.0.4", false},
    {"^0.0", "0.0.9", true},
    {"^0.0", "0.1.0", false},
    {"^0", "0.9.0", true},
    {"^0", "1.0.0", false},
    /* hyphens */
    {"1.2 - 2.3", "1.2.0", true},
    {"1.2 - 2.3", "2.3.9", true},
    {"1.2 - 2.3", "2.4.0", false},
    {"1.2.0 - 2.3.0", "2.3.1", false},
    {"1.2 - 2.3", "1.1.9", false},
    {"1.2 - 2.3, !=2.0.0", "2.0.0", false},
    {"1.2 - 2.3, !=2.0.0", "2.0.1", true},
    {"1 - 2 || 4 - 5", "4.5.0", true},
    {"1 - 2 || 4 - 5", "3.0.0", false},
    /* and, or */
    {">=2.0.0 <3.0.0", "2.5.0", true},
    {">=2.0.0 <3.0.0", "3.0.0", false},
    {">=2.0.0, <3.0.0", "2.5.0", true},
    {">=2.0.0,<3.0.0", "1.9.0", false},
    {">=2.0.0<3.0.0", "2.1.0", true},
    {"<1.0 || >=2.0", "1.5.0", false},
    {"<1.0 || >=2.0", "2.0.0", true},
    {"<1.0||>=2.0", "0.5.0", true},
    /* prereleases are chosen, never met by chance */
    {">=1.0.0", "2.0.0-beta", false},
    {"*", "1.0.0-beta", false},
    {"^1.0.0", "1.5.0-beta", false},
    {">=1.0.0-0", "2.0.0-beta", true},
    {"^1.2.3-beta.2", "1.2.3-beta.3", true},
    {"^1.2.3-beta.2", "1.2.3-beta.1", false},
    {"^1.2.3-beta", "2.0.0-alpha", false},
    {"~1.2.3-beta", "1.3.0-alpha", false},
    {"1.2.3-beta", "1.2.3-beta", true},
    {"1.2.3-beta", "1.2.3", false},
};

MC_TEST("a version satisfies a range or does not, for each operator")
{
    for (size_t i = 0; i < MC_LEN(ranges); i++) {
        mc_semver v;
        bool holds = !ranges[i].holds;
        mc_err err;

        MC_CASE(ranges[i].range);
        MC_REQUIRE_OK(mc_semver_parse(mc_z(ranges[i].version), &v, &err), &err);
        MC_EXPECT_OK(mc_semver_satisfies(&v, mc_z(ranges[i].range), &holds, &err), &err);
        MC_EXPECT_EQ(holds, ranges[i].holds);
    }
}

MC_TEST("what is no range is refused, also behind an alternative that holds")
{
    static const char *const cases[] = {"",        " ",       "abc",     ">",      ">=",
                                        ">>1.0",   "=!1.0",   "1.0 ||",  "|| 1.0", "1.0 || x.y.z.w",
                                        ">= <2.0", "1.2.3.4", "1.0 - ",  "- 2.0",  "1.0 - >2.0",
                                        "^",       "!1.0",    "1.0;2.0", "latest", "1.0 |2.0"};

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_semver v = {.major = 1, .parts = 3};
        bool holds;
        mc_err err;

        MC_CASE(cases[i]);
        MC_EXPECT_EQ(mc_semver_satisfies(&v, mc_z(cases[i]), &holds, &err), MC_INVALID);
    }
}
