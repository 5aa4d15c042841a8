/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OUTBOX_OUTBOX_INTERNAL_H
#define METACORE_OUTBOX_OUTBOX_INTERNAL_H

#include "metacore/base/sync.h"
#include "metacore/outbox/outbox.h"

#include <stdatomic.h>

#define MC__OUTBOX_ROUTES 11
#define MC__OUTBOX_WORKERS_MAX 64
#define MC__DIRTY_MAX 64  /* organizations; more: all are looked at */
#define MC__ERROR_MAX 200 /* bytes of an error that is kept */

typedef struct mc__consumer {
    struct mc_outbox *self;
    char name[MC_OUTBOX_NAME_MAX + 1];
    mc_outbox_take_fn take;
    void *user;
    pthread_t thread;
    bool is_started;
    mc_cond work;
    mc_uuid dirty[MC__DIRTY_MAX]; /* guarded by self->mu, as both below */
    size_t dirty_count;
    bool is_all_dirty;
} mc__consumer;

struct mc_outbox {
    mc_outbox_config config;
    mc_db_dialect dialect;
    mc_http_route routes[MC__OUTBOX_ROUTES];
    mc__consumer consumers[MC_OUTBOX_CONSUMERS_MAX];
    size_t consumer_count;
    mc_outbox_kind kinds[MC_OUTBOX_KINDS_MAX];
    char kind_names[MC_OUTBOX_KINDS_MAX][MC_OUTBOX_NAME_MAX + 1];
    size_t kind_count;
    pthread_t workers[MC__OUTBOX_WORKERS_MAX];
    size_t worker_count; /* that were started */
    mc_mutex mu;
    mc_cond jobs;
    uint64_t job_signals;                  /* guarded by mu: grows with each enqueue */
    bool is_stopping;                      /* guarded by mu */
    unsigned running[MC_OUTBOX_KINDS_MAX]; /* guarded by mu: jobs of each kind, here */
    mc_uuid last_org[MC_OUTBOX_KINDS_MAX]; /* guarded by mu: that a job was taken of */
    size_t first_kind;                     /* guarded by mu: that is asked first next time */
    _Atomic(uint64_t) done, failed;
};

bool mc__outbox_is_name(mc_str name);
const mc_outbox_kind *mc__outbox_kind_of(const mc_outbox *self, mc_str name);
/* The pause before the next attempt: doubled each time, of which half is chance. */
int64_t mc__outbox_backoff_us(const mc_outbox *self, int64_t attempt);
/* A message cut to MC__ERROR_MAX whole characters. */
mc_str mc__outbox_error(const mc_err *err);
void mc__outbox_wake_workers(mc_outbox *self);

/* outbox_relay.c: a consumer's thread; user is an mc__consumer. */
void *mc__consumer_main(void *user);
void mc__outbox_on_event(void *user, mc_uuid org_id);
/* outbox_worker.c: a worker's thread; user is the service. */
void *mc__worker_main(void *user);

/* outbox_jobs.c; each in ctx->conn's transaction */
/* Takes the job that is due longest, of the organization whose turn it is and of a kind that is not
 * at its limit here, and counts it as running (mc__job_released); false: none is. */
mc_code mc__job_claim(mc_outbox *self, mc_ctx *ctx, mc_outbox_job *out, bool *out_found,
                      mc_err *err);
/* CONFLICT: the job is another's by now. */
mc_code mc__job_done(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err);
/* ctx->retry_after_s: the pause is no shorter. */
mc_code mc__job_failed(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job *job, const mc_err *why,
                       mc_err *err);
/* No longer running here, whatever became of it. */
void mc__job_released(mc_outbox *self, mc_str kind);
/* Ends the leases of all: of the one process of a database, when it starts. */
mc_code mc__jobs_recover(mc_ctx *ctx, mc_err *err);
/* When the next is due; INT64_MAX: none waits. */
mc_code mc__job_next_due(mc_ctx *ctx, mc_time *out, mc_err *err);
mc_code mc__jobs_forget(mc_outbox *self, mc_ctx *ctx, mc_err *err);
/* text as a JSON object's value, or null. INVALID naming what. TOO_LARGE. */
mc_code mc__payload_value(mc_ctx *ctx, mc_str text, const char *what, mc_db_value *out,
                          mc_err *err);

/* outbox_schedules.c */
/* Makes the jobs whose time has come; when the next does. */
mc_code mc__schedules_run(mc_outbox *self, mc_ctx *ctx, mc_err *err);
mc_code mc__schedules_next(mc_ctx *ctx, mc_time *out, mc_err *err);

/* outbox_handler.c */
void mc__outbox_add_routes(mc_outbox *self);

#endif
