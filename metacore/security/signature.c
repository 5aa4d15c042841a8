/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/signature.h"

#include "metacore/base/buf.h"
#include "metacore/base/encode.h"

#include <sodium.h>

#define SHOWN 12 /* hexadecimal digits of a digest in a message */

/* ---- keys ---- */

static bool parse_key(mc_str text, mc_public_key *out)
{
    size_t len = 0;
    const char *end = NULL;

    return text.len == 2 * sizeof(out->bytes) &&
           sodium_hex2bin(out->bytes, sizeof(out->bytes), text.ptr, text.len, NULL, &len, &end) ==
               0 &&
           len == sizeof(out->bytes) && end == text.ptr + text.len;
}

mc_code mc_signing_keys_parse(mc_str list, mc_signing_keys *out, mc_err *err)
{
    mc_signing_keys keys = {.count = 0};
    unsigned position = 0;
    mc_str item;

    while (mc_str_split(&list, ',', &item)) {
        item = mc_str_trim(item);
        position++;
        if (item.len == 0)
            continue;
        if (keys.count == MC_SIGNING_KEYS_MAX)
            return mc_fail(err, MC_LIMIT, "security: more than %d public keys",
                           MC_SIGNING_KEYS_MAX);
        if (!parse_key(item, &keys.items[keys.count]))
            return mc_fail(err, MC_INVALID, "security: public key %u is not 64 hexadecimal digits",
                           position);
        keys.count++;
    }
    *out = keys;
    return MC_OK;
}

mc_code mc_secret_key_new(mc_secret_key *out, mc_public_key *out_public, mc_err *err)
{
    _Static_assert(sizeof(out->bytes) == crypto_sign_SECRETKEYBYTES, "libsodium's secret key");
    if (sodium_init() < 0)
        return mc_fail(err, MC_IO, "security: no random bytes");
    (void)crypto_sign_keypair(out_public->bytes, out->bytes); /* always 0 */
    return MC_OK;
}

void mc_secret_key_public(const mc_secret_key *secret, mc_public_key *out)
{
    (void)crypto_sign_ed25519_sk_to_pk(out->bytes, secret->bytes); /* always 0 */
}

/* ---- what is signed ---- */

static mc_code write_message(const mc_signed_bundle *bundle, bool is_v2, mc_buf *out, mc_err *err)
{
    char hex[MC_SHA256_HEX];

    if (!is_v2) {
        mc_buf_bytes(out, bundle->digest.bytes, sizeof(bundle->digest.bytes));
        return mc_buf_check(out, "security: signature", err);
    }
    mc_sha256_hex(&bundle->digest, hex);
    mc_buf_lit(out, "metacore-bundle-v2\n");
    mc_buf_str(out, bundle->key);
    mc_buf_char(out, '\n');
    mc_buf_str(out, bundle->version);
    mc_buf_char(out, '\n');
    mc_buf_bytes(out, hex, sizeof(hex));
    mc_buf_char(out, '\n');
    return mc_buf_check(out, "security: signature", err);
}

mc_code mc_signature_make(const mc_secret_key *secret, const mc_signed_bundle *bundle, bool is_v2,
                          unsigned char out[MC_SIGNATURE_BYTES], mc_err *err)
{
    mc_buf message;
    mc_code rc;

    mc_buf_init(&message, 0);
    rc = write_message(bundle, is_v2, &message, err);
    if (rc == MC_OK)
        (void)crypto_sign_detached(out, NULL, (const unsigned char *)message.ptr, message.len,
                                   secret->bytes); /* always 0 */
    mc_buf_deinit(&message);
    return rc;
}

/* ---- verifying ---- */

static mc_code parse_algorithm(mc_str algorithm, bool *out_is_v2, mc_err *err)
{
    mc_str name = mc_str_trim(algorithm);

    *out_is_v2 = mc_str_eq_nocase(name, MC_STR("ed25519-v2"));
    if (*out_is_v2 || name.len == 0 || mc_str_eq_nocase(name, MC_STR("ed25519")))
        return MC_OK;
    return mc_fail(err, MC_FORBIDDEN, "security: unsupported signature algorithm: \"%.*s\"",
                   MC_FMT(mc_str_slice(name, 0, 40)));
}

bool mc_signature_parse(mc_arena *arena, mc_str text, mc_str *out_bytes)
{
    mc_str trimmed = mc_str_trim(text);
    bool is_hex = trimmed.len == 2 * (size_t)MC_SIGNATURE_BYTES;
    mc_str bytes = {NULL, 0};

    if (!(is_hex ? mc_hex_parse(arena, trimmed, &bytes)
                 : mc_base64_parse(arena, trimmed, &bytes) && bytes.len == MC_SIGNATURE_BYTES))
        return false;
    *out_bytes = bytes;
    return true;
}

/* The contract speaks of hexadecimal: a value of hex digits and a wrong length is told its length.
 */
