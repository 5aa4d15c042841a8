/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission.h"

#include "metacore/permission/permission_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CACHE_ENTRIES_DEFAULT 4096
#define CACHE_ENTRIES_MAX ((size_t)1 << 20)
#define CACHE_TTL_MS_DEFAULT 30000

struct mc_permission {
    mc_permission_store store;
    mc_clock clock;
    mc_arena *arena;     /* holds super_roles */
    mc_strs super_roles; /* normalised */
    mc__cache *cache;    /* NULL: off */
    /* Release and acquire: whoever sees it grown is not given an answer from before. */
    _Atomic uint64_t version;
};

/* ---- life cycle ---- */

static mc_code copy_super_roles(mc_permission *self, mc_strs roles, mc_err *err)
{
    static const mc_str owner[] = {MC_STR_INIT("owner")};
    mc_str *copies;

    if (!roles.count)
        roles = (mc_strs){.items = owner, .count = MC_LEN(owner)};
    copies = mc_arena_array(self->arena, mc_str, roles.count);
    if (!copies)
        return mc_fail(err, MC_NO_MEMORY, "permission: super roles");
    for (size_t i = 0; i < roles.count; i++) {
        char text[MC_ROLE_MAX];
        mc_str role = mc__role_normalize(roles.items[i], text);

        if (!role.len)
            return mc_fail(err, MC_INVALID, "permission: super role %zu is empty or longer than %d",
                           i + 1, MC_ROLE_MAX);
        copies[i] = mc_str_copy(self->arena, role);
        if (!copies[i].ptr)
            return mc_fail(err, MC_NO_MEMORY, "permission: super roles");
    }
    self->super_roles = (mc_strs){.items = copies, .count = roles.count};
    return MC_OK;
}

static mc_code open_cache(mc_permission *self, const mc_permission_config *config, mc_err *err)
{
    size_t entries = config->cache_entries ? config->cache_entries : CACHE_ENTRIES_DEFAULT;
    int64_t ttl_ms = config->cache_ttl_ms ? config->cache_ttl_ms : CACHE_TTL_MS_DEFAULT;

    if (ttl_ms < 0)
        return MC_OK;
    if (entries > CACHE_ENTRIES_MAX || ttl_ms > INT64_MAX / 1000)
        return mc_fail(err, MC_INVALID, "permission: cache of %zu entries", entries);
    return mc__cache_new(entries, ttl_ms * 1000, &self->cache, err);
}

static void store_free(mc_permission_store store)
{
    if (store.vt && store.vt->free)
        store.vt->free(store.self);
}

mc_code mc_permission_new(const mc_permission_config *config, mc_permission **out, mc_err *err)
{
    mc_permission *self;
    mc_code rc;

    if (!config->store.vt || !config->store.vt->load)
        return mc_fail(err, MC_INVALID, "permission: config.store is required");
    self = calloc(1, sizeof(*self));
    if (!self) {
        store_free(config->store);
        return mc_fail(err, MC_NO_MEMORY, "permission: service");
    }
    self->store = config->store;
    self->clock = config->clock;
    self->arena = mc_arena_new(0);
    if (!self->arena) {
        rc = mc_fail(err, MC_NO_MEMORY, "permission: service");
        goto fail;
    }
    rc = copy_super_roles(self, config->super_roles, err);
    if (rc != MC_OK)
        goto fail;
    rc = open_cache(self, config, err);
    if (rc != MC_OK)
        goto fail;
    *out = self;
    return MC_OK;

fail:
    mc_permission_free(self);
    return rc;
}

void mc_permission_free(mc_permission *self)
{
    if (!self)
        return;
    store_free(self->store);
    mc__cache_free(self->cache);
    mc_arena_free(self->arena);
    free(self);
}

/* ---- what is held ---- */

static bool is_super(const mc_permission *self, mc_str normalized)
{
    for (size_t i = 0; i < self->super_roles.count; i++)
        if (mc_str_eq(self->super_roles.items[i], normalized))
            return true;
    return false;
}

bool mc_permission_is_super_role(const mc_permission *self, mc_str role)
{
    char text[MC_ROLE_MAX];

    return is_super(self, mc__role_normalize(role, text));
}

