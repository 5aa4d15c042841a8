/* SPDX-License-Identifier: Apache-2.0 */
/* Operators: comparing, reckoning, and looking into JSON. */
#include "metacore/base/time.h"
#include "metacore/sqlgate/sqlguest_internal.h"

/* ---- comparing ---- */

static mc_code compare(mc__sql *q, mc__sql_value *a, const char *operator, mc__sql_value * b,
                       mc__sql_value *out)
{
    mc_code rc = mc__sql_unify(q, a, b);

    if (rc == MC_OK && (a->kind == MC_SQL_JSON || b->kind == MC_SQL_JSON))
        rc = mc__sql_unknown(q, "comparing JSON");
    *out = (mc__sql_value){
        .kind = MC_SQL_BOOL,
        .sql = mc__sql_text(q, "(%.*s %s %.*s%s)", MC_FMT(a->sql), operator, MC_FMT(b->sql),
                            a->kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "")};
    return rc;
}

static mc_code in_list(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *left,
                       bool is_not, PgQuery__Node **items, size_t count, mc__sql_value *out)
{
    PgQuery__Node **all = mc_arena_array(q->arena, PgQuery__Node *, count + 1);
    mc__sql_value *values;
    mc_sql_kind kind;
    mc_code rc;

    if (!all)
        return mc_fail(q->err, MC_NO_MEMORY, "statement");
    memcpy(&all[0], &left, sizeof(left)); /* read only, like the rest of the tree */
    memcpy(&all[1], items, count * sizeof(*items));
    rc = mc__sql_list(q, scope, all, count + 1, &values, &kind);
    if (rc != MC_OK)
        return rc;
    *out = (mc__sql_value){.kind = MC_SQL_BOOL,
                           .sql = mc__sql_text(q, "(%.*s%s %sIN (%.*s))", MC_FMT(values[0].sql),
                                               kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "",
                                               is_not ? "NOT " : "",
                                               MC_FMT(mc__sql_joined(q, values + 1, count)))};
    return MC_OK;
}

static mc_code between(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                       mc__sql_value *out)
{
    PgQuery__Node *all[3];
    mc__sql_value *values;
    mc_sql_kind kind;
    mc_code rc;

    if (e->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || e->rexpr->list->n_items != 2)
        return mc__sql_unknown(q, "BETWEEN of anything but two ends");
    all[0] = e->lexpr;
    all[1] = e->rexpr->list->items[0];
    all[2] = e->rexpr->list->items[1];
    rc = mc__sql_list(q, scope, all, 3, &values, &kind);
    if (rc == MC_OK)
        *out = (mc__sql_value){
            .kind = MC_SQL_BOOL,
            .sql = mc__sql_text(q, "(%.*s%s %sBETWEEN %.*s AND %.*s)", MC_FMT(values[0].sql),
                                kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "",
                                e->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN ? "NOT " : "",
                                MC_FMT(values[1].sql), MC_FMT(values[2].sql))};
    return rc;
}

static mc_code like(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                    const char *name, mc__sql_value *out)
{
    mc__sql_value a, b;
    mc_code rc = mc__sql_expr(q, scope, e->lexpr, &a);

    if (rc == MC_OK)
        rc = mc__sql_expr(q, scope, e->rexpr, &b);
    if (rc == MC_OK)
        rc = mc__sql_settle(q, &a, MC_SQL_TEXT);
    if (rc == MC_OK)
        rc = mc__sql_settle(q, &b, MC_SQL_TEXT);
    if (rc == MC_OK && ((a.kind != MC_SQL_TEXT && a.kind != MC_SQL_ANY) ||
                        (b.kind != MC_SQL_TEXT && b.kind != MC_SQL_ANY)))
        rc = mc__sql_refuse(q, MC_REJECTED, "LIKE of anything but texts");
    if (rc == MC_OK)
        *out = (mc__sql_value){
            .kind = MC_SQL_BOOL,
            .sql = mc__sql_text(q, "(%smc_like(%.*s, %.*s, %d))", name[0] == '!' ? "NOT " : "",
                                MC_FMT(a.sql), MC_FMT(b.sql),
                                e->kind == PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE)};
    return rc;
}

