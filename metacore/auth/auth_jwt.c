/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7519 over RFC 7515's compact form, cut down to what we issue: HS256 and nothing else. */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/json.h"

/* {"alg":"HS256","typ":"JWT"} */
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
#define CLAIM_DEPTH_MAX 8
#define PAYLOAD_MAX ((size_t)MC_AUTH_TOKEN_MAX / 4 * 3)
#define SECONDS_MAX (INT64_MAX / MC_TIME_US_PER_S)

static mc_code unauthorized(mc_err *err)
{
    return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_MALFORMED);
}

/* What is malformed is nobody's; running out of memory is our trouble and says so. */
static mc_code refuse(mc_code rc, mc_err *err)
{
    return rc == MC_NO_MEMORY ? rc : unauthorized(err);
}

/* ---- writing ---- */

static void write_str_claim(mc_buf *out, const char *name, mc_str value)
{
    mc_buf_printf(out, ",\"%s\":", name);
    mc_json_write_str(out, value);
}

static void write_i64_claim(mc_buf *out, const char *name, int64_t value)
{
    mc_buf_printf(out, ",\"%s\":", name);
    mc_buf_i64(out, value);
}

static void write_uuid_claim(mc_buf *out, const char *name, mc_uuid id)
{
    char text[MC_UUID_TEXT_LEN];

    mc_uuid_format(id, text);
    write_str_claim(out, name, mc_str_of(text, sizeof(text)));
}

static void write_claims(const mc__jwt *jwt, mc_buf *out, const mc__claims *claims, mc_uuid jti)
{
    int64_t issued_s = claims->issued_at / MC_TIME_US_PER_S;

    mc_buf_lit(out, "{\"iss\":");
    mc_json_write_str(out, jwt->issuer);
    if (jwt->audience.len)
        write_str_claim(out, "aud", jwt->audience);
    write_i64_claim(out, "exp", claims->expires_at / MC_TIME_US_PER_S);
    write_i64_claim(out, "nbf", issued_s);
    write_i64_claim(out, "iat", issued_s);
    write_uuid_claim(out, "jti", jti);
    write_uuid_claim(out, "sub", claims->user_id);
    write_uuid_claim(out, "org", claims->org_id);
    if (claims->email.len)
        write_str_claim(out, "email", claims->email);
    if (claims->role.len)
        write_str_claim(out, "role", claims->role);
    write_uuid_claim(out, "sid", claims->session_id);
    write_i64_claim(out, "ver", claims->token_version);
    mc_buf_char(out, '}');
}

