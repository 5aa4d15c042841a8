/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_WASI_TEST_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_WASI_TEST_INTERNAL_H

/* Guests that import all of WASI that there is, and calls of them that are listened to. */

#include "metacore/runtime/wasm/wasm_channel_internal.h"
#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

#define R64 " (param i32 i32) (result i64) "

/*
 * A guest of the fields, beside all imports under their own names and host.tell, and
 *   $say (errno) -> its two digits as an answer
 *   $line, $head, $tail (fd): write "hello, world\n", "hello, ", "world\n"
 * and, in memory: vectors at 64 (of the line), and 80 (outside), subscriptions of 48 bytes from 256
 * on: input, one of no kind, no clock, 20 ms, for ever, no descriptor.
 */
mc_code mc_wasi_test_load(const char *fields, mc_wasm_guest **out, mc_err *err);

/* What a call said beside its answer: lines ended by '|', what host.tell got first by '!'; host.ask
 * is answered with "answer". */
typedef struct mc_wasi_heard {
    mc_buf text;
    size_t lines;
} mc_wasi_heard;

mc_code mc_wasi_test_call(mc_wasm_guest *guest, const char *function, int64_t timeout_ms,
                          mc_wasi_heard *heard, mc_err *err);

#endif
