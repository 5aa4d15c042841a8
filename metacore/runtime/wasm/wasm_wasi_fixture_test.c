/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_wasi_test_internal.h"

#define I1 "i32"
#define I2 "i32 i32"
#define I3 "i32 i32 i32"
#define I4 "i32 i32 i32 i32"
#define OFFER(name, params)                                                                        \
    "(import \"wasi_snapshot_preview1\" \"" name "\" (func $" name " (param " params               \
    ") (result i32)))"

static const char prelude[] = OFFER("args_get", I2) OFFER("args_sizes_get", I2) OFFER(
    "environ_get", I2) OFFER("environ_sizes_get", I2) OFFER("clock_time_get", "i32 i64 i32")
    OFFER("fd_close", I1) OFFER("fd_fdstat_get", I2) OFFER("fd_fdstat_set_flags", I2) OFFER(
        "fd_prestat_get", I2) OFFER("fd_prestat_dir_name", I3) OFFER("fd_read", I4)
        OFFER("fd_seek", "i32 i64 i32 i32") OFFER("fd_write", I4) OFFER("poll_oneoff", I4) OFFER(
            "random_get",
            I2) "(import \"wasi_snapshot_preview1\" \"sched_yield\" (func $sched_yield (result "
                "i32)))"
                "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func $proc_exit (param i32)))"
                "(import \"host\" \"tell\" (func $tell (param i32 i32 i32 i32)))"
                /* An error's number, of two digits, as an answer. */
                "(func $say (param i32) (result i64)"
                " (i32.store8 (i32.const 16) (i32.add (i32.const 48) (i32.div_u (local.get 0) "
                "(i32.const 10))))"
                " (i32.store8 (i32.const 17) (i32.add (i32.const 48) (i32.rem_u (local.get 0) "
                "(i32.const 10))))"
                " (i64.const 0x1000000002))"
                /* Vectors: at 64 to "hello, ", "world\n"; at 80 to what lies outside. */
                "(data (i32.const 32) \"hello, world\\n\")"
                "(data (i32.const 64) "
                "\"\\20\\00\\00\\00\\07\\00\\00\\00\\27\\00\\00\\00\\06\\00\\00\\00\")"
                "(data (i32.const 80) \"\\ff\\ff\\01\\00\\02\\00\\00\\00\")"
                /* Subscriptions of 48 bytes, from 256 on: standard input, one of an unknown kind, a
                 * clock that is none, one of 20 ms, one of for ever, and one of a descriptor that
                 * is none. */
                "(data (i32.const 256) \"\\07\") (data (i32.const 264) \"\\01\")"
                "(data (i32.const 312) \"\\09\")"
                "(data (i32.const 368) \"\\09\")"
                "(data (i32.const 400) \"\\08\") (data (i32.const 416) \"\\01\")"
                "(data (i32.const 424) \"\\00\\2d\\31\\01\")"
                "(data (i32.const 464) \"\\01\") (data (i32.const 472) "
                "\"\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\")"
                "(data (i32.const 504) \"\\02\") (data (i32.const 512) \"\\09\")"
                "(func $head (param i32) (drop (call $fd_write (local.get 0) (i32.const 64) "
                "(i32.const 1) "
                "(i32.const 1024))))"
                "(func $tail (param i32) (drop (call $fd_write (local.get 0) (i32.const 72) "
                "(i32.const 1) "
                "(i32.const 1024))))"
                "(func $line (param i32) (drop (call $fd_write (local.get 0) (i32.const 64) "
                "(i32.const 2) "
                "(i32.const 1024))))";

mc_code mc_wasi_test_load(const char *fields, mc_wasm_guest **out, mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    const char *all = mc_str_z(arena, mc_str_printf(arena, "%s%s", prelude, fields));
    mc_code rc = mc_wasm_test_load(mc_wasm_test_runtime(), all, out, err);

    mc_arena_free(arena);
    return rc;
}

static void on_line(void *user, mc_str line)
{
    mc_wasi_heard *h = user;

    h->lines++;
    mc_buf_str(&h->text, line);
    mc_buf_char(&h->text, '|');
}

static mc_code on_host(void *user, uint32_t import, const mc_str *args, size_t count,
                       int64_t deadline_us, mc_buf *out, mc_err *err)
{
    mc_wasi_heard *h = user;

    (void)deadline_us;
    (void)err;
    MC_EXPECT_EQ(count, import + 1);
    if (import == 0)
        mc_buf_lit(out, "answer");
    mc_buf_str(&h->text, args[0]);
    mc_buf_char(&h->text, '!');
    return MC_OK;
}

mc_code mc_wasi_test_call(mc_wasm_guest *guest, const char *function, int64_t timeout_ms,
                          mc_wasi_heard *heard, mc_err *err)
{
    mc_wasm_call call = {MC_WASM_CALL,    .function = mc_z(function), .timeout_ms = timeout_ms,
                         .host = on_host, .host_user = heard,         .on_line = on_line};
    mc_buf out;
    mc_code rc;

    mc_buf_clear(&heard->text);
    heard->lines = 0;
    mc_buf_init(&out, 0);
    rc = mc_wasm_invoke(guest, &call, &out, err);
    mc_buf_deinit(&out);
    return rc;
}
