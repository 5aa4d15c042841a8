/* SPDX-License-Identifier: Apache-2.0 */
/* Spans as OTLP's JSON has them: ids in hexadecimal, 64-bit numbers as strings. */
#include "metacore/base/json.h"
#include "metacore/base/utf8.h"
#include "metacore/obs/span_internal.h"
#include "metacore/obs/trace.h"

#include <stdio.h>

#define KIND_SERVER 2
#define STATUS_ERROR 2

static void copy_text(mc__short_text *out, mc_str text)
{
    mc_str kept = text.len > sizeof(out->bytes) ? mc_utf8_truncate(text, sizeof(out->bytes)) : text;

    if (kept.len > sizeof(out->bytes)) /* what is no UTF-8 has no characters to be cut between */
        kept.len = sizeof(out->bytes);
    out->len = (uint8_t)kept.len;
    if (kept.len)
        memcpy(out->bytes, kept.ptr, kept.len);
}

void mc__span_copy(mc__span *out, const mc_span *span)
{
    const mc_trace *trace = span->trace;

    memcpy(out->trace_id, trace->trace_id, sizeof(out->trace_id));
    memcpy(out->span_id, trace->span_id, sizeof(out->span_id));
    memcpy(out->parent_id, trace->parent_id, sizeof(out->parent_id));
    out->flags = trace->flags;
    out->started_at = span->started_at;
    out->duration_us = span->duration_us;
    out->status = span->status;
    out->user_id = span->user_id;
    out->org_id = span->org_id;
    copy_text(&out->method, span->method);
    copy_text(&out->route, span->route);
    copy_text(&out->path, span->path);
    copy_text(&out->scheme, span->scheme);
    copy_text(&out->request_id, span->request_id);
}

static mc_str text_of(const mc__short_text *text)
{
    return mc_str_of(text->bytes, text->len);
}

static void write_text(mc_buf *out, bool *is_first, const char *key, mc_str value)
{
    if (value.len == 0)
        return;
    mc_buf_str(out, *is_first ? MC_STR("{\"key\":\"") : MC_STR(",{\"key\":\""));
    *is_first = false;
    mc_buf_str(out, mc_z(key));
    mc_buf_lit(out, "\",\"value\":{\"stringValue\":");
    mc_json_write_str(out, value);
    mc_buf_lit(out, "}}");
}

static void write_uuid(mc_buf *out, bool *is_first, const char *key, mc_uuid id)
{
    char text[MC_UUID_TEXT_LEN];

    if (mc_uuid_is_nil(id))
        return;
    mc_uuid_format(id, text);
    write_text(out, is_first, key, mc_str_of(text, sizeof(text)));
}

static void write_id(mc_buf *out, const char *name, const unsigned char *id, size_t count)
{
    char hex[32];

    mc_trace_hex(id, count, hex);
    mc_buf_printf(out, "\"%s\":\"%.*s\",", name, (int)(2 * count), hex);
}

static void write_attributes(mc_buf *out, const mc__span *span)
{
    mc_str method = text_of(&span->method);
    bool is_first = true;

    write_text(out, &is_first, "http.request.method", method.len ? method : MC_STR("_OTHER"));
    write_text(out, &is_first, "http.route", text_of(&span->route));
    write_text(out, &is_first, "url.path", text_of(&span->path));
    write_text(out, &is_first, "url.scheme", text_of(&span->scheme));
    write_text(out, &is_first, "metacore.request_id", text_of(&span->request_id));
    write_uuid(out, &is_first, "user.id", span->user_id);
    write_uuid(out, &is_first, "metacore.org_id", span->org_id);
    if (span->status >= 500) {
        char status[16];

        (void)snprintf(status, sizeof(status), "%d", span->status);
        write_text(out, &is_first, "error.type", mc_z(status));
    }
    mc_buf_printf(out, ",{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"%d\"}}",
                  span->status);
}

/* "GET /api/dynamic/:model": few names, whatever is asked for. */
static void write_name(mc_buf *out, const mc__span *span)
{
    mc_str method = text_of(&span->method), route = text_of(&span->route);
    char name[260];

    (void)snprintf(name, sizeof(name), "%.*s%s%.*s", MC_FMT(method.len ? method : MC_STR("HTTP")),
                   route.len ? " " : "", MC_FMT(route)); /* both are short */
    mc_buf_lit(out, "\"name\":");
    mc_json_write_str(out, mc_z(name));
}

static bool is_zero(const unsigned char *id, size_t count)
{
    unsigned char any = 0;

    for (size_t i = 0; i < count; i++)
        any |= id[i];
    return any == 0;
}

static void write_span(mc_buf *out, const mc__span *span)
{
    mc_buf_char(out, '{');
    write_id(out, "traceId", span->trace_id, sizeof(span->trace_id));
    write_id(out, "spanId", span->span_id, sizeof(span->span_id));
    if (!is_zero(span->parent_id, sizeof(span->parent_id)))
        write_id(out, "parentSpanId", span->parent_id, sizeof(span->parent_id));
    write_name(out, span);
    mc_buf_printf(out,
                  ",\"kind\":%d,\"flags\":%d,\"startTimeUnixNano\":\"%lld\","
                  "\"endTimeUnixNano\":\"%lld\",\"attributes\":[",
                  KIND_SERVER, span->flags, (long long)span->started_at * 1000,
                  (long long)(span->started_at + span->duration_us) * 1000);
    write_attributes(out, span);
    mc_buf_lit(out, "],\"status\":{");
    if (span->status >= 500)
        mc_buf_printf(out, "\"code\":%d", STATUS_ERROR);
    mc_buf_lit(out, "}}");
}

void mc__spans_write(mc_buf *out, const mc_span_exporter_config *config, const mc__span *spans,
                     size_t count)
{
    bool is_first = true;

    mc_buf_lit(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    write_text(out, &is_first, "service.name", config->service_name);
    write_text(out, &is_first, "service.version", config->service_version);
    mc_buf_lit(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"metacore\"},\"spans\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        write_span(out, &spans[i]);
    }
    mc_buf_lit(out, "]}]}]}");
}
