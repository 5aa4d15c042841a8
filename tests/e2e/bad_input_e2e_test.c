/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and requests that are wrong: a clear 4xx in the envelope, and nothing has changed. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool setup(mc_process *process, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, mc_test_dir(), args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void expect_refusal(mc_client *client, int status, int wanted)
{
    MC_EXPECT_EQ(status, wanted);
    MC_EXPECT_HAS(client->body, "\"message\":\"");
    MC_EXPECT_HAS(client->body, "\"success\":false");
    MC_EXPECT(mc_str_find(client->body, MC_STR("SQL")) == client->body.len);
    MC_EXPECT(mc_str_find(client->body, MC_STR("sqlite")) == client->body.len);
}

static const struct {
    const char *name, *body;
    int status;
    const char *names; /* what the answer must mention, or NULL */
} bodies[] = {
    {"nothing", "", 400, NULL},
    {"null", "null", 400, NULL},
    {"a list", "[]", 400, NULL},
    {"a list of null", "[null]", 400, NULL},
    {"a number", "7", 400, NULL},
    {"half an object", "{\"subject\":\"x\"", 400, NULL},
    {"text after the object", "{\"subject\":\"x\"}{}", 400, NULL},
    {"a key twice", "{\"subject\":\"x\",\"subject\":\"y\"}", 400, NULL},
    {"invalid UTF-8", "{\"subject\":\"\xff\"}", 400, NULL},
    {"an overlong form", "{\"subject\":\"\xc0\xaf\"}", 400, NULL},
    {"an escaped NUL", "{\"subject\":\"a\\u0000b\"}", 400, NULL},
    {"a lone surrogate", "{\"subject\":\"\\ud800\"}", 400, NULL},
    {"a number for text", "{\"subject\":7}", 400, "subject"},
    {"text for a boolean", "{\"subject\":\"x\",\"urgent\":\"maybe\"}", 400, "urgent"},
    {"text for a number", "{\"subject\":\"x\",\"hours\":\"many\"}", 400, "hours"},
    {"a list for text", "{\"subject\":[\"x\"]}", 400, "subject"},
    {"no uuid", "{\"subject\":\"x\",\"assignee_id\":\"me\"}", 400, "assignee_id"},
    {"a day that does not exist", "{\"subject\":\"x\",\"due_at\":\"2026-02-30\"}", 400, "due_at"},
    {"an hour that does not exist", "{\"subject\":\"x\",\"due_at\":\"2026-02-03T25:00:00Z\"}", 400,
     "due_at"},
    {"no subject", "{}", 422, "\"subject\":[{\"code\":\"required\""},
    {"an empty subject", "{\"subject\":\"\"}", 422, "\"subject\":[{\"code\":\"required\""},
    {"an unknown status", "{\"subject\":\"x\",\"status\":\"gone\"}", 422,
     "\"status\":[{\"code\":\"invalid_option\""},
    {"negative hours", "{\"subject\":\"x\",\"hours\":-1}", 422, "\"hours\":[{\"code\":\"min\""},
    {"hours with five decimals", "{\"subject\":\"x\",\"hours\":1.00001}", 422, "hours"},
    {"hours beyond 18 digits", "{\"subject\":\"x\",\"hours\":123456789012345.5}", 422, "hours"},
};

MC_TEST("a body that is wrong is refused, names its field, and creates nothing")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(bodies); i++) {
        int status = mc_client_call(&client, "POST", "/api/dynamic/tickets", bodies[i].body);

        MC_CASE(bodies[i].name);
        expect_refusal(&client, status, bodies[i].status);
        if (bodies[i].names)
            MC_EXPECT_HAS(client.body, bodies[i].names);
    }
    MC_CASE(NULL);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"total\":0");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("a body of another type is 415, on every route that takes one")
{
    static const char *const paths[] = {"/api/dynamic/tickets", "/api/auth/login",
                                        "/api/auth/register", "/api/auth/refresh"};
    static const char *const types[] = {"application/cbor",
                                        "application/vnd.msgpack",
                                        "application/x-www-form-urlencoded",
                                        "text/plain",
                                        "application/xml",
                                        "nonsense",
                                        NULL};
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t p = 0; p < MC_LEN(paths); p++) {
        for (size_t i = 0; i < MC_LEN(types); i++) {
            MC_CASE(types[i] ? types[i] : "no type at all");
            expect_refusal(&client,
                           mc_client_call_type(&client, "POST", paths[p], types[i],
                                               MC_STR("{\"subject\":\"x\"}"), NULL),
                           415);
        }
    }
    MC_CASE("a vendor's JSON is JSON");
    MC_EXPECT_EQ(mc_client_call_type(&client, "POST", "/api/dynamic/tickets",
                                     "application/vnd.example+json; charset=utf-8",
                                     MC_STR("{\"subject\":\"x\"}"), NULL),
                 201);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("numbers come back as they were sent")
{
    static const char *const numbers[] = {"0",   "1.5",    "12345678901234.5678", "99999999999999",
                                          "0.1", "0.0001", "9007199254740993"};
    mc_process process;
    mc_client client;
    char body[128];

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(numbers); i++) {
        bool fits = strlen(numbers[i]) < 16 || strchr(numbers[i], '.');

        MC_CASE(numbers[i]);
        (void)snprintf(body, sizeof(body), "{\"subject\":\"x\",\"hours\":%s}", numbers[i]);
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets", body),
                     fits ? 201 : 422);
        if (fits)
            MC_EXPECT_Z(mc_client_field(&client, "hours"), numbers[i]);
    }
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("deep nesting and oversize bodies are refused and the server goes on")
{
    static char deep[200001];
    static char large[(5 << 20) + 64];
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    memset(deep, '[', sizeof(deep) - 1);
    expect_refusal(&client, mc_client_call(&client, "POST", "/api/dynamic/tickets", deep), 400);
    memset(large, 'x', sizeof(large) - 1);
    memcpy(large, "{\"subject\":\"", 12);
    expect_refusal(&client, mc_client_call(&client, "POST", "/api/dynamic/tickets", large), 413);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 200);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("list parameters that mean nothing are refused by name")
{
    static const struct {
        const char *query, *names;
        int status;
    } cases[] = {
        {"f_nothing=1", "nothing", 400},
        {"f_hours=many", "hours", 400},
        {"f_due_at=someday", "due_at", 400},
        {"f_status=in:", "status", 400},
        {"f_hours=range:,", "hours", 400},
        {"f_assignee_id=me", "assignee_id", 400},
        {"sortBy=nothing", "sortBy", 400},
        {"search=%zz", "", 400},
        {"f_organization_id=x", "organization_id", 400},
        {"f_deleted_at=x", "deleted_at", 400},
        {"page=0&per_page=-3", NULL, 200},
    };
    mc_process process;
    mc_client client;
    char path[256];

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].query);
        (void)snprintf(path, sizeof(path), "/api/dynamic/tickets?%s", cases[i].query);
        MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), cases[i].status);
        if (cases[i].names)
            MC_EXPECT_HAS(client.body, cases[i].names);
    }
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
