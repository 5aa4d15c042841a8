/* SPDX-License-Identifier: Apache-2.0 */
/* One filter: its operator, its values, its SQL. */
#include "metacore/query/query_internal.h"

#include "metacore/base/utf8.h"

typedef enum operator{
    OP_EQ,
    OP_CONTAINS,
    OP_IN,
    OP_NOT_IN,
    OP_GT,
    OP_GTE,
    OP_LT,
    OP_LTE,
    OP_RANGE,
    OP_NULL,
    OP_NOT_NULL
}
operator;

static const struct {
    mc_str name;
    operator op;
} ops[] = {
    {MC_STR_INIT("eq"), OP_EQ},
    {MC_STR_INIT("ilike"), OP_CONTAINS},
    {MC_STR_INIT("like"), OP_CONTAINS},
    {MC_STR_INIT("contains"), OP_CONTAINS},
    {MC_STR_INIT("in"), OP_IN},
    {MC_STR_INIT("not_in"), OP_NOT_IN},
    {MC_STR_INIT("gt"), OP_GT},
    {MC_STR_INIT("gte"), OP_GTE},
    {MC_STR_INIT("lt"), OP_LT},
    {MC_STR_INIT("lte"), OP_LTE},
    {MC_STR_INIT("range"), OP_RANGE},
    {MC_STR_INIT("null"), OP_NULL},
    {MC_STR_INIT("not_null"), OP_NOT_NULL},
};

/* Only a known operator before the first ':' is one: "12:30" is a value. */
static operator take_op(mc_str *value)
{
    size_t colon = mc_str_find_char(*value, 0, ':');

    for (size_t i = 0; i < MC_LEN(ops) && colon < value->len; i++) {
        if (mc_str_eq_nocase(mc_str_slice(*value, 0, colon), ops[i].name)) {
            *value = mc_str_slice(*value, colon + 1, value->len);
            return ops[i].op;
        }
    }
    return OP_EQ;
}

mc_code mc__query_arg(mc__query_builder *b, mc_db_value value, mc_err *err)
{
    if (b->out.arg_count == MC_QUERY_ARGS_MAX)
        return mc_fail(err, MC_INVALID, "the list has too many filter values");
    b->args[b->out.arg_count++] = value;
    mc_buf_char(&b->where, '$');
    mc_buf_u64(&b->where, b->out.arg_count);
    return MC_OK;
}

static mc_code mismatch(const mc_column *column, mc_str text, mc_err *err)
{
    return mc_fail(err, MC_INVALID, "f_%.*s: \"%.*s\" does not fit the column",
                   MC_FMT(column->name), MC_FMT(mc_utf8_truncate(text, 64)));
}

/* ---- containing ---- */

/* For ILIKE: '%', '_' and '\' mean themselves. */
static mc_str like_pattern(mc_arena *arena, mc_str text)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_char(&out, '%');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' || text.ptr[i] == '_' || text.ptr[i] == '\\')
            mc_buf_char(&out, '\\');
        mc_buf_char(&out, text.ptr[i]);
    }
    mc_buf_char(&out, '%');
    return mc_buf_failed(&out) ? (mc_str){NULL, 0} : mc_buf_get(&out);
}

mc_code mc_query_contains(mc_arena *arena, mc_db_dialect dialect, mc_str expression, mc_str text,
                          size_t number, mc_buf *out, mc_db_value *out_arg, mc_err *err)
{
    mc_str pattern = text;

    if (dialect == MC_DB_SQLITE) {
        mc_buf_lit(out, "mc_contains(");
        mc_buf_str(out, expression);
        mc_buf_printf(out, ", $%zu)", number);
    } else {
        pattern = like_pattern(arena, text);
        if (!pattern.ptr)
            return mc_fail(err, MC_NO_MEMORY, "list");
        mc_buf_str(out, expression);
        /* Whatever the database's own locale: it may know no more letters than ASCII's. */
        mc_buf_printf(out, "::text COLLATE \"und-x-icu\" ILIKE $%zu", number);
    }
    *out_arg = mc_db_text(pattern);
    return MC_OK;
}

