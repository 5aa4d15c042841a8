/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters as assistants send them: often as text, often with blanks around it. */
#include "metacore/base/decimal.h"
#include "metacore/base/time.h"
#include "metacore/base/utf8.h"
#include "metacore/manifest/pattern.h"
#include "metacore/tool/tool.h"

#define QUOTED_BYTES_MAX 120

typedef struct param {
    mc_str name, type, normalize, validation, fallback;
    bool is_required;
} param;

typedef struct reading {
    mc_arena *arena;
    mc_buf *out;
    mc_buf problems;
    size_t written, problem_count;
} reading;

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return text;
}

static param read_param(const mc_json *json)
{
    param p = {.name = text_of(json, "name"),
               .type = mc_str_trim(text_of(json, "type")),
               .normalize = text_of(json, "normalize"),
               .validation = text_of(json, "validation"),
               .fallback = text_of(json, "default_value")};

    (void)mc_json_get_bool(mc_json_find_nocase(json, MC_STR("required")), &p.is_required);
    return p;
}

/* ---- problems ---- */

static void begin_problem(reading *r, const param *p)
{
    mc_buf_str(&r->problems, r->problem_count++ ? MC_STR("; ") : MC_STR("invalid params: "));
    mc_buf_str(&r->problems, p->name);
    mc_buf_lit(&r->problems, ": ");
}

static bool refuse(reading *r, const param *p, const char *why)
{
    begin_problem(r, p);
    mc_buf_str(&r->problems, mc_z(why));
    return false;
}

/* "why "value"", what is hidden in it escaped. */
static bool refuse_value(reading *r, const param *p, const char *why, mc_str value)
{
    begin_problem(r, p);
    mc_buf_printf(&r->problems, "%s \"", why);
    value = mc_utf8_truncate(value, QUOTED_BYTES_MAX);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c == '"' || c == '\\')
            mc_buf_printf(&r->problems, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            mc_buf_printf(&r->problems, "\\x%02x", c);
        else
            mc_buf_char(&r->problems, (char)c);
    }
    mc_buf_char(&r->problems, '"');
    return false;
}

/* ---- one value ---- */

/* As text; what is absent, null or blank is empty. */
static mc_str stringify(reading *r, const mc_json *value)
{
    mc_buf text;
    mc_str plain;

    if (!value || value->kind == MC_JSON_NULL)
        return MC_STR("");
    if (mc_json_get_str(value, &plain))
        return mc_str_trim(plain);
    mc_buf_init_arena(&text, r->arena, 0);
    mc_json_write(&text, value);
    return mc_buf_failed(&text) ? (mc_str){NULL, 1} : mc_buf_get(&text);
}

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static mc_str normalize(reading *r, mc_str how, mc_str text)
{
    bool is_upper = mc_str_eq(how, MC_STR("uppercase")) || mc_str_eq(how, MC_STR("order_id"));
    bool is_lower = mc_str_eq(how, MC_STR("lowercase"));
    bool is_bare = mc_str_eq(how, MC_STR("order_id"));
    bool is_plain = mc_str_eq(how, MC_STR("alphanumeric"));
    char *to = mc_arena_alloc(r->arena, text.len + 1);
    size_t len = 0;

    if (!to)
        return (mc_str){NULL, 1};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if ((is_bare && is_blank(c)) || (is_plain && !is_alphanumeric(c)))
            continue;
        to[len++] = is_upper ? upper(c) : is_lower ? lower(c) : c;
    }
    return mc_str_of(to, len);
}

/* ^[^@\s]+@[^@\s]+\.[^@\s]+$ */
static bool is_email(mc_str text)
{
    size_t at = mc_str_find_char(text, 0, '@'), dot = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (is_blank(text.ptr[i]) || (text.ptr[i] == '@' && i != at))
            return false;
        if (text.ptr[i] == '.' && i > at + 1 && i + 1 < text.len)
            dot = i;
    }
    return at > 0 && at < text.len && dot > 0;
}

/* ^\+?[0-9\s\-()]{6,}$ */
static bool is_phone(mc_str text)
{
    size_t from = text.len && text.ptr[0] == '+';

    for (size_t i = from; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= '0' && c <= '9') && !is_blank(c) && c != '-' && c != '(' && c != ')')
            return false;
    }
    return text.len - from >= 6;
}

static bool is_date(mc_str text)
{
    mc_time ignored;

    return mc_date_parse(text, &ignored) || mc_time_parse(text, &ignored);
}

/* What Go's ParseBool takes. */
static bool read_boolean(mc_str text, bool *out)
{
    static const char *const words[] = {"1", "t",     "T", "TRUE",  "true",  "True",
                                        "0", "false", "f", "FALSE", "False", "F"};

    for (size_t i = 0; i < MC_LEN(words); i++) {
        if (mc_str_eq(text, mc_z(words[i]))) {
            *out = i < 6;
            return true;
        }
    }
    return false;
}

