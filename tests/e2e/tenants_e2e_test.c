/* SPDX-License-Identifier: Apache-2.0 */
/* Two organizations on one server, each trying to reach what is the other's. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct two_tenants {
    mc_process process;
    mc_client mine, theirs;
    char ticket[64];        /* theirs */
    char user[64], org[64]; /* theirs */
} two_tenants;

static void keep(char out[64], mc_str text)
{
    (void)snprintf(out, 64, "%.*s", MC_FMT(text)); /* UUIDs fit */
}

static bool setup(two_tenants *t)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(&t->process, mc_test_dir(), args))
        return false;
    mc_client_init(&t->mine, t->process.port);
    mc_client_init(&t->theirs, t->process.port);
    if (mc_client_register(&t->theirs, "Theirs", "them@example.com", "their-password") != 201)
        return false;
    if (mc_client_call(&t->theirs, "GET", "/api/auth/me", NULL) != 200)
        return false;
    keep(t->user, mc_client_field(&t->theirs, "id"));
    keep(t->org, mc_client_field(&t->theirs, "organization_id"));
    if (mc_client_call(&t->theirs, "POST", "/api/dynamic/tickets",
                       "{\"subject\":\"their secret\",\"status\":\"open\"}") != 201)
        return false;
    keep(t->ticket, mc_client_field(&t->theirs, "id"));
    return mc_client_register(&t->mine, "Mine", "me@example.com", "my-own-password") == 201;
}

static void teardown(two_tenants *t)
{
    mc_client_deinit(&t->mine);
    mc_client_deinit(&t->theirs);
    MC_EXPECT_EQ(mc_process_stop(&t->process, SIGTERM), 0);
}

MC_TEST("another organization's row does not exist, whatever is done to it")
{
    static const struct {
        const char *name, *method, *path, *body;
        int status;
    } cases[] = {
        {"get", "GET", "/api/dynamic/tickets/%s", NULL, 404},
        {"get by the alias", "GET", "/api/data/tickets/%s", NULL, 404},
        {"put", "PUT", "/api/dynamic/tickets/%s", "{\"subject\":\"mine now\"}", 404},
        {"put of nothing", "PUT", "/api/dynamic/tickets/%s", "{}", 404},
        {"patch", "PATCH", "/api/dynamic/tickets/%s", "{\"subject\":\"mine now\"}", 404},
        {"delete", "DELETE", "/api/dynamic/tickets/%s", NULL, 404},
        {"in upper case", "GET", "/api/DYNAMIC/tickets/%s", NULL, 404},
        {"as a URN", "GET", "/api/dynamic/tickets/urn:uuid:%s", NULL, 404},
    };
    two_tenants t;
    char path[256];

    MC_REQUIRE(setup(&t));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        (void)snprintf(path, sizeof(path), cases[i].path, t.ticket);
        MC_EXPECT_EQ(mc_client_call(&t.mine, cases[i].method, path, cases[i].body),
                     cases[i].status);
        MC_EXPECT(mc_str_find(t.mine.body, MC_STR("their secret")) == t.mine.body.len);
    }
    MC_CASE("and it is as it was");
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%s", t.ticket);
    MC_EXPECT_EQ(mc_client_call(&t.theirs, "GET", path, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&t.theirs, "subject"), "their secret");
    teardown(&t);
}

MC_TEST("lists, searches, filters and exports stay within the organization")
{
    static const char *const paths[] = {
        "/api/dynamic/tickets",
        "/api/data/tickets",
        "/api/dynamic/tickets?search=secret",
        "/api/dynamic/tickets?f_status=open",
        "/api/dynamic/tickets?f_id=%s",
        "/api/dynamic/tickets?f_created_by_id=%s",
        "/api/dynamic/tickets?sortBy=subject&order=asc&per_page=200",
        "/api/dynamic/tickets/export",
    };
    two_tenants t;
    char path[256];

    MC_REQUIRE(setup(&t));
    for (size_t i = 0; i < MC_LEN(paths); i++) {
        MC_CASE(paths[i]);
        (void)snprintf(path, sizeof(path), paths[i], i == 4 ? t.ticket : t.user);
        MC_EXPECT_EQ(mc_client_call(&t.mine, "GET", path, NULL), 200);
        MC_EXPECT(mc_str_find(t.mine.body, MC_STR("their secret")) == t.mine.body.len);
        MC_EXPECT(mc_str_find(t.mine.body, MC_STR("\"total\":1")) == t.mine.body.len);
    }
    teardown(&t);
}

