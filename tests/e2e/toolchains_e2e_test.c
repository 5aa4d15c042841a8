/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of the shapes that other toolchains give their modules. */
#include "backend_kit.h"
#include "mc_test.h"
#include "workshop.h"

#include <stdio.h>
#include <sys/stat.h>

static backend b;

static bool write_file(const char *path, mc_str bytes)
{
    FILE *file = fopen(path, "wbe");
    bool ok = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

    return file && fclose(file) == 0 && ok;
}

static bool copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *file = fopen(from, "rbe");
    size_t got = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    return got > 0 && got < sizeof(bytes) && write_file(to, mc_str_of(bytes, got));
}

/* An addon of that module, whose exports (ended by NULL) are actions of their own names. */
static bool start(const char *module, const char *const *exports)
{
    const char *folder = mc_test_dir();
    char manifest[4096], actions[2048] = "", names[512] = "";
    size_t at = 0, named = 0;

    for (; *exports; exports++) {
        at += (size_t)snprintf(actions + at, sizeof(actions) - at,
                               "%s{\"key\":\"%s\",\"name\":\"%s\",\"label\":\"L\",\"trigger\":"
                               "{\"type\":\"wasm\",\"export\":\"%s\"}}",
                               at ? "," : "", *exports, *exports, *exports);
        named += (size_t)snprintf(names + named, sizeof(names) - named, "%s\"%s\"",
                                  named ? "," : "", *exports);
    }
    (void)snprintf(manifest, sizeof(manifest),
                   "{\"key\":\"things\",\"name\":\"Things\",\"version\":\"1.0.0\","
                   "\"model_definitions\":[{\"table_name\":\"things\",\"model_key\":\"things\","
                   "\"label\":\"Things\",\"org_scoped\":true,\"columns\":[{\"name\":\"name\","
                   "\"type\":\"string\"}]}],\"actions\":{\"things\":[%s]},\"backend\":{"
                   "\"runtime\":\"wasm\",\"entry\":\"backend/backend.wasm\",\"exports\":[%s]}}",
                   actions, names);
    return mkdir(text_of("%s/backend", folder), 0700) == 0 &&
           write_file(text_of("%s/manifest.json", folder), mc_z(manifest)) &&
           copy_file(module, text_of("%s/backend/backend.wasm", folder)) &&
           backend_start(&b, folder, "things") && backend_make(&b, "{\"name\":\"{ }\"}");
}

MC_TEST(
    "a module of TinyGo's shape is called with a seed of its own each time, and its panic is told")
{
    static const char *const exports[] = {"fulfill", "fall", "leave", "talk", NULL};
    char seeds[2][17] = {"", ""};

    MC_REQUIRE(start(MC_TEST_TINYGO, exports));
    for (size_t i = 0; i < 2; i++) {
        MC_EXPECT_EQ(backend_act(&b, "fulfill"), 200);
        MC_EXPECT_HAS(b.owner.body, "\"calls\":1,\"arguments\":0,\"bytes\":\"some\"");
        (void)snprintf(seeds[i], sizeof(seeds[i]), "%.*s",
                       MC_FMT(mc_client_field(&b.owner, "seed")));
    }
    MC_EXPECT(!mc_str_eq(mc_z(seeds[0]), mc_z(seeds[1])));
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"in two lines\"");
    MC_CASE("a panic");
    MC_EXPECT_EQ(backend_act(&b, "fall"), 500);
    MC_EXPECT_HAS(b.owner.body, "\"error\":{\"code\":\"runtime_error\"");
    MC_EXPECT_HAS(b.owner.body, "unreachable: panic: runtime error: index out of range");
    MC_CASE("an exit, and a line without an end");
    MC_EXPECT_EQ(backend_act(&b, "leave"), 500);
    MC_EXPECT_HAS(b.owner.body, "\"message\":\"wasm: call leave: exited with code 2\"");
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"leaving, unfinished line\"");
    MC_CASE("more lines than are kept of one call");
    MC_EXPECT_EQ(backend_act(&b, "talk"), 200);
    MC_EXPECT_HAS(backend_log(&b), "\"msg\":\"guest.log_full\",\"addon\":\"things\"");
    MC_EXPECT_EQ(backend_act(&b, "fulfill"), 200);
    backend_stop(&b);
}

static void use_library(const char *module)
{
    static const char *const exports[] = {"look", "read", "leave", "fine", "broken", NULL};

    MC_REQUIRE(start(module, exports));
    for (int i = 0; i < 2; i++) {
        MC_EXPECT_EQ(backend_act(&b, "look"), 200);
        MC_EXPECT_HAS(b.owner.body, "{\"wrong\":0}");
    }
    MC_EXPECT_EQ(backend_act(&b, "read"), 200);
    MC_EXPECT_HAS(b.owner.body, "\"wrong\":-1");
    MC_EXPECT_HAS(b.owner.body, "\"first\":\"{ }\"");
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"an input of some bytes\"");
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"and an error\"");
    MC_EXPECT_EQ(backend_act(&b, "leave"), 500);
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"leaving\"");
    MC_EXPECT_HAS(b.owner.body, "exited with code 3");
    MC_EXPECT_EQ(backend_act(&b, "fine"), 200);
    MC_EXPECT_HAS(b.owner.body, "\"data\":null");
    MC_EXPECT_EQ(backend_act(&b, "broken"), 500);
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"giving up\"");
    MC_EXPECT_EQ(backend_act(&b, "look"), 200);
    MC_EXPECT_HAS(b.owner.body, "{\"wrong\":0}");
}

MC_TEST("a reactor with a C library prints, sleeps, takes the time, and exits")
{
    use_library(MC_TEST_REACTOR);
    backend_stop(&b);
}

MC_TEST("a command's main runs first, and its other exports are called as a reactor's")
{
    use_library(MC_TEST_COMMAND);
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"main with 0 arguments\"");
    backend_stop(&b);
}
