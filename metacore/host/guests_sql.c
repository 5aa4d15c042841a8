/* SPDX-License-Identifier: Apache-2.0 */
/* db_query and db_exec: which relations a guest's statement reaches, and what it is told. */
#include "metacore/host/guests_sql_internal.h"

#define COLUMNS_MAX 512

/* ---- columns ---- */

static mc_sql_kind kind_of(mc_column_type type, const char **name)
{
    static const struct {
        mc_sql_kind kind;
        const char *name;
    } kinds[] = {[MC_COL_STRING] = {MC_SQL_TEXT, "varchar"},
                 [MC_COL_TEXT] = {MC_SQL_TEXT, "text"},
                 [MC_COL_UUID] = {MC_SQL_UUID, "uuid"},
                 [MC_COL_INT] = {MC_SQL_INT, "int4"},
                 [MC_COL_BIGINT] = {MC_SQL_INT, "int8"},
                 [MC_COL_DECIMAL] = {MC_SQL_DECIMAL, "numeric"},
                 [MC_COL_BOOL] = {MC_SQL_BOOL, "bool"},
                 [MC_COL_TIMESTAMP] = {MC_SQL_TIME, "timestamptz"},
                 [MC_COL_DATE] = {MC_SQL_DATE, "date"},
                 [MC_COL_JSON] = {MC_SQL_JSON, "jsonb"}};

    *name = kinds[type].name;
    return kinds[type].kind;
}

static mc_sqlguest_column column_of(const mc_model *model, mc_str name)
{
    const mc_column *known = model ? mc_model_find_column(model, name) : NULL;
    mc_sqlguest_column column = {.name = name};

    if (known)
        column.kind = kind_of(known->type, &column.type);
    else if (model && mc_str_eq(name, MC_STR("deleted_at")))
        column.kind = MC_SQL_TIME;
    return column;
}

/* All that the table has: a migration's columns are the addon's, too. */
static mc_code own_columns(mc__guest_sql *s, const mc_model *model, mc_sqlguest_relation *relation,
                           bool *has_org, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(relation->stored)};
    mc_sqlguest_column *columns = mc_arena_array(s->ctx->arena, mc_sqlguest_column, COLUMNS_MAX);
    mc_db_rows rows;
    mc_code rc;

    if (!columns)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    rc = mc_db_query(s->conn, MC_STR("SELECT name FROM pragma_table_xinfo($1)"), args, 1, &rows,
                     err);
    if (rc != MC_OK)
        return rc;
    relation->columns = columns;
    while (relation->column_count < COLUMNS_MAX && mc_db_rows_next(&rows)) {
        mc_str name = mc_str_copy(s->ctx->arena, mc_db_col_text(&rows, 0));

        if (!mc_str_is_identifier(name))
            continue; /* no migration can name it, so no guest can */
        *has_org = *has_org || mc_str_eq(name, MC_STR("organization_id"));
        columns[relation->column_count++] = column_of(model, name);
    }
    return mc_db_rows_finish(&rows, err);
}

/* Another's model shows what its metadata shows. */
static mc_code shown_columns(mc__guest_sql *s, const mc_model *model,
                             mc_sqlguest_relation *relation, mc_err *err)
{
    mc_sqlguest_column *columns =
        mc_arena_array(s->ctx->arena, mc_sqlguest_column, model->column_count + 1);

    if (!columns)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    relation->columns = columns;
    for (size_t i = 0; i < model->column_count; i++) {
        if (!model->columns[i].is_hidden)
            columns[relation->column_count++] = column_of(model, model->columns[i].name);
    }
    if (model->soft_delete)
        columns[relation->column_count++] = column_of(model, MC_STR("deleted_at"));
    return MC_OK;
}

/* ---- relations ---- */

static mc_code check(mc__guest_sql *s, bool is_write, mc_str target, mc_err *err)
{
    return mc_capability_check(s->call->guest->capabilities,
                               is_write ? MC_CAP_DB_WRITE : MC_CAP_DB_READ, target, err);
}

