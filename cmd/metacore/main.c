/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <stdlib.h>
#include <string.h>

#define ANY (-1)

typedef struct subcommand {
    const char *name;
    int (*run)(const command *self);
    const char *usage;
    const char *const *options;  /* each with a value; NULL: none */
    const char *const *switches; /* besides --json; NULL: none */
    int arg_max;                 /* others; ANY: it looks at its arguments itself, help too */
} subcommand;

static int command_config(const command *self)
{
    settings_print(self->settings, self->as_json, stdout);
    return EXIT_DONE;
}

static int command_version(const command *self)
{
    if (self->as_json)
        printf("{\"kernel\":\"%s\",\"version\":\"%s\"}\n", MC_KERNEL_VERSION, MC_VERSION);
    else
        printf("metacore %s (kernel contract %s)\n", MC_VERSION, MC_KERNEL_VERSION);
    return EXIT_DONE;
}

static const char *const no_names[] = {NULL};
static const char *const user_options[] = {"email", "name", "org", "role", NULL};
static const char *const user_switches[] = {"password-stdin", NULL};
static const char *const grant_options[] = {"org", "role", "email", "capability", NULL};

static const subcommand subcommands[] = {
    {"serve", command_serve, "serve", no_names, no_names, 0},
    {"migrate", command_migrate, "migrate up | down | status", no_names, no_names, 1},
    {"user", command_user,
     "user create --email E --password-stdin [--name N] [--org O] [--role owner]\n"
     "            user list | passwd --email E --password-stdin | disable --email E | enable "
     "--email E",
     user_options, user_switches, 1},
    {"grant", command_grant,
     "grant add | remove | list --org O [--role R | --email E] [--capability C]", grant_options,
     no_names, 1},
    {"addon", command_addon,
     "addon init KEY | validate DIR | build DIR | compile DIR | keygen | sign FILE | verify FILE\n"
     "            addon inspect FILE | install PATH --org O [--ignore-requires] [--dry-run]\n"
     "            addon list [--org O] | enable | disable | rotate KEY --org O\n"
     "            addon uninstall KEY --org O [--drop] | settings KEY --org O [--set JSON]\n"
     "            those of installed addons, also: --server URL [--token-file F] [--ca-file F]\n"
     "            addon help",
     no_names, no_names, ANY},
    {"push", command_push, "push keygen", no_names, no_names, 1},
    {"config", command_config, "config", no_names, no_names, 0},
    {"version", command_version, "version", no_names, no_names, 0},
};

static void print_usage(FILE *out)
{
    fputs("usage:\n", out);
    for (size_t i = 0; i < MC_LEN(subcommands); i++)
        fprintf(out, "  metacore %s\n", subcommands[i].usage);
    fputs("\n--json prints JSON wherever something is listed. Settings, for every command:\n", out);
    settings_print_usage(out);
}

/* A flag that is misspelt and ignored would do something else than was asked. */
static int start(const command *self, const subcommand *sub)
{
    const char *wrong = sub->arg_max == ANY
                            ? NULL
                            : command_find_unknown(self, sub->options, sub->switches, sub->arg_max);

    if (!wrong)
        return sub->run(self);
    fprintf(stderr, "metacore: %s: \"%s\" is not understood here\n", sub->name, wrong);
    return command_usage(sub->usage);
}

static bool asks_for_help(const char *const *args, int count)
{
    if (count > 0 && strcmp(args[0], "addon") == 0)
        return false; /* it has a page of its own */
    for (int i = 0; i < count; i++) {
        if (strcmp(args[i], "--help") == 0 || strcmp(args[i], "-h") == 0)
            return true;
    }
    return count > 0 && strcmp(args[0], "help") == 0;
}

static int run(int argc, char **argv, mc_wasm_zygote *zygote, mc_arena *arena, const char **args)
{
    mc_settings settings;
    command self = {.settings = &settings,
                    .arena = arena,
                    .args = args + 1,
                    .argc = argc - 1,
                    .argv = argv + 1,
                    .zygote = zygote};
    int count = 0;
    mc_err err;

    if (settings_load(&settings, arena, argc - 1, argv + 1, args, &count, &err) != MC_OK) {
        fprintf(stderr, "metacore: %s\n", err.msg);
        return EXIT_USAGE;
    }
    if (count == 0 || asks_for_help(args, count)) {
        print_usage(count == 0 ? stderr : stdout);
        return count == 0 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(args[0], "--version") == 0)
        args[0] = "version";
    self.arg_count = count - 1;
    self.as_json = command_switch(&self, "json");
    for (size_t i = 0; i < MC_LEN(subcommands); i++) {
        if (strcmp(args[0], subcommands[i].name) == 0)
            return start(&self, &subcommands[i]);
    }
    fprintf(stderr, "metacore: no command \"%s\"; see metacore help\n", args[0]);
    return EXIT_USAGE;
}

/* Forked before anything is read or started: what runs guests has nothing that they could see. */
static mc_wasm_zygote *start_zygote(void)
{
    mc_wasm_zygote *zygote = NULL;
    mc_err err;

    if (mc_wasm_zygote_start(&zygote, &err) != MC_OK)
        fprintf(stderr, "metacore: addons' WebAssembly will not run: %s\n", err.msg);
    return zygote;
}

int main(int argc, char **argv)
{
    mc_wasm_zygote *zygote = start_zygote();
    mc_arena *arena = mc_arena_new(0);
    const char **args = calloc((size_t)argc + 1, sizeof(*args));
    int status = EXIT_FAILED;

    if (arena && args)
        status = run(argc, argv, zygote, arena, args);
    else
        fputs("metacore: out of memory\n", stderr);
    free(args);
    mc_arena_free(arena);
    mc_wasm_zygote_stop(zygote);
    return status;
}
