/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_internal.h"

/* The one place where a code becomes a status. */
static const int statuses[MC_CODE_COUNT] = {
    [MC_OK] = 200,           [MC_INVALID] = 400,     [MC_UNAUTHENTICATED] = 401,
    [MC_FORBIDDEN] = 403,    [MC_NOT_FOUND] = 404,   [MC_CONFLICT] = 409,
    [MC_PRECONDITION] = 412, [MC_TOO_LARGE] = 413,   [MC_UNSUPPORTED] = 415,
    [MC_REJECTED] = 422,     [MC_TOO_MANY] = 429,    [MC_LIMIT] = 503,
    [MC_NOT_PROVIDED] = 501, [MC_UNAVAILABLE] = 503, [MC_TIMEOUT] = 504,
    [MC_NO_MEMORY] = 503,    [MC_INTERRUPTED] = 503, [MC_IO] = 500,
    [MC_INTERNAL] = 500,
};

int mc_http_status(mc_code code)
{
    if ((size_t)code >= MC_LEN(statuses) || statuses[code] == 0)
        return 500;
    return statuses[code];
}

/* ---- the envelope ---- */

static int cmp_fields(const mc_field_error *errors, size_t a, size_t b)
{
    int order = mc_str_cmp(errors[a].field, errors[b].field);

    return order ? order : (a > b) - (a < b);
}

