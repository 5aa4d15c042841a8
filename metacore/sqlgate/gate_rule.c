/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table is held to after it was made. SQLite cannot add a constraint to a table, nor take
 * one away; triggers can come and go. So constraints that have a name of their own, or come later,
 * are triggers there, named "<table>:<constraint>:<event>". On PostgreSQL they are constraints.
 */
#include "metacore/modelbase/modelbase.h"
#include "metacore/sqlgate/sqlgate_internal.h"

static mc_str rule_name(mc__gate *g, mc_str table, mc_str name, const char *event)
{
    return mc__gate_physical(
        g, mc_str_printf(g->arena, "%.*s:%.*s:%s", MC_FMT(table), MC_FMT(name), event));
}

static void write_abort(mc_buf *sql, const char *what, mc_str name)
{
    mc_buf_printf(sql, "SELECT RAISE(ABORT, '%s constraint failed: %.*s')", what, MC_FMT(name));
}

/* Looked at in the table itself: NEW's columns would have neither affinity nor, so, order. */
mc_code mc__gate_rule(mc__gate *g, mc_str table, mc_str name, mc_str broken)
{
    mc_str physical = mc__gate_physical(g, table);
    static const char *const events[] = {"INSERT", "UPDATE"};
    static const char *const suffixes[] = {"insert", "update"};
    mc_code rc = MC_OK;
    mc_buf sql;

    for (size_t i = 0; i < MC_LEN(events) && rc == MC_OK; i++) {
        mc_buf_init_arena(&sql, g->arena, 0);
        mc_buf_lit(&sql, "CREATE TRIGGER IF NOT EXISTS ");
        mc_buf_str(&sql, rule_name(g, table, name, suffixes[i]));
        mc_buf_printf(&sql, " AFTER %s ON ", events[i]);
        mc_buf_str(&sql, physical);
        mc_buf_lit(&sql, " WHEN EXISTS (SELECT 1 FROM ");
        mc_buf_str(&sql, physical);
        mc_buf_lit(&sql, " WHERE _rowid_ = NEW._rowid_ AND ");
        mc_buf_str(&sql, broken);
        mc_buf_lit(&sql, ") BEGIN ");
        write_abort(&sql, "CHECK", name);
        mc_buf_lit(&sql, "; END");
        rc = mc__gate_emit(g, &sql);
    }
    return rc;
}

/* "ALTER TABLE t ADD [CONSTRAINT name] ": the rest is the caller's. */
static void begin_constraint(mc__gate *g, mc_str table, mc_str name, mc_buf *sql)
{
    mc_buf_init_arena(sql, g->arena, 0);
    mc_buf_lit(sql, "ALTER TABLE ");
    mc_buf_str(sql, mc__gate_physical(g, table));
    mc_buf_lit(sql, " ADD ");
    if (name.len) {
        mc_buf_lit(sql, "CONSTRAINT ");
        mc_buf_sql_ident(sql, name);
        mc_buf_char(sql, ' ');
    }
}

static mc_code check_of_postgres(mc__gate *g, mc_str table, mc_str name,
                                 const PgQuery__Constraint *c)
{
    mc_buf sql;
    mc_code rc;

    begin_constraint(g, table, name, &sql);
    mc_buf_lit(&sql, "CHECK (");
    rc = mc__gate_expr(g, c->raw_expr, MC__GATE_PLAIN, &sql);
    mc_buf_str(&sql, c->skip_validation ? MC_STR(") NOT VALID") : MC_STR(")"));
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}

static mc_code add_check(mc__gate *g, mc_str table, mc_str name, const PgQuery__Constraint *c)
{
    mc_buf when;
    mc_code rc;

    mc_buf_init_arena(&when, g->arena, 0);
    mc_buf_lit(&when, "NOT (");
    rc = mc__gate_expr(g, c->raw_expr, MC__GATE_PLAIN, &when);
    mc_buf_char(&when, ')');
    if (rc == MC_OK)
        rc = mc_buf_check(&when, "migration", g->err);
    return rc == MC_OK ? mc__gate_rule(g, table, name, mc_buf_get(&when)) : rc;
}

/* ---- keys to other tables ---- */

