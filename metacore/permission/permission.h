/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_PERMISSION_PERMISSION_H
#define METACORE_PERMISSION_PERMISSION_H

/**
 * permission: who holds which capability, per organization, and the one place that says no.
 *
 * A capability is "resource.action": the resource in lower case, the action as it is. Somebody
 * holds what was granted to his role or to himself in his organization. "*" covers everything,
 * "users.*" every action on users and nothing below another resource; read and index are one
 * action under two names, so either answers for both. A super role (owner) holds everything
 * without a lookup.
 *
 * What somebody holds is cached, bounded and least recently used out first: a grant or revoke
 * through this service takes effect at once in this process and within cache_ttl_ms in others.
 * A store that fails is an error, never a permission.
 *
 * Not here: who somebody is (auth), HTTP.
 * Threads:  mc_permission is thread-safe once created.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"
#include "metacore/db/db.h"

MC_BEGIN_DECLS

#define MC_CAPABILITY_MAX 255           /* bytes */
#define MC_ROLE_MAX 50                  /* bytes */
#define MC_PERMISSION_HELD_MAX 4096     /* capabilities of one principal */
#define MC_PERMISSION_GRANTS_MAX 100000 /* rows of one listing */

typedef struct mc_permission mc_permission;

/** One row: to a role, or (user_id not nil) to one user; always within one organization. */
typedef struct mc_permission_grant {
    mc_uuid org_id;
    mc_str role; /* lower case; empty when user_id is set */
    mc_uuid user_id;
    mc_str capability;
} mc_permission_grant;

typedef struct mc_permission_grants {
    const mc_permission_grant *items;
    size_t count;
} mc_permission_grants;

/**
 * What permission asks of storage. Implementations are thread-safe. Roles and capabilities arrive
 * normalised. conn is the caller's transaction, or NULL: the store opens its own.
 */
typedef struct mc_permission_store_vt {
    uint32_t struct_size;
    /**
     * Required. The capabilities of role and of user in org, from ctx's arena; an unknown role
     * holds nothing. Reads on ctx->conn when that is set.
     */
    mc_code (*load)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_uuid user_id, mc_str role,
                    mc_strs *out, mc_err *err);
    /** Optional (then NOT_PROVIDED). Granting twice, or revoking what is not held, is MC_OK. */
    mc_code (*grant)(void *self, mc_db_conn *conn, mc_ctx *ctx, const mc_permission_grant *grant,
                     mc_err *err);
    mc_code (*revoke)(void *self, mc_db_conn *conn, mc_ctx *ctx, const mc_permission_grant *grant,
                      mc_err *err);
    /** Optional. Every grant of org, in ctx's arena: roles first, then users, sorted. */
    mc_code (*list)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_permission_grants *out,
                    mc_err *err);
    void (*free)(void *self); /* optional */
} mc_permission_store_vt;

typedef struct mc_permission_store { /* by value */
    const mc_permission_store_vt *vt;
    void *self;
} mc_permission_store;

/** The tables permission_role_grants and permission_user_grants; db is borrowed. */
MC_API MC_MUST_USE mc_code mc_permission_store_sql_new(mc_db *db, mc_permission_store *out,
                                                       mc_err *err);
/** In memory, for embedding and tests. conn and transactions mean nothing to it. */
MC_API MC_MUST_USE mc_code mc_permission_store_memory_new(mc_permission_store *out, mc_err *err);

/** Zero is "the default" in every field. */
typedef struct mc_permission_config {
    uint32_t struct_size;
    mc_permission_store store; /* required; taken also on failure, freed by mc_permission_free */
    mc_strs super_roles;       /* copied; none: {"owner"} */
    size_t cache_entries;      /* 0: 4096 */
    int64_t cache_ttl_ms;      /* 0: 30000, negative: no cache */
    mc_clock clock;
} mc_permission_config;
#define MC_PERMISSION_CONFIG .struct_size = sizeof(mc_permission_config)

MC_API MC_MUST_USE mc_code mc_permission_new(const mc_permission_config *config,
                                             mc_permission **out, mc_err *err);
MC_API void mc_permission_free(mc_permission *self);

/* ---- asking ---- */

