/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_LANGUAGE_H
#define METACORE_HOST_LANGUAGE_H

/* What is refused, in the reader's language; of host only. */

#include "metacore/base/ctx.h"
#include "metacore/i18n/i18n.h"

/** message, a failure's, and the fields in ctx into ctx's language; whether anything was. */
bool mc__say_error(mc_i18n *i18n, mc_ctx *ctx, mc_str *message);

#endif
