/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_compile.h"
#include "metacore/runtime/wasm/wasm_test_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One exported function that gives 42. */
static const mc_str answer = MC_STR_INIT("\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\3\2\1\0\7\5\1\1f\0\0"
                                         "\x0a\6\1\4\0\x41\x2a\x0b");

static mc_wasm_compiler_config config_of(const char *dir)
{
    return (mc_wasm_compiler_config){MC_WASM_COMPILER_CONFIG, .cache_dir = dir, .optimize = "-O0"};
}

static mc_code compile(const mc_wasm_compiler_config *config, mc_wasm_tier tier, bool *cached,
                       mc_err *err)
{
    mc_wasm_compiler *compiler = NULL;
    mc_wasm_object object = {.fd = -1};
    mc_code rc = mc_wasm_compiler_new(config, &compiler, err);

    if (rc == MC_OK)
        rc = mc_wasm_compile(compiler, answer, tier, &object, err);
    if (rc == MC_OK) {
        *cached = object.was_cached;
        MC_EXPECT(fcntl(object.fd, F_GET_SEALS) & F_SEAL_WRITE);
        (void)close(object.fd); /* read only */
    }
    mc_wasm_compiler_free(compiler);
    return rc;
}

/* Calls fn with the path of each file of the cache. */
static int each_file(const char *dir, const char *suffix, void (*fn)(const char *path))
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int count = 0;
    char path[512];

    while (d && (entry = readdir(d))) {
        if (!mc_str_ends_with(mc_z(entry->d_name), mc_z(suffix)))
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (fn)
            fn(path);
        count++;
    }
    if (d)
        (void)closedir(d); /* nothing was written */
    return count;
}

/* A program in place of the compiler. */
static const char *script(mc_arena *arena, const char *text)
{
    const char *dir = mc_test_dir();
    const char *path = mc_str_z(arena, mc_str_printf(arena, "%s/cc", dir));

    MC_EXPECT(mc_wasm_test_write(path, mc_z(text)));
    MC_EXPECT_EQ(chmod(path, 0755) | chmod(dir, 0755), 0); /* another user runs it */
    return path;
}

MC_TEST("code is compiled once, and then comes from the cache")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    bool cached = true;
    mc_err err;

    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(!cached);
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(cached);
    MC_CASE("other flags are other code");
    config.optimize = "-O1";
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(!cached);
    MC_CASE("no folder of a compilation is left");
    MC_EXPECT_EQ(each_file(config.cache_dir, ".c", NULL), 0);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".so", NULL), 2);
}

static void make_old(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    MC_EXPECT_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
}

MC_TEST("a cache keeps what was used last, as much as it may hold")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    bool cached = true;
    mc_err err;

    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".so", make_old), 1);
    config.optimize = "-O1";
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".so", make_old), 2);
    MC_CASE("used again, it is not the oldest any more");
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(cached);
    config.cache_bytes = 40000; /* two of three */
    config.optimize = "-O2";
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".so", NULL), 2);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".mac", NULL), 2);
    config.optimize = "-O1";
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(cached);
    config.optimize = "-O0";
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(!cached);
    MC_CASE("with room for none the last one stays");
    config.cache_bytes = 1;
    config.optimize = "-O3";
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".so", NULL), 1);
}

MC_TEST("what compilations that were killed left goes at the next start, once it is old")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    mc_wasm_compiler *compiler = NULL;
    char path[600];
    mc_err err;

    snprintf(path, sizeof(path), "%s/work-abc", config.cache_dir);
    MC_EXPECT_EQ(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/work-abc/1.o", config.cache_dir);
    MC_EXPECT(mc_wasm_test_write(path, MC_STR("x")));
    snprintf(path, sizeof(path), "%s/x.so.1.new", config.cache_dir);
    MC_EXPECT(mc_wasm_test_write(path, MC_STR("x")));
    MC_REQUIRE_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
    mc_wasm_compiler_free(compiler);
    MC_EXPECT_EQ(each_file(config.cache_dir, "-abc", make_old), 1);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".new", make_old), 1);
    MC_REQUIRE_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
    mc_wasm_compiler_free(compiler);
    MC_EXPECT_EQ(each_file(config.cache_dir, "-abc", NULL), 0);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".new", NULL), 0);
}

