/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_H
#define METACORE_DYNAMIC_DYNAMIC_H

/**
 * dynamic: create, read, update and delete on any model: the one write path.
 *
 * Requests, imports, guests and tools all write through here, so that the same permission, rules,
 * references and hooks hold for each. A write is two steps: prepare checks everything that needs no
 * database and may run on any thread; run is SQL alone, in the caller's transaction.
 *
 * What the kernel owns (id, organization_id, created_by_id, timestamps) is never taken from a
 * body. Numbers stay exact. Another organization's row does not exist.
 *
 * Not here: list parameters (query), what a model is (modelbase), who may (permission).
 * Threads:  mc_dynamic is thread-safe once created; hooks are added before it is used.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/modelbase/modelbase.h"

MC_BEGIN_DECLS

#define MC_DYNAMIC_BATCH_MAX 100 /* operations */
#define MC_DYNAMIC_IMPORT_ROWS_MAX 1000000
#define MC_DYNAMIC_IMPORT_ALL_MAX 10000   /* rows in one transaction: nobody else writes in it */
#define MC_DYNAMIC_IMPORT_ERRORS_MAX 1000 /* that are shown; all are counted */
#define MC_DYNAMIC_IMPORT_BYTES_MAX ((size_t)256 << 20)

typedef struct mc_dynamic mc_dynamic;
typedef struct mc_dynamic_question mc_dynamic_question;
typedef struct mc_dynamic_questions mc_dynamic_questions;

typedef enum mc_dynamic_event {
    MC_BEFORE_CREATE,
    MC_AFTER_CREATE,
    MC_BEFORE_UPDATE,
    MC_AFTER_UPDATE,
    MC_BEFORE_DELETE,
    MC_AFTER_DELETE,
    MC_BEFORE_RESTORE,
    MC_AFTER_RESTORE,
    MC_DYNAMIC_EVENT_COUNT
} mc_dynamic_event;

/** An action whose trigger is to be run; spec: ActionTrigger. */
typedef struct mc_action_call {
    const mc_model *model;
    mc_str key;
    mc_str trigger_type; /* webhook, wasm */
    const mc_json *action;
    mc_uuid record_id;      /* nil: of the whole model */
    const mc_json *payload; /* an object, checked against the action's fields */
    const mc_json *trigger; /* or NULL */
    mc_str row;             /* its JSON; empty for an action of the whole model */
    mc_str *out_decline_code;
    const mc_json **out_meta; /* an object for the answer's meta, beside ours; as long as the ctx */
} mc_action_call;

typedef enum mc_dynamic_action {
    MC_DYNAMIC_CREATED = 1,
    MC_DYNAMIC_UPDATED,
    MC_DYNAMIC_DELETED,
    MC_DYNAMIC_RESTORED
} mc_dynamic_action;

/** One row that was written; all of it is borrowed for the call that tells it. */
typedef struct mc_dynamic_change {
    mc_uuid org_id;
    const mc_model *model; /* lives as long as the registry */
    mc_uuid id;
    mc_dynamic_action action;
    mc_uuid actor_id;
    mc_time at;
    const mc_str *fields; /* of an update: the columns that have another value now; or the relation
                             that was linked or unlinked, which leaves the row as it was */
    size_t field_count;
    mc_str before; /* on_write's only: the row as JSON, of an update or delete that is wanted */
    mc_str after;  /* on_write's only: the row as JSON; empty after a delete */
} mc_dynamic_change;

/** "created", "updated", "deleted", "restored". */
MC_API const char *mc_dynamic_action_name(mc_dynamic_action action);

