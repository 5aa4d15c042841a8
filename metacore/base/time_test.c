/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/time.h"

#include "mc_test.h"

MC_TEST("times are read from RFC 3339 and written in UTC, microseconds, fixed width")
{
    static const struct {
        const char *text, *written; /* NULL: refused */
    } cases[] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
        {"2026-11-24T10:00:00.5+02:00", "2026-11-24T08:00:00.500000Z"},
        {"2026-11-24t10:00:00.123456789z", "2026-11-24T10:00:00.123456Z"},
        {"2026-11-24 10:00:00-23:59", "2026-11-25T09:59:00.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"0001-01-01T00:00:00-00:01", "0001-01-01T00:01:00.000000Z"},
        {"0001-01-01T00:00:00+00:01", NULL},
        {"9999-12-31T23:59:59-00:01", NULL},
        {"2026-02-29T00:00:00Z", NULL},
        {"2026-13-01T00:00:00Z", NULL},
        {"2026-00-01T00:00:00Z", NULL},
        {"2026-11-31T00:00:00Z", NULL},
        {"0000-01-01T00:00:00Z", NULL},
        {"2026-11-24T24:00:00Z", NULL},
        {"2026-11-24T10:60:00Z", NULL},
        {"2026-11-24T10:00:60Z", NULL},
        {"2026-11-24T10:00:00", NULL},
        {"2026-11-24T10:00:00.Z", NULL},
        {"2026-11-24T10:00:00.1234567890Z", NULL},
        {"2026-11-24T10:00:00+2:00", NULL},
        {"2026-11-24T10:00:00+24:00", NULL},
        {"2026-11-24T10:00:00Zx", NULL},
        {"26-11-24T10:00:00Z", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        char text[MC_TIME_TEXT_LEN];
        mc_time t = 7;

        MC_CASE(cases[i].text);
        MC_EXPECT_EQ(mc_time_parse(mc_z(cases[i].text), &t), cases[i].written != NULL);
        if (!cases[i].written) {
            MC_EXPECT_EQ(t, 7);
            continue;
        }
        mc_time_format(t, text);
        MC_EXPECT_STR(mc_str_of(text, sizeof(text)), mc_z(cases[i].written));
    }
}

MC_TEST("every day of four centuries comes back as it went")
{
    for (mc_time t = -50000 * MC_TIME_US_PER_DAY; t < 100000 * MC_TIME_US_PER_DAY;
         t += MC_TIME_US_PER_DAY) {
        char text[MC_DATE_TEXT_LEN];
        mc_time back;

        mc_date_format(t, text);
        MC_REQUIRE(mc_date_parse(mc_str_of(text, sizeof(text)), &back) && back == t);
    }
}

MC_TEST("a date is ten characters of a day that exists")
{
    mc_time t = 7;

    MC_EXPECT(mc_date_parse(MC_STR("2026-11-24"), &t));
    MC_EXPECT_EQ(t % MC_TIME_US_PER_DAY, 0);
    MC_EXPECT(!mc_date_parse(MC_STR("2026-11-24Z"), &t));
    MC_EXPECT(!mc_date_parse(MC_STR("2026-1-24"), &t));
    MC_EXPECT(!mc_date_parse(MC_STR("2100-02-29"), &t));
    MC_EXPECT(!mc_date_parse(MC_STR("20261124"), &t));
}

static mc_time fixed_now(void *self)
{
    return *(mc_time *)self;
}

static int64_t fixed_monotonic(void *self)
{
    return *(mc_time *)self + 1;
}

MC_TEST("a clock can be held still, and headers have their own format")
{
    static const mc_clock_vt vt = {sizeof(vt), fixed_now, fixed_monotonic};
    mc_time t = INT64_C(784111777) * MC_TIME_US_PER_S; /* RFC 9110's example */
    mc_clock clock = {&vt, &t};
    char text[29];

    MC_EXPECT_EQ(mc_clock_now(clock), t);
    MC_EXPECT_EQ(mc_clock_monotonic_us(clock), t + 1);
    mc_time_http_format(t, text);
    MC_EXPECT_STR(mc_str_of(text, sizeof(text)), MC_STR("Sun, 06 Nov 1994 08:49:37 GMT"));
    MC_EXPECT(mc_clock_now((mc_clock){NULL, NULL}) > t);
}
