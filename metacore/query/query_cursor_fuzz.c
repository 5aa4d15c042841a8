/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor, a filter's value and a search that strangers chose. */
#include "metacore/query/query.h"

#include <stdlib.h>

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("subject"), .type = MC_STR_INIT("string"), .searchable = true},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal")},
    {.name = MC_STR_INIT("due_at"), .type = MC_STR_INIT("datetime")},
    {.name = MC_STR_INIT("urgent"), .type = MC_STR_INIT("bool")},
};

static mc_model *model_once(void)
{
    static mc_model *model;
    mc_model_def def = {.key = MC_STR("t"),
                        .table = MC_STR("t"),
                        .columns = columns,
                        .column_count = MC_LEN(columns)};
    mc_err err;

    if (!model && mc_model_new(&def, MC_DB_SQLITE, &model, &err) != MC_OK)
        abort();
    return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"f_subject", "f_hours", "f_due_at", "f_urgent",
                                        "sortBy",    "search",  "page",     "order"};
    mc_str text = mc_str_of((const char *)data + (size ? 1 : 0), size ? size - 1 : 0);
    mc_ctx ctx = {.arena = mc_arena_new((size_t)4 << 20)};
    mc_header pairs[2] = {{mc_z(names[size ? data[0] % MC_LEN(names) : 0]), text},
                          {MC_STR_INIT("sortBy"), MC_STR_INIT("hours")}};
    mc_query_plan plan;
    mc_query query;
    mc_err err;

    ctx.who.org_id.bytes[0] = 1;
    if (mc_query_parse(&ctx, model_once(), MC_DB_SQLITE, pairs, 2, &query, &err) == MC_OK &&
        mc_query_plan_page(&ctx, &query, text, &plan, &err) == MC_OK && plan.part_count == 0)
        abort(); /* a page is read from somewhere */
    mc_arena_free(ctx.arena);
    return 0;
}
