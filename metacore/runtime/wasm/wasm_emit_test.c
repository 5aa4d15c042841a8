/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_emit_internal.h"
#include "metacore/runtime/wasm/wasm_test_internal.h"

#include <stdio.h>

static mc_code gather(void *user, const char *name, mc_str text, mc_err *err)
{
    mc_buf *out = user;

    mc_buf_printf(out, "== %s\n", name);
    mc_buf_str(out, text);
    return mc_buf_check(out, "text", err);
}

static mc_code translate(mc_str bytes, mc_buf *out, mc_err *err)
{
    mc_wasm_module *module = NULL;
    mc_code rc = mc__wasm_translate(bytes, gather, out, &module, err);

    mc_wasm_module_free(module);
    return rc;
}

/* Every name that a module can have, each a piece of C that must not get out. */
static const char hostile[] =
    "(module (type $t (func (param i32) (result i32)))"
    " (import \"evil*/int evil_a;/*\" \"evil\\22;int evil_b;//\" (func $f (type $t)))"
    " (import \"evil\\0aevil\" \"evil\\\\\" (global $g i32))"
    " (memory (export \"evil*/ __attribute__((constructor)) void evil(void){} /*\") 1)"
    " (table (export \"evil\\0a#include <evil>\") 1 funcref)"
    " (func $evil_name (export \"evil?\?/\\0aevil\") (param $evil i32) (result i32)"
    "   (local $evil2 i32) (call $f (local.get $evil)))"
    " (elem (i32.const 0) $evil_name)"
    " (data (i32.const 0) \"evil*/evil\"))";

MC_TEST("no string of a module gets into the text")
{
    mc_arena *arena = mc_arena_new(0);
    mc_buf text;
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wat2wasm is not installed");
    }
    mc_buf_init(&text, 0);
    MC_EXPECT_OK(translate(mc_wasm_test_wat(arena, hostile, "--debug-names"), &text, &err), &err);
    MC_EXPECT_HAS(mc_buf_get(&text), "w1(mcw_instance *I, u32 a0)");
    MC_EXPECT_EQ(mc_str_find(mc_buf_get(&text), MC_STR("evil")), text.len);
    mc_buf_deinit(&text);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *wat, *has;
} cases[] = {
    {"a dead load is a load", "(memory 1) (func (drop (i32.load offset=7 (i32.const 1))))",
     "X_LOAD(si0, u32, si0, 7u);"},
    {"a division is checked", "(func (drop (i32.div_s (i32.const 1) (i32.const 0))))",
     "si0 = x_div_s32(I, si0, si1);"},
    {"a shift is masked", "(func (drop (i64.shl (i64.const 1) (i64.const 99))))",
     "sl0 = sl0 << (sl1 & 63);"},
    {"what cannot be reached is not written",
     "(func (result i32) (return (i32.const 1)) (i32.const 77))", "return si0;\n}"},
    {"a block in what cannot be reached is not written either",
     "(func (unreachable) (block (loop (br 1)) (drop (i32.const 77))))",
     "TRAP(MCW_TRAP_UNREACHABLE);\n}"},
    {"a branch moves its values down",
     "(func (result i32 i64) (i32.const 9) (i32.const 1) (i64.const 2) (block (param i32 i64)"
     " (result i32 i64) (i64.const 8) (i32.const 1) (i64.const 2) (br 0)) (return))",
     "si1 = si4;\nsl2 = sl5;\ngoto L0;"},
    {"an indirect call is checked against its type",
     "(type (func)) (type (func)) (table 1 funcref) (func (call_indirect (type 1) (i32.const 0)))",
     "x_indirect(I, I->tables[0], si0, I->types[0])"},
    {"an operation on vectors is a call of its name",
     "(func (param v128) (drop (i16x8.shl (local.get 0) (i32.const 3))))",
     "V_SET(sv0, x_i16x8_shl, V(sv0), si1);"},
    {"a vector's lane and its access come as numbers",
     "(memory 1) (func (param v128) (v128.store16_lane offset=9 5 (i32.const 1) (local.get 0)))",
     "x_v128_store16_lane(M + (u64)si0 + 9u, V(sv1), 5);"},
    {"a constant vector is two halves", "(func (drop (v128.const i64x2 0x1f 0x2e)))",
     "V_SET(sv0, x_v128_const, 0x1full, 0x2eull);"},
    {"a shuffle says its lanes one by one",
     "(func (param v128) (drop (i8x16.shuffle 31 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14"
     " (local.get 0) (local.get 0))))",
     "x_shuffle_any, V(sv0), V(sv1), 31, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);"},
    {"a shuffle of whole lanes says how wide they are",
     "(func (param v128) (drop (i8x16.shuffle 20 21 22 23 0 1 2 3 4 5 6 7 28 29 30 31"
     " (local.get 0) (local.get 0))))",
     "x_shuffle32, V(sv0), V(sv1), 20, 21,"},
    {"a shuffle that is one step anywhere is left to the compiler",
     "(func (param v128) (drop (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31"
     " (local.get 0) (local.get 0))))",
     "x_i8x16_shuffle, V(sv0), V(sv1), 8, 24,"},
    {"a vector is no value that a call takes or gives as it is",
     "(func (param v128 i32) (result v128) (call 0 (local.get 0) (local.get 1)))",
     "V_CALL(sv0, w0(I, V(sv0), si1));\nV_RETURN(sv0);"},
    {"vectors bring their operations in", "(func (param v128) (drop (v128.not (local.get 0))))",
     "#include \"wasm_guest_v128_internal.h\"\n"},
    {"several results go by the instance", "(func (result i32 i32) (i32.const 1) (i32.const 2))",
     "I->rt->results[1].i32 = si1;"},
};

