/* SPDX-License-Identifier: Apache-2.0 */
/* Rules from a column and from its form field, compiled once. */
#include "metacore/modelbase/modelbase_internal.h"

#include "metacore/base/decimal.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KIB 1024
/* As RE2: '$' is the very end, not also before a last line break; no bytes inside characters. */
#define OPTIONS (PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

static mc_code no_memory(mc_err *err)
{
    return mc_fail(err, MC_NO_MEMORY, "model");
}

/* ---- patterns ---- */

static mc_code set_regex(mc__model *self, mc_str pattern, mc_column *column, mc_err *err)
{
    PCRE2_SIZE offset;
    int code;

    if (pattern.len == 0 || column->rules.regex)
        return MC_OK;
    column->rules.regex_source = mc_str_copy(self->arena, pattern);
    column->rules.regex =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, OPTIONS, &code, &offset, NULL);
    if (!column->rules.regex)
        return mc_fail(err, MC_INVALID, "model %.*s, column %.*s: the regex does not compile",
                       MC_FMT(self->model.key), MC_FMT(column->name));
    return MC_OK;
}

void mc__model_rules_free(mc_column *column)
{
    pcre2_code_free((pcre2_code *)column->rules.regex);
    column->rules.regex = NULL;
}

bool mc_column_regex_matches(const mc_column *column, mc_str text)
{
    const pcre2_code *code = column->rules.regex;
    pcre2_match_context *limits;
    pcre2_match_data *data;
    int rc = PCRE2_ERROR_NOMATCH;

    if (!code)
        return true;
    data = pcre2_match_data_create(1, NULL);
    limits = pcre2_match_context_create(NULL);
    if (data && limits) {
        (void)pcre2_set_match_limit(limits, MATCH_LIMIT); /* these cannot fail */
        (void)pcre2_set_depth_limit(limits, DEPTH_LIMIT);
        (void)pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
        rc =
            pcre2_match(code, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0, data, limits);
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    return rc >= 0;
}

/* ---- limits ---- */

static void set_limit(mc__model *self, mc_str text, mc_str *out)
{
    mc_str plain;

    if (text.len && out->len == 0 &&
        mc_decimal_parse(self->arena, text, 0, 0, &plain) == MC_DECIMAL_OK)
        *out = plain;
}

static mc_str number_text(const mc_json *value)
{
    return value && value->kind == MC_JSON_NUMBER   ? value->as.number
           : value && value->kind == MC_JSON_STRING ? value->as.string
                                                    : MC_STR("");
}

/* ---- rule strings: "required|min:3|max:9|email|in:a,b|regex:…" ---- */

static void add_options(mc__model *self, mc_str list, mc_column *column)
{
    mc_option *options;
    size_t count = 0;
    mc_str item;

    for (size_t i = 0; i <= list.len; i++)
        count += i == list.len || list.ptr[i] == ',';
    options = mc_arena_array(self->arena, mc_option, count);
    if (!options || column->rules.option_count)
        return;
    count = 0;
    while (mc_str_split(&list, ',', &item)) {
        item = mc_str_copy(self->arena, mc_str_trim(item));
        options[count++] = (mc_option){item, item};
    }
    column->rules.options = options;
    column->rules.option_count = count;
}

static bool set_format(mc_str name, mc_column *column)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } formats[] = {{"email", MC_RULE_EMAIL},
                   {"url", MC_RULE_URL},
                   {"uuid", MC_RULE_UUID},
                   {"numeric", MC_RULE_NUMERIC},
                   {"integer", MC_RULE_INTEGER}};

    for (size_t i = 0; i < MC_LEN(formats); i++) {
        if (mc_str_eq_nocase(name, mc_z(formats[i].name))) {
            column->rules.formats |= formats[i].bit;
            return true;
        }
    }
    return false;
}

