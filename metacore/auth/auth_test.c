/* SPDX-License-Identifier: Apache-2.0 */
/* The service: transactions, races, hooks, accounts, memory. */
#include "metacore/auth/auth_test_internal.h"

#include <pthread.h>

#define NIL_ORG "00000000-0000-0000-0000-000000000000"

static mc_code count_rows(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    int64_t *out = user;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT (SELECT count(*) FROM users)"
                                    " + (SELECT count(*) FROM organizations)"
                                    " + (SELECT count(*) FROM auth_sessions)"),
                             NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows) ? mc_db_col_int(&rows, 0) : -1;
    return mc_db_rows_finish(&rows, err);
}

static int64_t row_count(auth_fixture *f)
{
    int64_t count = -1;

    MC_EXPECT_OK(mc_db_read(f->db, &f->ctx, count_rows, &count, &f->err), &f->err);
    return count;
}

/* ---- hooks ---- */

typedef struct hook_log {
    int orgs, registers, logins;
    mc_uuid org_id;
    bool is_somebody; /* ctx->who was the account, on the transaction's connection */
    mc_code fail_org, fail_register, fail_login;
} hook_log;

static mc_code outcome(mc_code rc, mc_err *err)
{
    return rc == MC_OK ? MC_OK : mc_fail(err, rc, "the hook said no");
}

static mc_code on_org(void *user, mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    hook_log *log = user;

    log->orgs++;
    log->org_id = org_id;
    log->is_somebody = conn && ctx->conn == conn && mc_uuid_eq(ctx->who.org_id, org_id) &&
                       !mc_uuid_is_nil(ctx->who.user_id);
    return outcome(log->fail_org, err);
}

static mc_code on_register(void *user, mc_db_conn *conn, mc_ctx *ctx, const mc_auth_user *account,
                           const mc_auth_org *organization, mc_err *err)
{
    hook_log *log = user;

    log->registers++;
    log->is_somebody = log->is_somebody && conn && mc_uuid_eq(ctx->who.user_id, account->id) &&
                       mc_uuid_eq(organization->id, account->organization_id);
    return outcome(log->fail_register, err);
}

static mc_code on_login(void *user, mc_db_conn *conn, mc_ctx *ctx, const mc_auth_user *account,
                        const mc_auth_org *organization, mc_err *err)
{
    hook_log *log = user;

    (void)organization;
    log->logins++;
    log->is_somebody = conn && mc_uuid_eq(ctx->who.user_id, account->id);
    return outcome(log->fail_login, err);
}

static mc_auth_config config_with(hook_log *log)
{
    mc_auth_config config = auth_config();

    config.on_org_created = on_org;
    config.post_register = on_register;
    config.post_login = on_login;
    config.on_org_created_user = config.post_register_user = config.post_login_user = log;
    return config;
}

MC_TEST("hooks run as the new account within its transaction, and the caller stays who he was")
{
    hook_log log = {0};
    auth_fixture f;
    mc_auth_grant ann;

    MC_REQUIRE(auth_setup_with(&f, config_with(&log)));
    ann = auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT_EQ(log.orgs, 1);
    MC_EXPECT_EQ(log.registers, 1);
    MC_EXPECT(log.is_somebody);
    MC_EXPECT(mc_uuid_eq(log.org_id, ann.organization.id));
    MC_EXPECT(mc_uuid_is_nil(f.ctx.who.user_id) && f.ctx.conn == NULL);
    MC_EXPECT_OK(mc_auth_login(f.auth, &f.ctx, MC_STR("ann@example.com"), MC_STR("long-enough"),
                               MC_STR(""), &ann, &f.err),
                 &f.err);
    MC_EXPECT_EQ(log.logins, 1);
    MC_EXPECT(log.is_somebody);
    auth_teardown(&f);
}

