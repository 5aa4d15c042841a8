/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/utf8.h"

#include <stdlib.h>
#include <utf8proc.h>

#define LOCAL_MAX 64 /* bytes before '@', RFC 5321 section 4.5.3.1.1 */
#define LABEL_MAX 63
#define SLUG_MAX 60

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Beyond ASCII: RFC 6531; the whole text is valid UTF-8. */
static bool is_letter(char c)
{
    return is_alnum(c) || (unsigned char)c >= 0x80;
}

/* ---- addresses ---- */

/* Dot-atoms only: quoted local parts exist on paper. */
static bool is_local_part(mc_str s)
{
    char before = '.';

    if (!s.len || s.len > LOCAL_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_good =
            is_letter(c) || (c && strchr("!#$%&'*+/=?^_`{|}~-", c)) || (c == '.' && before != '.');

        if (!is_good)
            return false;
        before = c;
    }
    return before != '.';
}

static bool is_label(mc_str s)
{
    if (!s.len || s.len > LABEL_MAX || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_letter(s.ptr[i]) && s.ptr[i] != '-')
            return false;
    return true;
}

static bool is_domain(mc_str s)
{
    mc_str label;

    if (!s.len || s.ptr[s.len - 1] == '.')
        return false;
    while (mc_str_split(&s, '.', &label))
        if (!is_label(label))
            return false;
    return true;
}

static bool is_address(mc_str s)
{
    size_t at = mc_str_find_char(s, 0, '@');

    return s.len <= MC_AUTH_EMAIL_MAX && at < s.len && mc_utf8_is_valid(s) &&
           is_local_part(mc_str_slice(s, 0, at)) && is_domain(mc_str_slice(s, at + 1, s.len));
}

mc_code mc__email_normalize(mc_arena *arena, mc_str text, mc_str *out, bool *out_is_valid,
                            mc_err *err)
{
    mc_str trimmed = mc_str_trim(text), lowered = mc_str_lower(arena, trimmed);

    if (trimmed.len && !lowered.ptr)
        return mc_fail(err, MC_NO_MEMORY, "auth: address");
    *out = lowered;
    *out_is_valid = is_address(lowered);
    return MC_OK;
}

/* ---- roles ---- */

mc_code mc__role_normalize_strict(mc_arena *arena, mc_str text, mc_str *out, mc_err *err)
{
    mc_str trimmed = mc_str_trim(text), role = mc_str_lower(arena, trimmed);

    if (trimmed.len && !role.ptr)
        return mc_fail(err, MC_NO_MEMORY, "auth: role");
    if (!role.len || role.len > MC__ROLE_MAX)
        return mc_fail(err, MC_INVALID, "auth: a role has 1..%d bytes", MC__ROLE_MAX);
    for (size_t i = 0; i < role.len; i++)
        if (!is_alnum(role.ptr[i]) && role.ptr[i] != '_' && role.ptr[i] != '-')
            return mc_fail(err, MC_INVALID, "auth: a role is letters, digits, '_' and '-'");
    *out = role;
    return MC_OK;
}

/* ---- slugs ---- */

/* Letters and digits of folded, the runs between them as one '-'. */
static mc_str squeeze(char *folded, size_t len)
{
    size_t n = 0;
    bool is_gap = false;

    for (size_t i = 0; i < len && n < SLUG_MAX; i++) {
        if (folded[i] == '\'')
            continue; /* "Ann's" is one word */
        if (!is_alnum(folded[i])) {
            is_gap = n > 0;
            continue;
        }
        if (is_gap && n + 1 < SLUG_MAX)
            folded[n++] = '-';
        is_gap = false;
        folded[n++] = folded[i];
    }
    while (n && folded[n - 1] == '-')
        n--;
    return mc_str_of(folded, n);
}

mc_code mc__slug_of(mc_arena *arena, mc_str name, mc_str *out, mc_err *err)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)name.ptr, (utf8proc_ssize_t)name.len, &folded,
                     UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STRIPMARK |
                         UTF8PROC_CASEFOLD);
    mc_str slug = {NULL, 0};

    if (len == UTF8PROC_ERROR_NOMEM)
        return mc_fail(err, MC_NO_MEMORY, "auth: slug");
    if (len > 0)
        slug = squeeze((char *)folded, (size_t)len);
    slug = mc_str_copy(arena, slug.len ? slug : MC_STR("organization"));
    free(folded);
    if (!slug.ptr)
        return mc_fail(err, MC_NO_MEMORY, "auth: slug");
    *out = slug;
    return MC_OK;
}
