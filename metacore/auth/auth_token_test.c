/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: what is signed, what is refused, and with which words. */
#include "metacore/auth/auth_internal.h"
#include "metacore/auth/auth_test_internal.h"

#include "metacore/base/encode.h"

#define EXPIRED "Invalid or expired token"
#define MALFORMED "Unauthorized"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
/* A session that exists nowhere: a token may be perfect and yet nobody's. */
#define SUB "\"sub\":\"01935a40-0000-7000-8000-000000000001\","
#define ORG "\"org\":\"01935a40-0000-7000-8000-000000000002\","
#define SID "\"sid\":\"01935a40-0000-7000-8000-000000000003\",\"ver\":1"
#define LIFE "\"exp\":1795520400,\"nbf\":1795516800,\"jti\":\"x\","
#define GOOD "{\"iss\":\"metacore\"," LIFE SUB ORG SID "}"

typedef struct jwt_fixture {
    mc__jwt jwt;
    mc_arena *arena;
    mc_err err;
} jwt_fixture;

static bool jwt_setup(jwt_fixture *f)
{
    *f = (jwt_fixture){.arena = mc_arena_new(0), .jwt = {.issuer = MC_STR_INIT("metacore")}};
    return mc__keys_new(MC_STR(TEST_SECRET), (mc_strs){NULL, 0}, &f->jwt.keys, &f->err) == MC_OK;
}

static void jwt_teardown(jwt_fixture *f)
{
    mc__keys_free(f->jwt.keys);
    mc_arena_free(f->arena);
}

/* header and claims as given, signed as we do. */
static mc_str sign(jwt_fixture *f, const char *header, const char *claims)
{
    unsigned char mac[MC__SHA256_LEN];
    mc_buf out;

    mc_buf_init_arena(&out, f->arena, 0);
    mc_base64url_write(&out, mc_z(header));
    mc_buf_char(&out, '.');
    mc_base64url_write(&out, mc_z(claims));
    MC_EXPECT_OK(mc__keys_sign(f->jwt.keys, mc_buf_get(&out), mac, &f->err), &f->err);
    mc_buf_char(&out, '.');
    mc_base64url_write(&out, mc_str_of((const char *)mac, sizeof(mac)));
    return mc_buf_get(&out);
}

