/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_seccomp_internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "guests are not supported on this architecture"
#endif

#define NUMBER_AT offsetof(struct seccomp_data, nr)
#define ARCH_AT offsetof(struct seccomp_data, arch)
/* The low half of the third argument: prot, of mmap and mprotect alike. */
#define PROT_AT (offsetof(struct seccomp_data, args) + 2 * sizeof(uint64_t))
#define X32_BIT 0x40000000u /* x86-64 answers a second set of numbers */

typedef struct filter {
    struct sock_filter code[MC__WASM_CALLS_MAX + 16];
    unsigned short len;
} filter;

static void put(filter *f, uint16_t op, uint32_t k, uint8_t yes, uint8_t no)
{
    f->code[f->len++] = (struct sock_filter){op, yes, no, k};
}

/* Leaves the call's number loaded; calls of another architecture get wrong. */
static void begin(filter *f, uint32_t wrong)
{
    f->len = 0;
    put(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)ARCH_AT, 0, 0);
    put(f, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
    put(f, BPF_RET | BPF_K, wrong, 0, 0);
    put(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)NUMBER_AT, 0, 0);
    put(f, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    put(f, BPF_RET | BPF_K, wrong, 0, 0);
}

static bool install(filter *f)
{
    struct sock_fprog program = {f->len, f->code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool mc__wasm_seccomp_deny(const uint16_t *calls, size_t count)
{
    uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
    filter f;

    if (count > MC__WASM_CALLS_MAX)
        return false;
    begin(&f, refuse);
    for (size_t i = 0; i < count; i++)
        put(&f, BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(count - i), 0);
    put(&f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    put(&f, BPF_RET | BPF_K, refuse, 0, 0);
    return install(&f);
}

bool mc__wasm_seccomp_allow(const uint16_t *calls, size_t count)
{
    filter f;

    if (count > MC__WASM_CALLS_MAX)
        return false;
    begin(&f, SECCOMP_RET_KILL_PROCESS);
    for (size_t i = 0; i < count; i++)
        put(&f, BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(count - i + 4), 0);
    put(&f, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0);
    put(&f, BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0);
    put(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    put(&f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)PROT_AT, 0, 0);
    put(&f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0);
    put(&f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    put(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    return install(&f);
}