/** Zero is "the default" in every field. */
typedef struct mc_dynamic_config {
    uint32_t struct_size;
    mc_db *db;         /* required; borrowed, as all below */
    mc_models *models; /* required */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
    /** Whether ctx's organization has model at all; NULL: every one. */
    mc_code (*is_visible)(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);
    void *is_visible_user;
    /**
     * Runs an action whose trigger is not "noop"; writes its data onto out. NULL: 501.
     *
     * A wasm trigger with run_in_tx runs in a transaction, ctx->conn, in which row is locked, and
     * which is nobody else's (ctx->is_alone): what it did there stays only if this returns MC_OK
     * and the commit succeeds. It is run again when it writes what has to be decided about (ask).
     * Errors  REJECTED: it declined, for the reason in err; *call->out_decline_code, if set, is
     *         the same for programs. NOT_PROVIDED: no such trigger here. Any other.
     */
    mc_code (*dispatch)(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                        mc_err *err);
    void *dispatch_user;
    /** Before the trigger of any action, also "noop": sets *is_handled when it wrote the answer's
     *  data onto out, and the trigger does not run. Errors: as dispatch. NULL: nobody. */
    mc_code (*intercept)(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                         bool *is_handled, mc_err *err);
    void *intercept_user;
    /** A refusal's message, and the fields in ctx, into ctx's language; NULL: they stay English.
     *  For answers that say several refusals: an error as a whole is its writer's. */
    bool (*say)(void *user, mc_ctx *ctx, mc_str *message);
    void *say_user;
    mc_clock clock;
    /**
     * Told of every row that was written, once, after its commit and before anybody is answered;
     * of what was rolled back never, nor of rows of internal models. NULL: nobody listens.
     *
     * In the order of the commits, and within one in the order of the writes. (On PostgreSQL
     * writers commit beside each other: the order holds within a transaction only.) It runs on the
     * thread that wrote, and every write waits for it: queue and return, no I/O, no query.
     */
    void (*on_change)(void *user, const mc_dynamic_change *change);
    void *on_change_user;
    /**
     * Told of every row that is written, in its transaction, ctx->conn: what it writes is there
     * exactly when the row's change is; its failure undoes the write. Not of internal models.
     * What is borrowed is gone when it returns. NULL: nobody.
     */
    mc_code (*on_write)(void *user, mc_ctx *ctx, const mc_dynamic_change *change, mc_err *err);
    /** Whether on_write wants the row as it was before: that costs another read. NULL: never. */
    mc_code (*wants_before)(void *user, mc_ctx *ctx, const mc_model *model,
                            mc_dynamic_action action, bool *out, mc_err *err);
    void *on_write_user; /* of both */
    mc_str temp_dir;     /* for exports that are made before they are sent; empty: /tmp */
    /** Decides about a write before it is made, outside of any transaction; may take long, and may
     *  write. Its failure is the write's answer, with ctx->failure_code. NULL: nobody is asked. */
    mc_code (*ask)(void *user, mc_ctx *ctx, const mc_dynamic_question *question, mc_err *err);
    /** Whether it wants to, of an event MC_BEFORE_…; fast. NULL: always. */
    bool (*is_asked)(void *user, mc_ctx *ctx, const mc_model *model, mc_dynamic_event event);
    void *ask_user; /* of both */
    /** Before the transaction of an action that runs in one: fetches what dispatch will need, which
     *  may take a while. Its failure is the answer; user is dispatch's. NULL: nothing. */
    mc_code (*ready)(void *user, mc_ctx *ctx, const mc_action_call *call, mc_err *err);
} mc_dynamic_config;
#define MC_DYNAMIC_CONFIG .struct_size = sizeof(mc_dynamic_config)

MC_API MC_MUST_USE mc_code mc_dynamic_new(const mc_dynamic_config *config, mc_dynamic **out,
                                          mc_err *err);
MC_API void mc_dynamic_free(mc_dynamic *self);

/**
 * Tells of a row that was written by other means than this service's, in the transaction that wrote
 * it (ctx->conn): what is told, and to whom, is as if it had been. An update's row that is deleted
 * now is told as deleted.
 *
 * fields  of an update: the columns that may have another value now; borrowed
 */
MC_API MC_MUST_USE mc_code mc_dynamic_tell(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                           mc_uuid id, mc_dynamic_action action,
                                           const mc_str *fields, size_t field_count, mc_err *err);

