/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate_internal.h"

#define COLUMNS_MAX 300
#define UNIQUES_MAX 64

/* A unique constraint, kept for after the table: it becomes an index. */
typedef struct unique_key {
    mc_str columns[16];
    size_t count;
    mc_str name; /* of its constraint, or empty */
} unique_key;

typedef struct enum_column {
    mc_str column;
    mc_str type;
} enum_column;

typedef struct table {
    mc__gate *g;
    mc_str name;
    mc_buf sql;
    unique_key *uniques;
    size_t unique_count;
    unique_key
        primary; /* written last: by then it is known whether organizations share the table */
    bool has_serial;
    const PgQuery__Constraint **checks; /* with names: they can be dropped, so they are rules */
    size_t check_count;
    enum_column *enums;
    size_t enum_count;
} table;

static mc_code read_keys(mc__gate *g, PgQuery__Node **keys, size_t count, unique_key *out)
{
    mc_code rc = MC_OK;

    if (count > MC_LEN(out->columns))
        return mc__gate_refuse(g, "a key of too many columns");
    out->count = count;
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = mc__gate_column_name(g, keys[i]->string->sval, &out->columns[i]);
    return rc;
}

static bool has_key(const unique_key *key, mc_str name)
{
    for (size_t i = 0; i < key->count; i++) {
        if (mc_str_eq(key->columns[i], name))
            return true;
    }
    return false;
}

/* Of the constraint's own columns, or of the column it stands at. */
static mc_code add_unique(table *t, const PgQuery__Constraint *c, mc_str column)
{
    unique_key *key;

    if (c->nulls_not_distinct)
        return mc__gate_refuse(t->g, "NULLS NOT DISTINCT");
    if (t->unique_count == UNIQUES_MAX)
        return mc__gate_refuse(t->g, "too many unique constraints");
    key = &t->uniques[t->unique_count++];
    *key = (unique_key){.columns = {column}, .count = 1};
    if (mc_z(c->conname).len) {
        mc_code rc = mc__gate_name(t->g, "constraint", c->conname, &key->name);

        key->name = mc_str_copy(t->g->arena, key->name);
        if (rc != MC_OK)
            return rc;
    }
    return c->n_keys ? read_keys(t->g, c->keys, c->n_keys, key) : MC_OK;
}

static mc_code set_primary(table *t, const PgQuery__Constraint *c, mc_str column)
{
    if (t->primary.count)
        return mc__gate_refuse(t->g, "two primary keys");
    if (c->n_keys)
        return read_keys(t->g, c->keys, c->n_keys, &t->primary);
    t->primary = (unique_key){.columns = {column}, .count = 1};
    return MC_OK;
}

static mc_code write_keys(table *t, PgQuery__Node **keys, size_t count)
{
    mc_code rc = MC_OK;

    mc_buf_lit(&t->sql, " (");
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        mc_str name;

        rc = mc__gate_column_name(t->g, keys[i]->string->sval, &name);
        if (i > 0)
            mc_buf_lit(&t->sql, ", ");
        mc_buf_sql_ident(&t->sql, name);
    }
    mc_buf_char(&t->sql, ')');
    return rc;
}

static void write_action(mc_buf *out, const char *event, const char *action)
{
    if (!action || !*action || *action == 'a')
        return; /* no action: what is done anyway */
    mc_buf_printf(out, " ON %s %s", event,
                  *action == 'c'   ? "CASCADE"
                  : *action == 'n' ? "SET NULL"
                  : *action == 'd' ? "SET DEFAULT"
                                   : "RESTRICT");
}

/* The kernel's tables that rows may belong to: no more of them is seen than that an id is there. */
static bool is_kernel_table(mc__gate *g, const PgQuery__RangeVar *relation)
{
    mc_str schema = mc_z(relation->schemaname), name = mc_z(relation->relname);
    bool is_kernels = mc_str_eq(name, MC_STR("organizations")) || mc_str_eq(name, MC_STR("users"));

    if (!is_kernels || mc_z(relation->catalogname).len)
        return false;
    return mc_str_eq(schema, MC_STR("public")) || (schema.len == 0 && !mc_str_eq(name, g->table) &&
                                                   !mc__gate_table_has(g, name, MC_STR("id")));
}

