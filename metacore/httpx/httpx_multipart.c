/* SPDX-License-Identifier: Apache-2.0 */
/* multipart/form-data, RFC 7578 on RFC 2046 section 5.1, as browsers send it and no wider. */
#include "metacore/httpx/httpx_internal.h"

#include "metacore/base/utf8.h"

#define BOUNDARY_BYTES_MAX 70 /* RFC 2046 section 5.1.1 */
#define CRLF_LEN 2

typedef struct scan {
    mc_arena *arena;
    mc_str body;
    size_t at;
    char delimiter_bytes[BOUNDARY_BYTES_MAX + 4];
    mc_str delimiter; /* CRLF "--" boundary */
    mc_err *err;
} scan;

static mc_code fail(const scan *s, const char *what)
{
    return mc_fail(s->err, MC_INVALID, "invalid multipart body at byte %zu: %s", s->at, what);
}

static bool is_boundary(mc_str b)
{
    if (b.len == 0 || b.len > BOUNDARY_BYTES_MAX || b.ptr[b.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < b.len; i++) {
        char c = b.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("'()+_,-./:=? ", c))))
            return false;
    }
    return true;
}

static mc_code read_boundary(scan *s, mc_str content_type)
{
    mc_str rest = content_type, type = mc__http_attr_head(&rest), boundary = {NULL, 0};
    mc__http_attr attr;

    if (!mc_str_eq_nocase(type, MC_STR("multipart/form-data")))
        return mc_fail(s->err, MC_UNSUPPORTED, "unsupported media type: send multipart/form-data");
    while (mc__http_attr_next(s->arena, &rest, &attr)) {
        if (!mc_str_eq_nocase(attr.name, MC_STR("boundary")))
            continue;
        if (boundary.ptr)
            return mc_fail(s->err, MC_INVALID, "invalid multipart body: two boundaries");
        boundary = attr.value;
    }
    if (rest.len > 0 || !is_boundary(boundary))
        return mc_fail(s->err, MC_INVALID, "invalid multipart body: no usable boundary");
    memcpy(s->delimiter_bytes, "\r\n--", 4);
    memcpy(s->delimiter_bytes + 4, boundary.ptr, boundary.len);
    s->delimiter = mc_str_of(s->delimiter_bytes, boundary.len + 4);
    return MC_OK;
}

static bool starts_here(const scan *s, mc_str what)
{
    return mc_str_starts_with(mc_str_slice(s->body, s->at, s->body.len), what);
}

/* ---- one part's headers ---- */

static bool is_clean(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return mc_utf8_is_valid(text);
}

static mc_code read_disposition(scan *s, mc_str value, mc_http_part *out)
{
    mc__http_attr attr;
    bool has_name = false, has_filename = false;

    if (!mc_str_eq_nocase(mc__http_attr_head(&value), MC_STR("form-data")))
        return fail(s, "a part that is not form-data");
    while (mc__http_attr_next(s->arena, &value, &attr)) {
        bool is_name = mc_str_eq_nocase(attr.name, MC_STR("name"));
        bool is_filename = mc_str_eq_nocase(attr.name, MC_STR("filename"));

        if ((is_name && has_name) || (is_filename && has_filename))
            return fail(s, "a part with two names");
        if (!is_clean(attr.value))
            return fail(s, "a name that is not clean UTF-8");
        if (is_name)
            out->name = attr.value;
        if (is_filename)
            out->filename = attr.value;
        has_name |= is_name;
        has_filename |= is_filename;
    }
    return value.len == 0 && has_name ? MC_OK : fail(s, "a malformed Content-Disposition");
}

static mc_code read_encoding(scan *s, mc_str value)
{
    static const mc_str plain[] = {MC_STR_INIT("binary"), MC_STR_INIT("8bit"), MC_STR_INIT("7bit")};

    for (size_t i = 0; i < MC_LEN(plain); i++) {
        if (mc_str_eq_nocase(value, plain[i]))
            return MC_OK;
    }
    return fail(s, "a Content-Transfer-Encoding, which forms do not have");
}

enum { SEEN_DISPOSITION = 1, SEEN_TYPE = 2, SEEN_ENCODING = 4 };

