/* SPDX-License-Identifier: Apache-2.0 */
/* The six routes, as a client sees them. */
#include "metacore/auth/auth_test_internal.h"

#define ANN "{\"name\":\"Ann\",\"email\":\"ann@example.com\",\"password\":\"long-enough\"}"
#define ANN_LOGIN "{\"email\":\"ann@example.com\",\"password\":\"long-enough\"}"

static const char *body_of(auth_fixture *f, const char *name, const char *value)
{
    return mc_str_z(f->arena, mc_str_printf(f->arena, "{\"%s\":\"%s\"}", name, value));
}

static bool body_has(auth_fixture *f, const char *text)
{
    return mc_str_find(f->body, mc_z(text)) < f->body.len;
}

/* ---- what is answered ---- */

MC_TEST("registering, signing in, being somebody and signing out answer as documented")
{
    auth_fixture f;
    const char *token;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, ANN), 201);
    MC_EXPECT(body_has(&f, "{\"data\":{\"user\":{\"id\":\""));
    MC_EXPECT(body_has(&f, "\"name\":\"Ann\",\"email\":\"ann@example.com\",\"role\":\"owner\""));
    MC_EXPECT(body_has(&f, "\"name\":\"Ann's Organization\",\"slug\":\"anns-organization\""));
    MC_EXPECT(body_has(&f, "\"expires_at\":\"2026-11-25T"));
    MC_EXPECT(body_has(&f, "},\"success\":true}"));
    MC_EXPECT(!body_has(&f, "hash") && !body_has(&f, "argon2"));
    MC_EXPECT_Z(f.cache_control, "no-store");

    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL, ANN_LOGIN), 200);
    MC_EXPECT_Z(f.cache_control, "no-store");
    MC_EXPECT(body_has(&f, "\"last_login_at\":\"2026-11-24T"));
    token = auth_field(&f, "token");
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 200);
    MC_EXPECT_Z(mc_z(auth_field(&f, "email")), "ann@example.com");
    MC_EXPECT(!body_has(&f, "avatar") && !body_has(&f, "created_by_id") && !body_has(&f, "hash"));

    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/logout", token, "{}"), 200);
    MC_EXPECT_Z(f.body, "{\"message\":\"Logged out successfully\",\"success\":true}");
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 401);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/logout", token, "{}"), 401);
    auth_teardown(&f);
}

