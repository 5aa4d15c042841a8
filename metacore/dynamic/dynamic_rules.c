/* SPDX-License-Identifier: Apache-2.0 */
/* What a value must keep, from its column and its form field. */
#include "metacore/base/decimal.h"
#include "metacore/base/utf8.h"
#include "metacore/dynamic/dynamic_internal.h"

static bool is_text(const mc_db_value *value)
{
    return value->kind == MC_DB_TEXT;
}

static bool is_number(const mc_db_value *value)
{
    return value->kind == MC_DB_INT || value->kind == MC_DB_DECIMAL;
}

static void broken(mc_ctx *ctx, const mc_column *column, const char *code, mc_str params,
                   const char *what)
{
    mc_ctx_field_error(ctx, column->name, mc_z(code), params, "%.*s %s", MC_FMT(column->label),
                       what);
}

/* ---- sizes ---- */

/* What min and max are held against: a number's value, a text's characters. */
static mc_str measure(mc_ctx *ctx, const mc_db_value *value)
{
    if (value->kind == MC_DB_DECIMAL)
        return value->as.text;
    if (value->kind == MC_DB_INT)
        return mc_str_printf(ctx->arena, "%lld", (long long)value->as.integer);
    return mc_str_printf(ctx->arena, "%zu", mc_utf8_count(value->as.text));
}

static void check_limits(mc_ctx *ctx, const mc_column *column, const mc_db_value *value)
{
    const mc_column_rules *rules = &column->rules;
    const char *kind = is_text(value) ? ",\"kind\":\"length\"" : "";
    const char *unit = is_text(value) ? " characters" : "";
    mc_str size;

    if ((!is_text(value) && !is_number(value)) || (rules->min.len == 0 && rules->max.len == 0))
        return;
    size = measure(ctx, value);
    if (rules->min.len && mc_decimal_cmp(size, rules->min) < 0)
        mc_ctx_field_error(ctx, column->name, MC_STR("min"),
                           mc_str_printf(ctx->arena, "{\"min\":%.*s%s}", MC_FMT(rules->min), kind),
                           "%.*s must be at least %.*s%s", MC_FMT(column->label),
                           MC_FMT(rules->min), unit);
    if (rules->max.len && mc_decimal_cmp(size, rules->max) > 0)
        mc_ctx_field_error(ctx, column->name, MC_STR("max"),
                           mc_str_printf(ctx->arena, "{\"max\":%.*s%s}", MC_FMT(rules->max), kind),
                           "%.*s must be at most %.*s%s", MC_FMT(column->label), MC_FMT(rules->max),
                           unit);
}

static void check_size(mc_ctx *ctx, const mc_column *column, const mc_db_value *value)
{
    size_t max = column->rules.size_max;

    if (!is_text(value) || max == 0 || mc_utf8_count(value->as.text) <= max)
        return;
    mc_ctx_field_error(ctx, column->name, MC_STR("max"),
                       mc_str_printf(ctx->arena, "{\"max\":%zu,\"kind\":\"length\"}", max),
                       "%.*s must be at most %zu characters", MC_FMT(column->label), max);
}

/* ---- shapes ---- */

/* One '@', something before it, a dotted domain after it, no space. */
static bool is_email(mc_str text)
{
    size_t at = mc_str_find_char(text, 0, '@');
    mc_str domain = mc_str_slice(text, at + 1, text.len);
    size_t dot = mc_str_find_char(domain, 0, '.');

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ')
            return false;
    }
    return at > 0 && at < text.len && mc_str_find_char(domain, 0, '@') == domain.len && dot > 0 &&
           dot + 1 < domain.len;
}

static bool is_url(mc_str text)
{
    size_t scheme = mc_str_starts_with(text, MC_STR("https://"))  ? 8
                    : mc_str_starts_with(text, MC_STR("http://")) ? 7
                                                                  : 0;

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ')
            return false;
    }
    return scheme > 0 && text.len > scheme && text.ptr[scheme] != '/';
}

static bool is_decimal(mc_ctx *ctx, mc_str text, uint32_t scale)
{
    mc_str plain;

    return mc_decimal_parse(ctx->arena, text, MC_DECIMAL_DIGITS_MAX, scale, &plain) ==
           MC_DECIMAL_OK;
}

static void check_shapes(mc_ctx *ctx, const mc_column *column, mc_str text)
{
    const mc_column_rules *rules = &column->rules;
    mc_uuid id;

    if (text.len == 0)
        return; /* whether it may be empty is another rule */
    if ((rules->formats & MC_RULE_EMAIL) && !is_email(text))
        broken(ctx, column, "email", MC_STR(""), "is no e-mail address");
    if ((rules->formats & MC_RULE_URL) && !is_url(text))
        broken(ctx, column, "url", MC_STR(""), "is no http(s) address");
    if ((rules->formats & MC_RULE_UUID) && !mc_uuid_parse(text, &id))
        broken(ctx, column, "uuid", MC_STR(""), "is no UUID");
    if ((rules->formats & MC_RULE_NUMERIC) && !is_decimal(ctx, text, MC_DECIMAL_DIGITS_MAX / 2))
        broken(ctx, column, "numeric", MC_STR(""), "is no number");
    if ((rules->formats & MC_RULE_INTEGER) && !is_decimal(ctx, text, 0))
        broken(ctx, column, "integer", MC_STR(""), "is no whole number");
    if (rules->regex && !mc_column_regex_matches(column, text))
        broken(ctx, column, "regex", MC_STR(""), "does not have the expected form");
}

/* ---- options ---- */

static mc_str as_option(mc_ctx *ctx, const mc_db_value *value)
{
    switch (value->kind) {
    case MC_DB_TEXT:
    case MC_DB_DECIMAL:
        return value->as.text;
    case MC_DB_BOOL:
        return value->as.boolean ? MC_STR("true") : MC_STR("false");
    case MC_DB_INT:
        return mc_str_printf(ctx->arena, "%lld", (long long)value->as.integer);
    default:
        return MC_STR("");
    }
}

static void check_options(mc_ctx *ctx, const mc_column *column, const mc_db_value *value)
{
    mc_str text = as_option(ctx, value);

    if (column->rules.option_count == 0 || (text.len == 0 && column->is_nullable))
        return;
    for (size_t i = 0; i < column->rules.option_count; i++) {
        if (mc_str_eq(column->rules.options[i].value, text))
            return;
    }
    broken(ctx, column, "invalid_option", MC_STR(""), "is none of the options");
}

mc_code mc__dynamic_check_rules(mc_ctx *ctx, const mc_column *column, const mc_db_value *value)
{
    size_t before = ctx->field_error_count;

    if (value->kind == MC_DB_NULL)
        return MC_OK;
    check_size(ctx, column, value);
    check_limits(ctx, column, value);
    if (is_text(value))
        check_shapes(ctx, column, value->as.text);
    check_options(ctx, column, value);
    return ctx->field_error_count > before ? MC_REJECTED : MC_OK;
}

mc_code mc__dynamic_field_failure(const mc_ctx *ctx, mc_code rc, mc_err *err)
{
    if (ctx->field_error_count == 0)
        return mc_fail(err, rc, "the values were refused");
    return mc_fail(err, rc, "%.*s", MC_FMT(ctx->field_errors[0].message));
}
