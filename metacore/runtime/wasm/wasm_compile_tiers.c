/* SPDX-License-Identifier: Apache-2.0 */
/* The code that a guest runs on: the first that can be had, and better code in the background. */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_pool_internal.h"

#include <stdio.h>
#include <unistd.h>

/* A larger module is not worth waiting for gcc -O2: half the time makes most of the speed. */
#define QUICK_FROM_BYTES ((size_t)300 << 10)

/* ---- what is seen of it ---- */

static void note_stage(void *user, mc_wasm_stage stage, uint32_t part, uint32_t parts)
{
    mc_wasm_guest *guest = user;

    mc_mutex_lock(&guest->wasm->mu);
    guest->state.stage = stage;
    guest->state.part = part;
    guest->state.parts = parts;
    mc_mutex_unlock(&guest->wasm->mu);
}

static void note_begin(mc_wasm_guest *guest, mc_wasm_tier tier)
{
    mc_mutex_lock(&guest->wasm->mu);
    guest->began_us = mc_clock_monotonic_us((mc_clock){0});
    guest->state.is_compiling = true;
    guest->state.making = tier;
    guest->state.stage = MC_WASM_STAGE_WAITING;
    guest->state.part = guest->state.parts = 0;
    guest->state.failure[0] = '\0';
    mc_mutex_unlock(&guest->wasm->mu);
}

static void note_end(mc_wasm_guest *guest, mc_code rc, const mc_err *err)
{
    mc_mutex_lock(&guest->wasm->mu);
    guest->state.is_compiling = false;
    guest->state.elapsed_ms = (mc_clock_monotonic_us((mc_clock){0}) - guest->began_us) / 1000;
    if (rc != MC_OK && rc != MC_INTERRUPTED)
        (void)snprintf(guest->state.failure, sizeof(guest->state.failure), "%s", err->msg);
    mc_mutex_unlock(&guest->wasm->mu);
}

void mc_wasm_guest_get_state(mc_wasm_guest *guest, mc_wasm_guest_state *out)
{
    uint32_t size = out->struct_size;
    mc_wasm_guest_state state;

    mc_mutex_lock(&guest->wasm->mu);
    state = guest->state;
    if (state.is_compiling)
        state.elapsed_ms = (mc_clock_monotonic_us((mc_clock){0}) - guest->began_us) / 1000;
    mc_mutex_unlock(&guest->wasm->mu);
    state.struct_size = size;
    memcpy(out, &state, size < sizeof(state) ? size : sizeof(state));
}

mc_wasm_tier mc_wasm_guest_tier(mc_wasm_guest *guest)
{
    mc_wasm_guest_state state = {MC_WASM_GUEST_STATE};

    mc_wasm_guest_get_state(guest, &state);
    return state.tier;
}

/* ---- compiling ---- */

static void count(mc_wasm *self, const mc_wasm_object *object)
{
    mc_mutex_lock(&self->mu);
    if (object->was_cached)
        self->stats.from_cache++;
    else
        self->stats.compiled++;
    mc_mutex_unlock(&self->mu);
}

/* Whatever served calls until now is given back. */
static void take_over(mc_wasm_guest *guest, mc__wasm_generation *better)
{
    mc_wasm *self = guest->wasm;
    mc__wasm_generation *old;

    mc_mutex_lock(&self->mu);
    old = guest->current;
    guest->current = better;
    guest->state.tier = better->tier;
    guest->state.generation++;
    mc_mutex_unlock(&self->mu);
    if (!old)
        return;
    mc__wasm_children_drop(self, old); /* those at work follow when they are given back */
    mc__wasm_generation_unref(old);
}

/* Loads it, and closes it. */
static mc_code use(mc_wasm_guest *guest, const mc_wasm_object *object, mc_err *err)
{
    mc__wasm_generation *generation = NULL;
    mc_code rc;

    count(guest->wasm, object);
    note_stage(guest, MC_WASM_STAGE_STARTING, 0, 0);
    rc = mc__wasm_generation_new(guest, object, &generation, err);
    (void)close(object->fd); /* the zygote has its own */
    if (rc == MC_OK)
        take_over(guest, generation);
    return rc;
}

static mc_code make(mc_wasm_guest *guest, mc_wasm_tier tier, bool is_background, mc_err *err)
{
    const mc__wasm_job job = {.is_background = is_background,
                              .stop = &guest->is_leaving,
                              .on_stage = note_stage,
                              .user = guest};
    mc_wasm_object object;
    mc_code rc;

    note_begin(guest, tier);
    rc = mc__wasm_compile_job(guest->wasm->config.compiler, guest->bytes, tier, &job, &object, err);
    if (rc == MC_OK)
        rc = use(guest, &object, err);
    note_end(guest, rc, err);
    return rc;
}

/* ---- the first code ---- */