/* ---- reckoning ---- */

static const char *decimal_function(char operator)
{
    switch (operator) {
    case '+':
        return "mc_decimal_add";
    case '-':
        return "mc_decimal_sub";
    case '*':
        return "mc_decimal_mul";
    case '/':
        return "mc_decimal_div";
    default:
        return "mc_decimal_mod";
    }
}

static bool is_number(mc_sql_kind kind)
{
    return kind == MC_SQL_INT || kind == MC_SQL_DECIMAL || kind == MC_SQL_ANY;
}

/* A day, some days later. */
static mc_code add_days(mc__sql *q, mc__sql_value *a, char operator, mc__sql_value * b,
                        mc__sql_value *out)
{
    mc_code rc = mc__sql_settle(q, b, MC_SQL_INT);

    if (rc == MC_OK && (b->kind != MC_SQL_INT || (operator!= '+' && operator!= '-')))
        rc = mc__sql_refuse(q, MC_REJECTED, "operator does not exist: date %c %s", operator,
                            b->kind ? mc_sql_kind_name(b->kind) : "unknown");
    if (rc == MC_OK)
        *out = (mc__sql_value){.kind = MC_SQL_DATE,
                               .sql = mc__sql_text(q,
                                                   "mc_as('date', mc_time_add(%.*s, 0, %c(%.*s) * "
                                                   "86400000000))",
                                                   MC_FMT(a->sql), operator, MC_FMT(b->sql))};
    return rc;
}

static mc_code arithmetic(mc__sql *q, mc__sql_value *a, char operator, mc__sql_value * b,
                          mc__sql_value *out)
{
    mc_code rc;

    if (a->kind == MC_SQL_DATE && !a->open)
        return add_days(q, a, operator, b, out);
    rc = mc__sql_unify(q, a, b);
    if (rc != MC_OK)
        return rc;
    if (!is_number(a->kind) || !is_number(b->kind))
        return mc__sql_refuse(q, MC_REJECTED, "operator does not exist: %s %c %s",
                              mc_sql_kind_name(a->kind), operator, mc_sql_kind_name(b->kind));
    if (a->kind == MC_SQL_INT && b->kind == MC_SQL_INT)
        *out = (mc__sql_value){
            .kind = MC_SQL_INT,
            .sql = mc__sql_text(q, "(%.*s %c %.*s)", MC_FMT(a->sql), operator, MC_FMT(b->sql))};
    else
        *out = (mc__sql_value){.kind = MC_SQL_DECIMAL,
                               .sql = mc__sql_text(q, "%s(%.*s, %.*s)", decimal_function(operator),
                                                   MC_FMT(a->sql), MC_FMT(b->sql))};
    return MC_OK;
}

static mc_code concatenate(mc__sql *q, mc__sql_value *a, mc__sql_value *b, mc__sql_value *out)
{
    mc_code rc = mc__sql_cast(q, a, MC_SQL_TEXT);

    if (rc == MC_OK)
        rc = mc__sql_cast(q, b, MC_SQL_TEXT);
    *out =
        (mc__sql_value){.kind = MC_SQL_TEXT,
                        .sql = mc__sql_text(q, "(%.*s || %.*s)", MC_FMT(a->sql), MC_FMT(b->sql))};
    return rc;
}

