/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app_internal.h"

#include "metacore/host/backend.h"
#include "metacore/host/hooks_internal.h"
#include "metacore/host/language.h"
#include "metacore/idempotency/idempotency.h"
#include "metacore/migrations/migrations.h"

#include <stdlib.h>
#include <unistd.h>

#define CTX_BUDGET_BYTES ((size_t)64 << 20)
#define STOP_TIMEOUT_MS 30000
#define OPERATOR_STOP_MS 1000

mc_code mc__app_ctx_init(mc_app *app, mc_ctx *ctx, mc_err *err)
{
    *ctx = (mc_ctx){.arena = mc_arena_new(CTX_BUDGET_BYTES)};
    if (!ctx->arena)
        return mc_fail(err, MC_NO_MEMORY, "app");
    ctx->now = mc_clock_now(app->config.clock);
    return MC_OK;
}

void mc__app_ctx_deinit(mc_ctx *ctx)
{
    mc_arena_free(ctx->arena);
    ctx->arena = NULL;
}

/* ---- storage ---- */

/* The answers of one commit reach their loops together: a wake-up each would cost more than the
 * rows. */
static void around_done(void *user, bool is_over)
{
    (void)user;
    if (is_over)
        mc_answers_release();
    else
        mc_answers_hold();
}

static mc_code open_database(mc_app *app, mc_err *err)
{
    mc_db_config config = {MC_DB_CONFIG,
                           .url = app->config.database_url,
                           .synchronous_normal = app->config.synchronous_normal,
                           .around_done = around_done,
                           .on_group = mc__app_on_group,
                           .on_group_user = app,
                           .pool_max = mc__app_connections(app)};

    if (mc_str_is_empty(config.url))
        config.url = mc_str_printf(app->text, "sqlite:%s/metacore.db", app->dir.path);
    if (!config.url.ptr)
        return mc_fail(err, MC_NO_MEMORY, "app");
    return mc_db_open(&config, &app->db, err);
}

static mc_code migrate(mc_app *app, mc_err *err)
{
    mc_ctx ctx;
    mc_code rc = mc__app_ctx_init(app, &ctx, err);

    if (rc == MC_OK)
        rc = mc_migrations_up(app->db, &ctx, mc_migrations_kernel(mc_db_dialect_of(app->db)), NULL,
                              err);
    mc__app_ctx_deinit(&ctx);
    return rc;
}

static mc_code recover_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    (void)user;
    return mc_idempotency_recover(ctx, err);
}

/* What the last process had begun and not answered may be tried again. */
static mc_code recover(mc_app *app, mc_err *err)
{
    mc_ctx ctx;
    mc_code rc = mc__app_ctx_init(app, &ctx, err);

    if (rc == MC_OK)
        rc = mc_db_write(app->db, &ctx, recover_in, NULL, err);
    mc__app_ctx_deinit(&ctx);
    return rc;
}

/* ---- services ---- */

mc_code mc__app_can_read(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    mc_app *app = user;
    mc_code rc = mc_permission_check_action(app->permission, ctx, model->key, MC_STR("read"), err);

    if (rc != MC_OK && rc != MC_FORBIDDEN)
        return rc;
    *out = rc == MC_OK;
    return MC_OK;
}

static mc_code build_permission(mc_app *app, mc_err *err)
{
    mc_permission_config config = {MC_PERMISSION_CONFIG, .clock = app->config.clock};
    mc_code rc = mc_permission_store_sql_new(app->db, &config.store, err);

    return rc == MC_OK ? mc_permission_new(&config, &app->permission, err) : rc;
}

/* A development server is started, tried and thrown away: it may be registered at more often. */
static mc_auth_limits limits(const mc_app *app)
{
    mc_auth_limits out = {0};

    if (app->config.dev)
        out.registers_per_hour = 1000;
    return out;
}

static mc_code build_auth(mc_app *app, mc_err *err)
{
    bool is_open = app->config.registration == MC_REGISTRATION_OPEN ||
                   (app->config.registration == MC_REGISTRATION_DEFAULT && app->config.dev);

    return mc_auth_new(
        &(mc_auth_config){
            MC_AUTH_CONFIG, .db = app->db, .jwt_secret = mc_secret_get(&app->jwt_secret),
            .access_ttl_s = app->config.token_ttl_s, .registration_open = is_open,
            .limits = limits(app), .clock = app->config.clock,
            .on_org_created = mc__host_on_org_created, .on_org_created_user = app->host,
            .on_changed = mc__app_on_session_changed, .on_changed_user = app},
        &app->auth, err);
}