MC_TEST("W39: a hook that fails leaves no account, no organization and no session")
{
    mc_auth_signup in = {.name = MC_STR("Ann"),
                         .email = MC_STR("ann@example.com"),
                         .password = MC_STR("long-enough")};
    hook_log log = {.fail_org = MC_UNAVAILABLE};
    mc_auth_grant grant;
    auth_fixture f;

    MC_REQUIRE(auth_setup_with(&f, config_with(&log)));
    MC_EXPECT_EQ(mc_auth_register(f.auth, &f.ctx, &in, MC_STR(""), &grant, &f.err), MC_UNAVAILABLE);
    log = (hook_log){.fail_register = MC_INTERNAL};
    MC_EXPECT_EQ(mc_auth_register(f.auth, &f.ctx, &in, MC_STR(""), &grant, &f.err), MC_INTERNAL);
    MC_EXPECT_EQ(row_count(&f), 0);
    log = (hook_log){.fail_login = MC_INTERNAL};
    MC_EXPECT_OK(mc_auth_register(f.auth, &f.ctx, &in, MC_STR(""), &grant, &f.err), &f.err);
    MC_EXPECT_EQ(row_count(&f), 3);
    MC_EXPECT_EQ(mc_auth_login(f.auth, &f.ctx, in.email, in.password, MC_STR(""), &grant, &f.err),
                 MC_INTERNAL);
    MC_EXPECT_EQ(row_count(&f), 3);
    auth_teardown(&f);
}

/* ---- races ---- */

#define RACERS 6

typedef struct racer {
    auth_fixture *f;
    mc_str refresh_token; /* empty: registers */
    mc_code rc;
    char msg[64];
} racer;

static void *race(void *user)
{
    racer *r = user;
    mc_arena *arena = mc_arena_new(0);
    mc_ctx ctx = {.arena = arena};
    mc_auth_signup in = {.name = MC_STR("Ann"),
                         .email = MC_STR("ann@example.com"),
                         .password = MC_STR("long-enough")};
    mc_auth_grant grant;
    mc_err err = {0};

    r->rc = r->refresh_token.len
                ? mc_auth_refresh(r->f->auth, &ctx, r->refresh_token, MC_STR(""), &grant, &err)
                : mc_auth_register(r->f->auth, &ctx, &in, MC_STR(""), &grant, &err);
    memcpy(r->msg, err.msg, sizeof(r->msg) - 1);
    mc_arena_free(arena);
    return NULL;
}

static void run_race(auth_fixture *f, mc_str refresh_token, racer racers[RACERS])
{
    pthread_t threads[RACERS];

    for (size_t i = 0; i < RACERS; i++) {
        racers[i] = (racer){.f = f, .refresh_token = refresh_token};
        MC_EXPECT_EQ(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
}

MC_TEST("W39: of registrations of one address at once one wins, the others are told why")
{
    auth_fixture f;
    racer racers[RACERS];
    int won = 0;

    MC_REQUIRE(auth_setup(&f));
    run_race(&f, MC_STR(""), racers);
    for (size_t i = 0; i < RACERS; i++) {
        won += racers[i].rc == MC_OK;
        if (racers[i].rc != MC_OK) {
            MC_EXPECT_EQ(racers[i].rc, MC_CONFLICT);
            MC_EXPECT_Z(mc_z(racers[i].msg), "User already exists");
        }
    }
    MC_EXPECT_EQ(won, 1);
    MC_EXPECT_EQ(row_count(&f), 3);
    auth_teardown(&f);
}

MC_TEST("of refreshes with one token at once at most one wins, and the session is over")
{
    auth_fixture f;
    mc_auth_grant ann;
    racer racers[RACERS];
    int won = 0;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    run_race(&f, ann.refresh_token, racers);
    for (size_t i = 0; i < RACERS; i++)
        won += racers[i].rc == MC_OK;
    MC_EXPECT_EQ(won, 1);
    MC_EXPECT_EQ(mc_auth_authenticate_token(f.auth, &f.ctx, ann.token, NULL, &f.err),
                 MC_UNAUTHENTICATED);
    auth_teardown(&f);
}

/* ---- accounts from elsewhere ---- */

#define IMPORT(hash)                                                                               \
    "INSERT INTO users (id, organization_id, name, email, password_hash, role, created_at,"        \
    " updated_at) VALUES ('01935a40-0000-7000-8000-000000000001', '" NIL_ORG                       \
    "', 'Old', 'Old@Example.com', '" hash "', 'admin', '2026-01-01T00:00:00.000000Z',"             \
    " '2026-01-01T00:00:00.000000Z');"

static mc_code hash_of(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, MC_STR("SELECT password_hash FROM users"), NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *(mc_str *)user = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

MC_TEST("an imported bcrypt password works, and is argon2id after the first good sign-in")
{
    auth_fixture f;
    mc_auth_grant grant;
    mc_str hash = MC_STR("");

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_OK(
        auth_sql(&f, IMPORT("$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK")),
        &f.err);
    MC_EXPECT_EQ(mc_auth_login(f.auth, &f.ctx, MC_STR("Old@Example.com"), MC_STR("U*U"), MC_STR(""),
                               &grant, &f.err),
                 MC_UNAUTHENTICATED);
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, hash_of, &hash, &f.err), &f.err);
    MC_EXPECT(mc_str_starts_with(hash, MC_STR("$2a$")));
    for (int i = 0; i < 2; i++) {
        MC_CASE(i ? "by argon2id" : "by bcrypt");
        MC_EXPECT_OK(mc_auth_login(f.auth, &f.ctx, MC_STR("Old@Example.com"), MC_STR("U*U*"),
                                   MC_STR(""), &grant, &f.err),
                     &f.err);
        MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, hash_of, &hash, &f.err), &f.err);
        MC_EXPECT(mc_str_starts_with(hash, MC_STR("$argon2id$")));
    }
    auth_teardown(&f);
}

