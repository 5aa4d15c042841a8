/* SPDX-License-Identifier: Apache-2.0 */
/* Published bundles become tables, metadata and routes, at once and again after a restart. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define INSTALLATIONS "/api/metacore/installations"

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};
static char out[65536];

static const struct {
    const char *bundle, *model, *body, *change;
} models[] = {
    {"assets", "asset_categories", "{\"name\":\"Laptops\"}", "{\"name\":\"Notebooks\"}"},
    {"assets", "assets", "{\"name\":\"ThinkPad\",\"purchase_cost\":1234.56}",
     "{\"purchase_cost\":1000}"},
    {"assets", "depreciation_schedules",
     "{\"asset_id\":\"00000000-0000-4000-8000-000000000001\",\"period_date\":\"2026-01-31\"}",
     "{\"book_value\":9.5}"},
    {"assets", "maintenance_schedules",
     "{\"asset_id\":\"00000000-0000-4000-8000-000000000001\",\"title\":\"Dust\",\"frequency\":"
     "\"monthly\"}",
     "{\"title\":\"Fans\"}"},
    {"assets", "maintenance_logs",
     "{\"asset_id\":\"00000000-0000-4000-8000-000000000001\",\"maintenance_date\":\"2026-02-01\","
     "\"description\":\"Dusted\"}",
     "{\"cost\":12}"},
    {"assets", "asset_disposals",
     "{\"asset_id\":\"00000000-0000-4000-8000-000000000001\",\"disposal_date\":\"2026-03-01\","
     "\"disposal_method\":\"sale\"}",
     "{\"disposal_date\":\"2026-03-02\"}"},
    {"projects", "projects", "{\"code\":\"P-1\",\"name\":\"Roof\",\"budget\":10.5}",
     "{\"status\":\"active\"}"},
    {"projects", "project_tasks",
     "{\"project_id\":\"00000000-0000-4000-8000-000000000001\",\"title\":\"Tiles\"}",
     "{\"title\":\"Gutters\"}"},
    {"projects", "time_entries",
     "{\"project_id\":\"00000000-0000-4000-8000-000000000001\",\"hours\":1.5,\"date\":\"2026-01-"
     "05\"}",
     "{\"hours\":2}"},
    {"wms", "pick_orders", "{\"notes\":\"gate 4\"}", "{\"priority\":\"high\"}"},
    {"wms", "pick_lines",
     "{\"pick_order_id\":\"00000000-0000-4000-8000-000000000001\",\"product_id\":\"00000000-0000-"
     "4000-8000-000000000001\",\"quantity_needed\":3}",
     "{\"quantity_picked\":2}"},
    {"wms", "packing_slips", "{\"slip_number\":\"S-1\"}", "{\"weight_unit\":\"lb\"}"},
    {"wms", "shipment_labels",
     "{\"carrier\":\"DHL\",\"ship_to_name\":\"Ann\",\"ship_to_address\":\"1 Road\"}",
     "{\"carrier\":\"UPS\"}"},
    {"wms", "barcode_configs", "{\"name\":\"main\",\"applies_to\":\"product\"}",
     "{\"prefix\":\"A\"}"},
};

static void install(const char *data, const char *bundle, const char *org)
{
    char path[4200];

    (void)snprintf(path, sizeof(path), "%s/testdata/bundles/%s-1.0.0.tar.gz", mc_test_shared(),
                   bundle);
    MC_EXPECT_EQ(mc_process_run((const char *const[]){"addon", "install", path, "--org", org,
                                                      "--ignore-requires", "--data", data, NULL},
                                NULL, out, sizeof(out)),
                 0);
}

static void use(mc_client *client, const char *model, const char *body, const char *change)
{
    char base[128], path[256], metadata[128];

    MC_CASE(model);
    (void)snprintf(base, sizeof(base), "/api/dynamic/%s", model);
    MC_EXPECT_EQ(mc_client_call(client, "POST", base, body), 201);
    (void)snprintf(path, sizeof(path), "%s/%.*s", base, MC_FMT(mc_client_field(client, "id")));
    MC_EXPECT_EQ(mc_client_call(client, "GET", base, NULL), 200);
    MC_EXPECT_HAS(client->body, "\"total\":1");
    MC_EXPECT_EQ(mc_client_call(client, "PUT", path, change), 200);
    MC_EXPECT_EQ(mc_client_call(client, "GET", path, NULL), 200);
    (void)snprintf(metadata, sizeof(metadata), "/api/metadata/table/%s", model);
    MC_EXPECT_EQ(mc_client_call(client, "GET", metadata, NULL), 200);
    MC_EXPECT_HAS(client->body, "\"columns\":[");
    MC_EXPECT_EQ(mc_client_call(client, "DELETE", path, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(client, "GET", path, NULL), 404);
}

MC_TEST("published bundles install into a running server and serve every verb on their models")
{
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;

    if (!mc_test_shared())
        MC_SKIP("the published bundles are not here");
    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&client, process.port);
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/projects", NULL), 404);
    install(data, "assets", "Demo");
    install(data, "projects", "Demo");
    install(data, "wms", "Demo");
    for (size_t i = 0; i < MC_LEN(models); i++)
        use(&client, models[i].model, models[i].body, models[i].change);

    MC_CASE("another organization does not have them");
    MC_REQUIRE(mc_client_register(&client, "Other", "other@example.com", "long-enough") == 201);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/projects", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metadata/table/projects", NULL), 404);

    MC_CASE("after a restart they are still there");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGKILL), 128 + SIGKILL);
    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&client, process.port);
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    for (size_t i = 0; i < MC_LEN(models); i++)
        use(&client, models[i].model, models[i].body, models[i].change);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("unique values are unique in one organization and say nothing about another")
{
    static const char body[] = "{\"code\":\"P-1\",\"name\":\"Roof\"}";
    const char *data = mc_test_dir();
    mc_process process;
    mc_client mine, theirs;

    if (!mc_test_shared())
        MC_SKIP("the published bundles are not here");
    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    MC_REQUIRE(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200);
    MC_REQUIRE(mc_client_register(&theirs, "Other", "other@example.com", "long-enough") == 201);
    install(data, "projects", "Demo");
    install(data, "projects", "Other's Organization");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/projects", body), 201);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/projects", body), 409);
    MC_EXPECT_HAS(mine.body, "\"code\":[{\"code\":\"duplicate\"");
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", "/api/dynamic/projects", body), 201);
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

/* The example under its own key, as somebody changed it. */
static const char *own_tickets(const char *version)
{
    static char folder[512];
    char path[600];
    FILE *file;

    (void)snprintf(folder, sizeof(folder), "%s", mc_test_dir());
    (void)snprintf(path, sizeof(path), "%s/manifest.json", folder);
    file = fopen(path, "w");
    if (!file)
        return NULL;
    MC_EXPECT(
        fprintf(file,
                "{\"key\":\"tickets\",\"name\":\"Our tickets\",\"version\":\"%s\","
                "\"model_definitions\":[{\"table_name\":\"tickets\",\"model_key\":\"tickets\","
                "\"org_scoped\":true,\"soft_delete\":true,\"columns\":[{\"name\":\"subject\","
                "\"type\":\"string\"},{\"name\":\"ours\",\"type\":\"string\"}]}]}",
                version) > 0);
    MC_EXPECT_EQ(fclose(file), 0);
    return folder;
}

