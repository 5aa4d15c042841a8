/* SPDX-License-Identifier: Apache-2.0 */
/* INSERT, UPDATE and DELETE, of one organization's rows. */
#include "metacore/sqlgate/sqlguest_internal.h"

#define COLUMNS_MAX 260

/* A change that is being written. */
typedef struct change {
    mc_sqlguest_relation target;
    mc__sql_scope scope; /* the target, then what it is joined with */
    mc__sql_source *source;
    mc_str with;
    const mc__sql_cte *ctes;
} change;

static const mc__sql_scope nowhere = {0};

static mc_code open_change(mc__sql *q, change *c, const PgQuery__RangeVar *var,
                           const PgQuery__WithClause *with, mc_sqlguest_verb verb)
{
    mc__sql_column *columns = NULL;
    mc_code rc = mc__sql_with(q, &nowhere, with, &c->ctes, &c->with);

    if (rc == MC_OK)
        rc = mc__sql_find_relation(q, var, true, &c->target);
    if (rc == MC_OK)
        rc = mc__sql_relation_columns(q, &c->target, &columns);
    if (rc != MC_OK)
        return rc;
    c->scope.ctes = c->ctes;
    q->out->verb = verb;
    q->out->target = c->target;
    return mc__sql_add_source(
        q, &c->scope,
        mc__sql_keep(
            q, mc_str_copy(q->arena, mc_z(var->alias ? var->alias->aliasname : var->relname))),
        mc__sql_new_name(q), columns, c->target.column_count, &c->source);
}

static bool is_one_of(mc_str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(name, mc_z(names[i])))
            return true;
    }
    return false;
}

static mc_code target_column(mc__sql *q, const change *c, const PgQuery__Node *node,
                             const mc__sql_column **out)
{
    const PgQuery__ResTarget *target = node->res_target;

    if (node->node_case != PG_QUERY__NODE__NODE_RES_TARGET || target->n_indirection)
        return mc__sql_unknown(q, "a change of a part of a column");
    *out = mc__sql_find_column(c->source, mc_z(target->name));
    if (!*out)
        return mc__sql_refuse(q, MC_NOT_FOUND, "column \"%.60s\" does not exist",
                              target->name ? target->name : "");
    return MC_OK;
}

/* ---- RETURNING ---- */

static mc_code returning(mc__sql *q, change *c, PgQuery__Node **items, size_t count, mc_buf *text)
{
    mc__sql_scope alone = {0};
    mc__sql_source *source;
    mc__sql_result result = {.sql = MC_STR("")};
    mc_sqlguest_column *columns;
    mc_code rc = mc__sql_add_source(q, &alone, c->source->name, MC_STR(""), c->source->columns,
                                    c->source->count, &source);

    q->is_returning = true;
    if (rc == MC_OK && count)
        rc = mc__sql_targets(q, &alone, items, count, NULL, 0, &result);
    q->is_returning = false;
    columns = mc_arena_array(q->arena, mc_sqlguest_column, result.count + 1);
    if (rc == MC_OK && !columns)
        rc = mc_fail(q->err, MC_NO_MEMORY, "statement");
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < result.count; i++)
        columns[i] = (mc_sqlguest_column){result.columns[i].name, result.columns[i].kind,
                                          result.columns[i].type};
    q->out->columns = columns;
    q->out->column_count = result.count;
    q->out->has_id = c->target.is_model;
    if (result.count || q->out->has_id)
        mc_buf_lit(text, " RETURNING ");
    mc_buf_str(text, result.sql);
    if (q->out->has_id)
        mc_buf_str(text, result.count ? MC_STR(", \"id\"") : MC_STR("\"id\""));
    return MC_OK;
}

static mc_code finish(mc__sql *q, change *c, PgQuery__Node **items, size_t count, mc_buf *text)
{
    mc_code rc = returning(q, c, items, count, text);

    q->out->sql = mc_buf_get(text);
    return rc == MC_OK ? mc_buf_check(text, "statement", q->err) : rc;
}

/* ---- SET ---- */

