/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser asks of addons: their manifests, its menu, their assets, what may be installed. */
#include "addon_kit.h"
#include "mc_test.h"
#include "mc_ws_client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define META "/api/metacore"
#define NAVIGATION                                                                                 \
    ",\"navigation\":[{\"title\":\"Pens\",\"icon\":\"P\",\"items\":[{\"title\":\"All\",\"url\":"   \
    "\"/pens\",\"model\":\"pens_items\"},{\"title\":\"Open\",\"url\":\"/open\"}]},{\"items\":[{"   \
    "\"title\":\"Loose\",\"permission\":\"pens.loose\"}]}]"

static const kit_file page[] = {{"frontend/remoteEntry.js", "export default 1;"},
                                {"frontend/assets/a.css", "a{}"},
                                {"frontend/index.html", "<p>hi</p>"},
                                {"frontend/data.bin", "x"},
                                {NULL, NULL}};
static const kit_file next_page[] = {{"frontend/remoteEntry.js", "export default 2;"},
                                     {NULL, NULL}};

static mc_arena *arena;
static mc_process process;
static mc_client owner, other;
static char out[65536];

static bool open_server(const char *const *args)
{
    arena = mc_arena_new((size_t)64 << 20);
    if (!mc_process_start(&process, mc_test_dir(), args))
        return false;
    mc_client_init(&owner, process.port);
    mc_client_init(&other, process.port);
    return mc_client_sign_in(&owner, "owner@example.com", "metacore-demo") == 200 &&
           mc_client_register(&other, "Other", "o@example.com", "long-enough") == 201;
}

static void close_server(void)
{
    mc_client_deinit(&owner);
    mc_client_deinit(&other);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_arena_free(arena);
}

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};

static mc_str pens(const char *version, const kit_file *files)
{
    return kit_pack(
        arena, kit_manifest(arena, "pens", version, KIT_MODEL("pens_items", KIT_NAME), NAVIGATION),
        files);
}

static int get(mc_client *client, const char *path)
{
    return mc_client_call(client, "GET", path, NULL);
}

static bool lacks(const mc_client *client, const char *text)
{
    return mc_str_find(client->body, mc_z(text)) == client->body.len;
}

/* The digest of the bundle of pens that is served now, which come first; static text. */
static const char *digest_now(void)
{
    static char digest[65];

    MC_EXPECT_EQ(get(&owner, META "/manifests"), 200);
    (void)snprintf(digest, sizeof(digest), "%.*s", MC_FMT(mc_client_field(&owner, "digest")));
    return digest;
}

static bool has_head(const char *text)
{
    return mc_str_find(owner.head, mc_z(text)) < owner.head.len;
}

