/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregates, facets and kept answers over rows of two organizations. */
#include "metacore/dynamic/dynamic.h"

#include "metacore/migrations/migrations.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

static mc_ctx ctx;
static mc_db *db;
static mc_models *models;
static mc_dynamic *dynamic;
static const char *denied; /* the one capability that nobody holds */

/* A clock that is later each time it is looked at, so that answers are as dear as a test wants. */
static int64_t clock_us, clock_step_us;

static mc_time clock_now(void *self)
{
    (void)self;
    return INT64_C(1795516800) * MC_TIME_US_PER_S;
}

static int64_t clock_monotonic(void *self)
{
    (void)self;
    clock_us += clock_step_us;
    return clock_us;
}

static const mc_clock_vt clock_vt = {
    .struct_size = sizeof(clock_vt), .now = clock_now, .monotonic_us = clock_monotonic};

static const mc_column_def client_columns[] = {
    {.name = MC_STR_INIT("name"), .type = MC_STR_INIT("string")},
};
static const mc_column_def order_columns[] = {
    {.name = MC_STR_INIT("status"), .type = MC_STR_INIT("string"), .index = true},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal")},
    {.name = MC_STR_INIT("n"), .type = MC_STR_INIT("integer"), .index = true},
    {.name = MC_STR_INIT("big"), .type = MC_STR_INIT("bigint")},
    {.name = MC_STR_INIT("flag"), .type = MC_STR_INIT("bool")},
    {.name = MC_STR_INIT("due_at"), .type = MC_STR_INIT("datetime")},
    {.name = MC_STR_INIT("day"), .type = MC_STR_INIT("date")},
    {.name = MC_STR_INIT("extra"), .type = MC_STR_INIT("json")},
    {.name = MC_STR_INIT("count"), .type = MC_STR_INIT("integer")},
    {.name = MC_STR_INIT("client_id"), .type = MC_STR_INIT("uuid"), .ref = MC_STR_INIT("clients")},
    {.name = MC_STR_INIT("secret"),
     .type = MC_STR_INIT("string"),
     .visibility = MC_STR_INIT("modal")},
};
static const char order_table[] =
    "{\"columns\":[{\"key\":\"hours\",\"styleConfig\":{\"aggregate\":\"sum\"}},"
    "{\"key\":\"n\",\"styleConfig\":{\"aggregate\":\"avg\"}},"
    "{\"key\":\"big\",\"styleConfig\":{\"aggregate\":\"total\"}},"
    "{\"key\":\"status\",\"styleConfig\":{\"aggregate\":\"sum\"}},"
    "{\"key\":\"count\",\"styleConfig\":{\"aggregate\":\"\"}},"
    "{\"key\":\"secret\",\"styleConfig\":{\"aggregate\":\"count\"}}]}";

#define MINE "'01000000-0000-0000-0000-000000000000'"
#define THEIRS "'02000000-0000-0000-0000-000000000000'"
#define ID(n) "'00000000-0000-4000-8000-00000000000" #n "'"

static const char rows[] = "INSERT INTO clients (id, organization_id, name) VALUES (" ID(
    1) ", " MINE ", 'Ann'), "
       "(" ID(2) ", " MINE ", 'Bob'), (" ID(
           3) ", " THEIRS ", 'Their client');"
              "INSERT INTO orders (organization_id, status, hours, n, big, flag, due_at, day, "
              "client_id, "
              "secret, deleted_at) VALUES "
              "(" MINE ", 'open', '0.1', 1, 9223372036854775807, 1, '2026-11-10T08:00:00.000000Z', "
              "'2026-11-10', " ID(
                  1) ", 's', NULL),"
                     "(" MINE
                     ", 'open', '0.2', 2, 9223372036854775807, 0, '2026-11-30T23:59:59.000000Z', "
                     "'2026-11-11', " ID(
                         1) ", 's', NULL),"
                            "(" MINE ", 'done', '12345678901234.5678', 2, 1, 1, "
                            "'2026-12-01T00:00:00.000000Z', "
                            "'2025-01-01', " ID(
                                2) ", 's', NULL),"
                                   "(" MINE ", 'a\"b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
                                   "NULL, NULL),"
                                   "(" MINE ", '', NULL, NULL, NULL, NULL, NULL, NULL, " ID(
                                       3) ", NULL, NULL),"
                                          "(" MINE ", 'open', '99', 99, 99, 1, NULL, NULL, " ID(
                                              1) ", 's', "
                                                 "'2026-01-01T00:00:00.000000Z'),"
                                                 "(" THEIRS
                                                 ", 'their status', '1000', 1000, 1000, 1, "
                                                 "'2030-01-01T00:00:00.000000Z', NULL, "
                                                 "NULL, 'theirs', NULL);";

