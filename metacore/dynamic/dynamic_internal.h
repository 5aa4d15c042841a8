/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_INTERNAL_H

#include "metacore/base/sync.h"
#include "metacore/dynamic/dynamic.h"
#include "metacore/query/query.h"

#include <stdatomic.h>

#define MC__HOOKS_MAX 256
#define MC__KEPT 4096 /* answers kept */
#define MC__KEPT_TEXT_MAX ((size_t)64 << 10)
#define MC__KEPT_BYTES_MAX ((size_t)4 << 20)
#define MC__KEPT_CHEAP_US 1000      /* below: never served out of date */
#define MC__KEPT_AGE_PER_COST 20    /* so that renewing takes at most a twentieth of the time */
#define MC__KEPT_AGE_MAX_US 5000000 /* out of date at most this long */
#define MC__GENERATIONS 4096        /* counters of writes, by organization and model */
#define MC__ROUTES_MAX 128

typedef struct mc__hook {
    mc_str model_key;
    mc_dynamic_event event;
    mc_dynamic_hook_fn fn;
    void *user;
} mc__hook;

typedef struct mc__kept {
    uint64_t key; /* 0: free */
    uint64_t generation;
    int64_t at_us;       /* when it was true, monotonic */
    int64_t cost_us;     /* of finding it out */
    const void *renewer; /* the request that finds it out anew; only compared */
    char *text;
    size_t len;
} mc__kept;

struct mc_dynamic {
    mc_dynamic_config config;
    mc_db_dialect dialect;
    mc_model *users; /* what relations to the kernel's own people show; not in the registry */
    mc__hook hooks[MC__HOOKS_MAX];
    size_t hook_count;
    mc_http_route routes[MC__ROUTES_MAX];
    size_t route_count;
    /* Grows when a write of its slot is durable; a slot may be shared, which only costs a count. */
    atomic_ullong generations[MC__GENERATIONS];
    mc_mutex mu;
    mc__kept kept[MC__KEPT]; /* guarded by mu */
    size_t kept_bytes;       /* guarded by mu */
};

/* One column that will be written. */
typedef struct mc__assignment {
    const mc_column *column;
    mc_db_value value;
} mc__assignment;

struct mc_dynamic_write {
    const mc_model *model;
    const mc_json *input;
    bool is_create;
    bool is_merge; /* a merge patch: objects are merged into what JSON columns hold */
    mc_uuid id;    /* of a create: chosen before; nil: a new one */
    bool is_versioned;
    mc_time stated_version; /* with is_versioned: the updated_at that the input brought */
    mc__assignment *items;
    size_t count;
};

/* dynamic_values.c: one JSON value as column's type; notes a field error and returns the code. */
mc_code mc__dynamic_value(mc_ctx *ctx, const mc_column *column, const mc_json *value,
                          mc_db_value *out);
/* dynamic_rules.c: the rules of column on a value that has its type. MC_OK or MC_REJECTED. */
mc_code mc__dynamic_check_rules(mc_ctx *ctx, const mc_column *column, const mc_db_value *value);
/* The message of the first field error, as the error's. */
/* message, a refusal's, in the reader's language. */
static inline void mc__dynamic_say(const mc_dynamic *self, mc_ctx *ctx, mc_str *message)
{
    if (self->config.say)
        (void)self->config.say(self->config.say_user, ctx, message);
}
mc_code mc__dynamic_field_failure(const mc_ctx *ctx, mc_code rc, mc_err *err);

/* dynamic_layout.c, dynamic_rows.c */
typedef struct mc__row_layout mc__row_layout;
/* The columns of a SELECT or RETURNING, and how a row of them becomes JSON. */
mc_code mc__row_layout_new(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                           mc__row_layout **out, mc_err *err);
typedef struct mc__row_shape {
    mc_str fields; /* "a,b"; empty: all. id always */
    mc_str expand; /* "project.owner,created_by": siblings beyond those of every row */
} mc__row_shape;
/* The same in another shape. INVALID naming "fields" or "expand": a column that is hidden or
 * unknown, or no reference. mc__row_version wants all fields. */
mc_code mc__row_layout_shape(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                             const mc__row_shape *shape, mc__row_layout **out, mc_err *err);
size_t mc__row_layout_column_count(const mc__row_layout *layout); /* of its SELECT */
/* Adds when the row was deleted, or null; of a model that deletes softly. */
mc_code mc__row_layout_show_deleted(mc__row_layout *layout, mc_arena *arena, mc_err *err);
mc_str mc__row_layout_columns(const mc__row_layout *layout);
/* One value of column as JSON, also null. */
void mc__value_write(mc_db_dialect dialect, const mc_column *column, mc_db_rows *rows, size_t at,
                     mc_buf *out);
void mc__row_write(const mc__row_layout *layout, mc_db_rows *rows, mc_buf *out);
mc_time mc__row_version(const mc__row_layout *layout, mc_db_rows *rows);
/* Decimals of a store that pads ("1.5000") without the zeros. */
void mc__decimal_write(mc_buf *out, mc_str text);
/* dynamic_export_cell.c: a value as files hold it: its text, unquoted; nothing for null. at: in the
 * SELECT. */
