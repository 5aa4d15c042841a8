/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_attacks_test_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const mc_str hello = MC_STR_INIT("hello, guest");

/* ---- what a call is ---- */

MC_TEST("a call's input comes back from an echo, whatever its size")
{
    mc_wasm_guest *guest = NULL;
    mc_str large = {calloc(1, MC_WASM_MESSAGE_MAX + 1), MC_WASM_MESSAGE_MAX};
    mc_wasm_call call = {MC_WASM_CALL, .function = MC_STR("echo")};
    mc_buf out;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE(large.ptr);
    memset((char *)large.ptr, 'x', large.len);
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), "", &guest, &err), &err);
    mc_wasm_test_expect(guest, "echo", hello, hello);
    mc_wasm_test_expect(guest, "echo", MC_STR(""), MC_STR(""));
    mc_wasm_test_expect(guest, "echo", large, large);
    mc_wasm_test_expect(guest, "echo", hello, hello);
    MC_CASE("one byte more than a message may have");
    call.input = mc_str_of(large.ptr, large.len + 1);
    mc_buf_init(&out, 0);
    MC_EXPECT_EQ(mc_wasm_invoke(guest, &call, &out, &err), MC_TOO_LARGE);
    MC_CASE("what is written goes behind what is there");
    mc_buf_lit(&out, ">");
    call.input = hello;
    MC_EXPECT_OK(mc_wasm_invoke(guest, &call, &out, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&out), ">hello, guest");
    mc_buf_deinit(&out);
    mc_wasm_guest_free(guest);
    free((char *)large.ptr);
}

MC_TEST("every call starts from the same state: memory, globals, tables, segments")
{
    static const char fields[] =
        "(global $n (mut i32) (i32.const 48)) (table $t 1 8 funcref) (elem $e func 0)"
        "(data $d \"abc\") (data (i32.const 100) \"12\")"
        "(func $zero (export \"count\") (param i32 i32) (result i64)"
        " (global.set $n (i32.add (global.get $n) (i32.const 1)))" /* a global */
        " (i32.store8 (i32.const 100) (i32.add (i32.load8_u (i32.const 100)) (i32.const 1)))"
        " (i32.store8 (i32.const 102) (global.get $n))"
        " (i32.store8 (i32.const 103) (i32.add (i32.const 48) (table.size $t)))"
        " (drop (table.grow $t (ref.null func) (i32.const 1)))" /* a table's size */
        " (i32.store8 (i32.const 104) (i32.add (i32.const 48) (ref.is_null (table.get $t "
        "(i32.const 0)))))"
        " (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e)"
        " (memory.init $d (i32.const 105) (i32.const 0) (i32.const 3)) (data.drop $d)"
        " (i32.store8 (i32.const 108) (i32.add (i32.const 48) (memory.size)))"
        " (drop (memory.grow (i32.const 1)))"
        " (i32.store8 (i32.const 109) (i32.add (i32.const 48) (i32.load8_u (i32.const 131100))))"
        " (i32.store8 (i32.const 131100) (i32.const 7))" /* in what was grown */
        " (i64.or (i64.shl (i64.const 100) (i64.const 32)) (i64.const 10)))";
    mc_wasm_guest *guest = NULL;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), fields, &guest, &err), &err);
    for (int i = 0; i < 5; i++)
        mc_wasm_test_expect(guest, "count", MC_STR(""), MC_STR("22111abc20"));
    mc_wasm_guest_settle(guest);
    MC_CASE("after the better code took over");
    MC_EXPECT_EQ(mc_wasm_guest_tier(guest), MC_WASM_TIER_FULL);
    for (int i = 0; i < 5; i++)
        mc_wasm_test_expect(guest, "count", MC_STR(""), MC_STR("22111abc20"));
    mc_wasm_guest_free(guest);
}

