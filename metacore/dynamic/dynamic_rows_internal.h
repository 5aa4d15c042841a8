/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_ROWS_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_ROWS_INTERNAL_H

/* What the builder of a row's layout and its writer share. */

#include "metacore/dynamic/dynamic_internal.h"

#define MC__EXPAND_MAX 8       /* paths of expand */
#define MC__EXPAND_DEPTH_MAX 3 /* references from the row to the furthest label */

/* One member of the object, in its sorted place. */
typedef struct mc__member mc__member;
struct mc__member {
    mc_str key;
    const mc_column *column; /* NULL: the sibling of a reference */
    size_t at;               /* in the SELECT */
    size_t id_at;            /* sibling: of the reference itself */
    mc__member *children;    /* siblings of the row that this one points to, sorted */
    size_t child_count;
};

struct mc__row_layout {
    const mc_model *model;
    mc_str columns;
    mc__member *members;
    size_t member_count;
    size_t column_count; /* of the SELECT */
    size_t updated_at;   /* its place in the SELECT */
    mc_db_dialect dialect;
};

#endif
