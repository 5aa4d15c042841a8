/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/pool.h"

#include "metacore/base/sync.h"

#include <stdlib.h>

#define THREADS_DEFAULT 2
#define QUEUE_DEFAULT 1024

struct mc_pool {
    mc_pool_config config; /* set once, by new */
    pthread_t *threads;
    uint32_t thread_count;

    mc_mutex mu;
    mc_cond work;  /* signalled with each job, and when stopping */
    mc_job *first; /* guarded by mu, as all below */
    mc_job **last;
    uint32_t queued;
    uint32_t running;
    uint64_t done;
    uint64_t refused;
    bool is_stopping;
};

/* has_run: the caller comes back from the last one. */
static mc_job *next_job(mc_pool *pool, bool has_run)
{
    mc_job *job;

    mc_mutex_lock(&pool->mu);
    pool->running -= has_run;
    pool->done += has_run;
    while (!pool->first && !pool->is_stopping)
        mc_cond_wait(&pool->work, &pool->mu);
    job = pool->first;
    if (job) {
        pool->first = job->next;
        pool->queued--;
        pool->running++;
        if (!pool->first)
            pool->last = &pool->first;
    }
    mc_mutex_unlock(&pool->mu);
    return job;
}

static void *thread_main(void *user)
{
    mc_pool *pool = user;
    mc_job *job;
    bool has_run = false;

    if (pool->config.name)
        (void)pthread_setname_np(pthread_self(), pool->config.name); /* only a convenience */
    if (pool->config.thread_start)
        pool->config.thread_start(pool->config.user);
    while ((job = next_job(pool, has_run))) {
        job->run(job);
        has_run = true;
    }
    if (pool->config.thread_stop)
        pool->config.thread_stop(pool->config.user);
    return NULL;
}

mc_code mc_pool_new(const mc_pool_config *config, mc_pool **out, mc_err *err)
{
    uint32_t wanted = config->threads ? config->threads : THREADS_DEFAULT;
    mc_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return mc_fail(err, MC_NO_MEMORY, "pool");
    pool->config = *config;
    pool->config.name = config->name ? config->name : "mc-pool";
    pool->config.queue_max = config->queue_max ? config->queue_max : QUEUE_DEFAULT;
    pool->last = &pool->first;
    mc_mutex_init(&pool->mu);
    mc_cond_init(&pool->work);
    pool->threads = calloc(wanted, sizeof(*pool->threads));
    if (!pool->threads) {
        mc_pool_free(pool);
        return mc_fail(err, MC_NO_MEMORY, "pool of %u threads", wanted);
    }
    for (; pool->thread_count < wanted; pool->thread_count++) {
        int why = pthread_create(&pool->threads[pool->thread_count], NULL, thread_main, pool);

        if (why) {
            mc_pool_free(pool);
            return mc_fail_errno(err, MC_LIMIT, why, "pool: thread");
        }
    }
    *out = pool;
    return MC_OK;
}

void mc_pool_free(mc_pool *pool)
{
    if (!pool)
        return;
    mc_mutex_lock(&pool->mu);
    pool->is_stopping = true;
    mc_cond_broadcast(&pool->work);
    mc_mutex_unlock(&pool->mu);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        (void)pthread_join(pool->threads[i], NULL);
    mc_cond_deinit(&pool->work);
    mc_mutex_deinit(&pool->mu);
    free(pool->threads);
    free(pool);
}

mc_code mc_pool_submit(mc_pool *pool, mc_job *job, mc_err *err)
{
    bool is_full;

    mc_mutex_lock(&pool->mu);
    is_full = pool->is_stopping || pool->queued >= pool->config.queue_max;
    if (!is_full) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->queued++;
        mc_cond_signal(&pool->work);
    } else {
        pool->refused++;
    }
    mc_mutex_unlock(&pool->mu);
    return is_full ? mc_fail(err, MC_LIMIT, "the server is busy") : MC_OK;
}

void mc_pool_get_stats(mc_pool *pool, mc_pool_stats *out)
{
    mc_mutex_lock(&pool->mu);
    *out = (mc_pool_stats){.threads = pool->thread_count,
                           .running = pool->running,
                           .queued = pool->queued,
                           .queue_max = pool->config.queue_max,
                           .done_total = pool->done,
                           .refused_total = pool->refused};
    mc_mutex_unlock(&pool->mu);
}