/* To a row by its id: what else is unique is so within an organization, and no target for a key. */
mc_code mc__gate_references(mc__gate *g, const PgQuery__Constraint *c, mc_buf *out)
{
    mc_str own = g->table, name;
    mc_code rc = MC_OK;

    if (c->n_pk_attrs > 1 ||
        (c->n_pk_attrs == 1 && !mc_str_eq(mc_z(c->pk_attrs[0]->string->sval), MC_STR("id"))))
        return mc__gate_refuse(g, "REFERENCES to anything but id");
    if (!c->pktable)
        return mc__gate_refuse(g, "REFERENCES to nothing");
    mc_buf_lit(out, " REFERENCES ");
    if (is_kernel_table(g, c->pktable)) {
        if (mc__gate_is_postgres(g))
            mc_buf_lit(out, "public.");
        mc_buf_sql_ident(out, mc_z(c->pktable->relname));
    } else if (mc_str_eq(mc_z(c->pktable->relname), own)) {
        rc = mc__gate_relation(g, c->pktable, out, &name);
    } else {
        rc = mc__gate_target(g, c->pktable, out, &name);
        g->table = own;
        if (rc == MC_OK && !mc__gate_table_has(g, name, MC_STR("id")))
            rc =
                mc__gate_refuse(g, "REFERENCES %.*s, which is no table of the addon", MC_FMT(name));
    }
    mc_buf_lit(out, " (\"id\")");
    write_action(out, "DELETE", c->fk_del_action);
    write_action(out, "UPDATE", c->fk_upd_action);
    if (c->initdeferred)
        mc_buf_lit(out, " DEFERRABLE INITIALLY DEFERRED");
    return rc;
}

static mc_code add_check(table *t, const PgQuery__Constraint *c)
{
    if (t->check_count == UNIQUES_MAX)
        return mc__gate_refuse(t->g, "too many check constraints");
    t->checks[t->check_count++] = c;
    return MC_OK;
}

static bool is_plain_collation(const PgQuery__CollateClause *clause)
{
    const char *name = clause->n_collname == 1 || clause->n_collname == 2
                           ? clause->collname[clause->n_collname - 1]->string->sval
                           : "";

    return mc_str_eq(mc_z(name), MC_STR("C")) || mc_str_eq(mc_z(name), MC_STR("default")) ||
           mc_str_eq(mc_z(name), MC_STR("POSIX"));
}

static bool is_identity(const PgQuery__ColumnDef *def)
{
    for (size_t i = 0; i < def->n_constraints; i++) {
        if (def->constraints[i]->node_case == PG_QUERY__NODE__NODE_CONSTRAINT &&
            def->constraints[i]->constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY)
            return true;
    }
    return false;
}

static mc_code note_enum(table *t, mc_str column, const PgQuery__TypeName *type)
{
    if (t->enum_count == UNIQUES_MAX)
        return mc__gate_refuse(t->g, "too many columns of enumerated types");
    t->enums[t->enum_count++] =
        (enum_column){mc_str_copy(t->g->arena, column),
                      mc_str_copy(t->g->arena, mc_z(type->names[type->n_names - 1]->string->sval))};
    return MC_OK;
}

static mc_code column_constraint(table *t, const PgQuery__Constraint *c, mc_str column,
                                 mc__gate_kind kind)
{
    mc_code rc;

    switch (c->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_NULL:
    case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
        return MC_OK;
    case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL:
        mc_buf_lit(&t->sql, " NOT NULL");
        return MC_OK;
    case PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT:
        mc_buf_lit(&t->sql, " DEFAULT (");
        rc = mc__gate_expr(t->g, c->raw_expr, kind, &t->sql);
        mc_buf_char(&t->sql, ')');
        return rc;
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
        mc_buf_lit(&t->sql, " NOT NULL"); /* the store would let it be null */
        return set_primary(t, c, column);
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
        return add_unique(t, c, column);
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
        if (mc_z(c->conname).len)
            return add_check(t, c);
        mc_buf_lit(&t->sql, " CHECK (");
        rc = mc__gate_expr(t->g, c->raw_expr, MC__GATE_PLAIN, &t->sql);
        mc_buf_char(&t->sql, ')');
        return rc;
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        return mc__gate_references(t->g, c, &t->sql);
    case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
        mc_buf_lit(&t->sql, " GENERATED ALWAYS AS (");
        rc = mc__gate_expr(t->g, c->raw_expr, MC__GATE_PLAIN, &t->sql);
        mc_buf_str(&t->sql, mc__gate_is_postgres(t->g) ? MC_STR(") STORED") : MC_STR(")"));
        return rc;
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRED:
        mc_buf_lit(&t->sql, " DEFERRABLE INITIALLY DEFERRED");
        return MC_OK;
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_DEFERRABLE:
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_NOT_DEFERRABLE:
    case PG_QUERY__CONSTR_TYPE__CONSTR_ATTR_IMMEDIATE:
        return MC_OK; /* checked at once, as the store does unless told otherwise */
    default:
        return mc__gate_refuse(t->g, "a column constraint of a kind that is not allowed");
    }
}

