/* SPDX-License-Identifier: Apache-2.0 */
/* Statements without effect here, because the kernel does what they ask for anyway; and, of the
 * same kinds, those that ask for more, which are refused. */
#include "metacore/sqlgate/sqlgate_internal.h"

#include <string.h>

static bool is_listed(mc_str name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq_nocase(name, mc_z(list[i])))
            return true;
    }
    return false;
}

mc_code mc__gate_extension(mc__gate *g, const PgQuery__CreateExtensionStmt *stmt)
{
    /* What they bring is there, or makes only some searches faster. */
    static const char *const known[] = {"pgcrypto", "uuid-ossp", "citext",
                                        "pg_trgm",  "btree_gin", "btree_gist"};

    return is_listed(mc_z(stmt->extname), known, MC_LEN(known))
               ? MC_OK
               : mc__gate_refuse(g, "CREATE EXTENSION %.40s", stmt->extname ? stmt->extname : "");
}

mc_code mc__gate_schema(mc__gate *g, const PgQuery__CreateSchemaStmt *stmt)
{
    if (mc_str_eq(mc_z(stmt->schemaname), g->own_name) && stmt->n_schema_elts == 0)
        return MC_OK;
    return mc__gate_refuse(g, "CREATE SCHEMA %.40s", stmt->schemaname ? stmt->schemaname : "");
}

/* A migration is one transaction, whether it says so or not. */
mc_code mc__gate_transaction(mc__gate *g, const PgQuery__TransactionStmt *stmt)
{
    switch (stmt->kind) {
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
        return MC_OK;
    default:
        return mc__gate_refuse(g, "ROLLBACK and savepoints may not stand in a migration");
    }
}

/* The first name of a path says where tables are made: that has to be where they are made anyway.
 */
static bool is_own_path(const mc__gate *g, const PgQuery__VariableSetStmt *stmt)
{
    const PgQuery__Node *first = stmt->n_args ? stmt->args[0] : NULL;

    return first && first->node_case == PG_QUERY__NODE__NODE_A_CONST &&
           first->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL &&
           mc_str_eq(mc_z(first->a_const->sval->sval), g->own_name);
}

mc_code mc__gate_set(mc__gate *g, const PgQuery__VariableSetStmt *stmt)
{
    static const char *const harmless[] = {
        "client_encoding",       "client_min_messages", "statement_timeout",
        "lock_timeout",          "row_security",        "standard_conforming_strings",
        "check_function_bodies", "xmloption",           "idle_in_transaction_session_timeout"};
    mc_str name = mc_z(stmt->name);

    if (stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE &&
        (is_listed(name, harmless, MC_LEN(harmless)) ||
         (mc_str_eq(name, MC_STR("search_path")) && is_own_path(g, stmt))))
        return MC_OK;
    return mc__gate_refuse(g, "SET %.40s", stmt->name ? stmt->name : "of that kind");
}

/* ---- policies ---- */

/* Built of the organization's column, the session's organization and constants: nothing that the
 * kernel does not hold to. */
static bool is_of_organization(mc__gate *g, const PgQuery__Node *node, int depth)
{
    static const char *const functions[] = {"current_setting", "nullif"};
    const PgQuery__FuncCall *f;
    mc_str name;

    if (!node || depth > 32)
        return !node;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return node->column_ref->n_fields == 1 &&
               node->column_ref->fields[0]->node_case == PG_QUERY__NODE__NODE_STRING &&
               mc__gate_column_name(g, node->column_ref->fields[0]->string->sval, &name) == MC_OK &&
               mc_str_eq(name, MC_STR("organization_id"));
    case PG_QUERY__NODE__NODE_A_CONST:
        return node->a_const->val_case != PG_QUERY__A__CONST__VAL_BOOLVAL ||
               node->a_const->boolval->boolval;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return is_of_organization(g, node->type_cast->arg, depth + 1);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return (node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF ||
                (node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP &&
                 node->a_expr->n_name == 1 &&
                 mc_str_eq(mc_z(node->a_expr->name[0]->string->sval), MC_STR("=")))) &&
               is_of_organization(g, node->a_expr->lexpr, depth + 1) &&
               is_of_organization(g, node->a_expr->rexpr, depth + 1);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        f = node->func_call;
        if (f->n_funcname == 0 || !is_listed(mc_z(f->funcname[f->n_funcname - 1]->string->sval),
                                             functions, MC_LEN(functions)))
            return false;
        for (size_t i = 0; i < f->n_args; i++) {
            if (!is_of_organization(g, f->args[i], depth + 1))
                return false;
        }
        return true;
    default:
        return false;
    }
}

