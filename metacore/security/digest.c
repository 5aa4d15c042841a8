/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/digest.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

mc_code mc_sha256_of(mc_str bytes, mc_sha256 *out, mc_err *err)
{
    mc_sha256 digest;

    if (EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, digest.bytes, NULL, EVP_sha256(), NULL) !=
        1)
        return mc_fail(err, MC_INTERNAL, "security: SHA-256 failed");
    *out = digest;
    return MC_OK;
}

mc_code mc_hmac_sha256(mc_str key, mc_str message, mc_sha256 *out, mc_err *err)
{
    mc_sha256 digest;
    unsigned int len = 0;

    if (key.len > INT_MAX)
        return mc_fail(err, MC_INVALID, "security: a key of %zu bytes", key.len);
    if (!HMAC(EVP_sha256(), key.ptr ? key.ptr : "", (int)key.len,
              (const unsigned char *)(message.ptr ? message.ptr : ""), message.len, digest.bytes,
              &len) ||
        len != sizeof(digest.bytes))
        return mc_fail(err, MC_INTERNAL, "security: HMAC-SHA256 failed");
    *out = digest;
    return MC_OK;
}

void mc_sha256_hex(const mc_sha256 *digest, char out[MC_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof(digest->bytes); i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
}
