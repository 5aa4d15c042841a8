/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_EXECUTOR_H
#define METACORE_HOST_EXECUTOR_H

/**
 * executor: takes a request from the server to its route and back, each part on its right thread.
 *
 *   loop thread   match, identify, language, prepare (READ and WRITE), handle of READ under a
 *                 budget, and of a cheap refusal
 *   writer        handle of WRITE, in the group's transaction; answered after the commit
 *   pool          all of POOL; a READ that went over its budget, from the start
 *   long pool     handle of LONG and the stream that it starts
 *
 * With PostgreSQL every route runs in the pool. A request holds at most one pool slot.
 *
 * Threads: thread-safe once created.
 */

#include "metacore/auth/auth.h"
#include "metacore/base/pool.h"
#include "metacore/db/db.h"
#include "metacore/dynamic/dynamic.h"
#include "metacore/httpx/httpx.h"
#include "metacore/i18n/i18n.h"
#include "metacore/log/log.h"
#include "metacore/metrics/metrics.h"
#include "metacore/obs/span_exporter.h"
#include "metacore/server/server.h"

MC_BEGIN_DECLS

#define MC_READ_BUDGET_US 2000

typedef struct mc_executor mc_executor;

/** Everything is required unless said, borrowed, and outlives the executor. */
typedef struct mc_executor_config {
    uint32_t struct_size;
    mc_db *db;
    mc_auth *auth;
    mc_i18n *i18n;
    mc_dynamic *dynamic; /* whom writes ask that have to be decided about */
    const mc_http_router *router;
    const mc_http_cors *cors; /* NULL: none */
    mc_log *log;              /* NULL: silent */
    mc_clock clock;
    unsigned loops;          /* as the server's */
    unsigned workers;        /* pool threads; 0: two per core */
    unsigned long_workers;   /* threads for MC_HTTP_LONG; 0: 24 */
    mc_metric *requests;     /* counter of method, path and status; NULL: not counted */
    mc_metric *durations;    /* histogram of method and path, in microseconds; NULL: not counted */
    int access_sample;       /* of requests that went well one in so many is logged; 0: all,
                                negative: none */
    mc_span_exporter *spans; /* told of what was served; NULL: nobody is */
    double trace_untold;     /* of traces that begin here so much is not told, 0 to 1 */
} mc_executor_config;
#define MC_EXECUTOR_CONFIG .struct_size = sizeof(mc_executor_config)

MC_API MC_MUST_USE mc_code mc_executor_new(const mc_executor_config *config, mc_executor **out,
                                           mc_err *err);
/** After the server has stopped. */
MC_API void mc_executor_free(mc_executor *self);
/** The read-only connection of a loop, for its thread; NULL before it starts. */
MC_API mc_db_conn *mc_executor_loop_conn(mc_executor *self, unsigned loop);
/** The pool, and the one for MC_HTTP_LONG. */
MC_API void mc_executor_get_stats(mc_executor *self, mc_pool_stats *out_pool,
                                  mc_pool_stats *out_long);
/** What the server calls; its user is the executor. */
MC_API mc_server_handler mc_executor_handler(mc_executor *self);

MC_END_DECLS
#endif
