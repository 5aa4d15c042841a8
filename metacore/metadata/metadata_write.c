/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

#include "metacore/strings/strings.h"

#include <stdlib.h>

/* ---- JSON ---- */

/* A value never ends with what opens one, so the last byte tells whether a comma is due. */
static void comma(mc__writer *w)
{
    char last = w->out->len ? w->out->ptr[w->out->len - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        mc_buf_char(w->out, ',');
}

void mc__w_open(mc__writer *w, char bracket)
{
    comma(w);
    mc_buf_char(w->out, bracket);
}

void mc__w_close(mc__writer *w, char bracket)
{
    mc_buf_char(w->out, bracket);
}

void mc__w_key(mc__writer *w, mc_str key)
{
    comma(w);
    mc_json_write_str(w->out, key);
    mc_buf_char(w->out, ':');
}

void mc__w_str(mc__writer *w, mc_str key, mc_str value)
{
    mc__w_key(w, key);
    mc_json_write_str(w->out, value);
}

void mc__w_item(mc__writer *w, mc_str text)
{
    comma(w);
    mc_json_write_str(w->out, text);
}

void mc__w_number(mc__writer *w, int64_t n)
{
    comma(w);
    mc_buf_i64(w->out, n);
}

static bool find_text(const mc__writer *w, mc_str text, mc_str *out)
{
    return w->texts && text.len && mc_i18n_find(w->texts, w->lang, w->model->addon_key, text, out);
}

/* "projects.tasks.fields.due_date": two dots or more between lower-case words, nothing else. */
static bool is_catalog_key(mc_str text)
{
    size_t dots = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_start = i == 0 || text.ptr[i - 1] == '.';

        if (c == '.' && !is_start)
            dots++;
        else if (!(c >= 'a' && c <= 'z') && (is_start || !(c == '_' || (c >= '0' && c <= '9'))))
            return false;
    }
    return dots >= 2 && text.ptr[text.len - 1] != '.';
}

/* A key that no catalog knows is nothing to show: its last word is, or the model's own title. A
 * placeholder is rather left empty. */
static mc_str said_without(mc__writer *w, mc_str key, mc_str text)
{
    if (!is_catalog_key(text))
        return text;
    if (mc_str_eq(key, MC_STR("title")))
        return mc__title_of(w);
    if (mc_str_ends_with(key, MC_STR("laceholder")))
        return MC_STR("");
    while (mc_str_find(text, MC_STR(".")) < text.len)
        text = mc_str_slice(text, mc_str_find(text, MC_STR(".")) + 1, text.len);
    return mc__label_of(w, text);
}

static mc_str translated(mc__writer *w, mc_str key, mc_str text)
{
    mc_str found;

    return find_text(w, text, &found) ? found : said_without(w, key, text);
}

void mc__w_text(mc__writer *w, mc_str key, mc_str value)
{
    mc__w_str(w, key, translated(w, key, value));
}

void mc__w_text_or_key(mc__writer *w, mc_str key, mc_str value)
{
    mc_str found = value;

    (void)find_text(w, value, &found); /* else the key */
    mc__w_str(w, key, found);
}

void mc__w_kernel_text(mc__writer *w, mc_str key, const char *catalog_key, mc_str fallback)
{
    mc_str found = fallback;

    if (w->texts)
        (void)mc_i18n_find(w->texts, w->lang, w->model->addon_key, mc_z(catalog_key), &found);
    mc__w_str(w, key, found);
}

void mc__w_bool(mc__writer *w, mc_str key, bool value)
{
    mc__w_key(w, key);
    mc_buf_str(w->out, value ? MC_STR("true") : MC_STR("false"));
}

/* ---- declared values ---- */

static bool is_one_of(mc_str key, const char *const *names)
{
    for (; *names; names++) {
        if (mc_str_eq(key, mc_z(*names)))
            return true;
    }
    return false;
}

static bool is_text_key(mc_str key)
{
    static const char *const names[] = {"title",          "createTitle",    "editTitle",
                                        "deleteTitle",    "label",          "placeholder",
                                        "tooltip",        "description",    "help",
                                        "helpText",       "confirmMessage", "confirmTitle",
                                        "successMessage", "message",        "searchPlaceholder",
                                        "subtitle",       "emptyMessage",   NULL};

    return is_one_of(key, names);
}

