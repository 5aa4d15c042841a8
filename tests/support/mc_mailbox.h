/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_MAILBOX_H
#define METACORE_TESTS_SUPPORT_MC_MAILBOX_H

/**
 * mc_mailbox: a mail server that is told how to behave, is strict, and keeps what it was sent.
 *
 * A line that does not end in CRLF, a command out of its order, and a line of data over 998 bytes
 * are faults, which it counts; it goes on. AUTH PLAIN alone is offered, and only what is asked for.
 *
 * Threads: decide is called from many threads at once; mails may be read at any time.
 * Standard: RFC 5321, 3207, 4954.
 */

#include "metacore/base/str.h"
#include "metacore/base/sync.h"

#define MC_MAILS_MAX 4000

typedef struct mc_mail_received {
    char from[256], to[256];
    char hello[256];
    char credentials[256]; /* "user:password", empty without AUTH */
    bool is_tls;
    char *data; /* without the dots that the transfer added; NUL-terminated */
    size_t data_len;
    char *raw; /* as it came */
} mc_mail_received;

typedef struct mc_mailbox_reaction {
    const char *answer; /* a line without CRLF; NULL: what is usual */
    bool is_hanging;    /* says nothing, until the other goes */
    bool is_closing;    /* says nothing and closes */
} mc_mailbox_reaction;

typedef struct mc_mailbox {
    int fd;
    unsigned port;
    pthread_t acceptor;
    /** step: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY (in the middle of it), END (of
     *  the data), QUIT. arg: the command's line. NULL: takes everything. */
    mc_mailbox_reaction (*decide)(void *user, const char *step, const char *arg);
    void *user;
    bool offers_tls; /* STARTTLS; by cert_file and key_file */
    bool is_tls;     /* from the first byte */
    bool offers_auth;
    char cert_file[300], key_file[300]; /* localhost's: made by start when either is asked for */
    struct ssl_ctx_st *ssl;
    mc_mutex mu;
    mc_mail_received *all; /* guarded by mu, as all below */
    size_t count;
    unsigned faults, connections;
    bool is_stopping;
} mc_mailbox;

bool mc_mailbox_start(mc_mailbox *self);
void mc_mailbox_stop(mc_mailbox *self);
size_t mc_mailbox_count(mc_mailbox *self);
unsigned mc_mailbox_faults(mc_mailbox *self);
/** Waits until at least count mails came to a receiver (NULL: any); false after timeout_ms. */
bool mc_mailbox_wait(mc_mailbox *self, const char *to, size_t count, int timeout_ms);
/** The n-th mail to a receiver (NULL: any), or NULL. It stays until stop. */
const mc_mail_received *mc_mailbox_get(mc_mailbox *self, const char *to, size_t n);
/** A header's value, unfolded into out; empty when it is not there. */
mc_str mc_mail_header(const mc_mail_received *mail, const char *name, char *out, size_t size);

#endif
