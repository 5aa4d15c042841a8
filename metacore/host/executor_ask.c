/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that somebody has to decide about first: undone on the writer, asked about on a thread
 * that may wait, and run again. */
#include "metacore/host/executor_internal.h"

#define ASK_WORKERS 8
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

static void ask_job(mc_job *job)
{
    mc__work *w = mc_container_of(job, mc__work, job.pool);

    mc__work_finish(w, mc__work_run(w));
}

void mc__ask_submit(mc__work *w)
{
    mc_code rc;

    w->job.pool = (mc_job){.run = ask_job};
    w->req.ctx.conn = NULL;
    rc = mc_pool_submit(w->self->ask_pool, &w->job.pool, &w->err);
    if (rc != MC_OK)
        mc__work_finish(w, rc);
}

mc_code mc__ask_new(mc_executor *self, mc_err *err)
{
    mc_pool_config pool = {MC_POOL_CONFIG, .threads = ASK_WORKERS, .queue_max = ASK_QUEUE_MAX,
                           .name = "mc-ask", .thread_stop = mc__worker_stop};

    return mc_pool_new(&pool, &self->ask_pool, err);
}
