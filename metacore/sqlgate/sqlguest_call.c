/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's statement may call: nothing that reads files, settings or other rows. */
#include "metacore/sqlgate/sqlguest_internal.h"

/* Letters of arguments: t text, i whole number, n number, T time, * anything; of results: those,
 * d decimal, D date, u uuid, and = for what the first argument is. '?' before a letter: optional.
 */
static const struct {
    const char *name, *args, *own;
    char result;
} functions[] = {
    {"lower", "t", "lower", 't'},
    {"upper", "t", "upper", 't'},
    {"length", "t", "length", 'i'},
    {"char_length", "t", "length", 'i'},
    {"character_length", "t", "length", 'i'},
    {"substr", "ti?i", "substr", 't'},
    {"substring", "ti?i", "substr", 't'},
    {"replace", "ttt", "replace", 't'},
    {"btrim", "t?t", "trim", 't'},
    {"trim", "t?t", "trim", 't'},
    {"ltrim", "t?t", "ltrim", 't'},
    {"rtrim", "t?t", "rtrim", 't'},
    {"strpos", "tt", "instr", 'i'},
    {"position", "tt", "instr", 'i'},
    {"round", "n?i", "mc_decimal_round", 'd'},
    {"gen_random_uuid", "", "gen_random_uuid", 'u'},
    {"uuid_generate_v4", "", "gen_random_uuid", 'u'},
};

/* Of many rows one. 's': of a decimal mc_decimal_sum. */
static const struct {
    const char *name, *own;
    char result;
    bool is_windowed; /* may stand before OVER */
} aggregates[] = {
    {"count", "count", 'i', true},
    {"sum", "sum", 's', true},
    {"avg", "mc_decimal_avg", 'd', false},
    {"min", "min", '=', true},
    {"max", "max", '=', true},
    {"bool_and", "min", 'b', true},
    {"bool_or", "max", 'b', true},
    {"every", "min", 'b', true},
    {"string_agg", "group_concat", 't', true},
};

static const char *const windows[] = {"row_number", "rank", "dense_rank"};

bool mc_sqlguest_is_function(mc_str name)
{
    static const char *const others[] = {"coalesce",
                                         "nullif",
                                         "mc_like",
                                         "mc_as",
                                         "mc_decimal_add",
                                         "mc_decimal_sub",
                                         "mc_decimal_mul",
                                         "mc_decimal_div",
                                         "mc_decimal_mod",
                                         "mc_decimal_sum",
                                         "mc_json_get",
                                         "mc_time_add",
                                         "mc_part",
                                         "mc_trunc",
                                         "mc_abs",
                                         "mc_extreme",
                                         "now",
                                         "uuid_generate_v4"};

    for (size_t i = 0; i < MC_LEN(functions); i++) {
        if (mc_str_eq_nocase(name, mc_z(functions[i].own)))
            return true;
    }
    for (size_t i = 0; i < MC_LEN(aggregates); i++) {
        if (mc_str_eq_nocase(name, mc_z(aggregates[i].own)))
            return true;
    }
    for (size_t i = 0; i < MC_LEN(others); i++) {
        if (mc_str_eq_nocase(name, mc_z(others[i])))
            return true;
    }
    for (size_t i = 0; i < MC_LEN(windows); i++) {
        if (mc_str_eq_nocase(name, mc_z(windows[i])))
            return true;
    }
    return false;
}

/* ---- arguments ---- */

static mc_sql_kind kind_of(char letter)
{
    switch (letter) {
    case 't':
        return MC_SQL_TEXT;
    case 'i':
        return MC_SQL_INT;
    case 'n':
    case 'd':
        return MC_SQL_DECIMAL;
    case 'T':
        return MC_SQL_TIME;
    case 'D':
        return MC_SQL_DATE;
    case 'u':
        return MC_SQL_UUID;
    case 'b':
        return MC_SQL_BOOL;
    default:
        return MC_SQL_ANY;
    }
}

static mc_code argument(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                        char letter, const char *name, mc__sql_value *out)
{
    mc_sql_kind wanted = kind_of(letter);
    mc_code rc = mc__sql_expr(q, scope, node, out);

    if (rc == MC_OK)
        rc = mc__sql_settle(q, out, wanted);
    if (rc == MC_OK && wanted != MC_SQL_ANY && out->kind != MC_SQL_ANY && out->kind != wanted)
        return mc__sql_refuse(q, MC_REJECTED, "function %.40s(%s) does not exist", name,
                              mc_sql_kind_name(out->kind));
    return rc;
}

