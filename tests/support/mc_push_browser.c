/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_push_browser.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#define SALT_BYTES 16
#define HEAD_BYTES 21 /* salt, record size, length of the key's id */
#define POINT_BYTES 65
#define TAG_BYTES 16

static void write_base64url(const unsigned char *bytes, size_t len, char *out)
{
    size_t written = (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);

    while (written > 0 && out[written - 1] == '=')
        written--;
    out[written] = '\0';
    for (char *c = out; *c; c++)
        *c = (char)(*c == '+' ? '-' : *c == '/' ? '_' : *c);
}

bool mc_push_browser_init(mc_push_browser *self)
{
    size_t len = 0;

    *self = (mc_push_browser){.key = EVP_EC_gen("P-256")};
    if (!self->key || RAND_bytes(self->secret, sizeof(self->secret)) != 1 ||
        EVP_PKEY_get_octet_string_param(self->key, OSSL_PKEY_PARAM_PUB_KEY, self->point,
                                        sizeof(self->point), &len) != 1)
        return false;
    write_base64url(self->point, sizeof(self->point), self->p256dh);
    write_base64url(self->secret, sizeof(self->secret), self->auth);
    return len == POINT_BYTES;
}

void mc_push_browser_deinit(mc_push_browser *self)
{
    EVP_PKEY_free(self->key);
    self->key = NULL;
}

/* RFC 5869, both steps. */
static bool hkdf(const void *salt, size_t salt_len, const void *key, size_t key_len,
                 const void *info, size_t info_len, unsigned char *out, size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_len),
        OSSL_PARAM_construct_end()};
    bool is_good = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return is_good;
}

static bool agree(mc_push_browser *self, const unsigned char *sender, unsigned char out[32])
{
    EVP_PKEY *theirs = EVP_PKEY_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(self->key, NULL);
    size_t len = 32;
    bool is_good = theirs && ctx && EVP_PKEY_copy_parameters(theirs, self->key) == 1 &&
                   EVP_PKEY_set1_encoded_public_key(theirs, sender, POINT_BYTES) == 1 &&
                   EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
                   EVP_PKEY_derive(ctx, out, &len) == 1;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(theirs);
    return is_good;
}

/* RFC 8291, 3.4: the content's key and nonce. */
static bool derive(mc_push_browser *self, const unsigned char *salt, const unsigned char *sender,
                   unsigned char key[16], unsigned char nonce[12])
{
    static const char key_info[] = "Content-Encoding: aes128gcm";
    static const char nonce_info[] = "Content-Encoding: nonce";
    unsigned char shared[32], ikm[32], info[sizeof("WebPush: info") + (size_t)2 * POINT_BYTES];

    memcpy(info, "WebPush: info", sizeof("WebPush: info")); /* and its NUL */
    memcpy(info + sizeof("WebPush: info"), self->point, POINT_BYTES);
    memcpy(info + sizeof("WebPush: info") + POINT_BYTES, sender, POINT_BYTES);
    return agree(self, sender, shared) &&
           hkdf(self->secret, sizeof(self->secret), shared, sizeof(shared), info, sizeof(info), ikm,
                sizeof(ikm)) &&
           hkdf(salt, SALT_BYTES, ikm, sizeof(ikm), key_info, sizeof(key_info), key, 16) &&
           hkdf(salt, SALT_BYTES, ikm, sizeof(ikm), nonce_info, sizeof(nonce_info), nonce, 12);
}

static bool open_sealed(const unsigned char key[16], const unsigned char nonce[12],
                        const unsigned char *sealed, size_t len, unsigned char *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int written = 0, more = 0;
    bool is_good = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
                   EVP_DecryptUpdate(ctx, out, &written, sealed, (int)(len - TAG_BYTES)) == 1 &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES,
                                       (void *)(sealed + len - TAG_BYTES)) == 1 &&
                   EVP_DecryptFinal_ex(ctx, out + written, &more) == 1;

    EVP_CIPHER_CTX_free(ctx);
    return is_good;
}

mc_str mc_push_browser_decrypt(mc_push_browser *self, const mc_received *got, char *room,
                               size_t size)
{
    const unsigned char *body = (const unsigned char *)got->body;
    size_t sealed = HEAD_BYTES + POINT_BYTES, len = got->body_len;
    unsigned char key[16], nonce[12];

    if (len < sealed + TAG_BYTES + 1 || len - sealed - TAG_BYTES > size ||
        body[HEAD_BYTES - 1] != POINT_BYTES || !derive(self, body, body + HEAD_BYTES, key, nonce) ||
        !open_sealed(key, nonce, body + sealed, len - sealed, (unsigned char *)room))
        return mc_str_of(room, 0);
    len -= sealed + TAG_BYTES;
    while (len > 0 && room[len - 1] == 0) /* RFC 8188, 2: padding after the delimiter */
        len--;
    return mc_str_of(room, len > 0 && room[len - 1] == 2 ? len - 1 : 0);
}
