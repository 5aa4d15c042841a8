/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate_internal.h"

#define COLUMNS_MAX 300
#define UNIQUES_MAX 64
#define TABLES_MAX 500

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
    bool has_org, has_deleted;
} table;

static mc_code add_unique(table *t, PgQuery__Node **keys, size_t count, mc_str column)
{
    unique_key *key;

    if (t->unique_count == UNIQUES_MAX || count > MC_LEN(key->columns))
        return mc__gate_refuse(t->g, "too many unique constraints");
    key = &t->uniques[t->unique_count++];
    key->count = count;
    if (count == 0)
        key->columns[key->count++] = column;
    for (size_t i = 0; i < count; i++) {
        mc_code rc = mc__gate_column_name(t->g, keys[i]->string->sval, &key->columns[i]);

        if (rc != MC_OK)
            return rc;
    }
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

static mc_code write_references(table *t, const PgQuery__Constraint *c)
{
    mc_code rc;

    mc_buf_lit(&t->sql, " REFERENCES ");
    rc = mc__gate_relation(t->g, c->pktable, &t->sql, NULL);
    if (rc == MC_OK && c->n_pk_attrs)
        rc = write_keys(t, c->pk_attrs, c->n_pk_attrs);
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
        mc_buf_lit(&t->sql, " PRIMARY KEY");
        return MC_OK;
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
        return add_unique(t, NULL, 0, column);
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
    mc_code rc = mc__gate_column_name(t->g, def->colname, &name);

    if (rc != MC_OK)
        return rc;
    if (def->coll_clause || def->n_fdwoptions)
        return mc__gate_refuse(t->g, "a column with a collation or options");
    t->has_org = t->has_org || mc_str_eq(name, MC_STR("organization_id"));
    t->has_deleted = t->has_deleted || mc_str_eq(name, MC_STR("deleted_at"));
    mc_buf_sql_ident(&t->sql, name);
    mc_buf_char(&t->sql, ' ');
    rc = mc__gate_type(t->g, def->type_name, &t->sql, &kind);
    for (size_t i = 0; i < def->n_constraints && rc == MC_OK; i++) {
        if (def->constraints[i]->node_case != PG_QUERY__NODE__NODE_CONSTRAINT)
            return mc__gate_refuse(t->g, "a column constraint");
        rc = column_constraint(t, def->constraints[i]->constraint, name, kind);
    }
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
        return add_unique(t, c->keys, c->n_keys, MC_STR(""));
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
        mc_buf_lit(&t->sql, ", PRIMARY KEY");
        return write_keys(t, c->keys, c->n_keys);
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
    if (stmt->n_table_elts == 0 || stmt->n_table_elts > COLUMNS_MAX || g->table_count == TABLES_MAX)
        return mc__gate_refuse(g, "CREATE TABLE without columns, or with too many");
    mc_buf_str(&t.sql, stmt->if_not_exists ? MC_STR("CREATE TABLE IF NOT EXISTS ")
                                           : MC_STR("CREATE TABLE "));
    rc = mc__gate_relation(g, stmt->relation, &t.sql, &t.name);
    if (rc == MC_OK)
        rc = write_body(&t, stmt);
    if (rc == MC_OK)
        rc = mc__gate_emit(g, &t.sql);
    if (rc != MC_OK)
        return rc;
    g->tables[g->table_count++] =
        (mc__gate_table){mc_str_copy(g->arena, t.name), t.has_org, t.has_deleted};
    return emit_uniques(&t);
}

static mc_code alter_one(mc__gate *g, const PgQuery__AlterTableStmt *stmt,
                         const PgQuery__AlterTableCmd *cmd)
{
    mc_str column;
    table t;
    mc_code rc = init(&t, g);

    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&t.sql, "ALTER TABLE ");
    rc = mc__gate_relation(g, stmt->relation, &t.sql, &t.name);
    if (rc != MC_OK)
        return rc;
    switch (cmd->subtype) {
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn:
        if (cmd->missing_ok && g->config->has_column &&
            g->config->has_column(g->config->has_column_user, t.name,
                                  mc_z(cmd->def->column_def->colname)))
            return MC_OK;
        mc_buf_lit(&t.sql, " ADD COLUMN ");
        rc = write_column(&t, cmd->def->column_def);
        break;
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn:
        mc_buf_lit(&t.sql, " DROP COLUMN ");
        rc = mc__gate_column_name(g, cmd->name, &column);
        mc_buf_sql_ident(&t.sql, column);
        break;
    default:
        return mc__gate_refuse(g, "ALTER TABLE of a kind that is not allowed");
    }
    if (rc == MC_OK)
        rc = mc__gate_emit(g, &t.sql);
    return rc == MC_OK ? emit_uniques(&t) : rc;
}

mc_code mc__gate_alter_table(mc__gate *g, const PgQuery__AlterTableStmt *stmt)
{
    mc_code rc = MC_OK;

    if (stmt->objtype != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
        return mc__gate_refuse(g, "ALTER of anything but tables");
    for (size_t i = 0; i < stmt->n_cmds && rc == MC_OK; i++) {
        if (stmt->cmds[i]->node_case != PG_QUERY__NODE__NODE_ALTER_TABLE_CMD)
            return mc__gate_refuse(g, "ALTER TABLE of a kind that is not allowed");
        rc = alter_one(g, stmt, stmt->cmds[i]->alter_table_cmd);
    }
    return rc;
}
