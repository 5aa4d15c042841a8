/* SPDX-License-Identifier: Apache-2.0 */
/* Pickers over HTTP: what the published client asks for, of whom, and who may. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const args[] = {"--dev", "--log-level", "error", NULL};
static char out[16384];

static int run(const mc_process *process, const char *const *words, const char *input)
{
    const char *all[24];
    size_t count = 0;

    while (words[count]) {
        all[count] = words[count];
        count++;
    }
    all[count++] = "--data";
    all[count++] = process->data;
    all[count] = NULL;
    return mc_process_run(all, input, out, sizeof(out));
}

MC_TEST("pickers and searches answer the client's requests in its envelope")
{
    static const struct {
        const char *path;
        int status;
        const char *wanted;
    } cases[] = {
        {"/api/options/users?field=id&limit=20", 200,
         "\"label\":\"Demo Owner\",\"name\":\"Demo "
         "Owner\",\"description\":\"owner@example.com\"}],\"meta\":"
         "{\"count\":1,\"type\":\"dynamic\"},\"success\":true}"},
        {"/api/options/users?field=id&q=OWNER", 200, "\"count\":1"},
        {"/api/options/users?field=id&search=nobody", 200,
         "{\"data\":[],\"meta\":{\"count\":0,\"type\":\"dynamic\"},\"success\":true}"},
        {"/api/options/tickets?field=assignee_id", 200, "owner@example.com"},
        {"/api/options/tickets?field=id&q=50%25", 200, "\"label\":\"50% off\""},
        {"/api/options/tickets?field=id&q=%25%25", 200, "\"count\":0"},
        {"/api/options/tickets?field=status", 200,
         "{\"data\":[{\"id\":\"open\",\"value\":\"open\",\"label\":\"Open\",\"name\":\"Open\""},
        {"/api/options/tickets?field=status&limit=1&q=zzz", 200, "\"count\":4,\"type\":\"static\""},
        {"/api/options/tickets?field=id&limit=1", 200, "\"count\":1,"},
        {"/api/options/tickets?field=id&limit=1&offset=1", 200, "\"label\":\"alpha\""},
        {"/api/options/tickets?field=id&limit=-5&offset=x", 200, "\"count\":2,"},
        {"/api/options/tickets", 400, "field is required"},
        {"/api/options/nothing", 400, "field is required"},
        {"/api/options/nothing?field=id", 404, "model not found in registry"},
        {"/api/options/tickets?field=body", 404, "field not configured for options"},
        {"/api/options/tickets?field=id&q=%zz", 400, "invalid URL escape"},
        {"/api/search/tickets?q=ALPHA", 200, "\"label\":\"alpha\""},
        {"/api/search/tickets?search=needle", 200, "\"label\":\"alpha\""},
        {"/api/search/tickets?q=nothing+like+it", 200, "{\"data\":[],\"success\":true}"},
        {"/api/search/tickets?limit=1", 200, "\"label\":\"50% off\""},
        {"/api/search/users?q=owner", 200, "owner@example.com"},
        {"/api/search/nothing", 404, "model not found in registry"},
    };
    mc_process process;
    mc_client client;

    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/options/tickets", NULL), 401);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/search/tickets", NULL), 401);
    MC_REQUIRE(mc_client_register(&client, "Theirs", "them@example.com", "their-password") == 201);
    MC_EXPECT_EQ(
        mc_client_call(&client, "POST", "/api/dynamic/tickets", "{\"subject\":\"alpha too\"}"),
        201);
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets",
                                "{\"subject\":\"alpha\",\"body\":\"a Needle in it\"}"),
                 201);
    MC_EXPECT_EQ(
        mc_client_call(&client, "POST", "/api/dynamic/tickets", "{\"subject\":\"50% off\"}"), 201);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].path);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", cases[i].path, NULL), cases[i].status);
        MC_EXPECT_HAS(client.body, cases[i].wanted);
        MC_EXPECT(mc_str_find(client.body, MC_STR("alpha too")) == client.body.len);
    }
    MC_CASE("in the reader's language");
    MC_EXPECT_EQ(mc_client_call_type(&client, "GET", "/api/options/tickets?field=status", NULL,
                                     MC_STR(""), "Accept-Language: es\r\n"),
                 200);
    MC_EXPECT_HAS(client.body, "\"value\":\"open\",\"label\":\"Abierto\"");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("who may not read a model chooses nothing from it")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), args));
    mc_client_init(&client, process.port);
    MC_REQUIRE(
        run(&process,
            (const char *const[]){"user", "create", "--email", "bob@example.com",
                                  "--password-stdin", "--org", "Demo", "--role", "agent", NULL},
            "bob-password\n") == 0);
    MC_REQUIRE(mc_client_sign_in(&client, "bob@example.com", "bob-password") == 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/options/tickets?field=id", NULL), 403);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/search/tickets", NULL), 403);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/options/users?field=id", NULL), 403);
    MC_EXPECT_EQ(run(&process,
                     (const char *const[]){"grant", "add", "--org", "Demo", "--role", "agent",
                                           "--capability", "tickets.read", NULL},
                     NULL),
                 0);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/options/tickets?field=id", NULL), 200);
    MC_CASE("a reference needs the other model's permission too");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/options/tickets?field=assignee_id", NULL),
                 403);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
