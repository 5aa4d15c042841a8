/* SPDX-License-Identifier: Apache-2.0 */
/* What a list costs must not grow with its table: the store's own plan says whether it does. */
#include "metacore/query/query.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("subject"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("status"), .type = MC_STR_INIT("string"), .index = true},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal"), .index = true},
    {.name = MC_STR_INIT("due_at"), .type = MC_STR_INIT("datetime"), .index = true},
};

static mc_ctx ctx;
static mc_model *model;
static mc_db *db;

static mc_code make_table(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    (void)unused;
    (void)user;
    return mc_model_ensure_table(model, conn, err);
}

static bool setup(bool soft_delete)
{
    mc_model_def def = {.key = MC_STR("t"),
                        .table = MC_STR("t"),
                        .soft_delete = soft_delete,
                        .columns = columns,
                        .column_count = MC_LEN(columns)};
    char url[256];
    mc_err err;
    mc_code rc;

    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    ctx.who.org_id.bytes[0] = 1;
    (void)snprintf(url, sizeof(url), "sqlite:%s/p.db", mc_test_dir());
    rc = mc_model_new(&def, MC_DB_SQLITE, &model, &err);
    if (rc == MC_OK)
        rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, &err);
    if (rc == MC_OK)
        rc = mc_db_write(db, &ctx, make_table, NULL, &err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

static void teardown(void)
{
    mc_db_close(db);
    mc_model_free(model);
    mc_arena_free(ctx.arena);
}

typedef struct question {
    const char *filter, *value; /* NULL: none */
    const char *sort, *order;
    bool is_count;
    bool has_cursor;
    mc_buf plan; /* out: the steps, a line each */
} question;

static mc_code explain(mc_db_conn *conn, mc_str sql, const mc_db_value *args, size_t arg_count,
                       mc_buf *out, mc_err *err)
{
    mc_str text = mc_str_printf(ctx.arena, "EXPLAIN QUERY PLAN %.*s", MC_FMT(sql));
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, text, args, arg_count, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        mc_buf_str(out, mc_db_col_text(&rows, 3));
        mc_buf_char(out, '\n');
    }
    return mc_db_rows_finish(&rows, err);
}

/* A cursor needs a row to stand after; its text is made as a list would make it. */
static mc_code make_cursor(mc_db_conn *conn, const mc_query *query, mc_buf *out, mc_err *err)
{
    mc_query_plan plan;
    mc_db_rows rows;
    mc_buf sql;
    mc_code rc = mc_query_plan_page(&ctx, query, MC_STR(""), &plan, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&sql, ctx.arena, 0);
    mc_buf_lit(&sql, "SELECT 'open', '2026-01-01T00:00:00.000000Z', "
                     "'00000000-0000-4000-8000-000000000001'");
    rc = mc_db_query(conn, mc_buf_get(&sql), NULL, 0, &rows, err);
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        mc_query_write_cursor(query, &plan, &rows, plan.key_count == 2 ? 1 : 0, out);
    return mc_db_rows_finish(&rows, err);
}

static mc_code run(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    question *q = user;
    char name[64];
    mc_header pairs[] = {{MC_STR_INIT("other"), mc_z(q->value)},
                         {MC_STR_INIT("sortBy"), mc_z(q->sort)},
                         {MC_STR_INIT("order"), mc_z(q->order)}};
    mc_query_plan plan;
    mc_query query;
    mc_buf sql, cursor;
    mc_code rc;

    (void)unused;
    (void)snprintf(name, sizeof(name), "f_%s", q->filter ? q->filter : "");
    if (q->filter)
        pairs[0].name = mc_z(name);
    mc_buf_init_arena(&sql, ctx.arena, 0);
    mc_buf_init_arena(&cursor, ctx.arena, 0);
    rc = mc_query_parse(&ctx, model, MC_DB_SQLITE, pairs, MC_LEN(pairs), &query, err);
    if (rc == MC_OK && q->has_cursor)
        rc = make_cursor(conn, &query, &cursor, err);
    if (rc == MC_OK)
        rc = mc_query_plan_page(&ctx, &query, mc_buf_get(&cursor), &plan, err);
    if (rc != MC_OK)
        return rc;
    if (q->is_count) {
        mc_query_write_count(&query, &sql);
        return explain(conn, mc_buf_get(&sql), query.args, query.arg_count, &q->plan, err);
    }
    for (size_t i = 0; i < plan.part_count && rc == MC_OK; i++) {
        mc_query_part *p = &plan.parts[i];

        mc_buf_clear(&sql);
        p->args[p->arg_count] = mc_db_int(20);
        p->args[p->arg_count + 1] = mc_db_int(0);
        mc_query_write_part(&query, &plan, i, mc_z(model->select_list), &sql);
        rc = explain(conn, mc_buf_get(&sql), p->args, p->arg_count + 2, &q->plan, err);
    }
    return rc;
}

