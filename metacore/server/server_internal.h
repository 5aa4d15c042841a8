/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SERVER_SERVER_INTERNAL_H
#define METACORE_SERVER_SERVER_INTERNAL_H

#include "metacore/base/sync.h"
#include "metacore/server/http1_internal.h"
#include "metacore/server/server.h"
#include "metacore/server/ws_internal.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <sys/uio.h>

#define MC__READ_BYTES 65536
#define MC__LOOPS_MAX 64
#define MC__SOCKET_SLICE 500     /* sockets that are served before epoll is looked at again */
#define MC__TLS_JOIN_BYTES 16384 /* what fits one record is joined into one */

typedef struct mc__loop mc__loop;
typedef struct mc__conn mc__conn;

/* What a file descriptor in epoll is. */
typedef enum mc__source_kind {
    MC__SOURCE_LISTENER,
    MC__SOURCE_WAKE,
    MC__SOURCE_CONN
} mc__source_kind;

typedef struct mc__source {
    mc__source_kind kind;
    int fd;
} mc__source;

typedef enum mc__conn_state {
    MC__CONN_HANDSHAKE,
    MC__CONN_IDLE,      /* nothing of the next request has come */
    MC__CONN_HEAD,      /* part of its head */
    MC__CONN_BODY,      /* its head, and part of its body */
    MC__CONN_HANDLING,  /* the handler has it */
    MC__CONN_WRITING,   /* part of the answer is out */
    MC__CONN_STREAMING, /* its answer is a stream: stream.c */
    MC__CONN_SOCKET,    /* upgraded: see mc_socket */
    MC__CONN_LINGER,    /* answered and shut down: swallows what is still coming, so that the
                           answer is not lost to a reset (RFC 9112 section 9.6) */
    MC__CONN_CLOSED     /* freed after the batch of events */
} mc__conn_state;

/* One deadline class: connections in the order in which their time runs out. */
typedef struct mc__timers {
    mc__conn *first, *last;
} mc__timers;

enum {
    MC__TIMER_HEAD,
    MC__TIMER_BODY,
    MC__TIMER_IDLE,
    MC__TIMER_WRITE,
    MC__TIMER_LINGER,
    MC__TIMER_STREAM,
    MC__TIMER_PING,         /* a socket that is to be asked whether it is there */
    MC__TIMER_SILENCE,      /* a socket that was asked */
    MC__TIMER_SOCKET_WRITE, /* a socket that does not take what is queued */
    MC__TIMER_COUNT
};

struct mc__conn {
    mc__source source;
    mc__conn_state state;
    bool is_local;    /* came through the unix socket */
    bool is_reading;  /* EPOLLIN is asked for */
    bool is_flushing; /* EPOLLOUT is asked for */
    bool keep_alive;
    bool is_1_0;
    bool is_dispatching; /* inside on_request */
    bool is_processing;  /* inside process_input */
    bool wants_eof;      /* the other side has shut down its writing */
    signed char timer;   /* MC__TIMER_…, or -1 */
    mc__loop *loop;
    mc__conn *next, *prev; /* of all connections of the loop */
    mc__conn *timer_next, *timer_prev;
    int64_t deadline_us;
    int64_t body_started_us;
    SSL *ssl; /* NULL: plain */
    char *in; /* bytes of the next request, when some are waiting */
    size_t in_len, in_cap, in_scanned;
    mc_exchange *exchange;
    mc_socket *socket;   /* of MC__CONN_SOCKET and what follows it */
    struct iovec out[2]; /* what is left of the answer */
};

/* How far a stream's writer is. */
typedef enum mc__stream_end {
    MC__STREAM_OPEN,
    MC__STREAM_FINISHED,
    MC__STREAM_ABORTED
} mc__stream_end;

#define MC__SOCKET_QUEUE_INLINE 2

/* What a WebSocket has beyond its connection. */
struct mc_socket {
    mc__conn *conn;
    const mc_socket_handler *handler;
    void *user;
    mc_socket *dirty_next, *dirty_prev; /* of those with something to write in this turn */
    mc__ws_parser parser;
    mc_frame **queue; /* a ring; own until it is outgrown, and again when it is empty */
    mc_frame *own[MC__SOCKET_QUEUE_INLINE];
    uint32_t queue_first, queue_count, queue_cap;
    uint32_t sent; /* bytes of the first frame that are out */
    size_t backlog;
    uint16_t code;   /* what was sent or received first; 0: nothing yet */
    bool is_dirty;   /* in the loop's list */
    bool is_blocked; /* the other side does not take more */
    bool is_closing; /* our close frame is the queue's last, or out */
};

