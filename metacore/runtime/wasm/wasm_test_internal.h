/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_TEST_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_TEST_INTERNAL_H

/* What the tests of guests share: modules from their text, and programs run to their end. */

#include "mc_test.h"
#include "metacore/base/arena.h"

/* Runs argv, its output discarded; its exit status, or -1 when it could not be run. */
int mc_wasm_test_run(const char *const *argv);
/* Whether Debian's wabt is there. */
bool mc_wasm_test_has_wabt(void);
/* The module that the text says, from wat2wasm with further options (NULL: none); aborts the case
 * with a failed expectation and an empty string when it is not accepted. */
mc_str mc_wasm_test_wat(mc_arena *arena, const char *text, const char *option);
/* A whole file; empty when it cannot be read. */
mc_str mc_wasm_test_file(mc_arena *arena, const char *path);
bool mc_wasm_test_write(const char *path, mc_str bytes);

#endif
