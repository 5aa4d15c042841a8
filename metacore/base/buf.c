/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_BYTES ((size_t)256)

void mc_buf_init(mc_buf *buf, size_t max_bytes)
{
    *buf = (mc_buf){.max = max_bytes ? max_bytes : SIZE_MAX};
}

void mc_buf_init_arena(mc_buf *buf, mc_arena *arena, size_t max_bytes)
{
    *buf = (mc_buf){.max = max_bytes ? max_bytes : SIZE_MAX, .arena = arena};
}

void mc_buf_init_borrowed(mc_buf *buf, char *room, size_t size, size_t max_bytes)
{
    *buf = (mc_buf){
        .ptr = room, .cap = size, .max = max_bytes ? max_bytes : SIZE_MAX, .is_borrowed = true};
}

void mc_buf_deinit(mc_buf *buf)
{
    if (!buf->arena && !buf->is_borrowed)
        free(buf->ptr);
    buf->ptr = NULL;
    buf->len = buf->cap = 0;
    buf->is_borrowed = false;
}

void mc_buf_clear(mc_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    buf->is_over = false;
}

mc_code mc_buf_check(const mc_buf *buf, const char *what, mc_err *err)
{
    if (!buf->failed)
        return MC_OK;
    if (buf->is_over)
        return mc_fail(err, MC_TOO_LARGE, "%s is larger than %zu bytes", what, buf->max);
    return mc_fail(err, MC_NO_MEMORY, "%s", what);
}

static bool grow(mc_buf *buf, size_t need)
{
    size_t cap = buf->cap ? buf->cap : FIRST_BYTES;
    char *ptr;

    if (need > buf->max) {
        buf->is_over = true;
        return false;
    }
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    cap = cap > buf->max ? buf->max : cap;
    if (buf->arena)
        ptr = mc_arena_realloc(buf->arena, buf->ptr, buf->cap, cap);
    else
        ptr = buf->is_borrowed ? malloc(cap) : realloc(buf->ptr, cap);
    if (!ptr)
        return false;
    if (buf->is_borrowed)
        memcpy(ptr, buf->ptr, buf->len);
    buf->is_borrowed = false;
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

char *mc_buf_reserve(mc_buf *buf, size_t n)
{
    size_t need;

    if (buf->failed)
        return NULL;
    if (__builtin_add_overflow(buf->len, n, &need) ||
        ((need > buf->cap || !buf->ptr) && !grow(buf, need))) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void mc_buf_u64(mc_buf *buf, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    mc_buf_bytes(buf, digits + at, sizeof(digits) - at);
}

void mc_buf_i64(mc_buf *buf, int64_t v)
{
    if (v < 0)
        mc_buf_char(buf, '-');
    mc_buf_u64(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void mc_buf_printf(mc_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    char *room;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    room = len >= 0 ? mc_buf_reserve(buf, (size_t)len + 1) : NULL;
    if (room) {
        (void)vsnprintf(room, (size_t)len + 1, fmt, again); /* measured just above */
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void mc_buf_sql_ident(mc_buf *buf, mc_str name)
{
    size_t from = 0, quote;

    mc_buf_char(buf, '"');
    while ((quote = mc_str_find_char(name, from, '"')) < name.len) {
        mc_buf_str(buf, mc_str_slice(name, from, quote + 1));
        mc_buf_char(buf, '"');
        from = quote + 1;
    }
    mc_buf_str(buf, mc_str_slice(name, from, name.len));
    mc_buf_char(buf, '"');
}
