/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "metacore/base/buf.h"
#include "metacore/base/json.h"

#include <errno.h>
#include <stdlib.h>

#define FILE_BYTES_MAX ((size_t)1 << 20)

typedef enum value_kind {
    VALUE_TEXT,
    VALUE_SWITCH, /* true, 1, yes, on and their opposites; as a flag it stands alone */
    VALUE_NUMBER, /* 0 … 1000000000 */
    VALUE_CHOICE  /* one of choices, separated by | */
} value_kind;

typedef struct setting_spec {
    const char *flag;
    const char *env;
    const char *fallback;
    value_kind kind;
    const char *choices;
    bool is_secret;
    const char *help;
} setting_spec;

static const setting_spec specs[SETTING_COUNT] = {
    [SETTING_LISTEN] = {"listen", "METACORE_LISTEN", "127.0.0.1:3000", VALUE_TEXT, NULL, false,
                        "address and port"},
    [SETTING_DATA] = {"data", "METACORE_DATA", "./metacore-data", VALUE_TEXT, NULL, false,
                      "data directory"},
    [SETTING_DATABASE] = {"database", "DATABASE_URL", "", VALUE_TEXT, NULL, true,
                          "sqlite:PATH or postgres://…; empty: sqlite in the data directory"},
    [SETTING_CONFIG] = {"config", "METACORE_CONFIG", "", VALUE_TEXT, NULL, false,
                        "configuration file (JSON)"},
    [SETTING_DEV] = {"dev", "METACORE_DEV", "false", VALUE_SWITCH, NULL, false,
                     "demo data, open registration, unsigned addons"},
    [SETTING_JWT_SECRET] = {"jwt-secret", "JWT_SECRET", "", VALUE_TEXT, NULL, true,
                            "at least 32 bytes; required without --dev"},
    [SETTING_TOKEN_TTL] = {"token-ttl", "METACORE_TOKEN_TTL", "86400", VALUE_NUMBER, NULL, false,
                           "seconds that an access token is good for"},
    [SETTING_REGISTRATION] = {"registration", "METACORE_REGISTRATION", "", VALUE_CHOICE,
                              "|open|closed", false,
                              "who may register; default closed, open in "
                              "--dev"},
    [SETTING_ADDONS] = {"addons", "METACORE_ADDONS", "", VALUE_TEXT, NULL, false,
                        "addon folders or bundles for every organization, separated by commas"},
    [SETTING_ALLOW_UNSIGNED] = {"allow-unsigned", "ALLOW_UNSIGNED_BUNDLES", "false", VALUE_SWITCH,
                                NULL, false, "accept bundles without a signature"},
    [SETTING_MARKETPLACE_PUBKEYS] = {"marketplace-pubkeys", "MARKETPLACE_PUBKEYS", "", VALUE_TEXT,
                                     NULL, false,
                                     "keys whose signature bundles must carry, 64 hexadecimal "
                                     "digits each, separated by commas"},
    [SETTING_MARKETPLACE_PUBKEY] = {"marketplace-pubkey", "MARKETPLACE_PUBKEY", "", VALUE_TEXT,
                                    NULL, false, "one more of them"},
    [SETTING_COMPILED_DIR] = {"compiled-dir", "METACORE_COMPILED_DIR", "", VALUE_TEXT, NULL, false,
                              "folder of what metacore addon compile made, for a machine without "
                              "a compiler"},
    [SETTING_COMPILED_PUBKEYS] = {"compiled-pubkeys", "METACORE_COMPILED_PUBKEYS", "", VALUE_TEXT,
                                  NULL, false,
                                  "keys whose signature such files must carry, 64 hexadecimal "
                                  "digits each, separated by commas"},
    [SETTING_MASTER_KEY] = {"master-key", "METACORE_MASTER_KEY", "", VALUE_TEXT, NULL, true,
                            "seals secrets at rest: 32 bytes in hexadecimal or base64; in --dev "
                            "made and kept in the data directory"},
    [SETTING_CATALOG_DIR] = {"catalog-dir", "METACORE_CATALOG_DIR", "", VALUE_TEXT, NULL, false,
                             "folder of bundles (.tar.gz) that organizations may install"},
    [SETTING_MARKETPLACE_HUBS] = {"marketplace-hubs", "METACORE_MARKETPLACE_HUBS", "", VALUE_TEXT,
                                  NULL, false,
                                  "origins that bundles may be fetched from, as "
                                  "https://hub.example.com, separated by commas"},
    [SETTING_ALLOW_PRIVATE_EGRESS] = {"allow-private-egress", "METACORE_ALLOW_PRIVATE_EGRESS",
                                      "false", VALUE_SWITCH, NULL, false,
                                      "outgoing requests may reach private addresses, and plain "
                                      "http"},
    [SETTING_SYNCHRONOUS] = {"synchronous", "METACORE_SYNCHRONOUS", "full", VALUE_CHOICE,
                             "full|normal", false, "normal: a power cut may lose the last answers"},
    [SETTING_VAPID_PUBLIC_KEY] = {"vapid-public-key", "VAPID_PUBLIC_KEY", "", VALUE_TEXT, NULL,
                                  false, "to push to browsers: as push keygen prints it"},
    [SETTING_VAPID_PRIVATE_KEY] = {"vapid-private-key", "VAPID_PRIVATE_KEY", "", VALUE_TEXT, NULL,
                                   true, "likewise"},
    [SETTING_VAPID_SUBJECT] = {"vapid-subject", "VAPID_SUBJECT", "", VALUE_TEXT, NULL, false,
                               "whom push services write to: mailto:… or https://…"},
    [SETTING_WEBHOOK_RETRY_MS] = {"webhook-retry-ms", "METACORE_WEBHOOK_RETRY_MS", "1000",
                                  VALUE_NUMBER, NULL, false,
                                  "the n-th failure of a webhook's delivery waits 4^n times that"},
    [SETTING_SMTP_URL] = {"smtp-url", "METACORE_SMTP_URL", "", VALUE_TEXT, NULL, false,
                          "mail server of notifications, smtp://host:587 or smtps://host:465; may "
                          "be a private address; empty: nobody is told by mail"},
    [SETTING_SMTP_USER] = {"smtp-user", "METACORE_SMTP_USER", "", VALUE_TEXT, NULL, false,
                           "whom we sign in to it as; empty: nobody"},
    [SETTING_SMTP_PASSWORD] = {"smtp-password", "METACORE_SMTP_PASSWORD", "", VALUE_TEXT, NULL,
                               true, "likewise"},
    [SETTING_SMTP_FROM] = {"smtp-from", "METACORE_SMTP_FROM", "", VALUE_TEXT, NULL, false,
                           "sender of mails: Name <address>"},
    [SETTING_SMTP_TLS] = {"smtp-tls", "METACORE_SMTP_TLS", "required", VALUE_CHOICE, "required|off",
                          false, "off: in the clear, for a relay on this machine"},
    [SETTING_SMTP_CA_FILE] = {"smtp-ca-file", "METACORE_SMTP_CA_FILE", "", VALUE_TEXT, NULL, false,
                              "certificates (PEM) that its own is checked by; empty: the system's"},
    [SETTING_PUBLIC_URL] = {"public-url", "METACORE_PUBLIC_URL", "", VALUE_TEXT, NULL, false,
                            "where people reach this server, for links in mails: https://…"},
    [SETTING_NOTIFY_RETRY_MS] = {"notify-retry-ms", "METACORE_NOTIFY_RETRY_MS", "30000",
                                 VALUE_NUMBER, NULL, false,
                                 "a notification that fails waits so long, then twice that, …"},
    [SETTING_NOTIFY_KEEP_DAYS] = {"notify-keep-days", "METACORE_NOTIFY_KEEP_DAYS", "30",
                                  VALUE_NUMBER, NULL, false,
                                  "days that deliveries of notifications are kept"},
    [SETTING_INBOX_KEEP_DAYS] = {"inbox-keep-days", "METACORE_INBOX_KEEP_DAYS", "180", VALUE_NUMBER,
                                 NULL, false, "days that notifications stay in the inbox"},
    [SETTING_EVENT_DAYS] = {"event-days", "METACORE_EVENT_DAYS", "90", VALUE_NUMBER, NULL, false,
                            "so long the event log keeps what happened"},
    [SETTING_DELIVERY_DAYS] = {"delivery-days", "METACORE_DELIVERY_DAYS", "30", VALUE_NUMBER, NULL,
                               false, "so long webhooks keep deliveries that are over"},
    [SETTING_LOOPS] = {"loops", "METACORE_LOOPS", "0", VALUE_NUMBER, NULL, false,
                       "event loops; 0: one per core"},
    [SETTING_WORKERS] = {"workers", "METACORE_WORKERS", "0", VALUE_NUMBER, NULL, false,
                         "pool threads; 0: two per core"},
    [SETTING_WS_PER_USER] = {"ws-per-user", "METACORE_WS_PER_USER", "0", VALUE_NUMBER, NULL, false,
                             "WebSockets of one user; 0: 100, or 20000 in --dev"},
    [SETTING_WS_PER_ORG] = {"ws-per-org", "METACORE_WS_PER_ORG", "0", VALUE_NUMBER, NULL, false,
                            "WebSockets of one organization; 0: 5000, or 20000 in --dev"},
    [SETTING_TLS_CERT] = {"tls-cert", "METACORE_TLS_CERT", "", VALUE_TEXT, NULL, false,
                          "certificate chain (PEM); empty: plain HTTP"},
    [SETTING_TLS_KEY] = {"tls-key", "METACORE_TLS_KEY", "", VALUE_TEXT, NULL, false,
                         "private key (PEM)"},
    [SETTING_CORS_ORIGINS] = {"cors-origins", "METACORE_CORS_ORIGINS", "", VALUE_TEXT, NULL, false,
                              "origins that browsers may call from, separated by commas"},
    [SETTING_LOG_LEVEL] = {"log-level", "LOG_LEVEL", "info", VALUE_TEXT, NULL, false,
                           "debug, info, warn or error"},
    [SETTING_LOG_FORMAT] = {"log-format", "LOG_FORMAT", "json", VALUE_TEXT, NULL, false,
                            "json or text"},
    [SETTING_ACCESS_SAMPLE] = {"access-sample", "METACORE_ACCESS_SAMPLE", "1", VALUE_NUMBER, NULL,
                               false, "log one in so many requests that went well; 0: none"},
    [SETTING_METRICS_LISTEN] = {"metrics-listen", "METACORE_METRICS_LISTEN", "", VALUE_TEXT, NULL,
                                false,
                                "address and port of /metrics, /healthz and /readyz with "
                                "details; empty: none"},
    [SETTING_METRICS_TOKEN] = {"metrics-token", "METACORE_METRICS_TOKEN", "", VALUE_TEXT, NULL,
                               true,
                               "at least 16 bytes: who brings it as Bearer may read /metrics; "
                               "empty: nobody on the main address"},
    [SETTING_DISK_MIN_MB] = {"disk-min-mb", "METACORE_DISK_MIN_MB", "64", VALUE_NUMBER, NULL, false,
                             "with less free space the server is not ready"},
    [SETTING_OTLP_ENDPOINT] = {"otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "", VALUE_TEXT, NULL,
                               false,
                               "collector of OpenTelemetry spans (OTLP/HTTP, JSON), without "
                               "/v1/traces; empty: none"},
    [SETTING_OTLP_HEADERS] = {"otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS", "", VALUE_TEXT, NULL,
                              true, "key=value sent to it, separated by commas"},
    [SETTING_SERVICE_NAME] = {"service-name", "OTEL_SERVICE_NAME", "metacore", VALUE_TEXT, NULL,
                              false, "this server's name in spans"},
    [SETTING_TRACE_RATIO] = {"trace-ratio", "OTEL_TRACES_SAMPLER_ARG", "1", VALUE_TEXT, NULL, false,
                             "of traces that begin here so much is told, 0 to 1; others as their "
                             "callers say"},
    [SETTING_DRAIN_SECONDS] = {"drain-seconds", "METACORE_DRAIN_SECONDS", "0", VALUE_NUMBER, NULL,
                               false, "between /readyz saying no and the end of accepting"},
};

