/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/manifest/manifest_internal.h"

#include "metacore/base/decimal.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)

const mc_json *mc__get(const mc_json *object, const char *key)
{
    const mc_json *value = mc_json_find_nocase(object, mc_z(key));

    return value && value->kind != MC_JSON_NULL ? value : NULL;
}

mc_str mc__get_str(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc__get(object, key), &text); /* absent: empty */
    return text;
}

bool mc__get_bool(const mc_json *object, const char *key)
{
    bool value = false;

    (void)mc_json_get_bool(mc__get(object, key), &value); /* absent: false */
    return value;
}

size_t mc__count(const mc_json *array)
{
    return array && array->kind == MC_JSON_ARRAY ? array->as.array.count : 0;
}

const mc_json *mc__at(const mc_json *array, size_t i)
{
    return array->as.array.items[i];
}

/* ---- models ---- */

static mc_str number_text(const mc_json *value)
{
    return value && value->kind == MC_JSON_NUMBER ? value->as.number : MC_STR("");
}

static mc_column_def column_def(mc_arena *arena, const mc_json *json)
{
    const mc_json *validation = mc__get(json, "validation");
    int64_t size = 0;
    mc_column_def def = {
        .name = mc__get_str(json, "name"),
        .type = mc__get_str(json, "type"),
        .required = mc__get_bool(json, "required"),
        .index = mc__get_bool(json, "index"),
        .unique = mc__get_bool(json, "unique"),
        .ref = mc__get_str(json, "ref"),
        .visibility = mc__get_str(json, "visibility"),
        .searchable = mc__get_bool(json, "searchable"),
        .widget = mc__get_str(json, "widget"),
        .regex = mc__get_str(validation, "regex"),
        .min = number_text(mc__get(validation, "min")),
        .max = number_text(mc__get(validation, "max")),
        .custom = mc__get_str(validation, "custom"),
    };

    (void)mc_json_get_i64(mc__get(json, "size"), 0, INT32_MAX, &size); /* absent: 0 */
    def.size = (uint32_t)size;
    (void)mc_manifest_default(arena, mc__get(json, "default"),
                              &def.default_sql); /* validated later */
    return def;
}

static mc_relation_def relation_def(const mc_json *json)
{
    return (mc_relation_def){
        .name = mc__get_str(json, "name"),
        .kind = mc__get_str(json, "kind"),
        .through = mc__get_str(json, "through"),
        .foreign_key = mc__get_str(json, "foreign_key"),
        .references = mc__get_str(json, "references"),
        .pivot = mc__get_str(json, "pivot"),
    };
}

static bool model_def(const mc_manifest *m, const mc_json *json, mc_model_def *out)
{
    const mc_json *columns = mc__get(json, "columns"), *relations = mc__get(json, "relations");
    mc_column_def *column_defs = mc_arena_array(m->arena, mc_column_def, mc__count(columns));
    mc_relation_def *relation_defs =
        mc_arena_array(m->arena, mc_relation_def, mc__count(relations));

    if (!column_defs || !relation_defs)
        return false;
    for (size_t i = 0; i < mc__count(columns); i++)
        column_defs[i] = column_def(m->arena, mc__at(columns, i));
    for (size_t i = 0; i < mc__count(relations); i++)
        relation_defs[i] = relation_def(mc__at(relations, i));
    *out = (mc_model_def){
        .key = mc__get_str(json, "model_key"),
        .table = mc__get_str(json, "table_name"),
        .label = mc__get_str(json, "label"),
        .addon_key = m->key,
        .org_scoped = mc__get_bool(json, "org_scoped"),
        .soft_delete = mc__get_bool(json, "soft_delete"),
        .columns = column_defs,
        .column_count = mc__count(columns),
        .relations = relation_defs,
        .relation_count = mc__count(relations),
        .table_meta = mc__get(json, "table"),
        .modal_meta = mc__get(json, "modal"),
        .actions = mc_json_find(m->actions, mc__get_str(json, "model_key")),
        .is_per_tenant = mc_str_eq(m->tenant_isolation, MC_STR("schema-per-tenant")),
    };
    return true;
}

