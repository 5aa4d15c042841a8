/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/secret.h"

#include <stdlib.h>

void mc_wipe(void *ptr, size_t len)
{
    if (len)
        explicit_bzero(ptr, len);
}

mc_code mc_secret_init(mc_secret *self, mc_str bytes, mc_err *err)
{
    unsigned char *copy = malloc(bytes.len ? bytes.len : 1);

    if (!copy)
        return mc_fail(err, MC_NO_MEMORY, "secret");
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    self->ptr = copy;
    self->len = bytes.len;
    return MC_OK;
}

void mc_secret_deinit(mc_secret *self)
{
    if (self->ptr)
        mc_wipe(self->ptr, self->len);
    free(self->ptr);
    *self = (mc_secret){0};
}

mc_str mc_secret_get(const mc_secret *self)
{
    return mc_str_of((const char *)self->ptr, self->len);
}