static mc_code assignments(mc__sql *q, change *c, const mc__sql_scope *scope, PgQuery__Node **items,
                           size_t count, mc_buf *text)
{
    static const char *const fixed[] = {"id", "organization_id", "created_by_id"};
    bool stamps = c->target.is_model;
    mc_str *fields = mc_arena_array(q->arena, mc_str, count + 1);
    mc_code rc = fields ? MC_OK : mc_fail(q->err, MC_NO_MEMORY, "statement");

    q->out->fields = (mc_strs){fields, count};
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        const mc__sql_column *column = NULL;
        mc__sql_value value = {.sql = MC_STR("")};

        rc = target_column(q, c, items[i], &column);
        if (rc == MC_OK && is_one_of(column->name, fixed, MC_LEN(fixed)))
            rc = mc__sql_refuse(q, MC_FORBIDDEN, "UPDATE of %.*s, which says whose a row is",
                                MC_FMT(column->name));
        if (rc == MC_OK)
            rc = mc__sql_expr(q, scope, items[i]->res_target->val, &value);
        if (rc == MC_OK)
            rc = mc__sql_assign(q, &value, column->name, column->kind);
        if (rc != MC_OK)
            return rc;
        fields[i] = column->name;
        stamps = stamps && !mc_str_eq(column->name, MC_STR("updated_at"));
        mc_buf_printf(text, "%s%.*s = %.*s", i ? ", " : "", MC_FMT(column->own), MC_FMT(value.sql));
    }
    if (stamps)
        mc_buf_printf(text, ", \"updated_at\" = $%u", mc__sql_own_param(q, MC_SQLGUEST_NOW));
    return rc;
}

/* ---- UPDATE, DELETE ---- */

mc_code mc__sql_update(mc__sql *q, const PgQuery__UpdateStmt *stmt)
{
    change c = {.with = MC_STR("")};
    mc_str from = MC_STR(""), where = MC_STR("");
    mc_buf text;
    mc_code rc = open_change(q, &c, stmt->relation, stmt->with_clause, MC_SQLGUEST_UPDATE);

    if (rc == MC_OK)
        rc = mc__sql_from(q, &c.scope, stmt->from_clause, stmt->n_from_clause, &from);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "%.*sUPDATE %.*s AS %.*s SET ", MC_FMT(c.with), MC_FMT(c.target.physical),
                  MC_FMT(c.source->alias));
    rc = assignments(q, &c, &c.scope, stmt->target_list, stmt->n_target_list, &text);
    if (rc == MC_OK)
        rc = mc__sql_condition(q, &c.scope, stmt->where_clause, " AND ", &where);
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(&text, "%s%.*s WHERE %.*s%.*s", from.len ? " FROM " : "", MC_FMT(from),
                  MC_FMT(mc__sql_org_condition(q, &c.target, c.source->alias)), MC_FMT(where));
    return finish(q, &c, stmt->returning_list, stmt->n_returning_list, &text);
}

mc_code mc__sql_delete(mc__sql *q, const PgQuery__DeleteStmt *stmt)
{
    change c = {.with = MC_STR("")};
    mc__sql_scope inner;
    mc_str from = MC_STR(""), where = MC_STR("");
    mc_buf text;
    mc_code rc = open_change(q, &c, stmt->relation, stmt->with_clause, MC_SQLGUEST_DELETE);

    if (rc != MC_OK)
        return rc;
    inner = (mc__sql_scope){.outer = &c.scope, .ctes = c.ctes};
    rc = mc__sql_from(q, &inner, stmt->using_clause, stmt->n_using_clause, &from);
    if (rc == MC_OK)
        rc = mc__sql_condition(q, from.len ? &inner : &c.scope, stmt->where_clause,
                               from.len ? " WHERE " : " AND ", &where);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "%.*sDELETE FROM %.*s AS %.*s WHERE %.*s", MC_FMT(c.with),
                  MC_FMT(c.target.physical), MC_FMT(c.source->alias),
                  MC_FMT(mc__sql_org_condition(q, &c.target, c.source->alias)));
    if (from.len)
        mc_buf_printf(&text, " AND EXISTS (SELECT 1 FROM %.*s%.*s)", MC_FMT(from), MC_FMT(where));
    else
        mc_buf_str(&text, where);
    return finish(q, &c, stmt->returning_list, stmt->n_returning_list, &text);
}

/* ---- INSERT ---- */

typedef struct stamp {
    const char *column;
    mc_str value;
} stamp;

typedef struct insertion {
    const mc__sql_column *columns[COLUMNS_MAX];
    mc_sql_kind kinds[COLUMNS_MAX];
    size_t count;
    size_t org_at; /* where the author names the organization; SIZE_MAX: not */
    stamp stamps[5];
    size_t stamp_count;
} insertion;

static bool names_column(const insertion *in, mc_str name)
{
    for (size_t i = 0; i < in->count; i++) {
        if (mc_str_eq(in->columns[i]->name, name))
            return true;
    }
    return false;
}