static mc_code build_metadata(mc_app *app, mc_err *err)
{
    return mc_metadata_new(
        &(mc_metadata_config){MC_METADATA_CONFIG, .models = app->models, .i18n = app->i18n,
                              .is_visible = mc__host_is_visible, .is_visible_user = app->host,
                              .can_read = mc__app_can_read, .can_read_user = app},
        &app->metadata, err);
}

static mc_code check_permission(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

static bool say(void *user, mc_ctx *ctx, mc_str *message)
{
    return mc__say_error(user, ctx, message);
}

static mc_code build_dynamic(mc_app *app, mc_err *err)
{
    return mc_dynamic_new(&(mc_dynamic_config){MC_DYNAMIC_CONFIG,
                                               .db = app->db,
                                               .models = app->models,
                                               .check = check_permission,
                                               .check_user = app->permission,
                                               .is_visible = mc__host_is_visible,
                                               .is_visible_user = app->host,
                                               .intercept = mc__host_intercept,
                                               .intercept_user = app,
                                               .on_change = mc__app_on_change,
                                               .on_change_user = app,
                                               .clock = app->config.clock,
                                               .say = say,
                                               .say_user = app->i18n,
                                               .temp_dir = mc_z(app->dir.path),
                                               .on_write = mc__app_on_write,
                                               .wants_before = mc__app_wants_before,
                                               .on_write_user = app,
                                               .dispatch = mc__app_dispatch,
                                               .dispatch_user = app,
                                               .ask = mc__hooks_ask,
                                               .is_asked = mc__hooks_are_asked,
                                               .ask_user = app,
                                               .ready = mc__app_ready},
                          &app->dynamic, err);
}

static mc_code build_options(mc_app *app, mc_err *err)
{
    return mc_options_new(&(mc_options_config){MC_OPTIONS_CONFIG, .dynamic = app->dynamic,
                                               .models = app->models, .i18n = app->i18n,
                                               .dialect = mc_db_dialect_of(app->db)},
                          &app->options, err);
}

static mc_code build_services(mc_app *app, const mc_app_config *config, mc_err *err)
{
    mc_code rc = mc_i18n_new(NULL, &app->i18n, err);

    if (rc == MC_OK)
        rc = mc_models_new(&app->models, err);
    if (rc == MC_OK)
        rc = build_permission(app, err);
    if (rc == MC_OK)
        rc = mc__guests_new(app, &app->guests, err);
    if (rc == MC_OK)
        rc = mc__host_new(app, &app->host, err);
    if (rc == MC_OK)
        rc = mc__app_pages_new(app, err);
    if (rc == MC_OK)
        rc = build_auth(app, err);
    if (rc == MC_OK)
        rc = build_metadata(app, err);
    if (rc == MC_OK)
        rc = mc__app_eventlog_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_outbox_new(app, err);
    if (rc == MC_OK)
        rc = build_dynamic(app, err);
    if (rc == MC_OK)
        rc = mc__hooks_add_after(app, err);
    if (rc == MC_OK)
        rc = build_options(app, err);
    if (rc == MC_OK)
        rc = mc__app_files_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_notifications_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_webhooks_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_backend_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_push_new(app, config, err);
    if (rc == MC_OK)
        rc = mc__app_notify_new(app, config, err);
    if (rc == MC_OK)
        rc = mc__app_build_ws(app, err);
    if (rc == MC_OK)
        rc = mc_http_router_new(&app->router, err);
    return rc == MC_OK ? mc__app_mount(app, err) : rc;
}

mc_code mc_app_new(const mc_app_config *config, mc_app **out, mc_err *err)
{
    mc_app *app = calloc(1, sizeof(*app));
    mc_code rc;

    if (!app)
        return mc_fail(err, MC_NO_MEMORY, "app");
    app->dir.lock_fd = -1;
    rc = mc__app_copy_config(app, config, err);
    if (rc == MC_OK)
        rc = mc_data_dir_open(&app->dir, app->config.data_dir, err);
    if (rc == MC_OK)
        rc = mc__app_load_jwt_secret(app, config->jwt_secret, err);
    if (rc == MC_OK)
        rc = mc__app_load_keys(app, config, err);
    if (rc == MC_OK)
        rc = mc__app_load_metrics_token(app, config->metrics_token, err);
    if (rc == MC_OK)
        rc = mc__app_metrics_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_spans_new(app, config, err);
    if (rc == MC_OK)
        rc = open_database(app, err);
    if (rc == MC_OK)
        rc = mc__app_turn_take(app, err);
    if (rc == MC_OK)
        rc = migrate(app, err);
    if (rc == MC_OK)
        rc = recover(app, err);
    if (rc == MC_OK)
        rc = build_services(app, config, err);
    if (rc == MC_OK)
        rc = mc__host_start(app->host, err);
    if (rc == MC_OK && app->config.dev)
        rc = mc__app_demo(app, err);
    if (rc != MC_OK) {
        mc_app_free(app);
        return rc;
    }
    *out = app;
    return MC_OK;
}

void mc_app_free(mc_app *app)
{
    if (!app)
        return;
    mc_app_stop(app, 0);
    mc__guests_stop(app->guests);
    mc_notify_stop(app->notify);
    mc_outbox_stop(app->outbox);
    mc_eventlog_stop(app->eventlog);
    mc_server_free(app->operator_server); /* it reads all the others */
    /* Work that outlived the stop ends here: first the pool's, then the writer's. Only after that
     * nothing of ours is called any more, and the exchanges can go with the server. */
    mc_executor_free(app->executor);
    mc__guests_close_readers(app->guests);
    mc__app_turn_end(app);
    mc_db_close(app->db);
    mc_http_router_free(app->router);
    mc_notify_free(app->notify);
    mc_push_free(app->push);
    mc_webhooks_free(app->webhooks);
    mc_notifications_free(app->notifications);
    mc__app_files_free(app);
    mc_options_free(app->options);
    mc_dynamic_free(app->dynamic);
    mc_metadata_free(app->metadata);
    mc_auth_free(app->auth);
    mc__app_pages_free(app);
    mc__host_free(app->host);
    mc__guests_free(app->guests);
    mc_http_client_free(app->backend_client);
    mc_permission_free(app->permission);
    mc_models_free(app->models);
    mc_i18n_free(app->i18n);
    mc_server_free(app->server);
    mc_ws_free(app->ws); /* its sockets went with the server */
    mc_outbox_free(app->outbox);
    mc_eventlog_free(app->eventlog); /* and its streams */
    mc__app_spans_free(app);
    mc_metrics_free(app->numbers.registry);
    mc_secret_deinit(&app->jwt_secret);
    mc_secretbox_deinit(&app->box);
    mc_secret_deinit(&app->metrics_token);
    mc_data_dir_close(&app->dir);
    mc_arena_free(app->text);
    free(app);
}

/* ---- what a host adds ---- */

static mc_code ensure_table(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_model_ensure_table(user, conn, err);
}

static mc_code add_model(mc_app *app, mc_ctx *ctx, const mc_model_def *def, mc_err *err)
{
    mc_model *model = NULL;
    mc_code rc = mc_model_new(def, mc_db_dialect_of(app->db), &model, err);

    if (rc != MC_OK)
        return rc;
    rc = mc_db_write(app->db, ctx, ensure_table, model, err);
    if (rc != MC_OK) {
        mc_model_free(model);
        return rc;
    }
    return mc_models_put(app->models, model, err);
}

/* The model, and the tables of its links that are no models yet. */
static mc_code add_models(mc_app *app, mc_ctx *ctx, const mc_model_def *def, mc_err *err)
{
    const mc_model_def *models = def;
    size_t count = 1;
    mc_code rc = mc_model_add_pivots(ctx->arena, &models, &count, err);

    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        if (i == 0 || !mc_models_find(app->models, models[i].key))
            rc = add_model(app, ctx, &models[i], err);
    }
    return rc;
}

