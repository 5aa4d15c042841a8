/* SPDX-License-Identifier: Apache-2.0 */
/* Names, and what is known of tables while their statements are still being written. */
#include "metacore/modelbase/modelbase.h"
#include "metacore/sqlgate/sqlgate_internal.h"

bool mc__gate_is_postgres(const mc__gate *g)
{
    return g->dialect == MC_DB_POSTGRES;
}

mc_str mc__gate_physical(mc__gate *g, mc_str name)
{
    return mc_physical_name(g->arena, g->dialect, g->schema,
                            mc__gate_is_postgres(g) ? mc_capped_name(g->arena, name) : name);
}

mc_str mc__gate_index_name(mc__gate *g, mc_str name)
{
    if (!mc__gate_is_postgres(g))
        return mc__gate_physical(g, name);
    return mc_physical_name(g->arena, g->dialect, MC_STR(""), mc_capped_name(g->arena, name));
}

/* Lower case: the store does not tell "Code" from "code", PostgreSQL does. */
static bool is_name(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
            return false;
    }
    return mc_str_is_identifier(s) && !mc_str_starts_with(s, MC_STR("sqlite_"));
}

mc_code mc__gate_name(mc__gate *g, const char *what, const char *name, mc_str *out)
{
    *out = mc_z(name);
    return is_name(*out)
               ? MC_OK
               : mc__gate_refuse(g, "\"%.40s\" is no name of a %s (lower case, digits, _)",
                                 name ? name : "", what);
}

mc_code mc__gate_column_name(mc__gate *g, const char *name, mc_str *out)
{
    mc_str org = MC_STR("organization_id");
    mc_code rc = mc__gate_name(g, "column", name, out);

    if (rc == MC_OK && g->table.len && mc_str_eq(*out, MC_STR("org_id")) &&
        !mc__gate_table_has(g, g->table, *out) && mc__gate_table_has(g, g->table, org))
        *out = org;
    return rc;
}

bool mc__gate_is_kernel_column(mc_str name)
{
    static const char *const names[] = {"id",         "organization_id", "created_by_id",
                                        "created_at", "updated_at",      "deleted_at"};

    for (size_t i = 0; i < MC_LEN(names); i++) {
        if (mc_str_eq(name, mc_z(names[i])))
            return true;
    }
    return false;
}

mc_code mc__gate_own_name(mc__gate *g, mc_str schema, const char *what, const char *name,
                          mc_buf *out, mc_str *out_name)
{
    mc_code rc;

    if (schema.len && !mc_str_eq(schema, g->own_name))
        return mc__gate_refuse(g, "%s %.40s.%.40s is not the addon's", what, schema.ptr,
                               name ? name : "");
    rc = mc__gate_name(g, what, name, out_name);
    if (rc == MC_OK)
        mc_buf_str(out, mc__gate_physical(g, *out_name));
    return rc;
}

mc_code mc__gate_relation(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *out,
                          mc_str *out_name)
{
    mc_str name;
    mc_code rc;

    if (!relation || mc_z(relation->catalogname).len)
        return mc__gate_refuse(g, "a relation of another database");
    if (mc_z(relation->relpersistence).len && relation->relpersistence[0] != 'p')
        return mc__gate_refuse(g, "temporary and unlogged tables");
    if (relation->alias)
        return mc__gate_refuse(g, "a table by another name");
    rc = mc__gate_own_name(g, mc_z(relation->schemaname), "table", relation->relname, out, &name);
    if (rc == MC_OK)
        *out_name = name;
    return rc;
}

static bool is_known(mc__gate *g, mc_str table);

mc_code mc__gate_target(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *out,
                        mc_str *out_name)
{
    mc_code rc = mc__gate_relation(g, relation, out, out_name);
    mc_err why;

    if (rc != MC_OK)
        return rc;
    g->table = *out_name;
    if (!g->config->make_table || is_known(g, *out_name))
        return MC_OK;
    rc = g->config->make_table(g->config->make_table_user, *out_name, &why);
    if (rc == MC_OK)
        return MC_OK;
    return rc == MC_NOT_FOUND ? mc__gate_refuse(g, "%s", why.msg)
                              : mc_fail(g->err, rc, "%s", why.msg);
}

