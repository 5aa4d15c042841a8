/* SPDX-License-Identifier: Apache-2.0 */
/* What references point to, by name, in lists and in single rows. */
#include "workshop.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

static bool lacks(const mc_client *client, const char *text)
{
    return mc_str_find(client->body, mc_z(text)) == client->body.len;
}

MC_TEST("references are shown by name, and with expand those of their targets too")
{
    char ann[40], project[40], task[40], orphan[40], body[256], path[256], wanted[400];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"Ann\"}", ann));
    (void)snprintf(body, sizeof(body), "{\"name\":\"Roof\",\"owner_id\":\"%s\"}", ann);
    MC_REQUIRE(workshop_make(&w.mine, "projects", body, project));
    (void)snprintf(body, sizeof(body), "{\"title\":\"Tiles\",\"project_id\":\"%s\"}", project);
    MC_REQUIRE(workshop_make(&w.mine, "tasks", body, task));

    MC_CASE("one reference away, always");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/tasks", NULL), 200);
    (void)snprintf(wanted, sizeof(wanted), "\"project\":{\"label\":\"Roof\",\"value\":\"%s\"}",
                   project);
    MC_EXPECT_HAS(w.mine.body, wanted);
    MC_EXPECT(lacks(&w.mine, "\"created_by\":"));

    MC_CASE("two references away, and who made it");
    (void)snprintf(wanted, sizeof(wanted),
                   "\"project\":{\"label\":\"Roof\",\"value\":\"%s\",\"owner\":{\"label\":\"Ann\","
                   "\"value\":\"%s\"}}",
                   project, ann);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET",
                                "/api/data/tasks?expand=project.owner,created_by,project", NULL),
                 200);
    MC_EXPECT_HAS(w.mine.body, wanted);
    MC_EXPECT_HAS(w.mine.body, "\"created_by\":{\"label\":\"Mine\",\"value\":\"");
    (void)snprintf(path, sizeof(path), "/api/dynamic/tasks/%s?expand=project.owner", task);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", path, NULL), 200);
    MC_EXPECT_HAS(w.mine.body, wanted);

    MC_CASE("with chosen fields, also of a column that was not chosen");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET",
                                "/api/dynamic/tasks?fields=title&expand=project.owner", NULL),
                 200);
    MC_EXPECT_HAS(w.mine.body, wanted);
    MC_EXPECT(lacks(&w.mine, "project_id"));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/tasks?fields=title", NULL), 200);
    MC_EXPECT(lacks(&w.mine, "Roof"));

    MC_CASE("a target that is gone has no name");
    (void)snprintf(path, sizeof(path), "/api/dynamic/people/%s", ann);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/tasks?expand=project.owner", NULL),
                 200);
    MC_EXPECT(lacks(&w.mine, "Ann"));
    MC_EXPECT_HAS(w.mine.body, "\"label\":\"Roof\"");

    MC_CASE("another organization sees nothing of it");
    MC_REQUIRE(workshop_make(&w.theirs, "people", "{\"name\":\"Theirs\"}", orphan));
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", "/api/dynamic/tasks?expand=project.owner", NULL),
                 200);
    MC_EXPECT_HAS(w.theirs.body, "\"data\":[]");
    workshop_close(&w);
}

MC_TEST("the name of what one may not read is not shown, on any way to it")
{
    char ann[40], project[40], task[40], body[256];
    mc_client agent;
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"Ann\"}", ann));
    (void)snprintf(body, sizeof(body), "{\"name\":\"Roof\",\"owner_id\":\"%s\"}", ann);
    MC_REQUIRE(workshop_make(&w.mine, "projects", body, project));
    (void)snprintf(body, sizeof(body), "{\"title\":\"Tiles\",\"project_id\":\"%s\"}", project);
    MC_REQUIRE(workshop_make(&w.mine, "tasks", body, task));
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_REQUIRE(workshop_grant(&w, "tasks.read"));
    MC_EXPECT_EQ(
        mc_client_call(&agent, "GET", "/api/dynamic/tasks?expand=project.owner,created_by", NULL),
        200);
    MC_EXPECT_HAS(agent.body, project);
    MC_EXPECT(lacks(&agent, "Roof") && lacks(&agent, "Ann") && lacks(&agent, "\"created_by\":"));
    MC_REQUIRE(workshop_grant(&w, "projects.read"));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/tasks?expand=project.owner", NULL),
                 200);
    MC_EXPECT_HAS(agent.body, "Roof");
    MC_EXPECT(lacks(&agent, "Ann"));
    MC_REQUIRE(workshop_grant(&w, "people.read"));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/tasks?expand=project.owner", NULL),
                 200);
    MC_EXPECT_HAS(agent.body, "Ann");
    mc_client_deinit(&agent);
    workshop_close(&w);
}

MC_TEST("an expansion of what is no reference is refused by its name")
{
    static const char *const refused[] = {
        "nothing",
        "title",
        "project.name",
        "project.owner.boss",
        "project_id",
        "organization",
        ".",
        "project..owner",
        "project.owner.created_by.created_by",
        "deleted_at",
        "created_by.created_by",
    };
    char path[256];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        MC_CASE(refused[i]);
        (void)snprintf(path, sizeof(path), "/api/dynamic/tasks?expand=%s", refused[i]);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", path, NULL), 400);
        MC_EXPECT_HAS(mc_client_field(&w.mine, "message"), "expand");
    }
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "GET", "/api/dynamic/tasks?expand=,project,,created_by,", NULL),
        200);
    workshop_close(&w);
}