mc_code mc__gate_policy(mc__gate *g, const PgQuery__CreatePolicyStmt *stmt)
{
    mc_str table;
    mc_buf name;
    mc_code rc;

    mc_buf_init_arena(&name, g->arena, 0);
    rc = mc__gate_target(g, stmt->table, &name, &table);
    if (rc == MC_OK &&
        (!is_of_organization(g, stmt->qual, 0) || !is_of_organization(g, stmt->with_check, 0)))
        return mc__gate_refuse(g, "CREATE POLICY of more than the organization, which nothing "
                                  "here would hold to");
    return rc;
}

/* ---- triggers ---- */

/* Lower case, without spaces: enough to know one short text again, however it is laid out. */
static mc_str squeezed(mc_arena *arena, mc_str body)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];

        if (c != ' ' && !(c >= '\t' && c <= '\r'))
            mc_buf_char(&out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    return mc_buf_failed(&out) ? MC_STR("") : mc_buf_get(&out);
}

/* The kernel sets updated_at itself, with every change. */
static bool only_touches(mc__gate *g, mc_str body)
{
    static const char *const texts[] = {
        "beginnew.updated_at=now();returnnew;end;",
        "beginnew.updated_at:=now();returnnew;end;",
        "beginnew.updated_at=current_timestamp;returnnew;end;",
        "beginnew.updated_at:=current_timestamp;returnnew;end;",
    };
    mc_str plain = squeezed(g->arena, body);

    if (plain.len && plain.ptr[plain.len - 1] != ';')
        plain = mc_str_printf(g->arena, "%.*s;", MC_FMT(plain));
    return is_listed(plain, texts, MC_LEN(texts));
}

static mc_str body_of(const PgQuery__CreateFunctionStmt *stmt)
{
    for (size_t i = 0; i < stmt->n_options; i++) {
        const PgQuery__DefElem *option =
            stmt->options[i]->node_case == PG_QUERY__NODE__NODE_DEF_ELEM
                ? stmt->options[i]->def_elem
                : NULL;

        if (option && mc_str_eq(mc_z(option->defname), MC_STR("as")) && option->arg &&
            option->arg->node_case == PG_QUERY__NODE__NODE_LIST && option->arg->list->n_items == 1)
            return mc_z(option->arg->list->items[0]->string->sval);
    }
    return MC_STR("");
}

mc_code mc__gate_function(mc__gate *g, const PgQuery__CreateFunctionStmt *stmt)
{
    const char *name = stmt->n_funcname ? stmt->funcname[stmt->n_funcname - 1]->string->sval : "";

    if (!only_touches(g, body_of(stmt)) || g->touch_count == MC__GATE_TABLES_MAX)
        return mc__gate_refuse(
            g, "the function %.40s: only one that sets updated_at may stand here", name);
    g->touches[g->touch_count] = mc_str_copy(g->arena, mc_z(name));
    if (!g->touches[g->touch_count++].ptr)
        return mc_fail(g->err, MC_NO_MEMORY, "migration");
    return MC_OK;
}

mc_code mc__gate_trigger(mc__gate *g, const PgQuery__CreateTrigStmt *stmt)
{
    const char *function =
        stmt->n_funcname ? stmt->funcname[stmt->n_funcname - 1]->string->sval : "";
    mc_str table;
    mc_buf name;
    mc_code rc;

    mc_buf_init_arena(&name, g->arena, 0);
    rc = mc__gate_target(g, stmt->relation, &name, &table);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < g->touch_count; i++) {
        if (mc_str_eq(g->touches[i], mc_z(function)))
            return MC_OK;
    }
    return mc__gate_refuse(g,
                           "a trigger that calls %.40s: only one that sets updated_at may stand "
                           "here",
                           function);
}
