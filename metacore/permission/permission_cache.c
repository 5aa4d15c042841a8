/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission_internal.h"

#include "metacore/base/map.h"
#include "metacore/base/sync.h"

#include <stdatomic.h>
#include <stdlib.h>

/*
 * Shards, so that the threads of several loops seldom meet; each a hash table of chains with a
 * list in the order of use. An entry is one allocation: itself, then its strings.
 */
#define SHARDS 16 /* a power of two */

typedef struct entry {
    struct entry *chain; /* the next in its bucket */
    struct entry *newer, *older;
    uint64_t hash;
    uint64_t stamp;
    int64_t loaded_us;
    mc_uuid org_id;
    mc_uuid user_id;
    char role[MC_ROLE_MAX];
    size_t role_len;
    mc__held held;
    mc_str items[]; /* held.items; their bytes follow */
} entry;

typedef struct shard {
    mc_mutex mu;
    entry **buckets; /* guarded by mu, as all below; as many as bucket_count */
    entry *newest;
    entry *oldest;
    size_t count;
} shard;

struct mc__cache {
    int64_t ttl_us;
    size_t per_shard;
    size_t bucket_count; /* a power of two */
    /* Acquire and release: whoever sees the new stamp also sees the store as it was changed. */
    _Atomic uint64_t stamp;
    shard shards[SHARDS];
};

static uint64_t hash_of(const mc__cache_key *key)
{
    unsigned char bytes[2 * sizeof(mc_uuid) + MC_ROLE_MAX];

    memcpy(bytes, key->org_id.bytes, sizeof(mc_uuid));
    memcpy(bytes + sizeof(mc_uuid), key->user_id.bytes, sizeof(mc_uuid));
    if (key->role.len)
        memcpy(bytes + 2 * sizeof(mc_uuid), key->role.ptr, key->role.len);
    return mc_hash(bytes, 2 * sizeof(mc_uuid) + key->role.len);
}

static bool is_of(const entry *e, uint64_t hash, const mc__cache_key *key)
{
    return e->hash == hash && mc_uuid_eq(e->org_id, key->org_id) &&
           mc_uuid_eq(e->user_id, key->user_id) &&
           mc_str_eq(mc_str_of(e->role, e->role_len), key->role);
}

static shard *shard_of(mc__cache *self, uint64_t hash)
{
    return &self->shards[hash & (SHARDS - 1)];
}

/* The shard took the hash's low bits; the bucket takes others. */
static entry **bucket_of(const mc__cache *self, shard *s, uint64_t hash) MC_REQUIRES(s->mu)
{
    return &s->buckets[(hash / SHARDS) & (self->bucket_count - 1)];
}

static void unlink_locked(shard *s, entry *e) MC_REQUIRES(s->mu)
{
    *(e->newer ? &e->newer->older : &s->newest) = e->older;
    *(e->older ? &e->older->newer : &s->oldest) = e->newer;
}

static void link_newest_locked(shard *s, entry *e) MC_REQUIRES(s->mu)
{
    e->newer = NULL;
    e->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = e;
    s->newest = e;
}

/* Takes e out of everything; the caller frees it without the lock. */
static void remove_locked(const mc__cache *self, shard *s, entry *e) MC_REQUIRES(s->mu)
{
    entry **at = bucket_of(self, s, e->hash);

    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    unlink_locked(s, e);
    s->count--;
}

static entry *find_locked(const mc__cache *self, shard *s, uint64_t hash, const mc__cache_key *key)
    MC_REQUIRES(s->mu)
{
    entry *e = *bucket_of(self, s, hash);

    while (e && !is_of(e, hash, key))
        e = e->chain;
    return e;
}

/* ---- asking and putting ---- */

uint64_t mc__cache_stamp(mc__cache *self)
{
    return atomic_load_explicit(&self->stamp, memory_order_acquire);
}

void mc__cache_invalidate(mc__cache *self)
{
    atomic_fetch_add_explicit(&self->stamp, 1, memory_order_acq_rel);
}

