/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's sentences: English is what the code says, and also what finds the translation. */
#include "metacore/i18n/i18n_internal.h"

#define ARGS_MAX 4

typedef struct parts {
    mc_i18n_arg args[ARGS_MAX];
    size_t count;
} parts;

/* Takes what stands at *at before literal, the text that follows a "{name}" of the template. */
static bool take_value(mc_str english, size_t *at, mc_str name, mc_str literal, bool is_last,
                       parts *out)
{
    mc_str rest = mc_str_slice(english, *at, english.len);
    size_t end = is_last ? rest.len - literal.len : mc_str_find(rest, literal);

    if (out->count == ARGS_MAX || (is_last ? !mc_str_ends_with(rest, literal) : end == rest.len))
        return false;
    out->args[out->count++] = (mc_i18n_arg){name, mc_str_slice(rest, 0, end)};
    *at += end + literal.len;
    return true;
}

/* Whether english is template with a value for each of its names. */
static bool matches(mc_str template, mc_str english, parts *out)
{
    size_t open = mc_str_find_char(template, 0, '{');
    mc_str head = mc_str_slice(template, 0, open);
    size_t at = head.len;

    out->count = 0;
    if (open == template.len)
        return mc_str_eq(template, english);
    if (!mc_str_starts_with(english, head))
        return false;
    while (open < template.len) {
        size_t close = mc_str_find_char(template, open, '}');
        size_t next = mc_str_find_char(template, close, '{');

        if (!take_value(english, &at, mc_str_slice(template, open + 1, close),
                        mc_str_slice(template, close + 1, next), next == template.len, out))
            return false;
        open = next;
    }
    return at == english.len;
}

static mc_str key_of(mc_str english, parts *out)
{
    for (size_t i = 0; i < mc__kernel_text_count; i++) {
        mc_str key = mc_z(mc__kernel_texts[i].key);

        if (mc_str_starts_with(key, MC_STR("metacore.message.")) &&
            matches(mc_z(mc__kernel_texts[i].en), english, out))
            return key;
    }
    return MC_STR("");
}

/* A value may be a sentence itself: "…, in row 7". */
static bool say(const mc_i18n_texts *texts, mc_arena *arena, mc_str lang, mc_str english,
                bool is_value, mc_str *out)
{
    parts found;
    mc_str key = key_of(english, &found), text;
    mc_buf buf;

    if (key.len == 0 || !mc_i18n_find(texts, lang, MC_STR(""), key, &text))
        return false;
    for (size_t i = 0; i < found.count && !is_value; i++) {
        if (mc_str_eq(found.args[i].name, MC_STR("why")))
            (void)say(texts, arena, lang, found.args[i].value, true, &found.args[i].value);
    }
    mc_buf_init_arena(&buf, arena, 0);
    mc_i18n_format(&buf, text, found.args, found.count);
    if (mc_buf_failed(&buf))
        return false; /* English is better than nothing */
    *out = mc_buf_get(&buf);
    return true;
}

bool mc_i18n_say(mc_i18n *i18n, mc_arena *arena, mc_str lang, mc_str english, mc_str *out)
{
    const mc_i18n_texts *texts = mc_i18n_texts_ref(i18n);
    bool is_said = say(texts, arena, lang, english, false, out);

    mc_i18n_texts_unref(texts);
    return is_said;
}
