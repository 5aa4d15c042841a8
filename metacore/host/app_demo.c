/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app_internal.h"

#define DEMO_EMAIL "owner@example.com"
#define DEMO_PASSWORD "metacore-demo"
#define DEMO_ORGANIZATION "Demo"

mc_code mc__app_demo(mc_app *app, mc_err *err)
{
    mc_auth_new_user demo = {.email = MC_STR(DEMO_EMAIL),
                             .name = MC_STR("Demo Owner"),
                             .password = MC_STR(DEMO_PASSWORD),
                             .organization = MC_STR(DEMO_ORGANIZATION),
                             .role = MC_STR(MC_AUTH_ROLE_OWNER)};
    mc_auth_user owner;
    mc_ctx ctx;
    mc_code rc = mc__app_ctx_init(app, &ctx, err);

    if (rc == MC_OK)
        rc = mc_auth_find_user(app->auth, &ctx, demo.email, &owner, err);
    if (rc == MC_NOT_FOUND)
        rc = mc_auth_create_user(app->auth, &ctx, &demo, &owner, err);
    mc__app_ctx_deinit(&ctx);
    return rc;
}
