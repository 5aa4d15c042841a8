/* SPDX-License-Identifier: Apache-2.0 */
/* Where calls start, and how they end. */
#include "metacore/runtime/wasm/wasm_pool_internal.h"
#include "metacore/runtime/wasm/wasm_snapshot_internal.h"
#include "metacore/runtime/wasm/wasm_wasi_test_internal.h"

#include <unistd.h>

/* ---- chance, time, and where calls start ---- */

static void answer_of(mc_wasm_guest *guest, const char *function, char out[17])
{
    mc_wasm_call call = {MC_WASM_CALL, .function = mc_z(function)};
    mc_buf answer;
    mc_err err;

    mc_buf_init(&answer, 0);
    MC_EXPECT_OK(mc_wasm_invoke(guest, &call, &answer, &err), &err);
    MC_EXPECT_EQ(answer.len, 16);
    memset(out, 0, 17);
    memcpy(out, answer.ptr, answer.len < 16 ? answer.len : 16);
    mc_buf_deinit(&answer);
}

static bool is_before_init(const mc_wasm_guest *guest)
{
    mc__wasm_snapshot_header header = {0};

    MC_EXPECT_EQ(pread(guest->current->snapshot, &header, sizeof(header), 0),
                 (ssize_t)sizeof(header));
    return header.is_before_init != 0;
}

#define SIXTEEN " (i64.const 0x40000000010))" /* from 1024 on */

static const struct {
    const char *name, *fields;
    bool is_before_init, is_same;
} starts[] = {
    {"nothing of this", "(func (export \"_initialize\"))(func (export \"get\")" R64 SIXTEEN, false,
     true},
    {"chance of each call",
     "(func (export \"get\")" R64
     "(drop (call $random_get (i32.const 1024) (i32.const 16)))" SIXTEEN,
     false, false},
    {"pure functions",
     "(func (export \"_initialize\")"
     "(drop (call $args_sizes_get (i32.const 1024) (i32.const 1028)))"
     "(drop (call $environ_sizes_get (i32.const 1024) (i32.const 1028)))"
     "(drop (call $fd_prestat_get (i32.const 3) (i32.const 1024)))"
     "(drop (call $fd_fdstat_get (i32.const 1) (i32.const 1024))) (drop (call $sched_yield)))"
     "(func (export \"get\")" R64 SIXTEEN,
     false, true},
    {"a hash's seed",
     "(func (export \"_initialize\")"
     "(drop (call $random_get (i32.const 1024) (i32.const 16))))"
     "(func (export \"get\")" R64 SIXTEEN,
     true, false},
    {"the time",
     "(func $now (drop (call $clock_time_get (i32.const 1) (i64.const 1) "
     "(i32.const 1024)))) (start $now) (func (export \"get\")" R64 SIXTEEN,
     true, false},
    {"a line",
     "(func (export \"_initialize\")"
     "(call $line (i32.const 1))"
     ") (func (export \"get\")" R64 SIXTEEN,
     true, true},
    {"a stream's end",
     "(func (export \"_initialize\") (drop (call $fd_close (i32.const 2))))"
     "(func (export \"get\")" R64 SIXTEEN,
     true, true},
};

MC_TEST("a state that saw time or chance is made anew for each call, another is kept")
{
    NEEDS_RUNTIME();
    for (size_t i = 0; i < MC_LEN(starts); i++) {
        mc_wasm_guest *guest = NULL;
        char answers[3][17];
        mc_err err;

        MC_CASE(starts[i].name);
        MC_EXPECT_OK(mc_wasi_test_load(starts[i].fields, &guest, &err), &err);
        if (!guest)
            continue;
        MC_EXPECT_EQ(is_before_init(guest), starts[i].is_before_init);
        for (size_t k = 0; k < 3; k++)
            answer_of(guest, "get", answers[k]);
        MC_EXPECT_EQ(memcmp(answers[0], answers[1], 16) == 0, starts[i].is_same);
        MC_EXPECT_EQ(memcmp(answers[1], answers[2], 16) == 0, starts[i].is_same);
        mc_wasm_guest_free(guest);
    }
}

