/* SPDX-License-Identifier: Apache-2.0 */
#include "addon.h"

#include "metacore/manifest/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- bundles ---- */

/* Where the manifest of an author's folder says the code is; empty when it says nothing. */
static mc_str wasm_entry_of(const command *self, const mc_bundle *bundle)
{
    mc_manifest *manifest = NULL;
    mc_str runtime = MC_STR(""), entry = MC_STR("");
    const mc_json *backend;
    mc_err err;

    if (mc_manifest_parse(bundle->manifest, &manifest, &err) != MC_OK)
        return MC_STR(""); /* the review says what is wrong with it */
    backend = mc_json_find_nocase(manifest->root, MC_STR("backend"));
    (void)mc_json_get_str(mc_json_find_nocase(backend, MC_STR("runtime")), &runtime);
    (void)mc_json_get_str(mc_json_find_nocase(backend, MC_STR("entry")), &entry);
    if (!mc_str_eq(runtime, MC_STR("wasm")))
        entry = MC_STR("");
    else if (mc_str_trim(entry).len == 0)
        entry = MC_STR("backend/backend.wasm");
    entry = mc_str_copy(self->arena, mc_str_trim(entry));
    mc_manifest_free(manifest);
    return entry;
}

static mc_code open_folder(const command *self, const char *path, mc_bundle **out, mc_err *err)
{
    mc_bundle *bundle = NULL;
    mc_str entry;
    mc_code rc = mc_bundle_read_author(mc_z(path), MC_STR(""), &bundle, err);

    if (rc != MC_OK)
        return rc;
    entry = wasm_entry_of(self, bundle);
    if (entry.len) {
        mc_bundle_free(bundle);
        bundle = NULL;
        rc = mc_bundle_read_author(mc_z(path), entry, &bundle, err);
    }
    if (rc == MC_OK)
        *out = bundle;
    return rc;
}

mc_code addon_open(const command *self, const char *path, mc_bundle **out, mc_err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return open_folder(self, path, out, err);
    return mc_bundle_open(mc_z(path), out, err);
}

/* ---- files ---- */

mc_code addon_read_file(const command *self, const char *path, size_t max, mc_str *out, mc_err *err)
{
    FILE *file = fopen(path, "rbe");
    char *data = mc_arena_alloc(self->arena, max + 1);
    size_t got;
    bool failed;

    if (!file)
        return mc_fail_errno(err, MC_INVALID, errno, "%s", path);
    got = data ? fread(data, 1, max + 1, file) : 0;
    failed = ferror(file) != 0;
    (void)fclose(file); /* read only: nothing to lose */
    if (!data)
        return mc_fail(err, MC_NO_MEMORY, "%s: no memory to read it", path);
    if (failed)
        return mc_fail(err, MC_INVALID, "%s cannot be read", path);
    if (got > max)
        return mc_fail(err, MC_TOO_LARGE, "%s: larger than %zu bytes", path, max);
    *out = mc_str_of(data, got);
    return MC_OK;
}

static bool write_whole(int fd, mc_str data)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.ptr, data.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data = mc_str_slice(data, (size_t)n, data.len);
    }
    return fsync(fd) == 0;
}

static mc_code write_new(const char *path, mc_str data, unsigned mode, mc_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    int why;
    bool is_written;

    if (fd < 0)
        return mc_fail_errno(err, errno == EEXIST ? MC_CONFLICT : MC_IO, errno, "%s", path);
    is_written = write_whole(fd, data);
    why = errno;
    if (close(fd) != 0 && is_written) {
        why = errno;
        is_written = false;
    }
    if (is_written)
        return MC_OK;
    (void)unlink(path); /* half a file is none */
    return mc_fail_errno(err, MC_IO, why, "%s", path);
}

mc_code addon_new_file(const char *path, mc_str data, unsigned mode, mc_err *err)
{
    return write_new(path, data, mode, err);
}

mc_code addon_replace_file(const char *path, mc_str data, mc_err *err)
{
    char part[4200];
    int n = snprintf(part, sizeof(part), "%s.%ld.part", path, (long)getpid());
    mc_code rc;

    if (n < 0 || (size_t)n >= sizeof(part))
        return mc_fail(err, MC_INVALID, "%.100s…: the name is too long", path);
    rc = write_new(part, data, 0644, err);
    if (rc == MC_OK && rename(part, path) != 0) {
        rc = mc_fail_errno(err, MC_IO, errno, "%s", path);
        (void)unlink(part); /* nobody else knows it */
    }
    return rc;
}
