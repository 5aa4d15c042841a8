/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/obs/span_exporter.h"

#include "metacore/base/sync.h"
#include "metacore/obs/span_internal.h"

#include <stdlib.h>

#define QUEUE_MAX 2048
#define BATCH_MAX 512
#define INTERVAL_MS 1000
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 30000
#define ATTEMPTS 5

struct mc_span_exporter {
    mc_span_exporter_config config; /* defaults filled in; strings are text's */
    mc_arena *text;
    mc__span *batch; /* the thread's own */
    mc_buf body;     /* likewise */
    pthread_t thread;
    bool is_started;

    mc_mutex mu;
    mc_cond wake;
    mc__span *ring; /* guarded by mu, as all below */
    uint32_t first, count;
    uint64_t exported, dropped;
    bool is_stopping;
};

void mc_span_exporter_add(mc_span_exporter *self, const mc_span *span)
{
    mc_mutex_lock(&self->mu);
    if (self->count == self->config.queue_max || self->is_stopping) {
        self->dropped++;
    } else {
        mc__span_copy(&self->ring[(self->first + self->count++) % self->config.queue_max], span);
        /* The others wait for the interval: a wake-up for each would cost more than the copy. */
        if (self->count == self->config.batch_max)
            mc_cond_signal(&self->wake);
    }
    mc_mutex_unlock(&self->mu);
}

void mc_span_exporter_get_stats(mc_span_exporter *self, mc_span_stats *out)
{
    mc_mutex_lock(&self->mu);
    *out = (mc_span_stats){
        .queued = self->count, .exported_total = self->exported, .dropped_total = self->dropped};
    mc_mutex_unlock(&self->mu);
}

/* ---- the thread ---- */

/* Waits for a batch, the interval or the end; moves what there is to batch. */
static size_t take_batch(mc_span_exporter *self, bool *is_over)
{
    size_t taken = 0;

    mc_mutex_lock(&self->mu);
    if (!self->is_stopping && self->count < self->config.batch_max)
        (void)mc_cond_wait_for(&self->wake, &self->mu, self->config.interval_ms * 1000);
    while (self->count > 0 && taken < self->config.batch_max) {
        self->batch[taken++] = self->ring[self->first];
        self->first = (self->first + 1) % self->config.queue_max;
        self->count--;
    }
    *is_over = self->is_stopping && taken == 0;
    mc_mutex_unlock(&self->mu);
    return taken;
}

/* False: the exporter is stopping, there is no time for another attempt. */
static bool wait(mc_span_exporter *self, int64_t wait_ms)
{
    int64_t until_us = mc_clock_monotonic_us((mc_clock){NULL, NULL}) + wait_ms * 1000;
    int64_t left_us = wait_ms * 1000;
    bool is_stopping;

    mc_mutex_lock(&self->mu);
    while (!self->is_stopping && left_us > 0) {
        (void)mc_cond_wait_for(&self->wake, &self->mu, left_us); /* a full batch may wake it */
        left_us = until_us - mc_clock_monotonic_us((mc_clock){NULL, NULL});
    }
    is_stopping = self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return !is_stopping;
}

static bool send_batch(mc_span_exporter *self)
{
    int64_t backoff_ms = self->config.backoff_ms;

    for (uint32_t attempt = 1;; attempt++) {
        int64_t retry_after_ms = 0;
        mc_span_fate fate =
            self->config.send(self->config.user, mc_buf_get(&self->body), &retry_after_ms);

        if (fate != MC_SPANS_LATER)
            return fate == MC_SPANS_TAKEN;
        if (retry_after_ms > BACKOFF_MAX_MS)
            retry_after_ms = BACKOFF_MAX_MS;
        if (attempt >= self->config.attempts ||
            !wait(self, retry_after_ms > 0 ? retry_after_ms : backoff_ms))
            return false;
        backoff_ms = backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff_ms * 2;
    }
}

static void *exporter_main(void *user)
{
    mc_span_exporter *self = user;
    bool is_over = false;

    (void)pthread_setname_np(pthread_self(), "mc-spans"); /* only a convenience */
    while (!is_over) {
        size_t count = take_batch(self, &is_over);
        bool is_taken = false;

        if (count == 0)
            continue;
        mc_buf_clear(&self->body);
        mc__spans_write(&self->body, &self->config, self->batch, count);
        if (!mc_buf_failed(&self->body))
            is_taken = send_batch(self);
        mc_mutex_lock(&self->mu);
        *(is_taken ? &self->exported : &self->dropped) += count;
        if (self->is_stopping && !is_taken) { /* the others would only make the end later */
            self->dropped += self->count;
            self->count = 0;
        }
        mc_mutex_unlock(&self->mu);
    }
    return NULL;
}

/* ---- life cycle ---- */

static void set_defaults(mc_span_exporter_config *config)
{
    config->queue_max = config->queue_max ? config->queue_max : QUEUE_MAX;
    config->batch_max = config->batch_max ? config->batch_max : BATCH_MAX;
    if (config->batch_max > config->queue_max)
        config->batch_max = config->queue_max;
    config->interval_ms = config->interval_ms ? config->interval_ms : INTERVAL_MS;
    config->backoff_ms = config->backoff_ms ? config->backoff_ms : BACKOFF_MS;
    config->attempts = config->attempts ? config->attempts : ATTEMPTS;
    if (config->service_name.len == 0)
        config->service_name = MC_STR("metacore");
}

static bool allocate(mc_span_exporter *self)
{
    mc_span_exporter_config *config = &self->config;

    self->text = mc_arena_new(0);
    self->ring = calloc(config->queue_max, sizeof(*self->ring));
    self->batch = calloc(config->batch_max, sizeof(*self->batch));
    if (!self->text || !self->ring || !self->batch)
        return false;
    config->service_name = mc_str_copy(self->text, config->service_name);
    if (config->service_version.len) {
        config->service_version = mc_str_copy(self->text, config->service_version);
        if (!config->service_version.ptr)
            return false;
    }
    return config->service_name.ptr != NULL;
}

mc_code mc_span_exporter_new(const mc_span_exporter_config *config, mc_span_exporter **out,
                             mc_err *err)
{
    mc_span_exporter *self;
    int why;

    if (!config->send)
        return mc_fail(err, MC_INVALID, "spans: config.send is required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "spans");
    self->config = *config;
    set_defaults(&self->config);
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->wake);
    mc_buf_init(&self->body, 0);
    if (!allocate(self)) {
        mc_span_exporter_free(self);
        return mc_fail(err, MC_NO_MEMORY, "spans: %u in the queue", config->queue_max);
    }
    why = pthread_create(&self->thread, NULL, exporter_main, self);
    if (why) {
        mc_span_exporter_free(self);
        return mc_fail_errno(err, MC_LIMIT, why, "spans: thread");
    }
    self->is_started = true;
    *out = self;
    return MC_OK;
}

void mc_span_exporter_free(mc_span_exporter *self)
{
    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_cond_signal(&self->wake);
    mc_mutex_unlock(&self->mu);
    if (self->is_started)
        (void)pthread_join(self->thread, NULL);
    mc_cond_deinit(&self->wake);
    mc_mutex_deinit(&self->mu);
    mc_buf_deinit(&self->body);
    mc_arena_free(self->text);
    free(self->ring);
    free(self->batch);
    free(self);
}
