/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of P-256, in the three forms that are met: bytes, text, and OpenSSL's. */
#include "metacore/base/encode.h"
#include "metacore/push/push_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

bool mc__push_is_point(const unsigned char point[MC_PUSH_POINT_BYTES])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group ? EC_POINT_new(group) : NULL;
    /* Also that it lies on the curve: one that does not gives our keys away. */
    bool is = p && point[0] == 4 && EC_POINT_oct2point(group, p, point, MC_PUSH_POINT_BYTES, NULL);

    EC_POINT_free(p);
    EC_GROUP_free(group);
    return is;
}

mc_code mc__push_public_of(const unsigned char private_key[MC_PUSH_SCALAR_BYTES],
                           unsigned char out[MC_PUSH_POINT_BYTES], mc_err *err)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = group ? EC_POINT_new(group) : NULL;
    BIGNUM *scalar = BN_bin2bn(private_key, MC_PUSH_SCALAR_BYTES, NULL);
    bool is_good = false;

    if (p && scalar)
        is_good = !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
                  EC_POINT_mul(group, p, scalar, NULL, NULL, NULL) &&
                  EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, out,
                                     MC_PUSH_POINT_BYTES, NULL) == MC_PUSH_POINT_BYTES;
    BN_clear_free(scalar);
    EC_POINT_free(p);
    EC_GROUP_free(group);
    return is_good ? MC_OK : mc_fail(err, MC_INVALID, "push: this is no private key of P-256");
}

EVP_PKEY *mc__push_pkey(const unsigned char *public_key, const unsigned char *private_key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *scalar = private_key ? BN_bin2bn(private_key, MC_PUSH_SCALAR_BYTES, NULL) : NULL;
    int selection = private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (ctx && build && (scalar || !private_key) &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, public_key,
                                         MC_PUSH_POINT_BYTES) &&
        (!scalar || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar)))
        params = OSSL_PARAM_BLD_to_param(build);
    if (params && EVP_PKEY_fromdata_init(ctx) > 0 &&
        EVP_PKEY_fromdata(ctx, &key, selection, params) <= 0)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(scalar);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

mc_code mc_push_keys_new(mc_push_keys *out, mc_err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIGNUM *scalar = NULL;
    mc_push_keys keys;
    size_t len = 0;
    bool is_good =
        key &&
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, keys.public_key,
                                        MC_PUSH_POINT_BYTES, &len) &&
        len == MC_PUSH_POINT_BYTES &&
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) &&
        BN_bn2binpad(scalar, keys.private_key, MC_PUSH_SCALAR_BYTES) == MC_PUSH_SCALAR_BYTES;

    if (is_good)
        *out = keys;
    mc_wipe(&keys, sizeof(keys));
    BN_clear_free(scalar);
    EVP_PKEY_free(key);
    return is_good ? MC_OK : mc_fail(err, MC_INTERNAL, "push: no keys were made");
}

bool mc__push_base64(mc_arena *arena, mc_str text, mc_str *out)
{
    mc_buf plain;

    text = mc_str_trim(text);
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    mc_buf_init_arena(&plain, arena, 0);
    for (size_t i = 0; i < text.len; i++)
        mc_buf_char(&plain, (char)(text.ptr[i] == '+'   ? '-'
                                   : text.ptr[i] == '/' ? '_'
                                                        : text.ptr[i]));
    return !mc_buf_failed(&plain) && mc_base64url_parse(arena, mc_buf_get(&plain), out);
}

static mc_code read_keys(mc_arena *arena, mc_str public_key, mc_str private_key, mc_push_keys *out,
                         mc_err *err)
{
    unsigned char wanted[MC_PUSH_POINT_BYTES];
    mc_str point, scalar;
    mc_code rc;

    if (!mc__push_base64(arena, public_key, &point) || point.len != MC_PUSH_POINT_BYTES ||
        !mc__push_is_point((const unsigned char *)point.ptr))
        return mc_fail(err, MC_INVALID,
                       "VAPID_PUBLIC_KEY: want base64url of an uncompressed point of P-256");
    if (!mc__push_base64(arena, private_key, &scalar) || scalar.len != MC_PUSH_SCALAR_BYTES)
        return mc_fail(err, MC_INVALID, "VAPID_PRIVATE_KEY: want base64url of %d bytes",
                       MC_PUSH_SCALAR_BYTES);
    rc = mc__push_public_of((const unsigned char *)scalar.ptr, wanted, err);
    if (rc == MC_OK && memcmp(wanted, point.ptr, sizeof(wanted)) != 0)
        rc = mc_fail(err, MC_INVALID, "VAPID_PUBLIC_KEY and VAPID_PRIVATE_KEY are not of one pair");
    if (rc == MC_OK) {
        memcpy(out->public_key, point.ptr, MC_PUSH_POINT_BYTES);
        memcpy(out->private_key, scalar.ptr, MC_PUSH_SCALAR_BYTES);
    }
    mc_wipe((char *)scalar.ptr, scalar.len);
    return rc;
}

mc_code mc_push_keys_parse(mc_str public_key, mc_str private_key, mc_push_keys *out, mc_err *err)
{
    mc_arena *arena = mc_arena_new(64 << 10);
    mc_code rc = arena ? read_keys(arena, public_key, private_key, out, err)
                       : mc_fail(err, MC_NO_MEMORY, "push");

    mc_arena_free(arena);
    return rc;
}