/* ---- hooks: a host's code around writes, in their transaction ---- */

/**
 * id     the row's
 * input  what was sent, or NULL on delete and restore
 * row    after a create, update or restore: the row as JSON; else empty
 * Its failure undoes the write and is the answer.
 */
typedef mc_code (*mc_dynamic_hook_fn)(void *user, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                                      const mc_json *input, mc_str row, mc_err *err);

/** In the order added, for one model (empty key: every one). Before the service is used. */
MC_API MC_MUST_USE mc_code mc_dynamic_add_hook(mc_dynamic *self, mc_str model_key,
                                               mc_dynamic_event event, mc_dynamic_hook_fn fn,
                                               void *user, mc_err *err);

/* ---- writes that somebody else decides about, who may take his time ---- */

/** One write that is to be made. */
struct mc_dynamic_question {
    const mc_model *model;
    mc_dynamic_event event; /* MC_BEFORE_… */
    mc_uuid id;             /* nil: of a create */
    mc_str input;           /* JSON: what was sent; empty: nothing */
    mc_str record;          /* JSON: the row as it is in the transaction; of a create, the input */
};

/**
 * mc_db_write for writes that config.ask may have to decide about: fn is run; when it met any that
 * are not decided, what it did is undone, they are asked about, and fn is run again. So fn begins
 * anew each time, and ctx->arena lasts for all of them. What was decided is exactly what is
 * written: a row that another changed meanwhile is asked about again.
 *
 * is_alone  in a transaction that nobody else's writes share: for fn that takes long
 * Errors    fn's, ask's; mc_db_write's. CONFLICT "undecided": it changed again and again.
 */
MC_API MC_MUST_USE mc_code mc_dynamic_transact(mc_dynamic *self, mc_ctx *ctx, bool is_alone,
                                               mc_db_fn fn, void *user, mc_err *err);

/* The same in its parts, for whoever runs transactions himself. Without them a write that has to be
 * decided about fails with INTERRUPTED. */
/** At a transaction's end: rc, or INTERRUPTED when it has to be undone, and asked. */
MC_API MC_MUST_USE mc_code mc_dynamic_end(const mc_ctx *ctx, mc_code rc, mc_err *err);
/** Whether ctx's transaction was undone for that. */
MC_API bool mc_dynamic_is_asking(const mc_ctx *ctx);
/** Asks; then the transaction is to be run again. Blocks; not on the writer. Errors: CONFLICT. */
MC_API MC_MUST_USE mc_code mc_dynamic_ask(mc_dynamic *self, mc_ctx *ctx, mc_err *err);

/* ---- finding the model ---- */

/**
 * The model of key for ctx's organization, when ctx may do action ("read", "create", …) on it.
 * Errors  UNAUTHENTICATED "not authenticated"; NOT_FOUND "model not found in registry";
 *         FORBIDDEN; the callbacks' own.
 */
MC_API MC_MUST_USE mc_code mc_dynamic_open(mc_dynamic *self, mc_ctx *ctx, mc_str key, mc_str action,
                                           const mc_model **out, mc_err *err);

/** Whether ctx may do action on what is called key, a model of the registry or not ("users").
 *  Errors: UNAUTHENTICATED "not authenticated"; FORBIDDEN; the callback's own. */
MC_API MC_MUST_USE mc_code mc_dynamic_check(mc_dynamic *self, mc_ctx *ctx, mc_str key,
                                            mc_str action, mc_err *err);

/* ---- reading; on ctx->conn ---- */

/** The row as a JSON object onto out; out_version (may be NULL) is its updated_at.
 *  Errors: NOT_FOUND "record not found". */
MC_API MC_MUST_USE mc_code mc_dynamic_get(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                          mc_uuid id, mc_buf *out, mc_time *out_version,
                                          mc_err *err);

