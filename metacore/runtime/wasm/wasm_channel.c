/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_channel_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_US 20000 /* how soon the death of a child is noticed */
#define YIELD_TAKES_US 50   /* longer, and somebody else had the processor */
#define SKIP_FIRST 32
#define SKIP_MAX 16384

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
    /* Sequentially consistent with sleep: of the turn and the wish to be woken one side sees one.
     */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&channel->waits[to & 1], memory_order_relaxed))
        (void)syscall(SYS_futex, &channel->turn, FUTEX_WAKE, 1, NULL, NULL, 0); /* nobody: fine */
}

static bool is_turn(mc__wasm_channel *channel, uint32_t mine)
{
    return atomic_load_explicit(&channel->turn, memory_order_acquire) == mine;
}

/* False when the pause is over, or was broken off. */
static bool sleep_once(mc__wasm_channel *channel, uint32_t mine, const struct timespec *pause)
{
    long rc = 0;

    atomic_store_explicit(&channel->waits[mine], 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* as above */
    if (!is_turn(channel, mine))
        rc = syscall(SYS_futex, &channel->turn, FUTEX_WAIT, mine ^ 1u, pause, NULL, 0);
    atomic_store_explicit(&channel->waits[mine], 0, memory_order_relaxed);
    return rc == 0;
}

void mc__wasm_channel_rest(const mc__wasm_patience *patience)
{
    if (patience->skip == 0)
        (void)sched_yield(); /* always succeeds here */
}

/* True: the other had its turn meanwhile. */
static bool yield_once(mc__wasm_channel *channel, uint32_t mine, mc__wasm_patience *patience)
{
    int64_t before;
    bool is_mine;

    if (patience->skip > 0) {
        patience->skip--;
        return false;
    }
    before = mc_clock_monotonic_us((mc_clock){0});
    (void)sched_yield(); /* as above */
    is_mine = is_turn(channel, mine);
    if (is_mine && mc_clock_monotonic_us((mc_clock){0}) - before < YIELD_TAKES_US) {
        patience->backoff /= 2;
        return true;
    }
    patience->backoff = patience->backoff * 2 + SKIP_FIRST;
    if (patience->backoff > SKIP_MAX)
        patience->backoff = SKIP_MAX;
    patience->skip = patience->backoff;
    return is_mine;
}

void mc__wasm_channel_wait(mc__wasm_channel *channel, uint32_t mine, mc__wasm_patience *patience)
{
    if (is_turn(channel, mine) || (patience && yield_once(channel, mine, patience)))
        return;
    while (!is_turn(channel, mine)) /* any end of the sleep only looks again */
        (void)sleep_once(channel, mine, NULL);
}

mc_code mc__wasm_channel_wait_until(mc__wasm_channel *channel, int pidfd, int64_t deadline_us,
                                    mc__wasm_patience *patience)
{
    bool is_mine = is_turn(channel, MC__WASM_TURN_SERVER) ||
                   yield_once(channel, MC__WASM_TURN_SERVER, patience);
    bool is_told = false;

    /* Looked at even when there is an answer: one may follow the other without end. */
    for (;;) {
        int64_t left = deadline_us - mc_clock_monotonic_us((mc_clock){0});
        struct timespec pause;
        struct pollfd end = {.fd = pidfd, .events = POLLIN};

        if (left <= 0)
            return MC_TIMEOUT;
        if (is_mine || is_turn(channel, MC__WASM_TURN_SERVER))
            return MC_OK;
        left = left < LOOK_EVERY_US ? left : LOOK_EVERY_US;
        pause = (struct timespec){left / 1000000, left % 1000000 * 1000};
        if (sleep_once(channel, MC__WASM_TURN_SERVER, &pause) || errno != ETIMEDOUT)
            continue;
        if (poll(&end, 1, 0) > 0 &&
            !is_turn(channel, MC__WASM_TURN_SERVER)) /* it may have answered, and then ended */
            return MC_UNAVAILABLE;
        if (patience->on_long && !is_told)
            patience->on_long(patience->user);
        is_told = true;
    }
}
