/* SPDX-License-Identifier: Apache-2.0 */
/* The event log's plugs: who may read it, and the rows that are written. */
#include "metacore/host/app_internal.h"

static mc_code check(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

static mc_code reload(void *user, mc_ctx *ctx, mc_err *err)
{
    return mc_auth_reload(((mc_app *)user)->auth, ctx, err);
}

mc_code mc__app_eventlog_new(mc_app *app, mc_err *err)
{
    return mc_eventlog_new(
        &(mc_eventlog_config){MC_EVENTLOG_CONFIG, .db = app->db, .check = check,
                              .check_user = app->permission, .reload = reload, .reload_user = app,
                              .log = app->config.log, .clock = app->config.clock,
                              .streams_per_user = app->config.dev ? MC_EVENTLOG_STREAMS_MAX : 0},
        &app->eventlog, err);
}

mc_code mc__app_wants_before(void *user, mc_ctx *ctx, const mc_model *model,
                             mc_dynamic_action action, bool *out, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)model;
    (void)err;
    *out = action == MC_DYNAMIC_UPDATED || action == MC_DYNAMIC_DELETED;
    return MC_OK;
}

mc_code mc__app_on_write(void *user, mc_ctx *ctx, const mc_dynamic_change *change, mc_err *err)
{
    mc_app *app = user;
    mc_code rc = mc_eventlog_append(
        app->eventlog, ctx,
        &(mc_eventlog_change){.addon = change->model->addon_key,
                              .model = change->model->key,
                              .action = mc_z(mc_dynamic_action_name(change->action)),
                              .id = change->id,
                              .at = change->at,
                              .fields = change->fields,
                              .field_count = change->field_count,
                              .before = change->before,
                              .after = change->after},
        err);

    return rc == MC_OK ? mc__app_webhooks_publish(app, ctx, change, err) : rc;
}

/* On the first loop's thread, about once a second. */
void mc__app_events_tick(mc_app *app)
{
    uint64_t version = mc_permission_version(app->permission);

    if (version != app->seen_permissions)
        mc_eventlog_recheck(app->eventlog);
    app->seen_permissions = version;
}
