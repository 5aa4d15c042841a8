/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a guest says: what is understood names each table through its organization's door. */
#include "metacore/sqlgate/sqlguest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mc_code find(void *user, mc_str schema, mc_str table, bool is_write,
                    mc_sqlguest_relation *out, mc_err *err)
{
    static const mc_sqlguest_column columns[] = {
        {MC_STR_INIT("id"), MC_SQL_UUID, NULL},
        {MC_STR_INIT("organization_id"), MC_SQL_UUID, NULL},
        {MC_STR_INIT("a"), MC_SQL_TEXT, NULL},
        {MC_STR_INIT("b"), MC_SQL_INT, NULL},
        {MC_STR_INIT("c"), MC_SQL_DECIMAL, NULL},
        {MC_STR_INIT("d"), MC_SQL_TIME, NULL},
        {MC_STR_INIT("e"), MC_SQL_JSON, NULL},
        {MC_STR_INIT("f"), MC_SQL_BOOL, NULL},
        {MC_STR_INIT("updated_at"), MC_SQL_TIME, NULL}};

    (void)user;
    (void)is_write;
    if (schema.len > 1 || table.len > 1)
        return mc_fail(err, MC_FORBIDDEN, "not the addon's");
    *out = (mc_sqlguest_relation){.physical = MC_STR("\"addon_k.t\""),
                                  .stored = MC_STR("addon_k.t"),
                                  .columns = columns,
                                  .column_count = MC_LEN(columns),
                                  .is_model = true};
    return MC_OK;
}

static size_t count_of(mc_str text, mc_str word)
{
    size_t count = 0;

    for (;;) {
        size_t at = mc_str_find(text, word);

        if (at >= text.len)
            return count;
        count++;
        text = mc_str_slice(text, at + word.len, text.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_sqlguest_statement statement;
    mc_err err;

    for (int is_exec = 0; arena && is_exec < 2; is_exec++) {
        mc_sqlguest_config config = {MC_SQLGUEST_CONFIG, .is_exec = is_exec, .find = find};

        if (mc_sqlguest_translate(&config, arena, mc_str_of((const char *)data, size), &statement,
                                  &err) != MC_OK)
            continue;
        /* A constant that says the same is none of the fuzzer's inputs that are worth a look. */
        if (mc_str_find(mc_str_of((const char *)data, size), MC_STR("addon_k")) == size &&
            count_of(statement.sql, MC_STR("\"addon_k.t\"")) >
                count_of(statement.sql, MC_STR("\"organization_id\" = $65")) +
                    (statement.verb == MC_SQLGUEST_INSERT))
            abort();
        if (statement.sql.len == 0 || statement.param_count > MC_SQLGUEST_ARGS_MAX)
            abort();
    }
    mc_arena_free(arena);
    return 0;
}
