/* SPDX-License-Identifier: Apache-2.0 */
/* Which code a guest runs on, by which compilers there are; and what is seen of its making. */
#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

#include <sys/stat.h>
#include <unistd.h>

#define NEEDS_WABT()                                                                               \
    do {                                                                                           \
        if (!mc_wasm_test_has_wabt())                                                              \
            MC_SKIP("wat2wasm is not installed");                                                  \
        if (!mc_wasm_test_zygote())                                                                \
            return;                                                                                \
    } while (0)

/* A runtime of its own, with other compilers. */
typedef struct bench {
    mc_arena *arena;
    mc_wasm_compiler *compiler;
    mc_wasm *wasm;
} bench;

/* A new folder in one of the test's, of which there are not many. */
static const char *folder(mc_arena *arena)
{
    static const char *root;
    static int number;
    const char *path;

    if (!root)
        root = mc_test_dir();
    path = mc_str_z(arena, mc_str_printf(arena, "%s/%d", root, number++));
    MC_EXPECT_EQ(mkdir(path, 0755) | chmod(root, 0755), 0); /* another user runs what is there */
    return path;
}

static bool open_bench(bench *b, const char *gcc, const char *tcc)
{
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG, .gcc = gcc, .tcc = tcc,
                                      .cache_dir = folder(b->arena)};
    mc_wasm_config wasm = {MC_WASM_CONFIG, .zygote = mc_wasm_test_zygote()};
    mc_err err;

    MC_EXPECT_OK(mc_wasm_compiler_new(&config, &b->compiler, &err), &err);
    wasm.compiler = b->compiler;
    return b->compiler && mc_wasm_new(&wasm, &b->wasm, &err) == MC_OK;
}

static void close_bench(bench *b)
{
    mc_wasm_free(b->wasm);
    mc_wasm_compiler_free(b->compiler);
    mc_arena_free(b->arena);
}

/* A program in place of gcc, which mostly is gcc. */
static const char *fake_gcc(bench *b, const char *on_o2)
{
    const char *path;

    b->arena = mc_arena_new(0);
    path = mc_str_z(b->arena, mc_str_printf(b->arena, "%s/cc", folder(b->arena)));
    MC_EXPECT(mc_wasm_test_write(
        path,
        mc_str_printf(b->arena,
                      "#!/bin/sh\ncase \"$*\" in *-O2*) %s;; esac\nexec /usr/bin/gcc \"$@\"\n",
                      on_o2)));
    MC_EXPECT_EQ(chmod(path, 0755), 0);
    return path;
}

/* Data of more bytes than gcc -O2 is waited for. */
static const char *large_fields(mc_arena *arena)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_lit(&out, "(memory 8) (data (i32.const 0) \"");
    for (int i = 0; i < 310 << 10; i++)
        mc_buf_char(&out, 'x');
    mc_buf_lit(&out, "\") (func (export \"f\") (param i32 i32) (result i64)"
                     " (i64.const 0x400000003))");
    return mc_str_z(arena, mc_buf_get(&out));
}

static mc_code load(bench *b, const char *fields, mc_wasm_guest **out, mc_err *err)
{
    mc_str text = mc_str_printf(b->arena, "(module %s)", fields);

    return mc_wasm_guest_load(b->wasm, mc_wasm_test_wat(b->arena, mc_str_z(b->arena, text), NULL),
                              NULL, out, err);
}

static const char small[] = "(func (export \"f\"))";

static void expect_state(mc_wasm_guest *guest, uint32_t generation, mc_wasm_tier tier,
                         const char *failure)
{
    mc_wasm_guest_state state = {MC_WASM_GUEST_STATE};

    mc_wasm_guest_get_state(guest, &state);
    MC_EXPECT_EQ(state.generation, generation);
    MC_EXPECT_Z(mc_z(mc_wasm_tier_name(state.tier)), mc_wasm_tier_name(tier));
    MC_EXPECT_HAS(mc_z(state.failure), failure);
}

static const struct {
    const char *name, *tcc, *on_o2;
    bool is_large;
    mc_wasm_tier first, last;
    uint32_t generations;
    const char *failure;
} cases[] = {
    {"tcc at once, gcc later", NULL, ":", false, MC_WASM_TIER_INSTANT, MC_WASM_TIER_FULL, 2, ""},
    {"without tcc a small module waits for all of gcc", "", ":", false, MC_WASM_TIER_FULL,
     MC_WASM_TIER_FULL, 1, ""},
    {"without tcc a large one waits for a part of it", "", ":", true, MC_WASM_TIER_QUICK,
     MC_WASM_TIER_FULL, 2, ""},
    {"better code that cannot be made leaves what there is", "", "echo no room >&2; exit 1", true,
     MC_WASM_TIER_QUICK, MC_WASM_TIER_QUICK, 1, "no room"},
    {"a tcc that fails is done without", "/bin/false", ":", false, MC_WASM_TIER_QUICK,
     MC_WASM_TIER_FULL, 2, ""},
};

