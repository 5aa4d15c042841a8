/* SPDX-License-Identifier: Apache-2.0 */
/* The processes that guests run in: what they may do, and their deaths. */
#include "metacore/runtime/wasm/wasm_pool_internal.h"
#include "metacore/runtime/wasm/wasm_process_internal.h"
#include "metacore/runtime/wasm/wasm_runtime_test_internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const mc_str hello = MC_STR_INIT("hello, guest");

/* ---- deaths ---- */

MC_TEST("children that are killed are replaced")
{
    mc_wasm *wasm = mc_wasm_test_runtime();
    mc_wasm_guest *guest = NULL;
    mc_wasm_stats before, after;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasm_test_load(wasm, "", &guest, &err), &err);
    mc_wasm_guest_settle(guest);
    mc_wasm_get_stats(wasm, &before);
    for (int i = 0; i < 20; i++) {
        mc_wasm_test_expect(guest, "echo", hello, hello);
        MC_REQUIRE(wasm->idle != NULL);
        MC_EXPECT_EQ(kill(wasm->idle->pid, SIGKILL), 0);
        for (int ms = 0; ms < 5000 && !mc__wasm_child_is_dead(wasm->idle); ms++)
            usleep(1000); /* a signal is not the end yet */
    }
    mc_wasm_test_expect(guest, "echo", hello, hello);
    mc_wasm_get_stats(wasm, &after);
    MC_EXPECT(after.deaths > before.deaths);
    mc_wasm_guest_free(guest);
}

static mc_str status_of(mc_arena *arena, pid_t pid)
{
    const char *path = mc_str_z(arena, mc_str_printf(arena, "/proc/%d/status", (int)pid));
    FILE *file = fopen(path, "rbe");
    char *text = mc_arena_zalloc(arena, 8192);
    size_t n = 0;

    if (file) {
        n = fread(text, 1, 8191, file);
        (void)fclose(file); /* read only */
    }
    return mc_str_of(text, n);
}

static pid_t parent_of(mc_arena *arena, pid_t pid)
{
    const char *line = strstr(mc_str_z(arena, status_of(arena, pid)), "PPid:");

    return line ? (pid_t)strtol(line + 5, NULL, 10) : 0;
}

MC_TEST("a zygote that dies is replaced, and guests go on")
{
    mc_wasm *wasm = mc_wasm_test_runtime();
    mc_arena *arena = mc_arena_new(0);
    mc_wasm_guest *guest = NULL, *later = NULL;
    mc_wasm_stats before, after;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasm_test_load(wasm, "", &guest, &err), &err);
    mc_wasm_guest_settle(guest);
    mc_wasm_get_stats(wasm, &before);
    for (uint64_t i = 1; i <= 3; i++) {
        pid_t zygote;

        mc_wasm_test_expect(guest, "echo", hello, hello);
        MC_REQUIRE(wasm->idle != NULL);
        zygote = parent_of(arena, wasm->idle->pid);
        MC_REQUIRE(zygote > 1 && zygote != getpid() && kill(zygote, SIGKILL) == 0);
        for (int ms = 0; ms < 5000 && !mc__wasm_child_is_dead(wasm->idle); ms++)
            usleep(1000); /* it follows the zygote */
        mc_wasm_test_expect(guest, "echo", hello, hello);
        mc_wasm_get_stats(wasm, &after);
        MC_EXPECT_EQ(after.zygotes, before.zygotes + i);
    }
    MC_CASE("new ones are loaded, too");
    MC_REQUIRE_OK(mc_wasm_test_load(wasm, "(func (export \"one\"))", &later, &err), &err);
    mc_wasm_test_expect(later, "one", MC_STR(""), MC_STR(""));
    mc_wasm_guest_free(later);
    mc_wasm_guest_free(guest);
    mc_arena_free(arena);
}

/* ---- what a child is ---- */

MC_TEST("a child has no capabilities, no new ones, a filter, and nobody's name")
{
    mc_wasm *wasm = mc_wasm_test_runtime();
    mc_arena *arena = mc_arena_new(0);
    mc_wasm_guest *guest = NULL;
    mc_str status;
    mc_err err;

    NEEDS_RUNTIME();
    MC_REQUIRE_OK(mc_wasm_test_load(wasm, "", &guest, &err), &err);
    mc_wasm_test_expect(guest, "echo", hello, hello);
    MC_REQUIRE(wasm->idle != NULL);
    status = status_of(arena, wasm->idle->pid);
    MC_EXPECT_HAS(status, "Seccomp:\t2");
    MC_EXPECT_HAS(status, "NoNewPrivs:\t1");
    MC_EXPECT_HAS(status, "CapEff:\t0000000000000000");
    MC_EXPECT_HAS(status, "Threads:\t1\n");
    if (geteuid() == 0)
        MC_EXPECT_HAS(status, "Uid:\t65534\t65534\t65534\t65534");
    mc_wasm_guest_free(guest);
    mc_arena_free(arena);
}

static const struct {
    const char *name;
    long number, a, b, c, d, e;
} calls[] = {
    {"opening a file", SYS_openat, -100, (long)(intptr_t) "/etc/passwd", 0, 0, 0},
    {"a socket", SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0},
    {"a process", SYS_clone, SIGCHLD, 0, 0, 0, 0},
    {"another program", SYS_execve, (long)(intptr_t) "/bin/true", 0, 0, 0, 0},
    {"a signal to others", SYS_kill, 1, 0, 0, 0, 0},
    {"memory that is executable", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, 34, -1},
    {"memory made executable", SYS_mprotect, 0x10000, 4096, PROT_EXEC, 0, 0},
    {"another process's memory", SYS_process_vm_readv, 1, 0, 0, 0, 0},
};

MC_TEST("a child that asks for more than it needs is killed")
{
    for (size_t i = 0; i < MC_LEN(calls); i++) {
        int status = 0;
        pid_t pid = fork();

        MC_CASE(calls[i].name);
        if (pid == 0) {
            if (!mc__wasm_child_confine())
                _exit(2);
            (void)syscall(calls[i].number, calls[i].a, calls[i].b, calls[i].c, calls[i].d,
                          calls[i].e, 0L);
            _exit(0);
        }
        MC_EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
        MC_EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}

static void *idle_thread(void *user)
{
    usleep(100000);
    return user;
}

MC_TEST("a zygote is refused once there are threads")
{
    mc_wasm_zygote *late = NULL;
    pthread_t thread;
    mc_err err;

    MC_REQUIRE(pthread_create(&thread, NULL, idle_thread, NULL) == 0);
    MC_EXPECT_EQ(mc_wasm_zygote_start(&late, &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "before any thread");
    (void)pthread_join(thread, NULL); /* started above */
}
