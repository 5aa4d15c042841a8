/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries that are made while somebody waits for what comes of them: a test, and one sent again.
 */
#include "metacore/webhooks/webhooks_internal.h"

typedef struct trial {
    mc_webhooks *self;
    mc__delivery_input in;
    mc_uuid log_id; /* with is_replay: what is sent again */
    bool is_replay;
    bool is_of_any; /* the path names no webhook */
    mc_uuid id;     /* the new delivery's */
    mc__attempt *attempt;
    mc_buf *out;
} trial;

static mc_code read_original(trial *t, mc_ctx *ctx, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(t->log_id), mc_db_uuid(ctx->who.org_id)};
    bool is_found = false;
    mc_uuid webhook_id;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT webhook_id, event, payload FROM webhook_deliveries "
                                    "WHERE id = $1 AND organization_id = $2 AND deleted_at IS "
                                    "NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        webhook_id = mc_db_col_uuid(&rows, 0);
        is_found = t->is_of_any || mc_uuid_eq(webhook_id, t->in.webhook_id);
        t->in.webhook_id = webhook_id;
        t->in.event = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
        t->in.payload = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 2));
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "delivery not found");
    t->in.replay_of = t->log_id;
    return rc;
}

static mc_code make_test(trial *t, mc_ctx *ctx, mc_err *err)
{
    char id[MC_UUID_TEXT_LEN];

    mc_uuid_format(t->in.webhook_id, id);
    t->in.event = MC_STR(MC__TEST_EVENT);
    t->in.payload = mc_str_printf(
        ctx->arena, "{\"event\":\"" MC__TEST_EVENT "\",\"timestamp\":%lld,\"webhook_id\":\"%.*s\"}",
        (long long)(ctx->now / MC_TIME_US_PER_S), MC_UUID_TEXT_LEN, id);
    return t->in.payload.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "webhook test");
}

static mc_code load(trial *t, mc_ctx *ctx, mc_err *err)
{
    mc_db_value id = mc_db_uuid(t->id);
    mc_db_rows rows;
    mc_code why = MC_NOT_FOUND;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT " MC__ATTEMPT_COLUMNS
                                    " FROM webhook_deliveries d JOIN webhooks w ON w.id = "
                                    "d.webhook_id WHERE d.id = $1"),
                             &id, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        why = mc__attempt_read(t->self, &rows, ctx->now, &t->attempt, err);
    rc = mc_db_rows_finish(&rows, why == MC_OK ? err : NULL);
    return why == MC_OK ? rc : why;
}

static mc_code begin(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    trial *t = user;
    mc_code rc = t->is_replay ? read_original(t, ctx, err) : MC_OK;

    (void)conn;
    if (rc == MC_OK)
        rc = mc__webhooks_check_id(ctx, t->in.webhook_id, err);
    if (rc == MC_OK && !t->is_replay)
        rc = make_test(t, ctx, err);
    if (rc == MC_OK)
        rc = mc__delivery_insert(t->self, ctx, &t->in, &t->id, err);
    return rc == MC_OK ? load(t, ctx, err) : rc;
}

static mc_code end(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    trial *t = user;
    mc_db_value args[] = {mc_db_uuid(t->id), mc_db_uuid(ctx->who.org_id)};
    mc_code rc = mc__attempt_record(t->self, ctx, t->attempt, err);

    (void)conn;
    if (rc != MC_OK)
        return rc;
    return mc__delivery_one(ctx,
                            MC_STR("SELECT " MC__DELIVERY_COLUMNS
                                   " FROM webhook_deliveries WHERE id = $1 AND organization_id = "
                                   "$2"),
                            args, MC_LEN(args), t->out, err);
}

static mc_code run(trial *t, mc_http_req *req, mc_http_res *res, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_code rc;

    t->in.org_id = ctx->who.org_id;
    t->in.by_id = ctx->who.user_id;
    t->in.is_leased = true;
    rc = mc_db_write(t->self->config.db, ctx, begin, t, err);
    if (rc == MC_OK) {
        mc__attempt_run(t->self, t->attempt);
        t->out = mc_http_ok_begin(res, 200);
        rc = mc_db_write(t->self->config.db, ctx, end, t, err);
    }
    mc__attempt_free(t->attempt);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* POST /webhooks/:id/test */
static mc_code test(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    trial t = {.self = user};
    mc_code rc = mc__webhooks_check_manage(user, req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &t.in.webhook_id, err);
    return rc == MC_OK ? run(&t, req, res, err) : rc;
}

/* POST /webhooks/:id/logs/:log/replay, and without the webhook's id */
static mc_code replay(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    trial t = {.self = user, .is_replay = true};
    mc_code rc = mc__webhooks_check_manage(user, req, err);

    t.is_of_any = mc_http_param(req, MC_STR("id")).len == 0;
    if (rc == MC_OK && !t.is_of_any)
        rc = mc_http_param_uuid(req, MC_STR("id"), &t.in.webhook_id, err);
    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("log"), &t.log_id, err);
    return rc == MC_OK ? run(&t, req, res, err) : rc;
}

#define FAMILY(base)                                                                               \
    {.method = "POST", .pattern = base "/:id/test", .run = MC_HTTP_LONG, .handle = test},          \
        {.method = "POST",                                                                         \
         .pattern = base "/logs/:log/replay",                                                      \
         .run = MC_HTTP_LONG,                                                                      \
         .handle = replay},                                                                        \
    {                                                                                              \
        .method = "POST", .pattern = base "/:id/logs/:log/replay", .run = MC_HTTP_LONG,            \
        .handle = replay                                                                           \
    }

const mc_http_route *mc__webhooks_try_routes(size_t *out_count)
{
    static const mc_http_route table[] = {FAMILY("/webhooks"), FAMILY("/org-webhooks")};

    *out_count = MC_LEN(table);
    return table;
}