/**
 * The same with more siblings in it: each reference of a row stands beside its id as what people
 * call its target, {"label","value"}, "owner" for "owner_id", where ctx may read the target.
 *
 * expand  names of siblings by commas, also of the target's own: "project.owner,created_by"; as
 *         lists take it. At most 8, and 3 references in a row.
 * Errors  INVALID naming "expand": no such reference.
 */
MC_API MC_MUST_USE mc_code mc_dynamic_get_expanded(mc_dynamic *self, mc_ctx *ctx,
                                                   const mc_model *model, mc_uuid id, mc_str expand,
                                                   mc_buf *out, mc_time *out_version, mc_err *err);

typedef struct mc_dynamic_page {
    int64_t total; /* with has_total */
    uint32_t page;
    uint32_t per_page;
    int64_t last_page;
    bool has_total;      /* not with count=none */
    bool is_total_exact; /* else of up to five seconds ago: docs/decisions has when and why */
    bool has_more;       /* rows after these */
    mc_str next_cursor;  /* where they begin; empty: nowhere, or at a value no cursor can hold */
} mc_dynamic_page;

/**
 * One page as a JSON array onto out, and how many rows there are: of one snapshot.
 *
 * pairs  list parameters (query.h), and
 *        cursor   the last page's next_cursor; goes before page
 *        count    none: no total. exact: of this very snapshot. Absent: exact where counting is
 *                 cheap; where it is dear and rows are being written, of a moment ago
 *        fields   a,b: only these columns; id always, hidden ones never
 *        expand   as mc_dynamic_get_expanded
 */
MC_API MC_MUST_USE mc_code mc_dynamic_list(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                           const mc_header *pairs, size_t pair_count, mc_buf *out,
                                           mc_dynamic_page *out_page, mc_err *err);

/** The page as the meta of an answer: {"total","page","per_page","last_page","has_more",
 *  "next_cursor"}, total and last_page only where they were counted, and "total_exact":false with
 *  a total of a moment ago. */
MC_API void mc_dynamic_page_write(const mc_dynamic_page *page, mc_buf *out);

/* ---- numbers about rows; on ctx->conn ---- */

#define MC_AGGREGATE_METRICS_MAX 16
#define MC_AGGREGATE_GROUPS_MAX 3 /* columns of group_by */
#define MC_AGGREGATE_LIMIT 100
#define MC_AGGREGATE_LIMIT_MAX 1000
#define MC_AGGREGATE_AVG_SCALE 6 /* digits after an average's point */
#define MC_FACETS_LIMIT 50
#define MC_FACETS_LIMIT_MAX 200

/**
 * Numbers over the rows that a list of the same filters and search would show, as JSON onto out.
 *
 * pairs  filters and search (query.h), and
 *        metrics   count, count:<col>, sum:<col>, avg:<col>, min:<col>, max:<col>, by commas.
 *                  count:<col> is of rows that have a value. sum and avg are of numbers, min and
 *                  max also of texts, dates and times. The answer's keys: count, sum_<col>, …
 *        group_by  columns, by commas: a row for each of their values, as rows have them; times
 *                  also by <col>:day, <col>:month or <col>:year (UTC), "2026-11"
 *        order_by  a metric of the request (not an average): largest first; else by the groups
 *        limit     groups at most
 *        count     exact: of this very snapshot, as in lists
 * Gives [{group…,metric…}], without group_by of one row. Sums are exact, to any number of digits;
 * an average is the exact sum divided once, rounded half away from zero at
 * MC_AGGREGATE_AVG_SCALE digits. A sum of nothing is 0; of the others null.
 *
 * Without metrics and group_by, as the published client asks: {column: number} for each column
 * whose table says styleConfig.aggregate: sum, or avg, min, max, count.
 *
 * Errors  INVALID naming the parameter; hidden columns are unknown ones.
 */
MC_API MC_MUST_USE mc_code mc_dynamic_aggregate(mc_dynamic *self, mc_ctx *ctx,
                                                const mc_model *model, const mc_header *pairs,
                                                size_t pair_count, mc_buf *out, mc_err *err);

