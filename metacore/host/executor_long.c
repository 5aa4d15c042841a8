/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that may take minutes: in threads of their own, so that slow clients of exports and
 * files never stand in the way of anybody's list; and not all of them one organization's. */
#include "metacore/base/map.h"
#include "metacore/host/executor_internal.h"

#include <stdlib.h>

#define LONG_WORKERS 24 /* half of them are two browsers' worth of connections */
#define LONG_QUEUE_MAX 32
#define RETRY_AFTER_S 5

static mc__long_count *find_count(mc_executor *self, mc_uuid owner) MC_REQUIRES(self->mu)
{
    mc__long_count *free_slot = NULL;

    for (unsigned i = 0; i < self->long_slots; i++) {
        mc__long_count *slot = &self->long_counts[i];

        if (slot->count > 0 && mc_uuid_eq(slot->owner, owner))
            return slot;
        if (slot->count == 0 && !free_slot)
            free_slot = slot;
    }
    return free_slot;
}

/* Whose turn it is: the organization's, or of those without one, their address's. */
static mc_uuid owner_of(const mc__work *w)
{
    mc_str peer = w->req.message->peer;
    uint64_t hash;
    mc_uuid owner = w->req.ctx.who.org_id;

    if (!mc_uuid_is_nil(owner))
        return owner;
    hash = mc_hash(peer.ptr ? peer.ptr : "", peer.len);
    memcpy(owner.bytes, &hash, sizeof(hash));
    return owner;
}

static mc_code enter(mc__work *w)
{
    mc_executor *self = w->self;
    mc_uuid owner = owner_of(w);
    mc__long_count *slot;
    bool is_full;

    if (w->is_long_counted)
        return MC_OK;
    mc_mutex_lock(&self->mu);
    slot = find_count(self, owner);
    is_full = !slot || slot->count >= self->long_max_per_org;
    if (!is_full) {
        slot->owner = owner;
        slot->count++;
    }
    mc_mutex_unlock(&self->mu);
    if (is_full) {
        w->req.ctx.retry_after_s = RETRY_AFTER_S;
        return mc_fail(&w->err, MC_TOO_MANY,
                       "too many exports, imports or files at a time: try again soon");
    }
    w->is_long_counted = true;
    return MC_OK;
}

static void leave(mc_executor *self, mc_uuid owner)
{
    mc__long_count *slot;

    mc_mutex_lock(&self->mu);
    slot = find_count(self, owner);
    if (slot && slot->count > 0)
        slot->count--;
    mc_mutex_unlock(&self->mu);
}

static void long_job(mc_job *job)
{
    mc__work *w = mc_container_of(job, mc__work, job.pool);
    mc_executor *self = w->self;
    mc_code rc = mc__work_run(w);
    mc_uuid owner = owner_of(w); /* w is gone once it is answered */
    bool is_counted = w->is_long_counted;

    if (rc == MC_OK && w->res.stream)
        mc__work_stream(w);
    else
        mc__work_finish(w, rc);
    if (is_counted)
        leave(self, owner);
}

void mc__long_submit(mc__work *w)
{
    mc_executor *self = w->self;
    mc_code rc = w->is_identified ? enter(w) : MC_OK;
    mc_uuid owner = owner_of(w);

    if (rc == MC_OK) {
        w->job.pool = (mc_job){.run = long_job};
        w->req.ctx.conn = NULL;
        rc = mc_pool_submit(self->long_pool, &w->job.pool, &w->err);
        if (rc != MC_OK && w->is_long_counted)
            leave(self, owner);
    }
    if (rc != MC_OK)
        mc__work_finish(w, rc);
}

mc_code mc__long_new(mc_executor *self, mc_err *err)
{
    unsigned workers = self->config.long_workers ? self->config.long_workers : LONG_WORKERS;
    mc_pool_config pool = {MC_POOL_CONFIG, .threads = workers, .queue_max = LONG_QUEUE_MAX,
                           .name = "mc-long", .thread_stop = mc__worker_stop};

    self->long_max_per_org = workers > 1 ? workers / 2 : 1;
    self->long_slots = workers + LONG_QUEUE_MAX;
    self->long_counts = calloc(self->long_slots, sizeof(*self->long_counts));
    if (!self->long_counts)
        return mc_fail(err, MC_NO_MEMORY, "executor");
    return mc_pool_new(&pool, &self->long_pool, err);
}

void mc__long_free(mc_executor *self)
{
    mc_pool_free(self->long_pool);
    free(self->long_counts);
}
