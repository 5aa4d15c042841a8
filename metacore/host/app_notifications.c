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

/* ---- channels ---- */

static void count_attempt(void *user, mc_str channel, bool has_succeeded)
{
    mc_app *app = user;
    mc_str values[] = {channel, has_succeeded ? MC_STR("success") : MC_STR("failure")};

    mc_series_add(mc_metric_series(app->numbers.notifications, values), 1);
}

/* Both outcomes are there before the first attempt, as those of webhooks are. */
static mc_code add_channel(mc_app *app, const mc_notify_channel *channel, mc_err *err)
{
    mc_str success[] = {channel->name, MC_STR("success")};
    mc_str failure[] = {channel->name, MC_STR("failure")};

    (void)mc_metric_series(app->numbers.notifications, success); /* is made by asking for it */
    (void)mc_metric_series(app->numbers.notifications, failure);
    return mc_notify_add_channel(app->notify, channel, err);
}

static mc_code add_email(mc_app *app, const mc_app_config *config, mc_err *err)
{
    mc_notify_channel channel;
    mc_err why;
    mc_code rc;

    if (!config->smtp_url.len)
        return MC_OK; /* nobody is told by mail */
    rc = mc_notify_email_new(
        &(mc_notify_email_config){
            MC_NOTIFY_EMAIL_CONFIG,
            .smtp = {MC_SMTP_CLIENT_CONFIG, .url = config->smtp_url, .user = config->smtp_user,
                     .password = config->smtp_password,
                     .tls = config->smtp_tls_off ? MC_SMTP_TLS_OFF : MC_SMTP_TLS_REQUIRED,
                     .ca_file = config->smtp_ca_file},
            .from = config->smtp_from, .public_url = config->public_url},
        &channel, &why);
    if (rc != MC_OK)
        return mc_fail(err, rc, "METACORE_SMTP: %s", why.msg);
    return add_channel(app, &channel, err);
}

mc_code mc__app_notify_new(mc_app *app, const mc_app_config *config, mc_err *err)
{
    mc_notify_channel inbox = mc_notify_inbox(app->notifications);
    mc_notify_channel push = mc_notify_push(app->push);
    mc_code rc =
        mc_notify_new(&(mc_notify_config){MC_NOTIFY_CONFIG, .db = app->db, .outbox = app->outbox,
                                          .check = check, .check_user = app->permission,
                                          .log = app->config.log, .clock = app->config.clock,
                                          .retry_base_ms = app->config.notify_retry_ms,
                                          .retention_s = app->config.notify_keep_s,
                                          .inbox_retention_s = app->config.inbox_keep_s,
                                          .on_attempt = count_attempt, .on_attempt_user = app},
                      &app->notify, err);

    if (rc == MC_OK)
        rc = add_channel(app, &inbox, err);
    if (rc == MC_OK)
        rc = add_email(app, config, err);
    if (rc == MC_OK && mc_push_is_on(app->push))
        rc = add_channel(app, &push, err);
    return rc;
}

mc_code mc__app_notify_addon(mc_app *app, mc_ctx *ctx, mc_str addon_key, const mc_json *manifest,
                             mc_err *err)
{
    mc_notify_template *items = NULL;
    size_t count = 0;
    mc_code rc = MC_OK;

    if (manifest)
        rc = mc_notify_read_templates(mc_json_find(manifest, MC_STR("notifications")), addon_key,
                                      ctx->arena, &items, &count, err);
    return rc == MC_OK ? mc_notify_put_addon(app->notify, ctx, addon_key, items, count, err) : rc;
}
