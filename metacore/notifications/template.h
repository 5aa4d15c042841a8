/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NOTIFICATIONS_TEMPLATE_H
#define METACORE_NOTIFICATIONS_TEMPLATE_H

/**
 * template: text with places for values, which stay values whatever they hold.
 *
 *   {{name}}            its value, or nothing; what it holds is not looked at again
 *   {{#name}}…{{/name}} shown when there is a value that is neither empty nor false
 *   {{^name}}…{{/name}} shown when there is none
 *
 * Names are trimmed; a dotted one looks into objects. Sections nest; a close pairs with the
 * innermost open one only, and what pairs with nothing stays as it is written. Three and more line
 * ends become two, and both ends are trimmed.
 *
 * Into HTML a value goes escaped, and only where text may stand: between tags, or within the quotes
 * of an attribute that runs nothing. One that begins an address (href, src) has to be https, http,
 * mailto or a path, else it is "#". A template that says otherwise is refused when it is made.
 *
 * Not here: where templates are kept, what they are for (notify.h).
 * Threads:  functions.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_TEMPLATE_BYTES_MAX ((size_t)64 << 10)
#define MC_TEMPLATE_TAGS_MAX 1000

typedef enum mc_template_kind {
    MC_TEMPLATE_TEXT = 1,
    MC_TEMPLATE_LINE, /* one line: whatever would end it is a blank */
    MC_TEMPLATE_HTML
} mc_template_kind;

/** Whether text can be rendered as kind, for any values. Errors: INVALID saying where. TOO_LARGE.
 */
MC_API MC_MUST_USE mc_code mc_template_check(mc_template_kind kind, mc_str text, mc_arena *arena,
                                             mc_err *err);

/**
 * vars  a JSON object, or NULL: no values. Numbers are as they were sent, objects and arrays JSON.
 * out   in arena; untouched on error
 * Errors  as mc_template_check. TOO_LARGE: the result.
 */
MC_API MC_MUST_USE mc_code mc_template_render(mc_template_kind kind, mc_str text,
                                              const mc_json *vars, mc_arena *arena, mc_str *out,
                                              mc_err *err);

MC_END_DECLS
#endif
