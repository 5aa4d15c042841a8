/* SPDX-License-Identifier: Apache-2.0 */
/* Requests with an Idempotency-Key: done once, answered as often as they are sent. */
#include "metacore/host/executor_internal.h"

/* Public routes have no namespace that is the caller's own; answers with tokens are not kept; a
 * route on a read-only connection writes nothing. */
static bool is_covered(const mc__work *w)
{
    static const mc_str methods[] = {MC_STR_INIT("POST"), MC_STR_INIT("PUT"), MC_STR_INIT("PATCH"),
                                     MC_STR_INIT("DELETE")};
    const mc_http_route *route = w->req.match.route;
    const uint32_t left_out = MC_HTTP_PUBLIC | MC_HTTP_OPTIONAL | MC_HTTP_LOCAL | MC_HTTP_NO_STORE;

    if ((route->flags & left_out) || route->run == MC_HTTP_READ || mc_ctx_is_anonymous(&w->req.ctx))
        return false;
    for (size_t i = 0; i < MC_LEN(methods); i++) {
        if (mc_str_eq(w->req.message->method, methods[i]))
            return true;
    }
    return false;
}

static mc_code claim(mc__work *w, mc_str key, mc_str body)
{
    const mc_message *message = w->req.message;
    mc_idempotency_claim *out = mc_arena_object(w->req.ctx.arena, mc_idempotency_claim);
    char owner[MC_UUID_TEXT_LEN];
    mc_code rc;

    if (!out)
        return mc_fail(&w->err, MC_NO_MEMORY, "idempotency");
    mc_uuid_format(w->req.ctx.who.user_id, owner);
    rc = mc_idempotency_claim_of(w->req.ctx.arena,
                                 &(mc_idempotency_request){.owner = mc_str_of(owner, sizeof(owner)),
                                                           .method = message->method,
                                                           .path = message->path,
                                                           .key = key,
                                                           .query = message->query,
                                                           .body = body},
                                 out, &w->err);
    if (rc == MC_OK)
        w->claim = out;
    return rc;
}

mc_code mc__work_claim(mc__work *w)
{
    const mc_http_route *route = w->req.match.route;
    mc_http_body body;
    size_t count = 0;
    mc_str key = mc_message_header(w->req.message, MC_STR("idempotency-key"), &count);
    mc_code rc;

    if (count == 0 || w->claim || !is_covered(w))
        return MC_OK;
    if (count > 1)
        return mc_fail(&w->err, MC_INVALID, "Idempotency-Key: want one");
    if (!(route->flags & MC_HTTP_BODY_FILE))
        return claim(w, key, w->req.message->body);
    rc = mc_http_body_open(&w->req, &body, &w->err);
    if (rc != MC_OK)
        return rc;
    rc = claim(w, key, body.text);
    mc_http_body_close(&body);
    return rc;
}

/* ---- answers ---- */

static void replay(mc__work *w, const mc_idempotency_answer *answer)
{
    mc_http_res *res = &w->res;

    mc_http_res_init(res, w->req.ctx.arena);
    res->status = answer->status;
    mc_http_content_type(res, answer->content_type);
    if (answer->etag.len > 0)
        mc_http_res_header(res, MC_STR("ETag"), answer->etag);
    if (answer->location.len > 0)
        mc_http_res_header(res, MC_STR("Location"), answer->location);
    mc_http_res_header(res, MC_STR("Idempotent-Replay"), MC_STR("true"));
    mc_buf_str(&res->body, answer->body);
}

/* In a transaction: sets *out_replayed when there is nothing left to do. */
static mc_code begin(mc__work *w, bool *out_replayed, mc_err *err)
{
    mc_idempotency_answer answer;
    mc_code rc = mc_idempotency_begin(&w->req.ctx, w->claim, &answer, err);

    *out_replayed = rc == MC_OK && answer.status != 0;
    if (rc == MC_CONFLICT)
        mc_http_res_header(&w->res, MC_STR("Retry-After"), MC_STR("1"));
    if (*out_replayed)
        replay(w, &answer);
    return rc;
}

/* In a transaction: what was answered stays, what failed may be tried again. */
static mc_code end(mc__work *w, mc_err *err)
{
    mc_http_res *res = &w->res;
    mc_idempotency_answer answer = {.status = res->status,
                                    .content_type =
                                        mc_http_res_get_header(res, MC_STR("Content-Type")),
                                    .etag = mc_http_res_get_header(res, MC_STR("ETag")),
                                    .location = mc_http_res_get_header(res, MC_STR("Location")),
                                    .body = mc_buf_get(&res->body)};
    bool is_kept = res->status >= 200 && res->status < 300 && !res->stream && !res->push;

    return is_kept ? mc_idempotency_store(&w->req.ctx, w->claim, &answer, err)
                   : mc_idempotency_release(&w->req.ctx, w->claim, err);
}

mc_code mc__work_handle_once(mc__work *w, mc_http_fn handle)
{
    const mc_http_route *route = w->req.match.route;
    bool is_replayed;
    mc_code rc = begin(w, &is_replayed, &w->err);

    if (rc != MC_OK || is_replayed)
        return rc;
    rc = handle(&w->req, &w->res, route->user, &w->err);
    if (rc == MC_OK)
        rc = mc_http_res_finish(&w->res, &w->err);
    return rc == MC_OK ? end(w, &w->err) : rc;
}

/* ---- work that is not in the transaction ---- */

static mc_code begin_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc__work *w = user;

    (void)conn;
    (void)ctx; /* both are in w->req.ctx */
    return begin(w, &w->is_replayed, err);
}

static mc_code end_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    (void)ctx;
    return end(user, err);
}

static mc_code release_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    return mc_idempotency_release(ctx, ((mc__work *)user)->claim, err);
}

/* What is done stays done when its answer cannot be kept: the claim then blocks until its lock is
 * over. A process that dies in between gives the claim back when it starts again. */
static void note_end(mc__work *w, mc_code rc)
{
    mc_db *db = w->self->config.db;
    mc_err err;

    if (mc_db_write(db, &w->req.ctx, rc == MC_OK ? end_in : release_in, w, &err) != MC_OK)
        mc_log_error(w->self->config.log, "idempotency.store",
                     MC_KV_STR("request_id", w->req.ctx.request_id), MC_KV_ERR("error", &err));
}

mc_code mc__work_run_once(mc__work *w, mc_http_fn handle)
{
    const mc_http_route *route = w->req.match.route;
    mc_db_conn *conn = w->req.ctx.conn;
    mc_code rc;

    rc = mc_db_write(w->self->config.db, &w->req.ctx, begin_in, w, &w->err);
    if (rc != MC_OK || w->is_replayed)
        return rc;
    w->req.ctx.conn = conn;
    rc = handle(&w->req, &w->res, route->user, &w->err);
    note_end(w, rc);
    w->req.ctx.conn = conn;
    return rc;
}
