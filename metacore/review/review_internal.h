/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_REVIEW_REVIEW_INTERNAL_H
#define METACORE_REVIEW_REVIEW_INTERNAL_H

#include "metacore/manifest/manifest.h"
#include "metacore/review/review.h"

/* A review while it is made. */
typedef struct mc__reviewer {
    mc_arena *arena;
    const mc_bundle *bundle;
    const mc_manifest *manifest;
    mc_finding *items;
    size_t count;
    size_t error_count;
    bool is_cut;
    bool is_out_of_memory; /* sticks, so that findings are added in a row */
} mc__reviewer;

/* Copies message; file and path live as long as the arena or the bundle. An empty hint is looked up
 * by the message. */
void mc__review_add(mc__reviewer *r, mc_finding finding);
void mc__review_warn(mc__reviewer *r, mc_str path, const char *hint, const char *fmt, ...)
    MC_PRINTF(4, 5);
void mc__review_error(mc__reviewer *r, mc_str path, const char *hint, const char *fmt, ...)
    MC_PRINTF(4, 5);
/* A path in the arena. */
mc_str mc__review_path(mc__reviewer *r, const char *fmt, ...) MC_PRINTF(2, 3);

/* review_hints.c: what to do about a broken rule, by its message; empty when nothing fits. */
mc_str mc__review_hint(mc_str message);

/* review_manifest.c, review_texts.c, review_sql.c, review_wasm.c: their part of the findings. */
void mc__review_manifest(mc__reviewer *r, mc_str kernel_version);
void mc__review_texts(mc__reviewer *r);
void mc__review_migrations(mc__reviewer *r);
void mc__review_wasm(mc__reviewer *r);

/* review_reach.c: members of the summary: "lifecycle", what it does by itself; "hosts", all that it
 * would call. */
void mc__review_lifecycle(const mc_manifest *m, mc_buf *out);
void mc__review_hosts(const mc_manifest *m, mc_arena *arena, mc_buf *out);

/* The bundle's file of that name, or NULL. */
const mc_bundle_file *mc__bundle_find(const mc_bundle *bundle, mc_str name);
/* Where the code is: backend.entry, or the contract's default; empty: the addon has none. */
mc_str mc__wasm_entry(const mc_manifest *manifest);

/* Members without regard to case, as the contract has it; null and other kinds are nothing. */
const mc_json *mc__member(const mc_json *object, const char *key);
mc_str mc__text(const mc_json *object, const char *key);
bool mc__flag(const mc_json *object, const char *key);
size_t mc__items(const mc_json *array);
const mc_json *mc__item(const mc_json *array, size_t i);

#endif