mc_code mc__query_contains(mc__query_builder *b, const mc_column *column, mc_str text, mc_err *err)
{
    mc_buf name;

    if (b->out.arg_count == MC_QUERY_ARGS_MAX)
        return mc_fail(err, MC_INVALID, "the list has too many filter values");
    mc_buf_init_arena(&name, b->ctx->arena, 0);
    mc_buf_sql_ident(&name, column->name);
    if (mc_buf_failed(&name))
        return mc_fail(err, MC_NO_MEMORY, "list");
    b->out.arg_count++;
    return mc_query_contains(b->ctx->arena, b->dialect, mc_buf_get(&name), text, b->out.arg_count,
                             &b->where, &b->args[b->out.arg_count - 1], err);
}

/* ---- comparing ---- */

static mc_code compare(mc__query_builder *b, const mc_column *column, const char *sign,
                       mc_db_value value, mc_err *err)
{
    mc_buf_sql_ident(&b->where, column->name);
    mc_buf_str(&b->where, mc_z(sign));
    return mc__query_arg(b, value, err);
}

static bool is_text(const mc_column *column)
{
    return column->type == MC_COL_STRING || column->type == MC_COL_TEXT;
}

static bool is_whole_day(const mc_column *column, mc_str text)
{
    return column->type == MC_COL_TIMESTAMP && text.len == MC_DATE_TEXT_LEN;
}

/* A day stands for all its instants: "until the 20th" includes the 20th. */
static mc_code compare_text(mc__query_builder *b, const mc_column *column, operator op, mc_str text,
                            mc_err *err)
{
    static const char *const signs[] = {
        [OP_EQ] = " = ", [OP_GT] = " > ", [OP_GTE] = " >= ", [OP_LT] = " < ", [OP_LTE] = " <= "};
    mc_db_value value;
    mc_code rc;

    if (!is_text(column))
        text = mc_str_trim(text);
    if (!mc_query_value(b->ctx->arena, column, text, &value))
        return mismatch(column, text, err);
    if (!is_whole_day(column, text))
        return compare(b, column, signs[op], value, err);
    if (op == OP_EQ) {
        rc = compare(b, column, " >= ", value, err);
        mc_buf_lit(&b->where, " AND ");
        value.as.time += MC_TIME_US_PER_DAY;
        return rc == MC_OK ? compare(b, column, " < ", value, err) : rc;
    }
    if (op == OP_LTE || op == OP_GT)
        value.as.time += MC_TIME_US_PER_DAY;
    return compare(b, column, op == OP_LTE || op == OP_LT ? " < " : " >= ", value, err);
}

static mc_code between(mc__query_builder *b, const mc_column *column, mc_str low, mc_str high,
                       mc_err *err)
{
    mc_code rc = MC_OK;

    low = mc_str_trim(low);
    high = mc_str_trim(high);
    if (low.len == 0 && high.len == 0)
        return mc_fail(err, MC_INVALID, "f_%.*s: an empty range", MC_FMT(column->name));
    if (low.len)
        rc = compare_text(b, column, OP_GTE, low, err);
    if (rc == MC_OK && low.len && high.len)
        mc_buf_lit(&b->where, " AND ");
    if (rc == MC_OK && high.len)
        rc = compare_text(b, column, OP_LTE, high, err);
    return rc;
}

static mc_code range(mc__query_builder *b, const mc_column *column, mc_str value, mc_err *err)
{
    size_t at = mc_str_find_char(value, 0, '|');

    if (at == value.len)
        at = mc_str_find_char(value, 0, ',');
    return between(b, column, mc_str_slice(value, 0, at), mc_str_slice(value, at + 1, value.len),
                   err);
}

