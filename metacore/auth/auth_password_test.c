/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes, limits, addresses, slugs: the rules below the service. */
#include "metacore/auth/auth_internal.h"
#include "metacore/auth/auth_test_internal.h"

#include <pthread.h>

/* ---- hashes ---- */

static mc__hasher *hasher_of(uint32_t concurrency, int64_t wait_us)
{
    mc__hasher_config config = {
        .concurrency = concurrency, .wait_us = wait_us, .passes = 1, .memory_bytes = 8192};
    mc__hasher *hasher = NULL;
    mc_err err;

    MC_EXPECT_OK(mc__hasher_new(&config, &hasher, &err), &err);
    return hasher;
}

MC_TEST("a password matches its own hash alone, and new hashes are argon2id")
{
    mc__hasher *hasher = hasher_of(1, 1000);
    char hash[MC__PASSWORD_HASH_MAX], again[MC__PASSWORD_HASH_MAX];
    bool matches, is_old;
    mc_err err;

    MC_REQUIRE_OK(mc__hasher_hash(hasher, MC_STR("long-enough"), hash, &err), &err);
    MC_REQUIRE_OK(mc__hasher_hash(hasher, MC_STR("long-enough"), again, &err), &err);
    MC_EXPECT(mc_str_starts_with(mc_z(hash), MC_STR("$argon2id$v=19$m=8,t=1,p=1$")));
    MC_EXPECT(!mc_str_eq(mc_z(hash), mc_z(again)));
    MC_EXPECT_OK(
        mc__hasher_verify(hasher, mc_z(hash), MC_STR("long-enough"), &matches, &is_old, &err),
        &err);
    MC_EXPECT(matches && !is_old);
    MC_EXPECT_OK(
        mc__hasher_verify(hasher, mc_z(hash), MC_STR("long-enougH"), &matches, &is_old, &err),
        &err);
    MC_EXPECT(!matches && !is_old);
    mc__hasher_free(hasher);
}

MC_TEST("a stored form that is none of ours never matches")
{
    static const char *const stored[] = {
        "",
        "x",
        "long-enough",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=1,p=1$",
        "$1$abcdefgh$ZwVrRFvGQjB0bJ8LZ1Vd30",
        "$2a$31$abcdefghijklmnopqrstuuKqZ3cX7ZJ3dV1mCDM0Cz6eGq0bVJm9S",
        "$2x$04$abcdefghijklmnopqrstuuKqZ3cX7ZJ3dV1mCDM0Cz6eGq0bVJm9S",
        "$2a$04$abcdefghijklmnopqrstuuKqZ3cX7ZJ3dV1mCDM0Cz6eGq0bVJm9Sx",
    };
    mc__hasher *hasher = hasher_of(1, 1000);

    for (size_t i = 0; i < MC_LEN(stored); i++) {
        bool matches = true, is_old = true;
        mc_err err;

        MC_CASE(stored[i]);
        MC_EXPECT_OK(mc__hasher_verify(hasher, mc_z(stored[i]), MC_STR("long-enough"), &matches,
                                       &is_old, &err),
                     &err);
        MC_EXPECT(!matches && !is_old);
        MC_EXPECT_OK(
            mc__hasher_verify(hasher, mc_z(stored[i]), MC_STR("nobody's"), &matches, &is_old, &err),
            &err);
        MC_EXPECT(!matches);
    }
    mc__hasher_free(hasher);
}

/* Made by another implementation (crypt_blowfish's test vectors). */
static const struct {
    const char *hash, *password;
} bcrypt_cases[] = {
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
    {"$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
     "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"},
};

