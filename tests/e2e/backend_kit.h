/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_E2E_BACKEND_KIT_H
#define METACORE_TESTS_E2E_BACKEND_KIT_H

/**
 * backend_kit: addons with a backend, from their folder to a server that has them, by the command
 * line as their authors use it.
 *
 * Threads: one test at a time.
 */

#include "mc_client.h"

typedef struct backend {
    mc_process process;
    mc_client owner;
    char key[64]; /* of the addon, and of its one model */
    char id[40];  /* of the row that actions are called on */
} backend;

/** Validates strictly, packs, and installs the addon of folder for a server's demo organization. */
bool backend_start(backend *self, const char *folder, const char *key);
void backend_stop(backend *self);
/** Makes the row that is called on from now on. */
bool backend_make(backend *self, const char *row);
/** The status of an action's answer, which is in owner.body. */
int backend_act(backend *self, const char *action);
/** Everything that the server has said so far; static text. */
mc_str backend_log(const backend *self);

#endif
