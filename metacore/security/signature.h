/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_SIGNATURE_H
#define METACORE_SECURITY_SIGNATURE_H

/**
 * signature: who made a bundle: Ed25519 over its digest, by one of the keys that are trusted here.
 *
 *   ed25519     over the 32 bytes of SHA-256(archive): what published bundles carry
 *   ed25519-v2  over "metacore-bundle-v2\n<key>\n<version>\n<digest in hex>\n": an old bundle
 *               cannot pass for another addon or another version
 *
 * Not here: reading archives (bundle), refusing older versions (installer).
 * Threads:  functions; keys are immutable once parsed.
 * Standard: RFC 8032; by libsodium.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"
#include "metacore/security/digest.h"

MC_BEGIN_DECLS

#define MC_SIGNATURE_BYTES 64
#define MC_SIGNING_KEYS_MAX 16

typedef struct mc_public_key {
    unsigned char bytes[32];
} mc_public_key;

typedef struct mc_signing_keys {
    mc_public_key items[MC_SIGNING_KEYS_MAX];
    size_t count;
} mc_signing_keys;

/**
 * A comma list of keys, 64 hexadecimal digits each; blanks around them and empty items are nothing.
 * Errors  INVALID: names the position of the first that is none. LIMIT: too many.
 */
MC_API MC_MUST_USE mc_code mc_signing_keys_parse(mc_str list, mc_signing_keys *out, mc_err *err);

/** A file of a bundle, as it is signed for. */
typedef struct mc_signed_file {
    mc_str name;
    mc_str sha256; /* hexadecimal */
} mc_signed_file;

/** What is held against a signature. */
typedef struct mc_signed_bundle {
    mc_str key;
    mc_str version;
    mc_sha256 digest; /* of the archive as it came */
    const mc_signed_file *files;
    size_t file_count;
} mc_signed_bundle;

/** As a manifest's `signature` has it; all borrowed. */
typedef struct mc_signature {
    mc_str algorithm;         /* "", ed25519, ed25519-v2; in any case */
    mc_str digest;            /* optional, hexadecimal */
    mc_str value;             /* 64 bytes in hexadecimal or base64 */
    const mc_json *checksums; /* {path: hex}, or NULL */
} mc_signature;

/**
 * Whether one of keys signed bundle.
 *
 * Without keys nothing verifies. A digest that is stated must be the computed one. Checksums, when
 * there are any, must name every file but manifest.json, and match.
 *
 * Errors  FORBIDDEN, in the contract's words: "security: …".
 */
MC_API MC_MUST_USE mc_code mc_signature_verify(const mc_signing_keys *keys, mc_arena *arena,
                                               const mc_signature *signature,
                                               const mc_signed_bundle *bundle, mc_err *err);

/** The checksums alone: what a manifest says of the files beside it. Errors: as above. */
MC_API MC_MUST_USE mc_code mc_signature_check_files(const mc_json *checksums,
                                                    const mc_signed_bundle *bundle, mc_err *err);

/** A key pair: secret is libsodium's 64 bytes, seed and public key. Errors: IO. */
typedef struct mc_secret_key {
    unsigned char bytes[64];
} mc_secret_key;
MC_API MC_MUST_USE mc_code mc_secret_key_new(mc_secret_key *out, mc_public_key *out_public,
                                             mc_err *err);
/** The public half. */
MC_API void mc_secret_key_public(const mc_secret_key *secret, mc_public_key *out);
/** Signs as is_v2 says; out is 64 bytes. Errors: NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_signature_make(const mc_secret_key *secret,
                                             const mc_signed_bundle *bundle, bool is_v2,
                                             unsigned char out[MC_SIGNATURE_BYTES], mc_err *err);

/** 64 bytes from text: hexadecimal (any case) or base64. False when it is neither. */
MC_API bool mc_signature_parse(mc_arena *arena, mc_str text, mc_str *out_bytes);

MC_END_DECLS
#endif
