/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SERVER_STREAM_H
#define METACORE_SERVER_STREAM_H

/**
 * stream: an answer that is written piece by piece: exports, files, server-sent events.
 *
 * A handler turns its exchange into a stream from any thread and writes to it from one thread at a
 * time. Memory is bounded by two buffers: mc_stream_write waits while the client is slow,
 * mc_stream_offer refuses. A client that takes less than the server's minimum rate is dropped; the
 * writer learns it from the next call, a holder that only waits from on_gone.
 *
 * On the wire: Content-Length when the length is known, else chunks, else (HTTP/1.0) up to the end
 * of the connection. An aborted stream never looks whole: the connection ends without the last
 * chunk, short of its length, or with a reset.
 *
 * Not here: what is written, how events are framed.
 * Threads:  a stream is one thread at a time, handed over whole; mc_stream_is_gone from any.
 * Standard: RFC 9112 sections 6.3, 7 and 8.
 */

#include "metacore/server/server.h"

MC_BEGIN_DECLS

#define MC_STREAM_BUFFER_BYTES 65536
#define MC_STREAM_HEARTBEAT_MAX 64

typedef struct mc_stream mc_stream;

/** Zero is "the default" in every field. */
typedef struct mc_stream_config {
    uint32_t struct_size;
    bool has_length;
    uint64_t length;     /* with has_length: exactly so much is written, or it is an abort */
    size_t buffer_bytes; /* of each of two buffers; 0: MC_STREAM_BUFFER_BYTES */
    bool is_endless;     /* closed at once when the server stops; a client's half-close ends it */
    mc_str heartbeat;    /* sent when nothing else was for the server's heartbeat_ms; copied, at
                            most MC_STREAM_HEARTBEAT_MAX bytes; empty: none */
    /** Once, on the loop's thread, when the client is gone. May come while finish is called. */
    void (*on_gone)(void *user);
    /** Once, on the loop's thread, after finish or abort: nothing of user is touched any more. */
    void (*on_over)(void *user);
    void *user;
} mc_stream_config;
#define MC_STREAM_CONFIG .struct_size = sizeof(mc_stream_config)

/**
 * Makes x's answer a stream and sends head, whose body is ignored. From now on the stream stands
 * for x, whose arena and message live until finish or abort. To a HEAD request nothing but the head
 * is sent: what is written is dropped.
 *
 * head    copied
 * Errors  NO_MEMORY: x is as before and still wants an answer.
 */
MC_API MC_MUST_USE mc_code mc_exchange_stream(mc_exchange *x, const mc_answer *head,
                                              const mc_stream_config *config, mc_stream **out,
                                              mc_err *err);

/**
 * Writes all of bytes, waiting for the client as long as that takes more than the minimum rate.
 * Errors  UNAVAILABLE: the client is gone. INTERNAL: longer than the length. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_stream_write(mc_stream *self, mc_str bytes, mc_err *err);
/** Writes all of bytes or nothing, without waiting. Errors: as above; LIMIT: no room now. */
MC_API MC_MUST_USE mc_code mc_stream_offer(mc_stream *self, mc_str bytes, mc_err *err);
MC_API bool mc_stream_is_gone(mc_stream *self);

/** Ends the answer; self and its exchange must not be touched after. What was written is sent. */
MC_API void mc_stream_finish(mc_stream *self);
/** Ends the connection so that the client sees that something is missing. As finish else. */
MC_API void mc_stream_abort(mc_stream *self);

MC_END_DECLS
#endif
