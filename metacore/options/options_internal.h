/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OPTIONS_OPTIONS_INTERNAL_H
#define METACORE_OPTIONS_OPTIONS_INTERNAL_H

#include "metacore/options/options.h"

#define MC__OPTIONS_ROUTES 2
#define MC__SEARCH_IN_MAX 32
#define MC__PATH_MAX 4 /* segments of "a.b.column" */

struct mc_options {
    mc_options_config config;
    mc_model *users; /* what may be seen of the kernel's own table */
    mc_http_route routes[MC__OPTIONS_ROUTES];
};

/* Rows that are offered. Columns that are NULL are written as null or left out. */
typedef struct mc__source {
    const mc_model *model;
    const mc_column *value;
    const mc_column *label;
    const mc_column *description;
    const mc_column *image;
    const mc_column *color;
    const mc_column *icon;
    const mc_column *filter_by;
    const mc_column *order;
    bool is_descending;
    mc_str icon_text; /* the same for every row; empty: the column's */
    mc_str search_in[MC__SEARCH_IN_MAX];
    size_t search_count;
} mc__source;

typedef struct mc__choice {
    const mc_json *options; /* a static list; NULL: source's rows */
    mc_str addon_key;       /* whose texts the labels are */
    mc__source source;
} mc__choice;

/* The model called key, when ctx may read it. NOT_FOUND, FORBIDDEN, UNAUTHENTICATED. */
mc_code mc__options_open(mc_options *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                         mc_err *err);

/* options_handler.c */
void mc__options_add_routes(mc_options *self);

/* options_choice.c */
/* What field of model offers. */
mc_code mc__options_choose(mc_options *self, mc_ctx *ctx, const mc_model *model, mc_str field,
                           mc__choice *out, mc_err *err);
/* What a search of model looks through and shows. */
void mc__options_search_source(mc_options *self, const mc_model *model, mc__source *out);

/* options_rows.c */
mc_code mc__options_write_rows(mc_options *self, mc_ctx *ctx, const mc__source *source,
                               const mc_options_request *request, mc_buf *out, size_t *out_count,
                               mc_err *err);
/* options_path.c */
/* "customer.name" as an expression on a row of model. NOT_FOUND: no such way. FORBIDDEN: a model
 * on it may not be read. $1 is the organization. */
mc_code mc__options_path(mc_options *self, mc_ctx *ctx, const mc_model *model, mc_str path,
                         mc_buf *out, mc_err *err);
/* A column that people may see: not hidden, and not the organization. NULL otherwise. */
const mc_column *mc__options_column(const mc_model *model, mc_str name);

#endif