MC_TEST("two draws of one call differ, and so do draws before and after initialization")
{
    static const char fields[] =
        "(func (export \"_initialize\")"
        "(drop (call $random_get (i32.const 1024) (i32.const 8))))"
        "(func (export \"get\")" R64 "(drop (call $random_get (i32.const 1032) (i32.const 8)))"
        "(drop (call $random_get (i32.const 1040) (i32.const 8)))"
        "(if (i64.eq (i64.load (i32.const 1024)) (i64.load (i32.const 1032))) (then unreachable))"
        "(if (i64.eq (i64.load (i32.const 1032)) (i64.load (i32.const 1040))) (then unreachable))"
        "(if (i64.eqz (i64.load (i32.const 1040))) (then unreachable)) (i64.const 0))";
    mc_wasm_guest *guest = NULL;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasi_test_load(fields, &guest, &err), &err);
    for (int i = 0; i < 20; i++)
        mc_wasm_test_expect(guest, "get", MC_STR(""), MC_STR(""));
    mc_wasm_guest_free(guest);
}

MC_TEST("initialization writes its lines in each call, and cannot ask the host")
{
    static const char fields[] = "(func (export \"_initialize\")"
                                 "(call $line (i32.const 1))"
                                 ")(func (export \"go\")"
                                 "(call $line (i32.const 2))"
                                 ")";
    static const char asking[] =
        "(func (export \"_initialize\") (call $tell (i32.const 0) (i32.const 0) (i32.const 0) "
        "(i32.const 0)))";
    mc_wasm_guest *guest = NULL;
    mc_wasi_heard h = {{0}};
    mc_err err;

    NEEDS_RUNTIME();
    mc_buf_init(&h.text, 0);
    MC_REQUIRE_OK(mc_wasi_test_load(fields, &guest, &err), &err);
    for (int i = 0; i < 2; i++) {
        MC_EXPECT_OK(mc_wasi_test_call(guest, "go", 0, &h, &err), &err);
        MC_EXPECT_Z(mc_buf_get(&h.text), "hello, world|hello, world|");
    }
    mc_wasm_guest_free(guest);
    MC_EXPECT_EQ(mc_wasi_test_load(asking, &guest, &err), MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "initialization: a function of the host, before there is a call");
    mc_buf_deinit(&h.text);
}

/* ---- ends ---- */

#define EXIT(code) "(call $proc_exit (i32.const " #code "))"

static const struct {
    const char *name, *fields;
    const char *refusal; /* NULL: it can be loaded */
} exits[] = {
    {"a reactor that ends itself", "(func (export \"_initialize\")" EXIT(0) ")",
     "initialization: exited with code 0"},
    {"a reactor that fails", "(func (export \"_initialize\")" EXIT(7) ")",
     "initialization: exited with code 7"},
    {"a command that fails", "(func (export \"_start\")" EXIT(1) ")",
     "initialization: exited with code 1"},
    {"a command that traps", "(func (export \"_start\") unreachable)",
     "initialization: unreachable"},
    {"a start that ends itself", "(func $s " EXIT(0) ") (start $s)",
     "initialization: exited with code 0"},
    {"a command",
     "(func (export \"_start\") (i32.store8 (i32.const 1024) (i32.const 65))" EXIT(
         0) ") (func (export \"get\")" R64 "(i64.const 0x40000000001))",
     NULL},
    {"a command that just returns",
     "(func (export \"_start\") (i32.store8 (i32.const 1024) "
     "(i32.const 65))) (func (export \"get\")" R64 "(i64.const 0x40000000001))",
     NULL},
    {"a reactor, whose _start is another's",
     "(func (export \"_initialize\") (i32.store8 "
     "(i32.const 1024) (i32.const 65))) (func (export \"_start\") unreachable)"
     "(func (export \"get\")" R64 "(i64.const 0x40000000001))",
     NULL},
    {"a command that is no initialization",
     "(func (export \"_start\") (param i32))"
     "(data (i32.const 1024) \"A\") (func (export \"get\")" R64 "(i64.const 0x40000000001))",
     NULL},
};

MC_TEST("commands and reactors begin as they should, or are refused")
{
    NEEDS_RUNTIME();
    for (size_t i = 0; i < MC_LEN(exits); i++) {
        mc_wasm_guest *guest = NULL;
        mc_err err = {0};

        MC_CASE(exits[i].name);
        MC_EXPECT_EQ(mc_wasi_test_load(exits[i].fields, &guest, &err),
                     exits[i].refusal ? MC_REJECTED : MC_OK);
        if (exits[i].refusal)
            MC_EXPECT_HAS(mc_z(err.msg), exits[i].refusal);
        else if (guest)
            mc_wasm_test_expect(guest, "get", MC_STR(""), MC_STR("A"));
        mc_wasm_guest_free(guest);
    }
}

