/* SPDX-License-Identifier: Apache-2.0 */
/* Reading over HTTP: pages by cursor, chosen fields, totals on request, and what is refused. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static mc_process process;
static mc_client client;

static void stop(void)
{
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

/* One server for all: each test registers an organization of its own. */
static bool begin(const char *organization)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};
    static bool is_started;
    char email[128];

    if (!is_started) {
        if (!mc_process_start(&process, mc_test_dir(), args))
            return false;
        mc_client_init(&client, process.port);
        mc_test_at_end(stop);
        is_started = true;
    }
    client.token[0] = '\0';
    (void)snprintf(email, sizeof(email), "%s@example.com", organization);
    return mc_client_register(&client, organization, email, "a good password") == 201;
}

static void create(const char *body)
{
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets", body), 201);
}

static int get(const char *query)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets?%s", query);
    return mc_client_call(&client, "GET", path, NULL);
}

static void create_many(int count)
{
    char body[160];

    for (int i = 0; i < count; i++) {
        if (i % 3)
            (void)snprintf(body, sizeof(body),
                           "{\"subject\":\"t%03d\",\"hours\":%d.5,\"urgent\":%s}", i, i % 4,
                           i % 2 ? "true" : "false");
        else
            (void)snprintf(body, sizeof(body), "{\"subject\":\"t%03d\"}", i);
        create(body);
    }
}

MC_TEST("cursors lead through all rows once, in any order and on both path families")
{
    static const char *const orders[] = {"", "&sortBy=hours&order=asc", "&sortBy=hours&order=desc",
                                         "&sortBy=subject&order=asc&f_subject=ILIKE:t0"};

    MC_REQUIRE(begin("pages"));
    create_many(23);
    for (size_t i = 0; i < MC_LEN(orders); i++) {
        char path[4096], cursor[3000] = "";
        int rows = 0, pages = 0;

        MC_CASE(orders[i]);
        do {
            mc_str next;
            size_t at = 0;

            (void)snprintf(path, sizeof(path), "/api/%s/tickets?per_page=5%s%s%s",
                           i % 2 ? "data" : "dynamic", orders[i], cursor[0] ? "&cursor=" : "",
                           cursor);
            MC_REQUIRE(mc_client_call(&client, "GET", path, NULL) == 200);
            MC_EXPECT_Z(mc_client_field(&client, "total"), "23");
            while ((at += mc_str_find(mc_str_slice(client.body, at, client.body.len),
                                      MC_STR("\"subject\":"))) < client.body.len) {
                rows++;
                at++;
            }
            next = mc_client_field(&client, "next_cursor");
            (void)snprintf(cursor, sizeof(cursor), "%.*s", MC_FMT(next));
        } while (++pages < 9 && strcmp(cursor, "null") != 0);
        MC_EXPECT_EQ(rows, 23);
        MC_EXPECT_EQ(pages, 5);
        MC_EXPECT_HAS(client.body, "\"has_more\":false,\"next_cursor\":null}");
    }
}

MC_TEST("what a list does not know it refuses, naming the parameter")
{
    static const struct {
        const char *query, *named;
    } cases[] = {
        {"f_nothing=1", "f_nothing"},
        {"f_organization_id=eq:1", "f_organization_id"},
        {"f_deleted_at=NULL:", "f_deleted_at"},
        {"f_hours=abc", "f_hours"},
        {"f_hours=RANGE:a,b", "f_hours"},
        {"f_hours=IN:", "f_hours"},
        {"f_hours=range:", "f_hours"},
        {"f_hours=in:1,x", "f_hours"},
        {"f_hours=NULL:x", "f_hours"},
        {"f_due_at=2026-13-01_2026-11-20", "f_due_at"},
        {"f_due_at=gt:soon", "f_due_at"},
        {"f_urgent=perhaps", "f_urgent"},
        {"f_assignee_id=eq:12", "f_assignee_id"},
        {"sortBy=nothing", "sortBy"},
        {"orderBy=nothing", "orderBy"},
        {"sortBy=organization_id", "sortBy"},
        {"search=a&search_columns=nothing", "search_columns"},
        {"page=1000000&per_page=200", "page"},
        {"cursor=AAAA", "cursor"},
        {"cursor=%25%25", "cursor"},
        {"count=some", "count"},
        {"fields=subject,nothing", "fields"},
        {"fields=deleted_at", "fields"},
    };

    MC_REQUIRE(begin("refusals"));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].query);
        MC_EXPECT_EQ(get(cases[i].query), 400);
        MC_EXPECT_HAS(mc_client_field(&client, "message"), cases[i].named);
    }
}

