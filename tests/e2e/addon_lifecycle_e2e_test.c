/* SPDX-License-Identifier: Apache-2.0 */
/* Addons come, change and go by HTTP and by the command line; who may, and what stays. */
#include "addon_kit.h"
#include "mc_test.h"
#include "metacore/base/encode.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BASE "/api/metacore/installations"
#define SETTINGS                                                                                   \
    ",\"settings\":[{\"key\":\"api_key\",\"label\":\"K\",\"type\":\"password\",\"secret\":true},"  \
    "{\"key\":\"mode\",\"label\":\"M\",\"type\":\"select\",\"default_value\":\"soft\","            \
    "\"options\":[{\"value\":\"soft\",\"label\":\"S\"},{\"value\":\"hard\",\"label\":\"H\"}]},"    \
    "{\"key\":\"limit\",\"label\":\"L\",\"type\":\"integer\",\"default_value\":5}]"

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};
static char out[65536];

static mc_arena *arena;
static mc_process process;
static mc_client owner;

static bool open_server(const char *const *args)
{
    arena = mc_arena_new((size_t)64 << 20);
    if (!mc_process_start(&process, mc_test_dir(), args))
        return false;
    mc_client_init(&owner, process.port);
    return mc_client_sign_in(&owner, "owner@example.com", "metacore-demo") == 200;
}

static void close_server(void)
{
    mc_client_deinit(&owner);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_arena_free(arena);
}

static mc_str simple(const char *key, const char *version, const char *more)
{
    mc_str model = mc_str_printf(arena, KIT_MODEL("%s_items", KIT_NAME), key, key, key);

    return kit_pack(arena, kit_manifest(arena, key, version, model.ptr, more), NULL);
}

static int upload(mc_client *client, const char *key, const char *query, mc_str packed)
{
    return kit_upload(client, key, query, packed, MC_STR(""));
}

static int call(mc_client *client, const char *method, const char *path, const char *body)
{
    return mc_client_call(client, method, path, body);
}

/* ---- signatures ---- */

static mc_str hex_of(const mc_public_key *key)
{
    mc_buf hex;

    mc_buf_init_arena(&hex, arena, 0);
    for (size_t i = 0; i < sizeof(key->bytes); i++)
        mc_buf_printf(&hex, "%02x", key->bytes[i]);
    mc_buf_char(&hex, '\0');
    return mc_buf_get(&hex);
}

static void write_file(const char *path, mc_str bytes)
{
    FILE *file = fopen(path, "wbe");

    MC_EXPECT(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len);
    if (file)
        MC_EXPECT(fclose(file) == 0);
}

static int install_file(const char *path)
{
    return mc_process_run((const char *const[]){"addon", "install", path, "--org", "Demo", "--data",
                                                process.data, NULL},
                          NULL, out, sizeof(out));
}