/* "$org.<name>": the organization says which validator that is. */
static mc_str resolved(mc__writer *w, mc_str value)
{
    mc_str found = value;

    if (!w->config->org_validator || value.len <= 5 || !mc_str_starts_with(value, MC_STR("$org.")))
        return value;
    w->is_org_own = true;
    if (w->config->org_validator(w->config->org_validator_user, w->ctx, value, &found) && found.len)
        return found;
    return value;
}

static void write_value(mc__writer *w, mc_str key, bool in_messages, const mc_json *value);

static void write_string(mc__writer *w, mc_str key, bool in_messages, mc_str value)
{
    if (in_messages || is_text_key(key))
        value = translated(w, key, value);
    else if (mc_str_eq(key, MC_STR("validation")) || mc_str_eq(key, MC_STR("custom")))
        value = resolved(w, value);
    comma(w);
    mc_json_write_str(w->out, value);
}

/* As deep as the parser let it be. */
static void write_value(mc__writer *w, mc_str key, bool in_messages, const mc_json *value)
{
    in_messages = in_messages || mc_str_eq(key, MC_STR("messages"));
    switch (value->kind) {
    case MC_JSON_STRING:
        write_string(w, key, in_messages, value->as.string);
        break;
    case MC_JSON_ARRAY:
        mc__w_open(w, '[');
        for (size_t i = 0; i < value->as.array.count; i++)
            write_value(w, key, in_messages, value->as.array.items[i]);
        mc__w_close(w, ']');
        break;
    case MC_JSON_OBJECT:
        mc__w_open(w, '{');
        for (size_t i = 0; i < value->as.object.count; i++) {
            const mc_json_member *member = &value->as.object.members[i];

            mc__w_key(w, member->key);
            write_value(w, member->key, in_messages, member->value);
        }
        mc__w_close(w, '}');
        break;
    case MC_JSON_NULL:
    case MC_JSON_BOOL:
    case MC_JSON_NUMBER:
        comma(w);
        mc_json_write(w->out, value);
        break;
    }
}

void mc__w_value(mc__writer *w, mc_str key, const mc_json *value)
{
    mc__w_key(w, key);
    write_value(w, key, false, value);
}

void mc__w_rest(mc__writer *w, const mc_json *object, const char *const *handled,
                const mc_json *also)
{
    if (!object || object->kind != MC_JSON_OBJECT)
        return;
    for (size_t i = 0; i < object->as.object.count; i++) {
        const mc_json_member *member = &object->as.object.members[i];

        if (!is_one_of(member->key, handled) && !mc_json_find(also, member->key))
            mc__w_value(w, member->key, member->value);
    }
}

/* ---- validation ---- */

/* size counts only where a form has to say it: rules.size_max of a text. */
static bool has_rules(const mc_column *column, bool with_size)
{
    const mc_column_rules *rules = &column->rules;

    return rules->regex_source.len || rules->min.len || rules->max.len || column->custom.len ||
           (with_size && rules->size_max);
}

static void write_number(mc__writer *w, mc_str key, mc_str digits)
{
    mc__w_key(w, key);
    mc_buf_str(w->out, digits); /* canonical decimals are JSON numbers */
}

void mc__w_validation(mc__writer *w, const mc_json *declared, const mc_column *column,
                      bool with_size)
{
    const mc_column_rules *rules = column ? &column->rules : NULL;

    if (declared && declared->kind != MC_JSON_NULL) {
        mc__w_value(w, MC_STR("validation"), declared);
        return;
    }
    if (!column || column->is_system || !has_rules(column, with_size))
        return;
    mc__w_key(w, MC_STR("validation"));
    mc__w_open(w, '{');
    if (rules->regex_source.len)
        mc__w_str(w, MC_STR("regex"), rules->regex_source);
    if (rules->min.len)
        write_number(w, MC_STR("min"), rules->min);
    if (rules->max.len) {
        write_number(w, MC_STR("max"), rules->max);
    } else if (with_size && rules->size_max) {
        mc__w_key(w, MC_STR("max"));
        mc__w_number(w, (int64_t)rules->size_max);
    }
    if (column->custom.len)
        mc__w_str(w, MC_STR("custom"), resolved(w, column->custom));
    mc__w_close(w, '}');
}

/* ---- options ---- */

