/* SPDX-License-Identifier: Apache-2.0 */
/* Headers: what is ASCII and short stays, all else is encoded words of RFC 2047. */
#include "metacore/mail/mail_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/utf8.h"

#define LINE_MAX_BYTES 76 /* RFC 2047, 2: of a line that holds an encoded word */
#define WORD_START "=?UTF-8?B?"
#define WORD_END "?="

static bool is_plain(mc_str text, size_t used)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return false;
    }
    /* What looks like an encoded word would be read as one. */
    return used + text.len <= LINE_MAX_BYTES && mc_str_find(text, MC_STR("=?")) == text.len;
}

/* A character's bytes at *pos, control characters and what is no UTF-8 replaced. */
static mc_str next_character(mc_str text, size_t *pos)
{
    size_t from = *pos;
    uint32_t rune;

    if (!mc_utf8_next(text, pos, &rune)) {
        (*pos)++;
        return MC_STR("\xef\xbf\xbd");
    }
    /* U+2028 and U+2029 are line ends to some programs. */
    if (rune < ' ' || (rune >= 0x7f && rune < 0xa0) || rune == 0x2028 || rune == 0x2029)
        return MC_STR(" ");
    return mc_str_slice(text, from, *pos);
}

static size_t word_bytes(size_t plain)
{
    return sizeof(WORD_START WORD_END) - 1 + (plain + 2) / 3 * 4;
}

static void write_words(mc_buf *out, mc_str text, size_t used)
{
    char room[LINE_MAX_BYTES];
    size_t pos = 0, len = 0;
    bool is_first = true;

    while (pos < text.len || len > 0) {
        size_t before = pos;
        mc_str c = pos < text.len ? next_character(text, &pos) : MC_STR("");

        if (c.len > 0 && used + word_bytes(len + c.len) <= LINE_MAX_BYTES) {
            memcpy(room + len, c.ptr, c.len);
            len += c.len;
            continue;
        }
        pos = before;
        if (!is_first || len == 0)
            mc_buf_lit(out, "\r\n ");
        if (len > 0) {
            mc_buf_lit(out, WORD_START);
            mc_base64_write(out, mc_str_of(room, len));
            mc_buf_lit(out, WORD_END);
        }
        is_first = len == 0; /* the line is new already */
        used = 1;
        len = 0;
    }
}

void mc__mail_write_text(mc_buf *out, mc_str text, size_t used)
{
    if (is_plain(text, used))
        mc_buf_str(out, text);
    else
        write_words(out, text, used);
}

static void write_name(mc_buf *out, mc_str name, size_t used)
{
    if (!is_plain(name, used + 2)) {
        write_words(out, name, used);
        return;
    }
    mc_buf_char(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            mc_buf_char(out, '\\');
        mc_buf_char(out, name.ptr[i]);
    }
    mc_buf_char(out, '"');
}

void mc__mail_write_party(mc_buf *out, const mc_mail_party *party, size_t used)
{
    if (party->name.len) {
        write_name(out, party->name, used);
        mc_buf_lit(out, "\r\n ");
    }
    mc_buf_printf(out, "<%.*s>", MC_FMT(party->address));
}
