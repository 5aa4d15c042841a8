/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/nonce.h"

#include "mc_test.h"
#include "metacore/migrations/migrations.h"

#include <stdio.h>

static mc_db *db;
static mc_ctx ctx;
static const mc_uuid one = {{1}}, two = {{2}};

static bool setup(void)
{
    char url[512];
    mc_err err;

    ctx = (mc_ctx){.arena = mc_arena_new(0), .now = MC_TIME_US_PER_S};
    (void)snprintf(url, sizeof(url), "sqlite:%s/nonce.db", mc_test_dir());
    return mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url), .synchronous_normal = true},
                      &db, &err) == MC_OK &&
           mc_migrations_up(db, &ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err) == MC_OK;
}

static void teardown(void)
{
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

typedef struct use {
    mc_uuid installation_id;
    mc_str nonce;
} use;

static mc_code run(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    const use *u = user;

    (void)conn;
    return mc_nonces_use(c, u->installation_id, u->nonce, 600, err);
}

static mc_code use_nonce(mc_uuid installation_id, const char *nonce, mc_err *err)
{
    use u = {installation_id, mc_z(nonce)};

    return mc_db_write(db, &ctx, run, &u, err);
}

MC_TEST("a nonce counts once for an installation, and again once its time is over")
{
    mc_err err;

    MC_REQUIRE(setup());
    MC_EXPECT_OK(use_nonce(one, "n", &err), &err);
    MC_EXPECT_EQ(use_nonce(one, "n", &err), MC_UNAUTHENTICATED);
    MC_EXPECT_Z(mc_z(err.msg), "replay: nonce already used");
    MC_CASE("another installation's are its own");
    MC_EXPECT_OK(use_nonce(two, "n", &err), &err);
    MC_CASE("just before the end");
    ctx.now += 600 * MC_TIME_US_PER_S - 1;
    MC_EXPECT_EQ(use_nonce(one, "n", &err), MC_UNAUTHENTICATED);
    MC_CASE("at the end");
    ctx.now += 1;
    MC_EXPECT_OK(use_nonce(one, "n", &err), &err);
    teardown();
}

MC_TEST("no nonce and one that is too long are refused")
{
    char longest[MC_NONCE_BYTES_MAX + 2];
    mc_err err;

    MC_REQUIRE(setup());
    MC_EXPECT_EQ(use_nonce(one, "", &err), MC_UNAUTHENTICATED);
    MC_EXPECT_Z(mc_z(err.msg), "replay: missing nonce");
    memset(longest, 'n', sizeof(longest));
    longest[MC_NONCE_BYTES_MAX + 1] = '\0';
    MC_EXPECT_EQ(use_nonce(one, longest, &err), MC_INVALID);
    longest[MC_NONCE_BYTES_MAX] = '\0';
    MC_EXPECT_OK(use_nonce(one, longest, &err), &err);
    teardown();
}
