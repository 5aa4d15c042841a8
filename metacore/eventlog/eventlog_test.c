/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/eventlog/eventlog.h"

#include "metacore/migrations/migrations.h"

#include "mc_postgres.h"
#include "mc_test.h"

#include <stdio.h>
#include <string.h>

/* ---- a log of one's own, on either driver ---- */

static const mc_uuid ours = {{1}}, theirs = {{2}}, somebody = {{3}};
static mc_db *db;
static mc_ctx ctx;
static mc_eventlog *events;
static int told;

static mc_code check(void *user, mc_ctx *asked, mc_str capability, mc_err *err)
{
    (void)user;
    (void)asked;
    (void)capability;
    (void)err;
    return MC_OK;
}

static void listen(void *user, mc_uuid org_id)
{
    (void)user;
    told += mc_uuid_eq(org_id, ours);
}

static bool setup(mc_db_dialect dialect)
{
    mc_str url = dialect == MC_DB_POSTGRES ? mc_postgres_database() : MC_STR("");
    mc_err err;

    ctx = (mc_ctx){.arena = mc_arena_new(0), .now = INT64_C(1700000000000000)};
    ctx.who = (mc_principal){.org_id = ours, .user_id = somebody};
    if (dialect == MC_DB_SQLITE)
        url = mc_str_printf(ctx.arena, "sqlite:%s/events.db", mc_test_dir());
    db = NULL;
    events = NULL;
    told = 0;
    MC_EXPECT_OK(
        mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = url, .module_path = mc_postgres_module()},
                   &db, &err),
        &err);
    if (!db)
        return false;
    MC_EXPECT_OK(mc_migrations_up(db, &ctx, mc_migrations_kernel(dialect), NULL, &err), &err);
    MC_EXPECT_OK(
        mc_eventlog_new(&(mc_eventlog_config){MC_EVENTLOG_CONFIG, .db = db, .check = check},
                        &events, &err),
        &err);
    if (events)
        MC_EXPECT_OK(mc_eventlog_listen(events, listen, NULL, &err), &err);
    return events != NULL;
}

static void teardown(void)
{
    mc_eventlog_stop(events);
    mc_db_close(db);
    mc_eventlog_free(events);
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

typedef struct emission {
    const char *type, *data;
    const mc_event_tag *tags;
    size_t tag_count;
    int times;
    mc_code fails_after;
    int64_t sequence;
} emission;

static mc_code emit_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    emission *e = user;
    mc_code rc = MC_OK;

    (void)conn;
    for (int i = 0; i < (e->times ? e->times : 1) && rc == MC_OK; i++)
        rc = mc_eventlog_emit(events, c,
                              &(mc_event_input){.type = mc_z(e->type),
                                                .data = mc_z(e->data),
                                                .tags = e->tags,
                                                .tag_count = e->tag_count},
                              &e->sequence, err);
    return rc == MC_OK && e->fails_after ? mc_fail(err, e->fails_after, "taken back") : rc;
}

static mc_code emit(emission e, int64_t *out)
{
    mc_err err;
    mc_code rc = mc_db_write(db, &ctx, emit_in, &e, &err);

    if (out)
        *out = e.sequence;
    return rc;
}

typedef struct asked {
    int64_t after, limit;
    mc_eventlog_filter filter;
    mc_eventlog_cursor cursor;
    char seen[256]; /* "1 2 3 " */
    char last[2048];
    mc_code rc;
} asked;

static mc_code note(void *user, const mc_event *event, mc_err *err)
{
    asked *a = user;
    size_t len = strlen(a->seen);
    mc_buf text;

    (void)err;
    (void)snprintf(a->seen + len, sizeof(a->seen) - len, "%lld ", (long long)event->sequence);
    mc_buf_init_borrowed(&text, a->last, sizeof(a->last) - 1, sizeof(a->last) - 1);
    mc_event_write(event, &text);
    a->last[text.len] = '\0';
    return MC_OK;
}

