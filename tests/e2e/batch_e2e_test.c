/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: all of it or nothing, and which operation it was. */
#include "workshop.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

#define BATCH "/api/dynamic/batch"
#define OPS(...) "{\"operations\":[" __VA_ARGS__ "]}"
#define PROJECT "{\"op\":\"create\",\"model\":\"projects\",\"data\":{\"name\":\"Roof\"}}"

static int64_t count_of(mc_client *client, const char *model)
{
    int64_t count = -1;

    MC_EXPECT_EQ(mc_client_call(client, "GET", text_of("/api/dynamic/%s", model), NULL), 200);
    MC_EXPECT(mc_str_i64(mc_client_field(client, "total"), 0, INT64_MAX, &count));
    return count;
}

MC_TEST("later operations refer to the rows of earlier ones, and all of it is there at once")
{
    static const char body[] =
        OPS("{\"op\":\"create\",\"model\":\"projects\",\"data\":{\"name\":\"Roof\",\"extra\":"
            "{\"$ref\":0}}},"
            "{\"op\":\"create\",\"model\":\"tasks\",\"data\":{\"title\":\"Tiles\",\"project_id\":"
            "{\"$ref\":0}}},"
            "{\"op\":\"create\",\"model\":\"tasks\",\"data\":{\"title\":\"Nails\",\"Project_ID\":"
            "{\"$ref\":0}}},"
            "{\"op\":\"update\",\"model\":\"tasks\",\"id\":{\"$ref\":1},\"data\":{\"done\":true}},"
            "{\"op\":\"delete\",\"model\":\"tasks\",\"id\":{\"$ref\":2}},"
            "{\"op\":\"restore\",\"model\":\"tasks\",\"id\":{\"$ref\":4}},"
            "{\"op\":\"delete\",\"model\":\"tasks\",\"id\":{\"$ref\":5}}");
    static const char *const paths[] = {BATCH, "/api/data/batch"};
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    for (size_t i = 0; i < MC_LEN(paths); i++) {
        MC_CASE(paths[i]);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", paths[i], body), 200);
        MC_EXPECT_HAS(w.mine.body, "\"op\":\"create\",\"status\":201},{\"data\":");
        MC_EXPECT_HAS(w.mine.body, "\"project\":{\"label\":\"Roof\"");
        MC_EXPECT_HAS(w.mine.body, "\"extra\":{\"$ref\":0}"); /* JSON is the row's own matter */
        MC_EXPECT_HAS(w.mine.body, "\"done\":true");
        MC_EXPECT_HAS(w.mine.body, "\"op\":\"delete\",\"status\":200}],\"success\":true}");
    }
    MC_EXPECT_EQ(count_of(&w.mine, "projects"), 2);
    MC_EXPECT_EQ(count_of(&w.mine, "tasks"), 2);
    MC_EXPECT_EQ(count_of(&w.theirs, "projects"), 0);

    MC_CASE("an entity tag from a batch is the row's");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", BATCH, "[" PROJECT "]"), 200);
    {
        char tag[80], id[40];

        (void)snprintf(id, sizeof(id), "%.36s",
                       w.mine.body.ptr + mc_str_find(w.mine.body, MC_STR("\"id\":\"")) + 6);
        (void)snprintf(tag, sizeof(tag), "If-None-Match: \"%.*s\"\r\n",
                       (int)strcspn(strstr(w.mine.body.ptr, "\"etag\":\"\\\"") + 10, "\\"),
                       strstr(w.mine.body.ptr, "\"etag\":\"\\\"") + 10);
        MC_EXPECT_EQ(call_if(&w.mine, "GET", text_of("/api/dynamic/projects/%s", id), NULL, tag),
                     304);
    }
    workshop_close(&w);
}

