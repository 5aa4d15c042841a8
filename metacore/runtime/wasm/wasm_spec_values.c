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

static uint64_t bits_of(mc_str digits)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < digits.len; i++)
        bits = bits * 10 + (uint64_t)(digits.ptr[i] - '0');
    return bits;
}

bool mc_spec_read_value(const mc_json *value, mcw_value *out)
{
    mc_str type = text_of(value, "type"), text = text_of(value, "value");

    *out = (mcw_value){0};
    if (mc_str_eq(type, MC_STR("i32")) || mc_str_eq(type, MC_STR("f32")))
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

bool mc_spec_value_matches(const mc_json *expected, const mcw_value *found)
{
    mc_str type = text_of(expected, "type"), text = text_of(expected, "value");
    mcw_value wanted;

    if (mc_str_starts_with(text, MC_STR("nan:")) && mc_str_eq(type, MC_STR("f32")))
        return is_nan(text, found->i32, 0x7f800000, 0x400000, 0x80000000);
    if (mc_str_starts_with(text, MC_STR("nan:")))
        return is_nan(text, found->i64, UINT64_C(0x7ff0000000000000), UINT64_C(0x8000000000000),
                      UINT64_C(0x8000000000000000));
    if (!mc_spec_read_value(expected, &wanted))
        return false;
    if (mc_str_eq(type, MC_STR("funcref")))
        return text.len == 0 ? found->ref != NULL : found->ref == wanted.ref;
    if (mc_str_eq(type, MC_STR("i32")) || mc_str_eq(type, MC_STR("f32")))
        return found->i32 == wanted.i32;
    return found->i64 == wanted.i64;
}

void mc_spec_write_value(mc_buf *out, const mc_json *expected, const mcw_value *found)
{
    mc_buf_printf(out, " %.*s:%.*s, found %llu", MC_FMT(text_of(expected, "type")),
                  MC_FMT(text_of(expected, "value")),
                  mc_str_eq(text_of(expected, "type"), MC_STR("i32")) ||
                          mc_str_eq(text_of(expected, "type"), MC_STR("f32"))
                      ? (unsigned long long)found->i32
                      : (unsigned long long)found->i64);
}
