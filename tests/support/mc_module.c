/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_module.h"

#define PIECE 4096

static void put_number(mc_buf *out, uint64_t value)
{
    do {
        uint8_t byte = value & 0x7f;

        value >>= 7;
        mc_buf_char(out, (char)(value ? byte | 0x80 : byte));
    } while (value);
}

static void put_name(mc_buf *out, mc_str name)
{
    put_number(out, name.len);
    mc_buf_str(out, name);
}

static void put_filling(mc_buf *out, const char *piece, size_t len, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += len)
        mc_buf_bytes(out, piece, bytes - done < len ? bytes - done : len);
}

/* Ends a section that was begun in part, and empties it for the next. */
static void put_section(mc_buf *out, char id, mc_buf *part)
{
    mc_buf_char(out, id);
    put_number(out, part->len);
    mc_buf_str(out, mc_buf_get(part));
    out->failed |= part->failed;
    mc_buf_clear(part);
}

/* Types: (i32,i32)->i64, (i32)->i32, ()->(). */
static void put_types(mc_buf *out, mc_buf *part)
{
    mc_buf_bytes(part, "\3\x60\2\x7f\x7f\1\x7e\x60\1\x7f\1\x7f\x60\0\0", 15);
    put_section(out, 1, part);
}

static void put_export(mc_buf *part, mc_str name, uint32_t kind, uint32_t index)
{
    put_name(part, name);
    put_number(part, kind);
    put_number(part, index);
}

static void put_code(mc_buf *out, mc_buf *part, const mc_module_spec *spec)
{
    put_number(part,
               2 + (uint64_t)spec->functions + (spec->code_bytes > 0) + spec->starts_for_ever);
    mc_buf_bytes(part, "\4\0\x42\0\x0b\5\0\x41\x80\x08\x0b", 11);
    for (uint32_t i = 0; i < spec->functions; i++)
        mc_buf_bytes(part, "\2\0\x0b", 3);
    if (spec->code_bytes > 0) {
        size_t filling = spec->code_bytes / 3 * 3; /* i32.const 7, drop */

        put_number(part, filling + 2);
        mc_buf_char(part, '\0');
        put_filling(part, "\x41\x07\x1a", 3, filling);
        mc_buf_char(part, '\x0b');
    }
    if (spec->starts_for_ever)
        mc_buf_bytes(part, "\7\0\x03\x40\x0c\0\x0b\x0b", 8);
    put_section(out, 10, part);
}

static void put_data(mc_buf *out, mc_buf *part, const mc_module_spec *spec)
{
    static const char zeros[PIECE];

    if (spec->data_bytes == 0)
        return;
    mc_buf_bytes(part, "\1\0\x41\0\x0b", 5);
    put_number(part, spec->data_bytes);
    put_filling(part, zeros, sizeof(zeros), spec->data_bytes);
    put_section(out, 11, part);
}

void mc_module_write(mc_buf *out, const mc_module_spec *spec)
{
    static const char zeros[PIECE];
    uint32_t first = spec->import_name.len > 0; /* imported functions come first */
    uint32_t more = spec->functions + (spec->code_bytes > 0);
    mc_buf part;

    mc_buf_init(&part, 0);
    mc_buf_bytes(out, "\0asm\1\0\0\0", 8);
    put_types(out, &part);
    if (first) {
        put_number(&part, 1);
        put_name(&part, spec->import_module);
        put_name(&part, spec->import_name);
        mc_buf_bytes(&part, "\0\2", 2);
        put_section(out, 2, &part);
    }
    put_number(&part, 2 + (uint64_t)more + spec->starts_for_ever);
    mc_buf_bytes(&part, "\0\1", 2);
    for (uint32_t i = 0; i < more + spec->starts_for_ever; i++)
        mc_buf_char(&part, '\2');
    put_section(out, 3, &part);
    mc_buf_bytes(&part, "\1\0", 2); /* a memory that holds the data */
    put_number(&part, 1 + spec->data_bytes / 65536 + (spec->data_bytes % 65536 != 0));
    put_section(out, 5, &part);
    put_number(&part, 3 + spec->export_count);
    put_export(&part, MC_STR("f"), 0, first);
    put_export(&part, MC_STR("alloc"), 0, first + 1);
    put_export(&part, MC_STR("memory"), 2, 0);
    for (size_t i = 0; i < spec->export_count; i++)
        put_export(&part, spec->exports[i], 0, first);
    put_section(out, 7, &part);
    if (spec->starts_for_ever) {
        put_number(&part, first + 2 + more);
        put_section(out, 8, &part);
    }
    put_code(out, &part, spec);
    put_data(out, &part, spec);
    if (spec->custom_bytes) {
        put_name(&part, MC_STR("name"));
        put_filling(&part, zeros, sizeof(zeros), spec->custom_bytes);
        put_section(out, 0, &part);
    }
    mc_buf_deinit(&part);
}