/* What happens to rows of child when the row of parent that they point to goes. */
static mc_code add_parent_rule(mc__gate *g, mc_str child, mc_str parent, mc_str name, mc_str column,
                               const char *action)
{
    mc_str child_name = mc__gate_physical(g, child);
    char kind = action && *action ? *action : 'a';
    mc_buf sql;

    /* It stands at the parent, by the child's name. */
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "CREATE TRIGGER IF NOT EXISTS ");
    mc_buf_str(&sql, rule_name(g, child, name, "delete"));
    mc_buf_lit(&sql, " BEFORE DELETE ON ");
    mc_buf_str(&sql, parent);
    mc_buf_lit(&sql, " BEGIN ");
    if (kind == 'c') {
        mc_buf_printf(&sql, "DELETE FROM %.*s", MC_FMT(child_name));
    } else if (kind == 'n') {
        mc_buf_printf(&sql, "UPDATE %.*s SET ", MC_FMT(child_name));
        mc_buf_sql_ident(&sql, column);
        mc_buf_lit(&sql, " = NULL");
    } else {
        write_abort(&sql, "FOREIGN KEY", name);
        mc_buf_lit(&sql, " WHERE EXISTS (SELECT 1 FROM ");
        mc_buf_str(&sql, child_name);
    }
    mc_buf_lit(&sql, " WHERE ");
    mc_buf_sql_ident(&sql, column);
    mc_buf_lit(&sql, " = OLD.\"id\"");
    if (kind != 'c' && kind != 'n')
        mc_buf_char(&sql, ')');
    mc_buf_lit(&sql, "; END");
    return mc__gate_emit(g, &sql);
}

static mc_code add_child_rule(mc__gate *g, mc_str child, mc_str parent, mc_str name, mc_str column)
{
    mc_buf when;

    mc_buf_init_arena(&when, g->arena, 0);
    mc_buf_sql_ident(&when, column);
    mc_buf_lit(&when, " NOT IN (SELECT \"id\" FROM ");
    mc_buf_str(&when, parent);
    mc_buf_char(&when, ')');
    return mc__gate_rule(g, child, name, mc_buf_get(&when));
}

static mc_code foreign_of_postgres(mc__gate *g, mc_str table, mc_str name, mc_str column,
                                   mc_str references, const PgQuery__Constraint *c)
{
    mc_buf sql;

    begin_constraint(g, table, name, &sql);
    mc_buf_lit(&sql, "FOREIGN KEY (");
    mc_buf_sql_ident(&sql, column);
    mc_buf_char(&sql, ')');
    mc_buf_str(&sql, references);
    if (c->skip_validation)
        mc_buf_lit(&sql, " NOT VALID");
    return mc__gate_emit(g, &sql);
}

static mc_code add_foreign(mc__gate *g, mc_str table, mc_str name, const PgQuery__Constraint *c)
{
    mc_str parent, column, text;
    mc_buf references;
    mc_code rc;

    if (c->n_fk_attrs != 1)
        return mc__gate_refuse(g, "FOREIGN KEY of more than one column");
    rc = mc__gate_column_name(g, c->fk_attrs[0]->string->sval, &column);
    mc_buf_init_arena(&references, g->arena, 0);
    if (rc == MC_OK)
        rc = mc__gate_references(g, c, &references); /* checks where it points to, and how */
    if (rc == MC_OK)
        rc = mc_buf_check(&references, "migration", g->err);
    if (rc != MC_OK)
        return rc;
    text = mc_buf_get(&references);
    if (mc__gate_is_postgres(g))
        return foreign_of_postgres(g, table, name, column, text, c);
    parent = mc_str_slice(text, 12, mc_str_find(text, MC_STR(" (\"id\")"))); /* after REFERENCES */
    rc = add_child_rule(g, table, parent, name, column);
    /* Rows of the kernel are only marked as deleted: nothing follows from that. */
    if (rc == MC_OK && parent.len > 2 && mc_str_find_char(parent, 0, '.') < parent.len)
        rc = add_parent_rule(g, table, parent, name, column, c->fk_del_action);
    return rc;
}

/* ---- both ---- */