static const struct {
    const char *name, *data, *says; /* what is written before it traps */
} panics[] = {
    {"in Rust's words", "thread 'x' panicked at 'no', a.rs:1:2\\0anote: run with more\\0a",
     "call go: unreachable: thread 'x' panicked at 'no', a.rs:1:2"},
    {"in Go's words, after others", "panic early\\0ahello\\0apanic: out of range",
     "call go: unreachable: panic: out of range"},
    {"in many words",
     "panic: 12345678901234567890123456789012345678901234567890123456789012345678"
     "901234567890123456789012345678901234567890",
     "call go: unreachable: panic: 12345678901234567890"},
    {"in no words", "hello\\0a", "call go: unreachable"},
};

MC_TEST("a panic that was printed is the error's, too")
{
    mc_arena *arena = mc_arena_new(0);

    NEEDS_RUNTIME();
    for (size_t i = 0; i < MC_LEN(panics); i++) {
        const char *fields = mc_str_z(
            arena, mc_str_printf(arena,
                                 "(data (i32.const 2048) \"\\00\\10\\00\\00\\c8\\00\\00\\00\")"
                                 "(data (i32.const 4096) \"%s\") (func (export \"go\")"
                                 "(drop (call $fd_write (i32.const 2) (i32.const 2048) "
                                 "(i32.const 1) (i32.const 1024))) unreachable)",
                                 panics[i].data));
        mc_wasm_guest *guest = NULL;
        mc_err err;

        MC_CASE(panics[i].name);
        MC_EXPECT_OK(mc_wasi_test_load(fields, &guest, &err), &err);
        MC_EXPECT_EQ(mc_wasm_test_call(guest, "go", 0, &err), MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), panics[i].says);
        mc_wasm_guest_free(guest);
    }
    mc_arena_free(arena);
}

MC_TEST("a call that ends its process has an empty answer, or a code that says why not")
{
    static const char fields[] = "(func (export \"fine\")" R64 EXIT(
        0) "(i64.const 0x2000000005))"
           "(func (export \"wrong\")" R64 EXIT(3) "(i64.const 0))"
                                                  "(func (export \"large\")" R64 EXIT(
                                                      -1) "(i64.const 0))";
    mc_wasm_guest *guest = NULL;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasi_test_load(fields, &guest, &err), &err);
    for (int i = 0; i < 2; i++) {
        mc_wasm_test_expect(guest, "fine", MC_STR(""), MC_STR(""));
        MC_EXPECT_EQ(mc_wasm_test_call(guest, "wrong", 0, &err), MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), "call wrong: exited with code 3");
        MC_EXPECT_EQ(mc_wasm_test_call(guest, "large", 0, &err), MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), "exited with code 4294967295");
    }
    mc_wasm_test_expect(guest, "echo", MC_STR("as before"), MC_STR("as before"));
    mc_wasm_guest_free(guest);
}

/* Strings as AssemblyScript has them: the length in bytes in front. */
static const char aborting[] =
    "(import \"env\" \"abort\" (func $abort (param i32 i32 i32 i32)))"
    "(data (i32.const 1020) \"\\0e\\00\\00\\00N\\00o\\00 \\00\\e4\\00 \\00\\3d\\d8\\00\\de\")"
    "(data (i32.const 1084) \"\\08\\00\\00\\00a\\00.\\00t\\00s\\00\")"
    "(data (i32.const 1148) \"\\06\\00\\00\\00\\00\\d8\\0a\\00x\\00\")"
    "(data (i32.const 1212) \"\\ff\\ff\\ff\\ffx\\00\")"
    "(data (i32.const 1276) \"\\d0\\07\\00\\00\")"
#define ABORT(name, message, file)                                                                 \
    "(func (export \"" name "\") (call $abort (i32.const " message ") (i32.const " file            \
    ") (i32.const 12) (i32.const 5)))"
    ABORT("whole", "1024", "1088") ABORT("nothing", "0", "0") ABORT("halves", "1152", "1088")
        ABORT("endless", "1216", "1088") ABORT("outside", "-2", "131072") ABORT("first", "2", "3")
            ABORT("edge", "131070", "131068") ABORT("long", "1280", "1088");