static bool is_true(mc_str value)
{
    return mc_str_eq_nocase(value, MC_STR("true")) || mc_str_eq(value, MC_STR("1")) ||
           mc_str_eq_nocase(value, MC_STR("yes")) || mc_str_eq_nocase(value, MC_STR("on"));
}

static bool is_false(mc_str value)
{
    return mc_str_is_empty(value) || mc_str_eq_nocase(value, MC_STR("false")) ||
           mc_str_eq(value, MC_STR("0")) || mc_str_eq_nocase(value, MC_STR("no")) ||
           mc_str_eq_nocase(value, MC_STR("off"));
}

static bool is_choice(mc_str value, const char *choices)
{
    mc_str rest = mc_z(choices);
    mc_str choice;

    if (mc_str_is_empty(value))
        return choices[0] == '|';
    while (mc_str_split(&rest, '|', &choice)) {
        if (mc_str_eq(choice, value))
            return true;
    }
    return false;
}

static mc_code check(const setting_spec *spec, mc_str value, const char *source, mc_err *err)
{
    uint32_t number;

    switch (spec->kind) {
    case VALUE_TEXT:
        return MC_OK;
    case VALUE_SWITCH:
        if (is_true(value) || is_false(value))
            return MC_OK;
        return mc_fail(err, MC_INVALID, "%s (%s): want true or false", spec->flag, source);
    case VALUE_NUMBER:
        if (mc_str_u32(value, 0, 1000000000, &number))
            return MC_OK;
        return mc_fail(err, MC_INVALID, "%s (%s): want a number from 0", spec->flag, source);
    case VALUE_CHOICE:
        if (is_choice(value, spec->choices))
            return MC_OK;
        return mc_fail(err, MC_INVALID, "%s (%s): want one of %s", spec->flag, source,
                       spec->choices[0] == '|' ? spec->choices + 1 : spec->choices);
    }
    return MC_OK;
}