mc_code mc__jwt_sign(const mc__jwt *jwt, mc_arena *arena, const mc__claims *claims, mc_str *out,
                     mc_err *err)
{
    unsigned char mac[MC__SHA256_LEN];
    mc_buf payload, token;
    mc_uuid jti;
    mc_code rc = mc_uuid_v4(&jti, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&payload, arena, PAYLOAD_MAX);
    write_claims(jwt, &payload, claims, jti);
    rc = mc_buf_check(&payload, "token", err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&token, arena, 0);
    mc_buf_lit(&token, HEADER ".");
    mc_base64url_write(&token, mc_buf_get(&payload));
    rc = mc_buf_check(&token, "token", err);
    if (rc == MC_OK)
        rc = mc__keys_sign(jwt->keys, mc_buf_get(&token), mac, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(&token, '.');
    mc_base64url_write(&token, mc_str_of((const char *)mac, sizeof(mac)));
    rc = mc_buf_check(&token, "token", err);
    if (rc == MC_OK && token.len > MC_AUTH_TOKEN_MAX)
        rc = mc_fail(err, MC_INVALID, "auth: e-mail, role or issuer is too long for a token");
    if (rc == MC_OK)
        *out = mc_buf_get(&token);
    return rc;
}

/* ---- reading ---- */

typedef struct parts {
    mc_str header;
    mc_str payload;
    mc_str signature;
    mc_str message; /* header '.' payload */
} parts;

static bool split(mc_str token, parts *out)
{
    size_t first = mc_str_find_char(token, 0, '.');
    size_t second = first < token.len ? mc_str_find_char(token, first + 1, '.') : token.len;

    if (token.len > MC_AUTH_TOKEN_MAX || second >= token.len ||
        mc_str_find_char(token, second + 1, '.') < token.len)
        return false;
    out->header = mc_str_slice(token, 0, first);
    out->payload = mc_str_slice(token, first + 1, second);
    out->signature = mc_str_slice(token, second + 1, token.len);
    out->message = mc_str_slice(token, 0, second);
    return true;
}

static mc_code parse_object(mc_arena *arena, mc_str part, const mc_json **out, mc_err *err)
{
    mc_json_options options = {.depth_max = CLAIM_DEPTH_MAX};
    const mc_json *value;
    mc_str text;
    mc_code rc;

    if (!part.len || !mc_base64url_parse(arena, part, &text))
        return unauthorized(err);
    rc = mc_json_parse(arena, text, &options, &value, err);
    if (rc != MC_OK)
        return refuse(rc, err);
    if (value->kind != MC_JSON_OBJECT)
        return unauthorized(err);
    *out = value;
    return MC_OK;
}

/* alg is the attacker's to choose, so only one value is good (RFC 8725, section 3.1). */
static mc_code check_header(mc_arena *arena, mc_str part, mc_err *err)
{
    const mc_json *header = NULL, *type;
    mc_str alg = {NULL, 0}, typ = MC_STR("JWT");
    mc_code rc;

    if (mc_str_eq(part, MC_STR(HEADER)))
        return MC_OK;
    rc = parse_object(arena, part, &header, err);
    if (rc != MC_OK)
        return rc;
    type = mc_json_find(header, MC_STR("typ"));
    if (!mc_json_get_str(mc_json_find(header, MC_STR("alg")), &alg) ||
        !mc_str_eq(alg, MC_STR("HS256")) || (type && !mc_json_get_str(type, &typ)) ||
        !mc_str_eq_nocase(typ, MC_STR("JWT")) || mc_json_find(header, MC_STR("crit")))
        return unauthorized(err);
    return MC_OK;
}

static mc_code check_signature(const mc__jwt *jwt, mc_arena *arena, const parts *p, mc_err *err)
{
    bool is_ours = false;
    mc_str mac;
    mc_code rc;

    if (!mc_base64url_parse(arena, p->signature, &mac) || mac.len != MC__SHA256_LEN)
        return unauthorized(err);
    rc = mc__keys_verify(jwt->keys, p->message, mac, &is_ours, err);
    if (rc == MC_OK && !is_ours)
        rc = unauthorized(err);
    return rc;
}

static bool get_uuid(const mc_json *claims, mc_str name, mc_uuid *out)
{
    mc_str text;

    return mc_json_get_str(mc_json_find(claims, name), &text) && mc_uuid_parse(text, out);
}

static bool get_seconds(const mc_json *claims, mc_str name, mc_time *out)
{
    int64_t seconds;

    if (!mc_json_get_i64(mc_json_find(claims, name), 0, SECONDS_MAX, &seconds))
        return false;
    *out = seconds * MC_TIME_US_PER_S;
    return true;
}

/* A string, or an array that holds it (RFC 7519, section 4.1.3). */
static bool is_for(const mc_json *audience, mc_str wanted)
{
    mc_str text;

    if (mc_json_get_str(audience, &text))
        return mc_str_eq(text, wanted);
    if (!audience || audience->kind != MC_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < audience->as.array.count; i++)
        if (mc_json_get_str(audience->as.array.items[i], &text) && mc_str_eq(text, wanted))
            return true;
    return false;
}

/* Optional, but text when it is there. */
static bool get_text(const mc_json *claims, mc_str name, mc_str *out)
{
    const mc_json *value = mc_json_find(claims, name);

    return !value || mc_json_get_str(value, out);
}

static bool read_claims(const mc__jwt *jwt, const mc_json *claims, mc_time now, mc__claims *out)
{
    mc_str issuer = {NULL, 0}, jti = {NULL, 0};
    mc_time not_before = 0;

    if (!mc_json_get_str(mc_json_find(claims, MC_STR("iss")), &issuer) ||
        !mc_str_eq(issuer, jwt->issuer))
        return false;
    if (jwt->audience.len && !is_for(mc_json_find(claims, MC_STR("aud")), jwt->audience))
        return false;
    if (mc_json_find(claims, MC_STR("nbf")) &&
        (!get_seconds(claims, MC_STR("nbf"), &not_before) || now < not_before))
        return false;
    if (!get_seconds(claims, MC_STR("exp"), &out->expires_at) ||
        !mc_json_get_str(mc_json_find(claims, MC_STR("jti")), &jti) || !jti.len)
        return false;
    (void)get_seconds(claims, MC_STR("iat"), &out->issued_at); /* for people only */
    return get_uuid(claims, MC_STR("sub"), &out->user_id) && !mc_uuid_is_nil(out->user_id) &&
           get_uuid(claims, MC_STR("org"), &out->org_id) &&
           get_uuid(claims, MC_STR("sid"), &out->session_id) && !mc_uuid_is_nil(out->session_id) &&
           mc_json_get_i64(mc_json_find(claims, MC_STR("ver")), 0, INT64_MAX,
                           &out->token_version) &&
           get_text(claims, MC_STR("email"), &out->email) &&
           get_text(claims, MC_STR("role"), &out->role);
}

mc_code mc__jwt_verify(const mc__jwt *jwt, mc_arena *arena, mc_str token, mc_time now,
                       mc__claims *out, mc_err *err)
{
    mc__claims claims = {0};
    const mc_json *payload = NULL;
    parts p;
    mc_code rc;

    if (!split(token, &p))
        return unauthorized(err);
    rc = check_header(arena, p.header, err);
    if (rc == MC_OK)
        rc = check_signature(jwt, arena, &p, err);
    if (rc == MC_OK)
        rc = parse_object(arena, p.payload, &payload, err);
    if (rc != MC_OK)
        return rc;
    if (!read_claims(jwt, payload, now, &claims))
        return unauthorized(err);
    if (now >= claims.expires_at)
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_EXPIRED);
    *out = claims;
    return MC_OK;
}
