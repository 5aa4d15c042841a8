/* SPDX-License-Identifier: Apache-2.0 */
/* One message as a push service takes it: encrypted for the browser (RFC 8291, in the coding of RFC
 * 8188), and signed as ours (RFC 8292). */
#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/push/push_internal.h"
#include "metacore/security/digest.h"
#include "metacore/security/url.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#define RECORD_SIZE 4096
#define TAG_BYTES 16
#define LAST_RECORD 2 /* the delimiter of RFC 8188, section 2 */
#define VAPID_LIFE_S 43200

/* ---- RFC 8291 ---- */

static mc_code agree(const mc_push_keys *ours, const unsigned char theirs[MC_PUSH_POINT_BYTES],
                     unsigned char out[MC_PUSH_SCALAR_BYTES], mc_err *err)
{
    EVP_PKEY *own = mc__push_pkey(ours->public_key, ours->private_key);
    EVP_PKEY *peer = mc__push_is_point(theirs) ? mc__push_pkey(theirs, NULL) : NULL;
    EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = MC_PUSH_SCALAR_BYTES;
    bool is_good = ctx && peer && EVP_PKEY_derive_init(ctx) > 0 &&
                   EVP_PKEY_derive_set_peer(ctx, peer) > 0 && EVP_PKEY_derive(ctx, out, &len) > 0 &&
                   len == MC_PUSH_SCALAR_BYTES;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    return is_good ? MC_OK : mc_fail(err, MC_INVALID, "push: no secret with this key");
}

static mc_str bytes_of(const void *ptr, size_t len)
{
    return mc_str_of(ptr, len);
}

/* HKDF's expand to one block, which is all that is ever wanted here. */
static mc_code expand(const mc_sha256 *prk, mc_str info, mc_sha256 *out, mc_err *err)
{
    char room[160];
    mc_buf text;

    mc_buf_init_borrowed(&text, room, sizeof(room), sizeof(room));
    mc_buf_str(&text, info);
    mc_buf_char(&text, 1);
    if (mc_buf_failed(&text))
        return mc_fail(err, MC_INTERNAL, "push: info");
    return mc_hmac_sha256(bytes_of(prk->bytes, sizeof(prk->bytes)), mc_buf_get(&text), out, err);
}

typedef struct content_keys {
    mc_sha256 key, nonce; /* their first bytes */
} content_keys;

static mc_code derive(const unsigned char ua_public[MC_PUSH_POINT_BYTES],
                      const unsigned char auth[MC_PUSH_AUTH_BYTES], const mc_push_keys *as_keys,
                      const unsigned char salt[MC_PUSH_SALT_BYTES], content_keys *out, mc_err *err)
{
    static const char prefix[] = "WebPush: info"; /* its NUL belongs to it, as below */
    static const char key_info[] = "Content-Encoding: aes128gcm";
    static const char nonce_info[] = "Content-Encoding: nonce";
    unsigned char secret[MC_PUSH_SCALAR_BYTES];
    char info[sizeof(prefix) + (size_t)2 * MC_PUSH_POINT_BYTES];
    mc_sha256 prk, ikm;
    mc_code rc = agree(as_keys, ua_public, secret, err);

    memcpy(info, prefix, sizeof(prefix));
    memcpy(info + sizeof(prefix), ua_public, MC_PUSH_POINT_BYTES);
    memcpy(info + sizeof(prefix) + MC_PUSH_POINT_BYTES, as_keys->public_key, MC_PUSH_POINT_BYTES);
    if (rc == MC_OK)
        rc = mc_hmac_sha256(bytes_of(auth, MC_PUSH_AUTH_BYTES), bytes_of(secret, sizeof(secret)),
                            &prk, err);
    if (rc == MC_OK)
        rc = expand(&prk, bytes_of(info, sizeof(info)), &ikm, err);
    if (rc == MC_OK)
        rc = mc_hmac_sha256(bytes_of(salt, MC_PUSH_SALT_BYTES), bytes_of(ikm.bytes, sizeof(ikm)),
                            &prk, err);
    if (rc == MC_OK)
        rc = expand(&prk, bytes_of(key_info, sizeof(key_info)), &out->key, err);
    if (rc == MC_OK)
        rc = expand(&prk, bytes_of(nonce_info, sizeof(nonce_info)), &out->nonce, err);
    mc_wipe(secret, sizeof(secret));
    mc_wipe(&ikm, sizeof(ikm));
    mc_wipe(&prk, sizeof(prk));
    return rc;
}

/* plain and its delimiter, sealed. */
static bool seal(const content_keys *keys, mc_str plain, char *out)
{
    static const unsigned char delimiter = LAST_RECORD;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *at = (unsigned char *)out, *tag = at + plain.len + 1;
    int len = 0, more = 0;
    bool is_good =
        ctx &&
        EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->key.bytes, keys->nonce.bytes) &&
        EVP_EncryptUpdate(ctx, at, &len, (const unsigned char *)plain.ptr, (int)plain.len) &&
        EVP_EncryptUpdate(ctx, at + len, &more, &delimiter, 1) &&
        EVP_EncryptFinal_ex(ctx, at + len + more, &more) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag);

    EVP_CIPHER_CTX_free(ctx);
    return is_good;
}

