/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "metacore/base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "addon install PATH --org O | list";

static int install(const command *self, const char *path, const char *org)
{
    char *whole = realpath(path, NULL); /* the server may stand in another folder */
    mc_buf request;
    mc_str result, version = MC_STR(""), key = MC_STR("");
    const mc_json *row;
    mc_err err;
    int status;

    if (!whole) {
        (void)mc_fail_errno(&err, MC_INVALID, errno, "addon: %s", path);
        return command_fail(&err);
    }
    mc_buf_init_arena(&request, self->arena, 0);
    mc_buf_lit(&request, "{\"command\":\"addon.install\",\"org\":");
    mc_json_write_str(&request, mc_z(org));
    mc_buf_lit(&request, ",\"path\":");
    mc_json_write_str(&request, mc_z(whole));
    mc_buf_char(&request, '}');
    free(whole);
    if (mc_buf_check(&request, "addon", &err) != MC_OK ||
        command_admin(self, mc_buf_get(&request), &result, &err) != MC_OK ||
        mc_json_parse(self->arena, result, NULL, &row, &err) != MC_OK)
        return command_fail(&err);
    status = EXIT_DONE;
    if (self->as_json) {
        printf("%.*s\n", MC_FMT(result));
    } else {
        (void)mc_json_get_str(mc_json_find(row, MC_STR("addon_key")), &key);
        (void)mc_json_get_str(mc_json_find(row, MC_STR("version")), &version);
        printf("installed %.*s %.*s\n", MC_FMT(key), MC_FMT(version));
    }
    return status;
}

static int list(const command *self)
{
    static const char *const columns[] = {"addon_key",       "version",      "status",
                                          "organization_id", "installed_at", NULL};
    mc_str result;
    mc_err err;

    if (command_admin(self, MC_STR("{\"command\":\"addon.list\"}"), &result, &err) != MC_OK)
        return command_fail(&err);
    return command_print_rows(self, result, columns);
}

int command_addon(const command *self)
{
    static const char *const options[] = {"org", NULL};
    const char *action = command_positional(self, options, 0);
    const char *path = command_positional(self, options, 1);
    const char *org = command_option(self, "org");

    if (action && !strcmp(action, "list"))
        return list(self);
    if (action && !strcmp(action, "install") && path && org)
        return install(self, path, org);
    return command_usage(usage);
}
