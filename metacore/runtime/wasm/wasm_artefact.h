/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_ARTEFACT_H
#define METACORE_RUNTIME_WASM_WASM_ARTEFACT_H

/**
 * wasm_artefact: compiled code as a file, signed, to carry to machines without a compiler.
 *
 * A compiler whose config names a folder of such files and the keys that are trusted uses what it
 * finds there instead of compiling: for the same module, emitter and architecture, when signature
 * and digests are right.
 *
 * Threads:  thread-safe.
 * Standard: Ed25519, RFC 8032, over what the code is and its SHA-256.
 */

#include "metacore/base/buf.h"
#include "metacore/runtime/wasm/wasm_compile.h"

MC_BEGIN_DECLS

#define MC_WASM_ARTEFACT_NAME 128

/**
 * Compiles a module and signs the result.
 *
 * secret    seed and public key
 * out_name  what the file must be called
 * out       what must be in it; appended to
 * Errors    those of mc_wasm_compile.
 */
MC_API MC_MUST_USE mc_code mc_wasm_artefact_make(mc_wasm_compiler *self, mc_str bytes,
                                                 mc_wasm_tier tier, const uint8_t secret[64],
                                                 char out_name[MC_WASM_ARTEFACT_NAME], mc_buf *out,
                                                 mc_err *err);

MC_END_DECLS
#endif
