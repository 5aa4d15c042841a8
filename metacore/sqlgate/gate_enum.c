/* SPDX-License-Identifier: Apache-2.0 */
/* Enumerated types: a table of the values, so that a later migration may add to them, and a rule
 * (PostgreSQL: a key) on each column. ':' stands in no author's name, so the table is nobody
 * else's. */
#include "metacore/modelbase/modelbase.h"
#include "metacore/sqlgate/sqlgate_internal.h"

static mc_str table_of(mc__gate *g, mc_str type)
{
    return mc_str_printf(g->arena, "type:%.*s", MC_FMT(type));
}

static void write_table(mc__gate *g, mc_str table, mc_buf *sql)
{
    mc_buf_str(sql, mc__gate_physical(g, table));
}

bool mc__gate_is_enum(mc__gate *g, mc_str name)
{
    return mc__gate_table_has(g, table_of(g, name), MC_STR("value"));
}

/* "mood", or "addon_k"."mood". */
static mc_code read_name(mc__gate *g, PgQuery__Node **names, size_t count, mc_str *out)
{
    mc_str schema = count == 2 ? mc_z(names[0]->string->sval) : MC_STR("");

    if (count < 1 || count > 2 || (schema.len && !mc_str_eq(schema, g->own_name)))
        return mc__gate_refuse(g, "a type of another schema");
    return mc__gate_name(g, "type", names[count - 1]->string->sval, out);
}

static mc_code add_value(mc__gate *g, mc_str type, mc_str value, bool is_there_fine)
{
    mc_buf sql;

    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "INSERT INTO ");
    write_table(g, table_of(g, type), &sql);
    mc_buf_lit(&sql, " VALUES (");
    mc__gate_write_text(&sql, value);
    mc_buf_char(&sql, ')');
    if (is_there_fine)
        mc_buf_lit(&sql, " ON CONFLICT DO NOTHING");
    return mc__gate_emit(g, &sql);
}

mc_code mc__gate_create_enum(mc__gate *g, const PgQuery__CreateEnumStmt *stmt)
{
    mc_str name;
    mc_buf sql;
    mc_code rc = read_name(g, stmt->type_name, stmt->n_type_name, &name);

    if (rc == MC_OK)
        rc = mc__gate_note_table(g, table_of(g, name), true);
    if (rc == MC_OK)
        rc = mc__gate_note_column(g, table_of(g, name), MC_STR("value"), true);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "CREATE TABLE ");
    write_table(g, table_of(g, name), &sql);
    mc_buf_lit(&sql, " (\"value\" TEXT PRIMARY KEY NOT NULL)");
    rc = mc__gate_emit(g, &sql);
    for (size_t i = 0; i < stmt->n_vals && rc == MC_OK; i++)
        rc = add_value(g, name, mc_z(stmt->vals[i]->string->sval), false);
    return rc;
}

mc_code mc__gate_alter_enum(mc__gate *g, const PgQuery__AlterEnumStmt *stmt)
{
    mc_str name;
    mc_code rc = read_name(g, stmt->type_name, stmt->n_type_name, &name);

    if (rc == MC_OK && (mc_z(stmt->old_val).len || !stmt->new_val))
        return mc__gate_refuse(g, "ALTER TYPE other than ADD VALUE");
    if (rc == MC_OK && !mc__gate_is_enum(g, name))
        return mc__gate_refuse(g, "ALTER TYPE %.*s, which the addon has not", MC_FMT(name));
    return rc == MC_OK ? add_value(g, name, mc_z(stmt->new_val), stmt->skip_if_new_val_exists) : rc;
}

mc_code mc__gate_drop_enum(mc__gate *g, const PgQuery__Node *node, bool missing_ok)
{
    const PgQuery__TypeName *type =
        node->node_case == PG_QUERY__NODE__NODE_TYPE_NAME ? node->type_name : NULL;
    mc_str name;
    mc_buf sql;
    mc_code rc;

    if (!type)
        return mc__gate_refuse(g, "DROP TYPE of anything but a name");
    rc = read_name(g, type->names, type->n_names, &name);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_str(&sql, missing_ok ? MC_STR("DROP TABLE IF EXISTS ") : MC_STR("DROP TABLE "));
    write_table(g, table_of(g, name), &sql);
    rc = mc__gate_note_table(g, table_of(g, name), true);
    return rc == MC_OK ? mc__gate_emit(g, &sql) : rc;
}

static mc_code key_to_values(mc__gate *g, mc_str table, mc_str column, mc_str type)
{
    mc_buf sql;

    mc_buf_init_arena(&sql, g->arena, 0);
    mc_buf_lit(&sql, "ALTER TABLE ");
    write_table(g, table, &sql);
    mc_buf_lit(&sql, " ADD FOREIGN KEY (");
    mc_buf_sql_ident(&sql, column);
    mc_buf_lit(&sql, ") REFERENCES ");
    write_table(g, table_of(g, type), &sql);
    mc_buf_lit(&sql, " (\"value\")");
    return mc__gate_emit(g, &sql);
}

mc_code mc__gate_enum_rule(mc__gate *g, mc_str table, mc_str column, mc_str type)
{
    mc_buf when;

    if (mc__gate_is_postgres(g))
        return key_to_values(g, table, column, type);
    mc_buf_init_arena(&when, g->arena, 0);
    mc_buf_sql_ident(&when, column);
    mc_buf_lit(&when, " NOT IN (SELECT \"value\" FROM ");
    write_table(g, table_of(g, type), &when);
    mc_buf_char(&when, ')');
    return mc__gate_rule(g, table, mc_str_printf(g->arena, "%.*s_type", MC_FMT(column)),
                         mc_buf_get(&when));
}
