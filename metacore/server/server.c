/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/server_internal.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HEAD_BYTES_MAX ((size_t)16 << 10)
#define BODY_BYTES_MAX ((size_t)4 << 20)
#define ARENA_BYTES_MAX ((size_t)64 << 20)
#define CONNECTIONS_MAX 10000
#define HEAD_TIMEOUT_MS 10000
#define BODY_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 75000
#define WRITE_TIMEOUT_MS 30000
#define HEARTBEAT_MS 15000
#define WRITE_RATE_MIN 1024
#define SPOOL_BYTES_MAX ((uint64_t)2 << 30)
#define SOCKET_MESSAGE_BYTES 4096
#define SOCKET_BACKLOG_BYTES ((size_t)256 << 10)
#define SOCKET_PING_MS 54000
#define SOCKET_SILENCE_MS 60000
#define SOCKET_WRITE_TIMEOUT_MS 10000

static size_t size_or(size_t value, size_t fallback)
{
    return value ? value : fallback;
}

static int64_t time_or(int64_t value, int64_t fallback)
{
    return value ? value : fallback;
}

static mc_code copy_config(mc_server *self, const mc_server_config *config, mc_err *err)
{
    mc_server_config *own = &self->config;
    mc_str *const texts[] = {&own->listen,       &own->unix_path,   &own->tls_cert_file,
                             &own->tls_key_file, &own->server_name, &own->spool_dir};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (!config->handler.on_request || !config->handler.on_refusal)
        return mc_fail(err, MC_INVALID, "server: on_request and on_refusal are required");
    *own = *config;
    if (mc_str_is_empty(own->listen))
        own->listen = MC_STR("127.0.0.1:3000");
    for (size_t i = 0; i < MC_LEN(texts); i++) {
        size_t len = texts[i]->len;

        *texts[i] = mc_str_copy(self->text, *texts[i]);
        if (texts[i]->len != len)
            return mc_fail(err, MC_NO_MEMORY, "server");
    }
    own->max_head_bytes = size_or(own->max_head_bytes, HEAD_BYTES_MAX);
    own->max_body_bytes = size_or(own->max_body_bytes, BODY_BYTES_MAX);
    own->arena_budget_bytes = size_or(own->arena_budget_bytes, ARENA_BYTES_MAX);
    own->max_connections = own->max_connections ? own->max_connections : CONNECTIONS_MAX;
    own->head_timeout_ms = time_or(own->head_timeout_ms, HEAD_TIMEOUT_MS);
    own->body_timeout_ms = time_or(own->body_timeout_ms, BODY_TIMEOUT_MS);
    own->idle_timeout_ms = time_or(own->idle_timeout_ms, IDLE_TIMEOUT_MS);
    own->write_timeout_ms = time_or(own->write_timeout_ms, WRITE_TIMEOUT_MS);
    own->heartbeat_ms = time_or(own->heartbeat_ms, HEARTBEAT_MS);
    own->write_rate_min = own->write_rate_min ? own->write_rate_min : WRITE_RATE_MIN;
    own->spool_max_bytes = own->spool_max_bytes ? own->spool_max_bytes : SPOOL_BYTES_MAX;
    own->socket_message_bytes = size_or(own->socket_message_bytes, SOCKET_MESSAGE_BYTES);
    own->socket_backlog_bytes = size_or(own->socket_backlog_bytes, SOCKET_BACKLOG_BYTES);
    own->socket_ping_ms = time_or(own->socket_ping_ms, SOCKET_PING_MS);
    own->socket_silence_ms = time_or(own->socket_silence_ms, SOCKET_SILENCE_MS);
    own->socket_write_timeout_ms = time_or(own->socket_write_timeout_ms, SOCKET_WRITE_TIMEOUT_MS);
    if (own->socket_message_bytes > UINT32_MAX || own->socket_silence_ms <= own->socket_ping_ms)
        return mc_fail(err, MC_INVALID,
                       "server: socket messages over 4 GiB, or a silence that "
                       "ends before the ping");
    self->loop_count = own->loops ? own->loops : (cores > 0 ? (unsigned)cores : 1);
    if (self->loop_count > MC__LOOPS_MAX)
        self->loop_count = MC__LOOPS_MAX;
    return MC_OK;
}

static mc_code add_listener(mc__loop *loop, int fd, mc_err *err)
{
    mc__source *source = &loop->listeners[loop->listener_count++];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    *source = (mc__source){MC__SOURCE_LISTENER, fd};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return mc_fail(err, MC_LIMIT, "server: listener");
    return MC_OK;
}

static mc_code open_listeners(mc_server *self, mc_err *err)
{
    mc_code rc = MC_OK;

    for (unsigned i = 0; i < self->loop_count && rc == MC_OK; i++) {
        int fd = -1;

        rc = mc__listen_tcp(self->config.listen, &self->port, &fd, err);
        if (rc == MC_OK)
            rc = add_listener(&self->loops[i], fd, err);
    }
    if (rc == MC_OK && self->config.unix_path.len) {
        int fd = -1;

        rc = mc__listen_unix(self->config.unix_path, &fd, err);
        if (rc == MC_OK)
            rc = add_listener(&self->loops[0], fd, err);
    }
    return rc;
}

