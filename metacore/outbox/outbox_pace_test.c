/* SPDX-License-Identifier: Apache-2.0 */
/* How many jobs of a kind run at once, and when one that failed comes again. */
#include "metacore/outbox/outbox.h"

#include "metacore/migrations/migrations.h"

#include "mc_test.h"

#include <stdatomic.h>
#include <unistd.h>

#define TURNS 1000
#define TURN_US 10000

static mc_db *db;
static mc_outbox *outbox;
static mc_arena *arena;
static atomic_int slow_now, slow_most, slow_done, quick_done;
static atomic_bool is_held;

static mc_code allow(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)capability;
    (void)err;
    return MC_OK;
}

static mc_code run_slow(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    int now = atomic_fetch_add(&slow_now, 1) + 1, most = atomic_load(&slow_most);

    (void)user;
    (void)ctx;
    (void)job;
    (void)err;
    while (now > most && !atomic_compare_exchange_weak(&slow_most, &most, now))
        ;
    while (atomic_load(&is_held))
        (void)usleep(TURN_US); /* cut short by a signal: asked again sooner */
    atomic_fetch_sub(&slow_now, 1);
    atomic_fetch_add(&slow_done, 1);
    return MC_OK;
}

static mc_code run_quick(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)job;
    (void)err;
    atomic_fetch_add(&quick_done, 1);
    return MC_OK;
}

static mc_code run_busy(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    (void)user;
    (void)job;
    ctx->retry_after_s = 900;
    return mc_fail(err, MC_UNAVAILABLE, "in a quarter of an hour");
}

static char order[16];
static atomic_int order_count;

static mc_code run_in_turn(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    int at = atomic_load(&order_count);

    (void)user;
    (void)ctx;
    (void)err;
    while (atomic_load(&is_held))
        (void)usleep(TURN_US);                      /* likewise */
    order[at] = (char)('@' + job->org_id.bytes[0]); /* one at a time */
    atomic_store(&order_count, at + 1);
    return MC_OK;
}

static mc_code enqueue_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    return mc_outbox_enqueue(outbox, ctx, &(mc_outbox_job_input){.kind = mc_z(user)}, NULL, err);
}

static void enqueue_for(unsigned char org, char *kind)
{
    mc_ctx ctx = {.arena = arena, .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_err err;

    ctx.who.org_id = (mc_uuid){{org}};
    MC_EXPECT_OK(mc_db_write(db, &ctx, enqueue_in, kind, &err), &err);
}

static void enqueue(char *kind)
{
    enqueue_for(1, kind);
}

static bool await(atomic_int *number, int at_least)
{
    for (int i = 0; i < TURNS && atomic_load(number) < at_least; i++)
        (void)usleep(TURN_US); /* likewise */
    return atomic_load(number) >= at_least;
}

static mc_code read_pause(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT due_at, updated_at FROM outbox_jobs WHERE kind = "
                                    "'busy' AND status = 'pending' AND attempts = 1"),
                             NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        atomic_store((atomic_int *)user,
                     (int)((mc_db_col_time(&rows, 0) - mc_db_col_time(&rows, 1)) / 1000000));
    return mc_db_rows_finish(&rows, err);
}

static bool setup(mc_ctx *ctx, mc_eventlog **events)
{
    static const mc_outbox_kind kinds[] = {
        {.name = MC_STR_INIT("slow"), .run = run_slow, .at_once = 2},
        {.name = MC_STR_INIT("quick"), .run = run_quick},
        {.name = MC_STR_INIT("busy"), .run = run_busy},
        {.name = MC_STR_INIT("turns"), .run = run_in_turn, .at_once = 1},
    };
    mc_db_config config = {MC_DB_CONFIG};
    mc_err err;
    mc_code rc;

    config.url = mc_str_printf(ctx->arena, "sqlite:%s/pace.db", mc_test_dir());
    rc = mc_db_open(&config, &db, &err);
    if (rc == MC_OK)
        rc = mc_migrations_up(db, ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err);
    if (rc == MC_OK)
        rc = mc_eventlog_new(&(mc_eventlog_config){MC_EVENTLOG_CONFIG, .db = db, .check = allow},
                             events, &err);
    if (rc == MC_OK)
        rc = mc_outbox_new(&(mc_outbox_config){MC_OUTBOX_CONFIG, .db = db, .eventlog = *events,
                                               .check = allow, .workers = 4, .poll_ms = 20,
                                               .retry_base_ms = 1},
                           &outbox, &err);
    for (size_t i = 0; i < MC_LEN(kinds) && rc == MC_OK; i++)
        rc = mc_outbox_add_kind(outbox, &kinds[i], &err);
    if (rc == MC_OK)
        rc = mc_outbox_start(outbox, &err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

static void close_all(mc_eventlog *events)
{
    mc_outbox_stop(outbox);
    mc_eventlog_stop(events);
    mc_outbox_free(outbox);
    mc_eventlog_free(events);
    mc_db_close(db);
    mc_arena_free(arena);
}

static void enqueue_many(char *kind, int times)
{
    for (int i = 0; i < times; i++)
        enqueue(kind);
}

static void await_pause(mc_ctx *ctx, atomic_int *pause_s)
{
    mc_err err;

    for (int i = 0; i < TURNS && atomic_load(pause_s) == 0; i++) {
        MC_EXPECT_OK(mc_db_read(db, ctx, read_pause, pause_s, &err), &err);
        (void)usleep(TURN_US); /* likewise */
    }
    MC_EXPECT(atomic_load(pause_s) >= 899);
}

MC_TEST("a slow kind holds only the workers it may, and a failure comes no sooner than it asked")
{
    static char slow[] = "slow", quick[] = "quick", busy[] = "busy";
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_eventlog *events = NULL;
    atomic_int pause_s = 0;

    arena = ctx.arena;
    atomic_store(&is_held, true);
    MC_REQUIRE(setup(&ctx, &events));
    enqueue_many(slow, 6);
    MC_EXPECT(await(&slow_now, 2));
    enqueue_many(quick, 6);
    enqueue(busy);
    MC_EXPECT(await(&quick_done, 6));
    MC_EXPECT_EQ(atomic_load(&slow_now), 2);
    atomic_store(&is_held, false);
    MC_EXPECT(await(&slow_done, 6));
    MC_EXPECT_EQ(atomic_load(&slow_most), 2);
    await_pause(&ctx, &pause_s);
    close_all(events);
}

MC_TEST("organizations take turns, however many jobs one of them has")
{
    static char turns[] = "turns";
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_eventlog *events = NULL;

    arena = ctx.arena;
    atomic_store(&is_held, true);
    MC_REQUIRE(setup(&ctx, &events));
    for (int i = 0; i < 5; i++)
        enqueue_for(1, turns);
    enqueue_for(2, turns);
    enqueue_for(2, turns);
    enqueue_for(3, turns);
    atomic_store(&is_held, false);
    MC_EXPECT(await(&order_count, 8));
    MC_EXPECT_Z(mc_z(order), "ABCABAAA");
    close_all(events);
}
