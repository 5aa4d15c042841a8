/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SERVER_HTTP1_INTERNAL_H
#define METACORE_SERVER_HTTP1_INTERNAL_H

/*
 * HTTP/1.1 as bytes: pure functions without I/O, so that they can be fuzzed.
 * Standard: RFC 9112, read strictly: what two parsers could read in two ways is refused.
 */

#include "metacore/server/server.h"

/* Where the head of a request ends, or that it cannot. */
typedef enum mc__http1_scan { MC__HTTP1_MORE, MC__HTTP1_WHOLE, MC__HTTP1_BAD } mc__http1_scan;

/*
 * Looks for the empty line that ends a head in bytes; *pos is where an earlier call stopped, and on
 * MC__HTTP1_WHOLE the length of the head with that line. A line that ends in a bare LF is bad.
 */
mc__http1_scan mc__http1_find_end(mc_str bytes, size_t *pos);

typedef struct mc__http1_head {
    mc_message message; /* all but body and peer */
    bool is_1_0;
    bool keep_alive;
    bool is_chunked;
    bool expects_continue;
    bool has_length;
    uint64_t length;
} mc__http1_head;

/* A refusal: the status, and why in one line. Status 0: none. */
typedef struct mc__http1_refusal {
    int status;
    const char *why;
} mc__http1_refusal;

/*
 * Reads a whole head, which ends with its empty line. text is changed in place (names are
 * lower-cased) and must live as long as the message; headers has MC_HEADERS_MAX slots.
 */
mc__http1_refusal mc__http1_parse(char *text, size_t len, mc_header *headers, mc__http1_head *out);

/* Whether s is a token of RFC 9110 section 5.6.2: one character or more. */
bool mc__http1_is_token(mc_str s);

/* ---- chunked bodies ---- */

typedef struct mc__chunked {
    int state;
    uint64_t room;     /* how long the body may still get: set before the first read */
    uint64_t left;     /* of the chunk's data */
    uint32_t line_len; /* of the size line so far */
    uint32_t digits;
    uint64_t waste; /* what framing cost beyond a fair share of the data */
    uint32_t trailer_len;
} mc__chunked;

/*
 * Takes bytes off *in and appends the body's to out. Returns a refusal (400; 413 when there is no
 * room for a chunk, or the framing is out of proportion; 431 for trailers without end), or status
 * 0; *is_over tells that the last chunk and its trailers have been read.
 */
mc__http1_refusal mc__chunked_read(mc__chunked *self, mc_str *in, mc_buf *out, bool *is_over);

/* ---- answers ---- */

/* "HTTP/1.1 200 OK" and so on up to the empty line, onto out. */
void mc__http1_write_head(mc_buf *out, const mc_answer *answer, mc_str date, mc_str server_name,
                          bool keep_alive, bool is_1_0);
/* How a streamed body tells its end (RFC 9112 section 6.3). */
typedef enum mc__framing { MC__FRAMING_LENGTH, MC__FRAMING_CHUNKED, MC__FRAMING_CLOSE } mc__framing;
/* The same for a body that is still to be written. */
void mc__http1_write_stream_head(mc_buf *out, const mc_answer *answer, mc__framing framing,
                                 uint64_t length, mc_str date, mc_str server_name, bool keep_alive,
                                 bool is_1_0);
/* The line in front of a chunk of len bytes, below 2^32: eight digits and CRLF. */
void mc__http1_chunk_head(char out[11], size_t len);
const char *mc__http1_reason(int status);
/* Whether an answer of this status never has a body (RFC 9110 section 6.4.1). */
bool mc__http1_is_bodyless(int status);

#endif
