/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/options/options_internal.h"

#include <stdlib.h>

static mc_code build_users(mc_options *self, mc_err *err)
{
    mc_model_def def = mc_model_users_def();

    return mc_model_new(&def, self->config.dialect, &self->users, err);
}

mc_code mc_options_new(const mc_options_config *config, mc_options **out, mc_err *err)
{
    mc_options *self;
    mc_code rc;

    if (!config->dynamic || !config->models || !config->dialect)
        return mc_fail(err, MC_INVALID, "options: dynamic, models and dialect are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "options");
    self->config = *config;
    rc = build_users(self, err);
    if (rc != MC_OK) {
        mc_options_free(self);
        return rc;
    }
    mc__options_add_routes(self);
    *out = self;
    return MC_OK;
}

void mc_options_free(mc_options *self)
{
    if (!self)
        return;
    mc_model_free(self->users);
    free(self);
}

mc_code mc__options_open(mc_options *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                         mc_err *err)
{
    mc_code rc;

    if (!mc_str_eq(key, self->users->key) || mc_models_find(self->config.models, key))
        return mc_dynamic_open(self->config.dynamic, ctx, key, MC_STR("read"), out, err);
    rc = mc_dynamic_check(self->config.dynamic, ctx, key, MC_STR("read"), err);
    if (rc == MC_OK)
        *out = self->users;
    return rc;
}

/* ---- static options ---- */

static mc_str translated(mc_options *self, mc_ctx *ctx, mc_str addon_key, mc_str text)
{
    return self->config.i18n
               ? mc_i18n_translate(self->config.i18n, ctx->arena, ctx->lang, addon_key, text)
               : text;
}

static void write_text(const char *key, const mc_json *option, mc_buf *out)
{
    mc_str text;

    if (!mc_json_get_str(mc_json_find_nocase(option, mc_z(key)), &text) || text.len == 0)
        return;
    mc_buf_printf(out, ",\"%s\":", key);
    mc_json_write_str(out, text);
}

/* A bare value is its own label. */
static void write_static(mc_options *self, mc_ctx *ctx, mc_str addon_key, const mc_json *option,
                         mc_buf *out)
{
    const mc_json *value =
        option->kind == MC_JSON_OBJECT ? mc_json_find_nocase(option, MC_STR("value")) : option;
    mc_str label;
    mc_buf text;

    mc_buf_init_arena(&text, ctx->arena, 0);
    if (value)
        mc_json_write(&text, value);
    else
        mc_buf_lit(&text, "null");
    mc_buf_lit(out, "{\"id\":");
    mc_buf_str(out, mc_buf_get(&text));
    mc_buf_lit(out, ",\"value\":");
    mc_buf_str(out, mc_buf_get(&text));
    if (!mc_json_get_str(mc_json_find_nocase(option, MC_STR("label")), &label) &&
        !mc_json_get_str(value, &label))
        label = mc_buf_get(&text);
    mc_buf_lit(out, ",\"label\":");
    mc_json_write_str(out, translated(self, ctx, addon_key, label));
    mc_buf_lit(out, ",\"name\":");
    mc_json_write_str(out, translated(self, ctx, addon_key, label));
    write_text("description", option, out);
    write_text("image", option, out);
    write_text("color", option, out);
    write_text("icon", option, out);
    mc_buf_char(out, '}');
}

static void write_statics(mc_options *self, mc_ctx *ctx, const mc__choice *choice, mc_buf *out,
                          size_t *out_count)
{
    size_t count = choice->options->as.array.count;

    mc_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        write_static(self, ctx, choice->addon_key, choice->options->as.array.items[i], out);
    }
    mc_buf_char(out, ']');
    *out_count = count;
}

/* ---- the service ---- */

static mc_options_request within_limits(const mc_options_request *request)
{
    mc_options_request out = *request;

    if (out.limit == 0)
        out.limit = MC_OPTIONS_LIMIT;
    if (out.limit > MC_OPTIONS_LIMIT_MAX)
        out.limit = MC_OPTIONS_LIMIT_MAX;
    if (out.offset > MC_OPTIONS_OFFSET_MAX)
        out.offset = MC_OPTIONS_OFFSET_MAX;
    return out;
}

/* What a picker types is looked for in what it shows. */
static void search_in_shown(mc__source *source)
{
    const mc_column *const shown[] = {source->label, source->description};

    source->search_count = 0;
    for (size_t i = 0; i < MC_LEN(shown); i++) {
        if (shown[i])
            source->search_in[source->search_count++] = shown[i]->name;
    }
}

mc_code mc_options_load(mc_options *self, mc_ctx *ctx, mc_str model_key,
                        const mc_options_request *request, mc_buf *out,
                        mc_options_result *out_result, mc_err *err)
{
    mc_options_request limited = within_limits(request);
    mc_options_result result = {0};
    const mc_model *model;
    mc__choice choice;
    mc_code rc;

    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "not authenticated");
    if (request->field.len == 0)
        return mc_fail(err, MC_INVALID, "field is required");
    rc = mc__options_open(self, ctx, model_key, &model, err);
    if (rc == MC_OK)
        rc = mc__options_choose(self, ctx, model, request->field, &choice, err);
    if (rc != MC_OK)
        return rc;
    result.is_static = choice.options != NULL;
    if (result.is_static) {
        write_statics(self, ctx, &choice, out, &result.count);
    } else {
        search_in_shown(&choice.source);
        rc = mc__options_write_rows(self, ctx, &choice.source, &limited, out, &result.count, err);
    }
    if (rc == MC_OK)
        *out_result = result;
    return rc;
}

mc_code mc_options_search(mc_options *self, mc_ctx *ctx, mc_str model_key,
                          const mc_options_request *request, mc_buf *out,
                          mc_options_result *out_result, mc_err *err)
{
    mc_options_request limited = within_limits(request);
    mc_options_result result = {0};
    const mc_model *model;
    mc__source source;
    mc_code rc = mc__options_open(self, ctx, model_key, &model, err);

    if (rc != MC_OK)
        return rc;
    limited.filter_value = MC_STR("");
    mc__options_search_source(self, model, &source);
    rc = mc__options_write_rows(self, ctx, &source, &limited, out, &result.count, err);
    if (rc == MC_OK)
        *out_result = result;
    return rc;
}