/* Of what was compiled before only the best is better than what tcc makes at once. */
static bool find_first(mc_wasm_guest *guest, mc_wasm_object *out)
{
    const mc_wasm_compiler *compiler = guest->wasm->config.compiler;
    bool has_tcc = mc_wasm_compiler_has(compiler, MC_WASM_TIER_INSTANT);
    mc_err err;
    mc_code rc = mc__wasm_compile_find(compiler, guest->bytes, MC_WASM_TIER_FULL, out, &err);

    /* Where nothing compiles, it is why the guest does not start. */
    if (rc == MC_FORBIDDEN && compiler->config.on_refused &&
        (has_tcc || mc_wasm_compiler_has(compiler, MC_WASM_TIER_FULL)))
        compiler->config.on_refused(compiler->config.on_refused_user, err.msg);
    if (rc != MC_OK && !has_tcc)
        rc = mc__wasm_compile_find(compiler, guest->bytes, MC_WASM_TIER_QUICK, out, &err);
    return rc == MC_OK;
}

static mc_wasm_tier soonest(const mc_wasm_guest *guest)
{
    if (mc_wasm_compiler_has(guest->wasm->config.compiler, MC_WASM_TIER_INSTANT))
        return MC_WASM_TIER_INSTANT;
    return guest->bytes.len > QUICK_FROM_BYTES &&
                   mc_wasm_compiler_has(guest->wasm->config.compiler, MC_WASM_TIER_QUICK)
               ? MC_WASM_TIER_QUICK
               : MC_WASM_TIER_FULL;
}

static void enqueue(mc_wasm_guest *guest)
{
    mc_wasm *self = guest->wasm;
    mc_wasm_guest **at = &self->queue;

    mc_mutex_lock(&self->mu);
    while (*at)
        at = &(*at)->next;
    guest->next = NULL;
    *at = guest;
    guest->is_waiting = true;
    mc_cond_signal(&self->queued);
    mc_mutex_unlock(&self->mu);
}

static mc_code start_kept(mc_wasm_guest *guest, const mc_wasm_object *object, mc_err *err)
{
    mc_code rc;

    note_begin(guest, object->tier);
    rc = use(guest, object, err);
    note_end(guest, rc, err);
    return rc;
}

/* Code that cannot be loaded, a compiler that is wrong about a module that others compile: the next
 * one may do better. What starts badly by its own doing does so everywhere. */
static mc_code start_otherwise(mc_wasm_guest *guest, mc_wasm_tier *tier, mc_err *err)
{
    const mc_wasm_compiler *compiler = guest->wasm->config.compiler;
    static const mc_wasm_tier others[] = {MC_WASM_TIER_INSTANT, MC_WASM_TIER_QUICK};
    mc_wasm_tier failed = *tier;
    mc_code rc = MC_IO;

    for (size_t i = 0; i < MC_LEN(others) && rc == MC_IO; i++) {
        if (others[i] == failed || !mc_wasm_compiler_has(compiler, others[i]))
            continue;
        *tier = others[i];
        rc = make(guest, *tier, false, err);
    }
    return rc;
}

mc_code mc_wasm_guest_start(mc_wasm_guest *guest, mc_err *err)
{
    mc_wasm_object kept;
    mc_wasm_tier tier;
    mc_code rc;

    if (find_first(guest, &kept)) {
        tier = kept.tier;
        rc = start_kept(guest, &kept, err);
    } else {
        tier = soonest(guest);
        rc = make(guest, tier, false, err);
    }
    if (rc == MC_IO)
        rc = start_otherwise(guest, &tier, err);
    if (rc == MC_OK && tier != MC_WASM_TIER_FULL &&
        mc_wasm_compiler_has(guest->wasm->config.compiler, MC_WASM_TIER_FULL))
        enqueue(guest);
    return rc;
}

/* ---- the background ---- */

void *mc__wasm_improve_all(void *user)
{
    mc_wasm *self = user;

    mc_mutex_lock(&self->mu);
    while (!self->is_ending) {
        mc_wasm_guest *guest = self->queue;
        mc_err
            err; /* code that cannot be made leaves the guest on what it has, and is told there */

        if (!guest) {
            mc_cond_wait(&self->queued, &self->mu);
            continue;
        }
        self->queue = guest->next;
        mc_mutex_unlock(&self->mu);
        MC_IGNORE(make(guest, MC_WASM_TIER_FULL, true, &err));
        mc_mutex_lock(&self->mu);
        guest->is_waiting = false;
        mc_cond_broadcast(&self->settled);
    }
    mc_mutex_unlock(&self->mu);
    return NULL;
}

void mc_wasm_guest_settle(mc_wasm_guest *guest)
{
    mc_wasm *self = guest->wasm;

    mc_mutex_lock(&self->mu);
    while (guest->is_waiting)
        mc_cond_wait(&self->settled, &self->mu);
    mc_mutex_unlock(&self->mu);
}
