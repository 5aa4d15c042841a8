/* SPDX-License-Identifier: Apache-2.0 */
/* Who may take rows and files in and out, and values that must stand once in a file of many. */
#include "mc_test.h"
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 450 /* more than two transactions of an import */
#define IMPORT "/api/dynamic/projects/import"

static int post(mc_client *client, const char *path, const char *type, mc_str body)
{
    return mc_client_call_type(client, "POST", path, type, body, NULL);
}

MC_TEST("a value that must be unique is found twice in a file, rehearsed or not")
{
    size_t cap = (size_t)ROWS * 40, len;
    char *csv = malloc(cap);
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    len = (size_t)snprintf(csv, cap, "name,code\n");
    for (int i = 1; i < ROWS; i++)
        len += (size_t)snprintf(csv + len, cap - len, "Project %d,C-%d\n", i, i);
    len += (size_t)snprintf(csv + len, cap - len, "The last,C-1\n");
    MC_CASE("rehearsed");
    MC_EXPECT_EQ(post(&w.mine, IMPORT "/validate", "text/csv", mc_str_of(csv, len)), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "valid"), "449");
    MC_EXPECT_HAS(w.mine.body, "\"field\":\"code\"");
    MC_EXPECT_HAS(w.mine.body, "\"row\":450}");
    MC_CASE("all at once");
    MC_EXPECT_EQ(post(&w.mine, IMPORT "?mode=all", "text/csv", mc_str_of(csv, len)), 422);
    MC_EXPECT_HAS(w.mine.body, "\"created\":0,\"failed\":1");
    MC_CASE("row by row");
    MC_EXPECT_EQ(post(&w.mine, IMPORT, "text/csv", mc_str_of(csv, len)), 200);
    MC_EXPECT_HAS(w.mine.body, "\"created\":449,\"failed\":1");
    MC_CASE("against what is there already");
    MC_EXPECT_EQ(post(&w.mine, IMPORT "/validate", "text/csv", mc_str_of(csv, len)), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "valid"), "0");
    MC_CASE("another organization's values are its own");
    MC_EXPECT_EQ(post(&w.theirs, IMPORT "/validate", "text/csv", mc_str_of(csv, len)), 200);
    MC_EXPECT_Z(mc_client_field(&w.theirs, "valid"), "449");
    free(csv);
    workshop_close(&w);
}

MC_TEST("bulk needs the same capabilities as one row, and files their own")
{
    static const mc_str form = MC_STR_INIT("--xx\r\nContent-Disposition: form-data; name=\"file\"; "
                                           "filename=\"a.txt\"\r\n\r\nhello\r\n--xx--\r\n");
    static const char type[] = "multipart/form-data; boundary=xx";
    mc_client agent;
    workshop w;
    char file[100];

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/projects/export", NULL), 403);
    MC_EXPECT_EQ(post(&agent, IMPORT, "text/csv", MC_STR("name\nx\n")), 403);
    MC_EXPECT_EQ(post(&agent, IMPORT "/validate", "text/csv", MC_STR("name\nx\n")), 403);
    MC_EXPECT_EQ(post(&agent, "/api/upload", type, form), 403);
    MC_REQUIRE(workshop_grant(&w, "projects.read"));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/projects/export", NULL), 200);
    MC_EXPECT_EQ(post(&agent, IMPORT, "text/csv", MC_STR("name\nx\n")), 403);
    MC_REQUIRE(workshop_grant(&w, "projects.create"));
    MC_EXPECT_EQ(post(&agent, IMPORT, "text/csv", MC_STR("name\nx\n")), 200);
    MC_REQUIRE(workshop_grant(&w, "files.create"));
    MC_EXPECT_EQ(post(&agent, "/api/upload", type, form), 201);
    (void)snprintf(file, sizeof(file), "/api/files/%.*s", MC_FMT(mc_client_field(&agent, "id")));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", file, NULL), 403);
    MC_REQUIRE(workshop_grant(&w, "files.read"));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", file, NULL), 200);
    MC_EXPECT_Z(agent.body, "hello");
    MC_EXPECT_EQ(mc_client_call(&agent, "DELETE", file, NULL), 403);
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", "/api/notifications", "{\"title\":\"x\"}"), 403);
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/notifications", NULL), 200);
    mc_client_deinit(&agent);
    workshop_close(&w);
}
