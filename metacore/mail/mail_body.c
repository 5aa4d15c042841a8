/* SPDX-License-Identifier: Apache-2.0 */
/* What stands below the headers. */
#include "metacore/mail/mail_internal.h"

#define LINE_MAX_BYTES 76 /* RFC 2045, 6.7 */

/* ---- quoted-printable ---- */

static bool is_literal(char c)
{
    return c >= ' ' && c <= '~' && c != '=';
}

static void write_line(mc_buf *out, mc_str line)
{
    size_t used = 0;

    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        /* A blank before a line's end is lost on the way. */
        bool is_plain =
            (is_literal(c) || c == '\t') && !((c == ' ' || c == '\t') && i + 1 == line.len);
        size_t size = is_plain ? 1 : 3;

        if (used + size > LINE_MAX_BYTES - 1) {
            mc_buf_lit(out, "=\r\n");
            used = 0;
        }
        if (is_plain)
            mc_buf_char(out, c);
        else
            mc_buf_printf(out, "=%02X", (unsigned char)c);
        used += size;
    }
    mc_buf_lit(out, "\r\n");
}

void mc__mail_write_quoted(mc_buf *out, mc_str text)
{
    mc_str rest = text, line;

    if (text.len == 0)
        write_line(out, text);
    while (mc_str_split(&rest, '\n', &line)) {
        if (mc_str_ends_with(line, MC_STR("\r")))
            line.len--;
        write_line(out, line);
    }
}

/* ---- HTML ---- */

void mc_mail_write_html(mc_buf *out, mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            mc_buf_lit(out, "&amp;");
            break;
        case '<':
            mc_buf_lit(out, "&lt;");
            break;
        case '>':
            mc_buf_lit(out, "&gt;");
            break;
        case '"':
            mc_buf_lit(out, "&quot;");
            break;
        case '\'':
            mc_buf_lit(out, "&#39;");
            break;
        default:
            mc_buf_char(out, text.ptr[i]);
        }
    }
}

/* Up to a blank; a full stop or a bracket at its end belongs to the sentence. */
static mc_str link_at(mc_str line, size_t at)
{
    size_t end = at;

    while (end < line.len && (unsigned char)line.ptr[end] > ' ' && line.ptr[end] != '<' &&
           line.ptr[end] != '>' && line.ptr[end] != '"')
        end++;
    while (end > at && mc_str_find_char(MC_STR(".,;:!?)]'"), 0, line.ptr[end - 1]) < 9)
        end--;
    return mc_str_slice(line, at, end);
}

static void write_linked(mc_buf *out, mc_str line)
{
    while (line.len) {
        size_t at = mc_str_find(line, MC_STR("https://"));
        mc_str link = link_at(line, at);

        mc_mail_write_html(out, mc_str_slice(line, 0, at));
        if (link.len) {
            mc_buf_lit(out, "<a href=\"");
            mc_mail_write_html(out, link);
            mc_buf_lit(out, "\">");
            mc_mail_write_html(out, link);
            mc_buf_lit(out, "</a>");
        }
        line = mc_str_slice(line, at + link.len, line.len);
    }
}

void mc__mail_write_page(mc_buf *out, mc_str text)
{
    mc_str rest = text, line;
    bool is_open = false;

    mc_buf_lit(out, "<!doctype html>\n<html><head><meta charset=\"utf-8\"></head>\n<body>\n");
    while (mc_str_split(&rest, '\n', &line)) {
        line = mc_str_trim(line);
        if (line.len == 0) {
            mc_buf_str(out, is_open ? MC_STR("</p>\n") : MC_STR(""));
            is_open = false;
            continue;
        }
        mc_buf_str(out, is_open ? MC_STR("<br>\n") : MC_STR("<p>"));
        is_open = true;
        write_linked(out, line);
    }
    mc_buf_str(out, is_open ? MC_STR("</p>\n") : MC_STR(""));
    mc_buf_lit(out, "</body></html>\n");
}
