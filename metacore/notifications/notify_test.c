/* SPDX-License-Identifier: Apache-2.0 */
/* The queue with a channel that is told how to behave, on both drivers. */
#include "metacore/notifications/notify.h"

#include "metacore/migrations/migrations.h"

#include "mc_postgres.h"
#include "mc_test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TURNS 1000
#define TURN_US 10000

static const mc_uuid ours = {{1}}, theirs = {{2}}, anna = {{3}}, gone = {{4}};
static mc_db *db;
static mc_ctx ctx;
static mc_eventlog *events;
static mc_outbox *outbox;
static mc_notifications *inbox;
static mc_notify *notify;
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

static mc_code allow(void *user, mc_ctx *asked, mc_str capability, mc_err *err)
{
    (void)user;
    (void)asked;
    (void)capability;
    (void)err;
    return MC_OK;
}

/* ---- the channel ---- */

static atomic_int attempts, failures; /* below zero: for good */
static atomic_int asks_for_s;
static atomic_bool is_held;

static mc_code deliver(void *self, mc_ctx *c, const mc_notify_entry *entry, mc_err *err)
{
    (void)self;
    atomic_fetch_add(&attempts, 1);
    while (atomic_load(&is_held) && entry->attempt == 1)
        (void)usleep(TURN_US); /* cut short by a signal: asked again sooner */
    if (atomic_load(&failures) < 0)
        return mc_fail(err, MC_REJECTED, "never");
    if (atomic_load(&failures) > 0) {
        atomic_fetch_sub(&failures, 1);
        c->retry_after_s = atomic_load(&asks_for_s);
        return mc_fail(err, MC_UNAVAILABLE, "not yet");
    }
    return MC_OK;
}

/* Writes a row, and then fails as it is told. */
static mc_code deliver_inside(void *self, mc_ctx *c, const mc_notify_entry *entry, mc_err *err)
{
    mc_code rc = mc_notifications_create(
        inbox, c,
        &(mc_notification){.user_id = anna, .title = entry->subject, .message = entry->message},
        NULL, err);

    return rc == MC_OK ? deliver(self, c, entry, err) : rc;
}

static const mc_notify_channel_vt outside_vt = {.struct_size = sizeof(outside_vt),
                                                .deliver = deliver},
                                  inside_vt = {.struct_size = sizeof(inside_vt),
                                               .deliver = deliver_inside};

/* ---- a queue of one's own ---- */

static mc_code add_people(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    mc_uuid ids[] = {anna, gone};
    mc_code rc = MC_OK;

    (void)user;
    for (size_t i = 0; i < MC_LEN(ids) && rc == MC_OK; i++) {
        mc_db_value args[] = {
            mc_db_uuid(ids[i]), mc_db_uuid(ours),
            mc_db_text(i ? MC_STR("gone@example.com") : MC_STR("anna@example.com")),
            i ? mc_db_time(c->now) : mc_db_null()};

        rc = mc_db_exec(conn,
                        MC_STR("INSERT INTO users (id, organization_id, email, disabled_at) VALUES "
                               "($1, $2, $3, $4)"),
                        args, MC_LEN(args), NULL, err);
    }
    return rc;
}

static mc_code open_services(mc_err *err)
{
    mc_notify_channel in, channels[] = {{&outside_vt, NULL, MC_STR("fake"), false, 2},
                                        {&inside_vt, NULL, MC_STR("inside"), true, 0}};
    mc_code rc = mc_eventlog_new(
        &(mc_eventlog_config){MC_EVENTLOG_CONFIG, .db = db, .check = allow}, &events, err);

    if (rc == MC_OK)
        rc = mc_outbox_new(&(mc_outbox_config){MC_OUTBOX_CONFIG, .db = db, .eventlog = events,
                                               .check = allow, .clock = {&clock_vt, NULL},
                                               .poll_ms = 20, .retry_base_ms = 1, .workers = 3},
                           &outbox, err);
    if (rc == MC_OK)
        rc = mc_notifications_new(
            &(mc_notifications_config){MC_NOTIFICATIONS_CONFIG, .db = db, .check = allow}, &inbox,
            err);
    if (rc == MC_OK)
        rc = mc_notify_new(&(mc_notify_config){MC_NOTIFY_CONFIG, .db = db, .outbox = outbox,
                                               .check = allow, .clock = {&clock_vt, NULL},
                                               .retry_base_ms = 1},
                           &notify, err);
    for (size_t i = 0; i < MC_LEN(channels) && rc == MC_OK; i++)
        rc = mc_notify_add_channel(notify, &channels[i], err);
    in = mc_notify_inbox(inbox);
    return rc == MC_OK ? mc_notify_add_channel(notify, &in, err) : rc;
}