static mc_code set(mc_settings *self, mc_setting id, mc_str value, const char *source, mc_err *err)
{
    mc_code rc = check(&specs[id], value, source, err);

    if (rc != MC_OK)
        return rc;
    self->values[id] = value;
    self->sources[id] = source;
    return MC_OK;
}

static mc_code read_file(mc_arena *arena, const char *path, mc_str *out, mc_err *err)
{
    mc_buf buf;
    FILE *file = fopen(path, "rbe");
    size_t got;
    char *room;

    if (!file)
        return mc_fail_errno(err, MC_INVALID, errno, "settings: %s", path);
    mc_buf_init_arena(&buf, arena, FILE_BYTES_MAX);
    do {
        room = mc_buf_reserve(&buf, 4096);
        got = room ? fread(room, 1, 4096, file) : 0;
        mc_buf_commit(&buf, got);
    } while (got > 0);
    (void)fclose(file); /* read only: nothing to lose */
    if (mc_buf_failed(&buf))
        return mc_fail(err, MC_INVALID, "settings: %s is too large", path);
    *out = mc_buf_get(&buf);
    return MC_OK;
}

static bool find_flag(mc_str name, mc_setting *out)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (mc_str_eq(name, mc_z(specs[i].flag))) {
            *out = (mc_setting)i;
            return true;
        }
    }
    return false;
}