static mc_code insert_columns(mc__sql *q, const change *c, const PgQuery__InsertStmt *stmt,
                              insertion *in)
{
    mc_code rc = MC_OK;

    in->org_at = SIZE_MAX;
    if (stmt->n_cols == 0 || stmt->n_cols > MC_LEN(in->columns))
        return mc__sql_unknown(q, "INSERT without the names of its columns");
    for (size_t i = 0; i < stmt->n_cols && rc == MC_OK; i++) {
        rc = target_column(q, c, stmt->cols[i], &in->columns[i]);
        if (rc != MC_OK)
            return rc;
        if (names_column(in, in->columns[i]->name))
            return mc__sql_refuse(q, MC_REJECTED, "column \"%.*s\" specified more than once",
                                  MC_FMT(in->columns[i]->name));
        if (c->target.is_model && mc_str_eq(in->columns[i]->name, MC_STR("created_by_id")))
            return mc__sql_refuse(q, MC_FORBIDDEN, "created_by_id is who asks");
        in->count = i + 1;
        in->kinds[i] = in->columns[i]->kind;
        if (mc_str_eq(in->columns[i]->name, MC_STR("organization_id")))
            in->org_at = i;
    }
    return rc;
}

static void add_stamp(mc__sql *q, const change *c, insertion *in, const char *column, mc_str value)
{
    (void)q;
    if (mc__sql_find_column(c->source, mc_z(column)) && !names_column(in, mc_z(column)))
        in->stamps[in->stamp_count++] = (stamp){column, value};
}

static void add_stamps(mc__sql *q, const change *c, insertion *in)
{
    add_stamp(q, c, in, "organization_id",
              mc__sql_text(q, "$%u", mc__sql_own_param(q, MC_SQLGUEST_ORG)));
    if (!c->target.is_model)
        return;
    add_stamp(q, c, in, "id", MC_STR("gen_random_uuid()"));
    add_stamp(q, c, in, "created_at",
              mc__sql_text(q, "$%u", mc__sql_own_param(q, MC_SQLGUEST_NOW)));
    add_stamp(q, c, in, "updated_at",
              mc__sql_text(q, "$%u", mc__sql_own_param(q, MC_SQLGUEST_NOW)));
    add_stamp(q, c, in, "created_by_id",
              mc__sql_text(q, "$%u", mc__sql_own_param(q, MC_SQLGUEST_USER)));
}

/* What an author says whose the row is has to be right; what is no constant is not looked at. */
static mc_code check_org(mc__sql *q, const PgQuery__Node *node)
{
    mc__sql_value ignored;
    mc_uuid id;

    while (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        node = node->type_cast->arg;
    if (node->node_case == PG_QUERY__NODE__NODE_PARAM_REF) {
        mc_code rc = mc__sql_expr(q, &nowhere, node, &ignored);

        if (rc == MC_OK)
            rc = mc__sql_settle(q, &ignored, MC_SQL_UUID);
        if (rc == MC_OK)
            q->out->org_params |= UINT64_C(1) << (node->param_ref->number - 1);
        return rc;
    }
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST &&
        (node->a_const->isnull || node->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL ||
         !mc_uuid_parse(mc_z(node->a_const->sval->sval), &id) ||
         memcmp(&id, &q->config->org_id, sizeof(id)) != 0))
        return mc__sql_refuse(q, MC_FORBIDDEN, "organization_id is not the invocation's");
    return MC_OK;
}

static mc_code values_row(mc__sql *q, const insertion *in, const mc__sql_scope *scope,
                          const PgQuery__Node *row, mc_buf *text)
{
    mc_code rc = MC_OK;

    if (row->node_case != PG_QUERY__NODE__NODE_LIST || row->list->n_items != in->count)
        return mc__sql_refuse(q, MC_REJECTED, "INSERT has not as many expressions as columns");
    mc_buf_char(text, '(');
    for (size_t i = 0; i < in->count && rc == MC_OK; i++) {
        mc__sql_value value = {.sql = MC_STR("")};

        mc_buf_str(text, i ? MC_STR(", ") : MC_STR(""));
        if (i == in->org_at) {
            rc = check_org(q, row->list->items[i]);
            mc_buf_printf(text, "$%u", mc__sql_own_param(q, MC_SQLGUEST_ORG));
            continue;
        }
        rc = mc__sql_expr(q, scope, row->list->items[i], &value);
        if (rc == MC_OK)
            rc = mc__sql_assign(q, &value, in->columns[i]->name, in->columns[i]->kind);
        mc_buf_str(text, value.sql);
    }
    for (size_t i = 0; i < in->stamp_count; i++)
        mc_buf_printf(text, ", %.*s", MC_FMT(in->stamps[i].value));
    mc_buf_char(text, ')');
    return rc;
}

