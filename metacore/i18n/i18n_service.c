/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/i18n/i18n_internal.h"

#include <stdlib.h>

/* ---- snapshots ---- */

static mc__catalog *ref(mc__catalog *catalog)
{
    if (catalog)
        atomic_fetch_add_explicit(&catalog->refs, 1, memory_order_relaxed);
    return catalog;
}

static mc_i18n_texts *texts_new(size_t addon_count, mc_err *err)
{
    mc_i18n_texts *self = calloc(1, sizeof(*self) + addon_count * sizeof(mc__catalog *));

    if (!self)
        (void)mc_fail(err, MC_NO_MEMORY, "i18n: texts");
    else
        atomic_init(&self->refs, 1);
    return self;
}

void mc_i18n_texts_unref(const mc_i18n_texts *texts)
{
    mc_i18n_texts *self = (mc_i18n_texts *)texts; /* const to readers, counted by us */

    if (!self || atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) > 1)
        return;
    mc__catalog_unref(self->host);
    mc__catalog_unref(self->kernel);
    for (size_t i = 0; i < self->addon_count; i++)
        mc__catalog_unref(self->addons[i]);
    free(self);
}

static int by_text(const void *a, const void *b)
{
    return mc_str_cmp(*(const mc_str *)a, *(const mc_str *)b);
}

static void add_langs(mc_i18n_texts *texts, const mc__catalog *catalog)
{
    for (size_t i = 0; catalog && i < catalog->lang_count; i++) {
        size_t k = 0;

        while (k < texts->lang_count && !mc_str_eq(texts->langs[k], catalog->langs[i].lang))
            k++;
        if (k == texts->lang_count) /* all are interned, so there are never too many */
            texts->langs[texts->lang_count++] = catalog->langs[i].lang;
    }
}

static void collect_langs(mc_i18n_texts *texts)
{
    add_langs(texts, texts->host);
    add_langs(texts, texts->kernel);
    for (size_t i = 0; i < texts->addon_count; i++)
        add_langs(texts, texts->addons[i]);
    qsort(texts->langs, texts->lang_count, sizeof(texts->langs[0]), by_text);
}

