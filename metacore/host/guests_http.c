/* SPDX-License-Identifier: Apache-2.0 */
/* The way out for guests: declared hosts only, through the guarded client. */
#include "metacore/base/encode.h"
#include "metacore/base/utf8.h"
#include "metacore/host/guests_internal.h"

#define CALL_MS_MAX 30000
#define BODY_BYTES_MAX ((size_t)8 << 20)
#define HEADERS_MAX 32

static int64_t time_left_ms(const mc__invocation *call, int64_t deadline_us)
{
    int64_t left = (deadline_us - mc_clock_monotonic_us(call->guests->app->config.clock)) / 1000;

    return left < 1 ? 1 : left > CALL_MS_MAX ? CALL_MS_MAX : left;
}

static const char *code_of(mc_code rc)
{
    return rc == MC_FORBIDDEN ? "forbidden" : rc == MC_INVALID ? "bad_request" : "transport";
}

static mc_code fetch(mc__invocation *call, mc_arena *arena, mc_http_call *request,
                     int64_t deadline_us, mc_http_reply *out, mc_err *err)
{
    mc_code rc = mc_capability_check_url(call->guest->capabilities, request->url, err);

    request->timeout_ms = time_left_ms(call, deadline_us);
    request->max_body_bytes = BODY_BYTES_MAX;
    request->trace = &call->ctx->trace;
    return rc == MC_OK ? mc_http_client_call(call->guests->client, arena, request, out, err) : rc;
}

/* ---- http_fetch: flat answers ---- */

static void write_flat_error(mc_buf *out, const char *code, mc_str message)
{
    mc_buf_printf(out, "{\"error\":\"%s\",\"message\":", code);
    mc_json_write_str(out, message);
    mc_buf_char(out, '}');
}

mc_code mc__guest_fetch(mc__invocation *call, mc_arena *arena, const mc_str *args,
                        int64_t deadline_us, mc_buf *out, mc_err *err)
{
    static const mc_http_pair json = {MC_STR_INIT("Content-Type"), MC_STR_INIT("application/json")};
    mc_http_call request = {.url = args[0],
                            .method = args[1],
                            .headers = &json,
                            .header_count = args[2].len > 0,
                            .body = args[2]};
    mc_http_reply reply;
    mc_err why;
    mc_code rc = fetch(call, arena, &request, deadline_us, &reply, &why);

    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "http_fetch");
    if (rc != MC_OK) {
        write_flat_error(out, code_of(rc), mc_z(why.msg));
        return MC_OK;
    }
    mc_buf_lit(out, "{\"body\":");
    mc_json_write_str(out, reply.body);
    mc_buf_printf(out, ",\"status\":%d}", reply.status);
    if (mc_buf_failed(out) || mc_buf_get(out).len > MC_WASM_MESSAGE_MAX) {
        mc_buf_clear(out);
        write_flat_error(out, "transport", MC_STR("response exceeds size cap"));
    }
    return MC_OK;
}

/* ---- http_request: envelopes, and headers of the guest's own ---- */

/* What frames the message, and whom it is for, is the URL's and ours to say. */
static bool is_ours(mc_str name)
{
    static const mc_str ours[] = {MC_STR_INIT("host"),       MC_STR_INIT("content-length"),
                                  MC_STR_INIT("connection"), MC_STR_INIT("transfer-encoding"),
                                  MC_STR_INIT("upgrade"),    MC_STR_INIT("te"),
                                  MC_STR_INIT("trailer"),    MC_STR_INIT("expect")};

    for (size_t i = 0; i < MC_LEN(ours); i++) {
        if (mc_str_eq_nocase(name, ours[i]))
            return true;
    }
    return false;
}

/* An object of texts; nothing is none. */
static mc_code read_headers(mc_arena *arena, mc_str text, mc_http_call *request, mc_err *err)
{
    const mc_json *json = NULL;
    mc_http_pair *pairs;
    mc_code rc;

    if (text.len == 0)
        return MC_OK;
    rc = mc_json_parse(arena, text, NULL, &json, err);
    if (rc != MC_OK)
        return rc;
    if (json->kind != MC_JSON_OBJECT || json->as.object.count > HEADERS_MAX)
        return mc_fail(err, MC_INVALID, "headers must be an object of at most %d texts",
                       HEADERS_MAX);
    pairs = mc_arena_array(arena, mc_http_pair, json->as.object.count);
    if (!pairs)
        return mc_fail(err, MC_NO_MEMORY, "http_request");
    for (size_t i = 0; i < json->as.object.count; i++) {
        pairs[i].name = json->as.object.members[i].key;
        if (is_ours(pairs[i].name) ||
            !mc_json_get_str(json->as.object.members[i].value, &pairs[i].value))
            return mc_fail(err, MC_INVALID,
                           "header \"%.*s\" is not for an addon to set, or no text",
                           MC_FMT(mc_utf8_truncate(pairs[i].name, 64)));
    }
    request->headers = pairs;
    request->header_count = json->as.object.count;
    return MC_OK;
}

static void write_reply(const mc_http_reply *reply, mc_buf *out)
{
    mc_buf_printf(out,
                  "{\"success\":true,\"data\":{\"status\":%d,\"content_type\":", reply->status);
    mc_json_write_str(out, reply->content_type);
    mc_buf_lit(out, ",\"body\":");
    if (mc_utf8_is_valid(reply->body)) {
        mc_json_write_str(out, reply->body);
    } else {
        mc_buf_lit(out, "\"\",\"body_base64\":\"");
        mc_base64_write(out, reply->body);
        mc_buf_lit(out, "\",\"body_is_base64\":true");
    }
    mc_buf_str(out, reply->is_truncated ? MC_STR(",\"truncated\":true}")
                                        : MC_STR(",\"truncated\":false}"));
}

static void write_error(const char *code, mc_str message, mc_buf *out)
{
    mc_buf_printf(out, "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", code);
    mc_json_write_str(out, message);
    mc_buf_char(out, '}');
}

mc_code mc__guest_request(mc__invocation *call, mc_arena *arena, const mc_str *args,
                          int64_t deadline_us, mc_buf *out, mc_err *err)
{
    int64_t began_us = mc_clock_monotonic_us(call->guests->app->config.clock);
    mc_http_call request = {.url = args[0], .method = args[1], .body = args[3]};
    mc_http_reply reply;
    mc_err why;
    mc_code rc = read_headers(arena, args[2], &request, &why);

    if (rc == MC_OK)
        rc = fetch(call, arena, &request, deadline_us, &reply, &why);
    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "http_request");
    if (rc == MC_OK)
        write_reply(&reply, out);
    else
        write_error(code_of(rc), mc_z(why.msg), out);
    mc__guest_write_meta(call, began_us, false, out);
    if (mc_buf_failed(out) || mc_buf_get(out).len > MC_WASM_MESSAGE_MAX) {
        mc_buf_clear(out);
        write_error("transport", MC_STR("response exceeds size cap"), out);
        mc__guest_write_meta(call, began_us, false, out);
    }
    return MC_OK;
}
