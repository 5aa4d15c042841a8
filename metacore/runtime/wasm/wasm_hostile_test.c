/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that nobody writes by accident: as large as they may be, larger, and called all manner of
 * things. Each is compiled and runs, or is refused in words. */
#include "mc_module.h"
#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

#define MiB ((size_t)1 << 20)

static const struct {
    const char *name;
    mc_module_spec spec;
    mc_code code;
    const char *says;
} sizes[] = {
    {"many functions", {.functions = 20000}, MC_OK, ""},
    {"more functions than there may be",
     {.functions = MC_WASM_FUNCTIONS_MAX},
     MC_TOO_LARGE,
     "functions"},
    {"data of seven MiB", {.data_bytes = 7 * MiB}, MC_OK, ""},
    {"data of eight", {.data_bytes = 8 * MiB}, MC_TOO_LARGE, "8388608"},
    {"one function of a MiB", {.code_bytes = MiB}, MC_OK, ""},
    {"code of more than eight", {.code_bytes = 8 * MiB}, MC_TOO_LARGE, "8388608"},
    {"what means nothing is not counted", {.custom_bytes = 9 * MiB}, MC_OK, ""},
    {"but for a file that is larger than any may be",
     {.custom_bytes = 65 * MiB},
     MC_TOO_LARGE,
     "module of"},
};

static mc_code load(const mc_module_spec *spec, mc_wasm_guest **out, mc_err *err)
{
    mc_buf bytes;
    mc_code rc;

    mc_buf_init(&bytes, 0);
    mc_module_write(&bytes, spec);
    MC_EXPECT(!mc_buf_failed(&bytes));
    rc = mc_wasm_guest_load(mc_wasm_test_runtime(), mc_buf_get(&bytes), NULL, out, err);
    mc_buf_deinit(&bytes);
    return rc;
}

MC_TEST("a module as large as it may be runs, and a larger one is refused")
{
    if (!mc_wasm_test_runtime())
        return;
    for (size_t i = 0; i < MC_LEN(sizes); i++) {
        mc_wasm_guest *guest = NULL;
        mc_err err = {0};

        MC_CASE(sizes[i].name);
        MC_EXPECT_EQ(load(&sizes[i].spec, &guest, &err), sizes[i].code);
        MC_EXPECT_HAS(mc_z(err.msg), sizes[i].says);
        if (guest)
            mc_wasm_test_expect(guest, "f", MC_STR("x"), MC_STR(""));
        mc_wasm_guest_free(guest);
    }
}

/* ---- names ---- */

#define TEXT(s) MC_STR_INIT(s)

static const mc_str names[] = {
    TEXT("z */ __attribute__((constructor)) static void x(void) { __builtin_trap(); } /*"),
    TEXT("\"); __builtin_trap(); (\""),
    TEXT("a\n#include \"/etc/passwd\"\n#error "),
    TEXT("?\?/\n\\\n"),
    TEXT("%s%n%999999999d"),
    TEXT("../../../../etc/passwd"),
    TEXT("$(kill -KILL $PPID)`kill -KILL $PPID`;|&"),
    TEXT("with\0nothing"),
    TEXT("\x1b[2J\x1b]0;title\x07"),
    TEXT("mcw_code"),
    TEXT("w0"),
    TEXT("_init"),
    TEXT("@/etc/passwd"),
    TEXT("\xe2\x80\xae\xf0\x9f\x92\xa3"),
    TEXT(""),
};

MC_TEST("names that are made to break C, shells, formats or terminals are names")
{
    const mc_module_spec spec = {.exports = names, .export_count = MC_LEN(names)};
    mc_wasm_guest *guest = NULL;
    mc_err err;

    if (!mc_wasm_test_runtime())
        return;
    MC_REQUIRE_OK(load(&spec, &guest, &err), &err);
    mc_wasm_guest_settle(guest);
    for (size_t i = 0; i < MC_LEN(names); i++) {
        mc_wasm_call call = {MC_WASM_CALL, .function = names[i]};
        mc_buf out;

        MC_CASE(names[i].ptr);
        mc_buf_init(&out, 0);
        MC_EXPECT_OK(mc_wasm_invoke(guest, &call, &out, &err), &err);
        mc_buf_deinit(&out);
    }
    mc_wasm_guest_free(guest);
    MC_CASE("of what is wanted");
    for (size_t i = 0; i + 1 < MC_LEN(names); i++) {
        const mc_module_spec wants = {.import_module = names[i], .import_name = names[i]};

        MC_EXPECT_EQ(load(&wants, &guest, &err), MC_REJECTED);
        MC_EXPECT_HAS(mc_z(err.msg), "is not offered");
    }
}

MC_TEST("a start that never ends is refused when its time is over, and others are called meanwhile")
{
    const mc_module_spec spec = {.starts_for_ever = true}, good = {.functions = 1};
    mc_wasm_guest *guest = NULL, *other = NULL;
    mc_err err;

    if (!mc_wasm_test_runtime())
        return;
    MC_REQUIRE_OK(load(&good, &other, &err), &err);
    MC_EXPECT_EQ(load(&spec, &guest, &err), MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "takes more than 2000 ms");
    mc_wasm_test_expect(other, "f", MC_STR(""), MC_STR(""));
    mc_wasm_guest_free(other);
}
