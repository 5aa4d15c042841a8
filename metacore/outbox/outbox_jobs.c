/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs as rows: how they come, who has them, how they end. */
#include "metacore/outbox/outbox_internal.h"

#include "metacore/base/json.h"

#define FORGET_MAX 1000 /* rows at a time */
#define TURNS_MAX 512   /* organizations that are looked at for one job */

/* ---- coming ---- */

mc_code mc__payload_value(mc_ctx *ctx, mc_str text, const char *what, mc_db_value *out, mc_err *err)
{
    const mc_json *value;
    mc_code rc;

    *out = mc_db_null();
    if (text.len == 0)
        return MC_OK;
    if (text.len > MC_OUTBOX_PAYLOAD_MAX)
        return mc_fail(err, MC_TOO_LARGE, "%s: larger than %zu bytes", what, MC_OUTBOX_PAYLOAD_MAX);
    rc = mc_json_parse(ctx->arena, text, NULL, &value, err);
    if (rc == MC_OK && value->kind != MC_JSON_OBJECT)
        rc = mc_fail(err, MC_INVALID, "%s: want an object", what);
    if (rc != MC_OK)
        return rc;
    *out = mc_db_text(text);
    out->kind = MC_DB_JSON;
    return MC_OK;
}

static mc_code check_input(const mc_outbox_job_input *in, mc_err *err)
{
    if (!mc__outbox_is_name(in->kind))
        return mc_fail(err, MC_INVALID, "kind: want lower case, digits, . - _, at most %d bytes",
                       MC_OUTBOX_NAME_MAX);
    if (in->dedupe_key.len > MC_OUTBOX_DEDUPE_MAX)
        return mc_fail(err, MC_INVALID, "dedupe_key: at most %d bytes", MC_OUTBOX_DEDUPE_MAX);
    if (in->max_attempts < 0 || in->max_attempts > MC_OUTBOX_ATTEMPTS_MAX)
        return mc_fail(err, MC_INVALID, "max_attempts: want 1 to %d", MC_OUTBOX_ATTEMPTS_MAX);
    return MC_OK;
}

typedef struct enqueued {
    mc_db_hook hook;
    mc_outbox *self;
} enqueued;

static void wake(mc_db_hook *hook)
{
    mc__outbox_wake_workers(mc_container_of(hook, enqueued, hook)->self);
}

static mc_code wake_later(mc_outbox *self, mc_ctx *ctx, mc_err *err)
{
    enqueued *e = mc_arena_object(ctx->arena, enqueued);

    if (!e)
        return mc_fail(err, MC_NO_MEMORY, "outbox: job");
    *e = (enqueued){.hook.run = wake, .self = self};
    mc_db_after_commit(ctx->conn, &e->hook);
    return MC_OK;
}

static mc_code find_twin(mc_ctx *ctx, const mc_outbox_job_input *in, mc_uuid *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(in->kind),
                          mc_db_text(in->dedupe_key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT id FROM outbox_jobs WHERE organization_id = $1 AND "
                                    "kind = $2 AND dedupe_key = $3 AND due_at IS NOT NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *out = mc_db_col_uuid(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_outbox_enqueue(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job_input *in,
                          mc_uuid *out_id, mc_err *err)
{
    mc_db_value payload;
    int64_t changed = 0;
    mc_uuid id;
    mc_code rc = check_input(in, err);

    if (rc == MC_OK)
        rc = mc__payload_value(ctx, in->payload, "payload", &payload, err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err);
    if (rc == MC_OK) {
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(ctx->who.org_id),
                              mc_uuid_is_nil(ctx->who.user_id) ? mc_db_null()
                                                               : mc_db_uuid(ctx->who.user_id),
                              mc_db_time(ctx->now),
                              mc_db_text(in->kind),
                              payload,
                              in->dedupe_key.len ? mc_db_text(in->dedupe_key) : mc_db_null(),
                              mc_db_time(in->run_at ? in->run_at : ctx->now),
                              mc_db_int(in->max_attempts ? in->max_attempts : MC_OUTBOX_ATTEMPTS)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO outbox_jobs (id, organization_id, created_by_id, "
                               "created_at, updated_at, kind, payload, dedupe_key, due_at, "
                               "max_attempts) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9) ON "
                               "CONFLICT DO NOTHING"),
                        args, MC_LEN(args), &changed, err);
    }
    if (rc == MC_OK)
        rc = changed ? wake_later(self, ctx, err) : find_twin(ctx, in, &id, err);
    if (rc == MC_OK && out_id)
        *out_id = id;
    return rc;
}

/* ---- being taken ---- */

/* The kinds that may be taken now: of those that are known here, not at their limit; each time
 * another one first. */
