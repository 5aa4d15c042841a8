/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate_internal.h"

#include "metacore/base/decimal.h"
#include "metacore/base/json.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"

#include <stdio.h>

#define DEPTH_MAX 64

/* What an expression may call: nothing that reads files, settings or other rows. */
static const struct {
    const char *name, *sqlite, *postgres; /* the stores' spelling */
} functions[] = {
    {"now", "now", "now"},
    {"gen_random_uuid", "gen_random_uuid", "gen_random_uuid"},
    {"uuid_generate_v4", "uuid_generate_v4", "gen_random_uuid"},
    {"lower", "lower", "lower"},
    {"upper", "upper", "upper"},
    {"length", "length", "length"},
    {"substr", "substr", "substr"},
    {"substring", "substr", "substr"},
    {"replace", "replace", "replace"},
    {"char_length", "length", "length"},
    {"abs", "abs", "abs"},
    {"round", "round", "round"},
    {"trim", "trim", "btrim"},
    {"btrim", "trim", "btrim"},
    {"coalesce", "coalesce", "coalesce"},
    {"nullif", "nullif", "nullif"},
};

static mc_code expr(mc__gate *g, const PgQuery__Node *node, mc__gate_kind kind, int depth,
                    mc_buf *out);

static void write_bool(mc__gate *g, bool is_true, mc_buf *out)
{
    if (mc__gate_is_postgres(g))
        mc_buf_str(out, is_true ? MC_STR("true") : MC_STR("false"));
    else
        mc_buf_char(out, is_true ? '1' : '0');
}

/* A decimal column keeps canonical text: on SQLite a bare number would pass through a binary float.
 */
static mc_code number(mc__gate *g, mc_str digits, mc__gate_kind kind, mc_buf *out)
{
    mc_str plain;

    if (mc_decimal_parse(g->arena, digits, 0, 0, &plain) != MC_DECIMAL_OK)
        return mc__gate_refuse(g, "the number %.40s", digits.ptr);
    if (!mc__gate_is_postgres(g) && (kind == MC__GATE_DECIMAL || kind == MC__GATE_VALUE))
        mc__gate_write_text(out, plain); /* a column of whole numbers reads them out of it */
    else
        mc_buf_str(out, plain);
    return MC_OK;
}

/* 't', 'yes', 'on', '1' … as PostgreSQL reads a boolean, without its abbreviations. */
static mc_code boolean_text(mc__gate *g, mc_str text, mc_buf *out)
{
    static const char *const yes[] = {"t", "true", "y", "yes", "on", "1"};
    static const char *const no[] = {"f", "false", "n", "no", "off", "0"};

    for (size_t i = 0; i < MC_LEN(yes); i++) {
        if (mc_str_eq_nocase(text, mc_z(yes[i])) || mc_str_eq_nocase(text, mc_z(no[i]))) {
            write_bool(g, mc_str_eq_nocase(text, mc_z(yes[i])), out);
            return MC_OK;
        }
    }
    return mc__gate_refuse(g, "'%.20s' as a boolean", text.ptr ? text.ptr : "");
}

/* "2026-01-31", "2026-01-31 10:00:00+00" as the kernel keeps instants. */
static mc_code time_text(mc__gate *g, mc_str text, mc_buf *out)
{
    mc_str plain = mc_str_copy(g->arena, mc_str_trim(text));
    char canonical[MC_TIME_TEXT_LEN];
    mc_time time;

    if (!plain.ptr)
        return mc__gate_refuse(g, "'' as a time");
    if (plain.len > 10 && plain.ptr[10] == ' ')
        plain = mc_str_printf(g->arena, "%.*sT%.*s", MC_FMT(mc_str_slice(plain, 0, 10)),
                              MC_FMT(mc_str_slice(plain, 11, plain.len)));
    if (!mc_date_parse(plain, &time) && !mc_time_parse(plain, &time) &&
        !mc_time_parse(mc_str_printf(g->arena, "%.*sZ", MC_FMT(plain)), &time) &&
        !mc_time_parse(mc_str_printf(g->arena, "%.*s:00", MC_FMT(plain)), &time))
        return mc__gate_refuse(g, "'%.40s' as a time", text.ptr ? text.ptr : "");
    mc_time_format(time, canonical);
    mc__gate_write_text(out, mc_str_of(canonical, sizeof(canonical)));
    return MC_OK;
}

