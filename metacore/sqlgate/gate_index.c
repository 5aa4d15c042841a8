/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/modelbase/modelbase.h"
#include "metacore/sqlgate/sqlgate_internal.h"

static mc_code write_element(mc__gate *g, const PgQuery__IndexElem *elem, mc_buf *out)
{
    mc_str name;
    mc_code rc;

    /* An operator class says what comparisons an index helps, and nothing about rows. */
    if (elem->n_collation || elem->n_opclassopts)
        return mc__gate_refuse(g, "an index with collations or options");
    if (elem->expr) {
        mc_buf_char(out, '(');
        rc = mc__gate_expr(g, elem->expr, MC__GATE_PLAIN, out);
        mc_buf_char(out, ')');
    } else {
        rc = mc__gate_column_name(g, elem->name, &name);
        mc_buf_sql_ident(out, name);
    }
    if (elem->ordering == PG_QUERY__SORT_BY_DIR__SORTBY_DESC)
        mc_buf_lit(out, " DESC");
    return rc;
}

/* Unique among an organization's rows that are not deleted, where the table knows those. */
static void scope(mc__gate *g, mc_str table, bool is_named_already, mc_buf *columns, mc_buf *where)
{
    if (!is_named_already && mc__gate_table_has(g, table, MC_STR("organization_id")))
        mc_buf_lit(columns, "\"organization_id\", ");
    if (mc__gate_table_has(g, table, MC_STR("deleted_at")))
        mc_buf_lit(where, "\"deleted_at\" IS NULL");
}

static bool names_organization(mc__gate *g, const PgQuery__IndexStmt *stmt)
{
    mc_err ignored, *err = g->err;
    bool is_named = false;
    mc_str name;

    g->err = &ignored; /* what is no name is refused where the elements are written */
    for (size_t i = 0; i < stmt->n_index_params && !is_named; i++)
        is_named =
            stmt->index_params[i]->node_case == PG_QUERY__NODE__NODE_INDEX_ELEM &&
            mc__gate_column_name(g, stmt->index_params[i]->index_elem->name, &name) == MC_OK &&
            mc_str_eq(name, MC_STR("organization_id"));
    g->err = err;
    return is_named;
}

static mc_code write_elements(mc__gate *g, const PgQuery__IndexStmt *stmt, mc_buf *out)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < stmt->n_index_params && rc == MC_OK; i++) {
        if (stmt->index_params[i]->node_case != PG_QUERY__NODE__NODE_INDEX_ELEM)
            return mc__gate_refuse(g, "an index of anything but columns");
        if (i > 0)
            mc_buf_lit(out, ", ");
        rc = write_element(g, stmt->index_params[i]->index_elem, out);
    }
    return rc;
}

static mc_code write_where(mc__gate *g, const PgQuery__IndexStmt *stmt, mc_buf *own)
{
    mc_code rc = MC_OK;

    if (stmt->where_clause) {
        if (own->len)
            mc_buf_lit(own, " AND ");
        rc = mc__gate_expr(g, stmt->where_clause, MC__GATE_PLAIN, own);
    }
    return rc;
}

static mc_code check(mc__gate *g, const PgQuery__IndexStmt *stmt)
{
    if (stmt->nulls_not_distinct)
        return mc__gate_refuse(g, "NULLS NOT DISTINCT");
    if (mc_z(stmt->table_space).len || stmt->n_exclude_op_names || stmt->n_index_params == 0)
        return mc__gate_refuse(g, "an index with options");
    return MC_OK;
}

/* Kinds of indexes that only make some searches faster, which the store does in its own way. */
static bool is_only_speed(mc_str method)
{
    return mc_str_eq(method, MC_STR("gin")) || mc_str_eq(method, MC_STR("gist")) ||
           mc_str_eq(method, MC_STR("spgist")) || mc_str_eq(method, MC_STR("brin"));
}

