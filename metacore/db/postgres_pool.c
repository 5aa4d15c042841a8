/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/postgres_internal.h"

static int64_t monotonic_us(void)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

/* When waiting ends: the pool's patience or the request's deadline, whichever is first. */
static int64_t wait_end_us(const mc__pg *self, const mc_ctx *ctx)
{
    int64_t end_us = monotonic_us() + self->config.wait_timeout_ms * 1000;

    return ctx->deadline_us && ctx->deadline_us < end_us ? ctx->deadline_us : end_us;
}

/* An idle connection, or the right to open one (*out is NULL), or MC_LIMIT. */
static mc_code take_place(mc__pg *self, int64_t end_us, mc__pg_conn **out, mc_err *err)
{
    mc_code rc = MC_OK;

    mc_mutex_lock(&self->mu);
    while (!self->idle && self->open_count >= self->config.pool_max && rc == MC_OK) {
        int64_t left_us = end_us - monotonic_us();

        if (left_us <= 0)
            rc = MC_LIMIT;
        else
            (void)mc_cond_wait_for(&self->freed, &self->mu, left_us); /* the loop asks again */
    }
    if (rc == MC_OK) {
        *out = self->idle;
        if (self->idle)
            self->idle = self->idle->next;
        else
            self->open_count++;
    }
    mc_mutex_unlock(&self->mu);
    return rc == MC_OK
               ? MC_OK
               : mc_fail(err, rc, "db: all %u connections are in use", self->config.pool_max);
}

static void free_place(mc__pg *self)
{
    mc_mutex_lock(&self->mu);
    self->open_count--;
    mc_cond_signal(&self->freed);
    mc_mutex_unlock(&self->mu);
}

uint64_t mc__pg_pool_generation(mc__pg *self)
{
    uint64_t generation;

    mc_mutex_lock(&self->mu);
    generation = self->generation;
    mc_mutex_unlock(&self->mu);
    return generation;
}

mc_code mc__pg_pool_take(mc__pg *self, const mc_ctx *ctx, mc__pg_conn **out, mc_err *err)
{
    int64_t end_us = wait_end_us(self, ctx);
    uint64_t generation = mc__pg_pool_generation(self);
    mc__pg_conn *conn = NULL;
    mc_code rc = take_place(self, end_us, &conn, err);

    if (rc != MC_OK)
        return rc;
    if (conn && (conn->generation < generation || !mc__pg_conn_is_alive(conn))) {
        mc__pg_conn_close(conn); /* its place in the count passes to the one below */
        conn = NULL;
    }
    if (!conn) {
        rc = mc__pg_conn_open(self, false, &conn, err);
        if (rc != MC_OK) {
            free_place(self);
            return rc;
        }
        conn->generation = generation;
    }
    *out = conn;
    return MC_OK;
}

void mc__pg_pool_give(mc__pg *self, mc__pg_conn *conn)
{
    conn->org_id = (mc_uuid){{0}};
    conn->transaction_ms = 0;
    conn->is_snapshot = false;
    conn->takes_turns = false;
    conn->budget_us = 0;
    if (conn->is_broken || PQtransactionStatus(conn->pg) != PQTRANS_IDLE) {
        mc__pg_conn_close(conn);
        free_place(self);
        return;
    }
    mc_mutex_lock(&self->mu);
    conn->next = self->idle;
    self->idle = conn;
    mc_cond_signal(&self->freed);
    mc_mutex_unlock(&self->mu);
}

void mc__pg_pool_close_idle(mc__pg *self)
{
    mc__pg_conn *idle, *next;
    uint32_t count = 0;

    mc_mutex_lock(&self->mu);
    idle = self->idle;
    self->idle = NULL;
    mc_mutex_unlock(&self->mu);
    for (; idle; idle = next) {
        next = idle->next;
        mc__pg_conn_close(idle);
        count++;
    }
    mc_mutex_lock(&self->mu);
    self->open_count -= count;
    mc_cond_broadcast(&self->freed);
    mc_mutex_unlock(&self->mu);
}

void mc__pg_pool_outdate(mc__pg *self)
{
    mc_mutex_lock(&self->mu);
    self->generation++;
    mc_mutex_unlock(&self->mu);
}
