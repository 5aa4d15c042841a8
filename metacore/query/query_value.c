/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/decimal.h"
#include "metacore/query/query.h"

static bool read_bool(mc_str text, bool *out)
{
    bool is_true = mc_str_eq_nocase(text, MC_STR("true")) || mc_str_eq(text, MC_STR("1"));

    if (!is_true && !mc_str_eq_nocase(text, MC_STR("false")) && !mc_str_eq(text, MC_STR("0")))
        return false;
    *out = is_true;
    return true;
}

static bool read_int(mc_str text, bool is_32, int64_t *out)
{
    return mc_str_i64(text, is_32 ? INT32_MIN : INT64_MIN, is_32 ? INT32_MAX : INT64_MAX, out);
}

bool mc_query_value(mc_arena *arena, const mc_column *column, mc_str text, mc_db_value *out)
{
    mc_db_value value = mc_db_null();
    bool is_read = true;

    switch (column->type) {
    case MC_COL_STRING:
    case MC_COL_TEXT:
        value = mc_db_text(text);
        break;
    case MC_COL_JSON:
        value = mc_db_text(text);
        value.kind = MC_DB_JSON;
        break;
    case MC_COL_UUID:
        value.kind = MC_DB_UUID;
        is_read = mc_uuid_parse(text, &value.as.uuid);
        break;
    case MC_COL_INT:
    case MC_COL_BIGINT:
        value.kind = MC_DB_INT;
        is_read = read_int(text, column->type == MC_COL_INT, &value.as.integer);
        break;
    case MC_COL_DECIMAL:
        value.kind = MC_DB_DECIMAL;
        is_read = mc_decimal_parse(arena, text, 0, 0, &value.as.text) == MC_DECIMAL_OK;
        break;
    case MC_COL_BOOL:
        value.kind = MC_DB_BOOL;
        is_read = read_bool(text, &value.as.boolean);
        break;
    case MC_COL_TIMESTAMP:
        value.kind = MC_DB_TIME;
        is_read = mc_time_parse(text, &value.as.time) || mc_date_parse(text, &value.as.time);
        break;
    case MC_COL_DATE:
        value.kind = MC_DB_DATE;
        is_read = mc_date_parse(text, &value.as.time) || mc_time_parse(text, &value.as.time);
        break;
    }
    if (is_read)
        *out = value;
    return is_read;
}
