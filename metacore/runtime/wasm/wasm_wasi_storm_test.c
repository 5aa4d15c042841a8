/* SPDX-License-Identifier: Apache-2.0 */
/* What is not the guest's doing any more: calls at random, and a process that was taken over. */
#include "metacore/runtime/wasm/wasm_pool_internal.h"
#include "metacore/runtime/wasm/wasm_wasi_test_internal.h"

#include <stdlib.h>
#include <unistd.h>

/* Calls the function that the input's first byte says with the words behind it, whatever they are.
 */
static const char any_call[] =
    "(func $arg (param i32 i32) (result i32)"
    " (i32.load (i32.add (local.get 0) (i32.mul (local.get 1) (i32.const 4)))))"
#define A(n) "(call $arg (local.get 0) (i32.const " #n "))"
#define L(n) "(i64.extend_i32_s " A(n) ")"
    "(func (export \"any\")" R64 " (block $0 (block $1 (block $2 (block $3 (block $4 (block $5 "
    "(block $6 (block $7 (block $8 (block $9 (block $10 (block $11 (block $12 (block $13 "
    "(br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 (i32.rem_u " A(
        0) " (i32.const 14))))"
           "(return (call $say (call $args_get " A(1) A(
               2) "))))"
                  "(return (call $say (call $args_sizes_get " A(1) A(
                      2) "))))"
                         "(return (call $say (call $environ_get " A(1) A(
                             2) "))))"
                                "(return (call $say (call $environ_sizes_get " A(1) A(
                                    2) "))))"
                                       "(return (call $say (call $clock_time_get " A(1) L(2) A(
                                           3) "))))"
                                              "(return (call $say (call $fd_close " A(
                                                  1) "))))"
                                                     "(return (call $say (call $fd_fdstat_get " A(1) A(
                                                         2) "))))"
                                                            "(return (call $say (call "
                                                            "$fd_fdstat_set_flags " A(1) A(
                                                                2) "))))"
                                                                   "(return (call $say (call "
                                                                   "$fd_prestat_get " A(1) A(
                                                                       2) "))))"
                                                                          "(return (call $say "
                                                                          "(call $fd_read " A(1) A(
                                                                              2) A(3)
                                                                              A(4) "))))"
                                                                                   "(return (call "
                                                                                   "$say (call "
                                                                                   "$fd_seek " A(
                                                                                       1) L(2) A(3)
                                                                                       A(4) "))))"
                                                                                            "(retur"
                                                                                            "n "
                                                                                            "(call "
                                                                                            "$say "
                                                                                            "(call "
                                                                                            "$fd_"
                                                                                            "write"
                                                                                            " " A(1) A(
                                                                                                2) A(3)
                                                                                                A(4) "))))"
                                                                                                     "(return (call $say (call $random_get " A(
                                                                                                         1)
                                                                                                         A(2) "))))"
                                                                                                              "(call $say (call $poll_oneoff " A(
                                                                                                                  1) A(2)
                                                                                                                  A(3) A(
                                                                                                                      4) ")))";

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *seed >> 33;
}

/* Small numbers, places in the memory, its edges, and anything. */
static uint32_t word(uint64_t *seed)
{
    static const uint32_t edges[] = {131064, 131068, 131071, 131072, 65536, UINT32_MAX, 0x80000000};

    switch (next(seed) % 4) {
    case 0:
        return (uint32_t)(next(seed) % 5);
    case 1:
        return (uint32_t)(next(seed) % 131072);
    case 2:
        return edges[next(seed) % MC_LEN(edges)];
    default:
        return (uint32_t)next(seed);
    }
}

MC_TEST("whatever words a function is called with, the next call is as if nothing had been")
{
    const char *wanted = getenv("METACORE_HOSTILE_CALLS");
    long calls = wanted ? strtol(wanted, NULL, 10) : 1500;
    static const mc_str hello = MC_STR_INIT("hello, guest");
    mc_wasm_stats before, after;
    mc_wasm_guest *guest = NULL;
    uint64_t seed = 1;
    mc_buf out;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasi_test_load(any_call, &guest, &err), &err);
    mc_wasm_get_stats(mc_wasm_test_runtime(), &before);
    mc_buf_init(&out, 0);
    for (long i = 0; i < calls; i++) {
        uint32_t words[5];
        mc_wasm_call call = {MC_WASM_CALL, .function = MC_STR("any"), .timeout_ms = 60,
                             .input = {(const char *)words, sizeof(words)}};
        mc_code rc;

        words[0] = (uint32_t)next(&seed);
        for (size_t k = 1; k < MC_LEN(words); k++)
            words[k] = word(&seed);
        mc_buf_clear(&out);
        rc = mc_wasm_invoke(guest, &call, &out, &err);
        MC_EXPECT(rc == MC_OK || rc == MC_TIMEOUT); /* a wait for long, chance for much */
        MC_EXPECT(rc != MC_OK || out.len == 2);
        mc_wasm_test_expect(guest, "echo", hello, hello);
    }
    mc_wasm_get_stats(mc_wasm_test_runtime(), &after);
    MC_EXPECT_EQ(after.deaths, before.deaths);
    mc_wasm_guest_free(guest);
    mc_buf_deinit(&out);
}

static void count_lines(void *user, mc_str line)
{
    *(size_t *)user += line.len > 0;
}

static const struct {
    const char *name;
    uint32_t taken, len;
    bool is_cut;
    size_t lines;
} lies[] = {
    {"nothing", 0, 0, false, 0},
    {"all there is", 0, (uint32_t)MC__WASM_OUTPUT_MAX, false, 1},
    {"more than there is", 0, (uint32_t)MC__WASM_OUTPUT_MAX + 1, true, 2},
    {"far more", 0, UINT32_MAX, false, 1},
    {"less than before", 100, 50, true, 0},
};

MC_TEST("a process that was taken over can say what it likes about its lines and its end")
{
    mc__wasm_child child = {0};
    char text[MC__WASM_TRAP_TEXT];
    int fd = -1;
    mc_err err;

    MC_REQUIRE_OK(mc__wasm_channel_new(&child.channel, &fd, &err), &err);
    mc_buf_init(&child.scratch, MC_WASM_MESSAGE_MAX);
    memset(child.channel->output, 'x', MC__WASM_OUTPUT_MAX);
    for (size_t i = 0; i < MC_LEN(lies); i++) {
        size_t lines = 0;
        mc_wasm_call call = {MC_WASM_CALL, .host_user = &lines, .on_line = count_lines};

        MC_CASE(lies[i].name);
        child.output_taken = lies[i].taken;
        child.channel->output_len = lies[i].len;
        child.channel->output_is_cut = lies[i].is_cut;
        mc__wasm_output_take(&child, &call, true);
        MC_EXPECT_EQ(lines, lies[i].lines);
        MC_EXPECT(child.output_taken <= MC__WASM_OUTPUT_MAX);
    }
    MC_CASE("an end of any length, of no words, in no language");
    memset(child.channel->payload, 0xff, 4096);
    child.channel->len = UINT32_MAX;
    mc__wasm_trap_text(child.channel, text);
    MC_EXPECT(strlen(text) > 100 && strspn(text, "?") == strlen(text));
    child.channel->len = 0;
    child.channel->function = UINT32_MAX;
    mc__wasm_trap_text(child.channel, text);
    MC_EXPECT_Z(mc_z(text), "unknown trap");
    mc__wasm_channel_free(child.channel);
    (void)close(fd); /* nothing was written */
    mc_buf_deinit(&child.scratch);
}