static mc_code uuid_text(mc__gate *g, mc_str text, mc_buf *out)
{
    char canonical[MC_UUID_TEXT_LEN];
    mc_uuid id;

    if (!mc_uuid_parse(text, &id))
        return mc__gate_refuse(g, "'%.40s' as a UUID", text.ptr ? text.ptr : "");
    mc_uuid_format(id, canonical);
    mc__gate_write_text(out, mc_str_of(canonical, sizeof(canonical)));
    return MC_OK;
}

/* What is not JSON could not be shown as such. */
static mc_code json_text(mc__gate *g, mc_str text, mc_buf *out)
{
    const mc_json *ignored;
    mc_err why;

    if (mc_json_parse(g->arena, text, &(mc_json_options){.last_duplicate_wins = true}, &ignored,
                      &why) != MC_OK)
        return mc__gate_refuse(g, "'%.40s' as JSON", text.ptr ? text.ptr : "");
    mc__gate_write_text(out, text);
    return MC_OK;
}

static mc_code text_constant(mc__gate *g, const char *text, mc__gate_kind kind, mc_buf *out)
{
    switch (kind) {
    case MC__GATE_DECIMAL:
        return number(g, mc_z(text), kind, out);
    case MC__GATE_BOOL:
        return boolean_text(g, mc_z(text), out);
    case MC__GATE_ARRAY:
        return mc__gate_array_text(g, mc_z(text), out);
    case MC__GATE_TIME:
        return time_text(g, mc_z(text), out);
    case MC__GATE_JSON:
        return json_text(g, mc_z(text), out);
    case MC__GATE_UUID:
        return uuid_text(g, mc_z(text), out);
    default:
        mc__gate_write_text(out, mc_z(text));
        return MC_OK;
    }
}

mc_code mc__gate_constant(mc__gate *g, const PgQuery__AConst *c, mc__gate_kind kind, mc_buf *out)
{
    char text[16];

    if (c->isnull) {
        mc_buf_lit(out, "NULL");
        return MC_OK;
    }
    switch (c->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
        (void)snprintf(text, sizeof(text), "%d", c->ival->ival); /* at most 11 bytes */
        return number(g, mc_z(text), kind, out);
    case PG_QUERY__A__CONST__VAL_FVAL:
        return number(g, mc_z(c->fval->fval), kind, out);
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        write_bool(g, c->boolval->boolval, out);
        return MC_OK;
    case PG_QUERY__A__CONST__VAL_SVAL:
        return text_constant(g, c->sval->sval, kind, out);
    default:
        return mc__gate_refuse(g, "a bit string");
    }
}

static mc_code arguments(mc__gate *g, PgQuery__Node **args, size_t count, int depth, mc_buf *out)
{
    mc_code rc = MC_OK;

    mc_buf_char(out, '(');
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_lit(out, ", ");
        rc = expr(g, args[i], MC__GATE_PLAIN, depth, out);
    }
    mc_buf_char(out, ')');
    return rc;
}