static const struct {
    const char *name, *header, *claims;
    const char *message; /* NULL: good */
} signed_cases[] = {
    {"as we sign it", HEADER, GOOD, NULL},
    {"W20: without typ", "{\"alg\":\"HS256\"}", GOOD, NULL},
    {"typ in lower case", "{\"typ\":\"jwt\",\"alg\":\"HS256\"}", GOOD, NULL},
    {"a key id is left alone", "{\"alg\":\"HS256\",\"kid\":\"1\"}", GOOD, NULL},
    {"alg none", "{\"alg\":\"none\"}", GOOD, MALFORMED},
    {"W20: alg HS384", "{\"alg\":\"HS384\",\"typ\":\"JWT\"}", GOOD, MALFORMED},
    {"W20: alg HS512", "{\"alg\":\"HS512\",\"typ\":\"JWT\"}", GOOD, MALFORMED},
    {"alg RS256", "{\"alg\":\"RS256\"}", GOOD, MALFORMED},
    {"alg in lower case", "{\"alg\":\"hs256\"}", GOOD, MALFORMED},
    {"alg is no text", "{\"alg\":1}", GOOD, MALFORMED},
    {"alg twice", "{\"alg\":\"none\",\"alg\":\"HS256\"}", GOOD, MALFORMED},
    {"no alg", "{\"typ\":\"JWT\"}", GOOD, MALFORMED},
    {"another typ", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", GOOD, MALFORMED},
    {"an extension that must be understood", "{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", GOOD,
     MALFORMED},
    {"a header that is no object", "[]", GOOD, MALFORMED},
    {"claims that are no object", HEADER, "[]", MALFORMED},
    {"claims that are no JSON", HEADER, "{", MALFORMED},
    {"a claim twice", HEADER, "{\"iss\":\"x\",\"iss\":\"metacore\"," LIFE SUB ORG SID "}",
     MALFORMED},
    {"claims nested without end", HEADER,
     "{\"iss\":\"metacore\"," LIFE SUB ORG SID ",\"x\":[[[[[[[[[[1]]]]]]]]]]}", MALFORMED},
    {"W20: no exp", HEADER, "{\"iss\":\"metacore\",\"jti\":\"x\"," SUB ORG SID "}", MALFORMED},
    {"exp as text", HEADER,
     "{\"iss\":\"metacore\",\"exp\":\"1795520400\",\"jti\":\"x\"," SUB ORG SID "}", MALFORMED},
    {"exp past all time", HEADER,
     "{\"iss\":\"metacore\",\"exp\":9223372036854775807,\"jti\":\"x\"," SUB ORG SID "}", MALFORMED},
    {"exp negative", HEADER, "{\"iss\":\"metacore\",\"exp\":-1,\"jti\":\"x\"," SUB ORG SID "}",
     MALFORMED},
    {"exp over", HEADER, "{\"iss\":\"metacore\",\"exp\":1795516799,\"jti\":\"x\"," SUB ORG SID "}",
     EXPIRED},
    {"exp is the first moment that is too late", HEADER,
     "{\"iss\":\"metacore\",\"exp\":1795516800,\"jti\":\"x\"," SUB ORG SID "}", EXPIRED},
    {"nbf ahead", HEADER,
     "{\"iss\":\"metacore\",\"exp\":1795520400,\"nbf\":1795516801,\"jti\":\"x\"," SUB ORG SID "}",
     MALFORMED},
    {"nbf no number", HEADER,
     "{\"iss\":\"metacore\",\"exp\":1795520400,\"nbf\":\"x\",\"jti\":\"x\"," SUB ORG SID "}",
     MALFORMED},
    {"W20: another issuer", HEADER, "{\"iss\":\"other\"," LIFE SUB ORG SID "}", MALFORMED},
    {"W20: no issuer", HEADER, "{" LIFE SUB ORG SID "}", MALFORMED},
    {"no jti", HEADER, "{\"iss\":\"metacore\",\"exp\":1795520400," SUB ORG SID "}", MALFORMED},
    {"no sub", HEADER, "{\"iss\":\"metacore\"," LIFE ORG SID "}", MALFORMED},
    {"W22: a nil sub", HEADER,
     "{\"iss\":\"metacore\"," LIFE "\"sub\":\"00000000-0000-0000-0000-000000000000\"," ORG SID "}",
     MALFORMED},
    {"sub is no UUID", HEADER, "{\"iss\":\"metacore\"," LIFE "\"sub\":\"1\"," ORG SID "}",
     MALFORMED},
    {"no org", HEADER, "{\"iss\":\"metacore\"," LIFE SUB SID "}", MALFORMED},
    {"no sid", HEADER, "{\"iss\":\"metacore\"," LIFE SUB ORG "\"ver\":1}", MALFORMED},
    {"a nil sid", HEADER,
     "{\"iss\":\"metacore\"," LIFE SUB ORG
     "\"sid\":\"00000000-0000-0000-0000-000000000000\",\"ver\":1}",
     MALFORMED},
    {"no ver", HEADER,
     "{\"iss\":\"metacore\"," LIFE SUB ORG "\"sid\":\"01935a40-0000-7000-8000-000000000003\"}",
     MALFORMED},
    {"ver is no integer", HEADER,
     "{\"iss\":\"metacore\"," LIFE SUB ORG
     "\"sid\":\"01935a40-0000-7000-8000-000000000003\",\"ver\":1.5}",
     MALFORMED},
    {"role is no text", HEADER, "{\"iss\":\"metacore\",\"role\":1," LIFE SUB ORG SID "}",
     MALFORMED},
};

MC_TEST("W20: a well-signed token is good only with every claim of ours, HS256, and in its time")
{
    jwt_fixture f;

    MC_REQUIRE(jwt_setup(&f));
    for (size_t i = 0; i < MC_LEN(signed_cases); i++) {
        mc_str token = sign(&f, signed_cases[i].header, signed_cases[i].claims);
        mc__claims claims;
        mc_code rc = mc__jwt_verify(&f.jwt, f.arena, token, TEST_NOW, &claims, &f.err);

        MC_CASE(signed_cases[i].name);
        MC_EXPECT_EQ(rc, signed_cases[i].message ? MC_UNAUTHENTICATED : MC_OK);
        if (signed_cases[i].message)
            MC_EXPECT_Z(mc_z(f.err.msg), signed_cases[i].message);
    }
    jwt_teardown(&f);
}

MC_TEST("a token that was touched anywhere is nobody's")
{
    jwt_fixture f;
    mc__claims claims;
    mc_str good, other;
    char *work;

    MC_REQUIRE(jwt_setup(&f));
    good = sign(&f, HEADER, GOOD);
    for (size_t i = 0; i < good.len; i++) {
        work = mc_str_z(f.arena, good);
        work[i] = work[i] == 'A' ? 'B' : 'A';
        MC_EXPECT_EQ(
            mc__jwt_verify(&f.jwt, f.arena, mc_str_of(work, good.len), TEST_NOW, &claims, &f.err),
            MC_UNAUTHENTICATED);
    }
    for (size_t len = 0; len < good.len; len++)
        MC_EXPECT_EQ(
            mc__jwt_verify(&f.jwt, f.arena, mc_str_slice(good, 0, len), TEST_NOW, &claims, &f.err),
            MC_UNAUTHENTICATED);
    MC_CASE("parts swapped");
    other = sign(&f, HEADER, "{\"iss\":\"metacore\",\"x\":1," LIFE SUB ORG SID "}");
    work = mc_str_z(f.arena, mc_str_printf(f.arena, "%.*s%.*s", (int)(good.len - 43), good.ptr, 43,
                                           other.ptr + other.len - 43));
    MC_EXPECT_EQ(mc__jwt_verify(&f.jwt, f.arena, mc_z(work), TEST_NOW, &claims, &f.err),
                 MC_UNAUTHENTICATED);
    MC_CASE("too much around it");
    static const char *const around[] = {"%.*s.", ".%.*s", "%.*s=", " %.*s", "%.*s.x"};
    for (size_t i = 0; i < MC_LEN(around); i++) {
        mc_buf text;

        mc_buf_init_arena(&text, f.arena, 0);
        for (const char *c = around[i]; *c; c++) {
            if (c[0] == '%') {
                mc_buf_str(&text, good);
                c += 3;
            } else {
                mc_buf_char(&text, *c);
            }
        }
        MC_EXPECT_EQ(mc__jwt_verify(&f.jwt, f.arena, mc_buf_get(&text), TEST_NOW, &claims, &f.err),
                     MC_UNAUTHENTICATED);
    }
    jwt_teardown(&f);
}

MC_TEST("what is signed reads back, claims in the documented order")
{
    mc__claims in = {.user_id = {{1}},
                     .org_id = {{2}},
                     .session_id = {{3}},
                     .token_version = 4,
                     .issued_at = TEST_NOW + 999999,
                     .expires_at = TEST_NOW + 3600000000 + 999999,
                     .email = MC_STR("a@b.co"),
                     .role = MC_STR("owner")};
    static const char *const order[] = {"iss", "exp",   "nbf",  "iat", "jti", "sub",
                                        "org", "email", "role", "sid", "ver"};
    mc__claims out;
    jwt_fixture f;
    mc_str token, payload;
    size_t at = 0;

    MC_REQUIRE(jwt_setup(&f));
    MC_REQUIRE_OK(mc__jwt_sign(&f.jwt, f.arena, &in, &token, &f.err), &f.err);
    MC_REQUIRE_OK(mc__jwt_verify(&f.jwt, f.arena, token, TEST_NOW + MC_TIME_US_PER_S, &out, &f.err),
                  &f.err);
    MC_EXPECT(mc_uuid_eq(out.user_id, in.user_id) && mc_uuid_eq(out.org_id, in.org_id) &&
              mc_uuid_eq(out.session_id, in.session_id));
    MC_EXPECT_EQ(out.expires_at, TEST_NOW + 3600000000);
    MC_EXPECT_EQ(out.token_version, 4);
    MC_EXPECT_Z(out.role, "owner");
    MC_EXPECT(mc_str_starts_with(token, MC_STR("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")));
    token = mc_str_slice(token, 37, mc_str_find_char(token, 37, '.'));
    MC_REQUIRE(mc_base64url_parse(f.arena, token, &payload));
    for (size_t i = 0; i < MC_LEN(order); i++) {
        mc_str key = mc_str_printf(f.arena, "\"%s\":", order[i]);
        size_t found = mc_str_find(payload, key);

        MC_CASE(order[i]);
        MC_EXPECT(found < payload.len && found >= at);
        at = found;
    }
    jwt_teardown(&f);
}

MC_TEST("an audience is asked for when it is configured, as text or in a list")
{
    static const struct {
        const char *claims;
        bool is_good;
    } cases[] = {
        {"{\"iss\":\"metacore\",\"aud\":\"web\"," LIFE SUB ORG SID "}", true},
        {"{\"iss\":\"metacore\",\"aud\":[\"app\",\"web\"]," LIFE SUB ORG SID "}", true},
        {"{\"iss\":\"metacore\",\"aud\":\"app\"," LIFE SUB ORG SID "}", false},
        {"{\"iss\":\"metacore\",\"aud\":[1]," LIFE SUB ORG SID "}", false},
        {GOOD, false},
    };
    jwt_fixture f;

    MC_REQUIRE(jwt_setup(&f));
    f.jwt.audience = MC_STR("web");
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc__claims claims;

        MC_CASE(cases[i].claims);
        MC_EXPECT_EQ(mc__jwt_verify(&f.jwt, f.arena, sign(&f, HEADER, cases[i].claims), TEST_NOW,
                                    &claims, &f.err) == MC_OK,
                     cases[i].is_good);
    }
    jwt_teardown(&f);
}