static mc_code open_tls(mc_server *self, mc_err *err)
{
    SSL_CTX *ctx = NULL;
    mc_code rc;

    if (mc_str_is_empty(self->config.tls_cert_file))
        return MC_OK;
    self->bio_method = mc__tls_bio_method();
    if (!self->bio_method)
        return mc_fail(err, MC_NO_MEMORY, "tls");
    rc = mc__tls_new(self, &ctx, err);
    if (rc == MC_OK)
        atomic_store(&self->tls, ctx);
    return rc;
}

mc_code mc_server_new(const mc_server_config *config, mc_server **out, mc_err *err)
{
    mc_server *self = calloc(1, sizeof(*self));
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "server");
    self->text = mc_arena_new(0);
    if (!self->text) {
        free(self);
        return mc_fail(err, MC_NO_MEMORY, "server");
    }
    rc = copy_config(self, config, err);
    if (rc != MC_OK)
        self->loop_count = 0;
    for (unsigned i = 0, count = self->loop_count; i < count; i++) {
        self->loop_count = i + 1;
        rc = mc__loop_init(&self->loops[i], self, i, err);
        if (rc != MC_OK)
            break;
    }
    if (rc == MC_OK)
        rc = open_tls(self, err);
    if (rc == MC_OK)
        rc = open_listeners(self, err);
    if (rc != MC_OK) {
        mc_server_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

mc_code mc_server_start(mc_server *self, mc_err *err)
{
    const mc_server_handler *handler = &self->config.handler;

    self->is_started = true;
    for (unsigned i = 0; i < self->loop_count; i++) {
        mc__loop *loop = &self->loops[i];
        mc_code rc = handler->loop_start ? handler->loop_start(handler->user, i, err) : MC_OK;
        int why;

        if (rc != MC_OK) {
            mc_server_stop(self, 0);
            return rc;
        }
        why = pthread_create(&loop->thread, NULL, mc__loop_main, loop);
        if (why) {
            if (handler->loop_stop)
                handler->loop_stop(handler->user, i);
            mc_server_stop(self, 0);
            return mc_fail_errno(err, MC_LIMIT, why, "server: thread");
        }
        loop->is_started = true;
    }
    return MC_OK;
}

unsigned mc_server_loops(const mc_server *self)
{
    return self->loop_count;
}

unsigned mc_server_port(const mc_server *self)
{
    return self->port;
}

void mc_server_stop(mc_server *self, int64_t timeout_ms)
{
    if (!self->is_started)
        return;
    atomic_store(&self->stop_deadline_us,
                 mc_clock_monotonic_us((mc_clock){NULL, NULL}) + timeout_ms * 1000);
    atomic_store(&self->is_stopping, true);
    /* All are woken before any is waited for: one that still answers must not leave the others
     * accepting what nobody will serve. */
    for (unsigned i = 0; i < self->loop_count; i++) {
        if (self->loops[i].is_started)
            mc__loop_wake(&self->loops[i]);
    }
    for (unsigned i = 0; i < self->loop_count; i++) {
        if (!self->loops[i].is_started)
            continue;
        (void)pthread_join(self->loops[i].thread, NULL);
        self->loops[i].is_started = false;
    }
    if (self->config.unix_path.len) {
        char *path = mc_str_z(self->text, self->config.unix_path);

        if (path)
            (void)unlink(path); /* the next start would remove it too */
    }
    self->is_started = false;
}

mc_code mc_server_reload_tls(mc_server *self, mc_err *err)
{
    SSL_CTX *fresh = NULL;
    mc_code rc;

    if (mc_str_is_empty(self->config.tls_cert_file))
        return mc_fail(err, MC_INVALID, "tls: the server has none");
    rc = mc__tls_new(self, &fresh, err);
    if (rc != MC_OK)
        return rc;
    /* A loop may be between its load and its SSL_new: the old one is kept until the server goes. */
    fresh = atomic_exchange(&self->tls, fresh);
    mc__tls_retire(self, fresh);
    return MC_OK;
}

void mc_server_free(mc_server *self)
{
    if (!self)
        return;
    mc_server_stop(self, 0);
    for (unsigned i = 0; i < self->loop_count; i++)
        mc__loop_deinit(&self->loops[i]);
    SSL_CTX_free(atomic_load(&self->tls));
    for (size_t i = 0; i < self->retired_count; i++)
        SSL_CTX_free(self->retired[i]);
    free(self->retired);
    BIO_meth_free(self->bio_method);
    mc_arena_free(self->text);
    free(self);
}

void mc_server_get_stats(const mc_server *self, mc_server_stats *out)
{
    *out = (mc_server_stats){
        .connections_open = atomic_load_explicit(&self->connections, memory_order_relaxed),
        .connections_total = atomic_load_explicit(&self->connections_total, memory_order_relaxed),
        .requests_total = atomic_load_explicit(&self->requests_total, memory_order_relaxed),
        .refused_total = atomic_load_explicit(&self->refused_total, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&self->bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&self->bytes_out, memory_order_relaxed),
        .streams_open = atomic_load_explicit(&self->streams_open, memory_order_relaxed),
        .sockets_open = atomic_load_explicit(&self->sockets_open, memory_order_relaxed),
    };
}
