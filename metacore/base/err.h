/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_ERR_H
#define METACORE_BASE_ERR_H

/**
 * err: one error type, in the caller's storage, that works when memory is gone.
 *
 * A function that can fail returns an mc_code and takes an mc_err as its last parameter; on
 * failure it fills the error once and leaves its other outputs untouched. Callers pass both up
 * unchanged. httpx turns a code into a status, in one table.
 *
 * Threads: plain data.
 */

#include "metacore/base/base.h"

MC_BEGIN_DECLS

typedef enum mc_code {
    MC_OK = 0,
    MC_INVALID,         /* the request or argument is malformed: 400 */
    MC_UNAUTHENTICATED, /* nobody, or no longer somebody: 401 */
    MC_FORBIDDEN,       /* somebody without the capability: 403 */
    MC_NOT_FOUND,       /* absent, deleted, or another organization's: 404 */
    MC_CONFLICT,        /* unique value taken, version changed: 409 */
    MC_PRECONDITION,    /* If-Match did not hold: 412 */
    MC_TOO_LARGE,       /* larger than the limit that applies: 413 */
    MC_UNSUPPORTED,     /* a media type that is not understood: 415 */
    MC_REJECTED,        /* understood, and against the rules; see ctx.h for the fields: 422 */
    MC_TOO_MANY,        /* over the rate limit: 429 */
    MC_LIMIT,           /* a budget, queue or table of ours is full: 503 */
    MC_NOT_PROVIDED,    /* this build or configuration does not have it: 501 */
    MC_UNAVAILABLE,     /* a thing this depends on is away: 503 */
    MC_TIMEOUT,         /* the deadline passed: 504 */
    MC_NO_MEMORY,       /* this request's budget or the machine's memory ran out: 503 */
    MC_INTERRUPTED,     /* a bounded run went over its budget: run again without one */
    MC_IO,              /* the operating system or the disk said no: 500 */
    MC_INTERNAL,        /* our mistake: 500 */
    MC_CODE_COUNT
} mc_code;

typedef struct mc_err {
    mc_code code;  /* what the function also returned: programs switch on this */
    char msg[184]; /* one line for people: names the thing, never a secret */
} mc_err;

/** Fills *err (which may be NULL) and returns code. Truncates msg at a whole UTF-8 character. */
MC_API mc_code mc_fail(mc_err *err, mc_code code, const char *fmt, ...) MC_PRINTF(3, 4);

/** Like mc_fail, and appends ": <strerror(os_errno)>". */
MC_API mc_code mc_fail_errno(mc_err *err, mc_code code, int os_errno, const char *fmt, ...)
    MC_PRINTF(4, 5);

/** The code's name in lower case with underscores: "not_found". Never NULL. */
MC_API const char *mc_code_name(mc_code code);

MC_END_DECLS
#endif
