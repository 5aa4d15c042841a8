/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NOTIFICATIONS_NOTIFICATIONS_INTERNAL_H
#define METACORE_NOTIFICATIONS_NOTIFICATIONS_INTERNAL_H

#include "metacore/notifications/notifications.h"

#define MC__NOTIFICATIONS_ROUTES 15 /* five, below three bases */

struct mc_notifications {
    mc_notifications_config config;
    mc_http_route routes[MC__NOTIFICATIONS_ROUTES];
};

/* The columns of a SELECT whose rows mc__notification_write writes. */
#define MC__NOTIFICATION_COLUMNS                                                                   \
    "id, title, message, type, is_read, created_at, link, icon, image, metadata, read_at"
void mc__notification_write(mc_db_rows *rows, mc_buf *out);

/* Field errors: a link is clicked on, into the application or to a secure page; a type is one of
 * four.
 */
void mc__notification_check_link(mc_ctx *ctx, const char *field, mc_str link);
void mc__notification_check_type(mc_ctx *ctx, mc_str type);

void mc__notifications_add_routes(mc_notifications *self);

#endif