static mc_code read_header(scan *s, mc_str line, mc_http_part *out, unsigned *seen)
{
    size_t colon = mc_str_find_char(line, 0, ':');
    mc_str name = mc_str_slice(line, 0, colon);
    mc_str value = mc_str_trim(mc_str_slice(line, colon + 1, line.len));
    unsigned which = 0;

    if (colon == line.len || !mc__http_is_token(name))
        return fail(s, "a malformed header");
    for (size_t i = 0; i < value.len; i++) {
        if (((unsigned char)value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return fail(s, "a control character in a header");
    }
    if (mc_str_eq_nocase(name, MC_STR("content-disposition")))
        which = SEEN_DISPOSITION;
    else if (mc_str_eq_nocase(name, MC_STR("content-type")))
        which = SEEN_TYPE;
    else if (mc_str_eq_nocase(name, MC_STR("content-transfer-encoding")))
        which = SEEN_ENCODING;
    if (*seen & which)
        return fail(s, "a header that stands twice");
    *seen |= which;
    switch (which) {
    case SEEN_DISPOSITION:
        return read_disposition(s, value, out);
    case SEEN_TYPE:
        out->content_type = value;
        return MC_OK;
    case SEEN_ENCODING:
        return read_encoding(s, value);
    default:
        return MC_OK; /* RFC 7578 section 4.8: others are ignored */
    }
}

/* From the line after a delimiter up to and with the empty line. */
static mc_code read_head(scan *s, mc_http_part *out)
{
    size_t from = s->at;
    unsigned seen = 0;

    for (;;) {
        mc_str rest = mc_str_slice(s->body, s->at, from + MC_HTTP_PART_HEAD_MAX);
        size_t end = mc_str_find(rest, MC_STR("\r\n"));
        mc_code rc;

        if (end == rest.len)
            return fail(s, "a part's headers are too long or have no end");
        if (end == 0) {
            s->at += CRLF_LEN;
            return seen & SEEN_DISPOSITION ? MC_OK : fail(s, "a part without Content-Disposition");
        }
        rc = read_header(s, mc_str_slice(rest, 0, end), out, &seen);
        if (rc != MC_OK)
            return rc;
        s->at += end + CRLF_LEN;
    }
}

/* Data up to the next delimiter; s->at moves behind it. */
static mc_code read_data(scan *s, mc_http_part *out)
{
    mc_str rest;
    size_t end;

    /* An empty part's delimiter shares its CRLF with the end of the headers. */
    s->at -= CRLF_LEN;
    if (starts_here(s, s->delimiter)) {
        out->data = mc_str_slice(s->body, s->at + CRLF_LEN, s->at + CRLF_LEN);
        s->at += s->delimiter.len;
        return MC_OK;
    }
    s->at += CRLF_LEN;
    rest = mc_str_slice(s->body, s->at, s->body.len);
    end = mc_str_find(rest, s->delimiter);
    if (end == rest.len)
        return fail(s, "a part without its closing boundary");
    out->data = mc_str_slice(rest, 0, end);
    s->at += end + s->delimiter.len;
    return MC_OK;
}

/* Behind a delimiter: another part (CRLF), or the end ("--", then at most one CRLF). */
static mc_code read_delimiter_tail(scan *s, bool *out_is_over)
{
    if (starts_here(s, MC_STR("\r\n"))) {
        s->at += CRLF_LEN;
        *out_is_over = false;
        return MC_OK;
    }
    if (!starts_here(s, MC_STR("--")))
        return fail(s, "text behind a boundary");
    s->at += 2;
    if (starts_here(s, MC_STR("\r\n")))
        s->at += CRLF_LEN;
    if (s->at < s->body.len)
        return fail(s, "text behind the last boundary");
    *out_is_over = true;
    return MC_OK;
}

static mc_code add_part(scan *s, const mc_http_part *part, mc_http_part **parts, size_t count,
                        size_t *cap)
{
    if (count == MC_HTTP_PARTS_MAX)
        return fail(s, "too many parts");
    if (count == *cap) {
        size_t more = *cap ? *cap * 2 : 4;
        mc_http_part *grown =
            mc_arena_realloc(s->arena, *parts, *cap * sizeof(*grown), more * sizeof(*grown));

        if (!grown)
            return mc_fail(s->err, MC_NO_MEMORY, "multipart body");
        *parts = grown;
        *cap = more;
    }
    (*parts)[count] = *part;
    return MC_OK;
}

mc_code mc_http_multipart_parse(mc_arena *arena, mc_str content_type, mc_str body,
                                const mc_http_part **out_parts, size_t *out_count, mc_err *err)
{
    scan s = {.arena = arena, .body = body, .err = err};
    mc_http_part *parts = NULL;
    size_t count = 0, cap = 0;
    bool is_over = false;
    mc_code rc = read_boundary(&s, content_type);

    if (rc != MC_OK)
        return rc;
    if (!starts_here(&s, mc_str_slice(s.delimiter, CRLF_LEN, s.delimiter.len)))
        return fail(&s, "it does not begin with its boundary");
    s.at = s.delimiter.len - CRLF_LEN;
    rc = read_delimiter_tail(&s, &is_over);
    while (rc == MC_OK && !is_over) {
        mc_http_part part = {.name = {NULL, 0}};

        rc = read_head(&s, &part);
        if (rc == MC_OK)
            rc = read_data(&s, &part);
        if (rc == MC_OK)
            rc = add_part(&s, &part, &parts, count++, &cap);
        if (rc == MC_OK)
            rc = read_delimiter_tail(&s, &is_over);
    }
    if (rc != MC_OK)
        return rc;
    *out_parts = parts;
    *out_count = count;
    return MC_OK;
}