void mc__cell_write(mc_db_dialect dialect, mc_db_rows *rows, size_t at, const mc_column *column,
                    mc_buf *out);

/* dynamic_current.c */
typedef struct mc__current {
    mc_time version; /* its updated_at */
    mc_time created_at;
    mc_str *changed; /* the columns that a write would give another value */
    size_t changed_count;
} mc__current;
/* The row that write is for, locked until the transaction's end; merge patches in write are
 * resolved. NOT_FOUND "record not found": also one that is not deleted when is_deleted asks. */
mc_code mc__current_load(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         bool is_deleted, mc__current *out, mc_err *err);
/* What updated_at becomes. */
mc_time mc__next_version(mc_time now, mc_time version);

/* dynamic_patch.c: what patch, an object, makes of the stored JSON text. */
mc_code mc__dynamic_merge(mc_ctx *ctx, mc_str stored, const mc_json *patch, mc_str *out,
                          mc_err *err);

/* dynamic_version.c */
/* row: the JSON that is sent; NULL ptr when memory is gone. */
mc_str mc__etag(mc_arena *arena, mc_time version, mc_str row);
/* The request's If-Match and If-None-Match on a row that will be written; user is it. PRECONDITION.
 */
mc_code mc__check_version(void *user, mc_time version, mc_err *err);
typedef struct mc__version_tag {
    mc_arena *arena;
    mc_str tag; /* as in If-Match */
} mc__version_tag;
/* The same of a tag that stands in a body; user is an mc__version_tag. */
mc_code mc__check_version_tag(void *user, mc_time version, mc_err *err);
/* Whether stated is a version that the row had and has no more. What it never can have had, a
 * client's own invention, says nothing. */
bool mc__is_stale(mc_time stated, mc_time version, mc_time created_at);

/* dynamic_statement.c */
typedef struct mc__statement {
    mc_buf sql;
    mc_db_value *args;
    size_t count;
} mc__statement;
mc_code mc__statement_init(mc__statement *s, mc_ctx *ctx, size_t args_max, mc_err *err);
/* Binds value and writes its $n. */
void mc__statement_arg(mc__statement *s, mc_db_value value);
void mc__statement_where_row(mc__statement *s, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                             bool is_deleted);
/* Runs s, which returns one row or none. */
mc_code mc__statement_one(mc_ctx *ctx, mc__statement *s, const mc__row_layout *layout, mc_buf *out,
                          mc_time *out_version, bool *out_found, mc_err *err);
/* A driver's failure in words for strangers. */
mc_code mc__write_failure(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_code rc,
                          mc_err *err);

/* dynamic_change.c */
/* The row as it is before action, for who listens to writes; empty when nobody wants it. */
mc_code mc__dynamic_before(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                           mc_dynamic_action action, mc_str *out, mc_err *err);
/* After each write of a row, in its transaction; org_id and actor_id are ctx's. */
mc_code mc__dynamic_changed(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_change *change,
                            mc_err *err);

/* The first value of name that is not empty, or empty. */
mc_str mc__pair_find(const mc_header *pairs, size_t count, mc_str name);

/* dynamic_refs.c */
/* The table, and a column fit for people, that ref points to; false when nobody knows it. */
bool mc__ref_target(mc_dynamic *self, mc_ctx *ctx, mc_str ref, mc_str *out_table, mc_str *out_label,
                    bool *out_soft_delete);
/* dynamic_labels.c */
/* A reference to follow: from column to a row that ctx may read. */
typedef struct mc__hop {
    const mc_column *column;
    mc_str table;
    mc_str label; /* its column for people */
    bool soft_delete;
    const mc_model *model; /* NULL: users */
} mc__hop;
/* The model that column points to: also the user that created_by_id is. Empty: none. */
mc_str mc__ref_of(const mc_column *column);
/* False when column points nowhere, or where ctx may not read. */
bool mc__hop_open(mc_dynamic *self, mc_ctx *ctx, const mc_column *column, mc__hop *out);
/* "(SELECT … )": column of the row that is count hops away from a row of model; org is the
 * organization's expression. */
void mc__hops_write(const mc_model *model, const mc__hop *hops, size_t count, mc_str org,
                    mc_str column, mc_buf *out);
/* "assignee" for "assignee_id", unless model has a column of that name. Empty: none. */
mc_str mc__sibling_key(const mc_model *model, const mc_column *column);
/* Writes ", (SELECT …)": what people call the row that column points to; $1 is the organization.
 * False, and nothing written, when it points nowhere, or where ctx may not read. */
bool mc__label_write(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, const mc_column *column,
                     mc_str *out_key, mc_buf *sql);
/* {"label":…,"value":…} of a row's columns. */
void mc__label_value_write(mc_db_rows *rows, size_t label_at, size_t id_at, mc_buf *out);
/* The model of ref as ctx's organization has it; NULL when it has none (and for users). */
const mc_model *mc__ref_model(mc_dynamic *self, mc_ctx *ctx, mc_str ref);
/* Notes a field error for each reference that is not of ctx's organization. */
mc_code mc__dynamic_check_refs(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write,
                               mc_err *err);

