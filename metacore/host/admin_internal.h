/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_ADMIN_INTERNAL_H
#define METACORE_HOST_ADMIN_INTERNAL_H

#include "metacore/host/app_internal.h"

/* A text member of a command; absent: empty. */
mc_str mc__admin_optional(const mc_json *in, const char *key);
mc_code mc__admin_required(const mc_json *in, const char *key, mc_str *out, mc_err *err);
/* A service's field errors as one line: nobody fills in a form here. */
mc_code mc__admin_explain(mc_ctx *ctx, mc_code rc, mc_err *err);
/* The organization that "org" names: by id, slug or name. */
mc_code mc__admin_find_org(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_auth_org *out,
                           mc_err *err);

/* admin_addons.c: the commands called addon.… */
mc_code mc__admin_addon(mc_app *app, mc_ctx *ctx, mc_str name, const mc_json *in, mc_buf *out,
                        mc_err *err);

#endif
