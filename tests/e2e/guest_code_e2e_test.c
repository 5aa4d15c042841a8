/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest's machine code comes from: compilers that are there, that hang, that are not there,
 * and code that was compiled elsewhere. */
#include "addon_kit.h"
#include "mc_test.h"
#include "metacore/bundle/bundle.h"
#include "workshop.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKEND                                                                                    \
    ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/"                                      \
    "backend.wasm\",\"exports\":[\"f\"]},\"actions\":{\"coded_items\":["                           \
    "{\"key\":\"run\",\"label\":\"R\",\"placement\":\"table\","                                    \
    "\"trigger\":{\"type\":\"wasm\",\"export\":\"f\"}}]}"
#define RUN_PATH "/api/dynamic/coded_items/action/run"
#define INSTALLATION "/api/metacore/installations/coded"

/* Exports f: (i32, i32) -> i64, which gives nothing; alloc, and a memory. */
static const char module[] =
    "\0asm\1\0\0\0\1\x0c\2\x60\2\x7f\x7f\1\x7e\x60\1\x7f\1\x7f\3\3\2\0\1\5\3\1\0\1"
    "\7\x16\3\1f\0\0\6memory\2\0\5alloc\0\1\x0a\x0c\2\4\0\x42\0\x0b\5\0\x41\x80\x08\x0b";

static mc_arena *arena;
static mc_process process;
static mc_client mine;
static char out[65536];

static const char *in(const char *dir, const char *name)
{
    return mc_str_z(arena, mc_str_printf(arena, "%s/%s", dir, name));
}

static void write_file(const char *path, const char *text, size_t len, mode_t mode)
{
    FILE *file = fopen(path, "wbe");

    MC_EXPECT(file && fwrite(text, 1, len, file) == len);
    MC_EXPECT(file && fclose(file) == 0);
    MC_EXPECT_EQ(chmod(path, mode), 0);
}

static mc_str pack(void)
{
    mc_str manifest =
        mc_z(kit_manifest(arena, "coded", "1.0.0", KIT_MODEL("coded_items", KIT_NAME), BACKEND));
    mc_bundle_file files[] = {
        {.name = MC_STR("manifest.json"), .data = manifest},
        {.name = MC_STR("backend/backend.wasm"), .data = mc_str_of(module, sizeof(module) - 1)}};
    mc_bundle bundle = {.files = files, .file_count = 2, .manifest = manifest};
    mc_buf packed;
    mc_err err;

    mc_buf_init_arena(&packed, arena, 0);
    MC_EXPECT_OK(mc_bundle_pack(&bundle, &packed, &err), &err);
    return mc_buf_get(&packed);
}

static int install(void)
{
    return kit_upload(&mine, "coded", "", pack(), MC_STR(""));
}

/* A machine whose compilers are in a folder of the test's, or the usual one. */
static char usual_path[4096];

static void use_path(const char *path)
{
    if (!usual_path[0])
        (void)snprintf(usual_path, sizeof(usual_path), "%s", getenv("PATH"));
    MC_EXPECT_EQ(setenv("PATH", path ? path : usual_path, 1), 0); /* one thread */
}

static bool start(const char *data, const char *path, const char *const *args)
{
    bool ok;

    use_path(path);
    ok = mc_process_start(&process, data, args);
    use_path(NULL);
    if (!ok)
        return false;
    mc_client_init(&mine, process.port);
    return mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200;
}

static void stop(void)
{
    mc_client_deinit(&mine);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

static int run_on(const char *path, const char *const *args)
{
    int status;

    use_path(path);
    status = mc_process_run(args, NULL, out, sizeof(out));
    use_path(NULL);
    return status;
}

#define RUN_ON(path, ...) run_on(path, (const char *const[]){__VA_ARGS__, NULL})

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};

