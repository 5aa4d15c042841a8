/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

static mc_wasm_zygote *zygote;
static mc_wasm_compiler *compiler;
static mc_wasm *runtime;

const mc_wasm_host_import mc_wasm_test_imports[2] = {{"host", "ask", 1, true},
                                                     {"host", "tell", 2, false}};

static void stop(void)
{
    mc_wasm_free(runtime);
    mc_wasm_compiler_free(compiler);
    mc_wasm_zygote_stop(zygote);
}

mc_wasm_zygote *mc_wasm_test_zygote(void)
{
    mc_err err;

    if (!zygote)
        MC_EXPECT_OK(mc_wasm_zygote_start(&zygote, &err), &err);
    return zygote;
}

mc_wasm_compiler *mc_wasm_test_compiler(void)
{
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG, .optimize = "-O1"};
    mc_err err;

    config.cache_dir = compiler ? NULL : mc_test_dir();
    if (!compiler)
        MC_EXPECT_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
    return compiler;
}

mc_wasm *mc_wasm_test_runtime(void)
{
    mc_wasm_config config = {MC_WASM_CONFIG, .imports = mc_wasm_test_imports, .import_count = 2,
                             .children_max = 4, .init_timeout_ms = 2000};
    mc_err err;

    if (runtime || !mc_wasm_test_zygote() || !mc_wasm_test_compiler())
        return runtime;
    config.zygote = zygote;
    config.compiler = compiler;
    MC_EXPECT_OK(mc_wasm_new(&config, &runtime, &err), &err);
    mc_test_at_end(stop);
    return runtime;
}

mc_code mc_wasm_test_load(mc_wasm *wasm, const char *fields, mc_wasm_guest **out, mc_err *err)
{
    static const char common[] =
        "(memory (export \"memory\") 2)"
        "(global $top (mut i32) (i32.const 4096))"
        "(func $alloc (export \"alloc\") (param $n i32) (result i32) (local $at i32)"
        " (local.set $at (global.get $top))"
        " (global.set $top (i32.add (global.get $top) (local.get $n)))"
        " (block $fits (loop $more"
        "  (br_if $fits (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))"
        "  (br_if $fits (i32.lt_s (memory.grow (i32.const 1)) (i32.const 0))) (br $more)))"
        " (local.get $at))"
        "(func (export \"echo\") (param i32 i32) (result i64)"
        " (i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32))"
        "  (i64.extend_i32_u (local.get 1))))";
    mc_arena *arena = mc_arena_new(0);
    mc_str text = mc_str_printf(arena, "(module %s %s)", fields, common);
    mc_str bytes = mc_wasm_test_wat(arena, mc_str_z(arena, text), NULL);
    mc_code rc = mc_wasm_guest_load(wasm, bytes, NULL, out, err);

    mc_arena_free(arena);
    return rc;
}

void mc_wasm_test_expect(mc_wasm_guest *guest, const char *function, mc_str input, mc_str output)
{
    mc_wasm_call call = {MC_WASM_CALL, .function = mc_z(function), .input = input};
    mc_buf out;
    mc_err err;

    mc_buf_init(&out, 0);
    MC_EXPECT_OK(mc_wasm_invoke(guest, &call, &out, &err), &err);
    MC_EXPECT(mc_str_eq(mc_buf_get(&out), output));
    mc_buf_deinit(&out);
}

mc_code mc_wasm_test_call(mc_wasm_guest *guest, const char *function, int64_t timeout_ms,
                          mc_err *err)
{
    mc_wasm_call call = {MC_WASM_CALL, .function = mc_z(function), .timeout_ms = timeout_ms};
    mc_buf out;
    mc_code rc;

    mc_buf_init(&out, 0);
    rc = mc_wasm_invoke(guest, &call, &out, err);
    mc_buf_deinit(&out);
    return rc;
}
