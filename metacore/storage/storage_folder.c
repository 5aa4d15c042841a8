/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as files: written under a name of their own, made durable, then given their key. */
#include "metacore/base/buf.h"
#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES 65536
#define PATH_BYTES (MC_STORAGE_KEY_MAX + 1)

typedef struct folder {
    int fd;
} folder;

bool mc_storage_is_key(mc_str key)
{
    bool is_start = true;

    if (key.len == 0 || key.len > MC_STORAGE_KEY_MAX || key.ptr[key.len - 1] == '/')
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';

        if (!is_letter && (is_start || (c != '.' && c != '/')))
            return false;
        is_start = c == '/';
    }
    return true;
}

static mc_code path_of(mc_str key, char out[PATH_BYTES], mc_err *err)
{
    if (!mc_storage_is_key(key))
        return mc_fail(err, MC_INVALID, "storage: malformed key");
    (void)snprintf(out, PATH_BYTES, "%.*s", MC_FMT(key)); /* fits: checked */
    return MC_OK;
}

static mc_code sync_folder(int fd, mc_err *err)
{
    return fsync(fd) == 0 ? MC_OK : mc_fail_errno(err, MC_IO, errno, "storage: folder");
}

/* The folders above path, and each new one's name made durable in the one above it. */
static mc_code make_folders(const folder *self, char *path, mc_err *err)
{
    for (char *at = path; *at; at++) {
        bool is_made;

        if (*at != '/')
            continue;
        *at = '\0';
        is_made = mkdirat(self->fd, path, 0700) == 0;
        if (!is_made && errno != EEXIST) {
            *at = '/';
            return mc_fail_errno(err, MC_IO, errno, "storage: folder");
        }
        *at = '/';
    }
    return MC_OK;
}

static mc_code sync_parents(const folder *self, char *path, mc_err *err)
{
    mc_code rc = sync_folder(self->fd, err);

    for (char *at = path; *at && rc == MC_OK; at++) {
        int fd;

        if (*at != '/')
            continue;
        *at = '\0';
        fd = openat(self->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        *at = '/';
        if (fd < 0)
            return mc_fail_errno(err, MC_IO, errno, "storage: folder");
        rc = sync_folder(fd, err);
        (void)close(fd);
    }
    return rc;
}

static mc_code write_all(int fd, mc_str bytes, mc_err *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return mc_fail_errno(err, errno == ENOSPC ? MC_LIMIT : MC_IO, errno, "storage");
        bytes = mc_str_slice(bytes, (size_t)n, bytes.len);
    }
    return fsync(fd) == 0 ? MC_OK : mc_fail_errno(err, MC_IO, errno, "storage");
}

static mc_code temp_name(char out[32], mc_err *err)
{
    unsigned char random[8];
    mc_code rc = mc_random_bytes(random, sizeof(random), err);
    mc_buf text;

    if (rc != MC_OK)
        return rc;
    mc_buf_init_borrowed(&text, out, 32, 31);
    mc_buf_lit(&text, ".new-");
    mc_hex_write(&text, mc_str_of((const char *)random, sizeof(random)));
    out[text.len] = '\0';
    return MC_OK;
}

static mc_code folder_put(void *user, mc_str key, mc_str bytes, mc_err *err)
{
    const folder *self = user;
    char path[PATH_BYTES], temp[32];
    mc_code rc = path_of(key, path, err);
    int fd;

    if (rc == MC_OK)
        rc = make_folders(self, path, err);
    if (rc == MC_OK)
        rc = temp_name(temp, err);
    if (rc != MC_OK)
        return rc;
    fd = openat(self->fd, temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "storage");
    rc = write_all(fd, bytes, err);
    (void)close(fd); /* it is durable, or about to be removed */
    if (rc == MC_OK && linkat(self->fd, temp, self->fd, path, 0) != 0)
        rc = mc_fail_errno(err, errno == EEXIST ? MC_CONFLICT : MC_IO, errno, "storage");
    (void)unlinkat(self->fd, temp, 0); /* a name that stays is only untidy */
    return rc == MC_OK ? sync_parents(self, path, err) : rc;
}

static mc_code open_object(const folder *self, mc_str key, int *out, mc_err *err)
{
    char path[PATH_BYTES];
    mc_code rc = path_of(key, path, err);
    int fd;

    if (rc != MC_OK)
        return rc;
    fd = openat(self->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? mc_fail(err, MC_NOT_FOUND, "storage: no such object")
                               : mc_fail_errno(err, MC_IO, errno, "storage");
    *out = fd;
    return MC_OK;
}

static mc_code folder_read(void *user, mc_str key, uint64_t offset, uint64_t length, mc_sink out,
                           mc_err *err)
{
    char *piece = malloc(COPY_BYTES);
    int fd = -1;
    mc_code rc = piece ? open_object(user, key, &fd, err) : mc_fail(err, MC_NO_MEMORY, "storage");

    while (rc == MC_OK && length > 0) {
        size_t want = length < COPY_BYTES ? (size_t)length : COPY_BYTES;
        ssize_t n = pread(fd, piece, want, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            rc = mc_fail(err, MC_IO, "storage: an object is shorter than it was");
            break;
        }
        rc = mc_sink_write(out, mc_str_of(piece, (size_t)n), err);
        offset += (uint64_t)n;
        length -= (uint64_t)n;
    }
    if (fd >= 0)
        (void)close(fd);
    free(piece);
    return rc;
}

static mc_code folder_stat(void *user, mc_str key, uint64_t *out_size, mc_err *err)
{
    struct stat stat;
    int fd = -1;
    mc_code rc = open_object(user, key, &fd, err);

    if (rc != MC_OK)
        return rc;
    if (fstat(fd, &stat) != 0)
        rc = mc_fail_errno(err, MC_IO, errno, "storage");
    else
        *out_size = (uint64_t)stat.st_size;
    (void)close(fd);
    return rc;
}

static mc_code folder_remove(void *user, mc_str key, mc_err *err)
{
    const folder *self = user;
    char path[PATH_BYTES];
    mc_code rc = path_of(key, path, err);

    if (rc == MC_OK && unlinkat(self->fd, path, 0) != 0 && errno != ENOENT)
        rc = mc_fail_errno(err, MC_IO, errno, "storage");
    return rc;
}

static void folder_free(void *user)
{
    folder *self = user;

    (void)close(self->fd);
    free(self);
}

static const mc_storage_vt folder_vt = {.struct_size = sizeof(folder_vt),
                                        .put = folder_put,
                                        .read = folder_read,
                                        .stat = folder_stat,
                                        .remove = folder_remove,
                                        .free = folder_free};

mc_code mc_storage_folder_new(mc_str path, mc_storage *out, mc_err *err)
{
    folder *self = calloc(1, sizeof(*self));
    char *z = strndup(path.ptr ? path.ptr : "", path.len);
    mc_code rc = MC_OK;

    if (!self || !z) {
        rc = mc_fail(err, MC_NO_MEMORY, "storage");
    } else if (mkdir(z, 0700) != 0 && errno != EEXIST) {
        rc = mc_fail_errno(err, MC_IO, errno, "storage: %s", z);
    } else {
        self->fd = open(z, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (self->fd < 0)
            rc = mc_fail_errno(err, MC_IO, errno, "storage: %s", z);
    }
    free(z);
    if (rc != MC_OK) {
        free(self);
        return rc;
    }
    *out = (mc_storage){&folder_vt, self};
    return MC_OK;
}

void mc_storage_free(mc_storage storage)
{
    if (storage.vt && storage.vt->free)
        storage.vt->free(storage.self);
}
