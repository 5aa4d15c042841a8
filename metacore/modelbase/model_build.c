/* SPDX-License-Identifier: Apache-2.0 */
/* From a definition to a model: what a request needs, worked out once. */
#include "metacore/modelbase/modelbase_internal.h"

#include "metacore/strings/strings.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)16 << 20)
#define STRING_SIZE_DEFAULT 255

/* ---- metadata as declared ---- */

mc_str mc__meta_str(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(object, mc_z(key)), &text); /* absent: empty */
    return text;
}

const mc_json *mc__meta_find(const mc_json *meta, const char *list, mc_str key)
{
    const mc_json *items = mc_json_find(meta, mc_z(list));

    for (size_t i = 0; items && items->kind == MC_JSON_ARRAY && i < items->as.array.count; i++) {
        if (mc_str_eq(mc__meta_str(items->as.array.items[i], "key"), key))
            return items->as.array.items[i];
    }
    return NULL;
}

static bool flag(const mc_json *object, const char *key, bool fallback)
{
    bool value = fallback;

    (void)mc_json_get_bool(mc_json_find(object, mc_z(key)), &value); /* absent: the fallback */
    return value;
}

static bool lists_text(const mc_json *list, mc_str text)
{
    mc_str item;

    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        if (mc_json_get_str(list->as.array.items[i], &item) && mc_str_eq(item, text))
            return true;
    }
    return false;
}

/* A copy in our memory: written out and read again. */
static mc_code copy_json(mc__model *self, const mc_json *from, const mc_json **out, mc_err *err)
{
    mc_buf text;
    mc_code rc;

    *out = NULL;
    if (!from)
        return MC_OK;
    mc_buf_init_arena(&text, self->arena, 0);
    mc_json_write(&text, from);
    rc = mc_buf_check(&text, "model", err);
    return rc == MC_OK ? mc_json_parse(self->arena, mc_buf_get(&text), NULL, out, err) : rc;
}

/* ---- columns ---- */

static const struct {
    mc_str name;
    mc_column_type type;
    bool is_open; /* sortable and filterable */
} system_columns[] = {
    {MC_STR_INIT("id"), MC_COL_UUID, true},
    {MC_STR_INIT("organization_id"), MC_COL_UUID, false},
    {MC_STR_INIT("created_by_id"), MC_COL_UUID, true},
    {MC_STR_INIT("created_at"), MC_COL_TIMESTAMP, true},
    {MC_STR_INIT("updated_at"), MC_COL_TIMESTAMP, true},
};

static bool is_system_name(mc_str name)
{
    for (size_t i = 0; i < MC_LEN(system_columns); i++) {
        if (mc_str_eq(name, system_columns[i].name))
            return true;
    }
    return mc_str_eq(name, MC_STR("deleted_at"));
}

static bool is_text(mc_column_type type)
{
    return type == MC_COL_STRING || type == MC_COL_TEXT;
}

static mc_str find_ref(const mc_model_def *def, const mc_column_def *column)
{
    if (column->ref.len)
        return column->ref;
    for (size_t i = 0; i < def->relation_count; i++) {
        const mc_relation_def *relation = &def->relations[i];

        if (mc_str_eq_nocase(relation->kind, MC_STR("belongs_to")) &&
            mc_str_eq(relation->foreign_key, column->name))
            return relation->through;
    }
    return MC_STR("");
}

static mc_code set_label(mc__model *self, const mc_json *field, mc_column *column, mc_err *err)
{
    mc_str label = mc__meta_str(field, "label");

    /* A key of a catalog is no word for people; the column's name reads better in a message. */
    if (label.len && mc_str_find_char(label, 0, '.') == label.len) {
        column->label = mc_str_copy(self->arena, label);
        return column->label.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "model");
    }
    return mc_strings_label(self->arena, column->name, &column->label, err);
}