MC_TEST("without a compiler an addon's installation says what there is to do, and all else works")
{
    const char *empty, *file;

    arena = mc_arena_new((size_t)16 << 20);
    empty = mc_test_dir();
    file = in(mc_test_dir(), "coded.tar.gz");
    MC_REQUIRE(start(mc_test_dir(), empty, dev));
    MC_EXPECT_EQ(install(), 501);
    MC_EXPECT_HAS(mine.body, "install tcc or gcc");
    MC_EXPECT_HAS(mine.body, "metacore addon compile");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", INSTALLATION, NULL), 404);
    MC_CASE("from the command line, by the server and without one");
    write_file(file, pack().ptr, pack().len, 0644);
    MC_EXPECT_EQ(RUN_ON(empty, "addon", "install", file, "--org", "Demo", "--data", process.data),
                 1);
    MC_EXPECT_HAS(mc_z(out), "install tcc or gcc");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/tickets", NULL), 200);
    stop();
    MC_EXPECT_EQ(RUN_ON(empty, "addon", "install", file, "--org", "Demo", "--data", process.data,
                        "--allow-unsigned"),
                 1);
    MC_EXPECT_HAS(mc_z(out), "install tcc or gcc");
    MC_EXPECT_HAS(mc_z(out), "metacore addon compile");
    MC_CASE("nor is anything compiled for others");
    MC_EXPECT_EQ(RUN_ON(NULL, "addon", "keygen", "--out", in(empty, "key")), 0);
    MC_EXPECT_EQ(RUN_ON(empty, "addon", "compile", file, "--key", in(empty, "key.pem")), 1);
    MC_EXPECT_HAS(mc_z(out), "needs gcc");
    mc_arena_free(arena);
}

/* ---- compiled elsewhere ---- */

/* The one file that a compilation left in dir. */
static const char *only_file(const char *dir)
{
    DIR *list = opendir(dir);
    const struct dirent *entry;
    const char *found = "";

    while (list && (entry = readdir(list))) {
        if (strstr(entry->d_name, ".code"))
            found = in(dir, entry->d_name);
    }
    if (list)
        (void)closedir(list); /* nothing was written */
    return found;
}

static const char *public_key(const char *pub)
{
    char *text = mc_arena_zalloc(arena, 128), *hex = strstr(out, pub);

    if (hex && (hex = strstr(hex, ": ")))
        (void)snprintf(text, 128, "%.64s", hex + 2);
    return text;
}

MC_TEST("code that was compiled elsewhere serves a machine without a compiler, when its maker is "
        "trusted")
{
    const char *empty, *dir, *data, *key, *strangers, *code, *bundle;

    arena = mc_arena_new((size_t)16 << 20);
    empty = mc_test_dir();
    dir = mc_test_dir();
    data = mc_test_dir();
    bundle = in(dir, "coded.tar.gz");
    write_file(bundle, pack().ptr, pack().len, 0644);
    MC_REQUIRE(RUN_ON(NULL, "addon", "keygen", "--out", in(dir, "other")) == 0);
    strangers = public_key("other.pub");
    MC_REQUIRE(RUN_ON(NULL, "addon", "keygen", "--out", in(dir, "key")) == 0);
    key = public_key("key.pub");
    MC_EXPECT_EQ(RUN_ON(NULL, "addon", "compile", bundle, "--key", in(dir, "key.pem"), "-o",
                        in(dir, "compiled"), "--json"),
                 0);
    MC_EXPECT_HAS(mc_z(out), "\"module\":\"");
    code = only_file(in(dir, "compiled"));
    MC_CASE("the module by itself is the same");
    write_file(in(dir, "m.wasm"), module, sizeof(module) - 1, 0644);
    MC_EXPECT_EQ(RUN_ON(NULL, "addon", "compile", in(dir, "m.wasm"), "--key", in(dir, "key.pem"),
                        "-o", in(dir, "again")),
                 0);
    MC_EXPECT_HAS(mc_z(out), strrchr(code, '/') + 1);
    MC_EXPECT_EQ(RUN_ON(NULL, "addon", "compile", in(dir, "no.wasm"), "--key", in(dir, "key.pem")),
                 1);
    MC_EXPECT_HAS(mc_z(out), "No such file");

    MC_CASE("of a trusted maker");
    MC_REQUIRE(start(data, empty,
                     (const char *const[]){"--dev", "--compiled-dir", in(dir, "compiled"),
                                           "--compiled-pubkeys", key, NULL}));
    MC_EXPECT_EQ(install(), 200);
    MC_EXPECT_HAS(mine.body,
                  "\"guest\":{\"state\":\"ready\",\"tier\":\"gcc -O2\",\"generation\":1");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 200);
    MC_EXPECT_EQ(RUN_ON(empty, "addon", "list", "--data", data), 0);
    MC_EXPECT_HAS(mc_z(out), "gcc -O2");
    stop();

    MC_CASE("of somebody else");
    MC_REQUIRE(start(data, empty,
                     (const char *const[]){"--dev", "--compiled-dir", in(dir, "compiled"),
                                           "--compiled-pubkeys", strangers, NULL}));
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 501);
    MC_EXPECT_HAS(mine.body, "signed with a key that is not trusted here");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", INSTALLATION, NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"guest\":{\"state\":\"failed\"");
    MC_EXPECT_HAS(mine.body, "is not trusted here");
    stop();

    MC_CASE("changed on its way");
    {
        FILE *file = fopen(code, "r+be");

        MC_EXPECT(file && fseek(file, -200, SEEK_END) == 0 && fputc('!', file) == '!');
        MC_EXPECT(file && fclose(file) == 0);
    }
    MC_REQUIRE(start(data, empty,
                     (const char *const[]){"--dev", "--compiled-dir", in(dir, "compiled"),
                                           "--compiled-pubkeys", key, NULL}));
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 501);
    MC_EXPECT_HAS(mine.body, "its code was changed");
    stop();

    MC_CASE("where there is a compiler after all");
    MC_REQUIRE(start(data, NULL,
                     (const char *const[]){"--dev", "--compiled-dir", in(dir, "compiled"),
                                           "--compiled-pubkeys", key, NULL}));
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 200);
    stop();
    MC_CASE("a key that is none");
    MC_EXPECT_EQ(RUN_ON(NULL, "serve", "--dev", "--data", data, "--compiled-pubkeys", "abc"), 1);
    MC_EXPECT_HAS(mc_z(out), "METACORE_COMPILED_PUBKEYS");
    mc_arena_free(arena);
}

