/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MANIFEST_MANIFEST_INTERNAL_H
#define METACORE_MANIFEST_MANIFEST_INTERNAL_H

#include "metacore/base/buf.h"
#include "metacore/manifest/manifest.h"

/* The member of object, without case; NULL when absent or null: null is the zero value. */
const mc_json *mc__get(const mc_json *object, const char *key);
mc_str mc__get_str(const mc_json *object, const char *key);
bool mc__get_bool(const mc_json *object, const char *key);
size_t mc__count(const mc_json *array);
const mc_json *mc__at(const mc_json *array, size_t i);

/* manifest_shape.c: every known key has its type. INVALID names the path. */
mc_code mc__manifest_check_shape(const mc_json *root, mc_err *err);

/* manifest_text.c: %q, %v and %g of the contract's messages; in arena, ended by a NUL. */
const char *mc__quoted(mc_arena *arena, mc_str s);
const char *mc__printed(mc_arena *arena, const mc_json *value);
void mc__write_float(mc_buf *out, double value);

/* manifest_hooks.c: what is wrong with lifecycle_hooks, each with its path, to report. */
typedef void (*mc__report)(void *user, mc_str path, const char *why);
void mc__manifest_check_hooks(const mc_json *root, mc_arena *arena, mc__report report, void *user);

#define MC__REGEX_WHY_BYTES 128
/* manifest_regex.c: whether RE2 would compile pattern; if not, why says what is wrong. */
bool mc__regex_compiles(mc_str pattern, char why[MC__REGEX_WHY_BYTES]);

#endif
