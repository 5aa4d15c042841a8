/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/sync.h"

#include <errno.h>
#include <time.h>

/* pthreads' calls below fail only for mutexes that were never made or are not held: our mistakes,
 * which Clang's analysis finds. */

void mc_mutex_init(mc_mutex *mu)
{
    (void)pthread_mutex_init(&mu->mu, NULL);
}

void mc_mutex_deinit(mc_mutex *mu)
{
    (void)pthread_mutex_destroy(&mu->mu);
}

void mc_mutex_lock(mc_mutex *mu) MC_NO_THREAD_ANALYSIS
{
    (void)pthread_mutex_lock(&mu->mu);
}

void mc_mutex_unlock(mc_mutex *mu) MC_NO_THREAD_ANALYSIS
{
    (void)pthread_mutex_unlock(&mu->mu);
}

void mc_cond_init(mc_cond *cond)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&cond->cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

void mc_cond_deinit(mc_cond *cond)
{
    (void)pthread_cond_destroy(&cond->cond);
}

void mc_cond_signal(mc_cond *cond)
{
    (void)pthread_cond_signal(&cond->cond);
}

void mc_cond_broadcast(mc_cond *cond)
{
    (void)pthread_cond_broadcast(&cond->cond);
}

void mc_cond_wait(mc_cond *cond, mc_mutex *mu)
{
    (void)pthread_cond_wait(&cond->cond, &mu->mu);
}

bool mc_cond_wait_for(mc_cond *cond, mc_mutex *mu, int64_t timeout_us)
{
    struct timespec until;
    int64_t ns;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    timeout_us = timeout_us > 0 ? timeout_us : 0;
    ns = until.tv_nsec + timeout_us % 1000000 * 1000;
    until.tv_sec += timeout_us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(&cond->cond, &mu->mu, &until) != ETIMEDOUT;
}