static const struct {
    const char *name, *body; /* %s: a project of theirs */
    int status;
    const char *has;
} refused[] = {
    {"a rule of the second", OPS(PROJECT ",{\"op\":\"create\",\"model\":\"projects\",\"data\":{}}"),
     422, "\"errors\":{\"name\":[{\"code\":\"required\""},
    {"its number", OPS(PROJECT ",{\"op\":\"create\",\"model\":\"projects\",\"data\":{}}"), 422,
     "\"meta\":{\"index\":1,\"model\":\"projects\",\"op\":\"create\"}"},
    {"a type", OPS(PROJECT ",{\"op\":\"create\",\"model\":\"projects\",\"data\":{\"name\":7}}"),
     400, "\"errors\":{\"name\":[{\"code\":\"invalid_type\""},
    {"a value taken by the first",
     OPS("{\"op\":\"create\",\"model\":\"tags\",\"data\":{\"name\":\"red\"}},"
         "{\"op\":\"create\",\"model\":\"tags\",\"data\":{\"name\":\"red\"}}"),
     409, "\"errors\":{\"name\":[{\"code\":\"duplicate\""},
    {"a row that is another organization's",
     OPS(PROJECT
         ",{\"op\":\"update\",\"model\":\"projects\",\"id\":\"%s\",\"data\":{\"name\":\"x\"}}"),
     404, "operation 1: record not found"},
    {"deleting it", OPS(PROJECT ",{\"op\":\"delete\",\"model\":\"projects\",\"id\":\"%s\"}"), 404,
     "\"index\":1"},
    {"restoring it", OPS(PROJECT ",{\"op\":\"restore\",\"model\":\"projects\",\"id\":\"%s\"}"), 404,
     "\"index\":1"},
    {"referring to it",
     OPS(PROJECT ",{\"op\":\"create\",\"model\":\"tasks\",\"data\":{\"title\":\"x\",\"project_id\":"
                 "\"%s\"}}"),
     422, "\"errors\":{\"project_id\":[{\"code\":\"not_found\""},
    {"a version that is old",
     OPS(PROJECT
         ",{\"op\":\"update\",\"model\":\"projects\",\"id\":{\"$ref\":0},\"data\":{\"budget\":"
         "1},\"if_match\":\"\\\"1-2\\\"\"}"),
     412, "operation 1: the record was changed meanwhile"},
    {"a version of a delete",
     OPS(PROJECT
         ",{\"op\":\"delete\",\"model\":\"projects\",\"id\":{\"$ref\":0},\"if_match\":\"\"}"),
     412, "\"index\":1"},
    {"deleted twice",
     OPS(PROJECT ",{\"op\":\"delete\",\"model\":\"projects\",\"id\":{\"$ref\":0}},"
                 "{\"op\":\"delete\",\"model\":\"projects\",\"id\":{\"$ref\":0}}"),
     404, "\"index\":2"},
    {"a model there is not", OPS(PROJECT ",{\"op\":\"create\",\"model\":\"batch\",\"data\":{}}"),
     404, "operation 1: model not found in registry"},
    {"a reference forward",
     OPS("{\"op\":\"create\",\"model\":\"tasks\",\"data\":{\"title\":\"x\",\"project_id\":{\"$"
         "ref\":1}"
         "}}," PROJECT),
     400, "operation 0: $ref must be"},
    {"a reference to itself",
     OPS(PROJECT ",{\"op\":\"create\",\"model\":\"tasks\",\"data\":{\"title\":\"x\",\"project_id\":"
                 "{\"$ref\":1}}}"),
     400, "operation 1: $ref must be"},
    {"a reference that is no number",
     OPS(PROJECT ",{\"op\":\"delete\",\"model\":\"projects\",\"id\":{\"$ref\":\"0\"}}"), 400,
     "operation 1: $ref must be"},
    {"a reference where none belongs",
     OPS(PROJECT ",{\"op\":\"create\",\"model\":\"projects\",\"data\":{\"name\":{\"$ref\":0}}}"),
     400, "invalid_type"},
    {"a verb there is not", OPS(PROJECT ",{\"op\":\"upsert\",\"model\":\"projects\",\"data\":{}}"),
     400, "operation 1: op must be"},
    {"a misspelt protection",
     OPS(PROJECT
         ",{\"op\":\"delete\",\"model\":\"projects\",\"id\":{\"$ref\":0},\"ifMatch\":\"x\"}"),
     400, "operation 1: delete takes no \\\"ifMatch\\\""},
    {"an id for a new row",
     OPS("{\"op\":\"create\",\"model\":\"projects\",\"id\":\"%s\",\"data\":{\"name\":\"x\"}}"), 400,
     "create takes no \\\"id\\\""},
    {"no id", OPS("{\"op\":\"delete\",\"model\":\"projects\"}"), 400, "operation 0: invalid id"},
    {"no data", OPS("{\"op\":\"create\",\"model\":\"projects\"}"), 400,
     "operation 0: data must be an object"},
    {"null for an operation", OPS("null"), 400, "operation 0: an operation must be an object"},
    {"none", OPS(""), 400, "operations must be a list"},
    {"no list", "{\"operations\":{}}", 400, "operations must be a list"},
    {"null", "null", 400, "operations must be a list"},
    {"no JSON", "{", 400, "invalid body"},
};

