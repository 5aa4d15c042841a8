/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MODELBASE_MODELBASE_H
#define METACORE_MODELBASE_MODELBASE_H

/**
 * modelbase: what a model is: its columns, the base row that every model has, its tables, and the
 * registry that finds it by key.
 *
 * A model is declared as an mc_model_def (by a manifest or by a host's code) and built once into
 * an mc_model: columns resolved against its table and form metadata, rules compiled, names of the
 * store fixed. Everything a request needs is then a read of immutable memory.
 *
 * Every row has id, organization_id, created_by_id, created_at, updated_at, and deleted_at when
 * the model deletes softly. They are the kernel's: no client, guest or import writes them.
 *
 * An addon may want a schema per tenant: its model is then registered once, and mc_models_for_org
 * says in which schema an organization's rows are.
 *
 * Not here: requests on models (dynamic), lists (query), what the browser sees (metadata).
 * Threads:  a built model is immutable; mc_models is thread-safe.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"
#include "metacore/base/uuid.h"
#include "metacore/db/db.h"

MC_BEGIN_DECLS

#define MC_MODEL_COLUMNS_MAX 256
#define MC_DECIMAL_PRECISION 18 /* numeric(18,4), as the reference's tables have it */
#define MC_DECIMAL_SCALE 4

typedef enum mc_column_type {
    MC_COL_STRING = 1, /* varchar(size, 255 when 0) */
    MC_COL_TEXT,
    MC_COL_UUID,
    MC_COL_INT, /* 32 bit */
    MC_COL_BIGINT,
    MC_COL_DECIMAL, /* decimal, numeric, float, double */
    MC_COL_BOOL,
    MC_COL_TIMESTAMP, /* timestamp, datetime */
    MC_COL_DATE,
    MC_COL_JSON /* json, jsonb */
} mc_column_type;

/** The manifest's spelling, any case; false when unknown. */
MC_API bool mc_column_type_parse(mc_str name, mc_column_type *out);

/** As addons declare it; spec: manifest ColumnDef. Strings are borrowed. */
typedef struct mc_column_def {
    mc_str name;
    mc_str type;
    uint32_t size;
    bool required;
    bool index;
    bool unique;
    mc_str default_sql; /* a literal that manifest validation allows, or empty */
    mc_str ref;         /* the model a uuid points to, or empty */
    mc_str visibility;  /* "", all, table, modal, list */
    bool searchable;
    mc_str widget;
    mc_str regex; /* validation */
    mc_str min;   /* a decimal's text, or empty */
    mc_str max;
    mc_str custom;
} mc_column_def;

typedef struct mc_relation_def {
    mc_str name;
    mc_str kind; /* one_to_many, many_to_many, belongs_to */
    mc_str through;
    mc_str foreign_key;
    mc_str references; /* empty: id */
    mc_str pivot;
} mc_relation_def;

typedef struct mc_model_def {
    mc_str key;   /* in routes and capabilities */
    mc_str table; /* declared name, without schema */
    mc_str label;
    mc_str addon_key; /* empty: the host's own */
    bool org_scoped;
    bool soft_delete;
    const mc_column_def *columns;
    size_t column_count;
    const mc_relation_def *relations;
    size_t relation_count;
    const mc_json *table_meta; /* the manifest's "table" and "modal", or NULL: derived */
    const mc_json *modal_meta;
    const mc_json *actions; /* the manifest's actions[key], an array, or NULL */
    bool is_per_tenant;     /* each organization has a table of its own, in a schema of its own */
    mc_str schema;          /* where the table is; empty: the addon's shared schema */
    bool is_internal;       /* has a table, and neither routes nor metadata */
} mc_model_def;

/* ---- the built model ---- */

typedef struct mc_option {
    mc_str value; /* as text */
    mc_str label;
} mc_option;

