/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/outbox/outbox.h"

#include "metacore/base/sync.h"
#include "metacore/migrations/migrations.h"

#include "mc_postgres.h"
#include "mc_test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- an outbox of one's own, on either driver, with a clock that can be moved ---- */

static const mc_uuid ours = {{1}}, theirs = {{2}};
static mc_db *db;
static mc_ctx ctx;
static mc_eventlog *events;
static mc_outbox *outbox;
static atomic_llong clock_us;

static mc_time now(void *self)
{
    (void)self;
    return mc_clock_now((mc_clock){NULL, NULL}) + atomic_load(&clock_us);
}

static int64_t monotonic_us(void *self)
{
    (void)self;
    return mc_clock_monotonic_us((mc_clock){NULL, NULL}) + atomic_load(&clock_us);
}

static const mc_clock_vt clock_vt = {
    .struct_size = sizeof(clock_vt), .now = now, .monotonic_us = monotonic_us};

static mc_code check(void *user, mc_ctx *asked, mc_str capability, mc_err *err)
{
    (void)user;
    (void)asked;
    (void)capability;
    (void)err;
    return MC_OK;
}

static bool open_outbox(void)
{
    mc_err err;

    events = NULL;
    outbox = NULL;
    MC_EXPECT_OK(
        mc_eventlog_new(&(mc_eventlog_config){MC_EVENTLOG_CONFIG, .db = db, .check = check},
                        &events, &err),
        &err);
    if (events)
        MC_EXPECT_OK(mc_outbox_new(&(mc_outbox_config){MC_OUTBOX_CONFIG, .db = db,
                                                       .eventlog = events, .check = check,
                                                       .clock = {&clock_vt, NULL}, .poll_ms = 20,
                                                       .retry_base_ms = 1, .retry_max_ms = 20},
                                   &outbox, &err),
                     &err);
    return outbox != NULL;
}

static bool setup(mc_db_dialect dialect)
{
    mc_str url = dialect == MC_DB_POSTGRES ? mc_postgres_database() : MC_STR("");
    mc_err err;

    atomic_store(&clock_us, 0);
    ctx = (mc_ctx){.arena = mc_arena_new(0), .now = now(NULL)};
    ctx.who.org_id = ours;
    if (dialect == MC_DB_SQLITE)
        url = mc_str_printf(ctx.arena, "sqlite:%s/outbox.db", mc_test_dir());
    db = NULL;
    MC_EXPECT_OK(
        mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = url, .module_path = mc_postgres_module()},
                   &db, &err),
        &err);
    if (!db)
        return false;
    MC_EXPECT_OK(mc_migrations_up(db, &ctx, mc_migrations_kernel(dialect), NULL, &err), &err);
    return open_outbox();
}

static void close_outbox(void)
{
    mc_outbox_stop(outbox);
    mc_eventlog_stop(events);
    mc_outbox_free(outbox);
    mc_eventlog_free(events);
}

static void teardown(void)
{
    close_outbox();
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

static void start(void)
{
    mc_err err;

    MC_EXPECT_OK(mc_outbox_start(outbox, &err), &err);
}

static void on_both(void (*run)(void))
{
    MC_CASE("SQLite");
    if (setup(MC_DB_SQLITE)) {
        run();
        teardown();
    }
    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    MC_CASE("PostgreSQL");
    if (setup(MC_DB_POSTGRES)) {
        run();
        teardown();
    }
}

/* ---- what consumers and jobs leave behind ---- */

static mc_mutex mu;
static mc_cond more;
static char seen[4096]; /* guarded by mu */

__attribute__((constructor)) static void init_seen(void)
{
    mc_mutex_init(&mu);
    mc_cond_init(&more);
}

static void note(const char *format, long long n)
{
    size_t len;

    mc_mutex_lock(&mu);
    len = strlen(seen);
    (void)snprintf(seen + len, sizeof(seen) - len, format, n);
    mc_cond_broadcast(&more);
    mc_mutex_unlock(&mu);
}

/* Until seen is expected; what else it is after ten seconds is the failure. */
static void expect_seen(const char *expected)
{
    mc_mutex_lock(&mu);
    while (strcmp(seen, expected) != 0) {
        if (!mc_cond_wait_for(&more, &mu, 10000000))
            break;
    }
    MC_EXPECT_Z(mc_z(seen), expected);
    mc_mutex_unlock(&mu);
}

static void forget_seen(void)
{
    mc_mutex_lock(&mu);
    seen[0] = '\0';
    mc_mutex_unlock(&mu);
}

static mc_code emit_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    mc_code rc = MC_OK;

    (void)conn;
    for (int i = 0; i < *(int *)user && rc == MC_OK; i++)
        rc = mc_eventlog_emit(events, c, &(mc_event_input){.type = MC_STR("a")}, NULL, err);
    return rc;
}