static mc_code plain(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                     size_t at, mc__sql_value *out)
{
    const char *name = functions[at].name, *letters = functions[at].args;
    mc_buf text;
    mc_code rc = MC_OK;
    size_t given = 0;

    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "%s(", functions[at].own);
    for (; *letters && rc == MC_OK; letters++) {
        bool is_optional = *letters == '?';
        mc__sql_value value = {.sql = MC_STR("")};

        letters += is_optional;
        if (given == call->n_args && is_optional)
            continue;
        if (given == call->n_args)
            break;
        rc = argument(q, scope, call->args[given], *letters, name, &value);
        mc_buf_str(&text, given ? MC_STR(", ") : MC_STR(""));
        mc_buf_str(&text, value.sql);
        given++;
    }
    if (rc == MC_OK && (*letters || given != call->n_args))
        rc = mc__sql_refuse(q, MC_REJECTED, "function %.40s of %zu arguments does not exist", name,
                            call->n_args);
    mc_buf_char(&text, ')');
    *out = (mc__sql_value){.kind = kind_of(functions[at].result), .sql = mc_buf_get(&text)};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

/* ---- of times ---- */

static bool text_of(const PgQuery__Node *node, mc_str *out)
{
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST || node->a_const->isnull ||
        node->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
        return false;
    *out = mc_z(node->a_const->sval->sval);
    return true;
}

/* extract(year from t), date_part('year', t), date_trunc('day', t). */
static mc_code part(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                    bool is_trunc, mc__sql_value *out)
{
    static const char *const units[] = {"year",   "month",  "day",  "hour",
                                        "minute", "second", "epoch"};
    mc__sql_value value;
    mc_str unit;
    mc_code rc;

    if (call->n_args != 2 || !text_of(call->args[0], &unit))
        return mc__sql_unknown(q, "a part of a time by anything but a constant's name");
    for (size_t i = 0; i < MC_LEN(units); i++) {
        if (!mc_str_eq(unit, mc_z(units[i])) || (is_trunc && unit.len == 5 && unit.ptr[0] == 'e'))
            continue;
        rc = argument(q, scope, call->args[1], 'T', "extract", &value);
        *out = (mc__sql_value){.kind = is_trunc ? MC_SQL_TIME : MC_SQL_INT,
                               .sql = mc__sql_text(q, "%s('%s', %.*s)",
                                                   is_trunc ? "mc_trunc" : "mc_part", units[i],
                                                   MC_FMT(value.sql))};
        return rc;
    }
    return mc__sql_unknown(q, "that part of a time");
}

static bool is_clock(const char *name, size_t args)
{
    static const char *const clocks[] = {"now", "clock_timestamp", "statement_timestamp",
                                         "transaction_timestamp"};

    for (size_t i = 0; i < MC_LEN(clocks); i++) {
        if (args == 0 && mc_str_eq(mc_z(name), mc_z(clocks[i])))
            return true;
    }
    return false;
}

/* ---- of numbers and texts ---- */

/* abs keeps what it is given. */
static mc_code absolute(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                        mc__sql_value *out)
{
    mc__sql_value value;
    mc_code rc = call->n_args == 1 ? mc__sql_expr(q, scope, call->args[0], &value)
                                   : mc__sql_refuse(q, MC_REJECTED, "abs of one argument");

    if (rc == MC_OK)
        rc = mc__sql_settle(q, &value, value.kind ? value.kind : MC_SQL_DECIMAL);
    if (rc == MC_OK && value.kind != MC_SQL_INT && value.kind != MC_SQL_DECIMAL &&
        value.kind != MC_SQL_ANY)
        rc = mc__sql_refuse(q, MC_REJECTED, "abs of what is no number");
    if (rc == MC_OK) /* the store's own fails on the smallest number */
        *out = (mc__sql_value){.kind = value.kind == MC_SQL_INT ? MC_SQL_INT : MC_SQL_DECIMAL,
                               .sql = mc__sql_text(q, "mc_abs(%.*s)", MC_FMT(value.sql))};
    return rc;
}

