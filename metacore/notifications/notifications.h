/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NOTIFICATIONS_NOTIFICATIONS_H
#define METACORE_NOTIFICATIONS_NOTIFICATIONS_H

/**
 * notifications: what one person of one organization is told, until they have read it.
 *
 *   GET    /notifications?orderBy=created_at&orderDir=desc&page=&per_page=&is_read=
 *   POST   /notifications            {title, message, user_id?, …}: notifications.create
 *   PATCH  /notifications/:id        {"is_read": true}
 *   POST   /notifications/read-all
 *   DELETE /notifications/:id
 * and the same below /data/notifications/me and /dynamic/notifications/me.
 *
 * Everybody sees and changes their own and nobody else's, for which no capability is needed. The
 * newest MC_NOTIFICATIONS_KEPT of each person are kept.
 *
 * Table:    notifications.
 * Not here: sending them anywhere (ws): on_created tells who does; other channels (notify.h).
 * Threads:  thread-safe once created.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/json.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"

MC_BEGIN_DECLS

#define MC_NOTIFICATIONS_KEPT 1000
#define MC_NOTIFICATIONS_PER_PAGE_MAX 100
#define MC_NOTIFICATIONS_TITLE_MAX 200    /* characters */
#define MC_NOTIFICATIONS_MESSAGE_MAX 4000 /* characters */
#define MC_NOTIFICATIONS_LINK_MAX 2000    /* bytes; also of icon and image */
#define MC_NOTIFICATIONS_METADATA_MAX 8192

typedef struct mc_notifications mc_notifications;

typedef struct mc_notification {
    mc_uuid user_id; /* nil: ctx's user */
    mc_str title;    /* required */
    mc_str message;
    mc_str type; /* info, success, warning, error; empty: info */
    mc_str link; /* a path of the application, or https; empty: none */
    mc_str icon;
    mc_str image;
    mc_str metadata; /* a JSON object's text; empty: {} */
} mc_notification;

/** Zero is "the default" in every field. */
typedef struct mc_notifications_config {
    uint32_t struct_size;
    mc_db *db; /* required; borrowed */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
    /** Told of each new one after its commit, on the thread that wrote: queue and return. row is
     *  the notification as the list shows it. NULL: nobody listens. */
    void (*on_created)(void *user, mc_uuid org_id, mc_uuid user_id, mc_str row);
    void *on_created_user;
} mc_notifications_config;
#define MC_NOTIFICATIONS_CONFIG .struct_size = sizeof(mc_notifications_config)

MC_API MC_MUST_USE mc_code mc_notifications_new(const mc_notifications_config *config,
                                                mc_notifications **out, mc_err *err);
MC_API void mc_notifications_free(mc_notifications *self);

/**
 * Tells somebody of ctx's organization something, in ctx->conn's transaction.
 *
 * row     the notification's JSON onto it; may be NULL
 * Errors  REJECTED with field errors: no such user, no title, too long, no link of ours.
 */
MC_API MC_MUST_USE mc_code mc_notifications_create(mc_notifications *self, mc_ctx *ctx,
                                                   const mc_notification *in, mc_buf *row,
                                                   mc_err *err);

/** Borrowed; for self's life. */
MC_API const mc_http_route *mc_notifications_routes(mc_notifications *self, size_t *out_count);

MC_END_DECLS
#endif
