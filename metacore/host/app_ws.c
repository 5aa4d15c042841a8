/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's plugs: who asks, who may read, what was written. */
#include "metacore/host/app_internal.h"

#include <sys/resource.h>

#define DEV_SOCKETS_MAX 20000  /* a development server is load-tested by one user */
#define DESCRIPTORS_BESIDE 192 /* databases, listeners, logs, files on their way */
#define CONNECTIONS_MIN 64
#define CONNECTIONS_MAX 1000000

static mc_code authenticate(void *user, mc_http_req *req, mc_err *err)
{
    return mc_auth_authenticate(((mc_app *)user)->auth, req, err);
}

static mc_code reload(void *user, mc_ctx *ctx, mc_err *err)
{
    return mc_auth_reload(((mc_app *)user)->auth, ctx, err);
}

static uint64_t version(void *user)
{
    return mc_permission_version(((mc_app *)user)->permission);
}

static mc_db_conn *loop_conn(void *user, unsigned loop)
{
    return mc_executor_loop_conn(((mc_app *)user)->executor, loop);
}

mc_code mc__app_build_ws(mc_app *app, mc_err *err)
{
    uint32_t most = app->config.dev ? DEV_SOCKETS_MAX : 0;

    return mc_ws_new(
        &(mc_ws_config){MC_WS_CONFIG, .models = app->models, .authenticate = authenticate,
                        .reload = reload, .auth_user = app, .can_read = mc__app_can_read,
                        .can_read_user = app, .is_visible = mc__host_is_visible,
                        .is_visible_user = app->host, .version = version, .version_user = app,
                        .loop_conn = loop_conn, .loop_conn_user = app,
                        .origins = {app->config.cors_origins, app->config.cors_origin_count},
                        .max_per_user = app->config.ws_per_user ? app->config.ws_per_user : most,
                        .max_per_org = app->config.ws_per_org ? app->config.ws_per_org : most,
                        .clock = app->config.clock},
        &app->ws, err);
}

/* The contract knows three actions: a row that is restored appears, as one that is created does. */
static mc_str action_of(const mc_dynamic_change *change)
{
    mc_dynamic_action action =
        change->action == MC_DYNAMIC_RESTORED ? MC_DYNAMIC_CREATED : change->action;

    return mc_z(mc_dynamic_action_name(action));
}

void mc__app_on_change(void *user, const mc_dynamic_change *change)
{
    mc_app *app = user;

    if (app->ws)
        mc_ws_publish(app->ws, &(mc_ws_change){.org_id = change->org_id,
                                               .model = change->model,
                                               .id = change->id,
                                               .action = action_of(change),
                                               .actor_id = change->actor_id,
                                               .at = change->at,
                                               .fields = change->fields,
                                               .field_count = change->field_count});
}

void mc__app_on_session_changed(void *user, mc_uuid user_id, mc_uuid session_id)
{
    mc_app *app = user;

    if (app->ws)
        mc_ws_recheck(app->ws, user_id, session_id);
    if (app->eventlog)
        mc_eventlog_recheck(app->eventlog);
}

void mc__app_on_tick(void *user, unsigned loop)
{
    mc_app *app = user;

    mc_ws_tick(app->ws, loop);
    if (loop == 0)
        mc__app_events_tick(app);
}

unsigned mc__app_max_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur < CONNECTIONS_MIN + DESCRIPTORS_BESIDE)
        return CONNECTIONS_MIN;
    if (limit.rlim_cur > CONNECTIONS_MAX)
        return CONNECTIONS_MAX;
    return (unsigned)limit.rlim_cur - DESCRIPTORS_BESIDE;
}
