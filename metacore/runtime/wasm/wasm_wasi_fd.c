/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: the three standard streams, of which two can be written to, and nothing else. */
#include "metacore/runtime/wasm/wasm_wasi_internal.h"

#define VECTORS_MAX 1024 /* of one call, as systems have it */
#define VECTOR_BYTES 8

#define CHARACTER_DEVICE 2
#define RIGHT_FD_READ ((uint64_t)1 << 1)
#define RIGHT_FD_WRITE ((uint64_t)1 << 6)
#define RIGHT_POLL ((uint64_t)1 << 27)
#define FLAGS_KNOWN 0x1fu /* append, dsync, nonblock, rsync, sync */

uint32_t mc__wasi_fd_close(mc__wasm_wasi *wasi, uint32_t fd)
{
    if (!mc__wasi_is_stream(wasi, fd))
        return MC__WASI_BADF;
    wasi->call.is_used = true;
    wasi->call.is_closed[fd] = true;
    return MC__WASI_SUCCESS;
}

/* As a terminal is: C libraries then write whole lines at once, and not only when they end, which
 * a guest does not live to see. */
uint32_t mc__wasi_fd_fdstat_get(mc__wasm_wasi *wasi, uint32_t fd, uint32_t out)
{
    uint8_t *to = mc__wasi_bytes(wasi, out, 24);

    if (!mc__wasi_is_stream(wasi, fd))
        return MC__WASI_BADF;
    if (!to)
        return MC__WASI_FAULT;
    memset(to, 0, 24);
    to[0] = CHARACTER_DEVICE;
    memcpy(to + 2, &wasi->call.flags[fd], sizeof(wasi->call.flags[fd]));
    mc__wasi_put64(to + 8, RIGHT_POLL | (fd == 0 ? RIGHT_FD_READ : RIGHT_FD_WRITE));
    return MC__WASI_SUCCESS;
}

/* Kept to be told again; nothing here blocks or is buffered. */
uint32_t mc__wasi_fd_fdstat_set_flags(mc__wasm_wasi *wasi, uint32_t fd, uint32_t flags)
{
    if (!mc__wasi_is_stream(wasi, fd))
        return MC__WASI_BADF;
    if (flags & ~FLAGS_KNOWN)
        return MC__WASI_INVAL;
    wasi->call.is_used = true;
    wasi->call.flags[fd] = (uint16_t)flags;
    return MC__WASI_SUCCESS;
}

/* No descriptor is a folder that was opened before. */
uint32_t mc__wasi_fd_prestat_get(mc__wasm_wasi *wasi, uint32_t fd, uint32_t out)
{
    (void)wasi;
    (void)fd;
    (void)out;
    return MC__WASI_BADF;
}

uint32_t mc__wasi_fd_prestat_dir_name(mc__wasm_wasi *wasi, uint32_t fd, uint32_t at, uint32_t len)
{
    (void)wasi;
    (void)fd;
    (void)at;
    (void)len;
    return MC__WASI_BADF;
}

uint32_t mc__wasi_fd_seek(mc__wasm_wasi *wasi, uint32_t fd, uint64_t offset, uint32_t whence,
                          uint32_t out)
{
    (void)offset;
    (void)out; /* nothing is told */
    if (!mc__wasi_is_stream(wasi, fd))
        return MC__WASI_BADF;
    return whence > 2 ? MC__WASI_INVAL : MC__WASI_SPIPE;
}

/* ---- reading and writing ---- */

/* Looks at all of them before anything is done; what they hold together must be a number. */
static uint32_t check_vectors(const mc__wasm_wasi *wasi, uint32_t vectors, uint32_t count,
                              uint32_t *out_total)
{
    const uint8_t *list = mc__wasi_bytes(wasi, vectors, (uint64_t)count * VECTOR_BYTES);
    uint64_t total = 0;

    if (count > VECTORS_MAX)
        return MC__WASI_INVAL;
    if (!list)
        return MC__WASI_FAULT;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len = mc__wasi_get32(list + i * VECTOR_BYTES + 4);

        if (!mc__wasi_bytes(wasi, mc__wasi_get32(list + i * VECTOR_BYTES), len))
            return MC__WASI_FAULT;
        total += len;
    }
    if (total > UINT32_MAX)
        return MC__WASI_INVAL;
    *out_total = (uint32_t)total;
    return MC__WASI_SUCCESS;
}

/* The end of the input, at once. */
uint32_t mc__wasi_fd_read(mc__wasm_wasi *wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                          uint32_t out)
{
    uint8_t *told = mc__wasi_bytes(wasi, out, 4);
    uint32_t total, wrong;

    if (!mc__wasi_is_stream(wasi, fd) || fd != 0)
        return MC__WASI_BADF;
    wrong = check_vectors(wasi, vectors, count, &total);
    if (wrong)
        return wrong;
    if (!told)
        return MC__WASI_FAULT;
    mc__wasi_put32(told, 0);
    return MC__WASI_SUCCESS;
}

uint32_t mc__wasi_fd_write(mc__wasm_wasi *wasi, uint32_t fd, uint32_t vectors, uint32_t count,
                           uint32_t out)
{
    uint8_t *told = mc__wasi_bytes(wasi, out, 4);
    const uint8_t *list = mc__wasi_bytes(wasi, vectors, 0);
    uint32_t total, wrong;

    if (!mc__wasi_is_stream(wasi, fd) || fd == 0)
        return MC__WASI_BADF;
    wrong = check_vectors(wasi, vectors, count, &total);
    if (wrong)
        return wrong;
    if (!told)
        return MC__WASI_FAULT;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = mc__wasi_get32(list + i * VECTOR_BYTES);
        uint32_t len = mc__wasi_get32(list + i * VECTOR_BYTES + 4);

        mc__wasi_write(wasi, mc__wasi_bytes(wasi, at, len), len);
    }
    mc__wasi_put32(told, total);
    return MC__WASI_SUCCESS;
}