MC_TEST("with a trusted key every bundle is verified, and versions only grow")
{
    mc_arena *keys = mc_arena_new(0);
    mc_secret_key secret, other;
    mc_public_key public, ignored;
    mc_str first, second, mutated, hex;
    mc_err err;

    arena = keys;
    MC_REQUIRE_OK(mc_secret_key_new(&secret, &public, &err), &err);
    MC_REQUIRE_OK(mc_secret_key_new(&other, &ignored, &err), &err);
    hex = hex_of(&public);
    MC_REQUIRE(open_server((const char *const[]){"--dev", "--log-level", "error",
                                                 "--marketplace-pubkey", hex.ptr, NULL}));
    first = simple("pens", "1.0.0", "");
    second = simple("pens", "1.1.0", "");
    mutated = simple("pens", "1.0.0", ",\"category\":\"x\"");

    MC_CASE("unsigned");
    MC_EXPECT_EQ(upload(&owner, "pens", "", first), 422);
    MC_EXPECT_HAS(owner.body, "installer: bundle signature rejected: security: bundle has no "
                              "signature");
    MC_CASE("by a stranger");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", first,
                            kit_sign(arena, &other, "pens", "1.0.0", first, false)),
                 422);
    MC_EXPECT_HAS(owner.body, "security: signature does not verify under any trusted key");
    MC_CASE("of other bytes");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", first,
                            kit_sign(arena, &secret, "pens", "1.0.0", second, false)),
                 422);
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/pens", NULL), 404);
    MC_CASE("the form that published bundles carry");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", first,
                            kit_sign(arena, &secret, "pens", "1.0.0", first, false)),
                 200);
    MC_CASE("the form that names key and version");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", second,
                            kit_sign(arena, &secret, "pens", "1.1.0", second, true)),
                 200);
    MC_EXPECT_Z(mc_client_field(&owner, "version"), "1.1.0");
    MC_CASE("an old bundle, signed as it is, does not come back");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", first,
                            kit_sign(arena, &secret, "pens", "1.0.0", first, false)),
                 422);
    MC_EXPECT_HAS(owner.body, "would be a downgrade");
    MC_CASE("nor does one version with other contents");
    mutated = simple("pens", "1.1.0", ",\"author\":\"x\"");
    MC_EXPECT_EQ(kit_upload(&owner, "pens", "", mutated,
                            kit_sign(arena, &secret, "pens", "1.1.0", mutated, false)),
                 422);
    MC_EXPECT_HAS(owner.body, "a change needs a higher version");
    MC_CASE(
        "on the command line the signature lies beside the file, in base64 as it is made there");
    {
        mc_str third = simple("pens", "1.2.0", ""), bytes;
        char path[300], sig[310];
        mc_buf text;

        (void)snprintf(path, sizeof(path), "%s/pens.tar.gz", process.data);
        (void)snprintf(sig, sizeof(sig), "%s.sig", path);
        write_file(path, third);
        MC_EXPECT_EQ(install_file(path), 1);
        MC_EXPECT_HAS(mc_z(out), "bundle signature rejected");
        mc_buf_init_arena(&text, arena, 0);
        MC_EXPECT(
            mc_hex_parse(arena, kit_sign(arena, &secret, "pens", "1.2.0", third, false), &bytes));
        mc_base64_write(&text, bytes);
        mc_buf_char(&text, '\n');
        write_file(sig, mc_buf_get(&text));
        MC_EXPECT_EQ(install_file(path), 0);
        MC_EXPECT_HAS(mc_z(out), "installed pens 1.2.0");
    }
    close_server();
    mc_arena_free(keys);
}

MC_TEST("a key that is none refuses to start, whatever else is allowed")
{
    static const char *const bad[] = {"zz", "0123", "not-a-key,"};

    for (size_t i = 0; i < MC_LEN(bad); i++) {
        MC_CASE(bad[i]);
        MC_EXPECT_EQ(
            mc_process_run((const char *const[]){"serve", "--dev", "--listen", "127.0.0.1:0",
                                                 "--data", mc_test_dir(), "--allow-unsigned",
                                                 "--marketplace-pubkeys", bad[i], NULL},
                           NULL, out, sizeof(out)),
            1);
        MC_EXPECT_HAS(mc_z(out), "MARKETPLACE_PUBKEY");
    }
}

MC_TEST("without a key and without the operator's word nothing is installed")
{
    static const char *const closed[] = {"--jwt-secret", "0123456789abcdef0123456789abcdef",
                                         "--log-level", "error", NULL};
    const char *data = mc_test_dir();

    arena = mc_arena_new(0);
    MC_REQUIRE(mc_process_start(&process, data, closed));
    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"user", "create", "--email", "owner@example.com",
                                             "--password-stdin", "--org", "Demo", "--role", "owner",
                                             "--data", data, NULL},
                       "metacore-demo\n", out, sizeof(out)),
        0);
    mc_client_init(&owner, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&owner, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", "")), 422);
    MC_EXPECT_HAS(owner.body, "installer: signature verification is required (set "
                              "MARKETPLACE_PUBKEY or, for dev, ALLOW_UNSIGNED_BUNDLES=true)");
    close_server();
}

/* ---- coming and going ---- */

