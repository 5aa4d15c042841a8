/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are too large for memory: in a file that has no name, so that nothing is left of it
 * whatever happens. */
#include "metacore/server/server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIR_DEFAULT "/tmp"

/* For file systems without O_TMPFILE. */
static int open_and_unlink(const char *dir)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/.spool-XXXXXX", dir), fd;

    if (len < 0 || (size_t)len >= sizeof(path))
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path); /* ours alone: a name that stays is only untidy */
    return fd;
}

bool mc__spool_open(mc_exchange *x)
{
    const mc_server_config *config = &x->loop->server->config;
    char *dir = mc_str_z(x->arena, config->spool_dir.len ? config->spool_dir : MC_STR(DIR_DEFAULT));

    if (!dir || atomic_load_explicit(&x->loop->server->spooled, memory_order_relaxed) >=
                    config->spool_max_bytes)
        return false;
    x->spool_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (x->spool_fd < 0)
        x->spool_fd = open_and_unlink(dir);
    return x->spool_fd >= 0;
}

bool mc__spool_write(mc_exchange *x)
{
    mc_server *server = x->loop->server;
    mc_str rest = mc_buf_get(&x->body);
    /* Relaxed: the cap is against many large bodies, a few bytes over it are no harm. */
    uint64_t all =
        atomic_fetch_add_explicit(&server->spooled, rest.len, memory_order_relaxed) + rest.len;

    mc_buf_clear(&x->body);
    if (all > server->config.spool_max_bytes)
        return false;
    while (rest.len > 0) {
        ssize_t n = write(x->spool_fd, rest.ptr, rest.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        rest = mc_str_slice(rest, (size_t)n, rest.len);
    }
    return true;
}

void mc__spool_rewind(mc_exchange *x)
{
    (void)lseek(x->spool_fd, 0, SEEK_SET); /* cannot fail on a file of ours */
}

void mc__spool_close(mc_exchange *x)
{
    if (x->spool_fd < 0)
        return;
    (void)close(x->spool_fd);
    x->spool_fd = -1;
    atomic_fetch_sub_explicit(&x->loop->server->spooled, x->body_got, memory_order_relaxed);
}
