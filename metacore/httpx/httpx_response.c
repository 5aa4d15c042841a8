/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_internal.h"

void mc_http_res_init(mc_http_res *res, mc_arena *arena)
{
    res->status = 0;
    res->header_count = 0;
    res->header_code = MC_OK;
    res->stream = NULL;
    res->has_length = false;
    res->upgrade = NULL;
    res->push = NULL;
    mc_buf_init_arena(&res->body, arena, 0);
}

void mc_http_res_stream(mc_http_res *res, mc_http_stream_fn fn, void *user)
{
    res->stream = fn;
    res->stream_user = user;
}

void mc_http_res_stream_length(mc_http_res *res, uint64_t length)
{
    res->has_length = true;
    res->length = length;
}

/* ---- headers ---- */

static mc_header *find_header(mc_http_res *res, mc_str name)
{
    for (size_t i = 0; i < res->header_count; i++) {
        if (mc_str_eq_nocase(res->headers[i].name, name))
            return &res->headers[i];
    }
    return NULL;
}

void mc__http_res_set(mc_http_res *res, mc_str name, mc_str value)
{
    mc_header *header = find_header(res, name);

    if (header) {
        header->value = value;
    } else if (res->header_count < MC_HTTP_RES_HEADERS_MAX) {
        res->headers[res->header_count++] = (mc_header){name, value};
    } else {
        res->header_code = MC_INTERNAL;
    }
}

static bool is_header_value(mc_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

void mc_http_res_header(mc_http_res *res, mc_str name, mc_str value)
{
    mc_str copy;

    if (!mc__http_is_token(name) || !is_header_value(value)) {
        res->header_code = MC_INTERNAL;
        return;
    }
    copy = mc_str_copy(res->body.arena, value);
    if (value.len > 0 && !copy.ptr)
        res->header_code = MC_NO_MEMORY;
    else
        mc__http_res_set(res, name, copy);
}

mc_str mc_http_res_get_header(const mc_http_res *res, mc_str name)
{
    for (size_t i = 0; i < res->header_count; i++) {
        if (mc_str_eq_nocase(res->headers[i].name, name))
            return res->headers[i].value;
    }
    return mc_str_of(NULL, 0);
}

void mc_http_content_type(mc_http_res *res, mc_str type)
{
    mc_http_res_header(res, MC_STR("Content-Type"), type);
}

void mc_http_res_seal(mc_http_res *res, const mc_http_req *req)
{
    bool has_tokens = req->match.route && (req->match.route->flags & MC_HTTP_NO_STORE);

    mc__http_res_set(res, MC_STR("X-Content-Type-Options"), MC_STR("nosniff"));
    if (req->ctx.request_id.len > 0) /* checked or made by mc_http_request_id */
        mc__http_res_set(res, MC_STR("X-Request-ID"), req->ctx.request_id);
    if (has_tokens)
        mc__http_res_set(res, MC_STR("Cache-Control"), MC_STR("no-store"));
    else if (!find_header(res, MC_STR("Cache-Control")))
        mc__http_res_set(res, MC_STR("Cache-Control"), MC_STR("private, no-cache"));
}

/* ---- envelopes ---- */

static mc_buf *begin(mc_http_res *res, int status)
{
    res->status = status;
    res->stream = NULL;
    mc_buf_clear(&res->body);
    mc__http_res_set(res, MC_STR("Content-Type"), MC_STR("application/json; charset=utf-8"));
    return &res->body;
}

mc_buf *mc_http_ok_begin(mc_http_res *res, int status)
{
    mc_buf *out = begin(res, status);

    mc_buf_lit(out, "{\"data\":");
    return out;
}

mc_code mc_http_ok_end(mc_http_res *res, mc_str meta_json, mc_err *err)
{
    if (meta_json.len > 0) {
        mc_buf_lit(&res->body, ",\"meta\":");
        mc_buf_str(&res->body, meta_json);
    }
    mc_buf_lit(&res->body, ",\"success\":true}");
    return mc_buf_check(&res->body, "response", err);
}

mc_code mc_http_ok_message(mc_http_res *res, int status, mc_str message, mc_err *err)
{
    mc_buf *out = begin(res, status);

    mc_buf_char(out, '{');
    if (message.len > 0) {
        mc_buf_lit(out, "\"message\":");
        mc_json_write_str(out, message);
        mc_buf_char(out, ',');
    }
    mc_buf_lit(out, "\"success\":true}");
    return mc_buf_check(out, "response", err);
}

mc_code mc_http_res_finish(const mc_http_res *res, mc_err *err)
{
    if (res->header_code != MC_OK)
        return mc_fail(err, res->header_code, "response: a header was dropped");
    if (res->status == 0)
        return mc_fail(err, MC_INTERNAL, "response: the handler wrote nothing");
    return mc_buf_check(&res->body, "response", err);
}

mc_answer mc_http_res_answer(const mc_http_res *res)
{
    mc_answer answer = {
        .status = res->status ? res->status : 500,
        .headers = (mc_header *)res->headers, /* the server reads them only */
        .header_count = res->header_count,
        .body = mc_buf_get(&res->body),
        .upgrade = res->upgrade,
    };

    /* Not even the error fitted into the arena: what is left needs no memory. */
    if (res->status == 0 || mc_buf_failed(&res->body)) {
        if (answer.status < 400)
            answer.status = 500;
        answer.body = MC_STR("{\"message\":\"Internal server error\",\"success\":false}");
    }
    return answer;
}
