/* SPDX-License-Identifier: Apache-2.0 */
/* What a process that runs a guest gives up. */
#include "metacore/runtime/wasm/wasm_process_internal.h"
#include "metacore/runtime/wasm/wasm_seccomp_internal.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static int by_number(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

bool mc__wasm_child_close_others(const int *kept, size_t count)
{
    int sorted[8];
    unsigned from = 3; /* standard streams stay, for what a crash may say */

    if (count > MC_LEN(sorted))
        return false;
    memcpy(sorted, kept, count * sizeof(*kept));
    qsort(sorted, count, sizeof(*sorted), by_number);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < 3)
            continue;
        if ((unsigned)sorted[i] > from &&
            syscall(SYS_close_range, from, (unsigned)sorted[i] - 1, 0u) != 0)
            return false;
        from = (unsigned)sorted[i] + 1;
    }
    return syscall(SYS_close_range, from, ~0u, 0u) == 0;
}

static bool limit(int what)
{
    struct rlimit none = {0, 0};

    return setrlimit((__rlimit_resource_t)what, &none) == 0;
}

/*
 * Limits first, the filter last. Without files and processes to be had, an escape from generated
 * code meets these calls and the channel. RLIMIT_AS stays: memory is 8 GiB of addresses.
 */
bool mc__wasm_child_confine(void)
{
    static const uint16_t allowed[] = {
        SYS_futex,
        SYS_pread64,
        SYS_madvise,
        SYS_rt_sigreturn,
        SYS_exit_group,
        SYS_clock_gettime,
        SYS_restart_syscall,
        SYS_rt_sigprocmask,
        SYS_sched_yield,
#if SANITIZED /* what the sanitizers' runtimes need beside */
        SYS_munmap,
        SYS_sigaltstack,
        SYS_write,
        SYS_getpid,
        SYS_gettid,
        SYS_mremap,
#endif
    };

    return limit(RLIMIT_CORE) && limit(RLIMIT_NPROC) && limit(RLIMIT_NOFILE) &&
           (SANITIZED || limit(RLIMIT_FSIZE)) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           mc__wasm_seccomp_allow(allowed, MC_LEN(allowed));
}
