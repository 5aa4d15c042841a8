/* SPDX-License-Identifier: Apache-2.0 */
#include "addon.h"

#include "addon_progress.h"
#include "remote.h"

#include "metacore/base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is asked of the data directory, of the server that holds it, or of another ---- */

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

static void add_switches(const command *self, mc_buf *request)
{
    static const char *const switches[][2] = {{"dry-run", ",\"dry_run\":true"},
                                              {"drop", ",\"drop\":true"},
                                              {"force", ",\"force\":true"},
                                              {"ignore-requires", ",\"ignore_requires\":true"}};

    for (size_t i = 0; i < MC_LEN(switches); i++) {
        if (command_switch(self, switches[i][0]))
            mc_buf_str(request, mc_z(switches[i][1]));
    }
}

/* name: of value in the request; NULL: there is none. set: settings, or empty. */
static mc_code ask_here(const command *self, const char *action, const char *name,
                        const char *value, mc_str set, mc_str *out, mc_err *err)
{
    mc_buf request;
    mc_code rc;

    begin_request(self, &request, action, name, value);
    add_switches(self, &request);
    if (set.len) {
        mc_buf_lit(&request, ",\"settings\":");
        mc_buf_str(&request, set);
    }
    mc_buf_char(&request, '}');
    rc = mc_buf_check(&request, "addon", err);
    return rc == MC_OK ? command_admin(self, mc_buf_get(&request), out, err) : rc;
}

