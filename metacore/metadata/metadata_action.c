/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

/* The menu that a browser has by itself, and loses when a model declares any action. */
static const struct {
    const char *key;
    const char *text; /* in the kernel's catalog */
    const char *label;
    const char *icon; /* of the lucide set */
} trio[] = {
    {"view", "metacore.action.view", "View", "Eye"},
    {"edit", "metacore.action.edit", "Edit", "Pencil"},
    {"delete", "metacore.action.delete", "Delete", "Trash2"},
};

static bool is_trio(mc_str key)
{
    for (size_t i = 0; i < MC_LEN(trio); i++) {
        if (mc_str_eq(key, mc_z(trio[i].key)))
            return true;
    }
    return false;
}

/* An action may be declared twice, by the table (own) and by the manifest (base): the table's
 * words go first. Either is NULL when it is declared once. */
typedef struct action {
    mc_str key;
    const mc_json *own;
    const mc_json *base;
} action;

static const mc_json *find(const action *a, const char *key)
{
    const mc_json *value = mc_json_find(a->own, mc_z(key));

    return value ? value : mc_json_find(a->base, mc_z(key));
}

static mc_str text_of(const action *a, const char *key, mc_str fallback)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(find(a, key), &text); /* else the fallback */
    return text.len ? text : fallback;
}

static bool is_true(const action *a, const char *key)
{
    bool value = false;

    return mc_json_get_bool(find(a, key), &value) && value;
}

static const mc_json *list_of(const action *a, const char *key)
{
    const mc_json *list = find(a, key);

    return list && list->kind == MC_JSON_ARRAY && list->as.array.count ? list : NULL;
}

/* A browser that is told of no question to ask first does not send the action at all. */
static bool must_be_executable(const action *a)
{
    return !is_trio(a->key) && !is_true(a, "confirm") &&
           text_of(a, "confirmMessage", MC_STR("")).len == 0 && !list_of(a, "fields") &&
           !list_of(a, "steps") && !find(a, "executable") &&
           !mc_str_eq(text_of(a, "type", MC_STR("")), MC_STR("link"));
}

static void write_fields(mc__writer *w, const mc_json *fields)
{
    mc__w_key(w, MC_STR("fields"));
    mc__w_open(w, '[');
    for (size_t i = 0; i < fields->as.array.count; i++)
        mc__write_field(w, fields->as.array.items[i], NULL);
    mc__w_close(w, ']');
}

static void write_action(mc__writer *w, const action *a)
{
    /* What it triggers is the server's business. */
    static const char *const handled[] = {"key", "name", "label", "fields", "trigger", NULL};
    const mc_json *fields = list_of(a, "fields");

    mc__w_open(w, '{');
    mc__w_str(w, MC_STR("key"), a->key);
    mc__w_str(w, MC_STR("name"), text_of(a, "name", a->key));
    mc__w_text(w, MC_STR("label"), text_of(a, "label", mc__label_of(w, a->key)));
    if (fields)
        write_fields(w, fields);
    mc__w_rest(w, a->own, handled, NULL);
    mc__w_rest(w, a->base, handled, a->own);
    if (is_true(a, "isCollection") && !find(a, "placement"))
        mc__w_str(w, MC_STR("placement"), MC_STR("table"));
    if (must_be_executable(a))
        mc__w_bool(w, MC_STR("executable"), true);
    mc__w_close(w, '}');
}

static const mc_json *find_in(const mc_json *list, mc_str key)
{
    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        if (mc_str_eq(mc__decl_key(list->as.array.items[i]), key))
            return list->as.array.items[i];
    }
    return NULL;
}

/* Those of list that are in no list before it. */
static bool write_list(mc__writer *w, const mc_json *list, const mc_json *before,
                       const mc_json *base)
{
    bool any = false;

    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        action a = {.own = list->as.array.items[i]};

        a.key = mc__decl_key(a.own);
        if (a.key.len == 0 || find_in(before, a.key))
            continue;
        a.base = find_in(base, a.key);
        write_action(w, &a);
        any = true;
    }
    return any;
}

void mc__write_action_list(mc__writer *w, mc_str key, const mc_json *list)
{
    mc__w_key(w, key);
    mc__w_open(w, '[');
    (void)write_list(w, list, NULL, NULL); /* an empty list is fine here */
    mc__w_close(w, ']');
}

static void write_trio(mc__writer *w, const mc_json *own, const mc_json *base)
{
    for (size_t i = 0; i < MC_LEN(trio); i++) {
        mc_str key = mc_z(trio[i].key);

        if (find_in(own, key) || find_in(base, key))
            continue;
        mc__w_open(w, '{');
        mc__w_str(w, MC_STR("key"), key);
        mc__w_str(w, MC_STR("name"), key);
        mc__w_kernel_text(w, MC_STR("label"), trio[i].text, mc_z(trio[i].label));
        mc__w_str(w, MC_STR("icon"), mc_z(trio[i].icon));
        mc__w_close(w, '}');
    }
}

bool mc__write_actions(mc__writer *w, bool with_trio)
{
    const mc_json *own = mc__decl_list(w->model->table_meta, "actions");
    const mc_json *base = w->model->actions;
    bool any;

    mc__w_key(w, MC_STR("actions"));
    mc__w_open(w, '[');
    any = write_list(w, own, NULL, base);
    any = write_list(w, base, own, NULL) || any;
    if (with_trio)
        write_trio(w, own, base);
    mc__w_close(w, ']');
    return any || with_trio;
}
