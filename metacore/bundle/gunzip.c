/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/bundle/bundle_internal.h"

#include <zlib.h>

#define STEP_BYTES 65536

static mc_code inflate_all(z_stream *z, size_t max, mc_buf *out, mc_err *err)
{
    int rc = Z_OK;

    while (rc != Z_STREAM_END) {
        char *room = mc_buf_reserve(out, STEP_BYTES);

        if (!room)
            return mc_fail(err, MC_NO_MEMORY, "bundle");
        z->next_out = (Bytef *)room;
        z->avail_out = STEP_BYTES;
        rc = inflate(z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END)
            return mc_fail(err, rc == Z_MEM_ERROR ? MC_NO_MEMORY : MC_INVALID, "bundle: gzip: %s",
                           rc == Z_BUF_ERROR ? "the stream ends too early"
                           : z->msg          ? z->msg
                                             : "malformed");
        mc_buf_commit(out, STEP_BYTES - z->avail_out);
        if (out->len > max)
            return mc_fail(err, MC_TOO_LARGE, "bundle: decompressed size exceeds %zu bytes",
                           MC_BUNDLE_BYTES_MAX);
    }
    /* Whatever stands behind the stream was not covered by anybody's look at the archive. */
    if (z->avail_in > 0)
        return mc_fail(err, MC_INVALID, "bundle: gzip: bytes after the archive");
    return MC_OK;
}

mc_code mc__gunzip(mc_str packed, size_t max, mc_buf *out, mc_err *err)
{
    z_stream z = {.next_in = (Bytef *)packed.ptr, .avail_in = (uInt)packed.len};
    mc_code rc;

    /* 16 + 15: a gzip header is required, its checksum and length are verified at the end. */
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    rc = inflate_all(&z, max, out, err);
    (void)inflateEnd(&z); /* a stream that was opened can be closed */
    return rc;
}