static mc_code ask(const command *self, const char *action, const char *name, const char *value,
                   mc_str set, mc_str *out, const mc_json **row, mc_err *err)
{
    mc_code rc = command_option(self, "server")
                     ? addon_remote(self, action, set, out, err)
                     : ask_here(self, action, name, value, set, out, err);

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

static int install(const command *self)
{
    const char *path = addon_arg(self, 0);
    char *whole = realpath(path, NULL); /* the server may stand in another folder */
    command watched = *self;
    const mc_json *row;
    mc_str result;
    mc_err err;
    mc_code rc;

    if (!whole) {
        (void)mc_fail_errno(&err, MC_INVALID, errno, "addon: %s", path);
        return command_fail(&err);
    }
    watched.on_app_user = command_option(self, "server") ? NULL : addon_progress_start(self);
    watched.on_app = watched.on_app_user ? addon_progress_on_app : NULL;
    rc = ask(&watched, "install", "path", whole, MC_STR(""), &result, &row, &err);
    addon_progress_end(watched.on_app_user);
    free(whole);
    if (rc != MC_OK)
        return command_fail(&err);
    if (command_switch(self, "dry-run")) {
        printf("%.*s\n", MC_FMT(result));
        return EXIT_DONE;
    }
    return print(self, result, row, "installed");
}

static int change(const command *self, const char *action, const char *what)
{
    const mc_json *row;
    mc_str result;
    mc_err err;

    if (ask(self, action, "key", addon_arg(self, 0), MC_STR(""), &result, &row, &err) != MC_OK)
        return command_fail(&err);
    return print(self, result, row, what);
}

/* Shows them, secrets masked, after changing those that --set names. */
static int settings(const command *self)
{
    const char *set = command_option(self, "set");
    const mc_json *row, *changes, *kept;
    mc_buf asked, text;
    mc_str result;
    mc_err err;

    mc_buf_init_arena(&asked, self->arena, 0);
    if (set && mc_json_parse(self->arena, mc_z(set), NULL, &changes, &err) != MC_OK)
        return command_fail(&err);
    if (set)
        mc_json_write(&asked, changes);
    if (mc_buf_check(&asked, "settings", &err) != MC_OK ||
        ask(self, "settings", "key", addon_arg(self, 0), mc_buf_get(&asked), &result, &row, &err) !=
            MC_OK)
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
    static const char *const columns[] = {"addon_key",    "version",    "status", "organization_id",
                                          "installed_at", "guest.text", NULL};
    const mc_json *rows;
    mc_str result;
    mc_err err;

    if (ask(self, "list", NULL, NULL, MC_STR(""), &result, &rows, &err) != MC_OK)
        return command_fail(&err);
    return command_print_rows(self, result, columns);
}

static int enable(const command *self)
{
    return change(self, "enable", "enabled");
}

static int disable(const command *self)
{
    return change(self, "disable", "disabled");
}

static int uninstall(const command *self)
{
    return change(self, "uninstall", "uninstalled");
}

static int rotate(const command *self)
{
    return change(self, "rotate", "rotated");
}

/* ---- which action ---- */

const char *const addon_no_names[] = {NULL};
static const char *const org_options[] = {"org", REMOTE_OPTIONS, NULL};
static const char *const build_options[] = {"out", "sign", NULL};
static const char *const out_options[] = {"out", NULL};
static const char *const sign_options[] = {"out", "key", NULL};
static const char *const verify_options[] = {"key", "signature", NULL};
static const char *const key_options[] = {"key", NULL};
static const char *const settings_options[] = {"org", "set", REMOTE_OPTIONS, NULL};
static const char *const drop_switches[] = {"drop", "force", "ignore-requires", NULL};
static const char *const state_switches[] = {"force", "ignore-requires", NULL};
static const char *const install_switches[] = {"ignore-requires", "dry-run", NULL};
static const char *const strict_switches[] = {"strict", NULL};
static const char *const v1_switches[] = {"v1", NULL};

static const addon_action actions[] = {
    {"init", addon_init, "init KEY [DIR]",
     "Writes a new addon into DIR (or a folder called KEY): a model with a table, a form and\n"
     "a migration, which validates, builds and installs as it is.",
     addon_no_names, addon_no_names, 1, 2},
    {"validate", addon_validate, "validate [DIR|FILE] [--strict]",
     "Prints every problem at once: where it is, what it is, what to do about it. Errors are\n"
     "what an installation refuses; --strict refuses warnings, too.",
     addon_no_names, strict_switches, 0, 1},
    {"build", addon_build, "build [DIR] [-o FILE] [--sign KEY.pem] [--strict]",
     "Packs DIR as <key>-<version>.tar.gz: manifest.json, migrations, frontend/dist, the\n"
     "compiled backend, README.md. The same files give the same bytes. Refuses what validate\n"
     "refuses. --sign writes FILE.sig, too.",
     build_options, strict_switches, 0, 1},
    {"compile", addon_compile, "compile DIR|FILE --key P.pem [-o DIR]",
     "Compiles the WebAssembly of a folder, a bundle or a .wasm file with gcc and signs the "
     "result,\n"
     "into DIR (or here), for servers without a compiler: put the file into their --compiled-dir\n"
     "and the key's public half into their --compiled-pubkeys. It serves machines of the same\n"
     "architecture that run this version of metacore.",
     sign_options, addon_no_names, 1, 1},
    {"keygen", addon_keygen, "keygen --out P",
     "Makes a key to sign with: P.pem, which stays secret, and P.pub. Never writes over one.",
     out_options, addon_no_names, 0, 0},
    {"sign", addon_sign, "sign FILE --key P.pem [-o FILE.sig] [--v1]",
     "Signs a bundle, in hexadecimal. It holds for this key and version of the addon alone;\n"
     "--v1 signs the file's digest only, for kernels that know nothing else.",
     sign_options, v1_switches, 1, 1},
    {"verify", addon_verify, "verify FILE --key P.pub|HEX [--signature FILE|TEXT]",
     "Whether the owner of a key signed FILE: FILE.sig, or a signature in hexadecimal or\n"
     "base64, of either version.",
     verify_options, addon_no_names, 1, 1},
    {"inspect", addon_inspect, "inspect FILE [--key P.pub|HEX]",
     "What an administrator should know before agreeing: what the addon may do and why, its\n"
     "models, tables, routes, settings, tools, code and files.",
     key_options, addon_no_names, 1, 1},
    {"install", install, "install PATH --org O [--ignore-requires] [--dry-run]",
     "Installs or upgrades a bundle or a folder for an organization, at once, or not at all.\n"
     "PATH.sig is its signature. Refused when an addon that it requires is not installed and\n"
     "enabled there: --ignore-requires insists, and is only warned. --dry-run runs all of it,\n"
     "says what would change, and takes it back.",
     org_options, install_switches, 1, 1},
    {"list", list, "list [--org O]",
     "Which organization has which addon, and what a running server runs its code with.",
     org_options, addon_no_names, 0, 0},
    {"enable", enable, "enable KEY --org O [--ignore-requires] [--force]",
     "Serves the addon to the organization again; not without those that it requires, unless\n"
     "you insist. --force does not ask the addon's own hooks.",
     org_options, state_switches, 1, 1},
    {"disable", disable, "disable KEY --org O [--ignore-requires] [--force]",
     "Serves it no more; its rows stay. Not while an enabled one requires it, unless you insist.\n"
     "--force does not ask the addon's own hooks.",
     org_options, state_switches, 1, 1},
    {"uninstall", uninstall, "uninstall KEY --org O [--drop] [--ignore-requires] [--force]",
     "Takes the addon from the organization; --drop drops its rows, too. Not while an installed\n"
     "one requires it, unless you insist. --force does not ask the addon's own hooks.",
     org_options, drop_switches, 1, 1},
    {"rotate", rotate, "rotate KEY --org O", "Makes a new install secret, shown once.", org_options,
     addon_no_names, 1, 1},
    {"settings", settings, "settings KEY --org O [--set JSON]",
     "Shows the settings, secrets masked, after changing those that --set names.", settings_options,
     addon_no_names, 1, 1},
};

const char *addon_arg(const command *self, int index)
{
    static const char *const names[] = {"out", "sign", "key",          "signature",
                                        "org", "set",  REMOTE_OPTIONS, NULL};

    return command_positional(self, names, index + 1);
}

static int help(FILE *out, int status)
{
    fputs("usage: metacore addon ACTION …\n", out);
    for (size_t i = 0; i < MC_LEN(actions); i++) {
        fprintf(out, "\n  %s\n      ", actions[i].usage);
        for (const char *c = actions[i].about; *c; c++) {
            (void)fputc(*c, out); /* nobody to tell when this fails */
            if (*c == '\n')
                fputs("      ", out);
        }
        (void)fputc('\n', out);
    }
    fputs("\ninstall, list, enable, disable, uninstall, rotate and settings work on --data D, by\n"
          "the server that holds it when there is one. With --server URL they work on a server\n"
          "anywhere, over its API: the token (of POST /api/auth/login) is in METACORE_TOKEN or\n"
          "--token-file FILE, and the organization is the token's; --ca-file FILE (PEM) is for a\n"
          "certificate that the system does not know.\n"
          "\n--json prints JSON. Exit codes: 0 done, 1 failed or refused, 2 not understood.\n",
          out);
    return status;
}

/* What has to be there besides the arguments that stand alone: what the usage does not bracket. */
static bool has_required(const command *self, const addon_action *action)
{
    for (const char *const *name = action->options; *name; name++) {
        char bare[40], bracketed[40];
        bool is_named;

        (void)snprintf(bare, sizeof(bare), "--%s ", *name); /* names are short */
        (void)snprintf(bracketed, sizeof(bracketed), "[--%s ", *name);
        is_named = strstr(action->usage, bare) && !strstr(action->usage, bracketed);
        if (strcmp(*name, "org") == 0 && command_option(self, "server"))
            continue; /* the token says whose */
        if (is_named && !command_option(self, *name))
            return false;
    }
    return true;
}

static int start(const command *self, const addon_action *action)
{
    const char *wrong =
        command_find_unknown(self, action->options, action->switches, action->arg_max + 1);
    const char *usage;

    if (!wrong && (action->arg_min == 0 || addon_arg(self, action->arg_min - 1)) &&
        has_required(self, action))
        return action->run(self);
    if (wrong)
        fprintf(stderr, "metacore: addon %s: \"%s\" is not understood here\n", action->name, wrong);
    usage = mc_str_z(self->arena, mc_str_printf(self->arena, "addon %s", action->usage));
    return command_usage(usage ? usage : action->usage);
}

int command_addon(const command *self)
{
    const char **args = mc_arena_array(self->arena, const char *, (size_t)self->arg_count + 1);
    command mine = *self;
    const char *name;

    if (!args) {
        fputs("metacore: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    for (int i = 0; i < self->arg_count; i++) {
        args[i] = strcmp(self->args[i], "-o") == 0 ? "--out" : self->args[i];
        if (strcmp(args[i], "--help") == 0 || strcmp(args[i], "-h") == 0)
            return help(stdout, EXIT_DONE);
    }
    mine.args = args;
    name = addon_arg(&mine, -1);
    if (name && strcmp(name, "help") == 0)
        return help(stdout, EXIT_DONE);
    for (size_t i = 0; name && i < MC_LEN(actions); i++) {
        if (strcmp(name, actions[i].name) == 0)
            return start(&mine, &actions[i]);
    }
    return help(stderr, EXIT_USAGE);
}
