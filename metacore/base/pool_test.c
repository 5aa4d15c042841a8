/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/pool.h"

#include "metacore/base/sync.h"

#include "mc_test.h"

#include <stdatomic.h>

#define JOBS 1000

static atomic_int ran, started, stopped;

static void count(mc_job *job)
{
    (void)job;
    atomic_fetch_add(&ran, 1);
}

static void on_start(void *user)
{
    (void)user;
    atomic_fetch_add(&started, 1);
}

static void on_stop(void *user)
{
    (void)user;
    atomic_fetch_add(&stopped, 1);
}

MC_TEST("a pool runs every job once before it is gone")
{
    static mc_job jobs[JOBS];
    mc_pool *pool = NULL;
    mc_err err;

    MC_REQUIRE_OK(mc_pool_new(&(mc_pool_config){MC_POOL_CONFIG, .threads = 3, .queue_max = JOBS,
                                                .thread_start = on_start, .thread_stop = on_stop},
                              &pool, &err),
                  &err);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].run = count;
        MC_EXPECT_OK(mc_pool_submit(pool, &jobs[i], &err), &err);
    }
    mc_pool_free(pool);
    MC_EXPECT_EQ(atomic_load(&ran), JOBS);
    MC_EXPECT_EQ(atomic_load(&started), 3);
    MC_EXPECT_EQ(atomic_load(&stopped), 3);
}

static mc_mutex gate;

static void wait_at_gate(mc_job *job) MC_NO_THREAD_ANALYSIS
{
    (void)job;
    mc_mutex_lock(&gate);
    mc_mutex_unlock(&gate);
}

MC_TEST("a full queue refuses with LIMIT, and all is counted")
{
    mc_job jobs[8];
    mc_pool *pool = NULL;
    mc_pool_stats stats;
    int taken = 0;
    mc_err err;

    mc_mutex_init(&gate);
    mc_mutex_lock(&gate);
    MC_REQUIRE_OK(
        mc_pool_new(&(mc_pool_config){MC_POOL_CONFIG, .threads = 1, .queue_max = 2}, &pool, &err),
        &err);
    for (size_t i = 0; i < MC_LEN(jobs); i++) {
        jobs[i].run = wait_at_gate;
        taken += mc_pool_submit(pool, &jobs[i], &err) == MC_OK;
    }
    MC_EXPECT(taken == 2 || taken == 3); /* one may already have left the queue */
    MC_EXPECT_EQ(err.code, MC_LIMIT);
    mc_pool_get_stats(pool, &stats);
    MC_EXPECT_EQ(stats.threads, 1);
    MC_EXPECT_EQ(stats.queue_max, 2);
    MC_EXPECT_EQ(stats.queued + stats.running, taken);
    MC_EXPECT_EQ(stats.refused_total, (int)MC_LEN(jobs) - taken);
    MC_EXPECT_EQ(stats.done_total, 0);
    mc_mutex_unlock(&gate);
    while (stats.done_total < (uint64_t)taken)
        mc_pool_get_stats(pool, &stats);
    MC_EXPECT_EQ(stats.queued + stats.running, 0);
    mc_pool_free(pool);
    mc_mutex_deinit(&gate);
}

static mc_code make_and_free(mc_err *err)
{
    mc_pool *pool = NULL;
    mc_code rc = mc_pool_new(&(mc_pool_config){MC_POOL_CONFIG}, &pool, err);

    mc_pool_free(pool);
    return rc;
}

MC_TEST("a pool without memory is an ordinary error")
{
    MC_TEST_OOM(make_and_free);
}
