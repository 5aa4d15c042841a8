/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_RUNTIME_TEST_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_RUNTIME_TEST_INTERNAL_H

/* One zygote, compiler and runtime for the tests of guests, and guests from their text. */

#include "metacore/runtime/wasm/wasm_runtime.h"
#include "metacore/runtime/wasm/wasm_test_internal.h"

#define NEEDS_RUNTIME()                                                                            \
    do {                                                                                           \
        if (!mc_wasm_test_has_wabt())                                                              \
            MC_SKIP("wat2wasm is not installed");                                                  \
        if (!mc_wasm_test_runtime())                                                               \
            return;                                                                                \
    } while (0)

/* Started by the first that asks; NULL (and a failed expectation) when it cannot be. */
mc_wasm *mc_wasm_test_runtime(void);
mc_wasm_zygote *mc_wasm_test_zygote(void);
mc_wasm_compiler *mc_wasm_test_compiler(void);
extern const mc_wasm_host_import mc_wasm_test_imports[2]; /* host.ask (1 pair, result), host.tell */

/* A guest of the fields of a module, beside a memory, a bump allocator and "echo". */
mc_code mc_wasm_test_load(mc_wasm *wasm, const char *fields, mc_wasm_guest **out, mc_err *err);
/* Calls and expects the answer. */
void mc_wasm_test_expect(mc_wasm_guest *guest, const char *function, mc_str input, mc_str output);
mc_code mc_wasm_test_call(mc_wasm_guest *guest, const char *function, int64_t timeout_ms,
                          mc_err *err);

#endif
