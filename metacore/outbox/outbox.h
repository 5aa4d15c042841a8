/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OUTBOX_OUTBOX_H
#define METACORE_OUTBOX_OUTBOX_H

/**
 * outbox: what follows a commit: events handed to those who must not miss one, and durable jobs.
 *
 * Consumers read the event log (eventlog), each with a cursor of its own per organization and in a
 * thread of its own: events come in the order of their numbers, at least once, with the same id
 * each time. One that fails gets the same events again after a pause that doubles; neither other
 * consumers nor other organizations wait for it.
 *
 * Jobs are enqueued in the caller's transaction. Organizations take turns, for each kind of job,
 * and within one the job that is due longest is next. Whoever takes one has it for the time of its
 * lease; each taking has a higher fence, and only the holder of the latest can end the job. A job
 * that fails is tried again after a pause that doubles, with jitter, until its attempts are used
 * up: then it is dead, and waits for somebody to retry or purge it. Schedules make jobs by cron
 * expressions, in UTC, once per time however many processes there are; times that passed while none
 * ran are made up for by one job.
 *
 *   GET POST   /outbox/jobs              ?status= &kind= &limit= &before=<id>
 *   GET DELETE /outbox/jobs/:id
 *   POST       /outbox/jobs/:id/retry    of a dead one
 *   POST       /outbox/jobs/purge        {"status":"dead"|"done"}
 *   GET POST   /outbox/schedules         {name, cron, kind, payload?}
 *   DELETE     /outbox/schedules/:id
 *   GET        /outbox/consumers         how far each has read
 *   POST       /outbox/consumers/:name/skip   gives up the event it fails on
 * for holders of outbox.manage, each of their own organization.
 *
 * Tables:   outbox_cursors, outbox_jobs, outbox_schedules.
 * Not here: what an event is (eventlog), what consumers and kinds do (their own packages).
 * Threads:  thread-safe once started; consumers and kinds are added before.
 */

#include "metacore/base/ctx.h"
#include "metacore/db/db.h"
#include "metacore/eventlog/eventlog.h"
#include "metacore/httpx/httpx.h"
#include "metacore/log/log.h"

MC_BEGIN_DECLS

#define MC_OUTBOX_CONSUMERS_MAX 16
#define MC_OUTBOX_KINDS_MAX 64
#define MC_OUTBOX_NAME_MAX 63 /* bytes of a consumer's, kind's or schedule's name */
#define MC_OUTBOX_DEDUPE_MAX 255
#define MC_OUTBOX_PAYLOAD_MAX ((size_t)64 << 10)
#define MC_OUTBOX_BATCH_MAX 100 /* events at once */
#define MC_OUTBOX_ATTEMPTS 12
#define MC_OUTBOX_ATTEMPTS_MAX 100
#define MC_OUTBOX_SCHEDULES_MAX 200 /* of one organization */

typedef struct mc_outbox mc_outbox;

/** Zero is "the default" in every field. */
typedef struct mc_outbox_config {
    uint32_t struct_size;
    mc_db *db;             /* required; borrowed, as all below */
    mc_eventlog *eventlog; /* required */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
    mc_log *log; /* NULL: silent */
    mc_clock clock;
    unsigned workers;         /* threads that run jobs; 0: 2 */
    int64_t retry_base_ms;    /* the first pause; 0: 1000 */
    int64_t retry_max_ms;     /* the longest; 0: one hour */
    int64_t poll_ms;          /* what is due by other processes' doing; 0: 1000 */
    int64_t done_retention_s; /* 0: a day */
    int64_t dead_retention_s; /* 0: 30 days */
    bool is_alone; /* no other process serves from this database: leases that are there at the
                      start are of one that is gone; of SQLite always */
} mc_outbox_config;
#define MC_OUTBOX_CONFIG .struct_size = sizeof(mc_outbox_config)

MC_API MC_MUST_USE mc_code mc_outbox_new(const mc_outbox_config *config, mc_outbox **out,
                                         mc_err *err);
MC_API MC_MUST_USE mc_code mc_outbox_start(mc_outbox *self, mc_err *err);
/** Lets what runs end, and takes nothing new. Before the database is closed. */
MC_API void mc_outbox_stop(mc_outbox *self);
/** For jobs and consumers that take long: they end soon then, with a failure, and come again. */
MC_API bool mc_outbox_is_stopping(mc_outbox *self);
MC_API void mc_outbox_free(mc_outbox *self);

/* ---- events ---- */

/**
 * Up to MC_OUTBOX_BATCH_MAX events of one organization. ctx is for that organization and nobody of
 * it, without a connection.
 *
 * out_done  how many of them are done, from the first on; counts on failure too, and is count when
 *           all are
 */
typedef mc_code (*mc_outbox_take_fn)(void *user, mc_ctx *ctx, const mc_event *events, size_t count,
                                     size_t *out_done, mc_err *err);

/** Before start. name is the cursors': lower case, digits, dots, dashes. A new consumer begins with
 *  the oldest event that is kept. Errors: INVALID, CONFLICT: a name twice. LIMIT. */