MC_TEST("initialization runs once, and each call starts after it")
{
    static const char fields[] =
        "(start $first)"
        "(func $first (i32.store8 (i32.const 8) (i32.const 97)))"
        "(func (export \"_initialize\") (i32.store8 (i32.const 9) (i32.const 98))"
        " (drop (memory.grow (i32.const 3))) (i32.store8 (i32.const 262144) (i32.const 99)))"
        "(func (export \"get\") (param i32 i32) (result i64)"
        " (i32.store8 (i32.const 10) (i32.load8_u (i32.const 262144)))"
        " (i32.store8 (i32.const 262144) (i32.const 120)) (i32.store8 (i32.const 11) (i32.add "
        "(i32.const 48) (memory.size)))"
        " (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4)))";
    mc_wasm_guest *guest = NULL;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), fields, &guest, &err), &err);
    mc_wasm_test_expect(guest, "get", MC_STR(""), MC_STR("abc5"));
    mc_wasm_test_expect(guest, "get", MC_STR(""), MC_STR("abc5"));
    mc_wasm_guest_free(guest);
    MC_CASE("one that traps");
    MC_EXPECT_EQ(
        mc_wasm_test_load(mc_wasm_test_runtime(), "(start $u) (func $u unreachable)", &guest, &err),
        MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "initialization: unreachable");
    MC_CASE("one that never ends");
    MC_EXPECT_EQ(mc_wasm_test_load(mc_wasm_test_runtime(), "(start $u) (func $u (loop (br 0)))",
                                   &guest, &err),
                 MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "takes more than 2000 ms");
    MC_CASE("one whose data does not fit");
    MC_EXPECT_EQ(
        mc_wasm_test_load(mc_wasm_test_runtime(), "(data (i32.const 131071) \"xx\")", &guest, &err),
        MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "a segment lies outside");
}

MC_TEST("both calling dialects are understood, and what is neither is refused")
{
    static const char fields[] = "(func (export \"packed\") (param i64) (result i64) (local.get 0))"
                                 "(func (export \"plain\"))"
                                 "(func (export \"odd\") (param f32))";
    mc_wasm_guest *guest = NULL;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), fields, &guest, &err), &err);
    mc_wasm_test_expect(guest, "packed", hello, hello);
    mc_wasm_test_expect(guest, "plain", MC_STR(""), MC_STR(""));
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "odd", 0, &err), MC_REJECTED);
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "memory", 0, &err), MC_NOT_FOUND);
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "nothing", 0, &err), MC_NOT_FOUND);
    MC_EXPECT_HAS(mc_z(err.msg), "export nothing missing from module");
    mc_wasm_guest_free(guest);
}

/* ---- host calls ---- */

typedef struct notes {
    mc_buf heard;
    mc_code answer;
} notes;

static mc_code hear(void *user, uint32_t import, const mc_str *args, size_t count,
                    int64_t deadline_us, mc_buf *out, mc_err *err)
{
    notes *n = user;

    MC_EXPECT(deadline_us > 0);
    for (size_t i = 0; i < count; i++) {
        mc_buf_str(&n->heard, args[i]);
        mc_buf_char(&n->heard, i + 1 < count ? ',' : ';');
    }
    if (n->answer != MC_OK)
        return mc_fail(err, n->answer, "the host says no");
    if (import == 0)
        mc_buf_lit(out, "answer");
    return MC_OK;
}

static const char asking[] =
    "(import \"host\" \"ask\" (func $ask (param i32 i32) (result i64)))"
    "(import \"host\" \"tell\" (func $tell (param i32 i32 i32 i32)))"
    "(data (i32.const 16) \"questionnews\")"
    "(func (export \"ask\") (param i32 i32) (result i64)"
    " (call $tell (i32.const 24) (i32.const 4) (local.get 0) (local.get 1))"
    " (call $ask (i32.const 16) (i32.const 8)))"
    "(func (export \"outside\") (param i32 i32) (result i64)"
    " (call $ask (i32.const -1) (i32.const 8)))"
    "(func (export \"for_ever\") (loop (drop (call $ask (i32.const 16) (i32.const 8))) (br 0)))";

