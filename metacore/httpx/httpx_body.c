/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_internal.h"

static mc_code unsupported(mc_err *err)
{
    return mc_fail(err, MC_UNSUPPORTED, "unsupported media type: send application/json");
}

static bool is_json_type(mc_str type)
{
    mc_str subtype;
    size_t slash = mc_str_find_char(type, 0, '/');
    size_t suffix = sizeof("+json") - 1;

    if (mc_str_eq_nocase(type, MC_STR("application/json")))
        return true;
    subtype = mc_str_slice(type, slash + 1, type.len);
    return mc__http_is_token(mc_str_slice(type, 0, slash)) && mc__http_is_token(subtype) &&
           subtype.len > suffix &&
           mc_str_eq_nocase(mc_str_slice(subtype, subtype.len - suffix, subtype.len),
                            MC_STR("+json"));
}

/* Two Content-Types are as good as none: whoever stands between may have read the other one. */
static bool find_content_type(const mc_http_req *req, mc_str *out)
{
    const mc_message *m = req->message;
    size_t found = 0;

    for (size_t i = 0; i < m->header_count; i++) {
        if (!mc_str_eq(m->headers[i].name, MC_STR("content-type")))
            continue;
        *out = m->headers[i].value;
        found++;
    }
    return found == 1;
}

static mc_code check_json_type(mc_http_req *req, mc_err *err)
{
    mc__http_attr attr;
    mc_str rest, type;

    if (!find_content_type(req, &rest))
        return unsupported(err);
    type = mc__http_attr_head(&rest);
    if (!is_json_type(type))
        return unsupported(err);
    while (mc__http_attr_next(req->ctx.arena, &rest, &attr)) {
        if (mc_str_eq_nocase(attr.name, MC_STR("charset")) &&
            !mc_str_eq_nocase(attr.value, MC_STR("utf-8")))
            return mc_fail(err, MC_UNSUPPORTED, "unsupported charset: send UTF-8");
    }
    return rest.len == 0 ? MC_OK : unsupported(err);
}

mc_code mc_http_body_json(mc_http_req *req, bool is_optional, const char *bad_message,
                          const mc_json **out, mc_err *err)
{
    mc_code rc;

    if (is_optional && req->message->body.len == 0) {
        *out = NULL;
        return MC_OK;
    }
    rc = check_json_type(req, err);
    if (rc != MC_OK)
        return rc;
    rc = mc_json_parse(req->ctx.arena, req->message->body, NULL, out, err);
    return rc == MC_INVALID ? mc_fail(err, MC_INVALID, "%s", bad_message) : rc;
}

mc_code mc_http_body_object(mc_http_req *req, const char *bad_message, const mc_json **out,
                            mc_err *err)
{
    const mc_json *value;
    mc_code rc = mc_http_body_json(req, false, bad_message, &value, err);

    if (rc != MC_OK)
        return rc;
    if (value->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "%s", bad_message);
    *out = value;
    return MC_OK;
}

mc_code mc_http_body_find_part(mc_http_req *req, const mc_http_body *body, mc_str name,
                               mc_http_part *out, mc_err *err)
{
    const mc_http_part *parts;
    size_t count;
    mc_str type;
    mc_code rc;

    if (!find_content_type(req, &type))
        return mc_fail(err, MC_UNSUPPORTED, "unsupported media type: send multipart/form-data");
    rc = mc_http_multipart_parse(req->ctx.arena, type, body->text, &parts, &count, err);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(parts[i].name, name)) {
            *out = parts[i];
            return MC_OK;
        }
    }
    return mc_fail(err, MC_NOT_FOUND, "no part called \"%.*s\"", MC_FMT(name));
}

mc_code mc_http_body_part(mc_http_req *req, mc_str name, mc_http_part *out, mc_err *err)
{
    return mc_http_body_find_part(req, &(mc_http_body){.text = req->message->body}, name, out, err);
}
