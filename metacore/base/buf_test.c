/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/buf.h"

#include "metacore/base/arena.h"
#include "metacore/base/ctx.h"

#include "mc_test.h"

#include <stdalign.h>

MC_TEST("an arena gives aligned pieces until its budget, and all again after a reset")
{
    mc_arena *arena = mc_arena_new(100000);

    MC_REQUIRE(arena != NULL);
    for (int round = 0; round < 3; round++) {
        char *one = mc_arena_alloc(arena, 1);
        char *two = mc_arena_alloc(arena, 60000);

        MC_REQUIRE(one && two);
        MC_EXPECT_EQ((uintptr_t)two % alignof(max_align_t), 0);
        memset(two, 7, 60000);
        MC_EXPECT(mc_arena_alloc(arena, 60000) == NULL);
        MC_EXPECT(mc_arena_alloc(arena, SIZE_MAX) == NULL);
        MC_EXPECT(mc_arena_calloc(arena, SIZE_MAX / 2, 3) == NULL);
        MC_EXPECT(mc_arena_alloc(arena, 0) != NULL);
        mc_arena_reset(arena);
        MC_EXPECT_EQ(mc_arena_used(arena), 0);
    }
    mc_arena_free(arena);
    mc_arena_free(NULL);
}

MC_TEST("the latest piece of an arena grows where it stands")
{
    mc_arena *arena = mc_arena_new(0);
    char *piece = mc_arena_alloc(arena, 10);
    char *grown, *other;

    memcpy(piece, "123456789", 10);
    grown = mc_arena_realloc(arena, piece, 10, 100);
    MC_EXPECT(grown == piece);
    other = mc_arena_alloc(arena, 1);
    MC_REQUIRE(other != NULL);
    grown = mc_arena_realloc(arena, piece, 100, 200);
    MC_EXPECT(grown != piece);
    MC_EXPECT_Z(mc_z(grown), "123456789");
    MC_EXPECT_Z(mc_str_printf(arena, "%d-%s", 5, "x"), "5-x");
    MC_EXPECT_Z(mc_str_lower(arena, MC_STR("ABc")), "abc");
    mc_arena_free(arena);
}

MC_TEST("a piece larger than a block leaves the block's rest in use, and a reset gives it back")
{
    mc_arena *arena = mc_arena_new(0);
    char *small = mc_arena_alloc(arena, 16), *large = mc_arena_alloc(arena, 1 << 20);

    MC_REQUIRE(small && large);
    memset(large, 1, 1 << 20);
    MC_EXPECT(mc_arena_alloc(arena, 16) == small + 16);
    mc_arena_reset(arena);
    MC_EXPECT(mc_arena_alloc(arena, 16) == small);
    MC_EXPECT_EQ(mc_arena_used(arena), 16);
    mc_arena_free(arena);
}

static void write_all(mc_buf *buf)
{
    mc_buf_clear(buf);
    mc_buf_lit(buf, "a");
    mc_buf_i64(buf, INT64_MIN);
    mc_buf_char(buf, ' ');
    mc_buf_u64(buf, UINT64_MAX);
    mc_buf_printf(buf, " %03d ", 7);
    mc_buf_sql_ident(buf, MC_STR("x\"y"));
}

MC_TEST("a buffer takes what is written, on the heap and in an arena")
{
    static const char wanted[] = "a-9223372036854775808 18446744073709551615 007 \"x\"\"y\"";
    mc_arena *arena = mc_arena_new(0);
    mc_buf heap, other;

    mc_buf_init(&heap, 0);
    mc_buf_init_arena(&other, arena, 0);
    MC_EXPECT(mc_buf_reserve(&heap, 0) != NULL); /* NULL would mean that it has failed */
    write_all(&heap);
    write_all(&other);
    MC_EXPECT_Z(mc_buf_get(&heap), wanted);
    MC_EXPECT_Z(mc_buf_get(&other), wanted);
    mc_buf_deinit(&heap);
    mc_buf_deinit(&heap);
    mc_arena_free(arena);
}

MC_TEST("a buffer that failed keeps what it had and says why")
{
    mc_arena *arena = mc_arena_new(1000);
    mc_buf buf;
    mc_err err;

    mc_buf_init(&buf, 4);
    mc_buf_lit(&buf, "1234");
    MC_EXPECT_OK(mc_buf_check(&buf, "it", &err), &err);
    mc_buf_lit(&buf, "5");
    mc_buf_lit(&buf, "");
    MC_EXPECT(mc_buf_failed(&buf));
    MC_EXPECT_EQ(mc_buf_check(&buf, "it", &err), MC_TOO_LARGE);
    MC_EXPECT_Z(mc_buf_get(&buf), "1234");
    mc_buf_clear(&buf);
    mc_buf_lit(&buf, "ok");
    MC_EXPECT(!mc_buf_failed(&buf));
    mc_buf_deinit(&buf);

    mc_buf_init_arena(&buf, arena, 0);
    for (int i = 0; i < 100; i++)
        mc_buf_lit(&buf, "0123456789012345678901234567890123456789");
    MC_EXPECT_EQ(mc_buf_check(&buf, "it", &err), MC_NO_MEMORY);
    mc_arena_free(arena);
}

MC_TEST("field errors are kept up to their bound")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};

    for (int i = 0; i < MC_FIELD_ERRORS_MAX + 5; i++)
        mc_ctx_field_error(&ctx, MC_STR("hours"), MC_STR("min"), MC_STR("{\"min\":0}"),
                           "at least %d", 0);
    MC_EXPECT_EQ(ctx.field_error_count, MC_FIELD_ERRORS_MAX);
    MC_EXPECT_Z(ctx.field_errors[3].message, "at least 0");
    mc_arena_free(ctx.arena);
}
