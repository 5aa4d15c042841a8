/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, VALUES, and set operations. */
#include "metacore/sqlgate/sqlguest_internal.h"

#define COLUMNS_MAX 512

/* ---- results ---- */

/* What PostgreSQL calls a result that has no name. */
static mc_str name_of(mc__sql *q, const PgQuery__ResTarget *target)
{
    const PgQuery__Node *node = target->val;
    const char *name = target->name;

    while (!mc_z(name).len && node && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST &&
           node->type_cast->arg->node_case != PG_QUERY__NODE__NODE_A_CONST)
        node = node->type_cast->arg;
    if (mc_z(name).len || !node)
        return mc__sql_keep(q, mc_str_copy(q->arena, mc_z(name)));
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        name = node->column_ref->fields[node->column_ref->n_fields - 1]->string->sval;
        break;
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        name = node->func_call->funcname[node->func_call->n_funcname - 1]->string->sval;
        break;
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        name = "coalesce";
        break;
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        name = "case";
        break;
    case PG_QUERY__NODE__NODE_SUB_LINK:
        name = node->sub_link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK
                   ? "exists"
                   : "?column?";
        break;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        name = node->type_cast->type_name->names[node->type_cast->type_name->n_names - 1]
                   ->string->sval;
        break;
    default:
        name = "?column?";
        break;
    }
    return mc__sql_keep(q, mc_str_copy(q->arena, mc_z(name)));
}

static bool is_star(const PgQuery__Node *node, mc_str *table)
{
    const PgQuery__ColumnRef *ref;

    if (!node || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
        return false;
    ref = node->column_ref;
    *table = ref->n_fields == 2 && ref->fields[0]->node_case == PG_QUERY__NODE__NODE_STRING
                 ? mc_z(ref->fields[0]->string->sval)
                 : MC_STR("");
    return ref->n_fields >= 1 && ref->n_fields <= 2 &&
           ref->fields[ref->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR;
}

typedef struct targets {
    mc_buf text;
    mc__sql_column *columns;
    size_t count;
} targets;

static mc_code add_target(mc__sql *q, targets *t, mc_str sql, mc_str name, mc_sql_kind kind,
                          const char *type)
{
    if (t->count == COLUMNS_MAX)
        return mc__sql_refuse(q, MC_INVALID, "more than %d columns", COLUMNS_MAX);
    t->columns[t->count] = (mc__sql_column){
        .name = name,
        .own = mc__sql_text(q, "\"$%zu\"", t->count + 1),
        .kind = kind,
        .type = type,
    };
    mc_buf_str(&t->text, t->count ? MC_STR(", ") : MC_STR(""));
    mc_buf_str(&t->text, sql);
    if (!q->is_returning) {
        mc_buf_lit(&t->text, " AS ");
        mc_buf_str(&t->text, t->columns[t->count].own);
    }
    t->count++;
    return MC_OK;
}

static mc_code expand(mc__sql *q, const mc__sql_scope *scope, mc_str table, targets *t)
{
    bool is_found = false;
    mc_code rc = MC_OK;

    for (const mc__sql_source *s = scope->sources; s && rc == MC_OK; s = s->next) {
        if (table.len && !mc_str_eq(s->name, table))
            continue;
        is_found = true;
        for (size_t i = 0; i < s->count && rc == MC_OK; i++) {
            const mc__sql_column *c = &s->columns[i];

            if (!c->is_merged || table.len)
                rc = add_target(q, t, mc__sql_member(q, s, c), c->name, c->kind, c->type);
        }
    }
    if (rc == MC_OK && !is_found)
        return mc__sql_refuse(q, MC_REJECTED, "SELECT * of no table \"%.60s\"",
                              table.len ? table.ptr : "");
    return rc;
}

static const char *type_of(const mc__sql_scope *scope, const PgQuery__Node *node)
{
    const PgQuery__ColumnRef *ref;
    mc_str table, name;

    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
        return NULL;
    ref = node->column_ref;
    table = ref->n_fields > 1 ? mc_z(ref->fields[ref->n_fields - 2]->string->sval) : MC_STR("");
    name = mc_z(ref->fields[ref->n_fields - 1]->string->sval);
    for (const mc__sql_source *s = scope->sources; s; s = s->next) {
        const mc__sql_column *c =
            table.len && !mc_str_eq(table, s->name) ? NULL : mc__sql_find_column(s, name);

        if (c)
            return c->type;
    }
    return NULL;
}

mc_code mc__sql_targets(mc__sql *q, const mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                        const mc_sql_kind *expected, size_t expected_count, mc__sql_result *out)
{
    targets t = {.columns = mc_arena_array(q->arena, mc__sql_column, COLUMNS_MAX)};
    mc_code rc = t.columns ? MC_OK : mc_fail(q->err, MC_NO_MEMORY, "statement");

    mc_buf_init_arena(&t.text, q->arena, 0);
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        const PgQuery__ResTarget *target = items[i]->res_target;
        mc__sql_value value;
        mc_str table;

        if (is_star(target->val, &table)) {
            rc = expand(q, scope, table, &t);
            continue;
        }
        rc = mc__sql_expr(q, scope, target->val, &value);
        if (rc == MC_OK && value.open)
            rc = mc__sql_settle(q, &value,
                                t.count < expected_count ? expected[t.count] : value.kind);
        if (rc == MC_OK)
            rc = add_target(q, &t, value.sql, name_of(q, target), value.kind,
                            type_of(scope, target->val));
    }
    if (rc == MC_OK)
        rc = mc_buf_check(&t.text, "statement", q->err);
    if (rc == MC_OK && t.count == 0)
        rc = mc__sql_refuse(q, MC_INVALID, "a SELECT of nothing");
    *out = (mc__sql_result){mc_buf_get(&t.text), t.columns, t.count};
    return rc;
}

/* ---- clauses ---- */

mc_code mc__sql_condition(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                          const char *before, mc_str *out)
{
    mc_str text;
    mc_code rc;

    *out = MC_STR("");
    if (!node)
        return MC_OK;
    rc = mc__sql_truth(q, scope, node, &text);
    if (rc == MC_OK)
        *out = mc__sql_text(q, "%s%.*s", before, MC_FMT(text));
    return rc;
}

/* A number of a result, or its name. */
static const mc__sql_column *result_of(const PgQuery__Node *node, const mc__sql_result *result)
{
    const PgQuery__ColumnRef *ref;

    if (!result)
        return NULL;
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull &&
        node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL)
        return node->a_const->ival->ival >= 1 && (size_t)node->a_const->ival->ival <= result->count
                   ? &result->columns[node->a_const->ival->ival - 1]
                   : NULL;
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
        return NULL;
    ref = node->column_ref;
    if (ref->n_fields != 1 || ref->fields[0]->node_case != PG_QUERY__NODE__NODE_STRING)
        return NULL;
    for (size_t i = 0; i < result->count; i++) {
        if (mc_str_eq(result->columns[i].name, mc_z(ref->fields[0]->string->sval)))
            return &result->columns[i];
    }
    return NULL;
}

