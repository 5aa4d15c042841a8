/* SPDX-License-Identifier: Apache-2.0 */
/* What functions do with what they are given, and what becomes of what is written. */
#include "metacore/runtime/wasm/wasm_wasi_test_internal.h"

#include <stdio.h>

#define AT " (i32.const 1024)"
#define END " (i32.const 131072)"
#define EDGE " (i32.const 131070)"
#define FAR " (i32.const -1)"
#define N(n) " (i32.const " #n ")"
#define NONE " (i64.const 0)"

static const struct {
    const char *name, *call, *says; /* the number that it gives */
} rows[] = {
    {"no arguments", "args_sizes_get" AT " (i32.const 1028)", "00"},
    {"no arguments to be had", "args_get" AT AT, "00"},
    {"sizes at the edge", "args_sizes_get" AT EDGE, "21"},
    {"sizes far away", "args_sizes_get" FAR AT, "21"},
    {"arguments far away", "args_get" FAR AT, "21"},
    {"no environment", "environ_sizes_get" AT AT, "00"},
    {"its sizes at the edge", "environ_sizes_get" EDGE AT, "21"},
    {"environment far away", "environ_get" AT FAR, "21"},
    {"the time", "clock_time_get" N(0) NONE AT, "00"},
    {"a clock that goes on", "clock_time_get" N(1) NONE AT, "00"},
    {"a clock of processes", "clock_time_get" N(2) NONE AT, "28"},
    {"a clock that is none", "clock_time_get" FAR NONE AT, "28"},
    {"the time at the edge", "clock_time_get" N(0) NONE EDGE, "21"},
    {"the time far away", "clock_time_get" N(0) NONE FAR, "21"},
    {"closing what is not open", "fd_close" N(3), "08"},
    {"closing far away", "fd_close" FAR, "08"},
    {"closing a stream", "fd_close" N(1), "00"},
    {"what a stream is", "fd_fdstat_get" N(1) AT, "00"},
    {"what nothing is", "fd_fdstat_get" N(3) AT, "08"},
    {"what a stream is, at the edge", "fd_fdstat_get" N(1) EDGE, "21"},
    {"flags of a stream", "fd_fdstat_set_flags" N(1) N(4), "00"},
    {"flags that are none", "fd_fdstat_set_flags" N(1) N(32), "28"},
    {"flags of nothing", "fd_fdstat_set_flags" FAR N(0), "08"},
    {"no folder", "fd_prestat_get" N(3) AT, "08"},
    {"no folder far away", "fd_prestat_get" N(3) FAR, "08"},
    {"a stream is no folder", "fd_prestat_get" N(0) AT, "08"},
    {"no folder's name", "fd_prestat_dir_name" N(3) FAR FAR, "08"},
    {"the end of the input", "fd_read" N(0) N(64) N(2) AT, "00"},
    {"reading an output", "fd_read" N(1) N(64) N(2) AT, "08"},
    {"reading to far away", "fd_read" N(0) N(80) N(1) AT, "21"},
    {"reading by vectors far away", "fd_read" N(0) FAR N(1) AT, "21"},
    {"reading by many vectors", "fd_read" N(0) N(64) FAR AT, "28"},
    {"a count of what was read, at the edge", "fd_read" N(0) N(64) N(2) EDGE, "21"},
    {"a stream has no places", "fd_seek" N(1) NONE N(0) AT, "70"},
    {"nor has it such a start", "fd_seek" N(1) NONE N(3) AT, "28"},
    {"nothing has no places", "fd_seek" N(7) NONE N(0) FAR, "08"},
    {"writing", "fd_write" N(1) N(64) N(2) AT, "00"},
    {"writing nothing", "fd_write" N(1) END N(0) AT, "00"},
    {"writing the input", "fd_write" N(0) N(64) N(2) AT, "08"},
    {"writing to nothing", "fd_write" N(3) N(64) N(2) AT, "08"},
    {"writing from far away", "fd_write" N(2) N(80) N(1) AT, "21"},
    {"writing by vectors at the edge", "fd_write" N(1) EDGE N(1) AT, "21"},
    {"writing by vectors beyond", "fd_write" N(1) N(64) N(1024) FAR, "21"},
    {"writing by too many vectors", "fd_write" N(1) N(64) N(1025) AT, "28"},
    {"writing by vectors without end", "fd_write" N(1) N(64) FAR AT, "28"},
    {"a count of what was written, far away", "fd_write" N(1) N(64) N(2) FAR, "21"},
    {"waiting for nothing", "poll_oneoff" N(256) AT N(0) AT, "28"},
    {"waiting for too much", "poll_oneoff" N(256) AT N(65) AT, "28"},
    {"waiting without end", "poll_oneoff" N(256) AT FAR AT, "28"},
    {"waiting far away", "poll_oneoff" FAR AT N(1) AT, "21"},
    {"waiting at the edge", "poll_oneoff" EDGE AT N(1) AT, "21"},
    {"events at the edge", "poll_oneoff" N(256) EDGE N(1) AT, "21"},
    {"their count at the edge", "poll_oneoff" N(256) AT N(1) EDGE, "21"},
    {"waiting for what nobody knows", "poll_oneoff" N(304) AT N(1) AT, "28"},
    {"waiting for input", "poll_oneoff" N(256) AT N(1) AT, "00"},
    {"chance", "random_get" AT N(1000), "00"},
    {"chance for nobody", "random_get" END N(0), "00"},
    {"chance at the edge", "random_get" EDGE N(3), "21"},
    {"chance far away", "random_get" FAR N(1), "21"},
    {"more chance than there is room for", "random_get" AT FAR, "21"},
    {"letting others on", "sched_yield", "00"},
};

