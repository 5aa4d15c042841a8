/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission.h"

#include "mc_test.h"

#include <pthread.h>

/* ---- a store that counts, fails on demand and holds what a test gave it ---- */

typedef struct fake_store {
    mc_permission_store inner;
    int loads;
    mc_code fails_with;
} fake_store;

static mc_code fake_load(void *self, mc_ctx *ctx, mc_uuid org_id, mc_uuid user_id, mc_str role,
                         mc_strs *out, mc_err *err)
{
    fake_store *fake = self;

    fake->loads++;
    if (fake->fails_with != MC_OK)
        return mc_fail(err, fake->fails_with, "store: away");
    return fake->inner.vt->load(fake->inner.self, ctx, org_id, user_id, role, out, err);
}

static mc_code fake_grant(void *self, mc_db_conn *conn, mc_ctx *ctx,
                          const mc_permission_grant *grant, mc_err *err)
{
    fake_store *fake = self;

    return fake->inner.vt->grant(fake->inner.self, conn, ctx, grant, err);
}

static mc_code fake_revoke(void *self, mc_db_conn *conn, mc_ctx *ctx,
                           const mc_permission_grant *grant, mc_err *err)
{
    fake_store *fake = self;

    return fake->inner.vt->revoke(fake->inner.self, conn, ctx, grant, err);
}

static void fake_free(void *self)
{
    fake_store *fake = self;

    fake->inner.vt->free(fake->inner.self);
}

static const mc_permission_store_vt fake_vt = {.struct_size = sizeof(fake_vt),
                                               .load = fake_load,
                                               .grant = fake_grant,
                                               .revoke = fake_revoke,
                                               .free = fake_free};

/* ---- a clock that a test moves ---- */

static int64_t clock_us;

static mc_time fake_now(void *self)
{
    (void)self;
    return clock_us;
}

static const mc_clock_vt clock_vt = {
    .struct_size = sizeof(clock_vt), .now = fake_now, .monotonic_us = fake_now};

/* ---- fixture ---- */

typedef struct fixture {
    fake_store store;
    mc_permission *service;
    mc_arena *arena;
    mc_ctx ctx;
    mc_err err;
} fixture;

static mc_uuid uuid_of(uint8_t last)
{
    mc_uuid id = {{1}};

    id.bytes[15] = last;
    return id;
}

static bool setup_with(fixture *f, mc_permission_config config)
{
    *f = (fixture){.arena = mc_arena_new(0)};
    f->ctx.arena = f->arena;
    f->ctx.who =
        (mc_principal){.user_id = uuid_of(1), .org_id = uuid_of(100), .role = MC_STR_INIT("agent")};
    clock_us = 1000000;
    if (mc_permission_store_memory_new(&f->store.inner, &f->err) != MC_OK)
        return false;
    config.store = (mc_permission_store){&fake_vt, &f->store};
    config.clock = (mc_clock){&clock_vt, NULL};
    return mc_permission_new(&config, &f->service, &f->err) == MC_OK;
}

static bool setup(fixture *f)
{
    return setup_with(f, (mc_permission_config){MC_PERMISSION_CONFIG});
}

static void teardown(fixture *f)
{
    mc_permission_free(f->service);
    mc_arena_free(f->arena);
}

static mc_code check(fixture *f, const char *capability)
{
    return mc_permission_check(f->service, &f->ctx, mc_z(capability), &f->err);
}

static void grant(fixture *f, const char *role, const char *capability)
{
    MC_EXPECT_OK(mc_permission_grant_role(f->service, &f->ctx, f->ctx.who.org_id, mc_z(role),
                                          mc_z(capability), &f->err),
                 &f->err);
}

/* ---- capabilities ---- */

static const struct {
    const char *name, *held, *wanted;
    bool covered;
} cover_cases[] = {
    {"itself", "users.read", "users.read", true},
    {"the star covers everything", "*", "users.delete", true},
    {"the star covers what has no dot", "*", "publish", true},
    {"a wildcard covers every action", "users.*", "users.delete", true},
    {"a wildcard stops at its resource", "users.*", "usersx.read", false},
    {"a wildcard does not reach below its resource", "users.*", "users.private.read", false},
    {"another action", "users.read", "users.update", false},
    {"another resource", "users.read", "orders.read", false},
    {"resources are compared without case", "Users.read", "uSERS.read", true},
    {"actions are compared with case", "users.Read", "users.read", false},
    {"space around is nothing", " users.read ", "users.read", true},
    {"who may read may index", "users.read", "users.index", true},
    {"who may index may read", "users.index", "users.read", true},
    {"index is not update", "users.index", "users.update", false},
    {"read alone has no other name", "read", "index", false},
    {"a resource with dots", "addon.orders.*", "addon.orders.export", true},
    {"a star inside is a letter", "us*.read", "users.read", false},
    {"a wildcard resource is a letter too", "*.read", "users.read", false},
    {"nothing held", "", "users.read", false},
    {"nothing wanted", "users.read", "", false},
};

