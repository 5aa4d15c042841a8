/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_EGRESS_H
#define METACORE_SECURITY_EGRESS_H

/**
 * egress: which addresses our own outgoing requests may reach: the public internet and nothing
 * else.
 *
 * The decision is made on the address that is about to be connected to, never on the text of a
 * URL: decimal and hexadecimal spellings, names that resolve to a private address, and names that
 * resolve to another one the second time all end here.
 *
 * Threads:  functions; thread-safe.
 * Source:   IANA's registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and later).
 */

#include "metacore/base/base.h"

#include <sys/socket.h>

MC_BEGIN_DECLS

/**
 * False for loopback, private, shared (100.64/10), link-local (cloud metadata lives there),
 * documentation, benchmarking, multicast, reserved and unspecified addresses; of IPv6 all that is
 * not global unicast; IPv4 inside IPv6 (mapped, 6to4, NAT64) counts as that IPv4 address. Families
 * other than the two: false.
 */
MC_API bool mc_egress_is_public(const struct sockaddr *address);

MC_END_DECLS
#endif
