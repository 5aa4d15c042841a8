/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of guests: one of a bundle at a time, in the background, and calls that wait for them. */
#include "metacore/host/guests_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define CALL_WAITS_US (2 * MC_TIME_US_PER_S)
#define CALLS_WAITING_MAX 2 /* each holds a thread of the pool */
#define RETRY_AFTER_S 2
#define FAILED_FOR_US (10 * MC_TIME_US_PER_S) /* what failed is not tried again sooner */

static int64_t now_us(void)
{
    return mc_clock_monotonic_us((mc_clock){0});
}

/* ---- the table ---- */

static void set_state_locked(mc__guests *self, mc__guest_load *load, mc__guest_load_state state)
    MC_REQUIRES(self->mu)
{
    load->state = state;
    load->since_us = now_us();
    mc_cond_broadcast(&self->changed);
}

static mc__guest_load *add_locked(mc__guests *self, mc_str digest, mc_str addon_key)
    MC_REQUIRES(self->mu)
{
    mc__guest_load *load = calloc(1, sizeof(*load));
    mc_err full;

    if (!load)
        return NULL;
    (void)snprintf(load->digest, sizeof(load->digest), "%.*s", MC_FMT(digest));
    (void)snprintf(load->addon_key, sizeof(load->addon_key), "%.*s", MC_FMT(addon_key));
    if (mc_map_put(&self->loads, mc_z(load->digest), load, &full) == MC_OK)
        return load;
    free(load);
    return NULL;
}

static void unqueue_locked(mc__guests *self, const mc__guest_load *load) MC_REQUIRES(self->mu)
{
    for (mc__guest_load **at = &self->queue; *at; at = &(*at)->next) {
        if (*at != load)
            continue;
        *at = load->next;
        return;
    }
}

static void queue_locked(mc__guests *self, mc__guest_load *load, bool is_first)
    MC_REQUIRES(self->mu)
{
    mc__guest_load **at = &self->queue;

    while (!is_first && *at)
        at = &(*at)->next;
    load->next = *at;
    *at = load;
    set_state_locked(self, load, MC__GUEST_QUEUED);
}

static mc__guest *loaded_locked(mc__guests *self, mc_str digest) MC_REQUIRES(self->mu)
{
    mc__guest *guest = mc_map_find(&self->loaded, digest);

    if (guest)
        guest->refs++;
    return guest;
}

/* ---- loading ---- */

mc_code mc__guests_begin(mc__guests *self, mc_str digest, mc_str addon_key, mc_uuid org_id,
                         mc__guest_load **out_load, mc__guest **out_guest, mc_err *err)
{
    mc__guest_load *load;
    mc__guest *guest;
    mc_code rc = MC_OK;

    mc_mutex_lock(&self->mu);
    for (;;) {
        guest = loaded_locked(self, digest);
        load = guest ? NULL : mc_map_find(&self->loads, digest);
        if (!load || load->state != MC__GUEST_AT_WORK || self->is_ending)
            break;
        mc_cond_wait(&self->changed, &self->mu); /* it ends: every compilation has its limits */
    }
    if (!guest && self->is_ending)
        rc = mc_fail(err, MC_UNAVAILABLE, "the server is stopping");
    else if (!guest && !load && !(load = add_locked(self, digest, addon_key)))
        rc = mc_fail(err, MC_NO_MEMORY, "guest");
    if (load && rc == MC_OK) {
        if (load->state == MC__GUEST_QUEUED)
            unqueue_locked(self, load);
        load->org_id = org_id;
        load->is_gone = false;
        set_state_locked(self, load, MC__GUEST_AT_WORK);
    }
    mc_mutex_unlock(&self->mu);
    if (rc == MC_OK) {
        *out_load = load;
        *out_guest = guest;
    }
    return rc;
}

void mc__guests_publish(mc__guests *self, mc__guest_load *load, mc__guest *guest)
{
    mc_mutex_lock(&self->mu);
    guest->refs++;
    load->guest = guest;
    mc_mutex_unlock(&self->mu);
}

/* What was kept of an addon that is installed no more. */
static void drop_locked(mc__guests *self, mc_str digest) MC_REQUIRES(self->mu)
{
    mc__guest *guest = mc_map_remove(&self->loaded, digest);

    if (!guest)
        return;
    guest->next_gone = self->gone;
    self->gone = guest;
}

