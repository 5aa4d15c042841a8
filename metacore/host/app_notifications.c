/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app_internal.h"

static mc_code check(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

/* Whoever is connected sees it now; whoever is not finds it in the list. */
static void tell(void *user, mc_uuid org_id, mc_uuid user_id, mc_str row)
{
    mc_app *app = user;
    mc_err ignored; /* what is not queued is in the list all the same */

    (void)org_id; /* the user's own */
    if (app->ws)
        MC_IGNORE(
            mc_ws_send_user(app->ws, user_id, MC_STR(MC_WS_TYPE_NOTIFICATION), row, &ignored));
}

mc_code mc__app_notifications_new(mc_app *app, mc_err *err)
{
    return mc_notifications_new(
        &(mc_notifications_config){MC_NOTIFICATIONS_CONFIG, .db = app->db, .check = check,
                                   .check_user = app->permission, .on_created = tell,
                                   .on_created_user = app},
        &app->notifications, err);
}