static mc_code one_rule(mc__model *self, mc_str rule, mc_column *column, mc_err *err)
{
    size_t at = mc_str_find_char(rule, 0, ':');
    size_t equals = mc_str_find_char(rule, 0, '=');
    mc_str name, value;

    at = equals < at ? equals : at;
    name = mc_str_trim(mc_str_slice(rule, 0, at));
    value = mc_str_slice(rule, at + 1, rule.len);
    if (mc_str_eq_nocase(name, MC_STR("required")))
        column->rules.required = true;
    else if (mc_str_eq_nocase(name, MC_STR("min")))
        set_limit(self, mc_str_trim(value), &column->rules.min);
    else if (mc_str_eq_nocase(name, MC_STR("max")))
        set_limit(self, mc_str_trim(value), &column->rules.max);
    else if (mc_str_eq_nocase(name, MC_STR("in")))
        add_options(self, value, column);
    else if (mc_str_eq_nocase(name, MC_STR("regex")))
        return set_regex(self, value, column, err);
    else
        (void)set_format(name, column); /* others are the form's own, "$org.…" among them */
    return MC_OK;
}

static mc_code rule_string(mc__model *self, mc_str text, mc_column *column, mc_err *err)
{
    char separator = mc_str_find_char(text, 0, '|') < text.len ? '|' : ',';
    mc_code rc = MC_OK;
    mc_str rule;

    /* One rule alone may hold commas of its own: "in:a,b", "regex:^a{1,3}$". */
    if (separator == ',' &&
        (mc_str_starts_with(text, MC_STR("in:")) || mc_str_starts_with(text, MC_STR("regex:"))))
        return one_rule(self, text, column, err);
    while (rc == MC_OK && mc_str_split(&text, separator, &rule)) {
        /* What follows "regex:" is the pattern, separators included. */
        if (mc_str_starts_with(rule, MC_STR("regex:")) && text.len) {
            rule.len += 1 + text.len;
            text.len = 0;
        }
        rc = one_rule(self, rule, column, err);
    }
    return rc;
}

static mc_code field_rules(mc__model *self, const mc_json *field, mc_column *column, mc_err *err)
{
    const mc_json *validation = mc_json_find(field, MC_STR("validation"));
    bool required = false;

    if (mc_json_get_bool(mc_json_find(field, MC_STR("required")), &required) && required)
        column->rules.required = true;
    if (!validation)
        return MC_OK;
    if (validation->kind == MC_JSON_STRING)
        return rule_string(self, validation->as.string, column, err);
    set_limit(self, number_text(mc_json_find(validation, MC_STR("min"))), &column->rules.min);
    set_limit(self, number_text(mc_json_find(validation, MC_STR("max"))), &column->rules.max);
    return set_regex(self, mc__meta_str(validation, "regex"), column, err);
}

/* ---- options ---- */

static mc_str option_text(mc_arena *arena, const mc_json *value)
{
    mc_buf out;

    if (!value)
        return MC_STR("");
    if (value->kind == MC_JSON_STRING)
        return mc_str_copy(arena, value->as.string);
    mc_buf_init_arena(&out, arena, 0);
    mc_json_write(&out, value);
    return mc_buf_get(&out);
}

static mc_code set_options(mc__model *self, const mc_json *owner, mc_column *column, mc_err *err)
{
    const mc_json *list = mc_json_find(owner, MC_STR("options"));
    mc_option *options;

    if (!list || list->kind != MC_JSON_ARRAY || list->as.array.count == 0 ||
        column->rules.option_count)
        return MC_OK;
    options = mc_arena_array(self->arena, mc_option, list->as.array.count);
    if (!options)
        return no_memory(err);
    for (size_t i = 0; i < list->as.array.count; i++) {
        const mc_json *option = list->as.array.items[i];
        const mc_json *value =
            option->kind == MC_JSON_OBJECT ? mc_json_find(option, MC_STR("value")) : option;

        options[i].value = option_text(self->arena, value);
        options[i].label = mc_str_copy(self->arena, mc__meta_str(option, "label"));
    }
    column->rules.options = options;
    column->rules.option_count = list->as.array.count;
    return MC_OK;
}

mc_code mc__model_rules(mc__model *self, const mc_column_def *def, const mc_json *field,
                        const mc_json *table_column, mc_column *column, mc_err *err)
{
    mc_code rc;

    column->rules.required = def->required;
    if (column->type == MC_COL_STRING)
        column->rules.size_max = column->size;
    set_limit(self, def->min, &column->rules.min);
    set_limit(self, def->max, &column->rules.max);
    rc = set_regex(self, def->regex, column, err);
    if (rc == MC_OK)
        rc = field_rules(self, field, column, err);
    if (rc == MC_OK)
        rc = set_options(self, field, column, err);
    if (rc == MC_OK)
        rc = set_options(self, table_column, column, err);
    return rc;
}