static mc_code from_select(mc__sql *q, const insertion *in, const mc__sql_scope *scope,
                           const PgQuery__SelectStmt *select, mc_buf *text)
{
    mc__sql_result result;
    mc_str alias = mc__sql_new_name(q);
    mc_code rc = mc__sql_select(q, select, scope, in->kinds, in->count, &result);

    if (rc == MC_OK && result.count != in->count)
        rc = mc__sql_refuse(q, MC_REJECTED, "INSERT has not as many expressions as columns");
    mc_buf_lit(text, " SELECT ");
    for (size_t i = 0; i < in->count && rc == MC_OK; i++) {
        mc__sql_value value = {
            .kind = result.columns[i].kind,
            .sql = mc__sql_text(q, "%.*s.%.*s", MC_FMT(alias), MC_FMT(result.columns[i].own))};

        if (i == in->org_at)
            value.sql = mc__sql_text(q, "$%u", mc__sql_own_param(q, MC_SQLGUEST_ORG));
        else
            rc = mc__sql_assign(q, &value, in->columns[i]->name, in->columns[i]->kind);
        mc_buf_str(text, i ? MC_STR(", ") : MC_STR(""));
        mc_buf_str(text, value.sql);
    }
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < in->stamp_count; i++)
        mc_buf_printf(text, ", %.*s", MC_FMT(in->stamps[i].value));
    /* Without a WHERE the store would read ON CONFLICT as a join's. */
    mc_buf_printf(text, " FROM (%.*s) AS %.*s WHERE 1", MC_FMT(result.sql), MC_FMT(alias));
    return MC_OK;
}

static mc_code insert_rows(mc__sql *q, const change *c, const insertion *in,
                           const PgQuery__SelectStmt *select, mc_buf *text)
{
    mc__sql_scope scope = {.ctes = c->ctes};
    bool is_list = select->n_values_lists && !select->n_sort_clause && !select->limit_count &&
                   !select->limit_offset && !select->with_clause;
    mc_code rc = MC_OK;

    if (!is_list)
        return from_select(q, in, &scope, select, text);
    for (size_t i = 0; i < select->n_values_lists && rc == MC_OK; i++) {
        mc_buf_str(text, i ? MC_STR(", ") : MC_STR(" VALUES "));
        rc = values_row(q, in, &scope, select->values_lists[i], text);
    }
    return rc;
}

/* The row that is in the way may be another organization's, by its id: it is left alone. */
static mc_code on_conflict(mc__sql *q, change *c, const PgQuery__OnConflictClause *conflict,
                           mc_buf *text)
{
    mc_str where = MC_STR("");
    mc_code rc;

    if (conflict->action == PG_QUERY__ON_CONFLICT_ACTION__ONCONFLICT_NOTHING) {
        mc_buf_lit(text, " ON CONFLICT DO NOTHING");
        return MC_OK;
    }
    rc = mc__sql_add_source(q, &c->scope, MC_STR("excluded"), MC_STR("excluded"),
                            c->source->columns, c->source->count, NULL);
    mc_buf_lit(text, " ON CONFLICT DO UPDATE SET ");
    q->out->is_upsert = true;
    if (rc == MC_OK)
        rc = assignments(q, c, &c->scope, conflict->target_list, conflict->n_target_list, text);
    if (rc == MC_OK)
        rc = mc__sql_condition(q, &c->scope, conflict->where_clause, " AND ", &where);
    if (rc == MC_OK)
        mc_buf_printf(text, " WHERE %.*s%.*s",
                      MC_FMT(mc__sql_org_condition(q, &c->target, c->source->alias)),
                      MC_FMT(where));
    return rc;
}

mc_code mc__sql_insert(mc__sql *q, const PgQuery__InsertStmt *stmt)
{
    insertion *in = mc_arena_object(q->arena, insertion);
    change c = {.with = MC_STR("")};
    mc_buf text;
    mc_code rc = in ? open_change(q, &c, stmt->relation, stmt->with_clause, MC_SQLGUEST_INSERT)
                    : mc_fail(q->err, MC_NO_MEMORY, "statement");

    if (rc == MC_OK)
        rc = insert_columns(q, &c, stmt, in);
    if (rc == MC_OK &&
        (!stmt->select_stmt || stmt->select_stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT))
        rc = mc__sql_unknown(q, "INSERT of DEFAULT VALUES");
    if (rc != MC_OK)
        return rc;
    add_stamps(q, &c, in);
    mc_buf_init_arena(&text, q->arena, 0);
    mc_buf_printf(&text, "%.*sINSERT INTO %.*s AS %.*s (", MC_FMT(c.with),
                  MC_FMT(c.target.physical), MC_FMT(c.source->alias));
    for (size_t i = 0; i < in->count; i++)
        mc_buf_printf(&text, "%s%.*s", i ? ", " : "", MC_FMT(in->columns[i]->own));
    for (size_t i = 0; i < in->stamp_count; i++)
        mc_buf_printf(&text, ", \"%s\"", in->stamps[i].column);
    mc_buf_char(&text, ')');
    rc = insert_rows(q, &c, in, stmt->select_stmt->select_stmt, &text);
    if (rc == MC_OK && stmt->on_conflict_clause)
        rc = on_conflict(q, &c, stmt->on_conflict_clause, &text);
    return rc == MC_OK ? finish(q, &c, stmt->returning_list, stmt->n_returning_list, &text) : rc;
}
