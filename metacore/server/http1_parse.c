/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/http1_internal.h"

#define METHOD_BYTES_MAX 32

static const mc__http1_refusal fine = {0, NULL};

static mc__http1_refusal bad(const char *why)
{
    return (mc__http1_refusal){400, why};
}

mc__http1_scan mc__http1_find_end(mc_str bytes, size_t *pos)
{
    size_t at = *pos;

    for (;;) {
        size_t lf = mc_str_find_char(bytes, at, '\n');

        if (lf == bytes.len) {
            *pos = bytes.len;
            return MC__HTTP1_MORE;
        }
        if (lf == 0 || bytes.ptr[lf - 1] != '\r')
            return MC__HTTP1_BAD;
        if (lf >= 3 && bytes.ptr[lf - 2] == '\n') {
            *pos = lf + 1;
            return MC__HTTP1_WHOLE;
        }
        at = lf + 1;
    }
}

/* RFC 9110 section 5.6.2: tchar. */
static bool is_token_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char((unsigned char)s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

/* ---- the request line ---- */

/* absolute-form becomes origin-form: what counts is Host (RFC 9112 section 3.2.2). */
static mc_str strip_authority(mc_str target)
{
    size_t scheme = mc_str_find(target, MC_STR("://"));
    mc_str rest = mc_str_slice(target, scheme + 3, target.len);
    size_t slash = mc_str_find_char(rest, 0, '/');

    return slash < rest.len ? mc_str_slice(rest, slash, rest.len) : MC_STR("/");
}

static bool is_absolute(mc_str target)
{
    return mc_str_eq_nocase(mc_str_slice(target, 0, 7), MC_STR("http://")) ||
           mc_str_eq_nocase(mc_str_slice(target, 0, 8), MC_STR("https://"));
}

static mc__http1_refusal read_target(mc_str target, mc_message *out)
{
    size_t query;

    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '#')
            return bad("the request target has a character that must be encoded");
    }
    if (is_absolute(target))
        target = strip_authority(target);
    if (target.len == 0 || target.ptr[0] != '/')
        return bad("the request target is no path");
    query = mc_str_find_char(target, 0, '?');
    out->target = target;
    out->path = mc_str_slice(target, 0, query);
    out->query = mc_str_slice(target, query + 1, target.len);
    return fine;
}

static mc__http1_refusal read_version(mc_str version, mc__http1_head *out)
{
    if (mc_str_eq(version, MC_STR("HTTP/1.1")))
        return fine;
    if (mc_str_eq(version, MC_STR("HTTP/1.0"))) {
        out->is_1_0 = true;
        return fine;
    }
    if (mc_str_starts_with(version, MC_STR("HTTP/")) && version.len == 8)
        return (mc__http1_refusal){505, "HTTP version not supported"};
    return bad("malformed request line");
}

static mc__http1_refusal read_request_line(mc_str line, mc__http1_head *out)
{
    size_t first = mc_str_find_char(line, 0, ' ');
    size_t second = mc_str_find_char(line, first + 1, ' ');
    mc__http1_refusal r;

    out->message.method = mc_str_slice(line, 0, first);
    if (second >= line.len || mc_str_find_char(line, second + 1, ' ') < line.len ||
        !is_token(out->message.method) || out->message.method.len > METHOD_BYTES_MAX)
        return bad("malformed request line");
    r = read_version(mc_str_slice(line, second + 1, line.len), out);
    if (r.status == 0)
        r = read_target(mc_str_slice(line, first + 1, second), &out->message);
    out->message.is_head = mc_str_eq(out->message.method, MC_STR("HEAD"));
    return r;
}

/* ---- header fields ---- */

static mc__http1_refusal read_field(char *line, size_t len, mc_header *out)
{
    mc_str text = mc_str_of(line, len);
    size_t colon = mc_str_find_char(text, 0, ':');
    mc_str value;

    if (line[0] == ' ' || line[0] == '\t')
        return bad("a folded header line");
    if (colon == len || !is_token(mc_str_slice(text, 0, colon)))
        return bad("a malformed header name");
    for (size_t i = 0; i < colon; i++) {
        if (line[i] >= 'A' && line[i] <= 'Z')
            line[i] = (char)(line[i] + ('a' - 'A'));
    }
    value = mc_str_slice(text, colon + 1, len);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return bad("a control character in a header");
    }
    out->name = mc_str_slice(text, 0, colon);
    out->value = mc_str_trim(value);
    return fine;
}

