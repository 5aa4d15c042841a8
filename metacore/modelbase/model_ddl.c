/* SPDX-License-Identifier: Apache-2.0 */
/* A model's table: made, or completed when a migration made it. */
#include "metacore/modelbase/modelbase_internal.h"

#include <stdio.h>

const char *mc__ddl_type(mc_db_dialect dialect, const mc_column *column)
{
    static const char *const sqlite[] = {
        [MC_COL_STRING] = "TEXT",    [MC_COL_TEXT] = "TEXT",
        [MC_COL_UUID] = "TEXT",      [MC_COL_INT] = "INTEGER",
        [MC_COL_BIGINT] = "INTEGER", [MC_COL_DECIMAL] = "TEXT COLLATE mc_decimal",
        [MC_COL_BOOL] = "INTEGER",   [MC_COL_TIMESTAMP] = "TEXT",
        [MC_COL_DATE] = "TEXT",      [MC_COL_JSON] = "TEXT"};
    static const char *const postgres[] = {
        [MC_COL_STRING] = "varchar", [MC_COL_TEXT] = "text",
        [MC_COL_UUID] = "uuid",      [MC_COL_INT] = "integer",
        [MC_COL_BIGINT] = "bigint",  [MC_COL_DECIMAL] = "numeric(18,4)",
        [MC_COL_BOOL] = "boolean",   [MC_COL_TIMESTAMP] = "timestamptz",
        [MC_COL_DATE] = "date",      [MC_COL_JSON] = "jsonb"};

    return dialect == MC_DB_SQLITE ? sqlite[column->type] : postgres[column->type];
}

static void write_type(const mc__model *self, const mc_column *column, mc_buf *out)
{
    mc_buf_str(out, mc_z(mc__ddl_type(self->dialect, column)));
    if (column->type == MC_COL_STRING && self->dialect == MC_DB_POSTGRES)
        mc_buf_printf(out, "(%u)", column->size);
}

/* ---- the table ---- */

static void write_system_column(const mc__model *self, const mc_column *column, mc_buf *out)
{
    const char *now = self->dialect == MC_DB_SQLITE ? "(now())" : "now()";
    const char *uuid = self->dialect == MC_DB_SQLITE ? "(gen_random_uuid())" : "gen_random_uuid()";

    mc_buf_sql_ident(out, column->name);
    mc_buf_char(out, ' ');
    write_type(self, column, out);
    if (mc_str_eq(column->name, MC_STR("id")))
        mc_buf_printf(out, " PRIMARY KEY NOT NULL DEFAULT %s", uuid);
    else if (column->type == MC_COL_TIMESTAMP)
        mc_buf_printf(out, " NOT NULL DEFAULT %s", now);
    else if (!column->is_nullable)
        mc_buf_lit(out, " NOT NULL");
}

static void write_column(const mc__model *self, const mc_column *column, mc_buf *out)
{
    mc_buf_sql_ident(out, column->name);
    mc_buf_char(out, ' ');
    write_type(self, column, out);
    if (!column->is_nullable)
        mc_buf_lit(out, " NOT NULL");
    if (column->default_sql.len) {
        mc_buf_lit(out, " DEFAULT ");
        mc_buf_str(out, column->default_sql);
    }
}

/* The kernel's columns first, then the declared ones in their order. */
static void write_columns(const mc__model *self, mc_buf *out)
{
    static const char *const order[] = {"id", "organization_id", "created_by_id", "created_at",
                                        "updated_at"};
    const mc_model *model = &self->model;

    for (size_t i = 0; i < MC_LEN(order); i++) {
        if (i > 0)
            mc_buf_lit(out, ", ");
        write_system_column(self, mc_model_find_column(model, mc_z(order[i])), out);
    }
    if (model->soft_delete)
        mc_buf_printf(out, ", \"deleted_at\" %s",
                      self->dialect == MC_DB_SQLITE ? "TEXT" : "timestamptz");
    for (uint32_t position = 0; position < MC_MODEL_COLUMNS_MAX; position++) {
        for (size_t i = 0; i < model->column_count; i++) {
            if (model->columns[i].is_system || model->columns[i].position != position)
                continue;
            mc_buf_lit(out, ", ");
            write_column(self, &model->columns[i], out);
        }
    }
}

static void write_table(const mc__model *self, mc_buf *out)
{
    mc_buf_lit(out, "CREATE TABLE IF NOT EXISTS ");
    mc_buf_str(out, self->model.physical);
    mc_buf_lit(out, " (");
    write_columns(self, out);
    mc_buf_lit(out, ");\n");
}

/* ---- indexes ---- */

/* On SQLite names of indexes are global: the schema goes before them. arena is the caller's: a
 * model is read by many threads at once. */
static void write_index_name(const mc__model *self, mc_arena *arena, const char *prefix,
                             const char *middle, mc_str column, mc_buf *out)
{
    mc_str name = mc_str_printf(arena, "%s%.*s_%s%.*s", prefix, MC_FMT(self->model.table), middle,
                                MC_FMT(column));

    if (name.ptr && self->dialect == MC_DB_POSTGRES)
        name = mc_capped_name(arena, name);
    if (!name.ptr)
        out->failed = true;
    else if (self->dialect == MC_DB_POSTGRES)
        mc_buf_sql_ident(out, name);
    else
        mc_buf_str(out, mc_physical_name(arena, self->dialect, self->model.schema, name));
}

