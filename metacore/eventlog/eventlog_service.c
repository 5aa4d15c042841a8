/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/eventlog/eventlog_internal.h"

#include <stdlib.h>

#define SLOW_TIMEOUT_MS 10000
#define STREAMS_PER_USER 64

mc_code mc_eventlog_new(const mc_eventlog_config *config, mc_eventlog **out, mc_err *err)
{
    mc_eventlog *self;

    if (!config->db || !config->check)
        return mc_fail(err, MC_INVALID, "eventlog: db and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "eventlog");
    self->config = *config;
    self->dialect = mc_db_dialect_of(config->db);
    if (self->config.slow_timeout_ms <= 0)
        self->config.slow_timeout_ms = SLOW_TIMEOUT_MS;
    if (self->config.streams_per_user == 0)
        self->config.streams_per_user = STREAMS_PER_USER;
    if (self->config.streams_per_org == 0)
        self->config.streams_per_org = MC_EVENTLOG_STREAMS_MAX;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->work);
    mc__eventlog_add_routes(self);
    *out = self;
    return MC_OK;
}

void mc_eventlog_stop(mc_eventlog *self)
{
    bool is_started;

    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    is_started = self->is_pusher_started;
    self->is_pusher_started = false;
    mc_cond_signal(&self->work);
    mc_mutex_unlock(&self->mu);
    if (is_started)
        (void)pthread_join(self->pusher, NULL);
}

void mc_eventlog_free(mc_eventlog *self)
{
    if (!self)
        return;
    mc_eventlog_stop(self);
    mc__event_batch_free(self->batch);
    mc_cond_deinit(&self->work);
    mc_mutex_deinit(&self->mu);
    free(self);
}

mc_code mc_eventlog_listen(mc_eventlog *self, void (*fn)(void *user, mc_uuid org_id), void *user,
                           mc_err *err)
{
    if (self->listener_count == MC_EVENTLOG_LISTENERS_MAX)
        return mc_fail(err, MC_LIMIT, "eventlog: more than %d listeners",
                       MC_EVENTLOG_LISTENERS_MAX);
    self->listeners[self->listener_count++] = (mc__listener){fn, user};
    return MC_OK;
}

size_t mc_eventlog_stream_count(mc_eventlog *self)
{
    return atomic_load(&self->open_count);
}

void mc_eventlog_recheck(mc_eventlog *self)
{
    mc_mutex_lock(&self->mu);
    self->is_recheck = true;
    self->is_signalled = true;
    mc_cond_signal(&self->work);
    mc_mutex_unlock(&self->mu);
}

mc_eventlog_counts mc_eventlog_count(const mc_eventlog *self)
{
    return (mc_eventlog_counts){.events = atomic_load(&self->event_count),
                                .streams = atomic_load(&self->open_count)};
}