static size_t list_free(mc_outbox *self, size_t out[MC_OUTBOX_KINDS_MAX])
{
    size_t count = 0;

    mc_mutex_lock(&self->mu);
    for (size_t n = 0; n < self->kind_count; n++) {
        size_t i = (self->first_kind + n) % self->kind_count;

        if (!self->kinds[i].at_once || self->running[i] < self->kinds[i].at_once)
            out[count++] = i;
    }
    self->first_kind++;
    mc_mutex_unlock(&self->mu);
    return count;
}

static void count_running(mc_outbox *self, mc_str kind, bool is_more)
{
    mc_mutex_lock(&self->mu);
    for (size_t i = 0; i < self->kind_count; i++) {
        if (mc_str_eq(self->kinds[i].name, kind))
            self->running[i] += is_more ? 1 : -1U;
    }
    mc_mutex_unlock(&self->mu);
}

void mc__job_released(mc_outbox *self, mc_str kind)
{
    count_running(self, kind, false);
}

/* The next organization, after *org or (is_from) from it on, that has an open job of kind. */
static mc_code next_org(mc_ctx *ctx, mc_str kind, bool is_from, mc_uuid *org, bool *out_found,
                        mc_err *err)
{
    mc_db_value args[] = {mc_db_text(kind), mc_db_uuid(*org)};
    mc_str after = MC_STR("SELECT organization_id FROM outbox_jobs WHERE kind = $1 AND due_at IS "
                          "NOT NULL AND organization_id > $2 ORDER BY organization_id LIMIT 1");
    mc_str from = MC_STR("SELECT organization_id FROM outbox_jobs WHERE kind = $1 AND due_at IS "
                         "NOT NULL AND organization_id >= $2 ORDER BY organization_id LIMIT 1");
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, is_from ? from : after, args, MC_LEN(args), &rows, err);

    *out_found = false;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        *org = mc_db_col_uuid(&rows, 0);
        *out_found = true;
    }
    return mc_db_rows_finish(&rows, err);
}

/* Of that organization the one that is due longest. */
static mc_code find_due(const mc_outbox *self, mc_ctx *ctx, mc_str kind, mc_uuid org,
                        mc_uuid *out_id, bool *out_found, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(kind), mc_db_uuid(org), mc_db_time(ctx->now)};
    mc_str sqlite = MC_STR("SELECT id FROM outbox_jobs WHERE kind = $1 AND organization_id = $2 "
                           "AND due_at <= $3 ORDER BY due_at LIMIT 1");
    mc_str postgres = MC_STR("SELECT id FROM outbox_jobs WHERE kind = $1 AND organization_id = $2 "
                             "AND due_at <= $3 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED");
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, self->dialect == MC_DB_POSTGRES ? postgres : sqlite, args,
                             MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        *out_id = mc_db_col_uuid(&rows, 0);
        *out_found = true;
    }
    return mc_db_rows_finish(&rows, err);
}

/* Organizations take turns, so that one which has ten thousand jobs keeps nobody waiting; the last
 * one that had its turn is remembered for each kind. */
static mc_code find_in_turn(mc_outbox *self, mc_ctx *ctx, size_t kind, mc_uuid *out_id,
                            bool *out_found, mc_err *err)
{
    mc_str name = self->kinds[kind].name;
    bool is_there = true, is_from = false;
    int rounds = 0;
    mc_uuid org;
    mc_code rc = MC_OK;

    mc_mutex_lock(&self->mu);
    org = self->last_org[kind];
    mc_mutex_unlock(&self->mu);
    for (int tries = 0; rc == MC_OK && !*out_found && tries < TURNS_MAX; tries++) {
        rc = next_org(ctx, name, is_from, &org, &is_there, err);
        is_from = !is_there;
        if (rc == MC_OK && is_there)
            rc = find_due(self, ctx, name, org, out_id, out_found, err);
        else if (rounds++ == 1)
            break; /* from the first to the last, and none is due */
        else
            org = (mc_uuid){{0}}; /* which is the system's own */
    }
    mc_mutex_lock(&self->mu);
    self->last_org[kind] = org;
    mc_mutex_unlock(&self->mu);
    return rc;
}

static mc_code take(mc_outbox *self, mc_ctx *ctx, size_t kind, mc_uuid id, mc_db_rows *rows,
                    mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_time(ctx->now),
                          mc_db_time(ctx->now + self->kinds[kind].lease_ms * 1000)};

    return mc_db_query(ctx->conn,
                       MC_STR("UPDATE outbox_jobs SET status = 'running', fence = fence + 1, "
                              "attempts = attempts + 1, updated_at = $2, due_at = $3 WHERE id = $1 "
                              "RETURNING id, organization_id, created_by_id, kind, payload, "
                              "attempts, max_attempts, fence"),
                       args, MC_LEN(args), rows, err);
}