MC_TEST("an example that was upgraded keeps nobody from signing up, nor the server from starting")
{
    const char *data = mc_test_dir(), *folder = own_tickets("1.5.0");
    mc_process process;
    mc_client client;

    MC_REQUIRE(folder && mc_process_start(&process, data, dev));
    MC_EXPECT_EQ(mc_process_run((const char *const[]){"addon", "install", folder, "--org", "Demo",
                                                      "--data", data, NULL},
                                NULL, out, sizeof(out)),
                 0);
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_register(&client, "Other", "other@example.com", "long-enough"), 201);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    MC_CASE("and after a restart");
    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_register(&client, "Third", "third@example.com", "long-enough"), 201);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets",
                                "{\"subject\":\"a\",\"ours\":\"b\"}"),
                 201);
    MC_EXPECT_Z(mc_client_field(&client, "ours"), "b");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("an operator's copy of an example is the one that every organization gets")
{
    const char *data = mc_test_dir(), *folder = own_tickets("1.0.0");
    const char *args[] = {"--dev", "--log-level", "error", "--addons", folder, NULL};
    mc_process process;
    mc_client client;

    MC_REQUIRE(folder && mc_process_start(&process, data, args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_register(&client, "Other", "other@example.com", "long-enough"), 201);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets", "{\"ours\":\"b\"}"), 201);
    MC_EXPECT_Z(mc_client_field(&client, "ours"), "b");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("what an organization gave up or disabled does not come back with the next start")
{
    const char *data = mc_test_dir(), *folder = own_tickets("2.0.0");
    const char *args[] = {"--dev", "--log-level", "error", "--addons", folder, NULL};
    mc_process process;
    mc_client mine, theirs;

    MC_REQUIRE(folder && mc_process_start(&process, data, dev));
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_register(&theirs, "Other", "other@example.com", "long-enough"), 201);
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", INSTALLATIONS "/tickets?drop=1", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", INSTALLATIONS "/tickets/disable", NULL), 200);
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    for (int i = 0; i < 2; i++) {
        MC_CASE(i == 0 ? "the same example" : "a newer one for everybody");
        MC_REQUIRE(mc_process_start(&process, data, i == 0 ? dev : args));
        mc_client_init(&mine, process.port);
        mc_client_init(&theirs, process.port);
        MC_EXPECT_EQ(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo"), 200);
        MC_EXPECT_EQ(mc_client_sign_in(&theirs, "other@example.com", "long-enough"), 200);
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", INSTALLATIONS "/tickets", NULL), 404);
        MC_EXPECT_EQ(mc_client_call(&theirs, "GET", INSTALLATIONS "/tickets", NULL), 200);
        MC_EXPECT_Z(mc_client_field(&theirs, "status"), "disabled");
        MC_EXPECT_Z(mc_client_field(&theirs, "version"), i == 0 ? "1.0.0" : "2.0.0");
        MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/tickets", NULL), 404);
        mc_client_deinit(&theirs);
        if (i == 0)
            mc_client_deinit(&mine);
        if (i == 0)
            MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    }
    MC_CASE("until it asks for it");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", INSTALLATIONS "/tickets", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/tickets", NULL), 200);
    mc_client_deinit(&mine);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