/**
 * The values of a column among the rows that a list of the same filters and search would show, the
 * most frequent first: [{"value",["label",]"count"}] onto out. Null and empty are none.
 *
 * pairs  filters and search, and field: the column; q: contained in the value (of a reference: in
 *        its label); limit
 * Errors INVALID naming the parameter.
 */
MC_API MC_MUST_USE mc_code mc_dynamic_facets(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                             const mc_header *pairs, size_t pair_count, mc_buf *out,
                                             mc_err *err);

/* ---- writing ---- */

/* What a write notes for the time after its commit lives in its ctx's arena: that must last until
 * then, also when many rows share one transaction. */

/** A checked write; lives in its ctx's arena. */
typedef struct mc_dynamic_write mc_dynamic_write;

/**
 * Checks input, an object, against model's columns and rules; all broken fields are reported.
 *
 * is_create  missing required fields are errors; else only what input holds is looked at
 * Errors     INVALID: a value of the wrong type. REJECTED: a rule. Both with field errors in ctx.
 */
MC_API MC_MUST_USE mc_code mc_dynamic_prepare(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                              const mc_json *input, bool is_create,
                                              mc_dynamic_write **out, mc_err *err);

/** In ctx->conn's transaction. The new row as JSON onto out.
 *  Errors: REJECTED: a reference to nothing. CONFLICT: a value that is taken. A hook's. */
MC_API MC_MUST_USE mc_code mc_dynamic_create(mc_dynamic *self, mc_ctx *ctx, mc_dynamic_write *write,
                                             mc_buf *out, mc_time *out_version, mc_err *err);

/**
 * Writes what was given and nothing else; the row's updated_at is later than it was, always.
 * if_version  NULL, or a check of the row's updated_at before it is written
 * Errors      as create; NOT_FOUND "record not found"; PRECONDITION by if_version. CONFLICT also
 *             when the input brings an updated_at that the row once had and has no more.
 */
MC_API MC_MUST_USE mc_code
mc_dynamic_update(mc_dynamic *self, mc_ctx *ctx, mc_dynamic_write *write, mc_uuid id,
                  mc_code (*if_version)(void *user, mc_time version, mc_err *err),
                  void *if_version_user, mc_buf *out, mc_time *out_version, mc_err *err);

/** Marks the row deleted, or removes it when the model does not delete softly.
 *  if_version and errors as update. */
MC_API MC_MUST_USE mc_code mc_dynamic_delete(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                             mc_uuid id,
                                             mc_code (*if_version)(void *user, mc_time version,
                                                                   mc_err *err),
                                             void *if_version_user, mc_err *err);

/** Undoes a delete. Errors: NOT_FOUND "record not found". CONFLICT: it is not deleted, or another
 *  row has taken a unique value of it meanwhile. */
MC_API MC_MUST_USE mc_code mc_dynamic_restore(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                              mc_uuid id, mc_buf *out, mc_time *out_version,
                                              mc_err *err);

/**
 * Under /dynamic and, the same, under /data; borrowed, for self's life. Rows, besides lists and
 * files:
 *
 *   POST   /:model                            a row
 *   GET PUT PATCH DELETE /:model/:id          conditional by ETag; PATCH is a merge patch
 *   POST   /:model/:id/restore                undoes a delete
 *   GET POST /:model/:id/:relation            related rows; a child, or {"id"} or {"ids"} to link
 *   GET DELETE /:model/:id/:relation/:other   one of them; unlinks it
 *   POST   /:model/:id/action/:key            and /:model/action/:key of the whole model
 *   POST   /batch                             up to MC_DYNAMIC_BATCH_MAX writes, all or nothing:
 *     {"operations":[{"op":"create|update|delete|restore","model","id","data","if_match"}]}
 *     where {"$ref":n} is the id of the row of operation n, before this one
 */
MC_API const mc_http_route *mc_dynamic_routes(mc_dynamic *self, size_t *out_count);

MC_END_DECLS
#endif