static bool scalar_text(const mc_json *value, mc_str *out)
{
    if (!value)
        return false;
    if (value->kind == MC_JSON_STRING)
        *out = value->as.string;
    else if (value->kind == MC_JSON_NUMBER)
        *out = value->as.number;
    else if (value->kind == MC_JSON_BOOL)
        *out = value->as.boolean ? MC_STR("true") : MC_STR("false");
    else
        return false;
    return true;
}

static void write_option(mc__writer *w, const mc_json *option, bool with_text)
{
    static const char *const handled[] = {"value", "label", NULL};
    const mc_json *value =
        option->kind == MC_JSON_OBJECT ? mc_json_find(option, MC_STR("value")) : option;
    mc_str text, label;

    if (!scalar_text(value, &text))
        return;
    label = mc__decl_str(option, "label");
    mc__w_open(w, '{');
    if (with_text)
        mc__w_str(w, MC_STR("value"), text);
    else
        mc__w_value(w, MC_STR("value"), value);
    mc__w_text(w, MC_STR("label"), label.len ? label : text);
    mc__w_rest(w, option, handled, NULL);
    mc__w_close(w, '}');
}

void mc__w_options(mc__writer *w, mc_str key, const mc_json *declared, bool with_text)
{
    mc__w_key(w, key);
    mc__w_open(w, '[');
    for (size_t i = 0; declared && i < declared->as.array.count; i++)
        write_option(w, declared->as.array.items[i], with_text);
    mc__w_close(w, ']');
}

/* ---- reading ---- */

mc_str mc__decl_str(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(object, mc_z(key)), &text); /* else empty */
    return text;
}

bool mc__decl_bool(const mc_json *object, const char *key, bool fallback)
{
    (void)mc_json_get_bool(mc_json_find(object, mc_z(key)), &fallback); /* else the fallback */
    return fallback;
}

const mc_json *mc__decl_list(const mc_json *object, const char *key)
{
    const mc_json *list = mc_json_find(object, mc_z(key));

    return list && list->kind == MC_JSON_ARRAY && list->as.array.count ? list : NULL;
}

mc_str mc__decl_key(const mc_json *object)
{
    mc_str key = mc__decl_str(object, "key");

    return key.len ? key : mc__decl_str(object, "name");
}

const mc_json *mc__decl_keyed(const mc_json *meta, const char *list, mc_str key)
{
    const mc_json *items = mc__decl_list(meta, list);

    for (size_t i = 0; items && i < items->as.array.count; i++) {
        if (mc_str_eq(mc__decl_key(items->as.array.items[i]), key))
            return items->as.array.items[i];
    }
    return NULL;
}

mc_str mc__label_of(mc__writer *w, mc_str name)
{
    mc_str label;

    return mc_strings_label(w->scratch, name, &label, NULL) == MC_OK ? label : name;
}

mc_str mc__title_of(mc__writer *w)
{
    return mc_str_is_empty(w->model->label) || mc_str_eq(w->model->label, w->model->key)
               ? mc__label_of(w, w->model->key)
               : w->model->label;
}

static int by_position(const void *a, const void *b)
{
    const mc_column *left = *(const mc_column *const *)a, *right = *(const mc_column *const *)b;

    if (left->is_system != right->is_system)
        return left->is_system ? 1 : -1;
    return left->position < right->position ? -1 : left->position > right->position;
}

const mc_column **mc__columns_in_order(mc__writer *w)
{
    const mc_column **columns =
        mc_arena_array(w->scratch, const mc_column *, w->model->column_count);

    if (!columns) {
        w->out->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < w->model->column_count; i++)
        columns[i] = &w->model->columns[i];
    qsort(columns, w->model->column_count, sizeof(*columns), by_position);
    return columns;
}

void mc__w_default(mc__writer *w, mc_str key, mc_str literal)
{
    const mc_json *value;

    if (literal.len >= 2 && literal.ptr[0] == '\'') {
        mc__w_str(w, key, mc_str_slice(literal, 1, literal.len - 1));
        return;
    }
    /* Numbers and true or false are JSON as they stand; now() and its like are the store's. */
    if (mc_str_is_empty(literal) || mc_str_eq(literal, MC_STR("null")) ||
        mc_json_parse(w->scratch, literal, NULL, &value, NULL) != MC_OK)
        return;
    mc__w_key(w, key);
    mc_json_write(w->out, value);
}
