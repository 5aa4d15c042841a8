/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_ws_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_MAX ((size_t)1 << 21)

static ssize_t read_some(mc_ws_client *self, char *out, size_t size)
{
    return self->io_read ? self->io_read(self->io, out, size) : recv(self->fd, out, size, 0);
}

bool mc_ws_send_bytes(mc_ws_client *self, mc_str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = self->io_write ? self->io_write(self->io, bytes.ptr, bytes.len)
                                   : send(self->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes = mc_str_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return true;
}

bool mc_ws_connect(mc_ws_client *self, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 30};

    *self =
        (mc_ws_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .in = malloc(IN_MAX)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (self->fd < 0 || !self->in)
        return false;
    (void)setsockopt(self->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return connect(self->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

void mc_ws_deinit(mc_ws_client *self)
{
    if (self->fd >= 0)
        (void)close(self->fd); /* a socket being dropped */
    self->fd = -1;
    free(self->in);
    self->in = NULL;
}

int mc_ws_handshake(mc_ws_client *self, mc_str request)
{
    if (!mc_ws_send_bytes(self, request))
        return 0;
    for (;;) {
        ssize_t n;

        for (size_t i = 0; i + 4 <= self->in_len; i++) {
            if (memcmp(self->in + i, "\r\n\r\n", 4) != 0)
                continue;
            (void)snprintf(self->head, sizeof(self->head), "%.*s", (int)i, self->in);
            self->in_pos = i + 4;
            return (int)strtol(self->in + 9, NULL, 10);
        }
        n = self->in_len < IN_MAX ? read_some(self, self->in + self->in_len, IN_MAX - self->in_len)
                                  : 0;
        if (n <= 0)
            return 0;
        self->in_len += (size_t)n;
    }
}

int mc_ws_open(mc_ws_client *self, unsigned port, const char *path, const char *more_headers)
{
    char request[4096];
    int n = snprintf(request, sizeof(request),
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                     path, more_headers ? more_headers : "");

    if (!mc_ws_connect(self, port))
        return 0;
    return mc_ws_handshake(self, mc_str_of(request, (size_t)n));
}

size_t mc_ws_encode(char *out, unsigned first, mc_str payload)
{
    static const unsigned char mask[4] = {0xa1, 0x02, 0xf3, 0x44};
    char *at = out;

    *at++ = (char)first;
    if (payload.len < 126) {
        *at++ = (char)(0x80 | payload.len);
    } else if (payload.len <= 0xffff) {
        *at++ = (char)(0x80 | 126);
        *at++ = (char)(payload.len >> 8);
        *at++ = (char)payload.len;
    } else {
        *at++ = (char)(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            *at++ = (char)((uint64_t)payload.len >> shift);
    }
    memcpy(at, mask, 4);
    at += 4;
    for (size_t i = 0; i < payload.len; i++)
        *at++ = (char)((unsigned char)payload.ptr[i] ^ mask[i & 3]);
    return (size_t)(at - out);
}

bool mc_ws_send(mc_ws_client *self, unsigned first, mc_str payload)
{
    char *frame = malloc(payload.len + 14);
    bool is_sent;

    if (!frame)
        return false;
    is_sent = mc_ws_send_bytes(self, mc_str_of(frame, mc_ws_encode(frame, first, payload)));
    free(frame);
    return is_sent;
}

bool mc_ws_send_text(mc_ws_client *self, const char *text)
{
    return mc_ws_send(self, 0x81, mc_z(text));
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* it is always there */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The whole frame's size when its head is there, else 0; -1: no server's. */
static int64_t frame_size(const mc_ws_client *self, size_t *out_head)
{
    const unsigned char *in = (const unsigned char *)self->in + self->in_pos;
    size_t got = self->in_len - self->in_pos;
    uint64_t len;
    size_t head;

    if (got < 2)
        return 0;
    if ((in[0] & 0x70) || (in[1] & 0x80) || !(in[0] & 0x80))
        return -1;
    len = in[1];
    head = len == 126 ? 4 : len == 127 ? 10 : 2;
    if (got < head)
        return 0;
    if (head > 2) {
        len = 0;
        for (size_t i = 2; i < head; i++)
            len = len << 8 | in[i];
    }
    *out_head = head;
    return len > IN_MAX - head ? -1 : (int64_t)(head + len);
}

static int take_frame(mc_ws_client *self, size_t head, size_t size)
{
    const char *frame = self->in + self->in_pos;
    int opcode = frame[0] & 0x0f;

    self->in_pos += size;
    self->payload = mc_str_of(frame + head, size - head);
    if (opcode == 8) {
        self->code = self->payload.len >= 2 ? (unsigned char)self->payload.ptr[0] << 8 |
                                                  (unsigned char)self->payload.ptr[1]
                                            : 1005;
    }
    return opcode;
}

/* More bytes; what was taken makes room when it is needed. */
static ssize_t read_more(mc_ws_client *self)
{
    ssize_t n;

    if (self->in_len > IN_MAX / 2) {
        self->in_len -= self->in_pos;
        memmove(self->in, self->in + self->in_pos, self->in_len);
        self->in_pos = 0;
    }
    n = read_some(self, self->in + self->in_len, IN_MAX - self->in_len);
    if (n > 0)
        self->in_len += (size_t)n;
    return n;
}

int mc_ws_next(mc_ws_client *self, int timeout_ms)
{
    int64_t end = now_ms() + timeout_ms;

    for (;;) {
        struct pollfd ready = {.fd = self->fd, .events = POLLIN};
        size_t head = 0;
        int64_t size = frame_size(self, &head), left = end - now_ms();

        if (size < 0)
            return MC_WS_BAD;
        if (size > 0 && self->in_len - self->in_pos >= (size_t)size)
            return take_frame(self, head, (size_t)size);
        if (left <= 0 || poll(&ready, 1, (int)left) == 0)
            return MC_WS_TIMEOUT;
        if (read_more(self) <= 0)
            return MC_WS_EOF;
    }
}

mc_str mc_ws_next_text(mc_ws_client *self, int timeout_ms)
{
    int opcode;

    while ((opcode = mc_ws_next(self, timeout_ms)) == 9) {
        if (!mc_ws_send(self, 0x8a, self->payload))
            return MC_STR("");
    }
    return opcode == 1 ? self->payload : MC_STR("");
}

int mc_ws_wait_close(mc_ws_client *self, int timeout_ms)
{
    int opcode;

    do {
        opcode = mc_ws_next(self, timeout_ms);
    } while (opcode >= 0 && opcode != 8);
    return opcode == 8 ? self->code : opcode;
}
