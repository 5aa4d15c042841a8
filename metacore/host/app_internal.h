/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_APP_INTERNAL_H
#define METACORE_HOST_APP_INTERNAL_H

#include "metacore/eventlog/eventlog.h"
#include "metacore/host/admin.h"
#include "metacore/host/app.h"
#include "metacore/host/data_dir.h"
#include "metacore/host/executor.h"
#include "metacore/host/host.h"
#include "metacore/lifecycle/hooks.h"
#include "metacore/lifecycle/lifecycle.h"
#include "metacore/marketplace/catalog.h"
#include "metacore/marketplace/marketplace.h"
#include "metacore/metadata/metadata.h"
#include "metacore/navigation/navigation.h"
#include "metacore/notifications/notifications.h"
#include "metacore/notifications/notify.h"
#include "metacore/obs/span_exporter.h"
#include "metacore/options/options.h"
#include "metacore/outbox/outbox.h"
#include "metacore/push/push.h"
#include "metacore/security/http_client.h"
#include "metacore/security/secretbox.h"
#include "metacore/security/signature.h"
#include "metacore/storage/files.h"
#include "metacore/webhooks/webhooks.h"

#include <stdatomic.h>

/* What the host counts itself. */
typedef struct mc__app_numbers {
    mc_metrics *registry;
    mc_metric *hooks;
    mc_metric *requests, *durations, *notifications;
    mc_series *group_jobs, *group_run, *group_commit, *jobs_failed, *commits_failed;
} mc__app_numbers;

typedef struct mc__app_collector mc__app_collector; /* app_spans.c */
typedef struct mc__guests mc__guests;
typedef struct mc__app_turn mc__app_turn; /* app_postgres.c */

/* Everything, in the order in which it is built; freed in the other direction. */
struct mc_app {
    mc_app_config config; /* strings are text's */
    mc_arena *text;
    mc_data_dir dir;
    mc_secret jwt_secret;
    mc_signing_keys keys;          /* of bundles */
    mc_signing_keys compiled_keys; /* of code that was compiled elsewhere */
    mc_secretbox box;
    bool has_box;
    mc_secret metrics_token;
    mc__app_numbers numbers;
    mc_db *db;
    mc_i18n *i18n;
    mc_models *models;
    mc_permission *permission;
    mc__guests *guests;
    mc_host *host;
    mc_auth *auth;
    mc_metadata *metadata;
    mc_eventlog *eventlog;
    mc_outbox *outbox;
    uint64_t seen_permissions; /* the first loop's: the version that streams were checked against */
    mc_dynamic *dynamic;
    mc_options *options;
    mc_storage storage;
    mc_files *files;
    mc_notifications *notifications;
    mc_notify *notify;
    mc_webhooks *webhooks;
    mc_push *push;
    mc_ws *ws;
    mc_lifecycle *lifecycle;
    mc_hooks *hooks; /* what addons' manifests want called */
    mc_navigation *navigation;
    mc_catalog *catalog;
    mc_http_client *hub_client;
    mc_http_client *backend_client; /* to addons' servers */
    mc_marketplace *marketplace;
    mc_http_router *router;
    mc_http_cors cors;
    mc_executor *executor;
    mc_server *server;
    mc_server *operator_server;   /* NULL: none */
    mc__app_collector *collector; /* NULL: nobody is told of spans */
    unsigned loops;
    bool is_started;
    atomic_bool is_draining;
    mc__app_turn *turn;       /* NULL: the data directory's lock is enough */
    atomic_bool is_displaced; /* another process serves from our database */
    int64_t newest_migration;
};

/* A ctx for work of our own; its arena is the caller's to free. */
mc_code mc__app_ctx_init(mc_app *app, mc_ctx *ctx, mc_err *err);
void mc__app_ctx_deinit(mc_ctx *ctx);

/* host.c */
mc_code mc__host_new(mc_app *app, mc_host **out, mc_err *err);
void mc__host_free(mc_host *self);
/* Reads the addons that every organization gets, and installs them where they are missing. */
mc_code mc__host_start(mc_host *self, mc_err *err);
/* Whether ctx's organization has model. */
mc_code mc__host_is_visible(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);
/* A new organization, in its transaction: what every organization gets. */
mc_code mc__host_on_org_created(void *user, mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id,
                                mc_err *err);

