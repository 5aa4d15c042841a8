/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission.h"

#include "metacore/permission/permission_internal.h"

#include <stdlib.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The dot between resource and action: the last one, for a resource may contain some. */
static size_t dot_of(mc_str text)
{
    size_t at = text.len;

    while (at > 0 && text.ptr[at - 1] != '.')
        at--;
    return at > 0 ? at - 1 : 0;
}

mc_str mc_capability(mc_arena *arena, mc_str resource, mc_str action)
{
    mc_str what = mc_str_lower(arena, mc_str_trim(resource));
    mc_str how = mc_str_trim(action);

    if (!what.len)
        return how;
    if (!how.len)
        return what;
    return mc_str_printf(arena, "%.*s.%.*s", MC_FMT(what), MC_FMT(how));
}

bool mc__capability_parse(mc_str text, mc__capability *out)
{
    mc_str trimmed = mc_str_trim(text);

    if (!trimmed.len || trimmed.len > sizeof(out->text))
        return false;
    out->len = trimmed.len;
    out->resource_len = dot_of(trimmed);
    memcpy(out->text, trimmed.ptr, trimmed.len);
    for (size_t i = 0; i < out->resource_len; i++)
        out->text[i] = lower(trimmed.ptr[i]);
    return true;
}

mc_str mc__role_normalize(mc_str role, char out[MC_ROLE_MAX])
{
    mc_str trimmed = mc_str_trim(role);

    if (trimmed.len > MC_ROLE_MAX)
        return MC_STR("");
    for (size_t i = 0; i < trimmed.len; i++)
        out[i] = lower(trimmed.ptr[i]);
    return mc_str_of(out, trimmed.len);
}

/* ---- sets of them ---- */

static int by_text(const void *a, const void *b)
{
    return mc_str_cmp(*(const mc_str *)a, *(const mc_str *)b);
}

static bool has(const mc__held *held, mc_str text)
{
    return held->count && bsearch(&text, held->items, held->count, sizeof(mc_str), by_text) != NULL;
}

void mc__held_normalize(mc_arena *arena, mc_str *items, size_t *count, bool *out_ok)
{
    size_t kept = 0, unique = 0;

    *out_ok = true;
    for (size_t i = 0; i < *count && *out_ok; i++) {
        mc__capability one;

        if (!mc__capability_parse(items[i], &one))
            continue; /* a row that could never match */
        items[kept] = mc_str_copy(arena, mc__capability_text(&one));
        *out_ok = items[kept].ptr != NULL;
        kept++;
    }
    if (kept)
        qsort(items, kept, sizeof(*items), by_text);
    for (size_t i = 0; i < kept; i++)
        if (!unique || !mc_str_eq(items[unique - 1], items[i]))
            items[unique++] = items[i];
    *count = unique;
}

/* read and index are one action under two names: clients ask for either. */
static mc_str other_name_of(mc_str action)
{
    if (mc_str_eq(action, MC_STR("read")))
        return MC_STR("index");
    if (mc_str_eq(action, MC_STR("index")))
        return MC_STR("read");
    return MC_STR("");
}

/* Whether "<resource>.<action>" is held, built in room as long as any capability. */
static bool has_action(const mc__held *held, const mc__capability *wanted, mc_str action)
{
    char text[MC_CAPABILITY_MAX + sizeof(".index")];
    size_t len = wanted->resource_len + 1; /* with the dot */

    memcpy(text, wanted->text, len);
    memcpy(text + len, action.ptr, action.len);
    return has(held, mc_str_of(text, len + action.len));
}

bool mc__held_covers(const mc__held *held, const mc__capability *wanted)
{
    mc_str text = mc__capability_text(wanted), alias;

    if (has(held, text) || has(held, MC_STR("*")))
        return true;
    if (!wanted->resource_len)
        return false;
    if (has_action(held, wanted, MC_STR("*")))
        return true;
    alias = other_name_of(mc_str_slice(text, wanted->resource_len + 1, text.len));
    return alias.len && has_action(held, wanted, alias);
}

bool mc_capability_covers(mc_str held, mc_str wanted)
{
    mc__capability one, asked;
    mc_str text;

    if (!mc__capability_parse(held, &one) || !mc__capability_parse(wanted, &asked))
        return false;
    text = mc__capability_text(&one);
    return mc__held_covers(&(mc__held){.count = 1, .items = &text}, &asked);
}
