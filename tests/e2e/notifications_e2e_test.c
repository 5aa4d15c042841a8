/* SPDX-License-Identifier: Apache-2.0 */
/* The bell: what one person is told, and nobody else. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LIST "/api/notifications?orderBy=created_at&orderDir=desc&per_page=20"

static bool setup(mc_process *process, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, mc_test_dir(), args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void teardown(mc_process *process, mc_client *client)
{
    mc_client_deinit(client);
    MC_EXPECT_EQ(mc_process_stop(process, SIGTERM), 0);
}

static void create(mc_client *client, const char *body, char path[100])
{
    MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/notifications", body), 201);
    (void)snprintf(path, 100, "/api/notifications/%.*s", MC_FMT(mc_client_field(client, "id")));
}

MC_TEST("notifications are listed newest first, marked read and unread, and deleted")
{
    mc_process process;
    mc_client client;
    char first[100], second[100];

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", LIST, NULL), 200);
    MC_EXPECT_HAS(client.body, "{\"data\":[],\"meta\":{\"total\":0,");
    create(&client, "{\"title\":\"First\",\"message\":\"m\",\"type\":\"warning\"}", first);
    create(
        &client,
        "{\"title\":\"Second\",\"link\":\"/tickets/1\",\"metadata\":{\"a\":[1]},\"icon\":\"bell\"}",
        second);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", LIST, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "title"), "Second");
    MC_EXPECT_HAS(client.body, "\"type\":\"info\",\"is_read\":false,\"created_at\":\"20");
    MC_EXPECT_HAS(client.body, "\"link\":\"/tickets/1\",\"icon\":\"bell\",\"image\":null,"
                               "\"metadata\":{\"a\":[1]}");
    MC_EXPECT_Z(mc_client_field(&client, "unread"), "2");

    MC_CASE("the paths that hosts of the published bell name");
    for (size_t i = 0; i < 2; i++) {
        char path[160];
        const char *base = i ? "/api/data/notifications/me" : "/api/dynamic/notifications/me";

        MC_EXPECT_EQ(mc_client_call(&client, "GET", base, NULL), 200);
        MC_EXPECT_Z(mc_client_field(&client, "title"), "Second");
        (void)snprintf(path, sizeof(path), "%s%s", base, first + strlen("/api/notifications"));
        MC_EXPECT_EQ(mc_client_call(&client, "PATCH", path, "{\"is_read\":false}"), 200);
    }
    MC_CASE("read and unread");
    MC_EXPECT_EQ(mc_client_call(&client, "PATCH", first, "{\"is_read\":true}"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "is_read"), "true");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/notifications?is_read=false", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "title"), "Second");
    MC_EXPECT_HAS(client.body, "\"total\":1,");
    MC_EXPECT_Z(mc_client_field(&client, "unread"), "1");
    MC_EXPECT_EQ(mc_client_call(&client, "PATCH", first, "{\"is_read\":false}"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "read_at"), "null");
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/notifications/read-all", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "updated"), "2");
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", first, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", first, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", LIST, NULL), 200);
    MC_EXPECT_HAS(client.body, "\"total\":1,");
    MC_EXPECT_Z(mc_client_field(&client, "unread"), "0");
    teardown(&process, &client);
}

MC_TEST("what a notification must not be is refused by name")
{
    static const struct {
        const char *name, *method, *path, *body;
        int status;
        const char *has;
    } cases[] = {
        {"no title", "POST", "/api/notifications", "{}", 422, "title is required"},
        {"a link that runs", "POST", "/api/notifications",
         "{\"title\":\"x\",\"link\":\"javascript:alert(1)\"}", 422, "\"link\""},
        {"a link to elsewhere that looks like a path", "POST", "/api/notifications",
         "{\"title\":\"x\",\"link\":\"//example.com\"}", 422, "\"link\""},
        {"a type that does not exist", "POST", "/api/notifications",
         "{\"title\":\"x\",\"type\":\"loud\"}", 422, "\"type\""},
        {"a person that does not exist", "POST", "/api/notifications",
         "{\"title\":\"x\",\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\"}", 422,
         "\"user_id\""},
        {"a title that is no text", "POST", "/api/notifications", "{\"title\":1}", 400, "title"},
        {"metadata that is no object", "POST", "/api/notifications",
         "{\"title\":\"x\",\"metadata\":[]}", 400, "metadata"},
        {"another order", "GET", "/api/notifications?orderBy=title", NULL, 400, "orderBy"},
        {"another way", "GET", "/api/notifications?orderDir=up", NULL, 400, "orderDir"},
        {"too many", "GET", "/api/notifications?per_page=1000", NULL, 400, "per_page"},
        {"nothing to change", "PATCH", "/api/notifications/01a212d9-38e0-7ac8-8766-8fcb3fda137e",
         "{}", 400, "is_read"},
        {"no id", "PATCH", "/api/notifications/x", "{\"is_read\":true}", 400, "invalid id"},
        {"one that is not there", "PATCH",
         "/api/notifications/01a212d9-38e0-7ac8-8766-8fcb3fda137e", "{\"is_read\":true}", 404,
         "not found"},
    };
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_client_call(&client, cases[i].method, cases[i].path, cases[i].body),
                     cases[i].status);
        MC_EXPECT_HAS(client.body, cases[i].has);
    }
    teardown(&process, &client);
}

MC_TEST("another organization neither sees, changes nor receives a notification")
{
    mc_process process;
    mc_client client, other;
    char path[100], body[200], user[64];

    MC_REQUIRE(setup(&process, &client));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/auth/me", NULL), 200);
    (void)snprintf(user, sizeof(user), "%.*s", MC_FMT(mc_client_field(&other, "id")));
    create(&client, "{\"title\":\"Ours\"}", path);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", LIST, NULL), 200);
    MC_EXPECT_HAS(other.body, "{\"data\":[],");
    MC_EXPECT_EQ(mc_client_call(&other, "PATCH", path, "{\"is_read\":true}"), 404);
    MC_EXPECT_EQ(mc_client_call(&other, "DELETE", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&other, "POST", "/api/notifications/read-all", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&other, "updated"), "0");
    (void)snprintf(body, sizeof(body), "{\"title\":\"x\",\"user_id\":\"%s\"}", user);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/notifications", body), 422);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", LIST, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "unread"), "1");
    mc_client_deinit(&other);
    teardown(&process, &client);
}