static mc_code check(void *user, mc_ctx *unused, mc_str capability, mc_err *err)
{
    (void)user;
    (void)unused;
    return denied && mc_str_eq(capability, mc_z(denied)) ? mc_fail(err, MC_FORBIDDEN, "no") : MC_OK;
}

static mc_code add_model(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    mc_model *model;
    mc_code rc = mc_model_new(user, MC_DB_SQLITE, &model, err);

    (void)unused;
    if (rc != MC_OK)
        return rc;
    rc = mc_model_ensure_table(model, conn, err);
    return rc == MC_OK ? mc_models_put(models, model, err) : rc;
}

static mc_code run_script(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    (void)unused;
    return mc_db_exec_script(conn, mc_z(user), err);
}

static mc_code build(mc_err *err)
{
    mc_model_def clients = {.key = MC_STR("clients"),
                            .table = MC_STR("clients"),
                            .columns = client_columns,
                            .column_count = MC_LEN(client_columns)};
    mc_model_def orders = {.key = MC_STR("orders"),
                           .table = MC_STR("orders"),
                           .soft_delete = true,
                           .columns = order_columns,
                           .column_count = MC_LEN(order_columns)};
    char url[256];
    mc_code rc = mc_json_parse(ctx.arena, mc_z(order_table), NULL, &orders.table_meta, err);

    (void)snprintf(url, sizeof(url), "sqlite:%s/r.db", mc_test_dir());
    if (rc == MC_OK)
        rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, err);
    if (rc == MC_OK)
        rc = mc_migrations_up(db, &ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, err);
    if (rc == MC_OK)
        rc = mc_models_new(&models, err);
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, add_model, &clients, err);
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, add_model, &orders, err);
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, run_script, (void *)rows, err);
    if (rc == MC_OK)
        rc = mc_dynamic_new(&(mc_dynamic_config){MC_DYNAMIC_CONFIG, .db = db, .models = models,
                                                 .check = check, .clock = {&clock_vt, NULL}},
                            &dynamic, err);
    return rc;
}