MC_TEST("assets are served to those who have the addon, by version or always anew")
{
    static const struct {
        const char *name, *path;
        int status;
        const char *body, *type;
    } cases[] = {
        {"a script", "remoteEntry.js", 200, "export default 1;", "application/javascript"},
        {"a style", "assets/a.css", 200, "a{}", "text/css"},
        {"a page", "index.html", 200, "<p>hi</p>", "text/html"},
        {"anything else", "data.bin", 200, "x", "application/octet-stream"},
        {"what is not there", "nope.js", 404, "file not found", "text/plain"},
        {"climbing", "assets/%2e%2e/%2e%2e/manifest.json", 400, "invalid path", "text/plain"},
        {"a backslash", "assets%5ca.css", 400, "invalid path", "text/plain"},
        {"an empty segment", "assets//a.css", 400, "invalid path", "text/plain"},
        {"a NUL", "a.css%00", 400, "invalid path", "text/plain"},
        {"what is no asset of the bundle's", "manifest.json", 404, "file not found", "text/plain"},
        {"a digest that is none", "@abc/remoteEntry.js", 400, "invalid path", "text/plain"},
    };
    char path[512], digest[65], etag[128];

    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", pens("1.0.0", page), MC_STR("")), 200);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        (void)snprintf(path, sizeof(path), META "/addons/pens/frontend/%s", cases[i].path);
        MC_EXPECT_EQ(get(&owner, path), cases[i].status);
        MC_EXPECT_HAS(owner.body, cases[i].body);
        MC_EXPECT(has_head(cases[i].type));
        MC_EXPECT(has_head("X-Content-Type-Options: nosniff"));
        if (cases[i].status == 200)
            MC_EXPECT(has_head("no-cache") && has_head("sandbox allow-scripts"));
    }
    MC_CASE("not to others");
    MC_EXPECT_EQ(get(&other, META "/addons/pens/frontend/remoteEntry.js"), 404);
    MC_EXPECT_HAS(other.body, "addon not installed for organization");
    MC_CASE("an entity tag");
    MC_EXPECT_EQ(get(&owner, META "/addons/pens/frontend/remoteEntry.js"), 200);
    (void)snprintf(etag, sizeof(etag), "%s", "If-None-Match: *\r\n");
    MC_EXPECT_EQ(mc_client_call_type(&owner, "GET", META "/addons/pens/frontend/remoteEntry.js", "",
                                     MC_STR(""), etag),
                 304);
    MC_CASE("of its version for ever");
    (void)snprintf(digest, sizeof(digest), "%s", digest_now());
    (void)snprintf(path, sizeof(path), META "/addons/pens/frontend/@%s/remoteEntry.js", digest);
    MC_EXPECT_EQ(get(&owner, path), 200);
    MC_EXPECT(has_head("immutable"));
    MC_CASE("the old version's stay after an upgrade, and the new ones are the new");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", pens("1.1.0", next_page), MC_STR("")), 200);
    MC_EXPECT_EQ(get(&owner, path), 200);
    MC_EXPECT_HAS(owner.body, "export default 1;");
    MC_EXPECT_EQ(get(&owner, META "/addons/pens/frontend/remoteEntry.js"), 200);
    MC_EXPECT_HAS(owner.body, "export default 2;");
    MC_EXPECT_EQ(get(&owner, META "/addons/pens/frontend/assets/a.css"), 404);
    MC_CASE("?v= is good for ever only where it is right");
    (void)snprintf(path, sizeof(path), META "/addons/pens/frontend/remoteEntry.js?v=%.8s", digest);
    MC_EXPECT_EQ(get(&owner, path), 200);
    MC_EXPECT(has_head("no-cache"));
    (void)snprintf(path, sizeof(path), META "/addons/pens/frontend/remoteEntry.js?v=%.8s",
                   digest_now());
    MC_EXPECT_EQ(get(&owner, path), 200);
    MC_EXPECT(has_head("immutable"));
    MC_CASE("nothing of a disabled one");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/installations/pens/disable", NULL), 200);
    MC_EXPECT_EQ(get(&owner, META "/addons/pens/frontend/remoteEntry.js"), 404);
    close_server();
}

MC_TEST("manifests and menus are of one's own enabled addons, and items for who may use them")
{
    mc_client agent;

    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", pens("1.0.0", page), MC_STR("")), 200);
    MC_EXPECT_EQ(get(&owner, META "/manifests"), 200);
    MC_EXPECT_HAS(owner.body, "\"key\":\"pens\"");
    MC_EXPECT_EQ(owner.body.ptr[0], '[');
    MC_EXPECT(has_head("X-Metacore-Kernel-Version: 2.0.0"));
    MC_EXPECT_EQ(get(&other, META "/manifests"), 200);
    MC_EXPECT(lacks(&other, "\"pens\""));
    MC_EXPECT_EQ(get(&owner, META "/navigation"), 200);
    MC_EXPECT_HAS(owner.body,
                  "{\"title\":\"Pens\",\"icon\":\"P\",\"items\":[{\"title\":\"All\",\"url\":"
                  "\"/pens\",\"model\":\"pens_items\",\"owner\":\"addon:pens\"},{\"title\":"
                  "\"Open\",\"url\":\"/open\",\"owner\":\"addon:pens\"}]}");
    MC_EXPECT_HAS(owner.body, "{\"title\":\"sidebar.addons\",\"icon\":\"Puzzle\",\"items\":[{"
                              "\"title\":\"Loose\",\"permission\":\"pens.loose\"");
    MC_EXPECT_EQ(get(&other, META "/navigation"), 200);
    MC_EXPECT(lacks(&other, "addon:pens"));
    MC_CASE("somebody who may do nothing");
    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"user", "create", "--email", "agent@example.com",
                                             "--password-stdin", "--org", "Demo", "--role", "agent",
                                             "--data", process.data, NULL},
                       "agent-password\n", out, sizeof(out)),
        0);
    mc_client_init(&agent, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&agent, "agent@example.com", "agent-password"), 200);
    MC_EXPECT_EQ(get(&agent, META "/navigation"), 200);
    MC_EXPECT_HAS(agent.body, "\"title\":\"Open\"");
    MC_EXPECT(lacks(&agent, "\"title\":\"All\"") && lacks(&agent, "Loose"));
    MC_CASE("after a restart all is as it was");
    mc_client_deinit(&agent);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGKILL), 128 + SIGKILL);
    {
        char data[200];

        (void)snprintf(data, sizeof(data), "%s", process.data);
        MC_REQUIRE(mc_process_start(&process, data, dev));
    }
    mc_client_deinit(&owner);
    mc_client_init(&owner, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&owner, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(get(&owner, META "/navigation"), 200);
    MC_EXPECT_HAS(owner.body, "addon:pens");
    MC_EXPECT_EQ(get(&owner, META "/addons/pens/frontend/remoteEntry.js"), 200);
    MC_CASE("disabled");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/installations/pens/disable", NULL), 200);
    MC_EXPECT_EQ(get(&owner, META "/navigation"), 200);
    MC_EXPECT(lacks(&owner, "addon:pens"));
    MC_EXPECT_EQ(get(&owner, META "/manifests"), 200);
    MC_EXPECT(lacks(&owner, "\"pens\""));
    close_server();
}

