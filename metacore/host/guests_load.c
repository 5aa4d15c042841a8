/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's backend becomes a guest: found, held against its manifest, compiled, initialized. */
#include "metacore/host/guests_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Of what a stranger named: as much as leaves room for the rest of the message. */
#define CUT(s) (int)((s).len < 40 ? (s).len : 40), (s).ptr

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return mc_str_trim(text);
}

static const mc_bundle_file *find_file(const mc_bundle *bundle, mc_str name)
{
    for (size_t i = 0; i < bundle->file_count; i++) {
        if (mc_str_eq(bundle->files[i].name, name))
            return &bundle->files[i];
    }
    return NULL;
}

/* A function that can be called as an export: two words, or both in one. */
static bool is_callable(const mc_wasm_name *name)
{
    return name->kind == MC_WASM_FUNCTION &&
           (mc_str_eq(mc_z(name->signature), MC_STR("(i32,i32)->(i64)")) ||
            mc_str_eq(mc_z(name->signature), MC_STR("(i64)->(i64)")) ||
            mc_str_eq(mc_z(name->signature), MC_STR("()->()")));
}

/* What is declared is there: actions are found wanting when they are installed, not when used. */
static mc_code check_exports(const mc_wasm_module *module, const mc_manifest *manifest,
                             const mc_json *exports, mc_err *err)
{
    size_t count = exports && exports->kind == MC_JSON_ARRAY ? exports->as.array.count : 0;

    for (size_t i = 0; i < count; i++) {
        mc_wasm_name found;
        mc_str name = MC_STR("");

        (void)mc_json_get_str(exports->as.array.items[i], &name); /* parsing saw to it */
        if (!mc_wasm_module_find_export(module, name, &found))
            return mc_fail(err, MC_INVALID, "wasm: addon %.*s: export \"%.*s\" missing from module",
                           MC_FMT(manifest->key), MC_FMT(name));
        if (!is_callable(&found))
            return mc_fail(err, MC_INVALID,
                           "wasm: addon %.*s: export \"%.*s\" is no function (i32,i32)->i64 or "
                           "(i64)->i64",
                           MC_FMT(manifest->key), MC_FMT(name));
    }
    return MC_OK;
}

static bool is_offered(const mc_wasm_name *import)
{
    for (size_t i = 0; i < MC_LEN(mc__guest_imports); i++) {
        if (mc_str_eq(import->module, mc_z(mc__guest_imports[i].module)) &&
            mc_str_eq(import->name, mc_z(mc__guest_imports[i].name)))
            return true;
    }
    return mc_wasm_builtin_signature(import->module, import->name) != NULL;
}

static mc_code check_imports(const mc_wasm_module *module, const mc_manifest *manifest, mc_err *err)
{
    for (size_t i = 0; i < mc_wasm_module_import_count(module); i++) {
        mc_wasm_name import;

        mc_wasm_module_get_import(module, i, &import);
        if (!is_offered(&import))
            return mc_fail(err, MC_INVALID, "wasm: addon %.*s: import %.*s.%.*s is not provided",
                           MC_FMT(manifest->key), CUT(import.module), CUT(import.name));
    }
    return MC_OK;
}

static mc_code check_module(const mc_manifest *manifest, mc_str bytes, const mc_json *exports,
                            mc_err *err)
{
    mc_wasm_module *module = NULL;
    mc_err why;
    mc_code rc = mc_wasm_module_read(bytes, &module, &why);

    if (rc != MC_OK)
        return mc_fail(err, rc, "wasm: compile %.*s: %s", MC_FMT(manifest->key), why.msg);
    rc = check_imports(module, manifest, err);
    if (rc == MC_OK)
        rc = check_exports(module, manifest, exports, err);
    mc_wasm_module_free(module);
    return rc;
}

/* A limit as declared, within what there is; absent, zero and nonsense are the default. */
static int64_t limit_of(const mc_json *backend, const char *key, int64_t fallback, int64_t max)
{
    int64_t value = 0;

    if (!mc_json_get_i64(mc_json_find_nocase(backend, mc_z(key)), 1, INT64_MAX, &value))
        return fallback;
    return value < max ? value : max;
}

static mc_code start(mc__guests *self, mc__guest_load *load, mc__guest *guest, mc_str bytes,
                     mc_err *err)
{
    const mc_json *backend = mc_json_find_nocase(guest->manifest->root, MC_STR("backend"));
    mc_wasm_guest_options options = {MC_WASM_GUEST_OPTIONS};
    mc_err why;
    mc_code rc;

    guest->timeout_ms =
        limit_of(backend, "timeout_ms", MC_WASM_TIMEOUT_MS_DEFAULT, MC_WASM_TIMEOUT_MS_MAX);
    if (!self->runtime)
        return MC_OK;
    options.memory_mb = (uint32_t)limit_of(backend, "memory_limit_mb", MC_WASM_MEMORY_MB_DEFAULT,
                                           MC_WASM_MEMORY_MB_MAX);
    rc = mc_wasm_guest_open(self->runtime, bytes, &options, &guest->wasm, &why);
    if (rc == MC_OK) {
        mc__guests_publish(self, load, guest);
        rc = mc_wasm_guest_start(guest->wasm, &why);
    }
    if (rc == MC_INTERRUPTED) /* by the server's end */
        rc = MC_UNAVAILABLE;
    if (rc != MC_OK)
        return mc_fail(err, rc, "wasm: compile %.*s: %s", MC_FMT(guest->manifest->key), why.msg);
    return MC_OK;
}

