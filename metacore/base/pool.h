/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_POOL_H
#define METACORE_BASE_POOL_H

/**
 * pool: a fixed number of threads behind a bounded queue of jobs.
 *
 * The queue's bound is the back-pressure: a full one refuses with MC_LIMIT, which becomes a 503
 * with Retry-After instead of a growing wait.
 *
 * Threads: thread-safe.
 */

#include "metacore/base/err.h"

MC_BEGIN_DECLS

typedef struct mc_pool mc_pool;

/** A unit of work, embedded in the caller's object; it is the caller's again when run starts. */
typedef struct mc_job {
    struct mc_job *next;
    void (*run)(struct mc_job *job);
} mc_job;

typedef struct mc_pool_config {
    uint32_t struct_size;
    uint32_t threads;                 /* 0: 2 */
    uint32_t queue_max;               /* 0: 1024 */
    const char *name;                 /* threads' name, at most 15 bytes; NULL: "mc-pool" */
    void (*thread_start)(void *user); /* in each thread before its first job; may be NULL */
    void (*thread_stop)(void *user);  /* in each thread after its last; may be NULL */
    void *user;
} mc_pool_config;
#define MC_POOL_CONFIG .struct_size = sizeof(mc_pool_config)

MC_API MC_MUST_USE mc_code mc_pool_new(const mc_pool_config *config, mc_pool **out, mc_err *err);
/** Runs what is queued, then joins the threads. */
MC_API void mc_pool_free(mc_pool *pool);
/** MC_LIMIT when queue_max jobs wait; the job is untouched then. */
MC_API MC_MUST_USE mc_code mc_pool_submit(mc_pool *pool, mc_job *job, mc_err *err);

/** What is going on and what was done since it was made. */
typedef struct mc_pool_stats {
    uint32_t threads;
    uint32_t running; /* jobs */
    uint32_t queued;
    uint32_t queue_max;
    uint64_t done_total;
    uint64_t refused_total;
} mc_pool_stats;
MC_API void mc_pool_get_stats(mc_pool *pool, mc_pool_stats *out);

MC_END_DECLS
#endif