/* now() AT TIME ZONE 'utc', and all else that is only now: times here are UTC anyway. */
static bool is_now_elsewhere(const PgQuery__FuncCall *f, const char *name)
{
    static const char *const clocks[] = {"clock_timestamp", "statement_timestamp",
                                         "transaction_timestamp"};
    const PgQuery__Node *zone = f->n_args == 2 ? f->args[0] : NULL, *of = zone ? f->args[1] : NULL;
    const char *inner = of && of->node_case == PG_QUERY__NODE__NODE_FUNC_CALL
                            ? of->func_call->funcname[of->func_call->n_funcname - 1]->string->sval
                            : "";

    for (size_t i = 0; i < MC_LEN(clocks); i++) {
        if (f->n_args == 0 && mc_str_eq(mc_z(name), mc_z(clocks[i])))
            return true;
    }
    return mc_str_eq(mc_z(name), MC_STR("timezone")) && zone &&
           zone->node_case == PG_QUERY__NODE__NODE_A_CONST &&
           zone->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL &&
           mc_str_eq_nocase(mc_z(zone->a_const->sval->sval), MC_STR("utc")) &&
           (mc_str_eq(mc_z(inner), MC_STR("now")) ||
            (of->node_case == PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION &&
             of->sqlvalue_function->op == PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP));
}

static mc_code call(mc__gate *g, const PgQuery__FuncCall *f, int depth, mc_buf *out)
{
    const char *name = f->n_funcname ? f->funcname[f->n_funcname - 1]->string->sval : "";
    bool is_plain =
        f->n_funcname == 1 ||
        (f->n_funcname == 2 && mc_str_eq(mc_z(f->funcname[0]->string->sval), MC_STR("pg_catalog")));

    if (!is_plain || f->over || f->agg_filter || f->n_agg_order || f->agg_distinct || f->agg_star ||
        f->agg_within_group || f->func_variadic)
        return mc__gate_refuse(g, "the function call %.40s", name);
    if (is_now_elsewhere(f, name)) {
        mc_buf_lit(out, "now()");
        return MC_OK;
    }
    for (size_t i = 0; i < MC_LEN(functions); i++) {
        if (mc_str_eq(mc_z(name), mc_z(functions[i].name))) {
            mc_buf_str(out,
                       mc_z(mc__gate_is_postgres(g) ? functions[i].postgres : functions[i].sqlite));
            return arguments(g, f->args, f->n_args, depth, out);
        }
    }
    return mc__gate_refuse(g, "the function %.40s", name);
}

/* "a", "t.a" of the statement's own table, and "excluded.a". */
static mc_code column(mc__gate *g, const PgQuery__ColumnRef *ref, mc_buf *out)
{
    const char *prefix = "";
    mc_str name, table;
    mc_code rc;

    for (size_t i = 0; i < ref->n_fields; i++) {
        if (ref->fields[i]->node_case != PG_QUERY__NODE__NODE_STRING)
            return mc__gate_refuse(g, "a column by no name");
    }
    table = ref->n_fields == 2 ? mc_z(ref->fields[0]->string->sval) : MC_STR("");
    if (table.len && g->in_conflict && mc_str_eq(table, MC_STR("excluded")))
        prefix = "excluded.";
    else if (ref->n_fields != 1 && (table.len == 0 || !mc_str_eq(table, g->table)))
        return mc__gate_refuse(g, "a column of another table");
    rc = mc__gate_column_name(g, ref->fields[ref->n_fields - 1]->string->sval, &name);
    if (rc != MC_OK)
        return rc;
    if (mc__gate_is_postgres(g) && g->in_conflict &&
        !*prefix) { /* else it might be the other row's */
        mc_buf_sql_ident(out, g->table);
        mc_buf_char(out, '.');
    }
    mc_buf_str(out, mc_z(prefix));
    mc_buf_sql_ident(out, name);
    return MC_OK;
}

static const char *const operators[] = {"=",  "<>", "!=", "<", "<=", ">",
                                        ">=", "+",  "-",  "*", "/",  "||"};

/* left, one of the list that `= ANY (ARRAY[…])` or IN names. */
static mc_code one_of(mc__gate *g, const PgQuery__Node *left, bool is_not, PgQuery__Node **items,
                      size_t count, int depth, mc_buf *out)
{
    mc_code rc;

    mc_buf_char(out, '(');
    rc = expr(g, left, MC__GATE_PLAIN, depth, out);
    mc_buf_str(out, is_not ? MC_STR(" NOT IN ") : MC_STR(" IN "));
    if (rc == MC_OK)
        rc = arguments(g, items, count, depth, out);
    mc_buf_char(out, ')');
    return rc;
}