static mc_code parse_value(mc_arena *arena, mc_str text, mc_str *out, mc_err *err)
{
    mc_str bytes;

    if (mc_signature_parse(arena, text, out))
        return MC_OK;
    if (mc_hex_parse(arena, mc_str_trim(text), &bytes))
        return mc_fail(err, MC_FORBIDDEN, "security: signature has %zu bytes, want %d", bytes.len,
                       MC_SIGNATURE_BYTES);
    return mc_fail(err, MC_FORBIDDEN, "security: signature is not hex: nor base64 of %d bytes",
                   MC_SIGNATURE_BYTES);
}

static mc_code check_digest(const mc_signature *signature, const mc_sha256 *digest, mc_err *err)
{
    mc_str stated = mc_str_trim(signature->digest);
    char hex[MC_SHA256_HEX];

    mc_sha256_hex(digest, hex);
    if (stated.len == 0 || mc_str_eq(stated, mc_str_of(hex, sizeof(hex))))
        return MC_OK;
    return mc_fail(err, MC_FORBIDDEN, "security: digest drift (manifest=%.*s, computed=%.*s)",
                   MC_FMT(mc_str_slice(stated, 0, SHOWN)), SHOWN, hex);
}

static mc_code mismatch(mc_str name, const char *why, mc_err *err)
{
    return mc_fail(err, MC_FORBIDDEN, "security: per-file checksum mismatch: entry \"%.*s\" %s",
                   MC_FMT(mc_str_slice(name, 0, 80)), why);
}

static const mc_signed_file *find_file(const mc_signed_bundle *bundle, mc_str name)
{
    for (size_t i = 0; i < bundle->file_count; i++) {
        if (mc_str_eq(bundle->files[i].name, name))
            return &bundle->files[i];
    }
    return NULL;
}

static mc_code check_listed(const mc_json_member *listed, const mc_signed_bundle *bundle,
                            mc_err *err)
{
    const mc_signed_file *file = find_file(bundle, listed->key);
    mc_str stated = {NULL, 0};

    if (!mc_json_get_str(listed->value, &stated))
        return mismatch(listed->key, "has no checksum", err);
    if (!file)
        return mismatch(listed->key, "listed in checksums but missing from bundle", err);
    if (mc_str_eq_nocase(stated, file->sha256))
        return MC_OK;
    return mc_fail(err, MC_FORBIDDEN,
                   "security: per-file checksum mismatch: entry \"%.*s\" (manifest=%.*s, "
                   "computed=%.*s)",
                   MC_FMT(mc_str_slice(listed->key, 0, 40)), MC_FMT(mc_str_slice(stated, 0, SHOWN)),
                   MC_FMT(mc_str_slice(file->sha256, 0, SHOWN)));
}

mc_code mc_signature_check_files(const mc_json *checksums, const mc_signed_bundle *bundle,
                                 mc_err *err)
{
    if (!checksums || checksums->kind != MC_JSON_OBJECT || checksums->as.object.count == 0)
        return MC_OK;
    for (size_t i = 0; i < checksums->as.object.count; i++) {
        const mc_json_member *listed = &checksums->as.object.members[i];

        if (!mc_str_eq(listed->key, MC_STR("manifest.json"))) {
            mc_code rc = check_listed(listed, bundle, err);

            if (rc != MC_OK)
                return rc;
        }
    }
    for (size_t i = 0; i < bundle->file_count; i++) {
        mc_str name = bundle->files[i].name;

        if (!mc_str_eq(name, MC_STR("manifest.json")) && !mc_json_find(checksums, name))
            return mismatch(name, "present in bundle but not declared in checksums", err);
    }
    return MC_OK;
}

static bool is_by_any(const mc_signing_keys *keys, mc_str value, mc_str message)
{
    bool is_signed = false;

    for (size_t i = 0; i < keys->count && !is_signed; i++)
        is_signed = crypto_sign_verify_detached((const unsigned char *)value.ptr,
                                                (const unsigned char *)message.ptr, message.len,
                                                keys->items[i].bytes) == 0;
    return is_signed;
}

mc_code mc_signature_verify(const mc_signing_keys *keys, mc_arena *arena,
                            const mc_signature *signature, const mc_signed_bundle *bundle,
                            mc_err *err)
{
    bool is_v2 = false;
    mc_buf message;
    mc_str value;
    mc_code rc;

    if (mc_str_trim(signature->value).len == 0)
        return mc_fail(err, MC_FORBIDDEN, "security: bundle has no signature");
    if (keys->count == 0)
        return mc_fail(err, MC_FORBIDDEN, "security: no trusted public keys configured");
    rc = parse_algorithm(signature->algorithm, &is_v2, err);
    if (rc == MC_OK)
        rc = parse_value(arena, signature->value, &value, err);
    if (rc == MC_OK)
        rc = check_digest(signature, &bundle->digest, err);
    mc_buf_init_arena(&message, arena, 0);
    if (rc == MC_OK)
        rc = write_message(bundle, is_v2, &message, err);
    if (rc != MC_OK)
        return rc;
    if (!is_by_any(keys, value, mc_buf_get(&message)))
        return mc_fail(err, MC_FORBIDDEN,
                       "security: signature does not verify under any trusted key");
    return mc_signature_check_files(signature->checksums, bundle, err);
}
