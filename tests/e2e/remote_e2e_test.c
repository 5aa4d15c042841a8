/* SPDX-License-Identifier: Apache-2.0 */
/* `metacore addon … --server URL`: what an administrator does with a server somewhere else. */
#include "addon_kit.h"
#include "mc_certificate.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS                                                                                   \
    ",\"settings\":[{\"key\":\"limit\",\"label\":\"L\",\"type\":\"integer\",\"default_value\":5}," \
    "{\"key\":\"api_key\",\"label\":\"K\",\"type\":\"string\",\"secret\":true}]"

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client owner;
static char server[64], out[65536];

#define RUN(...) mc_process_run((const char *const[]){__VA_ARGS__, NULL}, NULL, out, sizeof(out))
#define REMOTE(...) RUN("addon", __VA_ARGS__, "--server", server)

static const char *in(const char *dir, const char *name)
{
    mc_str path = mc_str_printf(arena, "%s/%s", dir, name);

    return path.ptr;
}

static const char *write_bytes(const char *path, mc_str bytes)
{
    FILE *file = fopen(path, "wbe");

    MC_EXPECT(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len);
    MC_EXPECT(file && fclose(file) == 0);
    return path;
}

static const char *pack_to(const char *dir, const char *key, const char *version, const char *more)
{
    const char *manifest = kit_manifest(arena, key, version, KIT_MODEL("pens", KIT_NAME), more);

    return write_bytes(in(dir, mc_str_printf(arena, "%s-%s.tar.gz", key, version).ptr),
                       kit_pack(arena, manifest, NULL));
}

static bool open_server(const char *const *args)
{
    arena = mc_arena_new((size_t)64 << 20);
    if (!mc_process_start(&process, mc_test_dir(), args))
        return false;
    (void)snprintf(server, sizeof(server), "http://127.0.0.1:%u/", process.port);
    mc_client_init(&owner, process.port);
    if (mc_client_sign_in(&owner, "owner@example.com", "metacore-demo") != 200)
        return false;
    return setenv("METACORE_TOKEN", owner.token, 1) == 0;
}

static void close_server(void)
{
    (void)unsetenv("METACORE_TOKEN");
    mc_client_deinit(&owner);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_arena_free(arena);
}

MC_TEST("an addon is rehearsed, installed, changed and taken away over the network")
{
    const char *dir = mc_test_dir(), *bundle, *folder;

    MC_REQUIRE(open_server(dev));
    bundle = pack_to(dir, "pens", "1.0.0", SETTINGS);
    MC_EXPECT_EQ(REMOTE("install", bundle, "--dry-run"), 0);
    MC_EXPECT_HAS(mc_z(out), "\"tables\":{\"added\":[\"pens\"]");
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/dynamic/pens", NULL), 404);
    MC_EXPECT_EQ(REMOTE("install", bundle), 0);
    MC_EXPECT_HAS(mc_z(out), "installed pens 1.0.0\ninstall secret, shown this once: ");
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/dynamic/pens", NULL), 200);
    MC_EXPECT_EQ(REMOTE("list"), 0);
    MC_EXPECT_HAS(mc_z(out), "pens");
    MC_EXPECT_EQ(REMOTE("list", "--json"), 0);
    MC_EXPECT_HAS(mc_z(out), "\"addon_key\":\"pens\",\"version\":\"1.0.0\",\"status\":\"enabled\"");
    MC_EXPECT_EQ(REMOTE("disable", "pens"), 0);
    MC_EXPECT_HAS(mc_z(out), "disabled pens 1.0.0");
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/dynamic/pens", NULL), 404);
    MC_EXPECT_EQ(REMOTE("enable", "pens", "--json"), 0);
    MC_EXPECT_HAS(mc_z(out), "\"status\":\"enabled\"");
    MC_EXPECT_EQ(REMOTE("settings", "pens", "--set", "{\"limit\":7,\"api_key\":\"s3cr3t\"}"), 0);
    MC_EXPECT_HAS(mc_z(out), "{\"limit\":7,\"api_key\":\"********\"}");
    MC_EXPECT_EQ(REMOTE("settings", "pens", "--set", "{\"limit\":\"x\"}"), 1);
    MC_EXPECT_HAS(mc_z(out), "limit must be a whole number");
    MC_EXPECT_EQ(REMOTE("rotate", "pens"), 0);
    MC_EXPECT_HAS(mc_z(out), "install secret, shown this once: ");
    MC_CASE("a folder is packed on the way");
    folder = in(dir, "field_notes");
    MC_EXPECT_EQ(RUN("addon", "init", "field_notes", folder), 0);
    MC_EXPECT_EQ(REMOTE("install", folder), 0);
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/dynamic/field_notes_items", NULL), 200);
    MC_CASE("gone");
    MC_EXPECT_EQ(REMOTE("uninstall", "pens", "--drop"), 0);
    MC_EXPECT_HAS(mc_z(out), "uninstalled pens 1.0.0");
    MC_EXPECT_EQ(REMOTE("uninstall", "pens"), 1);
    MC_EXPECT_HAS(mc_z(out), "addon pens is not installed");
    close_server();
}

