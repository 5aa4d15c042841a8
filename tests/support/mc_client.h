/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_CLIENT_H
#define METACORE_TESTS_SUPPORT_MC_CLIENT_H

/**
 * mc_client: a blocking HTTP/1.1 client and a runner of the metacore binary, for end-to-end tests.
 *
 * It trusts the server it talks to: lengths come from Content-Length or chunks, and an answer that
 * does not fit its buffer, or breaks off, is a failure.
 *
 * Threads: a client is one thread at a time.
 */

#include "metacore/base/str.h"

#include <sys/types.h>

#define MC_CLIENT_ANSWER_MAX ((size_t)4 << 20)

typedef struct mc_client {
    int fd; /* -1: not connected; connects when needed */
    unsigned port;
    char token[2048]; /* sent as Bearer when not empty */
    char *answer;     /* head and body of the last answer */
    mc_str head;
    mc_str body;
    int status; /* 0: the connection broke before an answer */
} mc_client;

void mc_client_init(mc_client *self, unsigned port);
void mc_client_deinit(mc_client *self);

/**
 * Sends one request and reads its answer; returns the status, 0 when the connection broke.
 * body NULL: none; otherwise JSON unless content_type says more.
 */
int mc_client_call(mc_client *self, const char *method, const char *path, const char *body);
int mc_client_call_type(mc_client *self, const char *method, const char *path,
                        const char *content_type, mc_str body, const char *more_headers);
/** Writes bytes as they are and reads one answer. */
int mc_client_raw(mc_client *self, mc_str bytes);

/** The text of "key":"…" or the number or word after "key": in the body; first one; no unescaping.
 */
mc_str mc_client_field(const mc_client *self, const char *key);

/** Signs in and keeps the token; returns the status. */
int mc_client_sign_in(mc_client *self, const char *email, const char *password);
/** Registers a new organization's owner and keeps the token; returns the status. */
int mc_client_register(mc_client *self, const char *name, const char *email, const char *password);

/**
 * A server process. With METACORE_TEST_DATABASE=postgres in the environment each data directory has
 * a database of a PostgreSQL server that the test program starts; without such a server all of the
 * program's tests are skipped.
 */
typedef struct mc_process {
    pid_t pid;
    unsigned port;
    char data[160];
    char log[200]; /* its output */
} mc_process;

/** Starts `metacore serve --listen 127.0.0.1:0 --data data` with args (NULL-terminated, may be
 * NULL) and waits until it answers; false when it does not within 20 s (its output is printed). */
bool mc_process_start(mc_process *self, const char *data, const char *const *args);
/** Sends signal and waits; returns the exit status, or 128 + the signal that ended it. */
int mc_process_stop(mc_process *self, int signal);
/** Runs `metacore ARGS…` with input on its standard input; output (both streams) into out.
 *  Returns the exit status. */
int mc_process_run(const char *const *args, const char *input, char *out, size_t out_size);
/** The same for another program, by its path. */
int mc_process_run_program(const char *program, const char *const *args, const char *input,
                           char *out, size_t out_size);

#endif