static mc_code load_flags(mc_settings *self, int argc, char **argv, const char **args,
                          int *out_arg_count, mc_err *err)
{
    int count = 0;
    bool is_over = false; /* after "--" */

    for (int i = 0; i < argc; i++) {
        mc_str arg = mc_z(argv[i]);
        size_t equals = mc_str_find_char(arg, 0, '=');
        mc_setting id;
        mc_code rc;

        if (is_over || !mc_str_starts_with(arg, MC_STR("--")) ||
            !find_flag(mc_str_slice(arg, 2, equals), &id)) {
            is_over = is_over || mc_str_eq(arg, MC_STR("--"));
            args[count++] = argv[i];
            continue;
        }
        if (equals < arg.len)
            rc = set(self, id, mc_str_slice(arg, equals + 1, arg.len), "flag", err);
        else if (specs[id].kind == VALUE_SWITCH)
            rc = set(self, id, MC_STR("true"), "flag", err);
        else if (i + 1 < argc)
            rc = set(self, id, mc_z(argv[++i]), "flag", err);
        else
            rc = mc_fail(err, MC_INVALID, "--%s needs a value", specs[id].flag);
        if (rc != MC_OK)
            return rc;
    }
    *out_arg_count = count;
    return MC_OK;
}

static mc_code load_environment(mc_settings *self, mc_err *err)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const char *value = getenv(specs[i].env);
        char file_env[64];
        mc_str text;
        mc_code rc;

        if (self->sources[i])
            continue;
        if (value && *value) {
            rc = set(self, (mc_setting)i, mc_z(value), "environment", err);
            if (rc != MC_OK)
                return rc;
            continue;
        }
        (void)snprintf(file_env, sizeof(file_env), "%s_FILE", specs[i].env); /* names are short */
        value = getenv(file_env);
        if (!value || !*value)
            continue;
        rc = read_file(self->arena, value, &text, err);
        if (rc == MC_OK)
            rc = set(self, (mc_setting)i, mc_str_trim(text), "environment", err);
        if (rc != MC_OK)
            return rc;
    }
    return MC_OK;
}