static mc_code ask_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    asked *a = user;

    (void)conn;
    return mc_eventlog_query(events, c, c->who.org_id, a->after, &a->filter, a->limit, note, a,
                             &a->cursor, err);
}

static asked ask(int64_t after, int64_t limit, const mc_eventlog_filter *filter)
{
    asked a = {.after = after, .limit = limit};
    mc_err err;

    if (filter)
        a.filter = *filter;
    a.rc = mc_db_read(db, &ctx, ask_in, &a, &err);
    return a;
}

/* ---- numbers ---- */

static void walk(void)
{
    static const struct {
        int64_t after, last;
        bool has_more;
        const char *seen;
    } pages[] = {
        {0, 2, true, "1 2 "}, {2, 4, true, "3 4 "}, {4, 5, false, "5 "}, {5, 5, false, ""}};

    MC_EXPECT_EQ(emit((emission){.type = "a", .times = 5}, NULL), MC_OK);
    for (size_t i = 0; i < MC_LEN(pages); i++) {
        asked a = ask(pages[i].after, 2, NULL);

        MC_EXPECT_EQ(a.rc, MC_OK);
        MC_EXPECT_EQ(a.cursor.last_sequence, pages[i].last);
        MC_EXPECT_EQ(a.cursor.has_more, pages[i].has_more);
        MC_EXPECT_Z(mc_z(a.seen), pages[i].seen);
        MC_EXPECT_EQ(a.cursor.oldest_sequence, 1);
        MC_EXPECT(!a.cursor.is_gap);
    }
    MC_EXPECT_EQ(ask(-1, 2, NULL).rc, MC_INVALID);
}

MC_TEST("five events in pages of two end with the cursors (2, more), (4, more), (5, no more)")
{
    on_both(walk);
}

static void count_per_org(void)
{
    int64_t sequence = 0;

    MC_EXPECT_EQ(emit((emission){.type = "a", .times = 3}, &sequence), MC_OK);
    MC_EXPECT_EQ(sequence, 3);
    ctx.who.org_id = theirs;
    MC_EXPECT_EQ(emit((emission){.type = "b"}, &sequence), MC_OK);
    MC_EXPECT_EQ(sequence, 1);
    MC_EXPECT_Z(mc_z(ask(0, 0, NULL).seen), "1 ");
    ctx.who.org_id = ours;
    MC_EXPECT_Z(mc_z(ask(0, 0, NULL).seen), "1 2 3 ");
    MC_EXPECT_EQ(told, 3);
    MC_EXPECT_EQ(emit((emission){.type = "a", .times = 2, .fails_after = MC_REJECTED}, NULL),
                 MC_REJECTED);
    MC_EXPECT_EQ(told, 3); /* what was taken back is not told, and its numbers are given again */
    MC_EXPECT_EQ(emit((emission){.type = "a"}, &sequence), MC_OK);
    MC_EXPECT_EQ(sequence, 4);
    MC_EXPECT_Z(mc_z(ask(0, 0, NULL).seen), "1 2 3 4 ");
}

MC_TEST("numbers are each organization's own, without gaps, also after what was taken back")
{
    on_both(count_per_org);
}

static mc_time prune_before;
static int64_t pruned;

static mc_code prune_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    (void)conn;
    (void)user;
    return mc_eventlog_prune(events, c, ours, prune_before, 100, &pruned, err);
}

