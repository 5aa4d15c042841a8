/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/i18n/i18n_internal.h"

#include <stdlib.h>

#define CATALOG_BYTES_MAX ((size_t)32 << 20)

mc_code mc__intern(mc_i18n *i18n, const mc__tag *tag, mc_str *out, mc_err *err)
{
    size_t i = 0;

    while (i < i18n->tag_count && !mc_str_eq(mc__tag_str(&i18n->tags[i]), mc__tag_str(tag)))
        i++;
    if (i == MC_I18N_LANGS_MAX)
        return mc_fail(err, MC_LIMIT, "i18n: more than %d languages", MC_I18N_LANGS_MAX);
    if (i == i18n->tag_count) {
        i18n->tags[i] = *tag;
        i18n->tag_count++;
    }
    *out = mc__tag_str(&i18n->tags[i]);
    return MC_OK;
}

static mc_code no_memory(mc_err *err)
{
    return mc_fail(err, MC_NO_MEMORY, "i18n: catalog");
}

static mc_code catalog_new(mc_str source, mc__catalog **out, mc_err *err)
{
    mc__catalog *self = calloc(1, sizeof(*self));

    if (!self)
        return no_memory(err);
    atomic_init(&self->refs, 1);
    self->arena = mc_arena_new(CATALOG_BYTES_MAX);
    if (self->arena)
        self->source = mc_str_copy(self->arena, source);
    if (!self->arena || (source.len && !self->source.ptr)) {
        mc__catalog_unref(self);
        return no_memory(err);
    }
    *out = self;
    return MC_OK;
}

void mc__catalog_unref(mc__catalog *catalog)
{
    /* acq_rel: whoever is last must see what the others did with it. */
    if (!catalog || atomic_fetch_sub_explicit(&catalog->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < catalog->lang_count; i++)
        mc_map_deinit(&catalog->langs[i].texts);
    mc_arena_free(catalog->arena);
    free(catalog);
}

static size_t find_lang(const mc__catalog *catalog, mc_str lang)
{
    size_t i = 0;

    while (i < catalog->lang_count && !mc_str_eq_nocase(catalog->langs[i].lang, lang))
        i++;
    return i;
}

const mc_str *mc__catalog_find(const mc__catalog *catalog, mc_str lang, mc_str key)
{
    size_t i = find_lang(catalog, lang);

    return i < catalog->lang_count ? mc_map_find(&catalog->langs[i].texts, key) : NULL;
}

static mc_code add_lang(mc_i18n *i18n, mc__catalog *catalog, mc_str name, mc_map **out, mc_err *err)
{
    mc__tag tag;
    mc_str lang;
    mc_code rc;
    size_t i;

    if (!mc__tag_parse(name, &tag))
        return mc_fail(err, MC_INVALID, "i18n: \"%.*s\" is no language tag", MC_FMT(name));
    rc = mc__intern(i18n, &tag, &lang, err);
    if (rc != MC_OK)
        return rc;
    i = find_lang(catalog, lang);
    if (i == catalog->lang_count) {
        catalog->langs[i].lang = lang;
        catalog->lang_count++;
    }
    *out = &catalog->langs[i].texts;
    return MC_OK;
}

/* key and text are borrowed by the catalog. */
static mc_code add_text(mc__catalog *catalog, mc_map *texts, mc_str key, mc_str text, mc_err *err)
{
    mc_str *held = mc_arena_object(catalog->arena, mc_str);

    if (!held)
        return no_memory(err);
    *held = text;
    return mc_map_put(texts, key, held, err);
}

static mc_code add_copy(mc__catalog *catalog, mc_map *texts, mc_str key, mc_str text, mc_err *err)
{
    mc_str own_key = mc_str_copy(catalog->arena, key);
    mc_str own_text = mc_str_copy(catalog->arena, text);

    if ((!own_key.ptr && key.len) || (!own_text.ptr && text.len))
        return no_memory(err);
    return add_text(catalog, texts, own_key, own_text, err);
}

static mc_code add_locale(mc_i18n *i18n, mc__catalog *catalog, const mc_json_member *locale,
                          size_t *budget, mc_err *err)
{
    const mc_json *object = locale->value;
    mc_map *texts;
    mc_code rc;

    if (object->kind == MC_JSON_NULL)
        return MC_OK;
    if (object->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "i18n: %.*s is a %s", MC_FMT(locale->key),
                       mc_json_kind_name(object));
    rc = add_lang(i18n, catalog, locale->key, &texts, err);
    for (size_t i = 0; i < object->as.object.count && rc == MC_OK; i++) {
        const mc_json_member *member = &object->as.object.members[i];
        mc_str text;

        if (!mc_json_get_str(member->value, &text))
            return mc_fail(err, MC_INVALID, "i18n: %.*s: \"%.*s\" is a %s", MC_FMT(locale->key),
                           MC_FMT(member->key), mc_json_kind_name(member->value));
        if ((*budget)-- == 0)
            return mc_fail(err, MC_LIMIT, "i18n: more than %d texts", MC_I18N_KEYS_MAX);
        rc = add_copy(catalog, texts, member->key, text, err);
    }
    return rc;
}

mc_code mc__catalog_parse(mc_i18n *i18n, mc_str source, const mc_json *json, mc__catalog **out,
                          mc_err *err)
{
    size_t budget = MC_I18N_KEYS_MAX;
    mc__catalog *self;
    mc_code rc;

    if (json->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "i18n: the catalog is a %s", mc_json_kind_name(json));
    rc = catalog_new(source, &self, err);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < json->as.object.count && rc == MC_OK; i++)
        rc = add_locale(i18n, self, &json->as.object.members[i], &budget, err);
    if (rc != MC_OK) {
        mc__catalog_unref(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

mc_code mc__catalog_kernel(mc_i18n *i18n, mc__catalog **out, mc_err *err)
{
    mc_map *english = NULL, *spanish = NULL;
    mc__catalog *self;
    mc_code rc = catalog_new(MC_STR(""), &self, err);

    if (rc != MC_OK)
        return rc;
    rc = add_lang(i18n, self, MC_STR("en"), &english, err);
    if (rc == MC_OK)
        rc = add_lang(i18n, self, MC_STR("es"), &spanish, err);
    for (size_t i = 0; i < mc__kernel_text_count && rc == MC_OK; i++) {
        const mc__kernel_text *text = &mc__kernel_texts[i];

        rc = add_text(self, english, mc_z(text->key), mc_z(text->en), err);
        if (rc == MC_OK)
            rc = add_text(self, spanish, mc_z(text->key), mc_z(text->es), err);
    }
    if (rc != MC_OK) {
        mc__catalog_unref(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}
