/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that somebody has to decide about first: undone on the writer, asked about on a thread
 * that may wait, and run again. */
#include "metacore/host/executor_internal.h"

#define ASK_WORKERS_PER_ORG 4
#define ASK_QUEUE_MAX 1024

/* Nothing of the try before is left but what it was asked. */
static void begin_anew(mc__work *w)
{
    w->is_replayed = false;
    w->req.ctx.field_error_count = 0;
    w->req.ctx.failure_code = w->req.ctx.failure_meta = MC_STR("");
    w->req.ctx.failure_is_told = false;
    mc_http_res_init(&w->res, w->req.ctx.arena);
}

mc_code mc__work_write(mc__work *w, mc_db_fn fn)
{
    mc_executor *self = w->self;
    mc_ctx *ctx = &w->req.ctx;
    mc_db_conn *conn = ctx->conn;
    mc_code rc = MC_INTERRUPTED;

    while (rc == MC_INTERRUPTED) {
        if (mc_dynamic_is_asking(ctx)) {
            ctx->conn = conn;
            rc = mc_dynamic_ask(self->config.dynamic, ctx, &w->err);
            if (rc != MC_OK)
                return rc;
            begin_anew(w);
        }
        ctx->conn = NULL; /* the writer brings its own */
        rc = mc_db_write(self->config.db, ctx, fn, w, &w->err);
        if (rc == MC_INTERRUPTED && !mc_dynamic_is_asking(ctx))
            return rc;
    }
    return rc;
}

/* ---- whose turn it is ---- */

static mc__ask_count *find_count(mc_executor *self, mc_uuid org_id)
{
    mc__ask_count *unused = NULL;

    for (size_t i = 0; i < MC_LEN(self->ask_counts); i++) {
        if (self->ask_counts[i].running && mc_uuid_eq(self->ask_counts[i].org_id, org_id))
            return &self->ask_counts[i];
        if (!self->ask_counts[i].running)
            unused = &self->ask_counts[i];
    }
    if (unused)
        unused->org_id = org_id;
    return unused;
}

/* One organization, whose hooks may be slow, leaves threads to the others. */
static bool may_run(mc_executor *self, mc_uuid org_id)
{
    mc__ask_count *count = find_count(self, org_id);

    if (!count || count->running >= ASK_WORKERS_PER_ORG)
        return false;
    count->running++;
    return true;
}

static void leave(mc_executor *self, mc_uuid org_id)
{
    mc__ask_count *count = find_count(self, org_id);

    if (count && count->running)
        count->running--;
}

/* The first that may run, off the queue. */
static mc__work *take_waiting(mc_executor *self)
{
    for (mc__work **at = &self->ask_first; *at; at = &(*at)->ask_next) {
        mc__work *w = *at;

        if (!may_run(self, w->req.ctx.who.org_id))
            continue;
        *at = w->ask_next;
        self->ask_waiting--;
        return w;
    }
    return NULL;
}

static void ask_job(mc_job *job);

static void start(mc__work *w)
{
    mc_executor *self = w->self;
    mc_uuid org_id = w->req.ctx.who.org_id;
    mc_code rc;

    w->job.pool = (mc_job){.run = ask_job};
    rc = mc_pool_submit(self->ask_pool, &w->job.pool, &w->err);
    if (rc == MC_OK)
        return;
    mc_mutex_lock(&self->mu);
    leave(self, org_id);
    mc_mutex_unlock(&self->mu);
    mc__work_finish(w, rc);
}

static void ask_job(mc_job *job)
{
    mc__work *w = mc_container_of(job, mc__work, job.pool), *next;
    mc_executor *self = w->self;
    mc_uuid org_id = w->req.ctx.who.org_id; /* w is gone once it is answered */

    mc__work_finish(w, mc__work_run(w));
    mc_mutex_lock(&self->mu);
    leave(self, org_id);
    next = take_waiting(self);
    mc_mutex_unlock(&self->mu);
    if (next)
        start(next);
}

void mc__ask_submit(mc__work *w)
{
    mc_executor *self = w->self;
    bool is_full = false, is_next;
    mc__work **last = &self->ask_first;

    w->req.ctx.conn = NULL;
    w->ask_next = NULL;
    mc_mutex_lock(&self->mu);
    is_next = may_run(self, w->req.ctx.who.org_id);
    is_full = !is_next && self->ask_waiting == ASK_QUEUE_MAX;
    if (!is_next && !is_full) {
        while (*last)
            last = &(*last)->ask_next;
        *last = w;
        self->ask_waiting++;
    }
    mc_mutex_unlock(&self->mu);
    if (is_next)
        start(w);
    else if (is_full)
        mc__work_finish(w, mc_fail(&w->err, MC_LIMIT, "too many writes wait for their hooks"));
}

mc_code mc__ask_new(mc_executor *self, mc_err *err)
{
    mc_pool_config pool = {MC_POOL_CONFIG, .threads = MC__ASK_WORKERS, .queue_max = ASK_QUEUE_MAX,
                           .name = "mc-ask", .thread_stop = mc__worker_stop};

    return mc_pool_new(&pool, &self->ask_pool, err);
}
