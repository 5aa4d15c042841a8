/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SQLGATE_SQLGATE_INTERNAL_H
#define METACORE_SQLGATE_SQLGATE_INTERNAL_H

#include "metacore/base/buf.h"
#include "metacore/sqlgate/sqlgate.h"

#include <pg_query/pg_query.pb-c.h>

#define MC__GATE_TABLES_MAX 500

/* What a constant is for. */
typedef enum mc__gate_kind {
    MC__GATE_PLAIN,
    MC__GATE_DECIMAL, /* a decimal column: canonical text */
    MC__GATE_BOOL,    /* a boolean column: 1 or 0 */
    MC__GATE_SERIAL,  /* a column that numbers itself */
    MC__GATE_ARRAY,   /* kept as JSON */
    MC__GATE_ENUM,    /* text, one of a type's values */
    MC__GATE_TIME,    /* an instant as the kernel writes it */
    MC__GATE_UUID,    /* 36 lower-case bytes */
    MC__GATE_JSON,
    MC__GATE_VALUE /* a column whose type is not at hand */
} mc__gate_kind;

typedef struct mc__gate_column {
    mc_str name;
    bool is_there; /* false: dropped */
    mc__gate_kind kind;
} mc__gate_column;

/* A table that this migration has touched so far. */
typedef struct mc__gate_table {
    mc_str name;
    mc_str stored;            /* its name before this migration */
    bool is_whole;            /* columns are all it has; else ask for what was stored before, too */
    mc__gate_column *columns; /* the latest of a name counts */
    size_t column_count;
} mc__gate_table;

/* A migration being translated. */
typedef struct mc__gate {
    const mc_sqlgate_config *config;
    mc_arena *arena;
    mc_db_dialect dialect;
    mc_str schema;   /* where its names are */
    mc_str own_name; /* "addon_<key>": what an author may call it, whoever's tenant it is */
    mc_str *statements;
    size_t statement_count;
    mc__gate_table *tables; /* the latest of a name counts */
    size_t table_count;
    mc_str *touches; /* functions that only set updated_at */
    size_t touch_count;
    const char *text;
    mc_str table;     /* that the statement is about */
    bool is_guest;    /* only its constants are read here: what is wrong is REJECTED */
    bool in_conflict; /* "excluded" is the row that could not be inserted */
    int32_t at;       /* byte of the statement that is read */
    mc_err *err;
} mc__gate;

/* "schema"."name" on PostgreSQL, "schema.name" on SQLite. */
mc_str mc__gate_physical(mc__gate *g, mc_str name);
/* The name of an index where it is made: PostgreSQL wants it without its schema. */
mc_str mc__gate_index_name(mc__gate *g, mc_str name);
bool mc__gate_is_postgres(const mc__gate *g);

/* Of the INSERT that is read. */
void mc__gate_tell_unowned(const mc__gate *g);
mc_code mc__gate_refuse(mc__gate *g, const char *fmt, ...) MC_PRINTF(2, 3);
mc_code mc__gate_emit(mc__gate *g, mc_buf *sql);
/* gate_parse.c: a tree that is not deep. */
mc_code mc__gate_parse(const char *text, bool is_guest, PgQuery__ParseResult **out, mc_err *err);

/* gate_names.c: a name that may stand in the store, of a what: "column". */
mc_code mc__gate_name(mc__gate *g, const char *what, const char *name, mc_str *out);
/* As mc__gate_name, of g->table's: org_id may stand for organization_id. */
mc_code mc__gate_column_name(mc__gate *g, const char *name, mc_str *out);
/* The quoted physical name of the addon's own relation or index. FORBIDDEN: another schema's. */
mc_code mc__gate_relation(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *out,
                          mc_str *out_name);
/* The same of one that has to be there; it is what the statement is about from now on. */
mc_code mc__gate_target(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *out,
                        mc_str *out_name);
mc_code mc__gate_own_name(mc__gate *g, mc_str schema, const char *what, const char *name,
                          mc_buf *out, mc_str *out_name);
bool mc__gate_is_kernel_column(mc_str name);
bool mc__gate_table_has(mc__gate *g, mc_str table, mc_str column);
/* is_whole: it is new and has what is noted of it, no matter what there was. */
mc_code mc__gate_note_table(mc__gate *g, mc_str name, bool is_whole);
mc_code mc__gate_note_column(mc__gate *g, mc_str table, mc_str column, bool is_there);
/* What is known of a column that this migration made; else MC__GATE_VALUE. */
mc__gate_kind mc__gate_kind_of(mc__gate *g, mc_str table, mc_str column);
void mc__gate_note_kind(mc__gate *g, mc_str table, mc_str column, mc__gate_kind kind);
mc_code mc__gate_rename_table(mc__gate *g, mc_str from, mc_str to);

