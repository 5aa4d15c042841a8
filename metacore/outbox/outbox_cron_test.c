/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/outbox/outbox.h"

#include "mc_test.h"

MC_TEST("a cron expression says the next times, in UTC")
{
    static const struct {
        const char *cron, *from, *next, *after;
    } cases[] = {
        {"* * * * *", "2026-11-25T10:00:00Z", "2026-11-25T10:01:00Z", "2026-11-25T10:02:00Z"},
        {"* * * * *", "2026-11-25T10:00:59.999999Z", "2026-11-25T10:01:00Z",
         "2026-11-25T10:02:00Z"},
        {"*/20 * * * *", "2026-11-25T10:10:00Z", "2026-11-25T10:20:00Z", "2026-11-25T10:40:00Z"},
        {"50/5 23 * * *", "2026-12-31T23:54:00Z", "2026-12-31T23:55:00Z", "2027-01-01T23:50:00Z"},
        {"5,10-12 3 * * *", "2026-11-25T03:10:00Z", "2026-11-25T03:11:00Z", "2026-11-25T03:12:00Z"},
        {"0 9 * * MON-fri", "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z", "2026-12-01T09:00:00Z"},
        {"0 0 * * 7", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z"},
        {"0 0 * * 5-7", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"},
        /* both days given: either is enough; one with a star: both have to hold */
        {"0 0 13 * fri", "2026-11-12T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"},
        {"0 0 */2 * fri", "2026-11-12T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-27T00:00:00Z"},
        {"0 12 31 * *", "2026-11-25T00:00:00Z", "2026-12-31T12:00:00Z", "2027-01-31T12:00:00Z"},
        {"0 0 29 2 *", "2026-11-25T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"},
        {"0 0 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z"},
        {"@monthly", "2026-11-25T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
        {"  0\t0  1 1 *  ", "2026-11-25T00:00:00Z", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_time at = 0, next = 0, expected = 0;
        mc_cron cron;
        mc_err err;

        MC_CASE(cases[i].cron);
        MC_REQUIRE_OK(mc_cron_parse(mc_z(cases[i].cron), &cron, &err), &err);
        MC_EXPECT(mc_time_parse(mc_z(cases[i].from), &at));
        MC_EXPECT(mc_cron_next(&cron, at, &next));
        MC_EXPECT(mc_time_parse(mc_z(cases[i].next), &expected));
        MC_EXPECT_EQ(next, expected);
        MC_EXPECT(mc_cron_next(&cron, next, &next));
        MC_EXPECT(mc_time_parse(mc_z(cases[i].after), &expected));
        MC_EXPECT_EQ(next, expected);
    }
}

MC_TEST("what is no cron expression is refused by its field")
{
    static const struct {
        const char *cron, *has;
    } cases[] = {
        {"", "five fields"},        {"* * * *", "five fields"},   {"* * * * * *", "more than"},
        {"60 * * * *", "minute"},   {"* 24 * * *", "hour"},       {"* * 0 * *", "day"},
        {"* * 32 * *", "day"},      {"* * * 13 *", "month"},      {"* * * * 8", "weekday"},
        {"* * * foo *", "month"},   {"5-1 * * * *", "minute"},    {"*/0 * * * *", "minute"},
        {"1,,2 * * * *", "minute"}, {", * * * *", "minute"},      {"-1 * * * *", "minute"},
        {"1- * * * *", "minute"},   {"*5 * * * *", "minute"},     {"+1 * * * *", "minute"},
        {"0 0 31 2 *", "never"},    {"0 0 30,31 feb *", "never"}, {"@never", "minute"},
        {"001 * * * *", "minute"},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_cron cron;
        mc_err err = {MC_OK, ""};

        MC_CASE(cases[i].cron);
        MC_EXPECT_EQ(mc_cron_parse(mc_z(cases[i].cron), &cron, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), cases[i].has);
    }
}
