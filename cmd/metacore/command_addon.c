/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "metacore/base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "addon install PATH --org O [--strict] [--dry-run] | list [--org O]\n"
    "            addon enable | disable | rotate KEY --org O | uninstall KEY --org O [--drop]\n"
    "            addon settings KEY --org O [--set JSON]";

/* {"command":"addon.<action>","org":…,"<name>":… */
static void begin_request(const command *self, mc_buf *request, const char *action,
                          const char *name, const char *value)
{
    const char *org = command_option(self, "org");

    mc_buf_init_arena(request, self->arena, 0);
    mc_buf_printf(request, "{\"command\":\"addon.%s\"", action); /* one of ours */
    if (org) {
        mc_buf_lit(request, ",\"org\":");
        mc_json_write_str(request, mc_z(org));
    }
    if (name) {
        mc_buf_printf(request, ",\"%s\":", name);
        mc_json_write_str(request, mc_z(value));
    }
}

static mc_code send_request(const command *self, mc_buf *request, mc_str *out, const mc_json **row,
                            mc_err *err)
{
    mc_code rc;

    mc_buf_char(request, '}');
    rc = mc_buf_check(request, "addon", err);
    if (rc == MC_OK)
        rc = command_admin(self, mc_buf_get(request), out, err);
    return rc == MC_OK ? mc_json_parse(self->arena, *out, NULL, row, err) : rc;
}

static mc_str text_of(const mc_json *row, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(row, mc_z(key)), &text); /* else empty */
    return text;
}

static int print(const command *self, mc_str result, const mc_json *row, const char *what)
{
    mc_str key = text_of(row, "addon_key"), version = text_of(row, "version");
    mc_str secret = text_of(row, "install_secret"), warning = text_of(row, "warning");

    if (self->as_json) {
        printf("%.*s\n", MC_FMT(result));
        return EXIT_DONE;
    }
    if (warning.len)
        fprintf(stderr, "metacore: warning: %.*s\n", MC_FMT(warning));
    printf("%s %.*s %.*s\n", what, MC_FMT(key), MC_FMT(version));
    if (secret.len)
        printf("install secret, shown this once: %.*s\n", MC_FMT(secret));
    return EXIT_DONE;
}

static int install(const command *self, const char *path)
{
    char *whole = realpath(path, NULL); /* the server may stand in another folder */
    const mc_json *row;
    mc_buf request;
    mc_str result;
    mc_err err;

    if (!whole) {
        (void)mc_fail_errno(&err, MC_INVALID, errno, "addon: %s", path);
        return command_fail(&err);
    }
    begin_request(self, &request, "install", "path", whole);
    free(whole);
    if (command_switch(self, "strict"))
        mc_buf_lit(&request, ",\"strict\":true");
    if (command_switch(self, "dry-run"))
        mc_buf_lit(&request, ",\"dry_run\":true");
    if (send_request(self, &request, &result, &row, &err) != MC_OK)
        return command_fail(&err);
    if (command_switch(self, "dry-run")) {
        printf("%.*s\n", MC_FMT(result));
        return EXIT_DONE;
    }
    return print(self, result, row, "installed");
}

static int change(const command *self, const char *action, const char *key, const char *what)
{
    const mc_json *row;
    mc_buf request;
    mc_str result;
    mc_err err;

    begin_request(self, &request, action, "key", key);
    if (command_switch(self, "drop"))
        mc_buf_lit(&request, ",\"drop\":true");
    if (send_request(self, &request, &result, &row, &err) != MC_OK)
        return command_fail(&err);
    return print(self, result, row, what);
}

/* Shows them, secrets masked, after changing those that --set names. */
static int settings(const command *self, const char *key)
{
    const char *set = command_option(self, "set");
    const mc_json *row, *changes, *kept;
    mc_buf request, text;
    mc_str result;
    mc_err err;

    begin_request(self, &request, "settings", "key", key);
    if (set) {
        if (mc_json_parse(self->arena, mc_z(set), NULL, &changes, &err) != MC_OK)
            return command_fail(&err);
        mc_buf_lit(&request, ",\"settings\":");
        mc_json_write(&request, changes);
    }
    if (send_request(self, &request, &result, &row, &err) != MC_OK)
        return command_fail(&err);
    kept = mc_json_find(row, MC_STR("settings"));
    mc_buf_init_arena(&text, self->arena, 0);
    if (kept)
        mc_json_write(&text, kept);
    if (mc_buf_check(&text, "settings", &err) != MC_OK)
        return command_fail(&err);
    printf("%.*s\n", MC_FMT(mc_buf_get(&text)));
    return EXIT_DONE;
}

static int list(const command *self)
{
    static const char *const columns[] = {"addon_key",       "version",      "status",
                                          "organization_id", "installed_at", NULL};
    const mc_json *rows;
    mc_buf request;
    mc_str result;
    mc_err err;

    begin_request(self, &request, "list", NULL, NULL);
    if (send_request(self, &request, &result, &rows, &err) != MC_OK)
        return command_fail(&err);
    return command_print_rows(self, result, columns);
}

int command_addon(const command *self)
{
    static const char *const options[] = {"org", "set", NULL};
    static const struct {
        const char *action, *what;
    } changes[] = {{"enable", "enabled"},
                   {"disable", "disabled"},
                   {"uninstall", "uninstalled"},
                   {"rotate", "rotated"}};
    const char *action = command_positional(self, options, 0);
    const char *what = command_positional(self, options, 1);

    if (!action)
        return command_usage(usage);
    if (!strcmp(action, "list"))
        return what ? command_usage(usage) : list(self);
    if (!what || !command_option(self, "org"))
        return command_usage(usage);
    if (!strcmp(action, "install"))
        return install(self, what);
    if (!strcmp(action, "settings"))
        return settings(self, what);
    for (size_t i = 0; i < MC_LEN(changes); i++) {
        if (!strcmp(action, changes[i].action))
            return change(self, action, what, changes[i].what);
    }
    return command_usage(usage);
}