MC_API MC_MUST_USE mc_code mc_outbox_consume(mc_outbox *self, mc_str name, mc_outbox_take_fn take,
                                             void *user, mc_err *err);

/* ---- jobs ---- */

typedef struct mc_outbox_job {
    mc_uuid id;
    mc_uuid org_id;   /* nil: the system's own */
    mc_uuid actor_id; /* who enqueued it; nil: nobody */
    mc_str kind;
    mc_str payload;  /* a JSON object's text; empty: none */
    int64_t attempt; /* from 1 */
    int64_t fence;
} mc_outbox_job;

/**
 * Does a job; ctx is for its organization and actor. Its failure is a reason to try again, no
 * sooner than ctx->retry_after_s if it sets that; REJECTED is final: the job is dead at once.
 */
typedef mc_code (*mc_outbox_job_fn)(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err);

/** Zero is "the default" in every field. */
typedef struct mc_outbox_kind {
    mc_str name; /* required, as a consumer's */
    mc_outbox_job_fn run;
    void *user;
    int64_t lease_ms;    /* 0: 60000; one that takes longer calls mc_outbox_extend */
    bool in_transaction; /* run writes in ctx->conn, and is done exactly when that commits */
    bool is_public;      /* administrators may enqueue it by HTTP */
    bool is_forgotten;   /* of one that is done nothing is kept */
    unsigned at_once;    /* of this kind in this process, at most, so that a slow one leaves workers
                            to the others; 0: no limit */
} mc_outbox_kind;

MC_API MC_MUST_USE mc_code mc_outbox_add_kind(mc_outbox *self, const mc_outbox_kind *kind,
                                              mc_err *err);

/** Zero is "the default" in every field. */
typedef struct mc_outbox_job_input {
    mc_str kind;       /* required; somebody runs it, here or elsewhere */
    mc_str payload;    /* a JSON object's text, checked; empty: none */
    mc_time run_at;    /* 0: now */
    mc_str dedupe_key; /* while one of kind and key waits or runs there is no second; empty: none */
    int64_t max_attempts; /* 0: MC_OUTBOX_ATTEMPTS */
} mc_outbox_job_input;

/** In ctx->conn's transaction, for ctx's organization. out_id (may be NULL) is of the job that was
 *  there already, if one was. Errors: INVALID, TOO_LARGE. */
MC_API MC_MUST_USE mc_code mc_outbox_enqueue(mc_outbox *self, mc_ctx *ctx,
                                             const mc_outbox_job_input *in, mc_uuid *out_id,
                                             mc_err *err);
/** The lease of a job that runs begins anew. Errors: CONFLICT: it is another's by now; stop. */
MC_API MC_MUST_USE mc_code mc_outbox_extend(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job *job,
                                            mc_err *err);

/** Of all organizations: jobs that wait or run, since when the one due longest is (0: none), and
 *  dead ones. On ctx->conn. */
MC_API MC_MUST_USE mc_code mc_outbox_depth(mc_outbox *self, mc_ctx *ctx, int64_t *out_open,
                                           mc_time *out_due, int64_t *out_dead, mc_err *err);

/** Of this process since its start. */
typedef struct mc_outbox_counts {
    uint64_t done;
    uint64_t failed; /* attempts; the job comes again, or is dead */
    unsigned running;
} mc_outbox_counts;
/** Any thread. */
MC_API mc_outbox_counts mc_outbox_count(mc_outbox *self);

/* ---- schedules ---- */

/** Makes or replaces ctx's organization's schedule of that name, in ctx->conn's transaction.
 *  Errors: INVALID naming the field. LIMIT. */
MC_API MC_MUST_USE mc_code mc_outbox_schedule(mc_outbox *self, mc_ctx *ctx, mc_str name,
                                              mc_str cron, mc_str kind, mc_str payload,
                                              mc_uuid *out_id, mc_err *err);

/** When to run: five fields, minute hour day month weekday, in UTC. */
typedef struct mc_cron {
    uint64_t minutes; /* a bit for each value */
    uint32_t hours;
    uint32_t days;       /* 1-31 */
    uint16_t months;     /* 1-12 */
    uint8_t weekdays;    /* 0-6, Sunday first */
    bool is_any_day;     /* the field begins with *: then the other of the two decides */
    bool is_any_weekday; /* else either is enough, as cron has it */
} mc_cron;

/** Fields are *, n, a-b, lists by commas, each with /step; months and weekdays also by their
 * English names' first three letters; 7 is Sunday too. @hourly, @daily, @weekly, @monthly, @yearly.
 *  Errors: INVALID naming the field; a date that never comes. */
MC_API MC_MUST_USE mc_code mc_cron_parse(mc_str text, mc_cron *out, mc_err *err);
/** The first time after t, to the minute; false: none within eight years. */
MC_API bool mc_cron_next(const mc_cron *cron, mc_time t, mc_time *out);

/* ---- HTTP ---- */

/** Under /api; borrowed, for self's life. */
MC_API const mc_http_route *mc_outbox_routes(mc_outbox *self, size_t *out_count);

MC_END_DECLS
#endif
