/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_RELATION_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_RELATION_INTERNAL_H

#include "metacore/dynamic/dynamic_internal.h"

#define MC__LINKS_MAX 200 /* of one request */

typedef enum mc__relation_kind {
    MC__BELONGS_TO,   /* foreign_key is the parent's */
    MC__ONE_TO_MANY,  /* the target's */
    MC__MANY_TO_MANY, /* the pivot's, whose target_key is the target's id */
} mc__relation_kind;

/* A relation of one row, as its organization has it. */
typedef struct mc__relation {
    mc__relation_kind kind;
    mc_str name;
    const mc_model *parent;
    mc_uuid parent_id;
    const mc_model *target;
    const mc_model *pivot; /* NULL but for many_to_many */
    const mc_column *foreign_key;
    const mc_column *target_key;
} mc__relation;

/*
 * The relation that req's path names, when its caller may use it: both sides must be readable; to
 * link, the parent's model must be his to update, to make a child, the target's to create.
 * Errors  as mc_dynamic_open; INVALID: an id. NOT_FOUND "relation not found". NOT_PROVIDED: one
 *         whose declaration leaves open which columns it is about.
 */
mc_code mc__relation_open(mc_http_req *req, mc_dynamic *self, bool is_write, mc__relation *out,
                          mc_err *err);
/* Whether model has that row, not deleted, for ctx's organization. */
mc_code mc__row_exists(mc_ctx *ctx, const mc_model *model, mc_uuid id, bool *out, mc_err *err);
/* The links from the parent to target_id: ids of the pivot's rows, at most max. */
mc_code mc__relation_links(mc_ctx *ctx, const mc__relation *relation, mc_uuid target_id,
                           mc_uuid *out, size_t max, size_t *out_count, mc_err *err);

/* dynamic_relation_write.c: handlers; user is the service */
mc_code mc__relation_prepare_post(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
mc_code mc__relation_post(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
mc_code mc__relation_prepare_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
mc_code mc__relation_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);

#endif
