/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission.h"

#include "metacore/base/sync.h"

#include <stdlib.h>

/* A list walked from its start: for a handful of grants, and for being obviously right. */
typedef struct row {
    struct row *next;
    mc_permission_grant grant; /* its text follows the row */
    char text[];
} row;

typedef struct memory_store {
    mc_mutex mu;
    row *rows; /* guarded by mu, as count */
    size_t count;
} memory_store;

static bool is_same(const mc_permission_grant *a, const mc_permission_grant *b)
{
    return mc_uuid_eq(a->org_id, b->org_id) && mc_uuid_eq(a->user_id, b->user_id) &&
           mc_str_eq(a->role, b->role) && mc_str_eq(a->capability, b->capability);
}

static row *row_new(const mc_permission_grant *grant)
{
    row *r = malloc(sizeof(*r) + grant->role.len + grant->capability.len);

    if (!r)
        return NULL;
    r->next = NULL;
    r->grant = *grant;
    r->grant.role = mc_str_of(r->text, grant->role.len);
    r->grant.capability = mc_str_of(r->text + grant->role.len, grant->capability.len);
    if (grant->role.len)
        memcpy(r->text, grant->role.ptr, grant->role.len);
    memcpy(r->text + grant->role.len, grant->capability.ptr, grant->capability.len);
    return r;
}

static row **find_locked(memory_store *self, const mc_permission_grant *grant) MC_REQUIRES(self->mu)
{
    row **at = &self->rows;

    while (*at && !is_same(&(*at)->grant, grant))
        at = &(*at)->next;
    return at;
}

static mc_code memory_grant(void *store, mc_db_conn *conn, mc_ctx *ctx,
                            const mc_permission_grant *grant, mc_err *err)
{
    memory_store *self = store;
    row *fresh = row_new(grant);
    row **at;

    (void)conn;
    (void)ctx; /* nothing here is transactional */
    if (!fresh)
        return mc_fail(err, MC_NO_MEMORY, "permission: grant");
    mc_mutex_lock(&self->mu);
    at = find_locked(self, grant);
    if (!*at) {
        *at = fresh;
        fresh = NULL;
        self->count++;
    }
    mc_mutex_unlock(&self->mu);
    free(fresh);
    return MC_OK;
}

static mc_code memory_revoke(void *store, mc_db_conn *conn, mc_ctx *ctx,
                             const mc_permission_grant *grant, mc_err *err)
{
    memory_store *self = store;
    row **at, *gone;

    (void)conn;
    (void)ctx;
    (void)err; /* nothing here can fail */
    mc_mutex_lock(&self->mu);
    at = find_locked(self, grant);
    gone = *at;
    if (gone) {
        *at = gone->next;
        self->count--;
    }
    mc_mutex_unlock(&self->mu);
    free(gone);
    return MC_OK;
}

/* Whether the grant reaches user or role within org; org alone when role and user are NULL. */
static bool reaches(const mc_permission_grant *grant, mc_uuid org_id, const mc_uuid *user_id,
                    const mc_str *role)
{
    if (!mc_uuid_eq(grant->org_id, org_id))
        return false;
    if (!user_id || !role)
        return true;
    return mc_uuid_is_nil(grant->user_id) ? mc_str_eq(grant->role, *role)
                                          : mc_uuid_eq(grant->user_id, *user_id);
}

/* Copies the grants that reach somebody into arena; false without memory. */
static bool collect_locked(memory_store *self, mc_arena *arena, mc_uuid org_id,
                           const mc_uuid *user_id, const mc_str *role, mc_permission_grant **out,
                           size_t *out_count) MC_REQUIRES(self->mu)
{
    mc_permission_grant *items = mc_arena_array(arena, mc_permission_grant, self->count);
    size_t count = 0;

    if (!items)
        return false;
    for (const row *r = self->rows; r; r = r->next) {
        mc_permission_grant *copy = &items[count];

        if (!reaches(&r->grant, org_id, user_id, role))
            continue;
        *copy = r->grant;
        copy->role = mc_str_copy(arena, r->grant.role);
        copy->capability = mc_str_copy(arena, r->grant.capability);
        if (!copy->capability.ptr || (r->grant.role.len && !copy->role.ptr))
            return false;
        count++;
    }
    *out = items;
    *out_count = count;
    return true;
}

static mc_code memory_load(void *store, mc_ctx *ctx, mc_uuid org_id, mc_uuid user_id, mc_str role,
                           mc_strs *out, mc_err *err)
{
    memory_store *self = store;
    mc_permission_grant *grants = NULL;
    mc_str *items;
    size_t count = 0;
    bool is_ok;

    mc_mutex_lock(&self->mu);
    is_ok = collect_locked(self, ctx->arena, org_id, &user_id, &role, &grants, &count);
    mc_mutex_unlock(&self->mu);
    items = is_ok ? mc_arena_array(ctx->arena, mc_str, count) : NULL;
    if (!items)
        return mc_fail(err, MC_NO_MEMORY, "permission: load");
    for (size_t i = 0; i < count; i++)
        items[i] = grants[i].capability;
    *out = (mc_strs){.items = items, .count = count};
    return MC_OK;
}

static int by_holder(const void *a, const void *b)
{
    const mc_permission_grant *x = a, *y = b;
    bool x_is_user = !mc_uuid_is_nil(x->user_id), y_is_user = !mc_uuid_is_nil(y->user_id);
    int order = (int)x_is_user - (int)y_is_user;

    if (!order)
        order = mc_str_cmp(x->role, y->role);
    if (!order)
        order = memcmp(x->user_id.bytes, y->user_id.bytes, sizeof(x->user_id.bytes));
    return order ? order : mc_str_cmp(x->capability, y->capability);
}

static mc_code memory_list(void *store, mc_ctx *ctx, mc_uuid org_id, mc_permission_grants *out,
                           mc_err *err)
{
    memory_store *self = store;
    mc_permission_grant *items = NULL;
    size_t count = 0;
    bool is_ok;

    mc_mutex_lock(&self->mu);
    is_ok = collect_locked(self, ctx->arena, org_id, NULL, NULL, &items, &count);
    mc_mutex_unlock(&self->mu);
    if (!is_ok)
        return mc_fail(err, MC_NO_MEMORY, "permission: list");
    if (count)
        qsort(items, count, sizeof(*items), by_holder);
    *out = (mc_permission_grants){.items = items, .count = count};
    return MC_OK;
}

static void memory_free(void *store)
{
    memory_store *self = store;
    row *r = self->rows;

    while (r) {
        row *next = r->next;

        free(r);
        r = next;
    }
    mc_mutex_deinit(&self->mu);
    free(self);
}

mc_code mc_permission_store_memory_new(mc_permission_store *out, mc_err *err)
{
    static const mc_permission_store_vt vt = {
        .struct_size = sizeof(vt),
        .load = memory_load,
        .grant = memory_grant,
        .revoke = memory_revoke,
        .list = memory_list,
        .free = memory_free,
    };
    memory_store *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "permission: store");
    mc_mutex_init(&self->mu);
    *out = (mc_permission_store){.vt = &vt, .self = self};
    return MC_OK;
}
