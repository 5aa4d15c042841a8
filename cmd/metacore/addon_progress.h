/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_CMD_ADDON_PROGRESS_H
#define METACORE_CMD_ADDON_PROGRESS_H

/**
 * addon_progress: a line on the terminal, while a command runs, that tells what is compiled.
 *
 * Threads: one of its own looks; start and end from the command's.
 */

#include "command.h"

typedef struct addon_progress addon_progress;

/** NULL when standard error is no terminal: nobody watches. */
addon_progress *addon_progress_start(const command *self);
/** For command.on_app. */
void addon_progress_on_app(void *user, mc_app *app);
void addon_progress_end(addon_progress *self);

#endif