typedef struct claimed {
    mc_outbox_job job;
    int64_t max_attempts;
    bool is_found;
} claimed;

static mc_code read_claimed(mc_ctx *ctx, mc_db_rows *rows, claimed *out, mc_err *err)
{
    mc_str kind = mc_db_col_text(rows, 3), payload = mc_db_col_text(rows, 4);

    out->is_found = true;
    out->job = (mc_outbox_job){.id = mc_db_col_uuid(rows, 0),
                               .org_id = mc_db_col_uuid(rows, 1),
                               .kind = mc_str_copy(ctx->arena, kind),
                               .payload = mc_str_copy(ctx->arena, payload),
                               .attempt = mc_db_col_int(rows, 5),
                               .fence = mc_db_col_int(rows, 7)};
    out->max_attempts = mc_db_col_int(rows, 6);
    if (!mc_db_col_is_null(rows, 2))
        out->job.actor_id = mc_db_col_uuid(rows, 2);
    return out->job.kind.len == kind.len && out->job.payload.len == payload.len
               ? MC_OK
               : mc_fail(err, MC_NO_MEMORY, "outbox: job");
}

/* Changes a job that is still its holder's. */
static mc_code exec_held(mc_ctx *ctx, mc_str sql, const mc_db_value *args, size_t count,
                         mc_err *err)
{
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn, sql, args, count, &changed, err);

    return rc == MC_OK && changed == 0
               ? mc_fail(err, MC_CONFLICT, "outbox: the job is another's by now")
               : rc;
}

static mc_code kill(mc_ctx *ctx, const mc_outbox_job *job, mc_str why, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(job->id), mc_db_int(job->fence), mc_db_time(ctx->now),
                          mc_db_text(why)};

    return exec_held(ctx,
                     MC_STR("UPDATE outbox_jobs SET status = 'dead', due_at = NULL, "
                            "updated_at = $3, last_error = $4 WHERE id = $1 AND fence = $2 "
                            "AND status = 'running'"),
                     args, MC_LEN(args), err);
}

mc_code mc__job_claim(mc_outbox *self, mc_ctx *ctx, mc_outbox_job *out, bool *out_found,
                      mc_err *err)
{
    size_t kinds[MC_OUTBOX_KINDS_MAX], count = list_free(self, kinds), at = 0;
    claimed c = {.is_found = false};
    bool is_due = false;
    mc_db_rows rows;
    mc_uuid id;
    mc_code rc = MC_OK, over;

    *out_found = false;
    for (size_t i = 0; i < count && rc == MC_OK && !is_due; i++) {
        at = kinds[i];
        rc = find_in_turn(self, ctx, at, &id, &is_due, err);
    }
    if (rc == MC_OK && is_due)
        rc = take(self, ctx, at, id, &rows, err);
    if (rc != MC_OK || !is_due)
        return rc;
    if (mc_db_rows_next(&rows))
        rc = read_claimed(ctx, &rows, &c, err);
    while (mc_db_rows_next(&rows))
        ; /* to its end, where the store reports what it checks last */
    over = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    if (rc != MC_OK || over != MC_OK || !c.is_found)
        return rc == MC_OK ? over : rc;
    /* A job that ends its process each time has no failure of its own to count. */
    if (c.job.attempt > c.max_attempts)
        return kill(ctx, &c.job, MC_STR("its process ended before it did, too often"), err);
    count_running(self, c.job.kind, true);
    *out = c.job;
    *out_found = true;
    return MC_OK;
}

mc_code mc_outbox_extend(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    const mc_outbox_kind *kind = mc__outbox_kind_of(self, job->kind);
    mc_time now = mc_clock_now(self->config.clock);
    mc_db_value args[] = {mc_db_uuid(job->id), mc_db_int(job->fence),
                          mc_db_time(now + (kind ? kind->lease_ms : 0) * 1000)};

    return exec_held(ctx,
                     MC_STR("UPDATE outbox_jobs SET due_at = $3 WHERE id = $1 AND fence = $2 "
                            "AND status = 'running'"),
                     args, MC_LEN(args), err);
}

/* ---- ending ---- */

mc_code mc__job_done(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(job->id), mc_db_int(job->fence), mc_db_time(ctx->now)};
    const mc_outbox_kind *kind = mc__outbox_kind_of(self, job->kind);

    if (kind && kind->is_forgotten)
        return exec_held(ctx,
                         MC_STR("DELETE FROM outbox_jobs WHERE id = $1 AND fence = $2 AND status = "
                                "'running'"),
                         args, 2, err);
    return exec_held(ctx,
                     MC_STR("UPDATE outbox_jobs SET status = 'done', due_at = NULL, "
                            "updated_at = $3, last_error = '' WHERE id = $1 AND fence = $2 "
                            "AND status = 'running'"),
                     args, MC_LEN(args), err);
}

