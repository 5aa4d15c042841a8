/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/err.h"

#include "metacore/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[MC_CODE_COUNT] = {
    [MC_OK] = "ok",
    [MC_INVALID] = "invalid",
    [MC_UNAUTHENTICATED] = "unauthenticated",
    [MC_FORBIDDEN] = "forbidden",
    [MC_NOT_FOUND] = "not_found",
    [MC_CONFLICT] = "conflict",
    [MC_PRECONDITION] = "precondition",
    [MC_TOO_LARGE] = "too_large",
    [MC_UNSUPPORTED] = "unsupported",
    [MC_REJECTED] = "rejected",
    [MC_TOO_MANY] = "too_many",
    [MC_LIMIT] = "limit",
    [MC_NOT_PROVIDED] = "not_provided",
    [MC_UNAVAILABLE] = "unavailable",
    [MC_TIMEOUT] = "timeout",
    [MC_NO_MEMORY] = "no_memory",
    [MC_INTERRUPTED] = "interrupted",
    [MC_IO] = "io",
    [MC_INTERNAL] = "internal",
};

const char *mc_code_name(mc_code code)
{
    return (unsigned)code < MC_CODE_COUNT ? names[code] : "unknown";
}

/* Cuts at a whole character: messages reach JSON, which must be UTF-8. */
static void cut(mc_err *err, int wanted)
{
    if (wanted >= (int)sizeof(err->msg)) {
        mc_str whole =
            mc_utf8_truncate(mc_str_of(err->msg, sizeof(err->msg) - 1), sizeof(err->msg) - 1);

        err->msg[whole.len] = '\0';
    }
}

mc_code mc_fail(mc_err *err, mc_code code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    cut(err, vsnprintf(err->msg, sizeof(err->msg), fmt, args));
    va_end(args);
    return code;
}

mc_code mc_fail_errno(mc_err *err, mc_code code, int os_errno, const char *fmt, ...)
{
    char why[96];
    va_list args;
    size_t len;

    if (!err)
        return code;
    err->code = code;
    va_start(args, fmt);
    cut(err, vsnprintf(err->msg, sizeof(err->msg), fmt, args));
    va_end(args);
    len = strlen(err->msg);
    cut(err, (int)len + snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
                                 strerror_r(os_errno, why, sizeof(why))));
    return code;
}
