/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/random.h"

#include <errno.h>
#include <sys/random.h>

mc_code mc_random_bytes(void *out, size_t n, mc_err *err)
{
    unsigned char *at = out;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return mc_fail_errno(err, MC_IO, errno, "random bytes");
        at += got;
        n -= (size_t)got;
    }
    return MC_OK;
}
