/* SPDX-License-Identifier: Apache-2.0 */
/* An addon as its author has it: a folder. */
#include "metacore/bundle/bundle_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16

static mc_code read_whole(int fd, size_t size, mc_arena *arena, mc_str *out, mc_err *err)
{
    char *bytes = mc_arena_alloc(arena, size);
    size_t got = 0;

    if (!bytes)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    while (got < size) {
        ssize_t n = read(fd, bytes + got, size - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mc_fail_errno(err, MC_IO, errno, "bundle");
        if (n == 0)
            return mc_fail(err, MC_INVALID, "bundle: a file changed while it was read");
        got += (size_t)n;
    }
    *out = mc_str_of(bytes, size);
    return MC_OK;
}

mc_code mc__bundle_add_file(mc__bundle_builder *b, int folder, const char *name, mc_str path,
                            mc_err *err)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    mc_str data;
    mc_code rc;

    if (fd < 0)
        return mc_fail_errno(err, MC_INVALID, errno, "bundle: %.*s", MC_FMT(path));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = mc_fail(err, MC_INVALID, "bundle: \"%.*s\" is no plain file", MC_FMT(path));
    else if (st.st_size < 0 || (uint64_t)st.st_size > MC_BUNDLE_BYTES_MAX)
        rc = mc_fail(err, MC_TOO_LARGE, "bundle: \"%.*s\" is too large", MC_FMT(path));
    else
        rc = read_whole(fd, (size_t)st.st_size, b->bundle->arena, &data, err);
    (void)close(fd); /* read only */
    return rc == MC_OK ? mc__bundle_add(b, path, data, err) : rc;
}

static mc_code add_one(mc__bundle_builder *b, int folder, const char *name, mc_str path, int depth,
                       mc_err *err)
{
    struct stat st;
    mc_str full = path.len ? mc_str_printf(b->bundle->arena, "%.*s/%s", MC_FMT(path), name)
                           : mc_str_copy(b->bundle->arena, mc_z(name));

    if (!full.ptr)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return mc_fail_errno(err, MC_IO, errno, "bundle: %.*s", MC_FMT(full));
    if (S_ISDIR(st.st_mode))
        return mc__bundle_add_folder(b, folder, name, full, depth + 1, err);
    return mc__bundle_add_file(b, folder, name, full, err);
}

mc_code mc__bundle_add_folder(mc__bundle_builder *b, int parent, const char *name, mc_str path,
                              int depth, mc_err *err)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (depth ? O_NOFOLLOW : 0));
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    mc_code rc = MC_OK;

    if (!dir) {
        rc = mc_fail_errno(err, MC_INVALID, errno, "bundle: %s", name);
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    if (depth > DEPTH_MAX)
        rc = mc_fail(err, MC_INVALID, "bundle: folders nested deeper than %d", DEPTH_MAX);
    while (rc == MC_OK && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') /* the author's own: .git and the like */
            rc = add_one(b, fd, entry->d_name, path, depth, err);
    }
    (void)closedir(dir); /* closes fd too */
    return rc;
}

/* Of names and digests in order, so that equal folders have equal digests. */
static mc_code digest_of(mc_bundle *bundle, mc_err *err)
{
    mc_buf list;
    mc_code rc;

    mc_buf_init(&list, 0);
    for (size_t i = 0; i < bundle->file_count; i++)
        mc_buf_printf(&list, "%s  %.*s\n", bundle->files[i].sha256, MC_FMT(bundle->files[i].name));
    rc = mc_buf_check(&list, "bundle", err);
    if (rc == MC_OK)
        mc__bundle_sha256(mc_buf_get(&list), bundle->digest);
    mc_buf_deinit(&list);
    return rc;
}

mc_code mc_bundle_read_folder(mc_str path, mc_bundle **out, mc_err *err)
{
    mc__bundle_builder b;
    mc_bundle *bundle = NULL;
    char *z;
    mc_code rc = mc__bundle_begin(&b, err);

    if (rc == MC_OK) {
        z = mc_str_z(b.bundle->arena, path);
        rc = z ? mc__bundle_add_folder(&b, AT_FDCWD, z, MC_STR(""), 0, err)
               : mc_fail(err, MC_NO_MEMORY, "bundle");
    }
    rc = mc__bundle_finish(&b, rc, &bundle, err);
    if (rc == MC_OK)
        rc = digest_of(bundle, err);
    if (rc != MC_OK) {
        mc_bundle_free(bundle);
        return rc;
    }
    *out = bundle;
    return MC_OK;
}

static mc_code read_archive(const char *path, off_t size, mc_arena *arena, mc_str *out_packed,
                            mc_bundle **out, mc_err *err)
{
    mc_code rc;
    int fd;

    if (size < 0 || (uint64_t)size > MC_BUNDLE_PACKED_MAX)
        return mc_fail(err, MC_TOO_LARGE, "bundle: larger than %zu bytes", MC_BUNDLE_PACKED_MAX);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mc_fail_errno(err, MC_INVALID, errno, "bundle: %s", path);
    rc = read_whole(fd, (size_t)size, arena, out_packed, err);
    (void)close(fd); /* read only */
    return rc == MC_OK ? mc_bundle_read(*out_packed, out, err) : rc;
}

mc_code mc_bundle_load(mc_arena *arena, mc_str path, mc_str *out_packed, mc_bundle **out,
                       mc_err *err)
{
    char *z = mc_str_z(arena, path);
    mc_str packed = MC_STR("");
    struct stat st;
    mc_code rc;

    if (!z)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    if (stat(z, &st) != 0)
        return mc_fail_errno(err, MC_INVALID, errno, "bundle: %s", z);
    if (S_ISDIR(st.st_mode))
        rc = mc_bundle_read_folder(path, out, err);
    else if (S_ISREG(st.st_mode))
        rc = read_archive(z, st.st_size, arena, &packed, out, err);
    else
        rc = mc_fail(err, MC_INVALID, "bundle: %s is neither a file nor a folder", z);
    if (rc == MC_OK)
        *out_packed = packed;
    return rc;
}

mc_code mc_bundle_open(mc_str path, mc_bundle **out, mc_err *err)
{
    mc_arena *arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536);
    mc_str packed;
    mc_code rc = arena ? mc_bundle_load(arena, path, &packed, out, err)
                       : mc_fail(err, MC_NO_MEMORY, "bundle");

    mc_arena_free(arena);
    return rc;
}
