/* SPDX-License-Identifier: Apache-2.0 */
/* What a value is, and how it becomes something else. */
#include "metacore/base/time.h"
#include "metacore/sqlgate/sqlguest_internal.h"

static mc__gate_kind gate_kind(mc_sql_kind kind)
{
    switch (kind) {
    case MC_SQL_BOOL:
        return MC__GATE_BOOL;
    case MC_SQL_DECIMAL:
        return MC__GATE_DECIMAL;
    case MC_SQL_TIME:
        return MC__GATE_TIME;
    case MC_SQL_UUID:
        return MC__GATE_UUID;
    case MC_SQL_JSON:
        return MC__GATE_JSON;
    default:
        return MC__GATE_PLAIN;
    }
}

/* ---- parameters ---- */

static mc_code parameter(mc__sql *q, int32_t number, mc_sql_kind kind, mc__sql_value *value)
{
    mc_sql_kind *known;

    if (number < 1 || number > MC_SQLGUEST_ARGS_MAX)
        return mc__sql_refuse(q, MC_INVALID, "parameters are $1 to $%d", MC_SQLGUEST_ARGS_MAX);
    known = &q->out->params[number - 1];
    if (*known == MC_SQL_ANY)
        *known = kind;
    if ((size_t)number > q->out->param_count)
        q->out->param_count = (size_t)number;
    value->kind = *known;
    value->sql = mc__sql_text(q, "$%d", number);
    value->open = NULL;
    return MC_OK;
}

/* ---- constants ---- */

static bool is_text(const PgQuery__AConst *c)
{
    return !c->isnull && c->val_case == PG_QUERY__A__CONST__VAL_SVAL;
}

static mc_code date_constant(mc__sql *q, mc_str text, mc__sql_value *value)
{
    char canonical[MC_DATE_TEXT_LEN];
    mc_time time;

    if (!mc_date_parse(mc_str_trim(text), &time) && !mc_time_parse(mc_str_trim(text), &time))
        return mc__sql_refuse(q, MC_REJECTED, "invalid input syntax for type date: \"%.60s\"",
                              text.ptr);
    mc_date_format(time, canonical);
    value->sql = mc__sql_text(q, "'%.*s'", MC_DATE_TEXT_LEN, canonical);
    return MC_OK;
}

static mc_code int_constant(mc__sql *q, mc_str text, mc__sql_value *value)
{
    int64_t number;

    if (!mc_str_i64(mc_str_trim(text), INT64_MIN, INT64_MAX, &number))
        return mc__sql_refuse(q, MC_REJECTED, "invalid input syntax for type bigint: \"%.60s\"",
                              text.ptr);
    value->sql = mc__sql_text(q, "%lld", (long long)number);
    return MC_OK;
}

static mc_code constant(mc__sql *q, const PgQuery__AConst *c, mc_sql_kind kind,
                        mc__sql_value *value)
{
    mc_buf text;
    mc_code rc;

    if (c->isnull) {
        value->sql = MC_STR("NULL");
        value->kind = kind;
        return MC_OK;
    }
    if (!is_text(c)) { /* a number or a truth says what it is; numbers can be exact ones */
        if (value->kind != MC_SQL_INT || kind != MC_SQL_DECIMAL)
            return MC_OK;
    } else if (kind == MC_SQL_ANY) {
        kind = MC_SQL_TEXT;
    }
    value->kind = kind;
    if (is_text(c) && kind == MC_SQL_DATE)
        return date_constant(q, mc_z(c->sval->sval), value);
    if (is_text(c) && kind == MC_SQL_INT)
        return int_constant(q, mc_z(c->sval->sval), value);
    if (is_text(c) && kind == MC_SQL_BYTES)
        return mc__sql_unknown(q, "a constant of bytes");
    mc_buf_init_arena(&text, q->arena, 0);
    rc = mc__gate_constant(&q->gate, c, gate_kind(kind), &text);
    value->sql = mc_buf_get(&text);
    return rc == MC_OK ? mc_buf_check(&text, "statement", q->err) : rc;
}

