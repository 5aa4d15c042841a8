/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MAIL_MAIL_INTERNAL_H
#define METACORE_MAIL_MAIL_INTERNAL_H

#include "metacore/mail/mail.h"

/* mail_header.c */
/* Text as the rest of a header's line that `used` bytes of are written: as it is when it may be,
 * else in encoded words, folded. */
void mc__mail_write_text(mc_buf *out, mc_str text, size_t used);
/* A name and its address. */
void mc__mail_write_party(mc_buf *out, const mc_mail_party *party, size_t used);

/* mail_body.c */
/* Bytes in quoted-printable, with the line end that text may lack. */
void mc__mail_write_quoted(mc_buf *out, mc_str text);
/* A page that says what text says: paragraphs, and https addresses as links. */
void mc__mail_write_page(mc_buf *out, mc_str text);

#endif
