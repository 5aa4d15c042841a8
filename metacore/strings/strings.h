/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_STRINGS_STRINGS_H
#define METACORE_STRINGS_STRINGS_H

/**
 * strings: words as people read them, made from names as programs write them.
 *
 * Not here: protocols' text, which is bytes (base/str.h).
 * Threads:  functions only.
 * Standard: Unicode simple case mapping and categories, by utf8proc.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

/**
 * Lower-cases text and upper-cases the first letter of each word; a word starts at the beginning
 * and after a character that is neither letter nor digit: "user_profile" is "User_Profile", and
 * "3rd" stays "3rd".
 *
 * out     in arena; untouched on error
 * Errors  INVALID: text is not UTF-8. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_strings_title_case(mc_arena *arena, mc_str text, mc_str *out,
                                                 mc_err *err);

/** A column's name as a label: "due_at" is "Due At". Errors as above. */
MC_API MC_MUST_USE mc_code mc_strings_label(mc_arena *arena, mc_str name, mc_str *out, mc_err *err);

MC_END_DECLS
#endif
