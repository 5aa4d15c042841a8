/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HTTPX_HTTPX_H
#define METACORE_HTTPX_HTTPX_H

/**
 * httpx: routes, requests, responses and the envelope; it knows no socket.
 *
 * A handler is plain synchronous C: it reads the request, calls a service, writes the response or
 * returns a code, which becomes a status and the error envelope in one table (mc_http_status).
 * A route says how much work it is (mc_http_run); whoever runs it (host) chooses the thread and
 * the connection in ctx->conn. A route may split its work: `prepare` parses and checks away from
 * the writer, `handle` does what must be in the transaction.
 *
 * Paths are matched without ASCII case, one trailing slash is tolerated, ":name" takes one segment
 * as sent, "*" the rest; a literal wins over ":name". HEAD is served by GET. A path that matches
 * with another method only is 405 with Allow.
 *
 * Not here: sockets (server), who asks (auth), threads (host).
 * Threads:  a router is immutable once frozen; a request is one thread at a time.
 * Standard: RFC 9110.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/sink.h"
#include "metacore/base/str.h"
#include "metacore/server/server.h"
#include "metacore/server/stream.h"

MC_BEGIN_DECLS

#define MC_HTTP_PARAMS_MAX 8
#define MC_HTTP_QUERY_MAX 128      /* pairs; more is 400 */
#define MC_HTTP_REQUEST_ID_MAX 128 /* bytes of a caller's X-Request-ID */
#define MC_HTTP_PARTS_MAX 128      /* parts of one multipart body; more is 400 */
#define MC_HTTP_PART_HEAD_MAX 4096 /* bytes of one part's headers; more is 400 */

typedef struct mc_http_req mc_http_req;
typedef struct mc_http_res mc_http_res;
typedef struct mc_http_router mc_http_router;

/** What a route's work costs, and so where it runs. */
typedef enum mc_http_run {
    MC_HTTP_READ = 1, /* bounded: on the loop, read-only connection, a budget of 2 ms; on
                         MC_INTERRUPTED it is run again in the pool */
    MC_HTTP_WRITE,    /* handle on the database's writer, answered after the commit */
    MC_HTTP_POOL,     /* may take long: a pool thread with a read-only connection */
    MC_HTTP_LONG      /* may take minutes (exports, imports, files): a thread of a pool of its own,
                         of which one organization gets half at most; the only one that may
                         stream */
} mc_http_run;

enum {
    MC_HTTP_PUBLIC = 1 << 0,      /* no token needed */
    MC_HTTP_NO_ORG = 1 << 1,      /* a user without organization may call it */
    MC_HTTP_NO_STORE = 1 << 2,    /* the response carries tokens: Cache-Control: no-store */
    MC_HTTP_LOCAL = 1 << 3,       /* only through the unix socket; elsewhere it does not exist */
    MC_HTTP_QUERY_TOKEN = 1 << 4, /* "?token=" counts too: WebSockets and downloads, which cannot
                                     set a header */
    MC_HTTP_BODY_FILE = 1 << 5,   /* the body comes in a file (mc_http_body_open); strangers are
                                     refused before it is read */
    MC_HTTP_OPTIONAL = 1 << 6,    /* no token needed, but one that is sent must be good: the handler
                                     asks mc_ctx_is_anonymous */
    MC_HTTP_ACCESS_TOKEN = 1 << 7 /* "?access_token=" counts too: event streams of pages */
};

typedef mc_code (*mc_http_fn)(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);

typedef struct mc_http_route {
    const char *method;  /* "GET" */
    const char *pattern; /* "/dynamic/:model/:id" */
    mc_http_run run;
    uint32_t flags;
    mc_http_fn prepare;    /* NULL: none. Not on the writer; its failure is the answer */
    mc_http_fn handle;     /* required */
    void *user;            /* borrowed by both */
    size_t max_body_bytes; /* 0: the server's */
} mc_http_route;

/* ---- router ---- */

MC_API MC_MUST_USE mc_code mc_http_router_new(mc_http_router **out, mc_err *err);
MC_API void mc_http_router_free(mc_http_router *router);
/** Copies route. prefix ("/api" or "") goes before the pattern.
 *  INVALID: malformed, or a method that is none of RFC 9110's. CONFLICT: the same path twice. */
MC_API MC_MUST_USE mc_code mc_http_router_add(mc_http_router *router, mc_str prefix,
                                              const mc_http_route *route, mc_err *err);
MC_API MC_MUST_USE mc_code mc_http_router_add_all(mc_http_router *router, mc_str prefix,
                                                  const mc_http_route *routes, size_t count,
                                                  mc_err *err);

