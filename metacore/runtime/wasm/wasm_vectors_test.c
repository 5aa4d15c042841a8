/* SPDX-License-Identifier: Apache-2.0 */
/* Guests with vectors, which are the same as others to whoever calls them. */
#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

/* Writes the four bytes at 8, of a global: "abcd" after initialization, each one more in a call. */
static const char fields[] =
    "(global $g (mut v128) (v128.const i8x16 96 97 98 99 0 0 0 0 0 0 0 0 0 0 0 0))"
    "(func $more (param v128) (result v128)"
    " (i8x16.add (local.get 0) (i8x16.splat (i32.const 1))))"
    "(func (export \"_initialize\") (global.set $g (call $more (global.get $g))))"
    "(func (export \"next\") (param i32 i32) (result i64)"
    " (v128.store32_lane 0 (i32.const 8) (global.get $g))"
    " (global.set $g (call $more (global.get $g)))"
    " (v128.store32_lane 0 (i32.const 12) (global.get $g))"
    " (i64.const 0x0000000800000008))"
    "(func (export \"vector\") (param v128) (result i64) (i64.const 0))"
    "(func (export \"gives\") (result v128) (global.get $g))"
    "(func (export \"beyond\") (v128.store (i32.const 131057) (global.get $g)))";

MC_TEST("a vector in a global is as it was after initialization, at each call")
{
    mc_wasm_guest *guest = NULL;
    mc_err err;

    if (!mc_wasm_test_has_wabt())
        MC_SKIP("wat2wasm is not installed");
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), fields, &guest, &err), &err);
    for (int i = 0; i < 3; i++)
        mc_wasm_test_expect(guest, "next", MC_STR(""), MC_STR("abcdbcde"));
    mc_wasm_guest_settle(guest);
    MC_CASE("after the better code took over");
    MC_EXPECT_EQ(mc_wasm_guest_tier(guest), MC_WASM_TIER_FULL);
    for (int i = 0; i < 3; i++)
        mc_wasm_test_expect(guest, "next", MC_STR(""), MC_STR("abcdbcde"));
    MC_CASE("beyond memory");
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "beyond", 0, &err), MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "out of bounds memory access");
    mc_wasm_test_expect(guest, "next", MC_STR(""), MC_STR("abcdbcde"));
    mc_wasm_guest_free(guest);
}

MC_TEST("no vector goes in or out of a guest")
{
    mc_wasm_guest *guest = NULL;
    mc_err err;

    if (!mc_wasm_test_has_wabt())
        MC_SKIP("wat2wasm is not installed");
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), fields, &guest, &err), &err);
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "vector", 0, &err), MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "export vector takes or gives v128, which stays in a guest");
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "gives", 0, &err), MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "export gives takes or gives v128");
    mc_wasm_guest_free(guest);
    MC_EXPECT_EQ(mc_wasm_test_load(mc_wasm_test_runtime(),
                                   "(import \"host\" \"ask\" (func (param v128) (result i64)))",
                                   &guest, &err),
                 MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "import host.ask takes or gives v128, which stays in a guest");
}

/* The largest frame that there can be: each of thousands of vectors is wanted after the call. */
static mc_str frames(mc_arena *arena)
{
    mc_buf text;
    mc_str copy;

    mc_buf_init(&text, 0);
    mc_buf_lit(&text, "(func $deep (export \"deep\") (i32.const 0)");
    for (int i = 0; i < 7900; i++)
        mc_buf_lit(&text, "(v128.load offset=8 (i32.const 0))");
    mc_buf_lit(&text, "(call $deep)");
    for (int i = 0; i < 7899; i++)
        mc_buf_lit(&text, "(i8x16.add)");
    mc_buf_lit(&text, "(v128.store))");
    copy = mc_str_copy(arena, mc_buf_get(&text));
    mc_buf_deinit(&text);
    return copy;
}

MC_TEST("a recursion with the largest frame of vectors ends at the stack's guard")
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_wasm_guest *guest = NULL;
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wat2wasm is not installed");
    }
    MC_REQUIRE_OK(
        mc_wasm_test_load(mc_wasm_test_runtime(), mc_str_z(arena, frames(arena)), &guest, &err),
        &err);
    for (int tier = 0; tier < 2; tier++) {
        MC_EXPECT_EQ(mc_wasm_test_call(guest, "deep", 0, &err), MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), "call stack exhausted");
        mc_wasm_test_expect(guest, "echo", MC_STR("again"), MC_STR("again"));
        mc_wasm_guest_settle(guest);
    }
    mc_wasm_guest_free(guest);
    mc_arena_free(arena);
}
