/* SPDX-License-Identifier: Apache-2.0 */
/* A listener of the operator's own, with one loop that may block: what it serves is asked for every
 * few seconds, and it still answers when all else is busy. */
#include "metacore/host/app_internal.h"

#define MAX_CONNECTIONS 64

bool mc__app_has_token(const mc_app *app, mc_str authorization)
{
    mc_str scheme = MC_STR("Bearer ");
    mc_str token = mc_secret_get(&app->metrics_token);

    return token.len > 0 && authorization.len > scheme.len &&
           mc_str_eq_nocase(mc_str_slice(authorization, 0, scheme.len), scheme) &&
           mc_str_eq_secret(mc_str_trim(mc_str_slice(authorization, scheme.len, authorization.len)),
                            token);
}

static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_app *app = user;
    mc__app_check *checks = mc_arena_array(ctx->arena, mc__app_check, MC__APP_CHECKS);
    mc_buf out;

    if (!checks)
        return mc_fail(err, MC_NO_MEMORY, "readyz");
    (void)mc__app_check_ready(app, conn, checks); /* the text says it */
    mc_buf_init_arena(&out, ctx->arena, 0);
    mc__app_write_checks(&out, checks);
    ctx->failure_meta = mc_buf_get(&out);
    return mc_buf_check(&out, "readyz", err);
}

static void ready(mc_app *app, mc_arena *arena, mc_answer *out)
{
    mc_ctx ctx = {.arena = arena};
    mc_err ignored; /* the status says what a monitor needs */

    out->status = 503;
    if (mc_db_read(app->db, &ctx, look, app, &ignored) != MC_OK) {
        out->body = MC_STR("{\"checks\":{\"database\":\"does not answer\"},"
                           "\"status\":\"not ready\"}");
        return;
    }
    out->body = ctx.failure_meta;
    if (mc_str_ends_with(out->body, MC_STR("\"ready\"}")))
        out->status = 200;
}

static void metrics(mc_app *app, mc_arena *arena, mc_answer *out)
{
    mc_err ignored; /* as above */
    mc_buf body;

    mc_buf_init_arena(&body, arena, 0);
    out->status = mc_metrics_write(app->numbers.registry, &body, &ignored) == MC_OK ? 200 : 500;
    if (out->status == 200)
        out->body = mc_buf_get(&body);
}

static void on_request(void *user, mc_exchange *x)
{
    static mc_header text[] = {{MC_STR_INIT("Content-Type"), MC_STR_INIT(MC_METRICS_CONTENT_TYPE)},
                               {MC_STR_INIT("Cache-Control"), MC_STR_INIT("no-store")}};
    static mc_header json[] = {
        {MC_STR_INIT("Content-Type"), MC_STR_INIT("application/json; charset=utf-8")},
        {MC_STR_INIT("Cache-Control"), MC_STR_INIT("no-store")}};
    static mc_header wanted[] = {{MC_STR_INIT("WWW-Authenticate"), MC_STR_INIT("Bearer")}};
    mc_app *app = user;
    const mc_message *message = mc_exchange_message(x);
    mc_answer out = {.headers = json, .header_count = MC_LEN(json)};
    bool is_get = mc_str_eq(message->method, MC_STR("GET")) || message->is_head;

    if (mc_secret_get(&app->metrics_token).len > 0 &&
        !mc__app_has_token(app, mc_message_header(message, MC_STR("authorization"), NULL))) {
        out = (mc_answer){.status = 401, .headers = wanted, .header_count = MC_LEN(wanted)};
    } else if (!is_get) {
        out.status = 405;
    } else if (mc_str_eq(message->path, MC_STR("/metrics"))) {
        out.headers = text;
        metrics(app, mc_exchange_arena(x), &out);
    } else if (mc_str_eq(message->path, MC_STR("/readyz"))) {
        ready(app, mc_exchange_arena(x), &out);
    } else if (mc_str_eq(message->path, MC_STR("/healthz"))) {
        out.status = 200;
        out.body = MC_STR("{\"status\":\"ok\"}");
    } else {
        out.status = 404;
    }
    mc_exchange_answer(x, &out);
}

static void on_refusal(void *user, mc_arena *arena, int status, mc_str message, mc_answer *out)
{
    (void)user;
    (void)arena;
    (void)status;
    (void)message;
    (void)out; /* the status is enough */
}

mc_code mc__app_operator_new(mc_app *app, mc_err *err)
{
    if (mc_str_is_empty(app->config.metrics_listen))
        return MC_OK;
    return mc_server_new(
        &(mc_server_config){
            MC_SERVER_CONFIG, .listen = app->config.metrics_listen,
            .handler = {.on_request = on_request, .on_refusal = on_refusal, .user = app},
            .loops = 1, .max_connections = MAX_CONNECTIONS, .clock = app->config.clock},
        &app->operator_server, err);
}