mc_code mc_app_add_model(mc_app *app, const mc_model_def *def, mc_err *err)
{
    mc_ctx ctx;
    mc_code rc = mc__app_ctx_init(app, &ctx, err);

    if (rc == MC_OK)
        rc = add_models(app, &ctx, def, err);
    mc__app_ctx_deinit(&ctx);
    return rc;
}

mc_code mc_app_add_route(mc_app *app, const mc_http_route *route, mc_err *err)
{
    if (app->is_started)
        return mc_fail(err, MC_INVALID, "app: routes are added before start");
    return mc_http_router_add(app->router, MC_STR("/api"), route, err);
}

/* ---- serving ---- */

static mc_code build_executor(mc_app *app, mc_err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    app->loops = app->config.loops ? app->config.loops : (cores > 0 ? (unsigned)cores : 1);
    app->cors.origins = (mc_strs){app->config.cors_origins, app->config.cors_origin_count};
    return mc_executor_new(
        &(mc_executor_config){
            MC_EXECUTOR_CONFIG, .db = app->db, .auth = app->auth, .i18n = app->i18n,
            .dynamic = app->dynamic, .router = app->router,
            .cors = app->cors.origins.count ? &app->cors : NULL, .log = app->config.log,
            .clock = app->config.clock, .loops = app->loops, .workers = app->config.workers,
            .requests = app->numbers.requests, .durations = app->numbers.durations,
            .access_sample = app->config.access_sample, .spans = mc__app_spans(app),
            .trace_untold = app->config.trace_untold},
        &app->executor, err);
}