/* An installation that is refused has been told so; what is installed goes on missing its guest. */
void mc__guests_end(mc__guests *self, mc__guest_load *load, mc_code rc, const mc_err *err)
{
    mc__guest *guest;

    mc_mutex_lock(&self->mu);
    guest = load->guest;
    load->guest = NULL;
    if (load->is_gone && mc_uuid_is_nil(load->org_id))
        drop_locked(self, mc_z(load->digest));
    if (rc != MC_OK && mc_uuid_is_nil(load->org_id) && !load->is_gone) {
        load->why = *err;
        set_state_locked(self, load, MC__GUEST_FAILED);
    } else {
        (void)mc_map_remove(&self->loads, mc_z(load->digest)); /* it is this one */
        free(load);
        mc_cond_broadcast(&self->changed);
    }
    mc_mutex_unlock(&self->mu);
    mc__guests_unref(self, guest);
}

void mc__guests_forget_load(mc__guests *self, mc_str digest)
{
    mc__guest_load *load;

    mc_mutex_lock(&self->mu);
    load = mc_map_find(&self->loads, digest);
    if (load && load->state == MC__GUEST_AT_WORK) {
        load->is_gone = true;
    } else if (load) {
        if (load->state == MC__GUEST_QUEUED)
            unqueue_locked(self, load);
        (void)mc_map_remove(&self->loads, digest); /* it is this one */
        free(load);
    }
    mc_mutex_unlock(&self->mu);
}

/* ---- calls ---- */

/* NULL: without memory. */
static mc__guest_load *want_locked(mc__guests *self, mc_str digest, mc_str addon_key)
    MC_REQUIRES(self->mu)
{
    mc__guest_load *load = mc_map_find(&self->loads, digest);
    bool is_new = !load;

    if (is_new && !(load = add_locked(self, digest, addon_key)))
        return NULL;
    if (load->state == MC__GUEST_AT_WORK ||
        (load->state == MC__GUEST_FAILED && now_us() - load->since_us < FAILED_FOR_US))
        return load;
    if (!is_new && load->state == MC__GUEST_QUEUED)
        unqueue_locked(self, load);
    queue_locked(self, load, true);
    return load;
}

/* What came of it: a guest, why there is none, or nothing yet. */
static mc_code wait_locked(mc__guests *self, mc_str digest, mc__guest **out, mc_err *err)
    MC_REQUIRES(self->mu)
{
    int64_t until = now_us() + CALL_WAITS_US, left;
    bool may_wait = self->waiting < CALLS_WAITING_MAX;
    const mc__guest_load *load;

    self->waiting++;
    while (!(*out = loaded_locked(self, digest)) && (load = mc_map_find(&self->loads, digest)) &&
           load->state != MC__GUEST_FAILED && may_wait && !self->is_ending &&
           (left = until - now_us()) > 0)
        MC_IGNORE(mc_cond_wait_for(&self->changed, &self->mu, left)); /* it looks either way */
    self->waiting--;
    if (*out)
        return MC_OK;
    load = mc_map_find(&self->loads, digest);
    if (load && load->state == MC__GUEST_FAILED)
        return mc_fail(err, load->why.code, "%s", load->why.msg);
    return MC_INTERRUPTED;
}

/* Nobody loads in the background: in an app that was not started, say. */
static mc_code load_here(mc__guests *self, mc_ctx *ctx, mc_str digest, mc_str addon_key,
                         mc__guest **out, mc_err *err)
{
    mc__guest_load *load = NULL;
    mc_code rc = mc__guests_begin(self, digest, addon_key, (mc_uuid){{0}}, &load, out, err);

    return rc == MC_OK && load ? mc__guests_load_installed(self, ctx, load, out, err) : rc;
}

mc_code mc__guests_await(mc__guests *self, mc_ctx *ctx, mc_str digest, mc_str addon_key,
                         mc__guest **out, mc_err *err)
{
    mc_code rc;

    if (self->loader_count == 0)
        return load_here(self, ctx, digest, addon_key, out, err);
    mc_mutex_lock(&self->mu);
    rc = want_locked(self, digest, addon_key) ? wait_locked(self, digest, out, err)
                                              : mc_fail(err, MC_NO_MEMORY, "guest");
    mc_mutex_unlock(&self->mu);
    if (rc != MC_INTERRUPTED)
        return rc;
    ctx->failure_code = MC_STR("guest_loading");
    ctx->retry_after_s = RETRY_AFTER_S;
    return mc_fail(err, MC_UNAVAILABLE, "addon %.*s: its code is still being loaded",
                   MC_FMT(addon_key));
}

void mc__guests_enqueue(mc__guests *self, mc_str digest, mc_str addon_key)
{
    mc__guest_load *load;

    mc_mutex_lock(&self->mu);
    if (!mc_map_find(&self->loaded, digest) && !mc_map_find(&self->loads, digest) &&
        (load = add_locked(self, digest, addon_key))) /* else its first call asks for it */
        queue_locked(self, load, false);
    mc_mutex_unlock(&self->mu);
}