/* dynamic_kept.c */
uint64_t mc__generation(mc_dynamic *self, mc_uuid org_id, const mc_model *model);
/* After a commit: answers about model for org_id are out of date. */
void mc__generation_raise(mc_dynamic *self, mc_uuid org_id, const mc_model *model);
typedef struct mc__kept_query {
    uint64_t key;
    uint64_t generation; /* taken before the snapshot */
    bool is_exact;       /* nothing that is out of date */
} mc__kept_query;
/* Of all that decides the answer: who reads it (a total and an aggregate may run one statement, and
 * keep another form of its answer), the statement, its arguments, their kinds and order. */
uint64_t mc__kept_key(mc_str reader, mc_str sql, const mc_db_value *args, size_t arg_count);
/* The answer, in ctx's arena; false: find it out, then put it. */
bool mc__kept_find(mc_dynamic *self, mc_ctx *ctx, const mc__kept_query *query, mc_str *out,
                   bool *out_is_current);
/* started_us: when finding it out began, by the service's monotonic clock. */
void mc__kept_put(mc_dynamic *self, const mc__kept_query *query, int64_t started_us, mc_str text);
/* The kept answer onto out, or fn's, which is kept then. count: the request's parameter; INVALID
 * when it is neither empty nor "exact". */
mc_code mc__kept_or_run(mc_dynamic *self, mc_ctx *ctx, mc__kept_query *query, mc_str count,
                        mc_code (*fn)(void *user, mc_buf *out, mc_err *err), void *user,
                        mc_buf *out, mc_err *err);
void mc__kept_free(mc_dynamic *self);

/* dynamic_ask.c; in the transaction. MC_OK: it may be written, as far as this try is concerned. */
/* new_id: chosen when it is nil, the same at each try. */
mc_code mc__dynamic_decide_create(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write,
                                  mc_uuid *new_id, mc_err *err);
mc_code mc__dynamic_decide(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                           mc_dynamic_event event, mc_uuid id, const mc_json *input, mc_err *err);
/* Of a rehearsal: nobody is asked. */
mc_code mc__questions_waive(mc_ctx *ctx, mc_err *err);

/* dynamic_service.c */
mc_code mc__run_hooks(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_dynamic_event event,
                      mc_uuid id, const mc_json *input, mc_str row, mc_err *err);

/* dynamic_csv.c */
typedef struct mc__csv {
    mc_str text;
    size_t at;
    char separator;
} mc__csv;
/* Skips a byte order mark; the first line tells the separator. */
void mc__csv_init(mc__csv *self, mc_str text);
/* One record's cells into cells (in arena when quoted); false at the end. INVALID by err. */
bool mc__csv_next(mc__csv *self, mc_arena *arena, mc_str *cells, size_t max, size_t *out_count,
                  mc_err *err, mc_code *out_rc);
/* One cell, quoted when it has to be. */
void mc__csv_write(mc_buf *out, mc_str cell);

/* dynamic_export.c, dynamic_import.c: handlers; user is the service */
mc_code mc__export_handler(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
mc_code mc__export_template(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
mc_code mc__import_handler(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
mc_code mc__import_validate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
/* dynamic_write_handler.c */
/* Nobody is told first, whatever else is wrong with the request. */
mc_code mc__check_somebody(mc_http_req *req, mc_err *err);
/* A row that was written, from start in res's body, as mc__send_row would send it. */
mc_code mc__finish_row(mc_http_req *req, mc_http_res *res, size_t start, mc_time version,
                       mc_err *err);
const mc_http_route *mc__write_routes(size_t *out_count);
/* dynamic_relation.c */
const mc_http_route *mc__relation_routes(size_t *out_count);
/* dynamic_service.c: as mc_dynamic_open, without a capability. */
mc_code mc__dynamic_find(mc_dynamic *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                         mc_err *err);
/* dynamic_list.c: within scope, by the server's word. */
mc_code mc__dynamic_list_within(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                const mc_query_scope *scope, const mc_header *pairs,
                                size_t pair_count, mc_buf *out, mc_dynamic_page *out_page,
                                mc_err *err);
/* dynamic_action_form.c: the payload of an action against its fields (may be NULL). REJECTED. */
mc_code mc__action_check_form(mc_dynamic *self, mc_ctx *ctx, const mc_json *fields,
                              const mc_json *payload, mc_err *err);
/* dynamic_action.c */
const mc_http_route *mc__action_routes(size_t *out_count);
/* dynamic_batch.c */
const mc_http_route *mc__batch_routes(size_t *out_count);
/* dynamic_report_handler.c */
const mc_http_route *mc__report_routes(size_t *out_count);
/* dynamic_handler.c */
/* The whole answer to a GET of one row, 304 included. */
mc_code mc__send_row(mc_http_req *req, mc_http_res *res, mc_dynamic *self, const mc_model *model,
                     mc_uuid id, mc_err *err);
void mc__dynamic_add_routes(mc_dynamic *self);

#endif