mc_code mc_push_encrypt(mc_str plain, const unsigned char ua_public[MC_PUSH_POINT_BYTES],
                        const unsigned char auth[MC_PUSH_AUTH_BYTES], const mc_push_keys *as_keys,
                        const unsigned char salt[MC_PUSH_SALT_BYTES], mc_buf *out, mc_err *err)
{
    static const unsigned char record_size[] = {0, 0, RECORD_SIZE >> 8, RECORD_SIZE & 0xff};
    char sealed[MC_PUSH_PLAIN_MAX + 1 + TAG_BYTES];
    content_keys keys;
    mc_code rc;

    if (plain.len > MC_PUSH_PLAIN_MAX)
        return mc_fail(err, MC_TOO_LARGE, "push: a message has at most %d bytes, this one %zu",
                       MC_PUSH_PLAIN_MAX, plain.len);
    rc = derive(ua_public, auth, as_keys, salt, &keys, err);
    if (rc == MC_OK && !seal(&keys, plain, sealed))
        rc = mc_fail(err, MC_INTERNAL, "push: encryption failed");
    mc_wipe(&keys, sizeof(keys));
    if (rc != MC_OK)
        return rc;
    mc_buf_bytes(out, salt, MC_PUSH_SALT_BYTES);
    mc_buf_bytes(out, record_size, sizeof(record_size));
    mc_buf_char(out, MC_PUSH_POINT_BYTES);
    mc_buf_bytes(out, as_keys->public_key, MC_PUSH_POINT_BYTES);
    mc_buf_bytes(out, sealed, plain.len + 1 + TAG_BYTES);
    return mc_buf_check(out, "push message", err);
}

mc_code mc_push_encrypt_new(mc_str plain, const unsigned char ua_public[MC_PUSH_POINT_BYTES],
                            const unsigned char auth[MC_PUSH_AUTH_BYTES], mc_buf *out, mc_err *err)
{
    unsigned char salt[MC_PUSH_SALT_BYTES];
    mc_push_keys once;
    mc_code rc = mc_push_keys_new(&once, err);

    if (rc == MC_OK)
        rc = mc_random_bytes(salt, sizeof(salt), err);
    if (rc == MC_OK)
        rc = mc_push_encrypt(plain, ua_public, auth, &once, salt, out, err);
    mc_wipe(&once, sizeof(once));
    return rc;
}

/* ---- RFC 8292 ---- */

/* r and s in 32 bytes each, where OpenSSL gives DER. */
static bool raw_signature(const unsigned char *der, size_t len, unsigned char out[64])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool is_good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 &&
                   BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32;

    ECDSA_SIG_free(sig);
    return is_good;
}

static mc_code sign(const mc_push_keys *keys, mc_str text, unsigned char out[64], mc_err *err)
{
    EVP_PKEY *key = mc__push_pkey(keys->public_key, keys->private_key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[128];
    size_t len = sizeof(der);
    bool is_good = key && ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) > 0 &&
                   EVP_DigestSign(ctx, der, &len, (const unsigned char *)text.ptr, text.len) > 0 &&
                   raw_signature(der, len, out);

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return is_good ? MC_OK : mc_fail(err, MC_INTERNAL, "push: vapid jwt: signing failed");
}

/* The origin as RFC 6454 writes it: without the port that its scheme implies. */
static void write_origin(const mc_url *url, mc_buf *out)
{
    mc_buf_str(out, url->is_https ? MC_STR("https://") : MC_STR("http://"));
    mc_buf_printf(out, url->is_ipv6 ? "[%.*s]" : "%.*s", MC_FMT(url->host));
    if (!url->is_default_port)
        mc_buf_printf(out, ":%.*s", MC_FMT(url->port));
}

mc_code mc_push_vapid(const mc_push_keys *keys, mc_str endpoint, mc_str subject, mc_time now,
                      mc_arena *arena, mc_str *out, mc_err *err)
{
    unsigned char signature[64];
    mc_buf origin, claims, token;
    mc_url url;
    mc_code rc = mc_url_parse(endpoint, &url, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&origin, arena, 0);
    mc_buf_init_arena(&claims, arena, 0);
    mc_buf_init_arena(&token, arena, 0);
    write_origin(&url, &origin);
    mc_buf_lit(&claims, "{\"aud\":");
    mc_json_write_str(&claims, mc_buf_get(&origin));
    mc_buf_printf(&claims,
                  ",\"exp\":%lld,\"sub\":", (long long)(now / MC_TIME_US_PER_S + VAPID_LIFE_S));
    mc_json_write_str(&claims, subject);
    mc_buf_char(&claims, '}');
    mc_base64url_write(&token, MC_STR("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"));
    mc_buf_char(&token, '.');
    mc_base64url_write(&token, mc_buf_get(&claims));
    rc = mc_buf_check(&token, "push: vapid jwt", err);
    if (rc == MC_OK)
        rc = sign(keys, mc_buf_get(&token), signature, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_clear(&claims);
    mc_buf_lit(&claims, "vapid t=");
    mc_buf_str(&claims, mc_buf_get(&token));
    mc_buf_char(&claims, '.');
    mc_base64url_write(&claims, bytes_of(signature, sizeof(signature)));
    mc_buf_lit(&claims, ", k=");
    mc_base64url_write(&claims, bytes_of(keys->public_key, MC_PUSH_POINT_BYTES));
    rc = mc_buf_check(&claims, "push: vapid jwt", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&claims);
    return rc;
}
