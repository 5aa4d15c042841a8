/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of a row: who may write what another has changed, and what comes back. */
#include "workshop.h"

#include "mc_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MERGE "application/merge-patch+json"

MC_TEST("a copy that is good is not sent again, and one whose label changed is")
{
    char project[40], person[40];
    const char *path, *known;
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"Ann\"}", person));
    MC_REQUIRE(workshop_make(&w.mine, "projects",
                             text_of("{\"name\":\"Roof\",\"owner_id\":\"%s\"}", person), project));
    MC_EXPECT_HAS(w.mine.body, "\"owner\":{\"label\":\"Ann\"");
    known = tag_header(&w.mine, "If-None-Match");
    path = text_of("/api/dynamic/projects/%s", project);
    MC_EXPECT_EQ(call_if(&w.mine, "GET", path, NULL, known), 304);
    MC_EXPECT_EQ(w.mine.body.len, 0);
    MC_EXPECT_EQ(call_if(&w.mine, "HEAD", path, NULL, known), 304);
    MC_EXPECT_EQ(call_if(&w.mine, "GET", path, NULL, "If-None-Match: *\r\n"), 304);
    MC_EXPECT_EQ(call_if(&w.mine, "GET", path, NULL, "If-None-Match: \"0-0\"\r\n"), 200);

    MC_CASE("the row is as it was, its owner is called otherwise");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PUT", text_of("/api/dynamic/people/%s", person),
                                "{\"name\":\"Anna\"}"),
                 200);
    MC_EXPECT_EQ(call_if(&w.mine, "GET", path, NULL, known), 200);
    MC_EXPECT_HAS(w.mine.body, "\"owner\":{\"label\":\"Anna\"");
    workshop_close(&w);
}

MC_TEST("preconditions of writes hold, or nothing is written")
{
    static const struct {
        const char *name, *method, *header; /* %s: a good tag with its quotes */
        int status;
    } cases[] = {
        {"the version that is there", "PUT", "If-Match: %s\r\n", 200},
        {"one of several", "PUT", "If-Match: \"1-2\", %s\r\n", 200},
        {"on two lines", "PUT", "If-Match: \"1-2\"\r\nIf-Match: %s\r\n", 200},
        {"any", "PATCH", "If-Match: *\r\n", 200},
        {"another", "PUT", "If-Match: \"1-2\"\r\n", 412},
        {"another of a patch", "PATCH", "If-Match: \"1-2\"\r\n", 412},
        {"another of a delete", "DELETE", "If-Match: \"1-2\"\r\n", 412},
        {"a weak one never matches", "PUT", "If-Match: W/%s\r\n", 412},
        {"malformed", "PUT", "If-Match: abc\r\n", 412},
        {"empty", "PUT", "If-Match: \r\n", 412},
        {"only if there is none", "PUT", "If-None-Match: *\r\n", 412},
        {"only if it is not this", "PUT", "If-None-Match: %s\r\n", 412},
        {"only if it is not another", "PUT", "If-None-Match: \"1-2\"\r\n", 200},
        {"both, and one fails", "PUT", "If-Match: *\r\nIf-None-Match: %s\r\n", 412},
        {"times are not looked at", "PUT", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
         200},
        {"the last one deletes", "DELETE", "If-Match: %s\r\n", 200},
        {"what is not there is not found first", "PUT", "If-Match: *\r\n", 404},
        {"nor deleted", "DELETE", "If-Match: \"1-2\"\r\n", 404},
    };
    char project[40], path[80], tag[80] = "";
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", project));
    (void)snprintf(path, sizeof(path), "/api/dynamic/projects/%s", project);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        char header[256];
        const char *format = cases[i].header;

        MC_CASE(cases[i].name);
        if (mc_client_call(&w.mine, "GET", path, NULL) == 200)
            (void)sscanf(tag_header(&w.mine, "x"), "x: %79s", tag);
        (void)snprintf(header, sizeof(header), "%.*s%s%s", (int)strcspn(format, "%"), format,
                       strchr(format, '%') ? tag : "",
                       strchr(format, '%') ? strchr(format, '%') + 2 : "");
        MC_EXPECT_EQ(call_if(&w.mine, cases[i].method, path,
                             strcmp(cases[i].method, "DELETE") ? "{\"budget\":1}" : NULL, header),
                     cases[i].status);
    }
    workshop_close(&w);
}

