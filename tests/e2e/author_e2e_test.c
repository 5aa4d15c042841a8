/* SPDX-License-Identifier: Apache-2.0 */
/* An author's way: a skeleton, checked, built, signed, looked at, installed and used. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS 8

static char out[65536];

static int run(const char *const *args)
{
    return mc_process_run(args, NULL, out, sizeof(out));
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

/* dir/name; static text, one of a few in turn. */
static const char *in(const char *dir, const char *name)
{
    static char paths[PATHS][400];
    static unsigned at;
    char *path = paths[at++ % PATHS];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    MC_EXPECT(file && fputs(text, file) >= 0);
    MC_EXPECT(file && fclose(file) == 0);
}

static size_t read_file(const char *path, char *data, size_t size)
{
    FILE *file = fopen(path, "rbe");
    size_t got = file ? fread(data, 1, size - 1, file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    data[got] = '\0';
    return got;
}

MC_TEST("a skeleton validates, builds, installs and takes rows as it is")
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};
    const char *dir = mc_test_dir();
    const char *folder = in(dir, "field_service"), *bundle = in(dir, "made.tar.gz");
    mc_process process;
    mc_client client;

    MC_EXPECT_EQ(RUN("addon", "init", "field_service", folder), 0);
    MC_EXPECT_EQ(RUN("addon", "validate", folder, "--strict"), 0);
    MC_EXPECT_EQ(RUN("addon", "build", folder, "-o", bundle), 0);
    MC_EXPECT_EQ(RUN("addon", "validate", bundle, "--strict", "--json"), 0);
    MC_EXPECT_HAS(mc_z(out), "{\"valid\":true,\"errors\":0,\"warnings\":0,\"problems\":[]}");
    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), args));
    MC_EXPECT_EQ(RUN("addon", "install", bundle, "--org", "Demo", "--data", process.data), 0);
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/field_service_items",
                                "{\"title\":\"Pump 3\",\"amount\":\"12.50\"}"),
                 201);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/field_service_items", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"title\":\"Pump 3\"");
    MC_EXPECT_HAS(client.body, "\"state\":\"open\"");
    MC_CASE("its texts are there");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metadata/table/field_service_items", NULL),
                 200);
    MC_EXPECT_HAS(client.body, "\"Items\"");
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("a skeleton writes over nothing, and takes no name that cannot be installed")
{
    const char *dir = mc_test_dir();

    MC_EXPECT_EQ(RUN("addon", "init", "demo", dir), 0);
    MC_EXPECT_EQ(RUN("addon", "init", "demo", dir), 1);
    MC_EXPECT_HAS(mc_z(out), "is there already");
    MC_EXPECT_EQ(RUN("addon", "init", "Demo", in(dir, "x")), 1);
    MC_EXPECT_EQ(RUN("addon", "init", "../demo", in(dir, "x")), 1);
    MC_EXPECT_EQ(RUN("addon", "init", "a23456789012345678901234567890123456789012", in(dir, "x")),
                 1);
    MC_EXPECT(access(in(dir, "x"), F_OK) != 0);
}

