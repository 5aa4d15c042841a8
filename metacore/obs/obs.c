/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/obs/obs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENT_BYTES 128

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static mc_log *current; /* guarded by mu; NULL: not made yet */

static mc_log *make_default(void)
{
    mc_log_config config = {MC_LOG_CONFIG, .format = MC_LOG_TEXT};
    mc_log *log = NULL;

    /* What cannot be read leaves the default as it is. */
    (void)mc_log_level_parse(mc_z(getenv("LOG_LEVEL")), &config.level);
    (void)mc_log_format_parse(mc_z(getenv("LOG_FORMAT")), &config.format);
    MC_IGNORE(mc_log_new(&config, &log, NULL)); /* no memory: silent, and tried again */
    return log;
}

mc_log *mc_obs_ref(void)
{
    mc_log *log;

    (void)pthread_mutex_lock(&mu);
    if (!current)
        current = make_default();
    log = mc_log_ref(current);
    (void)pthread_mutex_unlock(&mu);
    return log;
}

void mc_obs_set_default(mc_log *log)
{
    mc_log *old;

    if (!log)
        return;
    (void)pthread_mutex_lock(&mu);
    old = current;
    current = mc_log_ref(log);
    (void)pthread_mutex_unlock(&mu);
    mc_log_unref(old);
}

void mc_obs_set_level(mc_log_level level)
{
    mc_log *log = mc_obs_ref();

    mc_log_set_level(log, level);
    mc_log_unref(log);
}

void mc_obs_set_format(mc_log_format format)
{
    mc_log *log = mc_obs_ref();

    mc_log_set_format(log, format);
    mc_log_unref(log);
}

mc_code mc_obs_for(const mc_ctx *ctx, mc_log **out, mc_err *err)
{
    mc_log *log = mc_obs_ref();
    mc_kv attrs[3];
    size_t count = 0;
    mc_code rc;

    if (ctx->request_id.len)
        attrs[count++] = MC_KV_STR("request_id", ctx->request_id);
    if (!mc_uuid_is_nil(ctx->who.user_id))
        attrs[count++] = MC_KV_UUID("user_id", ctx->who.user_id);
    if (!mc_uuid_is_nil(ctx->who.org_id))
        attrs[count++] = MC_KV_UUID("org_id", ctx->who.org_id);
    rc = mc_log_with(log, attrs, count, out, err);
    mc_log_unref(log);
    return rc;
}

void mc_obs_write(mc_log_level level, const char *event, const mc_kv *kvs, size_t count)
{
    mc_log *log = mc_obs_ref(); /* the line is written without the lock */

    mc_log_write(log, level, event, kvs, count);
    mc_log_unref(log);
}

mc_obs_timer mc_obs_timer_start(const char *name, mc_clock clock)
{
    return (mc_obs_timer){.name = name, .started_us = mc_clock_monotonic_us(clock), .clock = clock};
}

int64_t mc_obs_timer_stop(const mc_obs_timer *timer)
{
    int64_t duration_ms = (mc_clock_monotonic_us(timer->clock) - timer->started_us) / 1000;
    char event[EVENT_BYTES];

    (void)snprintf(event, sizeof(event), "%s.done", timer->name); /* a longer name is cut */
    mc_obs_info(event, MC_KV_I64("duration_ms", duration_ms));
    return duration_ms;
}