MC_TEST("a held capability covers the wanted one only on its own resource")
{
    for (size_t i = 0; i < MC_LEN(cover_cases); i++) {
        MC_CASE(cover_cases[i].name);
        MC_EXPECT_EQ(mc_capability_covers(mc_z(cover_cases[i].held), mc_z(cover_cases[i].wanted)),
                     cover_cases[i].covered);
    }
}

MC_TEST("a capability is trimmed and only its resource is lowered")
{
    static const struct {
        const char *resource, *action, *text;
    } cases[] = {
        {"Users", "Create", "users.Create"},
        {"  users ", " read ", "users.read"},
        {"Users", "", "users"},
        {"", "Create", "Create"},
        {" ", " ", ""},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].text);
        MC_EXPECT_Z(mc_capability(arena, mc_z(cases[i].resource), mc_z(cases[i].action)),
                    cases[i].text);
    }
    mc_arena_free(arena);
}

MC_TEST("a capability of 255 bytes can be held and a longer one never")
{
    char text[300];
    fixture f;

    MC_REQUIRE(setup(&f));
    memset(text, 'a', sizeof(text));
    MC_EXPECT_OK(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          mc_str_of(text, 255), &f.err),
                 &f.err);
    MC_EXPECT_EQ(mc_permission_check(f.service, &f.ctx, mc_str_of(text, 255), &f.err), MC_OK);
    MC_EXPECT_EQ(mc_permission_check(f.service, &f.ctx, mc_str_of(text, 256), &f.err),
                 MC_FORBIDDEN);
    MC_EXPECT_EQ(mc_permission_grant_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                          mc_str_of(text, 256), &f.err),
                 MC_INVALID);
    text[100] = '.';
    MC_EXPECT_EQ(mc_permission_check(f.service, &f.ctx, mc_str_of(text, 255), &f.err),
                 MC_FORBIDDEN);
    teardown(&f);
}

/* ---- asking ---- */

MC_TEST("a denial names the capability, is forbidden, and nobody is not forbidden but nobody")
{
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(f.err.msg), "permission: denied: missing capability \"tickets.read\"");
    f.ctx.who.user_id = (mc_uuid){{0}};
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_UNAUTHENTICATED);
    f.ctx.who.role = MC_STR("owner");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_UNAUTHENTICATED);
    f.ctx.who.user_id = uuid_of(1);
    f.ctx.who.org_id = (mc_uuid){{0}};
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_UNAUTHENTICATED);
    teardown(&f);
}

MC_TEST("a super role holds everything and the store is not asked")
{
    static const mc_str roots[] = {MC_STR_INIT(" Root "), MC_STR_INIT("captain")};
    mc_strs list;
    fixture f;

    MC_REQUIRE(setup(&f));
    f.store.fails_with = MC_UNAVAILABLE;
    f.ctx.who.role = MC_STR(" OWNER");
    MC_EXPECT_EQ(check(&f, "anything.at_all"), MC_OK);
    MC_EXPECT_OK(mc_permission_list(f.service, &f.ctx, &list, &f.err), &f.err);
    MC_EXPECT_EQ(list.count, 1);
    MC_EXPECT_Z(list.items[0], "*");
    MC_EXPECT_EQ(f.store.loads, 0);
    teardown(&f);

    MC_CASE("the config replaces the set");
    MC_REQUIRE(setup_with(
        &f, (mc_permission_config){MC_PERMISSION_CONFIG, .super_roles = {roots, MC_LEN(roots)}}));
    MC_EXPECT(mc_permission_is_super_role(f.service, MC_STR("root")));
    MC_EXPECT(mc_permission_is_super_role(f.service, MC_STR("Captain ")));
    MC_EXPECT(!mc_permission_is_super_role(f.service, MC_STR("owner")));
    MC_EXPECT(!mc_permission_is_super_role(f.service, MC_STR("")));
    teardown(&f);
}

