/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_BUF_H
#define METACORE_BASE_BUF_H

/**
 * buf: a growing byte buffer that sticks on failure, so write in a row and check once.
 *
 * Memory comes from the heap (mc_buf_init) or from an arena (mc_buf_init_arena). A buffer over its
 * max, or without memory, keeps what it had, ignores further writes and says so in mc_buf_failed.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

#include <string.h>

MC_BEGIN_DECLS

typedef struct mc_buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;      /* SIZE_MAX: none */
    mc_arena *arena; /* NULL: heap */
    bool failed;
    bool is_borrowed; /* ptr is somebody's array: outgrown by copying, never freed */
    bool is_over;     /* failed because of max, not for want of memory */
} mc_buf;

/** max_bytes 0: no limit but memory. */
MC_API void mc_buf_init(mc_buf *buf, size_t max_bytes);
MC_API void mc_buf_init_arena(mc_buf *buf, mc_arena *arena, size_t max_bytes);
/** Starts in the caller's array and moves to the heap when that is full. */
MC_API void mc_buf_init_borrowed(mc_buf *buf, char *room, size_t size, size_t max_bytes);
/** Frees heap memory (arena memory is the arena's); safe to init again or to call twice. */
MC_API void mc_buf_deinit(mc_buf *buf);
/** Empties, keeps the memory, clears the failure. */
MC_API void mc_buf_clear(mc_buf *buf);

static inline bool mc_buf_failed(const mc_buf *buf)
{
    return buf->failed;
}

/** MC_OK, or MC_TOO_LARGE / MC_NO_MEMORY naming what. */
MC_API MC_MUST_USE mc_code mc_buf_check(const mc_buf *buf, const char *what, mc_err *err);

/** What was written, borrowed until the next write. */
static inline mc_str mc_buf_get(const mc_buf *buf)
{
    return mc_str_of(buf->ptr, buf->len);
}

/** Makes room for n more bytes and returns where they go, or NULL (then failed). See mc_buf_commit.
 */
MC_API char *mc_buf_reserve(mc_buf *buf, size_t n);
/** n of the reserved bytes have been written. */
static inline void mc_buf_commit(mc_buf *buf, size_t n)
{
    buf->len += n;
}

/* Rows of JSON are written in pieces of a few bytes: where there is room, each is a copy in place.
 * A full or failed buffer has none (mc_buf_reserve decides). */
static inline void mc_buf_bytes(mc_buf *buf, const void *ptr, size_t len)
{
    char *room = buf->cap - buf->len > len && !buf->failed ? buf->ptr + buf->len : NULL;

    if (!room && len > 0)
        room = mc_buf_reserve(buf, len);
    if (!room || len == 0) /* ptr may be NULL then */
        return;
    memcpy(room, ptr, len);
    buf->len += len;
}
static inline void mc_buf_str(mc_buf *buf, mc_str s)
{
    mc_buf_bytes(buf, s.ptr, s.len);
}
static inline void mc_buf_char(mc_buf *buf, char c)
{
    mc_buf_bytes(buf, &c, 1);
}
MC_API void mc_buf_u64(mc_buf *buf, uint64_t v);
MC_API void mc_buf_i64(mc_buf *buf, int64_t v);
MC_API void mc_buf_printf(mc_buf *buf, const char *fmt, ...) MC_PRINTF(2, 3);
/** "…" for SQL: doubles the quotes inside. Callers pass checked names only. */
MC_API void mc_buf_sql_ident(mc_buf *buf, mc_str name);

#define mc_buf_lit(buf, literal) mc_buf_bytes((buf), "" literal, sizeof(literal) - 1)

MC_END_DECLS
#endif