MC_TEST("each function looks at what it is given, and says what is wrong with it")
{
    mc_wasm_guest *guest = NULL;
    char name[16];
    mc_buf text;
    mc_err err;

    NEEDS_RUNTIME();
    mc_buf_init(&text, 0);
    for (size_t i = 0; i < MC_LEN(rows); i++)
        mc_buf_printf(&text, "(func (export \"r%zu\")" R64 "(call $say (call $%s)))", i,
                      rows[i].call);
    mc_buf_char(&text, '\0');
    MC_REQUIRE_OK(mc_wasi_test_load(text.ptr, &guest, &err), &err);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MC_LEN(rows); i++) {
            MC_CASE(rows[i].name);
            (void)snprintf(name, sizeof(name), "r%zu", i);
            mc_wasm_test_expect(guest, name, MC_STR(""), mc_z(rows[i].says));
        }
        mc_wasm_guest_settle(guest); /* and again, on the better code */
    }
    mc_wasm_guest_free(guest);
    mc_buf_deinit(&text);
}

/* ---- lines ---- */

static const char writing[] =
    "(data (i32.const 96) \"\\20\\00\\00\\00\\00\\00\\01\\00\")" /* 64 KiB from 32 on */
    "(func (export \"hello\")"
    "(call $line (i32.const 1))"
    "(call $head (i32.const 2))"
    "(call $tail (i32.const 1))"
    "(call $head (i32.const 1))"
    ")"
    "(func (export \"between\")"
    "(call $line (i32.const 1))"
    "(call $head (i32.const 1))"
    " (call $tell (i32.const 32) (i32.const 5) (i32.const 0) (i32.const 0))"
    "(call $tail (i32.const 1))"
    ")"
    "(func (export \"trap\")"
    "(call $line (i32.const 1))"
    "(unreachable))"
    "(func (export \"closed\") (drop (call $fd_close (i32.const 1)))"
    "(call $line (i32.const 1))"
    "(call $line (i32.const 2))"
    ")"
    "(func (export \"much\")"
    "(call $line (i32.const 1))"
    "(drop (call $fd_write (i32.const 1) (i32.const 96) (i32.const 1) (i32.const 1024)))"
    "(call $line (i32.const 1))"
    ")"
    "(func (export \"for_ever\") (loop"
    "(call $line (i32.const 2))"
    "(br 0)))";