/* app_postgres.c: of a database that others can reach. On SQLite all of it is nothing. */
/* Asks whether it is one that can be served from, and takes the one turn to do so. NOT_PROVIDED,
 * UNAVAILABLE: another process has it. */
mc_code mc__app_turn_take(mc_app *app, mc_err *err);
/* From now on takes it again when the session that had it was lost. */
mc_code mc__app_turn_keep(mc_app *app, mc_err *err);
/* Before the database is closed. */
void mc__app_turn_end(mc_app *app);
/* Connections that writes may have at once. */
uint32_t mc__app_connections(const mc_app *app);

/* app_marketplace.c: addons from hubs */
mc_code mc__app_marketplace_new(mc_app *app, mc_err *err);
void mc__app_marketplace_free(mc_app *app);

/* guests.c: addons' WebAssembly */
typedef struct mc__guest mc__guest;
mc_code mc__guests_new(mc_app *app, mc__guests **out, mc_err *err);
void mc__guests_free(mc__guests *self);
/* Loads what is installed, in the background. What cannot be loaded is logged, and tried again when
 * it is called. */
mc_code mc__guests_start(mc__guests *self, mc_err *err);
/* Loads nothing more; compilations end soon. Before the database is closed. */
void mc__guests_stop(mc__guests *self);
/* guests_sql_call.c: no call runs any more, and the database closes. NULL is fine. */
void mc__guests_close_readers(mc__guests *self);
/* Before an installation for org_id: the guest of bundle, to keep after it (*out NULL: it has
 * none), with a ref. Compiles, so it blocks. Errors: why its module is refused. */
mc_code mc__guests_prepare(mc__guests *self, const mc_bundle *bundle, const mc_install_plan *plan,
                           mc_uuid org_id, mc__guest **out, mc_err *err);
/* Whether its module is one that can be loaded, as far as that is known without compiling it. */
mc_code mc__guests_check(const mc_bundle *bundle, mc_err *err);
mc_code mc__guests_keep(mc__guests *self, mc__guest *guest, mc_err *err);
void mc__guests_unref(mc__guests *self, mc__guest *guest);
/* On the writer's thread: forgets what is no longer installed. */
void mc__guests_after_change(mc__guests *self, const mc_addon_change *change);
/* guests_action.c: a dispatcher of actions; user is the guests. Blocks. */
mc_code mc__guests_dispatch(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                            mc_err *err);

/* Before the transaction of an action: its guest is loaded. Blocks. */
mc_code mc__guests_ready(mc__guests *self, mc_ctx *ctx, const mc_action_call *call, mc_err *err);
/* action_backend.c: a dispatcher of actions, to servers and modules; user is the app. Blocks. */
mc_code mc__app_dispatch(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                         mc_err *err);
mc_code mc__app_ready(void *user, mc_ctx *ctx, const mc_action_call *call, mc_err *err);

/* host_pages.c: /metacore/manifests, /navigation, /catalog; and what they are made of */
mc_code mc__app_pages_new(mc_app *app, mc_err *err);
void mc__app_pages_free(mc_app *app);
mc_code mc__app_mount_pages(mc_app *app, mc_err *err);
/* host_tools.c: /metacore/tools */
mc_code mc__app_mount_tools(mc_app *app, mc_err *err);

/* host_lifecycle.c: an action that the host's own code may answer; user is the app. */
mc_code mc__host_intercept(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                           bool *is_handled, mc_err *err);

/* app_config.c */
/* config into app->config, without what is secret. */
mc_code mc__app_copy_config(mc_app *app, const mc_app_config *config, mc_err *err);
/* INVALID: too short, or none where one is required. */
mc_code mc__app_load_jwt_secret(mc_app *app, mc_str configured, mc_err *err);
mc_code mc__app_load_metrics_token(mc_app *app, mc_str configured, mc_err *err);

/* app_keys.c: whose bundles are taken, and what seals secrets */
mc_code mc__app_load_keys(mc_app *app, const mc_app_config *config, mc_err *err);

