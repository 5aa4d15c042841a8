/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"

#include "metacore/base/utf8.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The escape that is wrong, quoted so that any byte can be shown: invalid URL escape "%zz". */
static mc_code bad_escape(mc_str rest, mc_err *err)
{
    char shown[16];
    size_t len = 0;

    rest = mc_str_slice(rest, 0, 3);
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];

        if (c < ' ' || c >= 0x7f) {
            shown[len++] = '\\';
            shown[len++] = 'x';
            shown[len++] = "0123456789abcdef"[c >> 4];
            shown[len++] = "0123456789abcdef"[c & 15];
            continue;
        }
        if (c == '"' || c == '\\')
            shown[len++] = '\\';
        shown[len++] = (char)c;
    }
    return mc_fail(err, MC_INVALID, "invalid URL escape \"%.*s\"", (int)len, shown);
}

static bool is_plain(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%' || text.ptr[i] == '+')
            return false;
    }
    return true;
}

/* Decodes one key or value; text without escapes is borrowed. */
static mc_code decode(mc_arena *arena, mc_str text, mc_str *out, mc_err *err)
{
    char *copy;
    size_t len = 0;

    if (is_plain(text)) {
        *out = text;
        return MC_OK;
    }
    copy = mc_arena_alloc(arena, text.len);
    if (!copy)
        return mc_fail(err, MC_NO_MEMORY, "query");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return bad_escape(mc_str_slice(text, i, text.len), err);
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        copy[len++] = c;
    }
    *out = mc_str_of(copy, len);
    return MC_OK;
}

static mc_code decode_checked(mc_arena *arena, mc_str text, mc_str *out, mc_err *err)
{
    mc_code rc = decode(arena, text, out, err);

    if (rc != MC_OK)
        return rc;
    if (mc_str_find_char(*out, 0, '\0') < out->len)
        return mc_fail(err, MC_INVALID, "invalid query: NUL");
    if (!mc_utf8_is_valid(*out))
        return mc_fail(err, MC_INVALID, "invalid query: not UTF-8");
    return MC_OK;
}

static mc_code count_pairs(mc_str query, size_t *out_count, mc_err *err)
{
    mc_str rest = query, part;

    *out_count = 0;
    if (mc_str_find_char(query, 0, ';') < query.len)
        return mc_fail(err, MC_INVALID, "invalid semicolon separator in query");
    while (mc_str_split(&rest, '&', &part))
        *out_count += part.len > 0;
    if (*out_count > MC_HTTP_QUERY_MAX)
        return mc_fail(err, MC_INVALID, "more than %d query parameters", MC_HTTP_QUERY_MAX);
    return MC_OK;
}

mc_code mc_http_query_parse(mc_http_req *req, mc_err *err)
{
    mc_str rest = req->message->query, part;
    mc_header *pairs;
    size_t max, count = 0;
    mc_code rc;

    if (req->is_query_parsed)
        return MC_OK;
    rc = count_pairs(rest, &max, err);
    if (rc != MC_OK)
        return rc;
    if (max == 0) {
        req->is_query_parsed = true;
        return MC_OK;
    }
    pairs = mc_arena_array(req->ctx.arena, mc_header, max);
    if (!pairs)
        return mc_fail(err, MC_NO_MEMORY, "query");
    while (mc_str_split(&rest, '&', &part)) {
        size_t equals = mc_str_find_char(part, 0, '=');

        if (part.len == 0)
            continue;
        rc = decode_checked(req->ctx.arena, mc_str_slice(part, 0, equals), &pairs[count].name, err);
        if (rc == MC_OK)
            rc = decode_checked(req->ctx.arena, mc_str_slice(part, equals + 1, part.len),
                                &pairs[count].value, err);
        if (rc != MC_OK)
            return rc;
        count++;
    }
    req->query_pairs = pairs;
    req->query_count = count;
    req->is_query_parsed = true;
    return MC_OK;
}

mc_str mc_http_query(const mc_http_req *req, mc_str name)
{
    for (size_t i = 0; i < req->query_count; i++) {
        if (req->query_pairs[i].value.len > 0 && mc_str_eq(req->query_pairs[i].name, name))
            return req->query_pairs[i].value;
    }
    return mc_str_of(NULL, 0);
}
