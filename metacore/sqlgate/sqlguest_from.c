/* SPDX-License-Identifier: Apache-2.0 */
/* FROM: tables of one organization, sub-selects, common table expressions, and their joins. */
#include "metacore/sqlgate/sqlguest_internal.h"

static mc_code item(mc__sql *q, mc__sql_scope *scope, const PgQuery__Node *node, mc_str *out);

/* "AS t (a, b)": the author's names of the first columns. */
static mc_code rename_columns(mc__sql *q, mc__sql_column *columns, size_t count,
                              PgQuery__Node **names, size_t name_count)
{
    if (name_count > count)
        return mc__sql_refuse(q, MC_REJECTED, "more names than columns");
    for (size_t i = 0; i < name_count; i++) {
        if (names[i]->node_case != PG_QUERY__NODE__NODE_STRING)
            return mc__sql_unknown(q, "a column list of that kind");
        columns[i].name = mc_str_copy(q->arena, mc_z(names[i]->string->sval));
    }
    return MC_OK;
}

static mc_code copy_columns(mc__sql *q, const mc__sql_column *columns, size_t count,
                            const PgQuery__Alias *alias, mc__sql_column **out)
{
    mc__sql_column *own = mc_arena_array(q->arena, mc__sql_column, count);

    if (!own)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    for (size_t i = 0; i < count; i++) {
        own[i] = columns[i];
        own[i].is_merged = false;
    }
    *out = own;
    return alias ? rename_columns(q, own, count, alias->colnames, alias->n_colnames) : MC_OK;
}

static mc_str name_of(mc__sql *q, const PgQuery__Alias *alias, const char *name)
{
    return mc__sql_keep(q, mc_str_copy(q->arena, mc_z(alias ? alias->aliasname : name)));
}

/* ---- tables ---- */

static const mc__sql_cte *find_cte(const mc__sql_scope *scope, const PgQuery__RangeVar *var)
{
    const mc__sql_cte *cte = scope->ctes;

    if (mc_z(var->schemaname).len || mc_z(var->catalogname).len)
        return NULL;
    while (cte && !mc_str_eq(cte->name, mc_z(var->relname)))
        cte = cte->next;
    return cte;
}

/* The only door to a table's rows. */
static mc_code table_text(mc__sql *q, const mc_sqlguest_relation *relation, mc_str *out)
{
    mc_buf text;

    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_lit(&text, "(SELECT ");
    for (size_t i = 0; i < relation->column_count; i++) {
        mc_buf_str(&text, i ? MC_STR(", ") : MC_STR(""));
        mc_buf_sql_ident(&text, relation->columns[i].name);
    }
    mc_buf_lit(&text, " FROM ");
    mc_buf_str(&text, relation->physical);
    mc_buf_lit(&text, " WHERE ");
    mc_buf_str(&text, mc__sql_org_condition(q, relation, MC_STR("")));
    mc_buf_char(&text, ')');
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "statement", q->err);
}

static mc_code table(mc__sql *q, mc__sql_scope *scope, const PgQuery__RangeVar *var, mc_str *out)
{
    const mc__sql_cte *cte = find_cte(scope, var);
    mc_sqlguest_relation relation;
    mc__sql_column *columns;
    mc_str text, alias;
    mc_code rc;

    if (cte) {
        text = cte->own;
        rc = copy_columns(q, cte->columns, cte->count, var->alias, &columns);
        relation.column_count = cte->count;
    } else {
        rc = mc__sql_find_relation(q, var, false, &relation);
        if (rc == MC_OK)
            rc = table_text(q, &relation, &text);
        if (rc == MC_OK)
            rc = mc__sql_relation_columns(q, &relation, &columns);
        if (rc == MC_OK && var->alias)
            rc = rename_columns(q, columns, relation.column_count, var->alias->colnames,
                                var->alias->n_colnames);
    }
    if (rc != MC_OK)
        return rc;
    alias = mc__sql_new_name(q);
    *out = mc__sql_text(q, "%.*s AS %.*s", MC_FMT(text), MC_FMT(alias));
    return mc__sql_add_source(q, scope, name_of(q, var->alias, var->relname), alias, columns,
                              relation.column_count, NULL);
}

