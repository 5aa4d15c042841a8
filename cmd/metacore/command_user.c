/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "metacore/base/json.h"
#include "metacore/base/secret.h"

#include <string.h>

#define PASSWORD_BYTES_MAX 1024

static const char usage[] = "user create --email E --password-stdin [--name N] [--org O] "
                            "[--role owner] | list | passwd --email E --password-stdin | disable "
                            "--email E | enable --email E";

/* One line from standard input: a password on the command line would be seen by everybody. */
static mc_code read_password(char out[PASSWORD_BYTES_MAX + 2], mc_str *password, mc_err *err)
{
    if (!fgets(out, PASSWORD_BYTES_MAX + 2, stdin))
        return mc_fail(err, MC_INVALID, "user: no password on standard input");
    *password = mc_z(out);
    while (password->len &&
           (password->ptr[password->len - 1] == '\n' || password->ptr[password->len - 1] == '\r'))
        password->len--;
    if (password->len > PASSWORD_BYTES_MAX)
        return mc_fail(err, MC_INVALID, "user: the password is longer than %d bytes",
                       PASSWORD_BYTES_MAX);
    return MC_OK;
}

static void write_member(mc_buf *out, const char *key, mc_str value)
{
    mc_buf_char(out, ',');
    mc_json_write_str(out, mc_z(key));
    mc_buf_char(out, ':');
    mc_json_write_str(out, value);
}

static void write_options(const command *self, mc_buf *out)
{
    static const char *const names[] = {"email", "name", "org", "role"};

    for (size_t i = 0; i < MC_LEN(names); i++) {
        const char *value = command_option(self, names[i]);

        if (value)
            write_member(out, names[i], mc_z(value));
    }
}

static int call(const command *self, mc_str action, mc_str password)
{
    static const char *const columns[] = {"id",       "email", "name", "role", "organization_id",
                                          "disabled", NULL};
    mc_str result;
    mc_buf request;
    mc_err err;

    mc_buf_init_arena(&request, self->arena, 0);
    mc_buf_printf(&request, "{\"command\":\"user.%.*s\"", MC_FMT(action)); /* one of ours */
    write_options(self, &request);
    if (password.ptr)
        write_member(&request, "password", password);
    mc_buf_char(&request, '}');
    if (mc_buf_check(&request, "user", &err) != MC_OK ||
        command_admin(self, mc_buf_get(&request), &result, &err) != MC_OK)
        return command_fail(&err);
    if (mc_str_eq(action, MC_STR("list")))
        return command_print_rows(self, result, columns);
    if (self->as_json)
        printf("%.*s\n", MC_FMT(result));
    else
        printf("user: done\n");
    return EXIT_DONE;
}

int command_user(const command *self)
{
    static const char *const options[] = {"email", "name", "org", "role", NULL};
    const char *action = command_positional(self, options, 0);
    bool wants_password = action && (!strcmp(action, "create") || !strcmp(action, "passwd"));
    char text[PASSWORD_BYTES_MAX + 2];
    mc_str password = {NULL, 0};
    mc_err err;
    int status;

    if (action && !strcmp(action, "list"))
        return call(self, MC_STR("list"), password);
    if (!action || !command_option(self, "email") ||
        (!wants_password && strcmp(action, "disable") != 0 && strcmp(action, "enable") != 0) ||
        (wants_password && !command_switch(self, "password-stdin")))
        return command_usage(usage);
    if (wants_password && read_password(text, &password, &err) != MC_OK)
        return command_fail(&err);
    status = call(self, mc_z(action), password);
    mc_wipe(text, sizeof(text));
    return status;
}