/* '7 days', '1 hour 30 minutes', '-1 month': months and microseconds. */
static bool read_interval(mc_str text, int64_t *months, int64_t *us)
{
    static const struct {
        const char *name;
        int64_t months, us;
    } units[] = {{"second", 0, MC_TIME_US_PER_S},
                 {"sec", 0, MC_TIME_US_PER_S},
                 {"minute", 0, 60 * MC_TIME_US_PER_S},
                 {"min", 0, 60 * MC_TIME_US_PER_S},
                 {"hour", 0, 3600 * MC_TIME_US_PER_S},
                 {"day", 0, MC_TIME_US_PER_DAY},
                 {"week", 0, 7 * MC_TIME_US_PER_DAY},
                 {"month", 1, 0},
                 {"mon", 1, 0},
                 {"year", 12, 0}};
    bool is_any = false;

    for (mc_str rest = mc_str_trim(text); rest.len; rest = mc_str_trim(rest), is_any = true) {
        size_t digits = 0, word;
        int64_t count;
        mc_str unit;
        bool is_known = false;

        while (digits < rest.len && rest.ptr[digits] != ' ' &&
               (rest.ptr[digits] < 'a' || rest.ptr[digits] > 'z'))
            digits++;
        if (!mc_str_i64(mc_str_slice(rest, 0, digits), -1000000, 1000000, &count))
            return false;
        rest = mc_str_trim(mc_str_slice(rest, digits, rest.len));
        word = mc_str_find_char(rest, 0, ' ');
        unit = mc_str_slice(rest, 0, word);
        rest = mc_str_slice(rest, word, rest.len);
        if (unit.len > 1 && unit.ptr[unit.len - 1] == 's')
            unit.len--;
        for (size_t i = 0; i < MC_LEN(units) && !is_known; i++) {
            is_known = mc_str_eq(unit, mc_z(units[i].name));
            *months += is_known ? count * units[i].months : 0;
            *us += is_known ? count * units[i].us : 0;
        }
        if (!is_known)
            return false;
    }
    return is_any;
}

static bool is_interval(const PgQuery__Node *node)
{
    const PgQuery__TypeName *type = node && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST
                                        ? node->type_cast->type_name
                                        : NULL;

    return type && type->n_names &&
           mc_str_eq(mc_z(type->names[type->n_names - 1]->string->sval), MC_STR("interval"));
}

/* An instant, and an interval that is a constant. */
static mc_code shift(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e, char sign,
                     mc__sql_value *out)
{
    const PgQuery__Node *by = e->rexpr->type_cast->arg;
    int64_t months = 0, us = 0;
    mc__sql_value value;
    mc_code rc;

    if (by->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        by->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL ||
        !read_interval(mc_z(by->a_const->sval->sval), &months, &us))
        return mc__sql_unknown(q, "an interval of that form");
    rc = mc__sql_expr(q, scope, e->lexpr, &value);
    if (rc == MC_OK)
        rc = mc__sql_settle(q, &value, MC_SQL_TIME);
    if (rc == MC_OK && value.kind != MC_SQL_TIME && value.kind != MC_SQL_ANY)
        rc = mc__sql_refuse(q, MC_REJECTED, "an interval added to what is no time");
    if (rc == MC_OK)
        *out = (mc__sql_value){.kind = MC_SQL_TIME,
                               .sql = mc__sql_text(q, "mc_time_add(%.*s, %lld, %lld)",
                                                   MC_FMT(value.sql),
                                                   (long long)(sign == '-' ? -months : months),
                                                   (long long)(sign == '-' ? -us : us))};
    return rc;
}

/* data -> 'key', data ->> 0: of a constant key. */
static mc_code member(mc__sql *q, mc__sql_value *a, bool is_text, const PgQuery__Node *key,
                      mc__sql_value *out)
{
    bool is_constant = key->node_case == PG_QUERY__NODE__NODE_A_CONST && !key->a_const->isnull;
    mc_buf text;
    mc_code rc = mc__sql_settle(q, a, MC_SQL_JSON);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "mc_json_get(%.*s, ", MC_FMT(a->sql));
    if (is_constant && key->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL)
        mc_buf_printf(&text, "%d", key->a_const->ival->ival);
    else if (is_constant && key->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL)
        mc__gate_write_text(&text, mc_z(key->a_const->sval->sval));
    else
        return mc__sql_unknown(q, "-> of anything but a constant");
    if (a->kind != MC_SQL_JSON && a->kind != MC_SQL_ANY)
        return mc__sql_refuse(q, MC_REJECTED, "-> of what is no JSON");
    mc_buf_printf(&text, ", %d)", is_text);
    *out = (mc__sql_value){.kind = is_text ? MC_SQL_TEXT : MC_SQL_JSON, .sql = mc_buf_get(&text)};
    return mc_buf_check(&text, "statement", q->err);
}