static void spoil(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    MC_EXPECT(fd >= 0 && pwrite(fd, "x", 1, 200) == 1);
    (void)close(fd); /* checked by the write */
}

static void cut(const char *path)
{
    MC_EXPECT_EQ(truncate(path, 100), 0);
}

static void drop(const char *path)
{
    MC_EXPECT_EQ(unlink(path), 0);
}

static const struct {
    const char *name, *suffix;
    void (*fn)(const char *path);
} damages[] = {
    {"a changed byte of the code", ".so", spoil},  {"code cut short", ".so", cut},
    {"a changed byte of the digest", ".mac", cut}, {"code without its digest", ".mac", drop},
    {"a digest without its code", ".so", drop},
};

MC_TEST("what was done to the cache is noticed, and the code made again")
{
    for (size_t i = 0; i < MC_LEN(damages); i++) {
        mc_wasm_compiler_config config = config_of(mc_test_dir());
        bool cached = false;
        mc_err err;

        MC_CASE(damages[i].name);
        MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
        MC_EXPECT_EQ(each_file(config.cache_dir, damages[i].suffix, damages[i].fn), 1);
        if (damages[i].fn == cut && damages[i].suffix[1] == 'm')
            continue; /* 32 bytes cannot be cut to 100: they were padded, and still begin right */
        MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
        MC_EXPECT(!cached);
    }
}

MC_TEST("a cache is of use only to who has its key")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    bool cached = true;
    mc_err err;

    memset(config.cache_key, 1, sizeof(config.cache_key));
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    memset(config.cache_key, 2, sizeof(config.cache_key));
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT(!cached);
}

MC_TEST("without a compiler there is an error that says what to do, unless the cache has it")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    bool cached = false;
    mc_err err;

    config.tcc = "/nowhere/tcc";
    MC_EXPECT_EQ(compile(&config, MC_WASM_TIER_INSTANT, &cached, &err), MC_NOT_PROVIDED);
    MC_EXPECT_HAS(mc_z(err.msg), "install tcc");
    config.gcc = "";
    MC_EXPECT_EQ(compile(&config, MC_WASM_TIER_FULL, &cached, &err), MC_NOT_PROVIDED);
    MC_EXPECT_HAS(mc_z(err.msg), "install tcc or gcc");
}

static const struct {
    const char *name, *script;
    mc_code code;
    const char *says;
} compilers[] = {
    {"it fails", "#!/bin/sh\necho 'internal error' >&2\nexit 1\n", MC_IO, "internal error"},
    {"it is killed", "#!/bin/sh\nkill -SEGV $$\n", MC_IO, "failed"},
    {"it makes nothing", "#!/bin/sh\nexit 0\n", MC_IO, "compiled code"},
    {"it runs for ever", "#!/bin/sh\nwhile :; do :; done\n", MC_TIMEOUT, "took more than"},
    {"it waits for ever", "#!/bin/sh\nsleep 1000\n", MC_TIMEOUT, "took more than"},
    {"it wants the network", "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/9\n", MC_IO,
     "Operation not permitted"},
    {"it writes without end", "#!/bin/sh\nexec truncate -s 300M big\n", MC_IO, "failed"},
    {"it looks at the environment", "#!/bin/sh\n[ -z \"$HOME$SECRET\" ] && exit 3\nexit 0\n", MC_IO,
     "failed"},
};

MC_TEST("a compiler that misbehaves is contained")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(compilers); i++) {
        mc_wasm_compiler_config config = config_of(mc_test_dir());
        bool cached;
        mc_err err;

        MC_CASE(compilers[i].name);
        config.gcc = script(arena, compilers[i].script);
        config.timeout_ms = compilers[i].code == MC_TIMEOUT ? 500 : 20000;
        MC_EXPECT_EQ(compile(&config, MC_WASM_TIER_FULL, &cached, &err), compilers[i].code);
        MC_EXPECT_HAS(mc_z(err.msg), compilers[i].says);
        MC_EXPECT_EQ(each_file(config.cache_dir, ".so", NULL), 0);
    }
    mc_arena_free(arena);
}

