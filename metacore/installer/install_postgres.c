/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An addon's schema on PostgreSQL: a role of its own, which may read and write rows there and
 * nothing else, and policies that hold everybody, owners included, to the session's organization.
 *
 * A migration runs as that role. Until the transaction's end the role owns the schema's tables, so
 * that it may change them; nobody else ever sees that. Rows of all organizations are within a
 * migration's reach, as they are on SQLite: the policies are forced once it is over.
 */
#include "metacore/installer/installer_internal.h"

#define POLICY "rls_org_isolation"
#define SESSION_ORG "nullif(current_setting('app.current_org', true), '')"

/* ---- asking ---- */

static mc_code ask(mc_ctx *ctx, const char *sql, mc_str arg, mc_str *out, mc_err *err)
{
    mc_db_value value = mc_db_text(arg);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, mc_z(sql), &value, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = MC_STR("");
    if (mc_db_rows_next(&rows))
        *out = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

/* Roles are the whole server's: another database may have the same addon. */
static mc_code role_of(mc_ctx *ctx, mc_str schema, mc_str *out, mc_err *err)
{
    mc_str database;
    mc_code rc =
        ask(ctx, "SELECT current_database() WHERE $1::text IS NOT NULL", schema, &database, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_capped_name(ctx->arena,
                          mc_str_printf(ctx->arena, "%.*s@%.*s", MC_FMT(schema), MC_FMT(database)));
    return out->ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "install");
}

typedef struct table {
    mc_str name;
    mc_str org_type; /* of its organization_id; empty: it has none */
    bool is_owned;   /* by the kernel */
    bool is_held;    /* to the session's organization */
} table;

typedef struct tables {
    table *items;
    size_t count;
} tables;

static mc_code load_tables(mc_ctx *ctx, mc_str schema, tables *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(schema)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("SELECT c.relname, (SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE "
               "a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped), "
               "c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user), "
               "c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p "
               "WHERE p.polrelid = c.oid AND p.polname = '" POLICY "') FROM pg_class c JOIN "
               "pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r' "
               "ORDER BY c.relname"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = (tables){NULL, 0};
    while (mc_db_rows_next(&rows)) {
        table *grown = mc_arena_realloc(ctx->arena, out->items, out->count * sizeof(*grown),
                                        (out->count + 1) * sizeof(*grown));

        if (!grown) {
            MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
            return mc_fail(err, MC_NO_MEMORY, "install");
        }
        out->items = grown;
        grown[out->count++] = (table){.name = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0)),
                                      .org_type = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1)),
                                      .is_owned = mc_db_col_bool(&rows, 2),
                                      .is_held = mc_db_col_bool(&rows, 3)};
    }
    return mc_db_rows_finish(&rows, err);
}

/* ---- writing ---- */

typedef struct script {
    mc_ctx *ctx;
    mc_str schema, role;
    mc_buf sql;
} script;

static mc_code script_init(script *s, mc_ctx *ctx, mc_str schema, mc_err *err)
{
    *s = (script){.ctx = ctx, .schema = schema};
    mc_buf_init_arena(&s->sql, ctx->arena, 0);
    return role_of(ctx, schema, &s->role, err);
}

/* before, the schema's table (or, empty, the schema), between, the role (if there is a between),
 * after. */
static void add(script *s, const char *before, mc_str name, const char *between, const char *after)
{
    mc_buf_str(&s->sql, mc_z(before));
    mc_buf_str(&s->sql,
               name.len ? mc_physical_name(s->ctx->arena, MC_DB_POSTGRES, s->schema, name)
                        : mc_physical_name(s->ctx->arena, MC_DB_POSTGRES, MC_STR(""), s->schema));
    if (between) {
        mc_buf_str(&s->sql, mc_z(between));
        mc_buf_sql_ident(&s->sql, s->role);
    }
    mc_buf_str(&s->sql, mc_z(after));
    mc_buf_lit(&s->sql, ";\n");
}

/* before and the role. */
static void add_role(script *s, const char *before, const char *after)
{
    mc_buf_str(&s->sql, mc_z(before));
    mc_buf_sql_ident(&s->sql, s->role);
    mc_buf_str(&s->sql, mc_z(after));
    mc_buf_lit(&s->sql, ";\n");
}

