/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL's expressions need of SQLite: exact decimals, times, LIKE that tells cases apart,
 * members of JSON. None of them fails because of a value: what PostgreSQL would refuse is NULL,
 * since an error about a row that the statement does not show would tell of it. */
#include "metacore/db/sqlite_internal.h"

#include "metacore/base/decimal.h"
#include "metacore/base/json.h"

#define QUOTIENT_SCALE 16
#define DECIMAL_BYTES 1100
#define JSON_BYTES ((size_t)32 << 20)

static mc_str text_of(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);

    return mc_str_of(text, text ? (size_t)sqlite3_value_bytes(value) : 0);
}

static void result_text(sqlite3_context *context, mc_str text)
{
    sqlite3_result_text64(context, text.ptr ? text.ptr : "", text.len, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
}

static bool is_any_null(int count, sqlite3_value **values)
{
    for (int i = 0; i < count; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_NULL)
            return true;
    }
    return false;
}

/* ---- decimals ---- */

typedef enum operator{ ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO } operator;

static void negate(mc_buf *out, mc_str a)
{
    if (a.len && a.ptr[0] == '-') {
        mc_buf_str(out, mc_str_slice(a, 1, a.len));
        return;
    }
    mc_buf_char(out, '-');
    mc_buf_str(out, a);
}

/* The operator is the function's user data. */
static void reckon(sqlite3_context *context, int count, sqlite3_value **values)
{
    operator op =(operator)(intptr_t) sqlite3_user_data(context);
    char storage[DECIMAL_BYTES], other[DECIMAL_BYTES];
    mc_str a = text_of(values[0]), b = text_of(values[1]);
    mc_buf out, negative;

    if (is_any_null(count, values))
        return;
    mc_buf_init_borrowed(&out, storage, sizeof(storage), sizeof(storage));
    mc_buf_init_borrowed(&negative, other, sizeof(other), sizeof(other));
    switch (op) {
    case ADD:
        mc_decimal_add(&out, a, b);
        break;
    case SUBTRACT:
        negate(&negative, b);
        if (!mc_buf_failed(&negative))
            mc_decimal_add(&out, a, mc_buf_get(&negative));
        break;
    case MULTIPLY:
        mc_decimal_mul(&out, a, b);
        break;
    case DIVIDE:
        mc_decimal_div(&out, a, b, QUOTIENT_SCALE);
        break;
    case MODULO:
        mc_decimal_mod(&out, a, b);
        break;
    }
    if (!mc_buf_failed(&out) && out.len)
        result_text(context, mc_buf_get(&out));
}

/* mc_decimal_round(x [, digits]) */
static void round_to(sqlite3_context *context, int count, sqlite3_value **values)
{
    char storage[DECIMAL_BYTES];
    int64_t digits = count > 1 ? sqlite3_value_int64(values[1]) : 0;
    mc_buf out;

    if (is_any_null(count, values) || digits < 0)
        return;
    mc_buf_init_borrowed(&out, storage, sizeof(storage), sizeof(storage));
    mc_decimal_div_u64(&out, text_of(values[0]), 1, digits > 60 ? 60 : (uint32_t)digits);
    if (!mc_buf_failed(&out))
        result_text(context, mc_buf_get(&out));
}

static void absolute(sqlite3_context *context, int count, sqlite3_value **values)
{
    mc_str text = text_of(values[0]);

    (void)count;
    if (sqlite3_value_type(values[0]) == SQLITE_INTEGER) {
        int64_t number = sqlite3_value_int64(values[0]);

        if (number != INT64_MIN)
            sqlite3_result_int64(context, number < 0 ? -number : number);
        return;
    }
    if (text.len && text.ptr[0] == '-')
        text = mc_str_slice(text, 1, text.len);
    if (text.len)
        result_text(context, text);
}

static int order_of(bool is_decimal, sqlite3_value *a, sqlite3_value *b)
{
    if (sqlite3_value_type(a) == SQLITE_INTEGER && sqlite3_value_type(b) == SQLITE_INTEGER) {
        int64_t l = sqlite3_value_int64(a), r = sqlite3_value_int64(b);

        return (l > r) - (l < r);
    }
    return is_decimal ? mc_decimal_cmp(text_of(a), text_of(b)) : mc_str_cmp(text_of(a), text_of(b));
}

/* mc_extreme(1 or -1, are decimals, values …): the largest, or smallest, that is not NULL. */
static void extreme(sqlite3_context *context, int count, sqlite3_value **values)
{
    int sign = count > 2 ? sqlite3_value_int(values[0]) : 0;
    sqlite3_value *found = NULL;

    for (int i = 2; i < count; i++) {
        if (sqlite3_value_type(values[i]) != SQLITE_NULL &&
            (!found || sign * order_of(sqlite3_value_int(values[1]), values[i], found) > 0))
            found = values[i];
    }
    if (found)
        sqlite3_result_value(context, found);
}

