/* SPDX-License-Identifier: Apache-2.0 */
/* Values in messages, as the contract's %q, %v and %g print them: authors search for these words.
 */
#include "metacore/base/buf.h"
#include "metacore/base/utf8.h"
#include "metacore/manifest/manifest_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define FLOAT_BYTES 40
#define DIGITS_MAX 17 /* of a double, to read back the same */

/* ---- %q ---- */

/* Spaces, marks of direction and the like: not to be seen, so written as numbers. */
static bool is_hidden(uint32_t rune)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1f},     {0x7f, 0xa0},     {0xad, 0xad},     {0x1680, 0x1680},
                  {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},
                  {0xe000, 0xf8ff}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0x10ffff}};

    for (size_t i = 0; i < MC_LEN(ranges); i++) {
        if (rune >= ranges[i].first && rune <= ranges[i].last)
            return true;
    }
    return false;
}

static void write_hidden(mc_buf *out, uint32_t rune)
{
    static const char letters[] = "abtnvfr"; /* from 7 */

    if (rune >= 7 && rune < 7 + sizeof(letters) - 1)
        mc_buf_printf(out, "\\%c", letters[rune - 7]);
    else if (rune < 0x80)
        mc_buf_printf(out, "\\x%02x", (unsigned)rune);
    else
        mc_buf_printf(out, rune > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)rune);
}

static const char *ended(mc_buf *out)
{
    mc_buf_char(out, '\0');
    return mc_buf_failed(out) ? "" : out->ptr;
}

const char *mc__quoted(mc_arena *arena, mc_str s)
{
    size_t from = 0, pos = 0;
    uint32_t rune;
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_char(&out, '"');
    while (mc_utf8_next(s, &pos, &rune)) {
        if (rune == '"' || rune == '\\')
            mc_buf_printf(&out, "\\%c", (char)rune);
        else if (is_hidden(rune))
            write_hidden(&out, rune);
        else
            mc_buf_str(&out, mc_str_slice(s, from, pos));
        from = pos;
    }
    mc_buf_char(&out, '"');
    return ended(&out);
}

/* ---- %g ---- */

/* "d.ddde±XX" with the fewest digits that read back the same. */
static void shortest(double value, char text[FLOAT_BYTES])
{
    for (int digits = 1; digits <= DIGITS_MAX; digits++) {
        (void)snprintf(text, FLOAT_BYTES, "%.*e", digits - 1, value); /* at most 25 bytes */
        if (strtod(text, NULL) == value)
            return;
    }
}

void mc__write_float(mc_buf *out, double value)
{
    char text[FLOAT_BYTES];
    size_t mantissa;
    int exponent, digits, decimals;

    shortest(value, text);
    mantissa = strcspn(text, "e");
    exponent = (int)strtol(text + mantissa + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6) {
        mc_buf_str(out, mc_z(text));
        return;
    }
    digits = (int)mantissa - (text[0] == '-');
    decimals = (digits > 1 ? digits - 2 : 0) - exponent; /* "d" or "d.ddd" */
    mc_buf_printf(out, "%.*f", decimals > 0 ? decimals : 0, value);
}

/* ---- %v ---- */

static int by_key(const void *a, const void *b)
{
    return mc_str_cmp(((const mc_json_member *)a)->key, ((const mc_json_member *)b)->key);
}

static void write_value(mc_arena *arena, const mc_json *value, mc_buf *out);

static void write_map(mc_arena *arena, const mc_json *value, mc_buf *out)
{
    size_t count = value->as.object.count;
    mc_json_member *members = mc_arena_array(arena, mc_json_member, count);

    mc_buf_lit(out, "map[");
    if (members && count) {
        memcpy(members, value->as.object.members, count * sizeof(*members));
        qsort(members, count, sizeof(*members), by_key);
    }
    for (size_t i = 0; members && i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ' ');
        mc_buf_str(out, members[i].key);
        mc_buf_char(out, ':');
        write_value(arena, members[i].value, out);
    }
    mc_buf_char(out, ']');
}

/* As deep as the parser lets JSON be. */
static void write_value(mc_arena *arena, const mc_json *value, mc_buf *out)
{
    double number;

    switch (value->kind) {
    case MC_JSON_STRING:
        mc_buf_str(out, value->as.string);
        break;
    case MC_JSON_NUMBER:
        if (mc_json_get_double(value, &number))
            mc__write_float(out, number);
        else
            mc_buf_str(out, value->as.number);
        break;
    case MC_JSON_ARRAY:
        mc_buf_char(out, '[');
        for (size_t i = 0; i < value->as.array.count; i++) {
            if (i > 0)
                mc_buf_char(out, ' ');
            write_value(arena, value->as.array.items[i], out);
        }
        mc_buf_char(out, ']');
        break;
    case MC_JSON_OBJECT:
        write_map(arena, value, out);
        break;
    case MC_JSON_BOOL:
        mc_buf_str(out, value->as.boolean ? MC_STR("true") : MC_STR("false"));
        break;
    default:
        mc_buf_lit(out, "<nil>");
        break;
    }
}

const char *mc__printed(mc_arena *arena, const mc_json *value)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    write_value(arena, value, &out);
    return ended(&out);
}