typedef struct racer {
    unsigned port;
    char token[2048], path[128], header[160], body[64];
    int status;
} racer;

static void *race(void *user)
{
    racer *r = user;
    mc_client client;

    mc_client_init(&client, r->port);
    memcpy(client.token, r->token, sizeof(client.token));
    r->status = call_if(&client, "PUT", r->path, r->body, r->header);
    mc_client_deinit(&client);
    return NULL;
}

MC_TEST("of writers with the same If-Match exactly one wins, each time")
{
    char project[40];
    racer racers[6];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", project));
    for (int round = 0; round < 8; round++) {
        const char *header = tag_header(&w.mine, "If-Match");
        pthread_t threads[MC_LEN(racers)];
        int won = 0, lost = 0;

        for (size_t i = 0; i < MC_LEN(racers); i++) {
            racers[i] = (racer){.port = w.process.port};
            memcpy(racers[i].token, w.mine.token, sizeof(racers[i].token));
            (void)snprintf(racers[i].path, sizeof(racers[i].path), "/api/dynamic/projects/%s",
                           project);
            (void)snprintf(racers[i].header, sizeof(racers[i].header), "%s", header);
            (void)snprintf(racers[i].body, sizeof(racers[i].body), "{\"budget\":%zu}", i);
            MC_REQUIRE(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
        }
        for (size_t i = 0; i < MC_LEN(racers); i++) {
            MC_EXPECT_EQ(pthread_join(threads[i], NULL), 0);
            won += racers[i].status == 200;
            lost += racers[i].status == 412;
        }
        MC_EXPECT_EQ(won, 1);
        MC_EXPECT_EQ(lost, (int)MC_LEN(racers) - 1);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", racers[0].path, NULL), 200);
    }
    workshop_close(&w);
}

MC_TEST("an updated_at that the row had once and has no more is a conflict")
{
    char project[40], before[64], now[64];
    const char *path;
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", project));
    path = text_of("/api/dynamic/projects/%s", project);
    (void)snprintf(before, sizeof(before), "%.*s", MC_FMT(mc_client_field(&w.mine, "updated_at")));
    MC_CASE("the current one");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PUT", path,
                                text_of("{\"budget\":1,\"updated_at\":\"%s\"}", before)),
                 200);
    (void)snprintf(now, sizeof(now), "%.*s", MC_FMT(mc_client_field(&w.mine, "updated_at")));
    MC_CASE("the one before");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PUT", path,
                                text_of("{\"budget\":2,\"updated_at\":\"%s\"}", before)),
                 409);
    MC_EXPECT_Z(mc_client_field(&w.mine, "message"), "the record was changed meanwhile");
    MC_CASE("the current one, cut to milliseconds by somebody's clock");
    memcpy(now + 23, "Z", 2);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PATCH", path,
                                text_of("{\"budget\":3,\"updated_at\":\"%s\"}", now)),
                 200);
    MC_CASE("what no copy of the row can say is not looked at, and not written");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PUT", path,
                                "{\"budget\":4,\"updated_at\":\"2001-01-01T00:00:00Z\","
                                "\"created_at\":\"2001-01-01T00:00:00Z\"}"),
                 200);
    MC_EXPECT(!mc_str_starts_with(mc_client_field(&w.mine, "updated_at"), MC_STR("2001")));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PUT", path, "{\"budget\":5,\"updated_at\":\"\"}"), 200);
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "PUT", path, "{\"budget\":6,\"updated_at\":\"2026-11-24\"}"), 200);
    workshop_close(&w);
}