/** Rules that a written value must keep; from the column and from the form field of that name. */
typedef struct mc_column_rules {
    bool required;     /* on create; is_nullable says whether an update may null it */
    size_t size_max;   /* characters; 0: none */
    const void *regex; /* compiled, searched as RE2 does: unanchored; NULL: none */
    mc_str regex_source;
    mc_str min; /* decimals; value for numbers, characters for text; empty: none */
    mc_str max;
    uint32_t formats;         /* MC_RULE_… bits */
    const mc_option *options; /* when any: the value must be one of them */
    size_t option_count;
} mc_column_rules;

enum {
    MC_RULE_EMAIL = 1 << 0,
    MC_RULE_URL = 1 << 1,
    MC_RULE_UUID = 1 << 2,
    MC_RULE_NUMERIC = 1 << 3,
    MC_RULE_INTEGER = 1 << 4
};

typedef struct mc_column {
    mc_str name;
    mc_column_type type;
    uint32_t size;
    bool is_system;   /* id, organization_id, …: never written by a client */
    bool is_nullable; /* in the store */
    bool is_index;
    bool is_unique; /* per organization, among rows not deleted */
    bool is_hidden; /* not filterable, sortable or searchable; not in exports */
    bool is_sortable;
    bool is_filterable;
    bool is_searchable;
    bool is_readonly;   /* the form says so: ignored on write */
    bool omit_null;     /* created_by_id: absent from JSON when null */
    mc_str default_sql; /* in the dialect; what a missing or null value becomes on create */
    mc_str ref;
    mc_str label;
    mc_column_rules rules;
    uint32_t position; /* as declared, from 0; system columns come after */
    mc_str visibility; /* as declared: "", all, table, modal, list */
    mc_str widget;
    mc_str custom;          /* a validator's name, for the form; nothing here knows it */
    mc_str default_literal; /* as declared, for the form */
    mc_str json_key;        /* "name": with quotes and colon, as a row's JSON has it */
} mc_column;

typedef struct mc_model {
    mc_str key;
    mc_str table;
    mc_str physical; /* quoted, ready for SQL: "addon_x.t" or "t" on SQLite */
    mc_str label;
    mc_str addon_key;
    bool soft_delete;
    const mc_column *columns; /* all that a row shows, system ones too (never deleted_at), sorted
                                 bytewise by name */
    size_t column_count;
    const mc_relation_def *relations;
    size_t relation_count;
    const mc_json *table_meta; /* normalised by nobody: metadata's input */
    const mc_json *modal_meta;
    const mc_json *actions;
    const char *select_list; /* "id", "created_at", … in the order of columns, for SELECT */
    mc_str schema;           /* empty: the host's own */
    bool is_per_tenant;      /* there is no such table: mc_models_for_org knows the tenants' */
    bool is_internal;        /* the kernel's own: of no interest to clients */
} mc_model;

/**
 * Builds def into a model of its own memory; def and what it points to are copied.
 *
 * A rule that cannot be compiled, an unknown type or a name that is not an identifier is INVALID,
 * naming model and column. Declared columns that repeat a system column are accepted and ignored.
 */
MC_API MC_MUST_USE mc_code mc_model_new(const mc_model_def *def, mc_db_dialect dialect,
                                        mc_model **out, mc_err *err);
MC_API void mc_model_free(mc_model *model);

/** NULL when there is none of that name. */
MC_API const mc_column *mc_model_find_column(const mc_model *model, mc_str name);

/** What people call a row by: the first of the usual names (name, title, …) that the model shows,
 *  else its first text column that is shown, else id. */
MC_API const mc_column *mc_model_label_column(const mc_model *model);

/** Characters matched by rules.regex, under a match limit; false also when the limit was hit. */
MC_API bool mc_column_regex_matches(const mc_column *column, mc_str text);

/** The kernel's own table of people as a model: what others of their organization may see of them,
 *  and nothing else. It is nobody's to write through. */
MC_API mc_model_def mc_model_users_def(void);

/* ---- pivots: the table between two models, for many_to_many ---- */

/**
 * The model of relation's pivot, which nobody declares: internal, with a column for either side:
 * relation's foreign key, and "<through, singular>_id". Its strings are owner's, relation's and of
 * arena.
 */
MC_API MC_MUST_USE mc_code mc_model_pivot_def(mc_arena *arena, const mc_model_def *owner,
                                              const mc_relation_def *relation, mc_model_def *out,
                                              mc_err *err);
