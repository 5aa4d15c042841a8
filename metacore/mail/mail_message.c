/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/mail/mail_internal.h"

#include "metacore/security/smtp_client.h"

#define HTTP_DATE_LEN 29

mc_code mc_mail_party_parse(mc_str text, mc_mail_party *out, mc_err *err)
{
    mc_mail_party party = {.address = mc_str_trim(text)};

    if (mc_str_ends_with(party.address, MC_STR(">"))) {
        size_t at = party.address.len;

        while (at > 0 && party.address.ptr[at - 1] != '<')
            at--;
        party.name = mc_str_trim(mc_str_slice(party.address, 0, at ? at - 1 : 0));
        party.address = mc_str_slice(party.address, at, party.address.len - 1);
    }
    if (party.name.len >= 2 && party.name.ptr[0] == '"' &&
        mc_str_ends_with(party.name, MC_STR("\"")))
        party.name = mc_str_slice(party.name, 1, party.name.len - 1);
    if (!mc_smtp_is_address(party.address))
        return mc_fail(err, MC_INVALID, "mail: want an address, or Name <address>");
    for (size_t i = 0; i < party.name.len; i++) {
        unsigned char c = (unsigned char)party.name.ptr[i];

        if (c < ' ' || c == 0x7f || c == '<' || c == '>' || c == '"' || c == '\\')
            return mc_fail(err, MC_INVALID, "mail: a name holds no quotes, brackets or line ends");
    }
    if (party.name.len > MC_MAIL_NAME_MAX)
        return mc_fail(err, MC_INVALID, "mail: a name has at most %d bytes", MC_MAIL_NAME_MAX);
    *out = party;
    return MC_OK;
}

/* RFC 5322's date is HTTP's, but that it says its zone in numbers. */
static void write_date(mc_buf *out, mc_time at)
{
    char text[HTTP_DATE_LEN];

    mc_time_http_format(at, text);
    mc_buf_lit(out, "Date: ");
    mc_buf_bytes(out, text, HTTP_DATE_LEN - 3);
    mc_buf_lit(out, "+0000\r\n");
}

static void write_headers(const mc_mail *mail, mc_str domain, mc_buf *out)
{
    write_date(out, mail->at);
    mc_buf_lit(out, "From: ");
    mc__mail_write_party(out, &mail->from, sizeof("From: ") - 1);
    mc_buf_lit(out, "\r\nTo: ");
    mc__mail_write_party(out, &mail->to, sizeof("To: ") - 1);
    mc_buf_lit(out, "\r\nMessage-ID: <");
    mc_uuid_write(out, mail->id);
    mc_buf_printf(out, "@%.*s>\r\nSubject: ", MC_FMT(domain));
    mc__mail_write_text(out, mail->subject, sizeof("Subject: ") - 1);
    mc_buf_lit(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
}

/* "=_" stands in no quoted-printable text, so that no part holds the boundary. */
static void write_boundary(const mc_mail *mail, mc_buf *out)
{
    mc_buf_lit(out, "=_");
    mc_uuid_write(out, mail->id);
}

static void begin_part(const mc_mail *mail, const char *type, mc_buf *out)
{
    mc_buf_lit(out, "--");
    write_boundary(mail, out);
    mc_buf_printf(out,
                  "\r\nContent-Type: %s; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
                  type);
}

static void write_page(const mc_mail *mail, mc_buf *out)
{
    mc_buf page;

    if (mail->html.len) {
        mc__mail_write_quoted(out, mail->html);
        return;
    }
    mc_buf_init(&page, out->max);
    mc__mail_write_page(&page, mail->text);
    if (mc_buf_failed(&page))
        out->failed = true;
    else
        mc__mail_write_quoted(out, mc_buf_get(&page));
    mc_buf_deinit(&page);
}

mc_code mc_mail_write(const mc_mail *mail, mc_buf *out, mc_err *err)
{
    size_t at = mc_str_find_char(mail->from.address, 0, '@');

    if (!mc_smtp_is_address(mail->from.address) || !mc_smtp_is_address(mail->to.address))
        return mc_fail(err, MC_INVALID, "mail: this is no address");
    write_headers(mail, mc_str_slice(mail->from.address, at + 1, mail->from.address.len), out);
    mc_buf_lit(out, "Content-Type: multipart/alternative;\r\n boundary=\"");
    write_boundary(mail, out);
    mc_buf_lit(out, "\"\r\n\r\n");
    begin_part(mail, "text/plain", out);
    mc__mail_write_quoted(out, mail->text);
    begin_part(mail, "text/html", out);
    write_page(mail, out);
    mc_buf_lit(out, "--");
    write_boundary(mail, out);
    mc_buf_lit(out, "--\r\n");
    return mc_buf_check(out, "mail", err);
}
