/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/query/query.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("subject"), .type = MC_STR_INIT("string"), .searchable = true},
    {.name = MC_STR_INIT("body"), .type = MC_STR_INIT("text"), .searchable = true},
    {.name = MC_STR_INIT("n"), .type = MC_STR_INIT("integer")},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal")},
    {.name = MC_STR_INIT("due_at"), .type = MC_STR_INIT("datetime")},
    {.name = MC_STR_INIT("day"), .type = MC_STR_INIT("date")},
    {.name = MC_STR_INIT("urgent"), .type = MC_STR_INIT("boolean")},
    {.name = MC_STR_INIT("ref_id"), .type = MC_STR_INIT("uuid")},
    {.name = MC_STR_INIT("hidden"),
     .type = MC_STR_INIT("string"),
     .visibility = MC_STR_INIT("modal")},
};

static mc_ctx ctx;
static mc_model *model;

static void setup(void)
{
    mc_model_def def = {.key = MC_STR("t"),
                        .table = MC_STR("t"),
                        .soft_delete = true,
                        .columns = columns,
                        .column_count = MC_LEN(columns)};
    mc_err err;

    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    ctx.who.org_id.bytes[0] = 1;
    MC_EXPECT_OK(mc_model_new(&def, MC_DB_SQLITE, &model, &err), &err);
}

static void teardown(void)
{
    mc_model_free(model);
    mc_arena_free(ctx.arena);
}

#define SCOPE "\"organization_id\" = $1 AND \"deleted_at\" IS NULL"

static const struct {
    const char *name, *value;
    const char *where; /* after the scope; NULL: refused */
} filters[] = {
    {"f_subject", "open", " AND \"subject\" = $2"},
    {"f_subject", "12:30", " AND \"subject\" = $2"},
    {"f_subject", "eq:a:b", " AND \"subject\" = $2"},
    {"f_subject", "eq:", ""},
    {"f_subject", "   ", ""},
    {"f_subject", "ILIKE:a", " AND mc_contains(\"subject\", $2)"},
    {"f_subject", "contains:a", " AND mc_contains(\"subject\", $2)"},
    {"f_subject", "IN:a, b,,", " AND \"subject\" IN ($2, $3)"},
    {"f_subject", "not_in:a", " AND \"subject\" NOT IN ($2)"},
    {"f_subject", "in:", NULL},
    {"f_subject", "in: , ", NULL},
    {"f_subject", "NULL:", " AND \"subject\" IS NULL"},
    {"f_subject", "not_null:", " AND \"subject\" IS NOT NULL"},
    {"f_subject", "NULL:x", NULL},
    {"f_subject", "null", " AND \"subject\" = $2"},
    {"f_subject", "unknown:x", " AND \"subject\" = $2"},
    {"f_subject", "gt:", ""},
    {"f_subject", "a_b", " AND \"subject\" = $2"},
    {"f_n", "5", " AND \"n\" = $2"},
    {"f_n", "5.5", NULL},
    {"f_n", "99999999999", NULL},
    {"f_n", "GT:5", " AND \"n\" > $2"},
    {"f_n", "RANGE:1,2", " AND \"n\" >= $2 AND \"n\" <= $3"},
    {"f_n", "range:1|", " AND \"n\" >= $2"},
    {"f_n", "range:|2", " AND \"n\" <= $2"},
    {"f_n", "range:", NULL},
    {"f_n", "range:|", NULL},
    {"f_n", "range:a|b", NULL},
    {"f_hours", "lte:1.5", " AND \"hours\" <= $2"},
    {"f_hours", "1e400", NULL},
    {"f_urgent", "true", " AND \"urgent\" = $2"},
    {"f_urgent", "maybe", NULL},
    {"f_ref_id", "not-a-uuid", NULL},
    {"f_due_at", "2026-11-10_2026-11-20", " AND \"due_at\" >= $2 AND \"due_at\" < $3"},
    {"f_due_at", "2026-11-10_", " AND \"due_at\" >= $2"},
    {"f_due_at", "2026-11-10", " AND \"due_at\" >= $2 AND \"due_at\" < $3"},
    {"f_due_at", "2026-11-10T10:00:00Z", " AND \"due_at\" = $2"},
    {"f_due_at", "IN:2026-11-10,2026-11-12T00:00:00Z",
     " AND ((\"due_at\" >= $2 AND \"due_at\" < $3) OR (\"due_at\" = $4))"},
    {"f_due_at", "NOT_IN:2026-11-10", " AND NOT ((\"due_at\" >= $2 AND \"due_at\" < $3))"},
    {"f_due_at", "2026-11-10T08:00:00Z_2026-11-10T09:00:00Z",
     " AND \"due_at\" >= $2 AND \"due_at\" <= $3"},
    {"f_due_at", "_", NULL},
    {"f_due_at", "2026-11-10_x", NULL},
    {"f_due_at", "gt:2026-11-10", " AND \"due_at\" >= $2"},
    {"f_due_at", "lt:2026-11-10", " AND \"due_at\" < $2"},
    {"f_due_at", "range:2026-11-10,2026-11-11", " AND \"due_at\" >= $2 AND \"due_at\" < $3"},
    {"f_due_at", "2026-02-30", NULL},
    {"f_due_at", "yesterday", NULL},
    {"f_day", "2026-11-10_2026-11-20", " AND \"day\" >= $2 AND \"day\" <= $3"},
    {"f_created_at", "gte:2026-01-01", " AND \"created_at\" >= $2"},
    {"f_hidden", "x", NULL},
    {"f_organization_id", "x", NULL},
    {"f_deleted_at", "NULL:", NULL},
    {"f_nothing", "x", NULL},
    {"f_n\"; DROP TABLE t", "1", NULL},
};