MC_TEST("what role and user were granted adds up, whatever the role's case")
{
    fixture f;

    MC_REQUIRE(setup(&f));
    grant(&f, " Agent ", "tickets.read");
    grant(&f, "agent", "Users.*");
    MC_EXPECT_OK(mc_permission_grant_user(f.service, &f.ctx, f.ctx.who.org_id, f.ctx.who.user_id,
                                          MC_STR("tickets.delete"), &f.err),
                 &f.err);
    f.ctx.who.role = MC_STR("AGENT");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    MC_EXPECT_EQ(check(&f, "tickets.index"), MC_OK);
    MC_EXPECT_EQ(check(&f, "tickets.delete"), MC_OK);
    MC_EXPECT_EQ(check(&f, "users.create"), MC_OK);
    MC_EXPECT_EQ(check(&f, "tickets.update"), MC_FORBIDDEN);
    MC_EXPECT_EQ(
        mc_permission_check_action(f.service, &f.ctx, MC_STR("Tickets"), MC_STR("read"), &f.err),
        MC_OK);
    MC_EXPECT_EQ(mc_permission_check_action(f.service, &f.ctx, MC_STR(""), MC_STR("read"), &f.err),
                 MC_FORBIDDEN);
    MC_CASE("another user of another role");
    f.ctx.who.role = MC_STR("guest");
    f.ctx.who.user_id = uuid_of(2);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_EQ(check(&f, "tickets.delete"), MC_FORBIDDEN);
    teardown(&f);
}

MC_TEST("W29: a grant in one organization means nothing in another, cached or not")
{
    fixture f;

    MC_REQUIRE(setup(&f));
    grant(&f, "agent", "tickets.read");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    f.ctx.who.org_id = uuid_of(101);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    f.ctx.who.org_id = uuid_of(100);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    teardown(&f);
}

MC_TEST("W29: a changed role, a grant and a revoke are effective at once")
{
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    grant(&f, "agent", "tickets.read");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    f.ctx.who.role = MC_STR("guest");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    f.ctx.who.role = MC_STR("agent");
    MC_EXPECT_OK(mc_permission_revoke_role(f.service, &f.ctx, f.ctx.who.org_id, MC_STR("agent"),
                                           MC_STR("tickets.read"), &f.err),
                 &f.err);
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_CASE("W32: granted again after a revoke");
    grant(&f, "agent", "tickets.read");
    grant(&f, "agent", "tickets.read");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    MC_CASE("revoking what is not held");
    MC_EXPECT_OK(mc_permission_revoke_user(f.service, &f.ctx, f.ctx.who.org_id, uuid_of(9),
                                           MC_STR("tickets.read"), &f.err),
                 &f.err);
    teardown(&f);
}

MC_TEST("a store that fails is an error and not a permission, and is not remembered")
{
    mc_strs list;
    fixture f;

    MC_REQUIRE(setup(&f));
    grant(&f, "agent", "tickets.read");
    f.store.fails_with = MC_UNAVAILABLE;
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_UNAVAILABLE);
    MC_EXPECT_EQ(mc_permission_list(f.service, &f.ctx, &list, &f.err), MC_UNAVAILABLE);
    f.store.fails_with = MC_INTERRUPTED;
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_INTERRUPTED);
    f.store.fails_with = MC_OK;
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    teardown(&f);
}

MC_TEST("any and all say what is missing")
{
    static const mc_str none_held[] = {MC_STR_INIT("a.x"), MC_STR_INIT("b.y")};
    static const mc_str one_held[] = {MC_STR_INIT("tickets.read"), MC_STR_INIT("b.y")};
    mc_strs none = {none_held, MC_LEN(none_held)}, one = {one_held, MC_LEN(one_held)};
    mc_strs nothing = {NULL, 0};
    fixture f;

    MC_REQUIRE(setup(&f));
    grant(&f, "agent", "tickets.read");
    MC_EXPECT_EQ(mc_permission_check_any(f.service, &f.ctx, one, &f.err), MC_OK);
    MC_EXPECT_EQ(mc_permission_check_any(f.service, &f.ctx, none, &f.err), MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(f.err.msg), "permission: denied: missing any of [a.x b.y]");
    MC_EXPECT_EQ(mc_permission_check_all(f.service, &f.ctx, one, &f.err), MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(f.err.msg), "permission: denied: missing \"b.y\"");
    MC_EXPECT_EQ(mc_permission_check_any(f.service, &f.ctx, nothing, &f.err), MC_OK);
    MC_EXPECT_EQ(mc_permission_check_all(f.service, &f.ctx, nothing, &f.err), MC_OK);
    f.ctx.who.user_id = (mc_uuid){{0}};
    MC_EXPECT_EQ(mc_permission_check_any(f.service, &f.ctx, nothing, &f.err), MC_UNAUTHENTICATED);
    MC_EXPECT_EQ(mc_permission_check_all(f.service, &f.ctx, nothing, &f.err), MC_UNAUTHENTICATED);
    teardown(&f);
}