static void set_flags(mc__model *self, const mc_column_def *def, bool declares_search,
                      const mc_json *table_column, const mc_json *field, mc_column *column)
{
    const mc_json *search = mc_json_find(self->model.table_meta, MC_STR("searchColumns"));
    bool is_shown = def->visibility.len == 0 || mc_str_eq(def->visibility, MC_STR("all")) ||
                    mc_str_eq(def->visibility, MC_STR("table")) ||
                    mc_str_eq(def->visibility, MC_STR("list"));

    column->is_index = def->index;
    column->is_unique = def->unique;
    column->is_hidden = !is_shown || flag(table_column, "hidden", false);
    column->is_sortable =
        !column->is_hidden && column->type != MC_COL_JSON && flag(table_column, "sortable", true);
    column->is_filterable =
        !column->is_hidden && column->type != MC_COL_JSON && flag(table_column, "filterable", true);
    column->is_searchable =
        !column->is_hidden && (declares_search ? def->searchable || lists_text(search, column->name)
                                               : is_text(column->type));
    column->is_readonly = flag(field, "readonly", false);
}

static mc_str default_sql(mc__model *self, const mc_column *column, mc_str literal)
{
    bool is_sqlite = self->dialect == MC_DB_SQLITE;

    if (literal.len == 0 || mc_str_eq(literal, MC_STR("null")))
        return MC_STR("");
    if (column->type == MC_COL_BOOL && is_sqlite)
        return mc_str_eq(literal, MC_STR("true")) || mc_str_eq(literal, MC_STR("1")) ? MC_STR("1")
                                                                                     : MC_STR("0");
    if (mc_str_ends_with(literal, MC_STR("()")) || mc_str_eq(literal, MC_STR("current_timestamp")))
        return mc_str_starts_with(literal, MC_STR("current"))
                   ? MC_STR("(now())")
                   : mc_str_printf(self->arena, "(%.*s)", MC_FMT(literal));
    /* Numbers of a decimal column are kept as text; a bare text literal gets its quotes. */
    if (literal.ptr[0] != '\'' &&
        (column->type == MC_COL_DECIMAL || is_text(column->type) || column->type == MC_COL_UUID) &&
        is_sqlite)
        return mc_str_printf(self->arena, "'%.*s'", MC_FMT(literal));
    return mc_str_copy(self->arena, literal);
}

static mc_code fail_column(mc__model *self, const mc_column_def *def, const char *what, mc_err *err)
{
    return mc_fail(err, MC_INVALID, "model %.*s, column %.*s: %s", MC_FMT(self->model.key),
                   MC_FMT(def->name), what);
}

static mc_code build_column(mc__model *self, const mc_model_def *def, size_t at,
                            bool declares_search, mc_column *column, mc_err *err)
{
    const mc_column_def *from = &def->columns[at];
    const mc_json *table_column = mc__meta_find(self->model.table_meta, "columns", from->name);
    const mc_json *field = mc__meta_find(self->model.modal_meta, "fields", from->name);
    mc_code rc;

    if (!mc_str_is_identifier(from->name))
        return fail_column(self, from, "its name is no identifier", err);
    if (!mc_column_type_parse(from->type, &column->type))
        return mc_fail(err, MC_INVALID, "model %.*s, column %.*s: unknown column type \"%.*s\"",
                       MC_FMT(self->model.key), MC_FMT(from->name), MC_FMT(from->type));
    column->name = mc_str_copy(self->arena, from->name);
    column->size = from->size                      ? from->size
                   : column->type == MC_COL_STRING ? STRING_SIZE_DEFAULT
                                                   : 0;
    column->position = (uint32_t)at;
    column->ref = mc_str_copy(self->arena, find_ref(def, from));
    column->visibility = mc_str_copy(self->arena, from->visibility);
    column->widget = mc_str_copy(self->arena, from->widget);
    column->custom = mc_str_copy(self->arena, from->custom);
    column->default_literal = mc_str_copy(self->arena, from->default_sql);
    column->default_sql = default_sql(self, column, from->default_sql);
    column->is_nullable = !from->required;
    set_flags(self, from, declares_search, table_column, field, column);
    rc = set_label(self, field ? field : table_column, column, err);
    return rc == MC_OK ? mc__model_rules(self, from, field, table_column, column, err) : rc;
}