MC_TEST("every problem is told at once, and what has one is not built")
{
    const char *dir = mc_test_dir();

    MC_EXPECT_EQ(RUN("addon", "init", "demo", dir), 0);
    write_file(in(dir, "migrations/0002_more.sql"), "SELECT 1;\n\nGRANT ALL ON items TO public;\n");
    write_file(in(dir, "manifest.json"),
               "{\"key\":\"demo\",\"name\":\"\",\"version\":\"one\",\"capabilities\":[{\"kind\":"
               "\"http:fetch\",\"target\":\"*\",\"reason\":\"x\"}]}");
    MC_EXPECT_EQ(RUN("addon", "validate", dir), 1);
    MC_EXPECT_HAS(mc_z(out), "name required");
    MC_EXPECT_HAS(mc_z(out), "is not semver");
    MC_EXPECT_HAS(mc_z(out), "    hint: three numbers");
    MC_EXPECT_HAS(mc_z(out), "manifest.capabilities[0].target: ");
    MC_EXPECT_HAS(mc_z(out), "migrations/0002_more.sql:1: error: ");
    MC_EXPECT_HAS(mc_z(out), "migrations/0002_more.sql:3: error: ");
    MC_EXPECT_EQ(RUN("addon", "validate", dir, "--json"), 1);
    MC_EXPECT_HAS(mc_z(out), "\"valid\":false");
    MC_EXPECT_HAS(mc_z(out), "\"path\":\"manifest.capabilities[0]\"");
    MC_EXPECT_HAS(mc_z(out), "\"line\":3");
    MC_EXPECT_EQ(RUN("addon", "build", dir, "-o", in(dir, "no.tar.gz")), 1);
    MC_EXPECT(access(in(dir, "no.tar.gz"), F_OK) != 0);
    MC_CASE("what cannot be read is a problem, too");
    MC_EXPECT_EQ(RUN("addon", "validate", in(dir, "nowhere"), "--json"), 1);
    MC_EXPECT_HAS(mc_z(out), "\"valid\":false,\"errors\":1");
    MC_CASE("warnings only when they are asked for");
    write_file(in(dir, "migrations/0002_more.sql"), "");
    write_file(in(dir, "manifest.json"),
               "{\"key\":\"demo\",\"name\":\"Demo\",\"version\":\"1.0.0\",\"capabilities\":[{"
               "\"kind\":\"fs:read\",\"target\":\"/\",\"reason\":\"x\"}]}");
    MC_EXPECT_EQ(RUN("addon", "validate", dir), 0);
    MC_EXPECT_EQ(RUN("addon", "validate", dir, "--strict"), 1);
    MC_EXPECT_EQ(RUN("addon", "build", dir, "--strict", "-o", in(dir, "no.tar.gz")), 1);
}

MC_TEST("the same folder gives the same bytes, whenever it is built")
{
    static char first[16384], second[16384];
    const char *dir = mc_test_dir();
    size_t a, b;

    MC_EXPECT_EQ(RUN("addon", "init", "demo", in(dir, "demo")), 0);
    MC_EXPECT_EQ(RUN("addon", "build", in(dir, "demo"), "-o", in(dir, "a.tar.gz")), 0);
    MC_EXPECT_EQ(RUN("addon", "build", in(dir, "demo"), "-o", in(dir, "b.tar.gz")), 0);
    a = read_file(in(dir, "a.tar.gz"), first, sizeof(first));
    b = read_file(in(dir, "b.tar.gz"), second, sizeof(second));
    MC_EXPECT(a > 100);
    MC_EXPECT_EQ(a, b);
    MC_EXPECT(memcmp(first, second, a) == 0);
}

/* ---- keys and signatures ---- */

MC_TEST("a key is its owner's only and is never written over")
{
    static char before[1024], after[1024];
    const char *dir = mc_test_dir();
    const char *key = in(dir, "me");
    struct stat st;

    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", key), 0);
    MC_EXPECT(stat(in(dir, "me.pem"), &st) == 0 && (st.st_mode & 0777) == 0600);
    (void)read_file(in(dir, "me.pem"), before, sizeof(before));
    MC_EXPECT_HAS(mc_z(before), "-----BEGIN METACORE PRIVATE KEY-----\n");
    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", key), 1);
    (void)read_file(in(dir, "me.pem"), after, sizeof(after));
    MC_EXPECT_Z(mc_z(before), after);
    MC_CASE("nor is one half of a pair");
    MC_EXPECT_EQ(unlink(in(dir, "me.pem")), 0);
    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", key), 1);
    MC_EXPECT(access(in(dir, "me.pem"), F_OK) != 0);
}

static void to_base64(const char *hex, char base64[100])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bytes[66] = {0};
    size_t n = 0;

    for (size_t i = 0; i < 64; i++) {
        unsigned value = 0;

        (void)sscanf(hex + 2 * i, "%2x", &value);
        bytes[i] = (unsigned char)value;
    }
    for (size_t i = 0; i < 66; i += 3) {
        unsigned group = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            base64[n++] = digits[group >> shift & 63];
    }
    base64[86] = base64[87] = '='; /* 64 bytes: the last group holds one */
    base64[88] = '\0';
}

