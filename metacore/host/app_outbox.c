/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own jobs: events at a time that is chosen, and the end of old ones. */
#include "metacore/host/hooks_internal.h"

#define WORKERS 8        /* addons' servers and mail servers may keep some waiting */
#define EVENT_DAYS 90    /* by default */
#define PRUNE_ORGS 200   /* in one transaction */
#define PRUNE_EVENTS 500 /* of each of them */

static mc_code check(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

/* ---- eventlog.emit: {"type", "tags": {…}, "data": {…}} ---- */

static mc_code read_tags(const mc_json *tags, mc_event_tag *out, size_t *out_count, mc_err *err)
{
    *out_count = 0;
    if (!tags)
        return MC_OK;
    if (tags->kind != MC_JSON_OBJECT || tags->as.object.count > MC_EVENTLOG_TAGS_MAX)
        return mc_fail(err, MC_REJECTED, "tags: want an object of at most %d texts",
                       MC_EVENTLOG_TAGS_MAX);
    for (size_t i = 0; i < tags->as.object.count; i++) {
        const mc_json_member *member = &tags->as.object.members[i];

        out[i].key = member->key;
        if (!mc_json_get_str(member->value, &out[i].value))
            return mc_fail(err, MC_REJECTED, "tags: want texts");
        (*out_count)++;
    }
    return MC_OK;
}

/* What is wrong with a payload is wrong at every attempt. */
static mc_code emit(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    mc_app *app = user;
    mc_event_tag tags[MC_EVENTLOG_TAGS_MAX];
    mc_event_input in = {.tags = tags};
    const mc_json *payload = NULL, *data;
    mc_buf text;
    mc_code rc = mc_json_parse(ctx->arena, job->payload, NULL, &payload, err);

    if (rc != MC_OK || !mc_json_get_str(mc_json_find(payload, MC_STR("type")), &in.type))
        return mc_fail(err, MC_REJECTED, "payload: want a type");
    rc = read_tags(mc_json_find(payload, MC_STR("tags")), tags, &in.tag_count, err);
    data = mc_json_find(payload, MC_STR("data"));
    mc_buf_init_arena(&text, ctx->arena, 0);
    if (rc == MC_OK && data)
        mc_json_write(&text, data);
    if (rc == MC_OK)
        rc = mc_buf_check(&text, "payload", err);
    in.data = mc_buf_get(&text);
    if (rc == MC_OK)
        rc = mc_eventlog_emit(app->eventlog, ctx, &in, NULL, err);
    if (rc == MC_INVALID || rc == MC_TOO_LARGE) {
        mc_err why = *err;

        return mc_fail(err, MC_REJECTED, "%s", why.msg);
    }
    return rc;
}

/* ---- kernel.prune ---- */

typedef struct pruning {
    mc_app *app;
    mc_uuid after; /* organizations up to it are done */
    size_t count;
    bool is_again; /* one of them has more */
} pruning;

static mc_code list_orgs(mc_ctx *ctx, const pruning *p, mc_uuid *out, size_t *out_count,
                         mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(p->after), mc_db_int(PRUNE_ORGS)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT organization_id FROM eventlog_counters WHERE "
                                    "organization_id > $1 ORDER BY organization_id LIMIT $2"),
                             args, MC_LEN(args), &rows, err);

    *out_count = 0;
    if (rc != MC_OK)
        return rc;
    while (*out_count < PRUNE_ORGS && mc_db_rows_next(&rows))
        out[(*out_count)++] = mc_db_col_uuid(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static mc_code prune_some(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    pruning *p = user;
    int64_t days = p->app->config.event_days ? p->app->config.event_days : EVENT_DAYS;
    mc_time before = ctx->now - days * MC_TIME_US_PER_DAY;
    mc_uuid orgs[PRUNE_ORGS];
    mc_code rc = list_orgs(ctx, p, orgs, &p->count, err);

    (void)conn; /* in ctx */
    p->is_again = false;
    for (size_t i = 0; i < p->count && rc == MC_OK; i++) {
        int64_t deleted = 0;

        rc = mc_eventlog_prune(p->app->eventlog, ctx, orgs[i], before, PRUNE_EVENTS, &deleted, err);
        p->is_again |= deleted == PRUNE_EVENTS;
    }
    if (rc == MC_OK && p->count > 0 && !p->is_again)
        p->after = orgs[p->count - 1];
    return rc;
}

/* Many small transactions: nobody's write waits for a large one. */
static mc_code prune(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    pruning p = {.app = user};
    mc_code rc;

    (void)job;
    do {
        rc = mc_db_write(p.app->db, ctx, prune_some, &p, err);
    } while (rc == MC_OK && p.count > 0 && !mc_outbox_is_stopping(p.app->outbox));
    return rc == MC_OK && p.count > 0 ? mc_fail(err, MC_UNAVAILABLE, "the server is stopping") : rc;
}

/* ---- life cycle ---- */

mc_code mc__app_outbox_new(mc_app *app, mc_err *err)
{
    mc_code rc = mc_outbox_new(
        &(mc_outbox_config){MC_OUTBOX_CONFIG, .db = app->db, .eventlog = app->eventlog,
                            .check = check, .check_user = app->permission, .log = app->config.log,
                            .clock = app->config.clock, .workers = WORKERS, .is_alone = true},
        &app->outbox, err);

    if (rc == MC_OK)
        rc = mc_outbox_add_kind(app->outbox,
                                &(mc_outbox_kind){.name = MC_STR("eventlog.emit"),
                                                  .run = emit,
                                                  .user = app,
                                                  .in_transaction = true,
                                                  .is_public = true},
                                err);
    if (rc == MC_OK)
        rc = mc_outbox_add_kind(
            app->outbox,
            &(mc_outbox_kind){
                .name = MC_STR("kernel.prune"), .run = prune, .user = app, .lease_ms = 600000},
            err);
    if (rc == MC_OK)
        rc = mc__hooks_add_kind(app, err);
    return rc;
}

static mc_code schedule(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_app *app = user;

    mc_code rc = mc_outbox_schedule(app->outbox, ctx, MC_STR("kernel.prune"), MC_STR("@hourly"),
                                    MC_STR("kernel.prune"), MC_STR(""), NULL, err);

    (void)conn;
    if (rc == MC_OK)
        rc = mc_outbox_schedule(app->outbox, ctx, MC_STR("notifications.prune"), MC_STR("@hourly"),
                                MC_STR("notifications.prune"), MC_STR(""), NULL, err);
    return rc;
}

mc_code mc__app_outbox_start(mc_app *app, mc_err *err)
{
    mc_ctx ctx;
    mc_code rc = mc__app_ctx_init(app, &ctx, err);

    if (rc == MC_OK)
        rc = mc_db_write(app->db, &ctx, schedule, app, err);
    mc__app_ctx_deinit(&ctx);
    return rc == MC_OK ? mc_outbox_start(app->outbox, err) : rc;
}
