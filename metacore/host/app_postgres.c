/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What serving from PostgreSQL needs of it, asked at the start; and that one process does.
 *
 * What services remember between requests (who is signed in, which addon is where, numbers of
 * lists) is this process's, and nobody tells it what another has changed. So a second process is
 * refused as long as the first has the lock, which is its session's. A session that was lost takes
 * the lock again; where another was faster, this process stops being ready.
 */
#include "metacore/host/app_internal.h"

#include "metacore/base/sync.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION_MIN 130000 /* gen_random_uuid */
#define SERVING_LOCK INT64_C(0x6d65746173657276)
#define TRIES 30 /* a process that was killed is noticed by the server, not at once */
#define TRY_PAUSE_US 100000
#define CHECK_US INT64_C(5000000)
#define CONNECTIONS_MAX 48

struct mc__app_turn {
    mc_app *app;
    mc_db_conn *conn; /* the thread's, once it runs */
    pthread_t thread;
    bool is_running;
    mc_mutex mu;
    mc_cond wake;
    bool is_stopping; /* guarded by mu */
};

/* ---- what it has to be ---- */

static mc_code check_server(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_db_rows rows;
    int64_t version = 0;
    bool has_letters = false, is_above = false;
    mc_code rc = mc_db_query(
        conn,
        MC_STR("SELECT current_setting('server_version_num')::int, EXISTS (SELECT 1 FROM "
               "pg_collation WHERE collname = 'und-x-icu'), (SELECT rolsuper OR rolbypassrls FROM "
               "pg_roles WHERE rolname = current_user)"),
        NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows)) {
        version = mc_db_col_int(&rows, 0);
        has_letters = mc_db_col_bool(&rows, 1);
        is_above = mc_db_col_bool(&rows, 2);
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    if (version < VERSION_MIN)
        return mc_fail(err, MC_NOT_PROVIDED, "PostgreSQL %lld is too old: 13 or newer is needed",
                       (long long)version / 10000);
    if (!has_letters)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "this PostgreSQL has no ICU collations (und-x-icu), by which lists search");
    if (is_above)
        mc_log_warn(app->config.log, "database.above_policies",
                    MC_KV_STR("why", MC_STR("the database's user is a superuser or bypasses row "
                                            "level security: only the server itself keeps "
                                            "organizations apart")));
    return MC_OK;
}

/* ---- one process ---- */

static mc_code try_lock(mc_db_conn *conn, bool *out, mc_err *err)
{
    mc_db_value lock = mc_db_int(SERVING_LOCK);
    mc_db_rows rows;
    /* One session may take it again and again: it is taken once. */
    mc_code rc = mc_db_query(
        conn,
        MC_STR("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = "
               "pg_backend_pid() AND (classid::bigint << 32 | objid::bigint) = $1) OR "
               "pg_try_advisory_lock($1)"),
        &lock, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows) && mc_db_col_bool(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static mc_code take_lock(mc__app_turn *self, mc_err *err)
{
    bool is_ours = false;
    mc_code rc = MC_OK;

    for (int i = 0; i < TRIES && rc == MC_OK && !is_ours; i++) {
        if (i > 0)
            (void)usleep(TRY_PAUSE_US); /* woken early, it only tries sooner */
        rc = try_lock(self->conn, &is_ours, err);
    }
    if (rc == MC_OK && !is_ours)
        rc = mc_fail(err, MC_UNAVAILABLE,
                     "another metacore serves from this database; several at once are not "
                     "provided yet");
    return rc;
}

static bool is_over(mc__app_turn *self)
{
    bool is_stopping;

    mc_mutex_lock(&self->mu);
    if (!self->is_stopping)
        (void)mc_cond_wait_for(&self->wake, &self->mu, CHECK_US); /* in vain is fine too */
    is_stopping = self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return is_stopping;
}

static void *keep_lock(void *user)
{
    mc__app_turn *self = user;
    bool was_ours = true;

    while (!is_over(self)) {
        bool is_ours = false;
        mc_err err;

        if (try_lock(self->conn, &is_ours, &err) != MC_OK)
            continue; /* the database does not answer: readiness tells that much */
        if (!is_ours) /* it may be our own session's before, of which the server does not know yet
                       */
            is_ours = take_lock(self, &err) == MC_OK;
        atomic_store(&self->app->is_displaced, !is_ours);
        if (was_ours && !is_ours)
            mc_log_error(self->app->config.log, "database.displaced",
                         MC_KV_STR("why", MC_STR("another metacore serves from this database")));
        was_ours = is_ours;
    }
    return NULL;
}

/* ---- life cycle ---- */

uint32_t mc__app_connections(const mc_app *app)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned workers =
        app->config.workers ? app->config.workers : 2 * (unsigned)(cores > 0 ? cores : 1);

    return workers + 16 < CONNECTIONS_MAX ? workers + 16 : CONNECTIONS_MAX;
}

mc_code mc__app_turn_take(mc_app *app, mc_err *err)
{
    mc_ctx ctx = {.arena = NULL};
    mc__app_turn *self;
    mc_code rc;

    if (mc_db_dialect_of(app->db) != MC_DB_POSTGRES)
        return MC_OK;
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "app");
    self->app = app;
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->wake);
    app->turn = self; /* half-built is fine to free */
    rc = mc_db_read(app->db, &ctx, check_server, app, err);
    if (rc == MC_OK)
        rc = mc_db_reader_open(app->db, &self->conn, err);
    return rc == MC_OK ? take_lock(self, err) : rc;
}

mc_code mc__app_turn_keep(mc_app *app, mc_err *err)
{
    mc__app_turn *self = app->turn;
    int why;

    if (!self)
        return MC_OK;
    why = pthread_create(&self->thread, NULL, keep_lock, self);
    self->is_running = why == 0;
    return why ? mc_fail_errno(err, MC_LIMIT, why, "app: thread") : MC_OK;
}

void mc__app_turn_end(mc_app *app)
{
    mc__app_turn *self = app->turn;

    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_cond_broadcast(&self->wake);
    mc_mutex_unlock(&self->mu);
    if (self->is_running)
        (void)pthread_join(self->thread, NULL); /* it runs, and nobody else joins it */
    mc_db_reader_close(self->conn);
    mc_cond_deinit(&self->wake);
    mc_mutex_deinit(&self->mu);
    free(self);
    app->turn = NULL;
}
