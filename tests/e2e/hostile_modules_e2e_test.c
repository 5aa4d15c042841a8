/* SPDX-License-Identifier: Apache-2.0 */
/* Modules made to harm, installed over HTTP, and processes of guests that are killed: whoever has
 * nothing to do with them is served. */
#include "addon_kit.h"
#include "mc_module.h"
#include "mc_test.h"
#include "metacore/bundle/bundle.h"
#include "workshop.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MiB ((size_t)1 << 20)
#define BACKEND(key)                                                                               \
    ",\"backend\":{\"runtime\":\"wasm\",\"entry\":\"backend/backend.wasm\",\"exports\":[\"f\"]},"  \
    "\"actions\":{\"" key "_items\":[{\"key\":\"run\",\"label\":\"R\",\"placement\":\"table\","    \
    "\"trigger\":{\"type\":\"wasm\",\"export\":\"f\"}}]}"
#define RUN(key) "/api/dynamic/" key "_items/action/run"

static mc_arena *arena;
static mc_process process;
static mc_client mine, theirs;

static mc_str pack(const char *key, const char *more, const mc_module_spec *spec)
{
    const char *table = mc_str_z(arena, mc_str_printf(arena, "%s_items", key));
    const char *models = mc_str_z(
        arena, mc_str_printf(arena,
                             "{\"table_name\":\"%s\",\"model_key\":\"%s\",\"label\":\"%s\","
                             "\"org_scoped\":true,\"columns\":[" KIT_NAME "]}",
                             table, table, table));
    mc_str manifest = mc_z(kit_manifest(arena, key, "1.0.0", models, more));
    mc_bundle_file files[] = {{.name = MC_STR("manifest.json"), .data = manifest},
                              {.name = MC_STR("backend/backend.wasm")}};
    mc_bundle bundle = {.files = files, .file_count = 2, .manifest = manifest};
    mc_buf module, packed;
    mc_err err;

    mc_buf_init(&module, 0);
    mc_buf_init_arena(&packed, arena, 0);
    mc_module_write(&module, spec);
    files[1].data = mc_buf_get(&module);
    MC_EXPECT_OK(mc_bundle_pack(&bundle, &packed, &err), &err);
    mc_buf_deinit(&module);
    return mc_buf_get(&packed);
}

static bool start(void)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};
    static const mc_module_spec good = {.functions = 1};

    arena = mc_arena_new((size_t)64 << 20);
    if (!mc_process_start(&process, mc_test_dir(), args))
        return false;
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    return mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200 &&
           mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password") == 201 &&
           kit_upload(&theirs, "calm", "", pack("calm", BACKEND("calm"), &good), MC_STR("")) == 200;
}

static void stop(void)
{
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_arena_free(arena);
}

/* ---- modules ---- */

static const mc_str names[] = {MC_STR_INIT("z */ __attribute__((constructor)) void x(void) {} /*"),
                               MC_STR_INIT("a\n#error \"\\"), MC_STR_INIT("$(reboot)"),
                               MC_STR_INIT("")};

static const struct {
    const char *name;
    mc_module_spec spec;
    int status;
    const char *says;
} cases[] = {
    {"a start that never ends", {.starts_for_ever = true}, 422, "takes more than 10000 ms"},
    {"more than eight MiB", {.code_bytes = 8 * MiB}, 413, "8388608"},
    {"seven MiB of data", {.data_bytes = 7 * MiB}, 200, "\"state\":\"ready\""},
    {"ten thousand functions", {.functions = 10000}, 200, "\"state\":\"ready\""},
    {"more functions than there may be", {.functions = 1000000}, 413, "functions"},
    {"names that no text has", {.exports = names, .export_count = MC_LEN(names)}, 200, "\"ready\""},
    {"imports that nobody offers",
     {.import_module = MC_STR_INIT("env\n"), .import_name = MC_STR_INIT("\x1b[2Jsystem")},
     422,
     "import env\\n.\\u001b[2Jsystem is not provided"},
};

typedef struct visitor {
    pthread_t thread;
    _Atomic bool is_done;
    long calls, failures;
} visitor;

/* Their addon's calls, without end. */
static void *visit(void *user)
{
    visitor *v = user;
    mc_client client;

    mc_client_init(&client, process.port);
    memcpy(client.token, theirs.token, sizeof(client.token));
    while (!v->is_done || v->calls == 0) {
        v->failures += mc_client_call(&client, "POST", RUN("calm"), "{}") != 200;
        v->calls++;
        usleep(2000); /* it is one of many */
    }
    mc_client_deinit(&client);
    return NULL;
}

