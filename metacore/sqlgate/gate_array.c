/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: PostgreSQL's array columns are JSON here, which models and browsers can read. */
#include "metacore/base/decimal.h"
#include "metacore/base/json.h"
#include "metacore/sqlgate/sqlgate_internal.h"

void mc__gate_write_text(mc_buf *out, mc_str text)
{
    mc_buf_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            mc_buf_char(out, '\'');
        mc_buf_char(out, text.ptr[i]);
    }
    mc_buf_char(out, '\'');
}

/* One element of '{a,"b c"}' onto json; *at stands behind it. */
static bool read_element(mc_str text, size_t *at, mc_buf *json, mc_arena *arena)
{
    bool is_quoted = *at < text.len && text.ptr[*at] == '"';
    mc_buf plain;

    mc_buf_init_arena(&plain, arena, 0);
    *at += is_quoted;
    while (*at < text.len) {
        char c = text.ptr[*at];

        if (is_quoted ? c == '"' : c == ',' || c == '}')
            break;
        if (!is_quoted && (c == '{' || c == '"'))
            return false; /* lists of lists are not kept */
        if (c == '\\' && ++*at == text.len)
            return false;
        mc_buf_char(&plain, text.ptr[(*at)++]);
    }
    if (is_quoted && (*at)++ >= text.len)
        return false;
    if (!is_quoted && mc_buf_get(&plain).len == 0)
        return false;
    if (!is_quoted && mc_str_eq_nocase(mc_buf_get(&plain), MC_STR("NULL")))
        mc_buf_lit(json, "null");
    else
        mc_json_write_str(json, mc_buf_get(&plain));
    return !mc_buf_failed(&plain);
}

mc_code mc__gate_array_text(mc__gate *g, mc_str text, mc_buf *out)
{
    mc_str inner = mc_str_trim(text);
    size_t at = 1;
    mc_buf json;

    mc_buf_init_arena(&json, g->arena, 0);
    mc_buf_char(&json, '[');
    if (inner.len < 2 || inner.ptr[0] != '{' || inner.ptr[inner.len - 1] != '}')
        return mc__gate_refuse(g, "'%.40s' as a list", text.ptr ? text.ptr : "");
    while (at + 1 < inner.len) {
        if (!read_element(inner, &at, &json, g->arena) || at >= inner.len ||
            (inner.ptr[at] != ',' && at + 1 != inner.len))
            return mc__gate_refuse(g, "'%.40s' as a list", text.ptr);
        if (inner.ptr[at] == ',')
            mc_buf_char(&json, ',');
        at++;
    }
    mc_buf_char(&json, ']');
    mc__gate_write_text(out, mc_buf_get(&json));
    return mc_buf_check(&json, "migration", g->err);
}

static mc_code element(mc__gate *g, const PgQuery__Node *node, mc_buf *json)
{
    const PgQuery__AConst *c =
        node->node_case == PG_QUERY__NODE__NODE_A_CONST ? node->a_const : NULL;
    mc_str plain;

    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        return element(g, node->type_cast->arg, json);
    if (!c)
        return mc__gate_refuse(g, "a list of anything but constants");
    if (c->isnull) {
        mc_buf_lit(json, "null");
    } else if (c->val_case == PG_QUERY__A__CONST__VAL_SVAL) {
        mc_json_write_str(json, mc_z(c->sval->sval));
    } else if (c->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        mc_buf_i64(json, c->ival->ival);
    } else if (c->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL) {
        mc_buf_str(json, c->boolval->boolval ? MC_STR("true") : MC_STR("false"));
    } else if (c->val_case == PG_QUERY__A__CONST__VAL_FVAL &&
               mc_decimal_parse(g->arena, mc_z(c->fval->fval), 0, 0, &plain) == MC_DECIMAL_OK) {
        mc_buf_str(json, plain);
    } else {
        return mc__gate_refuse(g, "a list of anything but constants");
    }
    return MC_OK;
}

mc_code mc__gate_array(mc__gate *g, const PgQuery__AArrayExpr *array, mc_buf *out)
{
    mc_code rc = MC_OK;
    mc_buf json;

    mc_buf_init_arena(&json, g->arena, 0);
    mc_buf_char(&json, '[');
    for (size_t i = 0; i < array->n_elements && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_char(&json, ',');
        rc = element(g, array->elements[i], &json);
    }
    mc_buf_char(&json, ']');
    mc__gate_write_text(out, mc_buf_get(&json));
    return rc == MC_OK ? mc_buf_check(&json, "migration", g->err) : rc;
}