static mc_code any_of(mc__gate *g, const PgQuery__AExpr *e, const char *name, int depth,
                      mc_buf *out)
{
    bool is_any = e->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY;
    const PgQuery__Node *list = e->rexpr;

    while (list && list->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        list = list->type_cast->arg;
    if (!list || list->node_case != PG_QUERY__NODE__NODE_A_ARRAY_EXPR ||
        !mc_str_eq(mc_z(name), is_any ? MC_STR("=") : MC_STR("<>")))
        return mc__gate_refuse(g, "ANY or ALL of anything but a list");
    return one_of(g, e->lexpr, !is_any, list->a_array_expr->elements,
                  list->a_array_expr->n_elements, depth, out);
}

static mc_code like_of_postgres(mc__gate *g, const PgQuery__AExpr *e, bool is_not, bool is_ilike,
                                const char *pattern, int depth, mc_buf *out)
{
    mc_code rc;

    mc_buf_char(out, '(');
    rc = expr(g, e->lexpr, MC__GATE_PLAIN, depth, out);
    mc_buf_printf(out, "%s %s ", is_not ? " NOT" : "", is_ilike ? "ILIKE" : "LIKE");
    mc__gate_write_text(out, mc_z(pattern));
    mc_buf_char(out, ')');
    return rc;
}

/* SQLite's LIKE does not tell cases apart; GLOB does, and has other signs. */
static mc_code like(mc__gate *g, const PgQuery__AExpr *e, const char *name, int depth, mc_buf *out)
{
    bool is_not = name[0] == '!', is_ilike = e->kind == PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE;
    const PgQuery__Node *right = e->rexpr;
    const char *pattern;
    mc_buf glob;
    mc_code rc;

    while (right && right->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        right = right->type_cast->arg;
    if (!right || right->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        right->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
        return mc__gate_refuse(g, "LIKE of anything but a constant");
    pattern = right->a_const->sval->sval;
    if (mc__gate_is_postgres(g))
        return like_of_postgres(g, e, is_not, is_ilike, pattern, depth, out);
    mc_buf_init_arena(&glob, g->arena, 0);
    for (const char *p = pattern; *p && !is_ilike; p++) {
        bool is_escaped = *p == '\\' && p[1];

        p += is_escaped;
        if (!is_escaped && (*p == '%' || *p == '_'))
            mc_buf_char(&glob, *p == '%' ? '*' : '?');
        else if (*p == '*' || *p == '?' || *p == '[')
            mc_buf_printf(&glob, "[%c]", *p);
        else
            mc_buf_char(&glob, *p);
    }
    mc_buf_char(out, '(');
    rc = expr(g, e->lexpr, MC__GATE_PLAIN, depth, out);
    mc_buf_printf(out, "%s %s ", is_not ? " NOT" : "", is_ilike ? "LIKE" : "GLOB");
    mc__gate_write_text(out, is_ilike ? mc_z(pattern) : mc_buf_get(&glob));
    if (is_ilike)
        mc_buf_lit(out, " ESCAPE '\\'");
    mc_buf_char(out, ')');
    return rc == MC_OK ? mc_buf_check(&glob, "migration", g->err) : rc;
}

static mc_code binary(mc__gate *g, const PgQuery__AExpr *e, const char *operator, int depth,
                      mc_buf *out)
{
    mc_code rc = MC_OK;

    mc_buf_char(out, '(');
    if (e->lexpr)
        rc = expr(g, e->lexpr, MC__GATE_PLAIN, depth, out);
    mc_buf_printf(out, " %s ", operator);
    if (rc == MC_OK)
        rc = expr(g, e->rexpr, MC__GATE_PLAIN, depth, out);
    mc_buf_char(out, ')');
    return rc;
}

static mc_code between(mc__gate *g, const PgQuery__AExpr *e, int depth, mc_buf *out)
{
    mc_code rc;

    if (e->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || e->rexpr->list->n_items != 2)
        return mc__gate_refuse(g, "BETWEEN of anything but two ends");
    mc_buf_char(out, '(');
    rc = expr(g, e->lexpr, MC__GATE_PLAIN, depth, out);
    mc_buf_lit(out, " BETWEEN ");
    if (rc == MC_OK)
        rc = expr(g, e->rexpr->list->items[0], MC__GATE_PLAIN, depth, out);
    mc_buf_lit(out, " AND ");
    if (rc == MC_OK)
        rc = expr(g, e->rexpr->list->items[1], MC__GATE_PLAIN, depth, out);
    mc_buf_char(out, ')');
    return rc;
}

static mc_code operation(mc__gate *g, const PgQuery__AExpr *e, int depth, mc_buf *out)
{
    const char *name = e->n_name == 1 ? e->name[0]->string->sval : "";

    switch (e->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        if (e->rexpr->node_case != PG_QUERY__NODE__NODE_LIST)
            return mc__gate_refuse(g, "IN of anything but a list");
        return one_of(g, e->lexpr, mc_str_eq(mc_z(name), MC_STR("<>")), e->rexpr->list->items,
                      e->rexpr->list->n_items, depth, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL:
        return any_of(g, e, name, depth, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        return like(g, e, name, depth, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
        return binary(g, e, mc__gate_is_postgres(g) ? "IS DISTINCT FROM" : "IS NOT", depth, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        return binary(g, e, mc__gate_is_postgres(g) ? "IS NOT DISTINCT FROM" : "IS", depth, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
        return between(g, e, depth, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        break;
    default:
        return mc__gate_refuse(g, "an operator that is not plain");
    }
    for (size_t i = 0; i < MC_LEN(operators); i++) {
        if (mc_str_eq(mc_z(name), mc_z(operators[i])))
            return binary(g, e, operators[i], depth, out);
    }
    return mc__gate_refuse(g, "the operator %.20s", name);
}

static mc_code boolean(mc__gate *g, const PgQuery__BoolExpr *b, int depth, mc_buf *out)
{
    bool is_not = b->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR;
    bool is_and = b->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    mc_code rc = MC_OK;

    mc_buf_str(out, is_not ? MC_STR("(NOT ") : MC_STR("("));
    for (size_t i = 0; i < b->n_args && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_str(out, is_and ? MC_STR(" AND ") : MC_STR(" OR "));
        rc = expr(g, b->args[i], MC__GATE_PLAIN, depth, out);
    }
    mc_buf_char(out, ')');
    return rc;
}

/* 'x'::varchar and '{}'::jsonb: on SQLite the value, whose column says how it is kept. */
static mc_code cast(mc__gate *g, const PgQuery__TypeCast *c, mc__gate_kind kind, int depth,
                    mc_buf *out)
{
    mc__gate_kind own;
    mc_buf type;
    mc_code rc;

    mc_buf_init_arena(&type, g->arena, 0);
    rc = mc__gate_type(g, c->type_name, &type, &own);
    if (rc == MC_OK && own == MC__GATE_SERIAL)
        return mc__gate_refuse(g, "a cast to a type that numbers itself");
    if (rc == MC_OK && !mc__gate_is_postgres(g))
        return expr(g, c->arg, own == MC__GATE_PLAIN ? kind : own, depth, out);
    mc_buf_lit(out, "CAST(");
    if (rc == MC_OK)
        rc = expr(g, c->arg, own, depth, out);
    mc_buf_lit(out, " AS ");
    mc_buf_str(out, mc_buf_get(&type));
    mc_buf_char(out, ')');
    return rc == MC_OK ? mc_buf_check(&type, "migration", g->err) : rc;
}

static mc_code case_of(mc__gate *g, const PgQuery__CaseExpr *c, mc__gate_kind kind, int depth,
                       mc_buf *out)
{
    mc_code rc = MC_OK;

    mc_buf_lit(out, "(CASE ");
    if (c->arg)
        rc = expr(g, c->arg, MC__GATE_PLAIN, depth, out);
    for (size_t i = 0; i < c->n_args && rc == MC_OK; i++) {
        if (c->args[i]->node_case != PG_QUERY__NODE__NODE_CASE_WHEN)
            return mc__gate_refuse(g, "CASE of anything but WHEN");
        mc_buf_lit(out, " WHEN ");
        rc = expr(g, c->args[i]->case_when->expr, MC__GATE_PLAIN, depth, out);
        mc_buf_lit(out, " THEN ");
        if (rc == MC_OK)
            rc = expr(g, c->args[i]->case_when->result, kind, depth, out);
    }
    if (rc == MC_OK && c->defresult) {
        mc_buf_lit(out, " ELSE ");
        rc = expr(g, c->defresult, kind, depth, out);
    }
    mc_buf_lit(out, " END)");
    return rc;
}

static mc_code truth(mc__gate *g, const PgQuery__BooleanTest *test, int depth, mc_buf *out)
{
    static const char *const tests[] = {[PG_QUERY__BOOL_TEST_TYPE__IS_TRUE] = " IS TRUE)",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE] = " IS NOT TRUE)",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_FALSE] = " IS FALSE)",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE] = " IS NOT FALSE)",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN] = " IS NULL)",
                                        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN] =
                                            " IS NOT NULL)"};
    size_t kind = (size_t)test->booltesttype;
    mc_code rc;

    if (kind >= MC_LEN(tests) || !tests[kind])
        return mc__gate_refuse(g, "a test of that kind");
    mc_buf_char(out, '(');
    rc = expr(g, test->arg, MC__GATE_PLAIN, depth, out);
    mc_buf_str(out, mc_z(tests[kind]));
    return rc;
}

static mc_code value_function(mc__gate *g, const PgQuery__SQLValueFunction *f, mc_buf *out)
{
    switch (f->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
        mc_buf_lit(out, "now()");
        return MC_OK;
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
        mc_buf_str(out, mc__gate_is_postgres(g) ? MC_STR("CURRENT_DATE")
                                                : MC_STR("substr(now(), 1, 10)"));
        return MC_OK;
    default:
        return mc__gate_refuse(g, "a function of the session");
    }
}

static mc_code expr(mc__gate *g, const PgQuery__Node *node, mc__gate_kind kind, int depth,
                    mc_buf *out)
{
    mc_code rc;

    if (!node || depth > DEPTH_MAX)
        return mc__gate_refuse(g, "an expression nested too deeply");
    depth++;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
        return mc__gate_constant(g, node->a_const, kind, out);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return call(g, node->func_call, depth, out);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        mc_buf_lit(out, "coalesce");
        return arguments(g, node->coalesce_expr->args, node->coalesce_expr->n_args, depth, out);
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return column(g, node->column_ref, out);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return operation(g, node->a_expr, depth, out);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        return boolean(g, node->bool_expr, depth, out);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return cast(g, node->type_cast, kind, depth, out);
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
        return mc__gate_array(g, node->a_array_expr, out);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return case_of(g, node->case_expr, kind, depth, out);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
        return truth(g, node->boolean_test, depth, out);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        return value_function(g, node->sqlvalue_function, out);
    case PG_QUERY__NODE__NODE_NULL_TEST:
        mc_buf_char(out, '(');
        rc = expr(g, node->null_test->arg, MC__GATE_PLAIN, depth, out);
        mc_buf_str(out, node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL
                            ? MC_STR(" IS NULL)")
                            : MC_STR(" IS NOT NULL)"));
        return rc;
    default:
        return mc__gate_refuse(g, "an expression of a kind that is not allowed");
    }
}

mc_code mc__gate_expr(mc__gate *g, const PgQuery__Node *node, mc__gate_kind kind, mc_buf *out)
{
    return expr(g, node, kind, 0, out);
}