/* Indices by field, each field's rules in the order in which they broke. */
static size_t sort_fields(const mc_ctx *ctx, size_t order[MC_FIELD_ERRORS_MAX])
{
    size_t count = ctx->field_error_count;

    if (count > MC_FIELD_ERRORS_MAX)
        count = MC_FIELD_ERRORS_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        for (; at > 0 && cmp_fields(ctx->field_errors, order[at - 1], i) > 0; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return count;
}

static void write_field_error(mc_buf *out, const mc_field_error *error)
{
    mc_buf_lit(out, "{\"code\":");
    mc_json_write_str(out, error->code);
    if (error->message.len > 0) {
        mc_buf_lit(out, ",\"message\":");
        mc_json_write_str(out, error->message);
    }
    if (error->params.len > 0) {
        mc_buf_lit(out, ",\"params\":");
        mc_buf_str(out, error->params);
    }
    mc_buf_char(out, '}');
}

static void write_errors(mc_buf *out, const mc_ctx *ctx)
{
    size_t order[MC_FIELD_ERRORS_MAX], count = sort_fields(ctx, order);

    for (size_t i = 0; i < count; i++) {
        const mc_field_error *error = &ctx->field_errors[order[i]];

        if (i > 0 && mc_str_eq(error->field, ctx->field_errors[order[i - 1]].field)) {
            mc_buf_char(out, ',');
        } else {
            mc_buf_str(out, i > 0 ? MC_STR("],") : MC_STR("\"errors\":{"));
            mc_json_write_str(out, error->field);
            mc_buf_lit(out, ":[");
        }
        write_field_error(out, error);
    }
    if (count > 0)
        mc_buf_lit(out, "]},");
}

/* Headers that hold for the error as well; the others described what is not sent. */
static bool is_kept(mc_str name)
{
    static const mc_str kept[] = {MC_STR_INIT("Vary"), MC_STR_INIT("X-Request-ID"),
                                  MC_STR_INIT("Retry-After"), MC_STR_INIT("WWW-Authenticate")};
    mc_str cors = MC_STR("Access-Control-");

    for (size_t i = 0; i < MC_LEN(kept); i++) {
        if (mc_str_eq_nocase(name, kept[i]))
            return true;
    }
    return mc_str_eq_nocase(mc_str_slice(name, 0, cors.len), cors);
}

static mc_buf *begin(mc_http_res *res, int status)
{
    size_t kept = 0;

    for (size_t i = 0; i < res->header_count; i++) {
        if (is_kept(res->headers[i].name))
            res->headers[kept++] = res->headers[i];
    }
    res->header_count = kept;
    res->header_code = MC_OK;
    res->status = status;
    res->stream = NULL;
    mc_buf_clear(&res->body);
    mc__http_res_set(res, MC_STR("Content-Type"), MC_STR("application/json; charset=utf-8"));
    mc_buf_char(&res->body, '{');
    return &res->body;
}

static void end(mc_buf *out, mc_str message, mc_str meta)
{
    mc_buf_lit(out, "\"message\":");
    mc_json_write_str(out, message);
    if (meta.len > 0) {
        mc_buf_lit(out, ",\"meta\":");
        mc_buf_str(out, meta);
    }
    mc_buf_lit(out, ",\"success\":false}");
}

/* Clients of actions read an object, all others the message beside it. */
static void write_error_object(mc_buf *out, mc_str code, mc_str message)
{
    mc_buf_lit(out, "\"error\":{\"code\":");
    mc_json_write_str(out, code);
    mc_buf_lit(out, ",\"message\":");
    mc_json_write_str(out, message);
    mc_buf_lit(out, "},");
}

void mc_http_error_status(mc_http_res *res, int status, mc_str message)
{
    end(begin(res, status), message, MC_STR(""));
}

/* A handler that failed without saying so, or in words we do not know, is our mistake. */
static bool is_failure(mc_code code)
{
    return code != MC_OK && (size_t)code < MC_CODE_COUNT;
}

/* NULL: err's own message is for people. */
static const char *opaque_message(mc_code code)
{
    switch (code) {
    case MC_INTERNAL:
    case MC_IO:
    case MC_NO_MEMORY:
    case MC_INTERRUPTED:
        return "Internal server error";
    case MC_UNAVAILABLE:
        return "Service unavailable";
    default:
        return NULL;
    }
}

static bool wants_retry(mc_code code)
{
    return code == MC_TOO_MANY || code == MC_LIMIT || code == MC_UNAVAILABLE ||
           code == MC_NO_MEMORY || code == MC_INTERRUPTED;
}

static void add_retry_after(mc_http_res *res, const mc_ctx *ctx)
{
    mc_str seconds = MC_STR("1");

    if (mc_http_res_get_header(res, MC_STR("Retry-After")).len > 0)
        return;
    if (ctx && ctx->retry_after_s > 1)
        seconds = mc_str_printf(res->body.arena, "%lld", (long long)ctx->retry_after_s);
    mc__http_res_set(res, MC_STR("Retry-After"), seconds.len > 0 ? seconds : MC_STR("60"));
}

static mc_code code_of(const mc_err *err)
{
    return err && is_failure(err->code) ? err->code : MC_INTERNAL;
}

mc_str mc_http_error_message(const mc_ctx *ctx, const mc_err *err)
{
    const char *opaque = ctx && ctx->failure_is_told ? NULL : opaque_message(code_of(err));
    mc_str message = opaque ? mc_z(opaque) : mc_z(err->msg), named;

    if (!opaque || !ctx || ctx->request_id.len == 0)
        return message;
    named = mc_str_printf(ctx->arena, "%s (request %.*s)", opaque, MC_FMT(ctx->request_id));
    return named.ptr ? named : message;
}

void mc_http_error_as(mc_http_res *res, const mc_ctx *ctx, const mc_err *err, mc_str message)
{
    mc_code code = code_of(err);
    mc_buf *out = begin(res, mc_http_status(code));

    if (code == MC_UNAUTHENTICATED)
        mc__http_res_set(res, MC_STR("WWW-Authenticate"), MC_STR("Bearer"));
    if (wants_retry(code))
        add_retry_after(res, ctx);
    if (ctx && ctx->failure_code.len > 0)
        write_error_object(out, ctx->failure_code, message);
    if (ctx && !opaque_message(code))
        write_errors(out, ctx);
    end(out, message, ctx ? ctx->failure_meta : MC_STR(""));
}

void mc_http_error(mc_http_res *res, const mc_ctx *ctx, const mc_err *err)
{
    mc_http_error_as(res, ctx, err, mc_http_error_message(ctx, err));
}

/* Browsers' clients name JSON; "*" alone is what tools send. */
static bool wants_json(const mc_http_req *req)
{
    mc_str accept = mc_http_header(req, MC_STR("accept"));

    return mc_str_find(accept, MC_STR("/json")) < accept.len ||
           mc_str_find(accept, MC_STR("+json")) < accept.len;
}

void mc_http_no_route(mc_http_res *res, const mc_http_req *req)
{
    bool is_other_method = req->match.allow.len > 0;
    int status = is_other_method ? 405 : 404;
    mc_str phrase = is_other_method ? MC_STR("Method Not Allowed") : MC_STR("Not Found");

    if (wants_json(req)) {
        mc_http_error_status(res, status, phrase);
    } else {
        mc_buf_clear(begin(res, status));
        mc_buf_str(&res->body, phrase);
        mc_http_content_type(res, MC_STR("text/plain; charset=utf-8"));
    }
    if (is_other_method)
        mc__http_res_set(res, MC_STR("Allow"), req->match.allow);
}