/* Its attempts are used up: *out_dead. */
static mc_code kill_if_last(mc_ctx *ctx, const mc_outbox_job *job, mc_str why, bool *out_dead,
                            mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(job->id), mc_db_int(job->fence), mc_db_time(ctx->now),
                          mc_db_text(why)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("UPDATE outbox_jobs SET status = 'dead', due_at = NULL, "
                                   "updated_at = $3, last_error = $4 WHERE id = $1 AND fence = $2 "
                                   "AND status = 'running' AND attempts >= max_attempts"),
                            args, MC_LEN(args), &changed, err);

    *out_dead = changed > 0;
    return rc;
}

mc_code mc__job_failed(mc_outbox *self, mc_ctx *ctx, const mc_outbox_job *job, const mc_err *why,
                       mc_err *err)
{
    int64_t pause_us = mc__outbox_backoff_us(self, job->attempt);
    int64_t asked_us = ctx->retry_after_s * MC_TIME_US_PER_S;
    mc_time next = ctx->now + (asked_us > pause_us ? asked_us : pause_us);
    mc_db_value args[] = {mc_db_uuid(job->id), mc_db_int(job->fence), mc_db_time(ctx->now),
                          mc_db_text(mc__outbox_error(why)), mc_db_time(next)};
    bool is_dead = false;
    mc_code rc;

    if (why->code == MC_REJECTED)
        return kill(ctx, job, mc__outbox_error(why), err);
    rc = kill_if_last(ctx, job, mc__outbox_error(why), &is_dead, err);
    if (rc != MC_OK || is_dead)
        return rc;
    return exec_held(ctx,
                     MC_STR("UPDATE outbox_jobs SET status = 'pending', due_at = $5, updated_at = "
                            "$3, last_error = $4 WHERE id = $1 AND fence = $2 AND status = "
                            "'running'"),
                     args, MC_LEN(args), err);
}

mc_code mc__jobs_recover(mc_ctx *ctx, mc_err *err)
{
    mc_db_value now = mc_db_time(ctx->now);

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE outbox_jobs SET due_at = $1 WHERE status = 'running' AND "
                             "due_at > $1"),
                      &now, 1, NULL, err);
}

/* ---- waiting, and being forgotten ---- */

mc_code mc__job_next_due(mc_ctx *ctx, mc_time *out, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT due_at FROM outbox_jobs WHERE due_at IS NOT NULL ORDER "
                                    "BY due_at LIMIT 1"),
                             NULL, 0, &rows, err);

    *out = INT64_MAX;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *out = mc_db_col_time(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static mc_code forget(mc_ctx *ctx, const char *status, int64_t after_s, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(mc_z(status)),
                          mc_db_time(ctx->now - after_s * MC_TIME_US_PER_S), mc_db_int(FORGET_MAX)};

    return mc_db_exec(
        ctx->conn,
        MC_STR("DELETE FROM outbox_jobs WHERE id IN (SELECT id FROM outbox_jobs WHERE "
               "status = $1 AND updated_at <= $2 AND due_at IS NULL LIMIT $3)"),
        args, MC_LEN(args), NULL, err);
}

mc_code mc__jobs_forget(mc_outbox *self, mc_ctx *ctx, mc_err *err)
{
    mc_code rc = forget(ctx, "done", self->config.done_retention_s, err);

    return rc == MC_OK ? forget(ctx, "dead", self->config.dead_retention_s, err) : rc;
}

mc_code mc_outbox_depth(mc_outbox *self, mc_ctx *ctx, int64_t *out_open, mc_time *out_due,
                        int64_t *out_dead, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("SELECT (SELECT count(*) FROM outbox_jobs WHERE due_at IS NOT NULL), (SELECT "
               "min(due_at) FROM outbox_jobs WHERE due_at IS NOT NULL), (SELECT count(*) FROM "
               "outbox_jobs WHERE status = 'dead' AND due_at IS NULL)"),
        NULL, 0, &rows, err);

    (void)self; /* the table is the database's */
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows)) {
        *out_open = mc_db_col_int(&rows, 0);
        *out_due = mc_db_col_is_null(&rows, 1) ? 0 : mc_db_col_time(&rows, 1);
        *out_dead = mc_db_col_int(&rows, 2);
    }
    return mc_db_rows_finish(&rows, err);
}
