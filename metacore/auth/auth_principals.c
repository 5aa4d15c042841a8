/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/map.h"
#include "metacore/base/sync.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Sets of a few slots under one of several locks; the one kept longest makes room. */
#define WAYS 4
#define LOCKS 16 /* a power of two */

typedef struct slot {
    mc_uuid session_id; /* nil: free */
    mc_uuid user_id;
    mc_uuid org_id;
    int64_t token_version;
    int64_t loaded_us;
    uint16_t role_len;
    uint16_t email_len;
    char role[MC__ROLE_MAX];
    char email[MC_AUTH_EMAIL_MAX];
} slot;

struct mc__principals {
    int64_t ttl_us;
    size_t sets; /* a power of two, at least LOCKS */
    /* Grows before an invalidation clears its slots, so that a put which began earlier either is
     * cleared with them or sees the growth: sequentially consistent, as both are rare. */
    _Atomic uint64_t generation;
    mc_mutex locks[LOCKS]; /* of the sets whose number ends like theirs */
    slot *slots;           /* guarded by their set's lock; sets * WAYS */
};

static size_t set_of(const mc__principals *self, mc_uuid session_id)
{
    return (size_t)mc_hash(session_id.bytes, sizeof(session_id.bytes)) & (self->sets - 1);
}

/* ---- finding and keeping ---- */

static bool copy_out(mc_arena *arena, const slot *s, mc__principal *out)
{
    mc_str role = mc_str_copy(arena, mc_str_of(s->role, s->role_len));
    mc_str email = mc_str_copy(arena, mc_str_of(s->email, s->email_len));

    if ((s->role_len && !role.ptr) || (s->email_len && !email.ptr))
        return false;
    *out = (mc__principal){.session_id = s->session_id,
                           .user_id = s->user_id,
                           .org_id = s->org_id,
                           .token_version = s->token_version,
                           .role = role,
                           .email = email};
    return true;
}

bool mc__principals_find(mc__principals *self, mc_arena *arena, mc_uuid session_id, int64_t now_us,
                         mc__principal *out)
{
    size_t set = set_of(self, session_id);
    mc_mutex *mu = &self->locks[set & (LOCKS - 1)];
    bool is_found = false;

    mc_mutex_lock(mu);
    for (size_t i = 0; i < WAYS && !is_found; i++) {
        const slot *s = &self->slots[set * WAYS + i];

        is_found = mc_uuid_eq(s->session_id, session_id) && now_us - s->loaded_us < self->ttl_us &&
                   copy_out(arena, s, out);
    }
    mc_mutex_unlock(mu);
    return is_found;
}

uint64_t mc__principals_generation(mc__principals *self)
{
    return atomic_load(&self->generation);
}

/* p's own slot, a free one, or the one loaded first. */
static slot *room_for(slot *set, mc_uuid session_id)
{
    slot *room = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (mc_uuid_eq(set[i].session_id, session_id))
            return &set[i];
        if (mc_uuid_is_nil(room->session_id))
            continue;
        if (mc_uuid_is_nil(set[i].session_id) || set[i].loaded_us < room->loaded_us)
            room = &set[i];
    }
    return room;
}

void mc__principals_put(mc__principals *self, const mc__principal *p, uint64_t generation,
                        int64_t now_us)
{
    size_t set = set_of(self, p->session_id);
    mc_mutex *mu = &self->locks[set & (LOCKS - 1)];
    slot fresh = {.session_id = p->session_id,
                  .user_id = p->user_id,
                  .org_id = p->org_id,
                  .token_version = p->token_version,
                  .loaded_us = now_us,
                  .role_len = (uint16_t)p->role.len,
                  .email_len = (uint16_t)p->email.len};

    if (p->role.len > sizeof(fresh.role) || p->email.len > sizeof(fresh.email))
        return; /* from elsewhere, and rare: asked for each time */
    if (p->role.len)
        memcpy(fresh.role, p->role.ptr, p->role.len);
    if (p->email.len)
        memcpy(fresh.email, p->email.ptr, p->email.len);
    mc_mutex_lock(mu);
    if (atomic_load(&self->generation) == generation)
        *room_for(&self->slots[set * WAYS], p->session_id) = fresh;
    mc_mutex_unlock(mu);
}

/* ---- forgetting ---- */

static void drop_in_set(mc__principals *self, size_t set, const mc_uuid *session_id,
                        const mc_uuid *user_id)
{
    mc_mutex *mu = &self->locks[set & (LOCKS - 1)];

    mc_mutex_lock(mu);
    for (size_t i = 0; i < WAYS; i++) {
        slot *s = &self->slots[set * WAYS + i];

        if ((session_id && mc_uuid_eq(s->session_id, *session_id)) ||
            (user_id && mc_uuid_eq(s->user_id, *user_id)))
            memset(s, 0, sizeof(*s));
    }
    mc_mutex_unlock(mu);
}

void mc__principals_drop_session(mc__principals *self, mc_uuid session_id)
{
    if (!self)
        return;
    atomic_fetch_add(&self->generation, 1);
    drop_in_set(self, set_of(self, session_id), &session_id, NULL);
}

void mc__principals_drop_user(mc__principals *self, mc_uuid user_id)
{
    if (!self)
        return;
    atomic_fetch_add(&self->generation, 1);
    for (size_t set = 0; set < self->sets; set++)
        drop_in_set(self, set, NULL, &user_id);
}

/* ---- life cycle ---- */

mc_code mc__principals_new(size_t entries, int64_t ttl_us, mc__principals **out, mc_err *err)
{
    mc__principals *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "auth: sessions");
    self->ttl_us = ttl_us;
    self->sets = LOCKS;
    while (self->sets * WAYS < entries)
        self->sets *= 2;
    for (size_t i = 0; i < LOCKS; i++)
        mc_mutex_init(&self->locks[i]);
    self->slots = calloc(self->sets * WAYS, sizeof(slot));
    if (!self->slots) {
        mc__principals_free(self);
        return mc_fail(err, MC_NO_MEMORY, "auth: %zu sessions", entries);
    }
    *out = self;
    return MC_OK;
}

void mc__principals_free(mc__principals *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        mc_mutex_deinit(&self->locks[i]);
    free(self->slots);
    free(self);
}