static bool setup(mc_db_dialect dialect)
{
    mc_str url = dialect == MC_DB_POSTGRES ? mc_postgres_database() : MC_STR("");
    mc_err err;
    mc_code rc;

    atomic_store(&clock_us, 0);
    atomic_store(&attempts, 0);
    atomic_store(&failures, 0);
    atomic_store(&asks_for_s, 0);
    atomic_store(&is_held, false);
    ctx = (mc_ctx){.arena = mc_arena_new(0), .now = now(NULL)};
    ctx.who.org_id = ours;
    if (dialect == MC_DB_SQLITE)
        url = mc_str_printf(ctx.arena, "sqlite:%s/notify.db", mc_test_dir());
    rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = url, .module_path = mc_postgres_module()},
                    &db, &err);
    if (rc == MC_OK)
        rc = mc_migrations_up(db, &ctx, mc_migrations_kernel(dialect), NULL, &err);
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, add_people, NULL, &err);
    if (rc == MC_OK)
        rc = open_services(&err);
    if (rc == MC_OK)
        rc = mc_outbox_start(outbox, &err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

static void teardown(void)
{
    mc_notify_stop(notify);
    mc_outbox_stop(outbox);
    mc_eventlog_stop(events);
    mc_notify_free(notify);
    mc_notifications_free(inbox);
    mc_outbox_free(outbox);
    mc_eventlog_free(events);
    mc_db_close(db);
    mc_arena_free(ctx.arena);
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

/* ---- asking ---- */

typedef struct order {
    mc_notify_raw raw;
    mc_code fails;
    mc_uuid id;
    bool is_again;
} order;

static mc_code enqueue_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    order *o = user;
    mc_code rc = mc_notify_enqueue(notify, c, &o->raw, &o->id, &o->is_again, err);

    (void)conn;
    return rc == MC_OK && o->fails ? mc_fail(err, o->fails, "taken back") : rc;
}

static mc_code enqueue(order *o)
{
    mc_err err;

    ctx.now = now(NULL);
    return mc_db_write(db, &ctx, enqueue_in, o, &err);
}

typedef struct question {
    mc_str sql;
    mc_uuid id;
    char text[200];
} question;

static mc_code ask_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    question *q = user;
    mc_db_value id = mc_db_uuid(q->id);
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, q->sql, &id, 1, &rows, err);

    (void)c;
    if (rc != MC_OK)
        return rc;
    q->text[0] = '\0';
    while (mc_db_rows_next(&rows))
        (void)snprintf(q->text, sizeof(q->text), "%.*s", MC_FMT(mc_db_col_text(&rows, 0)));
    return mc_db_rows_finish(&rows, err);
}

/* Until the answer is as expected. */
static void expect(const char *sql, mc_uuid id, const char *expected)
{
    question q = {.sql = mc_z(sql), .id = id};
    mc_err err;

    for (int i = 0; i < TURNS; i++) {
        MC_EXPECT_OK(mc_db_read(db, &ctx, ask_in, &q, &err), &err);
        if (strcmp(q.text, expected) == 0)
            break;
        (void)usleep(TURN_US); /* cut short by a signal: asked again sooner */
    }
    MC_EXPECT_Z(mc_z(q.text), expected);
}

#define STATE                                                                                      \
    "SELECT status || ' ' || attempts || ' ' || error FROM notification_queue_entries WHERE id = " \
    "$1"

/* ---- */

static void run_retries(void)
{
    order plain = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("plain")}},
          failing = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("failing")}},
          last = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("x"), .max_attempts = 2}},
          final = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("final")}},
          unknown = {.raw = {.channel = MC_STR("fax"), .message = MC_STR("unknown")}},
          back = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("b")}, .fails = MC_REJECTED},
          left = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("l"), .user_id = gone}};

    MC_EXPECT_EQ(enqueue(&back), MC_REJECTED);
    MC_EXPECT_EQ(enqueue(&plain), MC_OK);
    expect(STATE, plain.id, "sent 1 ");
    MC_EXPECT_EQ(atomic_load(&attempts), 1); /* what was rolled back is nobody's */
    atomic_store(&failures, 2);
    MC_EXPECT_EQ(enqueue(&failing), MC_OK);
    expect(STATE, failing.id, "sent 3 ");
    atomic_store(&failures, 100);
    MC_EXPECT_EQ(enqueue(&last), MC_OK);
    expect(STATE, last.id, "failed 2 not yet");
    atomic_store(&failures, -1);
    MC_EXPECT_EQ(enqueue(&final), MC_OK);
    expect(STATE, final.id, "failed 1 never");
    MC_EXPECT_EQ(enqueue(&unknown), MC_OK);
    expect(STATE, unknown.id, "failed 1 no handler registered for channel \"fax\"");
    MC_EXPECT_EQ(enqueue(&left), MC_OK);
    expect(STATE, left.id, "failed 1 the receiver is no longer there");
    expect("SELECT status FROM outbox_jobs WHERE payload IS NOT NULL AND id = (SELECT job_id FROM "
           "notification_queue_entries WHERE id = $1)",
           final.id, "dead");
}

