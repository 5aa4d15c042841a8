/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_QUERY_QUERY_INTERNAL_H
#define METACORE_QUERY_QUERY_INTERNAL_H

#include "metacore/query/query.h"

/* A plan being written: the text grows with its arguments. */
typedef struct mc__query_builder {
    mc_ctx *ctx;
    mc_db_dialect dialect;
    mc_query out;
    mc_buf where;
    mc_db_value *args;
} mc__query_builder;

/* Writes "$n" for value. INVALID: more than MC_QUERY_ARGS_MAX. */
mc_code mc__query_arg(mc__query_builder *b, mc_db_value value, mc_err *err);
/* Writes that column contains text, without regard to case. */
mc_code mc__query_contains(mc__query_builder *b, const mc_column *column, mc_str text, mc_err *err);
/* Writes " AND …" for one filter; value is trimmed and not empty. */
mc_code mc__query_filter(mc__query_builder *b, const mc_column *column, mc_str value, mc_err *err);

/* What a list is ordered by, down to the key. */
void mc__query_write_order(const mc_query *query, mc_buf *out);

#endif
