/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate_internal.h"

#define COLUMNS_MAX 300
#define UNIQUES_MAX 64

/* A unique constraint, kept for after the table: it becomes an index. */
typedef struct unique_key {
    mc_str columns[16];
    size_t count;
} unique_key;

typedef struct table {
    mc__gate *g;
    mc_str name;
    mc_buf sql;
    unique_key *uniques;
    size_t unique_count;
    unique_key
        primary; /* written last: by then it is known whether organizations share the table */
    bool has_serial;
} table;

static mc_code read_keys(mc__gate *g, PgQuery__Node **keys, size_t count, unique_key *out)
{
    mc_code rc = MC_OK;

    if (count > MC_LEN(out->columns))
        return mc__gate_refuse(g, "a key of too many columns");
    out->count = count;
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = mc__gate_name(g, "column", keys[i]->string->sval, &out->columns[i]);
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
    if (c->n_keys)
        return read_keys(t->g, c->keys, c->n_keys, key);
    *key = (unique_key){{column}, 1};
    return MC_OK;
}

static mc_code set_primary(table *t, const PgQuery__Constraint *c, mc_str column)
{
    if (t->primary.count)
        return mc__gate_refuse(t->g, "two primary keys");
    if (c->n_keys)
        return read_keys(t->g, c->keys, c->n_keys, &t->primary);
    t->primary = (unique_key){{column}, 1};
    return MC_OK;
}

static mc_code write_keys(table *t, PgQuery__Node **keys, size_t count)
{
    mc_code rc = MC_OK;

    mc_buf_lit(&t->sql, " (");
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        mc_str name;

        rc = mc__gate_name(t->g, "column", keys[i]->string->sval, &name);
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

/* To a row by its id: what else is unique is so within an organization, and no target for a key. */
static mc_code write_references(table *t, const PgQuery__Constraint *c)
{
    mc_str name;
    mc_code rc;

    if (c->n_pk_attrs > 1 ||
        (c->n_pk_attrs == 1 && !mc_str_eq(mc_z(c->pk_attrs[0]->string->sval), MC_STR("id"))))
        return mc__gate_refuse(t->g, "REFERENCES to anything but id");
    mc_buf_lit(&t->sql, " REFERENCES ");
    rc = mc__gate_relation(t->g, c->pktable, &t->sql, &name);
    if (rc == MC_OK && !mc_str_eq(name, t->name) && !mc__gate_table_has(t->g, name, MC_STR("id")))
        rc = mc__gate_refuse(t->g, "REFERENCES %.*s, which is no table of the addon", MC_FMT(name));
    mc_buf_lit(&t->sql, " (\"id\")");
    write_action(&t->sql, "DELETE", c->fk_del_action);
    write_action(&t->sql, "UPDATE", c->fk_upd_action);
    return rc;
}

static mc_code column_constraint(table *t, const PgQuery__Constraint *c, mc_str column,
                                 mc__gate_kind kind)
{
    mc_code rc;

    switch (c->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_NULL:
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
        mc_buf_lit(&t->sql, " CHECK (");
        rc = mc__gate_expr(t->g, c->raw_expr, MC__GATE_PLAIN, &t->sql);
        mc_buf_char(&t->sql, ')');
        return rc;
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        return write_references(t, c);
    default:
        return mc__gate_refuse(t->g, "a column constraint of a kind that is not allowed");
    }
}

static mc_code write_column(table *t, const PgQuery__ColumnDef *def)
{
    mc__gate_kind kind;
    mc_str name;
    mc_code rc = mc__gate_name(t->g, "column", def->colname, &name);

    if (rc != MC_OK)
        return rc;
    if (def->coll_clause || def->n_fdwoptions)
        return mc__gate_refuse(t->g, "a column with a collation or options");
    mc_buf_sql_ident(&t->sql, name);
    mc_buf_char(&t->sql, ' ');
    rc = mc__gate_type(t->g, def->type_name, &t->sql, &kind);
    for (size_t i = 0; i < def->n_constraints && rc == MC_OK; i++) {
        if (def->constraints[i]->node_case != PG_QUERY__NODE__NODE_CONSTRAINT)
            return mc__gate_refuse(t->g, "a column constraint");
        rc = column_constraint(t, def->constraints[i]->constraint, name, kind);
    }
    if (rc == MC_OK && kind == MC__GATE_SERIAL && !has_key(&t->primary, name))
        rc = mc__gate_refuse(t->g, "a serial column that is not the primary key");
    t->has_serial = t->has_serial || kind == MC__GATE_SERIAL;
    return rc == MC_OK ? mc__gate_note_column(t->g, t->name, name, true) : rc;
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
        mc_buf_lit(&t->sql, ", CHECK (");
        rc = mc__gate_expr(t->g, c->raw_expr, MC__GATE_PLAIN, &t->sql);
        mc_buf_char(&t->sql, ')');
        return rc;
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        mc_buf_lit(&t->sql, ", FOREIGN KEY");
        rc = write_keys(t, c->fk_attrs, c->n_fk_attrs);
        return rc == MC_OK ? write_references(t, c) : rc;
    default:
        return mc__gate_refuse(t->g, "a table constraint of a kind that is not allowed");
    }
}

static mc_code init(table *t, mc__gate *g)
{
    *t = (table){.g = g, .uniques = mc_arena_array(g->arena, unique_key, UNIQUES_MAX)};
    mc_buf_init_arena(&t->sql, g->arena, 0);
    return t->uniques ? MC_OK : mc_fail(g->err, MC_NO_MEMORY, "migration");
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
    for (size_t i = 0; i < t->primary.count; i++) {
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

static mc_code emit_uniques(table *t)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < t->unique_count && rc == MC_OK; i++)
        rc = mc__gate_unique(t->g, t->name, t->uniques[i].columns, t->uniques[i].count);
    return rc;
}

mc_code mc__gate_create_table(mc__gate *g, const PgQuery__CreateStmt *stmt)
{
    table t;
    mc_code rc = init(&t, g);

    if (rc != MC_OK)
        return rc;
    if (stmt->n_inh_relations || stmt->partbound || stmt->partspec || stmt->of_typename ||
        stmt->n_options || mc_z(stmt->tablespacename).len || mc_z(stmt->access_method).len)
        return mc__gate_refuse(g, "CREATE TABLE with inheritance, partitions or options");
    if (stmt->n_table_elts == 0 || stmt->n_table_elts > COLUMNS_MAX)
        return mc__gate_refuse(g, "CREATE TABLE without columns, or with too many");
    mc_buf_str(&t.sql, stmt->if_not_exists ? MC_STR("CREATE TABLE IF NOT EXISTS ")
                                           : MC_STR("CREATE TABLE "));
    rc = mc__gate_relation(g, stmt->relation, &t.sql, &t.name);
    if (rc == MC_OK)
        rc = mc__gate_note_table(g, t.name, !stmt->if_not_exists);
    if (rc == MC_OK)
        rc = write_body(&t, stmt);
    if (rc == MC_OK)
        rc = mc__gate_emit(g, &t.sql);
    return rc == MC_OK ? emit_uniques(&t) : rc;
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
    return rc == MC_OK ? emit_uniques(&t) : rc;
}
