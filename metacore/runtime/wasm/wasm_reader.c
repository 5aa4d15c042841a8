/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/utf8.h"
#include "metacore/runtime/wasm/wasm_internal.h"

#include <stdarg.h>
#include <stdio.h>

mc_code mc__wasm_refuse(mc__wasm_reader *r, mc_code code, size_t offset, const char *fmt, ...)
{
    char text[128];
    va_list args;

    if (r->code != MC_OK)
        return r->code;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    r->code = mc_fail(r->err, code, "wasm: %s at offset %zu", text, offset);
    return r->code;
}

uint8_t mc__wasm_read_byte(mc__wasm_reader *r)
{
    if (mc__wasm_failed(r))
        return 0;
    if (r->at >= r->end) {
        mc__wasm_refuse(r, MC_INVALID, r->at, "unexpected end");
        return 0;
    }
    return r->base[r->at++];
}

/*
 * LEB128 of at most bits bits: as many bytes as that takes and no more, and the bits of the last
 * byte that lie beyond repeat the sign (or are zero).
 */
static uint64_t read_leb(mc__wasm_reader *r, unsigned bits, bool is_signed)
{
    size_t start = r->at;
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = mc__wasm_read_byte(r);
        unsigned left = bits - shift; /* bits that this byte may still carry */

        if (mc__wasm_failed(r))
            return 0;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (left <= 7) {
            unsigned unused = (unsigned)(byte & 0x7f) >> (is_signed ? left - 1 : left);
            unsigned all = (1u << (is_signed ? 8 - left : 7 - left)) - 1;

            if (byte & 0x80)
                mc__wasm_refuse(r, MC_INVALID, start, "integer representation too long");
            else if (unused != 0 && !(is_signed && unused == all))
                mc__wasm_refuse(r, MC_INVALID, start, "integer too large");
        }
        if (mc__wasm_failed(r))
            return 0;
        if (!(byte & 0x80)) {
            if (is_signed && (byte & 0x40) && shift + 7 < 64)
                value |= ~(uint64_t)0 << (shift + 7);
            return value;
        }
    }
}

uint32_t mc__wasm_read_u32(mc__wasm_reader *r)
{
    return (uint32_t)read_leb(r, 32, false);
}

int32_t mc__wasm_read_s32(mc__wasm_reader *r)
{
    return (int32_t)(uint32_t)read_leb(r, 32, true);
}

int64_t mc__wasm_read_s33(mc__wasm_reader *r)
{
    return (int64_t)read_leb(r, 33, true);
}

int64_t mc__wasm_read_s64(mc__wasm_reader *r)
{
    return (int64_t)read_leb(r, 64, true);
}

const uint8_t *mc__wasm_read_bytes(mc__wasm_reader *r, size_t n)
{
    const uint8_t *p = r->base + r->at;

    if (mc__wasm_failed(r))
        return NULL;
    if (n > r->end - r->at) {
        mc__wasm_refuse(r, MC_INVALID, r->at, "unexpected end: length out of bounds");
        return NULL;
    }
    r->at += n;
    return p;
}

static uint64_t read_fixed(mc__wasm_reader *r, unsigned size)
{
    const uint8_t *p = mc__wasm_read_bytes(r, size);
    uint64_t value = 0;

    for (unsigned i = 0; p && i < size; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

uint32_t mc__wasm_read_fixed32(mc__wasm_reader *r)
{
    return (uint32_t)read_fixed(r, 4);
}

uint64_t mc__wasm_read_fixed64(mc__wasm_reader *r)
{
    return read_fixed(r, 8);
}

mc_str mc__wasm_read_name(mc__wasm_reader *r)
{
    uint32_t len = mc__wasm_read_u32(r);
    size_t start = r->at;
    mc_str name = mc_str_of((const char *)mc__wasm_read_bytes(r, len), len);

    if (mc__wasm_failed(r))
        return MC_STR("");
    if (!mc_utf8_is_valid(name)) {
        mc__wasm_refuse(r, MC_INVALID, start, "malformed UTF-8 encoding");
        return MC_STR("");
    }
    return name;
}

uint32_t mc__wasm_read_count(mc__wasm_reader *r, uint32_t max, size_t min_size, const char *what)
{
    size_t start = r->at;
    uint32_t count = mc__wasm_read_u32(r);

    if (mc__wasm_failed(r))
        return 0;
    if (count > (r->end - r->at) / min_size)
        mc__wasm_refuse(r, MC_INVALID, start, "unexpected end: %u %s announced", count, what);
    else if (count > max)
        mc__wasm_refuse(r, MC_TOO_LARGE, start, "%u %s, limit %u,", count, what, max);
    return mc__wasm_failed(r) ? 0 : count;
}

/* The feature that a byte in the place of a type belongs to, or NULL. */
static const char *type_feature(uint8_t byte)
{
    if (byte == 0x63 || byte == 0x64)
        return "typed function references";
    if (byte == 0x69 || byte == 0x74)
        return "exception handling";
    if (byte >= 0x6a && byte <= 0x73)
        return "garbage collection";
    return NULL;
}

static mc__wasm_type refuse_type(mc__wasm_reader *r, uint8_t byte, const char *what)
{
    const char *feature = type_feature(byte);

    if (feature)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, r->at - 1, "not supported: %s, type 0x%02x", feature,
                        byte);
    else
        mc__wasm_refuse(r, MC_INVALID, r->at - 1, "malformed %s type 0x%02x", what, byte);
    return MC__WASM_UNKNOWN;
}

mc__wasm_type mc__wasm_read_value_type(mc__wasm_reader *r)
{
    uint8_t byte = mc__wasm_read_byte(r);

    if (mc__wasm_failed(r) || (byte >= MC__WASM_V128 && byte <= MC__WASM_I32) ||
        mc__wasm_is_ref(byte))
        return byte;
    return refuse_type(r, byte, "value");
}

mc__wasm_type mc__wasm_read_ref_type(mc__wasm_reader *r)
{
    uint8_t byte = mc__wasm_read_byte(r);

    if (mc__wasm_failed(r) || mc__wasm_is_ref(byte))
        return byte;
    return refuse_type(r, byte, "reference");
}

const char *mc__wasm_type_name(mc__wasm_type type)
{
    switch (type) {
    case MC__WASM_I32:
        return "i32";
    case MC__WASM_I64:
        return "i64";
    case MC__WASM_F32:
        return "f32";
    case MC__WASM_F64:
        return "f64";
    case MC__WASM_V128:
        return "v128";
    case MC__WASM_FUNCREF:
        return "funcref";
    case MC__WASM_EXTERNREF:
        return "externref";
    default:
        return "any";
    }
}
