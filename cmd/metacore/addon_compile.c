/* SPDX-License-Identifier: Apache-2.0 */
/* An addon's WebAssembly, compiled here for machines that have no compiler, and signed. */
#include "addon.h"

#include "metacore/manifest/manifest.h"
#include "metacore/runtime/wasm/wasm_artefact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERASE "\r\033[K"

/* ---- what is compiled ---- */

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return mc_str_trim(text);
}

static mc_code find_module(const mc_bundle *bundle, const mc_manifest *manifest, mc_str *out,
                           mc_err *err)
{
    const mc_json *backend = mc_json_find_nocase(manifest->root, MC_STR("backend"));
    mc_str entry = text_of(backend, "entry");

    if (!mc_str_eq(text_of(backend, "runtime"), MC_STR("wasm")))
        return mc_fail(err, MC_INVALID, "addon %.*s: its backend is no wasm module",
                       MC_FMT(manifest->key));
    if (entry.len == 0)
        entry = MC_STR("backend/backend.wasm");
    for (size_t i = 0; i < bundle->file_count; i++) {
        if (!mc_str_eq(bundle->files[i].name, entry))
            continue;
        *out = bundle->files[i].data;
        return MC_OK;
    }
    return mc_fail(err, MC_INVALID, "addon %.*s: \"%.*s\" is not there", MC_FMT(manifest->key),
                   MC_FMT(entry));
}

/* Of a bundle, or the file itself when it is one. *out_bundle holds it, or is NULL. */
static mc_code load_module(const command *self, const char *path, mc_bundle **out_bundle,
                           mc_str *out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    struct stat st;
    mc_code rc;

    if (strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".wasm") == 0 && stat(path, &st) == 0 &&
        S_ISREG(st.st_mode))
        return addon_read_file(self, path, MC_WASM_FILE_BYTES_MAX, out, err);
    rc = addon_open(self, path, out_bundle, err);
    if (rc == MC_OK)
        rc = mc_manifest_parse((*out_bundle)->manifest, &manifest, err);
    if (rc == MC_OK)
        rc = find_module(*out_bundle, manifest, out, err);
    mc_manifest_free(manifest);
    return rc;
}

/* ---- the compiler's folder ---- */

static const char *make_folder(const command *self, mc_err *err)
{
    const char *base = getenv("TMPDIR");
    const char *path =
        mc_str_z(self->arena, mc_str_printf(self->arena, "%s/metacore-compile-XXXXXX",
                                            base && *base ? base : "/tmp"));

    if (path && mkdtemp((char *)path))
        return path;
    (void)mc_fail_errno(err, MC_IO, errno, "folder to compile in");
    return NULL;
}

/* Flat, but for what a compilation that was killed left. */
static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." refuse, rightly */
    if (dir)
        (void)closedir(dir); /* nothing was written */
    (void)rmdir(path);       /* what is left is in the folder for such things */
}

/* ---- compiling ---- */

static void show(void *user, uint32_t done, uint32_t total)
{
    (void)user;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, ERASE "compiling %u of %u", done < total ? done + 1 : total, total);
}

static mc_code compile(const command *self, mc_str module, const char *folder,
                       char name[MC_WASM_ARTEFACT_NAME], mc_buf *out, mc_err *err)
{
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG, .cache_dir = folder,
                                      .on_progress = show};
    mc_wasm_compiler *compiler = NULL;
    mc_secret_key key;
    mc_code rc = addon_read_secret_key(self, command_option(self, "key"), &key, err);

    if (rc == MC_OK)
        rc = mc_wasm_compiler_new(&config, &compiler, err);
    if (rc == MC_OK && !mc_wasm_compiler_has(compiler, MC_WASM_TIER_FULL))
        rc = mc_fail(err, MC_NOT_PROVIDED, "addon compile needs gcc, which is not in PATH");
    if (rc == MC_OK)
        rc = mc_wasm_artefact_make(compiler, module, MC_WASM_TIER_FULL, key.bytes, name, out, err);
    if (isatty(STDERR_FILENO))
        fputs(ERASE, stderr);
    mc_wasm_compiler_free(compiler);
    explicit_bzero(&key, sizeof(key));
    return rc;
}

static mc_code write_out(const command *self, const char *name, mc_str code, const char **out,
                         mc_err *err)
{
    const char *dir = command_option(self, "out");
    struct stat st;

    if (dir && mkdir(dir, 0755) != 0 &&
        (errno != EEXIST || stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)))
        return mc_fail_errno(err, MC_IO, errno, "%s", dir);
    *out = mc_str_z(self->arena, mc_str_printf(self->arena, "%s/%s", dir ? dir : ".", name));
    return *out ? addon_replace_file(*out, code, err) : mc_fail(err, MC_NO_MEMORY, "compile");
}

static void print(const command *self, const char *path, const char *name, mc_str code)
{
    mc_buf line;

    if (!self->as_json) {
        printf("%s: %zu bytes, signed\n", path, code.len);
        return;
    }
    mc_buf_init_arena(&line, self->arena, 0);
    mc_buf_lit(&line, "{\"bytes\":");
    mc_buf_printf(&line, "%zu,\"file\":", code.len);
    mc_json_write_str(&line, mc_z(path));
    mc_buf_printf(&line, ",\"module\":\"%.64s\"}\n", name);
    fputs(mc_buf_failed(&line) ? "" : line.ptr, stdout);
}

int addon_compile(const command *self)
{
    const char *folder = NULL, *path = NULL;
    char name[MC_WASM_ARTEFACT_NAME];
    mc_bundle *bundle = NULL;
    mc_str module = MC_STR("");
    mc_buf code;
    mc_err err;
    mc_code rc = load_module(self, addon_arg(self, 0), &bundle, &module, &err);

    mc_buf_init(&code, 0);
    if (rc == MC_OK)
        rc = (folder = make_folder(self, &err)) ? MC_OK : err.code;
    if (rc == MC_OK)
        rc = compile(self, module, folder, name, &code, &err);
    if (rc == MC_OK)
        rc = write_out(self, name, mc_buf_get(&code), &path, &err);
    if (rc == MC_OK)
        print(self, path, name, mc_buf_get(&code));
    if (folder)
        remove_folder(folder);
    mc_buf_deinit(&code);
    mc_bundle_free(bundle);
    return rc == MC_OK ? EXIT_DONE : command_fail(&err);
}