static void emit(mc_uuid org, int times)
{
    mc_err err;

    ctx.who.org_id = org;
    MC_EXPECT_OK(mc_db_write(db, &ctx, emit_in, &times, &err), &err);
    ctx.who.org_id = ours;
}

/* ---- consumers ---- */

static atomic_int fails_left;

/* Fails at our third event as long as fails_left says; takes events one by one. */
static mc_code take(void *user, mc_ctx *c, const mc_event *batch, size_t count, size_t *out_done,
                    mc_err *err)
{
    for (size_t i = 0; i < count; i++) {
        bool is_ours = mc_uuid_eq(batch[i].org_id, ours);

        if (!mc_uuid_eq(c->who.org_id, batch[i].org_id))
            return mc_fail(err, MC_INTERNAL, "another organization's ctx");
        if (user && is_ours && batch[i].sequence == 3 && atomic_load(&fails_left) > 0) {
            atomic_fetch_sub(&fails_left, 1);
            note("x", 0);
            return mc_fail(err, MC_UNAVAILABLE, "not now");
        }
        if (user)
            note(is_ours ? "%lld " : "t%lld ", batch[i].sequence);
        *out_done = i + 1;
    }
    return MC_OK;
}

static void consume_first(void)
{
    mc_err err;

    MC_EXPECT_OK(mc_outbox_consume(outbox, MC_STR("first"), take, &db, &err), &err);
}

static void consume(void)
{
    mc_err err;

    consume_first();
    MC_EXPECT_EQ(mc_outbox_consume(outbox, MC_STR("first"), take, &db, &err), MC_CONFLICT);
    MC_EXPECT_EQ(mc_outbox_consume(outbox, MC_STR("No name"), take, &db, &err), MC_INVALID);
    MC_EXPECT_OK(mc_outbox_consume(outbox, MC_STR("second"), take, NULL, &err), &err);
}

static void hand_over(void)
{
    forget_seen();
    atomic_store(&fails_left, 3);
    consume();
    emit(ours, 2); /* before anybody runs */
    start();
    expect_seen("1 2 ");
    emit(ours, 3);
    expect_seen("1 2 xxx3 4 5 ");
    atomic_store(&fails_left, 0);
    close_outbox();
    MC_EXPECT(open_outbox());
    consume();
    emit(ours, 1); /* while nobody runs */
    start();
    expect_seen("1 2 xxx3 4 5 6 "); /* from where it was, nothing twice */
}

MC_TEST("a consumer has every event in order, what failed again, and goes on after a restart")
{
    on_both(hand_over);
}

static int64_t pruned;

static mc_code prune_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    (void)conn;
    (void)user;
    return mc_eventlog_prune(events, c, ours, INT64_C(4000000000000000), 100, &pruned, err);
}

