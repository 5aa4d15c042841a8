/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to a column's type, exactly or not at all. */
#include "metacore/base/decimal.h"
#include "metacore/dynamic/dynamic_internal.h"

static const char *const wanted[] = {
    [MC_COL_STRING] = "text",
    [MC_COL_TEXT] = "text",
    [MC_COL_UUID] = "a UUID",
    [MC_COL_INT] = "a whole number",
    [MC_COL_BIGINT] = "a whole number",
    [MC_COL_DECIMAL] = "a number",
    [MC_COL_BOOL] = "true or false",
    [MC_COL_TIMESTAMP] = "a date or a time (RFC 3339)",
    [MC_COL_DATE] = "a date (YYYY-MM-DD)",
    [MC_COL_JSON] = "JSON",
};

static mc_code wrong_type(mc_ctx *ctx, const mc_column *column)
{
    mc_ctx_field_error(ctx, column->name, MC_STR("invalid_type"), MC_STR(""), "%.*s: want %s",
                       MC_FMT(column->name), wanted[column->type]);
    return MC_INVALID;
}

static mc_code out_of_range(mc_ctx *ctx, const mc_column *column, bool is_low, const char *limit)
{
    mc_str params = mc_str_printf(ctx->arena, "{\"%s\":%s}", is_low ? "min" : "max", limit);

    mc_ctx_field_error(ctx, column->name, is_low ? MC_STR("min") : MC_STR("max"), params,
                       "%.*s: must be %s %s", MC_FMT(column->label),
                       is_low ? "at least" : "at most", limit);
    return MC_REJECTED;
}

static mc_code int_value(mc_ctx *ctx, const mc_column *column, const mc_json *value,
                         mc_db_value *out)
{
    bool is_32 = column->type == MC_COL_INT;
    int64_t min = is_32 ? INT32_MIN : INT64_MIN, max = is_32 ? INT32_MAX : INT64_MAX;
    mc_str plain;

    if (value->kind != MC_JSON_NUMBER)
        return wrong_type(ctx, column);
    if (mc_json_get_i64(value, min, max, &out->as.integer)) {
        out->kind = MC_DB_INT;
        return MC_OK;
    }
    /* A fraction is of the wrong type; a whole number is only too large. */
    if (mc_decimal_parse(ctx->arena, value->as.number, MC_DECIMAL_DIGITS_MAX, 0, &plain) ==
        MC_DECIMAL_TOO_PRECISE)
        return wrong_type(ctx, column);
    return out_of_range(ctx, column, value->as.number.ptr[0] == '-',
                        is_32 ? (value->as.number.ptr[0] == '-' ? "-2147483648" : "2147483647")
                        : value->as.number.ptr[0] == '-' ? "-9223372036854775808"
                                                         : "9223372036854775807");
}

static mc_code decimal_value(mc_ctx *ctx, const mc_column *column, const mc_json *value,
                             mc_db_value *out)
{
    mc_str text = value->kind == MC_JSON_NUMBER ? value->as.number : value->as.string;

    if (value->kind != MC_JSON_NUMBER && value->kind != MC_JSON_STRING)
        return wrong_type(ctx, column);
    switch (
        mc_decimal_parse(ctx->arena, text, MC_DECIMAL_PRECISION, MC_DECIMAL_SCALE, &out->as.text)) {
    case MC_DECIMAL_OK:
        out->kind = MC_DB_DECIMAL;
        return MC_OK;
    case MC_DECIMAL_OUT_OF_RANGE:
        return out_of_range(ctx, column, text.ptr[0] == '-',
                            text.ptr[0] == '-' ? "-99999999999999.9999" : "99999999999999.9999");
    case MC_DECIMAL_TOO_PRECISE:
        mc_ctx_field_error(ctx, column->name, MC_STR("scale"), MC_STR("{\"scale\":4}"),
                           "%.*s: has more than %d decimal places", MC_FMT(column->label),
                           MC_DECIMAL_SCALE);
        return MC_REJECTED;
    case MC_DECIMAL_NO_MEMORY:
        return MC_NO_MEMORY;
    case MC_DECIMAL_MALFORMED:
        break;
    }
    return wrong_type(ctx, column);
}

static mc_code json_value(mc_ctx *ctx, const mc_json *value, mc_db_value *out)
{
    mc_buf text;

    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_json_write(&text, value);
    if (mc_buf_failed(&text))
        return MC_NO_MEMORY;
    out->kind = MC_DB_JSON;
    out->as.text = mc_buf_get(&text);
    return MC_OK;
}

static bool is_text(const mc_column *column)
{
    return column->type == MC_COL_STRING || column->type == MC_COL_TEXT;
}

/* Text that stands for something else: keys, days, instants. */
static mc_code parsed_value(mc_ctx *ctx, const mc_column *column, mc_str text, mc_db_value *out)
{
    bool is_read = column->type == MC_COL_UUID || column->type == MC_COL_TIMESTAMP ||
                   column->type == MC_COL_DATE;

    if (is_read && mc_query_value(ctx->arena, column, text, out))
        return MC_OK;
    return wrong_type(ctx, column);
}

mc_code mc__dynamic_value(mc_ctx *ctx, const mc_column *column, const mc_json *value,
                          mc_db_value *out)
{
    /* Untouched fields of a form come as empty strings: nothing, for all that is not text. */
    bool is_empty = value->kind == MC_JSON_STRING && value->as.string.len == 0;

    if (value->kind == MC_JSON_NULL ||
        (is_empty && !is_text(column) && column->type != MC_COL_JSON)) {
        *out = mc_db_null();
        return MC_OK;
    }
    switch (column->type) {
    case MC_COL_STRING:
    case MC_COL_TEXT:
        if (value->kind != MC_JSON_STRING)
            return wrong_type(ctx, column);
        *out = mc_db_text(value->as.string);
        return MC_OK;
    case MC_COL_INT:
    case MC_COL_BIGINT:
        return int_value(ctx, column, value, out);
    case MC_COL_DECIMAL:
        return decimal_value(ctx, column, value, out);
    case MC_COL_BOOL:
        if (value->kind != MC_JSON_BOOL)
            return wrong_type(ctx, column);
        *out = mc_db_bool(value->as.boolean);
        return MC_OK;
    case MC_COL_JSON:
        return json_value(ctx, value, out);
    default:
        if (value->kind != MC_JSON_STRING)
            return wrong_type(ctx, column);
        return parsed_value(ctx, column, value->as.string, out);
    }
}