MC_TEST("an old secret still verifies and no longer signs; a foreign one does neither")
{
    static const mc_str old[] = {MC_STR_INIT(TEST_SECRET)};
    mc__jwt rotated = {.issuer = MC_STR("metacore")}, foreign = rotated;
    mc__claims claims;
    jwt_fixture f;
    mc_str before, after;

    MC_REQUIRE(jwt_setup(&f));
    MC_REQUIRE_OK(mc__keys_new(MC_STR("another secret of thirty-two byte"), (mc_strs){old, 1},
                               &rotated.keys, &f.err),
                  &f.err);
    MC_REQUIRE_OK(mc__keys_new(MC_STR("a third one, which nobody here has"), (mc_strs){NULL, 0},
                               &foreign.keys, &f.err),
                  &f.err);
    before = sign(&f, HEADER, GOOD);
    MC_EXPECT_OK(mc__jwt_verify(&rotated, f.arena, before, TEST_NOW, &claims, &f.err), &f.err);
    MC_EXPECT_EQ(mc__jwt_verify(&foreign, f.arena, before, TEST_NOW, &claims, &f.err),
                 MC_UNAUTHENTICATED);
    claims.expires_at = TEST_NOW + 3600 * MC_TIME_US_PER_S;
    MC_REQUIRE_OK(mc__jwt_sign(&rotated, f.arena, &claims, &after, &f.err), &f.err);
    MC_EXPECT_EQ(mc__jwt_verify(&f.jwt, f.arena, after, TEST_NOW + 1, &claims, &f.err),
                 MC_UNAUTHENTICATED);
    mc__keys_free(rotated.keys);
    mc__keys_free(foreign.keys);
    jwt_teardown(&f);
}

