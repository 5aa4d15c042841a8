/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app_internal.h"

static mc_code check(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

mc_code mc__app_notifications_new(mc_app *app, mc_err *err)
{
    return mc_notifications_new(&(mc_notifications_config){MC_NOTIFICATIONS_CONFIG, .db = app->db,
                                                           .check = check,
                                                           .check_user = app->permission},
                                &app->notifications, err);
}