struct mc_exchange {
    mc_exchange *next;        /* in the free list or the inbox */
    mc_exchange *next_stream; /* in the loop's streams; guarded by its mu, as the next two */
    bool is_stream_posted;
    mc__stream_end stream_end;
    struct mc_stream *stream; /* NULL: answered whole */
    mc__loop *loop;
    mc__conn *conn; /* NULL: the client is gone; the loop thread's */
    mc_arena *arena;
    void *user;
    mc_message message;
    mc_header headers[MC_HEADERS_MAX];
    char peer[64];
    mc_buf body; /* heap: it grows while it comes */
    mc__chunked chunked;
    bool is_chunked;
    bool is_local;
    bool is_answered; /* synchronously, inside on_request */
    uint64_t body_left;
    uint64_t body_got;
    int spool_fd; /* the body's file, or -1 */
    mc_answer answer;
};

struct mc__loop {
    struct mc_server *server;
    unsigned number;
    pthread_t thread;
    bool is_started;
    int epoll_fd;
    mc__source wake;
    mc__source listeners[2];
    unsigned listener_count;
    mc__conn *conns;
    mc__conn *closed; /* to be freed after this batch */
    mc__timers timers[MC__TIMER_COUNT];
    int64_t now_us;
    int64_t date_s;
    char date[29];
    mc_exchange *free_exchanges;
    unsigned free_exchange_count;
    unsigned open_exchanges;       /* out with a handler */
    char *read_buf;                /* MC__READ_BYTES */
    int spare_fd;                  /* given up to accept and refuse when descriptors have run out */
    mc_socket *dirty, *dirty_last; /* sockets to write to at the end of this turn */
    unsigned socket_count;
    mc_task *tasks, *tasks_last; /* to run in this turn */
    int64_t ticked_us, goodbye_us;

    mc_mutex mu;
    mc_exchange *inbox;            /* answered elsewhere, newest first; guarded by mu */
    mc_exchange *streams;          /* with something new to send; guarded by mu */
    mc_task *posted, *posted_last; /* guarded by mu */
    bool is_woken;                 /* guarded by mu */
};

struct mc_server {
    mc_server_config config; /* defaults filled in; strings are text's */
    mc_arena *text;
    mc__loop loops[MC__LOOPS_MAX];
    unsigned loop_count;
    unsigned port;
    atomic_uint connections;
    atomic_bool is_stopping;
    atomic_llong stop_deadline_us;
    atomic_ullong spooled;  /* bytes of bodies in files now */
    _Atomic(SSL_CTX *) tls; /* replaced by reload; old ones live on in their connections */
    SSL_CTX **retired;      /* by reload; freed with the server */
    size_t retired_count;
    BIO_METHOD *bio_method;
    bool is_started;

    /* Counters; relaxed: each is right by itself. */
    atomic_ullong connections_total, requests_total, refused_total, bytes_in, bytes_out;
    atomic_ullong sockets_open, streams_open;
};

/* listen.c */
mc_code mc__listen_tcp(mc_str address, unsigned *port, int *out_fd, mc_err *err);
mc_code mc__listen_unix(mc_str path, int *out_fd, mc_err *err);

/* tls.c */
mc_code mc__tls_new(struct mc_server *server, SSL_CTX **out, mc_err *err);
/* Keeps an old context until the server is freed (without memory: for ever). */
void mc__tls_retire(struct mc_server *server, SSL_CTX *old);
mc_code mc__tls_attach(struct mc_server *server, mc__conn *conn);
BIO_METHOD *mc__tls_bio_method(void);

/* conn_io.c: -1: would block (interest is set), 0: over, else bytes */
ssize_t mc__conn_read(mc__conn *conn, char *out, size_t size);
ssize_t mc__conn_write(mc__conn *conn, struct iovec *iov, int count);
/* 1: done, 0: not yet, -1: failed */
int mc__conn_handshake(mc__conn *conn);