/* ---- while it is compiled ---- */

static const char *slow_gcc(const char *text)
{
    const char *dir = mc_test_dir();

    MC_EXPECT_EQ(chmod(dir, 0755), 0); /* another user runs it */
    write_file(in(dir, "gcc"), text, strlen(text), 0755);
    return dir;
}

MC_TEST("a server answers while its guests are still compiled, and says so")
{
    const char *data, *slow, *file;

    arena = mc_arena_new((size_t)16 << 20);
    data = mc_test_dir();
    slow = slow_gcc("#!/bin/sh\nsleep 1000\n");
    file = in(mc_test_dir(), "coded.tar.gz");
    MC_REQUIRE(start(data, NULL, dev));
    MC_REQUIRE(install() == 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 200);
    stop();
    write_file(file, pack().ptr, pack().len, 0644);

    MC_CASE("another compiler than before, so it is compiled again, and does not end");
    MC_REQUIRE(start(data, slow, dev));
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/coded_items", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 503);
    MC_EXPECT_HAS(mine.body, "\"code\":\"guest_loading\"");
    MC_EXPECT_HAS(mine.head, "Retry-After: 2");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", INSTALLATION, NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"guest\":{\"state\":\"loading\"");
    MC_EXPECT_HAS(mine.body,
                  "\"compiling\":{\"tier\":\"gcc -O2\",\"stage\":\"compiling\",\"part\":1,"
                  "\"parts\":2,\"seconds\":");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/metacore/compilations", NULL), 200);
    MC_EXPECT_HAS(mine.body, "{\"addon_key\":\"coded\",\"guest\":{\"state\":\"loading\"");
    MC_EXPECT_HAS(mine.body, "gcc -O2: compiling 1 of 2");
    MC_EXPECT_EQ(RUN_ON(NULL, "addon", "list", "--data", data), 0);
    MC_EXPECT_HAS(mc_z(out), "gcc -O2: compiling 1 of 2");
    MC_CASE("it stops all the same");
    stop();
    MC_CASE("and is itself again where there is a compiler");
    MC_REQUIRE(start(data, NULL, dev));
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN_PATH, "{}"), 200);
    stop();
    mc_arena_free(arena);
}

static const struct {
    const char *name, *gcc;
    int status;
    const char *says;
} failures[] = {
    {"it fails", "#!/bin/sh\necho 'cc1: out of patience' >&2\nexit 1\n", 500, "out of patience"},
    {"it is killed", "#!/bin/sh\nkill -KILL $$\n", 504, "was killed"},
    {"it makes what is no code",
     "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = -o ] && echo x >$2; "
     "shift; done\n",
     500, "cannot be loaded"},
};

MC_TEST("a compiler that fails keeps its addon out, and nothing else")
{
    arena = mc_arena_new((size_t)16 << 20);
    for (size_t i = 0; i < MC_LEN(failures); i++) {
        MC_CASE(failures[i].name);
        MC_REQUIRE(start(mc_test_dir(), slow_gcc(failures[i].gcc), dev));
        MC_EXPECT_EQ(install(), failures[i].status);
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", INSTALLATION, NULL), 404);
        MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/tickets", NULL), 200);
        stop();
    }
    mc_arena_free(arena);
}
