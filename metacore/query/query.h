/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_QUERY_QUERY_H
#define METACORE_QUERY_QUERY_H

/**
 * query: a list's parameters, checked against its model and turned into typed SQL.
 *
 *   page, per_page          from 1; 15 when absent, 200 at most
 *   sortBy, order           one sortable column; asc or desc (else); also orderBy, orderDir
 *   search, search_columns  a text contained in any searchable column, without regard to case
 *   f_<column>              <value>, or <operator>:<value>, in any case:
 *                           eq ilike like contains in not_in gt gte lt lte range null not_null;
 *                           on dates and times also <first day>_<last day>, both included
 *   cursor                  where the page before ended (mc_query_plan): pages at any depth cost
 *                           the same, and rows that come or go meanwhile shift none of them
 *
 * Rows of equal value stand in the order in which they were made, so that one index per column
 * (organization_id, column, created_at, id) serves filters, order and cursors alike.
 *
 * A parameter that means nothing is refused by its name, never ignored: a filter that is silently
 * dropped shows rows that were not asked for. Hidden columns can be neither filtered nor sorted:
 * they could be read by asking. Every statement carries the organization.
 *
 * Not here: running it (dynamic), rows as JSON.
 * Threads:  functions; a plan lives in its ctx's arena.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/db/db.h"
#include "metacore/modelbase/modelbase.h"
#include "metacore/server/server.h"

MC_BEGIN_DECLS

#define MC_QUERY_PER_PAGE 15
#define MC_QUERY_PER_PAGE_MAX 200
#define MC_QUERY_OFFSET_MAX 1000000
#define MC_QUERY_SEARCH_BYTES_MAX 100
#define MC_QUERY_ARGS_MAX 256
#define MC_QUERY_IN_MAX 200 /* values of one in: */

typedef struct mc_query {
    const mc_model *model;
    uint32_t page;
    uint32_t per_page;
    mc_str where; /* everything after WHERE: organization, soft deletion, filters, search */
    mc_str order; /* everything after ORDER BY; ends in the key, so that pages do not overlap */
    const mc_db_value *args;
    size_t arg_count; /* of where; LIMIT and OFFSET come after them */
    bool is_plain;    /* no filter and no search */
    mc_db_dialect dialect;
    const mc_column *sort; /* created_at when nothing was asked for */
    bool is_ascending;
} mc_query;

/**
 * pairs   decoded query parameters (mc_http_query_parse); names that are no list parameter are
 *         somebody else's and left alone
 * ctx     its organization, its arena
 * Errors  INVALID, naming the parameter. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_query_parse(mc_ctx *ctx, const mc_model *model, mc_db_dialect dialect,
                                          const mc_header *pairs, size_t pair_count, mc_query *out,
                                          mc_err *err);

/** What a list is confined to besides its organization, by the server's word. */
typedef struct mc_query_scope {
    enum { MC_QUERY_LIVE, MC_QUERY_WITH_DELETED, MC_QUERY_ONLY_DELETED } deleted;
    /* A condition on value, "<before>$n<after>"; $1 is the organization. No before: none. */
    mc_str before, after;
    mc_db_value value;
} mc_query_scope;

/** The same within scope. */
MC_API MC_MUST_USE mc_code mc_query_parse_within(mc_ctx *ctx, const mc_model *model,
                                                 mc_db_dialect dialect, const mc_query_scope *scope,
                                                 const mc_header *pairs, size_t pair_count,
                                                 mc_query *out, mc_err *err);

/** "SELECT <columns> FROM … WHERE … ORDER BY … LIMIT $n OFFSET $m"; args has room for two more. */
MC_API void mc_query_write_select(const mc_query *query, mc_str columns, mc_buf *out);

/* ---- pages by cursor ---- */

#define MC_QUERY_KEYS_MAX 3          /* columns that a row's place is known by */
#define MC_QUERY_PARTS_MAX 2         /* rows with a value, and rows without: each its own range */
#define MC_QUERY_CURSOR_MAX 2048     /* bytes of a cursor */
#define MC_QUERY_SORT_VALUE_MAX 1024 /* bytes of a sort value that a cursor can hold */

/** One range of an index; a page is read from the parts in their order until it is full. */
typedef struct mc_query_part {
    mc_str where;
    mc_str order;
    mc_db_value *args; /* room for two more */
    size_t arg_count;
} mc_query_part;

typedef struct mc_query_plan {
    mc_query_part parts[MC_QUERY_PARTS_MAX];
    size_t part_count;
    mc_str keys; /* columns to SELECT last, for mc_query_write_cursor */
    size_t key_count;
    bool has_cursor; /* OFFSET is 0 then */
} mc_query_plan;

/**
 * How to read query's page: from its offset, or after cursor when that is not empty.
 *
 * A cursor belongs to one model, order, set of filters and organization: with any other it is
 * refused, as is one that was cut or changed. It holds values of the last row, nothing secret.
 * Errors  INVALID naming "cursor". NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_query_plan_page(mc_ctx *ctx, const mc_query *query, mc_str cursor,
                                              mc_query_plan *out, mc_err *err);
/** "SELECT <columns>, <keys> FROM … ORDER BY … LIMIT $n OFFSET $m" of one part. */
MC_API void mc_query_write_part(const mc_query *query, const mc_query_plan *plan, size_t part,
                                mc_str columns, mc_buf *out);
/**
 * The cursor after rows' current row, whose keys begin at column first_key. Writes nothing when
 * the sort value is longer than MC_QUERY_SORT_VALUE_MAX.
 */
MC_API void mc_query_write_cursor(const mc_query *query, const mc_query_plan *plan,
                                  mc_db_rows *rows, size_t first_key, mc_buf *out);

/** "SELECT count(*) FROM … WHERE …": the same rows, without order. */
MC_API void mc_query_write_count(const mc_query *query, mc_buf *out);

/**
 * Text as a value of column's type: for filters, imports and query strings.
 * False when it is not one; numbers outside the type's range are not.
 */
MC_API bool mc_query_value(mc_arena *arena, const mc_column *column, mc_str text, mc_db_value *out);

/**
 * Writes the condition that expression (SQL) contains text, without regard to case; '%', '_' and
 * '\\' in text mean themselves. number is the parameter's, out_arg what is bound to it.
 */
MC_API MC_MUST_USE mc_code mc_query_contains(mc_arena *arena, mc_db_dialect dialect,
                                             mc_str expression, mc_str text, size_t number,
                                             mc_buf *out, mc_db_value *out_arg, mc_err *err);

MC_END_DECLS
#endif