static void write_file(const char *folder, const char *name, mc_str bytes)
{
    char path[4300];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wbe");
    MC_EXPECT(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len);
    if (file)
        MC_EXPECT(fclose(file) == 0);
}

MC_TEST("the catalog offers the operator's folder, as it is now")
{
    const char *folder = mc_test_dir();

    MC_REQUIRE(open_server(
        (const char *const[]){"--dev", "--log-level", "error", "--catalog-dir", folder, NULL}));
    MC_EXPECT_EQ(get(&owner, META "/catalog"), 200);
    MC_EXPECT_Z(owner.body, "{\"items\":[],\"total\":0}");
    write_file(folder, "pens-1.0.0.tar.gz", pens("1.0.0", page));
    write_file(folder, "junk.tar.gz", MC_STR("no archive"));
    write_file(folder, "bad.tar.gz",
               kit_pack(arena,
                        "{\"key\":\"bad\",\"name\":\"\",\"version\":"
                        "\"1\"}",
                        NULL));
    MC_EXPECT_EQ(get(&owner, META "/catalog"), 200);
    MC_EXPECT_HAS(owner.body, "\"total\":2");
    MC_EXPECT_HAS(owner.body, "\"installable\":false,\"reason\":\"manifest: name required\"");
    MC_EXPECT_EQ(get(&owner, META "/catalog/pens"), 200);
    MC_EXPECT_HAS(owner.body, "\"installable\":true,\"entitled\":true,\"installed\":false,"
                              "\"enabled\":false,\"version\":\"1.0.0\"}");
    MC_EXPECT_EQ(get(&owner, META "/catalog/nope"), 404);
    MC_CASE("installed from it");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/installations/pens", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"source\":\"catalog\"");
    MC_EXPECT_EQ(get(&owner, META "/catalog/pens"), 200);
    MC_EXPECT_HAS(owner.body, "\"installed\":true,\"enabled\":true");
    MC_EXPECT_EQ(get(&other, META "/catalog/pens"), 200);
    MC_EXPECT_HAS(other.body, "\"installed\":false");
    MC_CASE("a higher version beside it is what is offered");
    write_file(folder, "pens-1.2.0.tar.gz", pens("1.2.0", page));
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/installations/pens", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"version\":\"1.2.0\"");
    MC_CASE("and what is newer here is not taken back");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", pens("1.3.0", page), MC_STR("")), 200);
    MC_EXPECT_EQ(mc_client_call(&other, "POST", META "/installations/pens", NULL), 200);
    MC_EXPECT_HAS(other.body, "\"version\":\"1.3.0\"");
    close_server();
}