static void forget(void)
{
    int64_t sequence = 0;
    mc_err err;
    asked a;

    MC_EXPECT_EQ(emit((emission){.type = "old", .times = 3}, NULL), MC_OK);
    ctx.now += 1000;
    MC_EXPECT_EQ(emit((emission){.type = "new"}, NULL), MC_OK);
    ctx.now -= 2000; /* a clock that is set back leaves no hole in the log */
    MC_EXPECT_EQ(emit((emission){.type = "new, by an old clock"}, NULL), MC_INVALID);
    MC_EXPECT_EQ(emit((emission){.type = "new-by-an-old-clock"}, NULL), MC_OK);
    ctx.now += 2000;
    prune_before = ctx.now - 500;
    MC_EXPECT_OK(mc_db_write(db, &ctx, prune_in, NULL, &err), &err);
    MC_EXPECT_EQ(pruned, 3);
    a = ask(1, 0, NULL);
    MC_EXPECT_Z(mc_z(a.seen), "4 5 ");
    MC_EXPECT(a.cursor.is_gap);
    MC_EXPECT_EQ(a.cursor.oldest_sequence, 4);
    MC_EXPECT(!ask(3, 0, NULL).cursor.is_gap);
    prune_before = ctx.now + 5000;
    MC_EXPECT_OK(mc_db_write(db, &ctx, prune_in, NULL, &err), &err);
    MC_EXPECT_EQ(ask(0, 0, NULL).cursor.oldest_sequence, 6);
    MC_EXPECT_EQ(emit((emission){.type = "a"}, &sequence), MC_OK);
    MC_EXPECT_EQ(sequence, 6); /* numbers are not given twice, though none is left */
}

MC_TEST("forgetting all events gives no number again, and who comes too late is told of the gap")
{
    on_both(forget);
}

/* ---- filters ---- */

static void filter_tags(void)
{
    static const mc_event_tag tags[] = {{MC_STR_INIT("k"), MC_STR_INIT("v")},
                                        {MC_STR_INIT("quo\"te'"), MC_STR_INIT("a\"},{'\\%")},
                                        {MC_STR_INIT("$.k"), MC_STR_INIT("*")}};
    static const struct {
        const char *name, *type, *key, *value, *seen;
    } cases[] = {
        {"equality", NULL, "k", "v", "1 2 "},
        {"of whole texts", NULL, "k", "V", ""},
        {"no pattern", NULL, "k", "%", ""},
        {"quotes, as they are", NULL, "quo\"te'", "a\"},{'\\%", "2 "},
        {"a key that looks like a path", NULL, "$.k", "*", "2 "},
        {"a key that nothing has", NULL, "x", "v", ""},
        {"a value that would widen it", NULL, "k", "v\" OR 1=1 --", ""},
        {"a type", "b", NULL, NULL, "2 3 "},
        {"a type and a tag", "b", "k", "v", "2 "},
    };

    MC_EXPECT_EQ(emit((emission){.type = "a", .tags = tags, .tag_count = 1}, NULL), MC_OK);
    MC_EXPECT_EQ(emit((emission){.type = "b", .tags = tags, .tag_count = 3}, NULL), MC_OK);
    MC_EXPECT_EQ(emit((emission){.type = "b"}, NULL), MC_OK);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_eventlog_filter filter = {.type_count = cases[i].type ? 1 : 0,
                                     .tag_count = cases[i].key ? 1 : 0};

        MC_CASE(cases[i].name);
        filter.types[0] = mc_z(cases[i].type);
        filter.tags[0] = (mc_event_tag){mc_z(cases[i].key), mc_z(cases[i].value)};
        MC_EXPECT_Z(mc_z(ask(0, 0, &filter).seen), cases[i].seen);
    }
}

MC_TEST("filters are equality of whole texts, whatever stands in them")
{
    on_both(filter_tags);
}

static void filter_window(void)
{
    mc_eventlog_filter filter = {.types = {MC_STR_INIT("rare")}, .type_count = 1};
    int64_t after = 0;
    int pages = 0;
    asked a = {.rc = MC_OK};

    for (int i = 0; i < 6; i++)
        MC_EXPECT_EQ(emit((emission){.type = "often", .times = 1000}, NULL), MC_OK);
    MC_EXPECT_EQ(emit((emission){.type = "rare"}, NULL), MC_OK);
    for (a.cursor.has_more = true; a.cursor.has_more && pages < 10; pages++) {
        a = ask(after, 0, &filter);
        after = a.cursor.last_sequence;
    }
    MC_EXPECT_EQ(pages, 2);
    MC_EXPECT_Z(mc_z(a.seen), "6001 ");
}

