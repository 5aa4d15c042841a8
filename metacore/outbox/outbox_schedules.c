/* SPDX-License-Identifier: Apache-2.0 */
/* Times at which jobs are made: the row moves on in the transaction that makes the job. */
#include "metacore/outbox/outbox_internal.h"

#define RUN_MAX 50 /* schedules in one transaction */

static mc_code count_schedules(mc_ctx *ctx, mc_err *err)
{
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    int64_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn, MC_STR("SELECT count(*) FROM outbox_schedules WHERE organization_id = $1"), &org,
        1, &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        count = mc_db_col_int(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && count >= MC_OUTBOX_SCHEDULES_MAX
               ? mc_fail(err, MC_REJECTED, "more than %d schedules", MC_OUTBOX_SCHEDULES_MAX)
               : rc;
}

static mc_code upsert(mc_ctx *ctx, const mc_db_value *args, size_t count, mc_uuid *out_id,
                      mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("INSERT INTO outbox_schedules (id, organization_id, created_by_id, created_at, "
               "name, cron, kind, payload, next_run_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
               "$9) ON CONFLICT (organization_id, name) DO UPDATE SET next_run_at = CASE WHEN "
               "outbox_schedules.cron = $6 THEN outbox_schedules.next_run_at ELSE $9 END, cron = "
               "$6, kind = $7, payload = $8 RETURNING id"),
        args, count, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        *out_id = mc_db_col_uuid(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_outbox_schedule(mc_outbox *self, mc_ctx *ctx, mc_str name, mc_str cron, mc_str kind,
                           mc_str payload, mc_uuid *out_id, mc_err *err)
{
    mc_db_value data;
    mc_cron times;
    mc_time next;
    mc_uuid id;
    mc_code rc = mc_cron_parse(cron, &times, err);

    (void)self; /* the tables are the database's */
    if (rc == MC_OK && !mc__outbox_is_name(name))
        rc = mc_fail(err, MC_INVALID, "name: want lower case, digits, . - _, at most %d bytes",
                     MC_OUTBOX_NAME_MAX);
    if (rc == MC_OK && !mc__outbox_is_name(kind))
        rc = mc_fail(err, MC_INVALID, "kind: want lower case, digits, . - _, at most %d bytes",
                     MC_OUTBOX_NAME_MAX);
    if (rc == MC_OK && !mc_cron_next(&times, ctx->now, &next))
        rc = mc_fail(err, MC_INVALID, "cron: such a date never comes");
    if (rc == MC_OK)
        rc = mc__payload_value(ctx, payload, "payload", &data, err);
    if (rc == MC_OK)
        rc = count_schedules(ctx, err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err);
    if (rc == MC_OK) {
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(ctx->who.org_id),
                              mc_uuid_is_nil(ctx->who.user_id) ? mc_db_null()
                                                               : mc_db_uuid(ctx->who.user_id),
                              mc_db_time(ctx->now),
                              mc_db_text(name),
                              mc_db_text(mc_str_trim(cron)),
                              mc_db_text(kind),
                              data,
                              mc_db_time(next)};

        rc = upsert(ctx, args, MC_LEN(args), &id, err);
    }
    if (rc == MC_OK && out_id)
        *out_id = id;
    return rc;
}

mc_code mc__schedules_next(mc_ctx *ctx, mc_time *out, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn, MC_STR("SELECT next_run_at FROM outbox_schedules ORDER BY next_run_at LIMIT 1"),
        NULL, 0, &rows, err);

    *out = INT64_MAX;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *out = mc_db_col_time(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

/* ---- making jobs ---- */

typedef struct due {
    mc_uuid id, org_id, actor_id;
    mc_time at;
    mc_str cron, kind, payload;
} due;

static mc_code load_due(mc_outbox *self, mc_ctx *ctx, due *out, size_t *out_count, mc_err *err)
{
    mc_db_value args[] = {mc_db_time(ctx->now), mc_db_int(RUN_MAX)};
    mc_str sqlite =
        MC_STR("SELECT id, organization_id, created_by_id, next_run_at, cron, kind, payload FROM "
               "outbox_schedules WHERE next_run_at <= $1 ORDER BY next_run_at LIMIT $2");
    mc_str postgres =
        MC_STR("SELECT id, organization_id, created_by_id, next_run_at, cron, kind, payload FROM "
               "outbox_schedules WHERE next_run_at <= $1 ORDER BY next_run_at LIMIT $2 FOR UPDATE "
               "SKIP LOCKED");
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, self->dialect == MC_DB_POSTGRES ? postgres : sqlite, args,
                             MC_LEN(args), &rows, err);

    *out_count = 0;
    if (rc != MC_OK)
        return rc;
    while (*out_count < RUN_MAX && mc_db_rows_next(&rows)) {
        due *d = &out[(*out_count)++];

        *d = (due){.id = mc_db_col_uuid(&rows, 0),
                   .org_id = mc_db_col_uuid(&rows, 1),
                   .at = mc_db_col_time(&rows, 3),
                   .cron = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 4)),
                   .kind = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 5)),
                   .payload = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 6))};
        if (!mc_db_col_is_null(&rows, 2))
            d->actor_id = mc_db_col_uuid(&rows, 2);
    }
    return mc_db_rows_finish(&rows, err);
}

/* The next time is after now, not after the one that passed: what was missed is one job. */
static mc_code run_due(mc_outbox *self, mc_ctx *ctx, const due *d, mc_err *err)
{
    mc_principal who = ctx->who;
    char id[MC_UUID_TEXT_LEN];
    mc_time next;
    mc_cron times;
    mc_code rc = mc_cron_parse(d->cron, &times, err);

    if (rc != MC_OK)
        return rc;
    if (!mc_cron_next(&times, ctx->now, &next))
        return mc_fail(err, MC_INVALID, "cron: such a date never comes");
    mc_uuid_format(d->id, id);
    ctx->who = (mc_principal){.org_id = d->org_id, .user_id = d->actor_id};
    rc = mc_outbox_enqueue(self, ctx,
                           &(mc_outbox_job_input){.kind = d->kind,
                                                  .payload = d->payload,
                                                  .dedupe_key = mc_str_of(id, sizeof(id))},
                           NULL, err);
    ctx->who = who;
    if (rc == MC_OK) {
        mc_db_value args[] = {mc_db_uuid(d->id), mc_db_time(next)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("UPDATE outbox_schedules SET next_run_at = $2 WHERE id = $1"), args,
                        MC_LEN(args), NULL, err);
    }
    return rc;
}

mc_code mc__schedules_run(mc_outbox *self, mc_ctx *ctx, mc_err *err)
{
    due found[RUN_MAX];
    size_t count;
    mc_code rc = load_due(self, ctx, found, &count, err);

    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = run_due(self, ctx, &found[i], err);
    return rc;
}
