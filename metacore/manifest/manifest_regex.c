/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of the RE2 dialect, compiled by PCRE2: what RE2 does not have is refused before. Without
 * backreferences, assertions and recursion a pattern means the same in both. */
#include "metacore/manifest/manifest_internal.h"
#include "metacore/manifest/pattern.h"

#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define REPEAT_MAX 1000 /* RE2's */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KIB 1024

typedef struct scanner {
    mc_str pattern;
    size_t at;
    char *why; /* MC__REGEX_WHY_BYTES */
} scanner;

static bool refuse(scanner *s, const char *what, size_t from, size_t to)
{
    (void)snprintf(s->why, MC__REGEX_WHY_BYTES, "%s: `%.*s`", what,
                   MC_FMT(mc_str_slice(s->pattern, from, to)));
    return false;
}

static char peek(const scanner *s, size_t ahead)
{
    return s->at + ahead < s->pattern.len ? s->pattern.ptr[s->at + ahead] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "\d", "\.", "\x{41}", "\Q…\E"; "\1" would be a backreference, "\12" is an octal character. */
static bool scan_escape(scanner *s)
{
    static const char letters[] = "AbBdDwWsSzafntrvxpPE";
    char c = peek(s, 1);

    if (c == 'Q') {
        size_t end = mc_str_find(mc_str_slice(s->pattern, s->at, s->pattern.len), MC_STR("\\E"));

        s->at += end;
        return true;
    }
    if ((c >= '1' && c <= '9' && !(c <= '7' && peek(s, 2) >= '0' && peek(s, 2) <= '7')) ||
        (((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && !strchr(letters, c)))
        return refuse(s, "invalid escape sequence", s->at, s->at + 2);
    s->at += 2;
    return true;
}

/* "(?:", "(?P<name>", "(?<name>", "(?i)", "(?s-m:": all that RE2 has. */
static bool scan_group(scanner *s)
{
    size_t from = s->at;

    s->at++;
    if (peek(s, 0) == '*')
        return refuse(s, "missing argument to repetition operator", s->at, s->at + 1);
    if (peek(s, 0) != '?')
        return true;
    s->at++;
    if (peek(s, 0) == 'P' && peek(s, 1) == '<')
        return true;
    if (peek(s, 0) == '<' && peek(s, 1) != '=' && peek(s, 1) != '!')
        return true;
    while (peek(s, 0) && strchr("imsU-", peek(s, 0)))
        s->at++;
    if (peek(s, 0) == ':' || (peek(s, 0) == ')' && s->at > from + 2))
        return true;
    return refuse(s, "invalid or unsupported Perl syntax", from, s->at + 1);
}

static void scan_class(scanner *s)
{
    s->at++;
    if (peek(s, 0) == '^')
        s->at++;
    if (peek(s, 0) == ']')
        s->at++;
    while (s->at < s->pattern.len && peek(s, 0) != ']') {
        if (peek(s, 0) == '[' && peek(s, 1) == ':') {
            mc_str rest = mc_str_slice(s->pattern, s->at, s->pattern.len);
            size_t end = mc_str_find(rest, MC_STR(":]"));

            s->at += end < rest.len ? end + 2 : 1;
        } else {
            s->at += peek(s, 0) == '\\' ? 2 : 1;
        }
    }
    s->at++;
}

/* The length of "{2}", "{2,}" or "{2,5}" at s->at; 0: a brace that is only a character. */
static size_t repeat_length(const scanner *s, uint32_t *out_max)
{
    mc_str rest = mc_str_slice(s->pattern, s->at, s->pattern.len);
    size_t end = mc_str_find_char(rest, 0, '}');
    mc_str inner = mc_str_slice(rest, 1, end);
    size_t comma = mc_str_find_char(inner, 0, ',');
    uint32_t low = 0, high = 0;

    if (end == rest.len || inner.len == 0 || !is_digit(inner.ptr[0]))
        return 0;
    for (size_t i = 0; i < inner.len; i++) {
        if (!is_digit(inner.ptr[i]) && i != comma)
            return 0;
    }
    if (!mc_str_u32(mc_str_slice(inner, 0, comma), 0, REPEAT_MAX, &low))
        low = REPEAT_MAX + 1;
    if (comma + 1 < inner.len &&
        !mc_str_u32(mc_str_slice(inner, comma + 1, inner.len), 0, REPEAT_MAX, &high))
        high = REPEAT_MAX + 1;
    *out_max = low > high ? low : high;
    return end + 1;
}

/* A quantifier, perhaps lazy; "a++" and "a+*" are no such thing in RE2. */
static bool scan_repeat(scanner *s, size_t length)
{
    size_t from = s->at;
    uint32_t most = 0;

    s->at += length;
    if (peek(s, 0) == '?')
        s->at++;
    if (peek(s, 0) == '+' || peek(s, 0) == '*' || peek(s, 0) == '?' ||
        (peek(s, 0) == '{' && repeat_length(s, &most) > 0))
        return refuse(s, "invalid nested repetition operator", from, s->at + 1);
    return true;
}

static bool scan_one(scanner *s)
{
    uint32_t most = 0;
    size_t length;

    switch (peek(s, 0)) {
    case '\\':
        return scan_escape(s);
    case '(':
        return scan_group(s);
    case '[':
        scan_class(s);
        return true;
    case '*':
    case '+':
    case '?':
        return scan_repeat(s, 1);
    case '{':
        length = repeat_length(s, &most);
        if (most > REPEAT_MAX)
            return refuse(s, "invalid repeat count", s->at, s->at + length);
        if (length > 0)
            return scan_repeat(s, length);
        break;
    default:
        break;
    }
    s->at++;
    return true;
}

bool mc__regex_compiles(mc_str pattern, char why[MC__REGEX_WHY_BYTES])
{
    scanner s = {.pattern = pattern, .why = why};
    PCRE2_SIZE offset;
    pcre2_code *compiled;
    int code;

    while (s.at < pattern.len) {
        if (!scan_one(&s))
            return false;
    }
    compiled = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len, PCRE2_UTF,
                             &code, &offset, NULL);
    if (!compiled) {
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)why,
                                      MC__REGEX_WHY_BYTES); /* cut when it is longer */
        return false;
    }
    pcre2_code_free(compiled);
    return true;
}

mc_code mc_pattern_search(mc_str pattern, mc_str text, bool *out, mc_err *err)
{
    char why[MC__REGEX_WHY_BYTES];
    pcre2_code *compiled;
    pcre2_match_context *limits;
    pcre2_match_data *data;
    PCRE2_SIZE offset;
    int code, rc = PCRE2_ERROR_NOMEMORY;

    if (!mc__regex_compiles(pattern, why))
        return mc_fail(err, MC_INVALID, "%s", why);
    /* As RE2: '$' is the very end, not also before a last line break. */
    compiled = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len,
                             PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &offset, NULL);
    data = pcre2_match_data_create(1, NULL);
    limits = pcre2_match_context_create(NULL);
    if (compiled && data && limits) {
        (void)pcre2_set_match_limit(limits, MATCH_LIMIT); /* these cannot fail */
        (void)pcre2_set_depth_limit(limits, DEPTH_LIMIT);
        (void)pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
        rc = pcre2_match(compiled, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, 0, 0, data,
                         limits);
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    pcre2_code_free(compiled);
    if (rc == PCRE2_ERROR_NOMEMORY)
        return mc_fail(err, MC_NO_MEMORY, "pattern");
    *out = rc >= 0;
    return MC_OK;
}
