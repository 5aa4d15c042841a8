/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_E2E_WORKSHOP_H
#define METACORE_TESTS_E2E_WORKSHOP_H

/**
 * workshop: a server with an addon whose models are related in every way, and the owners of two of
 * its organizations.
 *
 * Threads: one test at a time.
 */

#include "mc_client.h"

typedef struct workshop {
    mc_process process;
    mc_client mine, theirs;
} workshop;

bool workshop_open(workshop *w);
void workshop_close(workshop *w);

/* Signs a new agent of mine's organization in, who may do nothing; client is its. */
bool workshop_agent(workshop *w, mc_client *client);
/* Lets agents of mine's organization do capability, at once; or no more. */
bool workshop_grant(workshop *w, const char *capability);
bool workshop_revoke(workshop *w, const char *capability);

/* Creates a row of model and keeps its id; false (and printed) unless 201. */
bool workshop_make(mc_client *client, const char *model, const char *body, char out_id[40]);
/* printf for paths and bodies; static text, one of eight in turn. */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The last answer's ETag as "NAME: tag\r\n"; static text, as above. */
const char *tag_header(const mc_client *client, const char *name);
/* Calls with one more header line. */
int call_if(mc_client *client, const char *method, const char *path, const char *body,
            const char *header);

#endif