MC_TEST("bcrypt hashes from elsewhere match, ask to be replaced, and refuse more than 72 bytes")
{
    mc__hasher *hasher = hasher_of(1, 1000);
    bool matches, is_old;
    char longer[80];
    mc_err err;

    for (size_t i = 0; i < MC_LEN(bcrypt_cases); i++) {
        MC_CASE(bcrypt_cases[i].hash);
        MC_EXPECT_OK(mc__hasher_verify(hasher, mc_z(bcrypt_cases[i].hash),
                                       mc_z(bcrypt_cases[i].password), &matches, &is_old, &err),
                     &err);
        MC_EXPECT(matches && is_old);
        MC_EXPECT_OK(mc__hasher_verify(hasher, mc_z(bcrypt_cases[i].hash), MC_STR("wrong"),
                                       &matches, &is_old, &err),
                     &err);
        MC_EXPECT(!matches && !is_old);
    }
    MC_CASE("W39: the 72 bytes that match, and one more");
    memcpy(longer, bcrypt_cases[4].password, 72);
    longer[72] = '!';
    MC_EXPECT_OK(mc__hasher_verify(hasher, mc_z(bcrypt_cases[4].hash), mc_str_of(longer, 73),
                                   &matches, &is_old, &err),
                 &err);
    MC_EXPECT(!matches);
    MC_CASE("a NUL ends nothing");
    MC_EXPECT_OK(mc__hasher_verify(hasher, mc_z(bcrypt_cases[0].hash), MC_STR("U*U\0x"), &matches,
                                   &is_old, &err),
                 &err);
    MC_EXPECT(!matches);
    mc__hasher_free(hasher);
}

MC_TEST("a hash made with other costs asks to be replaced")
{
    mc__hasher_config config = {.concurrency = 1, .passes = 2, .memory_bytes = 16384};
    mc__hasher *cheap = hasher_of(1, 1000), *dear = NULL;
    char hash[MC__PASSWORD_HASH_MAX];
    bool matches, is_old;
    mc_err err;

    MC_REQUIRE_OK(mc__hasher_new(&config, &dear, &err), &err);
    MC_REQUIRE_OK(mc__hasher_hash(cheap, MC_STR("long-enough"), hash, &err), &err);
    MC_EXPECT_OK(
        mc__hasher_verify(dear, mc_z(hash), MC_STR("long-enough"), &matches, &is_old, &err), &err);
    MC_EXPECT(matches && is_old);
    mc__hasher_free(cheap);
    mc__hasher_free(dear);
}

MC_TEST("memory for hashes outside 8 KiB to 1 GiB is refused")
{
    static const size_t sizes[] = {1, 8191, ((size_t)1 << 30) + 1};

    for (size_t i = 0; i < MC_LEN(sizes); i++) {
        mc__hasher_config config = {.concurrency = 1, .memory_bytes = sizes[i]};
        mc__hasher *hasher = NULL;
        mc_err err;

        MC_EXPECT_EQ(mc__hasher_new(&config, &hasher, &err), MC_INVALID);
    }
}

typedef struct hash_thread {
    mc__hasher *hasher;
    mc_code rc;
} hash_thread;

static void *hash_once(void *user)
{
    hash_thread *t = user;
    char hash[MC__PASSWORD_HASH_MAX];
    mc_err err;

    t->rc = mc__hasher_hash(t->hasher, MC_STR("long-enough"), hash, &err);
    return NULL;
}

MC_TEST("W5: only so many hashes run at a time; who waits too long is told that it is too many")
{
    mc__hasher_config config = {
        .concurrency = 1, .wait_us = 0, .passes = 8, .memory_bytes = (size_t)32 << 20};
    hash_thread threads[4];
    pthread_t ids[4];
    int refused = 0, done = 0;
    mc__hasher *hasher = NULL;
    mc_err err;

    MC_REQUIRE_OK(mc__hasher_new(&config, &hasher, &err), &err);
    for (size_t i = 0; i < MC_LEN(threads); i++) {
        threads[i] = (hash_thread){.hasher = hasher};
        MC_REQUIRE(pthread_create(&ids[i], NULL, hash_once, &threads[i]) == 0);
    }
    for (size_t i = 0; i < MC_LEN(threads); i++) {
        pthread_join(ids[i], NULL);
        refused += threads[i].rc == MC_LIMIT;
        done += threads[i].rc == MC_OK;
    }
    MC_EXPECT(done >= 1);
    MC_EXPECT_EQ(done + refused, 4);
    MC_CASE("and the place is free again");
    MC_EXPECT_EQ((hash_once(&threads[0]), threads[0].rc), MC_OK);
    mc__hasher_free(hasher);
}