mc_code mc__sql_order(mc__sql *q, const mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                      const mc__sql_result *result, bool is_compound, mc_str *out)
{
    mc_buf text;
    mc_code rc = MC_OK;

    mc_buf_init_arena(&text, q->arena, 0);
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        const PgQuery__SortBy *by = items[i]->sort_by;
        bool is_down = by->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
        bool is_first =
            by->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST ||
            (is_down && by->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_DEFAULT);
        const mc__sql_column *column = result_of(by->node, result);
        mc__sql_value value = {.sql = MC_STR("")};

        if (by->n_use_op)
            return mc__sql_unknown(q, "ORDER BY … USING");
        if (column)
            value = (mc__sql_value){.sql = column->own, .kind = column->kind};
        else if (is_compound || by->node->node_case == PG_QUERY__NODE__NODE_A_CONST)
            return mc__sql_refuse(q, MC_REJECTED, "ORDER BY of no result");
        else
            rc = mc__sql_expr(q, scope, by->node, &value);
        if (rc == MC_OK && value.open)
            rc = mc__sql_refuse(q, MC_REJECTED, "ORDER BY of a constant");
        mc_buf_str(&text, i ? MC_STR(", ") : MC_STR(""));
        mc_buf_printf(&text, "%.*s%s%s NULLS %s", MC_FMT(value.sql),
                      value.kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "",
                      is_down ? " DESC" : "", is_first ? "FIRST" : "LAST");
    }
    *out = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