typedef struct mc_http_match {
    const mc_http_route *route; /* NULL: no such path, or not with this method */
    mc_str pattern;             /* with prefix, for metrics: bounded in number */
    mc_str param_names[MC_HTTP_PARAMS_MAX];
    mc_str param_values[MC_HTTP_PARAMS_MAX];
    size_t param_count;
    mc_str allow; /* with route NULL: the methods that would match, "GET, HEAD"; empty: 404 */
} mc_http_match;

/** Never fails; no allocation but allow's, from arena. */
MC_API void mc_http_router_find(const mc_http_router *router, mc_str method, mc_str path,
                                mc_arena *arena, mc_http_match *out);

/* ---- request ---- */

struct mc_http_req {
    const mc_message *message;
    mc_http_match match;
    mc_ctx ctx;                   /* arena, identity, connection */
    bool is_local;                /* came through the unix socket */
    void *state;                  /* from prepare to handle */
    const mc_header *query_pairs; /* decoded by the first mc_http_query; see there */
    size_t query_count;
    bool is_query_parsed;
};

static inline mc_ctx *mc_http_ctx(mc_http_req *req)
{
    return &req->ctx;
}

/** Prepares req over a message; everything lives in arena. */
MC_API void mc_http_req_init(mc_http_req *req, const mc_message *message, mc_arena *arena);
/** A path parameter as sent; empty when the pattern has none of that name. */
MC_API mc_str mc_http_param(const mc_http_req *req, mc_str name);
/** A path parameter as UUID. Errors: INVALID "invalid id". */
MC_API MC_MUST_USE mc_code mc_http_param_uuid(const mc_http_req *req, mc_str name, mc_uuid *out,
                                              mc_err *err);
/** The last header of that (lower-case) name, or empty. */
MC_API mc_str mc_http_header(const mc_http_req *req, mc_str name);
/**
 * The request's id, also put into ctx.request_id: the caller's X-Request-ID when that is
 * 1..MC_HTTP_REQUEST_ID_MAX characters of [A-Za-z0-9._-], else a new UUID. Never empty.
 */
MC_API mc_str mc_http_request_id(mc_http_req *req);
/** Fills ctx.trace: the caller's traceparent and tracestate when they are good, else a trace that
 *  begins here, and a span of ours in it. Stays empty without random bytes. */
MC_API void mc_http_trace(mc_http_req *req);

/** Who asks. Errors: UNAUTHENTICATED "httpx: user context not found". */
MC_API MC_MUST_USE mc_code mc_http_user_id(const mc_http_req *req, mc_uuid *out, mc_err *err);
/** For which organization. Errors: "httpx: organization context not found", UNAUTHENTICATED when
 *  nobody asks, FORBIDDEN when somebody without an organization does. */
MC_API MC_MUST_USE mc_code mc_http_org_id(const mc_http_req *req, mc_uuid *out, mc_err *err);

/**
 * Decodes the query once: form rules, '+' is a space, pairs in order.
 * Errors  INVALID: bad escape ('invalid URL escape "%zz"'), ';', invalid UTF-8, NUL, too many.
 */
MC_API MC_MUST_USE mc_code mc_http_query_parse(mc_http_req *req, mc_err *err);
/** After a successful parse: the first non-empty value of name, or empty. */
MC_API mc_str mc_http_query(const mc_http_req *req, mc_str name);

/**
 * The body as a JSON object.
 *
 * Errors  UNSUPPORTED: Content-Type is not application/json or …+json (also when absent).
 *         INVALID bad_message: no JSON, or not an object.
 */
MC_API MC_MUST_USE mc_code mc_http_body_object(mc_http_req *req, const char *bad_message,
                                               const mc_json **out, mc_err *err);
/** Any JSON value; is_optional: an empty body gives *out NULL. */
MC_API MC_MUST_USE mc_code mc_http_body_json(mc_http_req *req, bool is_optional,
                                             const char *bad_message, const mc_json **out,
                                             mc_err *err);

/** One part of multipart/form-data, pointing into the body. */
typedef struct mc_http_part {
    mc_str name;
    mc_str filename; /* empty: a plain field */
    mc_str content_type;
    mc_str data;
} mc_http_part;

/**
 * All parts of a multipart/form-data body, in order. Strict: no preamble, CRLF line ends, no
 * folded or repeated headers, the closing delimiter present, names valid UTF-8 without controls.
 *
 * content_type  the header's value, with the boundary
 * out_parts     in arena; data and most names point into body
 * Errors        UNSUPPORTED: not multipart/form-data. INVALID: malformed, too many parts.
 */
MC_API MC_MUST_USE mc_code mc_http_multipart_parse(mc_arena *arena, mc_str content_type,
                                                   mc_str body, const mc_http_part **out_parts,
                                                   size_t *out_count, mc_err *err);
