/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 16384
#define POLL_MS 50

typedef struct connection {
    mc_receiver *self;
    int fd;
} connection;

static void sleep_ms(int ms)
{
    struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};

    (void)nanosleep(&wait, NULL); /* shorter is fine */
}

static bool is_stopping(mc_receiver *self)
{
    bool is;

    mc_mutex_lock(&self->mu);
    is = self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return is;
}

/* False when the other has gone, or we are to go. */
static bool wait_readable(mc_receiver *self, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (!is_stopping(self)) {
        if (poll(&p, 1, POLL_MS) > 0)
            return true;
    }
    return false;
}

static bool read_head(connection *c, char *head, size_t *out_len, char **out_rest)
{
    size_t len = 0;

    while (len < HEAD_MAX - 1) {
        ssize_t got =
            wait_readable(c->self, c->fd) ? recv(c->fd, head + len, HEAD_MAX - 1 - len, 0) : -1;
        char *end;

        if (got <= 0)
            return false;
        len += (size_t)got;
        head[len] = '\0';
        end = strstr(head, "\r\n\r\n");
        if (end) {
            *out_rest = end + 4;
            *out_len = len;
            return true;
        }
    }
    return false;
}

mc_str mc_received_header(const mc_received *got, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(got->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;

        if (!strncasecmp(at, name, len) && at[len] == ':') {
            const char *end = strstr(at, "\r\n");

            return mc_str_trim(
                mc_str_of(at + len + 1, end ? (size_t)(end - at) - len - 1 : strlen(at + len + 1)));
        }
    }
    return MC_STR("");
}

static bool read_request(connection *c, mc_received *out)
{
    char *head = calloc(1, HEAD_MAX), *rest = NULL;
    size_t len = 0, have;
    uint64_t wanted = 0;

    *out = (mc_received){.head = head};
    if (!head || !read_head(c, head, &len, &rest))
        return false;
    have = len - (size_t)(rest - head);
    (void)sscanf(head, "%*s %63s", out->path); /* else empty */
    (void)mc_str_u64(mc_received_header(out, "content-length"), 0, (uint64_t)1 << 30, &wanted);
    out->body = calloc(1, (size_t)wanted + 1);
    if (!out->body || have > wanted)
        return false;
    memcpy(out->body, rest, have);
    *rest = '\0';
    while (have < wanted) {
        ssize_t got = wait_readable(c->self, c->fd)
                          ? recv(c->fd, out->body + have, (size_t)wanted - have, 0)
                          : -1;

        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    out->body_len = have;
    return true;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool answer(int fd, const mc_reaction *r)
{
    const char *body = r->body ? r->body : "ok";
    size_t size = r->body_size ? r->body_size : strlen(body);
    char head[512], block[4096];
    int len = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n",
                       r->status, size, r->headers ? r->headers : "");

    memset(block, 'x', sizeof(block));
    if (!send_all(fd, head, (size_t)len))
        return false;
    if (!r->body_size)
        return send_all(fd, body, size);
    while (size > 0) {
        size_t part = size < sizeof(block) ? size : sizeof(block);

        if (!send_all(fd, block, part))
            return false;
        size -= part;
    }
    return true;
}

static void keep(mc_receiver *self, const mc_received *got)
{
    mc_mutex_lock(&self->mu);
    if (self->count < MC_RECEIVED_MAX)
        self->all[self->count++] = *got;
    mc_mutex_unlock(&self->mu);
}

static bool serve_one(connection *c)
{
    mc_reaction r = {.status = 200};
    mc_received got;
    char byte;

    if (!read_request(c, &got)) {
        free(got.head);
        free(got.body);
        return false;
    }
    if (c->self->decide)
        r = c->self->decide(c->self->user, &got);
    got.status = r.status;
    keep(c->self, &got);
    if (!r.status) {
        if (wait_readable(c->self, c->fd))
            (void)recv(c->fd, &byte, 1, 0); /* whatever it is, we are done */
        return false;
    }
    if (r.delay_ms)
        sleep_ms(r.delay_ms);
    return answer(c->fd, &r);
}

static void *serve(void *user)
{
    connection *c = user;
    mc_receiver *self = c->self;

    while (!is_stopping(self) && serve_one(c))
        ;
    (void)close(c->fd);
    free(c);
    mc_mutex_lock(&self->mu);
    self->connections--;
    mc_mutex_unlock(&self->mu);
    return NULL;
}

static void take(mc_receiver *self, int fd)
{
    connection *c = calloc(1, sizeof(*c));
    pthread_t thread;
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower without */
    if (c)
        *c = (connection){self, fd};
    mc_mutex_lock(&self->mu);
    self->connections++;
    mc_mutex_unlock(&self->mu);
    if (c && pthread_create(&thread, NULL, serve, c) == 0) {
        (void)pthread_detach(thread);
        return;
    }
    free(c);
    (void)close(fd);
    mc_mutex_lock(&self->mu);
    self->connections--;
    mc_mutex_unlock(&self->mu);
}

static void *accept_all(void *user)
{
    mc_receiver *self = user;

    while (wait_readable(self, self->fd)) {
        int fd = accept(self->fd, NULL, NULL);

        if (fd >= 0)
            take(self, fd);
    }
    return NULL;
}

bool mc_receiver_start(mc_receiver *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->count = 0;
    self->connections = 0;
    self->is_stopping = false;
    mc_mutex_init(&self->mu);
    self->all = calloc(MC_RECEIVED_MAX, sizeof(*self->all));
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!self->all || self->fd < 0 ||
        bind(self->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(self->fd, 512) != 0 ||
        getsockname(self->fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    self->port = ntohs(address.sin_port);
    return pthread_create(&self->acceptor, NULL, accept_all, self) == 0;
}

static unsigned open_connections(mc_receiver *self)
{
    unsigned count;

    mc_mutex_lock(&self->mu);
    count = self->connections;
    mc_mutex_unlock(&self->mu);
    return count;
}

void mc_receiver_stop(mc_receiver *self)
{
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_mutex_unlock(&self->mu);
    (void)pthread_join(self->acceptor, NULL);
    while (open_connections(self) > 0)
        sleep_ms(10);
    (void)close(self->fd);
    for (size_t i = 0; i < self->count; i++) {
        free(self->all[i].head);
        free(self->all[i].body);
    }
    free(self->all);
    mc_mutex_deinit(&self->mu);
}

size_t mc_receiver_count(mc_receiver *self)
{
    size_t count;

    mc_mutex_lock(&self->mu);
    count = self->count;
    mc_mutex_unlock(&self->mu);
    return count;
}

const mc_received *mc_receiver_get(mc_receiver *self, const char *path, size_t n)
{
    const mc_received *found = NULL;

    mc_mutex_lock(&self->mu);
    for (size_t i = 0; i < self->count && !found; i++) {
        if (path && strcmp(self->all[i].path, path) != 0)
            continue;
        if (n-- == 0)
            found = &self->all[i];
    }
    mc_mutex_unlock(&self->mu);
    return found;
}

bool mc_receiver_wait(mc_receiver *self, const char *path, size_t count, int timeout_ms)
{
    for (int waited = 0; waited < timeout_ms; waited += 10) {
        if (count == 0 || mc_receiver_get(self, path, count - 1))
            return true;
        sleep_ms(10);
    }
    return false;
}
