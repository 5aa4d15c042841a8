/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
/* Under the address sanitizer what was not given out may not be touched. */
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(ptr, size) ((void)(ptr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, size) ((void)(ptr), (void)(size))
#endif

#define ALIGN alignof(max_align_t)
#define FIRST_BLOCK ((size_t)4096)
#define BLOCK_MAX ((size_t)256 << 10)
#define KEPT_MAX ((size_t)32 << 10) /* of the block that a reset keeps */

typedef struct block {
    struct block *next; /* the older one */
    size_t cap;
    alignas(max_align_t) char data[];
} block;

struct mc_arena {
    char *at;     /* where the next piece goes */
    char *end;    /* of the newest block */
    block *head;  /* newest */
    block *first; /* the oldest; NULL when the first piece was an unusually large one */
    size_t used;
    size_t budget;
};

mc_arena *mc_arena_new(size_t budget_bytes)
{
    mc_arena *arena = calloc(1, sizeof(*arena));

    if (arena)
        arena->budget = budget_bytes ? budget_bytes : MC_ARENA_BUDGET_DEFAULT;
    return arena;
}

static void blocks_free(mc_arena *arena, const block *kept)
{
    block *next;

    for (block *b = arena->head; b; b = next) {
        next = b->next;
        if (b != kept)
            free(b);
    }
}

void mc_arena_free(mc_arena *arena)
{
    if (!arena)
        return;
    blocks_free(arena, NULL);
    free(arena);
}

void mc_arena_reset(mc_arena *arena)
{
    /* Blocks double, so the newest is half of all that was needed: whoever resets after each of
     * many like requests comes to need one block, and no more calls of malloc. */
    block *kept = arena->head && arena->head->cap <= KEPT_MAX ? arena->head : arena->first;

    blocks_free(arena, kept);
    arena->head = arena->first = kept;
    arena->used = 0;
    arena->at = arena->end = NULL;
    if (kept) {
        kept->next = NULL;
        arena->at = kept->data;
        arena->end = kept->data + kept->cap;
        ASAN_POISON_MEMORY_REGION(kept->data, kept->cap);
    }
}

size_t mc_arena_used(const mc_arena *arena)
{
    return arena->used;
}

/* What size takes here: whole units, at least one, so that every piece is unique. */
static inline size_t rounded(size_t size)
{
    return size ? (size + ALIGN - 1) & ~(ALIGN - 1) : ALIGN;
}

/*
 * A new block for at least size bytes. Blocks double, so that their number stays logarithmic. A
 * piece larger than a block gets one of its own, behind the newest, whose rest stays in use.
 */
static void *alloc_slow(mc_arena *arena, size_t size)
{
    size_t cap = arena->head ? arena->head->cap * 2 : FIRST_BLOCK;
    block *fresh;

    if (cap > BLOCK_MAX)
        cap = BLOCK_MAX;
    if (size > cap)
        cap = size;
    fresh = malloc(sizeof(*fresh) + cap); /* size is at most SIZE_MAX / 2 */
    if (!fresh)
        return NULL;
    fresh->cap = cap;
    ASAN_POISON_MEMORY_REGION(fresh->data, cap);
    arena->used += size;
    if (arena->head && size == cap) {
        fresh->next = arena->head->next;
        arena->head->next = fresh;
        return fresh->data;
    }
    fresh->next = arena->head;
    if (!arena->head && cap <= BLOCK_MAX)
        arena->first = fresh;
    arena->head = fresh;
    arena->at = fresh->data + size;
    arena->end = fresh->data + cap;
    return fresh->data;
}

void *mc_arena_alloc(mc_arena *arena, size_t size)
{
    size_t room = rounded(size);
    void *piece = arena->at;

    if (MC_UNLIKELY(size > SIZE_MAX / 2 || room > arena->budget - arena->used))
        return NULL;
    if (MC_LIKELY(room <= (size_t)(arena->end - arena->at))) {
        arena->at += room;
        arena->used += room;
    } else {
        piece = alloc_slow(arena, room);
        if (!piece)
            return NULL;
    }
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

void *mc_arena_zalloc(mc_arena *arena, size_t size)
{
    void *piece = mc_arena_alloc(arena, size);

    return piece ? memset(piece, 0, size) : NULL;
}

void *mc_arena_calloc(mc_arena *arena, size_t count, size_t size)
{
    size_t total;

    return __builtin_mul_overflow(count, size, &total) ? NULL : mc_arena_zalloc(arena, total);
}

void *mc_arena_realloc(mc_arena *arena, void *old, size_t old_size, size_t new_size)
{
    size_t old_room = rounded(old_size), new_room = rounded(new_size), more;
    void *piece;

    if (!old || new_size > SIZE_MAX / 2)
        return mc_arena_alloc(arena, new_size);
    more = new_room > old_room ? new_room - old_room : 0;
    if (more == 0 ||
        ((char *)old + old_room == arena->at && more <= (size_t)(arena->end - arena->at) &&
         more <= arena->budget - arena->used)) {
        if (more) {
            arena->at += more;
            arena->used += more;
        }
        ASAN_UNPOISON_MEMORY_REGION(old, new_size);
        return old;
    }
    piece = mc_arena_alloc(arena, new_size);
    return piece ? memcpy(piece, old, old_size) : NULL;
}

mc_str mc_str_copy(mc_arena *arena, mc_str s)
{
    char *copy;

    if (s.len == 0)
        return MC_STR("");
    copy = mc_arena_alloc(arena, s.len);
    if (!copy)
        return mc_str_of(NULL, 0);
    memcpy(copy, s.ptr, s.len);
    return mc_str_of(copy, s.len);
}

char *mc_str_z(mc_arena *arena, mc_str s)
{
    char *copy = s.len < SIZE_MAX ? mc_arena_alloc(arena, s.len + 1) : NULL;

    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

mc_str mc_str_lower(mc_arena *arena, mc_str s)
{
    char *copy = s.len ? mc_arena_alloc(arena, s.len) : NULL;

    if (!copy)
        return mc_str_of(NULL, 0);
    for (size_t i = 0; i < s.len; i++)
        copy[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + ('a' - 'A')) : s.ptr[i];
    return mc_str_of(copy, s.len);
}

mc_str mc_str_printf(mc_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    char *text = NULL;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0)
        text = mc_arena_alloc(arena, (size_t)len + 1);
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, fmt, again); /* the length is known to fit */
    va_end(again);
    va_end(args);
    return mc_str_of(text, text ? (size_t)len : 0);
}
