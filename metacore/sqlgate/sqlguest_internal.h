/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SQLGATE_SQLGUEST_INTERNAL_H
#define METACORE_SQLGATE_SQLGUEST_INTERNAL_H

#include "metacore/sqlgate/sqlgate_internal.h"
#include "metacore/sqlgate/sqlguest.h"

#define MC__SQL_DEPTH_MAX 100
#define MC__SQL_READS_MAX 64

/* An expression, written. */
typedef struct mc__sql_value {
    mc_str sql;
    mc_sql_kind kind;
    const PgQuery__Node *open; /* a constant or parameter: its place may say what it is */
} mc__sql_value;

/* A column of a source or a result. */
typedef struct mc__sql_column {
    mc_str name; /* the author's */
    mc_str own;  /* quoted, in what is written */
    mc_sql_kind kind;
    const char *type;
    bool is_merged; /* USING: found by the other side's name */
} mc__sql_column;

typedef struct mc__sql_source {
    struct mc__sql_source *next;
    mc_str name;  /* the author's */
    mc_str alias; /* ours, quoted; empty: its columns stand alone */
    mc__sql_column *columns;
    size_t count;
} mc__sql_source;

typedef struct mc__sql_cte {
    const struct mc__sql_cte *next;
    mc_str name, own;
    mc__sql_column *columns;
    size_t count;
} mc__sql_cte;

/* Where names are looked for: here, then outside. */
typedef struct mc__sql_scope {
    const struct mc__sql_scope *outer;
    mc__sql_source *sources, *last;
    const mc__sql_cte *ctes;
} mc__sql_scope;

typedef struct mc__sql_result {
    mc_str sql;
    mc__sql_column *columns;
    size_t count;
} mc__sql_result;

typedef struct mc__sql {
    const mc_sqlguest_config *config;
    mc_arena *arena;
    mc_err *err;
    mc_sqlguest_statement *out;
    mc__gate gate; /* reads constants */
    mc_str reads[MC__SQL_READS_MAX];
    unsigned names; /* given out */
    unsigned depth;
    bool is_returning; /* neither sub-selects nor aggregates; columns stand alone */
    bool is_out_of_memory;
} mc__sql;

mc_str mc__sql_keep(mc__sql *q, mc_str text);
/* Text in the arena; running out is noted, and told at the end. */
#define mc__sql_text(q, ...) mc__sql_keep((q), mc_str_printf((q)->arena, __VA_ARGS__))

/* sqlguest.c */
mc_code mc__sql_refuse(mc__sql *q, mc_code code, const char *fmt, ...) MC_PRINTF(3, 4);
/* "what is not provided": a construct that is not understood. */
mc_code mc__sql_unknown(mc__sql *q, const char *what);
/* A number of a parameter of ours. */
unsigned mc__sql_own_param(mc__sql *q, unsigned number);
/* A quoted name that no author can write. */
mc_str mc__sql_new_name(mc__sql *q);

/* sqlguest_names.c */
mc_code mc__sql_find_relation(mc__sql *q, const PgQuery__RangeVar *var, bool is_write,
                              mc_sqlguest_relation *out);
/* " AND condition" that holds for rows of the organization; alias may be empty. */
mc_str mc__sql_org_condition(mc__sql *q, const mc_sqlguest_relation *relation, mc_str alias);
mc_code mc__sql_add_source(mc__sql *q, mc__sql_scope *scope, mc_str name, mc_str alias,
                           mc__sql_column *columns, size_t count, mc__sql_source **out);
/* The columns of a relation, as a source has them. */
mc_code mc__sql_relation_columns(mc__sql *q, const mc_sqlguest_relation *relation,
                                 mc__sql_column **out);
mc_code mc__sql_column_ref(mc__sql *q, const mc__sql_scope *scope, const PgQuery__ColumnRef *ref,
                           mc__sql_value *out);
const mc__sql_column *mc__sql_find_column(const mc__sql_source *source, mc_str name);
mc_str mc__sql_member(mc__sql *q, const mc__sql_source *source, const mc__sql_column *column);

/* sqlguest_from.c: the clause's text, its sources in scope. */
mc_code mc__sql_from(mc__sql *q, mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                     mc_str *out);

/* sqlguest_with.c */
mc_code mc__sql_with(mc__sql *q, const mc__sql_scope *outer, const PgQuery__WithClause *with,
                     const mc__sql_cte **ctes, mc_str *out);

/* sqlguest_select.c; left's columns become what they are in both. */
mc_code mc__sql_join_kinds(mc__sql *q, mc__sql_result *left, const mc__sql_result *right);
/* expected: what the columns are for, or NULL. */
mc_code mc__sql_select(mc__sql *q, const PgQuery__SelectStmt *stmt, const mc__sql_scope *outer,
                       const mc_sql_kind *expected, size_t expected_count, mc__sql_result *out);
mc_code mc__sql_targets(mc__sql *q, const mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                        const mc_sql_kind *expected, size_t expected_count, mc__sql_result *out);
/* " WHERE condition", or nothing; or the condition alone. */
mc_code mc__sql_condition(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                          const char *before, mc_str *out);
/* "a DESC NULLS FIRST, b" */
mc_code mc__sql_order(mc__sql *q, const mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                      const mc__sql_result *result, bool is_compound, mc_str *out);

/* sqlguest_expr.c */
mc_code mc__sql_expr(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                     mc__sql_value *out);
/* The same, of a boolean. */
mc_code mc__sql_truth(mc__sql *q, const mc__sql_scope *scope, const PgQuery__Node *node,
                      mc_str *out);
/* All of one kind, in arena: as the arms of CASE are. */
mc_code mc__sql_list(mc__sql *q, const mc__sql_scope *scope, PgQuery__Node **items, size_t count,
                     mc__sql_value **out, mc_sql_kind *kind);

/* "a, b" */
mc_str mc__sql_joined(mc__sql *q, const mc__sql_value *values, size_t count);

/* sqlguest_operator.c */
mc_code mc__sql_operation(mc__sql *q, const mc__sql_scope *scope, const PgQuery__AExpr *e,
                          mc__sql_value *out);

/* sqlguest_types.c: a value that is still open becomes of kind; others that can, too. */
mc_code mc__sql_settle(mc__sql *q, mc__sql_value *value, mc_sql_kind kind);
/* What a column of kind takes. */
mc_code mc__sql_assign(mc__sql *q, mc__sql_value *value, mc_str column, mc_sql_kind kind);
mc_code mc__sql_cast(mc__sql *q, mc__sql_value *value, mc_sql_kind kind);
/* Both of one kind, fit for comparing. */
mc_code mc__sql_unify(mc__sql *q, mc__sql_value *a, mc__sql_value *b);
mc_code mc__sql_type(mc__sql *q, const PgQuery__TypeName *name, mc_sql_kind *out);

/* sqlguest_call.c */
mc_code mc__sql_call(mc__sql *q, const mc__sql_scope *scope, const PgQuery__FuncCall *call,
                     mc__sql_value *out);

/* sqlguest_write.c */
mc_code mc__sql_insert(mc__sql *q, const PgQuery__InsertStmt *stmt);
mc_code mc__sql_update(mc__sql *q, const PgQuery__UpdateStmt *stmt);
mc_code mc__sql_delete(mc__sql *q, const PgQuery__DeleteStmt *stmt);

#endif