MC_TEST("an entry is tried until it is delivered, refused for good, or was tried often enough")
{
    on_both(run_retries);
}

static void run_asked_pause(void)
{
    order asked = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("asked")}};

    atomic_store(&failures, 1);
    atomic_store(&asks_for_s, 600);
    MC_EXPECT_EQ(enqueue(&asked), MC_OK);
    expect(STATE, asked.id, "pending 1 not yet");
    expect("SELECT CASE WHEN due_at >= next_retry AND next_retry > e.updated_at THEN 'waits' ELSE "
           "'no' END FROM notification_queue_entries e JOIN outbox_jobs j ON j.id = e.job_id WHERE "
           "e.id = $1",
           asked.id, "waits");
    atomic_fetch_add(&clock_us, 601 * MC_TIME_US_PER_S);
    expect(STATE, asked.id, "sent 2 ");
}

MC_TEST("a receiver that asks for time is given it")
{
    on_both(run_asked_pause);
}

static void run_inside(void)
{
    order o = {.raw = {.channel = MC_STR("inside"),
                       .subject = MC_STR("Told"),
                       .message = MC_STR("once"),
                       .user_id = anna}};

    atomic_store(&failures, 3);
    MC_EXPECT_EQ(enqueue(&o), MC_OK);
    expect(STATE, o.id, "sent 4 ");
    expect("SELECT CAST(count(*) AS text) FROM notifications WHERE user_id = $1", anna, "1");
}

MC_TEST("what a failed attempt wrote inside its transaction is not there: told once is told once")
{
    on_both(run_inside);
}

static void run_keys(void)
{
    order first = {.raw = {.channel = MC_STR("fake"),
                           .target = MC_STR("t"),
                           .message = MC_STR("m"),
                           .event = MC_STR("e")}},
          second = first, other = first, titled = first, linked = first, named = first, named_again;
    char key[32];
    mc_err err;

    MC_EXPECT_OK(mc_notify_dedup_key(MC_STR("e"), MC_STR("c"), MC_STR("t"), MC_STR("m"), key, &err),
                 &err);
    MC_EXPECT_Z(mc_str_of(key, 32), "f7cffd38852f63a293872286d3487582");
    MC_EXPECT_EQ(enqueue(&first), MC_OK);
    MC_EXPECT(!first.is_again);
    MC_EXPECT_EQ(enqueue(&second), MC_OK);
    MC_EXPECT(second.is_again && mc_uuid_eq(first.id, second.id));
    expect(STATE, first.id, "sent 1 ");
    MC_EXPECT_EQ(enqueue(&second), MC_OK);
    MC_EXPECT(second.is_again);
    MC_CASE("what differs in its subject or link alone is another");
    titled.raw.subject = linked.raw.subject = MC_STR("s");
    MC_EXPECT_EQ(enqueue(&titled), MC_OK);
    MC_EXPECT(!titled.is_again);
    linked.raw.data = MC_STR("{\"link\":\"/1\"}");
    MC_EXPECT_EQ(enqueue(&linked), MC_OK);
    MC_EXPECT(!linked.is_again);
    MC_CASE("another organization's is another");
    ctx.who.org_id = theirs;
    MC_EXPECT_EQ(enqueue(&other), MC_OK);
    MC_EXPECT(!other.is_again);
    ctx.who.org_id = ours;
    MC_CASE("after its time");
    atomic_fetch_add(&clock_us, 61 * MC_TIME_US_PER_S);
    MC_EXPECT_EQ(enqueue(&second), MC_OK);
    MC_EXPECT(!second.is_again);
    MC_CASE("a key of one's own, after a failure");
    named.raw.dedup_key = MC_STR("key");
    named.raw.dedup_window_s = 3600;
    named_again = named;
    atomic_store(&failures, -1);
    MC_EXPECT_EQ(enqueue(&named), MC_OK);
    expect(STATE, named.id, "failed 1 never");
    atomic_store(&failures, 0);
    MC_EXPECT_EQ(enqueue(&named_again), MC_OK);
    MC_EXPECT(!named_again.is_again);
    expect(STATE, named_again.id, "sent 1 ");
    atomic_fetch_add(&clock_us, 3000 * MC_TIME_US_PER_S);
    MC_EXPECT_EQ(enqueue(&named), MC_OK);
    MC_EXPECT(named.is_again && mc_uuid_eq(named.id, named_again.id));
}

