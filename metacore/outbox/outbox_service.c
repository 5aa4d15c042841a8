/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/outbox/outbox_internal.h"

#include "metacore/base/random.h"
#include "metacore/base/utf8.h"

#include <stdlib.h>

#define WORKERS 2
#define RETRY_BASE_MS 1000
#define RETRY_MAX_MS 3600000
#define POLL_MS 1000
#define DAY_S INT64_C(86400)

static int64_t or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static mc_outbox_config with_defaults(const mc_outbox_config *config)
{
    mc_outbox_config full = *config;

    if (full.workers == 0)
        full.workers = WORKERS;
    if (full.workers > MC__OUTBOX_WORKERS_MAX)
        full.workers = MC__OUTBOX_WORKERS_MAX;
    full.retry_base_ms = or_default(full.retry_base_ms, RETRY_BASE_MS);
    full.retry_max_ms = or_default(full.retry_max_ms, RETRY_MAX_MS);
    full.poll_ms = or_default(full.poll_ms, POLL_MS);
    full.done_retention_s = or_default(full.done_retention_s, DAY_S);
    full.dead_retention_s = or_default(full.dead_retention_s, 30 * DAY_S);
    return full;
}

mc_code mc_outbox_new(const mc_outbox_config *config, mc_outbox **out, mc_err *err)
{
    mc_outbox *self;
    mc_code rc;

    if (!config->db || !config->eventlog || !config->check)
        return mc_fail(err, MC_INVALID, "outbox: db, eventlog and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "outbox");
    self->config = with_defaults(config);
    self->dialect = mc_db_dialect_of(config->db);
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->jobs);
    mc__outbox_add_routes(self);
    rc = mc_eventlog_listen(config->eventlog, mc__outbox_on_event, self, err);
    if (rc != MC_OK) {
        mc_outbox_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

static mc_code start_thread(pthread_t *thread, void *(*main)(void *), void *user, bool *out_started,
                            mc_err *err)
{
    int why = pthread_create(thread, NULL, main, user);

    *out_started = why == 0;
    return why ? mc_fail_errno(err, MC_LIMIT, why, "outbox: thread") : MC_OK;
}

static mc_code recover_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn; /* in ctx */
    (void)user;
    return mc__jobs_recover(ctx, err);
}

/* One process: what is said to be running was the last one's. */
static mc_code recover(mc_outbox *self, mc_err *err)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now(self->config.clock)};
    mc_code rc = ctx.arena ? MC_OK : mc_fail(err, MC_NO_MEMORY, "outbox");

    if (rc == MC_OK && (self->config.is_alone || self->dialect == MC_DB_SQLITE))
        rc = mc_db_write(self->config.db, &ctx, recover_in, NULL, err);
    mc_arena_free(ctx.arena);
    return rc;
}

mc_code mc_outbox_start(mc_outbox *self, mc_err *err)
{
    mc_code rc = recover(self, err);

    for (size_t i = 0; i < self->consumer_count && rc == MC_OK; i++) {
        mc__consumer *consumer = &self->consumers[i];

        rc = start_thread(&consumer->thread, mc__consumer_main, consumer, &consumer->is_started,
                          err);
    }
    while (self->worker_count < self->config.workers && rc == MC_OK) {
        bool is_started;

        rc = start_thread(&self->workers[self->worker_count], mc__worker_main, self, &is_started,
                          err);
        self->worker_count += is_started;
    }
    return rc;
}

void mc_outbox_stop(mc_outbox *self)
{
    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_cond_broadcast(&self->jobs);
    for (size_t i = 0; i < self->consumer_count; i++)
        mc_cond_broadcast(&self->consumers[i].work);
    mc_mutex_unlock(&self->mu);
    for (size_t i = 0; i < self->consumer_count; i++) {
        if (self->consumers[i].is_started)
            (void)pthread_join(self->consumers[i].thread, NULL);
        self->consumers[i].is_started = false;
    }
    for (size_t i = 0; i < self->worker_count; i++)
        (void)pthread_join(self->workers[i], NULL);
    self->worker_count = 0;
}

void mc_outbox_free(mc_outbox *self)
{
    if (!self)
        return;
    mc_outbox_stop(self);
    for (size_t i = 0; i < self->consumer_count; i++)
        mc_cond_deinit(&self->consumers[i].work);
    mc_cond_deinit(&self->jobs);
    mc_mutex_deinit(&self->mu);
    free(self);
}

