/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/data_dir.h"

#include "metacore/base/buf.h"
#include "metacore/base/encode.h"
#include "metacore/base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES 32
#define SECRET_TEXT_MAX 256

/* mkdir -p, with the last folder readable by its owner only. */
static mc_code make_folders(char *path, mc_err *err)
{
    for (char *at = path + 1;; at++) {
        char was = *at;

        if (was != '/' && was != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, was == '\0' ? 0700 : 0755) != 0 && errno != EEXIST)
            return mc_fail_errno(err, MC_IO, errno, "data directory %s", path);
        *at = was;
        if (was == '\0')
            return MC_OK;
    }
}

mc_code mc_data_dir_open(mc_data_dir *self, mc_str path, mc_err *err)
{
    char lock[MC_DATA_DIR_PATH_MAX];
    mc_code rc;

    self->lock_fd = -1;
    if (path.len == 0 || path.len + 32 > sizeof(self->path))
        return mc_fail(err, MC_INVALID, "data directory: the path is empty or too long");
    (void)snprintf(self->path, sizeof(self->path), "%.*s", MC_FMT(path)); /* fits: checked */
    rc = make_folders(self->path, err);
    if (rc == MC_OK)
        rc = mc_data_dir_file(self, "metacore.lock", lock, err);
    if (rc != MC_OK)
        return rc;
    self->lock_fd = open(lock, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (self->lock_fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "data directory: %s", lock);
    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return MC_OK;
    rc = errno == EWOULDBLOCK ? mc_fail(err, MC_UNAVAILABLE,
                                        "data directory %s: another process uses it", self->path)
                              : mc_fail_errno(err, MC_IO, errno, "data directory: %s", lock);
    mc_data_dir_close(self);
    return rc;
}

void mc_data_dir_close(mc_data_dir *self)
{
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd); /* drops the lock; nothing was written */
    self->lock_fd = -1;
}

mc_code mc_data_dir_file(const mc_data_dir *self, const char *name, char out[MC_DATA_DIR_PATH_MAX],
                         mc_err *err)
{
    int n = snprintf(out, MC_DATA_DIR_PATH_MAX, "%s/%s", self->path, name);

    if (n < 0 || n >= MC_DATA_DIR_PATH_MAX)
        return mc_fail(err, MC_INVALID, "data directory: the path of %s is too long", name);
    return MC_OK;
}

static mc_code read_secret(const char *path, mc_secret *out, mc_err *err)
{
    char text[SECRET_TEXT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    mc_code rc;

    if (fd < 0)
        return errno == ENOENT ? MC_NOT_FOUND
                               : mc_fail_errno(err, MC_IO, errno, "secret: %s", path);
    got = read(fd, text, sizeof(text));
    (void)close(fd); /* read only */
    if (got < MC_JWT_SECRET_MIN)
        return mc_fail(err, MC_INVALID,
                       "secret: %s is shorter than %d bytes; remove it to make "
                       "a new one",
                       path, MC_JWT_SECRET_MIN);
    rc = mc_secret_init(out, mc_str_trim(mc_str_of(text, (size_t)got)), err);
    mc_wipe(text, sizeof(text));
    return rc;
}

/* Written beside and renamed, so that a crash leaves no half of a secret. */
static mc_code write_secret(const char *path, mc_str text, mc_err *err)
{
    char beside[MC_DATA_DIR_PATH_MAX + 8];
    int fd;
    bool is_written;

    (void)snprintf(beside, sizeof(beside), "%s.new", path); /* fits by its size */
    fd = open(beside, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "secret: %s", beside);
    is_written = write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0;
    is_written = close(fd) == 0 && is_written;
    if (!is_written || rename(beside, path) != 0)
        return mc_fail_errno(err, MC_IO, errno, "secret: %s", path);
    return MC_OK;
}

mc_code mc_data_dir_secret(const mc_data_dir *self, const char *name, bool may_make, mc_secret *out,
                           mc_err *err)
{
    char path[MC_DATA_DIR_PATH_MAX];
    unsigned char bytes[SECRET_BYTES];
    mc_buf text;
    mc_code rc = mc_data_dir_file(self, name, path, err);

    if (rc != MC_OK)
        return rc;
    rc = read_secret(path, out, err);
    if (rc != MC_NOT_FOUND || !may_make)
        return rc;
    mc_buf_init(&text, 0);
    rc = mc_random_bytes(bytes, sizeof(bytes), err);
    if (rc == MC_OK) {
        mc_hex_write(&text, mc_str_of((const char *)bytes, sizeof(bytes)));
        rc = mc_buf_check(&text, "secret", err);
    }
    if (rc == MC_OK)
        rc = write_secret(path, mc_buf_get(&text), err);
    if (rc == MC_OK)
        rc = mc_secret_init(out, mc_buf_get(&text), err);
    mc_wipe(bytes, sizeof(bytes));
    if (text.ptr)
        mc_wipe(text.ptr, text.len);
    mc_buf_deinit(&text);
    return rc;
}
