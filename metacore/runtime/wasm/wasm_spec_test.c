/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasm_spec_test [--instant | --full] [--optimize -O1] [--cache DIR] FILE.json …
 *
 * Runs the scripts of the official test suite as wast2json writes them: a line per file, what was
 * refused as not supported, what failed, and "N passed, N failed, N skipped" at the end. Skipped
 * are modules in text form, which are the text parser's matter, and what needs a refused module.
 */
#include "metacore/runtime/wasm/wasm_spec_test_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MEMORY ((size_t)512 << 20)
#define INSTANCES_MAX 4096

typedef struct spec_module {
    mc_str name;            /* as the script calls it */
    mc_wasm_module *module; /* NULL: refused */
    mc__wasm_code code;
    mc__wasm_instance *instance; /* NULL: refused */
} spec_module;

typedef struct spec_file {
    const char *path;
    mc_str dir;
    mc_wasm_compiler *compiler;
    mc_wasm_tier tier;
    mc_arena *arena;
    const mc_json *commands;
    mc__wasm_store *store;
    spec_host *host;
    spec_module modules[INSTANCES_MAX];
    size_t module_count;
    spec_module *last; /* NULL: refused */
    mc_map registered; /* name -> spec_module */
    int passed, failed, skipped;
    int64_t line;
} spec_file;

static mc_str text_of(const mc_json *value, const char *key)
{
    mc_str out = MC_STR("");

    MC_IGNORE(mc_json_get_str(mc_json_find(value, mc_z(key)), &out)); /* absent: empty */
    return out;
}

static void pass(spec_file *f, bool ok, const char *why)
{
    if (ok) {
        f->passed++;
        return;
    }
    f->failed++;
    printf("%s:%lld: %s\n", f->path, (long long)f->line, why);
}

static mc_str read_whole(mc_arena *arena, const char *path)
{
    FILE *file = fopen(path, "rbe");
    long size = -1;
    char *bytes = NULL;

    if (!file)
        return MC_STR("");
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    rewind(file);
    if (size > 0)
        bytes = mc_arena_alloc(arena, (size_t)size);
    if (bytes && fread(bytes, 1, (size_t)size, file) != (size_t)size)
        bytes = NULL;
    (void)fclose(file); /* read only */
    return mc_str_of(bytes, bytes ? (size_t)size : 0);
}

static mc_str bytes_of(spec_file *f, const mc_json *command)
{
    mc_str path =
        mc_str_printf(f->arena, "%.*s%.*s", MC_FMT(f->dir), MC_FMT(text_of(command, "filename")));

    return read_whole(f->arena, mc_str_z(f->arena, path));
}

/* ---- modules ---- */

static const mc__wasm_export *find_export(const mc_wasm_module *m, mc_str name)
{
    for (uint32_t i = 0; i < m->export_count; i++) {
        if (mc_str_eq(m->exports[i].name, name))
            return &m->exports[i];
    }
    return NULL;
}

static bool find_extern(spec_file *f, const mc__wasm_import *import, mc__wasm_extern *out)
{
    spec_module *from = mc_map_find(&f->registered, import->module);
    const mc__wasm_export *export;

    if (mc_str_eq(import->module, MC_STR("spectest")))
        return mc_spec_host_find(f->host, import->name, import->kind, out);
    if (!from || !from->instance)
        return false;
    export = find_export(from->module, import->name);
    if (!export || export->kind != import->kind)
        return false;
    switch (export->kind) {
    case MC__WASM_KIND_FUNCTION:
        out->function = mc__wasm_instance_function(from->instance, export->index);
        break;
    case MC__WASM_KIND_TABLE:
        out->table = from->instance->tables[export->index];
        break;
    case MC__WASM_KIND_MEMORY:
        out->memory = from->instance->memory;
        break;
    default:
        out->global = mc__wasm_instance_global(from->instance, export->index);
    }
    return true;
}

