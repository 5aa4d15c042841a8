/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#define STOP_TIMEOUT_MS 30000

static mc_code open_log(const command *self, mc_log **out, mc_err *err)
{
    mc_log_config config = {MC_LOG_CONFIG};

    if (!mc_log_level_parse(settings_str(self->settings, SETTING_LOG_LEVEL), &config.level))
        return mc_fail(err, MC_INVALID, "log-level: want debug, info, warn or error");
    if (!mc_log_format_parse(settings_str(self->settings, SETTING_LOG_FORMAT), &config.format))
        return mc_fail(err, MC_INVALID, "log-format: want json or text");
    return mc_log_new(&config, out, err);
}

/* A first start without users: whoever reads the server's output makes the first account. */
static mc_code offer_setup(mc_app *app, const char *url, mc_err *err)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now((mc_clock){NULL, NULL})};
    int64_t users = 0;
    mc_str token;
    mc_code rc;

    if (!ctx.arena)
        return mc_fail(err, MC_NO_MEMORY, "setup");
    rc = mc_auth_count_users(mc_app_auth(app), &ctx, &users, err);
    if (rc == MC_OK && users == 0) {
        rc = mc_auth_create_setup_token(mc_app_auth(app), &ctx, &token, err);
        if (rc == MC_OK)
            fprintf(stderr,
                    "no users yet. The first one, once, within 24 hours:\n"
                    "  POST %s/api/auth/setup  {\"token\",\"name\",\"email\",\"password\","
                    "\"organization_name\"}\n  token=%.*s\n",
                    url, MC_FMT(token));
    }
    mc_arena_free(ctx.arena);
    return rc;
}

/* The host part of the address as configured, with the port in use. */
static void write_url(const char *scheme, mc_str listen, unsigned port, char *out, size_t size)
{
    size_t colon = listen.len;

    while (colon > 0 && listen.ptr[colon - 1] != ':')
        colon--;
    (void)snprintf(out, size, "%s://%.*s:%u", scheme, colon ? (int)colon - 1 : 9,
                   colon ? listen.ptr : "127.0.0.1", port);
}

static void greet(const command *self, const mc_app *app, const char *url)
{
    char metrics_url[512];

    fprintf(stderr, "metacore %s listening on %s\n", MC_VERSION, url);
    if (mc_app_metrics_port(app)) {
        write_url("http", settings_str(self->settings, SETTING_METRICS_LISTEN),
                  mc_app_metrics_port(app), metrics_url, sizeof(metrics_url));
        fprintf(stderr, "metrics at %s/metrics\n", metrics_url);
    }
    if (settings_bool(self->settings, SETTING_DEV))
        fprintf(stderr, "development: sign in as owner@example.com / metacore-demo; registration "
                        "is open, unsigned addons are accepted\n");
}

/* The settings as they are now: the configuration file may say another level. */
static mc_code reload_log_level(const command *self, mc_log *log, mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    const char **args = arena ? mc_arena_array(arena, const char *, (size_t)self->argc + 1) : NULL;
    mc_settings fresh;
    mc_log_level level;
    int count;
    mc_code rc;

    if (args)
        rc = settings_load(&fresh, arena, self->argc, self->argv, args, &count, err);
    else
        rc = mc_fail(err, MC_NO_MEMORY, "settings");
    if (rc == MC_OK && mc_log_level_parse(settings_str(&fresh, SETTING_LOG_LEVEL), &level))
        mc_log_set_level(log, level);
    else if (rc == MC_OK)
        rc = mc_fail(err, MC_INVALID, "log-level: want debug, info, warn or error");
    mc_arena_free(arena);
    return rc;
}

static void reload(const command *self, mc_app *app)
{
    mc_log *log = mc_app_log(app);
    mc_err level, certificates;

    /* Each is tried whatever became of the other: what was wrong stays as it was. */
    if (reload_log_level(self, log, &level) != MC_OK)
        mc_log_error(log, "reload.failed", MC_KV_ERR("error", &level));
    if (mc_app_reload(app, &certificates) != MC_OK)
        mc_log_error(log, "reload.failed", MC_KV_ERR("error", &certificates));
    else
        mc_log_info(log, "reloaded", MC_KV_BOOL("certificates", true));
}

static void run_until_signal(const command *self, mc_app *app, const sigset_t *signals)
{
    int got;

    while (sigwait(signals, &got) == 0 && got == SIGHUP)
        reload(self, app);
}

/* Served on while those who spread the load see that they should look away; a second signal to stop
 * ends the wait. */
static void drain(const command *self, mc_app *app, const sigset_t *signals)
{
    const struct timespec wait = {
        .tv_sec = (time_t)settings_unsigned(self->settings, SETTING_DRAIN_SECONDS)};

    mc_app_drain(app);
    if (wait.tv_sec > 0)
        (void)sigtimedwait(signals, NULL, &wait); /* whatever ended it, the wait is over */
}

static mc_code serve(const command *self, mc_log *log, const sigset_t *signals, mc_err *err)
{
    mc_app_config config;
    mc_app *app = NULL;
    char url[512];
    mc_code rc = command_app_config(self, log, &config, err);

    config.has_control = true;
    if (rc == MC_OK)
        rc = mc_app_new(&config, &app, err);
    if (rc == MC_OK)
        rc = mc_app_start(app, err);
    if (rc == MC_OK) {
        write_url(settings_str(self->settings, SETTING_TLS_CERT).len ? "https" : "http",
                  settings_str(self->settings, SETTING_LISTEN), mc_app_port(app), url, sizeof(url));
        rc = offer_setup(app, url, err);
    }
    if (rc == MC_OK) {
        greet(self, app, url);
        run_until_signal(self, app, signals);
        mc_log_info(log, "stopping", MC_KV_I64("timeout_ms", STOP_TIMEOUT_MS));
        drain(self, app, signals);
        mc_app_stop(app, STOP_TIMEOUT_MS);
    }
    mc_app_free(app);
    return rc;
}

/* As many connections as the system lets us have: shells hand down far fewer. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* refused, the limit stays as it was, and is kept to */
}

int command_serve(const command *self)
{
    mc_log *log = NULL;
    sigset_t signals;
    mc_err err;
    mc_code rc;

    /* Blocked before any thread exists, so that only run_until_signal sees them. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    raise_descriptors();
    (void)signal(SIGPIPE, SIG_IGN); /* a log reader that went away is not our end */
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit fails that write only */

    rc = open_log(self, &log, &err);
    if (rc == MC_OK)
        rc = serve(self, log, &signals, &err);
    mc_log_unref(log);
    return rc == MC_OK ? EXIT_DONE : command_fail(&err);
}
