/* SPDX-License-Identifier: Apache-2.0 */
/* ALTER TABLE, and RENAME, which PostgreSQL's grammar keeps apart from it. */
#include "metacore/sqlgate/sqlgate_internal.h"

static mc_code begin(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *sql, mc_str *table)
{
    mc_buf_init_arena(sql, g->arena, 0);
    mc_buf_lit(sql, "ALTER TABLE ");
    return mc__gate_target(g, relation, sql, table);
}

/* A name that the author may take from a table, or change: not one that the kernel works by. */
static mc_code own_column(mc__gate *g, const char *what, const char *name, mc_str *out)
{
    mc_code rc = mc__gate_column_name(g, name, out);

    if (rc == MC_OK && mc__gate_is_kernel_column(*out))
        return mc__gate_refuse(g, "%s of %.*s, which the kernel needs", what, MC_FMT(*out));
    return rc;
}

static mc_code add_column(mc__gate *g, mc_str table, const PgQuery__AlterTableCmd *cmd, mc_buf *sql)
{
    const PgQuery__ColumnDef *def = cmd->def->column_def;

    if (cmd->missing_ok && mc__gate_table_has(g, table, mc_z(def->colname)))
        return MC_OK;
    mc_buf_lit(sql, " ADD COLUMN ");
    return mc__gate_add_column(g, table, def, sql);
}

static mc_code drop_column(mc__gate *g, mc_str table, const PgQuery__AlterTableCmd *cmd,
                           mc_buf *sql)
{
    mc_str column;
    mc_code rc = own_column(g, "DROP COLUMN", cmd->name, &column);

    if (rc != MC_OK)
        return rc;
    if (cmd->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE)
        return mc__gate_refuse(g, "DROP COLUMN … CASCADE");
    if (cmd->missing_ok && !mc__gate_table_has(g, table, column))
        return MC_OK;
    mc_buf_lit(sql, " DROP COLUMN ");
    mc_buf_sql_ident(sql, column);
    rc = mc__gate_note_column(g, table, column, false);
    return rc == MC_OK ? mc__gate_emit(g, sql) : rc;
}

/* SQLite cannot change a column; a rule can hold it to the same. */
static mc_code set_not_null(mc__gate *g, mc_str table, const PgQuery__AlterTableCmd *cmd,
                            mc_buf *sql)
{
    mc_str column;
    mc_buf broken;
    mc_code rc = mc__gate_column_name(g, cmd->name, &column);

    if (rc != MC_OK || mc__gate_is_kernel_column(column))
        return rc; /* what the kernel always writes is never null */
    if (mc__gate_is_postgres(g)) {
        mc_buf_lit(sql, " ALTER COLUMN ");
        mc_buf_sql_ident(sql, column);
        mc_buf_lit(sql, " SET NOT NULL");
        return mc__gate_emit(g, sql);
    }
    mc_buf_init_arena(&broken, g->arena, 0);
    mc_buf_sql_ident(&broken, column);
    mc_buf_lit(&broken, " IS NULL");
    return mc__gate_rule(g, table, mc_str_printf(g->arena, "%.*s_not_null", MC_FMT(column)),
                         mc_buf_get(&broken));
}

static mc_code alter_one(mc__gate *g, const PgQuery__AlterTableStmt *stmt,
                         const PgQuery__AlterTableCmd *cmd)
{
    mc_buf sql;
    mc_str table;
    mc_code rc = begin(g, stmt->relation, &sql, &table);

    if (rc != MC_OK)
        return rc;
    switch (cmd->subtype) {
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn:
        return add_column(g, table, cmd, &sql);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn:
        return drop_column(g, table, cmd, &sql);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddConstraint:
        if (!cmd->def || cmd->def->node_case != PG_QUERY__NODE__NODE_CONSTRAINT)
            return mc__gate_refuse(g, "ADD CONSTRAINT of a kind that is not allowed");
        return mc__gate_add_constraint(g, table, cmd->def->constraint);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropConstraint:
        return mc__gate_drop_constraint(g, table, cmd->name);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetNotNull:
        return set_not_null(g, table, cmd, &sql);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_EnableRowSecurity:
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ForceRowSecurity:
        return MC_OK; /* no statement of ours leaves out the organization */
    default:
        return mc__gate_refuse(g, "ALTER TABLE other than of columns and constraints");
    }
}

mc_code mc__gate_alter_table(mc__gate *g, const PgQuery__AlterTableStmt *stmt)
{
    mc_code rc = MC_OK;

    if (stmt->objtype != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
        return mc__gate_refuse(g, "ALTER of anything but tables");
    for (size_t i = 0; i < stmt->n_cmds && rc == MC_OK; i++) {
        if (stmt->cmds[i]->node_case != PG_QUERY__NODE__NODE_ALTER_TABLE_CMD)
            return mc__gate_refuse(g, "ALTER TABLE other than of columns and constraints");
        rc = alter_one(g, stmt, stmt->cmds[i]->alter_table_cmd);
    }
    return rc;
}

/* ---- RENAME ---- */

static mc_code rename_column(mc__gate *g, const PgQuery__RenameStmt *stmt, mc_str table,
                             mc_buf *sql)
{
    mc_str from, to;
    mc_code rc = own_column(g, "RENAME", stmt->subname, &from);

    if (rc == MC_OK)
        rc = own_column(g, "RENAME", stmt->newname, &to);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(sql, " RENAME COLUMN ");
    mc_buf_sql_ident(sql, from);
    mc_buf_lit(sql, " TO ");
    mc_buf_sql_ident(sql, to);
    rc = mc__gate_note_column(g, table, from, false);
    return rc == MC_OK ? mc__gate_note_column(g, table, to, true) : rc;
}

mc_code mc__gate_rename(mc__gate *g, const PgQuery__RenameStmt *stmt)
{
    bool is_column = stmt->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN &&
                     stmt->relation_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABLE;
    mc_str table, to;
    mc_buf sql;
    mc_code rc;

    if (!is_column && stmt->rename_type != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
        return mc__gate_refuse(g, "RENAME of anything but tables and columns");
    rc = begin(g, stmt->relation, &sql, &table);
    if (rc == MC_OK && is_column) {
        rc = rename_column(g, stmt, table, &sql);
    } else if (rc == MC_OK) {
        mc_buf_lit(&sql, " RENAME TO ");
        rc = mc__gate_name(g, "table", stmt->newname, &to);
        if (rc == MC_OK) /* PostgreSQL wants it without its schema, as an index's */
            mc_buf_str(&sql, mc__gate_index_name(g, to));
        if (rc == MC_OK)
            rc = mc__gate_rename_table(g, table, to);
    }
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}
