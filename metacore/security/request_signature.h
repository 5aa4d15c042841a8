/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_REQUEST_SIGNATURE_H
#define METACORE_SECURITY_REQUEST_SIGNATURE_H

/**
 * request_signature: calls between the kernel and an addon's backend, signed with the
 * installation's secret.
 *
 *   version 1  X-Metacore-Signature: sha256=<hex of HMAC(secret, "<ts>.<METHOD>.<path>.<nonce>.<hex
 *              of SHA-256(body)>")>; without a nonce, and its dot, in the oldest form
 *   version 2  X-Metacore-Signature-V2: v2=<hex of HMAC(secret, text)>, text being these lines:
 *              metacore-request-v2, timestamp, nonce, method, path, event, installation, tenant,
 *              hex of SHA-256(body); each ends in a line feed
 *
 * Version 1's dots are ambiguous (nonce "N" on "/a" reads as path "/a.N" without a nonce) and leave
 * event and tenant unsigned; it stands beside version 2 for backends that know nothing else. Fields
 * of version 2 cannot hold a line feed: a value that does is refused.
 *
 * Not here: secrets (installer), webhooks of customers (webhooks), replays (nonce.h).
 * Threads:  functions; thread-safe.
 * Standard: RFC 2104.
 */

#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"

MC_BEGIN_DECLS

#define MC_REQUEST_SKEW_S 300

/** What is signed. path: decoded, "" is "/"; with "?<raw query>" when there is one. */
typedef struct mc_signed_request {
    mc_str timestamp; /* Unix seconds, decimal */
    mc_str nonce;
    mc_str method; /* upper case */
    mc_str path;
    mc_str body;
    /* version 2 only */
    mc_str event;
    mc_str installation_id;
    mc_str tenant;
} mc_signed_request;

/** Appends "sha256=…". Errors: NO_MEMORY, INTERNAL. */
MC_API MC_MUST_USE mc_code mc_request_sign_v1(mc_str secret, const mc_signed_request *request,
                                              mc_buf *out, mc_err *err);
/** Appends "v2=…". Errors: INVALID: a field with a line feed, no nonce. NO_MEMORY, INTERNAL. */
MC_API MC_MUST_USE mc_code mc_request_sign_v2(mc_str secret, const mc_signed_request *request,
                                              mc_buf *out, mc_err *err);

/**
 * Whether signature ("sha256=…" or "v2=…", as made above) is secret's for request, at now.
 * The nonce is not looked up: give it to mc_nonces_use after this.
 *
 * Errors  UNAUTHENTICATED: "bad timestamp", "timestamp outside window", "signature mismatch".
 */
MC_API MC_MUST_USE mc_code mc_request_verify(mc_str secret, const mc_signed_request *request,
                                             mc_str signature, mc_time now, int64_t skew_s,
                                             mc_err *err);

MC_END_DECLS
#endif