static void keep_unread(void)
{
    mc_err err;

    forget_seen();
    atomic_store(&fails_left, 1000000);
    consume_first();
    start();
    emit(ours, 4);
    mc_mutex_lock(&mu);
    while (!strstr(seen, "1 2 xx")) { /* failed twice: the first failure's cursor is stored */
        if (!mc_cond_wait_for(&more, &mu, 10000000))
            break;
    }
    mc_mutex_unlock(&mu);
    mc_outbox_stop(outbox);
    MC_EXPECT_OK(mc_db_write(db, &ctx, prune_in, NULL, &err), &err);
    MC_EXPECT_EQ(pruned, 2);
    atomic_store(&fails_left, 0);
    close_outbox();
    MC_EXPECT(open_outbox());
    forget_seen();
    consume_first();
    start();
    expect_seen("3 4 ");
}

MC_TEST("events are not forgotten as long as a consumer has not had them")
{
    on_both(keep_unread);
}

static void isolate(void)
{
    forget_seen();
    atomic_store(&fails_left, 1000000);
    consume();
    start();
    emit(theirs, 1);
    expect_seen("t1 ");
    emit(ours, 3);
    for (int i = 0; i < 2000 && atomic_load(&fails_left) > 999997; i++) {
        mc_mutex_lock(&mu);
        (void)mc_cond_wait_for(&more, &mu, 100000);
        mc_mutex_unlock(&mu);
    }
    forget_seen();
    emit(theirs, 1);
    mc_mutex_lock(&mu);
    while (!strstr(seen, "t2 ")) { /* while ours fails on */
        if (!mc_cond_wait_for(&more, &mu, 10000000))
            break;
    }
    MC_EXPECT(strstr(seen, "t2 ") != NULL);
    MC_EXPECT(strstr(seen, "3") == NULL);
    mc_mutex_unlock(&mu);
}

MC_TEST("an organization whose event fails for ever keeps no other one waiting")
{
    on_both(isolate);
}

/* ---- jobs ---- */

static atomic_int is_held;

static mc_code run_job(void *user, mc_ctx *c, const mc_outbox_job *job, mc_err *err)
{
    (void)user;
    (void)c;
    if (mc_str_eq(job->payload, MC_STR("{}"))) { /* fails twice */
        note("f%lld ", job->attempt);
        return job->attempt < 3 ? mc_fail(err, MC_UNAVAILABLE, "not yet") : MC_OK;
    }
    note("j%lld ", job->attempt);
    return MC_OK;
}

static mc_code run_hopeless(void *user, mc_ctx *c, const mc_outbox_job *job, mc_err *err)
{
    (void)c;
    note("h%lld ", job->attempt);
    return mc_fail(err, user ? MC_REJECTED : MC_IO, "it cannot be done");
}

/* The first holder outlives its lease; the second is done before it. */
static mc_code run_slow(void *user, mc_ctx *c, const mc_outbox_job *job, mc_err *err)
{
    (void)user;
    (void)c;
    (void)err;
    if (job->attempt == 1) {
        note("s1 ", 0);
        mc_mutex_lock(&mu);
        while (atomic_load(&is_held))
            (void)mc_cond_wait_for(&more, &mu, 10000);
        mc_mutex_unlock(&mu);
        note("e1 ", 0);
        return mc_fail(err, MC_REJECTED, "too late to say so");
    }
    note("s2 ", job->fence);
    return MC_OK;
}

static mc_code run_writing(void *user, mc_ctx *c, const mc_outbox_job *job, mc_err *err)
{
    int one = 1;
    mc_code rc = emit_in(c->conn, c, &one, err);

    (void)user;
    if (rc == MC_OK && job->attempt == 1)
        return mc_fail(err, MC_IO, "after it wrote");
    return rc;
}

static void add_kinds(void)
{
    const mc_outbox_kind kinds[] = {
        {.name = MC_STR("plain"), .run = run_job},
        {.name = MC_STR("hopeless"), .run = run_hopeless},
        {.name = MC_STR("refused"), .run = run_hopeless, .user = &db},
        {.name = MC_STR("slow"), .run = run_slow},
        {.name = MC_STR("writing"), .run = run_writing, .in_transaction = true},
    };
    mc_err err;

    for (size_t i = 0; i < MC_LEN(kinds); i++)
        MC_EXPECT_OK(mc_outbox_add_kind(outbox, &kinds[i], &err), &err);
}