typedef struct average {
    mc_buf sum; /* max 0: not made yet */
    uint64_t count;
} average;

static void average_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    average *a = sqlite3_aggregate_context(context, (int)sizeof(*a));
    mc_buf next;

    (void)count;
    if (!a || sqlite3_value_type(values[0]) == SQLITE_NULL)
        return;
    if (a->sum.max == 0)
        mc_buf_init(&a->sum, 0);
    if (mc_buf_failed(&a->sum))
        return;
    a->count++;
    mc_buf_init(&next, 0);
    mc_decimal_add(&next, a->sum.len ? mc_buf_get(&a->sum) : MC_STR("0"), text_of(values[0]));
    mc_buf_deinit(&a->sum);
    a->sum = next;
}

static void average_final(sqlite3_context *context)
{
    average *a = sqlite3_aggregate_context(context, 0);
    char storage[DECIMAL_BYTES];
    mc_buf out;

    if (!a || a->sum.max == 0)
        return;
    mc_buf_init_borrowed(&out, storage, sizeof(storage), sizeof(storage));
    if (!mc_buf_failed(&a->sum))
        mc_decimal_div_u64(&out, mc_buf_get(&a->sum), a->count, QUOTIENT_SCALE);
    if (!mc_buf_failed(&a->sum) && !mc_buf_failed(&out))
        result_text(context, mc_buf_get(&out));
    mc_buf_deinit(&a->sum);
}

/* ---- texts ---- */