MC_TEST("tools are listed for their organization, and executed for nobody else")
{
    static const struct {
        const char *name, *body;
        int status;
        const char *has;
    } cases[] = {
        {"no JSON", "[", 400, "invalid JSON body"},
        {"no tool", "{\"addon_key\":\"pens\"}", 400, "addon_key and tool_id are required"},
        {"no id", "{\"addon_key\":\"pens\",\"tool_id\":\"x\",\"installation_id\":\"y\"}", 400,
         "invalid installation_id"},
        {"another addon", "{\"addon_key\":\"nope\",\"tool_id\":\"x\"}", 403,
         "installation not found for this organization/addon"},
        {"another's installation",
         "{\"addon_key\":\"pens\",\"tool_id\":\"draw\",\"installation_id\":\"00000000-0000-4000-"
         "8000-000000000001\"}",
         403, "installation not found"},
        {"another tool", "{\"addon_key\":\"pens\",\"tool_id\":\"x\"}", 404, "tool not registered"},
        {"no addon's key", "{\"addon_key\":\"../x\",\"tool_id\":\"x\"}", 400, "invalid addon key"},
        {"parameters that are none",
         "{\"addon_key\":\"pens\",\"tool_id\":\"draw\",\"parameters\":[]}", 400,
         "parameters must be an object"},
        {"one without an endpoint", "{\"addon_key\":\"pens\",\"tool_id\":\"draw\"}", 502,
         "{\"success\":false,\"error\":\"tool.HTTPDispatcher: endpoint \\\"\\\" is relative but "
         "Installation.BaseURL is empty\"}"},
        {"one with placeholders", "{\"addon_key\":\"pens\",\"tool_id\":\"fill\"}", 502,
         "placeholders, which are not filled in"},
        {"one that is within", "{\"addon_key\":\"pens\",\"tool_id\":\"inner\"}", 502,
         "{\"success\":false,\"error\":\"egress to "},
    };
    static const char tools[] =
        ",\"tools\":[{\"id\":\"write\",\"name\":\"W\",\"endpoint\":\"https://e.example.com\"},{"
        "\"id\":\"draw\",\"name\":\"D\"},{\"id\":\"inner\",\"endpoint\":\"http://127.0.0.1:9/\"},"
        "{\"id\":\"fill\",\"endpoint\":\"https://{{host}}/\"}]";

    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "",
                            kit_pack(arena,
                                     kit_manifest(arena, "pens", "1.0.0",
                                                  KIT_MODEL("pens_items", KIT_NAME), tools),
                                     NULL),
                            MC_STR("")),
                 200);
    MC_EXPECT_EQ(get(&owner, META "/tools?addon_key=pens"), 200);
    MC_EXPECT_HAS(owner.body, "[{\"addon_key\":\"pens\",\"id\":\"draw\",\"name\":\"D\"");
    MC_EXPECT_HAS(owner.body, ",{\"addon_key\":\"pens\",\"id\":\"write\"");
    MC_EXPECT_EQ(get(&other, META "/tools"), 200);
    MC_EXPECT_Z(other.body, "[]");
    MC_EXPECT_EQ(get(&owner, META "/tools?addon_key=no%20key"), 400);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/tools/execute", cases[i].body),
                     cases[i].status);
        MC_EXPECT_HAS(owner.body, cases[i].has);
    }
    MC_CASE("not with another's addon");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", META "/tools/execute", cases[8].body), 403);
    close_server();
}

MC_TEST("an organization's browsers hear that an addon changed, and another's do not")
{
    mc_ws_client mine, theirs;
    char header[2300];

    MC_REQUIRE(open_server(dev));
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", owner.token);
    MC_REQUIRE(mc_ws_open(&mine, process.port, "/api/ws", header) == 101);
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", other.token);
    MC_REQUIRE(mc_ws_open(&theirs, process.port, "/api/ws", header) == 101);
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", pens("1.0.0", page), MC_STR("")), 200);
    {
        mc_str text = mc_ws_next_text(&mine, 10000);

        MC_EXPECT_HAS(text, "\"type\":\"ADDON_MANIFEST_CHANGED\"");
        MC_EXPECT_HAS(text, "\"addonKey\":\"pens\",\"newHash\":\"");
        MC_EXPECT_HAS(text, "\"version\":\"1.0.0\"");
    }
    MC_CASE("the other's next message is of its own");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", META "/installations/pens", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/auth/me", NULL), 200);
    {
        char org[60];

        (void)snprintf(org, sizeof(org), "\"orgId\":\"%.*s\"",
                       MC_FMT(mc_client_field(&other, "organization_id")));
        MC_EXPECT_HAS(mc_ws_next_text(&theirs, 10000), org);
    }
    mc_ws_deinit(&mine);
    mc_ws_deinit(&theirs);
    close_server();
}

/* ---- the published marketplace clients ---- */

#define KERNEL "/api/kernel/addons"

static mc_str fetcher(const char *version, const char *capabilities)
{
    mc_str more =
        mc_str_printf(arena,
                      ",\"description\":\"Fetches\",\"icon_slug\":\"dog\",\"capabilities\""
                      ":[%s]",
                      capabilities);

    return kit_pack(arena, kit_manifest(arena, "fetcher", version, "", more.ptr), NULL);
}