MC_TEST("imported functions reach the caller, with copies of what they were given")
{
    mc_wasm_guest *guest = NULL;
    notes n = {.answer = MC_OK};
    mc_wasm_call call = {MC_WASM_CALL, .function = MC_STR("ask"), .input = hello, .host = hear,
                         .host_user = &n};
    mc_buf out;
    mc_err err;

    NEEDS_RUNTIME();
    mc_buf_init(&n.heard, 0);
    mc_buf_init(&out, 0);
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), asking, &guest, &err), &err);
    MC_EXPECT_OK(mc_wasm_invoke(guest, &call, &out, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&out), "answer");
    MC_EXPECT_Z(mc_buf_get(&n.heard), "news,hello, guest;question;");
    MC_CASE("an argument outside of the memory");
    call.function = MC_STR("outside");
    MC_EXPECT_EQ(mc_wasm_invoke(guest, &call, &out, &err), MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "out of bounds memory access");
    MC_CASE("a refusal ends the call with its code");
    call.function = MC_STR("ask");
    n.answer = MC_FORBIDDEN;
    MC_EXPECT_EQ(mc_wasm_invoke(guest, &call, &out, &err), MC_FORBIDDEN);
    MC_EXPECT_HAS(mc_z(err.msg), "the host says no");
    MC_CASE("nobody listens: nothing is answered");
    call.host = NULL;
    mc_buf_clear(&out);
    MC_EXPECT_OK(mc_wasm_invoke(guest, &call, &out, &err), &err);
    MC_EXPECT_EQ(out.len, 0);
    MC_CASE("calls without end meet the deadline");
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "for_ever", 50, &err), MC_TIMEOUT);
    mc_wasm_guest_free(guest);
    mc_buf_deinit(&n.heard);
    mc_buf_deinit(&out);
}

#define WASI(name, type) "(import \"wasi_snapshot_preview1\" \"" name "\" " type ")"

static const struct {
    const char *name, *fields, *says;
} refused[] = {
    {"a function nobody offers", "(import \"env\" \"system\" (func (param i32)))",
     "import env.system is not offered"},
    {"an offered one of another type", "(import \"host\" \"ask\" (func (param i32) (result i64)))",
     "import host.ask is of another type"},
    {"a global", "(import \"host\" \"ask\" (global i32))", "import host.ask is no function"},
    {"files", WASI("path_open", "(func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32))"),
     "import wasi_snapshot_preview1.path_open is not offered"},
    {"sockets", WASI("sock_accept", "(func (param i32 i32 i32) (result i32))"),
     "import wasi_snapshot_preview1.sock_accept is not offered"},
    {"an older name of it",
     "(import \"wasi_unstable\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))",
     "import wasi_unstable.fd_write is not offered"},
    {"another type", WASI("fd_write", "(func (param i32 i32 i32) (result i32))"),
     "import wasi_snapshot_preview1.fd_write is of another type"},
    {"no function", WASI("proc_exit", "(global i32)"),
     "import wasi_snapshot_preview1.proc_exit is no function"},
    {"what else compilers want", "(import \"env\" \"seed\" (func (result f64)))",
     "import env.seed is not offered"},
    {"abort of another type", "(import \"env\" \"abort\" (func (param i32)))",
     "import env.abort is of another type"},
};

MC_TEST("a guest that wants what is not offered is refused when it is loaded")
{
    NEEDS_RUNTIME();
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        mc_wasm_guest *guest = NULL;
        mc_err err;

        MC_CASE(refused[i].name);
        MC_EXPECT_EQ(mc_wasm_test_load(mc_wasm_test_runtime(), refused[i].fields, &guest, &err),
                     MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), refused[i].says);
    }
}

/* ---- hostile guests ---- */