bool mc__cache_ask(mc__cache *self, const mc__cache_key *key, int64_t now_us,
                   void (*ask)(const mc__held *held, void *user), void *user)
{
    uint64_t hash = hash_of(key);
    shard *s = shard_of(self, hash);
    uint64_t stamp = mc__cache_stamp(self);
    bool is_good;
    entry *e;

    mc_mutex_lock(&s->mu);
    e = find_locked(self, s, hash, key);
    is_good = e && e->stamp == stamp && now_us - e->loaded_us < self->ttl_us;
    if (is_good) {
        if (s->newest != e) {
            unlink_locked(s, e);
            link_newest_locked(s, e);
        }
        ask(&e->held, user);
    }
    mc_mutex_unlock(&s->mu);
    return is_good;
}

/* One allocation for all; NULL without memory. */
static entry *entry_new(const mc__cache_key *key, const mc__held *held)
{
    size_t bytes = sizeof(entry) + held->count * sizeof(mc_str);
    entry *e;
    char *text;

    for (size_t i = 0; i < held->count; i++)
        bytes += held->items[i].len; /* count and len are bounded by MC_…_MAX */
    e = malloc(bytes);
    if (!e)
        return NULL;
    memset(e, 0, sizeof(*e));
    e->org_id = key->org_id;
    e->user_id = key->user_id;
    e->role_len = key->role.len;
    if (key->role.len)
        memcpy(e->role, key->role.ptr, key->role.len);
    e->held = (mc__held){.count = held->count, .items = e->items};
    text = (char *)(e->items + held->count);
    for (size_t i = 0; i < held->count; i++) {
        memcpy(text, held->items[i].ptr, held->items[i].len);
        e->items[i] = mc_str_of(text, held->items[i].len);
        text += held->items[i].len;
    }
    return e;
}

void mc__cache_put(mc__cache *self, const mc__cache_key *key, uint64_t stamp, int64_t now_us,
                   const mc__held *held)
{
    uint64_t hash = hash_of(key);
    shard *s = shard_of(self, hash);
    entry *fresh = entry_new(key, held), *old, *victim = NULL;
    entry **bucket;

    if (!fresh)
        return;
    fresh->hash = hash;
    fresh->stamp = stamp;
    fresh->loaded_us = now_us;

    mc_mutex_lock(&s->mu);
    old = find_locked(self, s, hash, key);
    if (old)
        remove_locked(self, s, old);
    if (s->count >= self->per_shard) {
        victim = s->oldest;
        remove_locked(self, s, victim);
    }
    bucket = bucket_of(self, s, hash);
    fresh->chain = *bucket;
    *bucket = fresh;
    link_newest_locked(s, fresh);
    s->count++;
    mc_mutex_unlock(&s->mu);
    free(old);
    free(victim);
}

/* ---- life cycle ---- */

mc_code mc__cache_new(size_t entries, int64_t ttl_us, mc__cache **out, mc_err *err)
{
    mc__cache *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "permission: cache");
    self->ttl_us = ttl_us;
    self->per_shard = entries / SHARDS ? entries / SHARDS : 1;
    self->bucket_count = 1;
    while (self->bucket_count < self->per_shard)
        self->bucket_count *= 2;
    for (size_t i = 0; i < SHARDS; i++)
        mc_mutex_init(&self->shards[i].mu);
    for (size_t i = 0; i < SHARDS; i++) {
        self->shards[i].buckets = calloc(self->bucket_count, sizeof(entry *));
        if (!self->shards[i].buckets) {
            mc__cache_free(self);
            return mc_fail(err, MC_NO_MEMORY, "permission: cache of %zu entries", entries);
        }
    }
    *out = self;
    return MC_OK;
}

void mc__cache_free(mc__cache *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        entry *e = self->shards[i].newest;

        while (e) {
            entry *older = e->older;

            free(e);
            e = older;
        }
        free(self->shards[i].buckets);
        mc_mutex_deinit(&self->shards[i].mu);
    }
    free(self);
}
