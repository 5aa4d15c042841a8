/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/time.h"

#include <time.h>

/* ---- clocks ---- */

mc_time mc_clock_now(mc_clock clock)
{
    struct timespec now = {0};

    if (clock.vt)
        return clock.vt->now(clock.self);
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    return (mc_time)now.tv_sec * MC_TIME_US_PER_S + now.tv_nsec / 1000;
}

int64_t mc_clock_monotonic_us(mc_clock clock)
{
    struct timespec now = {0};

    if (clock.vt)
        return clock.vt->monotonic_us(clock.self);
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * MC_TIME_US_PER_S + now.tv_nsec / 1000;
}

/* ---- the calendar: Hinnant, "chrono-compatible low-level date algorithms" (2013) ---- */

typedef struct civil {
    int64_t year;
    unsigned month; /* 1 … 12 */
    unsigned day;   /* 1 … 31 */
} civil;

static int64_t days_from_civil(civil c)
{
    int64_t y = c.year - (c.month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (int64_t)(c.month + (c.month > 2 ? -3u : 9u)) + 2) / 5 + c.day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

static civil civil_from_days(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    civil c;

    c.day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    return c;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* ---- writing ---- */

static void digits(char *out, unsigned width, uint64_t v)
{
    while (width-- > 0) {
        out[width] = (char)('0' + v % 10);
        v /= 10;
    }
}

/* Beyond the years 1 to 9999 there is no text of fixed width. */
static const mc_time first_time = INT64_C(-62135596800000000);
static const mc_time last_time = INT64_C(253402300799999999);

static mc_time clamp(mc_time t)
{
    return t < first_time ? first_time : t > last_time ? last_time : t;
}

static int64_t floor_days(mc_time t, int64_t *out_us_of_day)
{
    int64_t days = t / MC_TIME_US_PER_DAY;

    if (t % MC_TIME_US_PER_DAY < 0)
        days--;
    *out_us_of_day = t - days * MC_TIME_US_PER_DAY;
    return days;
}

void mc_date_format(mc_time t, char out[MC_DATE_TEXT_LEN])
{
    int64_t us;
    civil c = civil_from_days(floor_days(clamp(t), &us));

    digits(out, 4, (uint64_t)c.year);
    out[4] = '-';
    digits(out + 5, 2, c.month);
    out[7] = '-';
    digits(out + 8, 2, c.day);
}

void mc_time_format(mc_time t, char out[MC_TIME_TEXT_LEN])
{
    int64_t us;

    (void)floor_days(clamp(t), &us); /* for us; the day is written below */
    mc_date_format(t, out);
    out[10] = 'T';
    digits(out + 11, 2, (uint64_t)(us / 3600000000));
    out[13] = ':';
    digits(out + 14, 2, (uint64_t)(us / 60000000 % 60));
    out[16] = ':';
    digits(out + 17, 2, (uint64_t)(us / MC_TIME_US_PER_S % 60));
    out[19] = '.';
    digits(out + 20, 6, (uint64_t)(us % MC_TIME_US_PER_S));
    out[26] = 'Z';
}

void mc_time_write(mc_buf *out, mc_time t)
{
    char *room = mc_buf_reserve(out, MC_TIME_TEXT_LEN);

    if (!room)
        return;
    mc_time_format(t, room);
    mc_buf_commit(out, MC_TIME_TEXT_LEN);
}

void mc_time_http_format(mc_time t, char out[29])
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t us;
    int64_t day = floor_days(clamp(t), &us);
    civil c = civil_from_days(day);

    memcpy(out, days + 3 * ((day % 7 + 7) % 7), 3);
    memcpy(out + 3, ", ", 2);
    digits(out + 5, 2, c.day);
    out[7] = ' ';
    memcpy(out + 8, months + 3 * (c.month - 1), 3);
    out[11] = ' ';
    digits(out + 12, 4, (uint64_t)c.year);
    out[16] = ' ';
    digits(out + 17, 2, (uint64_t)(us / 3600000000));
    out[19] = ':';
    digits(out + 20, 2, (uint64_t)(us / 60000000 % 60));
    out[22] = ':';
    digits(out + 23, 2, (uint64_t)(us / MC_TIME_US_PER_S % 60));
    memcpy(out + 25, " GMT", 4);
}

/* ---- reading ---- */

static bool number(mc_str s, size_t from, size_t to, uint32_t min, uint32_t max, uint32_t *out)
{
    return s.len >= to && mc_str_u32(mc_str_slice(s, from, to), min, max, out);
}

static bool parse_day(mc_str text, int64_t *out_days)
{
    uint32_t year, month, day;

    if (!number(text, 0, 4, 1, 9999, &year) || text.ptr[4] != '-' ||
        !number(text, 5, 7, 1, 12, &month) || text.ptr[7] != '-' ||
        !number(text, 8, 10, 1, days_in_month(year, month), &day))
        return false;
    *out_days = days_from_civil((civil){year, month, day});
    return true;
}

bool mc_date_parse(mc_str text, mc_time *out)
{
    int64_t days;

    if (text.len != MC_DATE_TEXT_LEN || !parse_day(text, &days))
        return false;
    *out = days * MC_TIME_US_PER_DAY;
    return true;
}

/* ".123456789" at *pos, cut at microseconds. */
static bool parse_fraction(mc_str text, size_t *pos, int64_t *out_us)
{
    int64_t us = 0, unit = 100000;
    size_t count = 0;

    for ((*pos)++; *pos < text.len && text.ptr[*pos] >= '0' && text.ptr[*pos] <= '9'; (*pos)++) {
        us += (text.ptr[*pos] - '0') * unit;
        unit /= 10;
        count++;
    }
    *out_us = us;
    return count >= 1 && count <= 9;
}

/* "Z", "z" or "+hh:mm", to the end. */
static bool parse_offset(mc_str text, size_t pos, int64_t *out_us)
{
    mc_str zone = mc_str_slice(text, pos, text.len);
    uint32_t hours, minutes;

    if (zone.len == 1 && (zone.ptr[0] == 'Z' || zone.ptr[0] == 'z')) {
        *out_us = 0;
        return true;
    }
    if (zone.len != 6 || (zone.ptr[0] != '+' && zone.ptr[0] != '-') || zone.ptr[3] != ':' ||
        !number(zone, 1, 3, 0, 23, &hours) || !number(zone, 4, 6, 0, 59, &minutes))
        return false;
    *out_us = ((int64_t)hours * 60 + minutes) * 60 * MC_TIME_US_PER_S;
    if (zone.ptr[0] == '-')
        *out_us = -*out_us;
    return true;
}

bool mc_time_parse(mc_str text, mc_time *out)
{
    uint32_t hour, minute, second;
    int64_t days, fraction_us = 0, offset_us;
    size_t pos = 19;
    mc_time t;

    if (text.len < 20 || !parse_day(text, &days) ||
        (text.ptr[10] != 'T' && text.ptr[10] != 't' && text.ptr[10] != ' ') ||
        !number(text, 11, 13, 0, 23, &hour) || text.ptr[13] != ':' ||
        !number(text, 14, 16, 0, 59, &minute) || text.ptr[16] != ':' ||
        !number(text, 17, 19, 0, 59, &second))
        return false;
    if (text.ptr[pos] == '.' && !parse_fraction(text, &pos, &fraction_us))
        return false;
    if (!parse_offset(text, pos, &offset_us))
        return false;
    t = days * MC_TIME_US_PER_DAY +
        (((int64_t)hour * 60 + minute) * 60 + second) * MC_TIME_US_PER_S + fraction_us - offset_us;
    if (t < first_time || t > last_time) /* in UTC it is another year */
        return false;
    *out = t;
    return true;
}
