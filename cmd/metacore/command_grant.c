/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "metacore/base/json.h"

#include <string.h>

static const char usage[] =
    "grant add | remove | list --org O [--role R | --email E] [--capability C]";

int command_grant(const command *self)
{
    static const char *const options[] = {"org", "role", "email", "capability", NULL};
    static const char *const columns[] = {"role", "email", "capability", NULL};
    const char *action = command_positional(self, options, 0);
    bool is_list = action && !strcmp(action, "list");
    mc_buf request;
    mc_str result;
    mc_err err;

    if (!action || !command_option(self, "org") ||
        (!is_list && strcmp(action, "add") != 0 && strcmp(action, "remove") != 0) ||
        (!is_list && (!command_option(self, "capability") ||
                      !command_option(self, "role") == !command_option(self, "email"))))
        return command_usage(usage);
    mc_buf_init_arena(&request, self->arena, 0);
    mc_buf_printf(&request, "{\"command\":\"grant.%s\"", action); /* one of the three above */
    for (const char *const *name = options; *name; name++) {
        const char *value = command_option(self, *name);

        if (!value)
            continue;
        mc_buf_printf(&request, ",\"%s\":", *name);
        mc_json_write_str(&request, mc_z(value));
    }
    mc_buf_char(&request, '}');
    if (mc_buf_check(&request, "grant", &err) != MC_OK ||
        command_admin(self, mc_buf_get(&request), &result, &err) != MC_OK)
        return command_fail(&err);
    if (is_list)
        return command_print_rows(self, result, columns);
    printf("grant: done\n");
    return EXIT_DONE;
}
