/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_HEAD_MAX 8192

void mc_client_init(mc_client *self, unsigned port)
{
    *self = (mc_client){.fd = -1, .port = port, .answer = malloc(MC_CLIENT_ANSWER_MAX)};
}

static void disconnect(mc_client *self)
{
    if (self->fd >= 0)
        (void)close(self->fd); /* a socket being dropped */
    self->fd = -1;
}

void mc_client_deinit(mc_client *self)
{
    disconnect(self);
    free(self->answer);
    self->answer = NULL;
}

static bool connect_now(mc_client *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)self->port)};
    struct timeval limit = {.tv_sec = 30};
    int on = 1;

    if (self->fd >= 0)
        return true;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->fd < 0)
        return false;
    (void)setsockopt(self->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(self->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    disconnect(self);
    return false;
}

static bool send_all(mc_client *self, const char *ptr, size_t len)
{
    while (len > 0) {
        ssize_t n = send(self->fd, ptr, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        ptr += n;
        len -= (size_t)n;
    }
    return true;
}

static mc_str header(mc_str head, const char *name)
{
    size_t name_len = strlen(name);

    while (head.len > 0) {
        size_t end = mc_str_find(head, MC_STR("\r\n"));
        mc_str line = mc_str_slice(head, 0, end);

        if (line.len > name_len && line.ptr[name_len] == ':' &&
            strncasecmp(line.ptr, name, name_len) == 0)
            return mc_str_trim(mc_str_slice(line, name_len + 1, line.len));
        head = mc_str_slice(head, end + 2, head.len);
    }
    return MC_STR("");
}

/* Takes the chunks' frames out of bytes, in place; false when they do not end. */
static bool join_chunks(char *bytes, size_t len, mc_str *out)
{
    size_t at = 0, joined = 0;

    for (;;) {
        char *end = NULL;
        unsigned long size;

        if (at >= len)
            return false;
        size = strtoul(bytes + at, &end, 16);
        at = (size_t)(end - bytes) + 2;
        if (at > len || size > len - at)
            return false;
        memmove(bytes + joined, bytes + at, size);
        joined += size;
        at += size + 2;
        if (size == 0)
            break;
    }
    *out = mc_str_of(bytes, joined);
    return true;
}

/* got bytes are there, the first head_len of them the head. */
static int read_chunks(mc_client *self, size_t got, size_t head_len)
{
    static const mc_str last = MC_STR_INIT("\r\n0\r\n\r\n");

    while (!mc_str_ends_with(mc_str_of(self->answer, got), last)) {
        ssize_t n = got < MC_CLIENT_ANSWER_MAX - 1
                        ? recv(self->fd, self->answer + got, MC_CLIENT_ANSWER_MAX - 1 - got, 0)
                        : 0;

        if (n <= 0)
            return 0;
        got += (size_t)n;
    }
    self->answer[got] = '\0';
    if (!join_chunks(self->answer + head_len, got - head_len, &self->body))
        return 0;
    return (int)strtol(self->answer + 9, NULL, 10);
}

static int read_answer(mc_client *self, bool is_head_request)
{
    size_t got = 0, head_len = 0;
    uint64_t body_len = 0;
    bool is_headed = false;

    while (!is_headed || got < head_len + body_len) {
        ssize_t n;

        if (got == MC_CLIENT_ANSWER_MAX)
            return 0;
        n = recv(self->fd, self->answer + got, MC_CLIENT_ANSWER_MAX - got, 0);
        if (n <= 0)
            return 0;
        got += (size_t)n;
        if (!is_headed) {
            mc_str all = mc_str_of(self->answer, got);
            size_t end = mc_str_find(all, MC_STR("\r\n\r\n"));
            mc_str length;

            if (end == got)
                continue;
            is_headed = true;
            head_len = end + 4;
            self->head = mc_str_slice(all, 0, end);
            if (!is_head_request && header(self->head, "transfer-encoding").len)
                return read_chunks(self, got, head_len);
            length = header(self->head, "content-length");
            if (!is_head_request && length.len &&
                !mc_str_u64(length, 0, MC_CLIENT_ANSWER_MAX, &body_len))
                return 0;
        }
    }
    self->body = mc_str_of(self->answer + head_len, (size_t)body_len);
    return (int)strtol(self->answer + 9, NULL, 10);
}

static int finish(mc_client *self, bool is_head_request)
{
    int status = read_answer(self, is_head_request);

    if (status == 0 || mc_str_eq_nocase(header(self->head, "connection"), MC_STR("close")))
        disconnect(self);
    self->status = status;
    return status;
}

int mc_client_raw(mc_client *self, mc_str bytes)
{
    self->status = 0;
    self->head = self->body = MC_STR("");
    if (!connect_now(self) || !send_all(self, bytes.ptr, bytes.len)) {
        disconnect(self);
        return 0;
    }
    return finish(self, false);
}

int mc_client_call_type(mc_client *self, const char *method, const char *path,
                        const char *content_type, mc_str body, const char *more_headers)
{
    char head[REQUEST_HEAD_MAX];
    int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s%s", method,
                     path, self->token[0] ? "Authorization: Bearer " : "", self->token,
                     self->token[0] ? "\r\n" : "");

    if (content_type)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Type: %s\r\n", content_type);
    if (body.ptr)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: %zu\r\n", body.len);
    n += snprintf(head + n, sizeof(head) - (size_t)n, "%s\r\n", more_headers ? more_headers : "");

    self->status = 0;
    self->head = self->body = MC_STR("");
    if (!connect_now(self))
        return 0;
    if (!send_all(self, head, (size_t)n) || !send_all(self, body.ptr, body.len)) {
        disconnect(self);
        return 0;
    }
    return finish(self, strcmp(method, "HEAD") == 0);
}

int mc_client_call(mc_client *self, const char *method, const char *path, const char *body)
{
    return mc_client_call_type(self, method, path, body ? "application/json" : NULL, mc_z(body),
                               NULL);
}

mc_str mc_client_field(const mc_client *self, const char *key)
{
    char quoted[128];
    size_t at, end;

    (void)snprintf(quoted, sizeof(quoted), "\"%s\":", key); /* keys of tests are short */
    at = mc_str_find(self->body, mc_z(quoted));
    if (at == self->body.len)
        return MC_STR("");
    at += strlen(quoted);
    if (at < self->body.len && self->body.ptr[at] == '"') {
        end = mc_str_find_char(self->body, at + 1, '"');
        return mc_str_slice(self->body, at + 1, end);
    }
    for (end = at; end < self->body.len && !strchr(",}]", self->body.ptr[end]); end++)
        ;
    return mc_str_slice(self->body, at, end);
}

static void keep_token(mc_client *self)
{
    mc_str token = mc_client_field(self, "token");

    (void)snprintf(self->token, sizeof(self->token), "%.*s", MC_FMT(token)); /* ours fit */
}

int mc_client_sign_in(mc_client *self, const char *email, const char *password)
{
    char body[512];
    int status;

    self->token[0] = '\0';
    (void)snprintf(body, sizeof(body), "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
    status = mc_client_call(self, "POST", "/api/auth/login", body);
    if (status == 200)
        keep_token(self);
    return status;
}

int mc_client_register(mc_client *self, const char *name, const char *email, const char *password)
{
    char body[512];
    int status;

    self->token[0] = '\0';
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"email\":\"%s\",\"password\":\"%s\"}",
                   name, email, password);
    status = mc_client_call(self, "POST", "/api/auth/register", body);
    if (status == 201)
        keep_token(self);
    return status;
}