/* ---- limits ---- */

MC_TEST("an allowance is used up, grows back one by one, and can be given back")
{
    mc_auth_limits config = {.registers_per_hour = 5};
    mc_str ip = MC_STR("192.0.2.1"), none = MC_STR("");
    int64_t now = 1000000000, wait = 0, interval = INT64_C(720) * MC_TIME_US_PER_S;
    mc__limits *limits = NULL;
    mc_err err;

    MC_REQUIRE_OK(mc__limits_new(&config, &limits, &err), &err);
    for (int i = 0; i < 5; i++)
        MC_EXPECT(mc__limits_take(limits, MC__LIMIT_REGISTER, ip, none, now, &wait));
    MC_EXPECT(!mc__limits_take(limits, MC__LIMIT_REGISTER, ip, none, now, &wait));
    MC_EXPECT_EQ(wait, interval);
    MC_CASE("another address has its own");
    MC_EXPECT(mc__limits_take(limits, MC__LIMIT_REGISTER, MC_STR("192.0.2.2"), none, now, &wait));
    MC_CASE("another kind, too");
    MC_EXPECT(mc__limits_take(limits, MC__LIMIT_REFRESH, ip, none, now, &wait));
    MC_CASE("time heals");
    MC_EXPECT(!mc__limits_take(limits, MC__LIMIT_REGISTER, ip, none, now + interval - 1, &wait));
    MC_EXPECT_EQ(wait, 1);
    MC_EXPECT(mc__limits_take(limits, MC__LIMIT_REGISTER, ip, none, now + interval, &wait));
    MC_EXPECT(!mc__limits_take(limits, MC__LIMIT_REGISTER, ip, none, now + interval, &wait));
    MC_CASE("given back");
    mc__limits_give_back(limits, MC__LIMIT_REGISTER, ip, none, now + interval);
    MC_EXPECT(mc__limits_take(limits, MC__LIMIT_REGISTER, ip, none, now + interval, &wait));
    mc__limits_free(limits);
}

