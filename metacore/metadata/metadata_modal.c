/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

/* ---- types ---- */

/* A manifest's widgets as forms call them; those that forms do not have go by the column's type. */
static const char *type_of_widget(mc_str widget)
{
    static const struct {
        const char *widget;
        const char *type;
    } types[] = {
        {"text", "text"},
        {"textarea", "textarea"},
        {"select", "select"},
        {"multi_select", "select"},
        {"search", "search"},
        {"number", "number"},
        {"date", "date"},
        {"datetime", "datetime"},
        {"email", "email"},
        {"url", "url"},
        {"boolean", "boolean"},
        {"image", "image"},
        {"richtext", "textarea"},
        {"json", "textarea"},
        {"relation", "dynamic_select"},
    };

    for (size_t i = 0; i < MC_LEN(types); i++) {
        if (mc_str_eq(widget, mc_z(types[i].widget)))
            return types[i].type;
    }
    return NULL;
}

static const char *type_of_column(const mc_column *column)
{
    const char *type = type_of_widget(column->widget);

    if (type)
        return type;
    if (column->rules.option_count && column->type != MC_COL_BOOL)
        return "select";
    switch (column->type) {
    case MC_COL_TEXT:
    case MC_COL_JSON:
        return "textarea";
    case MC_COL_INT:
    case MC_COL_BIGINT:
    case MC_COL_DECIMAL:
        return "number";
    case MC_COL_BOOL:
        return "boolean";
    case MC_COL_TIMESTAMP:
        return "datetime";
    case MC_COL_DATE:
        return "date";
    case MC_COL_UUID:
        return column->ref.len ? "dynamic_select" : "text";
    case MC_COL_STRING:
        break;
    }
    return "text";
}

/* A field of an action names a column's type as a manifest does. */
static mc_str type_of(const mc_json *declared, const mc_column *column)
{
    mc_str type = mc__decl_str(declared, "type");
    mc_column_type parsed;

    if (type.len == 0)
        return mc_z(column ? type_of_column(column) : "text");
    if (mc_str_eq(type, MC_STR("string")))
        return MC_STR("text");
    if (!column && !mc_str_eq(type, MC_STR("text")) && mc_column_type_parse(type, &parsed) &&
        parsed != MC_COL_UUID)
        return mc_z(type_of_column(&(mc_column){.type = parsed}));
    return type;
}

/* ---- fields ---- */

/* A bare model's name is no path: it says what the field points to. */
static mc_str ref_of(const mc_json *declared, const mc_column *column)
{
    mc_str ref = mc__decl_str(declared, "ref");
    mc_str endpoint = mc__decl_str(declared, "searchEndpoint");

    if (ref.len == 0 && column)
        ref = column->ref;
    if (ref.len == 0 && column && column->type == MC_COL_UUID && mc_str_is_identifier(endpoint))
        ref = endpoint;
    return ref;
}

static void write_label(mc__writer *w, const mc_json *declared, const mc_column *column, mc_str key)
{
    mc_str label = mc__decl_str(declared, "label");

    if (label.len == 0)
        label = column ? column->label : mc__label_of(w, key);
    mc__w_text(w, MC_STR("label"), label);
}

static void write_options(mc__writer *w, const mc_json *declared, const mc_column *column)
{
    const mc_json *options = mc_json_find(declared, MC_STR("options"));
    const mc_json *shown = NULL;

    if (options && options->kind == MC_JSON_ARRAY) {
        mc__w_options(w, MC_STR("options"), options, false);
        return;
    }
    if (!column || column->rules.option_count == 0)
        return;
    shown = mc__decl_keyed(w->model->table_meta, "columns", column->name);
    if (mc__decl_list(shown, "options")) {
        mc__w_options(w, MC_STR("options"), mc__decl_list(shown, "options"), false);
        return;
    }
    mc__w_key(w, MC_STR("options"));
    mc__w_open(w, '[');
    for (size_t i = 0; i < column->rules.option_count; i++) {
        mc__w_open(w, '{');
        mc__w_str(w, MC_STR("value"), column->rules.options[i].value);
        mc__w_text(w, MC_STR("label"), column->rules.options[i].label);
        mc__w_close(w, '}');
    }
    mc__w_close(w, ']');
}

static void write_default(mc__writer *w, const mc_json *declared, const mc_column *column)
{
    const mc_json *value = mc_json_find(declared, MC_STR("defaultValue"));

    if (!value)
        value = mc_json_find(declared, MC_STR("default"));
    if (value)
        mc__w_value(w, MC_STR("defaultValue"), value);
    else if (column && !column->is_system)
        mc__w_default(w, MC_STR("defaultValue"), column->default_literal);
}