static mc_code write_column(table *t, const PgQuery__ColumnDef *def)
{
    mc__gate_kind kind;
    mc_str name;
    mc_code rc = mc__gate_column_name(t->g, def->colname, &name);

    if (rc != MC_OK)
        return rc;
    if ((def->coll_clause && !is_plain_collation(def->coll_clause)) || def->n_fdwoptions)
        return mc__gate_refuse(t->g, "a column with a collation or options");
    mc_buf_sql_ident(&t->sql, name);
    mc_buf_char(&t->sql, ' ');
    rc = mc__gate_type(t->g, def->type_name, &t->sql, &kind);
    if (rc == MC_OK && is_identity(def)) {
        if (mc__gate_is_postgres(t->g) && kind != MC__GATE_SERIAL)
            mc_buf_lit(&t->sql, " GENERATED BY DEFAULT AS IDENTITY");
        kind = MC__GATE_SERIAL;
    }
    if (rc == MC_OK && kind == MC__GATE_ENUM)
        rc = note_enum(t, name, def->type_name);
    for (size_t i = 0; i < def->n_constraints && rc == MC_OK; i++) {
        if (def->constraints[i]->node_case != PG_QUERY__NODE__NODE_CONSTRAINT)
            return mc__gate_refuse(t->g, "a column constraint");
        rc = column_constraint(t, def->constraints[i]->constraint, name, kind);
    }
    if (rc == MC_OK && kind == MC__GATE_SERIAL && !has_key(&t->primary, name))
        rc = mc__gate_refuse(t->g, "a serial column that is not the primary key");
    t->has_serial = t->has_serial || kind == MC__GATE_SERIAL;
    if (rc == MC_OK)
        rc = mc__gate_note_column(t->g, t->name, name, true);
    if (rc == MC_OK)
        mc__gate_note_kind(t->g, t->name, name, kind);
    return rc;
}

/* True in *out_written when something was written that needs a comma. */
static mc_code table_constraint(table *t, const PgQuery__Constraint *c, bool *out_written)
{
    mc_code rc;

    *out_written = true;
    switch (c->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
        *out_written = false;
        return add_unique(t, c, MC_STR(""));
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
        *out_written = false;
        return set_primary(t, c, MC_STR(""));
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
        if (mc_z(c->conname).len) {
            *out_written = false;
            return add_check(t, c);
        }
        mc_buf_lit(&t->sql, ", CHECK (");
        rc = mc__gate_expr(t->g, c->raw_expr, MC__GATE_PLAIN, &t->sql);
        mc_buf_char(&t->sql, ')');
        return rc;
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        mc_buf_lit(&t->sql, ", FOREIGN KEY");
        rc = write_keys(t, c->fk_attrs, c->n_fk_attrs);
        return rc == MC_OK ? mc__gate_references(t->g, c, &t->sql) : rc;
    default:
        return mc__gate_refuse(t->g, "a table constraint of a kind that is not allowed");
    }
}

static mc_code init(table *t, mc__gate *g)
{
    *t = (table){.g = g,
                 .uniques = mc_arena_array(g->arena, unique_key, UNIQUES_MAX),
                 .checks = mc_arena_array(g->arena, const PgQuery__Constraint *, UNIQUES_MAX),
                 .enums = mc_arena_array(g->arena, enum_column, UNIQUES_MAX)};
    mc_buf_init_arena(&t->sql, g->arena, 0);
    return t->uniques && t->checks && t->enums ? MC_OK : mc_fail(g->err, MC_NO_MEMORY, "migration");
}

/* A key of the author's own choosing holds within an organization, as whatever else is unique. */
static void write_primary(table *t)
{
    mc_str org = MC_STR("organization_id");
    bool is_shared = !t->has_serial && !has_key(&t->primary, MC_STR("id")) &&
                     !has_key(&t->primary, org) && mc__gate_table_has(t->g, t->name, org);

    if (t->primary.count == 0)
        return;
    mc_buf_str(&t->sql, is_shared ? MC_STR(", PRIMARY KEY (\"organization_id\", ")
                                  : MC_STR(", PRIMARY KEY ("));
    for (size_t i = 0; i < t->primary.count; i++) {
        if (i > 0)
            mc_buf_lit(&t->sql, ", ");
        mc_buf_sql_ident(&t->sql, t->primary.columns[i]);
    }
    mc_buf_char(&t->sql, ')');
    for (size_t i = 0; i < t->primary.count && !mc__gate_is_postgres(t->g); i++) {
        mc_buf_lit(&t->sql, ", CHECK (");
        mc_buf_sql_ident(&t->sql, t->primary.columns[i]);
        mc_buf_lit(&t->sql, " IS NOT NULL)");
    }
}