/* loop.c */
mc_code mc__loop_init(mc__loop *loop, struct mc_server *server, unsigned number, mc_err *err);
void mc__loop_deinit(mc__loop *loop);
void *mc__loop_main(void *loop);
void mc__loop_wake(mc__loop *loop);
/* As wake; between hold and release, at release. */
void mc__loop_wake_once(mc__loop *loop);
void mc__loop_post(mc_exchange *x); /* an answer from another thread */
void mc__loop_post_stream(mc_exchange *x, mc__stream_end end);
mc_str mc__loop_date(mc__loop *loop);
void mc__conn_set_interest(mc__conn *conn, bool is_reading, bool is_flushing);
/* Before its descriptor is closed: closing alone leaves epoll only when no forked process has it.
 */
void mc__loop_forget(mc__loop *loop, const mc__source *source);

/* timers.c */
void mc__timer_set(mc__conn *conn, int which, int64_t timeout_ms);
void mc__timer_clear(mc__conn *conn);
int64_t mc__timers_next_us(const mc__loop *loop); /* INT64_MAX: none */

/* conn.c */
mc__conn *mc__conn_new(mc__loop *loop, int fd, bool is_local);
void mc__conn_event(mc__conn *conn, uint32_t events);
void mc__conn_timeout(mc__conn *conn);
void mc__conn_close(mc__conn *conn);
/* x was answered: by its handler just now, or in the inbox. */
void mc__conn_answered(mc_exchange *x);
/* Shuts down writing and swallows what still comes, for a while. */
void mc__conn_linger(mc__conn *conn);

/* upgrade.c */
/* Makes x's answer the handshake's; 500 when that cannot be. */
void mc__upgrade_head(mc__conn *conn, mc_exchange *x);
/* The 101 is out: conn is a socket from now on, and its exchange is given back. */
void mc__upgrade_take(mc__conn *conn);

/* socket.c */
/* False: no memory; nothing has changed. */
bool mc__socket_open(mc__conn *conn, const mc_upgrade *upgrade);
void mc__socket_event(mc__conn *conn, uint32_t events);
/* Bytes that came with the handshake. */
void mc__socket_feed(mc__conn *conn, char *bytes, size_t len);
void mc__socket_timeout(mc__conn *conn);
/* The connection is closed: tells the handler and frees the socket. */
void mc__socket_gone(mc_socket *socket);

/* socket_queue.c */
/* Writes to at most MC__SOCKET_SLICE of the loop's dirty sockets. */
void mc__sockets_flush(mc__loop *loop);
void mc__socket_flush(mc_socket *socket);
void mc__socket_queue_deinit(mc_socket *socket);
/* Queues a control frame, which is taken; NULL (no memory) breaks the socket at its next write. */
void mc__socket_queue(mc_socket *socket, mc_frame *frame);
/* Forgets what is queued and not begun. */
void mc__socket_drop_queue(mc_socket *socket);
void mc__socket_undirty(mc_socket *socket);

/* n bytes of conn->out have been sent. */
void mc__conn_advance(mc__conn *conn, size_t n);
/* The whole answer is out: the exchange is over, the next request may be. */
void mc__conn_answer_done(mc__conn *conn);

/* stream.c; all but free on the loop's thread */
void mc__stream_event(mc_exchange *x, mc__stream_end end);
void mc__stream_flush(mc__conn *conn);
void mc__stream_timeout(mc__conn *conn);
void mc__stream_cut(mc_exchange *x);
bool mc__stream_is_endless(const struct mc_stream *self);
void mc__stream_free(struct mc_stream *self);

/* spool.c: bodies in files. False: there is no room, or no file. */
bool mc__spool_open(mc_exchange *x);
bool mc__spool_write(mc_exchange *x); /* moves x->body there */
void mc__spool_rewind(mc_exchange *x);
void mc__spool_close(mc_exchange *x);

/* exchange.c */
mc_exchange *mc__exchange_new(mc__conn *conn);
/* Who is at the other end, for its message. */
void mc__exchange_set_peer(mc_exchange *x, const mc__conn *conn);
void mc__exchange_recycle(mc_exchange *x);
void mc__exchanges_free(mc_exchange *list);
mc__loop *mc__current_loop(void);
void mc__set_current_loop(mc__loop *loop);

#endif