static const struct {
    const char *name;
    question q;
    const char *wanted; /* in the plan of one part; no part scans or sorts */
} cases[] = {
    {"newest first", {.sort = "", .order = ""}, "USING INDEX idx_t_org ("},
    {"oldest first", {.sort = "created_at", .order = "asc"}, "USING INDEX idx_t_org ("},
    {"newest first, by cursor",
     {.sort = "", .order = "", .has_cursor = true},
     "(organization_id=? AND (created_at,id)<(?,?))"},
    {"oldest first, by cursor",
     {.sort = "created_at", .order = "asc", .has_cursor = true},
     "(organization_id=? AND (created_at,id)>(?,?))"},
    {"a filter, newest first",
     {.filter = "status", .value = "open", .sort = "", .order = ""},
     "USING INDEX idx_t_org_status (organization_id=? AND status=?)"},
    {"a filter, by cursor",
     {.filter = "status", .value = "open", .sort = "", .order = "", .has_cursor = true},
     "USING INDEX idx_t_org_status (organization_id=? AND status=? AND (created_at,id)<(?,?))"},
    {"an order, upwards", {.sort = "hours", .order = "asc"}, "USING INDEX idx_t_org_hours"},
    {"an order, downwards", {.sort = "due_at", .order = "desc"}, "USING INDEX idx_t_org_due_at"},
    {"an order, by cursor",
     {.sort = "status", .order = "asc", .has_cursor = true},
     "USING INDEX idx_t_org_status (organization_id=? AND (status,created_at,id)>(?,?,?))"},
    {"an order, by cursor, and then the rows without a value",
     {.sort = "status", .order = "desc", .has_cursor = true},
     "USING INDEX idx_t_org_status (organization_id=? AND status=?)"},
    {"a range in its order",
     {.filter = "hours", .value = "RANGE:1,9", .sort = "hours", .order = "asc"},
     "USING INDEX idx_t_org_hours (organization_id=? AND hours>? AND hours<?)"},
    {"days in their order",
     {.filter = "due_at", .value = "2026-11-10_2026-11-20", .sort = "due_at", .order = "desc"},
     "USING INDEX idx_t_org_due_at (organization_id=? AND due_at>? AND due_at<?)"},
    {"no value",
     {.filter = "due_at", .value = "NULL:", .sort = "", .order = ""},
     "USING INDEX idx_t_org_due_at (organization_id=? AND due_at=?)"},
    {"a total", {.sort = "", .order = "", .is_count = true}, "USING COVERING INDEX idx_t_org"},
    {"a total of a filter",
     {.filter = "status", .value = "open", .sort = "", .order = "", .is_count = true},
     "USING COVERING INDEX idx_t_org_status (organization_id=? AND status=?)"},
    {"a total of a range",
     {.filter = "hours", .value = "gt:1", .sort = "", .order = "", .is_count = true},
     "USING COVERING INDEX idx_t_org_hours (organization_id=? AND hours>?)"},
};

MC_TEST("filters, orders, cursors and totals of indexed columns read an index and sort nothing")
{
    for (int soft_delete = 0; soft_delete < 2; soft_delete++) {
        MC_REQUIRE(setup(soft_delete));
        for (size_t i = 0; i < MC_LEN(cases); i++) {
            question q = cases[i].q;
            mc_str plan;
            mc_err err;

            MC_CASE(cases[i].name);
            mc_buf_init_arena(&q.plan, ctx.arena, 0);
            MC_EXPECT_OK(mc_db_read(db, &ctx, run, &q, &err), &err);
            plan = mc_buf_get(&q.plan);
            MC_EXPECT_HAS(plan, cases[i].wanted);
            MC_EXPECT(mc_str_find(plan, MC_STR("SCAN")) == plan.len);
            MC_EXPECT(mc_str_find(plan, MC_STR("TEMP B-TREE")) == plan.len);
        }
        teardown();
    }
}