MC_TEST("failures in a row lock for longer and longer, at most 15 minutes; a success ends the row")
{
    static const int64_t locks_s[] = {2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
    mc_auth_limits config = {.login_failures_per_minute = 1000, .lock_after_failures = 3};
    mc_str account = MC_STR("ann@example.com"), ip = MC_STR("192.0.2.1");
    int64_t now = 1000000000, wait = 0;
    mc__limits *limits = NULL;
    mc_err err;

    MC_REQUIRE_OK(mc__limits_new(&config, &limits, &err), &err);
    for (int i = 0; i < 2; i++)
        mc__limits_note_failure(limits, account, ip, now);
    MC_EXPECT(mc__limits_take(limits, MC__LIMIT_LOGIN_PAIR, account, ip, now, &wait));
    for (size_t i = 0; i < MC_LEN(locks_s); i++) {
        mc__limits_note_failure(limits, account, ip, now);
        MC_EXPECT(!mc__limits_take(limits, MC__LIMIT_LOGIN_PAIR, account, ip, now, &wait));
        MC_EXPECT_EQ(wait, locks_s[i] * MC_TIME_US_PER_S);
        now += wait;
        MC_EXPECT(mc__limits_take(limits, MC__LIMIT_LOGIN_PAIR, account, ip, now, &wait));
    }
    MC_CASE("the same account from elsewhere is free");
    MC_EXPECT(
        mc__limits_take(limits, MC__LIMIT_LOGIN_PAIR, account, MC_STR("192.0.2.9"), now, &wait));
    MC_CASE("success");
    mc__limits_note_success(limits, account, ip, now);
    mc__limits_note_failure(limits, account, ip, now);
    MC_EXPECT(mc__limits_take(limits, MC__LIMIT_LOGIN_PAIR, account, ip, now, &wait));
    mc__limits_free(limits);
}

MC_TEST("the table of counters is bounded: strangers in any number push each other out")
{
    mc_auth_limits config = {.registers_per_hour = 1, .table_entries = 64};
    int64_t wait = 0;
    mc__limits *limits = NULL;
    mc_err err;

    MC_REQUIRE_OK(mc__limits_new(&config, &limits, &err), &err);
    for (uint32_t i = 0; i < 10000; i++)
        MC_EXPECT(mc__limits_take(limits, MC__LIMIT_REGISTER,
                                  mc_str_of((const char *)&i, sizeof(i)), MC_STR(""), i, &wait));
    mc__limits_free(limits);
    config.table_entries = UINT32_MAX;
    MC_EXPECT_EQ(mc__limits_new(&config, &limits, &err), MC_INVALID);
}

/* ---- addresses, roles, slugs ---- */

MC_TEST("an address is trimmed, lowered and looked at")
{
    static const struct {
        const char *in, *out; /* NULL: no address */
    } cases[] = {
        {" Ann@Example.COM ", "ann@example.com"},
        {"a.b+c@sub.example.org", "a.b+c@sub.example.org"},
        {"admin@localhost", "admin@localhost"},
        {"jürgen@müller.de", "jürgen@müller.de"},
        {"", NULL},
        {"ann", NULL},
        {"@example.com", NULL},
        {"ann@", NULL},
        {"ann@@example.com", NULL},
        {"ann@b@example.com", NULL},
        {".ann@example.com", NULL},
        {"ann.@example.com", NULL},
        {"an..n@example.com", NULL},
        {"an n@example.com", NULL},
        {"ann@exam ple.com", NULL},
        {"ann@-example.com", NULL},
        {"ann@example-.com", NULL},
        {"ann@example..com", NULL},
        {"ann@example.com.", NULL},
        {"ann@.com", NULL},
        {"\"a b\"@example.com", NULL},
        {"ann@example.com\nBcc: x", NULL},
        {"ann\xff@example.com", NULL},
        {"ann@[192.0.2.1]", NULL},
        {"0123456789012345678901234567890123456789012345678901234567890123x@a.co", NULL},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        bool is_valid = false;
        mc_str out;
        mc_err err;

        MC_CASE(cases[i].in);
        MC_EXPECT_OK(mc__email_normalize(arena, mc_z(cases[i].in), &out, &is_valid, &err), &err);
        MC_EXPECT_EQ(is_valid, cases[i].out != NULL);
        if (cases[i].out)
            MC_EXPECT_Z(out, cases[i].out);
    }
    mc_arena_free(arena);
}

MC_TEST("a slug is what is left of a name in ASCII")
{
    static const struct {
        const char *name, *slug;
    } cases[] = {
        {"Acme", "acme"},
        {"Acme & Sons, Ltd.", "acme-sons-ltd"},
        {"Ann's Organization", "anns-organization"},
        {"Ångström Straße", "angstrom-strasse"},
        {"  --a--  ", "a"},
        {"Ünïcödé ﬁle №5", "unicode-file-no5"},
        {"日本語", "organization"},
        {"!!!", "organization"},
        {"", "organization"},
        {"\xff\xfe", "organization"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbb",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_str slug;
        mc_err err;

        MC_CASE(cases[i].name);
        MC_EXPECT_OK(mc__slug_of(arena, mc_z(cases[i].name), &slug, &err), &err);
        MC_EXPECT(slug.len <= 60);
        if (i + 1 < MC_LEN(cases))
            MC_EXPECT_Z(slug, cases[i].slug);
    }
    mc_arena_free(arena);
}
