/* SPDX-License-Identifier: Apache-2.0 */
/* From settings to an app, and commands on it: here, or by the server that holds the data. */
#include "command.h"

#include "control.h"

#include "metacore/base/json.h"
#include "metacore/host/admin.h"
#include "metacore/marketplace/marketplace.h"

#include <stdlib.h>

#define ADDONS_MAX 64
#define ORIGINS_MAX 64
#define DAY_S INT64_C(86400)
/* A command beside no server signs nothing: the app wants a secret all the same. */
#define UNUSED_SECRET "no tokens are signed by this process"

static mc_code split(const command *self, mc_setting id, size_t max, const mc_str **out,
                     size_t *out_count, mc_err *err)
{
    mc_str rest = settings_str(self->settings, id), part;
    mc_str *items = mc_arena_array(self->arena, mc_str, max);
    size_t count = 0;

    if (!items)
        return mc_fail(err, MC_NO_MEMORY, "settings");
    while (mc_str_split(&rest, ',', &part)) {
        part = mc_str_trim(part);
        if (part.len && count == max)
            return mc_fail(err, MC_LIMIT, "settings: more than %zu items", max);
        if (part.len)
            items[count++] = part;
    }
    *out = items;
    *out_count = count;
    return MC_OK;
}

static mc_code read_ratio(const mc_settings *settings, double *out_untold, mc_err *err)
{
    mc_str text = settings_str(settings, SETTING_TRACE_RATIO);
    char room[32] = "", *end = room;
    double ratio = -1;

    if (text.len > 0 && text.len < sizeof(room)) {
        memcpy(room, text.ptr, text.len);
        room[text.len] = '\0';
        ratio = strtod(room, &end);
    }
    if (*end || !(ratio >= 0 && ratio <= 1))
        return mc_fail(err, MC_INVALID, "trace-ratio: want a number from 0 to 1");
    *out_untold = 1 - ratio;
    return MC_OK;
}