static char folded(char c, bool is_nocase)
{
    return is_nocase && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* One character further: '_' stands for all its bytes. */
static size_t next_character(mc_str text, size_t at)
{
    at++;
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
        at++;
    return at;
}

/* '%' any run, '_' any character, '\' takes the next as it is. Goes back to the last '%' only: that
 * is enough, and takes no more than the product of both lengths. */
static bool is_like(mc_str text, mc_str pattern, bool is_nocase)
{
    size_t t = 0, p = 0, star_p = SIZE_MAX, star_t = 0;

    while (t < text.len) {
        size_t literal = p + (p < pattern.len && pattern.ptr[p] == '\\' && p + 1 < pattern.len);

        if (p < pattern.len && literal == p && pattern.ptr[p] == '%') {
            star_p = ++p;
            star_t = t;
        } else if (p < pattern.len && literal == p && pattern.ptr[p] == '_') {
            p++;
            t = next_character(text, t);
        } else if (p < pattern.len &&
                   folded(pattern.ptr[literal], is_nocase) == folded(text.ptr[t], is_nocase)) {
            p = literal + 1;
            t++;
        } else if (star_p != SIZE_MAX) {
            p = star_p;
            t = star_t = next_character(text, star_t);
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

/* mc_like(text, pattern, is_nocase) */
static void like(sqlite3_context *context, int count, sqlite3_value **values)
{
    if (!is_any_null(count, values))
        sqlite3_result_int(context, is_like(text_of(values[0]), text_of(values[1]),
                                            sqlite3_value_int(values[2]) != 0));
}

/* ---- times ---- */

static bool read_time(sqlite3_value *value, mc_time *out)
{
    mc_str text = mc_str_trim(text_of(value));

    return sqlite3_value_type(value) == SQLITE_TEXT &&
           (mc_time_parse(text, out) || mc_date_parse(text, out));
}

static void result_time(sqlite3_context *context, mc_time time)
{
    char text[MC_TIME_TEXT_LEN];

    mc_time_format(time, text);
    result_text(context, mc_str_of(text, sizeof(text)));
}

/* Two or four digits of a canonical time. */
static int64_t digits_at(const char *text, size_t at, size_t count)
{
    int64_t number = 0;

    for (size_t i = at; i < at + count; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

/* The same day of another month, or its last. */
static bool add_months(mc_time time, int64_t months, mc_time *out)
{
    char text[MC_TIME_TEXT_LEN], moved[MC_TIME_TEXT_LEN];
    int64_t month, day;
    mc_buf buf;

    mc_time_format(time, text);
    month = digits_at(text, 0, 4) * 12 + digits_at(text, 5, 2) - 1 + months;
    for (day = digits_at(text, 8, 2); day > 0; day--) {
        if (month < 12 || month / 12 > 9999)
            return false;
        mc_buf_init_borrowed(&buf, moved, sizeof(moved), sizeof(moved));
        mc_buf_printf(&buf, "%04lld-%02lld-%02lld%.*s", (long long)(month / 12),
                      (long long)(month % 12 + 1), (long long)day, MC_TIME_TEXT_LEN - 10,
                      text + 10);
        if (mc_time_parse(mc_buf_get(&buf), out))
            return true;
    }
    return false;
}

/* mc_time_add(time, months, microseconds) */
static void time_add(sqlite3_context *context, int count, sqlite3_value **values)
{
    int64_t months = sqlite3_value_int64(values[1]), us = sqlite3_value_int64(values[2]);
    const int64_t far = INT64_C(100000000) * MC_TIME_US_PER_DAY / 1000;
    mc_time time;

    (void)count;
    if (!read_time(values[0], &time) || months < -120000 || months > 120000 || us < -far ||
        us > far || (months && !add_months(time, months, &time)))
        return;
    time += us;
    if (time >= -INT64_C(62135596800) * MC_TIME_US_PER_S &&
        time < INT64_C(253402300800) * MC_TIME_US_PER_S)
        result_time(context, time);
}

static const struct {
    const char *name;
    size_t at, count; /* in a canonical time */
} parts[] = {{"year", 0, 4},  {"month", 5, 2},   {"day", 8, 2},
             {"hour", 11, 2}, {"minute", 14, 2}, {"second", 17, 2}};

/* mc_part('year', time); 'epoch' are seconds since 1970. */
static void part(sqlite3_context *context, int count, sqlite3_value **values)
{
    char text[MC_TIME_TEXT_LEN];
    mc_time time;

    (void)count;
    if (!read_time(values[1], &time))
        return;
    if (mc_str_eq(text_of(values[0]), MC_STR("epoch")))
        sqlite3_result_int64(context, time / MC_TIME_US_PER_S - (time % MC_TIME_US_PER_S < 0));
    mc_time_format(time, text);
    for (size_t i = 0; i < MC_LEN(parts); i++) {
        if (mc_str_eq(text_of(values[0]), mc_z(parts[i].name)))
            sqlite3_result_int64(context, digits_at(text, parts[i].at, parts[i].count));
    }
}

/* mc_trunc('day', time) */
static void trunc_time(sqlite3_context *context, int count, sqlite3_value **values)
{
    static const char rest[] = "0000-01-01T00:00:00.000000Z";
    char text[MC_TIME_TEXT_LEN];
    mc_time time;

    (void)count;
    if (!read_time(values[1], &time))
        return;
    mc_time_format(time, text);
    for (size_t i = 0; i < MC_LEN(parts); i++) {
        size_t end = parts[i].at + parts[i].count;

        if (!mc_str_eq(text_of(values[0]), mc_z(parts[i].name)))
            continue;
        memcpy(text + end, rest + end, MC_TIME_TEXT_LEN - end);
        result_text(context, mc_str_of(text, MC_TIME_TEXT_LEN));
    }
}

/* ---- what a text says ---- */

static void as_decimal(sqlite3_context *context, mc_str text)
{
    char storage[DECIMAL_BYTES];
    mc_buf out;

    mc_buf_init_borrowed(&out, storage, sizeof(storage), sizeof(storage));
    mc_decimal_add(&out, mc_str_trim(text), MC_STR("0"));
    if (!mc_buf_failed(&out))
        result_text(context, mc_buf_get(&out));
}

static void as_int(sqlite3_context *context, mc_str text)
{
    char storage[DECIMAL_BYTES];
    int64_t number;
    mc_buf out;

    mc_buf_init_borrowed(&out, storage, sizeof(storage), sizeof(storage));
    mc_decimal_div_u64(&out, mc_str_trim(text), 1, 0);
    if (!mc_buf_failed(&out) && mc_str_i64(mc_buf_get(&out), INT64_MIN, INT64_MAX, &number))
        sqlite3_result_int64(context, number);
}

static void as_bool(sqlite3_context *context, sqlite3_value *value, mc_str text)
{
    static const char *const yes[] = {"t", "true", "y", "yes", "on", "1"};
    static const char *const no[] = {"f", "false", "n", "no", "off", "0"};

    if (sqlite3_value_type(value) == SQLITE_INTEGER) {
        sqlite3_result_int(context, sqlite3_value_int64(value) != 0);
        return;
    }
    for (size_t i = 0; i < MC_LEN(yes); i++) {
        if (mc_str_eq_nocase(text, mc_z(yes[i])) || mc_str_eq_nocase(text, mc_z(no[i])))
            sqlite3_result_int(context, mc_str_eq_nocase(text, mc_z(yes[i])));
    }
}

static void as_json(sqlite3_context *context, mc_str text)
{
    mc_arena *arena = mc_arena_new(JSON_BYTES);
    const mc_json *ignored;
    mc_err why;

    if (arena && mc_json_parse(arena, text, &(mc_json_options){.last_duplicate_wins = true},
                               &ignored, &why) == MC_OK)
        result_text(context, text);
    mc_arena_free(arena);
}

/* mc_as('uuid', value): the value as a column of that type keeps it. */
static void as_kind(sqlite3_context *context, int count, sqlite3_value **values)
{
    mc_str kind = text_of(values[0]), text = text_of(values[1]);
    char canonical[MC_UUID_TEXT_LEN];
    mc_time time;
    mc_uuid id;

    if (is_any_null(count, values))
        return;
    if (mc_str_eq(kind, MC_STR("decimal"))) {
        as_decimal(context, text);
    } else if (mc_str_eq(kind, MC_STR("int"))) {
        as_int(context, text);
    } else if (mc_str_eq(kind, MC_STR("bool"))) {
        as_bool(context, values[1], text);
    } else if (mc_str_eq(kind, MC_STR("json"))) {
        as_json(context, text);
    } else if (mc_str_eq(kind, MC_STR("uuid"))) {
        if (!mc_uuid_parse(text, &id))
            return;
        mc_uuid_format(id, canonical);
        result_text(context, mc_str_of(canonical, sizeof(canonical)));
    } else if (read_time(values[1], &time)) {
        if (mc_str_eq(kind, MC_STR("time"))) {
            result_time(context, time);
        } else {
            mc_date_format(time, canonical);
            result_text(context, mc_str_of(canonical, MC_DATE_TEXT_LEN));
        }
    }
}

/* ---- JSON ---- */

static const mc_json *member_of(const mc_json *json, sqlite3_value *key)
{
    if (sqlite3_value_type(key) == SQLITE_TEXT)
        return mc_json_find(json, text_of(key));
    if (json->kind == MC_JSON_ARRAY) {
        int64_t at = sqlite3_value_int64(key), count = (int64_t)json->as.array.count;

        at += at < 0 ? count : 0;
        return at >= 0 && at < count ? json->as.array.items[at] : NULL;
    }
    return NULL;
}

/* mc_json_get(json, 'key' or index, as_text) */
static void json_get(sqlite3_context *context, int count, sqlite3_value **values)
{
    mc_arena *arena;
    const mc_json *json = NULL;
    mc_str text;
    mc_buf out;
    mc_err why;

    if (is_any_null(count, values))
        return;
    arena = mc_arena_new(JSON_BYTES);
    if (arena &&
        mc_json_parse(arena, text_of(values[0]), &(mc_json_options){.last_duplicate_wins = true},
                      &json, &why) == MC_OK)
        json = member_of(json, values[1]);
    else
        json = NULL;
    if (json && sqlite3_value_int(values[2]) && mc_json_get_str(json, &text)) {
        result_text(context, text);
    } else if (json && !(sqlite3_value_int(values[2]) && json->kind == MC_JSON_NULL)) {
        mc_buf_init_arena(&out, arena, 0);
        mc_json_write(&out, json);
        if (!mc_buf_failed(&out))
            result_text(context, mc_buf_get(&out));
    }
    mc_arena_free(arena);
}

/* ---- registration ---- */

typedef void (*function)(sqlite3_context *, int, sqlite3_value **);

int mc__sqlite_add_guest_functions(sqlite3 *db)
{
    static const struct {
        const char *name;
        int args;
        function run;
        intptr_t user;
    } functions[] = {
        {"mc_decimal_add", 2, reckon, ADD},
        {"mc_decimal_sub", 2, reckon, SUBTRACT},
        {"mc_decimal_mul", 2, reckon, MULTIPLY},
        {"mc_decimal_div", 2, reckon, DIVIDE},
        {"mc_decimal_mod", 2, reckon, MODULO},
        {"mc_decimal_round", 1, round_to, 0},
        {"mc_decimal_round", 2, round_to, 0},
        {"mc_abs", 1, absolute, 0},
        {"mc_like", 3, like, 0},
        {"mc_time_add", 3, time_add, 0},
        {"mc_part", 2, part, 0},
        {"mc_trunc", 2, trunc_time, 0},
        {"mc_as", 2, as_kind, 0},
        {"mc_json_get", 3, json_get, 0},
        {"mc_extreme", -1, extreme, 0},
    };
    const int pure = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_function_v2(db, "mc_decimal_avg", 1, pure, NULL, NULL, average_step,
                                        average_final, NULL);

    for (size_t i = 0; i < MC_LEN(functions) && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function_v2(db, functions[i].name, functions[i].args, pure,
                                        (void *)functions[i].user, functions[i].run, NULL, NULL,
                                        NULL);
    return rc;
}
