/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_channel_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_US 20000 /* how soon the death of a child is noticed */

mc__wasm_channel *mc__wasm_channel_map(int fd)
{
    void *at = mmap(NULL, sizeof(mc__wasm_channel), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

mc_code mc__wasm_channel_new(mc__wasm_channel **out, int *out_fd, mc_err *err)
{
    int fd = memfd_create("channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    mc__wasm_channel *channel;

    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: channel");
    /* Sealed against being cut: reading behind its end would end the server. */
    if (ftruncate(fd, sizeof(mc__wasm_channel)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
        !(channel = mc__wasm_channel_map(fd))) {
        (void)close(fd); /* given up */
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: channel");
    }
    *out = channel;
    *out_fd = fd;
    return MC_OK;
}

void mc__wasm_channel_free(mc__wasm_channel *channel)
{
    if (channel)
        (void)munmap(channel, sizeof(*channel)); /* ours */
}

/* Release: what was written before is seen by whoever sees the turn. */
void mc__wasm_channel_pass(mc__wasm_channel *channel, uint32_t to)
{
    atomic_store_explicit(&channel->turn, to, memory_order_release);
    (void)syscall(SYS_futex, &channel->turn, FUTEX_WAKE, 1, NULL, NULL, 0); /* nobody: fine */
}

static bool is_turn(mc__wasm_channel *channel, uint32_t mine)
{
    return atomic_load_explicit(&channel->turn, memory_order_acquire) == mine;
}

void mc__wasm_channel_wait(mc__wasm_channel *channel, uint32_t mine)
{
    while (!is_turn(channel, mine)) /* any end of the wait only looks again */
        (void)syscall(SYS_futex, &channel->turn, FUTEX_WAIT, mine ^ 1u, NULL, NULL, 0);
}

mc_code mc__wasm_channel_wait_until(mc__wasm_channel *channel, int pidfd, int64_t deadline_us)
{
    while (!is_turn(channel, MC__WASM_TURN_SERVER)) {
        int64_t left = deadline_us - mc_clock_monotonic_us((mc_clock){0});
        struct timespec pause;
        struct pollfd end = {.fd = pidfd, .events = POLLIN};

        if (left <= 0)
            return MC_TIMEOUT;
        left = left < LOOK_EVERY_US ? left : LOOK_EVERY_US;
        pause = (struct timespec){left / 1000000, left % 1000000 * 1000};
        if (syscall(SYS_futex, &channel->turn, FUTEX_WAIT, MC__WASM_TURN_CHILD, &pause, NULL, 0) !=
                0 &&
            errno == ETIMEDOUT && poll(&end, 1, 0) > 0 &&
            !is_turn(channel, MC__WASM_TURN_SERVER)) /* it may have answered, and then ended */
            return MC_UNAVAILABLE;
    }
    return MC_OK;
}
