/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HTTPX_HTTPX_INTERNAL_H
#define METACORE_HTTPX_HTTPX_INTERNAL_H

#include "metacore/httpx/httpx.h"

/** One parameter of a header's value, as in "form-data; name=\"x\"". */
typedef struct mc__http_attr {
    mc_str name;  /* as sent */
    mc_str value; /* unquoted: a copy in arena if it held quoted pairs */
} mc__http_attr;

/** RFC 9110 section 5.6.2; at least one character. */
bool mc__http_is_token(mc_str s);

/** Takes "type/subtype" (or a bare token) off the front of a header's value. */
mc_str mc__http_attr_head(mc_str *rest);

/**
 * Takes the next "; name=value" off *rest (RFC 9110 section 5.6.6; value a token or quoted).
 * False at the end of a well-formed list; then *rest is empty. False with a non-empty *rest when
 * the text is malformed or arena is empty.
 */
bool mc__http_attr_next(mc_arena *arena, mc_str *rest, mc__http_attr *out);

/** Sets or replaces without a copy or a check: for values that are literals or checked. */
void mc__http_res_set(mc_http_res *res, mc_str name, mc_str value);

#endif