MC_TEST("a disabled account cannot sign in, is not told why, and can be enabled again")
{
    auth_fixture f;
    mc_auth_grant ann;
    mc_auth_users users;

    MC_REQUIRE(auth_setup(&f));
    ann = auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT_OK(mc_auth_set_disabled(f.auth, &f.ctx, ann.user.id, true, &f.err), &f.err);
    MC_EXPECT_EQ(mc_auth_login(f.auth, &f.ctx, ann.user.email, MC_STR("long-enough"), MC_STR(""),
                               &ann, &f.err),
                 MC_UNAUTHENTICATED);
    MC_EXPECT_Z(mc_z(f.err.msg), "Invalid credentials");
    MC_EXPECT_OK(mc_auth_list_users(f.auth, &f.ctx, (mc_uuid){{0}}, &users, &f.err), &f.err);
    MC_EXPECT(users.count == 1 && users.items[0].is_disabled);
    MC_EXPECT_OK(mc_auth_set_disabled(f.auth, &f.ctx, ann.user.id, false, &f.err), &f.err);
    MC_EXPECT_OK(mc_auth_login(f.auth, &f.ctx, ann.user.email, MC_STR("long-enough"), MC_STR(""),
                               &ann, &f.err),
                 &f.err);
    auth_teardown(&f);
}

MC_TEST("W32: the address of a deleted account can be used again")
{
    auth_fixture f;
    mc_auth_grant first, second;

    MC_REQUIRE(auth_setup(&f));
    first = auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT_OK(auth_sql(&f, "UPDATE users SET deleted_at = '2026-01-01T00:00:00.000000Z';"),
                 &f.err);
    second = auth_person(&f, "Ann", "ann@example.com");
    MC_EXPECT(!mc_uuid_eq(first.user.id, second.user.id));
    auth_teardown(&f);
}

/* ---- what operators do ---- */