MC_TEST("fields chooses columns, count=none counts nothing, orderBy is another name for sortBy")
{
    MC_REQUIRE(begin("choices"));
    create_many(7);
    MC_EXPECT_EQ(get("fields=subject&per_page=1&sortBy=subject&order=asc"), 200);
    MC_EXPECT_HAS(client.body, "{\"data\":[{\"id\":\"");
    MC_EXPECT_HAS(client.body, "\",\"subject\":\"t000\"}],\"meta\"");
    MC_EXPECT_EQ(get("count=none&per_page=5"), 200);
    MC_EXPECT_HAS(client.body, "\"meta\":{\"page\":1,\"per_page\":5,\"has_more\":true,\"next_");
    MC_EXPECT_EQ(get("count=exact&per_page=5"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "total"), "7");
    MC_EXPECT_EQ(get("orderBy=subject&orderDir=asc&per_page=2"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "subject"), "t000");
    MC_EXPECT_EQ(get("orderBy=subject&orderDir=desc&per_page=2"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "subject"), "t006");
    MC_CASE("a search in no column finds no row");
    MC_EXPECT_EQ(get("search=t0&search_columns=hours"), 200);
    MC_EXPECT_Z(mc_client_field(&client, "total"), "0");
}

MC_TEST("a cursor opens nothing in another organization")
{
    char query[3100];
    mc_str next;

    MC_REQUIRE(begin("first"));
    create_many(7);
    MC_EXPECT_EQ(get("per_page=2"), 200);
    next = mc_client_field(&client, "next_cursor");
    (void)snprintf(query, sizeof(query), "per_page=2&cursor=%.*s", MC_FMT(next));
    MC_EXPECT_EQ(get(query), 200);
    MC_REQUIRE(begin("second"));
    MC_EXPECT_EQ(get(query), 400);
    MC_EXPECT_HAS(mc_client_field(&client, "message"), "cursor");
}

MC_TEST("facets and aggregates answer on every path, with the list's filters")
{
    static const char *const bases[] = {"/api/dynamic/tickets", "/api/data/tickets",
                                        "/api/data/tickets/me"};
    static const struct {
        const char *query, *wanted;
    } cases[] = {
        {"facets?field=status&limit=50",
         "{\"data\":[{\"value\":\"open\",\"count\":3},{\"value\":\"closed\",\"count\":1}],"
         "\"success\":true}"},
        {"facets?field=status&q=CLO", "{\"data\":[{\"value\":\"closed\",\"count\":1}],"},
        {"facets?field=subject&search=b&search_columns=subject",
         "{\"data\":[{\"value\":\"b\",\"count\":1}],"},
        {"aggregate", "{\"data\":{\"hours\":3.75},\"success\":true}"},
        {"aggregate?f_status=IN:open&search=", "{\"data\":{\"hours\":1.75},\"success\":true}"},
        {"aggregate?metrics=count,avg:hours&group_by=status",
         "{\"data\":[{\"status\":\"closed\",\"count\":1,\"avg_hours\":2},"
         "{\"status\":\"open\",\"count\":3,\"avg_hours\":0.875}],\"success\":true}"},
    };
    static const struct {
        const char *query, *named;
    } refused[] = {
        {"facets", "field"},
        {"facets?field=organization_id", "field"},
        {"facets?field=status&f_nothing=1", "f_nothing"},
        {"aggregate?metrics=sum:subject", "metrics"},
        {"aggregate?group_by=nothing", "group_by"},
        {"aggregate?f_hours=RANGE:x,y", "f_hours"},
    };
    char path[256];

    MC_REQUIRE(begin("others"));
    create("{\"subject\":\"theirs\",\"status\":\"open\",\"hours\":1000}");
    MC_REQUIRE(begin("reports"));
    create("{\"subject\":\"a\",\"hours\":1.5}");
    create("{\"subject\":\"b\",\"hours\":0.25}");
    create("{\"subject\":\"c\"}");
    create("{\"subject\":\"d\",\"status\":\"closed\",\"hours\":2}");
    for (size_t b = 0; b < MC_LEN(bases); b++) {
        for (size_t i = 0; i < MC_LEN(cases); i++) {
            (void)snprintf(path, sizeof(path), "%s/%s", bases[b], cases[i].query);
            MC_CASE(path);
            MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 200);
            MC_EXPECT_HAS(client.body, cases[i].wanted);
        }
        for (size_t i = 0; i < MC_LEN(refused); i++) {
            (void)snprintf(path, sizeof(path), "%s/%s", bases[b], refused[i].query);
            MC_CASE(path);
            MC_EXPECT_EQ(mc_client_call(&client, "GET", path, NULL), 400);
            MC_EXPECT_HAS(mc_client_field(&client, "message"), refused[i].named);
        }
    }
    /* Exact: on a slow machine the scan costs enough for an older answer to be good otherwise. */
    MC_CASE("a write is in the next answer");
    create("{\"subject\":\"e\",\"hours\":10}");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets/aggregate?count=exact", NULL),
                 200);
    MC_EXPECT_HAS(client.body, "{\"hours\":13.75}");
    client.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets/facets?field=status", NULL),
                 401);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets/aggregate", NULL), 401);
}
