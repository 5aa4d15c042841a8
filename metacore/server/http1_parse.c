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

/* RFC 9110 section 5.6.2: a tchar as itself, letters in lower case; 0: not a tchar. */
static const unsigned char tchars[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b',   ['C'] = 'c',
    ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',   ['J'] = 'j',
    ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p',   ['Q'] = 'q',
    ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w',   ['X'] = 'x',
    ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',   ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l',
    ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',   ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',   ['z'] = 'z',
};

bool mc__http1_is_token(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!tchars[(unsigned char)s.ptr[i]])
            return false;
    }
    return s.len > 0;
}

/* ---- the request line ---- */

/* absolute-form becomes origin-form; its authority must then be what Host says, so that whoever
 * routes by the one and whoever routes by the other agree (RFC 9112 section 3.2.2). */
static mc_str strip_authority(mc_str target, mc_str *out_authority)
{
    size_t start = mc_str_find(target, MC_STR("://")) + 3;
    size_t end = start;

    while (end < target.len && target.ptr[end] != '/' && target.ptr[end] != '?')
        end++;
    *out_authority = mc_str_slice(target, start, end);
    return end < target.len ? mc_str_slice(target, end, target.len) : MC_STR("/");
}

static bool is_absolute(mc_str target)
{
    return mc_str_eq_nocase(mc_str_slice(target, 0, 7), MC_STR("http://")) ||
           mc_str_eq_nocase(mc_str_slice(target, 0, 8), MC_STR("https://"));
}

static mc__http1_refusal read_target(mc_str target, mc_message *out, mc_str *out_authority)
{
    size_t query;

    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '#')
            return bad("the request target has a character that must be encoded");
    }
    if (is_absolute(target))
        target = strip_authority(target, out_authority);
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

/* What the head says that may be said once only, and must not contradict itself. */
typedef struct claims {
    unsigned hosts, lengths, codings;
    mc_str host;
    mc_str authority; /* of an absolute-form target; NULL: none */
    bool closes;
} claims;

static mc__http1_refusal read_request_line(mc_str line, mc__http1_head *out, claims *c)
{
    size_t first = mc_str_find_char(line, 0, ' ');
    size_t second = mc_str_find_char(line, first + 1, ' ');
    mc__http1_refusal r;

    out->message.method = mc_str_slice(line, 0, first);
    if (second >= line.len || mc_str_find_char(line, second + 1, ' ') < line.len ||
        !mc__http1_is_token(out->message.method) || out->message.method.len > METHOD_BYTES_MAX)
        return bad("malformed request line");
    r = read_version(mc_str_slice(line, second + 1, line.len), out);
    if (r.status == 0)
        r = read_target(mc_str_slice(line, first + 1, second), &out->message, &c->authority);
    out->message.is_head = mc_str_eq(out->message.method, MC_STR("HEAD"));
    return r;
}

/* ---- header fields ---- */

/* Checks the name and lower-cases it; where its colon is, or len. */
static size_t read_name(char *line, size_t len)
{
    size_t i = 0;
    unsigned char c;

    while (i < len && (c = tchars[(unsigned char)line[i]]) != 0)
        line[i++] = (char)c;
    return i > 0 && i < len && line[i] == ':' ? i : len;
}

static mc__http1_refusal read_field(char *line, size_t len, mc_header *out)
{
    size_t colon = read_name(line, len);

    if (line[0] == ' ' || line[0] == '\t')
        return bad("a folded header line");
    if (colon == len)
        return bad("a malformed header name");
    for (size_t i = colon + 1; i < len; i++) {
        unsigned char c = (unsigned char)line[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return bad("a control character in a header");
    }
    out->name = mc_str_of(line, colon);
    out->value = mc_str_trim(mc_str_of(line + colon + 1, len - colon - 1));
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
        unsigned char c = (unsigned char)host.ptr[i];

        if (c <= ' ' || c >= 0x7f || strchr("/?#@\\,\"<>", c))
            return false;
    }
    return host.len > 0;
}

static mc__http1_refusal apply_field(const mc_header *field, mc__http1_head *out, claims *c)
{
    if (mc_str_eq(field->name, MC_STR("host"))) {
        if (++c->hosts > 1 || !is_host(field->value))
            return bad("Host is not one host");
        c->host = field->value;
    } else if (mc_str_eq(field->name, MC_STR("content-length"))) {
        if (++c->lengths > 1 || !mc_str_u64(field->value, 0, INT64_MAX, &out->length))
            return bad("Content-Length is not one number");
        out->has_length = true;
    } else if (mc_str_eq(field->name, MC_STR("transfer-encoding"))) {
        if (++c->codings > 1)
            return bad("Transfer-Encoding stands twice");
        if (!mc_str_eq_nocase(field->value, MC_STR("chunked")))
            return (mc__http1_refusal){501, "Transfer-Encoding is not chunked"};
        out->is_chunked = true;
    } else if (mc_str_eq(field->name, MC_STR("connection"))) {
        c->closes |= has_list_token(field->value, MC_STR("close"));
        out->keep_alive |= has_list_token(field->value, MC_STR("keep-alive"));
    } else if (mc_str_eq(field->name, MC_STR("expect"))) {
        if (!mc_str_eq_nocase(field->value, MC_STR("100-continue")))
            return (mc__http1_refusal){417, "Expect is not 100-continue"};
        out->expects_continue = !out->is_1_0;
    }
    return fine;
}

static mc__http1_refusal check_claims(const mc__http1_head *head, const claims *c)
{
    if (c->hosts == 0 && !head->is_1_0)
        return bad("Host is missing");
    if (c->authority.ptr && !is_host(c->authority))
        return bad("the request target has no host");
    if (c->authority.ptr && c->hosts && !mc_str_eq_nocase(c->authority, c->host))
        return bad("Host is not the host of the request target");
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
    claims c = {0};
    mc__http1_refusal r;

    *out = (mc__http1_head){.message = {.headers = headers}};
    r = read_request_line(mc_str_slice(all, 0, at), out, &c);
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
            r = apply_field(field, out, &c);
        out->message.header_count++;
        at = end + 2;
    }
    out->keep_alive &= !c.closes;
    return r.status ? r : check_claims(out, &c);
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
