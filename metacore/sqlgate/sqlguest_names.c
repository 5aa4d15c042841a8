/* SPDX-License-Identifier: Apache-2.0 */
/* What a name stands for: relations, which are always an organization's, and their columns. */
#include "metacore/sqlgate/sqlguest_internal.h"

/* ---- relations ---- */

static mc_code note_read(mc__sql *q, mc_str stored)
{
    for (size_t i = 0; i < q->out->reads.count; i++) {
        if (mc_str_eq(q->reads[i], stored))
            return MC_OK;
    }
    if (q->out->reads.count == MC__SQL_READS_MAX)
        return mc__sql_refuse(q, MC_INVALID, "more than %d tables", MC__SQL_READS_MAX);
    q->reads[q->out->reads.count++] = stored;
    return MC_OK;
}

static bool is_introspection(mc_str schema, mc_str table)
{
    return mc_str_eq(schema, MC_STR("information_schema")) ||
           mc_str_starts_with(schema, MC_STR("pg_")) || mc_str_starts_with(table, MC_STR("pg_")) ||
           mc_str_starts_with(table, MC_STR("sqlite_"));
}

mc_code mc__sql_find_relation(mc__sql *q, const PgQuery__RangeVar *var, bool is_write,
                              mc_sqlguest_relation *out)
{
    mc_str schema = mc_z(var->schemaname), table = mc_z(var->relname);
    mc_sqlguest_relation found = {0};
    mc_code rc;

    if (mc_z(var->catalogname).len)
        return mc__sql_refuse(q, MC_FORBIDDEN, "relations of other databases are not the addon's");
    if (is_introspection(schema, table))
        return mc__sql_refuse(q, MC_INVALID, "introspection schemas are disabled");
    rc = q->config->find(q->config->find_user, schema, table, is_write, &found, q->err);
    if (rc == MC_OK && found.column_count == 0)
        rc = mc__sql_refuse(q, MC_NOT_FOUND, "relation \"%.60s\" does not exist", var->relname);
    if (rc == MC_OK)
        rc = note_read(q, found.stored);
    if (rc == MC_OK)
        *out = found;
    return rc;
}

mc_str mc__sql_org_condition(mc__sql *q, const mc_sqlguest_relation *relation, mc_str alias)
{
    if (relation->is_tenants)
        return MC_STR("1");
    return mc__sql_text(q, "%.*s%s\"organization_id\" = $%u", MC_FMT(alias), alias.len ? "." : "",
                        mc__sql_own_param(q, MC_SQLGUEST_ORG));
}

mc_code mc__sql_relation_columns(mc__sql *q, const mc_sqlguest_relation *relation,
                                 mc__sql_column **out)
{
    mc__sql_column *columns = mc_arena_array(q->arena, mc__sql_column, relation->column_count);

    if (!columns)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    for (size_t i = 0; i < relation->column_count; i++) {
        const mc_sqlguest_column *c = &relation->columns[i];

        if (!mc_str_is_identifier(c->name))
            return mc_fail(q->err, MC_INTERNAL, "sql: a column without a name");
        columns[i] = (mc__sql_column){.name = c->name,
                                      .own = mc__sql_text(q, "\"%.*s\"", MC_FMT(c->name)),
                                      .kind = c->kind,
                                      .type = c->type};
    }
    *out = columns;
    return MC_OK;
}

/* ---- scopes ---- */

mc_code mc__sql_add_source(mc__sql *q, mc__sql_scope *scope, mc_str name, mc_str alias,
                           mc__sql_column *columns, size_t count, mc__sql_source **out)
{
    mc__sql_source *source = mc_arena_object(q->arena, mc__sql_source);

    if (!source)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    for (const mc__sql_source *s = scope->sources; s; s = s->next) {
        if (name.len && mc_str_eq(s->name, name))
            return mc__sql_refuse(q, MC_REJECTED, "table name \"%.*s\" specified more than once",
                                  MC_FMT(name));
    }
    *source = (mc__sql_source){.name = name, .alias = alias, .columns = columns, .count = count};
    if (scope->last)
        scope->last->next = source;
    else
        scope->sources = source;
    scope->last = source;
    if (out)
        *out = source;
    return MC_OK;
}

const mc__sql_column *mc__sql_find_column(const mc__sql_source *source, mc_str name)
{
    for (size_t i = 0; i < source->count; i++) {
        if (mc_str_eq(source->columns[i].name, name))
            return &source->columns[i];
    }
    return NULL;
}

mc_str mc__sql_member(mc__sql *q, const mc__sql_source *source, const mc__sql_column *column)
{
    if (source->alias.len == 0)
        return column->own;
    return mc__sql_text(q, "%.*s.%.*s", MC_FMT(source->alias), MC_FMT(column->own));
}

/* One of a scope's sources; two that have it are one too many. */
static mc_code find_in(mc__sql *q, const mc__sql_scope *scope, mc_str table, mc_str name,
                       const mc__sql_source **out_source, const mc__sql_column **out)
{
    for (const mc__sql_source *s = scope->sources; s; s = s->next) {
        const mc__sql_column *found;

        if (table.len && !mc_str_eq(s->name, table))
            continue;
        found = mc__sql_find_column(s, name);
        if (!found || (found->is_merged && table.len == 0))
            continue;
        if (*out)
            return mc__sql_refuse(q, MC_REJECTED, "column reference \"%.60s\" is ambiguous",
                                  name.ptr);
        *out = found;
        *out_source = s;
    }
    return MC_OK;
}

mc_code mc__sql_column_ref(mc__sql *q, const mc__sql_scope *scope, const PgQuery__ColumnRef *ref,
                           mc__sql_value *out)
{
    const mc__sql_source *source = NULL;
    const mc__sql_column *column = NULL;
    mc_str table = MC_STR(""), name;

    for (size_t i = 0; i < ref->n_fields; i++) {
        if (ref->fields[i]->node_case != PG_QUERY__NODE__NODE_STRING)
            return mc__sql_refuse(q, MC_INVALID, "* stands for columns only in a list of results");
    }
    if (ref->n_fields == 0 || ref->n_fields > 3)
        return mc__sql_unknown(q, "a column of another database");
    name = mc_z(ref->fields[ref->n_fields - 1]->string->sval);
    if (ref->n_fields > 1)
        table = mc_z(ref->fields[ref->n_fields - 2]->string->sval);
    for (; scope && !column; scope = scope->outer) {
        mc_code rc = find_in(q, scope, table, name, &source, &column);

        if (rc != MC_OK)
            return rc;
    }
    if (!column)
        return mc__sql_refuse(q, MC_NOT_FOUND, "column \"%.60s%s%.60s\" does not exist",
                              table.len ? table.ptr : "", table.len ? "." : "", name.ptr);
    *out = (mc__sql_value){.sql = mc__sql_member(q, source, column), .kind = column->kind};
    return MC_OK;
}
