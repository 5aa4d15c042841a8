/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_URL_H
#define METACORE_SECURITY_URL_H

/**
 * url: an absolute http or https URL, taken apart strictly enough that nobody reads it otherwise.
 *
 * Refused: credentials, blanks, control bytes, backslashes, non-ASCII (a host is sent as punycode),
 * an empty host, a port that is no number of 1 to 65535. A final dot of the host is cut off.
 *
 * Threads:  functions; pieces point into the text.
 * Standard: RFC 3986, narrowed.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_URL_BYTES_MAX 4096

typedef struct mc_url {
    bool is_https;
    mc_str host; /* a name, an IPv4 address, or an IPv6 address without its brackets */
    bool is_ipv6;
    mc_str port; /* digits; "80" or "443" when none was given */
    bool is_default_port;
    mc_str target; /* path and query, from '/'; without the fragment; "" when there is none */
} mc_url;

/** Errors: INVALID "invalid URL: …" or "only http(s) allowed". */
MC_API MC_MUST_USE mc_code mc_url_parse(mc_str text, mc_url *out, mc_err *err);

MC_END_DECLS
#endif