static void write_index(const mc__model *self, mc_arena *arena, const char *prefix,
                        const char *middle, mc_str column, bool is_unique, const char *columns,
                        mc_buf *out)
{
    mc_buf_str(out, is_unique ? MC_STR("CREATE UNIQUE INDEX IF NOT EXISTS ")
                              : MC_STR("CREATE INDEX IF NOT EXISTS "));
    write_index_name(self, arena, prefix, middle, column, out);
    mc_buf_lit(out, " ON ");
    mc_buf_str(out, self->model.physical);
    /* Lists never look at deleted rows, so no index holds them. SQLite looks at deleted_at even so,
     * and finds it in the index: a count then reads nothing else. */
    mc_buf_printf(out, " (%s%s)", columns,
                  self->model.soft_delete && !is_unique ? ", \"deleted_at\"" : "");
    if (self->model.soft_delete)
        mc_buf_lit(out, " WHERE \"deleted_at\" IS NULL");
    mc_buf_lit(out, ";\n");
}

/* An index per way in which lists are asked for: newest first, and by each indexed column. These
 * are called idx_<table>_org_<column>: idx_<table>_<column> is what migrations call one on the
 * column alone, and IF NOT EXISTS would take that for ours. */
static void write_indexes(const mc__model *self, mc_arena *arena, mc_buf *out)
{
    char columns[256];

    write_index(self, arena, "idx_", "org", MC_STR(""), false,
                "\"organization_id\", \"created_at\", \"id\"", out);
    for (size_t i = 0; i < self->model.column_count; i++) {
        const mc_column *column = &self->model.columns[i];

        if (column->is_system || (!column->is_index && !column->is_unique))
            continue;
        (void)snprintf(columns, sizeof(columns), "\"organization_id\", \"%.*s\"%s",
                       MC_FMT(column->name), /* a checked identifier */
                       column->is_unique ? "" : ", \"created_at\", \"id\"");
        write_index(self, arena, column->is_unique ? "uidx_" : "idx_",
                    column->is_unique ? "" : "org_", column->name, column->is_unique, columns, out);
    }
}

void mc_model_write_ddl(const mc_model *model, mc_buf *out)
{
    const mc__model *self = (const mc__model *)model;
    mc_arena *arena = mc_arena_new(0);

    if (!arena) {
        out->failed = true;
        return;
    }
    if (self->dialect == MC_DB_POSTGRES && model->schema.len) {
        mc_buf_lit(out, "CREATE SCHEMA IF NOT EXISTS ");
        mc_buf_sql_ident(out, model->schema);
        mc_buf_lit(out, ";\n");
    }
    write_table(self, out);
    write_indexes(self, arena, out);
    mc_arena_free(arena);
}

/* ---- what a migration left out ---- */

typedef struct existing {
    mc_str names[2 * MC_MODEL_COLUMNS_MAX];
    mc_str types[2 * MC_MODEL_COLUMNS_MAX];
    size_t count;
} existing;

/* The type of a column that is there; "?" when it has none, .ptr NULL when it is not there. */
static mc_str type_of(const existing *e, mc_str name)
{
    for (size_t i = 0; i < e->count; i++) {
        if (mc_str_eq(e->names[i], name))
            return e->types[i].len ? e->types[i] : MC_STR("?");
    }
    return (mc_str){NULL, 0};
}

static bool has(const existing *e, mc_str name)
{
    return type_of(e, name).ptr != NULL;
}

/* A store of few types takes text into a column of numbers, and gives back "7" for "007". */
static bool is_fit_for_sqlite(const mc_column *column, mc_str type)
{
    bool is_number = column->type == MC_COL_INT || column->type == MC_COL_BIGINT ||
                     column->type == MC_COL_BOOL || column->type == MC_COL_DECIMAL;

    return is_number || mc_str_starts_with(type, MC_STR("TEXT"));
}

/* Of many types: what reads and writes the model's values as they are. */
static bool is_fit_for_postgres(const mc_column *column, mc_str type)
{
    static const char *const numbers = " integer bigint smallint numeric ";
    static const char *const fit[] = {
        [MC_COL_STRING] = " text character varying citext ",
        [MC_COL_TEXT] = " text character varying citext ",
        [MC_COL_UUID] = " uuid ",
        [MC_COL_BOOL] = " boolean ",
        [MC_COL_TIMESTAMP] = " timestamp with time zone ",
        [MC_COL_DATE] = " date ",
        [MC_COL_JSON] = " jsonb ",
    };
    const char *list =
        column->type < MC_LEN(fit) && fit[column->type] ? fit[column->type] : numbers;
    char padded[64];

    (void)snprintf(padded, sizeof(padded), " %.*s ", MC_FMT(type)); /* a cut one fits nothing */
    return mc_str_find(mc_z(list), mc_z(padded)) < mc_z(list).len;
}

