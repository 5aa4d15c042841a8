/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_sandbox_internal.h"
#include "metacore/runtime/wasm/wasm_seccomp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MAX 64     /* open in a compiler */
#define LOOK_EVERY_MS 50 /* whether it was stopped */

bool mc__wasm_forbid_network(void)
{
    static const uint16_t forbidden[] = {
        SYS_socket,
        SYS_socketpair,
        SYS_connect,
        SYS_bind,
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_chroot,
        SYS_setns,
        SYS_unshare,
        SYS_keyctl,
        SYS_add_key,
        SYS_request_key,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_io_uring_setup,
        SYS_init_module,
        SYS_finit_module,
        SYS_kexec_load,
        SYS_reboot,
        SYS_pidfd_getfd,
        SYS_pidfd_open,
    };

    return mc__wasm_seccomp_deny(forbidden, MC_LEN(forbidden));
}

static bool limit(int what, uint64_t value)
{
    struct rlimit both = {value, value};

    return setrlimit((__rlimit_resource_t)what, &both) == 0;
}

/*
 * In the child, and never back. It shares the parent's memory until exec (vfork: a server's pages
 * need not be copied), so nothing here but system calls; those that change the user go past the C
 * library, which would tell the parent's threads to follow.
 */
static void become(const mc__wasm_program *p)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "TMPDIR=.", "LC_ALL=C", NULL};
    int log = openat(p->dir, "log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open("/dev/null", O_RDONLY);
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;

    sigemptyset(&none);
    if (log < 0 || null < 0 || fchdir(p->dir) != 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
        dup2(log, 2) < 0 || syscall(SYS_close_range, 3u, ~0u, 0u) != 0 || setsid() < 0 ||
        sigaction(SIGPIPE, &usual, NULL) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        _exit(126);
    if (p->uid != 0 && geteuid() == 0 &&
        (fchown(1, p->uid, (gid_t)p->uid) != 0 || syscall(SYS_setgroups, 0, NULL) != 0 ||
         syscall(SYS_setresgid, p->uid, p->uid, p->uid) != 0 ||
         syscall(SYS_setresuid, p->uid, p->uid, p->uid) != 0))
        _exit(126);
    if (p->nice > 0)
        (void)syscall(SYS_setpriority, PRIO_PROCESS, 0,
                      p->nice); /* refused, it only is in the way */
    if (!limit(RLIMIT_CPU, p->cpu_seconds) || !limit(RLIMIT_AS, p->memory_bytes) ||
        !limit(RLIMIT_FSIZE, p->file_bytes) || !limit(RLIMIT_CORE, 0) ||
        !limit(RLIMIT_NOFILE, FILES_MAX) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        !mc__wasm_forbid_network())
        _exit(126);
    (void)execve(p->argv[0], (char *const *)p->argv, (char *const *)environment);
    _exit(127); /* only reached when there is no such program */
}

static mc_code say_failure(const mc__wasm_program *p, const char *what, int status, mc_err *err)
{
    char line[120];
    int fd;
    ssize_t got;
    size_t len = 0;

    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        return mc_fail(err, MC_TIMEOUT, "wasm: %s was killed, or took more than %llu s of CPU",
                       what, (unsigned long long)p->cpu_seconds);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return mc_fail(err, MC_NOT_PROVIDED, "wasm: %s cannot be run", p->argv[0]);
    fd = openat(p->dir, "log", O_RDONLY | O_CLOEXEC);
    got = fd >= 0 ? read(fd, line, sizeof(line)) : 0;
    if (fd >= 0)
        (void)close(fd); /* read only */
    while (got > 0 && len < (size_t)got && line[len] >= ' ' && line[len] < 127)
        len++;
    return mc_fail(err, MC_IO, "wasm: %s failed: %.*s", what, (int)len, len ? line : "");
}

static bool is_stopped(const mc__wasm_program *p)
{
    return p->is_stopped && p->is_stopped(p->user);
}

/* Waits for the end without reaping; 1: it came, 0: it did not in time, or was stopped. */
static int wait_for_end(const mc__wasm_program *p, pid_t pid)
{
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int64_t until = mc_clock_monotonic_us((mc_clock){0}) + p->timeout_ms * 1000, left;
    int ready = 0;

    if (end.fd < 0)
        return -1;
    while (ready == 0 && !is_stopped(p) &&
           (left = until - mc_clock_monotonic_us((mc_clock){0})) > 0) {
        left = left / 1000 + 1;
        ready = poll(&end, 1, p->is_stopped && left > LOOK_EVERY_MS ? LOOK_EVERY_MS : (int)left);
        if (ready < 0 && errno == EINTR)
            ready = 0;
    }
    (void)close(end.fd); /* nothing was written */
    return ready;
}

mc_code mc__wasm_run(const mc__wasm_program *program, const char *what, mc_err *err)
{
    sigset_t all, before;
    pid_t pid;
    int status = 0, ready;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours in the child */
    /* NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork):
     * posix_spawn knows no limits and no filters. */
    pid = vfork();
    if (pid == 0)
        become(program);
    /* NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* as it was */

    if (pid < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: fork");
    ready = wait_for_end(program, pid);
    /* Its group, so the compiler's own children, too, which usually are gone; itself, should it
     * not have made a group yet. The process is not reaped yet, so both are still its numbers. */
    (void)kill(-pid, SIGKILL);
    if (ready <= 0)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (ready < 0)
        return mc_fail(err, MC_IO, "wasm: cannot watch %s", what);
    if (ready == 0 && is_stopped(program))
        return mc_fail(err, MC_INTERRUPTED, "wasm: %s was stopped", what);
    if (ready == 0)
        return mc_fail(err, MC_TIMEOUT, "wasm: %s took more than %lld ms", what,
                       (long long)program->timeout_ms);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return say_failure(program, what, status, err);
    return MC_OK;
}