MC_TEST("W20: a secret of fewer than 32 bytes makes no service")
{
    mc_auth_config config = auth_config();
    auth_fixture f;

    config.jwt_secret = MC_STR("0123456789abcdef0123456789abcde");
    MC_EXPECT(!auth_setup_with(&f, config));
    MC_EXPECT_EQ(f.err.code, MC_INVALID);
    auth_teardown(&f);
}

/* ---- the request's token ---- */

static mc_code authenticate(auth_fixture *f, const char *header, const char *query, uint32_t flags)
{
    mc_header headers[] = {{MC_STR("authorization"), mc_z(header)}};
    mc_message message = {.method = MC_STR("GET"),
                          .path = MC_STR("/x"),
                          .query = mc_z(query),
                          .headers = headers,
                          .header_count = header ? 1 : 0};
    mc_http_route route = {.flags = flags};
    mc_http_req req;
    mc_code rc;

    mc_http_req_init(&req, &message, f->arena);
    req.match.route = &route;
    rc = mc_auth_authenticate(f->auth, &req, &f->err);
    f->ctx.who = req.ctx.who;
    return rc;
}

MC_TEST("W20: the token is the Authorization header's, and the query's only where a route says so")
{
    static const struct {
        const char *name, *header, *query;
        uint32_t flags;
        const char *message; /* NULL: good; %T is the token */
    } cases[] = {
        {"bearer", "Bearer %T", "", 0, NULL},
        {"any case", "bEARER   %T", "", 0, NULL},
        {"the whole value", "%T", "", 0, NULL},
        {"nothing", NULL, "", 0, EXPIRED},
        {"an empty header", "", "", 0, EXPIRED},
        {"a scheme alone", "Bearer ", "", 0, EXPIRED},
        {"another scheme", "Basic dXNlcjpwYXNz", "", 0, MALFORMED},
        {"a query on an ordinary route", NULL, "token=%T", 0, EXPIRED},
        {"a query where it may be", NULL, "a=1&token=%T", MC_HTTP_QUERY_TOKEN, NULL},
        {"a header wins over a query", "Bearer x", "token=%T", MC_HTTP_QUERY_TOKEN, MALFORMED},
        {"an empty scheme does not open the query", "Bearer", "token=%T", MC_HTTP_QUERY_TOKEN,
         EXPIRED},
    };
    auth_fixture f;
    mc_auth_grant ann;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str text[2] = {mc_z(cases[i].header), mc_z(cases[i].query)};
        mc_code rc;

        for (size_t j = 0; j < 2; j++) {
            size_t at = mc_str_find(text[j], MC_STR("%T"));

            if (at < text[j].len)
                text[j] =
                    mc_str_printf(f.arena, "%.*s%.*s", (int)at, text[j].ptr, MC_FMT(ann.token));
        }
        rc = authenticate(&f, cases[i].header ? mc_str_z(f.arena, text[0]) : NULL,
                          mc_str_z(f.arena, text[1]), cases[i].flags);
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(rc, cases[i].message ? MC_UNAUTHENTICATED : MC_OK);
        if (cases[i].message)
            MC_EXPECT_Z(mc_z(f.err.msg), cases[i].message);
        else
            MC_EXPECT(mc_uuid_eq(f.ctx.who.user_id, ann.user.id) &&
                      mc_uuid_eq(f.ctx.who.org_id, ann.organization.id));
    }
    auth_teardown(&f);
}

