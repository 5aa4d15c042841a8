/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

#include "metacore/base/decimal.h"

#include <math.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 512

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
    mc_arena *scratch;
    mc_str plain;
    bool is_read;

    if (!value || value->kind != MC_JSON_NUMBER)
        return false;
    if (mc_str_i64(value->as.number, min, max, out))
        return true;
    /* 1e3 and 5.0 are integers too, written the long way; they are rare enough for an arena. */
    scratch = mc_arena_new(4096);
    is_read = scratch &&
              mc_decimal_parse(scratch, value->as.number, 19, 0, &plain) == MC_DECIMAL_OK &&
              mc_str_i64(plain, min, max, out);
    mc_arena_free(scratch);
    return is_read;
}

bool mc_json_get_double(const mc_json *value, double *out)
{
    char text[NUMBER_TEXT_MAX];
    double read;

    if (!value || value->kind != MC_JSON_NUMBER || value->as.number.len >= sizeof(text))
        return false;
    memcpy(text, value->as.number.ptr, value->as.number.len);
    text[value->as.number.len] = '\0';
    read = strtod(text, NULL); /* the grammar was checked by the parser */
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
