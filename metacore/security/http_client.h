/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_HTTP_CLIENT_H
#define METACORE_SECURITY_HTTP_CLIENT_H

/**
 * http_client: the one way out: HTTP requests of ours and of addons, guarded.
 *
 * Each address is checked when it is connected to (egress.h), so that the one checked is the one
 * used. Redirects are never followed: a 3xx is the answer. No proxy, no cookies, no other
 * protocols, certificates always verified. Bodies are capped, deadlines are for the whole call.
 *
 * Not here: who may call what (capability.h), retries (webhooks), signatures.
 * Threads:  thread-safe; a call blocks its thread, so it belongs into a pool.
 * Source:   libcurl, for TLS, HTTP/1.1 and HTTP/2 of servers that we know nothing about.
 */

#include "metacore/base/arena.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

typedef struct mc_http_client mc_http_client;

/** Zero is "the default" in every field. */
typedef struct mc_http_client_config {
    uint32_t struct_size;
    bool allow_private;    /* reach private addresses too: tests, and operators who mean it */
    unsigned max_idle;     /* handles kept with their connections; 0: 16 */
    mc_str user_agent;     /* empty: metacore; copied */
    mc_str ca_file;        /* PEM; empty: the system's; copied */
    int64_t timeout_ms;    /* of a call that names none; 0: 15000 */
    size_t max_body_bytes; /* of a response; 0: 1 MiB */
} mc_http_client_config;
#define MC_HTTP_CLIENT_CONFIG .struct_size = sizeof(mc_http_client_config)

typedef struct mc_http_pair {
    mc_str name;
    mc_str value;
} mc_http_pair;

typedef struct mc_http_call {
    mc_str method; /* empty: GET */
    mc_str url;
    const mc_http_pair *headers;
    size_t header_count;
    mc_str body;
    int64_t timeout_ms;    /* 0: the client's */
    size_t max_body_bytes; /* 0: the client's */
    const mc_trace *trace; /* passed on as traceparent and tracestate; NULL or empty: none */
} mc_http_call;

typedef struct mc_http_reply {
    int status;
    mc_str body; /* in arena */
    bool is_truncated;
    mc_str content_type; /* empty when none was sent */
    mc_str retry_after;  /* as sent, or empty */
    int64_t duration_us;
} mc_http_reply;

MC_API MC_MUST_USE mc_code mc_http_client_new(const mc_http_client_config *config,
                                              mc_http_client **out, mc_err *err);
/** No call may be under way. */
MC_API void mc_http_client_free(mc_http_client *client);

/**
 * One request and its answer, of any status.
 *
 * A body over the limit is cut there and said so; the rest is not read.
 * Errors  INVALID: the URL, method or a header. FORBIDDEN 'egress to "x" is blocked (SSRF guard)'.
 *         TIMEOUT. UNAVAILABLE: not resolved, refused, reset, bad certificate. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_http_client_call(mc_http_client *client, mc_arena *arena,
                                               const mc_http_call *call, mc_http_reply *out,
                                               mc_err *err);

/** Calls that are under way, and later ones, end within about a second with UNAVAILABLE: for a
 *  program that is about to go. Any thread. */
MC_API void mc_http_client_stop(mc_http_client *client);
MC_API bool mc_http_client_is_stopped(const mc_http_client *client);

MC_END_DECLS
#endif