MC_TEST("signatures of both kinds verify in hexadecimal and base64, and nothing else does")
{
    static char hex[512], base64[100], public_key[512];
    const char *dir = mc_test_dir();
    const char *file, *pem, *pub;
    FILE *changed;

    MC_EXPECT_EQ(RUN("addon", "init", "demo", in(dir, "demo")), 0);
    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", in(dir, "me"), "--json"), 0);
    (void)snprintf(public_key, sizeof(public_key), "%.64s", strstr(out, ":\"") + 2);
    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", in(dir, "you")), 0);
    MC_EXPECT_EQ(RUN("addon", "build", in(dir, "demo"), "-o", in(dir, "f.tar.gz"), "--sign",
                     in(dir, "me.pem")),
                 0);
    for (int v1 = 0; v1 < 2; v1++) {
        MC_CASE(v1 ? "of the digest" : "of key, version and digest");
        file = in(dir, "f.tar.gz");
        pem = in(dir, "me.pem");
        pub = in(dir, "me.pub");
        if (v1)
            MC_EXPECT_EQ(RUN("addon", "sign", file, "--key", pem, "--v1"), 0);
        MC_EXPECT_EQ(RUN("addon", "verify", file, "--key", pub, "--json"), 0);
        MC_EXPECT_HAS(mc_z(out), v1 ? "\"algorithm\":\"ed25519\"" : "\"algorithm\":\"ed25519-v2\"");
        MC_EXPECT_EQ(read_file(in(dir, "f.tar.gz.sig"), hex, sizeof(hex)), 129);
        hex[128] = '\0';
        to_base64(hex, base64);
        MC_EXPECT_EQ(RUN("addon", "verify", file, "--key", public_key, "--signature", hex), 0);
        MC_EXPECT_EQ(RUN("addon", "verify", file, "--key", public_key, "--signature", base64), 0);
        MC_EXPECT_EQ(RUN("addon", "verify", file, "--key", in(dir, "you.pub")), 1);
        MC_EXPECT_HAS(mc_z(out), "does not verify under any trusted key");
        hex[0] = hex[0] == '0' ? '1' : '0';
        MC_EXPECT_EQ(RUN("addon", "verify", file, "--key", public_key, "--signature", hex), 1);
        MC_EXPECT_EQ(RUN("addon", "verify", file, "--key", public_key, "--signature", "zz"), 1);
    }
    MC_CASE("a folder is nothing to sign");
    MC_EXPECT_EQ(RUN("addon", "sign", in(dir, "demo"), "--key", in(dir, "me.pem")), 1);
    MC_EXPECT_HAS(mc_z(out), "a folder is not signed");
    MC_CASE("a changed file");
    changed = fopen(in(dir, "f.tar.gz"), "r+be");
    MC_REQUIRE(changed);
    MC_EXPECT(fseek(changed, 8, SEEK_SET) == 0 && fputc(4, changed) == 4); /* a hint of gzip's */
    MC_EXPECT_EQ(fclose(changed), 0);
    MC_EXPECT_EQ(RUN("addon", "verify", in(dir, "f.tar.gz"), "--key", public_key), 1);
    MC_EXPECT_HAS(mc_z(out), "does not verify");
    MC_CASE("a key that is none");
    write_file(in(dir, "bad.pem"), "-----BEGIN METACORE PRIVATE KEY-----\nAAAA\n"
                                   "-----END METACORE PRIVATE KEY-----\n");
    MC_EXPECT_EQ(RUN("addon", "sign", in(dir, "f.tar.gz"), "--key", in(dir, "bad.pem")), 1);
    MC_EXPECT_HAS(mc_z(out), "of 64 bytes");
}

MC_TEST("what an author signs is what a server takes that trusts the author alone")
{
    static char key[80];
    const char *const args[] = {"--dev", "--log-level", "error", "--marketplace-pubkey", key, NULL};
    const char *dir = mc_test_dir();
    mc_process process;

    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", in(dir, "me"), "--json"), 0);
    (void)snprintf(key, sizeof(key), "%.64s", strstr(out, ":\"") + 2);
    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", in(dir, "you")), 0);
    MC_EXPECT_EQ(RUN("addon", "init", "demo", in(dir, "demo")), 0);
    MC_EXPECT_EQ(RUN("addon", "build", in(dir, "demo"), "-o", in(dir, "f.tar.gz"), "--sign",
                     in(dir, "you.pem")),
                 0);
    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), args));
    MC_CASE("a stranger's signature");
    MC_EXPECT_EQ(
        RUN("addon", "install", in(dir, "f.tar.gz"), "--org", "Demo", "--data", process.data), 1);
    MC_EXPECT_HAS(mc_z(out), "does not verify under any trusted key");
    MC_CASE("the author's");
    MC_EXPECT_EQ(RUN("addon", "sign", in(dir, "f.tar.gz"), "--key", in(dir, "me.pem")), 0);
    MC_EXPECT_EQ(
        RUN("addon", "install", in(dir, "f.tar.gz"), "--org", "Demo", "--data", process.data), 0);
    MC_EXPECT_HAS(mc_z(out), "installed demo 0.1.0");
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

