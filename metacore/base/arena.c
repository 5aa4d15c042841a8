/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_BLOCK_BYTES ((size_t)4096)
#define BLOCK_BYTES_MAX ((size_t)256 << 10)
#define ALIGNMENT alignof(max_align_t)

typedef struct block {
    struct block *next; /* the one before it in time */
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
} block;

struct mc_arena {
    block *current; /* newest; the first block is the list's last */
    size_t budget;
    size_t given; /* bytes given out, aligned */
};

mc_arena *mc_arena_new(size_t budget_bytes)
{
    mc_arena *arena = calloc(1, sizeof(*arena));

    if (arena)
        arena->budget = budget_bytes ? budget_bytes : MC_ARENA_BUDGET_DEFAULT;
    return arena;
}

static void free_until(mc_arena *arena, const block *keep)
{
    while (arena->current && arena->current != keep) {
        block *gone = arena->current;

        arena->current = gone->next;
        free(gone);
    }
}

void mc_arena_free(mc_arena *arena)
{
    if (!arena)
        return;
    free_until(arena, NULL);
    free(arena);
}

void mc_arena_reset(mc_arena *arena)
{
    block *first = arena->current;

    while (first && first->next)
        first = first->next;
    free_until(arena, first);
    if (first)
        first->used = 0;
    arena->given = 0;
}

size_t mc_arena_used(const mc_arena *arena)
{
    return arena->given;
}

static bool add_block(mc_arena *arena, size_t at_least)
{
    size_t size = arena->current ? arena->current->size * 2 : FIRST_BLOCK_BYTES;
    block *fresh;

    size = size > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : size;
    size = size < at_least ? at_least : size;
    fresh = malloc(sizeof(*fresh) + size);
    if (!fresh)
        return false;
    fresh->next = arena->current;
    fresh->size = size;
    fresh->used = 0;
    arena->current = fresh;
    return true;
}

void *mc_arena_alloc(mc_arena *arena, size_t size)
{
    block *current = arena->current;
    size_t aligned;
    void *piece;

    if (size > arena->budget)
        return NULL; /* also keeps the rounding below from overflowing */
    aligned = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    aligned = aligned ? aligned : ALIGNMENT;
    if (aligned > arena->budget - arena->given)
        return NULL;
    if (!current || aligned > current->size - current->used) {
        if (!add_block(arena, aligned))
            return NULL;
        current = arena->current;
    }
    piece = current->bytes + current->used;
    current->used += aligned;
    arena->given += aligned;
    return piece;
}

void *mc_arena_zalloc(mc_arena *arena, size_t size)
{
    void *piece = mc_arena_alloc(arena, size);

    return piece ? memset(piece, 0, size) : NULL;
}

void *mc_arena_calloc(mc_arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return mc_arena_zalloc(arena, bytes);
}

void *mc_arena_realloc(mc_arena *arena, void *old, size_t old_size, size_t new_size)
{
    block *current = arena->current;
    size_t held = (old_size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    size_t wanted;
    void *piece;

    held = held ? held : ALIGNMENT;
    if (old && new_size <= old_size)
        return old;
    if (old && new_size <= arena->budget && (char *)old + held == current->bytes + current->used) {
        wanted = (new_size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
        if (wanted - held <= current->size - current->used &&
            wanted - held <= arena->budget - arena->given) {
            current->used += wanted - held;
            arena->given += wanted - held;
            return old;
        }
    }
    piece = mc_arena_alloc(arena, new_size);
    if (piece && old_size)
        memcpy(piece, old, old_size);
    return piece;
}

mc_str mc_str_copy(mc_arena *arena, mc_str s)
{
    char *copy = s.len ? mc_arena_alloc(arena, s.len) : NULL;

    if (!copy)
        return s.len ? mc_str_of(NULL, 0) : MC_STR("");
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
    mc_str out = {NULL, 0};
    char *text;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    text = len >= 0 ? mc_arena_alloc(arena, (size_t)len + 1) : NULL;
    if (text) {
        (void)vsnprintf(text, (size_t)len + 1, fmt, again); /* measured just above */
        out = mc_str_of(text, (size_t)len);
    }
    va_end(again);
    va_end(args);
    return out;
}
