/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_internal.h"

static bool is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool mc__http_is_token(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char(s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

static size_t skip_blank(mc_str s, size_t at)
{
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t'))
        at++;
    return at;
}

static size_t skip_token(mc_str s, size_t at)
{
    while (at < s.len && is_token_char(s.ptr[at]))
        at++;
    return at;
}

mc_str mc__http_attr_head(mc_str *rest)
{
    size_t end = mc_str_find_char(*rest, 0, ';');
    mc_str head = mc_str_trim(mc_str_slice(*rest, 0, end));

    *rest = mc_str_slice(*rest, end, rest->len);
    return head;
}

/* From the opening quote at *at; *at moves behind the closing one. */
static bool read_quoted(mc_arena *arena, mc_str s, size_t *at, mc_str *out)
{
    size_t from = *at + 1, end = from, len = 0;
    bool has_pair = false;
    char *copy;

    while (end < s.len && s.ptr[end] != '"') {
        bool is_pair = s.ptr[end] == '\\' && end + 1 < s.len &&
                       (s.ptr[end + 1] == '"' || s.ptr[end + 1] == '\\');

        has_pair |= is_pair;
        end += is_pair ? 2 : 1;
    }
    if (end >= s.len)
        return false;
    *at = end + 1;
    *out = mc_str_slice(s, from, end);
    if (!has_pair)
        return true;
    copy = mc_arena_alloc(arena, out->len);
    if (!copy)
        return false;
    for (size_t i = from; i < end; i++) {
        /* Other backslashes stay: old clients send whole Windows paths. */
        if (s.ptr[i] == '\\' && (s.ptr[i + 1] == '"' || s.ptr[i + 1] == '\\'))
            i++;
        copy[len++] = s.ptr[i];
    }
    *out = mc_str_of(copy, len);
    return true;
}

/* Past the separators to the next name. False: text that is no separator. */
static bool skip_separators(mc_str s, size_t *at)
{
    bool has_separator = false;

    *at = skip_blank(s, *at);
    while (*at < s.len && s.ptr[*at] == ';') {
        has_separator = true;
        *at = skip_blank(s, *at + 1);
    }
    return has_separator || *at == s.len;
}

bool mc__http_attr_next(mc_arena *arena, mc_str *rest, mc__http_attr *out)
{
    mc_str s = *rest;
    size_t at = 0, name, value;

    if (!skip_separators(s, &at))
        return false;
    if (at == s.len) {
        *rest = mc_str_of(NULL, 0);
        return false;
    }
    name = at;
    at = skip_token(s, at);
    if (at == name || at >= s.len || s.ptr[at] != '=')
        return false;
    out->name = mc_str_slice(s, name, at);
    value = ++at;
    if (at < s.len && s.ptr[at] == '"') {
        if (!read_quoted(arena, s, &at, &out->value))
            return false;
    } else {
        at = skip_token(s, at);
        out->value = mc_str_slice(s, value, at);
        if (at == value)
            return false;
    }
    *rest = mc_str_slice(s, at, s.len);
    return true;
}