/* One that looks into JSON, or for words: nothing that lists ask the store for. */
static bool is_of_documents(const PgQuery__IndexStmt *stmt)
{
    for (size_t i = 0; i < stmt->n_index_params; i++) {
        const PgQuery__Node *node =
            stmt->index_params[i]->node_case == PG_QUERY__NODE__NODE_INDEX_ELEM
                ? stmt->index_params[i]->index_elem->expr
                : NULL;

        while (node && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
            node = node->type_cast->arg;
        if (node && node->node_case == PG_QUERY__NODE__NODE_A_EXPR && node->a_expr->n_name == 1 &&
            mc_str_starts_with(mc_z(node->a_expr->name[0]->string->sval), MC_STR("->")))
            return true;
    }
    return false;
}

/* "t_a_b_idx", as PostgreSQL makes one up. */
static const char *index_name(mc__gate *g, const PgQuery__IndexStmt *stmt)
{
    mc_buf name;

    if (mc_z(stmt->idxname).len)
        return stmt->idxname;
    mc_buf_init_arena(&name, g->arena, 0);
    mc_buf_str(&name, mc_z(stmt->relation->relname));
    for (size_t i = 0; i < stmt->n_index_params; i++) {
        if (stmt->index_params[i]->node_case == PG_QUERY__NODE__NODE_INDEX_ELEM)
            mc_buf_printf(&name, "_%s",
                          mc_z(stmt->index_params[i]->index_elem->name).len
                              ? stmt->index_params[i]->index_elem->name
                              : "expr");
    }
    mc_buf_lit(&name, "_idx");
    mc_buf_char(&name, '\0');
    return mc_buf_failed(&name) ? NULL : name.ptr;
}

mc_code mc__gate_create_index(mc__gate *g, const PgQuery__IndexStmt *stmt)
{
    mc_buf sql, columns, where, relation;
    mc_str table, name;
    mc_code rc = check(g, stmt);

    mc_buf_init_arena(&relation, g->arena, 0);
    if (rc == MC_OK)
        rc = mc__gate_target(g, stmt->relation, &relation, &table);
    if (rc != MC_OK ||
        (!stmt->unique && (is_only_speed(mc_z(stmt->access_method)) || is_of_documents(stmt))))
        return rc;
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_init_arena(&columns, g->arena, 0);
    mc_buf_init_arena(&where, g->arena, 0);
    mc_buf_str(&sql, stmt->unique ? MC_STR("CREATE UNIQUE INDEX ") : MC_STR("CREATE INDEX "));
    if (stmt->if_not_exists)
        mc_buf_lit(&sql, "IF NOT EXISTS ");
    rc = mc__gate_name(g, "index", index_name(g, stmt), &name);
    if (rc == MC_OK)
        mc_buf_str(&sql, mc__gate_index_name(g, name));
    mc_buf_lit(&sql, " ON ");
    mc_buf_str(&sql, mc_buf_get(&relation));
    if (rc == MC_OK && stmt->unique)
        scope(g, table, names_organization(g, stmt), &columns, &where);
    if (rc == MC_OK)
        rc = write_elements(g, stmt, &columns);
    if (rc == MC_OK)
        rc = write_where(g, stmt, &where);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&sql, " (");
    mc_buf_str(&sql, mc_buf_get(&columns));
    mc_buf_char(&sql, ')');
    if (where.len) {
        mc_buf_lit(&sql, " WHERE ");
        mc_buf_str(&sql, mc_buf_get(&where));
    }
    if (mc_buf_failed(&columns) || mc_buf_failed(&where))
        return mc_fail(g->err, MC_NO_MEMORY, "migration");
    return mc__gate_emit(g, &sql);
}

mc_code mc__gate_unique(mc__gate *g, mc_str table, mc_str own, const mc_str *columns, size_t count)
{
    mc_buf sql, name, list, where;
    bool has_org = false;

    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_init_arena(&name, g->arena, 0);
    mc_buf_init_arena(&list, g->arena, 0);
    mc_buf_init_arena(&where, g->arena, 0);
    mc_buf_printf(&name, "uidx_%.*s", MC_FMT(table));
    for (size_t i = 0; i < count; i++)
        has_org = has_org || mc_str_eq(columns[i], MC_STR("organization_id"));
    scope(g, table, has_org, &list, &where);
    for (size_t i = 0; i < count; i++) {
        mc_buf_printf(&name, "_%.*s", MC_FMT(columns[i]));
        if (i > 0)
            mc_buf_lit(&list, ", ");
        mc_buf_sql_ident(&list, columns[i]);
    }
    mc_buf_lit(&sql, "CREATE UNIQUE INDEX IF NOT EXISTS ");
    mc_buf_str(&sql, mc__gate_index_name(g, own.len ? own : mc_buf_get(&name)));
    mc_buf_lit(&sql, " ON ");
    mc_buf_str(&sql, mc__gate_physical(g, table));
    mc_buf_printf(&sql, " (%.*s)", MC_FMT(mc_buf_get(&list)));
    if (where.len)
        mc_buf_printf(&sql, " WHERE %.*s", MC_FMT(mc_buf_get(&where)));
    return mc__gate_emit(g, &sql);
}