MC_TEST("the list is sorted, without doubles, and names read and index both")
{
    static const char *const wanted[] = {"logs.index", "logs.read", "tickets.index", "tickets.read",
                                         "users.*"};
    mc_strs list;
    fixture f;

    MC_REQUIRE(setup(&f));
    grant(&f, "agent", "users.*");
    grant(&f, "agent", "tickets.read");
    grant(&f, "agent", "logs.index");
    MC_EXPECT_OK(mc_permission_grant_user(f.service, &f.ctx, f.ctx.who.org_id, f.ctx.who.user_id,
                                          MC_STR("tickets.read"), &f.err),
                 &f.err);
    for (int round = 0; round < 2; round++) {
        MC_CASE(round ? "from the cache" : "from the store");
        MC_EXPECT_OK(mc_permission_list(f.service, &f.ctx, &list, &f.err), &f.err);
        MC_REQUIRE(list.count == MC_LEN(wanted));
        for (size_t i = 0; i < list.count; i++)
            MC_EXPECT_Z(list.items[i], wanted[i]);
    }
    MC_EXPECT_EQ(f.store.loads, 1);
    teardown(&f);
}

/* ---- cache ---- */

MC_TEST("a cached answer asks no store and takes no memory, until its time is over")
{
    size_t used;
    fixture f;

    MC_REQUIRE(setup_with(&f, (mc_permission_config){MC_PERMISSION_CONFIG, .cache_ttl_ms = 1000}));
    grant(&f, "agent", "tickets.read");
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    used = mc_arena_used(f.arena);
    for (int i = 0; i < 100; i++) {
        MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
        MC_EXPECT_EQ(check(&f, "tickets.update"), MC_FORBIDDEN);
    }
    MC_EXPECT_EQ(f.store.loads, 1);
    MC_EXPECT_EQ(mc_arena_used(f.arena), used);
    clock_us += 999999;
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    MC_EXPECT_EQ(f.store.loads, 1);
    clock_us += 1;
    MC_EXPECT_EQ(check(&f, "tickets.read"), MC_OK);
    MC_EXPECT_EQ(f.store.loads, 2);
    teardown(&f);
}

MC_TEST("W29: the cache is bounded and keeps what was used last")
{
    fixture f;

    MC_REQUIRE(setup_with(&f, (mc_permission_config){MC_PERMISSION_CONFIG, .cache_entries = 64}));
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 250; i++) {
            f.ctx.who.user_id = uuid_of((uint8_t)(i + 1));
            MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
            mc_arena_reset(f.arena);
        }
    }
    MC_EXPECT(f.store.loads > 250);
    MC_CASE("one that is used all the time stays");
    f.store.loads = 0;
    for (int i = 0; i < 250; i++) {
        f.ctx.who.user_id = uuid_of(7);
        MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
        f.ctx.who.user_id = uuid_of((uint8_t)(i + 1));
        MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    }
    MC_EXPECT(f.store.loads <= 251);
    teardown(&f);
}

MC_TEST("without a cache every question reaches the store")
{
    uint64_t version;
    fixture f;

    MC_REQUIRE(setup_with(&f, (mc_permission_config){MC_PERMISSION_CONFIG, .cache_ttl_ms = -1}));
    for (int i = 0; i < 3; i++)
        MC_EXPECT_EQ(check(&f, "tickets.read"), MC_FORBIDDEN);
    MC_EXPECT_EQ(f.store.loads, 3);
    version = mc_permission_version(f.service);
    mc_permission_invalidate(f.service);
    MC_EXPECT(mc_permission_version(f.service) > version);
    teardown(&f);
}

typedef struct asker {
    fixture *f;
    int wrong;
} asker;

static void *ask_often(void *user)
{
    asker *a = user;
    mc_arena *arena = mc_arena_new(0);
    mc_ctx ctx = {.arena = arena, .who = a->f->ctx.who};
    mc_err err;

    for (int i = 0; i < 5000; i++) {
        ctx.who.user_id = uuid_of((uint8_t)(1 + i % 100));
        if (mc_permission_check(a->f->service, &ctx, MC_STR("always.read"), &err) != MC_OK)
            a->wrong++;
        mc_arena_reset(arena);
    }
    mc_arena_free(arena);
    return NULL;
}

