/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/sync.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

/*
 * libcrypto's contexts are made once and used again: fetching the algorithm and scheduling the key
 * would cost several times what a token's HMAC does.
 */
#define IDLE_MAX 32

typedef struct key {
    EVP_MAC_CTX *keyed; /* never updated: copied */
    mc_mutex mu;
    EVP_MAC_CTX *idle[IDLE_MAX]; /* guarded by mu, as idle_count */
    size_t idle_count;
} key;

struct mc__keys {
    size_t count; /* the first signs */
    key keys[1 + MC_AUTH_OLD_SECRETS_MAX];
};

/* ---- one key ---- */

static mc_code key_init(key *k, mc_str secret, mc_err *err)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac;

    mc_mutex_init(&k->mu);
    if (secret.len < MC_AUTH_SECRET_MIN)
        return mc_fail(err, MC_INVALID, "auth: a signing secret has at least %d bytes",
                       MC_AUTH_SECRET_MIN);
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    k->keyed = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (!k->keyed)
        return mc_fail(err, MC_NO_MEMORY, "auth: HMAC");
    if (!EVP_MAC_init(k->keyed, (const unsigned char *)secret.ptr, secret.len, params))
        return mc_fail(err, MC_INTERNAL, "auth: libcrypto has no HMAC-SHA256");
    return MC_OK;
}

static void key_deinit(key *k)
{
    while (k->idle_count)
        EVP_MAC_CTX_free(k->idle[--k->idle_count]);
    EVP_MAC_CTX_free(k->keyed);
    mc_mutex_deinit(&k->mu);
}

static EVP_MAC_CTX *key_take(key *k)
{
    EVP_MAC_CTX *ctx = NULL;

    mc_mutex_lock(&k->mu);
    if (k->idle_count)
        ctx = k->idle[--k->idle_count];
    mc_mutex_unlock(&k->mu);
    return ctx ? ctx : EVP_MAC_CTX_dup(k->keyed);
}

static void key_give_back(key *k, EVP_MAC_CTX *ctx)
{
    mc_mutex_lock(&k->mu);
    if (k->idle_count < IDLE_MAX) {
        k->idle[k->idle_count++] = ctx;
        ctx = NULL;
    }
    mc_mutex_unlock(&k->mu);
    EVP_MAC_CTX_free(ctx);
}

static mc_code key_mac(key *k, mc_str message, unsigned char out[MC__SHA256_LEN], mc_err *err)
{
    EVP_MAC_CTX *ctx = key_take(k);
    size_t len = 0;
    bool is_ok;

    if (!ctx)
        return mc_fail(err, MC_NO_MEMORY, "auth: HMAC");
    /* Without a key, init starts over with the one the context has. */
    is_ok = EVP_MAC_init(ctx, NULL, 0, NULL) &&
            EVP_MAC_update(ctx, (const unsigned char *)message.ptr, message.len) &&
            EVP_MAC_final(ctx, out, &len, MC__SHA256_LEN) && len == MC__SHA256_LEN;
    key_give_back(k, ctx);
    return is_ok ? MC_OK : mc_fail(err, MC_INTERNAL, "auth: HMAC");
}

/* ---- all of them ---- */

mc_code mc__keys_new(mc_str secret, mc_strs old_secrets, mc__keys **out, mc_err *err)
{
    mc__keys *self;
    mc_code rc = MC_OK;

    if (old_secrets.count > MC_AUTH_OLD_SECRETS_MAX)
        return mc_fail(err, MC_INVALID, "auth: at most %d old secrets", MC_AUTH_OLD_SECRETS_MAX);
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "auth: keys");
    for (size_t i = 0; i <= old_secrets.count && rc == MC_OK; i++) {
        self->count++;
        rc = key_init(&self->keys[i], i ? old_secrets.items[i - 1] : secret, err);
    }
    if (rc != MC_OK) {
        mc__keys_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc__keys_free(mc__keys *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->count; i++)
        key_deinit(&self->keys[i]);
    free(self);
}

mc_code mc__keys_sign(mc__keys *self, mc_str message, unsigned char out[MC__SHA256_LEN],
                      mc_err *err)
{
    return key_mac(&self->keys[0], message, out, err);
}

mc_code mc__keys_verify(mc__keys *self, mc_str message, mc_str mac, bool *out, mc_err *err)
{
    bool is_ours = false;

    if (!mac.len || mac.len > MC__SHA256_LEN) {
        *out = false;
        return MC_OK;
    }
    for (size_t i = 0; i < self->count && !is_ours; i++) {
        unsigned char digest[MC__SHA256_LEN];
        mc_code rc = key_mac(&self->keys[i], message, digest, err);

        if (rc != MC_OK)
            return rc;
        is_ours = mc_str_eq_secret(mc_str_of((const char *)digest, mac.len), mac);
    }
    *out = is_ours;
    return MC_OK;
}

mc_code mc__sha256_hex(mc_str bytes, char out[MC__HASH_TEXT_LEN], mc_err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[MC__SHA256_LEN];

    if (!EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, digest, NULL, EVP_sha256(), NULL))
        return mc_fail(err, MC_NO_MEMORY, "auth: SHA-256");
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    return MC_OK;
}