/* ---- tables ---- */

/* The latest of that name: one that was dropped may have been made again. */
static mc__gate_table *find_table(mc__gate *g, mc_str name)
{
    for (size_t i = g->table_count; i > 0; i--) {
        if (mc_str_eq(g->tables[i - 1].name, name))
            return &g->tables[i - 1];
    }
    return NULL;
}

static bool is_stored(const mc__gate *g, mc_str table, mc_str column)
{
    return g->config->has_column &&
           g->config->has_column(g->config->has_column_user, table, column);
}

static bool is_known(mc__gate *g, mc_str table)
{
    return find_table(g, table) || is_stored(g, table, MC_STR("id"));
}

bool mc__gate_table_has(mc__gate *g, mc_str table, mc_str column)
{
    const mc__gate_table *t = find_table(g, table);

    if (!t)
        return is_stored(g, table, column);
    for (size_t i = t->column_count; i > 0; i--) {
        if (mc_str_eq(t->columns[i - 1].name, column))
            return t->columns[i - 1].is_there;
    }
    return !t->is_whole && is_stored(g, t->stored, column);
}

mc_code mc__gate_note_table(mc__gate *g, mc_str name, bool is_whole)
{
    mc__gate_table *t = is_whole ? NULL : find_table(g, name);

    if (t)
        return MC_OK;
    if (g->table_count == MC__GATE_TABLES_MAX)
        return mc__gate_refuse(g, "more than %d tables", MC__GATE_TABLES_MAX);
    t = &g->tables[g->table_count];
    *t = (mc__gate_table){.name = mc_str_copy(g->arena, name), .is_whole = is_whole};
    t->stored = t->name;
    if (!t->name.ptr)
        return mc_fail(g->err, MC_NO_MEMORY, "migration");
    g->table_count++;
    return MC_OK;
}

mc_code mc__gate_note_column(mc__gate *g, mc_str table, mc_str column, bool is_there)
{
    mc__gate_table *t = NULL;
    mc__gate_column *grown;
    mc_code rc = mc__gate_note_table(g, table, false);

    if (rc != MC_OK)
        return rc;
    t = find_table(g, table);
    grown = mc_arena_realloc(g->arena, t->columns, t->column_count * sizeof(*grown),
                             (t->column_count + 1) * sizeof(*grown));
    if (!grown)
        return mc_fail(g->err, MC_NO_MEMORY, "migration");
    t->columns = grown;
    grown[t->column_count] =
        (mc__gate_column){mc_str_copy(g->arena, column), is_there, MC__GATE_VALUE};
    return grown[t->column_count++].name.ptr ? MC_OK : mc_fail(g->err, MC_NO_MEMORY, "migration");
}

static mc__gate_column *find_column(mc__gate *g, mc_str table, mc_str column)
{
    mc__gate_table *t = find_table(g, table);

    for (size_t i = t ? t->column_count : 0; i > 0; i--) {
        if (mc_str_eq(t->columns[i - 1].name, column))
            return &t->columns[i - 1];
    }
    return NULL;
}

mc__gate_kind mc__gate_kind_of(mc__gate *g, mc_str table, mc_str column)
{
    const mc__gate_column *found = find_column(g, table, column);

    return !found || found->kind == MC__GATE_PLAIN ? MC__GATE_VALUE : found->kind;
}

void mc__gate_note_kind(mc__gate *g, mc_str table, mc_str column, mc__gate_kind kind)
{
    mc__gate_column *found = find_column(g, table, column);

    if (found)
        found->kind = kind;
}

mc_code mc__gate_rename_table(mc__gate *g, mc_str from, mc_str to)
{
    mc_code rc = mc__gate_note_table(g, from, false);
    mc__gate_table *t;

    if (rc != MC_OK)
        return rc;
    t = find_table(g, from);
    t->name = mc_str_copy(g->arena, to);
    if (!t->name.ptr)
        return mc_fail(g->err, MC_NO_MEMORY, "migration");
    return mc__gate_note_table(g, from, true); /* there is none of that name any more */
}
