/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_JSON_INTERNAL_H
#define METACORE_BASE_JSON_INTERNAL_H

/* The parser's state, shared by json_parse.c (values), json_string.c and json_members.c. */

#include "metacore/base/json.h"

#define MC__JSON_PENDING_FIRST 64

/** Elements of the arrays and objects that are still open, innermost last. */
typedef struct mc__json_pending {
    mc_json_member *items; /* first, then the heap's: the arena keeps what is final only */
    size_t count, cap;
    mc_json_member first[MC__JSON_PENDING_FIRST];
} mc__json_pending;

typedef struct mc__json_parser {
    mc_arena *arena;
    mc_str text;
    size_t at;
    uint32_t depth, depth_max;
    bool last_duplicate_wins;
    mc_err *err;
    mc__json_pending pending;
} mc__json_parser;

mc_code mc__json_fail(mc__json_parser *p, const char *what);
mc_code mc__json_no_memory(mc__json_parser *p);

/** From the opening quote at p->at; p->at moves behind the closing one. */
mc_code mc__json_string(mc__json_parser *p, mc_str *out);

/**
 * Refuses keys that stand twice, or drops the earlier ones; linear in *count whatever the keys are.
 * members and *count are changed in place.
 */
mc_code mc__json_settle_duplicates(mc__json_parser *p, mc_json_member *members, size_t *count);

#endif
