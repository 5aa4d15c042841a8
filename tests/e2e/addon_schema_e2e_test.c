/* SPDX-License-Identifier: Apache-2.0 */
/* Addons with migrations of their own: whose rows are whose, and what authors may write. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
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

static const char legacy_manifest[] =
    "{\"key\":\"legacy\",\"name\":\"Legacy\",\"version\":\"1.0.0\",\"model_definitions\":["
    "{\"table_name\":\"papers\",\"model_key\":\"papers\",\"label\":\"Papers\",\"org_scoped\":true,"
    "\"soft_delete\":true,\"columns\":[{\"name\":\"number\",\"type\":\"string\"},{\"name\":"
    "\"status\",\"type\":\"string\"},{\"name\":\"total\",\"type\":\"decimal\"},{\"name\":\"tags\","
    "\"type\":\"json\"}]},{\"table_name\":\"notes\",\"model_key\":\"notes\",\"label\":\"Notes\","
    "\"org_scoped\":true,\"columns\":[{\"name\":\"body\",\"type\":\"text\"}]}]}";
static const char legacy_sql[] =
    "-- Rows belong to org_id; there is no organization_id.\n"
    "CREATE TYPE paper_status AS ENUM ('draft', 'sent');\n"
    "CREATE TABLE IF NOT EXISTS papers (id uuid PRIMARY KEY, org_id uuid NOT NULL REFERENCES "
    "public.organizations(id) ON DELETE CASCADE, number varchar(32) NOT NULL, status paper_status "
    "NOT NULL DEFAULT 'draft', total numeric(14,2) NOT NULL DEFAULT 0, tags text[] DEFAULT "
    "'{new}', "
    "created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), "
    "deleted_at timestamptz, CONSTRAINT papers_number UNIQUE (org_id, number), CONSTRAINT "
    "papers_total CHECK (total >= 0));\n"
    "CREATE INDEX papers_board ON papers (org_id, status, created_at DESC) WHERE deleted_at IS "
    "NULL;\n"
    "CREATE INDEX papers_tags ON papers USING gin (tags);\n"
    "ALTER TABLE papers ENABLE ROW LEVEL SECURITY;\n"
    "CREATE POLICY papers_org ON papers USING (org_id = current_setting('app.current_org', "
    "true)::uuid);\n"
    "INSERT INTO papers (id, org_id, number) SELECT gen_random_uuid(), gen_random_uuid(), 'x' "
    "WHERE "
    "false;\n";
static const char legacy_more[] = "-- The kernel makes this table; see the manifest.\n"
                                  "CREATE INDEX notes_recent ON notes (created_at DESC);\n";

MC_TEST("a table whose organization has another name is served, and each sees only its own rows")
{
    static const char body[] = "{\"number\":\"A-1\",\"total\":10.5}";
    const char *data = mc_test_dir();
    mc_process process;
    mc_client mine, theirs;
    char id[40], path[200], sql[4096];

    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    MC_REQUIRE(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200);
    MC_REQUIRE(mc_client_register(&theirs, "Other", "other@example.com", "long-enough") == 201);

    MC_CASE("what cannot be translated is refused with its file and line, and leaves nothing");
    MC_EXPECT_EQ(install(data, write_addon(legacy_manifest, legacy_sql, legacy_more), "Demo"), 1);
    MC_EXPECT_HAS(mc_z(out), "apply legacy@0001_init: migration: line 8: INSERT of anything but");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/papers", NULL), 404);

    MC_CASE("without that statement it installs for both");
    (void)snprintf(sql, sizeof(sql), "%.*s", (int)(strstr(legacy_sql, "INSERT INTO") - legacy_sql),
                   legacy_sql);
    MC_EXPECT_EQ(install(data, write_addon(legacy_manifest, sql, legacy_more), "Demo"), 0);
    MC_EXPECT_EQ(
        install(data, write_addon(legacy_manifest, sql, legacy_more), "Other's Organization"), 0);
    create(&mine, "papers", body, id);
    MC_EXPECT_HAS(mine.body, "\"status\":\"draft\"");
    MC_EXPECT_HAS(mine.body, "\"tags\":[\"new\"]");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/papers", body), 409);
    MC_EXPECT_HAS(mine.body, "\"number\":[{\"code\":\"duplicate\"");
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", "/api/dynamic/papers", body), 201);
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/papers", NULL), 200);
    MC_EXPECT_HAS(theirs.body, "\"total\":1");
    (void)snprintf(path, sizeof(path), "/api/dynamic/papers/%s", id);
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", path, "{\"status\":\"lost\"}"), 422);
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", path, "{\"total\":-0.5}"), 422);
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", path, "{\"status\":\"sent\",\"total\":0}"), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/notes", "{\"body\":\"x\"}"), 201);
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

static const char forms_manifest[] =
    "{\"key\":\"forms\",\"name\":\"Forms\",\"version\":\"1.0.0\",\"model_definitions\":["
    "{\"table_name\":\"boxes\",\"model_key\":\"boxes\",\"label\":\"Boxes\",\"org_scoped\":true,"
    "\"columns\":[{\"name\":\"code\",\"type\":\"string\",\"unique\":true},{\"name\":\"qty\","
    "\"type\":\"int\"},{\"name\":\"done\",\"type\":\"bool\",\"required\":true}]},"
    "{\"table_name\":\"things\",\"model_key\":\"things\",\"label\":\"Things\",\"org_scoped\":true,"
    "\"columns\":[{\"name\":\"box_id\",\"type\":\"uuid\"},{\"name\":\"name\",\"type\":"
    "\"string\"}]}]}";
static const char forms_sql[] = "CREATE TABLE boxes (id uuid PRIMARY KEY, organization_id uuid NOT "
                                "NULL, code text, qty integer "
                                "NOT NULL DEFAULT 3, done boolean NOT NULL);\n"
                                "CREATE TABLE things (id uuid PRIMARY KEY, organization_id uuid "
                                "NOT NULL, box_id uuid REFERENCES "
                                "boxes(id), name text NOT NULL);\n";
static const char clash_sql[] =
    "CREATE TABLE boxes (id bigserial PRIMARY KEY, organization_id uuid NOT NULL, code integer);\n";

static const struct {
    const char *name, *method, *path, *body;
    int status;
    const char *answer;
} forms[] = {
    {"an untouched form: the migration's default, no code, no tick", "POST", "/api/dynamic/boxes",
     "{\"code\":\"\",\"qty\":\"\",\"done\":\"\"}", 201, "\"done\":false"},
    {"a second one: no code is not the same code", "POST", "/api/dynamic/boxes",
     "{\"code\":\"\",\"qty\":null,\"done\":true}", 201, "\"qty\":3"},
    {"null is no tick and no value", "POST", "/api/dynamic/boxes", "{\"done\":null}", 422,
     "\"done\":[{\"code\":\"required\""},
    {"what only the migration requires", "POST", "/api/dynamic/things", "{}", 422,
     "\"name\":[{\"code\":\"required\""},
    {"a key to nothing", "POST", "/api/dynamic/things",
     "{\"name\":\"x\",\"box_id\":\"00000000-0000-4000-8000-000000000001\"}", 422,
     "refers to a record that does not exist"},
};

MC_TEST("forms that nobody touched fit a migration's table, and what does not fit is said by field")
{
    const char *data = mc_test_dir();
    char id[40], body[200], path[200];
    mc_process process;
    mc_client client;

    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&client, process.port);
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    MC_CASE("a table that cannot hold the model's rows is refused");
    MC_EXPECT_EQ(install(data, write_addon(forms_manifest, clash_sql, NULL), "Demo"), 1);
    MC_EXPECT_HAS(mc_z(out), "column code of table boxes is ");
    MC_EXPECT_EQ(install(data, write_addon(forms_manifest, forms_sql, NULL), "Demo"), 0);
    for (size_t i = 0; i < MC_LEN(forms); i++) {
        MC_CASE(forms[i].name);
        MC_EXPECT_EQ(mc_client_call(&client, forms[i].method, forms[i].path, forms[i].body),
                     forms[i].status);
        MC_EXPECT_HAS(client.body, forms[i].answer);
    }
    MC_CASE("a row that others need stays");
    create(&client, "boxes", "{\"done\":true}", id);
    (void)snprintf(body, sizeof(body), "{\"name\":\"x\",\"box_id\":\"%s\"}", id);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/things", body), 201);
    (void)snprintf(path, sizeof(path), "/api/dynamic/boxes/%s", id);
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", path, NULL), 409);
    MC_EXPECT_HAS(client.body, "other records refer to this one");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

/* ---- rows that come with an addon ---- */