static bool setup(void)
{
    mc_err err;
    mc_code rc;

    denied = NULL;
    clock_us = 1;
    clock_step_us = 0;
    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    ctx.who.org_id.bytes[0] = 1;
    ctx.who.user_id.bytes[0] = 9;
    rc = build(&err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

static void teardown(void)
{
    mc_dynamic_free(dynamic);
    mc_db_close(db);
    mc_models_free(models);
    mc_arena_free(ctx.arena);
}

/* ---- asking ---- */

typedef mc_code (*report_fn)(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                             const mc_header *pairs, size_t pair_count, mc_buf *out, mc_err *err);

typedef struct call {
    report_fn fn;
    const char *query; /* "a=b&c=d", nothing escaped */
    mc_buf out;
} call;

static mc_code run(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    call *c = user;
    mc_str rest = mc_z(c->query), pair;
    mc_header pairs[8];
    size_t count = 0;

    (void)conn;
    (void)unused;
    while (count < MC_LEN(pairs) && mc_str_split(&rest, '&', &pair)) {
        size_t at = mc_str_find_char(pair, 0, '=');

        pairs[count++] =
            (mc_header){mc_str_slice(pair, 0, at), mc_str_slice(pair, at + 1, pair.len)};
    }
    return c->fn(dynamic, &ctx, mc_models_find(models, MC_STR("orders")), pairs, count, &c->out,
                 err);
}

static mc_code ask(report_fn fn, const char *query, mc_str *out, mc_err *err)
{
    call c = {.fn = fn, .query = query};
    mc_code rc;

    mc_buf_init_arena(&c.out, ctx.arena, 0);
    rc = mc_db_read(db, &ctx, run, &c, err);
    *out = mc_buf_get(&c.out);
    return rc;
}

static void expect(report_fn fn, const char *query, const char *wanted)
{
    mc_str out;
    mc_err err;

    MC_CASE(query);
    MC_EXPECT_OK(ask(fn, query, &out, &err), &err);
    MC_EXPECT_Z(out, wanted);
}

static void refuse(report_fn fn, const char *query, const char *named)
{
    mc_str out;
    mc_err err;

    MC_CASE(query);
    MC_EXPECT_EQ(ask(fn, query, &out, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), named);
}

#define ANN "\"00000000-0000-4000-8000-000000000001\""
#define BOB "\"00000000-0000-4000-8000-000000000002\""
#define GONE "\"00000000-0000-4000-8000-000000000003\""

MC_TEST("aggregates are exact, over the rows of the list, of one's own organization")
{
    static const struct {
        const char *query, *wanted;
    } cases[] = {
        {"metrics=count", "[{\"count\":5}]"},
        {"metrics=count:hours,count:status", "[{\"count_hours\":3,\"count_status\":5}]"},
        {"metrics=sum:hours&f_status=open", "[{\"sum_hours\":0.3}]"},
        {"metrics=SUM:hours", "[{\"sum_hours\":12345678901234.8678}]"},
        {"metrics=sum:big", "[{\"sum_big\":18446744073709551615}]"},
        {"metrics=avg:hours&f_status=open", "[{\"avg_hours\":0.15}]"},
        {"metrics=avg:n", "[{\"avg_n\":1.666667}]"},
        {"metrics=avg:big", "[{\"avg_big\":6148914691236517205}]"},
        {"metrics=min:hours,max:hours", "[{\"min_hours\":0.1,\"max_hours\":12345678901234.5678}]"},
        {"metrics=min:n,max:n", "[{\"min_n\":1,\"max_n\":2}]"},
        {"metrics=max:created_at&f_status=nothing", "[{\"max_created_at\":null}]"},
        {"metrics=min:due_at,max:day",
         "[{\"min_due_at\":\"2026-11-10T08:00:00.000000Z\",\"max_day\":\"2026-11-11\"}]"},
        {"metrics=max:status", "[{\"max_status\":\"open\"}]"},
        {"metrics=count,sum:hours,avg:hours,min:hours&f_status=nothing",
         "[{\"count\":0,\"sum_hours\":0,\"avg_hours\":null,\"min_hours\":null}]"},
        {"group_by=status", "[{\"status\":\"\",\"count\":1},{\"status\":\"a\\\"b\",\"count\":1},"
                            "{\"status\":\"done\",\"count\":1},{\"status\":\"open\",\"count\":2}]"},
        {"metrics=count,sum:n&group_by=status&order_by=count&limit=1",
         "[{\"status\":\"open\",\"count\":2,\"sum_n\":3}]"},
        {"metrics=sum:hours&group_by=status&order_by=sum:hours&limit=2",
         "[{\"status\":\"done\",\"sum_hours\":12345678901234.5678},"
         "{\"status\":\"open\",\"sum_hours\":0.3}]"},
        {"metrics=max:hours&group_by=flag",
         "[{\"flag\":null,\"max_hours\":null},{\"flag\":false,\"max_hours\":0.2},"
         "{\"flag\":true,\"max_hours\":12345678901234.5678}]"},
        {"group_by=due_at:month&f_due_at=NOT_NULL:",
         "[{\"due_at_month\":\"2026-11\",\"count\":2},{\"due_at_month\":\"2026-12\",\"count\":1}]"},
        {"group_by=day:year",
         "[{\"day_year\":null,\"count\":2},{\"day_year\":\"2025\",\"count\":1},"
         "{\"day_year\":\"2026\",\"count\":2}]"},
        {"group_by=client_id&f_client_id=NOT_NULL:",
         "[{\"client_id\":" ANN ",\"client\":{\"label\":\"Ann\",\"value\":" ANN "},\"count\":2},"
         "{\"client_id\":" BOB ",\"client\":{\"label\":\"Bob\",\"value\":" BOB "},\"count\":1},"
         "{\"client_id\":" GONE ",\"count\":1}]"},
        {"group_by=status,flag&search=ope", "[{\"status\":\"open\",\"flag\":false,\"count\":1},"
                                            "{\"status\":\"open\",\"flag\":true,\"count\":1}]"},
        {"", "{\"hours\":12345678901234.8678,\"n\":1.666667,\"big\":18446744073709551615}"},
        {"f_status=nothing", "{\"hours\":0,\"n\":null,\"big\":0}"},
    };

    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(cases); i++)
        expect(mc_dynamic_aggregate, cases[i].query, cases[i].wanted);
    MC_CASE("a label that one may not read");
    denied = "clients.read";
    expect(mc_dynamic_aggregate, "group_by=client_id&limit=1&f_client_id=NOT_NULL:",
           "[{\"client_id\":" ANN ",\"count\":2}]");
    teardown();
}

MC_TEST("a name that was changed is new in the next answer")
{
    static const char rename[] = "UPDATE clients SET name = 'Zoe' WHERE name = 'Ann'";
    mc_err err;

    MC_REQUIRE(setup());
    expect(mc_dynamic_facets, "field=client_id&limit=1",
           "[{\"value\":" ANN ",\"label\":\"Ann\",\"count\":2}]");
    expect(mc_dynamic_aggregate, "group_by=client_id&limit=1&f_client_id=NOT_NULL:",
           "[{\"client_id\":" ANN ",\"client\":{\"label\":\"Ann\",\"value\":" ANN
           "},\"count\":2}]");
    MC_EXPECT_OK(mc_db_write(db, &ctx, run_script, (void *)rename, &err), &err);
    expect(mc_dynamic_facets, "field=client_id&limit=1",
           "[{\"value\":" ANN ",\"label\":\"Zoe\",\"count\":2}]");
    expect(mc_dynamic_aggregate, "group_by=client_id&limit=1&f_client_id=NOT_NULL:",
           "[{\"client_id\":" ANN ",\"client\":{\"label\":\"Zoe\",\"value\":" ANN
           "},\"count\":2}]");
    teardown();
}

MC_TEST("facets count values, the most frequent first, and never show what is hidden")
{
    static const struct {
        const char *query, *wanted;
    } cases[] = {
        {"field=status", "[{\"value\":\"open\",\"count\":2},{\"value\":\"a\\\"b\",\"count\":1},"
                         "{\"value\":\"done\",\"count\":1}]"},
        {"field=status&limit=1", "[{\"value\":\"open\",\"count\":2}]"},
        {"field=status&q=DO", "[{\"value\":\"done\",\"count\":1}]"},
        {"field=status&q=%", "[]"},
        {"field=status&f_n=2",
         "[{\"value\":\"done\",\"count\":1},{\"value\":\"open\",\"count\":1}]"},
        {"field=n", "[{\"value\":2,\"count\":2},{\"value\":1,\"count\":1}]"},
        {"field=flag", "[{\"value\":true,\"count\":2},{\"value\":false,\"count\":1}]"},
        {"field=hours&limit=1", "[{\"value\":0.1,\"count\":1}]"},
        {"field=client_id", "[{\"value\":" ANN ",\"label\":\"Ann\",\"count\":2},"
                            "{\"value\":" BOB ",\"label\":\"Bob\",\"count\":1},"
                            "{\"value\":" GONE ",\"count\":1}]"},
        {"field=client_id&q=bo", "[{\"value\":" BOB ",\"label\":\"Bob\",\"count\":1}]"},
    };
    static const struct {
        const char *query, *named;
    } refused[] = {
        {"", "field"},
        {"field=secret", "field"},
        {"field=organization_id", "field"},
        {"field=no", "field"},
        {"field=extra", "field"},
        {"field=status&limit=0", "limit"},
        {"field=n&f_x=1", "f_x"},
        {"field=n&count=none", "count"},
    };

    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(cases); i++)
        expect(mc_dynamic_facets, cases[i].query, cases[i].wanted);
    for (size_t i = 0; i < MC_LEN(refused); i++)
        refuse(mc_dynamic_facets, refused[i].query, refused[i].named);
    teardown();
}