typedef struct order {
    mc_outbox_job_input in;
    mc_code fails;
    mc_uuid id;
} order;

static mc_code enqueue_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    order *o = user;
    mc_code rc = mc_outbox_enqueue(outbox, c, &o->in, &o->id, err);

    (void)conn;
    return rc == MC_OK && o->fails ? mc_fail(err, o->fails, "taken back") : rc;
}

static mc_code enqueue(order *o)
{
    mc_err err;

    return mc_db_write(db, &ctx, enqueue_in, o, &err);
}

typedef struct state {
    mc_uuid id;
    char text[64]; /* "dead 3" */
} state;

static mc_code read_state(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    state *s = user;
    mc_db_value id = mc_db_uuid(s->id);
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, MC_STR("SELECT status, attempts FROM outbox_jobs WHERE id = $1"),
                             &id, 1, &rows, err);

    (void)c;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        (void)snprintf(s->text, sizeof(s->text), "%.*s %lld", MC_FMT(mc_db_col_text(&rows, 0)),
                       (long long)mc_db_col_int(&rows, 1));
    return mc_db_rows_finish(&rows, err);
}

/* Until the job is as expected. */
static void expect_job(mc_uuid id, const char *expected)
{
    state s = {.id = id};
    mc_err err;

    for (int i = 0; i < 500; i++) {
        MC_EXPECT_OK(mc_db_read(db, &ctx, read_state, &s, &err), &err);
        if (strcmp(s.text, expected) == 0)
            break;
        mc_mutex_lock(&mu);
        (void)mc_cond_wait_for(&more, &mu, 20000);
        mc_mutex_unlock(&mu);
    }
    MC_EXPECT_Z(mc_z(s.text), expected);
}

static void run_jobs(void)
{
    order plain = {.in = {.kind = MC_STR("plain")}},
          failing = {.in = {.kind = MC_STR("plain"), .payload = MC_STR("{}")}},
          taken_back = {.in = {.kind = MC_STR("plain")}, .fails = MC_REJECTED},
          hopeless = {.in = {.kind = MC_STR("hopeless"), .max_attempts = 3}},
          refused = {.in = {.kind = MC_STR("refused")}},
          writing = {.in = {.kind = MC_STR("writing")}},
          unknown = {.in = {.kind = MC_STR("unknown"), .dedupe_key = MC_STR("k")}}, twin = unknown,
          later = {.in = {.kind = MC_STR("plain")}}, bad = {.in = {.kind = MC_STR("Plain")}};

    forget_seen();
    add_kinds();
    start();
    MC_EXPECT_EQ(enqueue(&bad), MC_INVALID);
    bad.in = (mc_outbox_job_input){.kind = MC_STR("plain"), .payload = MC_STR("[]")};
    MC_EXPECT_EQ(enqueue(&bad), MC_INVALID);
    MC_EXPECT_EQ(enqueue(&taken_back), MC_REJECTED);
    MC_EXPECT_EQ(enqueue(&plain), MC_OK);
    expect_job(plain.id, "done 1");
    MC_EXPECT_EQ(enqueue(&failing), MC_OK);
    expect_job(failing.id, "done 3");
    expect_seen("j1 f1 f2 f3 ");
    MC_EXPECT_EQ(enqueue(&hopeless), MC_OK);
    expect_job(hopeless.id, "dead 3");
    MC_EXPECT_EQ(enqueue(&refused), MC_OK);
    expect_job(refused.id, "dead 1");
    expect_seen("j1 f1 f2 f3 h1 h2 h3 h1 ");
    MC_EXPECT_EQ(enqueue(&writing), MC_OK);
    expect_job(writing.id, "done 2");
    MC_EXPECT_EQ(enqueue(&unknown), MC_OK);
    MC_EXPECT_EQ(enqueue(&twin), MC_OK);
    MC_EXPECT(mc_uuid_eq(unknown.id, twin.id));
    expect_job(unknown.id, "pending 0");
    later.in.run_at = now(NULL) + 3600 * MC_TIME_US_PER_S;
    MC_EXPECT_EQ(enqueue(&later), MC_OK);
    expect_job(later.id, "pending 0");
    atomic_fetch_add(&clock_us, 3601 * MC_TIME_US_PER_S);
    expect_job(later.id, "done 1");
}

