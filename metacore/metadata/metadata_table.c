/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

#include <stdio.h>

/* ---- columns ---- */

static const char *type_of(const mc_column *column)
{
    if (!column)
        return "text";
    if (column->rules.option_count && column->type != MC_COL_BOOL)
        return "select";
    switch (column->type) {
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
    case MC_COL_JSON:
        return "json";
    case MC_COL_STRING:
    case MC_COL_TEXT:
    case MC_COL_UUID:
        break;
    }
    return "text";
}

/* Columns whose values are few, or compare as ranges: there a filter without a word helps. */
static bool is_worth_filtering(const mc_column *column)
{
    return column->is_filterable &&
           (column->is_index || column->is_unique || column->rules.option_count > 0 ||
            column->ref.len > 0 || column->type == MC_COL_BOOL || column->type == MC_COL_DATE ||
            column->type == MC_COL_TIMESTAMP);
}

/* What a list refuses must not be offered; what nobody declared is offered where it helps. */
static bool write_filterable(mc__writer *w, const mc_json *declared, const mc_column *column)
{
    bool is_offered =
        declared ? mc__decl_bool(declared, "filterable", false) : is_worth_filtering(column);

    is_offered = is_offered && column && column->is_filterable;
    if (is_offered || !declared || mc_json_find(declared, MC_STR("filterable")))
        mc__w_bool(w, MC_STR("filterable"), is_offered);
    return is_offered;
}

static void write_boolean_options(mc__writer *w)
{
    mc__w_key(w, MC_STR("options"));
    mc__w_open(w, '[');
    for (int i = 1; i >= 0; i--) {
        mc__w_open(w, '{');
        mc__w_str(w, MC_STR("value"), i ? MC_STR("true") : MC_STR("false"));
        mc__w_kernel_text(w, MC_STR("label"),
                          i ? "metacore.boolean.true" : "metacore.boolean.false",
                          i ? MC_STR("Yes") : MC_STR("No"));
        mc__w_close(w, '}');
    }
    mc__w_close(w, ']');
}

static void write_rule_options(mc__writer *w, const mc_column *column)
{
    mc__w_key(w, MC_STR("options"));
    mc__w_open(w, '[');
    for (size_t i = 0; i < column->rules.option_count; i++) {
        const mc_option *option = &column->rules.options[i];

        mc__w_open(w, '{');
        mc__w_str(w, MC_STR("value"), option->value);
        mc__w_text(w, MC_STR("label"), option->label.len ? option->label : option->value);
        mc__w_close(w, '}');
    }
    mc__w_close(w, ']');
}

/* The column's own, else its form field's, which name the same values. */
static void write_options(mc__writer *w, const mc_json *declared, const mc_column *column,
                          bool is_filtered)
{
    const mc_json *own = mc_json_find(declared, MC_STR("options"));
    const mc_json *field = NULL;

    if (own && own->kind == MC_JSON_ARRAY) {
        mc__w_options(w, MC_STR("options"), own, true);
        return;
    }
    if (!column)
        return;
    field = mc__decl_keyed(w->model->modal_meta, "fields", column->name);
    if (mc__decl_list(field, "options"))
        mc__w_options(w, MC_STR("options"), mc__decl_list(field, "options"), true);
    else if (column->rules.option_count)
        write_rule_options(w, column);
    else if (column->type == MC_COL_BOOL && is_filtered)
        write_boolean_options(w);
}

static void write_ref(mc__writer *w, const mc_json *declared, const mc_column *column,
                      bool is_filtered)
{
    mc_str ref = mc__decl_str(declared, "ref");
    mc_str endpoint = mc__decl_str(declared, "searchEndpoint");

    if (ref.len == 0 && column)
        ref = column->ref;
    if (ref.len)
        mc__w_str(w, MC_STR("ref"), ref);
    if (endpoint.len == 0 && ref.len && is_filtered)
        endpoint = mc_str_printf(w->scratch, "/options/%.*s?field=id", MC_FMT(ref));
    if (endpoint.len)
        mc__w_str(w, MC_STR("searchEndpoint"), endpoint);
}

static void write_label(mc__writer *w, const mc_json *declared, const mc_column *column, mc_str key)
{
    mc_str label = mc__decl_str(declared, "label");
    char catalog_key[96];

    if (label.len) {
        /* A page translates these itself, and shortens the keys that it does not know. */
        mc__w_text_or_key(w, MC_STR("label"), label);
    } else if (column && column->is_system) {
        (void)snprintf(catalog_key, sizeof(catalog_key), "metacore.column.%.*s", MC_FMT(key));
        mc__w_kernel_text(w, MC_STR("label"), catalog_key, column->label);
    } else {
        mc__w_text(w, MC_STR("label"), column ? column->label : mc__label_of(w, key));
    }
}

