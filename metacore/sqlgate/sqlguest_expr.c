/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions, each with the type that it has in PostgreSQL. */
#include "metacore/sqlgate/sqlguest_internal.h"

/* ---- lists ---- */

mc_code mc__sql_list(mc__sql *q, const mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                     mc__sql_value **out, mc_sql_kind *kind)
{
    mc__sql_value *values = mc_arena_array(q->arena, mc__sql_value, count ? count : 1);
    mc_code rc = values ? MC_OK : mc_fail(q->err, MC_NO_MEMORY, "statement");
    mc_sql_kind common = MC_SQL_ANY;

    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        rc = mc__sql_expr(q, scope, items[i], &values[i]);
        if (rc != MC_OK)
            return rc;
        if (values[i].kind == MC_SQL_DECIMAL ||
            (values[i].kind != MC_SQL_ANY && common == MC_SQL_ANY))
            common = values[i].kind;
    }
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        rc = mc__sql_settle(q, &values[i], common);
        if (rc == MC_OK && common != MC_SQL_ANY && values[i].kind != MC_SQL_ANY &&
            values[i].kind != common)
            rc = mc__sql_refuse(q, MC_REJECTED, "types %s and %s cannot be matched",
                                mc_sql_kind_name(common), mc_sql_kind_name(values[i].kind));
    }
    *out = values;
    *kind = common;
    return rc;
}

mc_str mc__sql_joined(mc__sql *q, const mc__sql_value *values, size_t count)
{
    mc_buf text;

    mc_buf_init_arena(&text, q->arena, 0);
    for (size_t i = 0; i < count; i++) {
        mc_buf_str(&text, i ? MC_STR(", ") : MC_STR(""));
        mc_buf_str(&text, values[i].sql);
    }
    return mc__sql_keep(q, mc_buf_get(&text));
}

/* ---- sub-selects ---- */

static mc_code sub_link(mc__sql *q, const mc__sql_scope *scope, const PgQuery__SubLink *link,
                        mc__sql_value *out)
{
    mc__sql_result result;
    mc__sql_value left = {.sql = MC_STR("")};
    mc__sql_value right;
    mc_code rc = MC_OK;

    if (q->is_returning)
        return mc__sql_unknown(q, "a sub-select in RETURNING");
    if (!link->subselect || link->subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return mc__sql_unknown(q, "a sub-select of that kind");
    if (link->testexpr)
        rc = mc__sql_expr(q, scope, link->testexpr, &left);
    if (rc == MC_OK)
        rc = mc__sql_select(q, link->subselect->select_stmt, scope, NULL, 0, &result);
    if (rc != MC_OK)
        return rc;
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK) {
        *out = (mc__sql_value){.kind = MC_SQL_BOOL,
                               .sql = mc__sql_text(q, "EXISTS (%.*s)", MC_FMT(result.sql))};
        return MC_OK;
    }
    if (result.count != 1)
        return mc__sql_refuse(q, MC_REJECTED, "subquery must return only one column");
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK) {
        *out = (mc__sql_value){.kind = result.columns[0].kind,
                               .sql = mc__sql_text(q, "(%.*s)", MC_FMT(result.sql))};
        return MC_OK;
    }
    if (link->sub_link_type != PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK || link->n_oper_name)
        return mc__sql_unknown(q, "a sub-select compared otherwise than by IN");
    right = (mc__sql_value){.kind = result.columns[0].kind, .sql = result.sql};
    if (left.kind == MC_SQL_DECIMAL && right.kind == MC_SQL_INT)
        return mc__sql_refuse(q, MC_REJECTED, "IN of numeric and int8: cast the sub-select's");
    rc = mc__sql_unify(q, &left, &right);
    *out = (mc__sql_value){
        .kind = MC_SQL_BOOL,
        .sql = mc__sql_text(q, "(%.*s%s IN (%.*s))", MC_FMT(left.sql),
                            left.kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "",
                            MC_FMT(result.sql))};
    return rc;
}

/* ---- the rest ---- */

mc_code mc__sql_truth(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                      mc_str *out)
{
    mc__sql_value value;
    mc_code rc = mc__sql_expr(q, scope, node, &value);

    if (rc == MC_OK)
        rc = mc__sql_settle(q, &value, MC_SQL_BOOL);
    if (rc == MC_OK && value.kind != MC_SQL_BOOL && value.kind != MC_SQL_ANY)
        rc = mc__sql_refuse(q, MC_REJECTED, "a condition must be type boolean, not type %s",
                            mc_sql_kind_name(value.kind));
    if (rc == MC_OK)
        *out = value.sql;
    return rc;
}