MC_TEST("two Authorization headers are none")
{
    auth_fixture f;
    mc_auth_grant ann;
    mc_header headers[2];
    mc_message message = {
        .method = MC_STR("GET"), .path = MC_STR("/x"), .headers = headers, .header_count = 2};
    mc_http_req req;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    headers[0] = headers[1] = (mc_header){MC_STR("authorization"), ann.token};
    mc_http_req_init(&req, &message, f.arena);
    MC_EXPECT_EQ(mc_auth_authenticate(f.auth, &req, &f.err), MC_UNAUTHENTICATED);
    auth_teardown(&f);
}

MC_TEST("W22: a user without organization is refused, but where a route allows it")
{
    auth_fixture f;
    mc_auth_grant ann;
    const char *token;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT_OK(auth_sql(&f, "UPDATE users SET organization_id ="
                              " '00000000-0000-0000-0000-000000000000';"),
                 &f.err);
    MC_CASE("the old token names another organization");
    MC_EXPECT_EQ(authenticate(&f, mc_str_z(f.arena, ann.token), "", MC_HTTP_NO_ORG),
                 MC_UNAUTHENTICATED);
    MC_EXPECT_OK(mc_auth_login(f.auth, &f.ctx, MC_STR("ann@example.com"), MC_STR("long-enough"),
                               MC_STR(""), &ann, &f.err),
                 &f.err);
    MC_EXPECT(mc_uuid_is_nil(ann.organization.id));
    token = mc_str_z(f.arena, ann.token);
    MC_CASE("a new one");
    MC_EXPECT_EQ(authenticate(&f, token, "", 0), MC_UNAUTHENTICATED);
    MC_EXPECT(mc_uuid_is_nil(f.ctx.who.user_id));
    MC_EXPECT_EQ(authenticate(&f, token, "", MC_HTTP_NO_ORG), MC_OK);
    auth_teardown(&f);
}