static void write_visibility(mc__writer *w, const mc_json *declared, const mc_column *column)
{
    mc_str visibility = mc__decl_str(declared, "visibility");

    if (visibility.len == 0 && column)
        visibility = column->visibility;
    if (visibility.len)
        mc__w_str(w, MC_STR("visibility"), visibility);
    if (mc__decl_bool(declared, "hidden", false) || (column && column->is_hidden))
        mc__w_bool(w, MC_STR("hidden"), true);
}

static void write_column(mc__writer *w, const mc_json *declared, const mc_column *column,
                         mc_str key, bool with_search)
{
    static const char *const handled[] = {"key",        "label",      "type",    "sortable",
                                          "filterable", "searchable", "options", "searchEndpoint",
                                          "visibility", "hidden",     "ref",     "validation",
                                          NULL};
    mc_str type = mc__decl_str(declared, "type");
    bool is_filtered;

    mc__w_open(w, '{');
    mc__w_str(w, MC_STR("key"), key);
    write_label(w, declared, column, key);
    mc__w_str(w, MC_STR("type"), type.len ? type : mc_z(type_of(column)));
    /* Absent would mean yes to a browser. */
    mc__w_bool(w, MC_STR("sortable"),
               column && column->is_sortable && mc__decl_bool(declared, "sortable", true));
    is_filtered = write_filterable(w, declared, column);
    if (with_search)
        mc__w_bool(w, MC_STR("searchable"), column && column->is_searchable);
    write_options(w, declared, column, is_filtered);
    write_ref(w, declared, column, is_filtered);
    write_visibility(w, declared, column);
    mc__w_validation(w, mc_json_find(declared, MC_STR("validation")), column, false);
    mc__w_rest(w, declared, handled, NULL);
    mc__w_close(w, '}');
}

/* A browser that sees the flag on any column searches only the columns it sees: so it is told of
 * them only when these are all there are. */
static bool search_is_visible(mc__writer *w, const mc_json *declared)
{
    for (size_t i = 0; i < w->model->column_count; i++) {
        const mc_column *column = &w->model->columns[i];

        if (column->is_searchable && declared &&
            !mc__decl_keyed(w->model->table_meta, "columns", column->name))
            return false;
    }
    return true;
}

static void write_derived_columns(mc__writer *w, bool with_search)
{
    const mc_column **columns = mc__columns_in_order(w);

    for (size_t i = 0; columns && i < w->model->column_count; i++) {
        bool is_shown = !columns[i]->is_system || mc_str_eq(columns[i]->name, MC_STR("created_at"));

        if (is_shown && !columns[i]->is_hidden)
            write_column(w, NULL, columns[i], columns[i]->name, with_search);
    }
}

static void write_columns(mc__writer *w)
{
    const mc_json *declared = mc__decl_list(w->model->table_meta, "columns");
    bool with_search = search_is_visible(w, declared);

    mc__w_key(w, MC_STR("columns"));
    mc__w_open(w, '[');
    if (!declared)
        write_derived_columns(w, with_search);
    for (size_t i = 0; declared && i < declared->as.array.count; i++) {
        const mc_json *item = declared->as.array.items[i];
        mc_str key = mc__decl_key(item);

        if (key.len)
            write_column(w, item, mc_model_find_column(w->model, key), key, with_search);
    }
    mc__w_close(w, ']');
}

static void write_search_columns(mc__writer *w)
{
    const mc_column **columns = mc__columns_in_order(w);

    mc__w_key(w, MC_STR("searchColumns"));
    mc__w_open(w, '[');
    for (size_t i = 0; columns && i < w->model->column_count; i++) {
        if (columns[i]->is_searchable)
            mc__w_item(w, columns[i]->name);
    }
    mc__w_close(w, ']');
}

/* ---- the rest of a table ---- */

static void write_filter(mc__writer *w, const mc_json *filter, mc_str key)
{
    static const char *const handled[] = {"key", "label", "type", "column", "options", NULL};
    mc_str label = mc__decl_str(filter, "label"), type = mc__decl_str(filter, "type");
    mc_str column = mc__decl_str(filter, "column");

    mc__w_open(w, '{');
    mc__w_str(w, MC_STR("key"), key);
    mc__w_text(w, MC_STR("label"), label.len ? label : mc__label_of(w, key));
    mc__w_str(w, MC_STR("type"), type.len ? type : MC_STR("text"));
    mc__w_str(w, MC_STR("column"), column.len ? column : key);
    if (mc__decl_list(filter, "options"))
        mc__w_options(w, MC_STR("options"), mc__decl_list(filter, "options"), true);
    mc__w_rest(w, filter, handled, NULL);
    mc__w_close(w, '}');
}