/* Manifests say the size of an action's field where forms say the longest text. */
static void write_validation(mc__writer *w, const mc_json *declared, const mc_column *column)
{
    const mc_json *validation = mc_json_find(declared, MC_STR("validation"));
    const mc_json *size = mc_json_find(declared, MC_STR("size"));
    int64_t max;

    if (column || validation || !mc_json_get_i64(size, 1, INT32_MAX, &max)) {
        mc__w_validation(w, validation, column, true);
        return;
    }
    mc__w_key(w, MC_STR("validation"));
    mc__w_open(w, '{');
    mc__w_key(w, MC_STR("max"));
    mc__w_number(w, max);
    mc__w_close(w, '}');
}

void mc__write_field(mc__writer *w, const mc_json *declared, const mc_column *column)
{
    static const char *const handled[] = {"key",        "name",    "label",    "type",
                                          "required",   "options", "default",  "defaultValue",
                                          "nullable",   "ref",     "readonly", "widget",
                                          "validation", "size",    "multiple", NULL};
    mc_str key = declared ? mc__decl_key(declared) : column->name;
    mc_str ref = ref_of(declared, column), widget = mc__decl_str(declared, "widget");
    bool is_required, is_readonly;

    if (key.len == 0)
        return;
    is_required = mc__decl_bool(declared, "required", false) || (column && column->rules.required);
    is_readonly = mc__decl_bool(declared, "readonly", false) ||
                  (column && (column->is_readonly || column->is_system));
    if (widget.len == 0 && column)
        widget = column->widget;
    mc__w_open(w, '{');
    mc__w_str(w, MC_STR("key"), key);
    write_label(w, declared, column, key);
    mc__w_str(w, MC_STR("type"), type_of(declared, column));
    mc__w_bool(w, MC_STR("required"), is_required);
    write_options(w, declared, column);
    write_default(w, declared, column);
    if (mc_json_find(declared, MC_STR("nullable")) || column)
        mc__w_bool(w, MC_STR("nullable"),
                   mc__decl_bool(declared, "nullable", column && column->is_nullable));
    if (ref.len)
        mc__w_str(w, MC_STR("ref"), ref);
    if (is_readonly)
        mc__w_bool(w, MC_STR("readonly"), true);
    if (mc__decl_bool(declared, "multiple", mc_str_eq(widget, MC_STR("multi_select"))))
        mc__w_bool(w, MC_STR("multiple"), true);
    if (widget.len)
        mc__w_str(w, MC_STR("widget"), widget);
    write_validation(w, declared, column);
    mc__w_rest(w, declared, handled, NULL);
    mc__w_close(w, '}');
}

static bool is_in_forms(const mc_column *column)
{
    return !column->is_system &&
           (mc_str_is_empty(column->visibility) || mc_str_eq(column->visibility, MC_STR("all")) ||
            mc_str_eq(column->visibility, MC_STR("modal")));
}

static void write_fields(mc__writer *w)
{
    const mc_json *declared = mc__decl_list(w->model->modal_meta, "fields");
    const mc_column **columns;

    mc__w_key(w, MC_STR("fields"));
    mc__w_open(w, '[');
    for (size_t i = 0; declared && i < declared->as.array.count; i++) {
        const mc_json *field = declared->as.array.items[i];

        mc__write_field(w, field, mc_model_find_column(w->model, mc__decl_key(field)));
    }
    columns = declared ? NULL : mc__columns_in_order(w);
    for (size_t i = 0; columns && i < w->model->column_count; i++) {
        if (is_in_forms(columns[i]))
            mc__write_field(w, NULL, columns[i]);
    }
    mc__w_close(w, ']');
}

void mc__write_modal(mc__writer *w)
{
    static const char *const handled[] = {"title", "fields", "customActions", NULL};
    const mc_json *meta = w->model->modal_meta;
    mc_str title = mc__decl_str(meta, "title");

    mc__w_open(w, '{');
    mc__w_text(w, MC_STR("title"), title.len ? title : mc__title_of(w));
    write_fields(w);
    if (mc__decl_list(meta, "customActions"))
        mc__write_action_list(w, MC_STR("customActions"), mc__decl_list(meta, "customActions"));
    mc__w_rest(w, meta, handled, NULL);
    mc__w_close(w, '}');
}