/* ---- the account of now ---- */

MC_TEST("W20: role and e-mail are the account's of now, not the token's")
{
    auth_fixture f;
    mc_auth_grant ann;
    mc_ctx ctx;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    ctx = f.ctx;
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
    MC_EXPECT_Z(ctx.who.role, "owner");
    MC_EXPECT_OK(mc_auth_set_role(f.auth, &f.ctx, ann.user.id, MC_STR(" Agent "), &f.err), &f.err);
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
    MC_EXPECT_Z(ctx.who.role, "agent");
    MC_CASE("changed past the service: after the time to live, or when told");
    MC_EXPECT_OK(auth_sql(&f, "UPDATE users SET role = 'admin';"), &f.err);
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
    MC_EXPECT_Z(ctx.who.role, "agent");
    auth_clock_advance(30 * MC_TIME_US_PER_S);
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
    MC_EXPECT_Z(ctx.who.role, "admin");
    MC_EXPECT_OK(auth_sql(&f, "UPDATE users SET role = 'guest';"), &f.err);
    mc_auth_invalidate_user(f.auth, ann.user.id);
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
    MC_EXPECT_Z(ctx.who.role, "guest");
    auth_teardown(&f);
}

/* ---- what outlives a request ---- */

typedef struct told {
    int count;
    mc_uuid user_id, session_id;
} told;

static told last_told;

static void note_change(void *user, mc_uuid user_id, mc_uuid session_id)
{
    (void)user;
    last_told = (told){last_told.count + 1, user_id, session_id};
}

MC_TEST("somebody's end and change are told when asking again already answers so")
{
    mc_auth_config config = auth_config();
    auth_fixture f;
    mc_auth_grant ann;
    mc_ctx ctx;
    mc_time ends_at = 0;

    config.on_changed = note_change;
    MC_REQUIRE(auth_setup_with(&f, config));
    ann = auth_person(&f, "Ann", "ann@example.com");
    ctx = f.ctx;
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, &ends_at, &f.err), &f.err);
    MC_EXPECT_EQ(ctx.who.token_expires_at, ends_at);
    last_told = (told){0};
    MC_EXPECT_OK(mc_auth_set_role(f.auth, &f.ctx, ann.user.id, MC_STR("agent"), &f.err), &f.err);
    MC_EXPECT_EQ(last_told.count, 1);
    MC_EXPECT(mc_uuid_eq(last_told.user_id, ann.user.id));
    MC_EXPECT(mc_uuid_is_nil(last_told.session_id));
    MC_EXPECT_OK(mc_auth_reload(f.auth, &ctx, &f.err), &f.err);
    MC_EXPECT_Z(ctx.who.role, "agent");
    MC_EXPECT_OK(mc_auth_logout(f.auth, &ctx, &f.err), &f.err);
    MC_EXPECT_EQ(last_told.count, 2);
    MC_EXPECT(mc_uuid_eq(last_told.session_id, ctx.who.session_id));
    MC_EXPECT_EQ(mc_auth_reload(f.auth, &ctx, &f.err), MC_UNAUTHENTICATED);
    ctx.who.user_id = (mc_uuid){{1}};
    MC_EXPECT_EQ(mc_auth_reload(f.auth, &ctx, &f.err), MC_UNAUTHENTICATED);
    auth_teardown(&f);
}