static mc_code boolean(mc__sql *q, const mc__sql_scope *scope, const PgQuery__BoolExpr *b,
                       mc__sql_value *out)
{
    bool is_not = b->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR;
    bool is_and = b->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    mc_buf text;
    mc_code rc = MC_OK;

    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_str(&text, is_not ? MC_STR("(NOT ") : MC_STR("("));
    for (size_t i = 0; i < b->n_args && rc == MC_OK; i++) {
        mc_str one = MC_STR("");

        rc = mc__sql_truth(q, scope, b->args[i], &one);
        mc_buf_str(&text, i == 0 ? MC_STR("") : is_and ? MC_STR(" AND ") : MC_STR(" OR "));
        mc_buf_str(&text, one);
    }
    mc_buf_char(&text, ')');
    *out = (mc__sql_value){.kind = MC_SQL_BOOL, .sql = mc_buf_get(&text)};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

static mc_code case_of(mc__sql *q, const mc__sql_scope *scope, const PgQuery__CaseExpr *c,
                       mc__sql_value *out)
{
    PgQuery__Node **results = mc_arena_array(q->arena, PgQuery__Node *, c->n_args + 1);
    mc__sql_value *values;
    mc_sql_kind kind;
    mc_buf text;
    mc_code rc;

    if (!results)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    if (c->arg)
        return mc__sql_unknown(q, "CASE of a value: CASE WHEN value = … is,");
    for (size_t i = 0; i < c->n_args; i++)
        results[i] = c->args[i]->case_when->result;
    results[c->n_args] = c->defresult;
    rc = mc__sql_list(q, scope, results, c->n_args + (c->defresult != NULL), &values, &kind);
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_lit(&text, "(CASE");
    for (size_t i = 0; i < c->n_args && rc == MC_OK; i++) {
        mc_str when = MC_STR("");

        rc = mc__sql_truth(q, scope, c->args[i]->case_when->expr, &when);
        mc_buf_printf(&text, " WHEN %.*s THEN %.*s", MC_FMT(when), MC_FMT(values[i].sql));
    }
    if (rc == MC_OK && c->defresult)
        mc_buf_printf(&text, " ELSE %.*s", MC_FMT(values[c->n_args].sql));
    mc_buf_lit(&text, " END)");
    *out = (mc__sql_value){.kind = kind, .sql = mc_buf_get(&text)};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

static mc_code coalesce(mc__sql *q, const mc__sql_scope *scope, const PgQuery__CoalesceExpr *c,
                        mc__sql_value *out)
{
    mc__sql_value *values;
    mc_sql_kind kind;
    mc_code rc = mc__sql_list(q, scope, c->args, c->n_args, &values, &kind);

    if (rc == MC_OK)
        *out = c->n_args == 1 ? values[0]
                              : (mc__sql_value){.kind = kind,
                                                .sql = mc__sql_text(
                                                    q, "coalesce(%.*s)",
                                                    MC_FMT(mc__sql_joined(q, values, c->n_args)))};
    return rc;
}

static mc_code truth_test(mc__sql *q, const mc__sql_scope *scope, const PgQuery__BooleanTest *test,
                          mc__sql_value *out)
{
    static const char *const tests[] = {[PG_QUERY__BOOL_TEST_TYPE__IS_TRUE] = "IS TRUE",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE] = "IS NOT TRUE",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_FALSE] = "IS FALSE",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE] = "IS NOT FALSE",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN] = "IS NULL",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN] = "IS NOT NULL"};
    size_t kind = (size_t)test->booltesttype;
    mc_str text;
    mc_code rc;

    if (kind >= MC_LEN(tests) || !tests[kind])
        return mc__sql_unknown(q, "a test of that kind");
    rc = mc__sql_truth(q, scope, test->arg, &text);
    if (rc == MC_OK)
        *out = (mc__sql_value){.kind = MC_SQL_BOOL,
                               .sql = mc__sql_text(q, "(%.*s %s)", MC_FMT(text), tests[kind])};
    return rc;
}

static mc_code null_test(mc__sql *q, const mc__sql_scope *scope, const PgQuery__NullTest *test,
                         mc__sql_value *out)
{
    mc__sql_value value;
    mc_code rc = mc__sql_expr(q, scope, test->arg, &value);

    if (rc == MC_OK)
        rc = mc__sql_settle(q, &value, value.kind);
    if (rc == MC_OK)
        *out = (mc__sql_value){
            .kind = MC_SQL_BOOL,
            .sql = mc__sql_text(q, "(%.*s %s)", MC_FMT(value.sql),
                                test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL
                                    ? "IS NULL"
                                    : "IS NOT NULL")};
    return rc;
}

static mc_code moment(mc__sql *q, const PgQuery__SQLValueFunction *f, mc__sql_value *out)
{
    unsigned now;

    switch (f->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
        now = mc__sql_own_param(q, MC_SQLGUEST_NOW);
        *out = (mc__sql_value){.kind = MC_SQL_TIME, .sql = mc__sql_text(q, "$%u", now)};
        return MC_OK;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
        now = mc__sql_own_param(q, MC_SQLGUEST_NOW);
        *out =
            (mc__sql_value){.kind = MC_SQL_DATE, .sql = mc__sql_text(q, "substr($%u, 1, 10)", now)};
        return MC_OK;
    default:
        return mc__sql_refuse(q, MC_FORBIDDEN, "a function of the session is not allowed");
    }
}