MC_TEST("an aggregate of what cannot be aggregated is refused, naming the parameter")
{
    static const struct {
        const char *query, *named;
    } refused[] = {
        {"metrics=sum", "metrics"},
        {"metrics=median:n", "metrics"},
        {"metrics=sum:status", "metrics"},
        {"metrics=avg:day", "metrics"},
        {"metrics=min:flag", "metrics"},
        {"metrics=max:extra", "metrics"},
        {"metrics=max:client_id", "metrics"},
        {"metrics=max:secret", "metrics"},
        {"metrics=count:secret", "metrics"},
        {"metrics=count:organization_id", "metrics"},
        {"metrics=sum:nothing", "metrics"},
        {"metrics=count,count", "metrics"},
        {"metrics=count&group_by=count", "metrics"},
        {"metrics=sum:n;drop", "metrics"},
        {"group_by=secret", "group_by"},
        {"group_by=organization_id", "group_by"},
        {"group_by=extra", "group_by"},
        {"group_by=nothing", "group_by"},
        {"group_by=status:month", "group_by"},
        {"group_by=due_at:hour", "group_by"},
        {"group_by=n,n", "group_by"},
        {"group_by=n,flag,status,day", "group_by"},
        {"group_by=n&order_by=sum:n", "order_by"},
        {"group_by=n&metrics=avg:n&order_by=avg:n", "order_by"},
        {"group_by=n&limit=x", "limit"},
        {"metrics=count&f_secret=s", "f_secret"},
        {"metrics=count&count=some", "count"},
    };

    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(refused); i++)
        refuse(mc_dynamic_aggregate, refused[i].query, refused[i].named);
    teardown();
}

