/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/utf8.h"
#include "metacore/runtime/wasm/wasm_spec_test_internal.h"

#include <stdlib.h>

#define NUL_STAND_IN 0xe000u /* U+E000, written ee 80 80 or \ue000 */

mc_str mc_spec_bytes(mc_arena *arena, mc_str text)
{
    char *out = mc_arena_alloc(arena, text.len + 1);
    size_t pos = 0, len = 0;
    uint32_t rune;

    while (out && mc_utf8_next(text, &pos, &rune))
        out[len++] = (char)(rune == NUL_STAND_IN ? 0 : rune);
    return mc_str_of(out, out ? len : 0);
}

mc_str mc_spec_text(mc_arena *arena, mc_str json)
{
    char *out = mc_arena_alloc(arena, json.len + 1);

    if (!out)
        return MC_STR("");
    memcpy(out, json.ptr, json.len);
    for (size_t i = 0; i + 6 <= json.len; i++) {
        if (out[i] != '\\')
            continue;
        if (memcmp(out + i, "\\u0000", 6) == 0)
            out[i + 2] = 'e';
        i++; /* an escaped backslash escapes nothing */
    }
    return mc_str_of(out, json.len);
}

static mc_str text_of(const mc_json *value, const char *key)
{
    mc_str out = MC_STR("");

    MC_IGNORE(mc_json_get_str(mc_json_find(value, mc_z(key)), &out)); /* absent: empty */
    return out;
}

/* Signs are of other writers of such files. */
static uint64_t bits_of(mc_str digits)
{
    bool is_negative = mc_str_starts_with(digits, MC_STR("-"));
    uint64_t bits = 0;

    for (size_t i = is_negative; i < digits.len; i++)
        bits = bits * 10 + (uint64_t)(digits.ptr[i] - '0');
    return is_negative ? 0 - bits : bits;
}

static bool is_narrow(mc_str type)
{
    return mc_str_eq(type, MC_STR("i32")) || mc_str_eq(type, MC_STR("f32"));
}

/* ---- vectors: an array of numbers, of the lanes' type ---- */

static size_t bytes_of_lane(mc_str type)
{
    if (mc_str_eq(type, MC_STR("i8")))
        return 1;
    if (mc_str_eq(type, MC_STR("i16")))
        return 2;
    return is_narrow(type) ? 4 : 8;
}

/* How many lanes, or 0: not a vector as it should be. */
static size_t lanes_of(const mc_json *value)
{
    const mc_json *lanes = mc_json_find(value, MC_STR("value"));
    size_t count = 16 / bytes_of_lane(text_of(value, "lane_type"));

    return lanes && lanes->kind == MC_JSON_ARRAY && lanes->as.array.count == count ? count : 0;
}

static mc_str lane_of(const mc_json *value, size_t i)
{
    mc_str text = MC_STR("");

    MC_IGNORE(mc_json_get_str(mc_json_find(value, MC_STR("value"))->as.array.items[i],
                              &text)); /* no string: zero */
    return text;
}

static bool read_vector(const mc_json *value, mcw_value *out)
{
    size_t count = lanes_of(value), size = count ? 16 / count : 0;
    uint8_t bytes[16];

    for (size_t i = 0; i < count; i++) {
        uint64_t bits = bits_of(lane_of(value, i));

        for (size_t k = 0; k < size; k++)
            bytes[i * size + k] = (uint8_t)(bits >> (8 * k));
    }
    if (count)
        memcpy(&out->v128, bytes, sizeof(bytes));
    return count > 0;
}

/* ---- values ---- */

bool mc_spec_read_value(const mc_json *value, mcw_value *out)
{
    mc_str type = text_of(value, "type"), text = text_of(value, "value");

    *out = (mcw_value){0};
    if (mc_str_eq(type, MC_STR("v128")))
        return read_vector(value, out);
    if (is_narrow(type))
        out->i32 = (uint32_t)bits_of(text);
    else if (mc_str_eq(type, MC_STR("i64")) || mc_str_eq(type, MC_STR("f64")))
        out->i64 = bits_of(text);
    else if (!mc_str_eq(type, MC_STR("externref")) && !mc_str_eq(type, MC_STR("funcref")))
        return false;
    else if (!mc_str_eq(text, MC_STR("null"))) /* so that 0 is not null */
        out->ref = (void *)(uintptr_t)(bits_of(text) + 1);
    return true;
}

/* Canonical: only the quiet bit of the payload; arithmetic: the quiet bit and any other. */
static bool is_nan(mc_str kind, uint64_t bits, uint64_t exponent, uint64_t quiet, uint64_t sign)
{
    bits &= ~sign;
    if (mc_str_eq(kind, MC_STR("nan:canonical")))
        return bits == (exponent | quiet);
    return (bits & (exponent | quiet)) == (exponent | quiet);
}

/* A number, also of a lane; text may be "nan:canonical" or "nan:arithmetic". */
static bool number_matches(mc_str type, mc_str text, uint64_t found)
{
    size_t bits = 8 * bytes_of_lane(type);
    uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;

    if (mc_str_starts_with(text, MC_STR("nan:")))
        return is_narrow(type) ? is_nan(text, found & mask, 0x7f800000, 0x400000, 0x80000000)
                               : is_nan(text, found, UINT64_C(0x7ff0000000000000),
                                        UINT64_C(0x8000000000000), UINT64_C(0x8000000000000000));
    return ((found ^ bits_of(text)) & mask) == 0;
}

static bool vector_matches(const mc_json *expected, const mcw_value *found)
{
    size_t count = lanes_of(expected);
    bool ok = count > 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;

        memcpy(&bits, (const uint8_t *)&found->v128 + i * (16 / count), 16 / count);
        ok = number_matches(text_of(expected, "lane_type"), lane_of(expected, i), bits) && ok;
    }
    return ok;
}

bool mc_spec_value_matches(const mc_json *expected, const mcw_value *found)
{
    mc_str type = text_of(expected, "type"), text = text_of(expected, "value");
    mcw_value wanted;

    if (mc_str_eq(type, MC_STR("v128")))
        return vector_matches(expected, found);
    if (!mc_str_eq(type, MC_STR("externref")) && !mc_str_eq(type, MC_STR("funcref")))
        return number_matches(type, text, found->i64);
    if (!mc_spec_read_value(expected, &wanted))
        return false;
    if (mc_str_eq(type, MC_STR("funcref")) && text.len == 0)
        return found->ref != NULL;
    return found->ref == wanted.ref;
}

void mc_spec_write_value(mc_buf *out, const mc_json *expected, const mcw_value *found)
{
    mc_str type = text_of(expected, "type");
    size_t count;

    if (!mc_str_eq(type, MC_STR("v128"))) {
        mc_buf_printf(
            out, " %.*s:%.*s, found %llu", MC_FMT(type), MC_FMT(text_of(expected, "value")),
            is_narrow(type) ? (unsigned long long)found->i32 : (unsigned long long)found->i64);
        return;
    }
    count = lanes_of(expected);
    mc_buf_printf(out, " %.*s", MC_FMT(text_of(expected, "lane_type")));
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = 0;

        memcpy(&bits, (const uint8_t *)&found->v128 + i * (16 / count), 16 / count);
        mc_buf_printf(out, " %.*s(%llu)", MC_FMT(lane_of(expected, i)), (unsigned long long)bits);
    }
}
