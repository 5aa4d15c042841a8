/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SERVER_SERVER_H
#define METACORE_SERVER_SERVER_H

/**
 * server: sockets to whole requests and back: an epoll loop per core, strict HTTP/1.1, TLS.
 *
 * It rejects instead of repairing: two lengths, folded headers, spaces before colons, control
 * bytes, unknown transfer codings, dripping clients. Deadlines are absolute, queues bounded.
 * A request reaches the handler whole, in an arena of its own, on the thread of the loop that
 * owns its connection; the answer may be given there at once or later from any thread.
 *
 * Not here: routes, envelopes, JSON (httpx), who asks (auth).
 * Threads:  mc_server is thread-safe; an exchange is one thread at a time, handed over whole.
 * Standard: RFC 9110, RFC 9112; TLS 1.2 and 1.3 by OpenSSL.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"

MC_BEGIN_DECLS

#define MC_HEADERS_MAX 100

typedef struct mc_server mc_server;
typedef struct mc_exchange mc_exchange;
typedef struct mc_socket mc_socket;   /* socket.h */
typedef struct mc_upgrade mc_upgrade; /* socket.h */

typedef struct mc_header {
    mc_str name;
    mc_str value;
} mc_header;

/** What was asked. All text points into the exchange's arena. */
typedef struct mc_message {
    mc_str method;            /* "GET"; case as sent, only token characters */
    mc_str target;            /* as sent: origin-form only */
    mc_str path;              /* the target up to '?', not decoded, starts with '/' */
    mc_str query;             /* after '?', not decoded; empty when none */
    const mc_header *headers; /* names lower-cased */
    size_t header_count;
    mc_str body;          /* empty when it is in a file */
    bool is_body_in_file; /* see mc_admission.to_file */
    int body_fd;          /* then: readable, at its start, closed with the exchange */
    uint64_t body_size;
    mc_str peer; /* the other side's address as text, without port */
    bool is_tls;
    bool is_head;
    bool is_1_0;
} mc_message;

/** The answer. The server adds Date, Content-Length and Connection. */
typedef struct mc_answer {
    int status;
    mc_header *headers; /* names as they are sent; values are checked for CR, LF and NUL */
    size_t header_count;
    mc_str body; /* points into the exchange's arena, or to memory that outlives the exchange */
    /* With status 101, after mc_upgrade_check: the connection becomes a socket. The server adds
     * the handshake's headers. In the exchange's arena. */
    const mc_upgrade *upgrade;
} mc_answer;

/** What the head of a request is allowed to bring; asked before its body is read. */
typedef struct mc_admission {
    size_t max_body_bytes; /* set to the server's default before the call */
    bool to_file; /* set: the body goes to an unlinked file instead of memory; see body_fd */
    /* Set status to refuse at once: the answer below is sent and the connection closed. */
    mc_answer refuse;
} mc_admission;

typedef struct mc_server_handler {
    /** Optional. On the loop's thread; the message has no body yet. */
    void (*on_head)(void *user, mc_exchange *x, mc_admission *admission);
    /** Required. On the loop's thread; answers now or later, once, by mc_exchange_answer. */
    void (*on_request)(void *user, mc_exchange *x);
    /**
     * Required. The body of an answer that the server itself gives (400, 408, 413, 431, 501, 503):
     * fills *out (status is set, message says why) with text in arena.
     */
    void (*on_refusal)(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out);
    /** Optional. On the loop's thread when all that had arrived at once has been handled: for work
     *  that is cheaper together, such as the writes of one commit. */
    void (*on_batch)(void *user, unsigned loop);
    /** Optional. In each loop's thread, once before and after its work: readers, caches. */
    mc_code (*loop_start)(void *user, unsigned loop, mc_err *err);
    void (*loop_stop)(void *user, unsigned loop);
    void *user;
} mc_server_handler;