MC_TEST("each filter becomes typed SQL, or is refused by its name")
{
    setup();
    for (size_t i = 0; i < MC_LEN(filters); i++) {
        mc_header pair = {mc_z(filters[i].name), mc_z(filters[i].value)};
        char wanted[512];
        mc_query query;
        mc_err err;
        mc_code rc = mc_query_parse(&ctx, model, MC_DB_SQLITE, &pair, 1, &query, &err);

        (void)snprintf(wanted, sizeof(wanted), "%s=%s", filters[i].name, filters[i].value);
        MC_CASE(wanted);
        MC_EXPECT_EQ(rc, filters[i].where ? MC_OK : MC_INVALID);
        if (rc != MC_OK) {
            MC_EXPECT_HAS(mc_z(err.msg), "f_");
            continue;
        }
        (void)snprintf(wanted, sizeof(wanted), SCOPE "%s", filters[i].where);
        MC_EXPECT_Z(query.where, wanted);
    }
    teardown();
}

MC_TEST("pages, order and search are read as the contract says")
{
    static const struct {
        const char *name, *value;
        uint32_t page, per_page;
        const char *order;
    } cases[] = {
        {"page", "3", 3, 15, "\"created_at\" DESC, \"id\" DESC"},
        {"page", "0", 1, 15, "\"created_at\" DESC, \"id\" DESC"},
        {"page", "-1", 1, 15, "\"created_at\" DESC, \"id\" DESC"},
        {"page", "x", 1, 15, "\"created_at\" DESC, \"id\" DESC"},
        {"per_page", "20", 1, 20, "\"created_at\" DESC, \"id\" DESC"},
        {"per_page", "99999999999999999999", 1, 15, "\"created_at\" DESC, \"id\" DESC"},
        {"per_page", "500", 1, 200, "\"created_at\" DESC, \"id\" DESC"},
        {"orderBy", "created_at", 1, 15, "\"created_at\" DESC, \"id\" DESC"},
        {"sortBy", "id", 1, 15, "\"id\" DESC"},
        {"sortBy", "subject", 1, 15, "\"subject\" DESC, \"created_at\" DESC, \"id\" DESC"},
    };
    mc_query query;
    mc_err err;

    setup();
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_header pairs[] = {{mc_z(cases[i].name), mc_z(cases[i].value)},
                             {MC_STR_INIT("other"), MC_STR_INIT("ignored")}};

        MC_CASE(cases[i].value);
        MC_EXPECT_OK(mc_query_parse(&ctx, model, MC_DB_SQLITE, pairs, 2, &query, &err), &err);
        MC_EXPECT_EQ(query.page, cases[i].page);
        MC_EXPECT_EQ(query.per_page, cases[i].per_page);
        MC_EXPECT_Z(query.order, cases[i].order);
    }
    MC_CASE("search");
    MC_EXPECT_OK(mc_query_parse(&ctx, model, MC_DB_SQLITE,
                                (mc_header[]){{MC_STR_INIT("search"), MC_STR_INIT(" a%b ")},
                                              {MC_STR_INIT("sortBy"), MC_STR_INIT("n")},
                                              {MC_STR_INIT("order"), MC_STR_INIT("ASC")}},
                                3, &query, &err),
                 &err);
    MC_EXPECT_Z(query.where,
                SCOPE " AND (mc_contains(\"body\", $2) OR mc_contains(\"subject\", $3))");
    MC_EXPECT_Z(query.args[1].as.text, "a%b");
    MC_EXPECT_Z(query.order, "\"n\" ASC, \"created_at\" ASC, \"id\" ASC");
    MC_CASE("search in one column, and in none that is known");
    MC_EXPECT_OK(mc_query_parse(&ctx, model, MC_DB_SQLITE,
                                (mc_header[]){{MC_STR_INIT("search"), MC_STR_INIT("a")},
                                              {MC_STR_INIT("search_columns"), MC_STR_INIT("body")}},
                                2, &query, &err),
                 &err);
    MC_EXPECT_Z(query.where, SCOPE " AND (mc_contains(\"body\", $2))");
    MC_EXPECT_OK(mc_query_parse(&ctx, model, MC_DB_SQLITE,
                                (mc_header[]){{MC_STR_INIT("search"), MC_STR_INIT("a")},
                                              {MC_STR_INIT("search_columns"), MC_STR_INIT("n")}},
                                2, &query, &err),
                 &err);
    MC_EXPECT_Z(query.where, SCOPE " AND 1 = 0");
    MC_EXPECT_EQ(mc_query_parse(&ctx, model, MC_DB_SQLITE,
                                &(mc_header){MC_STR_INIT("search_columns"), MC_STR_INIT("hidden")},
                                1, &query, &err),
                 MC_INVALID);
    teardown();
}