/* ---- what an administrator sees ---- */

MC_TEST("inspecting shows what is agreed to, and drives no terminal")
{
    static const char *const has[] = {"sends requests to example.com and all its subdomains",
                                      "because: rates",
                                      "no reason is given",
                                      "token string  SECRET",
                                      "addon_demo.items",
                                      "0001_init  ",
                                      "/api/dynamic/demo_items",
                                      "demo.done",
                                      "calls POST https://example.com/x",
                                      "signature    none",
                                      "Evil?[2J"};
    const char *dir = mc_test_dir();

    MC_EXPECT_EQ(RUN("addon", "init", "demo", dir), 0);
    write_file(
        in(dir, "manifest.json"),
        "{\"key\":\"demo\",\"name\":\"Evil\\u001b[2J\",\"version\":\"1.0.0\",\"capabilities\":[{"
        "\"kind\":\"http:fetch\",\"target\":\"*.example.com\",\"reason\":\"rates\"},{\"kind\":"
        "\"event:emit\",\"target\":\"demo.*\"}],\"settings\":[{\"key\":\"token\",\"label\":\"T\","
        "\"type\":\"string\",\"secret\":true}],\"events\":[\"demo.done\"],\"tools\":[{\"id\":\"t\","
        "\"name\":\"T\",\"description\":\"d\",\"method\":\"POST\",\"endpoint\":"
        "\"https://example.com/"
        "x\"}],\"model_definitions\":[{\"table_name\":\"items\",\"model_key\":"
        "\"demo_items\",\"label\":\"I\",\"columns\":[{\"name\":\"title\",\"type\":\"string\"}]}]}");
    MC_EXPECT_EQ(RUN("addon", "inspect", dir), 0);
    for (size_t i = 0; i < MC_LEN(has); i++)
        MC_EXPECT_HAS(mc_z(out), has[i]);
    MC_EXPECT_EQ(RUN("addon", "inspect", dir, "--json"), 0);
    MC_EXPECT_HAS(mc_z(out), "\"signature_state\":\"none\"");
    MC_CASE("a signature beside it is a claim until a key is named");
    MC_EXPECT_EQ(RUN("addon", "keygen", "--out", in(dir, "me")), 0);
    MC_EXPECT_EQ(RUN("addon", "build", dir, "-o", in(dir, "f.tar.gz"), "--sign", in(dir, "me.pem")),
                 0);
    MC_EXPECT_EQ(RUN("addon", "inspect", in(dir, "f.tar.gz")), 0);
    MC_EXPECT_HAS(mc_z(out), "not verified");
    MC_EXPECT_EQ(RUN("addon", "inspect", in(dir, "f.tar.gz"), "--key", in(dir, "me.pub")), 0);
    MC_EXPECT_HAS(mc_z(out), "signature    good, ed25519-v2");
}

MC_TEST("what is not understood is a usage mistake, and help is not")
{
    static const struct {
        const char *args[6];
        int status;
    } cases[] = {
        {{"addon"}, 2},
        {{"addon", "bogus"}, 2},
        {{"addon", "init"}, 2},
        {{"addon", "init", "demo", "a", "b"}, 2},
        {{"addon", "validate", ".", "--fast"}, 2},
        {{"addon", "validate", "--strict=yes"}, 2},
        {{"addon", "build", ".", "-o"}, 2},
        {{"addon", "build", ".", "-x"}, 2},
        {{"addon", "keygen"}, 2},
        {{"addon", "sign", "f.tar.gz"}, 2},
        {{"addon", "verify", "f.tar.gz"}, 2},
        {{"addon", "inspect"}, 2},
        {{"addon", "install", "f.tar.gz"}, 2},
        {{"addon", "help"}, 0},
        {{"addon", "--help"}, 0},
        {{"addon", "sign", "-h"}, 0},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].args[1]);
        MC_EXPECT_EQ(run(cases[i].args), cases[i].status);
        MC_EXPECT_HAS(mc_z(out), "addon");
    }
}
