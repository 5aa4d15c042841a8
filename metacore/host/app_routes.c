/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/connectors_internal.h"

/* GET /: for whoever opens the address in a browser. */
static mc_code front_door(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)req;
    (void)user;
    (void)err;
    res->status = 200;
    mc_http_content_type(res, MC_STR("text/plain; charset=utf-8"));
    mc_buf_lit(&res->body, "metacore " MC_VERSION "\n\n"
                           "POST /api/auth/login                 {\"email\",\"password\"}\n"
                           "GET  /api/metadata/all               what there is\n"
                           "GET  /api/dynamic/<model>            rows; POST, PUT, DELETE as usual\n"
                           "GET  /api/ws                         what changes, live\n"
                           "GET  /healthz, /readyz               for monitors\n");
    return MC_OK;
}

static mc_code mount(mc_app *app, const char *prefix, const mc_http_route *routes, size_t count,
                     mc_err *err)
{
    return mc_http_router_add_all(app->router, mc_z(prefix), routes, count, err);
}

mc_code mc__app_mount(mc_app *app, mc_err *err)
{
    static const mc_http_route pages[] = {
        {.method = "GET",
         .pattern = "/",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_PUBLIC,
         .handle = front_door},
    };
    mc_http_route admin = mc_admin_route(app);
    mc_http_route metrics = mc__app_metrics_route(app);
    const mc_http_route *routes;
    size_t count;
    mc_code rc = mount(app, "", pages, MC_LEN(pages), err);

    if (rc == MC_OK)
        rc = mount(app, "", &admin, 1, err);
    if (rc == MC_OK)
        rc = mount(app, "", &metrics, 1, err);
    if (rc == MC_OK)
        rc = mc__app_mount_health(app, err);
    routes = mc_auth_routes(app->auth, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    if (rc == MC_OK)
        rc = mc__app_mount_session(app, err);
    if (rc == MC_OK)
        rc = mc__app_mount_addons(app, err);
    if (rc == MC_OK)
        rc = mc__app_mount_kernel(app, err);
    if (rc == MC_OK)
        rc = mc__app_mount_pages(app, err);
    if (rc == MC_OK)
        rc = mc__app_mount_tools(app, err);
    if (rc == MC_OK)
        rc = mc__app_mount_connectors(app, err);
    routes = mc_metadata_routes(app->metadata, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_options_routes(app->options, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_dynamic_routes(app->dynamic, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_notifications_routes(app->notifications, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_notify_routes(app->notify, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_outbox_routes(app->outbox, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_eventlog_routes(app->eventlog, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_push_routes(app->push, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_webhooks_routes(app->webhooks, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_files_routes(app->files, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_marketplace_routes(app->marketplace, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    routes = mc_ws_routes(app->ws, &count);
    if (rc == MC_OK)
        rc = mount(app, "/api", routes, count, err);
    return rc;
}
