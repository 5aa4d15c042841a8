/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_CMD_SETTINGS_H
#define METACORE_CMD_SETTINGS_H

/**
 * settings: the effective configuration: flag, then environment, then file, then default.
 *
 * Every setting has one row in one table (settings.c), which also writes the usage text and
 * `metacore config`. NAME_FILE in the environment names a file that holds the value of NAME.
 * The configuration file is a JSON object whose keys are the flags' names.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

#include <stdio.h>

typedef enum mc_setting {
    SETTING_LISTEN,
    SETTING_DATA,
    SETTING_DATABASE,
    SETTING_CONFIG,
    SETTING_DEV,
    SETTING_JWT_SECRET,
    SETTING_TOKEN_TTL,
    SETTING_REGISTRATION,
    SETTING_ADDONS,
    SETTING_ALLOW_UNSIGNED,
    SETTING_MARKETPLACE_PUBKEYS,
    SETTING_MARKETPLACE_PUBKEY,
    SETTING_COMPILED_DIR,
    SETTING_COMPILED_PUBKEYS,
    SETTING_MASTER_KEY,
    SETTING_CATALOG_DIR,
    SETTING_MARKETPLACE_HUBS,
    SETTING_ALLOW_PRIVATE_EGRESS,
    SETTING_SYNCHRONOUS,
    SETTING_VAPID_PUBLIC_KEY,
    SETTING_VAPID_PRIVATE_KEY,
    SETTING_VAPID_SUBJECT,
    SETTING_WEBHOOK_RETRY_MS,
    SETTING_SMTP_URL,
    SETTING_SMTP_USER,
    SETTING_SMTP_PASSWORD,
    SETTING_SMTP_FROM,
    SETTING_SMTP_TLS,
    SETTING_SMTP_CA_FILE,
    SETTING_PUBLIC_URL,
    SETTING_NOTIFY_RETRY_MS,
    SETTING_NOTIFY_KEEP_DAYS,
    SETTING_INBOX_KEEP_DAYS,
    SETTING_EVENT_DAYS,
    SETTING_DELIVERY_DAYS,
    SETTING_LOOPS,
    SETTING_WORKERS,
    SETTING_WS_PER_USER,
    SETTING_WS_PER_ORG,
    SETTING_TLS_CERT,
    SETTING_TLS_KEY,
    SETTING_CORS_ORIGINS,
    SETTING_LOG_LEVEL,
    SETTING_LOG_FORMAT,
    SETTING_ACCESS_SAMPLE,
    SETTING_METRICS_LISTEN,
    SETTING_METRICS_TOKEN,
    SETTING_DISK_MIN_MB,
    SETTING_DRAIN_SECONDS,
    SETTING_OTLP_ENDPOINT,
    SETTING_OTLP_HEADERS,
    SETTING_SERVICE_NAME,
    SETTING_TRACE_RATIO,
    SETTING_COUNT
} mc_setting;

typedef struct mc_settings {
    mc_arena *arena;
    mc_str values[SETTING_COUNT];
    const char *sources[SETTING_COUNT]; /* "flag", "environment", "file", "default" */
} mc_settings;

/**
 * Takes the settings' flags out of argv (--name value or --name=value; a switch stands alone) and
 * leaves the rest, in order, in args.
 * Errors  INVALID: a flag without value, a value outside its range, an unknown key in the file.
 */
mc_code settings_load(mc_settings *self, mc_arena *arena, int argc, char **argv, const char **args,
                      int *out_arg_count, mc_err *err);

mc_str settings_str(const mc_settings *self, mc_setting id);
bool settings_bool(const mc_settings *self, mc_setting id);
unsigned settings_unsigned(const mc_settings *self, mc_setting id);

/** The flags with their environment names and defaults, for usage. */
void settings_print_usage(FILE *out);
/** One line or JSON member each, with its source; secrets are masked. */
void settings_print(const mc_settings *self, bool as_json, FILE *out);

#endif
