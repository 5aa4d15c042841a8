/* SPDX-License-Identifier: Apache-2.0 */
/* Deleted rows: who sees them, and where. */
#include "workshop.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

MC_TEST("deleted rows are listed for those who may delete, and say when that was")
{
    static const struct {
        const char *query, *total;
        bool is_marked;
    } lists[] = {
        {"", "1", false},
        {"deleted=", "1", false},
        {"deleted=with", "2", true},
        {"deleted=only", "1", true},
        {"deleted=only&search=wall", "1", true},
        {"deleted=only&search=roof", "0", false},
        {"deleted=with&fields=name", "2", true},
    };
    char roof[40], wall[40];
    mc_client agent;
    workshop w;

    MC_REQUIRE(workshop_open(&w) && workshop_agent(&w, &agent));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", roof));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Wall\"}", wall));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/projects/%s", wall), NULL),
                 200);
    for (size_t i = 0; i < MC_LEN(lists); i++) {
        MC_CASE(lists[i].query);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "GET",
                                    text_of("/api/dynamic/projects?%s", lists[i].query), NULL),
                     200);
        MC_EXPECT_Z(mc_client_field(&w.mine, "total"), lists[i].total);
        MC_EXPECT_EQ(mc_str_find(w.mine.body, MC_STR("\"deleted_at\":")) < w.mine.body.len,
                     lists[i].is_marked);
    }
    MC_CASE("a word there is not");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/projects?deleted=yes", NULL), 400);
    MC_EXPECT_HAS(w.mine.body, "deleted: \\\"yes\\\" is neither");
    MC_CASE("a model that keeps none");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/tags?deleted=only", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "total"), "0");
    MC_CASE("another organization has none of ours");
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", "/api/dynamic/projects?deleted=with", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.theirs, "total"), "0");

    MC_CASE("who may only read sees what is there");
    MC_EXPECT(workshop_grant(&w, "projects.read"));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/projects", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/projects?deleted=only", NULL), 403);
    MC_CASE("bringing back takes update and delete");
    MC_EXPECT(workshop_grant(&w, "projects.update"));
    MC_EXPECT_EQ(
        mc_client_call(&agent, "POST", text_of("/api/dynamic/projects/%s/restore", wall), NULL),
        403);
    MC_EXPECT(workshop_grant(&w, "projects.delete"));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/projects?deleted=only", NULL), 200);
    MC_EXPECT_EQ(
        mc_client_call(&agent, "POST", text_of("/api/dynamic/projects/%s/restore", wall), NULL),
        200);
    MC_EXPECT(mc_str_find(agent.body, MC_STR("deleted_at")) == agent.body.len);
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/dynamic/projects?deleted=only", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&agent, "total"), "0");
    mc_client_deinit(&agent);
    workshop_close(&w);
}
