/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_WS_CLIENT_H
#define METACORE_TESTS_SUPPORT_MC_WS_CLIENT_H

/**
 * mc_ws_client: a blocking WebSocket client for tests: it does what it is told, also what is wrong.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/str.h"

#include <sys/types.h>

#define MC_WS_EOF (-1)     /* the other side closed or reset the connection */
#define MC_WS_TIMEOUT (-2) /* nothing came in time */
#define MC_WS_BAD (-3)     /* a frame that no server may send */

typedef struct mc_ws_client {
    int fd; /* -1: none */
    char *in;
    size_t in_len;
    size_t in_pos;   /* where the next frame begins */
    char head[2048]; /* the handshake's answer */
    mc_str payload;  /* of the last frame; until the next read */
    int code;        /* of the last close frame; 1005: none in it */
    /* Instead of the descriptor's own, for TLS; all NULL: plain. */
    void *io;
    ssize_t (*io_read)(void *io, char *out, size_t size);
    ssize_t (*io_write)(void *io, const char *bytes, size_t len);
} mc_ws_client;

/** Connects and shakes hands on path; returns the status, 0 when the connection broke.
 *  more_headers: lines that end in CRLF, or NULL. */
int mc_ws_open(mc_ws_client *self, unsigned port, const char *path, const char *more_headers);
/** Only connects; false when that fails. Then mc_ws_send_bytes and mc_ws_handshake. */
bool mc_ws_connect(mc_ws_client *self, unsigned port);
/** Sends request, a whole head, and returns the answer's status. */
int mc_ws_handshake(mc_ws_client *self, mc_str request);
void mc_ws_deinit(mc_ws_client *self);

bool mc_ws_send_bytes(mc_ws_client *self, mc_str bytes);
/** One masked frame; first: FIN, reserved bits and opcode, as 0x81. */
bool mc_ws_send(mc_ws_client *self, unsigned first, mc_str payload);
bool mc_ws_send_text(mc_ws_client *self, const char *text);

/** The frame's bytes onto out, which has room for payload and 14 more; how many. */
size_t mc_ws_encode(char *out, unsigned first, mc_str payload);

/** The next frame's opcode (its payload in self), or one of the above. */
int mc_ws_next(mc_ws_client *self, int timeout_ms);
/** The next text frame, pings answered on the way; empty when something else came. */
mc_str mc_ws_next_text(mc_ws_client *self, int timeout_ms);
/** Reads until a close frame or the end; the close code, or a negative result as above. */
int mc_ws_wait_close(mc_ws_client *self, int timeout_ms);

#endif
