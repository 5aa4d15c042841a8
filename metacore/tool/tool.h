/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TOOL_TOOL_H
#define METACORE_TOOL_TOOL_H

/**
 * tool: what addons offer to assistants: found in a manifest, its parameters checked, its answer
 * understood.
 *
 * There is no registry that could go stale or be shared: whoever runs a tool finds it in the
 * manifest of the installation that it is run for.
 *
 * Not here: calling (host), who may call whom (installer).
 * Threads:  functions; thread-safe.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_TOOL_TIMEOUT_S 15
#define MC_TOOL_TIMEOUT_S_MAX 60
#define MC_TOOL_PARAMS_MAX 256

/** A tool's definition; pieces of its manifest. */
typedef struct mc_tool {
    mc_str id;
    mc_str endpoint;       /* absolute, "wasm://<export>", or empty: it cannot be executed */
    mc_str method;         /* upper case; POST when none was given */
    mc_str function;       /* of its addon's module; empty: it has an endpoint */
    const mc_json *params; /* an array, or NULL */
    int64_t timeout_s;     /* 1..MC_TOOL_TIMEOUT_S_MAX */
} mc_tool;

/** The first tool of id in a manifest's tools (may be NULL).
 *  Errors: NOT_FOUND "tool not registered". NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_tool_find(const mc_json *tools, mc_str id, mc_arena *arena,
                                        mc_tool *out, mc_err *err);

/**
 * Checks what was given against the tool's parameters, and normalizes it.
 *
 * given         an object, or NULL: nothing
 * out           a JSON object: numbers and booleans as such, all else as text; what is not declared
 *               is dropped
 * out_problems  in arena: "invalid params: a: r; b: r" with REJECTED; else untouched
 * Errors        REJECTED. LIMIT: more than MC_TOOL_PARAMS_MAX. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_tool_read_input(const mc_tool *tool, mc_arena *arena,
                                              const mc_json *given, mc_buf *out,
                                              mc_str *out_problems, mc_err *err);

/** What a tool said. */
typedef struct mc_tool_result {
    bool success;
    const mc_json *data;     /* NULL: none */
    mc_str error;            /* empty: none */
    const mc_json *metadata; /* NULL: none */
} mc_tool_result;

/**
 * An answer of 2xx: nothing is success; an object with success, error or metadata is the result;
 * other JSON is data; anything else is data as text. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_tool_read_result(mc_arena *arena, mc_str body, mc_tool_result *out,
                                               mc_err *err);
/** {"success","data"?,"error"?,"metadata"?} */
MC_API void mc_tool_result_write(mc_buf *out, const mc_tool_result *result);

MC_END_DECLS
#endif
