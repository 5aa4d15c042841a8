/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: one thread, one connection, one commit for all that waits; and the checkpoints. */
#include "metacore/db/sqlite_internal.h"

#include <stdlib.h>

#define WAL_PAGES_BEFORE_CHECKPOINT 4000
#define IDLE_US 1000000 /* without work before the WAL is emptied */

static int64_t monotonic_us(void)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

/* ---- the queue ---- */

/* Takes from *jobs what finds room and leaves the rest there; the failure is the rest's. */
static mc_code append(mc__sqlite *self, mc_db_job **jobs, mc_err *err)
{
    unsigned refused = 0;
    bool is_stopping;

    mc_mutex_lock(&self->mu);
    is_stopping = self->is_stopping;
    while (*jobs && !is_stopping && self->queued < self->config.queue_max) {
        mc_db_job *job = *jobs;

        *jobs = job->next;
        job->next = NULL;
        *self->last = job;
        self->last = &job->next;
        if (self->queued++ == 0)
            mc_cond_signal(&self->work);
    }
    mc_mutex_unlock(&self->mu);
    if (!*jobs)
        return MC_OK;
    for (const mc_db_job *job = *jobs; job; job = job->next)
        refused++;
    atomic_fetch_add_explicit(&self->counters.refused, refused, memory_order_relaxed);
    return is_stopping ? mc_fail(err, MC_UNAVAILABLE, "the database is closing")
                       : mc_fail(err, MC_LIMIT, "too many writes are waiting");
}

mc_code mc__sqlite_submit(void *driver, mc_db_job *job, mc_err *err)
{
    job->next = NULL;
    return append(driver, &job, err);
}

void mc__sqlite_submit_all(void *driver, mc_db_job *jobs)
{
    mc_err err;
    mc_code rc = append(driver, &jobs, &err);

    while (jobs) {
        mc_db_job *job = jobs;

        jobs = job->next; /* job is its owner's again once done is called */
        job->err = err;
        job->done(job, rc);
    }
}

/* A job that wants to be alone is taken alone, and never into a group that has begun. */
static bool may_join(const mc_db_job *job, const mc_db_job *first, bool is_group)
{
    if (job == first)
        return !job->is_alone || !is_group;
    return !job->is_alone && !first->is_alone;
}

/* At most max jobs off the queue; empty when timeout_us (negative: none) passed or at the end. */
static mc_db_job *take_jobs(mc__sqlite *self, uint32_t max, int64_t timeout_us, bool is_group,
                            bool *is_over)
{
    mc_db_job *first, **last;
    uint32_t count = 0;

    mc_mutex_lock(&self->mu);
    while (!self->first && !self->is_stopping) {
        if (timeout_us < 0)
            mc_cond_wait(&self->work, &self->mu);
        else if (timeout_us == 0 || !mc_cond_wait_for(&self->work, &self->mu, timeout_us))
            break;
    }
    first = self->first;
    last = &self->first;
    while (*last && count < max && may_join(*last, first, is_group)) {
        last = &(*last)->next;
        count++;
    }
    if (count) {
        self->first = *last;
        if (!self->first)
            self->last = &self->first;
        *last = NULL;
        self->queued -= count;
    }
    *is_over = self->is_stopping && !first;
    mc_mutex_unlock(&self->mu);
    return count ? first : NULL;
}

/* ---- a group ---- */

static void run_job(mc__sqlite *self, mc_db_job *job)
{
    job->err.code = MC_OK;
    job->err.msg[0] = '\0';
    job->err.code = mc__db_run(&self->writer->base, job->ctx, job->fn, job->user, &job->err);
}

/* Runs jobs and what joined the queue meanwhile, within the group's bounds; returns the whole list.
 */
static void run_group(mc__sqlite *self, mc_db_job *jobs)
{
    int64_t end_us = monotonic_us() + self->config.group_max_us;
    mc_db_job *last = NULL;
    uint32_t count = 0;

    while (jobs) {
        bool is_over;

        for (mc_db_job *job = jobs; job; job = job->next) {
            run_job(self, job);
            last = job;
            count++;
        }
        if (count >= self->config.group_max || monotonic_us() >= end_us)
            return;
        jobs = take_jobs(self, self->config.group_max - count, 0, true, &is_over);
        last->next = jobs;
    }
}

static void complete(const mc__sqlite *self, mc_db_job *jobs, mc_code rc, const mc_err *err)
{
    const mc_db_config *config = &self->config;

    if (config->around_done)
        config->around_done(config->around_done_user, false);
    while (jobs) {
        mc_db_job *job = jobs;

        jobs = job->next; /* job is its owner's again once done is called */
        if (rc != MC_OK) {
            job->err = *err;
            job->err.code = rc;
        }
        job->done(job, job->err.code);
    }
    if (config->around_done)
        config->around_done(config->around_done_user, true);
}

static void tell_group(const mc__sqlite *self, const mc_db_job *jobs, mc_code rc, int64_t began_us,
                       int64_t ran_us)
{
    mc_db_group group = {.run_us = ran_us - began_us, .rc = rc};

    if (!self->config.on_group)
        return;
    group.commit_us = monotonic_us() - ran_us;
    for (; jobs; jobs = jobs->next) {
        group.jobs++;
        group.failed += rc != MC_OK || jobs->err.code != MC_OK;
    }
    self->config.on_group(self->config.on_group_user, &group);
}

