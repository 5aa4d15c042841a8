/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations, each once per schema, then the tables of the models. An addon with a schema per
 * tenant has all of that once for each organization. */
#include "metacore/installer/installer_internal.h"
#include "metacore/sqlgate/sqlgate.h"

/* ---- what a migration made earlier ---- */

typedef struct lookup {
    mc_installer *self;
    mc_ctx *ctx;
    const mc_install_plan *plan;
    mc_str schema;
    mc__pass *pass;
    mc_str owner; /* whose schema it is, or empty: everybody's */
} lookup;

static bool is_postgres(const mc_ctx *ctx)
{
    return mc_db_conn_dialect(ctx->conn) == MC_DB_POSTGRES;
}

static bool has_column(void *user, mc_str table, mc_str column)
{
    lookup *l = user;
    mc_str name = mc_str_printf(l->ctx->arena, "%.*s.%.*s", MC_FMT(l->schema), MC_FMT(table));
    mc_db_value args[] = {mc_db_text(is_postgres(l->ctx) ? table : name), mc_db_text(column),
                          mc_db_text(l->schema)};
    mc_str sqlite = MC_STR("SELECT 1 FROM pragma_table_xinfo($1) WHERE name = $2");
    mc_str postgres = MC_STR("SELECT 1 FROM information_schema.columns WHERE table_name = $1 AND "
                             "column_name = $2 AND table_schema = $3");
    mc_db_rows rows;
    bool is_there;
    mc_err err;

    if (mc_db_query(l->ctx->conn, is_postgres(l->ctx) ? postgres : sqlite, args,
                    is_postgres(l->ctx) ? 3 : 2, &rows, &err) != MC_OK)
        return false;
    is_there = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, &err) == MC_OK && is_there;
}

/* ---- migrations ---- */