MC_TEST("whatever a call does, the next one is as if nothing had been")
{
    mc_wasm_guest *guest = NULL;
    mc_wasm_stats before, stats;
    mc_err err;

    NEEDS_RUNTIME();
    mc_wasm_get_stats(mc_wasm_test_runtime(), &before);
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), mc_wasm_attack_fields, &guest, &err),
                  &err);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < mc_wasm_attack_count(); i++) {
            MC_CASE(mc_wasm_attacks[i].function);
            mc_wasm_attack(guest, i);
            mc_wasm_test_expect(guest, "echo", hello, hello);
        }
        mc_wasm_guest_settle(guest); /* and again, on the better code */
    }
    mc_wasm_get_stats(mc_wasm_test_runtime(), &stats);
    MC_EXPECT_EQ(stats.deaths, before.deaths);
    MC_EXPECT(stats.traps >= before.traps + 30);
    MC_EXPECT(stats.timeouts >= before.timeouts + 4);
    MC_EXPECT_EQ(stats.busy, 0);
    mc_wasm_guest_free(guest);
}

/* ---- several at once ---- */

static void *spin(void *user)
{
    mc_err err;

    MC_EXPECT_EQ(mc_wasm_test_call(user, "spin", 1500, &err), MC_TIMEOUT);
    return NULL;
}

MC_TEST("a pool that is busy makes others wait until their deadline, and no longer")
{
    mc_wasm_config config = {MC_WASM_CONFIG, .children_max = 1};
    mc_wasm_guest *guest = NULL;
    mc_wasm *wasm = NULL;
    pthread_t thread;
    mc_err err;

    NEEDS_RUNTIME();
    config.zygote = mc_wasm_test_zygote();
    config.compiler = mc_wasm_test_compiler();
    MC_REQUIRE_OK(mc_wasm_new(&config, &wasm, &err), &err);
    MC_REQUIRE_OK(mc_wasm_test_load(wasm, mc_wasm_attack_fields, &guest, &err), &err);
    mc_wasm_guest_settle(guest);
    MC_REQUIRE(pthread_create(&thread, NULL, spin, guest) == 0);
    for (mc_wasm_stats stats = {0}; stats.busy == 0; usleep(1000))
        mc_wasm_get_stats(wasm, &stats);
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "echo", 50, &err), MC_TIMEOUT);
    MC_EXPECT_HAS(mc_z(err.msg), "busy");
    mc_wasm_test_expect(guest, "echo", hello, hello); /* which waits for the other's end */
    (void)pthread_join(thread, NULL);                 /* started above */
    mc_wasm_guest_free(guest);
    mc_wasm_free(wasm);
}

MC_TEST("more guests than children take turns, and a child is of one guest only")
{
    mc_wasm *wasm = mc_wasm_test_runtime();
    mc_wasm_guest *guests[6] = {NULL};
    mc_wasm_stats before, after;
    mc_err err;

    NEEDS_RUNTIME();
    mc_wasm_get_stats(wasm, &before);
    for (size_t i = 0; i < MC_LEN(guests); i++) {
        char fields[160];

        snprintf(fields, sizeof(fields),
                 "(data (i32.const 8) \"%zu\") (func (export \"who\") (param i32 i32) (result i64)"
                 " (i64.const 0x800000001))",
                 i);
        MC_REQUIRE_OK(mc_wasm_test_load(wasm, fields, &guests[i], &err), &err);
    }
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < MC_LEN(guests); i++) {
            char name[2] = {(char)('0' + i), '\0'};

            mc_wasm_test_expect(guests[i], "who", MC_STR(""), mc_z(name));
        }
    }
    mc_wasm_get_stats(wasm, &after);
    MC_EXPECT(after.children <= 4);
    MC_EXPECT(after.recycled > before.recycled);
    for (size_t i = 0; i < MC_LEN(guests); i++)
        mc_wasm_guest_free(guests[i]);
    mc_wasm_get_stats(wasm, &after);
    MC_EXPECT_EQ(after.children, 0);
}