static bool has_list_token(mc_str list, mc_str wanted)
{
    mc_str item;

    while (mc_str_split(&list, ',', &item)) {
        if (mc_str_eq_nocase(mc_str_trim(item), wanted))
            return true;
    }
    return false;
}

static bool is_host(mc_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] <= ' ' || strchr("/?#@\\,\"<>", host.ptr[i]))
            return false;
    }
    return host.len > 0;
}

/* What the fields say about the message as a whole; seen counts those that may come once. */
typedef struct seen {
    unsigned host, length, transfer;
} seen;

static mc__http1_refusal apply_field(const mc_header *field, mc__http1_head *out, seen *s)
{
    if (mc_str_eq(field->name, MC_STR("host"))) {
        if (++s->host > 1 || !is_host(field->value))
            return bad("Host is not one host");
    } else if (mc_str_eq(field->name, MC_STR("content-length"))) {
        if (++s->length > 1 || !mc_str_u64(field->value, 0, INT64_MAX, &out->length))
            return bad("Content-Length is not one number");
        out->has_length = true;
    } else if (mc_str_eq(field->name, MC_STR("transfer-encoding"))) {
        if (++s->transfer > 1)
            return bad("Transfer-Encoding stands twice");
        if (!mc_str_eq_nocase(field->value, MC_STR("chunked")))
            return (mc__http1_refusal){501, "Transfer-Encoding is not chunked"};
        out->is_chunked = true;
    } else if (mc_str_eq(field->name, MC_STR("connection"))) {
        if (has_list_token(field->value, MC_STR("close")))
            out->keep_alive = false;
        else if (out->is_1_0 && has_list_token(field->value, MC_STR("keep-alive")))
            out->keep_alive = true;
    } else if (mc_str_eq(field->name, MC_STR("expect"))) {
        if (!mc_str_eq_nocase(field->value, MC_STR("100-continue")))
            return (mc__http1_refusal){417, "Expect is not 100-continue"};
        out->expects_continue = !out->is_1_0;
    }
    return fine;
}

static mc__http1_refusal check_framing(const mc__http1_head *head, const seen *s)
{
    if (s->host == 0 && !head->is_1_0)
        return bad("Host is missing");
    if (head->is_chunked && head->has_length)
        return bad("both Content-Length and Transfer-Encoding");
    if (head->is_chunked && head->is_1_0)
        return bad("Transfer-Encoding in HTTP/1.0");
    return fine;
}

mc__http1_refusal mc__http1_parse(char *text, size_t len, mc_header *headers, mc__http1_head *out)
{
    mc_str all = mc_str_of(text, len);
    size_t at = mc_str_find(all, MC_STR("\r\n"));
    seen s = {0};
    mc__http1_refusal r;

    *out = (mc__http1_head){.message = {.headers = headers}};
    r = read_request_line(mc_str_slice(all, 0, at), out);
    out->keep_alive = !out->is_1_0;
    for (at += 2; r.status == 0 && at + 2 < len;) {
        size_t end = at + mc_str_find(mc_str_slice(all, at, len), MC_STR("\r\n"));
        mc_header *field = &headers[out->message.header_count];

        if (end >= len)
            return bad("a malformed header line");
        if (out->message.header_count == MC_HEADERS_MAX)
            return (mc__http1_refusal){431, "too many headers"};
        r = read_field(text + at, end - at, field);
        if (r.status == 0)
            r = apply_field(field, out, &s);
        out->message.header_count++;
        at = end + 2;
    }
    return r.status ? r : check_framing(out, &s);
}

mc_str mc_message_header(const mc_message *m, mc_str name, size_t *out_count)
{
    mc_str value = {NULL, 0};
    size_t count = 0;

    for (size_t i = 0; i < m->header_count; i++) {
        if (mc_str_eq(m->headers[i].name, name)) {
            value = m->headers[i].value;
            count++;
        }
    }
    if (out_count)
        *out_count = count;
    return value;
}