static mc_code subselect(mc__sql *q, mc__sql_scope *scope, const PgQuery__RangeSubselect *sub,
                         mc_str *out)
{
    mc__sql_scope outside = {.outer = scope->outer, .ctes = scope->ctes};
    mc__sql_result result;
    mc__sql_column *columns;
    mc_str alias;
    mc_code rc;

    if (sub->lateral)
        return mc__sql_unknown(q, "LATERAL");
    if (!sub->subquery || sub->subquery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return mc__sql_unknown(q, "FROM of anything but tables and selects");
    rc = mc__sql_select(q, sub->subquery->select_stmt, &outside, NULL, 0, &result);
    if (rc == MC_OK)
        rc = copy_columns(q, result.columns, result.count, sub->alias, &columns);
    if (rc != MC_OK)
        return rc;
    alias = mc__sql_new_name(q);
    *out = mc__sql_text(q, "(%.*s) AS %.*s", MC_FMT(result.sql), MC_FMT(alias));
    return mc__sql_add_source(q, scope, name_of(q, sub->alias, ""), alias, columns, result.count,
                              NULL);
}

/* ---- joins ---- */

/* The one source of those from first up to end (excluded) that has the column. */
static const mc__sql_source *side_with(const mc__sql_source *first, const mc__sql_source *end,
                                       mc_str name, unsigned *count)
{
    const mc__sql_source *found = NULL;

    *count = 0;
    for (const mc__sql_source *s = first; s && s != end; s = s->next) {
        const mc__sql_column *column = mc__sql_find_column(s, name);

        if (!column || column->is_merged)
            continue;
        found = s;
        ++*count;
    }
    return found;
}

static mc_code equal_columns(mc__sql *q, const PgQuery__JoinExpr *join, const mc__sql_source *left,
                             const mc__sql_source *right, mc_str *out)
{
    mc_buf text;
    mc_code rc = MC_OK;

    if (join->jointype != PG_QUERY__JOIN_TYPE__JOIN_INNER &&
        join->jointype != PG_QUERY__JOIN_TYPE__JOIN_LEFT)
        return mc__sql_unknown(q, "RIGHT or FULL JOIN … USING");
    mc_buf_init_arena(&text, q->arena, 0);
    for (size_t i = 0; i < join->n_using_clause && rc == MC_OK; i++) {
        mc_str name = mc_z(join->using_clause[i]->string->sval);
        unsigned lefts, rights;
        const mc__sql_source *l = side_with(left, right, name, &lefts);
        const mc__sql_source *r = side_with(right, NULL, name, &rights);
        mc__sql_value a, b;

        if (lefts != 1 || rights != 1)
            return mc__sql_refuse(q, MC_REJECTED, "USING of \"%.60s\": not once on either side",
                                  name.ptr);
        a = (mc__sql_value){.kind = mc__sql_find_column(l, name)->kind,
                            .sql = mc__sql_member(q, l, mc__sql_find_column(l, name))};
        b = (mc__sql_value){.kind = mc__sql_find_column(r, name)->kind,
                            .sql = mc__sql_member(q, r, mc__sql_find_column(r, name))};
        rc = mc__sql_unify(q, &a, &b);
        mc_buf_str(&text, i ? MC_STR(" AND ") : MC_STR(""));
        mc_buf_printf(&text, "%.*s = %.*s%s", MC_FMT(a.sql), MC_FMT(b.sql),
                      a.kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "");
    }
    for (size_t i = 0; i < join->n_using_clause && rc == MC_OK; i++) {
        unsigned count;
        const mc__sql_source *r =
            side_with(right, NULL, mc_z(join->using_clause[i]->string->sval), &count);

        for (size_t k = 0; r && k < r->count; k++)
            r->columns[k].is_merged |=
                mc_str_eq(r->columns[k].name, mc_z(join->using_clause[i]->string->sval));
    }
    *out = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

static const char *join_word(const PgQuery__JoinExpr *join)
{
    switch (join->jointype) {
    case PG_QUERY__JOIN_TYPE__JOIN_INNER:
        return join->quals || join->n_using_clause ? "JOIN" : "CROSS JOIN";
    case PG_QUERY__JOIN_TYPE__JOIN_LEFT:
        return "LEFT JOIN";
    case PG_QUERY__JOIN_TYPE__JOIN_RIGHT:
        return "RIGHT JOIN";
    case PG_QUERY__JOIN_TYPE__JOIN_FULL:
        return "FULL JOIN";
    default:
        return NULL;
    }
}

static mc_code join(mc__sql *q, mc__sql_scope *scope, const PgQuery__JoinExpr *join, mc_str *out)
{
    const char *word = join_word(join);
    mc__sql_source *before = scope->last, *middle;
    const mc__sql_source *left, *right;
    mc_str l, r, on = MC_STR("");
    mc_code rc;

    if (join->is_natural || join->alias || join->join_using_alias || !word)
        return mc__sql_unknown(q, "NATURAL JOIN, or a join by another name,");
    if (join->rarg->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR)
        return mc__sql_unknown(q, "a join within the right side of a join");
    rc = item(q, scope, join->larg, &l);
    if (rc != MC_OK)
        return rc;
    middle = scope->last;
    rc = item(q, scope, join->rarg, &r);
    if (rc != MC_OK)
        return rc;
    left = before ? before->next : scope->sources;
    right = middle->next;
    if (join->n_using_clause)
        rc = equal_columns(q, join, left, right, &on);
    else if (join->quals)
        rc = mc__sql_truth(q, scope, join->quals, &on);
    *out = mc__sql_text(q, "%.*s %s %.*s%s%.*s", MC_FMT(l), word, MC_FMT(r), on.len ? " ON " : "",
                        MC_FMT(on));
    return rc;
}

static mc_code item(mc__sql *q, mc__sql_scope *scope, const PgQuery__Node *node, mc_str *out)
{
    mc_code rc;

    if (++q->depth > MC__SQL_DEPTH_MAX)
        return mc__sql_refuse(q, MC_INVALID, "an expression nested too deeply");
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR:
        rc = table(q, scope, node->range_var, out);
        break;
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
        rc = subselect(q, scope, node->range_subselect, out);
        break;
    case PG_QUERY__NODE__NODE_JOIN_EXPR:
        rc = join(q, scope, node->join_expr, out);
        break;
    default:
        rc = mc__sql_unknown(q, "FROM of anything but tables and selects");
        break;
    }
    q->depth--;
    return rc;
}

mc_code mc__sql_from(mc__sql *q, mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                     mc_str *out)
{
    mc_buf text;
    mc_code rc = MC_OK;

    mc_buf_init_arena(&text, q->arena, 0);
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        mc_str one;

        /* A join binds closer than a comma there; here it does not. */
        if (i > 0 && items[i]->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR &&
            items[i]->join_expr->jointype != PG_QUERY__JOIN_TYPE__JOIN_INNER &&
            items[i]->join_expr->jointype != PG_QUERY__JOIN_TYPE__JOIN_LEFT)
            return mc__sql_unknown(q, "RIGHT or FULL JOIN behind a comma");
        rc = item(q, scope, items[i], &one);
        if (rc == MC_OK) {
            mc_buf_str(&text, i ? MC_STR(", ") : MC_STR(""));
            mc_buf_str(&text, one);
        }
    }
    *out = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}