MC_TEST("an addon is installed, disabled, enabled, uninstalled, and its rows wait or go with it")
{
    MC_REQUIRE(open_server(dev));
    MC_CASE("the secret is shown once");
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", "")), 200);
    MC_EXPECT_EQ(mc_client_field(&owner, "install_secret").len, 64);
    MC_EXPECT_HAS(owner.body, "\"source\":\"bundle\",\"success\":true");
    MC_EXPECT_HAS(owner.body, "\"manifest\":{\"key\":\"pens\"");
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", "")), 200);
    MC_EXPECT_EQ(mc_client_field(&owner, "install_secret").len, 0);
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/pens", NULL), 200);
    MC_EXPECT(mc_str_find(owner.body, MC_STR("secret")) == owner.body.len);
    MC_EXPECT_EQ(call(&owner, "POST", "/api/dynamic/pens_items", "{\"name\":\"Biro\"}"), 201);

    MC_CASE("disabled");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/disable", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&owner, "status"), "disabled");
    MC_EXPECT_HAS(owner.body, "\"disabled_at\":\"");
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 404);
    MC_CASE("enabled again");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/enable", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&owner, "status"), "enabled");
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 200);
    MC_EXPECT_HAS(owner.body, "Biro");

    MC_CASE("uninstalled, the rows wait");
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/pens", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 404);
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/pens", NULL), 404);
    MC_CASE("installed from what is kept");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"source\":\"registered\"");
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 200);
    MC_EXPECT_HAS(owner.body, "Biro");

    MC_CASE("uninstalled with all it had");
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/pens?drop=1", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens", NULL), 404);
    MC_EXPECT_HAS(owner.body, "is not registered in the kernel");
    MC_CASE("and from the beginning");
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "0.9.0", "")), 200);
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"total\":0");
    close_server();
}

MC_TEST("migrations run again after their tables were dropped, and only then")
{
    static const kit_file files[] = {
        {"migrations/0001_init.sql",
         "CREATE TABLE notes (id uuid PRIMARY KEY, organization_id uuid NOT NULL, name text);"
         "CREATE TABLE lines (id uuid PRIMARY KEY, organization_id uuid NOT NULL, note_id uuid "
         "REFERENCES notes(id));"},
        {NULL, NULL}};
    mc_str packed;

    MC_REQUIRE(open_server(dev));
    packed = kit_pack(
        arena, kit_manifest(arena, "notes", "1.0.0", KIT_MODEL("notes", KIT_NAME), ""), files);
    for (int round = 0; round < 2; round++) {
        MC_EXPECT_EQ(upload(&owner, "notes", "", packed), 200);
        MC_EXPECT_EQ(call(&owner, "POST", "/api/dynamic/notes", "{\"name\":\"A\"}"), 201);
        MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/notes", NULL), 200);
        MC_EXPECT_EQ(upload(&owner, "notes", "", packed), 200);
        MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/notes", NULL), 200);
        MC_EXPECT_HAS(owner.body, "\"total\":1");
        MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/notes?drop=1", NULL), 200);
    }
    close_server();
}

MC_TEST("with a schema for each tenant one's leaving takes its own tables, and they can come back")
{
    static const kit_file files[] = {
        {"migrations/0001_init.sql",
         "CREATE TABLE cards (id uuid PRIMARY KEY, organization_id uuid NOT NULL, name text);"},
        {NULL, NULL}};
    mc_client other;
    mc_str packed;

    MC_REQUIRE(open_server(dev));
    mc_client_init(&other, process.port);
    MC_REQUIRE(mc_client_register(&other, "Other", "o@example.com", "long-enough") == 201);
    packed = kit_pack(arena,
                      kit_manifest(arena, "cards", "1.0.0", KIT_MODEL("cards", KIT_NAME),
                                   ",\"tenant_isolation\":\"schema-per-tenant\""),
                      files);
    MC_EXPECT_EQ(upload(&owner, "cards", "", packed), 200);
    MC_EXPECT_EQ(upload(&other, "cards", "", packed), 200);
    MC_EXPECT_EQ(call(&owner, "POST", "/api/dynamic/cards", "{\"name\":\"A\"}"), 201);
    for (int round = 0; round < 2; round++) {
        MC_EXPECT_EQ(call(&other, "POST", "/api/dynamic/cards", "{\"name\":\"B\"}"), 201);
        MC_EXPECT_EQ(call(&other, "DELETE", BASE "/cards?drop=1", NULL), 200);
        MC_EXPECT_EQ(call(&other, "POST", BASE "/cards", NULL), 200);
        MC_EXPECT_EQ(call(&other, "GET", "/api/dynamic/cards", NULL), 200);
        MC_EXPECT_HAS(other.body, "\"total\":0");
    }
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/cards", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"total\":1");
    mc_client_deinit(&other);
    close_server();
}

