/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a migration brings, changes and removes. */
#include "metacore/sqlgate/sqlgate_internal.h"

static mc_code column_target(mc__gate *g, const PgQuery__Node *node, mc_buf *out, mc_str *out_name)
{
    mc_code rc;

    if (node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || node->res_target->n_indirection)
        return mc__gate_refuse(g, "a change of anything but columns");
    rc = mc__gate_column_name(g, node->res_target->name, out_name);
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

static mc__gate_kind kind_at(mc__gate *g, const PgQuery__InsertStmt *stmt, size_t i)
{
    mc_str name;

    if (i >= stmt->n_cols ||
        mc__gate_column_name(g, stmt->cols[i]->res_target->name, &name) != MC_OK)
        return MC__GATE_VALUE;
    return mc__gate_kind_of(g, g->table, name);
}

/* Whether rows of a table that belong to organizations come without saying to which. */
static bool is_unowned(mc__gate *g, const PgQuery__InsertStmt *stmt)
{
    mc_str org = MC_STR("organization_id"), name;

    if (stmt->n_cols == 0 || !mc__gate_table_has(g, g->table, org))
        return false;
    for (size_t i = 0; i < stmt->n_cols; i++) {
        if (stmt->cols[i]->node_case != PG_QUERY__NODE__NODE_RES_TARGET ||
            (mc__gate_column_name(g, stmt->cols[i]->res_target->name, &name) == MC_OK &&
             mc_str_eq(name, org)))
            return false;
    }
    return true;
}

static mc_code insert_row(mc__gate *g, const PgQuery__InsertStmt *stmt, const PgQuery__Node *row,
                          bool is_owned, mc_buf *sql)
{
    mc_code rc = MC_OK;

    if (row->node_case != PG_QUERY__NODE__NODE_LIST)
        return mc__gate_refuse(g, "INSERT of anything but VALUES");
    mc_buf_char(sql, '(');
    for (size_t i = 0; i < row->list->n_items && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_lit(sql, ", ");
        rc = mc__gate_expr(g, row->list->items[i], kind_at(g, stmt, i), sql);
    }
    if (is_owned) {
        mc_buf_lit(sql, ", '");
        mc_buf_str(sql, g->config->owner); /* an organization's id: no quote in it */
        mc_buf_char(sql, '\'');
    }
    mc_buf_char(sql, ')');
    return rc;
}

static mc_code insert_columns(mc__gate *g, const PgQuery__InsertStmt *stmt, bool is_owned,
                              mc_buf *sql)
{
    mc_code rc = MC_OK;
    mc_str name;

    for (size_t i = 0; i < stmt->n_cols && rc == MC_OK; i++) {
        mc_buf_str(sql, i == 0 ? MC_STR(" (") : MC_STR(", "));
        rc = column_target(g, stmt->cols[i], sql, &name);
    }
    if (is_owned)
        mc_buf_lit(sql, ", \"organization_id\"");
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
    return MC_OK;
}

static mc_code set_column(mc__gate *g, const PgQuery__Node *node, mc_buf *sql);

/* A target other than the id is left out, or refused: the index it would name holds within
 * organizations here. */
static mc_code on_conflict(mc__gate *g, const PgQuery__OnConflictClause *c, mc_buf *sql)
{
    const PgQuery__InferClause *infer = c->infer;
    mc_code rc = MC_OK;

    if (c->action == PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING) {
        mc_buf_lit(sql, " ON CONFLICT DO NOTHING");
        return MC_OK;
    }
    if (!infer || infer->n_index_elems != 1 || infer->where_clause || c->where_clause ||
        infer->index_elems[0]->node_case != PG_QUERY__NODE__NODE_INDEX_ELEM ||
        !mc_str_eq(mc_z(infer->index_elems[0]->index_elem->name), MC_STR("id")))
        return mc__gate_refuse(g, "ON CONFLICT DO UPDATE of anything but (id)");
    mc_buf_lit(sql, " ON CONFLICT (\"id\") DO UPDATE SET ");
    g->in_conflict = true;
    for (size_t i = 0; i < c->n_target_list && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_lit(sql, ", ");
        rc = set_column(g, c->target_list[i], sql);
    }
    g->in_conflict = false;
    return rc;
}

mc_code mc__gate_insert(mc__gate *g, const PgQuery__InsertStmt *stmt)
{
    const PgQuery__SelectStmt *select;
    bool is_owned = false;
    mc_buf sql;
    mc_str table;
    mc_code rc = check_insert(g, stmt);

    if (rc != MC_OK)
        return rc;
    select = stmt->select_stmt->select_stmt;
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "INSERT INTO ");
    rc = mc__gate_target(g, stmt->relation, &sql, &table);
    if (rc == MC_OK && is_unowned(g, stmt)) {
        is_owned = g->config->owner.len > 0;
        if (!is_owned)
            mc__gate_tell_unowned(g);
    }
    if (rc == MC_OK)
        rc = insert_columns(g, stmt, is_owned, &sql);
    for (size_t i = 0; i < select->n_values_lists && rc == MC_OK; i++) {
        mc_buf_str(&sql, i == 0 ? MC_STR(" VALUES ") : MC_STR(", "));
        rc = insert_row(g, stmt, select->values_lists[i], is_owned, &sql);
    }
    if (rc == MC_OK && stmt->on_conflict_clause)
        rc = on_conflict(g, stmt->on_conflict_clause, &sql);
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
    return rc == MC_OK
               ? mc__gate_expr(g, node->res_target->val, mc__gate_kind_of(g, g->table, name), sql)
               : rc;
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
    rc = mc__gate_target(g, stmt->relation, &sql, &table);
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
    rc = mc__gate_target(g, stmt->relation, &sql, &table);
    if (rc == MC_OK)
        rc = write_where(g, stmt->where_clause, &sql);
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}