/** The first part called name. Errors: UNSUPPORTED: not multipart. INVALID. NOT_FOUND. */
MC_API MC_MUST_USE mc_code mc_http_body_part(mc_http_req *req, mc_str name, mc_http_part *out,
                                             mc_err *err);

/** A body as text, wherever it is. */
typedef struct mc_http_body {
    mc_str text;
    void *map; /* the mapping, or NULL */
} mc_http_body;

/** The whole body; of a route with MC_HTTP_BODY_FILE its file, mapped: pages come and go with what
 *  is read. Errors: IO, NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_http_body_open(const mc_http_req *req, mc_http_body *out,
                                             mc_err *err);
/** What was read up to offset is not needed any more; the memory may go. */
MC_API void mc_http_body_forget(const mc_http_body *body, size_t offset);
MC_API void mc_http_body_close(mc_http_body *body);
/** As mc_http_body_part, on an opened body. Errors: the same. */
MC_API MC_MUST_USE mc_code mc_http_body_find_part(mc_http_req *req, const mc_http_body *body,
                                                  mc_str name, mc_http_part *out, mc_err *err);

/* ---- response ---- */

#define MC_HTTP_RES_HEADERS_MAX 24

/** Writes an answer's body piece by piece, after the handler has returned and on its thread. A
 *  failure before the first bytes have left is answered as one; after that the connection breaks.
 */
typedef mc_code (*mc_http_stream_fn)(mc_http_req *req, mc_sink out, void *user, mc_err *err);

/** An answer that stays open and is written to later, by who takes it over: server-sent events. */
typedef struct mc_http_push {
    mc_stream_config config;
    /** Once, on the request's thread: stream is user's from now on, on any thread. */
    void (*opened)(void *user, mc_stream *stream);
    /** Instead of opened, when there will be no stream: a HEAD request, no memory. */
    void (*failed)(void *user);
    void *user;
} mc_http_push;

struct mc_http_res {
    int status; /* 0: nothing was written yet */
    mc_header headers[MC_HTTP_RES_HEADERS_MAX];
    size_t header_count;
    mc_buf body;              /* in the request's arena */
    mc_code header_code;      /* MC_OK, or why a header was dropped; see mc_http_res_finish */
    mc_http_stream_fn stream; /* NULL: body is all */
    void *stream_user;
    bool has_length;
    uint64_t length;
    const mc_upgrade *upgrade; /* with status 101, see socket.h; else NULL */
    const mc_http_push *push;  /* in the request's arena; NULL: body is all */
};

MC_API void mc_http_res_init(mc_http_res *res, mc_arena *arena);
/** Sets or replaces; name is borrowed (a literal), value copied. A value with CR, LF or NUL, or one
 *  header too many, is dropped and makes mc_http_res_finish fail: such text is our mistake. */
MC_API void mc_http_res_header(mc_http_res *res, mc_str name, mc_str value);
/** The header as set, without regard to case, or empty. */
MC_API mc_str mc_http_res_get_header(const mc_http_res *res, mc_str name);
/** After the handler: INTERNAL if a header was dropped or no status set, NO_MEMORY or TOO_LARGE if
 *  the body did not fit. The failure is answered with mc_http_error. */
MC_API MC_MUST_USE mc_code mc_http_res_finish(const mc_http_res *res, mc_err *err);

/**
 * Envelope writers. Keys come in byte order: data, message, meta, success.
 *   out = mc_http_ok_begin(res, 200);  … data's JSON onto out …  mc_http_ok_end(res, meta, err)
 * gives {"data":…,"meta":…,"success":true}; meta is JSON text, or empty for none.
 */
MC_API mc_buf *mc_http_ok_begin(mc_http_res *res, int status);
MC_API MC_MUST_USE mc_code mc_http_ok_end(mc_http_res *res, mc_str meta_json, mc_err *err);
/** {"message":"…","success":true} or, with an empty message, {"success":true}. */
MC_API MC_MUST_USE mc_code mc_http_ok_message(mc_http_res *res, int status, mc_str message,
                                              mc_err *err);
/** A body of another type, copied or built by the caller onto &res->body. */
MC_API void mc_http_content_type(mc_http_res *res, mc_str type);

/** The body is what fn writes; of a route that is MC_HTTP_LONG. HEAD does not run it. */
MC_API void mc_http_res_stream(mc_http_res *res, mc_http_stream_fn fn, void *user);
/** The stream will be exactly so long. */
MC_API void mc_http_res_stream_length(mc_http_res *res, uint64_t length);

/** The one table from code to status. */
MC_API int mc_http_status(mc_code code);