static void do_group(mc__sqlite *self, mc_db_job *jobs)
{
    mc_db_conn *conn = &self->writer->base;
    int64_t began_us = monotonic_us(), ran_us = began_us;
    mc_err err;
    mc_code rc = mc_db_begin(conn, &err);

    if (rc == MC_OK) {
        self->writer->is_grouped = true;
        run_group(self, jobs);
        self->writer->is_grouped = false;
        ran_us = monotonic_us();
        rc = mc_db_commit(conn, &err);
    }
    tell_group(self, jobs, rc, began_us, ran_us);
    complete(self, jobs, rc, &err);
}

static void do_alone(mc__sqlite *self, mc_db_job *job)
{
    mc_db_conn *conn = &self->writer->base;
    mc_err ignored;

    job->err = (mc_err){MC_OK, ""};
    job->err.code = mc__db_run_alone(conn, job->ctx, job->fn, job->user, &job->err);
    /* The one setting that migrations change for themselves, and whose loss would be silent. */
    MC_IGNORE(mc__sqlite_simple(self->writer, "PRAGMA foreign_keys = ON", &ignored));
    complete(self, job, MC_OK, NULL);
}

/* ---- checkpoints: here only, for two connections at it can corrupt a WAL (before 3.51.3) ---- */

static void set_wal_pages(mc__sqlite *self, int pages)
{
    self->wal_pages = pages;
    atomic_store_explicit(&self->counters.wal_pages, (unsigned)pages, memory_order_relaxed);
}

static void checkpoint(mc__sqlite *self, int mode)
{
    int frames = 0, moved = 0;

    /* Busy readers make it partial: the rest waits for the next one. */
    if (sqlite3_wal_checkpoint_v2(self->writer->db, NULL, mode, &frames, &moved) == SQLITE_OK &&
        (frames == moved || mode == SQLITE_CHECKPOINT_TRUNCATE))
        set_wal_pages(self, 0);
    atomic_fetch_add_explicit(&self->counters.checkpoints, 1, memory_order_relaxed);
}

static int on_wal(void *user, sqlite3 *db, const char *name, int pages)
{
    mc__sqlite *self = user;

    (void)db;
    (void)name;
    set_wal_pages(self, pages);
    return SQLITE_OK;
}

static void set_busy(mc__sqlite *self, bool is_busy)
{
    atomic_store_explicit(&self->counters.busy_since_us, is_busy ? monotonic_us() : 0,
                          memory_order_relaxed);
}

static void *writer_main(void *user)
{
    mc__sqlite *self = user;
    bool is_over = false;

    (void)pthread_setname_np(pthread_self(), "mc-writer"); /* only a convenience */
    while (!is_over) {
        int64_t timeout_us = self->wal_pages > 0 ? IDLE_US : -1;
        mc_db_job *jobs = take_jobs(self, self->config.group_max, timeout_us, false, &is_over);

        set_busy(self, true);
        if (jobs && jobs->is_alone)
            do_alone(self, jobs);
        else if (jobs)
            do_group(self, jobs);
        else if (!is_over)
            checkpoint(self, SQLITE_CHECKPOINT_TRUNCATE);
        if (self->wal_pages > WAL_PAGES_BEFORE_CHECKPOINT)
            checkpoint(self, SQLITE_CHECKPOINT_PASSIVE);
        set_busy(self, false);
    }
    checkpoint(self, SQLITE_CHECKPOINT_TRUNCATE);
    return NULL;
}

mc_code mc__sqlite_writer_start(mc__sqlite *self, mc_err *err)
{
    int why;

    (void)sqlite3_wal_hook(self->writer->db, on_wal, self);
    why = pthread_create(&self->thread, NULL, writer_main, self);
    if (why)
        return mc_fail_errno(err, MC_LIMIT, why, "db: writer thread");
    self->is_thread_started = true;
    return MC_OK;
}

void mc__sqlite_writer_stop(mc__sqlite *self)
{
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_cond_signal(&self->work);
    mc_mutex_unlock(&self->mu);
    if (self->is_thread_started)
        (void)pthread_join(self->thread, NULL);
    self->is_thread_started = false;
}

/* ---- waiting for one job ---- */

typedef struct waiting {
    mc_db_job job;
    mc_mutex mu;
    mc_cond done;
    bool is_done; /* guarded by mu */
} waiting;

static void wake(mc_db_job *job, mc_code rc)
{
    waiting *w = mc_container_of(job, waiting, job);

    (void)rc; /* in job->err.code */
    mc_mutex_lock(&w->mu);
    w->is_done = true;
    mc_cond_signal(&w->done);
    mc_mutex_unlock(&w->mu);
}

static mc_code run_and_wait(mc__sqlite *driver, waiting w, mc_err *err)
{
    mc_code rc;

    mc_mutex_init(&w.mu);
    mc_cond_init(&w.done);
    rc = mc__sqlite_submit(driver, &w.job, err);
    if (rc == MC_OK) {
        mc_mutex_lock(&w.mu);
        while (!w.is_done)
            mc_cond_wait(&w.done, &w.mu);
        mc_mutex_unlock(&w.mu);
        rc = w.job.err.code;
        if (rc != MC_OK && err)
            *err = w.job.err;
    }
    mc_cond_deinit(&w.done);
    mc_mutex_deinit(&w.mu);
    return rc;
}

mc_code mc__sqlite_write(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    waiting w = {.job = {.ctx = ctx, .fn = fn, .user = user, .done = wake}};

    return run_and_wait(driver, w, err);
}

mc_code mc__sqlite_write_alone(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    waiting w = {.job = {.ctx = ctx, .fn = fn, .user = user, .done = wake, .is_alone = true}};

    return run_and_wait(driver, w, err);
}