static mc_code load(mc_permission *self, mc_ctx *ctx, const mc__cache_key *key, mc__held *out,
                    mc_err *err)
{
    mc_strs stored = {NULL, 0};
    mc_str *items;
    size_t count;
    bool is_ok;
    mc_code rc = self->store.vt->load(self->store.self, ctx, key->org_id, key->user_id, key->role,
                                      &stored, err);

    if (rc != MC_OK)
        return rc;
    if (stored.count > MC_PERMISSION_HELD_MAX)
        return mc_fail(err, MC_LIMIT, "permission: somebody holds more than %d capabilities",
                       MC_PERMISSION_HELD_MAX);
    count = stored.count;
    items = mc_arena_array(ctx->arena, mc_str, count);
    if (!items)
        return mc_fail(err, MC_NO_MEMORY, "permission: %zu capabilities", count);
    if (count)
        memcpy(items, stored.items, count * sizeof(*items));
    mc__held_normalize(ctx->arena, items, &count, &is_ok);
    if (!is_ok)
        return mc_fail(err, MC_NO_MEMORY, "permission: %zu capabilities", count);
    *out = (mc__held){.count = count, .items = items};
    return MC_OK;
}

/*
 * Calls ask on what ctx's principal holds, from the cache or the store; *out_super instead for
 * somebody of a super role.
 */
static mc_code with_held(mc_permission *self, mc_ctx *ctx, bool *out_super,
                         void (*ask)(const mc__held *held, void *user), void *user, mc_err *err)
{
    char role[MC_ROLE_MAX];
    mc__cache_key key = {ctx->who.org_id, ctx->who.user_id,
                         mc__role_normalize(ctx->who.role, role)};
    mc__held held = {0};
    uint64_t stamp = 0;
    int64_t now_us = 0;
    mc_code rc;

    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "not authenticated");
    *out_super = is_super(self, key.role);
    if (*out_super)
        return MC_OK;
    if (self->cache) {
        now_us = mc_clock_monotonic_us(self->clock);
        if (mc__cache_ask(self->cache, &key, now_us, ask, user))
            return MC_OK;
        stamp = mc__cache_stamp(self->cache); /* before the store is read: see put */
    }
    rc = load(self, ctx, &key, &held, err);
    if (rc != MC_OK)
        return rc;
    if (self->cache)
        mc__cache_put(self->cache, &key, stamp, now_us, &held);
    ask(&held, user);
    return MC_OK;
}

/* ---- asking ---- */

typedef struct question {
    const mc__capability *wanted;
    bool is_held;
} question;

static void ask_one(const mc__held *held, void *user)
{
    question *q = user;

    q->is_held = mc__held_covers(held, q->wanted);
}

static mc_code is_held(mc_permission *self, mc_ctx *ctx, mc_str capability, bool *out, mc_err *err)
{
    mc__capability wanted;
    question q = {.wanted = &wanted};
    bool super = false;
    mc_code rc;

    if (!mc__capability_parse(capability, &wanted)) /* only "*" would cover it */
        wanted = (mc__capability){.text = "*", .len = 1};
    rc = with_held(self, ctx, &super, ask_one, &q, err);
    if (rc == MC_OK)
        *out = super || q.is_held;
    return rc;
}

mc_code mc_permission_check(mc_permission *self, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    bool held = false;
    mc_code rc = is_held(self, ctx, capability, &held, err);

    if (rc != MC_OK || held)
        return rc;
    return mc_fail(err, MC_FORBIDDEN, "permission: denied: missing capability \"%.*s\"",
                   MC_FMT(capability));
}

mc_code mc_permission_check_action(mc_permission *self, mc_ctx *ctx, mc_str resource, mc_str action,
                                   mc_err *err)
{
    char text[MC_CAPABILITY_MAX];
    mc_str what = mc_str_trim(resource), how = mc_str_trim(action);

    if (!what.len || !how.len || what.len + 1 + how.len > sizeof(text))
        return mc_fail(err, MC_FORBIDDEN, "permission: denied: missing capability \"%.*s.%.*s\"",
                       MC_FMT(what), MC_FMT(how));
    memcpy(text, what.ptr, what.len);
    text[what.len] = '.';
    memcpy(text + what.len + 1, how.ptr, how.len);
    return mc_permission_check(self, ctx, mc_str_of(text, what.len + 1 + how.len), err);
}

mc_code mc_permission_check_all(mc_permission *self, mc_ctx *ctx, mc_strs capabilities, mc_err *err)
{
    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "not authenticated");
    for (size_t i = 0; i < capabilities.count; i++) {
        bool held = false;
        mc_code rc = is_held(self, ctx, capabilities.items[i], &held, err);

        if (rc != MC_OK)
            return rc;
        if (!held)
            return mc_fail(err, MC_FORBIDDEN, "permission: denied: missing \"%.*s\"",
                           MC_FMT(capabilities.items[i]));
    }
    return MC_OK;
}