static mc_code write_item(mc__query_builder *b, const mc_column *column, mc_str item, size_t count,
                          mc_err *err)
{
    mc_db_value value;

    if (count == MC_QUERY_IN_MAX)
        return mc_fail(err, MC_INVALID, "f_%.*s: more than %d values", MC_FMT(column->name),
                       MC_QUERY_IN_MAX);
    if (column->type == MC_COL_TIMESTAMP) { /* a day is a range */
        mc_code rc;

        mc_buf_str(&b->where, count ? MC_STR(" OR (") : MC_STR("("));
        rc = compare_text(b, column, OP_EQ, item, err);
        mc_buf_char(&b->where, ')');
        return rc;
    }
    if (!mc_query_value(b->ctx->arena, column, item, &value))
        return mismatch(column, item, err);
    if (count)
        mc_buf_lit(&b->where, ", ");
    return mc__query_arg(b, value, err);
}

static mc_code one_of(mc__query_builder *b, const mc_column *column, bool is_negated, mc_str list,
                      mc_err *err)
{
    size_t count = 0;
    mc_str item;
    mc_code rc = MC_OK;

    if (column->type == MC_COL_TIMESTAMP) {
        mc_buf_str(&b->where, is_negated ? MC_STR("NOT (") : MC_STR("("));
    } else {
        mc_buf_sql_ident(&b->where, column->name);
        mc_buf_str(&b->where, is_negated ? MC_STR(" NOT IN (") : MC_STR(" IN ("));
    }
    while (rc == MC_OK && mc_str_split(&list, ',', &item)) {
        item = mc_str_trim(item);
        if (item.len)
            rc = write_item(b, column, item, count++, err);
    }
    mc_buf_char(&b->where, ')');
    if (rc == MC_OK && count == 0)
        return mc_fail(err, MC_INVALID, "f_%.*s: an empty list", MC_FMT(column->name));
    return rc;
}

static bool is_moment(mc_str text)
{
    mc_time t;

    return mc_date_parse(text, &t) || mc_time_parse(text, &t);
}

/* "2026-11-10_2026-11-20", as the browser's calendar sends it; either side may be open. */
static bool split_days(const mc_column *column, mc_str value, mc_str *low, mc_str *high)
{
    size_t at = mc_str_find_char(value, 0, '_');

    if ((column->type != MC_COL_TIMESTAMP && column->type != MC_COL_DATE) || at == value.len)
        return false;
    *low = mc_str_slice(value, 0, at);
    *high = mc_str_slice(value, at + 1, value.len);
    return (low->len == 0 || is_moment(*low)) && (high->len == 0 || is_moment(*high));
}

mc_code mc__query_filter(mc__query_builder *b, const mc_column *column, mc_str value, mc_err *err)
{
    mc_str low, high;
    operator which = take_op(&value);
    bool is_null = which == OP_NULL || which == OP_NOT_NULL;

    if (value.len == 0 && !is_null && which != OP_IN && which != OP_NOT_IN && which != OP_RANGE)
        return MC_OK; /* "eq:" with nothing to compare to: no filter, as a cleared field sends it */
    if (is_null && value.len)
        return mc_fail(err, MC_INVALID, "f_%.*s: nothing may follow null:", MC_FMT(column->name));
    mc_buf_lit(&b->where, " AND ");
    if (which == OP_EQ && split_days(column, value, &low, &high))
        return between(b, column, low, high, err);
    switch (which) {
    case OP_NULL:
    case OP_NOT_NULL:
        mc_buf_sql_ident(&b->where, column->name);
        mc_buf_str(&b->where, which == OP_NULL ? MC_STR(" IS NULL") : MC_STR(" IS NOT NULL"));
        return MC_OK;
    case OP_CONTAINS:
        return mc__query_contains(b, column, value, err);
    case OP_IN:
    case OP_NOT_IN:
        return one_of(b, column, which == OP_NOT_IN, value, err);
    case OP_RANGE:
        return range(b, column, value, err);
    default:
        return compare_text(b, column, which, value, err);
    }
}