MC_TEST("a guest starts on what is made soonest, and goes on with what is best")
{
    NEEDS_WABT();
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        bench b = {NULL};
        mc_wasm_guest *guest = NULL;
        mc_err err;

        MC_CASE(cases[i].name);
        MC_REQUIRE(open_bench(&b, fake_gcc(&b, cases[i].on_o2), cases[i].tcc));
        MC_REQUIRE_OK(load(&b, cases[i].is_large ? large_fields(b.arena) : small, &guest, &err),
                      &err);
        MC_EXPECT(mc_wasm_guest_tier(guest) == cases[i].first || cases[i].generations > 1);
        mc_wasm_guest_settle(guest);
        expect_state(guest, cases[i].generations, cases[i].last, cases[i].failure);
        mc_wasm_test_expect(guest, "f", MC_STR(""), cases[i].is_large ? MC_STR("xxx") : MC_STR(""));
        mc_wasm_guest_free(guest);
        if (cases[i].failure[0] == '\0') {
            MC_REQUIRE_OK(load(&b, cases[i].is_large ? large_fields(b.arena) : small, &guest, &err),
                          &err);
            expect_state(guest, 1, MC_WASM_TIER_FULL, "");
            mc_wasm_guest_free(guest);
        }
        close_bench(&b);
    }
}

MC_TEST("a compilation that hangs keeps nobody: neither other guests nor its own end")
{
    bench b = {NULL};
    mc_wasm_guest *stuck = NULL, *other = NULL, *third = NULL;
    mc_wasm_guest_state state = {MC_WASM_GUEST_STATE};
    mc_err err;

    NEEDS_WABT();
    MC_REQUIRE(open_bench(&b, fake_gcc(&b, "sleep 1000"), "/usr/bin/tcc"));
    if (!mc_wasm_compiler_has(b.compiler, MC_WASM_TIER_INSTANT))
        MC_SKIP("tcc is not installed");
    MC_REQUIRE_OK(load(&b, small, &stuck, &err), &err);
    for (int ms = 0; ms < 10000 && state.stage != MC_WASM_STAGE_COMPILING; ms++) {
        usleep(1000); /* for the thread that compiles */
        mc_wasm_guest_get_state(stuck, &state);
    }
    MC_EXPECT(state.is_compiling && state.making == MC_WASM_TIER_FULL);
    MC_EXPECT_EQ(state.part, 1);
    MC_EXPECT_EQ(state.parts, 2); /* one of functions, one of tables */
    MC_CASE("others are compiled meanwhile");
    MC_REQUIRE_OK(load(&b, "(func (export \"f\") (nop))", &other, &err), &err);
    mc_wasm_test_expect(other, "f", MC_STR(""), MC_STR(""));
    MC_REQUIRE_OK(load(&b, "(func (export \"f\") (nop) (nop))", &third, &err), &err);
    MC_CASE("one that waits behind it, and it itself, end at once");
    mc_wasm_guest_free(other);
    mc_wasm_guest_free(stuck);
    mc_wasm_test_expect(third, "f", MC_STR(""), MC_STR(""));
    mc_wasm_compiler_stop(b.compiler);
    mc_wasm_guest_settle(third);
    mc_wasm_guest_free(third);
    close_bench(&b);
}

MC_TEST("a guest that was not started is not called")
{
    bench b = {NULL};
    mc_wasm_guest *guest = NULL;
    mc_wasm_guest_state state = {MC_WASM_GUEST_STATE};
    mc_str bytes;
    mc_err err;

    NEEDS_WABT();
    MC_REQUIRE(open_bench(&b, fake_gcc(&b, ":"), NULL));
    bytes = mc_wasm_test_wat(b.arena, "(module (func (export \"f\")))", NULL);
    MC_REQUIRE_OK(mc_wasm_guest_open(b.wasm, bytes, NULL, &guest, &err), &err);
    mc_wasm_guest_get_state(guest, &state);
    MC_EXPECT_EQ(state.generation, 0);
    MC_EXPECT_EQ(mc_wasm_test_call(guest, "f", 0, &err), MC_UNAVAILABLE);
    MC_REQUIRE_OK(mc_wasm_guest_start(guest, &err), &err);
    mc_wasm_test_expect(guest, "f", MC_STR(""), MC_STR(""));
    mc_wasm_guest_free(guest);
    close_bench(&b);
}
