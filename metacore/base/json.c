/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

#include "metacore/base/number_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* No double lies closer to another than 767 digits tell (Gay 1990, section 4); the rest of a longer
 * number only says that it is not exactly there. */
#define DOUBLE_DIGITS_MAX 800

const mc_json *mc_json_find(const mc_json *value, mc_str key)
{
    if (!value || value->kind != MC_JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < value->as.object.count; i++) {
        if (mc_str_eq(value->as.object.members[i].key, key))
            return value->as.object.members[i].value;
    }
    return NULL;
}

const mc_json *mc_json_find_nocase(const mc_json *value, mc_str key)
{
    const mc_json *found = mc_json_find(value, key);

    if (found || !value || value->kind != MC_JSON_OBJECT)
        return found;
    for (size_t i = 0; i < value->as.object.count; i++) {
        if (mc_str_eq_nocase(value->as.object.members[i].key, key))
            return value->as.object.members[i].value;
    }
    return NULL;
}

bool mc_json_get_str(const mc_json *value, mc_str *out)
{
    if (!value || value->kind != MC_JSON_STRING)
        return false;
    *out = value->as.string;
    return true;
}

bool mc_json_get_bool(const mc_json *value, bool *out)
{
    if (!value || value->kind != MC_JSON_BOOL)
        return false;
    *out = value->as.boolean;
    return true;
}

bool mc_json_get_i64(const mc_json *value, int64_t min, int64_t max, int64_t *out)
{
    mc__number n;
    int64_t read = 0;

    if (!value || value->kind != MC_JSON_NUMBER)
        return false;
    if (mc_str_i64(value->as.number, min, max, out))
        return true;
    /* 1e3 and 5.0 are integers too, written the long way. */
    if (!mc__number_scan(value->as.number, &n) || n.point < (int64_t)n.count || n.point > 19)
        return false;
    for (int64_t i = 0; i < n.point; i++) {
        int digit = i < (int64_t)n.count ? mc__number_digit(&n, (size_t)i) - '0' : 0;

        if (__builtin_mul_overflow(read, 10, &read) ||
            __builtin_sub_overflow(read, digit, &read)) /* downwards: INT64_MIN has no positive */
            return false;
    }
    if (!n.is_negative && __builtin_sub_overflow((int64_t)0, read, &read))
        return false;
    if (read < min || read > max)
        return false;
    *out = read;
    return true;
}

/* At most 15 digits and a small power of ten: both are exact doubles, so one operation rounds once
 * (Clinger, "How to read floating point numbers accurately", 1990). */
static bool read_exactly(const mc__number *n, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t exponent = n->point - (int64_t)n->count;
    int64_t digits = 0;
    double read;

    if (n->count > 15 || exponent > 22 || exponent < -22)
        return false;
    for (size_t i = 0; i < n->count; i++)
        digits = digits * 10 + (mc__number_digit(n, i) - '0');
    read = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    *out = n->is_negative ? -read : read;
    return true;
}

/* strtod without a point in the text, so that the locale's does not matter. */
static double read_slowly(const mc__number *n)
{
    char text[DOUBLE_DIGITS_MAX + 32];
    size_t len = n->count < DOUBLE_DIGITS_MAX ? n->count : DOUBLE_DIGITS_MAX;
    int64_t exponent = n->point - (int64_t)len;
    double read;

    for (size_t i = 0; i < len; i++)
        text[i] = mc__number_digit(n, i);
    if (len < n->count)
        text[len - 1] = '1'; /* significant digits do not end in zeros: there is more behind */
    exponent = exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent;
    (void)snprintf(text + len, sizeof(text) - len, "e%lld", (long long)exponent); /* fits */
    read = strtod(text, NULL);
    return n->is_negative ? -read : read;
}

bool mc_json_get_double(const mc_json *value, double *out)
{
    mc__number n;
    double read;

    if (!value || value->kind != MC_JSON_NUMBER || !mc__number_scan(value->as.number, &n))
        return false;
    if (!read_exactly(&n, &read))
        read = read_slowly(&n);
    if (!isfinite(read))
        return false;
    *out = read;
    return true;
}

const char *mc_json_kind_name(const mc_json *value)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};

    return value ? names[value->kind] : "nothing";
}
