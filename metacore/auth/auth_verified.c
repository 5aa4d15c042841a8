/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens whose signature was found good: a client sends the same one with each request, and its
 * HMAC, base64 and JSON would cost a tenth of a small answer. What is kept is the whole token, held
 * against the whole token: nothing passes that was not verified to the last byte. Whether its
 * session is still good is asked each time (auth_principals.c); so is its end.
 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/map.h"
#include "metacore/base/secret.h"
#include "metacore/base/sync.h"

#include <stdlib.h>

#define SLOTS 256 /* a power of two; a token has one place, and the latest keeps it */
#define LOCKS 16  /* likewise */
#define TOKEN_MAX 640

typedef struct slot {
    uint16_t len; /* 0: free */
    mc__claims claims;
    char token[TOKEN_MAX];
} slot;

struct mc__verified {
    mc_mutex locks[LOCKS];
    slot slots[SLOTS]; /* each guarded by the lock whose number ends like its own */
};

static size_t place_of(mc_str token)
{
    return (size_t)mc_hash(token.ptr, token.len) & (SLOTS - 1);
}

bool mc__verified_find(mc__verified *self, mc_str token, mc_time now, mc__claims *out)
{
    size_t place = place_of(token);
    mc_mutex *mu = &self->locks[place & (LOCKS - 1)];
    const slot *s = &self->slots[place];
    bool is_found;

    mc_mutex_lock(mu);
    is_found = s->len && s->claims.issued_at <= now && now < s->claims.expires_at &&
               mc_str_eq_secret(mc_str_of(s->token, s->len), token);
    if (is_found)
        *out = s->claims;
    mc_mutex_unlock(mu);
    return is_found;
}

void mc__verified_put(mc__verified *self, mc_str token, const mc__claims *claims)
{
    size_t place = place_of(token);
    mc_mutex *mu = &self->locks[place & (LOCKS - 1)];
    slot *s = &self->slots[place];

    if (token.len > TOKEN_MAX)
        return; /* verified each time */
    mc_mutex_lock(mu);
    s->len = (uint16_t)token.len;
    s->claims = *claims;
    s->claims.email = s->claims.role = MC_STR(""); /* they lived in a request */
    memcpy(s->token, token.ptr, token.len);
    mc_mutex_unlock(mu);
}

mc_code mc__verified_new(mc__verified **out, mc_err *err)
{
    mc__verified *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "auth: tokens");
    for (size_t i = 0; i < LOCKS; i++)
        mc_mutex_init(&self->locks[i]);
    *out = self;
    return MC_OK;
}

void mc__verified_free(mc__verified *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        mc_mutex_deinit(&self->locks[i]);
    mc_wipe(self->slots, sizeof(self->slots));
    free(self);
}