/**
 * Replaces whatever stands in res by the error envelope:
 *   {"error":{"code":…,"message":…},"errors":{field:[{"code":…,"message":…,"params":…}]},
 *    "message":…,"meta":…,"success":false}
 * errors only when ctx has field errors, error and meta only when it names them. INTERNAL, IO,
 * NO_MEMORY and INTERRUPTED show no detail of ours but "Internal server error (request <id>)",
 * UNAVAILABLE "Service unavailable (request <id>)"; the caller logs err. LIMIT, UNAVAILABLE,
 * NO_MEMORY, INTERRUPTED and TOO_MANY add Retry-After: ctx's retry_after_s, or 1. UNAUTHENTICATED
 * adds WWW-Authenticate. Of the headers set before, those stay that say who may read the answer
 * (CORS, Vary) or name the request.
 */
MC_API void mc_http_error(mc_http_res *res, const mc_ctx *ctx, const mc_err *err);
/** What its message says, in English; err's text, or in ctx's arena. */
MC_API mc_str mc_http_error_message(const mc_ctx *ctx, const mc_err *err);
/** The same envelope with message in its place: in another language. */
MC_API void mc_http_error_as(mc_http_res *res, const mc_ctx *ctx, const mc_err *err,
                             mc_str message);
/** The same envelope with a status that has no code of its own: 405, or what the server refuses. */
MC_API void mc_http_error_status(mc_http_res *res, int status, mc_str message);
/** The answer when req->match has no route: 404 "Not Found", or 405 "Method Not Allowed" with
 * Allow; plain text as the contract has it, the envelope for whoever accepts JSON by name. */
MC_API void mc_http_no_route(mc_http_res *res, const mc_http_req *req);
/**
 * What every answer of the API carries, last of all: X-Content-Type-Options, X-Request-ID, and
 * Cache-Control unless the handler chose one (no-store for MC_HTTP_NO_STORE, else private,
 * no-cache: revalidate by ETag).
 */
MC_API void mc_http_res_seal(mc_http_res *res, const mc_http_req *req);

/** The answer for the server; borrows res and its arena. */
MC_API mc_answer mc_http_res_answer(const mc_http_res *res);

/* ---- versions of a resource (RFC 9110 section 13) ---- */

/**
 * Whether etag is in the list of If-None-Match or If-Match, or the list is "*". A malformed list
 * matches nothing.
 *
 * etag     quoted as sent: "\"7\"" or "W/\"7\""; empty: there is no current version
 * is_weak  If-None-Match compares weakly; If-Match does not
 */
MC_API bool mc_http_etag_matches(mc_str list, mc_str etag, bool is_weak);
/** Sets ETag; true when a GET or HEAD brought a matching If-None-Match: res is a 304 then. */
MC_API bool mc_http_not_modified(const mc_http_req *req, mc_http_res *res, mc_str etag);
/** If-Match holds, or was not sent. Errors: PRECONDITION. */
MC_API MC_MUST_USE mc_code mc_http_check_if_match(const mc_http_req *req, mc_str etag, mc_err *err);

/* ---- parts of a resource (RFC 9110 section 14) ---- */

typedef struct mc_http_range {
    uint64_t first;
    uint64_t length;
} mc_http_range;

typedef enum mc_http_range_kind {
    MC_HTTP_RANGE_WHOLE,        /* none was asked for, or nothing that is understood: 200 */
    MC_HTTP_RANGE_PART,         /* 206 */
    MC_HTTP_RANGE_UNSATISFIABLE /* 416 */
} mc_http_range_kind;

/** One byte range of a resource of size; several at once are answered with the whole. */
MC_API mc_http_range_kind mc_http_range_parse(mc_str header, uint64_t size, mc_http_range *out);
/** What req asks for: its Range, unless If-Range names another version than etag. */
MC_API mc_http_range_kind mc_http_range_of(const mc_http_req *req, uint64_t size, mc_str etag,
                                           mc_http_range *out);

/* ---- pages of other origins (Fetch standard, section 3.2) ---- */

/** Off unless origins are named. Tokens travel in a header, never in cookies: no credentials mode.
 */
typedef struct mc_http_cors {
    mc_strs origins;   /* as browsers send them: "https://app.example.com"; "*": every one */
    int64_t max_age_s; /* of a preflight's answer; 0: 600 */
} mc_http_cors;

/** True when the request was a preflight: res is its whole answer, 204, before routing and auth. */
MC_API bool mc_http_cors_preflight(const mc_http_cors *cors, const mc_http_req *req,
                                   mc_http_res *res);
/** Adds what an allowed origin's page needs to read res; errors too. */
MC_API void mc_http_cors_apply(const mc_http_cors *cors, const mc_http_req *req, mc_http_res *res);

MC_END_DECLS
#endif
