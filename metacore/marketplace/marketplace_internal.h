/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_MARKETPLACE_MARKETPLACE_INTERNAL_H
#define METACORE_MARKETPLACE_MARKETPLACE_INTERNAL_H

#include "metacore/marketplace/marketplace.h"

#define MC__MARKETPLACE_ROUTES 2

struct mc_marketplace {
    mc_marketplace_config config;
    mc_arena *text; /* hubs */
    mc_http_route routes[MC__MARKETPLACE_ROUTES];
};

/* marketplace_rows.c; each in a write of its own. */
mc_code mc__request_insert(mc_marketplace *self, mc_ctx *ctx, const mc_marketplace_request *request,
                           mc_err *err);
mc_code mc__request_update(mc_marketplace *self, mc_ctx *ctx, const mc_marketplace_request *request,
                           mc_err *err);

void mc__marketplace_add_routes(mc_marketplace *self);

#endif
