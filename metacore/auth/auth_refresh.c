/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/base/secret.h"

#define NONCE_LEN 32
#define MAC_LEN 16
#define SIGNED_LEN (sizeof(mc_uuid) + NONCE_LEN)
#define RAW_LEN (SIGNED_LEN + MAC_LEN)
#define TEXT_LEN ((RAW_LEN * 4 + 2) / 3)

/* Keeps these MACs apart from those of access tokens, whose messages begin with a letter. */
static const char domain[] = "\0refresh";

#define DOMAIN_LEN (sizeof(domain) - 1)

static mc_str message_of(const unsigned char raw[RAW_LEN], char out[DOMAIN_LEN + SIGNED_LEN])
{
    memcpy(out, domain, DOMAIN_LEN);
    memcpy(out + DOMAIN_LEN, raw, SIGNED_LEN);
    return mc_str_of(out, DOMAIN_LEN + SIGNED_LEN);
}

mc_code mc__refresh_make(mc__keys *keys, mc_arena *arena, mc_uuid session_id, mc_str *out,
                         mc_err *err)
{
    unsigned char raw[RAW_LEN], mac[MC__SHA256_LEN];
    char message[DOMAIN_LEN + SIGNED_LEN];
    mc_buf text;
    mc_code rc;

    memcpy(raw, session_id.bytes, sizeof(session_id.bytes));
    rc = mc_random_bytes(raw + sizeof(session_id.bytes), NONCE_LEN, err);
    if (rc == MC_OK)
        rc = mc__keys_sign(keys, message_of(raw, message), mac, err);
    if (rc == MC_OK) {
        memcpy(raw + SIGNED_LEN, mac, MAC_LEN);
        mc_buf_init_arena(&text, arena, 0);
        mc_base64url_write(&text, mc_str_of((const char *)raw, sizeof(raw)));
        rc = mc_buf_check(&text, "refresh token", err);
    }
    if (rc == MC_OK)
        *out = mc_buf_get(&text);
    mc_wipe(raw, sizeof(raw));
    mc_wipe(message, sizeof(message));
    return rc;
}

mc_code mc__refresh_parse(mc__keys *keys, mc_arena *arena, mc_str token, mc_uuid *out_session_id,
                          mc_err *err)
{
    char message[DOMAIN_LEN + SIGNED_LEN];
    bool is_ours = false;
    mc_str raw;
    mc_code rc;

    if (token.len != TEXT_LEN || !mc_base64url_parse(arena, token, &raw) || raw.len != RAW_LEN)
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_EXPIRED);
    rc = mc__keys_verify(keys, message_of((const unsigned char *)raw.ptr, message),
                         mc_str_slice(raw, SIGNED_LEN, RAW_LEN), &is_ours, err);
    mc_wipe(message, sizeof(message));
    if (rc != MC_OK)
        return rc;
    if (!is_ours)
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_EXPIRED);
    memcpy(out_session_id->bytes, raw.ptr, sizeof(out_session_id->bytes));
    return MC_OK;
}
