/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in, staying in, getting out. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};

static bool setup(mc_process *process, mc_client *client)
{
    if (!mc_process_start(process, mc_test_dir(), dev))
        return false;
    mc_client_init(client, process->port);
    return true;
}

static void teardown(mc_process *process, mc_client *client)
{
    mc_client_deinit(client);
    MC_EXPECT_EQ(mc_process_stop(process, SIGTERM), 0);
}

MC_TEST("the demo owner signs in, is somebody, and after signing out is nobody")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/auth/me", NULL), 401);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "wrong-password"), 401);
    MC_EXPECT_Z(mc_client_field(&client, "message"), "Invalid credentials");
    MC_EXPECT_EQ(mc_client_sign_in(&client, "nobody@example.com", "wrong-password"), 401);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "Owner@Example.com", "metacore-demo"), 200);
    MC_EXPECT_HAS(client.head, "no-store");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/auth/me", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "email"), "owner@example.com");
    MC_EXPECT(mc_str_find(client.body, MC_STR("hash")) == client.body.len);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/auth/logout", "{}"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "message"), "Logged out successfully");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/auth/me", NULL), 401);
    teardown(&process, &client);
}

MC_TEST("a refresh token works once, and its second use ends the session")
{
    mc_process process;
    mc_client client;
    char first[256], second[256];

    MC_REQUIRE(setup(&process, &client));
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    (void)snprintf(first, sizeof(first), "{\"refresh_token\":\"%.*s\"}",
                   MC_FMT(mc_client_field(&client, "refresh_token")));
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/auth/refresh", first), 200);
    (void)snprintf(second, sizeof(second), "{\"refresh_token\":\"%.*s\"}",
                   MC_FMT(mc_client_field(&client, "refresh_token")));
    MC_EXPECT(strcmp(first, second) != 0);
    (void)snprintf(client.token, sizeof(client.token), "%.*s",
                   MC_FMT(mc_client_field(&client, "token")));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/auth/me", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/auth/refresh", first), 401);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/auth/refresh", second), 401);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/auth/me", NULL), 401);
    teardown(&process, &client);
}

MC_TEST("tokens that were tampered with, or come by the query, are refused")
{
    static const struct {
        const char *name, *token;
    } cases[] = {
        {"no token at all", ""},
        {"no JWT", "abc"},
        {"alg none", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."
                     "eyJzdWIiOiIwMTkzNWE0MC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEiLCJleHAiOjQxMDI"
                     "0NDQ4MDB9."},
        {"a signature of nothing", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjQxMDI0NDQ4MDB9."
                                   "AAAA"},
    };
    mc_process process;
    mc_client client;
    char good[2048], path[2200];

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        (void)snprintf(client.token, sizeof(client.token), "%s", cases[i].token);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 401);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/no/such/path", NULL), 401);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/API/No/Such", NULL), 401);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api", NULL), 401);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/apis", NULL), 404);
        /* Pages ask for it before anybody signs in, and would sign out at a 401. */
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/push/public-key", NULL), 404);
    }
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    memcpy(good, client.token, sizeof(good));
    MC_CASE("one letter of the payload changed");
    client.token[strlen(client.token) / 2] ^= 1;
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 401);
    MC_CASE("a good token in the query of an ordinary route");
    client.token[0] = '\0';
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets?token=%s", good);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 401);
    MC_CASE("W20: and in the query of a download, which a link starts");
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/export?token=%s", good);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 200);
    path[strlen(path) - 20] ^= 1;
    MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 401);
    teardown(&process, &client);
}

MC_TEST("guessing passwords is slowed down, by account and with a time to wait")
{
    mc_process process;
    mc_client client;
    int refused = 0;

    MC_REQUIRE(setup(&process, &client));
    for (int i = 0; i < 40 && !refused; i++)
        refused = mc_client_sign_in(&client, "owner@example.com", "wrong-password") == 429;
    MC_EXPECT(refused);
    MC_EXPECT_HAS(client.head, "Retry-After:");
    teardown(&process, &client);
}

MC_TEST("what registering refuses, it refuses in the documented words")
{
    static const struct {
        const char *name, *body, *message;
        int status;
    } cases[] = {
        {"no object", "[]", "Invalid request format", 400},
        {"a wrong type", "{\"name\":1,\"email\":\"a@b.co\",\"password\":\"long-enough\"}",
         "Invalid request format", 400},
        {"no password", "{\"name\":\"A\",\"email\":\"a@b.co\"}", "Required fields missing", 400},
        {"an account that exists",
         "{\"name\":\"A\",\"email\":\"OWNER@example.com\",\"password\":\"long-enough\"}",
         "User already exists", 409},
    };
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/auth/register", cases[i].body),
                     cases[i].status);
        MC_EXPECT_Z(mc_client_field(&client, "message"), cases[i].message);
    }
    MC_CASE("two organizations of one name");
    MC_EXPECT_EQ(mc_client_register(&client, "Ann", "ann@example.com", "long-enough"), 201);
    MC_EXPECT_EQ(mc_client_register(&client, "Ann", "ann2@example.com", "long-enough"), 201);
    teardown(&process, &client);
}

MC_TEST("without --dev registration is closed and a first start offers a setup link once")
{
    static const char *const args[] = {"--jwt-secret", "0123456789abcdef0123456789abcdef",
                                       "--log-level", "error", NULL};
    mc_process process;
    mc_client client;
    char log[16384], body[512];
    size_t at;
    FILE *file;

    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_register(&client, "Ann", "ann@example.com", "long-enough"), 403);
    file = fopen(process.log, "rbe");
    MC_REQUIRE(file != NULL);
    log[fread(log, 1, sizeof(log) - 1, file)] = '\0';
    (void)fclose(file); /* read only */
    at = mc_str_find(mc_z(log), MC_STR("token="));
    MC_REQUIRE(at < strlen(log));
    (void)snprintf(body, sizeof(body),
                   "{\"token\":\"%.*s\",\"name\":\"Ann\",\"email\":\"ann@example.com\","
                   "\"password\":\"long-enough\",\"organization_name\":\"Ann's\"}",
                   (int)strcspn(log + at + 6, " \n\""), log + at + 6);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/auth/setup", body), 201);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "ann@example.com", "long-enough"), 200);
    MC_EXPECT(mc_client_call(&client, "POST", "/api/auth/setup", body) >= 400);
    teardown(&process, &client);
}
