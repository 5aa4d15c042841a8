/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are keys of a catalog, and which languages lack them. */
#include "metacore/base/map.h"
#include "metacore/review/review_internal.h"

#include <stdio.h>

#define DEPTH_MAX 40
#define KEYS_MAX 2000

typedef struct texts {
    mc__reviewer *r;
    const mc_json *catalog; /* {locale: {key: text}} */
    mc_map seen;
    size_t count;
    char path[200];
    size_t path_len;
} texts;

/* What people read, wherever it stands in a manifest. */
static bool is_shown(mc_str member)
{
    static const char *const names[] = {"label",       "title",          "description",
                                        "placeholder", "confirmMessage", "searchPlaceholder"};

    for (size_t i = 0; i < MC_LEN(names); i++) {
        if (mc_str_eq_nocase(member, mc_z(names[i])))
            return true;
    }
    return false;
}

/* "tickets.fields.subject": words joined by dots, and no sentence. */
static bool is_catalog_key(mc_str text)
{
    size_t dots = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
                       (c >= '0' && c <= '9');

        if (c == '.' && (i == 0 || i + 1 == text.len || text.ptr[i - 1] == '.'))
            return false;
        if (c != '.' && !is_word)
            return false;
        dots += c == '.';
    }
    return dots > 0 && text.ptr[0] >= 'a' && text.ptr[0] <= 'z';
}

static void check_key(texts *t, mc_str key)
{
    mc_str path = mc__review_path(t->r, "%s", t->path);
    mc_buf lacking;
    size_t count = 0;
    mc_err err;

    if (mc_map_find(&t->seen, key) || t->count++ >= KEYS_MAX)
        return;
    if (mc_map_put(&t->seen, key, t, &err) != MC_OK) {
        t->r->is_out_of_memory = true;
        return;
    }
    mc_buf_init_arena(&lacking, t->r->arena, 0);
    for (size_t i = 0; t->catalog && i < t->catalog->as.object.count; i++) {
        const mc_json_member *locale = &t->catalog->as.object.members[i];

        if (!mc_json_find(locale->value, key))
            mc_buf_printf(&lacking, "%s%.*s", count++ ? ", " : "", MC_FMT(locale->key));
    }
    if (count > 0)
        mc__review_warn(t->r, path, "add the key to every language of \"i18n\"",
                        "%.*s: no text for \"%.*s\" in %.*s", MC_FMT(path), MC_FMT(key),
                        MC_FMT(mc_buf_get(&lacking)));
}

static void walk(texts *t, const mc_json *value, int depth);

static void step(texts *t, const mc_json *value, int depth, mc_str name, size_t index)
{
    size_t before = t->path_len;
    size_t room = sizeof(t->path) - before;
    int n = name.ptr ? snprintf(t->path + before, room, ".%.*s", MC_FMT(name))
                     : snprintf(t->path + before, room, "[%zu]", index);

    t->path_len = n > 0 && (size_t)n < room ? before + (size_t)n : before + room - 1;
    if (name.ptr && value->kind == MC_JSON_STRING && is_shown(name) &&
        is_catalog_key(value->as.string))
        check_key(t, value->as.string);
    walk(t, value, depth + 1);
    t->path_len = before;
    t->path[before] = '\0';
}

static void walk(texts *t, const mc_json *value, int depth)
{
    if (depth > DEPTH_MAX)
        return; /* nothing that is shown lies that deep */
    if (value->kind == MC_JSON_OBJECT) {
        for (size_t i = 0; i < value->as.object.count; i++)
            step(t, value->as.object.members[i].value, depth, value->as.object.members[i].key, i);
    } else if (value->kind == MC_JSON_ARRAY) {
        for (size_t i = 0; i < value->as.array.count; i++)
            step(t, value->as.array.items[i], depth, (mc_str){NULL, 0}, i);
    }
}

void mc__review_texts(mc__reviewer *r)
{
    texts t = {.r = r, .catalog = r->manifest->i18n, .path = "manifest", .path_len = 8};
    const mc_json *root = r->manifest->root;

    if (t.catalog && (t.catalog->kind != MC_JSON_OBJECT || t.catalog->as.object.count == 0))
        t.catalog = NULL;
    for (size_t i = 0; root->kind == MC_JSON_OBJECT && i < root->as.object.count; i++) {
        const mc_json_member *member = &root->as.object.members[i];

        if (!mc_str_eq_nocase(member->key, MC_STR("i18n")))
            step(&t, member->value, 1, member->key, i);
    }
    if (!t.catalog && t.count > 0) /* the host may have them all: said once */
        mc__review_warn(r, MC_STR("manifest.i18n"),
                        "add \"i18n\": {\"en\": {key: text}}, or have the host bring the texts",
                        "manifest.i18n: %zu texts are catalog keys, and there is no catalog",
                        t.count);
    mc_map_deinit(&t.seen);
}
