/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

#include <stdlib.h>
#include <unistd.h>

#define ACCESS_TTL_S_DEFAULT (INT64_C(24) * 3600)
#define REFRESH_TTL_S_DEFAULT (INT64_C(30) * 24 * 3600)
#define TTL_S_MAX (INT64_C(3650) * 24 * 3600)
#define HASH_WAIT_MS_DEFAULT 2000
#define PRINCIPAL_ENTRIES_DEFAULT 4096
#define PRINCIPAL_ENTRIES_MAX ((size_t)1 << 20)
#define PRINCIPAL_TTL_MS_DEFAULT 30000

/* ---- configuration ---- */

static int64_t or_default(int64_t configured, int64_t otherwise)
{
    return configured ? configured : otherwise;
}

static mc_code check_config(const mc_auth_config *config, mc_err *err)
{
    if (!config->db)
        return mc_fail(err, MC_INVALID, "auth: config.db is required");
    if (config->jwt_secret.len < MC_AUTH_SECRET_MIN)
        return mc_fail(err, MC_INVALID, "auth: config.jwt_secret must have at least %d bytes",
                       MC_AUTH_SECRET_MIN);
    if (config->access_ttl_s < 0 || config->access_ttl_s > TTL_S_MAX || config->refresh_ttl_s < 0 ||
        config->refresh_ttl_s > TTL_S_MAX)
        return mc_fail(err, MC_INVALID, "auth: a token lives for 0..%lld seconds",
                       (long long)TTL_S_MAX);
    if (config->principal_entries > PRINCIPAL_ENTRIES_MAX)
        return mc_fail(err, MC_INVALID, "auth: config.principal_entries is too large");
    return MC_OK;
}

/* Keeps what is plain data; text and secrets have places of their own. */
static mc_code copy_config(mc_auth *self, const mc_auth_config *config, mc_err *err)
{
    mc_str issuer = config->issuer.len ? config->issuer : MC_STR("metacore");

    self->config = *config;
    self->config.jwt_secret = (mc_str){NULL, 0};
    self->config.jwt_old_secrets = (mc_strs){NULL, 0};
    self->jwt.issuer = self->config.issuer = mc_str_copy(self->arena, issuer);
    self->jwt.audience = self->config.audience = mc_str_copy(self->arena, config->audience);
    if (!self->jwt.issuer.ptr || !self->jwt.audience.ptr)
        return mc_fail(err, MC_NO_MEMORY, "auth: service");
    self->access_ttl_us = or_default(config->access_ttl_s, ACCESS_TTL_S_DEFAULT) * MC_TIME_US_PER_S;
    self->refresh_ttl_us =
        or_default(config->refresh_ttl_s, REFRESH_TTL_S_DEFAULT) * MC_TIME_US_PER_S;
    return MC_OK;
}

static mc_code open_hasher(mc_auth *self, const mc_auth_config *config, mc_err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    mc__hasher_config hasher = {
        .concurrency =
            config->hash_concurrency ? config->hash_concurrency : (cores > 0 ? (uint32_t)cores : 1),
        .wait_us = or_default(config->hash_wait_ms, HASH_WAIT_MS_DEFAULT) * 1000,
        .passes = config->argon2_passes,
        .memory_bytes = config->argon2_memory_bytes,
    };

    return mc__hasher_new(&hasher, &self->hasher, err);
}

static mc_code open_principals(mc_auth *self, const mc_auth_config *config, mc_err *err)
{
    int64_t ttl_ms = or_default(config->principal_ttl_ms, PRINCIPAL_TTL_MS_DEFAULT);
    size_t entries =
        config->principal_entries ? config->principal_entries : PRINCIPAL_ENTRIES_DEFAULT;

    if (ttl_ms < 0)
        return MC_OK;
    return mc__principals_new(entries, ttl_ms * 1000, &self->principals, err);
}

/* ---- life cycle ---- */

mc_code mc_auth_new(const mc_auth_config *config, mc_auth **out, mc_err *err)
{
    mc_auth *self;
    mc_code rc = check_config(config, err);

    if (rc != MC_OK)
        return rc;
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "auth: service");
    self->arena = mc_arena_new(0);
    if (!self->arena) {
        rc = mc_fail(err, MC_NO_MEMORY, "auth: service");
        goto fail;
    }
    rc = copy_config(self, config, err);
    if (rc != MC_OK)
        goto fail;
    rc = mc__keys_new(config->jwt_secret, config->jwt_old_secrets, &self->jwt.keys, err);
    if (rc != MC_OK)
        goto fail;
    rc = open_hasher(self, config, err);
    if (rc != MC_OK)
        goto fail;
    rc = mc__limits_new(&config->limits, &self->limits, err);
    if (rc != MC_OK)
        goto fail;
    rc = open_principals(self, config, err);
    if (rc == MC_OK)
        rc = mc__verified_new(&self->verified, err);
    if (rc != MC_OK)
        goto fail;
    rc = mc__auth_routes_new(self, err);
    if (rc != MC_OK)
        goto fail;
    *out = self;
    return MC_OK;

fail:
    mc_auth_free(self);
    return rc;
}

void mc_auth_free(mc_auth *self)
{
    if (!self)
        return;
    free(self->routes);
    mc__principals_free(self->principals);
    mc__verified_free(self->verified);
    mc__limits_free(self->limits);
    mc__hasher_free(self->hasher);
    mc__keys_free(self->jwt.keys);
    mc_arena_free(self->arena);
    free(self);
}

/* ---- shared by the other files ---- */

mc_code mc__auth_read(mc_auth *self, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return ctx->conn ? fn(ctx->conn, ctx, user, err)
                     : mc_db_read(self->config.db, ctx, fn, user, err);
}

mc_code mc__auth_too_many(mc_ctx *ctx, int64_t wait_us, mc_err *err)
{
    int64_t wait_s = (wait_us + MC_TIME_US_PER_S - 1) / MC_TIME_US_PER_S;

    ctx->retry_after_s = wait_s > 0 ? wait_s : 1;
    return mc_fail(err, MC_TOO_MANY, "Too many attempts: try again in %lld s",
                   (long long)ctx->retry_after_s);
}

/* In ctx's arena, which lives until the commit is answered. */
typedef struct committed {
    mc_db_hook hook;
    mc_auth *self;
    mc_uuid user_id;
} committed;

static void on_commit(mc_db_hook *hook)
{
    committed *c = mc_container_of(hook, committed, hook);

    mc_auth_invalidate_user(c->self, c->user_id);
}

mc_code mc__auth_forget_after_commit(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, mc_uuid user_id,
                                     mc_err *err)
{
    committed *c = mc_arena_object(ctx->arena, committed);

    if (!c)
        return mc_fail(err, MC_NO_MEMORY, "auth: commit");
    *c = (committed){.hook = {.run = on_commit}, .self = self, .user_id = user_id};
    mc_db_after_commit(conn, &c->hook);
    return MC_OK;
}

void mc_auth_invalidate_user(mc_auth *self, mc_uuid user_id)
{
    mc__principals_drop_user(self->principals, user_id);
    if (self->config.on_changed)
        self->config.on_changed(self->config.on_changed_user, user_id, (mc_uuid){{0}});
}