/* Results stand behind columns here: PostgreSQL takes the input first. */
static mc_code group_one(mc__sql *q, const mc__sql_scope *scope, const PgQuery__SelectStmt *stmt,
                         const PgQuery__Node *node, mc_str *out)
{
    mc__sql_value value;
    mc_code rc;

    if (node->node_case == PG_QUERY__NODE__NODE_GROUPING_SET)
        return mc__sql_unknown(q, "GROUPING SETS");
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST) {
        int32_t at =
            node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL && !node->a_const->isnull
                ? node->a_const->ival->ival
                : 0;

        if (at < 1 || (size_t)at > stmt->n_target_list)
            return mc__sql_refuse(q, MC_REJECTED, "GROUP BY of no result");
        node = stmt->target_list[at - 1]->res_target->val;
    } else if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF &&
               node->column_ref->n_fields == 1 &&
               node->column_ref->fields[0]->node_case == PG_QUERY__NODE__NODE_STRING) {
        mc_str name = mc_z(node->column_ref->fields[0]->string->sval);
        const PgQuery__Node *named = NULL;
        bool is_column = false;

        for (const mc__sql_source *s = scope->sources; s; s = s->next)
            is_column = is_column || mc__sql_find_column(s, name);
        for (size_t i = 0; i < stmt->n_target_list; i++) {
            if (mc_str_eq(mc_z(stmt->target_list[i]->res_target->name), name))
                named = stmt->target_list[i]->res_target->val;
        }
        if (named && !is_column)
            node = named;
    }
    rc = mc__sql_expr(q, scope, node, &value);
    if (rc == MC_OK && value.open)
        rc = mc__sql_refuse(q, MC_REJECTED, "GROUP BY of a constant");
    if (rc == MC_OK)
        *out = mc__sql_text(q, "%.*s%s", MC_FMT(value.sql),
                            value.kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "");
    return rc;
}

static mc_code group(mc__sql *q, const mc__sql_scope *scope, const PgQuery__SelectStmt *stmt,
                     mc_buf *text)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < stmt->n_group_clause && rc == MC_OK; i++) {
        mc_str one = MC_STR("");

        rc = group_one(q, scope, stmt, stmt->group_clause[i], &one);
        mc_buf_str(text, i ? MC_STR(", ") : MC_STR(" GROUP BY "));
        mc_buf_str(text, one);
    }
    return rc;
}

static mc_code bound(mc__sql *q, const PgQuery__Node *node, const char *word, const char *none,
                     mc_buf *text)
{
    mc__sql_scope nothing = {0};
    mc__sql_value value;
    mc_code rc;

    if (!node)
        return MC_OK;
    rc = mc__sql_expr(q, &nothing, node, &value);
    if (rc == MC_OK)
        rc = mc__sql_settle(q, &value, MC_SQL_INT);
    if (rc == MC_OK && value.kind != MC_SQL_INT && value.kind != MC_SQL_ANY)
        rc = mc__sql_refuse(q, MC_REJECTED, "%s of no number", word);
    if (rc == MC_OK)
        mc_buf_printf(text, " %s coalesce(%.*s, %s)", word, MC_FMT(value.sql), none);
    return rc;
}

/* ORDER BY, LIMIT and OFFSET, of what is before. */
static mc_code tail(mc__sql *q, const mc__sql_scope *scope, const PgQuery__SelectStmt *stmt,
                    const mc__sql_result *result, bool is_compound, mc_buf *text)
{
    mc_str order;
    mc_code rc = MC_OK;

    if (stmt->limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES)
        return mc__sql_unknown(q, "WITH TIES");
    if (stmt->n_sort_clause) {
        rc = mc__sql_order(q, scope, stmt->sort_clause, stmt->n_sort_clause, result, is_compound,
                           &order);
        if (rc == MC_OK) {
            mc_buf_lit(text, " ORDER BY ");
            mc_buf_str(text, order);
        }
    }
    if (rc == MC_OK && stmt->limit_count)
        rc = bound(q, stmt->limit_count, "LIMIT", "-1", text);
    else if (stmt->limit_offset)
        mc_buf_lit(text, " LIMIT -1");
    return rc == MC_OK ? bound(q, stmt->limit_offset, "OFFSET", "0", text) : rc;
}

/* ---- kinds of SELECT ---- */