static mc_code build_server(mc_app *app, mc_err *err)
{
    mc_server_config config = {MC_SERVER_CONFIG,
                               .listen = app->config.listen,
                               .handler = mc_executor_handler(app->executor),
                               .loops = app->loops,
                               .max_connections = mc__app_max_connections(),
                               .on_tick = mc__app_on_tick,
                               .on_tick_user = app,
                               .spool_dir = mc_z(app->dir.path),
                               .tls_cert_file = app->config.tls_cert_file,
                               .tls_key_file = app->config.tls_key_file,
                               .clock = app->config.clock};

    if (app->config.has_control) {
        config.unix_path = mc_str_printf(app->text, "%s/" MC_CONTROL_SOCKET, app->dir.path);
        if (!config.unix_path.ptr)
            return mc_fail(err, MC_NO_MEMORY, "app");
    }
    return mc_server_new(&config, &app->server, err);
}

mc_code mc_app_start(mc_app *app, mc_err *err)
{
    mc_code rc;

    rc = mc_lifecycle_boot(app->lifecycle, app, err);
    if (rc == MC_OK)
        rc = build_executor(app, err);
    if (rc == MC_OK)
        rc = build_server(app, err);
    if (rc == MC_OK)
        rc = mc_ws_bind(app->ws, app->server, err);
    if (rc == MC_OK)
        rc = mc__app_operator_new(app, err);
    if (rc == MC_OK)
        rc = mc__app_outbox_start(app, err);
    if (rc == MC_OK)
        rc = mc_webhooks_start(app->webhooks, err);
    if (rc == MC_OK)
        rc = mc_push_start(app->push, err);
    if (rc == MC_OK)
        rc = mc__guests_start(app->guests, err);
    if (rc == MC_OK)
        rc = mc_server_start(app->server, err);
    app->is_started = rc == MC_OK;
    if (rc == MC_OK && app->operator_server)
        rc = mc_server_start(app->operator_server, err);
    return rc;
}

void mc_app_drain(mc_app *app)
{
    atomic_store(&app->is_draining, true);
}

void mc_app_stop(mc_app *app, int64_t timeout_ms)
{
    mc_app_drain(app);
    if (app->is_started) {
        mc_eventlog_stop(app->eventlog); /* its streams would stay open for ever */
        mc_server_stop(app->server, timeout_ms > 0 ? timeout_ms : STOP_TIMEOUT_MS);
        mc_http_client_stop(app->backend_client); /* jobs and what outlived the stop wait for it */
        mc_notify_stop(app->notify);              /* a mail server that hangs keeps nobody */
        mc_outbox_stop(app->outbox);              /* what is not done now is in the database */
    }
    app->is_started = false;
    mc_push_stop(app->push);
    mc_webhooks_stop(app->webhooks); /* after the last request, before the database is closed */
    if (app->operator_server)        /* last, so that the end can be watched */
        mc_server_stop(app->operator_server, OPERATOR_STOP_MS);
}

unsigned mc_app_port(const mc_app *app)
{
    return app->server ? mc_server_port(app->server) : 0;
}

unsigned mc_app_metrics_port(const mc_app *app)
{
    return app->operator_server ? mc_server_port(app->operator_server) : 0;
}

mc_code mc_app_reload(mc_app *app, mc_err *err)
{
    return mc_str_is_empty(app->config.tls_cert_file) ? MC_OK
                                                      : mc_server_reload_tls(app->server, err);
}

/* ---- its parts ---- */

mc_db *mc_app_db(mc_app *app)
{
    return app->db;
}

mc_auth *mc_app_auth(mc_app *app)
{
    return app->auth;
}

mc_permission *mc_app_permission(mc_app *app)
{
    return app->permission;
}

mc_models *mc_app_models(mc_app *app)
{
    return app->models;
}

mc_dynamic *mc_app_dynamic(mc_app *app)
{
    return app->dynamic;
}

mc_host *mc_app_host(mc_app *app)
{
    return app->host;
}

mc_ws *mc_app_ws(mc_app *app)
{
    return app->ws;
}

mc_outbox *mc_app_outbox(mc_app *app)
{
    return app->outbox;
}

mc_eventlog *mc_app_eventlog(mc_app *app)
{
    return app->eventlog;
}

mc_notify *mc_app_notify(mc_app *app)
{
    return app->notify;
}

mc_log *mc_app_log(mc_app *app)
{
    return app->config.log;
}

mc_metrics *mc_app_metrics(mc_app *app)
{
    return app->numbers.registry;
}
