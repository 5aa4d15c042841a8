/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/secretbox.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"

#include <openssl/evp.h>

#define NONCE_BYTES 12
#define TAG_BYTES 16

mc_code mc_secretbox_init(mc_secretbox *self, mc_str key, mc_err *err)
{
    if (key.len != MC_SECRETBOX_KEY_BYTES)
        return mc_fail(err, MC_INVALID, "secretbox: master key must be %d bytes, got %zu",
                       MC_SECRETBOX_KEY_BYTES, key.len);
    return mc_secret_init(&self->key, key, err);
}

void mc_secretbox_deinit(mc_secretbox *self)
{
    mc_secret_deinit(&self->key);
}

static bool encrypt(const mc_secretbox *self, const unsigned char *nonce, mc_str plain,
                    unsigned char *out, unsigned char *tag)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool is_ok =
        cipher && EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, self->key.ptr, nonce) == 1 &&
        EVP_EncryptUpdate(cipher, out, &len, (const unsigned char *)(plain.ptr ? plain.ptr : ""),
                          (int)plain.len) == 1 &&
        EVP_EncryptFinal_ex(cipher, out + len, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;

    EVP_CIPHER_CTX_free(cipher);
    return is_ok;
}

static bool decrypt(const mc_secretbox *self, const unsigned char *nonce, mc_str sealed,
                    unsigned char *tag, unsigned char *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool is_ok =
        cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, self->key.ptr, nonce) == 1 &&
        EVP_DecryptUpdate(cipher, out, &len, (const unsigned char *)sealed.ptr, (int)sealed.len) ==
            1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
        EVP_DecryptFinal_ex(cipher, out + len, &rest) == 1;

    EVP_CIPHER_CTX_free(cipher);
    return is_ok;
}

mc_code mc_secretbox_seal(const mc_secretbox *self, mc_str plain, mc_buf *out, mc_err *err)
{
    unsigned char *sealed;
    mc_buf bytes;
    mc_code rc;

    if (plain.len > MC_SECRETBOX_PLAIN_MAX)
        return mc_fail(err, MC_TOO_LARGE, "secretbox: more than %zu bytes", MC_SECRETBOX_PLAIN_MAX);
    mc_buf_init(&bytes, 0);
    sealed = (unsigned char *)mc_buf_reserve(&bytes, NONCE_BYTES + plain.len + TAG_BYTES);
    rc = mc_buf_check(&bytes, "secretbox", err);
    if (rc == MC_OK)
        rc = mc_random_bytes(sealed, NONCE_BYTES, err);
    if (rc == MC_OK &&
        !encrypt(self, sealed, plain, sealed + NONCE_BYTES, sealed + NONCE_BYTES + plain.len))
        rc = mc_fail(err, MC_INTERNAL, "secretbox: AES-256-GCM failed");
    if (rc == MC_OK) {
        mc_buf_commit(&bytes, NONCE_BYTES + plain.len + TAG_BYTES);
        mc_base64_write(out, mc_buf_get(&bytes));
        rc = mc_buf_check(out, "secretbox", err);
    }
    mc_buf_deinit(&bytes);
    return rc;
}

mc_code mc_secretbox_open(const mc_secretbox *self, mc_arena *arena, mc_str sealed, mc_str *out,
                          mc_err *err)
{
    unsigned char tag[TAG_BYTES];
    unsigned char *plain;
    mc_str bytes, body;

    if (!mc_base64_parse(arena, sealed, &bytes))
        return mc_fail(err, MC_INVALID, "secretbox: base64: malformed");
    if (bytes.len < NONCE_BYTES + TAG_BYTES)
        return mc_fail(err, MC_INVALID, "secretbox: ciphertext too short");
    body = mc_str_slice(bytes, NONCE_BYTES, bytes.len - TAG_BYTES);
    if (body.len > MC_SECRETBOX_PLAIN_MAX)
        return mc_fail(err, MC_INVALID, "secretbox: more than %zu bytes", MC_SECRETBOX_PLAIN_MAX);
    memcpy(tag, bytes.ptr + bytes.len - TAG_BYTES, TAG_BYTES);
    plain = mc_arena_alloc(arena, body.len);
    if (!plain)
        return mc_fail(err, MC_NO_MEMORY, "secretbox");
    if (!decrypt(self, (const unsigned char *)bytes.ptr, body, tag, plain)) {
        mc_wipe(plain, body.len); /* what GCM wrote before it saw the tag is nobody's */
        return mc_fail(err, MC_INVALID, "secretbox: does not open under this key");
    }
    *out = mc_str_of((const char *)plain, body.len);
    return MC_OK;
}