MC_TEST("a rare event is found page by page, none of which looks at the whole log")
{
    on_both(filter_window);
}

/* ---- what is written ---- */

MC_TEST("what is no event is refused by name")
{
    static const mc_event_tag twice[] = {{MC_STR_INIT("k"), MC_STR_INIT("1")},
                                         {MC_STR_INIT("k"), MC_STR_INIT("2")}};
    static const struct {
        const char *name;
        emission e;
        mc_code rc;
    } cases[] = {
        {"no type", {.type = ""}, MC_INVALID},
        {"a line in the type", {.type = "a\nid: 7"}, MC_INVALID},
        {"a comma, which filters split at", {.type = "a,b"}, MC_INVALID},
        {"a tag twice", {.type = "a", .tags = twice, .tag_count = 2}, MC_INVALID},
        {"data that is no object", {.type = "a", .data = "[1]"}, MC_INVALID},
        {"data that is no JSON", {.type = "a", .data = "{"}, MC_INVALID},
        {"one that is", {.type = "a", .data = "{\"x\" : 1}", .tags = twice, .tag_count = 1}, MC_OK},
    };
    asked a;

    MC_REQUIRE(setup(MC_DB_SQLITE));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(emit(cases[i].e, NULL), cases[i].rc);
    }
    a = ask(0, 0, NULL);
    MC_EXPECT_Z(mc_z(a.seen), "1 ");
    MC_EXPECT_HAS(mc_z(a.last), "\"sequence_num\":1,\"event_type\":\"a\",\"tags\":{\"k\":\"1\"},"
                                "\"data\":{\"x\":1}}");
    teardown();
}

static mc_str large;

static mc_code append_in(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    static const mc_str fields[] = {MC_STR_INIT("status")};

    (void)conn;
    return mc_eventlog_append(events, c,
                              &(mc_eventlog_change){.addon = MC_STR("tickets"),
                                                    .model = MC_STR("tickets"),
                                                    .action = MC_STR("updated"),
                                                    .id = somebody,
                                                    .at = c->now,
                                                    .fields = fields,
                                                    .field_count = 1,
                                                    .before = MC_STR("{\"status\":\"open\"}"),
                                                    .after = *(const mc_str *)user},
                              err);
}

static void append(void)
{
    mc_str small = MC_STR("{\"status\":\"closed\"}");
    mc_err err;
    asked a;

    large = mc_str_printf(ctx.arena, "{\"x\":\"%0*d\"}", (int)MC_EVENTLOG_DATA_MAX, 0);
    MC_EXPECT_OK(mc_db_write(db, &ctx, append_in, &small, &err), &err);
    a = ask(0, 0, NULL);
    MC_EXPECT_HAS(mc_z(a.last), "\"event_type\":\"tickets.tickets.updated\"");
    MC_EXPECT_HAS(mc_z(a.last), "03000000-0000-0000-0000-000000000000");
    MC_EXPECT_HAS(mc_z(a.last), "closed");
    MC_EXPECT_HAS(mc_z(a.last), "\"fields\"");
    MC_EXPECT_OK(mc_db_write(db, &ctx, append_in, &large, &err), &err);
    a = ask(1, 0, NULL);
    MC_EXPECT_Z(mc_z(a.seen), "2 ");
    MC_EXPECT_HAS(mc_z(a.last), "truncated");
    MC_EXPECT(mc_str_find(mc_z(a.last), MC_STR("closed")) == strlen(a.last));
}

MC_TEST("a change tells what it was before and after, and of a large row that it does not")
{
    on_both(append);
}