static mc_code plain(mc__sql *q, const PgQuery__SelectStmt *stmt, const mc__sql_scope *outer,
                     const mc_sql_kind *expected, size_t expected_count, mc__sql_result *out)
{
    mc__sql_scope scope = {.outer = outer, .ctes = outer->ctes};
    mc_str from, where, having;
    mc_buf text;
    mc_code rc;

    if (stmt->n_window_clause)
        return mc__sql_unknown(q, "a WINDOW clause");
    rc = mc__sql_from(q, &scope, stmt->from_clause, stmt->n_from_clause, &from);
    if (rc == MC_OK)
        rc = mc__sql_targets(q, &scope, stmt->target_list, stmt->n_target_list, expected,
                             expected_count, out);
    if (rc == MC_OK)
        rc = mc__sql_condition(q, &scope, stmt->where_clause, " WHERE ", &where);
    if (rc == MC_OK)
        rc = mc__sql_condition(q, &scope, stmt->having_clause, " HAVING ", &having);
    if (rc != MC_OK)
        return rc;
    if (stmt->n_distinct_clause &&
        stmt->distinct_clause[0]->node_case != PG_QUERY__NODE__NODE__NOT_SET)
        return mc__sql_unknown(q, "DISTINCT ON");
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "SELECT %s%.*s%s%.*s%.*s", stmt->n_distinct_clause ? "DISTINCT " : "",
                  MC_FMT(out->sql), from.len ? " FROM " : "", MC_FMT(from), MC_FMT(where));
    rc = group(q, &scope, stmt, &text);
    if (rc == MC_OK) {
        mc_buf_str(&text, having);
        rc = tail(q, &scope, stmt, out, false, &text);
    }
    out->sql = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

static mc_code values_row(mc__sql *q, const PgQuery__Node *row, const mc__sql_scope *outer,
                          mc_sql_kind *kinds, size_t count, bool is_first, mc_buf *text)
{
    mc_code rc = MC_OK;

    if (row->node_case != PG_QUERY__NODE__NODE_LIST || row->list->n_items != count)
        return mc__sql_refuse(q, MC_REJECTED, "VALUES lists must all be the same length");
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        mc__sql_value value = {.sql = MC_STR("")};

        rc = mc__sql_expr(q, outer, row->list->items[i], &value);
        if (rc == MC_OK && value.open)
            rc = mc__sql_settle(q, &value, kinds[i] ? kinds[i] : value.kind);
        if (rc == MC_OK && kinds[i] == MC_SQL_ANY)
            kinds[i] = value.kind;
        mc_buf_str(text, i ? MC_STR(", ") : MC_STR(""));
        mc_buf_str(text, value.sql);
        if (is_first)
            mc_buf_printf(text, " AS \"$%zu\"", i + 1);
    }
    return rc;
}