MC_TEST("two organizations share an addon, and one's leaving takes only its own rows")
{
    mc_client other;

    MC_REQUIRE(open_server(dev));
    mc_client_init(&other, process.port);
    MC_REQUIRE(mc_client_register(&other, "Other", "o@example.com", "long-enough") == 201);
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", "")), 200);
    MC_CASE("it is not the other's");
    MC_EXPECT_EQ(call(&other, "GET", BASE "/pens", NULL), 404);
    MC_EXPECT_EQ(call(&other, "POST", BASE "/pens/disable", NULL), 404);
    MC_EXPECT_EQ(call(&other, "POST", BASE "/pens/rotate", NULL), 404);
    MC_EXPECT_EQ(call(&other, "DELETE", BASE "/pens?drop=1", NULL), 404);
    MC_EXPECT_EQ(call(&other, "GET", BASE, NULL), 200);
    MC_EXPECT(mc_str_find(other.body, MC_STR("pens")) == other.body.len);
    MC_CASE("the other takes what is kept");
    MC_EXPECT_EQ(call(&other, "POST", BASE "/pens", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "POST", "/api/dynamic/pens_items", "{\"name\":\"Mine\"}"), 201);
    MC_EXPECT_EQ(call(&other, "POST", "/api/dynamic/pens_items", "{\"name\":\"Theirs\"}"), 201);
    MC_CASE("one version with other contents is not for one of two to bring");
    MC_EXPECT_EQ(upload(&other, "pens", "", simple("pens", "1.0.0", ",\"author\":\"x\"")), 422);
    MC_EXPECT_HAS(other.body, "a change needs a higher version");
    MC_CASE("an upgrade by one is an upgrade for all, and nobody's being disabled changes");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/disable", NULL), 200);
    MC_EXPECT_EQ(upload(&other, "pens", "", simple("pens", "1.1.0", SETTINGS)), 200);
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/pens", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"version\":\"1.1.0\",\"status\":\"disabled\"");
    MC_EXPECT_HAS(owner.body, "\"settings\":{\"mode\":\"soft\",\"limit\":5}");
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 404);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/enable", NULL), 200);
    MC_CASE("one leaves");
    MC_EXPECT_EQ(call(&other, "DELETE", BASE "/pens?drop=1", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "GET", "/api/dynamic/pens_items", NULL), 200);
    MC_EXPECT_HAS(owner.body, "Mine");
    MC_EXPECT_EQ(call(&other, "POST", BASE "/pens", NULL), 200);
    MC_EXPECT_EQ(call(&other, "GET", "/api/dynamic/pens_items", NULL), 200);
    MC_EXPECT_HAS(other.body, "\"total\":0");
    mc_client_deinit(&other);
    close_server();
}

MC_TEST("what another addon requires is there before it and leaves after it")
{
    static const char needs[] = ",\"requires\":[{\"key\":\"pens\",\"label\":\"Pens\"}]";

    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(upload(&owner, "cases", "", simple("cases", "1.0.0", needs)), 422);
    MC_EXPECT_HAS(owner.body, "addon cases requires addon pens");
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/cases", NULL), 404);
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", "")), 200);
    MC_EXPECT_EQ(upload(&owner, "cases", "", simple("cases", "1.0.0", needs)), 200);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/disable", NULL), 409);
    MC_EXPECT_HAS(owner.body, "addon pens is required by addon cases");
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/pens", NULL), 409);
    MC_CASE("disabled it may lack what it requires, and is not enabled without it");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/cases/disable", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/disable", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/cases/enable", NULL), 409);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/pens", NULL), 409);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/cases", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/pens", NULL), 200);
    MC_CASE("itself it always has");
    MC_EXPECT_EQ(
        upload(&owner, "self", "", simple("self", "1.0.0", ",\"requires\":[{\"key\":\"self\"}]")),
        200);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/self", NULL), 200);
    MC_CASE("or by an administrator who says so");
    MC_EXPECT_EQ(upload(&owner, "cases", "?ignore_requires=1", simple("cases", "1.0.0", needs)),
                 200);
    MC_EXPECT_HAS(owner.body, "\"warning\":\"addon cases requires");
    MC_CASE("all that is missing is told at once");
    MC_EXPECT_EQ(upload(&owner, "more", "",
                        simple("more", "1.0.0",
                               ",\"requires\":[{\"key\":\"pens\"},{\"key\":"
                               "\"inks\"},{\"key\":\"cases\"}]")),
                 422);
    MC_EXPECT_HAS(owner.body, "addon more requires addons pens, inks, which are not installed and "
                              "enabled here; or insist: ignore_requires");
    close_server();
}

