/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_AUTH_AUTH_H
#define METACORE_AUTH_AUTH_H

/**
 * auth: signing up, signing in, staying in, getting out; and who asks, for every other request.
 *
 * An access token is a JWT that lives for hours, and names a session, a row that can be revoked:
 * signing out, a new password and a disabled account end it at once in this process, and within
 * principal_ttl_ms in others. Role and e-mail are the account's of now, not the token's.
 * A refresh token is opaque, kept only as a hash, and works once: using an old one again ends the
 * session, for somebody has a copy.
 *
 * Guessing is slow (argon2id), counted (by address and account), and tells nothing: an unknown
 * account costs the same as a wrong password.
 *
 * Tables: users (with disabled_at, token_version), organizations, auth_sessions,
 *         auth_setup_tokens.
 * Not here: what somebody may do (permission), threads (host).
 * Threads:  mc_auth is thread-safe once created.
 * Standard: RFC 7519, RFC 7515 (HS256 only), RFC 6750, RFC 9106 (argon2id), RFC 5321 (addresses).
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"

MC_BEGIN_DECLS

#define MC_AUTH_SECRET_MIN 32 /* bytes of the signing secret */
#define MC_AUTH_OLD_SECRETS_MAX 4
#define MC_AUTH_PASSWORD_MIN 8    /* characters */
#define MC_AUTH_PASSWORD_MAX 1024 /* bytes */
#define MC_AUTH_EMAIL_MAX 254     /* bytes */
#define MC_AUTH_NAME_MAX 255      /* characters, of people and organizations */
#define MC_AUTH_TOKEN_MAX 4096    /* bytes of a token that is looked at */
#define MC_AUTH_USERS_MAX 100000  /* rows of one listing */
#define MC_AUTH_ROLE_OWNER "owner"

typedef struct mc_auth mc_auth;

typedef struct mc_auth_user {
    mc_uuid id;
    mc_uuid organization_id;
    mc_uuid created_by_id; /* nil: nobody, omitted from JSON */
    mc_time created_at;
    mc_time updated_at;
    mc_str name;
    mc_str email;
    mc_str role;
    mc_str avatar;
    mc_time last_login_at; /* 0: never */
    bool is_disabled;      /* never in JSON for strangers */
} mc_auth_user;

typedef struct mc_auth_users {
    const mc_auth_user *items;
    size_t count;
} mc_auth_users;

typedef struct mc_auth_org {
    mc_uuid id;
    mc_uuid organization_id;
    mc_uuid created_by_id;
    mc_time created_at;
    mc_time updated_at;
    mc_str name;
    mc_str slug;
    mc_str country;
    mc_str currency;
    mc_str timezone;
    mc_str logo;
} mc_auth_org;

/** What signing in gives; text in the ctx's arena. */
typedef struct mc_auth_grant {
    mc_auth_user user;
    mc_auth_org organization; /* .id nil: the user has none */
    mc_str token;
    mc_str refresh_token;
    mc_time expires_at; /* of token */
} mc_auth_grant;

/** How often is too often. 0: the default; negative: no limit. */
typedef struct mc_auth_limits {
    int32_t login_failures_per_minute;    /* per account and address; 10 */
    int32_t login_failures_per_minute_ip; /* per address; 30 */
    int32_t login_failures_per_hour;      /* per account, from anywhere; 100 */
    int32_t lock_after_failures;          /* in a row, per account and address: then 2, 4, 8 …
                                             seconds, at most 15 minutes; 5 */
    int32_t registers_per_hour;           /* per address; 5 */
    int32_t refreshes_per_minute;         /* per address; 60 */
    uint32_t table_entries;               /* counters kept; 16384 */
} mc_auth_limits;

/** Runs inside the transaction: ctx->conn is conn, ctx->who the new user. Its failure undoes all.
 */
typedef mc_code (*mc_auth_hook)(void *user, mc_db_conn *conn, mc_ctx *ctx,
                                const mc_auth_user *account, const mc_auth_org *organization,
                                mc_err *err);

