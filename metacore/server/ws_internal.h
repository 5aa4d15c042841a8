/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SERVER_WS_INTERNAL_H
#define METACORE_SERVER_WS_INTERNAL_H

/*
 * WebSocket frames as bytes: no I/O, so that they can be fuzzed.
 * Standard: RFC 6455 section 5, as the server reads it: what a client must do, it must do.
 */

#include "metacore/server/socket.h"

#include <stdatomic.h>

#define MC__WS_CONTROL_MAX 125
#define MC__WS_HEAD_MAX 14
#define MC__WS_ACCEPT_LEN 28

enum {
    MC__WS_OP_CONTINUE = 0x0,
    MC__WS_OP_TEXT = 0x1,
    MC__WS_OP_BINARY = 0x2,
    MC__WS_OP_CLOSE = 0x8,
    MC__WS_OP_PING = 0x9,
    MC__WS_OP_PONG = 0xa
};

/* UTF-8 that comes in pieces: how many bytes the character still needs, and between which two the
 * next one lies. */
typedef struct mc__utf8_state {
    unsigned char needed, low, high;
} mc__utf8_state;

/* False as soon as no continuation could make it valid (RFC 3629). */
bool mc__utf8_feed(mc__utf8_state *state, const char *bytes, size_t len);

typedef enum mc__ws_kind {
    MC__WS_MORE, /* all bytes are taken */
    MC__WS_TEXT,
    MC__WS_BINARY,
    MC__WS_PING,
    MC__WS_PONG,
    MC__WS_CLOSE, /* code: theirs, or MC_CLOSE_NO_CODE; payload: the reason */
    MC__WS_BROKEN /* code: with what it is to be closed; why: one line */
} mc__ws_kind;

typedef struct mc__ws_event {
    mc__ws_kind kind;
    int code;
    const char *why;
    mc_str payload; /* until the next read */
} mc__ws_event;

/* All zero but max, a parser at the start; it holds memory only between the pieces of a frame or
 * message. */
typedef struct mc__ws_parser {
    uint64_t left; /* of the frame's payload */
    char *message; /* of a data message that came in pieces; heap */
    char *control; /* of a control frame that came in pieces; heap */
    uint32_t message_len, message_cap;
    uint32_t max; /* bytes of a message */
    unsigned char head[MC__WS_HEAD_MAX];
    unsigned char head_len;
    unsigned char mask_at; /* 0..3 */
    unsigned char opcode;
    unsigned char message_opcode; /* 0: no message is open */
    unsigned char control_len;
    bool is_final;
    bool in_payload;
    bool is_given; /* message or control was an event's: freed by the next read */
    mc__utf8_state utf8;
} mc__ws_parser;

/* The next event of [*at, end), whose bytes are unmasked in place; *at moves behind what was taken.
 * After BROKEN the parser is not to be used but for deinit. */
mc__ws_event mc__ws_read(mc__ws_parser *self, char **at, char *end);
void mc__ws_parser_deinit(mc__ws_parser *self);

/* Whether a peer may send code in a close frame (section 7.4). */
bool mc__ws_is_close_code(int code);

/* ---- out ---- */

struct mc_frame {
    /* Relaxed to add, acquire-release to drop: the last one must see all reads done before. */
    atomic_uint refs;
    uint32_t len;
    unsigned char bytes[];
};

/* A final, unmasked frame; NULL when memory is gone. */
mc_frame *mc__frame_make(int opcode, mc_str payload);
/* code MC_CLOSE_NO_CODE: an empty one. reason is cut to fit. */
mc_frame *mc__frame_close(int code, mc_str reason);

/* Sec-WebSocket-Accept for a key (section 4.2.2); false when the digest fails. */
bool mc__ws_accept(mc_str key, char out[MC__WS_ACCEPT_LEN]);

#endif