static const struct {
    const char *name, *path, *type, *body;
    int status;
    const char *message;
} refusals[] = {
    {"no JSON", "/auth/login", "application/json", "{", 400, "Invalid request format"},
    {"nothing", "/auth/login", "application/json", "", 400, "Invalid request format"},
    {"W1: null", "/auth/login", "application/json", "null", 400, "Invalid request format"},
    {"no object", "/auth/login", "application/json", "[]", 400, "Invalid request format"},
    {"a number for a password", "/auth/login", "application/json",
     "{\"email\":\"ann@example.com\",\"password\":12345678}", 400, "Invalid request format"},
    {"one key in two cases", "/auth/login", "application/json",
     "{\"email\":\"ann@example.com\",\"EMAIL\":\"bob@example.com\",\"password\":\"x\"}", 400,
     "Invalid request format"},
    {"no password", "/auth/login", "application/json", "{\"email\":\"ann@example.com\"}", 400,
     "Required fields missing"},
    {"an empty address", "/auth/login", "application/json", "{\"email\":\" \",\"password\":\"x\"}",
     400, "Required fields missing"},
    {"null is nothing", "/auth/login", "application/json", "{\"email\":null,\"password\":\"x\"}",
     400, "Required fields missing"},
    {"a wrong password", "/auth/login", "application/json",
     "{\"email\":\"ann@example.com\",\"password\":\"wrong-password\"}", 401, "Invalid credentials"},
    {"W5: an unknown account", "/auth/login", "application/json",
     "{\"email\":\"bob@example.com\",\"password\":\"wrong-password\"}", 401, "Invalid credentials"},
    {"no address at all", "/auth/login", "application/json",
     "{\"email\":\"' OR 1=1 --\",\"password\":\"wrong-password\"}", 401, "Invalid credentials"},
    {"W38: a form", "/auth/login", "application/x-www-form-urlencoded",
     "email=ann@example.com&password=long-enough", 415, ""},
    {"W1: CBOR", "/auth/login", "application/cbor", "\xa0", 415, ""},
    {"W1: msgpack", "/auth/register", "application/vnd.msgpack", "\x80", 415, ""},
    {"no type", "/auth/login", NULL, ANN_LOGIN, 415, ""},
    {"no name", "/auth/register", "application/json",
     "{\"email\":\"b@example.com\",\"password\":\"long-enough\"}", 400, "Required fields missing"},
    {"role of another kind", "/auth/register", "application/json",
     "{\"name\":\"B\",\"email\":\"b@example.com\",\"password\":\"long-enough\",\"role\":1}", 400,
     "Invalid request format"},
    {"extra of another kind", "/auth/register", "application/json",
     "{\"name\":\"B\",\"email\":\"b@example.com\",\"password\":\"long-enough\",\"extra\":[]}", 400,
     "Invalid request format"},
    {"somebody who is there", "/auth/register", "application/json", ANN, 409,
     "User already exists"},
    {"W5: the same in capitals", "/auth/register", "application/json",
     "{\"name\":\"A\",\"email\":\" ANN@Example.com\",\"password\":\"long-enough\"}", 409,
     "User already exists"},
    {"no address", "/auth/register", "application/json",
     "{\"name\":\"B\",\"email\":\"not-an-address\",\"password\":\"long-enough\"}", 422,
     "This is not an e-mail address"},
    {"a short password", "/auth/register", "application/json",
     "{\"name\":\"B\",\"email\":\"b@example.com\",\"password\":\"1234567\"}", 422,
     "The password needs at least 8 characters"},
    {"eight bytes are not eight characters", "/auth/register", "application/json",
     "{\"name\":\"B\",\"email\":\"b@example.com\",\"password\":\"äöüß\"}", 422,
     "The password needs at least 8 characters"},
    {"a NUL in a password", "/auth/register", "application/json",
     "{\"name\":\"B\",\"email\":\"b@example.com\",\"password\":\"long\\u0000enough\"}", 400,
     "Invalid request format"},
    {"a line break in a name", "/auth/register", "application/json",
     "{\"name\":\"B\\nC\",\"email\":\"b@example.com\",\"password\":\"long-enough\"}", 422,
     "Control characters are no part of a name"},
    {"no refresh token", "/auth/refresh", "application/json", "{}", 400, "Required fields missing"},
    {"a refresh token of nobody's", "/auth/refresh", "application/json",
     "{\"refresh_token\":\"AAAA\"}", 401, "Invalid or expired token"},
    {"no setup token", "/auth/setup", "application/json", ANN, 400, "Required fields missing"},
    {"a setup token of nobody's", "/auth/setup", "application/json",
     "{\"token\":\"x\",\"name\":\"B\",\"email\":\"b@example.com\",\"password\":\"long-enough\"}",
     403, "The setup link is not valid any more"},
};

MC_TEST("what is refused is refused in the documented words, and changes nothing")
{
    auth_fixture f;
    int64_t users = 0;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, ANN), 201);
    for (size_t i = 0; i < MC_LEN(refusals); i++) {
        MC_CASE(refusals[i].name);
        MC_EXPECT_EQ(auth_call_as(&f, "POST", refusals[i].path, NULL, refusals[i].type, "192.0.2.1",
                                  refusals[i].body),
                     refusals[i].status);
        if (refusals[i].message[0])
            MC_EXPECT_Z(mc_z(auth_field(&f, "message")), refusals[i].message);
        MC_EXPECT(body_has(&f, "\"success\":false"));
    }
    MC_EXPECT_OK(mc_auth_count_users(f.auth, &f.ctx, &users, &f.err), &f.err);
    MC_EXPECT_EQ(users, 1);
    auth_teardown(&f);
}

MC_TEST("every field that is wrong is named, with the code that clients know")
{
    auth_fixture f;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL,
                           "{\"name\":\"B\",\"email\":\"nowhere\",\"password\":\"short\"}"),
                 422);
    MC_EXPECT(body_has(&f, "\"email\":[{\"code\":\"email\""));
    MC_EXPECT(body_has(&f, "\"password\":[{\"code\":\"min\""));
    MC_EXPECT(body_has(&f, "{\"kind\":\"length\",\"min\":8}"));
    MC_EXPECT(!body_has(&f, "short"));
    auth_teardown(&f);
}