static mc_str json_as_text(mc_arena *arena, const mc_json *value)
{
    mc_buf buf;

    if (value->kind == MC_JSON_STRING)
        return value->as.string;
    mc_buf_init_arena(&buf, arena, 0);
    if (value->kind == MC_JSON_ARRAY) {
        for (size_t i = 0; i < value->as.array.count; i++) {
            if (i > 0)
                mc_buf_char(&buf, ',');
            mc_buf_str(&buf, json_as_text(arena, value->as.array.items[i]));
        }
    } else {
        mc_json_write(&buf, value);
    }
    return mc_buf_get(&buf);
}

static mc_code load_config_file(mc_settings *self, mc_err *err)
{
    const mc_json *root;
    mc_str text;
    char *path;
    mc_err why;
    mc_code rc;

    if (mc_str_is_empty(self->values[SETTING_CONFIG]))
        return MC_OK;
    path = mc_str_z(self->arena, self->values[SETTING_CONFIG]);
    if (!path)
        return mc_fail(err, MC_NO_MEMORY, "settings");
    rc = read_file(self->arena, path, &text, err);
    if (rc != MC_OK)
        return rc;
    rc = mc_json_parse(self->arena, text, NULL, &root, &why);
    if (rc != MC_OK)
        return mc_fail(err, rc, "%s: %s", path, why.msg);
    if (root->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "%s: want a JSON object", path);
    for (size_t i = 0; i < root->as.object.count && rc == MC_OK; i++) {
        const mc_json_member *member = &root->as.object.members[i];
        mc_setting id;

        if (!find_flag(member->key, &id))
            return mc_fail(err, MC_INVALID, "%s: unknown setting \"%.*s\"", path,
                           MC_FMT(member->key));
        if (!self->sources[id] && member->value->kind != MC_JSON_NULL) /* null: as if left out */
            rc = set(self, id, json_as_text(self->arena, member->value), "file", err);
    }
    return rc;
}

mc_code settings_load(mc_settings *self, mc_arena *arena, int argc, char **argv, const char **args,
                      int *out_arg_count, mc_err *err)
{
    mc_code rc;

    *self = (mc_settings){.arena = arena};
    rc = load_flags(self, argc, argv, args, out_arg_count, err);
    if (rc == MC_OK)
        rc = load_environment(self, err);
    if (rc == MC_OK)
        rc = load_config_file(self, err);
    for (int i = 0; i < SETTING_COUNT && rc == MC_OK; i++) {
        if (!self->sources[i])
            rc = set(self, (mc_setting)i, mc_z(specs[i].fallback), "default", err);
    }
    return rc;
}

mc_str settings_str(const mc_settings *self, mc_setting id)
{
    return self->values[id];
}

bool settings_bool(const mc_settings *self, mc_setting id)
{
    return is_true(self->values[id]);
}

unsigned settings_unsigned(const mc_settings *self, mc_setting id)
{
    uint32_t value = 0;

    (void)mc_str_u32(self->values[id], 0, 1000000000, &value); /* checked when it was set */
    return value;
}

void settings_print_usage(FILE *out)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const setting_spec *spec = &specs[i];

        fprintf(out, "  --%-15s %s%s%s%s\n                    $%s\n", spec->flag, spec->help,
                *spec->fallback ? " (default " : "", spec->fallback, *spec->fallback ? ")" : "",
                spec->env);
    }
}

static mc_str shown(const setting_spec *spec, mc_str value)
{
    return spec->is_secret && !mc_str_is_empty(value) ? MC_STR("********") : value;
}

void settings_print(const mc_settings *self, bool as_json, FILE *out)
{
    mc_buf buf;

    mc_buf_init(&buf, 0);
    for (int i = 0; i < SETTING_COUNT; i++) {
        mc_str value = shown(&specs[i], self->values[i]);

        if (as_json) {
            mc_buf_str(&buf, i == 0 ? MC_STR("{") : MC_STR(","));
            mc_json_write_str(&buf, mc_z(specs[i].flag));
            mc_buf_lit(&buf, ":{\"source\":");
            mc_json_write_str(&buf, mc_z(self->sources[i]));
            mc_buf_lit(&buf, ",\"value\":");
            mc_json_write_str(&buf, value);
            mc_buf_char(&buf, '}');
        } else {
            mc_buf_printf(&buf, "%-15s %-12s %.*s\n", specs[i].flag, self->sources[i],
                          MC_FMT(value));
        }
    }
    if (as_json)
        mc_buf_lit(&buf, "}\n");
    if (!mc_buf_failed(&buf))
        (void)fwrite(buf.ptr, 1, buf.len, out);
    mc_buf_deinit(&buf);
}