mc_code command_app_config(const command *self, mc_log *log, mc_app_config *out, mc_err *err)
{
    const mc_settings *settings = self->settings;
    bool is_dev = settings_bool(settings, SETTING_DEV);
    mc_str registration = settings_str(settings, SETTING_REGISTRATION);
    unsigned sample = settings_unsigned(settings, SETTING_ACCESS_SAMPLE);
    uint64_t disk_min_mb = settings_unsigned(settings, SETTING_DISK_MIN_MB);
    mc_code rc;

    *out = (mc_app_config){
        MC_APP_CONFIG,
        .data_dir = settings_str(settings, SETTING_DATA),
        .database_url = settings_str(settings, SETTING_DATABASE),
        .jwt_secret = settings_str(settings, SETTING_JWT_SECRET),
        .dev = is_dev,
        .registration = mc_str_eq(registration, MC_STR("open"))     ? MC_REGISTRATION_OPEN
                        : mc_str_eq(registration, MC_STR("closed")) ? MC_REGISTRATION_CLOSED
                                                                    : MC_REGISTRATION_DEFAULT,
        .allow_unsigned = settings_bool(settings, SETTING_ALLOW_UNSIGNED),
        .allow_private_egress = settings_bool(settings, SETTING_ALLOW_PRIVATE_EGRESS),
        .catalog_dir = settings_str(settings, SETTING_CATALOG_DIR),
        .vapid_public_key = settings_str(settings, SETTING_VAPID_PUBLIC_KEY),
        .vapid_private_key = settings_str(settings, SETTING_VAPID_PRIVATE_KEY),
        .vapid_subject = settings_str(settings, SETTING_VAPID_SUBJECT),
        .webhook_retry_ms = (int64_t)settings_unsigned(settings, SETTING_WEBHOOK_RETRY_MS),
        .event_days = settings_unsigned(settings, SETTING_EVENT_DAYS),
        .delivery_days = settings_unsigned(settings, SETTING_DELIVERY_DAYS),
        .compiled_dir = settings_str(settings, SETTING_COMPILED_DIR),
        .compiled_keys = settings_str(settings, SETTING_COMPILED_PUBKEYS),
        .smtp_url = settings_str(settings, SETTING_SMTP_URL),
        .smtp_user = settings_str(settings, SETTING_SMTP_USER),
        .smtp_password = settings_str(settings, SETTING_SMTP_PASSWORD),
        .smtp_from = settings_str(settings, SETTING_SMTP_FROM),
        .smtp_ca_file = settings_str(settings, SETTING_SMTP_CA_FILE),
        .smtp_tls_off = mc_str_eq(settings_str(settings, SETTING_SMTP_TLS), MC_STR("off")),
        .public_url = settings_str(settings, SETTING_PUBLIC_URL),
        .notify_retry_ms = (int64_t)settings_unsigned(settings, SETTING_NOTIFY_RETRY_MS),
        .notify_keep_s = (int64_t)settings_unsigned(settings, SETTING_NOTIFY_KEEP_DAYS) * DAY_S,
        .inbox_keep_s = (int64_t)settings_unsigned(settings, SETTING_INBOX_KEEP_DAYS) * DAY_S,
        .master_key = settings_str(settings, SETTING_MASTER_KEY),
        .marketplace_keys = mc_str_printf(
            self->arena, "%.*s,%.*s", MC_FMT(settings_str(settings, SETTING_MARKETPLACE_PUBKEYS)),
            MC_FMT(settings_str(settings, SETTING_MARKETPLACE_PUBKEY))),
        .listen = settings_str(settings, SETTING_LISTEN),
        .tls_cert_file = settings_str(settings, SETTING_TLS_CERT),
        .tls_key_file = settings_str(settings, SETTING_TLS_KEY),
        .loops = settings_unsigned(settings, SETTING_LOOPS),
        .workers = settings_unsigned(settings, SETTING_WORKERS),
        .ws_per_user = settings_unsigned(settings, SETTING_WS_PER_USER),
        .ws_per_org = settings_unsigned(settings, SETTING_WS_PER_ORG),
        .synchronous_normal =
            mc_str_eq(settings_str(settings, SETTING_SYNCHRONOUS), MC_STR("normal")),
        .token_ttl_s = (int64_t)settings_unsigned(settings, SETTING_TOKEN_TTL),
        .metrics_listen = settings_str(settings, SETTING_METRICS_LISTEN),
        .metrics_token = settings_str(settings, SETTING_METRICS_TOKEN),
        .access_sample = sample ? (int)sample : -1,
        .disk_min_bytes = disk_min_mb ? disk_min_mb << 20 : 1,
        .otlp_endpoint = settings_str(settings, SETTING_OTLP_ENDPOINT),
        .otlp_headers = settings_str(settings, SETTING_OTLP_HEADERS),
        .service_name = settings_str(settings, SETTING_SERVICE_NAME),
        .log = log,
        .zygote = self->zygote,
    };
    if (!out->marketplace_keys.ptr)
        return mc_fail(err, MC_NO_MEMORY, "settings");
    rc = read_ratio(settings, &out->trace_untold, err);
    if (rc != MC_OK)
        return rc;
    rc = split(self, SETTING_ADDONS, ADDONS_MAX, &out->addons, &out->addon_count, err);
    if (rc == MC_OK)
        rc = split(self, SETTING_CORS_ORIGINS, ORIGINS_MAX, &out->cors_origins,
                   &out->cors_origin_count, err);
    if (rc == MC_OK)
        rc = split(self, SETTING_MARKETPLACE_HUBS, MC_MARKETPLACE_HUBS_MAX, &out->hubs,
                   &out->hub_count, err);
    return rc;
}

static mc_code run_here(const command *self, mc_str request, mc_str *out, mc_err *err)
{
    mc_app_config config;
    const mc_json *parsed;
    mc_app *app = NULL;
    mc_buf result;
    mc_ctx ctx = {.arena = self->arena, .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_code rc = command_app_config(self, NULL, &config, err);

    if (rc == MC_OK)
        rc = mc_json_parse(self->arena, request, NULL, &parsed, err);
    if (rc != MC_OK)
        return rc;
    config.dev = false; /* no demo data as a side effect */
    config.allow_unsigned = config.allow_unsigned || settings_bool(self->settings, SETTING_DEV);
    if (mc_str_is_empty(config.jwt_secret))
        config.jwt_secret = MC_STR(UNUSED_SECRET);
    rc = mc_app_new(&config, &app, err);
    if (rc != MC_OK)
        return rc;
    if (self->on_app)
        self->on_app(self->on_app_user, app);
    mc_buf_init_arena(&result, self->arena, 0);
    rc = mc_admin_run(app, &ctx, parsed, &result, err);
    if (rc == MC_OK)
        *out = mc_buf_get(&result);
    if (self->on_app)
        self->on_app(self->on_app_user, NULL);
    mc_app_free(app);
    return rc;
}

mc_code command_admin(const command *self, mc_str request, mc_str *out, mc_err *err)
{
    mc_str data = settings_str(self->settings, SETTING_DATA);
    mc_str path = mc_str_printf(self->arena, "%.*s/" MC_CONTROL_SOCKET, MC_FMT(data));
    mc_code rc;

    if (!path.ptr)
        return mc_fail(err, MC_NO_MEMORY, "command");
    rc = control_call(self->arena, path.ptr, request, out, err);
    return rc == MC_NOT_FOUND ? run_here(self, request, out, err) : rc;
}
