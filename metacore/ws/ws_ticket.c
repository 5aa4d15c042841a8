/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets, each good for one handshake. In memory: a restart forgets them, and
 * the client asks for another. */
#include "metacore/ws/ws_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"

#include <stdlib.h>

#define PER_USER_MAX 32

typedef struct ticket {
    struct ticket *next; /* in the order in which they end: all live equally long */
    unsigned char bytes[MC__WS_TICKET_BYTES];
    mc_time ends_at;
    mc_uuid user_id, org_id, session_id;
    mc_time token_expires_at;
    uint8_t role_len;
    char role[MC__WS_ROLE_MAX];
} ticket;

struct mc__ws_tickets {
    mc_mutex mu;
    mc_map by_bytes; /* guarded by mu, as all below */
    ticket *first, *last;
};

mc_code mc__ws_tickets_new(mc__ws_tickets **out, mc_err *err)
{
    mc__ws_tickets *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "ws: tickets");
    mc_mutex_init(&self->mu);
    *out = self;
    return MC_OK;
}

static mc_str name_of(const ticket *t)
{
    return mc_str_of((const char *)t->bytes, sizeof(t->bytes));
}

static void remove_locked(mc__ws_tickets *self, ticket *t) MC_REQUIRES(self->mu)
{
    ticket **at = &self->first, *before = NULL;

    while (*at != t) {
        before = *at;
        at = &(*at)->next;
    }
    *at = t->next;
    if (self->last == t)
        self->last = before;
    (void)mc_map_remove(&self->by_bytes, name_of(t)); /* it is there */
    free(t);
}

void mc__ws_tickets_free(mc__ws_tickets *self)
{
    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    while (self->first)
        remove_locked(self, self->first);
    mc_mutex_unlock(&self->mu);
    mc_map_deinit(&self->by_bytes);
    mc_mutex_deinit(&self->mu);
    free(self);
}

/* Forgets what has ended, and a user's oldest when there are too many of his. */
static void make_room_locked(mc__ws_tickets *self, mc_uuid user_id, mc_time now)
    MC_REQUIRES(self->mu)
{
    ticket *oldest = NULL;
    size_t count = 0;

    while (self->first && self->first->ends_at <= now)
        remove_locked(self, self->first);
    for (ticket *t = self->first; t; t = t->next) {
        if (!mc_uuid_eq(t->user_id, user_id))
            continue;
        oldest = oldest ? oldest : t;
        count++;
    }
    if (count >= PER_USER_MAX)
        remove_locked(self, oldest);
}

static mc_code add_locked(mc__ws_tickets *self, ticket *t, mc_err *err) MC_REQUIRES(self->mu)
{
    mc_code rc;

    if (self->by_bytes.count >= MC_WS_TICKETS_MAX)
        return mc_fail(err, MC_LIMIT, "too many tickets are waiting to be used");
    rc = mc_map_put(&self->by_bytes, name_of(t), t, err);
    if (rc != MC_OK)
        return rc;
    *(self->last ? &self->last->next : &self->first) = t;
    self->last = t;
    return MC_OK;
}

mc_code mc__ws_ticket_make(mc__ws_tickets *self, mc_arena *arena, const mc_principal *who,
                           mc_time now, mc_str *out, mc_time *out_ends_at, mc_err *err)
{
    mc_time ends_at = now + MC_WS_TICKET_TTL_S * MC_TIME_US_PER_S;
    ticket *t = calloc(1, sizeof(*t));
    mc_buf text;
    mc_code rc;

    if (!t)
        return mc_fail(err, MC_NO_MEMORY, "ws: ticket");
    *t = (ticket){.ends_at = ends_at,
                  .user_id = who->user_id,
                  .org_id = who->org_id,
                  .session_id = who->session_id,
                  .token_expires_at = who->token_expires_at};
    mc_buf_init_arena(&text, arena, 0);
    rc = mc_random_bytes(t->bytes, sizeof(t->bytes), err);
    if (rc == MC_OK && who->role.len > sizeof(t->role))
        rc = mc_fail(err, MC_INVALID, "ws: a role of more than %d bytes", MC__WS_ROLE_MAX);
    if (rc == MC_OK) {
        t->role_len = (uint8_t)who->role.len;
        if (who->role.len)
            memcpy(t->role, who->role.ptr, who->role.len);
        mc_base64url_write(&text, name_of(t));
        rc = mc_buf_check(&text, "ws: ticket", err);
    }
    if (rc == MC_OK) {
        mc_mutex_lock(&self->mu);
        make_room_locked(self, t->user_id, now);
        rc = add_locked(self, t, err);
        mc_mutex_unlock(&self->mu);
    }
    if (rc != MC_OK) {
        free(t);
        return rc;
    }
    *out = mc_buf_get(&text);
    *out_ends_at = ends_at;
    return MC_OK;
}

/* The map's hash is keyed, so that looking one up tells nothing of the others. */
static ticket *find_locked(mc__ws_tickets *self, mc_str bytes, mc_time now) MC_REQUIRES(self->mu)
{
    ticket *t = mc_map_find(&self->by_bytes, bytes);

    return t && t->ends_at > now ? t : NULL;
}

bool mc__ws_ticket_look(mc__ws_tickets *self, mc_arena *arena, mc_str text, mc_time now,
                        mc_principal *out)
{
    const ticket *t;
    mc_str bytes, role;
    bool is_good = false;

    if (!mc_base64url_parse(arena, text, &bytes))
        return false;
    mc_mutex_lock(&self->mu);
    t = find_locked(self, bytes, now);
    if (t) {
        role = mc_str_copy(arena, mc_str_of(t->role, t->role_len));
        is_good = role.len == t->role_len;
        if (is_good)
            *out = (mc_principal){.user_id = t->user_id,
                                  .org_id = t->org_id,
                                  .session_id = t->session_id,
                                  .role = role,
                                  .token_expires_at = t->token_expires_at};
    }
    mc_mutex_unlock(&self->mu);
    return is_good;
}

bool mc__ws_ticket_take(mc__ws_tickets *self, mc_arena *arena, mc_str text, mc_time now)
{
    mc_str bytes;
    ticket *t;

    if (!mc_base64url_parse(arena, text, &bytes))
        return false;
    mc_mutex_lock(&self->mu);
    t = find_locked(self, bytes, now);
    if (t)
        remove_locked(self, t);
    mc_mutex_unlock(&self->mu);
    return t != NULL;
}
