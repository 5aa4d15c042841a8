/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/webhooks/webhooks_internal.h"

#include <stdlib.h>

#define WORKERS 32
#define RETENTION_S (INT64_C(30) * 86400)
#define RETRY_BASE_MS 1000

static mc_webhooks_config with_defaults(const mc_webhooks_config *config)
{
    mc_webhooks_config out = *config;

    if (!out.workers)
        out.workers = WORKERS;
    if (out.workers > MC__WORKERS_MAX)
        out.workers = MC__WORKERS_MAX;
    if (!out.per_host)
        out.per_host = (out.workers + 1) / 2;
    if (!out.retention_s)
        out.retention_s = RETENTION_S;
    if (!out.retry_base_ms)
        out.retry_base_ms = RETRY_BASE_MS;
    return out;
}

static void add_routes(mc_webhooks *self, const mc_http_route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        self->routes[self->route_count] = routes[i];
        self->routes[self->route_count++].user = self;
    }
}

static mc_code open_client(mc_webhooks *self, mc_err *err)
{
    return mc_http_client_new(
        &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG, .allow_private = self->config.allow_private,
                                 .max_idle = self->config.workers,
                                 .user_agent = MC_STR("metacore-webhooks/1.0"),
                                 .max_body_bytes = MC_WEBHOOKS_RESPONSE_MAX},
        &self->client, err);
}

mc_code mc_webhooks_new(const mc_webhooks_config *config, mc_webhooks **out, mc_err *err)
{
    const mc_http_route *routes;
    mc_webhooks *self;
    size_t count;
    mc_code rc;

    if (!config->db || !config->check)
        return mc_fail(err, MC_INVALID, "webhooks: db and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "webhooks");
    self->config = with_defaults(config);
    self->dialect = mc_db_dialect_of(config->db);
    self->queue_end = &self->queue;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->wake);
    mc_cond_init(&self->work);
    routes = mc__webhooks_own_routes(&count);
    add_routes(self, routes, count);
    routes = mc__webhooks_log_routes(&count);
    add_routes(self, routes, count);
    routes = mc__webhooks_try_routes(&count);
    add_routes(self, routes, count);
    rc = mc_uuid_v4(&self->lease_id, err);
    if (rc == MC_OK)
        rc = open_client(self, err);
    if (rc != MC_OK) {
        mc_webhooks_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_webhooks_free(mc_webhooks *self)
{
    if (!self)
        return;
    mc_webhooks_stop(self);
    mc_http_client_free(self->client);
    mc_cond_deinit(&self->work);
    mc_cond_deinit(&self->wake);
    mc_mutex_deinit(&self->mu);
    free(self);
}

mc_webhooks_counts mc_webhooks_count(const mc_webhooks *self)
{
    return (mc_webhooks_counts){.succeeded = atomic_load(&self->succeeded),
                                .failed = atomic_load(&self->failed),
                                .running = atomic_load(&self->running)};
}

const mc_http_route *mc_webhooks_routes(mc_webhooks *self, size_t *out_count)
{
    *out_count = self->route_count;
    return self->routes;
}
