/* SPDX-License-Identifier: Apache-2.0 */
/* The zygote itself: one thread that loads code it never runs, and forks. And its keeper, which
 * only forks zygotes: it lives as the process was at its very start, whatever became of that since.
 */
#include "metacore/runtime/wasm/wasm_process_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

extern char **environ;

typedef struct loaded {
    bool is_used;
    uint32_t id;
    mc_str bytes; /* mapped */
    mc_wasm_module *m;
    mc__wasm_code code;
} loaded;

static loaded all[MC__WASM_LOADED_MAX];

static loaded *find(uint32_t id)
{
    for (size_t i = 0; i < MC_LEN(all); i++) {
        if (all[i].is_used && all[i].id == id)
            return &all[i];
    }
    return NULL;
}

static void forget(loaded *l)
{
    mc__wasm_code_unload(&l->code);
    mc_wasm_module_free(l->m);
    if (l->bytes.ptr)
        (void)munmap((void *)l->bytes.ptr, l->bytes.len); /* ours */
    *l = (loaded){.code.fd = -1};
}

static mc_code load(uint32_t id, int module, int object, mc_err *err)
{
    loaded *l = NULL;
    struct stat st;
    void *bytes;
    mc_code rc;

    if (find(id))
        return MC_OK; /* two found that it was missing */
    for (size_t i = 0; !l && i < MC_LEN(all); i++)
        l = all[i].is_used ? NULL : &all[i];
    if (!l)
        return mc_fail(err, MC_LIMIT, "wasm: more than %d modules are loaded", MC__WASM_LOADED_MAX);
    if (fstat(module, &st) != 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: module");
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, module, 0);
    if (bytes == MAP_FAILED)
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: module");
    *l = (loaded){.is_used = true, .id = id, .bytes = {bytes, (size_t)st.st_size}, .code.fd = -1};
    rc = mc__wasm_module_read(l->bytes, false, NULL, &l->m, err);
    if (rc == MC_OK)
        rc = mc__wasm_code_load(object, l->m, &l->code, err);
    if (rc != MC_OK)
        forget(l);
    return rc;
}

static mc_code spawn(const mc__wasm_wire *in, const int *fds, pid_t *out_pid, int *out_pidfd,
                     mc_err *err)
{
    loaded *l = find(in->id);
    mc__wasm_child_start start;
    pid_t pid;

    if (!l)
        return mc_fail(err, MC_NOT_FOUND, "wasm: module is not loaded");
    start = (mc__wasm_child_start){
        l->m, l->code.table, (mc__wasm_child_kind)in->kind, in->max_pages, fds[0], fds[1], fds[2]};
    pid = fork();
    if (pid == 0)
        mc__wasm_child_main(&start);
    if (pid < 0)
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: fork");
    /* Also of one that has ended: children are reaped in the main loop only. */
    *out_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*out_pidfd < 0) {
        (void)kill(pid, SIGKILL); /* nobody could end it later */
        return mc_fail_errno(err, MC_IO, errno, "wasm: pidfd");
    }
    *out_pid = pid;
    return MC_OK;
}

/* Those that ended since the last command; what is left of them is an entry in a table. */
static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void answer(int socket, const mc__wasm_wire *in, int *fds)
{
    mc__wasm_wire out = {.id = in->id};
    pid_t pid = 0;
    int pidfd = -1;
    mc_err err = {0};
    mc_code rc = MC_OK;

    if (in->command == MC__WASM_WIRE_LOAD) {
        rc = load(in->id, fds[0], fds[1], &err);
    } else if (in->command == MC__WASM_WIRE_SPAWN) {
        rc = spawn(in, fds, &pid, &pidfd, &err);
    } else {
        loaded *l = find(in->id);

        if (l)
            forget(l);
    }
    out.command = rc == MC_OK;
    out.kind = (uint32_t)rc;
    out.pid = pid;
    snprintf(out.why, sizeof(out.why), "%.150s", rc == MC_OK ? "" : err.msg);
    if (!mc__wasm_wire_send(socket, &out, &pidfd, pidfd >= 0 ? 1 : 0))
        _exit(0); /* the server is gone */
    if (pidfd >= 0)
        (void)close(pidfd); /* the server has its own now */
}

/* What a guest that broke out could read: the environment may hold secrets. */
static void forget_environment(void)
{
    for (char **at = environ; at && *at; at++)
        memset(*at, 0, strlen(*at));
    (void)clearenv(); /* only forgets the pointers */
}

/* As root, become nobody: no child needs more, and none can get it back. */
static bool drop_user(void)
{
    if (geteuid() != 0)
        return true;
    return syscall(SYS_setgroups, 0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
           prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; /* so that /proc/self stays ours to open */
}

/* An interrupt at the terminal is for the server, whose end is theirs. */
static bool become(const char *name, int socket)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigemptyset(&ignore.sa_mask);
    (void)prctl(PR_SET_NAME, name, 0, 0, 0); /* only what ps shows */
    return mc__wasm_child_close_others(&socket, 1) && drop_user() &&
           sigaction(SIGINT, &ignore, NULL) == 0 && sigaction(SIGTERM, &ignore, NULL) == 0 &&
           sigaction(SIGHUP, &ignore, NULL) == 0;
}

/* It ends with the server, whose end of the socket is the only one. */
_Noreturn static void zygote_main(int socket)
{
    mc__wasm_wire in;
    int fds[MC__WASM_WIRE_FDS];

    /* Its own children are waited for: until then their numbers are theirs. */
    if (!become("guest-zygote", socket) || signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        _exit(1);
    while (mc__wasm_wire_receive(socket, &in, fds)) {
        reap();
        answer(socket, &in, fds);
        for (size_t i = 0; i < MC__WASM_WIRE_FDS; i++) {
            if (fds[i] >= 0)
                (void)close(fds[i]); /* what was needed has been kept */
        }
    }
    _exit(0);
}

_Noreturn void mc__wasm_keeper_main(int socket)
{
    mc__wasm_wire in;
    int fds[MC__WASM_WIRE_FDS];

    forget_environment();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || !become("guest-keeper", socket) ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || /* another user has none any more */
        signal(SIGCHLD, SIG_IGN) == SIG_ERR)     /* nobody waits for zygotes */
        _exit(1);
    while (mc__wasm_wire_receive(socket, &in, fds)) {
        mc__wasm_wire out = {.command = 1};
        int pidfd;

        out.pid = fds[0] >= 0 ? fork() : -1;
        if (out.pid == 0)
            zygote_main(fds[0]);
        pidfd = out.pid > 0 ? (int)syscall(SYS_pidfd_open, out.pid, 0) : -1;
        out.command = pidfd >= 0;
        if (!mc__wasm_wire_send(socket, &out, &pidfd, pidfd >= 0 ? 1 : 0))
            _exit(0); /* the server is gone */
        if (pidfd >= 0)
            (void)close(pidfd); /* the server has its own now */
        for (size_t i = 0; i < MC__WASM_WIRE_FDS; i++) {
            if (fds[i] >= 0)
                (void)close(fds[i]); /* the zygote's */
        }
    }
    _exit(0);
}