/* JSON's numbers, and what people write beside: a plus, leading zeros, a bare point. */
static bool read_number(reading *r, mc_str text, mc_str *out)
{
    size_t sign = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+');
    mc_str digits = mc_str_slice(text, sign, text.len), whole;

    while (digits.len > 1 && digits.ptr[0] == '0' && digits.ptr[1] >= '0' && digits.ptr[1] <= '9')
        digits = mc_str_slice(digits, 1, digits.len);
    whole = mc_str_printf(r->arena, "%s%s%.*s%s", sign && text.ptr[0] == '-' ? "-" : "",
                          digits.len && digits.ptr[0] == '.' ? "0" : "", MC_FMT(digits),
                          digits.len > 1 && mc_str_ends_with(digits, MC_STR(".")) ? "0" : "");
    return mc_decimal_parse(r->arena, whole, 0, 0, out) == MC_DECIMAL_OK;
}

/* ---- one parameter ---- */

static void begin_value(reading *r, const param *p)
{
    if (r->written++)
        mc_buf_char(r->out, ',');
    mc_json_write_str(r->out, p->name);
    mc_buf_char(r->out, ':');
}

static bool take_number(reading *r, const param *p, mc_str text)
{
    mc_str number;

    if (!read_number(r, text, &number))
        return refuse_value(r, p, "expected number, got", text);
    begin_value(r, p);
    mc_buf_str(r->out, number);
    return true;
}

static bool take_boolean(reading *r, const param *p, mc_str text)
{
    bool value;

    if (!read_boolean(text, &value))
        return refuse_value(r, p, "expected boolean, got", text);
    begin_value(r, p);
    mc_buf_str(r->out, value ? MC_STR("true") : MC_STR("false"));
    return true;
}

static bool take_text(reading *r, const param *p, mc_str text)
{
    if (mc_str_eq(p->type, MC_STR("date")) && !is_date(text))
        return refuse_value(r, p, "expected RFC3339 or YYYY-MM-DD date, got", text);
    if (mc_str_eq(p->type, MC_STR("email")) && !is_email(text))
        return refuse_value(r, p, "invalid email", text);
    if (mc_str_eq(p->type, MC_STR("phone")) && !is_phone(text))
        return refuse_value(r, p, "invalid phone", text);
    begin_value(r, p);
    mc_json_write_str(r->out, text);
    return true;
}

static bool fits(reading *r, const param *p, mc_str text)
{
    bool is_found = true;
    mc_err why;
    mc_code rc =
        p->validation.len ? mc_pattern_search(p->validation, text, &is_found, &why) : MC_OK;

    if (rc == MC_OK)
        return is_found || refuse(r, p, "does not match pattern");
    begin_problem(r, p);
    mc_buf_printf(&r->problems, "invalid validation regex: %s", why.msg);
    return false;
}

static mc_code take(reading *r, const param *p, const mc_json *value, mc_err *err)
{
    mc_str text = stringify(r, value);

    if (text.len == 0)
        text = mc_str_trim(p->fallback);
    if (text.len == 0 && p->is_required)
        (void)refuse(r, p, "required");
    if (text.ptr && text.len && p->normalize.len)
        text = normalize(r, p->normalize, text);
    if (!text.ptr && text.len)
        return mc_fail(err, MC_NO_MEMORY, "tool");
    if (text.len == 0 || !fits(r, p, text))
        return MC_OK;
    if (mc_str_eq(p->type, MC_STR("number")))
        (void)take_number(r, p, text); /* what it refused is noted */
    else if (mc_str_eq(p->type, MC_STR("boolean")))
        (void)take_boolean(r, p, text);
    else
        (void)take_text(r, p, text);
    return MC_OK;
}

mc_code mc_tool_read_input(const mc_tool *tool, mc_arena *arena, const mc_json *given, mc_buf *out,
                           mc_str *out_problems, mc_err *err)
{
    reading r = {.arena = arena, .out = out};
    size_t count = tool->params ? tool->params->as.array.count : 0;
    mc_code rc = MC_OK;

    if (count > MC_TOOL_PARAMS_MAX)
        return mc_fail(err, MC_LIMIT, "tool: more than %d parameters", MC_TOOL_PARAMS_MAX);
    mc_buf_init_arena(&r.problems, arena, 0);
    mc_buf_char(out, '{');
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        param p = read_param(tool->params->as.array.items[i]);

        rc = take(&r, &p, mc_json_find(given, p.name), err);
    }
    mc_buf_char(out, '}');
    if (rc == MC_OK)
        rc = mc_buf_check(&r.problems, "tool", err);
    if (rc == MC_OK && r.problem_count) {
        *out_problems = mc_buf_get(&r.problems);
        return mc_fail(err, MC_REJECTED, "invalid params");
    }
    return rc == MC_OK ? mc_buf_check(out, "tool", err) : rc;
}