static mc_code add_unique(mc__gate *g, mc_str table, mc_str name, const PgQuery__Constraint *c)
{
    mc_str columns[16];
    mc_code rc = MC_OK;

    if (c->nulls_not_distinct || c->n_keys == 0 || c->n_keys > MC_LEN(columns))
        return mc__gate_refuse(g, "a unique constraint of that kind");
    for (size_t i = 0; i < c->n_keys && rc == MC_OK; i++)
        rc = mc__gate_column_name(g, c->keys[i]->string->sval, &columns[i]);
    return rc == MC_OK ? mc__gate_unique(g, table, name, columns, c->n_keys) : rc;
}

mc_code mc__gate_add_constraint(mc__gate *g, mc_str table, const PgQuery__Constraint *c)
{
    mc_str name = MC_STR("");
    mc_code rc = MC_OK;

    if (mc_z(c->conname).len)
        rc = mc__gate_name(g, "constraint", c->conname, &name);
    if (rc != MC_OK)
        return rc;
    if (c->contype == PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE)
        return add_unique(g, table, name, c);
    /* There may be several: none of them can be meant by a name. */
    if (name.len == 0 && !mc__gate_is_postgres(g))
        name = mc_str_printf(g->arena, "%.*s:%d", MC_FMT(table), (int)g->at);
    switch (c->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
        return mc__gate_is_postgres(g) ? check_of_postgres(g, table, name, c)
                                       : add_check(g, table, name, c);
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        return add_foreign(g, table, name, c);
    default:
        return mc__gate_refuse(g, "ADD CONSTRAINT of a kind that is not allowed");
    }
}

static mc_code drop_index(mc__gate *g, mc_str name)
{
    mc_buf sql;

    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "DROP INDEX IF EXISTS ");
    mc_buf_str(&sql, mc__gate_physical(g, name));
    return mc__gate_emit(g, &sql);
}

/* A constraint without a name of its own has one that PostgreSQL makes up. */
static mc_code drop_made_up(mc__gate *g, mc_str table, mc_str name)
{
    mc_str head = mc_str_printf(g->arena, "%.*s_", MC_FMT(table));

    if (!mc_str_starts_with(name, head))
        return MC_OK;
    if (mc_str_ends_with(name, MC_STR("_key")))
        return drop_index(
            g, mc_str_printf(g->arena, "uidx_%.*s", MC_FMT(mc_str_slice(name, 0, name.len - 4))));
    if (mc_str_ends_with(name, MC_STR("_check")) || mc_str_ends_with(name, MC_STR("_fkey")) ||
        mc_str_ends_with(name, MC_STR("_pkey")))
        return mc__gate_refuse(g, "DROP CONSTRAINT %.*s: only one that was named can be dropped",
                               MC_FMT(name));
    return MC_OK;
}

/* What was named UNIQUE is an index. */
static mc_code drop_of_postgres(mc__gate *g, mc_str table, mc_str name)
{
    mc_buf sql;
    mc_code rc;

    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "ALTER TABLE ");
    mc_buf_str(&sql, mc__gate_physical(g, table));
    mc_buf_lit(&sql, " DROP CONSTRAINT IF EXISTS ");
    mc_buf_sql_ident(&sql, name);
    rc = mc__gate_emit(g, &sql);
    return rc == MC_OK ? drop_index(g, name) : rc;
}

mc_code mc__gate_drop_constraint(mc__gate *g, mc_str table, const char *constraint)
{
    static const char *const suffixes[] = {"insert", "update", "delete"};
    mc_str name;
    mc_code rc = mc__gate_name(g, "constraint", constraint, &name);
    mc_buf sql;

    if (rc == MC_OK)
        rc = drop_made_up(g, table, name);
    if (rc == MC_OK && mc__gate_is_postgres(g))
        return drop_of_postgres(g, table, name);
    for (size_t i = 0; i < MC_LEN(suffixes) && rc == MC_OK; i++) {
        mc_buf_init_arena(&sql, g->arena, 0);
        mc_buf_lit(&sql, "DROP TRIGGER IF EXISTS ");
        mc_buf_str(&sql, rule_name(g, table, name, suffixes[i]));
        rc = mc__gate_emit(g, &sql);
    }
    return rc == MC_OK ? drop_index(g, name) : rc;
}