MC_TEST("the marketplace client lists, upgrades with what was agreed to, and removes")
{
    static const char one[] = "{\"kind\":\"http:fetch\",\"target\":\"api.example.com\"}";
    static const char two[] = "{\"kind\":\"http:fetch\",\"target\":\"api.example.com\"},{\"kind\":"
                              "\"event:emit\",\"target\":\"dogs.*\"}";
    const char *folder = mc_test_dir();

    MC_REQUIRE(open_server(
        (const char *const[]){"--dev", "--log-level", "error", "--catalog-dir", folder, NULL}));
    MC_EXPECT_EQ(get(&owner, KERNEL "/fetcher"), 404);
    MC_EXPECT_EQ(kit_upload(&owner, "fetcher", "", fetcher("1.0.0", one), MC_STR("")), 200);
    MC_EXPECT_EQ(get(&owner, KERNEL), 200);
    MC_EXPECT_HAS(owner.body, "{\"data\":[{\"addon_key\":\"fetcher\",");
    MC_EXPECT_EQ(get(&owner, KERNEL "/fetcher"), 200);
    MC_EXPECT_HAS(owner.body, "\"version\":\"1.0.0\",\"status\":\"installed\",\"enabled\":true,"
                              "\"name\":\"fetcher\"");
    MC_EXPECT_HAS(owner.body, "\"icon_slug\":\"dog\"");
    MC_EXPECT_HAS(owner.body, "\"granted_capabilities\":[{\"kind\":\"http:fetch\",\"target\":"
                              "\"api.example.com\"}]");
    MC_EXPECT_EQ(get(&other, KERNEL "/fetcher"), 404);
    MC_CASE("an upgrade is what the catalog offers");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", KERNEL "/fetcher/upgrade", "{}"), 404);
    write_file(folder, "fetcher.tar.gz", fetcher("1.1.0", two));
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", KERNEL "/fetcher/upgrade",
                                "{\"target_version\":\"1.2.0\",\"accepted_capabilities\":[]}"),
                 422);
    MC_EXPECT_HAS(owner.body, "version 1.2.0 is not offered here: the catalog has 1.1.0");
    MC_CASE("and no more than was agreed to");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", KERNEL "/fetcher/upgrade",
                                "{\"target_version\":\"1.1.0\",\"accepted_capabilities\":[]}"),
                 422);
    MC_EXPECT_HAS(owner.body, "wants event:emit dogs.*");
    MC_EXPECT_EQ(
        mc_client_call(&owner, "POST", KERNEL "/fetcher/upgrade",
                       "{\"target_version\":\"1.1.0\",\"accepted_capabilities\":[{\"kind\":"
                       "\"event:emit\",\"target\":\"dogs.*\"}]}"),
        200);
    MC_EXPECT_HAS(owner.body, "\"version\":\"1.1.0\"");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", KERNEL "/fetcher/upgrade", "{}"), 404);
    MC_CASE("install tokens are nobody's here");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", KERNEL "/claim", "{}"), 400);
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", KERNEL "/claim", "{\"token\":\"t\"}"), 501);
    MC_EXPECT_EQ(mc_client_call(&owner, "DELETE", KERNEL "/fetcher", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&owner, "DELETE", KERNEL "/fetcher", NULL), 404);
    close_server();
}

MC_TEST("the shell's client finds an installation where it looks for it")
{
    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", pens("1.0.0", page), MC_STR("")), 200);
    MC_EXPECT_HAS(owner.body, ",\"success\":true,\"id\":\"");
    MC_EXPECT_EQ(get(&owner, META "/installations"), 200);
    MC_EXPECT(mc_str_starts_with(owner.body, MC_STR("[{\"id\":\"")));
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/installations/pens/disable", NULL), 200);
    MC_EXPECT(mc_str_starts_with(owner.body, MC_STR("{\"data\":{\"id\":\"")));
    MC_EXPECT_HAS(owner.body, "},\"success\":true,\"id\":\"");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", META "/installations/pens/settings", "{}"), 200);
    MC_EXPECT_HAS(owner.body, "\"definitions\":[],\"settings\":{}},\"success\":true,\"id\":\"");
    MC_EXPECT_EQ(mc_client_call(&owner, "DELETE", META "/installations/pens?drop=false", NULL),
                 200);
    MC_EXPECT_EQ(get(&owner, META "/installations/pens"), 404);
    close_server();
}
