/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_APP_H
#define METACORE_HOST_APP_H

/**
 * app: a whole metacore in one object: database, services, routes, server, built in one order.
 *
 * An embedding program makes one, registers models and routes of its own, starts it, and stops it:
 *
 *   mc_app_new(&(mc_app_config){MC_APP_CONFIG, .data_dir = MC_STR("./data")}, &app, &err);
 *   mc_app_add_model(app, &books, &err);
 *   mc_app_add_route(app, &(mc_http_route){"GET", "/hello", MC_HTTP_READ, 0, NULL, hello}, &err);
 *   mc_app_start(app, &err);
 *
 * Routes: /api/auth, /api/metadata, /api/dynamic (also as /api/data), /api/ws, and /healthz,
 * /readyz, /metrics (for whoever holds metrics_token), /. Every service it builds can be reached
 * and used by itself, without HTTP.
 *
 * Not here: addons (host.h), flags and signals (cmd/metacore).
 * Threads:  new, add and start from one thread; after start the accessors' objects are thread-safe.
 */

#include "metacore/auth/auth.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/db/db.h"
#include "metacore/dynamic/dynamic.h"
#include "metacore/eventlog/eventlog.h"
#include "metacore/httpx/httpx.h"
#include "metacore/log/log.h"
#include "metacore/metrics/metrics.h"
#include "metacore/modelbase/modelbase.h"
#include "metacore/notifications/notify.h"
#include "metacore/outbox/outbox.h"
#include "metacore/permission/permission.h"
#include "metacore/runtime/wasm/wasm_runtime.h"
#include "metacore/ws/ws.h"

MC_BEGIN_DECLS

#define MC_VERSION "0.1.0"
/** What manifests' `kernel` ranges are held against: the contract's version, not ours. */
#define MC_KERNEL_VERSION "2.0.0"

typedef struct mc_app mc_app;
typedef struct mc_host mc_host;

/** The default is open in development, else closed. */
typedef enum mc_registration {
    MC_REGISTRATION_DEFAULT,
    MC_REGISTRATION_OPEN,
    MC_REGISTRATION_CLOSED
} mc_registration;

/** Zero is "the default" in every field; strings are copied. */
typedef struct mc_app_config {
    uint32_t struct_size;
    mc_str data_dir;     /* empty: ./metacore-data; made when missing, mode 0700 */
    mc_str database_url; /* empty: sqlite:<data_dir>/metacore.db */
    mc_str jwt_secret;   /* at least 32 bytes; empty: made once and kept in data_dir when dev is
                            set, else INVALID */
    bool dev;            /* demo organization and addons, open registration, unsigned bundles */
    mc_registration registration;
    bool allow_unsigned; /* bundles without a signature may be installed */
    mc_str
        marketplace_keys; /* public keys, as mc_signing_keys_parse; any: every bundle is verified */
    mc_str master_key;  /* seals secrets: 32 bytes in hexadecimal or base64; empty: data_dir's own,
                           made once when dev is set, else secrets are not kept */
    const mc_str *hubs; /* origins that the marketplace may fetch bundles from; none: none */
    size_t hub_count;
    bool smtp_tls_off;         /* MC_SMTP_TLS_OFF */
    bool allow_private_egress; /* requests of ours may go to private addresses, and without TLS */
    mc_str catalog_dir;        /* .tar.gz files that organizations may install; empty: none */
    mc_str navigation;         /* the host's own menu, a JSON array of groups; empty: none */
    const mc_str *addons;      /* folders or bundle files that every organization gets */
    size_t addon_count;

    mc_str listen;        /* as mc_server_config.listen */
    bool has_control;     /* also listen on <data_dir>/control.sock for the command line */
    mc_str tls_cert_file; /* PEM; empty: plain HTTP */
    mc_str tls_key_file;
    const mc_str *cors_origins; /* exact origins, or one "*"; none: no CORS */
    size_t cors_origin_count;
    unsigned loops;          /* 0: one per core */
    unsigned workers;        /* pool threads; 0: two per core */
    bool synchronous_normal; /* as mc_db_config */
    int64_t token_ttl_s;     /* 0: 86400 */
    mc_str vapid_public_key; /* as mc_push_config; neither: this server does not push */
    mc_str vapid_private_key;
    mc_str vapid_subject;
    int64_t webhook_retry_ms; /* as mc_webhooks_config.retry_base_ms */
    unsigned event_days;      /* so long the event log keeps what happened; 0: 90 */
    unsigned delivery_days;   /* and webhooks their deliveries that are over; 0: 30 */
    uint32_t ws_per_user;     /* sockets; 0: 100, in development 20000 */
    uint32_t ws_per_org;      /* 0: 5000, in development 20000 */
    int access_sample;        /* of requests that went well one in so many is logged; 0: all,
                                 negative: none; what went wrong is always logged */
    mc_log *log;              /* borrowed; NULL: silent */
    mc_clock clock;
    mc_str
        metrics_listen; /* the operator's own listener: /metrics, /healthz, /readyz; empty: none */
    mc_str metrics_token;    /* at least 16 bytes: whoever brings it as Bearer may read /metrics and
                                what /readyz found; asked for on both listeners; empty: nobody may
                                on the main one */
    uint64_t disk_min_bytes; /* less free space is not ready; 0: 64 MiB */
    int64_t stuck_ms;        /* a writer that is longer at one commit is not ready; 0: 10000 */
    mc_str otlp_endpoint;    /* where OTLP/HTTP collectors are, without /v1/traces; may be a private
                                address; empty: nobody is told of spans */
    mc_str otlp_headers;     /* key=value,… sent with them, values percent-encoded; a secret */
    mc_str service_name;     /* of the spans; empty: metacore */
    double trace_untold;     /* of traces that begin here so much is not told, 0 to 1 */
    /* Of mc_wasm_zygote_start, called first in main, before threads and secrets; borrowed, outlives
     * the app. NULL: WebAssembly of addons is kept and does not run: its actions answer 501. */
    mc_wasm_zygote *zygote;
    mc_str compiled_dir;  /* of what wasm_artefact.h made elsewhere; empty: <data_dir>/compiled */
    mc_str compiled_keys; /* whose signatures such files must carry, as mc_signing_keys_parse;
                             empty: none are used */
    mc_str smtp_url; /* as mc_smtp_client_config, as all smtp_…; empty: nobody is told by mail */
    mc_str smtp_user;
    mc_str smtp_password;
    mc_str smtp_from; /* "Name <address>"; required with smtp_url */
    mc_str smtp_ca_file;
    mc_str public_url;       /* where people reach this server: before paths in mails */
    int64_t notify_retry_ms; /* as mc_notify_config.retry_base_ms */
    int64_t notify_keep_s;   /* as mc_notify_config.retention_s */
    int64_t inbox_keep_s;    /* as mc_notify_config.inbox_retention_s */
} mc_app_config;
#define MC_APP_CONFIG .struct_size = sizeof(mc_app_config)

