/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_DATA_DIR_H
#define METACORE_HOST_DATA_DIR_H

/**
 * data_dir: the folder that holds one metacore: database, lock, control socket, secret.
 *
 * One process at a time: the lock is flock(2)'s, so the kernel drops it with the process, however
 * that ended.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/err.h"
#include "metacore/base/secret.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_DATA_DIR_PATH_MAX 4096
#define MC_JWT_SECRET_MIN 32

typedef struct mc_data_dir {
    char path[MC_DATA_DIR_PATH_MAX];
    int lock_fd; /* -1: not held */
} mc_data_dir;

/**
 * Makes the folder when it is missing (mode 0700) and takes its lock.
 * Errors  UNAVAILABLE: another process holds it. IO. INVALID: the path is too long.
 */
MC_API MC_MUST_USE mc_code mc_data_dir_open(mc_data_dir *self, mc_str path, mc_err *err);
MC_API void mc_data_dir_close(mc_data_dir *self);

/** "<path>/<name>" into out. INVALID when it does not fit. */
MC_API MC_MUST_USE mc_code mc_data_dir_file(const mc_data_dir *self, const char *name,
                                            char out[MC_DATA_DIR_PATH_MAX], mc_err *err);

/** The secret that the folder keeps as name, 32 bytes in hexadecimal; when it is missing, made from
 *  random bytes (mode 0600) if may_make, else NOT_FOUND. */
MC_API MC_MUST_USE mc_code mc_data_dir_secret(const mc_data_dir *self, const char *name,
                                              bool may_make, mc_secret *out, mc_err *err);

MC_END_DECLS
#endif