MC_TEST("a body cannot move a row, name its creator or take another's identity")
{
    two_tenants t;
    char body[1024], path[128];

    MC_REQUIRE(setup(&t));
    (void)snprintf(body, sizeof(body),
                   "{\"subject\":\"planted\",\"id\":\"%s\",\"organization_id\":\"%s\","
                   "\"created_by_id\":\"%s\",\"created_at\":\"2001-01-01T00:00:00Z\","
                   "\"deleted_at\":\"2001-01-01T00:00:00Z\"}",
                   t.ticket, t.org, t.user);
    MC_EXPECT_EQ(mc_client_call(&t.mine, "POST", "/api/dynamic/tickets", body), 201);
    MC_EXPECT(!mc_str_eq(mc_client_field(&t.mine, "id"), mc_z(t.ticket)));
    MC_EXPECT(!mc_str_eq(mc_client_field(&t.mine, "organization_id"), mc_z(t.org)));
    MC_EXPECT(!mc_str_eq(mc_client_field(&t.mine, "created_by_id"), mc_z(t.user)));
    MC_EXPECT(!mc_str_starts_with(mc_client_field(&t.mine, "created_at"), MC_STR("2001")));

    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%.*s",
                   MC_FMT(mc_client_field(&t.mine, "id")));
    MC_EXPECT_EQ(mc_client_call(&t.mine, "PUT", path, body), 200);
    MC_EXPECT(!mc_str_eq(mc_client_field(&t.mine, "organization_id"), mc_z(t.org)));
    MC_EXPECT_EQ(mc_client_call(&t.mine, "GET", path, NULL), 200);

    MC_EXPECT_EQ(mc_client_call(&t.theirs, "GET", "/api/dynamic/tickets", NULL), 200);
    MC_EXPECT_HAS(t.theirs.body, "\"total\":1");
    teardown(&t);
}

MC_TEST("a reference to another organization's user or row is refused by its field")
{
    two_tenants t;
    char body[256];

    MC_REQUIRE(setup(&t));
    (void)snprintf(body, sizeof(body), "{\"subject\":\"x\",\"assignee_id\":\"%s\"}", t.user);
    MC_EXPECT_EQ(mc_client_call(&t.mine, "POST", "/api/dynamic/tickets", body), 422);
    MC_EXPECT_HAS(t.mine.body, "\"assignee_id\":[{\"code\":\"not_found\"");
    MC_EXPECT_EQ(mc_client_call(&t.theirs, "POST", "/api/dynamic/tickets", body), 201);
    teardown(&t);
}

MC_TEST("registering does not choose a role or join somebody's organization")
{
    two_tenants t;
    char body[512];

    MC_REQUIRE(setup(&t));
    t.mine.token[0] = '\0';
    (void)snprintf(body, sizeof(body),
                   "{\"name\":\"Eve\",\"email\":\"eve@example.com\",\"password\":\"eve-password\","
                   "\"role\":\"superuser\",\"organization_id\":\"%s\",\"organization_name\":"
                   "\"Theirs's Organization\"}",
                   t.org);
    MC_EXPECT_EQ(mc_client_call(&t.mine, "POST", "/api/auth/register", body), 201);
    MC_EXPECT_Z(mc_client_field(&t.mine, "role"), "owner");
    MC_EXPECT(mc_str_find(t.mine.body, mc_z(t.org)) == t.mine.body.len);
    teardown(&t);
}