MC_TEST("keys in any case, keys unknown and extra are as good as others")
{
    auth_fixture f;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL,
                           "{\"NAME\":\"Ann\",\"Email\":\"ann@example.com\",\"passWord\":"
                           "\"long-enough\",\"Organization_Name\":\"Acme\",\"extra\":{\"a\":1},"
                           "\"else\":[1]}"),
                 201);
    MC_EXPECT(body_has(&f, "\"name\":\"Acme\",\"slug\":\"acme\""));
    auth_teardown(&f);
}

MC_TEST("W4: the role in a registration is ignored")
{
    auth_fixture f;
    mc_auth_user user;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL,
                           "{\"name\":\"Ann\",\"email\":\"ann@example.com\",\"password\":"
                           "\"long-enough\",\"role\":\"superadmin\"}"),
                 201);
    MC_EXPECT_Z(mc_z(auth_field(&f, "role")), "owner");
    MC_EXPECT_OK(mc_auth_find_user(f.auth, &f.ctx, MC_STR("ann@example.com"), &user, &f.err),
                 &f.err);
    MC_EXPECT_Z(user.role, "owner");
    auth_teardown(&f);
}

MC_TEST("W3: organizations of one name get slugs of their own")
{
    static const char *const slugs[] = {"acme", "acme-2", "acme-3", "acme-", "acme-"};
    auth_fixture f;

    MC_REQUIRE(auth_setup(&f));
    for (size_t i = 0; i < MC_LEN(slugs); i++) {
        mc_str body = mc_str_printf(f.arena,
                                    "{\"name\":\"Ann\",\"email\":\"ann%zu@example.com\","
                                    "\"password\":\"long-enough\",\"organization_name\":\"Acme\"}",
                                    i);

        MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, mc_str_z(f.arena, body)), 201);
        MC_EXPECT(mc_str_starts_with(mc_z(auth_field(&f, "slug")), mc_z(slugs[i])));
    }
    auth_teardown(&f);
}

MC_TEST("closed registration says so and makes nobody")
{
    mc_auth_config config = auth_config();
    auth_fixture f;

    config.registration_open = false;
    MC_REQUIRE(auth_setup_with(&f, config));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, ANN), 403);
    MC_EXPECT_Z(mc_z(auth_field(&f, "message")), "Registration is closed");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL, ANN_LOGIN), 401);
    auth_teardown(&f);
}

MC_TEST("me is 401 without a token and 404 for an account that went away meanwhile")
{
    auth_fixture f;
    const char *token;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", NULL, ""), 401);
    MC_EXPECT_Z(mc_z(auth_field(&f, "message")), "Invalid or expired token");
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", "x.y.z", ""), 401);
    MC_EXPECT_Z(mc_z(auth_field(&f, "message")), "Unauthorized");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, ANN), 201);
    token = auth_field(&f, "token");
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 200);
    MC_EXPECT_OK(auth_sql(&f, "DELETE FROM users;"), &f.err);
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 404);
    MC_EXPECT_Z(mc_z(auth_field(&f, "message")), "auth: user not found");
    auth_teardown(&f);
}

/* ---- refreshing ---- */

MC_TEST("a refresh token works once; any earlier one ends the session, the new one with it")
{
    auth_fixture f;
    const char *first, *second, *third, *token;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, ANN), 201);
    first = auth_field(&f, "refresh_token");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", first)),
                 200);
    MC_EXPECT_Z(f.cache_control, "no-store");
    second = auth_field(&f, "refresh_token");
    MC_EXPECT(!mc_str_eq(mc_z(first), mc_z(second)));
    MC_EXPECT_Z(mc_z(auth_field(&f, "email")), "ann@example.com");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", second)),
                 200);
    third = auth_field(&f, "refresh_token");
    token = auth_field(&f, "token");
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 200);
    MC_CASE("not the last but one: the first of all");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", first)),
                 401);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", third)),
                 401);
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 401);
    auth_teardown(&f);
}

MC_TEST("a made-up refresh token ends nobody's session")
{
    auth_fixture f;
    char made_up[128];
    const char *good, *token;
    size_t len;

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/register", NULL, ANN), 201);
    good = auth_field(&f, "refresh_token");
    token = auth_field(&f, "token");
    len = strlen(good);
    MC_REQUIRE(len < sizeof(made_up));
    for (size_t i = 0; i < len; i++) {
        memcpy(made_up, good, len + 1);
        made_up[i] = made_up[i] == 'A' ? 'B' : 'A';
        MC_EXPECT_EQ(
            auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", made_up)),
            401);
    }
    MC_EXPECT_EQ(auth_call(&f, "GET", "/auth/me", token, ""), 200);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", good)),
                 200);
    auth_teardown(&f);
}