/* gate_types.c: the store's column type, and what its constants are. is_cast: of a value. */
mc_code mc__gate_type(mc__gate *g, const PgQuery__TypeName *type, mc_buf *out, mc__gate_kind *kind);

/* gate_expr.c: a constant, as a column of that kind keeps it. */
mc_code mc__gate_constant(mc__gate *g, const PgQuery__AConst *c, mc__gate_kind kind, mc_buf *out);
/* gate_expr.c: an expression of constants, columns and harmless functions. */
mc_code mc__gate_expr(mc__gate *g, const PgQuery__Node *node, mc__gate_kind kind, mc_buf *out);

/* gate_array.c: '{a,b}' and ARRAY['a', 'b'] as JSON. */
mc_code mc__gate_array_text(mc__gate *g, mc_str text, mc_buf *out);
mc_code mc__gate_array(mc__gate *g, const PgQuery__AArrayExpr *array, mc_buf *out);
void mc__gate_write_text(mc_buf *out, mc_str text);

/* gate_enum.c */
bool mc__gate_is_enum(mc__gate *g, mc_str name);
mc_code mc__gate_create_enum(mc__gate *g, const PgQuery__CreateEnumStmt *stmt);
mc_code mc__gate_alter_enum(mc__gate *g, const PgQuery__AlterEnumStmt *stmt);
mc_code mc__gate_drop_enum(mc__gate *g, const PgQuery__Node *node, bool missing_ok);
/* Holds column of table to the values of an enumerated type. */
mc_code mc__gate_enum_rule(mc__gate *g, mc_str table, mc_str column, mc_str type);

/* gate_rule.c: what a table is held to by triggers, because its statement is over. */
mc_code mc__gate_add_constraint(mc__gate *g, mc_str table, const PgQuery__Constraint *c);
mc_code mc__gate_drop_constraint(mc__gate *g, mc_str table, const char *name);
/* SQLite: after each insert and update: fails when broken, an expression of the row, is true. */
mc_code mc__gate_rule(mc__gate *g, mc_str table, mc_str name, mc_str broken);

/* gate_session.c: what has no effect, or is refused. */
mc_code mc__gate_policy(mc__gate *g, const PgQuery__CreatePolicyStmt *stmt);
mc_code mc__gate_function(mc__gate *g, const PgQuery__CreateFunctionStmt *stmt);
mc_code mc__gate_trigger(mc__gate *g, const PgQuery__CreateTrigStmt *stmt);
mc_code mc__gate_set(mc__gate *g, const PgQuery__VariableSetStmt *stmt);
mc_code mc__gate_transaction(mc__gate *g, const PgQuery__TransactionStmt *stmt);
mc_code mc__gate_schema(mc__gate *g, const PgQuery__CreateSchemaStmt *stmt);
mc_code mc__gate_extension(mc__gate *g, const PgQuery__CreateExtensionStmt *stmt);

/* gate_data.c */
mc_code mc__gate_insert(mc__gate *g, const PgQuery__InsertStmt *stmt);
mc_code mc__gate_update(mc__gate *g, const PgQuery__UpdateStmt *stmt);
mc_code mc__gate_delete(mc__gate *g, const PgQuery__DeleteStmt *stmt);

/* gate_table.c, gate_alter.c, gate_index.c */
mc_code mc__gate_create_table(mc__gate *g, const PgQuery__CreateStmt *stmt);
/* One column of the table `name`, for ALTER TABLE: out ends in its definition. */
mc_code mc__gate_add_column(mc__gate *g, mc_str name, const PgQuery__ColumnDef *def, mc_buf *out);
mc_code mc__gate_rename(mc__gate *g, const PgQuery__RenameStmt *stmt);
mc_code mc__gate_alter_table(mc__gate *g, const PgQuery__AlterTableStmt *stmt);
mc_code mc__gate_create_index(mc__gate *g, const PgQuery__IndexStmt *stmt);
/* A unique index over columns, per organization where the table has one; name empty: made up. */
mc_code mc__gate_unique(mc__gate *g, mc_str table, mc_str name, const mc_str *columns,
                        size_t count);
/* "REFERENCES t (id) …" of a foreign key of g->table. */
mc_code mc__gate_references(mc__gate *g, const PgQuery__Constraint *c, mc_buf *out);

#endif
