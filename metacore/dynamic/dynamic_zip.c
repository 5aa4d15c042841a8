/* SPDX-License-Identifier: Apache-2.0 */
/* One file out of a ZIP archive that somebody sent: every offset is checked before it is followed.
 */
#include "metacore/dynamic/dynamic_workbook_internal.h"

#include <zlib.h>

#define END_BYTES 22
#define ENTRY_BYTES 46
#define LOCAL_BYTES 30
#define COMMENT_MAX 65535
#define PIECE_BYTES 32768

static uint32_t le16(const char *p)
{
    return (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8;
}

static uint32_t le32(const char *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static mc_code malformed(mc_err *err)
{
    return mc_fail(err, MC_INVALID, "import: the workbook is damaged");
}

/* Where the end record begins, from behind; zip.len when there is none. */
static size_t find_end(mc_str zip)
{
    for (size_t back = END_BYTES; back <= zip.len && back <= END_BYTES + COMMENT_MAX; back++) {
        if (memcmp(zip.ptr + zip.len - back, "PK\x05\x06", 4) == 0)
            return zip.len - back;
    }
    return zip.len;
}

static mc_code locate(mc_str zip, const char *entry, mc__zip_entry *out, mc_err *err)
{
    size_t local = le32(entry + 42), size = le32(entry + 20), from;

    out->method = le16(entry + 10);
    if (local > zip.len || zip.len - local < LOCAL_BYTES ||
        memcmp(zip.ptr + local, "PK\x03\x04", 4) != 0)
        return malformed(err);
    from = local + LOCAL_BYTES + le16(zip.ptr + local + 26) + le16(zip.ptr + local + 28);
    if (from > zip.len || size > zip.len - from)
        return malformed(err);
    out->data = mc_str_slice(zip, from, from + size);
    return MC_OK;
}

mc_code mc__zip_find(mc_str zip, mc_str name, bool is_prefix, mc__zip_entry *out, mc_err *err)
{
    size_t end = find_end(zip), at, count;

    if (end == zip.len)
        return malformed(err);
    count = le16(zip.ptr + end + 10);
    at = le32(zip.ptr + end + 16);
    for (; count > 0; count--) {
        size_t name_len;
        mc_str found;

        if (at > end || end - at < ENTRY_BYTES || memcmp(zip.ptr + at, "PK\x01\x02", 4) != 0)
            return malformed(err);
        name_len = le16(zip.ptr + at + 28);
        if (name_len > end - at - ENTRY_BYTES)
            return malformed(err);
        found = mc_str_of(zip.ptr + at + ENTRY_BYTES, name_len);
        if (is_prefix ? mc_str_starts_with(found, name) : mc_str_eq(found, name))
            return locate(zip, zip.ptr + at, out, err);
        at += ENTRY_BYTES + name_len + le16(zip.ptr + at + 30) + le16(zip.ptr + at + 32);
    }
    return mc_fail(err, MC_NOT_FOUND, "import: the workbook has no %.*s", MC_FMT(name));
}

static mc_code inflate_entry(z_stream *z, size_t max, mc_sink out, mc_err *err)
{
    char piece[PIECE_BYTES];
    size_t total = 0;
    int state = Z_OK;
    mc_code rc = MC_OK;

    while (rc == MC_OK && state == Z_OK) {
        size_t n;

        z->next_out = (Bytef *)piece;
        z->avail_out = sizeof(piece);
        state = inflate(z, Z_NO_FLUSH);
        if (state != Z_OK && state != Z_STREAM_END)
            return malformed(err);
        n = sizeof(piece) - z->avail_out;
        total += n;
        if (total > max)
            return mc_fail(err, MC_TOO_LARGE, "import: the workbook unpacks to more than %zu MiB",
                           max >> 20);
        if (n == 0 && state == Z_OK)
            return malformed(err); /* it ends before its end */
        rc = mc_sink_write(out, mc_str_of(piece, n), err);
    }
    return rc;
}

mc_code mc__zip_read(const mc__zip_entry *entry, size_t max, mc_sink out, mc_err *err)
{
    z_stream z = {0};
    mc_code rc;

    if (entry->method == 0)
        return mc_sink_write(out, entry->data, err);
    if (entry->method != 8)
        return malformed(err);
    z.next_in = (Bytef *)entry->data.ptr;
    z.avail_in = (uInt)entry->data.len; /* at most 32 bits: see locate */
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return mc_fail(err, MC_NO_MEMORY, "import");
    rc = inflate_entry(&z, max, out, err);
    (void)inflateEnd(&z);
    return rc;
}
