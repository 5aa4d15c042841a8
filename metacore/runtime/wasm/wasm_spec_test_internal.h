/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_SPEC_TEST_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_SPEC_TEST_INTERNAL_H

/* What wasm_spec_test is made of: the host module, values as JSON has them, and the script. */

#include "metacore/base/json.h"
#include "metacore/base/map.h"
#include "metacore/runtime/wasm/wasm_compile.h"
#include "metacore/runtime/wasm/wasm_instance_internal.h"

/* ---- wasm_spec_host.c ---- */

typedef struct spec_host spec_host;

mc_code mc_spec_host_new(mc_arena *arena, mc__wasm_store *store, spec_host **out, mc_err *err);
void mc_spec_host_deinit(spec_host *self);
bool mc_spec_host_find(spec_host *self, mc_str name, uint8_t kind, mc__wasm_extern *out);

/* ---- wasm_spec_values.c ---- */

/* The bytes that a string of wast2json stands for: one per character. */
mc_str mc_spec_bytes(mc_arena *arena, mc_str text);
/* The text with \u0000, which our JSON refuses, made a character that mc_spec_bytes knows. */
mc_str mc_spec_text(mc_arena *arena, mc_str json);
/* False: a type that is not supported. */
bool mc_spec_read_value(const mc_json *value, mcw_value *out);
bool mc_spec_value_matches(const mc_json *expected, const mcw_value *found);
void mc_spec_write_value(mc_buf *out, const mc_json *expected, const mcw_value *found);

#endif