static mc_code read_models(mc_manifest *m, mc_err *err)
{
    const mc_json *list = mc__get(m->root, "model_definitions");
    mc_model_def *models = mc_arena_array(m->arena, mc_model_def, mc__count(list));

    if (!models)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    for (size_t i = 0; i < mc__count(list); i++) {
        if (!model_def(m, mc__at(list, i), &models[i]))
            return mc_fail(err, MC_NO_MEMORY, "manifest");
    }
    m->models = models;
    m->model_count = mc__count(list);
    return mc_model_add_pivots(m->arena, &m->models, &m->model_count, err);
}

/* ---- the whole ---- */

static mc_code read(mc_manifest *m, mc_str json, mc_err *err)
{
    mc_str text = mc_str_copy(m->arena, json);
    mc_code rc;

    if (json.len && !text.ptr)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    rc = mc_json_parse(m->arena, text, &(mc_json_options){.last_duplicate_wins = true}, &m->root,
                       err);
    if (rc != MC_OK)
        return rc;
    if (mc_str_starts_with(mc__get_str(m->root, "apiVersion"), MC_STR("asteby.com/v3")))
        return mc_fail(err, MC_INVALID,
                       "manifest: apiVersion asteby.com/v3 is not supported; this "
                       "kernel reads manifests of version 2");
    rc = mc__manifest_check_shape(m->root, err);
    if (rc != MC_OK)
        return rc;
    m->key = mc__get_str(m->root, "key");
    m->name = mc__get_str(m->root, "name");
    m->version = mc__get_str(m->root, "version");
    m->kernel = mc__get_str(m->root, "kernel");
    m->tenant_isolation = mc__get_str(m->root, "tenant_isolation");
    m->i18n = mc__get(m->root, "i18n");
    m->settings = mc__get(m->root, "settings");
    m->requires = mc__get(m->root, "requires");
    m->actions = mc__get(m->root, "actions");
    return read_models(m, err);
}

mc_code mc_manifest_parse(mc_str json, mc_manifest **out, mc_err *err)
{
    mc_manifest *m;
    mc_code rc;

    if (json.len > MC_MANIFEST_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "manifest: larger than 4 MiB");
    m = calloc(1, sizeof(*m));
    if (!m)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    m->arena = mc_arena_new(ARENA_BYTES);
    rc = m->arena ? read(m, json, err) : mc_fail(err, MC_NO_MEMORY, "manifest");
    if (rc != MC_OK) {
        mc_manifest_free(m);
        return rc;
    }
    *out = m;
    return MC_OK;
}

void mc_manifest_free(mc_manifest *manifest)
{
    if (!manifest)
        return;
    mc_arena_free(manifest->arena);
    free(manifest);
}

/* ---- defaults ---- */

static bool is_quoted_literal(mc_str s)
{
    if (s.len < 2 || s.ptr[0] != '\'' || s.ptr[s.len - 1] != '\'')
        return false;
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (strchr("'\";\\", s.ptr[i]))
            return false;
    }
    return true;
}

static bool is_plain_number(mc_str s)
{
    size_t at = s.len && s.ptr[0] == '-', digits = 0;

    for (; at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9'; at++)
        digits++;
    if (digits == 0 || at == s.len)
        return digits > 0;
    if (s.ptr[at] != '.')
        return false;
    for (digits = 0, at++; at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9'; at++)
        digits++;
    return digits > 0 && at == s.len;
}

bool mc_manifest_default(mc_arena *arena, const mc_json *value, mc_str *out)
{
    static const char *const words[] = {
        "now()", "gen_random_uuid()", "uuid_generate_v4()", "current_timestamp", "true", "false",
        "null"};
    mc_str s;

    *out = MC_STR("");
    if (!value || value->kind == MC_JSON_NULL)
        return true;
    switch (value->kind) {
    case MC_JSON_BOOL:
        *out = value->as.boolean ? MC_STR("true") : MC_STR("false");
        return true;
    case MC_JSON_NUMBER:
        return mc_decimal_parse(arena, value->as.number, 0, 0, out) == MC_DECIMAL_OK;
    case MC_JSON_STRING:
        s = value->as.string;
        break;
    default:
        return false;
    }
    for (size_t i = 0; i < MC_LEN(words); i++) {
        if (mc_str_eq(s, mc_z(words[i]))) {
            *out = s;
            return true;
        }
    }
    if (s.len && !is_plain_number(s) && !is_quoted_literal(s))
        return false;
    *out = s;
    return true;
}
