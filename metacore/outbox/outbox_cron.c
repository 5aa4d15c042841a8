/* SPDX-License-Identifier: Apache-2.0 */
/* Cron expressions: five sets of numbers, and the first minute that is in all of them. */
#include "metacore/outbox/outbox.h"

#define US_PER_MINUTE (60 * MC_TIME_US_PER_S)
#define MINUTES_PER_DAY 1440
#define DAYS_MAX INT64_C(2928) /* eight years: from one 29 February to the next, over 2100 too */

typedef struct field {
    const char *name;
    uint32_t min, max;
    const char *names; /* three letters each, from min on; NULL: none */
} field;

static const field fields[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"weekday", 0, 7, "sunmontuewedthufrisat"},
};

/* ---- one field ---- */

static bool parse_value(const field *f, mc_str text, uint32_t *out)
{
    size_t count = f->names ? strlen(f->names) / 3 : 0;

    for (size_t i = 0; i < count && text.len == 3; i++) {
        if (mc_str_eq_nocase(text, mc_str_of(f->names + 3 * i, 3))) {
            *out = f->min + (uint32_t)i;
            return true;
        }
    }
    return text.len <= 2 && mc_str_u32(text, f->min, f->max, out);
}

/* *, n, a-b; each with /step. n/step goes on to the end. */
static bool parse_item(const field *f, mc_str item, uint64_t *bits)
{
    size_t slash = mc_str_find_char(item, 0, '/');
    mc_str range = mc_str_slice(item, 0, slash);
    size_t dash = mc_str_find_char(range, 0, '-');
    uint32_t from = f->min, to = f->max, step = 1;

    if (slash < item.len && !mc_str_u32(mc_str_slice(item, slash + 1, item.len), 1, 99, &step))
        return false;
    if (!mc_str_eq(range, MC_STR("*"))) {
        if (!parse_value(f, mc_str_slice(range, 0, dash), &from))
            return false;
        to = slash < item.len ? f->max : from;
        if (dash < range.len && !parse_value(f, mc_str_slice(range, dash + 1, range.len), &to))
            return false;
    } else if (f->max == 7) {
        to = 6; /* Sunday once */
    }
    for (uint32_t value = from; value <= to; value += step)
        *bits |= UINT64_C(1) << value;
    return from <= to;
}

static mc_code parse_field(const field *f, mc_str text, uint64_t *out, mc_err *err)
{
    uint64_t bits = 0;
    size_t at = 0;

    do {
        size_t comma = mc_str_find_char(text, at, ',');

        if (!parse_item(f, mc_str_slice(text, at, comma), &bits))
            return mc_fail(err, MC_INVALID, "cron: %s: want *, numbers from %u to %u, a-b, /step",
                           f->name, f->min, f->max);
        at = comma + 1;
    } while (at <= text.len);
    *out = bits;
    return MC_OK;
}

/* ---- the expression ---- */

static mc_str of_nickname(mc_str text)
{
    static const struct {
        mc_str name, fields;
    } nicknames[] = {
        {MC_STR_INIT("@hourly"), MC_STR_INIT("0 * * * *")},
        {MC_STR_INIT("@daily"), MC_STR_INIT("0 0 * * *")},
        {MC_STR_INIT("@midnight"), MC_STR_INIT("0 0 * * *")},
        {MC_STR_INIT("@weekly"), MC_STR_INIT("0 0 * * 0")},
        {MC_STR_INIT("@monthly"), MC_STR_INIT("0 0 1 * *")},
        {MC_STR_INIT("@yearly"), MC_STR_INIT("0 0 1 1 *")},
        {MC_STR_INIT("@annually"), MC_STR_INIT("0 0 1 1 *")},
    };

    for (size_t i = 0; i < MC_LEN(nicknames); i++) {
        if (mc_str_eq_nocase(text, nicknames[i].name))
            return nicknames[i].fields;
    }
    return text;
}

/* The next word, by blanks and tabs; empty at the end. */
static mc_str next_word(mc_str text, size_t *at)
{
    size_t from = *at, to;

    while (from < text.len && (text.ptr[from] == ' ' || text.ptr[from] == '\t'))
        from++;
    for (to = from; to < text.len && text.ptr[to] != ' ' && text.ptr[to] != '\t';)
        to++;
    *at = to;
    return mc_str_slice(text, from, to);
}

mc_code mc_cron_parse(mc_str text, mc_cron *out, mc_err *err)
{
    uint64_t bits[MC_LEN(fields)] = {0};
    bool is_any[MC_LEN(fields)] = {false};
    size_t at = 0;
    mc_cron cron;
    mc_time ignored;

    text = of_nickname(mc_str_trim(text));
    for (size_t i = 0; i < MC_LEN(fields); i++) {
        mc_str word = next_word(text, &at);
        mc_code rc;

        if (word.len == 0)
            return mc_fail(err, MC_INVALID,
                           "cron: want five fields: minute hour day month weekday");
        rc = parse_field(&fields[i], word, &bits[i], err);
        if (rc != MC_OK)
            return rc;
        is_any[i] = word.ptr[0] == '*';
    }
    if (next_word(text, &at).len > 0)
        return mc_fail(err, MC_INVALID, "cron: more than five fields");
    cron = (mc_cron){.minutes = bits[0],
                     .hours = (uint32_t)bits[1],
                     .days = (uint32_t)bits[2],
                     .months = (uint16_t)bits[3],
                     .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
                     .is_any_day = is_any[2],
                     .is_any_weekday = is_any[4]};
    if (!mc_cron_next(&cron, 0, &ignored))
        return mc_fail(err, MC_INVALID, "cron: such a date never comes");
    *out = cron;
    return MC_OK;
}

/* ---- the next time ---- */

static bool has(uint64_t bits, int64_t value)
{
    return bits >> value & 1;
}

static bool is_day(const mc_cron *cron, int64_t day)
{
    char text[MC_DATE_TEXT_LEN];
    uint32_t month = 0, mday = 0;
    int64_t weekday = (day + 4) % 7; /* 1970 began on a Thursday */
    bool is_mday, is_weekday;

    mc_date_format(day * MC_TIME_US_PER_DAY, text);
    (void)mc_str_u32(mc_str_of(text + 5, 2), 1, 12, &month); /* formatted just now */
    (void)mc_str_u32(mc_str_of(text + 8, 2), 1, 31, &mday);
    is_mday = has(cron->days, mday);
    is_weekday = has(cron->weekdays, weekday);
    if (!has(cron->months, month))
        return false;
    if (cron->is_any_day || cron->is_any_weekday)
        return is_mday && is_weekday;
    return is_mday || is_weekday;
}

/* The first minute of the day, from on; MINUTES_PER_DAY: none. */
static int64_t minute_from(const mc_cron *cron, int64_t from)
{
    while (from < MINUTES_PER_DAY &&
           !(has(cron->hours, from / 60) && has(cron->minutes, from % 60)))
        from++;
    return from;
}

bool mc_cron_next(const mc_cron *cron, mc_time t, mc_time *out)
{
    int64_t minute = (t < 0 ? 0 : t) / US_PER_MINUTE + 1;
    int64_t day = minute / MINUTES_PER_DAY, from = minute % MINUTES_PER_DAY;

    for (int64_t last = day + DAYS_MAX; day <= last; day++, from = 0) {
        if (!is_day(cron, day))
            continue;
        from = minute_from(cron, from);
        if (from < MINUTES_PER_DAY) {
            *out = (day * MINUTES_PER_DAY + from) * US_PER_MINUTE;
            return true;
        }
    }
    return false;
}