/* The first addon whose name is not before source. */
static size_t addon_at(const mc_i18n_texts *texts, mc_str source)
{
    size_t low = 0, high = texts->addon_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mc_str_cmp(texts->addons[middle]->source, source) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const mc__catalog *find_addon(const mc_i18n_texts *texts, mc_str source)
{
    size_t at = source.len ? addon_at(texts, source) : texts->addon_count;

    return at < texts->addon_count && mc_str_eq(texts->addons[at]->source, source)
               ? texts->addons[at]
               : NULL;
}

/* What is now, with source's catalog replaced (NULL: without it). Takes catalog. */
static mc_i18n_texts *texts_with(const mc_i18n_texts *now, mc_str source, mc__catalog *catalog,
                                 mc_err *err)
{
    mc_i18n_texts *next = texts_new(now->addon_count + 1, err);
    size_t at = addon_at(now, source);

    if (!next) {
        mc__catalog_unref(catalog);
        return NULL;
    }
    next->default_lang = now->default_lang;
    next->kernel = ref(now->kernel);
    next->host = source.len ? ref(now->host) : catalog;
    for (size_t i = 0; i < now->addon_count; i++) {
        if (source.len && i == at && catalog)
            next->addons[next->addon_count++] = catalog;
        if (source.len == 0 || !mc_str_eq(now->addons[i]->source, source))
            next->addons[next->addon_count++] = ref(now->addons[i]);
    }
    if (source.len && at == now->addon_count && catalog)
        next->addons[next->addon_count++] = catalog;
    collect_langs(next);
    return next;
}

const mc_i18n_texts *mc_i18n_texts_ref(mc_i18n *i18n)
{
    mc_i18n_texts *now;

    mc_mutex_lock(&i18n->mu);
    now = i18n->now;
    atomic_fetch_add_explicit(&now->refs, 1, memory_order_relaxed);
    mc_mutex_unlock(&i18n->mu);
    return now;
}

uint64_t mc_i18n_texts_generation(const mc_i18n_texts *texts)
{
    return texts->generation;
}

/* ---- the service ---- */

static mc_code open_kernel(mc_i18n *self, mc_err *err)
{
    mc_i18n_texts *first = texts_new(0, err);
    mc_code rc;

    if (!first)
        return MC_NO_MEMORY;
    self->now = first;
    first->default_lang = self->default_lang;
    first->generation = 1;
    rc = mc__catalog_kernel(self, &first->kernel, err);
    if (rc == MC_OK)
        collect_langs(first);
    return rc;
}

mc_code mc_i18n_new(const mc_i18n_config *config, mc_i18n **out, mc_err *err)
{
    mc_str lang = config && config->default_lang.len ? config->default_lang : MC_STR("en");
    mc_i18n *self;
    mc__tag tag;
    mc_code rc;

    if (!mc__tag_parse(lang, &tag))
        return mc_fail(err, MC_INVALID, "i18n: config.default_lang: \"%.*s\" is no language tag",
                       MC_FMT(lang));
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "i18n: service");
    mc_mutex_init(&self->mu);
    atomic_init(&self->generation, 1);
    rc = mc__intern(self, &tag, &self->default_lang, err);
    if (rc == MC_OK)
        rc = open_kernel(self, err);
    if (rc != MC_OK) {
        mc_i18n_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_i18n_free(mc_i18n *i18n)
{
    if (!i18n)
        return;
    mc_i18n_texts_unref(i18n->now);
    mc_mutex_deinit(&i18n->mu);
    free(i18n);
}

static mc_code replace(mc_i18n *i18n, mc_str source, const mc_json *catalog, mc_err *err)
    MC_REQUIRES(i18n->mu)
{
    mc__catalog *parsed = NULL;
    mc_i18n_texts *next;
    mc_code rc = MC_OK;

    if (catalog)
        rc = mc__catalog_parse(i18n, source, catalog, &parsed, err);
    if (rc != MC_OK)
        return rc;
    next = texts_with(i18n->now, source, parsed, err);
    if (!next)
        return MC_NO_MEMORY;
    next->generation = i18n->now->generation + 1;
    mc_i18n_texts_unref(i18n->now);
    i18n->now = next;
    atomic_store(&i18n->generation, next->generation);
    return MC_OK;
}

mc_code mc_i18n_put(mc_i18n *i18n, mc_str source, const mc_json *catalog, mc_err *err)
{
    mc_code rc;

    if (catalog && catalog->kind == MC_JSON_NULL)
        catalog = NULL;
    mc_mutex_lock(&i18n->mu);
    rc = replace(i18n, source, catalog, err);
    mc_mutex_unlock(&i18n->mu);
    return rc;
}

mc_code mc_i18n_remove(mc_i18n *i18n, mc_str source, mc_err *err)
{
    return mc_i18n_put(i18n, source, NULL, err);
}

uint64_t mc_i18n_generation(const mc_i18n *i18n)
{
    return atomic_load(&i18n->generation);
}

mc_str mc_i18n_default_lang(const mc_i18n *i18n)
{
    return i18n->default_lang;
}

mc_code mc_i18n_langs(mc_i18n *i18n, mc_arena *arena, mc_strs *out, mc_err *err)
{
    const mc_i18n_texts *texts = mc_i18n_texts_ref(i18n);
    size_t count = texts->lang_count;
    mc_str *langs = mc_arena_array(arena, mc_str, count);

    for (size_t i = 0; langs && i < count; i++)
        langs[i] = texts->langs[i];
    mc_i18n_texts_unref(texts);
    if (!langs)
        return mc_fail(err, MC_NO_MEMORY, "i18n: languages");
    *out = (mc_strs){langs, count};
    return MC_OK;
}

/* ---- texts ---- */

static bool find_in(const mc_i18n_texts *texts, const mc__catalog *addon, mc_str lang, mc_str key,
                    mc_str *out)
{
    const mc__catalog *order[] = {texts->host, addon, texts->kernel};

    for (size_t i = 0; i < MC_LEN(order); i++) {
        const mc_str *text = order[i] ? mc__catalog_find(order[i], lang, key) : NULL;

        if (text) {
            *out = *text;
            return true;
        }
    }
    return false;
}

bool mc_i18n_find(const mc_i18n_texts *texts, mc_str lang, mc_str source, mc_str key, mc_str *out)
{
    const mc__catalog *addon = find_addon(texts, source);

    if (lang.len) {
        do {
            if (find_in(texts, addon, lang, key, out))
                return true;
        } while (mc__tag_shorten(&lang));
    }
    return find_in(texts, addon, texts->default_lang, key, out);
}

mc_str mc_i18n_translate(mc_i18n *i18n, mc_arena *arena, mc_str lang, mc_str source, mc_str key)
{
    const mc_i18n_texts *texts = mc_i18n_texts_ref(i18n);
    mc_str text, copy = {NULL, 0};

    if (mc_i18n_find(texts, lang, source, key, &text))
        copy = mc_str_copy(arena, text);
    mc_i18n_texts_unref(texts);
    return copy.ptr ? copy : key;
}

void mc_i18n_format(mc_buf *out, mc_str text, const mc_i18n_arg *args, size_t arg_count)
{
    size_t at = 0;

    while (at < text.len) {
        size_t open = mc_str_find_char(text, at, '{');
        size_t close = mc_str_find_char(text, open, '}');
        mc_str name = mc_str_slice(text, open + 1, close);
        size_t i = 0;

        mc_buf_str(out, mc_str_slice(text, at, open));
        while (close < text.len && i < arg_count && !mc_str_eq(args[i].name, name))
            i++;
        if (open < text.len && close < text.len && i < arg_count) {
            mc_buf_str(out, args[i].value);
            at = close + 1;
        } else {
            mc_buf_str(out, mc_str_slice(text, open, open + 1));
            at = open + 1;
        }
    }
}