MC_TEST("a full disk is an error, and nothing is left on it")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    bool cached;
    mc_err err;

    if (mount("none", config.cache_dir, "tmpfs", 0, "size=36k") != 0)
        MC_SKIP("may not mount");
    MC_EXPECT_EQ(compile(&config, MC_WASM_TIER_FULL, &cached, &err), MC_IO);
    MC_EXPECT_EQ(each_file(config.cache_dir, ".so", NULL), 0);
    MC_EXPECT_EQ(umount(config.cache_dir), 0);
}

MC_TEST("a disk that takes no more is an error at whatever it happens, and nothing is left on it")
{
    static const rlim_t rooms[] = {64, 4096, 20000, 40000};
    struct rlimit usual;

    MC_REQUIRE(getrlimit(RLIMIT_FSIZE, &usual) == 0 && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    for (size_t i = 0; i < MC_LEN(rooms); i++) {
        mc_wasm_compiler_config config = config_of(mc_test_dir());
        struct rlimit small = {rooms[i], usual.rlim_max};
        mc_wasm_compiler *compiler = NULL;
        mc_wasm_object object = {.fd = -1};
        mc_code rc;
        mc_err err;

        MC_REQUIRE_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
        MC_EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
        rc = mc_wasm_compile(compiler, answer, MC_WASM_TIER_FULL, &object, &err);
        MC_EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &usual), 0);
        MC_EXPECT(rc == MC_IO || (rc == MC_OK && i > 0)); /* what is made fits, or is not kept */
        if (rc == MC_OK)
            (void)close(object.fd); /* read only */
        MC_EXPECT_EQ(each_file(config.cache_dir, ".new", NULL), 0);
        MC_EXPECT(each_file(config.cache_dir, "", NULL) <= 5); /* ., .., key, code and digest */
        mc_wasm_compiler_free(compiler);
    }
}

MC_TEST("a folder that went away is an error")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    mc_wasm_compiler *compiler = NULL;
    mc_wasm_object object;
    mc_err err;

    MC_REQUIRE_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
    MC_EXPECT_EQ(each_file(config.cache_dir, "key", drop), 1);
    MC_EXPECT_EQ(rmdir(config.cache_dir), 0);
    MC_EXPECT_EQ(mc_wasm_compile(compiler, answer, MC_WASM_TIER_FULL, &object, &err), MC_IO);
    mc_wasm_compiler_free(compiler);
}

static int last_done, last_total;

static void note_progress(void *user, uint32_t done, uint32_t total)
{
    *(int *)user += 1;
    last_done = (int)done;
    last_total = (int)total;
}

MC_TEST("a compilation tells how far it is")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    bool cached;
    int calls = 0;
    mc_err err;

    config.on_progress = note_progress;
    config.on_progress_user = &calls;
    MC_REQUIRE_OK(compile(&config, MC_WASM_TIER_FULL, &cached, &err), &err);
    MC_EXPECT_EQ(calls, 4); /* none, one chunk, the table, linked */
    MC_EXPECT_EQ(last_done, 3);
    MC_EXPECT_EQ(last_total, 3);
}

MC_TEST("a module that is refused is not compiled")
{
    mc_wasm_compiler_config config = config_of(mc_test_dir());
    mc_wasm_compiler *compiler = NULL;
    mc_wasm_object object;
    mc_err err;

    MC_REQUIRE_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
    MC_EXPECT_EQ(mc_wasm_compile(compiler, MC_STR("no module"), MC_WASM_TIER_FULL, &object, &err),
                 MC_INVALID);
    mc_wasm_compiler_free(compiler);
    MC_CASE("a folder that cannot be made");
    config.cache_dir = "/proc/nothing/cache";
    MC_EXPECT_EQ(mc_wasm_compiler_new(&config, &compiler, &err), MC_IO);
}
