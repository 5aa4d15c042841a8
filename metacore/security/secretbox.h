/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_SECRETBOX_H
#define METACORE_SECURITY_SECRETBOX_H

/**
 * secretbox: secrets at rest: AES-256-GCM under one master key, as text that fits a column.
 *
 *   base64( nonce of 12 random bytes | ciphertext | tag of 16 bytes ), no associated data
 *
 * What was changed by one bit does not open. Random nonces are safe for far more secrets than one
 * database holds (2^32 under one key).
 *
 * Not here: where the master key comes from (host).
 * Threads:  immutable once created, so thread-safe.
 * Standard: NIST SP 800-38D; base64 of RFC 4648 section 4; by libcrypto.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/secret.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_SECRETBOX_KEY_BYTES 32
#define MC_SECRETBOX_PLAIN_MAX ((size_t)64 << 10)

typedef struct mc_secretbox {
    mc_secret key;
} mc_secretbox;

/** key is copied. Errors: INVALID "secretbox: master key must be 32 bytes, got %d"; NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_secretbox_init(mc_secretbox *self, mc_str key, mc_err *err);
/** Wipes the key; twice is fine. */
MC_API void mc_secretbox_deinit(mc_secretbox *self);

/** Appends the sealed text of plain onto out. Errors: TOO_LARGE, IO (no random bytes), INTERNAL. */
MC_API MC_MUST_USE mc_code mc_secretbox_seal(const mc_secretbox *self, mc_str plain, mc_buf *out,
                                             mc_err *err);
/**
 * The secret in sealed, in arena: wipe it (mc_wipe) when it has been used.
 * Errors  INVALID: "secretbox: base64: …", "secretbox: ciphertext too short", "secretbox: does not
 *         open under this key". NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_secretbox_open(const mc_secretbox *self, mc_arena *arena,
                                             mc_str sealed, mc_str *out, mc_err *err);

MC_END_DECLS
#endif