/** Zero is "the default" in every field. */
typedef struct mc_auth_config {
    uint32_t struct_size;
    mc_db *db;               /* required; borrowed */
    mc_str jwt_secret;       /* required; at least MC_AUTH_SECRET_MIN bytes; copied, wiped */
    mc_strs jwt_old_secrets; /* still verify, no longer sign; same rule; copied */
    mc_str issuer;           /* copied; empty: "metacore" */
    mc_str audience;         /* copied; empty: none is set or asked for */
    int64_t access_ttl_s;    /* 0: 24 hours, for the browser packages never refresh */
    int64_t refresh_ttl_s;   /* 0: 30 days, from the last use */
    bool registration_open;
    mc_auth_limits limits;
    uint32_t hash_concurrency;  /* password hashes at a time; 0: one per core */
    int64_t hash_wait_ms;       /* for a free place, then LIMIT; 0: 2000 */
    uint32_t argon2_passes;     /* 0: 2 */
    size_t argon2_memory_bytes; /* 0: 19 MiB */
    size_t principal_entries;   /* sessions kept in memory; 0: 4096 */
    int64_t principal_ttl_ms;   /* 0: 30000, negative: asked anew each time */
    mc_clock clock;
    /** The address that limits count; NULL: the connection's. Text outlives the request. */
    mc_str (*client_ip)(void *user, const mc_http_req *req);
    void *client_ip_user;
    mc_auth_hook post_login;
    void *post_login_user;
    mc_auth_hook post_register;
    void *post_register_user;
    /** A new organization, in its transaction; before post_register. */
    mc_code (*on_org_created)(void *user, mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id,
                              mc_err *err);
    void *on_org_created_user;
    /** What a session, or (session nil) every session of a user, stands for is different now: it is
     *  over, or the account changed. user nil: whose session it was is not known. Told when reload
     *  already answers so; queue and return. */
    void (*on_changed)(void *user, mc_uuid user_id, mc_uuid session_id);
    void *on_changed_user;
} mc_auth_config;
#define MC_AUTH_CONFIG .struct_size = sizeof(mc_auth_config)

/** Errors: INVALID: no db, a secret that is too short. NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_auth_new(const mc_auth_config *config, mc_auth **out, mc_err *err);
MC_API void mc_auth_free(mc_auth *self);

/**
 * Rows for the router: POST /auth/login, /auth/register, /auth/refresh, /auth/setup, /auth/logout
 * and GET /auth/me. Borrowed; for self's life.
 */
MC_API const mc_http_route *mc_auth_routes(mc_auth *self, size_t *out_count);

/* ---- who asks ---- */

/**
 * Verifies req's token and fills req->ctx.who; the account is asked for on ctx.conn when it is
 * not cached.
 *
 * The token is the Authorization header's ("Bearer x", or its whole value); "?token=" counts only
 * on a route with MC_HTTP_QUERY_TOKEN, without that header. A user without organization is
 * refused, but on a route with MC_HTTP_NO_ORG.
 * Errors  UNAUTHENTICATED: "Invalid or expired token" when it is missing, expired or revoked,
 *         "Unauthorized" when it is none of ours. The database's, INTERRUPTED among them.
 */
MC_API MC_MUST_USE mc_code mc_auth_authenticate(mc_auth *self, mc_http_req *req, mc_err *err);

/** The query parameter that route takes a token from, or empty; route may be NULL. */
MC_API mc_str mc_auth_query_token(const mc_http_route *route);

/** The same for a token from elsewhere; fills ctx->who. out_expires_at may be NULL. */
MC_API MC_MUST_USE mc_code mc_auth_authenticate_token(mc_auth *self, mc_ctx *ctx, mc_str token,
                                                      mc_time *out_expires_at, mc_err *err);

/** ctx->who, by its user, organization and session, as it is now: role and e-mail are set anew.
 *  Errors: UNAUTHENTICATED "Invalid or expired token" when the session is over. The database's. */
MC_API MC_MUST_USE mc_code mc_auth_reload(mc_auth *self, mc_ctx *ctx, mc_err *err);

/** Forgets what is cached of a user, whose row was changed past this service. */
MC_API void mc_auth_invalidate_user(mc_auth *self, mc_uuid user_id);

/* ---- signing up, in and out ---- */

/*
 * All may block, and none runs on the writer. With TOO_MANY and LIMIT ctx->retry_after_s says when
 * it is worth another try.
 */

typedef struct mc_auth_signup {
    mc_str name;
    mc_str email;
    mc_str password;
    mc_str organization_name; /* empty: "<name>'s Organization" */
} mc_auth_signup;

/**
 * A new organization and its owner, at once or not at all.
 *
 * ip      for the limits; empty: not counted
 * Errors  FORBIDDEN: registration is closed. INVALID "Required fields missing".
 *         REJECTED with field errors: password policy, no address, too long.
 *         CONFLICT "User already exists". TOO_MANY. LIMIT: too many hashes at a time. A hook's.
 */
MC_API MC_MUST_USE mc_code mc_auth_register(mc_auth *self, mc_ctx *ctx, const mc_auth_signup *in,
                                            mc_str ip, mc_auth_grant *out, mc_err *err);