MC_TEST("a key is taken once within its time, unless what holds it failed")
{
    on_both(run_keys);
}

/* The first attempt outlives its lease; the second is done before it, and what the first says then
 * counts no more. */
static void run_lease(void)
{
    order o = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("slow")}};

    atomic_store(&is_held, true);
    MC_EXPECT_EQ(enqueue(&o), MC_OK);
    expect(STATE, o.id, "processing 1 ");
    atomic_fetch_add(&clock_us, 181 * MC_TIME_US_PER_S);
    expect(STATE, o.id, "sent 2 ");
    atomic_store(&failures, -1);
    atomic_store(&is_held, false);
    for (int i = 0; i < 20; i++)
        (void)usleep(TURN_US); /* for the first to speak up */
    expect(STATE, o.id, "sent 2 ");
}

MC_TEST("an entry whose attempt never came back is tried again when its lease is over")
{
    on_both(run_lease);
}

static mc_code prune_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    (void)conn;
    (void)user;
    return mc_outbox_enqueue(
        outbox, c, &(mc_outbox_job_input){.kind = MC_STR("notifications.prune")}, NULL, err);
}

static void prune(void)
{
    mc_err err;

    ctx.now = now(NULL);
    MC_EXPECT_OK(mc_db_write(db, &ctx, prune_in, NULL, &err), &err);
}

static mc_code forget_job(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    mc_db_value id = mc_db_uuid(*(const mc_uuid *)user);

    (void)c;
    return mc_db_exec(conn,
                      MC_STR("DELETE FROM outbox_jobs WHERE id = (SELECT job_id FROM "
                             "notification_queue_entries WHERE id = $1)"),
                      &id, 1, NULL, err);
}

static void run_retention(void)
{
    order sent = {.raw = {.channel = MC_STR("inbox"),
                          .subject = MC_STR("Old"),
                          .message = MC_STR("m"),
                          .user_id = anna}},
          lost = {.raw = {.channel = MC_STR("fake"), .message = MC_STR("lost")}};
    mc_err err;

    MC_EXPECT_EQ(enqueue(&sent), MC_OK);
    expect(STATE, sent.id, "sent 1 ");
    atomic_store(&failures, 1);
    atomic_store(&asks_for_s, 36000000);
    MC_EXPECT_EQ(enqueue(&lost), MC_OK);
    expect(STATE, lost.id, "pending 1 not yet");
    MC_EXPECT_OK(mc_db_write(db, &ctx, forget_job, &lost.id, &err), &err);
    prune();
    expect(STATE, lost.id, "failed 1 not yet");
    expect(STATE, sent.id, "sent 1 ");
    atomic_fetch_add(&clock_us, 31 * MC_TIME_US_PER_DAY);
    prune();
    expect("SELECT CAST(count(*) AS text) FROM notification_queue_entries WHERE $1 <> id", ours,
           "0");
    expect("SELECT CAST(count(*) AS text) FROM notifications WHERE user_id = $1", anna, "1");
    atomic_fetch_add(&clock_us, 150 * MC_TIME_US_PER_DAY);
    prune();
    expect("SELECT CAST(count(*) AS text) FROM notifications WHERE user_id = $1", anna, "0");
}

MC_TEST("what is over goes after its time, and what nobody works on any more has failed")
{
    on_both(run_retention);
}

static const struct {
    const char *name, *channel, *message, *data;
    int64_t max_attempts, window_s;
    const char *has;
} refused[] = {
    {"no channel", "", "m", "", 0, 0, "notifications: channel is required"},
    {"no message", "fake", "", "", 0, 0, "notifications: message is required"},
    {"data that is none", "fake", "m", "[]", 0, 0, "data: want an object"},
    {"too many attempts", "fake", "m", "", 1000, 0, "max_attempts"},
    {"too long a window", "fake", "m", "", 0, 99999999, "dedup_window_s"},
    {"a channel too long", "a123456789a123456789a123456789a123456789a123456789x", "m", "", 0, 0,
     "channel has at most 50 bytes"},
    {"no UTF-8", "fake", "\xff", "", 0, 0, "message is no UTF-8"},
};

MC_TEST("what cannot be an entry is refused by name")
{
    MC_REQUIRE(setup(MC_DB_SQLITE));
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        order o = {.raw = {.channel = mc_z(refused[i].channel),
                           .message = mc_z(refused[i].message),
                           .data = mc_z(refused[i].data),
                           .max_attempts = refused[i].max_attempts,
                           .dedup_window_s = refused[i].window_s}};
        mc_err err;

        MC_CASE(refused[i].name);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, enqueue_in, &o, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), refused[i].has);
    }
    teardown();
}