/**
 * Takes the data directory's lock, opens the database, migrates it, builds the services and
 * loads the installed addons. Nothing listens yet.
 * Errors  UNAVAILABLE: another process holds the data directory. INVALID: config. IO. The
 *         database's and the migrations' own.
 */
MC_API MC_MUST_USE mc_code mc_app_new(const mc_app_config *config, mc_app **out, mc_err *err);
/** Stops when needed, waits for open work, closes the database. */
MC_API void mc_app_free(mc_app *app);

/** A model of the host's own, present for every organization; its table is made. Before start. */
MC_API MC_MUST_USE mc_code mc_app_add_model(mc_app *app, const mc_model_def *def, mc_err *err);
/** A route under /api; tokens are checked unless it is MC_HTTP_PUBLIC. Before start. */
MC_API MC_MUST_USE mc_code mc_app_add_route(mc_app *app, const mc_http_route *route, mc_err *err);

MC_API MC_MUST_USE mc_code mc_app_start(mc_app *app, mc_err *err);
/** From now on /readyz says no, and all is served on: for whoever spreads the load to look away. */
MC_API void mc_app_drain(mc_app *app);
/** Drains, stops accepting, finishes open requests for at most timeout_ms (0: 30000). */
MC_API void mc_app_stop(mc_app *app, int64_t timeout_ms);
/** The port in use after start. */
MC_API unsigned mc_app_port(const mc_app *app);
/** The port of metrics_listen; 0: there is none. */
MC_API unsigned mc_app_metrics_port(const mc_app *app);
/** Reads the certificates again. */
MC_API MC_MUST_USE mc_code mc_app_reload(mc_app *app, mc_err *err);

MC_API mc_db *mc_app_db(mc_app *app);
MC_API mc_auth *mc_app_auth(mc_app *app);
MC_API mc_permission *mc_app_permission(mc_app *app);
MC_API mc_models *mc_app_models(mc_app *app);
MC_API mc_dynamic *mc_app_dynamic(mc_app *app);
MC_API mc_host *mc_app_host(mc_app *app);
/** Consumers and kinds are added to it between new and start. */
MC_API mc_outbox *mc_app_outbox(mc_app *app);
MC_API mc_eventlog *mc_app_eventlog(mc_app *app);
/** Channels and templates of the host's own are added to it between new and start. */
MC_API mc_notify *mc_app_notify(mc_app *app);
MC_API mc_ws *mc_app_ws(mc_app *app);
MC_API mc_log *mc_app_log(mc_app *app);
/** What /metrics shows; families of the host's own are added before start. */
MC_API mc_metrics *mc_app_metrics(mc_app *app);

MC_END_DECLS
#endif
