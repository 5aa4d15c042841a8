/* SPDX-License-Identifier: Apache-2.0 */
/* Taking data away: the tables of a schema with the record of its migrations, or one organization's
 * rows in them. On SQLite tables that others point to come after those that point. */
#include "metacore/installer/installer_internal.h"

typedef struct tables {
    mc_str *names; /* physical: "<schema>.<table>" */
    size_t count;
} tables;

/* No name of ours holds a '%' or '_' that LIKE would take for more: so compared by substr. */
static mc_code load_tables(mc_ctx *ctx, mc_str schema, tables *out, mc_err *err)
{
    mc_str prefix = mc_str_printf(ctx->arena, "%.*s.", MC_FMT(schema));
    mc_db_value arg = mc_db_text(prefix);
    mc_db_rows rows;
    mc_code rc;

    rc = mc_db_query(ctx->conn,
                     MC_STR("SELECT name FROM sqlite_master WHERE type = 'table' AND "
                            "substr(name, 1, length($1)) = $1 ORDER BY name"),
                     &arg, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = (tables){NULL, 0};
    while (mc_db_rows_next(&rows)) {
        mc_str *grown = mc_arena_realloc(ctx->arena, out->names, out->count * sizeof(*grown),
                                         (out->count + 1) * sizeof(*grown));

        if (!grown) {
            MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
            return mc_fail(err, MC_NO_MEMORY, "uninstall");
        }
        out->names = grown;
        grown[out->count++] = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    }
    return mc_db_rows_finish(&rows, err);
}

/* Whether another of those that are left points to the at-th. */
static mc_code is_pointed_to(mc_ctx *ctx, const tables *left, size_t at, bool *out, mc_err *err)
{
    mc_code rc = MC_OK;

    *out = false;
    for (size_t i = 0; i < left->count && rc == MC_OK && !*out; i++) {
        mc_db_value args[] = {mc_db_text(left->names[i]), mc_db_text(left->names[at])};
        mc_db_rows rows;

        if (i == at)
            continue;
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT 1 FROM pragma_foreign_key_list($1) WHERE \"table\" = $2 "
                                "COLLATE NOCASE"),
                         args, MC_LEN(args), &rows, err);
        if (rc == MC_OK) {
            *out = mc_db_rows_next(&rows);
            rc = mc_db_rows_finish(&rows, err);
        }
    }
    return rc;
}

/* The next that nobody points to; of a circle its first. */
static mc_code take_next(mc_ctx *ctx, tables *left, mc_str *out, bool *is_circle, mc_err *err)
{
    size_t at = 0;
    bool is_needed = true;

    for (size_t i = 0; i < left->count && is_needed; i++) {
        mc_code rc = is_pointed_to(ctx, left, i, &is_needed, err);

        if (rc != MC_OK)
            return rc;
        at = is_needed ? 0 : i;
    }
    *is_circle |= is_needed;
    *out = left->names[at];
    left->names[at] = left->names[--left->count];
    return MC_OK;
}

typedef mc_code (*table_fn)(mc_ctx *ctx, mc_str physical, mc_uuid org_id, mc_err *err);

static mc_code for_each(mc_ctx *ctx, mc_str schema, mc_uuid org_id, table_fn fn, mc_err *err)
{
    bool is_circle = false;
    tables left = {0};
    mc_code rc = load_tables(ctx, schema, &left, err);

    while (rc == MC_OK && left.count > 0) {
        bool was_circle = is_circle;
        mc_str physical;

        rc = take_next(ctx, &left, &physical, &is_circle, err);
        /* Until the circle is complete its keys point to nothing; at the commit they are gone. */
        if (rc == MC_OK && is_circle && !was_circle)
            rc = mc_db_exec_script(ctx->conn, MC_STR("PRAGMA defer_foreign_keys = ON"), err);
        if (rc == MC_OK)
            rc = fn(ctx, physical, org_id, err);
    }
    return rc;
}

static mc_code run_on(mc_ctx *ctx, const char *before, mc_str physical, const char *after,
                      const mc_db_value *args, size_t count, mc_err *err)
{
    mc_buf sql;
    mc_code rc;

    mc_buf_init_arena(&sql, ctx->arena, 0);
    mc_buf_str(&sql, mc_z(before));
    mc_buf_sql_ident(&sql, physical);
    mc_buf_str(&sql, mc_z(after));
    rc = mc_buf_check(&sql, "uninstall", err);
    return rc == MC_OK ? mc_db_exec(ctx->conn, mc_buf_get(&sql), args, count, NULL, err) : rc;
}

static mc_code has_org(mc_ctx *ctx, mc_str physical, bool *out, mc_err *err)
{
    mc_db_value arg = mc_db_text(physical);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM pragma_table_xinfo($1) WHERE name = "
                                    "'organization_id'"),
                             &arg, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

static mc_code delete_rows(mc_ctx *ctx, mc_str physical, mc_uuid org_id, mc_err *err)
{
    mc_db_value org = mc_db_uuid(org_id);
    bool has_column = false;
    mc_code rc = has_org(ctx, physical, &has_column, err);

    if (rc != MC_OK || !has_column)
        return rc; /* a table of the addon's that is nobody's in particular */
    return run_on(ctx, "DELETE FROM ", physical, " WHERE organization_id = $1", &org, 1, err);
}

static mc_code drop_table(mc_ctx *ctx, mc_str physical, mc_uuid org_id, mc_err *err)
{
    (void)org_id;
    return run_on(ctx, "DROP TABLE ", physical, "", NULL, 0, err);
}

static bool is_postgres(const mc_ctx *ctx)
{
    return mc_db_conn_dialect(ctx->conn) == MC_DB_POSTGRES;
}

mc_code mc__drop_rows(mc_ctx *ctx, mc_str schema, mc_uuid org_id, mc_err *err)
{
    if (is_postgres(ctx))
        return mc__postgres_drop_rows(ctx, schema, org_id, err);
    return for_each(ctx, schema, org_id, delete_rows, err);
}

mc_code mc__drop_schema(mc_ctx *ctx, mc_str schema, mc_err *err)
{
    mc_db_value arg = mc_db_text(schema);
    mc_code rc = is_postgres(ctx) ? mc__postgres_drop_schema(ctx, schema, err)
                                  : for_each(ctx, schema, (mc_uuid){{0}}, drop_table, err);

    return rc == MC_OK ? mc_db_exec(ctx->conn,
                                    MC_STR("DELETE FROM metacore_addon_migrations WHERE "
                                           "schema_name = $1"),
                                    &arg, 1, NULL, err)
                       : rc;
}
