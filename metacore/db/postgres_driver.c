/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/postgres_internal.h"

#include <stdlib.h>
#include <string.h>

#define POOL_MAX 8
#define STATEMENTS_MAX 256
#define WAIT_TIMEOUT_MS 5000

/* ---- open, close ---- */

static mc_code check_url(const char *url, mc_err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    mc_code rc = MC_OK;

    if (!options) /* why may repeat the address, and with it a password */
        rc = mc_fail(err, why ? MC_INVALID : MC_NO_MEMORY, "db: the postgres:// address");
    PQconninfoFree(options);
    PQfreemem(why);
    return rc;
}

static void close_driver(void *driver)
{
    mc__pg *self = driver;

    mc__pg_pool_close_idle(self);
    mc_cond_deinit(&self->freed);
    mc_mutex_deinit(&self->mu);
    if (self->url)
        explicit_bzero(self->url, strlen(self->url)); /* it may hold a password */
    free(self->url);
    free(self);
}

static mc_code open_driver(const mc_db_config *config, mc_str url, void **out, mc_err *err)
{
    mc__pg *self = calloc(1, sizeof(*self));
    mc__pg_conn *first = NULL;
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "db");
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->freed);
    self->config = *config;
    self->config.pool_max = config->pool_max ? config->pool_max : POOL_MAX;
    self->config.statements_max = config->statements_max ? config->statements_max : STATEMENTS_MAX;
    self->config.wait_timeout_ms =
        config->wait_timeout_ms ? config->wait_timeout_ms : WAIT_TIMEOUT_MS;
    self->url = strndup(url.ptr, url.len);
    if (!self->url) {
        rc = mc_fail(err, MC_NO_MEMORY, "db");
        goto fail;
    }
    rc = check_url(self->url, err);
    if (rc != MC_OK)
        goto fail;
    rc = mc__pg_pool_take(self, &(mc_ctx){0}, &first, err); /* is anybody there? */
    if (rc != MC_OK)
        goto fail;
    mc__pg_pool_give(self, first);
    *out = self;
    return MC_OK;

fail:
    close_driver(self);
    return rc;
}

/* ---- running work ---- */

/* Tells whether fn has run: until then nothing has happened, and another try is safe. */
typedef struct attempt {
    mc_db_fn fn;
    void *user;
    bool has_run;
} attempt;

static mc_code run_attempt(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    attempt *a = user;

    a->has_run = true;
    return a->fn(conn, ctx, a->user, err);
}

/* Whose the connection's transactions are, and how long they may take. */
static void lend(mc__pg_conn *conn, const mc_ctx *ctx)
{
    int64_t left_us;

    conn->org_id = ctx->who.org_id;
    if (ctx->deadline_us) {
        left_us = ctx->deadline_us - mc_clock_monotonic_us((mc_clock){NULL, NULL});
        conn->transaction_ms = left_us > 1000 ? left_us / 1000 : 1;
    }
}

static mc_code run_once(mc__pg *self, mc_ctx *ctx, attempt *a, bool is_read, mc_err *err)
{
    mc__pg_conn *conn;
    mc_code rc = mc__pg_pool_take(self, ctx, &conn, err);

    if (rc != MC_OK)
        return rc;
    lend(conn, ctx);
    conn->is_snapshot = is_read;
    conn->takes_turns = !is_read;
    rc = mc__db_run(&conn->base, ctx, run_attempt, a, err);
    mc__pg_pool_give(self, conn);
    return rc;
}

static mc_code run(mc__pg *self, mc_ctx *ctx, mc_db_fn fn, void *user, bool is_read, mc_err *err)
{
    attempt a = {.fn = fn, .user = user};
    mc_code rc = run_once(self, ctx, &a, is_read, err);

    /* A server that restarted takes every idle connection with it: start afresh, once. */
    if (rc == MC_UNAVAILABLE && !a.has_run) {
        mc__pg_pool_close_idle(self);
        rc = run_once(self, ctx, &a, is_read, err);
    }
    return rc;
}

static mc_code write_driver(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return run(driver, ctx, fn, user, false, err);
}

static mc_code write_alone(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    mc__pg_conn *conn;
    mc_code rc = mc__pg_pool_take(driver, ctx, &conn, err);

    if (rc != MC_OK)
        return rc;
    lend(conn, ctx);
    conn->is_alone = true;
    /* What an organization writes here takes its turn as elsewhere; the kernel's scripts have locks
     * of their own, which others hold while they wait for theirs. */
    conn->takes_turns = !mc_uuid_is_nil(conn->org_id);
    rc = mc__db_run_alone(&conn->base, ctx, fn, user, err);
    conn->is_broken = true; /* what fn has set, or locked, for the session ends with the session */
    mc__pg_pool_give(driver, conn);
    return rc;
}

static mc_code read_driver(void *driver, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return run(driver, ctx, fn, user, true, err);
}

/* ---- connections of one's own ---- */

static mc_code reader_open(void *driver, mc_db_conn **out, mc_err *err)
{
    mc__pg_conn *conn = NULL;
    mc_code rc = mc__pg_conn_open(driver, true, &conn, err);

    if (rc != MC_OK)
        return rc;
    *out = &conn->base;
    return MC_OK;
}

static void reader_close(mc_db_conn *conn)
{
    mc__pg_conn_close((mc__pg_conn *)conn);
}

/* What mc__db_module_load looks for. */
MC_API const mc__db_driver_vt metacore_db_postgres = {
    .struct_size = sizeof(metacore_db_postgres),
    .dialect = MC_DB_POSTGRES,
    .open = open_driver,
    .close = close_driver,
    .write = write_driver,
    .write_alone = write_alone,
    .read = read_driver,
    .reader_open = reader_open,
    .conn_close = reader_close,
    .set_budget = mc__pg_set_budget,
    .set_org = mc__pg_set_org,
    .begin = mc__pg_begin,
    .commit = mc__pg_commit,
    .rollback = mc__pg_rollback,
    .query = mc__pg_query,
    .next = mc__pg_next,
    .finish = mc__pg_finish,
    .changed = mc__pg_changed,
    .exec_script = mc__pg_exec_script,
    .col_count = mc__pg_col_count,
    .col_name = mc__pg_col_name,
    .col_is_null = mc__pg_col_is_null,
    .col_bool = mc__pg_col_bool,
    .col_int = mc__pg_col_int,
    .col_text = mc__pg_col_text,
    .col_cell = mc__pg_col_cell,
    .col_time = mc__pg_col_time,
};
