/* SPDX-License-Identifier: Apache-2.0 */
/* From a field of a model to what it offers, as the manifest declares it. */
#include "metacore/options/options_internal.h"

const mc_column *mc__options_column(const mc_model *model, mc_str name)
{
    const mc_column *column = mc_model_find_column(model, name);

    if (!column || column->is_hidden || (column->is_system && !column->is_filterable))
        return NULL;
    return column;
}

/* ---- declarations ---- */

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* absent: empty */
    return text;
}

static const mc_json *list_of(const mc_json *object, const char *key)
{
    const mc_json *list = mc_json_find_nocase(object, mc_z(key));

    return list && list->kind == MC_JSON_ARRAY ? list : NULL;
}

static const mc_json *keyed(const mc_json *meta, const char *list_key, mc_str key)
{
    const mc_json *list = list_of(meta, list_key);

    for (size_t i = 0; list && i < list->as.array.count; i++) {
        if (mc_str_eq(text_of(list->as.array.items[i], "key"), key))
            return list->as.array.items[i];
    }
    return NULL;
}

/* ---- sources ---- */

static const mc_column *named(const mc_model *model, const mc_json *config, const char *key,
                              const mc_column *fallback)
{
    mc_str name = text_of(config, key);
    const mc_column *column = name.len ? mc__options_column(model, name) : NULL;

    return column ? column : fallback;
}

static const mc_column *usual(const mc_model *model, const char *name)
{
    const mc_column *column = mc__options_column(model, mc_z(name));

    return column && column->type == MC_COL_STRING ? column : NULL;
}

static void fill_source(const mc_model *model, const mc_json *config, mc__source *out)
{
    const mc_column *label = mc_model_label_column(model);
    bool is_users = mc_str_eq(model->key, MC_STR("users"));

    *out = (mc__source){.model = model};
    out->value = named(model, config, "value", mc_model_find_column(model, MC_STR("id")));
    out->label = named(model, config, "label", label);
    out->description = named(model, config, "description", is_users ? usual(model, "email") : NULL);
    out->image = named(model, config, "image", is_users ? usual(model, "avatar") : NULL);
    out->color = usual(model, "color");
    out->icon = usual(model, "icon");
    out->filter_by = named(model, config, "filter_by", NULL);
    out->order = named(model, config, "orderBy", out->label);
    out->is_descending = mc_str_eq_nocase(text_of(config, "orderDir"), MC_STR("desc"));
}

static mc_code open_source(mc_options *self, mc_ctx *ctx, mc_str key, const mc_json *config,
                           mc__choice *out, mc_err *err)
{
    const mc_model *model;
    mc_code rc = mc__options_open(self, ctx, key, &model, err);

    if (rc == MC_NOT_FOUND)
        return mc_fail(err, MC_NOT_FOUND, "dynamic options source model not found");
    if (rc == MC_OK)
        fill_source(model, config, &out->source);
    return rc;
}

static mc_code choose_configured(mc_options *self, mc_ctx *ctx, const mc_json *config,
                                 const mc_column *column, mc__choice *out, mc_err *err)
{
    mc_str type = text_of(config, "type");
    mc_str source = text_of(config, "source");
    const mc_json *options = list_of(config, "options");

    if (source.len == 0 && column)
        source = column->ref;
    if (type.len == 0)
        type = options && source.len == 0 ? MC_STR("static") : MC_STR("dynamic");
    if (mc_str_eq(type, MC_STR("static"))) {
        static const mc_json none = {.kind = MC_JSON_ARRAY};

        out->options = options ? options : &none;
        return MC_OK;
    }
    if (!mc_str_eq(type, MC_STR("dynamic")))
        return mc_fail(err, MC_INTERNAL, "invalid input: unknown field type \"%.*s\"",
                       MC_FMT(type));
    if (source.len == 0)
        return mc_fail(err, MC_INTERNAL, "invalid input: source required for dynamic options");
    return open_source(self, ctx, source, config, out, err);
}

mc_code mc__options_choose(mc_options *self, mc_ctx *ctx, const mc_model *model, mc_str field,
                           mc__choice *out, mc_err *err)
{
    const mc_json *form = keyed(model->modal_meta, "fields", field);
    const mc_json *table = keyed(model->table_meta, "columns", field);
    const mc_column *column = mc__options_column(model, field);
    const mc_json *config = mc_json_find_nocase(form, MC_STR("optionsConfig"));

    *out = (mc__choice){.addon_key = model->addon_key};
    if (!config)
        config = mc_json_find_nocase(table, MC_STR("optionsConfig"));
    if (config && config->kind == MC_JSON_OBJECT)
        return choose_configured(self, ctx, config, column, out, err);
    out->options = list_of(form, "options");
    if (!out->options)
        out->options = list_of(table, "options");
    if (out->options)
        return MC_OK;
    if (column && column->ref.len)
        return open_source(self, ctx, column->ref, NULL, out, err);
    if (!column || (!column->is_unique && !mc_str_eq(field, MC_STR("id"))))
        return mc_fail(err, MC_NOT_FOUND, "field not configured for options");
    fill_source(model, NULL, &out->source);
    out->source.value = column;
    return MC_OK;
}

/* ---- search ---- */

static void add_searchable(mc__source *out)
{
    const mc_model *model = out->model;

    for (size_t i = 0; i < model->column_count && out->search_count < MC__SEARCH_IN_MAX; i++) {
        if (model->columns[i].is_searchable && !model->columns[i].is_hidden)
            out->search_in[out->search_count++] = model->columns[i].name;
    }
    if (out->search_count == 0)
        out->search_in[out->search_count++] = out->label->name;
}

void mc__options_search_source(mc_options *self, const mc_model *model, mc__source *out)
{
    const mc_json *config = mc_json_find_nocase(model->table_meta, MC_STR("searchConfig"));
    const mc_json *list = list_of(config, "searchIn");
    mc_str path;

    (void)self;
    fill_source(model, config, out);
    out->icon_text = text_of(config, "icon");
    if (!mc_json_find_nocase(config, MC_STR("orderBy")) && config)
        out->order = mc_model_find_column(model, MC_STR("id"));
    for (size_t i = 0; list && i < list->as.array.count; i++) {
        if (out->search_count < MC__SEARCH_IN_MAX &&
            mc_json_get_str(list->as.array.items[i], &path))
            out->search_in[out->search_count++] = path;
    }
    if (out->search_count == 0)
        add_searchable(out);
}
