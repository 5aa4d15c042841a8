/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/gzip.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for a gzip head */
#define MEMORY_LEVEL 8        /* zlib's default */

mc_code mc__gzip(mc_arena *arena, mc_str plain, mc_str *out, mc_err *err)
{
    z_stream stream = {0};
    uLong bound;
    char *packed;
    int rc;

    if (plain.len > UINT_MAX / 2)
        return mc_fail(err, MC_TOO_LARGE, "gzip: too large");
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return mc_fail(err, MC_NO_MEMORY, "gzip");
    bound = deflateBound(&stream, (uLong)plain.len);
    packed = mc_arena_alloc(arena, bound);
    stream.next_in = (Bytef *)(uintptr_t)plain.ptr; /* only read */
    stream.avail_in = (uInt)plain.len;
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)bound;
    rc = packed ? deflate(&stream, Z_FINISH) : Z_MEM_ERROR; /* bound is room for all */
    if (rc == Z_STREAM_END)
        *out = mc_str_of(packed, stream.total_out);
    (void)deflateEnd(&stream); /* of what is thrown away anyhow */
    return rc == Z_STREAM_END ? MC_OK : mc_fail(err, MC_NO_MEMORY, "gzip");
}
