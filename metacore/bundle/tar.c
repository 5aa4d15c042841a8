/* SPDX-License-Identifier: Apache-2.0 */
/* ustar, and of pax only the long names: everything else that archives can hold is refused. */
#include "metacore/bundle/bundle_internal.h"

#include <string.h>

#define BLOCK 512

typedef struct reader {
    mc_str tar;
    size_t at;
    mc__bundle_builder *b;
    size_t headers;   /* seen so far, of every type */
    mc_str long_name; /* from a pax header, for the next entry */
} reader;

/* A field that a NUL or its width ends. */
static mc_str field(const char *block, size_t from, size_t width)
{
    return mc_str_of(block + from, strnlen(block + from, width));
}

static bool octal(mc_str text, uint64_t *out)
{
    uint64_t value = 0;

    text = mc_str_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7' || value >> 60)
            return false;
        value = value << 3 | (uint64_t)(text.ptr[i] - '0');
    }
    *out = value;
    return text.len > 0;
}

static bool is_checksum_right(const char *block)
{
    uint64_t wanted, sum = 0;

    if (!octal(field(block, 148, 8), &wanted))
        return false;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : (unsigned char)block[i];
    return sum == wanted;
}

static bool is_zero(const char *block)
{
    for (size_t i = 0; i < BLOCK; i++) {
        if (block[i])
            return false;
    }
    return true;
}

static mc_code copy_name(reader *r, const char *block, mc_str *out, mc_err *err)
{
    mc_str name = field(block, 0, 100), prefix = {NULL, 0};

    if (mc_str_eq(field(block, 257, 5), MC_STR("ustar")))
        prefix = field(block, 345, 155);
    if (r->long_name.len)
        *out = mc_str_copy(r->b->bundle->arena, r->long_name);
    else if (prefix.len)
        *out = mc_str_printf(r->b->bundle->arena, "%.*s/%.*s", MC_FMT(prefix), MC_FMT(name));
    else
        *out = mc_str_copy(r->b->bundle->arena, name);
    r->long_name = (mc_str){NULL, 0};
    return out->ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "bundle");
}

/* "27 path=some/long/name\n": only the name counts; a size would be two truths about one entry. */
static mc_code read_pax(reader *r, mc_str data, mc_err *err)
{
    while (data.len > 0) {
        size_t space = mc_str_find_char(data, 0, ' ');
        mc_str record;
        uint64_t len;

        if (!mc_str_u64(mc_str_slice(data, 0, space), 5, data.len, &len) || len <= space + 1 ||
            data.ptr[len - 1] != '\n')
            return mc_fail(err, MC_INVALID, "bundle: tar: a malformed pax header");
        record = mc_str_slice(data, space + 1, (size_t)len - 1);
        if (mc_str_starts_with(record, MC_STR("path=")))
            r->long_name = mc_str_slice(record, 5, record.len);
        else if (mc_str_starts_with(record, MC_STR("size=")) ||
                 mc_str_starts_with(record, MC_STR("linkpath=")))
            return mc_fail(err, MC_INVALID,
                           "bundle: tar: a pax header that changes more than names");
        data = mc_str_slice(data, (size_t)len, data.len);
    }
    return MC_OK;
}

/* For all that follow: a comment of git's is fine, one name for all entries is not. */
static mc_code read_global(reader *r, mc_str data, mc_err *err)
{
    mc_code rc = read_pax(r, data, err);

    if (rc == MC_OK && r->long_name.len)
        return mc_fail(err, MC_INVALID, "bundle: tar: a global pax header that changes names");
    return rc;
}

static mc_code read_entry(reader *r, const char *block, mc_str data, mc_err *err)
{
    char type = block[156];
    mc_str name, copy;
    mc_code rc;

    if (type == 'x')
        return read_pax(r, data, err);
    if (type == 'g')
        return read_global(r, data, err);
    rc = copy_name(r, block, &name, err);
    if (rc != MC_OK)
        return rc;
    if (type == '5')
        return MC_OK; /* folders are made of their files' names */
    if (type != '0' && type != '\0')
        return mc_fail(err, MC_INVALID, "bundle: \"%.*s\" is no plain file", MC_FMT(name));
    copy = mc_str_copy(r->b->bundle->arena, data);
    if (data.len && !copy.ptr)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    return mc__bundle_add(r->b, name, copy, err);
}

mc_code mc__tar_read(mc_str tar, mc__bundle_builder *b, mc_err *err)
{
    reader r = {.tar = tar, .b = b};
    mc_code rc = MC_OK;

    while (rc == MC_OK) {
        const char *block;
        uint64_t size;

        if (tar.len - r.at < BLOCK)
            return mc_fail(err, MC_INVALID, "bundle: tar: the archive ends too early");
        block = tar.ptr + r.at;
        if (is_zero(block))
            break;
        if (r.headers++ == 2 * MC_BUNDLE_ENTRIES_MAX)
            return mc_fail(err, MC_TOO_LARGE, "bundle: more than %d entries",
                           MC_BUNDLE_ENTRIES_MAX);
        if (!is_checksum_right(block) || !octal(field(block, 124, 12), &size))
            return mc_fail(err, MC_INVALID, "bundle: tar: a malformed header");
        r.at += BLOCK;
        if (size > tar.len - r.at)
            return mc_fail(err, MC_INVALID, "bundle: tar: the archive ends too early");
        rc = read_entry(&r, block, mc_str_slice(tar, r.at, r.at + (size_t)size), err);
        r.at += (size_t)(size + BLOCK - 1) / BLOCK * BLOCK;
        if (r.at > tar.len)
            return mc_fail(err, MC_INVALID, "bundle: tar: the archive ends too early");
    }
    if (rc == MC_OK && r.long_name.len)
        return mc_fail(err, MC_INVALID, "bundle: tar: a pax header that names nothing");
    for (; rc == MC_OK && r.at < tar.len; r.at++) {
        if (tar.ptr[r.at])
            return mc_fail(err, MC_INVALID, "bundle: tar: bytes after the archive's end");
    }
    return rc;
}
