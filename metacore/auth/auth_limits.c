/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/map.h"
#include "metacore/base/sync.h"

#include <stdlib.h>

/*
 * Counters in a table of fixed size: sets of a few slots, the one touched longest ago makes room.
 * A counter is known by a keyed 64-bit hash alone; two sharing one would only be strict.
 *
 * Rates are GCRA's (ITU-T I.371): one number says when the allowance will be whole again.
 */
#define WAYS 8
#define ENTRIES_DEFAULT 16384
#define ENTRIES_MAX ((uint32_t)1 << 24)
#define LOCK_MAX_US (INT64_C(15) * 60 * MC_TIME_US_PER_S)
#define FORGET_US (INT64_C(3600) * MC_TIME_US_PER_S) /* a row of failures ends by itself */

typedef struct slot {
    uint64_t key; /* 0: free */
    int64_t touched_us;
    int64_t whole_at_us; /* when everything taken has grown back */
    int64_t locked_until_us;
    int64_t failed_us; /* the last failure */
    uint32_t failures; /* in a row */
} slot;

typedef struct rate {
    int32_t count; /* negative: no limit */
    int64_t period_us;
} rate;

struct mc__limits {
    rate rates[MC__LIMIT_KINDS];
    int32_t lock_after;
    size_t sets; /* a power of two */
    mc_mutex mu;
    slot *slots; /* guarded by mu; sets * WAYS */
};

/* ---- slots ---- */

static uint64_t key_of(mc__limit_kind kind, mc_str a, mc_str b)
{
    struct {
        uint64_t kind, a, b;
    } parts = {(uint64_t)kind, mc_hash(a.ptr, a.len), mc_hash(b.ptr, b.len)};
    uint64_t key = mc_hash(&parts, sizeof(parts));

    return key ? key : 1;
}

/* The key's slot, or one made free for it. */
static slot *slot_locked(mc__limits *self, uint64_t key, int64_t now_us) MC_REQUIRES(self->mu)
{
    slot *set = &self->slots[(key & (self->sets - 1)) * WAYS], *oldest = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            set[i].touched_us = now_us;
            return &set[i];
        }
        if (!set[i].key || (oldest->key && set[i].touched_us < oldest->touched_us))
            oldest = &set[i];
    }
    *oldest = (slot){.key = key, .touched_us = now_us};
    return oldest;
}

/* ---- rates ---- */

static bool take_locked(slot *s, const rate *r, int64_t now_us, int64_t *out_wait_us)
{
    int64_t interval_us = r->period_us / r->count;
    int64_t whole_at_us = s->whole_at_us > now_us ? s->whole_at_us : now_us;
    int64_t wait_us = whole_at_us + interval_us - r->period_us - now_us;

    if (s->locked_until_us > now_us) {
        *out_wait_us = s->locked_until_us - now_us;
        return false;
    }
    if (wait_us > 0) {
        *out_wait_us = wait_us;
        return false;
    }
    s->whole_at_us = whole_at_us + interval_us;
    return true;
}

bool mc__limits_take(mc__limits *self, mc__limit_kind kind, mc_str a, mc_str b, int64_t now_us,
                     int64_t *out_wait_us)
{
    const rate *r = &self->rates[kind];
    bool is_taken;

    if (r->count < 0)
        return true;
    mc_mutex_lock(&self->mu);
    is_taken = take_locked(slot_locked(self, key_of(kind, a, b), now_us), r, now_us, out_wait_us);
    mc_mutex_unlock(&self->mu);
    return is_taken;
}

void mc__limits_give_back(mc__limits *self, mc__limit_kind kind, mc_str a, mc_str b, int64_t now_us)
{
    const rate *r = &self->rates[kind];

    if (r->count < 0)
        return;
    mc_mutex_lock(&self->mu);
    slot_locked(self, key_of(kind, a, b), now_us)->whole_at_us -= r->period_us / r->count;
    mc_mutex_unlock(&self->mu);
}

/* ---- failures in a row ---- */

void mc__limits_note_failure(mc__limits *self, mc_str a, mc_str b, int64_t now_us)
{
    uint64_t key = key_of(MC__LIMIT_LOGIN_PAIR, a, b);
    slot *s;

    if (self->lock_after < 0 || self->rates[MC__LIMIT_LOGIN_PAIR].count < 0)
        return;
    mc_mutex_lock(&self->mu);
    s = slot_locked(self, key, now_us);
    if (now_us - s->failed_us > FORGET_US)
        s->failures = 0;
    s->failures++;
    s->failed_us = now_us;
    if (s->failures >= (uint32_t)self->lock_after) {
        uint32_t over = s->failures - (uint32_t)self->lock_after + 1;
        int64_t lock_us = over < 20 ? MC_TIME_US_PER_S << over : LOCK_MAX_US;

        s->locked_until_us = now_us + (lock_us < LOCK_MAX_US ? lock_us : LOCK_MAX_US);
    }
    mc_mutex_unlock(&self->mu);
}

void mc__limits_note_success(mc__limits *self, mc_str a, mc_str b, int64_t now_us)
{
    slot *s;

    mc_mutex_lock(&self->mu);
    s = slot_locked(self, key_of(MC__LIMIT_LOGIN_PAIR, a, b), now_us);
    s->failures = 0;
    s->locked_until_us = 0;
    mc_mutex_unlock(&self->mu);
}

/* ---- life cycle ---- */

static rate rate_of(int32_t configured, int32_t otherwise, int64_t period_s)
{
    return (rate){.count = configured ? configured : otherwise,
                  .period_us = period_s * MC_TIME_US_PER_S};
}

mc_code mc__limits_new(const mc_auth_limits *config, mc__limits **out, mc_err *err)
{
    uint32_t entries = config->table_entries ? config->table_entries : ENTRIES_DEFAULT;
    mc__limits *self;

    if (entries > ENTRIES_MAX)
        return mc_fail(err, MC_INVALID, "auth: limits.table_entries must be at most %u",
                       ENTRIES_MAX);
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "auth: limits");
    self->rates[MC__LIMIT_LOGIN_PAIR] = rate_of(config->login_failures_per_minute, 10, 60);
    self->rates[MC__LIMIT_LOGIN_IP] = rate_of(config->login_failures_per_minute_ip, 30, 60);
    self->rates[MC__LIMIT_LOGIN_ACCOUNT] = rate_of(config->login_failures_per_hour, 100, 3600);
    self->rates[MC__LIMIT_REGISTER] = rate_of(config->registers_per_hour, 5, 3600);
    self->rates[MC__LIMIT_REFRESH] = rate_of(config->refreshes_per_minute, 60, 60);
    self->lock_after = config->lock_after_failures ? config->lock_after_failures : 5;
    self->sets = 1;
    while (self->sets * WAYS < entries)
        self->sets *= 2;
    mc_mutex_init(&self->mu);
    self->slots = calloc(self->sets * WAYS, sizeof(slot));
    if (!self->slots) {
        mc__limits_free(self);
        return mc_fail(err, MC_NO_MEMORY, "auth: limits");
    }
    *out = self;
    return MC_OK;
}

void mc__limits_free(mc__limits *self)
{
    if (!self)
        return;
    mc_mutex_deinit(&self->mu);
    free(self->slots);
    free(self);
}
