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
#include <sys/mman.h>
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

/* A module that is a file by itself, or a bundle that has one. */
typedef struct source {
    mc_bundle *bundle;
    void *mapped; /* MAP_FAILED: it is not */
    mc_str module;
} source;

static mc_code map_module(const char *path, source *out, mc_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return mc_fail_errno(err, MC_INVALID, errno, "%s", path);
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        out->mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd); /* read only */
    if (out->mapped == MAP_FAILED)
        return mc_fail(err, MC_INVALID, "%s: cannot be read, or is empty", path);
    out->module = mc_str_of(out->mapped, (size_t)st.st_size);
    return MC_OK;
}

static mc_code open_source(const command *self, const char *path, source *out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    struct stat st;
    mc_code rc;

    if (mc_str_ends_with(mc_z(path), MC_STR(".wasm")) && stat(path, &st) == 0 &&
        S_ISREG(st.st_mode))
        return map_module(path, out, err);
    rc = addon_open(self, path, &out->bundle, err);
    if (rc == MC_OK)
        rc = mc_manifest_parse(out->bundle->manifest, &manifest, err);
    if (rc == MC_OK)
        rc = find_module(out->bundle, manifest, &out->module, err);
    mc_manifest_free(manifest);
    return rc;
}

static void close_source(source *s)
{
    mc_bundle_free(s->bundle);
    if (s->mapped != MAP_FAILED)
        (void)munmap(s->mapped, s->module.len); /* ours */
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
    source from = {.mapped = MAP_FAILED, .module = MC_STR_INIT("")};
    mc_buf code;
    mc_err err;
    mc_code rc = open_source(self, addon_arg(self, 0), &from, &err);

    mc_buf_init(&code, 0);
    if (rc == MC_OK)
        rc = (folder = make_folder(self, &err)) ? MC_OK : err.code;
    if (rc == MC_OK)
        rc = compile(self, from.module, folder, name, &code, &err);
    if (rc == MC_OK)
        rc = write_out(self, name, mc_buf_get(&code), &path, &err);
    if (rc == MC_OK)
        print(self, path, name, mc_buf_get(&code));
    if (folder)
        remove_folder(folder);
    mc_buf_deinit(&code);
    close_source(&from);
    return rc == MC_OK ? EXIT_DONE : command_fail(&err);
}