/** Zero is "the default" in every field. */
typedef struct mc_server_config {
    uint32_t struct_size;
    mc_str listen;             /* "127.0.0.1:3000", "[::1]:0"; empty: 127.0.0.1:3000 */
    mc_str unix_path;          /* also listen on this socket, mode 0600; empty: no */
    mc_server_handler handler; /* on_request and on_refusal required; borrowed */
    unsigned loops;            /* 0: one per core */
    size_t max_head_bytes;     /* 0: 16 KiB */
    size_t max_body_bytes;     /* 0: 4 MiB */
    size_t arena_budget_bytes; /* of one exchange; 0: 64 MiB */
    unsigned max_connections;  /* 0: 10000 */
    int64_t head_timeout_ms;   /* absolute, from the first byte; 0: 10000 */
    int64_t body_timeout_ms;   /* absolute for the first 64 KiB, then a minimum rate of
                                  16 KiB/s; 0: 10000 */
    int64_t idle_timeout_ms;   /* between requests; 0: 75000 */
    int64_t write_timeout_ms;  /* without progress; 0: 30000 */
    int64_t heartbeat_ms;      /* of streams that have one; 0: 15000 */
    uint64_t write_rate_min;   /* bytes a second that a stream's client has to take, over each
                                  write_timeout_ms in which it is waited for; 0: 1024 */
    mc_str spool_dir;          /* where bodies of admission.to_file are; empty: the system's
                                  folder for temporary files */
    uint64_t spool_max_bytes;  /* of all of them together; 0: 2 GiB */
    mc_str tls_cert_file;      /* PEM chain; empty: no TLS */
    mc_str tls_key_file;
    mc_str server_name; /* the Server header; empty: none */
    mc_clock clock;
    size_t socket_message_bytes;     /* of a message that comes in; more is 1009; 0: 4096 */
    size_t socket_backlog_bytes;     /* queued for one socket; more is 1013; 0: 256 KiB */
    int64_t socket_ping_ms;          /* 0: 54000 */
    int64_t socket_silence_ms;       /* longer than the ping's: without a sign of life; 0: 60000 */
    int64_t socket_write_timeout_ms; /* without progress; 0: 10000 */
    /** Optional: on each loop's thread, about once a second. */
    void (*on_tick)(void *user, unsigned loop);
    void *on_tick_user;
} mc_server_config;
#define MC_SERVER_CONFIG .struct_size = sizeof(mc_server_config)

/** Binds and listens; answers nothing before start. Errors: INVALID, UNAVAILABLE (address taken).
 */
MC_API MC_MUST_USE mc_code mc_server_new(const mc_server_config *config, mc_server **out,
                                         mc_err *err);
/** Runs the loops in threads of their own and returns. */
MC_API MC_MUST_USE mc_code mc_server_start(mc_server *server, mc_err *err);
/** The port in use, for a config that said 0. */
MC_API unsigned mc_server_port(const mc_server *server);
/** Stops accepting, lets open requests finish for at most timeout_ms, says 1001 to sockets, a few
 * at a time so that not all come back at once, closes, joins the loops. */
MC_API void mc_server_stop(mc_server *server, int64_t timeout_ms);
/** Reads certificate and key again; on failure the old ones stay. */
MC_API MC_MUST_USE mc_code mc_server_reload_tls(mc_server *server, mc_err *err);
/** After stop, or before start. */
MC_API void mc_server_free(mc_server *server);

/** Counters since start, for /metrics; relaxed, so each is right but not all at one instant. */
typedef struct mc_server_stats {
    uint64_t connections_open;
    uint64_t connections_total;
    uint64_t requests_total;
    uint64_t refused_total;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t sockets_open;
    uint64_t streams_open; /* answers that are written piece by piece */
} mc_server_stats;
MC_API void mc_server_get_stats(const mc_server *server, mc_server_stats *out);

/* ---- one request and its answer ---- */

MC_API const mc_message *mc_exchange_message(const mc_exchange *x);
/** Lives until the answer is sent. */
MC_API mc_arena *mc_exchange_arena(mc_exchange *x);
/** A slot for the handler's own object. */
MC_API void *mc_exchange_user(const mc_exchange *x);
MC_API void mc_exchange_set_user(mc_exchange *x, void *user);
/** The loop that owns the connection, 0 …, for per-loop caches. */
MC_API unsigned mc_exchange_loop(const mc_exchange *x);
/** Whether the request came through the unix socket. */
MC_API bool mc_exchange_is_local(const mc_exchange *x);
/**
 * Ends the exchange: x is the server's again and must not be touched after.
 * Callable from any thread. A client that went away is not an error.
 */
MC_API void mc_exchange_answer(mc_exchange *x, const mc_answer *answer);

/**
 * Between the two, answers that this thread gives wake their loops once each, at release, instead
 * of one by one: for whoever has many answers at a time. A loop may sleep meanwhile, so release
 * soon, and always. Not nested; no effect on a loop's own thread.
 */
MC_API void mc_answers_hold(void);
MC_API void mc_answers_release(void);

/** The header's value, or empty; name in lower case. out_count (may be NULL): how often it came. */
MC_API mc_str mc_message_header(const mc_message *m, mc_str name, size_t *out_count);

MC_END_DECLS
#endif