static mc_code add_system_columns(mc__model *self, size_t *count, mc_err *err)
{
    for (size_t i = 0; i < MC_LEN(system_columns); i++) {
        mc_column *column = &self->columns[*count];
        mc_code rc;

        *column = (mc_column){.name = system_columns[i].name,
                              .type = system_columns[i].type,
                              .is_system = true,
                              .is_sortable = system_columns[i].is_open,
                              .is_filterable = system_columns[i].is_open,
                              .position = (uint32_t)*count};
        column->omit_null = mc_str_eq(column->name, MC_STR("created_by_id"));
        column->is_nullable = column->omit_null;
        rc = mc_strings_label(self->arena, column->name, &column->label, err);
        if (rc != MC_OK)
            return rc;
        (*count)++;
    }
    return MC_OK;
}

static int by_name(const void *a, const void *b)
{
    const mc_column *left = a, *right = b;

    return mc_str_cmp(left->name, right->name);
}

static bool declares_search(const mc_model_def *def)
{
    const mc_json *list = mc_json_find(def->table_meta, MC_STR("searchColumns"));

    for (size_t i = 0; i < def->column_count; i++) {
        if (def->columns[i].searchable)
            return true;
    }
    return list && list->kind == MC_JSON_ARRAY && list->as.array.count > 0;
}

static mc_code build_columns(mc__model *self, const mc_model_def *def, mc_err *err)
{
    bool has_search = declares_search(def);
    size_t count = 0;
    mc_code rc = MC_OK;

    if (def->column_count > MC_MODEL_COLUMNS_MAX - MC_LEN(system_columns))
        return mc_fail(err, MC_INVALID, "model %.*s: more than %d columns", MC_FMT(def->key),
                       MC_MODEL_COLUMNS_MAX);
    self->columns =
        mc_arena_array(self->arena, mc_column, def->column_count + MC_LEN(system_columns));
    if (!self->columns)
        return mc_fail(err, MC_NO_MEMORY, "model");
    self->model.columns = self->columns;
    for (size_t i = 0; i < def->column_count && rc == MC_OK; i++) {
        if (is_system_name(def->columns[i].name))
            continue;                       /* the kernel's own: nothing to declare */
        self->model.column_count = ++count; /* so that a half-built column is freed */
        rc = build_column(self, def, i, has_search, &self->columns[count - 1], err);
    }
    if (rc == MC_OK)
        rc = add_system_columns(self, &count, err);
    self->model.column_count = count;
    if (rc != MC_OK)
        return rc;
    qsort(self->columns, count, sizeof(*self->columns), by_name);
    for (size_t i = 1; i < count; i++) {
        if (mc_str_eq(self->columns[i].name, self->columns[i - 1].name))
            return mc_fail(err, MC_INVALID, "model %.*s: column %.*s stands twice",
                           MC_FMT(def->key), MC_FMT(self->columns[i].name));
    }
    return MC_OK;
}

/* ---- the model ---- */

static mc_code copy_relations(mc__model *self, const mc_model_def *def, mc_err *err)
{
    mc_relation_def *copies = mc_arena_array(self->arena, mc_relation_def, def->relation_count);

    if (!copies)
        return mc_fail(err, MC_NO_MEMORY, "model");
    for (size_t i = 0; i < def->relation_count; i++) {
        copies[i] = (mc_relation_def){
            .name = mc_str_copy(self->arena, def->relations[i].name),
            .kind = mc_str_copy(self->arena, def->relations[i].kind),
            .through = mc_str_copy(self->arena, def->relations[i].through),
            .foreign_key = mc_str_copy(self->arena, def->relations[i].foreign_key),
            .references = mc_str_copy(self->arena, def->relations[i].references),
            .pivot = mc_str_copy(self->arena, def->relations[i].pivot),
        };
    }
    self->model.relations = copies;
    self->model.relation_count = def->relation_count;
    return MC_OK;
}

