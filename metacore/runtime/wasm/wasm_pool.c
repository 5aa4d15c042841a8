/* SPDX-License-Identifier: Apache-2.0 */
/* Children: taken for a call, given back, replaced, bounded in number. */
#include "metacore/base/random.h"
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_pool_internal.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of a channel's payload that an idle child keeps; what a large message used is given back. */
#define PAYLOAD_KEPT ((size_t)128 << 10)
#define URGENT_CHILDREN 2 /* more than the most, for calls that others wait for */

static int64_t now_us(void)
{
    return mc_clock_monotonic_us((mc_clock){0});
}

/* ---- one child ---- */

bool mc__wasm_child_is_dead(const mc__wasm_child *child)
{
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};

    return poll(&end, 1, 0) > 0;
}

void mc__wasm_child_end(mc__wasm_child *child)
{
    if (!child)
        return;
    if (child->pidfd >= 0) {
        /* Fails only when it has ended already. Nobody waits: the kernel reaps it. */
        (void)syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
        (void)close(child->pidfd); /* nothing was written */
    }
    mc__wasm_channel_free(child->channel);
    mc_buf_deinit(&child->scratch);
    mc_buf_deinit(&child->answer);
    free(child);
}

/* Waits for what it says first; its own words when it failed. */
static mc_code greet(mc__wasm_child *child, int64_t deadline_us, mc_err *err)
{
    mc__wasm_channel *channel = child->channel;
    mc_code rc = mc__wasm_channel_wait_until(channel, child->pidfd, deadline_us, &child->patience);
    uint32_t say = rc == MC_OK ? channel->say : 0, len = channel->len;
    char why[MC__WASM_TRAP_TEXT];

    if (rc == MC_TIMEOUT)
        return mc_fail(err, MC_TIMEOUT, "wasm: a guest's process did not start in time");
    if (rc != MC_OK)
        return mc_fail(err, rc, "wasm: a guest's process died while it started");
    if (say == MC__WASM_SAY_READY)
        return MC_OK;
    if (say == MC__WASM_SAY_TRAP) {
        mc__wasm_trap_text(channel, why);
        return mc_fail(err, MC_REJECTED, "wasm: %s", why);
    }
    len = len < sizeof(why) ? len : (uint32_t)sizeof(why);
    memcpy(why, channel->payload, len);
    for (uint32_t i = 0; i < len; i++) {
        if (why[i] < ' ' || why[i] > '~')
            why[i] = '?'; /* it may have been made to say anything */
    }
    return mc_fail(err, MC_REJECTED, "%.*s", (int)len, why);
}

/* A zygote that was made in place of another learns the module first. */
static mc_code fork_child(mc__wasm_child *child, mc__wasm_child_kind kind, uint32_t max_pages,
                          int channel, int snapshot, mc_err *err)
{
    const mc__wasm_generation *generation = child->generation;
    mc_wasm *self = generation->wasm;
    mc_wasm_zygote *zygote = self->config.zygote;
    mc_code rc = MC_NOT_FOUND;

    for (int tries = 0; tries < 3 && rc == MC_NOT_FOUND; tries++) {
        if (tries > 0) {
            rc = mc__wasm_zygote_load(zygote, generation->id, generation->module,
                                      generation->object, err);
            if (rc != MC_OK)
                return rc;
        }
        rc = mc__wasm_zygote_spawn(zygote, generation->id, kind, max_pages, channel, snapshot,
                                   self->rules, &child->pid, &child->pidfd, err);
    }
    return rc == MC_NOT_FOUND ? mc_fail(err, MC_UNAVAILABLE, "wasm: the zygote dies") : rc;
}