static mc_code deny_any(mc_strs capabilities, mc_err *err)
{
    char text[sizeof(err->msg)];
    size_t len = 0;

    for (size_t i = 0; i < capabilities.count; i++) {
        mc_str one = capabilities.items[i];

        if (len + one.len + 1 >= sizeof(text))
            break; /* the message is cut here anyway */
        if (len)
            text[len++] = ' ';
        memcpy(text + len, one.ptr, one.len);
        len += one.len;
    }
    return mc_fail(err, MC_FORBIDDEN, "permission: denied: missing any of [%.*s]", (int)len, text);
}

mc_code mc_permission_check_any(mc_permission *self, mc_ctx *ctx, mc_strs capabilities, mc_err *err)
{
    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "not authenticated");
    for (size_t i = 0; i < capabilities.count; i++) {
        bool held = false;
        mc_code rc = is_held(self, ctx, capabilities.items[i], &held, err);

        if (rc != MC_OK || held)
            return rc;
    }
    return capabilities.count ? deny_any(capabilities, err) : MC_OK;
}

/* ---- listing ---- */

typedef struct listing {
    mc_arena *arena;
    mc_strs out;
    bool is_ok;
} listing;

/* The other name of a held read or index; {NULL, 0} when there is none, or no memory. */
static mc_str alias_of(mc_arena *arena, mc_str capability)
{
    mc_str resource;

    if (mc_str_ends_with(capability, MC_STR(".read"))) {
        resource = mc_str_slice(capability, 0, capability.len - strlen("read"));
        return mc_str_printf(arena, "%.*sindex", MC_FMT(resource));
    }
    if (mc_str_ends_with(capability, MC_STR(".index"))) {
        resource = mc_str_slice(capability, 0, capability.len - strlen("index"));
        return mc_str_printf(arena, "%.*sread", MC_FMT(resource));
    }
    return (mc_str){NULL, 0};
}

static void copy_all(const mc__held *held, void *user)
{
    listing *l = user;
    mc_str *items = mc_arena_array(l->arena, mc_str, 2 * held->count + 1);
    size_t count = 0;

    l->is_ok = items != NULL;
    for (size_t i = 0; i < held->count && l->is_ok; i++) {
        mc_str alias = alias_of(l->arena, held->items[i]);

        items[count++] = held->items[i];
        if (alias.ptr)
            items[count++] = alias;
    }
    if (l->is_ok)
        mc__held_normalize(l->arena, items, &count, &l->is_ok);
    l->out = (mc_strs){.items = items, .count = count};
}

mc_code mc_permission_list(mc_permission *self, mc_ctx *ctx, mc_strs *out, mc_err *err)
{
    static const mc_str everything[] = {MC_STR_INIT("*")};
    listing l = {.arena = ctx->arena, .is_ok = true};
    bool super = false;
    mc_code rc = with_held(self, ctx, &super, copy_all, &l, err);

    if (rc != MC_OK)
        return rc;
    if (!l.is_ok)
        return mc_fail(err, MC_NO_MEMORY, "permission: list");
    *out = super ? (mc_strs){.items = everything, .count = 1} : l.out;
    return MC_OK;
}

/* ---- granting ---- */

/* A grant as it is stored, with the room for its text. */
typedef struct prepared {
    mc_permission_grant grant;
    mc__capability capability;
    char role[MC_ROLE_MAX];
} prepared;

static mc_code prepare(const mc_permission_grant *in, prepared *out, mc_err *err)
{
    mc_str role = mc__role_normalize(in->role, out->role);

    if (mc_uuid_is_nil(in->org_id))
        return mc_fail(err, MC_INVALID, "permission: a grant needs an organization");
    if (mc_uuid_is_nil(in->user_id) && !role.len)
        return mc_fail(err, MC_INVALID,
                       "permission: a grant needs a user, or a role of 1..%d bytes", MC_ROLE_MAX);
    if (!mc__capability_parse(in->capability, &out->capability))
        return mc_fail(err, MC_INVALID, "permission: a capability has 1..%d bytes",
                       MC_CAPABILITY_MAX);
    out->grant = (mc_permission_grant){.org_id = in->org_id,
                                       .user_id = in->user_id,
                                       .capability = mc__capability_text(&out->capability)};
    if (mc_uuid_is_nil(in->user_id))
        out->grant.role = role;
    return MC_OK;
}

/* In ctx's arena, which lives until the commit is answered. */
typedef struct committed {
    mc_db_hook hook;
    mc_permission *self;
} committed;

