/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json.h"

#include "metacore/base/utf8.h"

#include <stdlib.h>

#define LINEAR_MEMBERS_MAX 16 /* up to here a pairwise look for duplicates is the cheapest */

typedef struct parser {
    mc_arena *arena;
    mc_str text;
    size_t at;
    uint32_t depth, depth_max;
    bool last_duplicate_wins;
    mc_err *err;
} parser;

static mc_code parse_value(parser *p, const mc_json **out);

static mc_code fail(parser *p, const char *what)
{
    return mc_fail(p->err, MC_INVALID, "invalid JSON at byte %zu: %s", p->at, what);
}

static mc_code no_memory(parser *p)
{
    return mc_fail(p->err, MC_NO_MEMORY, "JSON");
}

static void skip_space(parser *p)
{
    while (p->at < p->text.len) {
        char c = p->text.ptr[p->at];

        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return;
        p->at++;
    }
}

static char peek(const parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex4(const parser *p, size_t at, uint32_t *out)
{
    uint32_t unit = 0;

    if (p->text.len - at < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(p->text.ptr[at + i]);

        if (digit < 0)
            return false;
        unit = unit << 4 | (uint32_t)digit;
    }
    *out = unit;
    return true;
}

static size_t put_rune(char *out, uint32_t rune)
{
    if (rune < 0x80) {
        out[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (char)(0xc0 | rune >> 6);
        out[1] = (char)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (char)(0xe0 | rune >> 12);
        out[1] = (char)(0x80 | (rune >> 6 & 0x3f));
        out[2] = (char)(0x80 | (rune & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | rune >> 18);
    out[1] = (char)(0x80 | (rune >> 12 & 0x3f));
    out[2] = (char)(0x80 | (rune >> 6 & 0x3f));
    out[3] = (char)(0x80 | (rune & 0x3f));
    return 4;
}

/* After "\u": one UTF-16 unit, or two that are a pair. p->at stands behind the 'u'. */
static mc_code read_unicode(parser *p, uint32_t *out)
{
    uint32_t high, low;

    if (!read_hex4(p, p->at, &high))
        return fail(p, "\\u wants four hexadecimal digits");
    p->at += 4;
    if (high == 0)
        return fail(p, "NUL in a string");
    if (high < 0xd800 || high > 0xdfff) {
        *out = high;
        return MC_OK;
    }
    if (high > 0xdbff || p->text.len - p->at < 6 || p->text.ptr[p->at] != '\\' ||
        p->text.ptr[p->at + 1] != 'u' || !read_hex4(p, p->at + 2, &low) || low < 0xdc00 ||
        low > 0xdfff)
        return fail(p, "a surrogate without its pair");
    p->at += 6;
    *out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return MC_OK;
}

static mc_code read_escape(parser *p, char *out, size_t *len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = ++p->at < p->text.len ? p->text.ptr[p->at] : '\0';
    const char *found = c ? strchr(from, c) : NULL;
    uint32_t rune;
    mc_code rc;

    if (found) {
        p->at++;
        out[(*len)++] = to[found - from];
        return MC_OK;
    }
    if (c != 'u')
        return fail(p, "unknown escape");
    p->at++;
    rc = read_unicode(p, &rune);
    if (rc == MC_OK)
        *len += put_rune(out + *len, rune);
    return rc;
}

/* The closing quote from p->at, and whether there is an escape before it. */
static mc_code find_end(parser *p, size_t *out_end, bool *out_has_escape)
{
    size_t at = p->at;

    *out_has_escape = false;
    for (; at < p->text.len; at++) {
        unsigned char c = (unsigned char)p->text.ptr[at];

        if (c == '"') {
            *out_end = at;
            return MC_OK;
        }
        if (c < 0x20) {
            p->at = at;
            return fail(p, "a control character in a string");
        }
        if (c == '\\') {
            *out_has_escape = true;
            at++;
        }
    }
    p->at = p->text.len;
    return fail(p, "a string without end");
}

static mc_code parse_string(parser *p, mc_str *out)
{
    bool has_escape;
    size_t end, len = 0;
    char *copy;
    mc_code rc;

    p->at++;
    rc = find_end(p, &end, &has_escape);
    if (rc != MC_OK)
        return rc;
    if (!mc_utf8_is_valid(mc_str_slice(p->text, p->at, end)))
        return fail(p, "a string that is not UTF-8");
    if (!has_escape) {
        *out = mc_str_slice(p->text, p->at, end);
        p->at = end + 1;
        return MC_OK;
    }
    copy = mc_arena_alloc(p->arena, end - p->at); /* an escape is never shorter than its text */
    if (!copy)
        return no_memory(p);
    while (p->at < end) {
        if (p->text.ptr[p->at] != '\\') {
            copy[len++] = p->text.ptr[p->at++];
            continue;
        }
        rc = read_escape(p, copy, &len);
        if (rc != MC_OK)
            return rc;
    }
    *out = mc_str_of(copy, len);
    p->at = end + 1;
    return MC_OK;
}

/* ---- numbers ---- */

static size_t skip_digits(parser *p)
{
    size_t from = p->at;

    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at - from;
}

static mc_code parse_number(parser *p, mc_str *out)
{
    size_t from = p->at, whole;
    bool is_zero;

    if (peek(p) == '-')
        p->at++;
    is_zero = peek(p) == '0';
    whole = skip_digits(p);
    if (whole == 0 || (is_zero && whole > 1))
        return fail(p, "a malformed number");
    if (peek(p) == '.') {
        p->at++;
        if (skip_digits(p) == 0)
            return fail(p, "a number without digits after its point");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-')
            p->at++;
        if (skip_digits(p) == 0)
            return fail(p, "a number without digits in its exponent");
    }
    *out = mc_str_slice(p->text, from, p->at);
    return MC_OK;
}

/* ---- arrays and objects: elements are collected in a chain, then laid out in a row ---- */

typedef struct link {
    struct link *next;
    mc_json_member member;
} link;

static mc_code add_link(parser *p, link ***tail, mc_str key, const mc_json *value)
{
    link *fresh = mc_arena_object(p->arena, link);

    if (!fresh)
        return no_memory(p);
    fresh->member.key = key;
    fresh->member.value = value;
    **tail = fresh;
    *tail = &fresh->next;
    return MC_OK;
}

/* Between elements: true to go on, false at the closing character. */
static mc_code next_element(parser *p, char close, bool *out_is_over)
{
    skip_space(p);
    if (peek(p) == close) {
        p->at++;
        *out_is_over = true;
        return MC_OK;
    }
    if (peek(p) != ',')
        return fail(p, close == ']' ? "want ',' or ']'" : "want ',' or '}'");
    p->at++;
    skip_space(p);
    *out_is_over = false;
    return MC_OK;
}

static mc_code parse_array(parser *p, mc_json *out)
{
    link *first = NULL, **tail = &first;
    const mc_json **items;
    size_t count = 0;
    bool is_over;
    mc_code rc = MC_OK;

    p->at++;
    skip_space(p);
    is_over = peek(p) == ']';
    p->at += is_over;
    while (rc == MC_OK && !is_over) {
        const mc_json *value;

        rc = parse_value(p, &value);
        if (rc == MC_OK)
            rc = add_link(p, &tail, (mc_str){NULL, 0}, value);
        if (rc == MC_OK)
            rc = next_element(p, ']', &is_over);
        count++;
    }
    if (rc != MC_OK)
        return rc;
    items = mc_arena_array(p->arena, const mc_json *, count);
    if (!items)
        return no_memory(p);
    for (size_t i = 0; i < count; i++, first = first->next)
        items[i] = first->member.value;
    out->as.array.items = items;
    out->as.array.count = count;
    return MC_OK;
}

static int by_key(const void *a, const void *b)
{
    const mc_json_member *const *left = a, *const *right = b;
    int order = mc_str_cmp((*left)->key, (*right)->key);

    return order ? order : (*left > *right) - (*left < *right);
}

static bool has_duplicate_among_few(const mc_json_member *members, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (mc_str_eq(members[i].key, members[k].key))
                return true;
        }
    }
    return false;
}

/* Marks the earlier of two equal keys by a NULL value; the number of those. */
static mc_code mark_duplicates(parser *p, mc_json_member *members, size_t count, size_t *out_found)
{
    mc_json_member **order;

    *out_found = 0;
    if (count <= LINEAR_MEMBERS_MAX && !has_duplicate_among_few(members, count))
        return MC_OK;
    order = mc_arena_array(p->arena, mc_json_member *, count);
    if (!order)
        return no_memory(p);
    for (size_t i = 0; i < count; i++)
        order[i] = &members[i];
    qsort(order, count, sizeof(*order), by_key);
    for (size_t i = 1; i < count; i++) {
        if (mc_str_eq(order[i]->key, order[i - 1]->key)) {
            order[i - 1]->value = NULL;
            (*out_found)++;
        }
    }
    return MC_OK;
}

static mc_code settle_duplicates(parser *p, mc_json_member *members, size_t *count)
{
    size_t found, kept = 0;
    mc_code rc = mark_duplicates(p, members, *count, &found);

    if (rc != MC_OK || found == 0)
        return rc;
    if (!p->last_duplicate_wins)
        return fail(p, "a key stands twice in one object");
    for (size_t i = 0; i < *count; i++) {
        if (members[i].value)
            members[kept++] = members[i];
    }
    *count = kept;
    return MC_OK;
}

static mc_code parse_member(parser *p, link ***tail)
{
    const mc_json *value;
    mc_str key;
    mc_code rc;

    if (peek(p) != '"')
        return fail(p, "want a key in quotes");
    rc = parse_string(p, &key);
    if (rc != MC_OK)
        return rc;
    skip_space(p);
    if (peek(p) != ':')
        return fail(p, "want ':'");
    p->at++;
    skip_space(p);
    rc = parse_value(p, &value);
    return rc == MC_OK ? add_link(p, tail, key, value) : rc;
}

static mc_code parse_object(parser *p, mc_json *out)
{
    link *first = NULL, **tail = &first;
    mc_json_member *members;
    size_t count = 0;
    bool is_over;
    mc_code rc = MC_OK;

    p->at++;
    skip_space(p);
    is_over = peek(p) == '}';
    p->at += is_over;
    while (rc == MC_OK && !is_over) {
        rc = parse_member(p, &tail);
        if (rc == MC_OK)
            rc = next_element(p, '}', &is_over);
        count++;
    }
    if (rc != MC_OK)
        return rc;
    members = mc_arena_array(p->arena, mc_json_member, count);
    if (!members)
        return no_memory(p);
    for (size_t i = 0; i < count; i++, first = first->next)
        members[i] = first->member;
    rc = settle_duplicates(p, members, &count);
    out->as.object.members = members;
    out->as.object.count = count;
    return rc;
}

/* ---- values ---- */

static mc_code parse_word(parser *p, mc_json *out)
{
    static const struct {
        mc_str word;
        mc_json_kind kind;
        bool boolean;
    } words[] = {{MC_STR_INIT("true"), MC_JSON_BOOL, true},
                 {MC_STR_INIT("false"), MC_JSON_BOOL, false},
                 {MC_STR_INIT("null"), MC_JSON_NULL, false}};

    for (size_t i = 0; i < MC_LEN(words); i++) {
        if (mc_str_eq(mc_str_slice(p->text, p->at, p->at + words[i].word.len), words[i].word)) {
            p->at += words[i].word.len;
            out->kind = words[i].kind;
            out->as.boolean = words[i].boolean;
            return MC_OK;
        }
    }
    return fail(p, p->at < p->text.len ? "unexpected character" : "the text ends too early");
}

static mc_code parse_value(parser *p, const mc_json **out)
{
    mc_json *value = mc_arena_object(p->arena, mc_json);
    char c = peek(p);
    mc_code rc;

    if (!value)
        return no_memory(p);
    value->offset = (uint32_t)p->at;
    if (c == '{' || c == '[') {
        if (p->depth == p->depth_max)
            return fail(p, "nested too deeply");
        p->depth++;
        value->kind = c == '{' ? MC_JSON_OBJECT : MC_JSON_ARRAY;
        rc = c == '{' ? parse_object(p, value) : parse_array(p, value);
        p->depth--;
    } else if (c == '"') {
        value->kind = MC_JSON_STRING;
        rc = parse_string(p, &value->as.string);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        value->kind = MC_JSON_NUMBER;
        rc = parse_number(p, &value->as.number);
    } else {
        rc = parse_word(p, value);
    }
    if (rc == MC_OK)
        *out = value;
    return rc;
}

mc_code mc_json_parse(mc_arena *arena, mc_str text, const mc_json_options *options,
                      const mc_json **out, mc_err *err)
{
    parser p = {.arena = arena, .text = text, .depth_max = MC_JSON_DEPTH_MAX, .err = err};
    const mc_json *value;
    mc_code rc;

    if (text.len > UINT32_MAX)
        return mc_fail(err, MC_INVALID, "invalid JSON: longer than 4 GiB");
    if (options) {
        p.depth_max = options->depth_max ? options->depth_max : MC_JSON_DEPTH_MAX;
        p.last_duplicate_wins = options->last_duplicate_wins;
    }
    skip_space(&p);
    rc = parse_value(&p, &value);
    if (rc != MC_OK)
        return rc;
    skip_space(&p);
    if (p.at < text.len)
        return fail(&p, "text after the value");
    *out = value;
    return MC_OK;
}