static void write_filters(mc__writer *w)
{
    const mc_json *list = mc__decl_list(w->model->table_meta, "filters");

    if (!list)
        return;
    mc__w_key(w, MC_STR("filters"));
    mc__w_open(w, '[');
    for (size_t i = 0; i < list->as.array.count; i++) {
        mc_str key = mc__decl_key(list->as.array.items[i]);

        if (key.len == 0)
            key = mc__decl_str(list->as.array.items[i], "column");
        if (key.len)
            write_filter(w, list->as.array.items[i], key);
    }
    mc__w_close(w, ']');
}

/* A page that is larger than lists give would hide the rows that are missing from it. */
static void write_paging(mc__writer *w)
{
    const mc_json *list = mc__decl_list(w->model->table_meta, "perPageOptions");
    const mc_json *size = mc_json_find(w->model->table_meta, MC_STR("defaultPerPage"));
    int64_t n;
    size_t fitting = 0;

    for (size_t i = 0; list && i < list->as.array.count; i++)
        fitting += mc_json_get_i64(list->as.array.items[i], 1, MC_PER_PAGE_MAX_OFFERED, &n);
    if (fitting) {
        mc__w_key(w, MC_STR("perPageOptions"));
        mc__w_open(w, '[');
        for (size_t i = 0; i < list->as.array.count; i++) {
            if (mc_json_get_i64(list->as.array.items[i], 1, MC_PER_PAGE_MAX_OFFERED, &n))
                mc__w_number(w, n);
        }
        mc__w_close(w, ']');
    }
    if (mc_json_get_i64(size, 1, INT64_MAX, &n)) {
        mc__w_key(w, MC_STR("defaultPerPage"));
        mc__w_number(w, n > MC_PER_PAGE_MAX_OFFERED ? MC_PER_PAGE_MAX_OFFERED : n);
    }
}

static void write_relations(mc__writer *w)
{
    const mc_json *declared = mc_json_find(w->model->table_meta, MC_STR("relations"));

    if (declared && declared->kind == MC_JSON_ARRAY) {
        mc__w_value(w, MC_STR("relations"), declared);
        return;
    }
    if (w->model->relation_count == 0)
        return;
    mc__w_key(w, MC_STR("relations"));
    mc__w_open(w, '[');
    for (size_t i = 0; i < w->model->relation_count; i++) {
        const mc_relation_def *relation = &w->model->relations[i];

        mc__w_open(w, '{');
        mc__w_str(w, MC_STR("name"), relation->name);
        mc__w_str(w, MC_STR("kind"), relation->kind);
        mc__w_str(w, MC_STR("through"), relation->through);
        mc__w_str(w, MC_STR("foreign_key"), relation->foreign_key);
        if (relation->references.len)
            mc__w_str(w, MC_STR("references"), relation->references);
        if (relation->pivot.len)
            mc__w_str(w, MC_STR("pivot"), relation->pivot);
        mc__w_close(w, '}');
    }
    mc__w_close(w, ']');
}

void mc__write_table(mc__writer *w)
{
    static const char *const handled[] = {"title",          "columns",
                                          "searchColumns",  "filters",
                                          "actions",        "hasActions",
                                          "relations",      "enableCRUDActions",
                                          "perPageOptions", "defaultPerPage",
                                          "canExport",      "canImport",
                                          "canCreate",      NULL};
    const mc_json *meta = w->model->table_meta;
    mc_str title = mc__decl_str(meta, "title");
    bool with_crud = mc__decl_bool(meta, "enableCRUDActions", meta == NULL);
    bool any;

    mc__w_open(w, '{');
    mc__w_text(w, MC_STR("title"), title.len ? title : mc__title_of(w));
    write_columns(w);
    write_search_columns(w);
    write_filters(w);
    any = mc__write_actions(w, with_crud);
    mc__w_bool(w, MC_STR("hasActions"), mc__decl_bool(meta, "hasActions", any));
    mc__w_bool(w, MC_STR("enableCRUDActions"), with_crud);
    write_paging(w);
    mc__w_bool(w, MC_STR("canExport"), mc__decl_bool(meta, "canExport", true));
    mc__w_bool(w, MC_STR("canImport"), mc__decl_bool(meta, "canImport", with_crud));
    mc__w_bool(w, MC_STR("canCreate"), mc__decl_bool(meta, "canCreate", with_crud));
    write_relations(w);
    mc__w_rest(w, meta, handled, NULL);
    mc__w_close(w, '}');
}
