/* SPDX-License-Identifier: Apache-2.0 */
/* A day with tickets, as the published browser client spends it. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

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

MC_TEST("a ticket is created as the form sends it, read, changed in part, and deleted once")
{
    mc_process process;
    mc_client client;
    char path[128];

    MC_REQUIRE(setup(&process, &client));
    MC_CASE("untouched fields come as empty strings and are null");
    MC_EXPECT_EQ(
        mc_client_call(&client, "POST", "/api/dynamic/tickets",
                       "{\"subject\":\"Printer <on> fire\",\"status\":\"open\",\"priority\":"
                       "\"high\",\"body\":\"\",\"due_at\":\"2026-12-01\",\"hours\":\"\","
                       "\"urgent\":\"\",\"assignee_id\":null}"),
        201);
    MC_EXPECT_HAS(client.body, "\"subject\":\"Printer \\u003con\\u003e fire\"");
    MC_EXPECT_Z(mc_client_field(&client, "hours"), "null");
    MC_EXPECT_Z(mc_client_field(&client, "due_at"), "2026-12-01T00:00:00.000000Z");
    MC_EXPECT(mc_str_find(client.body, MC_STR("deleted_at")) == client.body.len);
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%.*s",
                   MC_FMT(mc_client_field(&client, "id")));

    MC_CASE("a partial change leaves the rest");
    MC_EXPECT_EQ(mc_client_call(&client, "PUT", path, "{\"status\":\"closed\"}"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "status"), "closed");
    MC_EXPECT_Z(mc_client_field(&client, "priority"), "high");

    MC_CASE("deleting answers success once");
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", path, NULL), 200);
    MC_EXPECT_Z(client.body, "{\"success\":true}");
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", path, NULL), 404);
    MC_EXPECT_Z(mc_client_field(&client, "message"), "record not found");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 404);
    teardown(&process, &client);
}

static void create_many(mc_client *client)
{
    static const char *const bodies[] = {
        "{\"subject\":\"Alpha\",\"status\":\"open\",\"hours\":2,\"due_at\":\"2026-11-10\"}",
        "{\"subject\":\"beta\",\"status\":\"closed\",\"hours\":10,\"due_at\":\"2026-11-15\"}",
        "{\"subject\":\"Gamma ray\",\"status\":\"open\",\"hours\":9.5,\"due_at\":\"2026-11-20\"}",
        "{\"subject\":\"50% off\",\"status\":\"resolved\",\"urgent\":true}",
        "{\"subject\":\"\xc3\x9c"
        "bung\",\"status\":\"open\"}",
    };

    for (size_t i = 0; i < MC_LEN(bodies); i++)
        MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/dynamic/tickets", bodies[i]), 201);
}

MC_TEST("lists answer the client's filters, search and sort on both path families")
{
    static const struct {
        const char *query, *total, *first; /* first subject, or NULL */
    } cases[] = {
        {"page=1&per_page=10", "5", NULL},
        {"f_status=open", "3", NULL},
        {"f_status=IN:open,closed", "4", NULL},
        {"f_status=in:closed", "1", "beta"},
        {"f_status=NOT_IN:open,closed", "1", "50% off"},
        {"f_subject=ILIKE:RAY", "1", "Gamma ray"},
        {"f_subject=ILIKE:50%25+o", "1", "50% off"},
        {"f_hours=RANGE:9,10", "2", NULL},
        {"f_hours=range:9|", "2", NULL},
        {"f_hours=GT:9.5", "1", "beta"},
        {"f_hours=NULL:", "2", NULL},
        {"f_hours=NOT_NULL:", "3", NULL},
        {"f_due_at=2026-11-10_2026-11-15", "2", NULL},
        {"f_urgent=true", "1", "50% off"},
        {"search=GAMMA", "1", "Gamma ray"},
        {"search=%C3%BC"
         "bung",
         "1",
         "\xc3\x9c"
         "bung"},
        {"search=%25", "1", "50% off"},
        {"search=nothing+like+it", "0", NULL},
        {"sortBy=hours&order=desc&f_hours=NOT_NULL:", "3", "beta"},
        {"sortBy=subject&order=asc&f_status=open", "3", "Alpha"},
    };
    static const char *const bases[] = {"/api/dynamic/tickets", "/api/data/tickets"};
    mc_process process;
    mc_client client;
    char path[256];

    MC_REQUIRE(setup(&process, &client));
    create_many(&client);
    for (size_t b = 0; b < MC_LEN(bases); b++) {
        for (size_t i = 0; i < MC_LEN(cases); i++) {
            MC_CASE(cases[i].query);
            (void)snprintf(path, sizeof(path), "%s?%s", bases[b], cases[i].query);
            MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 200);
            MC_EXPECT_Z(mc_client_field(&client, "total"), cases[i].total);
            if (cases[i].first)
                MC_EXPECT_Z(mc_client_field(&client, "subject"), cases[i].first);
        }
    }
    teardown(&process, &client);
}