static mc_code run(script *s, mc_err *err)
{
    mc_code rc = mc_buf_check(&s->sql, "install", err);

    if (rc == MC_OK && s->sql.len)
        rc = mc_db_exec_script(s->ctx->conn, mc_buf_get(&s->sql), err);
    mc_buf_init_arena(&s->sql, s->ctx->arena, 0);
    return rc;
}

/* ---- a schema and its role ---- */

/* Who may make roles makes one for each schema; who may not is told how he may. */
static mc_code ensure_role(script *s, mc_err *err)
{
    mc_str is_there, may;
    mc_code rc =
        ask(s->ctx, "SELECT 'yes' FROM pg_roles WHERE rolname = $1", s->role, &is_there, err);

    if (rc != MC_OK || is_there.len)
        return rc;
    rc = ask(s->ctx,
             "SELECT 'yes' FROM pg_roles WHERE rolname = current_user AND (rolcreaterole OR "
             "rolsuper) AND $1::text IS NOT NULL",
             s->role, &may, err);
    if (rc != MC_OK)
        return rc;
    if (!may.len)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "each addon gets a role of its own on PostgreSQL: the database's user needs "
                       "CREATEROLE (ALTER ROLE … CREATEROLE)");
    add_role(s, "CREATE ROLE ", " NOLOGIN NOINHERIT");
    add_role(s, "GRANT ", " TO CURRENT_USER");
    return run(s, err);
}

mc_code mc__postgres_schema_begin(mc_ctx *ctx, mc_str schema, mc_err *err)
{
    mc_str is_there = MC_STR("");
    script s;
    mc_code rc = script_init(&s, ctx, schema, err);

    if (rc == MC_OK)
        rc = ask(ctx, "SELECT 'yes' FROM pg_namespace WHERE nspname = $1", schema, &is_there, err);
    if (rc == MC_OK)
        rc = ensure_role(&s, err);
    if (rc == MC_OK && !is_there.len)
        add(&s, "CREATE SCHEMA ", MC_STR(""), NULL, "");
    if (rc == MC_OK)
        add(&s, "GRANT USAGE ON SCHEMA ", MC_STR(""), " TO ", "");
    return rc == MC_OK ? run(&s, err) : rc;
}

mc_code mc__postgres_migration_begin(mc_ctx *ctx, mc_str schema, mc_err *err)
{
    tables all = {NULL, 0};
    script s;
    mc_code rc = script_init(&s, ctx, schema, err);

    if (rc == MC_OK)
        rc = load_tables(ctx, schema, &all, err);
    if (rc != MC_OK)
        return rc;
    add(&s, "GRANT CREATE ON SCHEMA ", MC_STR(""), " TO ", "");
    add_role(&s, "GRANT REFERENCES ON public.organizations, public.users TO ", "");
    for (size_t i = 0; i < all.count; i++) {
        if (!all.items[i].is_owned)
            continue; /* a file before has it already */
        add(&s, "ALTER TABLE ", all.items[i].name, NULL, " NO FORCE ROW LEVEL SECURITY");
        add(&s, "ALTER TABLE ", all.items[i].name, " OWNER TO ", "");
    }
    add_role(&s, "SET LOCAL ROLE ", "");
    return run(&s, err);
}

mc_code mc__postgres_migration_end(mc_ctx *ctx, mc_err *err)
{
    return mc_db_exec_script(ctx->conn, MC_STR("SET LOCAL ROLE NONE"), err);
}

mc_code mc__postgres_need_citext(mc_ctx *ctx, mc_err *err)
{
    return mc_db_exec_script(
        ctx->conn, MC_STR("CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public"), err);
}

/* ---- what holds once a schema is complete ---- */

static void add_policy(script *s, const table *t)
{
    bool is_uuid = mc_str_eq(t->org_type, MC_STR("uuid"));
    const char *holds = is_uuid ? "(\"organization_id\" = " SESSION_ORG "::uuid)"
                                : "(\"organization_id\"::text = " SESSION_ORG ")";

    add(s, "ALTER TABLE ", t->name, NULL, " ENABLE ROW LEVEL SECURITY");
    add(s, "ALTER TABLE ", t->name, NULL, " FORCE ROW LEVEL SECURITY");
    add(s, "DROP POLICY IF EXISTS " POLICY " ON ", t->name, NULL, "");
    add(s, "CREATE POLICY " POLICY " ON ", t->name, NULL, " USING ");
    s->sql.len -= 2; /* ";\n" */
    mc_buf_printf(&s->sql, "%s WITH CHECK %s;\n", holds, holds);
}

