/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle as an archive: the same files give the same bytes, whenever and wherever. */
#include "metacore/bundle/bundle_internal.h"

#include <string.h>
#include <zlib.h>

#define BLOCK 512
#define NAME_BYTES 100
#define PREFIX_BYTES 155
#define STEP_BYTES 65536

/* ---- tar ---- */

static void put_octal(char *field, size_t width, uint64_t value)
{
    for (size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

/* Where a long name is cut, at a slash: the front goes to the prefix. 0: it is short. */
static bool split_name(mc_str name, size_t *out_cut)
{
    *out_cut = 0;
    if (name.len <= NAME_BYTES)
        return true;
    for (size_t cut = name.len - NAME_BYTES - 1; cut < name.len && cut <= PREFIX_BYTES; cut++) {
        if (name.ptr[cut] == '/' && cut > 0) {
            *out_cut = cut;
            return true;
        }
    }
    return false;
}

static void seal_header(char *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)block[i];
    put_octal(block + 148, 7, sum);
    block[154] = '\0';
}

static mc_code put_file(const mc_bundle_file *file, mc_buf *tar, mc_err *err)
{
    static const char zeros[BLOCK];
    char block[BLOCK] = {0};
    mc_str name = file->name;
    size_t cut;

    if (!split_name(name, &cut))
        return mc_fail(err, MC_INVALID, "bundle: \"%.*s\" has a part too long for an archive",
                       MC_FMT(name));
    memcpy(block, name.ptr + (cut ? cut + 1 : 0), name.len - (cut ? cut + 1 : 0));
    memcpy(block + 345, name.ptr, cut);
    put_octal(block + 100, 8, 0644);
    put_octal(block + 108, 8, 0);
    put_octal(block + 116, 8, 0);
    put_octal(block + 124, 12, file->data.len);
    put_octal(block + 136, 12, 0);
    block[156] = '0';
    memcpy(block + 257, "ustar", 6);
    memcpy(block + 263, "00", 2);
    seal_header(block);
    mc_buf_bytes(tar, block, BLOCK);
    mc_buf_str(tar, file->data);
    mc_buf_bytes(tar, zeros, (BLOCK - file->data.len % BLOCK) % BLOCK);
    return MC_OK;
}

/* part: a file, or a folder with its slash. */
static bool is_of(const mc_bundle_file *file, mc_str part)
{
    return mc_str_ends_with(part, MC_STR("/")) ? mc_str_starts_with(file->name, part)
                                               : mc_str_eq(file->name, part);
}

static mc_code put_all(const mc_bundle *bundle, mc_buf *tar, mc_err *err)
{
    static const char *const order[] = {"manifest.json", "migrations/", "frontend/", "backend/",
                                        "README.md"};
    static const char zeros[2 * BLOCK];
    mc_code rc = MC_OK;

    for (size_t k = 0; k < MC_LEN(order); k++) {
        for (size_t i = 0; i < bundle->file_count && rc == MC_OK; i++) {
            if (is_of(&bundle->files[i], mc_z(order[k])))
                rc = put_file(&bundle->files[i], tar, err);
        }
    }
    mc_buf_bytes(tar, zeros, sizeof(zeros));
    return rc == MC_OK ? mc_buf_check(tar, "bundle", err) : rc;
}

/* ---- gzip ---- */

static mc_code deflate_all(z_stream *z, mc_buf *out, mc_err *err)
{
    int rc = Z_OK;

    while (rc != Z_STREAM_END) {
        char *room = mc_buf_reserve(out, STEP_BYTES);

        if (!room)
            return mc_buf_check(out, "bundle", err);
        z->next_out = (Bytef *)room;
        z->avail_out = STEP_BYTES;
        rc = deflate(z, Z_FINISH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return mc_fail(err, MC_INTERNAL, "bundle: gzip failed");
        mc_buf_commit(out, STEP_BYTES - z->avail_out);
    }
    return MC_OK;
}

static mc_code gzip(mc_str tar, mc_buf *out, mc_err *err)
{
    z_stream z = {.next_in = (Bytef *)tar.ptr, .avail_in = (uInt)tar.len};
    gz_header unknown_system = {.os = 255}; /* and no time, no name */
    mc_code rc;

    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    (void)deflateSetHeader(&z, &unknown_system); /* the stream is a gzip stream */
    rc = deflate_all(&z, out, err);
    (void)deflateEnd(&z); /* a stream that was opened can be closed */
    return rc;
}

mc_code mc_bundle_pack(const mc_bundle *bundle, mc_buf *out, mc_err *err)
{
    mc_buf tar;
    mc_code rc;

    mc_buf_init(&tar, 0);
    rc = put_all(bundle, &tar, err);
    if (rc == MC_OK)
        rc = gzip(mc_buf_get(&tar), out, err);
    mc_buf_deinit(&tar);
    if (rc == MC_OK && out->len > MC_BUNDLE_PACKED_MAX)
        return mc_fail(err, MC_TOO_LARGE, "bundle: larger than %zu bytes", MC_BUNDLE_PACKED_MAX);
    return rc;
}
