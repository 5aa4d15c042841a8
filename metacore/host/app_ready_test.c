/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app.h"

#include "metacore/base/sync.h"

#include "mc_client.h"
#include "mc_test.h"

#include <time.h>

#define TOKEN "0123456789abcdef"

/* A write that lasts until it is let go. */
typedef struct slow {
    mc_db_job job;
    mc_ctx ctx;
    mc_mutex mu;
    mc_cond changed;
    bool may_end; /* guarded by mu, as all below */
    bool is_done;
} slow;

static mc_code last(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    slow *self = user;

    (void)conn;
    (void)ctx;
    (void)err;
    mc_mutex_lock(&self->mu);
    while (!self->may_end)
        mc_cond_wait(&self->changed, &self->mu);
    mc_mutex_unlock(&self->mu);
    return MC_OK;
}

static void done(mc_db_job *job, mc_code rc)
{
    slow *self = mc_container_of(job, slow, job);

    (void)rc;
    mc_mutex_lock(&self->mu);
    self->is_done = true;
    mc_cond_signal(&self->changed);
    mc_mutex_unlock(&self->mu);
}

static void let_go(slow *self)
{
    mc_mutex_lock(&self->mu);
    self->may_end = true;
    mc_cond_signal(&self->changed);
    while (!self->is_done)
        mc_cond_wait(&self->changed, &self->mu);
    mc_mutex_unlock(&self->mu);
}

static int ask(mc_client *client)
{
    return mc_client_call_type(client, "GET", "/readyz", NULL, MC_STR(""),
                               "Authorization: Bearer " TOKEN "\r\n");
}

static bool becomes(mc_client *client, int status)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    for (int i = 0; i < 2000; i++) {
        if (ask(client) == status)
            return true;
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
    }
    return false;
}

static mc_app *start(mc_client *client)
{
    mc_app *app = NULL;
    mc_err err;
    mc_code rc = mc_app_new(
        &(mc_app_config){MC_APP_CONFIG, .data_dir = mc_z(mc_test_dir()),
                         .jwt_secret = MC_STR("0123456789abcdef0123456789abcdef"),
                         .listen = MC_STR("127.0.0.1:0"), .loops = 1, .workers = 1,
                         .metrics_token = MC_STR(TOKEN), .disk_min_bytes = 1, .stuck_ms = 20},
        &app, &err);

    if (rc == MC_OK)
        rc = mc_app_start(app, &err);
    MC_EXPECT_OK(rc, &err);
    if (rc == MC_OK)
        mc_client_init(client, mc_app_port(app));
    return rc == MC_OK ? app : NULL;
}

MC_TEST("a server whose writer is stuck is not ready, until the writer goes on")
{
    slow write = {.job = {.fn = last, .done = done}};
    mc_client client;
    mc_app *app = start(&client);
    mc_err err;

    MC_REQUIRE(app != NULL);
    mc_mutex_init(&write.mu);
    mc_cond_init(&write.changed);
    write.job.ctx = &write.ctx;
    write.job.user = &write;
    MC_EXPECT_EQ(ask(&client), 200);
    MC_REQUIRE_OK(mc_db_submit(mc_app_db(app), &write.job, &err), &err);
    MC_EXPECT(becomes(&client, 503));
    MC_EXPECT_HAS(client.body, "\"writer\":\"stuck\"");
    MC_EXPECT_HAS(client.body, "\"database\":\"ok\"");
    let_go(&write);
    MC_EXPECT(becomes(&client, 200));
    mc_client_deinit(&client);
    mc_app_free(app);
    mc_cond_deinit(&write.changed);
    mc_mutex_deinit(&write.mu);
}

static mc_code forget_migration(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec(conn,
                      MC_STR("DELETE FROM goose_db_version WHERE version_id = (SELECT "
                             "max(version_id) FROM goose_db_version)"),
                      NULL, 0, NULL, err);
}

MC_TEST("a server on a database that is behind its migrations is not ready")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_client client;
    mc_app *app = start(&client);
    mc_err err;

    MC_REQUIRE(app != NULL);
    MC_EXPECT_EQ(ask(&client), 200);
    MC_EXPECT_OK(mc_db_write(mc_app_db(app), &ctx, forget_migration, NULL, &err), &err);
    MC_EXPECT_EQ(ask(&client), 503);
    MC_EXPECT_HAS(client.body, "\"migrations\":\"behind\"");
    mc_client_deinit(&client);
    mc_app_free(app);
    mc_arena_free(ctx.arena);
}

MC_TEST("a server that drains says so, and serves on")
{
    mc_client client;
    mc_app *app = start(&client);

    MC_REQUIRE(app != NULL);
    mc_app_drain(app);
    MC_EXPECT_EQ(ask(&client), 503);
    MC_EXPECT_HAS(client.body, "\"serving\":\"stopping\"");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    mc_client_deinit(&client);
    mc_app_free(app);
}