static mc_str own_schema(mc__guest_sql *s)
{
    const mc_manifest *manifest = s->call->guest->manifest;

    return mc_str_eq(manifest->tenant_isolation, MC_STR("schema-per-tenant"))
               ? mc_tenant_schema_name(s->ctx->arena, manifest->key, s->ctx->who.org_id)
               : mc_schema_name(s->ctx->arena, manifest->key);
}

static mc_code name_table(mc__guest_sql *s, mc_str schema, mc_str table,
                          mc_sqlguest_relation *relation, mc_err *err)
{
    relation->physical = mc_physical_name(s->ctx->arena, MC_DB_SQLITE, schema, table);
    relation->stored =
        schema.len ? mc_str_printf(s->ctx->arena, "%.*s.%.*s", MC_FMT(schema), MC_FMT(table))
                   : mc_str_copy(s->ctx->arena, table);
    return relation->physical.ptr && relation->stored.ptr ? MC_OK
                                                          : mc_fail(err, MC_NO_MEMORY, "guest");
}

/* The model of addon_key ("": the host's) that has that table, or that key. */
static mc_code find_model(mc__guest_sql *s, mc_str addon_key, mc_str name, const mc_model **out,
                          mc_err *err)
{
    mc_models *models = s->call->guests->app->models;
    const mc_model *const *all;
    size_t count = 0;
    mc_code rc = mc_models_list(models, s->ctx->arena, &all, &count, err);

    *out = NULL;
    for (size_t i = 0; i < count && rc == MC_OK && !*out; i++) {
        if (mc_str_eq(all[i]->addon_key, addon_key) && !all[i]->is_internal &&
            (mc_str_eq(all[i]->table, name) || mc_str_eq(all[i]->key, name)))
            *out = all[i];
    }
    return rc == MC_OK && *out ? mc_models_for_org(models, *out, s->ctx->who.org_id, out, err) : rc;
}

static mc_code find_own(mc__guest_sql *s, mc_str table, bool is_write, mc_sqlguest_relation *out,
                        mc_err *err)
{
    mc_str schema = own_schema(s), target;
    const mc_model *model = NULL;
    bool has_org = false;
    mc_code rc = schema.ptr ? find_model(s, s->call->guest->manifest->key, table, &model, err)
                            : mc_fail(err, MC_NO_MEMORY, "guest");

    if (rc == MC_OK && model && !mc_str_eq(model->table, table))
        model = NULL; /* SQL calls a table by its name */
    target = mc_str_printf(s->ctx->arena, "%.*s.%.*s", MC_FMT(schema), MC_FMT(table));
    if (rc == MC_OK)
        rc = name_table(s, model ? model->schema : schema, table, out, err);
    if (rc == MC_OK)
        rc = own_columns(s, model, out, &has_org, err);
    if (rc != MC_OK || out->column_count == 0)
        return rc;
    /* In the shared schema's name the own one is always granted; a tenant's goes by that, too. */
    target = mc_str_printf(s->ctx->arena, "%.*s.%.*s",
                           MC_FMT(mc_schema_name(s->ctx->arena, s->call->guest->manifest->key)),
                           MC_FMT(table));
    rc = target.ptr ? check(s, is_write, target, err) : mc_fail(err, MC_NO_MEMORY, "guest");
    out->model = model;
    out->is_model = model != NULL;
    out->is_tenants = !has_org && !mc_str_eq(schema, mc_schema_name(s->ctx->arena,
                                                                    s->call->guest->manifest->key));
    if (rc == MC_OK && !has_org && !out->is_tenants)
        rc = mc_fail(err, MC_FORBIDDEN,
                     "table \"%.*s\" has no organization_id: whose its rows are is not known",
                     MC_FMT(table));
    return rc;
}