MC_TEST("of a batch that fails nothing stays, and the answer names the operation")
{
    char theirs[40];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.theirs, "projects", "{\"name\":\"Theirs\"}", theirs));
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        char body[2048];
        const char *hole = strstr(refused[i].body, "%s");

        MC_CASE(refused[i].name);
        (void)snprintf(body, sizeof(body), "%.*s%s%s",
                       hole ? (int)(hole - refused[i].body) : (int)strlen(refused[i].body),
                       refused[i].body, hole ? theirs : "", hole ? hole + 2 : "");
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", BATCH, body), refused[i].status);
        MC_EXPECT_HAS(w.mine.body, refused[i].has);
        MC_EXPECT_HAS(w.mine.body, "\"success\":false");
        MC_EXPECT_EQ(count_of(&w.mine, "projects"), 0);
        MC_EXPECT_EQ(count_of(&w.mine, "tags"), 0);
    }
    MC_CASE("and theirs is as it was");
    MC_EXPECT_EQ(
        mc_client_call(&w.theirs, "GET", text_of("/api/dynamic/projects/%s", theirs), NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.theirs, "name"), "Theirs");
    workshop_close(&w);
}

MC_TEST("a hundred operations are a batch, one more is not")
{
    static char body[200 * sizeof(PROJECT)];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    for (int count = 100; count <= 101; count++) {
        size_t at = (size_t)snprintf(body, sizeof(body), "[");

        for (int i = 0; i < count; i++)
            at += (size_t)snprintf(body + at, sizeof(body) - at, "%s" PROJECT, i ? "," : "");
        (void)snprintf(body + at, sizeof(body) - at, "]");
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", BATCH, body), count == 100 ? 200 : 400);
        MC_EXPECT_EQ(count_of(&w.mine, "projects"), 100);
    }
    workshop_close(&w);
}

MC_TEST("a batch wants a token, JSON, and each operation its own capability")
{
    mc_client agent;
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", BATCH, "[" PROJECT "]"), 403);
    MC_EXPECT_EQ(mc_client_call_type(&w.mine, "POST", BATCH, "text/plain", MC_STR("[]"), NULL),
                 415);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", BATCH, NULL), 404); /* rows of that model */

    MC_EXPECT(workshop_grant(&w, "projects.create"));
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", BATCH, "[" PROJECT "]"), 200);
    MC_CASE("what the agent may not do undoes what he may");
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", BATCH,
                                OPS(PROJECT ",{\"op\":\"delete\",\"model\":\"projects\",\"id\":"
                                            "{\"$ref\":0}}")),
                 403);
    MC_EXPECT_HAS(agent.body, "\"index\":1");
    MC_EXPECT(workshop_grant(&w, "projects.delete"));
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", BATCH,
                                OPS(PROJECT ",{\"op\":\"restore\",\"model\":\"projects\",\"id\":"
                                            "{\"$ref\":0}}")),
                 403);
    MC_EXPECT_HAS(agent.body, "projects.update");
    agent.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", BATCH, "[" PROJECT "]"), 401);
    mc_client_deinit(&agent);
    workshop_close(&w);
}