static mc_code write_body(table *t, const PgQuery__CreateStmt *stmt)
{
    bool is_written;
    mc_code rc = MC_OK;

    mc_buf_lit(&t->sql, " (");
    for (size_t i = 0; i < stmt->n_table_elts && rc == MC_OK; i++) {
        const PgQuery__Node *elt = stmt->table_elts[i];

        if (elt->node_case == PG_QUERY__NODE__NODE_COLUMN_DEF) {
            if (i > 0)
                mc_buf_lit(&t->sql, ", ");
            rc = write_column(t, elt->column_def);
        } else if (elt->node_case == PG_QUERY__NODE__NODE_CONSTRAINT && i > 0) {
            rc = table_constraint(t, elt->constraint, &is_written);
        } else {
            rc = mc__gate_refuse(t->g, "a table of anything but columns and constraints");
        }
    }
    if (rc == MC_OK)
        write_primary(t);
    mc_buf_char(&t->sql, ')');
    return rc;
}

/* What stands beside a table, once it is there. */
static mc_code emit_rest(table *t)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < t->unique_count && rc == MC_OK; i++)
        rc = mc__gate_unique(t->g, t->name, t->uniques[i].name, t->uniques[i].columns,
                             t->uniques[i].count);
    for (size_t i = 0; i < t->check_count && rc == MC_OK; i++)
        rc = mc__gate_add_constraint(t->g, t->name, t->checks[i]);
    for (size_t i = 0; i < t->enum_count && rc == MC_OK; i++)
        rc = mc__gate_enum_rule(t->g, t->name, t->enums[i].column, t->enums[i].type);
    return rc;
}

/* An organization by another name, in a table that has none by ours: noted beforehand, so that all
 * that names it means ours. */
static mc_code note_organization(mc__gate *g, mc_str name, const PgQuery__CreateStmt *stmt)
{
    bool has_own = false, has_other = false;

    for (size_t i = 0; i < stmt->n_table_elts; i++) {
        const PgQuery__Node *elt = stmt->table_elts[i];

        if (elt->node_case != PG_QUERY__NODE__NODE_COLUMN_DEF)
            continue;
        has_own = has_own || mc_str_eq(mc_z(elt->column_def->colname), MC_STR("organization_id"));
        has_other = has_other || mc_str_eq(mc_z(elt->column_def->colname), MC_STR("org_id"));
    }
    if (has_other && has_own)
        return mc__gate_note_column(g, name, MC_STR("org_id"), true);
    return has_other ? mc__gate_note_column(g, name, MC_STR("organization_id"), true) : MC_OK;
}

/* How full its pages are and when it is cleaned is the store's own business. */
static bool is_only_storage(const PgQuery__CreateStmt *stmt)
{
    for (size_t i = 0; i < stmt->n_options; i++) {
        mc_str name = stmt->options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM
                          ? mc_z(stmt->options[i]->def_elem->defname)
                          : MC_STR("");

        if (!mc_str_eq(name, MC_STR("fillfactor")) &&
            !mc_str_starts_with(name, MC_STR("autovacuum_")))
            return false;
    }
    return true;
}

mc_code mc__gate_create_table(mc__gate *g, const PgQuery__CreateStmt *stmt)
{
    table t;
    mc_code rc = init(&t, g);

    if (rc != MC_OK)
        return rc;
    if (stmt->n_inh_relations || stmt->partbound || stmt->partspec || stmt->of_typename ||
        !is_only_storage(stmt) || mc_z(stmt->tablespacename).len || mc_z(stmt->access_method).len)
        return mc__gate_refuse(g, "CREATE TABLE with inheritance, partitions or options");
    if (stmt->n_table_elts == 0 || stmt->n_table_elts > COLUMNS_MAX)
        return mc__gate_refuse(g, "CREATE TABLE without columns, or with too many");
    mc_buf_str(&t.sql, stmt->if_not_exists ? MC_STR("CREATE TABLE IF NOT EXISTS ")
                                           : MC_STR("CREATE TABLE "));
    rc = mc__gate_relation(g, stmt->relation, &t.sql, &t.name);
    if (rc == MC_OK)
        rc = mc__gate_note_table(g, t.name, !stmt->if_not_exists);
    g->table = t.name;
    if (rc == MC_OK)
        rc = note_organization(g, t.name, stmt);
    if (rc == MC_OK)
        rc = write_body(&t, stmt);
    if (rc == MC_OK)
        rc = mc__gate_emit(g, &t.sql);
    return rc == MC_OK ? emit_rest(&t) : rc;
}

mc_code mc__gate_add_column(mc__gate *g, mc_str name, const PgQuery__ColumnDef *def, mc_buf *out)
{
    table t;
    mc_code rc = init(&t, g);

    if (rc != MC_OK)
        return rc;
    t.name = name;
    mc_buf_str(&t.sql, mc_buf_get(out));
    rc = write_column(&t, def);
    if (rc == MC_OK && t.primary.count)
        rc = mc__gate_refuse(g, "ALTER TABLE ADD COLUMN with a primary key");
    if (rc == MC_OK)
        rc = mc__gate_emit(g, &t.sql);
    return rc == MC_OK ? emit_rest(&t) : rc;
}