/* app_notifications.c */
mc_code mc__app_notifications_new(mc_app *app, mc_err *err);
/* After push: the queue with its channels. */
mc_code mc__app_notify_new(mc_app *app, const mc_app_config *config, mc_err *err);
/* What an addon says of its notifications, kept for ctx's organization; without a manifest (NULL):
 * forgotten. */
mc_code mc__app_notify_addon(mc_app *app, mc_ctx *ctx, mc_str addon_key, const mc_json *manifest,
                             mc_err *err);

/* app_events.c: what is written, logged with it */
mc_code mc__app_eventlog_new(mc_app *app, mc_err *err);
/* The outbox with the kernel's own kinds of jobs. */
mc_code mc__app_outbox_new(mc_app *app, mc_err *err);
mc_code mc__app_outbox_start(mc_app *app, mc_err *err);
void mc__app_events_tick(mc_app *app);
mc_code mc__app_on_write(void *user, mc_ctx *ctx, const mc_dynamic_change *change, mc_err *err);
mc_code mc__app_wants_before(void *user, mc_ctx *ctx, const mc_model *model,
                             mc_dynamic_action action, bool *out, mc_err *err);

/* app_webhooks.c: what is written, delivered to who subscribed to it */
mc_code mc__app_webhooks_new(mc_app *app, mc_err *err);
mc_code mc__app_webhooks_publish(mc_app *app, mc_ctx *ctx, const mc_dynamic_change *change,
                                 mc_err *err);

/* app_push.c */
mc_code mc__app_push_new(mc_app *app, const mc_app_config *config, mc_err *err);

/* app_files.c */
mc_code mc__app_files_new(mc_app *app, mc_err *err);
void mc__app_files_free(mc_app *app);

/* Whether ctx's principal may read model's rows. */
mc_code mc__app_can_read(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);

/* app_ws.c: what happens, told to those who are connected */
mc_code mc__app_build_ws(mc_app *app, mc_err *err);
void mc__app_on_change(void *user, const mc_dynamic_change *change);
void mc__app_on_session_changed(void *user, mc_uuid user_id, mc_uuid session_id);
void mc__app_on_tick(void *user, unsigned loop);
/* As many as the process may have descriptors, less what it needs beside. */
unsigned mc__app_max_connections(void);

/* app_metrics.c */
mc_code mc__app_metrics_new(mc_app *app, mc_err *err);
void mc__app_on_group(void *user, const mc_db_group *group);
mc_http_route mc__app_metrics_route(mc_app *app);

/* app_ready.c */
typedef struct mc__app_check {
    const char *name;
    const char *trouble; /* NULL: all is well */
} mc__app_check;
#define MC__APP_CHECKS 5
/* Looks at all that must be well; true when it is. conn reads the database. */
bool mc__app_check_ready(mc_app *app, mc_db_conn *conn, mc__app_check out[MC__APP_CHECKS]);
/* {"checks":{name: "ok" or the trouble},"status":"ready" or "not ready"} */
void mc__app_write_checks(mc_buf *out, const mc__app_check checks[MC__APP_CHECKS]);
mc_code mc__app_mount_health(mc_app *app, mc_err *err);

/* app_operator.c: the listener of metrics_listen, and who else is the operator */
mc_code mc__app_operator_new(mc_app *app, mc_err *err);
bool mc__app_has_token(const mc_app *app, mc_str authorization);

/* app_spans.c */
mc_code mc__app_spans_new(mc_app *app, const mc_app_config *config, mc_err *err);
/* Sends what waits. */
void mc__app_spans_free(mc_app *app);
mc_span_exporter *mc__app_spans(const mc_app *app);

/* app_routes.c */
mc_code mc__app_mount(mc_app *app, mc_err *err);

/* host_addons.c: /metacore/installations */
mc_code mc__app_mount_addons(mc_app *app, mc_err *err);
mc_code mc__app_mount_kernel(mc_app *app, mc_err *err); /* host_kernel.c */

/* app_session.c: /permissions/me */
mc_code mc__app_mount_session(mc_app *app, mc_err *err);

/* app_demo.c: the demo organization and its owner, once */
mc_code mc__app_demo(mc_app *app, mc_err *err);

#endif