MC_TEST("what is written to a stream comes as lines, between what is asked of the host")
{
    mc_wasm_guest *guest = NULL;
    mc_wasi_heard h = {{0}};
    mc_err err;

    NEEDS_RUNTIME();
    mc_buf_init(&h.text, 0);
    MC_REQUIRE_OK(mc_wasi_test_load(writing, &guest, &err), &err);
    MC_EXPECT_OK(mc_wasi_test_call(guest, "hello", 0, &h, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&h.text), "hello, world|hello, world|hello, |");
    MC_EXPECT_OK(mc_wasi_test_call(guest, "between", 0, &h, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&h.text), "hello, world|hello!hello, world|");
    MC_CASE("of a call that failed, too");
    MC_EXPECT_EQ(mc_wasi_test_call(guest, "trap", 0, &h, &err), MC_REJECTED);
    MC_EXPECT_Z(mc_buf_get(&h.text), "hello, world|");
    MC_CASE("a closed stream takes nothing, and is open again for the next call");
    MC_EXPECT_OK(mc_wasi_test_call(guest, "closed", 0, &h, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&h.text), "hello, world|");
    MC_EXPECT_OK(mc_wasi_test_call(guest, "hello", 0, &h, &err), &err);
    MC_EXPECT_EQ(h.lines, 3);
    MC_CASE("more than is kept");
    MC_EXPECT_OK(mc_wasi_test_call(guest, "much", 0, &h, &err), &err);
    MC_EXPECT(h.text.len < MC__WASM_OUTPUT_MAX + 100);
    MC_EXPECT_HAS(mc_buf_get(&h.text), "(more was written than is kept of a call)|");
    MC_CASE("without end");
    MC_EXPECT_EQ(mc_wasi_test_call(guest, "for_ever", 100, &h, &err), MC_TIMEOUT);
    MC_EXPECT(h.lines > 1000 && h.text.len < MC__WASM_OUTPUT_MAX + 100);
    MC_EXPECT_OK(mc_wasi_test_call(guest, "hello", 0, &h, &err), &err);
    MC_EXPECT_EQ(h.lines, 3);
    mc_wasm_guest_free(guest);
    mc_buf_deinit(&h.text);
}

/* ---- waiting ---- */

MC_TEST("waiting for a clock ends when it is due, and never outlives the call")
{
    static const char fields[] =
        /* 20 ms: one event, of the clock, with the subscriber's own number */
        "(func (export \"nap\")" R64 " (drop (call $poll_oneoff (i32.const 400) (i32.const 2048) "
        "(i32.const 2) (i32.const 2040)))"
        " (if (i32.ne (i32.load (i32.const 2040)) (i32.const 1)) (then unreachable))"
        " (if (i64.ne (i64.load (i32.const 2048)) (i64.const 8)) (then unreachable))"
        " (if (i32.load (i32.const 2056)) (then unreachable)) (i64.const 0))"
        /* what is ready at once leaves the clock aside: input and a clock that is none */
        "(func (export \"ready\")" R64
        " (i32.store8 (i32.const 312) (i32.const 2)) (i32.store (i32.const 320) (i32.const 1))"
        " (drop (call $poll_oneoff (i32.const 256) (i32.const 2048) (i32.const 6) (i32.const "
        "2040)))"
        " (if (i32.ne (i32.load (i32.const 2040)) (i32.const 4)) (then unreachable))"
        " (if (i32.ne (i32.load (i32.const 2056)) (i32.const 0x10000)) (then unreachable))"
        " (if (i32.ne (i32.load16_u (i32.const 2072)) (i32.const 1)) (then unreachable))"
        " (if (i32.ne (i32.load16_u (i32.const 2120)) (i32.const 28)) (then unreachable))"
        " (if (i32.ne (i32.load16_u (i32.const 2152)) (i32.const 8)) (then unreachable))"
        " (i64.const 0))"
        "(func (export \"sleep\")"
        " (drop (call $poll_oneoff (i32.const 448) (i32.const 2048) (i32.const 1) (i32.const "
        "2040))))";
    mc_wasm_guest *guest = NULL;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasi_test_load(fields, &guest, &err), &err);
    mc_wasm_test_expect(guest, "nap", MC_STR(""), MC_STR(""));
    mc_wasm_test_expect(guest, "ready", MC_STR(""), MC_STR(""));
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "sleep", 60, &err), MC_TIMEOUT);
    mc_wasm_test_expect(guest, "nap", MC_STR(""), MC_STR(""));
    mc_wasm_guest_free(guest);
    MC_CASE("in an initialization");
    MC_EXPECT_EQ(
        mc_wasi_test_load("(func (export \"_initialize\") (drop (call $poll_oneoff (i32.const 448) "
                          "(i32.const 2048) (i32.const 1) (i32.const 2040))))",
                          &guest, &err),
        MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "takes more than 2000 ms");
}