/** models and, after them, the pivots of their relations that none of them is; in arena. */
MC_API MC_MUST_USE mc_code mc_model_add_pivots(mc_arena *arena, const mc_model_def **models,
                                               size_t *count, mc_err *err);
/** The column of pivot, declared or not, that points to relation's other side: the one whose ref
 *  says so, else the only other uuid; NULL when that leaves it open. */
MC_API const mc_column *mc_model_pivot_target(const mc_model *pivot,
                                              const mc_relation_def *relation);

/* ---- tables ---- */

/** "addon_<key>", at most 63 bytes: longer ones end in a hash, so that two never collide. */
MC_API mc_str mc_schema_name(mc_arena *arena, mc_str addon_key);
/** "addon_<key>$<organization>": no addon's key holds a '$', so it is never another's schema. */
MC_API mc_str mc_tenant_schema_name(mc_arena *arena, mc_str addon_key, mc_uuid org_id);
/** name, or its head and a hash of the whole when it is longer than 63 bytes. */
MC_API mc_str mc_capped_name(mc_arena *arena, mc_str name);
/** Quoted for the dialect: "addon_x.t" on SQLite, "addon_x"."t" on PostgreSQL; no schema: "t". */
MC_API mc_str mc_physical_name(mc_arena *arena, mc_db_dialect dialect, mc_str schema, mc_str table);

/**
 * Makes the model's table and indexes exist: creates it, or adds what is missing to one that a
 * migration made (kernel columns included). Never drops, renames or retypes a column.
 *
 * Unique columns become unique per organization among rows that are not deleted. An index of a
 * migration that makes such a column unique across organizations is dropped for it: it would let
 * one organization find out, and block, what another has.
 * conn is in a transaction. Errors: the driver's, named.
 */
MC_API MC_MUST_USE mc_code mc_model_ensure_table(const mc_model *model, mc_db_conn *conn,
                                                 mc_err *err);

/** The statements that make the table from nothing, as ensure runs them; for people and tests. */
MC_API void mc_model_write_ddl(const mc_model *model, mc_buf *out);

/* ---- registry ---- */

typedef struct mc_models mc_models;

MC_API MC_MUST_USE mc_code mc_models_new(mc_models **out, mc_err *err);
MC_API void mc_models_free(mc_models *models);
/**
 * Takes model; one of the same key and addon is replaced (and kept until mc_models_free, so that
 * pointers handed out stay good). Errors: CONFLICT: the key is another addon's; model is freed.
 */
MC_API MC_MUST_USE mc_code mc_models_put(mc_models *models, mc_model *model, mc_err *err);
/** Takes model without serving it: it lives as long as the registry, and is found by nobody. */
MC_API MC_MUST_USE mc_code mc_models_adopt(mc_models *models, mc_model *model, mc_err *err);
/** Forgets the models of an addon. */
MC_API void mc_models_remove_addon(mc_models *models, mc_str addon_key);
/** Forgets those of its models that are none of kept: a new version of the addon has them not. */
MC_API void mc_models_keep_only(mc_models *models, mc_str addon_key, const mc_model_def *kept,
                                size_t kept_count);
/** Borrowed for the registry's life; NULL when there is none. Exact case. */
MC_API const mc_model *mc_models_find(mc_models *models, mc_str key);
/**
 * The model whose table holds org_id's rows: model itself, or its like in the tenant's own schema.
 * Borrowed for the registry's life.
 */
MC_API MC_MUST_USE mc_code mc_models_for_org(mc_models *models, const mc_model *model,
                                             mc_uuid org_id, const mc_model **out, mc_err *err);
/** All of now, sorted by key, in arena. */
MC_API MC_MUST_USE mc_code mc_models_list(mc_models *models, mc_arena *arena,
                                          const mc_model *const **out, size_t *out_count,
                                          mc_err *err);
/** Grows with each put and remove: caches compare it. */
MC_API uint64_t mc_models_generation(const mc_models *models);

MC_END_DECLS
#endif