MC_TEST("what is refused over the network says why, and ends with 1")
{
    const char *dir = mc_test_dir(), *needy, *low;

    MC_REQUIRE(open_server(dev));
    needy = pack_to(dir, "pens", "2.0.0", ",\"requires\":[{\"key\":\"inks\"}]");
    low = pack_to(dir, "pens", "1.0.0", "");
    MC_EXPECT_EQ(REMOTE("install", needy), 1);
    MC_EXPECT_HAS(mc_z(out), "addon pens requires addon inks");
    MC_EXPECT_EQ(REMOTE("install", needy, "--ignore-requires"), 0);
    MC_EXPECT_HAS(mc_z(out), "metacore: warning: addon pens requires addon inks");
    MC_EXPECT_EQ(REMOTE("install", low), 1);
    MC_EXPECT_HAS(mc_z(out), "would be a downgrade");
    MC_CASE("what is no bundle is not even sent");
    MC_EXPECT_EQ(REMOTE("install", write_bytes(in(dir, "junk.tar.gz"), MC_STR("junk"))), 1);
    MC_EXPECT_HAS(mc_z(out), "bundle: ");
    MC_CASE("a name that would lead elsewhere");
    MC_EXPECT_EQ(REMOTE("disable", "../../auth/logout"), 1);
    MC_EXPECT_HAS(mc_z(out), "is no addon's key");
    MC_CASE("another organization than the token's");
    MC_EXPECT_EQ(REMOTE("list", "--org", "00000000-0000-0000-0000-000000000001"), 1);
    MC_EXPECT_HAS(mc_z(out), "the token is for organization ");
    MC_CASE("no token, a bad one, one in a file");
    (void)unsetenv("METACORE_TOKEN");
    MC_EXPECT_EQ(REMOTE("list"), 1);
    MC_EXPECT_HAS(mc_z(out), "--server wants a token");
    MC_EXPECT_EQ(REMOTE("list", "--token-file", in(dir, "nobody")), 1);
    MC_EXPECT_HAS(mc_z(out), "No such file");
    MC_EXPECT_EQ(REMOTE("list", "--token-file", write_bytes(in(dir, "bad"), MC_STR("a.b.c\n"))), 1);
    MC_EXPECT_HAS(mc_z(out), "the server does not take the token");
    MC_EXPECT_EQ(REMOTE("list", "--token-file", write_bytes(in(dir, "two"), MC_STR("a b\n"))), 1);
    MC_EXPECT_HAS(mc_z(out), "holds no token");
    MC_EXPECT_EQ(REMOTE("list", "--token-file", write_bytes(in(dir, "good"), mc_z(owner.token))),
                 0);
    MC_CASE("nobody there, and somebody else");
    MC_EXPECT_EQ(setenv("METACORE_TOKEN", owner.token, 1), 0);
    MC_EXPECT_EQ(RUN("addon", "list", "--server", "http://127.0.0.1:1"), 1);
    MC_EXPECT_HAS(mc_z(out), "http://127.0.0.1:1: http: ");
    MC_EXPECT_EQ(RUN("addon", "list", "--server", "ftp://127.0.0.1"), 1);
    MC_EXPECT_HAS(mc_z(out), "only http(s) allowed");
    MC_CASE("without a server there has to be an organization");
    MC_EXPECT_EQ(RUN("addon", "enable", "pens"), 2);
    close_server();
}

/* ---- TLS ---- */

MC_TEST("a certificate is verified: by the system's authorities, or those that are named")
{
    char data[160];
    const char *cert, *key;

    MC_REQUIRE(open_server(dev));
    (void)snprintf(data, sizeof(data), "%s", process.data);
    cert = in(data, "cert.pem");
    key = in(data, "key.pem");
    MC_REQUIRE(mc_certificate_write(cert, key));
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    MC_REQUIRE(mc_process_start(&process, data,
                                (const char *const[]){"--dev", "--log-level", "error", "--tls-cert",
                                                      cert, "--tls-key", key, NULL}));
    (void)snprintf(server, sizeof(server), "https://localhost:%u", process.port);
    MC_EXPECT_EQ(REMOTE("list"), 1);
    MC_EXPECT_HAS(mc_z(out), "certificate");
    MC_EXPECT_EQ(REMOTE("list", "--ca-file", cert), 0);
    MC_EXPECT_HAS(mc_z(out), "tickets");
    MC_CASE("for the name that was asked for");
    (void)snprintf(server, sizeof(server), "https://127.0.0.1:%u", process.port);
    MC_EXPECT_EQ(REMOTE("list", "--ca-file", cert), 1);
    close_server();
}