MC_TEST("a user is created in an organization by id, slug, name, or in a new one")
{
    auth_fixture f;
    mc_auth_user boss, other;
    mc_auth_org org;
    mc_auth_users users;
    char id[MC_UUID_TEXT_LEN];
    bool is_new = false;

    MC_REQUIRE(auth_setup(&f));
    MC_REQUIRE_OK(mc_auth_create_user(f.auth, &f.ctx,
                                      &(mc_auth_new_user){.email = MC_STR(" Boss@Example.com"),
                                                          .password = MC_STR("long-enough"),
                                                          .organization = MC_STR("Acme Corp")},
                                      &boss, &f.err),
                  &f.err);
    MC_EXPECT_Z(boss.email, "boss@example.com");
    MC_EXPECT_Z(boss.name, "Boss");
    MC_EXPECT_Z(boss.role, "owner");
    mc_uuid_format(boss.organization_id, id);
    const mc_str ways[] = {mc_str_of(id, sizeof(id)), MC_STR("acme-corp"), MC_STR("Acme Corp")};
    for (size_t i = 0; i < MC_LEN(ways); i++) {
        mc_auth_new_user in = {.name = MC_STR("P"),
                               .password = MC_STR("long-enough"),
                               .organization = ways[i],
                               .email = mc_str_printf(f.arena, "p%zu@example.com", i)};

        MC_CASE(i ? ways[i].ptr : "by id");
        MC_EXPECT_OK(mc_auth_create_user(f.auth, &f.ctx, &in, &other, &f.err), &f.err);
        MC_EXPECT(mc_uuid_eq(other.organization_id, boss.organization_id));
        MC_EXPECT_Z(other.role, "agent");
    }
    MC_CASE("nothing said: an organization of one's own");
    MC_EXPECT_OK(mc_auth_create_user(f.auth, &f.ctx,
                                     &(mc_auth_new_user){.email = MC_STR("solo@example.com"),
                                                         .role = MC_STR("Admin"),
                                                         .password = MC_STR("long-enough")},
                                     &other, &f.err),
                 &f.err);
    MC_EXPECT(!mc_uuid_eq(other.organization_id, boss.organization_id));
    MC_EXPECT_Z(other.role, "admin");
    MC_CASE("lists keep organizations apart");
    MC_EXPECT_OK(mc_auth_list_users(f.auth, &f.ctx, boss.organization_id, &users, &f.err), &f.err);
    MC_EXPECT_EQ(users.count, 4);
    MC_EXPECT_Z(users.items[0].email, "boss@example.com");
    MC_EXPECT_OK(mc_auth_list_users(f.auth, &f.ctx, (mc_uuid){{0}}, &users, &f.err), &f.err);
    MC_EXPECT_EQ(users.count, 5);
    MC_CASE("organizations");
    MC_EXPECT_OK(
        mc_auth_find_or_create_org(f.auth, &f.ctx, MC_STR("acme-corp"), &org, &is_new, &f.err),
        &f.err);
    MC_EXPECT(!is_new && mc_uuid_eq(org.id, boss.organization_id));
    MC_EXPECT_EQ(mc_auth_find_org(f.auth, &f.ctx, MC_STR("Other"), &org, &f.err), MC_NOT_FOUND);
    MC_EXPECT_OK(mc_auth_find_or_create_org(f.auth, &f.ctx, MC_STR("Other"), &org, &is_new, &f.err),
                 &f.err);
    MC_EXPECT(is_new);
    MC_EXPECT_OK(mc_auth_find_org(f.auth, &f.ctx, MC_STR("other"), &org, &f.err), &f.err);
    auth_teardown(&f);
}

MC_TEST("an operator's mistakes are refused and change nothing")
{
    static const struct {
        const char *name, *email, *password, *organization, *role;
        mc_code rc;
    } cases[] = {
        {"no address", "", "long-enough", "", "", MC_INVALID},
        {"an address that is none", "x", "long-enough", "", "", MC_REJECTED},
        {"a short password", "a@b.co", "short", "", "", MC_REJECTED},
        {"no password", "a@b.co", "", "", "", MC_INVALID},
        {"a role with a space", "a@b.co", "long-enough", "", "big boss", MC_INVALID},
        {"an organization's id that is nobody's", "a@b.co", "long-enough",
         "01935a40-0000-7000-8000-000000000009", "", MC_NOT_FOUND},
    };
    auth_fixture f;
    mc_auth_user user;

    MC_REQUIRE(auth_setup(&f));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_auth_new_user in = {.email = mc_z(cases[i].email),
                               .password = mc_z(cases[i].password),
                               .organization = mc_z(cases[i].organization),
                               .role = mc_z(cases[i].role)};
        mc_ctx ctx = {.arena = f.arena};

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_auth_create_user(f.auth, &ctx, &in, &user, &f.err), cases[i].rc);
    }
    MC_CASE("nobody");
    MC_EXPECT_EQ(row_count(&f), 0);
    MC_EXPECT_EQ(mc_auth_set_role(f.auth, &f.ctx, (mc_uuid){{9}}, MC_STR("admin"), &f.err),
                 MC_NOT_FOUND);
    MC_EXPECT_EQ(mc_auth_set_disabled(f.auth, &f.ctx, (mc_uuid){{9}}, true, &f.err), MC_NOT_FOUND);
    MC_EXPECT_EQ(
        mc_auth_set_password(f.auth, &f.ctx, (mc_uuid){{9}}, MC_STR("long-enough"), &f.err),
        MC_NOT_FOUND);
    MC_EXPECT_EQ(mc_auth_find_user(f.auth, &f.ctx, MC_STR(""), &user, &f.err), MC_NOT_FOUND);
    MC_CASE("a name that two bear");
    MC_EXPECT_OK(auth_sql(&f,
                          "INSERT INTO organizations (id, organization_id, name, slug) VALUES"
                          " ('01935a40-0000-7000-8000-00000000000a', '" NIL_ORG "', 'Twin', 'a'),"
                          " ('01935a40-0000-7000-8000-00000000000b', '" NIL_ORG "', 'Twin', 'b');"),
                 &f.err);
    mc_auth_org org;
    MC_EXPECT_EQ(mc_auth_find_org(f.auth, &f.ctx, MC_STR("Twin"), &org, &f.err), MC_CONFLICT);
    auth_teardown(&f);
}