MC_TEST(
    "a job that was enqueued runs, again if it fails, is dead after its attempts, and is unique")
{
    on_both(run_jobs);
}

static void fence(void)
{
    order slow = {.in = {.kind = MC_STR("slow")}};

    forget_seen();
    atomic_store(&is_held, 1);
    add_kinds();
    start();
    MC_EXPECT_EQ(enqueue(&slow), MC_OK);
    expect_seen("s1 ");
    atomic_fetch_add(&clock_us, 61 * MC_TIME_US_PER_S); /* its lease is over */
    expect_seen("s1 s2 ");
    expect_job(slow.id, "done 2");
    atomic_store(&is_held, 0);
    expect_seen("s1 s2 e1 ");
    mc_outbox_stop(outbox);
    expect_job(slow.id, "done 2"); /* the first's end is nobody's */
}

MC_TEST("a job whose lease is over is another's, and what the first says then counts no more")
{
    on_both(fence);
}

/* ---- schedules ---- */

static mc_code schedule_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    (void)conn;
    return mc_outbox_schedule(outbox, c, MC_STR("tick"), mc_z(user), MC_STR("plain"), MC_STR(""),
                              NULL, err);
}

static mc_code count_open(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(conn, MC_STR("SELECT count(*) FROM outbox_jobs WHERE status <> 'done'"), NULL,
                    0, &rows, err);

    (void)c;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        *(int64_t *)user = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

/* A job that was seen is done a moment later: a clock that jumps before then outlives its lease. */
static void await_done(void)
{
    int64_t open = -1;
    mc_err err;

    for (int tries = 0; tries < 200 && open != 0; tries++) {
        MC_EXPECT_OK(mc_db_read(db, &ctx, count_open, &open, &err), &err);
        if (open != 0)
            (void)usleep(50000); /* cut short by a signal: asked again sooner */
    }
    MC_EXPECT_EQ(open, 0);
}

static void keep_time(void)
{
    static char cron[] = "0 * * * *", bad[] = "0 * * *";
    mc_err err;

    forget_seen();
    add_kinds();
    start();
    ctx.now = now(NULL);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, schedule_in, bad, &err), MC_INVALID);
    MC_EXPECT_OK(mc_db_write(db, &ctx, schedule_in, cron, &err), &err);
    atomic_fetch_add(&clock_us, 3600 * MC_TIME_US_PER_S);
    expect_seen("j1 ");
    await_done();
    atomic_fetch_add(&clock_us,
                     INT64_C(18000) * MC_TIME_US_PER_S); /* a clock that jumps: one, not five */
    expect_seen("j1 j1 ");
    await_done();
    atomic_fetch_sub(&clock_us,
                     INT64_C(7200) * MC_TIME_US_PER_S); /* and back: none until it is time */
    ctx.now = now(NULL);
    MC_EXPECT_OK(mc_db_write(db, &ctx, schedule_in, cron, &err), &err);
    atomic_fetch_add(&clock_us, INT64_C(10800) * MC_TIME_US_PER_S);
    expect_seen("j1 j1 j1 ");
}

MC_TEST("a schedule makes one job per time, and one for all that passed meanwhile")
{
    on_both(keep_time);
}
