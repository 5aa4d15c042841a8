/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_append: changes written to the event log, durable, as from 64 clients, and nothing else:
 * what the log adds to a write, beside bare_store's rate of writes.
 *
 *   event_append FOLDER SECONDS
 * prints "event_append figure per_cpu_second".
 */
#include "metacore/eventlog/eventlog.h"
#include "metacore/migrations/migrations.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WAITING 64 /* writes in flight */

typedef struct writer {
    mc_db_job job;
    mc_ctx ctx;
} writer;

static mc_db *db;
static mc_eventlog *events;
static atomic_ullong written;
static atomic_int in_flight;
static atomic_bool is_over;

/* As bare_store's: of this process, whoever else runs. */
static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* this clock always exists */
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static mc_code allow(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)capability;
    (void)err;
    return MC_OK;
}

/* A ticket, as the server answers its creation. */
static const mc_str row = MC_STR_INIT(
    "{\"assignee_id\":null,\"body\":\"Smoke.\",\"created_at\":\"2026-11-25T14:35:53.745726Z\","
    "\"created_by_id\":\"01a21322-6e20-776c-ab10-d7e8a269229e\",\"due_at\":null,\"hours\":1.25,"
    "\"id\":\"01a21322-7011-7de8-a94a-6dd95b40455a\",\"organization_id\":\"01a21322-6e20-7502-833a-"
    "5e33b7cc7850\",\"priority\":\"high\",\"status\":\"open\",\"subject\":\"The printer is on "
    "fire\",\"updated_at\":\"2026-11-25T14:35:53.745726Z\",\"urgent\":true}");

static mc_code append(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    (void)conn; /* in ctx */
    (void)user;
    if (rc != MC_OK)
        return rc;
    return mc_eventlog_append(events, ctx,
                              &(mc_eventlog_change){.addon = MC_STR("tickets"),
                                                    .model = MC_STR("tickets"),
                                                    .action = MC_STR("created"),
                                                    .id = id,
                                                    .at = ctx->now,
                                                    .after = row},
                              err);
}

/* As one ends, the next is queued. */
static void again(mc_db_job *job, mc_code rc)
{
    mc_arena_reset(job->ctx->arena);
    if (rc == MC_OK)
        atomic_fetch_add(&written, 1);
    if (rc != MC_OK || atomic_load(&is_over) || mc_db_submit(db, job, &job->err) != MC_OK)
        atomic_fetch_sub(&in_flight, 1);
}

static bool submit(writer *w, mc_err *err)
{
    w->ctx = (mc_ctx){.arena = mc_arena_new(0), .now = INT64_C(1700000000000000)};
    w->ctx.who = (mc_principal){.org_id = {{1}}, .user_id = {{2}}};
    w->job = (mc_db_job){.ctx = &w->ctx, .fn = append, .done = again};
    atomic_fetch_add(&in_flight, 1);
    return w->ctx.arena && mc_db_submit(db, &w->job, err) == MC_OK;
}

static void pause_s(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds,
                         .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

    (void)nanosleep(&t, NULL); /* an early end only shortens the measurement */
}

static mc_code open_all(const char *folder, mc_err *err)
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    mc_str url = mc_str_printf(ctx.arena, "sqlite:%s/event_append.db", folder);
    mc_code rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = url}, &db, err);

    if (rc == MC_OK)
        rc = mc_migrations_up(db, &ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, err);
    if (rc == MC_OK)
        rc = mc_eventlog_new(&(mc_eventlog_config){MC_EVENTLOG_CONFIG, .db = db, .check = allow},
                             &events, err);
    mc_arena_free(ctx.arena);
    return rc;
}

int main(int argc, char **argv)
{
    static writer writers[WAITING];
    mc_err err = {MC_OK, ""};
    double start;

    if (argc != 3) {
        fprintf(stderr, "usage: event_append FOLDER SECONDS\n");
        return 2;
    }
    if (open_all(argv[1], &err) != MC_OK) {
        fprintf(stderr, "event_append: %s\n", err.msg);
        return 1;
    }
    start = cpu_us();
    for (int i = 0; i < WAITING; i++) {
        if (!submit(&writers[i], &err))
            return 1;
    }
    pause_s(strtod(argv[2], NULL));
    printf("event_append %.0f per_cpu_second\n",
           (double)atomic_load(&written) * 1e6 / (cpu_us() - start));
    atomic_store(&is_over, true);
    while (atomic_load(&in_flight) > 0)
        pause_s(0.001);
    mc_eventlog_stop(events);
    mc_db_close(db);
    mc_eventlog_free(events);
    for (int i = 0; i < WAITING; i++)
        mc_arena_free(writers[i].ctx.arena);
    return 0;
}
