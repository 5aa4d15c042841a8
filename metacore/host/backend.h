/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_BACKEND_H
#define METACORE_HOST_BACKEND_H

/**
 * backend: the kernel's calls of an addon's own server: guarded, signed, bounded.
 *
 * A call is made for one organization, signed with the secret of its installation there in both
 * versions (request_signature.h). Without a secret nothing is sent: a backend could not tell such a
 * call from anybody's.
 *
 * Not here: what is said (tools, actions, hooks), customers' webhooks (webhooks).
 * Threads:  thread-safe; a call blocks.
 */

#include "metacore/host/app_internal.h"

#define MC__BACKEND_REPLY_MAX ((size_t)1 << 20)
#define MC__BACKEND_SHOWN_MAX 2048 /* bytes of a refusal that are passed on */

typedef struct mc__backend_call {
    mc_str addon_key;
    mc_str url;
    mc_str method; /* empty: POST */
    mc_str event;
    mc_str body; /* JSON */
    int64_t timeout_ms;
    const mc_http_pair *headers; /* more of them; at most 4 */
    size_t header_count;
    const mc_install_secrets *secrets; /* NULL: of the installation that is enabled */
} mc__backend_call;

/**
 * For ctx's organization, whose enabled installation it is; of any status.
 *
 * Errors  NOT_FOUND "metacore: no enabled installation for …". NOT_PROVIDED: its secret was not
 *         kept. Those of mc_http_client_call; UNAVAILABLE also when the answer is too large.
 */
mc_code mc__backend_call_run(mc_app *app, mc_ctx *ctx, const mc__backend_call *call,
                             mc_http_reply *out, mc_err *err);

mc_code mc__app_backend_new(mc_app *app, mc_err *err);

#endif