MC_TEST("pages cover every row once and say how many there are")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    create_many(&client);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets?page=3&per_page=2", NULL),
                 200);
    MC_EXPECT_HAS(client.body, "\"meta\":{\"total\":5,\"page\":3,\"per_page\":2,\"last_page\":3,");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets?page=9&per_page=2", NULL),
                 200);
    MC_EXPECT_HAS(client.body, "\"data\":[]");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets?per_page=5000", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"per_page\":200");
    teardown(&process, &client);
}

MC_TEST("metadata speaks the reader's language and survives what the client does with it")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metadata/table/tickets", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"columns\":[{");
    MC_EXPECT_HAS(client.body, "\"enableCRUDActions\":true");
    MC_EXPECT(mc_str_find(client.body, MC_STR("tickets.")) == client.body.len);
    MC_EXPECT_EQ(mc_client_call_type(&client, "GET", "/api/metadata/table/tickets", NULL,
                                     MC_STR(""), "Accept-Language: es-MX,es;q=0.9\r\n"),
                 200);
    MC_EXPECT_HAS(client.body, "Asunto");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metadata/modal/tickets", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"fields\":[{");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metadata/all", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"version\":\"");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metadata/table/nothing", NULL), 404);
    MC_EXPECT_Z(mc_client_field(&client, "message"), "metadata: model not found: nothing");
    teardown(&process, &client);
}

MC_TEST("If-Match refuses to overwrite what somebody else has changed")
{
    mc_process process;
    mc_client client;
    char path[128], match[128];
    size_t at;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets", "{\"subject\":\"x\"}"),
                 201);
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%.*s",
                   MC_FMT(mc_client_field(&client, "id")));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 200);
    at = mc_str_find(client.head, MC_STR("ETag: "));
    MC_REQUIRE(at < client.head.len);
    (void)snprintf(match, sizeof(match), "If-Match: %.*s\r\n",
                   (int)strcspn(client.head.ptr + at + 6, "\r"), client.head.ptr + at + 6);
    MC_EXPECT_EQ(mc_client_call_type(&client, "PUT", path, "application/json",
                                     MC_STR("{\"subject\":\"first\"}"), match),
                 200);
    MC_EXPECT_EQ(mc_client_call_type(&client, "PUT", path, "application/json",
                                     MC_STR("{\"subject\":\"second\"}"), match),
                 412);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "subject"), "first");
    teardown(&process, &client);
}

MC_TEST("exports neutralise formulas, templates name the columns, imports come back in rows")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets",
                                "{\"subject\":\"=1+1\",\"hours\":-0}"),
                 201);
    MC_EXPECT_EQ(
        mc_client_call(&client, "GET", "/api/dynamic/tickets/export?columns=subject,status", NULL),
        200);
    MC_EXPECT_HAS(client.head, "text/csv");
    MC_EXPECT_HAS(client.head, "filename=\"tickets.csv\"");
    MC_EXPECT_HAS(client.body, "subject,status\n'=1+1,open\n");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets/export/template", NULL), 200);
    MC_EXPECT_HAS(client.body, "subject");
    MC_EXPECT_EQ(mc_client_call_type(&client, "POST", "/api/dynamic/tickets/import", "text/csv",
                                     MC_STR("\xef\xbb\xbfsubject,hours,urgent\nOne,1.5,true\nTwo,,"
                                            "\n,3,\n"),
                                     NULL),
                 200);
    MC_EXPECT_HAS(client.body, "\"created\":2");
    MC_EXPECT_HAS(client.body, "\"failed\":1");
    MC_EXPECT_HAS(client.body, "\"row\":3");
    teardown(&process, &client);
}

MC_TEST("the pages around the API: health, the front door, what does not exist")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/readyz", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "HEAD", "/healthz", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/nothing", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", "/api/auth/login", NULL), 405);
    MC_EXPECT_HAS(client.head, "Allow: POST");
    MC_CASE("the operator's route is not on the network");
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/local/admin", "{\"command\":\"user.list\"}"),
                 404);
    teardown(&process, &client);
}
