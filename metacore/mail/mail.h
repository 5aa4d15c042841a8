/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MAIL_MAIL_H
#define METACORE_MAIL_MAIL_H

/**
 * mail: a message as mail programs read it: headers, and the same in plain text and in HTML.
 *
 * Whatever is put into a header stays in its header: line ends and control characters become
 * blanks, and what is not ASCII is encoded. The same mail is the same bytes however often it is
 * written, its Message-ID included, so that a receiver recognizes one that is sent again.
 *
 * Not here: sending (security/smtp_client.h), what is said (notifications).
 * Threads:  functions.
 * Standard: RFC 5322; RFC 2045, 2046 (multipart/alternative, quoted-printable) and 2047 (subjects);
 *           RFC 3834 (Auto-Submitted).
 */

#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"

MC_BEGIN_DECLS

#define MC_MAIL_NAME_MAX 200 /* bytes of a sender's name */

/** Somebody: "Name <local@domain>", or the address alone. */
typedef struct mc_mail_party {
    mc_str name; /* UTF-8, may be empty */
    mc_str address;
} mc_mail_party;

/** Errors: INVALID: no address (mc_smtp_is_address), or a name with control characters. */
MC_API MC_MUST_USE mc_code mc_mail_party_parse(mc_str text, mc_mail_party *out, mc_err *err);

typedef struct mc_mail {
    mc_mail_party from;
    mc_mail_party to;
    mc_str subject; /* UTF-8, one line */
    mc_str text;    /* UTF-8, lines end in LF or CRLF */
    mc_str html;    /* a whole page or a piece of one; empty: made of text */
    mc_uuid id;     /* the Message-ID, at the sender's domain */
    mc_time at;     /* the Date */
} mc_mail;

/** The message onto out, with CRLF line ends. Errors: INVALID: an address. TOO_LARGE, NO_MEMORY:
 *  out's. */
MC_API MC_MUST_USE mc_code mc_mail_write(const mc_mail *mail, mc_buf *out, mc_err *err);

/** Text for an HTML page or an attribute's value in quotes: & < > " ' are escaped. */
MC_API void mc_mail_write_html(mc_buf *out, mc_str text);

MC_END_DECLS
#endif