static mc_code binary(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                      const char *name, mc__sql_value *out)
{
    static const char *const comparisons[] = {"=", "<>", "<", "<=", ">", ">="};
    mc_str operator= mc_z(name);
    mc__sql_value a = {.sql = MC_STR("0"), .kind = MC_SQL_INT}, b;
    mc_code rc = MC_OK;

    if ((name[0] == '+' || name[0] == '-') && !name[1] && e->lexpr && is_interval(e->rexpr))
        return shift(q, scope, e, name[0], out);
    if (e->lexpr)
        rc = mc__sql_expr(q, scope, e->lexpr, &a);
    else if (operator.len != 1 ||(name[0] != '-' && name[0] != '+'))
        return mc__sql_unknown(q, "a prefix operator of that name");
    if (rc != MC_OK)
        return rc;
    if (mc_str_eq(operator, MC_STR("->")) || mc_str_eq(operator, MC_STR("->>")))
        return member(q, &a, operator.len == 3, e->rexpr, out);
    rc = mc__sql_expr(q, scope, e->rexpr, &b);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < MC_LEN(comparisons); i++) {
        if (mc_str_eq(operator, mc_z(comparisons[i])))
            return compare(q, &a, comparisons[i], &b, out);
    }
    if (mc_str_eq(operator, MC_STR("||")))
        return concatenate(q, &a, &b, out);
    if (operator.len == 1 && memchr("+-*/%", name[0], 5))
        return arithmetic(q, &a, name[0], &b, out);
    return mc__sql_refuse(q, MC_FORBIDDEN, "the operator %.20s is not allowed", name);
}

static mc_code is_distinct(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                           mc__sql_value *out)
{
    mc__sql_value a, b;
    mc_code rc = mc__sql_expr(q, scope, e->lexpr, &a);

    if (rc == MC_OK)
        rc = mc__sql_expr(q, scope, e->rexpr, &b);
    return rc == MC_OK
               ? compare(q, &a,
                         e->kind == PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT ? "IS NOT" : "IS", &b,
                         out)
               : rc;
}

static mc_code null_if(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                       mc__sql_value *out)
{
    PgQuery__Node *both[] = {e->lexpr, e->rexpr};
    mc__sql_value *values;
    mc_sql_kind kind;
    mc_code rc = mc__sql_list(q, scope, both, 2, &values, &kind);

    if (rc == MC_OK)
        *out =
            (mc__sql_value){.kind = kind,
                            .sql = mc__sql_text(q, "nullif(%.*s%s, %.*s)", MC_FMT(values[0].sql),
                                                kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "",
                                                MC_FMT(values[1].sql))};
    return rc;
}

static mc_code any_of(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                      const char *name, mc__sql_value *out)
{
    bool is_any = e->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY;
    const PgQuery__Node *list = e->rexpr;

    while (list && list->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        list = list->type_cast->arg;
    if (!list || list->node_case != PG_QUERY__NODE__NODE_A_ARRAY_EXPR ||
        !mc_str_eq(mc_z(name), is_any ? MC_STR("=") : MC_STR("<>")))
        return mc__sql_unknown(q, "ANY or ALL of anything but a list");
    return in_list(q, scope, e->lexpr, !is_any, list->a_array_expr->elements,
                   list->a_array_expr->n_elements, out);
}

mc_code mc__sql_operation(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                          mc__sql_value *out)
{
    const char *name = e->n_name ? e->name[e->n_name - 1]->string->sval : "";

    if (e->n_name != 1)
        return mc__sql_refuse(q, MC_FORBIDDEN, "an operator of a schema is not allowed");
    switch (e->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        return binary(q, scope, e, name, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        if (e->rexpr->node_case != PG_QUERY__NODE__NODE_LIST)
            return mc__sql_unknown(q, "IN of anything but a list");
        return in_list(q, scope, e->lexpr, name[0] == '<', e->rexpr->list->items,
                       e->rexpr->list->n_items, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL:
        return any_of(q, scope, e, name, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        return like(q, scope, e, name, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        return is_distinct(q, scope, e, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
        return between(q, scope, e, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
        return null_if(q, scope, e, out);
    default:
        return mc__sql_unknown(q, "an operator of that kind");
    }
}