static mc_code instantiate(spec_file *f, mc_str bytes, spec_module *out, mcw_trap *trap,
                           mc_err *err)
{
    mc_wasm_object object;
    mc__wasm_extern *imports;
    mc_code rc = mc_wasm_module_read(bytes, &out->module, err);

    if (rc != MC_OK)
        return rc;
    imports = mc_arena_array(f->arena, mc__wasm_extern, out->module->import_count + (size_t)1);
    for (uint32_t i = 0; i < out->module->import_count; i++) {
        if (!find_extern(f, &out->module->imports[i], &imports[i]))
            return mc_fail(err, MC_NOT_FOUND, "unknown import");
    }
    rc = mc_wasm_compile(f->compiler, bytes, f->tier, &object, err);
    if (rc != MC_OK)
        return rc;
    rc = mc__wasm_code_load(object.fd, out->module, &out->code, err);
    (void)close(object.fd); /* loaded, or of no use */
    if (rc == MC_OK)
        rc = mc__wasm_instance_new(f->store, out->module, out->code.table, imports, NULL,
                                   &out->instance, trap, err);
    if (rc == MC_OK && *trap == MCW_TRAP_NONE && out->module->start != MC__WASM_NONE)
        *trap = mc__wasm_call_plain(out->instance, out->module->start);
    return rc;
}

static spec_module *new_module(spec_file *f)
{
    return f->module_count < INSTANCES_MAX ? &f->modules[f->module_count++] : NULL;
}

static void run_module(spec_file *f, const mc_json *command)
{
    spec_module *out = new_module(f);
    mcw_trap trap = MCW_TRAP_NONE;
    mc_err err = {0};
    mc_code rc;

    f->last = NULL;
    if (!out) {
        pass(f, false, "too many modules");
        return;
    }
    out->name = text_of(command, "name");
    rc = instantiate(f, bytes_of(f, command), out, &trap, &err);
    if (rc == MC_NOT_PROVIDED || rc == MC_TOO_LARGE) {
        f->skipped++;
        printf("%s:%lld: refused: %s\n", f->path, (long long)f->line, err.msg);
        return;
    }
    pass(f, rc == MC_OK && trap == MCW_TRAP_NONE, rc != MC_OK ? err.msg : mc__wasm_trap_name(trap));
    if (rc == MC_OK)
        f->last = out;
}

/* The module that an action names, or the last; NULL: it was refused. */
static spec_module *module_of(spec_file *f, const mc_json *action)
{
    mc_str name = text_of(action, "module");

    if (name.len == 0)
        return f->last;
    for (size_t i = f->module_count; i-- > 0;) {
        if (mc_str_eq(f->modules[i].name, name))
            return f->modules[i].instance ? &f->modules[i] : NULL;
    }
    return NULL;
}

static void run_register(spec_file *f, const mc_json *command)
{
    mc_str name = text_of(command, "name");
    spec_module *module = f->last;
    mc_err err;

    for (size_t i = f->module_count; name.len > 0 && i-- > 0;) {
        if (mc_str_eq(f->modules[i].name, name)) {
            module = &f->modules[i];
            break;
        }
    }
    if (mc_map_put(&f->registered, mc_spec_bytes(f->arena, text_of(command, "as")), module, &err) !=
        MC_OK)
        pass(f, false, err.msg);
}

/* ---- actions ---- */

typedef enum outcome { DONE, TRAPPED, NO_MODULE, NO_EXPORT, NO_VALUE } outcome;

static outcome run_invoke(spec_module *module, uint32_t function, const mc_json *args,
                          mcw_value *values, mcw_trap *trap)
{
    size_t count = args && args->kind == MC_JSON_ARRAY ? args->as.array.count : 0;

    for (size_t i = 0; i < count && i < MC_WASM_PARAMS_MAX; i++) {
        if (!mc_spec_read_value(args->as.array.items[i], &values[i]))
            return NO_VALUE;
    }
    *trap = mc__wasm_call(module->instance, function, values);
    return *trap == MCW_TRAP_NONE ? DONE : TRAPPED;
}

