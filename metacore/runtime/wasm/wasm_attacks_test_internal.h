/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_ATTACKS_TEST_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_ATTACKS_TEST_INTERNAL_H

/* What a guest may try, and what is to come of it. */

#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

typedef struct mc_wasm_attack_case {
    const char *function;
    mc_code code;
    const char *says; /* NULL: nothing */
} mc_wasm_attack_case;

/* For mc_wasm_test_load. */
extern const char mc_wasm_attack_fields[];
extern const mc_wasm_attack_case mc_wasm_attacks[];
size_t mc_wasm_attack_count(void);
/* Calls the i-th, and expects what is to come of it. */
void mc_wasm_attack(mc_wasm_guest *guest, size_t i);

#endif