/* As a union of rows: its columns then have names. */
static mc_code values(mc__sql *q, const PgQuery__SelectStmt *stmt, const mc__sql_scope *outer,
                      const mc_sql_kind *expected, size_t expected_count, mc__sql_result *out)
{
    size_t count = stmt->values_lists[0]->node_case == PG_QUERY__NODE__NODE_LIST
                       ? stmt->values_lists[0]->list->n_items
                       : 0;
    mc_sql_kind *kinds = mc_arena_array(q->arena, mc_sql_kind, count);
    mc_buf text;
    mc_code rc = MC_OK;

    out->columns = mc_arena_array(q->arena, mc__sql_column, count);
    out->count = count;
    if (!kinds || !out->columns)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    for (size_t i = 0; i < count && i < expected_count; i++)
        kinds[i] = expected[i];
    mc_buf_init_arena(&text, q->arena, 0);
    for (size_t i = 0; i < stmt->n_values_lists && rc == MC_OK; i++) {
        mc_buf_str(&text, i ? MC_STR(" UNION ALL SELECT ") : MC_STR("SELECT "));
        rc = values_row(q, stmt->values_lists[i], outer, kinds, count, i == 0, &text);
    }
    for (size_t i = 0; i < count; i++)
        out->columns[i] = (mc__sql_column){.name = mc__sql_text(q, "column%zu", i + 1),
                                           .own = mc__sql_text(q, "\"$%zu\"", i + 1),
                                           .kind = kinds[i]};
    if (rc == MC_OK)
        rc = tail(q, outer, stmt, out, true, &text);
    out->sql = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

static mc_code set_word(mc__sql *q, const PgQuery__SelectStmt *stmt, const char **out)
{
    switch (stmt->op) {
    case PG_QUERY__SET_OPERATION__SETOP_UNION:
        *out = stmt->all ? "UNION ALL" : "UNION";
        return MC_OK;
    case PG_QUERY__SET_OPERATION__SETOP_INTERSECT:
        *out = "INTERSECT";
        break;
    default:
        *out = "EXCEPT";
        break;
    }
    return stmt->all ? mc__sql_unknown(q, "INTERSECT ALL and EXCEPT ALL") : MC_OK;
}

/* One kind from both arms; a decimal and a whole number are not one in this store. */
mc_code mc__sql_join_kinds(mc__sql *q, mc__sql_result *left, const mc__sql_result *right)
{
    if (left->count != right->count)
        return mc__sql_refuse(q, MC_REJECTED,
                              "each arm of a set operation must have the same number of columns");
    for (size_t i = 0; i < left->count; i++) {
        mc__sql_column *l = &left->columns[i];
        mc_sql_kind r = right->columns[i].kind;

        if (l->kind == MC_SQL_ANY)
            l->kind = r;
        else if (r != MC_SQL_ANY && r != l->kind)
            return mc__sql_refuse(q, MC_REJECTED,
                                  "a set operation of types %s and %s cannot be matched",
                                  mc_sql_kind_name(l->kind), mc_sql_kind_name(r));
    }
    return MC_OK;
}

/* Its constants are what the left arm's columns are. */
static mc_code right_arm(mc__sql *q, const PgQuery__SelectStmt *stmt, const mc__sql_scope *outer,
                         const mc__sql_result *left, mc__sql_result *out)
{
    mc_sql_kind *kinds = mc_arena_array(q->arena, mc_sql_kind, left->count);

    if (!kinds)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    for (size_t i = 0; i < left->count; i++)
        kinds[i] = left->columns[i].kind;
    return mc__sql_select(q, stmt->rarg, outer, kinds, left->count, out);
}

static mc_code set_operation(mc__sql *q, const PgQuery__SelectStmt *stmt,
                             const mc__sql_scope *outer, const mc_sql_kind *expected,
                             size_t expected_count, mc__sql_result *out)
{
    mc__sql_result left, right;
    const char *word;
    mc_buf text;
    mc_code rc = set_word(q, stmt, &word);

    if (rc == MC_OK)
        rc = mc__sql_select(q, stmt->larg, outer, expected, expected_count, &left);
    if (rc == MC_OK)
        rc = right_arm(q, stmt, outer, &left, &right);
    if (rc == MC_OK)
        rc = mc__sql_join_kinds(q, &left, &right);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "SELECT * FROM (%.*s) %s SELECT * FROM (%.*s)", MC_FMT(left.sql), word,
                  MC_FMT(right.sql));
    rc = tail(q, outer, stmt, &left, true, &text);
    *out = (mc__sql_result){mc_buf_get(&text), left.columns, left.count};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

mc_code mc__sql_select(mc__sql *q, const PgQuery__SelectStmt *stmt, const mc__sql_scope *outer,
                       const mc_sql_kind *expected, size_t expected_count, mc__sql_result *out)
{
    mc__sql_scope scope = {.outer = outer, .ctes = outer->ctes};
    mc_str with;
    mc_code rc;

    if (stmt->into_clause)
        return mc__sql_refuse(q, MC_INVALID, "SELECT … INTO makes a table");
    if (stmt->n_locking_clause)
        return mc__sql_refuse(q, MC_INVALID, "banned keyword: %s", "FOR UPDATE or FOR SHARE");
    if (++q->depth > MC__SQL_DEPTH_MAX)
        return mc__sql_refuse(q, MC_INVALID, "an expression nested too deeply");
    rc = mc__sql_with(q, outer, stmt->with_clause, &scope.ctes, &with);
    if (rc == MC_OK && stmt->op != PG_QUERY__SET_OPERATION__SETOP_NONE)
        rc = set_operation(q, stmt, &scope, expected, expected_count, out);
    else if (rc == MC_OK && stmt->n_values_lists)
        rc = values(q, stmt, &scope, expected, expected_count, out);
    else if (rc == MC_OK)
        rc = plain(q, stmt, &scope, expected, expected_count, out);
    if (rc == MC_OK && with.len)
        out->sql = mc__sql_text(q, "%.*s%.*s", MC_FMT(with), MC_FMT(out->sql));
    q->depth--;
    return rc;
}