static outcome run_action(spec_file *f, const mc_json *action, mcw_value *values, mcw_trap *trap)
{
    spec_module *module = module_of(f, action);
    mc_str field = mc_spec_bytes(f->arena, text_of(action, "field"));
    const mc__wasm_export *export;

    if (!module)
        return NO_MODULE;
    export = find_export(module->module, field);
    if (!export)
        return NO_EXPORT;
    if (mc_str_eq(text_of(action, "type"), MC_STR("get"))) {
        values[0] = *mc__wasm_instance_global(module->instance, export->index).value;
        return DONE;
    }
    return run_invoke(module, export->index, mc_json_find(action, MC_STR("args")), values, trap);
}

static void check_values(spec_file *f, const mc_json *expected, const mcw_value *values)
{
    mc_buf why;
    bool ok = true;

    mc_buf_init(&why, 0);
    mc_buf_lit(&why, "expected");
    for (size_t i = 0; expected && i < expected->as.array.count; i++) {
        ok = ok && mc_spec_value_matches(expected->as.array.items[i], &values[i]);
        mc_spec_write_value(&why, expected->as.array.items[i], &values[i]);
    }
    mc_buf_char(&why, '\0');
    pass(f, ok, why.ptr);
    mc_buf_deinit(&why);
}

static bool says(mcw_trap trap, mc_str text)
{
    mc_str name = mc_z(mc__wasm_trap_name(trap));

    return mc_str_starts_with(text, name) || mc_str_starts_with(name, text);
}

static void run_assertion(spec_file *f, const mc_json *command, mc_str type)
{
    static mcw_value values[MC_WASM_PARAMS_MAX + MC_WASM_RESULTS_MAX];
    mcw_trap trap = MCW_TRAP_NONE;
    outcome got = run_action(f, mc_json_find(command, MC_STR("action")), values, &trap);

    if (got == NO_MODULE || got == NO_VALUE) {
        f->skipped++;
        return;
    }
    if (got == NO_EXPORT) {
        pass(f, false, "no such export");
        return;
    }
    if (mc_str_eq(type, MC_STR("assert_return")) && got == DONE)
        check_values(f, mc_json_find(command, MC_STR("expected")), values);
    else if (mc_str_eq(type, MC_STR("assert_trap")) || mc_str_eq(type, MC_STR("assert_exhaustion")))
        pass(f, got == TRAPPED && says(trap, text_of(command, "text")),
             got == TRAPPED ? mc__wasm_trap_name(trap) : "did not trap");
    else
        pass(f, got == DONE, mc__wasm_trap_name(trap));
}

/* ---- modules that must not be ---- */

static void run_refusal(spec_file *f, const mc_json *command)
{
    mc_wasm_module *module = NULL;
    mc_err err = {0};
    mc_code rc;

    if (mc_str_eq(text_of(command, "module_type"), MC_STR("text"))) {
        f->skipped++;
        return;
    }
    rc = mc_wasm_module_read(bytes_of(f, command), &module, &err);
    mc_wasm_module_free(module);
    pass(f, rc == MC_INVALID || rc == MC_NOT_PROVIDED || rc == MC_TOO_LARGE,
         rc == MC_OK ? "accepted" : err.msg);
}

static void run_failing_instance(spec_file *f, const mc_json *command, mc_str type)
{
    spec_module *out = new_module(f);
    mcw_trap trap = MCW_TRAP_NONE;
    mc_err err = {0};
    mc_code rc;

    if (!out) {
        pass(f, false, "too many modules");
        return;
    }
    rc = instantiate(f, bytes_of(f, command), out, &trap, &err);
    if (rc == MC_NOT_PROVIDED || rc == MC_TOO_LARGE)
        f->skipped++;
    else if (mc_str_eq(type, MC_STR("assert_unlinkable")))
        pass(f, rc == MC_REJECTED || rc == MC_NOT_FOUND, rc == MC_OK ? "was linked" : err.msg);
    else
        pass(f, rc == MC_OK && trap != MCW_TRAP_NONE && says(trap, text_of(command, "text")),
             rc == MC_OK ? mc__wasm_trap_name(trap) : err.msg);
}

/* ---- files ---- */

