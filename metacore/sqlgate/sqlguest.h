/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SQLGATE_SQLGUEST_H
#define METACORE_SQLGATE_SQLGUEST_H

/**
 * sqlguest: one statement of a guest, written anew so that it reaches one organization's rows only.
 *
 * PostgreSQL's parser makes a tree; what is understood is written for SQLite, and nothing of the
 * author's text but constants and the names of columns reaches it: tables, aliases and common table
 * expressions get names of ours, so none can hide another. Each relation is read through
 *   (SELECT its columns FROM the table WHERE "organization_id" = the invocation's)
 * wherever it stands: joined, correlated, in a set operation, a recursion, a sub-select of a write.
 * A change carries the same condition on its target, the row of an upsert's conflict included; a
 * new row's organization_id is written by us, and is not for an UPDATE to touch.
 *
 * Understood: SELECT with joins, sub-selects, set operations, common table expressions (recursive
 * ones only when reading), grouping, windows, VALUES; INSERT … VALUES and SELECT, ON CONFLICT;
 * UPDATE … FROM; DELETE … USING; RETURNING of the target's columns. Functions are those of a list.
 * All else is refused.
 *
 * Expressions have types, as in PostgreSQL: constants and parameters take them from where they
 * stand. Sums and products of decimals are exact. Nothing that depends on a row's value is an error
 * where PostgreSQL would raise one (division by zero, a text that is no number): it is NULL, for an
 * error about a row that the condition leaves out would tell of it.
 *
 * Not here: who may reach which relation (the caller's find), running it.
 * Threads:  functions; safe in several threads.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/uuid.h"

MC_BEGIN_DECLS

#define MC_SQLGUEST_BYTES_MAX ((size_t)16384)
#define MC_SQLGUEST_ARGS_MAX 64
/** Parameters of ours, behind the guest's. */
#define MC_SQLGUEST_ORG (MC_SQLGUEST_ARGS_MAX + 1)
#define MC_SQLGUEST_NOW (MC_SQLGUEST_ARGS_MAX + 2)
#define MC_SQLGUEST_USER (MC_SQLGUEST_ARGS_MAX + 3)

typedef enum mc_sql_kind {
    MC_SQL_ANY, /* as it is: nobody said what it is */
    MC_SQL_BOOL,
    MC_SQL_INT,
    MC_SQL_DECIMAL,
    MC_SQL_TEXT,
    MC_SQL_UUID,
    MC_SQL_TIME,
    MC_SQL_DATE,
    MC_SQL_JSON,
    MC_SQL_BYTES
} mc_sql_kind;

/** What PostgreSQL calls it: "int8"; NULL of MC_SQL_ANY. */
MC_API const char *mc_sql_kind_name(mc_sql_kind kind);

typedef struct mc_sqlguest_column {
    mc_str name; /* a checked identifier */
    mc_sql_kind kind;
    const char *type; /* as PostgreSQL has it, "varchar"; NULL: the kind's */
} mc_sqlguest_column;

typedef struct mc_sqlguest_relation {
    mc_str physical; /* quoted, for SQL */
    mc_str stored;   /* the same, unquoted */
    const mc_sqlguest_column *columns;
    size_t column_count;
    bool is_tenants;   /* one organization's whole table: there is no row of another's */
    bool is_model;     /* has the kernel's columns, which are stamped; its changes are told */
    const void *model; /* the finder's own */
} mc_sqlguest_relation;

typedef struct mc_sqlguest_config {
    uint32_t struct_size;
    bool is_exec;   /* INSERT, UPDATE, DELETE; else SELECT */
    mc_uuid org_id; /* the invocation's */
    /**
     * Required. The relation of a name, when the guest may do that to it; schema may be empty.
     * Strings live as long as the statement. Errors  FORBIDDEN, NOT_FOUND, and the store's.
     */
    mc_code (*find)(void *user, mc_str schema, mc_str table, bool is_write,
                    mc_sqlguest_relation *out, mc_err *err);
    void *find_user;
} mc_sqlguest_config;
#define MC_SQLGUEST_CONFIG .struct_size = sizeof(mc_sqlguest_config)

typedef enum mc_sqlguest_verb {
    MC_SQLGUEST_SELECT,
    MC_SQLGUEST_INSERT,
    MC_SQLGUEST_UPDATE,
    MC_SQLGUEST_DELETE
} mc_sqlguest_verb;

typedef struct mc_sqlguest_statement {
    mc_sqlguest_verb verb;
    mc_str sql;
    mc_sql_kind params[MC_SQLGUEST_ARGS_MAX]; /* of $1 …, as far as their places say */
    uint64_t org_params;                      /* bit n: $n+1 stands for the row's organization */
    size_t param_count;                       /* of the guest's */
    size_t arg_count;                         /* to bind, ours included; those between are unused */
    const mc_sqlguest_column *columns;        /* of its rows */
    size_t column_count;
    bool is_upsert;              /* ON CONFLICT DO UPDATE */
    mc_strs fields;              /* that an UPDATE sets */
    bool has_id;                 /* a last column more: the id of the row that was changed */
    mc_sqlguest_relation target; /* what is changed */
    mc_strs reads;               /* stored names */
} mc_sqlguest_statement;

/**
 * Errors  INVALID: not one statement of those that are understood. FORBIDDEN: a relation or
 *         function that is not the guest's. NOT_FOUND, REJECTED: what PostgreSQL would refuse: no
 *         such column, types that do not fit. TOO_LARGE. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_sqlguest_translate(const mc_sqlguest_config *config, mc_arena *arena,
                                                 mc_str sql, mc_sqlguest_statement *out,
                                                 mc_err *err);

/** Whether the store's function of that name stands in translated statements. */
MC_API bool mc_sqlguest_is_function(mc_str name);

MC_END_DECLS
#endif