/* What belongs to no organization is for all to read, and in a schema that they share nobody's to
 * write. */
static void add_rights(script *s, const table *t, bool is_shared)
{
    add(s, "REVOKE ALL ON ", t->name, " FROM ", "");
    if (is_shared && t->org_type.len == 0)
        add(s, "GRANT SELECT ON ", t->name, " TO ", "");
    else
        add(s, "GRANT SELECT, INSERT, UPDATE, DELETE ON ", t->name, " TO ", "");
}

mc_code mc__postgres_schema_end(mc_ctx *ctx, mc_str schema, bool is_shared, mc_err *err)
{
    tables all = {NULL, 0};
    script s;
    mc_code rc = script_init(&s, ctx, schema, err);

    if (rc == MC_OK)
        rc = load_tables(ctx, schema, &all, err);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < all.count; i++) {
        if (!all.items[i].is_owned)
            add(&s, "ALTER TABLE ", all.items[i].name, NULL, " OWNER TO CURRENT_USER");
        if (all.items[i].org_type.len && !all.items[i].is_held)
            add_policy(&s, &all.items[i]);
        add_rights(&s, &all.items[i], is_shared);
    }
    add(&s, "REVOKE CREATE ON SCHEMA ", MC_STR(""), " FROM ", "");
    add_role(&s, "REVOKE ALL ON public.organizations, public.users FROM ", "");
    return run(&s, err);
}

/* ---- taking data away ---- */

mc_code mc__postgres_drop_schema(mc_ctx *ctx, mc_str schema, mc_err *err)
{
    mc_str is_there = MC_STR("");
    script s;
    mc_code rc = script_init(&s, ctx, schema, err);

    if (rc == MC_OK)
        rc = ask(ctx, "SELECT 'yes' FROM pg_roles WHERE rolname = $1", s.role, &is_there, err);
    if (rc != MC_OK)
        return rc;
    add(&s, "DROP SCHEMA IF EXISTS ", MC_STR(""), NULL, " CASCADE");
    if (is_there.len) {
        add_role(&s, "DROP OWNED BY ", ""); /* its rights: it owns nothing */
        add_role(&s, "DROP ROLE ", "");
    }
    return run(&s, err);
}

static mc_code set_org(mc_ctx *ctx, mc_str org, mc_err *err)
{
    mc_str ignored;

    return ask(ctx, "SELECT set_config('app.current_org', $1, true)", org, &ignored, err);
}

/* One statement: keys between the tables, circles of them too, are looked at when it is over. */
static mc_code delete_rows(mc_ctx *ctx, mc_str schema, const tables *all, mc_uuid org_id,
                           mc_err *err)
{
    mc_db_value org = mc_db_uuid(org_id);
    size_t count = 0;
    mc_buf sql;
    mc_code rc;

    mc_buf_init_arena(&sql, ctx->arena, 0);
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].org_type.len == 0)
            continue;
        mc_buf_printf(&sql, "%st%zu AS (DELETE FROM ", count++ ? ", " : "WITH ", i);
        mc_buf_str(&sql, mc_physical_name(ctx->arena, MC_DB_POSTGRES, schema, all->items[i].name));
        mc_buf_lit(&sql, " WHERE \"organization_id\"::text = $1::uuid::text)");
    }
    mc_buf_lit(&sql, " SELECT 1");
    rc = mc_buf_check(&sql, "uninstall", err);
    return rc == MC_OK && count ? mc_db_exec(ctx->conn, mc_buf_get(&sql), &org, 1, NULL, err) : rc;
}

mc_code mc__postgres_drop_rows(mc_ctx *ctx, mc_str schema, mc_uuid org_id, mc_err *err)
{
    char id[MC_UUID_TEXT_LEN];
    tables all = {NULL, 0};
    mc_str before = MC_STR("");
    mc_code rc = load_tables(ctx, schema, &all, err);

    mc_uuid_format(org_id, id);
    if (rc == MC_OK)
        rc = ask(ctx, "SELECT coalesce(current_setting($1, true), '')", MC_STR("app.current_org"),
                 &before, err);
    if (rc == MC_OK)
        rc = set_org(ctx, mc_str_of(id, sizeof(id)), err);
    if (rc == MC_OK)
        rc = delete_rows(ctx, schema, &all, org_id, err);
    return rc == MC_OK ? set_org(ctx, before, err) : rc;
}
