/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SQLGATE_SQLGATE_INTERNAL_H
#define METACORE_SQLGATE_SQLGATE_INTERNAL_H

#include "metacore/base/buf.h"
#include "metacore/sqlgate/sqlgate.h"

#include <pg_query/pg_query.pb-c.h>

typedef struct mc__gate_table {
    mc_str name;
    bool has_org, has_deleted;
} mc__gate_table;

/* A migration being translated. */
typedef struct mc__gate {
    const mc_sqlgate_config *config;
    mc_arena *arena;
    mc_str schema;
    mc_str *statements;
    size_t statement_count;
    mc__gate_table *tables; /* made in this file */
    size_t table_count;
    int32_t at; /* byte of the statement that is read */
    mc_err *err;
} mc__gate;

mc_code mc__gate_refuse(mc__gate *g, const char *fmt, ...) MC_PRINTF(2, 3);
mc_code mc__gate_emit(mc__gate *g, mc_buf *sql);
/* The quoted physical name of the addon's own relation. FORBIDDEN: another schema's. */
mc_code mc__gate_relation(mc__gate *g, const PgQuery__RangeVar *relation, mc_buf *out,
                          mc_str *out_name);
mc_code mc__gate_column_name(mc__gate *g, const char *name, mc_str *out);
bool mc__gate_table_has(mc__gate *g, mc_str table, mc_str column);

/* gate_types.c: the store's column type, and whether it holds decimals or booleans. */
typedef enum mc__gate_kind { MC__GATE_PLAIN, MC__GATE_DECIMAL, MC__GATE_BOOL } mc__gate_kind;
mc_code mc__gate_type(mc__gate *g, const PgQuery__TypeName *type, mc_buf *out, mc__gate_kind *kind);

/* gate_expr.c: an expression of constants, columns and harmless functions. */
mc_code mc__gate_expr(mc__gate *g, const PgQuery__Node *node, mc__gate_kind kind, mc_buf *out);

/* gate_table.c, gate_index.c */
mc_code mc__gate_create_table(mc__gate *g, const PgQuery__CreateStmt *stmt);
mc_code mc__gate_alter_table(mc__gate *g, const PgQuery__AlterTableStmt *stmt);
mc_code mc__gate_create_index(mc__gate *g, const PgQuery__IndexStmt *stmt);
/* A unique index over columns, per organization where the table has one. */
mc_code mc__gate_unique(mc__gate *g, mc_str table, const mc_str *columns, size_t count);

#endif
