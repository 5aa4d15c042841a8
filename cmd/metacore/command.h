/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_CMD_COMMAND_H
#define METACORE_CMD_COMMAND_H

/**
 * command: what the subcommands share: their arguments, the app they work on, their exit codes.
 */

#include "settings.h"

#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/host/app.h"

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

typedef struct command {
    const mc_settings *settings;
    mc_arena *arena;
    const char *const *args; /* after the command's name, settings taken out */
    int arg_count;
    bool as_json;
    int argc; /* all of them, for who reads the settings again */
    char **argv;
    mc_wasm_zygote *zygote; /* NULL: it could not be started */
    /* Told the app that runs an admin command in this process, and NULL before it goes; NULL:
     * nobody is. */
    void (*on_app)(void *user, mc_app *app);
    void *on_app_user;
} command;

/** "--name VALUE" or "--name=VALUE" among the arguments; NULL when it is not there. */
const char *command_option(const command *self, const char *name);
bool command_switch(const command *self, const char *name);
/** The index-th argument that is neither an option of names (NULL-terminated, each with a value)
 *  nor a switch; NULL when there is none. */
const char *command_positional(const command *self, const char *const *names, int index);

/** The first argument that is none of options (each with a value), switches and --json, nor one of
 *  arg_max others; NULL when all are known. */
const char *command_find_unknown(const command *self, const char *const *options,
                                 const char *const *switches, int arg_max);

/** Prints "metacore: message" to standard error and returns EXIT_FAILED. */
int command_fail(const mc_err *err);
int command_usage(const char *text);

/** The app's configuration from the settings; strings live in the command's arena. */
mc_code command_app_config(const command *self, mc_log *log, mc_app_config *out, mc_err *err);

/**
 * Runs one admin command (admin.h), by the server that holds the data directory or else here.
 * out receives the result's JSON text, in the command's arena.
 */
mc_code command_admin(const command *self, mc_str request, mc_str *out, mc_err *err);

int command_serve(const command *self);
int command_migrate(const command *self);
int command_push(const command *self);
int command_user(const command *self);
int command_grant(const command *self);
int command_addon(const command *self);

/** Prints a JSON array of objects as it is, or as columns named by keys (NULL-terminated). */
int command_print_rows(const command *self, mc_str json, const char *const *keys);

#endif