mc_code mc__wasm_child_spawn(mc__wasm_generation *generation, mc__wasm_child_kind kind,
                             uint32_t max_pages, int snapshot, int64_t deadline_us,
                             mc__wasm_child **out, mc_err *err)
{
    mc__wasm_child *child = calloc(1, sizeof(*child));
    int channel = -1;
    mc_code rc;

    if (!child)
        return mc_fail(err, MC_NO_MEMORY, "wasm: child");
    child->generation = generation;
    child->pidfd = -1;
    child->cpu = -1;
    mc_buf_init(&child->scratch, MC_WASM_MESSAGE_MAX);
    mc_buf_init(&child->answer, MC_WASM_MESSAGE_MAX);
    rc = mc__wasm_channel_new(&child->channel, &channel, err);
    if (rc == MC_OK) {
        child->channel->turn = MC__WASM_TURN_CHILD; /* to say that it is ready */
        rc = mc_random_bytes(child->channel->seed, MC__WASM_SEED_BYTES, err);
    }
    if (rc == MC_OK)
        rc = fork_child(child, kind, max_pages, channel, snapshot, err);
    if (channel >= 0)
        (void)close(channel); /* mapped, and the child has its own */
    if (rc == MC_OK)
        rc = greet(child, deadline_us, err);
    if (rc != MC_OK) {
        mc__wasm_child_end(child);
        return rc;
    }
    *out = child;
    return MC_OK;
}

/* ---- the pool ---- */

/* Of this code, best on this CPU: takes it out of the idle ones. */
static mc__wasm_child *find_idle_locked(mc_wasm *self, const mc__wasm_generation *of, int cpu)
    MC_REQUIRES(self->mu)
{
    mc__wasm_child **best = NULL, *found;

    for (mc__wasm_child **at = &self->idle; *at; at = &(*at)->next) {
        if ((*at)->generation != of)
            continue;
        if (!best || (*at)->cpu == cpu)
            best = at;
        if ((*at)->cpu == cpu)
            break;
    }
    if (!best)
        return NULL;
    found = *best;
    *best = found->next;
    return found;
}

/* The idle child that was not used for longest. */
static mc__wasm_child *take_oldest_locked(mc_wasm *self) MC_REQUIRES(self->mu)
{
    mc__wasm_child **at = &self->idle, *found;

    if (!self->idle)
        return NULL;
    while ((*at)->next)
        at = &(*at)->next;
    found = *at;
    *at = NULL;
    return found;
}

/* Ends children that are off all lists. */
static void bury(mc_wasm *self, mc__wasm_child *child)
{
    mc__wasm_generation *generation = child->generation;

    mc__wasm_child_end(child);
    mc_mutex_lock(&self->mu);
    self->stats.children--;
    mc_cond_signal(&self->released);
    mc_mutex_unlock(&self->mu);
    mc__wasm_generation_unref(generation);
}

typedef enum found { IDLE, EVICT, SPAWN, NOTHING, NO_CODE } found;

/* What there is for a call: an idle child; room for a new one, perhaps after another's end. */
static found look(mc_wasm_guest *guest, bool is_urgent, int cpu, mc__wasm_child **out_child,
                  mc__wasm_generation **out_generation)
{
    mc_wasm *self = guest->wasm;
    uint32_t most = self->config.children_max + (is_urgent ? URGENT_CHILDREN : 0);
    found what = NOTHING;

    mc_mutex_lock(&self->mu);
    *out_generation = guest->current;
    if (!guest->current) {
        mc_mutex_unlock(&self->mu);
        return NO_CODE;
    }
    *out_child = find_idle_locked(self, guest->current, cpu);
    if (*out_child) {
        what = IDLE;
    } else if (self->stats.children < most) {
        what = SPAWN;
        self->stats.children++;
        guest->current->refs++;
    } else if ((*out_child = take_oldest_locked(self))) {
        what = EVICT;
        self->stats.recycled++;
    }
    mc_mutex_unlock(&self->mu);
    return what;
}

static bool wait_for_release(mc_wasm *self, int64_t deadline_us)
{
    int64_t left = deadline_us - now_us();

    if (left <= 0)
        return false;
    mc_mutex_lock(&self->mu);
    /* It may have come in between: a short wait is only another look. */
    MC_IGNORE(mc_cond_wait_for(&self->released, &self->mu, left < 5000 ? left : 5000));
    mc_mutex_unlock(&self->mu);
    return true;
}

/* A guest that computes for long shares a processor with whoever waits for it no longer: it would
 * be in the way of its own deadline, and of others on that processor, and could not be moved. */
static void unpin(void *user)
{
    mc__wasm_child *child = user;
    cpu_set_t all;

    if (child->cpu < 0)
        return;
    if (sched_getaffinity(0, sizeof(all), &all) == 0)
        (void)sched_setaffinity(child->pid, sizeof(all), &all); /* else it only is in the way */
    child->cpu = -1;                                            /* the next call pins it again */
}

