/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app_internal.h"

mc_code mc__app_push_new(mc_app *app, const mc_app_config *config, mc_err *err)
{
    return mc_push_new(
        &(mc_push_config){MC_PUSH_CONFIG, .db = app->db, .public_key = config->vapid_public_key,
                          .private_key = config->vapid_private_key,
                          .subject = config->vapid_subject,
                          .allow_private = config->allow_private_egress, .log = app->config.log,
                          .clock = app->config.clock, .is_alone = true},
        &app->push, err);
}