/* What a constant is when nothing says otherwise. */
static mc_code constant(mc__sql *q, const PgQuery__Node *node, mc__sql_value *out)
{
    const PgQuery__AConst *c = node->a_const;
    mc_buf text;
    mc_code rc;

    *out = (mc__sql_value){.open = node, .kind = MC_SQL_ANY, .sql = MC_STR("NULL")};
    if (c->isnull || c->val_case == PG_QUERY__A__CONST__VAL_SVAL)
        return MC_OK;
    mc_buf_init_arena(&text, q->arena, 0);
    switch (c->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
        out->kind = MC_SQL_INT;
        break;
    case PG_QUERY__A__CONST__VAL_FVAL:
        out->kind = MC_SQL_DECIMAL;
        break;
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        out->kind = MC_SQL_BOOL;
        break;
    default:
        return mc__sql_unknown(q, "a constant of bits");
    }
    rc = mc__gate_constant(&q->gate, c,
                           out->kind == MC_SQL_DECIMAL ? MC__GATE_DECIMAL : MC__GATE_PLAIN, &text);
    out->sql = mc__sql_keep(q, mc_buf_get(&text));
    return rc;
}

/* numeric(10, 2) rounds; what else stands behind a type's name says nothing of the value. */
static mc_code round_to_type(mc__sql *q, const PgQuery__TypeName *type, mc__sql_value *value)
{
    const PgQuery__Node *scale = type->n_typmods == 2 ? type->typmods[1] : NULL;
    int32_t digits = 0;

    if (scale && (scale->node_case != PG_QUERY__NODE__NODE_A_CONST || scale->a_const->isnull ||
                  scale->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL))
        return mc__sql_unknown(q, "a scale that is no constant");
    if (scale)
        digits = scale->a_const->ival->ival;
    value->sql = mc__sql_text(q, "mc_decimal_round(%.*s, %d)", MC_FMT(value->sql), digits);
    return MC_OK;
}

static mc_code cast(mc__sql *q, const mc__sql_scope *scope, const PgQuery__TypeCast *c,
                    mc__sql_value *out)
{
    mc_sql_kind kind;
    mc_code rc = mc__sql_type(q, c->type_name, &kind);

    if (rc == MC_OK)
        rc = mc__sql_expr(q, scope, c->arg, out);
    if (rc == MC_OK)
        rc = mc__sql_cast(q, out, kind);
    return rc == MC_OK && kind == MC_SQL_DECIMAL && c->type_name->n_typmods
               ? round_to_type(q, c->type_name, out)
               : rc;
}

/* GREATEST and LEAST leave out what is NULL. */
static mc_code extreme(mc__sql *q, const mc__sql_scope *scope, const PgQuery__MinMaxExpr *e,
                       mc__sql_value *out)
{
    mc__sql_value *values;
    mc_sql_kind kind;
    mc_code rc = mc__sql_list(q, scope, e->args, e->n_args, &values, &kind);

    if (rc == MC_OK)
        *out =
            (mc__sql_value){.kind = kind,
                            .sql = mc__sql_text(q, "mc_extreme(%d, %d, %.*s)",
                                                e->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST ? 1 : -1,
                                                kind == MC_SQL_DECIMAL,
                                                MC_FMT(mc__sql_joined(q, values, e->n_args)))};
    return rc;
}

static mc_code expr(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                    mc__sql_value *out)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
        return constant(q, node, out);
    case PG_QUERY__NODE__NODE_PARAM_REF:
        *out = (mc__sql_value){.open = node};
        return MC_OK;
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return mc__sql_column_ref(q, scope, node->column_ref, out);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return mc__sql_operation(q, scope, node->a_expr, out);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        return boolean(q, scope, node->bool_expr, out);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return mc__sql_call(q, scope, node->func_call, out);
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return sub_link(q, scope, node->sub_link, out);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return cast(q, scope, node->type_cast, out);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return case_of(q, scope, node->case_expr, out);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return coalesce(q, scope, node->coalesce_expr, out);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return extreme(q, scope, node->min_max_expr, out);
    case PG_QUERY__NODE__NODE_NULL_TEST:
        return null_test(q, scope, node->null_test, out);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
        return truth_test(q, scope, node->boolean_test, out);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        return moment(q, node->sqlvalue_function, out);
    case PG_QUERY__NODE__NODE_SET_TO_DEFAULT:
        return mc__sql_unknown(q, "DEFAULT: leave the column out, which");
    default:
        return mc__sql_unknown(q, "an expression of that kind");
    }
}

mc_code mc__sql_expr(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                     mc__sql_value *out)
{
    mc_code rc;

    if (!node)
        return mc__sql_unknown(q, "an expression of that kind");
    if (++q->depth > MC__SQL_DEPTH_MAX)
        return mc__sql_refuse(q, MC_INVALID, "an expression nested too deeply");
    *out = (mc__sql_value){.sql = MC_STR("")};
    rc = expr(q, scope, node, out);
    q->depth--;
    return rc;
}