static const struct {
    const char *function, *says;
} aborts[] = {
    {"whole", "call whole: abort at a.ts:12:5: No \xc3\xa4 \xf0\x9f\x98\x80"},
    {"nothing", "call nothing: abort at ?:12:5"},
    {"halves", "abort at a.ts:12:5: \xef\xbf\xbd?x"},
    {"endless", "abort at a.ts:12:5"},
    {"outside", "abort at ?:12:5"},
    {"first", "abort at ?:12:5"},
    {"edge", "abort at ?:12:5"},
    {"long", "abort at a.ts:12:5: ???"},
};

MC_TEST("abort tells its message and where, however it is called")
{
    mc_wasm_guest *guest = NULL;
    mc_wasi_heard h = {{0}};
    mc_err err;

    NEEDS_RUNTIME();
    mc_buf_init(&h.text, 0);
    MC_REQUIRE_OK(mc_wasm_test_load(mc_wasm_test_runtime(), aborting, &guest, &err), &err);
    for (size_t i = 0; i < MC_LEN(aborts); i++) {
        MC_CASE(aborts[i].function);
        MC_EXPECT_EQ(mc_wasi_test_call(guest, aborts[i].function, 0, &h, &err), MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), aborts[i].says);
        MC_EXPECT_EQ(h.lines, 1);
        MC_EXPECT_HAS(mc_buf_get(&h.text), "abort at ");
        mc_wasm_test_expect(guest, "echo", MC_STR("as before"), MC_STR("as before"));
    }
    mc_wasm_guest_free(guest);
    mc_buf_deinit(&h.text);
}

/* An alloc that fails only for what the host answers. */
static const struct {
    const char *name, *fails;
    mc_code code;
    const char *says;
} allocs[] = {
    {"it traps", "unreachable", MC_REJECTED, "call ask: unreachable"},
    {"it gives what lies outside", "(return (i32.const 65535))", MC_REJECTED,
     "call ask: out of bounds memory access"},
    {"it aborts", "(call $abort (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 2))",
     MC_REJECTED, "call ask: abort at ?:1:2"},
    {"it exits", "(call $exit (i32.const 9))", MC_REJECTED, "call ask: exited with code 9"},
    {"it exits without complaint", "(call $exit (i32.const 0))", MC_OK, NULL},
    {"it calls itself for ever", "(return (call $alloc (local.get 0)))", MC_REJECTED,
     "call ask: call stack exhausted"},
    {"it asks again, and so for ever", "(drop (call $ask (i32.const 0) (i32.const 1)))",
     MC_REJECTED, "call ask: call stack exhausted"},
};

MC_TEST("an alloc that fails while the host's answer comes ends the call as it ended itself")
{
    mc_arena *arena = mc_arena_new(0);

    NEEDS_RUNTIME();
    for (size_t i = 0; i < MC_LEN(allocs); i++) {
        mc_str text = mc_str_printf(
            arena,
            "(module (import \"host\" \"ask\" (func $ask (param i32 i32) (result i64)))"
            "(import \"env\" \"abort\" (func $abort (param i32 i32 i32 i32)))"
            "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
            "(memory (export \"memory\") 1)"
            "(func $alloc (export \"alloc\") (param i32) (result i32)"
            " (if (i32.eq (local.get 0) (i32.const 6)) (then %s)) (i32.const 64))"
            "(func (export \"ask\") (call $ask (i32.const 0) (i32.const 1)) drop)"
            "(func (export \"echo\") (param i32 i32) (result i64) (i64.const 0x4000000003)))",
            allocs[i].fails);
        mc_str bytes = mc_wasm_test_wat(arena, mc_str_z(arena, text), NULL);
        mc_wasm_guest *guest = NULL;
        mc_wasi_heard h = {{0}};
        mc_err err = {0};

        MC_CASE(allocs[i].name);
        mc_buf_init(&h.text, 0);
        MC_EXPECT_OK(mc_wasm_guest_load(mc_wasm_test_runtime(), bytes, NULL, &guest, &err), &err);
        if (!guest)
            continue;
        MC_EXPECT_EQ(mc_wasi_test_call(guest, "ask", 0, &h, &err), allocs[i].code);
        if (allocs[i].says)
            MC_EXPECT_HAS(mc_z(err.msg), allocs[i].says);
        mc_wasm_test_expect(guest, "echo", MC_STR("abc"), MC_STR("abc"));
        mc_wasm_guest_free(guest);
        mc_buf_deinit(&h.text);
    }
    mc_arena_free(arena);
}