static mc_str rival(const char *key, const char *required)
{
    return simple(key, "1.0.0",
                  mc_str_printf(arena, ",\"requires\":[{\"key\":\"%s\"}]", required).ptr);
}

MC_TEST("addons that require each other come and go for an administrator who insists")
{
    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(upload(&owner, "left", "", rival("left", "right")), 422);
    MC_EXPECT_EQ(upload(&owner, "left", "?ignore_requires=1", rival("left", "right")), 200);
    MC_EXPECT_EQ(upload(&owner, "right", "", rival("right", "left")), 200);
    MC_CASE("neither goes first");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/left/disable", NULL), 409);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/right/disable", NULL), 409);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/left?drop=1", NULL), 409);
    MC_CASE("unless somebody insists");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/left/disable?ignore_requires=1", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"meta\":{\"warning\":\"addon left is required by addon right\"}");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/right/disable", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/left/enable", NULL), 409);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/left/enable?ignore_requires=1", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"warning\":\"addon left requires addon right, which is not");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/right/enable", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/left?drop=1&ignore_requires=1", NULL), 200);
    MC_EXPECT_EQ(call(&owner, "DELETE", BASE "/right?drop=1", NULL), 200);
    close_server();
}

/* ---- settings and secrets ---- */

MC_TEST("settings keep their types and options, and a secret is seen by nobody again")
{
    static const struct {
        const char *name, *body;
        int status;
        const char *has;
    } cases[] = {
        {"a text where a number belongs", "{\"limit\":\"7\"}", 422, "invalid_type"},
        {"a fraction where a whole number belongs", "{\"limit\":7.5}", 422, "invalid_type"},
        {"none of the options", "{\"mode\":\"loud\"}", 422, "invalid_option"},
        {"a setting that it has not", "{\"nope\":1}", 422, "unknown"},
        {"no object", "[1]", 400, ""},
        {"good ones", "{\"limit\":7,\"mode\":\"hard\",\"api_key\":\"s3cr3t-value\"}", 200,
         "\"settings\":{\"api_key\":\"********\",\"mode\":\"hard\",\"limit\":7}"},
        {"the mask changes nothing", "{\"settings\":{\"api_key\":\"********\",\"limit\":8}}", 200,
         "\"settings\":{\"api_key\":\"********\",\"mode\":\"hard\",\"limit\":8}"},
        {"null is the default", "{\"limit\":null,\"mode\":null}", 200,
         "\"settings\":{\"api_key\":\"********\",\"mode\":\"soft\",\"limit\":5}"},
        {"null of what has no default", "{\"api_key\":null}", 200,
         "\"settings\":{\"mode\":\"soft\",\"limit\":5}"},
    };

    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", SETTINGS)), 200);
    MC_EXPECT_HAS(owner.body, "\"settings\":{\"mode\":\"soft\",\"limit\":5}");
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/settings", cases[i].body), cases[i].status);
        MC_EXPECT_HAS(owner.body, cases[i].has);
        MC_EXPECT(mc_str_find(owner.body, MC_STR("s3cr3t")) == owner.body.len);
    }
    MC_EXPECT_EQ(call(&owner, "PUT", "/api/addons/pens/settings", "{\"api_key\":\"s3cr3t-value\"}"),
                 200);
    MC_CASE("an upgrade keeps what was set");
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.1.0", SETTINGS)), 200);
    MC_EXPECT_EQ(call(&owner, "GET", "/api/addons/pens/settings", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"api_key\":\"********\"");
    MC_CASE("rotation shows a new secret once");
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/pens/rotate", NULL), 200);
    MC_EXPECT_EQ(mc_client_field(&owner, "install_secret").len, 64);
    MC_EXPECT_HAS(owner.body, "\"previous_valid_until\":\"");
    MC_CASE("the command line shows and changes them too");
    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"addon", "settings", "pens", "--org", "Demo", "--set",
                                             "{\"limit\":9}", "--data", process.data, NULL},
                       NULL, out, sizeof(out)),
        0);
    MC_EXPECT_HAS(mc_z(out), "{\"api_key\":\"********\",\"mode\":\"soft\",\"limit\":9}");
    close_server();
}

