/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_GZIP_H
#define METACORE_HOST_GZIP_H

/* A body in the gzip format (RFC 1952), by zlib; of host only. */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

/** out is in arena. Errors: NO_MEMORY; TOO_LARGE: 4 GiB and more. */
MC_MUST_USE mc_code mc__gzip(mc_arena *arena, mc_str plain, mc_str *out, mc_err *err);

#endif
