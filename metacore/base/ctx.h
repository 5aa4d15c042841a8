/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_CTX_H
#define METACORE_BASE_CTX_H

/**
 * ctx: who asks, for which organization, with what memory, until when.
 *
 * One per request, job or command; every service call takes one. It carries identity, never
 * configuration: services get those at birth.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"

MC_BEGIN_DECLS

#define MC_FIELD_ERRORS_MAX 64

struct mc_db_conn;           /* db.h */
struct mc_dynamic_questions; /* dynamic.h */

/** Who asks. All zero: nobody. Strings are borrowed from the ctx's arena or longer-lived. */
typedef struct mc_principal {
    mc_uuid user_id;
    mc_uuid org_id;
    mc_uuid session_id; /* the sign-in this token came from */
    mc_str role;
    mc_str email;
    mc_time token_expires_at; /* of the token that was shown; 0: there was none */
} mc_principal;

/** One rule that one field broke; printed as errors: {field: [{code, params}]}. */
typedef struct mc_field_error {
    mc_str field;
    mc_str code;    /* required, invalid_type, invalid_option, min, max, regex, email, … */
    mc_str params;  /* a JSON object's text, or empty */
    mc_str message; /* a sentence for people */
} mc_field_error;

#define MC_TRACE_SAMPLED 1

/** Which call of whom this belongs to (obs/trace.h). All zero: none. */
typedef struct mc_trace {
    unsigned char trace_id[16];
    unsigned char span_id[8];   /* this piece of work's */
    unsigned char parent_id[8]; /* the caller's; zero: the trace begins here */
    unsigned char flags;        /* MC_TRACE_SAMPLED: somebody keeps it */
    mc_str state;               /* the caller's tracestate, to be passed on */
} mc_trace;

typedef struct mc_ctx {
    mc_arena *arena;
    struct mc_db_conn *conn; /* the session this runs on; bound by whoever runs it; may be NULL */
    mc_principal who;
    mc_str request_id;
    mc_trace trace;
    mc_str lang;                  /* a supported language tag, "" before negotiation */
    mc_time now;                  /* the request's one idea of now */
    int64_t deadline_us;          /* monotonic; 0: none */
    mc_field_error *field_errors; /* MC_FIELD_ERRORS_MAX slots once the first is added */
    size_t field_error_count;
    int64_t retry_after_s; /* with TOO_MANY, LIMIT, UNAVAILABLE: when to try again; 0: 1 */
    /* What a failure's answer says beside its message; empty: nothing. */
    mc_str failure_code;                    /* a word for programs: error: {code, message} */
    mc_str failure_meta;                    /* a JSON object's text: meta */
    struct mc_dynamic_questions *questions; /* what has to be decided before it is written */
    bool is_alone;  /* conn's transaction is nobody else's, and may take a little */
    unsigned depth; /* hooks of addons that led here, each called by what the one before wrote */
    /* The message of a failure that is nobody's who asked (500) is for him all the same: it comes
     * from an addon, whose author reads it. Else such a message is only logged. */
    bool failure_is_told;
} mc_ctx;

/** No user or no organization: may not touch anybody's data. */
static inline bool mc_ctx_is_anonymous(const mc_ctx *ctx)
{
    return mc_uuid_is_nil(ctx->who.user_id) || mc_uuid_is_nil(ctx->who.org_id);
}

/**
 * Notes that field broke a rule; strings are copied into the arena. Past MC_FIELD_ERRORS_MAX the
 * rest is dropped: the answer is a refusal either way. params_json may be empty.
 */
MC_API void mc_ctx_field_error(mc_ctx *ctx, mc_str field, mc_str code, mc_str params_json,
                               const char *fmt, ...) MC_PRINTF(5, 6);

MC_END_DECLS
#endif
