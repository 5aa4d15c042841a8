/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/request_signature.h"

#include "metacore/security/digest.h"

#define V1_PREFIX "sha256="
#define V2_PREFIX "v2="
#define V2_TAG "metacore-request-v2"

static mc_str path_of(const mc_signed_request *request)
{
    return request->path.len ? request->path : MC_STR("/");
}

static mc_code write_body_digest(const mc_signed_request *request, mc_buf *text, mc_err *err)
{
    mc_sha256 digest;
    char hex[MC_SHA256_HEX];
    mc_code rc = mc_sha256_of(request->body, &digest, err);

    if (rc != MC_OK)
        return rc;
    mc_sha256_hex(&digest, hex);
    mc_buf_bytes(text, hex, sizeof(hex));
    return MC_OK;
}

static mc_code write_v1(const mc_signed_request *request, mc_buf *text, mc_err *err)
{
    mc_buf_str(text, request->timestamp);
    mc_buf_char(text, '.');
    mc_buf_str(text, request->method);
    mc_buf_char(text, '.');
    mc_buf_str(text, path_of(request));
    mc_buf_char(text, '.');
    if (request->nonce.len) {
        mc_buf_str(text, request->nonce);
        mc_buf_char(text, '.');
    }
    return write_body_digest(request, text, err);
}

static mc_code write_v2(const mc_signed_request *request, mc_buf *text, mc_err *err)
{
    const mc_str lines[] = {MC_STR(V2_TAG),           request->timestamp, request->nonce,
                            request->method,          path_of(request),   request->event,
                            request->installation_id, request->tenant};
    mc_code rc;

    if (request->nonce.len == 0)
        return mc_fail(err, MC_INVALID, "security: a request of version 2 has a nonce");
    for (size_t i = 0; i < MC_LEN(lines); i++) {
        if (mc_str_find_char(lines[i], 0, '\n') < lines[i].len)
            return mc_fail(err, MC_INVALID, "security: a line feed in what is to be signed");
        mc_buf_str(text, lines[i]);
        mc_buf_char(text, '\n');
    }
    rc = write_body_digest(request, text, err);
    mc_buf_char(text, '\n');
    return rc;
}

static mc_code sign(mc_str secret, const mc_signed_request *request, bool is_v2, mc_buf *out,
                    mc_err *err)
{
    char hex[MC_SHA256_HEX];
    mc_sha256 mac;
    mc_buf text;
    mc_code rc;

    mc_buf_init(&text, 0);
    rc = is_v2 ? write_v2(request, &text, err) : write_v1(request, &text, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&text, "security: signed text", err);
    if (rc == MC_OK)
        rc = mc_hmac_sha256(secret, mc_buf_get(&text), &mac, err);
    mc_buf_deinit(&text);
    if (rc != MC_OK)
        return rc;
    mc_sha256_hex(&mac, hex);
    mc_buf_str(out, is_v2 ? MC_STR(V2_PREFIX) : MC_STR(V1_PREFIX));
    mc_buf_bytes(out, hex, sizeof(hex));
    return mc_buf_check(out, "security: signature", err);
}

mc_code mc_request_sign_v1(mc_str secret, const mc_signed_request *request, mc_buf *out,
                           mc_err *err)
{
    return sign(secret, request, false, out, err);
}

mc_code mc_request_sign_v2(mc_str secret, const mc_signed_request *request, mc_buf *out,
                           mc_err *err)
{
    return sign(secret, request, true, out, err);
}

static mc_code check_time(mc_str timestamp, mc_time now, int64_t skew_s, mc_err *err)
{
    int64_t stated = 0, now_s = now / MC_TIME_US_PER_S;

    if (!mc_str_i64(timestamp, 0, INT64_MAX / MC_TIME_US_PER_S, &stated))
        return mc_fail(err, MC_UNAUTHENTICATED, "bad timestamp");
    if (stated > now_s + skew_s || stated < now_s - skew_s)
        return mc_fail(err, MC_UNAUTHENTICATED, "timestamp outside window");
    return MC_OK;
}

mc_code mc_request_verify(mc_str secret, const mc_signed_request *request, mc_str signature,
                          mc_time now, int64_t skew_s, mc_err *err)
{
    bool is_v2 = mc_str_starts_with(signature, MC_STR(V2_PREFIX)), is_equal;
    mc_err ignored;
    mc_buf ours;
    mc_code rc = check_time(request->timestamp, now, skew_s, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init(&ours, 0);
    rc = sign(secret, request, is_v2, &ours, &ignored);
    is_equal = rc == MC_OK && mc_str_eq_secret(mc_buf_get(&ours), signature);
    mc_buf_deinit(&ours);
    if (rc == MC_NO_MEMORY || rc == MC_INTERNAL)
        return mc_fail(err, rc, "security: signature");
    return is_equal ? MC_OK : mc_fail(err, MC_UNAUTHENTICATED, "signature mismatch");
}
