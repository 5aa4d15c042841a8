/* SPDX-License-Identifier: Apache-2.0 */
/* poll_oneoff: waiting for a clock. Streams are ready at once. A wait beyond the call's deadline is
 * ended as any call is that takes too long. */
#include "metacore/runtime/wasm/wasm_wasi_internal.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SUBSCRIPTIONS_MAX 64
#define SUBSCRIPTION_BYTES 48
#define EVENT_BYTES 32

enum { OF_CLOCK, OF_READ, OF_WRITE };

#define MONOTONIC 1
#define IS_ABSOLUTE 1
#define HANG_UP 1

typedef struct subscription {
    uint64_t user;
    uint8_t type;
    uint16_t error; /* for its event */
    uint32_t fd;
    uint64_t wait_ns; /* 0: ready */
} subscription;

static void read_clock(const uint8_t *from, subscription *s)
{
    uint64_t timeout = mc__wasi_get64(from + 24), now;

    if (!mc__wasi_now(mc__wasi_get32(from + 16), &now))
        s->error = MC__WASI_INVAL;
    else if (from[40] & IS_ABSOLUTE)
        s->wait_ns = timeout > now ? timeout - now : 0;
    else
        s->wait_ns = timeout;
}

static bool read_subscription(const mc__wasm_wasi *wasi, const uint8_t *from, subscription *s)
{
    *s = (subscription){.user = mc__wasi_get64(from), .type = from[8]};
    if (s->type == OF_CLOCK) {
        read_clock(from, s);
        return true;
    }
    s->fd = mc__wasi_get32(from + 16);
    if (!mc__wasi_is_stream(wasi, s->fd) || (s->fd == 0) != (s->type == OF_READ))
        s->error = MC__WASI_BADF;
    return s->type <= OF_WRITE;
}

static void write_event(uint8_t *to, const subscription *s)
{
    memset(to, 0, EVENT_BYTES);
    mc__wasi_put64(to, s->user);
    memcpy(to + 8, &s->error, sizeof(s->error));
    to[10] = s->type;
    if (s->error || s->type == OF_CLOCK)
        return;
    if (s->type == OF_READ)
        to[24] = HANG_UP;
    else
        mc__wasi_put64(to + 16, MC__WASM_OUTPUT_MAX);
}

/* On a word that nobody changes: the one call for waiting that the process may make. */
static void sleep_ns(uint64_t wait_ns)
{
    uint32_t word = 0;
    uint64_t began = 0, now = 0;

    if (wait_ns == 0 || !mc__wasi_now(MONOTONIC, &began))
        return;
    while (mc__wasi_now(MONOTONIC, &now) && now - began < wait_ns) {
        uint64_t left = wait_ns - (now - began);
        struct timespec pause = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};

        (void)syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &pause, NULL, 0); /* looks again */
    }
}

uint32_t mc__wasi_poll_oneoff(mc__wasm_wasi *wasi, uint32_t in, uint32_t out, uint32_t count,
                              uint32_t out_count)
{
    const uint8_t *from = mc__wasi_bytes(wasi, in, (uint64_t)count * SUBSCRIPTION_BYTES);
    uint8_t *to = mc__wasi_bytes(wasi, out, (uint64_t)count * EVENT_BYTES);
    uint8_t *told = mc__wasi_bytes(wasi, out_count, 4);
    subscription all[SUBSCRIPTIONS_MAX];
    uint64_t least_ns = UINT64_MAX;
    uint32_t events = 0;

    wasi->call.is_used = true;
    if (count == 0 || count > SUBSCRIPTIONS_MAX)
        return MC__WASI_INVAL;
    if (!from || !to || !told)
        return MC__WASI_FAULT;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_subscription(wasi, from + (size_t)i * SUBSCRIPTION_BYTES, &all[i]))
            return MC__WASI_INVAL;
        least_ns = all[i].wait_ns < least_ns ? all[i].wait_ns : least_ns;
    }
    sleep_ns(least_ns);
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].wait_ns <= least_ns)
            write_event(to + (size_t)events++ * EVENT_BYTES, &all[i]);
    }
    mc__wasi_put32(told, events);
    return MC__WASI_SUCCESS;
}
