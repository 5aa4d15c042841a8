/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_RECEIVER_H
#define METACORE_TESTS_SUPPORT_MC_RECEIVER_H

/**
 * mc_receiver: an HTTP server that is told how to behave and keeps a ledger of what it was sent.
 *
 * A thread for each connection; requests have a Content-Length, as our own client sends it.
 *
 * Threads: decide is called from many threads at once; the ledger may be read at any time.
 */

#include "metacore/base/str.h"
#include "metacore/base/sync.h"

#define MC_RECEIVED_MAX 20000

typedef struct mc_received {
    char path[64];
    char *head; /* the whole head, NUL-terminated */
    char *body; /* NUL-terminated */
    size_t body_len;
    int status; /* what it was answered; 0: nothing */
} mc_received;

typedef struct mc_reaction {
    int status;          /* 0: hang until the other goes */
    int delay_ms;        /* before the answer */
    size_t body_size;    /* of the answer; 0: "ok" */
    const char *headers; /* more header lines with CRLF, or NULL */
    const char *body;    /* of the answer, instead of body_size; or NULL */
} mc_reaction;

typedef struct mc_receiver {
    int fd;
    unsigned port;
    pthread_t acceptor;
    mc_reaction (*decide)(void *user, const mc_received *got); /* NULL: 200 at once */
    void *user;
    mc_mutex mu;
    mc_received *all; /* guarded by mu, as count */
    size_t count;
    unsigned connections; /* guarded by mu */
    bool is_stopping;
} mc_receiver;

bool mc_receiver_start(mc_receiver *self);
/** Ends its connections and threads, frees the ledger. */
void mc_receiver_stop(mc_receiver *self);
size_t mc_receiver_count(mc_receiver *self);
/** Waits until at least count requests to path (NULL: any) came; false after timeout_ms. */
bool mc_receiver_wait(mc_receiver *self, const char *path, size_t count, int timeout_ms);
/** The n-th request to path (NULL: any), or NULL. Its texts stay until stop. */
const mc_received *mc_receiver_get(mc_receiver *self, const char *path, size_t n);
/** A header's value, empty when it is not there. */
mc_str mc_received_header(const mc_received *got, const char *name);

#endif
