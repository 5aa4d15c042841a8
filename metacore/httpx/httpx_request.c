/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"

void mc_http_req_init(mc_http_req *req, const mc_message *message, mc_arena *arena)
{
    memset(req, 0, sizeof(*req));
    req->message = message;
    req->ctx.arena = arena;
}

mc_str mc_http_param(const mc_http_req *req, mc_str name)
{
    for (size_t i = 0; i < req->match.param_count; i++) {
        if (mc_str_eq(req->match.param_names[i], name))
            return req->match.param_values[i];
    }
    return mc_str_of(NULL, 0);
}

mc_code mc_http_param_uuid(const mc_http_req *req, mc_str name, mc_uuid *out, mc_err *err)
{
    if (!mc_uuid_parse(mc_http_param(req, name), out))
        return mc_fail(err, MC_INVALID, "invalid id");
    return MC_OK;
}

mc_str mc_http_header(const mc_http_req *req, mc_str name)
{
    const mc_message *m = req->message;

    for (size_t i = m->header_count; i-- > 0;) {
        if (mc_str_eq(m->headers[i].name, name))
            return m->headers[i].value;
    }
    return mc_str_of(NULL, 0);
}

static bool is_request_id(mc_str id)
{
    if (id.len == 0 || id.len > MC_HTTP_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

mc_str mc_http_request_id(mc_http_req *req)
{
    mc_str sent = mc_http_header(req, MC_STR("x-request-id"));
    mc_uuid id;
    char *text;

    if (req->ctx.request_id.len > 0)
        return req->ctx.request_id;
    if (is_request_id(sent)) {
        req->ctx.request_id = sent;
        return sent;
    }
    text = mc_arena_alloc(req->ctx.arena, MC_UUID_TEXT_LEN);
    if (text && mc_uuid_v7(&id, NULL) == MC_OK) {
        mc_uuid_format(id, text);
        req->ctx.request_id = mc_str_of(text, MC_UUID_TEXT_LEN);
    } else {
        req->ctx.request_id = MC_STR("unknown"); /* the request matters more than its name */
    }
    return req->ctx.request_id;
}

mc_code mc_http_user_id(const mc_http_req *req, mc_uuid *out, mc_err *err)
{
    if (mc_uuid_is_nil(req->ctx.who.user_id))
        return mc_fail(err, MC_UNAUTHENTICATED, "httpx: user context not found");
    *out = req->ctx.who.user_id;
    return MC_OK;
}

mc_code mc_http_org_id(const mc_http_req *req, mc_uuid *out, mc_err *err)
{
    /* Browsers sign out on any 401, so a user who merely lacks an organization gets another. */
    mc_code rc = mc_uuid_is_nil(req->ctx.who.user_id) ? MC_UNAUTHENTICATED : MC_FORBIDDEN;

    if (mc_uuid_is_nil(req->ctx.who.org_id))
        return mc_fail(err, rc, "httpx: organization context not found");
    *out = req->ctx.who.org_id;
    return MC_OK;
}