/* A model of the host's, or of another addon that the organization has, by a capability. */
static mc_code find_other(mc__guest_sql *s, mc_str addon_key, mc_str table, bool is_write,
                          mc_sqlguest_relation *out, mc_err *err)
{
    const mc_model *model;
    bool is_visible = false;
    mc_code rc = find_model(s, addon_key, table, &model, err);
    mc_str target = addon_key.len ? mc_str_printf(s->ctx->arena, "addon_%.*s.%.*s",
                                                  MC_FMT(addon_key), MC_FMT(table))
                                  : table;

    if (rc == MC_OK && !target.ptr)
        rc = mc_fail(err, MC_NO_MEMORY, "guest");
    if (rc == MC_OK && (!model || check(s, is_write, model->key, err) != MC_OK))
        rc = check(s, is_write, target, err);
    if (rc == MC_OK && !model)
        return MC_OK; /* it may, and there is none */
    if (rc == MC_OK)
        rc = mc__host_is_visible(s->call->guests->app->host, s->ctx, model, &is_visible, err);
    if (rc == MC_OK && !is_visible)
        return MC_OK;
    if (rc == MC_OK)
        rc = name_table(s, model->schema, model->table, out, err);
    if (rc == MC_OK)
        rc = shown_columns(s, model, out, err);
    out->model = model;
    out->is_model = true;
    return rc;
}

/* People, as far as their organization may see them; for reading. */
static mc_code find_users(mc__guest_sql *s, bool is_write, mc_sqlguest_relation *out, mc_err *err)
{
    static const mc_sqlguest_column columns[] = {
        {MC_STR_INIT("id"), MC_SQL_UUID, "uuid"},
        {MC_STR_INIT("organization_id"), MC_SQL_UUID, "uuid"},
        {MC_STR_INIT("name"), MC_SQL_TEXT, "varchar"},
        {MC_STR_INIT("email"), MC_SQL_TEXT, "varchar"},
        {MC_STR_INIT("role"), MC_SQL_TEXT, "varchar"},
        {MC_STR_INIT("avatar"), MC_SQL_TEXT, "varchar"},
        {MC_STR_INIT("created_at"), MC_SQL_TIME, "timestamptz"},
        {MC_STR_INIT("updated_at"), MC_SQL_TIME, "timestamptz"},
        {MC_STR_INIT("deleted_at"), MC_SQL_TIME, "timestamptz"}};
    mc_code rc = check(s, is_write, MC_STR("users"), err);

    if (rc == MC_OK && is_write)
        return mc_fail(err, MC_FORBIDDEN, "\"users\" is not for addons to change");
    if (rc == MC_OK)
        rc = name_table(s, MC_STR(""), MC_STR("users"), out, err);
    out->columns = columns;
    out->column_count = MC_LEN(columns);
    return rc;
}

/* SQLite does not tell "Items" from items; PostgreSQL does, and no migration makes the first. */
static bool is_table_name(mc_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return false;
    }
    return mc_str_is_identifier(name);
}

mc_code mc__guest_sql_find(void *user, mc_str schema, mc_str table, bool is_write,
                           mc_sqlguest_relation *out, mc_err *err)
{
    mc__guest_sql *s = user;
    mc_str own = mc_schema_name(s->ctx->arena, s->call->guest->manifest->key);
    mc_code rc = MC_OK;

    *out = (mc_sqlguest_relation){.column_count = 0};
    if (!is_table_name(table))
        return mc_fail(err, MC_FORBIDDEN, "no table is called \"%.*s\"", MC_FMT(table));
    if (schema.len == 0 || mc_str_eq(schema, own))
        rc = find_own(s, table, is_write, out, err);
    if (rc != MC_OK || out->column_count || (schema.len && mc_str_eq(schema, own)))
        return rc;
    if (schema.len > 6 && mc_str_starts_with(schema, MC_STR("addon_")))
        return find_other(s, mc_str_slice(schema, 6, schema.len), table, is_write, out, err);
    if (schema.len && !mc_str_eq(schema, MC_STR("public")))
        return mc_fail(err, MC_FORBIDDEN, "schema \"%.*s\" is not the addon's", MC_FMT(schema));
    if (mc_str_eq(table, MC_STR("users")))
        return find_users(s, is_write, out, err);
    return find_other(s, MC_STR(""), table, is_write, out, err);
}
