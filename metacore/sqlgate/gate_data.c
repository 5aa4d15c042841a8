/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a migration brings, changes and removes. */
#include "metacore/sqlgate/sqlgate_internal.h"

static mc_code column_target(mc__gate *g, const PgQuery__Node *node, mc_buf *out, mc_str *out_name)
{
    mc_code rc;

    if (node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || node->res_target->n_indirection)
        return mc__gate_refuse(g, "a change of anything but columns");
    rc = mc__gate_name(g, "column", node->res_target->name, out_name);
    if (rc == MC_OK)
        mc_buf_sql_ident(out, *out_name);
    return rc;
}

static mc_code write_where(mc__gate *g, const PgQuery__Node *where, mc_buf *sql)
{
    if (!where)
        return MC_OK;
    mc_buf_lit(sql, " WHERE ");
    return mc__gate_expr(g, where, MC__GATE_PLAIN, sql);
}

/* ---- INSERT ---- */

static mc_code insert_row(mc__gate *g, const PgQuery__Node *row, mc_buf *sql)
{
    mc_code rc = MC_OK;

    if (row->node_case != PG_QUERY__NODE__NODE_LIST)
        return mc__gate_refuse(g, "INSERT of anything but VALUES");
    mc_buf_char(sql, '(');
    for (size_t i = 0; i < row->list->n_items && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_lit(sql, ", ");
        rc = mc__gate_expr(g, row->list->items[i], MC__GATE_VALUE, sql);
    }
    mc_buf_char(sql, ')');
    return rc;
}

static mc_code insert_columns(mc__gate *g, const PgQuery__InsertStmt *stmt, mc_buf *sql)
{
    mc_code rc = MC_OK;
    mc_str name;

    for (size_t i = 0; i < stmt->n_cols && rc == MC_OK; i++) {
        mc_buf_str(sql, i == 0 ? MC_STR(" (") : MC_STR(", "));
        rc = column_target(g, stmt->cols[i], sql, &name);
    }
    if (stmt->n_cols)
        mc_buf_char(sql, ')');
    return rc;
}

static mc_code check_insert(mc__gate *g, const PgQuery__InsertStmt *stmt)
{
    const PgQuery__SelectStmt *select;

    if (stmt->n_returning_list || stmt->with_clause || !stmt->select_stmt ||
        stmt->select_stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return mc__gate_refuse(g, "INSERT of anything but VALUES");
    select = stmt->select_stmt->select_stmt;
    if (select->n_values_lists == 0 || select->n_sort_clause || select->limit_count ||
        select->limit_offset || select->with_clause)
        return mc__gate_refuse(g, "INSERT of anything but VALUES");
    if (stmt->on_conflict_clause &&
        stmt->on_conflict_clause->action != PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING)
        return mc__gate_refuse(g, "INSERT … ON CONFLICT DO UPDATE");
    return MC_OK;
}

mc_code mc__gate_insert(mc__gate *g, const PgQuery__InsertStmt *stmt)
{
    const PgQuery__SelectStmt *select;
    mc_buf sql;
    mc_str table;
    mc_code rc = check_insert(g, stmt);

    if (rc != MC_OK)
        return rc;
    select = stmt->select_stmt->select_stmt;
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "INSERT INTO ");
    rc = mc__gate_relation(g, stmt->relation, &sql, &table);
    if (rc == MC_OK)
        rc = insert_columns(g, stmt, &sql);
    for (size_t i = 0; i < select->n_values_lists && rc == MC_OK; i++) {
        mc_buf_str(&sql, i == 0 ? MC_STR(" VALUES ") : MC_STR(", "));
        rc = insert_row(g, select->values_lists[i], &sql);
    }
    /* Its target is left out: the index it would name holds within organizations here. */
    if (stmt->on_conflict_clause)
        mc_buf_lit(&sql, " ON CONFLICT DO NOTHING");
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}

/* ---- UPDATE, DELETE ---- */

static mc_code set_column(mc__gate *g, const PgQuery__Node *node, mc_buf *sql)
{
    mc_str name;
    mc_code rc = column_target(g, node, sql, &name);

    if (rc == MC_OK &&
        (mc_str_eq(name, MC_STR("id")) || mc_str_eq(name, MC_STR("organization_id"))))
        return mc__gate_refuse(g, "UPDATE of %.*s, which says whose a row is", MC_FMT(name));
    mc_buf_lit(sql, " = ");
    return rc == MC_OK ? mc__gate_expr(g, node->res_target->val, MC__GATE_VALUE, sql) : rc;
}

mc_code mc__gate_update(mc__gate *g, const PgQuery__UpdateStmt *stmt)
{
    mc_buf sql;
    mc_str table;
    mc_code rc;

    if (stmt->n_from_clause || stmt->n_returning_list || stmt->with_clause)
        return mc__gate_refuse(g, "UPDATE with FROM, WITH or RETURNING");
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "UPDATE ");
    rc = mc__gate_relation(g, stmt->relation, &sql, &table);
    for (size_t i = 0; i < stmt->n_target_list && rc == MC_OK; i++) {
        mc_buf_str(&sql, i == 0 ? MC_STR(" SET ") : MC_STR(", "));
        rc = set_column(g, stmt->target_list[i], &sql);
    }
    if (rc == MC_OK)
        rc = write_where(g, stmt->where_clause, &sql);
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}

mc_code mc__gate_delete(mc__gate *g, const PgQuery__DeleteStmt *stmt)
{
    mc_buf sql;
    mc_str table;
    mc_code rc;

    if (stmt->n_using_clause || stmt->n_returning_list || stmt->with_clause)
        return mc__gate_refuse(g, "DELETE with USING, WITH or RETURNING");
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "DELETE FROM ");
    rc = mc__gate_relation(g, stmt->relation, &sql, &table);
    if (rc == MC_OK)
        rc = write_where(g, stmt->where_clause, &sql);
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}