/**
 * MC_OK when ctx's principal holds capability. A cached answer allocates nothing.
 *
 * Errors  UNAUTHENTICATED: no user or no organization.
 *         FORBIDDEN: 'permission: denied: missing capability "x"'. The store's, as they are.
 */
MC_API MC_MUST_USE mc_code mc_permission_check(mc_permission *self, mc_ctx *ctx, mc_str capability,
                                               mc_err *err);
/** At least one of them; none asked is MC_OK for somebody. "permission: denied: missing any of [a
 * b]" */
MC_API MC_MUST_USE mc_code mc_permission_check_any(mc_permission *self, mc_ctx *ctx,
                                                   mc_strs capabilities, mc_err *err);
/** All of them; names the first that is missing: 'permission: denied: missing "x"'. */
MC_API MC_MUST_USE mc_code mc_permission_check_all(mc_permission *self, mc_ctx *ctx,
                                                   mc_strs capabilities, mc_err *err);
/** <resource>.<action> without building the text first. */
MC_API MC_MUST_USE mc_code mc_permission_check_action(mc_permission *self, mc_ctx *ctx,
                                                      mc_str resource, mc_str action, mc_err *err);

/** What ctx's principal holds, sorted, read and index both named; {"*"} for a super role. */
MC_API MC_MUST_USE mc_code mc_permission_list(mc_permission *self, mc_ctx *ctx, mc_strs *out,
                                              mc_err *err);

/** Whether role (any case, trimmed) is a super role. */
MC_API bool mc_permission_is_super_role(const mc_permission *self, mc_str role);

/* ---- granting ---- */

/*
 * On a thread that may block: each is a write transaction of its own, effective when it returns.
 * Errors  INVALID: empty or too long role or capability, nil organization or user.
 *         NOT_PROVIDED: the store cannot.
 */
MC_API MC_MUST_USE mc_code mc_permission_grant_role(mc_permission *self, mc_ctx *ctx,
                                                    mc_uuid org_id, mc_str role, mc_str capability,
                                                    mc_err *err);
MC_API MC_MUST_USE mc_code mc_permission_grant_user(mc_permission *self, mc_ctx *ctx,
                                                    mc_uuid org_id, mc_uuid user_id,
                                                    mc_str capability, mc_err *err);
MC_API MC_MUST_USE mc_code mc_permission_revoke_role(mc_permission *self, mc_ctx *ctx,
                                                     mc_uuid org_id, mc_str role, mc_str capability,
                                                     mc_err *err);
MC_API MC_MUST_USE mc_code mc_permission_revoke_user(mc_permission *self, mc_ctx *ctx,
                                                     mc_uuid org_id, mc_uuid user_id,
                                                     mc_str capability, mc_err *err);

/** The same within the transaction that conn is in: effective with its commit. conn NULL: above. */
MC_API MC_MUST_USE mc_code mc_permission_grant_in(mc_permission *self, mc_db_conn *conn,
                                                  mc_ctx *ctx, const mc_permission_grant *grant,
                                                  mc_err *err);
MC_API MC_MUST_USE mc_code mc_permission_revoke_in(mc_permission *self, mc_db_conn *conn,
                                                   mc_ctx *ctx, const mc_permission_grant *grant,
                                                   mc_err *err);

/** Every grant of org, in ctx's arena: roles first, then users, sorted. */
MC_API MC_MUST_USE mc_code mc_permission_list_grants(mc_permission *self, mc_ctx *ctx,
                                                     mc_uuid org_id, mc_permission_grants *out,
                                                     mc_err *err);

/** Forgets what is cached: what was granted elsewhere takes effect now. */
MC_API void mc_permission_invalidate(mc_permission *self);
/** Grows with each grant, revoke and invalidate, once an answer may be another. */
MC_API uint64_t mc_permission_version(const mc_permission *self);

/* ---- capabilities ---- */

/** "resource.action": both trimmed, the resource in lower case; one empty: the other alone. */
MC_API mc_str mc_capability(mc_arena *arena, mc_str resource, mc_str action);

/** Whether holding held answers for wanted; resources are compared without ASCII case. */
MC_API bool mc_capability_covers(mc_str held, mc_str wanted);

MC_END_DECLS
#endif