MC_TEST("many threads ask while grants change, and what stays granted stays allowed")
{
    mc_permission_store store;
    mc_permission *service;
    fixture f = {.arena = mc_arena_new(0)};
    pthread_t threads[4];
    asker askers[4];

    f.ctx =
        (mc_ctx){.arena = f.arena, .who = {.org_id = uuid_of(100), .role = MC_STR_INIT("agent")}};
    MC_REQUIRE_OK(mc_permission_store_memory_new(&store, &f.err), &f.err);
    MC_REQUIRE_OK(mc_permission_new(&(mc_permission_config){MC_PERMISSION_CONFIG, .store = store,
                                                            .cache_entries = 32},
                                    &service, &f.err),
                  &f.err);
    f.service = service;
    grant(&f, "agent", "always.read");
    for (size_t i = 0; i < MC_LEN(threads); i++) {
        askers[i] = (asker){.f = &f};
        MC_REQUIRE(pthread_create(&threads[i], NULL, ask_often, &askers[i]) == 0);
    }
    for (int i = 0; i < 200; i++) {
        grant(&f, "agent", "sometimes.read");
        MC_EXPECT_OK(mc_permission_revoke_role(service, &f.ctx, uuid_of(100), MC_STR("agent"),
                                               MC_STR("sometimes.read"), &f.err),
                     &f.err);
    }
    for (size_t i = 0; i < MC_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        MC_EXPECT_EQ(askers[i].wrong, 0);
    }
    teardown(&f);
}

/* ---- construction and bad input ---- */

MC_TEST("a grant without organization, holder or capability is refused")
{
    mc_uuid nobody = {{0}};
    fixture f;

    MC_REQUIRE(setup(&f));
    MC_EXPECT_EQ(
        mc_permission_grant_role(f.service, &f.ctx, nobody, MC_STR("agent"), MC_STR("a.b"), &f.err),
        MC_INVALID);
    MC_EXPECT_EQ(mc_permission_grant_role(f.service, &f.ctx, uuid_of(100), MC_STR("  "),
                                          MC_STR("a.b"), &f.err),
                 MC_INVALID);
    MC_EXPECT_EQ(
        mc_permission_grant_role(f.service, &f.ctx, uuid_of(100),
                                 MC_STR("a-role-of-more-than-fifty-bytes-is-not-a-role-of-ours"),
                                 MC_STR("a.b"), &f.err),
        MC_INVALID);
    MC_EXPECT_EQ(
        mc_permission_grant_user(f.service, &f.ctx, uuid_of(100), nobody, MC_STR("a.b"), &f.err),
        MC_INVALID);
    MC_EXPECT_EQ(
        mc_permission_grant_user(f.service, &f.ctx, uuid_of(100), uuid_of(1), MC_STR(" "), &f.err),
        MC_INVALID);
    teardown(&f);
}

MC_TEST("a service without store, or with a nameless super role, is not made")
{
    static const mc_str blank[] = {MC_STR_INIT(" ")};
    mc_permission *service = NULL;
    mc_permission_store store;
    mc_err err;

    MC_EXPECT_EQ(mc_permission_new(&(mc_permission_config){MC_PERMISSION_CONFIG}, &service, &err),
                 MC_INVALID);
    MC_REQUIRE_OK(mc_permission_store_memory_new(&store, &err), &err);
    MC_EXPECT_EQ(mc_permission_new(&(mc_permission_config){MC_PERMISSION_CONFIG, .store = store,
                                                           .super_roles = {blank, 1}},
                                   &service, &err),
                 MC_INVALID);
    MC_EXPECT(service == NULL);
}

static mc_code live(mc_err *err)
{
    mc_permission *service = NULL;
    mc_permission_store store;
    mc_arena *arena = mc_arena_new(0);
    mc_ctx ctx = {.arena = arena,
                  .who = {.user_id = {{1}}, .org_id = {{2}}, .role = MC_STR_INIT("agent")}};
    mc_strs list;
    mc_code rc =
        arena ? mc_permission_store_memory_new(&store, err) : mc_fail(err, MC_NO_MEMORY, "arena");

    if (rc == MC_OK)
        rc = mc_permission_new(&(mc_permission_config){MC_PERMISSION_CONFIG, .store = store},
                               &service, err);
    if (rc == MC_OK)
        rc = mc_permission_grant_role(service, &ctx, ctx.who.org_id, ctx.who.role,
                                      MC_STR("tickets.read"), err);
    if (rc == MC_OK)
        rc = mc_permission_check(service, &ctx, MC_STR("tickets.read"), err);
    if (rc == MC_OK)
        rc = mc_permission_list(service, &ctx, &list, err);
    mc_permission_free(service);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("without memory the service says so and leaks nothing")
{
    MC_TEST_OOM(live);
}
