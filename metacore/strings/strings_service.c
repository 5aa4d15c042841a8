/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/strings/strings.h"

#include "metacore/base/buf.h"
#include "metacore/base/utf8.h"

#include <utf8proc.h>

static bool is_letter_or_digit(uint32_t rune)
{
    switch (utf8proc_category((utf8proc_int32_t)rune)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
        return true;
    default:
        return false;
    }
}

static void write_rune(mc_buf *out, utf8proc_int32_t rune)
{
    utf8proc_uint8_t bytes[4];

    mc_buf_bytes(out, bytes, (size_t)utf8proc_encode_char(rune, bytes));
}

mc_code mc_strings_title_case(mc_arena *arena, mc_str text, mc_str *out, mc_err *err)
{
    bool is_word_start = true;
    size_t pos = 0;
    uint32_t rune;
    mc_buf buf;
    mc_code rc;

    mc_buf_init_arena(&buf, arena, 0);
    while (mc_utf8_next(text, &pos, &rune)) {
        utf8proc_int32_t lower = utf8proc_tolower((utf8proc_int32_t)rune);

        write_rune(&buf, is_word_start ? utf8proc_toupper(lower) : lower);
        is_word_start = !is_letter_or_digit(rune);
    }
    if (pos < text.len)
        return mc_fail(err, MC_INVALID, "title case: the text is not UTF-8");
    rc = mc_buf_check(&buf, "title case", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&buf);
    return rc;
}

mc_code mc_strings_label(mc_arena *arena, mc_str name, mc_str *out, mc_err *err)
{
    mc_str spaced = mc_str_copy(arena, name);

    if (name.len && !spaced.ptr)
        return mc_fail(err, MC_NO_MEMORY, "label");
    for (size_t i = 0; i < spaced.len; i++) {
        if (spaced.ptr[i] == '_')
            ((char *)spaced.ptr)[i] = ' '; /* our own copy, just made */
    }
    return mc_strings_title_case(arena, spaced, out, err);
}