MC_TEST("sorting by what may not be sorted, and pages beyond reason, are refused")
{
    static const char *const sorts[] = {"hidden", "organization_id", "nothing", "n;--",
                                        "deleted_at"};
    mc_query query;
    mc_err err;

    setup();
    for (size_t i = 0; i < MC_LEN(sorts); i++) {
        mc_header pair = {MC_STR_INIT("sortBy"), mc_z(sorts[i])};

        MC_CASE(sorts[i]);
        MC_EXPECT_EQ(mc_query_parse(&ctx, model, MC_DB_SQLITE, &pair, 1, &query, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), "sortBy");
    }
    MC_EXPECT_EQ(mc_query_parse(&ctx, model, MC_DB_SQLITE,
                                &(mc_header){MC_STR_INIT("page"), MC_STR_INIT("4000000000")}, 1,
                                &query, &err),
                 MC_INVALID);
    teardown();
}

MC_TEST("the count has the rows' conditions and no order, on PostgreSQL too")
{
    mc_header pair = {MC_STR_INIT("f_subject"), MC_STR_INIT("ILIKE:50%_\\")};
    mc_query query;
    mc_buf sql;
    mc_err err;

    setup();
    mc_buf_init(&sql, 0);
    MC_EXPECT_OK(mc_query_parse(&ctx, model, MC_DB_POSTGRES, &pair, 1, &query, &err), &err);
    mc_query_write_count(&query, &sql);
    MC_EXPECT_Z(mc_buf_get(&sql), "SELECT count(*) FROM \"t\" WHERE " SCOPE
                                  " AND \"subject\"::text COLLATE \"und-x-icu\" ILIKE $2");
    MC_EXPECT_Z(query.args[1].as.text, "%50\\%\\_\\\\%");
    mc_buf_clear(&sql);
    mc_query_write_select(&query, MC_STR("\"id\""), &sql);
    MC_EXPECT_HAS(mc_buf_get(&sql),
                  " ORDER BY \"created_at\" DESC, \"id\" DESC LIMIT $3 OFFSET $4");
    mc_buf_deinit(&sql);
    teardown();
}