/* ---- who ---- */

MC_TEST("whoever may not manage addons is told so by each route, and nobody without a token")
{
    static const struct {
        const char *method, *path;
    } routes[] = {
        {"POST", BASE "/pens"},
        {"POST", BASE "/pens/enable"},
        {"POST", BASE "/pens/disable"},
        {"POST", BASE "/pens/rotate"},
        {"POST", BASE "/pens/settings"},
        {"DELETE", BASE "/pens?drop=1"},
        {"GET", BASE},
        {"GET", BASE "/pens"},
        {"GET", BASE "/pens/settings"},
        {"PUT", "/api/addons/pens/settings"},
        {"GET", "/api/kernel/addons"},
        {"GET", "/api/kernel/addons/pens"},
        {"POST", "/api/kernel/addons/claim"},
        {"POST", "/api/kernel/addons/pens/upgrade"},
        {"DELETE", "/api/kernel/addons/pens"},
        {"POST", "/api/marketplace/install"},
        {"GET", "/api/marketplace/installs"},
    };
    mc_client agent, nobody;

    MC_REQUIRE(open_server(dev));
    MC_EXPECT_EQ(upload(&owner, "pens", "", simple("pens", "1.0.0", "")), 200);
    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"user", "create", "--email", "agent@example.com",
                                             "--password-stdin", "--org", "Demo", "--role", "agent",
                                             "--data", process.data, NULL},
                       "agent-password\n", out, sizeof(out)),
        0);
    mc_client_init(&agent, process.port);
    mc_client_init(&nobody, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&agent, "agent@example.com", "agent-password"), 200);
    for (size_t i = 0; i < MC_LEN(routes); i++) {
        MC_CASE(routes[i].path);
        MC_EXPECT_EQ(call(&agent, routes[i].method, routes[i].path, "{}"), 403);
        MC_EXPECT_EQ(call(&nobody, routes[i].method, routes[i].path, "{}"), 401);
    }
    MC_CASE("and it is still there");
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/pens", NULL), 200);
    MC_CASE("keys are keys");
    MC_EXPECT_EQ(call(&owner, "GET", BASE "/..%2fx", NULL), 400);
    MC_EXPECT_EQ(call(&owner, "POST", BASE "/Pens/enable", NULL), 400);
    MC_EXPECT_EQ(upload(&owner, "other", "", simple("pens", "2.0.0", "")), 400);
    MC_EXPECT_HAS(owner.body, "bundle key \\\"pens\\\" does not match URL key \\\"other\\\"");
    MC_EXPECT_EQ(
        mc_client_call_type(&owner, "POST", BASE "/pens", "application/gzip", MC_STR("bytes"), ""),
        415);
    MC_EXPECT_EQ(upload(&owner, "pens", "", kit_pack(arena, "{}", NULL)), 400);
    MC_EXPECT_HAS(owner.body, "invalid bundle: bundle: manifest.json missing or empty");
    MC_EXPECT_EQ(upload(&owner, "pens", "", MC_STR("no archive")), 400);
    MC_EXPECT_HAS(owner.body, "invalid bundle: ");
    mc_client_deinit(&agent);
    mc_client_deinit(&nobody);
    close_server();
}
