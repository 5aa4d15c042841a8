/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission.h"

#include "metacore/migrations/migrations.h"

#include "mc_test.h"

#include <stdio.h>

typedef struct fixture {
    mc_db *db;
    mc_permission *service;
    mc_arena *arena;
    mc_ctx ctx;
    mc_err err;
} fixture;

static bool setup(fixture *f)
{
    char url[512];
    mc_permission_store store;
    mc_db_config config = {MC_DB_CONFIG, .synchronous_normal = true};

    *f = (fixture){.arena = mc_arena_new(0)};
    f->ctx = (mc_ctx){.arena = f->arena,
                      .who = {.user_id = {{1}}, .org_id = {{2}}, .role = MC_STR_INIT("agent")}};
    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    config.url = mc_z(url);
    if (mc_db_open(&config, &f->db, &f->err) != MC_OK ||
        mc_migrations_up(f->db, &f->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &f->err) !=
            MC_OK ||
        mc_permission_store_sql_new(f->db, &store, &f->err) != MC_OK)
        return false;
    return mc_permission_new(&(mc_permission_config){MC_PERMISSION_CONFIG, .store = store},
                             &f->service, &f->err) == MC_OK;
}

static void teardown(fixture *f)
{
    mc_permission_free(f->service);
    mc_db_close(f->db);
    mc_arena_free(f->arena);
}

static mc_code check(fixture *f, const char *capability)
{
    return mc_permission_check(f->service, &f->ctx, mc_z(capability), &f->err);
}

static mc_code run_sql(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_db_exec_script(conn, mc_z(user), err);
}

MC_TEST("the tables hold grants per organization, for roles and users")
{
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("Agent"),
                                          MC_STR("Tickets.read"), &f.err),
                 &f.err);
    MC_EXPECT_OK(mc_permission_grant_user(f.service, &f.ctx, f.ctx.who.org_id, f.ctx.who.user_id,
                                          MC_STR("tickets.update"), &f.err),
                 &f.err);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    MC_EXPECT_EQ(check(&f, "tickets.update"), MC_OK);
    MC_EXPECT_EQ(check(&f, "tickets.delete"), MC_FORBIDDEN);
    MC_CASE("another organization");
    f.ctx.who.org_id = (mc_uuid){{3}};
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_EQ(check(&f, "tickets.update"), MC_FORBIDDEN);
    teardown(&f);
}

MC_TEST("W32: what was revoked can be granted again, also over a row deleted softly elsewhere")
{
    mc_str deleted = MC_STR("UPDATE permission_role_grants SET deleted_at = '2026-01-01';");
    fixture f;

    MC_REQUIRE(setup(&f));
    for (int i = 0; i < 3; i++) {
        MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                              MC_STR("tickets.read"), &f.err),
                     &f.err);
        MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
        MC_EXPECT_OK(mc_permission_revoke_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                               MC_STR("tickets.read"), &f.err),
                     &f.err);
        MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    }
    MC_CASE("deleted softly");
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          MC_STR("tickets.read"), &f.err),
                 &f.err);
    MC_EXPECT_OK(mc_db_write(f.db, &f.ctx, run_sql, (void *)deleted.ptr, &f.err), &f.err);
    mc_permission_invalidate(f.service);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          MC_STR("tickets.read"), &f.err),
                 &f.err);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    teardown(&f);
}

MC_TEST("grants are listed, roles before users, sorted, of one organization only")
{
    mc_permission_grants grants;
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_OK(mc_permission_grant_user(f.service, &f.ctx, f.ctx.who.org_id, f.ctx.who.user_id,
                                          MC_STR("a.read"), &f.err),
                 &f.err);
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          MC_STR("c.read"), &f.err),
                 &f.err);
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          MC_STR("b.read"), &f.err),
                 &f.err);
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, (mc_uuid){{9}}, MC_STR("agent"),
                                          MC_STR("d.read"), &f.err),
                 &f.err);
    MC_EXPECT_OK(mc_permission_list_grants(f.service, &f.ctx, f.ctx.who.org_id, &grants, &f.err),
                 &f.err);
    MC_REQUIRE(grants.count == 3);
    MC_EXPECT_Z(grants.items[0].capability, "b.read");
    MC_EXPECT_Z(grants.items[0].role, "agent");
    MC_EXPECT_Z(grants.items[1].capability, "c.read");
    MC_EXPECT_Z(grants.items[2].capability, "a.read");
    MC_EXPECT(mc_uuid_eq(grants.items[2].user_id, f.ctx.who.user_id));
    teardown(&f);
}

/* ---- within a transaction ---- */

typedef struct in_transaction {
    fixture *f;
    bool fails;
} in_transaction;

static mc_code grant_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    in_transaction *t = user;
    mc_permission_grant grant = {
        .org_id = ctx->who.org_id, .role = MC_STR("agent"), .capability = MC_STR("tickets.read")};
    mc_arena *arena = mc_arena_new(0);
    mc_ctx other = {.arena = arena, .who = ctx->who};
    mc_code rc = mc_permission_grant_in(t->f->service, conn, ctx, &grant, err);

    /* Not committed, so nobody else may see it: and what he caches here must not stay. */
    MC_EXPECT_EQ(mc_permission_check(t->f->service, &other, MC_STR("tickets.read"), NULL),
                 MC_FORBIDDEN);
    mc_arena_free(arena);
    return rc == MC_OK && t->fails ? mc_fail(err, MC_CONFLICT, "changed my mind") : rc;
}

MC_TEST("a grant within a transaction is effective with its commit, and never without")
{
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_EQ(mc_db_write(f.db, &f.ctx, grant_in, &(in_transaction){&f, true}, &f.err),
                 MC_CONFLICT);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_OK(mc_db_write(f.db, &f.ctx, grant_in, &(in_transaction){&f, false}, &f.err), &f.err);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    teardown(&f);
}

MC_TEST("a miss is read on the connection that the request has")
{
    mc_db_conn *conn = NULL;
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          MC_STR("tickets.read"), &f.err),
                 &f.err);
    MC_REQUIRE_OK(mc_db_reader_open(f.db, &conn, &f.err), &f.err);
    f.ctx.conn = conn;
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    MC_CASE("and a grant leaves that connection where it was");
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          MC_STR("tickets.delete"), &f.err),
                 &f.err);
    MC_EXPECT(f.ctx.conn == conn);
    MC_EXPECT_EQ(check(&f, "tickets.delete"), MC_OK);
    mc_db_reader_close(conn);
    f.ctx.conn = NULL;
    teardown(&f);
}

MC_TEST("a missing table is an error, not a permission and not a denial")
{
    mc_str gone = MC_STR("DROP TABLE permission_user_grants;");
    fixture f;
    mc_code rc;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_OK(mc_db_write(f.db, &f.ctx, run_sql, (void *)gone.ptr, &f.err), &f.err);
    rc = check(&f, "tickets.read");
    MC_EXPECT(rc != MC_OK && rc != MC_FORBIDDEN);
    teardown(&f);
}