MC_TEST("a refresh token dies with its session, its account and its time")
{
    static const char *const names[] = {"signed out", "disabled", "deleted", "a new password",
                                        "not used for too long"};

    for (size_t i = 0; i < MC_LEN(names); i++) {
        mc_auth_config config = auth_config();
        auth_fixture f;
        mc_auth_grant ann;
        const char *refresh;

        MC_CASE(names[i]);
        config.refresh_ttl_s = 3600;
        MC_REQUIRE(auth_setup_with(&f, config));
        ann = auth_person(&f, "Ann", "ann@example.com");
        refresh = body_of(&f, "refresh_token", mc_str_z(f.arena, ann.refresh_token));
        switch (i) {
        case 0:
            MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/logout", mc_str_z(f.arena, ann.token), "{}"),
                         200);
            break;
        case 1:
            MC_EXPECT_OK(mc_auth_set_disabled(f.auth, &f.ctx, ann.user.id, true, &f.err), &f.err);
            break;
        case 2:
            MC_EXPECT_OK(auth_sql(&f, "UPDATE users SET deleted_at = '2026-01-01';"), &f.err);
            break;
        case 3:
            MC_EXPECT_OK(
                mc_auth_set_password(f.auth, &f.ctx, ann.user.id, MC_STR("new-enough"), &f.err),
                &f.err);
            break;
        default:
            auth_clock_advance(INT64_C(3600) * MC_TIME_US_PER_S);
        }
        MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, refresh), 401);
        MC_EXPECT_Z(mc_z(auth_field(&f, "message")), "Invalid or expired token");
        auth_teardown(&f);
    }
}

/* ---- too often ---- */

MC_TEST("W5: guessing is stopped per account and address, with the time to wait, and others go on")
{
    mc_auth_config config = auth_config();
    auth_fixture f;
    int status = 401, tries = 0;

    config.limits = (mc_auth_limits){0};
    MC_REQUIRE(auth_setup_with(&f, config));
    (void)auth_person(&f, "Ann", "ann@example.com");
    for (; status == 401 && tries < 40; tries++)
        status = auth_call(&f, "POST", "/auth/login", NULL,
                           "{\"email\":\"ann@example.com\",\"password\":\"guess\"}");
    MC_EXPECT_EQ(status, 429);
    MC_EXPECT_EQ(tries, 6);
    MC_EXPECT_Z(f.retry_after, "2");
    MC_CASE("the right password has to wait as well");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL, ANN_LOGIN), 429);
    MC_CASE("the same written otherwise is the same");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL,
                           "{\"email\":\" ANN@example.com\",\"password\":\"guess\"}"),
                 429);
    MC_CASE("from elsewhere it works");
    MC_EXPECT_EQ(auth_call_as(&f, "POST", "/auth/login", NULL, "application/json", "198.51.100.7",
                              ANN_LOGIN),
                 200);
    MC_CASE("and here after the wait");
    auth_clock_advance(2 * MC_TIME_US_PER_S);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL, ANN_LOGIN), 200);
    auth_teardown(&f);
}

MC_TEST("W5: one address trying many accounts is stopped too, an IPv6 host by its /64")
{
    mc_auth_config config = auth_config();
    auth_fixture f;
    int refused = 0;

    config.limits = (mc_auth_limits){0};
    MC_REQUIRE(auth_setup_with(&f, config));
    for (int i = 0; i < 40; i++) {
        mc_str body =
            mc_str_printf(f.arena, "{\"email\":\"p%d@example.com\",\"password\":\"guess\"}", i);
        mc_str peer = mc_str_printf(f.arena, "2001:db8::%x", i + 1);

        refused += auth_call_as(&f, "POST", "/auth/login", NULL, "application/json",
                                mc_str_z(f.arena, peer), mc_str_z(f.arena, body)) == 429;
    }
    MC_EXPECT_EQ(refused, 10);
    MC_CASE("IPv4 written as IPv6 is one address, and not the /64 of all of them");
    MC_EXPECT_EQ(auth_call_as(&f, "POST", "/auth/login", NULL, "application/json",
                              "::ffff:192.0.2.1",
                              "{\"email\":\"p@example.com\",\"password\":\"guess\"}"),
                 401);
    auth_teardown(&f);
}