MC_TEST("a user keeps at most a hundred sessions, and old ones are swept")
{
    auth_fixture f;
    mc_auth_grant grant;

    MC_REQUIRE(auth_setup(&f));
    (void)auth_person(&f, "Ann", "ann@example.com");
    for (int i = 0; i < 110; i++) {
        auth_clock_advance(1000);
        MC_EXPECT_OK(mc_auth_login(f.auth, &f.ctx, MC_STR("ann@example.com"), MC_STR("long-enough"),
                                   MC_STR(""), &grant, &f.err),
                     &f.err);
    }
    MC_EXPECT_EQ(row_count(&f), 2 + 100);
    MC_EXPECT_OK(mc_auth_authenticate_token(f.auth, &f.ctx, grant.token, NULL, &f.err), &f.err);
    auth_clock_advance(INT64_C(31) * MC_TIME_US_PER_DAY);
    MC_EXPECT_OK(mc_auth_login(f.auth, &f.ctx, MC_STR("ann@example.com"), MC_STR("long-enough"),
                               MC_STR(""), &grant, &f.err),
                 &f.err);
    MC_EXPECT_EQ(row_count(&f), 2 + 1);
    auth_teardown(&f);
}

/* ---- construction and memory ---- */

MC_TEST("a config that cannot work makes no service")
{
    static const mc_str short_secret[] = {MC_STR_INIT("short")};
    auth_fixture f;
    mc_auth *auth = NULL;
    mc_auth_config config = auth_config();

    MC_REQUIRE(auth_setup(&f));
    MC_EXPECT_EQ(mc_auth_new(&config, &auth, &f.err), MC_INVALID);
    config.db = f.db;
    config.jwt_old_secrets = (mc_strs){short_secret, 1};
    MC_EXPECT_EQ(mc_auth_new(&config, &auth, &f.err), MC_INVALID);
    config.jwt_old_secrets = (mc_strs){NULL, 0};
    config.access_ttl_s = -1;
    MC_EXPECT_EQ(mc_auth_new(&config, &auth, &f.err), MC_INVALID);
    config.access_ttl_s = INT64_MAX;
    MC_EXPECT_EQ(mc_auth_new(&config, &auth, &f.err), MC_INVALID);
    MC_EXPECT(auth == NULL);
    auth_teardown(&f);
}

static auth_fixture *shared; /* what opens a database is not what is tested for memory */

static mc_code live(mc_err *err)
{
    mc_auth_config config = auth_config();
    mc_arena *arena = mc_arena_new(0);
    mc_ctx ctx = {.arena = arena};
    mc_auth_user user;
    mc_auth *auth = NULL;
    mc_auth_grant grant;
    mc_code rc;

    config.db = shared->db;
    rc = arena ? mc_auth_new(&config, &auth, err) : mc_fail(err, MC_NO_MEMORY, "arena");
    if (rc == MC_OK)
        rc = mc_auth_login(auth, &ctx, MC_STR("ann@example.com"), MC_STR("long-enough"),
                           MC_STR("192.0.2.1"), &grant, err);
    if (rc == MC_OK)
        rc = mc_auth_authenticate_token(auth, &ctx, grant.token, NULL, err);
    if (rc == MC_OK)
        rc = mc_auth_load_me(auth, &ctx, &user, err);
    if (rc == MC_OK)
        rc = mc_auth_refresh(auth, &ctx, grant.refresh_token, MC_STR("192.0.2.1"), &grant, err);
    if (rc == MC_OK)
        rc = mc_auth_logout(auth, &ctx, err);
    mc_auth_free(auth);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("without memory the service says so and leaks nothing")
{
    auth_fixture f;

    MC_REQUIRE(auth_setup(&f));
    (void)auth_person(&f, "Ann", "ann@example.com");
    shared = &f;
    MC_TEST_OOM(live);
    auth_teardown(&f);
}