mc_code mc__sql_settle(mc__sql *q, mc__sql_value *value, mc_sql_kind kind)
{
    const PgQuery__Node *open = value->open;
    mc_code rc;

    if (open) {
        value->open = NULL;
        rc = open->node_case == PG_QUERY__NODE__NODE_PARAM_REF
                 ? parameter(q, open->param_ref->number, kind, value)
                 : constant(q, open->a_const, kind, value);
        if (rc != MC_OK)
            return rc;
    }
    if (kind == MC_SQL_DECIMAL && value->kind == MC_SQL_INT) {
        value->sql = mc__sql_text(q, "CAST(%.*s AS TEXT)", MC_FMT(value->sql));
        value->kind = kind;
    } else if (kind == MC_SQL_TIME && value->kind == MC_SQL_DATE) {
        value->sql = mc__sql_text(q, "mc_as('time', %.*s)", MC_FMT(value->sql));
        value->kind = kind;
    }
    return MC_OK;
}

/* ---- casts ---- */

static mc_code no_cast(mc__sql *q, mc_sql_kind from, mc_sql_kind to)
{
    return mc__sql_refuse(q, MC_REJECTED, "cannot cast type %s to %s",
                          from ? mc_sql_kind_name(from) : "unknown",
                          to ? mc_sql_kind_name(to) : "unknown");
}

static const char *checked_name(mc_sql_kind kind)
{
    static const char *const names[] = {
        [MC_SQL_DECIMAL] = "decimal", [MC_SQL_INT] = "int",   [MC_SQL_BOOL] = "bool",
        [MC_SQL_UUID] = "uuid",       [MC_SQL_TIME] = "time", [MC_SQL_DATE] = "date",
        [MC_SQL_JSON] = "json",       [MC_SQL_BYTES] = NULL};

    return names[kind];
}

static bool is_castable(mc_sql_kind from, mc_sql_kind to)
{
    if (from == MC_SQL_ANY || from == MC_SQL_TEXT)
        return checked_name(to) != NULL;
    if (from == MC_SQL_BYTES)
        return false;
    switch (to) {
    case MC_SQL_DECIMAL:
    case MC_SQL_INT:
        return from == MC_SQL_INT || from == MC_SQL_DECIMAL || from == MC_SQL_BOOL;
    case MC_SQL_BOOL:
        return from == MC_SQL_INT;
    case MC_SQL_TIME:
    case MC_SQL_DATE:
        return from == MC_SQL_TIME || from == MC_SQL_DATE;
    default:
        return false;
    }
}

mc_code mc__sql_cast(mc__sql *q, mc__sql_value *value, mc_sql_kind kind)
{
    mc_code rc = value->open ? mc__sql_settle(q, value, kind) : MC_OK;

    if (rc != MC_OK || value->kind == kind || kind == MC_SQL_ANY)
        return rc;
    if (kind == MC_SQL_TEXT && value->kind != MC_SQL_BYTES) {
        value->sql = value->kind == MC_SQL_BOOL
                         ? mc__sql_text(q,
                                        "(CASE WHEN %.*s THEN 'true' ELSE CASE WHEN %.*s IS NULL "
                                        "THEN NULL ELSE 'false' END END)",
                                        MC_FMT(value->sql), MC_FMT(value->sql))
                         : mc__sql_text(q, "CAST(%.*s AS TEXT)", MC_FMT(value->sql));
    } else if (is_castable(value->kind, kind)) {
        value->sql = mc__sql_text(q, "mc_as('%s', %.*s)", checked_name(kind), MC_FMT(value->sql));
    } else {
        return no_cast(q, value->kind, kind);
    }
    value->kind = kind;
    return MC_OK;
}

