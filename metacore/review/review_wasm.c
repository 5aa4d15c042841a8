/* SPDX-License-Identifier: Apache-2.0 */
/* The module against what the manifest and the kernel expect of it. */
#include "metacore/review/review_internal.h"
#include "metacore/runtime/wasm/wasm_runtime.h"

#include <string.h>

#define HINT_SIGNATURE "a function gets (pointer, length) and returns pointer << 32 | length"

static const char *const host_functions[] = {
    "log",        "env_get",    "http_fetch",    "event_emit",       "db_query",
    "db_exec",    "ctx_get",    "http_request",  "connector_get",    "data_mutate",
    "data_query", "data_batch", "sequence_next", "approval_request", "routing_resolve"};

static bool is_among(mc_str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(name, mc_z(names[i])))
            return true;
    }
    return false;
}

static void add(mc__reviewer *r, mc_str file, bool is_warning, mc_str message, const char *hint)
{
    if (!message.ptr)
        r->is_out_of_memory = true;
    else
        mc__review_add(r, (mc_finding){.is_warning = is_warning,
                                       .file = mc_str_copy(r->arena, file),
                                       .message = message,
                                       .hint = mc_z(hint)});
}

/* What each function of the host needs declared, as a kind of capability. */
static void check_declared(mc__reviewer *r, mc_str file, mc_str function)
{
    static const struct {
        const char *function, *kind;
    } needs[] = {{"http_fetch", "http:fetch"},
                 {"http_request", "http:fetch"},
                 {"event_emit", "event:emit"},
                 {"connector_get", "connector:read"}};
    const mc_json *capabilities = mc__member(r->manifest->root, "capabilities");

    for (size_t i = 0; i < MC_LEN(needs); i++) {
        bool is_declared = !mc_str_eq(function, mc_z(needs[i].function));

        for (size_t k = 0; !is_declared && k < mc__items(capabilities); k++)
            is_declared =
                mc_str_eq(mc__text(mc__item(capabilities, k), "kind"), mc_z(needs[i].kind));
        if (!is_declared)
            add(r, file, true,
                mc_str_printf(r->arena, "imports %.*s, and no capability %s is declared",
                              MC_FMT(function), needs[i].kind),
                "declare it with its target, or every call is refused");
    }
}

static void check_import(mc__reviewer *r, mc_str file, const mc_wasm_name *import)
{
    bool is_host = mc_str_eq(import->module, MC_STR("metacore_host"));
    const char *builtin = mc_wasm_builtin_signature(import->module, import->name);

    if (import->kind != MC_WASM_FUNCTION)
        add(r, file, false,
            mc_str_printf(r->arena, "imports \"%.*s\".\"%.*s\", which is no function",
                          MC_FMT(import->module), MC_FMT(import->name)),
            "a guest brings its own memory, tables and globals");
    else if (builtin && strcmp(import->signature, builtin) != 0)
        add(r, file, false,
            mc_str_printf(r->arena, "imports \"%.*s\".\"%.*s\" as %s, which is %s",
                          MC_FMT(import->module), MC_FMT(import->name), import->signature, builtin),
            "declare it as its standard does");
    else if (builtin || (is_host && is_among(import->name, host_functions, MC_LEN(host_functions))))
        check_declared(r, file, import->name);
    else
        add(r, file, false,
            mc_str_printf(r->arena, "imports \"%.*s\".\"%.*s\", which no kernel provides",
                          MC_FMT(import->module), MC_FMT(import->name)),
            "metacore_host, env.abort, and of wasi_snapshot_preview1 what needs no files and no "
            "sockets");
}

static void check_export(mc__reviewer *r, mc_str file, const mc_wasm_module *module, mc_str name,
                         bool is_function)
{
    mc_wasm_name found;

    if (!mc_wasm_module_find_export(module, name, &found))
        add(r, file, false, mc_str_printf(r->arena, "does not export \"%.*s\"", MC_FMT(name)),
            is_function ? "backend.exports names it: export it, in the same case"
                        : "the kernel needs it to hand data over");
    else if (is_function &&
             (found.kind != MC_WASM_FUNCTION || (strcmp(found.signature, "(i32,i32)->(i64)") != 0 &&
                                                 strcmp(found.signature, "(i64)->(i64)") != 0)))
        add(r, file, false,
            mc_str_printf(r->arena, "export \"%.*s\" is %s, not (i32,i32)->(i64)", MC_FMT(name),
                          found.kind == MC_WASM_FUNCTION ? found.signature : "no function"),
            HINT_SIGNATURE);
}

static void check_module(mc__reviewer *r, mc_str file, const mc_wasm_module *module)
{
    const mc_json *exports = mc__member(mc__member(r->manifest->root, "backend"), "exports");
    mc_wasm_name name;
    mc_str wanted;

    for (size_t i = 0; i < mc_wasm_module_import_count(module); i++) {
        mc_wasm_module_get_import(module, i, &name);
        check_import(r, file, &name);
    }
    check_export(r, file, module, MC_STR("memory"), false);
    check_export(r, file, module, MC_STR("alloc"), false);
    if (mc_wasm_module_find_export(module, MC_STR("alloc"), &name) &&
        strcmp(name.signature, "(i32)->(i32)") != 0)
        add(r, file, false,
            mc_str_printf(r->arena, "export \"alloc\" is %s, not (i32)->(i32)", name.signature),
            "it gets a length and returns a pointer");
    for (size_t i = 0; i < mc__items(exports); i++) {
        if (mc_json_get_str(mc__item(exports, i), &wanted))
            check_export(r, file, module, wanted, true);
    }
}

void mc__review_wasm(mc__reviewer *r)
{
    mc_str entry = mc__wasm_entry(r->manifest);
    const mc_bundle_file *file = mc__bundle_find(r->bundle, entry);
    mc_wasm_module *module = NULL;
    mc_err why;
    mc_code rc;

    if (entry.len == 0)
        return;
    if (!file) {
        mc__review_error(r, MC_STR("manifest.backend.entry"), "compile it there before you build",
                         "manifest.backend.entry: there is no \"%.*s\"", MC_FMT(entry));
        return;
    }
    rc = mc_wasm_module_read(file->data, &module, &why);
    if (rc == MC_NO_MEMORY)
        r->is_out_of_memory = true;
    else if (rc != MC_OK)
        add(r, entry, false, mc_z(why.msg),
            "compile it for WebAssembly 2.0, and no feature beyond it");
    else
        check_module(r, entry, module);
    mc_wasm_module_free(module);
}
