/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected and who has subscribed, over all loops: for the limits, for senders that have
 * nothing to do, and for those who ask who is there. */
#include "metacore/ws/ws_internal.h"

#include <stdlib.h>

#define KEY_MAX 400

typedef struct key {
    char bytes[KEY_MAX];
    size_t len;
} key;

static key key_of(char kind, mc_uuid id, mc_str rest)
{
    key k;

    k.bytes[0] = kind;
    memcpy(k.bytes + 1, id.bytes, sizeof(id.bytes));
    rest = mc_str_slice(rest, 0, KEY_MAX - 17); /* names of models are far shorter */
    if (rest.len)
        memcpy(k.bytes + 17, rest.ptr, rest.len);
    k.len = 17 + rest.len;
    return k;
}

static mc__ws_count *find_locked(mc_ws *self, const key *k) MC_REQUIRES(self->mu)
{
    return mc_map_find(&self->counts, mc_str_of(k->bytes, k->len));
}

/* One more of k, within max. Errors: TOO_MANY with what. */
static mc_code add_locked(mc_ws *self, const key *k, mc_uuid org_id, uint32_t max, const char *what,
                          mc_err *err) MC_REQUIRES(self->mu)
{
    mc__ws_count *found = find_locked(self, k);
    mc_code rc;

    if (found && found->count >= max)
        return mc_fail(err, MC_TOO_MANY, "%s has %u connections already", what, max);
    if (found) {
        found->count++;
        return MC_OK;
    }
    found = malloc(sizeof(*found) + k->len);
    if (!found)
        return mc_fail(err, MC_NO_MEMORY, "ws");
    *found = (mc__ws_count){.count = 1, .org_id = org_id, .key_len = (uint16_t)k->len};
    memcpy(found->key, k->bytes, k->len);
    rc = mc_map_put(&self->counts, mc_str_of(found->key, k->len), found, err);
    if (rc != MC_OK)
        free(found);
    return rc;
}

static void remove_locked(mc_ws *self, const key *k) MC_REQUIRES(self->mu)
{
    mc__ws_count *found = find_locked(self, k);

    if (found && --found->count == 0)
        free(mc_map_remove(&self->counts, mc_str_of(k->bytes, k->len)));
}

mc_code mc__ws_enter(mc_ws *self, mc_uuid user_id, mc_uuid org_id, mc_err *err)
{
    key user = key_of('u', user_id, MC_STR("")), org = key_of('o', org_id, MC_STR(""));
    mc_code rc;

    mc_mutex_lock(&self->mu);
    rc = add_locked(self, &user, org_id, self->config.max_per_user, "the user", err);
    if (rc == MC_OK) {
        rc = add_locked(self, &org, org_id, self->config.max_per_org, "the organization", err);
        if (rc != MC_OK)
            remove_locked(self, &user);
    }
    mc_mutex_unlock(&self->mu);
    return rc;
}

void mc__ws_leave(mc_ws *self, mc_uuid user_id, mc_uuid org_id)
{
    key user = key_of('u', user_id, MC_STR("")), org = key_of('o', org_id, MC_STR(""));

    mc_mutex_lock(&self->mu);
    remove_locked(self, &user);
    remove_locked(self, &org);
    mc_mutex_unlock(&self->mu);
}

bool mc__ws_topic_add(mc_ws *self, mc_uuid org_id, const mc_model *model)
{
    key k = key_of('t', org_id, model->key);
    mc_err ignored; /* without memory there is no subscription, and the answer says so */
    mc_code rc;

    mc_mutex_lock(&self->mu);
    rc = add_locked(self, &k, org_id, UINT32_MAX, "the model", &ignored);
    mc_mutex_unlock(&self->mu);
    return rc == MC_OK;
}

void mc__ws_topic_remove(mc_ws *self, mc_uuid org_id, const mc_model *model)
{
    key k = key_of('t', org_id, model->key);

    mc_mutex_lock(&self->mu);
    remove_locked(self, &k);
    mc_mutex_unlock(&self->mu);
}

bool mc__ws_topic_has(mc_ws *self, mc_uuid org_id, const mc_model *model)
{
    key k = key_of('t', org_id, model->key);
    bool has;

    mc_mutex_lock(&self->mu);
    has = find_locked(self, &k) != NULL;
    mc_mutex_unlock(&self->mu);
    return has;
}

uint32_t mc_ws_count_user(mc_ws *self, mc_uuid user_id)
{
    key k = key_of('u', user_id, MC_STR(""));
    const mc__ws_count *found;
    uint32_t count;

    mc_mutex_lock(&self->mu);
    found = find_locked(self, &k);
    count = found ? found->count : 0;
    mc_mutex_unlock(&self->mu);
    return count;
}

mc_code mc_ws_connected_users(mc_ws *self, mc_uuid org_id, mc_arena *arena, const mc_uuid **out,
                              size_t *out_count, mc_err *err)
{
    mc_uuid *users;
    size_t pos = 0, count = 0;
    mc_str name;
    void *value;

    mc_mutex_lock(&self->mu);
    users = mc_arena_array(arena, mc_uuid, self->counts.count);
    while (users && mc_map_next(&self->counts, &pos, &name, &value)) {
        if (name.ptr[0] == 'u' && mc_uuid_eq(((mc__ws_count *)value)->org_id, org_id))
            memcpy(users[count++].bytes, name.ptr + 1, sizeof(mc_uuid));
    }
    mc_mutex_unlock(&self->mu);
    if (!users)
        return mc_fail(err, MC_NO_MEMORY, "ws: users");
    *out = users;
    *out_count = count;
    return MC_OK;
}

void mc__ws_counts_deinit(mc_ws *self)
{
    size_t pos = 0;
    mc_str name;
    void *value;

    while (mc_map_next(&self->counts, &pos, &name, &value))
        free(value);
    mc_map_deinit(&self->counts);
}