static void on_commit(mc_db_hook *hook)
{
    mc_permission_invalidate(mc_container_of(hook, committed, hook)->self);
}

/* What is cached goes when the change is there for others to read, not before. */
static mc_code invalidate_with(mc_permission *self, mc_db_conn *conn, mc_ctx *ctx, mc_err *err)
{
    committed *c;

    if (!conn) {
        mc_permission_invalidate(self);
        return MC_OK;
    }
    c = mc_arena_object(ctx->arena, committed);
    if (!c)
        return mc_fail(err, MC_NO_MEMORY, "permission: grant");
    c->hook.run = on_commit;
    c->self = self;
    mc_db_after_commit(conn, &c->hook);
    return MC_OK;
}

mc_code mc_permission_grant_in(mc_permission *self, mc_db_conn *conn, mc_ctx *ctx,
                               const mc_permission_grant *grant, mc_err *err)
{
    prepared p;
    mc_code rc = prepare(grant, &p, err);

    if (rc != MC_OK)
        return rc;
    if (!self->store.vt->grant)
        return mc_fail(err, MC_NOT_PROVIDED, "permission: the store cannot grant");
    rc = self->store.vt->grant(self->store.self, conn, ctx, &p.grant, err);
    return rc == MC_OK ? invalidate_with(self, conn, ctx, err) : rc;
}

mc_code mc_permission_revoke_in(mc_permission *self, mc_db_conn *conn, mc_ctx *ctx,
                                const mc_permission_grant *grant, mc_err *err)
{
    prepared p;
    mc_code rc = prepare(grant, &p, err);

    if (rc != MC_OK)
        return rc;
    if (!self->store.vt->revoke)
        return mc_fail(err, MC_NOT_PROVIDED, "permission: the store cannot revoke");
    rc = self->store.vt->revoke(self->store.self, conn, ctx, &p.grant, err);
    return rc == MC_OK ? invalidate_with(self, conn, ctx, err) : rc;
}

mc_code mc_permission_grant_role(mc_permission *self, mc_ctx *ctx, mc_uuid org_id, mc_str role,
                                 mc_str capability, mc_err *err)
{
    mc_permission_grant grant = {.org_id = org_id, .role = role, .capability = capability};

    return mc_permission_grant_in(self, NULL, ctx, &grant, err);
}

mc_code mc_permission_revoke_role(mc_permission *self, mc_ctx *ctx, mc_uuid org_id, mc_str role,
                                  mc_str capability, mc_err *err)
{
    mc_permission_grant grant = {.org_id = org_id, .role = role, .capability = capability};

    return mc_permission_revoke_in(self, NULL, ctx, &grant, err);
}

/* A nil user would otherwise mean a role without name. */
static mc_code check_user(mc_uuid user_id, mc_err *err)
{
    return mc_uuid_is_nil(user_id) ? mc_fail(err, MC_INVALID, "permission: a grant needs a user")
                                   : MC_OK;
}

mc_code mc_permission_grant_user(mc_permission *self, mc_ctx *ctx, mc_uuid org_id, mc_uuid user_id,
                                 mc_str capability, mc_err *err)
{
    mc_permission_grant grant = {.org_id = org_id, .user_id = user_id, .capability = capability};
    mc_code rc = check_user(user_id, err);

    return rc == MC_OK ? mc_permission_grant_in(self, NULL, ctx, &grant, err) : rc;
}

mc_code mc_permission_revoke_user(mc_permission *self, mc_ctx *ctx, mc_uuid org_id, mc_uuid user_id,
                                  mc_str capability, mc_err *err)
{
    mc_permission_grant grant = {.org_id = org_id, .user_id = user_id, .capability = capability};
    mc_code rc = check_user(user_id, err);

    return rc == MC_OK ? mc_permission_revoke_in(self, NULL, ctx, &grant, err) : rc;
}

mc_code mc_permission_list_grants(mc_permission *self, mc_ctx *ctx, mc_uuid org_id,
                                  mc_permission_grants *out, mc_err *err)
{
    if (!self->store.vt->list)
        return mc_fail(err, MC_NOT_PROVIDED, "permission: the store cannot list");
    return self->store.vt->list(self->store.self, ctx, org_id, out, err);
}

void mc_permission_invalidate(mc_permission *self)
{
    if (self->cache)
        mc__cache_invalidate(self->cache);
    atomic_fetch_add_explicit(&self->version, 1, memory_order_release);
}

uint64_t mc_permission_version(const mc_permission *self)
{
    return atomic_load_explicit(&self->version, memory_order_acquire);
}