MC_TEST("signing in rightly, however often, uses nothing up")
{
    mc_auth_config config = auth_config();
    auth_fixture f;

    config.limits = (mc_auth_limits){.registers_per_hour = -1};
    MC_REQUIRE(auth_setup_with(&f, config));
    (void)auth_person(&f, "Ann", "ann@example.com");
    for (int i = 0; i < 150; i++)
        MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL, ANN_LOGIN), 200);
    auth_teardown(&f);
}

MC_TEST("registrations and refreshes are counted by address")
{
    mc_auth_config config = auth_config();
    auth_fixture f;
    int status = 201, made = 0;

    config.limits = (mc_auth_limits){.refreshes_per_minute = 3};
    MC_REQUIRE(auth_setup_with(&f, config));
    for (; status == 201; made++) {
        mc_str body = mc_str_printf(f.arena,
                                    "{\"name\":\"P\",\"email\":\"p%d@example.com\","
                                    "\"password\":\"long-enough\"}",
                                    made);

        status = auth_call(&f, "POST", "/auth/register", NULL, mc_str_z(f.arena, body));
    }
    MC_EXPECT_EQ(status, 429);
    MC_EXPECT_EQ(made, 6);
    MC_EXPECT_Z(f.retry_after, "720");
    for (int i = 0; i < 3; i++)
        MC_EXPECT_EQ(
            auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", "x")), 401);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/refresh", NULL, body_of(&f, "refresh_token", "x")),
                 429);
    auth_teardown(&f);
}

/* ---- the first user ---- */

MC_TEST("a setup link makes the first owner once, in its time, and only while there is nobody")
{
    mc_auth_config config = auth_config();
    auth_fixture f;
    mc_str token, old;
    const char *body;

    config.registration_open = false;
    MC_REQUIRE(auth_setup_with(&f, config));
    MC_REQUIRE_OK(mc_auth_create_setup_token(f.auth, &f.ctx, &old, &f.err), &f.err);
    MC_REQUIRE_OK(mc_auth_create_setup_token(f.auth, &f.ctx, &token, &f.err), &f.err);
    MC_CASE("an earlier one");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/setup", NULL,
                           mc_str_z(f.arena, mc_str_printf(f.arena,
                                                           "{\"token\":\"%.*s\",\"name\":\"Ann\","
                                                           "\"email\":\"ann@example.com\","
                                                           "\"password\":\"long-enough\"}",
                                                           MC_FMT(old)))),
                 403);
    body = mc_str_z(f.arena, mc_str_printf(f.arena,
                                           "{\"token\":\"%.*s\",\"name\":\"Ann\",\"email\":"
                                           "\"ann@example.com\",\"password\":\"long-enough\","
                                           "\"organization_name\":\"Acme\"}",
                                           MC_FMT(token)));
    MC_CASE("too late");
    auth_clock_advance(MC_TIME_US_PER_DAY);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/setup", NULL, body), 403);
    MC_CASE("in time");
    auth_clock_advance(-1);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/setup", NULL, body), 201);
    MC_EXPECT_Z(mc_z(auth_field(&f, "role")), "owner");
    MC_EXPECT_Z(mc_z(auth_field(&f, "slug")), "acme");
    MC_CASE("twice");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/setup", NULL, body), 403);
    MC_CASE("and no more links");
    MC_EXPECT_EQ(mc_auth_create_setup_token(f.auth, &f.ctx, &token, &f.err), MC_CONFLICT);
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/login", NULL, ANN_LOGIN), 200);
    auth_teardown(&f);
}

MC_TEST("a setup link is worth nothing once somebody is there")
{
    auth_fixture f;
    mc_str token;

    MC_REQUIRE(auth_setup(&f));
    MC_REQUIRE_OK(mc_auth_create_setup_token(f.auth, &f.ctx, &token, &f.err), &f.err);
    (void)auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT_EQ(auth_call(&f, "POST", "/auth/setup", NULL,
                           mc_str_z(f.arena, mc_str_printf(f.arena,
                                                           "{\"token\":\"%.*s\",\"name\":\"Bob\","
                                                           "\"email\":\"bob@example.com\","
                                                           "\"password\":\"long-enough\"}",
                                                           MC_FMT(token)))),
                 403);
    auth_teardown(&f);
}