static mc_code find_applied(mc_ctx *ctx, mc_str schema, mc_str version, mc_str *out_checksum,
                            mc_err *err)
{
    mc_db_value args[] = {mc_db_text(schema), mc_db_text(version)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT checksum FROM metacore_addon_migrations WHERE "
                                    "schema_name = $1 AND version = $2"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out_checksum = MC_STR("");
    if (mc_db_rows_next(&rows))
        *out_checksum = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

static mc_code record(mc_ctx *ctx, mc_str schema, mc_str addon_key, mc_str version, mc_str checksum,
                      mc_err *err)
{
    mc_db_value args[] = {mc_db_text(schema), mc_db_text(addon_key), mc_db_text(version),
                          mc_db_text(checksum), mc_db_time(ctx->now)};

    return mc_db_exec(
        ctx->conn,
        MC_STR("INSERT INTO metacore_addon_migrations (schema_name, addon_key, version, "
               "checksum, applied_at) VALUES ($1, $2, $3, $4, $5)"),
        args, MC_LEN(args), NULL, err);
}

static mc_code ensure_table(mc_installer *self, mc_ctx *ctx, mc_str schema, const mc_model_def *def,
                            mc_err *err)
{
    mc_model_def in_schema = *def;
    mc_model *model = NULL;
    mc_code rc;

    in_schema.schema = schema;
    rc = mc_model_new(&in_schema, mc_db_dialect_of(self->config.db), &model, err);
    if (rc == MC_OK)
        rc = mc_model_ensure_table(model, ctx->conn, err);
    mc_model_free(model);
    return rc;
}

/* A migration may build on what the manifest declares, and leave the making of it to us. */
static mc_code make_table(void *user, mc_str table, mc_err *err)
{
    lookup *l = user;
    const mc_manifest *m = l->plan->manifest;

    for (size_t i = 0; i < m->model_count; i++) {
        if (mc_str_eq(m->models[i].table, table))
            return ensure_table(l->self, l->ctx, l->schema, &m->models[i], err);
    }
    return MC_OK;
}

static mc_code run_statement(lookup *l, mc_str statement, mc_err *err)
{
    mc_ctx *ctx = l->ctx;
    int64_t before = 0, after = 0;
    mc__changes *changes = l->pass->changes;
    mc_code rc = mc__pass_arm(l->pass, ctx, err);

    mc__step(l->self, "statement");
    if (rc == MC_OK && changes)
        rc = mc__changes_total(ctx, &before, err);
    if (rc == MC_OK)
        rc = mc_db_exec_script(ctx->conn, statement, err);
    if (rc != MC_OK || !changes)
        return rc;
    rc = mc__changes_total(ctx, &after, err);
    return rc == MC_OK
               ? mc__changes_note(changes, ctx->arena, l->schema, statement, after - before, err)
               : rc;
}

static void on_unowned(void *user, const mc_err *what)
{
    lookup *l = user;
    mc__pass *pass = l->pass;

    if (pass->note.len == 0)
        pass->note = mc_str_copy(l->ctx->arena, mc_z(what->msg));
}

/* Each store says it in its own words. */
static bool is_for_want_of_org(mc_str message)
{
    mc_str rest = mc_str_slice(message, mc_str_find(message, MC_STR("organization_id")), SIZE_MAX);

    return rest.len > 0 && (mc_str_find(message, MC_STR("NOT NULL constraint")) < message.len ||
                            mc_str_find(message, MC_STR("null value in column")) < message.len);
}

static mc_code apply(lookup *l, mc_str version, mc_str sql, mc_err *err)
{
    mc_ctx *ctx = l->ctx;
    mc_str addon_key = l->plan->manifest->key;
    bool needs_citext = false;
    mc_sqlgate_config gate = {MC_SQLGATE_CONFIG,    .addon_key = addon_key,
                              .schema = l->schema,  .has_column = has_column,
                              .has_column_user = l, .make_table = make_table,
                              .make_table_user = l, .dialect = mc_db_conn_dialect(ctx->conn),
                              .owner = l->owner,    .on_unowned = on_unowned,
                              .on_unowned_user = l, .out_needs_citext = &needs_citext};
    mc_strs statements;
    mc_err why;
    mc_code rc = mc_sqlgate_migration(&gate, ctx->arena, sql, &statements, &why);

    if (rc == MC_OK && needs_citext)
        rc = mc__postgres_need_citext(ctx, &why);
    if (rc == MC_OK && is_postgres(ctx))
        rc = mc__postgres_migration_begin(ctx, l->schema, &why);
    for (size_t i = 0; rc == MC_OK && i < statements.count; i++)
        rc = run_statement(l, statements.items[i], &why);
    if (rc == MC_OK && is_postgres(ctx))
        rc = mc__postgres_migration_end(ctx, &why);
    if (rc == MC_INVALID && is_for_want_of_org(mc_z(why.msg)))
        return mc_fail(err, rc,
                       "apply %.*s@%.*s: a row without organization_id: in a schema that "
                       "organizations share, each row is somebody's",
                       MC_FMT(addon_key), MC_FMT(version));
    if (rc != MC_OK)
        return mc_fail(err, rc == MC_INTERNAL || rc == MC_CONFLICT ? MC_INVALID : rc,
                       "apply %.*s@%.*s: %s", MC_FMT(addon_key), MC_FMT(version), why.msg);
    return MC_OK;
}

static mc_code apply_once(lookup *l, const mc_bundle_file *file, mc_err *err)
{
    mc_ctx *ctx = l->ctx;
    mc_str schema = l->schema, addon_key = l->plan->manifest->key;
    mc_str version = MC_STR(""), applied;
    mc_code rc;

    (void)mc_bundle_is_migration(file, &version); /* it is one */
    rc = find_applied(ctx, schema, version, &applied, err);
    if (rc != MC_OK)
        return rc;
    if (mc_str_eq(applied, mc_z(file->sha256)))
        return MC_OK;
    if (applied.len)
        return mc_fail(
            err, MC_CONFLICT,
            "migration %.*s@%.*s checksum mismatch: recorded %.12s, file %.12s (refusing to "
            "re-apply mutated SQL)",
            MC_FMT(addon_key), MC_FMT(version), applied.ptr, file->sha256);
    rc = apply(l, version, file->data, err);
    return rc == MC_OK ? record(ctx, schema, addon_key, version, mc_z(file->sha256), err) : rc;
}

static mc_code install_schema(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                              mc_str schema, mc_str owner, mc__pass *pass, mc_err *err)
{
    lookup l = {self, ctx, plan, schema, pass, owner};
    mc_code rc = schema.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "install");

    if (rc == MC_OK && is_postgres(ctx))
        rc = mc__postgres_schema_begin(ctx, schema, err);
    for (size_t i = 0; i < plan->migration_count && rc == MC_OK; i++)
        rc = apply_once(&l, plan->migrations[i], err);
    for (size_t i = 0; i < plan->manifest->model_count && rc == MC_OK; i++) {
        mc__step(self, "table");
        rc = mc__pass_arm(pass, ctx, err);
        if (rc == MC_OK)
            rc = ensure_table(self, ctx, schema, &plan->manifest->models[i], err);
    }
    if (rc == MC_OK && is_postgres(ctx))
        rc = mc__postgres_schema_end(ctx, schema, !mc__is_per_tenant(plan), err);
    return rc;
}

/* ---- tenants ---- */

bool mc__is_per_tenant(const mc_install_plan *plan)
{
    return mc_str_eq(plan->manifest->tenant_isolation, MC_STR("schema-per-tenant"));
}

mc_code mc__load_others(mc_ctx *ctx, const mc_install_plan *plan, mc_uuid org_id, mc_uuid **out,
                        size_t *out_count, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(plan->manifest->key), mc_db_text(mc_z(plan->digest)),
                          mc_db_uuid(org_id)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("SELECT i.organization_id FROM metacore_installations i JOIN metacore_addons a ON "
               "a.addon_key = i.addon_key WHERE i.addon_key = $1 AND a.digest <> $2 AND "
               "i.organization_id <> $3 AND i.deleted_at IS NULL ORDER BY i.organization_id"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = NULL;
    *out_count = 0;
    while (mc_db_rows_next(&rows)) {
        mc_uuid *grown = mc_arena_realloc(ctx->arena, *out, *out_count * sizeof(*grown),
                                          (*out_count + 1) * sizeof(*grown));

        if (!grown) {
            MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
            return mc_fail(err, MC_NO_MEMORY, "install");
        }
        *out = grown;
        grown[(*out_count)++] = mc_db_col_uuid(&rows, 0);
    }
    return mc_db_rows_finish(&rows, err);
}

static mc_code install_tenant(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                              mc_uuid org_id, mc__pass *pass, mc_err *err)
{
    char owner[MC_UUID_TEXT_LEN];

    mc_uuid_format(org_id, owner);
    return install_schema(self, ctx, plan,
                          mc_tenant_schema_name(ctx->arena, plan->manifest->key, org_id),
                          mc_str_of(owner, sizeof(owner)), pass, err);
}

static mc_code install_tenants(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                               mc_uuid org_id, mc__pass *pass, mc_err *err)
{
    mc_uuid *others = NULL;
    size_t count = 0;
    mc_code rc = mc__load_others(ctx, plan, org_id, &others, &count, err);

    if (rc == MC_OK)
        rc = install_tenant(self, ctx, plan, org_id, pass, err);
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = install_tenant(self, ctx, plan, others[i], pass, err);
    return rc;
}

mc_code mc__install_tables(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                           mc_uuid org_id, mc__pass *pass, mc_err *err)
{
    if (mc__is_per_tenant(plan))
        return install_tenants(self, ctx, plan, org_id, pass, err);
    return install_schema(self, ctx, plan, mc_schema_name(ctx->arena, plan->manifest->key),
                          MC_STR(""), pass, err);
}