/* ---- what is kept ---- */

static mc_code create_order(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    const mc_model *model = mc_models_find(models, MC_STR("orders"));
    const mc_json *input;
    mc_dynamic_write *write;
    mc_time version;
    mc_buf out;
    mc_code rc =
        mc_json_parse(ctx.arena, MC_STR("{\"status\":\"new\",\"n\":1}"), NULL, &input, err);

    (void)conn;
    (void)unused;
    (void)user;
    mc_buf_init_arena(&out, ctx.arena, 0);
    if (rc == MC_OK)
        rc = mc_dynamic_prepare(dynamic, &ctx, model, input, true, &write, err);
    return rc == MC_OK ? mc_dynamic_create(dynamic, &ctx, write, &out, &version, err) : rc;
}

static mc_code list_meta(mc_dynamic *self, mc_ctx *c, const mc_model *model, const mc_header *pairs,
                         size_t pair_count, mc_buf *out, mc_err *err)
{
    mc_dynamic_page page;
    mc_buf rows_out;
    mc_code rc;

    mc_buf_init_arena(&rows_out, c->arena, 0);
    rc = mc_dynamic_list(self, c, model, pairs, pair_count, &rows_out, &page, err);
    if (rc == MC_OK)
        mc_buf_printf(out, "%lld %s", (long long)page.total, page.is_total_exact ? "exact" : "old");
    return rc;
}

static void write_one(void)
{
    mc_err err;

    MC_EXPECT_OK(mc_db_write(db, &ctx, create_order, NULL, &err), &err);
}

/* Another request: an answer is renewed by one request, and this is not that one. */
static void next_request(void)
{
    mc_arena_free(ctx.arena);
    ctx.arena = mc_arena_new(0);
}

MC_TEST("cheap totals are exact after each write")
{
    MC_REQUIRE(setup());
    clock_step_us = 400; /* counting looks at the clock twice */
    expect(list_meta, "per_page=1", "5 exact");
    write_one();
    expect(list_meta, "per_page=1", "6 exact");
    expect(mc_dynamic_aggregate, "metrics=count", "[{\"count\":6}]");
    write_one();
    expect(mc_dynamic_aggregate, "metrics=count", "[{\"count\":7}]");
    teardown();
}

MC_TEST("dear answers outlive a write for a while, unless an exact one is asked for")
{
    MC_REQUIRE(setup());
    clock_step_us = 10000;
    expect(list_meta, "per_page=1", "5 exact");
    expect(mc_dynamic_aggregate, "metrics=count,sum:n", "[{\"count\":5,\"sum_n\":5}]");
    expect(mc_dynamic_facets, "field=status&limit=1", "[{\"value\":\"open\",\"count\":2}]");
    write_one();
    next_request();
    expect(list_meta, "per_page=1", "5 old");
    expect(mc_dynamic_aggregate, "metrics=count,sum:n", "[{\"count\":5,\"sum_n\":5}]");
    expect(mc_dynamic_facets, "field=status&limit=1&q=new", "[{\"value\":\"new\",\"count\":1}]");
    MC_CASE("the end of a list is known without counting");
    expect(list_meta, "per_page=50", "6 exact");
    expect(list_meta, "per_page=1&page=6", "6 exact");
    MC_CASE("no row that is shown is beyond the total");
    expect(list_meta, "per_page=2&page=3", "6 exact");
    expect(mc_dynamic_aggregate, "metrics=count,sum:n&count=exact", "[{\"count\":6,\"sum_n\":6}]");
    MC_CASE("what was asked for exactly is everybody's");
    expect(list_meta, "per_page=1&count=exact", "6 exact");
    expect(list_meta, "per_page=1", "6 exact");
    MC_CASE("after its time it is found out anew");
    write_one();
    next_request();
    expect(list_meta, "per_page=1", "6 old");
    clock_us += 5000000;
    expect(list_meta, "per_page=1", "7 exact");
    teardown();
}
