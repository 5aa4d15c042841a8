/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_SMTP_CLIENT_H
#define METACORE_SECURITY_SMTP_CLIENT_H

/**
 * smtp_client: hands one mail to the operator's own mail server.
 *
 * The server is named by the operator and by nobody else, so that the egress guard does not apply:
 * a relay on a private address is the usual case. What the server is told comes from others, so
 * that addresses are checked here again. A password is never sent in the clear, but to this
 * machine.
 *
 * One connection for each mail; certificates are always verified.
 *
 * Not here: what a mail says (mail), retries (notifications).
 * Threads:  thread-safe; a call blocks its thread.
 * Standard: RFC 5321, 3207 (STARTTLS), 8314 (implicit TLS), 4954 (AUTH); by libcurl.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_SMTP_ADDRESS_MAX 254 /* bytes of local@domain */

typedef struct mc_smtp_client mc_smtp_client;

typedef enum mc_smtp_tls {
    MC_SMTP_TLS_REQUIRED, /* smtp: STARTTLS or nothing is sent; smtps: from the first byte */
    MC_SMTP_TLS_OFF       /* of smtp: never; for a relay on this machine */
} mc_smtp_tls;

/** Zero is "the default" in every field; strings are copied. */
typedef struct mc_smtp_client_config {
    uint32_t struct_size;
    mc_str url;         /* required: smtp://host[:587] or smtps://host[:465] */
    mc_str user;        /* empty: without AUTH */
    mc_str password;    /* goes with user */
    mc_smtp_tls tls;    /* off with a password: only for a host of this machine */
    mc_str ca_file;     /* PEM; empty: the system's */
    mc_str hello;       /* how we are called in EHLO; empty: the machine's name */
    int64_t timeout_ms; /* of a whole mail; 0: 30000 */
} mc_smtp_client_config;
#define MC_SMTP_CLIENT_CONFIG .struct_size = sizeof(mc_smtp_client_config)

/** Errors: INVALID naming the field. */
MC_API MC_MUST_USE mc_code mc_smtp_client_new(const mc_smtp_client_config *config,
                                              mc_smtp_client **out, mc_err *err);
/** No call may be under way. */
MC_API void mc_smtp_client_free(mc_smtp_client *client);

/** local@domain in ASCII: a dot-atom and a host name, within their lengths. */
MC_API bool mc_smtp_is_address(mc_str address);

/**
 * Sends message, with CRLF line ends, from and to an address each (mc_smtp_is_address).
 *
 * out_status  the server's last answer, 0 when it gave none; may be NULL
 * Errors      REJECTED: the server will never take this mail (5xx to sender, receiver or data).
 *             UNAVAILABLE: another time it may: 4xx, not reached, cut off, no TLS, wrong password.
 *             TIMEOUT. INVALID: an address.
 */
MC_API MC_MUST_USE mc_code mc_smtp_client_send(mc_smtp_client *client, mc_arena *arena, mc_str from,
                                               mc_str to, mc_str message, int *out_status,
                                               mc_err *err);

/** As mc_http_client_stop. */
MC_API void mc_smtp_client_stop(mc_smtp_client *client);

MC_END_DECLS
#endif