static bool is_fit(const mc__model *self, const mc_column *column, mc_str type)
{
    return self->dialect == MC_DB_SQLITE ? is_fit_for_sqlite(column, type)
                                         : is_fit_for_postgres(column, type);
}

static mc_code load_existing(const mc__model *self, mc_db_conn *conn, mc_arena *arena,
                             existing *out, mc_err *err)
{
    bool is_sqlite = self->dialect == MC_DB_SQLITE;
    mc_str schema = self->model.schema;
    mc_str table = schema.len && is_sqlite ? mc_str_printf(arena, "%.*s.%.*s", MC_FMT(schema),
                                                           MC_FMT(self->model.table))
                                           : self->model.table;
    mc_db_value args[] = {mc_db_text(table), mc_db_text(schema.len ? schema : MC_STR("public"))};
    mc_str sql =
        is_sqlite ? MC_STR("SELECT name, type FROM pragma_table_xinfo($1)")
                  : MC_STR("SELECT column_name, CASE data_type WHEN 'USER-DEFINED' THEN udt_name "
                           "ELSE data_type END FROM information_schema.columns WHERE "
                           "table_name = $1 AND table_schema = $2");
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, sql, args, is_sqlite ? 1 : 2, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (out->count < MC_LEN(out->names) && mc_db_rows_next(&rows)) {
        out->types[out->count] = mc_str_copy(arena, mc_db_col_text(&rows, 1));
        out->names[out->count++] = mc_str_copy(arena, mc_db_col_text(&rows, 0));
    }
    return mc_db_rows_finish(&rows, err);
}

/* Added to rows that may exist: nullable, and with a default only where it is a constant. */
static mc_code add_column(const mc__model *self, mc_db_conn *conn, mc_arena *arena, mc_str name,
                          const mc_column *column, mc_err *err)
{
    mc_buf sql;
    mc_code rc;

    mc_buf_init_arena(&sql, arena, 0);
    mc_buf_lit(&sql, "ALTER TABLE ");
    mc_buf_str(&sql, self->model.physical);
    mc_buf_lit(&sql, " ADD COLUMN ");
    mc_buf_sql_ident(&sql, name);
    mc_buf_char(&sql, ' ');
    if (column)
        write_type(self, column, &sql);
    else
        mc_buf_str(&sql, self->dialect == MC_DB_SQLITE ? MC_STR("TEXT") : MC_STR("timestamptz"));
    if (column && column->default_sql.len && column->default_sql.ptr[0] != '(') {
        mc_buf_lit(&sql, " DEFAULT ");
        mc_buf_str(&sql, column->default_sql);
    }
    rc = mc_buf_check(&sql, "model", err);
    return rc == MC_OK ? mc_db_exec_script(conn, mc_buf_get(&sql), err) : rc;
}

static mc_code add_missing(const mc__model *self, mc_db_conn *conn, mc_arena *arena, mc_err *err)
{
    existing *e = mc_arena_object(arena, existing);
    mc_code rc = e ? load_existing(self, conn, arena, e, err) : mc_fail(err, MC_NO_MEMORY, "model");

    for (size_t i = 0; i < self->model.column_count && rc == MC_OK; i++) {
        const mc_column *column = &self->model.columns[i];
        mc_str type = type_of(e, column->name);

        if (!type.ptr)
            rc = add_column(self, conn, arena, column->name, column, err);
        else if (!is_fit(self, column, type))
            rc = mc_fail(err, MC_INVALID,
                         "model %.*s: column %.*s of table %.*s is %.*s in the migration, which "
                         "does not hold what the model keeps there",
                         MC_FMT(self->model.key), MC_FMT(column->name), MC_FMT(self->model.table),
                         MC_FMT(type));
    }
    if (rc == MC_OK && self->model.soft_delete && !has(e, MC_STR("deleted_at")))
        rc = add_column(self, conn, arena, MC_STR("deleted_at"), NULL, err);
    return rc;
}

mc_code mc_model_ensure_table(const mc_model *model, mc_db_conn *conn, mc_err *err)
{
    const mc__model *self = (const mc__model *)model;
    mc_arena *arena = mc_arena_new(0);
    mc_buf ddl;
    mc_code rc;

    if (!arena)
        return mc_fail(err, MC_NO_MEMORY, "model");
    mc_buf_init_arena(&ddl, arena, 0);
    write_table(self, &ddl);
    rc = mc_buf_check(&ddl, "model", err);
    if (rc == MC_OK)
        rc = mc_db_exec_script(conn, mc_buf_get(&ddl), err);
    if (rc == MC_OK)
        rc = add_missing(self, conn, arena, err);
    mc_buf_init_arena(&ddl, arena, 0);
    write_indexes(self, arena, &ddl);
    if (rc == MC_OK)
        rc = mc_buf_check(&ddl, "model", err);
    if (rc == MC_OK)
        rc = mc_db_exec_script(conn, mc_buf_get(&ddl), err);
    mc_arena_free(arena);
    return rc;
}
