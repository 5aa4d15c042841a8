/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MODELBASE_MODELBASE_INTERNAL_H
#define METACORE_MODELBASE_MODELBASE_INTERNAL_H

#include "metacore/modelbase/modelbase.h"

/* A built model with the memory that it owns. */
typedef struct mc__model {
    mc_model model; /* first: what callers see */
    mc_arena *arena;
    mc_db_dialect dialect;
    mc_column *columns;
} mc__model;

/* model_rules.c: fills column->rules from its definition and the form field of its name. */
mc_code mc__model_rules(mc__model *self, const mc_column_def *def, const mc_json *field,
                        const mc_json *table_column, mc_column *column, mc_err *err);
void mc__model_rules_free(mc_column *column);
/* The entry of name ("key") in an array of objects; NULL when there is none. */
const mc_json *mc__meta_find(const mc_json *meta, const char *list, mc_str key);
mc_str mc__meta_str(const mc_json *object, const char *key);
mc_db_dialect mc__model_dialect(const mc_model *model);
/* The store's name of a type, as db.h has them. */
const char *mc__ddl_type(mc_db_dialect dialect, const mc_column *column);

#endif