/** Errors: UNAUTHENTICATED "Invalid credentials", whatever was wrong. TOO_MANY, LIMIT, INVALID. */
MC_API MC_MUST_USE mc_code mc_auth_login(mc_auth *self, mc_ctx *ctx, mc_str email, mc_str password,
                                         mc_str ip, mc_auth_grant *out, mc_err *err);

/** A new pair for a refresh token, which is used up. Errors: UNAUTHENTICATED, TOO_MANY. */
MC_API MC_MUST_USE mc_code mc_auth_refresh(mc_auth *self, mc_ctx *ctx, mc_str refresh_token,
                                           mc_str ip, mc_auth_grant *out, mc_err *err);

/** Ends ctx's session, its refresh token included. */
MC_API MC_MUST_USE mc_code mc_auth_logout(mc_auth *self, mc_ctx *ctx, mc_err *err);

/** ctx's user. Errors: UNAUTHENTICATED; NOT_FOUND "auth: user not found". */
MC_API MC_MUST_USE mc_code mc_auth_load_me(mc_auth *self, mc_ctx *ctx, mc_auth_user *out,
                                           mc_err *err);

/* ---- the first user ---- */

/**
 * A secret for one call of mc_auth_setup within 24 hours; earlier ones stop working.
 * Errors  CONFLICT: there are users already.
 */
MC_API MC_MUST_USE mc_code mc_auth_create_setup_token(mc_auth *self, mc_ctx *ctx, mc_str *out_token,
                                                      mc_err *err);

/** As mc_auth_register, also when registration is closed. Errors: FORBIDDEN: token, or users. */
MC_API MC_MUST_USE mc_code mc_auth_setup(mc_auth *self, mc_ctx *ctx, mc_str setup_token,
                                         const mc_auth_signup *in, mc_str ip, mc_auth_grant *out,
                                         mc_err *err);

/* ---- for hosts and the command line; all may block, none asks who ctx is ---- */

typedef struct mc_auth_new_user {
    mc_str email;        /* required */
    mc_str name;         /* empty: the address up to '@' */
    mc_str password;     /* required */
    mc_str organization; /* id, slug or name; unknown names are created; empty: a new one */
    mc_str role;         /* empty: owner of a new organization, else agent */
} mc_auth_new_user;

/** Errors: as mc_auth_register; INVALID: role; NOT_FOUND: an organization's id. */
MC_API MC_MUST_USE mc_code mc_auth_create_user(mc_auth *self, mc_ctx *ctx,
                                               const mc_auth_new_user *in, mc_auth_user *out,
                                               mc_err *err);

/** By id, slug or name, in this order. Errors: NOT_FOUND; CONFLICT: a name that several bear. */
MC_API MC_MUST_USE mc_code mc_auth_find_org(mc_auth *self, mc_ctx *ctx, mc_str id_slug_or_name,
                                            mc_auth_org *out, mc_err *err);
/** As above, and creates it when it is no id and not there. out_created may be NULL. */
MC_API MC_MUST_USE mc_code mc_auth_find_or_create_org(mc_auth *self, mc_ctx *ctx,
                                                      mc_str id_slug_or_name, mc_auth_org *out,
                                                      bool *out_created, mc_err *err);

/** Errors: NOT_FOUND "auth: user not found". */
MC_API MC_MUST_USE mc_code mc_auth_find_user(mc_auth *self, mc_ctx *ctx, mc_str email,
                                             mc_auth_user *out, mc_err *err);
/** Of one organization, or (nil) of all; by e-mail. */
MC_API MC_MUST_USE mc_code mc_auth_list_users(mc_auth *self, mc_ctx *ctx, mc_uuid org_id,
                                              mc_auth_users *out, mc_err *err);
MC_API MC_MUST_USE mc_code mc_auth_count_users(mc_auth *self, mc_ctx *ctx, int64_t *out,
                                               mc_err *err);
/* Each ends the user's sessions at once, but set_role, which changes what they may do. */
MC_API MC_MUST_USE mc_code mc_auth_set_password(mc_auth *self, mc_ctx *ctx, mc_uuid user_id,
                                                mc_str password, mc_err *err);
MC_API MC_MUST_USE mc_code mc_auth_set_disabled(mc_auth *self, mc_ctx *ctx, mc_uuid user_id,
                                                bool is_disabled, mc_err *err);
MC_API MC_MUST_USE mc_code mc_auth_set_role(mc_auth *self, mc_ctx *ctx, mc_uuid user_id,
                                            mc_str role, mc_err *err);

/* ---- writing ---- */

/** The user as clients see it: the base row, name, email, role, avatar?, last_login_at?. */
MC_API void mc_auth_user_write(mc_buf *out, const mc_auth_user *user);
MC_API void mc_auth_org_write(mc_buf *out, const mc_auth_org *org);

MC_END_DECLS
#endif