bool mc_outbox_is_stopping(mc_outbox *self)
{
    bool is_stopping;

    mc_mutex_lock(&self->mu);
    is_stopping = self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return is_stopping;
}

void mc__outbox_wake_workers(mc_outbox *self)
{
    mc_mutex_lock(&self->mu);
    self->job_signals++;
    mc_cond_signal(&self->jobs);
    mc_mutex_unlock(&self->mu);
}

/* ---- who takes what ---- */

bool mc__outbox_is_name(mc_str name)
{
    if (name.len == 0 || name.len > MC_OUTBOX_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

mc_code mc_outbox_consume(mc_outbox *self, mc_str name, mc_outbox_take_fn take, void *user,
                          mc_err *err)
{
    mc__consumer *consumer = &self->consumers[self->consumer_count];

    if (self->consumer_count == MC_OUTBOX_CONSUMERS_MAX)
        return mc_fail(err, MC_LIMIT, "outbox: more than %d consumers", MC_OUTBOX_CONSUMERS_MAX);
    if (!mc__outbox_is_name(name) || !take)
        return mc_fail(err, MC_INVALID, "outbox: a consumer's name is lower case, digits, . - _");
    for (size_t i = 0; i < self->consumer_count; i++) {
        if (mc_str_eq(mc_z(self->consumers[i].name), name))
            return mc_fail(err, MC_CONFLICT, "outbox: consumer %.*s twice", MC_FMT(name));
    }
    *consumer = (mc__consumer){.self = self, .take = take, .user = user, .is_all_dirty = true};
    memcpy(consumer->name, name.ptr, name.len);
    mc_cond_init(&consumer->work);
    self->consumer_count++;
    return MC_OK;
}

const mc_outbox_kind *mc__outbox_kind_of(const mc_outbox *self, mc_str name)
{
    for (size_t i = 0; i < self->kind_count; i++) {
        if (mc_str_eq(self->kinds[i].name, name))
            return &self->kinds[i];
    }
    return NULL;
}

mc_code mc_outbox_add_kind(mc_outbox *self, const mc_outbox_kind *kind, mc_err *err)
{
    size_t at = self->kind_count;

    if (at == MC_OUTBOX_KINDS_MAX)
        return mc_fail(err, MC_LIMIT, "outbox: more than %d kinds", MC_OUTBOX_KINDS_MAX);
    if (!mc__outbox_is_name(kind->name) || !kind->run)
        return mc_fail(err, MC_INVALID, "outbox: a kind's name is lower case, digits, . - _");
    if (mc__outbox_kind_of(self, kind->name))
        return mc_fail(err, MC_CONFLICT, "outbox: kind %.*s twice", MC_FMT(kind->name));
    memcpy(self->kind_names[at], kind->name.ptr, kind->name.len);
    self->kinds[at] = *kind;
    self->kinds[at].name = mc_z(self->kind_names[at]);
    if (self->kinds[at].lease_ms <= 0)
        self->kinds[at].lease_ms = 60000;
    self->kind_count++;
    return MC_OK;
}

/* ---- failing ---- */

/* Half of it is chance, so that what failed together does not come back together. */
int64_t mc__outbox_backoff_us(const mc_outbox *self, int64_t attempt)
{
    int64_t pause_ms = self->config.retry_base_ms;
    uint32_t chance = 0;

    for (int64_t i = 1; i < attempt && pause_ms < self->config.retry_max_ms; i++)
        pause_ms *= 2;
    if (pause_ms > self->config.retry_max_ms)
        pause_ms = self->config.retry_max_ms;
    if (mc_random_bytes(&chance, sizeof(chance), NULL) != MC_OK)
        chance = UINT32_MAX; /* the longer pause */
    return pause_ms * 500 + (int64_t)((double)pause_ms * 500 * ((double)chance / UINT32_MAX));
}

mc_str mc__outbox_error(const mc_err *err)
{
    return mc_utf8_truncate(mc_z(err->msg), MC__ERROR_MAX);
}

mc_outbox_counts mc_outbox_count(mc_outbox *self)
{
    mc_outbox_counts counts = {.done = atomic_load(&self->done),
                               .failed = atomic_load(&self->failed)};

    mc_mutex_lock(&self->mu);
    for (size_t i = 0; i < self->kind_count; i++)
        counts.running += self->running[i];
    mc_mutex_unlock(&self->mu);
    return counts;
}
