/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_DIGEST_H
#define METACORE_SECURITY_DIGEST_H

/**
 * digest: SHA-256 and its keyed form, as bytes and as lower-case hexadecimal.
 *
 * Not here: passwords (auth), digests of files while they are read (bundle).
 * Threads:  functions; thread-safe.
 * Standard: FIPS 180-4, RFC 2104; by libcrypto.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_SHA256_BYTES 32
#define MC_SHA256_HEX 64

typedef struct mc_sha256 {
    unsigned char bytes[MC_SHA256_BYTES];
} mc_sha256;

/** Errors: NO_MEMORY, INTERNAL (libcrypto without SHA-256). */
MC_API MC_MUST_USE mc_code mc_sha256_of(mc_str bytes, mc_sha256 *out, mc_err *err);
/** HMAC-SHA256; key is used as it is, of any length. Errors: as above. */
MC_API MC_MUST_USE mc_code mc_hmac_sha256(mc_str key, mc_str message, mc_sha256 *out, mc_err *err);
/** Lower case, not terminated. */
MC_API void mc_sha256_hex(const mc_sha256 *digest, char out[MC_SHA256_HEX]);

MC_END_DECLS
#endif