mc_code mc__sql_assign(mc__sql *q, mc__sql_value *value, mc_str column, mc_sql_kind kind)
{
    mc_sql_kind from;
    mc_code rc = mc__sql_settle(q, value, kind);

    from = value->kind;
    if (rc != MC_OK || kind == MC_SQL_ANY)
        return rc;
    if (kind == MC_SQL_DECIMAL && (from == kind || from == MC_SQL_ANY)) {
        value->sql = mc__sql_text(q, "mc_decimal_round(%.*s, 4)", MC_FMT(value->sql));
        return MC_OK;
    }
    if (from == kind || (from == MC_SQL_ANY && mc_str_eq(value->sql, MC_STR("NULL"))))
        return MC_OK;
    if (from == MC_SQL_ANY || kind == MC_SQL_TEXT ||
        (kind == MC_SQL_INT && from == MC_SQL_DECIMAL) ||
        (kind == MC_SQL_DATE && from == MC_SQL_TIME))
        return mc__sql_cast(q, value, kind);
    return mc__sql_refuse(q, MC_REJECTED,
                          "column \"%.*s\" is of type %s but expression is of type %s",
                          MC_FMT(column), mc_sql_kind_name(kind), mc_sql_kind_name(from));
}

/* ---- two of one kind ---- */

static bool are_like(mc_sql_kind a, mc_sql_kind b)
{
    return a == b || a == MC_SQL_ANY || b == MC_SQL_ANY;
}

mc_code mc__sql_unify(mc__sql *q, mc__sql_value *a, mc__sql_value *b)
{
    mc_sql_kind kind =
        a->kind == MC_SQL_ANY || (a->open && !b->open && b->kind) ? b->kind : a->kind;
    mc_code rc;

    if (a->kind == MC_SQL_DECIMAL || b->kind == MC_SQL_DECIMAL)
        kind = MC_SQL_DECIMAL;
    else if (a->kind == MC_SQL_TIME || b->kind == MC_SQL_TIME)
        kind = MC_SQL_TIME;
    rc = mc__sql_settle(q, a, kind);
    if (rc == MC_OK)
        rc = mc__sql_settle(q, b, kind);
    if (rc != MC_OK)
        return rc;
    if (a->kind == MC_SQL_ANY && b->kind == MC_SQL_DECIMAL)
        a->kind = MC_SQL_DECIMAL;
    if (!are_like(a->kind, b->kind))
        return mc__sql_refuse(q, MC_REJECTED, "operator does not exist: %s and %s",
                              mc_sql_kind_name(a->kind), mc_sql_kind_name(b->kind));
    return MC_OK;
}

/* ---- names of types ---- */

static const struct {
    const char *name;
    mc_sql_kind kind;
} types[] = {
    {"bool", MC_SQL_BOOL},      {"int2", MC_SQL_INT},        {"int4", MC_SQL_INT},
    {"int8", MC_SQL_INT},       {"numeric", MC_SQL_DECIMAL}, {"float4", MC_SQL_DECIMAL},
    {"float8", MC_SQL_DECIMAL}, {"text", MC_SQL_TEXT},       {"varchar", MC_SQL_TEXT},
    {"bpchar", MC_SQL_TEXT},    {"uuid", MC_SQL_UUID},       {"timestamptz", MC_SQL_TIME},
    {"timestamp", MC_SQL_TIME}, {"date", MC_SQL_DATE},       {"json", MC_SQL_JSON},
    {"jsonb", MC_SQL_JSON},
};

mc_code mc__sql_type(mc__sql *q, const PgQuery__TypeName *name, mc_sql_kind *out)
{
    bool is_plain =
        name && !name->setof && !name->pct_type && name->n_array_bounds == 0 &&
        (name->n_names == 1 || (name->n_names == 2 && mc_str_eq(mc_z(name->names[0]->string->sval),
                                                                MC_STR("pg_catalog"))));

    for (size_t i = 0; is_plain && i < MC_LEN(types); i++) {
        if (mc_str_eq(mc_z(name->names[name->n_names - 1]->string->sval), mc_z(types[i].name))) {
            *out = types[i].kind;
            return MC_OK;
        }
    }
    return mc__sql_refuse(q, MC_INVALID, "a type of that name is not provided");
}
