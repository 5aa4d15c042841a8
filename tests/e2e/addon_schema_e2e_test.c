/* SPDX-License-Identifier: Apache-2.0 */
/* Addons with migrations of their own: whose rows are whose, and what authors may write. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};
static char out[65536];

/* A folder with a manifest and one or two migrations. */
static const char *write_addon(const char *manifest, const char *first, const char *second)
{
    const char *folder = mc_test_dir();
    const char *const names[] = {"manifest.json", "migrations/0001_init.sql",
                                 "migrations/0002_more.sql"};
    const char *const texts[] = {manifest, first, second};
    char path[4200];

    (void)snprintf(path, sizeof(path), "%s/migrations", folder);
    MC_EXPECT(mkdir(path, 0700) == 0);
    for (size_t i = 0; i < MC_LEN(names); i++) {
        FILE *file;

        if (!texts[i])
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        file = fopen(path, "w");
        MC_EXPECT(file && fputs(texts[i], file) >= 0);
        if (file)
            MC_EXPECT(fclose(file) == 0);
    }
    return folder;
}

static int install(const char *data, const char *folder, const char *org)
{
    return mc_process_run(
        (const char *const[]){"addon", "install", folder, "--org", org, "--data", data, NULL}, NULL,
        out, sizeof(out));
}

static const char staff_manifest[] =
    "{\"key\":\"staff\",\"name\":\"Staff\",\"version\":\"1.0.0\","
    "\"tenant_isolation\":\"schema-per-tenant\",\"model_definitions\":["
    "{\"table_name\":\"teams\",\"model_key\":\"teams\",\"label\":\"Teams\",\"columns\":["
    "{\"name\":\"name\",\"type\":\"string\",\"required\":true,\"unique\":true}]},"
    "{\"table_name\":\"people\",\"model_key\":\"people\",\"label\":\"People\","
    "\"soft_delete\":true,\"columns\":[{\"name\":\"name\",\"type\":\"string\"},"
    "{\"name\":\"team_id\",\"type\":\"uuid\",\"ref\":\"teams\"}]}]}";
static const char staff_upgrade[] =
    "{\"key\":\"staff\",\"name\":\"Staff\",\"version\":\"1.1.0\","
    "\"tenant_isolation\":\"schema-per-tenant\",\"model_definitions\":["
    "{\"table_name\":\"teams\",\"model_key\":\"teams\",\"label\":\"Teams\",\"columns\":["
    "{\"name\":\"name\",\"type\":\"string\",\"required\":true,\"unique\":true},"
    "{\"name\":\"motto\",\"type\":\"string\"}]}]}";
static const char staff_sql[] =
    "CREATE TABLE IF NOT EXISTS people (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name "
    "varchar(90) NOT NULL, team_id uuid);\n"
    "CREATE UNIQUE INDEX people_name ON addon_staff.people (name);\n";

static void create(mc_client *client, const char *model, const char *body, char id[40])
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/api/dynamic/%s", model);
    MC_EXPECT_EQ(mc_client_call(client, "POST", path, body), 201);
    (void)snprintf(id, 40, "%.*s", MC_FMT(mc_client_field(client, "id")));
}

/* The same names in both: neither knows of the other's. */
static void use_as(mc_client *client, char person[40])
{
    char team[40], body[200], path[200];

    create(client, "teams", "{\"name\":\"Night\"}", team);
    MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/dynamic/teams", "{\"name\":\"Night\"}"), 409);
    (void)snprintf(body, sizeof(body), "{\"name\":\"Ann\",\"team_id\":\"%s\"}", team);
    create(client, "people", body, person);
    (void)snprintf(path, sizeof(path), "/api/dynamic/people/%s", person);
    MC_EXPECT_EQ(mc_client_call(client, "PUT", path, "{\"name\":\"Anna\"}"), 200);
    MC_EXPECT_HAS(client->body, "\"team\":{\"label\":\"Night\"");
    MC_EXPECT_EQ(mc_client_call(client, "GET", "/api/dynamic/people?search=ann", NULL), 200);
    MC_EXPECT_HAS(client->body, "\"total\":1");
    MC_EXPECT_EQ(mc_client_call(client, "GET", "/api/metadata/table/people", NULL), 200);
}

MC_TEST("a schema per tenant serves each organization its own tables, after a restart and an "
        "upgrade, too")
{
    const char *data = mc_test_dir(), *addon = write_addon(staff_manifest, staff_sql, NULL);
    char mine_id[40], their_id[40], path[200];
    mc_process process;
    mc_client mine, theirs;

    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    MC_REQUIRE(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200);
    MC_REQUIRE(mc_client_register(&theirs, "Other", "other@example.com", "long-enough") == 201);
    MC_EXPECT_EQ(install(data, addon, "Demo"), 0);
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/people", NULL), 404);
    MC_EXPECT_EQ(install(data, addon, "Other's Organization"), 0);
    use_as(&mine, mine_id);
    use_as(&theirs, their_id);
    (void)snprintf(path, sizeof(path), "/api/dynamic/people/%s", mine_id);
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&theirs, "DELETE", path, NULL), 404);

    MC_CASE("after a restart");
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGKILL), 128 + SIGKILL);
    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    MC_REQUIRE(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200);
    MC_REQUIRE(mc_client_sign_in(&theirs, "other@example.com", "long-enough") == 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", path, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", path, NULL), 200);
    (void)snprintf(path, sizeof(path), "/api/dynamic/people/%s", their_id);
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", path, NULL), 200);

    MC_CASE("an upgrade by one brings the other's tables along");
    MC_EXPECT_EQ(install(data, write_addon(staff_upgrade, staff_sql, NULL), "Demo"), 0);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", "/api/dynamic/teams",
                                "{\"name\":\"Day\",\"motto\":\"Early\"}"),
                 201);
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
