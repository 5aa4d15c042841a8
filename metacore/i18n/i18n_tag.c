/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/i18n/i18n_internal.h"

#define WEIGHT_ONE 1000u

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* RFC 5646 section 2.1.1: regions are upper case, scripts are titles, all else is lower. */
static void set_case(char *subtag, size_t len, bool is_first)
{
    for (size_t i = 0; i < len; i++) {
        bool is_upper = !is_first && (len == 2 || (len == 4 && i == 0 && is_alpha(subtag[0])));

        subtag[i] = is_upper ? upper(subtag[i]) : lower(subtag[i]);
    }
}

bool mc__tag_parse(mc_str text, mc__tag *out)
{
    mc__tag tag = {.len = 0};
    size_t start = 0;

    if (text.len == 0 || text.len > MC__TAG_MAX)
        return false;
    for (size_t i = 0; i <= text.len; i++) {
        bool is_end = i == text.len || text.ptr[i] == '-' || text.ptr[i] == '_';
        bool is_first = start == 0;

        if (!is_end) {
            if (is_first ? !is_alpha(text.ptr[i]) : !is_alnum(text.ptr[i]))
                return false;
            tag.text[i] = text.ptr[i];
            continue;
        }
        if (i - start < (is_first ? 2u : 1u) || i - start > 8)
            return false;
        set_case(tag.text + start, i - start, is_first);
        if (i < text.len)
            tag.text[i] = '-';
        start = i + 1;
    }
    tag.len = (uint8_t)text.len;
    *out = tag;
    return true;
}

bool mc__tag_shorten(mc_str *tag)
{
    size_t len = tag->len;

    while (len > 0 && tag->ptr[len - 1] != '-')
        len--;
    if (len == 0)
        return false;
    len--;
    if (len >= 2 && tag->ptr[len - 2] == '-') /* a single letter only introduces what follows */
        len -= 2;
    tag->len = len;
    return true;
}

/* ---- Accept-Language ---- */

typedef struct range {
    mc__tag tag; /* len 0: "*" */
    unsigned weight;
} range;

typedef struct ranges {
    range items[MC_I18N_RANGES_MAX];
    size_t count;
} ranges;

/* 0, 0.5, 0.125, 1, 1.000: RFC 9110 section 12.4.2. */
static bool parse_weight(mc_str text, unsigned *out)
{
    unsigned weight, unit = WEIGHT_ONE / 10;

    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.'))
        return false;
    weight = text.ptr[0] == '1' ? WEIGHT_ONE : 0;
    for (size_t i = 2; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        weight += (unsigned)(text.ptr[i] - '0') * unit;
    }
    if (weight > WEIGHT_ONE)
        return false;
    *out = weight;
    return true;
}

static bool parse_range(mc_str part, range *out)
{
    size_t semicolon = mc_str_find_char(part, 0, ';');
    mc_str name = mc_str_trim(mc_str_slice(part, 0, semicolon));
    mc_str param = mc_str_trim(mc_str_slice(part, semicolon + 1, part.len));
    range parsed = {.weight = WEIGHT_ONE};

    if (semicolon < part.len) {
        if (param.len < 2 || lower(param.ptr[0]) != 'q' || param.ptr[1] != '=' ||
            !parse_weight(mc_str_slice(param, 2, param.len), &parsed.weight))
            return false;
    }
    if (!mc_str_eq(name, MC_STR("*")) && !mc__tag_parse(name, &parsed.tag))
        return false;
    *out = parsed;
    return true;
}

/* Heaviest first; equals keep their order. */
static void insert(ranges *list, const range *item)
{
    size_t at = list->count++;

    while (at > 0 && list->items[at - 1].weight < item->weight) {
        list->items[at] = list->items[at - 1];
        at--;
    }
    list->items[at] = *item;
}

static void parse_ranges(mc_str header, ranges *out)
{
    mc_str part;
    range item;

    out->count = 0;
    while (out->count < MC_I18N_RANGES_MAX && mc_str_split(&header, ',', &part)) {
        if (parse_range(part, &item))
            insert(out, &item);
    }
}

/* Whether lang is range itself or a form of it: es-MX of es. */
static bool covers(mc_str wide, mc_str lang)
{
    return mc_str_eq(wide, lang) ||
           (lang.len > wide.len && lang.ptr[wide.len] == '-' && mc_str_starts_with(lang, wide));
}

static bool is_excluded(const ranges *list, mc_str lang)
{
    for (size_t i = 0; i < list->count; i++) {
        const range *r = &list->items[i];

        if (r->weight == 0 && r->tag.len && covers(mc__tag_str(&r->tag), lang))
            return true;
    }
    return false;
}

static const mc_str *find_lang(const mc_i18n_texts *texts, mc_str lang)
{
    for (size_t i = 0; i < texts->lang_count; i++) {
        if (mc_str_eq(texts->langs[i], lang))
            return &texts->langs[i];
    }
    return NULL;
}

static const mc_str *first_of(const mc_i18n_texts *texts, const ranges *list, mc_str wide)
{
    for (size_t i = 0; i < texts->lang_count; i++) {
        if ((wide.len == 0 || covers(wide, texts->langs[i])) && !is_excluded(list, texts->langs[i]))
            return &texts->langs[i];
    }
    return NULL;
}

static const mc_str *match(const mc_i18n_texts *texts, const ranges *list, const range *r)
{
    mc_str wanted = mc__tag_str(&r->tag);
    const mc_str *found;

    if (r->tag.len == 0)
        return is_excluded(list, texts->default_lang) ? first_of(texts, list, MC_STR(""))
                                                      : &texts->default_lang;
    found = find_lang(texts, wanted);
    if (found)
        return found;
    while (mc__tag_shorten(&wanted)) {
        found = find_lang(texts, wanted);
        if (found && !is_excluded(list, *found))
            return found;
    }
    return first_of(texts, list, mc__tag_str(&r->tag));
}

mc_str mc_i18n_negotiate(mc_i18n *i18n, mc_str accept_language)
{
    mc_str lang = i18n->default_lang;
    const mc_str *found = NULL;
    const mc_i18n_texts *texts;
    ranges list;

    parse_ranges(accept_language, &list);
    if (list.count == 0)
        return lang;
    texts = mc_i18n_texts_ref(i18n);
    for (size_t i = 0; i < list.count && list.items[i].weight > 0 && !found; i++)
        found = match(texts, &list, &list.items[i]);
    if (found)
        lang = *found; /* interned: outlives the snapshot */
    mc_i18n_texts_unref(texts);
    return lang;
}