MC_TEST("instructions become the C that checks what C does not")
{
    mc_arena *arena = mc_arena_new(0);
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wat2wasm is not installed");
    }
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str wat = mc_str_printf(arena, "(module %s)", cases[i].wat);
        mc_buf text;

        mc_buf_init(&text, 0);
        MC_CASE(cases[i].name);
        MC_EXPECT_OK(translate(mc_wasm_test_wat(arena, mc_str_z(arena, wat), NULL), &text, &err),
                     &err);
        MC_EXPECT_HAS(mc_buf_get(&text), cases[i].has);
        /* As a number of C: the digest in the text may have any digits. */
        MC_EXPECT_EQ(mc_str_find(mc_buf_get(&text), MC_STR("77u")), text.len);
        mc_buf_deinit(&text);
    }
    mc_arena_free(arena);
}

MC_TEST("text comes in chunks of three hundred functions")
{
    mc_arena *arena = mc_arena_new(0);
    mc_buf wat, text;
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wat2wasm is not installed");
    }
    mc_buf_init(&wat, 0);
    mc_buf_init(&text, 0);
    mc_buf_lit(&wat, "(module ");
    for (int i = 0; i < 601; i++)
        mc_buf_printf(&wat, "(func (call %d))", (i * 7) % 601);
    mc_buf_lit(&wat, ")");
    mc_buf_char(&wat, '\0');
    MC_EXPECT_OK(translate(mc_wasm_test_wat(arena, wat.ptr, NULL), &text, &err), &err);
    MC_EXPECT_HAS(mc_buf_get(&text), "== chunk3.c\n#include \"wasm_guest_internal.h\"\nvoid w");
    MC_EXPECT_HAS(mc_buf_get(&text), "== table.c\n");
    MC_EXPECT_EQ(mc_str_find(mc_buf_get(&text), MC_STR("chunk4.c")), text.len);
    mc_buf_deinit(&text);
    mc_buf_deinit(&wat);
    mc_arena_free(arena);
}

static mc_code translate_without_memory(mc_err *err)
{
    static const char bytes[] = "\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\7\5\1\1b\0\0"
                                "\x0a\x0c\1\x0a\0\x10\0\x41\1\x1a\x03\x40\x0b\x0b";
    mc_buf text;
    mc_code rc;

    mc_buf_init(&text, 0);
    rc = translate(mc_str_of(bytes, sizeof(bytes) - 1), &text, err);
    mc_buf_deinit(&text);
    return rc;
}

MC_TEST("translating survives the loss of any allocation")
{
    mc_err err;

    MC_EXPECT_OK(translate_without_memory(&err), &err);
    MC_TEST_OOM(translate_without_memory);
}