#define SEEDS(isolation)                                                                           \
    "{\"key\":\"seeds\",\"name\":\"Seeds\",\"version\":\"1.0.0\",\"tenant_isolation\":"            \
    "\"" isolation "\",\"model_definitions\":[{\"table_name\":\"kinds\",\"model_key\":\"kinds\","  \
    "\"label\":\"Kinds\",\"org_scoped\":true,\"columns\":[{\"name\":\"name\",\"type\":\"string\"}" \
    "]},{\"table_name\":\"made\",\"model_key\":\"made\",\"label\":\"Made\",\"org_scoped\":true,"   \
    "\"columns\":[{\"name\":\"name\",\"type\":\"string\"}]}]}"

static const char seeds_made[] =
    "CREATE TABLE made (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid, name "
    "text);\nINSERT INTO made (name) VALUES ('One'), ('Two');\n";
static const char seeds_kinds[] = "INSERT INTO kinds (name) VALUES ('One');\n";

MC_TEST("rows that come with an addon are the organization's whose schema it is, or told of")
{
    const char *data = mc_test_dir();
    const char *own = write_addon(SEEDS("schema-per-tenant"), seeds_made, seeds_kinds);
    mc_process process;
    mc_client mine, theirs;

    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    MC_REQUIRE(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200);
    MC_REQUIRE(mc_client_register(&theirs, "Other", "other@example.com", "long-enough") == 201);
    MC_CASE("in a schema that all share a table takes no row of nobody");
    MC_EXPECT_EQ(install(data, write_addon(SEEDS("shared"), seeds_made, seeds_kinds), "Demo"), 1);
    MC_EXPECT_HAS(mc_z(out), "apply seeds@0002_more: a row without organization_id");
    MC_CASE("or takes it, and whoever installs is told");
    MC_EXPECT_EQ(install(data, write_addon(SEEDS("shared"), seeds_made, NULL), "Demo"), 0);
    MC_EXPECT_HAS(mc_z(out), "warning: migration: line 2: rows of made without organization_id");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/made", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"total\":0");
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", "/api/metacore/installations/seeds?drop=1", NULL),
                 200);
    MC_CASE("with a schema for each they are there, for each");
    MC_EXPECT_EQ(install(data, own, "Demo"), 0);
    MC_EXPECT_EQ(install(data, own, "Other's Organization"), 0);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/made", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"total\":2");
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/made", NULL), 200);
    MC_EXPECT_HAS(theirs.body, "\"total\":2");
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/kinds", NULL), 200);
    MC_EXPECT_HAS(theirs.body, "\"total\":1");
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
