/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors against a real table: every order, with and without nulls, while rows come and go. */
#include "metacore/query/query.h"

#include "mc_postgres.h"
#include "mc_test.h"

#include <stdio.h>
#include <string.h>

#define ROWS 60

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("subject"), .type = MC_STR_INIT("string"), .index = true},
    {.name = MC_STR_INIT("n"), .type = MC_STR_INIT("integer"), .index = true},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal"), .index = true},
    {.name = MC_STR_INIT("due_at"), .type = MC_STR_INIT("datetime")},
    {.name = MC_STR_INIT("day"), .type = MC_STR_INIT("date")},
    {.name = MC_STR_INIT("urgent"), .type = MC_STR_INIT("boolean")},
    {.name = MC_STR_INIT("ref_id"), .type = MC_STR_INIT("uuid")},
};

static mc_ctx ctx;
static mc_model *model;
static mc_db *db;
static mc_db_dialect dialect;

/* Row i of ROWS: values repeat, and each third is null; the fractions order as numbers only. */
static mc_code insert(mc_db_conn *conn, int i, mc_err *err)
{
    static const char *const hours[] = {"9.5", "10", "-3", "100.25", "0"};
    mc_db_value args[] = {mc_db_uuid(ctx.who.org_id),
                          mc_db_time(INT64_C(1700000000000000) + i / 4),
                          mc_db_text(mc_z(i % 2 ? "a:b" : "\xc3\xa4,n9")),
                          mc_db_int(i % 7),
                          mc_db_text(mc_z(hours[i % 5])),
                          mc_db_time((i % 5) * MC_TIME_US_PER_S),
                          mc_db_time((i % 4) * MC_TIME_US_PER_DAY),
                          mc_db_bool(i % 2),
                          mc_db_uuid((mc_uuid){{(uint8_t)(i % 6)}})};

    args[4].kind = MC_DB_DECIMAL;
    args[6].kind = MC_DB_DATE;
    for (size_t k = 2; k < MC_LEN(args); k++) {
        if ((i + (int)k) % 3 == 0)
            args[k] = mc_db_null();
    }
    return mc_db_exec(conn,
                      MC_STR("INSERT INTO t (id, organization_id, created_at, updated_at, subject, "
                             "n, hours, due_at, day, urgent, ref_id) VALUES (gen_random_uuid(), "
                             "$1, $2, $2, $3, $4, $5, $6, $7, $8, $9)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code fill(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    mc_code rc = user ? mc_model_ensure_table(model, conn, err) : MC_OK;

    (void)unused;
    for (int i = 0; i < (user ? ROWS : 1) && rc == MC_OK; i++)
        rc = insert(conn, i, err);
    return rc;
}

static bool setup_at(mc_str url)
{
    mc_model_def def = {.key = MC_STR("t"),
                        .table = MC_STR("t"),
                        .soft_delete = true,
                        .columns = columns,
                        .column_count = MC_LEN(columns)};
    mc_db_config config = {MC_DB_CONFIG, .url = url, .module_path = mc_postgres_module()};
    mc_err err;
    mc_code rc = mc_db_open(&config, &db, &err);

    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    ctx.who.org_id.bytes[0] = 1;
    if (rc == MC_OK) {
        dialect = mc_db_dialect_of(db);
        rc = mc_model_new(&def, dialect, &model, &err);
    }
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, fill, &ctx, &err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

static bool setup(void)
{
    char url[256];

    (void)snprintf(url, sizeof(url), "sqlite:%s/q.db", mc_test_dir());
    return setup_at(mc_z(url));
}

static void teardown(void)
{
    mc_db_close(db);
    mc_model_free(model);
    mc_arena_free(ctx.arena);
}

/* ---- reading pages ---- */

typedef struct page {
    mc_str ids[ROWS + 8];
    size_t count;
    mc_str next;
} page;

typedef struct request {
    const mc_query *query;
    mc_str cursor;
    size_t limit;
    page *out;
} request;

static mc_code read_part(mc_db_conn *conn, const request *r, const mc_query_plan *plan, size_t part,
                         mc_err *err)
{
    const mc_query_part *p = &plan->parts[part];
    mc_db_rows rows;
    mc_buf sql, next;
    mc_code rc;

    p->args[p->arg_count] = mc_db_int((int64_t)(r->limit - r->out->count));
    p->args[p->arg_count + 1] = mc_db_int(0);
    mc_buf_init_arena(&sql, ctx.arena, 0);
    mc_query_write_part(r->query, plan, part, MC_STR("\"id\""), &sql);
    rc = mc_db_query(conn, mc_buf_get(&sql), p->args, p->arg_count + 2, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        r->out->ids[r->out->count++] = mc_str_copy(ctx.arena, mc_db_col_text(&rows, 0));
        mc_buf_init_arena(&next, ctx.arena, 0);
        mc_query_write_cursor(r->query, plan, &rows, 1, &next);
        r->out->next = mc_buf_get(&next);
    }
    return mc_db_rows_finish(&rows, err);
}

static mc_code read_page(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    request *r = user;
    mc_query_plan plan;
    mc_code rc = mc_query_plan_page(&ctx, r->query, r->cursor, &plan, err);

    (void)unused;
    for (size_t i = 0; rc == MC_OK && i < plan.part_count && r->out->count < r->limit; i++)
        rc = read_part(conn, r, &plan, i, err);
    return rc;
}

static mc_code load(const mc_query *query, mc_str cursor, size_t limit, page *out)
{
    request r = {query, cursor, limit, out};
    mc_err err;
    mc_code rc;

    *out = (page){.count = 0};
    rc = mc_db_read(db, &ctx, read_page, &r, &err);
    if (rc != MC_OK && rc != MC_INVALID)
        MC_EXPECT_OK(rc, &err);
    if (rc == MC_INVALID)
        MC_EXPECT_HAS(mc_z(err.msg), "cursor");
    return rc;
}

static void parse(const char *sort, const char *order, const char *filter, mc_query *out)
{
    mc_header pairs[] = {{MC_STR_INIT("sortBy"), mc_z(sort)},
                         {MC_STR_INIT("order"), mc_z(order)},
                         {MC_STR_INIT("f_n"), mc_z(filter)}};
    mc_err err;

    MC_EXPECT_OK(mc_query_parse(&ctx, model, dialect, pairs, 3, out, &err), &err);
}

static void follow_all(void)
{
    static const char *const sorts[] = {"",    "id",     "created_at", "updated_at", "subject", "n",
                                        "day", "urgent", "hours",      "due_at",     "ref_id"};
    static const char *const orders[] = {"asc", "desc"};

    for (size_t i = 0; i < MC_LEN(sorts) * 2; i++) {
        mc_str cursor = MC_STR("");
        page whole, part;
        size_t seen = 0;
        mc_query query;

        MC_CASE(sorts[i / 2]);
        parse(sorts[i / 2], orders[i % 2], "", &query);
        MC_EXPECT_EQ(load(&query, MC_STR(""), ROWS, &whole), MC_OK);
        MC_EXPECT_EQ(whole.count, ROWS);
        do {
            MC_EXPECT_EQ(load(&query, cursor, 7, &part), MC_OK);
            for (size_t k = 0; k < part.count && seen < ROWS; k++)
                MC_EXPECT_STR(part.ids[k], whole.ids[seen++]);
            cursor = part.next;
        } while (part.count == 7);
        MC_EXPECT_EQ(seen, ROWS);
    }
}

MC_TEST("following cursors gives the rows of one long page, in every order, nulls included")
{
    MC_REQUIRE(setup());
    follow_all();
    teardown();
}

MC_TEST("so does PostgreSQL, where null is the largest value")
{
    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    MC_REQUIRE(setup_at(mc_postgres_database()));
    follow_all();
    teardown();
}

MC_TEST("rows that come while somebody pages shift none of the rows still to come")
{
    mc_query query;
    page before, after;
    mc_err err;
    mc_str cursor;

    MC_REQUIRE(setup());
    parse("", "", "", &query);
    MC_EXPECT_EQ(load(&query, MC_STR(""), 10, &before), MC_OK);
    cursor = before.next;
    MC_EXPECT_EQ(load(&query, cursor, 10, &before), MC_OK);
    MC_EXPECT_OK(mc_db_write(db, &ctx, fill, NULL, &err), &err);
    MC_EXPECT_EQ(load(&query, cursor, 10, &after), MC_OK);
    MC_EXPECT_EQ(after.count, 10);
    for (size_t i = 0; i < 10; i++)
        MC_EXPECT_STR(after.ids[i], before.ids[i]);
    teardown();
}

MC_TEST("a cursor that was changed, cut, or taken from another list is refused")
{
    mc_query query, other;
    page first, next;
    char text[MC_QUERY_CURSOR_MAX + 8];
    mc_err err;

    MC_REQUIRE(setup());
    parse("n", "asc", "", &query);
    MC_EXPECT_EQ(load(&query, MC_STR(""), 5, &first), MC_OK);
    MC_REQUIRE(first.next.len > 0 && first.next.len < MC_QUERY_CURSOR_MAX);
    for (size_t i = 0; i < first.next.len; i++) {
        memcpy(text, first.next.ptr, first.next.len);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        MC_CASE(text);
        MC_EXPECT_EQ(load(&query, mc_str_of(text, first.next.len), 5, &next), MC_INVALID);
        MC_EXPECT_EQ(load(&query, mc_str_slice(first.next, 0, i), 5, &next),
                     i == 0 ? MC_OK : MC_INVALID); /* none at all begins at the beginning */
    }
    MC_CASE("no base64, and endless");
    MC_EXPECT_EQ(load(&query, MC_STR("%%%"), 5, &next), MC_INVALID);
    memset(text, 'A', sizeof(text));
    MC_EXPECT_EQ(load(&query, mc_str_of(text, sizeof(text)), 5, &next), MC_INVALID);

    MC_CASE("another order");
    parse("n", "desc", "", &other);
    MC_EXPECT_EQ(load(&other, first.next, 5, &next), MC_INVALID);
    MC_CASE("another column");
    parse("hours", "asc", "", &other);
    MC_EXPECT_EQ(load(&other, first.next, 5, &next), MC_INVALID);
    MC_CASE("another filter");
    parse("n", "asc", "gt:1", &other);
    MC_EXPECT_EQ(load(&other, first.next, 5, &next), MC_INVALID);
    MC_CASE("another filter's value");
    parse("n", "asc", "gt:1", &query);
    parse("n", "asc", "gt:2", &other);
    MC_EXPECT_EQ(load(&query, MC_STR(""), 5, &first), MC_OK);
    MC_EXPECT_EQ(load(&query, first.next, 5, &next), MC_OK);
    MC_EXPECT_EQ(load(&other, first.next, 5, &next), MC_INVALID);
    MC_CASE("another organization");
    ctx.who.org_id.bytes[0] = 2;
    parse("n", "asc", "gt:1", &other);
    MC_EXPECT_EQ(load(&other, first.next, 5, &next), MC_INVALID);
    MC_EXPECT_OK(mc_query_parse(&ctx, model, dialect, NULL, 0, &query, &err), &err);
    teardown();
}

static mc_code lengthen(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    mc_db_value arg = mc_db_text(mc_z(user));

    (void)unused;
    return mc_db_exec(conn, MC_STR("UPDATE t SET subject = $1"), &arg, 1, NULL, err);
}

MC_TEST("a sort value that no cursor can hold gives none")
{
    char longest[MC_QUERY_SORT_VALUE_MAX + 1], longer[MC_QUERY_SORT_VALUE_MAX + 2];
    mc_query query;
    page first, next;
    mc_err err;

    MC_REQUIRE(setup());
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    parse("subject", "asc", "", &query);
    MC_EXPECT_OK(mc_db_write(db, &ctx, lengthen, longest, &err), &err);
    MC_EXPECT_EQ(load(&query, MC_STR(""), 5, &first), MC_OK);
    MC_EXPECT_EQ(load(&query, first.next, ROWS, &next), MC_OK);
    MC_EXPECT_EQ(next.count, ROWS - 5);
    MC_EXPECT_OK(mc_db_write(db, &ctx, lengthen, longer, &err), &err);
    MC_EXPECT_EQ(load(&query, MC_STR(""), 5, &first), MC_OK);
    MC_EXPECT_EQ(first.count, 5);
    MC_EXPECT_EQ(first.next.len, 0);
    teardown();
}
