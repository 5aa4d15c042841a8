/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_PERMISSION_INTERNAL_H
#define METACORE_PERMISSION_INTERNAL_H

#include "metacore/permission/permission.h"

/* ---- capabilities ---- */

/* A capability in the one form that is stored and compared; on the stack, so that asking allocates
 * nothing. */
typedef struct mc__capability {
    char text[MC_CAPABILITY_MAX];
    size_t len;
    size_t resource_len; /* 0: no dot */
} mc__capability;

/* False when text is empty or too long: nobody can hold such a thing. */
bool mc__capability_parse(mc_str text, mc__capability *out);

static inline mc_str mc__capability_text(const mc__capability *self)
{
    return mc_str_of(self->text, self->len);
}

/* Trimmed and in lower case; "" for a name that is too long to be a role. */
mc_str mc__role_normalize(mc_str role, char out[MC_ROLE_MAX]);

/* What a principal holds, sorted bytewise and without doubles. */
typedef struct mc__held {
    size_t count;
    const mc_str *items;
} mc__held;

/* Normalises, sorts and drops doubles, in place of items. */
void mc__held_normalize(mc_arena *arena, mc_str *items, size_t *count, bool *out_ok);
bool mc__held_covers(const mc__held *held, const mc__capability *wanted);

/* ---- cache ---- */

typedef struct mc__cache mc__cache;

typedef struct mc__cache_key {
    mc_uuid org_id;
    mc_uuid user_id;
    mc_str role; /* normalised */
} mc__cache_key;

mc_code mc__cache_new(size_t entries, int64_t ttl_us, mc__cache **out, mc_err *err);
void mc__cache_free(mc__cache *self);

/* Everything put with an older stamp counts as absent from now on. */
void mc__cache_invalidate(mc__cache *self);
uint64_t mc__cache_stamp(mc__cache *self);

/*
 * Calls ask on what the key holds, with the shard locked (so: no I/O, nothing that locks), and
 * returns true; false when it is absent, stale or expired.
 */
bool mc__cache_ask(mc__cache *self, const mc__cache_key *key, int64_t now_us,
                   void (*ask)(const mc__held *held, void *user), void *user);
/* Copies held. stamp was taken before the store was read. Without memory nothing is kept. */
void mc__cache_put(mc__cache *self, const mc__cache_key *key, uint64_t stamp, int64_t now_us,
                   const mc__held *held);

#endif