/* Both on one CPU, so that neither waits for another to wake up from idling. */
static void pin(mc__wasm_child *child, int cpu)
{
    cpu_set_t set;

    if (cpu < 0 || child->cpu == cpu)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(child->pid, sizeof(set), &set) != 0)
        return; /* it only is slower */
    child->cpu = cpu;
    /* What was learnt was of another processor. */
    child->patience = (mc__wasm_patience){.on_long = unpin, .user = child};
}

static mc_code spawn(mc_wasm_guest *guest, mc__wasm_generation *generation, int64_t deadline_us,
                     mc__wasm_child **out, mc_err *err)
{
    mc_wasm *self = guest->wasm;
    mc_code rc = mc__wasm_child_spawn(generation, MC__WASM_CHILD_SERVE, guest->max_pages,
                                      generation->snapshot, deadline_us, out, err);

    mc_mutex_lock(&self->mu);
    if (rc == MC_OK) {
        self->stats.spawned++;
    } else {
        self->stats.children--;
        mc_cond_signal(&self->released);
    }
    mc_mutex_unlock(&self->mu);
    if (rc != MC_OK)
        mc__wasm_generation_unref(generation);
    return rc;
}

mc_code mc__wasm_child_take(mc_wasm_guest *guest, bool is_urgent, int64_t deadline_us,
                            mc__wasm_child **out, mc_err *err)
{
    mc_wasm *self = guest->wasm;
    int cpu = sched_getcpu();

    for (;;) {
        mc__wasm_generation *generation;
        mc__wasm_child *child = NULL;
        mc_code rc = MC_OK;

        switch (look(guest, is_urgent, cpu, &child, &generation)) {
        case IDLE:
            if (mc__wasm_child_is_dead(child)) { /* killed by somebody while it was idle */
                mc_mutex_lock(&self->mu);
                self->stats.deaths++;
                mc_mutex_unlock(&self->mu);
                bury(self, child);
                continue;
            }
            break;
        case EVICT:
            bury(self, child);
            continue;
        case NO_CODE:
            return mc_fail(err, MC_UNAVAILABLE, "wasm: the guest is not started yet");
        case SPAWN:
            rc = spawn(guest, generation, deadline_us, &child, err);
            break;
        default:
            if (!wait_for_release(self, deadline_us))
                return mc_fail(err, MC_TIMEOUT, "wasm: all guests' processes are busy");
            continue;
        }
        if (rc != MC_OK)
            return rc;
        pin(child, cpu);
        mc_mutex_lock(&self->mu);
        self->stats.busy++;
        mc_mutex_unlock(&self->mu);
        *out = child;
        return MC_OK;
    }
}

void mc__wasm_child_give(mc_wasm_guest *guest, mc__wasm_child *child, bool is_alive)
{
    mc_wasm *self = guest->wasm;
    bool is_kept;

    if (is_alive && child->channel->len > PAYLOAD_KEPT)
        (void)madvise(child->channel->payload + PAYLOAD_KEPT, MC_WASM_MESSAGE_MAX - PAYLOAD_KEPT,
                      MADV_REMOVE); /* only saves memory */
    child->calls++;
    mc_mutex_lock(&self->mu);
    self->stats.busy--;
    is_kept =
        is_alive && child->generation == guest->current && child->calls < self->config.calls_max;
    if (is_kept) {
        child->next = self->idle;
        self->idle = child;
        mc_cond_signal(&self->released);
    } else if (is_alive) {
        self->stats.recycled++;
    }
    mc_mutex_unlock(&self->mu);
    if (!is_kept)
        bury(self, child);
}

void mc__wasm_children_drop(mc_wasm *self, const mc__wasm_generation *of)
{
    mc__wasm_child *list = NULL, **at = &self->idle;

    mc_mutex_lock(&self->mu);
    while (*at) {
        mc__wasm_child *child = *at;

        if (of && child->generation != of) {
            at = &child->next;
            continue;
        }
        *at = child->next;
        child->next = list;
        list = child;
    }
    mc_mutex_unlock(&self->mu);
    while (list) {
        mc__wasm_child *child = list;

        list = child->next;
        bury(self, child);
    }
}