MC_TEST("W20: a new password, a disabled, deleted or orphaned account end its tokens at once")
{
    static const struct {
        const char *name, *sql;
    } cases[] = {
        {"a new password", NULL},
        {"disabled", ""},
        {"deleted", "UPDATE users SET deleted_at = '2026-01-01T00:00:00.000000Z';"},
        {"its organization deleted",
         "UPDATE organizations SET deleted_at = '2026-01-01T00:00:00.000000Z';"},
        {"moved to another organization",
         "UPDATE users SET organization_id = '01935a40-0000-7000-8000-000000000009';"},
        {"another token version", "UPDATE users SET token_version = 7;"},
        {"the session gone", "DELETE FROM auth_sessions;"},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        auth_fixture f;
        mc_auth_grant ann;
        mc_ctx ctx;

        MC_CASE(cases[i].name);
        MC_REQUIRE(auth_setup(&f));
        ann = auth_person(&f, "Ann", "ann@example.com");
        ctx = f.ctx;
        MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
        if (!cases[i].sql) {
            MC_EXPECT_OK(
                mc_auth_set_password(f.auth, &f.ctx, ann.user.id, MC_STR("new-enough"), &f.err),
                &f.err);
        } else if (!cases[i].sql[0]) {
            MC_EXPECT_OK(mc_auth_set_disabled(f.auth, &f.ctx, ann.user.id, true, &f.err), &f.err);
        } else {
            MC_EXPECT_OK(auth_sql(&f, cases[i].sql), &f.err);
            mc_auth_invalidate_user(f.auth, ann.user.id);
        }
        MC_EXPECT_EQ(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err),
                     MC_UNAUTHENTICATED);
        MC_EXPECT_Z(mc_z(f.err.msg), EXPIRED);
        auth_teardown(&f);
    }
}

MC_TEST("a token that was good before is held against its every byte, not its beginning or length")
{
    auth_fixture f;
    mc_auth_grant ann;
    mc_ctx ctx;
    char *copy;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    ctx = f.ctx;
    copy = mc_str_z(f.arena, ann.token);
    for (size_t i = 0; i < ann.token.len; i++) {
        MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, ann.token, NULL, &f.err), &f.err);
        copy[i] ^= 1;
        MC_EXPECT_EQ(
            mc_auth_authenticate_token(f.auth, &ctx, mc_str_of(copy, ann.token.len), NULL, &f.err),
            MC_UNAUTHENTICATED);
        copy[i] ^= 1;
    }
    MC_EXPECT_EQ(mc_auth_authenticate_token(
                     f.auth, &ctx, mc_str_slice(ann.token, 0, ann.token.len - 1), NULL, &f.err),
                 MC_UNAUTHENTICATED);
    auth_teardown(&f);
}

MC_TEST("a token expires by the clock, also when its session is cached")
{
    mc_auth_config config = auth_config();
    auth_fixture f;
    mc_auth_grant ann;
    mc_time expires_at = 0;

    config.access_ttl_s = 60;
    MC_REQUIRE(auth_setup_with(&f, config));
    ann = auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &f.ctx, ann.token, &expires_at, &f.err),
                 &f.err);
    MC_EXPECT_EQ(expires_at, TEST_NOW + 60 * MC_TIME_US_PER_S);
    auth_clock_advance(59999999);
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &f.ctx, ann.token, NULL, &f.err), &f.err);
    auth_clock_advance(1);
    MC_EXPECT_EQ(mc_auth_authenticate_token(f.auth, &f.ctx, ann.token, NULL, &f.err),
                 MC_UNAUTHENTICATED);
    MC_EXPECT_Z(mc_z(f.err.msg), EXPIRED);
    auth_teardown(&f);
}

MC_TEST("more sessions than are kept in memory are still all good")
{
    mc_auth_config config = auth_config();
    mc_auth_grant grants[150];
    auth_fixture f;

    config.principal_entries = 1;
    MC_REQUIRE(auth_setup_with(&f, config));
    for (size_t i = 0; i < MC_LEN(grants); i++) {
        char email[32];

        mc_str text = mc_str_printf(f.arena, "ann%zu@example.com", i);
        memcpy(email, text.ptr, text.len);
        email[text.len] = '\0';
        grants[i] = auth_person(&f, "Ann", email);
    }
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < MC_LEN(grants); i++) {
            mc_ctx ctx = {.arena = f.arena};

            MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &ctx, grants[i].token, NULL, &f.err),
                         &f.err);
            MC_EXPECT(mc_uuid_eq(ctx.who.user_id, grants[i].user.id));
        }
    auth_teardown(&f);
}
