/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_SYNC_H
#define METACORE_BASE_SYNC_H

/**
 * sync: mutex and condition of pthreads, annotated so that Clang checks who holds what.
 *
 * Locking cannot fail here: the mutexes are plain, initialised and never destroyed while held.
 */

#include "metacore/base/base.h"

#include <pthread.h>

MC_BEGIN_DECLS

typedef struct MC_CAPABILITY("mutex") mc_mutex {
    pthread_mutex_t mu;
} mc_mutex;

typedef struct mc_cond {
    pthread_cond_t cond; /* waits on CLOCK_MONOTONIC */
} mc_cond;

MC_API void mc_mutex_init(mc_mutex *mu);
MC_API void mc_mutex_deinit(mc_mutex *mu);
MC_API void mc_mutex_lock(mc_mutex *mu) MC_ACQUIRES(*mu);
MC_API void mc_mutex_unlock(mc_mutex *mu) MC_RELEASES(*mu);

MC_API void mc_cond_init(mc_cond *cond);
MC_API void mc_cond_deinit(mc_cond *cond);
MC_API void mc_cond_signal(mc_cond *cond);
MC_API void mc_cond_broadcast(mc_cond *cond);
MC_API void mc_cond_wait(mc_cond *cond, mc_mutex *mu) MC_REQUIRES(*mu);
/** False when timeout_us passed without a signal. */
MC_API bool mc_cond_wait_for(mc_cond *cond, mc_mutex *mu, int64_t timeout_us) MC_REQUIRES(*mu);

MC_END_DECLS
#endif