/* concat leaves out what is NULL. */
static mc_code concatenation(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                             mc__sql_value *out)
{
    mc_buf text;
    mc_code rc = MC_OK;

    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_lit(&text, "(''");
    for (size_t i = 0; i < call->n_args && rc == MC_OK; i++) {
        mc__sql_value value = {.sql = MC_STR("")};

        rc = mc__sql_expr(q, scope, call->args[i], &value);
        if (rc == MC_OK)
            rc = mc__sql_cast(q, &value, MC_SQL_TEXT);
        mc_buf_printf(&text, " || coalesce(%.*s, '')", MC_FMT(value.sql));
    }
    mc_buf_char(&text, ')');
    *out = (mc__sql_value){.kind = MC_SQL_TEXT, .sql = mc_buf_get(&text)};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

/* ---- of many rows ---- */

static mc_code over(mc__sql *q, const mc__sql_scope *scope, const PgQuery__WindowDef *window,
                    mc_buf *text)
{
    mc_code rc = MC_OK;
    mc_str order;

    if (mc_z(window->name).len || mc_z(window->refname).len || window->start_offset ||
        window->end_offset)
        return mc__sql_unknown(q, "a window with a name or a frame");
    mc_buf_lit(text, " OVER (");
    for (size_t i = 0; i < window->n_partition_clause && rc == MC_OK; i++) {
        mc__sql_value value = {.sql = MC_STR("")};

        rc = mc__sql_expr(q, scope, window->partition_clause[i], &value);
        if (rc == MC_OK)
            rc = mc__sql_settle(q, &value, value.kind);
        mc_buf_printf(text, "%s%.*s%s", i ? ", " : "PARTITION BY ", MC_FMT(value.sql),
                      value.kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "");
    }
    if (rc == MC_OK && window->n_order_clause) {
        rc = mc__sql_order(q, scope, window->order_clause, window->n_order_clause, NULL, false,
                           &order);
        if (rc == MC_OK)
            mc_buf_printf(text, " ORDER BY %.*s", MC_FMT(order));
    }
    mc_buf_char(text, ')');
    return rc;
}

static mc_code window_function(mc__sql *q, const mc__sql_scope *scope,
                               const PgQuery__FuncCall *call, const char *name, mc__sql_value *out)
{
    mc_buf text;
    mc_code rc;

    if (!call->over || call->n_args || call->agg_filter)
        return mc__sql_refuse(q, MC_REJECTED, "window function %.40s requires OVER", name);
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "%s()", name);
    rc = over(q, scope, call->over, &text);
    *out = (mc__sql_value){.kind = MC_SQL_INT, .sql = mc_buf_get(&text)};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

/* The aggregate's name and kind, which for sums depend on what is summed. */
static const char *shape(size_t at, const mc__sql_value *value, mc_sql_kind *kind)
{
    *kind = kind_of(aggregates[at].result);
    if (aggregates[at].result == '=')
        *kind = value->kind;
    if (aggregates[at].result != 's')
        return aggregates[at].own;
    *kind = value->kind == MC_SQL_INT ? MC_SQL_INT : MC_SQL_DECIMAL;
    return value->kind == MC_SQL_INT ? "sum" : "mc_decimal_sum";
}

static mc_code check_aggregate(mc__sql *q, const PgQuery__FuncCall *call, size_t at)
{
    size_t wanted = aggregates[at].result == 't' ? 2 : 1;
    bool is_star = call->agg_star && mc_str_eq(mc_z(aggregates[at].name), MC_STR("count"));

    if (q->is_returning)
        return mc__sql_refuse(q, MC_REJECTED, "aggregate functions are not allowed in RETURNING");
    if (call->n_agg_order || call->agg_within_group || call->func_variadic)
        return mc__sql_unknown(q, "an aggregate with an order");
    if (call->over && !aggregates[at].is_windowed)
        return mc__sql_unknown(q, "that aggregate with OVER");
    if (call->n_args != (is_star ? 0 : wanted))
        return mc__sql_refuse(q, MC_REJECTED, "function %.40s of %zu arguments does not exist",
                              aggregates[at].name, call->n_args);
    if (call->agg_distinct && wanted == 2)
        return mc__sql_unknown(q, "string_agg(DISTINCT …)");
    return MC_OK;
}

static mc_code aggregate(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                         size_t at, mc__sql_value *out)
{
    mc__sql_value value = {.sql = MC_STR("*"), .kind = MC_SQL_INT}, separator = {.sql = MC_STR("")};
    mc_sql_kind kind = MC_SQL_ANY;
    const char *own;
    mc_str filter = MC_STR("");
    mc_buf text;
    mc_code rc = check_aggregate(q, call, at);

    if (rc == MC_OK && call->n_args)
        rc = mc__sql_expr(q, scope, call->args[0], &value);
    if (rc == MC_OK && aggregates[at].result == 't')
        rc = mc__sql_cast(q, &value, MC_SQL_TEXT);
    else if (rc == MC_OK)
        rc = mc__sql_settle(q, &value, value.kind);
    if (rc == MC_OK && call->n_args == 2)
        rc = argument(q, scope, call->args[1], 't', aggregates[at].name, &separator);
    if (rc == MC_OK && call->agg_filter)
        rc = mc__sql_truth(q, scope, call->agg_filter, &filter);
    if (rc != MC_OK)
        return rc;
    own = shape(at, &value, &kind);
    if (strchr("sd", aggregates[at].result) && value.kind != MC_SQL_INT &&
        value.kind != MC_SQL_DECIMAL && value.kind != MC_SQL_ANY)
        return mc__sql_refuse(q, MC_REJECTED, "function %.40s(%s) does not exist",
                              aggregates[at].name, mc_sql_kind_name(value.kind));
    if (call->over && mc_str_eq(mc_z(own), MC_STR("mc_decimal_sum")))
        return mc__sql_unknown(q, "a sum of decimals with OVER");
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "%s(%s%.*s%s%s%.*s)", own, call->agg_distinct ? "DISTINCT " : "",
                  MC_FMT(value.sql), value.kind == MC_SQL_DECIMAL ? " COLLATE mc_decimal" : "",
                  call->n_args == 2 ? ", " : "", MC_FMT(separator.sql));
    if (filter.len)
        mc_buf_printf(&text, " FILTER (WHERE %.*s)", MC_FMT(filter));
    if (call->over)
        rc = over(q, scope, call->over, &text);
    *out = (mc__sql_value){.kind = kind, .sql = mc_buf_get(&text)};
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

/* ---- which it is ---- */

static mc_code check_plain(mc__sql *q, const PgQuery__FuncCall *call, const char *name)
{
    if (call->over || call->agg_filter || call->n_agg_order || call->agg_distinct ||
        call->agg_star || call->agg_within_group || call->func_variadic)
        return mc__sql_refuse(q, MC_REJECTED, "%.40s is no aggregate function", name);
    return MC_OK;
}

mc_code mc__sql_call(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                     mc__sql_value *out)
{
    const char *name = call->n_funcname ? call->funcname[call->n_funcname - 1]->string->sval : "";
    bool is_own = call->n_funcname == 1 ||
                  (call->n_funcname == 2 &&
                   mc_str_eq(mc_z(call->funcname[0]->string->sval), MC_STR("pg_catalog")));
    mc_str word = mc_z(name);
    mc_code rc;

    for (size_t i = 0; is_own && i < MC_LEN(aggregates); i++) {
        if (mc_str_eq(word, mc_z(aggregates[i].name)))
            return aggregate(q, scope, call, i, out);
    }
    for (size_t i = 0; is_own && i < MC_LEN(windows); i++) {
        if (mc_str_eq(word, mc_z(windows[i])))
            return window_function(q, scope, call, windows[i], out);
    }
    if (mc_str_starts_with(word, MC_STR("pg_")))
        return mc__sql_refuse(q, MC_INVALID, "introspection schemas are disabled");
    if (!is_own)
        return mc__sql_refuse(q, MC_FORBIDDEN, "the function %.40s is not allowed", name);
    rc = check_plain(q, call, name);
    if (rc != MC_OK)
        return rc;
    if (is_clock(name, call->n_args)) {
        *out =
            (mc__sql_value){.kind = MC_SQL_TIME,
                            .sql = mc__sql_text(q, "$%u", mc__sql_own_param(q, MC_SQLGUEST_NOW))};
        return MC_OK;
    }
    if (mc_str_eq(word, MC_STR("extract")) || mc_str_eq(word, MC_STR("date_part")) ||
        mc_str_eq(word, MC_STR("date_trunc")))
        return part(q, scope, call, mc_str_eq(word, MC_STR("date_trunc")), out);
    if (mc_str_eq(word, MC_STR("abs")))
        return absolute(q, scope, call, out);
    if (mc_str_eq(word, MC_STR("concat")))
        return concatenation(q, scope, call, out);
    for (size_t i = 0; i < MC_LEN(functions); i++) {
        if (mc_str_eq(word, mc_z(functions[i].name)))
            return plain(q, scope, call, i, out);
    }
    return mc__sql_refuse(q, MC_FORBIDDEN, "the function %.40s is not allowed", name);
}