static mc_code write_select_list(mc__model *self, mc_err *err)
{
    mc_buf list;
    mc_code rc;

    mc_buf_init_arena(&list, self->arena, 0);
    for (size_t i = 0; i < self->model.column_count; i++) {
        if (i > 0)
            mc_buf_lit(&list, ", ");
        mc_buf_sql_ident(&list, self->columns[i].name);
    }
    mc_buf_char(&list, '\0');
    rc = mc_buf_check(&list, "model", err);
    self->model.select_list = list.ptr;
    return rc;
}

static mc_code write_json_keys(mc__model *self, mc_err *err)
{
    for (size_t i = 0; i < self->model.column_count; i++) {
        mc_column *column = &self->columns[i];

        column->json_key = mc_str_printf(self->arena, "\"%.*s\":", MC_FMT(column->name));
        if (!column->json_key.ptr)
            return mc_fail(err, MC_NO_MEMORY, "model");
    }
    return MC_OK;
}

static mc_code build(mc__model *self, const mc_model_def *def, mc_err *err)
{
    mc_model *model = &self->model;
    mc_code rc;

    if (!mc_str_is_identifier(def->key) || !mc_str_is_identifier(def->table))
        return mc_fail(err, MC_INVALID, "model \"%.*s\": key and table must be identifiers",
                       MC_FMT(def->key));
    model->key = mc_str_copy(self->arena, def->key);
    model->table = mc_str_copy(self->arena, def->table);
    model->label = mc_str_copy(self->arena, def->label.len ? def->label : def->key);
    model->addon_key = mc_str_copy(self->arena, def->addon_key);
    model->soft_delete = def->soft_delete;
    model->is_internal = def->is_internal;
    model->is_per_tenant = def->is_per_tenant && def->schema.len == 0;
    model->schema = def->schema.len      ? mc_str_copy(self->arena, def->schema)
                    : def->addon_key.len ? mc_schema_name(self->arena, def->addon_key)
                                         : MC_STR("");
    model->physical = mc_physical_name(self->arena, self->dialect, model->schema, def->table);
    if (!model->key.ptr || !model->schema.ptr || !model->physical.ptr)
        return mc_fail(err, MC_NO_MEMORY, "model");
    rc = copy_json(self, def->table_meta, &model->table_meta, err);
    if (rc == MC_OK)
        rc = copy_json(self, def->modal_meta, &model->modal_meta, err);
    if (rc == MC_OK)
        rc = copy_json(self, def->actions, &model->actions, err);
    if (rc == MC_OK)
        rc = copy_relations(self, def, err);
    if (rc == MC_OK)
        rc = build_columns(self, def, err);
    if (rc == MC_OK)
        rc = write_json_keys(self, err);
    return rc == MC_OK ? write_select_list(self, err) : rc;
}

mc_code mc_model_new(const mc_model_def *def, mc_db_dialect dialect, mc_model **out, mc_err *err)
{
    mc__model *self = calloc(1, sizeof(*self));
    mc_code rc;

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "model");
    self->dialect = dialect;
    self->arena = mc_arena_new(ARENA_BYTES);
    rc = self->arena ? build(self, def, err) : mc_fail(err, MC_NO_MEMORY, "model");
    if (rc != MC_OK) {
        mc_model_free(&self->model);
        return rc;
    }
    *out = &self->model;
    return MC_OK;
}

mc_db_dialect mc__model_dialect(const mc_model *model)
{
    return ((const mc__model *)model)->dialect;
}

void mc_model_free(mc_model *model)
{
    mc__model *self = (mc__model *)model;

    if (!self)
        return;
    for (size_t i = 0; i < model->column_count; i++)
        mc__model_rules_free(&self->columns[i]);
    mc_arena_free(self->arena);
    free(self);
}

const mc_column *mc_model_find_column(const mc_model *model, mc_str name)
{
    size_t low = 0, high = model->column_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = mc_str_cmp(model->columns[middle].name, name);

        if (order == 0)
            return &model->columns[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