static void run_command(spec_file *f, const mc_json *command)
{
    mc_str type = text_of(command, "type");

    MC_IGNORE(mc_json_get_i64(mc_json_find(command, MC_STR("line")), 0, INT64_MAX, &f->line));
    if (mc_str_eq(type, MC_STR("module")))
        run_module(f, command);
    else if (mc_str_eq(type, MC_STR("register")))
        run_register(f, command);
    else if (mc_str_eq(type, MC_STR("assert_invalid")) ||
             mc_str_eq(type, MC_STR("assert_malformed")))
        run_refusal(f, command);
    else if (mc_str_eq(type, MC_STR("assert_unlinkable")) ||
             mc_str_eq(type, MC_STR("assert_uninstantiable")))
        run_failing_instance(f, command, type);
    else
        run_assertion(f, command, type);
}

static void run_commands(void *user)
{
    spec_file *f = user;

    for (size_t i = 0; i < f->commands->as.array.count; i++)
        run_command(f, f->commands->as.array.items[i]);
}

static void free_modules(spec_file *f)
{
    for (size_t i = 0; i < f->module_count; i++)
        mc__wasm_instance_free(f->modules[i].instance);
    for (size_t i = 0; i < f->module_count; i++) {
        mc__wasm_code_unload(&f->modules[i].code);
        mc_wasm_module_free(f->modules[i].module);
    }
}

static mc_code open_file(spec_file *f, mc_err *err)
{
    const char *slash = strrchr(f->path, '/');
    const mc_json *json = NULL;
    mc_str text = read_whole(f->arena, f->path);
    mc_code rc;

    f->dir = mc_str_of(f->path, slash ? (size_t)(slash + 1 - f->path) : 0);
    rc = mc_json_parse(f->arena, mc_spec_text(f->arena, text), NULL, &json, err);
    if (rc != MC_OK)
        return rc;
    f->commands = mc_json_find(json, MC_STR("commands"));
    if (!f->commands || f->commands->kind != MC_JSON_ARRAY)
        return mc_fail(err, MC_INVALID, "no commands");
    rc = mc__wasm_store_new(MC_WASM_PAGES_MAX, MC__WASM_TABLE_ENTRIES_MAX, &f->store, err);
    return rc == MC_OK ? mc_spec_host_new(f->arena, f->store, &f->host, err) : rc;
}

static void run_file(spec_file *f)
{
    mc_err err;

    f->arena = mc_arena_new(FILE_MEMORY);
    if (open_file(f, &err) == MC_OK)
        mc__wasm_store_run(f->store, run_commands, f);
    else
        pass(f, false, err.msg);
    free_modules(f);
    if (f->host)
        mc_spec_host_deinit(f->host);
    mc__wasm_store_free(f->store);
    mc_map_deinit(&f->registered);
    mc_arena_free(f->arena);
    printf("%s: %d passed, %d failed, %d skipped\n", f->path, f->passed, f->failed, f->skipped);
    fflush(stdout);
}

static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse, rightly */
    if (dir)
        (void)closedir(dir); /* nothing was written */
    (void)rmdir(path);
}

int main(int argc, char **argv)
{
    static spec_file f;
    char made[] = "/tmp/wasm-spec-XXXXXX";
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG, .optimize = "-O1"};
    mc_wasm_tier tier = MC_WASM_TIER_FULL;
    mc_wasm_compiler *compiler;
    int passed = 0, failed = 0, skipped = 0, at = 1;
    mc_err err;

    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--instant") == 0)
            tier = MC_WASM_TIER_INSTANT;
        else if (strcmp(argv[at], "--optimize") == 0 && at + 1 < argc)
            config.optimize = argv[++at];
        else if (strcmp(argv[at], "--cache") == 0 && at + 1 < argc)
            config.cache_dir = argv[++at];
    }
    if (!config.cache_dir && !(config.cache_dir = mkdtemp(made)))
        return 1;
    if (mc_wasm_compiler_new(&config, &compiler, &err) != MC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    for (; at < argc; at++) {
        memset(&f, 0, sizeof(f));
        f.path = argv[at];
        f.compiler = compiler;
        f.tier = tier;
        run_file(&f);
        passed += f.passed;
        failed += f.failed;
        skipped += f.skipped;
    }
    mc_wasm_compiler_free(compiler);
    if (config.cache_dir == made)
        remove_dir(made);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed || !passed ? 1 : 0;
}