MC_TEST("modules that are made to harm are refused or run, while another's addon is called")
{
    visitor v = {.calls = 0};

    MC_REQUIRE(start());
    MC_REQUIRE(pthread_create(&v.thread, NULL, visit, &v) == 0);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(kit_upload(&mine, "wild", "", pack("wild", BACKEND("wild"), &cases[i].spec),
                                MC_STR("")),
                     cases[i].status);
        MC_EXPECT_HAS(mine.body, cases[i].says);
        if (cases[i].status != 200)
            continue;
        MC_EXPECT_EQ(mc_client_call(&mine, "POST", RUN("wild"), "{}"), 200);
        MC_EXPECT_EQ(
            mc_client_call(&mine, "DELETE", "/api/metacore/installations/wild?drop=1", NULL), 200);
    }
    v.is_done = true;
    (void)pthread_join(v.thread, NULL); /* started above */
    MC_EXPECT(v.calls > 10);
    MC_EXPECT_EQ(v.failures, 0);
    stop();
}

/* ---- processes ---- */

static bool read_status(pid_t pid, pid_t *out_parent, char name[32])
{
    char path[64], line[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    *out_parent = 0;
    name[0] = '\0';
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "Name:\t", 6) == 0)
            (void)snprintf(name, 32, "%.*s", (int)strcspn(line + 6, "\n"), line + 6);
        if (strncmp(line, "PPid:\t", 6) == 0)
            *out_parent = (pid_t)strtol(line + 6, NULL, 10);
        if (strncmp(line, "State:\tZ", 8) == 0)
            name[0] = '\0'; /* what is left of it is an entry in a table */
    }
    if (file)
        (void)fclose(file); /* read only */
    return *out_parent > 0;
}

/* One that descends from the server and is called so; 0: there is none. */
static pid_t find_process(const char *wanted)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    pid_t found = 0;

    while (proc && !found && (entry = readdir(proc))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), parent = 0, up;
        char name[32], other[32];

        if (pid <= 0 || !read_status(pid, &parent, name) || strcmp(name, wanted) != 0)
            continue;
        for (up = parent; up > 1 && up != process.pid;)
            (void)read_status(up, &up, other); /* gone: 0 ends it */
        found = up == process.pid ? pid : 0;
    }
    if (proc)
        (void)closedir(proc); /* nothing was written */
    return found;
}

/* The same after a call; a guest's process leaves when better code of it is there, and the next
 * call makes another. */
static pid_t await_process(const char *wanted)
{
    pid_t pid = 0;

    for (int i = 0; i < 1000 && pid <= 1; i++) {
        MC_EXPECT_EQ(mc_client_call(&theirs, "POST", RUN("calm"), "{}"), 200);
        pid = find_process(wanted);
    }
    return pid;
}

static const struct {
    const char *name, *process;
} victims[] = {
    {"a guest's process", "guest"},
    {"the zygote, and all with it", "guest-zygote"},
    {"the zygote again", "guest-zygote"},
};

static bool is_alive(pid_t pid, const char *wanted)
{
    char name[32];
    pid_t parent;

    return read_status(pid, &parent, name) && strcmp(name, wanted) == 0;
}

MC_TEST("processes of guests that are killed are replaced, and everything else goes on")
{
    static const char *const kinds[] = {"guest-keeper", "guest-zygote", "guest"};
    pid_t pids[MC_LEN(kinds)];

    MC_REQUIRE(start());
    for (size_t i = 0; i < MC_LEN(victims); i++) {
        pid_t pid;

        MC_CASE(victims[i].name);
        pid = await_process(victims[i].process);
        MC_REQUIRE(pid > 1 && kill(pid, SIGKILL) == 0);
        MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/calm_items", NULL), 200);
        /* Only a call that has begun can meet its end. */
        for (int ms = 0; ms < 5000 && find_process(victims[i].process) == pid; ms++)
            usleep(1000);
        MC_EXPECT_EQ(mc_client_call(&theirs, "POST", RUN("calm"), "{}"), 200);
    }
    MC_CASE("and end with the server");
    for (size_t i = 0; i < MC_LEN(kinds); i++)
        MC_REQUIRE((pids[i] = await_process(kinds[i])) > 1);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGKILL), 128 + SIGKILL);
    for (size_t i = 0; i < MC_LEN(kinds); i++) {
        MC_CASE(kinds[i]);
        for (int ms = 0; ms < 10000 && is_alive(pids[i], kinds[i]); ms++)
            usleep(1000);
        MC_EXPECT(!is_alive(pids[i], kinds[i]));
    }
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    mc_arena_free(arena);
}

MC_TEST("without a keeper guests go on, and without both they are refused while all else is served")
{
    pid_t keeper, zygote;

    MC_REQUIRE(start());
    zygote = find_process("guest-zygote");
    MC_REQUIRE((keeper = find_process("guest-keeper")) > 1 && kill(keeper, SIGKILL) == 0);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", RUN("calm"), "{}"), 200);
    MC_REQUIRE(zygote > 1 && kill(zygote, SIGKILL) == 0);
    for (int ms = 0; ms < 10000 && is_alive(zygote, "guest-zygote"); ms++)
        usleep(1000);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", RUN("calm"), "{}"), 503);
    MC_EXPECT_HAS(theirs.body, "guest_unavailable");
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", "/api/dynamic/calm_items", NULL), 200);
    stop();
}