MC_TEST("a patch is merged, inside of JSON columns too, where a put replaces")
{
    static const struct {
        const char *name, *method, *type, *body, *has; /* in the answer */
        int status;
    } cases[] = {
        {"members come and go", "PATCH", MERGE, "{\"extra\":{\"a\":null,\"b\":{\"d\":4},\"e\":5}}",
         "\"extra\":{\"b\":{\"c\":3,\"d\":4},\"e\":5}", 200},
        {"plain JSON is a merge patch", "PATCH", "application/json", "{\"extra\":{\"e\":null}}",
         "\"extra\":{\"b\":{\"c\":3,\"d\":4}}", 200},
        {"a list is a value", "PATCH", MERGE, "{\"extra\":{\"b\":[1,{\"x\":null}]}}",
         "\"extra\":{\"b\":[1,{\"x\":null}]}", 200},
        {"null removes a column's value", "PATCH", MERGE, "{\"budget\":null}", "\"budget\":null",
         200},
        {"and the whole of JSON", "PATCH", MERGE, "{\"extra\":null}", "\"extra\":null", 200},
        {"nulls of what was not there are nothing", "PATCH", MERGE,
         "{\"extra\":{\"a\":null,\"b\":{\"c\":null}}}", "\"extra\":{\"b\":{}}", 200},
        {"a put replaces", "PUT", "application/json", "{\"extra\":{\"z\":null}}",
         "\"extra\":{\"z\":null}", 200},
        {"what must be there cannot go", "PATCH", MERGE, "{\"name\":null}",
         "\"errors\":{\"name\":[{\"code\":\"required\"", 422},
        {"no object", "PATCH", MERGE, "[1]", "invalid body", 400},
        {"nothing", "PATCH", MERGE, "", "invalid body", 400},
        {"a patch of another language", "PATCH", "application/json-patch+json", "[]",
         "merge-patch+json", 415},
        {"a form", "PATCH", "application/x-www-form-urlencoded", "name=x", "", 415},
    };
    char project[40];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects",
                             "{\"name\":\"Roof\",\"budget\":7,\"extra\":{\"a\":1,\"b\":{\"c\":3}}}",
                             project));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_client_call_type(&w.mine, cases[i].method,
                                         text_of("/api/data/projects/%s", project), cases[i].type,
                                         mc_z(cases[i].body), NULL),
                     cases[i].status);
        MC_EXPECT_HAS(w.mine.body, cases[i].has);
    }
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", text_of("/api/data/projects/%s", project), NULL),
                 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "name"), "Roof");
    workshop_close(&w);
}

MC_TEST("what was deleted comes back, unless its place is taken")
{
    char project[40], other[40], tag[40];
    const char *path, *restore;
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\",\"code\":\"R\"}", project));
    path = text_of("/api/dynamic/projects/%s", project);
    restore = text_of("/api/dynamic/projects/%s/restore", project);
    MC_CASE("not deleted");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", restore, NULL), 409);
    MC_EXPECT_Z(mc_client_field(&w.mine, "message"), "the record is not deleted");
    MC_CASE("another organization's");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "POST", restore, NULL), 404);
    MC_CASE("its code is taken");
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Wall\",\"code\":\"R\"}", other));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", restore, NULL), 409);
    MC_EXPECT_HAS(w.mine.body, "\"errors\":{\"code\":[{\"code\":\"duplicate\"");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", path, NULL), 404);
    MC_CASE("its place is free");
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/projects/%s", other), NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", restore, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "name"), "Roof");
    MC_EXPECT_EQ(call_if(&w.mine, "GET", path, NULL, tag_header(&w.mine, "If-None-Match")), 304);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/projects", NULL), 200);
    MC_EXPECT_HAS(w.mine.body, "\"total\":1");

    MC_CASE("a model that keeps nothing");
    MC_REQUIRE(workshop_make(&w.mine, "tags", "{\"name\":\"red\"}", tag));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", text_of("/api/data/tags/%s", tag), NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", text_of("/api/data/tags/%s/restore", tag), NULL),
                 404);
    MC_CASE("an id that is none");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/data/tags/7/restore", NULL), 400);
    workshop_close(&w);
}
