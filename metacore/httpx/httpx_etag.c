/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_internal.h"

/* Takes one entity tag, RFC 9110 section 8.8.3, off *at. */
static bool read_etag(mc_str list, size_t *at, mc_str *out)
{
    size_t from = *at, end;

    if (mc_str_starts_with(mc_str_slice(list, from, list.len), MC_STR("W/")))
        *at += 2;
    if (*at >= list.len || list.ptr[*at] != '"')
        return false;
    end = *at + 1;
    while (end < list.len && (unsigned char)list.ptr[end] > ' ' && list.ptr[end] != '"' &&
           list.ptr[end] != 0x7f)
        end++;
    if (end >= list.len || list.ptr[end] != '"')
        return false;
    *at = end + 1;
    *out = mc_str_slice(list, from, *at);
    return true;
}

static bool is_weak_tag(mc_str etag)
{
    return mc_str_starts_with(etag, MC_STR("W/"));
}

static mc_str opaque(mc_str etag)
{
    return mc_str_slice(etag, is_weak_tag(etag) ? 2 : 0, etag.len);
}

static bool is_same(mc_str a, mc_str b, bool is_weak)
{
    if (!is_weak && (is_weak_tag(a) || is_weak_tag(b)))
        return false;
    return mc_str_eq(opaque(a), opaque(b));
}

static size_t skip_blank(mc_str s, size_t at)
{
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t'))
        at++;
    return at;
}

bool mc_http_etag_matches(mc_str list, mc_str etag, bool is_weak)
{
    bool is_found = false;
    size_t at = 0;
    mc_str tag;

    if (etag.len == 0)
        return false;
    if (mc_str_eq(mc_str_trim(list), MC_STR("*")))
        return true;
    for (;;) {
        at = skip_blank(list, at);
        while (at < list.len && list.ptr[at] == ',') /* empty elements are allowed */
            at = skip_blank(list, at + 1);
        if (at >= list.len)
            return is_found;
        if (!read_etag(list, &at, &tag))
            return false;
        is_found |= is_same(tag, etag, is_weak);
        at = skip_blank(list, at);
        if (at < list.len && list.ptr[at] != ',')
            return false;
    }
}

/* A list may be spread over several lines of the same name. */
static bool any_line_matches(const mc_http_req *req, mc_str name, mc_str etag, bool is_weak,
                             bool *out_was_sent)
{
    const mc_message *m = req->message;
    bool is_found = false;

    *out_was_sent = false;
    for (size_t i = 0; i < m->header_count; i++) {
        if (!mc_str_eq(m->headers[i].name, name))
            continue;
        *out_was_sent = true;
        is_found |= mc_http_etag_matches(m->headers[i].value, etag, is_weak);
    }
    return is_found;
}

bool mc_http_not_modified(const mc_http_req *req, mc_http_res *res, mc_str etag)
{
    mc_str method = req->message->method;
    bool was_sent;

    mc_http_res_header(res, MC_STR("ETag"), etag);
    if (!mc_str_eq(method, MC_STR("GET")) && !mc_str_eq(method, MC_STR("HEAD")))
        return false;
    if (!any_line_matches(req, MC_STR("if-none-match"), etag, true, &was_sent))
        return false;
    res->status = 304;
    mc_buf_clear(&res->body);
    return true;
}

mc_code mc_http_check_if_match(const mc_http_req *req, mc_str etag, mc_err *err)
{
    bool was_sent;
    bool is_found = any_line_matches(req, MC_STR("if-match"), etag, false, &was_sent);

    if (was_sent && !is_found)
        return mc_fail(err, MC_PRECONDITION, "the record was changed meanwhile");
    return MC_OK;
}
