/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_AGGREGATE_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_AGGREGATE_INTERNAL_H

#include "metacore/dynamic/dynamic_internal.h"

typedef enum mc__metric_kind { MC__COUNT, MC__SUM, MC__AVG, MC__MIN, MC__MAX } mc__metric_kind;

extern const mc_str mc__metric_names[MC__MAX + 1];

typedef struct mc__metric {
    mc__metric_kind kind;
    const mc_column *column; /* NULL: of MC__COUNT, all rows */
    mc_str name;             /* as asked for, for order_by */
    mc_str key;
    size_t at; /* in the SELECT; an average's count follows its sum */
} mc__metric;

/* Characters of a time's text that say its day, month or year; 0: the value itself. */
typedef struct mc__group {
    const mc_column *column;
    size_t text_len;
    mc_str key;
    mc_str label_key; /* with the column's label beside it */
    size_t label_at;
} mc__group;

typedef struct mc__aggregate {
    mc_dynamic *self;
    mc_ctx *ctx;
    mc_query query;
    mc__metric metrics[MC_AGGREGATE_METRICS_MAX];
    size_t metric_count;
    mc__group groups[MC_AGGREGATE_GROUPS_MAX];
    size_t group_count;
    const mc__metric *order;
    uint32_t limit;
    bool is_client_form;
    bool is_by_index; /* every metric is one look into an index */
    mc_buf sql;
} mc__aggregate;

/* dynamic_aggregate_request.c */
bool mc__is_number(const mc_column *column);
/* Fills p from the pairs; p has its service and ctx. INVALID naming the parameter. */
mc_code mc__aggregate_read(mc__aggregate *p, const mc_model *model, const mc_header *pairs,
                           size_t count, mc_err *err);

#endif
