/* SPDX-License-Identifier: Apache-2.0 */
/* WITH: selects that go by a name, recursive ones too. */
#include "metacore/sqlgate/sqlguest_internal.h"

static mc_code add_cte(mc__sql *q, const PgQuery__CommonTableExpr *cte,
                       const mc__sql_result *result, const mc__sql_cte **ctes)
{
    mc__sql_cte *own = mc_arena_object(q->arena, mc__sql_cte);
    mc__sql_column *columns = mc_arena_array(q->arena, mc__sql_column, result->count);

    if (!own || !columns)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    if (cte->n_aliascolnames > result->count)
        return mc__sql_refuse(q, MC_REJECTED, "more names than columns");
    for (size_t i = 0; i < result->count; i++) {
        columns[i] = result->columns[i];
        if (i < cte->n_aliascolnames)
            columns[i].name =
                mc__sql_keep(q, mc_str_copy(q->arena, mc_z(cte->aliascolnames[i]->string->sval)));
    }
    *own = (mc__sql_cte){.next = *ctes,
                         .name = mc__sql_keep(q, mc_str_copy(q->arena, mc_z(cte->ctename))),
                         .own = mc__sql_new_name(q),
                         .columns = columns,
                         .count = result->count};
    *ctes = own;
    return MC_OK;
}

/* "first UNION [ALL] next", where next speaks of the whole. */
static mc_code recursive(mc__sql *q, const PgQuery__CommonTableExpr *cte,
                         const PgQuery__SelectStmt *stmt, mc__sql_scope *scope, mc_str *out)
{
    mc__sql_result first, next;
    mc_code rc;

    if (stmt->n_sort_clause || stmt->limit_count || stmt->limit_offset || stmt->with_clause)
        return mc__sql_unknown(q, "ORDER BY, LIMIT or WITH of a recursion");
    if (q->config->is_exec)
        return mc__sql_unknown(q, "WITH RECURSIVE in a change");
    rc = mc__sql_select(q, stmt->larg, scope, NULL, 0, &first);
    if (rc == MC_OK)
        rc = add_cte(q, cte, &first, &scope->ctes);
    if (rc == MC_OK)
        rc = mc__sql_select(q, stmt->rarg, scope, NULL, 0, &next);
    if (rc == MC_OK)
        rc = mc__sql_join_kinds(q, &first, &next);
    if (rc == MC_OK)
        *out = mc__sql_text(q, "%.*s UNION %s%.*s", MC_FMT(first.sql), stmt->all ? "ALL " : "",
                            MC_FMT(next.sql));
    return rc;
}

static mc_code one_cte(mc__sql *q, const PgQuery__CommonTableExpr *cte, bool is_recursive,
                       mc__sql_scope *scope, mc_buf *text)
{
    const PgQuery__SelectStmt *stmt;
    mc__sql_result result = {.sql = MC_STR("")};
    mc_str sql = MC_STR("");
    mc_code rc;

    if (!cte->ctequery || cte->ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return mc__sql_refuse(q, MC_INVALID, "a change within WITH is not allowed");
    if (cte->search_clause || cte->cycle_clause)
        return mc__sql_unknown(q, "SEARCH and CYCLE");
    stmt = cte->ctequery->select_stmt;
    if (is_recursive && stmt->op == PG_QUERY__SET_OPERATION__SETOP_UNION) {
        rc = recursive(q, cte, stmt, scope, &sql);
    } else {
        rc = mc__sql_select(q, stmt, scope, NULL, 0, &result);
        if (rc == MC_OK)
            rc = add_cte(q, cte, &result, &scope->ctes);
        sql = result.sql;
    }
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(text, "%.*s(", MC_FMT(scope->ctes->own));
    for (size_t i = 0; i < scope->ctes->count; i++) {
        mc_buf_str(text, i ? MC_STR(", ") : MC_STR(""));
        mc_buf_str(text, scope->ctes->columns[i].own);
    }
    mc_buf_printf(text, ") AS (%.*s)", MC_FMT(sql));
    return MC_OK;
}

mc_code mc__sql_with(mc__sql *q, const mc__sql_scope *outer, const PgQuery__WithClause *with,
                     const mc__sql_cte **ctes, mc_str *out)
{
    mc__sql_scope scope = {.outer = outer, .ctes = outer->ctes};
    mc_buf text;
    mc_code rc = MC_OK;

    *out = MC_STR("");
    if (!with)
        return MC_OK;
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_str(&text, with->recursive ? MC_STR("WITH RECURSIVE ") : MC_STR("WITH "));
    for (size_t i = 0; i < with->n_ctes && rc == MC_OK; i++) {
        mc_buf_str(&text, i ? MC_STR(", ") : MC_STR(""));
        rc = one_cte(q, with->ctes[i]->common_table_expr, with->recursive, &scope, &text);
    }
    mc_buf_char(&text, ' ');
    *ctes = scope.ctes;
    *out = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}
