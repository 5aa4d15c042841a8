/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json_internal.h"

#include <stdlib.h>

typedef mc__json_parser parser;

static mc_code parse_value(parser *p, const mc_json **out);

mc_code mc__json_fail(mc__json_parser *p, const char *what)
{
    return mc_fail(p->err, MC_INVALID, "invalid JSON at byte %zu: %s", p->at, what);
}

mc_code mc__json_no_memory(mc__json_parser *p)
{
    return mc_fail(p->err, MC_NO_MEMORY, "JSON");
}

static inline void skip_space(parser *p)
{
    while (p->at < p->text.len) {
        char c = p->text.ptr[p->at];

        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return;
        p->at++;
    }
}

static inline char peek(const parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
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
        return mc__json_fail(p, "a malformed number");
    if (peek(p) == '.') {
        p->at++;
        if (skip_digits(p) == 0)
            return mc__json_fail(p, "a number without digits after its point");
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-')
            p->at++;
        if (skip_digits(p) == 0)
            return mc__json_fail(p, "a number without digits in its exponent");
    }
    *out = mc_str_slice(p->text, from, p->at);
    return MC_OK;
}

/* ---- arrays and objects ---- */

/* Grows outside the arena, but never beyond it: each element has its mc_json there as well. */
static mc_code push(parser *p, mc_str key, const mc_json *value)
{
    mc__json_pending *pending = &p->pending;

    if (pending->count == pending->cap) {
        bool is_first = pending->items == pending->first;
        size_t cap = pending->cap * 2;
        mc_json_member *grown =
            realloc(is_first ? NULL : pending->items, cap * sizeof(*pending->items));

        if (!grown)
            return mc__json_no_memory(p);
        if (is_first)
            memcpy(grown, pending->first, sizeof(pending->first));
        pending->items = grown;
        pending->cap = cap;
    }
    pending->items[pending->count++] = (mc_json_member){key, value};
    return MC_OK;
}

/* Between elements: the closing character ends the loop. */
static mc_code next_element(parser *p, char close, bool *out_is_over)
{
    skip_space(p);
    *out_is_over = peek(p) == close;
    if (!*out_is_over && peek(p) != ',')
        return mc__json_fail(p, close == ']' ? "want ',' or ']'" : "want ',' or '}'");
    p->at++;
    if (!*out_is_over)
        skip_space(p);
    return MC_OK;
}

/* Behind the opening character: true when the closing one follows. */
static bool is_empty(parser *p, char close)
{
    p->at++;
    skip_space(p);
    if (peek(p) != close)
        return false;
    p->at++;
    return true;
}

static mc_code parse_array(parser *p, mc_json *out)
{
    size_t from = p->pending.count, count;
    bool is_over = is_empty(p, ']');
    const mc_json **items;

    while (!is_over) {
        const mc_json *value = NULL;
        mc_code rc = parse_value(p, &value);

        if (rc == MC_OK)
            rc = push(p, (mc_str){NULL, 0}, value);
        if (rc == MC_OK)
            rc = next_element(p, ']', &is_over);
        if (rc != MC_OK)
            return rc;
    }
    count = p->pending.count - from;
    items = mc_arena_alloc(p->arena, count * sizeof(const mc_json *));
    if (!items)
        return mc__json_no_memory(p);
    for (size_t i = 0; i < count; i++)
        items[i] = p->pending.items[from + i].value;
    p->pending.count = from;
    out->as.array.items = items;
    out->as.array.count = count;
    return MC_OK;
}

static mc_code parse_member(parser *p)
{
    const mc_json *value = NULL;
    mc_str key = {NULL, 0};
    mc_code rc;

    if (peek(p) != '"')
        return mc__json_fail(p, "want a key in quotes");
    rc = mc__json_string(p, &key);
    if (rc != MC_OK)
        return rc;
    skip_space(p);
    if (peek(p) != ':')
        return mc__json_fail(p, "want ':'");
    p->at++;
    skip_space(p);
    rc = parse_value(p, &value);
    return rc == MC_OK ? push(p, key, value) : rc;
}

static mc_code parse_object(parser *p, mc_json *out)
{
    size_t from = p->pending.count, count;
    bool is_over = is_empty(p, '}');
    mc_json_member *members;
    mc_code rc;

    while (!is_over) {
        rc = parse_member(p);
        if (rc == MC_OK)
            rc = next_element(p, '}', &is_over);
        if (rc != MC_OK)
            return rc;
    }
    count = p->pending.count - from;
    members = mc_arena_alloc(p->arena, count * sizeof(*members));
    if (!members)
        return mc__json_no_memory(p);
    if (count > 0)
        memcpy(members, p->pending.items + from, count * sizeof(*members));
    p->pending.count = from;
    rc = mc__json_settle_duplicates(p, members, &count);
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
    return mc__json_fail(p,
                         p->at < p->text.len ? "unexpected character" : "the text ends too early");
}

static mc_code parse_value(parser *p, const mc_json **out)
{
    mc_json *value = mc_arena_alloc(p->arena, sizeof(*value));
    char c = peek(p);
    mc_code rc;

    if (!value)
        return mc__json_no_memory(p);
    value->offset = (uint32_t)p->at;
    if (c == '{' || c == '[') {
        if (p->depth == p->depth_max)
            return mc__json_fail(p, "nested too deeply");
        p->depth++;
        value->kind = c == '{' ? MC_JSON_OBJECT : MC_JSON_ARRAY;
        rc = c == '{' ? parse_object(p, value) : parse_array(p, value);
        p->depth--;
    } else if (c == '"') {
        value->kind = MC_JSON_STRING;
        rc = mc__json_string(p, &value->as.string);
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

static mc_code parse_text(parser *p, const mc_json **out)
{
    const mc_json *value = NULL;
    mc_code rc;

    skip_space(p);
    rc = parse_value(p, &value);
    if (rc != MC_OK)
        return rc;
    skip_space(p);
    if (p->at < p->text.len)
        return mc__json_fail(p, "text after the value");
    *out = value;
    return MC_OK;
}

mc_code mc_json_parse(mc_arena *arena, mc_str text, const mc_json_options *options,
                      const mc_json **out, mc_err *err)
{
    parser p; /* not zeroed whole: the room for pending elements is large */
    mc_code rc;

    if (text.len > UINT32_MAX)
        return mc_fail(err, MC_INVALID, "invalid JSON: longer than 4 GiB");
    p.arena = arena;
    p.text = text;
    p.at = 0;
    p.depth = 0;
    p.depth_max = options && options->depth_max ? options->depth_max : MC_JSON_DEPTH_MAX;
    p.last_duplicate_wins = options && options->last_duplicate_wins;
    p.err = err;
    p.pending.items = p.pending.first;
    p.pending.count = 0;
    p.pending.cap = MC__JSON_PENDING_FIRST;
    rc = parse_text(&p, out);
    if (p.pending.items != p.pending.first)
        free(p.pending.items);
    return rc;
}