/* What its manifest names, and holds against it. */
static mc_code find_module(const mc_bundle *bundle, const mc_manifest *manifest, mc_str *out,
                           mc_err *err)
{
    const mc_json *backend = mc_json_find_nocase(manifest->root, MC_STR("backend"));
    mc_str entry = text_of(backend, "entry");
    const mc_bundle_file *file;

    if (entry.len == 0)
        entry = MC_STR("backend/backend.wasm");
    file = find_file(bundle, entry);
    if (!file)
        return mc_fail(err, MC_INVALID, "host: bundle missing \"%.*s\" for addon \"%.*s\"",
                       MC_FMT(entry), MC_FMT(manifest->key));
    *out = file->data;
    return check_module(manifest, file->data, mc_json_find_nocase(backend, MC_STR("exports")), err);
}

mc_code mc__guests_check(const mc_bundle *bundle, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_str bytes;
    mc_code rc = mc_manifest_parse(bundle->manifest, &manifest, err);

    if (rc == MC_OK && mc__guest_is_declared(manifest))
        rc = find_module(bundle, manifest, &bytes, err);
    mc_manifest_free(manifest);
    return rc;
}

static mc_code load(mc__guests *self, const mc_bundle *bundle, mc__guest_load *work,
                    mc__guest *guest, mc_err *err)
{
    const mc_manifest *manifest = guest->manifest;
    mc_str bytes = MC_STR("");
    mc_code rc = find_module(bundle, manifest, &bytes, err);

    if (rc == MC_OK)
        rc = mc_capability_set_new(manifest->key,
                                   mc_json_find_nocase(manifest->root, MC_STR("capabilities")),
                                   &guest->capabilities, err);
    return rc == MC_OK ? start(self, work, guest, bytes, err) : rc;
}

bool mc__guest_is_declared(const mc_manifest *manifest)
{
    return mc_str_eq(text_of(mc_json_find_nocase(manifest->root, MC_STR("backend")), "runtime"),
                     MC_STR("wasm"));
}

bool mc__guest_is_declared_in(mc_str manifest)
{
    mc_manifest *parsed = NULL;
    mc_err unreadable; /* told when its models were not served either */
    bool is =
        mc_manifest_parse(manifest, &parsed, &unreadable) == MC_OK && mc__guest_is_declared(parsed);

    mc_manifest_free(parsed);
    return is;
}

mc_code mc__guest_load_bundle(mc__guests *self, const mc_bundle *bundle, mc__guest_load *work,
                              mc__guest **out, mc_err *err)
{
    mc__guest *guest = calloc(1, sizeof(*guest));
    mc_code rc;

    if (!guest)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    guest->refs = 1;
    memcpy(guest->digest, work->digest, sizeof(guest->digest));
    rc = mc_manifest_parse(bundle->manifest, &guest->manifest, err);
    if (rc == MC_OK && !mc__guest_is_declared(guest->manifest)) {
        mc__guest_free(guest);
        *out = NULL;
        return MC_OK;
    }
    if (rc == MC_OK)
        rc = load(self, bundle, work, guest, err);
    if (rc != MC_OK) {
        mc__guests_unref(self, guest); /* somebody may be looking at it */
        return rc;
    }
    *out = guest;
    return MC_OK;
}

/* ---- what is installed ---- */

typedef struct kept {
    mc_installer *installer;
    mc_str addon_key;
    mc_install_source source;
    mc_bundle *bundle;
} kept;

static mc_code load_kept(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    kept *k = user;

    (void)conn; /* in ctx */
    return mc_installer_load_bundle(k->installer, ctx, k->addon_key, &k->source, &k->bundle, err);
}

mc_code mc__guests_load_installed(mc__guests *self, mc_ctx *ctx, mc__guest_load *work,
                                  mc__guest **out, mc_err *err)
{
    kept k = {.installer = mc_host_installer(self->app->host), .addon_key = mc_z(work->addon_key)};
    mc_ctx reading = *ctx; /* with an arena of its own: a request's holds less */
    mc__guest *guest = NULL;
    mc_code rc = MC_OK;

    reading.arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536);
    if (!reading.arena)
        rc = mc_fail(err, MC_NO_MEMORY, "guest");
    if (rc == MC_OK)
        rc = mc_db_read(self->app->db, &reading, load_kept, &k, err);
    if (rc == MC_OK)
        rc = mc__guest_load_bundle(self, k.bundle, work, &guest, err);
    if (rc == MC_OK && guest)
        rc = mc__guests_keep(self, guest, err);
    mc_bundle_free(k.bundle);
    mc_arena_free(reading.arena);
    if (rc != MC_OK) {
        mc__guests_unref(self, guest);
        mc_log_error(self->app->config.log, "guest.not_loaded",
                     MC_KV_STR("addon", mc_z(work->addon_key)), MC_KV_ERR("error", err));
    }
    mc__guests_end(self, work, rc, err);
    if (rc == MC_OK)
        *out = guest;
    return rc;
}

void mc__guest_free(mc__guest *guest)
{
    if (!guest)
        return;
    mc_wasm_guest_free(guest->wasm);
    mc_capability_set_free(guest->capabilities);
    mc_manifest_free(guest->manifest);
    free(guest);
}
